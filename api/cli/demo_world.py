"""Building the demo: each invented person does her own work through the same doors as a real one."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any, TypeVar
from uuid import UUID, uuid4

from api.cli.demo_people import AGENCIES, DemoAgency, DemoClient, DemoPlan, Member
from api.cli.say import bar
from api.passwords import Passwords, one_time
from models import plan as plans
from models.access import Actor, Kind, Permission
from models.agency import Agency, SecondFactor
from models.checklist import ChecklistItem, ItemStatus, items_of, tick
from models.client import Client
from models.database import Database, Unit
from models.library import template_id
from models.plan import Plan
from models.review import Review
from models.template import document
from models.user import User
from models.workspace import Workspace

T = TypeVar("T")
TEMPLATE = template_id("personal-safety")


class Builder:
    """Fills an empty database that has its library."""

    def __init__(self, database: Database, passwords: Passwords) -> None:
        self._database, self._passwords = database, passwords
        self._people: dict[str, Actor] = {}

    def build(self) -> None:
        """Found the agencies, hire their people, and let each advocate work."""
        steps = sum(1 + len(agency.staff) + len(agency.clients) for agency in AGENCIES)
        with bar("Inventing two agencies", steps) as done:
            for agency in AGENCIES:
                self._found(agency, done)
                for client in agency.clients:
                    self._take_on(client, agency.time_zone)
                    done(1)

    def _found(self, agency: DemoAgency, done: Callable[[int], None]) -> None:
        founder = Actor.system(uuid4(), kind=Kind.COMMAND)
        place = {"name": agency.name, "time_zone": agency.time_zone, "jurisdiction": agency.jurisdiction}
        policy = {"demo": True, "second_factor": SecondFactor.OPTIONAL}
        self._database.transact(founder, lambda db: Agency.found(db, **policy, **place))
        done(1)
        for member in agency.staff:
            user_id = self._database.transact(founder, lambda db, who=member: self._hire(db, who))  # type: ignore[misc]
            self._people[member.email] = Actor(founder.agency_id, user_id, roles=frozenset({member.role}), auth="demo")
            done(1)

    def _hire(self, db: Workspace, who: Member) -> UUID:
        user_id = uuid4()
        unknown = self._passwords.hash_now(one_time(), user_id)  # a start of the demo sets one that somebody knows
        person = (who.email, who.name, [who.role], unknown)
        User.hire(db, *person, must_change_password=False, user_id=user_id, language=who.language)
        return user_id

    def _as(self, email: str, permission: Permission, work: Callable[[Workspace], T]) -> T:
        """A unit of work as a person with a permission, as the gate would run it."""
        person = self._people[email]

        def admitted(db: Workspace) -> T:
            db.become(person, permission)
            return work(db)

        unit = Unit(person.agency_id, admitted)
        self._database.run([unit])
        return unit.result()

    def _take_on(self, client: DemoClient, zone: str) -> None:
        by = client.advocate
        contact = {"warning": client.warning, "safe_hours": client.safe_hours, "preferred_channel": "text"}
        known: dict[str, Any] = {"alias": client.alias, "languages": list(client.languages), "opened_on": date.today()}  # noqa: DTZ011
        client_id = self._as(
            by,
            Permission.CLIENT_CREATE,
            lambda db: Client.open(db, contact={name: value for name, value in contact.items() if value}, **known),
        )
        if client.plan:
            self._plan(by, client_id, client.plan, zone)
        if reason := client.closed:
            self._as(by, Permission.CLIENT_UPDATE, lambda db: db.claim(Client, client_id).close(db, reason))

    def _plan(self, by: str, client_id: UUID, wanted: DemoPlan, zone: str) -> None:
        plan_id = self._as(
            by,
            Permission.PLAN_CREATE,
            lambda db: Plan.draft(db, client_id, TEMPLATE, sections=wanted.sections, language=wanted.language),
        )
        self._as(by, Permission.CHECKLIST_UPDATE, lambda db: _personalise(db, db.claim(Plan, plan_id), wanted))
        self._as(by, Permission.CHECKLIST_TICK, lambda db: _tick(db, plan_id, wanted))
        if wanted.active:
            self._as(by, Permission.PLAN_UPDATE, lambda db: db.claim(Plan, plan_id).activate(db))
        if (days := wanted.review_in_days) is not None:
            self._review(by, plan_id, wanted.reviewed, datetime.now(UTC) + timedelta(days=days), zone)

    def _review(self, by: str, plan_id: UUID, reviewed: str | None, due_at: datetime, zone: str) -> None:
        """Schedule the next review; before it, hold one when the story says that one was held."""

        def schedule(db: Workspace, at: datetime) -> UUID:
            client_id = plans.must_take_reviews(db, plan_id)
            place = {"time_zone": zone, "reviewer_id": db.actor.id, "recurrence": "P8W"}
            return Review.schedule(db, plan_id, client_id, at, **place)

        if reviewed is None:
            self._as(by, Permission.REVIEW_SCHEDULE, lambda db: schedule(db, due_at))
            return
        held = self._as(by, Permission.REVIEW_SCHEDULE, lambda db: schedule(db, db.now))
        self._as(by, Permission.REVIEW_COMPLETE, lambda db: db.claim(Review, held).complete(db, reviewed, due_at))


def _items(db: Workspace, plan: Plan) -> dict[str, UUID]:
    """The plan's items by the template's keys."""
    keys = [item.key for section in document(db, plan.pinned).sections for item in section.items]
    return {keys[row.source - 1]: row.id for row in items_of(db, plan.id, plan.client_id) if row.source}


def _personalise(db: Workspace, plan: Plan, wanted: DemoPlan) -> None:
    items = _items(db, plan)
    for key, words in wanted.words.items():
        plan.change_item(db, db.claim(ChecklistItem, items[key]), text=words, status=ItemStatus.PLANNED)
    for key in wanted.set_aside:
        plan.change_item(db, db.claim(ChecklistItem, items[key]), status=ItemStatus.NOT_SAFE_NOW)


def _tick(db: Workspace, plan_id: UUID, wanted: DemoPlan) -> None:
    items = _items(db, db.find(Plan, plan_id))
    for key in wanted.ticked:
        tick(db, items[key])
