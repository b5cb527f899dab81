"""What the guarantees walk over: every operation, one valid request for each, and rows of every kind to ask about."""

import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any
from uuid import UUID, uuid4

import pyotp
import sqlalchemy as sa
from fastapi import FastAPI
from fastapi.routing import iter_route_contexts

from api.gate import Gate
from models import factor
from models.access import GRANTS, PLATFORM, RELEASED, Actor, Kind, Permission, Role, Scope
from models.break_glass import (
    OPEN_FOR,
    BreakGlassAttempt,
    BreakGlassOpening,
    BreakGlassOutcome,
    BreakGlassReason,
    BreakGlassReview,
    forget_attempts,
)
from models.checklist import plan_of
from models.conflict_check import ConflictCheck
from models.cover import Cover
from models.destruction import Destruction, DestructionReason, Extent
from models.factor import Factor
from models.factor_reset import FactorReset, close_open
from models.identity import Identity, IdentityProvider
from models.invitation import Invitation
from models.ledger.action import Action
from models.legal_hold import LegalHold
from models.notice import NoticeKind, tell
from models.password_reset import request
from models.rows import Insert
from models.session import SignInSession
from models.setup import SetupLink
from models.team import Team
from models.user import User
from models.volunteer import SectionVolunteer
from models.wall import Wall
from models.workspace import Workspace
from tests import oidc
from tests.conftest import Api
from tests.partners import PURPOSE, RECIPIENT, enter
from tests.postgres import Urls
from tests.world import PASSWORD, PEOPLE, TEMPLATE, World

#: Path parameters whose rows belong to a client: invisible to an advocate who is not assigned to her.
OF_CLIENTS = frozenset({"client_id", "plan_id", "section_id", "item_id", "release_id", "review_id", "assignment_id"})
#: Whose second factor stays set up, once it was: nobody signs in as her with a password alone.
ENROLS = "sol"
OF_CLIENTS |= {"ask_id", "glass_id", "wall_id"}
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
    """Somebody of the agency who may do this; "partner" is a program."""
    if permission in RELEASED:
        return "partner"
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


#: Operations that take a form and answer as RFC 6749 has it, not with a problem (tests/api/test_oauth.py).
FORMS = frozenset({"POST /v1/oauth/token"})


@cache
def _provider() -> oidc.Provider:
    """One for this process."""
    return oidc.serve()


@dataclass
class Scene:
    """Rows of every kind in one agency, made through the service, and their ids by the names of path parameters."""

    api: Api
    who: str = "ana"
    mark: str = ""
    ids: dict[str, str] = field(default_factory=dict)
    bodies: dict[str, Any] = field(default_factory=dict)
    theirs: str = ""
    """The client's id as the partner knows it, where a release was given."""

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
        theirs = {"client_id": self.theirs} if operation.permission in RELEASED and self.theirs else {}
        path = operation.path.format(**{**self.ids, **theirs, **(ids or {})})
        body = more.pop("body", None) or (recipe.body(self) if recipe.body else None)
        headers = {"if-match": "*"} | more.pop("headers", {})
        kind = "data" if operation.name in FORMS else "json"
        return self.api(who, operation.method, path, headers=headers, **({kind: body} if body else {}), **more)

    def prepare(self, operation: Operation) -> None:
        """Bring the rows into the state in which the operation's request has an effect."""
        self.api.world.system(_passwords_work)
        recipe = RECIPES[operation.name]
        if recipe.before:
            recipe.before(self)


def _passwords_work(db: Any) -> None:
    """Whatever an operation before this one has switched off."""
    if db.all(sa.select(IdentityProvider)):
        db.claim(IdentityProvider, db.agency_id).allow_local(db)


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
    scene.ids["reset_id"] = str(uuid4())
    _lay_to_rest(scene)
    _told(scene)
    partner = enter(api.world, PEOPLE[who][0], scene.words("Clinic"), scene.words("care"))
    scene.ids["identity_id"] = _identity(scene)
    scene.ids |= {"integration_id": str(partner.id), "secret_id": str(partner.secret_id)}
    return scene


def _told(scene: Scene) -> None:
    """A notice of the scene's person, a reset she asked for, the mails about both, and somebody invited."""
    person, database = scene.api.world.people[scene.who].actor, scene.api.world.database
    wake, database.post.wake = database.post.wake, database.post.wake or (lambda: None)
    command = Actor.system(person.agency_id, kind=Kind.COMMAND)
    database.transact(command, lambda db: tell(db, [person.id], NoticeKind.PASSWORD_CHANGED))
    database.transact(command, lambda db: request(db, person.id))
    database.post.wake = wake
    invited = database.transact(command, lambda db: Invitation.send(db, _address(scene), [Role.ADVOCATE], "en").id)
    scene.ids["invitation_id"] = str(invited)
    scene.ids["notice_id"] = scene.made(scene.api.get(scene.who, "/v1/notices?limit=1"))["data"][0]["id"]


def _address(scene: Scene) -> str:
    return f"{uuid4().hex}.{scene.mark or 'noor'}@harbor.example"


def _identity(scene: Scene) -> str:
    """An account at some provider that is this person's; the one she has already, if she does."""
    person = scene.api.world.people[scene.who].actor

    def linked(db: Any) -> Identity:
        there = Identity.of(db, person.id)
        return there[0] if there else Identity.link(db, "https://login.provider.example", uuid4().hex)

    return str(scene.api.world.database.transact(Actor(person.agency_id, person.id), linked).id)


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
    kept_out = transact(first, _newcomer)
    wall = transact(first, lambda db: _past_wall(db, client_id, kept_out, scene.words("a cousin")))
    scene.ids |= {"wall_id": str(wall)}
    team = transact(first, lambda db: Team.form(db, "North").id)
    cover, absent, by = transact(Actor.system(person.agency_id), _past_cover)
    scene.ids |= {"absent_id": str(absent), "by_id": str(by)}
    scene.ids |= {"team_id": str(team), "cover_id": str(cover)}
    by = transact(first, _newcomer)
    glass = transact(first, lambda db: _past_glass(db, by, client_id, scene.words("she called")))
    check = transact(first, lambda db: _past_check(db, by, client_id))
    transact(first, lambda db: _past_help(db, by, client_id, UUID(scene.ids["section_id"])))
    scene.ids |= {"glass_id": str(glass), "check_id": str(check)}
    _asked_for(scene)
    _nothing_asked(scene)
    _release(scene)
    scene.made(scene.api.put(scene.who, f"/v1/releases/{scene.ids['release_id']}/revocation", {"how": "oral"}))


def _past_wall(db: Workspace, client_id: UUID, user_id: UUID, reason: str) -> UUID:
    """Proposed about somebody who is none of those the tests ask as, and withdrawn."""
    wall_id = Wall.propose(db, client_id, user_id, reason)
    Wall.withdraw(db, wall_id)
    return wall_id


def _newcomer(db: Workspace) -> UUID:
    """An advocate whom no test asks as, and who has no clients."""
    email = f"{uuid4().hex}@nowhere.example"
    return User.hire(db, email, "New", [Role.ADVOCATE], "no hash", must_change_password=True).id


def _past_glass(db: Workspace, by: UUID, client_id: UUID, explanation: str) -> UUID:
    """Opened by somebody no test asks as, over, and reviewed."""
    glass_id, then = uuid4(), db.now - timedelta(days=1)
    db.insert(Insert(BreakGlassAttempt), [{"user_id": by, "at": then}])
    row = {"id": glass_id, "client_id": client_id, "user_id": by, "reason": BreakGlassReason.OTHER, "opened_at": then}
    seen = {"ends_at": then + OPEN_FOR, "reviewed_at": db.now, "reviewed_by_id": by}
    done = {"explanation": explanation, "outcome": BreakGlassOutcome.JUSTIFIED}
    db.create_many(Insert(BreakGlassOpening), Action.BREAK_GLASS_OPENED, [row | seen | done])
    said = {"id": glass_id, "client_id": client_id, "reviewed_by_id": by, "note": explanation}
    db.create_many(Insert(BreakGlassReview), Action.BREAK_GLASS_REVIEWED, [said])
    return glass_id


def _past_check(db: Workspace, by: UUID, client_id: UUID) -> UUID:
    """Asked by somebody no test asks as; the scene's client matched."""
    check_id = uuid4()
    row = {"id": check_id, "asked_by_id": by, "asked_at": db.now, "names": 1, "client_ids": [str(client_id)]}
    db.insert(Insert(ConflictCheck), [row])
    return check_id


def _past_help(db: Workspace, by: UUID, client_id: UUID, section_id: UUID) -> None:
    """Somebody helped with the scene's section, and no longer does."""
    row = {"id": uuid4(), "client_id": client_id, "plan_id": plan_of(section_id), "section_id": section_id, "number": 1}
    who = {"user_id": by, "started_at": db.now, "started_by_id": db.actor.id, "ended_at": db.now}
    db.create_many(Insert(SectionVolunteer), Action.VOLUNTEER_ENDED, [row | who])


def _past_cover(db: Workspace) -> tuple[UUID, UUID, UUID]:
    """Ended, and between people who have no clients; and who they are."""
    absent, by = _newcomer(db), _newcomer(db)
    cover_id = Cover.begin(db, absent, by, db.now, db.now + timedelta(days=1))
    Cover.end(db, cover_id)
    return cover_id, absent, by


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


def released(scene: Scene) -> None:
    """A living release to the partner, and the partner's own name for the client."""
    assert scene.api.partner
    body = signed(scene) | {"recipient": RECIPIENT, "purpose": PURPOSE, "fields": list(Scope)}
    scene.made(scene.api.post(scene.who, f"/v1/clients/{scene.ids['client_id']}/releases", body))
    name_for_partner(scene)


def name_for_partner(scene: Scene) -> None:
    """From here on the partner asks for this scene's client by the name that is the partner's own for her."""
    partner, client_id = scene.api.partner, UUID(scene.ids["client_id"])
    scene.theirs = str(scene.api.world.system(lambda db: db.keys.pairwise(partner.id).name(client_id)))


def _entered(scene: Scene) -> None:
    assert scene.api.partner


def _integration(scene: Scene) -> dict[str, Any]:
    told = {"recipient": scene.words("Legal Aid"), "purpose": scene.words("a protection order")}
    return told | {"scopes": ["clients:read"], "networks": ["203.0.113.0/24"]}


def _no_second_secret(scene: Scene) -> None:
    """An integration of its own: others of the scene have theirs."""
    scene.ids["integration_id"] = scene.made(scene.api.post("ada", "/v1/integrations", _integration(scene)))["id"]


def _stopped(scene: Scene) -> None:
    scene.made(scene.api.put("ada", f"/v1/integrations/{scene.ids['integration_id']}/suspension"))


def _provided(scene: Scene) -> dict[str, Any]:
    own = f"-{scene.mark}" if scene.mark else ""
    issuer = _provider().issuer + own.replace("-", "/", 1)
    return {"issuer": issuer, "client_id": oidc.CLIENT + own, "client_secret": oidc.SECRET + own}


def _with_provider(scene: Scene) -> None:
    """Entered unless it is there: what began before goes on."""
    wanted = _provided(scene)

    def there(db: Any) -> bool:
        found = db.all(sa.select(IdentityProvider))
        return bool(found) and found[0].enabled and found[0].issuer == wanted["issuer"]

    if not scene.api.world.system(there):
        scene.made(scene.api.put("ada", "/v1/sso/provider", wanted))


def _came_back(scene: Scene, begun: Any) -> None:
    told = oidc.visit(begun["authorization_url"])
    scene.bodies["return"] = told | {"browser_secret": begun["browser_secret"]}


def _linking(scene: Scene) -> None:
    _with_provider(scene)
    _provider().subject = uuid4().hex
    _came_back(scene, scene.made(scene.api.post("ana", "/v1/me/identities")))


def _linked(scene: Scene) -> None:
    _linking(scene)
    made = scene.made(scene.api.post("ana", "/v1/me/identities/completion", scene.bodies["return"]))
    scene.ids["identity_id"] = made["id"]


def _signing_in(scene: Scene) -> None:
    _linked(scene)
    harbor = str(scene.api.world.agency_id())
    _came_back(scene, scene.made(scene.api.post(None, "/v1/sso/authorization", {"agency": harbor})))


def _return(scene: Scene) -> dict[str, str]:
    nothing = {"code": "x", "state": "wps_x", "browser_secret": "x"}
    return scene.bodies.get("return") or nothing


def _by_provider(scene: Scene) -> None:
    """Ada is signed in by the provider: only then may she switch passwords off."""
    _with_provider(scene)
    session_id = scene.api.client.app.state.tokens.verify(scene.api.token("ada")).session_id

    def mark(db: Any) -> None:
        session = db.claim(SignInSession, session_id)
        session.auth = "sso"
        db.record(Action.SESSION_OPENED, session)

    scene.api.world.system(mark)


def _required(scene: Scene) -> None:
    _by_provider(scene)
    scene.made(scene.api.put("ada", "/v1/sso/provider/requirement"))


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


def _second(scene: Scene, who: str = "ben") -> None:
    """Somebody else is assigned to the client too."""
    user_id = str(scene.api.world.people[who].actor.id)
    scene.made(scene.api.post("sol", f"/v1/clients/{scene.ids['client_id']}/assignments", {"user_id": user_id}))


def _restricted(scene: Scene) -> None:
    """By somebody who is assigned to her too: the other one may lift it."""
    _second(scene)
    scene.made(scene.api.put("ben", f"/v1/clients/{scene.ids['client_id']}/restriction"))


def _wall(scene: Scene) -> dict[str, Any]:
    user_id = str(scene.api.world.people["ben"].actor.id)
    return {"client_id": scene.ids["client_id"], "user_id": user_id, "reason": scene.words("a cousin")}


def _walled(scene: Scene, *, standing: bool = True, lifting: bool = False) -> None:
    """A wall that ada proposed and sol set up."""
    scene.ids["wall_id"] = scene.made(scene.api.post("sol", "/v1/walls", _wall(scene)))["id"]
    if standing:
        scene.made(scene.api.put("ada", f"/v1/walls/{scene.ids['wall_id']}/approval"))
    if lifting:
        scene.made(scene.api.put("sol", f"/v1/walls/{scene.ids['wall_id']}/lifting"))


def _team(scene: Scene) -> None:
    scene.ids["team_id"] = scene.made(scene.api.post("ada", "/v1/teams", {"name": scene.words("East")}))["id"]


def _cover(scene: Scene) -> dict[str, Any]:
    return {"absent_id": scene.ids["absent_id"], "by_id": scene.ids["by_id"], "ends_at": soon(14)}


def _covered(scene: Scene) -> None:
    scene.ids["cover_id"] = scene.made(scene.api.post("sol", "/v1/covers", _cover(scene)))["id"]


def _nothing_asked(scene: Scene) -> None:
    """What was asked for before has been taken back: covers, and that the scene's client be handed over."""
    for row in scene.made(scene.api.get(scene.who, "/v1/staffing-requests?open=true&limit=200"))["data"]:
        if row["client_id"] in (None, scene.ids["client_id"]):
            scene.made(scene.api.delete(scene.who, f"/v1/staffing-requests/{row['id']}"))


def _asked_for(scene: Scene) -> None:
    """That the scene's client be handed over."""
    _nothing_asked(scene)
    made = scene.api.post(scene.who, f"/v1/clients/{scene.ids['client_id']}/handover-requests", {})
    scene.ids["ask_id"] = scene.made(made)["id"]


def _to_sol(scene: Scene) -> dict[str, Any]:
    return {"user_id": str(scene.api.world.people["sol"].actor.id)}


def _by_ben(scene: Scene) -> dict[str, Any]:
    return {"user_id": str(scene.api.world.people["ben"].actor.id)}


def _to_ben(scene: Scene) -> dict[str, Any]:
    return {"to_user_id": str(scene.api.world.people["ben"].actor.id)}


def _anas(scene: Scene) -> None:
    """A caseload to hand over."""
    scene.ids["user_id"] = str(scene.api.world.people["ana"].actor.id)


def _why(scene: Scene) -> dict[str, Any]:
    return {"reason": "client_called", "explanation": scene.words("She called, and her advocate is asleep.")}


def _by_name(scene: Scene) -> dict[str, Any]:
    return _why(scene) | {"name": scene.bodies.get("named", "Nobody Of This Name")}


def _rested(scene: Scene) -> None:
    """Nobody has tried today: a walk over all operations would try too often."""

    def forget(db: Workspace) -> None:
        db.now += timedelta(days=2)
        forget_attempts(db)

    scene.api.world.system(forget)


def _named(scene: Scene) -> None:
    """A client of the scene's person whose name nobody else has."""
    _rested(scene)
    scene.bodies["named"] = f"Robin {''.join(filter(str.isalpha, uuid4().hex))}"
    scene.made(scene.api.post(scene.who, "/v1/clients", {"alias": scene.bodies["named"]}))


def _glass(scene: Scene) -> None:
    """Ada has broken the glass for the scene's client."""
    _rested(scene)
    made = scene.api.post("ada", f"/v1/clients/{scene.ids['client_id']}/break-glass", _why(scene))
    scene.ids["glass_id"] = scene.made(made)["id"]


def _glass_over(scene: Scene) -> None:
    _glass(scene)
    scene.made(scene.api.put("ada", f"/v1/break-glass/{scene.ids['glass_id']}/return"))


def _val(scene: Scene) -> dict[str, Any]:
    return {"user_id": str(scene.api.world.people["val"].actor.id)}


def _helped(scene: Scene) -> None:
    """Val helps with the scene's section."""
    scene.ids |= _val(scene)
    scene.made(scene.api.post(scene.who, f"/v1/plan-sections/{scene.ids['section_id']}/volunteers", _val(scene)))


def _suspend(scene: Scene) -> None:
    _victim(scene)
    scene.made(scene.api.put("ada", f"/v1/users/{scene.ids['user_id']}/suspension"))


_NO_LINK = {"token": "wpi_nobody-has-ever-made-this-one", "password": NEW_PASSWORD}


def _asked(scene: Scene) -> dict[str, Any]:
    return {"email": _address(scene), "roles": ["advocate"]}


def _behind_the_hash(link: str) -> str:
    return link.partition("#")[2]


def _invited(scene: Scene) -> None:
    link = scene.made(scene.api.post("ada", "/v1/invitations", _asked(scene)))["link"]
    named = {"display_name": scene.words("Noor"), "password": NEW_PASSWORD}
    scene.bodies["acceptance"] = {"token": _behind_the_hash(link)} | named


def _forgotten(scene: Scene) -> None:
    person = scene.api.world.people["ben"].actor
    made = scene.made(scene.api.post("ada", f"/v1/users/{person.id}/password-reset"))
    scene.bodies["reset"] = {"token": _behind_the_hash(made["link"]), "password": NEW_PASSWORD}


def _renew(scene: Scene) -> None:
    answer = scene.api.post(None, "/v1/sessions", _credentials(scene))
    scene.bodies["refresh"] = {"refresh_token": scene.made(answer)["refresh_token"]}


def _without_factor(scene: Scene, who: str = ENROLS) -> None:
    user_id = scene.api.world.people[who].actor.id
    scene.api.world.system(lambda db: factor.remove(db, user_id, Action.FACTOR_REMOVED))


def _begin_factor(scene: Scene, who: str = "ada") -> None:
    _without_factor(scene, who)
    begun = scene.made(scene.api.post(who, "/v1/me/second-factor"))
    scene.bodies["code"] = code_of(begun["secret"])
    scene.bodies["secret"] = begun["secret"]


def _confirm_factor(scene: Scene) -> None:
    _begin_factor(scene, ENROLS)
    body = {"totp_code": scene.bodies["code"]}
    scene.made(scene.api.put(ENROLS, "/v1/me/second-factor/confirmation", body))
    scene.bodies["code"] = code_of(scene.bodies["secret"], 1)  # the first is used up


def _code(scene: Scene) -> dict[str, str]:
    return {"totp_code": scene.bodies.get("code", "000000")}


def _lost(scene: Scene, who: str) -> UUID:
    """Somebody with a second factor, whose reset nobody has asked for."""
    user_id = scene.api.world.people[who].actor.id
    scene.api.world.system(lambda db: close_open(db, user_id))
    if not scene.api.world.system(lambda db: factor.is_enrolled(db, user_id)):
        enrolled(scene.api.world, who)
    return user_id


def _lost_by(who: str) -> Callable[[Scene], None]:
    return lambda scene: scene.ids.update(user_id=str(_lost(scene, who)))


def _reset_of(who: str) -> Callable[[Scene], None]:
    """The machine has started it. Each recipe has a person of her own: other requests may be made in between."""

    def start(scene: Scene) -> None:
        user_id = _lost(scene, who)
        scene.ids["reset_id"] = str(scene.api.world.system(lambda db: FactorReset.start(db, user_id).id))

    return start


def code_of(secret: str, ahead: int = 0) -> str:
    """What an authenticator app shows so many half minutes from now."""
    return pyotp.TOTP(secret).generate_otp(int(time.time()) // 30 + ahead)


def enrolled(world: World, who: str, user_id: UUID | None = None) -> str:
    """Give somebody a confirmed second factor; its secret. The code of the half minute before this one is used up."""
    user_id = user_id or world.people[who].actor.id

    def work(db: Workspace) -> str:
        factor.remove(db, user_id, Action.FACTOR_REMOVED)
        secret = Factor.enrol(db, user_id).text
        factor.confirm(db, user_id, code_of(secret, -1))
        return secret

    return world.system(work, PEOPLE[who][0])


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
    "PUT /v1/sessions/current/second-factor": Recipe(_code, _confirm_factor, who=ENROLS),
    "DELETE /v1/sessions/current": Recipe(),
    "DELETE /v1/sessions/{session_id}": Recipe(who="ana"),
    "GET /v1/me": Recipe(),
    "PATCH /v1/me": Recipe(lambda s: {"display_name": s.words("Ana")}),
    # Two units: the old hash and the names are read before argon2 runs outside the lane, then the new hash is kept.
    "PUT /v1/me/password": Recipe(lambda s: {"current_password": PASSWORD, "new_password": NEW_PASSWORD}, entries=2),
    "POST /v1/me/second-factor": Recipe(before=_without_factor, who=ENROLS),
    "PUT /v1/me/second-factor/confirmation": Recipe(_code, _begin_factor, who="ada"),
    "DELETE /v1/me/second-factor/confirmation": Recipe(before=_confirm_factor, who=ENROLS),
    "POST /v1/me/recovery-codes": Recipe(before=_confirm_factor, who=ENROLS),
    "POST /v1/users/{user_id}/second-factor-reset": Recipe(before=_lost_by(ENROLS)),
    "GET /v1/second-factor-resets": Recipe(),
    "PUT /v1/second-factor-resets/{reset_id}/approval": Recipe(before=_reset_of("ben")),
    "DELETE /v1/second-factor-resets/{reset_id}": Recipe(before=_reset_of("aud"), who="ada"),
    # The platform's log says that the link was used, the new agency's that it was founded.
    "POST /v1/setup": Recipe(_found, _link, entries=2),
    "GET /v1/notices": Recipe(),
    "PUT /v1/notices/{notice_id}/reading": Recipe(who="ana"),
    "GET /v1/invitations": Recipe(),
    "POST /v1/invitations": Recipe(_asked),
    # Two units: the link is looked at before argon2 runs outside the lane; only the second one writes.
    "POST /v1/invitations/acceptance": Recipe(
        lambda s: s.bodies.get("acceptance", _NO_LINK | {"display_name": "Noor"}), _invited
    ),
    "GET /v1/invitations/{invitation_id}": Recipe(),
    "DELETE /v1/invitations/{invitation_id}": Recipe(),
    "POST /v1/invitations/{invitation_id}/links": Recipe(),
    "POST /v1/password-resets": Recipe(lambda s: {"email": f"{s.who}@{PEOPLE[s.who][0].lower()}.example"}),
    "POST /v1/password-resets/completion": Recipe(lambda s: s.bodies.get("reset", _NO_LINK), _forgotten),
    "POST /v1/users/{user_id}/password-reset": Recipe(),
    "GET /v1/colleagues": Recipe(),
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
    "POST /v1/conflict-checks": Recipe(lambda s: {"names": [s.words("Wren"), s.words("Robin")]}),
    "GET /v1/conflict-checks/{check_id}": Recipe(),
    # Two units: the attempt is kept whatever comes of it. By name a third one looks for her, and leaves no entry.
    "POST /v1/clients/{client_id}/break-glass": Recipe(_why, _rested, who="ada", entries=2),
    "POST /v1/break-glass": Recipe(_by_name, _named, who="ada", entries=2),
    "GET /v1/break-glass": Recipe(),
    "GET /v1/break-glass/{glass_id}": Recipe(),
    "PUT /v1/break-glass/{glass_id}/return": Recipe(before=_glass, who="ada"),
    "PUT /v1/break-glass/{glass_id}/review": Recipe(
        lambda s: {"outcome": "justified", "note": s.words("only the plan was read")}, _glass_over, who="sol"
    ),
    "GET /v1/plan-sections/{section_id}/volunteers": Recipe(),
    "POST /v1/plan-sections/{section_id}/volunteers": Recipe(_val),
    "DELETE /v1/plan-sections/{section_id}/volunteers/{user_id}": Recipe(before=_helped),
    "GET /v1/volunteer-tasks": Recipe(before=_helped, who="val"),
    "GET /v1/clients/{client_id}": Recipe(),
    "PATCH /v1/clients/{client_id}": Recipe(_client_change),
    "PUT /v1/clients/{client_id}/closure": Recipe(lambda s: {"reason": s.words("moved away")}),
    "DELETE /v1/clients/{client_id}/closure": Recipe(before=_close_client),
    "GET /v1/clients/{client_id}/assignments": Recipe(),
    "POST /v1/clients/{client_id}/assignments": Recipe(lambda s: {"user_id": s.ids["user_id"]}),
    "DELETE /v1/assignments/{assignment_id}": Recipe(before=_second),
    "PUT /v1/clients/{client_id}/restriction": Recipe(),
    "DELETE /v1/clients/{client_id}/restriction": Recipe(before=_restricted),
    "PUT /v1/clients/{client_id}/own-wall": Recipe(),
    "PUT /v1/clients/{client_id}/handover": Recipe(_to_ben),
    "PUT /v1/users/{user_id}/caseload-handover": Recipe(_to_ben, _anas),
    "GET /v1/unattended-clients": Recipe(),
    "GET /v1/walls": Recipe(),
    "POST /v1/walls": Recipe(_wall),
    "GET /v1/walls/{wall_id}": Recipe(before=_walled, who="sol"),
    "DELETE /v1/walls/{wall_id}": Recipe(before=lambda s: _walled(s, standing=False), who="sol"),
    "PUT /v1/walls/{wall_id}/approval": Recipe(before=lambda s: _walled(s, standing=False), who="ada"),
    "PUT /v1/walls/{wall_id}/lifting": Recipe(before=_walled, who="sol"),
    "PUT /v1/walls/{wall_id}/lifting/approval": Recipe(before=lambda s: _walled(s, lifting=True), who="ada"),
    "POST /v1/clients/{client_id}/handover-requests": Recipe(_to_sol, _nothing_asked),
    "POST /v1/cover-requests": Recipe(lambda s: {"ends_at": soon(14)}, _nothing_asked),
    "GET /v1/staffing-requests": Recipe(who="sol"),
    "GET /v1/staffing-requests/{ask_id}": Recipe(before=_asked_for, who="sol"),
    "PUT /v1/staffing-requests/{ask_id}/acceptance": Recipe(_by_ben, _asked_for, who="sol"),
    "DELETE /v1/staffing-requests/{ask_id}": Recipe(before=_asked_for, who="sol"),
    "GET /v1/covers": Recipe(who="sol"),
    "POST /v1/covers": Recipe(_cover, who="sol"),
    "GET /v1/covers/{cover_id}": Recipe(before=_covered, who="sol"),
    "DELETE /v1/covers/{cover_id}": Recipe(before=_covered, who="sol"),
    "GET /v1/teams": Recipe(),
    "POST /v1/teams": Recipe(lambda s: {"name": s.words("East side")}),
    "PATCH /v1/teams/{team_id}": Recipe(lambda s: {"name": s.words("West side")}, _team),
    "DELETE /v1/teams/{team_id}": Recipe(before=_team),
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
    "GET /v1/release-recipients": Recipe(),
    "GET /v1/integrations": Recipe(),
    "POST /v1/integrations": Recipe(_integration),
    "GET /v1/integrations/{integration_id}": Recipe(),
    "PATCH /v1/integrations/{integration_id}": Recipe(lambda s: {"networks": ["203.0.113.7/32"]}),
    "POST /v1/integrations/{integration_id}/secrets": Recipe(lambda s: {"expires_at": soon(30)}, _no_second_secret),
    "DELETE /v1/integrations/{integration_id}/secrets/{secret_id}": Recipe(),
    "PUT /v1/integrations/{integration_id}/suspension": Recipe(),
    "DELETE /v1/integrations/{integration_id}/suspension": Recipe(before=_stopped),
    "GET /v1/sso/provider": Recipe(before=_with_provider),
    "PUT /v1/sso/provider": Recipe(_provided),
    "PUT /v1/sso/provider/requirement": Recipe(before=_by_provider),
    "DELETE /v1/sso/provider/requirement": Recipe(before=_required),
    "POST /v1/sso/authorization": Recipe(lambda s: {"agency": str(s.api.world.agency_id())}, _with_provider),
    "POST /v1/sso/sessions": Recipe(_return, _signing_in),
    "GET /v1/me/identities": Recipe(),
    "POST /v1/me/identities": Recipe(before=_with_provider),
    "POST /v1/me/identities/completion": Recipe(_return, _linking, who="ana"),
    "DELETE /v1/me/identities/{identity_id}": Recipe(before=_linked, who="ana"),
    "POST /v1/oauth/token": Recipe(lambda s: s.api.partner.form(), _entered),
    "GET /v1/released-clients": Recipe(before=released),
    "GET /v1/released-clients/{client_id}": Recipe(before=released),
    "GET /v1/released-clients/{client_id}/plan": Recipe(before=released),
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
