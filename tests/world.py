"""A small believable world: agency Harbor with ana, ben (advocates), sol, ada, aud, val; agency Lighthouse with other."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any, TypeVar
from uuid import UUID, uuid4

import migrations
from api.passwords import Passwords
from api.settings import HERE
from models import library
from models.access import PLATFORM, Actor, Permission, Role
from models.agency import Agency, SecondFactor
from models.client import Client
from models.content import load_library
from models.database import Database, Unit
from models.engine import make_engine
from models.ledger import book
from models.plan import Plan
from models.user import User
from models.vault.keys import Vault
from models.vault.notes import Notary
from models.vault.roots import RootKeys
from models.vault.service import ServiceKeys
from models.workspace import Workspace

T = TypeVar("T")
PASSWORD = "a lantern above the harbour wall"
TEMPLATE = library.template_id("personal-safety")
PEOPLE = {
    "ana": ("Harbor", Role.ADVOCATE),
    "ben": ("Harbor", Role.ADVOCATE),
    "sol": ("Harbor", Role.SUPERVISOR),
    "ada": ("Harbor", Role.AGENCY_ADMIN),
    "aud": ("Harbor", Role.AUDITOR),
    "val": ("Harbor", Role.VOLUNTEER),
    "other": ("Lighthouse", Role.ADVOCATE),
}
AT_HARBOR = sum(place == "Harbor" for place, _ in PEOPLE.values())


@dataclass
class Person:
    """Somebody who can sign in, and as whom units of work can be run."""

    name: str
    email: str
    actor: Actor


@dataclass
class World:
    """A migrated database with two agencies and their people."""

    database: Database
    people: dict[str, Person]
    passwords: Passwords = field(repr=False)

    def run(self, who: str, permission: Permission, work: Callable[[Workspace], T], named: tuple[UUID, ...] = ()) -> T:
        """A unit of work as a person with a permission, as the gate would run it."""

        def admitted(db: Workspace) -> T:
            db.become(self.people[who].actor, permission)
            return work(db)

        unit = Unit(self.people[who].actor.agency_id, admitted, named=named)
        self.database.run([unit])
        return unit.result()

    def system(self, work: Callable[[Workspace], T], agency: str = "Harbor") -> T:
        """A unit of work inside an agency, as the worker would run it."""
        return self.database.transact(Actor.system(self.agency_id(agency)), work)

    def agency_id(self, name: str = "Harbor") -> UUID:
        """An agency's id."""
        return next(p.actor.agency_id for n, p in self.people.items() if PEOPLE[n][0] == name)

    def client(self, who: str = "ana", **values: Any) -> UUID:
        """A new client of somebody's; her alias is invented."""
        known = {"alias": "Wren", "opened_on": date(2027, 1, 4)} | values
        return self.run(who, Permission.CLIENT_CREATE, lambda db: Client.open(db, **known))

    def plan(self, client_id: UUID, who: str = "ana", **values: Any) -> UUID:
        """A new draft plan from the library's personal safety template."""
        return self.run(who, Permission.PLAN_CREATE, lambda db: Plan.draft(db, client_id, TEMPLATE, **values))

    def entries(self, agency: str = "Harbor") -> list[dict[str, Any]]:
        """Every ledger entry of an agency, oldest first."""
        import orjson

        return [orjson.loads(stored) for _, stored in self.system(lambda db: list(book.entries(db)), agency)]


def make_vault(folder: Path) -> Vault:
    """Fresh key files and the vault that reads them."""
    root, service = RootKeys.create(folder / "root.json"), ServiceKeys.create(folder / "service.json")
    return Vault(root, service, notary=Notary.create(folder / "checkpoint.json", "waypost.example"))


def build(url: str, owner_url: str, vault: Vault) -> World:
    """Migrate a database, load the library, found the agencies, hire the people. Takes about a second."""
    engine = make_engine(owner_url)
    migrations.upgrade(engine)
    engine.dispose()
    database = Database(url, vault, pool_size=4)
    passwords = Passwords(vault.service)
    content = load_library(HERE / "content")
    database.transact(Actor.system(PLATFORM), book.open_log)
    database.transact(Actor.system(PLATFORM), lambda db: library.load(db, content))
    people: dict[str, Person] = {}
    for agency in ("Harbor", "Lighthouse"):
        actor = Actor.system(uuid4())
        # Tests sign in with a password alone; what a second factor asks for has tests of its own.
        policy = {"time_zone": "America/New_York", "second_factor": SecondFactor.OPTIONAL}
        database.transact(actor, lambda db, name=agency: Agency.found(db, name=name, **policy))  # type: ignore[misc]
        for name, (place, role) in PEOPLE.items():
            if place == agency:
                email = f"{name}@{place.lower()}.example"
                user_id = uuid4()
                hashed = passwords.hash_now(PASSWORD, user_id)
                person = (email, name.title(), [role], hashed)
                database.transact(actor, lambda db, i=user_id, p=person: _hire(db, i, *p))  # type: ignore[misc]
                people[name] = Person(name, email, Actor(actor.agency_id, user_id, roles=frozenset({role})))
    return World(database, people, passwords)


def _hire(db: Workspace, user_id: UUID, *person: Any) -> None:
    User.hire(db, *person, must_change_password=False, user_id=user_id)
