"""The SQLite file of an installation: there, sound, served by one process, never silently another one."""

import fcntl
import os
import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import sqlalchemy as sa
from sqlalchemy import event

from api.cli.say import PROGRAM, Trouble
from models.backup.halves import sync


class EmbeddedFile:
    """One SQLite database by its path."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock: int | None = None

    @classmethod
    def of(cls, url: str) -> "EmbeddedFile | None":
        """The file behind a database address; None for PostgreSQL."""
        address = sa.make_url(url)
        return cls(Path(address.database or "")) if address.get_backend_name() == "sqlite" else None

    @property
    def backups(self) -> Path:
        """Where `db backup` puts its files."""
        return self.path.parent / "backups"

    def must_exist(self) -> None:
        """Trouble when there is no file: SQLite would make an empty one."""
        if not self.path.is_file():
            raise Trouble(
                f"The database file {self.path} is missing",
                "An empty one in its place would hide the loss, so none is made",
                self._mend(f"{PROGRAM} db upgrade, if this installation is new"),
            )

    def must_be_sound(self) -> None:
        """Trouble when a page of the file is torn or it is no database at all. Reads the whole file once."""
        try:
            with closing(self._open()) as connection:
                found = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
        except sqlite3.OperationalError as error:
            if "locked" not in str(error):
                raise
            return  # somebody writes; the first request will wait for her
        except sqlite3.DatabaseError:
            found = "not a database"
        if found != "ok":
            raise Trouble(
                f"The database file {self.path} is damaged",
                "Serving it could spread the damage and lose what can still be saved",
                self._mend(
                    f"set the file aside and restore what {PROGRAM} db backup made",
                    f"mkdir {self.path.parent}/aside && mv {self.path}* {self.path.parent}/aside/ && ",
                ),
            )

    def lock(self) -> None:
        """Hold the file for this server until the process ends. Trouble when another server holds it."""
        name = Path(f"{self.path}.lock")
        handle = os.open(name, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.read(handle, 20).decode("ascii", "replace").strip() or "unknown"
            os.close(handle)
            raise Trouble(
                f"Another server (process {holder}) serves {self.path}",
                "Two servers on one SQLite file would block each other",
                f"use the running one, or stop it first: kill {holder}",
            ) from None
        os.ftruncate(handle, 0)
        os.write(handle, f"{os.getpid()}\n".encode())
        self._lock = handle

    def guard(self, engine: sa.Engine) -> Callable[[], bool]:
        """From now on a transaction begins and commits on the very file that is there now, or fails; SQLite by itself
        would go on writing into a deleted file, or make an empty one. Returns a test whether the file is still it."""
        before = self._identity()

        def same() -> bool:
            return self._identity() == before

        def must_be_same(*_: Any) -> None:
            if not same():
                raise sqlite3.OperationalError("the database file was deleted or replaced")

        for moment in ("do_connect", "begin", "commit"):
            event.listen(engine, moment, must_be_same, insert=True)
        return same

    @contextmanager
    def replaced(self) -> Iterator[Path]:
        """A new file to fill, which takes this one's place when the block ends well and is gone when it does not.
        Trouble when this one holds anything by then."""
        self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with tempfile.TemporaryDirectory(dir=self.path.parent, prefix=f".{self.path.name}.") as folder:
            made = EmbeddedFile(Path(folder) / self.path.name)
            yield made.path
            made.fold()
            sync(made.path)
            self.must_be_empty()
            for left in ("-wal", "-shm"):  # of a file that is gone: replayed over the new one they would damage it
                Path(f"{self.path}{left}").unlink(missing_ok=True)
            made.path.replace(self.path)
        sync(self.path.parent)

    def must_be_empty(self) -> None:
        """Trouble when the file holds a table, or is no database."""
        if not self.path.exists():
            return
        try:
            with closing(self._open()) as connection:
                found = connection.execute("select count(*) from sqlite_master").fetchone()[0]
        except sqlite3.DatabaseError:
            found = 1
        if found:
            raise Trouble(
                f"The database file {self.path} is not empty",
                "What is there would be lost or mixed with what comes, so nothing was changed",
                f"mkdir {self.path.parent}/aside && mv {self.path}* {self.path.parent}/aside/, then the same again",
            )

    def fold(self) -> None:
        """Bring what still stands in the write-ahead log into the file, so that the file alone is the database."""
        with closing(self._open()) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def _open(self) -> sqlite3.Connection:
        return sqlite3.connect(f"file:{quote(str(self.path))}?mode=rw", uri=True, timeout=5)

    def _identity(self) -> tuple[int, int] | None:
        try:
            found = self.path.stat()
        except OSError:
            return None
        return found.st_dev, found.st_ino

    def _mend(self, otherwise: str, first: str = "") -> str:
        """The way back to the newest backup, when there is one beside the file."""
        data = _newest(self.backups, "data.db")
        keys = _newest(self.backups, "keys.db")
        return f"{first}{PROGRAM} db restore check --data {data} --keys {keys}" if data else otherwise


def _newest(backups: Path, half: str) -> Path | None:
    """The youngest folder that holds this half of a backup."""
    found = (file.parent for file in backups.glob(f"[!.]*/{half}"))
    return max(found, key=lambda folder: folder.stat().st_mtime, default=None)
