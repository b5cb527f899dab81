"""What the answer to a change shows of a record counts as opened: it is marked, counted and alarmed about like a read."""

from typing import Any
from uuid import UUID

import pytest

from models.access import Permission
from models.client import Assignment
from models.ledger.action import Action
from tests.conftest import Api
from tests.factories import doer, operations, stage
from tests.world import World


def last(world: World, action: Action) -> dict[str, Any]:
    return [e for e in world.entries() if e["action"] == action][-1]


@pytest.mark.parametrize(("method", "body"), [("PUT", {"reason": "moved away"}), ("DELETE", None)])
def test_closing_and_reopening_show_the_record_and_say_so(api: Api, method: str, body: Any) -> None:
    """The answer holds her name; so the entry says that it was opened."""
    client = api.world.client(alias="Wren", legal_name="Wren Alder")
    if method == "DELETE":
        assert api("ana", "PUT", f"/v1/clients/{client}/closure", json={"reason": "moved away"}).status_code == 200
    answer = api("ana", method, f"/v1/clients/{client}/closure", **({"json": body} if body else {}))
    assert answer.json()["legal_name"] == "Wren Alder"
    entry = last(api.world, Action.CLIENT_CLOSED if method == "PUT" else Action.CLIENT_REOPENED)
    assert "legal_name" in entry["opened"][0]["fields"]
    assert entry["opened"][0]["ids"] == [str(client)]


def test_a_canarys_record_rings_whichever_way_it_is_shown(api: Api) -> None:
    """Closing her case is not a quiet way to read her."""
    made = api("ada", "POST", "/v1/canaries", json={"alias": "Teal", "legal_name": "Teal Marsh"})
    canary = UUID(made.json()["id"])
    ben = api.world.people["ben"].actor.id
    api.world.system(lambda db: Assignment.begin(db, canary, ben))
    assert api("ben", "PUT", f"/v1/clients/{canary}/closure", json={"reason": "moved away"}).status_code == 200
    also = [fact["action"] for fact in last(api.world, Action.CLIENT_CLOSED).get("also", ())]
    assert Action.ALARM_CANARY_OPENED in also


def test_whatever_a_change_answers_with_is_marked(api: Api) -> None:
    """Every PUT, PATCH and DELETE: a sealed word in the answer that was not in the request is in the entry's marks."""
    unmarked = []
    for operation in operations(api.client.app):
        if operation.method not in ("PUT", "PATCH", "DELETE"):
            continue
        scene = stage(api, mark="kestrel-5c0d")
        scene.prepare(operation)
        before = len(api.world.entries())
        answer = scene.send(operation, doer(operation))
        api._tokens.clear()
        if answer.status_code >= 400 or "kestrel-5c0d" not in answer.text:
            continue
        sent = answer.request.content.decode(errors="replace")
        if answer.text.count("kestrel-5c0d") > sent.count("kestrel-5c0d"):
            mine = api.world.entries()[before:]
            if not any("opened" in entry for entry in mine):
                unmarked.append(operation.name)
    assert not unmarked


def test_closing_counts_against_the_budget(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """Reading by closing is reading."""
    clients = [api.world.client(alias=f"Wren {n}") for n in range(4)]
    monkeypatch.setattr(api.world.database.watch, "most", 2)
    answers = [
        api("ana", "PUT", f"/v1/clients/{client}/closure", json={"reason": "moved away"}).status_code
        for client in clients
    ]
    assert answers.count(429) == 2
    assert api.world.run("ana", Permission.CLIENT_READ, lambda db: db.actor.id)
