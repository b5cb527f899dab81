"""The lane: agencies in turn, bounded, one commit for many on SQLite, nobody left without an answer."""

import asyncio
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import pytest
from starlette.requests import ClientDisconnect

from api import lane
from api.lane import MOST_AT_ONCE, Lane
from models.database import Unit
from models.errors import NotFound, Unavailable
from models.workspace import Workspace
from tests.world import World


@dataclass
class Held:
    """A lane whose only thread is busy until `go`; what runs afterwards is told in `ran`."""

    world: World
    capacity: int = 256
    ran: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.lane = Lane(self.world.database, 1, self.capacity)
        self._busy, self._go = threading.Event(), threading.Event()

    async def hold(self) -> "asyncio.Task[Any]":
        """Keep the thread busy."""

        def wait(_: Workspace) -> None:
            self._busy.set()
            assert self._go.wait(10)

        task = asyncio.create_task(self.lane.run(Unit(self.agency("Harbor"), wait)))
        await asyncio.to_thread(self._busy.wait, 10)
        return task

    def go(self) -> None:
        """Let the thread go on."""
        self._go.set()

    def agency(self, name: str) -> UUID:
        return {"Harbor": self.world.people["ana"], "Lighthouse": self.world.people["other"]}[name].actor.agency_id

    def ask(self, name: str, agency: str = "Harbor", work: Any = None, person: str = "") -> Any:
        """A task that waits for one unit, queued when this returns to the loop."""

        def told(db: Workspace) -> Any:
            self.ran.append(name)
            return work(db) if work else name

        turn = self.agency(agency), UUID(int=len(person or ""))
        return asyncio.create_task(self.lane.run(Unit(self.agency(agency), told, turn=turn)))


@pytest.fixture
def kind() -> str:
    """One thread on both; SQLite's also joins units to a transaction under way."""
    return "sqlite"


@pytest.fixture
def commits(world: World, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many units each transaction committed, as they come."""
    sizes: list[int] = []
    real = world.database.run

    def counted(units: list[Unit[Any]], more: Any) -> None:
        real(units, more)
        sizes.append(len(units))

    monkeypatch.setattr(world.database, "run", counted)
    return sizes


def run(test: Callable[[], Any]) -> None:
    asyncio.run(test())


async def settle() -> None:
    """Let every task go as far as it can without the lane."""
    for _ in range(5):
        await asyncio.sleep(0)


def test_agencies_take_turns(world: World) -> None:
    """Twenty requests of one agency do not keep another's waiting: it is second, not twenty-first."""

    async def scene() -> None:
        held = Held(world)
        first = await held.hold()
        crowd = [held.ask(f"harbor {n}") for n in range(20)]
        await settle()
        guests = [held.ask(f"lighthouse {n}", "Lighthouse") for n in range(3)]
        await settle()
        held.go()
        await asyncio.gather(first, *crowd, *guests)
        held.lane.close()
        assert [held.ran.index(f"lighthouse {n}") for n in range(3)] == [1, 3, 5]
        assert [name for name in held.ran if name.startswith("harbor")] == [f"harbor {n}" for n in range(20)]

    run(scene)


def test_people_of_an_agency_take_turns(world: World) -> None:
    """Twenty requests of one colleague do not keep another's waiting, and a full queue sends away hers."""

    async def scene() -> None:
        held = Held(world, capacity=20)
        first = await held.hold()
        crowd = [held.ask(f"ana {n}") for n in range(20)]
        await settle()
        late = held.ask("ben", person="b")
        await settle()
        held.go()
        said = await asyncio.gather(first, *crowd, late, return_exceptions=True)
        held.lane.close()
        assert held.ran.index("ben") == 1
        assert [isinstance(one, Unavailable) for one in said] == [False] * 20 + [True, False]

    run(scene)


def test_a_slow_transaction_takes_nobody_in(world: World, commits: list[int]) -> None:
    """Nobody is answered before the commit, so what took long commits alone."""

    async def scene() -> None:
        held = Held(world)
        first = await held.hold()
        slow = [held.ask(str(n), work=lambda _: time.sleep(0.03)) for n in range(3)]
        await settle()
        await asyncio.sleep(0.05)
        held.go()
        await asyncio.gather(first, *slow)
        held.lane.close()
        assert commits == [1, 1, 1, 1]

    run(scene)


def test_nothing_ends_the_only_thread(world: World) -> None:
    """Whatever a unit raises, it is answered, and so is the next."""

    def exits(_: Workspace) -> None:
        raise SystemExit

    async def scene() -> None:
        held = Held(world)
        held.go()
        with pytest.raises(Unavailable):
            await asyncio.wait_for(held.ask("exits", work=exits), 5)
        assert await asyncio.wait_for(held.ask("next"), 5) == "next"
        held.lane.close()

    run(scene)


def test_a_crowd_is_sent_away_before_a_guest(world: World) -> None:
    """When there is no room, the newest of the agency with most waiting hears 503; the guest gets in."""

    async def scene() -> None:
        held = Held(world, capacity=4)
        first = await held.hold()
        crowd = [held.ask(f"harbor {n}") for n in range(4)]
        await settle()
        late, guest = held.ask("harbor 4"), held.ask("lighthouse", "Lighthouse")
        await settle()
        held.go()
        said = await asyncio.gather(*crowd, late, guest, return_exceptions=True)
        await first
        held.lane.close()
        refused = [isinstance(one, Unavailable) and one.reason == "overloaded" for one in said]
        assert refused == [False, False, False, True, True, False]
        assert "harbor 3" not in held.ran
        assert held.ran[1] == "lighthouse"

    run(scene)


def test_what_comes_in_meanwhile_joins_the_transaction(
    world: World, commits: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Up to 32 units a commit: fifty that wait need two."""
    monkeypatch.setattr(lane, "JOINING", 10.0)  # seconds: the machine may be slow

    async def scene() -> None:
        held = Held(world)
        first = await held.hold()
        crowd = [held.ask(str(n)) for n in range(50)]
        await settle()
        held.go()
        await asyncio.gather(first, *crowd)
        held.lane.close()
        assert commits == [MOST_AT_ONCE, 51 - MOST_AT_ONCE]

    run(scene)


def test_one_that_fails_leaves_the_others_alone(world: World) -> None:
    """In the middle of a batch: its error is its own."""

    def fails(_: Workspace) -> None:
        raise NotFound

    async def scene() -> None:
        held = Held(world)
        first = await held.hold()
        tasks = [held.ask("a"), held.ask("b", work=fails), held.ask("c")]
        await settle()
        held.go()
        said = await asyncio.gather(*tasks, return_exceptions=True)
        await first
        held.lane.close()
        assert said[0] == "a"
        assert isinstance(said[1], NotFound)
        assert said[2] == "c"

    run(scene)


def test_when_the_transaction_fails_everybody_hears_of_it(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before the first unit or after the last: nobody waits for ever, nobody is told that it was kept."""

    async def scene() -> None:
        held = Held(world)
        first = await held.hold()
        monkeypatch.setattr(world.database, "_in_savepoint", lambda *_: (_ for _ in ()).throw(RuntimeError("away")))
        tasks = [held.ask(str(n)) for n in range(3)]
        await settle()
        held.go()
        said = await asyncio.wait_for(asyncio.gather(first, *tasks, return_exceptions=True), 10)
        held.lane.close()
        assert all(isinstance(one, RuntimeError) for one in said[1:])

    run(scene)


def test_who_went_away_is_skipped(world: World) -> None:
    """A unit whose caller is gone before its turn never runs; the lane goes on."""

    async def scene() -> None:
        held = Held(world)
        first = await held.hold()
        gone, stays = held.ask("gone"), held.ask("stays")
        await settle()
        gone.cancel()
        await settle()
        held.go()
        await asyncio.gather(first, stays)
        held.lane.close()
        assert held.ran == ["stays"]

    run(scene)


def test_who_hung_up_is_skipped_and_her_task_ends(world: World) -> None:
    """As the protocol tells: nothing is done for her, and nothing of her request stays behind."""

    async def scene() -> None:
        held = Held(world)
        first = await held.hold()
        agency = held.agency("Harbor")
        left = Unit(agency, lambda _: held.ran.append("left"), gone=lambda: True)
        task = asyncio.create_task(held.lane.run(left))
        stays = held.ask("stays")
        await settle()
        held.go()
        said = await asyncio.wait_for(asyncio.gather(first, task, stays, return_exceptions=True), 5)
        held.lane.close()
        assert isinstance(said[1], ClientDisconnect)
        assert held.ran == ["stays"]

    run(scene)


def test_closing_finishes_what_waits(world: World) -> None:
    """A stop answers everybody who got in."""

    async def scene() -> None:
        held = Held(world)
        first = await held.hold()
        tasks = [held.ask(str(n)) for n in range(40)]
        await settle()
        threading.Timer(0.1, held.go).start()
        await asyncio.to_thread(held.lane.close)
        assert len(await asyncio.gather(first, *tasks)) == 41

    run(scene)
