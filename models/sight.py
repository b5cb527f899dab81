"""Which clients a caller sees: the reach of her role, narrowed by walls and restrictions, widened by cover.

The first that decides, as everywhere: another agency (rows.agency_wall), a wall, a restriction, the role (Permission),
then whom she works with. A break-glass (models/break_glass.py) widens it by one client, behind the wall and the
restriction; only who has one open meets a statement that asks for it.
"""

from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlmodel import SQLModel

from models.access import Reach
from models.base import ID, INSTANT, model_of

if TYPE_CHECKING:
    from models.workspace import Workspace


@dataclass(frozen=True)
class Eyes:
    """Whose sight, and when: as parameters of a prepared statement, or as values. `glass`: whether a break-glass of
    hers may widen it."""

    agency: Any
    actor: Any
    team: Any
    now: Any
    glass: bool = False

    @classmethod
    def of(cls, db: "Workspace") -> "Eyes":
        """The eyes of a Workspace's caller, as values."""
        agency, actor, team = (sa.literal(i, ID) for i in (db.agency_id, db.actor.id, db.actor.team_id))
        return cls(agency, actor, team, sa.literal(db.now, INSTANT), glass=db.glass)


BOUND = Eyes(
    sa.bindparam("agency_id", type_=ID, required=True),
    sa.bindparam("actor_id", type_=ID, required=True),
    sa.bindparam("team_id", type_=ID, required=True),
    sa.bindparam("moment", type_=INSTANT, required=True),
)

THROUGH = replace(BOUND, glass=True)


def bound_to(db: "Workspace") -> dict[str, Any]:
    """The parameters of BOUND."""
    who = db.actor
    return {"agency_id": db.agency_id, "actor_id": who.id, "team_id": who.team_id, "moment": db.now}


@cache
def _named(table: str) -> Any:
    """A table under a name no statement of ours uses for it."""
    return SQLModel.metadata.tables[table].alias(f"sight_{table}")


def counts_now(assignment: Any, now: Any) -> Any:
    """Whether an assignment not ended by hand is one at this moment. Without dates it does not ask a clock: a clock set
    back takes no advocate's work away."""
    begun = sa.or_(assignment.starts_at.is_(None), assignment.starts_at <= now)
    return sa.and_(assignment.ended_at.is_(None), begun, sa.or_(assignment.ends_at.is_(None), assignment.ends_at > now))


def seen(table: Any, client: Any, reach: Reach, eyes: Eyes) -> Any | None:
    """The condition under which a row of `table` about `client` (a column) exists for these eyes; None: always."""
    if reach is Reach.EVERYTHING:
        return None
    if eyes.glass:
        return sa.or_(_by_role(table, client, reach, eyes), through_glass(table, client, eyes))
    return _by_role(table, client, reach, eyes)


def _by_role(table: Any, client: Any, reach: Reach, eyes: Eyes) -> Any:
    if reach is Reach.NONE:
        return sa.false()
    if reach is Reach.SECTIONS:
        return _helps_with(table, client, eyes)
    if reach is Reach.ASSIGNED:  # whom a wall keeps out has no open assignment: the database refuses both at once
        return _works_with(client, eyes)
    free = sa.not_(_restricted(table, client, eyes))
    if reach is Reach.TEAM:
        free = sa.and_(free, sa.or_(of_team(client, eyes), sa.not_(_anybodys(client, eyes))))
    return sa.and_(unwalled(client, eyes), sa.or_(_works_with(client, eyes), free))


def nameable(client: Any, reach: Reach, eyes: Eyes) -> Any | None:
    """The condition under which a client may be named by id by somebody who sees none of her; None: always."""
    return None if reach is Reach.EVERYTHING else unwalled(client, eyes)


def known(table: Any, reach: Reach, eyes: Eyes) -> Any | None:
    """The condition for a row of the agency's that names a client (Record.names_client): whoever sees clients finds it
    when she sees her, or when nothing of her is left; whoever sees none, unless a wall stands between them."""
    client = table.c[model_of(table).names_client or ""]
    if reach is Reach.EVERYTHING or reach is Reach.NONE:
        return nameable(client, reach, eyes)
    c = _named("clients")
    gone = sa.not_(sa.exists().where(c.c.agency_id == eyes.agency, c.c.id == client))
    in_sight: Any = seen(table, client, reach, eyes)
    return sa.or_(gone, in_sight)


def unwalled(client: Any, eyes: Eyes) -> Any:
    """No wall stands between the eyes and a client."""
    w = _named("walls").c
    mine = (w.agency_id == eyes.agency, w.user_id == eyes.actor, w.client_id == client)
    return sa.not_(sa.exists().where(*mine, w.set_at.is_not(None), w.lifted_at.is_(None)))


def of_team(client: Any, eyes: Eyes) -> Any:
    """Somebody of the eyes' team works with the client now."""
    a, u = _named("assignments"), _named("users")
    theirs = (a.c.agency_id == eyes.agency, a.c.client_id == client, counts_now(a.c, eyes.now))
    member = (u.c.agency_id == a.c.agency_id, u.c.id == a.c.user_id, u.c.team_id == eyes.team)
    return sa.exists().where(*theirs, *member)


def through_glass(table: Any, client: Any, eyes: Eyes) -> Any:
    """A break-glass of hers is open on this client: until its hour is over, it is given back, a wall stands between
    them or the client is restricted, whichever is first."""
    g = _named("break_glass_openings").c
    mine = (g.agency_id == eyes.agency, g.user_id == eyes.actor, g.client_id == client)
    opened = sa.exists().where(*mine, g.given_back_at.is_(None), g.ends_at > eyes.now)
    return sa.and_(opened, unwalled(client, eyes), sa.not_(_restricted(table, client, eyes)))


#: What of a row says whether a volunteer sees it: its column, and that of the sections she helps with it has to fit.
_OF_SECTIONS = {
    "clients": (("id", "client_id"),),
    "plans": (("id", "plan_id"),),
    "plan_sections": (("id", "section_id"),),
    "checklist_items": (("plan_id", "plan_id"), ("section", "number")),
    "section_volunteers": (("id", "id"),),
}


def _helps_with(table: Any, client: Any, eyes: Eyes) -> Any:
    """She is a volunteer for a section, and the row is needed for it. Nothing else of the client's exists for her."""
    fits = _OF_SECTIONS.get(str(model_of(table).__tablename__))
    if fits is None:
        return sa.false()
    v = _named("section_volunteers").c
    mine = (v.agency_id == eyes.agency, v.user_id == eyes.actor, v.client_id == client, v.ended_at.is_(None))
    s = _named("plan_sections").c
    open_to_her = (s.agency_id == v.agency_id, s.id == v.section_id, s.choice != "declined")
    fitting = (table.c[ours] == v[theirs] for ours, theirs in fits)
    given = sa.exists().where(*mine, sa.exists().where(*open_to_her), *fitting)
    return sa.and_(given, unwalled(client, eyes), sa.not_(_restricted(table, client, eyes)))


def _works_with(client: Any, eyes: Eyes) -> Any:
    """An assignment or a cover of hers counts now: an advocate's whole sight."""
    a = _named("assignments").c
    mine = (a.agency_id == eyes.agency, a.user_id == eyes.actor, a.client_id == client)
    return sa.exists().where(*mine, counts_now(a, eyes.now))


def _anybodys(client: Any, eyes: Eyes) -> Any:
    a = _named("assignments").c
    return sa.exists().where(a.agency_id == eyes.agency, a.client_id == client, counts_now(a, eyes.now))


def _restricted(table: Any, client: Any, eyes: Eyes) -> Any:
    if "restricted" in table.c:
        return table.c.restricted
    c = _named("clients").c
    return sa.exists().where(c.agency_id == eyes.agency, c.id == client, c.restricted)
