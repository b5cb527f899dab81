"""One page of a list, newest first: how its statement ends, and what it is asked with. The cursors: api/paging.py."""

from datetime import datetime
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from models.base import ID, INSTANT

_BEFORE = sa.tuple_(
    sa.bindparam("before_at", type_=INSTANT, required=True), sa.bindparam("before_id", type_=ID, required=True)
)


def newest_first(statement: Any, at: Any, row_id: Any) -> Any:
    """A SELECT's rows older than a moment, newest first: `at` is the column of the instant, `row_id` settles ties."""
    older = statement.where(sa.tuple_(at, row_id) < _BEFORE)
    return older.order_by(at.desc(), row_id.desc()).limit(sa.bindparam("most", type_=sa.Integer, required=True))


def page(most: int, before: tuple[datetime, UUID]) -> dict[str, Any]:
    """The parameters of such a statement: at most so many rows, older than `before`."""
    return {"most": most, "before_at": before[0], "before_id": before[1]}
