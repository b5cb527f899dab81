"""Cover: one request, and somebody looks after an absent colleague's clients until a day."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import Field

from api import paging
from api.door import Door
from api.gate import Can
from api.paging import Page
from api.shapes import Filter, In, Instant, Out
from models import cover
from models.access import Permission
from models.cover import Cover
from models.workspace import Workspace

router = APIRouter(prefix="/covers", tags=["people"], route_class=Door)


class CoverIn(In):
    """Who is away, who covers, from when until when."""

    absent_id: UUID
    by_id: UUID
    starts_at: Instant | None = None
    """Now when not said."""
    ends_at: Instant
    """60 days after the start at most. It ends by itself."""


class CoverFilter(Filter):
    """Which part of the list."""

    limit: Annotated[int, Field(ge=1, le=200)] = 50
    cursor: str | None = None


class CoverOut(Out):
    """That somebody looks after somebody else's clients."""

    home = "/v1/covers"

    id: UUID
    absent_id: UUID
    by_id: UUID
    starts_at: datetime
    ends_at: datetime
    created_at: datetime
    created_by_id: UUID
    ended_at: datetime | None
    """When somebody ended it before its time."""
    ended_by_id: UUID | None

    @classmethod
    def of(cls, row: Any) -> "CoverOut":
        return cls(**{name: getattr(row, name) for name in cls.model_fields})

    @classmethod
    def again(cls, db: Workspace, row_id: UUID) -> "CoverOut":
        return cls.of(cover.read(db, row_id))


@router.get("", summary="List covers")
def list_covers(
    query: Annotated[CoverFilter, Query()], db: Annotated[Workspace, Can(Permission.COVER_READ)]
) -> Page[CoverOut]:
    """Covers, the latest to begin first; an advocate's own: those she gives and those she gets."""
    before = paging.after_moment(db, "covers", query.cursor) or paging.NEWEST
    rows = cover.covers(db, query.limit + 1, before)
    return paging.page(db, "covers", rows, query.limit, _position, CoverOut.of)


@router.post("", status_code=201, summary="Have somebody cover for a colleague")
def create_cover(body: CoverIn, db: Annotated[Workspace, Can(Permission.COVER_CREATE)]) -> CoverOut:
    """All of the absent colleague's clients, also those she is given meanwhile, are seen and worked with by whoever
    covers. Restricted clients are not in it: assign somebody to each of those."""
    made = Cover.begin(db, body.absent_id, body.by_id, body.starts_at or db.now, body.ends_at)
    return CoverOut.again(db, made)


@router.get("/{cover_id}", summary="Read a cover")
def read_cover(cover_id: UUID, db: Annotated[Workspace, Can(Permission.COVER_READ)]) -> CoverOut:
    """Who covers for whom, from when until when."""
    return CoverOut.again(db, cover_id)


@router.delete("/{cover_id}", status_code=204, summary="End a cover early")
def delete_cover(cover_id: UUID, db: Annotated[Workspace, Can(Permission.COVER_END)]) -> None:
    """The colleague is back: from this request on nothing is seen by the cover."""
    Cover.end(db, cover_id)


def _position(row: Any) -> list[Any]:
    return paging.moment(row.starts_at, row.id)
