"""Destruction: what is kept about a client, or what was written in it, is destroyed when two people agree."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Any, ClassVar
from uuid import UUID, uuid4

import sqlalchemy as sa
from sqlmodel import Field

from models import agency, legal_hold, release
from models.access import Permission
from models.base import (
    ID,
    JSON,
    AgencyRecord,
    choice,
    columns,
    id_field,
    instant_field,
)
from models.client import Client, lock_named
from models.engine import empty_log
from models.errors import Conflict, NotFound
from models.ledger.action import Action
from models.ledger.book import LedgerEntry
from models.paging import newest_first, page
from models.rows import Insert, Query
from models.shred import purge, shred
from models.user import still_may

if TYPE_CHECKING:
    from models.workspace import Workspace

LAPSES = timedelta(days=14)


class Extent(StrEnum):
    """How much is destroyed: the whole record with its keys, or only the free text in it."""

    EVERYTHING = "everything"
    NARRATIVES = "narratives"


class DestructionReason(StrEnum):
    """Why. A fixed list: the certificate stays, and holds no word about anybody."""

    RETENTION_ENDED = "retention_ended"
    CLIENT_ASKED = "client_asked"
    COURT_ORDER = "court_order"
    ENTERED_BY_MISTAKE = "entered_by_mistake"


class DestructionState(StrEnum):
    """Where a destruction stands. Lapsed is read off the clock."""

    PROPOSED = "proposed"
    LAPSED = "lapsed"
    WITHDRAWN = "withdrawn"
    CARRIED_OUT = "carried_out"


class Destruction(AgencyRecord, table=True):
    """A proposal, and once it is carried out the certificate. It belongs to the agency, not to the client: it stays."""

    __tablename__ = "destructions"
    kept_with_keys: ClassVar[bool] = True
    names_client: ClassVar[str | None] = "client_id"
    __table_args__ = (
        sa.Index("ix_destructions_client", "agency_id", "client_id"),
        sa.Index("ix_destructions_proposed", "agency_id", "proposed_at", "id"),
    )

    client_id: UUID = id_field()
    what: Extent = Field(sa_type=choice(Extent))
    reason: DestructionReason = Field(sa_type=choice(DestructionReason))
    urgent: bool = False
    proposed_at: datetime = instant_field()
    proposed_by_id: UUID = id_field()
    withdrawn_at: datetime | None = instant_field(default=None)
    withdrawn_by_id: UUID | None = id_field(default=None)
    carried_out_at: datetime | None = instant_field(default=None)
    approved_by_id: UUID | None = id_field(default=None)
    counts: dict[str, int] | None = Field(default=None, sa_type=JSON)
    first_on: date | None = None
    last_on: date | None = None
    key_epoch: int | None = None

    @classmethod
    def propose(
        cls, db: "Workspace", client_id: UUID, what: Extent, reason: DestructionReason, *, urgent: bool
    ) -> UUID:
        """Ask for it. Returns the proposal's id. Conflict while a hold stands, a release lives, or a proposal is open;
        NotFound for a client who is not here, or out of the sight of somebody who sees clients."""
        lock_named(db, client_id)
        _must_be_free(db, client_id)
        if any(row.state(db.now) is DestructionState.PROPOSED for row in of_client(db, client_id)):
            raise Conflict("destruction-proposed")
        destruction_id = uuid4()
        row = {"id": destruction_id, "client_id": client_id, "what": what, "reason": reason, "urgent": urgent}
        db.create_many(_ADD, None, [row | {"proposed_at": db.now, "proposed_by_id": db.actor.id}])
        db.note(Action.DESTRUCTION_PROPOSED, "destructions", [destruction_id], client_id)
        return destruction_id

    def state(self, now: datetime) -> DestructionState:
        """Where it stands at this moment."""
        if self.carried_out_at is not None:
            return DestructionState.CARRIED_OUT
        if self.withdrawn_at is not None:
            return DestructionState.WITHDRAWN
        return DestructionState.PROPOSED if now < self.proposed_at + LAPSES else DestructionState.LAPSED

    @classmethod
    def carry_out(cls, db: "Workspace", destruction_id: UUID) -> "Destruction":
        """The second person agrees, and in this unit it is done. Returns the certificate; doing it twice changes
        nothing. Conflict for the proposer, for a proposal no longer open or of somebody who may not propose now, while
        a hold stands or a release lives."""
        row = db.find(cls, destruction_id)
        if row.proposed_by_id == db.actor.id:
            raise Conflict("own-proposal")
        try:
            lock_named(db, row.client_id)
        except NotFound:
            return _done_before(db, destruction_id)
        row = db.claim(cls, destruction_id)
        if row.carried_out_at is None:
            _must_be_open(db, row)
            if not still_may(db, row.proposed_by_id, Permission.DESTRUCTION_PROPOSE):
                raise Conflict("destruction-not-open")
            _must_be_free(db, row.client_id)
            row.destroy(db)
        return row

    def withdraw(self, db: "Workspace") -> None:
        """Take it back, or decline it; the row was claimed. Twice changes nothing. Conflict once it is carried out."""
        if self.carried_out_at is not None:
            raise Conflict("destruction-not-open")
        if self.withdrawn_at is None:
            self.withdrawn_at, self.withdrawn_by_id = db.now, db.actor.id
            self._record(db, Action.DESTRUCTION_WITHDRAWN)

    def destroy(self, db: "Workspace") -> None:
        """Do it. Only `carry_out` calls this, which holds the client and has asked everything."""
        days = _days(db, self.client_id)
        gone = (shred if self.what is Extent.EVERYTHING else purge)(db, self.client_id)
        (self.first_on, self.last_on), self.counts, self.key_epoch = days, gone.counts, gone.key_epoch
        self.carried_out_at, self.approved_by_id = db.now, db.actor.id
        self._record(db, Action.DESTRUCTION_APPROVED)
        db.flush()

    def _record(self, db: "Workspace", action: Action) -> None:
        """As db.record, and about the client: her history is to show it, although the row is the agency's."""
        db.explained.add(self.id)
        db.note(action, "destructions", [self.id], self.client_id)


_D, _C, _E = columns(Destruction), columns(Client), columns(LedgerEntry)
_ADD = Insert(Destruction)
_OF_HER = sa.bindparam("client_id", type_=ID, required=True)
_BEGAN = Query(sa.select(_C.opened_on).where(_C.id == _OF_HER))
_LAST = Query(
    sa.select(sa.func.max(_E.at).label("at")).where(
        _E.client_id == _OF_HER,
        _E.action != Action.DESTRUCTION_PROPOSED,
        _E.action != Action.DESTRUCTION_WITHDRAWN,
    )
)


def of_client(db: "Workspace", client_id: UUID) -> list[Destruction]:
    """Every proposal and certificate about a client, newest first."""
    return db.all(sa.select(Destruction).where(_D.client_id == client_id).order_by(_D.proposed_at.desc(), _D.id))


def destructions(
    db: "Workspace", states: Sequence[DestructionState], most: int, before: tuple[datetime, UUID]
) -> list[Destruction]:
    """Proposals and certificates, newest first, at most `most`, those older than `before`; of some states by the clock
    only when any is named."""
    found = newest_first(sa.select(Destruction), _D.proposed_at, _D.id)
    if states:
        found = found.where(sa.or_(*(_in_state(state, db.now) for state in states)))
    return db.all(found.params(**page(most, before)))


def keep_log_empty(db: "Workspace") -> int:
    """A chore: for a day after a destruction, empty SQLite's write-ahead log again, in case a reader was in the way.
    Returns how many destructions that was for."""
    recent = db.all(sa.select(Destruction).where(_D.carried_out_at > db.now - timedelta(days=1)))
    if recent:
        engine = db.connection.engine
        db.once_kept(lambda: empty_log(engine))
    return len(recent)


def _in_state(state: DestructionState, now: datetime) -> Any:
    untouched = sa.and_(_D.carried_out_at.is_(None), _D.withdrawn_at.is_(None))
    return {
        DestructionState.CARRIED_OUT: _D.carried_out_at.is_not(None),
        DestructionState.WITHDRAWN: sa.and_(_D.carried_out_at.is_(None), _D.withdrawn_at.is_not(None)),
        DestructionState.PROPOSED: sa.and_(untouched, _D.proposed_at > now - LAPSES),
        DestructionState.LAPSED: sa.and_(untouched, _D.proposed_at <= now - LAPSES),
    }[state]


def _must_be_free(db: "Workspace", client_id: UUID) -> None:
    legal_hold.must_not_stand(db, client_id)
    release.must_not_live(db, client_id)


def _must_be_open(db: "Workspace", row: Destruction) -> None:
    if row.state(db.now) is not DestructionState.PROPOSED:
        raise Conflict("destruction-not-open")


def _done_before(db: "Workspace", destruction_id: UUID) -> Destruction:
    """Her record is gone: somebody's approval was first. Its certificate, or Conflict for another proposal."""
    row = db.claim(Destruction, destruction_id)
    if row.carried_out_at is None:
        raise Conflict("destruction-not-open")
    return row


def _days(db: "Workspace", client_id: UUID) -> tuple[date, date]:
    """The day the work with her began, and the last day anything was entered or read, at the agency."""
    zone = agency.zone(db)
    with db.blindly():
        began: date = db.one(_BEGAN, client_id=client_id).opened_on
    last: datetime = db.one(_LAST, client_id=client_id).at
    return began, last.astimezone(zone).date()
