"""What the house tells a person of the staff: that something of a kind happened, and to which row; never about whom."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Any, ClassVar
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Field

from models.base import ID, INSTANT, AgencyRecord, choice, columns, id_field, instant_field, table_of, within
from models.mail import queue_notices
from models.paging import newest_first, page
from models.rows import AGENCY, Change, Insert, Query

if TYPE_CHECKING:
    from models.workspace import Workspace

KEPT = timedelta(days=90)


class NoticeKind(StrEnum):
    """What somebody is told. Each has its words in api/notice_words.py."""

    APPROVAL_ASKED = "approval_asked"
    BREAK_GLASS_OPENED = "break_glass_opened"
    BREAK_GLASS_REVIEWED = "break_glass_reviewed"
    BREAK_GLASS_TO_REVIEW = "break_glass_to_review"
    CLIENT_GIVEN = "client_given"
    CONFLICT_CHECK_REFERRED = "conflict_check_referred"
    COVER_BEGAN = "cover_began"
    COVER_ENDED = "cover_ended"
    FACTOR_CONFIRMED = "factor_confirmed"
    FACTOR_REMOVED = "factor_removed"
    FACTOR_RESET = "factor_reset"
    FACTOR_RESET_STARTED = "factor_reset_started"
    IDENTITY_LINKED = "identity_linked"
    INVITATION_ACCEPTED = "invitation_accepted"
    INVITATION_UNSENT = "invitation_unsent"
    PASSWORD_CHANGED = "password_changed"  # noqa: S105 - a kind's name
    PASSWORD_RESET = "password_reset"  # noqa: S105 - a kind's name
    PASSWORD_RESET_STARTED = "password_reset_started"  # noqa: S105 - a kind's name
    RECOVERY_CODES_MADE = "recovery_codes_made"
    RECOVERY_CODE_USED = "recovery_code_used"
    SECOND_FACTOR_WRONG = "second_factor_wrong"
    SECTION_GIVEN = "section_given"
    SESSION_STOLEN = "session_stolen"
    SIGN_IN_GUARDED = "sign_in_guarded"
    SIGN_IN_NEW_DEVICE = "sign_in_new_device"
    STAFFING_ANSWERED = "staffing_answered"
    STAFFING_ASKED = "staffing_asked"


class Notice(AgencyRecord, table=True):
    """One person told one thing. `object_id` is the row it is about, if any, and never a client's id: a notice names
    nobody, and what it leads to is asked for through the walls."""

    __tablename__ = "notices"
    machinery: ClassVar[bool] = True
    __table_args__ = (
        within("user_id", "users"),
        sa.Index("ix_notices_user", "agency_id", "user_id", "created_at", "id"),
    )

    user_id: UUID = id_field()
    kind: NoticeKind = Field(sa_type=choice(NoticeKind))
    object_id: UUID | None = id_field(default=None)
    created_at: datetime = instant_field()
    read_at: datetime | None = instant_field(default=None)


_N = columns(Notice)
_ADD = Insert(Notice)
_MINE: Any = _N.user_id == sa.bindparam("user_id", type_=ID, required=True)
_ONE: Any = _N.id == sa.bindparam("notice_id", type_=ID, required=True)
_AT: Any = sa.bindparam("at", type_=INSTANT, required=True)
_ROW = (_N.id, _N.kind, _N.object_id, _N.created_at, _N.read_at)


def _page(*more: Any) -> Query:
    return Query(newest_first(sa.select(*_ROW).where(_MINE, *more), _N.created_at, _N.id))


_ALL, _UNREAD = _page(), _page(_N.read_at.is_(None))
_FIND = Query(sa.select(*_ROW).where(_MINE, _ONE))
_READ = Change(sa.update(table_of(Notice)).where(_MINE, _ONE, _N.read_at.is_(None)).values(read_at=_AT))
_FORGET = Change(sa.delete(table_of(Notice)).where(_N.created_at < _AT))


def tell(db: "Workspace", user_ids: Iterable[UUID], kind: NoticeKind, object_id: UUID | None = None) -> None:
    """Tell people of this agency, once each, in the transaction that is the reason, and send each a mail that says only
    that there is something. `object_id` is never a client's."""
    told = list(dict.fromkeys(user_ids))
    for user_id in told:
        row = {"user_id": user_id, "kind": kind, "object_id": object_id, "created_at": db.now}
        db.insert(_ADD, [row])
    queue_notices(db, told)


def untold(kind: NoticeKind, object_id: Any) -> Any:
    """The condition that nobody was told this of the row a column names, for chores that tell once."""
    told = table_of(Notice).alias("told").c
    return sa.not_(sa.exists().where(told.agency_id == AGENCY, told.kind == kind, told.object_id == object_id))


def notices_of(
    db: "Workspace", user_id: UUID, most: int, before: tuple[datetime, UUID], *, unread: bool = False
) -> list[Any]:
    """A person's notices (id, kind, object_id, created_at, read_at) before a moment, newest first, at most so many."""
    return db.rows(_UNREAD if unread else _ALL, user_id=user_id, **page(most, before))


def mark_read(db: "Workspace", user_id: UUID, notice_id: UUID) -> Any:
    """The notice, read from now on; the first reading counts. NotFound when it is not hers."""
    db.change(_READ, user_id=user_id, notice_id=notice_id, at=db.now)
    return db.one(_FIND, user_id=user_id, notice_id=notice_id)


def forget_old(db: "Workspace") -> int:
    """Drop notices older than 90 days, read or not. Returns how many."""
    return db.change(_FORGET, at=db.now - KEPT)
