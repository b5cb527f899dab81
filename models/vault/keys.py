"""Keys: root, agency key (KEK), data key per client; and the ring a Workspace opens cells with."""

import hmac
import os
import threading
from collections import OrderedDict
from collections.abc import Iterable
from datetime import datetime
from struct import pack
from typing import TYPE_CHECKING, Any, ClassVar
from uuid import UUID

import sqlalchemy as sa
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from sqlmodel import Field

from models.base import BYTES, ID, INSTANT, Record, columns, id_field, instant_field, table_of, within
from models.errors import KeyMissing, KeyRefused, KeyRetired, SealError, WrapRefused
from models.rows import Change, Insert, Query
from models.vault.cells import KID, kid_of, lp, unwrap, wrap
from models.vault.notes import Notary
from models.vault.pairwise import Pairwise
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

_K, _D, _T = columns(AgencyKey), columns(DataKey), columns(KeyTurn)
_KEK = Query(sa.select(_K.wrapped).where(_K.epoch == sa.bindparam("epoch", required=True)))
_KEKS = Query(sa.select(_K.epoch, _K.wrapped).order_by(_K.epoch.desc()))
_TURN = Query(sa.select(_T.turn))
_TURN_ON = Change(sa.update(table_of(KeyTurn)).values(turn=_T.turn + 1))
_COUNT = Change(
    sa.update(table_of(DataKey))
    .where(_D.kid == sa.bindparam("counted", required=True))
    .values(seals=_D.seals + sa.bindparam("more", required=True))
)
_BY_KID = Query(
    sa.select(_D.kid, _D.subject_id, _D.purpose, _D.epoch, _D.wrapped).where(
        _D.kid.in_(sa.bindparam("kids", expanding=True))
    )
)
_CURRENT = Query(
    sa.select(_D.kid, _D.subject_id, _D.purpose, _D.epoch, _D.wrapped)
    .where(
        _D.subject_id == sa.bindparam("subject_id", required=True),
        _D.purpose.in_(sa.bindparam("purposes", expanding=True)),
    )
    .order_by(_D.created_at.desc())
    .limit(1)
)
_CANARIES = Query(
    sa.select(_D.subject_id, sa.func.min(_D.created_at, type_=INSTANT).label("created_at"))
    .where(_D.purpose == CANARY, _D.subject_id > sa.bindparam("after", type_=ID, required=True))
    .group_by(_D.subject_id)
    .order_by(_D.subject_id)
    .limit(sa.bindparam("most", required=True))
)
_ADD_KEK = Insert(AgencyKey)
_ADD_KEY = Insert(DataKey)
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


class KeyRing:
    """The keys one Workspace may use: its agency's, never another's. They reach the process only after the commit."""

    def __init__(self, vault: Vault, db: "Workspace") -> None:
        self._vault, self._db, self._agency = vault, db, db.agency_id.bytes
        self._turn: int | None = None  # as this unit read it
        self._newest: int | None = None
        self._seals: dict[bytes, int] = {}  # kid -> cells sealed in this unit
        self._scanned: dict[bytes, bytes] = {}
        self._fresh: dict[bytes, tuple[bytes, AESGCM]] = {}  # opened or made in this unit
        self._fresh_of: dict[bytes, bytes] = {}  # subject -> the kid its new cells are sealed under
        self._keks: dict[int, bytes] = {}
        self._pairwise: dict[UUID, Pairwise] = {}
        self._canaries: set[bytes] = set()  # subjects whose key was opened in this unit and is a canary's

    def at_turn(self, turn: int) -> None:
        """The agency's turn as this unit read it, before it uses a key."""
        self._turn = turn
        self._vault.at_turn(self._db.agency_id, turn)

    def turn_on(self) -> None:
        """The agency's keys were rotated, replaced or destroyed: from its commit on every process forgets them before
        it uses one again."""
        self._read_turn()
        self._db.change(_TURN_ON)
        self._db.once_kept(lambda: self._vault.forget_agency(self._db.agency_id))

    def openers(self, sealed: Iterable[bytes]) -> dict[bytes, AESGCM]:
        """The ciphers these cells name, by kid | subject id: a cell opens only with the key of the subject it stands
        with. Keys not open yet take one query. Raises SealError for bytes that are no cell."""
        self._read_turn()
        named = {kid_of(cell) for cell in sealed}
        found = {kid: self._fresh.get(kid) or self._vault.cached(self._agency, kid) for kid in named}
        missing = [kid for kid, key in found.items() if key is None]
        for row in self._db.rows(_BY_KID, kids=missing) if missing else ():
            found[row.kid] = self._fresh[row.kid] = (row.subject_id.bytes, self._open(row))
        return {kid + key[0]: key[1] for kid, key in found.items() if key is not None}

    def opener(self, cell: bytes, subject_id: UUID) -> AESGCM:
        """The cipher one cell names. Raises SealError for an unknown key or somebody else's."""
        cipher = self.openers([cell]).get(kid_of(cell) + subject_id.bytes)
        if cipher is None:
            raise KeyMissing
        return cipher

    def for_scanning(self, kids: set[bytes]) -> dict[bytes, bytes]:
        """Data keys as 32 bytes, by kid: of these that there are, and others that are kept. For models/vault/scan.py,
        which shows nothing of what it opens."""
        self._read_turn()
        kept = self._vault.scanned.of(self._agency)
        missing = list(kids - kept.keys())
        if not missing:
            return kept
        found = {row.kid: self._unwrap(row) for row in self._db.rows(_BY_KID, kids=missing)}
        self._scanned |= found
        return kept | found

    def sealer(self, subject_id: UUID, seals: int) -> tuple[bytes, AESGCM]:
        """The current key of a subject, to seal so many cells. Raises SealError when it has none (destroyed, or never
        made)."""
        kid, cipher = self._sealer(subject_id)
        self._seals[kid] = self._seals.get(kid, 0) + seals
        return kid, cipher

    def count_seals(self) -> list[Any]:
        """Add this unit's seals to its keys, which also holds them until the commit. Just before the head of the log is
        locked; `must_live` reads what came of it."""
        return [_COUNT.send(self._db, {"counted": kid, "more": self._seals[kid]}) for kid in sorted(self._seals)]

    def must_live(self, counted: list[Any]) -> None:
        """Raises KeyRetired when a key that sealed was replaced or destroyed meanwhile: the unit is run again."""
        if any(cursor.rowcount != 1 for cursor in counted):
            self._vault.forget_agency(self._db.agency_id)
            raise KeyRetired

    def _sealer(self, subject_id: UUID) -> tuple[bytes, AESGCM]:
        self._read_turn()
        subject = subject_id.bytes
        if (fresh := self._fresh_of.get(subject)) is not None:
            return fresh, self._fresh[fresh][1]
        current = self._vault.current(self._agency, subject)
        found = None if current is None else self._vault.cached(self._agency, current)
        if current is not None and found is not None:
            return current, found[1]
        purposes = ["agency"] if subject_id == self._db.agency_id else ["client", CANARY]
        rows = self._db.rows(_CURRENT, subject_id=subject_id, purposes=purposes)
        if not rows:
            raise KeyMissing
        kid, cipher = rows[0].kid, self._open(rows[0])
        self._fresh[kid], self._fresh_of[subject] = (subject, cipher), kid
        return kid, cipher

    def create(self, subject_id: UUID, purpose: str) -> None:
        """A new current data key for a subject."""
        db, kid, key, epoch = self._db, os.urandom(KID), os.urandom(32), self.epoch()
        wrapped = wrap(self.kek(epoch), key, key_place(db.agency_id, kid, subject_id, purpose))
        row = {"kid": kid, "subject_id": subject_id, "purpose": purpose, "epoch": epoch, "wrapped": wrapped}
        db.insert(_ADD_KEY, [row | {"created_at": db.now}])
        if purpose != "index":
            self._fresh[kid], self._fresh_of[subject_id.bytes] = (subject_id.bytes, AESGCM(key)), kid
        if purpose == CANARY:
            self._canaries.add(subject_id.bytes)

    def tag(self, purpose: str, value: str) -> bytes:
        """A look-up tag of a value (16 bytes), different in every agency and for every purpose."""
        index_key = self._derived(b"waypost.tag.1" + lp(purpose.encode()))
        return hmac.digest(index_key, value.encode(), "sha256")[:16]

    def pairwise(self, integration_id: UUID) -> Pairwise:
        """The names one integration has for this agency's rows."""
        if integration_id not in self._pairwise:
            self._pairwise[integration_id] = Pairwise(self._derived(b"waypost.pairwise.1" + lp(integration_id.bytes)))
        return self._pairwise[integration_id]

    def _derived(self, purpose: bytes) -> bytes:
        """A key for one purpose, from the agency's key for look-ups: rotating wraps it anew and leaves it as it is."""
        self._read_turn()
        rows = self._db.rows(_CURRENT, subject_id=self._db.agency_id, purposes=["index"])
        if not rows:
            raise SealError
        return HKDF(hashes.SHA256(), 32, None, purpose).derive(self._unwrap(rows[0]))

    def canaries(self, subjects: Iterable[bytes]) -> list[UUID]:
        """Which of these subjects, whose cells were opened with this ring, are canaries."""
        if not self._canaries and not self._vault.has_canaries():
            return []
        vault, agency = self._vault, self._agency
        return [UUID(bytes=s) for s in subjects if s in self._canaries or vault.is_canary(agency, s)]

    def kek(self, epoch: int) -> bytes:
        """The agency's key under an epoch. Raises KeyRefused when there is none, or it does not open."""
        agency_id = self._db.agency_id
        key = self._keks.get(epoch) or self._vault.kek(agency_id, epoch)
        if key is None:
            wrapped = self._db.rows(_KEK, epoch=epoch)
            if not wrapped:
                raise KeyRefused(f"no agency key under root epoch {epoch}")
            key = self._vault.root.unwrap(epoch, wrapped[0].wrapped, kek_place(agency_id, epoch))
            self.take(epoch, key)
        return key

    def epoch(self) -> int:
        """The epoch under which this agency's new data keys are wrapped: its newest. KeyRefused when it has none."""
        self._read_turn()
        newest = self._newest or self._vault.newest(self._db.agency_id)
        if newest is None:
            rows = self._db.rows(_KEKS)
            if not rows:
                raise KeyRefused("an agency has lost its key; restore the newest backup of the database")
            newest = self._newest = rows[0].epoch
        return newest

    def add_kek(self, epoch: int, key: bytes, wrapped: bytes) -> None:
        """Keep an agency key just made; new data keys are wrapped under it from now on."""
        self._db.insert(_ADD_KEK, [{"epoch": epoch, "wrapped": wrapped}])
        self.take(epoch, key)
        self._newest = epoch

    def take(self, epoch: int, key: bytes) -> None:
        """Use an agency key just opened or made."""
        self._read_turn()
        self._keks[epoch] = key

    def committed(self) -> None:
        """Hand what was opened and made to the process: the transaction that saw it is durable now. Nothing, when the
        process has heard of another turn meanwhile."""
        for subject in self._canaries:
            self._vault.keep_canary(self._agency, subject)
        if self._vault.turn_of(self._db.agency_id) != self._turn:
            return
        if self._scanned:
            self._vault.scanned.keep(self._agency, self._scanned)
        for epoch, kek in self._keks.items():
            self._vault.keep_kek(self._db.agency_id, epoch, kek, newest=epoch == self._newest)
        for kid, (subject, cipher) in self._fresh.items():
            self._vault.keep(self._agency, kid, subject, cipher, current=self._fresh_of.get(subject) == kid)

    def _read_turn(self) -> None:
        """Before its first use of a key a unit knows the agency's turn: whoever signs in brings it, others ask."""
        if self._turn is None:
            found = self._db.rows(_TURN)
            self.at_turn(found[0].turn if found else 0)

    def _open(self, row: Any) -> AESGCM:
        cipher = AESGCM(self._unwrap(row))
        if row.purpose == CANARY:
            self._canaries.add(row.subject_id.bytes)
        return cipher

    def _unwrap(self, row: Any) -> bytes:
        try:
            return unwrap_key(self.kek(row.epoch), self._db.agency_id, row)
        except WrapRefused:
            raise SealError from None


def canaries_of(db: "Workspace", most: int, after: UUID | None) -> list[Any]:
    """The agency's canaries by id, at most `most`, those behind `after`: subject_id, created_at."""
    return db.rows(_CANARIES, most=most, after=after or UUID(int=0))
