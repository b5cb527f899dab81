"""The served document against the service, by a program that believes every word of it (schemathesis)."""

import warnings
from collections import Counter
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis.errors import HypothesisWarning, NonInteractiveExampleWarning
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.api.contract import active, client, review
from tests.conftest import Api

CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
EXAMPLES = 4  # an operation, person and kind of data
#: Every role on the embedded database, which answers faster; on the other one those two who between them may most.
ASKING = [("sqlite", who) for who in ("ana", "sol", "ada", "aud", None)] + [("postgresql", w) for w in ("ana", "ada")]


@pytest.fixture
def known(api: Api) -> dict[str, str]:
    """Ids of real things, so that requests get behind the 404."""
    one = client(api)["id"]
    whole = active(api, one, sections=["home", "bag"])
    return {
        "client_id": one,
        "plan_id": whole["id"],
        "section_id": whole["sections"][0]["id"],
        "item_id": whole["sections"][0]["items"][0]["id"],
        "review_id": review(api, whole["id"])["id"],
        "template_id": whole["template"]["id"],
        "user_id": str(api.world.people["ben"].actor.id),
    }


@pytest.mark.parametrize(("kind", "who"), ASKING)
@pytest.mark.parametrize("mode", list(GenerationMode), ids=lambda mode: mode.value)
def test_no_answer_breaks_the_document(
    api: Api, known: dict[str, str], kind: str, who: str | None, mode: GenerationMode
):
    """Right and wrong requests to every operation: no 5xx, no status, type or body that the document does not tell."""
    schema = schemathesis.openapi.from_dict(api.client.app.openapi())
    answers: Counter[int] = Counter()

    def ask(case: Any) -> None:
        for name in known.keys() & set(case.path_parameters or {}):
            if answers.total() % 3:  # every third keeps what was generated
                case.path_parameters[name] = known[name]
        sent = case.as_transport_kwargs(base_url="http://127.0.0.1")
        sent["headers"] = dict(sent["headers"] or {}) | _shown(api, who)
        if not isinstance(sent.get("data", {}), dict):  # a form stays one
            sent["content"] = sent.pop("data")
        sent.pop("cookies", None)
        answer = api.client.request(**sent)
        answers[answer.status_code] += 1
        if answer.status_code == 204 and who and "/sessions/" in case.path:
            api._tokens.pop(who)  # she has just signed out
        case.validate_response(answer, checks=CHECKS)

    for found in schema.get_all_operations():
        _run(found.ok(), mode, ask)
    assert answers.total() > 150, answers
    assert len(answers) > (3 if who else 1), answers
    assert who is None or answers[401] < answers.total() / 10, "is she still signed in?"


def _shown(api: Api, who: str | None) -> dict[str, str]:
    return {"Authorization": f"Bearer {api.token(who)}"} if who else {}


def _run(operation: Any, mode: GenerationMode, ask: Any) -> None:
    """`ask` a few requests of this kind; an operation that cannot be asked wrongly is left."""
    quiet = settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        derandomize=True,
        suppress_health_check=list(HealthCheck),
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", HypothesisWarning)
        warnings.simplefilter("ignore", NonInteractiveExampleWarning)
        quiet(given(operation.as_strategy(generation_mode=mode))(ask))()
