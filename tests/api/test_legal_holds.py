"""Legal holds: placed at once by one person, lifted by another, and in the way of every destruction."""

from uuid import UUID

import pytest
import sqlalchemy as sa

from models.base import table_of
from models.legal_hold import LegalHold
from models.vault.keys import DataKey
from tests.api.contract import NOWHERE, client, good, last_action, made, problem, same_refusal, walk
from tests.conftest import Api
from tests.factories import behind

HOLD = {"id", "client_id", "reason", "reference", "placed_at", "placed_by_id", "lifted_at", "lifted_by_id"}


def hold(api: Api, client_id: str, who: str = "sol", **values):
    body = {"client_id": client_id, "reason": "A subpoena came.", "reference": "FA-27-1042"} | values
    return made(api.post(who, "/v1/legal-holds", body), "/v1/legal-holds")


class TestPlace:
    @pytest.mark.parametrize("who", ["sol", "ada"])
    def test_takes_one_person(self, api: Api, who: str):
        """A supervisor for a client she sees, an agency admin by the client's id; both can read the words again."""
        one = client(api)["id"]
        held = hold(api, one, who)
        assert set(held) == HOLD
        assert (held["client_id"], held["reference"], held["lifted_at"]) == (one, "FA-27-1042", None)
        assert held["placed_by_id"] == str(api.world.people[who].actor.id)
        entry = api.world.entries()[-1]
        assert (entry["action"], entry["client"]) == ("legal_hold.placed", one)
        assert good(api.get(who, f"/v1/legal-holds/{held['id']}")) == held
        assert last_action(api) == "legal_hold.read"

    @pytest.mark.parametrize("who", ["sol", "ada"])
    def test_a_client_who_is_not_here_is_nobody(self, api: Api, who: str):
        """Another agency's client and a random id, for whoever asks."""
        foreign = client(api, "other")["id"]
        body = {"reason": "A subpoena came."}
        same_refusal(*(api.post(who, "/v1/legal-holds", body | {"client_id": one}) for one in (foreign, NOWHERE)))

    def test_shows_an_admin_nothing_else_of_the_client(self, api: Api):
        """She may hold, not look."""
        one = client(api)["id"]
        hold(api, one, "ada")
        problem(api.get("ada", f"/v1/clients/{one}"), 403, "forbidden")

    def test_what_is_written_is_sealed_under_the_clients_key(self, api: Api, urls):
        """So that it is gone with her."""
        one = client(api)["id"]
        held = hold(api, one)
        keys, table = table_of(DataKey), table_of(LegalHold)
        with behind(urls.superuser) as db:
            cell = bytes(
                db.execute(sa.select(table.c.reason_sealed).where(table.c.id == UUID(held["id"]))).scalar_one()
            )
            whose = db.execute(sa.select(keys.c.subject_id).where(keys.c.kid == cell[1:9])).scalar_one()
        assert str(whose) == one


class TestLift:
    def test_takes_another_agency_admin(self, api: Api):
        """The supervisor placed it; the admin lifts it. Doing it twice changes nothing."""
        held = hold(api, client(api)["id"])
        problem(api.put("sol", f"/v1/legal-holds/{held['id']}/lifting"), 403, "forbidden")
        lifted = good(api.put("ada", f"/v1/legal-holds/{held['id']}/lifting"))
        assert lifted["lifted_by_id"] == str(api.world.people["ada"].actor.id)
        before = [e["action"] for e in api.world.entries()].count("legal_hold.lifted")
        assert good(api.put("ada", f"/v1/legal-holds/{held['id']}/lifting")) == lifted
        assert [e["action"] for e in api.world.entries()].count("legal_hold.lifted") == before == 1

    def test_nobody_lifts_her_own(self, api: Api):
        """Whatever roles she holds."""
        held = hold(api, client(api)["id"], "ada")
        problem(api.put("ada", f"/v1/legal-holds/{held['id']}/lifting"), 409, "own-hold")
        sol = api.world.people["sol"].actor.id
        version = good(api.get("ada", f"/v1/users/{sol}"))["version"]
        good(api.patch("ada", f"/v1/users/{sol}", {"roles": ["agency_admin", "supervisor"]}, if_match=version))
        own = hold(api, client(api)["id"], "sol")
        problem(api.put("sol", f"/v1/legal-holds/{own['id']}/lifting"), 409, "own-hold")
        good(api.put("sol", f"/v1/legal-holds/{held['id']}/lifting"))


class TestList:
    def test_shows_those_that_stand_newest_first_without_words(self, api: Api):
        """Those lifted when asked for; the same for supervisor and admin."""
        ids = [hold(api, client(api)["id"])["id"] for _ in range(5)]
        good(api.put("ada", f"/v1/legal-holds/{ids[2]}/lifting"))
        standing = [one for one in reversed(ids) if one != ids[2]]
        for who in ("sol", "ada"):
            rows = list(walk(api, who, "/v1/legal-holds", 2))
            assert [row["id"] for row in rows] == standing
            assert set(rows[0]) == HOLD - {"reason", "reference"}
            assert [r["id"] for r in walk(api, who, "/v1/legal-holds", 2, lifted_too="true")] == ids[::-1]

    def test_of_another_agency_is_empty(self, api: Api):
        """Its holds do not exist here."""
        hold(api, client(api)["id"])
        for who in ("ana", "aud"):
            problem(api.get(who, "/v1/legal-holds"), 403, "forbidden")
