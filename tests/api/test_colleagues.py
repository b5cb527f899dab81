"""Colleagues by name, for whoever assigns."""

from tests.api.contract import cursor_of, good, last_action, problem, refused_cursor, walk
from tests.conftest import Api
from tests.world import AT_HARBOR


def test_a_supervisor_finds_a_colleague_to_assign(api: Api) -> None:
    """Names, roles and languages of everybody who may sign in; no address; the reading is logged."""
    rows = list(walk(api, "sol", "/v1/colleagues", 2))
    assert all(set(row) == {"id", "display_name", "roles", "language"} for row in rows)
    assert {row["display_name"]: row["roles"] for row in rows} == {
        "Ana": ["advocate"],
        "Ben": ["advocate"],
        "Sol": ["supervisor"],
        "Ada": ["agency_admin"],
        "Aud": ["auditor"],
        "Val": ["volunteer"],
    }
    entry = api.world.entries()[-1]
    assert entry["action"] == "user.listed"
    client = api.post("ana", "/v1/clients", {"alias": "Wren"}).json()["id"]
    ben = next(row["id"] for row in rows if row["display_name"] == "Ben")
    good(api.post("sol", f"/v1/clients/{client}/assignments", {"user_id": ben}), 201)


def test_the_entry_says_that_names_were_opened(api: Api) -> None:
    """Of whom, and which field."""
    good(api.get("ada", "/v1/colleagues"))
    assert last_action(api) == "user.listed"
    opened = api.world.entries()[-1]["opened"][0]
    assert (opened["t"], opened["fields"], opened["count"]) == ("users", ["display_name"], AT_HARBOR)


def test_the_suspended_are_not_offered(api: Api) -> None:
    """Nobody is assigned to somebody who cannot come in."""
    good(api.put("ada", f"/v1/users/{api.world.people['ben'].actor.id}/suspension"))
    assert "Ben" not in {row["display_name"] for row in good(api.get("sol", "/v1/colleagues"))["data"]}


def test_not_for_everybody(api: Api) -> None:
    """Who works here is no advocate's to list."""
    for who in ("ana", "aud"):
        problem(api.get(who, "/v1/colleagues"), 403, "forbidden")
    cursor = cursor_of(api.get("sol", "/v1/colleagues?limit=1"))
    refused_cursor(api.get("sol", f"/v1/colleagues?limit=1&cursor={cursor[:-2]}AA"))
