"""The load generator, a process of its own: bare sockets and hand-made HTTP/1.1, so that it costs less than any server.

`python -m benchmarks.load` takes one job as JSON on its standard input and prints what it measured as JSON.
"""

import asyncio
import base64
import json
import os
import sys
import time
from itertools import cycle
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict

import uvloop

if TYPE_CHECKING:
    from collections.abc import Iterator

LONGEST = 60.0  # seconds; no job lasts longer
MOST_CONNECTIONS = 256
TICKS = os.sysconf("SC_CLK_TCK")


class Job(TypedDict):
    """What to ask of whom. It ends after `seconds`, or when the requests have run out unless they `repeat`."""

    port: int
    pid: int
    connections: int
    warm: float
    seconds: float
    status: int
    repeat: bool
    requests: list[str]


class Sample(TypedDict):
    """What one job measured. Latencies in seconds; CPU in seconds of the server (all threads), of the generator, and of
    everything else on this machine (a database server, other people's work); memory in bytes."""

    count: int
    seconds: float
    p50: float
    p99: float
    cpu: float
    own_cpu: float
    other_cpu: float
    rss: int
    anonymous: int
    errors: int
    first_error: str


def family(pid: int) -> list[int]:
    """A process and its children: a server may be several."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()
    return [pid, *map(int, children)]


def cpu_of(pids: list[int]) -> float:
    """CPU seconds processes have used, user and system, all their threads."""
    used = 0
    for pid in pids:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
        used += int(fields[11]) + int(fields[12])
    return used / TICKS


def memory_of(pids: list[int]) -> tuple[int, int]:
    """Bytes of memory processes hold now, and how many of them are their own (not mapped from files)."""
    resident = anonymous = 0
    for pid in pids:
        text = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
        lines = dict(line.split(":", 1) for line in text.splitlines())
        resident += int(lines["VmRSS"].split()[0]) << 10
        anonymous += int(lines["RssAnon"].split()[0]) << 10
    return resident, anonymous


def busy() -> float:
    """CPU seconds all processes of this machine have used."""
    with open("/proc/stat", encoding="ascii") as file:  # noqa: PTH123 - as above
        user, nice, system, _, _, irq, softirq, *_ = (int(n) for n in file.readline().split()[1:])
    return (user + nice + system + irq + softirq) / TICKS


class _Run:
    """One job under way, shared by its connections."""

    def __init__(self, job: Job) -> None:
        self.job, self.pids = job, family(job["pid"])
        decoded = [base64.b64decode(request) for request in job["requests"]]
        self.requests: Iterator[bytes] = cycle(decoded) if job["repeat"] else iter(decoded)
        self.status = job["status"]
        self.latencies: list[float] = []
        self.errors, self.first_error = 0, ""
        self.over = False
        self.done = asyncio.get_running_loop().create_future()
        self.open = 0

    def failed(self, what: str) -> None:
        self.errors += 1
        self.first_error = self.first_error or what

    def begin(self) -> None:
        """The warm-up is over: count from here."""
        self.latencies.clear()
        self.cpu, self.own, self.all = cpu_of(self.pids), time.process_time(), busy()
        self.began = time.perf_counter()

    def sample(self) -> Sample:
        ended = time.perf_counter()
        cpu, own = cpu_of(self.pids) - self.cpu, time.process_time() - self.own
        everything = busy() - self.all
        taken = sorted(self.latencies) or [0.0]
        rss, anonymous = memory_of(self.pids)
        return Sample(
            count=len(self.latencies),
            seconds=ended - self.began,
            p50=taken[len(taken) // 2],
            p99=taken[min(len(taken) - 1, len(taken) * 99 // 100)],
            cpu=cpu,
            own_cpu=own,
            other_cpu=max(0.0, everything - cpu - own),
            rss=rss,
            anonymous=anonymous,
            errors=self.errors,
            first_error=self.first_error,
        )


class _Connection(asyncio.Protocol):
    """A keep-alive connection that sends its next request as soon as it has the whole answer to the last."""

    def __init__(self, run: _Run) -> None:
        self.run = run
        self.had, self.needed = b"", 0
        self.sent = 0.0

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        self.run.open += 1

    def connection_lost(self, _: Exception | None) -> None:
        run = self.run
        if not run.over:
            run.failed("the server closed the connection")
        run.open -= 1
        if run.open == 0 and not run.done.done():
            run.done.set_result(None)

    def ask(self) -> None:
        request = None if self.run.over else next(self.run.requests, None)
        if request is None:
            self.run.over = True
            self.transport.close()
            return
        self.sent = time.perf_counter()
        self.transport.write(request)

    def data_received(self, data: bytes) -> None:
        if self.had:
            data = self.had + data
        if not self.needed:
            end = data.find(b"\r\n\r\n")
            if end < 0:
                self.had = data
                return
            self.needed = end + 4 + _content_length(data[:end])
        if len(data) < self.needed:
            self.had = data
            return
        run = self.run
        run.latencies.append(time.perf_counter() - self.sent)
        if int(data[9:12]) != run.status or len(data) != self.needed:
            run.failed(data[:1000].decode(errors="replace"))
        self.had, self.needed = b"", 0
        self.ask()


def _content_length(head: bytes) -> int:
    head = head.lower()
    at = head.find(b"\r\ncontent-length:")
    if at < 0:
        raise ValueError("an answer without content-length")
    return int(head[at + 17 :].split(b"\r\n", 1)[0])


async def _measure(job: Job) -> Sample:
    run, loop = _Run(job), asyncio.get_running_loop()
    where = ("127.0.0.1", job["port"])
    made = [await loop.create_connection(lambda: _Connection(run), *where) for _ in range(job["connections"])]
    run.begin()
    for _, connection in made:
        connection.ask()
    await asyncio.wait([run.done], timeout=job["warm"])
    if not run.over:
        run.begin()
        await asyncio.wait([run.done], timeout=job["seconds"])
    sample = run.sample()
    run.over = True
    await asyncio.wait_for(run.done, 30)  # everybody gets her last answer before the connection closes
    return sample | {"errors": run.errors, "first_error": run.first_error}


def main() -> None:
    """Run the job on standard input."""
    job: Job = json.load(sys.stdin)
    if job["warm"] + job["seconds"] > LONGEST or not 1 <= job["connections"] <= MOST_CONNECTIONS:
        raise SystemExit("A job is bounded to a minute and 256 connections.")
    print(json.dumps(uvloop.run(_measure(job))))


if __name__ == "__main__":
    main()
