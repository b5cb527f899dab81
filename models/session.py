"""Being signed in: sessions, the refresh tokens that carry them on, and who an access token stands for."""

import base64
import hmac
import ipaddress
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import TYPE_CHECKING, Any, ClassVar
from uuid import UUID, uuid4

import sqlalchemy as sa
from sqlmodel import Field

from models import agency, rows
from models.access import REVIEWED_WITHIN, Actor
from models.base import BYTES, ID, AgencyRecord, columns, id_field, instant_field, table_of, within
from models.errors import NotFound, Unauthenticated
from models.ledger.action import Action
from models.notice import NoticeKind, tell
from models.rows import Change, Query
from models.user import User, UserStatus, roles_of
from models.vault.keys import KeyTurn

if TYPE_CHECKING:
    from models.workspace import Workspace

ABSOLUTE = timedelta(hours=12)
IDLE = timedelta(minutes=60)
GRACE = timedelta(seconds=10)  # a lost answer gets the same successor this long
MOST = 10  # sessions a person
KEPT = timedelta(days=30)  # a session's row outlives it this long, for questions about it
PREFIX = "wpr_"


class SignInSession(AgencyRecord, table=True):
    """One sign-in of one person, alive until revoked, idle too long, or 12 hours old."""

    __tablename__ = "sessions"
    machinery: ClassVar[bool] = True
    of_the_day: ClassVar[bool] = True
    __table_args__ = (
        within("user_id", "users"),
        sa.Index("ix_sessions_user", "agency_id", "user_id", "opened_at"),
    )

    user_id: UUID = id_field()
    opened_at: datetime = instant_field()
    last_used_at: datetime = instant_field()
    expires_at: datetime = instant_field()
    revoked_at: datetime | None = instant_field(default=None)
    generation: int = 1
    refresh_hash: bytes = Field(sa_type=BYTES, repr=False)
    agent: str | None = None
    network: str | None = None
    """The /24 or /56 it was opened from: enough for "that was not me"."""
    auth: str = "password"
    factor_at: datetime | None = instant_field(default=None)
    """When her second factor was shown last."""
    must_enrol: bool = False
    """Whether one is needed and none was shown: until then it opens nothing but the way to one."""

    @classmethod
    def open(
        cls,
        db: "Workspace",
        user_id: UUID,
        proof: str | None = None,
        *,
        by: str = "password",
        enrolled: bool = False,
        shown_at: datetime | None = None,
    ) -> "Opened":
        """Sign a person in; the oldest of her sessions ends when she has more than 10. `proof`: what second factor she
        showed, just now or at `shown_at`; without one the session can only enrol, or show it, unless the agency asks
        for none and she has none (`enrolled`)."""
        session_id = uuid4()
        secret = db.vault.service.refresh_secret(session_id, 1)
        session = db.create(
            cls,
            Action.SESSION_OPENED,
            id=session_id,
            user_id=user_id,
            opened_at=db.now,
            last_used_at=db.now,
            expires_at=db.now + ABSOLUTE,
            refresh_hash=sha256(secret).digest(),
            agent=db.origin.agent,
            network=place_of(db.origin.ip),
            auth=f"{by}+{proof}" if proof else by,
            factor_at=(shown_at or db.now) if proof else None,
            must_enrol=proof is None and (enrolled or agency.needs_factor(db)),
        )
        db.flush()
        for old in cls.of(db, user_id)[MOST:]:
            db.claim(cls, old.id).revoke(db)
        return Opened(session, _refresh_token(session, secret))

    def proved_anew(self, db: "Workspace", proof: str) -> "Opened":
        """Her second factor was shown in this session just now: another one takes its place, with tokens of its own and
        the same end. Whoever has this one's tokens without having shown anything has nothing; the row was claimed."""
        self.revoke(db)
        db.flush()
        opened = SignInSession.open(db, self.user_id, proof, by=_way(self.auth))
        opened.session.expires_at = self.expires_at
        return opened

    @classmethod
    def of(cls, db: "Workspace", user_id: UUID) -> list["SignInSession"]:
        """A person's living sessions, newest first."""
        living = (_N.user_id == user_id, _N.revoked_at.is_(None), _N.expires_at > db.now)
        return db.all(sa.select(cls).where(*living).order_by(_N.opened_at.desc(), _N.id))

    @classmethod
    def refresh(cls, db: "Workspace", session_id: UUID, secret: bytes) -> "Opened":
        """Rotate. A used-up token ends the session, except within 10 seconds, when it gets the same successor again."""
        try:
            session = db.claim(cls, session_id)
        except NotFound:
            raise Unauthenticated("session-ended") from None
        if not session.alive(db.now) or db.now - session.last_used_at > IDLE:
            raise Unauthenticated("session-ended")
        presented = sha256(secret).digest()
        if not hmac.compare_digest(presented, session.refresh_hash):
            return session.used_up(db, presented)
        session.generation += 1
        fresh = db.vault.service.refresh_secret(session.id, session.generation)
        session.refresh_hash, session.last_used_at = sha256(fresh).digest(), db.now
        db.record(Action.SESSION_REFRESHED, session)
        return Opened(session, _refresh_token(session, fresh))

    def used_up(self, db: "Workspace", presented: bytes) -> "Opened":
        """What a token before the current one gets: the same successor within the grace, else the session's end."""
        service = db.vault.service
        before = sha256(service.refresh_secret(self.id, self.generation - 1)).digest()
        if hmac.compare_digest(presented, before) and db.now - self.last_used_at <= GRACE:
            return Opened(self, _refresh_token(self, service.refresh_secret(self.id, self.generation)))
        if any(
            hmac.compare_digest(presented, sha256(service.refresh_secret(self.id, n)).digest())
            for n in range(1, self.generation)
        ):
            self.revoked_at = db.now
            db.record(Action.SESSION_FAMILY_REVOKED, self)
            tell(db, [self.user_id], NoticeKind.SESSION_STOLEN, self.id)
            return Opened(self, None)
        raise Unauthenticated("session-ended")

    def alive(self, now: datetime) -> bool:
        """Neither revoked nor past its 12 hours."""
        return self.revoked_at is None and now < self.expires_at

    def revoke(self, db: "Workspace") -> None:
        """Sign out. Doing it twice changes nothing."""
        if self.revoked_at is None:
            self.revoked_at = db.now
            db.record(Action.SESSION_REVOKED, self)


@dataclass(frozen=True)
class Opened:
    """A session and the one refresh token that carries it on; None when reuse just ended it."""

    session: SignInSession
    refresh_token: str | None


def end_sessions(db: "Workspace", user_id: UUID, keep: UUID | None = None) -> None:
    """Sign a person out everywhere, or everywhere but here."""
    for session in SignInSession.of(db, user_id):
        if session.id != keep:
            db.claim(SignInSession, session.id).revoke(db)


def _refresh_token(session: SignInSession, secret: bytes) -> str:
    return PREFIX + base64.urlsafe_b64encode(session.agency_id.bytes + session.id.bytes + secret).decode().rstrip("=")


def parse_refresh_token(token: str) -> tuple[UUID, UUID, bytes]:
    """(agency, session, secret) of a refresh token. Raises Unauthenticated('session-ended') for anything else."""
    try:
        raw = base64.b64decode(token.removeprefix(PREFIX) + "==", altchars=b"-_", validate=True)
    except ValueError:
        raise Unauthenticated("session-ended") from None
    if not token.startswith(PREFIX) or len(raw) != 64:
        raise Unauthenticated("session-ended")
    return UUID(bytes=raw[:16]), UUID(bytes=raw[16:32]), raw[32:]


def place_of(ip: str | None) -> str | None:
    """The network an address lies in, as it may be shown: /24 of IPv4, /56 of IPv6. None for what is no address."""
    try:
        found = ipaddress.ip_address((ip or "").partition("%")[0])
    except ValueError:
        return None
    if isinstance(found, ipaddress.IPv6Address):
        if found.ipv4_mapped is None:
            return str(ipaddress.ip_network((found.packed, 56), strict=False))
        found = found.ipv4_mapped
    return str(ipaddress.ip_network((found.packed, 24), strict=False))


_N, _U, _T = columns(SignInSession), columns(User), columns(KeyTurn)
_WHO = Query(
    sa.select(_N.user_id, _N.revoked_at, _N.expires_at, _N.auth, _N.factor_at, _N.must_enrol)
    .add_columns(_U.roles, _U.status, _U.must_change_password, _U.team_id, _U.glass_ends_at, _U.glass_due_at, _T.turn)
    .join_from(table_of(SignInSession), table_of(User), sa.and_(_U.agency_id == _N.agency_id, _U.id == _N.user_id))
    .join(table_of(KeyTurn), _T.agency_id == _N.agency_id)
    .where(_N.id == sa.bindparam("session_id", required=True))
)


def actor_of(db: "Workspace", session_id: UUID, user_id: UUID) -> Actor:
    """Who a verified access token stands for now. Raises Unauthenticated when signed out, suspended or expired."""
    found = db.rows(_WHO, session_id=session_id)
    if not found or found[0].user_id != user_id:
        raise Unauthenticated("session-ended")
    row = found[0]
    if row.revoked_at is not None or db.now >= row.expires_at or row.status != UserStatus.ACTIVE:
        raise Unauthenticated("session-ended")
    db.keys.at_turn(row.turn)
    return Actor(
        db.agency_id,
        user_id,
        roles=roles_of(row.roles),
        session_id=session_id,
        auth=row.auth,
        must_change_password=bool(row.must_change_password),
        must_enrol=bool(row.must_enrol),
        factor_at=row.factor_at,
        team_id=row.team_id,
        glass_open=row.glass_ends_at is not None and db.now < row.glass_ends_at,
        unreviewed=row.glass_due_at is not None and row.glass_due_at <= db.now and _unreviewed(db, user_id),
    )


_SESSION: Any = sa.bindparam("session_id", type_=ID, required=True)
_PROVED = Change(
    sa.update(table_of(SignInSession))
    .where(_N.id == _SESSION)
    .values(
        factor_at=sa.bindparam("at", type_=_N.factor_at.type, required=True),
        must_enrol=sa.false(),
        auth=sa.bindparam("auth", required=True),
    )
)
_UNPROVED = Change(
    sa.update(table_of(SignInSession))
    .where(_N.id == _SESSION)
    .values(factor_at=sa.null(), must_enrol=sa.bindparam("must_enrol", type_=sa.Boolean, required=True))
)
_ALL_MUST_ENROL = Change(sa.update(table_of(SignInSession)).where(_N.factor_at.is_(None)).values(must_enrol=sa.true()))


def proved(db: "Workspace", session_id: UUID, proof: str) -> None:
    """Her second factor was shown in this session just now; whoever calls says so in the entry."""
    db.change(_PROVED, session_id=session_id, at=db.now, auth=f"{_way(db.actor.auth)}+{proof}")


def _way(auth: str | None) -> str:
    """How a session was opened, without what was shown in it: `password`, `sso`."""
    return (auth or "password").partition("+")[0]


def unproved(db: "Workspace", session_id: UUID) -> None:
    """She has no second factor any more: this session is as if it had been opened without one."""
    db.change(_UNPROVED, session_id=session_id, must_enrol=agency.needs_factor(db))


def all_must_enrol(db: "Workspace") -> None:
    """From now on the agency asks for a second factor: sessions opened without one can only enrol."""
    db.change(_ALL_MUST_ENROL)


def _unreviewed(db: "Workspace", user_id: UUID) -> bool:
    """Whether a break-glass of hers has waited longer for its review than it may. Asked only when her row says so: what
    counts is the break-glass, and with a destroyed client's record it is gone."""
    with db.blindly():
        return bool(db.rows(rows.unreviewed_glass(), of_user=user_id, until=db.now - REVIEWED_WITHIN))


_FORGET = Change(sa.delete(table_of(SignInSession)).where(_N.expires_at < sa.bindparam("before", required=True)))


def forget_dead(db: "Workspace") -> int:
    """Drop sessions that ended a month ago; the ledger keeps that they were. Returns how many."""
    return db.change(_FORGET, before=db.now - KEPT)
