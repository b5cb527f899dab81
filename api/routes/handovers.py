"""Handover: a client, or a whole caseload, goes to somebody else; who had it sees it no more from this request on."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter
from pydantic import Field

from api.door import Door
from api.gate import Can
from api.routes.assignments import AssignmentOut
from api.shapes import In, Out
from models import staffing
from models.access import Permission
from models.workspace import Workspace

router = APIRouter(tags=["clients"], route_class=Door)


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
