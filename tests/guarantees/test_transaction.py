"""One transaction per request, committed before the answer leaves, and each request's own fault stays its own."""

import sqlite3
from collections.abc import Callable
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
import sqlalchemy as sa

from models import template
from models.access import Permission
from models.base import table_of
from models.client import Client
from models.database import Unit
from models.errors import NotFound, Unavailable
from models.idempotency import IdempotencyKey
from models.jurisdiction import local
from models.ledger import book
from models.ledger.action import Action
from models.plan import Plan
from models.workspace import Workspace
from tests.conftest import Api
from tests.factories import RECIPES, behind, doer, entry_count, operations, stage
from tests.postgres import Urls
from tests.world import World


def refuse_commits(world: World) -> Callable[[], None]:
    """Let everything run until COMMIT itself, which fails as on a broken disk or connection; returns the way back."""
    engine = world.database.engine
    lost: Exception = sqlite3.OperationalError("disk I/O error")
    if engine.dialect.name == "postgresql":
        lost = psycopg.OperationalError("server closed the connection unexpectedly")

    def broken(connection: Any) -> None:
        raise sa.exc.OperationalError("COMMIT", None, lost)

    sa.event.listen(engine, "commit", broken)
    return lambda: sa.event.remove(engine, "commit", broken)


class TestCommitPrecedesTheAnswer:
    def test_when_the_commit_fails_nobody_is_told_that_it_worked(self, api: Api, urls: Urls) -> None:
        """Over every operation that writes or discloses: no 2xx, no content, nothing kept."""
        ready = []
        for operation in operations(api.client.app):
            if operation.permission is None:
                continue  # they begin with a unit that only reads; the unit that writes is the same lane
            scene = stage(api)
            scene.prepare(operation)
            api.token(doer(operation))
            ready.append((operation, scene))
        before = entry_count(urls)
        refuse_commits(api.world)
        wrong = []
        for operation, scene in ready:
            answer = scene.send(operation, doer(operation))
            if answer.status_code != 503 or answer.json()["code"] != "database-unavailable":
                wrong.append((operation.name, answer.status_code, answer.text[:200]))
        assert not wrong
        assert entry_count(urls) == before
        assert len(ready) > 50

    def test_a_deferred_constraint_that_fails_at_commit_is_no_success(self, kind: str, api: Api, urls: Urls) -> None:
        """What only the database's COMMIT finds out reaches the caller too."""
        with behind(urls.owner) as connection:
            if kind == "postgresql":
                connection.exec_driver_sql(
                    "create function app.too_late() returns trigger language plpgsql as "
                    "$$ begin raise exception 'too late'; end $$"
                )
                connection.exec_driver_sql(
                    "create constraint trigger too_late after insert on clients deferrable initially deferred "
                    "for each row execute function app.too_late()"
                )
            else:
                connection.exec_driver_sql(
                    "create table late (id integer primary key, other integer references late (id) "
                    "deferrable initially deferred)"
                )
                connection.exec_driver_sql(
                    "create trigger too_late after insert on clients begin insert into late values (1, 2); end"
                )
        answer = api.post("ana", "/v1/clients", {"alias": "Wren"})
        assert answer.status_code >= (400 if kind == "sqlite" else 500)  # SQLite: a foreign key, told as 404
        assert "Wren" not in answer.text
        assert not api.world.system(lambda db: list(db.objects.execute(sa.select(Client)).scalars()))

    def test_new_keys_reach_the_process_only_after_the_commit(self, api: Api) -> None:
        """A client whose making failed leaves no key behind that a later cell could be sealed under."""
        vault = api.world.database.vault
        api.token("ana")
        known = {*vault._ciphers}
        refuse_commits(api.world)
        assert api.post("ana", "/v1/clients", {"alias": "Wren"}).status_code == 503
        assert {*vault._ciphers} == known

    def test_what_a_failed_transaction_saw_is_not_remembered(self, api: Api) -> None:
        """A neighbour's rows in the same transaction may never come to be: keys opened and words read are let go of."""
        world, vault = api.world, api.world.database.vault
        client_id = world.client()
        plan_id = world.plan(client_id)
        vault.forget()
        template._documents._values.clear()
        template._words._values.clear()

        def look(db: Workspace) -> None:
            assert db.find(Client, client_id).alias == "Wren"
            plan = db.find(Plan, plan_id)
            assert template.document(db, plan.pinned)
            assert template.words(db, plan.pinned, "en", local(db)[1])

        def look_and_fail(db: Workspace) -> None:
            look(db)
            raise NotFound

        with pytest.raises(NotFound):
            world.run("ana", Permission.PLAN_READ, look_and_fail)
        assert not vault._ciphers
        assert not vault._keks
        assert not template._documents._values
        assert not template._words._values
        world.run("ana", Permission.PLAN_READ, look)
        assert vault._ciphers
        assert template._words._values


class TestUnitsOfOneTransaction:
    """SQLite runs many requests in one transaction; each can fail alone."""

    def units(self, world: World, work: list[Any]) -> list[Unit[Any]]:
        ana = world.people["ana"].actor

        def admitted(one: Any) -> Any:
            def run(db: Workspace) -> Any:
                db.become(ana, Permission.CLIENT_CREATE)
                return one(db)

            return run

        return [Unit(ana.agency_id, admitted(one)) for one in work]

    @staticmethod
    def open_one(db: Workspace) -> UUID:
        return Client.open(db, alias="Wren", opened_on=db.now.date())

    def test_a_failing_unit_does_not_harm_its_neighbours(self, sqlite_world: Any, world: World, kind: str) -> None:
        """Errors of ours, of the database and of programmers, between two that succeed."""
        if kind != "sqlite":
            return  # one unit, one transaction there
        client_id = world.client()

        def unknown(db: Workspace) -> None:
            self.open_one(db)
            db.find(Client, uuid4())

        def broken(db: Workspace) -> None:
            self.open_one(db)
            db.finish()
            raise ZeroDivisionError

        def twice(db: Workspace) -> None:
            db.create(
                Client, Action.CLIENT_CREATED, id=client_id, alias="Wren", opened_on=db.now.date(), created_at=db.now
            )

        before = len(world.entries())
        units = self.units(world, [self.open_one, unknown, self.open_one, broken, twice, self.open_one])
        world.database.run(units)
        assert [type(u.error).__name__ for u in units] == [
            "NoneType", "NotFound", "NoneType", "ZeroDivisionError", "Conflict", "NoneType",
        ]  # fmt: skip
        seen = world.system(lambda db: {row.id for row in db.objects.execute(sa.select(Client)).scalars()})
        assert seen == {client_id, *(u.value for u in units if u.error is None)}
        actions = [(e["action"], e["outcome"]) for e in world.entries()[before:]]
        created, denied = ("client.created", "ok"), ("access.denied", "denied")
        assert actions == [created, denied, created, created]
        assert not world.system(book.verify).faults
        assert not {type(u.error) for u in units} & {Unavailable}

    def test_a_unit_is_told_nothing_of_its_neighbours(self, world: World, kind: str) -> None:
        """Rows another unit of the same transaction just made are of another Workspace: walls hold between units."""
        if kind != "sqlite":
            return
        other, ben = world.people["other"].actor, world.people["ben"].actor
        made = self.units(world, [self.open_one])

        def look(actor: Any) -> Unit[Any]:
            def work(db: Workspace) -> list[Any]:
                db.become(actor, Permission.CLIENT_READ)
                return list(db.objects.execute(sa.select(Client.id)).scalars())

            return Unit(actor.agency_id, work)

        units = [*made, look(other), look(ben)]
        world.database.run(units)
        assert [u.value for u in units[1:]] == [[], []]

    def test_when_the_transaction_fails_every_unit_has_failed(self, world: World, kind: str) -> None:
        """Nobody is told of a success that was not committed."""
        if kind != "sqlite":
            return
        units = self.units(world, [self.open_one, lambda db: db.find(Client, uuid4()), self.open_one])
        restore = refuse_commits(world)
        world.database.run(units)
        restore()
        assert all(isinstance(u.error, Unavailable) and u.value is None for u in units)
        assert not world.system(lambda db: list(db.objects.execute(sa.select(Client)).scalars()))
        world.database.run(again := self.units(world, [self.open_one]))
        assert again[0].error is None


#: They look or count in a unit of their own first, so that a key would not make the whole happen once.
IN_STEPS = {"POST /v1/me/recovery-codes", "POST /v1/break-glass", "POST /v1/clients/{client_id}/break-glass"}


class TestIdempotencyKeys:
    """The key's row, the change and its entry are one transaction."""

    def count(self, urls: Urls) -> tuple[int, int, int]:
        with behind(urls.superuser) as connection:
            tables = (table_of(IdempotencyKey), table_of(Client))
            keys, clients = (connection.execute(sa.select(sa.func.count()).select_from(t)).scalar_one() for t in tables)
        return keys, clients, entry_count(urls)

    def test_all_three_or_none(self, api: Api, urls: Urls, monkeypatch: pytest.MonkeyPatch) -> None:
        """A failed request leaves no key that would answer 409 for ever; the next try with it makes the thing."""
        api.token("ana")
        before = self.count(urls)
        broken = api.post("ana", "/v1/clients", {"alias": "Wren", "external_ids": [{"system": "x"}]}, key="one")
        assert broken.status_code == 422
        assert self.count(urls) == before
        listener = _refuse_appends(monkeypatch)
        assert api.post("ana", "/v1/clients", {"alias": "Wren"}, key="one").status_code >= 500
        assert self.count(urls) == before
        listener()
        assert api.post("ana", "/v1/clients", {"alias": "Wren"}, key="one").status_code == 201
        assert self.count(urls) == tuple(n + 1 for n in before)

    def test_a_replay_makes_nothing_and_is_rendered_under_todays_permissions(self, api: Api, urls: Urls) -> None:
        """Same key, same body: the same client, read anew; her end of assignment ends that too."""
        first = api.post("ana", "/v1/clients", {"alias": "Wren"}, key="two")
        again = api.post("ana", "/v1/clients", {"alias": "Wren"}, key="two")
        assert (again.status_code, again.json()["id"]) == (201, first.json()["id"])
        assert again.headers["idempotency-replayed"] == "true"
        assert self.count(urls)[1] == 1
        other = api.post("ana", "/v1/clients", {"alias": "Lark"}, key="two")
        assert (other.status_code, other.json()["code"]) == (422, "idempotency-key-reused")
        assignment = api.get("ana", f"/v1/clients/{first.json()['id']}/assignments").json()["data"][0]["id"]
        to = {"user_id": str(api.world.people["ben"].actor.id)}
        assert api.post("sol", f"/v1/clients/{first.json()['id']}/assignments", to).status_code == 201
        assert api.delete("sol", f"/v1/assignments/{assignment}").status_code == 204
        assert api.post("ana", "/v1/clients", {"alias": "Wren"}, key="two").status_code == 404

    def test_every_operation_that_takes_a_key_can_be_replayed(self, api: Api, urls: Urls) -> None:
        """What makes something or patches, each made twice with one key: one change, and the second answer names the
        same thing. What makes nothing, a search for one, takes no key."""
        wrong, walked = [], 0
        paths = api.client.app.openapi()["paths"]
        for operation in operations(api.client.app):
            if operation.method not in ("POST", "PATCH") or operation.permission is None:
                continue
            declared = paths[operation.path][operation.method.lower()]
            takes = any(p["name"] == "Idempotency-Key" for p in declared["parameters"])
            makes = operation.method == "PATCH" or "201" in declared["responses"]
            assert takes == (makes and operation.name not in IN_STEPS), operation.name
            if not takes:
                continue
            walked += 1
            scene, who = stage(api), doer(operation)
            scene.prepare(operation)
            body = RECIPES[operation.name].body
            sent = body(scene) if body else None
            first = scene.send(operation, who, body=sent, key=f"k-{walked}")
            second = scene.send(operation, who, body=sent, key=f"k-{walked}")
            same = first.status_code == second.status_code < 300 and first.json().get("id", 0) == second.json().get(
                "id", 1
            )
            if not same or second.headers.get("idempotency-replayed") != "true":
                wrong.append((operation.name, first.status_code, second.status_code, second.text[:200]))
            api._tokens.clear()
        assert not wrong, "give the Out shape an `again`: edit api/routes/"
        assert walked > 15

    def test_a_key_is_its_owners(self, api: Api) -> None:
        """Two people may choose the same key."""
        made = {who: api.post(who, "/v1/clients", {"alias": "Wren"}, key="same").json()["id"] for who in ("ana", "ben")}
        assert made["ana"] != made["ben"]


def _refuse_appends(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Make the very last statement of a unit fail; returns how to let it work again."""
    real = book.append

    def deaf(*given: Any) -> int:
        real(*given)
        raise Unavailable

    monkeypatch.setattr(book, "append", deaf)
    return lambda: monkeypatch.setattr(book, "append", real)
