"""Who did and saw what: one entry for every change and every disclosure, or neither change nor disclosure."""

import re
import threading
from collections.abc import Callable
from typing import Any
from uuid import UUID, uuid4

import orjson
import pytest
import sqlalchemy as sa

from models.access import Permission
from models.base import table_of
from models.checklist import ChecklistItem
from models.client import Client
from models.ledger import book
from models.ledger.action import Action
from models.ledger.book import LedgerEntry, LedgerHead
from models.orm import UnexplainedWrite
from models.rows import Change
from models.vault.sealed import row_digest
from models.workspace import Workspace
from tests.conftest import Api
from tests.factories import RECIPES, behind, doer, entry_count, operations, stage
from tests.postgres import Urls
from tests.world import World

#: Reads that open nothing sealed and say nothing of a client: they leave no entry. Reviewed when a route is added.
UNLOGGED_READS = {
    "GET /v1/agency",
    "GET /v1/break-glass",
    "GET /v1/clients",  # ids and states only: names are in the caseload, which is logged
    "GET /v1/clients/{client_id}/assignments",
    "GET /v1/clients/{client_id}/plans",
    "GET /v1/clients/{client_id}/releases",
    "GET /v1/covers",
    "GET /v1/covers/{cover_id}",
    "GET /v1/destructions",
    "GET /v1/destructions/{destruction_id}",
    "GET /v1/integrations",
    "GET /v1/invitations",
    "GET /v1/legal-holds",
    "GET /v1/me/identities",
    "GET /v1/notices",
    "GET /v1/plan-sections/{section_id}/volunteers",
    "POST /v1/me/identities",  # an attempt, which is machinery
    "POST /v1/sso/authorization",
    "GET /v1/plans/{plan_id}/progress",
    "GET /v1/reviews",
    "GET /v1/second-factor-resets",
    "GET /v1/sessions",
    "GET /v1/staffing-requests",
    "GET /v1/staffing-requests/{ask_id}",
    "GET /v1/templates",
    "GET /v1/templates/{template_id}",
    "GET /v1/templates/{template_id}/versions/{number}",
    "GET /v1/unattended-clients",
    "GET /v1/users",
    "GET /v1/walls",
}
#: Changes of rows that tell nothing (machinery): no entry.
UNLOGGED_WRITES = {"PUT /v1/notices/{notice_id}/reading"}
#: Actions of the command line and of what goes wrong, shown by their own tests.
WRITTEN_ELSEWHERE = {
    "access.denied",
    "audit.exported",
    "alarm.canary_opened",
    "alarm.many_clients_opened",
    "audit.verified",
    "checkpoint_key.rotated",
    "client.purged",
    "backup.restored",
    "grants.vouched",
    "integration.refused",
    "integrity.failed",
    "invitation.erased",
    "keys.epoch_destroyed",
    "keys.pepper_rotated",
    "keys.replaced",
    "keys.moved",
    "keys.rotated",
    "keys.rotation_begun",
    "keys.tokens_rotated",
    "record.disclosed",
    "recovery_code.used",
    "search_index.completed",
    "search_index.dropped",
    "session.family_revoked",
    "session.refused",
    "setup_link.returned",
    "setup_link.voided",
    "user.password_rehashed",
    "user.password_reset",
}
CANARY = "osprey-91f2"
_E, _H = table_of(LedgerEntry), table_of(LedgerHead)


class TestEveryOperation:
    def test_each_successful_request_leaves_exactly_its_entries(self, api: Api, urls: Urls) -> None:
        """Every operation, made once and successfully: one entry for a change, one for a read of sealed data, none
        for a read of what is not sealed."""
        wrong = []
        for operation in operations(api.client.app):
            scene = stage(api)
            scene.prepare(operation)
            who = doer(operation)
            if who is not None:
                api.token(who)  # signing in is an entry of its own
            before = entry_count(urls)
            answer = scene.send(operation, who)
            added = entry_count(urls) - before
            expected = 0 if operation.name in UNLOGGED_READS | UNLOGGED_WRITES else RECIPES[operation.name].entries
            if answer.status_code >= 300 or added != expected:
                wrong.append(
                    (operation.name, answer.status_code, f"{added} entries, not {expected}", answer.text[:200])
                )
            api._tokens.clear()  # the operation may have ended a session
        assert not wrong, "call db.record() or db.note() in the verb: edit models/"
        for agency in ("Harbor", "Lighthouse"):
            assert not api.world.system(book.verify, agency).faults

    def test_the_list_of_reads_without_an_entry_is_about_what_there_is(self, api: Api) -> None:
        """It names reads, and only those that are served."""
        assert {o.name for o in operations(api.client.app)} >= UNLOGGED_READS

    def test_the_entry_names_who_what_whose_and_from_where(self, api: Api) -> None:
        """Enough to answer "who opened me, when, from where"."""
        scene = stage(api)
        ana = api.world.people["ana"].actor
        answer = api.get("ana", f"/v1/clients/{scene.ids['client_id']}", headers={"user-agent": "Mozilla/5.0"})
        entry = api.world.entries()[-1]
        assert entry["req"] == answer.headers["x-request-id"]
        assert entry["who"] | {"session": None} == {
            "kind": "person",
            "id": str(ana.id),
            "role": "advocate",
            "session": None,
            "auth": "password",
        }
        assert UUID(entry["who"]["session"])
        assert entry["where"] == {"ip": "testclient", "agent": "browser"}
        assert (entry["action"], entry["client"], entry["outcome"]) == ("client.read", scene.ids["client_id"], "ok")
        opened = {(o["t"], *o["fields"]) for o in entry["opened"]}
        assert ("external_ids", "value") in opened
        assert any(t == "clients" and "legal_name" in fields for t, *fields in opened)

    def test_the_caseload_lists_the_clients_it_showed(self, api: Api) -> None:
        """A read of many names each of them."""
        clients = {stage(api).ids["client_id"] for _ in range(3)}
        shown = {row["client_id"] for row in api.get("ana", "/v1/caseload").json()["data"]}
        entry = api.world.entries()[-1]
        assert entry["action"] == "caseload.read"
        assert set(entry["object"]["ids"]) == shown == clients
        assert entry["object"]["count"] == 3

    def test_a_change_keeps_the_digest_of_each_row_it_sealed(self, api: Api, urls: Urls) -> None:
        """The entry holds what is needed to convict whoever edits the row later, and the row still fits it."""
        scene = stage(api)
        item = scene.ids["item_id"]
        api.patch("ana", f"/v1/checklist-items/{item}", {"text": "By the garden"}, if_match=2)
        rows = api.world.entries()[-1]["rows"]
        assert [(r["t"], r["id"], r["rev"]) for r in rows] == [("checklist_items", item, 2)]
        kept = api.world.system(lambda db: row_digest(db.find(ChecklistItem, UUID(item))))
        assert rows[0]["digest"] == kept


class TestDenials:
    def test_a_refusal_leaves_an_entry_and_no_change(self, api: Api) -> None:
        """403 and 404 are kept, in a transaction of their own, with what was asked for."""
        scene = stage(api)
        for who, code in (("aud", "forbidden"), ("ben", "not-found")):
            assert api.put(who, f"/v1/checklist-items/{scene.ids['item_id']}/completion").status_code in (403, 404)
            entry = api.world.entries()[-1]
            assert (entry["action"], entry["outcome"], entry["code"]) == ("access.denied", "denied", code)
            assert entry["object"]["ids"] == [scene.ids["item_id"]]
            assert entry["who"]["id"] == str(api.world.people[who].actor.id)

    def test_a_wrong_password_is_kept_for_a_known_person_only(self, api: Api) -> None:
        """Outsiders cannot fill an agency's log with names that are nobody's."""
        before = len(api.world.entries())
        for email in ("ana@harbor.example", "nobody@harbor.example"):
            body = {"email": email, "password": "not this one at all"}
            assert api.post(None, "/v1/sessions", body).status_code == 401
        entries = api.world.entries()[before:]
        assert [(e["action"], e["outcome"]) for e in entries] == [("session.refused", "denied")]

    def test_a_damaged_cell_is_an_entry(self, api: Api, urls: Urls) -> None:
        """What cannot be opened is told to those who check."""
        scene = stage(api)
        clients = table_of(Client)
        with behind(urls.superuser) as connection:
            connection.execute(
                sa.update(clients).where(clients.c.id == UUID(scene.ids["client_id"])).values(alias_sealed=b"plain")
            )
        answer = api.get("ana", f"/v1/clients/{scene.ids['client_id']}")
        assert (answer.status_code, answer.json()["code"]) == (500, "sealed-data-damaged")
        entry = api.world.entries()[-1]
        assert (entry["action"], entry["outcome"]) == ("integrity.failed", "denied")


class TestUnexplainedWrites:
    """Law 2: no write without an event."""

    def test_a_changed_row_without_a_fact_does_not_commit(self, world: World) -> None:
        """Even a claimed one."""
        client_id = world.client()

        def silently(db: Workspace) -> None:
            db.claim(Client, client_id).restricted = True

        with pytest.raises(UnexplainedWrite):
            world.run("ana", Permission.CLIENT_UPDATE, silently)
        assert not world.system(lambda db: db.find(Client, client_id).restricted)

    def test_an_explained_row_that_was_not_claimed_does_not_commit(self, world: World) -> None:
        """A change that was not made under the row's lock could undo somebody else's."""
        client_id = world.client()

        def unlocked(db: Workspace) -> None:
            row = db.find(Client, client_id)
            row.restricted = True
            db.record(Action.CLIENT_UPDATED, row)

        with pytest.raises(UnexplainedWrite):
            world.run("ana", Permission.CLIENT_UPDATE, unlocked)

    def test_a_new_or_deleted_row_without_a_fact_does_not_commit(self, world: World) -> None:
        """Adding and deleting are changes."""
        client_id = world.client()

        def add(db: Workspace) -> None:
            db.objects.add(Client(agency_id=db.agency_id, opened_on="2027-01-01", created_at=db.now))

        for work in (add, lambda db: db.delete(db.find(Client, client_id))):
            with pytest.raises(UnexplainedWrite):
                world.run("ana", Permission.CLIENT_UPDATE, work)

    def test_rows_made_or_changed_on_the_fast_lane_need_a_fact_too(self, world: World) -> None:
        """The lane without the ORM keeps the same law: a unit that changed rows and noted nothing is undone."""
        client_id = world.client()
        clients = table_of(Client)
        change = Change(sa.update(clients).where(clients.c.id == sa.bindparam("wanted")).values(restricted=True))

        with pytest.raises(UnexplainedWrite):
            world.run("ana", Permission.CLIENT_UPDATE, lambda db: db.change(change, wanted=client_id))
        assert not world.system(lambda db: db.find(Client, client_id).restricted)


class TestFailingClosed:
    """No entry, no commit, no byte of data – for reads too."""

    @staticmethod
    def refuse_entries(urls: Urls) -> None:
        """Make the log take nothing more, as a full disk or a broken trigger would."""
        with behind(urls.superuser) as connection:
            if connection.dialect.name == "sqlite":
                stop = "begin select raise(abort, 'no more entries'); end"
                connection.exec_driver_sql(f"create trigger deaf before insert on ledger_entries {stop}")
            else:
                connection.exec_driver_sql("revoke insert on ledger_entries from waypost_app")

    def test_attack_51_nothing_sealed_is_answered_and_nothing_is_changed(self, api: Api, urls: Urls) -> None:
        """With a log that takes no entry, every operation that would leave one fails as the service's own fault,
        without a word of what was asked for or sent."""
        walked = [o for o in operations(api.client.app) if o.name not in UNLOGGED_READS | UNLOGGED_WRITES]
        ready = []
        for operation in walked:
            scene = stage(api, mark=CANARY)
            scene.prepare(operation)
            if (who := doer(operation)) is not None:
                api.token(who)
            ready.append((operation, scene, who))
        self.refuse_entries(urls)
        before = self.rows(urls)
        wrong = []
        for operation, scene, who in ready:
            answer = scene.send(operation, who)
            if answer.status_code != 503 or CANARY in answer.text or operation.name in answer.text:
                wrong.append((operation.name, answer.status_code, answer.text[:300]))
        assert not wrong
        assert self.rows(urls) == before

    @staticmethod
    def rows(urls: Urls) -> dict[str, Any]:
        """Everything stored, to see that nothing moved."""
        with behind(urls.superuser) as connection:
            return {
                table.name: sorted(map(repr, connection.execute(sa.select(table)).all()))
                for table in Client.metadata.sorted_tables
                # Checkpoints are signed meanwhile, over what was there before; an attempt to sign in, here or at a
                # provider, is used up before it is looked at, whatever becomes of it.
                if table.name not in {"ledger_checkpoints", "sign_in_throttles", "sso_attempts"}
            }

    def test_a_denial_that_cannot_be_kept_is_still_a_refusal(self, api: Api, urls: Urls) -> None:
        """A broken log opens nothing to those who may not."""
        scene = stage(api, mark=CANARY)
        for who in ("aud", "ben"):
            api.token(who)
        self.refuse_entries(urls)
        for who in ("aud", "ben"):
            answer = api.get(who, f"/v1/clients/{scene.ids['client_id']}")
            assert answer.status_code >= 400
            assert CANARY not in answer.text


def _hex(value: UUID, dialect: str) -> str:
    return f"x'{value.hex}'" if dialect == "sqlite" else f"'{value}'"


def _tampering(agency: str) -> dict[str, str]:
    """Every way to change the log that a statement could try, with the agency's id filled in."""
    entry = "(agency_id, seq, at, actor_id, action, entry) select agency_id, {seq}, at, actor_id, action, entry"
    copied = f"{entry} from ledger_entries where agency_id = {agency} and seq = 0"
    return {
        "edit": f"update ledger_entries set entry = 'x' where agency_id = {agency} and seq = 0",
        "renumber": f"update ledger_entries set seq = seq + 1000 where agency_id = {agency}",
        "delete": f"delete from ledger_entries where agency_id = {agency} and seq = 0",
        "delete last": f"delete from ledger_entries where agency_id = {agency} and seq > 0",
        "insert again": f"insert into ledger_entries {copied.format(seq=0)}",
        "hole": f"insert into ledger_entries {copied.format(seq='999')}",
        "before the first": f"insert into ledger_entries {copied.format(seq='-1')}",
        "upsert": f"insert into ledger_entries {copied.format(seq=0)} "
        "on conflict (agency_id, seq) do update set entry = 'x'",
        "head back": f"update ledger_heads set size = size - 1 where agency_id = {agency}",
        "head skips": f"update ledger_heads set size = size + 2 where agency_id = {agency}",
        "head stays, root changes": f"update ledger_heads set frontier = 'x' where agency_id = {agency}",
        "head deleted": f"delete from ledger_heads where agency_id = {agency}",
        "head again": f"insert into ledger_heads (agency_id, size, frontier) values ({agency}, 0, 'x')",
        "head of its own": "insert into ledger_heads (agency_id, size, frontier) values ({other}, 7, 'x')",
    }


class TestAppendOnly:
    """Attack 43: the database itself refuses, for the service's role and for the owner of the tables."""

    def refused(self, url: str, statements: dict[str, str], agency_id: UUID, before: Any) -> None:
        """Each statement fails or touches nothing."""
        for name, statement in statements.items():
            done = True
            try:
                with behind(url) as connection:
                    if connection.dialect.name == "postgresql":
                        connection.exec_driver_sql(f"select set_config('app.agency_id', '{agency_id}', true)")
                    connection.exec_driver_sql(statement)
            except sa.exc.DBAPIError as error:
                done = False
                assert re.search("append-only|grows at its head|permission denied|unique", str(error)), name
            if done:
                assert before() == self.kept, name

    def test_attack_43_as_app_and_as_owner(self, world: World, urls: Urls) -> None:
        """UPDATE, DELETE, a second insert, a hole, upsert, a head that goes back, stands or skips."""
        world.client()
        harbor, dialect = world.agency_id(), world.database.engine.dialect.name
        before = lambda: (world.entries(), world.system(lambda db: tuple(book.head(db))))  # noqa: E731
        self.kept = before()
        statements = _tampering(_hex(harbor, dialect))
        statements["head of its own"] = statements["head of its own"].format(other=_hex(uuid4(), dialect))
        if dialect == "sqlite":
            statements["replace"] = statements["insert again"].replace("insert into", "insert or replace into")
            statements["replace head"] = statements["head again"].replace("insert into", "insert or replace into")
            statements["update or replace"] = statements["renumber"].replace("update", "update or replace")
        else:
            statements |= {f"truncate {t}": f"truncate {t}" for t in ("ledger_entries", "ledger_heads")}
            statements["truncate cascade"] = "truncate ledger_entries, ledger_heads cascade"
        for url in {urls.app, urls.owner}:
            self.refused(url, statements, harbor, before)
        assert before() == self.kept
        world.client()
        assert not world.system(book.verify).faults

    def test_each_of_them_is_refused_out_loud(self, world: World, urls: Urls) -> None:
        """As the owner of the tables, whom no grant stops, every one of them raises."""
        world.client()
        harbor, dialect = world.agency_id(), world.database.engine.dialect.name
        for name, statement in _tampering(_hex(harbor, dialect)).items():
            filled = statement.replace("{other}", _hex(uuid4(), dialect))
            with pytest.raises(sa.exc.DBAPIError), behind(urls.owner) as connection:
                if dialect == "postgresql":
                    connection.exec_driver_sql(f"select set_config('app.agency_id', '{harbor}', true)")
                connection.exec_driver_sql(filled)
                pytest.fail(f"{name}: the database let it through: edit migrations/protect.py")

    def test_the_service_cannot_take_the_triggers_away(self, world: World, urls: Urls, kind: str) -> None:
        """PostgreSQL: only the owner may; on SQLite whoever writes the file may, which verification is for."""
        if kind == "sqlite":
            return
        for statement in (
            "alter table ledger_entries disable trigger all",
            "drop trigger ledger_entries_change on ledger_entries",
            "set session_replication_role = replica",
            "drop table ledger_entries",
        ):
            with pytest.raises(sa.exc.DBAPIError), behind(urls.app) as connection:
                connection.exec_driver_sql(statement)


def _without_triggers(connection: sa.Connection) -> None:
    """What a superuser, or whoever holds the SQLite file, can do."""
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql("set session_replication_role = replica")
        return
    names = connection.exec_driver_sql("select name from sqlite_master where type = 'trigger'").scalars().all()
    for name in names:
        connection.exec_driver_sql(f"drop trigger {name}")


def _edit(connection: sa.Connection, mine: Any) -> None:
    stored = connection.execute(sa.select(_E.c.entry).where(mine, _E.c.seq == 5)).scalar_one()
    other = book.canonical(orjson.loads(stored) | {"action": "client.created"})
    connection.execute(sa.update(_E).where(mine, _E.c.seq == 5).values(entry=other))


def _delete_last(connection: sa.Connection, mine: Any) -> None:
    last = connection.execute(sa.select(sa.func.max(_E.c.seq)).where(mine)).scalar_one()
    connection.execute(sa.delete(_E).where(mine, _E.c.seq == last))


def _delete_middle(connection: sa.Connection, mine: Any) -> None:
    connection.execute(sa.delete(_E).where(mine, _E.c.seq == 3))


def _swap(connection: sa.Connection, mine: Any) -> None:
    first, second = (
        connection.execute(sa.select(_E.c.entry).where(mine, _E.c.seq == seq)).scalar_one() for seq in (2, 4)
    )
    connection.execute(sa.update(_E).where(mine, _E.c.seq == 2).values(entry=second))
    connection.execute(sa.update(_E).where(mine, _E.c.seq == 4).values(entry=first))


def _cut_off(connection: sa.Connection, mine: Any) -> None:
    connection.execute(sa.delete(_E).where(mine, _E.c.seq > 4))
    connection.execute(sa.update(_H).where(_H.c.agency_id == mine.right).values(size=5))


TAMPERING: dict[str, Callable[[sa.Connection, Any], None]] = {
    "44 edit": _edit,
    "45 delete last": _delete_last,
    "45 delete middle": _delete_middle,
    "45 swap": _swap,
    "46 cut off, head's root kept": _cut_off,
}


@pytest.mark.parametrize("how", TAMPERING)
def test_attacks_43_to_46_a_superusers_change_is_found(world: World, urls: Urls, how: str) -> None:
    """Whoever can switch the triggers off still cannot make the entries fit the head's root."""
    for _ in range(6):
        world.client()
    assert not world.system(book.verify).faults
    with behind(urls.superuser) as connection:
        _without_triggers(connection)
        TAMPERING[how](connection, _E.c.agency_id == world.agency_id())
    faults = world.system(book.verify).faults
    assert faults
    assert not world.system(book.verify, "Lighthouse").faults


class TestTransactions:
    def test_attack_50_a_rollback_leaves_no_entry_and_no_gap(self, world: World) -> None:
        """What did not happen is not in the log, and its number is the next one's."""
        before = len(world.entries())

        def fail(db: Workspace) -> None:
            Client.open(db, alias="Wren", opened_on=db.now.date())
            db.finish()
            raise ZeroDivisionError

        for _ in range(3):
            with pytest.raises(ZeroDivisionError):
                world.run("ana", Permission.CLIENT_CREATE, fail)
        assert len(world.entries()) == before
        world.client()
        assert [e["seq"] for e in world.entries()] == list(range(before + 1))
        assert not world.system(book.verify).faults

    @pytest.mark.timeout(120)
    def test_attack_52_eight_threads_leave_no_gap(self, world: World) -> None:
        """8 writers × 40 entries on one agency: 0…n−1, and the root is the one recomputed from the entries."""
        before, errors = len(world.entries()), []

        def write() -> None:
            for _ in range(40):
                try:
                    world.system(lambda db: db.note(Action.AUDIT_READ, "ledger_entries", []))
                except Exception as error:  # noqa: BLE001 - told to the test
                    errors.append(error)

        threads = [threading.Thread(target=write) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert not errors
        entries = world.entries()
        assert [e["seq"] for e in entries] == list(range(before + 320))
        assert [e["at"] for e in entries] == sorted(e["at"] for e in entries)
        verdict = world.system(book.verify)
        assert (verdict.size, verdict.faults) == (before + 320, ())


class TestWhatEntriesHold:
    def test_they_are_canonical_and_repeat_themselves_in_their_columns(self, world: World, urls: Urls) -> None:
        """RFC 8785 for what they hold; the columns beside an entry say what it says."""
        world.plan(world.client())
        with behind(urls.superuser) as connection:
            rows = connection.execute(sa.select(_E)).all()
        for row in rows:
            entry = orjson.loads(row.entry)
            assert book.canonical(entry) == row.entry
            assert (entry["seq"], entry["agency"], entry["v"]) == (row.seq, str(row.agency_id), book.FORMAT)
            assert entry["at"] == book.written(row.at)
            assert (entry["action"], entry["who"]["id"]) == (row.action, str(row.actor_id))
            assert entry["client"] == (str(row.client_id) if row.client_id else None)

    def test_canonical_form_is_independent_of_how_an_entry_was_made(self) -> None:
        """Sorted names, no spaces, text as UTF-8."""
        made = {"b": [1, None, True], "a": {"z": "é", "y": ""}}
        assert book.canonical(made) == '{"a":{"y":"","z":"é"},"b":[1,null,true]}'.encode()
        assert book.canonical(dict(reversed(made.items()))) == book.canonical(made)

    def test_attack_54_what_callers_send_of_themselves_cannot_break_a_line(self, api: Api) -> None:
        """Request ids and devices are coarse: no control character of a header reaches the log."""
        headers = {"user-agent": "x\u2028y\x1b[31m", "x-request-id": "a\tb c"}
        raw = {name: value.encode("utf-8") for name, value in headers.items()}
        answer = api.get("ana", "/v1/me", headers=raw)
        entry = api.world.entries()[-1]
        assert entry["req"] == answer.headers["x-request-id"]
        assert re.fullmatch(r"[A-Za-z0-9._-]{8,64}", entry["req"])
        assert entry["where"]["agent"] in (None, "mobile", "browser", "program")

    def test_attack_56_no_entry_holds_anything_that_was_written(self, api: Api, urls: Urls) -> None:
        """Every operation is made with a canary in every text it takes; the log knows ids and names of fields. On the
        way the whole vocabulary is written, but for what other tests write."""
        for operation in operations(api.client.app):
            scene = stage(api, mark=CANARY)
            scene.prepare(operation)
            scene.send(operation, doer(operation))
            api._tokens.clear()
        with behind(urls.superuser) as connection:
            entries = list(connection.execute(sa.select(_E.c.entry)).scalars())
        stored = b"\n".join(entries)
        assert len(stored) > 50_000
        for word in (CANARY, "kitchen door", "Elm Street", "1987-06-05", "555 0142", "@harbor", "gulls", "Wren"):
            assert word.encode() not in stored, word
        facts = [fact for entry in map(orjson.loads, entries) for fact in (entry, *entry.get("also", ()))]
        missing = {a.value for a in Action} - {fact["action"] for fact in facts} - WRITTEN_ELSEWHERE
        assert not missing, "no operation writes these: edit models/ledger/action.py or RECIPES in tests/factories.py"
