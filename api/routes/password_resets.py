"""A new password for somebody who has forgotten hers, by a link into her own mailbox."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter

from api.door import Door
from api.gate import Anyone, Can, Front
from api.passwords import must_be_good
from api.shapes import Email, In, LinkToken, Out, Secret
from models import links, password_reset, throttle
from models.access import Permission
from models.password_reset import PasswordReset
from models.workspace import Workspace

router = APIRouter(tags=["sign-in"], route_class=Door)


class PasswordResetIn(In):
    """Whose password is forgotten."""

    email: Email


class ResetCompletionIn(In):
    """The token behind the # of the link, and the new password."""

    token: LinkToken
    password: Secret


class ResetRequestedOut(Out):
    """The same for every address."""

    expires_in: int
    """Seconds a link is good for, if one was sent."""


class ResetStartedOut(Out):
    """A reset an admin started."""

    id: UUID
    """The reset's id."""
    expires_at: datetime
    link: str | None
    """Where no mail is sent: the link, shown this once, to be handed over in person. Null where it was mailed."""

    @classmethod
    def again(cls, db: Workspace, row_id: UUID) -> "ResetStartedOut":
        return cls(id=row_id, expires_at=db.find(PasswordReset, row_id).expires_at, link=None)  # it is shown once


@router.post("/password-resets", status_code=202, summary="Ask for a new password")
async def create_password_reset(body: PasswordResetIn, front: Annotated[Front, Anyone()]) -> ResetRequestedOut:
    """Have a link sent to an address, good once and for 30 minutes. One answer and one time for every address, known,
    unknown or suspended. Limited by address and network; to one mailbox goes one mail in five minutes. Where no mail is
    sent, nothing comes of it: an admin starts the reset and hands the link over."""
    front.meter.reset(body.email)
    agency_id, user_id = await front.as_platform(lambda db: password_reset.whose(db, body.email))
    await front.as_system(agency_id, lambda db: password_reset.request(db, user_id))
    return ResetRequestedOut(expires_in=int(password_reset.LIFE.total_seconds()))


@router.post("/password-resets/completion", status_code=204, summary="Set a new password by a link")
async def create_completion(body: ResetCompletionIn, front: Annotated[Front, Anyone()]) -> None:
    """Set a new password with the token of the link. All sessions of the person end, and she is told. Nothing is signed
    in: a second factor is asked for at the next sign-in as ever. Wrong passwords before are forgotten; wrong codes are
    not."""
    agency_id, row_id, secret_hash = links.parsed(body.token, links.RESET)
    user_id, words = await front.as_system(agency_id, lambda db: password_reset.must_be_usable(db, row_id, secret_hash))
    must_be_good(body.password, words)
    hashed = await front.passwords.hash(body.password, user_id)
    await front.as_system(agency_id, lambda db: password_reset.complete(db, row_id, secret_hash, hashed))
    await front.as_platform(lambda db: throttle.forget_passwords(db, db.vault.service.email_tag(words[0])))


@router.post("/users/{user_id}/password-reset", status_code=201, summary="Start a password reset for somebody")
def create_users_reset(user_id: UUID, db: Annotated[Workspace, Can(Permission.PASSWORD_RESET)]) -> ResetStartedOut:
    """Have a link sent to a colleague who cannot get in, or shown once where no mail is sent. Nobody sets another's
    password: she does it by the link, within 30 minutes. She is told who could have started it, and links sent to her
    before work no more."""
    reset_id, link = password_reset.start(db, user_id)
    return ResetStartedOut(id=reset_id, expires_at=db.now + password_reset.LIFE, link=link)
