"""Clients: who is helped, in which state the case is, and what needs attention next."""

from collections.abc import Iterable
from datetime import date, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any, ClassVar
from uuid import UUID, uuid4

import sqlalchemy as sa
from sqlmodel import Field

from models import assignment, cover, search_index
from models.access import Reach
from models.assignment import NO_REVIEW, Assignment
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
from models.vault.keys import CANARY
from models.vault.sealed import Sealed

if TYPE_CHECKING:
    from models.workspace import Workspace


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
    vouched: ClassVar[tuple[str, ...]] = ("restricted",)
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
    restricted_by_id: UUID | None = id_field(default=None)
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
            db.hold(db.actor.id.bytes)
            cover.settle(db, client_id)
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

    def restrict(self, db: "Workspace") -> None:
        """From now on only those see her who are assigned to her or cover; the row was claimed. Twice changes nothing.
        Conflict while nobody is assigned: nobody would see her."""
        if self.restricted:
            return
        if not assignment.holders(assignment.open_of(db, self.id)):
            raise Conflict("nobody-assigned")
        self.restricted, self.restricted_by_id = True, db.actor.id
        db.record(Action.CLIENT_RESTRICTED, self)

    def unrestrict(self, db: "Workspace") -> None:
        """She is seen as any other client again; the row was claimed. Twice changes nothing. Conflict for whoever
        restricted her: lifting takes a second person."""
        if not self.restricted:
            return
        if self.restricted_by_id == db.actor.id:
            raise Conflict("own-restriction")
        self.restricted = False
        db.record(Action.CLIENT_UNRESTRICTED, self)
        db.flush()
        cover.settle(db, self.id)


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

_C, _E = columns(Client), columns(ExternalId)
# key_share: checks of foreign keys pass. A plan that is changed twice in a unit has its client checked, after the plan.
_HERS = _C.id == sa.bindparam("client_id", type_=ID)
_STATE = Query(sa.select(_C.status).where(_HERS).with_for_update(key_share=True), Sight.ONE_CLIENT)
_NAMED = Query(sa.select(_C.id).where(_HERS).with_for_update(key_share=True), Sight.NAMED)


def clients_of(db: "Workspace", status: Iterable[ClientStatus], most: int, after: UUID | None) -> list[Client]:
    """The clients in sight by id, at most `most`, those behind `after`; of some status only when any is named."""
    found = sa.select(Client).order_by(_C.id).limit(most)
    if after is not None:
        found = found.where(_C.id > after)
    if wanted := list(status):
        found = found.where(_C.status.in_(wanted))
    return db.all(found)


def lock(db: "Workspace", client_id: UUID) -> ClientStatus:
    """Hold a client's row until this unit ends, and say how her case stands. NotFound out of sight.

    Whatever changes what the client shows (her open plans, her next review) locks in one order: client, plan, parts.
    """
    status: ClientStatus = db.one(_STATE, client_id=client_id).status
    return status


def lock_named(db: "Workspace", client_id: UUID) -> None:
    """The same for verbs that whoever sees no client does by her id alone: legal holds, destruction, walls. Who sees
    clients sees her, or gets NotFound as for anything out of sight; and so does whoever a wall keeps from her."""
    if db.reach is not Reach.NONE:
        lock(db, client_id)
    else:
        lock_by_id(db, client_id)


def lock_by_id(db: "Workspace", client_id: UUID) -> None:
    """Hold the row of a client whom the caller may name by id. NotFound when there is none, or a wall between them."""
    db.one(_NAMED, client_id=client_id)


def must_be_open(db: "Workspace", client_id: UUID) -> None:
    """Lock the client; Conflict for a closed case."""
    if lock(db, client_id) is ClientStatus.CLOSED:
        raise Conflict("client-closed")
