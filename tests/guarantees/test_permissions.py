"""Who may do what, over every operation and every role: exactly what models/access.py grants."""

import re
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from api.cli import access
from models.access import BEFORE_OWN_PASSWORD, GRANTS, REACH, RELEASED, Permission, Reach, Role
from models.base import MODELS
from models.errors import Conflict
from models.user import User, joined
from models.workspace import Workspace
from tests.conftest import Api
from tests.factories import OF_CLIENTS, operations, stage
from tests.world import PEOPLE, World

#: The ledger holds ids: that is what it is for.
OF_THE_LEDGER = {"GET /v1/audit-events", "GET /v1/audit/opened-clients"}
PUBLIC = {"POST /v1/oauth/token", "POST /v1/sessions", "POST /v1/sessions/refresh", "POST /v1/setup"}
PUBLIC |= {"POST /v1/invitations/acceptance", "POST /v1/password-resets", "POST /v1/password-resets/completion"}
PUBLIC |= {"POST /v1/sso/authorization", "POST /v1/sso/sessions"}
TABLE = Path(__file__).with_name("grants.txt")
REWRITE = 'python -c "from tests.guarantees.test_permissions import *; TABLE.write_text(grants())"'
ONE_EACH = {role: who for who, (place, role) in PEOPLE.items() if place == "Harbor" and who != "ben"}
#: What a person with a one-time password can do.
BEFORE = {
    "GET /v1/me",
    "PUT /v1/me/password",
    "DELETE /v1/sessions/current",
}
#: Permissions that are about clients: whoever sees no client holds none of them.
ABOUT_CLIENTS = {p for p in Permission if p.split(":")[0] in {"client", "plan", "checklist", "review", "caseload"}}
ABOUT_CLIENTS |= {p for p in Permission if p.split(":")[0] in {"release", "released"}} | {Permission.ASSIGNMENT_READ}
ABOUT_CLIENTS |= {p for p in Permission if p.split(":")[0] in {"conflict", "history", "task", "volunteer"}}
ABOUT_CLIENTS -= {Permission.RELEASE_REVOKE}  # to stop what is told of somebody takes no sight of her
#: Operations that name a client by id to whoever sees none, and tell no more of her: holds, destruction, certificates,
#: who works with her, from whom she is kept, and who has opened her record with break-glass.
BY_ID = {
    "DELETE /v1/staffing-requests/{ask_id}",
    "GET /v1/staffing-requests",
    "GET /v1/staffing-requests/{ask_id}",
    "POST /v1/clients/{client_id}/handover-requests",
    "PUT /v1/staffing-requests/{ask_id}/acceptance",
    "GET /v1/break-glass",
    "GET /v1/break-glass/{glass_id}",
    "POST /v1/clients/{client_id}/break-glass",
    "PUT /v1/break-glass/{glass_id}/return",
    "PUT /v1/break-glass/{glass_id}/review",
    "DELETE /v1/assignments/{assignment_id}",
    "DELETE /v1/walls/{wall_id}",
    "GET /v1/unattended-clients",
    "PUT /v1/releases/{release_id}/revocation",
    "GET /v1/walls",
    "GET /v1/walls/{wall_id}",
    "POST /v1/clients/{client_id}/assignments",
    "PUT /v1/clients/{client_id}/handover",
    "PUT /v1/clients/{client_id}/own-wall",
    "PUT /v1/walls/{wall_id}/approval",
    "PUT /v1/walls/{wall_id}/lifting",
    "PUT /v1/walls/{wall_id}/lifting/approval",
    "GET /v1/destructions",
    "GET /v1/destructions/{destruction_id}",
    "GET /v1/legal-holds",
    "GET /v1/legal-holds/{hold_id}",
    "POST /v1/clients/{client_id}/destruction",
}


def grants() -> str:
    """GRANTS as a table to read: one line a permission, one column a role."""
    roles = sorted(Role)
    lines = ["permission".ljust(22) + "".join(role.ljust(14) for role in [*roles, "integration"]).rstrip()]
    for permission in sorted(Permission):
        granted = [permission in GRANTS[role] for role in roles] + [permission in RELEASED]
        marks = ("yes" if may else "-" for may in granted)
        lines.append(permission.ljust(22) + "".join(mark.ljust(14) for mark in marks).rstrip())
    reach = [*(REACH[role].name.lower().ljust(14) for role in roles), "released"]
    return "\n".join([*lines, "clients in sight".ljust(22) + "".join(reach).rstrip()]) + "\n"


def test_grants_are_the_table_that_was_reviewed() -> None:
    """A change of who may do what shows in a diff of its own."""
    assert grants() == TABLE.read_text(), f"if this is meant, write the table anew and have it reviewed: {REWRITE}"


def test_the_page_of_who_may_do_what_is_what_the_command_prints() -> None:
    """docs/access.md is read by people who run no command."""
    page = Path(__file__).parents[2] / "docs" / "access.md"
    said = "write it anew: python -m api access > docs/access.md"
    assert page.read_text() == "\n".join(access.show().lines) + "\n", said


def test_every_permission_is_held_by_somebody_and_asked_for_by_some_route(api: Api) -> None:
    """No dead words in the vocabulary."""
    held = frozenset().union(*GRANTS.values(), RELEASED)
    asked = {operation.permission for operation in operations(api.client.app)} - {None}
    assert held == frozenset(Permission) == asked, "edit models/access.py"


def test_every_route_asks_for_exactly_one_permission_or_is_public_on_purpose(api: Api) -> None:
    """Law 1: no door without a permission."""
    walked = operations(api.client.app)
    assert {o.name for o in walked if o.gates == 0} == PUBLIC, (
        "name a permission with Can(...) in the route's signature"
    )
    assert not [o.name for o in walked if o.gates > 1]


def test_a_path_to_a_client_asks_for_a_permission_about_clients(api: Api) -> None:
    """A route that names a client's row cannot be opened by a permission that says nothing of clients."""
    loose = [
        o.name
        for o in operations(api.client.app)
        if OF_CLIENTS & {*o.parameters} and o.permission not in ABOUT_CLIENTS and o.name not in BY_ID
    ]
    assert not loose, "ask for a permission about clients: edit api/routes/"


def test_roles_that_see_no_client_hold_no_permission_about_clients() -> None:
    """Auditor and agency_admin: never."""
    for role in Role:
        if REACH[role] is Reach.NONE:
            assert not GRANTS[role] & ABOUT_CLIENTS, role
    assert {role for role in Role if REACH[role] is Reach.NONE} == {Role.AUDITOR, Role.AGENCY_ADMIN}


def test_without_a_token_every_operation_is_401(api: Api) -> None:
    """Nobody gets in, and nobody learns what there is."""
    scene = stage(api)
    answers = {o.name: scene.send(o, None).status_code for o in operations(api.client.app) if o.name not in PUBLIC}
    assert set(answers.values()) == {401}, answers


def test_every_role_may_do_what_it_is_granted_and_nothing_else(api: Api) -> None:
    """Over every operation: refused with 403 `forbidden` if and only if the role does not hold its permission."""
    wrong: list[Any] = []
    scenes = {role: stage(api) for role in ONE_EACH}
    opens = Permission.BREAKGLASS_OPEN  # last: what it opens is more than her role is granted
    for operation in sorted(operations(api.client.app), key=lambda o: o.permission is opens):
        if operation.name in PUBLIC:
            continue
        for role, who in ONE_EACH.items():
            answer = scenes[role].send(operation, who)
            api._tokens.pop(who)  # the operation may have ended the session it came with
            refused = answer.status_code == 403 and answer.json()["code"] == "forbidden"
            if refused == (operation.permission in GRANTS[role]) or answer.status_code >= 500:
                wrong.append((operation.name, role.value, answer.status_code, answer.text))
    assert not wrong, "GRANTS in models/access.py and what the service does disagree"


def test_auditor_and_admin_never_reach_a_client(api: Api) -> None:
    """Neither by address nor in a list: every answer about a client's row is 403, and no list shows her."""
    scene = stage(api)
    clients = {value for name, value in scene.ids.items() if name in OF_CLIENTS}
    for who in ("aud", "ada"):
        for operation in operations(api.client.app):
            if operation.name in PUBLIC | BY_ID or operation.method != "GET":
                continue
            answer = scene.send(operation, who)
            if OF_CLIENTS & {*operation.parameters}:
                assert answer.status_code == 403, (operation.name, who)
            elif operation.name not in OF_THE_LEDGER:
                assert not [value for value in clients if value in answer.text], (operation.name, who)


def test_no_permission_of_theirs_shows_a_clients_row(world: World) -> None:
    """Below the routes too: with whatever they are granted, no model of clients' rows has rows for them."""
    world.plan(world.client("ana"))
    models = [model for model in MODELS.values() if model.client_column()]
    assert len(models) >= 6

    def count(db: Workspace) -> int:
        return sum(len(list(db.objects.exec(sa.select(model)).scalars())) for model in models)

    for who in ("aud", "ada"):
        for permission in GRANTS[PEOPLE[who][1]]:
            assert world.run(who, permission, count) == 0, (who, permission)


def test_with_a_one_time_password_one_can_only_look_at_oneself_and_choose_a_password(api: Api) -> None:
    """Whatever the role: everything else is 403 until she has a password of her own."""
    scene = stage(api)
    for who in ONE_EACH.values():
        user_id = api.world.people[who].actor.id
        api.world.system(lambda db, user_id=user_id: _hand_out(db, user_id))
    walked = [o for o in operations(api.client.app) if o.name not in PUBLIC]
    assert {o.name for o in walked if o.permission in BEFORE_OWN_PASSWORD} == BEFORE
    for who in ONE_EACH.values():
        for operation in walked:
            if operation.name in BEFORE:
                continue
            answer = scene.send(operation, who)
            assert answer.status_code == 403, (operation.name, who)
            code = "password-change-required"
            assert answer.json()["code"] == code, (operation.name, who)
        assert api.get(who, "/v1/me").status_code == 200


def _hand_out(db: Workspace, user_id: Any) -> None:
    user = db.claim(User, user_id)
    user.set_password(db, user.password_hash, one_time=True)


def test_a_change_of_roles_acts_on_the_next_request(api: Api) -> None:
    """Roles are read from the row, not from the token."""
    ben = api.world.people["ben"].actor.id
    assert api.get("ben", "/v1/caseload").status_code == 200
    version = api.get("ada", f"/v1/users/{ben}").json()["version"]
    assert api.patch("ada", f"/v1/users/{ben}", {"roles": ["auditor"]}, if_match=version).status_code == 200
    assert api.get("ben", "/v1/caseload").status_code == 403
    assert api.get("ben", "/v1/audit-events").status_code == 200


def test_two_roles_never_lend_each_other_sight(api: Api) -> None:
    """An advocate who is admin too manages people, and still sees her own clients only."""
    ben = api.world.people["ben"].actor.id
    version = api.get("ada", f"/v1/users/{ben}").json()["version"]
    api.patch("ada", f"/v1/users/{ben}", {"roles": ["advocate", "agency_admin"]}, if_match=version)
    scene = stage(api)
    assert api.get("ben", "/v1/users").status_code == 200
    assert api.get("ben", f"/v1/clients/{scene.ids['client_id']}").status_code == 404


def test_suspension_and_the_end_of_an_assignment_act_on_the_next_request(api: Api) -> None:
    """Neither waits for a token to run out."""
    scene, ben = stage(api), api.world.people["ben"].actor.id
    made = api.post("sol", f"/v1/clients/{scene.ids['client_id']}/assignments", {"user_id": str(ben)}).json()
    address = f"/v1/plans/{scene.ids['plan_id']}"
    assert api.get("ben", address).status_code == 200
    assert api.delete("sol", f"/v1/assignments/{made['id']}").status_code == 204
    assert api.get("ben", address).status_code == 404
    assert api.put("ada", f"/v1/users/{ben}/suspension").status_code == 200
    assert api.get("ben", "/v1/me").status_code == 401


def test_nobody_raises_her_own_roles(api: Api) -> None:
    """Not even an admin."""
    ada = api.world.people["ada"].actor.id
    answer = api.patch("ada", f"/v1/users/{ada}", {"roles": ["agency_admin", "supervisor"]}, if_match=1)
    assert (answer.status_code, answer.json()["code"]) == (409, "own-role")


def test_an_auditor_cannot_hold_a_role_that_sees_content() -> None:
    """Nobody checks herself."""
    for role in (Role.ADVOCATE, Role.SUPERVISOR):
        with pytest.raises(Conflict) as refused:
            joined([Role.AUDITOR, role])
        assert refused.value.reason == "auditor-and-content"


def test_names_of_permissions_follow_the_law() -> None:
    """`resource:action`, in alphabetical order, each named like its value."""
    values = [p.value for p in Permission]
    assert values == sorted(values), "alphabetise Permission in models/access.py"
    assert all(re.fullmatch(r"[a-z]+:[a-z]+", v) for v in values)
    assert all(p.name == p.value.replace(":", "_").upper() for p in Permission)
