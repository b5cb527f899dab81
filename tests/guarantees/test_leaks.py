"""Nothing of what people wrote, and no key, leaves by a side door: logs, failures, caches, core dumps, stray jobs."""

import base64
import io
import logging
import subprocess
import sys
from collections.abc import Iterator
from datetime import date
from uuid import uuid4

import pytest
import sqlalchemy as sa

from api import log
from models.access import Actor
from models.client import Client
from models.errors import DomainError
from models.vault.keys import Vault
from models.workspace import Workspace
from tests.cli.program import ROOT
from tests.conftest import Api
from tests.factories import doer, operations, stage
from tests.postgres import Urls
from tests.world import World

CANARY = "guillemot-4d1b"


@pytest.fixture
def loud(api: Api, monkeypatch: pytest.MonkeyPatch) -> Iterator[io.StringIO]:
    """Every log at its loudest, SQLAlchemy's statements and parameters included; what was printed."""
    printed = io.StringIO()
    monkeypatch.setattr(sys, "stderr", printed)
    log.configure("DEBUG")
    quiet = {name: logging.getLogger(name).level for name in ("", "sqlalchemy.engine", "sqlalchemy.pool", "psycopg")}
    for name in quiet:
        logging.getLogger(name).setLevel(logging.DEBUG)
    api.world.database.engine.echo = "debug"
    yield printed
    api.world.database.engine.echo = False
    for name, level in quiet.items():
        logging.getLogger(name).setLevel(level)


class TestLogs:
    def test_attack_59_no_log_at_any_level_holds_what_people_wrote(
        self, api: Api, vault: Vault, loud: io.StringIO
    ) -> None:
        """Every operation with a canary in every text it takes, logs at DEBUG, statements echoed."""
        log.logger().info("chores.done", count=1)
        for operation in operations(api.client.app):
            scene = stage(api, mark=CANARY)
            scene.prepare(operation)
            scene.send(operation, doer(operation))
            api._tokens.clear()
        self.nothing_of(loud.getvalue(), vault)

    def test_attack_59_nor_does_a_failure(
        self, api: Api, vault: Vault, loud: io.StringIO, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """An exception that carries the canary, with the canary in its locals; and a library that logs it."""

        def fail(db: Workspace) -> None:
            opened = [client.alias for client in db.all(sa.select(Client))]
            try:
                raise RuntimeError(f"while working on {opened}")
            except RuntimeError:
                logging.getLogger("some.library").exception("failed with %s", opened, extra={"data": opened})
                raise

        client = api.world.client(alias=CANARY)
        api.token("ana")
        monkeypatch.setattr(Workspace, "finish", fail)
        answer = api.get("ana", f"/v1/clients/{client}")
        assert answer.status_code == 500
        assert CANARY not in answer.text
        self.nothing_of(loud.getvalue(), vault)

    def nothing_of(self, printed: str, vault: Vault) -> None:
        """Neither the canary nor a root key in any usual spelling, in what was printed since the test began."""
        assert '"event"' in printed, "the log was not captured: this test would pass on anything"
        assert CANARY not in printed
        for key in vault.service.token_keys.values():
            for spelled in (key.hex(), base64.b64encode(key).decode(), repr(key)[2:-1]):
                assert spelled not in printed


def test_attack_42_a_job_of_no_agency_sees_nothing_and_changes_nothing(world: World, urls: Urls) -> None:
    """An agency that is none: no rows, and a write fails, as its keys and its log do not exist."""
    world.client(alias=CANARY)
    nowhere = Actor.system(uuid4())
    assert world.database.transact(nowhere, lambda db: db.all(sa.select(Client))) == []
    with pytest.raises(Exception) as failed:
        world.database.transact(nowhere, lambda db: Client.open(db, alias="Lark", opened_on=date(2027, 1, 4)))
    assert not isinstance(failed.value, DomainError) or failed.value.reason
    assert len(world.system(lambda db: db.all(sa.select(Client)))) == 1


def test_attack_63_an_etag_is_a_count_not_a_digest(api: Api) -> None:
    """Two clients with nothing in common, at their first version: one ETag. And no cache keeps an answer."""
    tags = set()
    for alias in ("Wren", "Lark of the long marsh"):
        client = api.world.client(alias=alias)
        answer = api.get("ana", f"/v1/clients/{client}")
        assert answer.headers["cache-control"] == "no-store"
        tags.add(answer.headers["etag"])
    assert tags == {'"1"'}


def test_attack_65_a_process_that_holds_keys_leaves_no_core() -> None:
    """Core files are limited to nothing, and the process is not dumpable."""
    program = (
        "import ctypes, resource; from api.keys import leave_no_core; leave_no_core(); "
        "print(resource.getrlimit(resource.RLIMIT_CORE), ctypes.CDLL(None).prctl(3))"
    )
    ran = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "(0, 0) 0"
