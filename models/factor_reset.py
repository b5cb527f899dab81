"""A lost second factor: one admin starts its reset, a second one confirms it, and the person is told of both."""

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

import sqlalchemy as sa

from models import factor
from models.access import Permission, Role
from models.base import ID, INSTANT, AgencyRecord, columns, id_field, instant_field, within
from models.errors import Conflict
from models.ledger.action import Action
from models.notice import NoticeKind, tell
from models.overseers import holding
from models.paging import newest_first, page
from models.rows import Query
from models.session import end_sessions
from models.user import User, still_may

if TYPE_CHECKING:
    from models.workspace import Workspace

LIFE = timedelta(hours=24)


class FactorReset(AgencyRecord, table=True):
    """Somebody cannot use her second factor any more. Open until it is approved, withdrawn or a day old."""

    __tablename__ = "factor_resets"
    __table_args__ = (
        within("user_id", "users"),
        sa.Index("ix_factor_resets_started", "agency_id", "started_at", "id"),
    )

    user_id: UUID = id_field()
    started_at: datetime = instant_field()
    started_by_id: UUID = id_field()
    expires_at: datetime = instant_field()
    approved_at: datetime | None = instant_field(default=None)
    approved_by_id: UUID | None = id_field(default=None)
    withdrawn_at: datetime | None = instant_field(default=None)
    withdrawn_by_id: UUID | None = id_field(default=None)

    @classmethod
    def start(cls, db: "Workspace", user_id: UUID) -> "FactorReset":
        """Ask for it. Conflict for one's own, for somebody without a factor, and while another is open. She is told,
        and has a day to object."""
        db.claim(User, user_id)
        if user_id == db.actor.id:
            raise Conflict("own-factor-reset")
        if not factor.is_enrolled(db, user_id):
            raise Conflict("no-second-factor")
        if db.rows(_OPEN, user_id=user_id, at=db.now):
            raise Conflict("factor-reset-open")
        made = db.create(
            cls,
            Action.FACTOR_RESET_STARTED,
            user_id=user_id,
            started_at=db.now,
            started_by_id=db.actor.id,
            expires_at=db.now + LIFE,
        )
        tell(db, [user_id], NoticeKind.FACTOR_RESET_STARTED, made.id)
        admins = holding(db, Role.AGENCY_ADMIN)
        tell(db, [one for one in admins if one not in (db.actor.id, user_id)], NoticeKind.APPROVAL_ASKED, made.id)
        return made

    @classmethod
    def claim_of(cls, db: "Workspace", reset_id: UUID) -> "FactorReset":
        """The reset, locked for change; first the person, as whoever changes her factor does."""
        db.claim(User, db.find(cls, reset_id).user_id)
        return db.claim(cls, reset_id)

    def approve(self, db: "Workspace") -> None:
        """Take the factor and its recovery codes away and sign her out everywhere. Neither she nor whoever started it
        can; Conflict when whoever started it could not now. Doing it twice changes nothing."""
        if self.approved_at is not None:
            return
        if db.actor.id in (self.user_id, self.started_by_id):
            raise Conflict("own-factor-reset")
        self._must_be_open(db)
        if not still_may(db, self.started_by_id, Permission.FACTOR_RESET):
            raise Conflict("factor-reset-closed")
        self.approved_at, self.approved_by_id = db.now, db.actor.id
        db.record(Action.FACTOR_RESET_APPROVED, self)
        factor.remove(db, self.user_id, Action.FACTOR_RESET)
        end_sessions(db, self.user_id)
        tell(db, [self.user_id], NoticeKind.FACTOR_RESET, self.id)

    def withdraw(self, db: "Workspace") -> None:
        """It was a mistake, or not she who asked. Doing it twice changes nothing."""
        if self.withdrawn_at is None:
            self._must_be_open(db)
            self.withdrawn_at, self.withdrawn_by_id = db.now, db.actor.id
            db.record(Action.FACTOR_RESET_WITHDRAWN, self)

    def _must_be_open(self, db: "Workspace") -> None:
        if self.approved_at or self.withdrawn_at or db.now >= self.expires_at:
            raise Conflict("factor-reset-closed")


_R = columns(FactorReset)
_USER: Any = sa.bindparam("user_id", type_=ID, required=True)
_OPEN = Query(
    sa.select(_R.id).where(
        _R.user_id == _USER,
        _R.approved_at.is_(None),
        _R.withdrawn_at.is_(None),
        _R.expires_at > sa.bindparam("at", type_=INSTANT, required=True),
    )
)


def close_open(db: "Workspace", user_id: UUID) -> None:
    """Her factor changed in another way: what was asked for before that must not take the new one away."""
    for row in db.rows(_OPEN, user_id=user_id, at=db.now):
        db.claim(FactorReset, row.id).withdraw(db)


def reset_from_the_machine(db: "Workspace", user_id: UUID) -> bool:
    """Take a factor away at once, by whoever runs the installation: for an agency with one admin. Returns whether there
    was one."""
    gone = factor.remove(db, user_id, Action.FACTOR_RESET)
    close_open(db, user_id)
    end_sessions(db, user_id)
    if gone:
        tell(db, [user_id], NoticeKind.FACTOR_RESET)
    return gone


def resets(db: "Workspace", most: int, before: tuple[datetime, UUID], *, closed_too: bool) -> list[FactorReset]:
    """Resets, newest first, at most `most`, those older than `before`; open ones, or all."""
    found = newest_first(sa.select(FactorReset), _R.started_at, _R.id)
    if not closed_too:
        found = found.where(_R.approved_at.is_(None), _R.withdrawn_at.is_(None), _R.expires_at > db.now)
    return db.all(found.params(**page(most, before)))
