"""The first agency and its admin, made with the set-up link of an empty installation."""

import asyncio
from typing import Annotated
from uuid import UUID, uuid4

from fastapi import APIRouter
from pydantic import StringConstraints

from api.door import Door
from api.gate import Anyone, Front
from api.passwords import must_be_good
from api.shapes import Email, In, Language, LinkToken, Name, Out, Secret, Zone
from models import jurisdiction, setup
from models.access import Role
from models.agency import Agency
from models.errors import Fault, Invalid
from models.user import User
from models.workspace import Workspace

router = APIRouter(prefix="/setup", tags=["sign-in"], route_class=Door)


class SetupIn(In):
    """The link's token, the agency, and its first admin."""

    token: LinkToken
    agency_name: Name
    time_zone: Zone
    language: Language = "en"
    jurisdiction: Annotated[str, StringConstraints(max_length=60)] = "us-ct"
    email: Email
    display_name: Name
    password: Secret


class SetupOut(Out):
    """What was founded."""

    id: UUID
    """The agency's id."""
    admin_id: UUID


@router.post("", status_code=201, summary="Found the first agency")
async def create_setup(body: SetupIn, front: Annotated[Front, Anyone()]) -> SetupOut:
    """Use the set-up link: found the agency and make its first admin. The link works once and for 30 minutes; when
    founding fails it may be used again."""
    must_be_good(body.password, [body.email, body.display_name, body.agency_name])
    await front.as_platform(lambda db: setup.must_be_usable(db, body.token))
    known = await front.as_platform(jurisdiction.known)
    if body.jurisdiction not in known:
        raise Invalid(Fault("/jurisdiction", "unknown-jurisdiction", ""))
    agency_id, admin_id = uuid4(), uuid4()
    hashed = await front.passwords.hash(body.password, admin_id)
    await front.as_platform(lambda db: setup.use(db, body.token))

    def found(db: Workspace) -> UUID:
        place = {"time_zone": body.time_zone, "language": body.language, "jurisdiction": body.jurisdiction}
        Agency.found(db, name=body.agency_name, **place)
        admin = (body.email, body.display_name, [Role.AGENCY_ADMIN], hashed)
        return User.hire(db, *admin, must_change_password=False, user_id=admin_id).id

    try:
        return SetupOut(id=agency_id, admin_id=await front.as_system(agency_id, found))
    except Exception:
        await asyncio.shield(front.as_platform(lambda db: setup.give_back(db, body.token)))
        raise
