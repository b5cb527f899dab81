"""One refusal: a client who is walled, restricted, a colleague's, another agency's or nowhere is answered with the same
bytes and the same headers, by every operation that names a client, also in a body."""

import json
import re
from itertools import pairwise
from typing import Any

import pytest

from models.access import Permission
from tests.api.contract import NOWHERE
from tests.conftest import Api, service
from tests.factories import FORMS, OF_CLIENTS, RECIPES, Operation, Scene, operations
from tests.guarantees.test_matrix import scenes_of
from tests.world import World

#: Whom these situations hide a client from. An admin names a restricted or a colleague's client by her id.
HIDDEN = {
    "ana": ("colleague", "walled", "restricted", "foreign", "unknown"),
    "sol": ("walled", "restricted", "foreign", "unknown"),
    "ada": ("walled", "foreign", "unknown"),
    "val": ("colleague", "walled", "restricted", "foreign", "unknown"),
    "aud": ("walled", "foreign", "unknown"),
}
#: What differs between any two requests: which it was, when, and how many are left (looked at by itself below).
OWN = ("x-request-id", "date", "ratelimit")


def ask(scene: Scene, operation: Operation, who: str, situation: str) -> Any:
    """The operation's request about the scene's client; in an unknown situation about ids that are nowhere."""
    recipe = RECIPES[operation.name]
    body = recipe.body(scene) if recipe.body else None
    ids = {}
    if situation == "unknown":
        ids = dict.fromkeys(OF_CLIENTS & {*operation.parameters}, NOWHERE)
        for value in (scene.ids[name] for name in OF_CLIENTS):
            body = body and json.loads(json.dumps(body).replace(value, NOWHERE))
    if operation.permission is Permission.BREAKGLASS_OPEN:
        scene.prepare(operation)  # three tries a day
    return scene.send(operation, who, ids, **({"body": body} if body else {}))


def whole(answer: Any) -> tuple[int, bytes, list[tuple[str, str]]]:
    """Status, bytes and headers in their order, without the request's own name."""
    own = answer.headers["x-request-id"].encode()
    headers = [(name, value) for name, value in answer.headers.multi_items() if name not in OWN]
    return answer.status_code, answer.content.replace(own, b"-"), headers


def about_clients(api: Api, scene: Scene) -> list[Operation]:
    """The operations that name a client or a part of hers, in the address or in the body."""
    found = []
    for operation in operations(api.client.app):
        make = RECIPES[operation.name].body
        body = json.dumps(make(scene)) if make and operation.name not in FORMS else ""
        if OF_CLIENTS & {*operation.parameters} or any(scene.ids[name] in body for name in OF_CLIENTS):
            found.append(operation)
    return found


@pytest.mark.parametrize("who", HIDDEN)
def test_every_operation_answers_what_is_hidden_as_what_is_nowhere(api: Api, who: str) -> None:
    """Byte for byte and header for header; 404 for whoever may do it, and for the others what they always hear."""
    scenes, leaks = scenes_of(api, who), []
    walked = about_clients(api, scenes["own"])
    for operation in walked:
        opens = operation.permission is Permission.BREAKGLASS_OPEN  # a colleague's: the one way in, told at once
        asked = [situation for situation in HIDDEN[who] if not (opens and situation == "colleague")]
        answers = {situation: whole(ask(scenes[situation], operation, who, situation)) for situation in asked}
        if len({repr(answer) for answer in answers.values()}) > 1 or answers["unknown"][0] not in (403, 404):
            leaks.append((operation.name, answers))
    assert not leaks
    assert len(walked) > 50


def test_what_is_left_of_a_quota_does_not_tell(world: World) -> None:
    """A refusal costs what a refusal costs: the count goes down by as much for a walled client as for nobody, and a
    refused client counts among those opened as little."""
    with service(world, rate_limit=600) as api:
        scenes = scenes_of(api, "sol")
        paths = [f"/v1/clients/{NOWHERE if s == 'unknown' else scenes[s].ids['client_id']}" for s in HIDDEN["sol"]]
        left = []
        for path in paths * 3:
            answer = api.get("sol", path)
            assert answer.status_code == 404
            left.append(int(re.search(r";r=(\d+)", answer.headers["ratelimit"])[1]))
        steps = {before - after for before, after in pairwise(left)}
        assert steps <= {0, 1}, steps
    with service(world, clients_an_hour=1) as api:
        assert {api.get("sol", path).status_code for path in paths} == {404}
        assert api.get("sol", f"/v1/clients/{scenes['own'].ids['client_id']}").status_code == 200
        other = f"/v1/clients/{scenes['colleague'].ids['client_id']}"
        assert api.get("sol", other).status_code == 429, "what she does see is counted"
