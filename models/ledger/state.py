"""The state of rows: of sealed ones the digest of their ciphertext, of those that let somebody in that of what does,
to be held against what the ledger said."""

from collections.abc import Iterator
from functools import cache
from typing import TYPE_CHECKING, Any
from uuid import UUID

import sqlalchemy as sa

from models import vouch
from models.base import ID, MODELS, sealed_models, table_of
from models.ledger.action import Action
from models.rows import Query
from models.vault import cells
from models.vault.sealed import sealed_fields

if TYPE_CHECKING:
    from models.workspace import Workspace

BATCH = 2_000
FIRST = UUID(int=0)


@cache
def _query(table: str) -> Query:
    """Rows behind an id, with their cells as they are stored: under other names they are not opened."""
    model = MODELS[table]
    c = table_of(model).c
    stored = [c[field.column].label(f"cell_{i}") for i, field in enumerate(sealed_fields(model))]
    wanted = sa.select(c.id, c[model.subject_column].label("subject"), c.seal_rev, *stored)
    return Query(wanted.where(c.id > sa.bindparam("after", type_=ID, required=True)).order_by(c.id).limit(BATCH))


@cache
def _granting(table: str) -> Query:
    """Rows behind an id, with what in them lets somebody in."""
    c = table_of(MODELS[table]).c
    wanted = sa.select(c.id, *(c[name] for name in MODELS[table].vouched))
    return Query(wanted.where(c.id > sa.bindparam("after", type_=ID, required=True)).order_by(c.id).limit(BATCH))


def tables() -> list[str]:
    """The tables with sealed fields, and those with vouched columns under the name the ledger has for them."""
    sealed = sorted(str(model.__tablename__) for model in sealed_models())
    return [*sealed, *(name + vouch.SUFFIX for name in vouch.tables())]


def batch(db: "Workspace", table: str, after: UUID) -> list[dict[str, Any]]:
    """Up to BATCH rows behind `after`: t, id, rev, and the digest of what is stored; null for one never sealed, and for
    one that grants nothing."""
    if table.endswith(vouch.SUFFIX):
        return _grants(db, table.removesuffix(vouch.SUFFIX), after)
    found = []
    for row in db.rows(_query(table), after=after):
        stored = [None if cell is None else bytes(cell) for cell in row[3:]]
        digest = cells.digest(table, row.id, row.subject, row.seal_rev, stored) if row.seal_rev or any(stored) else None
        found.append({"t": table, "id": str(row.id), "rev": row.seal_rev, "digest": digest})
    return found


def _grants(db: "Workspace", table: str, after: UUID) -> list[dict[str, Any]]:
    found = []
    for row in db.rows(_granting(table), after=after):
        name, digest = vouch.said(table, row.id, row._asdict())
        found.append({"t": name, "id": str(row.id), "rev": 0, "digest": digest})
    return found


def vouch_for_all(within: Any) -> int:
    """The ledger says what every row of an agency grants as it stands now: once, for an agency older than vouching, or
    because whoever runs it has looked at the rows and stands for them. From then on a change it does not tell of is
    found. In many short units: `within(work)` runs one. Returns how many rows that were."""

    def tell(db: "Workspace", table: str, after: UUID) -> list[dict[str, Any]]:
        found = _grants(db, table, after)
        for row in found:
            db.note_digest(row["t"], UUID(row["id"]), 0, row["digest"])
        db.note(Action.GRANTS_VOUCHED, table, [], rows=len(found))
        return found

    told = 0
    for table in vouch.tables():
        after: UUID | None = FIRST
        while after is not None:
            found = within(lambda db, table=table, after=after: tell(db, table, after))
            told += len(found)
            after = UUID(found[-1]["id"]) if len(found) == BATCH else None
    return told


def rows(within: Any) -> Iterator[dict[str, Any]]:
    """Every row of every sealed table of an agency, in many short units: `within(work)` runs one."""
    for table in tables():
        after: UUID | None = FIRST
        while after is not None:
            found = within(lambda db, table=table, after=after: batch(db, table, after))
            yield from found
            after = UUID(found[-1]["id"]) if len(found) == BATCH else None
