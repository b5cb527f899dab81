"""Signing in, staying signed in, signing out."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Response
from pydantic import StringConstraints

from api.door import Door
from api.gate import Anyone, Can, Front
from api.limits import Attempt
from api.shapes import Email, In, Out
from models.access import PLATFORM, Permission
from models.errors import NotFound, Unauthenticated
from models.session import Opened, SignInSession, parse_refresh_token
from models.user import User, UserStatus, credentials, find_credentials, note_refusal, who_signs_in
from models.workspace import Workspace

router = APIRouter(prefix="/sessions", tags=["sign-in"], route_class=Door)

Secret = Annotated[str, StringConstraints(min_length=1, max_length=1024)]


class SessionIn(In):
    """An address and a password."""

    email: Email
    password: Secret


class RefreshIn(In):
    """The refresh token of the last answer."""

    refresh_token: Secret


class SessionOut(Out):
    """One sign-in."""

    id: UUID
    opened_at: datetime
    last_used_at: datetime
    expires_at: datetime
    agent: str | None
    """Coarse kind of device it was opened from."""
    current: bool
    """Whether it is the one this request belongs to."""

    @classmethod
    def of(cls, session: SignInSession, current: UUID | None) -> "SessionOut":
        return cls(
            id=session.id,
            opened_at=session.opened_at,
            last_used_at=session.last_used_at,
            expires_at=session.expires_at,
            agent=session.agent,
            current=session.id == current,
        )


class SignedInOut(Out):
    """Tokens for what follows."""

    access_token: str
    token_type: str
    expires_in: int
    """Seconds the access token is good for."""
    refresh_token: str
    """Good for one use: the answer to it holds the next one."""
    session: SessionOut
    password_change_required: bool
    """True after a one-time password: until she has her own, only reading /v1/me, its password and signing out work."""


class SessionsOut(Out):
    """A person's living sessions, newest first (at most 10)."""

    data: list[SessionOut]


@router.post("", status_code=201, summary="Sign in")
async def create_session(body: SessionIn, front: Annotated[Front, Anyone()]) -> SignedInOut:
    """Exchange address and password for tokens. One answer and one time for an unknown address and a wrong password.
    Failures are limited by address and network, and by network; a success costs nothing."""
    with front.meter.sign_in(body.email) as attempt:
        return await _sign_in(body, front, attempt)


async def _sign_in(body: SessionIn, front: Front, attempt: Attempt) -> SignedInOut:
    found = await front.as_platform(lambda db: who_signs_in(db, body.email))
    # An address nobody has gets the same steps, on the platform's rows: its answer must not come sooner.
    agency_id, user_id = found or (PLATFORM, PLATFORM)
    known = await front.as_system(agency_id, lambda db: find_credentials(db, user_id))
    active = known is not None and known.status is UserStatus.ACTIVE
    matches = await front.passwords.matches(body.password, known.password_hash if active and known else None)
    if known is None or not matches:
        attempt.failed = True  # from here on, whatever becomes of the entry
        await front.as_system(agency_id, lambda db: note_refusal(db, user_id if found else None))
        raise Unauthenticated("invalid-credentials")
    fresh = await front.passwords.hash(body.password) if front.passwords.outdated(known.password_hash) else None

    def sign_in(db: Workspace) -> Opened:
        user = db.claim(User, known.id)
        if user.password_hash != known.password_hash or user.status is not UserStatus.ACTIVE:
            raise Unauthenticated("invalid-credentials")  # changed while we hashed
        if fresh:
            user.rehash(db, fresh)
        return SignInSession.open(db, known.id)

    opened = await front.as_person(agency_id, user_id, sign_in)
    return _signed_in(front, opened, must_change=bool(known.must_change_password))


@router.post("/refresh", summary="Renew the tokens")
async def refresh_session(body: RefreshIn, front: Annotated[Front, Anyone()]) -> SignedInOut:
    """Exchange a refresh token for the next pair. A token used twice ends its session, unless the answer to the first
    use was lost and the second comes within ten seconds."""
    agency_id, session_id, secret = parse_refresh_token(body.refresh_token)

    def rotate(db: Workspace) -> tuple[Opened, bool]:
        opened = SignInSession.refresh(db, session_id, secret)
        user = credentials(db, opened.session.user_id)
        if user.status is not UserStatus.ACTIVE:
            raise Unauthenticated("session-ended")
        return opened, bool(user.must_change_password)

    opened, must_change = await front.as_system(agency_id, rotate)
    return _signed_in(front, opened, must_change=must_change)


@router.get("", summary="List my sessions")
def list_sessions(db: Annotated[Workspace, Can(Permission.SESSION_READ)]) -> SessionsOut:
    """Where the caller is signed in."""
    sessions = SignInSession.of(db, db.actor.id)
    return SessionsOut(data=[SessionOut.of(session, db.actor.session_id) for session in sessions])


@router.delete("/current", status_code=204, summary="Sign out")
def delete_current_session(db: Annotated[Workspace, Can(Permission.SESSION_REVOKE)]) -> Response:
    """End the session this request belongs to; its tokens stop at once, and a browser forgets what it holds of ours."""
    if db.actor.session_id is not None:
        db.claim(SignInSession, db.actor.session_id).revoke(db)
    return Response(status_code=204, headers={"clear-site-data": '"cache", "cookies", "storage"'})


@router.delete("/{session_id}", status_code=204, summary="End one of my sessions")
def delete_session(session_id: UUID, db: Annotated[Workspace, Can(Permission.SESSION_REVOKE)]) -> None:
    """End a session of the caller's, for instance one on a lost device."""
    session = db.claim(SignInSession, session_id)
    if session.user_id != db.actor.id:
        raise NotFound
    session.revoke(db)


def _signed_in(front: Front, opened: Opened, *, must_change: bool) -> SignedInOut:
    session = opened.session
    if opened.refresh_token is None:
        raise Unauthenticated("session-ended")
    return SignedInOut(
        access_token=front.tokens.issue(session.agency_id, session.user_id, session.id),
        token_type="Bearer",  # noqa: S106 - the name of a scheme
        expires_in=front.tokens.life,
        refresh_token=opened.refresh_token,
        session=SessionOut.of(session, session.id),
        password_change_required=must_change,
    )
