"""The caseload: the one list an advocate starts her day with."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import Field

from api import paging
from api.door import Door
from api.gate import Can
from api.paging import Page
from api.progress import Progress
from api.shapes import Filter, Out
from models import agency
from models.access import Permission
from models.assignment import NO_REVIEW
from models.caseload import Scope, caseload
from models.client import ClientStatus
from models.review import ReviewState, ReviewStatus, state_of
from models.workspace import Workspace

router = APIRouter(prefix="/caseload", tags=["clients"], route_class=Door)


class CaseloadFilter(Filter):
    """Whose clients: mine (those I am assigned to or cover for), team (those somebody of my team works with; the
    agency's when I am in none) or agency (all I may see)."""

    scope: Scope = Scope.MINE
    limit: Annotated[int, Field(ge=1, le=200)] = 50
    cursor: str | None = None


class CaseOut(Out):
    """A client at a glance."""

    client_id: UUID
    name: str
    """Her alias, or her name where there is none."""
    status: ClientStatus
    restricted: bool
    contact_warning: str | None
    """What to know before contacting her."""
    plan_id: UUID | None
    """Her active plan."""
    progress: Progress | None
    """Where the items of the active plan stand. It counts what was chosen, not how safe she is."""
    next_review_at: datetime | None
    next_review_state: ReviewState | None
    """scheduled, due today, or overdue, by the clock at the agency."""


@router.get("", summary="My caseload")
def read_caseload(
    query: Annotated[CaseloadFilter, Query()], db: Annotated[Workspace, Can(Permission.CASELOAD_READ)]
) -> Page[CaseOut]:
    """Clients with progress and next review, soonest first; those without a review come last. Reading it is logged."""
    scope = f"caseload?scope={query.scope}"
    after = paging.after_moment(db, scope, query.cursor)
    rows = caseload(db, query.scope, query.limit, after)
    zone, full = agency.policy(db).time_zone, len(rows) == query.limit
    return paging.page(db, scope, rows, query.limit, _position, lambda row: _case(db, row, zone), more=full)


def _position(row: Any) -> list[Any]:
    return paging.moment(row.attention_at, row.id)


def _case(db: Workspace, row: Any, zone: str) -> CaseOut:
    due_at = None if row.attention_at >= NO_REVIEW else row.attention_at
    return CaseOut(
        client_id=row.id,
        name=row.alias or "",
        status=row.status,
        restricted=row.restricted,
        contact_warning=(row.contact or {}).get("warning"),
        plan_id=row.plan_id,
        progress=Progress.of(row) if row.plan_id else None,
        next_review_at=due_at,
        next_review_state=state_of(ReviewStatus.SCHEDULED, due_at, db.now, zone) if due_at else None,
    )
