"""The walk is whole: every operation has a valid request that succeeds, so the other guarantees pass on something."""

from tests.conftest import Api
from tests.factories import RECIPES, doer, operations, stage


def test_every_operation_has_a_recipe(api: Api) -> None:
    """A new operation is walked by every guarantee, or this fails."""
    served = {operation.name for operation in operations(api.client.app)}
    described = {
        f"{method.upper()} {path}"
        for path, methods in api.client.app.openapi()["paths"].items()
        for method in methods
        if path.startswith("/v1")
    }
    assert described == served, "OpenAPI and the route table disagree: edit api/app.py"
    assert not served - RECIPES.keys(), "give each new operation one valid request: edit RECIPES in tests/factories.py"
    assert not RECIPES.keys() - served, "these operations are gone: edit RECIPES in tests/factories.py"


def test_every_recipe_succeeds(api: Api) -> None:
    """Each valid request is valid: it gets a 2xx from somebody who may make it."""
    wrong = []
    for operation in operations(api.client.app):
        scene = stage(api)
        scene.prepare(operation)
        answer = scene.send(operation, doer(operation))
        api._tokens.clear()  # a recipe may end sessions or people's passwords
        if answer.status_code >= 300:
            wrong.append((operation.name, answer.status_code, answer.text))
        if operation.name == "PUT /v1/me/password":
            continue
    assert not wrong
