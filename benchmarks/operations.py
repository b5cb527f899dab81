"""What is asked of the service: the operations of the advocate's main job, as endless streams of requests."""

import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import cycle, islice
from typing import Any
from uuid import UUID

import orjson

from benchmarks.scene import IN_OWN_WORDS, ITEMS, Scene

BLOCK = 256  # ticks before the same items are unticked: more than there are connections, so that none overtakes
Request = tuple[str, str, dict[str, Any] | None]


@dataclass(frozen=True)
class Operation:
    """One operation: whose it is, the answer's status, its requests, and what has to be true of an answer."""

    name: str
    who: str
    status: int
    requests: Callable[[Scene], Iterator[Request]]
    sound: Callable[[dict[str, Any]], bool]

    def take(self, scene: Scene, count: int) -> list[Request]:
        """The next requests, never asked before where that matters."""
        return list(islice(self.requests(scene), count))


def _create_client(_: Scene) -> Iterator[Request]:
    while True:
        contact = {"phone": "555-0142", "safe_hours": "mornings", "warning": "Never call in the evening."}
        body = {"alias": f"Linnet {secrets.token_hex(3)}", "pronouns": "she/her", "languages": ["en"]}
        yield "POST", "/v1/clients", body | {"contact": contact, "opened_on": "2027-01-04"}


def _create_plan(scene: Scene) -> Iterator[Request]:
    for client_id in scene.next_clients:
        yield "POST", f"/v1/clients/{client_id}/plans", {"template_id": str(scene.template_id)}


def _tick(scene: Scene) -> Iterator[Request]:
    while True:
        items = list(islice(scene.next_items, BLOCK))
        for method in ("PUT", "DELETE"):
            for item_id in items:
                yield method, f"/v1/checklist-items/{item_id}/completion", None


def _reading(plans: list[UUID]) -> Iterator[Request]:
    for plan_id in cycle(plans):
        yield "GET", f"/v1/plans/{plan_id}", None


def _caseload(_: Scene) -> Iterator[Request]:
    while True:
        yield "GET", "/v1/caseload?limit=25", None


def _schedule_review(scene: Scene) -> Iterator[Request]:
    for plan_id in scene.next_plans:
        due_at = datetime.now(UTC) + timedelta(days=70, seconds=secrets.randbelow(1_000_000))
        yield "POST", f"/v1/plans/{plan_id}/reviews", {"due_at": due_at.isoformat(), "recurrence": "P8W"}


def _own_words(plan: dict[str, Any]) -> int:
    return sum(bool(item["detail"]) for section in plan["sections"] for item in section["items"])


def _whole(plan: dict[str, Any], own: int) -> bool:
    return sum(len(section["items"]) for section in plan["sections"]) == ITEMS and _own_words(plan) == own


OPERATIONS = (
    Operation("create_client", "ben", 201, _create_client, lambda out: out["alias"].startswith("Linnet")),
    Operation("create_plan", "ana", 201, _create_plan, lambda out: _whole(out, 0)),
    Operation("tick", "ana", 200, _tick, lambda out: out["progress"]["done"] >= 1 and out["status"] == "done"),
    Operation("read_plan", "ana", 200, lambda s: _reading(s.plans), lambda out: _whole(out, IN_OWN_WORDS)),
    Operation("read_plan_full", "ana", 200, lambda s: _reading(s.full_plans), lambda out: _whole(out, ITEMS)),
    Operation(
        "caseload", "ana", 200, _caseload, lambda out: len(out["data"]) == 25 and bool(out["data"][0]["plan_id"])
    ),
    Operation("schedule_review", "ana", 201, _schedule_review, lambda out: out["state"] == "scheduled"),
)


def encode(request: Request, head: bytes) -> bytes:
    """A request as it stands on the wire; `head` is what every request of a person's has."""
    method, path, body = request
    start = f"{method} {path} HTTP/1.1\r\n".encode() + head
    if body is None:
        return start + b"\r\n"
    stored = orjson.dumps(body)
    return start + b"content-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(stored) + stored


def head(port: int, token: str) -> bytes:
    """The header lines every request has, as a program's client would send them."""
    lines = (f"host: 127.0.0.1:{port}", "user-agent: waypost-bench/1", "accept: application/json")
    return "".join(f"{line}\r\n" for line in (*lines, f"authorization: Bearer {token}")).encode()
