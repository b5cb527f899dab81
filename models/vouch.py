"""What lets somebody in, or keeps her out, is vouched for: the ledger keeps a digest of those columns of each row.

The columns are plain, because sight is a query over them, so whoever can write to the database can change them. What
the ledger last said of a row convicts her: `audit verify --state` names it. An entry says so among its `rows`, under
the table's name with `.grants` behind it.
"""

from datetime import datetime, timedelta
from enum import Enum
from functools import cache
from hashlib import sha256
from typing import TYPE_CHECKING, Any
from uuid import UUID

import orjson
import sqlalchemy as sa

from models.base import EPOCH, MODELS

if TYPE_CHECKING:
    from models.base import Record

SUFFIX = ".grants"


def said(table: str, row_id: UUID, values: dict[str, Any] | None) -> tuple[str, str | None]:
    """The name under which the ledger knows the granting part of a table, and the digest of a row's. None: the row is
    gone, or grants nothing (a client who is not restricted)."""
    names = MODELS[table].vouched
    shown = None if values is None else [_plain(values.get(name)) for name in names]
    if shown is None or (table == "clients" and not shown[0]):
        return table + SUFFIX, None
    text = orjson.dumps(["waypost.grant.1", table, row_id.hex, *shown])
    return table + SUFFIX, sha256(text).hexdigest()


def _plain(value: Any) -> Any:
    """A value as both databases, and a backup of either, can say it."""
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, UUID):
        return value.hex
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, datetime):
        return (value - EPOCH) // timedelta(microseconds=1)
    return int(value) if isinstance(value, bool) else value


def values(row: Any) -> dict[str, Any]:
    """The vouched columns of a row as an object."""
    return {name: getattr(row, name) for name in row.vouched}


def changed(row: Any) -> bool:
    """Whether a flush would write a vouched column of a row."""
    state = sa.inspect(row)
    return any(not state.persistent or state.attrs[name].history.has_changes() for name in row.vouched)


def touched(model: "type[Record] | None", statement: Any) -> tuple[str, ...]:
    """The vouched columns of a table, when an UPDATE sets one of them or a DELETE takes rows away; else nothing."""
    if model is None or not model.vouched:
        return ()
    named = {getattr(key, "name", key) for key in getattr(statement, "_values", None) or ()}
    return model.vouched if isinstance(statement, sa.Delete) or named & {*model.vouched} else ()


@cache
def tables() -> list[str]:
    """The tables with vouched columns."""
    return sorted(name for name, model in MODELS.items() if model.vouched)
