"""What every answer of the service has to look like, said once for all tests of the API."""

import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from tests.conftest import Api
from tests.world import TEMPLATE

SECTIONS = ["home", "work", "technology", "bag"]
UTC = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")
PROBLEM = {"type", "title", "status", "code", "detail", "instance", "request_id", "retryable"}
NOWHERE = "5b1f5b5e-3c0d-4a57-9d2c-6a5d3f0e9c11"  # a random id that no row has
API_POLICY = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; sandbox"
ALWAYS = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), microphone=(), geolocation=(), interest-cohort=()",
    "strict-transport-security": "max-age=63072000; includeSubDomains",
    "cache-control": "no-store",
    "content-security-policy": API_POLICY,
}


def dressed(answer: Any) -> None:
    """The headers that no answer of the API leaves without."""
    assert {name: answer.headers.get(name) for name in ALWAYS} == ALWAYS
    assert re.fullmatch(r"[0-9a-fA-F-]{16,64}", answer.headers["x-request-id"])
    assert re.fullmatch(r'"[a-z-]+";q=\d+;w=\d+', answer.headers["ratelimit-policy"])
    assert re.fullmatch(r'"[a-z-]+";r=\d+;t=\d+', answer.headers["ratelimit"])
    assert "server" not in answer.headers
    assert "access-control-allow-origin" not in answer.headers


def made(answer: Any, home: str) -> Any:
    """A 201 that says where the new thing is and which version it has; returns its body."""
    body = good(answer, 201)
    UUID(body["id"])
    assert answer.headers["location"] == f"{home}/{body['id']}"
    return body


def good(answer: Any, status: int = 200) -> Any:
    """A success of this status, dressed, JSON, every instant in UTC, its ETag the version; returns the body."""
    assert answer.status_code == status, answer.text[:400]
    dressed(answer)
    assert answer.headers["content-type"] == "application/json"
    body = answer.json()
    assert (answer.headers.get("etag") or None) == (f'"{body["version"]}"' if "version" in body else None)
    for name, value in _members(body):
        if name.endswith("_at") and value is not None:
            assert UTC.fullmatch(value), name
    return body


def done(answer: Any) -> None:
    """A 204: nothing but headers."""
    assert answer.status_code == 204, answer.text[:400]
    dressed(answer)
    assert answer.content == b""


def problem(answer: Any, status: int, code: str, *pointers: str, language: str = "en") -> Any:
    """A refusal as problem+json of exactly this kind, pointing at exactly these members; returns the body."""
    assert answer.status_code == status, answer.text[:400]
    dressed(answer)
    assert answer.headers["content-type"] == "application/problem+json"
    body = answer.json()
    assert set(body) - {"errors"} == PROBLEM
    assert (body["status"], body["code"], body["type"]) == (status, code, f"/problems/{code}")
    assert body["request_id"] == answer.headers["x-request-id"]
    assert body["instance"] == f"urn:waypost:request:{body['request_id']}"
    assert body["title"]
    assert body["detail"]
    assert answer.headers["content-language"] == language
    assert "accept-language" in answer.headers["vary"].lower()
    assert (answer.headers.get("www-authenticate") == "Bearer") == (status == 401)
    for fault in body.get("errors", []):
        assert set(fault) == {"pointer", "code", "message"}
        assert fault["message"]
    if pointers:
        assert sorted(fault["pointer"] for fault in body["errors"]) == sorted(pointers)
    return body


def unknown(answer: Any) -> None:
    """Not found, and nothing else: the same answer for unknown, foreign and walled, request id apart."""
    body = problem(answer, 404, "not-found")
    assert "errors" not in body
    assert "etag" not in answer.headers


def same_refusal(*answers: Any) -> None:
    """These answers are one: same bytes, same headers, request id and what is left of the quota apart."""
    seen = set()
    for answer in answers:
        unknown(answer)
        own = answer.headers["x-request-id"]
        counted = ("x-request-id", "date", "ratelimit")  # they differ from one request to the next, whatever is asked
        headers = tuple(sorted((n, v) for n, v in answer.headers.items() if n not in counted))
        seen.add((answer.text.replace(own, "-"), headers))
    assert len(seen) == 1


def walk(api: Api, who: str, path: str, limit: int, **query: Any) -> Iterator[Any]:
    """Every row of a list, page by page, by the Link of each page."""
    following: str | None = f"{path}?{urlencode({**query, 'limit': limit}, doseq=True)}"
    while following:
        answer = api.get(who, following)
        page = good(answer)
        assert set(page) == {"data", "page"}
        assert set(page["page"]) == {"next_cursor", "limit"}
        assert page["page"]["limit"] == limit
        assert len(page["data"]) <= limit
        yield from page["data"]
        link = answer.headers.get("link", "")
        assert bool(link) == bool(page["page"]["next_cursor"])
        following = re.fullmatch(r'<(.*)>; rel="next"', link)[1] if link else None  # type: ignore[index]


def cursor_of(answer: Any) -> str:
    """The cursor of a list that goes on."""
    cursor: str = good(answer)["page"]["next_cursor"]
    assert cursor
    return cursor


def refused_cursor(answer: Any) -> None:
    """A cursor that does not belong here."""
    body = problem(answer, 422, "invalid", "/query/cursor")
    assert body["errors"][0]["code"] == "cursor-invalid"


# -- making things, over HTTP -------------------------------------------------------------------------------------


def client(api: Api, who: str = "ana", **values: Any) -> Any:
    """A new client."""
    return made(api.post(who, "/v1/clients", {"alias": "Wren"} | values), "/v1/clients")


def plan(api: Api, client_id: str, who: str = "ana", **values: Any) -> Any:
    """A new draft plan from the library's personal safety template."""
    body = {"template_id": str(TEMPLATE)} | values
    return made(api.post(who, f"/v1/clients/{client_id}/plans", body), "/v1/plans")


def active(api: Api, client_id: str, who: str = "ana", **values: Any) -> Any:
    """A new plan in use."""
    return good(api.put(who, f"/v1/plans/{plan(api, client_id, who, **values)['id']}/activation"))


def review(api: Api, plan_id: str, who: str = "ana", **values: Any) -> Any:
    """A new review."""
    body = {"due_at": "2031-05-06T14:00:00Z"} | values
    return made(api.post(who, f"/v1/plans/{plan_id}/reviews", body), "/v1/reviews")


def items(whole: Any) -> list[Any]:
    """Every item of a plan, in order."""
    return [item for section in whole["sections"] for item in section["items"]]


def tickable(whole: Any) -> list[Any]:
    """The items of a plan that can be ticked."""
    return [item for item in items(whole) if item["kind"] != "information"]


def counted(whole: Any) -> dict[str, int]:
    """The progress a plan ought to show, counted from its items."""
    names = ("done", "in_progress", "planned", "offered", "not_applicable", "declined", "not_safe_now")
    found = {name: sum(item["status"] == name for item in tickable(whole)) for name in names}
    return found | {"total": sum(n for name, n in found.items() if name != "declined")}


def last_action(api: Api, agency: str = "Harbor") -> str:
    """What the newest entry of the ledger says was done."""
    action: str = api.world.entries(agency)[-1]["action"]
    return action


def _members(value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        for name, member in value.items():
            yield name, member
            yield from _members(member)
    elif isinstance(value, list):
        for member in value:
            yield from _members(member)
