"""The ledger, for those who check."""

import pytest

from models import workspace
from tests.api.contract import NOWHERE, client, cursor_of, good, plan, problem, refused_cursor, tickable, walk
from tests.api.test_walls import user_id, wall_off
from tests.conftest import Api

EVENT = {
    "sequence",
    "at",
    "action",
    "actor_id",
    "actor_kind",
    "client_id",
    "outcome",
    "code",
    "request_id",
    "entry",
}


class TestRead:
    @pytest.mark.parametrize("who", ["aud", "ada", "sol"])
    def test_holds_every_act_in_order(self, api: Api, who: str):
        """Without gaps from 0 on, each with its request's id; reading it is an entry too."""
        answer = api.post("ana", "/v1/clients", {"alias": "Wren"}, headers={"x-request-id": "6f1c2b9e0d4a4a5f"})
        one = answer.json()["id"]
        rows = list(walk(api, who, "/v1/audit-events", 200))
        assert all(set(row) == EVENT for row in rows)
        assert [row["sequence"] for row in rows] == list(range(len(rows)))
        (made,) = [row for row in rows if row["action"] == "client.created"]
        assert (made["client_id"], made["request_id"], made["outcome"], made["code"]) == (
            one,
            "6f1c2b9e0d4a4a5f",
            "ok",
            None,
        )
        assert made["actor_id"] == str(api.world.people["ana"].actor.id)
        assert api.world.entries()[-1]["action"] == "audit.read"

    def test_holds_no_word_of_hers(self, api: Api):
        """Ids, counts and names of fields."""
        client(api, alias="Wren-canary", contact={"phone": "555-0134"})
        text = api.get("aud", "/v1/audit-events?limit=200").text
        assert "canary" not in text
        assert "555-0134" not in text

    def test_filters(self, api: Api):
        """By what it is about, who did it, what was done, and where one stopped reading; several actions mean any."""
        one, two = client(api)["id"], client(api, "ben")["id"]
        whole = plan(api, one)
        item = tickable(whole)[0]["id"]
        good(api.put("ana", f"/v1/checklist-items/{item}/completion"))
        good(api.get("sol", f"/v1/clients/{one}"))

        def actions(query: str) -> list[str]:
            return [row["action"] for row in good(api.get("aud", f"/v1/audit-events?{query}"))["data"]]

        assert actions(f"subject={one}") == ["client.created", "plan.created", "checklist_item.ticked", "client.read"]
        assert actions(f"subject={item}") == ["checklist_item.ticked"]
        assert actions(f"subject={two}") == ["client.created"]
        assert actions(f"subject={NOWHERE}") == []
        sol = api.world.people["sol"].actor.id
        assert actions(f"actor={sol}&action=client.read") == ["client.read"]
        assert actions("action=plan.created&action=client.read") == ["plan.created", "client.read"]
        last = api.world.entries()[-1]["seq"]
        rows = good(api.get("aud", f"/v1/audit-events?after={last - 1}"))["data"]
        assert [row["sequence"] for row in rows][:1] == [last]

    def test_pages_show_every_entry_once(self, api: Api):
        """Although every page read adds one."""
        client(api)
        size = len(api.world.entries())
        for limit in (3, 7):
            seen = [row["sequence"] for row in walk(api, "aud", "/v1/audit-events", limit, after=-1)]
            assert seen == list(range(len(seen)))
            assert len(seen) >= size

    def test_a_cursor_fits_one_list_of_one_agency(self, api: Api):
        """Other filters: refused."""
        cursor = cursor_of(api.get("aud", "/v1/audit-events?limit=1"))
        refused_cursor(api.get("aud", f"/v1/audit-events?limit=1&action=client.read&cursor={cursor}"))
        refused_cursor(api.get("aud", f"/v1/audit-events?limit=1&after=0&cursor={cursor}"))
        good(api.get("sol", f"/v1/audit-events?limit=1&cursor={cursor}"))

    @pytest.mark.parametrize(
        "query", ["subject=x", "actor=1", "action=client.eaten", "after=-2", "after=x", f"after={2**63}", "after=1e3"]
    )
    def test_odd_values_are_refused(self, api: Api, query: str):
        """With the parameter that is wrong."""
        body = problem(api.get("aud", f"/v1/audit-events?{query}"), 422, "invalid")
        assert body["errors"][0]["pointer"].startswith(f"/query/{query.partition('=')[0]}")

    def test_an_entry_that_names_too_many_to_list_is_hidden_like_any(self, api: Api, monkeypatch: pytest.MonkeyPatch):
        """Of many clients an entry holds a digest; whoever must not know of one of them is not shown it either."""
        monkeypatch.setattr(workspace, "LISTED_IDS", 2)
        hers = max([client(api)["id"] for _ in range(4)])  # the first one moved is named by herself
        wall_off(api, hers, "ada")
        body = {"to_user_id": user_id(api, "ben")}
        moved = api.put("sol", f"/v1/users/{user_id(api, 'ana')}/caseload-handover", body)
        good(moved)
        answers = {who: good(api.get(who, "/v1/audit-events?limit=200"))["data"] for who in ("ada", "aud")}
        moves = {
            who: [row for row in rows if row["request_id"] == moved.headers["x-request-id"]]
            for who, rows in answers.items()
        }
        assert not any(hers in str(row) for row in moves["aud"]), "it does not list her"
        assert (len(moves["ada"]), len(moves["aud"])) == (0, 1)

    def test_of_ones_own_agency(self, api: Api):
        """Another agency's acts are not in it."""
        theirs = client(api, "other")["id"]
        assert theirs not in api.get("aud", "/v1/audit-events?limit=200").text

    def test_is_not_for_advocates(self, api: Api):
        """Who checks is not who is checked."""
        problem(api.get("ana", "/v1/audit-events"), 403, "forbidden")
