"""Integrations: another organisation's program, which recipient it works for, from where and how long it may ask."""

import unicodedata
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, ClassVar
from uuid import UUID, uuid4

import sqlalchemy as sa
from sqlmodel import Field

from models.access import Scope
from models.base import BYTES, AgencyRecord, columns, id_field, instant_field, sealed_column, within
from models.errors import Conflict, Fault, Invalid, NotFound
from models.ledger.action import Action
from models.rows import Query
from models.spelling import client_id, hashed, secret_text
from models.vault.sealed import Sealed

if TYPE_CHECKING:
    from models.workspace import Workspace

MOST_SECRETS = 2  # live at a time: the old one works until everybody has the new one
LONGEST = timedelta(days=366)


class Integration(AgencyRecord, table=True):
    """A program of one recipient organisation, for one purpose. Both stay what they were when it was entered: a release
    names them, and another purpose is another integration."""

    __tablename__ = "integrations"
    __table_args__ = (sa.CheckConstraint("seal_rev > 0", name="sealed"),)

    recipient_sealed: bytes | None = sealed_column()
    recipient = Sealed[str]()
    purpose_sealed: bytes | None = sealed_column()
    purpose = Sealed[str]()
    terms_tag: bytes = Field(sa_type=BYTES)
    scopes: str
    """What it may be given, apart by spaces."""
    networks: str
    """From where it may ask (CIDR), apart by spaces."""
    expires_at: datetime | None = instant_field(default=None)
    suspended_at: datetime | None = instant_field(default=None)
    suspended_by_id: UUID | None = id_field(default=None)
    created_at: datetime = instant_field()
    created_by_id: UUID = id_field()
    version: int = 1
    seal_rev: int = 0

    @property
    def granted(self) -> frozenset[Scope]:
        """The scopes as a set."""
        return scopes_of(self.scopes)

    @property
    def client_id(self) -> str:
        """Its name at the token endpoint."""
        return client_id(self.agency_id, self.id)

    @classmethod
    def enter(
        cls,
        db: "Workspace",
        recipient: str,
        purpose: str,
        scopes: Iterable[Scope],
        networks: Sequence[str],
        expires_at: datetime | None,
    ) -> "Integration":
        """A new integration, without a secret. Invalid for an end that is past."""
        _must_come(db, expires_at)
        made = db.create(
            cls,
            Action.INTEGRATION_CREATED,
            recipient=recipient,
            purpose=purpose,
            terms_tag=terms(db, recipient, purpose),
            scopes=_joined(scopes),
            networks=" ".join(networks),
            expires_at=expires_at,
            created_at=db.now,
            created_by_id=db.actor.id,
        )
        db.flush()
        return made

    def change(self, db: "Workspace", **changes: Any) -> None:
        """Change scopes, networks or the end; the row was claimed. It acts on the next request, tokens included."""
        if "scopes" in changes:
            changes["scopes"] = _joined(changes["scopes"])
        if "networks" in changes:
            changes["networks"] = " ".join(changes["networks"])
        if "expires_at" in changes:
            _must_come(db, changes["expires_at"])
        for name, value in changes.items():
            setattr(self, name, value)
        db.record(Action.INTEGRATION_UPDATED, self, *changes)

    def suspend(self, db: "Workspace") -> None:
        """Nothing more for it, from the next request on; the row was claimed. Doing it twice changes nothing."""
        if self.suspended_at is None:
            self.suspended_at, self.suspended_by_id = db.now, db.actor.id
            db.record(Action.INTEGRATION_SUSPENDED, self)

    def reinstate(self, db: "Workspace") -> None:
        """It may ask again, with the secrets it has; the row was claimed. Doing it twice changes nothing."""
        if self.suspended_at is not None:
            self.suspended_at = self.suspended_by_id = None
            db.record(Action.INTEGRATION_REINSTATED, self)

    def new_secret(self, db: "Workspace", expires_at: datetime) -> "tuple[IntegrationSecret, str]":
        """One more secret and its text, which is nowhere kept; the row was claimed. Conflict when two are alive,
        Invalid for an end that is past or more than a year away."""
        _must_come(db, expires_at)
        if expires_at > db.now + LONGEST:
            raise Invalid(Fault("/expires_at", "secret-too-long", "A secret lasts a year at most."))
        if len([one for one in secrets_of(db, self.id) if one.alive(db.now)]) >= MOST_SECRETS:
            raise Conflict("too-many-secrets")
        secret_id = uuid4()
        text = secret_text(secret_id)
        made = db.create(
            IntegrationSecret,
            Action.INTEGRATION_SECRET_MADE,
            id=secret_id,
            integration_id=self.id,
            secret_hash=hashed(text),
            made_at=db.now,
            made_by_id=db.actor.id,
            expires_at=expires_at,
        )
        db.flush()
        return made, text


class IntegrationSecret(AgencyRecord, table=True):
    """A secret's hash. Tokens given out for it stop with it. Old ones do not come back with a backup: after a restore
    every integration gets new ones."""

    __tablename__ = "integration_secrets"
    of_the_day: ClassVar[bool] = True
    __table_args__ = (
        within("integration_id", "integrations"),
        sa.Index("ix_integration_secrets_integration", "agency_id", "integration_id"),
    )

    integration_id: UUID = id_field()
    secret_hash: bytes = Field(sa_type=BYTES, repr=False)
    made_at: datetime = instant_field()
    made_by_id: UUID = id_field()
    expires_at: datetime = instant_field()
    revoked_at: datetime | None = instant_field(default=None)
    revoked_by_id: UUID | None = id_field(default=None)
    last_used_at: datetime | None = instant_field(default=None)

    def alive(self, now: datetime) -> bool:
        """Whether it still opens anything."""
        return self.revoked_at is None and now < self.expires_at

    def revoke(self, db: "Workspace") -> None:
        """It and its tokens are worth nothing from here on; the row was claimed. Twice changes nothing."""
        if self.revoked_at is None:
            self.revoked_at, self.revoked_by_id = db.now, db.actor.id
            db.record(Action.INTEGRATION_SECRET_REVOKED, self)


# -- what integrations and releases agree on -----------------------------------------------------------------------


def terms(db: "Workspace", recipient: str, purpose: str) -> bytes:
    """The tag of a recipient and a purpose: equal for equal words in any case and spacing, in this agency alone."""
    folded = (" ".join(unicodedata.normalize("NFKC", text).casefold().split()) for text in (recipient, purpose))
    return db.keys.tag("release-terms", "\x00".join(folded))


def scopes_of(text: str) -> frozenset[Scope]:
    """A text of scopes as a set. ValueError for one there is not."""
    return frozenset(Scope(part) for part in text.split())


def _joined(scopes: Iterable[Scope]) -> str:
    return " ".join(sorted(frozenset(scopes)))


def _must_come(db: "Workspace", expires_at: datetime | None) -> None:
    if expires_at is not None and expires_at <= db.now:
        raise Invalid(Fault("/expires_at", "end-past", "This end would be over already."))


# -- for those who keep them ---------------------------------------------------------------------------------------

_I, _S = columns(Integration), columns(IntegrationSecret)


def integrations_of(db: "Workspace", most: int, after: UUID | None) -> list[Integration]:
    """The agency's integrations by id, at most `most`, those behind `after`."""
    found = sa.select(Integration).order_by(_I.id).limit(most)
    return db.all(found if after is None else found.where(_I.id > after))


def secrets_of(db: "Workspace", integration_id: UUID) -> list[IntegrationSecret]:
    """An integration's secrets, newest first; those that are over too."""
    found = sa.select(IntegrationSecret).where(_S.integration_id == integration_id)
    return db.all(found.order_by(_S.made_at.desc(), _S.id))


def secret_of(db: "Workspace", integration_id: UUID, secret_id: UUID) -> IntegrationSecret:
    """One secret, locked for change. NotFound for another integration's."""
    secret = db.claim(IntegrationSecret, secret_id)
    if secret.integration_id != integration_id:
        raise NotFound
    return secret


_MATCHING = Query(
    sa.select(_I.id).where(_I.terms_tag == sa.bindparam("terms_tag", type_=BYTES, required=True)).limit(1)
)


def must_be_for(db: "Workspace", recipient: str, purpose: str) -> bytes:
    """The tag of these terms, if an integration stands for them. Invalid otherwise: a release that is to open fields
    to a program would open none."""
    tag = terms(db, recipient, purpose)
    if not db.rows(_MATCHING, terms_tag=tag):
        raise Invalid(Fault("/fields", "no-integration", "No integration has this recipient and purpose."))
    return tag


_NAMES = Query(sa.select(_I.id, _I.recipient_sealed).where(_I.id.in_(sa.bindparam("ids", expanding=True))))
_RECIPIENTS = Query(
    sa.select(_I.id, _I.recipient_sealed, _I.purpose_sealed, _I.scopes).where(_I.suspended_at.is_(None)).order_by(_I.id)
)


def recipients(db: "Workspace") -> list[Any]:
    """To whom, for what, a release can open which fields: recipient, purpose, scopes; the reading is an entry."""
    found = db.rows(_RECIPIENTS)
    db.note(Action.INTEGRATION_LISTED, "integrations", [row.id for row in found])
    return found


def names_of(db: "Workspace", ids: Iterable[UUID]) -> dict[UUID, str]:
    """The recipients integrations of this agency stand for, by their ids, opened."""
    wanted = list(ids)
    return {row.id: row.recipient for row in db.rows(_NAMES, ids=wanted)} if wanted else {}
