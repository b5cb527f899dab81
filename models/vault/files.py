"""Files only their owner may read: looked at before they are believed, written whole or not at all."""

import fcntl
import json
import os
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from models.errors import KeyRefused


def read_private(path: Path, what: str, remedy: str) -> str:
    """The text of a file only its owner can read. Raises KeyRefused, one line, when missing or readable by others."""
    try:
        mode = path.stat().st_mode
        if stat.S_IMODE(mode) & 0o077:
            raise KeyRefused(f"{what} {path} can be read by others; run: chmod 600 {path}")
        return path.read_text()
    except FileNotFoundError:
        raise KeyRefused(f"{what} {path} is missing; {remedy}") from None
    except (OSError, ValueError):
        raise KeyRefused(f"{what} {path} cannot be read; {remedy}") from None


def read_secret(path: Path, what: str, remedy: str) -> dict[str, object]:
    """A JSON file only its owner can read. Raises KeyRefused, one line, when missing, readable by others or broken."""
    text = read_private(path, what, remedy)
    try:
        content = json.loads(text)
    except ValueError:
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


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """One process at a time, for reading and writing again: of two that add an epoch neither may lose the other's."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)
