"""Assignments: who works with a client, as a dated history."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter

from api.door import Door
from api.gate import Can
from api.shapes import In, Out
from models.access import Permission
from models.client import Assignment, Client, assignments_of
from models.workspace import Workspace

router = APIRouter(tags=["clients"], route_class=Door)


class AssignmentIn(In):
    """Who is to work with the client."""

    user_id: UUID


class AssignmentOut(Out):
    """Who worked with a client, from when until when."""

    home = "/v1/assignments"

    id: UUID
    client_id: UUID
    user_id: UUID
    started_at: datetime
    started_by_id: UUID
    ended_at: datetime | None
    ended_by_id: UUID | None

    @classmethod
    def of(cls, row: Assignment) -> "AssignmentOut":
        return cls(
            id=row.id,
            client_id=row.client_id,
            user_id=row.user_id,
            started_at=row.started_at,
            started_by_id=row.started_by_id,
            ended_at=row.ended_at,
            ended_by_id=row.ended_by_id,
        )

    @classmethod
    def again(cls, db: Workspace, row_id: UUID) -> "AssignmentOut":
        return cls.of(db.find(Assignment, row_id))


class AssignmentsOut(Out):
    """A client's assignments, newest first."""

    data: list[AssignmentOut]


@router.get("/clients/{client_id}/assignments", summary="List a client's assignments")
def list_assignments(client_id: UUID, db: Annotated[Workspace, Can(Permission.ASSIGNMENT_READ)]) -> AssignmentsOut:
    """Who has worked with the client, newest first."""
    return AssignmentsOut(data=[AssignmentOut.of(row) for row in assignments_of(db, client_id)])


@router.post("/clients/{client_id}/assignments", status_code=201, summary="Assign a client")
def create_assignment(
    client_id: UUID, body: AssignmentIn, db: Annotated[Workspace, Can(Permission.ASSIGNMENT_CREATE)]
) -> AssignmentOut:
    """Let an advocate or supervisor work with the client from now on."""
    client = db.claim(Client, client_id)  # locked: her next review is carried along
    return AssignmentOut.again(db, Assignment.begin(db, client.id, body.user_id, client.attention_at))


@router.delete("/assignments/{assignment_id}", status_code=204, summary="End an assignment")
def delete_assignment(assignment_id: UUID, db: Annotated[Workspace, Can(Permission.ASSIGNMENT_END)]) -> None:
    """The person no longer sees the client, from her next request on. What she did stays hers."""
    db.claim(Assignment, assignment_id).end(db)
