"""Teams: a supervisor in a team sees the clients her team works with."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import Field

from api import paging
from api.door import Door, IfMatch
from api.gate import Can
from api.paging import Page
from api.shapes import Filter, In, Name, Out, Patch
from models.access import Permission
from models.team import Team, teams_of
from models.workspace import Workspace

router = APIRouter(prefix="/teams", tags=["people"], route_class=Door)


class TeamIn(In):
    """A new team."""

    name: Name


class TeamPatch(Patch):
    """What is to change."""

    name: Name = ""


class TeamFilter(Filter):
    """Which part of the list."""

    limit: Annotated[int, Field(ge=1, le=200)] = 50
    cursor: str | None = None


class TeamOut(Out):
    """A team. Who is in it stands with each person."""

    home = "/v1/teams"
    still = True

    id: UUID
    name: str
    created_at: datetime
    version: int

    @classmethod
    def of(cls, row: Team) -> "TeamOut":
        return cls(id=row.id, name=row.name or "", created_at=row.created_at, version=row.version)

    @classmethod
    def again(cls, db: Workspace, row_id: UUID) -> "TeamOut":
        return cls.of(db.find(Team, row_id))


@router.get("", summary="List teams")
def list_teams(
    query: Annotated[TeamFilter, Query()], db: Annotated[Workspace, Can(Permission.TEAM_READ)]
) -> Page[TeamOut]:
    """The agency's teams."""
    rows = teams_of(db, query.limit + 1, paging.after_id(db, "teams", query.cursor))
    return paging.page(db, "teams", rows, query.limit, lambda row: [str(row.id)], TeamOut.of)


@router.post("", status_code=201, summary="Form a team")
def create_team(body: TeamIn, db: Annotated[Workspace, Can(Permission.TEAM_CREATE)]) -> TeamOut:
    """A team with nobody in it yet: PATCH /v1/users/{id} puts people in."""
    return TeamOut.of(Team.form(db, body.name))


@router.patch("/{team_id}", summary="Rename a team")
def update_team(
    team_id: UUID, body: TeamPatch, db: Annotated[Workspace, Can(Permission.TEAM_UPDATE)], if_match: IfMatch
) -> TeamOut:
    """Call it otherwise."""
    team = db.claim(Team, team_id, if_match)
    if "name" in body.changes():
        team.rename(db, body.name)
        db.flush()
    return TeamOut.of(team)


@router.delete("/{team_id}", status_code=204, summary="Take a team away")
def delete_team(team_id: UUID, db: Annotated[Workspace, Can(Permission.TEAM_REMOVE)], if_match: IfMatch) -> None:
    """Refused while anybody is in it."""
    db.claim(Team, team_id, if_match).disband(db)
