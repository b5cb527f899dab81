"""Backups: saving both halves or the keys alone, looking whether two may be restored together, restoring them."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any

import migrations
from api.cli.embedded import EmbeddedFile
from api.cli.house import engine_of, must_encrypt
from api.cli.say import FOUND, OK, PROGRAM, USAGE, Answer, Trouble, bar
from api.keys import open_vault
from api.settings import Settings
from models.backup import Refused
from models.backup.check import Asked, Found, examined
from models.backup.halves import Half, Manifest
from models.backup.notes import read_kept
from models.backup.restore import restore as restore_into
from models.backup.save import ledgers_sound, rows_of, save, snapshot
from models.database import all_or_nothing

BOTH = (Half.DATA, Half.KEYS)


def back_up(to: Path | None) -> Answer:
    """Both halves of this instant; exit 1 when a ledger in it is not sound."""
    answer = _saved(to, BOTH, "waypost")
    keys = Settings().keys
    return Answer(
        answer.data, [*answer.lines, f"The key files are not in it: keep a copy of {keys} elsewhere."], answer.code
    )


def export_keys(to: Path | None) -> Answer:
    """The key tables and the ledgers alone."""
    return _saved(to, (Half.KEYS,), "keys")


def _saved(to: Path | None, halves: tuple[Half, ...], name: str) -> Answer:
    settings = Settings()
    if file := EmbeddedFile.of(settings.app_url()):
        file.must_exist()
        file.must_be_sound()
    must_encrypt(settings, settings.app_url())
    folder = to or _unused(settings.data_dir / "backups" / f"{name}-{datetime.now(UTC):%Y%m%dT%H%M%SZ}")
    with (
        engine_of(settings.app_url()) as engine,
        snapshot(engine) as store,
        bar("Saving", rows_of(store, halves)) as done,
    ):
        manifest = save(store, folder, halves, done)
    unsound = ledgers_sound(folder)
    data = {"folder": str(folder), "sound": not unsound, **manifest.data()}
    return Answer(data, [*_told(folder, manifest), *_warned(unsound)], FOUND if unsound else OK)


def _unused(folder: Path) -> Path:
    """The folder, or with a number behind it when one was made in the same second."""
    names = (folder if n == 1 else folder.with_name(f"{folder.name}-{n}") for n in count(1))
    return next(name for name in names if not name.exists())


def _told(folder: Path, manifest: Manifest) -> Iterator[str]:
    yield f"Saved {folder} (agencies: {len(manifest.ledgers) - 1}, revision {manifest.revision})."
    for half, file in manifest.files.items():
        rows = sum(file["rows"].values())
        yield f"  {half.file}: {rows} rows, {file['bytes'] / 1e6:.1f} MB (sha256 {file['sha256'][:16]}…)"


def _warned(unsound: list[Any]) -> Iterator[str]:
    if unsound:
        yield f"The ledgers of {len(unsound)} agencies are not sound. Next: {PROGRAM} audit verify"


@dataclass(frozen=True)
class Words:
    """What stood on the command line."""

    data: Path | None
    keys: Path | None
    kept: list[Path]
    without_checkpoint: bool
    accept_loss: bool

    def asked(self, settings: Settings) -> Asked:
        """What is asked for. Trouble when a folder is not named."""
        if self.data is None or self.keys is None:
            raise Trouble(
                "Which backup is not said: --data FOLDER and --keys FOLDER are needed",
                "The data may be old, the keys have to be the newest",
                f"{PROGRAM} db restore --help",
                USAGE,
            )
        notary = open_vault(settings).notary if self.kept else None
        kept = [note for file in self.kept for note in read_kept(file, notary)] if notary else []
        return Asked(self.data, self.keys, kept, self.without_checkpoint, self.accept_loss)


def check(words: Words) -> Answer:
    """Whether the two may be restored together: exit 0, or 1 and why not."""
    settings = Settings()
    try:
        with _examined(words.asked(settings), settings) as found:
            next_step = "Next, into an empty database: the same without `check`"
            return Answer(_data(found), [*_found(found), next_step])
    except Refused as no:
        raise Trouble(no.what, no.why, no.next_step, FOUND) from None


def restore(words: Words) -> Answer:
    """Fill an empty database; all of it or nothing."""
    settings = Settings()
    asked = words.asked(settings)
    file = EmbeddedFile.of(settings.owner_url())
    if file:
        file.must_be_empty()
    with _examined(asked, settings) as found:
        if file:
            with file.replaced() as path:
                _fill(f"sqlite:///{path}", found, settings)
        else:
            _fill(settings.owner_url(), found, settings)
        next_step = f"Restored. Everybody signs in anew. Next: {PROGRAM} audit verify && {PROGRAM} doctor"
        return Answer({"restored": True, **_data(found)}, [*_found(found), next_step])


def _fill(url: str, found: Found, settings: Settings) -> None:
    must_encrypt(settings, url)
    rows = sum(sum(file["rows"].values()) for file in found.data_manifest.files.values())
    with engine_of(url) as engine, bar("Restoring", rows) as done, all_or_nothing(engine) as connection:
        restore_into(connection, found, open_vault(settings), migrations.upgrade_on, done)


@contextmanager
def _examined(asked: Asked, settings: Settings) -> Iterator[Found]:
    manifest = Manifest.read(asked.data)
    _must_know(manifest)
    with (
        bar("Looking at both halves", len(manifest.ledgers)) as done,
        examined(asked, open_vault(settings).root, done) as found,
    ):
        yield found


def _must_know(manifest: Manifest) -> None:
    """Trouble for a backup of a newer version."""
    if manifest.revision not in migrations.revisions():
        raise Trouble(
            "The backup was made by a newer version of Waypost",
            "This code does not know its rules and could break what it holds",
            "install that version, and restore with it",
        )


def _data(found: Found) -> dict[str, Any]:
    return {
        "data": {"made_at": found.data_manifest.made_at, "revision": found.data_manifest.revision},
        "keys": {"made_at": found.keys_manifest.made_at},
        "checkpoints": len(found.asked.kept),
        "left_out": [str(agency_id) for agency_id in found.later],
        **found.counts(),
        "since": found.since(),
        "holds": {name: [str(one) for one in ids] for name, ids in found.holds().items()},
        "roles_since": [str(user_id) for user_id in found.roles_since()],
    }


def _found(found: Found) -> list[str]:
    n = found.counts()
    data, keys = found.data_manifest.made_at, found.keys_manifest.made_at
    kept = len(found.asked.kept)
    lines = [
        f"Data of {data:%Y-%m-%d %H:%M} UTC, keys of {keys:%Y-%m-%d %H:%M} UTC; agencies: {n['agencies']}.",
        f"Checkpoints kept outside: {kept}, and all hold."
        if kept
        else "No checkpoint: nothing shows how new the keys are.",
        f"Clients: {n['alive']} whose keys open; {n['destroyed']} destroyed since, who do not come back.",
        f"Sealed rows: {n['rows']}; {n['back']} go back to an older state, {n['missing']} written since are missing.",
    ]
    if lost := [f"{n[name]} {words}" for name, words in _LOST.items() if n[name]]:
        lines.append(f"Accepted: {', '.join(lost)}.")
    if found.later:
        lines.append(f"Left out, founded after the data were saved: {', '.join(map(str, found.later))}.")
    if since := found.since():
        told = ", ".join(f"{action} {count}" for action, count in since.items())
        lines.append(f"The ledger tells of what the data do not know: {told}.")
    return [*lines, *_to_look_at(found)]


def _to_look_at(found: Found) -> Iterator[str]:
    """What somebody has to look at right after the restore, by id."""
    named = {words: found.holds()[name] for name, words in _HOLDS.items()}
    named["people had their roles changed since and have the old ones again"] = found.roles_since()
    for words, ids in named.items():
        if ids:
            yield f"Look at: {len(ids)} {words}: {', '.join(map(str, ids))}."


_HOLDS = {
    "stand_again": "legal holds placed since stand again, those not in these data without their words",
    "lifted_since": "legal holds lifted since stand again",
    "lost": "legal holds placed since cannot stand, for their clients are not in these data",
}
_LOST = {
    "keyless": "clients without a key",
    "changed": "rows that are not what the ledger says they were",
    "sealed_away": "rows that cannot be opened",
}
