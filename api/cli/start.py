"""Real use on one machine with one command: what an empty installation needs, its set-up link, then serving."""

import migrations
from api.cli import upgrade
from api.cli.embedded import EmbeddedFile
from api.cli.house import House, engine_of, must_encrypt
from api.cli.say import Answer, Handed, hand_over
from api.cli.serve import attend, greeting, listening
from api.keys import have_keys, make_keys
from api.settings import Settings
from migrations import Fit
from models.setup import LIFE, SetupLink

MINUTES = int(LIFE.total_seconds() // 60)


def start(*, as_json: bool) -> Answer:
    """Keys when everything is new, the database brought up to this code, a set-up link while there is no agency."""
    settings = Settings()
    with listening(settings) as port:
        if not have_keys(settings) and _holds_nothing(settings):
            make_keys(settings)
        made = upgrade.migrate(settings)["made"]
        attend(settings, port, lambda house: _welcome(house, made), as_json=as_json)
    return Answer()


def _holds_nothing(settings: Settings) -> bool:
    """Whether there is no database yet. Keys made beside an existing one could open nothing in it."""
    if file := EmbeddedFile.of(settings.app_url()):
        return not file.path.exists()
    must_encrypt(settings, settings.owner_url())
    with engine_of(settings.owner_url()) as engine:
        return migrations.fit(engine) is Fit.EMPTY


def _set_up(house: House) -> Handed:
    token = house.platform(SetupLink.make)
    return hand_over("setup_link", f"{house.settings.origin()}/setup#{token}", house.settings.data_dir / "setup-link")


def _welcome(house: House, made: list[str]) -> Answer:
    settings = house.settings
    said = greeting(settings)
    said = Answer(said.data, [*said.lines, *map(upgrade.made_line, made)])
    if house.agencies():
        return said
    handed = _set_up(house)
    lines = [
        *said.lines,
        "",
        f"There is no agency yet. This link founds it with its first admin, once, within {MINUTES} minutes:",
        handed.line,
        f"Back up {settings.keys} to another place: without the keys nobody can open what is stored.",
    ]
    return Answer({**said.data, **handed.data}, lines)
