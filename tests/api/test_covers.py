"""Cover: while somebody is away, somebody else sees her clients, also new ones, and no longer than was said."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from models import cover
from models.access import Role
from models.cover import Cover
from models.team import Team
from models.user import User
from tests.api.contract import NOWHERE, client, done, good, problem, same_refusal, walk
from tests.api.test_walls import give, user_id
from tests.conftest import Api
from tests.factories import soon

DAY = timedelta(days=1)


def arrange(api: Api, absent: str = "ana", by: str = "ben", who: str = "sol", **more: str):
    body = {"absent_id": user_id(api, absent), "by_id": user_id(api, by), "ends_at": soon(9)}
    return api.post(who, "/v1/covers", body | more)


def ran(api: Api, begun: timedelta, lasting: timedelta) -> UUID:
    """A cover arranged some time ago."""

    def begin(db):
        db.now = datetime.now(UTC) - begun
        people = (api.world.people[who].actor.id for who in ("ana", "ben"))
        return Cover.begin(db, *people, db.now, db.now + lasting)

    return api.world.system(begin)


class TestCover:
    @pytest.mark.parametrize("who", ["sol", "ada"])
    def test_one_request_covers_a_caseload(self, api: Api, who: str):
        """All of ana's clients, those she has and those she is given meanwhile; ben works with them."""
        ones = [client(api)["id"] for _ in range(3)]
        good(arrange(api, who=who), 201)
        ones.append(client(api)["id"])
        given = client(api, "ben")["id"]
        good(api.post("sol", f"/v1/clients/{given}/assignments", {"user_id": user_id(api, "ana")}), 201)
        shown = [row["client_id"] for row in good(api.get("ben", "/v1/caseload"))["data"]]
        assert sorted(shown) == sorted([*ones, given])
        for one in ones:
            good(api.get("ben", f"/v1/clients/{one}"))
            good(api.patch("ben", f"/v1/clients/{one}", {"pronouns": "she"}, if_match=1))
        good(api.get("ana", f"/v1/clients/{ones[0]}"))

    def test_ends_by_the_clock_with_no_worker_running(self, api: Api):
        """What counts is the moment somebody asks."""
        one = client(api)["id"]
        ran(api, 9 * DAY, 2 * DAY)
        same_refusal(api.get("ben", f"/v1/clients/{one}"))
        assert good(api.get("ben", "/v1/caseload"))["data"] == []
        ran(api, 3 * DAY, 4 * DAY)
        good(api.get("ben", f"/v1/clients/{one}"))
        assert len(good(api.get("ben", "/v1/caseload"))["data"]) == 1

    def test_begins_by_the_clock(self, api: Api):
        """Arranged before the holidays, it shows nothing before they begin."""
        one = client(api)["id"]
        good(arrange(api, starts_at=soon(2)), 201)
        same_refusal(api.get("ben", f"/v1/clients/{one}"))

    def test_is_over_when_somebody_says_so(self, api: Api):
        """The colleague is back early; her own sight was hers all the time."""
        one = client(api)["id"]
        made = good(arrange(api), 201)
        good(api.get("ben", f"/v1/clients/{one}"))
        for _ in range(2):
            done(api.delete("sol", f"/v1/covers/{made['id']}"))
        same_refusal(api.get("ben", f"/v1/clients/{one}"))
        good(api.get("ana", f"/v1/clients/{one}"))

    def test_follows_who_is_assigned(self, api: Api):
        """A client ana no longer has is not covered for her."""
        one = client(api)["id"]
        good(arrange(api), 201)
        good(api.put("sol", f"/v1/clients/{one}/handover", {"to_user_id": user_id(api, "sol")}))
        same_refusal(api.get("ben", f"/v1/clients/{one}"), api.get("ana", f"/v1/clients/{one}"))

    def test_two_covers_show_a_client_once(self, api: Api):
        """Ana and sol share her, both are away, ben covers for both: she stands in his list once, and stays until the
        later cover ends."""
        one = client(api)["id"]
        good(api.post("ada", f"/v1/clients/{one}/assignments", {"user_id": user_id(api, "sol")}), 201)
        first = good(arrange(api, ends_at=soon(3)), 201)
        good(arrange(api, absent="sol", who="ada", ends_at=soon(9)), 201)
        assert [row["client_id"] for row in good(api.get("ben", "/v1/caseload"))["data"]] == [one]
        done(api.delete("sol", f"/v1/covers/{first['id']}"))
        assert [row["client_id"] for row in good(api.get("ben", "/v1/caseload"))["data"]] == [one]

    def test_whose_case_it_becomes_covers_no_longer(self, api: Api):
        """Assigned for good, she stays when the cover ends."""
        one = client(api)["id"]
        made = good(arrange(api), 201)
        good(api.post("sol", f"/v1/clients/{one}/assignments", {"user_id": user_id(api, "ben")}), 201)
        assert len(good(api.get("ben", "/v1/caseload"))["data"]) == 1
        done(api.delete("sol", f"/v1/covers/{made['id']}"))
        good(api.get("ben", f"/v1/clients/{one}"))


def joins(api: Api, *people: str) -> str:
    """A new team with these people in it."""

    def form(db):
        team = Team.form(db, "Harbor side")
        db.flush()
        for who in people:
            db.claim(User, api.world.people[who].actor.id).change(db, team_id=team.id)
        return str(team.id)

    return api.world.system(form)


class TestForOneself:
    def test_shows_a_supervisor_nothing_of_another_team(self, api: Api):
        """Of ana, who is in no team of sol's, she sees no client; nor does she by covering her. Somebody else may
        arrange it, and ana may ask for it."""
        one = client(api)["id"]
        joins(api, "sol")
        problem(arrange(api, by="sol"), 409, "own-assignment")
        same_refusal(api.get("sol", f"/v1/clients/{one}"))
        asked = good(api.post("ana", "/v1/cover-requests", {"user_id": user_id(api, "sol"), "ends_at": soon(3)}), 201)
        good(api.put("sol", f"/v1/staffing-requests/{asked['id']}/acceptance", {}))
        good(api.get("sol", f"/v1/clients/{one}"))
        good(arrange(api, by="sol", who="ada", starts_at=soon(4)), 201)

    def test_shows_an_admin_nothing(self, api: Api):
        """An admin who is an advocate too knows colleagues, not their clients."""
        one = client(api)["id"]
        give(api, "ada", Role.AGENCY_ADMIN, Role.ADVOCATE)
        problem(arrange(api, by="ada", who="ada"), 409, "own-assignment")
        same_refusal(api.get("ada", f"/v1/clients/{one}"))

    def test_is_a_supervisors_where_she_sees_the_clients_anyway(self, api: Api):
        """Of her own team, and of the whole agency when she is in none."""
        good(arrange(api, by="sol"), 201)
        joins(api, "sol", "ben")
        good(arrange(api, absent="ben", by="sol"), 201)


class TestRefused:
    def test_times_that_make_no_sense(self, api: Api):
        """Over already, backwards, longer than 60 days, begun long ago."""
        for more in (
            {"ends_at": soon(-1)},
            {"ends_at": soon(3), "starts_at": soon(4)},
            {"ends_at": soon(62)},
            {"ends_at": soon(3), "starts_at": soon(-3)},
        ):
            problem(arrange(api, **more), 422, "invalid", "/ends_at")

    def test_people_who_cannot(self, api: Api):
        """Herself, somebody who takes no clients, nobody of this agency; a foreign id as a random one."""
        problem(arrange(api, by="ana"), 422, "invalid", "/by_id")
        problem(arrange(api, by="aud"), 422, "invalid", "/by_id")
        for who in (user_id(api, "other"), NOWHERE):
            problem(arrange(api, by_id=who), 422, "invalid", "/by_id")
            problem(arrange(api, absent_id=who), 422, "invalid", "/absent_id")

    def test_the_same_twice(self, api: Api):
        """Overlapping; one after the other is fine."""
        good(arrange(api, ends_at=soon(3)), 201)
        problem(arrange(api, ends_at=soon(9)), 409, "cover-there")
        good(arrange(api, starts_at=soon(4), ends_at=soon(9)), 201)

    def test_is_not_an_advocates(self, api: Api):
        problem(arrange(api, who="ana"), 403, "forbidden")


class TestList:
    def test_an_advocate_finds_those_she_has_to_do_with(self, api: Api):
        """She knows who covers for her, and for whom she does; of others nothing."""
        mine = good(arrange(api), 201)["id"]
        theirs = good(arrange(api, absent="sol", who="ada"), 201)["id"]
        assert [row["id"] for row in walk(api, "ana", "/v1/covers", 1)] == [mine]
        assert {row["id"] for row in walk(api, "ben", "/v1/covers", 1)} == {mine, theirs}
        assert {row["id"] for row in walk(api, "ada", "/v1/covers", 1)} == {mine, theirs}
        same_refusal(api.get("ana", f"/v1/covers/{theirs}"), api.get("ana", f"/v1/covers/{NOWHERE}"))


@pytest.mark.parametrize(
    ("span", "taken", "left"),
    [
        ((1, 5), [], [(1, 5)]),
        ((1, 5), [(2, 3)], [(1, 2), (3, 5)]),
        ((1, 5), [(0, 9)], []),
        ((1, 5), [(0, 2), (4, 9)], [(2, 4)]),
        ((1, 5), [(5, 9), (0, 1)], [(1, 5)]),
    ],
)
def test_what_is_left_of_a_span(span, taken, left):
    """Half-open spans: where one ends the next begins."""
    assert cover._minus(span, taken) == left
