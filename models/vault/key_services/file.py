"""Root keys in root.json itself: the key is its own name, and taking it out of the file destroys it."""

import base64
import secrets

from models.vault.cells import unwrap, wrap


class FileKeys:
    """AES-256-GCM on this machine."""

    label = "the root key file"

    def create(self) -> str:
        """Make 32 random bytes, base64."""
        return base64.b64encode(secrets.token_bytes(32)).decode()

    def wrap(self, name: str, key: bytes, at: bytes) -> bytes:
        """61 bytes (see cells)."""
        return wrap(base64.b64decode(name), key, at)

    def unwrap(self, name: str, wrapped: bytes, at: bytes) -> bytes:
        """Open a wrapped key. Raises WrapRefused."""
        return unwrap(base64.b64decode(name), wrapped, at)

    def destroy(self, name: str) -> None:
        """Nothing to do here: RootKeys takes the key out of the file."""
