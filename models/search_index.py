"""The optional index over full names of a very large agency: each name in one of a few thousand buckets, under a key.

A bucket says little by intent (decision 19): a name that nobody here has falls into a used bucket nearly always.
"""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, ClassVar
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Field

from models.base import ID, Record, columns, id_field, table_of, within
from models.names import whole
from models.rows import Change, Insert, Query

if TYPE_CHECKING:
    from models.workspace import Workspace

EACH = 4  # names a bucket holds at least, on average


class SearchIndex(Record, table=True):
    """One version of an agency's index: being built up to some client's id, or ready to be asked."""

    __tablename__ = "search_indexes"
    machinery: ClassVar[bool] = True

    agency_id: UUID = id_field(primary_key=True)
    version: int = Field(primary_key=True)
    bits: int = Field(sa_type=sa.SmallInteger)
    ready: bool = False
    built_to_id: UUID = id_field(default=UUID(int=0))


class SearchBucket(Record, table=True):
    """That one of a client's names falls into a bucket. Which of her names is not said."""

    __tablename__ = "search_buckets"
    subject_column: ClassVar[str] = "client_id"
    machinery: ClassVar[bool] = True
    __table_args__ = (
        within("client_id", "clients"),
        within("version", "search_indexes", key="version"),
        sa.Index("ix_search_buckets_bucket", "agency_id", "version", "bucket"),
        {"sqlite_with_rowid": False},
    )

    agency_id: UUID = id_field(primary_key=True)
    client_id: UUID = id_field(primary_key=True)
    version: int = Field(primary_key=True)
    bucket: int = Field(sa_type=sa.Integer, primary_key=True)


_I, _B = columns(SearchIndex), columns(SearchBucket)
_VERSION: Any = sa.bindparam("of_version", required=True)
_INDEXES = Query(sa.select(_I.version, _I.bits, _I.ready, _I.built_to_id).order_by(_I.version))
# Whoever renames a client holds her row and shares the versions; whoever builds a version holds it, and takes rows of
# clients; the two do not wait for each other in a ring, and nobody drops a version under a rename.
_SHARE = Query(sa.select(_I.version, _I.bits).order_by(_I.version).with_for_update(read=True, key_share=True))
_HELD = sa.select(_I.version, _I.bits, _I.built_to_id).where(_I.version == _VERSION)
_HOLD, _HOLD_ALONE = Query(_HELD.with_for_update(key_share=True)), Query(_HELD.with_for_update())
_BEGIN, _PUT = Insert(SearchIndex), Insert(SearchBucket)
_BUILT_TO = Change(
    sa.update(table_of(SearchIndex))
    .where(_I.version == _VERSION)
    .values(built_to_id=sa.bindparam("to_id", type_=ID, required=True))
)
_READY = Change(sa.update(table_of(SearchIndex)).where(_I.version == _VERSION).values(ready=True))
_TAKE_OUT = Change(
    sa.delete(table_of(SearchBucket)).where(
        _B.client_id.in_(sa.bindparam("clients", expanding=True, type_=ID)), _B.version == _VERSION
    )
)
_EMPTY = Change(sa.delete(table_of(SearchBucket)).where(_B.version == _VERSION))
_DROP = Change(sa.delete(table_of(SearchIndex)).where(_I.version == _VERSION))


def bits_for(names: int) -> int:
    """So many bits that a bucket holds four to eight of the different names on average: with fewer, too many buckets
    would be empty, and an empty one says who was never here."""
    return max(0, (names // EACH).bit_length() - 1)


def indexed(name: str | None) -> str:
    """A name as it goes into the index, or "": a single word is left out, because many share it, and how many clients
    share a bucket would then tell which word it is."""
    text = whole(name or "")
    return text if " " in text else ""


def bucket_of(db: "Workspace", version: int, bits: int, name: str) -> int:
    """The bucket of an indexed name: the first bits of an HMAC under a key of this agency and version alone."""
    return int.from_bytes(db.keys.tag(f"search-name/{version}", name)[:8]) >> (64 - bits)


def indexes(db: "Workspace") -> list[Any]:
    """The agency's versions, oldest first: version, bits, ready, built_to_id. Mostly none."""
    return db.rows(_INDEXES)


def ready(db: "Workspace") -> Any | None:
    """The version that may be asked, if the agency has one."""
    return next((index for index in indexes(db) if index.ready), None)


def put(db: "Workspace", index: Any, names: dict[UUID, Iterable[str | None]]) -> None:
    """Put these clients under these names, whatever names they had."""
    db.change(_TAKE_OUT, clients=list(names), of_version=index.version)
    made = {
        (client_id, bucket_of(db, index.version, index.bits, name))
        for client_id, hers in names.items()
        for name in map(indexed, hers)
        if name
    }
    rows = [{"client_id": client_id, "version": index.version, "bucket": bucket} for client_id, bucket in sorted(made)]
    if rows:
        db.insert(_PUT, rows)


def follow(db: "Workspace", client_id: UUID, *names: str | None) -> None:
    """A client got these names: every version there is, also one that is being built, has them from now on.
    Called after the unit's first write, so that whoever builds a version can wait for it (models/search.py)."""
    for index in db.rows(_SHARE):
        put(db, index, {client_id: names})


def unfinished(db: "Workspace") -> Any | None:
    """The version whose building was interrupted, if there is one."""
    return next((index for index in indexes(db) if not index.ready), None)


def begin(db: "Workspace", names: int) -> Any:
    """The version being built: one that was interrupted, or a new one for so many different names."""
    if (there := unfinished(db)) is not None:
        return there
    version = max((index.version for index in indexes(db)), default=0) + 1
    db.insert(_BEGIN, [{"version": version, "bits": bits_for(names)}])
    return unfinished(db)


def hold(db: "Workspace", version: int) -> Any:
    """A version, kept from other builders until this unit ends. NotFound when somebody dropped it."""
    return db.one(_HOLD, of_version=version)


def built_to(db: "Workspace", version: int, client_id: UUID) -> None:
    """Remember how far it is built: an interrupted command goes on there."""
    db.change(_BUILT_TO, of_version=version, to_id=client_id)


def switch_to(db: "Workspace", version: int) -> None:
    """Ask this version from now on, and drop the others."""
    db.change(_READY, of_version=version)
    for index in indexes(db):
        if index.version != version:
            drop(db, index.version)


def drop(db: "Workspace", version: int) -> int:
    """Delete a version. Returns how many entries of buckets went."""
    db.rows(_HOLD_ALONE, of_version=version)
    gone = db.change(_EMPTY, of_version=version)
    db.change(_DROP, of_version=version)
    return gone
