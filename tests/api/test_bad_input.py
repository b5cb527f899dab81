"""Bad input and the reason given for it: each kind of fault has its own code, and no refusal repeats what was sent.

`tests/guarantees/test_hostile.py` asks far more, of everybody; here the answers are known beforehand.
"""

import copy
import json
from typing import Any

import pytest

from api.door import MOST_BODY, MOST_PUBLIC_BODY
from tests.api.contract import NOWHERE, dressed, problem
from tests.api.test_templates import DOCUMENT
from tests.conftest import Api
from tests.factories import FORMS, Operation, Scene, doer, operations, stage
from tests.hostile.shot import replaced
from tests.hostile.values import broken_bodies, content_types

CANARY = "kxcanaryqz"
#: Odd values of query parameters: none is right for any parameter of any list.
ODD = (
    CANARY,
    "%00",
    "%ff",
    "%ed%a0%80",
    "x" * 5000,
    "1" * 400,
    "NaN",
    "1e999",
    "[]",
    "{}",
    "%0d%0aX-Evil:1",
    "",
    "%20",
)


@pytest.fixture
def scene(api: Api) -> Scene:
    """Rows of every kind, and tokens made before anything is counted."""
    for who in ("ana", "ben", "sol", "ada", "aud", "val", "partner"):
        api.token(who)
    return stage(api)


def with_body(scene: Scene) -> list[Operation]:
    """The operations that take a JSON body, as the document says."""
    paths = scene.api.client.app.openapi()["paths"]
    walked = [o for o in operations(scene.api.client.app) if o.name not in FORMS]
    return [o for o in walked if "requestBody" in paths[o.path][o.method.lower()]]


def send(scene: Scene, operation: Operation, content: bytes, kind: str = "application/json") -> Any:
    headers = {"content-type": kind, "if-match": "*"}
    path = operation.path.format(**scene.ids)
    return scene.api(doer(operation), operation.method, path, content=content, headers=headers)


def refused(answer: Any, code: str, about: object = None) -> None:
    """A dressed 4xx problem of this kind that repeats nothing."""
    assert 400 <= answer.status_code < 500, (answer.status_code, about, answer.text[:300])
    assert answer.headers["content-type"] == "application/problem+json", about
    dressed(answer)
    assert answer.json()["code"] == code, (about, answer.text[:500])
    assert CANARY not in answer.text, (about, answer.text[:500])
    assert CANARY not in str(answer.headers), about


def acts(api: Api) -> int:
    """How many entries tell of anything but a refusal."""
    return sum(e["outcome"] == "ok" for name in ("Harbor", "Lighthouse") for e in api.world.entries(name))


def test_a_body_of_too_many_names_is_refused_before_any_is_told(api: Api):
    """Each unknown name would be a fault: a hundred thousand of them kept everybody waiting."""
    body = {"items": [{f"n{i}": 1 for i in range(280)} for _ in range(60)]}
    found = problem(api.patch("ana", f"/v1/plans/{NOWHERE}/items", body), 400, "malformed-json")
    assert "10000 names" in found["errors"][0]["message"]


class TestBodies:
    def test_that_are_not_json(self, api: Api, scene: Scene):
        """Forty kinds of broken bodies to every operation with a body: each refused for being broken, nothing written."""
        before, raw = acts(api), b'{"alias": "Wren"}'
        for operation in with_body(scene):
            most = MOST_BODY if operation.permission else MOST_PUBLIC_BODY
            for name, content in (broken_bodies(raw, CANARY) | {"large": b" " * (most + 1 - len(raw)) + raw}).items():
                code = "body-too-large" if len(content) > most else "malformed-json"
                refused(send(scene, operation, content), code, (operation.name, name))
        assert acts(api) == before

    def test_that_say_they_are_something_else(self, api: Api, scene: Scene):
        """A body is read as JSON in UTF-8 only when it says that it is."""
        for operation in with_body(scene):
            for kind in content_types(CANARY):
                if kind is not None and kind.isascii():
                    refused(send(scene, operation, b"{}", kind), "unsupported-media-type", (operation.name, kind))

    def test_names_of_facts_are_not_repeated(self, api: Api, scene: Scene):
        """Members whose names people choose: a name may be a person's."""
        facts = next(o for o in with_body(scene) if o.name == "PATCH /v1/plans/{plan_id}")
        for name in (f"{CANARY} Okafor", CANARY.title(), f"{CANARY}-x", "x" * 61 + CANARY, f"/{CANARY}", f"~{CANARY}"):
            refused(send(scene, facts, json.dumps({"facts": {name: "x"}}).encode()), "invalid", name)
        templates = next(o for o in with_body(scene) if o.name == "POST /v1/templates")
        for tag in (CANARY, CANARY.upper(), f"en-{CANARY}"):
            body = {"document": DOCUMENT | {"translations": {tag: {"title": "x"}}}}
            refused(send(scene, templates, json.dumps(body).encode()), "invalid", tag)

    def test_faults_of_templates_are_not_repeated(self, api: Api, scene: Scene):
        """Keys and placeholders that are wrong are pointed at, not quoted."""
        templates = next(o for o in with_body(scene) if o.name == "POST /v1/templates")
        twice = copy.deepcopy(DOCUMENT)
        for section in twice["sections"]:
            section["key"] = CANARY
        placeholder = replaced(DOCUMENT, ("sections", 0, "items", 0, "text"), f"Call {{{CANARY}}}.")
        for document in (twice, placeholder):
            refused(send(scene, templates, json.dumps({"document": document}).encode()), "invalid")

    def test_names_of_columns_are_not_confirmed(self, api: Api):
        """An unknown member is pointed at by a star, be it the name of a column or of some library's model or not."""
        for name in ("legal_name_sealed", "seal_rev", "password_hash", "openapi", CANARY):
            answer = api.post("ana", "/v1/clients", {"alias": "Wren", "contact": {name: "x"}})
            refused(answer, "invalid", name)
            assert [fault["pointer"] for fault in answer.json()["errors"]] == ["/contact/*"], name


class TestQueries:
    def test_of_every_list(self, api: Api, scene: Scene):
        """Every parameter of every list with odd values: refused for it, without an echo."""
        before = acts(api)
        for operation in operations(api.client.app):
            declared = api.client.app.openapi()["paths"][operation.path][operation.method.lower()]
            names = [p["name"] for p in declared.get("parameters", []) if p["in"] == "query"]
            if operation.method != "GET":
                continue
            path = operation.path.format(**scene.ids)
            for name in [*names, CANARY, f"{CANARY}[]", "limit[]", "%00"]:
                for value in ODD:
                    answer = api.get(doer(operation), f"{path}?{name}={value}")
                    refused(answer, "invalid", (operation.name, name, value[:40]))
        assert acts(api) == before
