"""Assignments: who works with a client, as a dated history; handed over, and missing where nobody is left."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import Field

from api import paging
from api.door import Door
from api.gate import Can
from api.paging import Page
from api.shapes import Filter, In, Instant, Out
from models import assignment, staffing
from models.access import Permission
from models.assignment import AssignmentKind, assignments_of
from models.client import ClientStatus
from models.workspace import Workspace

router = APIRouter(tags=["clients"], route_class=Door)


class AssignmentIn(In):
    """Who is to work with the client."""

    user_id: UUID
    until: Instant | None = None
    """For a while: she covers until then, 60 days ahead at most, and it ends by itself."""


class AssignmentOut(Out):
    """Who works with a client, from when until when."""

    home = "/v1/assignments"

    id: UUID
    client_id: UUID
    user_id: UUID
    kind: AssignmentKind
    started_at: datetime
    started_by_id: UUID
    starts_at: datetime | None
    """From this moment on a cover counts; null: from when it was given."""
    ends_at: datetime | None
    """Until this moment a cover counts."""
    cover_id: UUID | None
    """The cover of a colleague's whole caseload it belongs to."""
    ended_at: datetime | None
    """When somebody ended it; a cover that ran out has none."""
    ended_by_id: UUID | None

    @classmethod
    def of(cls, row: Any) -> "AssignmentOut":
        return cls(**{name: getattr(row, name) for name in cls.model_fields})

    @classmethod
    def again(cls, db: Workspace, row_id: UUID) -> "AssignmentOut":
        return cls.of(assignment.read(db, row_id))


class AssignmentsOut(Out):
    """A client's assignments, newest first."""

    data: list[AssignmentOut]


class EndFilter(Filter):
    """How an assignment ends."""

    leave_unassigned: bool = False
    """Nobody is left with the case, and that is meant."""


class UnattendedFilter(Filter):
    """Which part of the list."""

    limit: Annotated[int, Field(ge=1, le=200)] = 50
    cursor: str | None = None


class UnattendedOut(Out):
    """A client, by id, whose case is open and nobody's."""

    client_id: UUID
    status: ClientStatus
    restricted: bool

    @classmethod
    def of(cls, row: Any) -> "UnattendedOut":
        return cls(client_id=row.id, status=row.status, restricted=row.restricted)


class HandoverIn(In):
    """Who takes the client over, and from whom."""

    to_user_id: UUID
    from_user_id: UUID | None = None
    """Needed when several people are assigned."""


class CaseloadHandoverIn(In):
    """Who takes somebody's clients over."""

    to_user_id: UUID
    client_ids: Annotated[list[UUID], Field(min_length=1, max_length=staffing.MOST)] | None = None
    """Which of them; all the caller may give away when not said, restricted ones excepted."""


class CaseloadHandoverOut(Out):
    """Whose work went over."""

    client_ids: list[UUID]


@router.get("/clients/{client_id}/assignments", summary="List a client's assignments")
def list_assignments(client_id: UUID, db: Annotated[Workspace, Can(Permission.ASSIGNMENT_READ)]) -> AssignmentsOut:
    """Who has worked with the client, newest first."""
    return AssignmentsOut(data=[AssignmentOut.of(row) for row in assignments_of(db, client_id)])


@router.post("/clients/{client_id}/assignments", status_code=201, summary="Assign a client")
def create_assignment(
    client_id: UUID, body: AssignmentIn, db: Annotated[Workspace, Can(Permission.ASSIGNMENT_CREATE)]
) -> AssignmentOut:
    """Let an advocate or supervisor work with the client from now on, or until a moment. An agency admin, who sees no
    client, names her by id. Nobody assigns herself to a restricted client."""
    return AssignmentOut.again(db, staffing.assign(db, client_id, body.user_id, body.until))


@router.delete("/assignments/{assignment_id}", status_code=204, summary="End an assignment")
def delete_assignment(
    assignment_id: UUID,
    query: Annotated[EndFilter, Query()],
    db: Annotated[Workspace, Can(Permission.ASSIGNMENT_END)],
) -> None:
    """The person no longer sees the client, from her next request on. What she did stays hers. The last assignment of
    an open case ends by a handover, or with `leave_unassigned=true`."""
    staffing.end(db, assignment_id, leave_unassigned=query.leave_unassigned)


@router.get("/unattended-clients", summary="List clients nobody works with any longer")
def list_unattended_clients(
    query: Annotated[UnattendedFilter, Query()], db: Annotated[Workspace, Can(Permission.ASSIGNMENT_CREATE)]
) -> Page[UnattendedOut]:
    """Open cases by id that were somebody's, and are now nobody's who could sign in: after a suspension, a wall, an
    assignment that ended. An agency admin finds restricted clients here, to assign them by id."""
    after = paging.after_id(db, "unattended-clients", query.cursor)
    rows = staffing.unattended(db, query.limit + 1, after)
    return paging.page(db, "unattended-clients", rows, query.limit, lambda row: [str(row.id)], UnattendedOut.of)


@router.put("/clients/{client_id}/handover", summary="Hand a client over")
def hand_over(
    client_id: UUID, body: HandoverIn, db: Annotated[Workspace, Can(Permission.ASSIGNMENT_CREATE)]
) -> AssignmentOut:
    """The successor is assigned and gets the open reviews; the predecessor sees the client no more. Who did what stays
    as it was."""
    return AssignmentOut.again(db, staffing.hand_over(db, client_id, body.to_user_id, body.from_user_id))


@router.put("/users/{user_id}/caseload-handover", summary="Hand a caseload over")
def hand_over_caseload(
    user_id: UUID, body: CaseloadHandoverIn, db: Annotated[Workspace, Can(Permission.ASSIGNMENT_CREATE)]
) -> CaseloadHandoverOut:
    """Hand over several clients of one person, or all of them, in one go."""
    return CaseloadHandoverOut(client_ids=staffing.hand_over_all(db, user_id, body.to_user_id, body.client_ids))
