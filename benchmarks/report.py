"""Tables of what was measured, as Markdown that is also plain text, and the part of docs/speed.md they stand in."""

import platform
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks import peers
from benchmarks.measure import Figures

DOCS = Path(__file__).parent.parent / "docs" / "speed.md"
LAST_RUN, GROWTH = "bench", "growth"  # parts of the page, each between two marks
FLOOR = "starlette"
SEVERAL = "postgresql-several"


@dataclass
class Result:
    """One run of the suite. `figures[server][operation][connections]`; floors and costs by server."""

    connections: list[int]
    figures: dict[str, dict[str, dict[int, Figures]]] = field(default_factory=dict)
    driver_ms: dict[str, dict[str, float]] = field(default_factory=dict)
    bytes_a_client: dict[str, float] = field(default_factory=dict)
    bulk_bytes_a_client: dict[str, float] = field(default_factory=dict)
    start_seconds: dict[str, float] = field(default_factory=dict)
    memory: dict[str, tuple[int, int]] = field(default_factory=dict)
    entries: dict[str, int] = field(default_factory=dict)
    answer_bytes: dict[str, int] = field(default_factory=dict)
    machine: str = ""
    how: str = ""

    def share_of_floor(self, server: str, operation: str, connections: int) -> float | None:
        """CPU of the floor (a Starlette route and the bare driver with the same crypto) over the operation's own."""
        floor = self.figures.get(FLOOR, {}).get(operation, {}).get(connections)
        driver = self.driver_ms.get(server.partition("-")[0], {}).get(operation)
        if floor is None or driver is None:
            return None
        return (floor.cpu_ms + driver) / self.figures[server][operation][connections].cpu_ms

    def as_json(self) -> dict[str, Any]:
        """Everything, for another program."""
        return asdict(self)


def machine() -> str:
    """Cores, processor, Python and the kernel, in a line."""
    cpus = Path("/proc/cpuinfo").read_text()
    model = next((line.split(":", 1)[1].strip() for line in cpus.splitlines() if line.startswith("model name")), "?")
    cores = cpus.count("processor\t")
    return f"{cores} cores ({model}), Python {platform.python_version()}, Linux {platform.release().split('-')[0]}"


def tables(result: Result) -> str:
    """All tables."""
    parts = [f"{datetime.now(UTC).date().isoformat()} · {result.machine} · {result.how}", _others(result)]
    databases = [name for name in result.figures if name != FLOOR]
    for server in databases:
        parts += [f"**{NAMES[server]}**", _figures(result, server)]
    if 8 in result.connections:
        parts += [_ratios(result, server) for server in databases if server != SEVERAL]
    if SEVERAL in result.figures:
        parts.append(_more_processes(result))
    parts.append(_costs(result, databases))
    return "\n\n".join(part for part in parts if part)


NONE = "-"
NAMES = {
    "sqlite": "SQLite, one process",
    "postgresql": "PostgreSQL, one process",
    SEVERAL: "PostgreSQL, two processes",
}


def _others(result: Result) -> str:
    """How much somebody else was using the machine: seen where nothing but the server and the generator should run."""
    seen = [
        f.other_cores for name in ("sqlite", FLOOR) for by in result.figures.get(name, {}).values() for f in by.values()
    ]
    if not seen:
        return ""
    other = sum(seen) / len(seen)
    calm = "a quiet machine" if other < 0.1 else "requests/s and latencies are worse than they are, CPU ms somewhat too"
    return f"Other work used {other:.2f} cores meanwhile: {calm}."


def _figures(result: Result, server: str) -> str:
    rows = []
    for operation, by in result.figures[server].items():
        for connections, f in by.items():
            floor = result.figures.get(FLOOR, {}).get(operation, {}).get(connections)
            driver = result.driver_ms.get(server.partition("-")[0], {}).get(operation)
            share = result.share_of_floor(server, operation, connections)
            rows.append(
                [
                    operation,
                    connections,
                    f"{f.rate:,.0f}",
                    f"{f.p50_ms:.1f}",
                    f"{f.p99_ms:.1f}",
                    f"{f.cpu_ms:.2f}",
                    f"{floor.cpu_ms:.2f}" if floor else NONE,
                    f"{driver:.2f}" if driver else NONE,
                    f"{share:.0%}" if share else NONE,
                    f"1 / {floor.rate / f.rate:.1f}" if floor else NONE,
                ]
            )
    heads = (
        "operation",
        "conn.",
        "req/s",
        "p50 ms",
        "p99 ms",
        "CPU ms",
        "Starlette",
        "driver",
        "of floor",
        "rate to Starlette",
    )
    return _table(heads, rows)


def _ratios(result: Result, server: str) -> str:
    rows = []
    for operation, goal in peers.GOALS.items():
        if operation not in result.figures[server]:
            continue
        f = result.figures[server][operation][8]
        if server == "sqlite":
            pairs = [_times(f.rate / p, g) for p, g in zip(peers.SQLITE[operation], goal[:4], strict=True)]
        else:
            known = peers.POSTGRESQL.get(operation)
            goals = peers.POSTGRESQL_GOALS.get(operation, (None, None))
            pairs = [_times(f.rate / known[i], goals[i]) if known else NONE for i in (0, 1)]
        share = result.share_of_floor(server, operation, 8)
        # The share of the CPU floor was set for SQLite; elsewhere it is shown without a goal.
        of_floor = (
            NONE
            if share is None
            else f"{share:.0%}" + (_goal(share, goal.floor, f"{goal.floor:.0%}") if server == "sqlite" else "")
        )
        spread = f.p99_ms / f.p50_ms
        rows.append([operation, *pairs, of_floor, f"{spread:.1f}" + _goal(-spread, -peers.MOST_P99_TO_P50, "≤ 4")])
    names = peers.NAMES if server == "sqlite" else (peers.NAMES[0], peers.NAMES[2])
    title = f"{NAMES[server]}, 8 connections: times as many requests/s as others (goal)"
    return title + "\n\n" + _table(("operation", *(f"x {n}" for n in names), "of CPU floor", "p99 / p50"), rows)


def _more_processes(result: Result) -> str:
    """What a second process brings: requests a second over those of one."""
    one, two = result.figures["postgresql"], result.figures[SEVERAL]
    rows = [[name, *(f"{two[name][c].rate / f.rate:.2f}" for c, f in by.items())] for name, by in one.items()]
    heads = ("two processes / one", *(f"{c} conn." for c in result.connections))
    return "PostgreSQL: requests/s of two processes over those of one\n\n" + _table(heads, rows)


def growth(sizes: Sequence[tuple[str, int, dict[str, Figures]]]) -> str:
    """How the operations that read stand to the number of an agency's clients, 8 connections."""
    rows = []
    for kind, clients, by in sizes:
        least = next(b for k, _, b in sizes if k == kind)
        rows += [
            [kind, name, f"{clients:,}", f"{f.rate:,.0f}", f"{f.p50_ms:.1f}", f"{f.p99_ms:.1f}", f"{f.cpu_ms:.2f}",
             f"{f.cpu_ms / least[name].cpu_ms:.2f}"]
            for name, f in by.items()
        ]  # fmt: skip
    heads = ("database", "operation", "clients", "req/s", "p50 ms", "p99 ms", "CPU ms", "CPU to the smallest")
    when = f"{datetime.now(UTC).date().isoformat()} · {machine()} · 8 connections"
    return f"{when}\n\n{_table(heads, sorted(rows, key=lambda row: (row[0], row[1])))}"


def _times(found: float, goal: float | None) -> str:
    return f"{found:.1f}" + ("" if goal is None else _goal(found, goal, f"≥ {goal:g}"))


def _goal(found: float, goal: float, words: str) -> str:
    return f" ({words})" if found >= goal else f" **({words})**"


def _costs(result: Result, databases: Iterable[str]) -> str:
    rows = [
        [
            NAMES[server],
            f"{result.start_seconds[server]:.1f} s",
            f"{result.memory[server][0] / 2**20:.0f} MiB",
            f"{result.memory[server][1] / 2**20:.0f} MiB",
            f"{result.bytes_a_client[server] / 1024:.1f} KiB" if server in result.bytes_a_client else NONE,
            f"{result.bulk_bytes_a_client[server] / 1024:.1f} KiB" if server in result.bulk_bytes_a_client else NONE,
            f"{result.entries[server]:,} sound" if server in result.entries else NONE,
        ]
        for server in databases
    ]
    heads = ("", "start", "memory", "of it its own", "a client over HTTP", "a client in bulk", "ledger afterwards")
    return _table(heads, rows)


def _table(heads: Sequence[object], rows: Sequence[Sequence[object]]) -> str:
    cells = [[str(cell) for cell in row] for row in (heads, *rows)]
    widths = [max(len(row[i]) for row in cells) for i in range(len(heads))]
    lines = [
        "| "
        + " | ".join(c.ljust(w) if i == 0 else c.rjust(w) for i, (c, w) in enumerate(zip(row, widths, strict=True)))
        + " |"
        for row in cells
    ]
    rule = "|" + "|".join(":" + "-" * (w + 1) if i == 0 else "-" * (w + 1) + ":" for i, w in enumerate(widths)) + "|"
    return "\n".join([lines[0], rule, *lines[1:]])


def update_docs(text: str, part: str, path: Path = DOCS) -> None:
    """Put tables between the marks of a part. Raises ValueError when a mark is missing."""
    begin, end = f"<!-- {part}: begin -->", f"<!-- {part}: end -->"
    before, _, rest = path.read_text().partition(begin)
    _, mark, after = rest.partition(end)
    if not mark:
        raise ValueError(f"{path} lacks {begin} or {end}")
    path.write_text(f"{before}{begin}\n\n{text}\n\n{end}{after}")
