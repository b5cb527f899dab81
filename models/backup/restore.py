"""Restoring: two halves into an empty database, in one transaction; the ledger then tells which rows went back."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import partial
from itertools import islice
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from models.access import Actor, Kind
from models.assignment import Assignment
from models.backup import Refused
from models.backup.check import Agency, Found
from models.backup.halves import Half, half_of
from models.backup.save import Done
from models.backup.since import WORDS_LOST
from models.backup.stores import PostgresStore, Row, SqliteStore, Store, Table
from models.backup.words import sealed_rows
from models.base import columns, table_of, uuid_of
from models.client import Client
from models.cover import Cover
from models.invitation import revoke_all
from models.ledger.action import Action
from models.ledger.book import Origin
from models.release import Release
from models.rows import Change, Query
from models.user import User, UserStatus
from models.vault.keys import Vault
from models.vouch import SUFFIX
from models.wall import Wall
from models.watch import Watch
from models.workspace import Workspace

IN_ONE_ENTRY = 500  # rows whose digests stand in one entry of the ledger
Target = SqliteStore | PostgresStore
Migrate = Callable[[sa.Connection, str], None]

_U, _A = columns(User), columns(Assignment)
_WANTED: Any = sa.bindparam("wanted", required=True)
_SUSPEND = Change(
    sa.update(table_of(User))
    .where(_U.id == _WANTED, _U.status != UserStatus.SUSPENDED)
    .values(status=UserStatus.SUSPENDED, version=_U.version + 1)
)
_UNCOVER = Change(
    sa.update(table_of(Cover))
    .where(columns(Cover).id == _WANTED, columns(Cover).ended_at.is_(None))
    .values(ended_at=sa.bindparam("at", required=True), ended_by_id=sa.bindparam("by", required=True))
)
_RESTRICT = Change(
    sa.update(table_of(Client))
    .where(columns(Client).id == _WANTED, sa.not_(columns(Client).restricted))
    .values(restricted=True, version=columns(Client).version + 1)
)
_CLIENTS, _PEOPLE = Query(sa.select(columns(Client).id)), Query(sa.select(_U.id))
_END = Change(
    sa.update(table_of(Assignment))
    .where(_A.id == _WANTED, _A.ended_at.is_(None))
    .values(
        ended_at=sa.bindparam("at", required=True),
        ended_by_id=sa.bindparam("by", required=True),
        version=_A.version + 1,
    )
)


def restore(connection: sa.Connection, found: Found, vault: Vault, migrate: Migrate, done: Done) -> None:
    """Fill an empty database inside the caller's transaction. `migrate` brings it to a revision; `done` gets the number
    of rows just copied. Raises Refused: then the caller undoes everything."""
    store = SqliteStore(connection.connection.driver_connection) if _embedded(connection) else PostgresStore(connection)  # type: ignore[arg-type]
    must_be_empty(store)
    migrate(connection, found.data_manifest.revision)
    _fill(store, found, Half.DATA, done)
    migrate(connection, found.keys_manifest.revision)
    _fill(store, found, Half.KEYS, done)
    migrate(connection, "head")
    found.words.look_again()
    for agency in found.agencies.values():
        _write_entries(connection, store, found, agency, vault)


def must_be_empty(store: Target) -> None:
    """Refused when the database holds any table: what is there is never mixed with what comes."""
    if store.revision() is not None or store.tables():
        raise Refused(
            "The database is not empty",
            "What is there would be mixed with what comes, so nothing was changed",
            "restore into an empty database; move the old one aside first",
        )


def _embedded(connection: sa.Connection) -> bool:
    return connection.dialect.name == "sqlite"


def _fill(store: Target, found: Found, half: Half, done: Done) -> None:
    """One half into the database, which stands at the half's migration, agency by agency."""
    tables = {name: table for name, table in store.tables().items() if half_of(name) is half}
    source = found.data if half is Half.DATA else found.keys
    _must_hold(tables, source)
    with store.open_to_copies():
        for agency in found.agencies.values():
            for table in reversed(tables.values()):
                store.clear(table, agency.agency_id)  # of what migrating may have put there
            for table in tables.values():
                _copy(source, store, table, agency, done)


def _must_hold(tables: dict[str, Table], source: Store) -> None:
    """The database as migrated has every table and column of the half."""
    for name, table in source.tables().items():
        if name not in tables or set(table.columns) != set(tables[name].columns):
            raise Refused(
                f"The table {name} of the backup is not that of its revision, {source.revision()}",
                "Its rows would not fit",
                "restore with the version of Waypost that made the backup",
            )


def _copy(source: Store, store: Target, table: Table, agency: Agency, done: Done) -> None:
    """One agency's rows of one table; not those of clients who were destroyed."""
    living = half_of(table.name) is Half.DATA
    for batch in source.read(replace(table, out=()), agency.agency_id):
        rows = _of_the_living(table, batch, agency.dead) if living else batch
        if rows:
            store.write(table, agency.agency_id, rows)
        done(len(batch))


def _of_the_living(table: Table, rows: Sequence[Row], dead: set[UUID]) -> Sequence[Row]:
    whose = "id" if table.name == "clients" else "client_id"
    if not dead or whose not in table.columns:
        return rows
    at = table.at(whose)
    return [row for row in rows if row[at] is None or uuid_of(row[at]) not in dead]


def _remember_differences(store: Target, found: Found, agency: Agency, told: set[tuple[str, str]]) -> None:
    """Which rows are not what the ledger said last, and which it knows that are not there; but for those it was just
    told of."""
    agency_id, words = agency.agency_id, found.words
    vouched = words.vouched(agency_id)
    for row in sealed_rows(store, agency_id):
        now, _ = words.on(agency_id, row.table, row.id)
        if now is None and vouched and row.table.endswith(SUFFIX):
            continue  # the ledger knows nothing of this grant, and does not begin to: `verify --state` names it
        if row.digest != now and (row.table, str(row.id)) not in told:
            words.differs(agency_id, row.table, row.id, row.rev, row.digest)
    for table, row_id, rev in words.unseen(agency_id):
        words.differs(agency_id, table, uuid_of(row_id), rev, None)


def _write_entries(connection: sa.Connection, store: Target, found: Found, agency: Agency, vault: Vault) -> None:
    """backup.restored in this agency's ledger: what went back, row by row, so that the state verifies from here on.
    The first entry also shuts out again whom the ledger knows to be shut out; rows are looked at after that. The last
    ones set up walls and legal holds again, after those that name them as missing."""
    first = _unit(connection, agency.agency_id, vault)
    dead = len(agency.dead)
    first.note(Action.BACKUP_RESTORED, "ledger_heads", [], rows=agency.rows, clients=agency.alive, destroyed=dead)
    _shut_out(first, agency)
    first.keys.turn_on()  # whatever a process remembers of these keys is of another time
    first.finish()
    _remember_differences(store, found, agency, first.spoken_of())
    differing = found.words.differing(agency.agency_id)
    while some := list(islice(differing, IN_ONE_ENTRY)):
        db = _unit(connection, agency.agency_id, vault)
        db.note(Action.BACKUP_RESTORED, "ledger_heads", [], rows=len(some))
        for table, row_id, rev, digest in some:
            db.note_digest(table, uuid_of(row_id), rev, digest)
        db.finish()
    unit = partial(_unit, connection, agency.agency_id, vault)
    _wall_in(unit, agency)
    agency.holds.stand(agency.since, unit)


def _shut_out(db: Workspace, agency: Agency) -> None:
    """People suspended, assignments ended and releases taken back since the data were saved stay so, and no invitation
    of then lets anybody in: it may have been used or taken back since. Roles cannot be
    told from an entry: who has the old ones again is named to whoever restores."""
    for user_id in _known(agency.since.suspended):
        if db.change(_SUSPEND, wanted=user_id):
            db.note(Action.USER_SUSPENDED, "users", [user_id])
    for assignment_id in _known(agency.since.ended):
        if db.change(_END, wanted=assignment_id, at=db.now, by=db.actor.id):
            db.note(Action.ASSIGNMENT_ENDED, "assignments", [assignment_id])
    for release_id in _known(agency.since.revoked):
        Release.revoke_again(db, release_id)
    for cover_id in _known(agency.since.uncovered):
        if db.change(_UNCOVER, wanted=cover_id, at=db.now, by=db.actor.id):
            db.note(Action.COVER_ENDED, "covers", [cover_id])
    for client_id in _known(agency.since.restricted):
        if db.change(_RESTRICT, wanted=client_id):
            db.note(Action.CLIENT_RESTRICTED, "clients", [client_id], client_id)
    revoke_all(db)


def _wall_in(unit: Callable[[], Workspace], agency: Agency) -> None:
    """Walls set up since the data were saved stand again, for clients who came back and people who are here."""
    looking = unit()
    clients, people = ({row.id for row in looking.rows(query)} for query in (_CLIENTS, _PEOPLE))
    for wall_id, (client_id, user_id) in sorted(agency.since.walls.items()):
        if wall_id not in agency.since.walls_lifted and client_id in clients and user_id in people:
            db = unit()
            Wall.set_again(db, wall_id, client_id, user_id, WORDS_LOST)
            db.finish()


def _known(ids: Iterable[UUID]) -> list[UUID]:
    return sorted(ids)


def _unit(connection: sa.Connection, agency_id: UUID, vault: Vault) -> Workspace:
    """A unit of the command line inside this transaction."""
    if not _embedded(connection):
        connection.exec_driver_sql("select set_config('app.agency_id', %s, true)", (str(agency_id),))
    db = Workspace(connection, agency_id, Origin(), vault, Watch())
    db.become(Actor.system(agency_id, kind=Kind.COMMAND))
    return db
