"""The person who asks."""

import pytest

from tests.api.contract import done, good, last_action, problem
from tests.conftest import Api
from tests.world import PASSWORD

NEW = "a quiet bridge over nine rivers"
ME = {
    "second_factor_enrolled",
    "recovery_codes_left",
    "id",
    "email",
    "display_name",
    "roles",
    "language",
    "agency_id",
    "agency_name",
    "time_zone",
    "demo",
    "password_change_required",
    "version",
}


def test_guessing_the_current_password_is_limited(api: Api):
    """Five a minute, as at sign-in: whoever holds her screen learns it no faster."""
    body = {"current_password": "not the lantern at all", "new_password": "nine owls in the old tower"}
    said = [api.put("ana", "/v1/me/password", body).status_code for _ in range(7)]
    assert said == [403] * 5 + [429] * 2


class TestRead:
    def test_says_who_and_where(self, api: Api):
        """The caller, her roles, her agency, and whether it is all invented."""
        me = good(api.get("ana", "/v1/me"))
        assert set(me) == ME
        assert (me["email"], me["display_name"], me["roles"]) == ("ana@harbor.example", "Ana", ["advocate"])
        assert (me["agency_name"], me["time_zone"], me["demo"]) == ("Harbor", "America/New_York", False)
        assert me["agency_id"] == str(api.world.agency_id())

    def test_is_never_304(self, api: Api):
        """The agency's name and zone stand here too, which leave the person's version alone."""
        etag = api.get("ana", "/v1/me").headers["etag"]
        good(api.get("ana", "/v1/me", headers={"if-none-match": etag}))


class TestChange:
    def test_changes_name_and_language(self, api: Api):
        """What is sent changes, the rest stays, the version grows."""
        me = good(api.patch("ana", "/v1/me", {"display_name": "Ana María"}))
        assert (me["display_name"], me["language"], me["version"]) == ("Ana María", "en", 2)
        me = good(api.patch("ana", "/v1/me", {"language": "es"}, if_match=2))
        assert (me["display_name"], me["language"], me["version"]) == ("Ana María", "es", 3)
        assert last_action(api) == "user.updated"

    def test_a_stale_version_is_refused(self, api: Api):
        """With a stale If-Match nothing changes, and the answer carries the version there is."""
        api.patch("ana", "/v1/me", {"language": "es"})
        answer = api.patch("ana", "/v1/me", {"language": "en"}, if_match=1)
        problem(answer, 412, "stale-version")
        assert answer.headers["etag"] == '"2"'
        assert good(api.get("ana", "/v1/me"))["language"] == "es"

    @pytest.mark.parametrize("member", ["roles", "email", "id", "agency_id", "status", "version"])
    def test_nothing_else_can_be_assigned(self, api: Api, member: str):
        """Roles, address and ids are not members here."""
        problem(api.patch("ana", "/v1/me", {member: "x"}), 422, "invalid", f"/{member}")

    def test_a_name_cannot_be_taken_away(self, api: Api):
        """Null and blank are refused."""
        for value in (None, "", "   "):
            problem(api.patch("ana", "/v1/me", {"display_name": value}), 422, "invalid", "/display_name")


class TestPassword:
    def change(self, api: Api, new: str = NEW, current: str = PASSWORD):
        return api.put("ana", "/v1/me/password", {"current_password": current, "new_password": new})

    def test_the_new_one_counts_and_other_sessions_end(self, api: Api):
        """After the change the old password is worthless, and whoever else was signed in is out."""
        body = {"email": "ana@harbor.example", "password": PASSWORD}
        elsewhere = api.post(None, "/v1/sessions", body).json()["access_token"]
        done(self.change(api))
        assert last_action(api) == "user.password_changed"
        problem(api.post(None, "/v1/sessions", body), 401, "invalid-credentials")
        good(api.post(None, "/v1/sessions", body | {"password": NEW}), 201)
        answer = api.get(None, "/v1/me", headers={"authorization": f"Bearer {elsewhere}"})
        problem(answer, 401, "session-ended")
        good(api.get("ana", "/v1/me"))

    def test_needs_the_old_one(self, api: Api):
        """Somebody at an unlocked screen cannot set a password."""
        problem(self.change(api, current="not the right one at all"), 403, "wrong-password")

    @pytest.mark.parametrize(
        ("new", "code"),
        [
            ("fourteen chars", "password-short"),
            ("e\u0301" * 9, "password-short"),  # nine letters with accents, whichever way they are written
            ("x" * 257, "password-long"),
            ("ñ" * 256 + "ñ" * 0 + "x", "password-long"),
            ("passwordpassword", "password-breached"),
            ("harbor-harbor-ana", "password-guessable"),
            (PASSWORD, "password-same"),
        ],
    )
    def test_a_poor_one_is_refused_with_the_reason(self, api: Api, new: str, code: str):
        """Short, long, stolen, guessable or unchanged: the answer says which, and never repeats it."""
        answer = self.change(api, new)
        body = problem(answer, 422, "invalid", "/new_password")
        assert body["errors"][0]["code"] == code
        assert new not in answer.text
