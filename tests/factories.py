"""What the guarantees walk over: every operation, one valid request for each, and rows of every kind to ask about."""

import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import sqlalchemy as sa
from fastapi import FastAPI
from fastapi.routing import iter_route_contexts

from api.gate import Gate
from models.access import GRANTS, PLATFORM, Actor, Permission
from models.destruction import Destruction, DestructionReason, Extent
from models.legal_hold import LegalHold
from models.setup import SetupLink
from tests.conftest import Api
from tests.postgres import Urls
from tests.world import PASSWORD, PEOPLE, TEMPLATE

#: Path parameters whose rows belong to a client: invisible to an advocate who is not assigned to her.
OF_CLIENTS = frozenset({"client_id", "plan_id", "section_id", "item_id", "release_id", "review_id", "assignment_id"})
NEW_PASSWORD = "seven gulls over the long pier"


@dataclass(frozen=True)
class Operation:
    """One operation of the service: its address and the permission it asks for (None: it is public)."""

    method: str
    path: str
    permission: Permission | None
    gates: int
    parameters: tuple[str, ...]

    @property
    def name(self) -> str:
        """`GET /v1/plans/{plan_id}`."""
        return f"{self.method} {self.path}"


def operations(app: FastAPI) -> list[Operation]:
    """Every operation below /v1, read off the route table as FastAPI serves it."""
    found = []
    for route in iter_route_contexts(app.routes):
        if not (route.path or "").startswith("/v1"):
            continue
        doors = [d.call for d in route.dependant.dependencies]
        gates = [door for door in doors if isinstance(door, Gate)]
        names = tuple(f.name for f in route.dependant.path_params)
        permission = gates[0].permission if gates else None
        found += [Operation(method, route.path, permission, len(gates), names) for method in sorted(route.methods)]
    assert len(found) > 40, "the route table was not read whole: iterate with fastapi.routing.iter_route_contexts"
    return found


def granted(permission: Permission | None, agency: str = "Harbor") -> str:
    """Somebody of the agency who may do this."""
    for who, (place, role) in PEOPLE.items():
        if place == agency and permission in GRANTS[role]:
            return who
    raise LookupError(f"no role at {agency} is granted {permission}: edit models/access.py")


@contextmanager
def behind(url: str) -> Iterator[sa.Connection]:
    """The database behind the service's back, with no Workspace and none of its walls; committed at the end."""
    engine = sa.create_engine(url, poolclass=sa.NullPool, hide_parameters=True)
    try:
        with engine.begin() as connection:
            yield connection
    finally:
        engine.dispose()


def entry_count(urls: Urls) -> int:
    """How many entries all the ledgers hold together."""
    with behind(urls.superuser) as connection:
        return int(connection.exec_driver_sql("select count(*) from ledger_entries").scalar_one())


@dataclass
class Scene:
    """Rows of every kind in one agency, made through the service, and their ids by the names of path parameters."""

    api: Api
    who: str = "ana"
    mark: str = ""
    ids: dict[str, str] = field(default_factory=dict)
    bodies: dict[str, Any] = field(default_factory=dict)

    def made(self, answer: Any) -> Any:
        """The body of an answer that had to succeed."""
        assert answer.status_code < 300, answer.text
        return answer.json() if answer.content else None

    def words(self, what: str) -> str:
        """Text of the survivor's, recognisable when this scene is marked."""
        return f"{what} {self.mark}".strip()

    def send(self, operation: Operation, who: str | None, ids: dict[str, str] | None = None, **more: Any) -> Any:
        """The operation's valid request as somebody, about this scene's rows or the ids given."""
        recipe = RECIPES[operation.name]
        path = operation.path.format(**{**self.ids, **(ids or {})})
        body = more.pop("body", None) or (recipe.body(self) if recipe.body else None)
        headers = {"if-match": "*"} | more.pop("headers", {})
        return self.api(who, operation.method, path, headers=headers, **({"json": body} if body else {}), **more)

    def prepare(self, operation: Operation) -> None:
        """Bring the rows into the state in which the operation's request has an effect."""
        recipe = RECIPES[operation.name]
        if recipe.before:
            recipe.before(self)


def stage(api: Api, who: str = "ana", mark: str = "") -> Scene:
    """A fresh client of somebody's with a plan in use, a section, an item in her words, a review; a template, a session."""
    scene = Scene(api, who, mark)
    name = scene.words("Wren")
    client = scene.made(api.post(who, "/v1/clients", {"alias": name, "external_ids": [_elsewhere(scene)]}))
    plan = scene.made(
        api.post(who, f"/v1/clients/{client['id']}/plans", {"template_id": str(TEMPLATE), "sections": ["home", "bag"]})
    )
    scene.made(api.put(who, f"/v1/plans/{plan['id']}/activation"))
    item = next(i for i in plan["sections"][0]["items"] if i["kind"] != "information")
    words = {"text": scene.words("Through the kitchen door"), "status": "planned"}
    scene.made(api.patch(who, f"/v1/checklist-items/{item['id']}", words, if_match=item["version"]))
    review = scene.made(api.post(who, f"/v1/plans/{plan['id']}/reviews", {"due_at": soon()}))
    assignments = scene.made(api.get(who, f"/v1/clients/{client['id']}/assignments"))["data"]
    template = scene.made(api.post(who, "/v1/templates", {"document": document()}))
    session = next(s for s in scene.made(api.get(who, "/v1/sessions"))["data"] if s["current"])
    scene.ids = {
        "client_id": client["id"],
        "plan_id": plan["id"],
        "section_id": plan["sections"][0]["id"],
        "item_id": item["id"],
        "review_id": review["id"],
        "assignment_id": assignments[0]["id"],
        "template_id": template["id"],
        "number": "1",
        "sequence": "0" if who != "other" else "999999",  # every log begins at 0: of another agency it is no address
        "user_id": str(api.world.people["ben" if who != "other" else who].actor.id),
        "session_id": session["id"],
    }
    _lay_to_rest(scene)
    return scene


def _lay_to_rest(scene: Scene) -> None:
    """A hold that was lifted, a release that was taken back, a destruction that was withdrawn: they stop nothing."""
    person = scene.api.world.people[scene.who].actor
    first, second = (Actor(person.agency_id, uuid4()) for _ in range(2))
    client_id, transact = UUID(scene.ids["client_id"]), scene.api.world.database.transact
    hold_id = transact(first, lambda db: LegalHold.place(db, client_id, scene.words("subpoena"), None))
    transact(second, lambda db: LegalHold.lift(db, hold_id))
    asked = (Extent.EVERYTHING, DestructionReason.CLIENT_ASKED)
    proposal = transact(first, lambda db: Destruction.propose(db, client_id, *asked, urgent=False))
    transact(second, lambda db: db.claim(Destruction, proposal).withdraw(db))
    scene.ids |= {"hold_id": str(hold_id), "destruction_id": str(proposal)}
    _release(scene)
    scene.made(scene.api.put(scene.who, f"/v1/releases/{scene.ids['release_id']}/revocation", {"how": "oral"}))


def soon(days: int = 3) -> str:
    """An instant some days ahead, as the service writes it."""
    return (datetime.now(UTC) + timedelta(days=days)).strftime("%Y-%m-%dT%H:%M:%SZ")


def document() -> dict[str, Any]:
    """A small template."""
    items = [{"key": "door", "text": "Which door is closest", "kind": "personal"}]
    return {
        "title": "Short plan",
        "language": "en",
        "sections": [
            {"key": "home", "title": "At home", "items": items},
            {"key": "work", "title": "At work", "items": [{"key": "desk", "text": "Whom to tell", "kind": "talk"}]},
        ],
    }


def _elsewhere(scene: Scene) -> dict[str, str]:
    return {"system": "shelter", "value": scene.words(f"S-{uuid4().hex[:12]}")}


# -- one valid request for every operation -------------------------------------------------------------------------


@dataclass(frozen=True)
class Recipe:
    """How to make one valid, effective request of an operation about a scene's rows."""

    body: Callable[[Scene], Any] | None = None
    before: Callable[[Scene], None] | None = None
    who: str | None = None  # otherwise the first person of Harbor who may
    entries: int = 1  # ledger entries of one successful request; more only where it takes more than one unit


def _publish(scene: Scene) -> None:
    path = f"/v1/templates/{scene.ids['template_id']}/versions/1/publication"
    scene.made(scene.api.put("ada", path))


def _retire(scene: Scene) -> None:
    _publish(scene)
    scene.made(scene.api.put("ada", f"/v1/templates/{scene.ids['template_id']}/retirement"))


def _draft_plan(scene: Scene) -> None:
    path = f"/v1/clients/{scene.ids['client_id']}/plans"
    scene.ids["plan_id"] = scene.made(scene.api.post(scene.who, path, {"template_id": str(TEMPLATE)}))["id"]


def _tick(scene: Scene) -> None:
    scene.made(scene.api.put(scene.who, f"/v1/checklist-items/{scene.ids['item_id']}/completion"))


def _close_client(scene: Scene) -> None:
    path = f"/v1/clients/{scene.ids['client_id']}/closure"
    scene.made(scene.api.put(scene.who, path, {"reason": scene.words("moved")}))


def _victim(scene: Scene) -> None:
    """Suspend somebody no other request needs."""
    scene.ids["user_id"] = str(scene.api.world.people["aud"].actor.id)


def signed(scene: Scene) -> dict[str, Any]:
    """A release as it was signed."""
    told = {"recipient": scene.words("Legal Aid"), "purpose": scene.words("a protection order")}
    return told | {"what": [scene.words("two dates")], "signed_on": soon(-9)[:10], "expires_at": soon(30)}


def _release(scene: Scene) -> None:
    made = scene.api.post(scene.who, f"/v1/clients/{scene.ids['client_id']}/releases", signed(scene))
    scene.ids["release_id"] = scene.made(made)["id"]


def _hold_it(scene: Scene) -> dict[str, Any]:
    words = {"reason": scene.words("a subpoena came"), "reference": scene.words("FA-1")}
    return {"client_id": scene.ids["client_id"]} | words


def _held(scene: Scene) -> None:
    scene.ids["hold_id"] = scene.made(scene.api.post("sol", "/v1/legal-holds", _hold_it(scene)))["id"]


def _destroy(scene: Scene, what: str = "everything") -> dict[str, Any]:
    return {"what": what, "reason": "client_asked"}


def _proposed(scene: Scene) -> None:
    made = scene.api.post("sol", f"/v1/clients/{scene.ids['client_id']}/destruction", _destroy(scene))
    scene.ids["destruction_id"] = scene.made(made)["id"]


def _suspend(scene: Scene) -> None:
    _victim(scene)
    scene.made(scene.api.put("ada", f"/v1/users/{scene.ids['user_id']}/suspension"))


def _renew(scene: Scene) -> None:
    answer = scene.api.post(None, "/v1/sessions", _credentials(scene))
    scene.bodies["refresh"] = {"refresh_token": scene.made(answer)["refresh_token"]}


def _link(scene: Scene) -> None:
    make = scene.api.world.database.transact
    scene.bodies["link"] = make(Actor.system(PLATFORM), SetupLink.make)


def _credentials(scene: Scene) -> dict[str, str]:
    return {"email": scene.api.world.people[scene.who].email, "password": PASSWORD}


def _found(scene: Scene) -> dict[str, str]:
    return {
        "token": scene.bodies.get("link") or secrets.token_urlsafe(32),
        "agency_name": "Cedar House",
        "time_zone": "America/New_York",
        "email": f"{scene.mark}{uuid4().hex[:8]}@cedar.example",
        "display_name": scene.words("Rowan"),
        "password": NEW_PASSWORD,
    }


def _contact(scene: Scene) -> dict[str, Any]:
    return {
        "phone": "+1 202 555 0142",
        "address": scene.words("12 Elm Street"),
        "warning": scene.words("Never after six"),
    }


def _client_change(scene: Scene) -> dict[str, Any]:
    return {
        "legal_name": scene.words("Wren Alder"),
        "pronouns": scene.words("she"),
        "date_of_birth": "1987-06-05",
        "languages": ["tlh"],
        "contact": _contact(scene),
        "external_ids": [_elsewhere(scene)],
    }


def _item_change(scene: Scene) -> dict[str, Any]:
    return {"text": scene.words("By the garden"), "detail": scene.words("with Dana"), "priority": 1}


RECIPES: dict[str, Recipe] = {
    "POST /v1/sessions": Recipe(_credentials),
    "POST /v1/sessions/refresh": Recipe(lambda s: s.bodies.get("refresh", {"refresh_token": "wpr_x"}), _renew),
    "GET /v1/sessions": Recipe(),
    "DELETE /v1/sessions/current": Recipe(),
    "DELETE /v1/sessions/{session_id}": Recipe(who="ana"),
    "GET /v1/me": Recipe(),
    "PATCH /v1/me": Recipe(lambda s: {"display_name": s.words("Ana")}),
    # Two units: the old hash and the names are read before argon2 runs outside the lane, then the new hash is kept.
    "PUT /v1/me/password": Recipe(lambda s: {"current_password": PASSWORD, "new_password": NEW_PASSWORD}, entries=2),
    # The platform's log says that the link was used, the new agency's that it was founded.
    "POST /v1/setup": Recipe(_found, _link, entries=2),
    "GET /v1/users": Recipe(),
    "GET /v1/users/{user_id}": Recipe(),
    "PATCH /v1/users/{user_id}": Recipe(lambda s: {"display_name": s.words("Ben"), "roles": ["supervisor"]}),
    "PUT /v1/users/{user_id}/suspension": Recipe(before=_victim),
    "DELETE /v1/users/{user_id}/suspension": Recipe(before=_suspend),
    "DELETE /v1/users/{user_id}/sessions": Recipe(before=_victim),
    "GET /v1/agency": Recipe(),
    "PATCH /v1/agency": Recipe(lambda s: {"name": "Harbor House", "review_interval": "P4W"}),
    "GET /v1/templates": Recipe(),
    "POST /v1/templates": Recipe(lambda s: {"document": document()}),
    "GET /v1/templates/{template_id}": Recipe(),
    "POST /v1/templates/{template_id}/copy": Recipe(before=_publish),
    "POST /v1/templates/{template_id}/versions": Recipe(lambda s: {"from_version": 1}, _publish),
    "GET /v1/templates/{template_id}/versions/{number}": Recipe(),
    "PUT /v1/templates/{template_id}/versions/{number}": Recipe(lambda s: document()),
    "PUT /v1/templates/{template_id}/versions/{number}/publication": Recipe(),
    "PUT /v1/templates/{template_id}/retirement": Recipe(before=_publish),
    "DELETE /v1/templates/{template_id}/retirement": Recipe(before=_retire),
    "GET /v1/clients": Recipe(),
    "POST /v1/clients": Recipe(lambda s: {"alias": s.words("Lark"), "contact": _contact(s)}),
    "POST /v1/clients/search": Recipe(lambda s: {"query": s.words("Wren")}),
    "GET /v1/clients/{client_id}": Recipe(),
    "PATCH /v1/clients/{client_id}": Recipe(_client_change),
    "PUT /v1/clients/{client_id}/closure": Recipe(lambda s: {"reason": s.words("moved away")}),
    "DELETE /v1/clients/{client_id}/closure": Recipe(before=_close_client),
    "GET /v1/clients/{client_id}/assignments": Recipe(),
    "POST /v1/clients/{client_id}/assignments": Recipe(lambda s: {"user_id": s.ids["user_id"]}),
    "DELETE /v1/assignments/{assignment_id}": Recipe(),
    "GET /v1/caseload": Recipe(),
    "POST /v1/clients/{client_id}/plans": Recipe(lambda s: {"template_id": str(TEMPLATE), "sections": ["home"]}),
    "GET /v1/clients/{client_id}/plans": Recipe(),
    "GET /v1/plans/{plan_id}": Recipe(),
    "GET /v1/plans/{plan_id}/progress": Recipe(),
    "PATCH /v1/plans/{plan_id}": Recipe(lambda s: {"facts": {"trusted_neighbor": s.words("Mr Alder")}}),
    "PUT /v1/plans/{plan_id}/activation": Recipe(before=_draft_plan),
    "PUT /v1/plans/{plan_id}/closure": Recipe(),
    "POST /v1/plans/{plan_id}/sections": Recipe(lambda s: {"title": s.words("The summer house")}),
    "PATCH /v1/plan-sections/{section_id}": Recipe(lambda s: {"choice": "later"}),
    "DELETE /v1/plan-sections/{section_id}": Recipe(),
    "POST /v1/plans/{plan_id}/items": Recipe(
        lambda s: {"section_id": s.ids["section_id"], "text": s.words("A second way out")}
    ),
    "GET /v1/checklist-items/{item_id}": Recipe(),
    "PATCH /v1/checklist-items/{item_id}": Recipe(_item_change),
    "DELETE /v1/checklist-items/{item_id}": Recipe(),
    "PATCH /v1/plans/{plan_id}/items": Recipe(
        lambda s: {"items": [{"id": s.ids["item_id"], "version": 2, "text": s.words("Two knocks")}]}
    ),
    "PUT /v1/checklist-items/{item_id}/outcome": Recipe(lambda s: {"outcome": "helped"}),
    "PUT /v1/checklist-items/{item_id}/completion": Recipe(),
    "DELETE /v1/checklist-items/{item_id}/completion": Recipe(before=_tick),
    "POST /v1/plans/{plan_id}/reviews": Recipe(
        lambda s: {"due_at": soon(9), "reviewer_id": str(s.api.world.people[s.who].actor.id)}
    ),
    "POST /v1/clients/{client_id}/events": Recipe(lambda s: {"kind": "move"}),
    "GET /v1/reviews": Recipe(),
    "GET /v1/reviews/{review_id}": Recipe(),
    "PATCH /v1/reviews/{review_id}": Recipe(lambda s: {"due_at": soon(5)}),
    "PUT /v1/reviews/{review_id}/completion": Recipe(lambda s: {"what_changed": s.words("a new lock")}),
    "PUT /v1/reviews/{review_id}/cancellation": Recipe(lambda s: {"reason": s.words("asked to wait")}),
    "GET /v1/clients/{client_id}/releases": Recipe(),
    "POST /v1/clients/{client_id}/releases": Recipe(signed),
    "GET /v1/releases/{release_id}": Recipe(),
    "PUT /v1/releases/{release_id}/revocation": Recipe(lambda s: {"how": "written"}, _release),
    "GET /v1/legal-holds": Recipe(),
    "POST /v1/legal-holds": Recipe(_hold_it),
    "GET /v1/legal-holds/{hold_id}": Recipe(),
    "PUT /v1/legal-holds/{hold_id}/lifting": Recipe(before=_held),
    "POST /v1/clients/{client_id}/destruction": Recipe(_destroy),
    "GET /v1/destructions": Recipe(),
    "GET /v1/destructions/{destruction_id}": Recipe(),
    "PUT /v1/destructions/{destruction_id}/approval": Recipe(before=_proposed),
    "DELETE /v1/destructions/{destruction_id}": Recipe(before=_proposed),
    "GET /v1/audit-events": Recipe(),
    "GET /v1/audit-events/{sequence}/proof": Recipe(),
    "GET /v1/audit/checkpoint": Recipe(),
    "GET /v1/audit/opened-clients": Recipe(),
    "GET /v1/canaries": Recipe(),
    "POST /v1/canaries": Recipe(
        lambda s: {
            "alias": s.words("Teal"),
            "legal_name": s.words("Teal Marsh"),
            "pronouns": s.words("she"),
            "date_of_birth": "1987-06-05",
            "languages": ["tlh"],
            "contact": {"address": s.words("12 Elm Street"), "warning": s.words("Never after six")},
        }
    ),
    "GET /v1/clients/{client_id}/access-history": Recipe(),
}


def doer(operation: Operation) -> str | None:
    """Who makes the operation's valid request at Harbor; None for a public one."""
    if operation.permission is None:
        return None
    return RECIPES[operation.name].who or granted(operation.permission)
