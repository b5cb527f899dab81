"""Break-glass: reading one colleague's client in a crisis, for an hour, in everybody's sight, and reviewed afterwards.

It is a row. While it counts, sight is one client wider for whoever opened it (models/sight.py), for the permissions in
access.THROUGH_GLASS alone: nothing is written through it. A wall and a restriction stand before it.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Any, ClassVar
from uuid import UUID, uuid4

import sqlalchemy as sa
from sqlmodel import Field

from models import rows
from models.access import REVIEWED_WITHIN, Permission
from models.base import (
    ID,
    INSTANT,
    AgencyRecord,
    ClientRecord,
    choice,
    columns,
    id_field,
    instant_field,
    sealed_column,
    table_of,
    within,
)
from models.client import Client, lock_by_id
from models.errors import Conflict, Forbidden, NotFound, Spent
from models.ledger.action import Action
from models.namesakes import Namesakes
from models.notice import NoticeKind, tell, untold
from models.overseers import admins_of, supervisors_of, workers_of
from models.paging import newest_first, page
from models.rows import ACTOR, Change, Insert, Query, Sight
from models.user import User
from models.vault.sealed import Sealed

if TYPE_CHECKING:
    from models.workspace import Workspace

OPEN_FOR = timedelta(minutes=60)
A_DAY = 3  # attempts of one person, found or not
DAY = timedelta(days=1)
REMINDED_AFTER = REVIEWED_WITHIN - DAY  # whoever reviews is told once more, a day before it is too late


class BreakGlassReason(StrEnum):
    """Why somebody needs a client who is not hers, now."""

    CLIENT_IN_DANGER = "client_in_danger"
    CLIENT_CALLED = "client_called"
    COLLEAGUE_AWAY = "colleague_away"
    COURT_TODAY = "court_today"
    OTHER = "other"


class BreakGlassOutcome(StrEnum):
    """What the second person found."""

    JUSTIFIED = "justified"
    NOT_JUSTIFIED = "not_justified"


class BreakGlassOpening(ClientRecord, table=True):
    """That one person reads one client until a moment. Whether it counts is read off the clock when it is used."""

    __tablename__ = "break_glass_openings"
    narratives: ClassVar[tuple[str, ...]] = ("explanation",)
    vouched: ClassVar[tuple[str, ...]] = ("client_id", "user_id", "ends_at", "given_back_at", "reviewed_at")
    __table_args__ = (
        within("client_id", "clients"),
        within("user_id", "users"),
        sa.CheckConstraint("seal_rev > 0", name="sealed"),
        sa.Index("ix_break_glass_openings_user", "agency_id", "user_id", "client_id", "ends_at"),
        sa.Index("ix_break_glass_openings_client", "agency_id", "client_id"),
        sa.Index("ix_break_glass_openings_opened", "agency_id", "opened_at", "id"),
    )

    user_id: UUID = id_field()
    reason: BreakGlassReason = Field(sa_type=choice(BreakGlassReason))
    explanation_sealed: bytes | None = sealed_column()
    explanation = Sealed[str]()
    opened_at: datetime = instant_field()
    ends_at: datetime = instant_field()
    given_back_at: datetime | None = instant_field(default=None)
    given_back_by_id: UUID | None = id_field(default=None)
    reviewed_at: datetime | None = instant_field(default=None)
    reviewed_by_id: UUID | None = id_field(default=None)
    outcome: BreakGlassOutcome | None = Field(default=None, sa_type=choice(BreakGlassOutcome))
    seal_rev: int = 0

    @classmethod
    def open(
        cls, db: "Workspace", attempt_id: UUID, client_id: UUID, reason: BreakGlassReason, explanation: str
    ) -> UUID:
        """Read a client of the agency's for an hour. Returns its id; one that is open already stays the one, and the
        attempt does not count. NotFound for a client who is not here, walled from the caller or restricted; Conflict
        for one she sees anyway, and where nobody is left to be told."""
        lock_by_id(db, client_id)
        for row in rows.open_glass().run(db, {}):
            if row.client_id == client_id:
                db.change(_REFUND, attempt_id=attempt_id)
                there: UUID = row.id
                return there
        if rows.client_in_sight().run(db, {"client_id": client_id}):
            raise Conflict("client-in-sight")
        if not db.rows(_BREAKABLE, ids=[client_id]):
            raise NotFound
        told = _to_tell(db, client_id)
        if not told:
            raise Conflict("nobody-to-tell")
        glass_id = uuid4()
        row = {"id": glass_id, "client_id": client_id, "user_id": db.actor.id, "reason": reason}
        more = {"explanation": explanation, "opened_at": db.now, "ends_at": db.now + OPEN_FOR}
        db.create_many(_ADD, None, [row | more])
        db.note(Action.BREAK_GLASS_OPENED, "break_glass_openings", [glass_id], client_id, reason=reason.value)
        _settle(db, db.actor.id)
        tell(db, told, NoticeKind.BREAK_GLASS_OPENED, glass_id)
        return glass_id

    @classmethod
    def open_named(
        cls, db: "Workspace", attempt_id: UUID, look: Namesakes, reason: BreakGlassReason, explanation: str
    ) -> UUID:
        """The same for the one client of a full name whom the caller could open. NotFound when there is none, or more
        than one: whoever is let in by a name alone must not be shown the wrong person."""
        found = [row.id for row in db.rows(_BREAKABLE, ids=list(look.found))] if look.found else []
        mine = {client_id for client_id in found if rows.client_in_sight().run(db, {"client_id": client_id})}
        others = [client_id for client_id in found if client_id not in mine]
        if not others and mine:
            raise Conflict("client-in-sight")
        if len(others) != 1:
            raise NotFound
        return cls.open(db, attempt_id, others[0], reason, explanation)

    @classmethod
    def give_back(cls, db: "Workspace", glass_id: UUID) -> None:
        """End it before its hour is over: whoever opened it, or whoever may review it. Doing it twice, or later,
        changes nothing. NotFound for what the caller must not know of, Forbidden for anybody else."""
        row = find(db, glass_id)
        if row.user_id != db.actor.id and not db.actor.may(Permission.BREAKGLASS_REVIEW):
            raise Forbidden("others-break-glass")
        if row.given_back_at is None and row.ends_at > db.now:
            db.change(_GIVE_BACK, glass_id=glass_id, at=db.now, by=db.actor.id)
            db.note(Action.BREAK_GLASS_RETURNED, "break_glass_openings", [glass_id], row.client_id)
            _settle(db, row.user_id)

    @classmethod
    def review(cls, db: "Workspace", glass_id: UUID, outcome: BreakGlassOutcome, note: str) -> None:
        """A second person looks at what was done and says so, once. Conflict for whoever opened it, under whatever
        role; while it is open, because more may be read; and when it was reviewed."""
        lock_by_id(db, find(db, glass_id).client_id)
        row = find(db, glass_id)
        if row.user_id == db.actor.id:
            raise Conflict("own-break-glass")
        if row.reviewed_at is not None:
            raise Conflict("break-glass-reviewed")
        if is_open(row, db.now):
            raise Conflict("break-glass-open")
        told = {"id": glass_id, "client_id": row.client_id, "reviewed_by_id": db.actor.id, "note": note}
        db.create_many(_ADD_REVIEW, None, [told])
        db.change(_REVIEWED, glass_id=glass_id, at=db.now, by=db.actor.id, outcome=outcome)
        db.note(Action.BREAK_GLASS_REVIEWED, "break_glass_openings", [glass_id], row.client_id, outcome=outcome.value)
        _settle(db, row.user_id)
        tell(db, [row.user_id], NoticeKind.BREAK_GLASS_REVIEWED, glass_id)


class BreakGlassReview(ClientRecord, table=True):
    """What the second person wrote. It has the id of what it is about: there is one review each."""

    __tablename__ = "break_glass_reviews"
    narratives: ClassVar[tuple[str, ...]] = ("note",)
    __table_args__ = (within("id", "break_glass_openings"), sa.CheckConstraint("seal_rev > 0", name="sealed"))

    reviewed_by_id: UUID = id_field()
    note_sealed: bytes | None = sealed_column()
    note = Sealed[str]()
    seal_rev: int = 0


class BreakGlassAttempt(AgencyRecord, table=True):
    """That somebody tried. It is kept before anything is looked for, so that what is not found counts too."""

    __tablename__ = "break_glass_attempts"
    machinery: ClassVar[bool] = True
    of_the_day: ClassVar[bool] = True
    __table_args__ = (sa.Index("ix_break_glass_attempts_user", "agency_id", "user_id", "at"),)

    user_id: UUID = id_field()
    at: datetime = instant_field()


_G, _R, _T, _C = columns(BreakGlassOpening), columns(BreakGlassReview), columns(BreakGlassAttempt), columns(Client)
_ADD, _ADD_REVIEW, _ADD_ATTEMPT = Insert(BreakGlassOpening), Insert(BreakGlassReview), Insert(BreakGlassAttempt)
_GLASS_ID: Any = sa.bindparam("glass_id", type_=ID, required=True)
_AT: Any = sa.bindparam("at", type_=INSTANT, required=True)
_BY: Any = sa.bindparam("by", type_=ID, required=True)
_HERS: Any = sa.bindparam("of_user", type_=ID, required=True)

_LATELY = Query(sa.select(_T.at).where(_T.user_id == _HERS, _T.at > _AT).order_by(_T.at))
_REFUND = Change(sa.delete(table_of(BreakGlassAttempt)).where(_T.id == sa.bindparam("attempt_id", type_=ID)))
_FORGET = Change(sa.delete(table_of(BreakGlassAttempt)).where(_T.at < _AT))
_BREAKABLE = Query(
    sa.select(_C.id).where(_C.id.in_(sa.bindparam("ids", expanding=True, type_=ID)), sa.not_(_C.restricted)),
    Sight.NAMED,
)
_GIVE_BACK = Change(
    sa.update(table_of(BreakGlassOpening))
    .where(_G.id == _GLASS_ID, _G.given_back_at.is_(None))
    .values(given_back_at=_AT, given_back_by_id=_BY)
)
_REVIEWED = Change(
    sa.update(table_of(BreakGlassOpening))
    .where(_G.id == _GLASS_ID, _G.reviewed_at.is_(None))
    .values(reviewed_at=_AT, reviewed_by_id=_BY, outcome=sa.bindparam("outcome", type_=_G.outcome.type, required=True))
)
_STANDING = Query(
    sa.select(_G.opened_at, _G.ends_at, _G.given_back_at, _G.reviewed_at).where(
        _G.user_id == _HERS, sa.or_(_G.reviewed_at.is_(None), _G.ends_at > _AT)
    )
)
_ENDS = sa.select(_G.id, _G.client_id, _G.user_id, _G.ends_at, _G.given_back_at)
_CLIENTS: Any = _G.client_id == sa.bindparam("client_id", type_=ID, required=True)
_OF_CLIENT, _OF_USER = Query(_ENDS.where(_CLIENTS)), Query(_ENDS.where(_G.user_id == _HERS))
_OF_BOTH = Query(_ENDS.where(_G.user_id == _HERS, _CLIENTS))
_KNOWN = Change(
    sa.update(table_of(User))
    .where(columns(User).id == _HERS)
    .values(
        glass_ends_at=sa.bindparam("until", type_=INSTANT, required=True),
        glass_due_at=sa.bindparam("due", type_=INSTANT, required=True),
    )
)

_WAITING = Query(
    sa.select(_G.id, _G.client_id, _G.user_id).where(_G.reviewed_at.is_(None), _G.opened_at <= _AT),
    where=untold(NoticeKind.BREAK_GLASS_TO_REVIEW, _G.id),
)

_PLAIN = tuple(c for c in _G if c.name not in ("agency_id", "explanation_sealed", "seal_rev"))
_ONE = sa.select(*_PLAIN, _G.explanation_sealed).where(_G.id == _GLASS_ID)
_BARE = sa.select(*_PLAIN).where(_G.id == _GLASS_ID)
_SAID = sa.select(_R.id, _R.note_sealed).where(_R.id == _GLASS_ID)


def _page(*where: Any) -> Any:
    return newest_first(sa.select(*_PLAIN).where(*where), _G.opened_at, _G.id)


def _by_eyes(make: Any) -> dict[str, Query]:
    """A statement for people who see clients, held to their sight; for those who know one by id alone; and for what
    somebody opened herself, which she finds again when she no longer sees the client."""
    return {
        "seen": Query(make()),
        "named": Query(make(), Sight.NAMED),
        "own": Query(make(_G.user_id == ACTOR), Sight.NAMED),
    }


_FIND = _by_eyes(_BARE.where)
_READ = _by_eyes(_ONE.where)
_NOTE = {"seen": Query(_SAID), "named": Query(_SAID, Sight.NAMED), "own": Query(_SAID, Sight.NAMED)}
_ALL = _by_eyes(_page)
_TO_REVIEW = _by_eyes(lambda *where: _page(_G.reviewed_at.is_(None), *where))


def attempt(db: "Workspace") -> UUID:
    """Count one more attempt of the caller's in 24 hours, in a unit of its own. Spent at the fourth."""
    db.hold(db.actor.id.bytes)
    lately = db.rows(_LATELY, of_user=db.actor.id, at=db.now - DAY)
    if len(lately) >= A_DAY:
        raise Spent("break-glass-spent", lately[-A_DAY].at + DAY - db.now)
    attempt_id = uuid4()
    db.insert(_ADD_ATTEMPT, [{"id": attempt_id, "user_id": db.actor.id, "at": db.now}])
    db.note(Action.BREAK_GLASS_TRIED, "users", [db.actor.id])
    return attempt_id


def is_open(row: Any, now: datetime) -> bool:
    """Whether it lets anything be read at this moment."""
    return row.given_back_at is None and now < row.ends_at


def find(db: "Workspace", glass_id: UUID) -> Any:
    """Its row without its words, whoever opened it or whose client it was. NotFound."""
    return _first(db, _FIND, glass_id)[1]


def read(db: "Workspace", glass_id: UUID) -> tuple[Any, str | None]:
    """Its row with the explanation, and what the second person wrote; the reading is an entry. NotFound."""
    eyes, row = _first(db, _READ, glass_id)
    said = db.rows(_NOTE[eyes], glass_id=glass_id)
    db.note(Action.BREAK_GLASS_READ, "break_glass_openings", [glass_id], row.client_id)
    return row, said[0].note if said else None


def glasses(db: "Workspace", most: int, before: tuple[datetime, UUID], *, to_review: bool, mine: bool) -> Sequence[Any]:
    """Those the caller may know of, newest first, at most `most`, those older than `before`, without their words: only
    those nobody reviewed, and only her own, if so wanted."""
    eyes = "own" if mine else _eyes(db)
    return db.rows((_TO_REVIEW if to_review else _ALL)[eyes], **page(most, before))


def shut(db: "Workspace", client_id: UUID, user_id: UUID) -> None:
    """A wall was set up: what is open of hers on the client ends, so that it is not open again when the wall is lifted
    within the hour. The client is locked."""
    _shut(db, _OF_BOTH, of_user=user_id, client_id=client_id)


def shut_of_client(db: "Workspace", client_id: UUID) -> None:
    """She was restricted: the same for everybody. The client is locked."""
    _shut(db, _OF_CLIENT, client_id=client_id)


def shut_of_user(db: "Workspace", user_id: UUID) -> None:
    """Somebody was suspended: the same for every client of hers."""
    _shut(db, _OF_USER, of_user=user_id)


def _shut(db: "Workspace", which: Query, **whose: UUID) -> None:
    with db.blindly():
        there = [row for row in db.rows(which, **whose) if is_open(row, db.now)]
    for row in there:
        db.change(_GIVE_BACK, glass_id=row.id, at=db.now, by=db.actor.id)
        db.note(Action.BREAK_GLASS_RETURNED, "break_glass_openings", [row.id], row.client_id)
    for user_id in {row.user_id for row in there}:
        _settle(db, user_id)


def remind(db: "Workspace") -> int:
    """A chore: a day before it is too late, tell everybody who could review it of a break-glass nobody has reviewed,
    once. Returns how many break-glasses that was for."""
    reminded = 0
    for row in db.rows(_WAITING, at=db.now - REMINDED_AFTER):
        there = [*supervisors_of(db, row.client_id, Permission.BREAKGLASS_REVIEW), *admins_of(db, row.client_id)]
        told = [user_id for user_id in there if user_id != row.user_id]
        tell(db, told, NoticeKind.BREAK_GLASS_TO_REVIEW, row.id)
        reminded += bool(told)
    return reminded


def forget_attempts(db: "Workspace") -> int:
    """A chore: drop attempts that no longer count; the ledger keeps them. Returns how many."""
    return db.change(_FORGET, at=db.now - DAY)


def _first(db: "Workspace", queries: dict[str, Query], glass_id: UUID) -> tuple[str, Any]:
    for eyes in (_eyes(db), "own"):
        if found := db.rows(queries[eyes], glass_id=glass_id):
            return eyes, found[0]
    raise NotFound


def _eyes(db: "Workspace") -> str:
    if db.actor.unreviewed:
        return "own"
    return "named" if db.actor.names_by_id(Permission.BREAKGLASS_READ) else "seen"


def _to_tell(db: "Workspace", client_id: UUID) -> list[UUID]:
    """Whoever works with her and the supervisors who see her, else the admins; never the caller."""
    people = workers_of(db, client_id) + supervisors_of(db, client_id, Permission.BREAKGLASS_REVIEW)
    others = [user_id for user_id in people if user_id != db.actor.id]
    return others or [user_id for user_id in admins_of(db, client_id) if user_id != db.actor.id]


def _settle(db: "Workspace", user_id: UUID) -> None:
    """Tell her own row until when one may be open and from when on one may wait too long: the statement that finds who
    is asking reads it anyway."""
    with db.blindly():
        standing = db.rows(_STANDING, of_user=user_id, at=db.now)
    until = max((row.ends_at for row in standing if is_open(row, db.now)), default=None)
    due = min((row.opened_at for row in standing if row.reviewed_at is None), default=None)
    db.change(_KNOWN, of_user=user_id, until=until, due=due and due + REVIEWED_WITHIN)
