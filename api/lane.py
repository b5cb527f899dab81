"""The lane: where a request meets a thread. One hop, one transaction, answered after commit (SPEED.md, What follows 2).

SQLite has one lane thread that takes what is queued, runs every unit in a savepoint and commits once for all: no lock
fights, and one fsync for many. PostgreSQL has as many lane threads as connections, one transaction a unit.
"""

import asyncio
import queue
import threading
from typing import Any, TypeVar

from api.metrics import WAITING
from models.database import Database, Unit
from models.errors import Unavailable

T = TypeVar("T")
MOST_AT_ONCE = 32


class Lane:
    """Runs units of work off the event loop, in order of arrival, a bounded number waiting."""

    def __init__(self, database: Database, threads: int, capacity: int) -> None:
        self.database = database
        self._capacity = capacity
        self._waiting = 0
        self._queue: queue.SimpleQueue[tuple[Unit[Any], asyncio.Future[None]] | None] = queue.SimpleQueue()
        self._count = 1 if database.embedded else threads
        self._threads = [
            threading.Thread(target=self._serve, name=f"lane-{n}", daemon=True) for n in range(self._count)
        ]
        for thread in self._threads:
            thread.start()

    async def run(self, unit: Unit[T]) -> T:
        """The unit's value, or its error raised. Unavailable('overloaded') when too many wait; a caller who went away
        before her turn is skipped, one whose unit has begun is finished without her."""
        if self._waiting >= self._capacity:
            raise Unavailable("overloaded", 1)
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting += 1
        WAITING.set(self._waiting)
        try:
            self._queue.put((unit, done))
            await done
        finally:
            self._waiting -= 1
            WAITING.set(self._waiting)
        return unit.result()

    def close(self) -> None:
        """Finish what is queued, then stop the threads."""
        for _ in self._threads:
            self._queue.put(None)
        for thread in self._threads:
            thread.join(timeout=25)

    def _serve(self) -> None:
        while (first := self._queue.get()) is not None:
            batch, last = [first], False
            while self.database.embedded and len(batch) < MOST_AT_ONCE and not last:
                try:
                    more = self._queue.get_nowait()
                except queue.Empty:
                    break
                if more is None:
                    last = True
                else:
                    batch.append(more)
            wanted = [(unit, done) for unit, done in batch if not done.cancelled()]
            if wanted:
                self.database.run([unit for unit, _ in wanted])
                wanted[0][1].get_loop().call_soon_threadsafe(_answer, [done for _, done in wanted])
            if last:
                return


def _answer(futures: list["asyncio.Future[None]"]) -> None:
    for future in futures:
        if not future.done():
            future.set_result(None)
