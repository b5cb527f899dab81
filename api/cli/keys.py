"""The keys in motion, as verbs: rotate, replace, check, destroy an epoch, and how they stand."""

import os
import stat
import time
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from api.cli.house import House, open_house
from api.cli.say import FOUND, OK, PROGRAM, USAGE, Answer, Trouble, bar
from api.keys import CHECKPOINT, ROOT, SERVICE
from api.settings import Settings
from models import rekey as replacing
from models.ledger.action import Action
from models.ledger.finding import search
from models.rows import client_in_sight
from models.vault import rotation
from models.vault.keys import WORN
from models.workspace import Workspace

BREATH = 0.05  # seconds between two batches: SQLite lets a waiting request in only when nobody writes


def must_be_writable(settings: Settings) -> None:
    """Trouble when the key files cannot be changed here, before anything is done."""
    if not os.access(settings.keys, os.W_OK):
        raise Trouble(
            f"{settings.keys} cannot be written here",
            "A root epoch is added and destroyed in the key files",
            "the same command where the folder can be written (docs/keys.md tells how with Docker)",
        )


def rotate(to: str | None) -> Answer:
    """A new root epoch, and every agency's keys wrapped under it; or the rest of a rotation that was stopped."""
    settings = Settings()
    must_be_writable(settings)
    with open_house(settings) as house:
        epoch, resumed = _epoch_to_reach(house, to)
        started, wrapped = time.monotonic(), turn_over(house, epoch)
    seconds = time.monotonic() - started
    data = {"epoch": epoch, "resumed": resumed, "keys": wrapped, "seconds": round(seconds, 1)}
    lines = [
        f"Epoch {epoch} wraps every key now: {wrapped} wrapped anew in {seconds:.1f} s.",
        f"Back up {settings.keys} before anything else. Older backups need the older epochs: {PROGRAM} keys status",
    ]
    return Answer(data, lines)


def turn_over(house: House, epoch: int) -> int:
    """Wrap the keys of every agency under the current root epoch. Returns how many; what is done already is left."""
    agencies = [row.agency_id for row in house.agencies()]
    for agency_id in agencies:
        house.within(agency_id, rotation.begin)
    total = sum(house.within(agency_id, lambda db: rotation.behind(db, epoch)) for agency_id in agencies)
    wrapped = 0
    with bar("Wrapping keys anew", total) as done:
        for agency_id in agencies:
            while moved := house.within(agency_id, lambda db: rotation.rewrap(db, epoch)):
                wrapped += moved
                done(moved)
                time.sleep(BREATH if house.database.embedded else 0)
            house.within(agency_id, lambda db: rotation.end(db, epoch))
    if wrapped:
        house.platform(lambda db: db.note(Action.KEYS_ROTATED, "agency_keys", [], epoch=epoch, keys=wrapped))
    return wrapped


def replace(client: str | None, agency: str | None) -> Answer:
    """A new data key for a client, or for an agency's own rows; everything sealed under the old one sealed anew."""
    with open_house() as house:
        if client is not None:
            subject = _uuid(client)
            agency_id = _agency_of(house, subject)
        elif agency is not None:
            subject = agency_id = house.agency(agency).agency_id
        else:
            raise Trouble(
                "Whose key is not said",
                "A key seals one client's rows, or the agency's own",
                f"{PROGRAM} keys rekey --help",
                USAGE,
            )
        rows = house.within(agency_id, lambda db: replacing.rekey(db, subject))
    data = {"subject": str(subject), "agency": str(agency_id), "rows": rows}
    lines = [
        f"A new key seals {rows} rows; the old one is gone.",
        f"Older backups hold these rows under the key that is gone. Next: {PROGRAM} db backup",
    ]
    return Answer(data, lines)


def check() -> Answer:
    """Open every key there is: exit 1 when one does not open."""
    with open_house() as house:
        found = {row.agency_id: house.within(row.agency_id, rotation.check) for row in house.agencies()}
    data = [{"agency": str(a), "opened": c.opened, "damaged": [str(s) for s in c.damaged]} for a, c in found.items()]
    lines = [
        f"{a}: {c.opened} keys open" + (f", {len(c.damaged)} do not" if c.damaged else "") for a, c in found.items()
    ]
    lines += [f"  the key of {subject} does not open" for c in found.values() for subject in c.damaged]
    sound = not any(c.damaged for c in found.values())
    return Answer({"sound": sound, "agencies": data}, lines, OK if sound else FOUND)


def destroy_epoch(epoch: int, *, urgent: bool, sure: bool) -> Answer:
    """Destroy a root epoch that wraps nothing any more. What only it could open, in old backups, is gone for ever."""
    settings = Settings()
    must_be_writable(settings)
    with open_house(settings) as house:
        root = house.database.vault.root
        if urgent and epoch == root.current():
            _must_be_sure(epoch, urgent=urgent, sure=sure)
            turn_over(house, root.rotate())
        _must_be_unused(house, epoch)
        free = _freed(house).get(epoch, datetime.now(UTC)) + timedelta(days=settings.backup_window)
        if not urgent and free > datetime.now(UTC):
            raise Trouble(
                f"Backups that need epoch {epoch} may be kept until {free:%Y-%m-%d}",
                "Without it they cannot be restored",
                f"wait, or if they are to die now: {PROGRAM} keys destroy-epoch {epoch} --urgent --yes",
            )
        _must_be_sure(epoch, urgent=urgent, sure=sure)
        root.destroy(epoch)  # first: the log must not say of a key that it is gone while its service is away
        house.platform(lambda db: db.note(Action.KEYS_EPOCH_DESTROYED, "root_keys", [], epoch=epoch))
    lines = [
        f"Epoch {epoch} is destroyed. Destroy every copy of it too: backups of {settings.keys} hold it.",
        f"Back up {settings.keys} now.",
    ]
    return Answer({"destroyed": epoch, "epochs": list(root.epochs())}, lines)


def status() -> Answer:
    """The key files, keys by epoch, seals, and until when backups need an older epoch."""
    settings = Settings()
    with open_house(settings) as house:
        root = house.database.vault.root
        found = _by_epoch(house)
        freed = _freed(house)
        agencies = len(house.agencies())
    window = timedelta(days=settings.backup_window)
    epochs: list[dict[str, Any]] = [
        {"epoch": epoch, "service": service, "current": epoch == root.current()}
        | found.get(epoch, {"agencies": 0, "keys": 0, "seals": 0, "most_seals": 0})
        | {"may_be_destroyed_from": f"{freed[epoch] + window:%Y-%m-%d}" if epoch in freed else None}
        for epoch, service in root.epochs().items()
    ]
    files = {
        n: f"{stat.S_IMODE((settings.keys / n).stat().st_mode):04o}"
        for n in (ROOT, SERVICE, CHECKPOINT)
        if (settings.keys / n).exists()
    }
    data = {
        "folder": str(settings.keys),
        "files": files,
        "demo": root.demo,
        "agencies_opened": agencies,
        "backup_window_days": settings.backup_window,
        "epochs": epochs,
    }
    lines = [f"{settings.keys}: {', '.join(f'{name} {mode}' for name, mode in files.items())}"]
    lines += [_spoken(row) for row in epochs]
    lines += [
        f"A client destroyed today can be opened from backups until epoch {root.current()} is destroyed: "
        f"{settings.backup_window} days after the next rotation at the earliest."
    ]
    return Answer(data, lines)


def _spoken(row: dict[str, Any]) -> str:
    said = f"epoch {row['epoch']}, {row['service']}{' (current)' if row['current'] else ''}: "
    said += f"{row['agencies']} agencies, {row['keys']} keys, {row['seals']} seals, "
    said += f"{row['most_seals']} at most under one key"
    if row["most_seals"] >= WORN:
        said += " (worn: the worker replaces it)"
    return said + (f"; may be destroyed from {row['may_be_destroyed_from']}" if row["may_be_destroyed_from"] else "")


def _by_epoch(house: House) -> dict[int, dict[str, Any]]:
    """Agencies, keys and seals by epoch, over all agencies."""
    found: dict[int, dict[str, Any]] = {}
    for agency in house.agencies():
        epochs, counts = house.within(agency.agency_id, lambda db: (rotation.epochs(db), rotation.counts(db)))
        for epoch in epochs:
            found.setdefault(epoch, {"agencies": 0, "keys": 0, "seals": 0, "most_seals": 0})["agencies"] += 1
        for row in counts:
            of = found.setdefault(row.epoch, {"agencies": 0, "keys": 0, "seals": 0, "most_seals": 0})
            of["keys"] += row.keys
            of["seals"] += int(row.seals)
            of["most_seals"] = max(of["most_seals"], row.most)
    return found


def _freed(house: House) -> dict[int, datetime]:
    """When each older epoch wrapped its last key, by the platform's log."""

    def read(db: Workspace) -> list[dict[str, Any]]:
        return search(db, 1000, -1, subject_id=None, actor_id=None, actions=[Action.KEYS_ROTATED])

    freed: dict[int, datetime] = {}
    for entry in house.platform(read):
        reached = entry["object"]["counts"]["epoch"]
        for epoch in range(1, reached):
            freed.setdefault(epoch, datetime.fromisoformat(entry["at"]))
    return freed


def _epoch_to_reach(house: House, to: str | None) -> tuple[int, bool]:
    """The epoch to wrap under, and whether an unfinished rotation leads there already. Two commands at once agree."""
    root = house.database.vault.root
    before = root.current()

    def unfinished() -> bool:
        under = [house.within(row.agency_id, rotation.epochs) for row in house.agencies()]
        return any(epochs != [root.current()] for epochs in under)

    epoch = root.rotate(to, unless=unfinished)
    return epoch, epoch == before


def _must_be_unused(house: House, epoch: int) -> None:
    root = house.database.vault.root
    if epoch not in root.epochs():
        raise Trouble(
            f"There is no epoch {epoch}", "Only an epoch that is there can be destroyed", f"{PROGRAM} keys status"
        )
    if epoch == root.current() or epoch in _by_epoch(house):
        raise Trouble(
            f"Epoch {epoch} still wraps keys in use",
            "Destroying it would destroy everything that is sealed under them",
            f"{PROGRAM} keys rotate",
        )


def _must_be_sure(epoch: int, *, urgent: bool, sure: bool) -> None:
    if not sure:
        raise Trouble(
            f"Destroying epoch {epoch} cannot be undone",
            "Every backup whose keys it wraps can never be opened again",
            f"{PROGRAM} keys destroy-epoch {epoch}{' --urgent' if urgent else ''} --yes",
        )


def _agency_of(house: House, client_id: UUID) -> UUID:
    for agency_id in [row.agency_id for row in house.agencies()]:
        if house.within(agency_id, lambda db: db.rows(client_in_sight(), client_id=client_id)):
            found: UUID = agency_id
            return found
    raise Trouble("There is no such client", "A key belongs to one client of one agency", f"{PROGRAM} agency list")


def _uuid(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise Trouble(
            "That is no client's id", "Clients are named by id on the command line", "copy it from the service", USAGE
        ) from None
