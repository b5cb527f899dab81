"""Checkpoints hold the ledger to what it once said: signed, kept outside, proved, and found out when they do not fit."""

import base64
import json
import os
import random
import signal
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import orjson
import pytest
import sqlalchemy as sa
import time_machine

import migrations
from models.access import PLATFORM, Actor, Permission
from models.base import table_of
from models.checklist import ChecklistItem
from models.client import Client, ExternalId
from models.engine import make_engine
from models.ledger import anchors, book, checkpoint, merkle, offline
from models.ledger.action import Action
from models.ledger.anchors import LedgerCheckpoint, LedgerTile
from models.ledger.book import LedgerEntry, LedgerHead
from models.ledger.export import FILES, export
from models.ledger.offline import Key, Note
from models.rows import Change
from models.vault.keys import Vault
from models.vault.notes import Notary
from models.workspace import Workspace
from tests.factories import behind, doer, operations, stage
from tests.guarantees.test_ledger import TAMPERING, _hex, _without_triggers
from tests.postgres import Urls
from tests.world import World, make_vault

ROOT = Path(__file__).parents[2]
_E, _H = table_of(LedgerEntry), table_of(LedgerHead)
_T, _C = table_of(LedgerTile), table_of(LedgerCheckpoint)


def write(world: World, count: int, agency: str = "Harbor") -> None:
    """So many more entries."""
    for _ in range(count):
        world.system(lambda db: db.note(Action.AUDIT_READ, "ledger_entries", []), agency)


def fill(world: World, urls: Urls, upto: int, agency: str = "Harbor") -> None:
    """Entries up to a size, through the log's own append, many in a transaction."""

    def some(db: Workspace) -> None:
        for _ in range(min(100, upto - book.head(db).size)):
            db._facts.clear()
            db.note(Action.AUDIT_READ, "ledger_entries", [])
            book.append(db, db._entry(None), db._facts[0])
        db._facts.clear()

    while world.system(lambda db: book.head(db).size, agency) < upto:
        world.system(some, agency)


def within(world: World, agency: str = "Harbor") -> Callable[[Callable[[Workspace], Any]], Any]:
    """Units inside an agency, as the command line runs them."""
    return partial(world.system, agency=agency)


def exported(world: World, folder: Path, agency: str = "Harbor") -> Path:
    """An export of a log."""
    export(within(world, agency), world.agency_id(agency), folder)
    return folder


def looked(folder: Path, *kept: Path, keys: tuple[Key, ...] = (), state: bool = False) -> offline.Findings:
    """What the offline verification finds."""
    (audit,) = offline.verify_folders(folder, kept, keys, state=state)
    return audit.found


def rewritten(
    world: World, urls: Urls, change: Callable[[list[bytes]], list[bytes]], vault: Vault | None = None
) -> None:
    """What a superuser can do: other entries, with head, subtree hashes and checkpoints that fit them. `vault`: signed
    with another key; else with the stolen one."""
    mine, notary = world.agency_id(), (vault or world.database.vault).notary
    with behind(urls.superuser) as connection:
        _without_triggers(connection)
        where = _E.c.agency_id == mine
        rows = connection.execute(sa.select(_E).where(where).order_by(_E.c.seq)).all()
        stored = change([bytes(row.entry) for row in rows])
        for table in (_E, _T, _C):
            connection.execute(sa.delete(table).where(table.c.agency_id == mine))
        frontier, now = b"", datetime.now(UTC)
        for seq, entry in enumerate(stored):
            leaf = merkle.leaf_hash(entry)
            if seq % 256 == 255:
                connection.execute(
                    sa.insert(_T).values(agency_id=mine, number=seq // 256, hash=merkle.tile(frontier, leaf))
                )
            frontier = merkle.push(frontier, seq, leaf)
            known = rows[min(seq, len(rows) - 1)]._asdict() | {"seq": seq, "entry": entry}
            connection.execute(sa.insert(_E).values(**known))
        note = notary.sign(mine, len(stored), merkle.root(frontier))
        kid = Note.read(note).signatures[-1][1]
        connection.execute(sa.insert(_C).values(agency_id=mine, size=len(stored), kid=kid, note=note, at=now))
        connection.execute(sa.update(_H).where(_H.c.agency_id == mine).values(size=len(stored), frontier=frontier))


def changed(seq: int) -> Callable[[list[bytes]], list[bytes]]:
    """Another action in one entry."""

    def change(entries: list[bytes]) -> list[bytes]:
        entries[seq] = book.canonical(orjson.loads(entries[seq]) | {"action": "client.created"})
        return entries

    return change


@pytest.fixture
def note(world: World, tmp_path: Path) -> Path:
    """A checkpoint kept outside."""
    world.client()
    file = tmp_path / "kept.txt"
    file.write_text(world.system(checkpoint.sign))
    return file


class TestNotes:
    def test_has_the_form_the_standard_says(self, world: World) -> None:
        """Origin, size, root; one line signed by an Ed25519 key whose id is that of the standard's formula."""
        text = world.system(checkpoint.sign)
        head, harbor = world.system(book.head), world.agency_id()
        origin = f"waypost.example/audit/{harbor}"
        body = f"{origin}\n{head.size}\n{base64.b64encode(merkle.root(head.frontier)).decode()}\n"
        assert text.startswith(f"{body}\n\u2014 {origin} ")
        (key,) = world.database.vault.notary.keys(harbor)
        encoded = base64.b64encode(b"\x01" + key.public).decode()
        assert str(key) == f"{origin}+{key.id.hex()}+{encoded}"
        assert Key.read(str(key)) == key
        assert Note.read(text).signers([key]) == [key]
        assert str(Note.read(text)) == text

    def test_the_standards_own_example_verifies(self) -> None:
        """A note and key made by others (golang.org/x/mod/sumdb/note's documentation)."""
        key = Key.read("PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW")
        text = "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n"
        line = (
            "PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM="
        )
        signature = base64.b64decode(line.split()[1])
        assert signature[:4] == key.id
        assert key.signed(text, signature[4:])
        assert not key.signed(text + "x", signature[4:])

    @pytest.mark.parametrize(
        "damage",
        [
            lambda n: n.replace("\n\n", "\n"),
            lambda n: n + "x",
            lambda n: n.replace("\u2014", "-"),
            lambda n: n.replace("waypost.example", "", 1).replace("/audit", "\n/audit", 1),
            lambda n: "",
            lambda n: n.split("\n\n")[0] + "\n\n",
            lambda n: n.replace("\n", "\r\n"),
            lambda n: n.replace("=\n\n", "\n\n"),
        ],
    )
    def test_nothing_else_is_a_note(self, world: World, damage: Callable[[str], str]) -> None:
        """Read strictly, refused with one kind of error."""
        with pytest.raises(ValueError):
            Note.read(damage(world.system(checkpoint.sign)))

    def test_files_of_sinks_are_read_back(self, world: World) -> None:
        """Notes one after the other, or JSON strings line by line."""
        notes = [world.system(checkpoint.sign, agency) for agency in ("Harbor", "Lighthouse", "Harbor")]
        assert [*map(str, offline.notes_in("".join(n + "\n" for n in notes)))] == notes
        assert [*map(str, offline.notes_in("".join(json.dumps(n) + "\n" for n in notes)))] == notes
        assert offline.notes_in("") == []

    def test_its_file_is_private_and_never_written_over(self, tmp_path: Path) -> None:
        """0600; a second one is refused; what others can read is refused."""
        notary = Notary.create(tmp_path / "checkpoint.json", "waypost.example")
        assert stat.S_IMODE(notary.path.stat().st_mode) == 0o600
        with pytest.raises(Exception, match="is there already"):
            Notary.create(notary.path, "waypost.example")
        notary.path.chmod(0o644)
        with pytest.raises(Exception, match="can be read by others"):
            Notary(notary.path)


class TestTiles:
    def test_are_written_with_the_entry_that_completes_them(self, world: World, urls: Urls) -> None:
        """For 700 entries two, each the root over its run."""
        fill(world, urls, 700)
        entries = [stored for _, stored in world.system(lambda db: list(book.entries(db)))]
        stored = world.system(lambda db: anchors.tiles(db, 99))
        assert stored == {n: merkle.root(merkle.frontier_of(entries[256 * n : 256 * n + 256])[1]) for n in (0, 1)}
        assert not world.system(book.verify).faults

    def test_proofs_lead_to_the_root_for_every_kind_of_place(self, world: World, urls: Urls) -> None:
        """First, last, inside a complete run and behind the last one; in logs of one run, of whole runs, of more."""
        for size in (40, 256, 257, 512, 700):
            fill(world, urls, size)
            keys = world.database.vault.notary.keys(world.agency_id())
            entries = [stored for _, stored in world.system(lambda db: list(book.entries(db)))]
            for seq in sorted({0, 1, 255, 256, 300, 511, 512, len(entries) // 2, len(entries) - 1}):
                if seq < len(entries):
                    proof = world.system(lambda db, seq=seq: checkpoint.prove(db, seq))
                    entries.append(world.system(lambda db: list(book.entries(db, book.head(db).size - 1)))[0][1])
                    assert offline.check_proof(proof, entries[seq], keys) is None, (size, seq)
                    assert offline.check_proof(proof, entries[seq] + b" ", keys) == "the entry is another one"
                    other = world.database.vault.notary.keys(world.agency_id("Lighthouse"))
                    assert "another log" in str(offline.check_proof(proof, entries[seq], other))

    def test_damaged_hashes_prove_nothing(self, world: World, urls: Urls) -> None:
        """A subtree hash that does not fit: no proof, and verification names it."""
        fill(world, urls, 600)
        with behind(urls.superuser) as connection:
            _without_triggers(connection)
            connection.execute(sa.update(_T).where(_T.c.number == 1).values(hash=b"x" * 32))
        with pytest.raises(Exception, match="sealed-data-damaged"):
            world.system(lambda db: checkpoint.prove(db, 3))
        assert "stored subtree hash 1 is not that of its entries" in world.system(book.verify).faults

    def test_the_migration_makes_them_for_what_is_there(self, world: World, urls: Urls) -> None:
        """A log that is older than checkpoints gets every subtree hash; going back leaves the log as it was."""
        fill(world, urls, 600)
        before = world.system(lambda db: anchors.tiles(db, 99))
        engine = make_engine(urls.owner)
        migrations.downgrade(engine, "0001")
        migrations.upgrade(engine)
        engine.dispose()
        assert world.system(lambda db: anchors.tiles(db, 99)) == before
        assert len(before) == 2
        fill(world, urls, 800)
        assert not world.system(book.verify).faults


def test_attack_43_tiles_and_checkpoints_are_append_only_too(world: World, urls: Urls) -> None:
    """Changed, taken away, put in early, late, twice or beyond the log: refused for the service and for the owner."""
    fill(world, urls, 300)
    world.system(checkpoint.sign_and_keep)
    mine, embedded = _hex(world.agency_id(), world.database.engine.dialect.name), urls.app.startswith("sqlite")
    tile = "insert {} into ledger_tiles (agency_id, number, hash) values ({}, {}, 'x')"
    beyond = "insert {} into ledger_checkpoints select agency_id, {}, kid, note, at from ledger_checkpoints"
    statements = [
        f"update ledger_tiles set hash = 'x' where agency_id = {mine}",
        f"delete from ledger_tiles where agency_id = {mine}",
        f"update ledger_checkpoints set note = 'x' where agency_id = {mine}",
        f"delete from ledger_checkpoints where agency_id = {mine}",
        *(tile.format("", mine, number) for number in (0, 1, 2, -1)),
        beyond.format("", "size + 1000000"),
        f"{beyond.format('', 'size')} where agency_id = {mine}",
    ]
    if embedded:
        statements += [tile.format("or replace", mine, 0), beyond.format("or replace", "size")]
    else:
        statements += ["truncate ledger_tiles", "truncate ledger_checkpoints"]
    for url in {urls.app, urls.owner}:
        for statement in statements:
            with pytest.raises(sa.exc.DBAPIError), behind(url) as connection:
                if not embedded:
                    connection.exec_driver_sql(f"select set_config('app.agency_id', '{world.agency_id()}', true)")
                connection.exec_driver_sql(statement)
                pytest.fail(f"let through: {statement}")
    assert not world.system(book.verify).faults


class TestFoundByWhoeverSwitchesTheTriggersOff:
    def test_attack_44_an_edited_entry_names_the_first_checkpoint_that_breaks(
        self, world: World, urls: Urls, tmp_path: Path
    ) -> None:
        """Online and offline alike, and the run of entries among which it happened."""
        sizes = []
        for _ in range(4):
            write(world, 5)
            sizes.append(Note.read(world.system(checkpoint.sign_and_keep)).size)
        seq = sizes[1] + 1
        with behind(urls.superuser) as connection:
            _without_triggers(connection)
            mine = (_E.c.agency_id == world.agency_id(), _E.c.seq == seq)
            stored = connection.execute(sa.select(_E.c.entry).where(*mine)).scalar_one()
            other = book.canonical(orjson.loads(stored) | {"action": "client.created"})
            connection.execute(sa.update(_E).where(*mine).values(entry=other))
        said = f"checkpoint of {sizes[2]} entries: its root is not that of the entries; it is the first that breaks"
        between = f"among entries {sizes[1]} to {sizes[2] - 1}"
        for faults in (world.system(book.verify).faults, looked(exported(world, tmp_path / "out")).faults):
            (found,) = [fault for fault in faults if fault.startswith("checkpoint of")]
            assert found.startswith(said)
            assert between in found

    @pytest.mark.parametrize("how", [name for name in TAMPERING if name.startswith("45")])
    def test_attack_45_deleted_renumbered_or_swapped(self, world: World, urls: Urls, tmp_path: Path, how: str) -> None:
        """The export of such a log is found out too."""
        write(world, 8)
        world.system(checkpoint.sign_and_keep)
        with behind(urls.superuser) as connection:
            _without_triggers(connection)
            TAMPERING[how](connection, _E.c.agency_id == world.agency_id())
            if how.endswith("middle"):  # and the later ones moved down
                where = (_E.c.agency_id == world.agency_id(), _E.c.seq > 3)
                for seq in connection.execute(sa.select(_E.c.seq).where(*where).order_by(_E.c.seq)).scalars().all():
                    connection.execute(
                        sa.update(_E).where(_E.c.agency_id == world.agency_id(), _E.c.seq == seq).values(seq=seq - 1)
                    )
        assert world.system(book.verify).faults
        assert looked(exported(world, tmp_path / "out")).faults

    def test_attack_46_cut_back_to_an_older_checkpoint(
        self, world: World, urls: Urls, note: Path, tmp_path: Path
    ) -> None:
        """With nothing kept outside it is not found, as the docs say; with a kept note it is, online and offline."""
        size = Note.read(note.read_text()).size
        rewritten(world, urls, lambda entries: entries[: size - 2])
        assert not world.system(book.verify).faults
        folder = exported(world, tmp_path / "out")
        assert not looked(folder).faults
        # the export is itself an entry and may have brought the log back to that size: a cut is then another history
        assert any("kept note" in fault for fault in looked(folder, note).faults)
        kept = [("kept.txt", Note.read(note.read_text()))]
        assert any("kept note kept.txt" in fault for fault in world.system(lambda db: book.verify(db, kept)).faults)

    def test_attack_47_rewritten_with_another_key(self, world: World, urls: Urls, note: Path, tmp_path: Path) -> None:
        """Its checkpoints are signed by nobody who is believed."""
        (tmp_path / "mallory").mkdir()
        mallory = make_vault(tmp_path / "mallory")
        keys = tuple(world.database.vault.notary.keys(world.agency_id()))
        rewritten(world, urls, changed(2), mallory)
        assert any("no key that is believed" in fault for fault in world.system(book.verify).faults)
        folder = exported(world, tmp_path / "out")
        theirs = mallory.notary
        (folder / "checkpoints.txt").write_text(theirs.sign(world.agency_id(), *_size_and_root(folder)))
        (folder / "keys.json").write_text(
            json.dumps({"keys": [str(k) for k in theirs.keys(world.agency_id())], "changes": []})
        )
        assert not looked(folder).faults, "an export is consistent with its own key: that is what --key is for"
        assert looked(folder, keys=keys).faults
        assert any("no key that is believed" in fault for fault in looked(folder, note).faults)

    def test_attack_47_rewritten_with_the_stolen_key(
        self, world: World, urls: Urls, note: Path, tmp_path: Path
    ) -> None:
        """Everything fits and everything is signed; a note kept outside convicts it."""
        rewritten(world, urls, changed(2))
        assert not world.system(book.verify).faults
        folder = exported(world, tmp_path / "out")
        keys = tuple(world.database.vault.notary.keys(world.agency_id()))
        assert not looked(folder, keys=keys).faults
        faults = looked(folder, note, keys=keys).faults
        assert any(f.startswith("kept note kept.txt") and f.endswith("another history") for f in faults)

    def test_attack_48_a_checkpoint_of_another_log(self, world: World, tmp_path: Path) -> None:
        """Of another agency, or of another host: refused by its name, and not counted as kept."""
        world.client()
        folder = exported(world, tmp_path / "out")
        (tmp_path / "elsewhere").mkdir()
        notary = Notary.create(tmp_path / "elsewhere" / "checkpoint.json", "other.example")
        head = world.system(book.head)
        foreign = {
            "agency": world.system(checkpoint.sign, "Lighthouse"),
            "host": notary.sign(world.agency_id(), head.size, merkle.root(head.frontier)),
        }
        for name, text in foreign.items():
            file = tmp_path / f"{name}.txt"
            file.write_text(text)
            (found,) = looked(folder, file).faults
            assert "refused, it is of another log" in found
            (online,) = world.system(lambda db, text=text: book.verify(db, [("kept", Note.read(text))])).faults
            assert "refused, it is of another log" in online

    def test_attack_49_a_split_view(self, world: World, urls: Urls, note: Path, tmp_path: Path) -> None:
        """Two parties hold notes of one size with different roots, both well signed: together they show it."""
        size = Note.read(note.read_text()).size
        rewritten(world, urls, changed(1))
        second = tmp_path / "second.txt"
        head = world.system(lambda db: merkle.frontier_of(e for s, e in book.entries(db) if s < size)[1])
        second.write_text(world.database.vault.notary.sign(world.agency_id(), size, merkle.root(head)))
        faults = looked(exported(world, tmp_path / "out"), note, second).faults
        assert f"split view: there are notes of {size} entries with different roots" in faults
        assert any(fault.startswith("kept note kept.txt") for fault in faults)

    def test_attack_53_a_clock_set_back_is_a_remark(self, world: World, tmp_path: Path) -> None:
        """The entry is kept and nothing is a fault."""
        write(world, 2)
        with time_machine.travel(datetime.now(UTC) - timedelta(hours=3)):
            write(world, 1)
        verdict = world.system(book.verify)
        assert not verdict.faults
        assert any("the clock went back" in remark for remark in verdict.remarks)
        found = looked(exported(world, tmp_path / "out"))
        assert not found.faults
        assert any("the clock went back" in remark for remark in found.remarks)


def _size_and_root(folder: Path) -> tuple[int, bytes]:
    size, frontier = merkle.frontier_of((folder / "entries.jsonl").read_bytes().splitlines())
    return size, merkle.root(frontier)


class TestState:
    """Rows changed behind the application's back, named with table, id and kind, without any key."""

    def found(self, world: World, folder: Path) -> list[str]:
        """The same online and offline."""
        online = list(world.system(lambda db: book.verify(db, state=True)).faults)
        assert looked(exported(world, folder), state=True).faults == online
        return online

    def test_attack_57_edited_inserted_deleted(self, world: World, urls: Urls, tmp_path: Path) -> None:
        """Each kind by its name; rows nobody touched are not named."""
        clients = table_of(Client)
        one, two, three, four = (world.client() for _ in range(4))
        world.plan(four)
        assert not self.found(world, tmp_path / "before")
        new = uuid4()
        with behind(urls.superuser) as connection:
            cell = sa.select(clients.c.alias_sealed).where(clients.c.id == two).scalar_subquery()
            connection.execute(sa.update(clients).where(clients.c.id == one).values(legal_name_sealed=cell))
            row = connection.execute(sa.select(clients).where(clients.c.id == two)).one()._asdict()
            connection.execute(sa.insert(clients).values(**row | {"id": new}))
            assignments = clients.metadata.tables["assignments"]
            hers = assignments.c.client_id == three
            given = connection.execute(sa.select(assignments.c.id).where(hers)).scalar_one()
            connection.execute(sa.delete(assignments).where(hers))
            connection.execute(sa.delete(clients).where(clients.c.id == three))
        assert sorted(self.found(world, tmp_path / "after")) == sorted(
            [
                f"assignments.grants {given}: deleted",
                f"clients {one}: edited",
                f"clients {new}: inserted",
                f"clients {three}: deleted",
            ]
        )

    def test_attack_7_a_whole_older_row_put_back(self, world: World, urls: Urls, tmp_path: Path) -> None:
        """It opens, for it was once true; the ledger says from which entry it is."""
        clients, one = table_of(Client), world.client()
        made = len(world.entries()) - 1
        with behind(urls.superuser) as connection:
            older = connection.execute(sa.select(clients).where(clients.c.id == one)).one()._asdict()

        def rename(db: Workspace) -> None:
            row = db.claim(Client, one)
            row.alias = "Robin"
            db.record(Action.CLIENT_UPDATED, row)

        world.run("ana", Permission.CLIENT_UPDATE, rename)
        with behind(urls.superuser) as connection:
            connection.execute(sa.update(clients).where(clients.c.id == one).values(**older))
        assert world.run("ana", Permission.CLIENT_READ, lambda db: db.find(Client, one).alias) == "Wren"
        assert self.found(world, tmp_path / "out") == [f"clients {one}: rolled back to entry {made}"]

    def test_a_deleted_row_put_back(self, world: World, urls: Urls, tmp_path: Path) -> None:
        """What was taken away stays away, or is named."""
        one, table = world.client(), table_of(ExternalId)
        give = lambda pairs: lambda db: ExternalId.replace(db, one, pairs)  # noqa: E731
        world.run("ana", Permission.CLIENT_UPDATE, give([("casebook", "C-1")]))
        made = len(world.entries()) - 1
        with behind(urls.superuser) as connection:
            row = connection.execute(sa.select(table)).one()._asdict()
        world.run("ana", Permission.CLIENT_UPDATE, give([]))
        with behind(urls.superuser) as connection:
            connection.execute(sa.insert(table).values(**row))
        assert self.found(world, tmp_path / "out") == [f"external_ids {row['id']}: rolled back to entry {made}"]

    def test_cells_taken_away_are_an_edit(self, world: World, urls: Urls, tmp_path: Path) -> None:
        """A row made to look as if it had never been sealed."""
        plan, items = world.plan(world.client(), sections=["home"]), table_of(ChecklistItem)
        one = world.run("ana", Permission.PLAN_UPDATE, lambda db: _own_item(db, plan))
        bare = {"text_sealed": None, "detail_sealed": None, "seal_rev": 0}
        with behind(urls.superuser) as connection:
            connection.execute(sa.update(items).where(items.c.id == one).values(**bare))
        assert self.found(world, tmp_path / "out") == [f"checklist_items {one}: edited"]

    def test_rows_deleted_on_the_fast_lane_are_told(self, world: World, tmp_path: Path) -> None:
        """A DELETE of sealed rows leaves their end in the entry by itself."""
        plan = world.plan(world.client(), sections=["home"])
        table = table_of(ChecklistItem)
        own = world.run(
            "ana",
            Permission.PLAN_UPDATE,
            lambda db: _own_item(db, plan),
        )
        end = Change(
            sa.delete(table).where(table.c.plan_id == sa.bindparam("plan_id", required=True, type_=table.c.id.type))
        )

        def drop(db: Workspace) -> int:
            db.note(Action.CHECKLIST_ITEM_REMOVED, "checklist_items", [])
            return db.change(end, plan_id=plan)

        assert world.run("ana", Permission.PLAN_UPDATE, drop) > 1
        assert world.entries()[-1]["rows"] == [{"t": "checklist_items", "id": str(own), "rev": 1, "digest": None}]
        assert not self.found(world, tmp_path / "out")

    def test_every_operation_leaves_the_rows_as_the_ledger_says(self, api: Any, tmp_path: Path) -> None:
        """Whatever the service does to a sealed row, on either lane, its digest is in an entry."""
        for operation in operations(api.client.app):
            scene = stage(api)
            scene.prepare(operation)
            scene.send(operation, doer(operation))
            api._tokens.clear()
        for agency in ("Harbor", "Lighthouse"):
            assert not api.world.system(lambda db: book.verify(db, state=True), agency).faults

    def test_what_changes_meanwhile_is_no_fault(self, world: World) -> None:
        """Rows are read while people write: whatever they held between the two looks at the log is right."""
        stop, errors = threading.Event(), []

        def write_on() -> None:
            while not stop.is_set():
                try:
                    world.client()
                except Exception as error:  # noqa: BLE001 - told to the test
                    errors.append(error)

        thread = threading.Thread(target=write_on)
        thread.start()
        try:
            for _ in range(5):
                verdict = book.verified(within(world), world.agency_id(), state=True)
                assert not verdict.faults
        finally:
            stop.set()
            thread.join()
        assert not errors


def _own_item(db: Workspace, plan_id: UUID) -> UUID:
    from models.checklist import ItemKind, sections_of
    from models.plan import Plan

    plan = Plan.claim_of(db, plan_id)
    section = sections_of(db, plan_id, plan.client_id)[0].id
    return plan.add_item(db, section, ItemKind.ACTION, "Two knocks").id


class TestKeyChange:
    def rotate(self, world: World) -> None:
        """As the command does it."""
        notary = world.database.vault.notary
        notary.begin_change()
        sizes = {}
        for agency in ("Harbor", "Lighthouse"):
            world.system(checkpoint.rotate_key, agency)
            sizes[str(world.agency_id(agency))] = Note.read(world.system(checkpoint.sign_and_keep, agency)).size
        notary.end_change(sizes)

    @pytest.fixture
    def own(self, world: World, tmp_path: Path) -> World:
        """With a checkpoint key of this test's own."""
        notary = Notary.create(tmp_path / "own" / "checkpoint.json", "waypost.example")
        vault = world.database.vault
        before, vault._notary = vault._notary, notary
        yield world
        vault._notary = before

    def test_a_note_of_both_keys_hands_over(self, own: World, tmp_path: Path) -> None:
        """Twice; the old verifier key alone is enough to believe the newest note, and so is the newest."""
        keys = [own.database.vault.notary.keys(own.agency_id())[-1]]
        own.system(checkpoint.sign_and_keep)
        for _ in range(2):
            self.rotate(own)
            keys.append(own.database.vault.notary.keys(own.agency_id())[-1])
            write(own, 3)
            own.system(checkpoint.sign_and_keep)
        assert own.database.vault.notary.keys(own.agency_id()) == keys
        assert len(set(keys)) == 3
        assert not own.system(book.verify).faults
        folder = exported(own, tmp_path / "out")
        for given in (keys[:1], keys[1:2], keys[2:]):
            assert not looked(folder, keys=tuple(given)).faults
        assert {e["action"] for e in own.entries()} >= {"checkpoint_key.rotated"}

    def test_without_such_a_note_a_new_key_is_not_believed(self, own: World, tmp_path: Path) -> None:
        """Else whoever writes the export could name any key."""
        old = own.database.vault.notary.keys(own.agency_id())[0]
        self.rotate(own)
        folder = exported(own, tmp_path / "out")
        held = json.loads((folder / "keys.json").read_text())
        (folder / "keys.json").write_text(json.dumps(held | {"changes": []}))
        notes = [n for n in offline.notes_in((folder / "checkpoints.txt").read_text()) if len(n.signatures) == 1]
        (folder / "checkpoints.txt").write_text("\n".join(map(str, notes)))
        assert any("no checkpoint was signed by it together" in f for f in looked(folder, keys=(old,)).faults)

    def test_the_old_key_counts_no_further_than_the_change(self, own: World, tmp_path: Path) -> None:
        """Stolen later, it signs nothing new."""
        path = own.database.vault.notary.path
        stolen = tmp_path / "stolen" / "checkpoint.json"
        stolen.parent.mkdir(mode=0o700)
        stolen.write_bytes(path.read_bytes())
        stolen.chmod(0o600)
        self.rotate(own)
        write(own, 3)
        head = own.system(book.head)
        late = Notary(stolen).sign(own.agency_id(), head.size, merkle.root(head.frontier))
        folder = exported(own, tmp_path / "out")
        file = tmp_path / "late.txt"
        file.write_text(late)
        assert looked(folder, file).faults == [
            f"kept note late.txt ({head.size} entries): refused, signed by a key that had been replaced"
        ]
        assert "secret" in json.loads(path.read_text())
        assert Notary(stolen)._held.signing[0].private_bytes_raw() not in path.read_bytes()

    def test_every_process_follows_at_once(self, own: World) -> None:
        """Another process that had opened the file signs with both keys during the change, with the new one after."""
        here = own.database.vault.notary
        there, harbor = Notary(here.path), own.agency_id()
        count = lambda: len(Note.read(there.sign(harbor, 1, b"r" * 32)).signatures)  # noqa: E731
        assert count() == 1
        here.begin_change()
        assert (count(), there.changing) == (2, True)
        here.begin_change()
        here.end_change({str(harbor): 1})
        assert (count(), there.changing) == (1, False)
        assert there.keys(harbor) == here.keys(harbor)
        assert len(there.keys(harbor)) == 2
        here.end_change({})  # nothing is being changed: nothing happens
        assert there.keys(harbor) == here.keys(harbor)


class TestExport:
    def test_attack_67_private_whole_and_an_entry(self, world: World, tmp_path: Path) -> None:
        """0700 and 0600 under any umask, no other file, and an entry with what was taken and its hash."""
        world.plan(world.client())
        before, mask = len(world.entries()), os.umask(0)
        try:
            folder = exported(world, tmp_path / "out")
        finally:
            os.umask(mask)
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        assert sorted(p.name for p in folder.iterdir()) == sorted(FILES)
        assert {stat.S_IMODE(p.stat().st_mode) for p in folder.iterdir()} == {0o600}
        assert sorted(p.name for p in tmp_path.iterdir() if p.name.startswith(("out", "."))) == ["out"]
        entry = world.entries()[-1]
        raw = (folder / "entries.jsonl").read_bytes()
        assert entry["action"] == "audit.exported"
        counts = entry["object"]["counts"]
        assert counts["sha256"] == _sha(raw)
        assert counts["entries"] == raw.count(b"\n") == before
        assert counts["rows"] == (folder / "rows.jsonl").read_bytes().count(b"\n")

    def test_what_fails_leaves_nothing(self, world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """Half an export is none."""
        monkeypatch.setattr(anchors, "notes", lambda db: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            exported(world, tmp_path / "out")
        assert not (tmp_path / "out").exists()
        assert world.entries()[-1]["action"] != "audit.exported"

    def test_holds_no_word_and_needs_no_key(self, world: World, tmp_path: Path) -> None:
        """Digests of ciphertext, ids and hashes."""
        world.client(alias="Wren-canary")
        folder = exported(world, tmp_path / "out")
        for file in folder.iterdir():
            assert b"canary" not in file.read_bytes()


def _sha(raw: bytes) -> str:
    from hashlib import sha256

    return sha256(raw).hexdigest()


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Python that sees its standard library and `cryptography`, and nothing else."""
    import cffi
    import cryptography

    folder = tmp_path_factory.mktemp("bare")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True, timeout=60)
    (packages,) = folder.glob("lib/python*/site-packages")
    source = Path(cryptography.__file__).parents[1]
    for name in ("cryptography", "cffi", Path(__import__("_cffi_backend").__file__).name):
        (packages / name).symlink_to(source / name)
    assert cffi
    return folder / "bin" / "python"


class TestBarePython:
    def run(self, bare: Path, *words: object) -> subprocess.CompletedProcess[str]:
        """The one file, in isolation."""
        file = ROOT / "models" / "ledger" / "offline.py"
        return subprocess.run(
            [bare, "-I", file, *map(str, words)], capture_output=True, text=True, timeout=60, check=False, cwd="/"
        )

    def test_nothing_but_cryptography_is_there(self, bare: Path) -> None:
        """Else the tests below show nothing."""
        code = "import importlib.util as u; print([m for m in ('orjson','sqlalchemy','pydantic','models','api') if u.find_spec(m)])"
        ran = subprocess.run([bare, "-I", "-c", code], capture_output=True, text=True, check=True, timeout=60)
        assert ran.stdout == "[]\n"

    def test_verifies_and_finds(self, bare: Path, world: World, urls: Urls, note: Path, tmp_path: Path) -> None:
        """0 for a sound export, 1 with the finding, 2 for what is no export."""
        folder = exported(world, tmp_path / "out")
        key = world.database.vault.notary.keys(world.agency_id())[0]
        good = self.run(bare, folder, "--kept", note, "--key", key, "--state")
        assert (good.returncode, good.stderr) == (0, ""), good
        assert "entries, sound (root" in good.stdout
        rows = folder / "rows.jsonl"
        rows.write_bytes(rows.read_bytes().split(b"\n", 1)[1])
        found = self.run(bare, folder, "--state")
        assert found.returncode == 1
        assert ": deleted" in found.stdout
        entries = folder / "entries.jsonl"
        entries.write_bytes(entries.read_bytes().replace(b'"client.created"', b'"client.updated"'))
        found = self.run(bare, folder)
        assert found.returncode == 1
        assert "the first that breaks" in found.stdout
        for words in ((tmp_path / "nowhere",), (), (folder, "--kept", tmp_path / "none"), (folder, "--key", "x")):
            ran = self.run(bare, *words)
            assert ran.returncode == 2, ran
            assert "Traceback" not in ran.stderr

    def test_checks_one_proof(self, bare: Path, world: World, tmp_path: Path) -> None:
        """The entry as the API shows it, in any spelling of the same JSON."""
        world.client()
        key = world.database.vault.notary.keys(world.agency_id())[0]
        proof, entry = tmp_path / "p.tlog-proof", tmp_path / "e.json"
        proof.write_text(world.system(lambda db: checkpoint.prove(db, 1)))
        entry.write_text(json.dumps(world.entries()[1], indent=2))
        assert self.run(bare, "--proof", proof, "--entry", entry, "--key", key).returncode == 0
        entry.write_text(json.dumps(world.entries()[2]))
        assert self.run(bare, "--proof", proof, "--entry", entry, "--key", key).returncode == 1

    @pytest.mark.parametrize("name", FILES)
    def test_no_file_that_was_tampered_with_makes_it_stumble(
        self, world: World, tmp_path: Path, name: str, kind: str
    ) -> None:
        """Missing, cut, foreign bytes, other JSON: a finding or a refusal, never a crash."""
        if kind == "postgresql":
            return  # files are files
        world.client()
        folder = exported(world, tmp_path / "out")
        whole, dice = (folder / name).read_bytes(), random.Random(7)
        junk = [
            b"",
            b"\xff\xfe",
            b"[]",
            b"{}",
            b'{"a":NaN}',
            b"[" * 5000,
            b'"\\ud800"',
            whole[: len(whole) // 2],
            whole + b"x",
        ]
        for _ in range(150):
            spot = dice.randrange(len(whole))
            junk.append(whole[:spot] + bytes([dice.randrange(256)]) + whole[spot + 1 :])
        for raw in junk:
            (folder / name).write_bytes(raw)
            try:
                looked(folder, state=True)
            except offline.Unusable:
                pass


WRITER = """
import sys
from uuid import UUID
from models.access import Actor
from models.database import Database
from models.ledger.action import Action
from pathlib import Path
from models.vault.keys import Vault
from models.vault.notes import Notary
from models.vault.roots import RootKeys
from models.vault.service import ServiceKeys
url, agency, keys, count = sys.argv[1], UUID(sys.argv[2]), Path(sys.argv[3]), int(sys.argv[4])
vault = Vault(RootKeys(keys / "root.json"), ServiceKeys(keys / "service.json"), notary=Notary(keys / "checkpoint.json"))
database = Database(url, vault, 1)
print("ready", flush=True)
done = 0
while done < count:
    try:
        database.transact(Actor.system(agency), lambda db: db.note(Action.AUDIT_READ, "ledger_entries", []))
        done += 1
        sys.stdout.write(".")
        sys.stdout.flush()
    except Exception as error:
        if type(error).__name__ != "Unavailable":
            raise
"""


@pytest.mark.timeout(280)
def test_attack_52_eight_writers_and_kills(world: World, urls: Urls, vault: Vault, kind: str) -> None:
    """8 processes × 500 appends to one log, six of them killed with -9 on the way and replaced: no gap, no entry that was
    acknowledged is missing, and root and subtree hashes are those recomputed from the entries."""
    dice, before = random.Random(52), len(world.entries())
    keys, each = vault.root.path.parent, 500 if kind == "postgresql" else 150
    command = [sys.executable, "-c", WRITER, urls.app, str(world.agency_id()), str(keys)]
    told: list[int] = []

    def start(count: int) -> subprocess.Popen[bytes]:
        return subprocess.Popen([*command, str(count)], cwd=ROOT, stdout=subprocess.PIPE, bufsize=0)

    with ExitStack() as stack:
        writers = [stack.enter_context(start(each)) for _ in range(8)]
        for writer in writers:
            assert writer.stdout
            assert writer.stdout.readline() == b"ready\n"
        for number in dice.sample(range(8), 6):
            time.sleep(dice.uniform(0.05, 0.4))
            writers[number].send_signal(signal.SIGKILL)
            said = len(writers[number].communicate(timeout=60)[0])
            told.append(said)
            writers[number] = stack.enter_context(start(each - said))
        for writer in writers:
            said = writer.communicate(timeout=240)[0].removeprefix(b"ready\n")
            told.append(len(said))
            assert writer.returncode == 0
    entries = world.entries()
    assert sum(told) == 8 * each
    assert [e["seq"] for e in entries] == list(range(len(entries)))
    assert before + 8 * each <= len(entries) <= before + 8 * each + 6  # a killed one may not have told its last
    stored = [stored for _, stored in world.system(lambda db: list(book.entries(db)))]
    size, frontier = merkle.frontier_of(stored)
    head = world.system(book.head)
    assert (head.size, head.frontier) == (size, frontier)
    roots = {n: merkle.root(merkle.frontier_of(stored[256 * n : 256 * n + 256])[1]) for n in range(size // 256)}
    assert world.system(lambda db: anchors.tiles(db, 10**6)) == roots
    assert not world.system(book.verify).faults


def test_attack_52_eight_writers_on_the_lane(world: World, kind: str) -> None:
    """The same within one process, as SQLite is served."""
    if kind == "postgresql":
        return
    import asyncio

    from api.lane import Lane
    from models.database import Unit

    before = len(world.entries())
    lane = Lane(world.database, 1, 10_000)

    def note(db: Workspace) -> None:
        db.become(Actor.system(db.agency_id))
        db.note(Action.AUDIT_READ, "ledger_entries", [])

    async def writer() -> None:
        for _ in range(500):
            await lane.run(Unit(world.agency_id(), note))

    async def all_of_them() -> None:
        await asyncio.gather(*(writer() for _ in range(8)))

    asyncio.run(all_of_them())
    lane.close()
    verdict = world.system(book.verify)
    assert (verdict.size, verdict.faults) == (before + 4000, ())


def test_the_platforms_log_has_checkpoints_too(world: World) -> None:
    """Agency zero is a log like the others."""
    note = Note.read(world.database.transact(Actor.system(PLATFORM), checkpoint.sign))
    assert note.origin == f"waypost.example/audit/{PLATFORM}"


def _many(count: int, agency: UUID) -> Iterator[bytes]:
    who = {"kind": "person", "id": str(uuid4()), "role": "advocate", "session": str(uuid4()), "auth": "password"}
    for seq in range(count):
        one = str(UUID(int=seq))
        yield book.canonical(
            {
                "v": 1,
                "seq": seq,
                "agency": str(agency),
                "at": "2027-01-04T14:30:00.000000Z",
                "req": "6f1c2b9e0d4a4a5f",
                "who": who,
                "where": {"ip": "192.0.2.7", "agent": "browser"},
                "action": "plan.read",
                "object": {"t": "plans", "count": 1, "ids": [one]},
                "client": one,
                "outcome": "ok",
                "code": None,
                "opened": [{"t": "plans", "count": 1, "ids": [one], "fields": ["facts"]}],
            }
        )
