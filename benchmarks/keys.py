"""Rotating 50,000 keys on both databases, beside the plain statements that write as many rows."""

import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

import sqlalchemy as sa

from benchmarks.measure import BenchError
from models.base import table_of
from models.vault import rotation
from models.vault.keys import DataKey
from models.workspace import Workspace
from tests import world as worlds
from tests.postgres import Postgres
from tests.world import World

if TYPE_CHECKING:
    from models.database import Database

KEYS = 50_000
CHUNK = 5_000


def main() -> None:
    """Print one line for each database."""
    with tempfile.TemporaryDirectory(prefix="waypost-bench-") as name:
        folder = Path(name)
        _measure(
            "sqlite", folder / "sqlite", f"sqlite:///{folder / 'waypost.db'}", f"sqlite:///{folder / 'waypost.db'}"
        )
        with Postgres(durable=True) as server:
            made = server.new_database()
            _measure("postgresql", folder / "postgresql", made.app, made.owner)


def _measure(kind: str, folder: Path, url: str, owner_url: str) -> None:
    folder.mkdir()
    world = worlds.build(url, owner_url, worlds.make_vault(folder))
    for _ in range(KEYS // CHUNK):
        world.system(_fill)
    plain = _seconds(lambda: _plainly(world))
    world.database.vault.root.rotate()
    turned = _seconds(lambda: _rotate(world))
    if len(world.system(rotation.epochs)) != 1 or world.system(rotation.check).damaged:
        raise BenchError("the rotation is not whole")
    speed = f"{KEYS:,} keys in {turned:.2f} s ({KEYS / turned:,.0f}/s)"
    print(f"rotation, {kind}: {speed}; as many plain updates {plain:.2f} s")
    world.database.engine.dispose()


def _fill(db: Workspace) -> None:
    for _ in range(CHUNK):
        db.keys.create(uuid4(), "client")


def _plainly(world: World) -> None:
    """The same rows updated with random bytes, in the same batches, without keys or log."""
    database: Database = world.database
    table = table_of(DataKey)
    agency = world.agency_id()
    with database.engine.connect() as connection:
        with connection.begin():
            _within(connection, agency)
            kids = [
                bytes(kid)
                for kid in connection.execute(sa.select(table.c.kid).where(table.c.agency_id == agency)).scalars()
            ]
        change = (
            sa.update(table)
            .where(table.c.agency_id == sa.bindparam("agency"), table.c.kid == sa.bindparam("named"))
            .values(seals=sa.bindparam("more"))
        )
        for first in range(0, len(kids), rotation.BATCH):
            with connection.begin():
                _within(connection, agency)
                rows = [{"agency": agency, "named": kid, "more": 7} for kid in kids[first : first + rotation.BATCH]]
                connection.execute(change, rows)


def _within(connection: sa.Connection, agency: object) -> None:
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql(f"select set_config('app.agency_id', '{agency}', true)")


def _rotate(world: World) -> None:
    epoch = world.system(rotation.begin)
    while world.system(lambda db: rotation.rewrap(db, epoch)):
        pass
    world.system(lambda db: rotation.end(db, epoch))


def _seconds(work: Callable[[], None]) -> float:
    os.sync()
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


if __name__ == "__main__":
    main()
