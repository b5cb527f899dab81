"""Requests: an advocate asks for a handover or a cover, a supervisor or an admin does it; a question changes nothing."""

from datetime import timedelta
from typing import Any

import pytest

from models import staffing_request
from models.access import Role
from tests.api.contract import NOWHERE, client, done, good, made, problem, same_refusal, walk
from tests.api.test_cover_clock import chore
from tests.api.test_walls import give, user_id, wall_off
from tests.conftest import Api
from tests.factories import soon

DAY = timedelta(days=1)
HOME = "/v1/staffing-requests"


def ask(api: Api, one: str, who: str = "ana", **body: Any) -> str:
    """The id of a request for a handover."""
    return str(made(api.post(who, f"/v1/clients/{one}/handover-requests", body), HOME)["id"])


def ask_cover(api: Api, who: str = "ana", **body: Any) -> Any:
    """The answer to a request for a cover."""
    return api.post(who, "/v1/cover-requests", {"ends_at": soon(9)} | body)


def accept(api: Api, request: str, who: str = "sol", by: str | None = None) -> Any:
    """The answer to an acceptance."""
    return api.put(who, f"{HOME}/{request}/acceptance", {"user_id": user_id(api, by)} if by else {})


def told(api: Api, who: str) -> list[tuple[str, str]]:
    """What somebody was told of requests, oldest first."""
    rows = good(api.get(who, "/v1/notices"))["data"]
    return [(row["kind"], row["object_id"]) for row in reversed(rows) if row["kind"].startswith("staffing")]


class TestHandover:
    @pytest.mark.parametrize("who", ["sol", "ada"])
    def test_is_asked_for_and_done_by_somebody_else(self, api: Api, who: str) -> None:
        """The question changes nothing; the acceptance is a handover like any other, and both are told."""
        one = client(api)["id"]
        request = ask(api, one, user_id=user_id(api, "ben"))
        good(api.get("ana", f"/v1/clients/{one}"))
        same_refusal(api.get("ben", f"/v1/clients/{one}"))
        assert told(api, "sol") == [("staffing_asked", request)]
        assert told(api, "ada") == []
        body = good(accept(api, request, who))
        assert (body["state"], body["kind"], body["answered_by_id"]) == ("accepted", "handover", user_id(api, who))
        good(api.get("ben", f"/v1/clients/{one}"))
        same_refusal(api.get("ana", f"/v1/clients/{one}"), api.get("ana", f"{HOME}/{request}"))
        assert told(api, "ana") == [("staffing_answered", request)]
        problem(accept(api, request), 409, "staffing-request-over")

    def test_to_somebody_else_than_wished_for_or_to_somebody_named(self, api: Api) -> None:
        """Who answers decides; with nobody wished for she has to say."""
        one = client(api)["id"]
        request = ask(api, one)
        problem(accept(api, request), 422, "invalid", "/user_id")
        good(accept(api, request, by="sol"))
        good(api.get("sol", f"/v1/clients/{one}"))
        rows = good(api.get("sol", f"/v1/clients/{one}/assignments"))["data"]
        assert [row["user_id"] for row in rows if not row["ended_at"]] == [user_id(api, "sol")]

    def test_of_ones_own_clients_only(self, api: Api) -> None:
        """Out of sight is 404; whom she only covers is somebody else's to ask for; a closed case is closed."""
        one, bens = client(api)["id"], client(api, "ben")["id"]
        paths = [f"/v1/clients/{each}/handover-requests" for each in (bens, client(api, "other")["id"], NOWHERE)]
        same_refusal(*(api.post("ana", path, {}) for path in paths))
        body = {"absent_id": user_id(api, "ben"), "by_id": user_id(api, "ana"), "ends_at": soon(3)}
        good(api.post("sol", "/v1/covers", body), 201)
        problem(api.post("ana", paths[0], {}), 409, "not-her-case")
        for who in ("ana", "aud", "other"):
            problem(
                api.post("ana", f"/v1/clients/{one}/handover-requests", {"user_id": user_id(api, who)}),
                422,
                "invalid",
                "/user_id",
            )
        good(api.put("ana", f"/v1/clients/{one}/closure", {"reason": "She moved on."}))
        problem(api.post("ana", f"/v1/clients/{one}/handover-requests", {}), 409, "client-closed")
        for who in ("sol", "ada", "aud"):
            problem(api.post(who, f"/v1/clients/{one}/handover-requests", {}), 403, "forbidden")

    def test_when_the_client_went_elsewhere_meanwhile(self, api: Api) -> None:
        """Handed over without it: there is nothing left to accept, and nothing happens."""
        one = client(api)["id"]
        request = ask(api, one, user_id=user_id(api, "ben"))
        good(api.put("sol", f"/v1/clients/{one}/handover", {"to_user_id": user_id(api, "sol")}))
        problem(accept(api, request), 409, "staffing-request-over")
        same_refusal(api.get("ben", f"/v1/clients/{one}"))
        assert good(api.get("sol", f"{HOME}/{request}"))["state"] == "open"

    def test_tells_nothing_through_a_wall_or_a_restriction(self, api: Api) -> None:
        """A supervisor kept from the client is not told, and finds no request; a successor who is kept from her is
        refused to whoever may know."""
        one, two, three = (client(api)["id"] for _ in range(3))
        wall_off(api, one, "sol")
        wall_off(api, three, "ben")
        good_or_done = api.put("ana", f"/v1/clients/{two}/restriction")
        assert good_or_done.status_code == 204
        hidden = [ask(api, each) for each in (one, two)]
        assert told(api, "sol") == []
        assert {request for _, request in told(api, "ada")} == {*hidden}
        assert good(api.get("sol", HOME))["data"] == []
        same_refusal(*(accept(api, request, by="ben") for request in (*hidden, NOWHERE)))
        problem(accept(api, ask(api, three), by="ben"), 409, "kept-from-client")
        wall_off(api, two, "ada")
        assert {row["id"] for row in good(api.get("ada", HOME))["data"]} & {*hidden} == {hidden[0]}

    def test_goes_with_her_record(self, api: Api) -> None:
        """Destroyed, the client is in no request."""
        one = client(api)["id"]
        request = ask(api, one)
        asked = {"what": "everything", "reason": "client_asked"}
        proposal = good(api.post("sol", f"/v1/clients/{one}/destruction", asked), 201)["id"]
        good(api.put("ada", f"/v1/destructions/{proposal}/approval"))
        same_refusal(*(api.get(who, f"{HOME}/{request}") for who in ("ana", "sol", "ada")))
        assert told(api, "sol") == [], "nobody is led to what is there no more"


class TestCover:
    def test_is_asked_for_and_begins_when_it_is_accepted(self, api: Api) -> None:
        """Her whole caseload, from when to when she said."""
        one = client(api)["id"]
        request = made(ask_cover(api, user_id=user_id(api, "ben")), HOME)
        assert (request["kind"], request["client_id"]) == ("cover", None)
        same_refusal(api.get("ben", f"/v1/clients/{one}"))
        good(accept(api, request["id"]))
        good(api.get("ben", f"/v1/clients/{one}"))
        good(api.get("ana", f"/v1/clients/{one}"))
        (cover,) = good(api.get("ana", "/v1/covers"))["data"]
        assert (cover["absent_id"], cover["created_by_id"]) == (user_id(api, "ana"), user_id(api, "sol"))
        assert cover["ends_at"] == request["ends_at"]

    def test_times_that_make_no_sense(self, api: Api) -> None:
        """As for a cover itself."""
        for more in ({"ends_at": soon(-1)}, {"starts_at": soon(4), "ends_at": soon(3)}, {"ends_at": soon(62)}):
            problem(ask_cover(api, **more), 422, "invalid", "/ends_at")


class TestAnswer:
    def test_is_declined_or_taken_back(self, api: Api) -> None:
        """Twice changes nothing; afterwards it may be asked anew, and not before."""
        one = client(api)["id"]
        first = ask(api, one)
        problem(api.post("ana", f"/v1/clients/{one}/handover-requests", {}), 409, "staffing-asked")
        for _ in range(2):
            done(api.delete("sol", f"{HOME}/{first}"))
        assert good(api.get("ana", f"{HOME}/{first}"))["state"] == "declined"
        assert told(api, "ana") == [("staffing_answered", first)]
        second = ask(api, one)
        done(api.delete("ana", f"{HOME}/{second}"))
        assert good(api.get("ana", f"{HOME}/{second}"))["state"] == "withdrawn"
        for request in (first, second):
            problem(accept(api, request, by="ben"), 409, "staffing-request-over")

    def test_is_not_a_colleagues(self, api: Api) -> None:
        """Another advocate finds nothing of it, and accepts nothing."""
        request = ask(api, client(api)["id"])
        cover = good(ask_cover(api), 201)["id"]
        for each in (request, cover):
            same_refusal(
                api.get("ben", f"{HOME}/{each}"),
                api.delete("ben", f"{HOME}/{each}"),
                api.get("ben", f"{HOME}/{NOWHERE}"),
            )
            problem(accept(api, each, "ana", "ben"), 403, "forbidden")
        assert good(api.get("ben", HOME))["data"] == []
        assert {row["id"] for row in walk(api, "sol", HOME, 1)} == {request, cover}

    def test_lapses_after_fourteen_days(self, api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
        """By the clock, at the moment somebody looks; after 90 days it is forgotten."""
        one = client(api)["id"]
        request = ask(api, one, user_id=user_id(api, "ben"))
        monkeypatch.setattr(staffing_request, "LAPSES", timedelta())
        assert good(api.get("sol", f"{HOME}/{request}"))["state"] == "lapsed"
        assert good(api.get("sol", f"{HOME}?open=true"))["data"] == []
        problem(accept(api, request), 409, "staffing-request-over")
        problem(api.delete("sol", f"{HOME}/{request}"), 409, "staffing-request-over")
        ask(api, one)
        assert chore(api, staffing_request.forget_old, 89 * DAY) == 0
        assert chore(api, staffing_request.forget_old, 91 * DAY) == 2

    def test_a_supervisor_with_a_caseload_is_answered_by_another(self, api: Api) -> None:
        """She asks as an advocate; she is the only supervisor, so the admins are told."""
        give(api, "sol", Role.SUPERVISOR, Role.ADVOCATE)
        one = client(api, "sol")["id"]
        request = ask(api, one, "sol", user_id=user_id(api, "ben"))
        assert told(api, "ada") == [("staffing_asked", request)]
        problem(accept(api, request), 409, "own-staffing-request")
        good(accept(api, request, "ada"))
        good(api.get("ben", f"/v1/clients/{one}"))
