"""`make bench ARGS="--quick"`: the six operations through real HTTP, on SQLite and PostgreSQL, beside their floors."""

import argparse
import base64
import json
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from benchmarks import backups, floors, keys, ledger, profile, report, scene, search
from benchmarks.measure import BenchError, Figures, Server, answering, first_answer, run, serving
from benchmarks.operations import OPERATIONS, Operation
from benchmarks.report import FLOOR, Result
from benchmarks.scene import CLIENTS, Scene, own_words
from models.ledger import book
from tests.postgres import Postgres

HTTP_CLIENTS = 60  # made over HTTP with one full plan each, to see what a client takes on disk


def arguments() -> argparse.Namespace:
    """What was asked for."""
    parser = argparse.ArgumentParser(prog="make bench ARGS=…", description=__doc__)
    parser.add_argument(
        "--quick", action="store_true", help="one round of 1 s instead of three of 2.5 s (2 minutes, not 10)"
    )
    parser.add_argument("--rounds", type=int, help="how often everything is measured; medians are shown")
    parser.add_argument("--seconds", type=float, help="how long one measurement lasts")
    parser.add_argument("--connections", type=int, nargs="+", default=[1, 8, 64])
    parser.add_argument("--database", choices=("sqlite", "postgresql"), help="only this one")
    parser.add_argument("--only", nargs="+", choices=[o.name for o in OPERATIONS], help="only these operations")
    parser.add_argument("--clients", type=int, default=CLIENTS, help="clients of the advocate (a multiple of 500)")
    parser.add_argument("--workers", type=int, default=2, help="processes of a second server on PostgreSQL (1: none)")
    parser.add_argument("--sizes", type=int, nargs="+", help="how the lists stand to the number of clients, instead")
    parser.add_argument("--profile", action="store_true", help="say where the CPU goes instead (py-spy)")
    parser.add_argument("--vault", action="store_true", help="keys, ledger, search and backups, instead")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every figure there")
    parser.add_argument("--update-docs", action="store_true", help="put the tables into docs/speed.md")
    chosen = parser.parse_args()
    chosen.rounds = chosen.rounds or (1 if chosen.quick else 3)
    chosen.seconds = chosen.seconds or (1.0 if chosen.quick else 2.5)
    chosen.operations = [o for o in OPERATIONS if not chosen.only or o.name in chosen.only]
    return chosen


def main() -> int:
    """Measure, print, keep. 0 when every answer was right and every ledger is sound."""
    chosen = arguments()
    if chosen.vault:
        return vault()
    with tempfile.TemporaryDirectory(prefix="waypost-bench-") as name, ExitStack() as stack:
        folder = Path(name)
        try:
            if chosen.sizes:
                _publish(report.growth(list(_sizes(chosen, folder))), chosen, report.GROWTH)
                return 0
            scenes = {k: stack.enter_context(_scene(k, folder, chosen.clients)) for k in _databases(chosen)}
            if chosen.profile:
                for kind, made in scenes.items():
                    print(profile.profile(kind, made, folder, chosen.operations, chosen.seconds), flush=True)
                return 0
            result = _measure(scenes, folder, chosen)
        except BenchError as error:
            print(f"The measurement stopped. {error}", file=sys.stderr)
            return 1
    if chosen.json:
        chosen.json.write_text(json.dumps(result.as_json(), indent=1))
    _publish(report.tables(result), chosen, report.LAST_RUN)
    return 0


def vault() -> int:
    """What the vault and the ledger cost, each beside the plain work it is compared with."""
    keys.main()
    ledger.main()
    search.main([])
    backups.main()
    return 0


def _publish(text: str, chosen: argparse.Namespace, part: str) -> None:
    print(f"\n{text}")
    if chosen.update_docs:
        report.update_docs(text, part)


def _sizes(chosen: argparse.Namespace, folder: Path) -> Iterator[tuple[str, int, dict[str, Figures]]]:
    """For each database and number of clients: what the operations that read need, with 8 connections."""
    for kind in _databases(chosen):
        for clients in chosen.sizes:
            place = folder / str(clients)
            place.mkdir(exist_ok=True)
            with _scene(kind, place, clients) as made, serving(f"{kind}-{clients}", made, place) as server:
                reading = [o for o in chosen.operations if o.name in ("caseload", "read_plan", "tick")]
                for operation in reading:
                    first_answer(server, operation)
                taken: dict[str, list] = {o.name: [] for o in reading}  # type: ignore[type-arg]
                for _ in range(chosen.rounds):
                    for operation in reading:
                        taken[operation.name].append(run(server, operation, 8, chosen.seconds))
                yield kind, clients, {name: Figures.of(samples) for name, samples in taken.items()}


def _databases(chosen: argparse.Namespace) -> list[str]:
    return [chosen.database] if chosen.database else ["sqlite", "postgresql"]


@contextmanager
def _scene(kind: str, folder: Path, clients: int) -> Iterator[Scene]:
    """A filled database of a kind, for the length of a with block."""
    place = folder / kind
    place.mkdir()
    began = time.monotonic()
    with ExitStack() as stack:
        url = owner = f"sqlite:///{place / 'waypost.db'}"
        if kind == "postgresql":
            server = stack.enter_context(Postgres(durable=True))
            _, owner, url, *_ = server.new_database()
        made = scene.build(url, owner, place, clients)
        _say(
            f"{kind}: {clients:,} clients with a plan of {scene.ITEMS} items each, in {time.monotonic() - began:.0f} s"
        )
        yield made
        made.database.engine.dispose()


def _measure(scenes: dict[str, Scene], folder: Path, chosen: argparse.Namespace) -> Result:
    result = Result(chosen.connections, machine=report.machine())
    result.how = f"{chosen.rounds} rounds of {chosen.seconds:g} s each, in turns, medians; {chosen.clients:,} clients"
    with ExitStack() as stack:
        servers = []
        for kind, made in scenes.items():
            server = stack.enter_context(serving(kind, made, folder))
            result.start_seconds[kind] = server.start_seconds
            result.bulk_bytes_a_client[kind] = made.bytes_a_client
            result.bytes_a_client[kind] = _bytes_a_client(server)
            servers.append(server)
            if kind == "postgresql" and chosen.workers > 1:
                several = stack.enter_context(serving(report.SEVERAL, made, folder, chosen.workers))
                result.start_seconds[report.SEVERAL] = several.start_seconds
                servers.append(several)
        answers = {o.name: first_answer(servers[0], o) for o in chosen.operations}
        for server in servers[1:]:
            for operation in chosen.operations:
                first_answer(server, operation)
        result.answer_bytes = {name: len(content) for name, content in answers.items()}
        stored = folder / "answers.json"
        stored.write_text(json.dumps(_answers(chosen.operations, answers)))
        servers.append(stack.enter_context(answering(FLOOR, servers[0].scene, folder, stored)))
        _rounds(result, servers, chosen)
    for kind, made in scenes.items():
        result.entries[kind] = _verify(kind, made)
        result.driver_ms[kind] = floors.driver_floors(made, min(1.0, chosen.seconds))
    return result


def _rounds(result: Result, servers: list[Server], chosen: argparse.Namespace) -> None:
    """A B A B: in every round each server is asked, in turns, so that a slow minute hits all of them."""
    taken: dict[tuple[str, str, int], list] = {}  # type: ignore[type-arg]
    for number in range(chosen.rounds):
        for operation in chosen.operations:
            for connections in chosen.connections:
                for server in servers:
                    seconds = chosen.seconds if server.name != FLOOR else min(1.0, chosen.seconds)
                    sample = run(server, operation, connections, seconds)
                    taken.setdefault((server.name, operation.name, connections), []).append(sample)
                    result.memory[server.name] = sample["rss"], sample["anonymous"]
            _say(f"round {number + 1} of {chosen.rounds}: {operation.name}")
    for (name, operation_name, connections), samples in taken.items():
        by = result.figures.setdefault(name, {}).setdefault(operation_name, {})
        by[connections] = Figures.of(samples)


def _answers(operations: list[Operation], contents: dict[str, bytes]) -> list[tuple[str, str, int, str]]:
    """What the floor answers: every path it is asked for, with the service's own bytes."""
    paths = {
        "create_client": [("POST", "/v1/clients")],
        "create_plan": [("POST", "/v1/clients/{id}/plans")],
        "tick": [("PUT", "/v1/checklist-items/{id}/completion"), ("DELETE", "/v1/checklist-items/{id}/completion")],
        "read_plan": [("GET", "/v1/plans/{id}")],
        "read_plan_full": [("GET", "/v1/plans/{id}")],
        "caseload": [("GET", "/v1/caseload")],
        "schedule_review": [("POST", "/v1/plans/{id}/reviews")],
    }
    return [
        (method, path, operation.status, base64.b64encode(contents[operation.name]).decode())
        for operation in operations
        for method, path in paths[operation.name]
    ]


def _bytes_a_client(server: Server) -> float:
    """What a client takes on disk who was made as people make her: opened, planned with, personalised, all logged."""
    held = {"authorization": f"Bearer {server.token('ben')}"}
    before = server.scene.size()
    for _ in range(HTTP_CLIENTS):
        _, made = server.ask("POST", "/v1/clients", {"alias": "Wren", "opened_on": "2027-01-04"}, **held)
        target = f"/v1/clients/{json.loads(made)['id']}/plans"
        _, stored = server.ask("POST", target, {"template_id": str(server.scene.template_id)}, **held)
        plan = json.loads(stored)
        items = [item for section in plan["sections"] for item in section["items"]][
            :: scene.ITEMS // scene.IN_OWN_WORDS
        ]
        changes = [
            {"id": i["id"], "version": i["version"], "status": "planned"} | own_words(n) for n, i in enumerate(items)
        ]
        patch = held | {"content-type": "application/merge-patch+json"}
        server.ask("PUT", f"/v1/plans/{plan['id']}/activation", **held)
        server.ask("PATCH", f"/v1/plans/{plan['id']}/items", {"items": changes}, **patch)
    return (server.scene.size() - before) / HTTP_CLIENTS


def _verify(kind: str, made: Scene) -> int:
    """Nothing was lost or half-written while it was hurried. Returns how many entries the log has."""
    verdict = made.world.system(book.verify)
    if verdict.faults:
        raise BenchError(f"{kind}: the ledger is not sound after the runs: {verdict.faults[:3]}")
    wrong = made.world.system(lambda db: scene.wrong_counters(db, made.plans[:200]))
    if wrong:
        raise BenchError(f"{kind}: {len(wrong)} plans count other items than they have, {wrong[0]} first")
    return verdict.size


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
