"""Checkpoints kept outside: what a ledger had to be when somebody else took note of it."""

import base64
import binascii
import re
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from models.access import PLATFORM
from models.backup import Refused

ROOT = 32
#: The text of a C2SP signed note about a ledger: origin, size, root. Signature lines follow behind an empty line.
_NOTE = re.compile(
    r"^(?P<origin>\S+/audit/(?P<agency>\S+))\n(?P<size>\d{1,18})\n(?P<root>[A-Za-z0-9+/]{43}=)\n", re.MULTILINE
)


@dataclass(frozen=True)
class Kept:
    """One checkpoint: whose ledger (origin and agency), its size, its root, and the file it was kept in."""

    origin: str
    agency_id: UUID
    size: int
    root: bytes
    file: Path


def read_kept(file: Path) -> list[Kept]:
    """Every checkpoint in a file, one or many behind each other. Raises Refused when there is none."""
    try:
        text = file.read_text()
        found = [_kept(match, file) for match in _NOTE.finditer(text)]
    except (OSError, ValueError, binascii.Error):
        found = []
    if not found:
        raise Refused(
            f"{file} holds no checkpoint",
            "One is three lines: <host>/audit/<agency>, a size, a root in base64, then its signature",
            "give a checkpoint that was kept outside, as it was published",
        )
    return found


def _kept(match: re.Match[str], file: Path) -> Kept:
    named = match["agency"]
    agency_id = PLATFORM if named == "platform" else UUID(named)
    return Kept(match["origin"], agency_id, int(match["size"]), base64.b64decode(match["root"]), file)
