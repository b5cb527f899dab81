"""What a program gets on every operation that is a person's: 403 `forbidden`, and never a question it cannot answer."""

import pytest

from models.access import EVERYBODY, RELEASED, SCOPES, STEP_UP, Kind, Permission, Scope
from tests.api.contract import problem
from tests.conftest import Api
from tests.factories import operations, stage
from tests.partners import enter

#: What nobody but a person can do: a program has no password, no second factor and no session to sign out of.
FOR_PEOPLE = EVERYBODY | STEP_UP


def test_no_scope_grants_what_asks_for_a_second_factor() -> None:
    """A program has none to show."""
    granted = frozenset[Permission]().union(*SCOPES.values())
    assert not granted & FOR_PEOPLE
    assert granted == RELEASED


@pytest.mark.parametrize("scopes", [list(Scope), [Scope.CLIENTS_READ]], ids=["every-scope", "one-scope"])
def test_a_program_is_refused_by_its_scope(api: Api, scopes: list[Scope]) -> None:
    """Every operation of every person's permission, with its valid request: `forbidden`, whatever the step-up list, the
    missing factor or a one-time password would say of a person; and the entry names the program."""
    scene, partner = stage(api), enter(api.world, scopes=scopes)
    api._tokens["program"] = partner.token(api.client.app.state.tokens, scopes)
    may = frozenset[Permission]().union(*(SCOPES[scope] for scope in scopes))
    walked = [o for o in operations(api.client.app) if o.permission is not None and o.permission not in may]
    assert {o.permission for o in walked} >= STEP_UP
    for operation in walked:
        answer = scene.send(operation, "program")
        problem(answer, 403, "forbidden")
        who = api.world.entries()[-1]["who"]
        assert (who["kind"], who["id"]) == (Kind.INTEGRATION, str(partner.id)), operation.name
