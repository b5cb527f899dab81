"""Wrapped keys as they stand in a copy of the key tables: which of them open under the root keys at hand."""

from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

from models.errors import KeyRefused
from models.vault.keys import kek_place, unwrap_key
from models.vault.roots import RootKeys


@dataclass(frozen=True)
class StoredKey:
    """A row of data_keys."""

    kid: bytes
    subject_id: UUID
    purpose: str
    epoch: int
    wrapped: bytes


def unopened(root: RootKeys, agency_id: UUID, keks: dict[int, bytes], keys: Iterable[StoredKey]) -> list[StoredKey]:
    """The data keys of an agency that do not open. Raises KeyRefused for an agency key (by epoch, wrapped) that does
    not: a wrong root key, or a root epoch that was destroyed while keys were left under it."""
    opened = {
        epoch: root.unwrap(epoch, wrapped, kek_place(agency_id, epoch)) for epoch, wrapped in sorted(keks.items())
    }
    return [key for key in keys if not _opens(opened.get(key.epoch), agency_id, key)]


def _opens(kek: bytes | None, agency_id: UUID, key: StoredKey) -> bool:
    if kek is None:
        return False
    try:
        unwrap_key(kek, agency_id, key)
    except KeyRefused:
        return False
    return True
