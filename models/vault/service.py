"""The service's own secrets: token signing, password pepper, look-up tags, cursors. One 0600 file."""

import base64
import hmac
import secrets
import time
import unicodedata
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any, cast
from uuid import UUID

from models.errors import KeyRefused
from models.vault.cells import lp
from models.vault.files import alone, read_secret, write_secret

PURPOSES = ("sign_in_index", "fingerprint", "cursor", "refresh")


LOOK_AGAIN = 1.0  # seconds until the file is looked at again; at once for a key nobody here knows
RETIRED_FOR = timedelta(minutes=15)  # longer than any access token is good for
Stamp = tuple[int, int, int]


@dataclass(frozen=True)
class _Table:
    """service.json as it was read."""

    stamp: Stamp
    keys: dict[str, bytes] = field(repr=False)
    token_kid: str
    token_keys: dict[str, bytes] = field(repr=False)
    retired: dict[str, datetime]
    pepper: int
    peppers: dict[int, bytes] = field(repr=False)


class ServiceKeys:
    """`{"tokens": {"active": kid, "next": kid, "keys": {kid: b64}, "retired": {kid: when}}, "pepper": {"active": n,
    "next": n, "keys": {n: b64}}, purpose: b64 …}`. The file is read again when it was changed, so that every process
    follows a rotation. The next key is in it before it signs anything, so that machines that get copies of the file
    know a key before they meet it."""

    REMEDY = "restore it from your key backup: no password or session made under it is valid without it"

    def __init__(self, path: Path) -> None:
        self.path = path
        self._table = self._load()
        self._looked = time.monotonic()

    @classmethod
    def create(cls, path: Path) -> "ServiceKeys":
        """Make every secret anew in a new file. Raises KeyRefused when the file is there."""
        if path.exists():
            raise KeyRefused(f"service key file {path} is there already; nothing was changed")
        kid, coming = secrets.token_hex(4), secrets.token_hex(4)
        content: dict[str, Any] = {name: _fresh() for name in PURPOSES}
        content["tokens"] = {"active": kid, "next": coming, "keys": {kid: _fresh(), coming: _fresh()}}
        content["pepper"] = {"active": "1", "next": "2", "keys": {"1": _fresh(), "2": _fresh()}}
        write_secret(path, content)
        return cls(path)

    # -- which keys ---------------------------------------------------------------------------------------------

    @property
    def token_kid(self) -> str:
        """The id of the key that signs access tokens now."""
        return self._now().token_kid

    @property
    def token_keys(self) -> dict[str, bytes]:
        """The keys an access token may be signed with: next, active, and what was retired a moment ago. The same object
        until one of them changes."""
        return self._now().token_keys

    def token_key(self, kid: str) -> bytes:
        """One of them; the file is looked at again for one nobody here knows. KeyError."""
        if kid not in self._now().token_keys:
            self._look()
        return self._table.token_keys[kid]

    @property
    def pepper(self) -> int:
        """The pepper new hashes are made with."""
        return self._now().pepper

    @property
    def peppers(self) -> dict[int, bytes]:
        """Every pepper by its number: an older hash still needs its own."""
        return self._now().peppers

    def rotate_tokens(self, *, urgent: bool = False) -> bool:
        """The next key signs from now on, and there is a new next one. Tokens signed before stay good until they run
        out; with `urgent` they do not: everybody's access token is refused and renewed. Returns False, with nothing
        signing anew, for a file from before there was a next key: it has one now."""
        with alone(self.path.parent):
            content = self._content()
            tokens = content["tokens"]
            now = datetime.now(UTC)
            retired = {} if urgent else _lately(tokens.get("retired", {}), now)
            if urgent:  # whoever has the file has the next key too
                tokens |= {"next": secrets.token_hex(4), "keys": {}}
                tokens["keys"][tokens["next"]] = _fresh()
            if begun := "next" in tokens:
                if not urgent:
                    retired[tokens["active"]] = now.isoformat(timespec="seconds")
                keep = {tokens["next"], *retired}
                tokens["keys"] = {kid: key for kid, key in tokens["keys"].items() if kid in keep}
                tokens |= {"active": tokens["next"], "retired": retired}
            tokens["next"] = secrets.token_hex(4)
            tokens["keys"][tokens["next"]] = _fresh()
            self._write(content)
        return begun

    def rotate_pepper(self, *, urgent: bool = False) -> bool:
        """The next pepper is under every hash made from now on, and there is a new next one; with `urgent` it is one
        that nobody has seen. Older ones stay: each person's hash is made anew when she signs in. Returns as
        `rotate_tokens` does."""
        with alone(self.path.parent):
            content = self._content()
            pepper = content["pepper"]
            if urgent:
                pepper["next"] = str(max(map(int, pepper["keys"])) + 1)
                pepper["keys"][pepper["next"]] = _fresh()
            if begun := "next" in pepper:
                pepper["active"] = pepper["next"]
            pepper["next"] = str(max(map(int, pepper["keys"])) + 1)
            pepper["keys"][pepper["next"]] = _fresh()
            self._write(content)
        return begun

    def _now(self) -> _Table:
        if time.monotonic() - self._looked > LOOK_AGAIN:
            self._look()
        return self._table

    def _look(self) -> None:
        """Read the file if it was changed, or a retired key ran out. While it cannot be read, what it said before."""
        self._looked = time.monotonic()
        ran_out = any(datetime.now(UTC) - at > RETIRED_FOR for at in self._table.retired.values())
        if _stamp(self.path) not in (self._table.stamp, _GONE) or ran_out:
            with suppress(KeyRefused):
                self._table = self._load()

    def _content(self) -> dict[str, Any]:
        return dict(read_secret(self.path, "service key file", self.REMEDY))

    def _write(self, content: dict[str, Any]) -> None:
        write_secret(self.path, content)
        self._table = self._load()

    def _load(self) -> _Table:
        stamp = _stamp(self.path)  # before reading: what is written meanwhile is read the next time
        content = self._content()
        try:
            keys = {name: _key(content[name]) for name in PURPOSES}
            kid, token_keys = _versioned(content["tokens"])
            retired = {name: datetime.fromisoformat(at) for name, at in content["tokens"].get("retired", {}).items()}
            now = datetime.now(UTC)
            token_keys = {n: k for n, k in token_keys.items() if n not in retired or now - retired[n] <= RETIRED_FOR}
            retired = {name: at for name, at in retired.items() if name in token_keys}
            pepper, peppers = _versioned(content["pepper"])
            numbered = {int(n): key for n, key in peppers.items()}
            return _Table(stamp, keys, kid, token_keys, retired, int(pepper), numbered)
        except (KeyError, ValueError, TypeError, AttributeError):
            raise KeyRefused(f"service key file {self.path} is damaged; restore it from your key backup") from None

    # -- what they are for --------------------------------------------------------------------------------------

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
        return hmac.digest(self._table.keys["refresh"], b"waypost.link.1" + data, sha256)

    def recovery_tag(self, user_id: UUID, code: str) -> bytes:
        """The hash of a person's recovery code: without the key nobody can plant one in the database."""
        return self._derived("recovery", lp_long(user_id.bytes, code.encode()))

    def throttle_tag(self, kind: bytes, *parts: bytes) -> bytes:
        """The name of a count of failed tries, telling neither account nor network; also what a device token holds."""
        return self._derived("throttle", lp_long(kind, *parts))

    def peppered(self, password: str, version: int, user_id: UUID | None = None) -> str:
        """HMAC of a password under a pepper, as text: a stolen database alone cannot be guessed against. With whose it
        is, her hash is nobody else's; hashes from before that have none. KeyError for a pepper nobody here knows."""
        plain = unicodedata.normalize("NFC", password).encode()
        if version not in self._now().peppers:
            self._look()
        bound = plain if user_id is None else b"waypost.password.2" + lp_long(user_id.bytes, plain)
        return base64.b64encode(hmac.digest(self._table.peppers[version], bound, sha256)).decode()

    def _mac(self, purpose: str, data: bytes) -> bytes:
        return hmac.digest(self._table.keys[purpose], b"waypost." + purpose.encode() + b".1" + data, sha256)

    def _derived(self, purpose: str, data: bytes) -> bytes:
        """A tag for a purpose that is younger than the file: under a key made from an older one's."""
        key = hmac.digest(self._table.keys["sign_in_index"], b"waypost.key." + purpose.encode(), sha256)
        return hmac.digest(key, data, sha256)


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


def _lately(retired: dict[str, str], now: datetime) -> dict[str, str]:
    return {kid: at for kid, at in retired.items() if now - datetime.fromisoformat(at) <= RETIRED_FOR}


_GONE: Stamp = (0, 0, 0)


def _stamp(path: Path) -> Stamp:
    """Changes with every write. A file that is not there has one too."""
    try:
        found = path.stat()
    except OSError:
        return _GONE
    return (found.st_ino, found.st_ctime_ns, found.st_mtime_ns)
