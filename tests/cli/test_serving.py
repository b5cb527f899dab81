"""Serving: draining on SIGTERM, one server a file, the set-up link, the demo."""

import json
import os
import pty
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from uuid import UUID

import httpx2
import pytest

from models.client import clients_of
from tests.cli.program import Program, Writers, free_port
from tests.world import World


def test_sigterm_under_load(program: Program, world: World) -> None:
    """A server told to stop finishes what is under way and exits 0: every change made was answered for."""
    with program.serving() as service, Writers(service) as writers:
        writers.await_writes(30)
        assert service.stop() == 0
    assert _clients(world) == sorted(UUID(i) for i in writers.acknowledged)
    assert "Traceback" not in service.printed()


def test_sigterm_while_starting(program: Program) -> None:
    """A server told to stop before it answers stops as well: the signal is not lost in between."""
    env = program.env(WAYPOST_PORT=str(free_port()))
    command = [sys.executable, "-m", "api", "serve"]
    with subprocess.Popen(command, env=env, cwd=program.folder, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr
        assert '"serving"' in process.stderr.readline()
        process.terminate()
        try:
            assert process.wait(10) == 0
        finally:
            process.kill()


def test_says_where_it_is_once_it_answers(program: Program) -> None:
    """`serve --json` prints one document with the address, when requests are answered."""
    with program.serving("serve", "--json") as service:
        assert service.stop() == 0
        said = json.loads((program.folder / "out").read_text())
    assert said["serving"] == service.url
    assert said["pid"] == service.process.pid


def test_answers_without_naming_its_software(program: Program) -> None:
    """No Server header; strict transport; only our hosts."""
    with program.serving() as service:
        answer = httpx2.get(f"{service.url}/health/ready")
        assert answer.status_code == 200, answer.text
        assert "server" not in answer.headers


@pytest.mark.parametrize("kind", ["sqlite"])
def test_second_server_on_one_file(program: Program) -> None:
    """SQLite takes one server process; the second says whose the file is."""
    with program.serving() as service:
        program("serve", WAYPOST_PORT=service.url.rsplit(":", 1)[1]).refused("cannot be listened on", "port")
        program("serve").refused(f"process {service.process.pid}", "serves")
        assert httpx2.get(f"{service.url}/health/ready").status_code == 200


def test_setup_link_founds_one_agency(empty: Program) -> None:
    """`start` on nothing makes keys, tables and a link in a private file; ten uses at once make one admin."""
    with empty.serving("start") as service:
        file = empty.folder / "data" / "setup-link"
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        link = file.read_text().strip()
        page, _, token = link.partition("#")
        assert page == f"{service.url}/setup"
        assert token not in service.printed()
        body = {
            "token": token,
            "agency_name": "Harbor",
            "time_zone": "America/New_York",
            "email": "ada@harbor.example",
            "display_name": "Ada",
            "password": "seven herons stand in the shallow water",
        }
        with ThreadPoolExecutor(10) as pool:
            emails = [{"email": f"ada{n}@harbor.example"} for n in range(10)]
            answers = list(
                pool.map(lambda who: httpx2.post(f"{service.url}/v1/setup", json=body | who, timeout=30), emails)
            )
        codes = sorted(answer.status_code for answer in answers)
        assert codes == [201] + [401] * 9, [a.text for a in answers]
        won = next(n for n, answer in enumerate(answers) if answer.status_code == 201)
        with service.sign_in(f"ada{won}@harbor.example", body["password"]) as client:
            me = client.get("/v1/me").json()
        assert me["roles"] == ["agency_admin"]
        assert me["demo"] is False
        assert service.stop() == 0
    file.unlink()
    with empty.serving("start"):
        assert not file.exists(), "no link once there is an agency"
    assert empty("status", "--json").json["people"] == 1


def test_new_link_ends_the_old_one(empty: Program) -> None:
    """A link printed by an earlier start works no more, so that one agency is founded, not two."""
    tokens = []
    for _ in range(2):
        with empty.serving("start") as service:
            tokens.append((empty.folder / "data" / "setup-link").read_text().strip().partition("#")[2])
            body = {"agency_name": "Harbor", "time_zone": "America/New_York", "email": "ada@harbor.example"}
            body |= {"display_name": "Ada", "password": "seven herons stand in the shallow water"}
            if len(tokens) == 2:
                old = httpx2.post(f"{service.url}/v1/setup", json=body | {"token": tokens[0]}, timeout=30)
                new = httpx2.post(f"{service.url}/v1/setup", json=body | {"token": tokens[1]}, timeout=30)
                assert (old.status_code, new.status_code) == (401, 201)


def test_start_never_makes_keys_beside_a_database(empty: Program) -> None:
    """Keys lost, database there: `start` makes none, for they could open nothing."""
    with empty.serving("start"):
        pass
    keys = empty.folder / "data" / "keys"
    for file in keys.iterdir():
        file.rename(empty.folder / file.name)
    empty("start").refused("missing")
    assert not list(keys.iterdir())
    empty("keys", "new").refused("There is a database already")


class TestDemo:
    """The demo, as `make demo` runs it."""

    def test_everybody_can_sign_in(self, empty: Program) -> None:
        """DEMO_CREDENTIALS names a person of each role in two agencies, whose passwords work at once."""
        file = empty.folder / "people.json"
        with empty.serving("demo", DEMO_CREDENTIALS=str(file)) as service:
            assert stat.S_IMODE(file.stat().st_mode) == 0o600
            named = json.loads(file.read_text())
            assert named["base_url"] == service.url
            roles = {(p["agency"], p["role"]) for p in named["principals"]}
            every = {"advocate", "supervisor", "agency_admin", "auditor"}
            both = {(agency, role) for agency in ("Harbor", "Lighthouse") for role in every}
            assert roles == both | {("Harbor", "volunteer")}
            for person in named["principals"]:
                with service.sign_in(person["email"], person["password"]) as client:
                    me = client.get("/v1/me").json()
                    assert (me["demo"], me["password_change_required"]) == (True, False)
                    assert me["roles"] == [person["role"]]
                    if person["role"] == "advocate":
                        assert client.get("/v1/caseload").json()["data"]
            for person in named["principals"]:
                assert person["password"] not in service.printed()

    def test_printed_password_works_and_the_caseload_stays(self, empty: Program) -> None:
        """Each start hands out a new password for the advocate; nothing is built twice; the old password ends."""
        clients, words = [], []
        for _ in range(2):
            with empty.serving("demo") as service:
                secret = empty.folder / "data" / "one-time-password"
                assert stat.S_IMODE(secret.stat().st_mode) == 0o600
                words.append(secret.read_text().strip())
                assert words[-1] not in service.printed()
                with service.sign_in(password=words[-1]) as client:
                    rows = client.get("/v1/caseload").json()["data"]
                    clients.append(sorted(row["client_id"] if "client_id" in row else row["id"] for row in rows))
                    states = {r["state"] for r in client.get("/v1/reviews?scope=agency").json()["data"]}
                    assert {"overdue", "scheduled", "completed"} <= states
                old = httpx2.post(
                    f"{service.url}/v1/sessions", json={"email": "ana@harbor.example", "password": words[0]}, timeout=20
                )
                assert old.status_code == (201 if len(words) == 1 else 401)
                assert service.stop() == 0
        assert clients[0] == clients[1]
        assert words[0] != words[1]

    def test_only_for_this_machine(self, empty: Program) -> None:
        """Any other address than loopback is refused, before anything is made."""
        empty("demo", WAYPOST_HOST="0.0.0.0").refused("this machine only")  # noqa: S104
        assert not (empty.folder / "data").exists()

    def test_leaves_a_real_installation_alone(self, empty: Program) -> None:
        """A folder with real keys is not a demo's, not even with --fresh."""
        assert empty("keys", "new").code == 0
        before = (empty.folder / "data" / "keys" / "root.json").read_bytes()
        for words in (("demo",), ("demo", "--fresh")):
            empty(*words).refused("is no demo")
        assert (empty.folder / "data" / "keys" / "root.json").read_bytes() == before

    def test_keys_are_refused_in_production(self, empty: Program) -> None:
        """What the demo made cannot be served as a real installation."""
        with empty.serving("demo"):
            pass
        for verb in ("serve", "start", "worker", "status"):
            empty(verb).refused("belongs to a demo")

    def test_fresh_forgets(self, empty: Program) -> None:
        """--fresh builds another demo with other keys."""
        with empty.serving("demo"):
            pass
        before = (empty.folder / "data" / "keys" / "root.json").read_bytes()
        with empty.serving("demo", "--fresh") as service:
            password = (empty.folder / "data" / "one-time-password").read_text().strip()
            client = service.sign_in(password=password)
            assert client.get("/v1/caseload").json()["data"]
            client.close()
        assert (empty.folder / "data" / "keys" / "root.json").read_bytes() != before


def test_secrets_go_to_a_terminal(program: Program) -> None:
    """On a terminal a one-time password is shown and lies in no file."""
    terminal, end = pty.openpty()
    command = [sys.executable, "-m", "api", "user", "reset-password", "ana@harbor.example"]
    subprocess.run(command, env=program.env(), cwd=program.folder, stdout=end, stderr=end, check=True, timeout=60)
    shown = os.read(terminal, 4096).decode()
    os.close(terminal)
    os.close(end)
    assert "one time password: " in shown
    assert not list(Path(program.folder).glob("one-time-password*"))


def _clients(world: World) -> list[UUID]:
    return sorted(client.id for client in world.system(lambda db: clients_of(db, [], 100_000, None)))
