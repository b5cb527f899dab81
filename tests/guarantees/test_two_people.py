"""What takes two people takes two: nobody approves her own, under whatever role, and the second shows her factor."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from api.problems.table import PROBLEMS
from models.access import STEP_UP, Role
from tests.api.contract import client, good, problem
from tests.api.test_walls import give, user_id
from tests.conftest import Api
from tests.factories import enrolled, operations, soon

WHY = {"reason": "client_called", "explanation": "She is on the night line and asks where to go."}
SEEN = {"outcome": "justified", "note": "She was on the line; only the plan was read."}
EVERY_ROLE = (Role.ADVOCATE, Role.SUPERVISOR, Role.AGENCY_ADMIN)


@dataclass(frozen=True)
class Act:
    """Something that takes two: how ada begins it, the operation that completes it, and what she is told."""

    begin: Callable[[Api, str], str]
    """What ada does about a client (by id); the address of the second step."""
    second: str
    code: str
    body: dict[str, Any] | None = None
    by: str = "sol"
    grave: bool = True
    """Whether the second person shows her factor; what she could do by herself asks for none."""


def _made(answer: Any) -> str:
    assert answer.status_code < 300, answer.text
    return str(answer.json()["id"]) if answer.content else ""


def _destruction(api: Api, one: str) -> str:
    body = {"what": "everything", "reason": "client_asked"}
    return f"/v1/destructions/{_made(api.post('ada', f'/v1/clients/{one}/destruction', body))}/approval"


def _hold(api: Api, one: str) -> str:
    body = {"client_id": one, "reason": "a subpoena came"}
    return f"/v1/legal-holds/{_made(api.post('ada', '/v1/legal-holds', body))}/lifting"


def _wall(api: Api, one: str) -> str:
    body = {"client_id": one, "user_id": user_id(api, "ben"), "reason": "They are cousins."}
    return f"/v1/walls/{_made(api.post('ada', '/v1/walls', body))}/approval"


def _lifting(api: Api, one: str) -> str:
    """Ada proposed neither the wall nor its approval: only that it be lifted."""
    body = {"client_id": one, "user_id": user_id(api, "ben"), "reason": "They are cousins."}
    wall = _made(api.post("sol", "/v1/walls", body))
    _made(api.put("ada", f"/v1/walls/{wall}/approval"))
    _made(api.put("ada", f"/v1/walls/{wall}/lifting"))
    return f"/v1/walls/{wall}/lifting/approval"


def _reset(api: Api, one: str) -> str:
    enrolled(api.world, "ben")
    reset = _made(api.post("ada", f"/v1/users/{user_id(api, 'ben')}/second-factor-reset"))
    return f"/v1/second-factor-resets/{reset}/approval"


def _glass(api: Api, one: str) -> str:
    glass = _made(api.post("ada", f"/v1/clients/{one}/break-glass", WHY))
    _made(api.put("ada", f"/v1/break-glass/{glass}/return"))
    return f"/v1/break-glass/{glass}/review"


def _restriction(api: Api, one: str) -> str:
    for who in ("ada", "sol"):
        _made(api.post("sol", f"/v1/clients/{one}/assignments", {"user_id": user_id(api, who)}))
    _made(api.put("ada", f"/v1/clients/{one}/restriction"))
    return f"/v1/clients/{one}/restriction"


def _asked(api: Api, one: str) -> str:
    _made(api.post("sol", f"/v1/clients/{one}/assignments", {"user_id": user_id(api, "ada")}))
    body = {"user_id": user_id(api, "ben")}
    return f"/v1/staffing-requests/{_made(api.post('ada', f'/v1/clients/{one}/handover-requests', body))}/acceptance"


def _asked_cover(api: Api, one: str) -> str:
    body = {"user_id": user_id(api, "ben"), "ends_at": soon(3)}
    return f"/v1/staffing-requests/{_made(api.post('ada', '/v1/cover-requests', body))}/acceptance"


_ACCEPTANCE = "PUT /v1/staffing-requests/{ask_id}/acceptance"
ACTS = {
    "cover asked for": Act(_asked_cover, _ACCEPTANCE, "own-staffing-request", {}, grave=False),
    "handover asked for": Act(_asked, _ACCEPTANCE, "own-staffing-request", {}, grave=False),
    "destruction": Act(_destruction, "PUT /v1/destructions/{destruction_id}/approval", "own-proposal"),
    "factor reset": Act(_reset, "PUT /v1/second-factor-resets/{reset_id}/approval", "own-factor-reset"),
    "legal hold": Act(_hold, "PUT /v1/legal-holds/{hold_id}/lifting", "own-hold"),
    "wall": Act(_wall, "PUT /v1/walls/{wall_id}/approval", "own-wall-proposal"),
    "lifting of a wall": Act(_lifting, "PUT /v1/walls/{wall_id}/lifting/approval", "own-wall-proposal"),
    "break-glass": Act(_glass, "PUT /v1/break-glass/{glass_id}/review", "own-break-glass", SEEN),
    "restriction": Act(_restriction, "DELETE /v1/clients/{client_id}/restriction", "own-restriction"),
}

#: What nobody does to or for herself, because it would be the same with one step less. Method, address, body, code.
ONESELF: list[tuple[str, str, Any, str]] = [
    ("PATCH", "/v1/users/{me}", {"roles": ["agency_admin", "advocate"]}, "own-role"),
    ("PATCH", "/v1/users/{me}", {"team_id": None}, "own-role"),
    ("PUT", "/v1/users/{me}/suspension", None, "own-suspension"),
    ("POST", "/v1/users/{me}/password-reset", None, "own-password"),
    ("POST", "/v1/users/{me}/second-factor-reset", None, "own-factor-reset"),
    ("POST", "/v1/walls", {"client_id": "{one}", "user_id": "{me}", "reason": "Mine."}, "own-wall"),
    ("POST", "/v1/clients/{one}/assignments", {"user_id": "{me}"}, "own-assignment"),
    ("PUT", "/v1/clients/{one}/handover", {"to_user_id": "{me}"}, "own-assignment"),
    ("POST", "/v1/clients/{restricted}/assignments", {"user_id": "{me}"}, "own-assignment"),
    ("POST", "/v1/clients/{restricted}/assignments", {"user_id": "{me}", "until": soon(3)}, "own-assignment"),
    ("PUT", "/v1/clients/{restricted}/handover", {"to_user_id": "{me}"}, "own-assignment"),
]


@pytest.mark.parametrize("what", ACTS)
def test_whoever_began_it_does_not_complete_it_and_somebody_else_does(api: Api, what: str) -> None:
    """She may begin it and may complete others' of the kind; her own is refused, also when she is given every role in
    between, and nothing has happened. The second person completes it."""
    act, one = ACTS[what], client(api)["id"]
    give(api, "ada", Role.ADVOCATE, Role.AGENCY_ADMIN)
    give(api, "sol", Role.SUPERVISOR, Role.AGENCY_ADMIN)
    path = act.begin(api, one)
    method = act.second.split(" ")[0]
    body = {"json": act.body} if act.body is not None else {}
    before = _state(api)
    problem(api("ada", method, path, **body), 409, act.code)
    give(api, "ada", *EVERY_ROLE)
    problem(api("ada", method, path, **body), 409, act.code)
    assert _state(api) == before
    answer = api(act.by, method, path, **body)
    assert answer.status_code in (200, 204), answer.text
    assert _state(api) != before


def test_the_table_is_whole_and_the_second_person_shows_her_factor(api: Api) -> None:
    """Every refusal of one's own that there is stands above, every second step is an operation, and takes a fresh
    factor: a session left open agrees to nothing."""
    told = {act.code for act in ACTS.values()} | {code for *_, code in ONESELF}
    assert {code for code in PROBLEMS if code.startswith("own-")} == told
    by_name = {operation.name: operation for operation in operations(api.client.app)}
    assert not [act.second for act in ACTS.values() if (by_name[act.second].permission in STEP_UP) is not act.grave]


@pytest.mark.parametrize(("method", "path", "body", "code"), ONESELF)
def test_nobody_does_for_herself_what_is_anothers_to_do(api: Api, method: str, path: str, body: Any, code: str) -> None:
    """An admin who is an advocate too."""
    one, restricted = client(api)["id"], client(api)["id"]
    give(api, "ada", Role.ADVOCATE, Role.AGENCY_ADMIN)
    good_or_done(api.put("ana", f"/v1/clients/{restricted}/restriction"))
    ids = {"{me}": user_id(api, "ada"), "{one}": one, "{restricted}": restricted}
    for name, value in ids.items():
        path = path.replace(name, value)
        body = body and {k: v.replace(name, value) if isinstance(v, str) else v for k, v in body.items()}
    more = {"json": body} if body is not None else {}
    if method == "PATCH":
        more["if_match"] = good(api.get("ada", path))["version"]
    problem(api("ada", method, path, **more), 409, code)


def good_or_done(answer: Any) -> None:
    """It was done."""
    assert answer.status_code in (200, 204), answer.text


def _state(api: Api) -> list[str]:
    """What the ledger says was done, refusals left out."""
    return [entry["action"] for entry in api.world.entries() if entry["outcome"] == "ok" and _counts(entry["action"])]


def _counts(action: str) -> bool:
    return not action.startswith(("session.", "user.updated"))
