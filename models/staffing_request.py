"""What an advocate asks for: that a client of hers is handed over, or that somebody covers while she is away."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Any, ClassVar
from uuid import UUID, uuid4

import sqlalchemy as sa
from sqlmodel import Field

from models import assignment
from models.access import Permission, Role
from models.base import ID, INSTANT, AgencyRecord, choice, columns, id_field, instant_field, table_of, within
from models.client import must_be_open
from models.cover import must_make_sense
from models.errors import Conflict, Fault, Invalid, NotFound
from models.ledger.action import Action
from models.notice import NoticeKind, tell
from models.overseers import admins_of, holding, supervisors_of
from models.paging import newest_first, page
from models.rows import Change, Insert, Query
from models.user import must_work_here

if TYPE_CHECKING:
    from models.workspace import Workspace

LAPSES = timedelta(days=14)
KEPT = timedelta(days=90)


class StaffingRequestKind(StrEnum):
    """What is asked for."""

    COVER = "cover"
    HANDOVER = "handover"


class StaffingRequestState(StrEnum):
    """Where it stands. Lapsed is read off the clock."""

    OPEN = "open"
    ACCEPTED = "accepted"
    DECLINED = "declined"
    LAPSED = "lapsed"
    WITHDRAWN = "withdrawn"


class StaffingRequest(AgencyRecord, table=True):
    """A question, which changes nothing: a supervisor or an agency admin answers it by doing it, or says no."""

    __tablename__ = "staffing_requests"
    machinery: ClassVar[bool] = True
    names_client: ClassVar[str | None] = "client_id"
    __table_args__ = (
        within("asked_by_id", "users"),
        within("user_id", "users"),
        sa.Index("ix_staffing_requests_asked", "agency_id", "asked_at", "id"),
        sa.Index("ix_staffing_requests_client", "agency_id", "client_id"),
    )

    kind: StaffingRequestKind = Field(sa_type=choice(StaffingRequestKind))
    client_id: UUID | None = id_field(default=None)
    user_id: UUID | None = id_field(default=None)
    """Who is wished for; nobody in particular when null."""
    starts_at: datetime | None = instant_field(default=None)
    ends_at: datetime | None = instant_field(default=None)
    asked_at: datetime = instant_field()
    asked_by_id: UUID = id_field()
    answered_at: datetime | None = instant_field(default=None)
    answered_by_id: UUID | None = id_field(default=None)
    accepted: bool = False

    @classmethod
    def ask_handover(cls, db: "Workspace", client_id: UUID, user_id: UUID | None) -> UUID:
        """Ask for a client of one's own to be handed over. Returns the request's id. NotFound out of sight; Conflict
        for a closed case, one she only covers, and while a request is open."""
        must_be_open(db, client_id)
        if db.actor.id not in {row.user_id for row in assignment.holders(assignment.open_of(db, client_id))}:
            raise Conflict("not-her-case")
        asked = cls._ask(db, StaffingRequestKind.HANDOVER, user_id, client_id=client_id)
        supervisors = supervisors_of(db, client_id, Permission.STAFFING_ANSWER)
        _tell_first(db, asked, supervisors, admins_of(db, client_id))
        return asked

    @classmethod
    def ask_cover(cls, db: "Workspace", user_id: UUID | None, starts_at: datetime, ends_at: datetime) -> UUID:
        """Ask for somebody to look after all of one's clients from one moment to another. Returns the request's id.
        Invalid for times that make no sense; Conflict while a request is open."""
        must_make_sense(db, starts_at, ends_at)
        asked = cls._ask(db, StaffingRequestKind.COVER, user_id, starts_at=starts_at, ends_at=ends_at)
        _tell_first(db, asked, holding(db, Role.SUPERVISOR), holding(db, Role.AGENCY_ADMIN))
        return asked

    @classmethod
    def _ask(cls, db: "Workspace", kind: StaffingRequestKind, user_id: UUID | None, **what: Any) -> UUID:
        if user_id is not None:
            must_work_here(db, user_id, "/user_id")
        if user_id == db.actor.id:
            raise Invalid(Fault("/user_id", "covers-herself", "Somebody else has to look after her clients."))
        db.hold(db.actor.id.bytes)
        for there in db.rows(_OPEN_OF, of_user=db.actor.id, since=db.now - LAPSES):
            if (there.kind, there.client_id) == (kind, what.get("client_id")):
                raise Conflict("staffing-asked")
        ask_id = uuid4()
        row = {"id": ask_id, "kind": kind, "user_id": user_id, "asked_at": db.now, "asked_by_id": db.actor.id}
        db.insert(_ADD, [row | what])
        db.note(Action.STAFFING_ASKED, "staffing_requests", [ask_id], what.get("client_id"))
        return ask_id


_Q = columns(StaffingRequest)
_ADD = Insert(StaffingRequest)
_ASK_ID: Any = sa.bindparam("ask_id", type_=ID, required=True)
_OWN: Any = sa.bindparam("of_user", type_=ID, required=True)
_SINCE: Any = sa.bindparam("since", type_=INSTANT, required=True)
_PLAIN = tuple(c for c in _Q if c.name != "agency_id")
_OPEN = sa.and_(_Q.answered_at.is_(None), _Q.asked_at > _SINCE)
_OPEN_OF = Query(sa.select(_Q.kind, _Q.client_id).where(_Q.asked_by_id == _OWN, _OPEN))
_ONE = Query(sa.select(*_PLAIN).where(_Q.id == _ASK_ID))


def _page(*where: Any) -> Query:
    return Query(newest_first(sa.select(*_PLAIN).where(*where), _Q.asked_at, _Q.id))


_LISTS = {
    (open_only, all_of_them): _page(
        *((_OPEN,) if open_only else ()), *(() if all_of_them else (_Q.asked_by_id == _OWN,))
    )
    for open_only in (True, False)
    for all_of_them in (True, False)
}
_ANSWER = Change(
    sa.update(table_of(StaffingRequest))
    .where(_Q.id == _ASK_ID, _OPEN)
    .values(
        answered_at=sa.bindparam("at", type_=INSTANT, required=True),
        answered_by_id=sa.bindparam("by", type_=ID, required=True),
        accepted=sa.bindparam("yes", type_=sa.Boolean, required=True),
    )
)
_FORGET = Change(sa.delete(table_of(StaffingRequest)).where(_Q.asked_at < _SINCE))


def state_of(row: Any, now: datetime) -> StaffingRequestState:
    """Where a request stands at a moment."""
    if row.answered_at is None:
        return StaffingRequestState.OPEN if now < row.asked_at + LAPSES else StaffingRequestState.LAPSED
    if row.accepted:
        return StaffingRequestState.ACCEPTED
    by_herself = row.answered_by_id == row.asked_by_id
    return StaffingRequestState.WITHDRAWN if by_herself else StaffingRequestState.DECLINED


def read(db: "Workspace", ask_id: UUID) -> Any:
    """A request. NotFound; for an advocate unless it is hers, and about a client she sees."""
    row = db.one(_ONE, ask_id=ask_id)
    if not _answers(db) and row.asked_by_id != db.actor.id:
        raise NotFound
    return row


def requests(db: "Workspace", most: int, before: tuple[datetime, UUID], *, open_only: bool) -> Sequence[Any]:
    """Requests, newest first, at most `most`, those older than `before`; an advocate's own."""
    every = _answers(db)
    asked = page(most, before) | ({"since": db.now - LAPSES} if open_only else {})
    return db.rows(_LISTS[open_only, every], **asked | ({} if every else {"of_user": db.actor.id}))


def drop(db: "Workspace", ask_id: UUID) -> None:
    """Take it back, or decline it. Doing it twice changes nothing; Conflict once it was accepted or has lapsed."""
    row = read(db, ask_id)
    if state_of(row, db.now) in (StaffingRequestState.DECLINED, StaffingRequestState.WITHDRAWN):
        return
    answer(db, row, yes=False)


def answer(db: "Workspace", row: Any, *, yes: bool) -> None:
    """Keep what was answered and tell whoever asked. Conflict unless it is open."""
    if not db.change(_ANSWER, ask_id=row.id, at=db.now, by=db.actor.id, yes=yes, since=db.now - LAPSES):
        raise Conflict("staffing-request-over")
    db.note(Action.STAFFING_ANSWERED, "staffing_requests", [row.id], row.client_id)
    if row.asked_by_id != db.actor.id:
        tell(db, [row.asked_by_id], NoticeKind.STAFFING_ANSWERED, row.id)


def forget_old(db: "Workspace") -> int:
    """A chore: drop requests older than 90 days; the ledger keeps that they were made. Returns how many."""
    return db.change(_FORGET, since=db.now - KEPT)


def _tell_first(db: "Workspace", asked: UUID, *groups: Sequence[UUID]) -> None:
    """Tell the first group in which there is somebody else."""
    others = ([user_id for user_id in group if user_id != db.actor.id] for group in groups)
    tell(db, next(filter(None, others), []), NoticeKind.STAFFING_ASKED, asked)


def _answers(db: "Workspace") -> bool:
    return db.actor.may(Permission.STAFFING_ANSWER)
