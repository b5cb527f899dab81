"""The service's own keys in motion: what signs access tokens, and the pepper under passwords."""

from collections.abc import Callable

from api.cli.house import open_house
from api.cli.keys import must_be_writable
from api.cli.say import PROGRAM, Answer
from api.settings import Settings
from models.ledger.action import Action
from models.vault.service import ServiceKeys


def rotate_tokens(*, urgent: bool) -> Answer:
    """The next key signs access tokens from now on. Nobody is signed out."""
    after = "Access tokens made before are refused; programs renew them by themselves." if urgent else (
        "Tokens of the key before stay good until they run out (10 minutes). Nobody is signed out."
    )  # fmt: skip
    return _rotate(lambda keys: keys.rotate_tokens(urgent=urgent), Action.KEYS_TOKENS_ROTATED, "token key", after)


def rotate_pepper(*, urgent: bool) -> Answer:
    """The next pepper is under passwords from now on. Nobody notices."""
    after = "Each password is hashed anew at its owner's next sign-in; until then the pepper before stays in the file."
    return _rotate(lambda keys: keys.rotate_pepper(urgent=urgent), Action.KEYS_PEPPER_ROTATED, "pepper", after)


def _rotate(rotate: Callable[[ServiceKeys], bool], action: Action, what: str, after: str) -> Answer:
    settings = Settings()
    must_be_writable(settings)
    with open_house(settings) as house:
        done = rotate(house.database.vault.service)
        if done:
            house.platform(lambda db: db.note(action, "service_keys", []))
    first = f"A new {what} is in use. {after}" if done else (
        f"This file is older than rotation: it holds a next {what} now, and nothing else changed. "
        "Once every machine has the new file, run the same command again."
    )  # fmt: skip
    lines = [first, f"Back up {settings.keys} now. Running servers notice by themselves. Next: {PROGRAM} keys status"]
    return Answer({"rotated": done}, lines)
