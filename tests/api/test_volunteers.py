"""Volunteers: an alias, the sections given to her, their ticks, and nothing else of anybody."""

from typing import Any
from uuid import UUID

import pytest

from models.access import GRANTS, Role
from models.errors import Conflict
from models.user import joined
from tests.api.test_break_glass import refused
from tests.api.test_conflict_checks import restrict, wall
from tests.conftest import Api
from tests.factories import Scene, operations, stage

TASKS = "/v1/volunteer-tasks"


@pytest.fixture
def scene(api: Api) -> Scene:
    """A client of ana's with a legal name, a plan of two sections, and one of them given to val."""
    made = stage(api)
    client = f"/v1/clients/{made.ids['client_id']}"
    told = {"legal_name": "Renata Alder", "date_of_birth": "1988-04-07", "contact": {"phone": "555-0100"}}
    made.made(api.patch("ana", client, told, if_match=1))
    give(api, made)
    return made


def val(api: Api) -> str:
    """Her id."""
    return str(api.world.people["val"].actor.id)


def give(api: Api, scene: Scene, who: str = "ana") -> Any:
    """The scene's section, to val."""
    answer = api.post(who, f"/v1/plan-sections/{scene.ids['section_id']}/volunteers", {"user_id": val(api)})
    assert answer.status_code == 201, answer.text
    return answer.json()


def tasks(api: Api) -> list[dict[str, Any]]:
    """What val is shown."""
    answer = api.get("val", TASKS)
    assert answer.status_code == 200, answer.text
    return list(answer.json()["data"])


def tick(api: Api, item: str, method: str = "PUT") -> Any:
    """As val."""
    return api("val", method, f"/v1/checklist-items/{item}/completion")


class TestSeeing:
    def test_alias_title_and_the_words_of_her_section(self, api: Api, scene: Scene) -> None:
        """In the survivor's words where there are any, else the template's; no other member than these."""
        (task,) = tasks(api)
        assert set(task) == {"section_id", "alias", "title", "items"}
        assert (task["section_id"], task["alias"]) == (scene.ids["section_id"], "Wren")
        assert task["title"]
        assert {"id", "kind", "text", "detail", "status", "completed_at", "version"} == set(task["items"][0])
        assert scene.words("Through the kitchen door") in [item["text"] for item in task["items"]]
        assert all(item["text"] for item in task["items"])
        whole = api.get("ana", f"/v1/plans/{scene.ids['plan_id']}").json()["sections"]
        assert [item["id"] for item in task["items"]] == [item["id"] for item in whole[0]["items"]]
        text = api.get("val", TASKS).text
        assert not [
            word for word in ("Renata", "1988", "555", scene.ids["client_id"], whole[1]["title"]) if word in text
        ]

    def test_what_she_was_shown_is_in_the_ledger_and_nothing_else_was_opened(self, api: Api, scene: Scene) -> None:
        """The alias, the title, the words of her items; not the legal name, not another item."""
        tasks(api)
        entry = api.world.entries()[-1]
        assert entry["action"] == "volunteer_tasks.read"
        opened = {one["t"]: one for one in entry["opened"]}
        assert opened["clients"]["fields"] == ["alias"]
        assert opened["checklist_items"]["ids"] == [scene.ids["item_id"]]
        assert entry["clients"]["ids"] == [scene.ids["client_id"]]
        rows = api.get("ana", f"/v1/clients/{scene.ids['client_id']}/access-history").json()["data"]
        hers = next(row for row in rows if row["who"]["id"] == val(api))
        assert (hers["role"], hers["why"]) == ("volunteer", "was given a part of the plan to help with")

    def test_without_an_alias_she_is_shown_none(self, api: Api) -> None:
        """The legal name never takes its place."""
        made = stage(api)
        api.patch(
            "ana", f"/v1/clients/{made.ids['client_id']}", {"alias": None, "legal_name": "Renata Alder"}, if_match=1
        )
        give(api, made)
        assert tasks(api)[0]["alias"] is None

    def test_every_other_operation_is_refused(self, api: Api, scene: Scene) -> None:
        """The matrix for the role: about the client she helps, 403 or 404; lists, search, caseload, totals, staff: 403."""
        mine = GRANTS[Role.VOLUNTEER]
        walked = [o for o in operations(api.client.app) if o.permission is not None]
        own = {"agency", "me", "session", "notice", "password", "factor", "identity", "task"}
        reached = []
        for operation in walked:
            if operation.permission.split(":")[0] in own:
                continue
            answer = scene.send(operation, "val")
            if operation.permission in mine:
                reached.append(operation.name)
            else:
                refused(answer, 403, "forbidden")
        item = "/v1/checklist-items/{item_id}/completion"
        assert sorted(reached) == [f"DELETE {item}", f"PUT {item}"]
        assert len(walked) > 100


class TestTicking:
    def test_items_of_her_sections_only(self, api: Api, scene: Scene) -> None:
        """Ticked and unticked; another section's item of the same plan is a 404, as one of nobody's."""
        assert tick(api, scene.ids["item_id"]).json()["status"] == "done"
        assert tasks(api)[0]["items"][0]["id"]
        assert tick(api, scene.ids["item_id"], "DELETE").json()["status"] == "planned"
        other = api.get("ana", f"/v1/plans/{scene.ids['plan_id']}").json()["sections"][1]["items"]
        item = next(i["id"] for i in other if i["kind"] != "information")
        assert tick(api, item).status_code == 404
        elsewhere = stage(api)
        assert tick(api, elsewhere.ids["item_id"]).status_code == 404
        theirs = stage(api, "other")
        assert tick(api, theirs.ids["item_id"]).status_code == 404

    def test_the_answer_counts_her_sections_and_not_the_plan(self, api: Api, scene: Scene) -> None:
        """How much else there is to do is nobody's business who helps with a part."""
        steps = [item for item in tasks(api)[0]["items"] if item["kind"] != "information"]
        progress = tick(api, scene.ids["item_id"]).json()["progress"]
        assert (progress["done"], progress["total"]) == (1, len(steps))
        whole = api.get("ana", f"/v1/plans/{scene.ids['plan_id']}/progress").json()["progress"]
        assert whole["total"] > len(steps)

    def test_who_ticked_stays(self, api: Api, scene: Scene) -> None:
        """Attribution never changes."""
        tick(api, scene.ids["item_id"])
        assert api.get("ana", f"/v1/checklist-items/{scene.ids['item_id']}").json()["completed_by_id"] == val(api)


class TestEnding:
    def ended(self, api: Api, scene: Scene) -> None:
        """She neither sees nor ticks it any more."""
        assert tasks(api) == []
        assert tick(api, scene.ids["item_id"]).status_code == 404

    def test_taken_back_it_is_gone_with_the_next_request(self, api: Api, scene: Scene) -> None:
        """Twice changes nothing; the row stays; given again it is there again."""
        path = f"/v1/plan-sections/{scene.ids['section_id']}/volunteers"
        for _ in range(2):
            assert api.delete("sol", f"{path}/{val(api)}").status_code == 204
        self.ended(api, scene)
        rows = [row for row in api.get("ana", path).json()["data"] if row["user_id"] == val(api)]
        assert [row["ended_by_id"] for row in rows] == [str(api.world.people["sol"].actor.id)]
        first, second = give(api, scene), give(api, scene)
        assert first["id"] == second["id"] != rows[0]["id"]
        assert len(tasks(api)) == 1

    def test_a_wall_ends_it(self, api: Api, scene: Scene) -> None:
        """At once, and she cannot be given it again."""
        wall(api.world, UUID(scene.ids["client_id"]), "val")
        self.ended(api, scene)
        path = f"/v1/plan-sections/{scene.ids['section_id']}/volunteers"
        refused(api.post("ana", path, {"user_id": val(api)}), 409, "kept-from-client")
        standing = api.get("ada", "/v1/walls?state=standing").json()["data"][0]["id"]
        assert api.put("sol", f"/v1/walls/{standing}/lifting").status_code == 200
        assert api.put("ada", f"/v1/walls/{standing}/lifting/approval").status_code == 200
        self.ended(api, scene)

    def test_a_restriction_ends_it(self, api: Api, scene: Scene) -> None:
        """A restricted client is seen by her advocates alone."""
        restrict(api.world, UUID(scene.ids["client_id"]))
        self.ended(api, scene)
        path = f"/v1/plan-sections/{scene.ids['section_id']}/volunteers"
        refused(api.post("ana", path, {"user_id": val(api)}), 409, "client-restricted")

    def test_a_closed_plan_and_a_declined_section_are_not_shown(self, api: Api, scene: Scene) -> None:
        """And a closed plan is not ticked."""
        section = f"/v1/plan-sections/{scene.ids['section_id']}"
        assert api.patch("ana", section, {"choice": "declined"}, if_match=1).status_code == 200
        assert tasks(api) == []
        assert (
            tick(api, scene.ids["item_id"]).status_code == tick(api, scene.ids["item_id"], "DELETE").status_code == 404
        )
        assert api.patch("ana", section, {"choice": "chosen"}, if_match=2).status_code == 200
        assert len(tasks(api)) == 1
        api.put("ana", f"/v1/plans/{scene.ids['plan_id']}/closure")
        assert tasks(api) == []
        assert tick(api, scene.ids["item_id"]).status_code == 409

    def test_a_removed_section_takes_it_along(self, api: Api, scene: Scene) -> None:
        """Its number never comes back, so nothing new is hers by it."""
        assert api.delete("ana", f"/v1/plan-sections/{scene.ids['section_id']}", if_match=1).status_code == 204
        self.ended(api, scene)

    def test_suspended_or_of_another_role_she_has_nothing(self, api: Api, scene: Scene) -> None:
        """The role counts, not that she was given it once."""
        user = f"/v1/users/{val(api)}"
        api.patch("ada", user, {"roles": ["advocate"]}, if_match=api.get("ada", user).json()["version"])
        assert api.get("val", TASKS).status_code == 403
        assert tick(api, scene.ids["item_id"]).status_code == 404


class TestGiving:
    def test_only_to_an_active_volunteer_of_the_agency(self, api: Api, scene: Scene) -> None:
        """An advocate is assigned, not given a section."""
        path = f"/v1/plan-sections/{scene.ids['section_id']}/volunteers"
        for who in ("ben", "aud", "other"):
            answer = api.post("ana", path, {"user_id": str(api.world.people[who].actor.id)})
            refused(answer, 422, "invalid")
            assert answer.json()["errors"][0]["code"] == "not-a-volunteer"
        assert api.put("ada", f"/v1/users/{val(api)}/suspension").status_code == 200
        refused(api.post("ana", path, {"user_id": val(api)}), 422, "invalid")

    def test_by_whom(self, api: Api, scene: Scene) -> None:
        """Her advocate and the supervisor; a colleague does not know of the section."""
        path = f"/v1/plan-sections/{scene.ids['section_id']}/volunteers"
        codes = {
            who: api.post(who, path, {"user_id": val(api)}).status_code for who in ("ana", "sol", "ben", "ada", "val")
        }
        assert codes == {"ana": 201, "sol": 201, "ben": 404, "ada": 403, "val": 403}

    def test_through_a_break_glass_nothing_is_given(self, api: Api, scene: Scene) -> None:
        """It reads."""
        why = {"reason": "other", "explanation": "She called and nobody else is awake."}
        assert api.post("ben", f"/v1/clients/{scene.ids['client_id']}/break-glass", why).status_code == 201
        path = f"/v1/plan-sections/{scene.ids['section_id']}/volunteers"
        assert api.post("ben", path, {"user_id": val(api)}).status_code == 404


def test_a_volunteer_holds_no_other_role() -> None:
    """Neither auditor, whom she would check herself as, nor one that shows her more of the same people."""
    for role in set(Role) - {Role.VOLUNTEER}:
        with pytest.raises(Conflict) as no:
            joined([Role.VOLUNTEER, role])
        assert no.value.reason in ("volunteer-alone", "auditor-and-content")
    assert joined([Role.VOLUNTEER]) == "volunteer"
