"""Agencies and people, made by whoever runs the installation: the first ones, and those who cannot get in."""

import re
from functools import partial
from typing import Any
from uuid import UUID, uuid4

from pydantic import TypeAdapter, ValidationError

from api.cli.house import House, open_house
from api.cli.say import PROGRAM, USAGE, Answer, Trouble, hand_over
from api.passwords import Passwords, one_time
from api.shapes import Email, Language, Name, Zone
from models import jurisdiction, setup, throttle
from models.access import Role
from models.agency import Agency
from models.errors import NotFound
from models.factor_reset import reset_from_the_machine
from models.identity import IdentityProvider
from models.invitation import Invitation
from models.ledger.action import Action
from models.password_reset import void_of
from models.session import end_sessions
from models.user import User, user_ids, who_signs_in
from models.workspace import Workspace


def list_agencies() -> Answer:
    """Every agency by id and name."""
    with open_house() as house:
        found = [{"id": str(a.agency_id), "name": a.name, "demo": bool(a.demo)} for a in house.agencies()]
    lines = [f"{a['id']}  {a['name']}{'  (demo)' if a['demo'] else ''}" for a in found] or ["There is no agency yet."]
    return Answer({"agencies": found}, lines)


def create_agency(name: str, time_zone: str, language: str, place: str) -> Answer:
    """A new agency with keys and a ledger of its own."""
    name = _read("NAME", Name, name)
    values = {"time_zone": _read("--time-zone", Zone, time_zone), "language": _read("--language", Language, language)}
    with open_house() as house:
        known = house.platform(jurisdiction.known)
        if place not in known:
            raise Trouble(
                f"--jurisdiction is none of: {', '.join(known)}",
                "It decides the numbers and legal words in every plan",
                f"the same command with one of them, or {PROGRAM} content load first",
                USAGE,
            )
        if any(agency.name == name for agency in house.agencies()):
            raise Trouble(
                "There is an agency of this name already",
                "Names tell agencies apart in every command",
                f"{PROGRAM} agency list",
            )
        agency_id = uuid4()
        house.within(agency_id, lambda db: Agency.found(db, name=name, jurisdiction=place, **values))
        house.platform(setup.void)
        after = f"{PROGRAM} user create ADDRESS --agency {agency_id} --name NAME --role agency_admin"
        return Answer({"id": str(agency_id), "name": name}, [f"Founded {name} ({agency_id}).", f"Next: {after}"])


def create_user(email: str, agency: str, name: str, roles: list[str], language: str) -> Answer:
    """A new person with a one-time password, which she has to change when she signs in."""
    held = [_role(role) for role in roles]
    email, name = _read("EMAIL", Email, email), _read("--name", Name, name)
    language = _read("--language", Language, language)
    with open_house() as house:
        agency_id = house.agency(agency).agency_id
        password = one_time()
        user_id = uuid4()
        hashed = Passwords(house.database.vault.service).hash_now(password, user_id)

        def hire(db: Workspace) -> None:
            person = (email, name, held, hashed)
            User.hire(db, *person, must_change_password=True, user_id=user_id, language=language)

        house.within(agency_id, hire)
        return _with_password(
            house,
            user_id,
            password,
            "There is a sign-in now, for 72 hours; the password has to be changed at the first one.",
        )


def invite(email: str, agency: str, roles: list[str], language: str) -> Answer:
    """A link by which one person comes in. It is printed whether mail is sent or not; a mail goes too where it is."""
    held = [_role(role) for role in roles]
    email, language = _read("EMAIL", Email, email), _read("--language", Language, language)
    with open_house() as house:
        agency_id = house.agency(agency).agency_id

        def ask(db: Workspace) -> tuple[UUID, str]:
            made = Invitation.send(db, email, held, language)
            return made.id, made.link(db)

        invitation_id, link = house.within(agency_id, ask)
        handed = hand_over("link", link, house.settings.data_dir / f"invitation-{invitation_id}")
        said = "Hand this link over in person: whoever opens it first comes in. It works once, for 72 hours."
        return Answer({"id": str(invitation_id), **handed.data}, [said, handed.line])


def reset_password(email: str) -> Answer:
    """A new one-time password; the person is signed out everywhere."""
    with open_house() as house:
        agency_id, user_id = _person(house, email)
        password = one_time()
        hashed = Passwords(house.database.vault.service).hash_now(password, user_id)

        def reset(db: Workspace) -> None:
            db.claim(User, user_id).set_password(db, hashed, one_time=True)
            end_sessions(db, user_id)
            void_of(db, user_id)

        house.within(agency_id, reset)
        _count_anew(house, email)
        return _with_password(
            house, user_id, password, "Signed out everywhere; the password has to be changed at the next sign-in."
        )


def reset_factor(email: str) -> Answer:
    """Take a person's second factor and recovery codes away; she is signed out everywhere, and told."""
    with open_house() as house:
        agency_id, user_id = _person(house, email)
        gone = house.within(agency_id, lambda db: reset_from_the_machine(db, user_id))
        _count_anew(house, email)
    said = "The second factor is gone and she is signed out everywhere" if gone else "There was no second factor"
    return Answer(
        {"id": str(user_id), "reset": gone}, [f"{said}. With her password she can do nothing but set up a new one."]
    )


def sign_out(email: str | None, agency: str | None) -> Answer:
    """Every session of one person, or of everybody at one agency, ends."""
    if (email is None) == (agency is None):
        words = ("Say whom: one address, or --agency", "Nobody was signed out", f"{PROGRAM} user sign-out --help")
        raise Trouble(*words, USAGE)
    with open_house() as house:
        if email is not None:
            agency_id, user_id = _person(house, email)
            whose = [user_id]
        else:
            agency_id = house.agency(agency or "").agency_id
            whose = house.within(agency_id, user_ids)
        for one in whose:
            house.within(agency_id, partial(_sign_out, user_id=one))
        return Answer({"signed_out": [str(one) for one in whose]}, [f"Signed out everywhere: {len(whose)}."])


def _sign_out(db: Workspace, user_id: UUID) -> None:
    db.note(Action.USER_SESSIONS_ENDED, "users", [user_id])
    end_sessions(db, user_id)


def unlock(email: str) -> Answer:
    """Let a suspended person back in. Failed sign-ins never lock anybody out, so there is nothing else to unlock."""
    with open_house() as house:
        agency_id, user_id = _person(house, email)
        house.within(agency_id, lambda db: db.claim(User, user_id).reinstate(db))
        return Answer({"id": str(user_id), "status": "active"}, ["This person may sign in."])


def _count_anew(house: House, email: str) -> None:
    """Failed tries and known devices of the address are forgotten."""
    account = house.database.vault.service.email_tag(email)
    house.platform(lambda db: throttle.forget_account(db, account))


def allow_local(agency: str) -> Answer:
    """Passwords open this agency again. Whoever has none gets a one-time one from `user reset-password`."""
    with open_house() as house:
        agency_id = house.agency(agency).agency_id

        def allow(db: Workspace) -> None:
            db.claim(IdentityProvider, db.agency_id).allow_local(db)

        try:
            house.within(agency_id, allow)
        except NotFound:
            raise Trouble(
                "This agency has no identity provider", "Passwords work there already", f"{PROGRAM} agency list"
            ) from None
        after = f"{PROGRAM} user reset-password ADDRESS, for whoever has no password"
        return Answer({"agency_id": str(agency_id), "local_sign_in": True}, ["Passwords work again.", f"Next: {after}"])


def _person(house: House, email: str) -> tuple[UUID, UUID]:
    found = house.platform(lambda db: who_signs_in(db, email))
    if found is None:
        raise Trouble(
            "Nobody signs in with this address", "Nothing was changed", f"check the address, or {PROGRAM} user create"
        )
    return found


def _with_password(house: House, user_id: UUID, password: str, said: str) -> Answer:
    handed = hand_over("one_time_password", password, house.settings.data_dir / f"one-time-password-{user_id}")
    return Answer({"id": str(user_id), **handed.data}, [said, handed.line])


def _role(text: str) -> Role:
    try:
        return Role(text)
    except ValueError:
        known = ", ".join(role.value for role in Role)
        raise Trouble(
            "--role: there is no such role", "A role decides what a person may see", f"choose from {known}", USAGE
        ) from None


def _read(option: str, kind: Any, value: str) -> str:
    """A value as the API would take it. Trouble names the option, never the value."""
    try:
        read: str = TypeAdapter(kind).validate_python(value)
    except ValidationError as error:
        said = re.sub(r"^Value error, ", "", error.errors(include_input=False, include_url=False)[0]["msg"]).rstrip(".")
        raise Trouble(f"{option}: {said}", "Nothing was made", "the same command with another value", USAGE) from None
    return read
