"""Faults while serving: database busy, gone, replaced. What was acknowledged is there, with its entry, once.

Killed: `test_kills.py`.
"""

import contextlib
import shutil
import sqlite3
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import httpx2
import orjson
import pytest

from models.client import clients_of
from models.ledger import book
from models.vault.keys import Vault
from models.workspace import Workspace
from tests import world as worlds
from tests.cli.program import PATIENCE, Program, Writers
from tests.postgres import Postgres
from tests.world import World

SQLITE = pytest.mark.parametrize("kind", ["sqlite"])


def _clients_and_entries(db: Workspace) -> tuple[set[UUID], Counter[UUID]]:
    made: Counter[UUID] = Counter()
    for _, stored in book.entries(db):
        entry = orjson.loads(stored)
        if entry["action"] == "client.created":
            made.update(UUID(i) for i in entry["object"]["ids"])
    return {client.id for client in clients_of(db, [], 1_000_000, None)}, made


@SQLITE
def test_busy_file(program: Program) -> None:
    """Another process writes for longer than we wait: 503 with Retry-After, and afterwards all is well by itself."""
    with program.serving() as service, service.sign_in() as client:
        other = sqlite3.connect(program.folder / "waypost.db", isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        before = time.monotonic()
        answer = client.post("/v1/clients", json={"alias": "Wren"})
        assert (answer.status_code, answer.json()["code"]) == (503, "database-busy"), answer.text
        assert int(answer.headers["retry-after"]) >= 1
        assert time.monotonic() - before < 15
        assert answer.json()["retryable"] is True
        other.execute("ROLLBACK")
        other.close()
        assert client.post("/v1/clients", json={"alias": "Wren"}).status_code == 201
        assert len(client.get("/v1/clients").json()["data"]) == 1
        assert service.stop() == 0


@SQLITE
@pytest.mark.parametrize("replaced", [False, True])
def test_file_goes_away(program: Program, replaced: bool) -> None:  # noqa: FBT001 - a parameter of the test
    """The file deleted or replaced under the server: nothing more is acknowledged, it stops with 3, makes no file."""
    file, kept = program.folder / "waypost.db", program.folder / "kept.db"
    with program.serving() as service, service.sign_in() as client:
        shutil.copy(file, kept)
        file.unlink()
        if replaced:
            shutil.copy(kept, file)
        with contextlib.suppress(httpx2.TransportError):  # it may have stopped already
            assert client.post("/v1/clients", json={"alias": "Wren"}).status_code == 503
        assert service.process.wait(PATIENCE) == 3
        said = [line for line in (program.folder / "err").read_text().splitlines() if line.startswith("waypost: ")]
        assert len(said) == 1
        assert "deleted or replaced" in said[0]
    assert file.exists() == replaced


@pytest.fixture
def own(own_postgres: Postgres, tmp_path: Path, vault: Vault) -> Iterator[tuple[Program, Postgres, World]]:
    """The world on a PostgreSQL that this test may stop."""
    urls = own_postgres.new_database()
    world = worlds.build(urls.app, urls.owner, vault)
    settings = {
        "WAYPOST_ENV": "test",
        "WAYPOST_DATA_DIR": str(tmp_path),
        "WAYPOST_KEYS_DIR": str(vault.root.path.parent),
        "WAYPOST_DATABASE_URL": urls.app,
    }
    yield Program(tmp_path, settings), own_postgres, world
    world.database.engine.dispose()


def test_postgresql_goes_and_returns(own: tuple[Program, Postgres, World]) -> None:
    """Away: 503 with Retry-After, and not ready. Back: served again without a hand, nothing acknowledged lost."""
    program, server, world = own
    with program.serving() as service, service.sign_in() as client:
        kept = [client.post("/v1/clients", json={"alias": "Wren"}).json()["id"]]
        server.halt()
        for _ in range(8):  # more than the pool holds: each connection is found broken, none raises
            answer = client.post("/v1/clients", json={"alias": "Wren"})
            assert (answer.status_code, answer.json()["retryable"]) == (503, True), answer.text
            assert int(answer.headers["retry-after"]) >= 1
        assert client.get("/health/ready").status_code == 503
        assert client.get("/health/live").status_code == 200
        server.resume()
        kept.append(_soon(client))
        server.restart()
        first = client.post("/v1/clients", json={"alias": "Wren"})
        assert first.status_code == 201, "the pool's connections are dead: the unit is to be tried on a new one"
        kept.append(first.json()["id"])
        _ready(client)
        assert service.stop() == 0
    world.database.engine.dispose()
    there, made = world.system(_clients_and_entries)
    assert there == {UUID(i) for i in kept}
    assert made == Counter(there)
    assert program("audit", "verify").code == 0


def _soon(client: httpx2.Client) -> str:
    """A client opened as soon as it works again; until then only 503 is answered."""
    deadline = time.monotonic() + 15
    while (answer := client.post("/v1/clients", json={"alias": "Wren"})).status_code != 201:
        assert answer.status_code == 503, answer.text
        assert time.monotonic() < deadline
        time.sleep(0.1)
    made: str = answer.json()["id"]
    return made


def _ready(client: httpx2.Client) -> None:
    """Readiness is looked at once a second at most, so it lags behind by that much."""
    deadline = time.monotonic() + 10
    while (answer := client.get("/health/ready")).status_code != 200:
        assert time.monotonic() < deadline, answer.text
        time.sleep(0.2)


def test_verifying_while_people_write(program: Program) -> None:
    """A log that grows while it is verified is not called broken, and nobody who writes is refused."""
    with program.serving() as service, Writers(service) as writers:
        for n in range(1, 7):
            ran = program("audit", "verify", "--json")
            assert (ran.code, ran.json["sound"]) == (0, True), ran.out
            writers.await_writes(5 * n)
        assert service.stop() == 0
    assert writers.refused == []
