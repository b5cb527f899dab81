"""Mails as they are sent: to which address, in which language, with which link. Found when the mail is due, so that the
outbox holds nothing to read, and nobody is written to who was suspended or whose link has ended meanwhile."""

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from models import invitation, links, mail, password_reset
from models.access import PLATFORM
from models.invitation import Invitation
from models.mail import MailKind
from models.notice import NoticeKind, tell
from models.user import User

if TYPE_CHECKING:
    from models.workspace import Workspace


@dataclass(frozen=True)
class Letter:
    """One mail, held by whoever took it. `link` is the whole link, with its token."""

    mail_id: UUID
    kind: MailKind
    object_id: UUID
    to: str
    language: str
    link: str
    created_at: datetime
    held_until: datetime
    tries: int

    def __repr__(self) -> str:
        return f"<Letter {self.mail_id}>"  # neither address nor link belongs into a log


def take(db: "Workspace") -> Letter | None:
    """The next letter of this agency, held for ten minutes. Mails that have become pointless are dropped on the way.
    Opened addresses leave no mark: what is opened here goes into the mailbox it names, and is shown to nobody."""
    while (taken := mail.take(db)) is not None:
        row, until = taken
        found = _addressed(db, row)
        if found is not None:
            to, language, link = found
            return Letter(row.id, row.kind, row.object_id, to, language, link, row.created_at, until, row.tries)
        mail.done(db, row.id, until)
    return None


def _addressed(db: "Workspace", row: Any) -> tuple[str, str, str] | None:
    """(address, language, link), or None when there is nobody to write to any more."""
    if row.kind is MailKind.INVITATION:
        asked = invitation.find_to_send(db, row.object_id)
        if asked is None:
            return None
        return Invitation.email.open(asked) or "", asked.language, asked.link(db)
    if row.kind is MailKind.PASSWORD_RESET:
        whose = password_reset.find_to_send(db, row.object_id)
        link = db.post.link("reset", links.token(db, links.RESET, row.object_id))
    else:
        whose, link = row.object_id, f"{db.post.origin}/"
    user = None if whose is None or db.agency_id == PLATFORM else password_reset.active(db, whose)
    return None if user is None else (User.email.open(user) or "", user.language, link)


def give_up(db: "Workspace", letter: Letter) -> None:
    """It never will be sent. Whoever invited somebody is told."""
    if not mail.done(db, letter.mail_id, letter.held_until) or letter.kind is not MailKind.INVITATION:
        return
    asked = invitation.find_to_send(db, letter.object_id)
    if asked is not None and asked.invited_by_id != PLATFORM:
        tell(db, [asked.invited_by_id], NoticeKind.INVITATION_UNSENT, letter.object_id)
