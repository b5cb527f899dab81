"""Backups in two halves: saved while people write, restored as old data with the newest keys, or refused in one line."""

import json
import random
import shutil
import signal
import sqlite3
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa

import migrations
from migrations import Fit
from models import cover, staffing
from models.access import Actor, Kind, Permission, Role
from models.agency import Agency, SecondFactor
from models.backup.stores import PostgresStore, SqliteStore
from models.backup.words import sealed_rows
from models.base import columns, table_of
from models.checklist import ChecklistItem, PlanSection
from models.client import Assignment, Client
from models.database import Database
from models.engine import make_engine
from models.invitation import Invitation, InvitationStatus
from models.ledger import book, merkle
from models.ledger.action import Action
from models.legal_hold import LegalHold
from models.plan import Plan
from models.release import Release, Withdrawal
from models.rows import Change
from models.user import User
from models.vault.keys import DataKey, Vault
from models.vault.notes import Notary
from models.vault.roots import RootKeys
from models.vault.service import ServiceKeys
from models.vouch import SUFFIX
from models.wall import Wall
from models.workspace import Workspace
from tests.cli.program import Program, Ran
from tests.cli.test_verbs import sound
from tests.conftest import Api, service
from tests.factories import behind
from tests.postgres import Server, Urls
from tests.world import World

SQLITE = pytest.mark.parametrize("kind", ["sqlite"])
CANARY = "osprey-91f2"


@dataclass
class Target:
    """An empty database to restore into, with the command line on it."""

    program: Program
    url: str
    vault: Vault

    def __call__(self, *words: str) -> Ran:
        return self.program(*words)

    def restore(self, data: Path, keys: Path, *more: str) -> Ran:
        return self.program("db", "restore", "--data", str(data), "--keys", str(keys), *more)

    def check(self, data: Path, keys: Path, *more: str) -> Ran:
        return self.program("db", "restore", "check", "--data", str(data), "--keys", str(keys), *more)

    def is_empty(self) -> bool:
        """Nothing was written: no table, and on SQLite no file either."""
        if "sqlite" in self.url:
            folder = Path(str(sa.make_url(self.url).database)).parent
            return not folder.exists() or not list(folder.iterdir())
        engine = make_engine(self.program.settings["WAYPOST_OWNER_DATABASE_URL"])
        tables = sa.inspect(engine).get_table_names()
        engine.dispose()
        return not tables

    @contextmanager
    def world(self, like: World) -> Iterator[World]:
        """The restored world."""
        database = Database(self.url, self.vault, pool_size=4)
        self.vault.forget()
        try:
            yield replace(like, database=database)
        finally:
            database.engine.dispose()
            self.vault.forget()


@pytest.fixture
def into(request: pytest.FixtureRequest, kind: str) -> str:
    """Which kind of database is restored into: the same, unless a test says otherwise."""
    return str(getattr(request, "param", kind))


@pytest.fixture
def target(request: pytest.FixtureRequest, program: Program, vault: Vault, into: str) -> Iterator[Target]:
    """An empty database of that kind."""
    yield from _empty(request, program, vault, into, "target")


@pytest.fixture
def again(request: pytest.FixtureRequest, program: Program, vault: Vault, into: str) -> Iterator[Target]:
    """A second one."""
    yield from _empty(request, program, vault, into, "again")


def _empty(request: pytest.FixtureRequest, program: Program, vault: Vault, into: str, name: str) -> Iterator[Target]:
    settings = program.settings | {"WAYPOST_DATA_DIR": str(program.folder / name)}
    if into == "sqlite":
        url = owner = f"sqlite:///{program.folder / name / 'waypost.db'}"
        yield Target(Program(program.folder, settings | dict.fromkeys(_URLS, url)), url, vault)
        return
    server: Server = request.getfixturevalue("postgres_server")
    made = server.new_database()
    url, owner = made.app, made.owner
    yield Target(Program(program.folder, settings | dict(zip(_URLS, (url, owner), strict=True))), url, vault)
    server.drop_database(made.name)


_URLS = ("WAYPOST_DATABASE_URL", "WAYPOST_OWNER_DATABASE_URL")


def backup(program: Program, *words: str) -> Path:
    """A backup of everything, or what the words say; its folder."""
    return Path(sound(program(*(words or ("db", "backup")), "--json")).json["folder"])


def kept(world: World, folder: Path) -> list[str]:
    """The checkpoints somebody keeps outside, of every agency as it stands now, as words of the command line."""
    file = folder / f"kept-{random.getrandbits(32):x}"
    notes = []
    for agency in ("Harbor", "Lighthouse"):
        head = world.system(book.head, agency)
        notes.append(world.database.vault.notary.sign(world.agency_id(agency), head.size, merkle.root(head.frontier)))
    file.write_text("\n".join(notes))
    return ["--kept", str(file)]


def destroy(world: World, client_id: UUID) -> None:
    """All rows of a client and her key go; the ledger tells of each row."""

    def work(db: Workspace) -> None:
        for model in (ChecklistItem, PlanSection, Plan, Assignment, Client):
            column = columns(model).id if model is Client else columns(model).client_id
            for row in db.all(sa.select(model).where(column == client_id)):
                db.delete(db.claim(model, row.id))
                db.record(Action.CLIENT_UPDATED, row)
            db.flush()
        db.change(Change(sa.delete(table_of(DataKey)).where(columns(DataKey).subject_id == client_id)))

    world.system(work)
    world.database.vault.forget()


def answers(world: World, clients: dict[UUID, UUID]) -> dict[UUID, tuple[int, Any, int, Any]]:
    """What the API shows of each client and her plan to the advocate who works with her."""
    told = {}
    with service(world) as api:
        for client_id, plan_id in clients.items():
            one, two = api.get("ana", f"/v1/clients/{client_id}"), api.get("ana", f"/v1/plans/{plan_id}")
            told[client_id] = one.status_code, one.json(), two.status_code, two.json()
    return told


def hold(world: World, client_id: UUID, who: str = "sol") -> UUID:
    """A legal hold, placed by somebody."""
    words = "A subpoena came."
    return world.run(who, Permission.HOLD_PLACE, lambda db: LegalHold.place(db, client_id, words, "FA-27-1042"))


def lift(world: World, hold_id: UUID) -> None:
    """The hold is over, says the admin."""
    world.run("ada", Permission.HOLD_LIFT, lambda db: LegalHold.lift(db, hold_id))


def release(world: World, client_id: UUID) -> UUID:
    """A release that lasts 90 days from now on."""
    words: dict[str, Any] = {"recipient": "Legal aid", "purpose": "A hearing", "what": ["The dates of her stays"]}
    signed = datetime.now(UTC).date() - timedelta(days=7)

    def work(db: Workspace) -> UUID:
        return Release.put_down(db, client_id, signed, None, **words)

    return world.run("ana", Permission.RELEASE_RECORD, work)


def revoke(world: World, release_id: UUID) -> None:
    """She took it back, by word of mouth."""

    def work(db: Workspace) -> None:
        Release.revoke(db, release_id, Withdrawal.ORAL)

    world.run("ana", Permission.RELEASE_REVOKE, work)


def refusal(api: Api, client_id: UUID) -> tuple[int, str]:
    """What stands against destroying this client, as the answer to a proposal: its code and the problem's."""
    body = {"what": "everything", "reason": "client_asked", "urgent": False}
    answer = api.post("sol", f"/v1/clients/{client_id}/destruction", body)
    return answer.status_code, str(answer.json().get("code"))


def people(world: World, count: int = 3) -> dict[UUID, UUID]:
    """Clients with plans, and words of their own in them."""
    made = {}
    for n in range(count):
        client_id = world.client(alias=f"{CANARY} {n}", contact={"warning": f"{CANARY} never in the evening"})
        plan_id = world.plan(client_id)
        world.run("ana", Permission.CHECKLIST_UPDATE, partial(_in_her_words, plan_id=plan_id, words=f"{CANARY} {n}"))
        made[client_id] = plan_id
    return made


def _in_her_words(db: Workspace, plan_id: UUID, words: str) -> None:
    items = db.all(sa.select(ChecklistItem).where(columns(ChecklistItem).plan_id == plan_id))
    for item in items[:5]:
        row = db.claim(ChecklistItem, item.id)
        row.text, row.detail = words, f"{words}, by the garden"
        db.record(Action.CHECKLIST_ITEM_UPDATED, row, "text", "detail")


def state_faults(world: World, agency: str) -> list[str]:
    """Sealed rows that are not what the ledger said last, and rows it knows that are not there."""
    last = {(r["t"], r["id"]): r["digest"] for e in world.entries(agency) for r in e.get("rows", ())}
    with world.database.engine.connect() as connection:
        driver: Any = connection.connection.driver_connection
        store = SqliteStore(driver) if world.database.embedded else PostgresStore(connection)
        stand = {(r.table, str(r.id)): r.digest for r in sealed_rows(store, world.agency_id(agency))}
    there = {key: digest for key, digest in last.items() if digest}
    return sorted(f"{key}" for key in there.keys() | stand.keys() if there.get(key) != stand.get(key))


def edited(folder: Path, half: str, *statements: str) -> Path:
    """A copy of a backup whose file somebody changed, with a manifest that fits it again."""
    copy = folder.with_name(f"{folder.name}-edited-{random.getrandbits(32):x}")
    shutil.copytree(folder, copy)
    with closing(sqlite3.connect(copy / f"{half}.db")) as connection:
        for statement in statements:
            connection.execute(statement)
        connection.commit()
    reseal(copy, half)
    return copy


def reseal(folder: Path, half: str) -> None:
    """Make the manifest's checksum fit the file."""
    from models.backup.halves import digest

    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["files"][f"{half}.db"]["sha256"] = digest(folder / f"{half}.db")
    (folder / "manifest.json").write_text(json.dumps(manifest))


class TestSaving:
    """db backup and keys export-wrapped."""

    def test_a_backup_is_private_whole_and_holds_no_words(self, program: Program, world: World) -> None:
        """A folder and files for their owner alone; every row but those of the day; nothing anybody wrote."""
        clients = people(world)
        world.database.engine.dispose()
        told = sound(program("db", "backup", "--json")).json
        folder = Path(told["folder"])
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        assert {f.name: stat.S_IMODE(f.stat().st_mode) for f in folder.iterdir()} == dict.fromkeys(
            ("data.db", "keys.db", "manifest.json"), 0o600
        )
        data, keys = told["files"]["data.db"]["rows"], told["files"]["keys.db"]["rows"]
        assert (data["clients"], data["plans"], keys["data_keys"]) == (len(clients), len(clients), len(clients) + 4)
        assert not {"sessions", "idempotency_keys", "setup_links"} & {*data, *keys}
        stored = b"".join(f.read_bytes() for f in folder.iterdir())
        assert CANARY.encode() not in stored
        assert b"ana@harbor" not in stored

    def test_the_keys_alone_are_small(self, program: Program, world: World) -> None:
        """An export has the second half and nothing else."""
        people(world, 1)
        folder = backup(program, "keys", "export-wrapped")
        assert {f.name for f in folder.iterdir()} == {"keys.db", "manifest.json"}
        program("db", "restore", "check", "--data", str(folder), "--keys", str(folder), "--without-checkpoint")

    @SQLITE
    def test_never_over_another(self, program: Program) -> None:
        """What has the name already stays."""
        target = program.folder / "kept"
        target.mkdir()
        program("db", "backup", "--to", str(target)).refused("is there already")
        assert not list(target.iterdir())

    @SQLITE
    def test_a_full_disk_leaves_nothing(self, program: Program, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
        """Neither a folder nor a part of one."""
        people(world, 1)
        world.database.engine.dispose()
        monkeypatch.setattr(SqliteStore, "write", _full)
        program("db", "backup").refused("disk is full")
        assert not list((program.folder / "backups").iterdir())

    def test_a_changed_ledger_is_told_when_it_is_saved(self, program: Program, urls: Urls) -> None:
        """The backup is kept, with exit 1: months of backups of a doctored ledger help nobody."""
        with behind(urls.superuser) as connection:
            if connection.dialect.name == "sqlite":
                connection.exec_driver_sql("drop trigger ledger_entries_update")
            else:
                connection.exec_driver_sql("alter table ledger_entries disable trigger user")
            connection.exec_driver_sql(
                "update ledger_entries set entry = entry || ' ' where seq = 1"
            )  # text, on SQLite
        ran = program("db", "backup", "--json")
        assert (ran.code, ran.json["sound"]) == (1, False)

    def test_an_older_database_is_saved_as_it_is(self, program: Program, urls: Urls) -> None:
        """Before an upgrade: the new code asks the old tables what they are, not its models."""
        with behind(urls.superuser) as connection:
            connection.exec_driver_sql("alter table agencies drop column exit_url")
            connection.exec_driver_sql(
                "create table older_things (agency_id %s, id integer, primary key (agency_id, id))"
                % ("blob" if connection.dialect.name == "sqlite" else "uuid")
            )
            if connection.dialect.name != "sqlite":
                connection.exec_driver_sql("grant select on older_things to waypost_app")
            connection.exec_driver_sql("update alembic_version set version_num = '0000'")
        program("serve").refused("")
        folder = backup(program)
        manifest = json.loads((folder / "manifest.json").read_text())
        assert manifest["revision"] == "0000"
        assert manifest["files"]["data.db"]["rows"]["older_things"] == 0
        with closing(sqlite3.connect(folder / "data.db")) as connection:
            assert "exit_url" not in [row[1] for row in connection.execute("pragma table_info(agencies)")]

    def test_saved_while_eight_write(self, program: Program, world: World, urls: Urls) -> None:
        """One instant: every plan's parts are whole, every client has her key, every head fits its entries."""
        stop, failed = threading.Event(), []
        database = Database(urls.app, world.database.vault, pool_size=8)
        world = replace(world, database=database)

        def write() -> None:
            try:
                while not stop.is_set():
                    client_id = world.client()
                    world.plan(client_id)
                    if not random.getrandbits(1):
                        destroy(world, client_id)
            except Exception as error:  # noqa: BLE001
                failed.append(error)

        threads = [threading.Thread(target=write) for _ in range(8)]
        for thread in threads:
            thread.start()
        time.sleep(0.3)
        folders = [backup(program, "db", "backup", "--to", str(program.folder / f"b{n}")) for n in range(4)]
        stop.set()
        for thread in threads:
            thread.join()
        database.engine.dispose()
        assert not failed
        sizes = []
        for folder in folders:
            with closing(sqlite3.connect(folder / "data.db")) as db:
                db.execute("attach ? as k", [str(folder / "keys.db")])
                torn = db.execute(
                    "select count(*) from plans p where items_made <> (select count(*) from checklist_items i "
                    "where i.plan_id = p.id) or sections_made <> (select count(*) from plan_sections s "
                    "where s.plan_id = p.id) or not exists (select 1 from clients c where c.id = p.client_id)"
                ).fetchone()
                keyless = db.execute(
                    "select (select count(*) from clients where id not in (select subject_id from k.data_keys)) + "
                    "(select count(*) from k.data_keys where purpose = 'client' and subject_id not in (select id from clients))"
                ).fetchone()
                heads = db.execute(
                    "select count(*) from k.ledger_heads h where size <> (select count(*) from k.ledger_entries e "
                    "where e.agency_id = h.agency_id) or size <> (select max(seq) + 1 from k.ledger_entries e "
                    "where e.agency_id = h.agency_id)"
                ).fetchone()
                assert (torn, keyless, heads) == ((0,), (0,), (0,))
                sizes += db.execute("select max(size) from k.ledger_heads").fetchone()
        assert sizes == sorted(set(sizes)), "somebody wrote between any two of them"


def _full(*_: object) -> None:
    raise sqlite3.OperationalError("database or disk is full")


BOTH_WAYS = pytest.mark.parametrize("into", ["sqlite", "postgresql"], indirect=True)


class TestRestoring:
    """db restore."""

    @BOTH_WAYS
    def test_every_client_reads_the_same(self, program: Program, world: World, target: Target) -> None:
        """From either database into either: every field of every client and plan, and a ledger that goes on."""
        clients = people(world)
        before = answers(world, clients)
        assert {code for one in before.values() for code in (one[0], one[2])} == {200}
        words = kept(world, program.folder)
        folder = backup(program)
        told = sound(target.restore(folder, folder, *words, "--json")).json
        assert (told["alive"], told["destroyed"], told["back"], told["missing"]) == (3, 0, 0, 0)
        with target.world(world) as restored:
            assert answers(restored, clients) == before
            assert [e["action"] for e in restored.entries()[-2:]] != []
            assert not state_faults(restored, "Harbor")
            plan = restored.plan(restored.client(who="ben"), "ben")
            assert restored.run("ben", Permission.PLAN_READ, lambda db: db.find(Plan, plan).items_made) > 0
        assert sound(target("audit", "verify", "--json")).json["sound"] is True
        assert sound(target("doctor", "--json")).json["sound"] is True
        with target.program.serving() as service, service.sign_in() as client:
            found = client.get("/v1/caseload").json()["data"]
            assert {UUID(row["client_id"]) for row in found} == clients.keys()

    def test_it_is_the_same_database_as_a_migrated_one(self, program: Program, urls: Urls, target: Target) -> None:
        """Triggers, policies and indexes are there: the walls stand as before."""
        folder = backup(program)
        sound(target.restore(folder, folder, "--without-checkpoint"))
        from tests.guarantees.test_migrations import shape

        shapes = []
        for url in (urls.owner, target.program.settings["WAYPOST_OWNER_DATABASE_URL"]):
            engine = make_engine(url)
            shapes.append(shape(engine))
            assert migrations.fit(engine) is Fit.FITS
            if "postgresql" in url:
                with engine.connect() as connection:
                    off = "select count(*) from pg_trigger where tgenabled <> 'O'"
                    assert connection.exec_driver_sql(off).scalar_one() == 0
            else:
                with engine.begin() as connection, pytest.raises(sa.exc.DBAPIError, match="append-only"):
                    connection.exec_driver_sql("delete from ledger_entries")
            engine.dispose()
        assert shapes[0] == shapes[1]

    def test_nobody_is_signed_in_and_nobody_is_let_in_again(
        self, program: Program, world: World, target: Target
    ) -> None:
        """Sessions are in no backup; a person suspended and an assignment ended since the data were saved stay so."""
        client_id = world.client()
        mine = _assignment(world, client_id)
        ben, sol = world.people["ben"].actor.id, world.people["sol"].actor.id
        folder = backup(program)
        world.system(lambda db: db.claim(User, ben).suspend(db))
        world.system(lambda db: db.claim(User, sol).suspend(db))
        world.system(lambda db: db.claim(User, sol).reinstate(db))
        world.system(lambda db: staffing.end(db, mine, leave_unassigned=True))
        words, newest = kept(world, program.folder), backup(program, "keys", "export-wrapped")
        told = sound(target.restore(folder, newest, *words, "--json")).json
        assert told["since"] == {"assignment.ended": 1, "user.reinstated": 1, "user.suspended": 2}
        with target.world(world) as restored:
            last = restored.entries()[-1]
            assert restored.system(lambda db: db.find(User, ben).status) == "suspended"
            assert restored.system(lambda db: db.find(User, sol).status) == "active"
            with pytest.raises(Exception, match="not-found"):
                restored.run("ana", Permission.CLIENT_READ, lambda db: db.find(Client, client_id))
            assert [last["action"], *(f["action"] for f in last["also"])] == [
                "backup.restored", "user.suspended", "assignment.ended"
            ]  # fmt: skip
        with behind(target.program.settings["WAYPOST_OWNER_DATABASE_URL"]) as connection:
            if connection.dialect.name == "postgresql":
                connection.exec_driver_sql(f"select set_config('app.agency_id', '{world.agency_id()}', true)")
            assert connection.exec_driver_sql("select count(*) from sessions").scalar_one() == 0

    def test_no_invitation_of_then_lets_anybody_in(self, program: Program, world: World, target: Target) -> None:
        """One that was taken back since the data were saved is open in them: its link must not work again."""
        command = Actor.system(world.agency_id(), kind=Kind.COMMAND)

        def invite(db: Workspace) -> UUID:
            return Invitation.send(db, "noor@harbor.example", [Role.ADVOCATE], "en").id

        asked = world.database.transact(command, invite)
        folder = backup(program)
        world.database.transact(command, lambda db: db.claim(Invitation, asked).revoke(db))
        words, newest = kept(world, program.folder), backup(program, "keys", "export-wrapped")
        sound(target.restore(folder, newest, *words))
        with target.world(world) as restored:
            found = restored.system(lambda db: db.find(Invitation, asked).status(db.now))
            assert found is InvitationStatus.REVOKED
            assert not state_faults(restored, "Harbor")

    def test_a_wall_set_up_since_stands_again(self, program: Program, world: World, target: Target) -> None:
        """Old data let nobody back in: a wall, a restriction and the early end of a cover hold; one lifted since too."""
        client_id, closed, free = world.client(), world.client(), world.client()
        ana, ben, sol = (world.people[who].actor.id for who in ("ana", "ben", "sol"))
        until = datetime.now(UTC) + timedelta(days=9)
        covering = world.system(lambda db: cover.Cover.begin(db, ana, ben, db.now, until))
        lifted = _wall(world, free, sol)
        folder = backup(program)
        world.system(lambda db: cover.Cover.end(db, covering))
        world.system(lambda db: db.claim(Client, closed).restrict(db))
        _wall(world, client_id, ana)
        world.run("ada", Permission.WALL_PROPOSE, lambda db: Wall.propose_lifting(db, lifted))
        world.system(lambda db: Wall.lift(db, lifted))
        words, newest = kept(world, program.folder), backup(program, "keys", "export-wrapped")
        sound(target.restore(folder, newest, *words))
        with target.world(world) as restored:
            for who, one in (("ana", client_id), ("ben", client_id), ("ben", free), ("sol", closed), ("sol", free)):
                with pytest.raises(Exception, match="not-found"):
                    restored.run(who, Permission.CLIENT_READ, lambda db, one=one: db.find(Client, one))
            assert restored.run("ana", Permission.CLIENT_READ, lambda db: db.find(Client, closed).restricted)
            assert not restored.system(partial(book.verify, state=True)).faults

    def test_attack_26_a_hold_placed_since_stands_again(self, program: Program, world: World, target: Target) -> None:
        """Its words are lost, it is not: destruction is refused as before, and who placed it still cannot lift it. One
        lifted since stands again too. One on a client who is not in the data is named."""
        held, over, free = world.client(), world.client(), world.client()
        lifted = hold(world, over)
        folder = backup(program)
        lift(world, lifted)
        placed, gone = hold(world, held, "ada"), hold(world, free)
        lift(world, gone)
        young = hold(world, world.client())
        [when] = [e["at"] for e in world.entries() if e["object"]["ids"] == [str(placed)]]
        words, newest = kept(world, program.folder), backup(program, "keys", "export-wrapped")
        told = sound(target.check(folder, newest, *words, "--json")).json
        assert told["holds"] == {"stand_again": [str(placed)], "lifted_since": [str(lifted)], "lost": [str(young)]}
        ran = sound(target.restore(folder, newest, *words))
        assert f"1 legal holds placed since cannot stand, for their clients are not in these data: {young}." in ran.out
        with target.world(world) as restored:
            made = restored.entries()[-2:]
            assert {(e["action"], e["client"], *e["object"]["ids"]) for e in made} == {
                ("legal_hold.placed", str(held), str(placed)), ("legal_hold.placed", str(over), str(lifted)),
            }  # fmt: skip
            assert not state_faults(restored, "Harbor")
            with service(restored) as api:
                assert refusal(api, held) == refusal(api, over) == (409, "legal-hold-stands")
                assert refusal(api, free)[0] == 201
                shown = api.get("ada", f"/v1/legal-holds/{placed}").json()
                assert datetime.fromisoformat(shown["placed_at"]) == datetime.fromisoformat(when)
                assert (shown["lifted_at"], shown["reference"]) == (None, None)
                assert shown["reason"] == "Restored from the ledger; its words were lost with the data."
                assert api.put("ada", f"/v1/legal-holds/{placed}/lifting").json()["code"] == "own-hold"
                assert api.get("ada", f"/v1/legal-holds/{lifted}").json()["reason"] == "A subpoena came."
        assert sound(target("audit", "verify", "--state", "--json")).json["sound"] is True

    @pytest.mark.parametrize("data", ["from before it was placed", "from after it was lifted"])
    def test_a_hold_that_a_restore_set_up_again_outlives_the_next(
        self, program: Program, world: World, target: Target, again: Target, data: str
    ) -> None:
        """Placed, lifted, and standing again through old data: other old data with the ledger of then keep it."""
        client_id = world.client()
        before = backup(program)
        held = hold(world, client_id)
        between = backup(program)
        lift(world, held)
        after = backup(program)
        sound(target.restore(between, after, "--without-checkpoint"))
        newest = backup(target.program, "keys", "export-wrapped")
        folder = before if data == "from before it was placed" else after
        sound(again.restore(folder, newest, "--without-checkpoint"))
        with again.world(world) as restored, service(restored) as api:
            assert refusal(api, client_id) == (409, "legal-hold-stands")
            assert not state_faults(restored, "Harbor")
            shown = api.get("ada", f"/v1/legal-holds/{held}").json()
            assert (shown["placed_by_id"], shown["lifted_by_id"]) == (str(world.people["sol"].actor.id), None)

    def test_a_release_taken_back_since_stays_so(self, program: Program, world: World, target: Target) -> None:
        """Old data do not make it worth anything again; another one lives on."""
        client_id, other = world.client(), world.client()
        first, second = release(world, client_id), release(world, other)
        folder = backup(program)
        revoke(world, first)
        revoke(world, release(world, other))
        words, newest = kept(world, program.folder), backup(program, "keys", "export-wrapped")
        sound(target.restore(folder, newest, *words))
        with target.world(world) as restored:
            [entry] = [e for e in restored.entries() if e["action"] == "backup.restored" and "also" in e]
            assert [(f["action"], f["object"]["ids"]) for f in entry["also"]] == [("release.revoked", [str(first)])]
            assert entry["clients"]["ids"] == [str(client_id)], "her history tells of it"
            with service(restored) as api:
                shown = api.get("ana", f"/v1/releases/{first}").json()
                assert (shown["status"], shown["revoked_how"], shown["version"]) == ("revoked", None, 2)
                assert shown["revoked_at"]
                assert api.get("ana", f"/v1/releases/{second}").json()["status"] == "active"
            assert not state_faults(restored, "Harbor")

    def test_people_whose_roles_changed_since_are_named(self, program: Program, world: World, target: Target) -> None:
        """The ledger does not say to what: somebody has to look. Not those who are not in the data."""
        ben, sol = world.people["ben"].actor.id, world.people["sol"].actor.id
        folder = backup(program)
        world.system(lambda db: db.claim(User, sol).change(db, roles=[Role.ADVOCATE]))
        world.system(lambda db: db.claim(User, ben).change(db, language="es"))
        world.system(_hired_and_promoted)
        words, newest = kept(world, program.folder), backup(program, "keys", "export-wrapped")
        assert sound(target.check(folder, newest, *words, "--json")).json["roles_since"] == [str(sol)]
        ran = sound(target.restore(folder, newest, *words))
        assert f"1 people had their roles changed since and have the old ones again: {sol}" in ran.out
        with target.world(world) as restored:
            assert restored.system(lambda db: db.find(User, sol).roles) == "supervisor"

    def test_history_tells_which_rows_went_back(self, program: Program, world: World, target: Target) -> None:
        """Rows changed since, rows made since: named in the ledger, which then says what stands there again."""
        clients = people(world, 2)
        folder = backup(program)
        first = next(iter(clients))
        world.run("ana", Permission.CLIENT_UPDATE, lambda db: _renamed(db, first))
        young = world.client(alias="Finch")
        words, newest = kept(world, program.folder), backup(program, "keys", "export-wrapped")
        size = len(world.entries())
        told = sound(target.restore(folder, newest, *words, "--json")).json
        assert (told["back"], told["missing"]) == (1, 1)
        with target.world(world) as restored:
            entries = restored.entries()
            assert entries[:size] == world.entries(), "the ledger never goes back"
            named = {(r["t"], r["id"]): r["digest"] for e in entries[size:] for r in e.get("rows", ())}
            of_rows = {row for row in named if not row[0].endswith(SUFFIX)}
            assert of_rows == {("clients", str(first)), ("clients", str(young))}
            assert [t for t, _ in named.keys() - of_rows] == ["assignments.grants"], "who sees her went with her"
            assert named["clients", str(first)]
            assert named["clients", str(young)] is None
            assert not state_faults(restored, "Harbor")
            assert not restored.system(book.verify).faults
            assert restored.system(lambda db: db.find(Client, first).alias).startswith(CANARY)

    def test_data_from_before_an_upgrade(self, program: Program, world: World, urls: Urls, target: Target) -> None:
        """`db backup && db upgrade`, and then a restore of that backup by the new code, with the keys of after."""
        clients = people(world, 2)
        before = answers(world, clients)
        world.database.engine.dispose()
        engine = make_engine(urls.owner)
        migrations.downgrade(engine, "0001")
        engine.dispose()
        program("serve").refused("older than this code", "db backup && ")
        folder = backup(program)
        assert json.loads((folder / "manifest.json").read_text())["revision"] == "0001"
        sound(program("db", "upgrade"))
        young = world.client()
        words, newest = kept(world, program.folder), backup(program, "keys", "export-wrapped")
        told = sound(target.restore(folder, newest, *words, "--json")).json
        assert (told["alive"], told["back"], told["missing"]) == (2, 0, 1)
        sound(target("db", "check"))
        with target.world(world) as restored:
            asked = answers(restored, clients).values()
            assert {one["code"] for _, one, _, _ in asked} == {"second-factor-enrolment-required"}, "as of every agency"
            restored.system(_ask_for_no_factor)
            assert answers(restored, clients) == before
            assert answers(restored, {young: young})[young][0] == 404, "made after the data were saved"
            assert not state_faults(restored, "Harbor")
        both = backup(target.program, "db", "backup", "--to", str(program.folder / "again"))
        assert target.check(both, folder, "--without-checkpoint").code == 1

    def test_many_rows_take_several_entries(
        self, program: Program, world: World, target: Target, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """An entry names as many rows as one may hold, and the next goes on."""
        folder = backup(program)
        people(world, 3)
        monkeypatch.setattr("models.backup.restore.IN_ONE_ENTRY", 4)
        before = len(world.entries())
        told = sound(target.restore(folder, backup(program), "--without-checkpoint", "--json")).json
        with target.world(world) as restored:
            rows = [e.get("rows", ()) for e in restored.entries()[before:]]
            assert not rows[0]
            assert all(len(some) == 4 for some in rows[1:-1])
            assert 0 < len(rows[-1]) <= 4
            sealed = [row for some in rows for row in some if not row["t"].endswith(SUFFIX)]
            assert len(sealed) == told["missing"] > 4
            assert not state_faults(restored, "Harbor")


def _ask_for_no_factor(db: Workspace) -> None:
    agency = db.claim(Agency, db.agency_id)
    agency.second_factor = SecondFactor.OPTIONAL
    db.record(Action.AGENCY_UPDATED, agency)


def _renamed(db: Workspace, client_id: UUID) -> None:
    row = db.claim(Client, client_id)
    row.alias = "Heron"
    db.record(Action.CLIENT_UPDATED, row, "alias")


def _hired_and_promoted(db: Workspace) -> None:
    user = User.hire(db, "new@harbor.example", "New", [Role.ADVOCATE], "-", must_change_password=True)
    user.change(db, roles=[Role.SUPERVISOR])


def _wall(world: World, client_id: UUID, user_id: UUID) -> UUID:
    wall_id = world.run("ada", Permission.WALL_PROPOSE, lambda db: Wall.propose(db, client_id, user_id, "a cousin"))
    world.system(lambda db: Wall.approve(db, wall_id))
    return wall_id


def _assignment(world: World, client_id: UUID) -> UUID:
    wanted = sa.select(Assignment).where(columns(Assignment).client_id == client_id)
    return world.system(lambda db: db.all(wanted)[0].id)


class TestTheRule:
    """Old data, newest key tables."""

    def test_attack_26_a_full_backup_from_before_a_destruction(
        self, program: Program, world: World, target: Target
    ) -> None:
        """Its own keys would bring her back: the checkpoint kept outside says that they are too old."""
        clients = people(world, 2)
        gone = next(iter(clients))
        old = backup(program)
        destroy(world, gone)
        words = kept(world, program.folder)
        newest = backup(program, "keys", "export-wrapped")
        for ran in (target.check(old, old, *words), target.restore(old, old, *words)):
            assert "The keys are older than the checkpoint" in ran.err
            assert len(ran.err.splitlines()) == 1
            assert ran.code in (1, 3)
        target.restore(old, old).refused("No checkpoint kept outside was given", "--without-checkpoint")
        assert target.is_empty()
        told = sound(target.restore(old, newest, *words, "--json")).json
        assert (told["alive"], told["destroyed"]) == (1, 1)
        with target.world(world) as restored:
            assert [answer[0] for answer in answers(restored, clients).values()] == [404, 200]
            assert not state_faults(restored, "Harbor")

    def test_attack_27_destroyed_with_the_epoch_of_her_key(
        self, program: Program, world: World, target: Target, keys: Path
    ) -> None:
        """After rotation and the end of the old epoch she stays dead, whichever keys come with the old data; everybody
        else opens."""
        clients = people(world)
        before = answers(world, clients)
        gone = next(iter(clients))
        old = backup(program)
        destroy(world, gone)
        world.database.engine.dispose()
        sound(program("keys", "destroy-epoch", "1", "--urgent", "--yes"))
        assert list(RootKeys(keys / "root.json").epochs()) == [2]
        world.database.vault.forget()
        words, newest = kept(world, program.folder), backup(program, "keys", "export-wrapped")
        target.restore(old, old, "--without-checkpoint").refused("oot key epoch 1 is not in")
        assert target.is_empty()
        told = sound(target.restore(old, newest, *words, "--json")).json
        assert (told["alive"], told["destroyed"], told["unopened"]) == (2, 1, 0)
        vault = Vault(RootKeys(keys / "root.json"), ServiceKeys(keys / "service.json"))
        with replace(target, vault=vault).world(world) as restored:
            after = answers(restored, clients)
        assert after.pop(gone)[0] == 404
        del before[gone]
        assert after == before

    def test_keys_older_than_the_data(self, program: Program, world: World, target: Target) -> None:
        """Refused by themselves, whatever was kept outside."""
        early = backup(program, "keys", "export-wrapped")
        people(world, 1)
        target.restore(backup(program), early, "--without-checkpoint").refused("The keys are older than the data")

    def test_a_checkpoint_of_another_history(self, program: Program, world: World, target: Target) -> None:
        """The right size with another root, a file without a checkpoint, one agency's checkpoint missing."""
        folder, words = backup(program), kept(world, program.folder)
        file = Path(words[1])
        notes, notary, harbor = file.read_text(), world.database.vault.notary, world.agency_id()
        size = world.system(book.head).size
        ours = notary.sign(harbor, size, bytes(32))
        theirs = notes[notes.index("\u2014") :].partition("\n")[2]
        file.write_text(ours + theirs)
        assert "is another than the checkpoint" in target.check(folder, folder, *words).err
        file.write_text(theirs)
        target.restore(folder, folder, *words).refused("No checkpoint kept outside was given for 1 of 2 agencies")
        file.write_text("nothing\n")
        target.restore(folder, folder, *words).refused("holds no checkpoint")
        stranger = Notary.create(program.folder / "stranger.json", "waypost.example")
        for forged in (stranger.sign(harbor, 1, bytes(32)), notes.replace(f"\n{size}\n", "\n1\n", 1)):
            file.write_text(forged)
            target.restore(folder, folder, *words).refused("was not signed by this installation")
        file.write_text(notes)
        assert target.check(folder, folder, *words).code == 0
        assert target.is_empty()

    def test_rows_under_a_key_that_was_replaced(self, program: Program, world: World, target: Target) -> None:
        """Data from before a client got a new key cannot be opened any more: counted, refused, and left shut."""
        clients = people(world, 2)
        first = next(iter(clients))
        folder = backup(program)
        sound(program("keys", "rekey", str(first)))
        newest = backup(program, "keys", "export-wrapped")
        target.restore(folder, newest, "--without-checkpoint").refused(
            "rows of 1 clients are sealed under keys that are gone"
        )
        assert target.is_empty()
        told = sound(target.restore(folder, newest, "--without-checkpoint", "--accept-loss", "--json")).json
        assert told["sealed_away"] >= 1
        with target.world(world) as restored:
            assert [answer[0] for answer in answers(restored, clients).values()] == [500, 200]
            assert not state_faults(restored, "Harbor")

    def test_rows_changed_behind_the_ledgers_back(
        self, program: Program, world: World, urls: Urls, target: Target
    ) -> None:
        """An older row put back by SQL before the backup, and a row changed in the backup: both are seen, by no key."""
        client_id = world.client(alias="Finch")
        clean = backup(program)
        with behind(urls.superuser) as connection:
            clients = table_of(Client)
            before = connection.execute(sa.select(clients).where(clients.c.id == client_id)).one()
        world.run("ana", Permission.CLIENT_UPDATE, lambda db: _renamed(db, client_id))
        with behind(urls.superuser) as connection:
            connection.execute(sa.update(clients).where(clients.c.id == client_id).values(before._asdict()))
        rolled_back = backup(program)
        cut = edited(clean, "data", "update clients set legal_name_sealed = alias_sealed")
        for folder in (rolled_back, cut):
            target.restore(folder, rolled_back, "--without-checkpoint").refused("1 rows of the data are not what")
        assert target.is_empty()
        told = sound(target.restore(cut, rolled_back, "--without-checkpoint", "--accept-loss", "--json")).json
        assert told["changed"] == 1
        with target.world(world) as restored:
            assert not state_faults(restored, "Harbor"), "the ledger names the row as it stands"

    def test_a_key_that_vanished_without_a_word(self, program: Program, world: World, target: Target) -> None:
        """A client whose key is gone although the ledger tells of no destruction: somebody took it away."""
        client_id = world.client()
        folder = backup(program)
        robbed = edited(folder, "keys", f"delete from data_keys where subject_id = x'{client_id.hex}'")
        target.restore(folder, robbed, "--without-checkpoint").refused("1 clients have no key")
        assert target.is_empty()

    def test_an_agency_founded_since(self, program: Program, world: World, target: Target) -> None:
        """Data that know nothing of it are refused; accepted, it is left out and named."""
        folder = backup(program)
        made = sound(program("agency", "create", "Beacon", "--time-zone", "Europe/Dublin", "--json")).json["id"]
        newest = backup(program, "keys", "export-wrapped")
        target.restore(folder, newest, "--without-checkpoint").refused("founded after the data were saved")
        told = sound(target.restore(folder, newest, "--without-checkpoint", "--accept-loss", "--json")).json
        assert told["left_out"] == [made]
        assert sound(target("audit", "verify", "--json")).json["sound"] is True


@pytest.fixture
def keys(program: Program, vault: Vault, target: Target, world: World) -> Iterator[Path]:
    """This test's own copy of the keys, which may change."""
    assert isinstance(vault.root, RootKeys)
    copied = program.folder / "keys"
    shutil.copytree(vault.root.path.parent, copied)
    for one in (program, target.program):
        one.settings["WAYPOST_KEYS_DIR"] = str(copied)
    root, vault.root = vault.root, RootKeys(copied / "root.json")
    yield copied
    vault.root = root
    vault.forget()


class TestRefusals:
    """One line, and nothing half-written."""

    def test_what_is_no_backup(self, program: Program, world: World, target: Target, vault: Vault) -> None:
        """Damaged, half-written, empty, missing a half, or of a newer version."""
        people(world, 1)
        folder = backup(program)
        exported = backup(program, "keys", "export-wrapped")

        def damaged(work: Callable[[Path], object]) -> Path:
            copy = program.folder / f"copy-{random.getrandbits(32):x}"
            shutil.copytree(folder, copy)
            work(copy)
            return copy

        cases = {
            "is not what was saved": damaged(lambda f: _flip(f / "data.db")),
            "is no finished backup": damaged(lambda f: (f / "manifest.json").unlink()),
            "manifest.json is missing or broken": damaged(lambda f: (f / "manifest.json").write_text('{"format": 1')),
            "holds no data.db": exported,
            "made by a newer version": damaged(lambda f: _claim(f, format=99)),
            "was made by a newer version": damaged(lambda f: _claim(f, revision="9999")),
        }
        for said, one in cases.items():
            target.restore(one, folder, "--without-checkpoint").refused(said)
            assert target.is_empty(), said
        torn = damaged(lambda f: _flip(f / "keys.db"))
        target.restore(folder, torn, "--without-checkpoint").refused("is not what was saved")
        target.restore(folder, program.folder / "nowhere", "--without-checkpoint").refused("is no finished backup")
        assert target.is_empty()

    def test_a_ledger_that_was_changed_in_the_keys(self, program: Program, target: Target) -> None:
        """An entry edited, one taken away, the head moved: the entries no longer make the root."""
        folder = backup(program)
        for statement in (
            "update ledger_entries set entry = cast(replace(cast(entry as text), '\"ok\"', '\"no\"') as blob)",
            "update ledger_entries set entry = 'no entry at all' where seq = 1",
            "delete from ledger_entries where seq = 1",
            "update ledger_heads set size = size - 1",
        ):
            changed = edited(folder, "keys", statement)
            target.restore(folder, changed, "--without-checkpoint").refused("is not what its head says")
        assert target.is_empty()

    def test_halves_of_two_installations(
        self, program: Program, world: World, target: Target, tmp_path_factory: pytest.TempPathFactory
    ) -> None:
        """Swapped folders, the same agencies or others: never mixed."""
        own = backup(program)
        elsewhere = Program(tmp_path_factory.mktemp("elsewhere"), {"WAYPOST_ENV": "test"})
        elsewhere.settings |= {"WAYPOST_DATA_DIR": str(elsewhere.folder)}
        for words in (("keys", "new"), ("db", "upgrade"), ("agency", "create", "Far", "--time-zone", "Europe/Dublin")):
            assert elsewhere(*words).code == 0
        other = backup(elsewhere)
        target.restore(own, other, "--without-checkpoint").refused("agencies of the data", "another installation")
        target.restore(other, own, "--without-checkpoint").refused("another installation")
        # The same ids, with a history of its own from some entry on.
        twin = json.loads((own / "manifest.json").read_text())
        for head in twin["ledgers"].values():
            head["root"] = "00" * 32
        forged = program.folder / "forged"
        shutil.copytree(own, forged)
        (forged / "manifest.json").write_text(json.dumps(twin))
        target.restore(forged, own, "--without-checkpoint").refused("of two installations")
        assert target.is_empty()

    def test_the_wrong_root_key(self, program: Program, target: Target, keys: Path) -> None:
        """Told before anything is written."""
        folder = backup(program)
        (keys / "root.json").unlink()
        RootKeys.create(keys / "root.json")
        target.restore(folder, folder, "--without-checkpoint").refused("wrong root key", "WAYPOST_KEYS_DIR")
        assert target.is_empty()

    def test_a_database_that_is_not_empty(self, program: Program, world: World, target: Target) -> None:
        """Neither the one in use nor one just restored is touched."""
        world.client()
        folder = backup(program)
        program("db", "restore", "--data", str(folder), "--keys", str(folder), "--without-checkpoint").refused(
            "not empty"
        )
        sound(target.restore(folder, folder, "--without-checkpoint"))
        target.restore(folder, folder, "--without-checkpoint").refused("not empty")
        for one in (program, target.program):
            assert sound(one("audit", "verify", "--json")).json["sound"] is True

    @pytest.mark.parametrize("kind", ["postgresql"])
    def test_as_a_role_that_owns_nothing(self, program: Program, target: Target) -> None:
        """The service's role can save, but not make tables."""
        folder = backup(program)
        target.program.settings["WAYPOST_OWNER_DATABASE_URL"] = target.url
        ran = target.restore(folder, folder, "--without-checkpoint")
        assert ran.code == 3
        assert len(ran.err.splitlines()) == 1

    def test_killed_while_restoring(self, program: Program, world: World, target: Target) -> None:
        """Whenever: the database is empty or whole, and the same command again restores it."""
        people(world, 4)
        folder = backup(program)
        words = ("db", "restore", "--data", str(folder), "--keys", str(folder), "--without-checkpoint")
        command = [sys.executable, "-m", "api", *words]
        whole = 0
        for pause in (0.6, 0.8, 0.9, 1.0, 1.1, 1.2):
            with subprocess.Popen(command, env=target.program.env(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as ran:  # fmt: skip
                time.sleep(pause)
                ran.send_signal(signal.SIGKILL)
            fit = _fit_of(target)
            assert fit in (Fit.EMPTY, Fit.FITS)
            whole += fit is Fit.FITS
        if not whole:
            assert target(*words).code == 0
        assert sound(target("audit", "verify", "--json")).json["sound"] is True

    @SQLITE
    def test_words_that_are_missing(self, target: Target) -> None:
        """Exit 2, as for any usage."""
        for words in (("db", "restore"), ("db", "restore", "check", "--data", "x")):
            ran = target(*words)
            assert ran.code == 2
            assert "--keys FOLDER" in ran.err


def _fit_of(target: Target) -> Fit:
    if "sqlite" in target.url and not Path(str(sa.make_url(target.url).database)).exists():
        return Fit.EMPTY
    engine = make_engine(target.program.settings["WAYPOST_OWNER_DATABASE_URL"])
    fit = migrations.fit(engine)
    engine.dispose()
    return fit


def _flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def _claim(folder: Path, **values: object) -> None:
    manifest = json.loads((folder / "manifest.json").read_text())
    (folder / "manifest.json").write_text(json.dumps(manifest | values))
