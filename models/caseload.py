"""The caseload: whom an advocate works with, soonest review first."""

from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any
from uuid import UUID

import sqlalchemy as sa

from models.assignment import Assignment
from models.base import ID, INSTANT, columns, table_of
from models.checklist import ItemStatus
from models.client import Client
from models.ledger.action import Action
from models.plan import Plan, PlanStatus
from models.rows import ACTOR, Query, Sight
from models.sight import BOUND, counts_now, of_team

if TYPE_CHECKING:
    from models.workspace import Workspace

_C = columns(Client)
_A = columns(Assignment)
_P = columns(Plan)
_SHOWN = (
    _C.id,
    _C.status,
    _C.restricted,
    _C.attention_at,
    _C.alias_sealed,
    _C.contact_sealed,
    _P.id.label("plan_id"),
    *(_P[status.value] for status in ItemStatus),
)
_AFTER = sa.tuple_(
    sa.bindparam("after_at", type_=INSTANT, required=True), sa.bindparam("after_id", type_=ID, required=True)
)
_MOST = sa.bindparam("most", type_=sa.Integer, required=True)
# The status is written out, not bound: only then does SQLite use the partial index.
_IN_USE = sa.and_(
    _P.agency_id == _C.agency_id, _P.client_id == _C.id, _P.status == sa.literal_column(f"'{PlanStatus.ACTIVE.value}'")
)
_MINE = Query(
    sa.select(*_SHOWN)
    .select_from(table_of(Assignment))
    .join(table_of(Client), sa.and_(_C.agency_id == _A.agency_id, _C.id == _A.client_id))
    .join(table_of(Plan), _IN_USE, isouter=True)
    .where(_A.user_id == ACTOR, counts_now(_A, BOUND.now), sa.tuple_(_A.attention_at, _A.client_id) > _AFTER)
    .order_by(_A.attention_at, _A.client_id)
    .limit(_MOST),
    Sight.JOINED,
)
_AGENCYS = (
    sa.select(*_SHOWN)
    .select_from(table_of(Client))
    .join(table_of(Plan), _IN_USE, isouter=True)
    .where(sa.tuple_(_C.attention_at, _C.id) > _AFTER)
    .order_by(_C.attention_at, _C.id)
    .limit(_MOST)
)


class Scope(StrEnum):
    """Whose clients: one's own, those somebody of one's team works with, all one may see."""

    MINE = "mine"
    TEAM = "team"
    AGENCY = "agency"


_QUERIES = {
    Scope.MINE: _MINE,
    Scope.TEAM: Query(_AGENCYS, where=of_team(_C.id, BOUND)),
    Scope.AGENCY: Query(_AGENCYS),
}

_NAMES = Query(sa.select(_C.id, _C.legal_name_sealed).where(_C.id.in_(sa.bindparam("ids", expanding=True))))

_FIRST = datetime(1, 1, 1, tzinfo=UTC)  # before every review: some are overdue for longer than computers count


def caseload(db: "Workspace", scope: Scope, most: int, after: tuple[datetime, UUID] | None = None) -> list[Any]:
    """Clients with name, contact and the active plan's progress. A name is the alias; the legal name is opened only
    where there is no other. Whoever is in no team has the whole agency for one."""
    at, client_id = after or (_FIRST, UUID(int=0))
    if scope is Scope.TEAM and db.actor.team_id is None:
        scope = Scope.AGENCY
    found = db.rows(_QUERIES[scope], most=most, after_at=at, after_id=client_id)
    nameless = [row.id for row in found if row.alias is None]
    names = {row.id: row.legal_name for row in db.rows(_NAMES, ids=nameless)} if nameless else {}
    db.note(Action.CASELOAD_READ, "clients", [row.id for row in found])
    return [row._replace(alias=names[row.id]) if row.id in names else row for row in found]
