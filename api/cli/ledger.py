"""The ledger's verbs: verify logs or exports, sign a checkpoint now, prove an entry, export, change the key."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID

from api.cli.house import House, open_house
from api.cli.say import FOUND, OK, PROGRAM, USAGE, Answer, Trouble, bar, write_private
from api.sinks import opened as opened_sink
from models.access import PLATFORM
from models.errors import NotFound
from models.ledger import book, checkpoint, offline, state
from models.ledger.action import Action
from models.ledger.book import Verdict
from models.ledger.export import export as write_export
from models.ledger.offline import Key, Note
from models.workspace import Workspace


def verify(
    folder: Path | None, agency: str | None, kept: Sequence[Path], keys: Sequence[str], *, state: bool
) -> Answer:
    """The logs of this installation, or an export: exit 1 when anything is not what it was."""
    try:
        given = [Key.read(key) for key in keys]
    except ValueError:
        raise Trouble("--key is no verifier key", "It looks like name+id+key", "see docs/verify.md", USAGE) from None
    try:
        found = _exports(folder, kept, given, state=state) if folder else _logs(agency, kept, state=state)
    except offline.Unusable as error:
        said = offline.plain(str(error))
        raise Trouble(said, "Without it nothing can be said", "see docs/verify.md", USAGE) from None
    lines = [line for one in found for line in _spoken(one)]
    sound = not any(one["faults"] for one in found)
    return Answer({"sound": sound, "ledgers": found}, lines, OK if sound else FOUND)


def _exports(folder: Path, kept: Sequence[Path], given: Sequence[Key], *, state: bool) -> list[dict[str, Any]]:
    found = []
    for audit in offline.verify_folders(folder, kept, given, state=state):
        root = offline.root_of(audit.tree.peaks).hex()
        found.append(
            {"agency": offline.plain(audit.agency), "size": audit.tree.size, "root": root}
            | {"faults": audit.found.all_faults(), "remarks": audit.found.remarks}
        )
    return found


def _logs(agency: str | None, kept: Sequence[Path], *, state: bool) -> list[dict[str, Any]]:
    """The logs of the platform and of every agency, or of one."""
    with open_house() as house:
        wanted = _wanted(house, agency)
        origin_of = house.database.vault.notary.origin
        origins = [origin_of(agency_id) for agency_id in wanted]
        notes, remarks = offline.kept_in(kept, origins, [origin_of(agency_id) for agency_id in _wanted(house, None)])
        with bar("Verifying the ledgers", len(wanted)) as done:
            verdicts = []
            for agency_id, origin in zip(wanted, origins, strict=True):
                verdicts.append(_verify(house, agency_id, notes[origin], state=state))
                done(1)
    return [
        {"agency": str(v.agency_id), "size": v.size, "root": v.root, "faults": v.faults}
        | {"remarks": [*v.remarks, *(() if number else remarks)]}
        for number, v in enumerate(verdicts)
    ]


def _wanted(house: House, agency: str | None) -> list[UUID]:
    if agency:
        return [house.agency(agency).agency_id]
    return [PLATFORM, *(row.agency_id for row in house.agencies())]


def _verify(house: House, agency_id: UUID, kept: Sequence[tuple[str, Note]], *, state: bool) -> Verdict:
    """One log; that it was verified is itself an entry, in a transaction of its own."""
    verdict = book.verified(partial(house.within, agency_id), agency_id, kept, state=state)

    def note(db: Workspace) -> None:
        db.note(Action.AUDIT_VERIFIED, "ledger_heads", [])

    house.within(agency_id, note)
    return verdict


def _spoken(one: dict[str, Any]) -> list[str]:
    name = "platform" if one["agency"] == str(PLATFORM) else one["agency"]
    found = f"{len(one['faults'])} faults" if one["faults"] else f"sound (root {one['root'][:16]}…)"
    more = [*(f"  fault: {f}" for f in one["faults"]), *(f"  remark: {r}" for r in one["remarks"])]
    return [f"{name}: {one['size']} entries, {found}", *more]


def vouch(agency: str | None) -> Answer:
    """Whoever runs this stands for the rows: from here on the ledgers know what each one grants."""
    with open_house() as house:
        wanted = _wanted(house, agency)
        told = {str(agency_id): state.vouch_for_all(partial(house.within, agency_id)) for agency_id in wanted}
    line = f"The ledgers say what {sum(told.values())} rows grant; a change they do not tell of is found from now on."
    return Answer({"vouched": told}, [line])


def sign(agency: str | None) -> Answer:
    """Sign, store and publish a checkpoint of every log, or of one; exit 1 when a sink did not take it."""
    with open_house() as house:
        notes = {agency_id: house.within(agency_id, checkpoint.sign_and_keep) for agency_id in _wanted(house, agency)}
        missed = _published(house, list(notes.values()))
    signed = [{"agency": str(agency_id), "note": note} for agency_id, note in notes.items()]
    lines = ["\n".join(notes.values()).rstrip("\n"), *(f"not delivered to {sink}" for sink in missed)]
    return Answer({"checkpoints": signed, "not_delivered": missed}, lines, FOUND if missed else OK)


def _published(house: House, notes: list[str]) -> list[str]:
    """Hand notes to every sink; returns the kinds of those that failed."""
    missed = []
    for address in house.settings.checkpoint_sinks:
        kind, deliver = opened_sink(address)
        try:
            for note in notes:
                deliver(note)
        except Exception as error:  # noqa: BLE001 - the other sinks get it all the same
            missed.append(f"{kind} ({type(error).__name__})")
    return missed


def prove(seq: int, agency: str, to: Path | None) -> Answer:
    """A proof that one entry is in a log, printed or written into a private file."""
    with open_house() as house:
        agency_id = house.agency(agency).agency_id
        try:
            proof = house.within(agency_id, lambda db: checkpoint.prove(db, seq))
        except NotFound:
            why, then = "A proof is of an entry that is in the log", f"{PROGRAM} audit verify --agency {agency_id}"
            raise Trouble(f"The log has no entry {seq}", why, then) from None
    if to is None:
        return Answer({"proof": proof}, [proof.rstrip("\n")])
    write_private(to, proof)
    return Answer({"file": str(to)}, [f"wrote {to}"])


def export(folder: Path, agency: str | None) -> Answer:
    """Write the logs as files: one into the folder itself, all of them into a folder each."""
    if folder.exists():
        raise Trouble(f"{folder} is there already", "An export is never mixed with another", "name a new folder")
    with open_house() as house:
        wanted = _wanted(house, agency)
        with bar("Exporting the ledgers", len(wanted)) as done:
            written = []
            if not agency:
                folder.mkdir(mode=0o700, parents=True)
            for agency_id in wanted:
                target = folder if agency else folder / str(agency_id)
                written.append(write_export(partial(house.within, agency_id), agency_id, target))
                done(1)
    told = [{"folder": str(w.folder), "size": w.size, "rows": w.rows, "sha256": w.sha256} for w in written]
    lines = [f"{w.folder}: {w.size} entries, {w.rows} rows (sha256 of the entries {w.sha256[:16]}…)" for w in written]
    return Answer({"exported": told}, lines)


def rotate_key() -> Answer:
    """Change the checkpoint key: one note of each log is signed by both keys, then the old one is destroyed. What was
    cut short goes on where it stopped."""
    with open_house() as house:
        notary, sizes, notes = house.database.vault.notary, dict[str, int](), list[str]()
        notary.begin_change()
        for agency_id in _wanted(house, None):
            house.within(agency_id, checkpoint.rotate_key)
            notes.append(note := house.within(agency_id, checkpoint.sign_and_keep))
            sizes[str(agency_id)] = Note.read(note).size
        missed = _published(house, notes)
        notary.end_change(sizes)
        keys = {agency: str(notary.keys(UUID(agency))[-1]) for agency in sizes}
    lines = [
        f"The checkpoint key was changed; {len(notes)} logs have a note signed by both keys.",
        f"Back up {notary.path}, and give the new verifier keys to whoever checks:",
        *keys.values(),
        *(f"not delivered to {sink}" for sink in missed),
    ]
    return Answer({"changed": True, "keys": keys, "not_delivered": missed}, lines, FOUND if missed else OK)
