"""Volunteers: who helps with which section of a client's plan, and what she is shown for it: alias, words, ticks."""

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar
from uuid import UUID, uuid4

import sqlalchemy as sa
from sqlmodel import Field

from models.access import Reach, Role
from models.assignment import must_not_be_kept_from
from models.base import ID, INSTANT, ClientRecord, columns, id_field, instant_field, table_of, within
from models.checklist import OPEN_PLANS, ChecklistItem, Choice, ItemStatus, PlanSection, number_of
from models.client import Client
from models.errors import Conflict, Fault, Invalid, NotFound
from models.ledger.action import Action
from models.notice import NoticeKind, tell
from models.overseers import holding
from models.plan import Plan
from models.rows import ACTOR, Change, Insert, Query

if TYPE_CHECKING:
    from models.workspace import Workspace

MOST = 200  # sections one volunteer is shown


class SectionVolunteer(ClientRecord, table=True):
    """That a volunteer helps with one section of a plan. Ended rows stay: who saw it is not forgotten."""

    __tablename__ = "section_volunteers"
    vouched: ClassVar[tuple[str, ...]] = ("client_id", "plan_id", "section_id", "number", "user_id", "ended_at")
    __table_args__ = (
        within("client_id", "clients"),
        within("plan_id", "plans"),
        within("user_id", "users"),
        sa.Index(
            "uq_section_volunteers_open",
            "agency_id",
            "user_id",
            "section_id",
            unique=True,
            sqlite_where=sa.text("ended_at IS NULL"),
            postgresql_where=sa.text("ended_at IS NULL"),
        ),
        sa.Index("ix_section_volunteers_client", "agency_id", "client_id"),
        sa.Index("ix_section_volunteers_section", "agency_id", "section_id"),
    )

    plan_id: UUID = id_field()
    section_id: UUID = id_field()
    number: int = Field(sa_type=sa.SmallInteger)
    """The section's number in its plan, which its items carry."""
    user_id: UUID = id_field()
    started_at: datetime = instant_field()
    started_by_id: UUID = id_field()
    ended_at: datetime | None = instant_field(default=None)
    ended_by_id: UUID | None = id_field(default=None)


@dataclass(frozen=True)
class Task:
    """A section a volunteer helps with: its rows, with what the template's words need."""

    given: Any
    section: Any
    items: list[Any]


def give(db: "Workspace", section_id: UUID, user_id: UUID) -> UUID:
    """Let a volunteer see the words of one section and tick its items, with the client's alias and nothing else.
    Returns the row's id; who has it already keeps it. Invalid unless she is an active volunteer; Conflict for a closed
    plan, a restricted client, and for whoever a wall keeps from the client."""
    plan = Plan.claim_of(db, section_id)
    db.find(PlanSection, section_id)
    plan.must_be_open()
    if user_id not in holding(db, Role.VOLUNTEER):
        raise Invalid(Fault("/user_id", "not-a-volunteer", "This person is not an active volunteer of this agency."))
    if db.find(Client, plan.client_id).restricted:
        raise Conflict("client-restricted")
    must_not_be_kept_from(db, plan.client_id, user_id)
    for there in db.rows(_OPEN, section_id=section_id):
        if there.user_id == user_id:
            here: UUID = there.id
            return here
    row = {"id": uuid4(), "client_id": plan.client_id, "plan_id": plan.id, "section_id": section_id}
    who = {"user_id": user_id, "started_at": db.now, "started_by_id": db.actor.id}
    db.create_many(_ADD, Action.VOLUNTEER_ASSIGNED, [row | who | {"number": number_of(section_id)}])
    tell(db, [user_id], NoticeKind.SECTION_GIVEN)
    return row["id"]


def take_back(db: "Workspace", section_id: UUID, user_id: UUID) -> None:
    """From her next request on she neither sees nor ticks it; what she ticked stays hers. Doing it twice changes
    nothing. NotFound for a section out of sight, and for whoever never helped with it."""
    plan = Plan.claim_of(db, section_id)
    hers = [row for row in helpers(db, section_id) if row.user_id == user_id]
    if not hers:
        raise NotFound
    for there in hers:
        if there.ended_at is None:
            db.change(_END, row_id=there.id, at=db.now, by=db.actor.id)
            db.note(Action.VOLUNTEER_ENDED, "section_volunteers", [there.id], plan.client_id)


def take_all(db: "Workspace", client_id: UUID, user_id: UUID) -> None:
    """A wall was set up: whatever she helps with of this client's ends, and does not come back when it is lifted."""
    with db.blindly():
        there = db.rows(_OF_BOTH, client_id=client_id, user_id=user_id)
    for row in there:
        db.change(_END, row_id=row.id, at=db.now, by=db.actor.id)
        db.note(Action.VOLUNTEER_ENDED, "section_volunteers", [row.id], client_id)


def as_seen(db: "Workspace", item: Any) -> Any:
    """What a tick returned, with counters of what the caller sees: of a volunteer's sections, not of the whole plan."""
    if db.reach is not Reach.SECTIONS:
        return item
    counters = dict.fromkeys(ItemStatus, 0)
    for row in db.rows(_STATES, plan_id=item.plan_id):
        counters[row.status] += row.kind.tickable
    return item._replace(**{status.value: number for status, number in counters.items()})


def helpers(db: "Workspace", section_id: UUID) -> list[Any]:
    """Who helps, or helped, with a section, newest first. NotFound when it is out of sight."""
    db.find(PlanSection, section_id)
    return db.rows(_OF_SECTION, section_id=section_id)


def read(db: "Workspace", row_id: UUID) -> Any:
    """One row. NotFound."""
    return db.one(_ONE, row_id=row_id)


def tasks(db: "Workspace") -> list[Task]:
    """The sections the caller helps with, of open plans and not declined, oldest first, with the client's alias. Only
    their words are opened."""
    found = db.rows(_MINE, most=MOST)
    done = [
        Task(given, section, db.rows(_ITEMS, plan_id=given.plan_id, number=given.number))
        for given in found
        for section in db.rows(_SECTION, section_id=given.section_id)
    ]
    db.note(Action.VOLUNTEER_TASKS_READ, "section_volunteers", [task.given.id for task in done])
    return done


_V, _P, _C, _S, _I = (
    columns(SectionVolunteer),
    columns(Plan),
    columns(Client),
    columns(PlanSection),
    columns(ChecklistItem),
)
_ADD = Insert(SectionVolunteer)
_SECTION_ID: Any = sa.bindparam("section_id", type_=ID, required=True)
_ROW_ID: Any = sa.bindparam("row_id", type_=ID, required=True)
_SHOWN = tuple(c for c in _V if c.name != "agency_id")
_OF_SECTION = Query(sa.select(*_SHOWN).where(_V.section_id == _SECTION_ID).order_by(_V.started_at.desc(), _V.id))
_ONE = Query(sa.select(*_SHOWN).where(_V.id == _ROW_ID))
_OPEN = Query(sa.select(_V.id, _V.user_id).where(_V.section_id == _SECTION_ID, _V.ended_at.is_(None)))
_OF_BOTH = Query(
    sa.select(_V.id).where(
        _V.client_id == sa.bindparam("client_id", type_=ID, required=True),
        _V.user_id == sa.bindparam("user_id", type_=ID, required=True),
        _V.ended_at.is_(None),
    )
)
_END = Change(
    sa.update(table_of(SectionVolunteer))
    .where(_V.id == _ROW_ID, _V.ended_at.is_(None))
    .values(
        ended_at=sa.bindparam("at", type_=INSTANT, required=True),
        ended_by_id=sa.bindparam("by", type_=ID, required=True),
    )
)
_MINE = Query(
    sa.select(_V.id, _V.client_id, _V.plan_id, _V.section_id, _V.number, _V.started_at, _C.alias_sealed)
    .add_columns(_P.template_owner_id, _P.template_id, _P.template_version, _P.language)
    .select_from(table_of(SectionVolunteer))
    .join(table_of(Client), sa.and_(_C.agency_id == _V.agency_id, _C.id == _V.client_id))
    .join(table_of(Plan), sa.and_(_P.agency_id == _V.agency_id, _P.id == _V.plan_id))
    .where(_V.user_id == ACTOR, _V.ended_at.is_(None), sa.or_(*(_P.status == status for status in OPEN_PLANS)))
    .order_by(_V.started_at, _V.id)
    .limit(sa.bindparam("most", required=True))
)
_SECTION = Query(
    sa.select(_S.id, _S.source, _S.choice, _S.title_sealed, _S.version).where(
        _S.id == _SECTION_ID, _S.choice != Choice.DECLINED
    )
)
_ITEMS = Query(
    sa.select(_I.id, _I.source, _I.kind, _I.status, _I.text_sealed, _I.detail_sealed, _I.completed_at, _I.version)
    .where(_I.plan_id == sa.bindparam("plan_id", type_=ID, required=True))
    .where(_I.section == sa.bindparam("number", required=True))
    .order_by(_I.id)
)
_STATES = Query(sa.select(_I.kind, _I.status).where(_I.plan_id == sa.bindparam("plan_id", type_=ID, required=True)))
