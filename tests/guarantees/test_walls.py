"""Each wall tested alone, with the others taken away: one mistake in one of them lets nobody through.

Between two agencies stand the Workspace's condition on every statement, row-level security (PostgreSQL), the keys, and
composite foreign keys. Between a colleague and a client stands the Workspace's condition on sight. Around the log stand
triggers (both databases) and grants (PostgreSQL).
"""

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID, uuid4

import pytest
import sqlalchemy as sa

from models import rows
from models.access import Permission, Reach
from models.base import columns, table_of
from models.checklist import ChecklistItem
from models.client import Assignment, Client
from models.database import Database
from models.errors import NotFound, SealError
from models.ledger.action import Action
from models.orm import UnexplainedWrite
from models.plan import Plan
from models.rows import Insert, Query
from models.workspace import Workspace
from tests.factories import behind
from tests.postgres import Urls
from tests.world import World

CLIENTS = Query(sa.select(columns(Client).id, columns(Client).status))
ALIASES = Query(sa.select(columns(Client).id, columns(Client).alias_sealed))
ADD_CLIENT = Insert(Client)


@pytest.fixture
def above(world: World, urls: Urls) -> Iterator[World]:
    """The world through a superuser's connection: row-level security and grants taken away."""
    database = Database(urls.superuser, world.database.vault, pool_size=2)
    yield replace(world, database=database)
    database.engine.dispose()


@contextmanager
def unwalled() -> Iterator[None]:
    """The Workspace's condition on the agency taken away, on both lanes."""
    _forget_statements()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rows, "agency_wall", lambda table, agency_id: sa.true())
        yield
    _forget_statements()


def _forget_statements() -> None:
    """Queries remember what they were compiled to."""
    for query in [found for found in gc.get_objects() if type(found) is Query]:
        query._variants.clear()


def read(db: Workspace, client_id: UUID) -> Any:
    """A client's name, on both lanes; both say the same."""
    answers: list[Any] = []
    for lane in (
        lambda: db.find(Client, client_id).alias,
        lambda: {r.id: r.alias for r in db.rows(ALIASES)}[client_id],
    ):
        try:
            answers.append(lane())
        except (NotFound, KeyError):
            answers.append(NotFound)
        except SealError:
            answers.append(SealError)
    return answers


class TestBetweenAgencies:
    def test_the_workspaces_condition_alone(self, above: World) -> None:
        """Without row-level security (as on SQLite): foreign rows are not there, on neither lane."""
        mine, foreign = above.client(), above.client("other")
        assert above.system(lambda db: {row.id for row in db.rows(CLIENTS)}) == {mine}
        assert above.system(lambda db: {row.id for row in db.all(sa.select(Client))}) == {mine}
        assert above.system(lambda db: read(db, foreign)) == [NotFound, NotFound]
        with pytest.raises(NotFound):
            above.system(lambda db: db.claim(Client, foreign))

    @pytest.mark.parametrize("kind", ["postgresql"])
    def test_row_level_security_alone(self, world: World, kind: str) -> None:
        """Without the Workspace's condition: the database shows nothing foreign, on neither lane."""
        mine, foreign = world.client(), world.client("other")
        with unwalled():
            assert world.system(lambda db: {row.id for row in db.rows(CLIENTS)}) == {mine}
            assert world.system(lambda db: {row.id for row in db.all(sa.select(Client))}) == {mine}
            assert world.system(lambda db: read(db, foreign)) == [NotFound, NotFound]

    def test_attack_38_the_keys_alone(self, above: World) -> None:
        """Without both: a foreign row is found, and does not open, because the keys are those of the caller's agency.
        Whether or not this process holds the foreign keys already."""
        found: list[Any] = []
        above.client()
        foreign = above.client("other", alias="Heron")
        for known_here in (False, True):
            above.database.vault.forget()
            if known_here:
                above.run("other", Permission.CLIENT_READ, lambda db: db.find(Client, foreign).alias)
            with unwalled():
                above.system(lambda db: found.extend([{row.id for row in db.rows(CLIENTS)}, *read(db, foreign)]))
        assert [foreign in seen for seen in found[::3]] == [True, True], "both walls are down"
        assert found[1::3] == found[2::3] == [SealError, SealError]

    def test_foreign_keys_alone(self, world: World, urls: Urls) -> None:
        """As a superuser, with no wall of ours: no row of one agency can point at a client of another."""
        foreign, mine = world.client("other"), world.client()
        row: dict[str, Any] = {
            "agency_id": world.agency_id(),
            "id": uuid4(),
            "user_id": world.people["ana"].actor.id,
            "started_at": datetime(2027, 1, 4, tzinfo=UTC),
            "started_by_id": world.people["ana"].actor.id,
            "attention_at": datetime(2027, 1, 4, tzinfo=UTC),
            "version": 1,
        }
        insert = sa.insert(table_of(Assignment))
        with pytest.raises(sa.exc.IntegrityError), behind(urls.superuser) as connection:
            _enforce(connection)
            connection.execute(insert.values(**row, client_id=foreign))
        with behind(urls.superuser) as connection:
            _enforce(connection)
            connection.execute(insert.values(**row | {"user_id": world.people["ben"].actor.id}, client_id=mine))

    def test_the_flush_check_alone(self, above: World) -> None:
        """Without row-level security: a row of another agency does not leave the Workspace."""
        there = above.agency_id("Lighthouse")

        def plant(db: Workspace) -> None:
            client = Client(agency_id=there, id=uuid4(), opened_on=date(2027, 1, 4), created_at=db.now)
            db.objects.add(client)
            db.claimed.add(client.id)
            db.record(Action.CLIENT_CREATED, client)

        with pytest.raises(UnexplainedWrite):
            above.system(plant)

    def test_the_fast_lanes_stamp_alone(self, above: World, urls: Urls) -> None:
        """Without row-level security: an Insert puts the caller's agency on the row, whatever it was given."""
        there, client_id = above.agency_id("Lighthouse"), uuid4()

        def plant(db: Workspace) -> None:
            db.keys.create(client_id, "client")
            row = {"id": client_id, "agency_id": there, "alias": "Heron", "opened_on": date(2027, 1, 4)}
            db.create_many(ADD_CLIENT, Action.CLIENT_CREATED, [row | {"created_at": db.now}])

        above.system(plant)
        with behind(urls.superuser) as connection:
            c = table_of(Client).c
            owner = connection.execute(sa.select(c.agency_id).where(c.id == client_id)).scalar_one()
        assert owner == above.agency_id()


def _enforce(connection: sa.Connection) -> None:
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("PRAGMA foreign_keys=ON")


class TestBetweenColleagues:
    def test_sight_alone(self, above: World) -> None:
        """Without row-level security: a client of ana's, her plan and its items are not there for ben, on neither
        lane, nor for anybody whose role sees no client."""
        client = above.client()
        plan = above.plan(client)
        for who in ("ben", "ada", "aud"):

            def look(db: Workspace) -> list[Any]:
                return [*db.rows(CLIENTS), *db.all(sa.select(Plan)), *db.all(sa.select(ChecklistItem))]

            permission = Permission.CLIENT_READ if who == "ben" else Permission.AUDIT_READ
            assert above.run(who, permission, look) == []
        assert above.run("ana", Permission.PLAN_READ, lambda db: db.find(Plan, plan).id) == plan

    def test_sight_stands_without_the_agencys_wall_too(self, world: World) -> None:
        """The two conditions do not lean on each other."""
        client = world.client()
        with unwalled():
            assert world.run("ben", Permission.CLIENT_READ, lambda db: db.rows(CLIENTS)) == []
            seen = world.run("ana", Permission.CLIENT_READ, lambda db: db.rows(CLIENTS))
        assert [row.id for row in seen] == [client]

    def test_working_blindly_shows_nothing(self, world: World) -> None:
        """Rows are found beyond sight only where nobody is shown them, and sight is as before afterwards."""
        client = world.client()

        def look(db: Workspace) -> Any:
            with db.blindly():
                assert [row.id for row in db.all(sa.select(Client))] == [client]
                with pytest.raises(RuntimeError, match="shows nothing"):
                    db.find(Client, client).alias  # noqa: B018 - reading is the deed
                with pytest.raises(RuntimeError, match="shows nothing"):
                    db.rows(ALIASES)
            assert db.reach is Reach.NONE
            return db.all(sa.select(Client))

        assert world.run("ada", Permission.AUDIT_READ, look) == []


class TestAroundTheLog:
    @pytest.mark.parametrize("kind", ["postgresql"])
    def test_grants_alone(self, world: World, urls: Urls, kind: str) -> None:
        """Triggers switched off: the service's role still may neither change nor remove an entry, nor move a head
        anywhere but through the two columns it appends with."""
        world.client()
        with behind(urls.superuser) as connection:
            for table in ("ledger_entries", "ledger_heads"):
                connection.exec_driver_sql(f"alter table {table} disable trigger user")
        for statement in (
            "update ledger_entries set entry = 'x'",
            "delete from ledger_entries",
            "truncate ledger_entries",
            "delete from ledger_heads",
            "truncate ledger_heads",
            "update ledger_heads set agency_id = gen_random_uuid()",
        ):
            with pytest.raises(sa.exc.ProgrammingError, match="permission denied"), behind(urls.app) as connection:
                connection.exec_driver_sql(f"select set_config('app.agency_id', '{world.agency_id()}', true)")
                connection.exec_driver_sql(statement)

    def test_triggers_alone(self, world: World, urls: Urls) -> None:
        """As a superuser, whom no grant and no row-level security stops: the triggers refuse."""
        world.client()
        for statement in (
            "update ledger_entries set actor_id = agency_id",
            "delete from ledger_entries",
            "delete from ledger_heads",
            "update ledger_heads set size = size - 1",
            "update ledger_heads set size = size + 2",
        ):
            with pytest.raises(sa.exc.DBAPIError, match="append-only"), behind(urls.superuser) as connection:
                connection.exec_driver_sql(statement)
