"""Root keys in HashiCorp Vault's transit engine: a key of its own for each epoch, with associated data."""

import base64
import secrets
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import requests

from models.errors import KeyRefused, WrapRefused
from models.vault.files import read_private
from models.vault.key_services import web
from models.vault.key_services.contract import denied, gone, must_be_private, strange


class VaultTransit:
    """A transit engine, by its address: https://host:8200/transit, with a namespace https://host:8200/team/transit."""

    label = "HashiCorp Vault"

    def __init__(self, at: str, token_file: Path | None) -> None:
        address = must_be_private(at, self.label)
        mount = urlsplit(address).path.strip("/")
        if not mount:
            form = "vault-transit:https://host:8200/transit"
            raise KeyRefused(f"{self.label} needs the path of its transit engine; write it as {form}")
        if token_file is None:
            raise KeyRefused(f"{self.label} needs a token; set WAYPOST_VAULT_TOKEN_FILE to a file (0600) that holds it")
        self._url = f"{address.removesuffix('/' + mount)}/v1/{mount}/"
        self._token_file, self._session = token_file, requests.Session()
        self._session.trust_env = False  # no proxy and no .netrc gets to see a token or a key

    def create(self) -> str:
        """Make a key that cannot be exported. Returns its name."""
        name = f"waypost-{secrets.token_hex(8)}"
        self._ask("POST", f"keys/{name}", {"type": "aes256-gcm96"})
        return name

    def wrap(self, name: str, key: bytes, at: bytes) -> bytes:
        """Vault's own ciphertext, `vault:v1:...`, 89 bytes."""
        told = self._ask("POST", f"encrypt/{quote(name)}", {"plaintext": _text(key), "associated_data": _text(at)})
        return self._data(told, "ciphertext").encode()

    def unwrap(self, name: str, wrapped: bytes, at: bytes) -> bytes:
        """Open a wrapped key. Raises WrapRefused; KeyRefused; KeysAway."""
        sealed = {"ciphertext": wrapped.decode(errors="replace"), "associated_data": _text(at)}
        told = self._ask("POST", f"decrypt/{quote(name)}", sealed, opening=True)
        try:
            return base64.b64decode(self._data(told, "plaintext"), validate=True)
        except ValueError:
            raise strange(self.label, "plaintext") from None

    def destroy(self, name: str) -> None:
        """Gone at once from Vault, though not from backups of Vault."""
        self._ask("POST", f"keys/{quote(name)}/config", {"deletion_allowed": True}, already=True)
        self._ask("DELETE", f"keys/{quote(name)}", None, already=True)

    def _ask(
        self, method: str, path: str, body: object, *, opening: bool = False, already: bool = False
    ) -> dict[str, Any]:
        # Read for each call: tokens expire, and an agent that renews them writes the file anew.
        token = read_private(self._token_file, "Vault token file", "write the token there, and chmod 600").strip()
        headers = {"X-Vault-Token": token, "X-Vault-Request": "true"}
        status, told = web.call(self._session, self.label, method, self._url + path, body, headers)
        missing = _is_missing(status, told)
        if status < 300 or (missing and already):
            return told
        if missing:
            raise gone(self.label, f"status {status}")
        if status == 400 and opening:
            raise WrapRefused
        raise denied(self.label, f"status {status}")

    def _data(self, told: dict[str, Any], field: str) -> str:
        data = told.get("data")
        if not isinstance(data, dict) or not isinstance(data.get(field), str):
            raise strange(self.label, f"no {field}")
        return str(data[field])


def _is_missing(status: int, told: dict[str, Any]) -> bool:
    """Vault answers 400 for a key that is not there as for a wrapped key that does not open; its words differ."""
    words = str(told.get("errors")).lower()
    return status in (400, 404) and ("not found" in words or "no existing key" in words)


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()
