"""The service's own secrets: token signing, password pepper, look-up tags, cursors. One 0600 file."""

import base64
import hmac
import secrets
import unicodedata
from hashlib import sha256
from pathlib import Path
from typing import Any, cast
from uuid import UUID

from models.errors import KeyRefused
from models.vault.cells import lp
from models.vault.files import read_secret, write_secret

PURPOSES = ("sign_in_index", "fingerprint", "cursor", "refresh")


class ServiceKeys:
    """`{"tokens": {"active": kid, "keys": {kid: b64}}, "pepper": {"active": n, "keys": {n: b64}}, purpose: b64 …}`."""

    REMEDY = "restore it from your key backup: no password or session made under it is valid without it"

    def __init__(self, path: Path) -> None:
        content = read_secret(path, "service key file", self.REMEDY)
        try:
            self._keys = {name: _key(content[name]) for name in PURPOSES}
            self.token_kid, self.token_keys = _versioned(content["tokens"])
            pepper, peppers = _versioned(content["pepper"])
            self.pepper, self.peppers = int(pepper), {int(n): key for n, key in peppers.items()}
        except (KeyError, ValueError, TypeError, AttributeError):
            raise KeyRefused(f"service key file {path} is damaged; restore it from your key backup") from None

    @classmethod
    def create(cls, path: Path) -> "ServiceKeys":
        """Make every secret anew in a new file. Raises KeyRefused when the file is there."""
        if path.exists():
            raise KeyRefused(f"service key file {path} is there already; nothing was changed")
        kid = secrets.token_hex(4)
        content: dict[str, Any] = {name: _fresh() for name in PURPOSES}
        content["tokens"] = {"active": kid, "keys": {kid: _fresh()}}
        content["pepper"] = {"active": "1", "keys": {"1": _fresh()}}
        write_secret(path, content)
        return cls(path)

    def email_tag(self, email: str) -> bytes:
        """The look-up tag of a staff address: equal for equal addresses in any case, useless without the key."""
        normal = unicodedata.normalize("NFC", email).strip().casefold()
        return self._mac("sign_in_index", normal.encode())

    def fingerprint(self, *parts: bytes) -> bytes:
        """A keyed digest of a request, so that a stored idempotency key tells nothing of a body that was sent."""
        return self._mac("fingerprint", lp_long(*parts))

    def cursor_mac(self, *parts: bytes) -> bytes:
        """Binds a cursor to the agency, filters and order it was made for (16 bytes)."""
        return self._mac("cursor", lp_long(*parts))[:16]

    def refresh_secret(self, session_id: UUID, generation: int) -> bytes:
        """The refresh secret of a session's generation: derived, so a lost answer can be repeated unstored."""
        return self._mac("refresh", lp(session_id.bytes, generation.to_bytes(8, "big")))

    def link_secret(self, kind: str, row_id: UUID, generation: int) -> bytes:
        """The secret of a link (32 bytes): derived, so that a mail can be written again and nothing stored opens it."""
        data = lp(kind.encode(), row_id.bytes, generation.to_bytes(8, "big"))
        return hmac.digest(self._keys["refresh"], b"waypost.link.1" + data, sha256)

    def peppered(self, password: str, version: int) -> str:
        """HMAC of a password under the pepper, as text: a stolen database alone cannot be guessed against."""
        digest = hmac.digest(self.peppers[version], unicodedata.normalize("NFC", password).encode(), sha256)
        return base64.b64encode(digest).decode()

    def _mac(self, purpose: str, data: bytes) -> bytes:
        return hmac.digest(self._keys[purpose], b"waypost." + purpose.encode() + b".1" + data, sha256)


def lp_long(*parts: bytes) -> bytes:
    """Length-prefixed parts of any size (u64 big-endian)."""
    return b"".join(len(part).to_bytes(8, "big") + part for part in parts)


def _fresh() -> str:
    return base64.b64encode(secrets.token_bytes(32)).decode()


def _key(text: object) -> bytes:
    key = base64.b64decode(str(text), validate=True)
    if len(key) != 32:
        raise ValueError
    return key


def _versioned(content: object) -> tuple[str, dict[str, bytes]]:
    stored = cast(dict[str, Any], content)
    keys = {name: _key(text) for name, text in stored["keys"].items()}
    if stored["active"] not in keys:
        raise ValueError
    return str(stored["active"]), keys
