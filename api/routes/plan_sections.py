"""Sections of a plan: chosen, declined, left for later."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter
from pydantic import Field, StringConstraints, model_validator
from pydantic_core import PydanticCustomError

from api.door import Door, IfMatch
from api.gate import Can
from api.shapes import In, Line, Out, Patch
from models.access import Permission
from models.checklist import Choice, PlanSection
from models.plan import Plan
from models.workspace import Workspace

router = APIRouter(tags=["plans"], route_class=Door)


class SectionIn(In):
    """A section of the plan's template by key, or one of the survivor's own by title."""

    key: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]{0,59}$")] | None = None
    title: Line | None = None

    @model_validator(mode="after")
    def _one(self) -> "SectionIn":
        if (self.key is None) == (self.title is None):
            raise PydanticCustomError("key-or-title", "Give a key of the template, or a title of your own.")
        return self


class SectionPatch(Patch):
    """What is to change. Only an own section has a title to change."""

    choice: Choice = Choice.CHOSEN
    position: Annotated[int, Field(ge=0, le=1000)] = 0
    title: Line = ""


class SectionOut(Out):
    """A section, without its items: read the plan for those."""

    home = "/v1/plan-sections"
    still = True

    id: UUID
    plan_id: UUID
    choice: Choice
    position: int
    title: str | None
    """An own section's title; null for the template's, whose words stand in the plan."""
    version: int

    @classmethod
    def of(cls, row: PlanSection) -> "SectionOut":
        return cls(
            id=row.id,
            plan_id=row.plan_id,
            choice=row.choice,
            position=row.position,
            title=row.title,
            version=row.version,
        )

    @classmethod
    def again(cls, db: Workspace, row_id: UUID) -> "SectionOut":
        return cls.of(db.find(PlanSection, row_id))


@router.post("/plans/{plan_id}/sections", status_code=201, summary="Add a section")
def create_section(plan_id: UUID, body: SectionIn, db: Annotated[Workspace, Can(Permission.PLAN_UPDATE)]) -> SectionOut:
    """One more section: the template's, with its items, or an own one."""
    return SectionOut.of(db.claim(Plan, plan_id).add_section(db, body.key, body.title))


@router.patch("/plan-sections/{section_id}", summary="Change a section")
def update_section(
    section_id: UUID, body: SectionPatch, db: Annotated[Workspace, Can(Permission.PLAN_UPDATE)], if_match: IfMatch
) -> SectionOut:
    """Choose it, decline it, leave it for later, move it, or rename an own one."""
    plan = Plan.claim_of(db, section_id)
    section = db.claim(PlanSection, section_id, if_match)
    plan.change_section(db, section, **body.changes())
    db.flush()
    return SectionOut.of(section)


@router.delete("/plan-sections/{section_id}", status_code=204, summary="Remove a section")
def delete_section(section_id: UUID, db: Annotated[Workspace, Can(Permission.PLAN_UPDATE)], if_match: IfMatch) -> None:
    """Take a section and its items off the plan."""
    plan = Plan.claim_of(db, section_id)
    plan.remove_section(db, db.claim(PlanSection, section_id, if_match))
