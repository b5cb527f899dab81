"""What of the ledger its readers are not shown: entries about clients, and about walls, they must not know of."""

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TYPE_CHECKING, Any
from uuid import UUID

import sqlalchemy as sa

from models import wall
from models.access import Reach
from models.base import ID, columns
from models.client import Client
from models.rows import ByReach

if TYPE_CHECKING:
    from models.workspace import Workspace

AT_ONCE = 200  # entries looked at together
_C = columns(Client)
_AMONG = ByReach(sa.select(_C.id).where(_C.id.in_(sa.bindparam("ids", expanding=True, type_=ID))))


def hidden(db: "Workspace", clients: Iterable[UUID]) -> set[UUID]:
    """Of these clients those the caller must not know of: for whoever sees clients, all out of her sight; for whoever
    sees none, those a wall keeps from her. Of a destroyed client nothing is left that could be hidden."""
    asked = list(set(clients))
    if not asked or db.reach is Reach.EVERYTHING:
        return set()
    with db.blindly():
        here = {row.id for row in db.rows(_AMONG.of(db), ids=asked)}
    return here - {row.id for row in db.rows(_AMONG.of(db), ids=asked)}


def shown(db: "Workspace", entries: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Of entries those the caller may read. An entry that names several clients is hidden when she must not know of one
    of them: it stands in the log as it was written, or not at all."""
    about_her = wall.about(db, db.actor.id)
    left = iter(entries)
    while some := list(islice(left, AT_ONCE)):
        out = hidden(db, {client_id for entry in some for client_id in clients_in(entry)})
        yield from (e for e in some if not (out & clients_in(e)) and not (about_her and about_her & walls_in(e)))


def clients_in(entry: dict[str, Any]) -> set[UUID]:
    """The clients an entry names, except those somebody asked for and was refused."""
    if entry["outcome"] != "ok":
        return set()
    named = [entry["client"]] if entry["client"] else []
    named += entry.get("clients", {}).get("ids", ())
    facts = [fact["object"] for fact in (entry, *entry.get("also", ()))]
    for part in (*facts, *entry.get("opened", ())):
        if part["t"] == "clients":
            named += part.get("ids", ())
    named += [row["id"] for row in entry.get("rows", ()) if row["t"].startswith("clients")]
    return {UUID(text) for text in named}


def walls_in(entry: dict[str, Any]) -> set[str]:
    """The ids of the walls an entry names."""
    facts = (entry, *entry.get("also", ()))
    return {text for fact in facts if fact["object"]["t"] == "walls" for text in fact["object"].get("ids", ())}
