"""Verifying a ledger from its files alone, with this one file, Python and `cryptography`: no database, no secret.

    python offline.py DIR [--kept FILE]… [--key VKEY]… [--state]     what `audit export` wrote (docs/verify.md)
    python offline.py --proof FILE --entry FILE --key VKEY           one entry and its proof

Exit codes: 0 sound, 1 something was found, 2 usage. The service verifies with the same code (models/ledger/book.py).
Formats: C2SP signed-note, tlog-checkpoint and tlog-proof; the tree is that of RFC 6962.
"""

import argparse
import base64
import json
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from itertools import combinations
from pathlib import Path
from typing import Any, NoReturn

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

ED25519 = b"\x01"
TILE = 256
PROOF = "c2sp.org/tlog-proof@v1"
TURN = "checkpoint_key.rotated"  # the action of the entry that names the old key and the new
DASH = "\u2014 "
MOST_SAID = 50  # findings told one by one; beyond, how many more
SOUND, FOUND, USAGE = 0, 1, 2


# -- the tree -----------------------------------------------------------------------------------------------------


def leaf_hash(entry: bytes) -> bytes:
    """SHA-256(0x00 | entry), RFC 6962 section 2.1."""
    return sha256(b"\x00" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """SHA-256(0x01 | left | right), RFC 6962 section 2.1."""
    return sha256(b"\x01" + left + right).digest()


def root_of(peaks: Sequence[bytes]) -> bytes:
    """The tree head above the roots of perfect subtrees, largest first; of none SHA-256 of nothing."""
    if not peaks:
        return sha256(b"").digest()
    head = peaks[-1]
    for peak in reversed(peaks[:-1]):
        head = node_hash(peak, head)
    return head


def tile_of(peaks: Sequence[bytes], leaf: bytes) -> bytes:
    """The root of the run of 256 leaves that this leaf completes, from the peaks before it."""
    for peak in reversed(peaks[-8:]):
        leaf = node_hash(peak, leaf)
    return leaf


def path_of(leaves: Sequence[bytes], index: int) -> list[bytes]:
    """The hashes that lead from a leaf to the root, from its sibling up: PATH of RFC 6962 section 2.1.1."""
    path, low, high, above = list[bytes](), 0, len(leaves), list[bytes]()
    while high - low > 1:
        split = low + (1 << (high - low - 1).bit_length() - 1)
        if index < split:
            above.append(subtree(leaves[split:high]))
            high = split
        else:
            above.append(subtree(leaves[low:split]))
            low = split
    path.extend(reversed(above))
    return path


def subtree(leaves: Sequence[bytes]) -> bytes:
    """The root over some leaf or node hashes: level by level, where an odd one moves up as it is."""
    level = list(leaves)
    while len(level) > 1:
        pairs = zip(level[::2], level[1::2], strict=False)
        level = [node_hash(left, right) for left, right in pairs] + (level[-1:] if len(level) % 2 else [])
    return level[0]


def climb(leaf: bytes, index: int, size: int, path: Iterable[bytes]) -> bytes:
    """The root that a leaf and its path give (RFC 9162 section 2.1.3.2). ValueError for a path of another length."""
    position, last = index, size - 1
    if not 0 <= index <= last:
        raise ValueError("the index is beyond the tree")
    for sibling in path:
        if last == 0:
            raise ValueError("the path is too long")
        if position & 1 or position == last:
            leaf = node_hash(sibling, leaf)
            while not position & 1 and position:
                position, last = position >> 1, last >> 1
        else:
            leaf = node_hash(leaf, sibling)
        position, last = position >> 1, last >> 1
    if last:
        raise ValueError("the path is too short")
    return leaf


class Tree:
    """A tree that grows: how many leaves it has, and the roots of its perfect subtrees, largest first."""

    __slots__ = ("peaks", "size")

    def __init__(self) -> None:
        self.size, self.peaks = 0, list[bytes]()

    def add(self, leaf: bytes) -> None:
        """One more leaf."""
        size = self.size
        while size & 1:
            leaf = node_hash(self.peaks.pop(), leaf)
            size >>= 1
        self.peaks.append(leaf)
        self.size += 1


# -- notes and keys -----------------------------------------------------------------------------------------------


def b64(raw: bytes) -> str:
    """Standard Base 64 (RFC 4648 section 4)."""
    return base64.b64encode(raw).decode()


def unb64(text: str) -> bytes:
    """The bytes back. ValueError for another spelling of them."""
    raw = base64.b64decode(text, validate=True)
    if b64(raw) != text:
        raise ValueError("not in standard base64")
    return raw


@dataclass(frozen=True)
class Key:
    """A verifier key: the name of the log it signs for, and 32 bytes of Ed25519."""

    name: str
    public: bytes

    @classmethod
    def read(cls, vkey: str) -> "Key":
        """From `name+id+key`, as notes' tools write it. ValueError when it is something else."""
        name, _, rest = vkey.strip().partition("+")
        number, _, encoded = rest.partition("+")
        raw = unb64(encoded)
        made = cls(name, raw[1:])
        if raw[:1] != ED25519 or len(raw) != 33 or not name or made.id.hex() != number:
            raise ValueError("not a verifier key (name+id+key)")
        return made

    @property
    def id(self) -> bytes:
        """Four bytes that tell the keys of one name apart."""
        return sha256(self.name.encode() + b"\n" + ED25519 + self.public).digest()[:4]

    @property
    def digest(self) -> str:
        """SHA-256 of its 32 bytes (hex): what entries call it."""
        return sha256(self.public).hexdigest()

    def __str__(self) -> str:
        return f"{self.name}+{self.id.hex()}+{b64(ED25519 + self.public)}"

    def signed(self, text: str, signature: bytes) -> bool:
        """Whether this key made the signature over the text."""
        try:
            Ed25519PublicKey.from_public_bytes(self.public).verify(signature, text.encode())
        except (InvalidSignature, ValueError):
            return False
        return True


def checkpoint_text(origin: str, size: int, root: bytes) -> str:
    """What a checkpoint says: whose log, how many entries, their root."""
    return f"{origin}\n{size}\n{b64(root)}\n"


def signature_line(key: Key, signature: bytes) -> str:
    """A line below a note."""
    return f"{DASH}{key.name} {b64(key.id + signature)}\n"


@dataclass(frozen=True)
class Note:
    """A checkpoint: a signed note with origin, size and root."""

    text: str
    origin: str
    size: int
    root: bytes
    signatures: tuple[tuple[str, bytes, bytes], ...]  # name, key id, signature

    @classmethod
    def read(cls, note: str) -> "Note":
        """ValueError for anything but a checkpoint spelt as the formats say."""
        text, gap, below = note.rpartition("\n\n")
        text += "\n"
        origin, size, root, *more = text.split("\n")
        lines = below.split("\n")
        if not gap or not origin or more != [""] or lines.pop() or not 0 < len(lines) <= 16 or str(int(size)) != size:
            raise ValueError("not a checkpoint")
        return cls(text, origin, int(size), unb64(root), tuple(_signature(line) for line in lines))

    def __str__(self) -> str:
        lines = (f"{DASH}{name} {b64(number + signature)}\n" for name, number, signature in self.signatures)
        return self.text + "\n" + "".join(lines)

    def signers(self, keys: Iterable[Key]) -> list[Key]:
        """Which of these keys signed it. ValueError when a line of one of them does not fit the text."""
        known = {(key.name, key.id): key for key in keys}
        found = []
        for name, number, signature in self.signatures:
            key = known.get((name, number))
            if key is None:
                continue  # somebody else's: the format wants it ignored
            if not key.signed(self.text, signature):
                raise ValueError("its signature is wrong")
            found.append(key)
        return found


def _signature(line: str) -> tuple[str, bytes, bytes]:
    name, gap, encoded = line.removeprefix(DASH).partition(" ")
    raw = unb64(encoded)
    if not line.startswith(DASH) or not gap or not name or "+" in name or len(raw) <= 4:
        raise ValueError("not a signature line")
    return name, raw[:4], raw[4:]


def notes_in(text: str) -> list[Note]:
    """The checkpoints of a file: one note, several with empty lines between them, or one JSON string a line (what the
    sinks write). ValueError for anything else."""
    notes: list[str] = []
    lines = [line for line in text.split("\n") if line]
    for number, line in enumerate(lines):
        if line.startswith('"'):
            notes.append(json.loads(line))  # a string, from how it begins
        elif not line.startswith(DASH):
            if number == 0 or lines[number - 1].startswith((DASH, '"')):
                notes.append("")
            notes[-1] += line + "\n"
        elif not notes:
            raise ValueError("a signature of nothing")
        else:
            if not lines[number - 1].startswith(DASH):
                notes[-1] += "\n"
            notes[-1] += line + "\n"
    return [Note.read(note) for note in notes]


def plain(text: str) -> str:
    """For a terminal or a log: what is not printed (control characters, line ends, half a surrogate) as an escape."""
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)


# -- one log ------------------------------------------------------------------------------------------------------


@dataclass
class Findings:
    """Faults, in plain words (none = sound), and remarks: what is odd but happens on honest machines."""

    faults: list[str] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)
    more: int = 0

    def fault(self, said: str) -> None:
        """Something that must not be."""
        if len(self.faults) < MOST_SAID:
            self.faults.append(plain(said))
        else:
            self.more += 1

    def remark(self, said: str) -> None:
        """Something odd."""
        if len(self.remarks) < MOST_SAID:
            self.remarks.append(plain(said))

    def all_faults(self) -> list[str]:
        """Every fault told, and how many are not."""
        return [*self.faults, *([f"and {self.more} more"] if self.more else [])]


def _constant(name: str) -> NoReturn:
    raise ValueError(name)


def _once(members: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(members)
    if len(found) != len(members):
        raise ValueError("a member twice")
    return found


_decode = json.JSONDecoder(parse_constant=_constant).decode
_decode_once = json.JSONDecoder(parse_constant=_constant, object_pairs_hook=_once).decode
_encode = json.JSONEncoder(sort_keys=True, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode


def entry_of(stored: bytes) -> dict[str, Any] | None:
    """The entry, if it is an object in canonical form (RFC 8785 for what entries hold)."""
    try:
        entry = _decode(stored.decode())
        canonical = isinstance(entry, dict) and _encode(entry).encode() == stored
    except (ValueError, RecursionError):
        return None
    return entry if canonical else None


Turns = Mapping[tuple[str, str], int]  # digests of an old key and of the one after it -> the entry that says so


class Keys:
    """The keys a log's checkpoints may be signed by. A key is believed because it was given, or because a believed key
    that still counted and it signed the same note.

    Of two such keys one was replaced, and counts up to the largest note of both. Which one is not for whoever made the
    export to say: an entry below that note says it; else the one that was not given, where keys were given; else it is
    the one listed first."""

    def __init__(
        self,
        listed: Sequence[Key],
        notes: Iterable[Note],
        given: Sequence[Key],
        found: Findings,
        turns: Turns | None = None,
    ) -> None:
        self.known = list(dict.fromkeys([*listed, *given]))
        self.believed = set(given or listed[:1])
        self.ended: dict[Key, int] = {}  # the size up to which a key that was replaced counts
        self._pinned, self._turns = bool(given), turns or {}
        self._place = {key: place for place, key in enumerate(listed)}
        shared = self._shared(notes)
        for pair, sizes in shared.items():
            if pair <= self.believed:
                self._end(pair, max(sizes))
        while self._learn(shared, frozenset(self.believed)):
            pass
        for key in self.known:
            if key not in self.believed:
                found.fault(f"key {key.id.hex()}: no checkpoint was signed by it together with a key that is believed")

    def _shared(self, notes: Iterable[Note]) -> dict[frozenset[Key], list[int]]:
        """Two keys -> the sizes of the notes that both signed."""
        shared: dict[frozenset[Key], list[int]] = {}
        for note in notes:
            try:
                signers = dict.fromkeys(note.signers(self.known))
            except ValueError:
                continue
            for pair in combinations(signers, 2):
                shared.setdefault(frozenset(pair), []).append(note.size)
        return shared

    def _learn(self, shared: Mapping[frozenset[Key], list[int]], before: frozenset[Key]) -> bool:
        """Believe the keys one step from those believed before; whether there were any. A note behind the end of the
        key that vouches does not count: whoever stole that key may have made it."""
        for pair, sizes in shared.items():
            if len(pair & before) == 1:
                (voucher,), (other,) = pair & before, pair - before
                counted = [size for size in sizes if size <= self.ended.get(voucher, size)]
                if counted:
                    self.believed.add(other)
                    self._end(pair, max(counted), other)
        return len(self.believed) > len(before)

    def _end(self, pair: frozenset[Key], size: int, learned: Key | None = None) -> None:
        one, two = pair
        said = [
            old
            for old, new in ((one, two), (two, one))
            if self._turns.get((old.digest, new.digest), size) < size  # else the note does not cover that entry
        ]
        if len(said) == 1:
            older = said[0]
        elif learned and self._pinned:
            older = learned
        else:
            older = min(pair, key=lambda key: self._place.get(key, -1))
        self.ended[older] = max(size, self.ended.get(older, 0))

    def wrong(self, note: Note) -> str | None:
        """Why a note is not believed, or None."""
        try:
            signers = [key for key in note.signers(self.known) if key in self.believed]
        except ValueError as error:
            return str(error)
        if not signers:
            return "no key that is believed signed it"
        if all(note.size > self.ended.get(key, note.size) for key in signers):
            return "signed by a key that had been replaced"
        return None


class Audit:
    """One log, entry by entry, against its checkpoints."""

    def __init__(self, agency: str, origin: str | None, keys: Keys | None, found: Findings | None = None) -> None:
        self.agency, self.origin, self.keys = agency, origin, keys
        self.found = found or Findings()
        self.tree = Tree()
        self.history: dict[tuple[str, str], list[tuple[int, str | None]]] = {}  # row -> entry and digest, in order
        self.tiles: Mapping[int, bytes] | None = None
        self._wanted: dict[int, list[tuple[str, Note]]] = {}
        self._at, self._good, self._broken = "", 0, 0

    def expect(self, note: Note, kept: str | None = None) -> None:
        """A checkpoint that has to fit. `kept`: where it was kept, outside the log."""
        name = f"kept note {kept} ({note.size} entries)" if kept else f"checkpoint of {note.size} entries"
        if note.origin != self.origin:
            self.found.fault(f"{name}: refused, it is of another log ({note.origin})")
        elif self.keys and (why := self.keys.wrong(note)):
            self.found.fault(f"{name}: refused, {why}")
        else:
            self._wanted.setdefault(note.size, []).append((name if kept else "", note))

    def begin(self) -> None:
        """Before the first entry: checkpoints of the empty log, and two notes that cannot both be true."""
        for size, notes in self._wanted.items():
            if len({note.root for _, note in notes}) > 1:
                self.found.fault(f"split view: there are notes of {size} entries with different roots")
        self._compare()

    def add(self, stored: bytes, seq: int | None = None) -> None:
        """The next entry. `seq`: the number it stands under, where that is known apart from the entry."""
        number = self.tree.size
        entry = entry_of(stored)
        if entry is None:
            self.found.fault(f"entry {number}: not in canonical form")
        else:
            self._read(number, entry, seq)
        leaf = leaf_hash(stored)
        if self.tiles is not None and number % TILE == TILE - 1:
            self._tile(number // TILE, tile_of(self.tree.peaks, leaf))
        self.tree.add(leaf)
        if self.tree.size in self._wanted:
            self._compare()

    def end(self) -> None:
        """After the last entry: checkpoints of more entries than there are."""
        size = self.tree.size
        for name, note in (pair for pairs in self._wanted.values() for pair in pairs):
            what = name or f"checkpoint of {note.size} entries"
            self.found.fault(f"{what}: the log has {size} only; entries were cut off, or an older copy put back")
        if self.tiles is not None and len(self.tiles) > size // TILE:
            self.found.fault(f"there are {len(self.tiles)} stored subtree hashes for {size} entries")

    def _read(self, number: int, entry: dict[str, Any], seq: int | None) -> None:
        found, says, at = self.found, entry.get("seq"), entry.get("at")
        if type(says) is not int or says != number or (seq is not None and seq != number):
            told = (says if type(says) is int else "no number") if seq is None else seq
            found.fault(f"entry {number}: the one found there says {told}")
        if entry.get("agency") != self.agency:
            found.fault(f"entry {number}: belongs to another agency")
        if not isinstance(at, str):
            found.fault(f"entry {number}: has no time")
        elif at < self._at:
            found.remark(f"entry {number}: the clock went back")
        self._at = at if isinstance(at, str) else self._at
        try:
            for row in entry.get("rows", ()):
                table, one, digest = _row(row)
                self.history.setdefault((table, one), []).append((number, digest))
        except (KeyError, TypeError):
            found.fault(f"entry {number}: what it says of rows cannot be read")

    def _tile(self, number: int, made: bytes) -> None:
        stored = (self.tiles or {}).get(number)
        if stored != made:
            what = "is missing" if stored is None else "is not that of its entries"
            self.found.fault(f"stored subtree hash {number} {what}")

    def _compare(self) -> None:
        size, root = self.tree.size, root_of(self.tree.peaks)
        for name, note in self._wanted.pop(size, ()):
            if note.root == root:
                self._good = max(self._good, size)
            elif name:
                self.found.fault(f"{name}: the log's first {size} entries have another root: another history")
            elif not self._broken:
                self._broken = size
                self.found.fault(
                    f"checkpoint of {size} entries: its root is not that of the entries; it is the first that breaks, "
                    f"so something changed among entries {self._good} to {size - 1}"
                )


def _row(row: Any) -> tuple[str, str, str | None]:
    """Table, id and digest. KeyError, TypeError."""
    table, one, digest = row["t"], row["id"], row["digest"]
    if not (isinstance(table, str) and isinstance(one, str) and (digest is None or isinstance(digest, str))):
        raise TypeError("not a row")
    return table, one, digest


def judge(audit: Audit, rows: Iterable[Mapping[str, Any]], since: int) -> Iterator[str]:
    """Rows behind the application's back: each stored row against what the log last said of it. `since`: the log's size
    before the rows were read; what entries from there on say may or may not have reached them."""
    seen = set()
    for row in rows:
        seen.add(key := (str(row["t"]), str(row["id"])))
        history = audit.history.get(key, [])
        if row["digest"] not in _possible(history, since) and (history or row["digest"] is not None):
            yield f"{key[0]} {key[1]}: {_kind(history, row['digest'])}"
    for key, history in audit.history.items():
        if key not in seen and None not in _possible(history, since):
            yield f"{key[0]} {key[1]}: deleted"


def _possible(history: list[tuple[int, str | None]], since: int) -> set[str | None]:
    """The digests a row may have: the last before `since`, and those said later. None: it may be absent."""
    before = [digest for number, digest in history if number < since]
    return {before[-1] if before else None, *(digest for number, digest in history if number >= since)}


def _kind(history: list[tuple[int, str | None]], digest: str | None) -> str:
    older = [number for number, said in history if said == digest and said is not None]
    if older:
        return f"rolled back to entry {older[-1]}"
    return "edited" if history and history[-1][1] is not None else "inserted"


# -- proofs -------------------------------------------------------------------------------------------------------


def proof_text(index: int, path: Iterable[bytes], note: str) -> str:
    """An inclusion proof as C2SP tlog-proof writes it."""
    return "\n".join([PROOF, f"index {index}", *map(b64, path), "", note])


def read_proof(proof: str) -> tuple[int, list[bytes], Note]:
    """Index, path and checkpoint of a tlog-proof. ValueError."""
    above, gap, note = proof.partition("\n\n")
    first, *path = above.split("\n")
    if path and path[0].startswith("extra "):  # means nothing here
        path.pop(0)
    second = path.pop(0) if path else ""
    index = second.removeprefix("index ")
    if not gap or first != PROOF or second == index or str(int(index)) != index:
        raise ValueError("not a proof")
    return int(index), [unb64(line) for line in path], Note.read(note)


def check_proof(proof: str, entry: bytes, keys: Sequence[Key]) -> str | None:
    """Why a proof does not show that the entry is in the log these keys sign for; None when it does."""
    index, path, note = read_proof(proof)
    own = [key for key in keys if key.name == note.origin]  # a key signs for the log whose name it has
    if not own:
        return f"refused, it is of another log ({note.origin})"
    try:
        if not note.signers(own):
            return "no key that is believed signed its checkpoint"
        return None if climb(leaf_hash(entry), index, note.size, path) == note.root else "the entry is another one"
    except ValueError as error:
        return str(error)


# -- files --------------------------------------------------------------------------------------------------------


class Unusable(Exception):
    """A file that is missing or not what it has to be; the text names it."""


class Malformed(Unusable):
    """A file that is there and is not in its form."""


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise Malformed(f"{path} is not text in UTF-8") from None
    except (OSError, ValueError):
        raise Unusable(f"{path} cannot be read") from None


def _parsed(path: Path, read: Callable[[str], Any]) -> Any:
    text = _text(path)
    try:
        return read(text)
    except (ValueError, LookupError, TypeError, AttributeError, ArithmeticError, RecursionError):
        raise Malformed(f"{path} is not in the form it has to have") from None


def _lines(path: Path) -> Iterator[bytes]:
    try:
        with path.open("rb") as file:
            for line in file:
                yield line.removesuffix(b"\n")
    except OSError:
        raise Unusable(f"{path} cannot be read") from None


def kept_in(
    paths: Sequence[Path], origins: Sequence[str], elsewhere: Sequence[str] | None = ()
) -> tuple[dict[str, list[tuple[str, Note]]], list[str]]:
    """The notes in files kept outside, with their file's name, by the log they are of; and remarks on logs of which
    there is nothing to compare with. Raises Unusable.

    A log of these hosts of which a note was kept has to be there: the largest note goes to the first log, which refuses
    it. So do the notes of a file that holds none of these logs. `elsewhere`: logs that are there and were not asked
    for; None when nobody asked for others."""
    found: dict[str, list[tuple[str, Note]]] = {origin: [] for origin in origins}
    hosts, remarks = {_host(origin) for origin in origins}, []
    for path in paths:
        notes: list[Note] = _parsed(path, notes_in)
        if not notes:
            raise Unusable(f"{path} holds no note")
        own = [note for note in notes if note.origin in found]
        for note in own:
            found[note.origin].append((path.name, note))
        strange = {note.origin: note for note in sorted(notes, key=lambda note: note.size) if note.origin not in found}
        for origin, note in strange.items():
            if not own or (elsewhere is not None and origin not in elsewhere and _host(origin) in hosts):
                found[origins[0]].append((path.name, note))
            elif origin not in (elsewhere or ()):
                remarks.append(f"kept note {path.name}: that log was not looked at, it is not here ({origin})")
    return found, remarks


def _host(origin: str) -> str:
    return origin.rpartition("/audit/")[0]


def verify_folders(folder: Path, kept: Sequence[Path], given: Sequence[Key], *, state: bool) -> Iterator[Audit]:
    """Every export in a folder, each against the notes and keys of its own log. Raises Unusable.

    Whoever names one export and gives no key but its own has asked for that log only."""
    folders = folders_in(folder)
    origins = [_origin(one) for one in folders]
    damaged = any("/audit/" not in origin for origin in origins)  # it may be the one a key is of
    for key in given:
        if key.name not in origins and not damaged:
            raise Unusable(f"--key {key.name}: no export here is of that log")
    notes, remarks = kept_in(kept, origins, None if given and folders == [folder] else ())
    for one, origin in zip(folders, origins, strict=True):
        audit = verify_folder(one, notes[origin], [key for key in given if key.name == origin], state=state)
        while remarks:  # with the first
            audit.found.remark(remarks.pop(0))
        yield audit


def _origin(folder: Path) -> str:
    """The name of the log in a folder; the folder's own when the export does not tell."""
    try:
        return str(_parsed(folder / "about.json", _about)[0])
    except Unusable:
        return folder.name


def verify_folder(folder: Path, kept: Sequence[tuple[str, Note]], given: Sequence[Key], *, state: bool) -> Audit:
    """What `audit export` wrote of one log. A file that is missing or not in its form is a fault like others."""
    audit = Audit(folder.name, folder.name, None)
    try:
        audit.origin, audit.agency, since = _parsed(folder / "about.json", _about)
        _hold(audit, folder, kept, given)
        if since > audit.tree.size:
            audit.found.fault(f"about.json: rows_since is {since}, the log has {audit.tree.size} entries only")
        if state:
            _judge(audit, folder, since)
    except Unusable as error:
        audit.found.fault(str(error))
    return audit


def _hold(audit: Audit, folder: Path, kept: Sequence[tuple[str, Note]], given: Sequence[Key]) -> None:
    """The entries of an export against its checkpoints and the notes kept outside."""
    found, keys = audit.found, folder / "keys.json"
    listed: list[Key] = _parsed(keys, lambda text: [Key.read(key) for key in json.loads(text)["keys"]])
    changes: list[Note] = _parsed(keys, lambda text: [Note.read(note) for note in json.loads(text)["changes"]])
    stored = list(dict.fromkeys([*_parsed(folder / "checkpoints.txt", notes_in), *changes]))
    if not given:
        found.remark("no --key was given: signatures were checked against the keys in the export itself")
    if not str(audit.origin).endswith(f"/audit/{audit.agency}"):
        found.fault(f"about.json: {audit.origin} is not the log of agency {audit.agency}")
    for key in listed:
        if key.name != audit.origin:
            found.fault(f"keys.json: key {key.id.hex()} is of another log ({key.name})")
    own = [key for key in listed if key.name == audit.origin]
    turns = _turns(folder / "entries.jsonl") if len(own) > 1 else {}
    audit.keys = Keys(own, [*stored, *(note for _, note in kept)], given, found, turns)
    for note in stored:
        audit.expect(note)
    for name, note in kept:
        audit.expect(note, name)
    audit.begin()
    for line in _lines(folder / "entries.jsonl"):
        audit.add(line)
    audit.end()
    if max((note.size for note in stored), default=0) < audit.tree.size:
        found.fault(f"no checkpoint covers all {audit.tree.size} entries")


def _judge(audit: Audit, folder: Path, since: int) -> None:
    """The rows of an export against what its entries say of them."""
    if late := sum(1 for history in audit.history.values() if history[-1][0] >= since):
        audit.found.remark(
            f"{late} of {len(audit.history)} rows may be in any state they had from entry {since} on, or be gone: "
            "about.json says they were read while those entries were written"
        )
    for said in judge(audit, (_parsed_line(line) for line in _lines(folder / "rows.jsonl")), since):
        audit.found.fault(said)


def _turns(path: Path) -> Turns:
    """What entries say of changes of key. It counts where a note of both keys covers it."""
    turns: dict[tuple[str, str], int] = {}
    for number, line in enumerate(_lines(path)):
        if TURN.encode() in line and (entry := entry_of(line)) and entry.get("action") == TURN:
            try:
                counts = entry["object"]["counts"]
                turns.setdefault((str(counts["old"]), str(counts["new"])), number)
            except (KeyError, TypeError):
                continue  # from before these entries named keys
    return turns


def _about(text: str) -> tuple[str, str, int]:
    about = json.loads(text)
    origin, agency, since = about["origin"], about["agency"], about["rows_since"]
    named = all(isinstance(name, str) and name.isprintable() for name in (origin, agency))
    if type(since) is not int or since < 0 or not named:
        raise ValueError("not what an export says of itself")
    return origin, agency, since


def _parsed_line(line: bytes) -> dict[str, Any]:
    try:
        return dict(zip(("t", "id", "digest"), _row(json.loads(line)), strict=True))
    except (ValueError, KeyError, TypeError, RecursionError):
        raise Malformed("rows.jsonl is not in the form it has to have") from None


def folders_in(folder: Path) -> list[Path]:
    """The exports in a folder: itself, or one for each log. Raises Unusable when there is none."""
    if (folder / "about.json").exists():
        return [folder]
    found = sorted(path.parent for path in folder.glob("*/about.json"))
    if not found:
        raise Unusable(f"{folder} holds no export (about.json is missing)")
    return found


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("folder", metavar="DIR", type=Path, nargs="?", help="what `audit export` wrote")
    parser.add_argument(
        "--kept", metavar="FILE", type=Path, action="append", default=[], help="a checkpoint kept outside"
    )
    parser.add_argument("--key", metavar="VKEY", type=Key.read, action="append", default=[], help="a key to believe")
    parser.add_argument("--state", action="store_true", help="also compare the rows with what the log says of them")
    parser.add_argument("--proof", metavar="FILE", type=Path, help="instead of DIR: a proof to check")
    parser.add_argument("--entry", metavar="FILE", type=Path, help="with --proof: the entry, as JSON")
    chosen = parser.parse_args()
    if bool(chosen.folder) == bool(chosen.proof) or (chosen.proof and not (chosen.entry and chosen.key)):
        parser.error("give DIR, or --proof FILE --entry FILE --key VKEY")
    return chosen


def _one_entry(chosen: argparse.Namespace) -> int:
    try:
        entry = _parsed(chosen.entry, lambda text: _encode(_decode_once(text)).encode())
        wrong = _parsed(chosen.proof, lambda text: check_proof(text, entry, chosen.key))
    except Malformed as error:
        wrong = str(error)
    sys.stdout.write(f"not shown: {plain(wrong)}\n" if wrong else "the entry is in the log\n")
    return FOUND if wrong else SOUND


def main() -> int:
    """Verify what the command line names, and say what was found."""
    chosen = _options()
    sound = True
    try:
        if chosen.proof:
            return _one_entry(chosen)
        for audit in verify_folders(chosen.folder, chosen.kept, chosen.key, state=chosen.state):
            faults = audit.found.all_faults()
            sound = sound and not faults
            said = f"{len(faults)} faults" if faults else f"sound (root {root_of(audit.tree.peaks).hex()})"
            lines = [f"{plain(str(audit.origin))}: {audit.tree.size} entries, {said}"]
            lines += [f"  fault: {fault}" for fault in faults]
            lines += [f"  remark: {remark}" for remark in audit.found.remarks]
            sys.stdout.write("\n".join(lines) + "\n")
    except Unusable as error:
        sys.stderr.write(f"{plain(str(error))}\n")
        return USAGE
    return SOUND if sound else FOUND


if __name__ == "__main__":
    sys.exit(main())
