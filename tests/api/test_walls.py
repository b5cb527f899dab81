"""Walls: proposed by one, set up by another; whoever is behind one finds nothing that tells of client or wall."""

from typing import Any
from uuid import UUID, uuid4

import pytest
import sqlalchemy as sa

from models.access import Role
from models.base import table_of
from models.client import Assignment
from models.user import User
from models.wall import Wall
from tests.api.contract import NOWHERE, active, client, done, good, last_action, problem, review, same_refusal
from tests.conftest import Api
from tests.factories import behind, operations, soon, stage
from tests.guarantees.test_isolation import told, unknown
from tests.postgres import Urls


def user_id(api: Api, who: str) -> str:
    return str(api.world.people[who].actor.id)


def give(api: Api, who: str, *roles: Role) -> None:
    """Other roles for somebody."""

    def change(db: Any) -> None:
        db.claim(User, api.world.people[who].actor.id).change(db, roles=roles)

    api.world.system(change)


def propose(api: Api, one: str, who: str, by: str = "sol") -> str:
    body = {"client_id": one, "user_id": user_id(api, who), "reason": "They are cousins."}
    return good(api.post(by, "/v1/walls", body), 201)["id"]


def wall_off(api: Api, one: str, who: str) -> str:
    """Sol proposes, ada approves; when it is about one of them, the machinery stands in."""
    if who in ("sol", "ada"):

        def set_up(db: Any) -> UUID:
            db.actor = api.world.people["ben"].actor
            wall_id = Wall.propose(db, UUID(one), api.world.people[who].actor.id, "They are cousins.")
            db.actor = api.world.people["aud"].actor
            Wall.approve(db, wall_id)
            return wall_id

        return str(api.world.system(set_up))
    wall_id = propose(api, one, who)
    good(api.put("ada", f"/v1/walls/{wall_id}/approval"))
    return wall_id


class TestPropose:
    def test_keeps_nobody_out_yet(self, api: Api):
        """A proposal is a question."""
        one = client(api)["id"]
        wall = good(api.get("sol", f"/v1/walls/{propose(api, one, 'ana')}"))
        assert (wall["state"], wall["user_id"], wall["reason"]) == (
            "proposed",
            user_id(api, "ana"),
            "They are cousins.",
        )
        good(api.get("ana", f"/v1/clients/{one}"))

    def test_whoever_may_approve_is_told_and_nobody_else(self, api: Api):
        """To set it up and to lift it; never the proposer, nor the person it is about, whatever her roles."""
        one = client(api)["id"]
        give(api, "ana", Role.ADVOCATE, Role.SUPERVISOR, Role.AGENCY_ADMIN)
        wall_id = propose(api, one, "ana")
        good(api.put("ada", f"/v1/walls/{wall_id}/approval"))
        good(api.put("ada", f"/v1/walls/{wall_id}/lifting"))
        notices = {
            who: [n["kind"] for n in good(api.get(who, "/v1/notices"))["data"]].count("approval_asked")
            for who in ("ada", "ana", "ben", "sol")
        }
        assert notices == {"ada": 1, "ana": 0, "ben": 0, "sol": 1}

    def test_whoever_it_is_about_finds_nothing_of_it(self, api: Api):
        """Not in the list, not by its id, not in the ledger, not in the client's history: while it waits, too."""
        one = client(api)["id"]
        give(api, "ana", Role.ADVOCATE, Role.SUPERVISOR, Role.AGENCY_ADMIN)
        wall_id = propose(api, one, "ana")
        assert good(api.get("ana", "/v1/walls"))["data"] == []
        refused = [
            api.get("ana", f"/v1/walls/{wall_id}"),
            api.put("ana", f"/v1/walls/{wall_id}/approval"),
            api.delete("ana", f"/v1/walls/{wall_id}"),
        ]
        same_refusal(*refused, api.get("ana", f"/v1/walls/{NOWHERE}"))
        assert wall_id not in str([e["entry"] for e in good(api.get("ana", "/v1/audit-events?limit=200"))["data"]
                                   if e["action"].startswith("wall.")])  # fmt: skip
        assert wall_id not in api.get("ana", f"/v1/audit-events?subject={wall_id}&action=wall.proposed").text
        told_her = [row["what"] for row in good(api.get("ana", f"/v1/clients/{one}/access-history"))["data"]]
        assert not [what for what in told_her if "keep somebody" in what]
        told_sol = [row["what"] for row in good(api.get("sol", f"/v1/clients/{one}/access-history"))["data"]]
        assert [what for what in told_sol if "keep somebody" in what]

    def test_about_oneself_takes_one_step(self, api: Api):
        """Nobody needs a second person to step back."""
        one = client(api)["id"]
        body = {"client_id": one, "user_id": user_id(api, "sol"), "reason": "My sister."}
        problem(api.post("sol", "/v1/walls", body), 409, "own-wall")
        done(api.put("sol", f"/v1/clients/{one}/own-wall"))
        same_refusal(api.get("sol", f"/v1/clients/{one}"), api.put("sol", f"/v1/clients/{one}/own-wall"))
        assert good(api.get("sol", "/v1/walls"))["data"] == []
        (row,) = good(api.get("ada", "/v1/walls"))["data"]
        assert (row["state"], row["user_id"]) == ("standing", user_id(api, "sol"))

    def test_the_same_twice_is_a_conflict(self, api: Api):
        """Proposed or standing: one of a kind."""
        one = client(api)["id"]
        wall_id = propose(api, one, "ben")
        body = {"client_id": one, "user_id": user_id(api, "ben"), "reason": "Again."}
        problem(api.post("ada", "/v1/walls", body), 409, "wall-there")
        good(api.put("ada", f"/v1/walls/{wall_id}/approval"))
        problem(api.post("ada", "/v1/walls", body), 409, "wall-there")

    def test_is_not_an_advocates_nor_an_auditors(self, api: Api):
        one = client(api)["id"]
        body = {"client_id": one, "user_id": user_id(api, "ben"), "reason": "No."}
        for who in ("ana", "aud"):
            problem(api.post(who, "/v1/walls", body), 403, "forbidden")

    def test_of_nobody(self, api: Api):
        """A foreign or random client is 404, a foreign or random person a fault."""
        one, foreign = client(api)["id"], client(api, "other")["id"]
        ids = [{"client_id": c, "user_id": user_id(api, "ben"), "reason": "x"} for c in (foreign, NOWHERE)]
        same_refusal(*(api.post(who, "/v1/walls", body) for body in ids for who in ("sol", "ada")))
        for person in (user_id(api, "other"), NOWHERE):
            body = {"client_id": one, "user_id": person, "reason": "x"}
            problem(api.post("sol", "/v1/walls", body), 422, "invalid", "/user_id")


class TestSetUp:
    def test_takes_a_second_person(self, api: Api):
        """Whoever proposed approves nothing, whatever other role she has."""
        one = client(api)["id"]
        wall_id = propose(api, one, "ana")
        give(api, "sol", Role.SUPERVISOR, Role.AGENCY_ADMIN)
        problem(api.put("sol", f"/v1/walls/{wall_id}/approval"), 409, "own-wall-proposal")
        for _ in range(2):
            assert good(api.put("ada", f"/v1/walls/{wall_id}/approval"))["state"] == "standing"
        same_refusal(api.get("ana", f"/v1/clients/{one}"))

    def test_ends_what_she_had_and_leaves_her_reviews_to_nobody(self, api: Api):
        """Assignment, cover and open reviews, in the same request."""
        one = client(api)["id"]
        held = review(api, active(api, one)["id"])
        wall_off(api, one, "ana")
        rows = good(api.get("sol", f"/v1/clients/{one}/assignments"))["data"]
        assert all(row["ended_at"] for row in rows)
        assert good(api.get("sol", f"/v1/reviews/{held['id']}"))["reviewer_id"] is None
        entry = next(e for e in reversed(api.world.entries()) if "wall.raised" in str(e))
        assert {entry["action"], *(a["action"] for a in entry["also"])} == {
            "assignment.ended", "review.updated", "wall.read", "wall.raised"
        }  # fmt: skip
        (left,) = good(api.get("ada", "/v1/unattended-clients"))["data"]
        assert left == {"client_id": one, "status": "open", "restricted": False}

    def test_she_cannot_be_assigned_covered_or_handed_to(self, api: Api):
        """Whoever assigns may know of the wall: she is told. An advocate is told what she is told of anybody else."""
        one = client(api)["id"]
        plan = active(api, one)
        wall_off(api, one, "ben")
        body = {"user_id": user_id(api, "ben")}
        problem(api.post("sol", f"/v1/clients/{one}/assignments", body), 409, "kept-from-client")
        problem(api.post("ada", f"/v1/clients/{one}/assignments", body), 409, "kept-from-client")
        handing = {"to_user_id": user_id(api, "ben")}
        problem(api.put("sol", f"/v1/clients/{one}/handover", handing), 409, "kept-from-client")
        due = {"due_at": "2027-02-01T10:00:00Z", "reviewer_id": user_id(api, "ben")}
        body = problem(api.post("ana", f"/v1/plans/{plan['id']}/reviews", due), 422, "invalid", "/reviewer_id")
        assert body["errors"][0]["code"] == "does-not-see-client"

    def test_a_withdrawn_proposal_sets_up_nothing(self, api: Api):
        """Declined is declined; it may be proposed anew."""
        one = client(api)["id"]
        wall_id = propose(api, one, "ana")
        for _ in range(2):
            done(api.delete("ada", f"/v1/walls/{wall_id}"))
        problem(api.put("ada", f"/v1/walls/{wall_id}/approval"), 409, "wall-over")
        good(api.get("ana", f"/v1/clients/{one}"))
        wall_off(api, one, "ana")


class TestLift:
    def test_takes_two_again_and_assigns_nobody(self, api: Api):
        """Proposing lifts nothing; the proposer does not approve; afterwards she is a colleague like any other."""
        one = client(api)["id"]
        wall_id = wall_off(api, one, "ana")
        problem(api.put("ada", f"/v1/walls/{wall_id}/lifting/approval"), 409, "wall-over")
        for _ in range(2):
            assert good(api.put("sol", f"/v1/walls/{wall_id}/lifting"))["state"] == "standing"
        problem(api.put("sol", f"/v1/walls/{wall_id}/lifting/approval"), 409, "own-wall-proposal")
        same_refusal(api.get("ana", f"/v1/clients/{one}"))
        for _ in range(2):
            assert good(api.put("ada", f"/v1/walls/{wall_id}/lifting/approval"))["state"] == "lifted"
        same_refusal(api.get("ana", f"/v1/clients/{one}"))
        good(api.post("sol", f"/v1/clients/{one}/assignments", {"user_id": user_id(api, "ana")}), 201)
        good(api.get("ana", f"/v1/clients/{one}"))

    def test_whoever_proposed_the_lifting_still_stands_by_it(self, api: Api):
        """Nobody walled sees her again on the word of somebody suspended; another one proposes it anew."""
        one = client(api)["id"]
        wall_id, sol = wall_off(api, one, "ana"), user_id(api, "sol")
        good(api.put("sol", f"/v1/walls/{wall_id}/lifting"))
        good(api.put("ada", f"/v1/users/{sol}/suspension"))
        problem(api.put("ada", f"/v1/walls/{wall_id}/lifting/approval"), 409, "wall-over")
        done(api.delete("ada", f"/v1/walls/{wall_id}"))
        give(api, "ben", Role.SUPERVISOR)
        good(api.put("ben", f"/v1/walls/{wall_id}/lifting"))
        assert good(api.put("ada", f"/v1/walls/{wall_id}/lifting/approval"))["state"] == "lifted"

    def test_what_is_proposed_is_withdrawn_and_the_wall_stands(self, api: Api):
        """Somebody changed her mind about lifting it."""
        one = client(api)["id"]
        wall_id = wall_off(api, one, "ana")
        problem(api.delete("sol", f"/v1/walls/{wall_id}"), 409, "wall-stands")
        good(api.put("sol", f"/v1/walls/{wall_id}/lifting"))
        done(api.delete("ada", f"/v1/walls/{wall_id}"))
        problem(api.put("ada", f"/v1/walls/{wall_id}/lifting/approval"), 409, "wall-over")
        same_refusal(api.get("ana", f"/v1/clients/{one}"))


class TestBehindIt:
    @pytest.mark.parametrize("who", ["ana", "ben", "sol", "ada"])
    def test_every_answer_is_that_of_an_unknown_id(self, api: Api, who: str):
        """Every operation about the client or her parts, for an advocate who had her, one who had not, a supervisor and
        an admin: status, body and headers are those of an id that is nowhere."""
        scene = stage(api)
        wall_off(api, scene.ids["client_id"], who)
        about_her = {"client_id", "plan_id", "section_id", "item_id", "release_id", "review_id", "assignment_id"}
        about_her |= {"hold_id", "destruction_id", "wall_id"}
        walked = 0
        for operation in operations(api.client.app):
            if about_her & {*operation.parameters}:
                hidden = told(scene.send(operation, who))
                nowhere = told(scene.send(operation, who, unknown(scene.ids, operation)))
                assert hidden == nowhere, (operation.name, who)
                walked += 1
        assert walked > 30

    @pytest.mark.parametrize("who", ["ana", "sol", "ada", "aud"])
    def test_no_list_names_the_client(self, api: Api, who: str):
        """Lists, totals, searches, ledger, opened clients, holds, certificates: her id is in none of them, nor is the
        id of the wall; and what a list says is what it says where there is no such client."""
        scene = stage(api, mark="walled-")
        one = scene.ids["client_id"]
        wall_id = wall_off(api, one, who)
        hidden = [value for name, value in scene.ids.items() if name in ("client_id", "plan_id", "review_id", "hold_id",
                  "destruction_id", "wall_id", "release_id")]  # fmt: skip
        shown = 0
        for operation in operations(api.client.app):
            if operation.method == "GET" and not operation.parameters and operation.permission:
                for more in ("", "?limit=200", f"?subject={one}", "?scope=agency", "?lifted_too=true"):
                    answer = api.get(who, operation.path + more)
                    assert not [value for value in [*hidden, wall_id] if value in answer.text], (
                        operation.name,
                        who,
                        more,
                    )
                    shown += answer.status_code == 200
        assert shown > 10
        found = api.post(who, "/v1/clients/search", {"query": "walled-Wren"})
        if found.status_code == 200:
            assert found.json() == {"data": [], "more": False}

    def test_her_entries_in_the_ledger_are_there_for_others(self, api: Api):
        """What ada does not read is in the log, and the auditor reads it."""
        one = client(api)["id"]
        wall_off(api, one, "ada")
        assert one not in api.get("ada", "/v1/audit-events?limit=200").text
        told_aud = good(api.get("aud", f"/v1/audit-events?subject={one}"))["data"]
        assert "wall.raised" in str([row["entry"] for row in told_aud])

    def test_a_step_taken_by_somebody_walled_tells_her_nothing(self, api: Api):
        """A supervisor has ben cover for ana, and one of ana's clients is kept from her: ben sees that one too, and
        neither her answer nor her entry names it."""
        one, other = client(api)["id"], client(api)["id"]
        wall_off(api, one, "sol")
        body = {"absent_id": user_id(api, "ana"), "by_id": user_id(api, "ben"), "ends_at": soon(14)}
        answer = api.post("sol", "/v1/covers", body)
        good(answer, 201)
        assert one not in answer.text
        good(api.get("ben", f"/v1/clients/{one}"))
        good(api.get("ben", f"/v1/clients/{other}"))
        hers = [e for e in api.world.entries() if e["who"]["id"] == user_id(api, "sol")]
        assert one not in str(hers)
        assert other in str(hers)
        shown = good(api.get("sol", "/v1/audit-events?action=cover.started"))["data"]
        assert [row["actor_id"] for row in shown] == [user_id(api, "sol")], "her own deed is there for her to read"


class TestTheDatabase:
    def test_a_wall_and_an_open_assignment_never_stand_together(self, api: Api, urls: Urls):
        """Whoever writes them, in whatever order: the trigger refuses, on both databases."""
        one = client(api)["id"]
        wall_off(api, one, "ben")
        a, w, world = table_of(Assignment), table_of(Wall), api.world
        row = {"agency_id": world.agency_id(), "id": uuid4(), "client_id": UUID(one), "started_at": sa.null()}
        ben, ana = (world.people[who].actor.id for who in ("ben", "ana"))
        with behind(urls.superuser) as connection:
            there = connection.execute(sa.select(a).where(a.c.client_id == UUID(one))).mappings().one()
        with pytest.raises(sa.exc.DBAPIError, match="a wall stands"), behind(urls.superuser) as connection:
            connection.execute(sa.insert(a).values(**dict(there) | {"id": row["id"], "user_id": ben}))
        with pytest.raises(sa.exc.DBAPIError, match="a wall stands"), behind(urls.superuser) as connection:
            connection.execute(sa.update(a).where(a.c.id == there["id"]).values(user_id=ben))
        with pytest.raises(sa.exc.DBAPIError, match="a wall stands"), behind(urls.superuser) as connection:
            connection.execute(sa.update(w).values(user_id=ana))

    def test_one_key_one_wall(self, api: Api):
        """A repeated request proposes once, and is answered under today's sight."""
        one = client(api)["id"]
        body = {"client_id": one, "user_id": user_id(api, "ben"), "reason": "They are cousins."}
        first, again = (good(api.post("sol", "/v1/walls", body, key="w"), 201) for _ in range(2))
        assert first == again
        assert last_action(api) == "wall.read"
        wall_off(api, one, "sol")
        same_refusal(api.post("sol", "/v1/walls", body, key="w"), api.get("sol", f"/v1/walls/{NOWHERE}"))
