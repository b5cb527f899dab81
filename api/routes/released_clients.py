"""What integrations read: clients whose release to their recipient lives now, and of them what it opens."""

from datetime import date, datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import Field

from api import paging
from api.door import Door
from api.gate import Can
from api.paging import Page
from api.shapes import Filter, Out
from models import released
from models.access import Permission, Scope
from models.checklist import ItemStatus
from models.client import ClientStatus
from models.workspace import Workspace

router = APIRouter(prefix="/released-clients", tags=["integrations"], route_class=Door)


class ReleasedFilter(Filter):
    """A page of the list."""

    limit: Annotated[int, Field(ge=1, le=200)] = 50
    cursor: str | None = None


class ReleasedClientSummary(Out):
    """A client in a list. The id is this integration's own: no other partner knows it."""

    id: UUID
    status: ClientStatus
    opened_on: date


class ReleasedIdentityOut(Out):
    """Who she is."""

    alias: str | None
    legal_name: str | None
    pronouns: str | None
    date_of_birth: date | None

    @classmethod
    def of(cls, row: Any) -> "ReleasedIdentityOut":
        return cls(
            alias=row.alias,
            legal_name=row.legal_name,
            pronouns=row.pronouns,
            date_of_birth=date.fromisoformat(row.date_of_birth) if row.date_of_birth else None,
        )


class ReleasedContactOut(Out):
    """How she may be reached without putting her at risk. Read the warning first."""

    phone: str | None
    email: str | None
    postal_address: str | None
    preferred_channel: str | None
    safe_hours: str | None
    voicemail_ok: bool | None
    name_to_use: str | None
    warning: str | None
    languages: list[str]

    @classmethod
    def of(cls, row: Any) -> "ReleasedContactOut":
        known = row.contact or {}
        members = {name: known.get(name) for name in cls.model_fields} | {"languages": row.languages or []}
        return cls(**members | {"postal_address": known.get("address")})


class ReleasedClientOut(Out):
    """A client, as far as she allowed it. What is not open is null."""

    id: UUID
    fields: list[Scope]
    """What is open to this token now."""
    until: datetime
    """When the last of her releases ends, unless she takes it back before: what was read may not be kept for longer."""
    status: ClientStatus
    opened_on: date
    identity: ReleasedIdentityOut | None
    contact_details: ReleasedContactOut | None


class ReleasedItemOut(Out):
    """A step of the plan."""

    id: UUID
    text: str
    detail: str | None
    status: ItemStatus


class ReleasedSectionOut(Out):
    """A section she chose."""

    title: str
    items: list[ReleasedItemOut]


class ReleasedPlanOut(Out):
    """Her plan in use. Steps she declined and words that are to stay secret are not in it."""

    id: UUID
    client_id: UUID
    language: str
    activated_at: datetime | None
    next_review_at: datetime | None
    sections: list[ReleasedSectionOut]


@router.get("", summary="List released clients")
def list_released_clients(
    query: Annotated[ReleasedFilter, Query()], db: Annotated[Workspace, Can(Permission.RELEASED_READ)]
) -> Page[ReleasedClientSummary]:
    """The clients who released something to this integration's recipient for its purpose, now. For integrations only;
    each client can ask later who saw that she is one."""
    names = db.keys.pairwise(db.actor.id)
    after = paging.after_id(db, f"released?by={db.actor.id}", query.cursor)
    rows = released.clients(db, query.limit + 1, after)
    released.note_listed(db, [row.id for row in rows[: query.limit]])

    def shown(row: Any) -> ReleasedClientSummary:
        return ReleasedClientSummary(id=names.name(row.id), status=row.status, opened_on=row.opened_on)

    scope = f"released?by={db.actor.id}"  # a cursor is read by whoever holds it: it says no id of ours
    return paging.page(db, scope, rows, query.limit, lambda row: [str(names.name(row.id))], shown)


@router.get("/{client_id}", summary="Read a released client")
def read_released_client(client_id: UUID, db: Annotated[Workspace, Can(Permission.RELEASED_READ)]) -> ReleasedClientOut:
    """What of her is both in the token's scope and in a release that lives now. 404 once she has taken it back."""
    found, case, identity, contact = released.read(db, client_id)
    return ReleasedClientOut(
        id=db.keys.pairwise(db.actor.id).name(client_id),
        fields=sorted(found.fields),
        until=found.until,
        status=case.status,
        opened_on=case.opened_on,
        identity=ReleasedIdentityOut.of(identity) if identity else None,
        contact_details=ReleasedContactOut.of(contact) if contact else None,
    )


@router.get("/{client_id}/plan", summary="Read a released client's plan")
def read_released_plan(client_id: UUID, db: Annotated[Workspace, Can(Permission.RELEASED_PLAN)]) -> ReleasedPlanOut:
    """Her plan in use, when she released it."""
    row, sections = released.plan(db, client_id)
    name = db.keys.pairwise(db.actor.id).name
    shown = [
        ReleasedSectionOut(
            title=section.title,
            items=[
                ReleasedItemOut(id=name(item.id), text=item.text, detail=item.detail, status=item.status)
                for item in section.items
            ],
        )
        for section in sections
    ]
    return ReleasedPlanOut(
        id=name(row.id),
        client_id=name(client_id),
        language=row.language,
        activated_at=row.activated_at,
        next_review_at=row.next_review_at,
        sections=shown,
    )
