"""What reviewers found once and must not come back."""

from datetime import UTC, datetime, timedelta

from api.passwords import HASHES
from models.access import Permission
from models.agency import Custody
from models.user import User
from tests.api.contract import client, good, plan
from tests.conftest import Api
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
