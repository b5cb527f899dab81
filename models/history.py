"""Who opened or changed one client's record, or was refused it: the ledger asked from her side, newest first."""

import heapq
from collections.abc import Iterator
from itertools import islice
from typing import TYPE_CHECKING, Any
from uuid import UUID

import sqlalchemy as sa

from models import wall
from models.assignment import Assignment
from models.base import MODELS, columns
from models.break_glass import BreakGlassOpening
from models.hidden import walls_in
from models.ledger.action import Action
from models.ledger.finding import Wanted, entries
from models.legal_hold import LegalHold
from models.plan import Plan
from models.release import Release
from models.review import Review
from models.rows import CLIENT, Query, Sight
from models.staffing_request import StaffingRequest
from models.wall import Wall

if TYPE_CHECKING:
    from models.workspace import Workspace

#: Entries of what failed name the ids that were asked for, not the client behind them.
REFUSED = (Action.ACCESS_DENIED, Action.INTEGRITY_FAILED)
_PLANS = Query(sa.select(columns(Plan).id), Sight.ONE_CLIENT)
_NAMED = (Review, Assignment, Release, LegalHold, Wall, BreakGlassOpening)
_OTHERS = tuple(Query(sa.select(columns(model).id), Sight.ONE_CLIENT) for model in _NAMED)
_OTHERS += (Query(sa.select(columns(StaffingRequest).id).where(columns(StaffingRequest).client_id == CLIENT)),)
PARTS = 0xFFFF  # a plan's sections and items carry its id, and their number in the last two bytes (models/checklist.py)
AT_ONCE = 100


def history(
    db: "Workspace", client_id: UUID, most: int, before: int, *, opened_only: bool = False
) -> list[dict[str, Any]]:
    """Entries that concern a client, before a number, at most `most`; only those that showed something of hers, if
    so wanted. NotFound when she is out of sight."""
    db.must_see(client_id)
    about_her = wall.about(db, db.actor.id)
    found = (entry for entry in _concerning(db, client_id, before) if not about_her & walls_in(entry))
    return list(islice((entry for entry in found if not opened_only or shows(entry)), most))


def shows(entry: dict[str, Any]) -> bool:
    """Whether something of a client's was shown: read, or opened while something else was done."""
    if entry["outcome"] != "ok":
        return False
    opened = any(MODELS[o["t"]].client_column() is not None for o in entry.get("opened", ()) if o["t"] in MODELS)
    return opened or entry["action"].endswith(".read")


def _concerning(db: "Workspace", client_id: UUID, before: int) -> Iterator[dict[str, Any]]:
    plans = [row.id for row in db.rows(_PLANS, client_id=client_id)]
    others = [row.id for query in _OTHERS for row in db.rows(query, client_id=client_id)]
    named = Wanted(client_id=client_id, newest=True)
    refused = Wanted(
        rows=(client_id, *others),
        ranges=tuple((plan, UUID(int=plan.int | PARTS)) for plan in plans),
        actions=REFUSED,
        newest=True,
    )
    both = [entries(db, wanted, before, AT_ONCE) for wanted in (named, refused)]
    last = None
    for entry in heapq.merge(*both, key=lambda entry: entry["seq"], reverse=True):
        if entry["seq"] != last:
            yield entry
        last = entry["seq"]
