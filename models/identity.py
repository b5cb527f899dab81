"""Single sign-on: an agency's identity provider, whose account there is whose here, and sign-ins that have begun."""

import base64
import hmac
import secrets
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import sha256
from typing import TYPE_CHECKING, Any, ClassVar
from uuid import UUID, uuid4

import sqlalchemy as sa
from sqlmodel import Field

from models.base import (
    BYTES,
    ID,
    INSTANT,
    AgencyRecord,
    columns,
    id_field,
    instant_field,
    sealed_column,
    table_of,
    within,
)
from models.errors import Conflict, Fault, Invalid, NotFound, Unauthenticated
from models.ledger.action import Action
from models.notice import NoticeKind, tell
from models.rows import Change, Insert, Query
from models.vault.sealed import Sealed

if TYPE_CHECKING:
    from models.workspace import Workspace

LIFE = timedelta(minutes=10)
MOST = 10  # accounts a person may link
PREFIX = "wps_"
#: What a session opened by the provider says of itself, before a + and the second factor that was shown in it.
BY_PROVIDER = "sso"
#: Words of RFC 8176 that tell of a password, a place or a risk: by themselves none is a second factor.
NO_FACTOR = frozenset({"geo", "kba", "pin", "pwd", "rba", "user", "wia"})


class IdentityProvider(AgencyRecord, table=True):
    """The provider an agency's people sign in at; its id is the agency's."""

    __tablename__ = "identity_providers"
    __table_args__ = (
        sa.CheckConstraint("id = agency_id", name="own"),
        sa.CheckConstraint("seal_rev > 0", name="sealed"),
    )

    issuer_sealed: bytes | None = sealed_column()
    issuer = Sealed[str]()
    app_id_sealed: bytes | None = sealed_column()
    app_id = Sealed[str]()
    app_secret_sealed: bytes | None = sealed_column()
    app_secret = Sealed[str]()
    enabled: bool = False
    local_sign_in: bool = True
    factor_values: str = ""
    """Values of `acr` or `amr` that count for a second factor, apart by spaces."""
    version: int = 1
    seal_rev: int = 0

    @classmethod
    def of(cls, db: "Workspace") -> "IdentityProvider":
        """The agency's. NotFound when it has none."""
        return db.find(cls, db.agency_id)

    @classmethod
    def put(cls, db: "Workspace", app_secret: str | None, factor_values: Iterable[str], **values: Any) -> None:
        """Enter it, or change it; without a secret the one that is there stays, unless it would be
        sent elsewhere or for another client: Invalid, as for a factor value that tells of none. Passwords work again
        from here on: nobody has come in by what was just entered."""
        factor_values = list(factor_values)
        for place, value in enumerate(factor_values):
            if value in NO_FACTOR:
                raise Invalid(Fault(f"/factor_values/{place}", "not-a-factor", "This tells of no second factor."))
        values |= {"factor_values": " ".join(factor_values), "local_sign_in": True}
        if app_secret is not None:
            values["app_secret"] = app_secret
        try:
            row = db.claim(cls, db.agency_id)
        except NotFound:
            db.create(cls, Action.IDENTITY_PROVIDER_CHANGED, id=db.agency_id, **values)
        else:
            there = cls.issuer.open(row), cls.app_id.open(row)
            if app_secret is None and there != (values["issuer"], values["app_id"]):
                raise Invalid(Fault("/client_secret", "missing", ""))
            for name, value in values.items():
                setattr(row, name, value)
            db.record(Action.IDENTITY_PROVIDER_CHANGED, row)
        db.flush()

    def require(self, db: "Workspace") -> None:
        """Passwords open nothing any more; the row was claimed. Conflict unless whoever asks came in by the provider
        herself: what does not work for her must not shut everybody out."""
        if not self.enabled or (db.actor.auth or "").partition("+")[0] != BY_PROVIDER:
            raise Conflict("sso-not-proved")
        if self.local_sign_in:
            self.local_sign_in = False
            db.record(Action.LOCAL_SIGN_IN_DISABLED, self)

    def allow_local(self, db: "Workspace") -> None:
        """Passwords work again; the row was claimed. Doing it twice changes nothing."""
        if not self.local_sign_in:
            self.local_sign_in = True
            db.record(Action.LOCAL_SIGN_IN_ENABLED, self)


class Identity(AgencyRecord, table=True):
    """That an account at the provider is a person's here. The account is known by a keyed tag of issuer and subject:
    never by an address, which is given to somebody else tomorrow."""

    __tablename__ = "identities"
    __table_args__ = (
        within("user_id", "users"),
        sa.UniqueConstraint("agency_id", "subject_tag"),
        sa.Index("ix_identities_user", "agency_id", "user_id"),
    )

    user_id: UUID = id_field()
    subject_tag: bytes = Field(sa_type=BYTES)
    linked_at: datetime = instant_field()
    last_used_at: datetime | None = instant_field(default=None)

    @classmethod
    def link(cls, db: "Workspace", issuer: str, subject: str) -> "Identity":
        """The caller's account from here on; she is told. Conflict when it is somebody's, or she has too many."""
        tag = tag_of(db, issuer, subject)
        db.hold(tag)
        if db.all(sa.select(cls).where(_I.subject_tag == tag)) or len(cls.of(db, db.actor.id)) >= MOST:
            raise Conflict("identity-taken")
        made = db.create(cls, Action.IDENTITY_LINKED, user_id=db.actor.id, subject_tag=tag, linked_at=db.now)
        db.flush()
        tell(db, [db.actor.id], NoticeKind.IDENTITY_LINKED, made.id)
        return made

    @classmethod
    def of(cls, db: "Workspace", user_id: UUID) -> list["Identity"]:
        """A person's, oldest first."""
        return db.all(sa.select(cls).where(_I.user_id == user_id).order_by(_I.linked_at, _I.id))

    @classmethod
    def unlink(cls, db: "Workspace", identity_id: UUID) -> None:
        """The caller's own is hers no more. NotFound for anybody else's."""
        row = db.claim(cls, identity_id)
        if row.user_id != db.actor.id:
            raise NotFound
        db.record(Action.IDENTITY_UNLINKED, row)
        db.delete(row)


class SsoAttempt(AgencyRecord, table=True):
    """A sign-in, or a linking, that has begun: once, for ten minutes, in the browser that began it."""

    __tablename__ = "sso_attempts"
    machinery: ClassVar[bool] = True
    of_the_day: ClassVar[bool] = True

    state_hash: bytes = Field(sa_type=BYTES)
    browser_hash: bytes = Field(sa_type=BYTES)
    provider_revision: int
    user_id: UUID | None = id_field(default=None)
    """Who links an account; null for a sign-in."""
    expires_at: datetime = instant_field()
    used_at: datetime | None = instant_field(default=None)


@dataclass(frozen=True)
class Provider:
    """What is needed to talk with a provider."""

    issuer: str
    app_id: str
    """OpenID's client_id: who we are there. Here a client is somebody else."""
    app_secret: str = field(repr=False)
    factor_values: frozenset[str]
    revision: int
    """Grows with each entry of the provider: what began under another is over."""


@dataclass(frozen=True)
class Begun:
    """What the browser keeps (`browser_secret`) and what travels. Nonce and verifier are made from the secret, so that
    nobody who reads the database, or catches a code on its way, can use it."""

    state: str
    browser_secret: str = field(repr=False)

    @property
    def nonce(self) -> str:
        """What the provider has to put into its token."""
        return _made(self.browser_secret, b"waypost.sso.nonce.1")

    @property
    def verifier(self) -> str:
        """PKCE's (RFC 7636): 43 characters."""
        return _made(self.browser_secret, b"waypost.sso.pkce.1")


def _made(secret: str, purpose: bytes) -> str:
    return base64.urlsafe_b64encode(hmac.digest(secret.encode(), purpose, "sha256")).decode().rstrip("=")


_P, _I, _A = columns(IdentityProvider), columns(Identity), columns(SsoAttempt)
_LOCAL = Query(sa.select(_P.local_sign_in, _P.enabled).where(_P.id == sa.bindparam("agency_id")))
_BEGIN = Insert(SsoAttempt)
_MINE = (
    _A.id == sa.bindparam("attempt_id", type_=ID, required=True),
    _A.state_hash == sa.bindparam("state_hash", type_=BYTES, required=True),
    _A.browser_hash == sa.bindparam("browser_hash", type_=BYTES, required=True),
    _A.used_at.is_(None),
    _A.expires_at > sa.bindparam("at", type_=INSTANT, required=True),
)
_LOOK = Query(sa.select(_A.user_id, _A.provider_revision).where(*_MINE))
_TAKE = Change(sa.update(table_of(SsoAttempt)).where(*_MINE).values(used_at=sa.bindparam("at", type_=INSTANT)))
_FORGET = Change(
    sa.delete(table_of(SsoAttempt)).where(_A.expires_at < sa.bindparam("at", type_=INSTANT, required=True))
)
_OWNER = Query(sa.select(_I.id, _I.user_id).where(_I.subject_tag == sa.bindparam("tag", type_=BYTES, required=True)))


def provider_of(db: "Workspace") -> Provider:
    """The agency's provider, while it is enabled. NotFound else: who has none is not told from who is not there.

    Nobody is shown what is opened here, so it leaves no mark: strangers would fill the log with them."""
    found = db.all(sa.select(IdentityProvider).where(_P.id == db.agency_id))
    if not found or not found[0].enabled:
        raise NotFound
    row: IdentityProvider = found[0]
    sealed = (IdentityProvider.issuer, IdentityProvider.app_id, IdentityProvider.app_secret)
    issuer, app_id, secret = (one.open(row) or "" for one in sealed)
    return Provider(issuer, app_id, secret, frozenset(row.factor_values.split()), row.seal_rev)


def allows_local(db: "Workspace") -> bool:
    """Whether a password lets anybody in: not where people come in by the provider alone."""
    return not any(row.enabled and not row.local_sign_in for row in db.rows(_LOCAL))


def begin(db: "Workspace", provider: Provider, user_id: UUID | None = None) -> Begun:
    """A new attempt; what was not finished in time is forgotten."""
    db.change(_FORGET, at=db.now)
    attempt_id, secret = uuid4(), secrets.token_urlsafe(32)
    raw = db.agency_id.bytes + attempt_id.bytes + secrets.token_bytes(32)
    state = PREFIX + base64.urlsafe_b64encode(raw).decode().rstrip("=")
    row = {"id": attempt_id, "state_hash": _hashed(state), "browser_hash": _hashed(secret), "user_id": user_id}
    db.insert(_BEGIN, [row | {"provider_revision": provider.revision, "expires_at": db.now + LIFE}])
    return Begun(state, secret)


def agency_of(state: str) -> UUID:
    """The agency a state was made in. Unauthenticated('sso-refused') for what is none."""
    return _parts(state)[0]


def take(db: "Workspace", begun: Begun, user_id: UUID | None = None) -> Provider:
    """Use an attempt up, and say with whom it began. Unauthenticated('sso-refused') when it is over, used, another
    browser's, another person's, or the provider has been changed since."""
    _, attempt_id = _parts(begun.state)
    mine = {"attempt_id": attempt_id, "state_hash": _hashed(begun.state), "at": db.now}
    mine["browser_hash"] = _hashed(begun.browser_secret)
    found = db.rows(_LOOK, **mine)
    if not found or found[0].user_id != user_id or not db.change(_TAKE, **mine):
        raise Unauthenticated("sso-refused")
    provider = provider_of(db)
    if provider.revision != found[0].provider_revision:
        raise Unauthenticated("sso-refused")
    return provider


def owner_of(db: "Workspace", issuer: str, subject: str) -> Any | None:
    """Whose account this is (id, user_id), or None."""
    found = db.rows(_OWNER, tag=tag_of(db, issuer, subject))
    return found[0] if found else None


def tag_of(db: "Workspace", issuer: str, subject: str) -> bytes:
    """An account's tag, different in every agency."""
    return db.keys.tag("sso-subject", f"{issuer}\x00{subject}")


def _hashed(text: str) -> bytes:
    return sha256(text.encode()).digest()


def _parts(state: str) -> tuple[UUID, UUID]:
    try:
        raw = base64.b64decode(state.removeprefix(PREFIX) + "==", altchars=b"-_", validate=True)
    except ValueError:
        raise Unauthenticated("sso-refused") from None
    if not state.startswith(PREFIX) or len(raw) != 64:
        raise Unauthenticated("sso-refused")
    return UUID(bytes=raw[:16]), UUID(bytes=raw[16:32])
