"""Checkpoints and proofs of one agency's log: signed at its head, stored now and then, shown to whoever may read it."""

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

import sqlalchemy as sa

from models.base import columns
from models.errors import NotFound, SealError
from models.ledger import anchors, book, merkle
from models.ledger.action import Action
from models.ledger.book import LedgerEntry
from models.ledger.offline import TILE, climb, proof_text
from models.rows import Query

if TYPE_CHECKING:
    from models.workspace import Workspace

HOURLY = timedelta(hours=1)
_E = columns(LedgerEntry)
_RUN = Query(
    sa.select(_E.entry)
    .where(_E.seq.between(sa.bindparam("first", required=True), sa.bindparam("last", required=True)))
    .order_by(_E.seq)
)


@dataclass(frozen=True)
class Seen:
    """A log's head as one unit saw it, and whether a checkpoint of it should be stored.

    Sign it after that unit has ended: on SQLite a unit sees what others of its transaction did, which may be undone."""

    size: int
    root: bytes
    due: bool


def look(db: "Workspace") -> Seen:
    """The head, and whether it should be stored: a run of 256 entries was completed since the last stored one, or that
    one is an hour old. Fewer would say less precisely where a log breaks; every one would be a row a second."""
    head, last = book.head(db), anchors.newest(db)
    run_ended = last is None or head.size // TILE > last.size // TILE
    due = run_ended or (head.size > last.size and db.now - last.at >= HOURLY)
    return Seen(head.size, merkle.root(head.frontier), due)


def sign(db: "Workspace") -> str:
    """A checkpoint of the head as this unit sees it; it must not leave before the unit's commit."""
    head = book.head(db)
    return db.vault.notary.sign(db.agency_id, head.size, merkle.root(head.frontier))


def sign_and_keep(db: "Workspace") -> str:
    """The same, stored."""
    note = sign(db)
    anchors.keep(db, note)
    return note


def read(db: "Workspace") -> str:
    """The newest checkpoint, for somebody who asks; that she asked is an entry, which it does not cover yet."""
    db.note(Action.AUDIT_READ, "ledger_checkpoints", [])
    return sign(db)


def prove(db: "Workspace", seq: int) -> str:
    """A tlog-proof that entry `seq` is in the log, against a checkpoint of the head. NotFound beyond it. Raises
    SealError when the stored hashes do not lead to the root: what is damaged proves nothing."""
    head = book.head(db)
    if seq >= head.size:
        raise NotFound
    db.note(Action.AUDIT_READ, "ledger_entries", [], sequence=seq)
    first, whole = seq - seq % TILE, head.size // TILE
    run = [merkle.leaf_hash(row.entry) for row in db.rows(_RUN, first=first, last=min(first + TILE, head.size) - 1)]
    tiles = anchors.tiles(db, whole)
    try:
        path = merkle.path(seq, head.size, run, [tiles[number] for number in range(whole)], head.frontier)
        if climb(run[seq - first], seq, head.size, path) != merkle.root(head.frontier):
            raise SealError
    except (LookupError, ValueError):
        raise SealError from None
    return proof_text(seq, path, sign(db))


def rotate_key(db: "Workspace") -> None:
    """The entry that says which checkpoint key follows which; the note of both keys covers it."""
    old, new = db.vault.notary.keys(db.agency_id)[-2:]
    db.note(Action.CHECKPOINT_KEY_ROTATED, "ledger_checkpoints", [], old=old.digest, new=new.digest)
