"""People who work at an agency: who they are, what they are there, and the address they sign in with."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Any, ClassVar
from uuid import UUID, uuid4

import sqlalchemy as sa
from sqlmodel import Field

from models.access import GRANTS, MAY_GRANT, PLATFORM, Actor, Kind, Permission, Role
from models.base import BYTES, ID, AgencyRecord, choice, columns, id_field, instant_field, sealed_column, within
from models.errors import Conflict, Fault, Forbidden, Invalid
from models.ledger.action import Action
from models.rows import Query
from models.vault.sealed import Sealed

if TYPE_CHECKING:
    from models.workspace import Workspace


ONE_TIME_LIFE = timedelta(hours=72)  # of a password somebody else made
CASE_WORKERS = frozenset({Role.ADVOCATE, Role.SUPERVISOR})


class UserStatus(StrEnum):
    """Whether a person may sign in."""

    ACTIVE = "active"
    SUSPENDED = "suspended"


class SignIn(AgencyRecord, table=True):
    """Which person an address belongs to. The address itself is sealed on the user; here stands only its keyed tag."""

    __tablename__ = "sign_ins"
    directory: ClassVar[bool] = True
    __table_args__ = (within("id", "users"), sa.UniqueConstraint("email_tag"))

    email_tag: bytes = Field(sa_type=BYTES)


class User(AgencyRecord, table=True):
    """A person on the staff. Several roles are joined with '+', alphabetically."""

    __tablename__ = "users"
    vouched: ClassVar[tuple[str, ...]] = ("roles", "status", "password_hash", "must_change_password", "team_id")
    __table_args__ = (sa.CheckConstraint("seal_rev > 0", name="sealed"),)

    email_sealed: bytes | None = sealed_column()
    email = Sealed[str]()
    display_name_sealed: bytes | None = sealed_column()
    display_name = Sealed[str]()
    roles: str
    status: UserStatus = Field(default=UserStatus.ACTIVE, sa_type=choice(UserStatus))
    language: str = "en"
    password_hash: str = Field(repr=False)
    must_change_password: bool = False
    password_changed_at: datetime = instant_field()
    created_at: datetime = instant_field()
    team_id: UUID | None = id_field(default=None)
    glass_ends_at: datetime | None = instant_field(default=None)
    """Until when a break-glass of hers may be open: who has none pays for none. What counts is the break-glass."""
    glass_due_at: datetime | None = instant_field(default=None)
    """From when on a break-glass of hers may wait too long for its review. What counts is the break-glass."""
    version: int = 1
    seal_rev: int = 0

    @property
    def role_set(self) -> frozenset[Role]:
        """The roles as a set."""
        return roles_of(self.roles)

    @classmethod
    def hire(
        cls,
        db: "Workspace",
        email: str,
        display_name: str,
        roles: Iterable[Role],
        password_hash: str,
        *,
        must_change_password: bool,
        user_id: UUID | None = None,
        language: str = "en",
    ) -> "User":
        """A new person with a sign-in. `user_id` is the one her password's hash was made for. Raises
        Conflict('email-taken') when the address has one already, anywhere."""
        user = db.create(
            cls,
            Action.USER_CREATED,
            id=user_id or uuid4(),
            email=email,
            display_name=display_name,
            roles=joined(roles),
            password_hash=password_hash,
            must_change_password=must_change_password,
            language=language,
            password_changed_at=db.now,
            created_at=db.now,
        )
        db.flush()
        db.create(SignIn, Action.USER_CREATED, id=user.id, email_tag=db.vault.service.email_tag(email))
        try:
            db.flush()
        except sa.exc.IntegrityError:
            raise Conflict("email-taken") from None
        return user

    def change(self, db: "Workspace", *, roles: Iterable[Role] | None = None, **changes: Any) -> None:
        """Change display name, language, team or roles; the row was claimed. Nobody changes her own roles, gives those
        she may not give, leaves the team that bounds what she sees, or puts others into a team she supervises."""
        if "team_id" in changes and self.id == db.actor.id:
            raise Conflict("own-role")
        joins = changes.get("team_id")
        own = joins is not None and joins == db.actor.team_id and Role.SUPERVISOR in db.actor.roles
        if own and joins != self.team_id:
            raise Conflict("own-role")
        if roles is not None:
            if self.id == db.actor.id:
                raise Conflict("own-role")
            must_be_grantable(db, roles)
            self.roles = joined(roles)
        for name, value in changes.items():
            setattr(self, name, value)
        db.record(Action.USER_UPDATED, self, *changes, *(["roles"] if roles is not None else []))

    def set_password(self, db: "Workspace", password_hash: str, *, one_time: bool = False) -> None:
        """Keep a new password's hash. A one-time password has to be changed before anything else."""
        self.password_hash, self.must_change_password, self.password_changed_at = password_hash, one_time, db.now
        db.record(Action.USER_PASSWORD_RESET if one_time else Action.USER_PASSWORD_CHANGED, self)

    def rehash(self, db: "Workspace", password_hash: str) -> None:
        """Keep the same password's hash under today's parameters; for her nothing changes."""
        self.password_hash = password_hash
        db.record(Action.USER_PASSWORD_REHASHED, self)

    def suspend(self, db: "Workspace") -> None:
        """No sign-in from the next request on. Doing it twice changes nothing."""
        if self.id == db.actor.id:
            raise Conflict("own-suspension")
        if self.status is not UserStatus.SUSPENDED:
            self.status = UserStatus.SUSPENDED
            db.record(Action.USER_SUSPENDED, self)

    def reinstate(self, db: "Workspace") -> None:
        """Sign-in possible again. Doing it twice changes nothing."""
        if self.status is not UserStatus.ACTIVE:
            self.status = UserStatus.ACTIVE
            db.record(Action.USER_REINSTATED, self)


def joined(roles: Iterable[Role]) -> str:
    """Roles as the column keeps them. Raises Conflict for combinations that would let one person check herself."""
    chosen = frozenset(roles)
    if Role.AUDITOR in chosen and chosen & {Role.ADVOCATE, Role.SUPERVISOR}:
        raise Conflict("auditor-and-content")
    if Role.VOLUNTEER in chosen and len(chosen) > 1:
        raise Conflict("volunteer-alone")
    return "+".join(sorted(chosen))


def must_be_grantable(db: "Workspace", roles: Iterable[Role]) -> None:
    """Forbidden unless the caller may give all these roles. Whoever runs the installation may."""
    if db.actor.kind is Kind.PERSON and not grantable(db.actor.roles, roles):
        raise Forbidden


def grantable(held: Iterable[Role], roles: Iterable[Role]) -> bool:
    """Whether somebody of these roles may give those to others."""
    return frozenset(roles) <= frozenset().union(*(MAY_GRANT.get(role, frozenset()) for role in held))


def roles_of(text: str) -> frozenset[Role]:
    """The column's text as roles."""
    return frozenset(Role(part) for part in text.split("+") if part)


_S, _U = columns(SignIn), columns(User)
_BY_TAG = Query(sa.select(_S.agency_id, _S.id).where(_S.email_tag == sa.bindparam("tag", required=True)))
_CREDENTIALS = Query(
    sa.select(_U.id, _U.status, _U.password_hash, _U.roles, _U.must_change_password, _U.password_changed_at)
    .add_columns(_U.team_id)
    .where(_U.id == sa.bindparam("user_id", required=True))
)


def who_signs_in(db: "Workspace", email: str) -> tuple[UUID, UUID] | None:
    """(agency_id, user_id) behind an address, for the platform's eyes only."""
    found = db.rows(_BY_TAG, tag=db.vault.service.email_tag(email))
    return (found[0].agency_id, found[0].id) if found else None


def must_work_here(db: "Workspace", user_id: UUID, pointer: str, roles: Iterable[Role] = CASE_WORKERS) -> None:
    """Invalid unless the id is of an active person of this agency who holds one of the roles."""
    found = db.rows(_CREDENTIALS, user_id=user_id)
    if not found:
        raise Invalid(Fault(pointer, "unknown-user", "There is no such person at this agency."))
    if found[0].status is not UserStatus.ACTIVE or not roles_of(found[0].roles) & frozenset(roles):
        raise Invalid(Fault(pointer, "takes-no-clients", "This person is not an active advocate or supervisor."))


def must_be_here(db: "Workspace", user_id: UUID, pointer: str) -> None:
    """Invalid unless the id is of a person of this agency, suspended or not."""
    if not db.rows(_CREDENTIALS, user_id=user_id):
        raise Invalid(Fault(pointer, "unknown-user", "There is no such person at this agency."))


def still_may(db: "Workspace", user_id: UUID, permission: Permission) -> bool:
    """Whether somebody who asked for something would be let ask now: active, and in a role that grants it. The machine
    always would."""
    if user_id == PLATFORM:
        return True
    found = db.rows(_CREDENTIALS, user_id=user_id)
    active = bool(found) and found[0].status is UserStatus.ACTIVE
    return active and any(permission in GRANTS[role] for role in roles_of(found[0].roles))


def actor_for(db: "Workspace", user_id: UUID) -> Actor:
    """The person of this agency as somebody who could ask: for questions about what she would see."""
    row = db.one(_CREDENTIALS, user_id=user_id)
    return Actor(db.agency_id, user_id, roles=roles_of(row.roles), team_id=row.team_id)


def users_of(db: "Workspace", status: Iterable[UserStatus], most: int, after: UUID | None) -> list[User]:
    """The agency's people by id, at most `most`, those behind `after`; of some status only when any is named."""
    found = sa.select(User).order_by(_U.id).limit(most)
    if after is not None:
        found = found.where(_U.id > after)
    if wanted := list(status):
        found = found.where(_U.status.in_(wanted))
    return db.all(found)


_NAMES = Query(sa.select(_U.id, _U.display_name_sealed).where(_U.id.in_(sa.bindparam("ids", expanding=True))))


def names_of(db: "Workspace", ids: Iterable[UUID]) -> dict[UUID, str]:
    """The names of people of this agency by their ids, opened."""
    wanted = list(ids)
    return {row.id: row.display_name for row in db.rows(_NAMES, ids=wanted)} if wanted else {}


_COLLEAGUES = Query(
    sa.select(_U.id, _U.display_name_sealed, _U.roles, _U.language)
    .where(_U.status == UserStatus.ACTIVE, _U.id > sa.bindparam("after", type_=ID, required=True))
    .order_by(_U.id)
    .limit(sa.bindparam("most", type_=sa.Integer, required=True))
)


def colleagues_of(db: "Workspace", most: int, after: UUID | None) -> list[Any]:
    """Who works here now (id, display_name, roles as text, language), by id, with their names opened."""
    found = db.rows(_COLLEAGUES, after=after or PLATFORM, most=most)
    db.note(Action.USER_LISTED, "users", [row.id for row in found])
    return found


def find_credentials(db: "Workspace", user_id: UUID) -> Any | None:
    """What `credentials` returns, or None when there is no such person."""
    found = db.rows(_CREDENTIALS, user_id=user_id)
    return _as_they_count(db, found[0]) if found else None


def credentials(db: "Workspace", user_id: UUID) -> Any:
    """What signing in needs of a person: id, status, password_hash, roles, must_change_password, password_changed_at.
    The hash is None when a one-time password was not used in time: nothing fits it."""
    return _as_they_count(db, db.one(_CREDENTIALS, user_id=user_id))


def _as_they_count(db: "Workspace", row: Any) -> Any:
    over = row.must_change_password and db.now - row.password_changed_at > ONE_TIME_LIFE
    return row._replace(password_hash=None) if over else row


def note_refusal(db: "Workspace", user_id: UUID | None) -> None:
    """Keep the fact that somebody tried to sign in as this person, or as nobody we know, and failed."""
    db.outcome = "invalid-credentials"
    db.note(Action.SESSION_REFUSED, "users", [user_id] if user_id else [])


_IDS = Query(sa.select(_U.id).order_by(_U.id))


def user_ids(db: "Workspace") -> list[UUID]:
    """Everybody's id, suspended people's too."""
    return [row.id for row in db.rows(_IDS)]


_COUNT = Query(sa.select(sa.func.count(_U.id).label("people")))


def head_count(db: "Workspace") -> int:
    """How many people the agency has, suspended ones too."""
    people: int = db.one(_COUNT).people
    return people
