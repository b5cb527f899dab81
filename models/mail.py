"""The outbox: that a mail is due, and about which row. Address, words and link are found when it is sent (letters)."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Any, ClassVar
from uuid import UUID, uuid4

import sqlalchemy as sa
from sqlmodel import Field

from models.base import ID, INSTANT, AgencyRecord, choice, columns, id_field, instant_field, table_of
from models.rows import AGENCY, Change, Insert, Query

if TYPE_CHECKING:
    from models.workspace import Workspace

LEASE = timedelta(minutes=10)  # whoever sends a mail has it this long; longer than any mail server is waited for
GIVEN_UP = timedelta(days=3)
FORGOTTEN = GIVEN_UP + timedelta(days=1)
FIRST_PAUSE, LONGEST_PAUSE = timedelta(seconds=30), timedelta(hours=4)


class MailKind(StrEnum):
    """Why a mail is written. The mails themselves differ in their link only."""

    INVITATION = "invitation"
    NOTICE = "notice"
    PASSWORD_RESET = "password_reset"  # noqa: S105 - a kind's name


class Mail(AgencyRecord, table=True):
    """One mail to be sent. Of a notice the id is the person's: however much she is told meanwhile, it is one mail."""

    __tablename__ = "mails"
    machinery: ClassVar[bool] = True
    of_the_day: ClassVar[bool] = True
    directory: ClassVar[bool] = True
    __table_args__ = (sa.Index("ix_mails_due", "due_at"),)

    kind: MailKind = Field(sa_type=choice(MailKind))
    object_id: UUID = id_field()
    created_at: datetime = instant_field()
    due_at: datetime = instant_field()
    tries: int = 0


@dataclass(frozen=True)
class Held:
    """A mail somebody has taken: nobody else sends it before `held_until`. `tries`: how often it was tried before."""

    mail_id: UUID
    kind: MailKind
    object_id: UUID
    created_at: datetime
    held_until: datetime
    tries: int


_M = columns(Mail)
_ADD, _ADD_ONE = Insert(Mail), Insert(Mail, unless_there=True)
_AT: Any = sa.bindparam("at", type_=INSTANT, required=True)
_HELD: Any = sa.and_(
    _M.id == sa.bindparam("mail_id", type_=ID, required=True),
    _M.due_at == sa.bindparam("held_until", type_=INSTANT, required=True),
)
_WHERE = Query(sa.select(_M.agency_id).where(_M.due_at <= _AT).distinct().limit(1_000))
_DUE = Query(
    sa.select(_M.id, _M.kind, _M.object_id, _M.created_at, _M.due_at, _M.tries)
    .where(_M.due_at <= _AT, _M.agency_id == AGENCY)  # the platform sees everybody's, and sends its own
    .order_by(_M.due_at, _M.id)
    .limit(1)
    .with_for_update(skip_locked=True)
)
_HOLD = Change(
    sa.update(table_of(Mail))
    .where(_HELD)
    .values(due_at=sa.bindparam("until", type_=INSTANT, required=True), tries=_M.tries + 1)
)
_LATER = Change(
    sa.update(table_of(Mail)).where(_HELD).values(due_at=sa.bindparam("next_at", type_=INSTANT, required=True))
)
_DONE = Change(sa.delete(table_of(Mail)).where(_HELD))
_FORGET = Change(sa.delete(table_of(Mail)).where(_M.created_at < _AT))


def queue(db: "Workspace", kind: MailKind, object_id: UUID) -> None:
    """A mail, sent after this transaction's commit; nothing where no mail is sent."""
    if db.post.sends:
        mail_id = object_id if kind is MailKind.NOTICE else uuid4()
        row = {"id": mail_id, "kind": kind, "object_id": object_id, "created_at": db.now, "due_at": db.now}
        db.insert(_ADD_ONE if kind is MailKind.NOTICE else _ADD, [row])
        if db.post.wake is not None:
            db.once_kept(db.post.wake)


def queue_notices(db: "Workspace", user_ids: Iterable[UUID]) -> None:
    """Word to each of these people that she was told something."""
    for user_id in user_ids:
        queue(db, MailKind.NOTICE, user_id)


def waiting(db: "Workspace") -> list[UUID]:
    """The agencies with a mail due now, for the platform's eyes."""
    return [row.agency_id for row in db.rows(_WHERE, at=db.now)]


def take(db: "Workspace") -> Held | None:
    """The mail due for longest, held for ten minutes by whoever took it. None when none is due, or when another process
    is taking it at this instant."""
    found = db.rows(_DUE, at=db.now)
    if not found:
        return None
    row, until = found[0], db.now + LEASE
    if not db.change(_HOLD, mail_id=row.id, held_until=row.due_at, until=until):
        return None
    return Held(row.id, row.kind, row.object_id, row.created_at, until, row.tries)


def done(db: "Workspace", held: Held) -> int:
    """It was sent, or never will be. Returns 0 when it was held for too long and somebody else has it now."""
    return db.change(_DONE, mail_id=held.mail_id, held_until=held.held_until)


def put_back(db: "Workspace", held: Held) -> bool:
    """It could not be sent: again after a pause that grows from half a minute to four hours. False when it is three
    days old; then nothing is done."""
    if db.now - held.created_at >= GIVEN_UP:
        return False
    pause = min(FIRST_PAUSE * 4 ** min(held.tries, 8), LONGEST_PAUSE)
    db.change(_LATER, mail_id=held.mail_id, held_until=held.held_until, next_at=db.now + pause)
    return True


def forget_unsent(db: "Workspace") -> int:
    """Drop what nobody tried to send for four days: mail was switched off. Returns how many."""
    return db.change(_FORGET, at=db.now - FORGOTTEN)
