"""Checkpoints kept outside: what a ledger had to be when somebody else took note of it."""

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from models.backup import Refused
from models.ledger.offline import Note, notes_in
from models.vault.notes import Notary


@dataclass(frozen=True)
class Kept:
    """One checkpoint this installation signed: whose ledger, its size, its root, and the file it was kept in."""

    agency_id: UUID
    size: int
    root: bytes
    file: Path


def read_kept(file: Path, notary: Notary) -> list[Kept]:
    """Every checkpoint in a file, as a sink writes them or one behind the other. Raises Refused when there is none, or
    one that this installation's keys did not sign."""
    try:
        notes = notes_in(file.read_text())
    except (OSError, ValueError):
        notes = []
    if not notes:
        raise Refused(
            f"{file} holds no checkpoint",
            "One is <host>/audit/<agency>, a size, a root in base64, an empty line, and its signature",
            "give a checkpoint that was kept outside, as it was published",
        )
    return [_believed(note, file, notary) for note in notes]


def _believed(note: Note, file: Path, notary: Notary) -> Kept:
    with suppress(ValueError):
        agency_id = UUID(note.origin.rpartition("/audit/")[2])
        if note.signers(notary.keys(agency_id)):
            return Kept(agency_id, note.size, note.root, file)
    raise Refused(
        f"A checkpoint in {file} was not signed by this installation",
        "What somebody else wrote says nothing about which keys are the newest",
        "give the checkpoint as it was published, and the checkpoint.json of the installation it came from",
    )
