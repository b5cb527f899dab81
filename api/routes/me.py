"""The person who asks: who she is, her password."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter

from api.door import Door, IfMatch
from api.gate import Can, Errand
from api.passwords import must_be_good
from api.shapes import Email, In, Language, Name, Out, Patch, Secret
from api.sign_in import shown_again
from models import factor
from models.access import Permission, Role
from models.agency import Agency
from models.errors import Fault, Forbidden, Invalid
from models.ledger.action import Action
from models.notice import NoticeKind, tell
from models.password_reset import void_of
from models.session import end_sessions
from models.user import User
from models.workspace import Workspace

router = APIRouter(prefix="/me", tags=["sign-in"], route_class=Door)


class MePatch(Patch):
    """What a person may change about herself."""

    display_name: Name = ""
    language: Language = "en"


class PasswordIn(In):
    """The old password proves that it is she who asks."""

    current_password: Secret
    new_password: Secret


class MeOut(Out):
    """The caller and her agency."""

    id: UUID
    email: Email
    display_name: str
    roles: list[Role]
    language: str
    agency_id: UUID
    agency_name: str
    time_zone: str
    demo: bool
    """True where everything is invented."""
    password_change_required: bool
    second_factor_enrolled: bool
    recovery_codes_left: int
    """Of ten; make new ones before the last is used."""
    version: int

    @classmethod
    def of(cls, db: Workspace, user: User) -> "MeOut":
        agency, has = Agency.of(db), factor.standing(db, user.id)
        return cls(
            id=user.id,
            email=user.email or "",
            display_name=user.display_name or "",
            roles=sorted(user.role_set),
            language=user.language,
            agency_id=agency.id,
            agency_name=agency.name,
            time_zone=agency.time_zone,
            demo=agency.demo,
            password_change_required=user.must_change_password,
            second_factor_enrolled=has.enrolled,
            recovery_codes_left=has.codes_left,
            version=user.version,
        )

    @classmethod
    def again(cls, db: Workspace, row_id: UUID) -> "MeOut":
        return cls.of(db, db.find(User, row_id))


@router.get("", summary="Who am I")
def read_me(db: Annotated[Workspace, Can(Permission.ME_READ)]) -> MeOut:
    """The caller, her roles and her agency."""
    user = db.find(User, db.actor.id)
    db.record(Action.USER_READ, user)
    return MeOut.of(db, user)


@router.patch("", summary="Change my name or language")
def update_me(body: MePatch, db: Annotated[Workspace, Can(Permission.ME_UPDATE)], if_match: IfMatch = None) -> MeOut:
    """Change how the caller is named, or the language she is answered in."""
    user = db.claim(User, db.actor.id, if_match)
    user.change(db, **body.changes())
    db.flush()
    return MeOut.of(db, user)


@router.put("/password", status_code=204, summary="Change my password")
async def update_password(body: PasswordIn, errand: Annotated[Errand, Can(Permission.PASSWORD_CHANGE)]) -> None:
    """Set a new password of 15 to 256 characters; all other sessions of the caller end. The old one has to be given."""
    user_id = errand.claims.user_id

    def look(db: Workspace) -> tuple[str, list[str]]:
        user = db.find(User, user_id)
        return user.password_hash, [user.email or "", user.display_name or "", Agency.of(db).name]

    async def prove() -> tuple[str, list[str]] | None:
        stored, names = await errand.run(look)
        return (stored, names) if await errand.passwords.matches(body.current_password, stored, user_id) else None

    stored, names = await shown_again(errand, prove, Forbidden("wrong-password"))
    must_be_good(body.new_password, names, "/new_password")
    if body.new_password == body.current_password:
        raise Invalid(Fault("/new_password", "password-same", ""))
    fresh = await errand.passwords.hash(body.new_password, user_id)

    def keep(db: Workspace) -> None:
        user = db.claim(User, user_id)
        if user.password_hash != stored:
            raise Forbidden("wrong-password")
        user.set_password(db, fresh)
        end_sessions(db, user_id, keep=errand.claims.session_id)
        void_of(db, user_id)
        tell(db, [user_id], NoticeKind.PASSWORD_CHANGED)

    await errand.run(keep)
