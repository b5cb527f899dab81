"""Who works with a client, from when until when."""

from uuid import UUID

import pytest

from models.access import Permission
from models.assignment import Assignment
from models.errors import Invalid
from tests.api.contract import NOWHERE, active, client, done, good, last_action, problem, review, same_refusal
from tests.conftest import Api

ASSIGNMENT = {"id", "client_id", "user_id", "kind", "started_at", "started_by_id", "ended_at", "ended_by_id"}
ASSIGNMENT |= {"starts_at", "ends_at", "cover_id"}


def user_id(api: Api, who: str) -> str:
    return str(api.world.people[who].actor.id)


def assign(api: Api, client_id: str, who: str, by: str = "sol", **more):
    return api.post(by, f"/v1/clients/{client_id}/assignments", {"user_id": user_id(api, who)}, **more)


class TestAssign:
    def test_lets_a_colleague_work_with_the_client(self, api: Api):
        """From her next request on she sees the client, in her caseload too."""
        one = client(api)["id"]
        same_refusal(api.get("ben", f"/v1/clients/{one}"))
        body = good(assign(api, one, "ben"), 201)
        assert set(body) == ASSIGNMENT
        assert (body["client_id"], body["user_id"], body["ended_at"]) == (one, user_id(api, "ben"), None)
        assert body["started_by_id"] == user_id(api, "sol")
        assert last_action(api) == "assignment.started"
        good(api.get("ben", f"/v1/clients/{one}"))
        assert [row["client_id"] for row in good(api.get("ben", "/v1/caseload"))["data"]] == [one]

    def test_carries_the_next_review_along(self, api: Api):
        """The new colleague's caseload shows the review there is."""
        one = client(api)["id"]
        due = review(api, active(api, one)["id"])["due_at"]
        assign(api, one, "ben")
        assert good(api.get("ben", "/v1/caseload"))["data"][0]["next_review_at"] == due

    def test_twice_is_a_conflict(self, api: Api):
        """Somebody works with a client or does not."""
        one = client(api)["id"]
        problem(assign(api, one, "ana"), 409, "already-exists")

    @pytest.mark.parametrize(
        ("who", "code"), [("ada", "takes-no-clients"), ("aud", "takes-no-clients"), ("other", "unknown-user")]
    )
    def test_only_people_who_take_clients(self, api: Api, who: str, code: str):
        """Not an admin, not an auditor, nobody from elsewhere; a random id is answered as a foreign one."""
        one = client(api)["id"]
        body = problem(assign(api, one, who), 422, "invalid", "/user_id")
        assert body["errors"][0]["code"] == code
        if who == "other":
            random = problem(api.post("sol", f"/v1/clients/{one}/assignments", {"user_id": NOWHERE}), 422, "invalid")
            assert random["errors"] == body["errors"]

    def test_not_the_suspended(self, api: Api):
        """Who cannot sign in cannot take a client on."""
        one = client(api)["id"]
        api.put("ada", f"/v1/users/{user_id(api, 'ben')}/suspension")
        body = problem(assign(api, one, "ben"), 422, "invalid", "/user_id")
        assert body["errors"][0]["code"] == "takes-no-clients"

    def test_nobody_who_takes_no_clients_assigns_herself(self, api: Api):
        """As an admin of the agency: she would count as somebody who is left with the client, and sees nothing."""
        one = client(api)["id"]
        ada = api.world.people["ada"].actor.id
        problem(assign(api, one, "ada", by="ada"), 409, "own-assignment")
        with pytest.raises(Invalid):
            api.world.run("ada", Permission.ASSIGNMENT_CREATE, lambda db: Assignment.begin(db, UUID(one), ada))

    def test_is_the_supervisors(self, api: Api):
        """An advocate hands no client on by herself."""
        problem(assign(api, client(api)["id"], "ben", by="ana"), 403, "forbidden")

    def test_of_an_unknown_client(self, api: Api):
        """Foreign and random ids are one answer."""
        foreign = client(api, "other")["id"]
        same_refusal(*(assign(api, one, "ben") for one in (foreign, NOWHERE, "x")))

    def test_a_repeated_request_assigns_once(self, api: Api):
        """Under one key the second answer shows the same assignment."""
        one = client(api)["id"]
        first, again = (assign(api, one, "ben", key="k") for _ in range(2))
        assert again.headers["idempotency-replayed"] == "true"
        assert good(first, 201) == good(again, 201)


class TestList:
    def test_newest_first_the_ended_too(self, api: Api):
        """Who worked with her stays on record."""
        one = client(api)["id"]
        second = good(assign(api, one, "ben"), 201)
        done(api.delete("sol", f"/v1/assignments/{second['id']}"))
        rows = good(api.get("ana", f"/v1/clients/{one}/assignments"))["data"]
        assert [row["user_id"] for row in rows] == [user_id(api, "ben"), user_id(api, "ana")]
        assert rows[0]["ended_by_id"] == user_id(api, "sol")
        assert rows[0]["ended_at"]
        assert rows[1]["ended_at"] is None

    def test_of_a_client_out_of_sight(self, api: Api):
        """A colleague's, a foreign and a random client are one answer."""
        ids = (client(api, "ben")["id"], client(api, "other")["id"], NOWHERE)
        same_refusal(*(api.get("ana", f"/v1/clients/{one}/assignments") for one in ids))


class TestEnd:
    def test_takes_the_client_out_of_sight(self, api: Api):
        """From the next request on client, plan, items and reviews are not found; again is no error."""
        one = client(api)["id"]
        plan = active(api, one)
        held = review(api, plan["id"])
        rows = good(api.get("sol", f"/v1/clients/{one}/assignments"))["data"]
        for _ in range(2):
            done(api.delete("sol", f"/v1/assignments/{rows[0]['id']}?leave_unassigned=true"))
        item = plan["sections"][0]["items"][0]["id"]
        same_refusal(
            api.get("ana", f"/v1/clients/{one}"),
            api.get("ana", f"/v1/plans/{plan['id']}"),
            api.get("ana", f"/v1/checklist-items/{item}"),
            api.put("ana", f"/v1/checklist-items/{item}/completion"),
            api.get("ana", f"/v1/reviews/{held['id']}"),
        )
        assert good(api.get("ana", "/v1/caseload"))["data"] == []
        good(assign(api, one, "ana"), 201)
        good(api.get("ana", f"/v1/plans/{plan['id']}"))

    def test_foreign_is_unknown(self, api: Api):
        """Another agency's assignment is none."""
        foreign = client(api, "other")["id"]
        rows = good(api.get("other", f"/v1/clients/{foreign}/assignments"))["data"]
        same_refusal(*(api.delete("sol", f"/v1/assignments/{one}") for one in (rows[0]["id"], NOWHERE, "x")))
