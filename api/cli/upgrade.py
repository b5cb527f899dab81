"""The database's shape: bringing it up to this code, and comparing it."""

from functools import partial

import sqlalchemy as sa

import migrations
from api.cli.embedded import EmbeddedFile
from api.cli.house import engine_of, must_encrypt, must_fit, opened
from api.cli.library import load_into
from api.cli.say import FOUND, OK, PROGRAM, Answer, Trouble
from api.keys import CHECKPOINT, lacks_checkpoint_key, make_checkpoint_key, open_vault
from api.settings import Settings
from migrations import Fit
from models.access import PLATFORM, Actor, Kind
from models.agency import agency_ids
from models.database import Database
from models.ledger import state


def upgrade() -> Answer:
    """Migrate as the owner role, then bring the template library in."""
    settings = Settings()
    done = migrate(settings)
    lines = [f"The database fits this code; {_words(done)}.", *(made_line(made) for made in done["made"])]
    return Answer({"database": "fits", **done}, lines)


def migrate(settings: Settings) -> dict[str, list[str]]:
    """Bring the database to the shape of this code (two at once wait for each other) and load the library."""
    made = _complete_keys(settings)
    vault = open_vault(settings)
    must_encrypt(settings, settings.owner_url())
    if file := EmbeddedFile.of(settings.app_url()):
        file.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with opened(settings.owner_url(), vault) as database:
        if migrations.fit(database.engine) is Fit.AHEAD:
            must_fit(database.engine)
        older = _older_than_vouching(database.engine)
        migrations.upgrade(database.engine)
        if older:
            vouch_for_all(database)
        return {"added": load_into(database, settings.content_dir).added, "made": made}


def _older_than_vouching(engine: sa.Engine) -> bool:
    """Whether there are agencies whose ledgers never said who may see what."""
    there = sa.inspect(engine)
    return there.has_table("agencies") and not there.has_table("walls")


def vouch_for_all(database: Database) -> int:
    """Have every agency's ledger say who may see what, as it stands. Returns how many rows that were."""
    command = partial(Actor.system, kind=Kind.COMMAND)
    ids = database.transact(command(PLATFORM), agency_ids)
    return sum(state.vouch_for_all(partial(database.transact, command(agency_id))) for agency_id in ids)


def made_line(made: str) -> str:
    """What an operator has to know of a key file that was just made."""
    return f"Made {made}: it signs the ledger's checkpoints. Back it up to another place than the database."


def _complete_keys(settings: Settings) -> list[str]:
    """An installation older than checkpoints gets the key that signs them, once; returns the files made."""
    if not lacks_checkpoint_key(settings):
        return []
    try:
        return [make_checkpoint_key(settings)]
    except OSError:
        raise Trouble(
            f"There is no {settings.keys / CHECKPOINT} yet, and its folder cannot be written here",
            "Checkpoints of the ledger cannot be signed without it",
            f"{PROGRAM} keys new --checkpoint, where the folder can be written",
        ) from None


def check() -> Answer:
    """Whether the database has the shape this code was written for: exit 0 or 1."""
    settings = Settings()
    if file := EmbeddedFile.of(settings.app_url()):
        file.must_exist()
    with engine_of(settings.app_url()) as engine:
        fit = migrations.fit(engine)
    line = {
        Fit.FITS: "The database fits this code.",
        Fit.EMPTY: f"The database is empty. Next: {PROGRAM} db upgrade",
        Fit.BEHIND: f"The database is older than this code. Next: {PROGRAM} db backup && {PROGRAM} db upgrade",
        Fit.AHEAD: "The database was made by a newer version of Waypost. Next: install that version again",
    }
    return Answer({"fit": fit.value}, [line[fit]], OK if fit is Fit.FITS else FOUND)


def _words(done: dict[str, list[str]]) -> str:
    added = done["added"]
    return f"{len(added)} of the library's texts were new" if added else "the library was up to date"
