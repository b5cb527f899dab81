"""A new data key for a client or for the agency itself: every row sealed anew, the old key gone."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any
from uuid import UUID

import sqlalchemy as sa

from models.base import AgencyRecord, columns, sealed_models, table_of
from models.errors import NotFound
from models.ledger.action import Action
from models.rows import Change, Query
from models.vault.keys import WORN, DataKey
from models.vault.sealed import seal_anew

if TYPE_CHECKING:
    from models.workspace import Workspace

_D = columns(DataKey)
_SUBJECT: Any = sa.bindparam("subject_id", required=True)
_KEYS = Query(sa.select(_D.kid, _D.purpose).where(_D.subject_id == _SUBJECT, _D.purpose != "index").with_for_update())
_DROP = Change(sa.delete(table_of(DataKey)).where(_D.kid == sa.bindparam("dropped", required=True)))
_WORN = Query(sa.select(_D.subject_id).where(_D.seals >= WORN).distinct())


def rekey(db: "Workspace", subject_id: UUID, blank: Mapping[str, Sequence[str]] | None = None) -> int:
    """Give a client (or the agency: its own id) a new data key, seal every row of hers under it and delete the old one,
    in this unit. Returns how many rows were sealed. `blank`: fields by table that become null on the way; then nothing
    that still exists opens what they held, in backups neither, once the root epoch of then is destroyed.

    Whoever seals a row of hers at the same time is run once more, under the new key. NotFound without a key.
    """
    _hold_rows(db, subject_id)
    old = db.rows(_KEYS, subject_id=subject_id)
    if not old:
        raise NotFound
    rows = _hold_rows(db, subject_id)  # again: what was added before the old key was held
    db.keys.create(subject_id, old[0].purpose)
    for row in rows:
        seal_anew(row, blank=(blank or {}).get(str(row.__tablename__), ()))
        db.record(Action.KEYS_REPLACED, row)
    db.flush()
    for key in old:
        db.change(_DROP, dropped=key.kid)
    db.keys.turn_on()
    client = None if subject_id == db.agency_id else subject_id
    db.note(Action.KEYS_REPLACED, "data_keys", [], client, keys=len(old), rows=len(rows))
    return len(rows)


def _hold_rows(db: "Workspace", subject_id: UUID) -> list[AgencyRecord]:
    """Every row sealed under the subject's key, locked."""
    kinds = [model for model in sealed_models() if (model.client_column() is None) == (subject_id == db.agency_id)]
    found: list[AgencyRecord] = []
    for model in kinds:
        c = columns(model)
        mine = sa.select(model).where(c[model.subject_column] == subject_id, c.seal_rev > 0).order_by(c.id)
        found += db.all(mine.with_for_update().execution_options(populate_existing=True))
    db.claimed.update(row.id for row in found)
    return found


def rekey_worn(db: "Workspace") -> int:
    """A new key for every subject whose key has sealed too much (the worker's chore). Returns for how many."""
    worn = db.rows(_WORN)
    for row in worn:
        rekey(db, row.subject_id)
    return len(worn)
