"""Integrations, for the agency's admin: which programs of others may come in, with which secrets; and their stop."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import AfterValidator, Field, StringConstraints
from pydantic_core import PydanticCustomError

from api import paging
from api.door import Door, IfMatch
from api.gate import Can
from api.paging import Page
from api.shapes import Filter, In, Instant, Line, LongLine, Out, Patch
from models import admission, integration
from models.access import Permission, Scope
from models.integration import Integration, IntegrationSecret, integrations_of, secret_of, secrets_of
from models.ledger.action import Action
from models.workspace import Workspace

router = APIRouter(tags=["integrations"], route_class=Door)


def _network(text: str) -> str:
    try:
        return str(admission.networks_of(text)[0])
    except (ValueError, IndexError):
        raise PydanticCustomError("network", "A network has the form 203.0.113.0/24 or 2001:db8::/32.") from None


Network = Annotated[
    str, StringConstraints(pattern=r"^[0-9a-fA-F:./]{2,60}$"), AfterValidator(_network), Field(examples=["203.0.113.7"])
]
Networks = Annotated[list[Network], Field(min_length=1, max_length=50)]
Scopes = Annotated[list[Scope], Field(min_length=1, max_length=len(Scope))]


class IntegrationIn(In):
    """For which recipient and purpose a program may ask, for what, and from where."""

    recipient: Line
    """The one organisation it works for. Releases name it in these words."""
    purpose: LongLine
    """What it may use that for. Releases name it in these words; another purpose is another integration."""
    scopes: Scopes
    networks: Networks
    """Addresses it may ask from; 0.0.0.0/0 for anywhere."""
    expires_at: Instant | None = None
    """When it ends for good; never when not said."""


class IntegrationPatch(Patch):
    """What is to change, from the next request on. Recipient and purpose never change."""

    scopes: Scopes = []
    networks: Networks = []
    expires_at: Instant | None = None


class SecretIn(In):
    """How long the secret is good for."""

    expires_at: Instant
    """A year from now at most."""


class IntegrationFilter(Filter):
    """A page of the list."""

    limit: Annotated[int, Field(ge=1, le=200)] = 50
    cursor: str | None = None


class SecretOut(Out):
    """A secret by its id; its text was shown once."""

    id: UUID
    made_at: datetime
    made_by_id: UUID
    expires_at: datetime
    revoked_at: datetime | None
    last_used_at: datetime | None
    """When a token was last given for it."""
    alive: bool

    @classmethod
    def of(cls, row: IntegrationSecret, now: datetime) -> "SecretOut":
        return cls(
            id=row.id,
            made_at=row.made_at,
            made_by_id=row.made_by_id,
            expires_at=row.expires_at,
            revoked_at=row.revoked_at,
            last_used_at=row.last_used_at,
            alive=row.alive(now),
        )


class NewSecretOut(Out):
    """A new secret. Its text is in this answer and nowhere else: a repeated request shows null."""

    id: UUID
    client_id: str
    client_secret: str | None
    expires_at: datetime

    @classmethod
    def again(cls, db: Workspace, row_id: UUID) -> "NewSecretOut":
        secret = db.find(IntegrationSecret, row_id)
        whose = db.find(Integration, secret.integration_id)
        return cls(id=row_id, client_id=whose.client_id, client_secret=None, expires_at=secret.expires_at)


class IntegrationSummary(Out):
    """An integration in a list, without its words."""

    id: UUID
    scopes: list[Scope]
    expires_at: datetime | None
    suspended_at: datetime | None
    created_at: datetime
    version: int

    @classmethod
    def of(cls, row: Integration) -> "IntegrationSummary":
        return cls(
            id=row.id,
            scopes=sorted(row.granted),
            expires_at=row.expires_at,
            suspended_at=row.suspended_at,
            created_at=row.created_at,
            version=row.version,
        )


class IntegrationOut(Out):
    """An integration with its secrets, newest first."""

    home = "/v1/integrations"

    id: UUID
    client_id: str
    """Its name at POST /v1/oauth/token."""
    recipient: str
    purpose: str
    scopes: list[Scope]
    networks: list[str]
    expires_at: datetime | None
    suspended_at: datetime | None
    created_at: datetime
    created_by_id: UUID
    secrets: list[SecretOut]
    version: int

    @classmethod
    def of(cls, db: Workspace, row: Integration) -> "IntegrationOut":
        return cls(
            id=row.id,
            client_id=row.client_id,
            recipient=row.recipient or "",
            purpose=row.purpose or "",
            scopes=sorted(row.granted),
            networks=row.networks.split(),
            expires_at=row.expires_at,
            suspended_at=row.suspended_at,
            created_at=row.created_at,
            created_by_id=row.created_by_id,
            secrets=[SecretOut.of(secret, db.now) for secret in secrets_of(db, row.id)],
            version=row.version,
        )

    @classmethod
    def again(cls, db: Workspace, row_id: UUID) -> "IntegrationOut":
        row = db.find(Integration, row_id)
        db.record(Action.INTEGRATION_READ, row)
        return cls.of(db, row)


class RecipientOut(Out):
    """Whom a release can open fields to: take these words over into it."""

    recipient: str
    purpose: str
    fields: list[Scope]
    """What the program there may read at most."""


class RecipientsOut(Out):
    """All of them."""

    data: list[RecipientOut]


@router.get("/integrations", summary="List integrations")
def list_integrations(
    query: Annotated[IntegrationFilter, Query()], db: Annotated[Workspace, Can(Permission.INTEGRATION_READ)]
) -> Page[IntegrationSummary]:
    """The agency's integrations without their words; those suspended or over, too."""
    rows = integrations_of(db, query.limit + 1, paging.after_id(db, "integrations", query.cursor))
    return paging.page(db, "integrations", rows, query.limit, lambda row: [str(row.id)], IntegrationSummary.of)


@router.post("/integrations", status_code=201, summary="Enter an integration")
def create_integration(
    body: IntegrationIn, db: Annotated[Workspace, Can(Permission.INTEGRATION_CREATE)]
) -> IntegrationOut:
    """A program of another organisation. It gets nothing before it has a secret, and then what releases open to it."""
    return IntegrationOut.of(db, Integration.enter(db, **dict(body)))


@router.get("/integrations/{integration_id}", summary="Read an integration")
def read_integration(
    integration_id: UUID, db: Annotated[Workspace, Can(Permission.INTEGRATION_READ)]
) -> IntegrationOut:
    """An integration with its words and secrets; the reading is logged."""
    return IntegrationOut.again(db, integration_id)


@router.patch("/integrations/{integration_id}", summary="Change an integration")
def update_integration(
    integration_id: UUID,
    body: IntegrationPatch,
    db: Annotated[Workspace, Can(Permission.INTEGRATION_UPDATE)],
    if_match: IfMatch,
) -> IntegrationOut:
    """Change scopes, addresses or end. It acts on the next request, also for tokens given out before."""
    row = db.claim(Integration, integration_id, if_match)
    row.change(db, **body.changes())
    db.flush()
    return IntegrationOut.of(db, row)


@router.post("/integrations/{integration_id}/secrets", status_code=201, summary="Make a secret")
def create_secret(
    integration_id: UUID, body: SecretIn, db: Annotated[Workspace, Can(Permission.INTEGRATION_UPDATE)]
) -> NewSecretOut:
    """A new secret, shown once. Two may be alive at a time: make the second, hand it over, end the first."""
    row = db.claim(Integration, integration_id)
    secret, text = row.new_secret(db, body.expires_at)
    return NewSecretOut(id=secret.id, client_id=row.client_id, client_secret=text, expires_at=secret.expires_at)


@router.delete("/integrations/{integration_id}/secrets/{secret_id}", status_code=204, summary="End a secret")
def delete_secret(
    integration_id: UUID, secret_id: UUID, db: Annotated[Workspace, Can(Permission.INTEGRATION_SUSPEND)]
) -> None:
    """From the next request on it and the tokens given for it are worth nothing."""
    secret_of(db, integration_id, secret_id).revoke(db)


@router.put("/integrations/{integration_id}/suspension", summary="Suspend an integration")
def suspend(integration_id: UUID, db: Annotated[Workspace, Can(Permission.INTEGRATION_SUSPEND)]) -> IntegrationOut:
    """Refuse it everything from the next request on, whatever tokens it holds."""
    row = db.claim(Integration, integration_id)
    row.suspend(db)
    db.flush()
    return IntegrationOut.of(db, row)


@router.delete("/integrations/{integration_id}/suspension", summary="Let an integration in again")
def reinstate(integration_id: UUID, db: Annotated[Workspace, Can(Permission.INTEGRATION_UPDATE)]) -> IntegrationOut:
    """It may ask again, with the secrets it has."""
    row = db.claim(Integration, integration_id)
    row.reinstate(db)
    db.flush()
    return IntegrationOut.of(db, row)


@router.get("/release-recipients", summary="Whom a release can open fields to")
def list_recipients(db: Annotated[Workspace, Can(Permission.RELEASE_READ)]) -> RecipientsOut:
    """The recipients and purposes of integrations, in the words a release has to name them in."""
    rows = integration.recipients(db)
    return RecipientsOut(
        data=[
            RecipientOut(recipient=row.recipient, purpose=row.purpose, fields=sorted(integration.scopes_of(row.scopes)))
            for row in rows
        ]
    )
