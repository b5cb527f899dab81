"""AWS KMS by moto's server, made as strict as KMS where moto is not: keys that are disabled or of another name."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

import requests
from moto.kms.exceptions import InvalidCiphertextException, JsonRESTError
from moto.kms.models import KmsBackend
from moto.kms.utils import _deserialize_ciphertext_blob
from moto.server import ThreadedMotoServer

from tests.key_services.http import StandIn

REGION = "us-east-1"
_encrypt, _decrypt = KmsBackend.encrypt, KmsBackend.decrypt


def _must_work(backend: KmsBackend, key_id: str) -> None:
    """Moto lets a disabled key go on working."""
    state = backend.keys[backend.get_key_id(key_id)].key_state
    if state == "Disabled":
        raise JsonRESTError("DisabledException", f"{key_id} is disabled.")
    if state != "Enabled":
        raise JsonRESTError("KMSInvalidStateException", f"{key_id} is pending deletion.")


def _strict(service: StandIn) -> Any:
    def encrypt(self: KmsBackend, key_id: str, **more: Any) -> Any:
        service.calls.append("encrypt")
        _must_work(self, key_id)
        return _encrypt(self, key_id=key_id, **more)

    def decrypt(self: KmsBackend, ciphertext_blob: bytes, key_id: str, **more: Any) -> Any:
        service.calls.append("decrypt")
        _must_work(self, key_id)
        try:
            sealed_by = _deserialize_ciphertext_blob(ciphertext_blob).key_id
        except Exception:  # noqa: BLE001 - whatever moto cannot read is no ciphertext
            raise InvalidCiphertextException from None
        if sealed_by not in self.keys:
            raise InvalidCiphertextException  # moto: access denied
        if sealed_by != self.get_key_id(key_id):
            raise JsonRESTError("IncorrectKeyException", "The key ID in the request does not identify the key.")
        return _decrypt(self, ciphertext_blob=ciphertext_blob, key_id=key_id, **more)

    return mock.patch.multiple(KmsBackend, encrypt=encrypt, decrypt=decrypt)


@contextmanager
def aws(folder: Path) -> Iterator[StandIn]:
    """A KMS in one region that lets everybody in until it is told to look."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    url = f"http://{host}:{port}"
    env = {
        "AWS_ENDPOINT_URL_KMS": url,
        "AWS_ACCESS_KEY_ID": "invented",
        "AWS_SECRET_ACCESS_KEY": "invented",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": str(folder / "none"),
        "AWS_SHARED_CREDENTIALS_FILE": str(folder / "none"),
    }
    service = StandIn(f"aws-kms:{REGION}", env)
    service.forbid = lambda: _look(url, "0")
    service.at = lambda other: (service.spec, {"AWS_ENDPOINT_URL_KMS": other})
    try:
        with _strict(service):
            yield service
    finally:
        _look(url, "inf")
        server.stop()


def _look(url: str, after: str) -> None:
    """Let moto check signatures after so many calls."""
    assert requests.post(f"{url}/moto-api/reset-auth", data=after, timeout=5).status_code == 200
