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
from models.ledger.book import LedgerEntry
from models.ledger.finding import ids_in
from models.rows import ByReach, Query

if TYPE_CHECKING:
    from models.workspace import Workspace

AT_ONCE = 200  # entries looked at together
_C = columns(Client)
_AMONG = ByReach(sa.select(_C.id).where(_C.id.in_(sa.bindparam("ids", expanding=True, type_=ID))))
_E = columns(LedgerEntry)
_CLIENTS = Query(sa.select(_E.seq, _E.clients).where(_E.seq.in_(sa.bindparam("seqs", expanding=True))))


def hidden(db: "Workspace", clients: Iterable[UUID]) -> set[UUID]:
    """Of these clients those the caller must not know of: for whoever sees clients, all out of her sight; for whoever
    sees none, those a wall keeps from her. Of a destroyed client nothing is left that could be hidden."""
    asked = list(set(clients))
    if not asked or db.reach is Reach.EVERYTHING:
        return set()
    with db.blindly():
        here = {row.id for row in db.rows(_AMONG.of(db), ids=asked)}
    return here - {row.id for row in db.rows(_AMONG.of(db), ids=asked)}


def hides(db: "Workspace", clients: Iterable[UUID]) -> bool:
    """Whether entries that name some of these clients may be hidden from the caller."""
    return bool(hidden(db, clients) or wall.about(db, db.actor.id))


def shown(db: "Workspace", entries: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Of entries those the caller may read. An entry that names several clients is hidden when she must not know of one
    of them: it stands in the log as it was written, or not at all."""
    about_her = wall.about(db, db.actor.id)
    left = iter(entries)
    while some := list(islice(left, AT_ONCE)):
        unlisted = _unlisted(db, some)
        named = [clients_in(entry) | unlisted.get(entry["seq"], set()) for entry in some]
        out = hidden(db, set().union(*named))
        for entry, clients in zip(some, named, strict=True):
            if not (out & clients) and not (about_her and about_her & walls_in(entry)):
                yield entry


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


def _unlisted(db: "Workspace", entries: Iterable[dict[str, Any]]) -> dict[int, set[UUID]]:
    """Of entries that name more clients than they list, all of them, by the entry's number."""
    digests = [entry["seq"] for entry in entries if entry["outcome"] == "ok" and _digests(entry)]
    if not digests:
        return {}
    return {row.seq: {UUID(bytes=raw) for raw in ids_in(row.clients or b"")} for row in db.rows(_CLIENTS, seqs=digests)}


def _digests(entry: dict[str, Any]) -> bool:
    facts = [fact["object"] for fact in (entry, *entry.get("also", ()))]
    parts = [entry.get("clients", {}), *facts, *entry.get("opened", ())]
    return any(part.get("t") == "clients" and "ids" not in part for part in parts)


def walls_in(entry: dict[str, Any]) -> set[str]:
    """The ids of the walls an entry names."""
    facts = (entry, *entry.get("also", ()))
    return {text for fact in facts if fact["object"]["t"] == "walls" for text in fact["object"].get("ids", ())}
