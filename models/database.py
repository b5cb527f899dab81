"""Units of work on one database: run, committed once, undone alone when they fail, their denials kept."""

import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar, cast
from uuid import UUID

import psycopg
import sqlalchemy as sa

from models.access import PLATFORM, Actor, Kind
from models.engine import DeadConnection, ends_transaction, make_engine, translated, worth_another_try
from models.errors import Forbidden, KeyMissing, NotFound, SealError, Spent
from models.ledger.book import Origin
from models.post import Post
from models.vault.keys import Vault
from models.watch import Watch
from models.workspace import Workspace

T = TypeVar("T")
_DENIALS = (Forbidden, NotFound, SealError, Spent)  # of these an entry is kept


@dataclass
class Unit(Generic[T]):
    """One request's work on one agency, and afterwards its answer: a value or an error."""

    agency_id: UUID
    work: Callable[[Workspace], T]
    origin: Origin = field(default_factory=Origin)
    named: Sequence[UUID] = ()  # ids the caller asked for, for the entry of a denial
    turn: tuple[UUID, UUID] = (PLATFORM, PLATFORM)  # whose turn it takes: agency and person who proved who they are
    gone: Callable[[], bool] = lambda: False  # whether whoever asked has hung up
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
        self.vault, self.watch, self.post = vault, Watch(), Post()
        self.engine = make_engine(url, pool_size)
        self.embedded = self.engine.dialect.name == "sqlite"
        self.moved: set[UUID] = set()  # agencies whose log grew in this process; whoever signs takes them out

    def transact(self, actor: Actor, work: Callable[[Workspace], T], origin: Origin | None = None) -> T:
        """One unit for an actor already known: the worker, the command line, tests."""

        def known(db: Workspace) -> T:
            db.become(actor)
            return work(db)

        unit = Unit(actor.agency_id, known, origin or Origin())
        self.run([unit])
        return unit.result()

    def run(self, units: list[Unit[Any]], more: Callable[[], Unit[Any] | None] = lambda: None) -> None:
        """Run units in one transaction, each able to fail alone, and commit once: the only commit there is.

        On SQLite `more` is asked after each unit for another one that joins. PostgreSQL takes one unit; a dead
        connection, a deadlock or a serialization failure is tried once more. An error of a unit stays on that unit.
        When the transaction itself fails, every unit has failed and nothing was kept.
        """
        if not self.embedded and len(units) > 1:
            raise ValueError("one unit a transaction on PostgreSQL: a second try would run the others twice")
        for last_try in (False, True):
            pool = self.engine.pool
            try:
                with self.engine.connect() as connection:
                    done = self._attempt(connection, units, more)
                for unit, db in zip(units, done, strict=True):
                    if db is not None:
                        if db.sequence >= 0:
                            self.moved.add(unit.agency_id)
                        db.kept()
            except Exception as error:  # noqa: BLE001 - every way a transaction can fail must reach its callers
                if not last_try and worth_another_try(error):
                    if isinstance(error, DeadConnection) and self.engine.pool is pool:
                        self.engine.dispose()  # the server went away: the pool's other connections are dead too
                    time.sleep(0.01)
                    continue
                for unit in units:
                    unit.value, unit.error = None, translated(error)
            return

    def _attempt(
        self, connection: sa.Connection, units: list[Unit[Any]], more: Callable[[], Unit[Any] | None]
    ) -> list[Workspace | None]:
        """Of each unit the Workspace whose work is kept: its own, its denial's, or none."""
        try:
            if not self.embedded:
                return [self._in_transaction(connection, unit) for unit in units]
            done: list[Workspace | None] = []
            with connection.begin():
                for unit in units:  # which grows
                    done.append(self._in_savepoint(connection, unit))
                    if (joined := more()) is not None:
                        units.append(joined)
        except (sqlite3.Error, psycopg.Error, DeadConnection):
            connection.invalidate()  # the driver was used directly: SQLAlchemy does not know that it may be broken
            raise
        return done

    def _in_savepoint(self, connection: sa.Connection, unit: Unit[Any]) -> Workspace | None:
        """SQLite: one of several units of a transaction, undone alone when it fails."""
        driver: Any = connection.connection.driver_connection
        driver.execute("SAVEPOINT unit")
        db = self._workspace(connection, unit)
        kept: Workspace | None = db
        try:
            self._work(db, unit)
        except Exception as error:
            db.abandon()
            if ends_transaction(error):
                raise
            driver.execute("ROLLBACK TO SAVEPOINT unit")
            kept = self._refuse(connection, unit, db.actor, error)
        driver.execute("RELEASE SAVEPOINT unit")
        return kept

    def _in_transaction(self, connection: sa.Connection, unit: Unit[Any], *, again: bool = False) -> Workspace | None:
        """PostgreSQL: one unit, one transaction; a denial is kept in a second one. A unit that found no key for a row
        it had read is run once more: both may have been destroyed in between."""
        with connection.begin() as transaction:
            db = self._workspace(connection, unit)
            try:
                self._work(db, unit)
            except Exception as error:
                db.abandon()
                if ends_transaction(error):
                    raise
                if transaction.is_active:  # a flush that failed has rolled it back already
                    transaction.rollback()
                refused: Exception | None = error
            else:
                refused = None
        if isinstance(refused, KeyMissing) and not again:
            return self._in_transaction(connection, unit, again=True)
        if refused is not None:
            with connection.begin():
                return self._refuse(connection, unit, db.actor, refused)
        return db

    def _work(self, db: Workspace, unit: Unit[Any]) -> None:
        unit.value, unit.error = None, None
        unit.value = unit.work(db)
        db.finish()
        if db.objects_in_use is not None:
            db.objects_in_use.commit()  # on SQLite its own savepoint; durable when the transaction commits
        db.abandon()

    def _workspace(self, connection: sa.Connection, unit: Unit[Any]) -> Workspace:
        db = Workspace(connection, unit.agency_id, unit.origin, self.vault, self.watch)
        db.post = self.post
        if not self.embedded:
            try:
                _begin_for(unit.agency_id, db.driver.pgconn)
            except DeadConnection:
                connection.invalidate()  # or its roll-back fails too, and that error would hide this one
                raise
        return db

    def _refuse(self, connection: sa.Connection, unit: Unit[Any], actor: Actor, error: Exception) -> Workspace | None:
        """Answer with the refusal. Returns the Workspace that kept it, if it is one to be kept: what a stranger asked
        for in vain is in nobody's log, and the agency she named may have none."""
        unit.value, unit.error = None, translated(error)
        stranger = actor.kind is Kind.NOBODY or (actor.kind is Kind.DOOR and isinstance(unit.error, NotFound | Spent))
        if isinstance(unit.error, _DENIALS) and not stranger:
            db = self._workspace(connection, unit)
            db.deny(unit.error, actor, unit.named)
            db.finish()
            return db
        return None


@contextmanager
def all_or_nothing(engine: sa.Engine) -> Iterator[sa.Connection]:
    """One transaction of no agency's, for restoring a whole database: kept when the block ends well, else undone."""
    with engine.begin() as connection:
        yield connection


def _begin_for(agency_id: UUID, server: psycopg.pq.abc.PGconn) -> None:
    """BEGIN, and whose rows row-level security shows: both in one message, where the driver would send two. The driver
    asks the server's transaction status before each statement, so it knows that one is open, and ends it as its own."""
    sent = server.exec_(b"begin; select set_config('app.agency_id', '%b', true)" % str(agency_id).encode())
    if sent.status != psycopg.pq.ExecStatus.TUPLES_OK:
        raise DeadConnection(sent.error_message.decode(errors="replace"))
