"""Keys, ledger and contract: making the keys, looking at them, verifying the logs, printing the OpenAPI document."""

import tempfile
from pathlib import Path
from typing import Any
from uuid import UUID

from api.cli.embedded import EmbeddedFile
from api.cli.house import House, open_house, opened
from api.cli.say import FOUND, OK, PROGRAM, Answer, Trouble, bar
from api.keys import ROOT, SERVICE, make_keys, open_vault
from api.settings import Environment, Settings
from models.access import PLATFORM
from models.ledger import book
from models.ledger.action import Action
from models.ledger.book import Verdict
from models.workspace import Workspace


def new_keys(service: str) -> Answer:
    """Make the key files of a new installation, the root key in a key service."""
    settings = Settings()
    file = EmbeddedFile.of(settings.app_url()) if settings.database_url is None else None
    if file and file.path.exists():
        raise Trouble(
            f"There is a database already ({file.path})",
            "New keys could open nothing in it and would hide that its own are missing",
            f"restore the key files into {settings.keys} from their backup",
        )
    make_keys(settings, root_in=service)
    made = [str(settings.keys / name) for name in (ROOT, SERVICE)]
    lines = [
        *(f"made {name}" for name in made),
        "Back them up to another place than the database. Next: " + f"{PROGRAM} db upgrade",
    ]
    return Answer({"made": made}, lines)


def verify_ledgers(agency: str | None) -> Answer:
    """Recompute the logs of the platform and of every agency, or of one: exit 1 when an entry is not what it was."""
    with open_house() as house:
        wanted = [house.agency(agency).agency_id] if agency else [PLATFORM, *(a.agency_id for a in house.agencies())]
        with bar("Verifying the ledgers", len(wanted)) as done:
            verdicts = []
            for agency_id in wanted:
                verdicts.append(_verify(house, agency_id))
                done(1)
    data = [
        {"agency": str(v.agency_id), "size": v.size, "root": v.root, "faults": v.faults, "remarks": v.remarks}
        for v in verdicts
    ]
    lines = [line for verdict in verdicts for line in _spoken(verdict)]
    sound = not any(v.faults for v in verdicts)
    return Answer({"sound": sound, "ledgers": data}, lines, OK if sound else FOUND)


def _verify(house: House, agency_id: UUID) -> Verdict:
    """One log; that it was verified is itself an entry, in a transaction of its own."""
    verdict = house.within(agency_id, book.verify)

    def note(db: Workspace) -> None:
        db.note(Action.AUDIT_VERIFIED, "ledger_heads", [])

    house.within(agency_id, note)
    return verdict


def _spoken(verdict: Verdict) -> list[str]:
    name = "platform" if verdict.agency_id == PLATFORM else str(verdict.agency_id)
    found = f"{len(verdict.faults)} faults" if verdict.faults else f"sound (root {verdict.root[:16]}…)"
    more = [*(f"  fault: {f}" for f in verdict.faults), *(f"  remark: {r}" for r in verdict.remarks)]
    return [f"{name}: {verdict.size} entries, {found}", *more]


def contract() -> bytes:
    """The OpenAPI document; it needs neither keys nor database of this installation."""
    from api.app import create_app
    from api.openapi import document

    with tempfile.TemporaryDirectory() as folder:
        settings: Any = Settings(env=Environment.TEST, data_dir=Path(folder), keys_dir=None, database_url=None)
        make_keys(settings)
        with opened("sqlite://", open_vault(settings)) as database:
            return document(create_app(settings, database))
