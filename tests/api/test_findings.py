"""What reviewers found once and must not come back."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy.exc import IntegrityError

from api.passwords import HASHES
from models.access import Permission
from models.agency import Custody
from models.engine import make_engine
from models.user import User
from tests.api.contract import client, good, plan
from tests.api.test_races import at_once
from tests.conftest import Api
from tests.postgres import Urls
from tests.world import PASSWORD


def soon(days: int) -> str:
    return (datetime.now(UTC) + timedelta(days=days)).strftime("%Y-%m-%dT%H:%M:%SZ")


class TestContact:
    def test_a_warning_is_never_lost_by_not_being_sent(self, api: Api):
        """Contact is merged member by member (RFC 7396): a new phone leaves "never leave a voicemail" where it is."""
        one = client(api, contact={"warning": "Never leave a voicemail.", "safe_hours": "before 15:00"})
        path = f"/v1/clients/{one['id']}"
        changed = good(api.patch("ana", path, {"contact": {"phone": "555-0100"}}, if_match=1))
        assert changed["contact"]["warning"] == "Never leave a voicemail."
        assert changed["contact"]["phone"] == "555-0100"
        gone = good(api.patch("ana", path, {"contact": {"safe_hours": None}}, if_match=2))
        assert gone["contact"]["safe_hours"] is None
        assert gone["contact"]["warning"] == "Never leave a voicemail."


class TestExternalIds:
    def test_changing_them_makes_a_new_version(self, api: Api):
        """Else If-Match would protect nothing, and a 304 would hide the change."""
        one = client(api)
        path = f"/v1/clients/{one['id']}"
        known = [{"system": "shelter", "value": "S-1"}]
        assert good(api.patch("ana", path, {"external_ids": known}, if_match=1))["version"] == 2
        assert good(api.get("ana", path, headers={"if-none-match": '"1"'}))["external_ids"] == known

    def test_the_same_pair_twice_is_the_bodys_fault(self, api: Api):
        """Not a conflict with somebody else."""
        twice = [{"system": "shelter", "value": "S-1"}] * 2
        answer = api.post("ana", "/v1/clients", {"alias": "Wren", "external_ids": twice})
        assert answer.status_code == 422
        assert answer.json()["errors"][0]["code"] == "external-id-twice"


class TestRhythm:
    def test_an_event_review_does_not_end_it(self, api: Api):
        """Completing an extra review resets the rhythm of routine reviews (R28); it never stops it."""
        one = client(api)["id"]
        whole = plan(api, one)
        good(api.put("ana", f"/v1/plans/{whole['id']}/activation"))
        routine = {"due_at": soon(20), "recurrence": "P3W"}
        good(api.post("ana", f"/v1/plans/{whole['id']}/reviews", routine), 201)
        event = good(api.post("ana", f"/v1/clients/{one}/events", {"kind": "hearing"}), 201)
        done = good(api.put("ana", f"/v1/reviews/{event['id']}/completion", {"next_due_at": soon(10)}))
        assert good(api.get("ana", f"/v1/reviews/{done['next_id']}"))["recurrence"] == "P3W"


class TestClosing:
    def test_a_closed_case_leaves_nothing_open(self, api: Api):
        """Its plans are closed and their reviews cancelled; nothing new begins until it is opened again."""
        one = client(api)["id"]
        whole = plan(api, one)
        good(api.put("ana", f"/v1/plans/{whole['id']}/activation"))
        good(api.post("ana", f"/v1/plans/{whole['id']}/reviews", {"due_at": soon(3)}), 201)
        good(api.put("ana", f"/v1/clients/{one}/closure", {"reason": "She moved on."}))
        assert good(api.get("ana", f"/v1/plans/{whole['id']}"))["status"] == "closed"
        assert not good(api.get("ana", "/v1/reviews?status=scheduled"))["data"]
        assert api.post("ana", f"/v1/clients/{one}/events", {"kind": "hearing"}).status_code == 409


class TestCustody:
    def test_facts_sent_with_the_tightening_are_not_kept(self, api: Api):
        """One request cannot close the door and leave something inside."""
        whole = plan(api, client(api)["id"])
        sent = {"custody": Custody.EVENT_ONLY.value, "facts": {"trusted_neighbor": "the bakery"}}
        assert api.patch("ana", f"/v1/plans/{whole['id']}", sent, if_match=1).status_code == 409
        assert good(api.get("ana", f"/v1/plans/{whole['id']}"))["custody"] == "retained"


class TestNumbers:
    def test_an_items_id_never_comes_back(self, api: Api):
        """A tick meant for a removed item must not hit the next one made."""
        whole = plan(api, client(api)["id"], sections=["home"])
        section = whole["sections"][0]["id"]
        path = f"/v1/plans/{whole['id']}/items"
        first = good(api.post("ana", path, {"section_id": section, "text": "One"}), 201)
        api.delete("ana", f"/v1/checklist-items/{first['id']}", if_match=1)
        second = good(api.post("ana", path, {"section_id": section, "text": "Two"}), 201)
        assert second["id"] != first["id"]


class TestSignIn:
    def test_an_old_hash_is_renewed_and_the_ledger_says_just_that(self, api: Api):
        """Weaker parameters are left behind at the next sign-in; nobody is told of a password change."""
        ana = api.world.people["ana"]
        service = api.world.database.vault.service
        weak = HASHES.using(argon2__time_cost=1).hash(service.peppered(PASSWORD, service.pepper))

        def weaken(db):
            db.claim(User, ana.actor.id).set_password(db, f"p{service.pepper}:{weak}")

        api.world.run("ana", Permission.ME_UPDATE, weaken)
        good(api.post(None, "/v1/sessions", {"email": ana.email, "password": PASSWORD}), 201)
        last = api.world.entries()[-1]
        actions = [last["action"], *(fact["action"] for fact in last.get("also", []))]
        assert "user.password_rehashed" in actions
        assert "user.password_changed" not in actions

    def test_a_wrong_current_password_is_recorded(self, api: Api):
        """Somebody at an unlocked computer who guesses leaves a trace."""
        sent = {"current_password": "not the one at all", "new_password": "seven quiet boats at noon"}
        assert api.put("ana", "/v1/me/password", sent).status_code == 403
        assert api.world.entries()[-1]["action"] in {"session.refused", "access.denied"}
        assert "session.refused" in {entry["action"] for entry in api.world.entries()}


class TestOracle:
    def test_an_external_id_does_not_tell_who_is_a_client(self, api: Api):
        """Whether a docket number is known out of her sight, an advocate is answered the same."""
        known = {"system": "court", "value": "FA-17"}
        client(api, external_ids=[known])
        bens = client(api, "ben")
        path = f"/v1/clients/{bens['id']}"
        tried = [known, {"system": "court", "value": "FA-99"}]
        codes = [
            api.patch("ben", path, {"external_ids": [one], "alias": None}, if_match=1).status_code for one in tried
        ]
        assert codes == [422, 422]


class TestFacts:
    def test_fifty_are_the_limit_over_all_requests(self, api: Api):
        """Several patches do not add up to more, and long ones are no internal error."""
        path = f"/v1/plans/{plan(api, client(api)['id'])['id']}"
        long = {f"fact_{n}": "x" * 2000 for n in range(50)}
        whole = good(api.patch("ana", path, {"facts": long}, if_match=1))
        assert len(whole["facts"]) == 50
        answer = api.patch("ana", path, {"facts": {"one_more": "x"}}, if_match=whole["version"])
        assert answer.status_code == 422
        assert len(good(api.get("ana", path))["facts"]) == 50


class TestLimits:
    def test_sections_do_not_carry_a_plan_over_500_items(self, api: Api):
        """The limit holds for the template's items too."""
        whole = plan(api, client(api)["id"], sections=["home"])
        section = whole["sections"][0]["id"]
        path = f"/v1/plans/{whole['id']}"
        for n in range(494):
            good(api.post("ana", f"{path}/items", {"section_id": section, "text": str(n)}), 201)
        assert api.post("ana", f"{path}/sections", {"key": "work"}).json()["code"] == "too-many-items"

    def test_a_client_has_twenty_drafts_at_most(self, api: Api):
        """Left-overs do not pile up until closing her case holds everybody up."""
        one = client(api)["id"]
        for _ in range(20):
            plan(api, one, sections=["work"])
        listed = good(api.get("ana", "/v1/templates"))["data"]
        body = {"template_id": listed[0]["id"]}
        assert api.post("ana", f"/v1/clients/{one}/plans", body).json()["code"] == "too-many-drafts"

    def test_an_object_of_many_names_is_refused_before_it_is_read(self, api: Api):
        """Else one unauthenticated body of a hundred thousand names stops everybody for half a second."""
        body = ("{" + ",".join(f'"n{n}":0' for n in range(2000)) + "}").encode()
        answer = api(None, "POST", "/v1/sessions", content=body, headers={"content-type": "application/json"})
        assert answer.json()["code"] == "malformed-json"


class TestIdempotency:
    def test_a_key_belongs_to_the_version_it_was_meant_for(self, api: Api):
        """The same body for a later version is another request, not a replay."""
        one = client(api)
        path = f"/v1/clients/{one['id']}"
        good(api.patch("ana", path, {"pronouns": "she/her"}, if_match=1, key="k"))
        good(api.patch("ana", path, {"pronouns": "they/them"}, if_match=2))
        assert api.patch("ana", path, {"pronouns": "she/her"}, if_match=3, key="k").json()["code"] == (
            "idempotency-key-reused"
        )


class TestAddresses:
    def test_one_thing_has_one_address(self, api: Api):
        """An encoded slash or line break is no way around a proxy's rules."""
        for path in ("/v1%2Fme", "/v1/me%0A", "/v1/me%00"):
            assert api.get("ana", path).status_code == 404

    def test_zones_mean_the_same_on_every_machine(self, api: Api):
        """Localtime and Factory do not."""
        for zone in ("localtime", "Factory"):
            assert api.patch("ada", "/v1/agency", {"time_zone": zone}, if_match=1).status_code == 422


class TestEmptiedRows:
    def test_a_client_emptied_by_sql_does_not_pass_for_a_new_one(self, api: Api, urls: Urls):
        """The database itself refuses a client's row that was never sealed."""
        one = client(api)["id"]
        engine = make_engine(urls.superuser)
        emptied = "update clients set seal_rev = 0, alias_sealed = null"
        with pytest.raises(IntegrityError), engine.begin() as connection:
            connection.exec_driver_sql(emptied)
        engine.dispose()
        assert good(api.get("ana", f"/v1/clients/{one}"))["alias"]


class TestRaces:
    def test_the_soonest_review_wins(self, api: Api):
        """Whoever schedules at the same time, the plan and the caseload show the soonest."""
        one = client(api)["id"]
        whole = plan(api, one)
        path = f"/v1/plans/{whole['id']}/reviews"
        api.token("ana")
        for _ in range(4):
            at_once(6, lambda n: api.post("ana", path, {"due_at": soon(30 - n)}))
            listed = good(api.get("ana", "/v1/reviews?scope=agency&limit=200"))["data"]
            soonest = min(row["due_at"] for row in listed)
            assert good(api.get("ana", f"/v1/plans/{whole['id']}/progress"))["next_review_at"] == soonest
            assert good(api.get("ana", "/v1/caseload"))["data"][0]["next_review_at"] == soonest

    def test_a_closing_plan_takes_no_review_along(self, api: Api):
        """Of a closure and reviews scheduled at once, no scheduled review is left on the closed plan."""
        api.token("ana")
        for _ in range(4):
            whole = plan(api, client(api)["id"])
            path = f"/v1/plans/{whole['id']}"
            work = [lambda: api.put("ana", f"{path}/closure")]
            work += [lambda: api.post("ana", f"{path}/reviews", {"due_at": soon(3)})] * 5
            at_once(6, lambda n: work[n]())
            left = good(api.get("ana", "/v1/reviews?scope=agency&status=scheduled"))["data"]
            assert not [row for row in left if row["plan_id"] == whole["id"]]

    def test_a_closing_case_leaves_no_draft(self, api: Api):
        """Of a closed case and plans made at once, none is open."""
        api.token("ana")
        listed = good(api.get("ana", "/v1/templates"))["data"]
        for _ in range(4):
            one = client(api)["id"]
            body = {"template_id": listed[0]["id"]}
            work = [lambda: api.put("ana", f"/v1/clients/{one}/closure", {"reason": "She moved on."})]
            work += [lambda: api.post("ana", f"/v1/clients/{one}/plans", body)] * 4
            at_once(5, lambda n: work[n]())
            assert not good(api.get("ana", f"/v1/clients/{one}/plans?status=draft"))["data"]

    def test_activating_several_drafts_at_once(self, api: Api):
        """Each becomes the plan in use in turn; the last one stays, and nobody gets odd words."""
        one = client(api)["id"]
        drafts = [plan(api, one, sections=["work"])["id"] for _ in range(5)]
        api.token("ana")
        answers = at_once(5, lambda n: api.put("ana", f"/v1/plans/{drafts[n]}/activation"))
        assert {answer.status_code for answer in answers} == {200}
        assert len(good(api.get("ana", f"/v1/clients/{one}/plans?status=active"))["data"]) == 1
