"""The command line as its users meet it: real processes, with an environment of their own."""

import io
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self
from unittest import mock

import httpx2
import pytest

from api.cli import main
from tests.world import PASSWORD

ROOT = Path(__file__).parent.parent.parent
PATIENCE = 30.0


@dataclass
class Ran:
    """What a verb printed and how it ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """Standard output as the one JSON document it has to be."""
        return json.loads(self.out)

    def refused(self, *words: str) -> None:
        """It could not run, said so in one line with all these words and a next command, and showed no traceback."""
        assert self.code == 3, (self.code, self.out, self.err)
        lines = self.err.splitlines()
        assert len(lines) == 1, self.err
        assert lines[0].startswith("waypost: ")
        assert " Next: " in lines[0]
        for word in words:
            assert word in lines[0], lines[0]
        assert "Traceback" not in self.out + self.err


class _MustNotServe(AssertionError):
    """A verb that should have been refused went on to serve: it would never end."""


@dataclass
class Program:
    """`python -m api` with these settings and nothing else from the caller's environment."""

    folder: Path
    settings: dict[str, str] = field(default_factory=dict)

    def env(self, **more: str) -> dict[str, str]:
        """The environment of a run."""
        base = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.folder),
            "PYTHONPATH": str(ROOT),
            "PYTHONWARNINGS": "error",
        }
        return base | self.settings | more

    def __call__(self, *words: str, **more: str) -> Ran:
        """Run a verb to its end in this process, through the same entry: starting Python a hundred times takes long."""
        out, err, mask = io.StringIO(), io.StringIO(), os.umask(0o077)
        settings = self.env(**{"WAYPOST_PORT": str(free_port())} | more)
        try:
            with (
                mock.patch.dict(os.environ, settings, clear=True),
                mock.patch.object(sys, "argv", ["waypost", *words]),
                mock.patch("uvicorn.Server.run", side_effect=_MustNotServe),
                mock.patch("api.worker.run", side_effect=_MustNotServe),
                mock.patch("gc.freeze"),  # it would hide from the tests what a verb forgets to close
                redirect_stdout(out),
                redirect_stderr(err),
                pytest.raises(SystemExit) as end,
            ):
                main()
        finally:
            os.umask(mask)
        code = end.value.code
        assert isinstance(code, int)
        return Ran(code, out.getvalue(), err.getvalue())

    def process(self, *words: str, **more: str) -> Ran:
        """Run a verb to its end in a process of its own."""
        ran = subprocess.run(
            [sys.executable, "-m", "api", *words],
            env=self.env(**{"WAYPOST_PORT": str(free_port())} | more),
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        return Ran(ran.returncode, ran.stdout, ran.stderr)

    def begun(self, *words: str, **more: str) -> subprocess.Popen[bytes]:
        """A verb under way in a process of its own, to be waited for or killed."""
        return subprocess.Popen(
            [sys.executable, "-m", "api", *words],
            env=self.env(**{"WAYPOST_PORT": str(free_port())} | more),
            cwd=self.folder,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    @contextmanager
    def serving(self, *words: str, **more: str) -> Iterator["Service"]:
        """A verb that serves, from the first answer until the block ends."""
        port = int(more.setdefault("WAYPOST_PORT", str(free_port())))
        env = self.env(**more)
        with (self.folder / "out").open("w") as out, (self.folder / "err").open("w") as err:
            command = [sys.executable, "-m", "api", *(words or ("serve",))]
            process = subprocess.Popen(command, env=env, cwd=self.folder, stdout=out, stderr=err, text=True)
        service = Service(process, f"http://127.0.0.1:{port}", self.folder)
        try:
            service.await_answer()
            yield service
        finally:
            if process.poll() is None:
                process.kill()
            process.wait()


@dataclass
class Service:
    """A running server."""

    process: subprocess.Popen[str]
    url: str
    folder: Path

    def await_answer(self) -> None:
        """Wait until it answers, or fail with what it printed."""
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                raise AssertionError(f"ended with {self.process.returncode}: {self.printed()}")
            try:
                if httpx2.get(f"{self.url}/health/live", timeout=5).status_code == 200:
                    return
            except httpx2.TransportError:
                time.sleep(0.03)
        raise AssertionError(f"no answer: {self.printed()}")

    def printed(self) -> str:
        """Everything it printed so far."""
        return (self.folder / "out").read_text() + (self.folder / "err").read_text()

    def stop(self, number: int = signal.SIGTERM, within: float = PATIENCE) -> int:
        """Send a signal and give the exit code."""
        self.process.send_signal(number)
        return self.process.wait(within)

    def sign_in(self, email: str = "ana@harbor.example", password: str = PASSWORD) -> httpx2.Client:
        """A client that is somebody."""
        body = {"email": email, "password": password}
        answer = httpx2.post(f"{self.url}/v1/sessions", json=body, timeout=20)
        assert answer.status_code == 201, answer.text
        headers = {"authorization": f"Bearer {answer.json()['access_token']}"}
        return httpx2.Client(base_url=self.url, headers=headers, timeout=20)


def free_port() -> int:
    """A port nobody listens on now."""
    with socket.socket() as opened:
        opened.bind(("127.0.0.1", 0))
        return int(opened.getsockname()[1])


class Writers:
    """Several people at once opening clients as fast as they are answered; remembers what was acknowledged."""

    def __init__(self, service: Service, people: int = 4) -> None:
        self.acknowledged: list[str] = []
        self.refused: list[int] = []
        self._service, self._people, self._stop = service, people, False
        self._pool = ThreadPoolExecutor(people)

    def __enter__(self) -> Self:
        signed_in = [self._service.sign_in() for _ in range(self._people)]
        self._running = [self._pool.submit(self._write, client) for client in signed_in]
        return self

    def __exit__(self, *_: object) -> None:
        self._stop = True
        for running in self._running:
            running.result()
        self._pool.shutdown()

    def await_writes(self, count: int) -> None:
        """Wait until so many were acknowledged."""
        deadline = time.monotonic() + PATIENCE
        while len(self.acknowledged) < count:
            assert time.monotonic() < deadline, f"{len(self.acknowledged)} of {count}; {self._service.printed()[-500:]}"
            time.sleep(0.01)

    def _write(self, client: httpx2.Client) -> None:
        with client:
            while not self._stop:
                try:
                    answer = client.post("/v1/clients", json={"alias": "Wren"})
                except httpx2.TransportError:
                    return
                if answer.status_code == 201:
                    self.acknowledged.append(answer.json()["id"])
                else:
                    self.refused.append(answer.status_code)
