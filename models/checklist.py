"""The checklist: a plan's sections and items, how an item is made the survivor's own, ticked and unticked."""

from collections import Counter
from collections.abc import Iterable
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any, ClassVar
from uuid import UUID, uuid4

import sqlalchemy as sa
from sqlmodel import Field, SQLModel

from models.base import ID, ClientRecord, choice, columns, id_field, instant_field, sealed_column, table_of, within
from models.content import ItemKind
from models.errors import Conflict, Fault, Invalid
from models.ledger.action import Action
from models.rows import Change, Insert, Query, Sight
from models.vault.sealed import Sealed

if TYPE_CHECKING:
    from models.workspace import Workspace


class Choice(StrEnum):
    """What the survivor said about a section. Blank is legitimate, later too."""

    CHOSEN = "chosen"
    DECLINED = "declined"
    LATER = "later"


class ItemStatus(StrEnum):
    """Where an item stands: offered → planned → in_progress → done, and three ways of leaving it aside."""

    OFFERED = "offered"
    PLANNED = "planned"
    IN_PROGRESS = "in_progress"
    DONE = "done"
    DECLINED = "declined"
    NOT_APPLICABLE = "not_applicable"
    NOT_SAFE_NOW = "not_safe_now"


class Outcome(StrEnum):
    """What came of it, in the survivor's judgement (Glass 2017)."""

    HELPED = "helped"
    NO_EFFECT = "no_effect"
    MADE_WORSE = "made_worse"
    UNKNOWN = "unknown"


class Whose(StrEnum):
    """Whose words an item is in."""

    TEMPLATE = "template"
    SURVIVOR = "survivor"
    ADVOCATE = "advocate"


# A plan's id ends in two zero bytes; its parts carry the same id with their number there. So a part needs no random
# id of its own (5 KiB a plan), and the parts of one plan lie side by side in the table.
SECTIONS_FROM = 0x8000
MOST_ITEMS = 500
MOST_NUMBERS = 0x7FFF  # a number is never given twice, so this bounds what a plan can ever have had
MOST_SECTIONS = 100


def new_plan_id() -> UUID:
    """A random id whose last two bytes are free for the plan's parts (106 random bits)."""
    return UUID(int=uuid4().int & ~0xFFFF)


def plan_of(part_id: UUID) -> UUID:
    """The plan a section or item id belongs to."""
    return UUID(int=part_id.int & ~0xFFFF)


def item_id(plan_id: UUID, number: int) -> UUID:
    """The id of a plan's item number 1, 2, …"""
    return UUID(int=plan_id.int | number)


def section_id(plan_id: UUID, number: int) -> UUID:
    """The id of a plan's section number 1, 2, …"""
    return UUID(int=plan_id.int | SECTIONS_FROM | number)


def number_of(part_id: UUID) -> int:
    """The number of a section or item within its plan."""
    return part_id.int & 0x7FFF


class PlanSection(ClientRecord, table=True):
    """A section of a plan. `source` is its number in the template's document, 0 for the agency's own."""

    __tablename__ = "plan_sections"
    narratives: ClassVar[tuple[str, ...]] = ("title",)
    __table_args__ = (within("plan_id", "plans"), {"sqlite_with_rowid": False})

    plan_id: UUID = id_field()
    source: int = Field(sa_type=sa.SmallInteger)
    position: int = Field(sa_type=sa.SmallInteger)
    choice: Choice = Field(default=Choice.CHOSEN, sa_type=choice(Choice))
    title_sealed: bytes | None = sealed_column()
    title = Sealed[str]()
    version: int = 1
    seal_rev: int = 0

    def update(self, db: "Workspace", **changes: Any) -> None:
        """Choose, decline, postpone, move or (an own section) rename; the row was claimed."""
        if "title" in changes and self.source:
            raise Conflict("template-words")
        for name, value in changes.items():
            setattr(self, name, value)
        db.record(Action.PLAN_SECTION_UPDATED, self, *changes)


class ChecklistItem(ClientRecord, table=True):
    """An item of a plan. Until somebody personalises it, its words are the template's and it holds no cell at all."""

    __tablename__ = "checklist_items"
    narratives: ClassVar[tuple[str, ...]] = ("detail", "text")
    __table_args__ = (within("plan_id", "plans"), {"sqlite_with_rowid": False})

    plan_id: UUID = id_field()
    section: int = Field(sa_type=sa.SmallInteger)
    source: int = Field(sa_type=sa.SmallInteger)
    kind: ItemKind = Field(sa_type=choice(ItemKind))
    status: ItemStatus = Field(default=ItemStatus.OFFERED, sa_type=choice(ItemStatus))
    outcome: Outcome | None = Field(default=None, sa_type=choice(Outcome))
    priority: int | None = Field(default=None, sa_type=sa.SmallInteger)
    whose_words: Whose = Field(default=Whose.TEMPLATE, sa_type=choice(Whose))
    completed_at: datetime | None = instant_field(default=None)
    completed_by_id: UUID | None = id_field(default=None)
    text_sealed: bytes | None = sealed_column()
    text = Sealed[str]()
    detail_sealed: bytes | None = sealed_column()
    detail = Sealed[str]()
    version: int = 1
    seal_rev: int = 0

    def personalise(self, db: "Workspace", **changes: Any) -> None:
        """Put the item into the survivor's words, plan it, decline it, mark it not safe now; the row was claimed.

        Conflict('use-completion') for status done, which only a tick sets; Conflict('not-tickable') for information.
        """
        status = changes.get("status", self.status)
        if status is not self.status:
            if ItemStatus.DONE in (status, self.status):
                raise Conflict("use-completion")
            if not self.kind.tickable and status in (ItemStatus.PLANNED, ItemStatus.IN_PROGRESS):
                raise Conflict("not-tickable")
        moves = {self.status: -1, status: 1} if self.kind.tickable and status is not self.status else {}
        count(db, self.plan_id, moves)  # the plan shows its items, so its version grows with them
        if "text" in changes:
            if changes["text"] is None and not self.source:
                raise Invalid(Fault("/text", "text-blank", "An own item has no words but these."))
            changes.setdefault("whose_words", Whose.TEMPLATE if changes["text"] is None else Whose.SURVIVOR)
        for name, value in changes.items():
            setattr(self, name, value)
        db.record(Action.CHECKLIST_ITEM_UPDATED, self, *changes)

    def remove(self, db: "Workspace") -> None:
        """Take the item off the plan; the row was claimed."""
        count(db, self.plan_id, {self.status: -1} if self.kind.tickable else {})
        db.record(Action.CHECKLIST_ITEM_REMOVED, self)
        db.delete(self)


class Progress(SQLModel):
    """How many tickable items of a plan stand where. Kept on the plan's row, changed by the verb that moves an item.
    It counts what was chosen; it never says how safe anybody is."""

    offered: int = Field(default=0, sa_type=sa.SmallInteger)
    planned: int = Field(default=0, sa_type=sa.SmallInteger)
    in_progress: int = Field(default=0, sa_type=sa.SmallInteger)
    done: int = Field(default=0, sa_type=sa.SmallInteger)
    declined: int = Field(default=0, sa_type=sa.SmallInteger)
    not_applicable: int = Field(default=0, sa_type=sa.SmallInteger)
    not_safe_now: int = Field(default=0, sa_type=sa.SmallInteger)


# -- statements ---------------------------------------------------------------------------------------------------

_I = columns(ChecklistItem)
_S = columns(PlanSection)
#: The plan above, by name only: contents do not import their container.
_PLAN = sa.table(
    "plans",
    sa.column("agency_id", ID),
    sa.column("id", ID),
    sa.column("status", sa.String),
    sa.column("version", sa.Integer),
    *(sa.column(status.value, sa.SmallInteger) for status in ItemStatus),
)

_LOOK = Query(
    sa.select(
        _I.id,
        _I.plan_id,
        _I.client_id,
        _I.kind,
        _I.status,
        _I.completed_at,
        _I.completed_by_id,
        _I.version,
        _PLAN.c.status.label("plan_status"),
        *(_PLAN.c[status.value] for status in ItemStatus),
    )
    .join_from(table_of(ChecklistItem), _PLAN, sa.and_(_PLAN.c.agency_id == _I.agency_id, _PLAN.c.id == _I.plan_id))
    .where(_I.id == sa.bindparam("item_id", type_=ID, required=True))
    .with_for_update(of=_PLAN)  # the plan before its parts, as everybody does (plan.claim_of)
)
_SET = Change(
    sa.update(table_of(ChecklistItem))
    .where(_I.id == sa.bindparam("item_id", type_=ID, required=True), _I.version == sa.bindparam("seen", required=True))
    .values(
        status=sa.bindparam("now_status", required=True),
        completed_at=sa.bindparam("now_at", required=True),
        completed_by_id=sa.bindparam("now_by", required=True),
        version=_I.version + 1,
    )
)
_COUNT = Change(
    sa.update(_PLAN)
    .where(_PLAN.c.id == sa.bindparam("plan_id", type_=ID, required=True))
    .values(
        version=_PLAN.c.version + 1,
        **{s.value: _PLAN.c[s.value] + sa.bindparam(f"d_{s.value}", required=True) for s in ItemStatus},
    )
    .returning(*(_PLAN.c[s.value] for s in ItemStatus))
)
_COUNTED = [status.value for status in ItemStatus]
_NOWHERE = {f"d_{status.value}": 0 for status in ItemStatus}
_SECTIONS = Query(
    sa.select(_S.id, _S.source, _S.position, _S.choice, _S.title_sealed, _S.version)
    .where(_S.plan_id == sa.bindparam("plan_id", type_=ID, required=True))
    .where(_S.id.between(sa.bindparam("first", type_=ID, required=True), sa.bindparam("last", type_=ID, required=True)))
    .order_by(_S.position, _S.id),
    Sight.ONE_CLIENT,
)
_ITEMS = Query(
    sa.select(
        _I.id,
        _I.section,
        _I.source,
        _I.kind,
        _I.status,
        _I.outcome,
        _I.priority,
        _I.whose_words,
        _I.completed_at,
        _I.completed_by_id,
        _I.text_sealed,
        _I.detail_sealed,
        _I.version,
    )
    .where(_I.plan_id == sa.bindparam("plan_id", type_=ID, required=True))
    .where(_I.id.between(sa.bindparam("first", type_=ID, required=True), sa.bindparam("last", type_=ID, required=True)))
    .order_by(_I.id),
    Sight.ONE_CLIENT,
)
ADD_SECTIONS = Insert(PlanSection)
ADD_ITEMS = Insert(ChecklistItem)


def sections_of(db: "Workspace", plan_id: UUID, client_id: UUID) -> list[Any]:
    """A plan's sections in order."""
    first, last = section_id(plan_id, 0), section_id(plan_id, 0x7FFF)
    return db.rows(_SECTIONS, plan_id=plan_id, client_id=client_id, first=first, last=last)


def items_of(db: "Workspace", plan_id: UUID, client_id: UUID) -> list[Any]:
    """A plan's items in order, the survivor's words opened."""
    first, last = item_id(plan_id, 1), item_id(plan_id, 0x7FFF)
    return db.rows(_ITEMS, plan_id=plan_id, client_id=client_id, first=first, last=last)


def count(db: "Workspace", plan_id: UUID, shifts: dict[ItemStatus, int]) -> dict[str, int]:
    """Move a plan's counters; relative, so that people ticking at once never lose one. The plan's version grows.
    Returns the counters as they are then, by status."""
    moved = _NOWHERE | {f"d_{status.value}": by for status, by in shifts.items()}
    return dict(zip(_COUNTED, db.change_one(_COUNT, plan_id=plan_id, **moved), strict=True))


def counted(kinds: Iterable[ItemKind]) -> int:
    """How many of these kinds can be ticked."""
    return sum(n for kind, n in Counter(kinds).items() if kind.tickable)


OPEN_PLANS = ("draft", "active")


def tick(db: "Workspace", wanted: UUID) -> Any:
    """Mark an item as done; a ticked item stays as it is. Returns its row (plan_id, status, completed_at, version …)
    with the counters of its plan (offered, planned, done …).

    Conflict('plan-not-open') on a closed or superseded plan, Conflict('not-tickable') for information.
    """
    return _move(db, wanted, ItemStatus.DONE, Action.CHECKLIST_ITEM_TICKED)


def untick(db: "Workspace", wanted: UUID) -> Any:
    """Mark an item as planned again; an item that is not done stays as it is. Returns what tick returns."""
    return _move(db, wanted, ItemStatus.PLANNED, Action.CHECKLIST_ITEM_UNTICKED)


def _move(db: "Workspace", wanted: UUID, target: ItemStatus, action: Action) -> Any:
    ticking = target is ItemStatus.DONE
    at, by = (db.now, db.actor.id) if ticking else (None, None)
    sure = False  # a look that had to wait for the plan shows an older item; with the plan ours, the next one cannot
    while True:
        item = db.one(_LOOK, item_id=wanted)
        if not item.kind.tickable:
            raise Conflict("not-tickable")
        if item.plan_status not in OPEN_PLANS:
            raise Conflict("plan-not-open")
        if (item.status is ItemStatus.DONE) != ticking:
            if db.change(_SET, item_id=wanted, seen=item.version, now_status=target, now_at=at, now_by=by):
                break
        elif sure:
            return item
        sure = True
    counters = count(db, item.plan_id, {item.status: -1, target: 1})
    db.note(action, "checklist_items", [wanted], item.client_id)
    return item._replace(status=target, completed_at=at, completed_by_id=by, version=item.version + 1, **counters)
