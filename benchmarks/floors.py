"""The floor below the framework: each operation's least work on the bare driver, with the same cells and the same log.

What an operation cannot do without, and nothing else: who asks, the rows, the client in sight, the cells sealed or opened,
one entry in the tree, a durable commit. No session, no statement built, no shape, no HTTP. CPU of this process only.
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

from benchmarks.scene import ITEMS, SECTIONS, Scene
from models.base import EPOCH
from models.checklist import item_id, new_plan_id, section_id
from models.ledger import merkle
from models.vault import cells

CIPHER = AESGCM(bytes(32))
NONCE = bytes(12)
ENTRY = b"e" * 600  # bytes of a typical entry
_SIGHT = (
    "exists (select 1 from assignments s where s.agency_id = ? and s.user_id = ? and s.client_id = {} "
    "and s.ended_at is null)"
)


class Bare:
    """A driver's connection that knows its own way of writing parameters, ids and instants."""

    def __init__(self, scene: Scene) -> None:
        self.sqlite = scene.database.embedded
        url = scene.database.engine.url
        self.driver: Any
        if self.sqlite:
            self.driver = sqlite3.connect(str(url.database), isolation_level=None, cached_statements=512)
            for pragma in ("synchronous=FULL", "foreign_keys=ON", "secure_delete=ON", "mmap_size=268435456"):
                self.driver.execute(f"pragma {pragma}")
        else:
            self.driver = psycopg.connect(scene.url.replace("+psycopg", ""))
        person = scene.world.people["ana"].actor
        self.agency, self.actor = self.id(person.agency_id), self.id(person.id)
        self._agency_text = str(person.agency_id)
        self.now = datetime.now(UTC)

    def id(self, value: UUID) -> Any:
        """An id as the driver takes it."""
        return value.bytes if self.sqlite else value

    def at(self, value: datetime) -> Any:
        """An instant as the driver takes it."""
        return (value - EPOCH) // timedelta(microseconds=1) if self.sqlite else value

    def run(self, sql: str, *values: Any) -> Any:
        """One statement, parameters written as `?`."""
        return self.driver.execute(sql if self.sqlite else sql.replace("?", "%s"), values)

    def many(self, sql: str, rows: list[tuple[Any, ...]]) -> None:
        """The same statement for many rows."""
        self.driver.cursor().executemany(sql if self.sqlite else sql.replace("?", "%s"), rows)

    def begin(self) -> None:
        """Begin, and say who asks."""
        if self.sqlite:
            self.run("begin immediate")
        else:
            self.run("select set_config('app.agency_id', ?, true)", self._agency_text)
        self.run(
            "select s.revoked_at, s.expires_at, u.roles, u.status from sessions s join users u on u.agency_id = s.agency_id "
            "and u.id = s.user_id where s.agency_id = ? and s.user_id = ? limit 1",
            self.agency,
            self.actor,
        ).fetchall()

    def finish(self) -> None:
        """One entry under the head, and a durable commit."""
        size, frontier = self.run(
            "select size, frontier from ledger_heads where agency_id = ?" + ("" if self.sqlite else " for update"), self.agency
        ).fetchone()
        self.run(
            "insert into ledger_entries (agency_id, seq, at, actor_id, action, entry) values (?, ?, ?, ?, ?, ?)",
            self.agency, size, self.at(self.now), self.actor, "client.read", ENTRY,
        )  # fmt: skip
        grown = merkle.push(bytes(frontier), size, merkle.leaf_hash(ENTRY))
        self.run("update ledger_heads set size = ?, frontier = ? where agency_id = ?", size + 1, grown, self.agency)
        self.run("commit")


Work = Callable[[Bare], None]


def _open(cell: Any) -> None:
    if cell is not None:
        # A scene's cells are under many keys; the work is the same under one, so a cell of this length is opened here.
        CIPHER.decrypt(NONCE, _SAMPLES[len(cell)], b"at")


class _Samples(dict[int, bytes]):
    def __missing__(self, length: int) -> bytes:
        self[length] = made = CIPHER.encrypt(NONCE, bytes(length - cells.HEADER - cells.NONCE - cells.TAG), b"at")
        return made


_SAMPLES = _Samples()


def _seal(length: int = 64) -> bytes:
    return bytes(cells.HEADER) + (nonce := os.urandom(12)) + CIPHER.encrypt(nonce, bytes(length), b"at")


def _tick(plans: Iterator[UUID]) -> Work:
    def work(bare: Bare) -> None:
        plan_id = next(plans)
        one = bare.id(item_id(plan_id, 7))
        bare.run(
            "select i.plan_id, i.client_id, i.kind, i.status, i.version from checklist_items i where i.agency_id = ? and "
            "i.id = ? and " + _SIGHT.format("i.client_id"), bare.agency, one, bare.agency, bare.actor,
        ).fetchall()  # fmt: skip
        bare.run(
            "update checklist_items set status = ?, completed_at = ?, completed_by_id = ?, version = version + 1 "
            "where agency_id = ? and id = ?", "done", bare.at(bare.now), bare.actor, bare.agency, one,
        )  # fmt: skip
        bare.run(
            "update plans set done = done + 1, offered = offered - 1, version = version + 1 where agency_id = ? and id = ? "
            "returning offered, planned, in_progress, done, declined, not_applicable, not_safe_now",
            bare.agency, bare.id(plan_id),
        ).fetchall()  # fmt: skip

    return work


def _read_plan(plans: Iterator[UUID]) -> Work:
    def work(bare: Bare) -> None:
        plan_id = next(plans)
        client = bare.run(
            "select p.client_id, p.template_id, p.status, p.language, p.next_review_at, p.done, p.planned, p.version "
            "from plans p where p.agency_id = ? and p.id = ? and " + _SIGHT.format("p.client_id"),
            bare.agency, bare.id(plan_id), bare.agency, bare.actor,
        ).fetchone()[0]  # fmt: skip
        bare.run(
            "select id, source, position, choice, title_sealed, version from plan_sections where agency_id = ? and "
            "client_id = ? and id between ? and ? order by position",
            bare.agency, client, bare.id(section_id(plan_id, 0)), bare.id(section_id(plan_id, 0x7FFF)),
        ).fetchall()  # fmt: skip
        for row in bare.run(
            "select text_sealed, detail_sealed, id, section, source, kind, status, outcome, priority, whose_words, "
            "completed_at, completed_by_id, version, seal_rev from checklist_items where agency_id = ? and client_id = ? "
            "and id between ? and ? order by id",
            bare.agency, client, bare.id(item_id(plan_id, 1)), bare.id(item_id(plan_id, 0x7FFF)),
        ).fetchall():  # fmt: skip
            _open(row[0])
            _open(row[1])

    return work


def _caseload(_: Iterator[UUID]) -> Work:
    def work(bare: Bare) -> None:
        for row in bare.run(
            "select c.alias_sealed, c.legal_name_sealed, c.contact_sealed, c.id, c.status, c.attention_at, p.id, p.done, "
            "p.planned, p.offered from assignments a join clients c on c.agency_id = a.agency_id and c.id = a.client_id "
            "left join plans p on p.agency_id = c.agency_id and p.client_id = c.id and p.status = 'active' "
            "where a.agency_id = ? and a.user_id = ? and a.ended_at is null order by a.attention_at, a.client_id limit 25",
            bare.agency, bare.actor,
        ).fetchall():  # fmt: skip
            for cell in row[:3]:
                _open(cell)

    return work


def _create_plan(clients: Iterator[UUID], template: tuple[UUID, UUID]) -> Work:
    def work(bare: Bare) -> None:
        plan_id, client_id = new_plan_id(), next(clients)
        plan, client = bare.id(plan_id), bare.id(client_id)
        bare.run(
            "select status from clients where agency_id = ? and id = ? and " + _SIGHT.format("clients.id"),
            bare.agency, client, bare.agency, bare.actor,
        ).fetchall()  # fmt: skip
        bare.run(
            "insert into plans (agency_id, id, client_id, template_owner_id, template_id, template_version, status, custody, "
            "language, created_at, created_by_id, version, seal_rev, offered, planned, in_progress, done, declined, "
            "not_applicable, not_safe_now) values (?, ?, ?, ?, ?, 1, 'draft', 'retained', 'en', ?, ?, 1, 0, 45, 0, 0, 0, 0, "
            "0, 0)", bare.agency, plan, client, *map(bare.id, template), bare.at(bare.now), bare.actor,
        )  # fmt: skip
        bare.many(
            "insert into plan_sections (agency_id, id, client_id, plan_id, source, position, choice, version, seal_rev) "
            "values (?, ?, ?, ?, ?, ?, 'chosen', 1, 0)",
            [(bare.agency, bare.id(section_id(plan_id, n)), client, plan, n, n) for n in range(1, SECTIONS + 1)],
        )
        bare.many(
            "insert into checklist_items (agency_id, id, client_id, plan_id, section, source, kind, status, whose_words, "
            "version, seal_rev) values (?, ?, ?, ?, ?, ?, 'action', 'offered', 'template', 1, 0)",
            [(bare.agency, bare.id(item_id(plan_id, n)), client, plan, n // 10 + 1, n) for n in range(1, ITEMS + 1)],
        )

    return work


def _create_client(_: Iterator[UUID]) -> Work:
    def work(bare: Bare) -> None:
        client, now = bare.id(uuid4()), bare.at(bare.now)
        bare.run(
            "insert into data_keys (agency_id, kid, subject_id, purpose, epoch, wrapped, created_at) "
            "values (?, ?, ?, 'client', 1, ?, ?)", bare.agency, os.urandom(8), client, _seal(32), now,
        )  # fmt: skip
        bare.run(
            "insert into clients (agency_id, id, alias_sealed, legal_name_sealed, pronouns_sealed, date_of_birth_sealed, "
            "languages_sealed, contact_sealed, closing_reason_sealed, status, restricted, opened_on, created_at, "
            "attention_at, version, seal_rev) values (?, ?, ?, ?, ?, ?, ?, ?, ?, 'open', ?, '2027-01-04', ?, ?, 1, 1)",
            bare.agency, client, *(_seal() for _ in range(7)), False, now, now,
        )  # fmt: skip
        bare.run(
            "insert into assignments (agency_id, id, client_id, user_id, started_at, started_by_id, attention_at, version) "
            "values (?, ?, ?, ?, ?, ?, ?, 1)",
            bare.agency, bare.id(uuid4()), client, bare.actor, now, bare.actor, now,
        )  # fmt: skip

    return work


def _schedule_review(plans: Iterator[UUID]) -> Work:
    def work(bare: Bare) -> None:
        plan, now = bare.id(next(plans)), bare.at(bare.now)
        client = bare.run(
            "select client_id, status from plans where agency_id = ? and id = ? and " + _SIGHT.format("plans.client_id"),
            bare.agency, plan, bare.agency, bare.actor,
        ).fetchone()[0]  # fmt: skip
        bare.run(
            "insert into reviews (agency_id, id, client_id, plan_id, due_at, time_zone, reviewer_id, kind, recurrence, "
            "status, created_at, version, seal_rev) values (?, ?, ?, ?, ?, 'America/New_York', ?, 'routine', 'P8W', "
            "'scheduled', ?, 1, 0)", bare.agency, bare.id(uuid4()), client, plan, now, bare.actor, now,
        )  # fmt: skip
        bare.run(
            "update plans set next_review_at = ?, version = version + 1 where agency_id = ? and id = ?",
            now, bare.agency, plan,
        )  # fmt: skip
        bare.run("update clients set attention_at = ? where agency_id = ? and id = ?", now, bare.agency, client)
        bare.run(
            "update assignments set attention_at = ? where agency_id = ? and client_id = ? and ended_at is null",
            now, bare.agency, client,
        )  # fmt: skip

    return work


def driver_floors(scene: Scene, seconds: float) -> dict[str, float]:
    """CPU ms of each operation's least work. It writes a log that is not ours: nothing can be verified afterwards."""
    bare = Bare(scene)
    plans, full, clients = cycle(scene.plans), cycle(scene.full_plans), cycle(scene.clients)
    owner = scene.world.people["ana"].actor.agency_id
    works = {
        "create_client": _create_client(clients),
        "create_plan": _create_plan(clients, (owner, scene.template_id)),
        "tick": _tick(plans),
        "read_plan": _read_plan(plans),
        "read_plan_full": _read_plan(full),
        "caseload": _caseload(plans),
        "schedule_review": _schedule_review(plans),
    }
    return {name: _cpu_ms(bare, work, seconds) for name, work in works.items()}


def _cpu_ms(bare: Bare, work: Work, seconds: float) -> float:
    for _ in range(20):
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
