"""An installation whose root key is in a key service, through the command line, from `keys new` to its absence."""

import json
import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx2
import pytest

from models.vault.roots import RootKeys
from tests.cli.program import Program
from tests.key_services import OPEN
from tests.key_services.http import StandIn

REMOTE = pytest.mark.parametrize("which", ["aws", "gcp", "vault"])


@pytest.fixture
def running(tmp_path: Path) -> Iterator[ExitStack]:
    """What closes the service before the test ends."""
    with ExitStack() as stack:
        yield stack


@pytest.fixture
def stand_in(which: str, tmp_path: Path, running: ExitStack, empty: Program) -> StandIn:
    """The service, and a command line whose settings lead to it."""
    service = running.enter_context(OPEN[which](tmp_path))
    empty.settings.update(service.env)
    return service


def found(empty: Program, spec: str) -> str:
    """An installation with one agency and one person, under the service. Returns her one-time password."""
    made = empty("keys", "new", "--service", spec)
    assert (made.code, made.err) == (0, ""), made
    assert empty("db", "upgrade").code == 0
    assert empty("doctor", "--json").json["sound"] is True
    assert empty("agency", "create", "Beacon", "--time-zone", "Europe/Dublin").code == 0
    hired = empty(
        "user", "create", "ida@beacon.example", "--agency", "Beacon", "--name", "Ida", "--role", "advocate", "--json"
    )
    return Path(hired.json["one_time_password_file"]).read_text().strip()


def refused(empty: Program, *words: str) -> None:
    """No process can start. Those that serve are real ones: they hold the database file until they end."""
    for run, verb in ((empty.process, "serve"), (empty.process, "start"), (empty, "worker"), (empty, "status")):
        run(verb).refused(*words)


@REMOTE
def test_from_keys_new_to_serving(empty: Program, stand_in: StandIn, running: ExitStack) -> None:
    """The service holds the root key, root.json its name. A running server goes on without it; nothing else starts."""
    password = found(empty, stand_in.spec)
    stored = json.loads((empty.folder / "data/keys/root.json").read_text())
    service, _, at = stand_in.spec.partition(":")
    assert stored["epochs"]["1"] == {"service": service, "at": at, "key": stored["epochs"]["1"]["key"]}
    assert [row["service"] for row in empty("keys", "status", "--json").json["epochs"]] == [stand_in.spec]
    with empty.serving() as server:
        body = {"email": "ida@beacon.example", "password": password}
        stand_in.calls.clear()
        assert httpx2.post(f"{server.url}/v1/sessions", json=body, timeout=20).status_code == 201
        assert stand_in.count("decrypt") == 0  # its key was opened by the check at the start, and kept
        running.close()
        assert httpx2.post(f"{server.url}/v1/sessions", json=body, timeout=20).status_code == 201
        assert server.stop() == 0
    refused(empty, "does not answer (", "the rest is not done")
    checked = empty("doctor", "--json")
    assert checked.code == 1
    failed = {finding["what"]: finding["said"] for finding in checked.json["findings"] if finding["state"] == "fail"}
    assert failed.keys() == {"keys", "keys and database"}
    assert all("does not answer (" in said for said in failed.values())


@REMOTE
def test_access_denied(empty: Program, stand_in: StandIn) -> None:
    """One line that names the cause; the same in doctor, which looks at everything else too."""
    found(empty, stand_in.spec)
    stand_in.forbid()
    refused(empty, "denies access (", "check the credentials and permissions")
    checked = empty("doctor")
    assert checked.code == 1
    assert "denies access (" in checked.out


@REMOTE
def test_before_there_is_an_agency(empty: Program, stand_in: StandIn) -> None:
    """With nothing to open yet the root key is tried, so that not the first agency finds out."""
    assert empty("keys", "new", "--service", stand_in.spec).code == 0
    assert empty("db", "upgrade").code == 0
    assert empty("status").code == 0
    stand_in.forbid()
    empty("serve").refused("denies access (")


@REMOTE
def test_nothing_is_made_when_the_service_does_not_work(empty: Program, stand_in: StandIn) -> None:
    """Neither of the two files; the command can be run again as it is."""
    spec, env = stand_in.at("http://127.0.0.1:1")
    empty("keys", "new", "--service", spec, **env).refused("does not answer (", "the same command again")
    stand_in.forbid()
    empty("keys", "new", "--service", stand_in.spec).refused("denies access (")
    assert not list((empty.folder / "data/keys").iterdir())


@pytest.mark.parametrize("kind", ["postgresql"])
def test_several_processes(program: Program, tmp_path: Path) -> None:
    """Two server processes of one parent: each asks for itself, and an agency under the file opens beside one that is
    not. (The agency under the service is founded after a rotation.)"""
    keys = tmp_path / "keys"
    shutil.copytree(program.settings["WAYPOST_KEYS_DIR"], keys)
    with OPEN["vault"](tmp_path) as vault:
        program.settings.update(vault.env | {"WAYPOST_KEYS_DIR": str(keys), "WAYPOST_WORKERS": "2"})
        assert RootKeys(keys / "root.json", vault.token_file).rotate(to=vault.spec) == 2
        assert program("agency", "create", "Beacon", "--time-zone", "Europe/Dublin").code == 0
        vault.calls.clear()
        with program.serving() as server:
            assert httpx2.get(f"{server.url}/health/ready", timeout=20).status_code == 200
            server.sign_in().close()
            assert vault.count("decrypt") == 3  # the parent looks first, then two processes start
            assert server.stop() == 0


def test_no_such_service(empty: Program) -> None:
    """A word that is no service, and one without its setting."""
    empty("keys", "new", "--service", "paper").refused("no such key service", "aws-kms:REGION")
    spec = "vault-transit:https://vault.agency.example:8200/transit"
    empty("keys", "new", "--service", spec).refused("needs a token", "WAYPOST_VAULT_TOKEN_FILE")
    assert not list((empty.folder / "data/keys").iterdir())
