"""The shell around every request: id, rate limit, host, headers always there, one log line, and the last resort."""

import ipaddress
import random
import re
import time
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.requests import Request

from api.errors import answer, problem
from api.gate import bearer
from api.limits import Meter, RateLimited
from api.log import logger
from api.metrics import answered
from api.settings import Settings
from api.tokens import Claims, Tokens
from models.errors import Unauthenticated

Message = MutableMapping[str, Any]
Send = Callable[[Message], Awaitable[None]]
Receive = Callable[[], Awaitable[Message]]

_REQUEST_ID = re.compile(r"[0-9a-fA-F-]{16,64}")  # hex only: it is kept in the ledger, so it must not spell anything
#: One thing has one address: no escaped slash or control, and no escape where the plain character would do.
_TWO_ADDRESSES = re.compile(rb"%(?:2[def]|5[cf]|[01][0-9a-f]|3[0-9]|[46][1-9a-f]|[57][0-9a]|7[ef])", re.IGNORECASE)
#: An answer of the API opened in a browser is inert: it loads, runs, sends and frames nothing, and has no origin.
API_POLICY = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; sandbox"
PAGE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
PAGES = ("/docs", "/setup", "/sso", "/problems/", "/reset", "/static/", "/welcome")
#: Cheap, and asked by machines that would restart us for a 429, or by whoever wants to know what a 429 is.
FREE = ("/health/", "/static/", "/problems/")
#: Headers every answer has unless it says otherwise.
ALWAYS = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), microphone=(), geolocation=(), interest-cohort=()"),
    (b"strict-transport-security", b"max-age=63072000; includeSubDomains"),
)
_API = {name: (name, value) for name, value in (
    *ALWAYS, (b"content-security-policy", API_POLICY.encode()), (b"cache-control", b"no-store")
)}  # fmt: skip
_PAGE = _API | {b"content-security-policy": (b"content-security-policy", PAGE_POLICY.encode())}
_FILE = _PAGE | {b"cache-control": (b"cache-control", b"public, max-age=3600")}


class Shell:
    """Pure ASGI: Starlette's own middleware would cost each request more than its database work does."""

    def __init__(self, app: Any, settings: Settings) -> None:
        self.app = app
        self._proxies = frozenset(settings.trusted_proxies)
        ours = ["127.0.0.1", "localhost", "[::1]", settings.host, *settings.allowed_hosts]
        self._hosts = {name.lower() for name in (*ours, urlsplit(settings.origin()).hostname or "")}

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """One request, dressed and told."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started = time.perf_counter()
        request = Request(scope, receive)
        state, headers = request.state, Headers(scope=scope)
        given = headers.get("x-request-id", "")
        state.request_id = given if _REQUEST_ID.fullmatch(given) else f"{random.getrandbits(128):032x}"
        state.ip, state.agent, state.code, state.actor = self._client(scope, headers), _device(headers), None, None
        state.template = "/static" if scope["path"].startswith("/static/") else "unmatched"
        state.claims, state.meter = None, Meter(request.app.state.limits, state.ip)
        status = 500

        async def sending(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = _dressed(message["headers"], scope["path"], state)
            await send(message)

        try:
            self._charge(request, headers)
            if _TWO_ADDRESSES.search(scope.get("raw_path") or b""):
                await problem(request, "not-found")(scope, receive, sending)
            elif not self._known_host(headers):
                await problem(request, "host-unknown")(scope, receive, sending)
            else:
                await self.app(scope, receive, sending)
        except Exception as error:  # noqa: BLE001 - the last resort: nothing of an error ever leaves
            await answer(request, error)(scope, receive, sending)
        _tell(scope, status, time.perf_counter() - started, state)

    def _charge(self, request: Request, headers: Headers) -> None:
        """Take the request from somebody's quota, before anything is done for her. Raises RateLimited. Nothing keeps
        anybody from leaving: the quick exit goes on without a quota."""
        path, state = request.scope["path"], request.state
        if not path.startswith(FREE):
            state.claims = _known(headers, request.app.state.tokens)
            if not state.meter.charge(state.claims) and path != "/exit":
                raise RateLimited(state.meter.shown)

    def _known_host(self, headers: Headers) -> bool:
        sent = headers.getlist("host")
        return len(sent) == 1 and re.sub(r":\d+$", "", sent[0].lower()) in self._hosts

    def _client(self, scope: Message, headers: Headers) -> str | None:
        """The caller's address: the peer's, or what a named proxy says, read from the right."""
        peer = (scope.get("client") or (None,))[0]
        if peer in self._proxies:
            for hop in reversed(",".join(headers.getlist("x-forwarded-for")).split(",")):
                try:
                    address = str(ipaddress.ip_address(hop.strip().partition("%")[0]))  # a zone may spell anything
                except ValueError:
                    break
                if address not in self._proxies:
                    return address
        return peer


def _known(headers: Headers, tokens: Tokens) -> Claims | None:
    """Who shows one good token. A bad one is refused by the door; until then its sender is nobody."""
    shown = headers.getlist("authorization")
    try:
        return bearer(shown[0], tokens) if len(shown) == 1 else None
    except Unauthenticated:
        return None


def _device(headers: Headers) -> str | None:
    """A coarse class of device: enough for "that was not me", too little to recognise anybody."""
    agent = headers.get("user-agent", "").lower()
    if not agent:
        return None
    if any(word in agent for word in ("iphone", "android", "mobile", "ipad")):
        return "mobile"
    return "browser" if "mozilla" in agent else "program"


def _dressed(headers: list[tuple[bytes, bytes]], path: str, state: Any) -> list[tuple[bytes, bytes]]:
    """An answer's headers with those that are always there; only the content security policy is never its own."""
    always = _FILE if path.startswith("/static/") else _PAGE if path == "/" or path.startswith(PAGES) else _API
    own = {name for name, _ in headers}
    return [
        *headers,
        *(pair for name, pair in always.items() if name not in own),
        *state.meter.headers(),
        (b"x-request-id", state.request_id.encode()),
    ]


def _tell(scope: Message, status: int, seconds: float, state: Any) -> None:
    answered(scope["method"], state.template, status, seconds)
    actor = state.actor
    logger().info(
        "request",
        request_id=state.request_id,
        method=scope["method"],
        route=state.template,
        status=status,
        ms=round(seconds * 1000, 1),
        code=state.code,
        agency=str(actor.agency_id) if actor else None,
        actor=str(actor.id) if actor else None,
    )
