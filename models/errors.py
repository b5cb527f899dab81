"""The ways the domain says no; which HTTP status and words each gets is decided in api/problems."""

import math
from dataclasses import dataclass
from datetime import timedelta
from typing import ClassVar


class DomainError(Exception):
    """Base of every refusal. `code` is stable, documented at /problems/{code}; the text never holds what was sent."""

    code: ClassVar[str] = "error"

    def __init__(self, code: str | None = None) -> None:
        super().__init__(code or type(self).code)
        self.reason = code or type(self).code


class NotFound(DomainError):
    """Unknown, foreign or walled: the caller cannot tell which (law 6)."""

    code = "not-found"


class Forbidden(DomainError):
    """The caller may know of the thing, but not do this to it."""

    code = "forbidden"


class Unauthenticated(DomainError):
    """Nobody we know, or no longer."""

    code = "unauthenticated"


class Conflict(DomainError):
    """The thing is not in a state that allows this."""

    code = "conflict"


@dataclass(frozen=True)
class Fault:
    """One thing wrong with what was sent: where (JSON pointer), which rule, and plain words without the value."""

    pointer: str
    code: str
    message: str


class Invalid(DomainError):
    """What was sent breaks a rule; `faults` says where, never what."""

    code = "invalid"

    def __init__(self, *faults: Fault, code: str | None = None) -> None:
        super().__init__(code)
        self.faults = faults


class Stale(DomainError):
    """Somebody changed the row since the caller read it; `current` is its version now."""

    code = "stale-version"

    def __init__(self, current: int) -> None:
        super().__init__()
        self.current = current


class Unavailable(DomainError):
    """The database is busy, full or away; nothing was kept and trying again is safe after `retry_after` seconds."""

    code = "database-unavailable"

    def __init__(self, code: str | None = None, retry_after: int = 2) -> None:
        super().__init__(code)
        self.retry_after = retry_after


class KeysAway(Unavailable):
    """The service that holds the root keys does not answer. `line` says so to an operator."""

    code = "keys-unavailable"

    def __init__(self, line: str) -> None:
        super().__init__(retry_after=10)
        self.line = line


class Spent(DomainError):
    """A budget is used up: a person's, an account's or a network's, as the code says. There is room again after
    `retry_after` seconds."""

    def __init__(self, code: str, left: timedelta) -> None:
        super().__init__(code)
        self.retry_after = max(1, math.ceil(left.total_seconds()))


class TooManyClients(Spent):
    """One person opened more distinct clients in an hour than her work can need: `opened`, with the one refused."""

    code = "too-many-clients"

    def __init__(self, opened: int, left: timedelta) -> None:
        super().__init__(self.code, left)
        self.opened = opened


class SealError(DomainError):
    """A sealed value cannot be opened: one text for a wrong key and a moved, edited, cut or older cell."""

    code = "sealed-data-damaged"

    def __init__(self) -> None:
        super().__init__()


class KeyMissing(SealError):
    """The key a cell names is not there: destroyed, with the row, after the row was read; or it never was. PostgreSQL
    runs the unit once more, and what is missing twice is damage."""


class KeyRetired(Exception):
    """A key was replaced or destroyed while a unit sealed under it. Nothing was kept; the unit is run once more."""


class KeyRefused(Exception):
    """A key or key file is missing, wrong or readable by others. The text is one line for an operator."""


class WrapRefused(KeyRefused):
    """A wrapped key does not open: one text for another root key, another place and changed bytes."""

    def __init__(self) -> None:
        super().__init__("a wrapped key cannot be opened: wrong root key, or the key table was changed")
