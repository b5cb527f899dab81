"""Signing in, staying signed in, signing out."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Response

from api.door import Door
from api.gate import Anyone, Can, Errand, Front
from api.shapes import Code, Email, In, Out, Secret
from api.sign_in import SessionOut, Shown, SignedInOut, shown_again, sign_in, signed_in_out
from models import factor
from models.access import Permission
from models.errors import Conflict, Fault, Forbidden, Invalid, NotFound, Unauthenticated
from models.ledger.action import Action
from models.notice import NoticeKind, tell
from models.session import Opened, SignInSession, parse_refresh_token
from models.user import UserStatus, credentials
from models.workspace import Workspace

router = APIRouter(prefix="/sessions", tags=["sign-in"], route_class=Door)


class SessionIn(In):
    """An address and a password; where a second factor is set up, a code of the app or a recovery code."""

    email: Email
    password: Secret
    totp_code: Code | None = None
    """The six digits shown now."""
    recovery_code: Secret | None = None
    """One of the ten shown once, when the second factor is lost."""
    device_token: Secret | None = None
    """The one of an earlier sign-in on this device: wrong tries of strangers do not slow it down."""


class RefreshIn(In):
    """The refresh token of the last answer."""

    refresh_token: Secret


class ProofIn(In):
    """A code of the authenticator app, or a recovery code."""

    totp_code: Code | None = None
    recovery_code: Secret | None = None


class SessionsOut(Out):
    """A person's living sessions, newest first (at most 10)."""

    data: list[SessionOut]


@router.post("", status_code=201, summary="Sign in")
async def create_session(body: SessionIn, front: Annotated[Front, Anyone()]) -> SignedInOut:
    """Exchange address and password, and a code where a second factor is set up, for tokens. One answer and one time
    for an unknown address and a wrong password; that a code is needed is told after a right password only. Failures are
    limited by address and network, and by network; a success costs nothing. Who has no second factor and needs one can
    do nothing but set it up."""
    signed_in = await sign_in(front, Shown(**{name: getattr(body, name) for name in SessionIn.model_fields}))
    return signed_in_out(
        front,
        signed_in.opened,
        must_change=signed_in.must_change_password,
        device_token=signed_in.device_token,
    )


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
    return signed_in_out(front, opened, must_change=must_change)


@router.put("/current/second-factor", summary="Show my second factor again")
async def prove_second_factor(body: ProofIn, errand: Annotated[Errand, Can(Permission.FACTOR_PROVE)]) -> SignedInOut:
    """The answer holds the tokens of a new session, which ends when this one would have; this one is over. For ten
    minutes from now what asks for it (403 `step-up-required`) works with them. A wrong code counts as a failed
    sign-in."""
    if (body.totp_code is None) == (body.recovery_code is None):
        raise Invalid(Fault("", "one-proof", ""))
    user_id, session_id = errand.claims.user_id, errand.claims.session_id

    def work(db: Workspace) -> Opened | None:
        if not factor.is_enrolled(db, user_id):
            raise Conflict("no-second-factor")
        if (proof := factor.proves(db, user_id, body.totp_code, body.recovery_code)) is None:
            return None
        opened = db.claim(SignInSession, session_id).proved_anew(db, proof)
        db.note(Action.FACTOR_PROVED, "sessions", [session_id])
        if proof == "recovery":
            tell(db, [user_id], NoticeKind.RECOVERY_CODE_USED)
        return opened

    async def prove() -> Opened | None:
        return await errand.run(work)

    opened = await shown_again(errand, prove, Forbidden("wrong-code"))
    must_change = errand.actor is not None and errand.actor.must_change_password
    return signed_in_out(errand.front, opened, must_change=must_change)


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
def delete_session(session_id: UUID, db: Annotated[Workspace, Can(Permission.SESSION_END)]) -> None:
    """End a session of the caller's, for instance one on a lost device. Asks for a fresh second factor: whoever holds
    her screen must not put her out elsewhere."""
    session = db.claim(SignInSession, session_id)
    if session.user_id != db.actor.id:
        raise NotFound
    session.revoke(db)
