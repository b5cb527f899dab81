"""Clients: who the agency works with. Only people assigned to a client, or supervising, ever see one."""

from datetime import date, datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import AfterValidator, Field, StringConstraints, model_validator
from pydantic_core import PydanticCustomError

from api import paging
from api.door import Door, IfMatch
from api.gate import Can
from api.paging import Page
from api.shapes import Day, Filter, In, Language, Line, LongLine, Name, Note, Out, Patch, Short
from models import agency
from models.access import Permission
from models.break_glass import shut_of_client
from models.client import Client, ClientStatus, ExternalId, clients_of
from models.ledger.action import Action
from models.plan import close_case
from models.workspace import Workspace

router = APIRouter(prefix="/clients", tags=["clients"], route_class=Door)
Languages = Annotated[list[Language], Field(max_length=10)]


class Contact(In):
    """How to reach a client without putting her at risk. Everything is optional; all of it is sealed."""

    phone: Short | None = None
    email: Line | None = None
    address: Note | None = None
    preferred_channel: Short | None = None
    safe_hours: Line | None = None
    voicemail_ok: bool | None = None
    name_to_use: Name | None = None
    warning: LongLine | None = None
    """What whoever contacts her must know first; shown in the caseload."""


class ExternalIdIn(In):
    """Her id in another system."""

    system: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_-]{0,39}$")]
    value: Name


def _no_twins(pairs: list[ExternalIdIn]) -> list[ExternalIdIn]:
    if len({(pair.system, pair.value) for pair in pairs}) < len(pairs):
        raise PydanticCustomError("external-id-twice", "The same id stands here twice.")
    return pairs


ExternalIds = Annotated[list[ExternalIdIn], Field(max_length=20), AfterValidator(_no_twins)]


class ClientIn(In):
    """A new client. An alias or a legal name is needed; everything else can stay unsaid."""

    alias: Line | None = None
    legal_name: Line | None = None
    pronouns: Short | None = None
    date_of_birth: Day | None = None
    languages: Languages = []
    contact: Contact = Contact()
    external_ids: ExternalIds = []
    status: ClientStatus = ClientStatus.OPEN
    opened_on: Day | None = None
    """The day the work began; today when not said."""

    @model_validator(mode="after")
    def _named(self) -> "ClientIn":
        if not (self.alias or self.legal_name):
            raise PydanticCustomError("name-needed", "A client needs an alias or a legal name.")
        if self.status is ClientStatus.CLOSED:
            raise PydanticCustomError("use-closure", "A case is closed with PUT …/closure.")
        return self


class ClientPatch(Patch):
    """What is to change; null takes away."""

    alias: Line | None = None
    legal_name: Line | None = None
    pronouns: Short | None = None
    date_of_birth: Day | None = None
    languages: Languages = []
    contact: Contact = Contact()
    """Merged member by member; null takes one away."""
    external_ids: ExternalIds = []
    """Replaces the whole list."""
    status: ClientStatus = ClientStatus.OPEN
    """enquiry, open or dormant; closing has its own address."""

    @model_validator(mode="after")
    def _not_closing(self) -> "ClientPatch":
        if self.status is ClientStatus.CLOSED:
            raise PydanticCustomError("use-closure", "A case is closed with PUT …/closure.")
        return self


class ClosureIn(In):
    """Why the case is closed."""

    reason: Note


class ClientFilter(Filter):
    """Which clients."""

    status: list[ClientStatus] = []
    limit: Annotated[int, Field(ge=1, le=200)] = 50
    cursor: str | None = None


class ClientSummary(Out):
    """A client in a list: nothing that identifies her."""

    id: UUID
    status: ClientStatus
    restricted: bool
    opened_on: date
    version: int

    @classmethod
    def of(cls, client: Client) -> "ClientSummary":
        return cls(
            id=client.id,
            status=client.status,
            restricted=client.restricted,
            opened_on=client.opened_on,
            version=client.version,
        )


class ClientOut(Out):
    """A client. Reading it is logged, for her to ask about."""

    home = "/v1/clients"
    still = True

    id: UUID
    alias: str | None
    legal_name: str | None
    pronouns: str | None
    date_of_birth: date | None
    languages: list[str]
    contact: Contact
    external_ids: list[ExternalIdIn]
    status: ClientStatus
    closing_reason: str | None
    restricted: bool
    opened_on: date
    closed_at: datetime | None
    version: int

    @classmethod
    def of(cls, db: Workspace, client: Client) -> "ClientOut":
        known_as = [ExternalIdIn(system=e.system, value=e.value or "") for e in ExternalId.of(db, client.id)]
        born = client.date_of_birth
        return cls(
            id=client.id,
            alias=client.alias,
            legal_name=client.legal_name,
            pronouns=client.pronouns,
            date_of_birth=date.fromisoformat(born) if born else None,
            languages=client.languages or [],
            contact=Contact.model_validate(client.contact or {}),
            external_ids=known_as,
            status=client.status,
            closing_reason=client.closing_reason,
            restricted=client.restricted,
            opened_on=client.opened_on,
            closed_at=client.closed_at,
            version=client.version,
        )

    @classmethod
    def again(cls, db: Workspace, row_id: UUID) -> "ClientOut":
        client = db.find(Client, row_id)
        db.record(Action.CLIENT_READ, client)
        return cls.of(db, client)


@router.get("", summary="List clients")
def list_clients(
    query: Annotated[ClientFilter, Query()], db: Annotated[Workspace, Can(Permission.CLIENT_READ)]
) -> Page[ClientSummary]:
    """The clients the caller may see, without names: those are in GET /v1/caseload."""
    scope = f"clients?status={sorted(query.status)}"
    rows = clients_of(db, query.status, query.limit + 1, paging.after_id(db, scope, query.cursor))
    return paging.page(db, scope, rows, query.limit, lambda client: [str(client.id)], ClientSummary.of)


@router.post("", status_code=201, summary="Take a client on")
def create_client(body: ClientIn, db: Annotated[Workspace, Can(Permission.CLIENT_CREATE)]) -> ClientOut:
    """A new client with a data key of her own, assigned to the caller."""
    today = agency.today(db)
    values = _stored(dict(body) | {"opened_on": body.opened_on or today})
    known_as = values.pop("external_ids")
    client_id = Client.open(db, **values)
    if known_as:
        ExternalId.replace(db, client_id, known_as)
    return _echo(body, client_id, values["opened_on"])


@router.get("/{client_id}", summary="Read a client")
def read_client(client_id: UUID, db: Annotated[Workspace, Can(Permission.CLIENT_READ)]) -> ClientOut:
    """A client with everything known of her; the reading is logged."""
    return ClientOut.again(db, client_id)


@router.patch("/{client_id}", summary="Change a client")
def update_client(
    client_id: UUID, body: ClientPatch, db: Annotated[Workspace, Can(Permission.CLIENT_UPDATE)], if_match: IfMatch
) -> ClientOut:
    """Change what is known of a client. A name has to remain."""
    changes = _stored(body.changes())
    if "contact" in changes:
        changes["contact"] = body.contact.model_dump(exclude_unset=True)
    client = db.claim(Client, client_id, if_match)
    client.update(db, **changes)
    db.flush()
    return ClientOut.of(db, client)


@router.put("/{client_id}/closure", summary="Close a case")
def close(client_id: UUID, body: ClosureIn, db: Annotated[Workspace, Can(Permission.CLIENT_UPDATE)]) -> ClientOut:
    """Close the case with a reason. It can be opened again."""
    client = db.claim(Client, client_id)
    close_case(db, client, body.reason)
    db.flush()
    return ClientOut.of(db, client)


@router.delete("/{client_id}/closure", summary="Open a closed case again")
def reopen(client_id: UUID, db: Annotated[Workspace, Can(Permission.CLIENT_UPDATE)]) -> ClientOut:
    """Open the case again."""
    client = db.claim(Client, client_id)
    client.reopen(db)
    db.flush()
    return ClientOut.of(db, client)


@router.put("/{client_id}/restriction", status_code=204, summary="Restrict a client")
def restrict(client_id: UUID, db: Annotated[Workspace, Can(Permission.CLIENT_RESTRICT)]) -> None:
    """From now on only those see her who are assigned to her or cover, supervisors included. Somebody has to be."""
    db.claim(Client, client_id).restrict(db)
    shut_of_client(db, client_id)


@router.delete("/{client_id}/restriction", status_code=204, summary="Lift the restriction of a client")
def unrestrict(client_id: UUID, db: Annotated[Workspace, Can(Permission.CLIENT_UNRESTRICT)]) -> None:
    """She is seen as any other client again. It takes another person than the one who restricted her."""
    db.claim(Client, client_id).unrestrict(db)


def _stored(values: dict[str, Any]) -> dict[str, Any]:
    """Values as the model keeps them: a sealed day and a sealed contact are JSON."""
    if isinstance(born := values.get("date_of_birth"), date):
        values["date_of_birth"] = born.isoformat()
    if "external_ids" in values:
        values["external_ids"] = [(e.system, e.value) for e in values["external_ids"]]
    if isinstance(contact := values.get("contact"), Contact):
        values["contact"] = contact.model_dump(exclude_none=True)
    return values


def _echo(body: ClientIn, client_id: UUID, opened_on: date) -> ClientOut:
    """The new client as just sent: nothing has to be opened again to show it."""
    return ClientOut(
        id=client_id,
        alias=body.alias,
        legal_name=body.legal_name,
        pronouns=body.pronouns,
        date_of_birth=body.date_of_birth,
        languages=body.languages,
        contact=body.contact,
        external_ids=body.external_ids,
        status=body.status,
        closing_reason=None,
        restricted=False,
        opened_on=opened_on,
        closed_at=None,
        version=1,
    )
