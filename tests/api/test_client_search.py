"""Finding a client by name."""

from typing import Any

import pytest

from models.search import STRETCH
from tests.api.contract import client, good, problem
from tests.conftest import Api

PATH = "/v1/clients/search"


def search(api: Api, query: str, who: str = "ana", **more: Any) -> Any:
    """What a search shows."""
    return good(api.post(who, PATH, {"query": query, **more}))


def names(found: Any) -> list[str]:
    """The names shown, in order."""
    return [row["legal_name"] or row["alias"] for row in found["data"]]


class TestSearch:
    def test_shows_what_is_needed_to_pick_the_right_one(self, api: Api) -> None:
        """Id, both names, status and the day the work began."""
        body = client(api, alias="Wren", legal_name="Renée O'Brien", opened_on="2027-01-04")
        found = search(api, "renee obrien")
        assert found == {
            "data": [
                {
                    "id": body["id"],
                    "alias": "Wren",
                    "legal_name": "Renée O'Brien",
                    "status": "open",
                    "opened_on": "2027-01-04",
                }
            ],
            "more": False,
        }
        assert found == search(api, "WRE") == search(api, "brien rene") == search(api, "Rennée")

    def test_the_best_come_first(self, api: Api) -> None:
        """Whole names, then whole words, then beginnings, then slips; equals by name."""
        for name in ("Alders Wren", "Wren Alder Heron", "Wrne Alder", "Wren Alder", "Ben Alder", "Wren Alder Aske"):
            client(api, alias=None, legal_name=name)
        assert names(search(api, "alder wren")) == [
            "Wren Alder", "Wren Alder Aske", "Wren Alder Heron", "Alders Wren", "Wrne Alder",
        ]  # fmt: skip

    def test_a_closed_case_is_found_too(self, api: Api) -> None:
        """Somebody who comes back was here before."""
        path = f"/v1/clients/{client(api)['id']}/closure"
        good(api.put("ana", path, {"reason": "She moved on."}))
        assert [row["status"] for row in search(api, "wren")["data"]] == ["closed"]

    def test_a_rename_is_found_at_once_and_the_old_name_no_more(self, api: Api) -> None:
        """Nothing opened is kept from search to search."""
        body = client(api)
        assert names(search(api, "wren")) == ["Wren"]
        good(api.patch("ana", f"/v1/clients/{body['id']}", {"alias": "Heron"}, if_match=1))
        assert names(search(api, "wren")) == []
        assert names(search(api, "heron")) == ["Heron"]

    def test_so_many_are_shown_and_it_says_when_there_are_more(self, api: Api) -> None:
        """Twenty unless asked for others, fifty at most."""
        for _ in range(22):
            client(api)
        found = search(api, "wren")
        assert (len(found["data"]), found["more"]) == (20, True)
        found = search(api, "wren", limit=22)
        assert (len(found["data"]), found["more"]) == (22, False)
        problem(api.post("ana", PATH, {"query": "wren", "limit": 51}), 422, "invalid", "/limit")
        problem(api.post("ana", PATH, {"query": "wren", "limit": 0}), 422, "invalid", "/limit")

    def test_goes_on_over_many_stretches(self, api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
        """A search that takes several units finds everybody once, and leaves one entry."""
        monkeypatch.setattr("models.search.STRETCH", 3)
        assert STRETCH > 1000
        ids = {client(api)["id"] for _ in range(9)}
        before = len(api.world.entries())
        found = search(api, "wren")
        assert {row["id"] for row in found["data"]} == ids
        assert len(found["data"]) == 9
        entries = api.world.entries()[before:]
        assert [(e["action"], e["object"]["counts"]) for e in entries] == [
            ("client.searched", {"scanned": 9, "found": 9})
        ]

    @pytest.mark.parametrize("query", ["", "   ", "a\nb", "w" * 201, 5, None, ["wren"]])
    def test_a_query_is_one_line_of_1_to_200_characters(self, api: Api, query: Any) -> None:
        """Anything else is refused, unrepeated."""
        problem(api.post("ana", PATH, {"query": query}), 422, "invalid", "/query")

    def test_a_query_without_a_letter_finds_nobody(self, api: Api) -> None:
        """It is not a wildcard."""
        client(api)
        for query in ("%", "*", "_", ".", "?", "''", "..."):
            assert search(api, query) == {"data": [], "more": False}


class TestSight:
    def test_an_advocate_finds_her_own_a_supervisor_everybodys(self, api: Api) -> None:
        """Sight is that of every other read; another agency's clients are not there at all."""
        mine, bens = client(api), client(api, "ben")
        client(api, "other")
        assert [row["id"] for row in search(api, "wren")["data"]] == [mine["id"]]
        assert [row["id"] for row in search(api, "wren", "ben")["data"]] == [bens["id"]]
        assert {row["id"] for row in search(api, "wren", "sol")["data"]} == {mine["id"], bens["id"]}

    @pytest.mark.parametrize("who", ["ada", "aud"])
    def test_nobody_else_may(self, api: Api, who: str) -> None:
        """Admins and auditors see no clients."""
        client(api)
        problem(api.post(who, PATH, {"query": "wren"}), 403, "forbidden")
        assert api.world.entries()[-1]["action"] == "access.denied"
        problem(api.post(None, PATH, {"query": "wren"}), 401, "unauthenticated")

    def test_a_hidden_client_is_nobody(self, api: Api) -> None:
        """The answer and the entry for a colleague's client are those for a name nobody has."""
        client(api, legal_name="Linnet Vale")
        answers, entries = [], []
        for query in ("linnet vale", "zebra vole"):
            answer = api.post("ben", PATH, {"query": query})
            answers.append((answer.status_code, answer.content))
            entry = api.world.entries()[-1]
            entries.append({k: entry.get(k) for k in ("action", "object", "client", "opened", "also", "rows")})
        assert answers[0] == answers[1]
        assert entries[0] == entries[1]
        assert entries[0]["object"]["counts"] == {"scanned": 0, "found": 0}


class TestEntry:
    def test_says_how_many_were_looked_at_and_who_was_shown(self, api: Api) -> None:
        """Counts of the scan; as opened, the clients in the answer and no other; never what was looked for."""
        wanted, other = client(api, legal_name="Wren Alder"), client(api, alias="Heron")
        search(api, "wren alder")
        entry = api.world.entries()[-1]
        assert entry["object"] == {
            "t": "clients", "count": 0, "ids": [], "counts": {"scanned": 2, "found": 1}
        }  # fmt: skip
        assert (entry["action"], entry["client"]) == ("client.searched", wanted["id"])
        assert entry["opened"] == [
            {"t": "clients", "count": 1, "ids": [wanted["id"]], "fields": ["alias", "legal_name"]}
        ]
        assert "rows" not in entry
        assert "also" not in entry
        assert not [word for word in ("wren", "alder", other["id"]) if word in str(entry).lower()]

    def test_a_search_that_finds_nobody_opens_nobody_and_is_an_entry_too(self, api: Api) -> None:
        """Looking for somebody who is not here is worth knowing."""
        client(api)
        search(api, "zebra")
        entry = api.world.entries()[-1]
        assert entry["object"]["counts"] == {"scanned": 1, "found": 0}
        assert "opened" not in entry
        assert entry["client"] is None
