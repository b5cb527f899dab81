"""Templates: the library and the agency's own; copied, drafted, published, retired."""

import copy

import pytest

from tests.api.contract import (
    NOWHERE,
    client,
    cursor_of,
    good,
    items,
    last_action,
    made,
    plan,
    problem,
    refused_cursor,
    same_refusal,
    walk,
)
from tests.conftest import Api
from tests.world import TEMPLATE

TEMPLATE_OUT = {
    "id",
    "key",
    "title",
    "library",
    "copied_from_id",
    "published_version",
    "draft_version",
    "retired_at",
    "created_at",
    "version",
}
VERSION_OUT = {"id", "template_id", "number", "state", "created_at", "published_at", "version", "document"}
LIBRARY = f"/v1/templates/{TEMPLATE}"
DOCUMENT = {
    "title": "At the office",
    "language": "en",
    "sections": [
        {
            "key": "door",
            "title": "The door",
            "items": [
                {"key": "lock", "text": "Ask who holds keys.", "kind": "action"},
                {"key": "who", "text": "Who could walk with you?", "kind": "personal", "prompt": "Who?"},
                {"key": "note", "text": "Call {emergency_number} in danger.", "kind": "information"},
            ],
        },
        {"key": "desk", "title": "The desk", "items": [{"key": "move", "text": "Sit elsewhere.", "kind": "talk"}]},
    ],
}


def create(api: Api, who: str = "ana", **more):
    return made(api.post(who, "/v1/templates", {"document": DOCUMENT | more}), "/v1/templates")


def published(api: Api):
    one = create(api)
    good(api.put("ada", f"/v1/templates/{one['id']}/versions/1/publication"))
    return one["id"]


class TestList:
    def test_shows_the_library_and_the_agencys_own(self, api: Api):
        """The library is everybody's; another agency's templates are not there."""
        own = create(api)["id"]
        rows = good(api.get("ana", "/v1/templates"))["data"]
        assert all(set(row) == TEMPLATE_OUT for row in rows)
        assert str(TEMPLATE) in {row["id"] for row in rows if row["library"]}
        assert [row["id"] for row in rows if not row["library"]] == [own]
        assert all(row["library"] for row in good(api.get("other", "/v1/templates"))["data"])

    def test_filters_by_origin_and_retirement(self, api: Api):
        """library=true|false; retired ones only when asked for."""
        own = create(api)["id"]
        ids = {
            flag: {row["id"] for row in good(api.get("ana", f"/v1/templates?library={flag}"))["data"]}
            for flag in ("true", "false")
        }
        assert ids["false"] == {own}
        assert str(TEMPLATE) in ids["true"]
        good(api.put("ada", f"/v1/templates/{own}/retirement"))
        assert good(api.get("ana", "/v1/templates?library=false"))["data"] == []
        assert [row["id"] for row in good(api.get("ana", "/v1/templates?library=false&retired=true"))["data"]] == [own]

    def test_pages_show_every_row_once(self, api: Api):
        """Library and own rows in one list."""
        for _ in range(5):
            create(api)
        whole = {row["id"] for row in good(api.get("ana", "/v1/templates?limit=200"))["data"]}
        for limit in (1, 2, 3):
            ids = [row["id"] for row in walk(api, "ana", "/v1/templates", limit)]
            assert len(ids) == len(whole)
            assert set(ids) == whole

    def test_a_cursor_fits_one_list(self, api: Api):
        """Another filter, another agency: refused."""
        cursor = cursor_of(api.get("ana", "/v1/templates?limit=1"))
        refused_cursor(api.get("ana", f"/v1/templates?limit=1&library=true&cursor={cursor}"))
        refused_cursor(api.get("other", f"/v1/templates?limit=1&cursor={cursor}"))

    def test_is_not_for_auditors(self, api: Api):
        """An auditor reads the ledger."""
        problem(api.get("aud", "/v1/templates"), 403, "forbidden")


class TestRead:
    def test_the_library(self, api: Api):
        """The library's template has a key and a published version; every word of it can be read."""
        one = good(api.get("ana", LIBRARY))
        assert set(one) == TEMPLATE_OUT
        assert (one["key"], one["library"], one["draft_version"]) == ("personal-safety", True, None)
        version = good(api.get("ana", f"{LIBRARY}/versions/{one['published_version']}"))
        assert set(version) == VERSION_OUT
        assert (version["state"], version["template_id"]) == ("published", str(TEMPLATE))
        assert "es" in version["document"]["translations"]

    def test_foreign_is_unknown(self, api: Api):
        """Another agency's template and version, a random id, a version there is not."""
        foreign = create(api, "other")["id"]
        same_refusal(
            api.get("ana", f"/v1/templates/{foreign}"),
            api.get("ana", f"/v1/templates/{NOWHERE}"),
            api.get("ana", f"/v1/templates/{foreign}/versions/1"),
            *(api.get("ana", f"{LIBRARY}/versions/{n}") for n in ("0", "99", "x", "-1", "1.0", "01", "1e0", "9" * 30)),
            api.post("ana", f"/v1/templates/{foreign}/copy"),
            api.put("ada", f"/v1/templates/{foreign}/retirement"),
        )

    def test_unchanged_is_304(self, api: Api):
        """A known version is not sent again."""
        for path in (LIBRARY, f"{LIBRARY}/versions/1"):
            etag = api.get("ana", path).headers["etag"]
            assert api.get("ana", path, headers={"if-none-match": etag}).status_code == 304


class TestWrite:
    def test_a_new_template_is_a_draft(self, api: Api):
        """Version 1 can be read but no plan made from it."""
        one = create(api)
        assert (one["title"], one["library"], one["published_version"], one["draft_version"]) == (
            "At the office",
            False,
            None,
            1,
        )
        assert last_action(api) == "template.created"
        version = good(api.get("ana", f"/v1/templates/{one['id']}/versions/1"))
        assert (version["state"], version["number"], version["published_at"]) == ("draft", 1, None)
        assert [s["key"] for s in version["document"]["sections"]] == ["door", "desk"]
        path = f"/v1/clients/{client(api)['id']}/plans"
        problem(api.post("ana", path, {"template_id": one["id"]}), 409, "not-published")

    def test_the_draft_is_rewritten_whole(self, api: Api):
        """Sections and items added, renamed, reordered, hidden."""
        one = create(api)["id"]
        path = f"/v1/templates/{one}/versions/1"
        changed = copy.deepcopy(DOCUMENT)
        changed["sections"].reverse()
        changed["sections"][0]["title"] = "Where you sit"
        changed["sections"][1]["hidden"] = True
        changed["sections"][0]["items"].append({"key": "exit", "text": "Know two ways out.", "kind": "action"})
        version = good(api.put("ana", path, changed, if_match=1))
        assert version["version"] == 2
        assert [s["title"] for s in version["document"]["sections"]] == ["Where you sit", "The door"]
        assert good(api.get("ana", path)) == version
        problem(api.put("ana", path, changed), 428, "precondition-required")
        answer = api.put("ana", path, changed, if_match=1)
        problem(answer, 412, "stale-version")
        assert answer.headers["etag"] == '"2"'

    @pytest.mark.parametrize(
        ("change", "pointer"),
        [
            (lambda d: d.update(title=" "), "/document/title"),
            (lambda d: d.update(sections=[]), "/document/sections"),
            (lambda d: d["sections"][0].update(key="Not a key"), "/document/sections/0/key"),
            (lambda d: d["sections"][1]["items"][0].update(key="lock"), "/document/sections/0/items/0/key"),
            (lambda d: d["sections"][0]["items"][0].update(text="Call {nobody}."), "/document/sections/0/items/0/text"),
            (lambda d: d["sections"][0]["items"][0].update(kind="order"), "/document/sections/0/items/0/kind"),
            (lambda d: d["sections"][0].update(colour="red"), "/document/sections/0/*"),
        ],
    )
    def test_a_faulty_document_is_refused_at_its_place(self, api: Api, change, pointer: str):
        """The answer points at the member, and nothing is made."""
        document = copy.deepcopy(DOCUMENT)
        change(document)
        body = problem(api.post("ana", "/v1/templates", {"document": document}), 422, "invalid")
        assert pointer in {fault["pointer"] for fault in body["errors"]}
        assert good(api.get("ana", "/v1/templates?library=false"))["data"] == []

    def test_the_library_is_copied_not_changed(self, api: Api):
        """Whoever wants to change it copies it first; the copy is the agency's."""
        for verb, path, body in (
            ("PUT", f"{LIBRARY}/versions/1", DOCUMENT),
            ("POST", f"{LIBRARY}/versions", {}),
            ("PUT", f"{LIBRARY}/versions/1/publication", None),
            ("PUT", f"{LIBRARY}/retirement", None),
            ("DELETE", f"{LIBRARY}/retirement", None),
        ):
            more = {"json": body} if body is not None else {}
            problem(api("ada", verb, path, if_match=1, **more), 409, "library-template")
        one = made(api.post("ana", f"{LIBRARY}/copy"), "/v1/templates")
        assert (one["copied_from_id"], one["library"], one["draft_version"]) == (str(TEMPLATE), False, 1)
        source = good(api.get("ana", f"{LIBRARY}/versions/1"))["document"]
        assert good(api.get("ana", f"/v1/templates/{one['id']}/versions/1"))["document"] == source
        same_refusal(api.get("other", f"/v1/templates/{one['id']}"))

    def test_a_repeated_request_makes_one(self, api: Api):
        """Creating, copying and drafting under a key happen once."""
        for path, body in (("/v1/templates", {"document": DOCUMENT}), (f"{LIBRARY}/copy", None)):
            first, again = (api.post("ana", path, body, key=path) for _ in range(2))
            assert again.headers["idempotency-replayed"] == "true"
            assert first.json() == again.json()
        one = published(api)
        first, again = (api.post("ana", f"/v1/templates/{one}/versions", {}, key="v") for _ in range(2))
        assert again.headers["idempotency-replayed"] == "true"
        assert good(first, 201) == good(again, 201)


class TestPublish:
    def test_from_then_on_it_never_changes(self, api: Api):
        """Published words stand; a new draft begins from them under the next number."""
        one = published(api)
        path = f"/v1/templates/{one}"
        version = good(api.put("ada", f"{path}/versions/1/publication"))  # twice changes nothing
        assert (version["state"], version["number"]) == ("published", 1)
        problem(api.put("ana", f"{path}/versions/1", DOCUMENT, if_match=version["version"]), 409, "version-published")
        answer = api.post("ana", f"{path}/versions", {})
        draft = good(answer, 201)
        assert answer.headers["location"] == f"{path}/versions/2"
        assert (draft["number"], draft["state"], draft["document"]) == (2, "draft", version["document"])
        problem(api.post("ana", f"{path}/versions", {}), 409, "draft-exists")
        now = good(api.get("ana", path))
        assert (now["published_version"], now["draft_version"]) == (1, 2)

    def test_a_plan_keeps_the_version_it_was_made_from(self, api: Api):
        """A plan pins its version; a newer one reaches new plans only."""
        one = published(api)
        client_id = client(api)["id"]
        before = plan(api, client_id, template_id=one)
        draft = good(api.post("ana", f"/v1/templates/{one}/versions", {}), 201)
        words = draft["document"] | {"title": "Second", "sections": draft["document"]["sections"][1:]}
        good(api.put("ana", f"/v1/templates/{one}/versions/2", words, if_match=1))
        good(api.put("ada", f"/v1/templates/{one}/versions/2/publication"))
        assert good(api.get("ana", f"/v1/plans/{before['id']}")) == before
        after = plan(api, client_id, template_id=one)
        assert (after["template"]["version"], [s["key"] for s in after["sections"]]) == (2, ["desk"])
        old = plan(api, client_id, template_id=one, version=1)
        assert [item["key"] for item in items(old)] == [item["key"] for item in items(before)]
        assert good(api.get("ana", f"/v1/templates/{one}"))["title"] == "Second"

    def test_a_draft_begins_from_a_named_version(self, api: Api):
        """Going back to older words is a new draft from them; a version there is not is not found."""
        one = published(api)
        path = f"/v1/templates/{one}/versions"
        same_refusal(api.post("ana", path, {"from_version": 7}))
        assert good(api.post("ana", path, {"from_version": 1}), 201)["number"] == 2

    def test_is_the_admins(self, api: Api):
        """Advocates write drafts; publishing and retiring is an admin's."""
        one = create(api)["id"]
        for path in (f"/v1/templates/{one}/versions/1/publication", f"/v1/templates/{one}/retirement"):
            for who in ("ana", "sol"):
                problem(api.put(who, path), 403, "forbidden")


class TestRetire:
    def test_no_new_plans_the_old_ones_stay(self, api: Api):
        """A retired template makes no plan; a plan that stands on it is read as before; both ways twice."""
        one = published(api)
        client_id = client(api)["id"]
        kept = plan(api, client_id, template_id=one)
        for _ in range(2):
            assert good(api.put("ada", f"/v1/templates/{one}/retirement"))["retired_at"]
        body = {"template_id": one}
        problem(api.post("ana", f"/v1/clients/{client_id}/plans", body), 409, "template-retired")
        assert good(api.get("ana", f"/v1/plans/{kept['id']}")) == kept
        for _ in range(2):
            assert good(api.delete("ada", f"/v1/templates/{one}/retirement"))["retired_at"] is None
        plan(api, client_id, template_id=one)
