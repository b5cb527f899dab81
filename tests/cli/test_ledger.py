"""The ledger's verbs as operators meet them."""

import json
import shutil
from pathlib import Path
from uuid import uuid4

import pytest
import sqlalchemy as sa

from models.base import table_of
from models.ledger import checkpoint
from models.ledger.book import LedgerEntry
from models.ledger.offline import Key, Note, notes_in
from models.vault.notes import Notary
from tests.cli.program import Program
from tests.cli.test_verbs import SQLITE, sound
from tests.factories import behind
from tests.guarantees.test_ledger import _without_triggers
from tests.postgres import Urls
from tests.world import World


@pytest.fixture
def own(program: Program, tmp_path: Path) -> Program:
    """With key files of this test's own."""
    keys = tmp_path / "keys-of-its-own"
    shutil.copytree(program.settings["WAYPOST_KEYS_DIR"], keys)
    program.settings["WAYPOST_KEYS_DIR"] = str(keys)
    return program


def test_from_checkpoint_to_verdict(own: Program, world: World, urls: Urls, tmp_path: Path) -> None:
    """Kept by a sink, exported, verified with key, note and state; after a change by SQL the same commands say so."""
    kept, out = tmp_path / "kept.txt", tmp_path / "out"
    world.client()
    world.database.engine.dispose()
    signed = sound(own("audit", "checkpoint", "--json", WAYPOST_CHECKPOINT_SINKS=json.dumps([f"file:{kept}"]))).json
    assert len(signed["checkpoints"]) == 3
    assert len(notes_in(kept.read_text())) == 3
    one = sound(own("audit", "export", str(out / "harbor"), "--agency", "Harbor", "--json")).json["exported"][0]
    key = json.loads((out / "harbor" / "keys.json").read_text())["keys"][0]
    words = ("audit", "verify", str(out / "harbor"), "--kept", str(kept), "--key", key, "--state")
    assert sound(own(*words, "--json")).json["ledgers"][0]["size"] == one["size"]
    sound(own("audit", "export", str(out / "all")))
    assert len(sound(own("audit", "verify", str(out / "all"), "--kept", str(kept), "--json")).json["ledgers"]) == 3
    own("audit", "export", str(out / "all")).refused("is there already")
    assert sound(own("audit", "verify", "--kept", str(kept), "--state", "--json")).json["sound"]
    with behind(urls.superuser) as connection:
        _without_triggers(connection)
        entries = table_of(LedgerEntry)
        mine = (entries.c.agency_id == world.agency_id(), entries.c.seq == 3)
        connection.execute(sa.update(entries).where(*mine).values(entry=b"{}"))
        clients = entries.metadata.tables["clients"]
        connection.execute(sa.update(clients).values(alias_sealed=clients.c.contact_sealed))
    found = own("audit", "verify", "--kept", str(kept), "--state", "--agency", "Harbor")
    assert found.code == 1
    assert "another history" in found.out
    assert ": edited" in found.out


def test_a_log_that_vanished_is_a_fault(program: Program, world: World, tmp_path: Path) -> None:
    """A kept note of a log that this host no longer has; one of another host is a remark; logs that were not asked for
    are neither."""
    kept, gone = tmp_path / "kept.txt", uuid4()
    notary = world.database.vault.notary
    ours = [world.system(checkpoint.sign, agency) for agency in ("Harbor", "Lighthouse")]
    (tmp_path / "other").mkdir(mode=0o700)
    theirs = Notary.create(tmp_path / "other" / "checkpoint.json", "other.example").sign(gone, 7, b"r" * 32)
    world.database.engine.dispose()
    kept.write_text("\n".join([*ours, theirs]))
    for more in ((), ("--agency", "Harbor")):
        told = sound(program("audit", "verify", "--kept", str(kept), *more, "--json")).json["ledgers"]
        remarks = [remark for one in told for remark in one["remarks"] if "kept note" in remark]
        assert remarks == [
            f"kept note kept.txt: that log was not looked at, it is not here (other.example/audit/{gone})"
        ]
        kept.write_text("\n".join([*ours, notary.sign(gone, 7, b"r" * 32)]))
        found = program("audit", "verify", "--kept", str(kept), *more)
        assert found.code == 1
        assert (
            f"kept note kept.txt (7 entries): refused, it is of another log (waypost.example/audit/{gone})" in found.out
        )
        kept.write_text("\n".join([*ours, theirs]))


def test_usage(program: Program, tmp_path: Path) -> None:
    """What cannot be verified is told as such: exit 2."""
    (tmp_path / "x").write_text("no note")
    for words in ((str(tmp_path),), (str(tmp_path / "none"),), ("--kept", str(tmp_path / "x")), ("--key", "x")):
        ran = program("audit", "verify", *words)
        assert (ran.code, "Traceback" in ran.err) == (2, False), ran


def test_prove(program: Program, world: World, tmp_path: Path) -> None:
    """Into a private file, or printed; what is not there is told."""
    file = tmp_path / "one.tlog-proof"
    sound(program("audit", "prove", "1", "--agency", "Harbor", "--to", str(file)))
    assert file.read_text().startswith("c2sp.org/tlog-proof@v1\nindex 1\n")
    assert file.stat().st_mode & 0o777 == 0o600
    program("audit", "prove", "99999", "--agency", "Harbor").refused("has no entry 99999")


def test_a_sink_that_fails_is_told(program: Program) -> None:
    """Exit 1, with its kind, and nothing of its address."""
    ran = program("audit", "checkpoint", WAYPOST_CHECKPOINT_SINKS='["file:/nowhere/kept.txt"]')
    assert ran.code == 1
    assert "not delivered to file (FileNotFoundError)" in ran.out


def test_key_change(own: Program, world: World, tmp_path: Path) -> None:
    """Every log gets a note of both keys; the old verifier key still opens the way; the private one is gone."""
    folder = Path(own.settings["WAYPOST_KEYS_DIR"])
    before = json.loads((folder / "checkpoint.json").read_text())
    sound(own("audit", "checkpoint"))
    sound(own("audit", "export", str(tmp_path / "old"), "--agency", "Harbor"))
    old = json.loads((tmp_path / "old" / "keys.json").read_text())["keys"][0]
    told = sound(own("keys", "rotate-checkpoint-key", "--json")).json
    assert len(told["keys"]) == 3
    assert before["secret"] not in (folder / "checkpoint.json").read_text()
    sound(own("audit", "export", str(tmp_path / "new"), "--agency", "Harbor"))
    held = json.loads((tmp_path / "new" / "keys.json").read_text())
    assert held["keys"] == [old, told["keys"][str(world.agency_id())]]
    assert [len(Note.read(note).signatures) for note in held["changes"]] == [2]
    assert Key.read(held["keys"][1]) != Key.read(old)
    for key in held["keys"]:
        sound(own("audit", "verify", str(tmp_path / "new"), "--key", key))
    assert sound(own("audit", "verify", "--json")).json["sound"]


@SQLITE
def test_an_older_installation_gets_its_key_once(own: Program) -> None:
    """`db upgrade` makes it and says so; serving without it is refused, and makes nothing."""
    file = Path(own.settings["WAYPOST_KEYS_DIR"]) / "checkpoint.json"
    file.unlink()
    own("serve").refused("heckpoint key file", "keys new --checkpoint")
    assert not file.exists()
    ran = sound(own("db", "upgrade"))
    assert f"Made {file}" in ran.out
    made = file.read_bytes()
    assert "Made" not in sound(own("db", "upgrade")).out
    assert file.read_bytes() == made
    file.unlink()
    sound(own("keys", "new", "--checkpoint"))
    own("keys", "new", "--checkpoint").refused("is there already")
