"""The shell around every request: id, host, headers that are always there, one log line, and the last resort."""

import ipaddress
import re
import time
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request

from api.errors import answer, problem
from api.log import logger
from api.metrics import REQUESTS, SECONDS
from api.settings import Settings

Message = MutableMapping[str, Any]
Send = Callable[[Message], Awaitable[None]]
Receive = Callable[[], Awaitable[Message]]

_REQUEST_ID = re.compile(r"[0-9a-fA-F-]{16,64}")  # hex only: it is kept in the ledger, so it must not spell anything
_TWO_ADDRESSES = re.compile(rb"%(?:2f|5c|[01][0-9a-f]|7f)", re.IGNORECASE)  # one thing has one address
API_POLICY = "default-src 'none'; frame-ancestors 'none'"
PAGE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
ALWAYS = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), microphone=(), geolocation=(), interest-cohort=()",
    "strict-transport-security": "max-age=63072000; includeSubDomains",
}
PAGES = ("/docs", "/setup", "/problems/", "/static/")


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
        state.request_id = given if _REQUEST_ID.fullmatch(given) else uuid4().hex
        state.ip, state.agent, state.code, state.actor = self._client(scope, headers), _device(headers), None, None
        status = 500

        async def sending(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                _dress(MutableHeaders(scope=message), scope["path"], state.request_id)
            await send(message)

        try:
            if _TWO_ADDRESSES.search(scope.get("raw_path") or b""):
                await problem(request, "not-found")(scope, receive, sending)
            elif not self._known_host(headers):
                await problem(request, "host-unknown")(scope, receive, sending)
            else:
                await self.app(scope, receive, sending)
        except Exception as error:  # noqa: BLE001 - the last resort: nothing of an error ever leaves
            await answer(request, error)(scope, receive, sending)
        _tell(scope, status, time.perf_counter() - started, state)

    def _known_host(self, headers: Headers) -> bool:
        sent = headers.getlist("host")
        return len(sent) == 1 and re.sub(r":\d+$", "", sent[0].lower()) in self._hosts

    def _client(self, scope: Message, headers: Headers) -> str | None:
        """The caller's address: the peer's, or what a named proxy says, read from the right."""
        peer = (scope.get("client") or (None,))[0]
        if peer in self._proxies:
            for hop in reversed(",".join(headers.getlist("x-forwarded-for")).split(",")):
                try:
                    address = str(ipaddress.ip_address(hop.strip()))
                except ValueError:
                    break
                if address not in self._proxies:
                    return address
        return peer


def _device(headers: Headers) -> str | None:
    """A coarse class of device: enough for "that was not me", too little to recognise anybody."""
    agent = headers.get("user-agent", "").lower()
    if not agent:
        return None
    if any(word in agent for word in ("iphone", "android", "mobile", "ipad")):
        return "mobile"
    return "browser" if "mozilla" in agent else "program"


def _dress(headers: MutableHeaders, path: str, request_id: str) -> None:
    for name, value in ALWAYS.items():
        headers.setdefault(name, value)
    page = path.startswith(PAGES)
    headers["content-security-policy"] = PAGE_POLICY if page else API_POLICY
    headers.setdefault("cache-control", "public, max-age=3600" if path.startswith("/static/") else "no-store")
    headers["x-request-id"] = request_id


def _template(scope: Message) -> str:
    """The route's template, never the path that was asked for."""
    if "endpoint" not in scope:
        return "unmatched"
    if scope["path"].startswith("/static/"):
        return "/static"
    steps = scope["path"].split("/")
    for name, value in reversed(scope.get("path_params", {}).items()):
        last = max((at for at, step in enumerate(steps) if step == str(value)), default=0)
        steps[last] = f"{{{name}}}" if last else steps[last]
    return "/".join(steps)


def _tell(scope: Message, status: int, seconds: float, state: Any) -> None:
    template = _template(scope)
    REQUESTS.labels(scope["method"], template, status).inc()
    SECONDS.labels(scope["method"], template).observe(seconds)
    actor = state.actor
    logger().info(
        "request",
        request_id=state.request_id,
        method=scope["method"],
        route=template,
        status=status,
        ms=round(seconds * 1000, 1),
        code=state.code,
        agency=str(actor.agency_id) if actor else None,
        actor=str(actor.id) if actor else None,
    )
