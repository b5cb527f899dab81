"""Clients: taken on, read, changed, closed; seen only by those who work with them."""

import pytest

from tests.api.contract import (
    NOWHERE,
    client,
    cursor_of,
    good,
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

CLIENT = {
    "id",
    "alias",
    "legal_name",
    "pronouns",
    "date_of_birth",
    "languages",
    "contact",
    "external_ids",
    "status",
    "closing_reason",
    "restricted",
    "opened_on",
    "closed_at",
    "version",
}
SUMMARY = {"id", "status", "restricted", "opened_on", "version"}
CONTACT = {
    "phone": "555-0134",
    "email": "wren@mail.example",
    "address": "Flat 2\n9 Mill Lane",
    "preferred_channel": "text",
    "safe_hours": "weekdays 10 to 12",
    "voicemail_ok": False,
    "name_to_use": "Dr. Moss's office",
    "warning": "He reads her post.",
}
WHOLE = {
    "alias": "Wren",
    "legal_name": "Réka Ashdown",
    "pronouns": "she/her",
    "date_of_birth": "1990-02-28",
    "languages": ["es", "en-US"],
    "contact": CONTACT,
    "external_ids": [{"system": "court", "value": "FA-17"}, {"system": "shelter", "value": "S 9"}],
    "status": "enquiry",
    "opened_on": "2027-01-04",
}


class TestCreate:
    def test_keeps_everything_that_was_sent(self, api: Api):
        """All members come back as sent, at once and when read."""
        body = client(api, **WHOLE)
        assert set(body) == CLIENT
        assert {name: body[name] for name in WHOLE} == WHOLE
        assert (body["version"], body["restricted"], body["closed_at"], body["closing_reason"]) == (
            1,
            False,
            None,
            None,
        )
        assert good(api.get("ana", f"/v1/clients/{body['id']}")) == body

    @pytest.mark.parametrize("name", [{"alias": "Wren"}, {"alias": None, "legal_name": "Réka Ashdown"}])
    def test_one_name_is_enough(self, api: Api, name):
        """An alias or a legal name; everything else can stay unsaid."""
        body = client(api, **name)
        assert (body["status"], body["languages"], body["external_ids"]) == ("open", [], [])
        assert set(body["contact"].values()) == {None}
        assert good(api.get("ana", f"/v1/clients/{body['id']}")) == body

    def test_no_name_is_none(self, api: Api):
        """Without a name there is nobody to help."""
        body = problem(api.post("ana", "/v1/clients", {"pronouns": "she"}), 422, "invalid")
        assert body["errors"][0]["code"] == "name-needed"

    def test_one_entry_explains_it(self, api: Api):
        """Client, data key and assignment are one act, with one entry that holds no word of hers."""
        before = len(api.world.entries())
        body = client(api, **WHOLE)
        entries = api.world.entries()
        assert len(entries) == before + 1 + 1  # the session opened for ana, then the client
        assert (entries[-1]["action"], entries[-1]["client"]) == ("client.created", body["id"])
        assert "Ashdown" not in str(entries)
        assert "Wren" not in str(entries)

    def test_is_assigned_to_whoever_took_her_on(self, api: Api):
        """An advocate sees the client she took on; her colleague does not."""
        made_id = client(api)["id"]
        good(api.get("ana", f"/v1/clients/{made_id}"))
        same_refusal(api.get("ben", f"/v1/clients/{made_id}"))

    def test_an_external_id_is_one_clients(self, api: Api):
        """Two clients an advocate sees cannot be the same person elsewhere. What she does not see she is not told: the
        conflict would answer whether somebody is a client here."""
        body = {"external_ids": [{"system": "court", "value": "FA-17"}]}
        client(api, **body)
        good(api.post("ben", "/v1/clients", {"alias": "Finch"} | body), 201)
        answer = api.post("ana", "/v1/clients", {"alias": "Finch"} | body)
        problem(answer, 409, "external-id-taken")
        assert "FA-17" not in answer.text
        client(api, "other", **body)

    def test_is_closed_only_by_its_own_address(self, api: Api):
        """A case does not begin as closed."""
        body = problem(api.post("ana", "/v1/clients", {"alias": "Wren", "status": "closed"}), 422, "invalid")
        assert body["errors"][0]["code"] == "use-closure"

    def test_is_the_advocates(self, api: Api):
        """A supervisor, an admin and an auditor take no client on."""
        for who in ("sol", "ada", "aud"):
            problem(api.post(who, "/v1/clients", {"alias": "Wren"}), 403, "forbidden")

    def test_names_are_composed(self, api: Api):
        """Two ways of writing é are one name."""
        assert client(api, alias="Re\u0301ka")["alias"] == "R\u00e9ka"


class TestRead:
    def test_is_logged_with_the_fields_opened(self, api: Api):
        """She can ask who read what."""
        made_id = client(api)["id"]
        good(api.get("ana", f"/v1/clients/{made_id}"))
        entry = api.world.entries()[-1]
        assert (entry["action"], entry["client"]) == ("client.read", made_id)
        assert "legal_name" in entry["opened"][0]["fields"]

    def test_unknown_foreign_and_walled_are_one(self, api: Api):
        """Random id, another agency's client and a colleague's client: same bytes."""
        walled, foreign = client(api, "ben")["id"], client(api, "other")["id"]
        ids = (walled, foreign, NOWHERE, "x", "null", "00000000-0000-0000-0000-000000000000")
        for verb, more in (("GET", {}), ("PATCH", {"json": {}, "if_match": 1}), ("DELETE", {})):
            path = "/closure" if verb == "DELETE" else ""
            same_refusal(*(api("ana", verb, f"/v1/clients/{one}{path}", **more) for one in ids))
        same_refusal(*(api.put("ana", f"/v1/clients/{one}/closure", {"reason": "x"}) for one in ids))

    def test_a_denial_is_kept_with_the_id_asked_for(self, api: Api):
        """Probing leaves an entry."""
        walled = client(api, "ben")["id"]
        api.get("ana", f"/v1/clients/{walled}")
        entry = api.world.entries()[-1]
        assert (entry["action"], entry["outcome"], entry["code"]) == ("access.denied", "denied", "not-found")
        assert entry["object"]["ids"] == [walled]

    def test_who_sees_whom(self, api: Api):
        """A supervisor sees the agency's clients; admin and auditor see none, and are told so alike for any id."""
        made_id = client(api)["id"]
        good(api.get("sol", f"/v1/clients/{made_id}"))
        for who in ("ada", "aud"):
            for one in (made_id, NOWHERE):
                problem(api.get(who, f"/v1/clients/{one}"), 403, "forbidden")

    def test_unchanged_is_304_and_still_logged(self, api: Api):
        """No body is sent again; that she was looked at is an entry all the same."""
        made_id = client(api)["id"]
        for sent in ('"1"', 'W/"1"', '"0", "1"'):
            answer = api.get("ana", f"/v1/clients/{made_id}", headers={"if-none-match": sent})
            assert (answer.status_code, answer.content) == (304, b"")
            assert last_action(api) == "client.read"
        good(api.get("ana", f"/v1/clients/{made_id}", headers={"if-none-match": '"11"'}))

    def test_one_address_only(self, api: Api):
        """An id has one spelling: capitals, braces and missing hyphens lead nowhere."""
        made_id = client(api)["id"]
        others = (made_id.upper(), f"{{{made_id}}}", made_id.replace("-", ""), f"urn:uuid:{made_id}")
        same_refusal(*(api.get("ana", f"/v1/clients/{one}") for one in others))


class TestList:
    def test_shows_mine_without_names(self, api: Api):
        """An advocate's list holds her clients, a supervisor's all, another agency's none of them; nothing sealed."""
        mine, bens = client(api)["id"], client(api, "ben")["id"]
        rows = good(api.get("ana", "/v1/clients"))["data"]
        assert [row["id"] for row in rows] == [mine]
        assert set(rows[0]) == SUMMARY
        assert {row["id"] for row in good(api.get("sol", "/v1/clients"))["data"]} == {mine, bens}
        assert good(api.get("other", "/v1/clients"))["data"] == []

    def test_pages_show_every_row_once(self, api: Api):
        """Rows added while one pages do not shift the others."""
        there = {client(api)["id"] for _ in range(7)}
        for limit in (1, 3, 7, 8):
            ids = [row["id"] for row in walk(api, "ana", "/v1/clients", limit)]
            assert len(ids) == 7
            assert set(ids) == there
        first = api.get("ana", "/v1/clients?limit=3")
        seen = [row["id"] for row in good(first)["data"]]
        client(api)
        following = good(api.get("ana", f"/v1/clients?limit=200&cursor={cursor_of(first)}"))["data"]
        assert there <= set(seen) | {row["id"] for row in following}
        assert not set(seen) & {row["id"] for row in following}

    def test_filters_by_status(self, api: Api):
        """Several states mean any of them."""
        one = client(api, status="enquiry")["id"]
        two = client(api, status="dormant")["id"]
        client(api)
        rows = good(api.get("ana", "/v1/clients?status=enquiry&status=dormant"))["data"]
        assert {row["id"] for row in rows} == {one, two}
        ids = [row["id"] for row in walk(api, "ana", "/v1/clients", 1, status=["enquiry", "dormant"])]
        assert set(ids) == {one, two}

    def test_a_cursor_fits_one_list_of_one_agency(self, api: Api):
        """Another filter, another agency, a changed byte: refused."""
        for who in ("ana", "ana", "other", "other"):
            client(api, who)
        cursor = cursor_of(api.get("ana", "/v1/clients?limit=1"))
        refused_cursor(api.get("ana", f"/v1/clients?limit=1&status=open&cursor={cursor}"))
        refused_cursor(api.get("other", f"/v1/clients?limit=1&cursor={cursor}"))
        for bad in ("", "x", "é", cursor + "A", "A" + cursor[1:], "====", "%00", cursor * 50):
            refused_cursor(api.get("ana", f"/v1/clients?limit=1&cursor={bad}"))

    def test_unknown_and_repeated_parameters_are_refused(self, api: Api):
        """A misspelt one is answered with the nearest known one."""
        body = problem(api.get("ana", "/v1/clients?statsu=open"), 422, "invalid", "/query")
        assert body["errors"][0]["code"] == "unknown-parameter"
        assert "status" in body["errors"][0]["message"]
        body = problem(api.get("ana", "/v1/clients?limit=1&limit=2"), 422, "invalid", "/query/limit")
        assert body["errors"][0]["code"] == "repeated-parameter"
        problem(api.get("ana", "/v1/clients?Limit=1"), 422, "invalid", "/query")
        answer = api.get("ana", "/v1/clients?name=Ashdown")
        problem(answer, 422, "invalid", "/query")
        assert "Ashdown" not in answer.text


class TestChange:
    def test_what_is_sent_changes_what_is_absent_stays(self, api: Api):
        """A merge patch: null takes away."""
        body = client(api, **WHOLE)
        sent = {"pronouns": None, "alias": "Jay", "languages": [], "status": "dormant"}
        after = good(api.patch("ana", f"/v1/clients/{body['id']}", sent, if_match=1))
        assert after == body | sent | {"version": 2}
        assert good(api.get("ana", f"/v1/clients/{body['id']}")) == after

    def test_external_ids_are_replaced(self, api: Api):
        """The list that is sent is the list there is; an id given up is free for others."""
        body = client(api, **WHOLE)
        sent = {"external_ids": [{"system": "court", "value": "FA-18"}]}
        after = good(api.patch("ana", f"/v1/clients/{body['id']}", sent, if_match=1))
        assert after["external_ids"] == sent["external_ids"]
        client(api, external_ids=[{"system": "court", "value": "FA-17"}])
        sent = {"external_ids": [{"system": "court", "value": "FA-17"}]}
        answer = api.patch("ana", f"/v1/clients/{body['id']}", sent, if_match=after["version"])
        problem(answer, 409, "external-id-taken")

    def test_a_name_has_to_remain(self, api: Api):
        """The last name cannot be taken away."""
        body = client(api)
        answer = api.patch("ana", f"/v1/clients/{body['id']}", {"alias": None}, if_match=1)
        assert problem(answer, 422, "invalid")["errors"][0]["code"] == "name-needed"
        good(api.patch("ana", f"/v1/clients/{body['id']}", {"alias": None, "legal_name": "R. A."}, if_match=1))

    def test_needs_the_version(self, api: Api):
        """428 without, 412 with a stale one and the current ETag, and nothing changes."""
        path = f"/v1/clients/{client(api)['id']}"
        problem(api.patch("ana", path, {"alias": "Jay"}), 428, "precondition-required")
        good(api.patch("ana", path, {"alias": "Jay"}, if_match=1))
        answer = api.patch("ana", path, {"alias": "Robin"}, if_match=1)
        problem(answer, 412, "stale-version")
        assert answer.headers["etag"] == '"2"'
        assert good(api.get("ana", path))["alias"] == "Jay"

    @pytest.mark.parametrize(
        "kind", ["application/merge-patch+json", "application/json", "application/json; charset=utf-8"]
    )
    def test_takes_both_media_types(self, api: Api, kind: str):
        """application/merge-patch+json and plain JSON are the same."""
        path = f"/v1/clients/{client(api)['id']}"
        headers = {"content-type": kind}
        good(api("ana", "PATCH", path, content=b'{"alias": "Jay"}', headers=headers, if_match=1))

    @pytest.mark.parametrize(
        "member", ["id", "agency_id", "version", "restricted", "closed_at", "opened_on", "seal_rev"]
    )
    def test_nothing_else_can_be_assigned(self, api: Api, member: str):
        """Ids, version, restriction and dates of closing are nobody's to send; what no answer shows is not confirmed."""
        path, shown = f"/v1/clients/{client(api)['id']}", "*" if member == "seal_rev" else member
        problem(api.patch("ana", path, {member: None}, if_match=1), 422, "invalid", f"/{shown}")


class TestClosure:
    def test_closes_and_opens_again(self, api: Api):
        """A closed case keeps its reason, takes no new plan, and can be opened again; both twice without harm."""
        path = f"/v1/clients/{client(api)['id']}"
        for _ in range(2):
            closed = good(api.put("ana", f"{path}/closure", {"reason": "Moved away."}))
            assert (closed["status"], closed["closing_reason"], closed["version"]) == ("closed", "Moved away.", 2)
            assert closed["closed_at"]
        assert last_action(api) != "access.denied"
        problem(api.post("ana", f"{path}/plans", {"template_id": str(TEMPLATE)}), 409, "client-closed")
        for _ in range(2):
            again = good(api.delete("ana", f"{path}/closure"))
            assert (again["status"], again["closing_reason"], again["closed_at"]) == ("open", None, None)
        plan(api, path.rsplit("/", 1)[1])

    def test_needs_a_reason(self, api: Api):
        """Whoever reads the case later wants to know why."""
        path = f"/v1/clients/{client(api)['id']}/closure"
        problem(api.put("ana", path, {}), 422, "invalid", "/reason")
        problem(api.put("ana", path, {"reason": " \n "}), 422, "invalid", "/reason")

    def test_is_not_undone_by_a_patch(self, api: Api):
        """Opening again has its own address, which clears the reason."""
        path = f"/v1/clients/{client(api)['id']}"
        good(api.put("ana", f"{path}/closure", {"reason": "Moved away."}))
        answer = api.patch("ana", path, {"status": "open"}, if_match=2)
        problem(answer, 409, "client-closed")
        assert good(api.get("ana", path))["status"] == "closed"


class TestIdempotency:
    def test_a_repeated_request_makes_one_client(self, api: Api):
        """The second answer is the first client as she is today, and says that it is a replay."""
        first = api.post("ana", "/v1/clients", {"alias": "Wren"}, key="k-1")
        body = made(first, "/v1/clients")
        assert "idempotency-replayed" not in first.headers
        good(api.patch("ana", f"/v1/clients/{body['id']}", {"pronouns": "they"}, if_match=1))
        again = api.post("ana", "/v1/clients", {"alias": "Wren"}, key="k-1")
        assert again.headers["idempotency-replayed"] == "true"
        assert made(again, "/v1/clients") == body | {"pronouns": "they", "version": 2}
        assert len(good(api.get("ana", "/v1/clients"))["data"]) == 1

    def test_another_body_or_address_is_refused(self, api: Api):
        """A key belongs to one request."""
        body = made(api.post("ana", "/v1/clients", {"alias": "Wren"}, key="k-1"), "/v1/clients")
        problem(api.post("ana", "/v1/clients", {"alias": "Jay"}, key="k-1"), 422, "idempotency-key-reused")
        answer = api.patch("ana", f"/v1/clients/{body['id']}", {"alias": "Wren"}, key="k-1", if_match=1)
        problem(answer, 422, "idempotency-key-reused")

    def test_belongs_to_one_person(self, api: Api):
        """Two people may happen to use the same key."""
        ids = {
            made(api.post(who, "/v1/clients", {"alias": "Wren"}, key="k-1"), "/v1/clients")["id"]
            for who in ("ana", "ben", "other")
        }
        assert len(ids) == 3

    def test_a_failed_request_leaves_the_key_free(self, api: Api):
        """What was refused can be put right and sent again under the same key."""
        body = client(api, external_ids=[{"system": "court", "value": "FA-17"}])
        sent = {"alias": "Finch", "external_ids": [{"system": "court", "value": "FA-17"}]}
        problem(api.post("ana", "/v1/clients", sent, key="k-1"), 409, "external-id-taken")
        good(api.patch("ana", f"/v1/clients/{body['id']}", {"external_ids": []}, if_match=1))
        answer = api.post("ana", "/v1/clients", sent, key="k-1")
        assert "idempotency-replayed" not in answer.headers
        made(answer, "/v1/clients")

    def test_a_replayed_patch_changes_nothing_again(self, api: Api):
        """A retry after a lost answer is no 412: it shows what the first one made."""
        path = f"/v1/clients/{client(api)['id']}"
        good(api.patch("ana", path, {"alias": "Jay"}, if_match=1, key="k-2"))
        again = api.patch("ana", path, {"alias": "Jay"}, if_match=1, key="k-2")
        assert again.headers["idempotency-replayed"] == "true"
        assert good(again)["version"] == 2

    def test_todays_rights_hold_for_a_replay(self, api: Api):
        """Who lost sight of the client gets 404, who lost the role 403; never the kept answer."""
        body = made(api.post("ana", "/v1/clients", {"alias": "Wren"}, key="k-1"), "/v1/clients")
        rows = good(api.get("sol", f"/v1/clients/{body['id']}/assignments"))["data"]
        api.delete("sol", f"/v1/assignments/{rows[0]['id']}?leave_unassigned=true")
        same_refusal(api.post("ana", "/v1/clients", {"alias": "Wren"}, key="k-1"))
        user = f"/v1/users/{api.world.people['ana'].actor.id}"
        good(api.patch("ada", user, {"roles": ["auditor"]}, if_match=1))
        problem(api.post("ana", "/v1/clients", {"alias": "Wren"}, key="k-1"), 403, "forbidden")

    @pytest.mark.parametrize("key", ["", " ", "two words", "k" * 256, "tab\tbed", "é"])
    def test_an_odd_key_is_refused(self, api: Api, key: str):
        """A key is 1 to 255 visible ASCII characters."""
        headers = {"idempotency-key": key.encode("latin-1")}
        answer = api.post("ana", "/v1/clients", {"alias": "Wren"}, headers=headers)
        problem(answer, 422, "invalid", "/headers/idempotency-key")
        assert good(api.get("ana", "/v1/clients"))["data"] == []
