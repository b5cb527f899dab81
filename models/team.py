"""Teams: the part of an agency's people whose clients a supervisor sees."""

from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

import sqlalchemy as sa

from models.base import AgencyRecord, columns, instant_field, sealed_column
from models.errors import Conflict, Fault, Invalid, NotFound
from models.ledger.action import Action
from models.user import User
from models.vault.sealed import Sealed

if TYPE_CHECKING:
    from models.workspace import Workspace


class Team(AgencyRecord, table=True):
    """A team. Who is in it stands with each person (users.team_id)."""

    __tablename__ = "teams"
    __table_args__ = (sa.CheckConstraint("seal_rev > 0", name="sealed"),)

    name_sealed: bytes | None = sealed_column()
    name = Sealed[str]()
    created_at: datetime = instant_field()
    version: int = 1
    seal_rev: int = 0

    @classmethod
    def form(cls, db: "Workspace", name: str) -> "Team":
        """A new team with nobody in it."""
        team = db.create(cls, Action.TEAM_CREATED, name=name, created_at=db.now)
        db.flush()
        return team

    def rename(self, db: "Workspace", name: str) -> None:
        """Call it otherwise; the row was claimed."""
        self.name = name
        db.record(Action.TEAM_UPDATED, self, "name")

    def disband(self, db: "Workspace") -> None:
        """Take it away; the row was claimed. Conflict while anybody is in it: what a supervisor sees hangs on it."""
        if db.all(sa.select(User).where(columns(User).team_id == self.id).limit(1)):
            raise Conflict("team-not-empty")
        db.record(Action.TEAM_REMOVED, self)
        db.delete(self)
        db.flush()


def teams_of(db: "Workspace", most: int, after: UUID | None) -> list[Team]:
    """The agency's teams by id, at most `most`, those behind `after`."""
    found = sa.select(Team).order_by(columns(Team).id).limit(most)
    return db.all(found if after is None else found.where(columns(Team).id > after))


def must_be_team(db: "Workspace", team_id: UUID, pointer: str) -> None:
    """Invalid unless there is such a team; it is held, so that nobody takes it away meanwhile."""
    try:
        db.claim(Team, team_id)
    except NotFound:
        raise Invalid(Fault(pointer, "unknown-team", "There is no such team at this agency.")) from None
