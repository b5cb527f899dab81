"""A repeated request makes one thing: keys kept with a reference to the result, in the change's transaction."""

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, ClassVar
from uuid import UUID

import psycopg
import sqlalchemy as sa
from sqlmodel import Field

from models.base import BYTES, Record, columns, id_field, instant_field, table_of
from models.errors import Conflict
from models.rows import Change, Insert, Query

if TYPE_CHECKING:
    from models.workspace import Workspace

KEPT = timedelta(hours=24)


class IdempotencyKey(Record, table=True):
    """One key of one person: a fingerprint of the request and the id of what it made. Never the body."""

    __tablename__ = "idempotency_keys"
    machinery: ClassVar[bool] = True
    of_the_day: ClassVar[bool] = True
    __table_args__ = (sa.Index("ix_idempotency_keys_age", "agency_id", "created_at"), {"sqlite_with_rowid": False})

    agency_id: UUID = id_field(primary_key=True)
    actor_id: UUID = id_field(primary_key=True)
    key: bytes = Field(sa_type=BYTES, primary_key=True)
    fingerprint: bytes = Field(sa_type=BYTES)
    result_id: UUID | None = id_field(default=None)
    created_at: datetime = instant_field()


_K = columns(IdempotencyKey)
_TAKE = Insert(IdempotencyKey, unless_there=True)
_KEY: Any = sa.bindparam("key", required=True)
_BY: Any = sa.bindparam("actor_id", required=True)
_LOOK = Query(sa.select(_K.fingerprint, _K.result_id).where(_K.actor_id == _BY, _K.key == _KEY))
_DONE = Change(
    sa.update(table_of(IdempotencyKey))
    .where(_K.actor_id == _BY, _K.key == _KEY)
    .values(result_id=sa.bindparam("made", required=True))
)
_FORGET = Change(sa.delete(table_of(IdempotencyKey)).where(_K.created_at < sa.bindparam("before", required=True)))


def take(db: "Workspace", key: bytes, fingerprint: bytes) -> UUID | None:
    """Claim a key for this request, or return what the first request with it made.

    A second request waits here until the first has committed. Conflict when the key came with another body before, or
    when the first takes longer than the database lets anybody wait (5 seconds).
    """
    row = {"actor_id": db.actor.id, "key": key, "fingerprint": fingerprint, "created_at": db.now}
    try:
        if db.insert(_TAKE, [row]):
            return None
    except psycopg.errors.LockNotAvailable:
        raise Conflict("idempotency-in-progress") from None
    before = db.one(_LOOK, key=key)
    if before.fingerprint != fingerprint:
        raise Conflict("idempotency-key-reused")
    made: UUID = before.result_id
    return made


def keep(db: "Workspace", key: bytes, made: UUID) -> None:
    """Remember what the request made; in the same transaction, so a crash leaves neither or both."""
    db.change(_DONE, key=key, made=made, actor_id=db.actor.id)


def forget_old(db: "Workspace") -> int:
    """Drop keys older than a day. Returns how many."""
    return db.change(_FORGET, before=db.now - KEPT)
