"""A refusal as the caller sees it: problem+json (RFC 9457), in her language, without a value or a name of ours."""

import difflib
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

import orjson
from pydantic import BaseModel, ValidationError
from sqlmodel import SQLModel
from starlette.requests import Request
from starlette.responses import Response

from api.log import logger
from api.problems import PROBLEMS, spoken_fault
from models.errors import DomainError, Fault, Invalid, KeyRefused, SealError, Spent, Stale, Unavailable

MEDIA_TYPE = "application/problem+json"
MOST_FAULTS = 50


def language_of(headers: Mapping[str, str]) -> str:
    """The first of English and Spanish that Accept-Language asks for (RFC 9110 12.5.4); English when neither."""
    asked: list[tuple[float, str]] = []
    for part in headers.get("accept-language", "")[:200].split(","):
        tag, _, quality = part.strip().partition(";q=")
        try:
            weight = float(quality) if quality else 1.0
        except ValueError:
            continue
        asked.append((-weight, tag.lower().split("-")[0]))
    return next((tag for weight, tag in sorted(asked, key=lambda a: a[0]) if tag in ("en", "es") and weight), "en")


def problem(
    request: Request, code: str, faults: Iterable[Fault] = (), headers: Mapping[str, str] | None = None
) -> Response:
    """The answer for a problem's code."""
    known, language = PROBLEMS[code], language_of(request.headers)
    request_id = getattr(request.state, "request_id", "-")
    body: dict[str, Any] = {
        "type": f"/problems/{code}",
        "title": known.title[language],
        "status": known.status,
        "code": code,
        "detail": known.detail[language],
        "instance": f"urn:waypost:request:{request_id}",
        "request_id": request_id,
        "retryable": known.retryable,
    }
    told = [
        {"pointer": f.pointer, "code": f.code, "message": spoken_fault(f, language)} for f in list(faults)[:MOST_FAULTS]
    ]
    if told:
        body["errors"] = told
    request.state.code = code
    spoken = {"content-language": language, "vary": "Accept-Language"}
    return Response(orjson.dumps(body), known.status, spoken | dict(headers or {}), MEDIA_TYPE)


def answer(request: Request, error: BaseException) -> Response:
    """The answer for any error. What is not a refusal of ours is hidden whole, and logged by its kind alone."""
    headers: dict[str, str] = {}
    if isinstance(error, Unavailable | Spent):
        headers["retry-after"] = str(error.retry_after)
    if isinstance(error, Stale):
        headers["etag"] = f'"{error.current}"'
    if isinstance(error, DomainError) and error.reason in PROBLEMS:
        if PROBLEMS[error.reason].status == 401:
            headers["www-authenticate"] = "Bearer"
        if isinstance(error, SealError):
            logger().error("sealed.damaged", request_id=getattr(request.state, "request_id", "-"))
        faults = error.faults if isinstance(error, Invalid) else ()
        if isinstance(error, Stale):
            faults = (Fault("", "current-version", str(error.current)),)
        return problem(request, error.reason, faults, headers)
    where = _innermost(error)
    kind = type(error).__name__
    logger().error("unexpected", request_id=getattr(request.state, "request_id", "-"), kind=kind, where=where)
    return problem(request, "keys-unavailable" if isinstance(error, KeyRefused) else "internal-error")


def _innermost(error: BaseException) -> str:
    """file:line of the place an error came from: enough to find it, nothing of what it was about."""
    step = error.__traceback__
    while step is not None and step.tb_next is not None:
        step = step.tb_next
    return "" if step is None else f"{step.tb_frame.f_code.co_filename.rsplit('/', 1)[-1]}:{step.tb_lineno}"


def from_pydantic(error: ValidationError, place: str = "") -> Invalid:
    """Pydantic's findings as faults: pointer and rule, never `input`, `ctx` or `url`, which repeat what was sent."""
    return Invalid(*(_fault(one, place) for one in error.errors(include_url=False, include_input=False)))


_LIMITS = ("max_length", "min_length", "ge", "le", "gt", "lt", "expected")


def _fault(found: Any, place: str) -> Fault:
    steps = (step for step in found["loc"] if step != "[key]")
    told = (str(step) if isinstance(step, int) or step in _declared() else "*" for step in steps)
    pointer = place + "".join("/" + step.replace("~", "~0").replace("/", "~1") for step in told)
    limit = next((str(found["ctx"][name]) for name in _LIMITS if name in found.get("ctx", {})), "")
    return Fault(pointer, found["type"].replace("_", "-"), limit if found["type"] in _TOLD_BY_LIMIT else found["msg"])


@cache
def _declared() -> frozenset[str]:
    """Every member name a shape of ours declares. Others were chosen by whoever sent them, and are not repeated; the
    names of columns are nobody's business either."""
    names: set[str] = set()
    kinds: list[type[BaseModel]] = [BaseModel]
    while kinds:
        kind = kinds.pop()
        kinds += [below for below in kind.__subclasses__() if not issubclass(below, SQLModel)]
        names |= set(kind.model_fields) if kind.__module__.startswith(("api.", "models.")) else set()
    return frozenset(names)


_TOLD_BY_LIMIT = frozenset(
    {
        "string_too_long", "string_too_short", "greater_than_equal", "less_than_equal", "greater_than", "less_than",
        "too_long", "too_short", "enum", "literal_error",
    }
)  # fmt: skip


def unknown_parameter(name: str, known: Iterable[str]) -> Fault:
    """An unknown query parameter, with the nearest known one suggested."""
    near = difflib.get_close_matches(name, list(known), 1)
    return Fault("/query", "unknown-parameter", near[0] if near else "")
