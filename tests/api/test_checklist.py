"""The checklist: items made the survivor's own, ticked and unticked."""

from uuid import UUID

import pytest

from tests.api.contract import (
    NOWHERE,
    client,
    counted,
    done,
    good,
    items,
    last_action,
    made,
    plan,
    problem,
    same_refusal,
    tickable,
)
from tests.conftest import Api

ITEM = {
    "id",
    "plan_id",
    "kind",
    "text",
    "detail",
    "status",
    "outcome",
    "priority",
    "whose_words",
    "completed_at",
    "completed_by_id",
    "version",
}
TICK = {"id", "plan_id", "status", "completed_at", "completed_by_id", "version", "progress"}


@pytest.fixture
def whole(api: Api):
    """A draft plan of ana's with sections of every kind of item."""
    return plan(api, client(api)["id"], sections=["home", "technology"])


def read(api: Api, whole):
    return good(api.get("ana", f"/v1/plans/{whole['id']}"))


def path(item) -> str:
    return f"/v1/checklist-items/{item['id']}"


class TestRead:
    def test_shows_the_own_words_only(self, api: Api, whole):
        """The template's words stand in the plan; here stand hers, once there are any."""
        body = good(api.get("ana", path(items(whole)[0])))
        assert set(body) == ITEM
        assert (body["text"], body["status"], body["whose_words"], body["version"]) == (None, "offered", "template", 1)
        assert last_action(api) == "checklist_item.read"

    def test_unknown_foreign_and_walled_are_one(self, api: Api, whole):
        """For reading and for every change."""
        walled = plan(api, client(api, "ben")["id"], "ben")
        foreign = plan(api, client(api, "other")["id"], "other")
        section = whole["sections"][0]["id"]
        past = str(UUID(int=UUID(whole["id"]).int + 499))
        ids = (items(walled)[0]["id"], items(foreign)[0]["id"], NOWHERE, "x", section, past, whole["id"])
        for verb, tail, body in (
            ("GET", "", None),
            ("PATCH", "", {"priority": 1}),
            ("DELETE", "", None),
            ("PUT", "/completion", None),
            ("DELETE", "/completion", None),
            ("PUT", "/outcome", {"outcome": "helped"}),
        ):
            more = {"json": body} if body is not None else {}
            same_refusal(*(api("ana", verb, f"/v1/checklist-items/{one}{tail}", if_match=1, **more) for one in ids))

    def test_unchanged_is_304(self, api: Api, whole):
        """A known version is not sent again."""
        answer = api.get("ana", path(items(whole)[0]), headers={"if-none-match": '"1"'})
        assert (answer.status_code, answer.content) == (304, b"")


class TestTick:
    def test_marks_it_done_once(self, api: Api, whole):
        """Who and when stay those of the first tick; the second makes no entry and no version."""
        item = tickable(whole)[0]
        body = good(api.put("ana", f"{path(item)}/completion"))
        assert set(body) == TICK
        assert (body["status"], body["version"], body["plan_id"]) == ("done", 2, whole["id"])
        assert body["completed_by_id"] == str(api.world.people["ana"].actor.id)
        assert body["progress"] == counted(read(api, whole))
        assert body["progress"]["done"] == 1
        before = len(api.world.entries())
        assert good(api.put("ana", f"{path(item)}/completion")) == body
        assert len(api.world.entries()) == before

    def test_unticks(self, api: Api, whole):
        """Back to planned, nobody's; what is not done stays as it is."""
        item = tickable(whole)[0]
        assert good(api.delete("ana", f"{path(item)}/completion"))["status"] == "offered"
        good(api.put("ana", f"{path(item)}/completion"))
        body = good(api.delete("ana", f"{path(item)}/completion"))
        assert (body["status"], body["completed_at"], body["completed_by_id"]) == ("planned", None, None)
        assert body["progress"] == counted(read(api, whole))
        assert last_action(api) == "plan.read"
        assert [e["action"] for e in api.world.entries()[-3:]] == [
            "checklist_item.ticked",
            "checklist_item.unticked",
            "plan.read",
        ]

    def test_information_is_read_not_done(self, api: Api, whole):
        """There is nothing to tick on it."""
        item = next(item for item in items(whole) if item["kind"] == "information")
        problem(api.put("ana", f"{path(item)}/completion"), 409, "not-tickable")
        problem(api.delete("ana", f"{path(item)}/completion"), 409, "not-tickable")

    def test_takes_no_body(self, api: Api, whole):
        """Completion is a resource without members; only the empty object, which some programs always send, passes."""
        one = f"{path(tickable(whole)[0])}/completion"
        for body in (b'{"done": true}', b"[]", b"null", b"1", b"x"):
            problem(api("ana", "PUT", one, content=body), 422, "invalid")
        assert read(api, whole)["progress"]["done"] == 0
        good(api.put("ana", one, {}))

    def test_is_the_advocates(self, api: Api, whole):
        """A supervisor reads; admin and auditor are not told whether it exists."""
        item = tickable(whole)[0]
        problem(api.put("sol", f"{path(item)}/completion"), 403, "forbidden")
        for who in ("ada", "aud"):
            for one in (item["id"], NOWHERE):
                problem(api.put(who, f"/v1/checklist-items/{one}/completion"), 403, "forbidden")


class TestPersonalise:
    def test_in_the_survivors_words(self, api: Api, whole):
        """Her text stands in place of the template's, detail and priority beside it; null shows the template's again."""
        item = items(whole)[0]
        sent = {"text": "  Aunt Nkechi,\nsecond floor ", "detail": "ring twice", "priority": 1, "status": "planned"}
        body = good(api.patch("ana", path(item), sent, if_match=1))
        assert {name: body[name] for name in sent} == sent
        assert (body["whose_words"], body["version"]) == ("survivor", 2)
        shown = items(read(api, whole))[0]
        assert (shown["text"], shown["detail"], shown["whose_words"]) == (sent["text"], "ring twice", "survivor")
        good(api.patch("ana", path(item), {"text": None}, if_match=2))
        shown = items(read(api, whole))[0]
        assert (shown["text"], shown["whose_words"]) == (item["text"], "template")

    @pytest.mark.parametrize(
        "status", ["planned", "in_progress", "declined", "not_applicable", "not_safe_now", "offered"]
    )
    def test_every_way_of_leaving_it(self, api: Api, whole, status: str):
        """Planned, begun, declined, not for her, not safe now: counted where it stands."""
        item = tickable(whole)[0]
        good(api.patch("ana", path(item), {"status": status}, if_match=1))
        after = read(api, whole)
        assert items(after)[0]["status"] == status
        assert after["progress"] == counted(after)

    def test_done_is_a_tick(self, api: Api, whole):
        """Nothing becomes done, or stops being it, by a patch."""
        item = tickable(whole)[0]
        body = problem(api.patch("ana", path(item), {"status": "done"}, if_match=1), 422, "invalid")
        assert body["errors"][0]["code"] == "use-completion"
        good(api.put("ana", f"{path(item)}/completion"))
        problem(api.patch("ana", path(item), {"status": "planned"}, if_match=2), 409, "use-completion")
        good(api.patch("ana", path(item), {"text": "Done, with help."}, if_match=2))
        assert items(read(api, whole))[0]["status"] == "done"

    def test_information_is_not_planned(self, api: Api, whole):
        """It can be declined, not planned."""
        item = next(item for item in items(whole) if item["kind"] == "information")
        problem(api.patch("ana", path(item), {"status": "planned"}, if_match=1), 409, "not-tickable")
        good(api.patch("ana", path(item), {"status": "not_applicable"}, if_match=1))
        assert read(api, whole)["progress"] == whole["progress"]

    def test_needs_the_version(self, api: Api, whole):
        """428 without, 412 with a stale one and the current ETag; the other's words stay."""
        item = items(whole)[0]
        problem(api.patch("ana", path(item), {"text": "x"}), 428, "precondition-required")
        problem(api.delete("ana", path(item)), 428, "precondition-required")
        good(api.patch("ana", path(item), {"text": "first"}, if_match=1))
        for answer in (
            api.patch("ana", path(item), {"text": "x"}, if_match=1),
            api.delete("ana", path(item), if_match=1),
        ):
            problem(answer, 412, "stale-version")
            assert answer.headers["etag"] == '"2"'
        assert good(api.get("ana", path(item)))["text"] == "first"

    def test_a_plan_that_keeps_no_words_takes_none(self, api: Api):
        """States yes, words no, own items no."""
        whole = plan(api, client(api)["id"], sections=["home"], custody="event_only")
        item = items(whole)[0]
        problem(api.patch("ana", path(item), {"text": "x"}, if_match=1), 409, "custody-keeps-no-words")
        problem(api.patch("ana", path(item), {"detail": "x"}, if_match=1), 409, "custody-keeps-no-words")
        own = {"section_id": whole["sections"][0]["id"], "text": "x"}
        problem(api.post("ana", f"/v1/plans/{whole['id']}/items", own), 409, "custody-keeps-no-words")
        good(api.patch("ana", path(item), {"status": "planned", "priority": 2}, if_match=1))
        good(api.put("ana", f"{path(item)}/completion"))

    def test_what_came_of_it(self, api: Api, whole):
        """In her judgement, any time, as often as it changes."""
        item = tickable(whole)[0]
        for outcome in ("helped", "made_worse", "no_effect", "unknown"):
            assert good(api.put("ana", f"{path(item)}/outcome", {"outcome": outcome}))["outcome"] == outcome
        problem(api.put("ana", f"{path(item)}/outcome", {"outcome": "fine"}), 422, "invalid", "/outcome")


class TestOwnItems:
    def test_adds_one(self, api: Api, whole):
        """In a section of the plan, planned at once, counted, ticked like any other."""
        sent = {"section_id": whole["sections"][1]["id"], "text": "Ask Mina to keep the laptop.", "priority": 2}
        body = made(api.post("ana", f"/v1/plans/{whole['id']}/items", sent), "/v1/checklist-items")
        assert set(body) == ITEM
        assert (body["text"], body["status"], body["kind"], body["whose_words"]) == (
            sent["text"],
            "planned",
            "action",
            "survivor",
        )
        after = read(api, whole)
        assert after["sections"][1]["items"][-1]["id"] == body["id"]
        assert after["progress"] == counted(after)
        assert good(api.put("ana", f"{path(body)}/completion"))["progress"]["done"] == 1

    def test_only_in_a_section_of_this_plan(self, api: Api, whole):
        """Another plan's section, one out of sight and a random one are named as unknown alike."""
        other = plan(api, whole["client_id"], sections=["bag"])
        sent = {"section_id": other["sections"][0]["id"], "text": "x"}
        bens = plan(api, client(api, "ben")["id"], "ben")["sections"][0]["id"]
        for section in (sent["section_id"], bens, NOWHERE):
            answer = api.post("ana", f"/v1/plans/{whole['id']}/items", sent | {"section_id": section})
            problem(answer, 422, "invalid", "/section_id")

    def test_a_repeated_request_adds_once(self, api: Api, whole):
        """Under one key the second answer is the same item."""
        sent = {"section_id": whole["sections"][0]["id"], "text": "Ask Mina."}
        first, again = (api.post("ana", f"/v1/plans/{whole['id']}/items", sent, key="i") for _ in range(2))
        assert again.headers["idempotency-replayed"] == "true"
        assert good(first, 201) == good(again, 201)
        assert len(items(read(api, whole))) == len(items(whole)) + 1

    def test_keeps_its_words(self, api: Api, whole):
        """An own item has no template's words to fall back on."""
        sent = {"section_id": whole["sections"][0]["id"], "text": "Ask Mina."}
        own = made(api.post("ana", f"/v1/plans/{whole['id']}/items", sent), "/v1/checklist-items")
        problem(api.patch("ana", path(own), {"text": None}, if_match=1), 422, "invalid", "/text")
        assert good(api.patch("ana", path(own), {"text": "Ask Mina or Jo."}, if_match=1))["text"] == "Ask Mina or Jo."

    def test_removes_one(self, api: Api, whole):
        """Off the plan and out of the count; its id is not found any more."""
        item = tickable(whole)[0]
        done(api.delete("ana", path(item), if_match=1))
        assert last_action(api) == "checklist_item.removed"
        after = read(api, whole)
        assert after["progress"] == counted(after)
        assert after["progress"]["total"] == whole["progress"]["total"] - 1
        same_refusal(api.get("ana", path(item)), api.delete("ana", path(item), if_match=1))


class TestSeveral:
    def change(self, api: Api, whole, changes, **more):
        return api.patch("ana", f"/v1/plans/{whole['id']}/items", {"items": changes}, **more)

    def test_all_of_them(self, api: Api, whole):
        """One request, one entry, one new version of each."""
        wanted = [{"id": item["id"], "version": 1, "status": "planned"} for item in tickable(whole)[:5]]
        before = len(api.world.entries())
        body = good(self.change(api, whole, wanted))
        assert set(body) == {"id", "progress", "version"}
        assert len(api.world.entries()) == before + 1
        after = read(api, whole)
        assert body["progress"] == after["progress"] == counted(after)
        assert after["progress"]["planned"] == 5

    def test_or_none(self, api: Api, whole):
        """One stale version, one tick or one foreign item among them, and nothing changes."""
        one, two = tickable(whole)[:2]
        fine = {"id": one["id"], "version": 1, "text": "Mine"}
        bens = items(plan(api, client(api, "ben")["id"], "ben"))[0]
        mine = items(plan(api, whole["client_id"], sections=["bag"]))[0]
        problem(self.change(api, whole, [fine, {"id": two["id"], "version": 9, "priority": 1}]), 412, "stale-version")
        problem(self.change(api, whole, [fine, {"id": two["id"], "version": 1, "status": "done"}]), 422, "invalid")
        for other in (bens["id"], mine["id"], NOWHERE):
            same_refusal(self.change(api, whole, [fine, {"id": other, "version": 1, "priority": 1}]))
        assert read(api, whole) == whole

    def test_at_least_one_and_each_once(self, api: Api, whole):
        """An empty list and an item named twice are refused."""
        problem(self.change(api, whole, []), 422, "invalid", "/items")
        one = {"id": tickable(whole)[0]["id"], "version": 1, "priority": 1}
        problem(self.change(api, whole, [one, one]), 422, "invalid", "/items")
        assert read(api, whole) == whole

    def test_a_repeated_request_changes_once(self, api: Api, whole):
        """A retry after a lost answer is no 412."""
        wanted = [{"id": item["id"], "version": 1, "priority": 3} for item in tickable(whole)[:2]]
        first, again = (self.change(api, whole, wanted, key="m") for _ in range(2))
        assert again.headers["idempotency-replayed"] == "true"
        assert good(first) == good(again)
