"""Invitations: somebody is asked in, under roles, at one address, by a link that works once."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

import sqlalchemy as sa
from sqlmodel import Field

from models import links
from models.access import PLATFORM, Role
from models.agency import policy
from models.base import BYTES, ID, INSTANT, AgencyRecord, columns, id_field, instant_field, sealed_column, table_of
from models.errors import Conflict, NotFound, Unauthenticated
from models.ledger.action import Action
from models.mail import MailKind, queue
from models.notice import NoticeKind, tell
from models.paging import newest_first, page
from models.rows import Change, Query
from models.user import User, UserStatus, find_credentials, grantable, joined, must_be_grantable, roles_of
from models.vault.sealed import Sealed

if TYPE_CHECKING:
    from models.workspace import Workspace

LIFE = timedelta(hours=72)
KEPT = timedelta(days=90)  # after it ended
MOST_OPEN = 200  # of one agency


class InvitationStatus(StrEnum):
    """What became of an invitation."""

    OPEN = "open"
    ACCEPTED = "accepted"
    REVOKED = "revoked"
    EXPIRED = "expired"


class Invitation(AgencyRecord, table=True):
    """One person asked in. A link is of one generation; sending it again makes the next and ends the one before."""

    __tablename__ = "invitations"
    __table_args__ = (
        sa.CheckConstraint("seal_rev > 0", name="sealed"),
        sa.Index("ix_invitations_created", "agency_id", "created_at", "id"),
    )

    email_sealed: bytes | None = sealed_column()
    email = Sealed[str]()
    roles: str
    language: str
    invited_by_id: UUID = id_field()
    created_at: datetime = instant_field()
    expires_at: datetime = instant_field()
    accepted_at: datetime | None = instant_field(default=None)
    revoked_at: datetime | None = instant_field(default=None)
    user_id: UUID | None = id_field(default=None)
    generation: int = 1
    secret_hash: bytes = Field(sa_type=BYTES, repr=False)
    version: int = 1
    seal_rev: int = 0

    @property
    def role_set(self) -> frozenset[Role]:
        """The roles she will hold."""
        return roles_of(self.roles)

    def status(self, now: datetime) -> InvitationStatus:
        """Where it stands."""
        if self.accepted_at is not None:
            return InvitationStatus.ACCEPTED
        if self.revoked_at is not None:
            return InvitationStatus.REVOKED
        return InvitationStatus.OPEN if now < self.expires_at else InvitationStatus.EXPIRED

    @classmethod
    def send(cls, db: "Workspace", email: str, roles: Iterable[Role], language: str) -> "Invitation":
        """Ask somebody in. The answer is the same whether the address has a sign-in somewhere or not; one that has
        cannot accept. Forbidden for roles the caller may not give, Conflict('too-many-invitations')."""
        chosen = frozenset(roles)
        must_be_grantable(db, chosen)
        if db.one(_COUNT, at=db.now).open >= MOST_OPEN:
            raise Conflict("too-many-invitations")
        row_id = uuid4()
        made = db.create(
            cls,
            Action.INVITATION_CREATED,
            id=row_id,
            email=email,
            roles=joined(chosen),
            language=language,
            invited_by_id=db.actor.id,
            created_at=db.now,
            expires_at=db.now + LIFE,
            secret_hash=links.hashed(db, links.INVITATION, row_id),
        )
        db.flush()
        queue(db, MailKind.INVITATION, row_id)
        return made

    def renew(self, db: "Workspace") -> None:
        """A new link for another 72 hours; the one before works no more. The row was claimed. Forbidden for roles the
        caller may not give, Conflict('invitation-not-open') when it was accepted or revoked."""
        must_be_grantable(db, self.role_set)
        if self.status(db.now) in (InvitationStatus.ACCEPTED, InvitationStatus.REVOKED):
            raise Conflict("invitation-not-open")
        self.generation += 1
        self.secret_hash = links.hashed(db, links.INVITATION, self.id, self.generation)
        self.expires_at, self.invited_by_id = db.now + LIFE, db.actor.id
        db.record(Action.INVITATION_RENEWED, self)
        queue(db, MailKind.INVITATION, self.id)

    def revoke(self, db: "Workspace") -> None:
        """The link works no more. The row was claimed; doing it twice changes nothing. Conflict('invitation-not-open')
        when it was accepted: then the person is to be suspended."""
        if self.accepted_at is not None:
            raise Conflict("invitation-not-open")
        if self.revoked_at is None:
            self.revoked_at = db.now
            db.record(Action.INVITATION_REVOKED, self)

    def link(self, db: "Workspace") -> str:
        """The link, for whoever hands it over where no mail is sent."""
        return db.post.link("welcome", links.token(db, links.INVITATION, self.id, self.generation))


_I = columns(Invitation)
_ID: Any = sa.bindparam("invitation_id", type_=ID, required=True)
_AT: Any = sa.bindparam("at", type_=INSTANT, required=True)
_OPEN = (_I.accepted_at.is_(None), _I.revoked_at.is_(None))
_USABLE: Any = sa.and_(
    _I.id == _ID, _I.secret_hash == sa.bindparam("secret_hash", required=True), _I.expires_at > _AT, *_OPEN
)
_COUNT = Query(sa.select(sa.func.count(_I.id).label("open")).where(_I.expires_at > _AT, *_OPEN))
_LOOK = Query(sa.select(_I.roles, _I.language, _I.invited_by_id).where(_USABLE))
_ACCEPT = Change(
    sa.update(table_of(Invitation))
    .where(_USABLE)
    .values(accepted_at=_AT, user_id=sa.bindparam("user_id", type_=ID, required=True), version=_I.version + 1)
)
_OF = Query(sa.select(_I.id).where(_I.invited_by_id == sa.bindparam("by", type_=ID, required=True), *_OPEN))
_ALL_OPEN = Query(sa.select(_I.id).where(*_OPEN))
_ENDED = Query(sa.select(_I.id).where(_I.expires_at < _AT).limit(500))
_FORGET = Change(sa.delete(table_of(Invitation)).where(_I.id == _ID))


def must_be_usable(db: "Workspace", invitation_id: UUID, secret_hash: bytes) -> Any:
    """Look before any costly work is done: roles, language, invited_by_id. Unauthenticated('link-invalid') for a link
    that was used, ended or never made, and when whoever sent it may no longer give these roles."""
    found = db.rows(_LOOK, invitation_id=invitation_id, secret_hash=secret_hash, at=db.now)
    if not found or not _inviter_still_may(db, found[0].invited_by_id, roles_of(found[0].roles)):
        raise Unauthenticated("link-invalid")
    return found[0]


def _inviter_still_may(db: "Workspace", inviter_id: UUID, roles: frozenset[Role]) -> bool:
    if inviter_id == PLATFORM:  # the command line
        return True
    inviter = find_credentials(db, inviter_id)
    active = inviter is not None and inviter.status is UserStatus.ACTIVE
    return active and grantable(roles_of(inviter.roles), roles)  # type: ignore[union-attr]


def words_at_hand(db: "Workspace", invitation_id: UUID) -> list[str]:
    """What her password must not be made of: her address, the agency's name. Compared with, and shown to nobody."""
    row = db.find(Invitation, invitation_id)
    return [Invitation.email.open(row) or "", policy(db).name]


def accept(
    db: "Workspace", invitation_id: UUID, secret_hash: bytes, display_name: str, user_id: UUID, password_hash: str
) -> None:
    """Hire the person under the id her password's hash was made for; of twenty at once, one.
    Unauthenticated('link-invalid') for the others, and for an address that has a sign-in already, here or at another
    agency: nothing is taken over, and nothing more is said."""
    told = must_be_usable(db, invitation_id, secret_hash)
    row = db.find(Invitation, invitation_id)
    if not db.change(_ACCEPT, invitation_id=invitation_id, secret_hash=secret_hash, at=db.now, user_id=user_id):
        raise Unauthenticated("link-invalid")
    db.note(Action.INVITATION_ACCEPTED, "invitations", [invitation_id])
    try:
        User.hire(
            db,
            row.email or "",
            display_name,
            roles_of(told.roles),
            password_hash,
            must_change_password=False,
            language=told.language,
            user_id=user_id,
        )
    except Conflict:
        raise Unauthenticated("link-invalid") from None
    if told.invited_by_id != PLATFORM:
        tell(db, [told.invited_by_id], NoticeKind.INVITATION_ACCEPTED, user_id)


def revoke_sent_by(db: "Workspace", user_id: UUID) -> None:
    """Somebody was suspended: whom she asked in does not come in by her."""
    for found in db.rows(_OF, by=user_id):
        db.claim(Invitation, found.id).revoke(db)


def revoke_all(db: "Workspace") -> None:
    """Every open invitation of this agency ends."""
    for found in db.rows(_ALL_OPEN):
        db.claim(Invitation, found.id).revoke(db)
    db.flush()


def invitations_of(db: "Workspace", most: int, before: tuple[datetime, UUID]) -> list[Invitation]:
    """The agency's invitations before a moment, newest first, at most so many."""
    return db.all(newest_first(sa.select(Invitation), _I.created_at, _I.id).params(**page(most, before)))


def find_to_send(db: "Workspace", invitation_id: UUID) -> Invitation | None:
    """An open invitation, for whoever writes the mail."""
    try:
        found = db.find(Invitation, invitation_id)
    except NotFound:
        return None
    return found if found.status(db.now) is InvitationStatus.OPEN else None


def forget_ended(db: "Workspace") -> int:
    """Drop invitations that ended 90 days ago, with the address; the ledger keeps that they were. Returns how many."""
    ended = [row.id for row in db.rows(_ENDED, at=db.now - KEPT)]
    for invitation_id in ended:
        db.change(_FORGET, invitation_id=invitation_id)
    if ended:
        db.note(Action.INVITATION_ERASED, "invitations", ended)
    return len(ended)
