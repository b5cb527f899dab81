"""What holds a log fast: the roots of its complete runs of 256 entries, and the checkpoints signed so far."""

from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Field

from models.base import BYTES, Record, columns, id_field, instant_field
from models.ledger.offline import Note
from models.rows import Insert, Query

if TYPE_CHECKING:
    from models.workspace import Workspace


class LedgerTile(Record, table=True):
    """The root of one complete run of 256 entries, written with the entry that completes it: proofs stay cheap."""

    __tablename__ = "ledger_tiles"
    machinery: ClassVar[bool] = True
    kept_with_keys: ClassVar[bool] = True
    __table_args__ = ({"sqlite_with_rowid": False},)

    agency_id: UUID = id_field(primary_key=True)
    number: int = Field(sa_type=sa.BigInteger, primary_key=True)
    hash: bytes = Field(sa_type=BYTES)


class LedgerCheckpoint(Record, table=True):
    """A signed note: how many entries there were, and their root. One for each run of entries and each hour at most."""

    __tablename__ = "ledger_checkpoints"
    machinery: ClassVar[bool] = True
    kept_with_keys: ClassVar[bool] = True

    agency_id: UUID = id_field(primary_key=True)
    size: int = Field(sa_type=sa.BigInteger, primary_key=True)
    kid: bytes = Field(sa_type=BYTES, primary_key=True)
    note: str
    at: datetime = instant_field()


_T, _C = columns(LedgerTile), columns(LedgerCheckpoint)
_ADD_TILE = Insert(LedgerTile)
_ADD_NOTE = Insert(LedgerCheckpoint, unless_there=True)
_TILES = Query(
    sa.select(_T.number, _T.hash).where(_T.number < sa.bindparam("count", required=True)).order_by(_T.number)
)
_LAST_TILE = Query(sa.select(sa.func.max(_T.number).label("number")))
_NOTES = Query(sa.select(_C.note).order_by(_C.size, _C.at))
_NEWEST = Query(sa.select(_C.size, _C.at).order_by(_C.size.desc()).limit(1))
_THERE = Query(
    sa.select(_C.size).where(
        _C.size == sa.bindparam("size", required=True), _C.kid == sa.bindparam("kid", required=True)
    )
)


def add_tile(db: "Workspace", number: int, root: bytes) -> None:
    """The root of a run, beside the entry that completes it and before the head moves."""
    db.insert(_ADD_TILE, [{"number": number, "hash": root}])


def tiles(db: "Workspace", count: int) -> dict[int, bytes]:
    """The stored roots of the first `count` runs, by number."""
    return {row.number: row.hash for row in db.rows(_TILES, count=count)}


def last_tile(db: "Workspace") -> int | None:
    """The number of the last stored root of a run."""
    number: int | None = db.one(_LAST_TILE).number
    return number


def notes(db: "Workspace") -> list[str]:
    """Every stored checkpoint, smallest first, as it is stored."""
    return [row.note for row in db.rows(_NOTES)]


def newest(db: "Workspace") -> Any:
    """Size and time of the largest stored checkpoint, or None."""
    found = db.rows(_NEWEST)
    return found[0] if found else None


def keep(db: "Workspace", text: str) -> None:
    """Store a signed note, unless the same is there."""
    note = Note.read(text)
    kid = note.signatures[-1][1]
    if not db.rows(_THERE, size=note.size, kid=kid):  # SQLite's trigger would refuse what is there, not skip it
        db.insert(_ADD_NOTE, [{"size": note.size, "kid": kid, "note": text, "at": db.now}])
