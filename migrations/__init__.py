"""The database's shape over time: bringing it up, and telling whether it fits this code."""

from enum import StrEnum
from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

FOLDER = Path(__file__).parent


class Fit(StrEnum):
    """How a database stands to this code."""

    FITS = "fits"
    EMPTY = "empty"
    BEHIND = "behind"
    AHEAD = "ahead"


def config(connection: sa.Connection | None = None) -> Config:
    """Alembic's settings; with a connection, migrations run on it."""
    made = Config(toml_file=FOLDER.parent / "pyproject.toml")
    made.set_main_option("script_location", str(FOLDER))
    made.attributes["connection"] = connection
    return made


def upgrade(engine: sa.Engine, revision: str = "head") -> None:
    """Bring the database up to this code, or to a revision. Two at once wait for each other."""
    with engine.connect() as connection:
        command.upgrade(config(connection), revision)


def downgrade(engine: sa.Engine, revision: str = "base") -> None:
    """Take migrations back, with what they held. For tests and emergencies."""
    with engine.connect() as connection:
        command.downgrade(config(connection), revision)


def fit(engine: sa.Engine) -> Fit:
    """Whether the database's revision is the one this code was written for."""
    with engine.connect() as connection:
        return fit_of(connection)


def fit_of(connection: sa.Connection) -> Fit:
    """The same, on a connection in use."""
    scripts = ScriptDirectory.from_config(config())
    current = MigrationContext.configure(connection).get_current_revision()
    if current is None:
        return Fit.EMPTY
    if current == scripts.get_current_head():
        return Fit.FITS
    known = {script.revision for script in scripts.walk_revisions()}
    return Fit.BEHIND if current in known else Fit.AHEAD
