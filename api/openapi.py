"""The contract as a document: OpenAPI 3.1 with every error and an example on every operation."""

from collections.abc import Iterator
from inspect import iscoroutinefunction
from typing import Any

import orjson
from fastapi import FastAPI
from fastapi.routing import APIRoute, iter_route_contexts

from api import form
from api.examples import BODIES, ID, MEMBERS
from api.problems import PROBLEMS

Schema = dict[str, Any]
_PROBLEM: Schema = {
    "type": "object",
    "description": "A refusal (RFC 9457). `code` is stable; see /problems/{code}.",
    "required": ["type", "title", "status", "code", "detail", "instance", "request_id", "retryable"],
    "properties": {
        "type": {"type": "string", "format": "uri-reference"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "code": {"type": "string"},
        "detail": {"type": "string"},
        "instance": {"type": "string"},
        "request_id": {"type": "string"},
        "retryable": {"type": "boolean"},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["pointer", "code", "message"],
                "properties": {name: {"type": "string"} for name in ("pointer", "code", "message")},
            },
        },
    },
}
#: One code to show for each status an operation may answer.
_SHOWN = {
    400: "malformed-json",
    401: "token-expired",
    403: "forbidden",
    404: "not-found",
    409: "conflict",
    412: "stale-version",
    413: "body-too-large",
    415: "unsupported-media-type",
    421: "host-unknown",
    422: "invalid",
    428: "precondition-required",
    429: "rate-limited",
    500: "internal-error",
    503: "database-busy",
    507: "storage-full",
}
#: What a 429 says in its headers; the first two stand on every answer.
_LIMITS: Schema = {
    "RateLimit-Policy": {
        "description": "The limit this request was counted under: its name, q requests in w seconds.",
        "schema": {"type": "string"},
        "example": '"person";q=600;w=60',
    },
    "RateLimit": {
        "description": "What is left of that limit: at most r requests within the next t seconds.",
        "schema": {"type": "string"},
        "example": '"person";r=0;t=1',
    },
    "Retry-After": {
        "description": "Seconds after which there is room for one more request.",
        "schema": {"type": "integer", "minimum": 1},
        "example": 1,
    },
}
#: Bodies that are forms, and the refusals of OAuth's own (RFC 6749 5.2).
FORMS = frozenset({"TokenIn"})
OAUTH_SAYS = frozenset({400, 401})
_OAUTH: Schema = {
    "description": "A refusal of OAuth's own form (RFC 6749 5.2).",
    "content": {
        "application/json": {
            "schema": {
                "type": "object",
                "required": ["error"],
                "properties": {
                    "error": {"enum": ["invalid_client", "invalid_request", "invalid_scope", "unsupported_grant_type"]}
                },
            },
            "example": {"error": "invalid_client"},
        }
    },
}
_KEY = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": "A name of your own for this request: sent again with the same body it changes nothing again.",
    "schema": {"type": "string", "pattern": "^[\\x21-\\x7e]{1,255}$"},
    "example": "take-on-wren-1",
}


def operation_id(route: APIRoute) -> str:
    """`<file>_<function>`, unique because routes of one file have different names."""
    return f"{route.endpoint.__module__.rsplit('.', 1)[-1]}_{route.name}"


def document(app: FastAPI) -> bytes:
    """The OpenAPI document as JSON, the same bytes for the same code."""
    return orjson.dumps(app.openapi(), option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS) + b"\n"


def describe(app: FastAPI) -> Schema:
    """What app.openapi() answers, made once."""
    if app.openapi_schema is None:
        made = FastAPI.openapi(app)
        components = made["components"]
        for leftover in ("HTTPValidationError", "ValidationError"):
            components["schemas"].pop(leftover, None)
        components["schemas"]["Problem"] = _PROBLEM
        components["responses"] = {f"Problem{status}": _refusal(status) for status in _SHOWN}
        components["responses"]["OAuthError"] = _OAUTH
        errands = {
            operation_id(context.original_route)
            for context in iter_route_contexts(app.routes)
            if isinstance(context.original_route, APIRoute) and iscoroutinefunction(context.original_route.endpoint)
        }
        for method, operation in _operations(made):
            _complete(method, operation, components["schemas"], once=operation["operationId"] not in errands)
        app.openapi_schema = made
    return app.openapi_schema


def _operations(made: Schema) -> Iterator[tuple[str, Schema]]:
    for path in made["paths"].values():
        yield from path.items()


def _refusal(status: int) -> Schema:
    known = PROBLEMS[_SHOWN[status]]
    example = {
        "type": f"/problems/{_SHOWN[status]}",
        "title": known.title["en"],
        "status": status,
        "code": _SHOWN[status],
        "detail": known.detail["en"],
        "instance": "urn:waypost:request:6f1c2b9e0d4a4a5f",
        "request_id": "6f1c2b9e0d4a4a5f",
        "retryable": known.retryable,
    }
    content = {"schema": {"$ref": "#/components/schemas/Problem"}, "example": example}
    refusal = {"description": known.title["en"], "content": {"application/problem+json": content}}
    return refusal | ({"headers": _LIMITS} if status == 429 else {})


def _names_rows(body: Schema | None, schemas: Schema) -> bool:
    """Whether a body names a row by id: one that is not there is a 404 wherever it is named."""
    content = (body or {}).get("content", {})
    shapes = [schemas.get(c["schema"].get("$ref", "").rpartition("/")[2], c["schema"]) for c in content.values()]
    return any(b'"format":"uuid"' in orjson.dumps(shape) for shape in shapes)


def _complete(method: str, operation: Schema, schemas: Schema, *, once: bool) -> None:
    """`once`: it is one unit of work, which an Idempotency-Key makes happen once."""
    parameters = operation.setdefault("parameters", [])
    guarded, body = bool(operation.get("security")), operation.get("requestBody")
    matching = [p for p in parameters if p["name"] == "If-Match"]
    for header in matching:
        header["schema"] = {"type": "string", "pattern": '^(\\*|"\\d{1,10}")$'}
        header["example"] = '"3"'
    if guarded and once and (method == "patch" or "201" in operation["responses"]):
        parameters.append(_KEY)
    for parameter in parameters:
        parameter.setdefault("example", _made(parameter["schema"], schemas, parameter["name"]))
    oauth = body is not None and _show_body(method, body)
    for status, response in operation["responses"].items():
        if status.startswith("2"):
            _show_answer(response, schemas)
    statuses = {401, 421, 422, 429, 500, 503} | ({403} if guarded else set())
    looks = any(p["in"] == "path" for p in parameters) or _names_rows(body, schemas)
    statuses |= {404} if looks or "404" in operation["responses"] else set()  # a route may say that it looks for more
    statuses |= {400, 413, 415} if body else {413}
    statuses |= {409, 507} if method != "get" else set()
    statuses |= {412} if matching or method == "patch" else set()  # a list of changes names its versions in the body
    statuses |= {428} if any(p.get("required") for p in matching) else set()
    statuses -= {404, 409, 413, 415, 422} if oauth else set()
    operation["responses"].pop("422", None)
    for status in sorted(statuses):
        named = "OAuthError" if oauth and status in OAUTH_SAYS else f"Problem{status}"
        operation["responses"][str(status)] = {"$ref": f"#/components/responses/{named}"}


def _show_body(method: str, body: Schema) -> bool:
    """Say as what a body is sent; whether it is OAuth's form."""
    content = body["content"].pop("application/json")
    name = content["schema"]["$ref"].rsplit("/", 1)[-1]
    content["example"] = BODIES[name]
    if name in FORMS:
        body["content"][form.KIND] = content
        return True
    body["content"]["application/json"] = content
    if method == "patch":
        body["content"]["application/merge-patch+json"] = content
    return False


def _show_answer(response: Schema, schemas: Schema) -> None:
    for content in response.get("content", {}).values():
        content.setdefault("example", _made(content["schema"], schemas))
        name = content["schema"].get("$ref", "").rsplit("/", 1)[-1]
        if "version" in schemas.get(name, {}).get("properties", {}):
            shown = {"description": "The version shown, for If-Match.", "schema": {"type": "string"}, "example": '"1"'}
            response.setdefault("headers", {})["ETag"] = shown


def _made(schema: Schema, schemas: Schema, name: str = "") -> Any:
    """An invented value that fits a schema."""
    if name in MEMBERS and (not isinstance(MEMBERS[name], str) or _takes_text(schema)):
        return MEMBERS[name]
    if "$ref" in schema:
        return _made(schemas[schema["$ref"].rsplit("/", 1)[-1]], schemas, name)
    if "anyOf" in schema:
        return _made(schema["anyOf"][0], schemas, name)
    given = [*schema.get("examples", ()), *schema.get("enum", ())] + [schema[k] for k in ("default",) if k in schema]
    return given[0] if given else _by_type(schema, schemas, name)


def _by_type(schema: Schema, schemas: Schema, name: str) -> Any:
    if schema.get("type") == "object":
        return {member: _made(part, schemas, member) for member, part in schema.get("properties", {}).items()}
    if schema.get("type") == "array":
        return [_made(schema["items"], schemas, name)]
    by_format = {"uuid": ID, "date-time": "2027-01-04T14:30:00Z", "date": "2027-01-04"}
    by_type = {"integer": 1, "number": 1, "boolean": False, "string": "text", "null": None}
    return by_format.get(schema.get("format", "")) or by_type[schema.get("type", "string")]


def _takes_text(schema: Schema) -> bool:
    return any(part.get("type") == "string" and "enum" not in part for part in [schema, *schema.get("anyOf", [])])
