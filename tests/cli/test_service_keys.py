"""Rotating what signs access tokens and what is under passwords, as an operator does it, while the service runs."""

import json
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx2
import pytest
from jose import jwt

from models.errors import KeyRefused
from models.user import User
from models.vault import service as keys_of
from models.vault.keys import Vault
from models.vault.service import ServiceKeys
from tests.cli.program import Program, Service
from tests.world import PASSWORD, World

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


def file_of(program: Program) -> Path:
    return Path(program.settings["WAYPOST_KEYS_DIR"]) / "service.json"


def content(program: Program) -> dict[str, Any]:
    read: dict[str, Any] = json.loads(file_of(program).read_text())
    return read


def kid(client: httpx2.Client) -> str:
    token = client.headers["authorization"].removeprefix("Bearer ")
    return str(jwt.get_unverified_header(token)["kid"])


def signs_with(service: Service, wanted: str) -> httpx2.Client:
    """Somebody signed in under this key; the server looks at its file once a second."""
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        client = service.sign_in()
        if kid(client) == wanted:
            return client
        client.close()
        time.sleep(0.2)
    raise AssertionError("the server goes on signing with the old key")


def test_token_key_rotates_under_a_running_server(program: Program, world: World) -> None:
    """Two rotations without a restart: nobody is signed out, new tokens are under the new key, the log says so."""
    with program.serving() as service, service.sign_in() as before:
        tokens = content(program)["tokens"]
        assert kid(before) == tokens["active"]
        for _ in range(2):
            coming = content(program)["tokens"]["next"]
            ran = program("keys", "tokens", "rotate")
            assert ran.code == 0, ran.err
            assert content(program)["tokens"]["active"] == coming
            with signs_with(service, coming) as after:
                assert after.get("/v1/me").status_code == 200
            assert before.get("/v1/me").status_code == 200, "a token of the key before is good until it runs out"
        assert content(program)["tokens"]["retired"].keys() >= {tokens["active"]}
    assert oct(file_of(program).stat().st_mode)[-3:] == "600"
    assert json.loads(program("audit", "verify", "--json").out)["sound"] is True


def test_urgent_rotation_refuses_what_was_signed_before(program: Program, world: World) -> None:
    """The file was seen: its next key is not trusted either; access tokens are refused and renewed."""
    with program.serving() as service:
        body = httpx2.post(f"{service.url}/v1/sessions", json=ANA, timeout=20).json()
        seen = content(program)["tokens"]
        assert program("keys", "tokens", "rotate", "--urgent").code == 0
        assert not content(program)["tokens"]["keys"].keys() & seen["keys"].keys()
        time.sleep(1.2)
        headers = {"authorization": f"Bearer {body['access_token']}"}
        assert httpx2.get(f"{service.url}/v1/me", headers=headers).status_code == 401
        refresh = {"refresh_token": body["refresh_token"]}
        fresh = httpx2.post(f"{service.url}/v1/sessions/refresh", json=refresh, timeout=20).json()
        headers = {"authorization": f"Bearer {fresh['access_token']}"}
        assert httpx2.get(f"{service.url}/v1/me", headers=headers).status_code == 200


def test_pepper_rotates_and_hashes_follow(program: Program, world: World) -> None:
    """Old hashes verify; each is made anew at its owner's next sign-in, and then needs the old pepper no more."""
    with program.serving() as service:
        assert program("keys", "pepper", "rotate").code == 0
        time.sleep(1.2)
        for _ in range(2):
            service.sign_in().close()
        hashed = world.system(lambda db: db.find(User, world.people["ana"].actor.id).password_hash)
        assert hashed.startswith(f"p{content(program)['pepper']['active']}u:")
        others = world.system(lambda db: db.find(User, world.people["ben"].actor.id).password_hash)
        assert others.startswith("p1u:")
        service.sign_in("ben@harbor.example").close()


def test_a_file_from_before_rotation(program: Program) -> None:
    """The first command gives it a next key, which other machines need before it is used; the second rotates."""
    before = content(program)
    for part in ("tokens", "pepper"):
        left = before[part]["active"]
        before[part] = {"active": left, "keys": {left: before[part]["keys"][left]}}
    file_of(program).write_text(json.dumps(before))
    for part, command in (("tokens", "tokens"), ("pepper", "pepper")):
        ran = program("keys", command, "rotate", "--json")
        assert json.loads(ran.out) == {"rotated": False}
        assert content(program)[part]["active"] == before[part]["active"]
        coming = content(program)[part]["next"]
        assert json.loads(program("keys", command, "rotate", "--json").out) == {"rotated": True}
        assert content(program)[part]["active"] == coming


class TestFile:
    """What one process makes of the file another one changes."""

    @pytest.fixture
    def pair(self, tmp_path: Path) -> tuple[ServiceKeys, ServiceKeys]:
        return ServiceKeys.create(tmp_path / "service.json"), ServiceKeys(tmp_path / "service.json")

    def test_another_process_knows_a_key_before_it_signs(self, pair: tuple[ServiceKeys, ServiceKeys]) -> None:
        """With a copy of the file from before the rotation the new key opens: it was the next one."""
        one, copied = pair
        copied._looked = time.monotonic() + 3600  # a machine whose copy nobody has brought up to date
        one.rotate_tokens()
        assert copied.token_key(one.token_kid) == one.token_key(one.token_kid)

    def test_an_unknown_key_is_looked_for_at_once(self, pair: tuple[ServiceKeys, ServiceKeys]) -> None:
        """Not a second later."""
        one, other = pair
        for _ in range(3):
            one.rotate_tokens()
            one.rotate_pepper()
        other._looked = time.monotonic()
        assert other.token_key(one.token_kid) == one.token_key(one.token_kid)
        assert other.peppered("x", one.pepper) == one.peppered("x", one.pepper)

    def test_a_retired_key_runs_out(
        self, pair: tuple[ServiceKeys, ServiceKeys], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Longer than any token lives, whether or not somebody rotates again."""
        one, _ = pair
        old = one.token_kid
        one.rotate_tokens()
        assert one.token_key(old)
        monkeypatch.setattr(keys_of, "RETIRED_FOR", -keys_of.RETIRED_FOR)
        monkeypatch.setattr(keys_of, "LOOK_AGAIN", -1.0)
        with pytest.raises(KeyError):
            one.token_key(old)

    def test_a_key_that_ran_out_does_not_come_back(self, pair: tuple[ServiceKeys, ServiceKeys]) -> None:
        """The next rotation drops it from the file: what is in it without a mark would be good for ever."""
        one, _ = pair
        old = one.token_kid
        one.rotate_tokens()
        content = json.loads(one.path.read_text())
        long_ago = datetime.now(UTC) - keys_of.RETIRED_FOR - timedelta(seconds=1)
        content["tokens"]["retired"][old] = long_ago.isoformat(timespec="seconds")
        one.path.write_text(json.dumps(content))
        one.rotate_tokens()
        assert old not in one.path.read_text()
        with pytest.raises(KeyError):
            one.token_key(old)

    def test_after_an_urgent_rotation_no_key_of_before_is_left(self, pair: tuple[ServiceKeys, ServiceKeys]) -> None:
        """Neither the one that signed, nor the next, nor one retired a moment ago."""
        one, _ = pair
        one.rotate_tokens()
        before = set(one.token_keys)
        assert len(before) == 3
        one.rotate_tokens(urgent=True)
        assert not before & set(json.loads(one.path.read_text())["tokens"]["keys"])

    def test_a_broken_file_changes_nothing_in_a_running_process(self, pair: tuple[ServiceKeys, ServiceKeys]) -> None:
        """It goes on with what it knew; a new process refuses to start."""
        one, other = pair
        kept = one.token_kid
        one.path.write_text("{")
        other._look()
        assert other.token_kid == kept
        with pytest.raises(KeyRefused):
            ServiceKeys(one.path)
