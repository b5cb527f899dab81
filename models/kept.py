"""A bounded store of things that never change, shared by the threads of a process."""

import threading
from typing import Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")


class Kept(Generic[K, V]):
    """Holds at most `most` values; the oldest leaves first."""

    def __init__(self, most: int) -> None:
        self._most, self._lock = most, threading.Lock()
        self._values: dict[K, V] = {}

    def get(self, key: K) -> V | None:
        """The value, if it is still here."""
        return self._values.get(key)

    def keep(self, key: K, value: V) -> V:
        """Remember a value, and give it back."""
        with self._lock:
            self._values[key] = value
            if len(self._values) > self._most:
                del self._values[next(iter(self._values))]
        return value
