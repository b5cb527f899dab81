"""Who has seen a client's record: the answer to her question, in words to read to her."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import Field

from api import history_words, paging
from api.door import Door, Spoken
from api.gate import Can
from api.paging import Page
from api.shapes import Filter, Out
from models.access import Kind, Permission
from models.history import history
from models.integration import names_of as partners_of
from models.ledger.action import Action
from models.ledger.finding import BEHIND_ALL
from models.user import names_of
from models.workspace import Workspace

router = APIRouter(prefix="/clients", tags=["ledger"], route_class=Door)


class HistoryFilter(Filter):
    """Which part of the history."""

    opened_only: bool = False
    """Only the times something of hers was shown to somebody; else changes and refusals too."""
    limit: Annotated[int, Field(ge=1, le=200)] = 50
    cursor: str | None = None


class WhoOut(Out):
    """A person of the agency, an integration by its recipient's name, or the machinery."""

    kind: str
    """person, integration (another organisation's program), system (Waypost on its own), command (whoever runs it) or
    door (sign-in); open to more."""
    id: UUID | None
    """The person's or integration's id; null for machinery."""
    name: str


class AccessOut(Out):
    """One time somebody opened or changed the record, or was refused it."""

    sequence: int
    """The entry's number in the agency's ledger."""
    at: datetime
    who: WhoOut
    role: str | None
    what: str
    why: str | None
    outcome: str

    @classmethod
    def of(cls, entry: dict[str, Any], names: dict[UUID, str], language: str, client_id: UUID) -> "AccessOut":
        kind, who_id = entry["who"]["kind"], _person(entry)
        name = history_words.name(entry, names.get(who_id) if who_id else None, language)
        return cls(
            sequence=entry["seq"],
            at=datetime.fromisoformat(entry["at"]),
            who=WhoOut(kind=kind, id=who_id, name=name),
            role=history_words.role(entry, language),
            what=history_words.did(entry, language),
            why=history_words.why(entry, language, client_id),
            outcome=entry["outcome"],
        )


@router.get("/{client_id}/access-history", summary="Who has seen a client's record")
def list_access_history(
    client_id: UUID,
    query: Annotated[HistoryFilter, Query()],
    db: Annotated[Workspace, Can(Permission.HISTORY_READ)],
    language: Spoken = "en",
) -> Page[AccessOut]:
    """Who opened or changed her record, or was refused it, newest first, in words to read to her. Reading this is
    itself in the ledger, and so in her history."""
    scope = f"access-history?client={client_id}&opened_only={query.opened_only}"
    position = paging.after(db, scope, query.cursor)
    before = position[0] if position else BEHIND_ALL
    found = history(db, client_id, query.limit + 1, before, opened_only=query.opened_only)
    asking = {who for entry in found[: query.limit] if (who := _person(entry))}
    partners = {UUID(e["who"]["id"]) for e in found[: query.limit] if e["who"]["kind"] == Kind.INTEGRATION}
    names = names_of(db, asking - partners) | partners_of(db, partners)
    db.note(Action.CLIENT_ACCESS_HISTORY_READ, "clients", [client_id], client_id)
    return paging.page(
        db,
        scope,
        found,
        query.limit,
        lambda entry: [entry["seq"]],
        lambda e: AccessOut.of(e, names, language, client_id),
    )


def _person(entry: dict[str, Any]) -> UUID | None:
    """The id of the person or integration that acted, if it was one."""
    return UUID(entry["who"]["id"]) if entry["who"]["kind"] in (Kind.PERSON, Kind.INTEGRATION) else None
