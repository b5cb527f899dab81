"""Keys: an agency's (KEK) under a root epoch, a data key for each client; and what a process remembers of them."""

import os
import threading
from collections import OrderedDict
from datetime import datetime
from struct import pack
from typing import TYPE_CHECKING, Any, ClassVar
from uuid import UUID

import sqlalchemy as sa
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlmodel import Field

from models.base import BYTES, Record, columns, id_field, instant_field, within
from models.errors import KeyRefused
from models.rows import Insert, Query
from models.vault.cells import lp, unwrap
from models.vault.notes import Notary
from models.vault.roots import RootKeys
from models.vault.scan import ScanKeys
from models.vault.service import ServiceKeys

if TYPE_CHECKING:
    from models.workspace import Workspace


class AgencyKey(Record, table=True):
    """An agency's key-encrypting key under one root epoch."""

    __tablename__ = "agency_keys"
    machinery: ClassVar[bool] = True
    kept_with_keys: ClassVar[bool] = True

    agency_id: UUID = id_field(primary_key=True)
    epoch: int = Field(primary_key=True)
    wrapped: bytes = Field(sa_type=BYTES, repr=False)


class DataKey(Record, table=True):
    """A key that seals one subject's rows: a client's, or (subject = agency) the agency's own.

    `purpose` is client, canary, agency or index, and part of what the wrap is bound to: a canary's key cannot be turned
    into a client's. Whoever makes a client a new key keeps her purpose.
    """

    __tablename__ = "data_keys"
    machinery: ClassVar[bool] = True
    kept_with_keys: ClassVar[bool] = True
    __table_args__ = (
        within("epoch", "agency_keys", key="epoch"),
        sa.Index("ix_data_keys_subject", "agency_id", "subject_id", "created_at"),
        sa.Index("ix_data_keys_epoch", "agency_id", "epoch"),
    )

    agency_id: UUID = id_field(primary_key=True)
    kid: bytes = Field(sa_type=BYTES, primary_key=True)
    subject_id: UUID = id_field()
    purpose: str
    epoch: int
    wrapped: bytes = Field(sa_type=BYTES, repr=False)
    created_at: datetime = instant_field()
    seals: int = Field(default=0, sa_type=sa.BigInteger)
    """How many cells were sealed under it: random nonces are safe up to 2^32 of them, and WORN is far below."""


class KeyTurn(Record, table=True):
    """How often an agency's keys were rotated, replaced or destroyed. A process that remembers another number forgets
    the agency's keys."""

    __tablename__ = "key_turns"
    machinery: ClassVar[bool] = True
    kept_with_keys: ClassVar[bool] = True

    agency_id: UUID = id_field(primary_key=True)
    turn: int = 0


#: A key that has sealed so many cells is replaced by the worker.
WORN = 1 << 20
#: The purpose of the key of a client nobody has business with (decision 18).
CANARY = "canary"

_K = columns(AgencyKey)
_KEKS = Query(sa.select(_K.epoch, _K.wrapped))
_ADD_TURN = Insert(KeyTurn)


def kek_place(agency_id: UUID, epoch: int) -> bytes:
    """What binds a wrapped agency key to its agency and epoch."""
    return b"waypost.kek.1" + lp(agency_id.bytes, pack(">Q", epoch))


def key_place(agency_id: UUID, kid: bytes, subject_id: UUID, purpose: str) -> bytes:
    """What binds a wrapped data key to its id, agency, subject and purpose."""
    return b"waypost.key.1" + lp(kid, agency_id.bytes, subject_id.bytes, purpose.encode())


def unwrap_key(kek: bytes, agency_id: UUID, row: Any) -> bytes:
    """A data key by its row (kid, subject_id, purpose, wrapped) and the agency's key. Raises WrapRefused for a row that
    says anything else than what was wrapped."""
    return unwrap(kek, row.wrapped, key_place(agency_id, row.kid, row.subject_id, row.purpose))


class Vault:
    """The opened keys of this process: one root call per agency and epoch, then local unwraps of data keys, of which so
    many are kept (5 KiB each). What comes in is of transactions that were committed."""

    def __init__(
        self, root: RootKeys, service: ServiceKeys, capacity: int = 4_000, *, notary: Notary | None = None
    ) -> None:
        self.root, self.service, self._notary = root, service, notary
        self._capacity = capacity
        self._lock = threading.Lock()
        self._turns: dict[UUID, int] = {}
        self._newest: dict[UUID, int] = {}  # the epoch new data keys of an agency are wrapped under
        self._keks: dict[tuple[UUID, int], bytes] = {}
        self._ciphers: OrderedDict[bytes, tuple[bytes, AESGCM]] = OrderedDict()  # by agency | kid
        self._current: dict[bytes, bytes] = {}  # agency | subject -> kid
        self._canaries: set[bytes] = set()  # agency | subject, of every canary's key opened here
        self.scanned = ScanKeys()

    @property
    def notary(self) -> Notary:
        """Who signs checkpoints. Raises KeyRefused when this vault was opened without."""
        if self._notary is None:
            raise KeyRefused("the checkpoint key is missing")
        return self._notary

    def found(self, db: "Workspace") -> None:
        """Make a new agency's first keys: its KEK under the current epoch and a data key of its own."""
        epoch, agency_id, key = self.root.current(), db.agency_id, os.urandom(32)
        wrapped = self.root.wrap(epoch, key, kek_place(agency_id, epoch))
        db.insert(_ADD_TURN, [{"turn": 0}])
        db.keys.add_kek(epoch, key, wrapped)
        db.keys.create(agency_id, "agency")
        db.keys.create(agency_id, "index")

    def check(self, db: "Workspace") -> int:
        """Open every key of this Workspace's agency; returns how many. Raises KeyRefused before data is touched."""
        rows = db.rows(_KEKS)
        for row in rows:  # and keep it: the root is asked once
            db.keys.take(row.epoch, self.root.unwrap(row.epoch, row.wrapped, kek_place(db.agency_id, row.epoch)))
        return len(rows)

    def at_turn(self, agency_id: UUID, turn: int) -> None:
        """What a unit just read of an agency's keys. When they changed since, all that is remembered of them goes."""
        if self._turns.get(agency_id) != turn:
            self.forget_agency(agency_id)
            self._turns[agency_id] = turn

    def turn_of(self, agency_id: UUID) -> int | None:
        """The turn at which what is remembered of an agency was read."""
        return self._turns.get(agency_id)

    def newest(self, agency_id: UUID) -> int | None:
        """The epoch an agency's new data keys are wrapped under, if known here."""
        return self._newest.get(agency_id)

    def kek(self, agency_id: UUID, epoch: int) -> bytes | None:
        """The agency's key under an epoch, if this process holds it."""
        return self._keks.get((agency_id, epoch))

    def keep_kek(self, agency_id: UUID, epoch: int, key: bytes, *, newest: bool = False) -> None:
        """Remember an agency's opened key."""
        with self._lock:
            self._keks[agency_id, epoch] = key
            if newest:
                self._newest[agency_id] = epoch

    def cached(self, agency: bytes, kid: bytes) -> tuple[bytes, AESGCM] | None:
        """An opened key and whose it is, if this process holds it."""
        return self._ciphers.get(agency + kid)

    def current(self, agency: bytes, subject: bytes) -> bytes | None:
        """The key id new cells of a subject are sealed under, if known here."""
        return self._current.get(agency + subject)

    def keep(self, agency: bytes, kid: bytes, subject: bytes, cipher: AESGCM, *, current: bool = False) -> None:
        """Remember an opened key; the oldest leaves when the bound is reached."""
        with self._lock:
            self._ciphers[agency + kid] = (subject, cipher)
            if current:
                self._current[agency + subject] = kid
            if len(self._ciphers) > self._capacity:
                old, (whose, _) = self._ciphers.popitem(last=False)
                if self._current.get(old[:16] + whose) == old[16:]:
                    del self._current[old[:16] + whose]

    def is_canary(self, agency: bytes, subject: bytes) -> bool:
        """Whether a key opened in this process was a canary's. Asked of nobody whose key was not opened."""
        return agency + subject in self._canaries

    def keep_canary(self, agency: bytes, subject: bytes) -> None:
        """Remember that a subject is a canary: it stays known when its key leaves."""
        self._canaries.add(agency + subject)

    def has_canaries(self) -> bool:
        """Whether this process knows any."""
        return bool(self._canaries)

    def forget_agency(self, agency_id: UUID) -> None:
        """Drop an agency's opened keys: they were rotated, replaced or destroyed, by whatever process."""
        agency = agency_id.bytes
        with self._lock:
            self._turns.pop(agency_id, None)  # a unit that read an older turn hands nothing over at its end
            self._newest.pop(agency_id, None)
            for kek in [key for key in self._keks if key[0] == agency_id]:
                del self._keks[kek]
            for held in (self._ciphers, self._current):
                for key in [key for key in held if key.startswith(agency)]:
                    del held[key]
        self.scanned.forget(agency)

    def forget(self) -> None:
        """Drop every opened key (when tests change the tables underneath)."""
        with self._lock:
            self._turns.clear()
            self._newest.clear()
            self._keks.clear()
            self._ciphers.clear()
            self._current.clear()
            self._canaries.clear()
        self.scanned.forget()
