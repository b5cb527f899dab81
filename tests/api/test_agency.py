"""The caller's agency and its policy."""

import pytest

from tests.api.contract import active, client, good, last_action, plan, problem, review
from tests.conftest import Api

AGENCY = {
    "id",
    "name",
    "time_zone",
    "language",
    "jurisdiction",
    "hotline",
    "emergency_number",
    "exit_url",
    "review_interval",
    "second_factor",
    "custody_default",
    "demo",
    "created_at",
    "version",
}


class TestRead:
    @pytest.mark.parametrize("who", ["ana", "sol", "ada", "aud"])
    def test_is_everybodys_own(self, api: Api, who: str):
        """Everybody reads the agency she works at, and no other."""
        agency = good(api.get(who, "/v1/agency"))
        assert set(agency) == AGENCY
        assert (agency["name"], agency["review_interval"], agency["custody_default"]) == ("Harbor", "P8W", "retained")
        assert good(api.get("other", "/v1/agency"))["name"] == "Lighthouse"

    def test_unchanged_is_304(self, api: Api):
        """A known version is not sent again."""
        assert api.get("ana", "/v1/agency", headers={"if-none-match": '"1"'}).status_code == 304


class TestChange:
    def test_takes_each_member(self, api: Api):
        """Every part of the policy can be changed, and shows."""
        wanted = {
            "name": "Harbor House",
            "time_zone": "Europe/Dublin",
            "language": "es",
            "jurisdiction": "ie",
            "hotline": "555-0100",
            "emergency_number": "112",
            "exit_url": "https://www.example.org/weather",
            "review_interval": "P10D",
            "custody_default": "event_only",
        }
        agency = good(api.patch("ada", "/v1/agency", wanted, if_match=1))
        assert {name: agency[name] for name in wanted} == wanted
        assert agency["version"] == 2
        assert last_action(api) == "agency.updated"
        assert good(api.get("other", "/v1/agency"))["name"] == "Lighthouse"

    def test_null_takes_an_own_number_away(self, api: Api):
        """Afterwards the jurisdiction's holds again."""
        good(api.patch("ada", "/v1/agency", {"hotline": "555-0100"}, if_match=1))
        assert good(api.patch("ada", "/v1/agency", {"hotline": None}, if_match=2))["hotline"] is None

    @pytest.mark.parametrize(
        ("member", "value"),
        [
            ("name", ""),
            ("name", None),
            ("time_zone", "Mars/Olympus"),
            ("time_zone", "EST5EDT4"),
            ("time_zone", "../../etc/passwd"),
            ("language", "english"),
            ("jurisdiction", "atlantis"),
            ("hotline", "call us"),
            ("exit_url", "http://plain.example"),
            ("exit_url", "https://user@evil.example/"),
            ("exit_url", "javascript:alert(1)"),
            ("review_interval", "P0W"),
            ("review_interval", "P1M"),
            ("custody_default", "public"),
            ("demo", True),
        ],
    )
    def test_refuses_what_makes_no_policy(self, api: Api, member: str, value: object):
        """Unknown zones, places, addresses and rhythms are named, not repeated."""
        answer = api.patch("ada", "/v1/agency", {member: value}, if_match=1)
        problem(answer, 422, "invalid", f"/{member}")
        assert not value or value is True or str(value) not in answer.text
        assert good(api.get("ada", "/v1/agency"))["version"] == 1

    def test_is_the_admins(self, api: Api):
        """Advocates and supervisors read the policy only."""
        for who in ("ana", "sol", "aud"):
            problem(api.patch(who, "/v1/agency", {"name": "Mine"}, if_match=1), 403, "forbidden")

    def test_needs_the_version(self, api: Api):
        """428 without, 412 with a stale one."""
        problem(api.patch("ada", "/v1/agency", {"name": "X"}), 428, "precondition-required")
        answer = api.patch("ada", "/v1/agency", {"name": "X"}, if_match=2)
        problem(answer, 412, "stale-version")
        assert answer.headers["etag"] == '"1"'

    def test_policy_reaches_what_is_made_later(self, api: Api):
        """Custody, rhythm, zone, language and numbers of the agency hold for new plans and reviews."""
        policy = {"custody_default": "event_only", "review_interval": "P3W", "time_zone": "Europe/Dublin"}
        good(api.patch("ada", "/v1/agency", policy | {"language": "es"}, if_match=1))
        made = active(api, client(api)["id"])
        assert (made["custody"], made["language"]) == ("event_only", "es")
        soon = review(api, made["id"])
        assert (soon["recurrence"], soon["time_zone"]) == ("P3W", "Europe/Dublin")

    def test_a_new_emergency_number_shows_in_plans(self, api: Api):
        """The texts of a plan are filled with the agency's own number at each reading."""
        whole = plan(api, client(api)["id"], sections=["emergency"])
        assert "911" in str(whole)
        good(api.patch("ada", "/v1/agency", {"emergency_number": "112"}, if_match=1))
        again = str(good(api.get("ana", f"/v1/plans/{whole['id']}"))["sections"])
        assert "112" in again
        assert "911" not in again
