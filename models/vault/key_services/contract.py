"""What every key service does in four calls, and the lines in which it refuses."""

import re
from ipaddress import ip_address
from typing import Protocol
from urllib.parse import urlsplit

from models.errors import KeyRefused, KeysAway

CONNECT, READ = 3.0, 3.0  # seconds for one attempt


class KeyService(Protocol):
    """The four calls. Every epoch is a key of its own, which has a name in its service."""

    label: str

    def create(self) -> str:
        """Make a new root key. Returns its name (for a file the key itself, base64)."""

    def wrap(self, name: str, key: bytes, at: bytes) -> bytes:
        """Wrap a key under the root key of this name, bound to `at`."""

    def unwrap(self, name: str, wrapped: bytes, at: bytes) -> bytes:
        """Open a wrapped key. Raises WrapRefused for other bytes, another name or another `at`."""

    def destroy(self, name: str) -> None:
        """Destroy a root key, as soon as the service allows. Destroying it again is no error."""


def away(label: str, why: str) -> KeysAway:
    """The service cannot be reached or is too busy: time may mend it."""
    return KeysAway(f"{label} does not answer ({why})")


def denied(label: str, code: str) -> KeyRefused:
    """The service knows us not, or does not let us."""
    return KeyRefused(
        f"{label} denies access ({code}); check the credentials and permissions against docs/keys-to-a-kms.md"
    )


def gone(label: str, code: str) -> KeyRefused:
    """The root key is disabled, about to be destroyed, or no longer there."""
    return KeyRefused(
        f"{label} has no such key, or it is disabled or destroyed ({code}); enable or restore it there if that is "
        "still possible"
    )


def strange(label: str, what: str) -> KeyRefused:
    """The service answered, and not as it should."""
    return KeyRefused(f"{label} gave an answer that is not understood ({what}); check its address and version")


def code(text: object, status: int) -> str:
    """A service's own word for an error if it is one word, else the status: nothing more of its answer is repeated."""
    return text if isinstance(text, str) and re.fullmatch(r"[A-Za-z_]{1,60}", text) else f"status {status}"


def must_be_private(url: str, label: str) -> str:
    """The address without its last slash. Raises KeyRefused unless it is https, or http to this machine."""
    parts = urlsplit(url)
    plain = parts.scheme == "http" and _is_loopback(parts.hostname or "")
    if not parts.hostname or parts.query or parts.fragment or parts.username or not (parts.scheme == "https" or plain):
        raise KeyRefused(f"the address of {label} is not https; write it as https://host:port")
    return url.rstrip("/")


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
