"""Volunteers: who helps with which section, and what she is shown for it."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter

from api.door import Door
from api.gate import Can
from api.shapes import In, Out
from models import volunteer
from models.access import Permission
from models.checklist import ItemStatus
from models.content import ItemKind
from models.jurisdiction import local
from models.template import Pinned, PinnedWords, words
from models.volunteer import Task
from models.workspace import Workspace

router = APIRouter(tags=["volunteers"], route_class=Door)


class VolunteerIn(In):
    """Who is to help with the section: a person with the role volunteer."""

    user_id: UUID


class VolunteerOut(Out):
    """Who helps with a section, from when until when."""

    id: UUID
    section_id: UUID
    user_id: UUID
    started_at: datetime
    started_by_id: UUID
    ended_at: datetime | None
    ended_by_id: UUID | None

    @classmethod
    def of(cls, row: Any) -> "VolunteerOut":
        return cls(**{name: getattr(row, name) for name in cls.model_fields})

    @classmethod
    def again(cls, db: Workspace, row_id: UUID) -> "VolunteerOut":
        return cls.of(volunteer.read(db, row_id))


class VolunteersOut(Out):
    """A section's volunteers, newest first."""

    data: list[VolunteerOut]


class TaskItemOut(Out):
    """A step, as the volunteer sees it."""

    id: UUID
    kind: ItemKind
    text: str
    detail: str | None
    status: ItemStatus
    completed_at: datetime | None
    version: int

    @classmethod
    def of(cls, row: Any, text: PinnedWords) -> "TaskItemOut":
        source = text.item(row.source)
        said = row.text or (source.text if source else "")
        same = ("id", "kind", "detail", "status", "completed_at", "version")
        return cls(**{name: getattr(row, name) for name in same}, text=said)


class TaskOut(Out):
    """A section to help with: a name used here, a title and the steps. Nothing else of the client's is shown."""

    section_id: UUID
    alias: str | None
    title: str
    items: list[TaskItemOut]

    @classmethod
    def of(cls, db: Workspace, task: Task, values: Any) -> "TaskOut":
        given = task.given
        pinned = Pinned(given.template_owner_id, given.template_id, given.template_version)
        text = words(db, pinned, given.language, values)
        source = text.section(task.section.source)
        return cls(
            section_id=given.section_id,
            alias=given.alias,
            title=source.title if source else task.section.title or "",
            items=[TaskItemOut.of(row, text) for row in task.items],
        )


class TasksOut(Out):
    """The sections the caller helps with, oldest first; 200 at most."""

    data: list[TaskOut]


@router.get("/plan-sections/{section_id}/volunteers", summary="List a section's volunteers")
def list_volunteers(section_id: UUID, db: Annotated[Workspace, Can(Permission.VOLUNTEER_READ)]) -> VolunteersOut:
    """Who helps or helped with it, newest first."""
    return VolunteersOut(data=[VolunteerOut.of(row) for row in volunteer.helpers(db, section_id)])


@router.post("/plan-sections/{section_id}/volunteers", status_code=201, summary="Give a section to a volunteer")
def create_volunteer(
    section_id: UUID, body: VolunteerIn, db: Annotated[Workspace, Can(Permission.VOLUNTEER_ASSIGN)]
) -> VolunteerOut:
    """Let her see the section's words and tick its steps, with the client's alias and nothing else. Read the section
    first: what is written in it, she reads too."""
    return VolunteerOut.again(db, volunteer.give(db, section_id, body.user_id))


@router.delete(
    "/plan-sections/{section_id}/volunteers/{user_id}", status_code=204, summary="Take a section back from a volunteer"
)
def delete_volunteer(section_id: UUID, user_id: UUID, db: Annotated[Workspace, Can(Permission.VOLUNTEER_END)]) -> None:
    """From her next request on she does not see it. Doing it again changes nothing."""
    volunteer.take_back(db, section_id, user_id)


@router.get("/volunteer-tasks", summary="What I help with")
def list_tasks(db: Annotated[Workspace, Can(Permission.TASK_READ)]) -> TasksOut:
    """The sections given to the caller, of plans in use or being made. A step is ticked with PUT
    /v1/checklist-items/{id}/completion."""
    _, values = local(db)
    return TasksOut(data=[TaskOut.of(db, task, values) for task in volunteer.tasks(db)])
