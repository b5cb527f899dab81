"""The floor below the framework: each operation's least work on the bare driver, with the same cells and the same log.

What an operation cannot do without, and nothing else: who asks, the rows, the client in sight, the cells sealed or
opened, one entry in the tree, a durable commit. No session, no statement built, no shape, no HTTP. CPU of this process.
"""

import os
import sqlite3
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import cycle
from typing import Any
from uuid import UUID, uuid4

import psycopg
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from benchmarks import statements as sql
from benchmarks.scene import ITEMS, SECTIONS, Scene
from models.base import EPOCH
from models.checklist import item_id, new_plan_id, section_id
from models.ledger import merkle
from models.vault import cells

CIPHER = AESGCM(bytes(32))
NONCE = bytes(12)
ENTRY = b"e" * 600  # bytes of a typical entry
WARM = 20


class Bare:
    """A driver's connection that knows its own way of writing parameters, ids and instants."""

    def __init__(self, scene: Scene) -> None:
        self.sqlite = scene.database.embedded
        self.driver: Any
        if self.sqlite:
            path = str(scene.database.engine.url.database)
            self.driver = sqlite3.connect(path, isolation_level=None, cached_statements=512)
            for pragma in ("synchronous=FULL", "foreign_keys=ON", "secure_delete=ON", "mmap_size=268435456"):
                self.driver.execute(f"pragma {pragma}")
        else:
            self.driver = psycopg.connect(scene.url.replace("+psycopg", ""))
        person = scene.world.people["ana"].actor
        self._agency_text = str(person.agency_id)
        moment = datetime.now(UTC)
        self.now: Any = (moment - EPOCH) // timedelta(microseconds=1) if self.sqlite else moment
        self.agency, self.actor = self.id(person.agency_id), self.id(person.id)

    def id(self, value: UUID) -> Any:
        """An id as the driver takes it."""
        return value.bytes if self.sqlite else value

    def run(self, statement: str, *values: Any) -> Any:
        """One statement that begins with the agency; parameters are written as `?`."""
        text = statement if self.sqlite else statement.replace("?", "%s")
        return self.driver.execute(text, (self.agency, *values))

    def change(self, statement: str, *values: Any) -> Any:
        """One UPDATE, which ends with the agency."""
        text = statement if self.sqlite else statement.replace("?", "%s")
        return self.driver.execute(text, (*values, self.agency))

    def many(self, statement: str, rows: list[tuple[Any, ...]]) -> None:
        """The same statement for many rows."""
        text = statement if self.sqlite else statement.replace("?", "%s")
        self.driver.cursor().executemany(text, [(self.agency, *row) for row in rows])

    def begin(self) -> None:
        """Begin, and look who asks."""
        if self.sqlite:
            self.driver.execute("begin immediate")
        else:
            self.driver.execute("select set_config('app.agency_id', %s, true)", (self._agency_text,))
        self.run(sql.WHO, self.actor).fetchall()

    def finish(self) -> None:
        """One entry under the head, and a durable commit."""
        size, frontier = self.run(sql.HEAD if self.sqlite else sql.HEAD_LOCKED).fetchone()
        self.run(sql.APPEND, size, self.now, self.actor, ENTRY)
        grown = merkle.push(bytes(frontier), size, merkle.leaf_hash(ENTRY))
        self.change(sql.MOVE, size + 1, grown)
        self.driver.execute("commit")


Work = Callable[[Bare], None]


class _Samples(dict[int, bytes]):
    """Cells by length. A scene's are under many keys; opening one under this key is the same work."""

    def __missing__(self, length: int) -> bytes:
        self[length] = made = CIPHER.encrypt(NONCE, bytes(length - cells.HEADER - cells.NONCE - cells.TAG), b"at")
        return made


_SAMPLES = _Samples()


def _open(stored: tuple[Any, ...]) -> None:
    for cell in stored:
        if cell is not None:
            CIPHER.decrypt(NONCE, _SAMPLES[len(cell)], b"at")


def _seal(length: int = 64) -> bytes:
    nonce = os.urandom(cells.NONCE)
    return bytes(cells.HEADER) + nonce + CIPHER.encrypt(nonce, bytes(length), b"at")


def _tick(plans: Iterator[UUID]) -> Work:
    def work(bare: Bare) -> None:
        plan_id = next(plans)
        one = bare.id(item_id(plan_id, 7))
        bare.run(sql.ITEM, one, bare.actor).fetchall()
        bare.change(sql.TICK, bare.now, bare.actor, one)
        bare.change(sql.COUNT, bare.id(plan_id)).fetchall()

    return work


def _read_plan(plans: Iterator[UUID]) -> Work:
    def work(bare: Bare) -> None:
        plan_id = next(plans)
        client = bare.run(sql.PLAN, bare.id(plan_id), bare.actor).fetchone()[0]
        first, last = bare.id(section_id(plan_id, 0)), bare.id(section_id(plan_id, 0x7FFF))
        bare.run(sql.SECTIONS, client, first, last).fetchall()
        first, last = bare.id(item_id(plan_id, 1)), bare.id(item_id(plan_id, 0x7FFF))
        for row in bare.run(sql.ITEMS, client, first, last).fetchall():
            _open(row[:2])

    return work


def _caseload(bare: Bare) -> None:
    for row in bare.run(sql.CASELOAD, bare.actor).fetchall():
        _open(row[:3])


def _create_plan(clients: Iterator[UUID], template: tuple[UUID, UUID]) -> Work:
    def work(bare: Bare) -> None:
        plan_id, client = new_plan_id(), bare.id(next(clients))
        plan = bare.id(plan_id)
        bare.run(sql.CLIENT, client, bare.actor).fetchall()
        bare.run(sql.ADD_PLAN, plan, client, *map(bare.id, template), bare.now, bare.actor)
        parts = [(bare.id(section_id(plan_id, n)), client, plan, n, n) for n in range(1, SECTIONS + 1)]
        bare.many(sql.ADD_SECTIONS, parts)
        items = [(bare.id(item_id(plan_id, n)), client, plan, n // 10 + 1, n) for n in range(1, ITEMS + 1)]
        bare.many(sql.ADD_ITEMS, items)

    return work


def _create_client(bare: Bare) -> None:
    client = bare.id(uuid4())
    bare.run(sql.ADD_KEY, os.urandom(cells.KID), client, _seal(32), bare.now)
    bare.run(sql.ADD_CLIENT, client, *(_seal() for _ in range(7)), bare.now, bare.now)
    bare.run(sql.ADD_ASSIGNMENT, bare.id(uuid4()), client, bare.actor, bare.now, bare.actor, bare.now)


def _schedule_review(plans: Iterator[UUID]) -> Work:
    def work(bare: Bare) -> None:
        plan = bare.id(next(plans))
        client = bare.run(sql.PLAN, plan, bare.actor).fetchone()[0]
        bare.run(sql.ADD_REVIEW, bare.id(uuid4()), client, plan, bare.now, bare.actor, bare.now)
        bare.change(sql.SETTLE_PLAN, bare.now, plan)
        bare.change(sql.SETTLE_CLIENT, bare.now, client)
        bare.change(sql.SETTLE_ASSIGNMENTS, bare.now, client)

    return work


def driver_floors(scene: Scene, seconds: float) -> dict[str, float]:
    """CPU ms of each operation's least work. It writes a log that is not ours: nothing can be verified afterwards."""
    bare = Bare(scene)
    agency_id = scene.world.people["ana"].actor.agency_id
    works = {
        "create_client": _create_client,
        "create_plan": _create_plan(cycle(scene.clients), (agency_id, scene.template_id)),
        "tick": _tick(cycle(scene.plans)),
        "read_plan": _read_plan(cycle(scene.plans)),
        "read_plan_full": _read_plan(cycle(scene.full_plans)),
        "caseload": _caseload,
        "schedule_review": _schedule_review(cycle(scene.plans)),
    }
    return {name: _cpu_ms(bare, work, seconds) for name, work in works.items()}


def _cpu_ms(bare: Bare, work: Work, seconds: float) -> float:
    for _ in range(WARM):
        _once(bare, work)
    count, began, until = 0, time.process_time(), time.perf_counter() + seconds
    while time.perf_counter() < until:
        _once(bare, work)
        count += 1
    return round((time.process_time() - began) * 1000 / count, 4)


def _once(bare: Bare, work: Work) -> None:
    bare.begin()
    work(bare)
    bare.finish()
