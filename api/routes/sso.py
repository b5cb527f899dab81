"""Signing in at the agency's identity provider, and the accounts there that are a person's."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter
from pydantic import StringConstraints

from api.door import Door
from api.gate import Anyone, Can, Errand, Front
from api.oidc import Person
from api.shapes import In, Out
from api.sign_in import SignedInOut, signed_in_out
from models import factor, odd_sign_in
from models.access import Permission
from models.errors import Conflict, DomainError, NotFound, Unauthenticated
from models.identity import (
    BY_PROVIDER,
    LIFE,
    Begun,
    Identity,
    Provider,
    agency_of,
    begin,
    owner_of,
    provider_of,
    take,
)
from models.ledger.action import Action
from models.session import ABSOLUTE, Opened, SignInSession
from models.user import User, UserStatus, find_credentials
from models.workspace import Workspace

router = APIRouter(tags=["sign-in"], route_class=Door)
Parameter = Annotated[str, StringConstraints(min_length=1, max_length=2048, pattern=r"^[\x20-\x7e]+$")]


class AuthorizationIn(In):
    """Where somebody works. The agency hands out its own link."""

    agency: UUID


class ReturnIn(In):
    """What the provider's redirect brought, and what the browser kept."""

    code: Parameter
    state: Parameter
    browser_secret: Parameter
    iss: Parameter | None = None
    """The redirect's `iss`, when there is one."""


class AuthorizationOut(Out):
    """Where the browser goes now, and what it keeps until it comes back."""

    authorization_url: str
    state: str
    browser_secret: str
    """Kept by whoever began, told to nobody, given back with the code: without it the code is worth nothing."""
    expires_in: int
    """Seconds until this has to be finished."""


class IdentityOut(Out):
    """An account at the provider that is the caller's. Which one it is stays with the provider."""

    id: UUID
    linked_at: datetime
    last_used_at: datetime | None

    @classmethod
    def of(cls, row: Identity) -> "IdentityOut":
        return cls(id=row.id, linked_at=row.linked_at, last_used_at=row.last_used_at)


class IdentitiesOut(Out):
    """All of them."""

    data: list[IdentityOut]


@router.post("/sso/authorization", summary="Begin to sign in at the provider")
async def create_authorization(body: AuthorizationIn, front: Annotated[Front, Anyone()]) -> AuthorizationOut:
    """The provider's page to go to. 404 for an agency that has no provider, and for none that there is."""

    def start(db: Workspace) -> tuple[Provider, Begun]:
        provider = provider_of(db)
        return provider, begin(db, provider)

    provider, begun = await front.as_nobody(body.agency, start)  # a stranger's 404 is in nobody's log
    return await _begun(front, provider, begun)


@router.post("/sso/sessions", status_code=201, summary="Sign in with what the provider gave")
async def create_session(body: ReturnIn, front: Annotated[Front, Anyone()]) -> SignedInOut:
    """Exchange the code for tokens, once, in the browser that began. One answer for every way in which it can fail: an
    account that is nobody's here, a suspended person, a token for somebody else."""
    agency_id = agency_of(body.state)
    begun = Begun(body.state, body.browser_secret)
    # Not counted with failed sign-ins: there is nothing to guess, each state works once, and whoever fails on purpose
    # would keep everybody of her network out. What a network may send at all is charged before this.
    provider = await front.as_system(agency_id, lambda db: _taken(db, begun, None))
    try:
        person = await front.providers.person(provider, begun, body.code, body.iss)
        opened, must_change = await _open(front, agency_id, provider, person)
    except Unauthenticated:
        await front.as_system(agency_id, _note_refusal)
        raise
    return signed_in_out(front, opened, must_change=must_change)


@router.get("/me/identities", summary="List my accounts at the provider")
def list_identities(db: Annotated[Workspace, Can(Permission.IDENTITY_READ)]) -> IdentitiesOut:
    """What the caller can sign in with beside her password."""
    return IdentitiesOut(data=[IdentityOut.of(row) for row in Identity.of(db, db.actor.id)])


@router.post("/me/identities", responses={404: {}}, summary="Begin to link an account at the provider")
async def create_identity(errand: Annotated[Errand, Can(Permission.IDENTITY_LINK)]) -> AuthorizationOut:
    """The provider's page to go to. Who signs in there while this is open is linked to the caller, when she says so
    with POST /v1/me/identities/completion."""

    def start(db: Workspace) -> tuple[Provider, Begun]:
        provider = provider_of(db)
        return provider, begin(db, provider, db.actor.id)

    provider, begun = await errand.run(start)
    return await _begun(errand, provider, begun)


@router.post("/me/identities/completion", summary="Link an account at the provider")
async def create_link(body: ReturnIn, errand: Annotated[Errand, Can(Permission.IDENTITY_LINK)]) -> IdentityOut:
    """From here on the caller signs in with it. No address is compared: she was signed in here and there at once."""
    begun = Begun(body.state, body.browser_secret)

    def take_mine(db: Workspace) -> Provider:
        if agency_of(body.state) != db.agency_id:
            raise Conflict("identity-not-linked")
        return _taken(db, begun, db.actor.id)

    try:
        provider = await errand.run(take_mine)
        person = await errand.providers.person(provider, begun, body.code, body.iss)
    except Unauthenticated as refused:
        if refused.reason != "sso-refused":
            raise
        raise Conflict("identity-not-linked") from None  # she is signed in here, whatever became of it there
    return await errand.run(lambda db: IdentityOut.of(Identity.link(db, provider.issuer, person.subject)))


@router.delete("/me/identities/{identity_id}", status_code=204, summary="Unlink an account at the provider")
def delete_identity(identity_id: UUID, db: Annotated[Workspace, Can(Permission.IDENTITY_LINK)]) -> None:
    """The caller does not sign in with it any more. Sessions go on until they end."""
    Identity.unlink(db, identity_id)


async def _begun(by: Front | Errand, provider: Provider, begun: Begun) -> AuthorizationOut:
    return AuthorizationOut(
        authorization_url=await by.providers.authorization_url(provider, begun),
        state=begun.state,
        browser_secret=begun.browser_secret,
        expires_in=int(LIFE.total_seconds()),
    )


def _taken(db: Workspace, begun: Begun, user_id: UUID | None) -> Provider:
    try:
        return take(db, begun, user_id)
    except NotFound:  # switched off meanwhile
        raise Unauthenticated("sso-refused") from None


def _note_refusal(db: Workspace) -> None:
    db.outcome = "sso-refused"
    db.note(Action.SESSION_REFUSED, "identity_providers", [db.agency_id])


async def _open(front: Front, agency_id: UUID, provider: Provider, person: Person) -> tuple[Opened, bool]:
    found = await front.as_system(agency_id, lambda db: owner_of(db, provider.issuer, person.subject))
    if found is None:
        raise Unauthenticated("sso-refused")

    proof = "factor" if person.factor else None

    def sign_in(db: Workspace) -> tuple[Opened, bool]:
        user = find_credentials(db, found.user_id)
        if user is None or db.claim(User, found.user_id).status is not UserStatus.ACTIVE:
            raise Unauthenticated("sso-refused")
        try:
            identity = db.claim(Identity, found.id)
        except DomainError:
            raise Unauthenticated("sso-refused") from None  # unlinked meanwhile
        enrolled = factor.is_enrolled(db, found.user_id)
        shown_at = person.shown_at or db.now - ABSOLUTE  # nobody knows when: it counts, and is fresh for nothing
        opened = SignInSession.open(
            db, found.user_id, proof, by=BY_PROVIDER, enrolled=enrolled, shown_at=min(shown_at, db.now)
        )
        identity.last_used_at = db.now
        db.record(Action.SESSION_OPENED, identity)
        db.flush()
        odd_sign_in.with_provider(db, opened.session)
        return opened, bool(user.must_change_password)

    shown = f"{BY_PROVIDER}+{proof}" if proof else BY_PROVIDER
    return await front.as_person(agency_id, found.user_id, sign_in, auth=shown)
