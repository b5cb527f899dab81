"""The demo: invented people in a folder of their own, with keys of their own, served to this machine alone."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import migrations
from api.cli import upgrade
from api.cli.demo_people import AGENCIES, GUIDE
from api.cli.demo_world import Builder
from api.cli.embedded import EmbeddedFile
from api.cli.house import House, is_loopback, open_house, opened
from api.cli.library import load_into
from api.cli.say import PROGRAM, Answer, Handed, Trouble, hand_over, tell, write_private
from api.cli.serve import greeting, listening, run
from api.keys import ROOT, have_keys, make_keys, open_vault
from api.passwords import Passwords, one_time
from api.settings import DemoSettings, Settings
from models.user import User, who_signs_in
from models.vault.roots import RootKeys
from models.workspace import Workspace

HELD = "waypost.db"


def demo(*, fresh: bool, as_json: bool) -> Answer:
    """Build the demo when it is not there yet, then serve it with new passwords until Ctrl-C."""
    wanted = DemoSettings()
    settings = wanted.installation()
    if not is_loopback(settings.host):
        raise Trouble(
            f"A demo listens on this machine only, and WAYPOST_HOST is {settings.host}",
            "Its people are invented and its passwords are shown",
            f"unset WAYPOST_HOST, or {PROGRAM} start for real use",
        )
    with listening(settings) as port:
        _must_be_a_demo(settings)
        file = EmbeddedFile(settings.data_dir / HELD)
        settings.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        file.lock()
        prepare(settings, file, fresh=fresh)
        with open_house(settings) as house:
            passwords = renew_passwords(house, everybody=wanted.credentials is not None)
            if wanted.credentials:
                _write_credentials(wanted.credentials, settings.origin(), passwords)
            handed = hand_over("one_time_password", passwords[GUIDE], settings.data_dir / "one-time-password")
            run(house, port, lambda: tell(_welcome(settings, handed, wanted.credentials), as_json=as_json))
    return Answer()


def prepare(settings: Settings, file: EmbeddedFile, *, fresh: bool = False) -> None:
    """Have keys and a filled database in the demo's folder. A build that was cut short left nothing."""
    if fresh:
        for path in settings.data_dir.glob(f"{HELD}*"):
            if path.suffix != ".lock":
                path.unlink()
        shutil.rmtree(settings.keys, ignore_errors=True)
    if not have_keys(settings):
        make_keys(settings, demo=True)
    if not file.path.exists():
        _build(settings, file.path)
    else:
        upgrade.migrate(settings)


def _must_be_a_demo(settings: Settings) -> None:
    """Trouble when the folder holds anything but a demo: it is never touched then."""
    holds_data = (settings.data_dir / HELD).exists()
    is_demo = have_keys(settings) and RootKeys(settings.keys / ROOT).demo
    if (holds_data or have_keys(settings)) and not is_demo:
        raise Trouble(
            f"{settings.data_dir} holds an installation that is no demo",
            "A demo mixes invented people with real ones nowhere",
            f"WAYPOST_DATA_DIR=demo-data {PROGRAM} demo",
        )


def _build(settings: Settings, path: Path) -> None:
    """Build beside the final name and rename at the end."""
    draft = path.with_name("building.db")
    for left in path.parent.glob(f"{draft.name}*"):
        left.unlink()
    vault = open_vault(settings)
    with opened(f"sqlite:///{draft}", vault) as database:
        migrations.upgrade(database.engine)
        load_into(database, settings.content_dir)
        Builder(database, Passwords(vault.service)).build()
    EmbeddedFile(draft).fold()
    draft.replace(path)


def renew_passwords(house: House, *, everybody: bool) -> dict[str, str]:
    """New passwords by address, for the printed person or for everybody. They work at once and until the next start:
    being made to change one would only be in the way of trying things out."""
    hashing = Passwords(house.database.vault.service)
    members = [member for agency in AGENCIES for member in agency.staff if everybody or member.email == GUIDE]
    made = {member.email: one_time() for member in members}
    for email, password in made.items():
        agency_id, user_id = house.platform(lambda db, who=email: who_signs_in(db, who))  # type: ignore[misc]
        house.within(agency_id, _setter(user_id, hashing.hash_now(password, user_id)))
    return made


def _setter(user_id: Any, hashed: str) -> Callable[[Workspace], None]:
    return lambda db: db.claim(User, user_id).set_password(db, hashed)


def _write_credentials(file: Path, base_url: str, passwords: dict[str, str]) -> None:
    principals = [
        {"agency": a.name, "role": m.role.value, "email": m.email, "password": passwords[m.email]}
        for a in AGENCIES
        for m in a.staff
    ]
    write_private(file, json.dumps({"base_url": base_url, "principals": principals}, indent=2) + "\n")


def _welcome(settings: Settings, handed: Handed, credentials: Path | None) -> Answer:
    said = greeting(settings)
    more = {"demo": True, "email": GUIDE, **handed.data}
    lines = [
        "This is a demo: everybody in it is invented. Put nothing about a real person into it.",
        *said.lines,
        "",
        f"sign in as  {GUIDE}  (advocate at Harbor)",
        handed.line,
        "It works until the demo starts again.",
    ]
    if credentials:
        more["credentials_file"] = str(credentials)
        lines.append(f"passwords of everybody: in {credentials}")
    else:
        lines.append("For a password of every role: make demo DEMO_CREDENTIALS=demo-people.json")
    return Answer({**said.data, **more}, lines)
