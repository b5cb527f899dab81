"""OpenID Connect, as we need it: where to send a browser, and who came back. The only importer of authlib and joserfc.

Code flow with PKCE; the token is believed for its signature, by a key the provider publishes, for its issuer, its
audience, its nonce and its time. Every failure is one refusal: which it was is nobody's business outside.
"""

import time
from collections import OrderedDict
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode, urlsplit

from api import outgoing
from api.outgoing import Away
from models.access import STEP_UP_WITHIN
from models.errors import DomainError, Unauthenticated, Unavailable
from models.identity import Begun, Provider

ALGORITHMS = ("RS256", "ES256")
KEPT = 600  # seconds what a provider says of itself is kept
AGAIN = 10  # seconds before a provider is asked again for keys we did not find
MOST_KEPT = 200
LEEWAY = 60  # seconds the provider's clock may differ
OLDEST = 600  # seconds since a token was made
SHOWN_WITHIN = int(STEP_UP_WITHIN.total_seconds())  # a provider that let her in before asks her again


class NotInstalled(DomainError):
    """The extra [sso] is missing here."""

    code = "sso-not-installed"


@dataclass
class _Known:
    """What a provider says of itself, and when it said so."""

    told: dict[str, Any]
    keys: list[dict[str, Any]]
    at: float


@dataclass(frozen=True)
class Person:
    """Who the provider says came: the subject, whether its word counts for a second factor, and when she showed that;
    None when it does not say."""

    subject: str
    factor: bool
    shown_at: datetime | None


class Providers:
    """The providers this process has talked with."""

    def __init__(self, redirect_uri: str, *, loopback: bool) -> None:
        self._redirect_uri, self._loopback = redirect_uri, loopback
        self._known: OrderedDict[str, _Known] = OrderedDict()

    async def authorization_url(self, provider: Provider, begun: Begun) -> str:
        """Where the browser goes. Unavailable when the provider is not reached or says strange things of itself."""
        _must_be_installed()
        from authlib.oauth2.rfc7636 import create_s256_code_challenge  # noqa: PLC0415 - an extra

        endpoint = (await self._of(provider.issuer)).told["authorization_endpoint"]
        asked = {
            "response_type": "code",
            "client_id": provider.app_id,
            "redirect_uri": self._redirect_uri,
            "scope": "openid",
            "state": begun.state,
            "nonce": begun.nonce,
            "code_challenge": create_s256_code_challenge(begun.verifier),
            "code_challenge_method": "S256",
            "max_age": SHOWN_WITHIN,
        }
        return f"{endpoint}{'&' if urlsplit(endpoint).query else '?'}{urlencode(asked)}"

    async def person(self, provider: Provider, begun: Begun, code: str, issuer: str | None) -> Person:
        """Exchange a code for who it stands for. Unauthenticated('sso-refused'), or Unavailable."""
        _must_be_installed()
        known = await self._of(provider.issuer)
        named = known.told.get("authorization_response_iss_parameter_supported") is True
        if (issuer is not None or named) and issuer != provider.issuer:
            raise Unauthenticated("sso-refused")  # RFC 9207: another provider sent the browser here
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self._redirect_uri,
            "code_verifier": begun.verifier,
        }
        ways = known.told.get("token_endpoint_auth_methods_supported", ["client_secret_basic"])
        basic = (provider.app_id, provider.app_secret) if "client_secret_basic" in ways else None
        if basic is None:
            form |= {"client_id": provider.app_id, "client_secret": provider.app_secret}
        try:
            answer = await outgoing.ask(known.told["token_endpoint"], loopback=self._loopback, form=form, basic=basic)
            token = answer["id_token"]
        except (Away, KeyError, TypeError):
            raise Unauthenticated("sso-refused") from None
        said = await self._verified(provider, known, token, begun.nonce)
        values = said.get("amr") if isinstance(said.get("amr"), list) else []
        shown = {value for value in [*(values or []), said.get("acr")] if isinstance(value, str)}
        return Person(said["sub"], bool(shown & provider.factor_values), _shown_at(said.get("auth_time")))

    async def _of(self, issuer: str) -> _Known:
        known = self._known.get(issuer)
        if known is None or time.monotonic() - known.at > KEPT:
            known = await self._look(issuer)
        return known

    async def _look(self, issuer: str) -> _Known:
        """Ask the provider what it says of itself, its keys too."""
        try:
            told = await outgoing.ask(f"{issuer.rstrip('/')}/.well-known/openid-configuration", loopback=self._loopback)
            if told["issuer"] != issuer:
                raise ValueError
            for name in ("authorization_endpoint", "token_endpoint", "jwks_uri"):
                outgoing.address_of(told[name], loopback=self._loopback)
            keys = (await outgoing.ask(told["jwks_uri"], loopback=self._loopback))["keys"]
            known = _Known(told, [key for key in keys if isinstance(key, dict)], time.monotonic())
        except (Away, ValueError, KeyError, TypeError, AttributeError):
            raise Unavailable("provider-unavailable", 10) from None
        self._known[issuer] = known
        if len(self._known) > MOST_KEPT:
            self._known.popitem(last=False)
        return known

    async def _verified(self, provider: Provider, known: _Known, token: Any, nonce: str) -> dict[str, Any]:
        """What a token says that is this provider's, for us, for this browser, and of now."""
        from joserfc import jws, jwt  # noqa: PLC0415 - an extra
        from joserfc.jwk import import_key  # noqa: PLC0415 - an extra

        try:
            head = jws.extract_compact(token.encode("ascii")).protected
            algorithm, kid = head["alg"], head.get("kid")
            allowed = known.told.get("id_token_signing_alg_values_supported", ["RS256"])
            if algorithm not in ALGORITHMS or algorithm not in allowed or "crit" in head:
                raise ValueError
            key = _key(known.keys, kid, algorithm)
            if key is None and time.monotonic() - known.at > AGAIN:
                known = await self._look(provider.issuer)  # it may have changed its keys
                key = _key(known.keys, kid, algorithm)
            if key is None:
                raise ValueError
            said = jwt.decode(token, import_key(key), algorithms=[algorithm]).claims
            _must_be_for_us(said, head, provider, nonce)
        except Unavailable:
            raise
        except Exception:  # noqa: BLE001 - whatever a library finds wrong: it is no token for us
            raise Unauthenticated("sso-refused") from None
        return said


def _key(keys: list[dict[str, Any]], kid: Any, algorithm: str) -> dict[str, Any] | None:
    """The one public key a token names; without a name, the only one there is."""
    kind = {"RS256": "RSA", "ES256": "EC"}[algorithm]
    fit = [
        key
        for key in keys
        if key.get("kty") == kind and key.get("use", "sig") == "sig" and key.get("alg", algorithm) == algorithm
    ]
    named = fit if kid is None else [key for key in fit if key.get("kid") == kid]
    return named[0] if len(named) == 1 else None


def _must_be_for_us(said: dict[str, Any], head: dict[str, Any], provider: Provider, nonce: str) -> None:
    """Raises for a token of another issuer, audience, nonce or time."""
    from authlib.oidc.core import CodeIDToken  # noqa: PLC0415 - an extra

    options = {"iss": {"essential": True, "value": provider.issuer}, "nonce": {"essential": True, "value": nonce}}
    token = CodeIDToken(said, head, options, {"client_id": provider.app_id, "nonce": nonce})
    token.validate(leeway=LEEWAY)
    audience = said["aud"] if isinstance(said["aud"], list) else [said["aud"]]
    subject, now = said["sub"], time.time()
    if said["iss"] != provider.issuer or said["nonce"] != nonce or provider.app_id not in audience:
        raise ValueError  # said once more, in our own words: what everything hangs on
    if len(audience) > 1 and said.get("azp") != provider.app_id:
        raise ValueError
    if not (isinstance(subject, str) and 0 < len(subject) <= 255):
        raise ValueError
    times = said["exp"], said["iat"]
    if any(type(when) not in (int, float) for when in times) or not now - LEEWAY < said["exp"]:
        raise ValueError
    if not now - OLDEST < said["iat"] < now + LEEWAY:
        raise ValueError


def _shown_at(auth_time: Any) -> datetime | None:
    """When she last proved there who she is, as OpenID has it: a whole number of seconds, and none of tomorrow."""
    now = int(time.time())
    if type(auth_time) is not int or not 0 <= auth_time < now + LEEWAY:
        return None
    return datetime.fromtimestamp(min(auth_time, now), UTC)


def _must_be_installed() -> None:
    try:
        import authlib  # noqa: F401, PLC0415 - an extra
    except ImportError:
        raise NotInstalled from None
