"""Root keys in AWS KMS: a symmetric key of its own for each epoch; the encryption context carries the place."""

import base64
import re
from collections.abc import Callable
from typing import Any

import boto3
from botocore import exceptions
from botocore.config import Config

from models.errors import KeyRefused, WrapRefused
from models.vault.key_services.contract import CONNECT, READ, away, code, denied, gone, must_be_private

WINDOW = 7  # days until a key is destroyed: AWS has no shorter one
_UNOPENED = {"InvalidCiphertextException", "IncorrectKeyException"}
_GONE = {"NotFoundException", "DisabledException", "KMSInvalidStateException"}
_BUSY = {
    "ThrottlingException",
    "DependencyTimeoutException",
    "KMSInternalException",
    "KeyUnavailableException",
    "LimitExceededException",
}


class AwsKms:
    """AWS KMS in one region, through boto3 with its default chain of credentials."""

    def __init__(self, region: str) -> None:
        self.label = f"AWS KMS ({region})"
        if not re.fullmatch(r"[a-z]{2}(-[a-z]+)+-\d+", region):
            raise KeyRefused("AWS KMS needs a region; write it as aws-kms:us-east-1")
        config = Config(connect_timeout=CONNECT, read_timeout=READ, retries={"total_max_attempts": 1})
        make = boto3.session.Session().client
        self._kms: Any = self._ask(lambda: make("kms", region_name=region, config=config))
        must_be_private(self._kms.meta.endpoint_url, self.label)

    def create(self) -> str:
        """Make a symmetric key. Returns its ARN."""
        made = self._ask(lambda: self._kms.create_key(Description="Waypost root key"))
        return str(made["KeyMetadata"]["Arn"])

    def wrap(self, name: str, key: bytes, at: bytes) -> bytes:
        """AWS's own ciphertext, about 200 bytes."""
        sealed = self._ask(lambda: self._kms.encrypt(KeyId=name, Plaintext=key, EncryptionContext=_context(at)))
        return bytes(sealed["CiphertextBlob"])

    def unwrap(self, name: str, wrapped: bytes, at: bytes) -> bytes:
        """Open a wrapped key. Raises WrapRefused; KeyRefused; KeysAway."""
        context = _context(at)
        opened = self._ask(lambda: self._kms.decrypt(KeyId=name, CiphertextBlob=wrapped, EncryptionContext=context))
        return bytes(opened["Plaintext"])

    def destroy(self, name: str) -> None:
        """Disabled at once, destroyed after seven days; until then somebody with the right may call it back."""
        key_id = name.rpartition("/")[2]
        already = ("NotFoundException", "KMSInvalidStateException")  # destroyed, or waiting for it
        self._ask(lambda: self._kms.disable_key(KeyId=key_id), already)
        self._ask(lambda: self._kms.schedule_key_deletion(KeyId=key_id, PendingWindowInDays=WINDOW), already)

    def _ask(self, work: Callable[[], Any], done: tuple[str, ...] = ()) -> Any:
        try:
            return work()
        except exceptions.ClientError as error:
            status = error.response["ResponseMetadata"].get("HTTPStatusCode", 0)
            said = code(error.response.get("Error", {}).get("Code"), status)
            if said in done:
                return None
            raise self._refusal(said, status) from None
        except (
            exceptions.HTTPClientError,
            exceptions.ConnectionError,
        ) as error:  # no connection, no name, no answer in time
            raise away(self.label, type(error).__name__) from None
        except exceptions.BotoCoreError as error:  # no credentials, no such profile
            raise denied(self.label, type(error).__name__) from None

    def _refusal(self, said: str, status: int) -> Exception:
        if said in _UNOPENED:
            return WrapRefused()
        if said in _GONE:
            return gone(self.label, said)
        return away(self.label, said) if said in _BUSY or status >= 500 or status == 429 else denied(self.label, said)


def _context(at: bytes) -> dict[str, str]:
    return {"waypost": base64.b64encode(at).decode()}
