"""Tokens that travel in links: whose row they open, and a secret of 256 bits. The row keeps the secret's hash."""

import base64
from hashlib import sha256
from typing import TYPE_CHECKING
from uuid import UUID

from models.errors import Unauthenticated

if TYPE_CHECKING:
    from models.workspace import Workspace

INVITATION, RESET = "wpi_", "wpp_"


def token(db: "Workspace", prefix: str, row_id: UUID, generation: int = 1) -> str:
    """The token of a row of this agency. It is derived from the service's keys (decision 8), so that a mail can be
    written again after a crash although nothing that opens the link is stored."""
    secret = db.vault.service.link_secret(prefix, row_id, generation)
    return prefix + base64.urlsafe_b64encode(db.agency_id.bytes + row_id.bytes + secret).decode().rstrip("=")


def hashed(db: "Workspace", prefix: str, row_id: UUID, generation: int = 1) -> bytes:
    """What the row keeps of the secret (32 bytes)."""
    return sha256(db.vault.service.link_secret(prefix, row_id, generation)).digest()


def parsed(text: str, prefix: str) -> tuple[UUID, UUID, bytes]:
    """(agency, row, hash of the secret) of a token. Unauthenticated('link-invalid') for anything else."""
    try:
        raw = base64.b64decode(text.removeprefix(prefix) + "==", altchars=b"-_", validate=True)
    except ValueError:
        raise Unauthenticated("link-invalid") from None
    if not text.startswith(prefix) or len(raw) != 64:
        raise Unauthenticated("link-invalid")
    return UUID(bytes=raw[:16]), UUID(bytes=raw[16:32]), sha256(raw[32:]).digest()
