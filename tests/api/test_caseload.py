"""The caseload: the list an advocate starts her day with."""

from datetime import UTC, datetime, timedelta

from tests.api.contract import (
    active,
    client,
    counted,
    cursor_of,
    good,
    plan,
    problem,
    refused_cursor,
    review,
    tickable,
    walk,
)
from tests.conftest import Api

CASE = {
    "client_id",
    "name",
    "status",
    "restricted",
    "contact_warning",
    "plan_id",
    "progress",
    "next_review_at",
    "next_review_state",
}


class TestRead:
    def test_shows_a_client_at_a_glance(self, api: Api):
        """Name, warning, the active plan's progress and the next review, all of it logged."""
        one = client(api, contact={"warning": "He reads her post."})["id"]
        whole = active(api, one)
        for item in tickable(whole)[:3]:
            good(api.put("ana", f"/v1/checklist-items/{item['id']}/completion"))
        due = review(api, whole["id"])
        (row,) = good(api.get("ana", "/v1/caseload"))["data"]
        now = good(api.get("ana", f"/v1/plans/{whole['id']}"))
        assert set(row) == CASE
        assert (row["client_id"], row["name"], row["contact_warning"]) == (one, "Wren", "He reads her post.")
        assert (row["plan_id"], row["progress"]) == (whole["id"], counted(now))
        assert (row["next_review_at"], row["next_review_state"]) == (due["due_at"], "scheduled")
        good(api.get("ana", "/v1/caseload"))
        entry = api.world.entries()[-1]
        assert (entry["action"], entry["object"]["ids"]) == ("caseload.read", [one])

    def test_without_alias_plan_or_review(self, api: Api):
        """The legal name where there is no alias; a draft is no plan in use; nothing is made up."""
        one = client(api, alias=None, legal_name="Réka Ashdown")["id"]
        plan(api, one)
        (row,) = good(api.get("ana", "/v1/caseload"))["data"]
        assert row["name"] == "Réka Ashdown"
        assert {row[n] for n in ("plan_id", "progress", "next_review_at", "next_review_state", "contact_warning")} == {
            None
        }

    def test_soonest_first_and_the_clock_at_the_agency(self, api: Api):
        """Overdue before due before scheduled; without a review last."""
        now = datetime.now(UTC)
        due = {"overdue": now - timedelta(days=3), "due": now, "scheduled": now + timedelta(days=3)}
        wanted = {}
        for state in ("scheduled", "overdue", "due"):
            one = client(api)["id"]
            review(api, active(api, one)["id"], due_at=due[state].isoformat(timespec="seconds"))
            wanted[state] = one
        none = client(api)["id"]
        rows = good(api.get("ana", "/v1/caseload"))["data"]
        assert [row["client_id"] for row in rows] == [*(wanted[s] for s in ("overdue", "due", "scheduled")), none]
        assert [row["next_review_state"] for row in rows] == ["overdue", "due", "scheduled", None]

    def test_long_overdue_is_not_lost(self, api: Api):
        """However far back a review's date lies, its client stands in the list."""
        one = client(api)["id"]
        review(api, active(api, one)["id"], due_at="1955-01-01T00:00:00Z")
        assert [row["client_id"] for row in good(api.get("ana", "/v1/caseload"))["data"]] == [one]
        assert [row["client_id"] for row in walk(api, "sol", "/v1/caseload", 1, scope="agency")] == [one]

    def test_mine_and_the_agencys(self, api: Api):
        """An advocate's widest list is still her own clients; a supervisor's is everybody's."""
        mine, bens = client(api)["id"], client(api, "ben")["id"]
        client(api, "other")
        for scope in ("mine", "agency"):
            rows = good(api.get("ana", f"/v1/caseload?scope={scope}"))["data"]
            assert [row["client_id"] for row in rows] == [mine]
        assert good(api.get("sol", "/v1/caseload"))["data"] == []
        rows = good(api.get("sol", "/v1/caseload?scope=agency"))["data"]
        assert {row["client_id"] for row in rows} == {mine, bens}

    def test_pages_show_every_row_once(self, api: Api):
        """Also where several have the same date, or none."""
        there = set()
        for n in range(7):
            one = client(api)["id"]
            there.add(one)
            if n % 2:
                review(api, active(api, one)["id"])
        for limit in (1, 2, 3, 7):
            for who, scope in (("ana", "mine"), ("sol", "agency")):
                ids = [row["client_id"] for row in walk(api, who, "/v1/caseload", limit, scope=scope)]
                assert len(ids) == 7
                assert set(ids) == there

    def test_a_page_opens_no_more_than_it_shows(self, api: Api):
        """Whom nobody was shown, nobody has opened."""
        for _ in range(3):
            client(api)
        shown = [row["client_id"] for row in good(api.get("ana", "/v1/caseload?limit=2"))["data"]]
        entry = api.world.entries()[-1]
        assert sorted(entry["object"]["ids"]) == sorted(shown)
        assert all(sorted(opened["ids"]) == sorted(shown) for opened in entry["opened"])

    def test_a_cursor_fits_one_scope(self, api: Api):
        """The cursor of mine is not the agency's."""
        for _ in range(2):
            client(api)
        cursor = cursor_of(api.get("ana", "/v1/caseload?limit=1"))
        refused_cursor(api.get("ana", f"/v1/caseload?limit=1&scope=agency&cursor={cursor}"))

    def test_is_not_for_admins_and_auditors(self, api: Api):
        """They see no client."""
        for who in ("ada", "aud"):
            problem(api.get(who, "/v1/caseload"), 403, "forbidden")

    def test_a_superseded_plan_gives_way(self, api: Api):
        """The caseload shows the plan in use."""
        one = client(api)["id"]
        active(api, one)
        second = active(api, one, sections=["bag"])
        (row,) = good(api.get("ana", "/v1/caseload"))["data"]
        assert (row["plan_id"], row["progress"]["total"]) == (second["id"], len(tickable(second)))
