"""Whom somebody reached: the answer to a stolen session, in one call."""

from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

import pytest

from models.ledger import finding
from tests.api.contract import NOWHERE, client, cursor_of, good, plan, problem, refused_cursor, tickable, walk
from tests.api.test_walls import propose, user_id, wall_off
from tests.conftest import Api

PATH = "/v1/audit/opened-clients"


def session_of(api: Api, who: str) -> str:
    """The id of somebody's session."""
    claims = api.client.app.state.tokens.verify(api.token(who))
    return str(claims.session_id)


def reached(api: Api, **query: Any) -> set[str]:
    asked = "&".join(f"{name}={quote(str(value))}" for name, value in query.items())
    return {row["client_id"] for row in good(api.get("aud", f"{PATH}?{asked}"))["data"]}


class TestAfterATheft:
    def test_attack_69_the_report_lists_exactly_the_clients_a_session_opened(self, api: Api):
        """Not those of the person's other session, not what was refused, not what others opened."""
        mine = [client(api)["id"] for _ in range(4)]
        plans = [plan(api, one)["id"] for one in mine]
        theirs = client(api, "ben")["id"]
        thief_begins = session_of(api, "ana")
        api._tokens.clear()
        stolen = session_of(api, "ana")
        assert stolen != thief_begins
        good(api.get("ana", f"/v1/clients/{mine[0]}"))
        good(api.get("ana", f"/v1/plans/{plans[1]}"))
        item = tickable(good(api.get("ana", f"/v1/plans/{plans[1]}")))[0]["id"]
        good(api.put("ana", f"/v1/checklist-items/{item}/completion"))
        assert api.get("ana", f"/v1/clients/{theirs}").status_code == 404
        api._tokens.clear()
        good(api.get("ana", f"/v1/clients/{mine[2]}"))  # her own, third session
        good(api.get("ben", f"/v1/clients/{theirs}"))
        assert reached(api, session=stolen) == {mine[0], mine[1]}
        assert reached(api, session=stolen, actor=api.world.people["ana"].actor.id) == {mine[0], mine[1]}
        assert reached(api, actor=api.world.people["ana"].actor.id) == set(mine)
        assert reached(api, session=thief_begins) == set(mine)
        assert reached(api, actor=api.world.people["ben"].actor.id) == {theirs}
        assert reached(api) == {*mine, theirs}

    def test_a_list_counts_for_everybody_in_it(self, api: Api):
        """One page of the caseload and the thief knows them all."""
        mine = {client(api)["id"] for _ in range(3)}
        api._tokens.clear()
        stolen = session_of(api, "ana")
        good(api.get("ana", "/v1/caseload"))
        assert reached(api, session=stolen) == mine

    def test_says_how_often_and_from_when_to_when(self, api: Api):
        """The numbers of the entries lead on to GET /v1/audit-events."""
        one = client(api)["id"]
        for _ in range(3):
            good(api.get("sol", f"/v1/clients/{one}"))
        entries = [e for e in api.world.entries() if e["action"] == "client.read"]
        answer = api.get("aud", f"{PATH}?actor={api.world.people['sol'].actor.id}")
        (row,) = good(answer)["data"]
        assert set(row) == {"client_id", "first_at", "last_at", "count", "sequences"}
        assert (row["client_id"], row["count"]) == (one, 3)
        assert row["sequences"] == [e["seq"] for e in entries][::-1]
        read = [datetime.fromisoformat(row[name]) for name in ("first_at", "last_at")]
        assert read == [datetime.fromisoformat(entries[at]["at"]) for at in (0, -1)]

    def test_since_and_until(self, api: Api):
        """Half-open, and bounded to a day back when nobody is named."""
        one, two = client(api)["id"], client(api)["id"]
        ana = api.world.people["ana"].actor.id
        later = next(e["at"] for e in api.world.entries() if e["client"] == two)
        assert reached(api, actor=ana, since=later) == {two}
        assert reached(api, actor=ana, until=later) == {one}
        tomorrow = (datetime.now(UTC) + timedelta(days=1)).isoformat()
        assert reached(api, actor=ana, since=tomorrow) == set()
        assert reached(api, since=later) == {two}

    @pytest.mark.parametrize("name", ["actor", "session"])
    def test_whoever_is_unknown_or_foreign_has_reached_nobody(self, api: Api, name: str):
        """The same empty answer."""
        client(api)
        client(api, "other")
        theirs = session_of(api, "other") if name == "session" else api.world.people["other"].actor.id
        answers = [good(api.get("aud", f"{PATH}?{name}={one}")) for one in (theirs, NOWHERE)]
        assert answers[0] == answers[1] == {"data": [], "page": {"next_cursor": None, "limit": 50}}

    def test_pages_and_batches_show_every_client_once(self, api: Api, monkeypatch: pytest.MonkeyPatch):
        """However the entries are read."""
        monkeypatch.setattr(finding, "BATCH", 3)
        mine = sorted(client(api)["id"] for _ in range(7))
        good(api.get("ana", "/v1/caseload"))
        ana = api.world.people["ana"].actor.id
        for limit in (1, 3, 7):
            seen = [row["client_id"] for row in walk(api, "aud", PATH, limit, actor=str(ana))]
            assert seen == mine
        cursor = cursor_of(api.get("aud", f"{PATH}?actor={ana}&limit=1"))
        refused_cursor(api.get("aud", f"{PATH}?limit=1&cursor={cursor}"))

    def test_counts_no_entry_that_names_somebody_she_must_not_know_of(self, api: Api):
        """Nor its number: a gap would tell that there is one."""
        ones = [client(api)["id"] for _ in range(3)]
        wall_off(api, ones[2], "ada")
        propose(api, ones[0], "ada")
        body = {"to_user_id": user_id(api, "ben")}
        good(api.put("sol", f"/v1/users/{user_id(api, 'ana')}/caseload-handover", body))
        shown = {row["sequence"] for row in walk(api, "ada", "/v1/audit-events", 200)}
        rows = good(api.get("ada", PATH))["data"]
        assert {row["client_id"] for row in rows} == set(ones[:2])
        for row in rows:
            assert set(row["sequences"]) <= shown
            assert row["count"] == len(row["sequences"])

    def test_reading_it_is_an_entry_and_is_not_for_advocates(self, api: Api):
        """Who checks is checked too."""
        assert reached(api) == set()
        assert api.world.entries()[-1]["action"] == "audit.read"
        problem(api.get("ana", PATH), 403, "forbidden")
        problem(api.get("aud", f"{PATH}?since=yesterday"), 422, "invalid", "/query/since")
