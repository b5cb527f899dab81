"""Who sees whom, over random agencies: what every list and every read shows, against the rules written down once more."""

import random
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
import sqlalchemy as sa

from models import staffing
from models.access import Actor, Permission, Role
from models.base import columns
from models.client import Client
from models.cover import Cover
from models.destruction import Destruction, DestructionReason, Extent
from models.errors import Conflict, Invalid
from models.legal_hold import LegalHold
from models.plan import Plan
from models.review import Review
from models.team import Team
from models.user import User
from models.wall import Wall
from models.workspace import Workspace
from tests.conftest import Api
from tests.factories import operations
from tests.world import TEMPLATE, Person

DAY = timedelta(days=1)
ROLES = {
    "abe": [Role.ADVOCATE],
    "bea": [Role.ADVOCATE],
    "cal": [Role.ADVOCATE],
    "dot": [Role.ADVOCATE, Role.AGENCY_ADMIN],
    "eve": [Role.SUPERVISOR],
    "fay": [Role.SUPERVISOR],
    "gus": [Role.SUPERVISOR, Role.ADVOCATE],
    "hal": [Role.AGENCY_ADMIN],
    "ivy": [Role.AUDITOR],
}
CASE_WORKERS = ["abe", "bea", "cal", "dot", "eve", "fay", "gus"]


@dataclass
class Rules:
    """The rules of docs/who-sees-what.md, from the facts alone: no query, no table."""

    team: dict[str, int | None] = field(default_factory=dict)
    assigned: set[tuple[str, UUID]] = field(default_factory=set)
    covers: list[tuple[str, str, datetime, datetime]] = field(default_factory=list)  # absent, by, from, until
    walls: set[tuple[str, UUID]] = field(default_factory=set)
    restricted: set[UUID] = field(default_factory=set)

    def works(self, who: str, client: UUID, now: datetime) -> bool:
        covered = (
            by == who and start <= now < end and (absent, client) in self.assigned
            for absent, by, start, end in self.covers
        )
        barred = (who, client) in self.walls or client in self.restricted
        return (who, client) in self.assigned or (not barred and any(covered))

    def sees(self, who: str, client: UUID, now: datetime) -> bool:
        if (who, client) in self.walls:
            return False
        if self.works(who, client, now):
            return True
        if client in self.restricted or Role.SUPERVISOR not in ROLES[who]:
            return False
        theirs = [other for other in ROLES if self.works(other, client, now)]
        return self.team[who] is None or not theirs or any(self.team[o] == self.team[who] for o in theirs)

    def knows(self, who: str, client: UUID, now: datetime) -> bool:
        """Whether she may find the client's id anywhere: whoever sees no client, unless a wall is between them."""
        if Role.SUPERVISOR in ROLES[who] or ROLES[who] == [Role.ADVOCATE]:
            return self.sees(who, client, now)
        return (who, client) not in self.walls


class Town:
    """A random agency: its people, clients, and everything that decides who sees whom."""

    def __init__(self, api: Api, seed: int) -> None:
        self.api, self.random, self.rules = api, random.Random(seed), Rules()
        self.world = api.world = replace(api.world, people=dict(api.world.people))
        self.ids: dict[str, UUID] = {}
        teams = [self.world.system(lambda db: Team.form(db, "A team").id) for _ in range(2)]
        for who, roles in ROLES.items():
            self.rules.team[who] = self.random.choice([None, 0, 1])
            team = self.rules.team[who]
            self._hire(who, roles, None if team is None else teams[team])
        self.plans: dict[UUID, UUID] = {}
        self.reviews: dict[UUID, UUID] = {}
        self.clients = [self._client() for _ in range(6)]

    def _hire(self, who: str, roles: list[Role], team: UUID | None) -> None:
        def hire(db: Workspace) -> UUID:
            user = User.hire(db, f"{uuid4().hex}@harbor.example", who, roles, "no hash", must_change_password=False)
            user.team_id = team
            db.flush()
            return user.id

        self.ids[who] = self.world.system(hire)
        actor = Actor(self.world.agency_id(), self.ids[who], roles=frozenset(roles), team_id=team)
        self.world.people[who] = Person(who, f"{who}@harbor.example", actor)

    def _client(self) -> UUID:
        def take_on(db: Workspace) -> UUID:
            client_id = Client.open(db, alias="Wren", opened_on=date(2027, 1, 4))
            plan_id = Plan.draft(db, client_id, TEMPLATE, sections=["home"])
            self.plans[client_id] = plan_id
            review_id = Review.schedule(db, plan_id, client_id, db.now + DAY, time_zone="UTC", reviewer_id=db.actor.id)
            self.reviews[client_id] = review_id
            return client_id

        client_id = self.world.system(take_on)
        if self.random.random() < 0.5:
            asked = (Extent.EVERYTHING, DestructionReason.CLIENT_ASKED)
            self.world.system(lambda db: Destruction.propose(db, client_id, *asked, urgent=False))
            self.world.system(lambda db: LegalHold.place(db, client_id, "a subpoena", None))
        return client_id

    # -- what happens, in the agency and in the rules ------------------------------------------------------------

    def live(self, steps: int) -> None:
        for _ in range(steps):
            who, client = self.random.choice(CASE_WORKERS), self.random.choice(self.clients)
            happens = [self.assign] * 3 + [self.end, self.wall, self.cover, self.cover, self.hand, self.restrict]
            self.random.choice(happens)(who, client)

    def assign(self, who: str, client: UUID) -> None:
        refused = self._try(lambda db: staffing.assign(db, client, self.ids[who]))
        assert refused == ((who, client) in self.rules.walls or (who, client) in self.rules.assigned)
        if not refused:
            self.rules.assigned.add((who, client))

    def end(self, who: str, client: UUID) -> None:
        if (who, client) in self.rules.assigned:
            rows = self.world.system(lambda db: staffing.open_of(db, client))
            row = next(r for r in staffing.holders(rows) if r.user_id == self.ids[who])
            self._try(lambda db: staffing.end(db, row.id, leave_unassigned=True))
            self.rules.assigned.discard((who, client))

    def wall(self, who: str, client: UUID) -> None:
        who = self.random.choice([who, "hal", "ivy"])
        if (who, client) in self.rules.walls:
            self._machinery(lambda db: self._lift(db, who, client))
            self.rules.walls.discard((who, client))
        else:
            wall_id = self._machinery(lambda db: Wall.propose(db, client, self.ids[who], "they are cousins"))
            self._machinery(lambda db: Wall.approve(db, wall_id))
            self.rules.walls.add((who, client))
            self.rules.assigned.discard((who, client))

    def _lift(self, db: Workspace, who: str, client: UUID) -> None:
        (row,) = [w for w in db.all(sa.select(Wall).where(columns(Wall).client_id == client))
                  if w.user_id == self.ids[who] and w.set_at and not w.lifted_at]  # fmt: skip
        second, db.actor = db.actor, Actor.system(db.agency_id)
        Wall.propose_lifting(db, row.id)
        db.actor = second
        Wall.lift(db, row.id)

    def cover(self, who: str, client: UUID) -> None:
        """Begun some days ago or beginning soon: what counts is the clock when somebody asks."""
        by = self.random.choice([name for name in CASE_WORKERS if name != who])
        start = datetime.now(UTC) + self.random.choice([-9, -5, -2, 1]) * DAY
        end = start + self.random.choice([1, 3, 20]) * DAY

        def begin(db: Workspace) -> UUID:
            db.now = start
            return Cover.begin(db, self.ids[who], self.ids[by], start, end)

        if not self._try(begin):
            self.rules.covers.append((who, by, start, end))

    def hand(self, who: str, client: UUID) -> None:
        to = self.random.choice([name for name in CASE_WORKERS if name != who])
        if (who, client) not in self.rules.assigned:
            return
        refused = self._try(lambda db: staffing.hand_over(db, client, self.ids[to], self.ids[who]))
        assert refused == ((to, client) in self.rules.walls)
        if not refused:
            self.rules.assigned -= {(who, client)}
            self.rules.assigned |= {(to, client)}

    def restrict(self, who: str, client: UUID) -> None:
        """Only where nobody covers: whoever does stays on the list, which TestRestricted shows."""
        covered = {absent for absent, *_ in self.rules.covers}
        if client in self.rules.restricted or any((o, client) in self.rules.assigned for o in covered):
            return
        if not self._try(lambda db: db.claim(Client, client).restrict(db)):
            self.rules.restricted.add(client)

    def _machinery(self, work: Any) -> Any:
        """As somebody new each time, who sees everything: two people are needed for some things."""

        def someone(db: Workspace) -> Any:
            db.actor = replace(db.actor, id=uuid4())
            return work(db)

        return self.world.system(someone)

    def _try(self, work: Any) -> bool:
        try:
            self._machinery(work)
        except (Conflict, Invalid):
            return True
        return False

    # -- what the service shows ------------------------------------------------------------------------------------

    def check(self) -> int:
        now, asked = datetime.now(UTC), 0
        lists = [o for o in operations(self.api.client.app) if o.method == "GET" and not o.parameters and o.permission]
        for who in ROLES:
            seen = {c for c in self.clients if self.rules.sees(who, c, now)}
            unknown = [str(c) for c in self.clients if not self.rules.knows(who, c, now)]
            for operation in lists:
                for more in ("", "?scope=agency", "?scope=team", "?limit=1"):
                    text = self.api.get(who, operation.path + more).text
                    shown = [client for client in unknown if client in text]
                    assert not shown, (operation.name, more, who)
                    asked += 1
            if Permission.CLIENT_READ in {p for p in Permission if self.world.people[who].actor.may(p)}:
                self._sees_exactly(who, seen, now)
            for client in self.clients:
                self._reads(who, client, sees=client in seen)
        return asked

    def _sees_exactly(self, who: str, seen: set[UUID], now: datetime) -> None:
        get = self.api.get
        works = {c for c in self.clients if self.rules.works(who, c, now)}
        mine = [UUID(row["client_id"]) for row in get(who, "/v1/caseload").json()["data"]]
        assert sorted(mine) == sorted(works), who
        assert {UUID(r["client_id"]) for r in get(who, "/v1/caseload?scope=agency").json()["data"]} == seen, who
        assert {UUID(r["id"]) for r in get(who, "/v1/clients").json()["data"]} == seen, who
        found = self.api.post(who, "/v1/clients/search", {"query": "Wren"}).json()["data"]
        assert {UUID(row["id"]) for row in found} == seen, who
        assert {UUID(r["client_id"]) for r in get(who, "/v1/reviews?scope=agency").json()["data"]} == seen, who
        if self.rules.team[who] is not None and Role.SUPERVISOR in ROLES[who]:
            team = [other for other in ROLES if self.rules.team[other] == self.rules.team[who]]
            theirs = {c for c in seen if any(self.rules.works(o, c, now) for o in team)}
            shown = {UUID(row["client_id"]) for row in get(who, "/v1/caseload?scope=team").json()["data"]}
            assert shown == theirs, who

    def _reads(self, who: str, client: UUID, *, sees: bool) -> None:
        paths = [
            f"/v1/clients/{client}{more}" for more in ("", "/assignments", "/plans", "/releases", "/access-history")
        ]
        paths += [f"/v1/plans/{self.plans[client]}", f"/v1/reviews/{self.reviews[client]}"]
        for path in paths:
            status = self.api.get(who, path).status_code
            may = Role.ADVOCATE in ROLES[who] or Role.SUPERVISOR in ROLES[who]
            assert status == (200 if sees else 404) if may else status == 403, (path, who)


@pytest.mark.parametrize("seed", range(2))
def test_every_list_and_every_read_show_what_the_rules_say(api: Api, seed: int) -> None:
    """Random people, teams, assignments, covers, walls and restrictions: no list shows a client out of sight, and those
    in sight are there, once."""
    town = Town(api, seed)
    for _ in range(3):
        town.live(12)
        assert town.check() > 300
