"""Root keys in Google Cloud KMS: a version of one key for each epoch; checksums go along both ways."""

import base64
import binascii
import re
from typing import Any

import google.auth
import google_crc32c
import requests
from google.auth.exceptions import GoogleAuthError, TransportError
from google.auth.transport.requests import Request

from models.errors import KeyRefused, KeysAway, WrapRefused
from models.vault.cells import lp
from models.vault.key_services import web
from models.vault.key_services.contract import away, code, denied, gone, must_be_private, strange

ENDPOINT = "https://cloudkms.googleapis.com"
SCOPE = "https://www.googleapis.com/auth/cloudkms"
_KEY = re.compile(r"(?:(https?://[^/]+)/)?(projects/[^/]+/locations/[^/]+/keyRings/[^/]+/cryptoKeys/[^/]+)")


class GcpKms:
    """One CryptoKey, through google-auth with its default chain of credentials and the REST interface of KMS.

    An epoch is a version and no CryptoKey of its own: rights are given for a CryptoKey, so that Waypost needs none on a
    whole key ring. The service finds the version by the ciphertext, so its name goes into the associated data: a
    wrapped key opens under its own epoch only."""

    def __init__(self, at: str) -> None:
        self.label = "Google Cloud KMS"
        found = _KEY.fullmatch(at)
        if not found:
            form = "gcp-kms:projects/P/locations/L/keyRings/R/cryptoKeys/K"
            raise KeyRefused(f"{self.label} needs the name of a key; write it as {form}")
        endpoint, self._key = found.groups()
        self._url = must_be_private(endpoint or ENDPOINT, self.label) + "/v1/"
        self._session = requests.Session()
        self._session.trust_env = False  # no proxy and no .netrc gets to see a token or a key
        self._credentials: Any = None

    def create(self) -> str:
        """Make a version of the key. Returns its whole name."""
        return str(self._ask(f"{self._key}/cryptoKeyVersions", {})["name"])

    def wrap(self, name: str, key: bytes, at: bytes) -> bytes:
        """Google's own ciphertext, about 110 bytes. Raises KeyRefused when a checksum or the key's name differs."""
        sent = _checked("plaintext", key) | _checked("additionalAuthenticatedData", lp(name.encode()) + at)
        told = self._ask(f"{name}:encrypt", sent)
        verified = ("verifiedPlaintextCrc32c", "verifiedAdditionalAuthenticatedDataCrc32c")
        if told.get("name") != name or not all(told.get(field) is True for field in verified):
            raise strange(self.label, "not verified")
        return self._received("ciphertext", told)

    def unwrap(self, name: str, wrapped: bytes, at: bytes) -> bytes:
        """Open a wrapped key. Raises WrapRefused; KeyRefused; KeysAway."""
        key = name.rpartition("/cryptoKeyVersions/")[0]
        sent = _checked("ciphertext", wrapped) | _checked("additionalAuthenticatedData", lp(name.encode()) + at)
        return self._received("plaintext", self._ask(f"{key}:decrypt", sent, opening=True))

    def destroy(self, name: str) -> None:
        """Unusable at once, destroyed after the days set on the key (30 unless it was made with fewer)."""
        self._ask(f"{name}:destroy", {}, already=True)

    def _ask(self, path: str, body: dict[str, str], *, opening: bool = False, already: bool = False) -> dict[str, Any]:
        try:
            status, told = web.call(self._session, self.label, "POST", self._url + path, body, self._signed_in())
        except TransportError as error:
            raise away(self.label, type(error).__name__) from None
        except GoogleAuthError as error:
            raise denied(self.label, type(error).__name__) from None
        if status < 300:
            return told
        fault = told.get("error")
        said = code(fault.get("status") if isinstance(fault, dict) else None, status)
        if said == "INVALID_ARGUMENT" and opening:
            raise WrapRefused
        if said in ("FAILED_PRECONDITION", "NOT_FOUND"):
            if already:
                return {}
            raise gone(self.label, said)
        raise denied(self.label, said)

    def _signed_in(self) -> dict[str, str]:
        """The header with a token. google-auth's own session is not used: it also asks Google in the background where
        the account may be used. Credentials are looked for at the first call: finding none may take seconds."""
        if self._credentials is None:
            self._credentials, _ = google.auth.default(scopes=[SCOPE])
        if not self._credentials.valid:
            self._credentials.refresh(Request())
        return {"Authorization": f"Bearer {self._credentials.token}"}

    def _received(self, field: str, told: dict[str, Any]) -> bytes:
        try:
            data = base64.b64decode(str(told[field]), validate=True)
            if int(told[f"{field}Crc32c"]) == _crc(data):
                return data
        except (KeyError, ValueError, TypeError, binascii.Error):
            pass
        raise KeysAway(f"{self.label} does not answer (the answer was damaged on its way)")


def _crc(data: bytes) -> int:
    return int(google_crc32c.value(data))


def _checked(field: str, data: bytes) -> dict[str, str]:
    return {field: base64.b64encode(data).decode(), f"{field}Crc32c": str(_crc(data))}
