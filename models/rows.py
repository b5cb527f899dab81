"""The fast lane: statements written once at import, walled, opened and run on the driver (decision 4).

A `Query` is a SELECT. Every agency table in it is held to the caller's agency, and every table of clients' rows to the
clients the caller may see. Sealed columns come back opened, under their field's name, and leave a disclosure mark.
A `Change` is an UPDATE or DELETE, an `Insert` one or many new rows; both stay inside the agency.
All compile once per dialect and run without the ORM, which costs more than the database does.
"""

from collections import namedtuple
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import Enum
from functools import cache, partial
from itertools import repeat
from typing import TYPE_CHECKING, Any, cast

import sqlalchemy as sa
import sqlalchemy.dialects.postgresql
import sqlalchemy.dialects.sqlite
from pydantic_core import PydanticUndefined
from sqlalchemy.sql.visitors import iterate
from sqlmodel import SQLModel

from models import sight, vouch
from models.access import PLATFORM, Reach
from models.base import ID, INSTANT, MODELS, model_of, table_of, uuid_of
from models.errors import KeyMissing, NotFound, SealError
from models.sight import BOUND, THROUGH
from models.vault import cells
from models.vault.sealed import sealed_fields

if TYPE_CHECKING:
    from models.workspace import Workspace

AGENCY, ACTOR = BOUND.agency, BOUND.actor
CLIENT = sa.bindparam("client_id", type_=ID, required=True)

Processor = Callable[[Any], Any] | None


class Sight(Enum):
    """How a Query makes sure that nobody is shown a client out of her sight (models/sight.py)."""

    EACH_ROW = "the client of every row must be in sight"
    ONE_CLIENT = "all rows are of :client_id, whose sight is asked once per Workspace"
    JOINED = "the statement itself joins the caller's assignments that count now"
    NAMED = "the caller names a client by id, and is told no more of her than that: no wall may stand between them"


@dataclass(frozen=True)
class _Compiled:
    """A statement as one driver takes it: its text, its parameters in order, and how to read what comes back."""

    sql: str
    binds: tuple[tuple[str, Processor, Any, bool], ...]  # name, how to write it, what it is if not given, must it be
    readers: tuple[tuple[int, Callable[[Any], Any]], ...]
    lists: tuple[str, ...]  # parameters of `in`: as many marks as there are values
    mark: str
    how: dict[str, bool]

    def execute(self, driver: Any, params: dict[str, Any]) -> Any:
        """Run it; the driver's cursor."""
        if not self.lists:
            return driver.execute(self.sql, self.arguments(params), **self.how)
        sql, bound = self.sql, list[Any]()
        for name, process, ready, required in self.binds:
            value = params[name] if required or name in params else ready
            values = value if name in self.lists else [value]
            bound += values if process is None or value is ready else map(process, values)
        for name in self.lists:
            sql = sql.replace(f"__[POSTCOMPILE_{name}]", ", ".join([self.mark] * len(params[name])))
        return driver.execute(sql, bound, **self.how)

    def arguments(self, params: dict[str, Any]) -> list[Any]:
        """Parameters as the driver wants them. A missing one is a programmer's error: KeyError."""
        return [
            (params[n] if process is None else process(params[n])) if required or n in params else ready
            for n, process, ready, required in self.binds
        ]

    def many(self, rows: Sequence[dict[str, Any]], same: dict[str, Any]) -> list[Any]:
        """Parameters of many rows that give the same names, column by column; `same` holds for all of them."""
        columns: list[Iterable[Any]] = []
        for name, process, ready, required in self.binds:
            if name in same:
                columns.append(repeat(same[name] if process is None else process(same[name]), len(rows)))
            elif required or name in rows[0]:
                given = [row[name] for row in rows]
                columns.append(given if process is None else map(process, given))
            else:
                columns.append(repeat(ready, len(rows)))
        return list(zip(*columns, strict=True))


def _compile(statement: Any, dialect: sa.Dialect, width: int = 0) -> _Compiled:
    """`width`: how many of a SELECT's columns are shown; those behind them stay as the driver gives them."""
    compiled = statement.compile(dialect=_positional(cast(Any, type(dialect))))
    columns = list(statement.selected_columns)[:width] if width else ()
    embedded = dialect.name == "sqlite"
    read = ((i, _reader(c.type, dialect)) for i, c in enumerate(columns))
    return _Compiled(
        compiled.string,
        tuple(_bind(name, compiled.binds[name], dialect) for name in compiled.positiontup),
        tuple((i, process) for i, process in read if process is not None),
        tuple(name for name, bind in compiled.binds.items() if bind.expanding),
        "?" if embedded else "%s",
        {} if embedded else {"binary": True},
    )


def _reader(kind: Any, dialect: sa.Dialect) -> Processor:
    """How a value is read. Ids come as 16 bytes from both (models/engine.py asks PostgreSQL's driver for them so)."""
    if isinstance(kind, sa.Uuid):
        return lambda raw: None if raw is None else uuid_of(raw)
    return cast(Processor, kind.dialect_impl(dialect).result_processor(dialect, None))


@cache
def _positional(kind: Any) -> sa.Dialect:
    """The dialect with parameters in order (?, %s): named ones would be put into a dictionary and taken out again."""
    return cast(sa.Dialect, kind(paramstyle="qmark" if kind.name == "sqlite" else "format"))


def _bind(name: str, bind: Any, dialect: sa.Dialect) -> tuple[str, Processor, Any, bool]:
    process = bind.type.dialect_impl(dialect).bind_processor(dialect)
    if bind.required:
        return name, process, None, True
    ready = bind.effective_value
    return name, process, ready if process is None else process(ready), False


def client_column(table: Any) -> Any | None:
    """The column naming the client whose row it is, or None for a table that holds no client's rows."""
    name = model_of(table).client_column()
    return None if name is None else table.c[name]


def agency_wall(table: Any, agency_id: Any) -> Any:
    """The rows of a table that exist for an agency: its own; of a shared table also the platform's; of a directory,
    for the platform itself, everybody's."""
    model, mine = model_of(table), table.c.agency_id == agency_id
    if model.shared:
        return sa.or_(mine, table.c.agency_id == PLATFORM)
    if model.directory:
        return sa.or_(mine, agency_id == PLATFORM)
    return mine


def in_sight(table: Any, reach: Reach, eyes: sight.Eyes, how: Sight = Sight.EACH_ROW) -> list[Any]:
    """What of a table exists for these eyes, beyond the agency's wall: conditions that must all hold."""
    model, client = model_of(table), client_column(table)
    asked: list[Any] = []
    if model.kept_from is not None and reach is not Reach.EVERYTHING:
        asked.append(table.c[model.kept_from] != eyes.actor)
    if model.names_client is not None:
        asked.append(sight.known(table, reach, eyes))
    if client is not None and how is Sight.EACH_ROW:
        asked.append(sight.seen(table, client, reach, eyes))
    elif client is not None and how is Sight.NAMED:
        asked.append(sight.nameable(client, reach, eyes))
    return [condition for condition in asked if condition is not None]


@cache
def client_in_sight() -> "Query":
    """Whether :client_id is a client of this agency whom the caller may see: one row or none."""
    clients = SQLModel.metadata.tables["clients"]
    return Query(sa.select(clients.c.id).where(clients.c.id == CLIENT))


@cache
def open_glass() -> "Query":
    """The caller's open break-glasses (models/break_glass.py): id, client_id, reason. Mostly none."""
    g = SQLModel.metadata.tables["break_glass_openings"].c
    hers = (g.user_id == ACTOR, g.given_back_at.is_(None), g.ends_at > BOUND.now)
    return Query(sa.select(g.id, g.client_id, g.reason).where(*hers).order_by(g.opened_at), Sight.NAMED)


@cache
def unreviewed_glass() -> "Query":
    """The break-glasses of :of_user opened at or before :until that nobody has reviewed."""
    g = SQLModel.metadata.tables["break_glass_openings"].c
    hers = (g.user_id == sa.bindparam("of_user", type_=ID, required=True), g.reviewed_at.is_(None))
    return Query(sa.select(g.id).where(*hers, g.opened_at <= sa.bindparam("until", type_=INSTANT, required=True)))


def _walled_tables(statement: Any) -> list[tuple[Any, bool]]:
    """The agency tables and aliases a statement reads, each with whether an outer join may leave it empty."""
    parts = list(iterate(statement))
    if isinstance(statement, sa.Select):  # what .join() was told becomes a Join only here
        parts += [part for source in statement.get_final_froms() for part in iterate(source)]
    outer = {id(part) for join in parts if isinstance(join, sa.Join) and join.isouter for part in iterate(join.right)}
    named = {id(part): part for part in parts if isinstance(part, sa.Table | sa.Alias)}
    inner = {id(part.element) for part in named.values() if isinstance(part, sa.Alias)}
    return [(part, key in outer) for key, part in named.items() if key not in inner and "agency_id" in part.c]


class Query:
    """A SELECT built once; its result is a list of named tuples."""

    def __init__(
        self, statement: Any, sight: Sight = Sight.EACH_ROW, *, closed: bool = False, where: Any | None = None
    ) -> None:
        """`closed`: rows come as the driver gives them, cells unopened and ids as 16 bytes (for models/search.py).
        `where`: one more condition, which reads other tables in an EXISTS of its own and holds them to the agency."""
        names = tuple(statement.selected_columns.keys())
        self._width = len(names)
        self._sight, self._closed, self._where = sight, closed, where
        self._statement, self._sealed = (statement, ()) if closed else _with_bindings(statement)
        fields = [n.removesuffix("_sealed") for n in names]
        row = namedtuple("Row", fields)  # type: ignore[misc]  # noqa: PYI024 - names known at run time
        self._make = partial(tuple.__new__, row)  # what row._make does, without a call of Python's
        self._variants: dict[tuple[str, Reach, bool], _Compiled] = {}

    def run(self, db: "Workspace", params: dict[str, Any]) -> list[Any]:
        """Rows for this Workspace's eyes. Raises NotFound for a client out of sight, SealError for a damaged cell.
        A list for `in` has at least one value."""
        if self._sight is Sight.ONE_CLIENT:
            db.must_see(params["client_id"])
        compiled = self._variants.get((db.dialect.name, db.reach, db.glass)) or self._variant(db)
        found = compiled.execute(db.driver, params | sight.bound_to(db)).fetchall()
        if not found or self._closed:
            return list(found)
        columns: list[Any] = list(zip(*found, strict=True))
        for s in self._sealed:
            columns[s.at] = s.open(db, columns)
        for i, read in compiled.readers:
            columns[i] = map(read, columns[i])
        return list(map(self._make, zip(*columns[: self._width], strict=True)))

    def _variant(self, db: "Workspace") -> _Compiled:
        made = _compile(self._walled(db.reach, THROUGH if db.glass else BOUND), db.dialect, self._width)
        self._variants[db.dialect.name, db.reach, db.glass] = made
        return made

    def _walled(self, reach: Reach, eyes: sight.Eyes) -> Any:
        statement = self._statement
        for table, outer in _walled_tables(statement):
            absent = [table.c.agency_id.is_(None)] if outer else []
            statement = statement.where(sa.or_(agency_wall(table, AGENCY), *absent))
            client = client_column(table)
            if client is not None and self._sight is Sight.ONE_CLIENT:
                statement = statement.where(sa.or_(client == CLIENT, *absent))
            for condition in in_sight(table, reach, eyes, self._sight):
                statement = statement.where(sa.or_(condition, *absent))
        return statement if self._where is None else statement.where(self._where)


class ByReach:
    """One SELECT for those who see clients, held to their sight, and for those who see none and name one by id."""

    def __init__(self, statement: Any) -> None:
        self._seen, self._named = Query(statement), Query(statement, Sight.NAMED)

    def of(self, db: "Workspace") -> Query:
        """The one that fits whoever asks."""
        return self._named if db.reach is Reach.NONE else self._seen


@dataclass(frozen=True)
class _SealedColumn:
    """Where one sealed column stands in a result row, and where the facts that bind it stand."""

    at: int
    table: str
    field: str
    row_id: int
    subject: int
    seal_rev: int

    def open(self, db: "Workspace", columns: list[Any]) -> list[Any]:
        """The plain values, disclosed. None for a row never sealed; a cell missing from a sealed row is damage."""
        sealed = columns[self.at]
        ids, subjects = columns[self.row_id], columns[self.subject]
        keys = db.keys.openers(cell for cell in sealed if cell is not None)
        column = cells.column(db.agency_id.bytes, self.table, self.field)
        opened: dict[bytes, bytes] = {}
        values: list[Any] = []
        for cell, row_id, subject, seal_rev in zip(sealed, ids, subjects, columns[self.seal_rev], strict=True):
            if cell is None:
                if seal_rev:
                    raise SealError
                values.append(None)
                continue
            cipher = keys.get(cell[1:9] + subject)
            if cipher is None:
                raise KeyMissing
            values.append(cells.open_(cipher, cell, column.at(row_id, seal_rev)))
            opened[row_id] = subject
        if opened:
            db.note_opened(self.table, self.field, opened)
        return values


def _with_bindings(statement: Any) -> tuple[Any, tuple[_SealedColumn, ...]]:
    """Add, behind the asked columns, what a sealed column needs to be opened: row id, subject, seal_rev."""
    columns = list(statement.selected_columns)
    wanted = [(i, c) for i, c in enumerate(columns) if c.name.endswith("_sealed")]
    extra: list[Any] = []

    def index(column: Any) -> int:
        there = [*columns, *extra]
        found = next((i for i, c in enumerate(there) if c is column), len(there))
        if found == len(there):
            extra.append(column)
        return found

    sealed = []
    for at, column in wanted:
        t = column.table
        model = model_of(t)
        subject = t.c[model.subject_column]
        field = column.name.removesuffix("_sealed")
        sealed.append(
            _SealedColumn(at, str(model.__tablename__), field, index(t.c.id), index(subject), index(t.c.seal_rev))
        )
    labelled = [c.label(f"_{i}") for i, c in enumerate(extra)]
    return statement.add_columns(*labelled) if extra else statement, tuple(sealed)


class Change:
    """An UPDATE or DELETE built once, held to the caller's agency. The row was found through the walls before."""

    def __init__(self, statement: Any) -> None:
        self.table: sa.Table = statement.table
        self._statement = statement.where(self.table.c.agency_id == AGENCY)
        model, ends = MODELS.get(self.table.name), isinstance(statement, sa.Delete)
        self._ends_sealed = ends and model is not None and bool(sealed_fields(model))
        self._vouched = vouch.touched(model, statement)
        self._ends = ends
        if self._ends_sealed or self._vouched:
            shown = [table_of(cast(Any, model)).c[name] for name in ("id", *self._vouched)]
            if self._ends_sealed:
                shown.append(self.table.c.seal_rev)
            self._readers = tuple(column.type for column in shown)
            self._statement = self._statement.returning(*(sa.column(c.name, c.type) for c in shown))
        self._compiled: dict[str, _Compiled] = {}

    def run(self, db: "Workspace", params: dict[str, Any]) -> int:
        """Number of rows changed."""
        done = self._execute(db, params)
        if not (self._ends_sealed or self._vouched):
            changed: int = done.rowcount
            return changed
        found = done.fetchall()  # the ledger has to say that sealed rows are no more, and what vouched ones are now
        read = [_reader(kind, db.dialect) for kind in self._readers]
        for raw in found:
            row_id, *shown = (value if r is None else r(value) for r, value in zip(read, raw, strict=True))
            if self._ends_sealed and shown[-1]:
                db.note_digest(self.table.name, row_id, shown[-1], None)
            if self._vouched:
                values = None if self._ends else dict(zip(self._vouched, shown, strict=False))
                db.note_vouched(self.table.name, row_id, values)
        return len(found)

    def read(self, db: "Workspace", params: dict[str, Any]) -> tuple[Any, ...]:
        """What RETURNING names, numbers and texts only, of the one row changed. NotFound when none was."""
        self._must_be_free()
        found: list[tuple[Any, ...]] = self._execute(db, params).fetchall()
        if not found:
            raise NotFound
        return found[0]

    def send(self, db: "Workspace", params: dict[str, Any]) -> Any:
        """The driver's cursor, for whoever looks at it after `together()`."""
        self._must_be_free()
        return self._execute(db, params)

    def run_many(self, db: "Workspace", params: Sequence[dict[str, Any]]) -> None:
        """The same statement for many rows, in as few messages as the driver can."""
        self._must_be_free()
        compiled = self._for(db)
        db.driver.cursor().executemany(compiled.sql, compiled.many(params, {"agency_id": db.agency_id}))

    def _must_be_free(self) -> None:
        if self._vouched:
            raise TypeError(f"{self.table.name}: what lets somebody in changes through run(), which tells the ledger")

    def _execute(self, db: "Workspace", params: dict[str, Any]) -> Any:
        return self._for(db).execute(db.driver, params | {"agency_id": db.agency_id})

    def _for(self, db: "Workspace") -> _Compiled:
        compiled = self._compiled.get(db.dialect.name)
        if compiled is None:
            compiled = self._compiled[db.dialect.name] = _compile(self._statement, db.dialect)
        return compiled


class Insert:
    """New rows of one model, sealed and inserted in one go. Values not given take the model's default, or null."""

    def __init__(self, model: type[Any], *, unless_there: bool = False) -> None:
        """`unless_there`: a row whose primary key exists is left as it is, and not counted."""
        self.table: sa.Table = model.__table__
        self._sealed, self._vouched = sealed_fields(model), model.vouched
        fields = model.model_fields
        plain = {c.name: fields[c.name] for c in self.table.c}
        self._defaults = {
            name: None if field.default is PydanticUndefined else field.default for name, field in plain.items()
        }
        self._factories = {name: field.default_factory for name, field in plain.items() if field.default_factory}
        self._unless_there = unless_there
        self._compiled: dict[str, _Compiled] = {}

    def run(self, db: "Workspace", rows: Sequence[dict[str, Any]]) -> int:
        """Number of rows inserted. Values of sealed fields are given under the field's name and sealed here."""
        if self._unless_there and len(rows) > 1:
            raise ValueError("how many of several were there already is not told: give one")
        compiled = self._compiled.get(db.dialect.name)
        if compiled is None:
            compiled = self._compiled[db.dialect.name] = self._compile(db.dialect)
        alike: dict[tuple[str, ...], list[dict[str, Any]]] = {}
        for row in rows:
            alike.setdefault(tuple(row), []).append(row)
        inserted = 0
        for names, group in alike.items():
            whole = self._whole(db, names, group)
            arguments = compiled.many(whole, {"agency_id": db.agency_id})
            if len(arguments) == 1:
                inserted += db.driver.execute(compiled.sql, arguments[0]).rowcount
            else:
                db.driver.cursor().executemany(compiled.sql, arguments)
                inserted += len(arguments)
            for row in whole if self._vouched else ():
                db.note_vouched(self.table.name, row["id"], self._defaults | row)
        return inserted

    def _compile(self, dialect: sa.Dialect) -> _Compiled:
        values = {c.name: sa.bindparam(c.name, self._defaults[c.name], type_=c.type) for c in self.table.c}
        statement: Any = sa.insert(self.table).values(values)
        if self._unless_there:
            upsert = sa.dialects.sqlite if dialect.name == "sqlite" else sa.dialects.postgresql
            statement = upsert.insert(self.table).values(values).on_conflict_do_nothing()
        return _compile(statement, dialect)

    def _whole(
        self, db: "Workspace", names: tuple[str, ...], rows: Sequence[dict[str, Any]]
    ) -> Sequence[dict[str, Any]]:
        """Rows that give the same names, with what is made for each: ids, cells."""
        made = [(name, make) for name, make in self._factories.items() if name not in names]
        sealed = any(field.name in names for field in self._sealed)
        if not made and not sealed:
            return rows
        whole = [row | {name: make() for name, make in made} for row in rows]
        if sealed:
            for row in whole:
                self._seal(db, row)
        return whole

    def _seal(self, db: "Workspace", row: dict[str, Any]) -> None:
        subject, table, row["seal_rev"] = row[model_of(self.table).subject_column], self.table.name, 1
        kid, cipher = db.keys.sealer(subject, len(self._sealed))
        for field in self._sealed:
            at = cells.column(db.agency_id.bytes, table, field.name).at(row["id"].bytes, 1)
            row[field.column] = cells.seal(cipher, kid, row.get(field.name), at)
        stored = [row[field.column] for field in self._sealed]
        db.note_digest(table, row["id"], 1, cells.digest(table, row["id"], subject, 1, stored))
