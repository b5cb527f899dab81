"""The only door to the rows: a Database runs units of work, a Workspace is one unit that knows who is asking."""

import sqlite3
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any, Generic, TypeVar, cast
from uuid import UUID

import psycopg
import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.orm import ORMExecuteState
from sqlalchemy.sql.visitors import iterate
from sqlmodel import Session, SQLModel

from models import rows
from models.access import Actor, Kind, Permission, Reach
from models.base import ID, AgencyRecord, columns, model_of
from models.errors import Conflict, DomainError, Forbidden, Invalid, NotFound, SealError, Stale, Unavailable
from models.ledger import book
from models.ledger.action import Action
from models.ledger.book import Fact, Origin
from models.rows import Change, Insert, Query
from models.vault.keys import KeyRing, Vault
from models.vault.sealed import row_digest, sealed_fields

R = TypeVar("R", bound=AgencyRecord)
T = TypeVar("T")

LISTED_IDS = 200  # an entry names this many ids; beyond, their count and digest


class UnexplainedWrite(RuntimeError):
    """A row would change without a ledger entry that says why (law 2). A programmer's error."""


class Workspace(Session):
    """A session inside one agency, seeing what its actor may see, writing what the ledger explains."""

    def __init__(self, connection: sa.Connection, agency_id: UUID, origin: Origin, vault: Vault) -> None:
        # On SQLite many units share a transaction, so each needs its own undo.
        mode = "create_savepoint" if connection.dialect.name == "sqlite" else "rollback_only"
        super().__init__(connection, join_transaction_mode=cast(Any, mode), autoflush=False, expire_on_commit=False)
        self.agency_id, self.origin = agency_id, origin
        self.actor, self.reach = Actor.nobody(agency_id), Reach.NONE
        self.now = datetime.now(UTC)
        self.dialect = connection.dialect
        self.driver: Any = connection.connection.driver_connection
        self.keys = KeyRing(vault, self)
        self.vault = vault
        self.outcome: str | None = None
        self._facts: list[Fact] = []
        self._explained: set[UUID] = set()
        self._claimed: set[UUID] = set()
        self._opened: dict[str, tuple[dict[UUID, UUID], set[str]]] = {}
        self._digests: list[dict[str, Any]] = []
        self._seen: set[UUID] = set()
        self._fast_writes = False  # rows changed without the ORM, which before_flush does not see

    def become(self, actor: Actor, permission: Permission | None = None) -> None:
        """From nobody to somebody. With a permission: refused unless granted; sight is as far as the grant reaches."""
        if self.actor.kind is not Kind.NOBODY or actor.agency_id != self.agency_id:
            raise Forbidden
        self.actor = actor
        if permission is None:
            self.reach = Reach.AGENCY if actor.kind in (Kind.SYSTEM, Kind.COMMAND) else Reach.NONE
            return
        if not actor.may(permission):
            raise Forbidden("password-change-required" if actor.must_change_password else None)
        self.reach = actor.reach(permission)

    # -- reading ------------------------------------------------------------------------------------------------

    def find(self, model: type[R], row_id: UUID) -> R:
        """The row, if it is this agency's and in sight; else NotFound."""
        found = self.all(sa.select(model).where(columns(model).id == row_id))
        if not found:
            raise NotFound
        return cast(R, found[0])

    def claim(self, model: type[R], row_id: UUID, version: int | None = None) -> R:
        """The row, locked for change. With a version: Stale unless it is the row's now (If-Match)."""
        wanted = sa.select(model).where(columns(model).id == row_id).with_for_update()
        found = self.all(wanted.execution_options(populate_existing=True))
        if not found:
            raise NotFound
        row = found[0]
        if version is not None and version != row.version:
            raise Stale(row.version)
        self._claimed.add(row.id)
        return cast(R, row)

    def all(self, statement: Any) -> list[Any]:
        """The models of an ORM SELECT, through the walls."""
        return list(self.exec(statement).scalars())

    def rows(self, query: Query, **params: Any) -> list[Any]:
        """Run a prepared query through the walls; sealed columns come opened."""
        return query.run(self, params)

    def one(self, query: Query, **params: Any) -> Any:
        """The only row of a prepared query, or NotFound."""
        found = query.run(self, params)
        if not found:
            raise NotFound
        return found[0]

    def must_see(self, client_id: UUID) -> None:
        """NotFound unless the client is in sight; asked once per Workspace and client."""
        if client_id not in self._seen:
            self.one(rows.client_in_sight(), client_id=client_id)
            self._seen.add(client_id)

    def saw(self, client_id: UUID) -> None:
        """A walled query of this Workspace just returned a row of this client: she is in sight."""
        self._seen.add(client_id)

    def hold(self, name: bytes) -> None:
        """Units that hold the same name wait for each other until they end. On SQLite they do so anyway."""
        if self.dialect.name != "sqlite":
            self.driver.execute("select pg_advisory_xact_lock(%s)", [int.from_bytes(name[:8], signed=True)])

    # -- writing ------------------------------------------------------------------------------------------------

    def create(self, model: type[R], action: Action, **values: object) -> R:
        """Stamp the agency, keep the row, record the fact: one call, nothing to forget."""
        row = model(agency_id=self.agency_id, **cast(Any, values))
        self.add(row)
        self._claimed.add(row.id)
        self.record(action, row)
        return row

    def create_many(self, insert: Insert, action: Action | None, values: Sequence[dict[str, Any]]) -> None:
        """Many rows in one go, through the same seals. `action=None`: another fact of this unit explains them."""
        if action is not None:
            client = values[0].get(model_of(insert.table).client_column() or "")
            self.note(action, insert.table.name, [v["id"] for v in values], client)
        insert.run(self, values)
        self._fast_writes = True

    def change(self, change: Change, **params: Any) -> int:
        """Run a prepared UPDATE or DELETE; `note` or `record` must say why, as for any write. Returns rows changed."""
        changed = change.run(self, params)
        if changed and not model_of(change.table).machinery:
            self._fast_writes = True
        return changed

    def insert(self, insert: Insert, values: Sequence[dict[str, Any]]) -> int:
        """Insert machinery rows (keys, log, idempotency). Returns rows inserted."""
        return insert.run(self, values)

    def record(self, action: Action, row: AgencyRecord, *fields: str) -> None:
        """Say what happened to a row. Its change commits together with this fact or not at all."""
        client = row.subject_id if type(row).subject_column != "agency_id" else None
        self._explained.add(row.id)
        self.note(action, str(row.__tablename__), [row.id], client, fields)

    def note(
        self,
        action: Action,
        kind: str,
        ids: Sequence[UUID],
        client_id: UUID | None = None,
        fields: tuple[str, ...] = (),
    ) -> None:
        """Say what happened to rows known by id only."""
        self._facts.append(Fact(action, kind, list(ids), client_id, fields))

    def note_opened(self, table: str, name: str, row_id: UUID, subject_id: UUID) -> None:
        """A sealed field was opened for the caller: the entry will say so, before any byte leaves."""
        ids, fields = self._opened.setdefault(table, ({}, set()))
        ids[row_id] = subject_id
        fields.add(name)

    def note_sealed(self, row: Any) -> None:
        """A row was sealed again: its digest goes into the entry, so history convicts whoever edits the row."""
        self.note_digest(row.__tablename__, row.id, row.seal_rev, row_digest(row))

    def note_digest(self, table: str, row_id: UUID, rev: int, digest: str | None) -> None:
        """Remember a sealed row's digest for the entry; None when the row is gone."""
        self._digests.append({"t": table, "id": str(row_id), "rev": rev, "digest": digest})

    # -- ending -------------------------------------------------------------------------------------------------

    def finish(self) -> None:
        """Flush, then append the one entry that explains this unit. Called by the Database before its commit."""
        self.flush()
        if self._fast_writes and not self._facts:
            raise UnexplainedWrite("rows changed on the fast lane: note() why")
        if not self._facts and self._opened:
            self._facts.append(self._disclosure())
        if self._facts:
            book.append(self, self._entry(), self._facts[0])

    def deny(self, error: DomainError, actor: Actor, ids: Sequence[UUID]) -> None:
        """Keep the fact that somebody was refused. Its own unit, after the refused one was undone."""
        self.actor, self.outcome = actor, error.reason
        action = Action.INTEGRITY_FAILED if isinstance(error, SealError) else Action.ACCESS_DENIED
        self.note(action, "requests", ids)

    def _disclosure(self) -> Fact:
        clients = {c for ids, _ in self._opened.values() for c in ids.values() if c != self.agency_id}
        first = next(iter(self._opened))
        return Fact(
            Action.RECORD_DISCLOSED, first, [*self._opened[first][0]], clients.pop() if len(clients) == 1 else None
        )

    def _entry(self) -> dict[str, Any]:
        first, *more = self._facts
        who = self.actor
        entry: dict[str, Any] = {
            "agency": str(self.agency_id),
            "req": self.origin.request_id,
            "who": {
                "kind": who.kind,
                "id": str(who.id),
                "role": "+".join(sorted(who.roles)),
                "session": str(who.session_id) if who.session_id else None,
                "auth": who.auth,
            },
            "where": {"ip": self.origin.ip, "agent": self.origin.agent},
            "action": first.action,
            "object": _object(first.kind, first.ids, first.fields),
            "client": str(first.client_id) if first.client_id else None,
            "outcome": "denied" if self.outcome else "ok",
            "code": self.outcome,
        }
        if more:
            entry["also"] = [{"action": f.action, "object": _object(f.kind, f.ids, f.fields)} for f in more]
        if self._opened:
            opened = self._opened.items()
            entry["opened"] = [_object(table, list(ids), tuple(sorted(fields))) for table, (ids, fields) in opened]
        if self._digests:
            entry["rows"] = self._digests
        return entry


def _object(kind: str, ids: Sequence[UUID], fields: tuple[str, ...]) -> dict[str, Any]:
    named: dict[str, Any] = {"t": kind, "count": len(ids)}
    if len(ids) <= LISTED_IDS:
        named["ids"] = [str(i) for i in ids]
    else:
        named["digest"] = sha256(b"".join(sorted(i.bytes for i in ids))).hexdigest()
    if fields:
        named["fields"] = list(fields)
    return named


@event.listens_for(Workspace, "do_orm_execute")
def _stay_inside(state: ORMExecuteState) -> None:
    """Every ORM SELECT gets the walls of its one model; anything else has no business here."""
    db, statement = cast(Workspace, state.session), cast(Any, state.statement)
    if not state.is_select or not state.is_orm_statement:
        raise UnexplainedWrite("a Workspace reads models and changes rows through their verbs")
    table = _only_table(statement)
    if table is None:
        raise UnexplainedWrite("the ORM reads one model at a time here; a join is a Query of models/rows.py")
    state.statement = statement.where(_wall(db, table))


_SOURCES = (sa.Column, sa.FromClause)  # a function is one too: counting belongs to a Query


def _only_table(statement: Any) -> sa.Table | None:
    """The one table a SELECT reads, or None when it reads more, or an alias: those the wall would miss."""
    parts = [part for part in iterate(statement) if part is not statement]
    sources = [part.table if isinstance(part, sa.Column) else part for part in parts if isinstance(part, _SOURCES)]
    named = {table.name for table in sources if isinstance(table, sa.Table)}
    nested = any(isinstance(part, sa.SelectBase | sa.Join | sa.TextClause) for part in parts)
    written_out = any(getattr(part, "is_literal", False) for part in parts)  # literal_column: SQL nobody looked into
    aliased = any(not isinstance(table, sa.Table) for table in sources)
    if nested or written_out or aliased or len(named) != 1 or not isinstance(statement, sa.Select):
        return None
    return SQLModel.metadata.tables[named.pop()]


def _wall(db: Workspace, table: sa.Table) -> Any:
    """This agency's rows, and of clients' rows those of clients the caller may see."""
    mine = rows.agency_wall(table, sa.literal(db.agency_id, ID))
    client = rows.client_column(table)
    if client is None or db.reach is Reach.AGENCY:
        return mine
    seen = sa.false() if db.reach is Reach.NONE else rows.sight_of(client, db.agency_id, db.actor.id)
    return sa.and_(mine, seen)


@event.listens_for(Workspace, "before_flush")
def _explain_every_write(session: Session, context: object, instances: object) -> None:
    db = cast(Workspace, session)
    changed = [row for row in db.dirty if db.is_modified(row)]
    for row in [*db.new, *changed, *db.deleted]:
        if not isinstance(row, AgencyRecord) or row.agency_id != db.agency_id:
            raise UnexplainedWrite(f"{row!r} is not of this agency")
        if row.id not in db._explained or row.id not in db._claimed:  # noqa: SLF001
            raise UnexplainedWrite(f"{row!r}: claim the row, and record() why it changes")
    for row in changed:
        if hasattr(row, "version") and not sa.inspect(row).attrs.version.history.has_changes():
            row.version += 1
    for row in db.deleted:
        if sealed_fields(type(row)):
            db.note_digest(str(row.__tablename__), row.id, row.seal_rev, None)


# -- units of work ------------------------------------------------------------------------------------------------


class _DeadConnection(Exception):
    """A pooled connection failed at its first statement: nothing was done on it, so trying anew is safe."""


@dataclass
class Unit(Generic[T]):
    """One request's work on one agency, and afterwards its answer: a value or an error."""

    agency_id: UUID
    work: Callable[[Workspace], T]
    origin: Origin = field(default_factory=Origin)
    named: Sequence[UUID] = ()  # ids the caller asked for, for the entry of a denial
    value: T | None = None
    error: BaseException | None = None

    def result(self) -> T:
        """The value, or the error raised."""
        if self.error is not None:
            raise self.error
        return cast(T, self.value)


class Database:
    """A SQLite file or a PostgreSQL server, and the vault that opens its cells."""

    def __init__(self, url: str, vault: Vault, pool_size: int = 8) -> None:
        self.vault = vault
        self.engine = make_engine(url, pool_size)
        self.embedded = self.engine.dialect.name == "sqlite"

    def transact(self, actor: Actor, work: Callable[[Workspace], T], origin: Origin | None = None) -> T:
        """One unit for an actor already known: the worker, the command line, tests."""

        def known(db: Workspace) -> T:
            db.become(actor)
            return work(db)

        unit = Unit(actor.agency_id, known, origin or Origin())
        self.run([unit])
        return unit.result()

    def run(self, units: Sequence[Unit[Any]]) -> None:
        """Run units in one transaction, each able to fail alone, and commit once: the only commit there is.

        An error of a unit stays on that unit. When the transaction itself fails, every unit has failed and nothing
        was kept. On PostgreSQL give one unit at a time; a deadlock or serialization failure is tried once more.
        """
        for last_try in (False, True):
            try:
                with self.engine.connect() as connection:
                    done = self._attempt(connection, units)
                for unit, db in zip(units, done, strict=True):
                    if unit.error is None:
                        db.keys.committed()
            except Exception as error:  # noqa: BLE001 - every way a transaction can fail must reach its callers
                if not last_try and _worth_another_try(error):
                    if isinstance(error, _DeadConnection):
                        self.engine.dispose(close=False)  # the server went away: its other connections are dead too
                    time.sleep(0.01)
                    continue
                for unit in units:
                    unit.value, unit.error = None, translated(error)
            return

    def _attempt(self, connection: sa.Connection, units: Sequence[Unit[Any]]) -> list[Workspace]:
        try:
            if self.embedded:
                with connection.begin():
                    return [self._in_savepoint(connection, unit) for unit in units]
            return [self._in_transaction(connection, unit) for unit in units]
        except (sqlite3.Error, psycopg.Error, _DeadConnection):
            connection.invalidate()  # the driver was used directly: SQLAlchemy does not know that it may be broken
            raise

    def _in_savepoint(self, connection: sa.Connection, unit: Unit[Any]) -> Workspace:
        """SQLite: one of several units of a transaction, undone alone when it fails."""
        driver: Any = connection.connection.driver_connection
        driver.execute("SAVEPOINT unit")
        db = self._workspace(connection, unit)
        try:
            self._work(db, unit)
        except Exception as error:
            db.close()
            if _ends_transaction(error):
                raise
            driver.execute("ROLLBACK TO SAVEPOINT unit")
            self._refuse(connection, unit, db.actor, error)
        driver.execute("RELEASE SAVEPOINT unit")
        return db

    def _in_transaction(self, connection: sa.Connection, unit: Unit[Any]) -> Workspace:
        """PostgreSQL: one unit, one transaction; a denial is kept in a second one."""
        with connection.begin() as transaction:
            db = self._workspace(connection, unit)
            try:
                self._work(db, unit)
            except Exception as error:
                db.close()
                if _ends_transaction(error):
                    raise
                if transaction.is_active:  # a flush that failed has rolled it back already
                    transaction.rollback()
                refused: Exception | None = error
            else:
                refused = None
        if refused is not None:
            with connection.begin():
                self._refuse(connection, unit, db.actor, refused)
        return db

    def _work(self, db: Workspace, unit: Unit[Any]) -> None:
        unit.value, unit.error = None, None
        unit.value = unit.work(db)
        db.finish()
        db.commit()  # on SQLite the session's own savepoint; durable when the transaction commits
        db.close()

    def _workspace(self, connection: sa.Connection, unit: Unit[Any]) -> Workspace:
        db = Workspace(connection, unit.agency_id, unit.origin, self.vault)
        if not self.embedded:
            try:
                db.driver.execute("select set_config('app.agency_id', %s, true)", [str(unit.agency_id)])
            except psycopg.OperationalError as error:
                raise _DeadConnection from error
        return db

    def _refuse(self, connection: sa.Connection, unit: Unit[Any], actor: Actor, error: Exception) -> None:
        unit.value, unit.error = None, translated(error)
        if isinstance(unit.error, Forbidden | NotFound | SealError) and actor.kind is not Kind.NOBODY:
            db = self._workspace(connection, unit)
            db.deny(unit.error, actor, unit.named)
            db.finish()
            db.close()


def make_engine(url: str, pool_size: int = 8) -> sa.Engine:
    """An engine with the settings of SPEED.md 6. Bound values never appear in its errors."""
    address = sa.make_url(url)
    if address.get_backend_name() != "sqlite":
        patience = {"connect_timeout": 5, "options": " ".join(f"-c {limit}" for limit in POSTGRESQL)}
        return sa.create_engine(
            address, hide_parameters=True, pool_size=pool_size, max_overflow=2, pool_timeout=5, connect_args=patience
        )
    arguments = {"check_same_thread": False, "isolation_level": None, "cached_statements": 512, "timeout": 5}
    engine = sa.create_engine(address, hide_parameters=True, connect_args=arguments, pool_size=4)

    @event.listens_for(engine, "connect")
    def _prepare(connection: sqlite3.Connection, _: object) -> None:
        for pragma in SQLITE:
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def _begin(connection: sa.Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    return engine


#: Milliseconds: nothing in this service may hang longer than its callers wait.
POSTGRESQL = (
    "timezone=UTC",  # instants are told in UTC, wherever the server lives
    "lock_timeout=5000",
    "statement_timeout=12000",
    "idle_in_transaction_session_timeout=30000",
)
SQLITE = (
    "journal_mode=WAL",
    "synchronous=FULL",
    "busy_timeout=5000",
    "foreign_keys=ON",
    "secure_delete=ON",
    "temp_store=MEMORY",
    "cache_size=-16384",
    "mmap_size=268435456",
    "trusted_schema=OFF",
)


#: The database cannot be used just now; a ledger that refuses an entry (InsufficientPrivilege) counts as that.
AWAY = (
    sqlite3.OperationalError,
    psycopg.OperationalError,
    psycopg.InterfaceError,
    psycopg.errors.InsufficientPrivilege,
)


def _original(error: BaseException) -> BaseException:
    return cast(BaseException, getattr(error, "orig", None) or error)


def _worth_another_try(error: BaseException) -> bool:
    if isinstance(error, _DeadConnection):
        return True
    return isinstance(_original(error), psycopg.errors.DeadlockDetected | psycopg.errors.SerializationFailure)


def _ends_transaction(error: BaseException) -> bool:
    """Errors after which the whole transaction cannot go on, whatever the unit was."""
    return _worth_another_try(error) or isinstance(
        _original(error), sqlite3.OperationalError | psycopg.OperationalError | psycopg.InterfaceError
    )


def translated(error: BaseException) -> BaseException:
    """A driver's error as the domain's: busy, full, away, already there. Anything else stays what it is."""
    cause = _original(error)
    text = str(cause).lower()
    if isinstance(cause, sqlite3.IntegrityError | psycopg.IntegrityError):
        broken = {"foreign key": NotFound(), "unique": Conflict("already-exists")}
        return next((known for word, known in broken.items() if word in text), Unavailable())  # else a trigger refused
    if isinstance(cause, psycopg.errors.DataError | sqlite3.DataError):
        return Invalid()
    if isinstance(cause, sqlite3.Error | psycopg.Error):
        told = {"full": Unavailable("storage-full", 30), "locked": Unavailable("database-busy", 1)}
        known_by_word = next((known for word, known in told.items() if word in text), None)
        return known_by_word or (Unavailable() if isinstance(cause, AWAY) else error)
    return Unavailable() if isinstance(cause, _DeadConnection | sa.exc.TimeoutError) else error
