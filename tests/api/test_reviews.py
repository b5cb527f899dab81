"""Reviews: scheduled, moved, held, cancelled; due and overdue by the clock at the agency."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from tests.api.contract import (
    NOWHERE,
    active,
    client,
    good,
    last_action,
    made,
    plan,
    problem,
    refused_cursor,
    review,
    same_refusal,
    walk,
)
from tests.conftest import Api

MADE = {
    "id",
    "client_id",
    "plan_id",
    "due_at",
    "time_zone",
    "kind",
    "trigger",
    "reviewer_id",
    "recurrence",
    "state",
    "version",
}
REVIEW = MADE | {
    "what_changed",
    "reason",
    "completed_at",
    "completed_by_id",
    "cancelled_at",
    "cancelled_by_id",
    "next_id",
    "next_due_at",
}
SUMMARY = MADE - {"recurrence"}
ZONE = ZoneInfo("America/New_York")


@pytest.fixture
def whole(api: Api):
    """A plan of ana's in use."""
    return active(api, client(api)["id"], sections=["home"])


def ana(api: Api, who: str = "ana") -> str:
    return str(api.world.people[who].actor.id)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text)


def iso(when: datetime) -> str:
    return when.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


class TestSchedule:
    def test_with_everything_left_to_the_agency(self, api: Api, whole):
        """Zone and rhythm are the agency's, the reviewer is the caller; plan and caseload know the date at once."""
        body = review(api, whole["id"])
        assert set(body) == MADE
        assert (body["kind"], body["state"], body["time_zone"]) == ("routine", "scheduled", "America/New_York")
        assert (body["recurrence"], body["reviewer_id"], body["trigger"]) == ("P8W", ana(api), None)
        assert last_action(api) == "review.scheduled"
        assert good(api.get("ana", f"/v1/plans/{whole['id']}"))["next_review_at"] == body["due_at"]

    def test_with_everything_said(self, api: Api, whole):
        """A time with an offset is the same instant in UTC."""
        sent = {
            "due_at": "2031-05-06T10:00:00-04:00",
            "time_zone": "Europe/Dublin",
            "reviewer_id": ana(api, "sol"),
            "kind": "event",
            "trigger": "hearing",
            "recurrence": "P10D",
        }
        body = review(api, whole["id"], **sent)
        assert {name: body[name] for name in sent} == sent | {"due_at": "2031-05-06T14:00:00Z"}

    def test_an_event_review_is_held_once(self, api: Api, whole):
        """It recurs only when that is said."""
        assert review(api, whole["id"], kind="event", trigger="move")["recurrence"] is None

    @pytest.mark.parametrize(
        ("sent", "pointer", "code"),
        [
            ({"due_at": "2031-05-06T14:00:00"}, "/due_at", "instant"),
            ({"due_at": "2031-05-06"}, "/due_at", "instant"),
            ({"due_at": "2031-02-30T14:00:00Z"}, "/due_at", "instant"),
            ({"due_at": "2031-05-06 14:00:00Z"}, "/due_at", "instant"),
            ({"due_at": "9999-12-31T23:59:59-14:00"}, "/due_at", "instant-range"),
            ({"due_at": 1935928800}, "/due_at", "instant"),
            ({"time_zone": "Eastern"}, "/time_zone", "time-zone"),
            ({"recurrence": "P1Y"}, "/recurrence", "string-pattern-mismatch"),
            ({"trigger": "weather"}, "/trigger", "enum"),
            ({"reviewer_id": NOWHERE}, "/reviewer_id", "unknown-user"),
        ],
    )
    def test_refuses_what_is_no_appointment(self, api: Api, whole, sent, pointer: str, code: str):
        """Naive times, days there are not, zones and rhythms nobody knows."""
        body = {"due_at": "2031-05-06T14:00:00Z"} | sent
        told = problem(api.post("ana", f"/v1/plans/{whole['id']}/reviews", body), 422, "invalid", pointer)
        assert told["errors"][0]["code"] == code

    def test_only_with_people_who_take_clients(self, api: Api, whole):
        """Not with an admin, nor with somebody of another agency."""
        for who, code in (("ada", "takes-no-clients"), ("other", "unknown-user")):
            body = {"due_at": "2031-05-06T14:00:00Z", "reviewer_id": ana(api, who)}
            told = problem(api.post("ana", f"/v1/plans/{whole['id']}/reviews", body), 422, "invalid", "/reviewer_id")
            assert told["errors"][0]["code"] == code

    def test_unknown_foreign_and_walled_are_one(self, api: Api):
        """Of plans, for scheduling."""
        walled = plan(api, client(api, "ben")["id"], "ben")["id"]
        foreign = plan(api, client(api, "other")["id"], "other")["id"]
        body = {"due_at": "2031-05-06T14:00:00Z"}
        same_refusal(*(api.post("ana", f"/v1/plans/{p}/reviews", body) for p in (walled, foreign, NOWHERE, "x")))

    def test_a_repeated_request_schedules_once(self, api: Api, whole):
        """Under one key the second answer is the same review as it is by then."""
        body = {"due_at": "2031-05-06T14:00:00Z"}
        first = made(api.post("ana", f"/v1/plans/{whole['id']}/reviews", body, key="r"), "/v1/reviews")
        good(api.put("ana", f"/v1/reviews/{first['id']}/completion", {}))
        again = api.post("ana", f"/v1/plans/{whole['id']}/reviews", body, key="r")
        assert again.headers["idempotency-replayed"] == "true"
        assert (made(again, "/v1/reviews")["id"], again.json()["state"]) == (first["id"], "completed")


class TestEvent:
    def test_opens_a_review_for_today(self, api: Api, whole):
        """Something happened: the plan in use is looked at again, today."""
        body = made(
            api.post("ana", f"/v1/clients/{whole['client_id']}/events", {"kind": "order_breached"}), "/v1/reviews"
        )
        assert (body["kind"], body["trigger"], body["state"], body["plan_id"]) == (
            "event",
            "order_breached",
            "due",
            whole["id"],
        )
        assert last_action(api) == "client.event_noted"

    def test_needs_a_plan_in_use(self, api: Api):
        """A draft is none."""
        one = client(api)["id"]
        plan(api, one)
        problem(api.post("ana", f"/v1/clients/{one}/events", {"kind": "move"}), 409, "no-active-plan")

    def test_of_an_unknown_client(self, api: Api):
        """Walled, foreign, random: one answer."""
        ids = (client(api, "ben")["id"], client(api, "other")["id"], NOWHERE, "x")
        same_refusal(*(api.post("ana", f"/v1/clients/{one}/events", {"kind": "move"}) for one in ids))


class TestList:
    def test_mine_and_the_agencys(self, api: Api, whole):
        """Mine are those I am the reviewer of; agency all I may see; nothing that was written."""
        own = review(api, whole["id"])["id"]
        sols = review(api, whole["id"], reviewer_id=ana(api, "sol"))["id"]
        bens = review(api, active(api, client(api, "ben")["id"], "ben")["id"], "ben")["id"]
        rows = good(api.get("ana", "/v1/reviews"))["data"]
        assert [row["id"] for row in rows] == [own]
        assert set(rows[0]) == SUMMARY
        seen = {
            who: {r["id"] for r in good(api.get(who, "/v1/reviews?scope=agency"))["data"]} for who in ("ana", "sol")
        }
        assert seen == {"ana": {own, sols}, "sol": {own, sols, bens}}
        assert [row["id"] for row in good(api.get("sol", "/v1/reviews"))["data"]] == [sols]

    def test_by_state_on_the_agencys_clock(self, api: Api, whole):
        """Due is today at the agency, overdue from its next midnight, scheduled from tomorrow."""
        midnight = datetime.now(ZONE).replace(hour=0, minute=0, second=0, microsecond=0)
        tomorrow = (midnight + timedelta(days=1, hours=12)).replace(hour=0)
        wanted = {
            "overdue": iso(midnight - timedelta(seconds=1)),
            "due": iso(midnight),
            "scheduled": iso(tomorrow),
        }
        ids = {state: review(api, whole["id"], due_at=due)["id"] for state, due in wanted.items()}
        last = review(api, whole["id"], due_at=iso(tomorrow - timedelta(seconds=1)))["id"]
        for state, one in ids.items():
            rows = good(api.get("ana", f"/v1/reviews?status={state}"))["data"]
            assert one in {row["id"] for row in rows}
            assert {row["state"] for row in rows} == {state}
            assert good(api.get("ana", f"/v1/reviews/{one}"))["state"] == state
        rows = good(api.get("ana", "/v1/reviews?status=due&status=overdue"))["data"]
        assert [row["id"] for row in rows] == [ids["overdue"], ids["due"], last]

    def test_by_date_and_page(self, api: Api, whole):
        """Soonest first, every row once, also where several fall on one instant; the bounds are exclusive."""
        days = ["2031-05-06", "2031-05-06", "2031-05-06", "2031-05-08", "2031-05-04"]
        ids = [review(api, whole["id"], due_at=f"{day}T14:00:00Z")["id"] for day in days]
        for limit in (1, 2, 5):
            walked = [row["id"] for row in walk(api, "ana", "/v1/reviews", limit)]
            assert len(walked) == 5
            assert set(walked) == set(ids)
            assert (walked[0], walked[4]) == (ids[4], ids[3])
        query = "due_after=2031-05-04T14:00:00Z&due_before=2031-05-08T14:00:00Z"
        rows = good(api.get("ana", f"/v1/reviews?{query}"))["data"]
        assert {row["id"] for row in rows} == set(ids[:3])
        offset = {"due_after": "2031-05-04T10:00:00-04:00", "due_before": "2031-05-08T15:00:00+01:00"}
        assert {row["id"] for row in walk(api, "ana", "/v1/reviews", 1, **offset)} == set(ids[:3])

    def test_a_cursor_fits_one_list(self, api: Api, whole):
        """Another filter: refused."""
        for _ in range(2):
            review(api, whole["id"])
        cursor = good(api.get("ana", "/v1/reviews?limit=1"))["page"]["next_cursor"]
        refused_cursor(api.get("ana", f"/v1/reviews?limit=1&scope=agency&cursor={cursor}"))
        problem(api.get("ana", "/v1/reviews?due_before=2031-05-04"), 422, "invalid", "/query/due_before")
        problem(api.get("ana", "/v1/reviews?status=late"), 422, "invalid")


class TestReadAndMove:
    def test_reading_is_logged(self, api: Api, whole):
        """With the client it is about."""
        one = review(api, whole["id"])
        body = good(api.get("ana", f"/v1/reviews/{one['id']}"))
        assert set(body) == REVIEW
        assert {name: body[name] for name in MADE} == one
        entry = api.world.entries()[-1]
        assert (entry["action"], entry["client"]) == ("review.read", whole["client_id"])

    def test_moves_and_hands_over(self, api: Api, whole):
        """The plan's next review moves with it."""
        one = f"/v1/reviews/{review(api, whole['id'])['id']}"
        sent = {"due_at": "2031-06-01T09:00:00Z", "reviewer_id": ana(api, "sol"), "recurrence": None}
        body = good(api.patch("ana", one, sent, if_match=1))
        assert {name: body[name] for name in sent} == sent
        assert body["version"] == 2
        assert good(api.get("ana", f"/v1/plans/{whole['id']}"))["next_review_at"] == sent["due_at"]

    def test_needs_the_version(self, api: Api, whole):
        """428 without, 412 with a stale one."""
        one = f"/v1/reviews/{review(api, whole['id'])['id']}"
        problem(api.patch("ana", one, {"time_zone": "UTC"}), 428, "precondition-required")
        answer = api.patch("ana", one, {"time_zone": "UTC"}, if_match=3)
        problem(answer, 412, "stale-version")
        assert answer.headers["etag"] == '"1"'

    @pytest.mark.parametrize("member", ["due_at", "time_zone"])
    def test_a_review_keeps_its_date(self, api: Api, whole, member: str):
        """Null takes neither date nor zone away."""
        one = f"/v1/reviews/{review(api, whole['id'])['id']}"
        problem(api.patch("ana", one, {member: None}, if_match=1), 422, "invalid", f"/{member}")

    def test_unknown_foreign_and_walled_are_one(self, api: Api):
        """For reading and for every change."""
        walled = review(api, active(api, client(api, "ben")["id"], "ben")["id"], "ben")["id"]
        foreign = review(api, active(api, client(api, "other")["id"], "other")["id"], "other")["id"]
        for verb, tail, body in (
            ("GET", "", None),
            ("PATCH", "", {"time_zone": "UTC"}),
            ("PUT", "/completion", {}),
            ("PUT", "/cancellation", {"reason": "x"}),
        ):
            more = {"json": body} if body is not None else {}
            ids = (walled, foreign, NOWHERE, "x")
            same_refusal(*(api("ana", verb, f"/v1/reviews/{one}{tail}", if_match=1, **more) for one in ids))


class TestComplete:
    def test_the_next_is_counted_from_now(self, api: Api, whole):
        """Eight weeks from completion at the same hour of the wall clock there, however late it was held."""
        one = review(api, whole["id"], due_at="2024-01-01T12:00:00Z")
        body = good(api.put("ana", f"/v1/reviews/{one['id']}/completion", {"what_changed": "New lock.\nNew number."}))
        assert (body["state"], body["what_changed"], body["completed_by_id"]) == (
            "completed",
            "New lock.\nNew number.",
            ana(api),
        )
        wall = at(body["completed_at"]).astimezone(ZONE) + timedelta(weeks=8)
        assert at(body["next_due_at"]) == wall.astimezone(UTC)
        following = good(api.get("ana", f"/v1/reviews/{body['next_id']}"))
        assert (following["state"], following["due_at"], following["recurrence"]) == (
            "scheduled",
            body["next_due_at"],
            "P8W",
        )
        assert good(api.get("ana", f"/v1/plans/{whole['id']}"))["next_review_at"] == body["next_due_at"]

    def test_at_the_agreed_date(self, api: Api, whole):
        """A date said goes before the rhythm."""
        one = review(api, whole["id"])["id"]
        body = good(api.put("ana", f"/v1/reviews/{one}/completion", {"next_due_at": "2032-01-02T15:00:00Z"}))
        assert body["next_due_at"] == "2032-01-02T15:00:00Z"

    def test_the_last_one(self, api: Api, whole):
        """Without a rhythm none follows, and the plan says so."""
        one = review(api, whole["id"], kind="event", trigger="move")["id"]
        body = good(api.put("ana", f"/v1/reviews/{one}/completion", {}))
        assert (body["next_id"], body["next_due_at"]) == (None, None)
        assert good(api.get("ana", f"/v1/plans/{whole['id']}"))["next_review_at"] is None

    def test_twice_makes_one_next(self, api: Api, whole):
        """A double click holds it once."""
        one = review(api, whole["id"])["id"]
        first, again = (good(api.put("ana", f"/v1/reviews/{one}/completion", {})) for _ in range(2))
        assert first == again
        assert len(good(api.get("ana", "/v1/reviews?status=scheduled"))["data"]) == 1

    def test_an_extra_review_resets_the_rhythm(self, api: Api, whole):
        """Other routine dates give way to the new one; an appointment for an event stays."""
        routine = review(api, whole["id"])["id"]
        event = review(api, whole["id"], kind="event", trigger="hearing")["id"]
        extra = review(api, whole["id"], due_at=iso(datetime.now(UTC)))["id"]
        body = good(api.put("ana", f"/v1/reviews/{extra}/completion", {}))
        assert good(api.get("ana", f"/v1/reviews/{routine}"))["state"] == "cancelled"
        rows = good(api.get("ana", "/v1/reviews?status=scheduled"))["data"]
        assert {row["id"] for row in rows} == {event, body["next_id"]}

    def test_is_the_advocates(self, api: Api, whole):
        """A supervisor schedules, but does not hold it."""
        one = review(api, whole["id"])["id"]
        problem(api.put("sol", f"/v1/reviews/{one}/completion", {}), 403, "forbidden")

    def test_a_cancelled_one_is_over(self, api: Api, whole):
        """And so is a completed one: neither is held, moved or cancelled again."""
        one, two = (f"/v1/reviews/{review(api, whole['id'])['id']}" for _ in range(2))
        for _ in range(2):
            body = good(api.put("ana", f"{one}/cancellation", {"reason": "She is away."}))
            assert (body["state"], body["reason"], body["cancelled_by_id"]) == ("cancelled", "She is away.", ana(api))
        problem(api.put("ana", f"{one}/completion", {}), 409, "review-ended")
        problem(api.patch("ana", one, {"time_zone": "UTC"}, if_match=2), 409, "review-ended")
        held = good(api.put("ana", f"{two}/completion", {}))
        problem(api.put("ana", f"{two}/cancellation", {"reason": "x"}), 409, "review-ended")
        problem(api.patch("ana", two, {"time_zone": "UTC"}, if_match=held["version"]), 409, "review-ended")

    def test_a_cancellation_needs_a_reason(self, api: Api, whole):
        """Whoever reads it later wants to know."""
        one = f"/v1/reviews/{review(api, whole['id'])['id']}"
        for sent in ({}, {"reason": ""}, {"reason": " "}, {"reason": None}):
            problem(api.put("ana", f"{one}/cancellation", sent), 422, "invalid", "/reason")
