"""Asking somebody in, and coming in by a link."""

from datetime import datetime
from typing import Annotated
from uuid import UUID, uuid4

from fastapi import APIRouter, Query
from pydantic import Field

from api import paging
from api.door import Door
from api.gate import Anyone, Can, Front
from api.paging import Page
from api.passwords import must_be_good
from api.shapes import Email, Filter, In, Language, LinkToken, Name, Out, Secret
from models import invitation, links
from models.access import Permission, Role
from models.invitation import Invitation, InvitationStatus, invitations_of
from models.ledger.action import Action
from models.workspace import Workspace

router = APIRouter(prefix="/invitations", tags=["people"], route_class=Door)


class InvitationIn(In):
    """Whom to ask in, and as what."""

    email: Email
    roles: Annotated[list[Role], Field(min_length=1, max_length=6)]
    language: Language = "en"
    """Of the mail, and of the answers she gets."""


class AcceptanceIn(In):
    """The token behind the # of the link, and what the invited person chooses."""

    token: LinkToken
    display_name: Name
    password: Secret


class InvitationFilter(Filter):
    """Which invitations."""

    limit: Annotated[int, Field(ge=1, le=200)] = 50
    cursor: str | None = None


class InvitationSummary(Out):
    """An invitation, without the address."""

    id: UUID
    roles: list[Role]
    status: InvitationStatus
    invited_by_id: UUID
    """Who asked her in; all zeros when it was done on the command line."""
    created_at: datetime
    expires_at: datetime
    user_id: UUID | None
    """Who she is here, once she has accepted."""
    version: int

    @classmethod
    def of(cls, db: Workspace, row: Invitation) -> "InvitationSummary":
        return cls(
            id=row.id,
            roles=sorted(row.role_set),
            status=row.status(db.now),
            invited_by_id=row.invited_by_id,
            created_at=row.created_at,
            expires_at=row.expires_at,
            user_id=row.user_id,
            version=row.version,
        )


class InvitationOut(Out):
    """An invitation with its address."""

    home = "/v1/invitations"

    id: UUID
    email: Email
    roles: list[Role]
    language: str
    status: InvitationStatus
    invited_by_id: UUID
    """Who asked her in; all zeros when it was done on the command line."""
    created_at: datetime
    expires_at: datetime
    user_id: UUID | None
    """Who she is here, once she has accepted."""
    version: int

    @classmethod
    def of(cls, db: Workspace, row: Invitation) -> "InvitationOut":
        return cls(
            id=row.id,
            email=row.email or "",
            roles=sorted(row.role_set),
            language=row.language,
            status=row.status(db.now),
            invited_by_id=row.invited_by_id,
            created_at=row.created_at,
            expires_at=row.expires_at,
            user_id=row.user_id,
            version=row.version,
        )


class InvitedOut(Out):
    """An invitation just made, or its new link."""

    home = "/v1/invitations"

    id: UUID
    email: Email
    roles: list[Role]
    status: InvitationStatus
    expires_at: datetime
    link: str | None
    """Where no mail is sent: the link, shown this once, to be handed over in person. It is whoever holds it that comes
    in. Null where it was mailed."""
    version: int

    @classmethod
    def of(cls, db: Workspace, row: Invitation, link: str | None) -> "InvitedOut":
        return cls(
            id=row.id,
            email=row.email or "",
            roles=sorted(row.role_set),
            status=row.status(db.now),
            expires_at=row.expires_at,
            link=link,
            version=row.version,
        )

    @classmethod
    def again(cls, db: Workspace, row_id: UUID) -> "InvitedOut":
        return cls.of(db, db.find(Invitation, row_id), None)  # a link is shown once


class AcceptedOut(Out):
    """She may sign in."""

    user_id: UUID


@router.get("", summary="List invitations")
def list_invitations(
    query: Annotated[InvitationFilter, Query()], db: Annotated[Workspace, Can(Permission.INVITATION_READ)]
) -> Page[InvitationSummary]:
    """The agency's invitations, newest first; they are forgotten 90 days after their end."""
    before = paging.after_moment(db, "invitations", query.cursor) or paging.NEWEST
    rows = invitations_of(db, query.limit + 1, before)
    return paging.page(
        db,
        "invitations",
        rows,
        query.limit,
        lambda row: paging.moment(row.created_at, row.id),
        lambda row: InvitationSummary.of(db, row),
    )


@router.post("", status_code=201, summary="Invite somebody")
def create_invitation(body: InvitationIn, db: Annotated[Workspace, Can(Permission.INVITATION_SEND)]) -> InvitedOut:
    """Ask somebody in by mail, or with the link in the answer where no mail is sent. The link works once, for 72 hours.
    The answer is the same for an address that has a sign-in already, here or elsewhere; such a link lets nobody in."""
    made = Invitation.send(db, body.email, body.roles, body.language)
    return InvitedOut.of(db, made, None if db.post.sends else made.link(db))


@router.post("/acceptance", status_code=201, summary="Accept an invitation")
async def create_acceptance(body: AcceptanceIn, front: Annotated[Front, Anyone()]) -> AcceptedOut:
    """Come in with the token of the link and a password of one's own; then sign in. A link that was used, ended, taken
    back or never made gets one answer, and so does one for an address that has a sign-in already."""
    agency_id, row_id, secret_hash = links.parsed(body.token, links.INVITATION)

    def look(db: Workspace) -> list[str]:
        invitation.must_be_usable(db, row_id, secret_hash)
        return invitation.words_at_hand(db, row_id)

    words = await front.as_system(agency_id, look)
    must_be_good(body.password, [*words, body.display_name])
    user_id = uuid4()
    hashed = await front.passwords.hash(body.password, user_id)
    await front.as_system(
        agency_id, lambda db: invitation.accept(db, row_id, secret_hash, body.display_name, user_id, hashed)
    )
    return AcceptedOut(user_id=user_id)


@router.get("/{invitation_id}", summary="Read an invitation")
def read_invitation(invitation_id: UUID, db: Annotated[Workspace, Can(Permission.INVITATION_READ)]) -> InvitationOut:
    """An invitation with the address it went to; the reading is logged."""
    row = db.find(Invitation, invitation_id)
    db.record(Action.INVITATION_READ, row)
    return InvitationOut.of(db, row)


@router.post("/{invitation_id}/links", status_code=201, summary="Send an invitation again")
def create_link(invitation_id: UUID, db: Annotated[Workspace, Can(Permission.INVITATION_SEND)]) -> InvitedOut:
    """Make a new link, good for another 72 hours; the one before works no more."""
    row = db.claim(Invitation, invitation_id)
    row.renew(db)
    db.flush()
    return InvitedOut.of(db, row, None if db.post.sends else row.link(db))


@router.delete("/{invitation_id}", status_code=204, summary="Take an invitation back")
def delete_invitation(invitation_id: UUID, db: Annotated[Workspace, Can(Permission.INVITATION_REVOKE)]) -> None:
    """End an invitation: its link works no more. Who has accepted already is suspended instead."""
    db.claim(Invitation, invitation_id).revoke(db)
