"""The log's rows: append under the head, read back, verify. Entries hold ids, never values (decision 9)."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar
from uuid import UUID

import orjson
import sqlalchemy as sa
from sqlmodel import Field

from models.base import BYTES, Record, choice, columns, id_field, instant_field, table_of
from models.ledger import anchors, merkle
from models.ledger.action import Action
from models.ledger.offline import TILE, Audit, Findings, Keys, Note, judge, root_of
from models.ledger.state import rows as sealed_rows
from models.rows import Change, Insert, Query

if TYPE_CHECKING:
    from models.workspace import Workspace

FORMAT = 1
BATCH = 1_000  # entries read in one unit


class LedgerHead(Record, table=True):
    """One row per agency: how many entries its log has, and the frontier of their tree. It is locked last."""

    __tablename__ = "ledger_heads"
    machinery: ClassVar[bool] = True
    kept_with_keys: ClassVar[bool] = True

    agency_id: UUID = id_field(primary_key=True)
    size: int = Field(default=0, sa_type=sa.BigInteger)
    frontier: bytes = Field(default=b"", sa_type=BYTES)


class LedgerEntry(Record, table=True):
    """One entry, stored verbatim; the other columns repeat parts of it so that they can be asked for."""

    __tablename__ = "ledger_entries"
    machinery: ClassVar[bool] = True
    kept_with_keys: ClassVar[bool] = True
    __table_args__ = (
        sa.Index("ix_ledger_entries_subject", "agency_id", "subject_id", "seq"),
        sa.Index("ix_ledger_entries_client", "agency_id", "client_id", "seq"),
        sa.Index("ix_ledger_entries_actor", "agency_id", "actor_id", "seq"),
        sa.Index(
            "ix_ledger_entries_clients",
            "agency_id",
            "seq",
            sqlite_where=sa.text("clients IS NOT NULL"),
            postgresql_where=sa.text("clients IS NOT NULL"),
        ),
        {"sqlite_with_rowid": False},
    )

    agency_id: UUID = id_field(primary_key=True)
    seq: int = Field(sa_type=sa.BigInteger, primary_key=True)
    at: datetime = instant_field()
    actor_id: UUID = id_field()
    action: Action = Field(sa_type=choice(Action))
    subject_id: UUID | None = id_field(default=None)
    client_id: UUID | None = id_field(default=None)
    #: The 16-byte ids of every client an entry concerns, sorted, in one piece; null when client_id says it all.
    clients: bytes | None = Field(default=None, sa_type=BYTES)
    entry: bytes = Field(sa_type=BYTES)


_H, _E = columns(LedgerHead), columns(LedgerEntry)
_HEAD = Query(sa.select(_H.size, _H.frontier).with_for_update())
_PEEK = Query(sa.select(_H.size, _H.frontier))
_MOVE = Change(
    sa.update(table_of(LedgerHead)).values(
        size=sa.bindparam("new_size", required=True), frontier=sa.bindparam("new_frontier", required=True)
    )
)
_OPEN = Insert(LedgerHead)
_APPEND = Insert(LedgerEntry)
_ENTRIES = Query(
    sa.select(_E.seq, _E.entry)
    .where(_E.seq >= sa.bindparam("first", required=True))
    .order_by(_E.seq)
    .limit(sa.bindparam("most", required=True))
)
_LAST = Query(sa.select(sa.func.max(_E.seq).label("seq")))


@dataclass(frozen=True)
class Origin:
    """Where a request came from, as the ledger keeps it: its id, the caller's address, a coarse device class."""

    request_id: str = "-"
    ip: str | None = None
    agent: str | None = None


@dataclass
class Fact:
    """One thing that happened: an action on some rows of one kind."""

    action: Action
    kind: str
    ids: list[UUID]
    client_id: UUID | None = None
    fields: tuple[str, ...] = ()
    counts: dict[str, int | str] = field(default_factory=dict)


def canonical(entry: dict[str, Any]) -> bytes:
    """RFC 8785 for what entries hold (strings, integers, booleans, null, lists, objects): one text per meaning."""
    return orjson.dumps(entry, option=orjson.OPT_SORT_KEYS)


def written(at: datetime) -> str:
    """An instant as entries hold it: RFC 3339 in UTC with microseconds and Z."""
    return at.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def open_log(db: "Workspace") -> None:
    """Begin an agency's log, unless it has one; the head row is what every later append locks."""
    if not db.rows(_HEAD):
        db.insert(_OPEN, [{"size": 0, "frontier": b""}])


def append(db: "Workspace", entry: dict[str, Any], fact: Fact, clients: bytes | None = None) -> int:
    """Add one entry as the last act of a transaction; returns its number. Any failure fails the transaction."""
    head = db.rows(_HEAD)[0]
    at = datetime.now(UTC)  # under the head's lock: entries are in the order of their times
    stored = canonical(entry | {"v": FORMAT, "seq": head.size, "at": written(at)})
    row = {
        "seq": head.size,
        "at": at,
        "actor_id": db.actor.id,
        "action": fact.action,
        "subject_id": fact.ids[0] if len(fact.ids) == 1 else None,
        "client_id": fact.client_id,
        "clients": clients,
        "entry": stored,
    }
    leaf = merkle.leaf_hash(stored)
    grown = merkle.push(head.frontier, head.size, leaf)
    with db.together():
        db.insert(_APPEND, [row])
        if head.size % TILE == TILE - 1:
            anchors.add_tile(db, head.size // TILE, merkle.tile(head.frontier, leaf))
        db.change(_MOVE, new_size=head.size + 1, new_frontier=grown)
    return int(head.size)


def head(db: "Workspace") -> Any:
    """The agency's head row as it stands: size and frontier. It locks nothing."""
    return db.one(_PEEK)


def entries(db: "Workspace", first: int = 0) -> Iterator[tuple[int, bytes]]:
    """The log from `first` on, in order."""
    while rows := db.rows(_ENTRIES, first=first, most=BATCH):
        for row in rows:
            yield row.seq, row.entry
        first = rows[-1].seq + 1


@dataclass(frozen=True)
class Verdict:
    """What verification found: the size and root of the log, every fault in plain words (empty = sound), and remarks:
    what is odd but happens on honest machines, such as a clock set back."""

    agency_id: UUID
    size: int
    root: str
    faults: tuple[str, ...]
    remarks: tuple[str, ...]


def verify(db: "Workspace", kept: Sequence[tuple[str, Note]] = (), *, state: bool = False) -> Verdict:
    """Verify one agency's log within this unit."""
    return verified(lambda work: work(db), db.agency_id, kept, state=state)


def verified(
    within: Callable[[Callable[["Workspace"], Any]], Any],
    agency_id: UUID,
    kept: Sequence[tuple[str, Note]] = (),
    *,
    state: bool = False,
) -> Verdict:
    """Recompute an agency's tree from its entries, and compare it with the head, the stored subtree hashes, the stored
    checkpoints, notes kept outside (name and note) and, if asked, the sealed rows.

    `within` runs one short unit: nobody waits for a verification. What is below a head never changes, so the entries up
    to the head seen first are one consistent log however many are added meanwhile."""
    since, stored = within(lambda db: head(db).size), list(sealed_rows(within)) if state else []
    top, audit = within(_begun)
    for name, note in kept:
        audit.expect(note, name)
    audit.begin()
    after = -(2**62)
    while run := within(partial(batch, first=after, before=top.size)):
        for row in run:
            audit.add(row.entry, row.seq)
        after = run[-1].seq + 1
    audit.end()
    size, found = audit.tree.size, audit.found
    if (top.size, top.frontier) != (size, b"".join(audit.tree.peaks)):
        found.fault(f"the head row says {top.size} entries with another root than the {size} entries stored")
    for said in [*within(_beyond), *(judge(audit, stored, since) if state else ())]:
        found.fault(said)
    root = root_of(audit.tree.peaks).hex()
    return Verdict(agency_id, size, root, tuple(found.all_faults()), tuple(found.remarks))


def _begun(db: "Workspace") -> tuple[Any, Audit]:
    """The head, and what the entries below it have to fit. Notes are read before the head: it may only be higher."""
    notary, found, notes = db.vault.notary, Findings(), list[Note]()
    for stored in anchors.notes(db):
        try:
            notes.append(Note.read(stored))
        except ValueError:
            found.fault("a stored checkpoint is not in the form it has to have")
    top, keys = head(db), notary.keys(db.agency_id)
    audit = Audit(str(db.agency_id), notary.origin(db.agency_id), Keys(keys, notes, keys, found), found)
    audit.tiles = anchors.tiles(db, top.size // TILE)
    for note in notes:
        audit.expect(note)
    return top, audit


def batch(db: "Workspace", first: int, before: int) -> list[Any]:
    """The next entries (seq, entry) from `first` on, those below `before`; at most BATCH."""
    return [row for row in db.rows(_ENTRIES, first=first, most=BATCH) if row.seq < before]


def _beyond(db: "Workspace") -> list[str]:
    """What stands where nothing has been written yet. Read before the head is: it may only be higher."""
    last, tile = db.one(_LAST).seq, anchors.last_tile(db)
    size = head(db).size
    said = [f"entry {last} stands beyond the head ({size} entries)"] if last is not None and last >= size else []
    return said + (
        [f"stored subtree hash {tile} is beyond the head"] if tile is not None and tile >= size // TILE else []
    )
