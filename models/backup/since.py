"""What a ledger tells of the time after the data were saved, as far as a restore must act on it."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from models.ledger.action import Action

#: The reason of what is made again from its entries alone, which hold no words.
WORDS_LOST = "Restored from the ledger; its words were lost with the data."
_ADDS = {
    Action.ASSIGNMENT_ENDED: "ended",
    Action.CLIENT_RESTRICTED: "restricted",
    Action.COVER_ENDED: "uncovered",
    Action.LEGAL_HOLD_LIFTED: "lifted",
    Action.RELEASE_REVOKED: "revoked",
    Action.USER_CREATED: "hired",
    Action.USER_SUSPENDED: "suspended",
    Action.WALL_LIFTED: "walls_lifted",
}
_TAKES = {
    Action.CLIENT_UNRESTRICTED: "restricted",
    Action.LEGAL_HOLD_PLACED: "lifted",
    Action.USER_REINSTATED: "suspended",
    Action.WALL_RAISED: "walls_lifted",
}


@dataclass(frozen=True)
class Placed:
    """A legal hold as its entry tells of it. `client_id`: None when the entry does not say whose it is."""

    client_id: UUID | None
    at: datetime
    by: UUID


@dataclass
class Since:
    """What one agency's ledger tells of the time after the data were saved: ids."""

    actions: Counter[str] = field(default_factory=Counter)
    suspended: set[UUID] = field(default_factory=set)
    hired: set[UUID] = field(default_factory=set)
    other_roles: set[UUID] = field(default_factory=set)  # people whose roles were changed
    ended: set[UUID] = field(default_factory=set)
    uncovered: set[UUID] = field(default_factory=set)  # covers ended before their time
    restricted: set[UUID] = field(default_factory=set)
    walls: dict[UUID, tuple[UUID, UUID]] = field(default_factory=dict)  # set up: client and person
    walls_lifted: set[UUID] = field(default_factory=set)
    revoked: set[UUID] = field(default_factory=set)
    placed: dict[UUID, Placed] = field(default_factory=dict)
    lifted: set[UUID] = field(default_factory=set)
    destroyed: set[UUID] = field(default_factory=set)  # ever, not only since

    def hear(self, entry: dict[str, Any], *, since: bool) -> None:
        """Take in every fact of an entry of something that was done."""
        self._hear(entry, entry, since=since)
        for fact in entry.get("also", ()):
            self._hear(entry, fact, since=since)

    def _hear(self, entry: dict[str, Any], fact: dict[str, Any], *, since: bool) -> None:
        action, said = fact["action"], fact["object"]
        ids = {UUID(i) for i in said.get("ids", ())}
        if action == Action.CLIENT_DESTROYED:
            self.destroyed |= ids
        if not since:
            return
        self.actions[action] += 1
        if name := _ADDS.get(action):
            getattr(self, name).update(ids)
        if name := _TAKES.get(action):
            getattr(self, name).difference_update(ids)
        if action == Action.USER_UPDATED and "roles" in said.get("fields", ()):
            self.other_roles |= ids
        if action == Action.WALL_RAISED and (client := _client_of(entry)) is not None:
            person = UUID(said["counts"]["user"])
            self.walls |= dict.fromkeys(ids, (client, person))
        if action == Action.LEGAL_HOLD_PLACED:
            for hold_id in ids:  # a restore may have said it again: the first word is that of who placed it
                self.placed.setdefault(hold_id, _placed(entry, fact))

    def roles_to_look_at(self) -> set[UUID]:
        """People of the data whose roles were changed: the ledger does not say to what."""
        return self.other_roles - self.hired


def _client_of(entry: dict[str, Any]) -> UUID | None:
    """The one client an entry is about."""
    return UUID(entry["client"]) if entry["client"] else None


def _placed(entry: dict[str, Any], fact: dict[str, Any]) -> Placed:
    client = entry["client"] if fact is entry else None  # it is the first fact's
    return Placed(UUID(client) if client else None, datetime.fromisoformat(entry["at"]), UUID(entry["who"]["id"]))
