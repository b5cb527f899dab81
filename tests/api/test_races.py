"""Many at once: nothing is lost, nothing doubled, and each surviving change has exactly one entry."""

import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier, Event
from typing import Any
from uuid import UUID

import pytest
from orjson import loads

from models.access import PLATFORM, Actor, Permission, Role
from models.checklist import ChecklistItem
from models.ledger import book
from models.plan import Plan
from models.setup import SetupLink
from models.user import User, head_count
from models.workspace import Workspace
from tests.api.contract import client, counted, good, items, plan, problem, review, tickable
from tests.conftest import Api
from tests.world import PASSWORD, TEMPLATE, Person


def at_once(times: int, ask: Callable[[int], Any]) -> list[Any]:
    """The answers to `times` requests that leave together from as many threads."""
    start = Barrier(times)

    def run(n: int) -> Any:
        start.wait(30)
        return ask(n)

    with ThreadPoolExecutor(times) as pool:
        return list(pool.map(run, range(times)))


def entries(api: Api, action: str) -> list[Any]:
    return [e for e in api.world.entries() if e["action"] == action]


class TestDoubleSubmits:
    def test_twenty_times_one_key_make_one_client(self, api: Api):
        """Every answer is the same client; one was made, and one entry says so."""
        api.token("ana")
        answers = at_once(20, lambda _: api.post("ana", "/v1/clients", {"alias": "Wren"}, key="one-and-the-same"))
        assert {a.status_code for a in answers} == {201}
        assert len({a.json()["id"] for a in answers}) == 1
        assert sum("idempotency-replayed" not in a.headers for a in answers) == 1
        assert len(good(api.get("ana", "/v1/clients"))["data"]) == 1
        assert len(entries(api, "client.created")) == 1

    def test_twenty_plans_under_one_key(self, api: Api):
        """The same for a plan with all its sections and items."""
        one = client(api)["id"]
        body = {"template_id": str(TEMPLATE)}
        answers = at_once(20, lambda _: api.post("ana", f"/v1/clients/{one}/plans", body, key="p"))
        assert {a.status_code for a in answers} == {201}
        assert len(good(api.get("ana", f"/v1/clients/{one}/plans"))["data"]) == 1
        assert len(entries(api, "plan.created")) == 1

    def test_a_review_completed_twenty_times(self, api: Api):
        """It is held once and followed once."""
        whole = plan(api, client(api)["id"], sections=["home"])
        one = review(api, whole["id"])["id"]
        answers = at_once(20, lambda _: api.put("ana", f"/v1/reviews/{one}/completion", {}))
        assert {a.status_code for a in answers} == {200}
        assert len({a.json()["next_id"] for a in answers}) == 1
        assert len(good(api.get("ana", "/v1/reviews?status=scheduled"))["data"]) == 1
        assert len(entries(api, "review.completed")) == 1


class TestEdits:
    def test_twenty_edits_of_one_version(self, api: Api):
        """One wins, nineteen are told that they were late; the winner's words stand."""
        one = client(api)["id"]
        answers = at_once(20, lambda n: api.patch("ana", f"/v1/clients/{one}", {"alias": f"Wren {n}"}, if_match=1))
        assert sorted(a.status_code for a in answers) == [200] + [412] * 19
        for late in (a for a in answers if a.status_code == 412):
            problem(late, 412, "stale-version")
            assert late.headers["etag"] == '"2"'
        won = next(a.json() for a in answers if a.status_code == 200)
        assert good(api.get("ana", f"/v1/clients/{one}")) == won
        assert len(entries(api, "client.updated")) == 1

    def test_items_added_at_once(self, api: Api):
        """Ten own items in one section: ten numbers, none lost."""
        whole = plan(api, client(api)["id"], sections=["home"])
        body = {"section_id": whole["sections"][0]["id"]}
        answers = at_once(10, lambda n: api.post("ana", f"/v1/plans/{whole['id']}/items", body | {"text": f"Own {n}"}))
        assert {a.status_code for a in answers} == {201}
        after = good(api.get("ana", f"/v1/plans/{whole['id']}"))
        assert len(items(after)) == len(items(whole)) + 10
        assert after["progress"] == counted(after)


def _tickable_items(api: Api, whole: Any, count: int) -> list[str]:
    """The ids of so many items of a plan, own ones added where the template has too few."""
    ids = [item["id"] for item in tickable(whole)]
    while len(ids) < count:
        body = {"section_id": whole["sections"][0]["id"], "text": f"Own {len(ids)}"}
        ids.append(good(api.post("ana", f"/v1/plans/{whole['id']}/items", body), 201)["id"])
    return ids[:count]


def _colleague(api: Api, client_id: str, number: int) -> str:
    """One more advocate of Harbor, assigned to the client and signed in; her name in the world."""
    name, world = f"advocate-{number}", api.world
    email = f"{name}@harbor.example"
    hire: Any = lambda db: User.hire(db, email, name, [Role.ADVOCATE], "x", must_change_password=False).id  # noqa: E731
    actor = Actor(world.agency_id(), world.system(hire), roles=frozenset({Role.ADVOCATE}))
    world.people = {**world.people, name: Person(name, email, actor)}  # this test's world only: the dict is shared
    good(api.post("sol", f"/v1/clients/{client_id}/assignments", {"user_id": str(actor.id)}), 201)
    api.token(name)
    return name


class TestTicks:
    def test_every_item_from_sixteen_threads(self, api: Api):
        """None is lost, the counters are exact, and each has one entry."""
        whole = plan(api, client(api)["id"])
        ids = _tickable_items(api, whole, 45)
        with ThreadPoolExecutor(16) as pool:
            answers = list(pool.map(lambda one: api.put("ana", f"/v1/checklist-items/{one}/completion"), ids))
        assert {a.status_code for a in answers} == {200}
        assert sorted(a.json()["progress"]["done"] for a in answers) == list(range(1, 46))
        after = good(api.get("ana", f"/v1/plans/{whole['id']}"))
        assert after["progress"] == counted(after)
        assert after["progress"]["done"] == 45
        ticked = entries(api, "checklist_item.ticked")
        assert sorted(i for e in ticked for i in e["object"]["ids"]) == sorted(ids)

    def test_sixty_four_ticks_by_thirty_two_people(self, api: Api):
        """Two items each, all at once: no tick is lost, none is refused, and each is entered once, under its ticker."""
        whole = plan(api, client(api)["id"])
        ids = _tickable_items(api, whole, 64)
        people = [_colleague(api, whole["client_id"], n) for n in range(32)]
        before = good(api.get("ana", f"/v1/plans/{whole['id']}/progress"))
        answers = at_once(64, lambda n: api.put(people[n % 32], f"/v1/checklist-items/{ids[n]}/completion"))
        assert Counter(a.status_code for a in answers) == {200: 64}
        assert sorted(a.json()["progress"]["done"] for a in answers) == list(range(1, 65))
        after = good(api.get("ana", f"/v1/plans/{whole['id']}"))
        assert after["progress"] == counted(after)
        assert (after["progress"]["done"], after["version"]) == (64, before["version"] + 64)
        by = {item["id"]: (item["status"], item["completed_by_id"]) for item in items(after) if item["id"] in ids}
        expected = {one: str(api.world.people[people[n % 32]].actor.id) for n, one in enumerate(ids)}
        assert by == {one: ("done", who) for one, who in expected.items()}
        ticked = [(e["object"]["ids"], e["who"]["id"]) for e in entries(api, "checklist_item.ticked")]
        assert sorted(ticked) == sorted(([one], who) for one, who in expected.items())
        assert api.world.system(book.verify).faults == ()

    def test_one_item_twenty_times(self, api: Api):
        """Two people tick at once: it is done once, by whoever was first."""
        whole = plan(api, client(api)["id"])
        one = tickable(whole)[0]["id"]
        answers = at_once(20, lambda _: api.put("ana", f"/v1/checklist-items/{one}/completion"))
        assert {a.status_code for a in answers} == {200}
        assert {(a.json()["version"], a.json()["completed_at"]) for a in answers} == {
            (2, answers[0].json()["completed_at"])
        }
        assert len(entries(api, "checklist_item.ticked")) == 1
        assert good(api.get("ana", f"/v1/plans/{whole['id']}/progress"))["progress"]["done"] == 1

    def test_ticks_beside_edits_of_the_same_items(self, api: Api):
        """Ticking, editing and editing in bulk never block each other for good, nor spoil the count."""
        whole = plan(api, client(api)["id"], sections=["home", "bag"])
        ids = [item["id"] for item in tickable(whole)][:8]
        bulk = {"items": [{"id": one, "version": 1, "priority": 3} for one in ids]}

        def ask(n: int) -> Any:
            if n % 4 == 3:
                return api.patch("ana", f"/v1/plans/{whole['id']}/items", bulk)
            if n % 4 == 2:
                return api.patch("ana", f"/v1/checklist-items/{ids[n % 8]}", {"detail": "x"}, if_match=1)
            return api.put("ana", f"/v1/checklist-items/{ids[n % 8]}/completion")

        answers = at_once(16, ask)
        assert {a.status_code for a in answers} <= {200, 412}
        after = good(api.get("ana", f"/v1/plans/{whole['id']}"))
        assert after["progress"] == counted(after)

    def test_a_tick_that_waited_for_an_edit_tells_the_version_after_it(self, api: Api):
        """Who had to wait for the plan sees the item as it is now, not as it was when she began to wait."""
        whole = plan(api, client(api)["id"], sections=["home"])
        item = tickable(whole)[0]["id"]
        edited, go = Event(), Event()

        def edit(db: Workspace) -> None:
            claimed = Plan.claim_of(db, UUID(item))
            claimed.change_item(db, db.claim(ChecklistItem, UUID(item)), detail="x")
            db.flush()
            edited.set()
            assert go.wait(10)

        with ThreadPoolExecutor(2) as pool:
            editing = pool.submit(api.world.run, "ana", Permission.CHECKLIST_UPDATE, edit)
            assert edited.wait(10)
            ticking = pool.submit(api.put, "ana", f"/v1/checklist-items/{item}/completion")
            time.sleep(0.5)
            go.set()
            editing.result()
            answer = good(ticking.result())
        there = good(api.get("ana", f"/v1/checklist-items/{item}"))
        assert (answer["version"], answer["status"]) == (there["version"], "done") == (3, "done")


class TestPeople:
    def test_one_refresh_token_twenty_times(self, api: Api):
        """All get the same successor: one live token, one rotation."""
        body = {"email": "ana@harbor.example", "password": PASSWORD}
        token = good(api.post(None, "/v1/sessions", body), 201)["refresh_token"]
        answers = at_once(20, lambda _: api.post(None, "/v1/sessions/refresh", {"refresh_token": token}))
        assert {a.status_code for a in answers} == {200}
        fresh = {a.json()["refresh_token"] for a in answers}
        assert len(fresh) == 1
        assert len(entries(api, "session.refreshed")) == 1
        good(api.post(None, "/v1/sessions/refresh", {"refresh_token": fresh.pop()}))

    def test_one_set_up_link_twenty_times(self, api: Api):
        """One agency is founded and has one admin; nineteen are told that the link is used up."""
        token = api.world.database.transact(Actor.system(PLATFORM), SetupLink.make)
        body = {"token": token, "agency_name": "Meadow", "time_zone": "Europe/Dublin", "display_name": "Mia"}
        body |= {"jurisdiction": "ie", "password": "a quiet bridge over nine rivers"}
        answers = at_once(20, lambda n: api.post(None, "/v1/setup", body | {"email": f"n{n}@meadow.example"}))
        assert sorted(a.status_code for a in answers) == [201] + [401] * 19
        made = next(a.json() for a in answers if a.status_code == 201)
        people = api.world.database.transact(Actor.system(UUID(made["id"])), head_count)
        assert people == 1
        log = api.world.database.transact(Actor.system(PLATFORM), lambda db: [loads(e) for _, e in book.entries(db)])
        assert [e["action"] for e in log].count("setup_link.used") == 1

    @pytest.mark.parametrize("plans", [2, 6])
    def test_activations_at_once_leave_one_plan_in_use(self, api: Api, plans: int):
        """One plan is in use; the others gave way or were refused, and no answer is an error of ours."""
        one = client(api)["id"]
        ids = [plan(api, one, sections=["bag"])["id"] for _ in range(plans)]
        answers = at_once(plans, lambda n: api.put("ana", f"/v1/plans/{ids[n]}/activation"))
        assert {a.status_code for a in answers} <= {200, 409}
        assert 200 in {a.status_code for a in answers}
        rows = good(api.get("ana", f"/v1/clients/{one}/plans?status=active"))["data"]
        assert len(rows) == 1
        states = [row["status"] for row in good(api.get("ana", f"/v1/clients/{one}/plans"))["data"]]
        won = sum(a.status_code == 200 for a in answers)
        assert (states.count("superseded"), states.count("draft")) == (won - 1, plans - won)

    def test_one_external_id_twenty_times(self, api: Api):
        """One client has it; the others are told."""
        api.token("ana")
        body = {"alias": "Wren", "external_ids": [{"system": "court", "value": "FA-17"}]}
        answers = at_once(20, lambda _: api.post("ana", "/v1/clients", body))
        assert sorted(a.status_code for a in answers) == [201] + [409] * 19
        assert len(good(api.get("ana", "/v1/clients"))["data"]) == 1
        assert len(entries(api, "client.created")) == 1

    def test_an_assignment_twenty_times(self, api: Api):
        """Somebody works with a client once."""
        one = client(api)["id"]
        api.token("sol")
        body = {"user_id": str(api.world.people["ben"].actor.id)}
        answers = at_once(20, lambda _: api.post("sol", f"/v1/clients/{one}/assignments", body))
        assert sorted(a.status_code for a in answers) == [201] + [409] * 19


class TestLedger:
    def test_stays_whole_under_load(self, api: Api):
        """Thirty writes by three people at once: no gap, no fork, sound to the last entry."""
        for who in ("ana", "ben", "other"):
            api.token(who)
        names = ("ana", "ben", "other")
        answers = at_once(30, lambda n: api.post(names[n % 3], "/v1/clients", {"alias": f"Wren {n}"}))
        assert {a.status_code for a in answers} == {201}
        for agency, wanted in (("Harbor", 20), ("Lighthouse", 10)):
            log = api.world.entries(agency)
            assert [e["seq"] for e in log] == list(range(len(log)))
            assert sum(e["action"] == "client.created" for e in log) == wanted
            assert api.world.system(book.verify, agency).faults == ()
