"""What every request passes before a handler sees it: one route class that reads strictly and runs on the lane.

FastAPI declares the routes and documents them. This class reads path, query, headers and body by their declarations,
but more strictly than FastAPI does, then runs the handler as one unit of work and answers with bytes after its commit.
"""

import re
from collections.abc import Callable, Coroutine
from hashlib import sha256
from inspect import iscoroutinefunction
from typing import Annotated, Any, cast
from urllib.parse import urlencode
from uuid import UUID

from fastapi import Header
from fastapi.routing import APIRoute
from pydantic import BaseModel, TypeAdapter, ValidationError
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from api import form, json_gate
from api.errors import answer, from_pydantic, language_of, unknown_parameter
from api.gate import Errand, Front, Gate, OpenDoor, admit, bearer
from api.shapes import written
from api.tokens import Claims
from models import idempotency
from models.access import RELEASED
from models.database import Unit
from models.errors import DomainError, Fault, Invalid, NotFound
from models.ledger.book import Origin
from models.workspace import Workspace

MOST_BODY = 1 << 20
MOST_PUBLIC_BODY = 1 << 17  # nobody we do not know yet has much to say
JSON = "application/json"
MERGE_PATCH = "application/merge-patch+json"
_KEY = re.compile(r"[\x21-\x7e]{1,255}")
NO_SUCH_VERSION = -1
_ETAG = re.compile(r'"(\d{1,10})"')
_LENGTH = re.compile(r"[0-9]{1,15}")


#: The version a change is meant for, from `If-Match: "3"`. Without a default the header is required (428); `*`, or an
#: absent optional header, is None: whatever version there is.
IfMatch = Annotated[
    int | None, Header(alias="If-Match", description="The ETag of the version this change is meant for.")
]


#: The language to answer in, of those we speak: the first of them that Accept-Language asks for.
Spoken = Annotated[
    str, Header(alias="Accept-Language", description="The language of the words in the answer: `en` or `es`.")
]


class Refusal(DomainError):
    """A refusal that only HTTP knows: media type, size, missing header."""

    code = "bad-request"


class Door(APIRoute):
    """One operation's way in. Handlers are `def` with a Workspace, or `async def` with an Errand or Front."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """From request to response, every refusal a problem. FastAPI asks for it; api/paths.py calls it, as `serve`."""
        operation = _Operation(self)

        async def handle(request: Request) -> Response:
            try:
                return await operation.run(request)
            except ClientDisconnect:
                return Response(status_code=499)
            except Exception as error:  # noqa: BLE001 - the last resort for everything a route does
                return form.refusal(request, error) if operation.form else answer(request, error)

        self.serve = handle
        return handle


class _Operation:
    """A route's declarations, read once."""

    def __init__(self, route: APIRoute) -> None:
        declared = route.dependant
        self.endpoint: Callable[..., Any] = route.endpoint
        self.status = route.status_code or 200
        self.path = [
            (f.name, TypeAdapter[Any](cast(Any, Annotated[f.field_info.annotation or str, f.field_info])))
            for f in declared.path_params
        ]
        self.filter = _only_model(route, declared.query_params)
        self.filter_name = declared.query_params[0].name if self.filter else ""
        self.body = _only_model(route, declared.body_params)
        self.body_name = declared.body_params[0].name if self.body else ""
        self.form = getattr(self.body, "form", False)
        self.method = next(iter(route.methods or ()))
        self.reads_body = {JSON, MERGE_PATCH} if self.method == "PATCH" else {JSON}
        door = next(d for d in declared.dependencies if isinstance(d.call, Gate | OpenDoor))
        self.gate = door.call if isinstance(door.call, Gate) else None
        self.door_name = str(door.name)
        self.if_match = next((f for f in declared.header_params if f.alias.lower() == "if-match"), None)
        self.spoken = next((f for f in declared.header_params if f.alias.lower() == "accept-language"), None)
        self.renders: Any = route.response_model
        self.is_async = iscoroutinefunction(self.endpoint)

    async def run(self, request: Request) -> Response:
        state = request.app.state
        origin = Origin(request.state.request_id, request.state.ip, request.state.agent)
        shown = request.headers.getlist("authorization")
        known = request.state.claims  # the shell has charged her for this request already
        claims = (known or bearer(shown[0] if len(shown) == 1 else None, state.tokens)) if self.gate else None
        values, named = self._path(request)
        values |= self._query(request)
        raw = await _read(request, MOST_BODY if self.gate else MOST_PUBLIC_BODY)
        values |= self._body(request, raw)
        values |= self._if_match(request)
        if self.spoken is not None:
            values[self.spoken.name] = language_of(request.headers)
        front = Front(state.lane, state.passwords, state.tokens, origin, request.state.meter, state.providers)
        if self.is_async:
            if not (self.gate and claims):
                return self._respond(request, await self.endpoint(**values, **{self.door_name: front}))
            errand = Errand(front, state.lane, claims, self.gate.permission)
            try:
                return self._respond(request, await self.endpoint(**values, **{self.door_name: errand}))
            finally:
                request.state.actor = errand.actor
        if self.gate is None or claims is None:
            raise TypeError("a public route is async: it has no Workspace to run in")
        permission = self.gate.permission
        key = self._idempotency_key(request)

        sent, released = (values, tuple(named)), claims.scopes is not None and permission in RELEASED

        def work(db: Workspace) -> Response:
            values, named[:] = _ours(db, claims, *sent) if released else sent
            admit(db, claims, permission)
            request.state.actor = db.actor
            if key is not None:
                return self._once(request, db, key, raw, values)
            return self._respond(request, self.endpoint(**values, **{self.door_name: db}))

        turn, gone = (claims.agency_id, claims.user_id), getattr(request.state, "gone", _never)
        response: Response = await state.lane.run(Unit(claims.agency_id, work, origin, named, turn, gone))
        return response

    # -- reading what was sent ------------------------------------------------------------------------------------

    def _path(self, request: Request) -> tuple[dict[str, Any], list[UUID]]:
        values: dict[str, Any] = {}
        named: list[UUID] = []
        for name, adapter in self.path:
            try:
                values[name] = adapter.validate_python(request.path_params[name])
            except ValidationError:
                raise NotFound from None  # no thing has such an address
            if str(values[name]) != request.path_params[name]:
                raise NotFound  # braces, capitals, leading zeros: one thing has one address
            if isinstance(values[name], UUID):
                named.append(values[name])
        return values, named

    def _query(self, request: Request) -> dict[str, Any]:
        sent = request.query_params.multi_items() if request.scope["query_string"] else ()
        fields = self.filter.model_fields if self.filter else {}
        faults: list[Fault] = []
        values: dict[str, Any] = {}
        for name, value in sent:
            if name not in fields:
                faults.append(unknown_parameter(name, fields))
            elif _is_list(fields[name].annotation):
                values.setdefault(name, []).append(value)
            elif name in values:
                faults.append(Fault(f"/query/{name}", "repeated-parameter", ""))
            else:
                values[name] = value
        if faults:
            raise Invalid(*faults)
        if self.filter is None:
            return {}
        try:
            return {self.filter_name: self.filter.model_validate(values)}
        except ValidationError as error:
            raise from_pydantic(error, "/query") from None

    def _body(self, request: Request, raw: bytes) -> dict[str, Any]:
        if self.form and self.body is not None:
            return {self.body_name: form.read(request, raw, self.body)}
        if self.body is None:
            if raw.strip() not in (b"", b"{}"):
                raise Invalid(Fault("", "body-unexpected", ""))
            return {}
        kind = request.headers.get("content-type", "").split(";")
        if kind[0].strip().lower() not in self.reads_body or any(
            part.strip().lower() not in ("charset=utf-8", 'charset="utf-8"') for part in kind[1:]
        ):
            raise Refusal("unsupported-media-type")
        if request.headers.get("content-encoding", "identity").lower() != "identity":
            raise Refusal("unsupported-media-type")  # a small body may hide a huge one
        json_gate.check(raw)
        try:
            return {self.body_name: self.body.model_validate_json(raw)}
        except ValidationError as error:
            raise from_pydantic(error) from None

    def _if_match(self, request: Request) -> dict[str, Any]:
        if self.if_match is None:
            return {}
        sent = request.headers.get("if-match")
        if sent is None:
            if self.if_match.field_info.is_required():
                raise Refusal("precondition-required")
            return {self.if_match.name: None}
        if sent == "*":
            return {self.if_match.name: None}
        found = _ETAG.fullmatch(sent.strip())
        return {self.if_match.name: int(found[1]) if found else NO_SUCH_VERSION}

    def _idempotency_key(self, request: Request) -> bytes | None:
        sent = request.headers.getlist("idempotency-key")
        if not sent or self.method not in ("POST", "PATCH"):
            return None
        if len(sent) > 1 or not _KEY.fullmatch(sent[0]):
            raise Invalid(Fault("/headers/idempotency-key", "idempotency-key-form", ""))
        return sha256(sent[0].encode()).digest()

    # -- answering ------------------------------------------------------------------------------------------------

    def _once(self, request: Request, db: Workspace, key: bytes, raw: bytes, values: dict[str, Any]) -> Response:
        """Run the handler once per key; a repeated request gets what the first made, as it is today."""
        target = f"{request.method} {request.url.path}".encode()
        meant_for = request.headers.get("if-match", "").encode()
        made = idempotency.take(db, key, db.vault.service.fingerprint(target, raw, meant_for))
        if made is not None:
            response = self._respond(request, self.renders.again(db, made))
            response.headers["idempotency-replayed"] = "true"
            return response
        value = self.endpoint(**values, **{self.door_name: db})
        idempotency.keep(db, key, value.id)
        return self._respond(request, value)

    def _respond(self, request: Request, value: Any) -> Response:
        """Bytes now, while the rows are open; they leave after the commit."""
        if isinstance(value, Response):
            return value
        if value is None:
            return Response(status_code=204)
        if isinstance(value, str):
            return Response(value, self.status, media_type="text/plain")
        said, headers = vars(value), {}
        if (version := said.get("version")) is not None:
            headers["etag"] = etag = f'"{version}"'
            if request.method == "GET" and value.still and etag in request.headers.get("if-none-match", ""):
                return Response(status_code=304, headers=headers)
        if self.status == 201 and value.home:
            headers["location"] = value.address()
        if language := said.get("language"):
            headers["content-language"] = language
        if self.spoken is not None:
            headers |= {"content-language": language_of(request.headers), "vary": "Accept-Language"}
        page = said.get("page")
        if page is not None and page.next_cursor:
            headers["link"] = _next_link(request, page.next_cursor)
        return Response(written(value), self.status, headers, JSON)


def _ours(
    db: Workspace, claims: Claims, values: dict[str, Any], named: tuple[UUID, ...]
) -> tuple[dict[str, Any], list[UUID]]:
    """Our own ids for the names an integration has: from here on, in the entry of a refusal too, they are rows."""
    names = db.keys.pairwise(claims.user_id)
    inside = {name: names.row(value) if isinstance(value, UUID) else value for name, value in values.items()}
    return inside, [names.row(value) for value in named]


def _never() -> bool:
    return False


def _only_model(route: APIRoute, fields: list[Any]) -> type[BaseModel] | None:
    """The one model a route reads its query or body as. Loose parameters would bypass the strict reading."""
    if not fields:
        return None
    annotation = fields[0].field_info.annotation
    if len(fields) > 1 or not (isinstance(annotation, type) and issubclass(annotation, BaseModel)):
        raise TypeError(f"{route.path}: take the query, and the body, as one model each")
    return annotation


def _is_list(annotation: Any) -> bool:
    return "list[" in str(annotation)


async def _read(request: Request, most: int) -> bytes:
    """The body, at most so many bytes. Raises Refusal('body-too-large') as soon as that is clear."""
    announced = request.headers.get("content-length", "0")
    if not _LENGTH.fullmatch(announced) or int(announced) > most:
        raise Refusal("body-too-large")
    parts, size = [], 0
    async for part in request.stream():
        size += len(part)
        if size > most:
            raise Refusal("body-too-large")
        parts.append(part)
    return b"".join(parts)


def _next_link(request: Request, cursor: str) -> str:
    kept = [(name, value) for name, value in request.query_params.multi_items() if name != "cursor"]
    return f'<{request.url.path}?{urlencode([*kept, ("cursor", cursor)])}>; rel="next"'
