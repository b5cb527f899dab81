"""What the ledger costs beside a plain insert, and how fast it is verified and proved (`make bench ARGS=--vault`)."""

import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from models.base import table_of
from models.engine import make_engine
from models.ledger import book, checkpoint, merkle
from models.ledger.action import Action
from models.ledger.anchors import LedgerTile
from models.ledger.book import LedgerEntry, LedgerHead
from models.ledger.export import export
from models.ledger.offline import check_proof, verify_folders
from models.workspace import Workspace
from tests.postgres import Postgres
from tests.world import World, build, make_vault

APPENDS = 500
VERIFIED = 100_000
PROVED = 1_000_000
CHUNK = 10_000
_E, _H, _T = table_of(LedgerEntry), table_of(LedgerHead), table_of(LedgerTile)


def main() -> int:
    """Measure on both databases and print a line for each figure."""
    with tempfile.TemporaryDirectory(prefix="waypost-bench-") as name, Postgres(durable=True) as server:
        urls = server.new_database()
        file = f"sqlite:///{Path(name) / 'waypost.db'}"
        for kind, url, owner, superuser in (
            ("sqlite", file, file, file),
            ("postgresql", urls.app, urls.owner, urls.superuser),
        ):
            folder = Path(name) / kind
            folder.mkdir()
            world = build(url, owner, make_vault(folder))
            for line in figures(kind, world, superuser, folder):
                print(line, flush=True)
            world.database.engine.dispose()
    return 0


def figures(kind: str, world: World, superuser: str, folder: Path) -> Iterator[str]:
    """Every figure of one database, as a line."""
    plain, logged = append_cost(world, superuser)
    more = f"{logged - plain:+.2f} ms"
    yield f"{kind}: a committed insert takes {plain:.2f} ms, with a ledger entry {logged:.2f} ms: {more}"
    grow(world, superuser, VERIFIED)
    took, verdict = timed(lambda: book.verified(world.system, world.agency_id()))
    assert not verdict.faults
    yield f"{kind}: {verdict.size:,} entries verified in the database in {took:.2f} s"
    out = export(world.system, world.agency_id(), folder / "out").folder
    took, (audit,) = timed(lambda: list(verify_folders(out, [], [], state=True)))
    assert not audit.found.faults
    yield f"{kind}: {audit.tree.size:,} entries verified from files in {took:.2f} s"
    grow(world, superuser, PROVED)
    times, proof = proofs(world)
    yield (
        f"{kind}: a proof at {PROVED:,} entries takes {statistics.median(times):.1f} ms (worst of {len(times)}: "
        f"{max(times):.1f} ms) and has {len(proof.encode()):,} bytes"
    )


def timed(work: Callable[[], Any]) -> tuple[float, Any]:
    """Seconds, and what the work returns."""
    began = time.perf_counter()
    found = work()
    return time.perf_counter() - began, found


def append_cost(world: World, superuser: str) -> tuple[float, float]:
    """Milliseconds of a transaction that inserts one row: into a table without a log, and into the log. Medians."""
    with _plain_table(superuser) as table:
        marks = "(?, ?)" if world.database.embedded else "(%s, %s)"
        insert = f"insert into bench_rows values {marks}"  # noqa: S608 - no value is in it

        def row(db: Workspace) -> None:
            db.driver.execute(insert, [time.time_ns(), b"x" * 500])

        def entry(db: Workspace) -> None:
            db.note(Action.AUDIT_READ, "ledger_entries", [])

        assert table
        times = [(timed(lambda: world.system(row))[0], timed(lambda: world.system(entry))[0]) for _ in range(APPENDS)]
        plain, logged = (1000 * statistics.median(column) for column in zip(*times, strict=True))
        return plain, logged


@contextmanager
def _plain_table(superuser: str) -> Iterator[str]:
    engine = make_engine(superuser)
    embedded = engine.dialect.name == "sqlite"
    with engine.begin() as connection:
        kind = "blob" if embedded else "bytea"
        connection.exec_driver_sql(f"create table bench_rows (id bigint primary key, body {kind})")
        if not embedded:
            connection.exec_driver_sql("grant insert on bench_rows to waypost_app")
    yield "bench_rows"
    with engine.begin() as connection:
        connection.exec_driver_sql("drop table bench_rows")
    engine.dispose()


def grow(world: World, superuser: str, size: int) -> None:
    """Entries, subtree hashes and head up to a size, straight into the tables: over HTTP it would take an hour."""
    mine, engine = world.agency_id(), make_engine(superuser)
    at, frontier = world.system(book.head)
    with engine.begin() as connection:
        if world.database.embedded:
            kept = connection.exec_driver_sql("select name, sql from sqlite_master where type = 'trigger'").all()
            for name, _ in kept:
                connection.exec_driver_sql(f"drop trigger {name}")
        else:
            kept = []
            connection.exec_driver_sql("set session_replication_role = replica")
        while at < size:
            rows, tiles = [], []
            for seq in range(at, min(at + CHUNK, size)):
                row = _entry(mine, seq)
                leaf = merkle.leaf_hash(row["entry"])
                if seq % merkle.TILE == merkle.TILE - 1:
                    tiles.append({"agency_id": mine, "number": seq // merkle.TILE, "hash": merkle.tile(frontier, leaf)})
                frontier = merkle.push(frontier, seq, leaf)
                rows.append(row)
            connection.execute(sa.insert(_E), rows)
            if tiles:
                connection.execute(sa.insert(_T), tiles)
            at += len(rows)
        connection.execute(sa.update(_H).where(_H.c.agency_id == mine).values(size=at, frontier=frontier))
        for _, statement in kept:
            connection.exec_driver_sql(statement)
    engine.dispose()


def _entry(agency: UUID, seq: int) -> dict[str, Any]:
    one, at = UUID(int=seq), datetime.now(UTC)
    entry = {
        "v": 1,
        "seq": seq,
        "agency": str(agency),
        "at": book.written(at),
        "req": "6f1c2b9e0d4a4a5f",
        "who": {"kind": "person", "id": str(one), "role": "advocate", "session": str(one), "auth": "password"},
        "where": {"ip": "192.0.2.7", "agent": "browser"},
        "action": Action.PLAN_READ,
        "object": {"t": "plans", "count": 1, "ids": [str(one)]},
        "client": str(one),
        "outcome": "ok",
        "code": None,
        "opened": [{"t": "plans", "count": 1, "ids": [str(one)], "fields": ["facts"]}],
    }
    known = {"agency_id": agency, "seq": seq, "at": at, "actor_id": one, "action": Action.PLAN_READ}
    return known | {"subject_id": one, "client_id": one, "entry": book.canonical(entry)}


def proofs(world: World) -> tuple[list[float], str]:
    """Milliseconds of proofs spread over the log, each checked, and one of them."""
    keys, times, proof = world.database.vault.notary.keys(world.agency_id()), [], ""
    for seq in range(7, PROVED, PROVED // 20):
        took, proof = timed(lambda seq=seq: world.system(lambda db: checkpoint.prove(db, seq)))  # type: ignore[misc]
        stored = world.system(lambda db, seq=seq: next(book.entries(db, seq)))[1]  # type: ignore[misc]
        assert check_proof(proof, stored, keys) is None
        times.append(1000 * took)
    return times, proof


if __name__ == "__main__":
    raise SystemExit(main())
