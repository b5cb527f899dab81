"""Rotating, replacing and destroying keys as an operator does it: by commands, with the service running or killed."""

import os
import random
import threading
import time
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx2
import pytest
import sqlalchemy as sa

from models.access import Actor
from models.base import table_of
from models.database import Database
from models.vault.keys import AgencyKey, DataKey, Vault
from models.vault.roots import RootKeys
from models.vault.service import ServiceKeys
from models.workspace import Workspace
from tests.cli.program import Program
from tests.factories import behind
from tests.postgres import Urls
from tests.world import AT_HARBOR, PASSWORD, World

KILLS = int(os.environ.get("WAYPOST_TEST_KILLS", "3"))
ANA = {"email": "ana@harbor.example", "password": PASSWORD}


@pytest.fixture
def program(program: Program, vault: Vault) -> Program:
    """The command line with a copy of the keys, which it may turn over."""
    folder = program.folder / "own-keys"
    folder.mkdir(mode=0o700)
    for file in Path(program.settings["WAYPOST_KEYS_DIR"]).glob("*.json"):
        (folder / file.name).write_bytes(file.read_bytes())
        (folder / file.name).chmod(0o600)
    program.settings["WAYPOST_KEYS_DIR"] = str(folder)
    return program


def keys_folder(program: Program) -> Path:
    return Path(program.settings["WAYPOST_KEYS_DIR"])


def fill(world: World, many: int) -> list[UUID]:
    """Clients with nothing but a key."""
    made = [uuid4() for _ in range(many)]

    def work(db: Workspace) -> None:
        for subject in made:
            db.keys.create(subject, "client")

    world.system(work)
    return made


def epochs(urls: Urls, model: Any = DataKey) -> set[int]:
    with behind(urls.superuser) as connection:
        return set(connection.execute(sa.select(table_of(model).c.epoch)).scalars())


class TestRotate:
    def test_everything_is_under_the_new_epoch_and_told(self, program: Program, world: World, urls: Urls) -> None:
        """The command ends at 100 %, says how many, and the status shows it."""
        client = world.client(alias="Wren")
        done = program("keys", "rotate", "--json")
        assert done.code == 0, done.err
        assert done.json["epoch"] == 2
        assert done.json["keys"] >= 5
        assert epochs(urls) == epochs(urls, AgencyKey) == {2}
        told = program("keys", "status", "--json").json
        assert [(row["epoch"], row["current"], row["keys"]) for row in told["epochs"]] == [
            (1, False, 0), (2, True, done.json["keys"]),
        ]  # fmt: skip
        assert told["epochs"][0]["may_be_destroyed_from"] is not None
        assert program("keys", "check", "--json").json["sound"] is True
        with program.serving() as service, httpx2.Client(base_url=service.url) as http:
            token = http.post("/v1/sessions", json=ANA).json()["access_token"]
            read = http.get(f"/v1/clients/{client}", headers={"authorization": f"Bearer {token}"})
            assert read.json()["alias"] == "Wren"

    def test_attack_20_killed_anywhere_it_is_finished_by_a_rerun(
        self, program: Program, world: World, urls: Urls
    ) -> None:
        """Kill -9 at random moments of a rotation; then every key opens, and a rerun ends at 100 %, with nothing left
        of the old epoch."""
        fill(world, 5_000)
        dice = random.Random(20)
        for _ in range(KILLS):
            before = (keys_folder(program) / "root.json").read_bytes()
            process = program.begun("keys", "rotate")
            while (keys_folder(program) / "root.json").read_bytes() == before and process.poll() is None:
                time.sleep(0.005)
            time.sleep(dice.uniform(0, 0.6))
            process.kill()
            process.wait()
            assert program("keys", "check", "--json").json["sound"] is True
            again = program("keys", "rotate", "--json")
            assert again.code == 0, again.err
            current = program("keys", "status", "--json").json["epochs"][-1]["epoch"]
            assert epochs(urls) == epochs(urls, AgencyKey) == {current}
        assert program("keys", "check", "--json").json["sound"] is True

    def test_requests_go_on_without_a_failure(self, program: Program, world: World, urls: Urls) -> None:
        """Reads and writes over HTTP the whole time; what was made meanwhile is under the new epoch."""
        fill(world, 4_000)
        client = world.client(alias="Wren")
        answers: list[int] = []
        stop = threading.Event()

        def work(url: str) -> None:
            with httpx2.Client(base_url=url, timeout=30) as http:
                token = http.post("/v1/sessions", json=ANA).json()["access_token"]
                http.headers["authorization"] = f"Bearer {token}"
                while not stop.is_set():
                    answers.append(http.get(f"/v1/clients/{client}").status_code)
                    answers.append(http.post("/v1/clients", json={"alias": "Lark"}).status_code)

        with program.serving() as service:
            threads = [threading.Thread(target=work, args=[service.url]) for _ in range(3)]
            for thread in threads:
                thread.start()
            time.sleep(0.3)
            done = program.process("keys", "rotate", "--json")
            time.sleep(0.3)
            stop.set()
            for thread in threads:
                thread.join()
        assert done.code == 0, done.err
        assert set(answers) == {200, 201}
        assert len(answers) > 20
        assert epochs(urls) == {2}

    def test_attack_21_two_commands_at_once(self, program: Program, world: World, urls: Urls) -> None:
        """Both end well, with one new epoch, or with two of which only the last wraps anything."""
        fill(world, 2_000)
        both = [program.begun("keys", "rotate") for _ in range(2)]
        assert [process.wait(60) for process in both] == [0, 0]
        assert len(epochs(urls)) == len(epochs(urls, AgencyKey)) == 1
        assert program("keys", "check", "--json").json["sound"] is True


class TestDestroyEpoch:
    def test_attack_24_an_epoch_in_use_stays(self, program: Program, world: World) -> None:
        """The current one, one that wraps keys still, one that is not there: refused, and the file is as it was."""
        world.client()
        before = (keys_folder(program) / "root.json").read_bytes()
        program("keys", "destroy-epoch", "1", "--yes").refused("still wraps keys in use")
        program("keys", "destroy-epoch", "7", "--yes").refused("no epoch 7")
        assert (keys_folder(program) / "root.json").read_bytes() == before

    def test_an_epoch_that_backups_need_stays_until_their_window_is_over(self, program: Program) -> None:
        """Within the window only --urgent; beyond it with --yes; both in the log."""
        assert program("keys", "rotate").code == 0
        program("keys", "destroy-epoch", "1", "--yes").refused("may be kept until")
        program("keys", "destroy-epoch", "1", WAYPOST_BACKUP_WINDOW="0").refused("cannot be undone")
        done = program("keys", "destroy-epoch", "1", "--yes", "--json", WAYPOST_BACKUP_WINDOW="0")
        assert done.code == 0, done.err
        assert done.json["epochs"] == [2]
        assert program("keys", "check", "--json").json["sound"] is True

    def test_urgent_rotates_and_destroys_at_once(self, program: Program, world: World, urls: Urls) -> None:
        """One command: nothing wrapped under the old epoch is left, and the epoch is gone."""
        world.client()
        program("keys", "destroy-epoch", "1", "--urgent").refused("cannot be undone")
        done = program("keys", "destroy-epoch", "1", "--urgent", "--yes", "--json")
        assert done.code == 0, done.err
        assert done.json["epochs"] == [2]
        assert epochs(urls) == {2}
        assert program("keys", "check", "--json").json["sound"] is True


class TestRekey:
    def test_a_clients_key_is_replaced(self, program: Program, world: World, urls: Urls) -> None:
        """By her id alone; the service reads her as before."""
        client = world.client(alias="Wren")
        done = program("keys", "rekey", str(client), "--json")
        assert done.json["rows"] == 1
        database = Database(
            urls.app,
            Vault(RootKeys(keys_folder(program) / "root.json"), ServiceKeys(keys_folder(program) / "service.json")),
        )
        from models.client import Client

        read = database.transact(Actor.system(world.agency_id()), lambda db: db.find(Client, client).alias)
        database.engine.dispose()
        assert read == "Wren"
        assert program("keys", "rekey", "--agency", "Harbor", "--json").json["rows"] == AT_HARBOR

    def test_nobody_is_told(self, program: Program, world: World) -> None:
        """Unknown ids, words that are none, nothing at all."""
        program("keys", "rekey", str(uuid4())).refused("no such client")
        for words in (["wren"], []):
            assert program("keys", "rekey", *words).code == 2


class TestCheck:
    def test_a_damaged_key_is_found(self, program: Program, world: World, urls: Urls) -> None:
        """By whose it is; exit 1."""
        client = world.client()
        with behind(urls.superuser) as connection:
            keys = table_of(DataKey)
            connection.execute(sa.update(keys).where(keys.c.subject_id == client).values(wrapped=b"\x01" + b"x" * 60))
        found = program("keys", "check", "--json")
        assert found.code == 1
        assert [a["damaged"] for a in found.json["agencies"] if a["damaged"]] == [[str(client)]]
