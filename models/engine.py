"""The two databases as they are set up here, and what their drivers' errors mean."""

import sqlite3
from typing import cast

import psycopg
import sqlalchemy as sa
from psycopg.types.string import ByteaBinaryLoader
from sqlalchemy import event

from models.errors import Conflict, Invalid, KeyRetired, NotFound, Unavailable


class DeadConnection(Exception):
    """A pooled connection failed at its first statement: nothing was done on it, so trying anew is safe."""


def make_engine(url: str, pool_size: int = 8) -> sa.Engine:
    """An engine with the settings below. Bound values never appear in its errors."""
    address = sa.make_url(url)
    if address.get_backend_name() != "sqlite":
        patience = {"connect_timeout": 5, "options": " ".join(f"-c {limit}" for limit in POSTGRESQL)}
        engine = sa.create_engine(
            address,
            hide_parameters=True,
            pool_size=pool_size,
            max_overflow=OVERFLOW,
            pool_timeout=5,
            connect_args=patience,
        )

        @event.listens_for(engine, "connect")
        def _adapt(connection: psycopg.Connection, _: object) -> None:
            # Binary answers are the fast lane's; it makes UUIDs itself, of those it shows. Text ones are the ORM's.
            connection.adapters.register_loader("uuid", ByteaBinaryLoader)

        return engine
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


OVERFLOW = 2  # connections beyond the pool, for health checks while the lane holds the rest
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


def empty_log(engine: sa.Engine) -> bool:
    """SQLite: write what the write-ahead log holds into the database file and cut the log to nothing, so that what was
    destroyed stands in no older page. False when a reader still needs the log: the worker tries again. Called outside
    any transaction; it waits 0.2 s and raises nothing. A PostgreSQL server looks after its own log."""
    if engine.dialect.name != "sqlite":
        return True
    pooled = engine.raw_connection()
    driver = cast(sqlite3.Connection, pooled.driver_connection)
    try:
        driver.execute("PRAGMA busy_timeout=200")
        busy: int = driver.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
        driver.execute("PRAGMA busy_timeout=5000")
    except sqlite3.Error:
        pooled.invalidate()
        return False
    finally:
        pooled.close()
    return not busy


def _original(error: BaseException) -> BaseException:
    return cast(BaseException, getattr(error, "orig", None) or error)


def worth_another_try(error: BaseException) -> bool:
    """A deadlock, a serialization failure, a key replaced meanwhile, or a connection that was dead before anything was
    done on it."""
    if isinstance(error, DeadConnection | KeyRetired):
        return True
    return isinstance(_original(error), psycopg.errors.DeadlockDetected | psycopg.errors.SerializationFailure)


def ends_transaction(error: BaseException) -> bool:
    """Errors after which the whole transaction cannot go on, whatever the unit was."""
    return worth_another_try(error) or isinstance(
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
    return Unavailable() if isinstance(cause, DeadConnection | KeyRetired | sa.exc.TimeoutError) else error
