"""Saving and restoring 1,000 clients with their plans, on both databases: seconds and bytes."""

import tempfile
import time
from pathlib import Path

import migrations
from benchmarks import scene
from benchmarks.measure import BenchError
from models.backup.check import Asked, examined
from models.backup.halves import Half
from models.backup.restore import restore
from models.backup.save import rows_of, save, snapshot
from models.engine import make_engine
from tests.postgres import Postgres

CLIENTS = 1_000
BOTH = (Half.DATA, Half.KEYS)


def main() -> None:
    """Print one line for each step on each database."""
    with tempfile.TemporaryDirectory(prefix="waypost-bench-") as name:
        folder = Path(name)
        (folder / "sqlite").mkdir()
        url, into = (f"sqlite:///{folder / file}" for file in ("waypost.db", "restored.db"))
        _measure("sqlite", folder / "sqlite", url, url, into)
        (folder / "postgresql").mkdir()
        with Postgres(durable=True) as server:
            made, empty = server.new_database(), server.new_database()
            _measure("postgresql", folder / "postgresql", made.app, made.owner, empty.owner)


def _measure(kind: str, folder: Path, url: str, owner_url: str, into: str) -> None:
    built = scene.build(url, owner_url, folder, CLIENTS)
    vault, size = built.database.vault, built.size()
    built.database.engine.dispose()
    halves, keys = folder / "backup", folder / "keys-export"
    saved = _save(url, halves, BOTH)
    exported = _save(url, keys, (Half.KEYS,))
    data, key_file = (halves / half.file for half in BOTH)
    sizes = f"data.db {data.stat().st_size / 1e6:.1f} MB, keys.db {key_file.stat().st_size / 1e6:.1f} MB"
    print(f"{kind}: {CLIENTS:,} clients, {size / 1e6:.0f} MB; saved in {saved:.1f} s ({sizes}), keys {exported:.2f} s")
    began = time.monotonic()
    with examined(Asked(halves, keys, without_checkpoint=True), vault.root, lambda _: None) as found:
        checked, began = time.monotonic() - began, time.monotonic()
        engine = make_engine(into)
        with engine.begin() as connection:
            restore(connection, found, vault, migrations.upgrade_on, lambda _: None)
        engine.dispose()
        restored = time.monotonic() - began
        if (alive := found.counts()["alive"]) != CLIENTS:
            raise BenchError(f"{alive} clients of {CLIENTS} came back")
    print(f"{kind}: checked in {checked:.1f} s, restored in {restored:.1f} s")


def _save(url: str, folder: Path, halves: tuple[Half, ...]) -> float:
    """Seconds a save takes, as the command does it."""
    began, engine = time.monotonic(), make_engine(url)
    with snapshot(engine) as store:
        rows_of(store, halves)
        save(store, folder, halves, lambda _: None)
    engine.dispose()
    return time.monotonic() - began


if __name__ == "__main__":
    main()
