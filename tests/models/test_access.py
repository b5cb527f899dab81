"""Roles, what they are granted, how far they see, and what a Workspace lets through."""

from dataclasses import replace
from datetime import UTC, datetime
from uuid import uuid4

import pytest
import sqlalchemy as sa

from models import assignment as assignments
from models.access import GRANTS, REACH, Actor, Permission, Reach, Role
from models.assignment import Assignment, assignments_of
from models.client import Client, ClientStatus, ExternalId
from models.errors import Conflict, Forbidden, Invalid, NotFound, Stale
from models.ledger.action import Action
from models.rows import Query
from models.workspace import Workspace
from tests.world import World


class TestActor:
    def test_reach_is_the_widest_of_the_roles_that_grant_it(self) -> None:
        """A role lends its sight to its own permissions only."""
        both = Actor(uuid4(), uuid4(), roles=frozenset({Role.ADVOCATE, Role.AGENCY_ADMIN}))
        assert both.may(Permission.USER_UPDATE)
        assert both.reach(Permission.CLIENT_READ) is Reach.ASSIGNED
        assert both.reach(Permission.USER_UPDATE) is Reach.NONE
        lead = replace(both, roles=frozenset({Role.ADVOCATE, Role.SUPERVISOR}))
        assert lead.reach(Permission.CLIENT_READ) is Reach.AGENCY
        assert lead.reach(Permission.CLIENT_UPDATE) is Reach.ASSIGNED

    def test_nobody_and_the_system_hold_no_permission(self) -> None:
        """They act without one, where a person needs one."""
        for actor in (Actor.nobody(uuid4()), Actor.system(uuid4())):
            assert not any(actor.may(permission) for permission in Permission)

    @pytest.mark.parametrize("role", Role)
    def test_each_role_may_exactly_what_it_is_granted(self, role: Role) -> None:
        """And sees as far as it reaches, where it may."""
        actor = Actor(uuid4(), uuid4(), roles=frozenset({role}))
        assert {p for p in Permission if actor.may(p)} == GRANTS[role]
        assert {actor.reach(p) for p in GRANTS[role]} == {REACH[role]}
        assert {actor.reach(p) for p in set(Permission) - GRANTS[role]} <= {Reach.NONE}


class TestWorkspace:
    def test_becoming_somebody_needs_the_permission(self, world: World) -> None:
        """An auditor does not get a Workspace for clients."""
        with pytest.raises(Forbidden):
            world.run("aud", Permission.CLIENT_READ, lambda db: None)

    def test_claim_with_a_stale_version_names_the_current_one(self, world: World) -> None:
        """If-Match."""
        client_id = world.client()
        for _ in range(2):
            world.run("ana", Permission.CLIENT_UPDATE, lambda db: db.claim(Client, client_id).update(db, alias="Lark"))
        with pytest.raises(Stale) as stale:
            world.run("ana", Permission.CLIENT_UPDATE, lambda db: db.claim(Client, client_id, 1))
        assert stale.value.current == 3

    def test_a_version_grows_by_one_with_each_change(self, world: World) -> None:
        """However many fields changed, sealed or not."""
        client_id = world.client()
        change = {"alias": "Lark", "pronouns": "she", "status": ClientStatus.DORMANT}
        world.run("ana", Permission.CLIENT_UPDATE, lambda db: db.claim(Client, client_id).update(db, **change))
        row = world.system(lambda db: (db.find(Client, client_id).version, db.find(Client, client_id).seal_rev))
        assert row == (2, 2)

    def test_a_missing_parameter_of_a_prepared_query_is_a_programmers_error(self, world: World) -> None:
        """Never a condition that is left out."""
        c = Client.__table__.c  # type: ignore[attr-defined]
        query = Query(sa.select(c.id).where(c.id == sa.bindparam("wanted", required=True)))
        with pytest.raises(KeyError):
            world.run("ana", Permission.CLIENT_READ, lambda db: db.rows(query))


class TestAssignments:
    def test_the_end_of_an_assignment_ends_sight_at_once(self, world: World) -> None:
        """In the next unit of work; what she did stays hers."""
        client_id = world.client()
        [assignment] = world.run(
            "sol", Permission.ASSIGNMENT_READ, lambda db: [r.id for r in assignments_of(db, client_id)]
        )
        world.run("sol", Permission.ASSIGNMENT_END, lambda db: assignments.end(db, db.find(Assignment, assignment)))
        with pytest.raises(NotFound):
            world.run("ana", Permission.CLIENT_READ, lambda db: db.find(Client, client_id))
        with pytest.raises(NotFound):
            world.run("ana", Permission.PLAN_READ, lambda db: db.must_see(client_id))
        row = world.system(lambda db: [(r.user_id, r.ended_by_id) for r in assignments_of(db, client_id)])
        assert row == [(world.people["ana"].actor.id, world.people["sol"].actor.id)]

    def test_a_client_is_assigned_once_at_a_time_and_again_later(self, world: World) -> None:
        """Twice is a conflict; after the end it begins anew, as a row of its own."""
        client_id, ben = world.client(), world.people["ben"].actor.id

        def begin(db: Workspace) -> object:
            return Assignment.begin(db, client_id, ben)

        first = world.run("sol", Permission.ASSIGNMENT_CREATE, begin)
        with pytest.raises(Conflict):
            world.run("sol", Permission.ASSIGNMENT_CREATE, begin)
        world.run("sol", Permission.ASSIGNMENT_END, lambda db: assignments.end(db, db.find(Assignment, first)))
        assert world.run("sol", Permission.ASSIGNMENT_CREATE, begin) != first
        rows = world.run(
            "sol", Permission.ASSIGNMENT_READ, lambda db: [r.user_id for r in assignments_of(db, client_id)]
        )
        assert len(rows) == 3

    @pytest.mark.parametrize("who", ["ada", "aud", "other"])
    def test_only_active_case_workers_of_the_agency_take_clients(self, world: World, who: str) -> None:
        """Not an admin, an auditor or a stranger."""
        client_id, person = world.client(), world.people[who].actor.id
        with pytest.raises(Invalid):
            world.run("sol", Permission.ASSIGNMENT_CREATE, lambda db: Assignment.begin(db, client_id, person))


class TestClient:
    def test_a_name_remains(self, world: World) -> None:
        """An alias or a legal name."""
        client_id = world.client(alias="Wren", legal_name="Wren Alder")
        change = lambda **values: world.run(  # noqa: E731
            "ana", Permission.CLIENT_UPDATE, lambda db: db.claim(Client, client_id).update(db, **values)
        )
        change(alias=None)
        with pytest.raises(Invalid):
            change(legal_name=None)

    def test_closing_and_reopening_are_states(self, world: World) -> None:
        """Twice changes nothing; the reason goes with the closing."""
        client_id = world.client()

        def twice(db: Workspace) -> object:
            row = db.claim(Client, client_id)
            row.close(db, "moved")
            row.close(db, "another")
            db.flush()
            return row.closing_reason, row.status, row.version

        assert world.run("ana", Permission.CLIENT_UPDATE, twice) == ("moved", ClientStatus.CLOSED, 2)
        world.run("ana", Permission.CLIENT_UPDATE, lambda db: db.claim(Client, client_id).reopen(db))
        row = world.system(lambda db: (db.find(Client, client_id).closing_reason, db.find(Client, client_id).closed_at))
        assert row == (None, None)

    def test_an_external_id_finds_its_client_in_sight_and_belongs_to_one(self, world: World) -> None:
        """Found by its tag, sealed where it stands, and nobody else's."""
        mine, hers = world.client(), world.client()

        def give(client_id: object, value: str) -> object:
            return lambda db: ExternalId.replace(db, client_id, [("shelter", value)])

        world.run("ana", Permission.CLIENT_UPDATE, give(mine, "S-1"))
        found = world.run("ana", Permission.CLIENT_READ, lambda db: ExternalId.owner(db, "shelter", "S-1"))
        assert found == mine
        for who in ("ben", "other"):
            with pytest.raises(NotFound):
                world.run(who, Permission.CLIENT_READ, lambda db: ExternalId.owner(db, "shelter", "S-1"))
        with pytest.raises(Conflict):
            world.run("ana", Permission.CLIENT_UPDATE, give(hers, "S-1"))
        world.run("ana", Permission.CLIENT_UPDATE, give(mine, "S-2"))
        with pytest.raises(NotFound):
            world.run("ana", Permission.CLIENT_READ, lambda db: ExternalId.owner(db, "shelter", "S-1"))

    def test_a_supervisor_takes_nobody_on_for_herself_by_accident(self, world: World) -> None:
        """Whoever sees the whole agency is not assigned unless said."""
        client_id = world.system(lambda db: Client.open(db, alias="Wren", opened_on=datetime.now(UTC).date()))
        assert world.system(lambda db: list(assignments_of(db, client_id))) == []
        assert world.entries()[-1]["action"] in (Action.CLIENT_CREATED, Action.RECORD_DISCLOSED)
