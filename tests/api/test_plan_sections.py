"""Sections of a plan: added, chosen, declined, left for later, moved, removed."""

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
    plan,
    problem,
    same_refusal,
)
from tests.conftest import Api

SECTION = {"id", "plan_id", "choice", "position", "title", "version"}


@pytest.fixture
def whole(api: Api):
    """A draft plan of ana's with two sections."""
    return plan(api, client(api)["id"], sections=["home", "work"])


def read(api: Api, whole):
    return good(api.get("ana", f"/v1/plans/{whole['id']}"))


class TestAdd:
    def test_the_templates_with_its_items(self, api: Api, whole):
        """Its items come along, are counted, and the plan's version grows."""
        body = good(api.post("ana", f"/v1/plans/{whole['id']}/sections", {"key": "bag"}), 201)
        assert set(body) == SECTION
        assert (body["plan_id"], body["choice"], body["title"]) == (whole["id"], "chosen", None)
        after = read(api, whole)
        assert [section["key"] for section in after["sections"]] == ["home", "work", "bag"]
        assert len(after["sections"][2]["items"]) >= 10
        assert after["progress"] == counted(after)
        assert after["version"] > whole["version"]
        assert {item["id"] for item in items(whole)} < {item["id"] for item in items(after)}

    def test_one_of_her_own(self, api: Api, whole):
        """By a title, without items, to be filled by hand."""
        body = good(api.post("ana", f"/v1/plans/{whole['id']}/sections", {"title": "The allotment"}), 201)
        assert last_action(api) == "plan_section.added"
        section = read(api, whole)["sections"][2]
        assert (section["id"], section["key"], section["title"], section["items"]) == (
            body["id"],
            None,
            "The allotment",
            [],
        )

    @pytest.mark.parametrize("sent", [{}, {"key": "bag", "title": "Bag"}, {"key": None, "title": None}])
    def test_either_or(self, api: Api, whole, sent):
        """A key or a title, not both and not neither."""
        body = problem(api.post("ana", f"/v1/plans/{whole['id']}/sections", sent), 422, "invalid")
        assert body["errors"][0]["code"] == "key-or-title"

    def test_twice_and_unknown(self, api: Api, whole):
        """A section is there once; one the template has not is named."""
        path = f"/v1/plans/{whole['id']}/sections"
        problem(api.post("ana", path, {"key": "home"}), 409, "section-there")
        problem(api.post("ana", path, {"key": "cellar"}), 422, "invalid", "/key")

    def test_a_repeated_request_adds_once(self, api: Api, whole):
        """Under one key the second answer is the same section."""
        first, again = (api.post("ana", f"/v1/plans/{whole['id']}/sections", {"key": "bag"}, key="s") for _ in range(2))
        assert again.headers["idempotency-replayed"] == "true"
        assert good(first, 201) == good(again, 201)

    def test_no_more_than_a_hundred(self, api: Api, whole):
        """Beyond that the answer says so."""
        path = f"/v1/plans/{whole['id']}/sections"
        for n in range(98):
            good(api.post("ana", path, {"title": f"Own {n}"}), 201)
        problem(api.post("ana", path, {"title": "One more"}), 409, "too-many-sections")


class TestChange:
    @pytest.mark.parametrize("choice", ["declined", "later", "chosen"])
    def test_what_she_said_about_it(self, api: Api, whole, choice: str):
        """Blank is legitimate, later too; the items stay. What is said already changes no version."""
        path = f"/v1/plan-sections/{whole['sections'][0]['id']}"
        body = good(api.patch("ana", path, {"choice": choice}, if_match=1))
        assert (body["choice"], body["version"]) == (choice, 1 if choice == "chosen" else 2)
        after = read(api, whole)
        assert after["sections"][0]["choice"] == choice
        assert len(items(after)) == len(items(whole))
        assert after["version"] > whole["version"]

    def test_moves(self, api: Api, whole):
        """A higher position stands further down."""
        good(api.patch("ana", f"/v1/plan-sections/{whole['sections'][0]['id']}", {"position": 9}, if_match=1))
        assert [section["key"] for section in read(api, whole)["sections"]] == ["work", "home"]

    def test_only_an_own_one_is_renamed(self, api: Api, whole):
        """The template's words are the template's."""
        path = f"/v1/plan-sections/{whole['sections'][0]['id']}"
        problem(api.patch("ana", path, {"title": "Mine"}, if_match=1), 409, "template-words")
        own = good(api.post("ana", f"/v1/plans/{whole['id']}/sections", {"title": "Own"}), 201)
        body = good(api.patch("ana", f"/v1/plan-sections/{own['id']}", {"title": "Her own"}, if_match=own["version"]))
        assert body["title"] == "Her own"

    def test_needs_the_version(self, api: Api, whole):
        """428 without, 412 with a stale one, for changing and removing."""
        path = f"/v1/plan-sections/{whole['sections'][0]['id']}"
        problem(api.patch("ana", path, {"choice": "later"}), 428, "precondition-required")
        problem(api.delete("ana", path), 428, "precondition-required")
        for answer in (api.patch("ana", path, {"choice": "later"}, if_match=2), api.delete("ana", path, if_match=2)):
            problem(answer, 412, "stale-version")
            assert answer.headers["etag"] == '"1"'

    def test_unknown_foreign_and_walled_are_one(self, api: Api, whole):
        """For changing and removing."""
        walled = plan(api, client(api, "ben")["id"], "ben")["sections"][0]["id"]
        foreign = plan(api, client(api, "other")["id"], "other")["sections"][0]["id"]
        ids = (walled, foreign, NOWHERE, "x", str(UUID(int=UUID(whole["sections"][0]["id"]).int + 99)))
        same_refusal(*(api.patch("ana", f"/v1/plan-sections/{one}", {"choice": "later"}, if_match=1) for one in ids))
        same_refusal(*(api.delete("ana", f"/v1/plan-sections/{one}", if_match=1) for one in ids))
        same_refusal(*(api.post("ana", f"/v1/plans/{one}/sections", {"key": "bag"}) for one in ids))


class TestRemove:
    def test_takes_its_items_along(self, api: Api, whole):
        """Items and counts go with it; the key can be added again."""
        item = whole["sections"][0]["items"][0]["id"]
        good(api.put("ana", f"/v1/checklist-items/{item}/completion"))
        done(api.delete("ana", f"/v1/plan-sections/{whole['sections'][0]['id']}", if_match=1))
        after = read(api, whole)
        assert [section["key"] for section in after["sections"]] == ["work"]
        assert after["progress"] == counted(after)
        same_refusal(api.get("ana", f"/v1/checklist-items/{item}"))
        good(api.post("ana", f"/v1/plans/{whole['id']}/sections", {"key": "home"}), 201)
        assert read(api, whole)["progress"]["done"] == 0
