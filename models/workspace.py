"""One unit of work inside one agency: it knows who asks, shows what she may see, and writes what it can explain."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any, TypeVar, cast
from uuid import UUID

import sqlalchemy as sa

from models import rows, vouch
from models.access import Actor, Kind, Permission, Reach
from models.base import AgencyRecord, columns, model_of, uuid_of
from models.errors import DomainError, Forbidden, NotFound, SealError, Stale, TooManyClients
from models.ledger import book
from models.ledger.action import Action
from models.ledger.book import Fact, Origin
from models.orm import Objects, UnexplainedWrite
from models.post import Post
from models.rows import Change, Insert, Query
from models.vault.keys import Vault
from models.vault.ring import KeyRing
from models.vault.sealed import row_digest
from models.watch import Watch

R = TypeVar("R", bound=AgencyRecord)

LISTED_IDS = 200  # an entry names this many ids; beyond, their count and digest


class Workspace:
    """A unit inside one agency, seeing what its actor may see, writing what the ledger explains.

    The fast lane (rows, one, change, change_one, insert, create_many) runs prepared statements on the driver; the slow
    lane (find, claim, all, create, delete) works with the rows as objects. Both stand behind the same walls.
    """

    def __init__(self, connection: sa.Connection, agency_id: UUID, origin: Origin, vault: Vault, watch: Watch) -> None:
        self.agency_id, self.origin = agency_id, origin
        self.actor, self.reach = Actor.nobody(agency_id), Reach.NONE
        self.glass = False  # whether a break-glass of hers widens what she sees
        self.now = datetime.now(UTC)
        self.connection, self.dialect = connection, connection.dialect
        self.driver: Any = connection.connection.driver_connection
        self.keys = KeyRing(vault, self)
        self.vault, self.watch, self.post = vault, watch, Post()
        self.sequence = -1  # of the entry this unit left
        self.outcome: str | None = None
        self.explained: set[UUID] = set()
        self.claimed: set[UUID] = set()
        self.objects_in_use: Objects | None = None
        self._facts: list[Fact] = []
        self._opened: dict[str, tuple[dict[bytes, bytes], set[str]]] = {}
        self._digests: list[dict[str, Any]] = []
        self._seen: set[UUID] = set()
        self._afterwards: list[Callable[[], object]] = []
        self._blind = False
        self._fast_writes = False  # rows changed without the ORM, which before_flush does not see

    @property
    def objects(self) -> Objects:
        """The rows as objects, from the first verb that wants one."""
        if self.objects_in_use is None:
            self.objects_in_use = Objects(self, self.connection)
        return self.objects_in_use

    def become(self, actor: Actor, permission: Permission | None = None) -> None:
        """From nobody to somebody. With a permission: refused unless granted; sight is as far as the grant reaches."""
        if self.actor.kind is not Kind.NOBODY or actor.agency_id != self.agency_id:
            raise Forbidden
        self.actor = actor
        if permission is None:
            self.reach = Reach.EVERYTHING if actor.kind in (Kind.SYSTEM, Kind.COMMAND) else Reach.NONE
            return
        if not actor.may(permission):
            if actor.must_change_password:
                raise Forbidden("password-change-required")
            if actor.must_enrol:
                raise Forbidden("second-factor-enrolment-required")
            raise Forbidden("break-glass-unreviewed" if actor.unreviewed else None)
        if actor.must_prove(permission, self.now):
            raise Forbidden("step-up-required")
        self.reach = actor.reach(permission)
        self.glass = actor.reads_through_glass(permission)

    @contextmanager
    def blindly(self) -> Iterator[None]:
        """Within, the agency's rows are found whoever asks: for work on rows that nobody is shown, such as destroying
        them or sealing them anew. Opening a field for the caller is refused."""
        before, self.reach, self._blind = (self.reach, self._blind), Reach.EVERYTHING, True
        try:
            yield
        finally:
            self.reach, self._blind = before

    def would_see(self, other: Actor, permission: Permission, client_id: UUID) -> bool:
        """Whether somebody else, with a permission of hers, would see a client: by the same rules, with her eyes."""
        before = self.actor, self.reach, self.glass
        self.actor, self.reach, self.glass = other, other.reach(permission), False
        try:
            return bool(rows.client_in_sight().run(self, {"client_id": client_id}))
        finally:
            self.actor, self.reach, self.glass = before

    def beyond(self, work: "Callable[[Workspace], object]") -> None:
        """Do what reaches beyond the caller's sight as the machinery, in this transaction, with an entry of its own:
        her entry names nobody she must not know of. The last thing a verb does."""
        other = Workspace(self.connection, self.agency_id, self.origin, self.vault, self.watch)
        other.become(Actor.system(self.agency_id))
        other.now = self.now
        work(other)
        other.finish()
        other.abandon()
        self.once_kept(other.kept)

    # -- reading ------------------------------------------------------------------------------------------------

    def find(self, model: type[R], row_id: UUID) -> R:
        """The row, if it is this agency's and in sight; else NotFound."""
        found = self.all(sa.select(model).where(columns(model).id == row_id))
        if not found:
            raise NotFound
        return cast(R, found[0])

    def claim(self, model: type[R], row_id: UUID, version: int | None = None) -> R:
        """The row, locked for change. With a version: Stale unless it is the row's now (If-Match)."""
        wanted = sa.select(model).where(columns(model).id == row_id).with_for_update(key_share=True)
        found = self.all(wanted.execution_options(populate_existing=True))
        if not found:
            raise NotFound
        row = found[0]
        if version is not None and version != row.version:
            raise Stale(row.version)
        self.claimed.add(row.id)
        return cast(R, row)

    def all(self, statement: Any) -> list[Any]:
        """The models of an ORM SELECT, through the walls."""
        return list(self.objects.exec(statement).scalars())

    def rows(self, query: Query, **params: Any) -> list[Any]:
        """Run a prepared query through the walls; sealed columns come opened."""
        return query.run(self, params)

    def one(self, query: Query, **params: Any) -> Any:
        """The only row of a prepared query, or NotFound."""
        found = query.run(self, params)
        if not found:
            raise NotFound
        return found[0]

    def must_see(self, client_id: UUID) -> None:
        """NotFound unless the client is in sight; asked once per Workspace and client."""
        if client_id not in self._seen:
            self.one(rows.client_in_sight(), client_id=client_id)
            if not self._blind:
                self._seen.add(client_id)

    def saw(self, client_id: UUID) -> None:
        """A walled query of this Workspace just returned a row of this client: she is in sight."""
        self._seen.add(client_id)

    def hold(self, name: bytes) -> None:
        """Units that hold the same name wait for each other until they end. On SQLite they do so anyway."""
        if self.dialect.name != "sqlite":
            self.driver.execute("select pg_advisory_xact_lock(%s)", [int.from_bytes(name[:8], signed=True)])

    def together(self) -> AbstractContextManager[Any]:
        """Statements whose results nobody looks at travel as one message on PostgreSQL; what fails fails at the end,
        and numbers of rows mean nothing."""
        return nullcontext() if self.dialect.name == "sqlite" else self.driver.pipeline()

    # -- writing ------------------------------------------------------------------------------------------------

    def create(self, model: type[R], action: Action, **values: object) -> R:
        """Stamp the agency, keep the row, record the fact: one call, nothing to forget."""
        row = model(agency_id=self.agency_id, **cast(Any, values))
        self.objects.add(row)
        self.claimed.add(row.id)
        self.record(action, row)
        return row

    def create_many(self, insert: Insert, action: Action | None, values: Sequence[dict[str, Any]]) -> None:
        """Many rows in one go, through the same seals. `action=None`: another fact of this unit explains them."""
        if action is not None:
            client = values[0].get(model_of(insert.table).client_column() or "")
            self.note(action, insert.table.name, [v["id"] for v in values], client)
        insert.run(self, values)
        self._fast_writes = True

    def change(self, change: Change, **params: Any) -> int:
        """Run a prepared UPDATE or DELETE; `note` or `record` must say why, as for any write. Returns rows changed."""
        changed = change.run(self, params)
        if changed and not model_of(change.table).machinery:
            self._fast_writes = True
        return changed

    def change_many(self, change: Change, params: Sequence[dict[str, Any]]) -> None:
        """Run a prepared UPDATE or DELETE once for each of these (they give the same names), in one go."""
        change.run_many(self, params)
        if not model_of(change.table).machinery:
            self._fast_writes = True

    def change_one(self, change: Change, **params: Any) -> tuple[Any, ...]:
        """Run a prepared UPDATE … RETURNING of one row; `note` must say why. Returns what it returns."""
        returned = change.read(self, params)
        self._fast_writes = True
        return returned

    def insert(self, insert: Insert, values: Sequence[dict[str, Any]]) -> int:
        """Insert machinery rows (keys, log, idempotency): they need no entry. Returns rows inserted."""
        if not model_of(insert.table).machinery:
            raise UnexplainedWrite(f"{insert.table.name}: create_many() says why")
        return insert.run(self, values)

    def record(self, action: Action, row: AgencyRecord, *fields: str) -> None:
        """Say what happened to a row. Its change commits together with this fact or not at all."""
        client = row.subject_id if type(row).subject_column != "agency_id" else None
        self.explained.add(row.id)
        self.note(action, str(row.__tablename__), [row.id], client, fields)

    def note(
        self,
        action: Action,
        kind: str,
        ids: Sequence[UUID],
        client_id: UUID | None = None,
        fields: tuple[str, ...] = (),
        **counts: int | str,
    ) -> None:
        """Say what happened to rows known by id only. The same thing done to several rows is one fact. `counts`:
        numbers that tell what the ids cannot, such as an epoch or how many rows were destroyed, or a digest."""
        for fact in self._facts:
            if (fact.action, fact.kind, fact.client_id, fact.fields, fact.counts) == (
                action, kind, client_id, fields, counts,
            ):  # fmt: skip
                fact.ids += ids
                return
        self._facts.append(Fact(action, kind, list(ids), client_id, fields, counts))

    def note_opened(self, table: str, name: str, opened: dict[bytes, bytes]) -> None:
        """A sealed field of some rows (row id -> subject id, 16 bytes each) was opened for the caller: the entry will
        say so, before any byte leaves."""
        if self._blind:
            raise RuntimeError("blindly() shows nothing")
        ids, fields = self._opened.setdefault(table, ({}, set()))
        ids |= opened
        fields.add(name)

    def note_sealed(self, row: Any) -> None:
        """A row was sealed again: its digest goes into the entry, so history convicts whoever edits the row."""
        self.note_digest(row.__tablename__, row.id, row.seal_rev, row_digest(row))

    def note_digest(self, table: str, row_id: UUID, rev: int, digest: str | None) -> None:
        """Remember a sealed row's digest for the entry; None when the row is gone."""
        self._digests.append({"t": table, "id": str(row_id), "rev": rev, "digest": digest})

    def spoken_of(self) -> set[tuple[str, str]]:
        """The rows (table, id) whose digests this unit's entry holds."""
        return {(row["t"], row["id"]) for row in self._digests}

    def note_vouched(self, table: str, row_id: UUID, values: dict[str, Any] | None) -> None:
        """Remember the digest of what in a row lets somebody in; None when the row is gone."""
        name, digest = vouch.said(table, row_id, values)
        self.note_digest(name, row_id, 0, digest)

    def delete(self, row: AgencyRecord) -> None:
        """Delete a claimed row; `record` must say why, as for any change."""
        self.objects.delete(row)

    def flush(self) -> None:
        """Send what changed on the rows to the database, so that statements of the fast lane see it."""
        if self.objects_in_use is not None:
            self.objects_in_use.flush()

    def reread(self) -> None:
        """Forget the rows' values: the next look at one reads it anew."""
        self.objects.expire_all()

    # -- ending -------------------------------------------------------------------------------------------------

    def finish(self) -> None:
        """Flush, then append the one entry that explains this unit. Called by the Database before its commit."""
        self.flush()
        if self._fast_writes and not self._facts:
            raise UnexplainedWrite("rows changed on the fast lane: note() why")
        if not self._facts and self._opened:
            self._facts.append(self._disclosure())
        if self._facts:
            opened = self._opened_clients()
            if opened:
                self.watch.look(self, opened, self._facts[0].action)
            concerned = self._concerned(opened)
            listed = None if self._said_by_first(concerned) else b"".join(sorted(concerned))
            purpose = self._purpose(concerned) if self.glass else {}
            with self.together():
                counted = self.keys.count_seals()
                self.sequence = book.append(self, self._entry(listed) | purpose, self._facts[0], listed)
            self.keys.must_live(counted)

    def abandon(self) -> None:
        """Let go of the rows; what was not committed is undone."""
        if self.objects_in_use is not None:
            self.objects_in_use.close()

    def once_kept(self, act: Callable[[], object]) -> None:
        """Do this after the commit: what the process remembers must not be of a transaction that failed."""
        self._afterwards.append(act)

    def kept(self) -> None:
        """The commit is done. Called by the Database."""
        self.keys.committed()
        for act in self._afterwards:
            act()

    def deny(self, error: DomainError, actor: Actor, ids: Sequence[UUID]) -> None:
        """Keep the fact that somebody was refused. Its own unit, after the refused one was undone."""
        self.actor, self.outcome = actor, error.reason
        action = Action.INTEGRITY_FAILED if isinstance(error, SealError) else Action.ACCESS_DENIED
        self.note(action, "requests", ids)
        if isinstance(error, TooManyClients):
            kind = "integrations" if actor.kind is Kind.INTEGRATION else "users"
            self.note(Action.ALARM_MANY_CLIENTS_OPENED, kind, [actor.id], clients=error.opened)
            self.watch.alarm_once(self, Action.ALARM_MANY_CLIENTS_OPENED)

    def _opened_clients(self) -> set[bytes]:
        """The clients of whom something sealed was opened. What is sealed and not theirs is the agency's own."""
        clients: set[bytes] = set()
        for ids, _ in self._opened.values():
            clients.update(ids.values())
        clients.discard(self.agency_id.bytes)
        return clients

    def _concerned(self, clients: set[bytes]) -> set[bytes]:
        """Those, and the clients the facts name."""
        for fact in self._facts:
            if fact.client_id is not None:
                clients.add(fact.client_id.bytes)
            if fact.kind == "clients" and len(fact.ids) > (fact.client_id is not None):
                clients.update(i.bytes for i in fact.ids)
        return clients

    def _said_by_first(self, clients: set[bytes]) -> bool:
        """Whether the first fact's client_id says it all."""
        client_id = self._facts[0].client_id
        return not clients if client_id is None else len(clients) == 1

    def _purpose(self, clients: set[bytes]) -> dict[str, Any]:
        """What the entry says of a break-glass through which some of these clients were seen."""
        opened = [row for row in rows.open_glass().run(self, {}) if row.client_id.bytes in clients]
        glasses = [{"id": str(row.id), "client": str(row.client_id), "reason": row.reason} for row in opened]
        return {"why": {"purpose": "break_glass", "break_glass": glasses}} if glasses else {}

    def _disclosure(self) -> Fact:
        clients = self._opened_clients()
        client = UUID(bytes=clients.pop()) if len(clients) == 1 else None
        table, (ids, _) = next(iter(self._opened.items()))
        return Fact(Action.RECORD_DISCLOSED, table, [UUID(bytes=i) for i in ids], client)

    def _entry(self, clients: bytes | None) -> dict[str, Any]:
        first, *more = self._facts
        who = self.actor
        entry: dict[str, Any] = {
            "agency": str(self.agency_id),
            "req": self.origin.request_id,
            "who": {
                "kind": who.kind,
                "id": str(who.id),
                "role": "+".join(sorted(who.roles or who.scopes)),  # of an integration what its token was given
                "session": str(who.session_id) if who.session_id else None,
                "auth": who.auth,
            },
            "where": {"ip": self.origin.ip, "agent": self.origin.agent},
            "action": first.action,
            "object": _object(first.kind, first.ids, first.fields, first.counts),
            "client": str(first.client_id) if first.client_id else None,
            "outcome": "denied" if self.outcome else "ok",
            "code": self.outcome,
        }
        if more:
            entry["also"] = [{"action": f.action, "object": _object(f.kind, f.ids, f.fields, f.counts)} for f in more]
        if clients is not None and not (first.kind == "clients" and len(clients) == 16 * len(first.ids)):
            each = (clients[at : at + 16] for at in range(0, len(clients), 16))
            entry["clients"] = _object("clients", [uuid_of(raw) for raw in each], ())
        if self._opened:
            opened = self._opened.items()
            entry["opened"] = [
                _object(table, [uuid_of(i) for i in ids], tuple(sorted(fields))) for table, (ids, fields) in opened
            ]
        if self._digests:
            entry["rows"] = self._digests
        return entry


def _object(
    kind: str, ids: Sequence[UUID], fields: tuple[str, ...], counts: dict[str, int | str] | None = None
) -> dict[str, Any]:
    named: dict[str, Any] = {"t": kind, "count": len(ids)}
    if len(ids) <= LISTED_IDS:
        named["ids"] = [str(i) for i in ids]
    else:
        named["digest"] = sha256(b"".join(sorted(i.bytes for i in ids))).hexdigest()
    if fields:
        named["fields"] = list(fields)
    if counts:
        named["counts"] = counts
    return named
