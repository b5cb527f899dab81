"""Where the CPU goes: py-spy looks at the server while an operation runs, and each look is booked on one part."""

import re
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

from benchmarks.measure import BenchError, Server, first_answer, run, serving
from benchmarks.operations import Operation
from benchmarks.scene import Scene

CONNECTIONS, LOOKS_A_SECOND, SHOWN = 8, 250, 12
#: A look belongs to the first part, in this order, of which any frame of the stack is (innermost first).
PARTS = (
    ("idle", r"_worker \(concurrent"),
    ("ledger entry", r"(_entry|_object|append|_disclosure|canonical|push) \(models/(workspace|ledger)"),
    ("cells: seal and open", r"models/vault/"),
    ("rows: statements, binding, reading", r"models/rows\.py"),
    (
        "commit, begin",
        r"(do_commit|_begin_impl|_commit_impl|do_begin|_begin|_begin_for) \((sqlalchemy|models/(engine|database))",
    ),
    ("Session and connection (SQLAlchemy)", r"\(sqlalchemy/"),
    ("shapes and bytes", r"(api/routes/|api/progress|api/paging|pydantic/|_respond)"),
    ("verbs and words", r"\(models/"),
    ("gate and door", r"api/(door|gate|tokens|json_gate|shapes)"),
    ("log line and metrics", r"(_tell|structlog|prometheus|api/log)"),
    ("shell: headers, ids, limits", r"api/(middleware|limits)"),
    ("lane: queue and hop", r"(api/lane|queue|threading|call_soon)"),
    ("routing (paths, FastAPI, Starlette)", r"(api/paths|\((fastapi|starlette)/)"),
    ("uvicorn and event loop", r"(uvicorn|asyncio|uvloop)"),
)
_PARTS = [(name, re.compile(pattern)) for name, pattern in PARTS]


def profile(kind: str, scene: Scene, folder: Path, operations: Iterable[Operation], seconds: float) -> str:
    """A Markdown table: parts by operations, in per cent of the looks at working threads."""
    shares: dict[str, Counter[str]] = {}
    hottest: list[str] = []
    with serving(f"{kind}-profile", scene, folder) as server:
        for operation in operations:
            first_answer(server, operation)
            stacks = list(_looks(server, operation, folder, seconds))
            shares[operation.name] = _booked(stacks)
            hottest.append(f"{operation.name}: {_hottest(stacks)}")
    names = [name for name, _ in PARTS if name != "idle"] + ["elsewhere"]
    rows = [f"| {name} | " + " | ".join(f"{by[name]:.0%}" for by in shares.values()) + " |" for name in names]
    head = f"| {kind} | " + " | ".join(shares) + " |\n|" + ":--|" + "--:|" * len(shares)
    return "\n".join([head, *rows, "", *hottest])


def _looks(server: Server, operation: Operation, folder: Path, seconds: float) -> Iterator[tuple[list[str], int]]:
    """Stacks (outermost first) with how often each was seen while holding the interpreter."""
    out = folder / f"{operation.name}.txt"
    command = [
        str(Path(sys.executable).with_name("py-spy")), "record", "--pid", str(server.pid), "--gil", "--format", "raw",
        "--rate", str(LOOKS_A_SECOND), "--duration", str(max(2, round(seconds))), "--output", str(out),
    ]  # fmt: skip
    watching = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    time.sleep(0.3)
    while watching.poll() is None:
        run(server, operation, CONNECTIONS, 2.0)
    if watching.returncode or not out.exists():
        raise BenchError(f"py-spy could not look: {watching.stderr.read().decode()[-500:] if watching.stderr else ''}")
    for line in out.read_text().splitlines():
        stack, count = line.rsplit(" ", 1)
        yield re.sub(r":\d+\)", ")", stack).split(";"), int(count)


def _booked(stacks: Iterable[tuple[list[str], int]]) -> Counter[str]:
    found: Counter[str] = Counter()
    for frames, count in stacks:
        found[_part(frames)] += count
    del found["idle"]
    total = sum(found.values()) or 1
    return Counter({name: count / total for name, count in found.items()})


def _part(frames: list[str]) -> str:
    for frame in reversed(frames):
        for name, pattern in _PARTS:
            if pattern.search(frame):
                return name
    return "elsewhere"


def _hottest(stacks: Iterable[tuple[list[str], int]]) -> str:
    own: Counter[str] = Counter()
    for frames, count in stacks:
        own[frames[-1]] += count * (_part(frames) != "idle")
    total = sum(own.values()) or 1
    return ", ".join(f"{frame} {count / total:.0%}" for frame, count in own.most_common(SHOWN))
