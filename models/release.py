"""Releases: a survivor's written word that one recipient may be told something, until a day; taken back at any time."""

from collections.abc import Iterable
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Any, ClassVar
from uuid import UUID, uuid4

import sqlalchemy as sa
from sqlmodel import Field

from models import agency
from models.access import Permission, Scope
from models.base import (
    BYTES,
    ID,
    INSTANT,
    ClientRecord,
    choice,
    columns,
    id_field,
    instant_field,
    sealed_column,
    table_of,
    within,
)
from models.client import lock, lock_by_id
from models.errors import Conflict, Fault, Invalid, NotFound
from models.integration import must_be_for
from models.ledger.action import Action
from models.rows import Change, Insert, Query, Sight
from models.vault.sealed import Sealed

if TYPE_CHECKING:
    from models.workspace import Workspace

UNLESS_SAID = timedelta(days=90)  # R8
AT_MOST = timedelta(days=366)


class Signer(StrEnum):
    """Who signed. Never the person who does harm, nor anybody for whom that person decides (R3)."""

    CLIENT = "client"
    CLIENT_AND_PARENT = "client_and_parent"
    GUARDIAN = "guardian"


class ReleaseStatus(StrEnum):
    """What a release is now. Read off the clock, never stored."""

    ACTIVE = "active"
    EXPIRED = "expired"
    REVOKED = "revoked"


class Withdrawal(StrEnum):
    """How a release was taken back: a spoken word is enough (R7)."""

    WRITTEN = "written"
    ORAL = "oral"


class Release(ClientRecord, table=True):
    """One consent to tell one recipient (R6) what is named, for the purpose named, for a limited time."""

    __tablename__ = "releases"
    narratives: ClassVar[tuple[str, ...]] = ("purpose", "what")
    __table_args__ = (
        within("client_id", "clients"),
        sa.CheckConstraint("seal_rev > 0", name="sealed"),
        sa.Index("ix_releases_client", "agency_id", "client_id", "expires_at"),
        sa.Index("ix_releases_terms", "agency_id", "terms_tag", "client_id"),
    )

    recipient_sealed: bytes | None = sealed_column()
    recipient = Sealed[str]()
    purpose_sealed: bytes | None = sealed_column()
    purpose = Sealed[str]()
    what_sealed: bytes | None = sealed_column()
    what = Sealed[list[str]]()
    terms_tag: bytes | None = Field(default=None, sa_type=BYTES)
    """Finds it for the integration of this recipient and purpose; null when it opens nothing to a program."""
    fields: str = ""
    """What it opens to that integration, apart by spaces."""
    signed_on: date
    signed_by: Signer = Field(default=Signer.CLIENT, sa_type=choice(Signer))
    expires_at: datetime = instant_field()
    recorded_at: datetime = instant_field()
    recorded_by_id: UUID = id_field()
    revoked_at: datetime | None = instant_field(default=None)
    revoked_by_id: UUID | None = id_field(default=None)
    revoked_how: Withdrawal | None = Field(default=None, sa_type=choice(Withdrawal))
    version: int = 1
    seal_rev: int = 0

    @classmethod
    def put_down(
        cls,
        db: "Workspace",
        client_id: UUID,
        signed_on: date,
        expires_at: datetime | None,
        fields: Iterable[Scope] = (),
        **values: Any,
    ) -> UUID:
        """Keep what was signed. Returns the id. Without an end it lasts 90 days from the day it was signed (R8).
        Invalid for a day that has not come, an end that is past, or one more than a year after signing. With `fields`
        the integration of this recipient and purpose may read them; Invalid when there is none."""
        lock(db, client_id)
        ends = expires_at or _ninety_days(db, signed_on)
        _must_be_reasonable(db, signed_on, ends)
        release_id = uuid4()
        row = {"id": release_id, "client_id": client_id, "signed_on": signed_on, "expires_at": ends} | values
        if opened := frozenset(fields):  # whatever is opened also tells that she is a client here
            row["terms_tag"] = must_be_for(db, values["recipient"], values["purpose"])
            row["fields"] = " ".join(sorted(opened | {Scope.CLIENTS_READ}))
        row |= {"recorded_at": db.now, "recorded_by_id": db.actor.id}
        db.create_many(_ADD, Action.RELEASE_RECORDED, [row])
        return release_id

    def status(self, now: datetime) -> ReleaseStatus:
        """What it is worth at this moment."""
        if self.revoked_at is not None:
            return ReleaseStatus.REVOKED
        return ReleaseStatus.ACTIVE if now < self.expires_at else ReleaseStatus.EXPIRED

    @classmethod
    def revoke(cls, db: "Workspace", release_id: UUID, how: Withdrawal) -> Any:
        """Taken back, from this moment on; doing it twice changes nothing. Returns what there is to say of it without
        her: id, expires_at, revoked_at, revoked_by_id, revoked_how, version. To stop it is enough to know its id, for
        whoever may and sees no client; NotFound out of the sight of who sees some, and behind a wall."""
        client_id = _lock_client_of(db, release_id)
        if db.change(_REVOKE, release_id=release_id, at=db.now, by=db.actor.id, how=how):
            db.note(Action.RELEASE_REVOKED, "releases", [release_id], client_id)
        return db.one(_REVOKED, release_id=release_id)

    @classmethod
    def revoke_again(cls, db: "Workspace", release_id: UUID) -> None:
        """Older data were restored that do not know of a revocation; the ledger does, but not how it was said. Nothing
        happens to a release that is not here or is revoked."""
        for row in db.rows(_CLIENT_OF, release_id=release_id):
            if db.change(_REVOKE, release_id=release_id, at=db.now, by=db.actor.id, how=None):
                db.note(Action.RELEASE_REVOKED, "releases", [release_id], row.client_id)


_R = columns(Release)
_ADD = Insert(Release)
_LIVE = Query(
    sa.select(_R.id)
    .where(_R.client_id == sa.bindparam("client_id", type_=ID), _R.revoked_at.is_(None))
    .where(_R.expires_at > sa.bindparam("at", type_=INSTANT, required=True))
    .limit(1)
)
_ALIKE = Query(
    sa.select(_R.id)
    .where(_R.client_id == sa.bindparam("client_id", type_=ID, required=True))
    .where(_R.terms_tag == sa.bindparam("tag", type_=_R.terms_tag.type, required=True), _R.revoked_at.is_(None))
    .where(_R.expires_at > sa.bindparam("at", type_=INSTANT, required=True))
    .order_by(_R.id)
)
_RELEASE_ID = sa.bindparam("release_id", type_=ID, required=True)
_TERMS = Query(sa.select(_R.client_id, _R.terms_tag).where(_R.id == _RELEASE_ID))
_CLIENT_OF = Query(sa.select(_R.client_id).where(_R.id == _RELEASE_ID))
_NAMED = Query(sa.select(_R.client_id).where(_R.id == _RELEASE_ID), Sight.NAMED)
_REVOKED = Query(
    sa.select(_R.id, _R.expires_at, _R.revoked_at, _R.revoked_by_id, _R.revoked_how, _R.version).where(
        _R.id == _RELEASE_ID
    ),
    Sight.NAMED,
)
_REVOKE = Change(
    sa.update(table_of(Release))
    .where(_R.id == _RELEASE_ID, _R.revoked_at.is_(None))
    .values(
        revoked_at=sa.bindparam("at", type_=INSTANT, required=True),
        revoked_by_id=sa.bindparam("by", type_=ID, required=True),
        revoked_how=sa.bindparam("how", type_=_R.revoked_how.type, required=True),
        version=_R.version + 1,
    )
)


def _lock_client_of(db: "Workspace", release_id: UUID) -> UUID:
    """Whose release it is, her row locked (decision 12)."""
    if found := db.rows(_CLIENT_OF, release_id=release_id):
        lock(db, found[0].client_id)
    elif db.actor.names_by_id(Permission.RELEASE_REVOKE):
        found = [db.one(_NAMED, release_id=release_id)]
        lock_by_id(db, found[0].client_id)
    else:
        raise NotFound
    client_id: UUID = found[0].client_id
    return client_id


def still_open(db: "Workspace", release_id: UUID) -> list[UUID]:
    """The living releases by which the program that this one names may read the same client. The caller has just been
    let at this one; so is she at these."""
    with db.blindly():
        [terms] = db.rows(_TERMS, release_id=release_id)
        if terms.terms_tag is None:
            return []
        return [row.id for row in db.rows(_ALIKE, client_id=terms.client_id, tag=terms.terms_tag, at=db.now)]


def releases_of(db: "Workspace", client_id: UUID, most: int, after: UUID | None) -> list[Release]:
    """A client's releases by id, at most `most`, those behind `after`. NotFound when she is out of sight."""
    db.must_see(client_id)
    found = sa.select(Release).where(_R.client_id == client_id).order_by(_R.id).limit(most)
    return db.all(found if after is None else found.where(_R.id > after))


def must_not_live(db: "Workspace", client_id: UUID) -> None:
    """Conflict('release-lives') while a release of hers is active; the client's row was locked."""
    with db.blindly():
        found = db.rows(_LIVE, client_id=client_id, at=db.now)
    if found:
        raise Conflict("release-lives")


def _ninety_days(db: "Workspace", signed_on: date) -> datetime:
    """The end of the ninetieth day after signing, at the agency."""
    zone = agency.zone(db)
    return datetime.combine(signed_on + UNLESS_SAID + timedelta(days=1), time(), zone).astimezone(UTC)


def _must_be_reasonable(db: "Workspace", signed_on: date, ends: datetime) -> None:
    zone = agency.zone(db)
    if signed_on > db.now.astimezone(zone).date():
        raise Invalid(Fault("/signed_on", "signed-ahead", "A release is signed before it is recorded."))
    if ends <= db.now:
        raise Invalid(Fault("/expires_at", "release-over", "This release would be over already."))
    if ends.astimezone(zone).date() > signed_on + AT_MOST:
        raise Invalid(Fault("/expires_at", "release-too-long", "A release lasts a year at most."))
