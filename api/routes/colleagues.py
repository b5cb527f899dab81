"""Who works here: names to choose from, for everybody who assigns."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import Field

from api import paging
from api.door import Door
from api.gate import Can
from api.paging import Page
from api.shapes import Filter, Out
from models.access import Permission, Role
from models.user import colleagues_of, roles_of
from models.workspace import Workspace

router = APIRouter(prefix="/colleagues", tags=["people"], route_class=Door)


class ColleagueFilter(Filter):
    """How many at once."""

    limit: Annotated[int, Field(ge=1, le=200)] = 50
    cursor: str | None = None


class ColleagueOut(Out):
    """Somebody who works here now."""

    id: UUID
    display_name: str
    roles: list[Role]
    language: str
    """The language she is answered in."""

    @classmethod
    def of(cls, row: Any) -> "ColleagueOut":
        roles = sorted(roles_of(row.roles))
        return cls(id=row.id, display_name=row.display_name or "", roles=roles, language=row.language)


@router.get("", summary="List colleagues by name")
def list_colleagues(
    query: Annotated[ColleagueFilter, Query()], db: Annotated[Workspace, Can(Permission.COLLEAGUE_READ)]
) -> Page[ColleagueOut]:
    """Everybody who may sign in now, with names and without addresses; the reading is logged."""
    after = paging.after_id(db, "colleagues", query.cursor)
    rows = colleagues_of(db, query.limit, after)
    more = len(rows) == query.limit and bool(rows)
    return paging.page(db, "colleagues", rows, query.limit, lambda row: [str(row.id)], ColleagueOut.of, more=more)
