"""The checkpoint key: it signs how long each agency's log is and its root, as C2SP signed notes; one 0600 file."""

import base64
import os
import threading
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from models.errors import KeyRefused
from models.ledger.offline import Key, checkpoint_text, signature_line
from models.vault.files import read_secret, write_secret

REMEDY = (
    "restore it from your key backup, or if this installation is older than checkpoints make it with: "
    "python -m api keys new --checkpoint"
)


@dataclass(frozen=True)
class _Held:
    """What the file says: whose logs, the private keys that sign (two while the key is being changed, the old one
    first), and the public keys that signed before, oldest first, with the agencies whose logs they signed."""

    host: str
    signing: tuple[Ed25519PrivateKey, ...]
    ended: tuple[tuple[bytes, frozenset[str]], ...]


class Notary:
    """Signs checkpoints. The file is looked at before each signature, so that every process follows a change of key
    at once: `{"host": …, "secret": b64, "next": b64 or null, "ended": [{"public": b64, "ended_at": …, "sizes": {…}}]}`.

    `host` is the first part of every log's name. It stays what it was when the key was made: a log does not change its
    name because the service moved to another address."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.Lock()
        self._held, self._seen = self._read(), self._state()

    @classmethod
    def create(cls, path: Path, host: str) -> "Notary":
        """Make the first key in a new file. Raises KeyRefused when the file is there: a key is never overwritten."""
        if path.exists():
            raise KeyRefused(f"checkpoint key file {path} is there already; nothing was changed")
        write_secret(path, {"host": host, "secret": _fresh(), "next": None, "ended": []})
        return cls(path)

    def origin(self, agency_id: UUID) -> str:
        """The name of an agency's log, and of the key that signs for it."""
        return f"{self._held.host}/audit/{agency_id}"

    def keys(self, agency_id: UUID) -> list[Key]:
        """The verifier keys of a log, oldest first."""
        held, name = self._now(), self.origin(agency_id)
        before = [public for public, agencies in held.ended if str(agency_id) in agencies]
        publics = [*before, *(_public(key) for key in held.signing)]
        return [Key(name, public) for public in publics]

    def sign(self, agency_id: UUID, size: int, root: bytes) -> str:
        """A checkpoint. The same head gives the same text, whoever asks."""
        held, name = self._now(), self.origin(agency_id)
        text = checkpoint_text(name, size, root)
        lines = [signature_line(Key(name, _public(key)), key.sign(text.encode())) for key in held.signing]
        return text + "\n" + "".join(lines)

    @property
    def changing(self) -> bool:
        """Whether a change of key was begun and not ended: notes carry two signatures until then."""
        return len(self._now().signing) > 1

    def begin_change(self) -> None:
        """From now on a new key signs beside the old one, here and in every other process; begun once only."""
        content = self._content()
        if content["next"] is None:
            write_secret(self.path, content | {"next": _fresh()})

    def end_change(self, sizes: dict[str, int]) -> None:
        """The new key alone signs from now on. `sizes`: by agency, how many entries the last note of both covers."""
        content = self._content()
        if content["next"] is None:
            return
        old = {
            "public": _encoded(_public(_private(content["secret"]))),
            "ended_at": datetime.now(UTC).isoformat(timespec="seconds"),
            "sizes": sizes,
        }
        ended = [*content["ended"], old]
        write_secret(self.path, {"host": content["host"], "secret": content["next"], "next": None, "ended": ended})

    def _now(self) -> _Held:
        """What the file says now; while it cannot be read, what it said before."""
        with self._lock:
            if (state := self._state()) not in (self._seen, None):
                self._held, self._seen = self._read(), state
            return self._held

    def _state(self) -> tuple[int, int] | None:
        try:
            found = os.stat(self.path)  # noqa: PTH116 - asked for each signature
        except OSError:
            return None
        return found.st_ino, found.st_mtime_ns

    def _content(self) -> dict[str, Any]:
        return dict(read_secret(self.path, "checkpoint key file", REMEDY))

    def _read(self) -> _Held:
        content = self._content()
        try:
            signing = [content["secret"], *([content["next"]] if content["next"] else [])]
            ended = tuple(
                (base64.b64decode(old["public"], validate=True), frozenset(old["sizes"])) for old in content["ended"]
            )
            held = _Held(str(content["host"]), tuple(_private(text) for text in signing), ended)
            if any(len(public) != 32 for public, _ in ended) or not held.host or set(held.host) & set(" +\n"):
                raise ValueError
        except (KeyError, ValueError, TypeError):
            raise KeyRefused(f"checkpoint key file {self.path} is damaged; restore it from your key backup") from None
        return held


def _fresh() -> str:
    return _encoded(Ed25519PrivateKey.generate().private_bytes_raw())


def _encoded(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


def _private(text: object) -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(base64.b64decode(str(text), validate=True))


def _public(key: Ed25519PrivateKey) -> bytes:
    return key.public_key().public_bytes_raw()
