"""Signing in: counted before anything is looked at, the same steps for everybody, then the second factor.

Four units: count the try (the platform's), look the person up, keep how it went (her agency's), settle the count. An
address nobody has takes the same four on the platform's rows.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, TypeVar
from uuid import UUID

from api.gate import Errand, Front
from api.limits import Attempt, network_of
from api.shapes import Out
from models import factor, odd_sign_in, recovery, throttle
from models.access import PLATFORM
from models.errors import Forbidden, Unauthenticated
from models.identity import allows_local
from models.notice import NoticeKind, tell
from models.session import Opened, SignInSession
from models.throttle import Try
from models.user import User, UserStatus, find_credentials, note_refusal, who_signs_in
from models.workspace import Workspace

T = TypeVar("T")


class SessionOut(Out):
    """One sign-in."""

    id: UUID
    opened_at: datetime
    last_used_at: datetime
    expires_at: datetime
    agent: str | None
    """Coarse kind of device it was opened from."""
    network: str | None
    """The network it was opened from: /24, or /56 of IPv6."""
    factor_at: datetime | None
    """When a second factor was shown in it last."""
    current: bool
    """Whether it is the one this request belongs to."""

    @classmethod
    def of(cls, session: SignInSession, current: UUID | None) -> "SessionOut":
        """As shown to whom it belongs, in the session `current`."""
        return cls(
            id=session.id,
            opened_at=session.opened_at,
            last_used_at=session.last_used_at,
            expires_at=session.expires_at,
            agent=session.agent,
            network=session.network,
            factor_at=session.factor_at,
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
    device_token: str | None
    """For this device to keep and send with the next sign-in (90 days); it opens nothing by itself. Only after a whole
    sign-in."""
    second_factor_enrolment_required: bool
    """True while a second factor is needed and none was shown: until one is set up, or hers is shown where a provider
    let her in, little more than that works."""
    password_change_required: bool
    """True after a one-time password: until she has her own, only reading /v1/me, its password and signing out work."""


@dataclass(frozen=True)
class Shown:
    """What somebody shows to be let in."""

    email: str
    password: str
    totp_code: str | None
    recovery_code: str | None
    device_token: str | None


@dataclass(frozen=True)
class SignedIn:
    """A session, the token of the device it was opened from, and whether a password of her own has to be chosen."""

    opened: Opened
    device_token: str | None
    must_change_password: bool


async def sign_in(front: Front, shown: Shown) -> SignedIn:
    """Raises Spent, and Unauthenticated: one answer and one time for an unknown address, a wrong password and a
    suspended person."""
    service = front.passwords.service
    account = service.email_tag(shown.email)
    device = throttle.device_of(service, account, shown.device_token)
    with front.meter.sign_in(shown.email, device) as attempt:
        return await _counted(front, shown, account, attempt)


async def _counted(front: Front, shown: Shown, account: bytes, attempt: Attempt) -> SignedIn:
    network, recovering = network_of(front.origin.ip), shown.recovery_code is not None

    def begin(db: Workspace) -> tuple[Try, tuple[UUID, UUID] | None]:
        tried = throttle.begin(db, account, network, shown.device_token, recovering=recovering)
        return tried, who_signs_in(db, shown.email)

    tried, found = await front.as_platform(begin)
    try:
        return await _tried(front, shown, attempt, tried, found)
    except BaseException:
        if not attempt.failed:
            await _settled(front, lambda db: throttle.undone(db, tried))
        raise


async def _tried(front: Front, shown: Shown, attempt: Attempt, tried: Try, found: tuple[UUID, UUID] | None) -> SignedIn:
    # An address nobody has gets the same steps, on the platform's rows: its answer must not come sooner.
    agency_id, user_id = found or (PLATFORM, PLATFORM)

    def look(db: Workspace) -> tuple[Any, bool]:
        known = find_credentials(db, user_id)
        let_in = not tried.guarded or recovery.is_unused(db, user_id, shown.recovery_code or "")
        # Where passwords are off a right one is answered as a wrong one: whoever tries learns nothing of it.
        return known, let_in and allows_local(db)

    known, let_in = await front.as_system(agency_id, look)
    active = known is not None and known.status is UserStatus.ACTIVE and let_in
    stored = known.password_hash if active and known else None
    if not await front.passwords.matches(shown.password, stored, user_id) or known is None:
        attempt.failed = True  # from here on, whatever becomes of the entry
        await _refused(front, tried, agency_id, user_id if found else None)
        raise Unauthenticated("invalid-credentials")
    outdated = front.passwords.outdated(known.password_hash)
    fresh = await front.passwords.hash(shown.password, user_id) if outdated else None

    def admit(db: Workspace) -> Opened | None:
        """None: she has a second factor, and what was shown is not it."""
        user = db.claim(User, known.id)
        if user.password_hash != known.password_hash or user.status is not UserStatus.ACTIVE:
            raise Unauthenticated("invalid-credentials")  # changed while we hashed
        if not allows_local(db):
            raise Unauthenticated("invalid-credentials")  # switched off while we hashed
        proof = None
        if factor.is_enrolled(db, known.id) and (proof := _proof(db, known.id, shown)) is None:
            return None
        if fresh:
            user.rehash(db, fresh)
        signed_in = SignInSession.open(db, known.id, proof)
        odd_sign_in.with_password(db, signed_in.session, known=tried.device is not None)
        return signed_in

    opened = await front.as_person(agency_id, user_id, admit)
    if opened is None:
        attempt.failed = True
        await _refused(front, tried, agency_id, user_id, wrong_code=True)
        raise Unauthenticated("second-factor-wrong")
    whole = not opened.session.must_enrol
    token = await _settled(front, lambda db: throttle.succeeded(db, tried, known=whole))
    return SignedIn(opened, token, bool(known.must_change_password))


def _proof(db: Workspace, user_id: UUID, shown: Shown) -> str | None:
    """How her second factor was shown; None when it is wrong."""
    if shown.totp_code is None and shown.recovery_code is None:
        raise Unauthenticated("second-factor-required")
    proof = factor.proves(db, user_id, shown.totp_code, shown.recovery_code)
    if proof is not None:
        db.actor = replace(db.actor, auth=f"password+{proof}")
    if proof == "recovery":
        tell(db, [user_id], NoticeKind.RECOVERY_CODE_USED)
    return proof


async def _refused(
    front: Front, tried: Try, agency_id: UUID, user_id: UUID | None, *, wrong_code: bool = False
) -> None:
    """Count it and keep it: in that order, so that an entry that cannot be kept buys no tries."""

    def count(db: Workspace) -> list[NoticeKind]:
        guarded = throttle.failed(db, tried, throttle.WRONG_CODE if wrong_code else 1)
        often = wrong_code and throttle.wrong_code(db, tried)
        said = {NoticeKind.SIGN_IN_GUARDED: guarded, NoticeKind.SECOND_FACTOR_WRONG: often}
        return [kind for kind, is_so in said.items() if is_so]

    kinds = await _settled(front, count)

    def keep(db: Workspace) -> None:
        note_refusal(db, user_id)
        for kind in kinds:
            tell(db, [user_id] if user_id else [], kind)

    await front.as_system(agency_id, keep)


async def _settled(front: Front, work: Callable[[Workspace], T]) -> T:
    """The platform's unit is finished although whoever asked hangs up."""
    return await asyncio.shield(asyncio.ensure_future(front.as_platform(work)))


async def shown_again(errand: Errand, prove: Callable[[], Awaitable[T | None]], refusal: Forbidden) -> T:
    """Somebody signed in shows her password or a code once more: whoever holds her screen may guess no faster than at
    the door, and after ten that were wrong the session ends. `prove` gives None for what is wrong. Raises the refusal,
    Spent."""
    front, user_id, session_id = errand.front, errand.claims.user_id, errand.claims.session_id
    account = front.passwords.service.throttle_tag(b"person", user_id.bytes)
    network = network_of(front.origin.ip)

    def begin(db: Workspace) -> tuple[Try, bool]:
        tried = throttle.begin(db, account, network, None, recovering=True)
        return tried, throttle.shown_again(db, session_id)

    def undo(db: Workspace) -> None:
        throttle.undone(db, tried)
        throttle.not_wrong(db, session_id)

    def accept(db: Workspace) -> None:
        throttle.succeeded(db, tried, known=False)
        throttle.not_wrong(db, session_id)

    def count(db: Workspace) -> bool:
        throttle.failed(db, tried)
        return refusal.reason == "wrong-code" and throttle.wrong_code(db, tried)

    def keep(db: Workspace) -> None:
        note_refusal(db, user_id)
        if often:
            tell(db, [user_id], NoticeKind.SECOND_FACTOR_WRONG)
        if last:
            db.claim(SignInSession, session_id).revoke(db)

    with front.meter.sign_in(str(user_id), None) as attempt:
        tried, last = await front.as_platform(begin)
        try:
            proved = await prove()
        except BaseException:
            await _settled(front, undo)
            raise
        if proved is not None:
            await _settled(front, accept)
            return proved
        attempt.failed = True
        often = await _settled(front, count)
        await errand.run(keep)
    raise refusal


def signed_in_out(front: Front, opened: Opened, *, must_change: bool, device_token: str | None = None) -> SignedInOut:
    """The answer to a sign-in. Raises Unauthenticated('session-ended') when reuse has just ended the session."""
    session = opened.session
    if opened.refresh_token is None:
        raise Unauthenticated("session-ended")
    return SignedInOut(
        access_token=front.tokens.issue(session.agency_id, session.user_id, session.id),
        token_type="Bearer",  # noqa: S106 - the name of a scheme
        expires_in=front.tokens.life,
        refresh_token=opened.refresh_token,
        session=SessionOut.of(session, session.id),
        device_token=device_token,
        second_factor_enrolment_required=session.must_enrol,
        password_change_required=must_change,
    )
