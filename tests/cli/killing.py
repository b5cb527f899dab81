"""People who write until the server dies, and a checker of everything they were told had been done."""

import itertools
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, Self
from uuid import UUID

import httpx2
import orjson
import sqlalchemy as sa
from sqlmodel import SQLModel

from models.checklist import plan_of
from models.client import Client
from models.ledger import book
from tests.cli.program import Service
from tests.factories import behind
from tests.postgres import Urls
from tests.world import TEMPLATE, World

SECTIONS = ["home", "bag"]


@dataclass
class Wish:
    """One write somebody sent, and what she was told; None when the server died first."""

    kind: str
    method: str
    path: str
    body: Any = None
    key: str | None = None
    version: int | None = None
    told: dict[str, Any] | None = None

    def send(self, people: httpx2.Client) -> httpx2.Response:
        """Send it, the first time or again."""
        headers = {"idempotency-key": self.key} if self.key else {}
        if self.version:
            headers["if-match"] = f'"{self.version}"'
        return people.request(self.method, self.path, json=self.body, headers=headers)


class Load:
    """Several connections, each opening clients, making plans, ticking and renaming; half the ticks meet on one plan."""

    def __init__(self, service: Service, people: int, mark: str) -> None:
        self.wishes: list[Wish] = []
        self.odd: list[str] = []
        self._service, self._mark = service, mark
        self._numbers, self._stop = itertools.count(), threading.Event()
        self._pool = ThreadPoolExecutor(people)
        self._people = people

    def __enter__(self) -> Self:
        with self._service.sign_in() as known:
            self._headers = dict(known.headers)
            whole = self._make_plan(known, self._make_client(known))
            self._shared = iter(_tickable(whole or {}))
        self._running = [self._pool.submit(self._write) for _ in range(self._people)]
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for running in self._running:
            running.result()
        self._pool.shutdown()

    @property
    def acknowledged(self) -> list[Wish]:
        """What the server said it had done."""
        return [wish for wish in self.wishes if wish.told is not None]

    @property
    def lost_sight_of(self) -> list[Wish]:
        """What was under way when the server died."""
        return [wish for wish in self.wishes if wish.told is None]

    def _write(self) -> None:
        with httpx2.Client(base_url=self._service.url, headers=self._headers, timeout=20) as me:
            while not self._stop.is_set():
                try:
                    self._once(me)
                except httpx2.TimeoutException:
                    self.odd.append("no answer within 20 s")
                    return
                except httpx2.TransportError:
                    return

    def _once(self, me: httpx2.Client) -> None:
        opened = self._make_client(me)
        whole = self._make_plan(me, opened)
        for one in [*_tickable(whole or {})[:3], *itertools.islice(self._shared, 3)]:
            self._ask(me, Wish("tick", "PUT", f"/v1/checklist-items/{one}/completion"))
        if opened:
            name = f"{opened['alias']} renamed"
            path, key = f"/v1/clients/{opened['id']}", f"e-{name}"
            self._ask(me, Wish("edit", "PATCH", path, {"alias": name}, key.replace(" ", "_"), opened["version"]))

    def _make_client(self, me: httpx2.Client) -> dict[str, Any] | None:
        name = f"Wren-{self._mark}-{next(self._numbers)}"
        return self._ask(me, Wish("client", "POST", "/v1/clients", {"alias": name}, f"c-{name}"))

    def _make_plan(self, me: httpx2.Client, opened: dict[str, Any] | None) -> dict[str, Any] | None:
        if opened is None:
            return None
        body = {"template_id": str(TEMPLATE), "sections": SECTIONS}
        path = f"/v1/clients/{opened['id']}/plans"
        return self._ask(me, Wish("plan", "POST", path, body, f"p-{opened['id']}"))

    def _ask(self, me: httpx2.Client, wish: Wish) -> dict[str, Any] | None:
        self.wishes.append(wish)
        answer = wish.send(me)
        if answer.is_success:
            wish.told = answer.json()
        else:  # told that it was not done: not lost, but nothing here should be refused
            self.odd.append(f"{wish.kind}: {answer.status_code} {answer.text[:200]}")
        return wish.told


def _tickable(whole: dict[str, Any]) -> list[str]:
    items = [item for section in whole.get("sections", []) for item in section["items"]]
    return [item["id"] for item in items if item["kind"] != "information"]


@dataclass
class Found:
    """What the checker found over all rounds."""

    acknowledged: int = 0
    under_way: int = 0
    surfaced: int = 0  # of those under way, how many had been done after all
    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    unexplained: list[str] = field(default_factory=list)
    half_done: list[str] = field(default_factory=list)
    odd: list[str] = field(default_factory=list)

    @property
    def faults(self) -> dict[str, list[str]]:
        """Everything that must not be."""
        named = ("lost", "doubled", "unexplained", "half_done", "odd")
        return {name: getattr(self, name)[:5] for name in named if getattr(self, name)}


class Checker:
    """Compares what people were told with what is there, behind the service's back."""

    def __init__(self, world: World, urls: Urls) -> None:
        self.found = Found()
        self._world, self._urls = world, urls
        self._asked: dict[bytes, str] = {}
        self._sizes: set[tuple[int, int]] = set()

    def count(self, load: Load) -> None:
        """Add up what was asked before a kill."""
        self.found.acknowledged += len(load.acknowledged)
        self.found.under_way += len(load.lost_sight_of)
        self.found.odd += load.odd
        self._asked |= {sha256(wish.key.encode()).digest(): wish.kind for wish in load.wishes if wish.key}

    def look(self, load: Load) -> None:
        """After a kill: all that was acknowledged is there, and nothing else is there by halves."""
        found, self._load = self.found, load
        with behind(self._urls.superuser) as self._connection:
            self._read()
        self._clients()
        self._plans()
        self._ticks()
        self._words()
        for agency in ("Harbor", "Lighthouse"):
            found.half_done += self._world.system(book.verify, agency).faults

    def again(self, load: Load, people: httpx2.Client) -> None:
        """What was under way is sent again, twice, and some of what was acknowledged: each is one thing."""
        for wish in [*load.lost_sight_of, *load.acknowledged[-6:]]:
            before, answers = wish.told, [wish.send(people) for _ in range(2)]
            bodies = [answer.json() for answer in answers if answer.is_success]
            ids = {body["id"] for body in bodies} | ({before["id"]} if before else set())
            if len(bodies) != 2 or len(ids) != 1:
                self.found.doubled.append(f"{wish.kind} {wish.key}: {[a.status_code for a in answers]} {ids}")
            replayed = answers[1].headers.get("idempotency-replayed")
            if wish.key and replayed != "true":
                self.found.doubled.append(f"{wish.kind} {wish.key}: done a second time under its key")
            if before is None and bodies:
                self.found.surfaced += "idempotency-replayed" in answers[0].headers
                wish.told = bodies[0]

    def _read(self) -> None:
        self._made_under = {row.key: row.result_id for row in self._rows("idempotency_keys")}
        self._client_rows = {row.id: row for row in self._rows("clients")}
        self._plan_rows = {row.id: row for row in self._rows("plans")}
        self._item_rows = {row.id: row for row in self._rows("checklist_items")}
        self._section_count = Counter(row.plan_id for row in self._rows("plan_sections"))
        self._entries: Counter[tuple[str, UUID]] = Counter()
        for row in self._rows("ledger_entries"):
            entry = orjson.loads(row.entry)
            for fact in (entry, *entry.get("also", ())):
                self._entries.update((fact["action"], UUID(one)) for one in fact["object"].get("ids", ()))

    def _rows(self, table: str) -> Any:
        return self._connection.execute(sa.select(SQLModel.metadata.tables[table])).all()

    def _told(self, kind: str) -> Iterator[tuple[Wish, UUID]]:
        return ((w, UUID((w.told or {})["id"])) for w in self._load.acknowledged if w.kind == kind)

    def _clients(self) -> None:
        found = self.found
        made = Counter(one for key, one in self._made_under.items() if self._asked.get(key) == "client")
        found.half_done += [
            f"key without a result: {key.hex()}" for key, one in self._made_under.items() if one is None
        ]
        found.lost += [f"client {one}" for _, one in self._told("client") if one not in self._client_rows]
        for one, row in self._client_rows.items():
            if made[one] != 1:  # two made by one request: only one stands beside its key
                found.doubled.append(f"client {one} stands beside {made[one]} keys")
            if self._entries["client.created", one] != 1:
                found.unexplained.append(f"client {one}: {self._entries['client.created', one]} entries")
            if self._entries["client.updated", one] != row.version - 1:
                found.unexplained.append(f"client {one}: version {row.version}")

    def _plans(self) -> None:
        found = self.found
        found.lost += [f"plan {one}" for _, one in self._told("plan") if one not in self._plan_rows]
        per_client = Counter(row.client_id for row in self._plan_rows.values())
        found.doubled += [f"{n} plans of client {client}" for client, n in per_client.items() if n > 1]
        items = Counter(plan_of(one) for one in self._item_rows)
        standing = Counter((row.plan_id, row.status.value) for row in self._item_rows.values() if row.kind.tickable)
        ticked = Counter(plan_of(one) for (action, one), n in self._entries.items() if action.endswith("ticked") and n)
        for one, row in self._plan_rows.items():
            self._sizes.add((self._section_count[one], items[one]))
            if self._entries["plan.created", one] != 1:
                found.unexplained.append(f"plan {one}: {self._entries['plan.created', one]} entries")
            if {name: getattr(row, name) for name in COUNTERS} != {name: standing[one, name] for name in COUNTERS}:
                found.half_done.append(f"plan {one}: its counters are not its items")
            if row.version != 1 + ticked[one]:
                found.unexplained.append(f"plan {one}: version {row.version} after {ticked[one]} ticks")
        if len(self._sizes) > 1 or set(items) - set(self._plan_rows):
            found.half_done.append(f"plans of several sizes, or items without one: {self._sizes}")

    def _ticks(self) -> None:
        found = self.found
        done = {one for one, row in self._item_rows.items() if row.status.value == "done"}
        found.lost += [f"tick {one}" for _, one in self._told("tick") if one not in done]
        ticked = Counter({one: n for (action, one), n in self._entries.items() if action == "checklist_item.ticked"})
        found.unexplained += [f"tick {one}: {ticked[one]} entries" for one in done | set(ticked) if ticked[one] != 1]
        found.half_done += [f"tick {one}: entered, not done" for one in set(ticked) - done]

    def _words(self) -> None:
        """What acknowledged requests wrote can be opened, and says what they said."""
        said = {one: wish.body["alias"] for wish, one in self._told("client")}
        said |= {one: wish.body["alias"] for wish, one in self._told("edit")}
        open_all: Any = lambda db: {row.id: row.alias for row in db.all(sa.select(Client)) if row.id in said}  # noqa: E731
        stands = self._world.system(open_all)
        under_way = {
            UUID(w.path.rsplit("/", 1)[1]): w.body["alias"] for w in self._load.lost_sight_of if w.kind == "edit"
        }
        for one, name in said.items():
            if stands.get(one) not in (name, under_way.get(one, name)):
                self.found.lost.append(f"words of client {one}")


COUNTERS = ("offered", "planned", "in_progress", "done", "declined", "not_applicable", "not_safe_now")
