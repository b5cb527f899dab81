"""Legal holds: what may be asked for by a court is not destroyed, until two people agree that it is over."""

from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar
from uuid import UUID, uuid4

import sqlalchemy as sa

from models.base import (
    ID,
    INSTANT,
    ClientRecord,
    columns,
    id_field,
    instant_field,
    sealed_column,
    table_of,
    within,
)
from models.client import lock_named
from models.errors import Conflict
from models.ledger.action import Action
from models.paging import newest_first, page
from models.rows import ByReach, Change, Insert, Query
from models.vault.sealed import Sealed

if TYPE_CHECKING:
    from models.workspace import Workspace


class LegalHold(ClientRecord, table=True):
    """A hold on everything kept about one client. It prevents destruction and nothing else, so placing one takes one
    person; lifting it takes an agency admin who did not place it."""

    __tablename__ = "legal_holds"
    narratives: ClassVar[tuple[str, ...]] = ("reason",)
    __table_args__ = (
        within("client_id", "clients"),
        sa.CheckConstraint("seal_rev > 0", name="sealed"),
        sa.Index("ix_legal_holds_client", "agency_id", "client_id"),
        sa.Index("ix_legal_holds_placed", "agency_id", "placed_at", "id"),
    )

    reason_sealed: bytes | None = sealed_column()
    reason = Sealed[str]()
    reference_sealed: bytes | None = sealed_column()
    reference = Sealed[str]()
    placed_at: datetime = instant_field()
    placed_by_id: UUID = id_field()
    lifted_at: datetime | None = instant_field(default=None)
    lifted_by_id: UUID | None = id_field(default=None)
    seal_rev: int = 0

    @classmethod
    def place(cls, db: "Workspace", client_id: UUID, reason: str, reference: str | None) -> UUID:
        """Hold a client's record from now on. Returns the hold's id. NotFound for a client who is not here, or out of
        the sight of somebody who sees clients."""
        lock_named(db, client_id)
        hold_id = uuid4()
        row = {"id": hold_id, "client_id": client_id, "reason": reason, "reference": reference}
        db.create_many(_ADD, Action.LEGAL_HOLD_PLACED, [row | {"placed_at": db.now, "placed_by_id": db.actor.id}])
        return hold_id

    @classmethod
    def lift(cls, db: "Workspace", hold_id: UUID) -> None:
        """End a hold. Doing it twice changes nothing; Conflict('own-hold') for whoever placed it."""
        hold = _one(db, hold_id)
        lock_named(db, hold.client_id)
        if hold.placed_by_id == db.actor.id:
            raise Conflict("own-hold")
        if db.change(_LIFT, hold_id=hold_id, at=db.now, by=db.actor.id):
            db.note(Action.LEGAL_HOLD_LIFTED, "legal_holds", [hold_id], hold.client_id)

    @classmethod
    def place_again(cls, db: "Workspace", hold_id: UUID, client_id: UUID, reason: str, at: datetime, by: UUID) -> None:
        """Older data were restored that do not know a hold which the ledger knows to stand, placed at `at` by `by`."""
        row = {"id": hold_id, "client_id": client_id, "reason": reason, "placed_at": at, "placed_by_id": by}
        db.create_many(_ADD, Action.LEGAL_HOLD_PLACED, [row])

    @classmethod
    def unlift(cls, db: "Workspace", hold_id: UUID, client_id: UUID) -> None:
        """After older data were restored a hold stands again, or still, against what the ledger said last or the data
        say: from here on both say that it stands."""
        db.change(_UNLIFT, hold_id=hold_id)
        db.note(Action.LEGAL_HOLD_PLACED, "legal_holds", [hold_id], client_id)


_L = columns(LegalHold)
_ADD = Insert(LegalHold)
_HOLD_ID = sa.bindparam("hold_id", type_=ID, required=True)
_PLAIN = (_L.id, _L.client_id, _L.placed_at, _L.placed_by_id, _L.lifted_at, _L.lifted_by_id)
_LIFT = Change(
    sa.update(table_of(LegalHold))
    .where(_L.id == _HOLD_ID, _L.lifted_at.is_(None))
    .values(
        lifted_at=sa.bindparam("at", type_=INSTANT, required=True),
        lifted_by_id=sa.bindparam("by", type_=ID, required=True),
    )
)
_UNLIFT = Change(
    sa.update(table_of(LegalHold))
    .where(_L.id == _HOLD_ID, _L.lifted_at.is_not(None))
    .values(lifted_at=sa.null(), lifted_by_id=sa.null())
)


_PLACE = ByReach(sa.select(*_PLAIN).where(_L.id == _HOLD_ID))
_WHOLE = ByReach(sa.select(*_PLAIN, _L.reason_sealed, _L.reference_sealed).where(_L.id == _HOLD_ID))
_LIST = ByReach(
    newest_first(
        sa.select(*_PLAIN).where(
            sa.or_(_L.lifted_at.is_(None), sa.bindparam("lifted_too", type_=sa.Boolean, required=True))
        ),
        _L.placed_at,
        _L.id,
    )
)
_STANDING = Query(
    sa.select(_L.id).where(_L.client_id == sa.bindparam("client_id", type_=ID), _L.lifted_at.is_(None)).limit(1)
)


def _one(db: "Workspace", hold_id: UUID) -> Any:
    return db.one(_PLACE.of(db), hold_id=hold_id)


def read(db: "Workspace", hold_id: UUID) -> Any:
    """A hold with its reason and reference opened; the reading is an entry. NotFound."""
    hold = db.one(_WHOLE.of(db), hold_id=hold_id)
    db.note(Action.LEGAL_HOLD_READ, "legal_holds", [hold_id], hold.client_id)
    return hold


def holds(db: "Workspace", most: int, before: tuple[datetime, UUID], *, lifted_too: bool) -> list[Any]:
    """Holds without their words, newest first, at most `most`, those older than `before`."""
    return db.rows(_LIST.of(db), lifted_too=lifted_too, **page(most, before))


def must_not_stand(db: "Workspace", client_id: UUID) -> None:
    """Conflict('legal-hold-stands') while any hold stands; the client's row was locked."""
    with db.blindly():
        found = db.rows(_STANDING, client_id=client_id)
    if found:
        raise Conflict("legal-hold-stands")
