"""Access tokens: signed statements of who a session belongs to, ten minutes long. The only importer of jose.

python-jose is given as little to decide as possible: one algorithm, a key chosen by exact `kid` before it is
called, every claim required here, canonical base64, and any failure of any kind the same refusal.
"""

import base64
import binascii
import time
from collections import OrderedDict
from dataclasses import dataclass
from uuid import UUID, uuid4

import orjson
from jose import jwt

from models.access import Scope
from models.errors import Unauthenticated
from models.vault.service import ServiceKeys

ALGORITHM = "HS256"
ISSUER = "waypost"
AUDIENCE = "waypost:staff"
INTEGRATIONS = "waypost:integrations"
LIFE = 600  # seconds
LEEWAY = 90  # seconds two servers' clocks may differ
LONGEST = 4096
KEPT = 10_000
CLAIMS = {"iss", "aud", "sub", "sid", "agency", "jti", "iat", "nbf", "exp"}
#: What a token says, to the letter, by whom it is for.
SAYS = {AUDIENCE: CLAIMS, INTEGRATIONS: CLAIMS | {"scope"}}


@dataclass(frozen=True)
class Claims:
    """What a verified token says. Roles and rights are read from the database at each request, never from here.

    An integration's says which scopes were asked for, and stands on a secret where a person's stands on a session."""

    agency_id: UUID
    user_id: UUID
    session_id: UUID
    expires: int
    scopes: frozenset[Scope] | None = None


class Tokens:
    """Signs and verifies access tokens. Verified ones are kept until they expire: their meaning cannot change."""

    def __init__(self, service: ServiceKeys) -> None:
        self._service, self._keys = service, service.token_keys
        self._verified: OrderedDict[str, Claims] = OrderedDict()

    life = LIFE

    def issue(self, agency_id: UUID, user_id: UUID, session_id: UUID) -> str:
        """A token for a session, valid for ten minutes from now."""
        return self._issue(AUDIENCE, agency_id, user_id, session_id)

    def issue_to_integration(
        self, agency_id: UUID, integration_id: UUID, secret_id: UUID, scopes: frozenset[Scope]
    ) -> str:
        """A token for a program that showed a secret, good for these scopes as long."""
        return self._issue(INTEGRATIONS, agency_id, integration_id, secret_id, scope=" ".join(sorted(scopes)))

    def _issue(self, audience: str, agency_id: UUID, who: UUID, session_id: UUID, **more: str) -> str:
        now = int(time.time())
        claims = {
            "iss": ISSUER,
            "aud": audience,
            "sub": str(who),
            "sid": str(session_id),
            "agency": str(agency_id),
            "jti": uuid4().hex,
            "iat": now,
            "nbf": now,
            "exp": now + LIFE,
            **more,
        }
        kid = self._service.token_kid
        headers = {"typ": "at+jwt", "kid": kid}
        return jwt.encode(claims, self._service.token_key(kid), algorithm=ALGORITHM, headers=headers)

    def verify(self, token: str) -> Claims:
        """What the token says. Raises Unauthenticated for anything but a token of ours that is valid now."""
        if self._service.token_keys is not self._keys:  # rotated: what a lost key signed is not good
            self._keys = self._service.token_keys
            self._verified.clear()
        claims = self._verified.get(token)
        if claims is None:
            claims = self._read(token)
            self._verified[token] = claims
            if len(self._verified) > KEPT:
                self._verified.popitem(last=False)
        if claims.expires <= time.time():
            self._verified.pop(token, None)
            raise Unauthenticated("token-expired")
        return claims

    def _read(self, token: str) -> Claims:
        try:
            kid, audience = _kid(token), _audience(token)
            options = {f"require_{name}": True for name in ("aud", "exp", "iat", "iss", "jti", "nbf", "sub")}
            said = jwt.decode(
                token,
                self._service.token_key(kid),
                algorithms=[ALGORITHM],
                audience=audience,
                issuer=ISSUER,
                options=options | {"leeway": LEEWAY, "verify_exp": False},
            )
            if set(said) != SAYS[audience] or any(type(said[name]) is not int for name in ("iat", "nbf", "exp")):
                raise ValueError
            if not 0 < said["exp"] - said["iat"] <= LIFE:
                raise ValueError
            scopes = frozenset(map(Scope, said["scope"].split())) if audience == INTEGRATIONS else None
            return Claims(UUID(said["agency"]), UUID(said["sub"]), UUID(said["sid"]), said["exp"], scopes)
        except Exception:  # noqa: BLE001 - the library lets many kinds through; none of them is a token of ours
            raise Unauthenticated from None


def _kid(token: str) -> str:
    """The key id of a token whose form is exactly ours, read before any library sees it."""
    parts = token.split(".")
    if len(token) > LONGEST or len(parts) != 3:
        raise ValueError
    raw = [_canonical(part) for part in parts]
    header = orjson.loads(raw[0])
    if set(header) != {"alg", "typ", "kid"} or header["alg"] != ALGORITHM or header["typ"] != "at+jwt":
        raise ValueError
    return str(header["kid"])


def _audience(token: str) -> str:
    """Whom the token says it is for, one of ours to the letter. It decides what else is asked of it, all of which is
    under the signature that is checked next."""
    said = orjson.loads(_canonical(token.split(".")[1]))["aud"]
    if not isinstance(said, str) or said not in SAYS:
        raise ValueError
    return said


def _canonical(part: str) -> bytes:
    raw = base64.b64decode(part + "=" * (-len(part) % 4), altchars=b"-_", validate=True)
    if base64.urlsafe_b64encode(raw).rstrip(b"=") != part.encode():
        raise binascii.Error
    return raw
