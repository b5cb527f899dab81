"""The first agency and its admin, made with the set-up link."""

from datetime import timedelta

import pytest
import sqlalchemy as sa

from models.access import PLATFORM, Actor
from models.ledger.action import Action
from models.setup import SetupLink
from tests.api.contract import good, problem
from tests.conftest import Api
from tests.factories import code_of

PASSWORD = "a quiet bridge over nine rivers"
BODY = {
    "agency_name": "Meadow",
    "time_zone": "Europe/Dublin",
    "language": "es",
    "jurisdiction": "ie",
    "email": "mia@meadow.example",
    "display_name": "Mia",
    "password": PASSWORD,
}


@pytest.fixture
def token(api: Api) -> str:
    """A fresh set-up link's token."""
    made: str = api.world.database.transact(Actor.system(PLATFORM), SetupLink.make)
    return made


def found(api: Api, token: str, **more):
    return api.post(None, "/v1/setup", BODY | {"token": token} | more)


class TestFound:
    def test_makes_the_agency_and_its_admin(self, api: Api, token: str):
        """She signs in at once, to her own agency and to nobody else's."""
        body = good(found(api, token), 201)
        assert set(body) == {"id", "admin_id"}
        signed_in = good(api.post(None, "/v1/sessions", {"email": BODY["email"], "password": PASSWORD}), 201)
        headers = {"authorization": f"Bearer {signed_in['access_token']}"}
        me = good(api.get(None, "/v1/me", headers=headers))
        assert (me["id"], me["agency_id"], me["roles"]) == (body["admin_id"], body["id"], ["agency_admin"])
        secret = good(api.post(None, "/v1/me/second-factor", headers=headers), 201)["secret"]
        confirmation = {"totp_code": code_of(secret)}
        good(api.put(None, "/v1/me/second-factor/confirmation", confirmation, headers=headers))
        agency = good(api.get(None, "/v1/agency", headers=headers))
        for name in ("time_zone", "language", "jurisdiction"):
            assert agency[name] == BODY[name]
        assert len(good(api.get(None, "/v1/users", headers=headers))["data"]) == 1

    def test_works_once(self, api: Api, token: str):
        """The second use finds the link used up."""
        good(found(api, token), 201)
        problem(found(api, token, email="two@meadow.example"), 401, "setup-link-invalid")

    def test_not_after_half_an_hour(self, api: Api, token: str):
        """An old link is none."""

        def age(db) -> None:
            (link,) = db.all(sa.select(SetupLink).where(SetupLink.used_at.is_(None)))
            link = db.claim(SetupLink, link.id)
            link.expires_at -= timedelta(minutes=30)
            db.record(Action.SETUP_LINK_MADE, link)

        api.world.database.transact(Actor.system(PLATFORM), age)
        problem(found(api, token), 401, "setup-link-invalid")

    def test_a_made_up_token(self, api: Api):
        """Without a link there is no way in."""
        problem(found(api, "A" * 43), 401, "setup-link-invalid")

    @pytest.mark.parametrize(
        ("sent", "pointer"),
        [
            ({"password": "too short"}, "/password"),
            ({"password": "meadow-meadow-mia"}, "/password"),
            ({"jurisdiction": "atlantis"}, "/jurisdiction"),
            ({"time_zone": "Mars/Olympus"}, "/time_zone"),
            ({"email": "nobody"}, "/email"),
            ({"agency_name": "  "}, "/agency_name"),
            ({"roles": ["auditor"]}, "/roles"),
        ],
    )
    def test_a_fault_leaves_the_link_as_it_was(self, api: Api, token: str, sent, pointer: str):
        """What was wrong can be put right with the same link."""
        problem(found(api, token, **sent), 422, "invalid", pointer)
        good(found(api, token), 201)

    def test_an_address_in_use_leaves_the_link_as_it_was(self, api: Api, token: str):
        """The founding fails whole, and can be tried again with another address."""
        problem(found(api, token, email="ana@harbor.example"), 409, "email-taken")
        good(found(api, token), 201)
