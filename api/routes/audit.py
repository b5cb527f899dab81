"""The ledger, for those who check: who did and saw what, without a value in it."""

from datetime import datetime
from functools import partial
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import Field

from api import paging
from api.door import Door
from api.gate import Can
from api.paging import Page
from api.shapes import Filter, Out
from models.access import Permission
from models.hidden import shown
from models.ledger.action import Action
from models.ledger.finding import search
from models.workspace import Workspace

router = APIRouter(prefix="/audit-events", tags=["ledger"], route_class=Door)


class AuditFilter(Filter):
    """Which entries. `after` is a sequence number: entries behind it."""

    subject: UUID | None = None
    """Entries about this row or this client."""
    actor: UUID | None = None
    action: list[Action] = []
    after: Annotated[int, Field(ge=-1, le=2**62)] = -1
    limit: Annotated[int, Field(ge=1, le=200)] = 50
    cursor: str | None = None


class AuditEventOut(Out):
    """One entry of the ledger."""

    sequence: int
    at: datetime
    action: str
    actor_id: UUID
    actor_kind: str
    client_id: UUID | None
    outcome: str
    code: str | None
    request_id: str
    entry: dict[str, Any]
    """The entry as it stands in the log: ids, counts and names of fields, never a value."""

    @classmethod
    def of(cls, entry: dict[str, Any]) -> "AuditEventOut":
        return cls(
            sequence=entry["seq"],
            at=datetime.fromisoformat(entry["at"]),
            action=entry["action"],
            actor_id=UUID(entry["who"]["id"]),
            actor_kind=entry["who"]["kind"],
            client_id=UUID(entry["client"]) if entry["client"] else None,
            outcome=entry["outcome"],
            code=entry["code"],
            request_id=entry["req"],
            entry=entry,
        )


@router.get("", summary="Read the ledger")
def list_audit_events(
    query: Annotated[AuditFilter, Query()], db: Annotated[Workspace, Can(Permission.AUDIT_READ)]
) -> Page[AuditEventOut]:
    """Entries in order, those the caller may know of. Reading the ledger is itself an entry."""
    scope = f"audit?subject={query.subject}&actor={query.actor}&action={sorted(query.action)}&after={query.after}"
    position = paging.after(db, scope, query.cursor)
    after = position[0] if position else query.after
    found = search(
        db,
        query.limit + 1,
        after,
        subject_id=query.subject,
        actor_id=query.actor,
        actions=query.action,
        through=partial(shown, db),
    )
    db.note(Action.AUDIT_READ, "ledger_entries", [])
    return paging.page(db, scope, found, query.limit, lambda entry: [entry["seq"]], AuditEventOut.of)
