"""Recovery codes: ten a person, to get in when her second factor is lost. Each works once; only hashes are kept."""

import base64
import secrets
from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

import sqlalchemy as sa
from sqlmodel import Field

from models.base import BYTES, ID, INSTANT, AgencyRecord, columns, id_field, instant_field, table_of, within
from models.ledger.action import Action
from models.rows import Change, Insert, Query

if TYPE_CHECKING:
    from models.workspace import Workspace

HOW_MANY = 10
SIZE = 15  # bytes: 120 bits


class RecoveryCode(AgencyRecord, table=True):
    """A code's keyed hash, bound to whose it is: somebody who can write the database cannot plant one."""

    __tablename__ = "recovery_codes"
    __table_args__ = (within("user_id", "users"), sa.UniqueConstraint("agency_id", "user_id", "code_hash"))

    user_id: UUID = id_field()
    code_hash: bytes = Field(sa_type=BYTES, repr=False)
    made_at: datetime = instant_field()
    used_at: datetime | None = instant_field(default=None)


_R = columns(RecoveryCode)
_USER: Any = sa.bindparam("user_id", type_=ID, required=True)
_HASH: Any = sa.bindparam("code_hash", required=True)
_UNUSED = (_R.user_id == _USER, _R.used_at.is_(None))
_ADD = Insert(RecoveryCode)
_FORGET = Change(sa.delete(table_of(RecoveryCode)).where(_R.user_id == _USER))
_USE = Change(
    sa.update(table_of(RecoveryCode))
    .where(*_UNUSED, _R.code_hash == _HASH)
    .values(used_at=sa.bindparam("at", type_=INSTANT, required=True))
)
_IS_UNUSED = Query(sa.select(_R.id).where(*_UNUSED, _R.code_hash == _HASH))
_LEFT = Query(sa.select(sa.func.count(_R.id).label("codes")).where(*_UNUSED))


def renew(db: "Workspace", user_id: UUID) -> list[str]:
    """Ten new codes, to be shown once; those made before work no more."""
    db.change(_FORGET, user_id=user_id)
    codes = [_written(secrets.token_bytes(SIZE)) for _ in range(HOW_MANY)]
    rows = [
        {"id": uuid4(), "user_id": user_id, "code_hash": _hash(db, user_id, code), "made_at": db.now} for code in codes
    ]
    db.create_many(_ADD, None, rows)
    db.note(Action.RECOVERY_CODES_MADE, "users", [user_id])
    return codes


def use(db: "Workspace", user_id: UUID, code: str) -> bool:
    """Whether this is an unused code of hers; from here on it is used. Of twenty at once one gets True."""
    if not db.change(_USE, user_id=user_id, code_hash=_hash(db, user_id, code), at=db.now):
        return False
    db.note(Action.RECOVERY_CODE_USED, "users", [user_id])
    return True


def is_unused(db: "Workspace", user_id: UUID, code: str) -> bool:
    """The same without using it."""
    return bool(db.rows(_IS_UNUSED, user_id=user_id, code_hash=_hash(db, user_id, code)))


def left(db: "Workspace", user_id: UUID) -> int:
    """How many unused codes she has."""
    codes: int = db.one(_LEFT, user_id=user_id).codes
    return codes


def forget(db: "Workspace", user_id: UUID) -> None:
    """No code of hers works any more; whoever removes her factor says so in the entry."""
    db.change(_FORGET, user_id=user_id)


def _written(raw: bytes) -> str:
    """Six groups of four letters and digits, easy to read out."""
    text = base64.b32encode(raw).decode().lower()
    return "-".join(text[at : at + 4] for at in range(0, len(text), 4))


def _hash(db: "Workspace", user_id: UUID, code: str) -> bytes:
    typed = "".join(code.split()).replace("-", "").lower()
    return db.vault.service.recovery_tag(user_id, typed)
