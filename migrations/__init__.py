"""The database's shape over time: bringing it up, and telling whether it fits this code."""

from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import sqlalchemy as sa

if TYPE_CHECKING:
    from alembic.config import Config

FOLDER = Path(__file__).parent


class Fit(StrEnum):
    """How a database stands to this code."""

    FITS = "fits"
    EMPTY = "empty"
    BEHIND = "behind"
    AHEAD = "ahead"


def config(connection: sa.Connection | None = None) -> "Config":
    """Alembic's settings; with a connection, migrations run on it."""
    from alembic.config import Config  # only who migrates needs it: 10 MiB, a tenth of a second

    made = Config(toml_file=FOLDER.parent / "pyproject.toml")
    made.set_main_option("script_location", str(FOLDER))
    made.attributes["connection"] = connection
    return made


def upgrade(engine: sa.Engine, revision: str = "head") -> None:
    """Bring the database up to this code, or to a revision. Two at once wait for each other."""
    from alembic import command

    with engine.connect() as connection:
        command.upgrade(config(connection), revision)


def upgrade_on(connection: sa.Connection, revision: str = "head") -> None:
    """The same inside a transaction of the caller's: nothing is kept unless that is committed."""
    from alembic import command

    command.upgrade(config(connection), revision)


def downgrade(engine: sa.Engine, revision: str = "base") -> None:
    """Take migrations back, with what they held. For tests and emergencies."""
    from alembic import command

    with engine.connect() as connection:
        command.downgrade(config(connection), revision)


def fit(engine: sa.Engine) -> Fit:
    """Whether the database's revision is the one this code was written for."""
    with engine.connect() as connection:
        return fit_of(connection)


def fit_of(connection: sa.Connection) -> Fit:
    """The same, on a connection in use."""
    if not sa.inspect(connection).has_table("alembic_version"):
        return Fit.EMPTY
    current = connection.exec_driver_sql("select version_num from alembic_version").scalar()
    if current is None:
        return Fit.EMPTY
    if current == revisions()[-1]:
        return Fit.FITS
    return Fit.BEHIND if current in revisions() else Fit.AHEAD


@cache
def revisions() -> tuple[str, ...]:
    """Every revision in order. `make migration` numbers their files, so their names tell."""
    return tuple(sorted(file.name.partition("_")[0] for file in (FOLDER / "versions").glob("[0-9]*_*.py")))
