"""Root keys by epoch: which key service holds each, and the one file that says so."""

import base64
import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from models.errors import KeyRefused, KeysAway, WrapRefused
from models.vault.files import alone, read_secret, write_secret
from models.vault.key_services.choice import FILE, service_for
from models.vault.key_services.contract import KeyService

REMEDY = "restore it from your key backup, or in a new installation make one with: python -m api keys new"
Stamp = tuple[int, int, int]


@dataclass(frozen=True)
class Epoch:
    """A root key: which service has it (see key_services.choice), and its name there. In a file the name is the key."""

    spec: str
    key: str = field(repr=False)

    @classmethod
    def read(cls, stored: Any) -> "Epoch":
        """Raises KeyError, TypeError or ValueError for what is no epoch."""
        service, at, key = (stored.get(member, "") for member in ("service", "at", "key"))
        if not all(isinstance(text, str) for text in (service, at, key)) or not (service and key):
            raise ValueError
        if service == FILE and len(base64.b64decode(key, validate=True)) != 32:
            raise ValueError
        return cls(f"{service}:{at}" if at else service, key)

    def stored(self) -> dict[str, str]:
        """As it stands in the file."""
        service, _, at = self.spec.partition(":")
        return {"service": service} | ({"at": at} if at else {}) | {"key": self.key}


@dataclass(frozen=True)
class _Table:
    """root.json as it was read."""

    stamp: Stamp
    current: int
    demo: bool
    epochs: dict[int, Epoch]


class RootKeys:
    """The epochs in `{"current": 2, "demo": false, "epochs": {"1": {"service": "file", "key": base64}, "2": {"service":
    "aws-kms", "at": region, "key": arn}}}`, a 0600 file. An epoch is a number that only grows. The file is read again
    when it was changed, so that a running service notices what another process did."""

    def __init__(self, path: Path, vault_token: Path | None = None) -> None:
        self.path, self._vault_token = path, vault_token
        self._services: dict[str, KeyService] = {}
        self._read = self._load()

    @classmethod
    def create(cls, path: Path, *, to: str = FILE, demo: bool = False, vault_token: Path | None = None) -> "RootKeys":
        """Make epoch 1 under a service, in a new file. Raises KeyRefused when the file is there: a key is never
        overwritten; KeyRefused or KeysAway, with nothing written, when the service does not do its work."""
        with alone(path.parent):
            if path.exists():
                raise KeyRefused(f"root key file {path} is there already; nothing was changed")
            epoch = _new_epoch(to, service_for(to, vault_token))
            _write(path, 1, {1: epoch}, demo=demo)
        return cls(path, vault_token)

    @property
    def demo(self) -> bool:
        """Whether these keys protect invented people."""
        return self._table().demo

    def current(self) -> int:
        """The epoch under which new keys are wrapped."""
        return self._table().current

    def epochs(self) -> dict[int, str]:
        """Every epoch and the service it is under, oldest first."""
        return {number: epoch.spec for number, epoch in sorted(self._table().epochs.items())}

    def rotate(self, to: str | None = None, unless: Callable[[], bool] = lambda: False) -> int:
        """Add an epoch under a service (default: that of the current one) and make it current; older ones stay
        readable. `unless`: asked when no other process can add one; when true, nothing is added. Returns what is
        current now. Raises KeyRefused or KeysAway, with nothing changed, when the service does not do its work."""
        with alone(self.path.parent):
            table = self._read = self._load()
            if unless():
                return table.current
            spec = to or table.epochs[table.current].spec
            number = max(table.epochs) + 1
            epochs = table.epochs | {number: _new_epoch(spec, self._service(spec))}
            _write(self.path, number, epochs, demo=table.demo)
            self._read = self._load()
        return number

    def destroy(self, number: int) -> None:
        """Destroy an epoch in its service, then take it out of the file. Raises KeyRefused for the current one. That no
        key is left under it is the caller's to know."""
        with alone(self.path.parent):
            table = self._read = self._load()
            if number == table.current:
                raise KeyRefused(f"root key epoch {number} is the current one; rotate first")
            epoch = self._epoch(number)
            self._service(epoch.spec).destroy(epoch.key)
            _write(self.path, table.current, {n: e for n, e in table.epochs.items() if n != number}, demo=table.demo)
            self._read = self._load()

    def prove(self) -> None:
        """Wrap and open something under the current epoch. Raises KeyRefused or KeysAway."""
        epoch = self._epoch(self.current())
        _prove(self._service(epoch.spec), epoch.key)

    def wrap(self, number: int, key: bytes, at: bytes) -> bytes:
        """Wrap a key under an epoch, bound to `at`. Raises KeyRefused or KeysAway."""
        epoch = self._epoch(number)
        return self._service(epoch.spec).wrap(epoch.key, key, at)

    def unwrap(self, number: int, wrapped: bytes, at: bytes) -> bytes:
        """Open a wrapped key. Raises WrapRefused for other bytes or another place; KeyRefused; KeysAway."""
        epoch = self._epoch(number)
        return self._service(epoch.spec).unwrap(epoch.key, wrapped, at)

    def _epoch(self, number: int) -> Epoch:
        found = self._table().epochs.get(number)
        if found is None:  # a file replaced twice within a tick of the clock may look the same
            self._read = self._load()
            found = self._read.epochs.get(number)
        if found is None:
            raise KeyRefused(f"root key epoch {number} is not in {self.path}; restore the file from your key backup")
        return found

    def _service(self, spec: str) -> KeyService:
        if spec not in self._services:
            self._services[spec] = service_for(spec, self._vault_token)
        return self._services[spec]

    def _table(self) -> _Table:
        if _stamp(self.path) != self._read.stamp:
            self._read = self._load()
        return self._read

    def _load(self) -> _Table:
        stamp = _stamp(self.path)  # before reading: what is written meanwhile is read the next time
        content = read_secret(self.path, "root key file", REMEDY)
        try:
            epochs = {int(number): Epoch.read(stored) for number, stored in _epochs(content).items()}
            current = int(str(content["current"]))
            if current not in epochs or min(epochs) < 1:
                raise ValueError
        except (KeyError, ValueError, TypeError, AttributeError):
            raise KeyRefused(f"root key file {self.path} is damaged; restore it from your key backup") from None
        return _Table(stamp, current, bool(content.get("demo")), epochs)


def _epochs(content: dict[str, object]) -> dict[str, Any]:
    """The table of a file; before there were services it held keys alone."""
    if "epochs" in content:
        return dict(cast(dict[str, Any], content["epochs"]))
    keys = cast(dict[str, str], content["keys"])
    return {number: {"service": FILE, "key": key} for number, key in keys.items()}


def _write(path: Path, current: int, epochs: dict[int, Epoch], *, demo: bool) -> None:
    stored = {str(number): epoch.stored() for number, epoch in sorted(epochs.items())}
    write_secret(path, {"current": current, "demo": demo, "epochs": stored})


def _stamp(path: Path) -> Stamp:
    """Changes with every write and every chmod. A file that is not there has one too: reading it says so."""
    try:
        found = path.stat()
    except OSError:
        return (0, 0, 0)
    return (found.st_ino, found.st_ctime_ns, found.st_mtime_ns)


def _new_epoch(spec: str, service: KeyService) -> Epoch:
    """A new key that was seen to work before anything depends on it."""
    name = service.create()
    try:
        _prove(service, name)
    except (KeyRefused, KeysAway):
        with suppress(KeyRefused, KeysAway):
            service.destroy(name)
        raise
    return Epoch(spec, name)


def _prove(service: KeyService, name: str) -> None:
    """It opens what it wrapped, there and nowhere else: a right may be missing, an old service may ignore places."""
    key, at = os.urandom(32), b"waypost.probe.1" + os.urandom(16)
    wrapped = service.wrap(name, key, at)
    if service.unwrap(name, wrapped, at) != key:
        raise KeyRefused(f"{service.label} does not give back what it wrapped; use another key service")
    with suppress(WrapRefused):
        service.unwrap(name, wrapped, at + b"\x00")
        raise KeyRefused(f"{service.label} ignores associated data; it is too old: update it")
