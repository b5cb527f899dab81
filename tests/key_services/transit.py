"""HashiCorp Vault's transit engine: tokens, capabilities, key types, base64 and associated data as Vault checks them."""

import base64
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from tests.key_services.http import Answer, StandIn, serving

NONE = b""


def _no(*words: str, status: int = 400) -> Answer:
    return status, {"errors": list(words)}


class Transit:
    """The engine under the path `transit`. The token may create and delete keys named waypost-…, and update, never
    create, at encrypt and decrypt: so an unknown key is not made by encrypting under it."""

    def __init__(self, token: str, *, knows_places: bool = True) -> None:
        self.tokens, self.knows_places = {token}, knows_places
        self.keys: dict[str, dict[str, Any]] = {}

    def answer(self, method: str, path: str, headers: dict[str, str], body: Any) -> Answer:  # noqa: PLR0911
        """As Vault would."""
        found = re.fullmatch(r"/v1/transit/(keys|encrypt|decrypt)/(waypost-[0-9a-f]+)(/config)?", path)
        if headers.get("x-vault-request") != "true":
            return _no("missing required header", status=412)
        if headers.get("x-vault-token") not in self.tokens:
            return _no("2 errors occurred:\n\t* permission denied\n\t* invalid token\n\n", status=403)
        if not found:
            return _no(f'no handler for route "{path}". route entry not found.', status=404)
        what, name, config = found.groups()
        if what == "keys":
            return self._manage(method, name, body, config=bool(config))
        if method not in ("POST", "PUT"):
            return _no("unsupported operation", status=405)
        if name not in self.keys:
            return (
                _no("encryption key not found") if what == "decrypt" else _no("1 error: permission denied", status=403)
            )
        return self._encrypt(name, body) if what == "encrypt" else self._decrypt(name, body)

    def _manage(self, method: str, name: str, body: Any, *, config: bool) -> Answer:
        if config:
            assert body == {"deletion_allowed": True}
            if name not in self.keys:
                return _no(f"no existing key named {name} could be found")
            self.keys[name]["deletable"] = True
            return 200, {"data": {"name": name, "deletion_allowed": True}}
        if method == "POST":
            assert body == {"type": "aes256-gcm96"}
            self.keys.setdefault(name, {"cipher": AESGCM(os.urandom(32)), "deletable": False})
            return 200, {"data": {"name": name, "type": "aes256-gcm96", "exportable": False}}
        assert method == "DELETE"
        if name not in self.keys:
            return _no(f"could not delete key; not found: {name}")
        if not self.keys[name]["deletable"]:
            return _no("error deleting policy " + name + ": deletion is not allowed for this key")
        del self.keys[name]
        return 204, {}

    def _place(self, body: dict[str, str]) -> bytes:
        return base64.b64decode(body["associated_data"], validate=True) if self.knows_places else NONE

    def _encrypt(self, name: str, body: dict[str, str]) -> Answer:
        assert set(body) == {"plaintext", "associated_data"}
        nonce, plain = os.urandom(12), base64.b64decode(body["plaintext"], validate=True)
        sealed = nonce + self.keys[name]["cipher"].encrypt(nonce, plain, self._place(body))
        return 200, {"data": {"ciphertext": "vault:v1:" + base64.b64encode(sealed).decode(), "key_version": 1}}

    def _decrypt(self, name: str, body: dict[str, str]) -> Answer:
        assert set(body) == {"ciphertext", "associated_data"}
        if not body["ciphertext"].startswith("vault:v"):
            return _no("invalid ciphertext: no prefix")
        if not body["ciphertext"].startswith("vault:v1:"):
            return _no("invalid ciphertext: version is too new")
        try:
            sealed = base64.b64decode(body["ciphertext"][9:], validate=True)
            plain = self.keys[name]["cipher"].decrypt(sealed[:12], sealed[12:], self._place(body))
        except ValueError:
            return _no("invalid ciphertext: could not decode base64")
        except InvalidTag:
            return _no("cipher: message authentication failed")
        return 200, {"data": {"plaintext": base64.b64encode(plain).decode()}}


@contextmanager
def vault(folder: Path, *, knows_places: bool = True) -> Iterator[StandIn]:
    """A Vault with a token in a 0600 file."""
    token_file = folder / "vault-token"
    token_file.write_text("hvs.invented-token\n")
    token_file.chmod(0o600)
    engine = Transit("hvs.invented-token", knows_places=knows_places)
    service = StandIn("", {"WAYPOST_VAULT_TOKEN_FILE": str(token_file)}, token_file)
    service.forbid = engine.tokens.clear
    service.at = lambda url: (f"vault-transit:{url}/transit", {})
    with serving(engine.answer, service) as url:
        service.spec = f"vault-transit:{url}/transit"
        yield service
