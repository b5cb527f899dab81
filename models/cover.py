"""Cover: while somebody is away, somebody else sees all of her clients, also those added meanwhile, until a moment.

A cover is one row; what it lets be seen are assignments of the kind `cover`, one a client, so that sight stays one
look-up. `settle` makes them what they have to be, and runs wherever that can change: covers, assignments, walls.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING, Any, ClassVar
from uuid import UUID, uuid4

import sqlalchemy as sa
from sqlmodel import SQLModel

from models import assignment
from models.access import Permission, Reach
from models.assignment import AssignmentKind
from models.base import ID, INSTANT, AgencyRecord, columns, id_field, instant_field, table_of, within
from models.errors import Conflict, Fault, Invalid, NotFound
from models.ledger.action import Action
from models.notice import NoticeKind, tell
from models.paging import newest_first, page
from models.rows import Change, Insert, Query
from models.user import actor_for, must_be_here, must_work_here

if TYPE_CHECKING:
    from models.workspace import Workspace

AT_MOST = timedelta(days=60)
Span = tuple[datetime, datetime]


class Cover(AgencyRecord, table=True):
    """That one person looks after another's clients from one moment to another. Restricted clients are never in it:
    who sees those is said one by one."""

    __tablename__ = "covers"
    vouched: ClassVar[tuple[str, ...]] = ("absent_id", "by_id", "starts_at", "ends_at", "ended_at")
    __table_args__ = (
        within("absent_id", "users"),
        within("by_id", "users"),
        sa.Index("ix_covers_absent", "agency_id", "absent_id", "ends_at"),
        sa.Index("ix_covers_by", "agency_id", "by_id"),
    )

    absent_id: UUID = id_field()
    by_id: UUID = id_field()
    starts_at: datetime = instant_field()
    ends_at: datetime = instant_field()
    created_at: datetime = instant_field()
    created_by_id: UUID = id_field()
    ended_at: datetime | None = instant_field(default=None)
    ended_by_id: UUID | None = id_field(default=None)

    @classmethod
    def begin(
        cls,
        db: "Workspace",
        absent_id: UUID,
        by_id: UUID,
        starts_at: datetime,
        ends_at: datetime,
        *,
        asked_for: bool = False,
    ) -> UUID:
        """Have somebody look after all clients of somebody else, 60 days at most. Returns the id. Invalid for people
        who take no clients and for times that make no sense; Conflict when she covers her at that time already, and
        for oneself where it would show clients one does not see, unless whoever is absent asked for it."""
        must_work_here(db, by_id, "/by_id")
        must_be_here(db, absent_id, "/absent_id")
        if by_id == absent_id:
            raise Invalid(Fault("/by_id", "covers-herself", "Somebody else has to look after her clients."))
        must_make_sense(db, starts_at, ends_at)
        if by_id == db.actor.id and not asked_for:
            _must_see_them_anyway(db, absent_id)
        db.hold(absent_id.bytes)
        for other in _of(db, [absent_id]):
            if other.by_id == by_id and other.starts_at < ends_at and starts_at < other.ends_at:
                raise Conflict("cover-there")
        cover_id = uuid4()
        row = {"id": cover_id, "absent_id": absent_id, "by_id": by_id, "starts_at": starts_at, "ends_at": ends_at}
        db.create_many(_ADD, Action.COVER_STARTED, [row | {"created_at": db.now, "created_by_id": db.actor.id}])
        _settle_all(db, absent_id)
        if starts_at <= db.now:
            tell_both(db, NoticeKind.COVER_BEGAN, cover_id, absent_id, by_id)
        return cover_id

    @classmethod
    def end(cls, db: "Workspace", cover_id: UUID) -> None:
        """End a cover before its time; from this request on nothing is seen by it. Doing it twice changes nothing."""
        row = read(db, cover_id)
        db.hold(row.absent_id.bytes)
        if db.change(_END, cover_id=cover_id, at=db.now, by=db.actor.id):
            db.note(Action.COVER_ENDED, "covers", [cover_id])
            _settle_all(db, row.absent_id)
            if row.ends_at > db.now:
                tell_both(db, NoticeKind.COVER_ENDED, cover_id, row.absent_id, row.by_id)


_C = columns(Cover)
_ADD = Insert(Cover)
_COVER_ID = sa.bindparam("cover_id", type_=ID, required=True)
_PLAIN = tuple(c for c in _C if c.name != "agency_id")
_END = Change(
    sa.update(table_of(Cover))
    .where(_C.id == _COVER_ID, _C.ended_at.is_(None))
    .values(ended_at=sa.bindparam("at", type_=INSTANT, required=True), ended_by_id=sa.bindparam("by", type_=ID))
)
_ONE = Query(sa.select(*_PLAIN).where(_C.id == _COVER_ID))
_LIVE = Query(
    sa.select(*_PLAIN).where(
        _C.absent_id.in_(sa.bindparam("absent", expanding=True, type_=ID)),
        _C.ended_at.is_(None),
        _C.ends_at > sa.bindparam("at", type_=INSTANT, required=True),
    )
)
_LIST = newest_first(sa.select(*_PLAIN), _C.starts_at, _C.id)
_OWN = sa.bindparam("own", type_=ID, required=True)
_ALL, _MINE = Query(_LIST), Query(_LIST.where(sa.or_(_C.absent_id == _OWN, _C.by_id == _OWN)))


def read(db: "Workspace", cover_id: UUID) -> Any:
    """A cover's row. NotFound; for an advocate unless she covers or is covered."""
    row = db.one(_ONE, cover_id=cover_id)
    if not _sees_all(db) and db.actor.id not in (row.absent_id, row.by_id):
        raise NotFound
    return row


def covers(db: "Workspace", most: int, before: tuple[datetime, UUID]) -> list[Any]:
    """Covers, the latest to begin first, at most `most`, those behind `before`; of an advocate those she has to do
    with."""
    asked = page(most, before)
    return db.rows(_ALL, **asked) if _sees_all(db) else db.rows(_MINE, own=db.actor.id, **asked)


def must_make_sense(db: "Workspace", starts_at: datetime, ends_at: datetime) -> None:
    """Invalid for times that a cover cannot have."""
    if not db.now - timedelta(days=1) <= starts_at < ends_at or ends_at <= db.now or ends_at - starts_at > AT_MOST:
        raise Invalid(Fault("/ends_at", "cover-times", "A cover begins today or later and lasts 60 days at most."))


def _must_see_them_anyway(db: "Workspace", absent_id: UUID) -> None:
    """Conflict unless what somebody is given, now and later, is in the caller's sight: the whole agency's clients, or
    those of the team both are in."""
    of_one_team = db.reach is Reach.TEAM and actor_for(db, absent_id).team_id == db.actor.team_id
    if not of_one_team and db.reach not in (Reach.AGENCY, Reach.EVERYTHING):
        raise Conflict("own-assignment")


def tell_both(db: "Workspace", kind: NoticeKind, cover_id: UUID, absent_id: UUID, by_id: UUID) -> None:
    """Tell who is covered and who covers, unless it is her own doing."""
    tell(db, [user_id for user_id in (absent_id, by_id) if user_id != db.actor.id], kind, cover_id)


def _sees_all(db: "Workspace") -> bool:
    return db.reach is Reach.EVERYTHING or db.actor.may(Permission.COVER_CREATE)


@cache
def _facts() -> Query:
    c = SQLModel.metadata.tables["clients"].c
    hers = c.id == sa.bindparam("client_id", type_=ID)
    return Query(sa.select(c.id, c.status, c.restricted, c.attention_at).where(hers).with_for_update(key_share=True))


def facts_of(db: "Workspace", client_id: UUID) -> Any:
    """What giving somebody a client asks of her, whoever asks, her row locked: id, status, restricted, attention_at."""
    with db.blindly():
        return db.one(_facts(), client_id=client_id)


def settle(db: "Workspace", client_id: UUID, without: UUID | None = None) -> None:
    """Make the covers of one client what they have to be now; her row is locked. `without`: somebody a wall is just
    being set up for."""
    rows = assignment.open_of(db, client_id)
    hers = {row.user_id for row in assignment.holders(rows)}
    given = [row for row in rows if row.kind is AssignmentKind.COVER]
    live = _of(db, hers) if hers else []
    if not live and not given:
        return
    client = facts_of(db, client_id)
    shut = assignment.kept_from(db, client_id) | hers | {without}
    by_hand = [row for row in given if row.cover_id is None]
    wanted = _spans([row for row in live if row.by_id not in shut], by_hand)
    there = {(row.cover_id, row.starts_at, row.ends_at): row for row in given}
    for key, row in there.items():
        if (row.cover_id is not None and key not in wanted) or row.user_id in shut:
            over = row.ends_at is not None and row.ends_at <= db.now
            assignment.end(db, row, row.ends_at if over else None)
    if client.restricted:
        return
    for cover_id, starts_at, ends_at in wanted.keys() - there.keys():
        by_id = wanted[cover_id, starts_at, ends_at]
        assignment.Assignment.begin_cover(db, client, by_id, starts_at, ends_at, cover_id)


def _spans(live: Iterable[Any], by_hand: Iterable[Any]) -> dict[tuple[UUID | None, datetime, datetime], UUID]:
    """From when until when each cover lets a client be seen: never twice at once by one person, so that no list shows
    her twice. (cover, start, end) -> who covers."""
    taken: dict[UUID, list[Span]] = {}
    for row in by_hand:
        taken.setdefault(row.user_id, []).append((row.starts_at or row.started_at, row.ends_at))
    wanted = {}
    for row in sorted(live, key=lambda row: (row.starts_at, row.id)):
        spans = taken.setdefault(row.by_id, [])
        for start, end in _minus((row.starts_at, row.ends_at), spans):
            spans.append((start, end))
            wanted[row.id, start, end] = row.by_id
    return wanted


def _minus(span: Span, taken: Iterable[Span]) -> list[Span]:
    """What is left of a span when others are taken out of it."""
    left = [span]
    for begins, ends in taken:
        left = [
            part
            for start, end in left
            for part in ((start, min(end, begins)), (max(start, ends), end))
            if part[0] < part[1]
        ]
    return left


def _settle_all(db: "Workspace", absent_id: UUID) -> None:
    """Settle every client of somebody's: those the caller may name in her own entry, the others beyond it, so that her
    entry tells her nothing of a client she is kept from."""
    everybody, named = assignment.all_cases_of(db, absent_id), set(assignment.cases_of(db, absent_id))
    others = [client_id for client_id in everybody if client_id not in named]
    _settle_each(db, [client_id for client_id in everybody if client_id in named])
    if others:
        db.beyond(lambda machinery: _settle_each(machinery, others))


def _settle_each(db: "Workspace", client_ids: Iterable[UUID]) -> None:
    for client_id in client_ids:
        facts_of(db, client_id)  # which locks her
        settle(db, client_id)


def _of(db: "Workspace", absent: Iterable[UUID]) -> list[Any]:
    """The covers for these people that are not over."""
    return db.rows(_LIVE, absent=list(absent), at=db.now)
