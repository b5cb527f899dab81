"""An identity provider on loopback: real HTTP, real RSA and EC keys, and whatever lie a test asks for."""

import base64
import hashlib
import json
import secrets
import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener

from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey

CLIENT, SECRET = "waypost", "the-secret-of-waypost"


@dataclass
class Provider:
    """One provider. `subject` is signed in there; `alter` changes the claims, `sign` the whole token."""

    issuer: str = ""
    subject: str = "subject-of-ana"
    alter: dict[str, Any] = field(default_factory=dict)
    drop: tuple[str, ...] = ()
    algorithm: str = "RS256"
    told: dict[str, Any] = field(default_factory=dict)
    sign: Any = None
    answer: Any = None
    codes: dict[str, dict[str, str]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.rotate()

    def rotate(self) -> None:
        """New keys; the old ones are published no more."""
        kid = secrets.token_hex(4)
        self.keys = {
            "RS256": RSAKey.generate_key(2048, {"kid": f"r{kid}", "use": "sig", "alg": "RS256"}),
            "ES256": ECKey.generate_key("P-256", {"kid": f"e{kid}", "use": "sig", "alg": "ES256"}),
        }

    def metadata(self, prefix: str) -> dict[str, Any]:
        """What it says of itself; behind every first step of a path there is another issuer."""
        issuer = self.issuer + prefix
        return {
            "issuer": issuer,
            "authorization_endpoint": f"{issuer}/authorize",
            "token_endpoint": f"{issuer}/token",
            "jwks_uri": f"{issuer}/keys",
            "id_token_signing_alg_values_supported": ["RS256", "ES256"],
            "authorization_response_iss_parameter_supported": True,
        } | self.told

    def jwks(self) -> dict[str, Any]:
        return {"keys": [key.as_dict(private=False) for key in self.keys.values()]}

    def authorize(self, query: dict[str, str], prefix: str) -> str:
        """The redirect back, with a code."""
        assert query["response_type"] == "code"
        assert query["code_challenge_method"] == "S256"
        assert query["client_id"].startswith(CLIENT)
        code = secrets.token_urlsafe(16)
        self.codes[code] = query | {"sub": self.subject, "iss": self.issuer + prefix}
        return (
            f"{query['redirect_uri']}?{urlencode({'code': code, 'state': query['state'], 'iss': self.issuer + prefix})}"
        )

    def token(self, form: dict[str, str], authorization: str) -> tuple[int, Any]:
        if self.answer is not None:
            return self.answer
        asked = self.codes.pop(form["code"], None)
        if asked is None:
            return 400, {"error": "invalid_grant"}
        client = asked["client_id"]
        shown = f"{client}:{SECRET}{client.removeprefix(CLIENT)}"
        if authorization != "Basic " + base64.b64encode(shown.encode()).decode():
            return 401, {"error": "invalid_client"}
        challenge = (
            base64.urlsafe_b64encode(hashlib.sha256(form["code_verifier"].encode()).digest()).decode().rstrip("=")
        )
        if asked["code_challenge"] != challenge or asked["redirect_uri"] != form["redirect_uri"]:
            return 400, {"error": "invalid_grant"}
        now = int(time.time())
        claims = {
            "iss": asked["iss"],
            "aud": client,
            "sub": asked["sub"],
            "nonce": asked["nonce"],
            "iat": now,
            "exp": now + 300,
        } | ({"auth_time": now} if "max_age" in asked else {})
        claims = {name: value for name, value in (claims | self.alter).items() if name not in self.drop}
        return 200, {"access_token": "x", "token_type": "Bearer", "id_token": self.signed(claims)}

    def signed(self, claims: dict[str, Any]) -> str:
        if self.sign is not None:
            return self.sign(claims)
        key = self.keys[self.algorithm]
        return jwt.encode({"alg": self.algorithm, "kid": key.kid}, claims, key)


class _Stay(HTTPRedirectHandler):
    def redirect_request(self, *_: Any) -> None:
        return None


def visit(url: str) -> dict[str, str]:
    """What a browser brings back from the provider's page."""
    from urllib.error import HTTPError

    try:
        build_opener(_Stay).open(Request(url), timeout=10)  # noqa: S310 - of this file
    except HTTPError as answer:
        assert answer.code == 302
        location = answer.headers["location"]
        answer.close()
        return {name: values[0] for name, values in parse_qs(urlsplit(location).query).items()}
    raise AssertionError("the provider did not send the browser back")


def serve() -> Provider:
    """A provider for the rest of this process."""
    provider = Provider()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            provider.asked.append(parts.path)
            prefix, _, step = parts.path.removesuffix("/.well-known/openid-configuration").rpartition("/")
            if step not in ("authorize", "keys"):
                prefix = parts.path.removesuffix("/.well-known/openid-configuration")
            if step == "authorize":
                self.send_response(302)
                self.send_header(
                    "location", provider.authorize({n: v[0] for n, v in parse_qs(parts.query).items()}, prefix)
                )
                self.send_header("content-length", "0")
                self.end_headers()
                return
            self._json(200, provider.jwks() if step == "keys" else provider.metadata(prefix))

        def do_POST(self) -> None:
            provider.asked.append(self.path)
            form = parse_qs(self.rfile.read(int(self.headers["content-length"])).decode())
            self._json(*provider.token({n: v[0] for n, v in form.items()}, self.headers.get("authorization", "")))

        def _json(self, status: int, content: Any) -> None:
            raw = content if isinstance(content, bytes) else json.dumps(content).encode()
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(raw)))
            self.end_headers()
            self.wfile.write(raw)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    provider.issuer = f"http://127.0.0.1:{server.server_address[1]}"
    return provider
