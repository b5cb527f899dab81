"""Safety plans: made from a template with the survivor, activated, closed; one active plan per client."""

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any, ClassVar
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm.attributes import set_committed_value
from sqlmodel import Field

from models import review
from models.agency import Custody
from models.base import ID, ClientRecord, choice, columns, id_field, instant_field, sealed_column, table_of, within
from models.checklist import (
    ADD_ITEMS,
    ADD_SECTIONS,
    MOST_ITEMS,
    MOST_NUMBERS,
    MOST_SECTIONS,
    ChecklistItem,
    ItemStatus,
    PlanSection,
    Progress,
    Whose,
    count,
    counted,
    item_id,
    items_of,
    new_plan_id,
    number_of,
    plan_of,
    section_id,
    sections_of,
)
from models.client import Client, lock, must_be_open
from models.content import ItemKind, ItemText, TemplateDocument
from models.content.text import closest
from models.errors import Conflict, Fault, Invalid, NotFound
from models.jurisdiction import local
from models.ledger.action import Action
from models.rows import Change, Insert, Query, Sight
from models.template import Pinned, document, pin
from models.vault.sealed import Sealed

if TYPE_CHECKING:
    from models.workspace import Workspace


MOST_FACTS = 50
MOST_DRAFTS = 20  # of one client: more are left-overs, and closing her case would hold everybody up


class PlanStatus(StrEnum):
    """The life of a plan."""

    DRAFT = "draft"
    ACTIVE = "active"
    SUPERSEDED = "superseded"
    CLOSED = "closed"


class Plan(ClientRecord, Progress, table=True):
    """A safety plan. It pins a published template version; its own words are the survivor's."""

    __tablename__ = "plans"
    narratives: ClassVar[tuple[str, ...]] = ("facts",)
    __table_args__ = (
        within("client_id", "clients"),
        sa.ForeignKeyConstraint(
            ["template_owner_id", "template_id", "template_version"],
            ["template_versions.agency_id", "template_versions.template_id", "template_versions.number"],
        ),
        sa.Index("ix_plans_client", "agency_id", "client_id", "status"),
        sa.Index("ix_plans_next_review", "agency_id", "next_review_at", "id"),
        sa.Index(
            "uq_plans_active",
            "agency_id",
            "client_id",
            unique=True,
            sqlite_where=sa.text("status = 'active'"),
            postgresql_where=sa.text("status = 'active'"),
        ),
    )

    id: UUID = id_field(primary_key=True, default_factory=new_plan_id)
    template_owner_id: UUID = id_field()
    template_id: UUID = id_field()
    template_version: int
    status: PlanStatus = Field(default=PlanStatus.DRAFT, sa_type=choice(PlanStatus))
    custody: Custody = Field(default=Custody.RETAINED, sa_type=choice(Custody))
    language: str
    facts_sealed: bytes | None = sealed_column()
    facts = Sealed[dict[str, str]]()
    items_made: int = Field(default=0, sa_type=sa.SmallInteger)
    """The highest item number ever given: a number never comes back, so nothing old fits a new item."""
    sections_made: int = Field(default=0, sa_type=sa.SmallInteger)
    next_review_at: datetime | None = instant_field(default=None)
    created_at: datetime = instant_field()
    created_by_id: UUID = id_field()
    activated_at: datetime | None = instant_field(default=None)
    closed_at: datetime | None = instant_field(default=None)
    version: int = 1
    seal_rev: int = 0

    @property
    def pinned(self) -> Pinned:
        """The template version it stands on."""
        return Pinned(self.template_owner_id, self.template_id, self.template_version)

    @property
    def is_open(self) -> bool:
        """Still worked with."""
        return self.status in (PlanStatus.DRAFT, PlanStatus.ACTIVE)

    @classmethod
    def claim_under_client(cls, db: "Workspace", plan_id: UUID) -> "Plan":
        """The plan, locked for change after its client: for verbs that change what the client shows."""
        lock(db, db.find(cls, plan_id).client_id)
        return db.claim(cls, plan_id)

    @classmethod
    def claim_of(cls, db: "Workspace", part_id: UUID) -> "Plan":
        """The plan of a section or item, locked for change. Everybody locks the plan before its parts: its rules then
        hold for what is written into it, and nobody waits in a circle."""
        return db.claim(cls, plan_of(part_id))

    @classmethod
    def draft(
        cls,
        db: "Workspace",
        client_id: UUID,
        template_id: UUID,
        version: int | None = None,
        sections: Sequence[str] | None = None,
        language: str | None = None,
        custody: Custody | None = None,
        copy_from: UUID | None = None,
    ) -> UUID:
        """A new plan for an open client from a template's chosen sections (all that are not hidden when none are
        named), with the survivor's words of an earlier plan of hers when asked. Returns its id. Conflict for closed
        clients and retired templates, Invalid for unknown sections or plans."""
        must_be_open(db, client_id)
        if db.one(_DRAFTS, client_id=client_id).there >= MOST_DRAFTS:
            raise Conflict("too-many-drafts")
        settings, _ = local(db)
        pinned = pin(db, template_id, version)
        source = document(db, pinned)
        plan_id = new_plan_id()
        places = {"plan_id": plan_id, "client_id": client_id}
        parts, items = _parts(plan_id, source, _chosen(source, sections), places)
        row = {
            "id": plan_id,
            "client_id": client_id,
            "template_owner_id": pinned.owner_id,
            "template_id": template_id,
            "template_version": pinned.number,
            "custody": _stricter(custody or settings.custody_default, settings.custody_default),
            "language": _spoken(source, language or settings.language, asked=language is not None),
            "items_made": len(items),
            "sections_made": len(parts),
            "offered": counted(item["kind"] for item in items),
            "created_at": db.now,
            "created_by_id": db.actor.id,
        }
        db.create_many(_ADD, Action.PLAN_CREATED, [row])
        db.create_many(ADD_SECTIONS, None, parts)
        db.create_many(ADD_ITEMS, None, items)
        if copy_from is not None:
            db.find(Plan, plan_id).carry_over(db, copy_from)
        return plan_id

    def carry_over(self, db: "Workspace", earlier_id: UUID) -> None:
        """Take the survivor's words from an earlier plan of hers, item by item of the same key, and its shared facts.
        What was ticked there is not ticked here. Invalid when she has no such plan."""
        found = db.all(sa.select(Plan).where(_P.id == earlier_id, _P.client_id == self.client_id))
        if not found:
            raise Invalid(Fault("/copy_from", "unknown-plan", "The client has no such plan."))
        self.must_keep_words()
        earlier: Plan = found[0]
        theirs, ours = (_keys(document(db, plan.pinned)) for plan in (earlier, self))
        before = {theirs[row.source]: row for row in items_of(db, earlier.id, self.client_id) if row.source}
        for row in items_of(db, self.id, self.client_id):
            said = before.get(ours[row.source])
            if said is not None and (said.text or said.detail):
                item = db.claim(ChecklistItem, row.id)
                item.text, item.detail, item.whose_words = said.text, said.detail, said.whose_words
                db.record(Action.CHECKLIST_ITEM_UPDATED, item)
        if earlier.facts:
            db.claim(Plan, self.id).facts = earlier.facts
            db.record(Action.PLAN_UPDATED, self)
        db.flush()

    def activate(self, db: "Workspace") -> None:
        """Make it the plan in use; the one before is superseded. Doing it twice changes nothing."""
        if self.status is PlanStatus.ACTIVE:
            return
        if self.status is not PlanStatus.DRAFT:
            raise Conflict("plan-not-open")
        must_be_open(db, self.client_id)
        for before in active_of(db, self.client_id):
            old = db.claim(Plan, before.id)
            old.status, old.closed_at = PlanStatus.SUPERSEDED, db.now
            db.record(Action.PLAN_CLOSED, old)
            db.flush()
            review.drop_scheduled(db, old.id, old.client_id)
        self.status, self.activated_at = PlanStatus.ACTIVE, db.now
        db.record(Action.PLAN_ACTIVATED, self)

    def close(self, db: "Workspace") -> None:
        """No longer worked with; its scheduled reviews are cancelled. Doing it twice changes nothing."""
        if not self.is_open:
            return
        self.status, self.closed_at = PlanStatus.CLOSED, db.now
        db.record(Action.PLAN_CLOSED, self)
        db.flush()
        review.drop_scheduled(db, self.id, self.client_id)

    def update(self, db: "Workspace", **changes: Any) -> None:
        """Change language, shared facts or custody (only to something stricter, also once the plan has ended); the row
        was claimed."""
        if set(changes) - {"custody"}:
            self.must_be_open()
        if "custody" in changes:
            self.custody = _stricter(changes["custody"], self.custody)
            if self.custody is Custody.EVENT_ONLY:
                self._forget_words(db)
        if "facts" in changes:
            if changes["facts"]:
                self.must_keep_words()
            changes["facts"] = {**(self.facts or {}), **changes["facts"]}
            changes["facts"] = {name: value for name, value in changes["facts"].items() if value is not None}
            if len(changes["facts"]) > MOST_FACTS:
                raise Invalid(Fault("/facts", "too-long", str(MOST_FACTS)))
        if "language" in changes:
            changes["language"] = _spoken(document(db, self.pinned), changes["language"], asked=True)
        for name, value in changes.items():
            setattr(self, name, value)
        db.record(Action.PLAN_UPDATED, self, *changes)

    def _forget_words(self, db: "Workspace") -> None:
        """From now on only that planning happened is kept: every word of the survivor's in this plan goes."""
        there = [row.id for row in items_of(db, self.id, self.client_id) if row.text or row.detail]
        for item in [db.claim(ChecklistItem, row_id) for row_id in there]:
            if item.source:
                item.text, item.detail, item.whose_words = None, None, Whose.TEMPLATE
                db.record(Action.CHECKLIST_ITEM_UPDATED, item)
            else:
                item.remove(db)
        for section in db.all(sa.select(PlanSection).where(columns(PlanSection).plan_id == self.id)):
            if section.title:
                db.claim(PlanSection, section.id).title = None
                db.record(Action.PLAN_SECTION_UPDATED, section)
        review.forget_words(db, self.id)
        self.facts = None

    def must_be_open(self) -> None:
        """Conflict unless draft or active."""
        if not self.is_open:
            raise Conflict("plan-not-open")

    def must_keep_words(self) -> None:
        """Conflict when the plan's custody says that no content is kept anywhere."""
        if self.custody is Custody.EVENT_ONLY:
            raise Conflict("custody-keeps-no-words")

    def add_section(self, db: "Workspace", key: str | None, title: str | None) -> PlanSection:
        """One more section: the template's by key, with its items, or an own one by title; the plan was claimed."""
        self.must_be_open()
        there = sections_of(db, self.id, self.client_id)
        if len(there) >= MOST_SECTIONS:
            raise Conflict("too-many-sections")
        _, number = self._number(db, sections=1)
        position = max((s.position for s in there), default=0) + 1
        values: dict[str, Any] = {"id": section_id(self.id, number), "plan_id": self.id, "client_id": self.client_id}
        source = 0 if key is None else self._unused(db, key, {s.source for s in there})
        if title is not None:
            self.must_keep_words()
            values["title"] = title
        section = db.create(PlanSection, Action.PLAN_SECTION_ADDED, source=source, position=position, **values)
        db.flush()
        if source:
            self._add_items_of(db, source, number)
        self._touch(db)
        return section

    def change_section(self, db: "Workspace", section: PlanSection, **changes: Any) -> None:
        """Choose, decline, postpone, move or rename a section; its row was claimed."""
        self.must_be_open()
        if "title" in changes:
            self.must_keep_words()
        section.update(db, **changes)
        self._touch(db)

    def change_item(self, db: "Workspace", item: ChecklistItem, **changes: Any) -> None:
        """Personalise an item of this plan; its row was claimed. Conflict when the plan keeps no words or is closed,
        NotFound for another plan's item."""
        if plan_of(item.id) != self.id:
            raise NotFound
        self.must_be_open()
        if changes.get("text") is not None or changes.get("detail") is not None:
            self.must_keep_words()
        item.personalise(db, **changes)

    def change_items(self, db: "Workspace", changes: Sequence[tuple[UUID, int, dict[str, Any]]]) -> None:
        """Personalise several items (id, version, changes): all of them, or none."""
        if len({wanted for wanted, _, _ in changes}) < len(changes):
            raise Invalid(Fault("/items", "item-twice", "An item is named twice; put its changes together."))
        for wanted, version, changed in changes:
            self.change_item(db, db.claim(ChecklistItem, wanted, version), **changed)

    def remove_section(self, db: "Workspace", section: PlanSection) -> None:
        """Take a section and its items off the plan; both rows were claimed."""
        self.must_be_open()
        number = number_of(section.id)
        there = [row.id for row in items_of(db, self.id, self.client_id) if row.section == number]
        for item in [db.claim(ChecklistItem, row_id) for row_id in there]:
            item.remove(db)
        db.record(Action.PLAN_SECTION_REMOVED, section)
        db.delete(section)
        self._touch(db)

    def add_item(self, db: "Workspace", section_id: UUID, kind: ItemKind, text: str, **values: Any) -> ChecklistItem:
        """One more item in the survivor's or the advocate's own words; the plan was claimed."""
        sections = {row.id for row in sections_of(db, self.id, self.client_id)}
        if section_id not in sections:
            raise Invalid(Fault("/section_id", "unknown-section", "The plan has no such section."))
        self.must_be_open()
        self.must_keep_words()
        there = items_of(db, self.id, self.client_id)
        if len(there) >= MOST_ITEMS:
            raise Conflict("too-many-items")
        number, _ = self._number(db, items=1)
        item = db.create(
            ChecklistItem,
            Action.CHECKLIST_ITEM_ADDED,
            id=item_id(self.id, number),
            plan_id=self.id,
            client_id=self.client_id,
            section=number_of(section_id),
            source=0,
            kind=kind,
            text=text,
            **{"status": ItemStatus.PLANNED if kind.tickable else ItemStatus.OFFERED, "whose_words": Whose.SURVIVOR}
            | values,
        )
        db.flush()
        if kind.tickable:
            count(db, self.id, {item.status: 1})
        return item

    def _unused(self, db: "Workspace", key: str, used: set[int]) -> int:
        source = document(db, self.pinned)
        number = next((n for n, s in enumerate(source.sections, 1) if s.key == key), None)
        if number is None:
            raise Invalid(Fault("/key", "unknown-section", "The template has no such section."))
        if number in used:
            raise Conflict("section-there")
        return number

    def _add_items_of(self, db: "Workspace", source: int, number: int) -> None:
        places = {"plan_id": self.id, "client_id": self.client_id}
        offered = _offered(document(db, self.pinned), source)
        if len(items_of(db, self.id, self.client_id)) + len(offered) > MOST_ITEMS:
            raise Conflict("too-many-items")
        first, _ = self._number(db, items=len(offered))
        items = _items(self.id, offered, number, first, places)
        if items:
            db.create_many(ADD_ITEMS, None, items)
            count(db, self.id, {ItemStatus.OFFERED: counted(item["kind"] for item in items)})

    def _number(self, db: "Workspace", *, items: int = 0, sections: int = 0) -> tuple[int, int]:
        """The first of so many new item and section numbers; the plan was claimed. A number never comes back, so that
        nothing meant for a removed item fits a new one. Conflict when the numbers of a plan are used up."""
        first = self.items_made + 1, self.sections_made + 1
        if self.items_made + items > MOST_NUMBERS:
            raise Conflict("too-many-items")
        if self.sections_made + sections > MOST_NUMBERS:
            raise Conflict("too-many-sections")
        db.change(_NUMBERED, plan_id=self.id, more_items=items, more_sections=sections)
        set_committed_value(self, "items_made", self.items_made + items)
        set_committed_value(self, "sections_made", self.sections_made + sections)
        return first

    def _touch(self, db: "Workspace") -> None:
        """The plan shows its sections, so its version grows with them."""
        count(db, self.id, {})


# -- making the rows of a plan ------------------------------------------------------------------------------------


def _chosen(source: TemplateDocument, keys: Sequence[str] | None) -> list[int]:
    numbers = {section.key: number for number, section in enumerate(source.sections, 1)}
    if keys is None:
        return [numbers[section.key] for section in source.sections if not section.hidden]
    faults = [
        Fault(f"/sections/{i}", "unknown-section", "The template has no such section.")
        for i, key in enumerate(keys)
        if key not in numbers
    ]
    if faults:
        raise Invalid(*faults)
    return [numbers[key] for key in dict.fromkeys(keys)]


def _keys(source: TemplateDocument) -> dict[int, str]:
    """Item number -> key, over the whole document."""
    return dict(enumerate((item.key for section in source.sections for item in section.items), 1))


def _parts(
    plan_id: UUID, source: TemplateDocument, chosen: list[int], places: dict[str, UUID]
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    sections: list[dict[str, Any]] = []
    items: list[dict[str, Any]] = []
    for number, wanted in enumerate(chosen, 1):
        sections.append({"id": section_id(plan_id, number), "source": wanted, "position": number} | places)
        items += _items(plan_id, _offered(source, wanted), number, len(items) + 1, places)
    return sections, items


def _offered(source: TemplateDocument, wanted: int) -> list[tuple[int, ItemText]]:
    """A section's items with their numbers in the document, without the hidden ones."""
    before = sum(len(s.items) for s in source.sections[: wanted - 1])
    return [(before + n, item) for n, item in enumerate(source.sections[wanted - 1].items, 1) if not item.hidden]


def _items(
    plan_id: UUID, offered: list[tuple[int, ItemText]], section: int, first: int, places: dict[str, UUID]
) -> list[dict[str, Any]]:
    return [
        {"id": item_id(plan_id, first + i), "section": section, "source": number, "kind": item.kind} | places
        for i, (number, item) in enumerate(offered)
    ]


def _stricter(asked: Custody, least: Custody) -> Custody:
    order = list(Custody)  # strictest first
    if order.index(asked) > order.index(least):
        raise Conflict("custody-only-stricter")
    return asked


def _spoken(source: TemplateDocument, language: str, *, asked: bool) -> str:
    found = closest(language, [source.language, *source.translations])
    if found is None and asked:
        raise Invalid(Fault("/language", "language-not-available", "The template is not written in this language."))
    return found or source.language


# -- statements ---------------------------------------------------------------------------------------------------

_P = columns(Plan)
_ADD = Insert(Plan)
_READ = Query(
    sa.select(
        _P.id,
        _P.client_id,
        _P.template_owner_id,
        _P.template_id,
        _P.template_version,
        _P.status,
        _P.custody,
        _P.language,
        _P.next_review_at,
        _P.created_at,
        _P.activated_at,
        _P.closed_at,
        _P.facts_sealed,
        _P.version,
        *(_P[status.value] for status in ItemStatus),
    ).where(_P.id == sa.bindparam("plan_id", type_=ID, required=True))
)
_DRAFTS = Query(sa.select(sa.func.count(_P.id).label("there")).where(_P.status == PlanStatus.DRAFT), Sight.ONE_CLIENT)
_NUMBERED = Change(
    sa.update(table_of(Plan))
    .where(_P.id == sa.bindparam("plan_id", type_=ID, required=True))
    .values(
        items_made=_P.items_made + sa.bindparam("more_items", required=True),
        sections_made=_P.sections_made + sa.bindparam("more_sections", required=True),
    )
)
_ACTIVE = Query(
    sa.select(_P.id).where(_P.client_id == sa.bindparam("of", type_=ID, required=True), _P.status == PlanStatus.ACTIVE)
)


def read(db: "Workspace", plan_id: UUID) -> Any:
    """A plan's row with its shared facts opened; from here on its client is in sight. NotFound."""
    row = db.one(_READ, plan_id=plan_id)
    db.saw(row.client_id)
    return row


_OPEN = Query(sa.select(_P.client_id, _P.status).where(_P.id == sa.bindparam("plan_id", type_=ID, required=True)))


def must_take_reviews(db: "Workspace", plan_id: UUID) -> UUID:
    """The client of an open plan. NotFound out of sight, Conflict once it is closed or superseded."""
    client_id: UUID = db.one(_OPEN, plan_id=plan_id).client_id
    db.saw(client_id)
    must_be_open(db, client_id)
    if db.one(_OPEN, plan_id=plan_id).status not in (PlanStatus.DRAFT, PlanStatus.ACTIVE):
        raise Conflict("plan-not-open")
    return client_id


def must_have_plan_in_use(db: "Workspace", client_id: UUID) -> UUID:
    """The client's active plan. NotFound for a client out of sight, Conflict when no plan is active."""
    must_be_open(db, client_id)
    found = active_of(db, client_id)
    if not found:
        raise Conflict("no-active-plan")
    plan_id: UUID = found[0].id
    return plan_id


def active_of(db: "Workspace", client_id: UUID) -> list[Any]:
    """The id of the client's plan in use, if there is one."""
    return db.rows(_ACTIVE, of=client_id)


def close_case(db: "Workspace", client: Client, reason: str) -> None:
    """Close a client's case with a reason, her open plans and their scheduled reviews with it; the row was claimed."""
    for status in (PlanStatus.DRAFT, PlanStatus.ACTIVE):
        for plan in db.all(sa.select(Plan).where(_P.client_id == client.id, _P.status == status)):
            db.claim(Plan, plan.id).close(db)
    client.close(db, reason)


def plans_of(
    db: "Workspace", client_id: UUID, status: Sequence[PlanStatus], most: int, after: UUID | None
) -> list[Plan]:
    """A client's plans by id, at most `most`, those behind `after`; of some status only when any is named."""
    found = sa.select(Plan).where(_P.client_id == client_id).order_by(_P.id).limit(most)
    if after is not None:
        found = found.where(_P.id > after)
    if status:
        found = found.where(_P.status.in_(status))
    return db.all(found)
