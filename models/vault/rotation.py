"""Turning the root key over: every wrap of an agency under a new epoch, online, in batches, able to go on after a stop.

Cells never change, only the wraps of the keys that open them. One after another, each in a transaction of its own:
`begin`, `rewrap` until it says 0, `end`. Any of them may be run again, by anybody, at any time (decision 22).
"""

import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from uuid import UUID

import sqlalchemy as sa

from models.base import columns, table_of
from models.errors import KeyRefused
from models.ledger.action import Action
from models.rows import Change, Query
from models.vault.cells import wrap
from models.vault.keys import AgencyKey, DataKey, kek_place, key_place, unwrap_key

if TYPE_CHECKING:
    from models.workspace import Workspace

BATCH = 2_000

_K, _D = columns(AgencyKey), columns(DataKey)
_EPOCH: Any = sa.bindparam("epoch", required=True)
_EPOCHS = Query(sa.select(_K.epoch).order_by(_K.epoch))
_BEHIND = Query(
    sa.select(_D.kid, _D.subject_id, _D.purpose, _D.epoch, _D.wrapped)
    .where(_D.epoch < _EPOCH)
    .order_by(_D.epoch)  # and no more: the index gives them as they lie, and pages are written once
    .limit(sa.bindparam("most", required=True))
)
_ALL = Query(
    sa.select(_D.kid, _D.subject_id, _D.purpose, _D.epoch, _D.wrapped)
    .where(_D.kid > sa.bindparam("after", required=True))
    .order_by(_D.kid)
    .limit(sa.bindparam("most", required=True))
)
_COUNTS = Query(
    sa.select(
        _D.epoch,
        sa.func.count().label("keys"),
        sa.func.sum(_D.seals).label("seals"),
        sa.func.max(_D.seals).label("most"),
    )
    .group_by(_D.epoch)
    .order_by(_D.epoch)
)
_REWRAP = Change(
    sa.update(table_of(DataKey))
    .where(_D.kid == sa.bindparam("named", required=True), _D.wrapped == sa.bindparam("before", required=True))
    .values(epoch=_EPOCH, wrapped=sa.bindparam("fresh", required=True))
)
_DROP = Change(sa.delete(table_of(AgencyKey)).where(_K.epoch < _EPOCH))


def epochs(db: "Workspace") -> list[int]:
    """The epochs under which this agency holds a key, oldest first: more than one while a rotation is under way."""
    return [row.epoch for row in db.rows(_EPOCHS)]


def counts(db: "Workspace") -> list[Any]:
    """Data keys by epoch: epoch, keys, seals (cells sealed under them), most (under one key)."""
    return db.rows(_COUNTS)


@dataclass
class Check:
    """How many of an agency's keys open, and whose do not."""

    opened: int = 0
    damaged: list[UUID] = field(default_factory=list)


def check(db: "Workspace") -> Check:
    """Open every key of the agency."""
    found, after = Check(), b""
    while rows := db.rows(_ALL, after=after, most=BATCH):
        for row in rows:
            try:
                unwrap_key(db.keys.kek(row.epoch), db.agency_id, row)
                found.opened += 1
            except KeyRefused:
                found.damaged.append(row.subject_id)
        after = rows[-1].kid
    return found


def begin(db: "Workspace") -> int:
    """Give the agency a key under the current root epoch; new data keys are wrapped under it from now on. Returns the
    epoch. Twice changes nothing."""
    epoch = db.vault.root.current()
    if epoch in epochs(db):
        return epoch
    db.keys.turn_on()  # a rotation at the same moment waits for this one here, and finds the key
    if epoch not in epochs(db):
        key = os.urandom(32)
        db.keys.add_kek(epoch, key, db.vault.root.wrap(epoch, key, kek_place(db.agency_id, epoch)))
        db.note(Action.KEYS_ROTATION_BEGUN, "agency_keys", [], epoch=epoch)
    return epoch


def behind(db: "Workspace", epoch: int) -> int:
    """How many of the agency's data keys are wrapped under older epochs."""
    return sum(row.keys for row in counts(db) if row.epoch < epoch)


def rewrap(db: "Workspace", epoch: int, most: int = BATCH) -> int:
    """Wrap so many data keys anew under an epoch the agency has a key for. Returns how many were still behind and were
    looked at; two rotations at once do each key once. Raises KeyRefused when a key does not open."""
    rows = db.rows(_BEHIND, epoch=epoch, most=most)
    fresh = db.keys.kek(epoch)
    moved = []
    for row in rows:
        place = key_place(db.agency_id, row.kid, row.subject_id, row.purpose)
        key = unwrap_key(db.keys.kek(row.epoch), db.agency_id, row)
        moved.append({"named": row.kid, "before": row.wrapped, "epoch": epoch, "fresh": wrap(fresh, key, place)})
    if moved:
        db.change_many(_REWRAP, moved)
        db.note(Action.KEYS_MOVED, "data_keys", [], epoch=epoch, keys=len(moved))
    return len(moved)


def end(db: "Workspace", epoch: int) -> None:
    """Drop the agency's keys of older epochs; none of its data keys needs them any more. KeyRefused when one does.
    Twice changes nothing."""
    if behind(db, epoch):
        raise KeyRefused("data keys are wrapped under an older epoch still; run: python -m api keys rotate")
    if dropped := db.change(_DROP, epoch=epoch):
        db.keys.turn_on()
        db.note(Action.KEYS_ROTATED, "agency_keys", [], epoch=epoch, dropped=dropped)
