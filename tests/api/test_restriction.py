"""Restricted clients: seen by those who work with them, and by nobody else, whatever her role."""

import pytest

from models.access import Role
from tests.api.contract import active, client, done, good, problem, review, same_refusal
from tests.api.test_walls import give, user_id, wall_off
from tests.conftest import Api
from tests.factories import Scene, operations, soon, stage
from tests.guarantees.test_isolation import told, unknown


def restrict(api: Api, one: str, by: str = "ana") -> None:
    done(api.put(by, f"/v1/clients/{one}/restriction"))


def assign(api: Api, one: str, who: str, by: str = "sol", **more: object):
    return api.post(by, f"/v1/clients/{one}/assignments", {"user_id": user_id(api, who)} | more)


def nowhere_for(scene: Scene, who: str) -> None:
    """A client is for somebody as an id that is nowhere, at every address and in every list."""
    api, one = scene.api, scene.ids["client_id"]
    parts = {"client_id", "plan_id", "section_id", "item_id", "release_id", "review_id", "hold_id", "destruction_id"}
    parts |= {"assignment_id", "wall_id"}
    walked = [o for o in operations(api.client.app) if o.permission]
    for operation in walked:  # first: what she asks for by id stands in the ledger as asked for, whatever it is
        if operation.method == "GET" and not operation.parameters:
            for more in ("", "?limit=200", f"?subject={one}", "?scope=agency", "?status=overdue&scope=agency"):
                assert one not in api.get(who, operation.path + more).text, (operation.name, more)
    for operation in walked:
        if parts & {*operation.parameters}:
            hidden, nowhere = (told(scene.send(operation, who, i)) for i in (None, unknown(scene.ids, operation)))
            assert hidden == nowhere, operation.name
    found = api.post(who, "/v1/clients/search", {"query": "hidden-Wren"})
    assert found.status_code == 403 or found.json() == {"data": [], "more": False}


class TestRestrict:
    def test_takes_her_out_of_a_supervisors_sight(self, api: Api):
        """Her advocate sees her as before; sol, who supervises the agency, sees her no more."""
        one = client(api)["id"]
        good(api.get("sol", f"/v1/clients/{one}"))
        restrict(api, one)
        assert good(api.get("ana", f"/v1/clients/{one}"))["restricted"] is True
        same_refusal(api.get("sol", f"/v1/clients/{one}"))

    def test_she_is_nowhere_for_a_supervisor_who_does_not_work_with_her(self, api: Api):
        """Every address about her is that of an unknown id, and no list names her: by age, by alert, by search."""
        scene = stage(api, mark="hidden-")
        restrict(api, scene.ids["client_id"])
        nowhere_for(scene, "sol")
        one = scene.ids["client_id"]
        assert one in api.get("aud", f"/v1/audit-events?subject={one}").text, "who checks still reads of her"

    @pytest.mark.parametrize("roles", [(Role.SUPERVISOR, Role.AGENCY_ADMIN), (Role.AGENCY_ADMIN,), (Role.ADVOCATE,)])
    def test_attack_72_a_member_of_staff_who_is_a_party(self, api: Api, roles: tuple[Role, ...]):
        """Restricted, and a wall between the two: nowhere, also for an agency admin, who names others by id."""
        scene = stage(api, mark="hidden-")
        give(api, "sol", *roles)
        restrict(api, scene.ids["client_id"])
        wall_off(api, scene.ids["client_id"], "sol")
        nowhere_for(scene, "sol")

    def test_somebody_has_to_see_her(self, api: Api):
        """With nobody assigned she would be out of everybody's sight."""
        one = client(api)["id"]
        (row,) = good(api.get("sol", f"/v1/clients/{one}/assignments"))["data"]
        done(api.delete("sol", f"/v1/assignments/{row['id']}?leave_unassigned=true"))
        problem(api.put("sol", f"/v1/clients/{one}/restriction"), 409, "nobody-assigned")

    def test_whoever_covers_stays_on_the_list_and_nobody_comes_onto_it(self, api: Api):
        """A cover that runs goes on; one that begins later has her not in it."""
        one = client(api)["id"]
        for by, absent in (("ben", "ana"),):
            body = {"absent_id": user_id(api, absent), "by_id": user_id(api, by), "ends_at": soon(9)}
            good(api.post("sol", "/v1/covers", body), 201)
        restrict(api, one)
        good(api.get("ben", f"/v1/clients/{one}"))
        body = {"absent_id": user_id(api, "ana"), "by_id": user_id(api, "sol"), "ends_at": soon(9)}
        good(api.post("sol", "/v1/covers", body), 201)
        same_refusal(api.get("sol", f"/v1/clients/{one}"))


class TestWhoComesOnTheList:
    def test_nobody_assigns_herself(self, api: Api):
        """Neither a supervisor who sees her for a while, nor an admin who knows her id."""
        one = client(api)["id"]
        good(assign(api, one, "sol", by="ada", until=soon(5)), 201)
        restrict(api, one)
        good(api.get("sol", f"/v1/clients/{one}"))
        problem(assign(api, one, "sol"), 409, "own-assignment")
        problem(
            api.put("sol", f"/v1/clients/{one}/handover", {"to_user_id": user_id(api, "sol")}), 409, "own-assignment"
        )
        give(api, "ada", Role.AGENCY_ADMIN, Role.ADVOCATE)
        problem(assign(api, one, "ada", by="ada"), 409, "own-assignment")

    def test_an_admin_gives_her_to_somebody_by_id(self, api: Api):
        """Nobody is stranded: ada, who sees nothing of her, finds her among the unattended and assigns ben."""
        one = client(api)["id"]
        restrict(api, one)
        assert good(api.get("ada", "/v1/unattended-clients"))["data"] == []
        good(api.put("ada", f"/v1/users/{user_id(api, 'ana')}/suspension"))
        (left,) = good(api.get("ada", "/v1/unattended-clients"))["data"]
        assert left == {"client_id": one, "status": "open", "restricted": True}
        assert good(api.get("sol", "/v1/unattended-clients"))["data"] == []
        same_refusal(assign(api, one, "ben", by="sol"))
        body = good(assign(api, one, "ben", by="ada"), 201)
        assert (body["user_id"], body["started_by_id"]) == (user_id(api, "ben"), user_id(api, "ada"))
        good(api.get("ben", f"/v1/clients/{one}"))
        problem(api.get("ada", f"/v1/clients/{one}"), 403, "forbidden")

    def test_a_whole_caseload_goes_over_without_her(self, api: Api):
        """Named, she goes; unnamed, she stays where she is."""
        one, other = client(api)["id"], client(api)["id"]
        restrict(api, one)
        path, body = f"/v1/users/{user_id(api, 'ana')}/caseload-handover", {"to_user_id": user_id(api, "ben")}
        assert good(api.put("ada", path, body)) == {"client_ids": [other]}
        good(api.get("ana", f"/v1/clients/{one}"))
        assert good(api.put("ada", path, body | {"client_ids": [one]})) == {"client_ids": [one]}
        same_refusal(api.get("ana", f"/v1/clients/{one}"))


class TestLift:
    def test_takes_another_person_who_works_with_her(self, api: Api):
        """Not whoever restricted her, nor anybody who does not see her."""
        one = client(api)["id"]
        good(assign(api, one, "ben"), 201)
        restrict(api, one)
        problem(api.delete("ana", f"/v1/clients/{one}/restriction"), 409, "own-restriction")
        same_refusal(api.delete("sol", f"/v1/clients/{one}/restriction"))
        problem(api.delete("ada", f"/v1/clients/{one}/restriction"), 403, "forbidden")
        done(api.delete("ben", f"/v1/clients/{one}/restriction"))
        done(api.delete("ana", f"/v1/clients/{one}/restriction"))
        assert good(api.get("sol", f"/v1/clients/{one}"))["restricted"] is False

    def test_covers_have_her_again(self, api: Api):
        """What was left out of a cover because of it comes in."""
        one = client(api)["id"]
        good(assign(api, one, "sol", by="ada"), 201)
        restrict(api, one)
        body = {"absent_id": user_id(api, "ana"), "by_id": user_id(api, "ben"), "ends_at": soon(9)}
        good(api.post("ada", "/v1/covers", body), 201)
        same_refusal(api.get("ben", f"/v1/clients/{one}"))
        done(api.delete("sol", f"/v1/clients/{one}/restriction"))
        good(api.get("ben", f"/v1/clients/{one}"))


def test_her_plans_and_reviews_are_hidden_with_her(api: Api):
    """What belongs to her is where she is."""
    one = client(api)["id"]
    plan = active(api, one)
    held = review(api, plan["id"])
    restrict(api, one)
    same_refusal(api.get("sol", f"/v1/plans/{plan['id']}"), api.get("sol", f"/v1/reviews/{held['id']}"))
    good(api.get("ana", f"/v1/plans/{plan['id']}"))
