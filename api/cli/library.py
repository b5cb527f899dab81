"""The words of the library: checking the files, and bringing them into the database."""

from pathlib import Path

from api.cli.house import open_house
from api.cli.say import FOUND, Answer, bar
from api.settings import Settings
from models import library
from models.access import PLATFORM, Actor, Kind
from models.content import ContentError, load_library
from models.database import Database
from models.ledger import book
from models.library import Loaded
from models.workspace import Workspace


def lint() -> Answer:
    """Whether every file of words is as it must be: exit 0 or 1, each fault as `file:line: path: what`."""
    try:
        found = load_library(Settings().content_dir)
    except ContentError as error:
        return Answer({"sound": False, "faults": error.lines}, error.lines, FOUND)
    versions = sum(len(numbers) for numbers in found.templates.values())
    data = {"sound": True, "faults": [], "templates": versions, "jurisdictions": len(found.jurisdictions)}
    return Answer(data, [f"{versions} template versions and {len(found.jurisdictions)} jurisdictions: no fault."])


def load() -> Answer:
    """Bring the library's files into the database: all of them or, when one has a fault, none (exit 1)."""
    try:
        with open_house() as house:
            done = load_into(house.database, house.settings.content_dir)
    except ContentError as error:
        kept = "The library in the database stays as it was."
        return Answer({"added": [], "faults": error.lines}, [*error.lines, kept], FOUND)
    lines = [*(f"added: {name}" for name in done.added), f"{done.unchanged} unchanged."]
    return Answer({"added": done.added, "unchanged": done.unchanged, "faults": []}, lines)


def load_into(database: Database, folder: Path) -> Loaded:
    """Read the folder and bring the platform's rows up to it in one transaction. Raises ContentError."""
    with bar("Loading the library", 2) as done:
        content = load_library(folder)
        done(1)

        def work(db: Workspace) -> Loaded:
            book.open_log(db)
            return library.load(db, content)

        loaded = database.transact(Actor.system(PLATFORM, kind=Kind.COMMAND), work)
        done(1)
    return loaded
