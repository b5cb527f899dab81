"""Whom somebody reached: every client named in the entries of one person or one session, in one answer."""

from datetime import datetime, timedelta
from functools import partial
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import Field

from api import paging
from api.door import Door
from api.gate import Can
from api.paging import Page
from api.shapes import Filter, Instant, Out
from models.access import Permission
from models.hidden import hides, shown
from models.ledger.action import Action
from models.ledger.finding import Reached, reached
from models.workspace import Workspace

router = APIRouter(prefix="/audit/opened-clients", tags=["ledger"], route_class=Door)
A_DAY = timedelta(days=1)


class OpenedFilter(Filter):
    """Whose, and when. Whoever is unknown here has reached nobody."""

    actor: UUID | None = None
    """A person's id."""
    session: UUID | None = None
    """A sign-in session's id."""
    since: Instant | None = None
    """From then on; with neither actor nor session, a day back when not said."""
    until: Instant | None = None
    """Before then."""
    limit: Annotated[int, Field(ge=1, le=200)] = 50
    cursor: str | None = None


class OpenedClientOut(Out):
    """A client somebody opened, saw in a list or changed: by id, never by name."""

    client_id: UUID
    first_at: datetime
    last_at: datetime
    count: int
    """How many entries name her."""
    sequences: list[int]
    """The numbers of the newest of them, at most 20."""

    @classmethod
    def of(cls, one: Reached) -> "OpenedClientOut":
        return cls(
            client_id=UUID(bytes=one.client_id),
            first_at=one.first_at,
            last_at=one.last_at,
            count=one.count,
            sequences=one.sequences,
        )


@router.get("", summary="Which clients somebody reached")
def list_opened_clients(
    query: Annotated[OpenedFilter, Query()], db: Annotated[Workspace, Can(Permission.AUDIT_READ)]
) -> Page[OpenedClientOut]:
    """Every client named in the successful entries of a person, of a session, or of everybody: opened, listed or
    changed. After a theft this is the list of whom to warn. Reading it is itself an entry."""
    scope = f"opened?actor={query.actor}&session={query.session}&since={query.since}&until={query.until}"
    position = paging.after_id(db, scope, query.cursor)
    since = query.since or (None if query.actor or query.session else db.now - A_DAY)
    look = partial(reached, db, actor_id=query.actor, session_id=query.session, since=since, until=query.until)
    known = look()
    if hides(db, [UUID(bytes=one.client_id) for one in known]):
        known = look(through=partial(shown, db))
    rest = [one for one in known if position is None or one.client_id > position.bytes]
    db.note(Action.AUDIT_READ, "ledger_entries", [])
    return paging.page(db, scope, rest, query.limit, lambda one: [str(UUID(bytes=one.client_id))], OpenedClientOut.of)
