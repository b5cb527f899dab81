"""Several server processes on PostgreSQL: one port, one truth, and never half a service."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx2
import pytest

from models.client import clients_of
from models.connections import connections_for_clients
from tests.cli.program import PATIENCE, ROOT, Program, Service, Writers
from tests.world import World

SQLITE = pytest.mark.parametrize("kind", ["sqlite"])


@pytest.fixture
def kind() -> str:
    """Several processes need PostgreSQL."""
    return "postgresql"


@pytest.fixture
def two(program: Program) -> Iterator[Service]:
    """A service of two processes."""
    with program.serving(WAYPOST_WORKERS="2") as service:
        all_announced(service)
        yield service


def all_announced(service: Service) -> None:
    """The first answer may come before the parent has heard of all: a process that dies then ends the start."""
    until(lambda: " serves " in service.printed(), "not announced")


def children(pid: int) -> list[int]:
    """The processes a process has started that live."""
    try:
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except FileNotFoundError:
        return []


def runs(pid: int) -> bool:
    """Whether a process is there and no zombie."""
    try:
        return " Z " not in Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return False


def answering(client: httpx2.Client) -> int:
    """The process at the other end of a client's one connection."""
    found = re.search(r'waypost_process_info\{pid="(\d+)"\}', client.get("/metrics").text)
    assert found
    return int(found[1])


def until(true, what: str, within: float = PATIENCE) -> None:
    """Wait until something holds."""
    deadline = time.monotonic() + within
    while not true():
        assert time.monotonic() < deadline, what
        time.sleep(0.02)


@contextmanager
def at_each(service: Service, who: str = "ana") -> Iterator[list[httpx2.Client]]:
    """The same person with one connection to each of the processes, under one token."""
    with ExitStack() as stack:
        token = stack.enter_context(service.sign_in(f"{who}@harbor.example")).headers["authorization"]
        found: dict[int, httpx2.Client] = {}
        for _ in range(200):
            limits = httpx2.Limits(max_connections=1)
            client = httpx2.Client(base_url=service.url, headers={"authorization": token}, timeout=20, limits=limits)
            found.setdefault(answering(stack.enter_context(client)), client)
            if len(found) == 2:
                break
        assert sorted(found) == sorted(children(service.process.pid)), "connections reach every process"
        yield list(found.values())


class TestRefusals:
    @SQLITE
    def test_one_process_on_an_embedded_file(self, program: Program) -> None:
        """SQLite takes one writer; the reason and the way out are said."""
        for verb in ("serve", "start"):
            program(verb, WAYPOST_WORKERS="2").refused("WAYPOST_WORKERS=2", "one writer", "PostgreSQL")

    def test_more_connections_than_the_server_has(self, program: Program, world: World) -> None:
        """Processes times pool is held against max_connections, with the figures."""
        there = connections_for_clients(world.database.engine)
        assert 100 < there < 200
        ran = program("serve", WAYPOST_WORKERS="4", WAYPOST_DATABASE_POOL="60")
        ran.refused("4 server processes", "62 connections each", "248 in all", str(there), "max_connections")

    @pytest.mark.parametrize("number", ["0", "33", "two"])
    def test_numbers_out_of_bounds(self, program: Program, number: str) -> None:
        """1 to 32."""
        program("serve", WAYPOST_WORKERS=number).refused("WAYPOST_WORKERS")


class TestOneTruth:
    """What one process did, the other knows at the next request: nothing about access is kept in a process."""

    def test_sign_out(self, two: Service) -> None:
        """A session ended at one process is over at the other."""
        with at_each(two) as (here, there):
            assert [c.get("/v1/me").status_code for c in (here, there)] == [200, 200]
            assert here.delete("/v1/sessions/current").status_code == 204
            assert [c.get("/v1/me").status_code for c in (there, here)] == [401, 401]

    def test_suspension(self, two: Service, world: World) -> None:
        """A person suspended at one process is out at the other, and in again when that ends and she signs in."""
        ana = world.people["ana"].actor.id
        with at_each(two) as (_, there), at_each(two, "ada") as admins:
            assert there.get("/v1/caseload").status_code == 200
            other = next(c for c in admins if answering(c) != answering(there))
            assert other.put(f"/v1/users/{ana}/suspension").status_code == 200
            assert there.get("/v1/caseload").status_code == 401
            assert other.delete(f"/v1/users/{ana}/suspension").status_code == 200
            assert there.get("/v1/caseload").status_code == 401, "her sessions ended"
        with at_each(two) as lines:
            assert [c.get("/v1/caseload").status_code for c in lines] == [200, 200]

    def test_role(self, two: Service, world: World) -> None:
        """A role given or taken at one process counts at the other, in both directions, again and again."""
        ben = world.people["ben"].actor.id
        with at_each(two, "ben") as lines, at_each(two, "ada") as admins:
            for turn in range(8):
                admin, roles, status = admins[turn % 2], [["supervisor"], ["advocate"]][turn % 2], [403, 201][turn % 2]
                version = admin.get(f"/v1/users/{ben}").headers["etag"]
                changed = admin.patch(f"/v1/users/{ben}", json={"roles": roles}, headers={"if-match": version})
                assert changed.status_code == 200, changed.text
                for line in lines:
                    assert line.post("/v1/clients", json={"alias": "Wren"}).status_code == status, (turn, roles)

    def test_assignment(self, two: Service, world: World) -> None:
        """A client opened at one process is there at the other; her assignment ended there, she is unknown here."""
        with at_each(two) as (here, there), at_each(two, "sol") as (one, another):
            client = here.post("/v1/clients", json={"alias": "Wren"}).json()["id"]
            assert there.get(f"/v1/clients/{client}").status_code == 200
            held = one.get(f"/v1/clients/{client}/assignments").json()["data"]
            also = {"user_id": str(world.people["ben"].actor.id)}  # somebody has to work with her
            assert one.post(f"/v1/clients/{client}/assignments", json=also).status_code == 201
            assert another.delete(f"/v1/assignments/{held[0]['id']}").status_code == 204
            assert [c.get(f"/v1/clients/{client}").status_code for c in (here, there)] == [404, 404]


class TestLife:
    def test_announced_once_when_all_answer(self, program: Program) -> None:
        """One document, with the parent's pid; by then every process answers."""
        with program.serving("serve", "--json", WAYPOST_WORKERS="3") as service:
            out = program.folder / "out"
            until(lambda: out.read_text().endswith("}\n"), "no announcement")
            assert json.loads(out.read_text())["pid"] == service.process.pid
            pids = {line["pid"] for line in _lines(program, "serving")}
            assert pids == set(children(service.process.pid))
            assert len(pids) == 3
            assert len(list(Path(f"/proc/{service.process.pid}/task").iterdir())) == 1, "the parent forks: no threads"
            assert service.stop() == 0

    def test_sigterm_under_load(self, two: Service, world: World) -> None:
        """All finish what is under way, and the exit code is 0: every change made was answered for."""
        crew = children(two.process.pid)
        with Writers(two, people=6) as writers:
            writers.await_writes(40)
            assert two.stop() == 0
        found = sorted(c.id for c in world.system(lambda db: clients_of(db, [], 100_000, None)))
        assert found == sorted(UUID(i) for i in writers.acknowledged)
        assert not [pid for pid in crew if runs(pid)]
        assert "Traceback" not in two.printed()

    def test_interrupt_at_a_terminal(self, two: Service) -> None:
        """Ctrl-C reaches parent and children alike; that is no reason to hurry or to complain."""
        for pid in [*children(two.process.pid), two.process.pid]:
            os.kill(pid, signal.SIGINT)
        assert two.process.wait(PATIENCE) == 0
        assert "Traceback" not in two.printed()

    def test_a_process_that_dies_is_started_again(self, program: Program, two: Service) -> None:
        """The others go on meanwhile, at the same address."""
        before = children(two.process.pid)
        os.kill(before[0], signal.SIGKILL)
        until(
            lambda: len(children(two.process.pid)) == 2 and before[0] not in children(two.process.pid), "no successor"
        )
        with at_each(two) as lines:
            assert [c.get("/v1/me").status_code for c in lines] == [200, 200]
        assert before[1] in children(two.process.pid)
        assert len(_lines(program, "worker.died")) == 1
        assert two.stop() == 0

    def test_the_parents_death_takes_all_down(self, two: Service) -> None:
        """Nobody serves on without the parent: the port is free for the next start."""
        crew = children(two.process.pid)
        assert len(crew) == 2
        two.process.kill()
        two.process.wait()
        until(lambda: not [pid for pid in crew if runs(pid)], "left behind", within=10)
        with pytest.raises(httpx2.ConnectError):
            httpx2.get(f"{two.url}/health/live")

    def test_a_successor_that_may_not_run_ends_all(self, program: Program) -> None:
        """Keys gone: what cannot be started again is not tried for ever, and the reason is the parent's last word."""
        keys = program.folder / "keys"
        shutil.copytree(program.settings["WAYPOST_KEYS_DIR"], keys)
        with program.serving(WAYPOST_WORKERS="2", WAYPOST_KEYS_DIR=str(keys)) as service:
            all_announced(service)
            (keys / "root.json").unlink()
            os.kill(children(service.process.pid)[0], signal.SIGKILL)
            assert service.process.wait(PATIENCE) == 3
            last = service.printed().splitlines()[-1]
            assert last.startswith("waypost: ")
            assert "root.json" in last
            assert "Next: " in last


CREW = """
import os, signal, sys, time
from api.cli import workers
from api.cli.say import Trouble
from models.errors import Unavailable

def serve(announce):
    stop = []
    signal.signal(signal.SIGTERM, lambda *_: stop.append(1))
    announce()
    while not stop: time.sleep(0.01)

def born():
    os.write(1, b"born %.2f\\n" % time.monotonic())
"""


class TestCrew:
    """The parent alone, with work that behaves badly."""

    def run(self, program: Program, code: str, until: str = "", times: int = 1) -> subprocess.CompletedProcess[str]:
        """The code in a process of its own; told to stop when it has printed the word so often."""
        command = [sys.executable, "-c", CREW + textwrap.dedent(code)]
        env = program.env() | {"PYTHONPATH": str(ROOT)}
        with subprocess.Popen(command, env=env, cwd=program.folder, stdout=-1, stderr=-1, text=True) as process:
            assert process.stdout
            out = ""
            while until and out.count(until) < times and (line := process.stdout.readline()):
                out += line
            if until:
                process.terminate()
            more, err = process.communicate(timeout=60)
        return subprocess.CompletedProcess(command, process.returncode, out + more, err)

    @SQLITE
    def test_pauses_grow(self, program: Program) -> None:
        """A process that dies at once, again and again, is not started in a tight loop."""
        ran = self.run(program, """
            def dies(announce):
                born(); announce(); time.sleep(0.2); os.kill(os.getpid(), signal.SIGKILL)
            workers.run(1, dies, lambda: None)
            """, until="born", times=4)  # fmt: skip
        times = [float(line.split()[1]) for line in ran.stdout.splitlines() if line.startswith("born")]
        waits = [later - sooner for sooner, later in pairwise(times)]
        assert len(times) == 4, ran.stderr
        assert waits[2] > waits[1] > waits[0] > 0.6, waits
        assert ran.returncode == 0, ran.stderr

    @SQLITE
    def test_ready_when_the_slowest_is(self, program: Program) -> None:
        """It is announced when all answer, not when the first does."""
        ran = self.run(program, """
            def slow(announce):
                try: open("first", "x").close()
                except FileExistsError: time.sleep(1); os.write(1, b"slow\\n")
                serve(announce)
            workers.run(3, slow, lambda: os.write(1, b"ready\\n"))
            """, until="ready")  # fmt: skip
        assert ran.stdout.split() == ["slow", "slow", "ready"], ran.stderr

    @SQLITE
    def test_death_before_the_first_answer(self, program: Program) -> None:
        """Killed while starting, without a word: the parent gives up and says so."""
        ran = self.run(program, """
            try: workers.run(2, lambda announce: os.kill(os.getpid(), signal.SIGKILL), lambda: print("ready"))
            except Trouble as trouble: print(trouble.line())
            """)  # fmt: skip
        assert "ended with -9 before it answered" in ran.stdout
        assert "ready" not in ran.stdout

    @SQLITE
    def test_trouble_at_the_start(self, program: Program) -> None:
        """One of three cannot start: its words are the parent's, once, and the others are gone."""
        ran = self.run(program, """
            def fails(announce):
                try: open("first", "x").close()
                except FileExistsError: return serve(announce)
                raise Trouble("No key", "None", "make one")
            try: workers.run(3, fails, lambda: print("ready"))
            except Trouble as trouble: print(trouble.line())
            try: os.waitpid(-1, os.WNOHANG); print("left behind")
            except ChildProcessError: print("nobody left")
            """)  # fmt: skip
        assert ran.stdout.count("No key. None. Next: make one") == 1, (ran.stdout, ran.stderr)
        assert "nobody left" in ran.stdout
        assert "ready" not in ran.stdout

    @SQLITE
    def test_a_database_away_passes(self, program: Program) -> None:
        """After a good start, a successor that finds no database tries again; the service is not given up for that."""
        ran = self.run(program, """
            def away(announce):
                tries = len(os.listdir("."))
                open(f"try-{tries}", "w").close()
                if tries in (1, 2): raise Unavailable
                announce(); born()
                if tries == 0: time.sleep(0.2); os.kill(os.getpid(), signal.SIGKILL)
                serve(lambda: None)
            workers.FIRST_PAUSE = 0.1
            os.makedirs("tries"); os.chdir("tries")
            workers.run(1, away, lambda: print("ready", flush=True))
            """, until="born", times=2)  # fmt: skip
        assert ran.returncode == 0, ran.stderr
        assert ran.stdout.count("born") == 2
        assert ran.stdout.count("ready") == 1

    @SQLITE
    def test_one_that_does_not_end_is_killed(self, program: Program) -> None:
        """A process deaf to SIGTERM cannot keep the parent from ending."""
        ran = self.run(program, """
            workers.STOPPED_WITHIN = 1.0
            def deaf(announce):
                signal.signal(signal.SIGTERM, signal.SIG_IGN); announce(); time.sleep(60)
            workers.run(2, deaf, lambda: print("ready", flush=True))
            """, until="ready")  # fmt: skip
        assert ran.returncode == 0
        assert (ran.stdout + ran.stderr).count("worker.killed") == 2


def _lines(program: Program, event: str) -> list[dict[str, Any]]:
    """The log lines of an event."""
    lines = map(json.loads, (program.folder / "err").read_text().splitlines())
    return [line for line in lines if line["event"] == event]
