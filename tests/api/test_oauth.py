"""The token endpoint: RFC 6749's form, answers and refusals, to the letter."""

import base64
import re
from typing import Any
from urllib.parse import quote, urlencode
from uuid import uuid4

import pytest

from models.access import Scope
from models.spelling import checksum, parse_secret, secret_text
from tests.api.contract import ALWAYS, good, problem
from tests.conftest import Api, service
from tests.partners import Partner, enter
from tests.world import World

PATH = "/v1/oauth/token"
FORM = {"content-type": "application/x-www-form-urlencoded"}


def sent(api: Api, form: Any, **headers: str) -> Any:
    """A form, as a dictionary or as text."""
    text = form if isinstance(form, str | bytes) else urlencode(form)
    return api(None, "POST", PATH, content=text, headers=FORM | headers)


def basic(client_id: str, secret: str) -> str:
    return "Basic " + base64.b64encode(f"{quote(client_id)}:{quote(secret)}".encode()).decode()


def refused(answer: Any, error: str) -> None:
    """In OAuth's own form, with its status, and not kept by anybody."""
    assert answer.status_code == (401 if error == "invalid_client" else 400), answer.text
    assert answer.json() == {"error": error}
    assert answer.headers["content-type"] == "application/json"
    assert {name: answer.headers.get(name) for name in ALWAYS} == ALWAYS
    assert answer.headers["pragma"] == "no-cache"
    assert (answer.headers.get("www-authenticate") == 'Basic realm="waypost"') == (error == "invalid_client")


@pytest.fixture
def partner(api: Api) -> Partner:
    """With two scopes."""
    return enter(api.world, scopes=[Scope.CLIENTS_READ, Scope.PLANS_READ])


class TestAToken:
    def test_in_the_body_or_in_the_header(self, api: Api, partner: Partner):
        """Both ways give one, good for ten minutes, and nobody keeps the answer."""
        without = {"grant_type": "client_credentials"}
        for answer in (
            sent(api, partner.form()),
            sent(api, without, authorization=basic(partner.client_id, partner.secret)),
        ):
            body = good(answer)
            assert set(body) == {"access_token", "token_type", "expires_in", "scope"}
            assert (body["token_type"], body["expires_in"]) == ("Bearer", 600)
            assert body["scope"] == "clients:read plans:read"
            assert answer.headers["cache-control"] == "no-store"
            good(api(None, "GET", "/v1/released-clients", headers={"authorization": f"Bearer {body['access_token']}"}))
        entry = [e for e in api.world.entries() if e["action"] == "integration.admitted"][-1]
        assert (entry["who"]["kind"], entry["who"]["id"], entry["who"]["role"]) == (
            "integration",
            str(partner.id),
            "clients:read+plans:read",
        )
        (secret,) = good(api.get("ada", f"/v1/integrations/{partner.id}"))["secrets"]
        assert secret["last_used_at"]

    def test_fewer_scopes_when_fewer_are_asked_for(self, api: Api, partner: Partner):
        """In any order, once or twice."""
        assert good(sent(api, partner.form(scope="plans:read")))["scope"] == "plans:read"
        assert (
            good(sent(api, partner.form(scope="plans:read clients:read plans:read")))["scope"]
            == "clients:read plans:read"
        )
        assert good(sent(api, partner.form() | {"scope": ""}))["scope"] == "clients:read plans:read"

    @pytest.mark.parametrize(
        "scope", ["clients:identity", "clients:read clients:identity", "all", "*", "clients:read,plans:read", " "]
    )
    def test_more_than_is_granted_is_refused(self, api: Api, partner: Partner, scope: str):
        """Not cut down to what there is: the program would go on believing that it has what it asked for."""
        refused(sent(api, partner.form(scope=scope)), "invalid_scope")
        assert api.world.entries()[-1]["action"] == "integration.refused"

    def test_what_is_not_known_is_ignored(self, api: Api, partner: Partner):
        """RFC 6749 3.2 asks for that."""
        good(sent(api, partner.form(audience="x", resource="https://waypost.example")))


class TestRefusals:
    def test_credentials(self, api: Api, partner: Partner):
        """Wrong, misspelt, somebody else's, nobody's: one answer."""
        other, theirs = enter(api.world), enter(api.world, "Lighthouse")
        nobody = f"wpi_{uuid4().hex}{uuid4().hex}"
        flipped = partner.secret[:-10] + ("A" if partner.secret[-10] != "A" else "B") + partner.secret[-9:]
        wrong = flipped[:-6] + checksum(flipped[:-7])
        assert parse_secret(flipped) is None
        assert parse_secret(wrong) == partner.secret_id
        for number, (client_id, secret) in enumerate((
            (partner.client_id, wrong),
            (partner.client_id, flipped),
            (partner.client_id, other.secret),
            (partner.client_id, theirs.secret),
            (other.client_id, partner.secret),
            (theirs.client_id, partner.secret),
            (nobody, partner.secret),
            (partner.client_id.upper(), partner.secret),
            (str(partner.id), partner.secret),
            ("", partner.secret),
            (partner.client_id, ""),
            ("", ""),
        )):  # fmt: skip
            here = api.at(f"198.51.{number}.1")
            form = {"grant_type": "client_credentials", "client_id": client_id, "client_secret": secret}
            refused(sent(here, form), "invalid_client")
            refused(
                sent(here, {"grant_type": "client_credentials"}, authorization=basic(client_id, secret)),
                "invalid_client",
            )

    def test_a_refusal_of_one_we_know_is_an_entry_and_of_nobody_none(self, api: Api, partner: Partner):
        """Outsiders cannot fill a log with ids that are nobody's."""
        before = len(api.world.entries())
        refused(sent(api, partner.form(client_secret=enter(api.world).secret)), "invalid_client")
        (entry,) = [e for e in api.world.entries()[before:] if e["action"] == "integration.refused"]
        assert (entry["outcome"], entry["code"], entry["object"]["ids"]) == (
            "denied",
            "invalid-client",
            [str(partner.id)],
        )
        before = len(api.world.entries())
        refused(sent(api, partner.form(client_id=f"wpi_{partner.agency_id.hex}{uuid4().hex}")), "invalid_client")
        refused(sent(api, partner.form(client_id=f"wpi_{uuid4().hex}{uuid4().hex}")), "invalid_client")
        assert len(api.world.entries()) == before

    def test_an_address_that_is_not_on_the_list(self, api: Api):
        """As a wrong secret."""
        there = enter(api.world, networks=["203.0.113.0/24"])
        refused(sent(api.at("203.0.114.1"), there.form()), "invalid_client")
        good(sent(api.at("203.0.113.1"), there.form()))

    def test_two_ways_at_once(self, api: Api, partner: Partner):
        """A header and a body, two headers, a parameter twice."""
        header = basic(partner.client_id, partner.secret)
        refused(sent(api, partner.form(), authorization=header), "invalid_request")
        refused(
            sent(api, {"grant_type": "client_credentials", "client_id": "x"}, authorization=header), "invalid_request"
        )
        good(sent(api, {"grant_type": "client_credentials", "client_id": partner.client_id}, authorization=header))
        for name in ("grant_type", "client_id", "client_secret", "scope"):
            twice = urlencode(partner.form(scope="plans:read")) + f"&{name}=plans:read"
            refused(sent(api, twice), "invalid_request")
        for odd in (
            "Basic",
            "Basic !!!!",
            "Basic " + base64.b64encode(b"nocolon").decode(),
            f"Bearer {api.token('ana')}",
            "Digest x",
        ):
            refused(sent(api, {"grant_type": "client_credentials"}, authorization=odd), "invalid_client")

    @pytest.mark.parametrize(
        "grant", ["password", "authorization_code", "refresh_token", "CLIENT_CREDENTIALS", "client_credentials "]
    )
    def test_other_grants(self, api: Api, partner: Partner, grant: str):
        """There is one."""
        refused(sent(api, partner.form(grant_type=grant)), "unsupported_grant_type")

    @pytest.mark.parametrize("raw", [
        b"", b"{}", b"grant_type", b"grant_type=%ff", b"\xff\xfe", b"grant_type=client_credentials&scope=%00",
        b"grant_type=client_credentials&client_id=%0a", b"&".join(b"a%d=1" % n for n in range(30)), b"a" * 200_000,
        b"grant_type=client_credentials&scope=" + b"x" * 2000, b'{"grant_type": "client_credentials"}',
    ])  # fmt: skip
    def test_what_is_no_form(self, api: Api, raw: bytes):
        """Refused, and nothing of it repeated."""
        refused(sent(api, raw), "invalid_request")

    def test_another_media_type_or_a_query(self, api: Api, partner: Partner):
        """A form, in the body."""
        refused(api.post(None, PATH, partner.form()), "invalid_request")
        refused(api(None, "POST", f"{PATH}?{urlencode(partner.form())}", headers=FORM), "invalid_request")
        for kind in (
            "text/plain",
            "multipart/form-data; boundary=x",
            "application/x-www-form-urlencoded; charset=utf-16",
        ):
            refused(
                api(None, "POST", PATH, content=urlencode(partner.form()), headers={"content-type": kind}),
                "invalid_request",
            )
        assert api.get(None, PATH).status_code == 405

    def test_failures_are_limited_and_successes_are_not(self, world: World):
        """Five a minute for an id and a network; another network gets in."""
        with service(world) as api:
            partner = enter(world)
            for _ in range(8):
                good(sent(api, partner.form()))
            wrong = partner.form(client_secret=enter(world).secret)
            for _ in range(5):
                refused(sent(api, wrong), "invalid_client")
            problem(sent(api, partner.form()), 429, "rate-limited")
            good(sent(api.at("203.0.113.1"), partner.form()))


def test_a_secret_is_found_by_its_form():
    """What looks through code for lost secrets: a prefix, a checksum, and no other text fits by chance."""
    seen = {secret_text(uuid4()) for _ in range(300)}
    assert len(seen) == 300
    for text in seen:
        assert re.fullmatch(r"wpt_[0-9a-f]{32}_[0-9A-Za-z]{43}_[0-9A-Za-z]{6}", text)
        assert parse_secret(text)
        assert parse_secret(text[:-1] + ("0" if text[-1] != "0" else "1")) is None
        assert parse_secret(text + "\n") is None
