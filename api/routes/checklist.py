"""The checklist: items put into the survivor's words, ticked and unticked."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter
from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from api.door import Door, IfMatch
from api.gate import Can
from api.progress import Progress
from api.shapes import In, Note, Out, Patch
from models import checklist, volunteer
from models.access import Permission
from models.checklist import ChecklistItem, ItemStatus, Outcome, Whose
from models.content import ItemKind
from models.ledger.action import Action
from models.plan import Plan
from models.workspace import Workspace

router = APIRouter(tags=["checklist"], route_class=Door)
Priority = Annotated[int, Field(ge=1, le=9)]


class ItemIn(In):
    """One more item, in the survivor's or the advocate's words."""

    section_id: UUID
    text: Note
    kind: ItemKind = ItemKind.ACTION
    detail: Note | None = None
    priority: Priority | None = None
    whose_words: Whose = Whose.SURVIVOR


class ItemPatch(Patch):
    """What is to change; null takes away. `done` is not set here: PUT …/completion ticks an item."""

    text: Note | None = None
    """The survivor's words; null shows the template's again."""
    detail: Note | None = None
    status: ItemStatus = ItemStatus.OFFERED
    priority: Priority | None = None
    whose_words: Whose = Whose.SURVIVOR

    @model_validator(mode="after")
    def _not_ticking(self) -> "ItemPatch":
        if self.status is ItemStatus.DONE:
            raise PydanticCustomError("use-completion", "An item is ticked with PUT …/completion.")
        return self


class ItemPatchInList(ItemPatch):
    """One item's change in a list of changes."""

    id: UUID
    version: Annotated[int, Field(ge=1)]
    """The item's version the change is meant for."""

    def changes(self) -> dict[str, Any]:
        return {name: value for name, value in super().changes().items() if name not in ("id", "version")}


class ItemsPatch(In):
    """Changes to several items of one plan: all of them, or none."""

    items: Annotated[list[ItemPatchInList], Field(min_length=1, max_length=500)]


class OutcomeIn(In):
    """What came of it, in the survivor's judgement."""

    outcome: Outcome


class ItemOut(Out):
    """An item's own words and state; the template's words stand in the plan."""

    home = "/v1/checklist-items"
    still = True

    id: UUID
    plan_id: UUID
    kind: ItemKind
    text: str | None
    """The survivor's words; null where the template's stand."""
    detail: str | None
    status: ItemStatus
    outcome: Outcome | None
    priority: int | None
    whose_words: Whose
    completed_at: datetime | None
    completed_by_id: UUID | None
    version: int

    @classmethod
    def of(cls, row: ChecklistItem) -> "ItemOut":
        return cls(
            id=row.id,
            plan_id=row.plan_id,
            kind=row.kind,
            text=row.text,
            detail=row.detail,
            status=row.status,
            outcome=row.outcome,
            priority=row.priority,
            whose_words=row.whose_words,
            completed_at=row.completed_at,
            completed_by_id=row.completed_by_id,
            version=row.version,
        )

    @classmethod
    def again(cls, db: Workspace, row_id: UUID) -> "ItemOut":
        item = db.find(ChecklistItem, row_id)
        db.record(Action.CHECKLIST_ITEM_READ, item)
        return cls.of(item)


class ItemsOut(Out):
    """The plan after several of its items changed."""

    id: UUID
    """The plan's."""
    progress: Progress
    version: int
    """The plan's."""

    @classmethod
    def again(cls, db: Workspace, row_id: UUID) -> "ItemsOut":
        plan = db.find(Plan, row_id)
        return cls(id=plan.id, progress=Progress.of(plan), version=plan.version)


class TickOut(Out):
    """An item after a tick, and the plan's progress with it."""

    id: UUID
    plan_id: UUID
    status: ItemStatus
    completed_at: datetime | None
    completed_by_id: UUID | None
    version: int
    progress: Progress


@router.get("/checklist-items/{item_id}", summary="Read an item")
def read_item(item_id: UUID, db: Annotated[Workspace, Can(Permission.PLAN_READ)]) -> ItemOut:
    """One item; the reading is logged."""
    return ItemOut.again(db, item_id)


@router.post("/plans/{plan_id}/items", status_code=201, summary="Add an item")
def create_item(plan_id: UUID, body: ItemIn, db: Annotated[Workspace, Can(Permission.CHECKLIST_UPDATE)]) -> ItemOut:
    """One more item in a section of the plan."""
    plan = db.claim(Plan, plan_id)
    values = {name: value for name, value in dict(body).items() if name not in ("section_id", "kind", "text")}
    return ItemOut.of(plan.add_item(db, body.section_id, body.kind, body.text, **values))


@router.patch("/checklist-items/{item_id}", summary="Personalise an item")
def update_item(
    item_id: UUID, body: ItemPatch, db: Annotated[Workspace, Can(Permission.CHECKLIST_UPDATE)], if_match: IfMatch
) -> ItemOut:
    """Put it into the survivor's words, plan it, decline it, mark it not safe now."""
    plan = Plan.claim_of(db, item_id)
    item = db.claim(ChecklistItem, item_id, if_match)
    plan.change_item(db, item, **body.changes())
    db.flush()
    return ItemOut.of(item)


@router.patch("/plans/{plan_id}/items", summary="Personalise several items")
def update_items(
    plan_id: UUID, body: ItemsPatch, db: Annotated[Workspace, Can(Permission.CHECKLIST_UPDATE)]
) -> ItemsOut:
    """Change several items at once: all of them, or none."""
    db.claim(Plan, plan_id).change_items(db, [(item.id, item.version, item.changes()) for item in body.items])
    db.flush()
    db.reread()
    return ItemsOut.again(db, plan_id)


@router.put("/checklist-items/{item_id}/outcome", summary="Say what came of it")
def judge(item_id: UUID, body: OutcomeIn, db: Annotated[Workspace, Can(Permission.CHECKLIST_UPDATE)]) -> ItemOut:
    """Whether it helped, had no effect or made things worse, in the survivor's judgement."""
    plan = Plan.claim_of(db, item_id)
    item = db.claim(ChecklistItem, item_id)
    plan.change_item(db, item, outcome=body.outcome)
    db.flush()
    return ItemOut.of(item)


@router.delete("/checklist-items/{item_id}", status_code=204, summary="Remove an item")
def delete_item(item_id: UUID, db: Annotated[Workspace, Can(Permission.CHECKLIST_UPDATE)], if_match: IfMatch) -> None:
    """Take an item off the plan. Declining it (status) keeps the fact that it was talked about."""
    plan = Plan.claim_of(db, item_id)
    item = db.claim(ChecklistItem, item_id, if_match)
    plan.must_be_open()
    item.remove(db)


@router.put("/checklist-items/{item_id}/completion", summary="Tick an item")
def tick(item_id: UUID, db: Annotated[Workspace, Can(Permission.CHECKLIST_TICK)]) -> TickOut:
    """Mark it done. A ticked item stays as it is."""
    return _ticked(db, checklist.tick(db, item_id))


@router.delete("/checklist-items/{item_id}/completion", summary="Untick an item")
def untick(item_id: UUID, db: Annotated[Workspace, Can(Permission.CHECKLIST_TICK)]) -> TickOut:
    """Back to planned. An item that is not done stays as it is."""
    return _ticked(db, checklist.untick(db, item_id))


def _ticked(db: Workspace, row: Any) -> TickOut:
    item = volunteer.as_seen(db, row)
    return TickOut(
        id=item.id,
        plan_id=item.plan_id,
        status=item.status,
        completed_at=item.completed_at,
        completed_by_id=item.completed_by_id,
        version=item.version,
        progress=Progress.of(item),
    )
