"""Pages of a list: an opaque cursor that fits only the list it came from."""

import base64
import hmac
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Generic, TypeVar
from uuid import UUID

import orjson
from pydantic import BaseModel, Field

from api.shapes import Out
from models.base import EPOCH
from models.errors import Fault, Invalid
from models.workspace import Workspace

T = TypeVar("T", bound=BaseModel)

#: The position before the newest row of a list that begins with it.
NEWEST = (datetime(9999, 1, 1, tzinfo=UTC), UUID(int=2**128 - 1))


class PageInfo(Out):
    """Where the list goes on."""

    next_cursor: str | None = Field(description="Give it as `cursor` for the next page; null on the last one.")
    limit: int = Field(description="Rows a page holds at most.")


class Page(Out, Generic[T]):
    """One page of a list."""

    data: list[T]
    page: PageInfo


def after(db: Workspace, scope: str, cursor: str | None) -> list[Any] | None:
    """The position a cursor stands for, None for the first page. Raises Invalid for a cursor of another list, agency or
    order: `scope` is the list's path, filters and sort as one text."""
    if cursor is None:
        return None
    try:
        raw = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        mac, stored = raw[:16], raw[16:]
        if _spelt(raw) != cursor or not hmac.compare_digest(mac, _mac(db, scope, stored)):
            raise ValueError  # base64 can be spelt in several ways, a cursor in one
        position: list[Any] = orjson.loads(stored)
    except ValueError:
        raise Invalid(Fault("/query/cursor", "cursor-invalid", "This cursor does not belong to this list.")) from None
    return position


def after_id(db: Workspace, scope: str, cursor: str | None) -> UUID | None:
    """`after` for a list in the order of its ids."""
    position = after(db, scope, cursor)
    return UUID(position[0]) if position else None


def after_moment(db: Workspace, scope: str, cursor: str | None) -> tuple[datetime, UUID] | None:
    """`after` for a list in the order of an instant, then its ids."""
    position = after(db, scope, cursor)
    return (EPOCH + timedelta(microseconds=position[0]), UUID(position[1])) if position else None


def moment(at: datetime, row_id: UUID) -> list[Any]:
    """A row's position in a list that `after_moment` goes on with."""
    return [(at - EPOCH) // timedelta(microseconds=1), str(row_id)]


def page(
    db: Workspace,
    scope: str,
    rows: Sequence[Any],
    limit: int,
    at: Callable[[Any], list[Any]],
    out: Callable[[Any], T],
    *,
    more: bool | None = None,
) -> Page[T]:
    """A page of `limit` rows; `at` gives a row's position. That there is a next page is seen by one row too many, or
    said with `more` by lists that open what they read: a row nobody is shown is not to be opened and logged."""
    shown = rows[:limit]
    goes_on = len(rows) > limit if more is None else more
    cursor = _write(db, scope, at(shown[-1])) if goes_on and shown else None
    return Page(data=[out(row) for row in shown], page=PageInfo(next_cursor=cursor, limit=limit))


def _write(db: Workspace, scope: str, position: list[Any]) -> str:
    stored = orjson.dumps(position)
    return _spelt(_mac(db, scope, stored) + stored)


def _spelt(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def _mac(db: Workspace, scope: str, stored: bytes) -> bytes:
    return db.vault.service.cursor_mac(db.agency_id.bytes, scope.encode(), stored)
