"""Conflict checks: one word for whoever asks, a notice for the supervisors who may see the client, an entry each time."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import orjson
import pytest

from models import conflict_check, namesakes
from models.access import Actor, Role
from models.client import Client
from models.conflict_check import A_DAY, KEPT
from models.namesakes import ruled_out
from models.user import User
from models.wall import Wall
from models.workspace import Workspace
from tests.conftest import Api
from tests.postgres import Urls
from tests.world import World

CHECKS = "/v1/conflict-checks"
NAME = "Jordan Vale-Østergård"


def ask(api: Api, *names: str, who: str = "ben", **more: Any) -> str:
    """The word."""
    answer = api.post(who, CHECKS, {"names": list(names), **more})
    assert answer.status_code == 200, answer.text
    return str(answer.json()["result"])


def told(api: Api, who: str) -> list[str]:
    """The checks somebody got a notice about, newest first."""
    rows = api.get(who, "/v1/notices").json()["data"]
    return [row["object_id"] for row in rows if row["kind"] == "conflict_check_referred"]


def hire(world: World, role: Role = Role.SUPERVISOR, name: str = "sam") -> UUID:
    """One more person of Harbor."""
    email = f"{name}@harbor.example"
    return world.system(lambda db: User.hire(db, email, name, [role], "x", must_change_password=False).id)


def wall(world: World, client_id: UUID, who: str) -> None:
    """Keep somebody from a client, with two people's agreement."""
    whom, agency = world.people[who].actor.id, world.agency_id()
    first, second = (Actor(agency, world.people[name].actor.id) for name in ("ada", "ana"))
    wall_id = world.database.transact(first, lambda db: Wall.propose(db, client_id, whom, "a cousin"))
    world.database.transact(second, lambda db: Wall.approve(db, wall_id))


def restrict(world: World, client_id: UUID) -> None:
    """As somebody would who is assigned to her."""
    world.system(lambda db: db.claim(Client, client_id).restrict(db))


class TestAsking:
    @pytest.mark.parametrize(
        "asked",
        [NAME, "jordan vale ostergard", "VALE ØSTERGARD, Jordan", "Vale-Ostergard Jordan", "Jordan Vale Østergård"],
    )
    def test_case_accents_and_order_do_not_matter(self, api: Api, asked: str) -> None:
        """The full name has to be the same once these are taken away."""
        api.world.client(legal_name=NAME)
        assert ask(api, asked) == "refer"

    @pytest.mark.parametrize("asked", ["Jordan", "Jordan Vale", "Jordan Valk Østergård", "Jordan Vale Østergård Lund"])
    def test_a_slip_or_a_part_of_a_name_is_another_name(self, api: Api, asked: str) -> None:
        """Nearly would refer half the town, and would let somebody feel her way to a name."""
        api.world.client(legal_name=NAME)
        assert ask(api, asked) == "clear"

    def test_any_of_ten_names_and_an_alias_counts(self, api: Api) -> None:
        """Maiden names, names used before; an alias is often the only name kept."""
        api.world.client(alias="Robin Marsh")
        assert ask(api, *[f"Nobody Number{n}" for n in range(9)], "Marsh Robin") == "refer"

    def test_all_clients_count_whoever_may_see_them(self, api: Api) -> None:
        """Walled from whoever asks, restricted, closed: she is here all the same."""
        world = api.world
        walled, restricted, closed = (world.client(legal_name=f"{word} Alder") for word in ("Ada", "Bea", "Cleo"))
        wall(world, walled, "ben")
        restrict(world, restricted)
        world.system(lambda db: db.claim(Client, closed).close(db, "moved"))
        assert [ask(api, f"{word} Alder") for word in ("Ada", "Bea", "Cleo", "Dea")] == ["refer"] * 3 + ["clear"]

    def test_a_canary_matches_nobody(self, api: Api) -> None:
        """She is nobody's other party; whoever asks for her name must not learn that she is one either."""
        assert api.post("ada", "/v1/canaries", {"alias": "Teal Harrow"}).status_code == 201
        api.world.database.vault.forget()
        assert ask(api, "Teal Harrow") == "clear"

    def test_another_agency_is_another_world(self, api: Api) -> None:
        """No matching across agencies, ever."""
        api.world.client("other", legal_name=NAME)
        assert ask(api, NAME) == "clear"

    def test_a_day_of_birth_only_rules_out(self, api: Api) -> None:
        """A slip of one part, or day and month swapped, is forgiven; no recorded day rules nobody out."""
        api.world.client(legal_name=NAME, date_of_birth="1988-04-07")
        for day, word in (
            ("1988-04-07", "refer"),
            ("1988-07-04", "refer"),
            ("1989-04-07", "refer"),
            ("1951-12-01", "clear"),
        ):
            assert ask(api, NAME, date_of_birth=day) == word, day
        api.world.client(legal_name="Robin Marsh")
        assert ask(api, "Robin Marsh", date_of_birth="1951-12-01") == "refer"

    def test_answers_differ_by_the_word_alone(self, api: Api) -> None:
        """Same length, same headers: who it was, and how many, is not in them."""
        api.world.client(legal_name=NAME)
        clear, refer = (api.post("ben", CHECKS, {"names": [name]}) for name in ("Nobody Here", NAME))
        assert (clear.content, refer.content) == (b'{"result":"clear"}', b'{"result":"refer"}')
        own = {"x-request-id", "ratelimit", "date"}
        first, second = ({k: v for k, v in answer.headers.items() if k not in own} for answer in (clear, refer))
        assert first == second

    def test_the_work_is_the_same_whoever_is_found(self, api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
        """Every client is looked at, and as many statements are run for a walled one, a seen one and nobody."""
        world = api.world
        wall(world, world.client(legal_name="Ada Alder"), "sol")
        world.client(legal_name="Bea Alder")
        runs: list[list[str]] = []
        from models.rows import _Compiled

        execute = _Compiled.execute

        def noting(self: Any, driver: Any, params: Any) -> Any:
            if "ledger_" not in self.sql:  # checkpoints are signed meanwhile
                runs[-1].append(self.sql)
            return execute(self, driver, params)

        monkeypatch.setattr(_Compiled, "execute", noting)
        for name in ("Warm Up", "Nobody Here", "Ada Alder", "Bea Alder"):
            runs.append([])
            ask(api, name)
        clear, walled, seen = runs[1:]
        assert len(clear) > 8
        assert clear == walled == seen

    def test_agencies_larger_than_a_stretch_are_looked_through(self, api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
        """In several units, to the last client."""
        monkeypatch.setattr(namesakes, "STRETCH", 2)
        for n in range(5):
            api.world.client(legal_name=f"Number{n} Alder")
        assert all(ask(api, f"Number{n} Alder") == "refer" for n in range(5))
        assert ask(api, "Nobody Here") == "clear"

    @pytest.mark.parametrize("names", [[], ["x"] * 11, ["…"], ["Jordan", "--"], "Jordan", [7]])
    def test_bad_names_are_refused(self, api: Api, names: Any) -> None:
        """With the place, without the value."""
        answer = api.post("ben", CHECKS, {"names": names})
        assert answer.status_code == 422
        assert answer.json()["errors"][0]["pointer"].startswith("/names")

    def test_who_may_ask(self, api: Api) -> None:
        """Advocates and supervisors."""
        codes = {
            who: api.post(who, CHECKS, {"names": ["A B"]}).status_code for who in ("ana", "sol", "ada", "aud", "val")
        }
        assert codes == {"ana": 200, "sol": 200, "ada": 403, "aud": 403, "val": 403}


class TestOracle:
    def test_twenty_a_day_a_person(self, api: Api) -> None:
        """Then 429, whatever is asked; somebody else may go on, and so may she a day later."""
        for _ in range(A_DAY):
            ask(api, "Nobody Here")
        answer = api.post("ben", CHECKS, {"names": ["Nobody Here"]})
        assert (answer.status_code, answer.json()["code"]) == (429, "conflict-checks-spent")
        assert 80_000 < int(answer.headers["retry-after"]) <= 86_400
        assert ask(api, "Nobody Here", who="ana") == "clear"
        api.world.system(lambda db: db.driver.execute(_older(db)))
        assert ask(api, "Nobody Here") == "clear"

    def test_each_is_in_the_ledger_without_the_name(self, api: Api, urls: Urls) -> None:
        """Found or not: who, when, how many names; the two entries look the same. No name is anywhere."""
        api.world.client(legal_name=NAME)
        for name in (NAME, "Nobody Here"):
            ask(api, name, "Third Word")
        entries = [e for e in api.world.entries() if e["action"] == "conflict_check.asked"]
        assert len(entries) == 2
        for entry in entries:
            assert entry["object"]["counts"] == {"names": 2}
            assert (entry["client"], "clients" in entry, "opened" in entry) == (None, False, False)
        text = orjson.dumps(api.world.entries()).decode().lower()
        assert not [word for word in ("jordan", "nobody here", "third", "refer", "clear") if word in text]

    def test_checks_are_forgotten_after_90_days(self, api: Api) -> None:
        """The ledger keeps that they were made."""
        ask(api, "Nobody Here")
        now = datetime.now(UTC)

        def later(db: Workspace) -> int:
            db.now = now + KEPT + timedelta(hours=1)
            return conflict_check.forget_old(db)

        assert api.world.system(conflict_check.forget_old) == 0
        assert api.world.system(later) == 1


class TestReferred:
    def test_supervisors_who_see_her_are_told_and_read_who_it_was(self, api: Api) -> None:
        """With the names shown logged as any reading, and in her history."""
        client_id = api.world.client(legal_name=NAME)
        assert ask(api, NAME) == "refer"
        (check,) = told(api, "sol")
        body = api.get("sol", f"{CHECKS}/{check}").json()
        assert [(m["id"], m["legal_name"]) for m in body["matches"]] == [(str(client_id), NAME)]
        assert (body["names"], body["asked_by_id"]) == (1, str(api.world.people["ben"].actor.id))
        last = api.world.entries()[-1]
        assert (last["action"], last["client"]) == ("conflict_check.read", str(client_id))
        assert last["opened"][0]["t"] == "clients"
        history = api.get("ana", f"/v1/clients/{client_id}/access-history").json()["data"]
        assert "name check" in history[0]["what"]

    def test_a_clear_check_tells_nobody(self, api: Api) -> None:
        """And is found by nobody."""
        api.world.client(legal_name=NAME)
        ask(api, "Nobody Here")
        check = next(e for e in api.world.entries() if e["action"] == "conflict_check.asked")["object"]["ids"][0]
        assert told(api, "sol") == []
        assert api.get("sol", f"{CHECKS}/{check}").status_code == 404

    def test_a_walled_supervisor_is_neither_told_nor_shown(self, api: Api) -> None:
        """She gets the same 404 as for a check that never was; whoever works with the client is told instead."""
        client_id = api.world.client(legal_name=NAME)
        wall(api.world, client_id, "sol")
        assert ask(api, NAME) == "refer"
        assert told(api, "sol") == []
        (check,) = told(api, "ana")
        hers = api.get("sol", f"{CHECKS}/{check}")
        never = api.get("sol", f"{CHECKS}/00000000-0000-4000-8000-000000000000")
        assert (hers.status_code, never.status_code) == (404, 404)
        drop = lambda a: {k: v for k, v in a.json().items() if k not in ("request_id", "instance")}  # noqa: E731
        assert drop(hers) == drop(never)
        assert api.get("ana", f"{CHECKS}/{check}").json()["matches"][0]["id"] == str(client_id)
        assert api.get("ben", f"{CHECKS}/{check}").status_code == 404, "whoever asked learns nothing more"

    def test_a_restricted_clients_advocate_is_told_where_no_supervisor_sees_her(self, api: Api) -> None:
        """Or nobody could tell why it was referred."""
        client_id = api.world.client(legal_name=NAME)
        restrict(api.world, client_id)
        ask(api, NAME)
        assert (len(told(api, "sol")), len(told(api, "ana"))) == (0, 1)

    def test_what_is_in_sight_today_counts(self, api: Api) -> None:
        """A wall set after the check hides it."""
        client_id = api.world.client(legal_name=NAME)
        ask(api, NAME)
        (check,) = told(api, "sol")
        wall(api.world, client_id, "sol")
        assert api.get("sol", f"{CHECKS}/{check}").status_code == 404


@pytest.mark.parametrize(
    ("born", "recorded", "out"),
    [
        ("1988-04-07", "1988-04-07", False),
        ("1988-04-07", "1988-07-04", False),
        ("1988-04-07", "1988-04-17", False),
        ("1988-04-07", "1998-04-07", False),
        ("1988-04-07", "1988-05-08", True),
        ("1988-04-07", "1989-07-04", True),
        ("1988-04-07", None, False),
        ("1988-04-07", "unknown", False),
        (None, "1988-04-07", False),
    ],
)
def test_who_is_ruled_out(born: str | None, recorded: object, *, out: bool) -> None:
    """Only two or more differing parts, unless day and month were swapped."""
    from datetime import date

    assert ruled_out(date.fromisoformat(born) if born else None, recorded) is out


def _older(db: Workspace) -> str:
    """Every check a day older, behind the service's back."""
    if db.dialect.name == "sqlite":
        return "update conflict_checks set asked_at = asked_at - 86400000000"
    return "update conflict_checks set asked_at = asked_at - interval '1 day'"
