"""Finding a client by name, among those the caller may see."""

from datetime import date
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter
from pydantic import Field

from api.door import Door
from api.gate import Can, Errand
from api.shapes import In, Line, Out
from models.access import Permission
from models.client import ClientStatus
from models.search import Found, Search, search

router = APIRouter(prefix="/clients/search", tags=["clients"], route_class=Door)


class SearchIn(In):
    """Whom to look for."""

    query: Line
    """A name or the beginnings of its words, in any order and in any spelling of accents. It is kept nowhere."""
    limit: Annotated[int, Field(ge=1, le=50)] = 20
    thorough: bool = False
    """Look at every client, even when the index of a very large agency has found this full name."""


class ClientFoundOut(Out):
    """A client who may be the one looked for. That her names were shown is logged, for her to ask about."""

    id: UUID
    alias: str | None
    legal_name: str | None
    status: ClientStatus
    opened_on: date

    @classmethod
    def of(cls, row: Any) -> "ClientFoundOut":
        return cls(id=row.id, alias=row.alias, legal_name=row.legal_name, status=row.status, opened_on=row.opened_on)


class SearchOut(Out):
    """The best fits, best first: whole words, then beginnings, then names a slip or two away."""

    data: list[ClientFoundOut]
    more: bool
    """Others may fit too: say more of the name, or ask with `thorough`."""


@router.post("", summary="Search clients by name")
async def search_clients(body: SearchIn, errand: Annotated[Errand, Can(Permission.CLIENT_SEARCH)]) -> SearchOut:
    """Clients of this name or nearly, among those the caller may see. A name is sent in the body and never in an
    address: addresses are kept in logs."""
    reached: Search | Found = search(body.query, body.limit, thorough=body.thorough)
    while isinstance(reached, Search):
        reached = await errand.run(reached.step)
    return SearchOut(data=[ClientFoundOut.of(row) for row in reached.rows], more=reached.more)
