"""Saving: both halves of one instant, copied while the service goes on, read back before they count."""

import json
import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote
from uuid import UUID

import sqlalchemy as sa

from models.access import PLATFORM
from models.backup import Refused
from models.backup.halves import (
    MANIFEST,
    Half,
    Head,
    Manifest,
    digest,
    finished_or_gone,
    half_of,
    reading,
    sync,
    writing,
)
from models.backup.stores import VERSIONS, PostgresStore, Row, SqliteStore, Store, Table, whole
from models.ledger import merkle

Done = Callable[[int], object]


@contextmanager
def snapshot(engine: sa.Engine) -> Iterator[Store]:
    """The database as it is at one instant. Nobody waits for it: no lock on SQLite, a read-only transaction on
    PostgreSQL, as whichever role connects."""
    if engine.dialect.name == "sqlite":
        # Not through the engine, whose transactions begin with the writer's lock.
        address = f"file:{quote(str(engine.url.database))}?mode=rw"
        with closing(sqlite3.connect(address, uri=True, isolation_level=None, timeout=5)) as driver:
            driver.execute("begin")
            yield SqliteStore(driver)
        return
    with engine.connect().execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True) as connection:
        yield PostgresStore(connection)


def save(store: Store, folder: Path, halves: tuple[Half, ...], done: Done) -> Manifest:
    """Copy the halves into a new folder. `done` gets the number of rows just copied. Raises Refused."""
    revision = store.revision()
    if revision is None:
        raise Refused("The database is empty", "There is nothing to back up", "bring it up with db upgrade")
    agencies = [PLATFORM, *store.agencies()]
    tables = {half: [t for t in store.tables().values() if half_of(t.name) is half] for half in halves}
    with finished_or_gone(folder) as part:
        rows = {half: _copy(store, part / half.file, revision, tables[half], agencies, done) for half in halves}
        manifest = Manifest(
            datetime.now(UTC),
            revision,
            _heads(store, agencies),
            {h: _described(part / h.file, rows[h]) for h in halves},
        )
        (part / MANIFEST).write_text(json.dumps(manifest.data(), indent=1) + "\n")
        (part / MANIFEST).chmod(0o600)
        sync(part / MANIFEST)
        _read_back(part, rows)
    return manifest


def rows_of(store: Store, halves: tuple[Half, ...]) -> int:
    """How many rows there are to copy."""
    agencies = [PLATFORM, *store.agencies()]
    return sum(store.count(t, a) for t in store.tables().values() if half_of(t.name) in halves for a in agencies)


def _copy(
    store: Store, path: Path, revision: str, tables: list[Table], agencies: list[UUID], done: Done
) -> dict[str, int]:
    """One half; returns how many rows of each table it holds."""
    copied = {table.name: 0 for table in tables}
    os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    with writing(path) as target:
        target.driver.execute(f"create table {VERSIONS} (version_num text primary key)")
        target.driver.execute(f"insert into {VERSIONS} values (?)", [revision])  # noqa: S608
        for table in tables:
            target.make(table)
            for agency_id in agencies:
                for batch in store.read(table, agency_id):
                    _write(target, table, agency_id, batch)
                    copied[table.name] += len(batch)
                    done(len(batch))
    return copied


def _write(target: SqliteStore, table: Table, agency_id: UUID, batch: list[Row]) -> None:
    try:
        target.write(table, agency_id, batch)
    except sqlite3.OperationalError as error:
        raise Refused(
            f"The backup could not be written ({error})",
            "Nothing of it was kept",
            "make room, or another folder with --to",
        ) from None


def _heads(store: Store, agencies: list[UUID]) -> dict[UUID, Head]:
    """Every ledger's head in this snapshot."""
    table = store.tables()["ledger_heads"]
    size, frontier = table.at("size"), table.at("frontier")
    found = {a: row for a in agencies for batch in store.read(table, a) for row in batch}
    return {a: Head.of(row[size], row[frontier]) for a, row in found.items()}


def _described(path: Path, rows: dict[str, int]) -> dict[str, Any]:
    return {"sha256": digest(path), "bytes": path.stat().st_size, "rows": rows}


def _read_back(folder: Path, rows: dict[Half, dict[str, int]]) -> None:
    """What stands on the disk now is what was copied, row for row in number and byte for byte by checksum."""
    manifest = Manifest.read(folder)
    for half, expected in rows.items():
        with reading(folder, half, manifest) as store:
            sound = store.driver.execute("pragma integrity_check(1)").fetchone()[0] == "ok"
            found = {n: store.driver.execute(f'select count(*) from "{n}"').fetchone()[0] for n in store.tables()}  # noqa: S608
        if not sound or found != expected:
            raise Refused(
                f"{half.file} could not be read back as it was written",
                "There is no backup: nothing was kept",
                "look at the disk, then the same command again",
            )


def ledgers_sound(folder: Path) -> list[UUID]:
    """The agencies whose ledger in this folder is not what its head says: somebody changed it before it was saved."""
    manifest = Manifest.read(folder)
    with reading(folder, Half.KEYS, manifest) as store:
        entries = store.tables()["ledger_entries"]
        at = entries.at("entry")
        wrong = []
        for agency_id, head in manifest.ledgers.items():
            stored = (whole(row[at]) for batch in store.read(entries, agency_id) for row in batch)
            if Head.of(*merkle.frontier_of(stored)) != head:
                wrong.append(agency_id)
    return wrong
