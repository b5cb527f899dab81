"""Google Cloud KMS over REST: a signed assertion for a token, resource names, checksums, states and error bodies."""

import base64
import json
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import google_crc32c
from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from tests.key_services.http import Answer, StandIn, serving

KEY = "projects/harbor-example/locations/us-east4/keyRings/waypost/cryptoKeys/root"
ACCOUNT = "waypost@harbor-example.iam.gserviceaccount.example"


def _no(status: int, word: str, message: str = "") -> Answer:
    return status, {"error": {"code": status, "status": word, "message": message}}


def _bytes(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


class Kms:
    """One symmetric CryptoKey and its versions."""

    def __init__(self, public: rsa.RSAPublicKey) -> None:
        self.public, self.tokens, self.allowed = public, set[str](), True
        self.versions: dict[str, dict[str, Any]] = {}

    def answer(self, method: str, path: str, headers: dict[str, str], body: Any) -> Answer:  # noqa: PLR0911
        """As Google would."""
        if path == "/token":
            return self._token(body)
        if headers.get("authorization", "").removeprefix("Bearer ") not in self.tokens:
            return _no(401, "UNAUTHENTICATED")
        if not self.allowed:
            return _no(403, "PERMISSION_DENIED", f"Permission denied on resource '{KEY}'")
        assert method == "POST"
        assert headers["content-type"] == "application/json"
        if path == f"/v1/{KEY}/cryptoKeyVersions":
            return self._make(body)
        if path == f"/v1/{KEY}:decrypt":
            return self._decrypt(body)
        found = re.fullmatch(rf"/v1/({KEY}/cryptoKeyVersions/\d+):(encrypt|destroy)", path)
        if not found:
            return _no(404, "NOT_FOUND")
        name, verb = found.groups()
        if name not in self.versions:
            return _no(404, "NOT_FOUND", f"CryptoKeyVersion {name} not found.")
        if self.versions[name]["state"] != "ENABLED":
            return _no(400, "FAILED_PRECONDITION", f"{name} is not enabled, current state is: DESTROY_SCHEDULED.")
        return self._encrypt(name, body) if verb == "encrypt" else self._destroy(name, body)

    def _token(self, form: str) -> Answer:
        sent = parse_qs(form)
        assert sent["grant_type"] == ["urn:ietf:params:oauth:grant-type:jwt-bearer"]
        signed, _, signature = sent["assertion"][0].rpartition(".")
        claims = json.loads(_bytes(signed.split(".")[1]))
        assert claims["scope"] == "https://www.googleapis.com/auth/cloudkms"
        try:
            self.public.verify(_bytes(signature), signed.encode(), padding.PKCS1v15(), hashes.SHA256())
        except InvalidSignature:
            return 400, {"error": "invalid_grant", "error_description": "Invalid JWT Signature."}
        token = os.urandom(16).hex()
        self.tokens.add(token)
        return 200, {"access_token": token, "expires_in": 3600, "token_type": "Bearer"}

    def _make(self, body: Any) -> Answer:
        assert body == {}
        name = f"{KEY}/cryptoKeyVersions/{len(self.versions) + 1}"
        self.versions[name] = {"cipher": AESGCM(os.urandom(32)), "state": "ENABLED"}
        return 200, {"name": name, "state": "ENABLED", "protectionLevel": "SOFTWARE"}

    def _destroy(self, name: str, body: Any) -> Answer:
        assert body == {}
        self.versions[name]["state"] = "DESTROY_SCHEDULED"
        return 200, {"name": name, "state": "DESTROY_SCHEDULED"}

    def _encrypt(self, name: str, body: dict[str, str]) -> Answer:
        plain, at = _checked(body, "plaintext"), _checked(body, "additionalAuthenticatedData")
        if plain is None or at is None:
            return _no(400, "INVALID_ARGUMENT", "The checksum did not match.")
        nonce = os.urandom(12)
        number = int(name.rpartition("/")[2]).to_bytes(4)
        sealed = number + nonce + self.versions[name]["cipher"].encrypt(nonce, plain, at)
        verified = {"verifiedPlaintextCrc32c": True, "verifiedAdditionalAuthenticatedDataCrc32c": True}
        return 200, {"name": name, "protectionLevel": "SOFTWARE"} | verified | _told("ciphertext", sealed)

    def _decrypt(self, body: dict[str, str]) -> Answer:
        sealed, at = _checked(body, "ciphertext"), _checked(body, "additionalAuthenticatedData")
        if sealed is None or at is None:
            return _no(400, "INVALID_ARGUMENT", "The checksum did not match.")
        version = self.versions.get(f"{KEY}/cryptoKeyVersions/{int.from_bytes(sealed[:4])}")
        if version is None:
            return _no(400, "INVALID_ARGUMENT", "Decryption failed: the ciphertext is invalid.")
        if version["state"] != "ENABLED":
            return _no(400, "FAILED_PRECONDITION", "The version is not enabled.")
        try:
            plain = version["cipher"].decrypt(sealed[4:16], sealed[16:], at)
        except (InvalidTag, ValueError):
            return _no(400, "INVALID_ARGUMENT", "Decryption failed: the ciphertext is invalid.")
        return 200, {"usedPrimary": False, "protectionLevel": "SOFTWARE"} | _told("plaintext", plain)


def _checked(body: dict[str, str], field: str) -> bytes | None:
    """The field, if its checksum is right. Both have to be there."""
    data = base64.b64decode(body[field], validate=True)
    return data if int(body[f"{field}Crc32c"]) == google_crc32c.value(data) else None


def _told(field: str, data: bytes) -> dict[str, str]:
    return {field: base64.b64encode(data).decode(), f"{field}Crc32c": str(google_crc32c.value(data))}


@contextmanager
def gcp(folder: Path) -> Iterator[StandIn]:
    """A KMS that knows one service account, whose key file is where google-auth looks for it."""
    private = rsa.generate_private_key(65537, 2048)
    kms = Kms(private.public_key())
    account = folder / "account.json"
    service = StandIn("", {"GOOGLE_APPLICATION_CREDENTIALS": str(account)})

    def forbid() -> None:
        kms.allowed = False

    service.forbid = forbid
    service.at = lambda url: (f"gcp-kms:{url}/{KEY}", {})
    pem = private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    with serving(kms.answer, service) as url:
        known = {"type": "service_account", "client_email": ACCOUNT, "token_uri": f"{url}/token", "private_key_id": "1"}
        account.write_text(json.dumps(known | {"private_key": pem.decode(), "project_id": "harbor-example"}))
        service.spec = f"gcp-kms:{url}/{KEY}"
        yield service
