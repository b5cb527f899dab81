"""Handover: the predecessor sees nothing more from this request on, the successor everything, and work stays whose it
was. And teams: whom a supervisor in one sees."""

from tests.api.contract import NOWHERE, active, client, done, good, made, problem, review, same_refusal
from tests.api.test_walls import user_id
from tests.conftest import Api


def hand(api: Api, one: str, to: str, by: str = "sol", **more: str):
    return api.put(by, f"/v1/clients/{one}/handover", {"to_user_id": user_id(api, to)} | more)


class TestHandOver:
    def test_predecessors_notes_are_the_successors_and_no_longer_the_predecessors(self, api: Api):
        """Client, plan, items and reviews change hands in one request (the neighbours' "predecessor's notes visible")."""
        one = client(api)["id"]
        plan = active(api, one)
        held = review(api, plan["id"])
        body = good(hand(api, one, "ben"))
        assert (body["user_id"], body["kind"]) == (user_id(api, "ben"), "advocate")
        item = plan["sections"][0]["items"][0]["id"]
        paths = (
            f"/v1/clients/{one}",
            f"/v1/plans/{plan['id']}",
            f"/v1/checklist-items/{item}",
            f"/v1/reviews/{held['id']}",
        )
        same_refusal(*(api.get("ana", path) for path in paths))
        for path in paths:
            good(api.get("ben", path))
        assert good(api.get("ben", f"/v1/reviews/{held['id']}"))["reviewer_id"] == user_id(api, "ben")
        assert [row["next_review_at"] for row in good(api.get("ben", "/v1/caseload"))["data"]] == [held["due_at"]]

    def test_reassigned_work_is_credited_to_who_did_it(self, api: Api):
        """A review held, an item ticked, entries in the ledger: they name ana for ever."""
        one = client(api)["id"]
        plan = active(api, one)
        item = next(i for i in plan["sections"][0]["items"] if i["kind"] != "information")["id"]
        good(api.put("ana", f"/v1/checklist-items/{item}/completion"))
        held = review(api, plan["id"])
        good(api.put("ana", f"/v1/reviews/{held['id']}/completion", {"what_changed": "a new lock"}))
        before = api.world.entries()
        good(hand(api, one, "ben"))
        assert good(api.get("ben", f"/v1/checklist-items/{item}"))["completed_by_id"] == user_id(api, "ana")
        assert good(api.get("ben", f"/v1/reviews/{held['id']}"))["completed_by_id"] == user_id(api, "ana")
        assert api.world.entries()[: len(before)] == before
        rows = good(api.get("ben", f"/v1/clients/{one}/assignments"))["data"]
        assert [(row["user_id"], row["started_by_id"]) for row in rows] == [
            (user_id(api, "ben"), user_id(api, "sol")), (user_id(api, "ana"), user_id(api, "ana"))
        ]  # fmt: skip
        assert rows[1]["ended_by_id"] == user_id(api, "sol")

    def test_twice_changes_nothing(self, api: Api):
        """A repeated request finds it done."""
        one = client(api)["id"]
        first, again = (good(hand(api, one, "ben")) for _ in range(2))
        assert first == again

    def test_of_several_somebody_has_to_be_named(self, api: Api):
        """Two work with her: who gives her away is said; the other one stays."""
        one = client(api)["id"]
        good(api.post("sol", f"/v1/clients/{one}/assignments", {"user_id": user_id(api, "ben")}), 201)
        problem(hand(api, one, "sol"), 422, "invalid", "/from_user_id")
        problem(hand(api, one, "sol", from_user_id=user_id(api, "ada")), 422, "invalid", "/from_user_id")
        problem(hand(api, one, "ben", from_user_id=user_id(api, "ben")), 422, "invalid", "/from_user_id")
        good(hand(api, one, "sol", from_user_id=user_id(api, "ana")))
        same_refusal(api.get("ana", f"/v1/clients/{one}"))
        good(api.get("ben", f"/v1/clients/{one}"))

    def test_to_nobody_who_takes_clients(self, api: Api):
        """Not to an admin, not to somebody suspended, not to another agency: and then nothing has changed."""
        one = client(api)["id"]
        good(api.put("ada", f"/v1/users/{user_id(api, 'ben')}/suspension"))
        for to in ("ada", "ben", "other"):
            problem(hand(api, one, to), 422, "invalid", "/to_user_id")
        good(api.get("ana", f"/v1/clients/{one}"))

    def test_out_of_sight(self, api: Api):
        same_refusal(*(hand(api, one, "ben") for one in (client(api, "other")["id"], NOWHERE, "x")))

    def test_the_last_assignment_does_not_end_silently(self, api: Api):
        """Refused, unless that is what is meant, or the case is closed."""
        one = client(api)["id"]
        (row,) = good(api.get("sol", f"/v1/clients/{one}/assignments"))["data"]
        path = f"/v1/assignments/{row['id']}"
        problem(api.delete("sol", path), 409, "last-assignment")
        good(api.get("ana", f"/v1/clients/{one}"))
        good(api.put("ana", f"/v1/clients/{one}/closure", {"reason": "She moved on."}))
        done(api.delete("sol", path))
        same_refusal(api.get("ana", f"/v1/clients/{one}"))

    def test_a_whole_caseload(self, api: Api):
        """Ana leaves: one request, and every client is ben's; nobody else's moves."""
        ones, other = [client(api)["id"] for _ in range(3)], client(api, "ben")["id"]
        path, body = f"/v1/users/{user_id(api, 'ana')}/caseload-handover", {"to_user_id": user_id(api, "ben")}
        assert good(api.put("sol", path, body)) == {"client_ids": sorted(ones)}
        assert good(api.get("ana", "/v1/clients"))["data"] == []
        assert len(good(api.get("ben", "/v1/clients"))["data"]) == 4
        same_refusal(api.put("sol", path, body | {"client_ids": [other]}))
        same_refusal(api.put("sol", f"/v1/users/{NOWHERE}/caseload-handover", body))

    def test_a_reviewer_sees_the_client(self, api: Api):
        """Nobody is made to hold a review she cannot open."""
        one = client(api)["id"]
        plan = active(api, one)
        due = {"due_at": "2027-02-01T10:00:00Z", "reviewer_id": user_id(api, "ben")}
        body = problem(api.post("ana", f"/v1/plans/{plan['id']}/reviews", due), 422, "invalid", "/reviewer_id")
        assert body["errors"][0]["code"] == "does-not-see-client"
        held = good(api.post("ana", f"/v1/plans/{plan['id']}/reviews", due | {"reviewer_id": user_id(api, "sol")}), 201)
        problem(api.patch("ana", f"/v1/reviews/{held['id']}", {"reviewer_id": user_id(api, "ben")}, if_match=1), 422,
                "invalid", "/reviewer_id")  # fmt: skip


class TestTeams:
    def put_in(self, api: Api, who: str, team: str | None) -> None:
        path = f"/v1/users/{user_id(api, who)}"
        version = good(api.get("ada", path))["version"]
        assert good(api.patch("ada", path, {"team_id": team}, if_match=version))["team_id"] == team

    def test_a_supervisor_in_a_team_sees_her_teams_clients_and_nobodys(self, api: Api):
        """Acts on her next request; out of the team she sees the agency again."""
        east = made(api.post("ada", "/v1/teams", {"name": "East side"}), "/v1/teams")["id"]
        anas, bens = client(api)["id"], client(api, "ben")["id"]
        self.put_in(api, "sol", east)
        self.put_in(api, "ana", east)
        good(api.get("sol", f"/v1/clients/{anas}"))
        same_refusal(api.get("sol", f"/v1/clients/{bens}"))
        for scope, there in (("agency", {anas}), ("team", {anas}), ("mine", set())):
            assert {r["client_id"] for r in good(api.get("sol", f"/v1/caseload?scope={scope}"))["data"]} == there
        (row,) = good(api.get("ben", f"/v1/clients/{bens}/assignments"))["data"]
        done(api.delete("ada", f"/v1/assignments/{row['id']}?leave_unassigned=true"))
        good(api.get("sol", f"/v1/clients/{bens}"))
        assert len(good(api.get("sol", "/v1/caseload?scope=agency"))["data"]) == 2
        assert len(good(api.get("sol", "/v1/caseload?scope=team"))["data"]) == 1
        self.put_in(api, "ana", None)
        same_refusal(api.get("sol", f"/v1/clients/{anas}"))
        self.put_in(api, "sol", None)
        assert len(good(api.get("sol", "/v1/caseload?scope=team"))["data"]) == 2

    def test_is_renamed_and_taken_away_when_empty(self, api: Api):
        """What a supervisor sees does not vanish under her."""
        east = made(api.post("ada", "/v1/teams", {"name": "East side"}), "/v1/teams")
        path = f"/v1/teams/{east['id']}"
        assert good(api.patch("ada", path, {"name": "Harbour"}, if_match=1))["version"] == 2
        problem(api.patch("ada", path, {"name": "Docks"}, if_match=1), 412, "stale-version")
        self.put_in(api, "ben", east["id"])
        problem(api.delete("ada", path, if_match=2), 409, "team-not-empty")
        self.put_in(api, "ben", None)
        done(api.delete("ada", path, if_match=2))
        assert good(api.get("sol", "/v1/teams"))["data"] == []

    def test_nobody_leaves_the_team_that_bounds_her_sight(self, api: Api):
        """Not even an admin moves herself; a team of nowhere is no team."""
        path = f"/v1/users/{user_id(api, 'ada')}"
        problem(api.patch("ada", path, {"team_id": None}, if_match=1), 409, "own-role")
        body = problem(
            api.patch("ada", f"/v1/users/{user_id(api, 'ben')}", {"team_id": NOWHERE}, if_match=1), 422, "invalid"
        )
        assert body["errors"][0]["code"] == "unknown-team"


def test_a_review_whose_reviewer_sees_the_client_no_more_is_nobodys(api: Api):
    """It stands in the list of those who see her, and not in hers."""
    one = client(api)["id"]
    held = review(api, active(api, one)["id"])
    good(api.post("sol", f"/v1/clients/{one}/assignments", {"user_id": user_id(api, "ben")}), 201)
    rows = good(api.get("sol", f"/v1/clients/{one}/assignments"))["data"]
    hers = next(row["id"] for row in rows if row["user_id"] == user_id(api, "ana"))
    done(api.delete("sol", f"/v1/assignments/{hers}"))
    assert good(api.get("ben", f"/v1/reviews/{held['id']}"))["reviewer_id"] is None
