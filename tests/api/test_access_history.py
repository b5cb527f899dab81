"""Who has seen a client's record, in words to read to her."""

from typing import Any
from uuid import UUID

import pytest

from api import history_words
from models.access import Kind, Permission, Role
from models.client import Client
from models.ledger.action import Action
from tests.api.contract import NOWHERE, client, cursor_of, good, plan, problem, refused_cursor, same_refusal, walk
from tests.conftest import Api
from tests.factories import OF_CLIENTS, doer, operations, stage

SHAPE = {"sequence", "at", "who", "role", "what", "why", "outcome"}
#: What is never about one client. An action with another first word needs words, or a place here.
NOT_ABOUT_CLIENTS = {
    "agency", "alarm", "audit", "backup", "canary", "checkpoint_key", "factor", "factor_reset", "grants", "identity",
    "identity_provider", "integration", "integration_secret", "invitation", "library", "local_sign_in",
    "password_reset", "recovery_code", "recovery_codes", "search_index", "session", "setup_link", "team", "template",
    "template_version", "user",
}  # fmt: skip


def path(client_id: str, **query: Any) -> str:
    more = "&".join(f"{name}={value}" for name, value in query.items())
    return f"/v1/clients/{client_id}/access-history" + (f"?{more}" if more else "")


def told(api: Api, client_id: str, who: str = "ana", **query: Any) -> list[tuple[str, str]]:
    """(name, what) newest first."""
    return [(row["who"]["name"], row["what"]) for row in good(api.get(who, path(client_id, **query)))["data"]]


class TestWords:
    def test_every_action_about_a_client_has_words_in_both_languages(self):
        """An action that comes later needs them too, or is said to be about no client."""
        about = {action for action in Action if action.partition(".")[0] not in NOT_ABOUT_CLIENTS}
        about -= {Action.KEYS_EPOCH_DESTROYED, Action.KEYS_MOVED, Action.KEYS_ROTATED, Action.KEYS_ROTATION_BEGUN}
        about -= {Action.KEYS_PEPPER_ROTATED, Action.KEYS_TOKENS_ROTATED}
        about -= {Action.BREAK_GLASS_TRIED, Action.CONFLICT_CHECK_ASKED}  # nobody has been found yet
        assert about == set(history_words.DID), "edit api/history_words.py"
        pairs = [*history_words.DID.values(), *history_words.ROLES.values(), *history_words.REASONS.values()]
        pairs += history_words.MACHINERY.values()
        assert all(len(text) > 5 for pair in pairs for text in pair)
        assert all(english != spanish for english, spanish in pairs)
        assert set(history_words.ROLES) == set(Role)
        assert set(history_words.MACHINERY) == set(Kind) - {Kind.PERSON, Kind.NOBODY, Kind.INTEGRATION}

    def test_whatever_the_service_does_with_a_client_has_words(self, api: Api):
        """Every operation made once: no entry that names a client lacks words."""
        for operation in operations(api.client.app):
            scene = stage(api)
            scene.prepare(operation)
            scene.send(operation, doer(operation))
            api._tokens.clear()
        about = [entry for entry in api.world.entries() if entry["client"] or "clients" in entry]
        actions = {a for e in about for a in (e["action"], *(also["action"] for also in e.get("also", [])))}
        assert len(actions) > 20
        assert actions <= set(history_words.DID), "edit api/history_words.py"


class TestHistory:
    def test_says_who_when_what_in_which_role_and_why_newest_first(self, api: Api):
        """Everything that concerned her record, this question included the next time."""
        one = client(api)["id"]
        plan(api, one)
        good(api.get("sol", f"/v1/clients/{one}"))
        answer = api.get("ana", path(one))
        body = good(answer)
        assert answer.headers["content-language"] == "en"
        assert [(row["who"]["name"], row["role"], row["what"], row["why"], row["outcome"]) for row in body["data"]] == [
            ("Sol", "supervisor", "opened the record", "supervises the cases of the agency", "ok"),
            ("Ana", "advocate", "began a safety plan", "was assigned to the case", "ok"),
            (
                "Ana",
                "advocate",
                "began the record; assigned somebody to the case",
                "was assigned to the case",
                "ok",
            ),
        ]
        assert all(set(row) == SHAPE and set(row["who"]) == {"kind", "id", "name"} for row in body["data"])
        assert body["data"][0]["who"]["id"] == str(api.world.people["sol"].actor.id)
        by_number = {entry["seq"]: entry for entry in api.world.entries()}
        assert [by_number[row["sequence"]]["req"] != "" for row in body["data"]] == [True] * 3
        assert told(api, one)[0] == ("Ana", "looked at who had opened the record")

    def test_in_spanish_for_whoever_asks_in_spanish(self, api: Api):
        """The header says so."""
        one = client(api)["id"]
        answer = api.get("ana", path(one), headers={"accept-language": "es-MX,es;q=0.9,en;q=0.5"})
        row = good(answer)["data"][0]
        assert (row["role"], row["what"], row["why"]) == (
            "persona que asesora",
            "inició el expediente; asignó a alguien al caso",
            "tenía asignado el caso",
        )
        assert (answer.headers["content-language"], answer.headers["vary"]) == ("es", "Accept-Language")

    def test_a_list_that_showed_her_is_in_it_and_one_that_did_not_is_not(self, api: Api):
        """The caseload names its clients; the other client's entries are hers alone."""
        one, two = client(api)["id"], client(api)["id"]
        theirs = client(api, "ben")["id"]
        good(api.get("ana", "/v1/caseload"))
        good(api.get("ben", "/v1/caseload"))
        good(api.get("sol", "/v1/caseload?scope=agency"))
        good(api.get("ana", f"/v1/clients/{two}"))
        seen = ("saw the name in a list of cases", "began the record; assigned somebody to the case")
        assert told(api, one) == [("Sol", seen[0]), ("Ana", seen[0]), ("Ana", seen[1])]
        assert told(api, theirs, "ben") == [("Sol", seen[0]), ("Ben", seen[0]), ("Ben", seen[1])]

    def test_whoever_was_refused_is_in_it_whatever_of_hers_was_asked_for(self, api: Api):
        """Her record, her plan, a section, an item, a review, an assignment."""
        scene, other = stage(api), stage(api)
        asked = [o for o in operations(api.client.app) if o.method == "GET" and OF_CLIENTS & {*o.parameters}]
        asked += [o for o in operations(api.client.app) if o.method == "DELETE" and OF_CLIENTS & {*o.parameters}]
        asked = [o for o in asked if "user_id" not in o.parameters]  # named with somebody else: found by neither id
        asked += [o for o in operations(api.client.app) if o.name == "PATCH /v1/plan-sections/{section_id}"]
        assert {p for o in asked for p in o.parameters} == OF_CLIENTS
        for operation in asked:
            assert scene.send(operation, "ben").status_code in (403, 404)
        rows = good(api.get("ana", path(scene.ids["client_id"], limit=200)))["data"]
        refused = [row for row in rows if row["outcome"] == "denied"]
        assert len(refused) == len(asked)
        assert {(row["who"]["name"], row["what"], row["why"]) for row in refused} == {
            ("Ben", "asked for something in the record and was refused", None)
        }
        rows = good(api.get("ana", path(other.ids["client_id"], limit=200)))["data"]
        assert not [row for row in rows if row["outcome"] == "denied"]

    def test_machinery_is_named_in_plain_words(self, api: Api):
        """What no person did has no person's id."""
        one = client(api)["id"]
        api.world.system(lambda db: db.find(Client, UUID(one)).alias)
        row = good(api.get("ana", path(one)))["data"][0]
        assert row["who"] == {"kind": "system", "id": None, "name": "Waypost itself, on its own schedule"}
        assert (row["role"], row["what"], row["why"]) == (
            None,
            "saw something in the record",
            "part of running Waypost",
        )

    def test_only_what_was_shown(self, api: Api):
        """Neither changes that showed nothing, nor refusals."""
        one = client(api)["id"]
        good(api.get("ana", f"/v1/clients/{one}"))
        api.get("ben", f"/v1/clients/{one}")
        good(api.get("ana", "/v1/caseload"))
        shown = [("Ana", "saw the name in a list of cases"), ("Ana", "opened the record")]
        assert told(api, one, opened_only="true") == shown

    def test_a_purpose_given_is_the_reason(self):
        """When an entry says why, that is what is told."""
        entry = {"outcome": "ok", "who": {"kind": "person", "role": "advocate"}, "why": {"purpose": "cover for Ana"}}
        assert history_words.why(entry, "en") == "cover for Ana"

    def test_pages_show_every_entry_once(self, api: Api):
        """Newest first, although each page read adds one."""
        one = client(api)["id"]
        for _ in range(5):
            good(api.get("ana", f"/v1/clients/{one}"))
            api.get("ben", f"/v1/clients/{one}")
        whole = [e["seq"] for e in api.world.entries() if e["client"] == one or one in e["object"].get("ids", ())]
        for limit in (1, 3, 200):
            pages = walk(api, "sol", path(one), limit)
            seen = [row["sequence"] for row in pages if "looked at who" not in row["what"]]
            assert seen == whole[::-1]

    def test_reading_it_is_an_entry_with_what_was_opened(self, api: Api):
        """The names of the staff it shows were opened for her."""
        one = client(api)["id"]
        good(api.get("ana", path(one)))
        entry = api.world.entries()[-1]
        assert (entry["action"], entry["client"]) == ("client.access_history_read", one)
        assert [(o["t"], o["fields"]) for o in entry["opened"]] == [("users", ["display_name"])]

    def test_of_a_client_in_sight_only(self, api: Api):
        """Out of sight, foreign, unknown: one answer; roles without clients: 403."""
        one, theirs = client(api)["id"], client(api, "other")["id"]
        same_refusal(api.get("ben", path(one)), api.get("ben", path(theirs)), api.get("ben", path(NOWHERE)))
        for who in ("aud", "ada"):
            problem(api.get(who, path(one)), 403, "forbidden")

    def test_a_cursor_fits_one_clients_history(self, api: Api):
        """Another client's, another filter's: refused."""
        one, two = client(api)["id"], client(api)["id"]
        good(api.get("ana", f"/v1/clients/{one}"))
        cursor = cursor_of(api.get("ana", path(one, limit=1)))
        refused_cursor(api.get("ana", path(two, limit=1, cursor=cursor)))
        refused_cursor(api.get("ana", path(one, limit=1, opened_only="true", cursor=cursor)))


class TestEntriesNameTheirClients:
    def test_a_list_is_found_by_each_of_its_clients(self, api: Api):
        """GET /v1/audit-events?subject= finds the caseload; the entry says it once."""
        one, two = client(api)["id"], client(api)["id"]
        good(api.get("ana", "/v1/caseload"))
        for each in (one, two):
            rows = good(api.get("aud", f"/v1/audit-events?subject={each}"))["data"]
            assert [row["action"] for row in rows] == ["client.created", "caseload.read"]
        assert "clients" not in api.world.entries()[-3]  # its object is exactly those clients

    def test_what_was_opened_beside_the_first_fact_is_said(self, api: Api):
        """A unit that notes one thing and opens several clients names them all, in its entry and for the search."""
        ids = sorted(UUID(client(api)["id"]) for _ in range(3))

        def work(db: Any) -> None:
            db.record(Action.CLIENT_READ, db.find(Client, ids[0]))
            assert [db.find(Client, one).alias for one in ids] == ["Wren"] * 3

        api.world.run("sol", Permission.CLIENT_READ, work)
        entry = api.world.entries()[-1]
        assert entry["client"] == str(ids[0])
        assert entry["clients"] == {"t": "clients", "count": 3, "ids": [str(one) for one in ids]}
        for one in ids:
            assert good(api.get("aud", f"/v1/audit-events?subject={one}"))["data"][-1]["sequence"] == entry["seq"]

    def test_more_than_200_are_counted_and_digested_and_still_found(self, api: Api):
        """As objects are."""
        ids = [api.world.client() for _ in range(201)]

        def work(db: Any) -> None:
            db.record(Action.CLIENT_READ, db.find(Client, ids[0]))
            assert len([db.find(Client, one).alias for one in ids]) == 201

        api.world.run("sol", Permission.CLIENT_READ, work)
        entry = api.world.entries()[-1]
        assert entry["clients"].keys() == {"t", "count", "digest"}
        assert entry["clients"]["count"] == 201
        rows = good(api.get("aud", f"/v1/audit-events?subject={ids[77]}"))["data"]
        assert rows[-1]["sequence"] == entry["seq"]

    def test_bytes_astride_two_ids_are_nobodys(self, api: Api):
        """A search by an id that only appears across the border of two finds nothing."""
        client(api)
        client(api)
        good(api.get("ana", "/v1/caseload"))
        ids = sorted(UUID(i).bytes for i in api.world.entries()[-1]["object"]["ids"])
        astride = UUID(bytes=(ids[0] + ids[1])[8:24])
        assert good(api.get("aud", f"/v1/audit-events?subject={astride}"))["data"] == []

    @pytest.mark.parametrize("who", ["ana", "ben"])
    def test_an_entry_about_one_client_says_it_once(self, api: Api, who: str):
        """No second list, no bytes in the column."""
        one = client(api, who)["id"]
        good(api.get(who, f"/v1/clients/{one}"))
        assert "clients" not in api.world.entries()[-1]
