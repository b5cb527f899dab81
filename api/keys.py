"""The key files of an installation: making them once, and opening the vault with them."""

import ctypes
import resource
import sys
from urllib.parse import urlsplit

from api.settings import Environment, Settings
from models.errors import KeyRefused
from models.vault.keys import Vault
from models.vault.notes import Notary
from models.vault.roots import RootKeys
from models.vault.service import ServiceKeys

_PR_SET_DUMPABLE = 4  # prctl(2)
ROOT, SERVICE, CHECKPOINT = "root.json", "service.json", "checkpoint.json"


def leave_no_core() -> None:
    """A process that holds keys leaves no core dump, and (on Linux) none of its user's other programs can look into
    it. Root still can: docs/limits.md."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0)


def open_vault(settings: Settings) -> Vault:
    """The vault behind this installation's key files. Raises KeyRefused, one line, when a file is missing, readable by
    others or damaged, and for demo keys in production. Makes nothing, and asks no key service."""
    leave_no_core()
    root = RootKeys(settings.keys / ROOT, settings.vault_token_file)
    if root.demo and settings.env is Environment.PRODUCTION:
        raise KeyRefused(
            f"root key file {root.path} belongs to a demo; point WAYPOST_KEYS_DIR to this installation's own keys"
        )
    return Vault(root, ServiceKeys(settings.keys / SERVICE), notary=Notary(settings.keys / CHECKPOINT))


def have_keys(settings: Settings) -> bool:
    """Whether any key file is there."""
    return any((settings.keys / name).exists() for name in (ROOT, SERVICE))


def make_keys(settings: Settings, *, demo: bool = False, root_in: str = "file") -> None:
    """Make the key files (0600), the root key in this key service. Raises KeyRefused, changing nothing, when a file is
    there already; KeyRefused or KeysAway, leaving no file, when the service does not do its work."""
    for name in (ROOT, SERVICE, CHECKPOINT):
        if (settings.keys / name).exists():
            raise KeyRefused(
                f"{settings.keys / name} is there already and nothing was changed; keep it, and back it up"
            )
    RootKeys.create(settings.keys / ROOT, to=root_in, demo=demo, vault_token=settings.vault_token_file)
    ServiceKeys.create(settings.keys / SERVICE)
    make_checkpoint_key(settings)


def make_checkpoint_key(settings: Settings) -> str:
    """Make the checkpoint key; returns its path. Logs are named after the host people reach the service at now. Raises
    KeyRefused when it is there."""
    Notary.create(settings.keys / CHECKPOINT, urlsplit(settings.origin()).netloc)
    return str(settings.keys / CHECKPOINT)


def lacks_checkpoint_key(settings: Settings) -> bool:
    """Whether this installation has its keys, but is older than checkpoints."""
    return have_keys(settings) and not (settings.keys / CHECKPOINT).exists()
