"""Integrations from the machine itself: seeing them, and stopping one when nobody can sign in."""

from typing import Any
from uuid import UUID

from api.cli.house import open_house
from api.cli.say import PROGRAM, Answer, Trouble
from models.errors import NotFound
from models.integration import Integration, integrations_of, secrets_of
from models.ledger.action import Action
from models.workspace import Workspace

MOST = 10_000


def list_all(agency: str | None) -> Answer:
    """Every integration of one agency, or of all."""
    with open_house() as house:
        agencies = [house.agency(agency)] if agency else house.agencies()
        found = [row for one in agencies for row in house.within(one.agency_id, _rows)]
    lines = [f"{r['id']}  {r['state']:<9}  {r['last_used_at'] or 'never used'}  {r['recipient']}" for r in found]
    return Answer({"integrations": found}, lines or ["There is no integration."])


def suspend(wanted: UUID) -> Answer:
    """Stop one, whosever it is."""
    with open_house() as house:
        for one in house.agencies():
            if house.within(one.agency_id, lambda db: _stopped(db, wanted)):
                said = "Suspended: nothing more for it, whatever tokens it holds."
                return Answer({"id": str(wanted), "state": "suspended"}, [said])
    raise Trouble("There is no such integration", "Nothing was changed", f"{PROGRAM} integration list")


def _rows(db: Workspace) -> list[dict[str, Any]]:
    rows = integrations_of(db, MOST, None)
    db.note(Action.INTEGRATION_LISTED, "integrations", [row.id for row in rows])
    return [_row(db, row) for row in rows]


def _row(db: Workspace, row: Integration) -> dict[str, Any]:
    used = [secret.last_used_at for secret in secrets_of(db, row.id) if secret.last_used_at]
    over = row.expires_at is not None and row.expires_at <= db.now
    return {
        "id": str(row.id),
        "agency_id": str(db.agency_id),
        "recipient": row.recipient,
        "state": "suspended" if row.suspended_at else "over" if over else "active",
        "last_used_at": max(used).isoformat(timespec="seconds") if used else None,
    }


def _stopped(db: Workspace, wanted: UUID) -> bool:
    try:
        db.claim(Integration, wanted).suspend(db)
    except NotFound:
        return False
    return True
