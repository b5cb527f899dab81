"""Asking a key service for ten seconds in all, with one more try when it was away."""

import time
from collections.abc import Callable
from queue import Empty, SimpleQueue
from threading import Thread
from typing import TypeVar

from models.errors import KeysAway
from models.vault.key_services.contract import KeyService, away

T = TypeVar("T")
TOTAL = 10.0  # seconds for a call with its second try, names looked up and credentials fetched included
PAUSE = 0.2


class Bounded:
    """A key service that answers, refuses or is away within ten seconds. Making a key is tried once only: a second
    try could leave a key behind that nobody knows."""

    def __init__(self, service: KeyService) -> None:
        self._service, self.label = service, service.label

    def create(self) -> str:
        """As the service does."""
        return self._in_time(self._service.create)

    def wrap(self, name: str, key: bytes, at: bytes) -> bytes:
        """As the service does."""
        return self._in_time(lambda: _twice(lambda: self._service.wrap(name, key, at)))

    def unwrap(self, name: str, wrapped: bytes, at: bytes) -> bytes:
        """As the service does."""
        return self._in_time(lambda: _twice(lambda: self._service.unwrap(name, wrapped, at)))

    def destroy(self, name: str) -> None:
        """As the service does."""
        self._in_time(lambda: _twice(lambda: self._service.destroy(name)))

    def _in_time(self, work: Callable[[], T]) -> T:
        """In a thread that may be left behind: the libraries bound a single read, not an answer that drips, nor the
        look-up of a name."""
        answers: SimpleQueue[tuple[T, None] | tuple[None, BaseException]] = SimpleQueue()

        def ask() -> None:
            try:
                answers.put((work(), None))
            except BaseException as error:  # noqa: BLE001 - whatever it is, the caller raises it
                answers.put((None, error))

        Thread(target=ask, name="key-service", daemon=True).start()
        try:
            value, error = answers.get(timeout=TOTAL)
        except Empty:
            raise away(self.label, f"nothing within {TOTAL:.0f} seconds") from None
        if error is not None:
            raise error
        return value  # type: ignore[return-value]


def _twice(work: Callable[[], T]) -> T:
    try:
        return work()
    except KeysAway:
        time.sleep(PAUSE)
        return work()
