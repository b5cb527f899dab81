"""One hostile request, down to its bytes, and the means to change its body."""

import copy
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from tests.factories import Operation

NOTHING = object()  # the operation takes no body


@dataclass
class Shot:
    """One request, down to its bytes, and why it must be refused (if that is certain)."""

    number: int
    operation: Operation
    who: str | None
    mark: str
    method: str
    path: str
    value: Any
    query: str = ""
    headers: list[tuple[str, str]] = field(default_factory=list)
    raw: bytes | None = None
    families: list[str] = field(default_factory=list)
    certain: bool = False

    @property
    def body(self) -> bytes:
        """What is sent: the spoilt bytes, or the spoilt value as JSON."""
        if self.raw is not None:
            return self.raw
        return b"" if self.value is NOTHING else json.dumps(self.value).encode()

    def head(self, name: str, *texts: str | None) -> None:
        """These values of a header and no others; None leaves it out."""
        kept = [pair for pair in self.headers if pair[0] != name]
        self.headers = kept + [(name, text) for text in texts if text is not None]

    def __str__(self) -> str:
        """All of it, for a report."""
        sent = f"{self.method} {self.path[:300]}?{self.query[:300]} {self.headers!r:.800} {self.body!r:.600}"
        return f"shot {self.number} {self.families} as {self.who}: {self.operation.name}\n{sent}"


def spots(value: Any, place: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The place of every member of a body, at any depth."""
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, member in pairs:
        yield (*place, name)
        yield from spots(member, (*place, name))


def replaced(body: Any, place: tuple[Any, ...], value: Any) -> Any:
    """A copy of the body with another value in one place."""
    changed = copy.deepcopy(body)
    holder = changed
    for step in place[:-1]:
        holder = holder[step]
    holder[place[-1]] = value
    return changed
