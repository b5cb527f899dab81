"""Destruction of a client's record: proposed by one person, carried out by another, kept as a certificate."""

from datetime import date, datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import Field

from api import paging
from api.door import Door
from api.gate import Can
from api.paging import Page
from api.shapes import Filter, In, Out
from models import agency
from models.access import PLATFORM, Permission
from models.destruction import LAPSES, Destruction, DestructionReason, DestructionState, Extent, destructions
from models.workspace import Workspace

router = APIRouter(tags=["destruction"], route_class=Door)
#: What a certificate says of backups, by the agency's language.
OF_BACKUPS = {
    "en": "Backups made before this destruction may still hold the record and its keys, encrypted. They can be opened "
    "until root key epoch {epoch}, and every epoch before it, is destroyed.",
    "es": "Las copias de seguridad hechas antes de esta destrucción pueden contener todavía el expediente y sus claves "
    "cifradas. Se pueden abrir hasta que se destruya la época {epoch} de la clave raíz y todas las anteriores.",
}


class DestructionIn(In):
    """What is to be destroyed, and why. There is no free text: the certificate stays."""

    what: Extent
    reason: DestructionReason
    urgent: bool = False
    """The record has to become unreadable in backups too as soon as possible: whoever runs Waypost then destroys the
    root key epoch its keys were under."""


class DestructionFilter(Filter):
    """Which; all when no state is named."""

    state: list[DestructionState] = []
    limit: Annotated[int, Field(ge=1, le=200)] = 50
    cursor: str | None = None


class DestructionOut(Out):
    """A proposal; once carried out, the certificate. It holds a random id, counts and dates, and nobody's name."""

    home = "/v1/destructions"

    id: UUID
    client_id: UUID
    what: Extent
    reason: DestructionReason
    urgent: bool
    state: DestructionState
    proposed_at: datetime
    proposed_by_id: UUID
    lapses_at: datetime
    """After this moment it can no longer be carried out."""
    withdrawn_at: datetime | None
    withdrawn_by_id: UUID | None
    carried_out_at: datetime | None
    approved_by_id: UUID | None
    """null while nobody approved it, and when whoever runs Waypost carried it out at the command line."""
    counts: dict[str, int] | None
    """Rows destroyed, by table."""
    first_on: date | None
    """The day the work with her began."""
    last_on: date | None
    """The last day anything was entered or read."""
    key_epoch: int | None
    """The newest root key epoch her keys were under."""
    statement: str | None
    """What this means for backups, in the agency's language."""

    @classmethod
    def of(cls, db: Workspace, row: Destruction) -> "DestructionOut":
        return cls(
            id=row.id,
            client_id=row.client_id,
            what=row.what,
            reason=row.reason,
            urgent=row.urgent,
            state=row.state(db.now),
            proposed_at=row.proposed_at,
            proposed_by_id=row.proposed_by_id,
            lapses_at=row.proposed_at + LAPSES,
            withdrawn_at=row.withdrawn_at,
            withdrawn_by_id=row.withdrawn_by_id,
            carried_out_at=row.carried_out_at,
            approved_by_id=None if row.approved_by_id == PLATFORM else row.approved_by_id,
            counts=row.counts,
            first_on=row.first_on,
            last_on=row.last_on,
            key_epoch=row.key_epoch,
            statement=_statement(db, row),
        )

    @classmethod
    def again(cls, db: Workspace, row_id: UUID) -> "DestructionOut":
        return cls.of(db, db.find(Destruction, row_id))


def _statement(db: Workspace, row: Destruction) -> str | None:
    if row.carried_out_at is None:
        return None
    language = "es" if agency.policy(db).language.startswith("es") else "en"
    return OF_BACKUPS[language].format(epoch=row.key_epoch)


@router.post("/clients/{client_id}/destruction", status_code=201, summary="Propose a destruction")
def create_destruction(
    client_id: UUID, body: DestructionIn, db: Annotated[Workspace, Can(Permission.DESTRUCTION_PROPOSE)]
) -> DestructionOut:
    """Ask for a client's record to be destroyed. Nothing is destroyed until an agency admin who is another person
    approves, within 14 days. Refused while a legal hold stands or a release of hers is active."""
    return DestructionOut.again(db, Destruction.propose(db, client_id, body.what, body.reason, urgent=body.urgent))


@router.get("/destructions", summary="List destructions")
def list_destructions(
    query: Annotated[DestructionFilter, Query()], db: Annotated[Workspace, Can(Permission.DESTRUCTION_READ)]
) -> Page[DestructionOut]:
    """Proposals and certificates, newest first."""
    states = sorted(query.state)
    scope = f"destructions?state={states}"
    before = paging.after_moment(db, scope, query.cursor) or paging.NEWEST
    rows = destructions(db, states, query.limit + 1, before)
    return paging.page(db, scope, rows, query.limit, _position, lambda row: DestructionOut.of(db, row))


@router.get("/destructions/{destruction_id}", summary="Read a proposal or certificate")
def read_destruction(
    destruction_id: UUID, db: Annotated[Workspace, Can(Permission.DESTRUCTION_READ)]
) -> DestructionOut:
    """A proposal; once it is carried out, the certificate."""
    return DestructionOut.again(db, destruction_id)


@router.put("/destructions/{destruction_id}/approval", summary="Approve a destruction, which carries it out")
def approve(destruction_id: UUID, db: Annotated[Workspace, Can(Permission.DESTRUCTION_APPROVE)]) -> DestructionOut:
    """Carry it out, at once and for good; the answer is the certificate. Whoever proposed it cannot approve it.
    Refused while a legal hold stands or a release of hers is active."""
    return DestructionOut.of(db, Destruction.carry_out(db, destruction_id))


@router.delete("/destructions/{destruction_id}", status_code=204, summary="Withdraw or decline a destruction")
def delete_destruction(destruction_id: UUID, db: Annotated[Workspace, Can(Permission.DESTRUCTION_PROPOSE)]) -> None:
    """The proposal is taken back, or declined: nothing is destroyed. One that was carried out stays."""
    db.claim(Destruction, destruction_id).withdraw(db)


def _position(row: Any) -> list[Any]:
    return paging.moment(row.proposed_at, row.id)
