"""Reviews: scheduled with the survivor, held, moved or cancelled; due and overdue by the clock at the agency."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import Field

from api import paging
from api.door import Door, IfMatch
from api.gate import Can
from api.paging import Page
from api.shapes import Filter, In, Instant, Interval, Note, Out, Patch, Text, Zone
from models import agency
from models.access import Permission
from models.agency import Custody
from models.assignment import must_see_too
from models.base import EPOCH
from models.errors import Fault, Invalid
from models.ledger.action import Action
from models.plan import Plan, must_have_plan_in_use, must_take_reviews
from models.review import Review, ReviewKind, ReviewState, ReviewStatus, Trigger, reviews_of, state_of
from models.workspace import Workspace

router = APIRouter(tags=["reviews"], route_class=Door)


class ReviewIn(In):
    """When, where on the clock, with whom."""

    due_at: Instant
    time_zone: Zone | None = None
    """The agency's when not said."""
    reviewer_id: UUID | None = None
    """The caller when not said."""
    kind: ReviewKind = ReviewKind.ROUTINE
    trigger: Trigger | None = None
    """What happened, for an event review."""
    recurrence: Interval | None = None
    """Weeks or days to the next one, counted from completion; the agency's interval when not said. Event reviews
    recur only when it is said."""


class ReviewPatch(Patch):
    """What is to change."""

    due_at: Instant = EPOCH
    time_zone: Zone = "UTC"
    reviewer_id: UUID | None = None
    recurrence: Interval | None = None
    """null: this is the last one."""


class CompletionIn(In):
    """What was talked about, in the survivor's interest only."""

    what_changed: Text | None = None
    next_due_at: Instant | None = None
    """When the next one is; one interval from now when not said."""


class CancellationIn(In):
    """Why it is not held. A plan of which no words are kept takes no reason; every other one needs one."""

    reason: Note | None = None


class EventIn(In):
    """What happened to the client."""

    kind: Trigger


class Scope(StrEnum):
    """Whose reviews."""

    MINE = "mine"
    AGENCY = "agency"


class ReviewFilter(Filter):
    """Which reviews: mine are those I am the reviewer of; agency all I may see."""

    status: list[ReviewState] = []
    """By the clock: scheduled (a later day), due (today), overdue, completed, cancelled."""
    due_before: Instant | None = None
    due_after: Instant | None = None
    scope: Scope = Scope.MINE
    limit: Annotated[int, Field(ge=1, le=200)] = 50
    cursor: str | None = None


class ReviewSummary(Out):
    """A review in a list: nothing that was written in it."""

    id: UUID
    client_id: UUID
    plan_id: UUID
    due_at: datetime
    time_zone: str
    kind: ReviewKind
    trigger: Trigger | None
    reviewer_id: UUID | None
    state: ReviewState
    version: int

    @classmethod
    def of(cls, db: Workspace, row: Any, zone: str) -> "ReviewSummary":
        return cls(
            id=row.id,
            client_id=row.client_id,
            plan_id=row.plan_id,
            due_at=row.due_at,
            time_zone=row.time_zone,
            kind=row.kind,
            trigger=row.trigger,
            reviewer_id=row.reviewer_id,
            state=state_of(row.status, row.due_at, db.now, zone),
            version=row.version,
        )


class ReviewOut(Out):
    """A review."""

    home = "/v1/reviews"

    id: UUID
    client_id: UUID
    plan_id: UUID
    due_at: datetime
    time_zone: str
    kind: ReviewKind
    trigger: Trigger | None
    reviewer_id: UUID | None
    recurrence: str | None
    state: ReviewState
    what_changed: str | None
    reason: str | None
    """Why it was cancelled."""
    completed_at: datetime | None
    completed_by_id: UUID | None
    cancelled_at: datetime | None
    cancelled_by_id: UUID | None
    next_id: UUID | None
    """The review that completing this one made."""
    next_due_at: datetime | None
    version: int

    @classmethod
    def of(cls, db: Workspace, row: Review) -> "ReviewOut":
        following = row.following(db)
        return cls(
            id=row.id,
            client_id=row.client_id,
            plan_id=row.plan_id,
            due_at=row.due_at,
            time_zone=row.time_zone,
            kind=row.kind,
            trigger=row.trigger,
            reviewer_id=row.reviewer_id,
            recurrence=row.recurrence,
            state=state_of(row.status, row.due_at, db.now, agency.policy(db).time_zone),
            what_changed=row.what_changed,
            reason=row.reason,
            completed_at=row.completed_at,
            completed_by_id=row.completed_by_id,
            cancelled_at=row.cancelled_at,
            cancelled_by_id=row.cancelled_by_id,
            next_id=following.id if following else None,
            next_due_at=following.due_at if following else None,
            version=row.version,
        )

    @classmethod
    def again(cls, db: Workspace, row_id: UUID) -> "ReviewOut":
        review = db.find(Review, row_id)
        db.record(Action.REVIEW_READ, review)
        return cls.of(db, review)


class ReviewMadeOut(Out):
    """A new review."""

    home = "/v1/reviews"

    id: UUID
    client_id: UUID
    plan_id: UUID
    due_at: datetime
    time_zone: str
    kind: ReviewKind
    trigger: Trigger | None
    reviewer_id: UUID | None
    recurrence: str | None
    state: ReviewState
    version: int

    @classmethod
    def again(cls, db: Workspace, row_id: UUID) -> "ReviewMadeOut":
        row = db.find(Review, row_id)
        shown = {name: getattr(row, name) for name in cls.model_fields if name != "state"}
        return cls(**shown, state=state_of(row.status, row.due_at, db.now, agency.policy(db).time_zone))


@router.post("/plans/{plan_id}/reviews", status_code=201, summary="Schedule a review")
def create_review(
    plan_id: UUID, body: ReviewIn, db: Annotated[Workspace, Can(Permission.REVIEW_SCHEDULE)]
) -> ReviewMadeOut:
    """Agree on when the plan is looked at again, and by whom."""
    client_id = must_take_reviews(db, plan_id)
    return _schedule(db, plan_id, client_id, body)


@router.post("/clients/{client_id}/events", status_code=201, summary="Note an event and open a review")
def create_event(
    client_id: UUID, body: EventIn, db: Annotated[Workspace, Can(Permission.REVIEW_SCHEDULE)]
) -> ReviewMadeOut:
    """Something happened that calls for looking at the active plan again: a review is opened for today."""
    plan_id = must_have_plan_in_use(db, client_id)
    db.note(Action.CLIENT_EVENT_NOTED, "clients", [client_id], client_id)
    wanted = ReviewIn(due_at=db.now, kind=ReviewKind.EVENT, trigger=body.kind)
    return _schedule(db, plan_id, client_id, wanted)


@router.get("/reviews", summary="List reviews")
def list_reviews(
    query: Annotated[ReviewFilter, Query()], db: Annotated[Workspace, Can(Permission.REVIEW_READ)]
) -> Page[ReviewSummary]:
    """Reviews by date, without what was written in them."""
    chosen = sorted(query.status)
    scope = f"reviews?status={chosen}&before={query.due_before}&after={query.due_after}&scope={query.scope}"
    position = paging.after_moment(db, scope, query.cursor)
    zone = agency.policy(db).time_zone
    rows = reviews_of(
        db,
        chosen,
        zone,
        before=query.due_before,
        after=query.due_after,
        reviewer_id=db.actor.id if query.scope is Scope.MINE else None,
        most=query.limit + 1,
        position=position,
    )
    return paging.page(db, scope, rows, query.limit, _position, lambda row: ReviewSummary.of(db, row, zone))


@router.get("/reviews/{review_id}", summary="Read a review")
def read_review(review_id: UUID, db: Annotated[Workspace, Can(Permission.REVIEW_READ)]) -> ReviewOut:
    """A review; the reading is logged."""
    return ReviewOut.again(db, review_id)


@router.patch("/reviews/{review_id}", summary="Move a review")
def update_review(
    review_id: UUID, body: ReviewPatch, db: Annotated[Workspace, Can(Permission.REVIEW_SCHEDULE)], if_match: IfMatch
) -> ReviewOut:
    """Move it, hand it to somebody else, or change the rhythm."""
    Plan.claim_under_client(db, db.find(Review, review_id).plan_id)
    review, changes = db.claim(Review, review_id, if_match), body.changes()
    if changes.get("reviewer_id"):
        must_see_too(db, changes["reviewer_id"], review.client_id, "/reviewer_id")
    review.reschedule(db, **changes)
    return ReviewOut.of(db, review)


@router.put("/reviews/{review_id}/completion", summary="Complete a review")
def complete(
    review_id: UUID, body: CompletionIn, db: Annotated[Workspace, Can(Permission.REVIEW_COMPLETE)]
) -> ReviewOut:
    """It was held. The next one is made, counted from now."""
    plan = Plan.claim_under_client(db, db.find(Review, review_id).plan_id)
    review = db.claim(Review, review_id)
    if body.what_changed is not None:
        plan.must_keep_words()
    review.complete(db, body.what_changed, body.next_due_at)
    db.flush()
    return ReviewOut.of(db, review)


@router.put("/reviews/{review_id}/cancellation", summary="Cancel a review")
def cancel(
    review_id: UUID, body: CancellationIn, db: Annotated[Workspace, Can(Permission.REVIEW_SCHEDULE)]
) -> ReviewOut:
    """It will not be held, for a reason."""
    plan = Plan.claim_under_client(db, db.find(Review, review_id).plan_id)
    review = db.claim(Review, review_id)
    if body.reason is not None:
        plan.must_keep_words()
    elif plan.custody is not Custody.EVENT_ONLY:
        raise Invalid(Fault("/reason", "missing", ""))
    review.cancel(db, body.reason)
    db.flush()
    return ReviewOut.of(db, review)


def _schedule(db: Workspace, plan_id: UUID, client_id: UUID, wanted: ReviewIn) -> ReviewMadeOut:
    policy = agency.policy(db)
    if wanted.reviewer_id not in (None, db.actor.id):
        must_see_too(db, wanted.reviewer_id, client_id, "/reviewer_id")
    routine = wanted.kind is ReviewKind.ROUTINE
    values: dict[str, Any] = {
        "time_zone": wanted.time_zone or policy.time_zone,
        "reviewer_id": wanted.reviewer_id or db.actor.id,
        "kind": wanted.kind,
        "trigger": wanted.trigger,
        "recurrence": wanted.recurrence or (policy.review_interval if routine else None),
    }
    review_id = Review.schedule(db, plan_id, client_id, wanted.due_at, **values)
    state = state_of(ReviewStatus.SCHEDULED, wanted.due_at, db.now, policy.time_zone)
    return ReviewMadeOut(
        id=review_id, client_id=client_id, plan_id=plan_id, due_at=wanted.due_at, state=state, version=1, **values
    )


def _position(row: Any) -> list[Any]:
    return paging.moment(row.due_at, row.id)
