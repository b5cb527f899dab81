"""Walls: who must not see a client, nor know of her here. Two people set one up, two take it down."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import Field

from api import paging
from api.door import Door
from api.gate import Can
from api.paging import Page
from api.shapes import Filter, In, Note, Out
from models import wall
from models.access import Permission
from models.wall import Wall, WallState, state_of
from models.workspace import Workspace

router = APIRouter(tags=["walls"], route_class=Door)


class WallIn(In):
    """Whom to keep from which client, and why. Leave names out: the ids say who they are."""

    client_id: UUID
    user_id: UUID
    reason: Note


class WallFilter(Filter):
    """Which walls."""

    state: WallState | None = None
    limit: Annotated[int, Field(ge=1, le=200)] = 50
    cursor: str | None = None


class WallSummary(Out):
    """A wall in a list, without its reason."""

    id: UUID
    client_id: UUID
    user_id: UUID
    state: WallState
    proposed_at: datetime
    proposed_by_id: UUID
    withdrawn_at: datetime | None
    withdrawn_by_id: UUID | None
    set_at: datetime | None
    set_by_id: UUID | None
    lifting_proposed_at: datetime | None
    lifting_proposed_by_id: UUID | None
    lifted_at: datetime | None
    lifted_by_id: UUID | None

    @classmethod
    def of(cls, row: Any) -> "WallSummary":
        said = {name: getattr(row, name) for name in cls.model_fields if name != "state"}
        return cls(**said, state=state_of(row))


class WallOut(Out):
    """A wall. It keeps somebody out while it is `standing`."""

    home = "/v1/walls"

    id: UUID
    client_id: UUID
    user_id: UUID
    reason: str | None
    """null for a wall somebody put herself behind."""
    state: WallState
    proposed_at: datetime
    proposed_by_id: UUID
    withdrawn_at: datetime | None
    withdrawn_by_id: UUID | None
    set_at: datetime | None
    set_by_id: UUID | None
    lifting_proposed_at: datetime | None
    lifting_proposed_by_id: UUID | None
    lifted_at: datetime | None
    lifted_by_id: UUID | None

    @classmethod
    def again(cls, db: Workspace, row_id: UUID) -> "WallOut":
        row = wall.read(db, row_id)
        said = {name: getattr(row, name) for name in cls.model_fields if name != "state"}
        return cls(**said, state=state_of(row))


@router.get("/walls", summary="List walls")
def list_walls(
    query: Annotated[WallFilter, Query()], db: Annotated[Workspace, Can(Permission.WALL_READ)]
) -> Page[WallSummary]:
    """Walls, newest first, without their reasons. Nobody finds one that is about herself."""
    scope = f"walls?state={query.state}"
    before = paging.after_moment(db, scope, query.cursor) or paging.NEWEST
    rows = wall.walls(db, query.state, query.limit + 1, before)
    return paging.page(db, scope, rows, query.limit, _position, WallSummary.of)


@router.post("/walls", status_code=201, summary="Propose a wall")
def create_wall(body: WallIn, db: Annotated[Workspace, Can(Permission.WALL_PROPOSE)]) -> WallOut:
    """Ask for a person to be kept from a client. It keeps nobody out until a second person approves."""
    return WallOut.again(db, Wall.propose(db, body.client_id, body.user_id, body.reason))


@router.get("/walls/{wall_id}", summary="Read a wall")
def read_wall(wall_id: UUID, db: Annotated[Workspace, Can(Permission.WALL_READ)]) -> WallOut:
    """A wall with its reason; the reading is logged."""
    return WallOut.again(db, wall_id)


@router.delete("/walls/{wall_id}", status_code=204, summary="Withdraw a proposal about a wall")
def withdraw_wall(wall_id: UUID, db: Annotated[Workspace, Can(Permission.WALL_PROPOSE)]) -> None:
    """Take back or decline what is proposed: the wall, or its lifting. A standing wall stands on."""
    Wall.withdraw(db, wall_id)


@router.put("/walls/{wall_id}/approval", summary="Set a wall up")
def approve_wall(wall_id: UUID, db: Annotated[Workspace, Can(Permission.WALL_APPROVE)]) -> WallOut:
    """The second person agrees: the wall stands from now on. The person's assignments and covers to the client end."""
    Wall.approve(db, wall_id)
    return WallOut.again(db, wall_id)


@router.put("/walls/{wall_id}/lifting", summary="Propose to lift a wall")
def propose_lifting(wall_id: UUID, db: Annotated[Workspace, Can(Permission.WALL_PROPOSE)]) -> WallOut:
    """Ask for a wall to be lifted. It stands until a second person approves."""
    Wall.propose_lifting(db, wall_id)
    return WallOut.again(db, wall_id)


@router.put("/walls/{wall_id}/lifting/approval", summary="Lift a wall")
def approve_lifting(wall_id: UUID, db: Annotated[Workspace, Can(Permission.WALL_APPROVE)]) -> WallOut:
    """The second person agrees that it is over. It assigns nobody."""
    Wall.lift(db, wall_id)
    return WallOut.again(db, wall_id)


@router.put("/clients/{client_id}/own-wall", status_code=204, summary="Put oneself behind a wall")
def step_behind_wall(client_id: UUID, db: Annotated[Workspace, Can(Permission.WALL_OWN)]) -> None:
    """From now on the caller does not see this client: she knows her from elsewhere. It takes two others to lift it."""
    Wall.behind_own(db, client_id)


def _position(row: Any) -> list[Any]:
    return paging.moment(row.proposed_at, row.id)
