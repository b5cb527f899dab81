"""The agency's identity provider, for its admin: which it is, what it may prove, whether passwords still work."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter
from pydantic import AfterValidator, Field, StringConstraints
from pydantic_core import PydanticCustomError

from api.door import Door
from api.gate import Can
from api.outgoing import address_of
from api.shapes import In, Out
from models.access import Permission
from models.identity import IdentityProvider
from models.ledger.action import Action
from models.workspace import Workspace

router = APIRouter(prefix="/sso/provider", tags=["sign-in"], route_class=Door)


def _issuer(url: str) -> str:
    """https, or http to this machine: whether that is allowed here is seen when it is asked."""
    try:
        address_of(url, loopback=True)
    except ValueError:
        raise PydanticCustomError("issuer", "An issuer is an https address, as the provider writes it.") from None
    return url


Issuer = Annotated[
    str,
    StringConstraints(max_length=500, pattern=r"^https?://[\x21-\x7e]+$"),
    AfterValidator(_issuer),
    Field(examples=["https://login.provider.example"]),
]
Secret = Annotated[str, StringConstraints(min_length=8, max_length=500, pattern=r"^[\x21-\x7e]+$")]
Value = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9:/._-]{1,100}$")]


class ProviderIn(In):
    """What the provider gave when this service was entered there."""

    issuer: Issuer
    """Exactly as in the provider's own metadata."""
    client_id: Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=r"^[\x21-\x7e]+$")]
    client_secret: Secret | None = None
    """The one that is there stays when not said."""
    enabled: bool = True
    factor_values: Annotated[list[Value], Field(max_length=10)] = []
    """Values of `acr` or `amr` that count for a second factor here, such as mfa; none when not said."""


class ProviderOut(Out):
    """The provider, without the secret."""

    id: UUID
    issuer: str
    client_id: str
    enabled: bool
    local_sign_in: bool
    """Whether passwords work, too."""
    factor_values: list[str]
    version: int

    @classmethod
    def of(cls, row: IdentityProvider) -> "ProviderOut":
        return cls(
            id=row.id,
            issuer=row.issuer or "",
            client_id=row.app_id or "",
            enabled=row.enabled,
            local_sign_in=row.local_sign_in,
            factor_values=row.factor_values.split(),
            version=row.version,
        )


@router.get("", responses={404: {}}, summary="Read the identity provider")
def read_provider(db: Annotated[Workspace, Can(Permission.PROVIDER_READ)]) -> ProviderOut:
    """Which it is. 404 when there is none."""
    row = IdentityProvider.of(db)
    db.record(Action.IDENTITY_PROVIDER_READ, row)
    return ProviderOut.of(row)


@router.put("", summary="Enter or change the identity provider")
def put_provider(body: ProviderIn, db: Annotated[Workspace, Can(Permission.PROVIDER_UPDATE)]) -> ProviderOut:
    """From here on people can sign in there who linked an account. Passwords work again, whatever was said before."""
    IdentityProvider.put(
        db,
        body.client_secret,
        body.factor_values,
        issuer=body.issuer,
        app_id=body.client_id,
        enabled=body.enabled,
    )
    return ProviderOut.of(IdentityProvider.of(db))


@router.put("/requirement", responses={404: {}}, summary="Let nobody sign in with a password")
def require(db: Annotated[Workspace, Can(Permission.PROVIDER_UPDATE)]) -> ProviderOut:
    """Only whoever is signed in by the provider herself may say so. The command line lets passwords work again."""
    row = db.claim(IdentityProvider, db.agency_id)
    row.require(db)
    db.flush()
    return ProviderOut.of(row)


@router.delete("/requirement", responses={404: {}}, summary="Let passwords work again")
def allow_local(db: Annotated[Workspace, Can(Permission.PROVIDER_UPDATE)]) -> ProviderOut:
    """People can sign in both ways."""
    row = db.claim(IdentityProvider, db.agency_id)
    row.allow_local(db)
    db.flush()
    return ProviderOut.of(row)
