"""The ring of keys a Workspace opens and seals cells with."""

import hmac
import os
from collections.abc import Iterable
from functools import cache
from typing import TYPE_CHECKING, Any
from uuid import UUID

import sqlalchemy as sa
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from models.base import ID, INSTANT, columns, table_of
from models.errors import KeyMissing, KeyRefused, KeyRetired, SealError, WrapRefused
from models.rows import Change, Insert, Query
from models.sight import BOUND, unwalled
from models.vault.cells import KID, kid_of, lp, wrap
from models.vault.keys import CANARY, AgencyKey, DataKey, KeyTurn, Vault, kek_place, key_place, unwrap_key
from models.vault.pairwise import Pairwise

if TYPE_CHECKING:
    from models.workspace import Workspace

_K, _D, _T = columns(AgencyKey), columns(DataKey), columns(KeyTurn)
_KEK = Query(sa.select(_K.wrapped).where(_K.epoch == sa.bindparam("epoch", required=True)))
_NEWEST = Query(sa.select(_K.epoch).order_by(_K.epoch.desc()).limit(1))
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
_AMONG = Query(
    sa.select(_D.subject_id).where(
        _D.purpose == CANARY, _D.subject_id.in_(sa.bindparam("ids", expanding=True, type_=ID))
    )
)
_CANARY = (
    sa.select(_D.subject_id, sa.func.min(_D.created_at, type_=INSTANT).label("created_at"))
    .where(_D.purpose == CANARY)
    .group_by(_D.subject_id)
    .order_by(_D.subject_id)
)
_ADD_KEK = Insert(AgencyKey)
_ADD_KEY = Insert(DataKey)


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
            rows = self._db.rows(_NEWEST)
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


def canaries_among(db: "Workspace", subjects: list[UUID]) -> set[UUID]:
    """Which of these subjects are canaries, read off their keys, none of which is opened. At least one subject."""
    return {row.subject_id for row in db.rows(_AMONG, ids=subjects)}


def canaries_of(db: "Workspace", most: int, after: UUID | None) -> list[Any]:
    """The agency's canaries by id, at most `most`, those behind `after`: subject_id, created_at. A wall hides a canary
    from somebody as it hides any client."""
    return db.rows(_canaries(), most=most, after=after or UUID(int=0))


def canary_of(db: "Workspace", client_id: UUID) -> Any:
    """One of them. NotFound when there is none, or a wall between."""
    return db.one(_one_canary(), client_id=client_id)


@cache
def _canaries() -> Query:
    some = _D.subject_id > sa.bindparam("after", type_=ID, required=True)
    statement = _CANARY.where(some).limit(sa.bindparam("most", required=True))
    return Query(statement, where=unwalled(_D.subject_id, BOUND))


@cache
def _one_canary() -> Query:
    this = _D.subject_id == sa.bindparam("client_id", type_=ID, required=True)
    return Query(_CANARY.where(this), where=unwalled(_D.subject_id, BOUND))
