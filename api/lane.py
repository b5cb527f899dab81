"""The lane: where a request meets a thread. One hop, one transaction, answered after commit (decision 2).

SQLite has one lane thread that runs what is waiting, every unit in a savepoint, and commits once for all: no lock
fights, and one fsync for many. PostgreSQL has as many lane threads as connections, one transaction a unit.

Agencies take turns, and within an agency its people: who sends a thousand requests waits behind her own, and nobody
else does. Whoever has not proved who she is shares one turn with all the others of that kind.
"""

import asyncio
import threading
import time
from collections import deque
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar
from uuid import UUID

from starlette.requests import ClientDisconnect

from api.metrics import WAITING
from models.database import Database, Unit
from models.errors import Unavailable

T = TypeVar("T")
MOST_AT_ONCE = 32
JOINING = 0.02  # seconds a transaction takes in others: nobody is answered before its commit


@dataclass(eq=False, slots=True)
class _Job:
    """A unit, and who waits for it."""

    unit: Unit[Any]
    done: "asyncio.Future[None]"


class _Turns:
    """Jobs waiting by agency and person, at most `capacity`. Agencies take turns, and within each its people."""

    def __init__(self, capacity: int) -> None:
        self._capacity, self._size = capacity, 0
        self._jobs: dict[UUID, dict[UUID, deque[_Job]]] = {}  # both in the order of turns
        self._changed = threading.Condition()
        self._closed = False

    def put(self, job: _Job) -> _Job | None:
        """Queue a job. When there is no room, the newest job of the person with most of them, of the agency with most,
        has to go, this one if need be; it is returned."""
        with self._changed:
            out = self._evict(job) if self._size >= self._capacity else None
            if out is not job:
                agency_id, person = job.unit.turn
                self._jobs.setdefault(agency_id, {}).setdefault(person, deque()).append(job)
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
            people = self._jobs.pop(agency_id)
            person = next(iter(people))
            jobs = people.pop(person)
            job = jobs.popleft()
            if jobs:
                people[person] = jobs  # behind the others
            if people:
                self._jobs[agency_id] = people
            self._size -= 1
            WAITING.set(self._size)
            return job

    def close(self) -> None:
        """Wake everybody who waits for a job: there will be no more."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def _evict(self, job: _Job) -> _Job:
        own, person = job.unit.turn
        crowd = max([own, *self._jobs], key=self._waiting)
        if self._waiting(crowd) <= self._waiting(own) + 1:
            crowd = own
        people = self._jobs.get(crowd, {})
        most = max(people, key=lambda one: len(people[one]), default=person)
        if crowd == own and len(people.get(most, ())) <= len(people.get(person, ())) + 1:
            return job
        out = people[most].pop()
        if not people[most]:
            del people[most]
        if not people:
            del self._jobs[crowd]
        self._size -= 1
        return out

    def _waiting(self, agency_id: UUID) -> int:
        return sum(map(len, self._jobs.get(agency_id, {}).values()))


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
        """The unit's value, or its error raised. Unavailable('overloaded') when too many wait. A unit whose
        caller hung up before its turn is skipped; one that has begun is finished."""
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
            if _left(first):
                continue
            taken = [first]
            try:
                self.database.run([first.unit], partial(self._join, taken, time.monotonic() + JOINING))
            except BaseException as error:  # noqa: BLE001 - not even this may end the only thread
                for job in taken:
                    job.unit.error = error if isinstance(error, Exception) else Unavailable()
            first.done.get_loop().call_soon_threadsafe(_answer, [job.done for job in taken])

    def _join(self, taken: list[_Job], until: float) -> Unit[Any] | None:
        """One more unit for a transaction under way: what came in meanwhile need not wait for the next commit."""
        while (
            len(taken) < MOST_AT_ONCE and time.monotonic() < until and (job := self._turns.get(wait=False)) is not None
        ):
            if not _left(job):
                taken.append(job)
                return job.unit
        return None


def _left(job: _Job) -> bool:
    """Whether nobody waits for it any more: it is not run, and its task ends."""
    if job.unit.gone():
        job.unit.error = ClientDisconnect()
        job.done.get_loop().call_soon_threadsafe(_answer, [job.done])
        return True
    return job.done.cancelled()


def _answer(futures: "list[asyncio.Future[None]]") -> None:
    for future in futures:
        if not future.done():
            future.set_result(None)
