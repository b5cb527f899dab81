"""Reviews: when a plan is looked at again, by whom, and what had changed. The next counts from the last completion."""

import re
from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from functools import lru_cache
from typing import TYPE_CHECKING, Any, ClassVar
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from sqlmodel import Field

from models.assignment import NO_REVIEW
from models.base import (
    ID,
    INSTANT,
    ClientRecord,
    choice,
    columns,
    id_field,
    instant_field,
    sealed_column,
    table_of,
    within,
)
from models.errors import Conflict
from models.ledger.action import Action
from models.rows import Change, Insert, Query, Sight
from models.vault.sealed import Sealed

if TYPE_CHECKING:
    from models.workspace import Workspace


class ReviewKind(StrEnum):
    """Why a review is held: its time has come, or something happened."""

    ROUTINE = "routine"
    EVENT = "event"


class Trigger(StrEnum):
    """What may happen that calls for looking at a plan again."""

    COURT_FILING = "court_filing"
    HEARING = "hearing"
    ORDER_SERVED = "order_served"
    ORDER_BREACHED = "order_breached"
    SEPARATION = "separation"
    PREGNANCY = "pregnancy"
    RELEASE_FROM_CUSTODY = "release_from_custody"
    MOVE = "move"
    NEW_PARTNER = "new_partner"
    CUSTODY_EXCHANGE_CHANGE = "custody_exchange_change"
    SHELTER_EXIT = "shelter_exit"
    OTHER = "other"


class ReviewStatus(StrEnum):
    """What is stored. Due and overdue are read off the clock instead."""

    SCHEDULED = "scheduled"
    COMPLETED = "completed"
    CANCELLED = "cancelled"


class ReviewState(StrEnum):
    """What a review is now, at this agency's place on earth."""

    SCHEDULED = "scheduled"
    DUE = "due"
    OVERDUE = "overdue"
    COMPLETED = "completed"
    CANCELLED = "cancelled"


INTERVAL = re.compile(r"P(?:([1-9][0-9]{0,2})([DW]))")


class Review(ClientRecord, table=True):
    """One appointment with a plan."""

    __tablename__ = "reviews"
    narratives: ClassVar[tuple[str, ...]] = ("reason", "what_changed")
    __table_args__ = (
        within("plan_id", "plans"),
        sa.Index("ix_reviews_due", "agency_id", "due_at", "id"),
        sa.Index("ix_reviews_plan", "agency_id", "plan_id", "status", "due_at"),
    )

    plan_id: UUID = id_field()
    due_at: datetime = instant_field()
    time_zone: str
    reviewer_id: UUID | None = id_field(default=None)
    kind: ReviewKind = Field(default=ReviewKind.ROUTINE, sa_type=choice(ReviewKind))
    trigger: Trigger | None = Field(default=None, sa_type=choice(Trigger))
    recurrence: str | None = None
    status: ReviewStatus = Field(default=ReviewStatus.SCHEDULED, sa_type=choice(ReviewStatus))
    follows_id: UUID | None = id_field(default=None)
    created_at: datetime = instant_field()
    completed_at: datetime | None = instant_field(default=None)
    completed_by_id: UUID | None = id_field(default=None)
    cancelled_at: datetime | None = instant_field(default=None)
    cancelled_by_id: UUID | None = id_field(default=None)
    what_changed_sealed: bytes | None = sealed_column()
    what_changed = Sealed[str]()
    reason_sealed: bytes | None = sealed_column()
    reason = Sealed[str]()
    version: int = 1
    seal_rev: int = 0

    @classmethod
    def schedule(cls, db: "Workspace", plan_id: UUID, client_id: UUID, due_at: datetime, **values: Any) -> UUID:
        """A new review of an open plan. Returns its id."""
        review_id = uuid4()
        row = {"id": review_id, "plan_id": plan_id, "client_id": client_id, "due_at": due_at, "created_at": db.now}
        db.create_many(_ADD, Action.REVIEW_SCHEDULED, [row | values])
        settle(db, plan_id, client_id)
        return review_id

    def reschedule(self, db: "Workspace", **changes: Any) -> None:
        """Move it or hand it to another reviewer; the row was claimed. Conflict once it is completed or cancelled."""
        self._must_be_scheduled()
        for name, value in changes.items():
            setattr(self, name, value)
        db.record(Action.REVIEW_UPDATED, self, *changes)
        db.flush()
        settle(db, self.plan_id, self.client_id)

    def complete(self, db: "Workspace", what_changed: str | None, next_due_at: datetime | None) -> UUID | None:
        """It was held. Returns the id of the next one: at `next_due_at`, else one interval after now (R28). An extra
        review resets the rhythm: other routine reviews of the plan give way to the new one."""
        if self.status is ReviewStatus.COMPLETED:
            before = self.following(db)
            return before.id if before else None
        self._must_be_scheduled()
        self.status, self.completed_at, self.completed_by_id = ReviewStatus.COMPLETED, db.now, db.actor.id
        self.what_changed = what_changed
        db.record(Action.REVIEW_COMPLETED, self)
        db.flush()
        due_at = next_due_at or (later(db.now, self.recurrence, self.time_zone) if self.recurrence else None)
        if due_at is None:
            settle(db, self.plan_id, self.client_id)
            return None
        others = [o for o in scheduled_of(db, self.plan_id, self.client_id) if o.kind is ReviewKind.ROUTINE]
        for other in others:
            db.change(_DROP, review_id=other.id, at=db.now, by=db.actor.id)
            db.note(Action.REVIEW_CANCELLED, "reviews", [other.id], self.client_id)
        rhythm = self.recurrence or next((o.recurrence for o in others if o.recurrence), None)
        kept = {"time_zone": self.time_zone, "reviewer_id": self.reviewer_id, "recurrence": rhythm}
        return Review.schedule(db, self.plan_id, self.client_id, due_at, **kept, follows_id=self.id)

    def cancel(self, db: "Workspace", reason: str | None) -> None:
        """It will not be held, for a reason. Doing it twice changes nothing."""
        if self.status is ReviewStatus.CANCELLED:
            return
        self._must_be_scheduled()
        self.status, self.cancelled_at, self.cancelled_by_id = ReviewStatus.CANCELLED, db.now, db.actor.id
        self.reason = reason
        db.record(Action.REVIEW_CANCELLED, self)
        db.flush()
        settle(db, self.plan_id, self.client_id)

    def following(self, db: "Workspace") -> Any | None:
        """The review (id, due_at) that completing this one made, if any."""
        db.saw(self.client_id)
        found = db.rows(_FOLLOWING, client_id=self.client_id, review_id=self.id)
        return found[0] if found else None

    def _must_be_scheduled(self) -> None:
        if self.status is not ReviewStatus.SCHEDULED:
            raise Conflict("review-ended")


def later(at: datetime, interval: str, zone: str) -> datetime:
    """`at` plus an ISO 8601 interval of days or weeks, at the same hour of the wall clock there."""
    match = INTERVAL.fullmatch(interval)
    if match is None:
        raise ValueError("an interval is a number of days or weeks, such as P8W")
    days = int(match[1]) * (7 if match[2] == "W" else 1)
    return (at.astimezone(ZoneInfo(zone)) + timedelta(days=days)).astimezone(UTC)


def day_bounds(now: datetime, zone: str) -> tuple[datetime, datetime]:
    """Where today begins and ends at a place, as instants."""
    return _midnights(now.astimezone(ZoneInfo(zone)).date(), zone)


@lru_cache(maxsize=64)
def _midnights(day: date, zone: str) -> tuple[datetime, datetime]:
    there = ZoneInfo(zone)
    begins, ends = (datetime.combine(d, time(), there) for d in (day, day + timedelta(days=1)))
    return begins.astimezone(UTC), ends.astimezone(UTC)


def state_of(status: ReviewStatus, due_at: datetime, now: datetime, zone: str) -> ReviewState:
    """Due on its day at the agency, overdue from the next midnight there; else what is stored."""
    if status is not ReviewStatus.SCHEDULED:
        return ReviewState(status.value)
    begins, ends = day_bounds(now, zone)
    if due_at < begins:
        return ReviewState.OVERDUE
    return ReviewState.DUE if due_at < ends else ReviewState.SCHEDULED


# -- statements ---------------------------------------------------------------------------------------------------

_R = columns(Review)
_ADD = Insert(Review)
_REVIEW_ID = sa.bindparam("review_id", type_=ID, required=True)
_FOLLOWING = Query(sa.select(_R.id, _R.due_at).where(_R.follows_id == _REVIEW_ID), Sight.ONE_CLIENT)
_SCHEDULED = Query(
    sa.select(_R.id, _R.kind, _R.recurrence)
    .where(_R.plan_id == sa.bindparam("plan_id", type_=ID, required=True), _R.status == ReviewStatus.SCHEDULED)
    .order_by(_R.due_at),
    Sight.ONE_CLIENT,
)
_HERS_TO_HOLD = (
    _R.client_id == sa.bindparam("of", type_=ID, required=True),
    _R.reviewer_id == sa.bindparam("who", type_=ID, required=True),
    _R.status == ReviewStatus.SCHEDULED,
)
_TO_HOLD = Query(sa.select(_R.id).where(*_HERS_TO_HOLD))
_PASS_ON = Change(
    sa.update(table_of(Review))
    .where(*_HERS_TO_HOLD)
    .values(reviewer_id=sa.bindparam("to", type_=ID, required=True), version=_R.version + 1)
)
_DROP = Change(
    sa.update(table_of(Review))
    .where(_R.id == _REVIEW_ID)
    .values(
        status=ReviewStatus.CANCELLED,
        cancelled_at=sa.bindparam("at", type_=INSTANT, required=True),
        cancelled_by_id=sa.bindparam("by", type_=ID, required=True),
        version=_R.version + 1,
    )
)


def _above(name: str, id_column: str, column: str, *extra: str) -> Any:
    """The rows above a review, by name only: contents do not import their container."""
    named = [sa.column("agency_id", ID), sa.column(id_column, ID), sa.column(column, INSTANT)]
    return sa.table(name, *named, *(sa.column(other) for other in extra))


_PLANS = _above("plans", "id", "next_review_at", "version")
_CLIENTS = _above("clients", "id", "attention_at")
_ASSIGNMENTS = _above("assignments", "client_id", "attention_at", "ended_at")
_SOONEST = Query(
    sa.select(
        sa.func.min(_R.due_at).label("of_client"),
        sa.func.min(
            sa.case((_R.plan_id == sa.bindparam("plan_id", type_=ID, required=True), _R.due_at)), type_=_R.due_at.type
        ).label("of_plan"),
    ).where(_R.status == ReviewStatus.SCHEDULED),
    Sight.ONE_CLIENT,
)
_AT = sa.bindparam("at", type_=INSTANT, required=True)
_SET_PLAN = Change(
    sa.update(_PLANS)
    .where(_PLANS.c.id == sa.bindparam("plan_id", type_=ID, required=True))
    .values(next_review_at=_AT, version=_PLANS.c.version + 1)
)
_CLIENT_ID = sa.bindparam("client", type_=ID, required=True)
_SET_CLIENT = Change(sa.update(_CLIENTS).where(_CLIENTS.c.id == _CLIENT_ID).values(attention_at=_AT))
_SET_ASSIGNMENTS = Change(
    sa.update(_ASSIGNMENTS)
    .where(_ASSIGNMENTS.c.client_id == _CLIENT_ID, _ASSIGNMENTS.c.ended_at.is_(None))
    .values(attention_at=_AT)
)


def scheduled_of(db: "Workspace", plan_id: UUID, client_id: UUID) -> list[Any]:
    """A plan's scheduled reviews (id, kind, recurrence), soonest first."""
    return db.rows(_SCHEDULED, plan_id=plan_id, client_id=client_id)


def forget_words(db: "Workspace", plan_id: UUID) -> None:
    """Nothing that was said in a plan's reviews is kept any longer."""
    for review in db.all(sa.select(Review).where(_R.plan_id == plan_id)):
        if review.what_changed or review.reason:
            claimed = db.claim(Review, review.id)
            claimed.what_changed = claimed.reason = None
            db.record(Action.REVIEW_UPDATED, claimed)


def drop_scheduled(db: "Workspace", plan_id: UUID, client_id: UUID) -> None:
    """A plan that ended needs no more reviews: cancel those scheduled."""
    dropped = [row.id for row in scheduled_of(db, plan_id, client_id)]
    for review_id in dropped:
        db.change(_DROP, review_id=review_id, at=db.now, by=db.actor.id)
    if dropped:
        db.note(Action.REVIEW_CANCELLED, "reviews", dropped, client_id)
        settle(db, plan_id, client_id)


def settle(db: "Workspace", plan_id: UUID, client_id: UUID) -> None:
    """Bring "next review" on the plan, the client and her open assignments up to the reviews as they are now."""
    soonest = db.one(_SOONEST, plan_id=plan_id, client_id=client_id)
    db.change(_SET_PLAN, plan_id=plan_id, at=soonest.of_plan)
    attention = soonest.of_client or NO_REVIEW
    db.change(_SET_CLIENT, client=client_id, at=attention)
    db.change(_SET_ASSIGNMENTS, client=client_id, at=attention)


def pass_on(db: "Workspace", client_id: UUID, from_id: UUID, to_id: UUID | None) -> None:
    """Give the scheduled reviews of a client that somebody was to hold to somebody else, or to nobody. Who held or made
    earlier ones stays. The client is locked."""
    with db.blindly():
        found = [row.id for row in db.rows(_TO_HOLD, of=client_id, who=from_id)]
    if found:
        db.change(_PASS_ON, of=client_id, who=from_id, to=to_id)
        db.note(Action.REVIEW_UPDATED, "reviews", found, client_id, ("reviewer_id",))


def reviews_of(
    db: "Workspace",
    states: Sequence[ReviewState],
    zone: str,
    *,
    before: datetime | None,
    after: datetime | None,
    reviewer_id: UUID | None,
    most: int,
    position: tuple[datetime, UUID] | None,
) -> list[Review]:
    """Reviews in sight by due date, at most `most`, those behind `position`; `states` are read by the clock there."""
    found: Any = sa.select(Review).order_by(_R.due_at, _R.id).limit(most)
    if states:
        found = found.where(sa.or_(*(_in_state(state, *day_bounds(db.now, zone)) for state in states)))
    if before is not None:
        found = found.where(_R.due_at < before)
    if after is not None:
        found = found.where(_R.due_at > after)
    if reviewer_id is not None:
        found = found.where(_R.reviewer_id == reviewer_id)
    if position is not None:
        found = found.where(
            sa.tuple_(_R.due_at, _R.id)
            > sa.tuple_(*(sa.literal(p, c.type) for p, c in zip(position, (_R.due_at, _R.id), strict=True)))
        )
    return db.all(found)


def _in_state(state: ReviewState, begins: datetime, ends: datetime) -> Any:
    if state in (ReviewState.COMPLETED, ReviewState.CANCELLED):
        return _R.status == ReviewStatus(state.value)
    bounds = {
        ReviewState.OVERDUE: _R.due_at < begins,
        ReviewState.DUE: sa.and_(_R.due_at >= begins, _R.due_at < ends),
        ReviewState.SCHEDULED: _R.due_at >= ends,
    }
    return sa.and_(_R.status == ReviewStatus.SCHEDULED, bounds[state])
