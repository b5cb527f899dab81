"""Releases: what a survivor has allowed one recipient to be told, until when, and that she took it back."""

from datetime import date, datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import Field

from api import paging
from api.door import Door
from api.gate import Can
from api.paging import Page
from api.shapes import Day, Filter, In, Instant, Line, LongLine, Out
from models.access import Permission, Scope
from models.integration import scopes_of
from models.ledger.action import Action
from models.release import Release, ReleaseStatus, Signer, Withdrawal, releases_of, still_open
from models.workspace import Workspace

router = APIRouter(tags=["releases"], route_class=Door)


class ReleaseIn(In):
    """What was signed. One release names one recipient; services never depend on it."""

    recipient: Line
    """One person or office; another recipient is another release."""
    purpose: LongLine
    what: Annotated[list[Line], Field(min_length=1, max_length=20)]
    """What may be told, and nothing beyond."""
    fields: Annotated[list[Scope], Field(max_length=len(Scope))] = []
    """What the recipient's program may read by itself (GET /v1/release-recipients); nothing when not said."""
    signed_on: Day
    """The day it was signed on paper."""
    signed_by: Signer = Signer.CLIENT
    """Never the person who does harm, nor for that person's child or partner."""
    expires_at: Instant | None = None
    """A year after signing at most; 90 days when not said."""


class RevocationIn(In):
    """How it was taken back: a spoken word is enough."""

    how: Withdrawal


class ReleaseFilter(Filter):
    """A page of the list."""

    limit: Annotated[int, Field(ge=1, le=200)] = 50
    cursor: str | None = None


class ReleaseSummary(Out):
    """A release in a list, without its words."""

    id: UUID
    client_id: UUID
    status: ReleaseStatus
    signed_on: date
    expires_at: datetime
    revoked_at: datetime | None
    version: int

    @classmethod
    def of(cls, row: Release, now: datetime) -> "ReleaseSummary":
        return cls(
            id=row.id,
            client_id=row.client_id,
            status=row.status(now),
            signed_on=row.signed_on,
            expires_at=row.expires_at,
            revoked_at=row.revoked_at,
            version=row.version,
        )


class ReleaseOut(Out):
    """A release. `status` is what it is worth at this moment, by the clock."""

    home = "/v1/releases"

    id: UUID
    client_id: UUID
    recipient: str
    purpose: str
    what: list[str]
    fields: list[Scope]
    status: ReleaseStatus
    signed_on: date
    signed_by: Signer
    expires_at: datetime
    recorded_at: datetime
    recorded_by_id: UUID
    revoked_at: datetime | None
    revoked_by_id: UUID | None
    revoked_how: Withdrawal | None
    version: int

    @classmethod
    def of(cls, db: Workspace, row: Release) -> "ReleaseOut":
        return cls(
            id=row.id,
            client_id=row.client_id,
            recipient=row.recipient or "",
            purpose=row.purpose or "",
            what=row.what or [],
            fields=sorted(scopes_of(row.fields)),
            status=row.status(db.now),
            signed_on=row.signed_on,
            signed_by=row.signed_by,
            expires_at=row.expires_at,
            recorded_at=row.recorded_at,
            recorded_by_id=row.recorded_by_id,
            revoked_at=row.revoked_at,
            revoked_by_id=row.revoked_by_id,
            revoked_how=row.revoked_how,
            version=row.version,
        )

    @classmethod
    def again(cls, db: Workspace, row_id: UUID) -> "ReleaseOut":
        row = db.find(Release, row_id)
        db.record(Action.RELEASE_READ, row)
        return cls.of(db, row)


class RevocationOut(Out):
    """That a release was taken back: nothing of whose it is or what is in it."""

    id: UUID
    expires_at: datetime
    revoked_at: datetime
    revoked_by_id: UUID
    revoked_how: Withdrawal | None
    """Null where a restore knew the revocation from the log alone."""
    version: int
    still_open: list[UUID]
    """Other releases of hers by which the same program goes on reading: take each of them back to stop it."""


@router.get("/clients/{client_id}/releases", summary="List a client's releases")
def list_releases(
    client_id: UUID, query: Annotated[ReleaseFilter, Query()], db: Annotated[Workspace, Can(Permission.RELEASE_READ)]
) -> Page[ReleaseSummary]:
    """A client's releases without their words."""
    scope = f"releases?client={client_id}"
    rows = releases_of(db, client_id, query.limit + 1, paging.after_id(db, scope, query.cursor))
    return paging.page(
        db, scope, rows, query.limit, lambda row: [str(row.id)], lambda row: ReleaseSummary.of(row, db.now)
    )


@router.post("/clients/{client_id}/releases", status_code=201, summary="Record a release")
def create_release(
    client_id: UUID, body: ReleaseIn, db: Annotated[Workspace, Can(Permission.RELEASE_RECORD)]
) -> ReleaseOut:
    """Keep what the survivor has signed: what a disclosure has to stand on. Without `fields` nothing leaves because of
    it; with them the recipient's program reads what they name from now on."""
    return ReleaseOut.of(db, db.find(Release, Release.put_down(db, client_id, **dict(body))))


@router.get("/releases/{release_id}", summary="Read a release")
def read_release(release_id: UUID, db: Annotated[Workspace, Can(Permission.RELEASE_READ)]) -> ReleaseOut:
    """A release with everything in it; the reading is logged."""
    return ReleaseOut.again(db, release_id)


@router.put("/releases/{release_id}/revocation", summary="Take a release back")
def revoke(
    release_id: UUID, body: RevocationIn, db: Annotated[Workspace, Can(Permission.RELEASE_REVOKE)]
) -> RevocationOut:
    """The survivor took it back, in writing or by word of mouth: it is worth nothing from this moment on. The answer
    says nothing of her: to stop what is told of a client, an agency admin need not see who she is."""
    row = Release.revoke(db, release_id, body.how)
    told = {name: getattr(row, name) for name in RevocationOut.model_fields if name != "still_open"}
    return RevocationOut(**told, still_open=still_open(db, release_id))
