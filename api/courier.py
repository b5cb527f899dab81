"""The courier: a thread that takes what is due out of the outbox and hands it to the mail server, one mail at a time.

Taking a mail and crossing it off are units of work of their own; no transaction is open, and nobody on the lane waits,
while the server is talked to. Whoever takes a mail holds it for ten minutes, so that two processes never send the same
one; after a crash in between it is sent again.
"""

import threading
from collections.abc import Callable
from typing import Any, TypeVar
from uuid import UUID

from api.log import logger
from api.mail_words import written
from api.mailer import Later, Refused, Transport
from api.metrics import MAILS
from models import letters, mail
from models.access import PLATFORM, Actor
from models.database import Unit
from models.mail import Held
from models.workspace import Workspace

EVERY = 5.0  # seconds between two looks; a mail queued by this process is sent at once
LAST = 3.0  # seconds for the mail under way at shutdown; one that takes longer may be sent once more afterwards

T = TypeVar("T")
Run = Callable[[Unit[Any]], Any]


class Courier:
    """One in each process that sends. `run` does a unit of work and returns its value, on whatever thread it likes."""

    def __init__(self, way: Transport, sender: str, run: Run) -> None:
        self._way, self._sender, self._run = way, sender, run
        self._due, self._stop = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._serve, name="courier", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def wake(self) -> None:
        """A mail was queued."""
        self._due.set()

    def close(self) -> None:
        """Finish the mail under way if that is soon done; the others stay in the outbox."""
        self._stop.set()
        self._due.set()
        if self._thread.is_alive():
            self._thread.join(LAST)

    def round(self) -> int:
        """Send what is due, in every agency, until the mail server has no time for us. Returns how many were sent."""
        sent = 0
        for agency_id in self._as_system(PLATFORM, mail.waiting):
            while not self._stop.is_set() and (held := self._as_system(agency_id, mail.take)) is not None:
                try:
                    sent += self._send(agency_id, held)
                except Later:
                    return sent  # the next mail would fare no better now
        return sent

    def _serve(self) -> None:
        while not self._stop.is_set():
            self._due.clear()
            try:
                self.round()
            except Exception as error:  # noqa: BLE001 - whatever it is, the next round tries again
                logger().error("mail.round_failed", kind=type(error).__name__)
            self._due.wait(EVERY)

    def _send(self, agency_id: UUID, held: Held) -> int:
        """1 when it was sent, 0 when not; Later when the mail server is away."""
        try:
            letter = self._as_system(agency_id, lambda db: letters.read(db, held))
        except Exception as error:  # noqa: BLE001 - one that cannot be read keeps no other waiting
            self._put_back(agency_id, held, type(error).__name__)
            return 0
        if letter is None:
            return 0
        try:
            self._way.deliver(written(letter.to, self._sender, letter.link, letter.language), letter.to)
        except (Refused, ValueError) as error:
            self._give_up(agency_id, held, str(error) if isinstance(error, Refused) else "address")
            return 0
        except Later as error:
            self._put_back(agency_id, held, str(error))
            raise
        MAILS.labels("sent").inc()
        self._as_system(agency_id, lambda db: mail.done(db, held))
        return 1

    def _put_back(self, agency_id: UUID, held: Held, why: str) -> None:
        MAILS.labels("failed").inc()
        logger().warning("mail.unsent", agency=str(agency_id), error=why, count=held.tries + 1)
        if not self._as_system(agency_id, lambda db: mail.put_back(db, held)):
            self._give_up(agency_id, held, why)

    def _give_up(self, agency_id: UUID, held: Held, why: str) -> None:
        MAILS.labels("given_up").inc()
        logger().error("mail.given_up", agency=str(agency_id), kind=held.kind.value, error=why)
        self._as_system(agency_id, lambda db: letters.give_up(db, held))

    def _as_system(self, agency_id: UUID, work: Callable[[Workspace], T]) -> T:
        def known(db: Workspace) -> T:
            db.become(Actor.system(agency_id))
            return work(db)

        value: T = self._run(Unit(agency_id, known))
        return value
