"""Legal holds: what is held is not destroyed, until a second person agrees that the hold is over."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import Field

from api import paging
from api.door import Door
from api.gate import Can
from api.paging import Page
from api.shapes import Filter, In, Line, Note, Out
from models import legal_hold
from models.access import Permission
from models.legal_hold import LegalHold
from models.workspace import Workspace

router = APIRouter(prefix="/legal-holds", tags=["destruction"], route_class=Door)


class LegalHoldIn(In):
    """Whose record is held, and why. Leave the client's name out: her id says who she is."""

    client_id: UUID
    reason: Note
    """Such as a subpoena received, or a court case the record may be asked for in."""
    reference: Line | None = None
    """A docket or file number."""


class LegalHoldFilter(Filter):
    """Which holds; those lifted are shown when asked for."""

    lifted_too: bool = False
    limit: Annotated[int, Field(ge=1, le=200)] = 50
    cursor: str | None = None


class LegalHoldSummary(Out):
    """A hold in a list, without its words."""

    id: UUID
    client_id: UUID
    placed_at: datetime
    placed_by_id: UUID
    lifted_at: datetime | None
    lifted_by_id: UUID | None

    @classmethod
    def of(cls, row: Any) -> "LegalHoldSummary":
        return cls(**{name: getattr(row, name) for name in cls.model_fields})


class LegalHoldOut(Out):
    """A hold. It stands until `lifted_at` is set."""

    home = "/v1/legal-holds"

    id: UUID
    client_id: UUID
    reason: str
    reference: str | None
    placed_at: datetime
    placed_by_id: UUID
    lifted_at: datetime | None
    lifted_by_id: UUID | None

    @classmethod
    def again(cls, db: Workspace, row_id: UUID) -> "LegalHoldOut":
        row = legal_hold.read(db, row_id)
        return cls(**{name: getattr(row, name) for name in cls.model_fields})


@router.get("", summary="List legal holds")
def list_legal_holds(
    query: Annotated[LegalHoldFilter, Query()], db: Annotated[Workspace, Can(Permission.HOLD_READ)]
) -> Page[LegalHoldSummary]:
    """Holds, newest first, without their words."""
    scope = f"legal-holds?lifted={query.lifted_too}"
    before = paging.after_moment(db, scope, query.cursor) or paging.NEWEST
    rows = legal_hold.holds(db, query.limit + 1, before, lifted_too=query.lifted_too)
    return paging.page(db, scope, rows, query.limit, _position, LegalHoldSummary.of)


@router.post("", status_code=201, summary="Place a legal hold")
def create_legal_hold(body: LegalHoldIn, db: Annotated[Workspace, Can(Permission.HOLD_PLACE)]) -> LegalHoldOut:
    """From now on nothing of this client's record can be destroyed. It takes effect at once: a hold only prevents."""
    hold_id = LegalHold.place(db, body.client_id, body.reason, body.reference)
    return LegalHoldOut(
        id=hold_id,
        client_id=body.client_id,
        reason=body.reason,
        reference=body.reference,
        placed_at=db.now,
        placed_by_id=db.actor.id,
        lifted_at=None,
        lifted_by_id=None,
    )


@router.get("/{hold_id}", summary="Read a legal hold")
def read_legal_hold(hold_id: UUID, db: Annotated[Workspace, Can(Permission.HOLD_READ)]) -> LegalHoldOut:
    """A hold with its reason; the reading is logged."""
    return LegalHoldOut.again(db, hold_id)


@router.put("/{hold_id}/lifting", summary="Lift a legal hold")
def lift(hold_id: UUID, db: Annotated[Workspace, Can(Permission.HOLD_LIFT)]) -> LegalHoldOut:
    """The hold is over. Whoever placed it does not lift it."""
    LegalHold.lift(db, hold_id)
    return LegalHoldOut.again(db, hold_id)


def _position(row: Any) -> list[Any]:
    return paging.moment(row.placed_at, row.id)
