"""Mails as they are sent: to which address, in which language, with which link. Found when the mail is due, so that the
outbox holds nothing to read, and nobody is written to who was suspended or whose link has ended meanwhile."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from models import invitation, links, mail, password_reset
from models.access import PLATFORM
from models.invitation import Invitation
from models.mail import Held, MailKind
from models.notice import NoticeKind, tell
from models.user import User

if TYPE_CHECKING:
    from models.workspace import Workspace


@dataclass(frozen=True)
class Letter:
    """One mail as it is sent. `link` is the whole link, with its token."""

    to: str
    language: str
    link: str

    def __repr__(self) -> str:
        return "<Letter>"  # neither address nor link belongs into a log


def read(db: "Workspace", held: Held) -> Letter | None:
    """The letter of a mail somebody holds; None, and the mail is gone, when it has become pointless. Opened addresses
    leave no mark: what is opened here goes into the mailbox it names, and is shown to nobody. Raises SealError for one
    that was tampered with."""
    found = _addressed(db, held)
    if found is None:
        mail.done(db, held)
    return found


def _addressed(db: "Workspace", held: Held) -> Letter | None:
    if held.kind is MailKind.INVITATION:
        asked = invitation.find_to_send(db, held.object_id)
        return None if asked is None else Letter(Invitation.email.open(asked) or "", asked.language, asked.link(db))
    if held.kind is MailKind.PASSWORD_RESET:
        whose = password_reset.find_to_send(db, held.object_id)
        link = db.post.link("reset", links.token(db, links.RESET, held.object_id))
    else:
        whose, link = held.object_id, f"{db.post.origin}/"
    user = None if whose is None or db.agency_id == PLATFORM else password_reset.active(db, whose)
    return None if user is None else Letter(User.email.open(user) or "", user.language, link)


def give_up(db: "Workspace", held: Held) -> None:
    """It never will be sent. Whoever invited somebody is told."""
    if not mail.done(db, held) or held.kind is not MailKind.INVITATION:
        return
    asked = invitation.find_to_send(db, held.object_id)
    if asked is not None and asked.invited_by_id != PLATFORM:
        tell(db, [asked.invited_by_id], NoticeKind.INVITATION_UNSENT, held.object_id)
