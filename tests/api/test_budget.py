"""How many distinct clients one person may open in an hour."""

import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa

from api import worker
from api.settings import Environment, Settings
from models import watch
from models.access import Permission
from models.base import table_of
from models.client import Client
from models.database import Database
from models.errors import TooManyClients
from models.ledger import book
from models.vault.keys import Vault
from models.watch import HOUR, ClientOpening
from models.workspace import Workspace
from tests.api.contract import client, good, problem
from tests.api.test_canaries import Receiver, receiver  # noqa: F401 - a fixture
from tests.conftest import Api, service
from tests.factories import behind
from tests.postgres import Urls
from tests.world import World

_O = table_of(ClientOpening)


@pytest.fixture(autouse=True)
def _one_hour() -> None:
    """No test here begins just before an hour ends."""
    left = HOUR - time.time() % HOUR
    if left < 60:
        time.sleep(left + 0.1)


@pytest.fixture
def few(world: World) -> Iterator[Api]:
    """The service with room for three clients an hour, and for thirty in lists."""
    with service(world, clients_an_hour=3) as api:
        yield api


def denials(world: World) -> list[dict[str, Any]]:
    return [e for e in world.entries() if e["code"] == "too-many-clients"]


class TestBudget:
    def test_attack_74_who_opens_one_after_the_other_is_stopped_with_an_alarm(
        self,
        world: World,
        receiver: Receiver,  # noqa: F811
    ):
        """429 with Retry-After, an entry with the alarm in it, one call; no byte of the client, no disclosure."""
        ids = [world.client(alias=f"Wren-{n}") for n in range(5)]
        with service(world, clients_an_hour=3, alarm_url=receiver.url) as api:
            for one in ids[:3]:
                good(api.get("ana", f"/v1/clients/{one}"))
            for one in ids[3:]:
                answer = api.get("ana", f"/v1/clients/{one}")
                problem(answer, 429, "too-many-clients")
                assert 0 < int(answer.headers["retry-after"]) <= HOUR
                assert "Wren" not in answer.text
            (said,) = receiver.wait(1)
            good(api.get("ana", f"/v1/clients/{ids[0]}"))  # those she has opened stay open to her
            time.sleep(0.2)
            assert len(receiver.bodies) == 1  # the second refusal has its entry, and nobody is called again
        ana = str(world.people["ana"].actor.id)
        assert (said["kind"], said["actor"]) == ("many_clients_opened", ana)
        first, second = denials(world)
        assert said["sequence"] == first["seq"]
        assert (first["action"], first["outcome"], first["who"]["id"]) == ("access.denied", "denied", ana)
        assert first["object"]["ids"] == [str(ids[3])]
        assert first["also"] == [
            {
                "action": "alarm.many_clients_opened",
                "object": {"t": "users", "count": 1, "ids": [ana], "counts": {"clients": 4}},
            }
        ]
        assert "opened" not in first | second
        assert second["object"]["ids"] == [str(ids[4])]

    def test_attack_74_with_two_processes_at_once(self, world: World, urls: Urls, vault: Vault):
        """Two databases' objects, eight threads, sixteen clients, room for five: exactly five are opened."""
        ids = [world.client() for _ in range(16)]
        two = [Database(urls.app, Vault(vault.root, vault.service)) for _ in range(2)]
        worlds = [replace(world, database=database) for database in two]
        for database in two:
            database.watch.most = 5
        opened: list[UUID] = []
        refused: list[UUID] = []

        def read(n: int, one: UUID) -> None:
            try:
                worlds[n % 2].run("ana", Permission.CLIENT_READ, lambda db: db.find(Client, one).alias)
                opened.append(one)
            except TooManyClients:
                refused.append(one)

        threads = [threading.Thread(target=lambda n=n: [read(n, one) for one in ids[n::8]]) for n in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert (len(opened), len(refused)) == (5, 11)
        assert len(denials(world)) == 11
        for n in range(2):  # whoever has been opened is open in both
            for one in opened[:5]:
                read(n, one)
        assert (len(opened), len(refused)) == (15, 11)
        for database in two:
            database.engine.dispose()

    def test_a_restart_forgets_nothing(self, world: World, urls: Urls, vault: Vault):
        """The count stands in the database."""
        ids = [world.client() for _ in range(4)]
        with service(world, clients_an_hour=3) as api:
            for one in ids[:3]:
                good(api.get("ana", f"/v1/clients/{one}"))
        fresh = Database(urls.app, vault)
        with service(replace(world, database=fresh), clients_an_hour=3) as api:
            good(api.get("ana", f"/v1/clients/{ids[1]}"))
            problem(api.get("ana", f"/v1/clients/{ids[3]}"), 429, "too-many-clients")
        fresh.engine.dispose()

    def test_lists_have_a_budget_of_their_own(self, few: Api):
        """Ten times as many; a page of one client is an opening."""
        for _ in range(30):
            few.world.client()
        rows = good(few.get("ana", "/v1/caseload?limit=200"))["data"]
        assert len(rows) == 30
        good(few.get("ana", f"/v1/clients/{rows[0]['client_id']}"))
        few.world.client()
        problem(few.get("ana", "/v1/caseload?limit=200"), 429, "too-many-clients")
        cursor, seen = "", 0
        while seen < 5:
            answer = few.get("ana", f"/v1/caseload?limit=1{cursor}")
            if answer.status_code == 429:
                break
            seen, cursor = seen + 1, f"&cursor={good(answer)['page']['next_cursor']}"
        assert seen == 3

    def test_everybody_has_her_own_and_machinery_none(self, few: Api):
        """What ana opened is not sol's; another agency's person neither; a command opens all."""
        ids = [few.world.client() for _ in range(4)]
        for who in ("ana", "sol"):
            for one in ids[:3]:
                good(few.get(who, f"/v1/clients/{one}"))
            problem(few.get(who, f"/v1/clients/{ids[3]}"), 429, "too-many-clients")
        theirs = client(few, "other")["id"]
        good(few.get("other", f"/v1/clients/{theirs}"))
        for one in ids:
            few.world.system(lambda db, one=one: db.find(Client, one).alias)

    def test_the_next_hour_begins_anew(self, few: Api, monkeypatch: pytest.MonkeyPatch):
        """By the clock; what is over is swept away by the worker."""
        ids = [few.world.client() for _ in range(4)]
        for one in ids[:3]:
            good(few.get("ana", f"/v1/clients/{one}"))
        answer = few.get("ana", f"/v1/clients/{ids[3]}")
        assert abs(int(answer.headers["retry-after"]) - (HOUR - time.time() % HOUR)) < 5
        made = Workspace.__init__

        def later(self: Workspace, *given: Any) -> None:
            made(self, *given)
            self.now = datetime.fromtimestamp(self.now.timestamp() + HOUR, self.now.tzinfo)

        with monkeypatch.context() as patch:
            patch.setattr(Workspace, "__init__", later)
            good(few.get("ana", f"/v1/clients/{ids[3]}"))
            done = worker.round_of_chores(few.world.database)
        assert (done["forget-client-openings"], done["failed"]) == (3, 0)

    def test_what_was_undone_is_neither_counted_nor_remembered(
        self, few: Api, urls: Urls, monkeypatch: pytest.MonkeyPatch
    ):
        """A unit that fails after it was counted leaves no row, and the process does not believe there is one."""
        ids = [few.world.client() for _ in range(4)]

        def full(*_: Any) -> int:
            raise RuntimeError

        with monkeypatch.context() as patch, pytest.raises(RuntimeError):
            patch.setattr(book, "append", full)
            few.world.run("ana", Permission.CLIENT_READ, lambda db: db.find(Client, ids[0]).alias)
        for one in ids[1:]:
            good(few.get("ana", f"/v1/clients/{one}"))
        problem(few.get("ana", f"/v1/clients/{ids[0]}"), 429, "too-many-clients")
        with behind(urls.superuser) as connection:
            kept = connection.execute(sa.select(_O.c.subject_id, _O.c.listed)).all()
        assert {row.subject_id for row in kept} == set(ids[1:])

    def test_the_second_opening_asks_the_database_nothing(self, few: Api, monkeypatch: pytest.MonkeyPatch):
        """No row, no count: what is known to be there is known."""
        ids = [few.world.client() for _ in range(3)]
        for one in ids:
            good(few.get("ana", f"/v1/clients/{one}"))
        good(few.get("ana", "/v1/caseload"))
        asked: list[str] = []
        monkeypatch.setattr(Workspace, "hold", lambda self, name: asked.append("hold"))
        monkeypatch.setattr(watch._ADD, "run", lambda db, rows: asked.append("add"))
        monkeypatch.setattr(watch._COUNT, "run", lambda db, params: asked.append("count"))
        for one in ids:
            good(few.get("ana", f"/v1/clients/{one}"))
        good(few.get("ana", "/v1/caseload"))
        assert not asked

    def test_the_setting_is_a_number(self):
        """120 unless said otherwise."""
        assert Settings(env=Environment.TEST).clients_an_hour == 120
        for wrong in (0, -1, 1_000_001):
            with pytest.raises(ValueError, match="clients_an_hour"):
                Settings(env=Environment.TEST, clients_an_hour=wrong)
