"""What the house has told the person who asks."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import Field

from api import paging
from api.door import Door, Spoken
from api.gate import Can
from api.notice_words import title
from api.paging import Page
from api.shapes import Filter, Out
from models.access import Permission
from models.notice import NoticeKind, mark_read, notices_of
from models.workspace import Workspace

router = APIRouter(prefix="/notices", tags=["people"], route_class=Door)


class NoticeFilter(Filter):
    """Which notices of the caller's."""

    unread: bool = False
    """Only those she has not marked as read."""
    limit: Annotated[int, Field(ge=1, le=200)] = 50
    cursor: str | None = None


class NoticeOut(Out):
    """One thing the caller was told. It names nobody: what it is about is asked for by `object_id`."""

    id: UUID
    kind: NoticeKind
    title: str
    """What it says, in the language of the answer."""
    object_id: UUID | None
    """The row it is about, if it is about one."""
    created_at: datetime
    read_at: datetime | None

    @classmethod
    def of(cls, row: Any, language: str) -> "NoticeOut":
        return cls(
            id=row.id,
            kind=row.kind,
            title=title(row.kind, language),
            object_id=row.object_id,
            created_at=row.created_at,
            read_at=row.read_at,
        )


@router.get("", summary="List my notices")
def list_notices(
    query: Annotated[NoticeFilter, Query()],
    db: Annotated[Workspace, Can(Permission.NOTICE_READ)],
    spoken: Spoken = "en",
) -> Page[NoticeOut]:
    """What the caller was told, newest first. Notices are kept for 90 days."""
    scope = f"notices?user={db.actor.id}&unread={query.unread}"
    before = paging.after_moment(db, scope, query.cursor) or paging.NEWEST
    rows = notices_of(db, db.actor.id, query.limit + 1, before, unread=query.unread)
    return paging.page(
        db,
        scope,
        rows,
        query.limit,
        lambda row: paging.moment(row.created_at, row.id),
        lambda row: NoticeOut.of(row, spoken),
    )


@router.put("/{notice_id}/reading", summary="Mark a notice as read")
def read_notice(
    notice_id: UUID, db: Annotated[Workspace, Can(Permission.NOTICE_MARK)], spoken: Spoken = "en"
) -> NoticeOut:
    """Mark one of the caller's notices as read; doing it again changes nothing."""
    return NoticeOut.of(mark_read(db, db.actor.id, notice_id), spoken)
