"""How an integration's id and secret are spelt: a lost secret is known by its form, and only its hash is kept."""

import re
import secrets
import string
import zlib
from hashlib import sha256
from uuid import UUID

DIGITS = string.digits + string.ascii_letters
_SECRET = re.compile(r"wpt_([0-9a-f]{32})_[0-9A-Za-z]{43}_([0-9A-Za-z]{6})")
_CLIENT = re.compile(r"wpi_([0-9a-f]{32})([0-9a-f]{32})")


def _digits(number: int, places: int) -> str:
    made = ""
    for _ in range(places):
        number, digit = divmod(number, 62)
        made = DIGITS[digit] + made
    return made


def checksum(text: str) -> str:
    """Six digits that tell a mistyped secret from one of ours."""
    return _digits(zlib.crc32(text.encode()), 6)


def secret_text(secret_id: UUID) -> str:
    """`wpt_<its id>_<256 random bits>_<checksum>`: programs that look through code for lost secrets know it by its form
    and need not ask us whether it is one."""
    body = f"wpt_{secret_id.hex}_{_digits(secrets.randbits(256), 43)}"
    return f"{body}_{checksum(body)}"


def hashed(text: str) -> bytes:
    """What is kept of a secret (32 bytes)."""
    return sha256(text.encode()).digest()  # 256 random bits: nothing to stretch


def client_id(agency_id: UUID, integration_id: UUID) -> str:
    """An integration's name at the token endpoint, which says to whom the agency belongs that knows it."""
    return f"wpi_{agency_id.hex}{integration_id.hex}"


def parse_client_id(text: str) -> tuple[UUID, UUID] | None:
    """(agency, integration) of a client id; None for anything else."""
    found = _CLIENT.fullmatch(text)
    return None if found is None else (UUID(found[1]), UUID(found[2]))


def parse_secret(text: str) -> UUID | None:
    """The id in a secret; None for what was never one of ours."""
    found = _SECRET.fullmatch(text)
    return None if found is None or checksum(text[:-7]) != found[2] else UUID(found[1])
