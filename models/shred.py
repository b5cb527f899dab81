"""Shredding: what is kept about one client, or what was written in it, is gone from every table, and with it the keys
that could open it."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any
from uuid import UUID

import sqlalchemy as sa

from models.base import ID, MODELS, agency_tables, columns, model_of, table_of
from models.checklist import ChecklistItem, Whose
from models.conflict_check import ConflictCheck
from models.engine import empty_log
from models.idempotency import IdempotencyKey
from models.ledger.action import Action
from models.notice import Notice
from models.rekey import rekey
from models.rows import CLIENT, Change, Query
from models.staffing_request import StaffingRequest
from models.vault.keys import DataKey
from models.watch import ClientOpening

if TYPE_CHECKING:
    from models.workspace import Workspace

AT_ONCE = 500  # ids a statement names


@dataclass(frozen=True)
class Shredded:
    """What is gone: rows by table, and the newest root epoch her keys were wrapped under."""

    counts: dict[str, int]
    key_epoch: int


@dataclass(frozen=True)
class _Table:
    """A table of clients' rows: how one client's are locked, and taken away."""

    name: str
    lock: Query
    delete: Change


_K, _I, _C, _O = columns(DataKey), columns(IdempotencyKey), columns(ChecklistItem), columns(ClientOpening)
_OF_HER = sa.bindparam("client_id", type_=ID, required=True)
_KEYS = Query(sa.select(_K.kid, _K.epoch).where(_K.subject_id == _OF_HER).with_for_update())
_DROP_KEYS = Change(sa.delete(table_of(DataKey)).where(_K.subject_id == _OF_HER))
_FORGET = Change(
    sa.delete(table_of(IdempotencyKey)).where(_I.result_id.in_(sa.bindparam("ids", type_=ID, expanding=True)))
)
#: A conflict check names those who matched in one column: with one of them the whole check goes.
_FORGET_CHECKS = Change(
    sa.delete(table_of(ConflictCheck)).where(
        sa.cast(columns(ConflictCheck).client_ids, sa.Text).contains(sa.bindparam("her", type_=sa.Text, required=True))
    )
)
#: Nobody is led to what is there no more.
_FORGET_NOTICES = Change(
    sa.delete(table_of(Notice)).where(columns(Notice).object_id.in_(sa.bindparam("ids", type_=ID, expanding=True)))
)
_REQUESTS = Query(sa.select(columns(StaffingRequest).id).where(columns(StaffingRequest).client_id == _OF_HER))
_FORGET_REQUESTS = Change(sa.delete(table_of(StaffingRequest)).where(columns(StaffingRequest).client_id == _OF_HER))
_FORGET_OPENINGS = Change(sa.delete(table_of(ClientOpening)).where(_O.subject_id == _OF_HER))
#: An item of the template whose words were taken away shows the template's again.
_TEMPLATES_WORDS = Change(
    sa.update(table_of(ChecklistItem)).where(_C.client_id == _OF_HER, _C.source > 0).values(whose_words=Whose.TEMPLATE)
)


@cache
def client_tables() -> list[_Table]:
    """Every table of clients' rows, containers before what they contain. Read off the models: a new one is in it."""
    return [_prepared(table) for table in agency_tables() if model_of(table).client_column()]


def _prepared(table: sa.Table) -> _Table:
    hers = table.c[model_of(table).client_column() or ""] == CLIENT
    shown = [table.c[name] for name in ("id", "seal_rev") if name in table.c]
    keys = list(table.primary_key)  # a search bucket has no id of its own
    looked_at = sa.select(*(shown or keys)).where(hers).order_by(*keys)
    look = looked_at.with_for_update(key_share=table.name == "clients")  # as models.client.lock holds her row
    return _Table(str(table.name), Query(look), Change(sa.delete(table).where(hers)))


def hold_all(db: "Workspace", client_id: UUID) -> list[tuple[_Table, list[Any]]]:
    """Lock every row of a client: its id and seal_rev by table. The caller locked her own row.

    Containers are locked before what they contain (decision 12). Nothing can be added to a locked one: whoever adds to
    a client holds her row, and checks of foreign keys wait for the others. So what the last lock shows is all there is,
    and a row added in any other way makes the database refuse the whole unit.
    """
    with db.blindly():
        return [(table, db.rows(table.lock, client_id=client_id)) for table in client_tables()]


def shred(db: "Workspace", client_id: UUID) -> Shredded:
    """Take away every row of the client, her keys, and what repeated requests would find of hers. The caller locked her
    row. Deleting leaves a `rows` member with digest null in the entry for every sealed row."""
    found = hold_all(db, client_id)
    epoch = _epoch_of_keys(db, client_id)
    for table, rows in reversed(found):
        if rows:
            db.change(table.delete, client_id=client_id)
    counts = {table.name: len(rows) for table, rows in found if rows}
    counts["data_keys"] = db.change(_DROP_KEYS, client_id=client_id)
    with db.blindly():
        gone = [row.id for row in db.rows(_REQUESTS, client_id=client_id)]
    gone += [row.id for _, rows in found for row in rows if hasattr(row, "id")]
    if forgotten := _forget(db, _FORGET, gone):
        counts["idempotency_keys"] = forgotten
    _forget(db, _FORGET_NOTICES, gone)
    db.change(_FORGET_OPENINGS, client_id=client_id)
    db.change(_FORGET_CHECKS, her=str(client_id))
    db.change(_FORGET_REQUESTS, client_id=client_id)
    db.note(Action.CLIENT_DESTROYED, "clients", [client_id], client_id, (), **counts)
    db.keys.turn_on()
    _clear_log(db)
    return Shredded(counts, epoch)


def purge(db: "Workspace", client_id: UUID) -> Shredded:
    """Blank every narrative of the client (`narratives` of the models) and keep the rest, sealed under a new key: the
    old one is destroyed, so what still stands in backups does not open with the key she goes on with. The caller
    locked her row. Counts are rows whose narratives were blanked."""
    found = hold_all(db, client_id)
    epoch = _epoch_of_keys(db, client_id)
    blank = {name: model.narratives for name, model in MODELS.items() if model.narratives}
    sealed = {table.name: sum(getattr(row, "seal_rev", 0) > 0 for row in rows) for table, rows in found}
    counts = {name: sealed[name] for name in blank if sealed[name]}
    db.note(Action.CLIENT_PURGED, "clients", [client_id], client_id, (), **counts)
    with db.blindly():
        db.change(_TEMPLATES_WORDS, client_id=client_id)
        rekey(db, client_id, blank)
    _clear_log(db)
    return Shredded(counts, epoch)


def _epoch_of_keys(db: "Workspace", client_id: UUID) -> int:
    """The newest root epoch a client's keys are wrapped under. They are locked."""
    return max((row.epoch for row in db.rows(_KEYS, client_id=client_id)), default=0)


def _clear_log(db: "Workspace") -> None:
    """Keys were destroyed in this unit: once it is kept, SQLite's write-ahead log is not to hold them either."""
    engine = db.connection.engine
    db.once_kept(lambda: empty_log(engine))


def _forget(db: "Workspace", change: Change, ids: Sequence[Any]) -> int:
    """What leads to these rows goes too. Fingerprints of the requests that made them are keyed digests of what was
    written."""
    parts = [ids[first : first + AT_ONCE] for first in range(0, len(ids), AT_ONCE)]
    return sum(db.change(change, ids=part) for part in parts)
