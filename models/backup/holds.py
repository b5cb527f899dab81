"""Legal holds after a restore: what the ledger knows to be held is held again, and in doubt it is held."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from models.backup.since import WORDS_LOST, Since
from models.base import uuid_of
from models.legal_hold import LegalHold
from models.workspace import Workspace

Rows = Iterable[tuple[Any, ...]]


@dataclass
class Holds:
    """The holds of one agency that the data know otherwise than the ledger, and whose they are."""

    gone: dict[UUID, UUID] = field(default_factory=dict)  # stand, are not in the data: made again without their words
    over: dict[UUID, UUID] = field(default_factory=dict)  # stand, are lifted in the data
    lifted: dict[UUID, UUID] = field(default_factory=dict)  # were lifted since, stand in the data
    lost: set[UUID] = field(default_factory=set)  # stand, for clients who are not in the data

    @classmethod
    def compare(cls, since: Since, holds: Rows, clients: Rows, dead: set[UUID]) -> "Holds":
        """`holds`: (id, client, when it was lifted) of every hold of the data; `clients`: (id) of every client, of whom
        the `dead` do not come back."""
        found, missing = cls(), {i: p.client_id for i, p in since.placed.items() if i not in since.lifted}
        for raw_id, raw_client, lifted_at in holds:
            hold_id, client_id = uuid_of(raw_id), uuid_of(raw_client)
            if client_id in dead:
                continue
            if hold_id in missing and lifted_at is not None:
                found.over[hold_id] = client_id
            elif lifted_at is None and hold_id in since.lifted:
                found.lifted[hold_id] = client_id
            missing.pop(hold_id, None)
        here = set(missing.values()).intersection(uuid_of(raw) for (raw,) in clients) - dead if missing else set()
        for hold_id, whose in missing.items():
            if whose is not None and whose in here:
                found.gone[hold_id] = whose
            elif whose not in since.destroyed:
                found.lost.add(hold_id)
        return found

    def stand(self, since: Since, unit: Callable[[], Workspace]) -> None:
        """Set them up in the restored database, each in a unit of its own: an entry says of its first fact alone whose
        it is, and the next restore has to learn that from it."""
        for hold_id, client_id in sorted(self.gone.items()):
            db, placed = unit(), since.placed[hold_id]
            LegalHold.place_again(db, hold_id, client_id, WORDS_LOST, placed.at, placed.by)
            db.finish()
        for hold_id, client_id in sorted((self.over | self.lifted).items()):
            db = unit()
            LegalHold.unlift(db, hold_id, client_id)  # of those lifted since the ledger has to say that they stand
            db.finish()
