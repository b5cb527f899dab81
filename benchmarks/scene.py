"""The scene that is measured: an advocate with 2,000 clients, each with an active plan of 5 times 9 items."""

import secrets
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import partial
from itertools import repeat
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import psycopg

from models.access import Permission
from models.assignment import Assignment
from models.checklist import ADD_ITEMS, ADD_SECTIONS, ItemStatus, Whose, item_id, items_of, new_plan_id, section_id
from models.client import Client
from models.content import ItemKind, TemplateDocument
from models.database import Database
from models.ledger.action import Action
from models.plan import Plan, PlanStatus
from models.review import Review
from models.rows import Insert
from models.template import Template
from models.workspace import Workspace
from tests import world as worlds
from tests.world import World

SECTIONS, ITEMS_EACH = 5, 9
ITEMS = SECTIONS * ITEMS_EACH
CLIENTS = 2_000
IN_OWN_WORDS = 15  # items of a plan that carry text and detail of their own; every tenth plan has them on all 45
UNIT = 50  # clients a transaction: 2,750 rows of plans
KINDS = (ItemKind.ACTION, ItemKind.PERSONAL, ItemKind.TALK)

_CLIENTS, _ASSIGNMENTS, _PLANS, _REVIEWS = Insert(Client), Insert(Assignment), Insert(Plan), Insert(Review)


@dataclass
class Scene:
    """A filled database and the ids that requests are made of. `bytes_a_client` is what a bulk-made client takes."""

    url: str
    keys: Path
    world: World = field(repr=False)
    template_id: UUID
    plans: list[UUID] = field(default_factory=list)
    full_plans: list[UUID] = field(default_factory=list)
    clients: list[UUID] = field(default_factory=list)
    bytes_a_client: float = 0.0
    next_items: Iterator[UUID] = field(init=False, repr=False)
    next_plans: Iterator[UUID] = field(init=False, repr=False)
    next_clients: Iterator[UUID] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Streams of ids that go on from run to run; neighbours in them belong to different plans and clients."""
        self.next_items = (item_id(p, n) for _ in repeat(None) for n in range(1, ITEMS + 1) for p in self.plans)
        self.next_plans = (plan_id for _ in repeat(None) for plan_id in self.plans)
        self.next_clients = (client_id for _ in repeat(None) for client_id in self.clients)

    @property
    def database(self) -> Database:
        """The database, opened in this process too: for filling and for checking afterwards."""
        return self.world.database

    def size(self) -> int:
        """Bytes the database takes on disk, its log written back."""
        with self.database.engine.connect() as connection:
            if not self.database.embedded:
                return int(connection.exec_driver_sql("select pg_database_size(current_database())").scalar_one())
            driver: Any = connection.connection.driver_connection  # no transaction yet: a checkpoint wants none
            driver.execute("pragma wal_checkpoint(truncate)")
            pages, free, each = (
                driver.execute(f"pragma {name}").fetchone()[0] for name in ("page_count", "freelist_count", "page_size")
            )
            return int((pages - free) * each)


def build(url: str, owner_url: str, folder: Path, clients: int = CLIENTS) -> Scene:
    """Migrate a database and fill it through the Workspace's own fast lane: walls, seals and ledger stay on."""
    vault = worlds.make_vault(folder / "keys")
    world = worlds.build(url, owner_url, vault)
    scene = Scene(url, folder / "keys", world, world.system(_template))
    _analyze(scene.database, owner_url)
    before = scene.size()
    for first in range(0, clients, UNIT):
        full = first % (10 * UNIT) == 9 * UNIT
        work = partial(_people, scene=scene, first=first, full=full)
        (scene.full_plans if full else scene.plans).extend(world.run("ana", Permission.CLIENT_CREATE, work))
        if first == 8 * UNIT:
            scene.bytes_a_client = (scene.size() - before) / (first + UNIT)
    _analyze(scene.database, owner_url)
    return scene


def _analyze(database: Database, owner_url: str) -> None:
    """What an operator does after a bulk load."""
    if database.embedded:
        with database.engine.begin() as connection:
            connection.exec_driver_sql("ANALYZE")
        return
    with psycopg.connect(owner_url.replace("+psycopg", ""), autocommit=True) as owner:
        owner.execute("VACUUM ANALYZE")


def _template(db: Workspace) -> UUID:
    """An agency's own template of exactly 5 times 9 items, published."""
    sections = [
        {
            "key": f"part-{s}",
            "title": f"Part {s} of the plan",
            "guidance": "Choose together what fits; nothing here has to be decided today.",
            "items": [_item(s, n) for n in range(1, ITEMS_EACH + 1)],
        }
        for s in range(1, SECTIONS + 1)
    ]
    document = TemplateDocument.model_validate(
        {
            "title": "A plan for measuring",
            "summary": "Five parts of nine steps.",
            "language": "en",
            "sections": sections,
        }
    )
    template = Template.create(db, document)
    db.flush()
    Template.own(db, template.id).publish(db, 1)
    return template.id


def _item(section: int, number: int) -> dict[str, Any]:
    return {
        "key": f"step-{section}-{number}",
        "text": f"Step {number} of part {section}: agree on a word with somebody nearby who will then call for help.",
        "kind": KINDS[number % len(KINDS)],
        "prompt": "Who could that be, and what would the word be?",
    }


def _people(db: Workspace, scene: Scene, first: int, *, full: bool) -> list[UUID]:
    """One unit's clients with their plans; returns the plans' ids."""
    numbers = range(first, first + UNIT)
    clients, plans = [uuid4() for _ in numbers], [new_plan_id() for _ in numbers]
    for client_id in clients:
        db.keys.create(client_id, "client")
    due = [db.now + timedelta(days=1 + n % 60, minutes=n) for n in numbers]
    db.create_many(_CLIENTS, None, [_client(db, *row) for row in zip(numbers, clients, due, strict=True)])
    db.create_many(_ASSIGNMENTS, None, [_assignment(db, *row) for row in zip(clients, due, strict=True)])
    own = ITEMS if full else IN_OWN_WORDS
    rows = list(zip(clients, plans, due, strict=True))
    db.create_many(_PLANS, None, [_plan(db, scene.template_id, own, *row) for row in rows])
    db.create_many(ADD_SECTIONS, None, [one for c, p, _ in rows for one in _sections(c, p)])
    db.create_many(ADD_ITEMS, None, [one for c, p, _ in rows for one in _items(c, p, own)])
    db.create_many(_REVIEWS, None, [_review(db, *row) for row in rows])
    for action, kind, ids in (
        (Action.CLIENT_CREATED, "clients", clients),
        (Action.PLAN_CREATED, "plans", plans),
    ):
        db.note(action, kind, ids)
    scene.clients += clients
    return plans


def _client(db: Workspace, number: int, client_id: UUID, due: datetime) -> dict[str, Any]:
    contact = {"phone": f"555-01{number % 100:02}", "safe_hours": "weekdays 9 to 11", "voicemail_ok": False}
    return {
        "id": client_id,
        "alias": f"Wren {number}",
        "languages": ["en"],
        "contact": contact | {"warning": "Never call in the evening; ask for the book club."},
        "opened_on": date(2027, 1, 4),
        "created_at": db.now,
        "attention_at": due,
    }


def _assignment(db: Workspace, client_id: UUID, due: datetime) -> dict[str, Any]:
    mine = {"user_id": db.actor.id, "started_by_id": db.actor.id, "started_at": db.now}
    return {"client_id": client_id, "attention_at": due} | mine


def _plan(db: Workspace, template_id: UUID, own: int, client_id: UUID, plan_id: UUID, due: datetime) -> dict[str, Any]:
    return {
        "id": plan_id,
        "client_id": client_id,
        "template_owner_id": db.agency_id,
        "template_id": template_id,
        "template_version": 1,
        "status": PlanStatus.ACTIVE,
        "language": "en",
        "planned": own,
        "offered": ITEMS - own,
        "items_made": ITEMS,
        "sections_made": SECTIONS,
        "next_review_at": due,
        "created_at": db.now,
        "created_by_id": db.actor.id,
        "activated_at": db.now,
    }


def _sections(client_id: UUID, plan_id: UUID) -> Iterator[dict[str, Any]]:
    for n in range(1, SECTIONS + 1):
        yield {
            "id": section_id(plan_id, n), "plan_id": plan_id, "client_id": client_id, "source": n, "position": n
        }  # fmt: skip


def _items(client_id: UUID, plan_id: UUID, own: int) -> Iterator[dict[str, Any]]:
    for n in range(1, ITEMS + 1):
        row: dict[str, Any] = {
            "id": item_id(plan_id, n),
            "plan_id": plan_id,
            "client_id": client_id,
            "section": (n - 1) // ITEMS_EACH + 1,
            "source": n,
            "kind": KINDS[((n - 1) % ITEMS_EACH + 1) % len(KINDS)],
        }
        # Every third item, so that each section has some of both.
        if own == ITEMS or n % 3 == 0:
            row |= own_words(n) | {"status": ItemStatus.PLANNED, "whose_words": Whose.SURVIVOR}
        yield row


def own_words(number: int) -> dict[str, str]:
    """What a survivor and her advocate may have written at one item."""
    return {
        "text": f"If I hang the blue towel at the window, {secrets.token_hex(4)} rings the bell and asks for sugar.",
        "detail": f"Flat {number}, second floor; after six.",
    }


def _review(db: Workspace, client_id: UUID, plan_id: UUID, due: datetime) -> dict[str, Any]:
    return {
        "plan_id": plan_id,
        "client_id": client_id,
        "due_at": due,
        "time_zone": "America/New_York",
        "reviewer_id": db.actor.id,
        "recurrence": "P8W",
        "created_at": db.now,
    }


def wrong_counters(db: Workspace, plans: list[UUID]) -> list[UUID]:
    """Which of these plans count other items than they have: a tick was lost."""
    wrong = []
    for plan_id in plans:
        plan = db.find(Plan, plan_id)
        found = Counter(item.status for item in items_of(db, plan.id, plan.client_id))
        if any(getattr(plan, status.value) != found[status] for status in ItemStatus):
            wrong.append(plan_id)
    return wrong
