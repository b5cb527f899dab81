"""How old the secrets are that a command replaces, by the platform's ledger, and which should be replaced by now."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from functools import partial

from api.cli.house import House
from api.cli.say import PROGRAM
from models.ledger.action import Action
from models.ledger.finding import search
from models.workspace import Workspace

#: What is replaced by which act, at most how long it is used (docs/secrets.md), and the command that replaces it.
LIVES: dict[Action, tuple[str, timedelta, str]] = {
    Action.CHECKPOINT_KEY_ROTATED: ("age of the checkpoint key", timedelta(days=731), "keys rotate-checkpoint-key"),
    Action.KEYS_PEPPER_ROTATED: ("age of the pepper", timedelta(days=366), "keys pepper rotate"),
    Action.KEYS_ROTATED: ("age of the root key", timedelta(days=366), "keys rotate"),
    Action.KEYS_TOKENS_ROTATED: ("age of the token signing key", timedelta(days=90), "keys tokens rotate"),
}


def ages(house: House) -> Iterator[tuple[str, int, str]]:
    """(what, days since it was made or replaced, the command that replaces it: empty while it is young enough)."""
    for action, (what, life, verb) in LIVES.items():
        since = house.platform(lambda db, action=action: _since(db, action))  # type: ignore[misc]
        if since is not None:
            old = house.platform(lambda db: db.now) - since
            yield what, old.days, f"{PROGRAM} {verb}" if old > life else ""


def _since(db: Workspace, action: Action) -> datetime | None:
    """When it was last replaced, or else when this installation began."""
    of_anybody = partial(search, db, after=-1, subject_id=None, actor_id=None)
    found = of_anybody(most=1000, actions=[action]) or of_anybody(most=1, actions=[])
    return datetime.fromisoformat(found[-1]["at"]) if found else None
