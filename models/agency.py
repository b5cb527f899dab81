"""The agency: its name, place and policy, and how it is founded."""

from datetime import date, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any, ClassVar
from uuid import UUID
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from sqlmodel import Field

from models.base import AgencyRecord, choice, columns, instant_field
from models.errors import Conflict
from models.ledger import book
from models.ledger.action import Action
from models.rows import Query

if TYPE_CHECKING:
    from models.workspace import Workspace


class Custody(StrEnum):
    """How much of a plan is kept, strictest first: that planning happened, or its content too."""

    EVENT_ONLY = "event_only"
    RETAINED = "retained"


class SecondFactor(StrEnum):
    """Whether everybody needs one. Only a demo, where everybody is invented, may do without."""

    OPTIONAL = "optional"
    REQUIRED = "required"


class Agency(AgencyRecord, table=True):
    """An agency; its id is its agency_id."""

    __tablename__ = "agencies"
    directory: ClassVar[bool] = True
    __table_args__ = (sa.CheckConstraint("id = agency_id", name="own"),)

    name: str
    time_zone: str
    language: str = "en"
    jurisdiction: str = "us-ct"
    hotline: str | None = None
    emergency_number: str | None = None
    exit_url: str | None = None
    review_interval: str = "P8W"
    custody_default: Custody = Field(default=Custody.RETAINED, sa_type=choice(Custody))
    second_factor: SecondFactor = Field(default=SecondFactor.REQUIRED, sa_type=choice(SecondFactor))
    demo: bool = False
    created_at: datetime = instant_field()
    version: int = 1

    @classmethod
    def found(cls, db: "Workspace", **values: Any) -> "Agency":
        """The first act in a new agency's Workspace: its log, its keys, its row."""
        book.open_log(db)
        db.vault.found(db)
        agency = db.create(cls, Action.AGENCY_FOUNDED, id=db.agency_id, created_at=db.now, **values)
        db.flush()
        return agency

    @classmethod
    def of(cls, db: "Workspace") -> "Agency":
        """The agency of this Workspace."""
        return db.find(cls, db.agency_id)

    def update(self, db: "Workspace", **changes: Any) -> None:
        """Change name, place or policy; the row was claimed. Conflict for an optional second factor outside a demo."""
        if changes.get("second_factor") is SecondFactor.OPTIONAL and not self.demo:
            raise Conflict("second-factor-stays")
        for name, value in changes.items():
            setattr(self, name, value)
        db.record(Action.AGENCY_UPDATED, self, *changes)


_A = columns(Agency)
_POLICY = Query(
    sa.select(
        _A.name,
        _A.time_zone,
        _A.language,
        _A.jurisdiction,
        _A.hotline,
        _A.emergency_number,
        _A.review_interval,
        _A.custody_default,
        _A.second_factor,
        _A.demo,
    ).where(_A.id == sa.bindparam("agency_id"))
)
_ALL = Query(sa.select(_A.agency_id, _A.name, _A.demo, _A.exit_url).order_by(_A.created_at, _A.id))


def policy(db: "Workspace") -> Any:
    """The agency's settings that rules need: time_zone, language, jurisdiction, review_interval and so on."""
    return db.one(_POLICY)


def needs_factor(db: "Workspace") -> bool:
    """Whether everybody here needs a second factor."""
    return policy(db).second_factor is SecondFactor.REQUIRED


def zone(db: "Workspace") -> ZoneInfo:
    """The agency's time zone."""
    return ZoneInfo(policy(db).time_zone)


def today(db: "Workspace") -> date:
    """The day it is at the agency."""
    return db.now.astimezone(zone(db)).date()


def all_agencies(db: "Workspace") -> list[Any]:
    """Every agency (agency_id, name, demo, exit_url) as the platform sees them; inside an agency only itself."""
    return db.rows(_ALL)


def agency_ids(db: "Workspace") -> list[UUID]:
    """The ids of every agency, for chores that visit each."""
    return [row.agency_id for row in all_agencies(db)]
