"""`python -m benchmarks.search`: how long a search by name takes over HTTP, and what those wait who are behind it."""

import argparse
import http.client
import json
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import date
from pathlib import Path
from typing import Any
from uuid import uuid4

from benchmarks.measure import BenchError, Server, serving
from benchmarks.scene import Scene
from models import search
from models.access import Permission
from models.assignment import Assignment
from models.client import Client
from models.ledger.action import Action
from models.rows import Insert
from models.workspace import Workspace
from tests import world as worlds
from tests.names import Names
from tests.postgres import Postgres
from tests.world import TEMPLATE

SIZES = (1_000, 5_000, 20_000)
UNIT = 500  # clients a transaction
CASELOAD = 30  # clients of one advocate; the others are her colleague's
_CLIENTS, _ASSIGNMENTS = Insert(Client), Insert(Assignment)


def arguments() -> argparse.Namespace:
    """What was asked for."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.search", description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=list(SIZES), help="clients of the agency")
    parser.add_argument("--database", choices=("sqlite", "postgresql"), help="only this one")
    parser.add_argument("--searches", type=int, default=40, help="of each kind; medians are shown")
    return parser.parse_args()


def main() -> int:
    """Measure and print a table for each database."""
    chosen = arguments()
    for kind in [chosen.database] if chosen.database else ["sqlite", "postgresql"]:
        print(f"\n{kind}, milliseconds: median / 95th percentile of {chosen.searches} searches\n")
        print("| clients | search | ms |")
        print("|---:|---|---:|")
        for clients in chosen.sizes:
            try:
                with tempfile.TemporaryDirectory(prefix="waypost-search-") as name:
                    for what, said in _measure(kind, clients, Path(name), chosen.searches):
                        print(f"| {clients:,} | {what} | {said} |", flush=True)
            except BenchError as error:
                print(f"The measurement stopped. {error}", file=sys.stderr)
                return 1
    return 0


def _measure(kind: str, clients: int, folder: Path, searches: int) -> Iterator[tuple[str, str]]:
    with ExitStack() as stack:
        scene, known = stack.enter_context(_scene(kind, folder, clients))
        server = stack.enter_context(serving(kind, scene, folder))
        first, last = known.split()
        asked = {
            "a full name": known,
            "the beginning of a name": first[:4],
            "a name with a slip": f"{first} {last[:-2]}{last[-1]}{last[-2]}",
            "nobody's name": "Quixwyn Zzyxberg",
        }
        yield "the first one after a start", f"{_ask(server, 'sol', known):.1f}"
        for what, query in asked.items():
            yield what, _told([_ask(server, "sol", query) for _ in range(searches)])
        yield f"by an advocate of {CASELOAD}", _told([_ask(server, "ben", known) for _ in range(searches)])
        yield "another request, nobody searching", _told([_ask(server, "ana", None) for _ in range(searches)])
        yield "another request, behind searches", _told(_behind(server, known, searches))
        _index(scene)
        yield "a full name, by the index", _told([_ask(server, "sol", known) for _ in range(searches)])


@contextmanager
def _scene(kind: str, folder: Path, clients: int) -> Iterator[tuple[Scene, str]]:
    """A filled database, and the full name of somebody in it."""
    with ExitStack() as stack:
        url = owner = f"sqlite:///{folder / 'waypost.db'}"
        if kind == "postgresql":
            _, owner, url, *_ = stack.enter_context(Postgres(durable=True)).new_database()
        world = worlds.build(url, owner, worlds.make_vault(folder / "keys"))
        names, known = Names(), ""
        for first in range(0, clients, UNIT):
            whose = [names.one() for _ in range(first, min(first + UNIT, clients))]
            mine = whose[:CASELOAD] if first == 0 else []
            for who, hers in (("ben", mine), ("ana", whose[len(mine) :])):
                if hers:
                    world.run(who, Permission.CLIENT_CREATE, lambda db, hers=hers: _take_on(db, hers))  # type: ignore[misc]
            known = known or whose[0]
        with world.database.engine.begin() as connection:
            connection.exec_driver_sql("ANALYZE")
        yield Scene(url, folder / "keys", world, TEMPLATE), known
        world.database.engine.dispose()


def _take_on(db: Workspace, names: list[str]) -> None:
    """Clients known by a first name as alias and a full legal name, with what is usually kept of them."""
    ids = [uuid4() for _ in names]
    for client_id in ids:
        db.keys.create(client_id, "client")
    contact = {"phone": "555-0142", "safe_hours": "weekdays 9 to 11", "warning": "Never call in the evening."}
    shared = {"languages": ["en"], "contact": contact, "opened_on": date(2027, 1, 4), "created_at": db.now}
    mine = {"user_id": db.actor.id, "started_by_id": db.actor.id, "started_at": db.now}
    named = [
        {"id": i, "alias": name.split()[0], "legal_name": name} | shared for i, name in zip(ids, names, strict=True)
    ]
    db.create_many(_CLIENTS, Action.CLIENT_CREATED, named)
    db.create_many(_ASSIGNMENTS, None, [{"client_id": client_id} | mine for client_id in ids])


def _index(scene: Scene) -> None:
    """What `python -m api search index` does."""

    def whole(db: Workspace) -> None:
        counted = search.Counted(frozenset())
        while counted.after is not None:
            counted = search.count_names(db, counted)
        building = search.begin_index(db, counted)
        while search.index_batch(db, building.version):
            pass
        search.complete_index(db, building.version)

    scene.world.system(whole)


def _ask(server: Server, who: str, query: str | None) -> float:
    """Milliseconds of one search, or with no query of the lightest read there is."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
    connection.connect()
    held = {"authorization": f"Bearer {server.token(who)}", "content-type": "application/json"}
    method, path = ("GET", "/v1/sessions") if query is None else ("POST", "/v1/clients/search")
    began = time.perf_counter()
    connection.request(method, path, None if query is None else json.dumps({"query": query}), held)
    answer = connection.getresponse()
    content: Any = answer.read()
    took = (time.perf_counter() - began) * 1000
    connection.close()
    if answer.status != 200:
        raise BenchError(f"{method} {path} was answered {answer.status}: {content[:300]!r}")
    return took


def _behind(server: Server, query: str, count: int) -> list[float]:
    """What others wait while somebody searches without a pause."""
    over = threading.Event()

    def keep_searching() -> None:
        while not over.is_set():
            _ask(server, "sol", query)

    busy = threading.Thread(target=keep_searching)
    busy.start()
    try:
        return [_ask(server, "ana", None) for _ in range(count)]
    finally:
        over.set()
        busy.join()


def _told(taken: list[float]) -> str:
    return f"{statistics.median(taken):.1f} / {statistics.quantiles(taken, n=20)[-1]:.1f}"


if __name__ == "__main__":
    sys.exit(main())
