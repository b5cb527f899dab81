"""Password resets: a link to a person's own mailbox, good once and for half an hour. Nobody sets another's password."""

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, ClassVar
from uuid import UUID, uuid4

import sqlalchemy as sa
from sqlmodel import Field

from models import links
from models.access import PLATFORM
from models.agency import policy
from models.base import BYTES, ID, INSTANT, AgencyRecord, columns, id_field, instant_field, table_of
from models.errors import Conflict, Unauthenticated
from models.ledger.action import Action
from models.mail import MailKind, queue
from models.notice import NoticeKind, tell
from models.rows import Change, Insert, Query
from models.session import end_sessions
from models.user import User, UserStatus, find_credentials, who_signs_in

if TYPE_CHECKING:
    from models.workspace import Workspace

LIFE = timedelta(minutes=30)
KEPT = timedelta(days=1)  # after its end: as long as a request for it may be repeated
PAUSE = timedelta(minutes=5)  # between two mails to one person, whoever asks for them


class PasswordReset(AgencyRecord, table=True):
    """One link. For an address nobody has it is a row of the platform's, about nobody: the same work is done."""

    __tablename__ = "password_resets"
    machinery: ClassVar[bool] = True
    of_the_day: ClassVar[bool] = True
    __table_args__ = (sa.Index("ix_password_resets_user", "agency_id", "user_id", "requested_at"),)

    user_id: UUID = id_field()
    secret_hash: bytes = Field(sa_type=BYTES, repr=False)
    requested_at: datetime = instant_field()
    expires_at: datetime = instant_field()
    used_at: datetime | None = instant_field(default=None)


_R = columns(PasswordReset)
_ADD = Insert(PasswordReset)
_AT: Any = sa.bindparam("at", type_=INSTANT, required=True)
_ID: Any = sa.bindparam("reset_id", type_=ID, required=True)
_WHOSE: Any = _R.user_id == sa.bindparam("user_id", type_=ID, required=True)
_LIVE: Any = sa.and_(_R.id == _ID, _R.used_at.is_(None), _R.expires_at > _AT)
_USABLE: Any = sa.and_(_LIVE, _R.secret_hash == sa.bindparam("secret_hash", required=True))
_RECENT = Query(
    sa.select(_R.id)
    .where(_WHOSE, _R.used_at.is_(None), _R.requested_at > sa.bindparam("since", type_=INSTANT, required=True))
    .limit(1)
)
_LOOK, _WHO = Query(sa.select(_R.user_id).where(_USABLE)), Query(sa.select(_R.user_id).where(_LIVE))
_USE = Change(sa.update(table_of(PasswordReset)).where(_USABLE).values(used_at=_AT))
_VOID = Change(sa.update(table_of(PasswordReset)).where(_WHOSE, _R.used_at.is_(None)).values(used_at=_AT))
_FORGET = Change(sa.delete(table_of(PasswordReset)).where(_R.expires_at < _AT))


def whose(db: "Workspace", email: str) -> tuple[UUID, UUID]:
    """(agency, person) behind an address, for the platform's eyes. An address nobody has is of somebody who does not
    exist, at the platform: what follows takes the same steps."""
    tag = db.vault.service.email_tag(email)
    return who_signs_in(db, email) or (PLATFORM, UUID(bytes=tag[:16]))


def request(db: "Workspace", user_id: UUID) -> None:
    """Somebody typed a person's address. A link goes to her mailbox, unless one went there minutes ago; whether there
    is such a person, and whether she may sign in, is looked at when the mail is written."""
    known = [] if db.agency_id == PLATFORM else [user_id]
    db.note(Action.PASSWORD_RESET_REQUESTED, "users", known)
    db.change(_FORGET, at=db.now - KEPT)
    if not db.rows(_RECENT, user_id=user_id, since=db.now - PAUSE):
        queue(db, MailKind.PASSWORD_RESET, _add(db, user_id))


def start(db: "Workspace", user_id: UUID) -> tuple[UUID, str | None]:
    """An admin starts one for somebody of her agency, who is told. Returns its id, and the link where no mail is sent.
    NotFound, Conflict('own-password') for herself, Conflict('user-suspended')."""
    user = db.find(User, user_id)
    if user_id == db.actor.id:
        raise Conflict("own-password")
    if user.status is not UserStatus.ACTIVE:
        raise Conflict("user-suspended")
    db.note(Action.PASSWORD_RESET_STARTED, "users", [user_id])
    void_of(db, user_id)
    reset_id = _add(db, user_id)
    tell(db, [user_id], NoticeKind.PASSWORD_RESET_STARTED)
    if db.post.sends:
        queue(db, MailKind.PASSWORD_RESET, reset_id)
        return reset_id, None
    return reset_id, db.post.link("reset", links.token(db, links.RESET, reset_id))


def _add(db: "Workspace", user_id: UUID) -> UUID:
    reset_id = uuid4()
    row = {"id": reset_id, "user_id": user_id, "secret_hash": links.hashed(db, links.RESET, reset_id)}
    db.insert(_ADD, [row | {"requested_at": db.now, "expires_at": db.now + LIFE}])
    return reset_id


def must_be_usable(db: "Workspace", reset_id: UUID, secret_hash: bytes) -> tuple[UUID, list[str]]:
    """Look before any costly work is done. Returns whose it is, and what her password must not be made of (her address,
    her name, the agency's): compared with, and shown to nobody. Unauthenticated('link-invalid')."""
    found = db.rows(_LOOK, reset_id=reset_id, secret_hash=secret_hash, at=db.now)
    user = active(db, found[0].user_id) if found else None
    if user is None:
        raise Unauthenticated("link-invalid")
    return user.id, [User.email.open(user) or "", User.display_name.open(user) or "", policy(db).name]


def complete(db: "Workspace", reset_id: UUID, secret_hash: bytes, password_hash: str) -> None:
    """Keep the new password, once; every session of hers ends, every other link of hers dies, and she is told. A second
    factor is asked for at the next sign-in as ever. Unauthenticated('link-invalid')."""
    found = db.rows(_LOOK, reset_id=reset_id, secret_hash=secret_hash, at=db.now)
    if not found or not db.change(_USE, reset_id=reset_id, secret_hash=secret_hash, at=db.now):
        raise Unauthenticated("link-invalid")
    user_id = found[0].user_id
    db.note(Action.PASSWORD_RESET_COMPLETED, "users", [user_id])
    user = db.claim(User, user_id)
    if user.status is not UserStatus.ACTIVE:
        raise Unauthenticated("link-invalid")
    user.set_password(db, password_hash)
    end_sessions(db, user_id)
    void_of(db, user_id)
    tell(db, [user_id], NoticeKind.PASSWORD_RESET)


def void_of(db: "Workspace", user_id: UUID) -> None:
    """No link that is about for this person works any more."""
    db.change(_VOID, user_id=user_id, at=db.now)


def active(db: "Workspace", user_id: UUID) -> User | None:
    """The person, if there is one who may sign in."""
    known = find_credentials(db, user_id)
    return db.find(User, user_id) if known is not None and known.status is UserStatus.ACTIVE else None


def find_to_send(db: "Workspace", reset_id: UUID) -> UUID | None:
    """Whose living link this is, for whoever writes the mail."""
    found = db.rows(_WHO, reset_id=reset_id, at=db.now)
    return found[0].user_id if found else None
