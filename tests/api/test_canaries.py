"""Canary clients: they look like anybody, and opening one raises an alarm."""

import json
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa
from prometheus_client import REGISTRY
from pydantic import ValidationError

from api import alarms
from api.settings import Environment, Settings
from models.access import Permission, Role
from models.base import table_of
from models.client import Client
from models.database import Database
from models.ledger import book
from models.vault.keys import DataKey, Vault
from tests.api.contract import NOWHERE, client, cursor_of, good, plan, problem, same_refusal, walk
from tests.api.test_walls import give, wall_off
from tests.conftest import Api, service
from tests.factories import behind
from tests.postgres import Urls
from tests.world import World

SAID = {"kind", "agency", "actor", "request_id", "sequence", "at"}
NAME = "Teal-7f31"


class Receiver:
    """Whoever is called when an alarm is raised: a real server on this machine."""

    def __init__(self) -> None:
        self.bodies: list[tuple[float, dict[str, Any]]] = []
        self.failing = 0
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                if outer.failing:
                    outer.failing -= 1
                    self.send_response(503)
                else:
                    outer.bodies.append((time.monotonic(), json.loads(body)))
                    self.send_response(204)
                self.end_headers()

            def log_message(self, *_: Any) -> None: ...

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/alarms?team=harbor"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def wait(self, count: int, seconds: float = 10.0) -> list[dict[str, Any]]:
        until = time.monotonic() + seconds
        while len(self.bodies) < count and time.monotonic() < until:
            time.sleep(0.01)
        return [body for _, body in self.bodies]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    made = Receiver()
    yield made
    made.server.shutdown()
    made.server.server_close()


def canary(api: Api, **values: Any) -> str:
    """A new canary's id."""
    body = {"alias": NAME, "contact": {"phone": "+1 202 555 0187", "warning": "Never after six"}} | values
    made = good(api.post("ada", "/v1/canaries", body), 201)
    assert set(made) == {"id", "created_at"}
    return str(made["id"])


def alarms_in(world: World) -> list[dict[str, Any]]:
    """The entries that hold an alarm about a canary."""
    return [e for e in world.entries() if any(a["action"] == "alarm.canary_opened" for a in e.get("also", []))]


def lines(said: str) -> list[dict[str, Any]]:
    """The alarms of the log."""
    read = [json.loads(line) for line in said.splitlines() if line.startswith("{")]
    return [line for line in read if line["event"] == "alarm"]


class TestAlarm:
    def test_attack_70_opening_a_canary_raises_an_alarm_within_a_second(
        self, capfd: pytest.CaptureFixture[str], world: World, receiver: Receiver
    ):
        """In the entry, in the log, in the numbers and at whoever is to be called; without a name, and whoever opened
        her sees a client like any other."""
        with service(world, alarm_url=receiver.url) as api:
            one, real = canary(api), client(api, contact={"warning": "Never after six"})["id"]
            plain = good(api.get("sol", f"/v1/clients/{real}"))
            time.sleep(0.2)
            assert not receiver.bodies
            counted = _counted()
            began = time.monotonic()
            answer = api.get("sol", f"/v1/clients/{one}")
            (said,) = receiver.wait(1)
            assert receiver.bodies[0][0] - began < 1.0
            shown = good(answer)
            assert shown.keys() == plain.keys()
            assert shown["alias"] == NAME
            assert answer.headers.keys() == api.get("sol", f"/v1/clients/{real}").headers.keys()
            assert _counted() == counted + 1
        (entry,) = alarms_in(world)
        assert (entry["action"], entry["client"], entry["outcome"]) == ("client.read", one, "ok")
        sol = world.people["sol"].actor
        assert set(said) == SAID
        assert said | {"at": ""} == {
            "kind": "canary_opened",
            "agency": str(sol.agency_id),
            "actor": str(sol.id),
            "request_id": answer.headers["x-request-id"],
            "sequence": entry["seq"],
            "at": "",
        }
        log = "".join(capfd.readouterr())
        (line,) = lines(log)
        assert (line["level"], line["kind"], line["actor"]) == ("warning", "canary_opened", str(sol.id))
        assert (line["request_id"], line["sequence"]) == (answer.headers["x-request-id"], entry["seq"])
        assert NAME not in log + json.dumps(said)
        assert one not in log + json.dumps(said)

    @pytest.mark.parametrize("known", [True, False])
    def test_any_process_knows_a_canary_by_her_key(self, api: Api, urls: Urls, vault: Vault, *, known: bool):
        """A process that never heard of her, and one that has opened her before; from any of her sealed rows."""
        one = canary(api)
        plan_id = plan(api, _assigned(api, one))["id"]
        good(api.patch("ana", f"/v1/plans/{plan_id}", {"facts": {"trusted_neighbor": "Mr Alder"}}, if_match=1))
        before = len(alarms_in(api.world))
        other = Database(urls.app, vault if known else Vault(vault.root, vault.service))
        world = replace(api.world, database=other)
        raised = []
        other.watch.tell = raised.append
        with service(world) as there:
            other.watch.tell = raised.append
            good(there.get("ana", f"/v1/plans/{plan_id}"))
        other.engine.dispose()
        assert [alarm.kind for alarm in raised] == ["canary_opened"]
        assert len(alarms_in(api.world)) == before + 1

    def test_a_command_that_opens_her_raises_it_too(self, api: Api):
        """Anybody: whoever reads every record from the command line opens her as well."""
        one = UUID(canary(api))
        told = []
        api.world.database.watch.tell = told.append
        assert api.world.system(lambda db: db.find(Client, one).alias) == NAME
        assert [alarm.kind for alarm in told] == ["canary_opened"]

    def test_no_alarm_before_the_commit_nor_for_what_was_undone(self, world: World, monkeypatch: pytest.MonkeyPatch):
        """An alarm is about an entry that is kept."""
        told = []
        world.database.watch.tell = told.append
        one = world.run(
            "ada", Permission.CANARY_CREATE, lambda db: Client.canary(db, alias=NAME, opened_on=date(2027, 1, 4))
        )

        def full(*_: Any) -> int:
            raise RuntimeError

        with monkeypatch.context() as patch, pytest.raises(RuntimeError):
            patch.setattr(book, "append", full)
            world.run("sol", Permission.CLIENT_READ, lambda db: db.find(Client, one).alias)
        assert not told
        assert not alarms_in(world)

    def test_a_list_that_shows_her_raises_none(self, api: Api):
        """A supervisor looks at her list every morning; what says something is whom she opens from it."""
        one = canary(api)
        real = client(api)["id"]
        told = []
        api.world.database.watch.tell = told.append
        rows = good(api.get("sol", "/v1/caseload?scope=agency"))["data"]
        assert {row["client_id"] for row in rows} == {one, real}
        assert len({tuple(sorted(row)) for row in rows}) == 1
        assert len(good(api.get("sol", "/v1/clients"))["data"]) == 2
        assert not told
        assert not alarms_in(api.world)
        good(api.get("sol", f"/v1/clients/{one}/access-history"))
        assert not told

    def test_a_receiver_that_is_away_is_asked_again(
        self, world: World, receiver: Receiver, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
    ):
        """Some seconds later; what cannot be told at all is said in the log, without the address."""
        monkeypatch.setattr(alarms, "PAUSES", (0.0, 0.05, 0.05))
        receiver.failing = 2
        with service(world, alarm_url=receiver.url) as api:
            one = canary(api)
            good(api.get("sol", f"/v1/clients/{one}"))
            assert len(receiver.wait(1)) == 1
            receiver.failing = 1_000
            good(api.get("sol", f"/v1/clients/{one}"))
        said = "".join(capfd.readouterr())
        assert '"alarm.unsent"' in said
        assert "status 503" in said
        assert "team=harbor" not in said
        assert len(receiver.bodies) == 1

    def test_the_request_does_not_wait_for_the_receiver(self, world: World):
        """Nobody listens there, and nobody notices."""
        with service(world, alarm_url="http://127.0.0.1:9/") as api:
            one = canary(api)
            began = time.monotonic()
            good(api.get("sol", f"/v1/clients/{one}"))
            assert time.monotonic() - began < 1.0


class TestPlanting:
    def test_is_an_admins_work_and_she_gets_the_id_only(self, api: Api):
        """She sees no client, this one neither."""
        one = canary(api)
        problem(api.get("ada", f"/v1/clients/{one}"), 403, "forbidden")
        for who in ("ana", "sol", "aud"):
            problem(api.post(who, "/v1/canaries", {"alias": "Teal"}), 403, "forbidden")
            problem(api.get(who, "/v1/canaries"), 403, "forbidden")
        problem(api.post("ada", "/v1/canaries", {"pronouns": "she"}), 422, "invalid")
        problem(api.get("ana", f"/v1/clients/{one}"), 404, "not-found")  # assigned to nobody

    def test_the_list_names_them_page_by_page(self, api: Api):
        """By id, each once; the entry of the look names none."""
        client(api)
        wanted = sorted(canary(api) for _ in range(3))
        assert [row["id"] for row in walk(api, "ada", "/v1/canaries", 2)] == wanted
        assert cursor_of(api.get("ada", "/v1/canaries?limit=1"))
        entry = api.world.entries()[-1]
        assert entry["action"] == "canary.listed"
        assert entry["object"] == {"t": "data_keys", "count": 0, "ids": []}

    def test_a_repeated_request_makes_one(self, api: Api):
        """With the same Idempotency-Key."""
        body = {"alias": "Teal"}
        answers = [good(api.post("ada", "/v1/canaries", body, key="plant-1"), 201) for _ in range(2)]
        assert answers[0]["id"] == answers[1]["id"]
        assert len(good(api.get("ada", "/v1/canaries"))["data"]) == 1

    def test_nothing_in_her_record_tells(self, api: Api):
        """Her row, her answer and the word of the entry that made her are a client's."""
        one, real = canary(api), client(api)["id"]
        by_action = {e["client"]: e for e in api.world.entries() if e["action"] == "client.created"}
        assert by_action.keys() == {one, real}
        shown = [good(api.get("sol", f"/v1/clients/{each}")) for each in (one, real)]
        assert shown[0].keys() == shown[1].keys()
        assert "canary" not in json.dumps(shown[0]).lower()

    def test_her_key_cannot_be_made_an_ordinary_one(self, api: Api, urls: Urls):
        """The purpose is part of what the wrap is bound to: whoever edits it in the database opens nothing."""
        one = canary(api)
        keys = table_of(DataKey)
        with behind(urls.superuser) as connection:
            changed = connection.execute(sa.update(keys).where(keys.c.subject_id == UUID(one)).values(purpose="client"))
            assert changed.rowcount == 1
        api.world.database.vault.forget()
        problem(api.get("sol", f"/v1/clients/{one}"), 500, "sealed-data-damaged")


class TestTheSetting:
    @pytest.mark.parametrize(
        "url",
        [
            "https://alarm.example/x",
            "https://alarm.example:8443/?k=1",
            "http://127.0.0.1:9/",
            "http://[::1]:9/",
            "http://localhost/",
        ],
    )
    def test_https_or_this_machine(self, url: str):
        """Kept as it is."""
        assert Settings(env=Environment.TEST, alarm_url=url).alarm_url == url

    @pytest.mark.parametrize(
        "url",
        [
            "http://alarm.example/", "http://192.0.2.7/", "ftp://alarm.example/", "alarm.example", "", "https://",
            "file:///etc/passwd", "https://u:p@alarm.example/", "https://alarm.example:99999/", "http://localhost.example/",
        ],
    )  # fmt: skip
    def test_anything_else_is_refused(self, url: str):
        """Before the service starts."""
        with pytest.raises(ValidationError):
            Settings(env=Environment.TEST, alarm_url=url)


def _assigned(api: Api, client_id: str) -> str:
    """A supervisor takes her for somebody real and assigns her."""
    good(
        api.post("sol", f"/v1/clients/{client_id}/assignments", {"user_id": str(api.world.people["ana"].actor.id)}), 201
    )
    return client_id


def _counted() -> float:
    return REGISTRY.get_sample_value("waypost_alarms_total", {"kind": "canary_opened"}) or 0.0


class TestBehindAWall:
    def test_a_walled_admin_does_not_find_her_and_learns_nothing(self, api: Api):
        """In the list, page by page, she is as if she had never been planted; by id she answers as nobody; for another
        admin she is there. What a repeated request is answered tells no more."""
        key = {"alias": NAME}
        first = good(api.post("ada", "/v1/canaries", key, key="plant-1"), 201)["id"]
        rest = sorted(canary(api) for _ in range(2))
        wall_off(api, first, "ada")
        assert [row["id"] for row in walk(api, "ada", "/v1/canaries", 1)] == rest
        same_refusal(
            api.put("ada", f"/v1/clients/{first}/own-wall"),
            api.put("ada", f"/v1/clients/{NOWHERE}/own-wall"),
            api.post("ada", "/v1/canaries", key, key="plant-1"),
        )
        give(api, "sol", Role.AGENCY_ADMIN)
        assert [row["id"] for row in good(api.get("sol", "/v1/canaries"))["data"]] == sorted([first, *rest])
        assert first not in api.get("ada", "/v1/unattended-clients").text

    def test_she_is_walled_and_covered_as_anybody(self, api: Api):
        """A proposal about a canary is one about a client; whoever is behind it opens her no more, and raises nothing."""
        one = canary(api)
        wall_off(api, one, "sol")
        before = len(alarms_in(api.world))
        same_refusal(api.get("sol", f"/v1/clients/{one}"), api.get("sol", f"/v1/clients/{NOWHERE}"))
        assert one not in api.get("sol", "/v1/caseload?scope=agency").text
        assert len(alarms_in(api.world)) == before

    def test_a_repeated_request_is_not_answered_with_another_one(self, api: Api):
        """Her record was destroyed meanwhile: a new one is planted, and the next in the list is not shown for her."""
        one = good(api.post("ada", "/v1/canaries", {"alias": NAME}, key="plant-1"), 201)["id"]
        other = canary(api)
        asked = {"what": "everything", "reason": "entered_by_mistake"}
        proposal = good(api.post("sol", f"/v1/clients/{one}/destruction", asked), 201)["id"]
        good(api.put("ada", f"/v1/destructions/{proposal}/approval"))
        again = [good(api.post("ada", "/v1/canaries", {"alias": NAME}, key="plant-1"), 201)["id"] for _ in range(2)]
        assert again[0] == again[1]
        assert again[0] not in (one, other)
