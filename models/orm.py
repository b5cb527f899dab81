"""The slow lane: a session of SQLModel rows, one at a time, behind the same walls as the fast lane (models/rows.py)."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, cast

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.orm import ORMExecuteState
from sqlalchemy.sql.visitors import iterate
from sqlmodel import Session, SQLModel

from models import rows, sight, vouch
from models.base import ID, AgencyRecord
from models.vault.sealed import sealed_fields

if TYPE_CHECKING:
    from models.workspace import Workspace


class UnexplainedWrite(RuntimeError):
    """A row would change without a ledger entry that says why (law 2). A programmer's error."""


class Objects(Session):
    """The rows of one Workspace as objects. Made when a verb first asks for one: most requests never do."""

    def __init__(self, workspace: "Workspace", connection: sa.Connection) -> None:
        # On SQLite many units share a transaction, so each needs its own undo.
        mode = "create_savepoint" if connection.dialect.name == "sqlite" else "rollback_only"
        super().__init__(connection, join_transaction_mode=cast(Any, mode), autoflush=False, expire_on_commit=False)
        self.workspace = workspace


@event.listens_for(Objects, "do_orm_execute")
def _stay_inside(state: ORMExecuteState) -> None:
    """Every ORM SELECT gets the walls of its one model; anything else has no business here."""
    db, statement = cast(Objects, state.session).workspace, cast(Any, state.statement)
    if not state.is_select or not state.is_orm_statement:
        raise UnexplainedWrite("a Workspace reads models and changes rows through their verbs")
    table = _only_table(statement)
    if table is None:
        raise UnexplainedWrite("the ORM reads one model at a time here; a join is a Query of models/rows.py")
    state.statement = statement.where(_wall(db, table))


_SOURCES = (sa.Column, sa.FromClause)  # a function is one too: counting belongs to a Query


def _only_table(statement: Any) -> sa.Table | None:
    """The one table a SELECT reads, or None when it reads more, or an alias: those the wall would miss."""
    parts = [part for part in iterate(statement) if part is not statement]
    sources = [part.table if isinstance(part, sa.Column) else part for part in parts if isinstance(part, _SOURCES)]
    named = {table.name for table in sources if isinstance(table, sa.Table)}
    nested = any(isinstance(part, sa.SelectBase | sa.Join | sa.TextClause) for part in parts)
    written_out = any(getattr(part, "is_literal", False) for part in parts)  # literal_column: SQL nobody looked into
    aliased = any(not isinstance(table, sa.Table) for table in sources)
    if nested or written_out or aliased or len(named) != 1 or not isinstance(statement, sa.Select):
        return None
    return SQLModel.metadata.tables[named.pop()]


def _wall(db: "Workspace", table: sa.Table) -> Any:
    """This agency's rows, and of clients' rows those of clients the caller may see."""
    mine = rows.agency_wall(table, sa.literal(db.agency_id, ID))
    return sa.and_(mine, *rows.in_sight(table, db.reach, sight.Eyes.of(db)))


@event.listens_for(Objects, "before_flush")
def _explain_every_write(session: Session, context: object, instances: object) -> None:
    objects = cast(Objects, session)
    db = objects.workspace
    changed = [row for row in objects.dirty if objects.is_modified(row)]
    for row in [*objects.new, *changed, *objects.deleted]:
        if not isinstance(row, AgencyRecord) or row.agency_id != db.agency_id:
            raise UnexplainedWrite(f"{row!r} is not of this agency")
        if row.id not in db.explained or row.id not in db.claimed:
            raise UnexplainedWrite(f"{row!r}: claim the row, and record() why it changes")
    for row in changed:
        if hasattr(row, "version") and not sa.inspect(row).attrs.version.history.has_changes():
            row.version += 1
    _vouch(db, [*objects.new, *changed], objects.deleted)
    for row in objects.deleted:
        if sealed_fields(type(row)) and row.seal_rev:
            db.note_digest(str(row.__tablename__), row.id, row.seal_rev, None)


def _vouch(db: "Workspace", written: Iterable[Any], deleted: Iterable[Any]) -> None:
    """What lets somebody in, or no longer does: the entry keeps its digest."""
    for row in written:
        if vouch.changed(row):
            db.note_vouched(str(row.__tablename__), row.id, vouch.values(row))
    for row in deleted:
        if row.vouched:
            db.note_vouched(str(row.__tablename__), row.id, None)
