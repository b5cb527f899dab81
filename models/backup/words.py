"""The ledger's last word on every sealed row: its digest as it was written, or that it is gone."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from uuid import UUID

import orjson

from models import vouch
from models.backup.halves import Head
from models.backup.since import Since
from models.backup.stores import Row, Store, Table, whole
from models.base import MODELS, uuid_of
from models.ledger import merkle
from models.vault import cells

GONE = ""  # the word on a row that was deleted; null: the ledger never spoke of the row


@dataclass(frozen=True)
class SealedRow:
    """A sealed row as it stands in some store, and the keys (kid, subject) its cells ask for."""

    table: str
    id: UUID
    subject_id: UUID
    rev: int
    digest: str
    kids: frozenset[bytes]


def sealed_rows(store: Store, agency_id: UUID) -> Iterator[SealedRow]:
    """Every row of an agency that was ever sealed, and of rows that let somebody in what does. It needs no key."""
    for table in store.tables().values():
        if table.name in vouch.tables():
            yield from _granting(store, table, agency_id)
        names = sorted((c for c in table.columns if c.endswith("_sealed")), key=lambda c: c.removesuffix("_sealed"))
        if not names or table.name not in MODELS:
            continue
        subject = table.at(MODELS[table.name].subject_column)
        places, row_id, rev = [table.at(name) for name in names], table.at("id"), table.at("seal_rev")
        for batch in store.read(table, agency_id):
            for row in batch:
                if row[rev]:
                    yield _sealed(table.name, row[row_id], row[subject], row[rev], [row[place] for place in places])


def _granting(store: Store, table: Table, agency_id: UUID) -> Iterator[SealedRow]:
    """What the rows of a table grant, in the forms SQLite stores; of a table older than vouching nothing."""
    model = MODELS[table.name]
    if not {*model.vouched} <= {*table.columns}:
        return
    whose, row_id = table.at(model.subject_column), table.at("id")
    for batch in store.read(table, agency_id):
        for row in batch:
            name, digest = vouch.said(table.name, uuid_of(row[row_id]), dict(zip(table.columns, row, strict=True)))
            if digest is not None:
                yield SealedRow(name, uuid_of(row[row_id]), uuid_of(row[whose]), 0, digest, frozenset())


def _sealed(table: str, row_id: bytes, subject: bytes, rev: int, stored: list[bytes | None]) -> SealedRow:
    named, whose = uuid_of(row_id), uuid_of(subject)
    kids = frozenset(cell[1 : cells.HEADER] for cell in stored if cell is not None)
    return SealedRow(table, named, whose, rev, cells.digest(table, named, whose, rev, stored), kids)


class Words:
    """Last words, and last words at the time the data were saved. In a file that SQLite deletes: a long history does
    not fit into memory."""

    def __init__(self, driver: sqlite3.Connection) -> None:
        self._driver = driver
        driver.execute(
            "create table words (agency, t, id, rev, now, then_, seen default 0, primary key (agency, t, id)) "
            "without rowid"
        )
        driver.execute("create table differing (agency, n integer primary key, t, id, rev, digest)")

    @classmethod
    @contextmanager
    def empty(cls) -> Iterator["Words"]:
        """Nothing heard yet."""
        with closing(sqlite3.connect("", isolation_level=None)) as driver:
            driver.execute("begin")
            yield cls(driver)

    def replay(
        self, store: Store, agency_id: UUID, then: int, wanted: set[int]
    ) -> tuple[Head, dict[int, bytes], Since]:
        """Walk through a ledger from its first entry. `then`: its size when the data were saved. Returns its head as
        the entries make it, its root at each of the wanted sizes it reached, and what happened since."""
        table = store.tables()["ledger_entries"]
        at, since = table.at("entry"), Since()
        size, frontier, roots = 0, b"", {0: merkle.root(b"")}
        for batch in store.read(table, agency_id):
            for row in batch:
                stored = whole(row[at])
                self._hear(agency_id, stored, since, old=size < then)
                frontier, size = merkle.push(frontier, size, merkle.leaf_hash(stored)), size + 1
                if size in wanted:
                    roots[size] = merkle.root(frontier)
        return Head.of(size, frontier), roots, since

    def _hear(self, agency_id: UUID, stored: bytes, since: Since, *, old: bool) -> None:
        try:
            entry = orjson.loads(stored)
        except ValueError:
            return  # not an entry of ours: the root will be another than the head's
        said = [(r["t"], UUID(r["id"]).bytes, r["rev"], r["digest"] or GONE) for r in entry.get("rows", ())]
        self._driver.executemany(
            "insert into words (agency, t, id, rev, now, then_) values (?1, ?2, ?3, ?4, ?5, iif(?6, ?5, null)) "
            "on conflict do update set rev = ?4, now = ?5, then_ = iif(?6, ?5, then_)",
            [(agency_id.bytes, *word, old) for word in said],
        )
        if entry["outcome"] == "ok":
            since.hear(entry, since=not old)

    def on(self, agency_id: UUID, table: str, row_id: UUID) -> tuple[str | None, str | None]:
        """The last word on a row, and the last one when the data were saved; None where nothing was said."""
        found = self._driver.execute(
            "update words set seen = 1 where agency = ? and t = ? and id = ? returning now, then_",
            [agency_id.bytes, table, row_id.bytes],
        ).fetchone()
        return found or (None, None)

    def unseen(self, agency_id: UUID) -> Iterator[Row]:
        """(table, id, revision) of the rows that should be there and were not asked for."""
        return iter(
            self._driver.execute(
                "select t, id, rev from words where agency = ? and not seen and now <> '' order by t, id",
                [agency_id.bytes],
            )
        )

    def vouched(self, agency_id: UUID) -> bool:
        """Whether the ledger has ever said what a row grants."""
        asked = "select 1 from words where agency = ? and t like ? limit 1"
        return self._driver.execute(asked, [agency_id.bytes, "%" + vouch.SUFFIX]).fetchone() is not None

    def look_again(self) -> None:
        """Forget which rows were asked for."""
        self._driver.execute("update words set seen = 0")

    def differs(self, agency_id: UUID, table: str, row_id: UUID, rev: int, digest: str | None) -> None:
        """Remember what a row of the restored database is, where that is not the ledger's last word."""
        self._driver.execute(
            "insert into differing (agency, t, id, rev, digest) values (?, ?, ?, ?, ?)",
            [agency_id.bytes, table, row_id.bytes, rev, digest],
        )

    def differing(self, agency_id: UUID) -> Iterator[Row]:
        """What was remembered: (table, id, revision, digest), in its order."""
        told = "select t, id, rev, digest from differing where agency = ? order by n"
        return iter(self._driver.execute(told, [agency_id.bytes]))
