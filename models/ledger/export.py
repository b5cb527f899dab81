"""A log as files that anybody can verify without Waypost (models/ledger/offline.py reads them)."""

import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID

import orjson

from models.ledger import anchors, book, checkpoint, state
from models.ledger.action import Action
from models.ledger.offline import Note

if TYPE_CHECKING:
    from models.workspace import Workspace

FILES = ("entries.jsonl", "checkpoints.txt", "keys.json", "rows.jsonl", "about.json")
Within = Callable[[Callable[["Workspace"], Any]], Any]


@dataclass(frozen=True)
class Exported:
    """What was written: the log's size, rows, the SHA-256 of entries.jsonl and of rows.jsonl (hex), and the log's size
    before the rows were read."""

    folder: Path
    size: int
    rows: int
    sha256: str
    rows_sha256: str
    rows_since: int


def export(within: Within, agency_id: UUID, folder: Path) -> Exported:
    """Write one log into a new folder (0700, files 0600), in short units that `within` runs; when it fails, nothing
    of it stays. That it was exported is an entry, behind the last one written."""
    folder.mkdir(mode=0o700, parents=True)
    try:
        done = _write(within, agency_id, folder)
    except BaseException:
        for name in FILES:
            (folder / name).unlink(missing_ok=True)
        folder.rmdir()
        raise
    within(
        lambda db: db.note(
            Action.AUDIT_EXPORTED,
            "ledger_entries",
            [],
            entries=done.size,
            rows=done.rows,
            sha256=done.sha256,
            rows_sha256=done.rows_sha256,
            rows_since=done.rows_since,
        )
    )
    return done


def _write(within: Within, agency_id: UUID, folder: Path) -> Exported:
    since = within(lambda db: book.head(db).size)  # before the rows: what is changed meanwhile can be told
    rows, read = 0, sha256()
    with _private(folder / "rows.jsonl") as out:
        for row in state.rows(within):
            out(line := orjson.dumps(row) + b"\n")
            read.update(line)
            rows += 1
    last = within(checkpoint.sign_and_keep)
    size, digest, after = Note.read(last).size, sha256(), 0
    with _private(folder / "entries.jsonl") as out:
        while batch := within(partial(book.batch, first=after, before=size)):
            for row in batch:
                out(row.entry + b"\n")
                digest.update(row.entry + b"\n")
            after = batch[-1].seq + 1
    notary, stored = within(lambda db: (db.vault.notary, anchors.notes(db)))
    with _private(folder / "checkpoints.txt") as out:
        out("\n".join(note for note in stored if _size(note) <= size).encode())
    keys = {
        "keys": [str(key) for key in notary.keys(agency_id)],
        "changes": [note for note in stored if note.count("\n\u2014 ") > 1 and _size(note) <= size],
    }
    about = {
        "format": 1,
        "origin": notary.origin(agency_id),
        "agency": str(agency_id),
        "size": size,
        "rows_since": since,
        "entries_sha256": digest.hexdigest(),
        "made_at": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    for name, content in (("keys.json", keys), ("about.json", about)):
        with _private(folder / name) as out:
            out(json.dumps(content, indent=1).encode() + b"\n")
    return Exported(folder, size, rows, digest.hexdigest(), read.hexdigest(), since)


def _size(note: str) -> int:
    return int(note.split("\n")[1])


@contextmanager
def _private(path: Path) -> Iterator[Callable[[bytes], int]]:
    """A new 0600 file to write into; durable at the end."""
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(handle, "wb") as file:
        yield file.write
        file.flush()
        os.fsync(file.fileno())
