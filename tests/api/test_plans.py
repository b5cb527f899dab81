"""Safety plans: made from a template, read, changed, activated, closed."""

from uuid import UUID

import pytest

from tests.api.contract import (
    NOWHERE,
    SECTIONS,
    active,
    client,
    counted,
    good,
    items,
    last_action,
    made,
    plan,
    problem,
    refused_cursor,
    review,
    same_refusal,
    tickable,
    walk,
)
from tests.conftest import Api
from tests.world import TEMPLATE

PLAN = {
    "id",
    "client_id",
    "template",
    "status",
    "custody",
    "language",
    "dir",
    "translation",
    "progress",
    "facts",
    "next_review_at",
    "created_at",
    "activated_at",
    "closed_at",
    "version",
    "sections",
}
SECTION = {"id", "key", "title", "guidance", "choice", "version", "items"}
ITEM = {
    "id",
    "key",
    "kind",
    "text",
    "detail",
    "prompt",
    "status",
    "outcome",
    "priority",
    "whose_words",
    "noticeable",
    "notice",
    "secret",
    "shared_fact",
    "shared_value",
    "completed_at",
    "completed_by_id",
    "version",
}
SUMMARY = {"id", "client_id", "status", "custody", "progress", "next_review_at", "created_at", "version"}


@pytest.fixture
def wren(api: Api) -> str:
    """A client of ana's."""
    return str(client(api)["id"])


class TestCreate:
    def test_has_the_chosen_sections_and_their_items(self, api: Api, wren: str):
        """In the order chosen, every item offered, counted, in the agency's language."""
        body = plan(api, wren, sections=SECTIONS)
        assert set(body) == PLAN
        assert [section["key"] for section in body["sections"]] == SECTIONS
        assert all(set(section) == SECTION and section["choice"] == "chosen" for section in body["sections"])
        assert all(set(item) == ITEM and item["status"] == "offered" for item in items(body))
        assert (body["status"], body["language"], body["custody"], body["version"]) == ("draft", "en", "retained", 1)
        assert body["template"] == {"id": str(TEMPLATE), "version": 1}
        assert body["progress"] == counted(body)
        assert body["progress"]["total"] == len(tickable(body)) > 20
        assert good(api.get("ana", f"/v1/plans/{body['id']}")) == body

    def test_everything_when_nothing_is_chosen(self, api: Api, wren: str):
        """All of the template's sections: 41 items in theirs, and the bag."""
        body = plan(api, wren)
        assert {section["key"] for section in body["sections"]} > set(SECTIONS)
        assert len(items(body)) >= 41

    def test_no_section_at_all(self, api: Api, wren: str):
        """An empty choice is a plan to be filled by hand; a section named twice stands once."""
        assert plan(api, wren, sections=[])["sections"] == []
        assert [s["key"] for s in plan(api, wren, sections=["bag", "home", "bag"])["sections"]] == ["bag", "home"]

    def test_in_another_language(self, api: Api, wren: str):
        """The words are the translation's, and the answer says so."""
        english, spanish = plan(api, wren, sections=["home"]), plan(api, wren, sections=["home"], language="es")
        assert (spanish["language"], english["translation"]) == ("es", "source")
        assert spanish["translation"] in ("draft", "reviewed")
        assert spanish["sections"][0]["title"] != english["sections"][0]["title"]
        assert [item["key"] for item in items(spanish)] == [item["key"] for item in items(english)]
        answer = api.get("ana", f"/v1/plans/{spanish['id']}")
        assert answer.headers["content-language"] == "es"
        assert plan(api, wren, language="es-MX")["language"] == "es"

    def test_placeholders_are_filled(self, api: Api, wren: str):
        """No brace of a placeholder reaches a survivor."""
        body = plan(api, wren)
        for item in items(body):
            assert "{" not in f"{item['text']}{item['prompt']}{item['notice']}"

    @pytest.mark.parametrize(
        ("sent", "pointer", "code"),
        [
            ({"sections": ["bag", "cellar"]}, "/sections/1", "unknown-section"),
            ({"template_id": NOWHERE}, "/template_id", "unknown-template"),
            ({"version": 9}, "/version", "unknown-version"),
            ({"language": "fr"}, "/language", "language-not-available"),
            ({"version": 0}, "/version", "greater-than-equal"),
            ({"custody": "public"}, "/custody", "enum"),
        ],
    )
    def test_what_there_is_not_is_named(self, api: Api, wren: str, sent, pointer: str, code: str):
        """Unknown sections, templates, versions, languages: the member, not its value."""
        answer = api.post("ana", f"/v1/clients/{wren}/plans", {"template_id": str(TEMPLATE)} | sent)
        body = problem(answer, 422, "invalid", pointer)
        assert body["errors"][0]["code"] == code
        assert "cellar" not in answer.text
        assert good(api.get("ana", f"/v1/clients/{wren}/plans"))["data"] == []

    def test_for_an_unknown_client(self, api: Api):
        """Walled, foreign, random: one answer."""
        ids = (client(api, "ben")["id"], client(api, "other")["id"], NOWHERE, "x")
        same_refusal(*(api.post("ana", f"/v1/clients/{one}/plans", {"template_id": str(TEMPLATE)}) for one in ids))

    def test_custody_only_stricter_than_the_agencys(self, api: Api, wren: str):
        """A plan may keep less than the agency's default, never more."""
        assert plan(api, wren, custody="event_only")["custody"] == "event_only"
        good(api.patch("ada", "/v1/agency", {"custody_default": "event_only"}, if_match=1))
        body = {"template_id": str(TEMPLATE), "custody": "retained"}
        problem(api.post("ana", f"/v1/clients/{wren}/plans", body), 409, "custody-only-stricter")

    def test_a_repeated_request_makes_one(self, api: Api, wren: str):
        """The replay shows the plan as it is by then."""
        body = {"template_id": str(TEMPLATE), "sections": ["bag"]}
        first = made(api.post("ana", f"/v1/clients/{wren}/plans", body, key="p"), "/v1/plans")
        good(api.put("ana", f"/v1/plans/{first['id']}/activation"))
        again = api.post("ana", f"/v1/clients/{wren}/plans", body, key="p")
        assert again.headers["idempotency-replayed"] == "true"
        assert made(again, "/v1/plans")["status"] == "active"
        assert len(good(api.get("ana", f"/v1/clients/{wren}/plans"))["data"]) == 1


class TestList:
    def test_rows_hold_no_words(self, api: Api, wren: str):
        """Ids, states and counts."""
        made_id = plan(api, wren)["id"]
        (row,) = good(api.get("ana", f"/v1/clients/{wren}/plans"))["data"]
        assert set(row) == SUMMARY
        assert (row["id"], row["client_id"], row["status"]) == (made_id, wren, "draft")

    def test_pages_filters_and_cursors(self, api: Api, wren: str):
        """Every plan once; by state; a cursor of one client's plans is not another's."""
        ids = {plan(api, wren, sections=["bag"])["id"] for _ in range(4)}
        live = active(api, wren, sections=["home"])["id"]
        walked = [row["id"] for row in walk(api, "ana", f"/v1/clients/{wren}/plans", 2)]
        assert len(walked) == 5
        assert set(walked) == ids | {live}
        rows = good(api.get("ana", f"/v1/clients/{wren}/plans?status=active&status=closed"))["data"]
        assert [row["id"] for row in rows] == [live]
        cursor = good(api.get("ana", f"/v1/clients/{wren}/plans?limit=1"))["page"]["next_cursor"]
        other = client(api)["id"]
        refused_cursor(api.get("ana", f"/v1/clients/{other}/plans?limit=1&cursor={cursor}"))

    def test_of_an_unknown_client(self, api: Api):
        """A supervisor's foreign and random clients are one answer too."""
        foreign = client(api, "other")["id"]
        same_refusal(
            *(api.get("ana", f"/v1/clients/{one}/plans") for one in (client(api, "ben")["id"], foreign, NOWHERE))
        )
        same_refusal(*(api.get("sol", f"/v1/clients/{one}/plans") for one in (foreign, NOWHERE)))


class TestRead:
    def test_is_logged_for_her(self, api: Api, wren: str):
        """One entry that names the client."""
        one = plan(api, wren)["id"]
        good(api.get("sol", f"/v1/plans/{one}"))
        entry = api.world.entries()[-1]
        assert (entry["action"], entry["client"], entry["object"]["ids"]) == ("plan.read", wren, [one])

    def test_unknown_foreign_and_walled_are_one(self, api: Api, wren: str):
        """For reading and for every change."""
        walled = plan(api, client(api, "ben")["id"], "ben")["id"]
        foreign = plan(api, client(api, "other")["id"], "other")["id"]
        ids = (walled, foreign, NOWHERE, "x", str(UUID(int=UUID(walled).int | 1)))
        same_refusal(*(api.get("ana", f"/v1/plans/{one}") for one in ids))
        same_refusal(*(api.get("ana", f"/v1/plans/{one}/progress") for one in ids))
        same_refusal(*(api.patch("ana", f"/v1/plans/{one}", {}, if_match=1) for one in ids))
        for verb in ("activation", "closure"):
            same_refusal(*(api.put("ana", f"/v1/plans/{one}/{verb}") for one in ids))

    def test_is_never_304(self, api: Api, wren: str):
        """A plan shows the agency's numbers too, which leave its version alone: a corrected one must come through."""
        whole = plan(api, wren)
        path = f"/v1/plans/{whole['id']}"
        assert good(api.get("ana", path, headers={"if-none-match": '"1"'}))["version"] == 1
        good(api.put("ana", f"/v1/checklist-items/{tickable(whole)[0]['id']}/completion"))
        assert good(api.get("ana", path, headers={"if-none-match": '"1"'}))["version"] == 2

    def test_progress_alone_opens_nothing(self, api: Api, wren: str):
        """Counts, with the plan's version, without a disclosure."""
        whole = plan(api, wren)
        body = good(api.get("ana", f"/v1/plans/{whole['id']}/progress"))
        assert set(body) == {"plan_id", "progress", "next_review_at", "version"}
        assert body["progress"] == counted(whole)
        assert last_action(api) == "plan.created"


class TestChange:
    def test_shared_facts_show_on_every_item_that_shares_them(self, api: Api, wren: str):
        """Entered once, shown everywhere, taken away with null; facts not named stay."""
        whole = plan(api, wren)
        path = f"/v1/plans/{whole['id']}"
        fact = next(item["shared_fact"] for item in items(whole) if item["shared_fact"])
        body = good(api.patch("ana", path, {"facts": {fact: "Mrs. Okafor", "own": "x"}}, if_match=1))
        assert body["facts"] == {fact: "Mrs. Okafor", "own": "x"}
        shown = {item["shared_value"] for item in items(body) if item["shared_fact"] == fact}
        assert shown == {"Mrs. Okafor"}
        body = good(api.patch("ana", path, {"facts": {"own": None}}, if_match=body["version"]))
        assert body["facts"] == {fact: "Mrs. Okafor"}
        body = good(api.patch("ana", path, {"facts": {}}, if_match=body["version"]))
        assert body["facts"] == {fact: "Mrs. Okafor"}

    def test_changes_the_language(self, api: Api, wren: str):
        """The same plan in other words."""
        whole = plan(api, wren, sections=["home"])
        body = good(api.patch("ana", f"/v1/plans/{whole['id']}", {"language": "es"}, if_match=1))
        assert (body["language"], body["version"]) == ("es", 2)
        assert body["sections"][0]["title"] != whole["sections"][0]["title"]
        answer = api.patch("ana", f"/v1/plans/{whole['id']}", {"language": "fr"}, if_match=2)
        problem(answer, 422, "invalid", "/language")

    def test_custody_only_gets_stricter(self, api: Api, wren: str):
        """Once a plan keeps no words it takes none, and cannot be made to keep them again."""
        path = f"/v1/plans/{plan(api, wren)['id']}"
        good(api.patch("ana", path, {"custody": "event_only"}, if_match=1))
        problem(api.patch("ana", path, {"custody": "retained"}, if_match=2), 409, "custody-only-stricter")
        problem(api.patch("ana", path, {"facts": {"a": "b"}}, if_match=2), 409, "custody-keeps-no-words")

    def test_stricter_custody_keeps_nothing_back(self, api: Api, wren: str):
        """Words written before a plan became stricter are gone from it."""
        whole = plan(api, wren, sections=["home"])
        item = f"/v1/checklist-items/{items(whole)[0]['id']}"
        path = f"/v1/plans/{whole['id']}"
        good(api.patch("ana", item, {"text": "Back door by the yard"}, if_match=1))
        version = good(api.get("ana", path))["version"]
        body = good(api.patch("ana", path, {"facts": {"own": "Mrs. Okafor"}}, if_match=version))
        answer = api.patch("ana", path, {"custody": "event_only"}, if_match=body["version"])
        good(answer)
        whole = api.get("ana", path).text
        assert "Okafor" not in whole
        assert "Back door by the yard" not in whole

    def test_needs_the_version(self, api: Api, wren: str):
        """428 without, 412 with a stale one."""
        path = f"/v1/plans/{plan(api, wren)['id']}"
        problem(api.patch("ana", path, {"language": "es"}), 428, "precondition-required")
        answer = api.patch("ana", path, {"language": "es"}, if_match=5)
        problem(answer, 412, "stale-version")
        assert answer.headers["etag"] == '"1"'


class TestStates:
    def test_one_plan_in_use(self, api: Api, wren: str):
        """Activating the second supersedes the first and drops its reviews; twice changes nothing."""
        first = active(api, wren, sections=["home"])
        held = review(api, first["id"])
        second = active(api, wren, sections=["bag"])
        assert (second["status"], bool(second["activated_at"])) == ("active", True)
        assert good(api.put("ana", f"/v1/plans/{second['id']}/activation")) == second
        before = good(api.get("ana", f"/v1/plans/{first['id']}"))
        assert (before["status"], bool(before["closed_at"]), before["next_review_at"]) == ("superseded", True, None)
        assert good(api.get("ana", f"/v1/reviews/{held['id']}"))["state"] == "cancelled"
        rows = good(api.get("ana", f"/v1/clients/{wren}/plans?status=active"))["data"]
        assert [row["id"] for row in rows] == [second["id"]]

    @pytest.mark.parametrize("ending", ["closed", "superseded"])
    def test_an_ended_plan_stays_as_it_was(self, api: Api, wren: str, ending: str):
        """Closed and superseded plans are read, not changed."""
        whole = active(api, wren, sections=["home", "bag"])
        one = f"/v1/plans/{whole['id']}"
        item, section = items(whole)[0], whole["sections"][0]
        if ending == "closed":
            for _ in range(2):
                assert good(api.put("ana", f"{one}/closure"))["status"] == "closed"
        else:
            active(api, wren, sections=["work"])
        before = good(api.get("ana", one))
        assert before["status"] == ending
        due = {"due_at": "2031-05-06T14:00:00Z"}
        for verb, path, body in (
            ("PUT", f"{one}/activation", None),
            ("PATCH", one, {"language": "es"}),
            ("POST", f"{one}/sections", {"title": "Own"}),
            ("POST", f"{one}/items", {"section_id": section["id"], "text": "x"}),
            ("POST", f"{one}/reviews", due),
            ("PATCH", f"{one}/items", {"items": [{"id": item["id"], "version": 1, "priority": 1}]}),
            ("PATCH", f"/v1/plan-sections/{section['id']}", {"choice": "later"}),
            ("DELETE", f"/v1/plan-sections/{section['id']}", None),
            ("PATCH", f"/v1/checklist-items/{item['id']}", {"priority": 1}),
            ("DELETE", f"/v1/checklist-items/{item['id']}", None),
            ("PUT", f"/v1/checklist-items/{item['id']}/completion", None),
            ("DELETE", f"/v1/checklist-items/{item['id']}/completion", None),
            ("PUT", f"/v1/checklist-items/{item['id']}/outcome", {"outcome": "helped"}),
        ):
            version = before["version"] if path == one else 1
            more = {"json": body} if body is not None else {}
            problem(api("ana", verb, path, if_match=version, **more), 409, "plan-not-open")
        assert good(api.get("ana", one)) == before
