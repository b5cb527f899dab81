"""Search for clients by name: the names in sight are opened and compared in memory, nothing stored tells who is here.

A search looks at a stretch of clients a unit, so that nobody waits long behind it. What is opened for looking is not
marked as disclosed; the clients in the answer are opened anew for it, and are.
"""

from dataclasses import dataclass, field, replace
from heapq import nsmallest
from typing import TYPE_CHECKING, Any
from uuid import UUID

import sqlalchemy as sa

from models import search_index
from models.access import Reach
from models.base import ID, columns, uuid_of
from models.client import Client
from models.ledger.action import Action
from models.names import Wanted, whole
from models.rows import Query
from models.search_index import SearchBucket
from models.vault.scan import Opened

if TYPE_CHECKING:
    from models.workspace import Workspace

STRETCH = 2_000  # clients a unit looks at: some ten milliseconds
BATCH = 500  # clients a unit puts into an index; their rows are locked meanwhile
START = UUID(int=0)  # before every client

_C, _B = columns(Client), columns(SearchBucket)
_AFTER: Any = sa.bindparam("after", type_=ID, required=True)
_NAMES = sa.select(_C.id, _C.seal_rev, _C.alias_sealed, _C.legal_name_sealed)
_BEHIND = _NAMES.where(_C.id > _AFTER).order_by(_C.id).limit(sa.bindparam("most", required=True))
_STRETCH = Query(_BEHIND, closed=True)
_BATCH = Query(_BEHIND.with_for_update(), closed=True)
_IN_BUCKET = Query(
    _NAMES.where(
        _B.client_id == _C.id,
        _B.version == sa.bindparam("of_version", required=True),
        _B.bucket == sa.bindparam("of_bucket", required=True),
    ),
    closed=True,
)
_SHOWN = Query(
    sa.select(_C.id, _C.alias_sealed, _C.legal_name_sealed, _C.status, _C.opened_on).where(
        _C.id.in_(sa.bindparam("ids", expanding=True, type_=ID))
    )
)
_REST = Query(sa.select(sa.func.count(_C.id).label("clients")).where(_C.id > _AFTER))

Fit = tuple[tuple[int, int, int], bytes]  # how well somebody fits, and who


@dataclass(frozen=True)
class Found:
    """An answer: rows with id, alias, legal_name, status, opened_on, best first; and whether there may be more."""

    rows: list[Any]
    more: bool


@dataclass(frozen=True)
class Search:
    """A search under way: what is looked for, how far it has come, and the best so far. A step leaves it as it is and
    gives the next one, because a unit may have to be done again."""

    wanted: Wanted
    limit: int
    thorough: bool = False
    after: UUID = START
    scanned: int = 0
    found: int = 0
    best: list[Fit] = field(default_factory=list)
    damaged: list[bytes] = field(default_factory=list)

    def step(self, db: "Workspace") -> "Search | Found":
        """Look at the next stretch; the last one gives the answer and writes the entry."""
        if not self.scanned and not self.thorough and (hits := self._by_full_name(db)) is not None:
            return hits.answer(db, more=True)
        rows = db.rows(_STRETCH, after=self.after, most=STRETCH)
        looked = self._look_at(db, rows)
        if len(rows) == STRETCH:
            return replace(looked, after=uuid_of(rows[-1][0]))
        return looked.answer(db, more=looked.found > self.limit)

    def _look_at(self, db: "Workspace", rows: list[Any]) -> "Search":
        opened = Opened(db, rows)
        ranked = ((self.wanted.rank(names), row_id) for row_id, names in opened.names)
        fits = [(rank, row_id) for rank, row_id in ranked if rank is not None]
        return replace(
            self,
            scanned=self.scanned + len(rows),
            found=self.found + len(fits),
            best=nsmallest(self.limit, self.best + fits),
            damaged=self.damaged + opened.damaged,
        )

    def _by_full_name(self, db: "Workspace") -> "Search | None":
        """Who has exactly this full name, by the agency's index; None when nobody, or there is no index. Asked only
        for people who see every client: for others its time would tell of clients they do not see."""
        name = search_index.indexed(self.wanted.whole)
        if db.reach < Reach.AGENCY or not name or (index := search_index.ready(db)) is None:
            return None
        bucket = search_index.bucket_of(db, index.version, index.bits, name)
        looked = self._look_at(db, db.rows(_IN_BUCKET, of_version=index.version, of_bucket=bucket))
        best = [fit for fit in looked.best if fit[0][:2] == (0, 0)]
        return replace(looked, best=best, found=len(best)) if best else None

    def answer(self, db: "Workspace", *, more: bool) -> Found:
        """Open the best anew, with a disclosure mark, through the walls as they are now."""
        ranks = {uuid_of(row_id): rank for rank, row_id in self.best}
        rows = db.rows(_SHOWN, ids=list(ranks)) if ranks else []
        rows.sort(key=lambda row: (ranks[row.id], whole(row.alias or row.legal_name or ""), row.id))
        if self.damaged:  # one damaged row does not stop the search, and is told first to those who check
            db.note(Action.INTEGRITY_FAILED, "clients", [uuid_of(row_id) for row_id in self.damaged])
        only = rows[0].id if len(rows) == 1 else None
        db.note(Action.CLIENT_SEARCHED, "clients", [], only, scanned=self.scanned, found=self.found)
        return Found(rows, more)


def search(query: str, limit: int, *, thorough: bool = False) -> Search:
    """A search for a name or its beginning, to be stepped until it is Found. `thorough`: look at every client even
    when the agency's index has found the full name."""
    return Search(Wanted(query), limit, thorough)


# -- building the index of a large agency ---------------------------------------------------------------------------


@dataclass(frozen=True)
class Building:
    """An index being built: its version, and how many clients are left."""

    version: int
    left: int


@dataclass(frozen=True)
class Counted:
    """The different full names met so far, as numbers that mean nothing outside this process; the client looked at
    last, None when all were."""

    names: frozenset[int]
    after: UUID | None = START


def count_names(db: "Workspace", counted: Counted) -> Counted:
    """Count on, a stretch of clients further. A version that was interrupted has its size already."""
    rows = [] if search_index.unfinished(db) else db.rows(_STRETCH, after=counted.after, most=STRETCH)
    found = {hash(search_index.indexed(name)) for _, names in Opened(db, rows).names for name in names}
    after = uuid_of(rows[-1][0]) if len(rows) == STRETCH else None
    return Counted(counted.names | found - {hash("")}, after)


def begin_index(db: "Workspace", counted: Counted) -> Building:
    """Begin a new version, or go on with one that was interrupted."""
    index = search_index.begin(db, len(counted.names))
    return Building(index.version, db.one(_REST, after=index.built_to_id).clients)


def under_way(db: "Workspace") -> tuple[int, int]:
    """The oldest transaction that is writing, and the number of the next one. When the oldest has reached the next of
    some time ago, whoever was writing then has ended. SQLite has one writer at a time: nobody else is."""
    if db.dialect.name == "sqlite":
        return 0, 0
    now = "select pg_snapshot_xmin(s)::text::bigint, pg_snapshot_xmax(s)::text::bigint from pg_current_snapshot() s"
    oldest, following = db.driver.execute(now).fetchone()
    return oldest, following


def index_batch(db: "Workspace", version: int) -> int:
    """Put the next clients into the version; how many, 0 when all are in. Damaged names are left out."""
    index = search_index.hold(db, version)
    rows = db.rows(_BATCH, after=index.built_to_id, most=BATCH)
    if not rows:
        return 0
    opened = Opened(db, rows)
    search_index.put(db, index, {uuid_of(row_id): names for row_id, names in opened.names})
    search_index.built_to(db, version, uuid_of(rows[-1][0]))
    return len(rows)


def complete_index(db: "Workspace", version: int) -> Any:
    """Ask this version from now on; older ones are gone. Returns version and bits."""
    index = search_index.hold(db, version)
    search_index.switch_to(db, version)
    clients = db.one(_REST, after=START).clients
    db.note(Action.SEARCH_INDEX_COMPLETED, "search_indexes", [], version=version, bits=index.bits, clients=clients)
    return index


def drop_index(db: "Workspace") -> int:
    """Take the agency's index away, also one half built. Returns how many entries of buckets went."""
    made = search_index.indexes(db)
    gone = sum(search_index.drop(db, index.version) for index in made)
    if made:
        db.note(Action.SEARCH_INDEX_DROPPED, "search_indexes", [], versions=len(made), buckets=gone)
    return gone
