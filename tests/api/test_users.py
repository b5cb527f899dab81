"""The people of an agency, for its admin."""

import pytest

from models.access import Role
from tests.api.contract import (
    NOWHERE,
    client,
    cursor_of,
    good,
    last_action,
    problem,
    refused_cursor,
    same_refusal,
    walk,
)
from tests.api.test_covers import joins
from tests.api.test_walls import give
from tests.conftest import Api
from tests.world import AT_HARBOR

SUMMARY = {"team_id", "id", "roles", "status", "created_at", "version"}
WHOLE = SUMMARY | {"email", "display_name", "language", "password_change_required"}


def path(api: Api, who: str = "ana") -> str:
    return f"/v1/users/{api.world.people[who].actor.id}"


class TestList:
    def test_shows_the_agencys_people_without_names(self, api: Api):
        """Rows hold nothing sealed; the other agency's people are not there."""
        rows = good(api.get("ada", "/v1/users"))["data"]
        assert all(set(row) == SUMMARY for row in rows)
        here = {str(p.actor.id) for name, p in api.world.people.items() if name != "other"}
        assert {row["id"] for row in rows} == here

    @pytest.mark.parametrize("limit", [1, 2, 5, 200])
    def test_pages_show_every_row_once(self, api: Api, limit: int):
        """Whatever the page's size, following the links shows everybody once."""
        ids = [row["id"] for row in walk(api, "ada", "/v1/users", limit)]
        assert len(ids) == AT_HARBOR
        assert ids == sorted(set(ids))

    def test_filters_by_status(self, api: Api):
        """A repeated filter means either."""
        api.put("ada", f"{path(api)}/suspension")
        gone = good(api.get("ada", "/v1/users?status=suspended"))["data"]
        assert [row["id"] for row in gone] == [str(api.world.people["ana"].actor.id)]
        assert len(good(api.get("ada", "/v1/users?status=suspended&status=active"))["data"]) == AT_HARBOR

    def test_a_cursor_fits_one_list_only(self, api: Api):
        """The cursor of another filter, list or agency is refused."""
        cursor = cursor_of(api.get("ada", "/v1/users?limit=1"))
        refused_cursor(api.get("ada", f"/v1/users?status=active&limit=1&cursor={cursor}"))
        refused_cursor(api.get("ada", f"/v1/users?limit=1&cursor={cursor[:-2]}AA"))
        audit = cursor_of(api.get("ada", "/v1/audit-events?limit=1"))
        refused_cursor(api.get("ada", f"/v1/users?cursor={audit}"))

    @pytest.mark.parametrize("query", ["limit=0", "limit=201", "limit=x", "status=gone", "limit=", "limit=1e2"])
    def test_odd_values_are_refused(self, api: Api, query: str):
        """Limits and states have their bounds."""
        body = problem(api.get("ada", f"/v1/users?{query}"), 422, "invalid")
        assert body["errors"][0]["pointer"].startswith(f"/query/{query.partition('=')[0]}")

    def test_is_not_for_advocates(self, api: Api):
        """Who else works here is not an advocate's to list; the attempt is kept."""
        problem(api.get("ana", "/v1/users"), 403, "forbidden")
        assert last_action(api) == "access.denied"


class TestRead:
    def test_shows_name_and_address_and_is_logged(self, api: Api):
        """Reading a person's sealed fields leaves an entry naming them."""
        user = good(api.get("ada", path(api)))
        assert set(user) == WHOLE
        assert (user["email"], user["display_name"], user["language"]) == ("ana@harbor.example", "Ana", "en")
        entry = api.world.entries()[-1]
        assert entry["action"] == "user.read"
        assert entry["opened"][0]["fields"] == ["display_name", "email"]

    def test_foreign_is_unknown(self, api: Api):
        """Another agency's person, a random id and no id at all are one answer."""
        same_refusal(
            api.get("ada", path(api, "other")), api.get("ada", f"/v1/users/{NOWHERE}"), api.get("ada", "/v1/users/x")
        )

    def test_unchanged_is_304(self, api: Api):
        """A known version is not sent again."""
        assert api.get("ada", path(api), headers={"if-none-match": '"1"'}).status_code == 304


class TestChange:
    def test_roles_act_on_the_next_request(self, api: Api):
        """An advocate made auditor loses her clients at once, and may read the ledger at once."""
        made = api.post("ana", "/v1/clients", {"alias": "Wren"}).json()["id"]
        user = good(api.patch("ada", path(api), {"roles": ["auditor"]}, if_match=1))
        assert (user["roles"], user["version"]) == (["auditor"], 2)
        problem(api.get("ana", f"/v1/clients/{made}"), 403, "forbidden")
        good(api.get("ana", "/v1/audit-events"))

    def test_an_auditor_holds_no_role_with_content(self, api: Api):
        """Nobody checks herself."""
        for roles in (["auditor", "advocate"], ["auditor", "supervisor"]):
            problem(api.patch("ada", path(api), {"roles": roles}, if_match=1), 409, "auditor-and-content")
        assert good(api.get("ada", path(api)))["version"] == 1

    def test_nobody_changes_her_own_roles(self, api: Api):
        """Not even an admin."""
        problem(api.patch("ada", path(api, "ada"), {"roles": ["supervisor"]}, if_match=1), 409, "own-role")

    def test_a_supervisor_widens_no_team_of_her_own(self, api: Api):
        """An admin who supervises a team: a colleague put into it would bring her clients into sight. Another admin
        may."""
        one = client(api)["id"]
        team = joins(api, "sol")
        give(api, "sol", Role.AGENCY_ADMIN, Role.SUPERVISOR)
        for who, moves in (("sol", False), ("ada", True)):
            version = good(api.get(who, path(api)))["version"]
            answer = api.patch(who, path(api), {"team_id": team}, if_match=version)
            problem(answer, 409, "own-role") if not moves else good(answer)
            assert api.get("sol", f"/v1/clients/{one}").status_code == (200 if moves else 404)

    def test_needs_the_version(self, api: Api):
        """Without If-Match 428, with a stale or foreign one 412 and today's ETag."""
        problem(api.patch("ada", path(api), {"language": "es"}), 428, "precondition-required")
        for sent in ('"7"', "1", '"1', 'W/"1"', '"one"', '"1", "2"'):
            answer = api.patch("ada", path(api), {"language": "es"}, headers={"if-match": sent})
            problem(answer, 412, "stale-version")
            assert answer.headers["etag"] == '"1"'
        good(api.patch("ada", path(api), {"language": "es"}, headers={"if-match": "*"}))

    def test_an_empty_change_is_no_error(self, api: Api):
        """A merge patch without members changes nothing that shows."""
        before = good(api.get("ada", path(api)))
        after = good(api.patch("ada", path(api), {}, if_match=1))
        assert {n: v for n, v in after.items() if n != "version"} == {n: v for n, v in before.items() if n != "version"}


class TestSuspension:
    def test_ends_everything_and_can_be_taken_back(self, api: Api):
        """A suspended person is out with the next request; afterwards she may sign in again."""
        good(api.get("ana", "/v1/me"))
        for _ in range(2):
            assert good(api.put("ada", f"{path(api)}/suspension"))["status"] == "suspended"
        problem(api.get("ana", "/v1/me"), 401, "session-ended")
        for _ in range(2):
            assert good(api.delete("ada", f"{path(api)}/suspension"))["status"] == "active"
        problem(api.get("ana", "/v1/me"), 401, "session-ended")
        api._tokens.clear()
        good(api.get("ana", "/v1/me"))

    def test_sessions_can_be_ended_without_it(self, api: Api):
        """Signed out by an admin she is out with the next request, and comes in again; the entry says who did it. A
        person of another agency is nobody."""
        good(api.get("ana", "/v1/me"))
        for _ in range(2):
            assert api.delete("ada", f"{path(api)}/sessions").status_code == 204
        problem(api.get("ana", "/v1/me"), 401, "session-ended")
        entry = api.world.entries()[-1]
        assert (entry["action"], entry["object"]["ids"]) == ("user.sessions_ended", [path(api).rpartition("/")[2]])
        problem(api.delete("ada", f"{path(api, 'other')}/sessions"), 404, "not-found")
        problem(api.delete("sol", f"{path(api)}/sessions"), 403, "forbidden")
        api._tokens.clear()
        good(api.get("ana", "/v1/me"))

    def test_not_of_oneself(self, api: Api):
        """An admin cannot lock the agency's last door from the inside."""
        problem(api.put("ada", f"{path(api, 'ada')}/suspension"), 409, "own-suspension")

    def test_is_the_admins(self, api: Api):
        """A supervisor reads people but suspends nobody."""
        problem(api.put("sol", f"{path(api)}/suspension"), 403, "forbidden")
