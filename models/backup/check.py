"""The rule of a restore, old data and newest key tables: whether two halves keep it, and what would come back."""

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID

from models.access import PLATFORM
from models.backup import Refused
from models.backup.halves import Half, Head, Manifest, reading
from models.backup.holds import Holds
from models.backup.notes import Kept
from models.backup.save import Done
from models.backup.since import Since
from models.backup.stores import Store, whole
from models.backup.words import GONE, Words, sealed_rows
from models.base import uuid_of
from models.errors import KeyRefused
from models.vault.roots import RootKeys
from models.vault.stored import StoredKey, unopened
from models.vouch import SUFFIX

NEWER = "give the newest export of the keys (keys export-wrapped), as --keys"


@dataclass(frozen=True)
class Asked:
    """What is to be restored, and what whoever asks takes upon herself. `without_checkpoint`: nothing kept outside says
    how new the keys must be. `accept_loss`: what cannot be opened or trusted is restored as it is."""

    data: Path
    keys: Path
    kept: Sequence[Kept] = ()
    without_checkpoint: bool = False
    accept_loss: bool = False


@dataclass
class Agency:
    """What is found of one agency. Counts of rows are of sealed rows. `dead`: clients whose key was destroyed."""

    agency_id: UUID
    alive: int = 0
    dead: set[UUID] = field(default_factory=set)
    keyless: int = 0  # clients without a key of whose destruction the ledger knows nothing
    unopened: int = 0  # keys that do not open under the root keys at hand
    rows: int = 0
    back: int = 0  # older than the ledger's last word
    missing: int = 0  # written since, or deleted from the data unseen
    changed: int = 0  # never were what the ledger said when the data were saved
    sealed_away: int = 0  # sealed under a key that is gone although the client lives
    shut: set[UUID] = field(default_factory=set)  # whose rows those are
    since: Since = field(default_factory=Since)
    holds: Holds = field(default_factory=Holds)


@dataclass
class Found:
    """Two halves that may be restored together."""

    asked: Asked
    data: Store
    keys: Store
    data_manifest: Manifest
    keys_manifest: Manifest
    words: Words
    agencies: dict[UUID, Agency] = field(default_factory=dict)
    later: list[UUID] = field(default_factory=list)  # agencies founded after the data were saved

    def counts(self) -> dict[str, int]:
        """Everything counted, over all agencies."""
        names = ("alive", "keyless", "unopened", "rows", "back", "missing", "changed", "sealed_away")
        told = {name: sum(getattr(a, name) for a in self.agencies.values()) for name in names}
        return {
            "agencies": len(self.agencies) - 1,
            "destroyed": sum(len(a.dead) for a in self.agencies.values()),
            "shut": sum(len(a.shut) for a in self.agencies.values()),
            **told,
        }

    def since(self) -> dict[str, int]:
        """Actions the ledgers hold that the data do not know, with their number."""
        return dict(sorted(sum((a.since.actions for a in self.agencies.values()), Counter[str]()).items()))

    def holds(self) -> dict[str, list[UUID]]:
        """Legal holds by what a restore does with them: those placed since that stand again, those lifted since that
        stand again too, those that cannot stand."""
        each = [agency.holds for agency in self.agencies.values()]
        return {
            "stand_again": sorted(i for holds in each for i in (*holds.gone, *holds.over)),
            "lifted_since": sorted(i for holds in each for i in holds.lifted),
            "lost": sorted(i for holds in each for i in holds.lost),
        }

    def roles_since(self) -> list[UUID]:
        """People whose roles were changed since, who have the old ones again."""
        return sorted(i for agency in self.agencies.values() for i in agency.since.roles_to_look_at())


@contextmanager
def examined(asked: Asked, root: RootKeys, done: Done) -> Iterator[Found]:
    """Both halves, opened, when they may be restored together. `done` gets 1 for each agency looked at. Raises
    Refused or KeyRefused."""
    data_manifest, keys_manifest = Manifest.read(asked.data), Manifest.read(asked.keys)
    with ExitStack() as opened:
        data = opened.enter_context(reading(asked.data, Half.DATA, data_manifest))
        keys = opened.enter_context(reading(asked.keys, Half.KEYS, keys_manifest))
        words = opened.enter_context(Words.empty())
        found = Found(asked, data, keys, data_manifest, keys_manifest, words)
        _must_be_relatives(found)
        for agency_id in data_manifest.ledgers:
            found.agencies[agency_id] = agency = Agency(agency_id)
            _follow_ledger(found, agency)
            _open_keys(found, agency, root)
            _compare_rows(found, agency)
            _compare_holds(found, agency)
            done(1)
        _must_be_whole(found)
        yield found


def _must_be_relatives(found: Found) -> None:
    """Both halves at one migration, of one installation, and somebody else's word on how new the keys must be."""
    asked, old, new = found.asked, found.data_manifest, found.keys_manifest
    if strangers := old.ledgers.keys() - new.ledgers.keys():
        raise Refused(
            f"The keys know nothing of {len(strangers)} agencies of the data",
            "They are older than the data, or of another installation",
            NEWER,
        )
    if old.revision > new.revision:
        raise Refused("The keys were saved before the data's last upgrade", "They are older than the data", NEWER)
    found.later = sorted(new.ledgers.keys() - old.ledgers.keys())
    if found.later and not asked.accept_loss:
        raise Refused(
            f"{len(found.later)} agencies were founded after the data were saved",
            "Nothing of them is in these data, so they would be gone",
            "take newer data, or say --accept-loss to go on without them",
        )
    bare = new.ledgers.keys() - {PLATFORM} - {kept.agency_id for kept in asked.kept}
    if bare and not asked.without_checkpoint:
        raise Refused(
            f"No checkpoint kept outside was given for {len(bare)} of {len(new.ledgers) - 1} agencies",
            "Only such a checkpoint shows that the keys are the newest: older ones bring destroyed clients back",
            "give each with --kept FILE, or say --without-checkpoint if none was ever kept",
        )


def _follow_ledger(found: Found, agency: Agency) -> None:
    """The newest ledger is what its head says, grew out of the data's, and holds every checkpoint kept outside."""
    agency_id, asked = agency.agency_id, found.asked
    then, head = found.data_manifest.ledgers[agency_id], found.keys_manifest.ledgers[agency_id]
    kept = [k for k in asked.kept if k.agency_id == agency_id]
    wanted = {then.size, *(k.size for k in kept)}
    walked, roots, agency.since = found.words.replay(found.keys, agency_id, then.size, wanted)
    stored = [
        Head.of(size, whole(peaks)) for size, peaks in _rows(found.keys, "ledger_heads", agency_id, "size", "frontier")
    ]
    if walked != head or stored != [head]:
        raise Refused(
            f"The ledger of {agency_id} in {asked.keys} is not what its head says",
            "Somebody changed it before or after it was saved",
            "take another export of the keys, and look into it: this is how tampering looks",
        )
    for k in kept:
        if k.size > head.size:
            raise Refused(
                f"The keys are older than the checkpoint in {k.file}: {head.size} entries of {k.size}",
                "Older keys would bring destroyed clients back",
                NEWER,
            )
        if roots[k.size] != k.root:
            raise Refused(
                f"The ledger of {agency_id} is another than the checkpoint in {k.file} tells of",
                "It was rewritten, or belongs to another installation",
                "take another export of the keys, and look into it: this is how tampering looks",
            )
    if then.size > head.size:
        raise Refused(
            f"The keys are older than the data: {head.size} entries of {then.size}", "They must be newer", NEWER
        )
    if roots[then.size] != then.root:
        raise Refused(
            "The halves are of two installations: their ledgers began differently",
            "Keys open only the data they were made for",
            "give two folders of one installation",
        )


def _open_keys(found: Found, agency: Agency, root: RootKeys) -> None:
    """Every key opens; every client of the data has one, or the ledger says that she was destroyed."""
    agency_id = agency.agency_id
    keks = {row[0]: row[1] for row in _rows(found.keys, "agency_keys", agency_id, "epoch", "wrapped")}
    stored = [
        StoredKey(kid, uuid_of(subject), purpose, epoch, wrapped)
        for kid, subject, purpose, epoch, wrapped in _rows(
            found.keys, "data_keys", agency_id, "kid", "subject_id", "purpose", "epoch", "wrapped"
        )
    ]
    if agency_id != PLATFORM and not keks:
        raise Refused(f"Agency {agency_id} has no key in {found.asked.keys}", "Nothing of it could be opened", NEWER)
    try:
        agency.unopened = len(unopened(root, agency_id, keks, stored))
    except KeyRefused as refused:
        raise Refused(
            f"The keys in {found.asked.keys} do not open ({str(refused).partition(';')[0]})",
            "They belong to another root key, or to a root epoch that was destroyed since",
            f"{NEWER}; or put the key files that belong to it into WAYPOST_KEYS_DIR",
        ) from None
    keyed = {key.subject_id for key in stored}
    for (client,) in _rows(found.data, "clients", agency_id, "id"):
        client_id = uuid_of(client)
        if client_id in keyed:
            agency.alive += 1
            continue
        agency.dead.add(client_id)
        told, _ = found.words.on(agency_id, "clients", client_id)
        if told != GONE and client_id not in agency.since.destroyed:
            agency.keyless += 1


def _compare_rows(found: Found, agency: Agency) -> None:
    """Every sealed row of the data against the ledger's words, then and now; no key is needed."""
    agency_id, words = agency.agency_id, found.words
    kids = {(kid, uuid_of(s)) for kid, s in _rows(found.keys, "data_keys", agency_id, "kid", "subject_id")}
    for row in sealed_rows(found.data, agency_id):
        now, then = words.on(agency_id, row.table, row.id)
        if row.subject_id in agency.dead:
            continue
        if row.table.endswith(SUFFIX):  # of a row the ledger never vouched for, it will go on saying nothing
            agency.changed += then is not None and row.digest != then
            continue
        agency.rows += 1
        agency.changed += row.digest != then
        agency.back += row.digest == then and row.digest != now
        if any((kid, row.subject_id) not in kids for kid in row.kids):
            agency.sealed_away += 1
            agency.shut.add(row.subject_id)
    agency.missing = sum(1 for table, *_ in words.unseen(agency_id) if not table.endswith(SUFFIX))


def _compare_holds(found: Found, agency: Agency) -> None:
    """Legal holds of the data against the ledger's words. Data from before there were any have no table of them."""
    data, agency_id = found.data, agency.agency_id
    known = "legal_holds" in data.tables()
    holds = _rows(data, "legal_holds", agency_id, "id", "client_id", "lifted_at") if known else iter(())
    agency.holds = Holds.compare(agency.since, holds, _rows(data, "clients", agency_id, "id"), agency.dead)


def _rows(store: Store, table: str, agency_id: UUID, *names: str) -> Iterator[tuple[Any, ...]]:
    found = store.tables()[table]
    places = [found.at(name) for name in names]
    return (tuple(row[place] for place in places) for batch in store.read(found, agency_id) for row in batch)


def _must_be_whole(found: Found) -> None:
    """Keys that open; and, unless loss is accepted, rows that are what they were and can be opened."""
    counts = found.counts()
    if counts["unopened"]:
        raise Refused(
            f"{counts['unopened']} data keys do not open",
            "They were changed, or their root epoch was destroyed while keys were left under it",
            NEWER,
        )
    losses = {
        "keyless": "clients have no key, and the ledger does not tell that they were destroyed",
        "changed": "rows of the data are not what the ledger says they were: somebody changed them behind its back",
        "sealed_away": f"rows of {counts['shut']} clients are sealed under keys that are gone, though they live: "
        "they were given new keys since",
    }
    for name, words in losses.items():
        if counts[name] and not found.asked.accept_loss:
            raise Refused(
                f"{counts[name]} {words}",
                "Restored like this they are lost, or not to be trusted",
                "take newer data, or say --accept-loss; the ledger will name the rows",
            )
