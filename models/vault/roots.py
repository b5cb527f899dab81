"""Root keys: where the outermost key lives. A file by default; a key service later implements the same four calls."""

import base64
import json
import os
import secrets
import stat
import tempfile
from pathlib import Path
from typing import Protocol, cast

from models.errors import KeyRefused
from models.vault.cells import unwrap, wrap


class RootKeys(Protocol):
    """The four calls of a root key provider. An epoch is a number that only grows."""

    def current(self) -> int:
        """Tell the epoch under which new keys are wrapped."""

    def rotate(self) -> int:
        """Add an epoch and make it current; older ones stay readable."""

    def wrap(self, epoch: int, key: bytes, at: bytes) -> bytes:
        """Wrap a key under an epoch, bound to `at`."""

    def unwrap(self, epoch: int, wrapped: bytes, at: bytes) -> bytes:
        """Open a wrapped key. Raises KeyRefused."""


def read_secret(path: Path, what: str, remedy: str) -> dict[str, object]:
    """A JSON file only its owner can read. Raises KeyRefused, one line, when missing, readable by others or broken."""
    try:
        mode = path.stat().st_mode
        if stat.S_IMODE(mode) & 0o077:
            raise KeyRefused(f"{what} {path} can be read by others; run: chmod 600 {path}")
        content = json.loads(path.read_text())
    except FileNotFoundError:
        raise KeyRefused(f"{what} {path} is missing; {remedy}") from None
    except (OSError, ValueError):
        raise KeyRefused(f"{what} {path} cannot be read; restore it from your key backup") from None
    if not isinstance(content, dict):
        raise KeyRefused(f"{what} {path} is not a key file; restore it from your key backup")
    return content


def write_secret(path: Path, content: dict[str, object]) -> None:
    """Write a 0600 file so that a crash leaves the old one or the new one, never half."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    with os.fdopen(handle, "w") as file:
        json.dump(content, file, indent=1)
        file.flush()
        os.fsync(file.fileno())
    Path(temporary).replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    os.fsync(folder)
    os.close(folder)


class FileRoot:
    """Root keys in one 0600 JSON file: `{"current": epoch, "keys": {epoch: base64}, "demo": bool}`."""

    REMEDY = "restore it from your key backup, or in a new installation make one with: python -m api keys new"

    def __init__(self, path: Path) -> None:
        content = read_secret(path, "root key file", self.REMEDY)
        self.path = path
        self.demo = bool(content.get("demo"))
        try:
            stored = dict(cast(dict[str, str], content["keys"]))
            self._keys = {int(epoch): base64.b64decode(key, validate=True) for epoch, key in stored.items()}
            self._current = int(str(content["current"]))
            if any(len(key) != 32 for key in self._keys.values()) or self._current not in self._keys:
                raise ValueError
        except (KeyError, ValueError, TypeError):
            raise KeyRefused(f"root key file {path} is damaged; restore it from your key backup") from None

    @classmethod
    def create(cls, path: Path, *, demo: bool = False) -> "FileRoot":
        """Make epoch 1 in a new file. Raises KeyRefused when the file is there: a key is never overwritten."""
        if path.exists():
            raise KeyRefused(f"root key file {path} is there already; nothing was changed")
        key = base64.b64encode(secrets.token_bytes(32)).decode()
        write_secret(path, {"current": 1, "keys": {"1": key}, "demo": demo})
        return cls(path)

    def current(self) -> int:
        """The epoch under which new keys are wrapped."""
        return self._current

    def rotate(self) -> int:
        """Add an epoch and make it current; older ones stay readable."""
        epoch = max(self._keys) + 1
        keys = self._keys | {epoch: secrets.token_bytes(32)}
        encoded = {str(number): base64.b64encode(key).decode() for number, key in keys.items()}
        write_secret(self.path, {"current": epoch, "keys": encoded, "demo": self.demo})
        self._keys, self._current = keys, epoch
        return epoch

    def wrap(self, epoch: int, key: bytes, at: bytes) -> bytes:
        """Wrap a key under an epoch, bound to `at`."""
        return wrap(self._key(epoch), key, at)

    def unwrap(self, epoch: int, wrapped: bytes, at: bytes) -> bytes:
        """Open a wrapped key. Raises KeyRefused."""
        return unwrap(self._key(epoch), wrapped, at)

    def _key(self, epoch: int) -> bytes:
        if epoch not in self._keys:
            raise KeyRefused(f"root key epoch {epoch} is not in {self.path}; restore the file from your key backup")
        return self._keys[epoch]
