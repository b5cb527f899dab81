"""The walk of the README, copied by a reader: bash and curl against a running server, on both databases."""

import os
import re
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import uvicorn

from api.app import create_app
from api.settings import HERE, Environment, Settings
from tests.world import PASSWORD, World

WALK = re.compile(r"<!-- walk -->\s*```bash\n(.*?)```", re.DOTALL)


def script() -> str:
    """Every marked block, in order, as one bash script."""
    blocks = WALK.findall((HERE / "README.md").read_text())
    assert blocks, "README.md has no ```bash block marked with <!-- walk -->"
    return "set -euo pipefail\n" + "\n".join(blocks)


@pytest.fixture
def base(world: World) -> Iterator[str]:
    """The address of a server on a free port of loopback."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    app = create_app(Settings(env=Environment.TEST, port=port), world.database)
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=port, log_level="error", access_log=False))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    until = time.monotonic() + 20
    while not server.started and time.monotonic() < until:
        time.sleep(0.02)
    assert server.started
    yield f"http://127.0.0.1:{port}"
    server.should_exit = True
    thread.join(20)
    assert not thread.is_alive()


def walk(base: str, folder: Path) -> subprocess.CompletedProcess[str]:
    bash = shutil.which("bash")
    assert bash
    assert shutil.which("curl"), "the README's walk needs curl"
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "LC_ALL": "C.UTF-8",
        "BASE": base,
        "EMAIL": "ana@harbor.example",
        "PASSWORD": PASSWORD,
        "AUDITOR_EMAIL": "aud@harbor.example",
        "AUDITOR_PASSWORD": PASSWORD,
    }
    return subprocess.run(
        [bash, "-c", script()], env=environment, cwd=folder, capture_output=True, text=True, timeout=120, check=False
    )


def test_the_readers_walk_ends_where_it_says(base: str, world: World, tmp_path: Path):
    """Every command exits 0, and the ledger holds the advocate's main job, each act once."""
    done = walk(base, tmp_path)
    assert done.returncode == 0, done.stderr + done.stdout[-2000:]
    actions = [entry["action"] for entry in world.entries() if entry["outcome"] == "ok"]
    for action, times in (
        ("client.created", 1),
        ("plan.created", 1),
        ("plan.activated", 1),
        ("checklist_item.updated", 1),
        ("checklist_item.ticked", 5),
        ("review.scheduled", 1),
        ("review.completed", 1),
        ("audit.read", 1),
    ):
        assert actions.count(action) == times, (action, actions)
    (created,) = (entry for entry in world.entries() if entry["action"] == "plan.created")
    assert created["client"]
    assert "checklist_item.ticked" in done.stdout


def test_a_wrong_command_stops_the_walk(base: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """The walk cannot end well when a step fails: here the template is not found."""
    whole = script()
    assert "/v1/templates" in whole
    monkeypatch.setattr("tests.api.test_walk.script", lambda: whole.replace("/v1/templates", "/v1/template"))
    assert walk(base, tmp_path).returncode != 0
