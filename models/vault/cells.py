"""Cells and wraps: the bytes of a sealed value or key, bound to the place they stand in."""

import os
from collections.abc import Sequence
from functools import lru_cache
from hashlib import sha256
from struct import pack
from uuid import UUID

import orjson
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from models.errors import SealError, WrapRefused

VERSION = b"\x01"
KID, NONCE, TAG = 8, 12, 16
HEADER = 1 + KID
LEAST = HEADER + NONCE + TAG
_CELL = b"waypost.cell.1" + pack(">H", HEADER)  # the header is always 9 bytes long: this is LP(header)'s beginning


def lp(*parts: bytes) -> bytes:
    """Length-prefixed parts (u16 big-endian each): no two lists of parts give the same bytes."""
    return b"".join(pack(">H", len(part)) + part for part in parts)


class Column:
    """One sealed column of one agency. A cell's place in it is the part of its associated data that does not depend on
    the key: LP(agency) | LP(table) | LP(row) | LP(field) | LP(revision)."""

    __slots__ = ("_head", "_tail")

    def __init__(self, agency_id: UUID, table: str, field: str) -> None:
        self._head = lp(agency_id.bytes, table.encode()) + b"\x00\x10"
        self._tail = lp(field.encode()) + b"\x00\x08"

    def at(self, row_id: bytes, seal_rev: int) -> bytes:
        """Where a row's cell stands. Raises SealError for a revision no row of ours ever had."""
        try:
            return self._head + row_id + self._tail + seal_rev.to_bytes(8)
        except OverflowError:
            raise SealError from None


@lru_cache(maxsize=4096)
def column(agency_id: bytes, table: str, field: str) -> Column:
    """The Column of an agency (16 bytes); there are some thirty for each."""
    return Column(UUID(bytes=agency_id), table, field)


def place(agency_id: UUID, table: str, row_id: UUID, field: str, seal_rev: int) -> bytes:
    """Where one cell stands (see Column)."""
    return Column(agency_id, table, field).at(row_id.bytes, seal_rev)


def _aad(header: bytes, at: bytes) -> bytes:
    return _CELL + header + at


def padded_length(length: int) -> int:
    """max(64, Padmé(length)): the stored size tells at most its order of magnitude."""
    exponent = length.bit_length() - 1
    free = max(0, exponent - exponent.bit_length())
    return max(64, (length + (1 << free) - 1) >> free << free)


def pad(data: bytes) -> bytes:
    """Data | 0x80 | zeros (ISO/IEC 7816-4): null, "", 1 and 60 characters store the same length."""
    return (data + b"\x80").ljust(padded_length(len(data) + 1), b"\x00")


def seal(cipher: AESGCM, kid: bytes, value: object, at: bytes) -> bytes:
    """A value that JSON can hold -> cell. A fresh nonce each time, so equal values never look equal."""
    header, nonce = VERSION + kid, os.urandom(NONCE)
    return header + nonce + cipher.encrypt(nonce, pad(orjson.dumps(value)), _aad(header, at))


def kid_of(cell: bytes) -> bytes:
    """The key a cell asks for. Raises SealError when the cell is too short or of an unknown version."""
    if len(cell) < LEAST or cell[:1] != VERSION:
        raise SealError
    return cell[1:HEADER]


def open_(cipher: AESGCM, cell: bytes, at: bytes) -> object:
    """Cell -> value. Raises SealError, always the same, for whatever is wrong; no other key is tried."""
    try:
        text = cipher.decrypt(cell[HEADER : HEADER + NONCE], cell[HEADER + NONCE :], _aad(cell[:HEADER], at))
        return orjson.loads(text[: text.rindex(b"\x80")])
    except (InvalidTag, ValueError):
        raise SealError from None


def digest(table: str, row_id: UUID, subject_id: UUID, seal_rev: int, cells: Sequence[bytes | None]) -> str:
    """SHA-256 (hex) over a row's ciphertext, cells by column name: shows without a key that it was changed."""
    stored = (b"" if cell is None else sha256(cell).digest() for cell in cells)  # a cell may be longer than LP can say
    parts = (table.encode(), row_id.bytes, subject_id.bytes, pack(">Q", seal_rev), *stored)
    return sha256(b"waypost.row.1" + lp(*parts)).hexdigest()


def wrap(key: bytes, secret: bytes, at: bytes) -> bytes:
    """A 32-byte key sealed under another: version | nonce | ciphertext | tag, 61 bytes."""
    nonce = os.urandom(NONCE)
    return VERSION + nonce + AESGCM(key).encrypt(nonce, secret, at)


def unwrap(key: bytes, wrapped: bytes, at: bytes) -> bytes:
    """The key back. Raises WrapRefused for another version, another place or another key."""
    try:
        if wrapped[:1] != VERSION:
            raise InvalidTag
        return AESGCM(key).decrypt(wrapped[1 : 1 + NONCE], wrapped[1 + NONCE :], at)
    except (InvalidTag, ValueError):
        raise WrapRefused from None
