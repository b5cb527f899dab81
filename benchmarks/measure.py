"""Servers started, jobs run in turns, medians taken."""

import base64
import http.client
import json
import os
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from benchmarks.load import Job, Sample
from benchmarks.operations import Operation, encode, head
from benchmarks.scene import Scene
from tests.world import PASSWORD

TOKEN_SECONDS = 300  # a fresh token well before the ten minutes of one are over
FASTEST = 4_000  # requests a second no operation that makes something new will pass on these machines
REPEATED = 2_000  # different requests a reading job cycles through


class BenchError(RuntimeError):
    """The measurement cannot go on; the text says why."""


@dataclass
class Server:
    """A running server, and the scene its requests are about."""

    name: str
    port: int
    pid: int
    scene: Scene
    start_seconds: float
    _tokens: dict[str, tuple[float, str]] = field(default_factory=dict)

    def token(self, who: str) -> str:
        """An access token of somebody's, by signing in as people do."""
        made, token = self._tokens.get(who, (0.0, ""))
        if time.monotonic() - made > TOKEN_SECONDS:
            sent = {"email": self.scene.world.people[who].email, "password": PASSWORD}
            _, body = self.ask("POST", "/v1/sessions", sent)
            token = str(json.loads(body)["access_token"])
            self._tokens[who] = time.monotonic(), token
        return token

    def ask(self, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, bytes]:
        """One request outside the measurement. Raises BenchError for a refusal."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        sent = None if body is None else json.dumps(body)
        connection.request(method, path, sent, {"content-type": "application/json"} | headers)
        answer = connection.getresponse()
        content = answer.read()
        connection.close()
        if answer.status >= 400:
            raise BenchError(f"{self.name}: {method} {path} was answered {answer.status}: {content.decode()[:500]}")
        return answer.status, content


@contextmanager
def serving(name: str, scene: Scene, folder: Path, workers: int = 1) -> Iterator[Server]:
    """`python -m api serve` on a scene, in so many processes, for the length of a with block; its log lines go to
    `folder`."""
    port = _free_port()
    settings = {
        "WAYPOST_DATABASE_URL": scene.url,
        "WAYPOST_DATA_DIR": str(folder),
        "WAYPOST_KEYS_DIR": str(scene.keys),
        "WAYPOST_PORT": str(port),
        "WAYPOST_WORKERS": str(workers),
        "WAYPOST_CLIENTS_AN_HOUR": "1000000",
        "WAYPOST_RATE_LIMIT": "1000000",  # one advocate asks for a whole office
    }
    with _process(name, port, ["-m", "api", "serve"], folder, settings) as (pid, start_seconds):
        yield Server(name, port, pid, scene, start_seconds)


@contextmanager
def answering(name: str, scene: Scene, folder: Path, answers: Path) -> Iterator[Server]:
    """The floor's server, asked for the same things as a scene's."""
    port = _free_port()
    with _process(name, port, ["-m", "benchmarks.server", str(port), str(answers)], folder, {}) as (pid, start_seconds):
        yield Server(name, port, pid, scene, start_seconds)


@contextmanager
def _process(
    name: str, port: int, arguments: list[str], folder: Path, settings: dict[str, str]
) -> Iterator[tuple[int, float]]:
    kept = {key: value for key, value in os.environ.items() if not key.startswith("WAYPOST_")}
    began, said = time.monotonic(), folder / f"{name}.log"
    with said.open("wb") as log:
        process = subprocess.Popen([sys.executable, *arguments], stdout=log, stderr=log, env=kept | settings)
    try:
        _wait_for(process, port, said)
        yield process.pid, time.monotonic() - began
    finally:
        process.terminate()
        process.wait(timeout=30)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_for(process: "subprocess.Popen[bytes]", port: int, log: Path) -> None:
    for _ in range(1000):
        if process.poll() is not None:
            break
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.02)
    raise BenchError(f"a server did not start; its last words: {log.read_text(errors='replace')[-1500:]}")


# -- what is measured ---------------------------------------------------------------------------------------------


def first_answer(server: Server, operation: Operation) -> bytes:
    """The bytes of one answer, after a look whether the work was really done."""
    method, path, body = operation.take(server.scene, 1)[0]
    status, content = server.ask(method, path, body, authorization=f"Bearer {server.token(operation.who)}")
    if status != operation.status or not operation.sound(json.loads(content)):
        raise BenchError(f"{server.name}: {operation.name} was not answered as it should be: {content.decode()[:500]}")
    return content


def run(server: Server, operation: Operation, connections: int, seconds: float) -> Sample:
    """One job against a server. Raises BenchError when a single answer was not the expected one."""
    token = server.token(operation.who) if server.name != "starlette" else "as-long-as-a-real-one." + "x" * 420
    repeat = server.name == "starlette" or operation.name in ("read_plan", "read_plan_full", "caseload")
    warm = min(0.4, seconds / 4)
    count = REPEATED if repeat else int((warm + seconds) * FASTEST)
    common = head(server.port, token)
    requests = [base64.b64encode(encode(one, common)).decode() for one in operation.take(server.scene, count)]
    job = Job(
        port=server.port, pid=server.pid, connections=connections, warm=warm, seconds=seconds,
        status=operation.status, repeat=repeat, requests=requests,
    )  # fmt: skip
    sample = _in_own_process(job)
    if sample["errors"] or not sample["count"]:
        raise BenchError(f"{server.name}: {operation.name}: {sample['errors']} errors: {sample['first_error'][:800]}")
    return sample


def _in_own_process(job: Job) -> Sample:
    command = [sys.executable, "-m", "benchmarks.load"]
    done = subprocess.run(command, input=json.dumps(job).encode(), capture_output=True, check=False, timeout=120)
    if done.returncode:
        raise BenchError(f"the load generator failed: {done.stderr.decode()[-1500:]}")
    return cast(Sample, json.loads(done.stdout))


@dataclass(frozen=True)
class Figures:
    """Medians of some runs of one operation on one server with one number of connections."""

    rate: float
    p50_ms: float
    p99_ms: float
    cpu_ms: float
    generator_ms: float
    other_cores: float
    requests: int

    @classmethod
    def of(cls, samples: list[Sample]) -> "Figures":
        """The median of each figure by itself."""

        def median(*values: float) -> float:
            return round(statistics.median(values), 4)

        return cls(
            rate=median(*(s["count"] / s["seconds"] for s in samples)),
            p50_ms=median(*(s["p50"] * 1000 for s in samples)),
            p99_ms=median(*(s["p99"] * 1000 for s in samples)),
            cpu_ms=median(*(s["cpu"] * 1000 / s["count"] for s in samples)),
            generator_ms=median(*(s["own_cpu"] * 1000 / s["count"] for s in samples)),
            other_cores=median(*(s["other_cpu"] / s["seconds"] for s in samples)),
            requests=sum(s["count"] for s in samples),
        )
