"""The lane: where a request meets a thread. One hop, one transaction, answered after commit (decision 2).

SQLite has one lane thread that runs what is waiting, every unit in a savepoint, and commits once for all: no lock
fights, and one fsync for many. PostgreSQL has as many lane threads as connections, one transaction a unit.

Agencies take turns: one that sends a thousand requests waits behind its own, and nobody else does.
"""

import asyncio
import threading
from collections import deque
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar
from uuid import UUID

from api.metrics import WAITING
from models.database import Database, Unit
from models.errors import Unavailable

T = TypeVar("T")
MOST_AT_ONCE = 32


@dataclass(eq=False, slots=True)
class _Job:
    """A unit, and who waits for it."""

    unit: Unit[Any]
    done: "asyncio.Future[None]"


class _Turns:
    """Jobs waiting by agency, at most `capacity`; every agency's oldest comes in turn."""

    def __init__(self, capacity: int) -> None:
        self._capacity, self._size = capacity, 0
        self._jobs: dict[UUID, deque[_Job]] = {}  # in the order of turns
        self._changed = threading.Condition()
        self._closed = False

    def put(self, job: _Job) -> _Job | None:
        """Queue a job. When there is no room, the newest job of the agency with most of them has to go, this one if
        need be; it is returned."""
        with self._changed:
            out = self._evict(job) if self._size >= self._capacity else None
            if out is not job:
                self._jobs.setdefault(job.unit.agency_id, deque()).append(job)
                self._size += 1
                self._changed.notify()
            WAITING.set(self._size)
            return out

    def get(self, *, wait: bool) -> _Job | None:
        """The next job; None when nothing waits, or with `wait` once the lane is closed and empty."""
        with self._changed:
            while not self._jobs:
                if self._closed or not wait:
                    return None
                self._changed.wait()
            agency_id = next(iter(self._jobs))
            jobs = self._jobs.pop(agency_id)
            job = jobs.popleft()
            if jobs:
                self._jobs[agency_id] = jobs  # behind the others
            self._size -= 1
            WAITING.set(self._size)
            return job

    def close(self) -> None:
        """Wake everybody who waits for a job: there will be no more."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def _evict(self, job: _Job) -> _Job:
        agency_id, jobs = max(self._jobs.items(), key=lambda held: len(held[1]))
        if len(jobs) <= len(self._jobs.get(job.unit.agency_id, ())) + 1:
            return job
        self._size -= 1
        out = jobs.pop()
        if not jobs:
            del self._jobs[agency_id]
        return out


class Lane:
    """Runs units of work off the event loop, agencies in turn, a bounded number waiting."""

    def __init__(self, database: Database, threads: int, capacity: int) -> None:
        self.database = database
        self._turns = _Turns(capacity)
        self._threads = [
            threading.Thread(target=self._serve, name=f"lane-{n}", daemon=True)
            for n in range(1 if database.embedded else threads)
        ]
        for thread in self._threads:
            thread.start()

    async def run(self, unit: Unit[T]) -> T:
        """The unit's value, or its error raised. Unavailable('overloaded') when too many wait; a caller who went away
        before her turn is skipped, one whose unit has begun is finished without her."""
        job = _Job(unit, asyncio.get_running_loop().create_future())
        if (out := self._turns.put(job)) is not None:
            out.unit.error = Unavailable("overloaded", 1)
            _answer([out.done])
        await job.done
        return unit.result()

    def close(self) -> None:
        """Finish what is queued, then stop the threads."""
        self._turns.close()
        for thread in self._threads:
            thread.join(timeout=25)

    def _serve(self) -> None:
        while (first := self._turns.get(wait=True)) is not None:
            if first.done.cancelled():
                continue
            taken = [first]
            self.database.run([first.unit], partial(self._join, taken))
            first.done.get_loop().call_soon_threadsafe(_answer, [job.done for job in taken])

    def _join(self, taken: list[_Job]) -> Unit[Any] | None:
        """One more unit for a transaction under way: what came in meanwhile need not wait for the next commit."""
        while len(taken) < MOST_AT_ONCE and (job := self._turns.get(wait=False)) is not None:
            if not job.done.cancelled():
                taken.append(job)
                return job.unit
        return None


def _answer(futures: "list[asyncio.Future[None]]") -> None:
    for future in futures:
        if not future.done():
            future.set_result(None)
