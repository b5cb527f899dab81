"""Column types as migrations write them: frozen here, so that an old migration means tomorrow what it meant today."""

import sqlalchemy as sa

ID = sa.Uuid().with_variant(sa.LargeBinary(16), "sqlite")
INSTANT = sa.DateTime(timezone=True).with_variant(sa.BigInteger(), "sqlite")
