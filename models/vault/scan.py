"""Opening the names of many clients to compare them in memory. Nothing of it is shown, so nothing is marked as
disclosed; models/search.py and models/namesakes.py alone may, and what they answer is disclosed in the usual way."""

import threading
from collections import OrderedDict
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from models.errors import SealError
from models.vault import cells
from models.vault.cells import HEADER

if TYPE_CHECKING:
    from models.workspace import Workspace


class ScanKeys:
    """Data keys as 32 bytes, kept for the next search of the same agency: making a cipher of one costs a microsecond,
    unwrapping one again costs five and a look into the database. The agency searched longest ago leaves first."""

    def __init__(self, capacity: int = 50_000) -> None:
        """`capacity`: keys of all agencies together, some 230 bytes each."""
        self._capacity = capacity
        self._lock = threading.Lock()
        self._agencies: OrderedDict[bytes, dict[bytes, bytes]] = OrderedDict()  # agency -> kid -> key

    def of(self, agency: bytes) -> dict[bytes, bytes]:
        """What is kept of an agency: keys by kid."""
        return self._agencies.get(agency, {})

    def keep(self, agency: bytes, keys: dict[bytes, bytes]) -> None:
        """Remember keys that a committed transaction saw."""
        with self._lock:
            self._agencies[agency] = self._agencies.pop(agency, {}) | keys
            while len(self._agencies) > 1 and self._size() > self._capacity:
                self._agencies.popitem(last=False)
            if self._size() > self._capacity:
                self._agencies[agency] = dict(list(self._agencies[agency].items())[: self._capacity])

    def forget(self, agency: bytes | None = None) -> None:
        """Drop an agency's keys, or all."""
        with self._lock:
            if agency is None:
                self._agencies.clear()
            else:
                self._agencies.pop(agency, None)

    def _size(self) -> int:
        return sum(map(len, self._agencies.values()))


class Opened:
    """Some clients' names, and the ids of those whose names are not what was sealed."""

    def __init__(self, db: "Workspace", rows: Sequence[Any]) -> None:
        """Rows as stored: id, seal_rev, alias_sealed, legal_name_sealed. A client whose key is gone is passed over."""
        self.names: list[tuple[bytes, list[str]]] = []
        self.damaged: list[bytes] = []
        agency, open_ = db.agency_id.bytes, cells.open_
        alias_at = cells.column(agency, "clients", "alias").at
        legal_name_at = cells.column(agency, "clients", "legal_name").at
        keys = db.keys.for_scanning({row[2][1:HEADER] for row in rows if row[2]})
        for row_id, seal_rev, alias, legal_name in rows:
            try:
                known = keys.get(cells.kid_of(alias))  # somebody else's opens nothing: her id is sealed into the cell
                if known is None:
                    continue
                cipher = AESGCM(known)
                opened = (
                    open_(cipher, alias, alias_at(row_id, seal_rev)),
                    open_(cipher, legal_name, legal_name_at(row_id, seal_rev)),
                )
            except (SealError, TypeError):  # TypeError: a cell was taken away
                self.damaged.append(row_id)
            else:
                self.names.append((row_id, [name for name in opened if isinstance(name, str)]))


def opened_cells(db: "Workspace", field: str, rows: Sequence[tuple[bytes, int, bytes | None]]) -> dict[bytes, object]:
    """One more sealed field of some clients (id, seal_rev, cell), by id; without those that cannot be opened."""
    at = cells.column(db.agency_id.bytes, "clients", field).at
    keys = db.keys.for_scanning({cell[1:HEADER] for _, _, cell in rows if cell})
    found: dict[bytes, object] = {}
    for row_id, seal_rev, cell in rows:
        try:
            if cell and (key := keys.get(cells.kid_of(cell))) is not None:
                found[row_id] = cells.open_(AESGCM(key), cell, at(row_id, seal_rev))
        except SealError:
            continue
    return found
