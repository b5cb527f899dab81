"""Who is told when something happens around a client: the supervisors who see her, and those who work with her."""

from typing import TYPE_CHECKING
from uuid import UUID

import sqlalchemy as sa

from models import assignment
from models.access import Permission, Role
from models.base import columns
from models.rows import Query
from models.user import User, UserStatus, actor_for, roles_of

if TYPE_CHECKING:
    from models.workspace import Workspace

_U = columns(User)
_ACTIVE = Query(sa.select(_U.id, _U.roles).where(_U.status == UserStatus.ACTIVE).order_by(_U.id))


def holding(db: "Workspace", role: Role) -> list[UUID]:
    """The active people of the agency with a role."""
    return [row.id for row in db.rows(_ACTIVE) if role in roles_of(row.roles)]


def supervisors_of(db: "Workspace", client_id: UUID, permission: Permission) -> list[UUID]:
    """The active supervisors who see a client now, with their own eyes: no team, wall or restriction is passed by."""
    people = holding(db, Role.SUPERVISOR)
    return [user_id for user_id in people if db.would_see(actor_for(db, user_id), permission, client_id)]


def workers_of(db: "Workspace", client_id: UUID) -> list[UUID]:
    """The active people who are assigned to a client or cover for somebody now, each once."""
    active = {row.id for row in db.rows(_ACTIVE)}
    here = [row for row in assignment.open_of(db, client_id) if row.starts_at is None or row.starts_at <= db.now]
    now = [row.user_id for row in here if row.ends_at is None or row.ends_at > db.now]
    return [user_id for user_id in dict.fromkeys(now) if user_id in active]


def admins_of(db: "Workspace", client_id: UUID) -> list[UUID]:
    """The active agency admins no wall keeps from a client."""
    walled = assignment.kept_from(db, client_id)
    return [user_id for user_id in holding(db, Role.AGENCY_ADMIN) if user_id not in walled]
