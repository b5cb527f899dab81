"""Whoever writes to the database behind our back cannot let somebody in unnoticed: `verify --state` names the row."""

from collections.abc import Callable
from functools import partial
from typing import Any
from uuid import UUID, uuid4

import pytest
import sqlalchemy as sa

from models import vouch
from models.access import Role
from models.assignment import Assignment
from models.base import MODELS, columns, table_of
from models.client import Client
from models.cover import Cover
from models.ledger import book, state
from models.rows import Change
from models.session import SignInSession
from models.user import User, UserStatus
from models.wall import Wall
from models.workspace import Workspace
from tests.api.contract import client, done, good
from tests.api.test_walls import user_id, wall_off
from tests.conftest import Api
from tests.factories import behind, soon
from tests.postgres import Urls
from tests.world import World


@pytest.fixture
def scene(api: Api) -> dict[str, UUID]:
    """A client of ana's from whom ben is kept, a restricted one, a cover by ben: all done through the service."""
    one, closed = client(api)["id"], client(api)["id"]
    wall_off(api, one, "ben")
    done(api.put("ana", f"/v1/clients/{closed}/restriction"))
    body = {"absent_id": user_id(api, "ana"), "by_id": user_id(api, "sol"), "ends_at": soon(2)}
    good(api.post("ada", "/v1/covers", body), 201)
    assert faults(api.world) == []
    return {"one": UUID(one), "closed": UUID(closed)} | {w: p.actor.id for w, p in api.world.people.items()}


def faults(world: World) -> list[str]:
    return list(world.system(partial(book.verify, state=True)).faults)


U, A, C, W, K = (columns(model) for model in (User, Assignment, Client, Wall, Cover))
Deed = Callable[[sa.Connection, dict[str, UUID]], Any]


def raise_role(connection: sa.Connection, ids: dict[str, UUID]) -> None:
    connection.execute(sa.update(table_of(User)).where(U.id == ids["ben"]).values(roles="advocate+supervisor"))


def let_back_in(connection: sa.Connection, ids: dict[str, UUID]) -> None:
    connection.execute(sa.update(table_of(User)).where(U.id == ids["ben"]).values(status=UserStatus.SUSPENDED))


def swap_password(connection: sa.Connection, ids: dict[str, UUID]) -> None:
    connection.execute(sa.update(table_of(User)).where(U.id == ids["ana"]).values(password_hash="$argon2id$other"))


def leave_team(connection: sa.Connection, ids: dict[str, UUID]) -> None:
    connection.execute(sa.update(table_of(User)).where(U.id == ids["sol"]).values(team_id=uuid4()))


def assign(connection: sa.Connection, ids: dict[str, UUID]) -> None:
    there = connection.execute(sa.select(table_of(Assignment)).where(A.client_id == ids["closed"])).mappings().one()
    row = dict(there) | {"id": uuid4(), "user_id": ids["ben"]}
    connection.execute(sa.insert(table_of(Assignment)).values(**row))


def redirect(connection: sa.Connection, ids: dict[str, UUID]) -> None:
    hers = sa.and_(A.client_id == ids["closed"], A.user_id == ids["ana"])
    connection.execute(sa.update(table_of(Assignment)).where(hers).values(user_id=ids["ben"]))


def lengthen(connection: sa.Connection, ids: dict[str, UUID]) -> None:
    connection.execute(sa.update(table_of(Assignment)).where(A.kind == "cover").values(ends_at=sa.null()))


def lift(connection: sa.Connection, ids: dict[str, UUID]) -> None:
    connection.execute(sa.update(table_of(Wall)).values(lifted_at=W.set_at))


def unset(connection: sa.Connection, ids: dict[str, UUID]) -> None:
    connection.execute(sa.update(table_of(Wall)).values(set_at=sa.null()))


def take_down(connection: sa.Connection, ids: dict[str, UUID]) -> None:
    connection.execute(sa.delete(table_of(Wall)))


def unrestrict(connection: sa.Connection, ids: dict[str, UUID]) -> None:
    connection.execute(sa.update(table_of(Client)).where(C.id == ids["closed"]).values(restricted=False))


def cover_longer(connection: sa.Connection, ids: dict[str, UUID]) -> None:
    connection.execute(sa.update(table_of(Cover)).values(by_id=ids["ben"]))


DEEDS: list[tuple[Deed, str, str]] = [
    (raise_role, "users.grants", "edited"),
    (let_back_in, "users.grants", "edited"),
    (swap_password, "users.grants", "edited"),
    (leave_team, "users.grants", "edited"),
    (assign, "assignments.grants", "inserted"),
    (redirect, "assignments.grants", "edited"),
    (lengthen, "assignments.grants", "edited"),
    (lift, "walls.grants", "edited"),
    (unset, "walls.grants", "rolled back to entry"),
    (take_down, "walls.grants", "deleted"),
    (unrestrict, "clients.grants", "edited"),
    (cover_longer, "covers.grants", "edited"),
]


@pytest.mark.parametrize(("deed", "table", "how"), DEEDS, ids=[deed.__name__ for deed, _, _ in DEEDS])
def test_attack_57_what_lets_somebody_in_changed_by_sql_is_named(
    api: Api, urls: Urls, scene: dict[str, UUID], deed: Deed, table: str, how: str
) -> None:
    """A role raised, an assignment planted, a wall lifted, and so on, in the database alone: found, with its row."""
    with behind(urls.superuser) as connection:
        deed(connection, scene)
    found = [said for said in faults(api.world) if said.startswith(f"{table} ")]
    assert found, faults(api.world)
    assert all(f": {how}" in said for said in found)


def test_everything_done_through_the_service_is_vouched_for(api: Api, scene: dict[str, UUID]) -> None:
    """Each way to change what lets somebody in, and nothing is found."""
    ben, one = user_id(api, "ben"), client(api)["id"]
    good(api.put("ada", f"/v1/users/{ben}/suspension"))
    good(api.delete("ada", f"/v1/users/{ben}/suspension"))
    version = good(api.get("ada", f"/v1/users/{ben}"))["version"]
    good(api.patch("ada", f"/v1/users/{ben}", {"roles": ["advocate", "supervisor"]}, if_match=version))
    good(api.put("sol", f"/v1/clients/{one}/handover", {"to_user_id": ben}))
    (wall,) = good(api.get("ada", "/v1/walls"))["data"]
    good(api.put("ada", f"/v1/walls/{wall['id']}/lifting"))
    good(api.put("sol", f"/v1/walls/{wall['id']}/lifting/approval"))
    (cover,) = good(api.get("ada", "/v1/covers"))["data"]
    done(api.delete("ada", f"/v1/covers/{cover['id']}"))
    api.world.system(lambda db: db.claim(User, scene["ben"]).set_password(db, "another", one_time=True))
    done(api.put("sol", f"/v1/clients/{scene['one']}/own-wall"))
    assert faults(api.world) == []


def test_an_agency_older_than_vouching_is_vouched_for_once(world: World, urls: Urls) -> None:
    """Rows the ledger never spoke of are found; whoever upgrades has it speak of them as they stand."""
    with behind(urls.superuser) as connection:
        connection.execute(sa.update(table_of(User)).values(roles="auditor"))
    assert len(faults(world)) == 5
    told = state.vouch_for_all(world.system)
    assert told == 6
    assert faults(world) == []
    assert world.entries()[-1]["action"] == "grants.vouched"


def test_what_decides_who_sees_what_is_among_what_is_vouched_for() -> None:
    """Every column models/sight.py asks, and those signing in asks of a person."""
    asked = {
        "assignments": {"client_id", "user_id", "starts_at", "ends_at", "ended_at"},
        "break_glass_openings": {"client_id", "user_id", "ends_at", "given_back_at", "reviewed_at"},
        "clients": {"restricted"},
        "section_volunteers": {"client_id", "section_id", "user_id", "ended_at"},
        "users": {"roles", "status", "password_hash", "team_id"},
        "walls": {"client_id", "user_id", "set_at", "lifted_at"},
    }
    assert {name: set(MODELS[name].vouched) >= wanted for name, wanted in asked.items()} == dict.fromkeys(asked, True)
    assert set(vouch.tables()) == {*asked, "covers"}
    assert not SignInSession.vouched, "of the day"


def test_a_change_the_ledger_would_not_hear_of_is_refused(world: World) -> None:
    """A statement of the fast lane that sets a vouched column tells the ledger, or does not run."""
    raising = Change(sa.update(table_of(User)).values(roles=sa.bindparam("roles")))

    def run(db: Workspace) -> None:
        db.change_one(raising, roles=Role.AUDITOR.value)

    with pytest.raises(TypeError, match="through run"):
        world.system(run)
