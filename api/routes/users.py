"""The people of an agency, for its admin."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import Field

from api import paging
from api.door import Door, IfMatch
from api.gate import Can
from api.paging import Page
from api.shapes import Email, Filter, Language, Name, Out, Patch
from models.access import Permission, Role
from models.break_glass import shut_of_user
from models.invitation import revoke_sent_by
from models.ledger.action import Action
from models.password_reset import void_of
from models.session import end_sessions
from models.team import must_be_team
from models.user import User, UserStatus, users_of
from models.workspace import Workspace

router = APIRouter(prefix="/users", tags=["people"], route_class=Door)
Roles = Annotated[list[Role], Field(min_length=1, max_length=4)]


class UserPatch(Patch):
    """What an admin may change about somebody else."""

    display_name: Name = ""
    language: Language = "en"
    roles: Roles = []
    team_id: UUID | None = None
    """Her team: a supervisor in one sees that team's clients. null: none."""


class UserFilter(Filter):
    """Which people."""

    status: list[UserStatus] = []
    limit: Annotated[int, Field(ge=1, le=200)] = 50
    cursor: str | None = None


class UserSummary(Out):
    """A person, without what is sealed."""

    id: UUID
    roles: list[Role]
    status: UserStatus
    team_id: UUID | None
    created_at: datetime
    version: int

    @classmethod
    def of(cls, user: User) -> "UserSummary":
        return cls(
            id=user.id,
            roles=sorted(user.role_set),
            status=user.status,
            team_id=user.team_id,
            created_at=user.created_at,
            version=user.version,
        )


class UserOut(Out):
    """A person with name and address."""

    home = "/v1/users"
    still = True

    id: UUID
    roles: list[Role]
    status: UserStatus
    team_id: UUID | None
    created_at: datetime
    version: int
    email: Email
    display_name: str
    language: str
    password_change_required: bool

    @classmethod
    def of(cls, user: User) -> "UserOut":
        return cls(
            id=user.id,
            roles=sorted(user.role_set),
            status=user.status,
            team_id=user.team_id,
            created_at=user.created_at,
            version=user.version,
            email=user.email or "",
            display_name=user.display_name or "",
            language=user.language,
            password_change_required=user.must_change_password,
        )

    @classmethod
    def again(cls, db: Workspace, row_id: UUID) -> "UserOut":
        return cls.of(db.find(User, row_id))


@router.get("", summary="List people")
def list_users(
    query: Annotated[UserFilter, Query()], db: Annotated[Workspace, Can(Permission.USER_READ)]
) -> Page[UserSummary]:
    """The people of the agency."""
    scope = f"users?status={sorted(query.status)}"
    after = paging.after_id(db, scope, query.cursor)
    rows = users_of(db, query.status, query.limit + 1, after)
    return paging.page(db, scope, rows, query.limit, lambda user: [str(user.id)], UserSummary.of)


@router.get("/{user_id}", summary="Read a person")
def read_user(user_id: UUID, db: Annotated[Workspace, Can(Permission.USER_READ)]) -> UserOut:
    """A person with name and address; the reading is logged."""
    user = db.find(User, user_id)
    db.record(Action.USER_READ, user)
    return UserOut.of(user)


@router.patch("/{user_id}", summary="Change a person's name, language, roles or team")
def update_user(
    user_id: UUID, body: UserPatch, db: Annotated[Workspace, Can(Permission.USER_UPDATE)], if_match: IfMatch
) -> UserOut:
    """Change name, language, roles or team; acts on her next request. Nobody changes her own roles or team."""
    user, changes = db.claim(User, user_id, if_match), body.changes()
    if changes.get("team_id") is not None:
        must_be_team(db, changes["team_id"], "/team_id")
    user.change(db, **changes)
    db.flush()
    return UserOut.of(user)


@router.put("/{user_id}/suspension", summary="Suspend a person")
def suspend(user_id: UUID, db: Annotated[Workspace, Can(Permission.USER_UPDATE)]) -> UserOut:
    """End her sessions and refuse new ones, from the next request on. Password resets sent to her and invitations she
    sent work no more."""
    user = db.claim(User, user_id)
    user.suspend(db)
    end_sessions(db, user.id)
    shut_of_user(db, user.id)
    void_of(db, user.id)
    revoke_sent_by(db, user.id)
    db.flush()
    return UserOut.of(user)


@router.delete("/{user_id}/suspension", summary="Let a suspended person back in")
def reinstate(user_id: UUID, db: Annotated[Workspace, Can(Permission.USER_UPDATE)]) -> UserOut:
    """She may sign in again."""
    user = db.claim(User, user_id)
    user.reinstate(db)
    db.flush()
    return UserOut.of(user)


@router.delete("/{user_id}/sessions", status_code=204, summary="Sign a person out")
def delete_user_sessions(user_id: UUID, db: Annotated[Workspace, Can(Permission.USER_UPDATE)]) -> None:
    """End every session of hers, for instance after a theft; their tokens stop at once. She may sign in again."""
    db.note(Action.USER_SESSIONS_ENDED, "users", [db.find(User, user_id).id])
    end_sessions(db, user_id)
