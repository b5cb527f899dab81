"""Tables as a copy reads and writes them: raw rows in the forms SQLite stores, whichever database they stand in.

Nothing here asks the models: a database older than the code is copied as it is.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from sqlite3 import Connection as Driver
from typing import Any, Protocol
from uuid import UUID

import sqlalchemy as sa
from psycopg.types.json import Json

from models.base import EPOCH, uuid_of

BATCH = 2_000  # rows held in memory at once
VERSIONS = "alembic_version"

Row = tuple[Any, ...]
Form = Callable[[Any], Any] | None


@dataclass(frozen=True)
class Table:
    """A table's name, its columns and its primary key, in order. `out` and `back`: how a value becomes what SQLite
    stores, and how it becomes the server's again; None where it is the same."""

    name: str
    columns: tuple[str, ...]
    key: tuple[str, ...]
    out: tuple[Form, ...] = field(default=(), compare=False)
    back: tuple[Form, ...] = field(default=(), compare=False)

    def at(self, column: str) -> int:
        """Where a column stands in a row."""
        return self.columns.index(column)


class Store(Protocol):
    """A database whose tables are copied. A table's rows are read and written agency by agency."""

    def revision(self) -> str | None:
        """Tell the migration it was brought to; None when it holds no tables of ours."""

    def tables(self) -> dict[str, Table]:
        """Every table but the migrations' own, in an order in which foreign keys can be kept."""

    def agencies(self) -> list[UUID]:
        """The ids of every agency that has a row."""

    def count(self, table: Table, agency_id: UUID) -> int:
        """How many rows an agency has."""

    def read(self, table: Table, agency_id: UUID) -> Iterator[list[Row]]:
        """Give an agency's rows in batches, in the order of their keys."""

    def write(self, table: Table, agency_id: UUID, rows: Sequence[Row]) -> None:
        """Add rows of one agency."""

    def clear(self, table: Table, agency_id: UUID) -> None:
        """Delete every row of one agency."""


def whole(stored: object) -> bytes:
    """Bytes as they are. SQLite keeps whatever somebody put there; what is not bytes is no entry of ours."""
    return stored if isinstance(stored, bytes) else b""


def _names(columns: Sequence[str]) -> str:
    return ", ".join(f'"{column}"' for column in columns)


class SqliteStore:
    """A SQLite file: an installation's, or one half of a backup."""

    def __init__(self, driver: Driver) -> None:
        self.driver = driver

    def revision(self) -> str | None:
        """The migration it was brought to."""
        there = self.driver.execute("select 1 from sqlite_master where name = ?", [VERSIONS]).fetchone()
        found = self.driver.execute(f"select version_num from {VERSIONS}").fetchone() if there else None  # noqa: S608
        return None if found is None else str(found[0])

    def tables(self) -> dict[str, Table]:
        """Every table, by name: SQLite checks foreign keys at the commit when asked to."""
        named = self.driver.execute(
            "select name from sqlite_master where type = 'table' and name not like 'sqlite_%' and name <> ? order by 1",
            [VERSIONS],
        )
        return {name: self._table(name) for (name,) in named.fetchall()}

    def _table(self, name: str) -> Table:
        found = self.driver.execute("select name, pk from pragma_table_info(?) order by cid", [name]).fetchall()
        key = sorted((place, column) for column, place in found if place)
        return Table(name, tuple(column for column, _ in found), tuple(column for _, column in key))

    def agencies(self) -> list[UUID]:
        """The ids of every agency that has a row."""
        return [uuid_of(row[0]) for row in self.driver.execute("select agency_id from agencies order by 1")]

    def count(self, table: Table, agency_id: UUID) -> int:
        """How many rows an agency has."""
        counting = f'select count(*) from "{table.name}" where agency_id = ?'  # noqa: S608
        return int(self.driver.execute(counting, [agency_id.bytes]).fetchone()[0])

    def read(self, table: Table, agency_id: UUID) -> Iterator[list[Row]]:
        """An agency's rows in batches, in the order of their keys."""
        cursor = self.driver.execute(
            f'select {_names(table.columns)} from "{table.name}" where agency_id = ? '  # noqa: S608
            f"order by {_names(table.key)}",
            [agency_id.bytes],
        )
        while rows := cursor.fetchmany(BATCH):
            yield rows

    def make(self, table: Table) -> None:
        """A plain table for rows of this one: no index, rule or trigger but the order of its key."""
        self.driver.execute(
            f'create table "{table.name}" ({_names(table.columns)}, primary key ({_names(table.key)})) without rowid'
        )

    def write(self, table: Table, agency_id: UUID, rows: Sequence[Row]) -> None:
        """Add rows of one agency."""
        marks = ", ".join("?" * len(table.columns))
        adding = f'insert into "{table.name}" ({_names(table.columns)}) values ({marks})'  # noqa: S608
        self.driver.executemany(adding, rows)

    def clear(self, table: Table, agency_id: UUID) -> None:
        """Delete every row of one agency."""
        self.driver.execute(f'delete from "{table.name}" where agency_id = ?', [agency_id.bytes])  # noqa: S608

    @contextmanager
    def open_to_copies(self) -> Iterator[None]:
        """Inside a transaction: no trigger refuses a row because of the order it comes in, and foreign keys are checked
        at the commit. Afterwards every trigger is there again, word for word."""
        self.driver.execute("pragma defer_foreign_keys = on")
        triggers = self.driver.execute("select name, sql from sqlite_master where type = 'trigger'").fetchall()
        for name, _ in triggers:
            self.driver.execute(f'drop trigger "{name}"')
        yield
        for _, words in triggers:
            self.driver.execute(words)


def _instant(value: datetime) -> int:
    return (value - EPOCH) // timedelta(microseconds=1)


def _from_instant(value: int) -> datetime:
    return EPOCH + timedelta(microseconds=value)


#: Types of PostgreSQL whose values SQLite stores in another form: there, and back.
_FORMS: tuple[tuple[Any, Form, Form], ...] = (
    (sa.Uuid, lambda value: value.bytes, uuid_of),
    (sa.DateTime, _instant, _from_instant),
    (sa.Date, date.isoformat, date.fromisoformat),
    (sa.Boolean, int, bool),
    (sa.JSON, json.dumps, lambda text: Json(json.loads(text))),
    ((sa.LargeBinary, sa.String, sa.Integer), None, None),
)


def _forms(table: str, column: str, kind: Any) -> tuple[Form, Form]:
    for known, out, back in _FORMS:
        if isinstance(kind, known):
            return out, back
    raise TypeError(f"{table}.{column} is a {kind!r}: say in models/backup/stores.py how SQLite stores it")


def _formed(rows: Sequence[Row], forms: Sequence[Form]) -> list[Row]:
    """Rows with each column in its other form, column by column; null is null in both."""
    columns: list[Any] = list(zip(*rows, strict=True))
    for i, form in enumerate(forms):
        if form is not None:
            columns[i] = [None if value is None else form(value) for value in columns[i]]
    return list(zip(*columns, strict=True))


class PostgresStore:
    """A PostgreSQL database inside one transaction. Row-level security stays on: each agency's rows are read and
    written as that agency, so that no role above the walls is needed."""

    def __init__(self, connection: sa.Connection) -> None:
        connection.exec_driver_sql("set local statement_timeout = 0")
        connection.exec_driver_sql("set local idle_in_transaction_session_timeout = 0")
        self.connection = connection
        self.driver: Any = connection.connection.driver_connection

    def revision(self) -> str | None:
        """The migration it was brought to."""
        if not sa.inspect(self.connection).has_table(VERSIONS):
            return None
        found = self.driver.execute(f"select version_num from {VERSIONS}").fetchone()  # noqa: S608
        return None if found is None else str(found[0])

    def tables(self) -> dict[str, Table]:
        """Every table, those that others point at first."""
        inspector = sa.inspect(self.connection)
        ordered = [name for name, _ in inspector.get_sorted_table_and_fkc_names() if name and name != VERSIONS]
        return {name: self._table(inspector, name) for name in ordered}

    @staticmethod
    def _table(inspector: sa.Inspector, name: str) -> Table:
        columns = inspector.get_columns(name)
        key = inspector.get_pk_constraint(name)["constrained_columns"]
        forms = [_forms(name, column["name"], column["type"]) for column in columns]
        out, back = zip(*forms, strict=True)
        return Table(name, tuple(column["name"] for column in columns), tuple(key), out, back)

    def _enter(self, agency_id: UUID) -> None:
        self.driver.execute("select set_config('app.agency_id', %s, true)", [str(agency_id)])

    def agencies(self) -> list[UUID]:
        """The ids of every agency that has a row: the platform may list them."""
        self._enter(UUID(int=0))
        return [row[0] for row in self.driver.execute("select agency_id from agencies order by 1")]

    def count(self, table: Table, agency_id: UUID) -> int:
        """How many rows an agency has."""
        self._enter(agency_id)
        counting = f'select count(*) from "{table.name}" where agency_id = %s'  # noqa: S608
        return int(self.driver.execute(counting, [agency_id]).fetchone()[0])

    def read(self, table: Table, agency_id: UUID) -> Iterator[list[Row]]:
        """An agency's rows in batches, in the order of their keys, as SQLite stores them."""
        self._enter(agency_id)
        with self.driver.cursor(name="copied") as cursor:
            cursor.execute(
                f'select {_names(table.columns)} from "{table.name}" where agency_id = %s '  # noqa: S608
                f"order by {_names(table.key)}",
                [agency_id],
            )
            while rows := cursor.fetchmany(BATCH):
                yield _formed(rows, table.out)

    def write(self, table: Table, agency_id: UUID, rows: Sequence[Row]) -> None:
        """Add rows of one agency, given as SQLite stores them."""
        self._enter(agency_id)
        marks = ", ".join(["%s"] * len(table.columns))
        adding = f'insert into "{table.name}" ({_names(table.columns)}) values ({marks})'  # noqa: S608
        self.driver.cursor().executemany(adding, _formed(rows, table.back))

    def clear(self, table: Table, agency_id: UUID) -> None:
        """Delete every row of one agency."""
        self._enter(agency_id)
        self.driver.execute(f'delete from "{table.name}" where agency_id = %s', [agency_id])  # noqa: S608

    @contextmanager
    def open_to_copies(self) -> Iterator[None]:
        """Inside a transaction, as the owner: no trigger of ours refuses a row because of the order it comes in.
        Foreign keys and row-level security stay."""
        names = list(self.tables())
        for name in names:
            self.driver.execute(f'alter table "{name}" disable trigger user')
        yield
        for name in names:
            self.driver.execute(f'alter table "{name}" enable trigger user')
