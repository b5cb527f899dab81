"""Races over real HTTP: one server on SQLite, two servers side by side on PostgreSQL."""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace

import httpx2
import pytest

from models.ledger import book
from tests.api.test_races import at_once
from tests.cli.program import Program
from tests.world import TEMPLATE, World

Ask = Callable[..., list[httpx2.Response]]


@pytest.fixture
def ask(program: Program, kind: str) -> Iterator[Ask]:
    """Sends so many requests of ana's at once, each over a connection of its own, to the servers in turn."""
    with ExitStack() as stack:
        services = []
        for number in range(1 if kind == "sqlite" else 2):
            folder = program.folder / f"server-{number}"
            folder.mkdir()
            services.append(stack.enter_context(replace(program, folder=folder).serving()))
        headers = dict(stack.enter_context(services[0].sign_in()).headers)
        urls = [service.url for service in services]
        people = [
            stack.enter_context(httpx2.Client(base_url=urls[n % len(urls)], headers=headers, timeout=20))
            for n in range(20)
        ]
        for one in people:
            assert one.get("/v1/me").status_code == 200

        def send(times: int, work: Callable[[httpx2.Client, int], httpx2.Response]) -> list[httpx2.Response]:
            return at_once(times, lambda n: work(people[n % 20], n))

        yield send
        for service in services:
            assert service.stop() == 0


def entries(world: World, action: str) -> int:
    return sum(entry["action"] == action for entry in world.entries())


def test_races_between_connections(ask: Ask, world: World) -> None:
    """One key makes one client and one plan, one version takes one edit, no tick is lost; each has one entry."""
    key, words = {"idempotency-key": "one"}, {"alias": "Wren"}
    opened = ask(20, lambda me, _: me.post("/v1/clients", json=words, headers=key))
    assert Counter(a.status_code for a in opened) == {201: 20}
    assert len({a.json()["id"] for a in opened}) == 1
    assert sum("idempotency-replayed" not in a.headers for a in opened) == 1
    path = f"/v1/clients/{opened[0].json()['id']}"

    edits = ask(20, lambda me, n: me.patch(path, json={"alias": f"Wren {n}"}, headers={"if-match": '"1"'}))
    assert Counter(a.status_code for a in edits) == {200: 1, 412: 19}

    body = {"template_id": str(TEMPLATE)}
    plans = ask(20, lambda me, _: me.post(f"{path}/plans", json=body, headers={"idempotency-key": "two"}))
    assert Counter(a.status_code for a in plans) == {201: 20}
    assert len({a.json()["id"] for a in plans}) == 1

    ids = [i["id"] for s in plans[0].json()["sections"] for i in s["items"] if i["kind"] != "information"]
    ticks = ask(20, lambda me, n: me.put(f"/v1/checklist-items/{ids[n % 10]}/completion"))
    assert Counter(a.status_code for a in ticks) == {200: 20}
    shown = ask(1, lambda me, _: me.get(f"/v1/plans/{plans[0].json()['id']}/progress"))
    assert shown[0].json()["progress"]["done"] == 10

    made = {"client.created": 1, "client.updated": 1, "plan.created": 1, "checklist_item.ticked": 10}
    assert {action: entries(world, action) for action in made} == made
    assert world.system(book.verify).faults == ()
