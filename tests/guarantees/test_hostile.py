"""Hostile input to every operation as everybody: refused as a problem, without an echo, with nothing changed.

WAYPOST_TEST_HOSTILE=100000 asks so many times, half on each database; WAYPOST_TEST_SEED=7 asks other things.
"""

import os
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Iterator

import orjson
import pytest

from models.access import PLATFORM, Actor, Kind
from models.database import Workspace
from models.ledger import book
from models.ledger.action import Action
from models.session import SignInSession
from models.user import User
from tests.conftest import Api
from tests.factories import FORMS, RECIPES, Operation, Scene, operations, stage
from tests.hostile.answers import Answer, Watch, fire, judge
from tests.hostile.families import FAMILIES
from tests.hostile.gunner import ROLES, Gunner
from tests.hostile.shot import Shot
from tests.postgres import Urls
from tests.world import PASSWORD, PEOPLE

ASKED = int(os.environ.get("WAYPOST_TEST_HOSTILE", "3000")) // 2  # on each database
SEED = int(os.environ.get("WAYPOST_TEST_SEED", "20270131"))
VOLLEY = 40  # shots between two looks at whether people and rows are still there
LISTS = ("/v1/clients", "/v1/reviews", "/v1/users", "/v1/audit-events", "/v1/caseload")
#: Told of a request that was refused in the end: it looked at names, took and returned a link, or was an attempt that
#: counts, before that.
TOLD_BEFORE = {Action.RECORD_DISCLOSED, Action.SETUP_LINK_USED, Action.SETUP_LINK_RETURNED}
TOLD_BEFORE |= {Action.SESSION_FAMILY_REVOKED, Action.BREAK_GLASS_TRIED}


class Range:
    """The targets: a scene at Harbor, one at Lighthouse, and everybody signed in. Mended when a shot was accepted."""

    def __init__(self, api: Api) -> None:
        self.api = api
        self.operations = [o for o in operations(api.client.app) if o.name not in FORMS]  # tests/api/test_oauth.py
        people = api.world.people.values()
        self._hashed = {one.name: api.world.passwords.hash_now(PASSWORD, one.actor.id) for one in people}
        stage(api, "ana"), stage(api, "other")  # a list of one row has no cursor
        self.scene, self.foreign = self._staged("ana"), self._staged("other")

    def _staged(self, who: str) -> Scene:
        scene = stage(self.api, who)
        scene.bodies["refresh"] = {"refresh_token": self._refresh_token(who)}
        scene.bodies["cursors"] = dict(self._cursors(who))
        return scene

    def _refresh_token(self, who: str) -> str | None:
        """From a session opened without a sign-in, which may be limited by now."""
        person = self.api.world.people[who].actor
        known = Actor(person.agency_id, person.id, kind=Kind.DOOR)
        return self.api.world.database.transact(known, lambda db: SignInSession.open(db, person.id)).refresh_token

    def _cursors(self, who: str) -> Iterator[tuple[str, str]]:
        for path in LISTS:
            for person in (who, "ada" if who == "ana" else who):
                answer = self.api.get(person, f"{path}?limit=1")
                if answer.status_code == 200 and answer.json()["page"]["next_cursor"]:
                    yield path, answer.json()["page"]["next_cursor"]

    def shots(self, gunner: Gunner, count: int) -> Iterator[list[Shot]]:
        """So many shots in volleys: every operation as every role, again and again."""
        for first in range(0, count, VOLLEY):
            yield [
                gunner.shot(number, *self._aim(number), self.scene, self.foreign)
                for number in range(first, min(first + VOLLEY, count))
            ]

    def _aim(self, number: int) -> tuple[Operation, str | None]:
        row, column = divmod(number, len(self.operations))
        return self.operations[column], ROLES[row % len(ROLES)]

    def mend(self, accepted: list[Shot]) -> None:
        """What accepted shots spent is there again."""
        if any(shot.operation.path.startswith(PEOPLES) for shot in accepted):
            for who in PEOPLE:
                self._reinstate(who)
            self.api._tokens.clear()
        if any(shot.method == "DELETE" or shot.path.endswith(SPENT) for shot in accepted):
            self.scene = self._staged("ana")

    def _reinstate(self, who: str) -> None:
        world = self.api.world

        def work(db: Workspace) -> None:
            user = db.claim(User, world.people[who].actor.id)
            user.reinstate(db)
            user.change(db, roles=[PEOPLE[who][1]])
            user.set_password(db, self._hashed[who])

        world.system(work, PEOPLE[who][0])


PEOPLES = ("/v1/sessions", "/v1/users", "/v1/me", "/v1/password-resets", "/v1/second-factor-resets")
SPENT = ("/closure", "/cancellation", "/completion", "/retirement", "/publication", "/copy")


@pytest.fixture
def watch(urls: Urls) -> Iterator[Watch]:
    """Sees every changed row from behind."""
    with Watch(urls) as watching:
        yield watching


@pytest.mark.timeout(120 + ASKED // 20)
def test_nothing_hostile_gets_in_out_or_through(
    watch: Watch, api: Api, kind: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """No 5xx, no echo, nothing of the inside, no status the document does not tell of, and no change by a refusal."""
    place, gunner = Range(api), Gunner(api.client.app.openapi(), SEED)
    tally = Tally()
    for shots in place.shots(gunner, ASKED):
        accepted = []
        for shot, answer in zip(shots, fire(api, watch, shots), strict=True):
            judge(shot, answer, set(gunner.declared(shot.operation)["responses"]))
            tally.add(shot, answer)
            if answer.status < 300 and shot.method != "GET":
                accepted.append(shot)
        place.mend(accepted)
    told = entries_by_request(api)
    done = {r: [a for a, outcome in told[r] if outcome != "denied" and a not in TOLD_BEFORE] for r in tally.refused}
    assert not {r: actions for r, actions in done.items() if actions}
    tally.must_be_whole()
    with capsys.disabled():
        sys.stdout.write(f"\n{tally} on {kind}, seed {SEED}\n" if ASKED > 1500 else "")


def entries_by_request(api: Api) -> dict[str, list[tuple[str, str]]]:
    """(action, outcome) of every entry of every log, by the request that made it."""
    told: dict[str, list[tuple[str, str]]] = defaultdict(list)
    make = api.world.database.transact
    agencies = (api.world.agency_id("Harbor"), api.world.agency_id("Lighthouse"), PLATFORM)
    for agency in agencies:
        for _, stored in make(Actor.system(agency), lambda db: list(book.entries(db))):
            entry = orjson.loads(stored)
            told[entry["req"]].append((entry["action"], entry["outcome"]))
    return told


class Tally:
    """What was asked and answered, to be sure that something was."""

    def __init__(self) -> None:
        self.began = time.monotonic()
        self.statuses: Counter[int] = Counter()
        self.by_family: dict[str, Counter[bool]] = defaultdict(Counter)
        self.by_operation: Counter[str] = Counter()
        self.by_role: dict[str | None, Counter[int]] = defaultdict(Counter)
        self.refused: list[str] = []

    def add(self, shot: Shot, answer: Answer) -> None:
        """Count one."""
        self.statuses[answer.status] += 1
        self.by_operation[shot.operation.name] += 1
        self.by_role[shot.who][answer.status] += 1
        for family in shot.families:
            self.by_family[family][answer.status >= 400] += 1
        if answer.status >= 400:
            self.refused.append(answer["x-request-id"])

    def must_be_whole(self) -> None:
        """Every operation, role and family was there, and refusals of every kind, for other reasons than the sign-in."""
        assert self.statuses.total() == ASKED
        assert len(self.by_operation) == len(RECIPES.keys() - FORMS)
        assert set(self.by_role) >= set(ROLES)
        assert set(self.by_family) == {family.name for family in FAMILIES}
        assert {400, 401, 403, 404, 405, 412, 413, 415, 421, 422, 428} <= set(self.statuses), self.statuses
        known = sum(n for who, statuses in self.by_role.items() if who for s, n in statuses.items() if s == 401)
        assert known < 0.2 * ASKED, "too many were refused for their token alone: is everybody still signed in?"
        assert sum(n for s, n in self.statuses.items() if s < 400) < 0.25 * ASKED, "too little of it was bad"

    def __str__(self) -> str:
        """How many answers of each status, and how fast."""
        seconds = time.monotonic() - self.began
        counts = ", ".join(f"{status}: {n:,}" for status, n in sorted(self.statuses.items()))
        return f"{self.statuses.total():,} hostile requests in {seconds:.1f} s ({counts})"
