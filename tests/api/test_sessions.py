"""Signing in, staying signed in, signing out."""

from datetime import timedelta
from uuid import UUID

import pytest

from models.ledger.action import Action
from models.session import MOST, SignInSession
from models.user import User
from tests.api.contract import done, dressed, good, last_action, problem, same_refusal
from tests.conftest import Api
from tests.world import PASSWORD

WRONG = "a lantern below the harbour wall"


def sign_in(api: Api, email: str = "ana@harbor.example", password: str = PASSWORD):
    return api.post(None, "/v1/sessions", {"email": email, "password": password})


def bearer(api: Api, token: str, method: str = "GET", path: str = "/v1/me"):
    return api(None, method, path, headers={"authorization": f"Bearer {token}"})


def age(api: Api, session_id, **by: timedelta) -> None:
    """Move a session's instants into the past, as if time had gone by."""

    def change(db) -> None:
        row = db.claim(SignInSession, UUID(session_id))
        for name, ago in by.items():
            setattr(row, name, getattr(row, name) - ago)
        db.record(Action.SESSION_REFRESHED, row)

    api.world.system(change)


class TestSignIn:
    def test_gives_tokens_and_the_session(self, api: Api):
        """An address and its password give an access token for ten minutes, a refresh token and the session."""
        body = good(sign_in(api), 201)
        assert set(body) == {
            "access_token",
            "token_type",
            "expires_in",
            "refresh_token",
            "session",
            "device_token",
            "password_change_required",
            "second_factor_enrolment_required",
        }
        assert (body["token_type"], body["expires_in"], body["password_change_required"]) == ("Bearer", 600, False)
        members = {"id", "opened_at", "last_used_at", "expires_at", "agent", "network", "factor_at", "current"}
        assert set(body["session"]) == members
        assert body["session"]["current"] is True
        assert good(bearer(api, body["access_token"]))["email"] == "ana@harbor.example"
        assert last_action(api) == "user.read"

    def test_the_address_is_known_however_it_is_cased(self, api: Api):
        """People type their address in capitals; it is still theirs."""
        good(sign_in(api, "ANA@Harbor.example"), 201)

    def test_unknown_wrong_and_suspended_are_one_answer(self, api: Api):
        """Nothing tells an unknown address from a wrong password or a suspended person."""
        api.put("ada", f"/v1/users/{api.world.people['ben'].actor.id}/suspension")
        answers = [
            sign_in(api, "nobody@harbor.example"),
            sign_in(api, password=WRONG),
            sign_in(api, "ben@harbor.example"),
        ]
        bodies = [problem(a, 401, "invalid-credentials") for a in answers]
        for body in bodies:
            del body["request_id"], body["instance"]
        assert bodies[0] == bodies[1] == bodies[2]

    def test_a_wrong_password_is_kept_in_the_ledger(self, api: Api):
        """Somebody who tried to sign in as a person leaves an entry, without what she typed."""
        sign_in(api, password=WRONG)
        entry = api.world.entries()[-1]
        assert (entry["action"], entry["outcome"], entry["code"]) == (
            "session.refused",
            "denied",
            "invalid-credentials",
        )
        assert entry["object"]["ids"] == [str(api.world.people["ana"].actor.id)]
        assert WRONG not in str(entry)

    def test_needs_both_members_and_no_other(self, api: Api):
        """What is missing is named; what is too much is pointed at without repeating it."""
        problem(api.post(None, "/v1/sessions", {"email": "a@b.example"}), 422, "invalid", "/password")
        extra = {"email": "a@b.example", "password": "x", "remember": True}
        problem(api.post(None, "/v1/sessions", extra), 422, "invalid", "/*")

    def test_a_one_time_password_opens_only_the_way_to_an_own_one(self, api: Api):
        """With a one-time password nothing works but looking at oneself, a new password and signing out."""

        def one_time(db) -> None:
            user = db.claim(User, api.world.people["ana"].actor.id)
            user.set_password(db, user.password_hash, one_time=True)

        api.world.system(one_time)
        body = good(sign_in(api), 201)
        assert body["password_change_required"] is True
        token = body["access_token"]
        assert good(bearer(api, token))["password_change_required"] is True
        problem(bearer(api, token, path="/v1/caseload"), 403, "password-change-required")
        fresh = {"current_password": PASSWORD, "new_password": "a quiet bridge over nine rivers"}
        headers = {"authorization": f"Bearer {token}"}
        done(api.put(None, "/v1/me/password", fresh, headers=headers))
        good(bearer(api, token, path="/v1/caseload"))

    def test_a_one_time_password_nobody_used_is_over_after_three_days(self, api: Api):
        """It is refused as a wrong one is; an own password has no end."""

        def made_before(hours: int, *, one_time: bool) -> None:
            def work(db) -> None:
                user = db.claim(User, api.world.people["ana"].actor.id)
                user.set_password(db, user.password_hash, one_time=one_time)
                user.password_changed_at = db.now - timedelta(hours=hours)

            api.world.system(work)

        made_before(71, one_time=True)
        good(sign_in(api), 201)
        made_before(73, one_time=True)
        problem(sign_in(api), 401, "invalid-credentials")
        made_before(24 * 365 * 5, one_time=False)
        good(sign_in(api), 201)


class TestRefresh:
    @pytest.fixture
    def tokens(self, api: Api):
        return good(sign_in(api), 201)

    def refresh(self, api: Api, token: str):
        return api.post(None, "/v1/sessions/refresh", {"refresh_token": token})

    def test_rotates(self, api: Api, tokens):
        """A refresh token gives the next pair for the same session."""
        body = good(self.refresh(api, tokens["refresh_token"]))
        assert body["refresh_token"] != tokens["refresh_token"]
        assert body["session"]["id"] == tokens["session"]["id"]
        good(bearer(api, body["access_token"]))

    def test_a_lost_answer_gets_the_same_successor(self, api: Api, tokens):
        """Within ten seconds the same token gives the same successor again."""
        first, again = (good(self.refresh(api, tokens["refresh_token"])) for _ in range(2))
        assert first["refresh_token"] == again["refresh_token"]

    def test_reuse_ends_the_session(self, api: Api, tokens):
        """A used token that comes back later ends the session for whoever holds it."""
        fresh = good(self.refresh(api, tokens["refresh_token"]))
        age(api, fresh["session"]["id"], last_used_at=timedelta(seconds=11))
        problem(self.refresh(api, tokens["refresh_token"]), 401, "session-ended")
        assert last_action(api) == "session.family_revoked"
        problem(self.refresh(api, fresh["refresh_token"]), 401, "session-ended")
        problem(bearer(api, fresh["access_token"]), 401, "session-ended")

    def test_idle_for_an_hour_is_over(self, api: Api, tokens):
        """An unused session cannot be carried on."""
        age(api, tokens["session"]["id"], last_used_at=timedelta(minutes=61))
        problem(self.refresh(api, tokens["refresh_token"]), 401, "session-ended")

    def test_twelve_hours_are_the_end(self, api: Api, tokens):
        """However much it is used, a session ends; its access token ends with it."""
        age(api, tokens["session"]["id"], expires_at=timedelta(hours=12))
        problem(self.refresh(api, tokens["refresh_token"]), 401, "session-ended")
        problem(bearer(api, tokens["access_token"]), 401, "session-ended")

    def test_a_suspended_person_gets_no_new_tokens(self, api: Api, tokens):
        """Suspension ends the refresh tokens too."""
        api.put("ada", f"/v1/users/{api.world.people['ana'].actor.id}/suspension")
        problem(self.refresh(api, tokens["refresh_token"]), 401, "session-ended")

    @pytest.mark.parametrize("token", ["x", "wpr_", "wpr_AAAA", "wpr_" + "A" * 86, "wpr_" + "é" * 20, "A" * 1000])
    def test_anything_else_is_no_token(self, api: Api, token: str):
        """Made-up tokens of any form get the one answer."""
        problem(self.refresh(api, token), 401, "session-ended")


class TestListAndEnd:
    def test_lists_the_callers_own_newest_first(self, api: Api):
        """Only the caller's living sessions, the one of this request marked."""
        ids = [good(sign_in(api), 201)["session"]["id"] for _ in range(2)]
        sign_in(api, "ben@harbor.example")
        data = good(api.get("ana", "/v1/sessions"))["data"]
        assert [one["id"] for one in data[1:]] == ids[::-1]
        assert [one["current"] for one in data] == [True, False, False]

    def test_no_more_than_ten(self, api: Api):
        """The eleventh sign-in ends the oldest session."""
        oldest = api.token("ana")
        for _ in range(MOST):
            api._tokens.clear()
            api.token("ana")
        assert len(good(api.get("ana", "/v1/sessions"))["data"]) == MOST
        problem(bearer(api, oldest), 401, "session-ended")

    def test_signing_out_lets_the_browser_forget(self, api: Api):
        """Whatever a browser kept of ours goes with the session."""
        answer = api.delete("ana", "/v1/sessions/current")
        done(answer)
        assert answer.headers["clear-site-data"] == '"cache", "cookies", "storage"'

    def test_signing_out_acts_at_once(self, api: Api):
        """The next request with the same token is refused."""
        done(api.delete("ana", "/v1/sessions/current"))
        assert last_action(api) == "session.revoked"
        problem(api.get("ana", "/v1/me"), 401, "session-ended")

    def test_ends_one_of_several(self, api: Api):
        """A session on a lost device is ended from another; doing it twice changes nothing."""
        lost = good(sign_in(api), 201)
        for _ in range(2):
            done(api.delete("ana", f"/v1/sessions/{lost['session']['id']}"))
        problem(bearer(api, lost["access_token"]), 401, "session-ended")
        good(api.get("ana", "/v1/me"))

    def test_anybody_elses_does_not_exist(self, api: Api):
        """A colleague's, a stranger's and nobody's session are the same 404."""
        colleague = good(sign_in(api, "ben@harbor.example"), 201)["session"]["id"]
        stranger = good(sign_in(api, "other@lighthouse.example"), 201)["session"]["id"]
        nobody = "5b1f5b5e-3c0d-4a57-9d2c-6a5d3f0e9c11"
        same_refusal(*(api.delete("ana", f"/v1/sessions/{one}") for one in (colleague, stranger, nobody, "x")))

    def test_needs_somebody(self, api: Api):
        """Without a token there is nothing to list."""
        answer = api.get(None, "/v1/sessions")
        problem(answer, 401, "unauthenticated")
        dressed(answer)
