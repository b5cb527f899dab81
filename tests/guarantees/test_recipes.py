"""The walk is whole: every operation has a valid request, so the guarantees that walk over them pass on something."""

from tests.conftest import Api
from tests.factories import RECIPES, operations


def test_every_operation_has_a_recipe(api: Api) -> None:
    """A new operation is walked by every guarantee, or this fails. That each succeeds is shown in test_ledger.py."""
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
