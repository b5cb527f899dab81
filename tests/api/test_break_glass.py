"""Break-glass: one client, one hour, reading only; told at once, reviewed by somebody else, never through a wall."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from models import break_glass
from models.access import GRANTS, STEP_UP, THROUGH_GLASS, Permission, Role
from models.assignment import Assignment
from models.break_glass import A_DAY
from models.workspace import Workspace
from tests.api.test_conflict_checks import hire, restrict, wall
from tests.conftest import Api
from tests.factories import NEW_PASSWORD, Scene, code_of, operations, stage
from tests.world import PASSWORD, World

GLASS = "/v1/break-glass"
WHY = {"reason": "client_called", "explanation": "She is on the night line and her advocate is asleep."}
DONE = {"outcome": "justified", "note": "She was on the line; only the plan was read."}


def opened(api: Api, client_id: UUID | str, who: str = "ben", **more: Any) -> Any:
    """The answer to breaking the glass by id."""
    return api.post(who, f"/v1/clients/{client_id}/break-glass", WHY | more)


def named(api: Api, name: str, who: str = "ben", **more: Any) -> Any:
    """The answer to breaking it by name."""
    return api.post(who, GLASS, WHY | {"name": name} | more)


def refused(answer: Any, status: int, code: str) -> None:
    """It was, in these words."""
    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text


def notices(api: Api, who: str, kind: str = "break_glass_opened") -> list[str]:
    """What somebody was told, newest first."""
    return [row["object_id"] for row in api.get(who, "/v1/notices").json()["data"] if row["kind"] == kind]


def shift(world: World, by: timedelta) -> None:
    """Let time have passed for every break-glass and attempt, behind the service's back."""

    def older(db: Workspace) -> None:
        micro = int(by.total_seconds() * 1_000_000)
        moved = {
            "break_glass_openings": ("opened_at", "ends_at"),
            "break_glass_attempts": ("at",),
            "users": ("glass_ends_at", "glass_due_at"),
        }
        for table, columns in moved.items():
            if db.dialect.name == "sqlite":
                sets = ", ".join(f"{c} = {c} - {micro}" for c in columns)
            else:
                sets = ", ".join(f"{c} = {c} - interval '{micro} microseconds'" for c in columns)
            db.driver.execute(f"update {table} set {sets}")

    world.system(older)


@pytest.fixture
def scene(api: Api) -> Scene:
    """A client of ana's with a plan, an item, a review and a release."""
    return stage(api)


def reads(scene: Scene) -> list[str]:
    """What of her may be read through a glass."""
    ids = scene.ids
    hers = f"/v1/clients/{ids['client_id']}"
    return [
        hers,
        f"{hers}/plans",
        f"{hers}/releases",
        f"/v1/plans/{ids['plan_id']}",
        f"/v1/plans/{ids['plan_id']}/progress",
        f"/v1/checklist-items/{ids['item_id']}",
        f"/v1/reviews/{ids['review_id']}",
        f"/v1/releases/{ids['release_id']}",
    ]


class TestOpening:
    def test_attack_71_break_glass_without_reason_is_refused_with_one_it_works_is_told_and_ends(
        self, api: Api, scene: Scene
    ) -> None:
        """422 without; with: reads, two people told, over by the clock."""
        client_id = scene.ids["client_id"]
        for body in ({}, {"reason": "client_called"}, WHY | {"reason": "curious"}, WHY | {"explanation": "short"}):
            answer = api.post("ben", f"/v1/clients/{client_id}/break-glass", body)
            assert answer.status_code == 422, body
        assert opened(api, client_id, explanation="x" + " " * 30).status_code == 422
        assert api.get("ben", reads(scene)[0]).status_code == 404
        body = opened(api, client_id).json()
        assert (body["client_id"], body["open"], body["explanation"]) == (client_id, True, WHY["explanation"])
        for path in reads(scene):
            assert api.get("ben", path).status_code == 200, path
        assert notices(api, "ana") == notices(api, "sol") == [body["id"]]
        assert notices(api, "ben") == []
        shift(api.world, timedelta(minutes=59))
        assert api.get("ben", reads(scene)[0]).status_code == 200
        shift(api.world, timedelta(minutes=1))
        for path in reads(scene):
            assert api.get("ben", path).status_code == 404, path

    def test_who_may_open(self, api: Api, scene: Scene) -> None:
        """An advocate, an agency admin, a supervisor out of her team's reach; never an auditor or a volunteer."""
        client_id = scene.ids["client_id"]
        codes = {who: opened(api, client_id, who).status_code for who in ("ben", "ada", "aud", "val")}
        assert codes == {"ben": 201, "ada": 201, "aud": 403, "val": 403}
        refused(opened(api, client_id, "sol"), 409, "client-in-sight")
        refused(opened(api, client_id, "ana"), 409, "client-in-sight")
        team = api.post("ada", "/v1/teams", {"name": "North"}).json()["id"]
        sol = f"/v1/users/{api.world.people['sol'].actor.id}"
        moved = api.patch("ada", sol, {"team_id": team}, if_match=api.get("ada", sol).json()["version"])
        assert moved.status_code == 200
        assert api.get("sol", reads(scene)[0]).status_code == 404
        assert opened(api, client_id, "sol").status_code == 201
        assert api.get("sol", reads(scene)[0]).status_code == 200

    def test_an_admin_sees_that_one_client_and_no_other(self, api: Api, scene: Scene) -> None:
        """Her roles give her none; her glass one."""
        other = api.world.client("ben")
        assert opened(api, scene.ids["client_id"], "ada").status_code == 201
        for path in reads(scene):
            assert api.get("ada", path).status_code == 200, path
        assert api.get("ada", f"/v1/clients/{other}").status_code == 404
        assert [row["id"] for row in api.get("ada", "/v1/clients").json()["data"]] == [scene.ids["client_id"]]
        shift(api.world, timedelta(hours=1))
        assert api.get("ada", reads(scene)[0]).status_code == 403

    def test_foreign_unknown_and_walled_are_the_same_404(self, api: Api) -> None:
        """And so are restricted ones, however the wall came about."""
        world = api.world
        foreign, walled, restricted = world.client("other"), world.client(alias="Wren Walled"), world.client()
        wall(world, walled, "ben")
        restrict(world, restricted)
        bodies = set()
        for client_id in (foreign, walled, restricted):
            answer = opened(api, client_id)
            refused(answer, 404, "not-found")
            bodies.add(
                tuple(sorted((k, str(v)) for k, v in answer.json().items() if k not in ("request_id", "instance")))
            )
            world.system(lambda db: db.driver.execute("delete from break_glass_attempts"))
        assert len(bodies) == 1
        refused(named(api, "Wren Walled"), 404, "not-found")

    def test_a_second_one_for_the_same_client_is_the_first(self, api: Api, scene: Scene) -> None:
        """A retry opens nothing more, tells nobody twice, and is no attempt."""
        ids = {opened(api, scene.ids["client_id"]).json()["id"] for _ in range(5)}
        assert len(ids) == 1
        assert len(notices(api, "sol")) == 1

    def test_race_of_twenty_openings_gives_three(self, api: Api) -> None:
        """Exactly as many as a person has in a day, at once or one after the other."""
        clients = [api.world.client() for _ in range(20)]
        api.token("ben")
        with ThreadPoolExecutor(20) as pool:
            answers = list(pool.map(lambda client_id: opened(api, client_id), clients))
        assert sorted(a.status_code for a in answers) == [201] * A_DAY + [429] * (20 - A_DAY)
        late = next(a for a in answers if a.status_code == 429)
        refused(late, 429, "break-glass-spent")
        assert 86_000 < int(late.headers["retry-after"]) <= 86_400

    def test_what_is_not_found_counts_too(self, api: Api) -> None:
        """Or names could be tried out all night. A day later there are three again."""
        api.world.client(alias="Robin Marsh")
        for name in ("Nobody Here", "Robin Marshe"):
            refused(named(api, name), 404, "not-found")
        refused(opened(api, api.world.client("other")), 404, "not-found")
        refused(named(api, "Robin Marsh"), 429, "break-glass-spent")
        shift(api.world, timedelta(days=1))
        assert named(api, "Robin Marsh").status_code == 201
        tried = [e for e in api.world.entries() if e["action"] == "break_glass.tried"]
        assert len(tried) == 4
        assert "Marsh" not in str(tried)

    def test_who_is_told_where_nobody_works_with_her(self, api: Api) -> None:
        """The admins, when no supervisor sees her either; where nobody is left, nothing is opened."""
        world = api.world
        client_id = world.client()
        world.system(lambda db: _end_assignments(db, client_id))
        wall(world, client_id, "sol")
        assert opened(api, client_id).status_code == 201
        assert len(notices(api, "ada")) == 1
        another = world.client()
        world.system(lambda db: _end_assignments(db, another))
        wall(world, another, "sol")
        assert api.put("ada", f"/v1/clients/{another}/own-wall").status_code < 300
        refused(opened(api, another), 409, "nobody-to-tell")

    def test_step_up_is_asked_for(self) -> None:
        """A session left open must not do it."""
        assert Permission.BREAKGLASS_OPEN in STEP_UP


class TestByName:
    def test_exactly_one_opens(self, api: Api) -> None:
        """The full name in any order and without accents."""
        client_id = api.world.client(legal_name="Renée O'Brien")
        assert named(api, "obrien RENEE").json()["client_id"] == str(client_id)

    def test_two_of_a_name_open_nothing_without_a_day_of_birth(self, api: Api) -> None:
        """The wrong person's record must not be shown."""
        api.world.client(legal_name="Robin Marsh", date_of_birth="1988-04-07")
        wanted = api.world.client(legal_name="Robin Marsh", date_of_birth="1951-12-01")
        refused(named(api, "Robin Marsh"), 404, "not-found")
        assert named(api, "Robin Marsh", date_of_birth="1951-12-01").json()["client_id"] == str(wanted)

    def test_whom_she_could_not_open_does_not_exist(self, api: Api) -> None:
        """A walled namesake is not in the way, and does not show."""
        wall(api.world, api.world.client(alias="Robin Marsh"), "ben")
        restrict(api.world, api.world.client(alias="Robin Marsh"))
        wanted = api.world.client(alias="Robin Marsh")
        assert named(api, "Robin Marsh").json()["client_id"] == str(wanted)

    def test_her_own_client_needs_none(self, api: Api) -> None:
        """Search finds her."""
        api.world.client("ben", alias="Robin Marsh")
        refused(named(api, "Robin Marsh"), 409, "client-in-sight")
        api.world.client(alias="Robin Marsh")
        assert named(api, "Robin Marsh").status_code == 201, "the colleague's, not her own"


class TestReading:
    def test_everything_it_opens_is_a_get(self, api: Api) -> None:
        """No operation behind a permission of the glass writes, or exports."""
        walked = [o for o in operations(api.client.app) if o.permission in THROUGH_GLASS]
        assert len(walked) > 8
        assert {o.method for o in walked} == {"GET"}
        assert not [o.name for o in walked if "history" in o.path or "export" in o.path]

    @pytest.mark.parametrize("who", ["ben", "ada"])
    def test_nothing_is_written_through_it(self, api: Api, scene: Scene, who: str) -> None:
        """Every other operation about her is refused as before: 404 for who may do it elsewhere, 403 for who may not."""
        assert opened(api, scene.ids["client_id"], who).status_code == 201
        about = {"client_id", "plan_id", "section_id", "item_id", "review_id", "release_id"}
        walked = [
            o for o in operations(api.client.app) if about & {*o.parameters} and o.permission not in THROUGH_GLASS
        ]
        assert len(walked) > 25
        by_id = {"ada": {Permission.ASSIGNMENT_CREATE, Permission.HOLD_PLACE, Permission.DESTRUCTION_PROPOSE}}
        by_id["ada"] |= {Permission.RELEASE_REVOKE}
        for operation in walked:
            if operation.permission in by_id.get(who, set()) | {Permission.WALL_OWN, Permission.BREAKGLASS_OPEN}:
                continue
            code = scene.send(operation, who).status_code
            assert code == 404 or (
                code == 403 and operation.permission not in GRANTS[Role.ADVOCATE if who == "ben" else Role.AGENCY_ADMIN]
            ), (operation.name, code)

    def test_lists_hold_her_while_it_is_open_and_no_longer(self, api: Api, scene: Scene) -> None:
        """Clients and reviews; caseload and search do not widen. A cursor taken meanwhile shows nothing of her later."""
        own = [api.world.client("ben") for _ in range(3)]
        client_id = scene.ids["client_id"]
        opened(api, client_id)
        listed = api.get("ben", "/v1/clients?limit=200").json()["data"]
        assert {row["id"] for row in listed} == {client_id, *map(str, own)}
        assert client_id not in api.get("ben", "/v1/caseload").text
        assert client_id not in api.post("ben", "/v1/clients/search", {"query": "Wren"}).text.replace(str(own), "")
        first = api.get("ben", "/v1/clients?limit=1").json()
        shift(api.world, timedelta(hours=1))
        rest, cursor = [], first["page"]["next_cursor"]
        while cursor:
            page = api.get("ben", f"/v1/clients?limit=1&cursor={cursor}").json()
            rest += [row["id"] for row in page["data"]]
            cursor = page["page"]["next_cursor"]
        assert client_id not in rest

    def test_an_etag_taken_through_it_opens_nothing_later(self, api: Api, scene: Scene) -> None:
        """If-None-Match is asked after sight: 404, not 304."""
        opened(api, scene.ids["client_id"])
        path = f"/v1/checklist-items/{scene.ids['item_id']}"
        etag = api.get("ben", path).headers["etag"]
        assert api.get("ben", path, headers={"if-none-match": etag}).status_code == 304
        shift(api.world, timedelta(hours=1))
        assert api.get("ben", path, headers={"if-none-match": etag}).status_code == 404

    def test_a_wall_or_a_restriction_set_meanwhile_ends_it_at_once(self, api: Api, scene: Scene) -> None:
        """The next request is a 404, and the break-glass itself is not found by whoever opened it."""
        client_id = UUID(scene.ids["client_id"])
        glass = opened(api, client_id).json()["id"]
        opened(api, client_id, "ada")
        wall(api.world, client_id, "ben")
        for path in [*reads(scene), f"{GLASS}/{glass}"]:
            assert api.get("ben", path).status_code == 404, path
        assert api.put("ben", f"{GLASS}/{glass}/return").status_code == 404
        assert api.get("ben", f"{GLASS}?mine=true").json()["data"] == []
        restrict(api.world, client_id)
        assert api.get("ada", reads(scene)[0]).status_code == 404

    def test_a_wall_lifted_within_the_hour_does_not_open_it_again(self, api: Api, scene: Scene) -> None:
        """Setting it up ended the break-glass for good."""
        client_id = UUID(scene.ids["client_id"])
        glass = opened(api, client_id).json()["id"]
        wall(api.world, client_id, "ben")
        standing = api.get("ada", "/v1/walls?state=standing").json()["data"][0]["id"]
        assert api.put("sol", f"/v1/walls/{standing}/lifting").status_code == 200
        assert api.put("ada", f"/v1/walls/{standing}/lifting/approval").status_code == 200
        assert api.get("ben", reads(scene)[0]).status_code == 404
        assert api.get("ben", f"{GLASS}/{glass}").json()["open"] is False

    @pytest.mark.parametrize("role", ["auditor", "volunteer"])
    def test_who_lost_the_role_reads_nothing_more(self, api: Api, scene: Scene, role: str) -> None:
        """Never an auditor, also not for the rest of an hour."""
        opened(api, scene.ids["client_id"])
        ben = f"/v1/users/{api.world.people['ben'].actor.id}"
        changed = api.patch("ada", ben, {"roles": [role]}, if_match=api.get("ada", ben).json()["version"])
        assert changed.status_code == 200
        for path in reads(scene):
            assert api.get("ben", path).status_code == 403, path

    def test_a_suspended_person_has_none(self, api: Api, scene: Scene) -> None:
        """And it is not there when she comes back after its hour."""
        opened(api, scene.ids["client_id"])
        assert api.put("ada", f"/v1/users/{api.world.people['ben'].actor.id}/suspension").status_code == 200
        assert api.get("ben", reads(scene)[0]).status_code == 401

    def test_suspended_and_let_in_again_or_restricted_for_a_while_it_stays_shut(self, api: Api, scene: Scene) -> None:
        """What ended it ended it for good; she may open it again, with a reason."""
        one, (ben, sol) = scene.ids["client_id"], (str(api.world.people[who].actor.id) for who in ("ben", "sol"))
        suspension, restriction = f"/v1/users/{ben}/suspension", f"/v1/clients/{one}/restriction"
        assert api.post("sol", f"/v1/clients/{one}/assignments", {"user_id": sol}).status_code == 201
        for shut, by, again in ((suspension, "ada", "ada"), (restriction, "ana", "sol")):
            assert opened(api, one).status_code == 201
            assert api.get("ben", f"/v1/clients/{one}").status_code == 200
            assert api.put(by, shut).status_code < 300
            assert api.delete(again, shut).status_code < 300
            api._tokens.pop("ben")
            assert api.get("ben", f"/v1/clients/{one}").status_code == 404

    def test_it_is_the_persons_alone(self, api: Api, scene: Scene) -> None:
        """Of one client, for one person."""
        opened(api, scene.ids["client_id"])
        other = api.world.client()
        hire(api.world, Role.ADVOCATE, "kim")
        assert api.get("ben", f"/v1/clients/{other}").status_code == 404

    def test_the_ledger_says_so_and_so_does_her_history(self, api: Api, scene: Scene) -> None:
        """Each entry of what was read has the id; the history says the reason in words."""
        client_id = scene.ids["client_id"]
        glass = opened(api, client_id).json()["id"]
        begun = len(api.world.entries())
        for path in reads(scene):
            api.get("ben", path)
        entries = api.world.entries()[begun:]
        assert len(entries) >= 4
        through = {"id": glass, "client": client_id, "reason": "client_called"}
        assert all(e["why"] == {"purpose": "break_glass", "break_glass": [through]} for e in entries)
        rows = api.get("ana", f"/v1/clients/{client_id}/access-history").json()["data"]
        hers = [row for row in rows if row["who"]["id"] == str(api.world.people["ben"].actor.id)]
        assert len(hers) == len(entries) + 1
        assert {row["why"] for row in hers} == {"in an emergency: you called, or somebody for you"}
        spanish = api.get("ana", f"/v1/clients/{client_id}/access-history", headers={"accept-language": "es"}).json()
        assert "en una emergencia: usted llamó, o alguien por usted" in {row["why"] for row in spanish["data"]}

    def test_her_own_clients_are_read_as_ever(self, api: Api, scene: Scene) -> None:
        """While one is open, entries about others say nothing of it."""
        own = api.world.client("ben")
        opened(api, scene.ids["client_id"])
        api.get("ben", f"/v1/clients/{own}")
        assert "why" not in api.world.entries()[-1]


class TestGivingBack:
    def test_it_ends_at_once_and_twice_is_once(self, api: Api, scene: Scene) -> None:
        """And counts as an attempt all the same."""
        glass = opened(api, scene.ids["client_id"]).json()["id"]
        first, second = (api.put("ben", f"{GLASS}/{glass}/return").json() for _ in range(2))
        assert first["open"] is False
        assert first["given_back_at"] == second["given_back_at"] is not None
        assert api.get("ben", reads(scene)[0]).status_code == 404
        assert opened(api, scene.ids["client_id"]).json()["id"] != glass

    def test_a_supervisor_ends_it_a_colleague_does_not(self, api: Api, scene: Scene) -> None:
        """Whose client it is may read why, and call."""
        glass = opened(api, scene.ids["client_id"]).json()["id"]
        assert api.get("ana", f"{GLASS}/{glass}").json()["explanation"] == WHY["explanation"]
        refused(api.put("ana", f"{GLASS}/{glass}/return"), 403, "others-break-glass")
        assert api.put("sol", f"{GLASS}/{glass}/return").json()["open"] is False
        assert api.get("ben", reads(scene)[0]).status_code == 404


class TestReview:
    def test_by_a_second_person_once_it_is_over(self, api: Api, scene: Scene) -> None:
        """Not while open, not twice, not by whoever opened it; she is told."""
        glass = opened(api, scene.ids["client_id"], "ada").json()["id"]
        path = f"{GLASS}/{glass}/review"
        refused(api.put("sol", path, DONE), 409, "break-glass-open")
        assert api.put("ada", f"{GLASS}/{glass}/return").status_code == 200
        refused(api.put("ada", path, DONE), 409, "own-break-glass")
        refused(api.put("ana", path, DONE), 403, "forbidden")
        body = api.put("sol", path, DONE).json()
        assert (body["outcome"], body["note"]) == ("justified", DONE["note"])
        refused(api.put("sol", path, DONE | {"outcome": "not_justified"}), 409, "break-glass-reviewed")
        assert notices(api, "ada", "break_glass_reviewed") == [glass]

    def test_the_same_person_under_two_roles_is_one_person(self, api: Api, scene: Scene) -> None:
        """An advocate who opens and is then made a supervisor or an admin does not review her own."""
        glass = opened(api, scene.ids["client_id"]).json()["id"]
        shift(api.world, timedelta(hours=1))
        ben = f"/v1/users/{api.world.people['ben'].actor.id}"
        for roles in (["advocate", "supervisor"], ["advocate", "agency_admin"]):
            api.patch("ada", ben, {"roles": roles}, if_match=api.get("ada", ben).json()["version"])
            refused(api.put("ben", f"{GLASS}/{glass}/review", DONE), 409, "own-break-glass")

    def test_who_finds_what_to_review(self, api: Api, scene: Scene) -> None:
        """Supervisors and whoever works with her those on clients they see, admins all, an auditor none."""
        opened(api, scene.ids["client_id"])
        found = {
            who: len(api.get(who, f"{GLASS}?to_review=true").json()["data"]) for who in ("sol", "ada", "ana", "ben")
        }
        assert found == {"sol": 1, "ada": 1, "ana": 1, "ben": 0}
        assert len(api.get("ben", f"{GLASS}?mine=true").json()["data"]) == 1
        assert api.get("aud", GLASS).status_code == 403
        assert api.get("other", f"{GLASS}?to_review=true").json()["data"] == []
        shift(api.world, timedelta(hours=2))
        assert api.get("ben", f"{GLASS}?mine=true").json()["data"][0]["open"] is False

    def test_walled_reviewers_know_nothing_of_it(self, api: Api, scene: Scene) -> None:
        """404 by id, absent from the list."""
        glass = opened(api, scene.ids["client_id"]).json()["id"]
        wall(api.world, UUID(scene.ids["client_id"]), "sol")
        assert api.get("sol", f"{GLASS}/{glass}").status_code == 404
        assert api.put("sol", f"{GLASS}/{glass}/review", DONE).status_code == 404
        assert api.get("sol", GLASS).json()["data"] == []

    def test_unreviewed_for_seven_days_she_reads_her_own_only(self, api: Api, scene: Scene) -> None:
        """To the second, for a supervisor and an admin too; a review ends it."""
        own = api.world.client("ben")
        glass = opened(api, scene.ids["client_id"]).json()["id"]
        shift(api.world, timedelta(days=7) - timedelta(seconds=30))
        assert api.post("ben", "/v1/clients", {"alias": "Lark"}).status_code == 201
        shift(api.world, timedelta(seconds=30))
        assert api.get("ben", f"/v1/clients/{own}").status_code == 200
        assert api.get("ben", "/v1/caseload").status_code == 200
        for answer in (
            api.post("ben", "/v1/clients", {"alias": "Lark"}),
            api.put("ben", f"/v1/clients/{own}/closure", {"reason": "moved"}),
            opened(api, scene.ids["client_id"]),
            api.post("ben", "/v1/conflict-checks", {"names": ["A B"]}),
        ):
            refused(answer, 403, "break-glass-unreviewed")
        assert api.get("ben", f"{GLASS}/{glass}").status_code == 200
        assert api.put("sol", f"{GLASS}/{glass}/review", DONE).status_code == 200
        assert api.post("ben", "/v1/clients", {"alias": "Lark"}).status_code == 201

    def test_an_unreviewed_supervisor_sees_only_whom_she_is_assigned(self, api: Api) -> None:
        """Her reach shrinks too, not only what she may do."""
        world = api.world
        hers, others = world.client(), world.client()
        world.system(lambda db: Assignment.begin(db, hers, world.people["sol"].actor.id))
        _overdue(api, "sol")
        assert api.get("sol", f"/v1/clients/{hers}").status_code == 200
        assert api.get("sol", f"/v1/clients/{others}").status_code == 404
        assert [row["user_id"] for row in api.get("sol", GLASS).json()["data"]] == [str(world.people["sol"].actor.id)]
        refused(api.get("sol", "/v1/users"), 403, "break-glass-unreviewed")

    def test_a_destroyed_clients_break_glass_holds_nobody_up(self, api: Api) -> None:
        """Its row went with her record; the ledger keeps that it was."""
        client_id = api.world.client()
        opened(api, client_id)
        shift(api.world, timedelta(days=8))
        refused(api.post("ben", "/v1/clients", {"alias": "Lark"}), 403, "break-glass-unreviewed")
        asked = {"what": "everything", "reason": "client_asked"}
        proposal = api.post("sol", f"/v1/clients/{client_id}/destruction", asked).json()["id"]
        assert api.put("ada", f"/v1/destructions/{proposal}/approval").status_code == 200
        assert api.post("ben", "/v1/clients", {"alias": "Lark"}).status_code == 201


def _overdue(api: Api, who: str) -> None:
    """A break-glass of somebody's that nobody reviewed."""
    person = api.world.people[who].actor

    def late(db: Workspace) -> None:
        client_id = UUID(str(_some_client(db)))
        row = {"id": UUID(int=7), "client_id": client_id, "user_id": person.id, "reason": "other", "explanation": "x"}
        long_ago = db.now - timedelta(days=8)
        db.create_many(break_glass._ADD, None, [row | {"opened_at": long_ago, "ends_at": long_ago}])
        db.note(break_glass.Action.BREAK_GLASS_OPENED, "break_glass_openings", [UUID(int=7)], client_id)
        break_glass._settle(db, person.id)

    api.world.system(late)


def _some_client(db: Workspace) -> UUID:
    import sqlalchemy as sa

    from models.client import Client

    found: UUID = db.all(sa.select(Client))[0].id
    return found


def _end_assignments(db: Workspace, client_id: UUID) -> None:
    from models import assignment

    for row in assignment.open_of(db, client_id):
        assignment.end(db, row)


class TestReminder:
    def test_whoever_may_review_is_told_a_day_before_it_is_too_late(self, api: Api, scene: Scene) -> None:
        """Supervisors who see her and admins, once, never whoever opened it; not before the sixth day."""
        glass = opened(api, scene.ids["client_id"], "ada").json()["id"]
        hire(api.world, Role.AGENCY_ADMIN, "kim")
        shift(api.world, timedelta(days=6) - timedelta(seconds=30))
        assert api.world.system(break_glass.remind) == 0
        shift(api.world, timedelta(seconds=30))
        assert [api.world.system(break_glass.remind) for _ in range(2)] == [1, 0]
        told = {who: notices(api, who, "break_glass_to_review") for who in ("sol", "ada", "ana", "ben")}
        assert told == {"sol": [glass], "ada": [], "ana": [], "ben": []}

    def test_a_walled_supervisor_hears_nothing_and_a_reviewed_one_needs_none(self, api: Api, scene: Scene) -> None:
        """The admin is told instead; after the review nobody is."""
        first = opened(api, scene.ids["client_id"]).json()["id"]
        other = api.world.client()
        second = opened(api, other).json()["id"]
        wall(api.world, UUID(scene.ids["client_id"]), "sol")
        shift(api.world, timedelta(days=6))
        assert api.put("sol", f"{GLASS}/{second}/review", DONE).status_code == 200
        assert api.world.system(break_glass.remind) == 1
        assert notices(api, "sol", "break_glass_to_review") == []
        assert notices(api, "ada", "break_glass_to_review") == [first]

    def test_with_nobody_to_tell_it_is_tried_again(self, api: Api, scene: Scene) -> None:
        """A reviewer who comes back is told then."""
        glass = opened(api, scene.ids["client_id"], "ada").json()["id"]
        sol = f"/v1/users/{api.world.people['sol'].actor.id}"
        assert api.put("ada", f"{sol}/suspension").status_code == 200
        shift(api.world, timedelta(days=6))
        assert api.world.system(break_glass.remind) == 0
        assert api.delete("ada", f"{sol}/suspension").status_code == 200
        assert api.world.system(break_glass.remind) == 1
        assert notices(api, "sol", "break_glass_to_review") == [glass]

    def test_over_the_last_day_her_account_stays_hers(self, api: Api, scene: Scene) -> None:
        """A factor set up and shown, the password, another session ended, signing out: none of it waits for a review."""
        opened(api, scene.ids["client_id"])
        shift(api.world, timedelta(days=8))
        refused(api.post("ben", "/v1/clients", {"alias": "Lark"}), 403, "break-glass-unreviewed")
        begun = api.post("ben", "/v1/me/second-factor")
        assert begun.status_code == 201, begun.text
        secret = begun.json()["secret"]
        assert api.put("ben", "/v1/me/second-factor/confirmation", {"totp_code": code_of(secret)}).status_code == 200
        shown = api.put("ben", "/v1/sessions/current/second-factor", {"totp_code": code_of(secret, 1)})
        assert shown.status_code == 200, shown.text
        api._tokens["ben"] = shown.json()["access_token"]
        change = {"current_password": PASSWORD, "new_password": NEW_PASSWORD}
        assert api.put("ben", "/v1/me/password", change).status_code == 204
        assert api.get("ben", "/v1/sessions").status_code == 200
        refused(api.post("ben", "/v1/clients", {"alias": "Lark"}), 403, "break-glass-unreviewed")
        assert api.delete("ben", "/v1/sessions/current").status_code == 204
