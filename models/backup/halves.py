"""The folder of a backup: two SQLite files and a manifest that says what they hold and proves that they are whole."""

import hashlib
import json
import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Any
from urllib.parse import quote
from uuid import UUID

from models.backup import Refused
from models.backup.stores import SqliteStore
from models.base import MODELS
from models.ledger import merkle

FORMAT = 1
MANIFEST = "manifest.json"


class Half(StrEnum):
    """What may be old, and what must be the newest."""

    DATA = "data"
    KEYS = "keys"

    @property
    def file(self) -> str:
        """Its name in the folder."""
        return f"{self.value}.db"


def half_of(table: str) -> Half | None:
    """In which half a table's rows are kept; None for rows of the day. A table this code knows nothing of is data."""
    model = MODELS.get(table)
    if model is None:
        return Half.DATA
    if model.of_the_day:
        return None
    return Half.KEYS if model.kept_with_keys else Half.DATA


@dataclass(frozen=True)
class Head:
    """How many entries a ledger had, and the root of their tree (32 bytes)."""

    size: int
    root: bytes

    @classmethod
    def of(cls, size: int, frontier: bytes) -> "Head":
        """The head as the database keeps it."""
        return cls(size, merkle.root(frontier))


@dataclass(frozen=True)
class Manifest:
    """What a backup holds: when it was made, at which migration, each agency's ledger (the platform's too), and of each
    file its SHA-256 (hex), bytes and rows by table."""

    made_at: datetime
    revision: str
    ledgers: dict[UUID, Head]
    files: dict[Half, dict[str, Any]]

    def data(self) -> dict[str, Any]:
        """As it stands in manifest.json."""
        heads = {str(a): {"size": h.size, "root": h.root.hex()} for a, h in sorted(self.ledgers.items())}
        return {
            "format": FORMAT,
            "made_at": self.made_at.isoformat(timespec="seconds").replace("+00:00", "Z"),
            "revision": self.revision,
            "agencies": len([agency for agency in self.ledgers if agency.int]),
            "ledgers": heads,
            "files": {half.file: self.files[half] for half in self.files},
        }

    @classmethod
    def read(cls, folder: Path) -> "Manifest":
        """The manifest of a finished backup. Raises Refused."""
        try:
            stored = json.loads((folder / MANIFEST).read_text())
            if stored["format"] != FORMAT:
                raise Refused(
                    f"{folder} was made by a newer version of Waypost",
                    "This one cannot read it",
                    "install that version",
                )
            return cls(
                datetime.fromisoformat(stored["made_at"]).astimezone(UTC),
                str(stored["revision"]),
                {UUID(a): Head(int(h["size"]), bytes.fromhex(h["root"])) for a, h in stored["ledgers"].items()},
                {half: stored["files"][half.file] for half in Half if half.file in stored["files"]},
            )
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            raise Refused(
                f"{folder} is no finished backup: its {MANIFEST} is missing or broken",
                "The manifest is written last, when everything else is on the disk and was read back",
                "give a folder that db backup or keys export-wrapped named when it ended",
            ) from None


@contextmanager
def reading(folder: Path, half: Half, manifest: Manifest) -> Iterator[SqliteStore]:
    """One half, opened for reading after its checksum was compared. Raises Refused."""
    path = folder / half.file
    if half not in manifest.files or not path.is_file():
        raise Refused(
            f"{folder} holds no {half.file}",
            "A backup of everything has both halves, an export of the keys has the second alone",
            "give a folder that has it",
        )
    if digest(path) != manifest.files[half]["sha256"]:
        raise Refused(
            f"{path} is not what was saved: its SHA-256 is another than the manifest says",
            "Nothing is restored from a damaged or changed file",
            "take another copy of this backup, or another backup",
        )
    address = f"file:{quote(str(path))}?mode=ro&immutable=1"
    with closing(sqlite3.connect(address, uri=True, isolation_level=None)) as driver:
        yield SqliteStore(driver)


@contextmanager
def writing(path: Path) -> Iterator[SqliteStore]:
    """A new file to be filled in one transaction; on the disk when the block ends."""
    with closing(sqlite3.connect(path, isolation_level=None)) as driver:
        for pragma in ("journal_mode=off", "synchronous=off", "temp_store=memory"):
            driver.execute(f"pragma {pragma}")
        driver.execute("begin")
        yield SqliteStore(driver)
        driver.execute("end")
    path.chmod(0o600)
    sync(path)


@contextmanager
def finished_or_gone(folder: Path) -> Iterator[Path]:
    """A folder (0700) to write into under another name. It gets its own when the block ends well, and is removed when
    it does not. Raises Refused when the name is taken."""
    if folder.exists():
        raise Refused(f"{folder} is there already", "A backup is never written over", "name another folder with --to")
    folder.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    part = folder.with_name(f".{folder.name}.{os.getpid()}.part")
    part.mkdir(mode=0o700)
    try:
        yield part
        sync(part)
        part.rename(folder)
    except BaseException:
        shutil.rmtree(part, ignore_errors=True)
        raise
    sync(folder.parent)


def digest(path: Path) -> str:
    """SHA-256 of a file, in hex."""
    with path.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def sync(path: Path) -> None:
    """Bring a file's or folder's content to the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
