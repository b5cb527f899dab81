"""Reviews: the next is counted from the last completion, on the agency's own clock and calendar."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
import sqlalchemy as sa
import time_machine
from hypothesis import given
from hypothesis import strategies as st

from models.access import Permission
from models.client import Assignment, Client
from models.errors import Conflict
from models.plan import Plan
from models.review import Review, ReviewKind, ReviewState, ReviewStatus, day_bounds, later, reviews_of, state_of
from models.workspace import Workspace
from tests.world import World

NEW_YORK = "America/New_York"
MONDAY = datetime(2027, 3, 1, 15, tzinfo=UTC)  # ten in the morning in New York


def at(moment: datetime) -> Any:
    """The clock stands at a moment."""
    return time_machine.travel(moment, tick=False)


class Rhythm:
    """One active plan of ana's and its reviews."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.client = world.client()
        self.plan = world.plan(self.client)
        self.run(lambda db: db.claim(Plan, self.plan).activate(db), Permission.PLAN_UPDATE)

    def run(self, work: Any, permission: Permission = Permission.REVIEW_SCHEDULE) -> Any:
        return self.world.run("ana", permission, work)

    def schedule(self, due_at: datetime, **values: Any) -> UUID:
        known = {"time_zone": NEW_YORK, "recurrence": "P8W"} | values
        return self.run(lambda db: Review.schedule(db, self.plan, self.client, due_at, **known))

    def complete(self, review_id: UUID, next_due_at: datetime | None = None) -> UUID | None:
        def work(db: Workspace) -> UUID | None:
            return db.claim(Review, review_id).complete(db, "a new lock", next_due_at)

        return self.run(work, Permission.REVIEW_COMPLETE)

    def read(self, review_id: UUID) -> dict[str, Any]:
        def work(db: Workspace) -> dict[str, Any]:
            row = db.find(Review, review_id)
            return {name: getattr(row, name) for name in ("status", "due_at", "kind", "follows_id", "recurrence")}

        return self.run(work, Permission.REVIEW_READ)

    def attention(self) -> list[datetime | None]:
        """The next review as the plan and the client show it."""

        def work(db: Workspace) -> list[datetime | None]:
            plan, client = db.find(Plan, self.plan), db.find(Client, self.client)
            return [plan.next_review_at, client.attention_at]

        return self.run(work, Permission.PLAN_READ)


@pytest.fixture
def rhythm(world: World) -> Rhythm:
    return Rhythm(world)


class TestComplete:
    def test_the_next_is_counted_from_completion_not_from_the_due_date(self, rhythm: Rhythm) -> None:
        """R28: held three weeks late, the next is eight weeks after it was held."""
        with at(MONDAY):
            review = rhythm.schedule(MONDAY + timedelta(days=1))
        with at(MONDAY + timedelta(days=22)):
            following = rhythm.complete(review)
        made = rhythm.read(following)
        # The clocks went forward on 14 March: ten in the morning there is one hour earlier in UTC after it.
        assert made["due_at"] == MONDAY + timedelta(days=22 + 56)
        assert made["follows_id"] == review
        assert (made["status"], made["recurrence"]) == (ReviewStatus.SCHEDULED, "P8W")

    def test_a_named_date_wins(self, rhythm: Rhythm) -> None:
        """What was agreed with her counts, whatever the rhythm."""
        review = rhythm.schedule(MONDAY)
        agreed = datetime(2028, 1, 3, 15, tzinfo=UTC)
        assert rhythm.read(rhythm.complete(review, agreed))["due_at"] == agreed

    def test_without_a_rhythm_there_is_no_next(self, rhythm: Rhythm) -> None:
        """An event review that says nothing of recurring is the last of its kind."""
        review = rhythm.schedule(MONDAY, recurrence=None, kind=ReviewKind.EVENT)
        assert rhythm.complete(review) is None
        assert rhythm.attention()[0] is None

    def test_an_extra_review_resets_the_rhythm(self, rhythm: Rhythm) -> None:
        """Looked at early: the routine one that was scheduled gives way; an event review stays."""
        routine = rhythm.schedule(MONDAY + timedelta(days=50))
        event = rhythm.schedule(MONDAY + timedelta(days=9), kind=ReviewKind.EVENT, recurrence=None)
        extra = rhythm.schedule(MONDAY)
        following = rhythm.complete(extra)
        assert rhythm.read(routine)["status"] is ReviewStatus.CANCELLED
        assert rhythm.read(event)["status"] is ReviewStatus.SCHEDULED
        assert rhythm.read(following)["status"] is ReviewStatus.SCHEDULED

    def test_twice_makes_one_next(self, rhythm: Rhythm) -> None:
        """A double submit gets the same answer."""
        review = rhythm.schedule(MONDAY)
        first = rhythm.complete(review)
        assert rhythm.complete(review) == first
        with pytest.raises(Conflict):
            rhythm.run(lambda db: db.claim(Review, review).cancel(db, "too late"))

    def test_next_review_is_the_soonest_scheduled_everywhere(self, rhythm: Rhythm) -> None:
        """On the plan, the client and in the caseload's order, after every change."""
        late, soon = MONDAY + timedelta(days=20), MONDAY + timedelta(days=2)
        first = rhythm.schedule(late)
        assert rhythm.attention() == [late, late]
        second = rhythm.schedule(soon, kind=ReviewKind.EVENT, recurrence=None)
        assert rhythm.attention() == [soon, soon]
        rhythm.run(lambda db: db.claim(Review, second).cancel(db, "asked to wait"))
        assert rhythm.attention() == [late, late]
        moved = late + timedelta(days=3)
        rhythm.run(lambda db: db.claim(Review, first).reschedule(db, due_at=moved))
        assert rhythm.attention() == [moved, moved]
        rhythm.run(lambda db: db.claim(Plan, rhythm.plan).close(db), Permission.PLAN_UPDATE)
        assert rhythm.attention()[0] is None
        assert rhythm.read(first)["status"] is ReviewStatus.CANCELLED


class TestClock:
    @pytest.mark.parametrize(
        ("begins", "interval", "hours"),
        [
            ((2027, 3, 10, 15), "P1W", 7 * 24 - 1),  # the clocks go forward on 14 March 2027
            ((2027, 11, 3, 14), "P7D", 7 * 24 + 1),  # and back on 7 November
            ((2027, 6, 1, 14), "P8W", 56 * 24),
        ],
    )
    def test_later_keeps_the_hour_of_the_wall_clock(self, begins: Any, interval: str, hours: int) -> None:
        """Ten in the morning stays ten in the morning, through a change of clocks."""
        start = datetime(*begins, tzinfo=UTC)
        ends = later(start, interval, NEW_YORK)
        assert ends - start == timedelta(hours=hours)
        zone = ZoneInfo(NEW_YORK)
        assert ends.astimezone(zone).time() == start.astimezone(zone).time()

    @given(st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)), st.integers(1, 120))
    def test_later_is_always_that_many_days_on_the_calendar_there(self, start: datetime, weeks: int) -> None:
        """Whatever the season: the date there moves by whole weeks."""
        zone = ZoneInfo(NEW_YORK)
        moved = later(start, f"P{weeks}W", NEW_YORK).astimezone(zone).date()
        assert abs((moved - start.astimezone(zone).date()).days - weeks * 7) == 0

    @pytest.mark.parametrize(
        ("now", "state"),
        [
            ("2027-03-01T04:59:59", ReviewState.SCHEDULED),  # 28 February, 23:59:59 in New York
            ("2027-03-01T05:00:00", ReviewState.DUE),
            ("2027-03-02T04:59:59", ReviewState.DUE),
            ("2027-03-02T05:00:00", ReviewState.OVERDUE),
        ],
    )
    def test_due_from_midnight_to_midnight_at_the_agency(self, now: str, state: ReviewState) -> None:
        """Not by UTC, and not by the hour of the appointment."""
        moment = datetime.fromisoformat(now).replace(tzinfo=UTC)
        assert state_of(ReviewStatus.SCHEDULED, MONDAY, moment, NEW_YORK) is state
        assert state_of(ReviewStatus.COMPLETED, MONDAY, moment, NEW_YORK) is ReviewState.COMPLETED

    def test_days_have_23_and_25_hours(self) -> None:
        """Where the clocks change."""
        for day, hours in ((datetime(2027, 3, 14, 12), 23), (datetime(2027, 11, 7, 12), 25)):
            begins, ends = day_bounds(day.replace(tzinfo=UTC), NEW_YORK)
            assert ends - begins == timedelta(hours=hours)

    @pytest.mark.parametrize(
        ("now", "state"),
        [(-1, ReviewState.SCHEDULED), (0, ReviewState.DUE), (1, ReviewState.OVERDUE)],
    )
    def test_lists_ask_the_same_clock(self, rhythm: Rhythm, now: int, state: ReviewState) -> None:
        """What a filter finds is what the row says of itself."""
        review = rhythm.schedule(MONDAY)
        with at(MONDAY + timedelta(days=now)):
            for wanted in (ReviewState.SCHEDULED, ReviewState.DUE, ReviewState.OVERDUE):
                found = rhythm.run(lambda db, wanted=wanted: _listed(db, wanted), Permission.REVIEW_READ)
                assert (review in found) == (wanted is state)


def _listed(db: Workspace, state: ReviewState) -> list[UUID]:
    nothing: dict[str, Any] = {"before": None, "after": None, "reviewer_id": None, "position": None}
    return [row.id for row in reviews_of(db, [state], NEW_YORK, most=10, **nothing)]


def test_the_assignments_follow_the_clients_attention(rhythm: Rhythm) -> None:
    """The caseload is sorted by a copy on the open assignments: it moves with every review."""
    due = MONDAY + timedelta(days=2)
    rhythm.schedule(due)
    statement = sa.select(Assignment).where(Assignment.client_id == rhythm.client)
    found = rhythm.run(
        lambda db: [row.attention_at for row in db.objects.execute(statement).scalars()], Permission.ASSIGNMENT_READ
    )
    assert found == [due]
