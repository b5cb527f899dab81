"""The publisher: signs each log that grew, a second later, and hands the checkpoint to the sinks. Requests do not wait
for it: they only leave their agency's id behind (Database.moved)."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import TypeVar
from uuid import UUID

from api.lane import Lane
from api.log import logger
from api.sinks import Sinks
from models.access import PLATFORM, Actor
from models.agency import agency_ids
from models.database import Database, Unit
from models.ledger import anchors, checkpoint
from models.workspace import Workspace

EVERY = 1.0  # seconds: entries younger than this may have no checkpoint yet
SWEEP = 300  # rounds between two looks at every log: other processes and the command line write too
LAST = 8.0  # seconds for the last round at shutdown

T = TypeVar("T")


class Publisher:
    """One in each serving process. Reading a head and storing a note are units on the lane; signing is done between
    them, when the head is durable."""

    def __init__(self, database: Database, lane: Lane, sinks: list[str]) -> None:
        self._database, self._lane, self._addresses = database, lane, sinks
        self._published: dict[UUID, int] = {}
        self._unkept: dict[UUID, str] = {}
        self._stop = asyncio.Event()

    def start(self) -> None:
        """Begin."""
        self._sinks = Sinks(self._addresses)
        self._task = asyncio.create_task(self._run())

    async def close(self) -> None:
        """Sign what grew since, store the newest checkpoint of each log, and let the sinks deliver."""
        self._stop.set()
        with suppress(TimeoutError):
            await asyncio.wait_for(self._finish(), LAST)
        self._task.cancel()
        await asyncio.to_thread(self._sinks.close)

    async def _finish(self) -> None:
        await self._task
        await self._round()
        for agency_id, note in [*self._unkept.items()]:
            await self._attempt(agency_id, self._keep(agency_id, note))

    async def _run(self) -> None:
        rounds = 0
        while not self._stop.is_set():
            if rounds % SWEEP == 0:
                await self._attempt(PLATFORM, self._all())
            await self._round()
            rounds += 1
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stop.wait(), EVERY)

    async def _all(self) -> None:
        self._database.moved |= {PLATFORM, *await self._lane.run(Unit(PLATFORM, agency_ids))}

    async def _round(self) -> None:
        """Every log that grew since the last round."""
        for _ in range(len(self._database.moved)):
            with suppress(KeyError):
                agency_id = self._database.moved.pop()
                if not await self._attempt(agency_id, self._publish(agency_id)):
                    self._database.moved.add(agency_id)

    async def _attempt(self, agency_id: UUID, work: Awaitable[None]) -> bool:
        try:
            await work
        except Exception as error:  # noqa: BLE001 - the next round tries again
            logger().error("checkpoint.failed", agency=str(agency_id), kind=type(error).__name__)
            return False
        return True

    async def _publish(self, agency_id: UUID) -> None:
        seen = await self._lane.run(Unit(agency_id, _as_system(checkpoint.look)))
        if seen.size <= self._published.get(agency_id, -1):
            return
        note = self._database.vault.notary.sign(agency_id, seen.size, seen.root)
        self._sinks.offer(agency_id, note)
        self._published[agency_id] = seen.size
        self._unkept[agency_id] = note
        if seen.due:
            await self._keep(agency_id, note)

    async def _keep(self, agency_id: UUID, note: str) -> None:
        await self._lane.run(Unit(agency_id, _as_system(lambda db: anchors.keep(db, note))))
        self._unkept.pop(agency_id, None)


def _as_system(work: Callable[[Workspace], T]) -> Callable[[Workspace], T]:
    def known(db: Workspace) -> T:
        db.become(Actor.system(db.agency_id))
        return work(db)

    return known
