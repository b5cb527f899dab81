"""The contract other programs rely on: the document that is committed is the one that is served, and its examples fit."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import orjson
import pytest

from api import openapi
from api.problems import PROBLEMS
from tests.conftest import Api

COMMITTED = Path(__file__).parents[2] / "docs" / "openapi.json"
METHODS = {"get", "put", "post", "patch", "delete"}


@pytest.fixture
def document(api: Api) -> dict[str, Any]:
    """The document as served."""
    return orjson.loads(api.get(None, "/openapi.json").content)


def operations(document: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every operation with its name."""
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            if method in METHODS:
                yield f"{method.upper()} {path}", operation


def test_the_committed_document_is_the_served_one(api: Api) -> None:
    """A change of the contract shows in a diff of its own."""
    assert openapi.document(api.client.app) == COMMITTED.read_bytes(), "run `make openapi` and have the diff reviewed"
    assert api.get(None, "/openapi.json").content == COMMITTED.read_bytes()


def test_the_document_is_the_same_every_time(api: Api) -> None:
    """No order of sets, no time in it."""
    assert openapi.document(api.client.app) == openapi.document(api.client.app)


def test_every_operation_explains_itself(document: dict[str, Any]) -> None:
    """Summary, description, a unique name, and what it answers."""
    found = dict(operations(document))
    assert len(found) > 40
    names = [operation["operationId"] for operation in found.values()]
    assert len(names) == len({*names})
    for name, operation in found.items():
        assert operation.get("summary"), name
        assert len(operation.get("description", "")) > 15, name
        assert operation["summary"] != operation["description"], name
        assert {"500", "503"} <= operation["responses"].keys(), name
        assert any(status.startswith("2") for status in operation["responses"]), name


def test_every_error_is_problem_json_of_a_known_kind(document: dict[str, Any]) -> None:
    """And its example is one the service could give."""
    for name, operation in operations(document):
        for status, response in operation["responses"].items():
            if status.startswith("2") or status == "304":
                continue
            response = _resolved(document, response)  # noqa: PLW2901 - the same response, found
            if name == "POST /v1/oauth/token" and status in ("400", "401"):
                assert set(response["content"]) == {"application/json"}  # RFC 6749 5.2 has a form of its own
                continue
            assert "application/problem+json" in response["content"], (name, status)
            for example in _examples(response["content"]["application/problem+json"]):
                assert PROBLEMS[example["code"]].status == int(status) == example["status"], (name, status)


def test_every_body_has_an_example_and_every_example_fits(document: dict[str, Any]) -> None:
    """Requests and answers, checked against their own schemas."""
    checked = 0
    for name, operation in operations(document):
        parts = [operation["requestBody"]] if "requestBody" in operation else []
        parts += [response for status, response in operation["responses"].items() if status.startswith("2")]
        for part in (_resolved(document, part) for part in parts):
            for kind, content in part.get("content", {}).items():
                examples = list(_examples(content))
                assert examples, (name, kind, "give it an example: edit api/examples.py")
                schema = {**content["schema"], "components": document["components"]}
                validator = jsonschema.Draft202012Validator(
                    schema, format_checker=jsonschema.Draft202012Validator.FORMAT_CHECKER
                )
                for example in examples:
                    faults = [f"{e.json_path}: {e.message}" for e in validator.iter_errors(example)]
                    assert not faults, (name, kind)
                    checked += 1
    assert checked > 60


def test_every_parameter_is_described_and_has_a_type(document: dict[str, Any]) -> None:
    """Nothing is taken that is not told of."""
    for name, operation in operations(document):
        for parameter in operation.get("parameters", ()):
            assert parameter["schema"], (name, parameter["name"])
        for place in re.findall(r"\{(\w+)\}", name):
            told = [p for p in operation["parameters"] if p["in"] == "path" and p["name"] == place]
            assert told, (name, place)


def test_attack_61_the_document_names_no_sealed_column_and_nobody_real(document: dict[str, Any]) -> None:
    """Addresses are at .example, numbers are invented, and no internal name shows."""
    text = orjson.dumps(document).decode()
    assert not re.search(r"_sealed|seal_rev|attention_at|password_hash|wrapped|agency_keys", text)
    assert all(a.endswith(".example") for a in re.findall(r"[\w.+-]+@[\w.-]+\.[a-z]+", text))
    assert all("555" in n for n in re.findall(r"\+1[ \d-]{9,}", text))


def _resolved(document: dict[str, Any], part: dict[str, Any]) -> dict[str, Any]:
    while "$ref" in part:
        found: Any = document
        for step in part["$ref"].removeprefix("#/").split("/"):
            found = found[step]
        part = found
    return part


def _examples(content: dict[str, Any]) -> Iterator[Any]:
    if "example" in content:
        yield content["example"]
    yield from (example["value"] for example in content.get("examples", {}).values())
