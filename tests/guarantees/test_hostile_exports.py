"""What is to be verified was made by whoever is suspected: no crafted file convinces the verifier, or makes it stumble."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from models.backup import Refused
from models.backup.notes import read_kept
from models.ledger import checkpoint, offline
from models.ledger.action import Action
from models.ledger.book import canonical
from models.ledger.offline import Key, Note
from models.vault.notes import Notary
from tests.guarantees.test_checkpoints import ROOT, exported, looked
from tests.world import World

HOST = "waypost.example"
WREN, ROBIN = UUID(int=1), UUID(int=2)
A, B, C = "a" * 64, "b" * 64, "c" * 64


class Signer:
    """A checkpoint key of a log."""

    def __init__(self, agency: UUID = WREN, host: str = HOST) -> None:
        self.secret = Ed25519PrivateKey.generate()
        self.key = Key(f"{host}/audit/{agency}", self.secret.public_key().public_bytes_raw())

    @property
    def digest(self) -> str:
        """What entries call it."""
        return sha256(self.key.public).hexdigest()


@dataclass
class Log:
    """A log made by hand, and its export."""

    agency: UUID = WREN
    host: str = HOST
    entries: list[bytes] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def origin(self) -> str:
        """Its name."""
        return f"{self.host}/audit/{self.agency}"

    def write(self, count: int = 1, **more: Any) -> "Log":
        """More entries."""
        for _ in range(count):
            entry = {"v": 1, "seq": len(self.entries), "agency": str(self.agency), "at": "2027-01-04T14:30:00.000000Z"}
            self.entries.append(canonical(entry | more))
        return self

    def row(self, digest: Any, one: str = "x") -> "Log":
        """An entry that tells a row's digest."""
        return self.write(rows=[{"t": "clients", "id": one, "rev": 1, "digest": digest}])

    def turned(self, old: Signer, new: Signer) -> "Log":
        """The entry of a change of key."""
        counts = {"new": new.digest, "old": old.digest}
        return self.write(action="checkpoint_key.rotated", object={"t": "ledger_checkpoints", "counts": counts})

    def sign(self, *signers: Signer) -> str:
        """A checkpoint of all that is there."""
        tree = offline.Tree()
        for entry in self.entries:
            tree.add(offline.leaf_hash(entry))
        text = offline.checkpoint_text(self.origin, tree.size, offline.root_of(tree.peaks))
        lines = [offline.signature_line(one.key, one.secret.sign(text.encode())) for one in signers]
        self.notes.append(text + "\n" + "".join(lines))
        return self.notes[-1]

    def export(self, folder: Path, keys: Sequence[Signer], rows: Sequence[Any] = (), since: Any = None) -> Path:
        """Written as `audit export` would."""
        folder.mkdir(parents=True)
        since = len(self.entries) if since is None else since
        (folder / "entries.jsonl").write_bytes(b"".join(entry + b"\n" for entry in self.entries))
        (folder / "checkpoints.txt").write_text("\n".join(self.notes))
        (folder / "keys.json").write_text(json.dumps({"keys": [str(one.key) for one in keys], "changes": []}))
        (folder / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
        about = {"format": 1, "origin": self.origin, "agency": str(self.agency), "rows_since": since}
        (folder / "about.json").write_text(json.dumps(about))
        return folder


def row(digest: Any, one: str = "x") -> dict[str, Any]:
    """A line of rows.jsonl."""
    return {"t": "clients", "id": one, "rev": 1, "digest": digest}


def edited(folder: Path, name: str, **members: Any) -> Path:
    """An export with other members in one of its JSON files."""
    held = json.loads((folder / name).read_text())
    (folder / name).write_text(json.dumps(held | members))
    return folder


def run(*words: object) -> subprocess.CompletedProcess[str]:
    """The file as an outsider starts it."""
    command = [sys.executable, "-I", ROOT / "models" / "ledger" / "offline.py", *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, env=os.environ | {})


REPLACED = "signed by a key that had been replaced"


class TestKeys:
    """Which key was replaced is not for the export to say."""

    @pytest.mark.parametrize("told", [True, False], ids=["told-by-an-entry", "not-told"])
    @pytest.mark.parametrize("turned", [False, True], ids=["in-order", "out-of-order"])
    def test_a_stolen_old_key_convinces_nobody_who_has_the_new(
        self, tmp_path: Path, *, turned: bool, told: bool
    ) -> None:
        """However the export lists them."""
        old, new, log = Signer(), Signer(), Log().write(5)
        if told:
            log.turned(old, new)
        log.sign(old, new)
        log.write(3).sign(old)
        folder = log.export(tmp_path / "out", [new, old] if turned else [old, new])
        assert looked(folder, keys=(new.key,)).faults == [
            f"checkpoint of {len(log.entries)} entries: refused, {REPLACED}"
        ]

    def test_what_a_stolen_key_vouches_for_is_not_believed(self, tmp_path: Path) -> None:
        """A key of the thief's, or the one before it, brought in by a note behind the change."""
        first, old, new, thief = (Signer() for _ in range(4))
        log = Log().write(5).turned(first, old)
        log.sign(first, old)
        log.write(2).turned(old, new).sign(old, new)
        log.write(2).turned(old, thief).sign(old, thief)
        log.write(2).sign(thief)
        for keys in ([first, old, new, thief], [thief, new, old, first]):
            folder = log.export(tmp_path / f"thief-{keys[0] is thief}", keys)
            faults = looked(folder, keys=(new.key,)).faults
            assert any(thief.key.id.hex() in fault for fault in faults), faults
            assert f"checkpoint of {len(log.entries)} entries: refused, no key that is believed signed it" in faults
        log.notes[2:] = []
        log.sign(first, old)
        log.write(2).sign(first)
        faults = looked(log.export(tmp_path / "first", [new, old, first]), keys=(new.key,)).faults
        assert f"checkpoint of {len(log.entries)} entries: refused, {REPLACED}" in faults

    def test_a_note_of_both_from_before_the_entry_hands_nothing_back(self, tmp_path: Path) -> None:
        """Both keys sign from the moment the change begins; an entry of an earlier change says nothing of these two."""
        first, old, new = (Signer() for _ in range(3))
        log = Log().write(5).turned(first, old)
        log.sign(first, old)
        log.write(2).sign(old, new)
        log.write(3).sign(old)
        faults = looked(log.export(tmp_path / "out", [new, old, first]), keys=(new.key,)).faults
        assert faults == [f"checkpoint of {len(log.entries)} entries: refused, {REPLACED}"]

    def test_the_old_key_believes_the_new_one_where_an_entry_says_so(self, tmp_path: Path) -> None:
        """And only there: a note of both alone does not say which came after which."""
        old, new = Signer(), Signer()
        for told in (True, False):
            log = Log().write(5)
            if told:
                log.turned(old, new)
            log.sign(old, new)
            log.write(3).sign(new)
            folder = log.export(tmp_path / f"told-{told}", [old, new])
            assert bool(looked(folder, keys=(old.key,)).faults) is not told
            assert not looked(folder, keys=(new.key,)).faults

    def test_keys_of_another_log_are_named(self, tmp_path: Path) -> None:
        """Listed in an export, they sign nothing of it."""
        mine, other = Signer(), Signer(ROBIN)
        log = Log().write(5)
        log.sign(other)
        faults = looked(log.export(tmp_path / "out", [other, mine])).faults
        assert any("is of another log" in fault for fault in faults)
        assert any("no key that is believed" in fault for fault in faults)

    def test_the_entry_of_a_change_names_both_keys(self, world: World, tmp_path: Path) -> None:
        """Under the note that both sign, so that an outsider knows which came first."""
        vault = world.database.vault
        before, vault._notary = vault._notary, Notary.create(tmp_path / "own" / "checkpoint.json", HOST)
        try:
            vault.notary.begin_change()
            world.system(checkpoint.rotate_key)
            size = Note.read(world.system(checkpoint.sign_and_keep)).size
            vault.notary.end_change({str(world.agency_id()): size})
            old, new = vault.notary.keys(world.agency_id())
            (said,) = [e for e in world.entries() if e["action"] == Action.CHECKPOINT_KEY_ROTATED]
            world.client()
            folder = exported(world, tmp_path / "out")
        finally:
            vault._notary = before
        assert said["object"]["counts"] == {
            "new": sha256(new.public).hexdigest(),
            "old": sha256(old.public).hexdigest(),
        }
        held = json.loads((folder / "keys.json").read_text())["keys"]
        edited(folder, "keys.json", keys=held[::-1])
        for key in (old, new):
            assert not looked(folder, keys=(key,)).faults


class TestProofs:
    def test_the_key_of_another_log_signs_for_that_one_only(self) -> None:
        """Both keys are believed, each for its own log."""
        mine, other, log = Signer(), Signer(ROBIN), Log().write(1)
        keys = [mine.key, other.key]
        good, forged = log.sign(mine), log.sign(other)
        assert offline.check_proof(offline.proof_text(0, [], good), log.entries[0], keys) is None
        why = offline.check_proof(offline.proof_text(0, [], forged), log.entries[0], keys)
        assert why == "no key that is believed signed its checkpoint"

    @pytest.mark.parametrize("lines", ["\nextra x\n\n", "\nextra x\nextra y\n\n", "\n\n", "\nindex\n\n"])
    def test_half_a_proof_is_none(self, tmp_path: Path, lines: str) -> None:
        """Said in one line, with exit 1."""
        signer, log = Signer(), Log().write(1)
        proof, entry = tmp_path / "p", tmp_path / "e"
        proof.write_text(offline.PROOF + lines + log.sign(signer))
        entry.write_bytes(log.entries[0])
        found = run("--proof", proof, "--entry", entry, "--key", signer.key)
        assert (found.returncode, found.stderr) == (1, "")
        assert found.stdout.startswith("not shown: ")
        assert found.stdout.count("\n") == 1

    def test_an_entry_has_each_member_once(self, tmp_path: Path) -> None:
        """Else who reads it by eye, or with another reader, sees another entry than was proved."""
        signer, log = Signer(), Log().write(1, action="plan.read")
        proof, entry = tmp_path / "p", tmp_path / "e"
        proof.write_text(offline.proof_text(0, [], log.sign(signer)))
        words = ("--proof", proof, "--entry", entry, "--key", signer.key)
        entry.write_bytes(log.entries[0])
        assert run(*words).returncode == 0
        entry.write_bytes(log.entries[0].replace(b'{"action"', b'{"action":"client.created","action"'))
        found = run(*words)
        assert (found.returncode, found.stderr) == (1, "")
        assert found.stdout.startswith("not shown: ")

    def test_names_with_control_characters_are_shown_as_such(self, tmp_path: Path) -> None:
        """A terminal does nothing but show them."""
        signer, log = Signer(), Log(host="x\x1b[2Jthe entry is in the log").write(1)
        proof, entry = tmp_path / "p", tmp_path / "e"
        proof.write_text(offline.proof_text(0, [], log.sign(signer)))
        entry.write_bytes(log.entries[0])
        found = run("--proof", proof, "--entry", entry, "--key", signer.key)
        assert found.returncode == 1
        assert "x\\x1b[2Jthe entry" in found.stdout
        assert "\x1b" not in found.stdout


class TestKeptNotes:
    """A log of which somebody holds a note does not vanish in silence."""

    @pytest.fixture
    def both(self, tmp_path: Path) -> tuple[Path, Path, Key]:
        """A folder with one export of two, a file with notes of both, and the key of the one that is there."""
        signer, other = Signer(), Signer(ROBIN)
        here, gone = Log().write(4), Log(ROBIN).write(6)
        kept = tmp_path / "kept.txt"
        kept.write_text("\n".join([here.sign(signer), gone.sign(other), gone.write(2).sign(other)]))
        here.export(tmp_path / "all" / "one", [signer])
        return tmp_path / "all", kept, signer.key

    def test_a_log_that_is_missing_is_a_fault(self, both: tuple[Path, Path, Key]) -> None:
        """Named once, with the most entries a note says it had."""
        folder, kept, key = both
        fault = f"kept note kept.txt (8 entries): refused, it is of another log ({HOST}/audit/{ROBIN})"
        assert looked(folder, kept).faults == [fault]
        assert looked(folder, kept, keys=(key,)).faults == [fault]
        assert looked(folder / "one", kept).faults == [fault]

    def test_unless_one_export_is_verified_with_its_own_key(self, both: tuple[Path, Path, Key]) -> None:
        """Then the other logs were not asked about; they are named all the same."""
        folder, kept, key = both
        found = looked(folder / "one", kept, keys=(key,))
        assert not found.faults
        assert any(str(ROBIN) in remark for remark in found.remarks)

    def test_a_log_of_another_host_is_a_remark(self, both: tuple[Path, Path, Key]) -> None:
        """A file may hold the notes of many installations."""
        folder, kept, _ = both
        mine = kept.read_text().split("\n\n" + f"{HOST}/audit/{ROBIN}")[0] + "\n"
        kept.write_text(mine + "\n" + Log(ROBIN, "other.example").write(2).sign(Signer(ROBIN, "other.example")))
        found = looked(folder, kept)
        assert not found.faults
        assert any(f"other.example/audit/{ROBIN}" in remark for remark in found.remarks)

    @pytest.mark.parametrize("text", ["\u2014 x AAAA\n", "\u2014 \n", "\n\n\u2014 x\n", '"\\ud800"\n', '"x\n'])
    def test_what_is_no_note_is_refused(self, world: World, tmp_path: Path, text: str) -> None:
        """With one kind of error, wherever notes are read."""
        with pytest.raises(ValueError):
            offline.notes_in(text)
        file = tmp_path / "kept.txt"
        file.write_text(text)
        with pytest.raises(Refused, match="holds no checkpoint"):
            read_kept(file, world.database.vault.notary)
        signer, log = Signer(), Log().write(1)
        log.sign(signer)
        ran = run(log.export(tmp_path / "out", [signer]), "--kept", file)
        assert (ran.returncode, ran.stderr.count("\n")) == (2, 1)


class TestRowsSince:
    """From which entry on a row may be in more than one state is said by the export alone."""

    def folder(self, path: Path, since: Any, rows: Sequence[Any]) -> Path:
        """One row with two states, another with one."""
        signer, log = Signer(), Log().row(A).row(B).row(C, "y").write(3)
        log.sign(signer)
        return log.export(path, [signer], rows, since)

    def test_what_it_leaves_open_is_a_remark(self, tmp_path: Path) -> None:
        """An older state and a row that is gone pass with 0; that they could is said."""
        rows = [row(A)]
        assert len(looked(self.folder(tmp_path / "six", 6, rows), state=True).faults) == 2
        assert not looked(self.folder(tmp_path / "six-good", 6, [row(B), row(C, "y")]), state=True).remarks[1:]
        found = looked(self.folder(tmp_path / "none", 0, rows), state=True)
        assert not found.faults
        assert any("2 of 2 rows" in remark and "from entry 0 on" in remark for remark in found.remarks), found.remarks
        found = looked(self.folder(tmp_path / "one", 2, [row(B), row(C, "y")]), state=True)
        assert any("1 of 2 rows" in remark and "from entry 2 on" in remark for remark in found.remarks), found.remarks

    @pytest.mark.parametrize("since", [-1, 7, True, 1.5, "3", None, [], float("inf"), float("nan")])
    def test_what_cannot_be_is_a_fault(self, tmp_path: Path, since: Any) -> None:
        """Negative, beyond the log, or no number; with and without --state."""
        folder = edited(self.folder(tmp_path / "out", 6, [row(B), row(C, "y")]), "about.json", rows_since=since)
        ran = run(folder)
        assert (ran.returncode, ran.stderr) == (1, ""), ran
        assert "  fault: " in ran.stdout
        assert "about.json" in ran.stdout

    def test_the_entry_behind_an_export_says_what_it_was(self, world: World, tmp_path: Path) -> None:
        """Hashes of both files and the number: whoever gets a proof of that entry can compare."""
        world.client()
        folder = exported(world, tmp_path / "out")
        counts = world.entries()[-1]["object"]["counts"]
        assert counts["rows_sha256"] == sha256((folder / "rows.jsonl").read_bytes()).hexdigest()
        assert counts["rows_since"] == json.loads((folder / "about.json").read_text())["rows_since"] > 0


def _line(**members: Any) -> Callable[[Path], None]:
    """Another last entry, not signed by anybody: what it says is read all the same."""

    def change(folder: Path) -> None:
        file = folder / "entries.jsonl"
        *lines, last = file.read_bytes().splitlines()
        lines.append(canonical(json.loads(last) | members))
        file.write_bytes(b"".join(line + b"\n" for line in lines))

    return change


def _json(name: str, **members: Any) -> Callable[[Path], None]:
    return lambda folder: edited(folder, name, **members) and None


def _text(name: str, text: str) -> Callable[[Path], None]:
    return lambda folder: (folder / name).write_text(text) and None


CRAFTED = {
    "rows 5": _line(rows=5),
    "rows null": _line(rows=None),
    "rows a text": _line(rows="clients"),
    "rows of lists": _line(rows=[[]]),
    "digest a list": _line(rows=[row([])]),
    "digest an object": _line(rows=[row({})]),
    "kind a list": _line(rows=[row(A) | {"t": []}]),
    "seq a list": _line(seq=[[1]]),
    "digest a list in rows": _text("rows.jsonl", json.dumps(row([])) + "\n"),
    "rows are lists": _text("rows.jsonl", "[]\n"),
    "a key that is 5": _json("keys.json", keys=[5]),
    "keys that are 5": _json("keys.json", keys=5),
    "changes that are 5": _json("keys.json", changes=[5]),
    "keys.json a list": _text("keys.json", "[]"),
    "rows_since infinite": _text("about.json", '{"origin":"x/audit/y","agency":"y","rows_since":Infinity}'),
    "origin a list": _json("about.json", origin=[]),
    "agency null": _json("about.json", agency=None),
    "about a list": _text("about.json", "[1]"),
    "a signature alone": _text("checkpoints.txt", "\u2014 x AAAA\n"),
    "a note that is cut": _text("checkpoints.txt", "x\n1\n"),
    "no entries": lambda folder: (folder / "entries.jsonl").unlink(),
    "no keys file": lambda folder: (folder / "keys.json").unlink(),
    "control characters": _json("about.json", origin="x\x1b[2J\nall is sound\n\u202e\ud800", agency="\x07"),
    "control characters in a row": _text("rows.jsonl", json.dumps(row(B, "x\x1b[2J\nall is sound\u202e\ud800")) + "\n"),
    "control characters in an entry": _line(seq="\x1b[2J\nsound\n\u202e"),
}


@pytest.mark.parametrize("how", CRAFTED)
def test_a_crafted_export_is_a_finding(tmp_path: Path, how: str) -> None:
    """Exit 1, told line by line, without a traceback and without a character that a terminal obeys; beside an export
    that is sound, that one is still told."""
    signer, log = Signer(), Log().row(A).write(3)
    log.sign(signer)
    folder = log.export(tmp_path / "all" / "one", [signer], [row(A)])
    assert run(folder, "--state").returncode == 0
    CRAFTED[how](folder)
    ran = run(folder, "--state", "--key", signer.key)
    assert (ran.returncode, ran.stderr) == (1, ""), ran
    assert "\n  fault: " in ran.stdout
    assert all(line.startswith("  ") for line in ran.stdout.splitlines()[1:])
    assert all(char.isprintable() or char == "\n" for char in ran.stdout)
    other = Signer(ROBIN)
    second = Log(ROBIN).write(2)
    second.sign(other)
    second.export(tmp_path / "all" / "two", [other])
    ran = run(tmp_path / "all", "--state")
    assert (ran.returncode, ran.stderr) == (1, ""), ran
    assert f"{second.origin}: 2 entries, sound" in ran.stdout
