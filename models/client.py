"""Clients: who is helped, in which state the case is, who is assigned, and what needs attention next."""

from collections.abc import Iterable
from datetime import UTC, date, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any, ClassVar
from uuid import UUID, uuid4

import sqlalchemy as sa
from sqlmodel import Field

from models import search_index
from models.access import Reach
from models.base import (
    BYTES,
    ID,
    AgencyRecord,
    ClientRecord,
    choice,
    columns,
    id_field,
    instant_field,
    sealed_column,
    within,
)
from models.errors import Conflict, Fault, Invalid, NotFound
from models.ledger.action import Action
from models.rows import Insert, Query, Sight
from models.user import must_work_here
from models.vault.keys import CANARY
from models.vault.sealed import Sealed

if TYPE_CHECKING:
    from models.workspace import Workspace

#: The attention date of a client with no review scheduled: sorts after every real one.
NO_REVIEW = datetime(9999, 1, 1, tzinfo=UTC)


class ClientStatus(StrEnum):
    """The state of a case."""

    ENQUIRY = "enquiry"
    OPEN = "open"
    DORMANT = "dormant"
    CLOSED = "closed"


class Client(AgencyRecord, table=True):
    """A survivor the agency works with. Only an alias or a name is needed; everything that identifies is sealed."""

    __tablename__ = "clients"
    subject_column: ClassVar[str] = "id"
    narratives: ClassVar[tuple[str, ...]] = ("closing_reason",)
    __table_args__ = (
        sa.CheckConstraint("seal_rev > 0", name="sealed"),  # never unsealed: an emptied row must not pass for a new one
        sa.Index("ix_clients_attention", "agency_id", "attention_at", "id"),
    )

    alias_sealed: bytes | None = sealed_column()
    alias = Sealed[str]()
    legal_name_sealed: bytes | None = sealed_column()
    legal_name = Sealed[str]()
    pronouns_sealed: bytes | None = sealed_column()
    pronouns = Sealed[str]()
    date_of_birth_sealed: bytes | None = sealed_column()
    date_of_birth = Sealed[str]()
    languages_sealed: bytes | None = sealed_column()
    languages = Sealed[list[str]]()
    contact_sealed: bytes | None = sealed_column()
    contact = Sealed[dict[str, Any]]()
    closing_reason_sealed: bytes | None = sealed_column()
    closing_reason = Sealed[str]()
    status: ClientStatus = Field(default=ClientStatus.OPEN, sa_type=choice(ClientStatus))
    restricted: bool = False
    opened_on: date
    created_at: datetime = instant_field()
    closed_at: datetime | None = instant_field(default=None)
    attention_at: datetime = instant_field(default=NO_REVIEW)
    version: int = 1
    seal_rev: int = 0

    @classmethod
    def open(cls, db: "Workspace", **values: Any) -> UUID:
        """A new client with a data key of her own, assigned to the advocate who took her on. Returns the id."""
        client_id = cls._keep(db, "client", values)
        if db.reach is Reach.ASSIGNED:
            Assignment.begin(db, client_id, db.actor.id)
        return client_id

    @classmethod
    def canary(cls, db: "Workspace", **values: Any) -> UUID:
        """An invented client, assigned to nobody: her key tells whoever opens her (decision 18), and her row does not.
        Returns the id."""
        return cls._keep(db, CANARY, values)

    @classmethod
    def _keep(cls, db: "Workspace", purpose: str, values: dict[str, Any]) -> UUID:
        client_id = uuid4()
        db.keys.create(client_id, purpose)
        db.create_many(_ADD_CLIENT, Action.CLIENT_CREATED, [{"id": client_id, "created_at": db.now} | values])
        search_index.follow(db, client_id, values.get("alias"), values.get("legal_name"))
        return client_id

    def update(self, db: "Workspace", **changes: Any) -> None:
        """Change what is known of her; the row was claimed. `contact` is merged member by member, null takes one away:
        a warning is never lost by not being sent. `external_ids` replaces the list of (system, value). A name has to
        remain; a closed case is reopened first."""
        if "status" in changes and self.status is ClientStatus.CLOSED:
            raise Conflict("client-closed")
        fields = tuple(changes)
        if "external_ids" in changes:
            ExternalId.replace(db, self.id, changes.pop("external_ids"))
            self.version += 1
        if "contact" in changes:
            merged = (self.contact or {}) | changes["contact"]
            changes["contact"] = {name: value for name, value in merged.items() if value is not None}
        for name, value in changes.items():
            setattr(self, name, value)
        if not (self.alias or self.legal_name):
            raise Invalid(Fault("/alias", "name-needed", "A client needs an alias or a legal name."))
        if {"alias", "legal_name"} & changes.keys():
            search_index.follow(db, self.id, self.alias, self.legal_name)
        db.record(Action.CLIENT_UPDATED, self, *fields)

    def close(self, db: "Workspace", reason: str) -> None:
        """Close the case with a reason. Doing it twice changes nothing."""
        if self.status is not ClientStatus.CLOSED:
            self.status, self.closed_at, self.closing_reason = ClientStatus.CLOSED, db.now, reason
            db.record(Action.CLIENT_CLOSED, self)

    def reopen(self, db: "Workspace") -> None:
        """Open a closed case again. Doing it twice changes nothing."""
        if self.status is ClientStatus.CLOSED:
            self.status, self.closed_at, self.closing_reason = ClientStatus.OPEN, None, None
            db.record(Action.CLIENT_REOPENED, self)


class Assignment(ClientRecord, table=True):
    """Who works with a client, from when until when. Ended rows stay: attribution never changes."""

    __tablename__ = "assignments"
    __table_args__ = (
        within("client_id", "clients"),
        within("user_id", "users"),
        sa.Index(
            "uq_assignments_open",
            "agency_id",
            "user_id",
            "client_id",
            unique=True,
            sqlite_where=sa.text("ended_at IS NULL"),
            postgresql_where=sa.text("ended_at IS NULL"),
        ),
        sa.Index(
            "ix_assignments_attention",
            "agency_id",
            "user_id",
            "attention_at",
            "client_id",
            sqlite_where=sa.text("ended_at IS NULL"),
            postgresql_where=sa.text("ended_at IS NULL"),
        ),
        sa.Index("ix_assignments_client", "agency_id", "client_id"),
    )

    user_id: UUID = id_field()
    started_at: datetime = instant_field()
    started_by_id: UUID = id_field()
    ended_at: datetime | None = instant_field(default=None)
    ended_by_id: UUID | None = id_field(default=None)
    attention_at: datetime = instant_field(default=NO_REVIEW)
    version: int = 1

    @classmethod
    def begin(cls, db: "Workspace", client_id: UUID, user_id: UUID, attention_at: datetime = NO_REVIEW) -> UUID:
        """Assign a client to an advocate or supervisor of the agency. Returns the id; twice is a Conflict."""
        if user_id != db.actor.id:
            must_work_here(db, user_id, "/user_id")
        assignment_id = uuid4()
        row = {
            "id": assignment_id,
            "client_id": client_id,
            "user_id": user_id,
            "started_at": db.now,
            "started_by_id": db.actor.id,
            "attention_at": attention_at,
        }
        db.create_many(_ADD_ASSIGNMENT, Action.ASSIGNMENT_STARTED, [row])
        return assignment_id

    def end(self, db: "Workspace") -> None:
        """From this request on the advocate no longer sees the client. Doing it twice changes nothing."""
        if self.ended_at is None:
            self.ended_at, self.ended_by_id = db.now, db.actor.id
            db.record(Action.ASSIGNMENT_ENDED, self)


class ExternalId(ClientRecord, table=True):
    """A client's id in another system: sealed, and found again by a tag that differs in every agency."""

    __tablename__ = "external_ids"
    __table_args__ = (
        within("client_id", "clients"),
        sa.CheckConstraint("seal_rev > 0", name="sealed"),
        sa.UniqueConstraint("agency_id", "client_id", "tag"),
        sa.Index("ix_external_ids_tag", "agency_id", "tag"),
    )

    system: str
    tag: bytes = Field(sa_type=BYTES)
    value_sealed: bytes | None = sealed_column()
    value = Sealed[str]()
    seal_rev: int = 0

    @classmethod
    def replace(cls, db: "Workspace", client_id: UUID, wanted: list[tuple[str, str]]) -> None:
        """Make these (system, value) pairs the client's only ones. Conflict when another client in the caller's
        sight has one. What is out of sight is not told: it would answer whether somebody is a client here."""
        for old in cls.of(db, client_id):
            db.claim(cls, old.id)
            db.record(Action.CLIENT_UPDATED, old)
            db.delete(old)
        db.flush()
        for system, value in wanted:
            tag = db.keys.tag("external-id", f"{system}\x00{value}")
            db.hold(tag)
            if db.all(sa.select(cls).where(_E.tag == tag)):
                raise Conflict("external-id-taken")
            db.create(cls, Action.CLIENT_UPDATED, client_id=client_id, system=system, tag=tag, value=value)
        db.flush()

    @classmethod
    def of(cls, db: "Workspace", client_id: UUID) -> list["ExternalId"]:
        """A client's ids elsewhere, by system."""
        found = sa.select(cls).where(_E.client_id == client_id).order_by(_E.system, _E.id)
        return db.all(found)

    @classmethod
    def owner(cls, db: "Workspace", system: str, value: str) -> UUID:
        """The client known elsewhere as `value`, if in sight; else NotFound."""
        tag = db.keys.tag("external-id", f"{system}\x00{value}")
        found = db.all(sa.select(cls).where(_E.tag == tag))
        if not found:
            raise NotFound
        client_id: UUID = found[0].client_id
        return client_id


_ADD_CLIENT = Insert(Client)
_ADD_ASSIGNMENT = Insert(Assignment)

_C, _A, _E = columns(Client), columns(Assignment), columns(ExternalId)
# key_share: checks of foreign keys pass. A plan that is changed twice in a unit has its client checked, after the plan.
_HERS = _C.id == sa.bindparam("client_id", type_=ID)
_STATE = Query(sa.select(_C.status).where(_HERS).with_for_update(key_share=True), Sight.ONE_CLIENT)
_THERE = Query(sa.select(_C.id).where(_HERS).with_for_update(key_share=True))


def clients_of(db: "Workspace", status: Iterable[ClientStatus], most: int, after: UUID | None) -> list[Client]:
    """The clients in sight by id, at most `most`, those behind `after`; of some status only when any is named."""
    found = sa.select(Client).order_by(_C.id).limit(most)
    if after is not None:
        found = found.where(_C.id > after)
    if wanted := list(status):
        found = found.where(_C.status.in_(wanted))
    return db.all(found)


def assignments_of(db: "Workspace", client_id: UUID) -> list[Assignment]:
    """Who has worked with a client, newest first. NotFound when she is out of sight."""
    db.must_see(client_id)
    found = sa.select(Assignment).where(_A.client_id == client_id)
    return db.all(found.order_by(_A.started_at.desc(), _A.id))


def lock(db: "Workspace", client_id: UUID) -> ClientStatus:
    """Hold a client's row until this unit ends, and say how her case stands. NotFound out of sight.

    Whatever changes what the client shows (her open plans, her next review) locks in one order: client, plan, parts.
    """
    status: ClientStatus = db.one(_STATE, client_id=client_id).status
    return status


def lock_named(db: "Workspace", client_id: UUID) -> None:
    """The same for verbs that whoever sees no client does by her id alone: legal holds, destruction. Who sees clients
    sees her, or gets NotFound as for anything out of sight."""
    if db.reach is not Reach.NONE:
        lock(db, client_id)
        return
    with db.blindly():
        db.one(_THERE, client_id=client_id)


def must_be_open(db: "Workspace", client_id: UUID) -> None:
    """Lock the client; Conflict for a closed case."""
    if lock(db, client_id) is ClientStatus.CLOSED:
        raise Conflict("client-closed")
