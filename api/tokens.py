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

from models.errors import Unauthenticated
from models.vault.service import ServiceKeys

ALGORITHM = "HS256"
ISSUER = "waypost"
AUDIENCE = "waypost:staff"
LIFE = 600  # seconds
LEEWAY = 90  # seconds two servers' clocks may differ
LONGEST = 4096
KEPT = 10_000
CLAIMS = {"iss", "aud", "sub", "sid", "agency", "jti", "iat", "nbf", "exp"}


@dataclass(frozen=True)
class Claims:
    """What a verified token says. Roles and rights are read from the database at each request, never from here."""

    agency_id: UUID
    user_id: UUID
    session_id: UUID
    expires: int


class Tokens:
    """Signs and verifies access tokens. Verified ones are kept until they expire: their meaning cannot change."""

    def __init__(self, service: ServiceKeys) -> None:
        self._service, self._keys = service, service.token_keys
        self._verified: OrderedDict[str, Claims] = OrderedDict()

    life = LIFE

    def issue(self, agency_id: UUID, user_id: UUID, session_id: UUID) -> str:
        """A token for a session, valid for ten minutes from now."""
        now = int(time.time())
        claims = {
            "iss": ISSUER,
            "aud": AUDIENCE,
            "sub": str(user_id),
            "sid": str(session_id),
            "agency": str(agency_id),
            "jti": uuid4().hex,
            "iat": now,
            "nbf": now,
            "exp": now + LIFE,
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
            kid = _kid(token)
            options = {f"require_{name}": True for name in ("aud", "exp", "iat", "iss", "jti", "nbf", "sub")}
            said = jwt.decode(
                token,
                self._service.token_key(kid),
                algorithms=[ALGORITHM],
                audience=AUDIENCE,
                issuer=ISSUER,
                options=options | {"leeway": LEEWAY, "verify_exp": False},
            )
            if set(said) != CLAIMS or any(type(said[name]) is not int for name in ("iat", "nbf", "exp")):
                raise ValueError
            if not 0 < said["exp"] - said["iat"] <= LIFE:
                raise ValueError
            return Claims(UUID(said["agency"]), UUID(said["sub"]), UUID(said["sid"]), said["exp"])
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


def _canonical(part: str) -> bytes:
    raw = base64.b64decode(part + "=" * (-len(part) % 4), altchars=b"-_", validate=True)
    if base64.urlsafe_b64encode(raw).rstrip(b"=") != part.encode():
        raise binascii.Error
    return raw
