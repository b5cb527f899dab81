"""The caller's agency: name, place, policy."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter
from pydantic import StringConstraints

from api.door import Door, IfMatch
from api.gate import Can
from api.shapes import Interval, Language, Name, Out, Patch, Zone
from models import jurisdiction
from models.access import Permission
from models.agency import Agency, Custody, SecondFactor
from models.errors import Fault, Invalid
from models.session import all_must_enrol
from models.workspace import Workspace

router = APIRouter(prefix="/agency", tags=["agency"], route_class=Door)
Phone = Annotated[str, StringConstraints(pattern=r"^[0-9+*# ().-]{2,40}$")]
Https = Annotated[str, StringConstraints(max_length=300, pattern=r"^https://[a-z0-9.-]+(/[A-Za-z0-9._~/-]*)?$")]


class AgencyPatch(Patch):
    """What an admin may change. null takes an own number away, so that the jurisdiction's holds again."""

    name: Name = ""
    time_zone: Zone = ""
    language: Language = "en"
    jurisdiction: Annotated[str, StringConstraints(max_length=60)] = ""
    hotline: Phone | None = None
    emergency_number: Phone | None = None
    exit_url: Https | None = None
    review_interval: Interval = "P8W"
    custody_default: Custody = Custody.RETAINED
    second_factor: SecondFactor = SecondFactor.REQUIRED


class AgencyOut(Out):
    """An agency and its policy."""

    still = True

    id: UUID
    name: str
    time_zone: str
    """IANA zone in which reviews fall due."""
    language: str
    jurisdiction: str
    """Whose hotline, emergency number and order names stand in the texts."""
    hotline: str | None
    emergency_number: str | None
    exit_url: str | None
    """Neutral page the quick exit leads to."""
    review_interval: str
    """ISO 8601 weeks or days from one completed review to the next."""
    custody_default: Custody
    """How much of a new plan is kept; a plan may be stricter, never laxer."""
    second_factor: SecondFactor
    """Whether everybody needs a second factor. Only a demo may leave it to each."""
    demo: bool
    created_at: datetime
    version: int

    @classmethod
    def of(cls, agency: Agency) -> "AgencyOut":
        return cls(
            id=agency.id,
            name=agency.name,
            time_zone=agency.time_zone,
            language=agency.language,
            jurisdiction=agency.jurisdiction,
            hotline=agency.hotline,
            emergency_number=agency.emergency_number,
            exit_url=agency.exit_url,
            review_interval=agency.review_interval,
            custody_default=agency.custody_default,
            second_factor=agency.second_factor,
            demo=agency.demo,
            created_at=agency.created_at,
            version=agency.version,
        )

    @classmethod
    def again(cls, db: Workspace, row_id: UUID) -> "AgencyOut":
        return cls.of(db.find(Agency, row_id))


@router.get("", summary="Read my agency")
def read_agency(db: Annotated[Workspace, Can(Permission.AGENCY_READ)]) -> AgencyOut:
    """The agency everything the caller sees belongs to."""
    return AgencyOut.of(Agency.of(db))


@router.patch("", summary="Change my agency")
def update_agency(
    body: AgencyPatch, db: Annotated[Workspace, Can(Permission.AGENCY_UPDATE)], if_match: IfMatch
) -> AgencyOut:
    """Change name, place or policy of the agency."""
    changes = body.changes()
    if "jurisdiction" in changes and changes["jurisdiction"] not in jurisdiction.known(db):
        raise Invalid(Fault("/jurisdiction", "unknown-jurisdiction", ""))
    agency = db.claim(Agency, db.agency_id, if_match)
    agency.update(db, **changes)
    if changes.get("second_factor") is SecondFactor.REQUIRED:
        all_must_enrol(db)
    db.flush()
    return AgencyOut.of(agency)
