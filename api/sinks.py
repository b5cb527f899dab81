"""Sinks: where checkpoints go, so that somebody else holds what the database once said."""

import json
import os
import sys
import threading
from collections.abc import Callable
from urllib.parse import urlsplit
from uuid import UUID

from api import webhook
from api.log import logger
from api.metrics import CHECKPOINTS

FIRST_PAUSE, LONGEST_PAUSE = 1.0, 60.0
DRAIN = 5.0  # seconds for what is left at shutdown

Deliver = Callable[[str], None]


class Sinks:
    """Every sink of the settings, each with a thread of its own: a slow one delays nobody."""

    def __init__(self, addresses: list[str]) -> None:
        self._sinks = [_Sink(address) for address in addresses]

    def offer(self, agency_id: UUID, note: str) -> None:
        """The newest checkpoint of a log, for all of them. It replaces an older one that still waits."""
        for sink in self._sinks:
            sink.offer(agency_id, note)

    def close(self) -> None:
        """Deliver what waits, for a few seconds at most."""
        for sink in self._sinks:
            sink.finish()
        for sink in self._sinks:
            sink.join()


class _Sink:
    """One sink: the newest note of each log waits here until it is delivered."""

    def __init__(self, address: str) -> None:
        self.kind, self._deliver = opened(address)
        self._waiting: dict[UUID, str] = {}
        self._changed = threading.Condition()
        self._closed = False
        self._thread = threading.Thread(target=self._serve, name=f"sink-{self.kind}", daemon=True)
        self._thread.start()

    def offer(self, agency_id: UUID, note: str) -> None:
        with self._changed:
            self._waiting[agency_id] = note
            self._changed.notify()

    def finish(self) -> None:
        with self._changed:
            self._closed = True
            self._changed.notify()

    def join(self) -> None:
        self._thread.join(DRAIN)

    def _serve(self) -> None:
        pause = 0.0
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting or self._closed)
                if not self._waiting:
                    return
                agency_id = next(iter(self._waiting))
                note = self._waiting.pop(agency_id)
            if self._delivered(note):
                pause = 0.0
                continue
            with self._changed:
                self._waiting.setdefault(agency_id, note)  # unless a newer one has come
                if self._closed:
                    return  # tried once more, in vain; the database keeps its own
                pause = min(max(2 * pause, FIRST_PAUSE), LONGEST_PAUSE)
                self._changed.wait_for(lambda: self._closed, pause)

    def _delivered(self, note: str) -> bool:
        try:
            self._deliver(note)
        except Exception as error:  # noqa: BLE001 - whatever a sink does, the others and the service go on
            CHECKPOINTS.labels(self.kind, "failed").inc()
            logger().error("checkpoint.not_delivered", where=self.kind, kind=type(error).__name__)
            return False
        CHECKPOINTS.labels(self.kind, "delivered").inc()
        return True


def opened(address: str) -> tuple[str, Deliver]:
    """A sink's kind, and how a note is delivered to it: a call that raises when it failed."""
    parts = urlsplit(address)
    if parts.scheme == "file":
        return "file", lambda note: _append(parts.path, note)
    if parts.scheme == "stdout":
        return "stdout", _say
    return "webhook", lambda note: _post(address, note)


def _append(path: str, note: str) -> None:
    """At the end of a 0600 file, with an empty line between notes, and on the disk before it counts. Opened each time:
    the file may be moved away or made append-only by the system."""
    raw = f"{note}\n".encode()
    handle = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        if os.write(handle, raw) != len(raw):
            raise OSError("a note was cut short")
        os.fsync(handle)
    finally:
        os.close(handle)


def _say(note: str) -> None:
    sys.stdout.write(json.dumps(note, ensure_ascii=False) + "\n")
    sys.stdout.flush()


def _post(address: str, note: str) -> None:
    webhook.post(address, note.encode(), "text/plain; charset=utf-8")
