"""What people are told when clients and covers come to them, and what the clock does to covers."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from api.notice_words import TITLES
from models import cover_clock
from models.access import Permission, Role
from models.caseload import Scope, caseload
from models.cover import Cover
from models.errors import NotFound
from models.notice import NoticeKind
from models.workspace import Workspace
from tests.api.contract import active, client, done, good, problem, review, same_refusal
from tests.api.test_covers import arrange
from tests.api.test_handovers import hand
from tests.api.test_walls import give, user_id, wall_off
from tests.conftest import Api
from tests.factories import soon

DAY = timedelta(days=1)
STAFFING = ("client_given", "cover_began", "cover_ended")


def told(api: Api, who: str) -> list[tuple[str, str | None]]:
    """What somebody was told of clients and covers, oldest first: kind and what it is about."""
    rows = good(api.get(who, "/v1/notices"))["data"]
    return [(row["kind"], row["object_id"]) for row in reversed(rows) if row["kind"] in STAFFING]


def at(moment: datetime, work: Callable[[Workspace], Any]) -> Callable[[Workspace], Any]:
    """The same work, at another moment."""

    def then(db: Workspace) -> Any:
        db.now = moment
        return work(db)

    return then


def chore(api: Api, work: Callable[[Workspace], int], ahead: timedelta = timedelta()) -> int:
    """A round of the worker, so long from now."""
    return api.world.system(at(datetime.now(UTC) + ahead, work))


class TestTold:
    def test_a_successor_is_told_once_of_her_assignment(self, api: Api) -> None:
        """Handed over or assigned: the notice leads to the assignment, through the walls; doing it twice tells nobody."""
        one, two = (client(api)["id"] for _ in range(2))
        first = good(hand(api, one, "ben"))["id"]
        good(hand(api, one, "ben"))
        second = good(api.post("sol", f"/v1/clients/{two}/assignments", {"user_id": user_id(api, "ben")}), 201)["id"]
        assert told(api, "ben") == [("client_given", first), ("client_given", second)]
        assert told(api, "ana") == []

    def test_of_a_whole_caseload_once(self, api: Api) -> None:
        """Not five hundred mails."""
        for _ in range(3):
            client(api)
        path = f"/v1/users/{user_id(api, 'ana')}/caseload-handover"
        good(api.put("sol", path, {"to_user_id": user_id(api, "ben")}))
        assert told(api, "ben") == [("client_given", None)]
        good(api.put("sol", path, {"to_user_id": user_id(api, "ben")}))
        assert len(told(api, "ben")) == 1, "there was nothing left to give"

    def test_nobody_is_told_what_she_did_herself(self, api: Api) -> None:
        """A supervisor who takes a client, or covers for somebody."""
        good(hand(api, client(api)["id"], "sol"))
        good(arrange(api, by="sol"), 201)
        assert told(api, "sol") == []

    def test_both_are_told_when_a_cover_begins_and_when_it_is_called_off(self, api: Api) -> None:
        """Who covers and who is covered."""
        made = good(arrange(api), 201)["id"]
        assert told(api, "ben") == told(api, "ana") == [("cover_began", made)]
        for _ in range(2):
            done(api.delete("sol", f"/v1/covers/{made}"))
        assert told(api, "ben") == told(api, "ana") == [("cover_began", made), ("cover_ended", made)]

    def test_a_notice_names_no_client_nor_does_its_line(self, api: Api) -> None:
        """Neither the id nor a word of her."""
        one = client(api)["id"]
        good(hand(api, one, "ben"))
        good(arrange(api, absent="ben", by="ana"), 201)
        for who in ("ana", "ben"):
            text = api.get(who, "/v1/notices").text
            assert told(api, who)
            assert one not in text
            assert "Wren" not in text
        for kind in map(NoticeKind, STAFFING):
            assert not {"client", "survivor", "caso", "víctima"} & {
                *TITLES[kind]["en"].split(),
                *TITLES[kind]["es"].split(),
            }

    def test_a_wall_tells_the_person_nothing(self, api: Api) -> None:
        """Her assignment and her part of a cover end without a word."""
        one = client(api)["id"]
        wall_off(api, one, "ana")
        two = client(api)["id"]
        good(arrange(api), 201)
        before = told(api, "ben")
        wall_off(api, two, "ben")
        assert told(api, "ana") == [kind for kind in told(api, "ana") if kind[0] == "cover_began"]
        assert told(api, "ben") == before


class TestTheClock:
    def test_a_cover_that_begins_later_is_told_when_it_begins_and_when_it_is_over(self, api: Api) -> None:
        """By the worker, each once, also when no worker ran for days."""
        made = good(arrange(api, starts_at=soon(2), ends_at=soon(5)), 201)["id"]
        assert chore(api, cover_clock.tell_of_covers, DAY) == 0
        assert told(api, "ben") == []
        assert [chore(api, cover_clock.tell_of_covers, 3 * DAY) for _ in range(2)] == [1, 0]
        assert told(api, "ben") == told(api, "ana") == [("cover_began", made)]
        assert [chore(api, cover_clock.tell_of_covers, 8 * DAY) for _ in range(2)] == [1, 0]
        assert told(api, "ben") == [("cover_began", made), ("cover_ended", made)]

    def test_what_is_long_over_is_not_told(self, api: Api) -> None:
        """A worker started after a month does not dig up old covers."""
        good(arrange(api, starts_at=soon(2), ends_at=soon(5)), 201)
        assert chore(api, cover_clock.tell_of_covers, 30 * DAY) == 0

    def test_a_cover_of_one_client_is_told_when_it_is_over(self, api: Api) -> None:
        """It began with `client_given`."""
        one = client(api)["id"]
        body = {"user_id": user_id(api, "ben"), "until": soon(3)}
        made = good(api.post("sol", f"/v1/clients/{one}/assignments", body), 201)["id"]
        assert chore(api, cover_clock.tell_of_covers, 2 * DAY) == 0
        assert [chore(api, cover_clock.tell_of_covers, 4 * DAY) for _ in range(2)] == [1, 0]
        assert told(api, "ben") == [("client_given", made), ("cover_ended", made)]

    def test_it_ends_at_its_end_and_not_a_moment_later(self, api: Api) -> None:
        """To the microsecond, for a whole caseload and for one client; the moment of its end is after it."""
        one = UUID(client(api)["id"])
        start = datetime.now(UTC)
        ana, ben = (api.world.people[who].actor.id for who in ("ana", "ben"))

        def sees(moment: datetime) -> bool:
            try:
                api.world.run("ben", Permission.CLIENT_READ, at(moment, lambda db: db.must_see(one)))
            except NotFound:
                return False
            return True

        tick = timedelta(microseconds=1)
        end = start + DAY
        cover_id = api.world.system(lambda db: Cover.begin(db, ana, ben, start, end))
        assert [sees(moment) for moment in (start - tick, start, end - tick, end)] == [False, True, True, False]
        api.world.system(lambda db: Cover.end(db, cover_id))
        given = {"user_id": str(ben), "until": soon(2)}
        until = good(api.post("sol", f"/v1/clients/{one}/assignments", given), 201)["ends_at"]
        over = datetime.fromisoformat(until)
        assert [sees(moment) for moment in (over - tick, over)] == [True, False]

    def test_overlapping_covers_of_one_person_last_as_long_as_the_later(self, api: Api) -> None:
        """Ana's and sol's client, ben covers for both, one cover into the other: no moment twice, none missing."""
        one = client(api)["id"]
        good(api.post("ada", f"/v1/clients/{one}/assignments", {"user_id": user_id(api, "sol")}), 201)
        good(arrange(api, ends_at=soon(3)), 201)
        good(arrange(api, absent="sol", who="ada", starts_at=soon(2), ends_at=soon(9)), 201)
        now = datetime.now(UTC)

        def listed(ahead: timedelta) -> list[UUID]:
            look = at(now + ahead, lambda db: [row.id for row in caseload(db, Scope.MINE, 10)])
            return api.world.run("ben", Permission.CASELOAD_READ, look)

        shown = [len(listed(ahead)) for ahead in (0 * DAY, 2.5 * DAY, 4 * DAY, 8.9 * DAY, 9.1 * DAY)]
        assert shown == [1, 1, 1, 1, 0]


class TestReviews:
    def covered(self, api: Api) -> tuple[str, str]:
        """Ana's client, covered by ben, who was to hold a review; client and review."""
        one = client(api)["id"]
        plan = active(api, one)
        held = review(api, plan["id"], "ana")
        good(arrange(api), 201)
        version = held["version"]
        taken = {"reviewer_id": user_id(api, "ben")}
        assert good(api.patch("ana", f"/v1/reviews/{held['id']}", taken, if_match=version))["reviewer_id"]
        return one, held["id"]

    def reviewer(self, api: Api, review_id: str) -> str | None:
        found: str | None = good(api.get("sol", f"/v1/reviews/{review_id}"))["reviewer_id"]
        return found

    def test_of_whoever_covered_go_with_the_client(self, api: Api) -> None:
        """Ben covers for ana, who hands the client to sol: what ben was to hold is sol's."""
        one, held = self.covered(api)
        good(hand(api, one, "sol"))
        same_refusal(api.get("ben", f"/v1/reviews/{held}"))
        assert self.reviewer(api, held) == user_id(api, "sol")

    def test_go_back_when_the_clock_has_ended_the_cover(self, api: Api) -> None:
        """To whoever is assigned alone; before that they stay, and afterwards nothing is left to do."""
        _, held = self.covered(api)
        assert chore(api, cover_clock.give_reviews_back) == 0
        assert self.reviewer(api, held) == user_id(api, "ben")
        assert [chore(api, cover_clock.give_reviews_back, 10 * DAY) for _ in range(2)] == [1, 0]
        assert self.reviewer(api, held) == user_id(api, "ana")

    def test_go_back_when_it_was_called_off(self, api: Api) -> None:
        """With two assigned nobody guesses: it is nobody's, in the list of those who see her."""
        one, held = self.covered(api)
        good(api.post("ada", f"/v1/clients/{one}/assignments", {"user_id": user_id(api, "sol")}), 201)
        done(api.delete("sol", f"/v1/covers/{good(api.get('sol', '/v1/covers'))['data'][0]['id']}"))
        assert chore(api, cover_clock.give_reviews_back) == 1
        assert self.reviewer(api, held) is None

    def test_of_a_supervisor_who_sees_her_anyway_stay(self, api: Api) -> None:
        """She covered; now she supervises."""
        one = client(api)["id"]
        plan = active(api, one)
        made = good(arrange(api, by="sol", who="ada"), 201)["id"]
        due = {"due_at": soon(20), "reviewer_id": user_id(api, "sol")}
        held = good(api.post("ana", f"/v1/plans/{plan['id']}/reviews", due), 201)["id"]
        done(api.delete("ada", f"/v1/covers/{made}"))
        assert chore(api, cover_clock.give_reviews_back) == 0
        assert self.reviewer(api, held) == user_id(api, "sol")


class TestEnding:
    def test_a_part_of_a_cover_does_not_end_alone(self, api: Api) -> None:
        """It would be there again at once: it is said, and nothing is changed. The cover ends it."""
        one = client(api)["id"]
        made = good(arrange(api), 201)["id"]
        rows = good(api.get("sol", f"/v1/clients/{one}/assignments"))["data"]
        part = next(row["id"] for row in rows if row["kind"] == "cover")
        problem(api.delete("sol", f"/v1/assignments/{part}"), 409, "part-of-cover")
        good(api.get("ben", f"/v1/clients/{one}"))
        done(api.delete("sol", f"/v1/covers/{made}"))
        done(api.delete("sol", f"/v1/assignments/{part}"))
        same_refusal(api.get("ben", f"/v1/clients/{one}"))

    @pytest.mark.parametrize("roles", [(Role.AUDITOR,), (Role.AGENCY_ADMIN,)])
    def test_a_client_of_somebody_who_takes_none_any_longer_is_unattended(
        self, api: Api, roles: tuple[Role, ...]
    ) -> None:
        """Her advocate became something else: nobody sees the client by her, so a supervisor finds it listed."""
        one = client(api)["id"]
        assert good(api.get("sol", "/v1/unattended-clients"))["data"] == []
        give(api, "ana", *roles)
        for who in ("sol", "ada"):
            (row,) = good(api.get(who, "/v1/unattended-clients"))["data"]
            assert row["client_id"] == one
        problem(api.get("ana", f"/v1/clients/{one}"), 403, "forbidden")
        good(hand(api, one, "ben"))
        assert good(api.get("sol", "/v1/unattended-clients"))["data"] == []

    def test_a_closed_case_with_nobody_opens_again_through_somebody(self, api: Api) -> None:
        """It is not unattended while it is closed, and nobody reopens what she does not see."""
        one = client(api)["id"]
        (row,) = good(api.get("sol", f"/v1/clients/{one}/assignments"))["data"]
        good(api.put("ana", f"/v1/clients/{one}/closure", {"reason": "She moved on."}))
        done(api.delete("sol", f"/v1/assignments/{row['id']}"))
        assert good(api.get("sol", "/v1/unattended-clients"))["data"] == []
        same_refusal(api.delete("ana", f"/v1/clients/{one}/closure"))
        good(hand(api, one, "ben"))
        good(api.delete("ben", f"/v1/clients/{one}/closure"))
        assert good(api.get("sol", "/v1/unattended-clients"))["data"] == []

    @pytest.mark.parametrize("how", ["suspension", "wall", "left"])
    def test_every_way_to_leave_a_client_with_nobody_is_listed(self, api: Api, how: str) -> None:
        """For supervisors and admins, until somebody has her."""
        one = client(api)["id"]
        (row,) = good(api.get("sol", f"/v1/clients/{one}/assignments"))["data"]
        if how == "suspension":
            good(api.put("ada", f"/v1/users/{user_id(api, 'ana')}/suspension"))
        elif how == "wall":
            wall_off(api, one, "ana")
        else:
            done(api.delete("sol", f"/v1/assignments/{row['id']}?leave_unassigned=true"))
        for who in ("sol", "ada"):
            assert [row["client_id"] for row in good(api.get(who, "/v1/unattended-clients"))["data"]] == [one]
        good(api.post("sol", f"/v1/clients/{one}/assignments", {"user_id": user_id(api, "ben")}), 201)
        assert good(api.get("sol", "/v1/unattended-clients"))["data"] == []


def test_a_predecessor_who_is_in_the_middle_of_things_is_out_at_once(api: Api) -> None:
    """Her session, her token and what this process remembers of her are as before; the next request finds nothing, by
    read, write, list or a cursor taken before; and so it is for a process that had not heard of the handover."""
    one, other = client(api)["id"], client(api)["id"]
    plan = active(api, one)
    item = plan["sections"][0]["items"][0]
    good(api.get("ana", f"/v1/clients/{one}"))
    first = good(api.get("ana", "/v1/caseload?limit=1"))
    cursor = first["page"]["next_cursor"]
    good(hand(api, one, "ben"))
    same_refusal(
        api.get("ana", f"/v1/clients/{one}"),
        api.get("ana", f"/v1/plans/{plan['id']}", headers={"if-none-match": f'"{plan["version"]}"'}),
        api.patch("ana", f"/v1/clients/{one}", {"pronouns": "she"}, if_match=1),
        api.put("ana", f"/v1/checklist-items/{item['id']}/completion"),
    )
    rest = good(api.get("ana", f"/v1/caseload?limit=1&cursor={cursor}"))["data"]
    assert one not in {row["client_id"] for row in rest}
    assert [row["client_id"] for row in good(api.get("ana", "/v1/caseload"))["data"]] == [other]
    assert good(api.post("ana", "/v1/clients/search", {"query": "Wren"}))["data"][0]["id"] == other
    rows = good(api.get("ben", f"/v1/clients/{one}/assignments"))["data"]
    assert [row["user_id"] for row in rows if row["ended_at"] is None] == [user_id(api, "ben")]
