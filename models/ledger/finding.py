"""Finding entries: by number, by somebody, of some actions, and about one row or one client wherever she is named."""

import heapq
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from itertools import islice
from typing import TYPE_CHECKING, Any
from uuid import UUID

import orjson
import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement

from models.base import BYTES, ID, columns
from models.ledger.action import Action
from models.ledger.book import LedgerEntry
from models.rows import Query

if TYPE_CHECKING:
    from models.workspace import Workspace

_E = columns(LedgerEntry)
BEHIND_ALL = 2**62  # no entry has such a number
BATCH = 1000


class Holds(FunctionElement[bool]):
    """Whether some bytes hold other bytes: holds(where, what). `instr` of SQLite, `position` of PostgreSQL."""

    type = sa.Boolean()
    inherit_cache = True


@compiles(Holds)
def _instr(element: Any, compiler: Any, **how: Any) -> str:
    where, what = (compiler.process(part, **how) for part in element.clauses)
    return f"instr({where}, {what}) > 0"


@compiles(Holds, "postgresql")
def _position(element: Any, compiler: Any, **how: Any) -> str:
    where, what = element.clauses
    return f"position({compiler.process(what, **how)} in {compiler.process(where, **how)}) > 0"


def _given(name: str, kind: Any) -> Any:
    return sa.bindparam(name, type_=kind, required=True)


#: The ways an entry can be about a row or a client, each with an index of its own.
_ABOUT: dict[str, Any] = {
    "anything": sa.true(),
    "client": _E.client_id == _given("whom", ID),
    "rows": _E.subject_id.in_(sa.bindparam("rows", expanding=True)),
    "range": _E.subject_id.between(_given("first_row", ID), _given("last_row", ID)),
    "listed": sa.and_(_E.clients.is_not(None), Holds(_E.clients, _given("whose", BYTES))),
}


@cache
def _entries(about: str, *, by_actor: bool, of_actions: bool, newest: bool) -> Query:
    found: Any = sa.select(_E.seq, _E.entry, _E.clients).where(_ABOUT[about])
    edge = _given("edge", sa.BigInteger)
    # Of rows few entries tell. Written so that their index is used, not the order of the log: SQLite would read it all.
    seq: Any = _E.seq + sa.literal_column("0") if about in ("rows", "range") else _E.seq
    found = found.where(seq < edge) if newest else found.where(seq > edge)
    if by_actor:
        found = found.where(_E.actor_id == _given("who", ID))
    if of_actions:
        found = found.where(_E.action.in_(sa.bindparam("actions", expanding=True)))
    return Query(found.order_by(seq.desc() if newest else seq).limit(_given("most", sa.Integer)))


@dataclass(frozen=True)
class Wanted:
    """Which entries: about a client, about rows (ids, and ranges of ids with both ends), of somebody, of some kinds."""

    client_id: UUID | None = None
    rows: tuple[UUID, ...] = ()
    ranges: tuple[tuple[UUID, UUID], ...] = ()
    actor_id: UUID | None = None
    actions: Sequence[Action] = ()
    newest: bool = False

    def ways(self) -> list[tuple[str, dict[str, Any]]]:
        """Every way in which an entry can be about what is wanted, with what it asks for."""
        ways: list[tuple[str, dict[str, Any]]] = [
            ("range", {"first_row": first, "last_row": last}) for first, last in self.ranges
        ]
        if self.rows:
            ways.append(("rows", {"rows": list(self.rows)}))
        if self.client_id is not None:
            ways += [("client", {"whom": self.client_id}), ("listed", {"whose": self.client_id.bytes})]
        return ways or [("anything", {})]


def entries(db: "Workspace", wanted: Wanted, edge: int, batch: int = BATCH) -> Iterator[dict[str, Any]]:
    """The wanted entries behind number `edge` (before it, newest first, if so wanted), each once, as long as asked."""
    found = [_one_way(db, wanted, way, params, edge, batch) for way, params in wanted.ways()]
    last = None
    for seq, stored in heapq.merge(*found, key=lambda pair: pair[0], reverse=wanted.newest):
        if seq != last:
            yield orjson.loads(stored)
        last = seq


def _one_way(
    db: "Workspace", wanted: Wanted, way: str, params: dict[str, Any], edge: int, batch: int
) -> Iterator[tuple[int, bytes]]:
    query = _entries(way, by_actor=wanted.actor_id is not None, of_actions=bool(wanted.actions), newest=wanted.newest)
    more: dict[str, Any] = {} if wanted.actor_id is None else {"who": wanted.actor_id}
    if wanted.actions:
        more["actions"] = list(wanted.actions)
    while rows := db.rows(query, edge=edge, most=batch, **params, **more):
        for row in rows:
            if way != "listed" or params["whose"] in ids_in(row.clients):
                yield row.seq, row.entry
        if len(rows) < batch:
            return
        edge = rows[-1].seq


def ids_in(clients: bytes) -> set[bytes]:
    """The ids that stand in one piece in the column `clients`: bytes astride two of them are none."""
    return {clients[at : at + 16] for at in range(0, len(clients), 16)}


def search(
    db: "Workspace",
    most: int,
    after: int,
    *,
    subject_id: UUID | None,
    actor_id: UUID | None,
    actions: Sequence[Action],
    through: Callable[[Iterator[dict[str, Any]]], Iterator[dict[str, Any]]] = iter,
) -> list[dict[str, Any]]:
    """Entries behind `after`, in order: about a row or a client, by somebody, of some actions; those that come
    `through` a filter."""
    rows = () if subject_id is None else (subject_id,)
    wanted = Wanted(client_id=subject_id, rows=rows, actor_id=actor_id, actions=actions)
    return list(islice(through(entries(db, wanted, after, most)), most))


# -- whom somebody reached -----------------------------------------------------------------------------------------


@cache
def _reaching(*, by_actor: bool, in_session: bool, whole: bool) -> Query:
    found: Any = sa.select(_E.seq, _E.at, _E.client_id, _E.clients, *([_E.entry] if whole else [])).where(
        _E.seq < _given("edge", sa.BigInteger), sa.or_(_E.client_id.is_not(None), _E.clients.is_not(None))
    )
    if by_actor:
        found = found.where(_E.actor_id == _given("who", ID))
    if in_session:
        found = found.where(Holds(_E.entry, _given("session", BYTES)))
    return Query(found.order_by(_E.seq.desc()).limit(_given("most", sa.Integer)))


@dataclass
class Reached:
    """One client in the entries of somebody: first and last time, how many entries, and the numbers of the newest."""

    client_id: bytes
    first_at: datetime
    last_at: datetime
    count: int
    sequences: list[int]


def reached(
    db: "Workspace",
    *,
    actor_id: UUID | None,
    session_id: UUID | None,
    since: datetime | None,
    until: datetime | None,
    shown: int = 20,
    through: Callable[[Iterator[dict[str, Any]]], Iterator[dict[str, Any]]] | None = None,
) -> list[Reached]:
    """Every client named in successful entries of a person, of a session, of both or of anybody, by id; of those that
    come `through` a filter, if there is one. What was refused names no client. A session's own person is found by the
    entry that opened it."""
    if actor_id is None and session_id is not None:
        opening = Wanted(rows=(session_id,), actions=(Action.SESSION_OPENED,))
        opened = next(entries(db, opening, -1), None)
        if opened is None:
            return []
        actor_id = UUID(opened["who"]["id"])
    query = _reaching(by_actor=actor_id is not None, in_session=session_id is not None, whole=through is not None)
    params: dict[str, Any] = {} if actor_id is None else {"who": actor_id}
    if session_id is not None:  # as canonical JSON writes it: whatever stands elsewhere in an entry has no such name
        params["session"] = f'"session":"{session_id}"'.encode()
    found: dict[bytes, Reached] = {}
    edge = BEHIND_ALL
    while rows := db.rows(query, edge=edge, most=BATCH, **params):
        counted = [row for row in rows if (until is None or row.at < until) and (since is None or row.at >= since)]
        if through is not None:
            known = {entry["seq"] for entry in through(orjson.loads(row.entry) for row in counted)}
            counted = [row for row in counted if row.seq in known]
        for row in counted:
            _count(found, row, shown)
        if len(rows) < BATCH or (since is not None and rows[-1].at < since):
            break
        edge = rows[-1].seq
    return sorted(found.values(), key=lambda one: one.client_id)


def _count(found: dict[bytes, Reached], row: Any, shown: int) -> None:
    """One entry more for each client it names; entries come newest first."""
    for client_id in ids_in(row.clients) if row.clients is not None else {row.client_id.bytes}:
        one = found.get(client_id)
        if one is None:
            one = found[client_id] = Reached(client_id, row.at, row.at, 0, [])
        one.first_at, one.count = row.at, one.count + 1
        if len(one.sequences) < shown:
            one.sequences.append(row.seq)
