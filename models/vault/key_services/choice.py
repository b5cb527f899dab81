"""Which service a root key belongs to, written as one word: file, aws-kms:REGION, gcp-kms:KEY, vault-transit:URL."""

from pathlib import Path

from models.errors import KeyRefused
from models.vault.key_services.bounded import Bounded
from models.vault.key_services.contract import KeyService
from models.vault.key_services.file import FileKeys

FILE = "file"
EXTRAS = {"aws-kms": "aws", "gcp-kms": "gcp", "vault-transit": "vault"}
FORMS = "file, aws-kms:REGION, gcp-kms:projects/.../cryptoKeys/..., vault-transit:https://host:8200/transit"


def service_for(spec: str, vault_token: Path | None) -> KeyService:
    """The service of a spec. Raises KeyRefused for a spec of no service, for an address that is not private, and for a
    library that is not installed."""
    if spec == FILE:
        return FileKeys()
    name, _, at = spec.partition(":")
    if name not in EXTRAS:
        raise KeyRefused(f"there is no such key service; write one of: {FORMS}")
    try:
        return Bounded(_remote(name, at, vault_token))
    except ImportError:
        extra = EXTRAS[name]
        install = f"pip install 'waypost[{extra}]', in a checkout: make extra WITH={extra}"
        raise KeyRefused(f"the library for {name} is not installed; run: {install}") from None


def _remote(name: str, at: str, vault_token: Path | None) -> KeyService:
    """Its library is imported here and nowhere else: only who uses it needs it, and pays for it."""
    if name == "aws-kms":
        from models.vault.key_services.aws import AwsKms  # noqa: PLC0415

        return AwsKms(at)
    if name == "gcp-kms":
        from models.vault.key_services.gcp import GcpKms  # noqa: PLC0415

        return GcpKms(at)
    from models.vault.key_services.transit import VaultTransit  # noqa: PLC0415

    return VaultTransit(at, vault_token)
