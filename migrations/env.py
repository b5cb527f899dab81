"""Runs migrations: under a lock, with short waits, and with column types written as the databases store them."""

from typing import Any, Literal

import sqlalchemy as sa
from alembic import context
from alembic.autogenerate.api import AutogenContext
from sqlmodel import SQLModel
from sqlmodel.sql.sqltypes import AutoString

import models  # noqa: F401 - makes every table known
from models.base import ID, INSTANT

LOCK = 7241930518  # any number, the same on every server: one migration at a time
PATIENCE = "5s"


def render(kind: str, item: Any, _: AutogenContext) -> str | Literal[False]:
    """Types of our own are named after migrations.types, so that a migration never changes with the models."""
    if kind != "type":
        return False
    names = {id(ID): "types.ID", id(INSTANT): "types.INSTANT"}
    if name := names.get(id(item)):
        return name
    if isinstance(item, sa.Enum):
        return f"sa.String(length={item.length})"
    if isinstance(item, AutoString):
        return "sa.String()"
    return False


def same_type(_: Any, __: Any, stored: Any, wanted: Any, ___: Any) -> bool | None:
    """Enums are stored as text, and the SQLite forms of our types reflect as what they are there."""
    if isinstance(wanted, sa.Enum) and isinstance(stored, sa.String):
        return False
    if wanted in (ID, INSTANT) and isinstance(stored, sa.LargeBinary | sa.BigInteger):
        return False
    return None


def run(connection: sa.Connection) -> None:
    """Migrate on this connection; everything or nothing."""
    embedded = connection.dialect.name == "sqlite"
    context.configure(
        connection=connection,
        target_metadata=SQLModel.metadata,
        render_item=render,
        compare_type=same_type,
        render_as_batch=embedded,
        transaction_per_migration=False,
    )
    with context.begin_transaction():
        if not embedded:
            connection.execute(sa.text("select set_config('lock_timeout', :wait, true)"), {"wait": PATIENCE})
            connection.execute(sa.text("select pg_advisory_xact_lock(:lock)"), {"lock": LOCK})
        context.run_migrations()


def main() -> None:
    """On the connection handed over, or (alembic on the command line) on the one the settings name."""
    connection = context.config.attributes.get("connection")
    if connection is not None:
        run(connection)
        return
    from api.settings import Settings
    from models.engine import make_engine

    with make_engine(Settings().owner_url()).connect() as opened:
        run(opened)


main()
