"""Where an integration exchanges its secret for an access token (RFC 6749 4.4)."""

from typing import Annotated, ClassVar
from uuid import UUID

from fastapi import APIRouter
from pydantic import StringConstraints

from api.door import Door
from api.form import OAuthRefused
from api.gate import Anyone, Front
from api.shapes import In, Out
from models.admission import Admitted, sign_in
from models.spelling import parse_client_id, parse_secret

router = APIRouter(prefix="/oauth", tags=["integrations"], route_class=Door)
Parameter = Annotated[str, StringConstraints(max_length=1024)]


class TokenIn(In):
    """A form, not JSON. Id and secret stand in it or in an Authorization header of scheme Basic, not in both."""

    form: ClassVar[bool] = True

    grant_type: Parameter
    """`client_credentials`."""
    client_id: Parameter = ""
    client_secret: Parameter = ""
    scope: Parameter | None = None
    """Scopes apart by spaces; everything granted when not said."""


class TokenOut(Out):
    """A token for the requests that follow."""

    access_token: str
    token_type: str
    expires_in: int
    """Seconds it is good for."""
    scope: str
    """What it may be used for."""


@router.post("/token", summary="Get an access token as an integration")
async def create_token(body: TokenIn, front: Annotated[Front, Anyone()]) -> TokenOut:
    """Exchange an integration's secret for a token of ten minutes. Refusals are RFC 6749's own: `invalid_client`
    (401), `invalid_scope`, `invalid_request`, `unsupported_grant_type` (400). Failures are limited as for people."""
    if body.grant_type != "client_credentials":
        raise OAuthRefused("unsupported_grant_type")
    client, secret_id = parse_client_id(body.client_id), parse_secret(body.client_secret)
    with front.meter.sign_in(body.client_id) as attempt:
        attempt.failed = True
        if client is None or secret_id is None:
            raise OAuthRefused("invalid_client")
        agency_id, integration_id = client
        found = await front.as_nobody(
            agency_id, lambda db: sign_in(db, integration_id, secret_id, body.client_secret, body.scope)
        )
        attempt.failed = found == "invalid_client"
    if not isinstance(found, Admitted):
        raise OAuthRefused(found)
    return _granted(front, agency_id, integration_id, secret_id, found)


def _granted(front: Front, agency_id: UUID, integration_id: UUID, secret_id: UUID, found: Admitted) -> TokenOut:
    return TokenOut(
        access_token=front.tokens.issue_to_integration(agency_id, integration_id, secret_id, found.scopes),
        token_type="Bearer",  # noqa: S106 - the name of a scheme
        expires_in=front.tokens.life,
        scope=" ".join(sorted(found.scopes)),
    )
