"""Single sign-on against a real provider: who comes in, and every lie a provider, a browser or a network can tell."""

import asyncio
import base64
import hmac
import json
import socket
import sys
import time
from typing import Any
from uuid import uuid4

import pytest
from joserfc import jwt
from joserfc.jwk import RSAKey

from api import outgoing
from api.outgoing import Away, address_of, is_outer
from api.sign_in import SessionOut, SignedInOut
from tests import oidc
from tests.api.contract import NOWHERE, done, good, problem, unknown
from tests.conftest import Api, service
from tests.oidc import CLIENT, SECRET, Provider, visit
from tests.world import PASSWORD, World

PROVIDER = "/v1/sso/provider"


@pytest.fixture
def provider() -> Provider:
    """A provider that tells the truth, until a test has it lie."""
    return oidc.serve()


@pytest.fixture
def sso(api: Api, provider: Provider) -> "Sso":
    """Harbor with that provider, and ana linked."""
    made = Sso(api, provider)
    made.link("ana")
    return made


class Sso:
    """The agency's side and the browser's."""

    def __init__(self, api: Api, provider: Provider, admin: str = "ada", **more: Any) -> None:
        self.api, self.provider, self.admin = api, provider, admin
        entry = {"issuer": provider.issuer, "client_id": CLIENT, "client_secret": SECRET}
        good(api.put(admin, PROVIDER, entry | more))

    @property
    def agency(self) -> str:
        return str(self.api.world.people[self.admin].actor.agency_id)

    def begin(self) -> Any:
        return good(self.api.post(None, "/v1/sso/authorization", {"agency": self.agency}))

    def back(self, begun: Any, **more: Any) -> dict[str, Any]:
        """What the page posts after the provider sent the browser back."""
        told = visit(begun["authorization_url"])
        assert told["state"] == begun["state"]
        body = {
            "code": told["code"],
            "state": told["state"],
            "iss": told["iss"],
            "browser_secret": begun["browser_secret"],
        }
        return {name: value for name, value in (body | more).items() if value is not None}

    def sign_in(self, **more: Any) -> Any:
        return self.api.post(None, "/v1/sso/sessions", self.back(self.begin(), **more))

    def link(self, who: str, **more: Any) -> Any:
        begun = good(self.api.post(who, "/v1/me/identities"))
        return good(self.api.post(who, "/v1/me/identities/completion", self.back(begun, **more)))

    def refused(self, **more: Any) -> None:
        """Signing in does not work, and the log says that somebody tried."""
        problem(self.sign_in(**more), 401, "sso-refused")
        assert self.api.world.entries()[-1]["code"] == "sso-refused"


class TestSigningIn:
    def test_a_linked_account_signs_in(self, sso: Sso):
        """With the answer that a password gives, and a session that says how it was opened."""
        body = good(sso.sign_in(), 201)
        assert set(body) == set(SignedInOut.model_fields)
        assert set(body["session"]) == set(SessionOut.model_fields)
        me = good(sso.api(None, "GET", "/v1/me", headers={"authorization": f"Bearer {body['access_token']}"}))
        assert me["email"] == "ana@harbor.example"
        assert sso.api.world.entries()[-1]["who"]["auth"] == "sso"
        renewed = sso.api.post(None, "/v1/sessions/refresh", {"refresh_token": body["refresh_token"]})
        assert renewed.status_code == 200
        (row,) = good(sso.api.get("ana", "/v1/me/identities"))["data"]
        assert row["last_used_at"]

    def test_with_es256_and_after_the_provider_changed_its_keys(self, sso: Sso, monkeypatch: pytest.MonkeyPatch):
        """Keys are looked up again when one is not known, and not for every odd token."""
        sso.provider.algorithm = "ES256"
        good(sso.sign_in(), 201)
        monkeypatch.setattr("api.oidc.AGAIN", 0)
        sso.provider.rotate()
        good(sso.sign_in(), 201)
        monkeypatch.setattr("api.oidc.AGAIN", 10)
        sso.provider.rotate()
        looked = sso.provider.asked.count("/keys")
        sso.refused()
        assert sso.provider.asked.count("/keys") == looked

    def test_the_providers_factor_counts_when_the_agency_says_so(self, api: Api, provider: Provider):
        """And only the values it named."""
        sso = Sso(api, provider, factor_values=["mfa", "urn:gold"])
        sso.link("ana")
        for claims, auth in (
            ({}, "sso"), ({"amr": ["pwd"]}, "sso"), ({"amr": ["pwd", "mfa"]}, "sso+factor"),
            ({"acr": "urn:gold"}, "sso+factor"), ({"acr": "0"}, "sso"), ({"acr": ["mfa"]}, "sso"),
        ):  # fmt: skip
            provider.alter = claims
            token = good(sso.sign_in(), 201)["access_token"]
            api(None, "GET", "/v1/me", headers={"authorization": f"Bearer {token}"})
            assert api.world.entries()[-1]["who"]["auth"] == auth, claims

    def test_an_agency_without_a_provider_is_nobody(self, api: Api, provider: Provider):
        """404 alike for none that there is, one without, and one that switched it off."""
        for agency in (NOWHERE, str(api.world.agency_id())):
            unknown(api.post(None, "/v1/sso/authorization", {"agency": agency}))
        sso = Sso(api, provider, enabled=False)
        unknown(api.post(None, "/v1/sso/authorization", {"agency": sso.agency}))

    def test_starting_leaves_nothing_in_the_log(self, sso: Sso):
        """Strangers cannot fill it."""
        before = len(sso.api.world.entries())
        sso.begin()
        assert len(sso.api.world.entries()) == before


class TestLies:
    @pytest.mark.parametrize(
        "claims",
        [
            {"nonce": "another"}, {"nonce": ""}, {"nonce": None}, {"aud": "another"}, {"aud": []}, {"aud": None},
            {"aud": [CLIENT, "another"]}, {"aud": [CLIENT, "another"], "azp": "another"}, {"azp": "another"},
            {"iss": "https://login.provider.example"}, {"iss": ""}, {"iss": None}, {"sub": ""}, {"sub": 7}, {"sub": None},
            {"sub": "x" * 256}, {"exp": 0}, {"exp": 1e999}, {"exp": "soon"}, {"exp": None}, {"exp": []}, {"exp": True},
            {"iat": 0}, {"iat": 10**11}, {"iat": None}, {"nbf": 10**11}, {"amr": "mfa"},
        ],
        ids=str,
    )  # fmt: skip
    def test_a_token_that_says_something_else(self, sso: Sso, claims: dict[str, Any]):
        """Issuer, audience, nonce, subject and time have to be right, and be there."""
        sso.provider.alter = claims
        sso.refused()

    @pytest.mark.parametrize("name", ["iss", "aud", "sub", "nonce", "iat", "exp"])
    def test_a_token_that_does_not_say_enough(self, sso: Sso, name: str):
        """Each is required."""
        sso.provider.drop = (name,)
        sso.refused()

    def test_a_token_somebody_else_signed(self, sso: Sso):
        """None, an HMAC under the public key, a stranger's key by our name, a key that travels in the token."""
        ours, stranger = sso.provider.keys["RS256"], RSAKey.generate_key(2048)
        kid, public = ours.kid, ours.as_pem(private=False)

        def spelt(raw: bytes) -> str:
            return base64.urlsafe_b64encode(raw).decode().rstrip("=")

        def none(claims: Any) -> str:
            return ".".join(spelt(json.dumps(p).encode()) for p in ({"alg": "none", "kid": kid}, claims)) + "."

        def shared(claims: Any) -> str:
            text = ".".join(spelt(json.dumps(p).encode()) for p in ({"alg": "HS256", "kid": kid}, claims))
            return f"{text}.{spelt(hmac.digest(public, text.encode(), 'sha256'))}"

        def other(head: Any, key: Any, algorithm: str = "RS256") -> Any:
            return lambda claims: jwt.encode({"alg": algorithm} | head, claims, key, algorithms=[algorithm])

        lies = [
            none,
            shared,
            other({"kid": kid}, stranger),
            other({"kid": stranger.thumbprint()}, stranger),
            other({"jwk": stranger.as_dict(private=False), "kid": kid}, stranger),
            lambda claims: jwt.encode({"alg": "RS256", "kid": kid}, claims, ours)[:-4] + "AAAA",
            lambda claims: "x" * 50,
            lambda claims: "a.b.c",
            lambda claims: 7,
            lambda claims: None,
            lambda claims: {},
        ]
        for number, lie in enumerate(lies):
            sso.provider.sign = lie
            body = sso.back(sso.begin())
            problem(sso.api.at(f"198.51.{number}.1").post(None, "/v1/sso/sessions", body), 401, "sso-refused")
        sso.provider.sign = None
        good(sso.api.at("203.0.113.5").post(None, "/v1/sso/sessions", sso.back(sso.begin())), 201)

    @pytest.mark.parametrize("answer", [
        (400, {"error": "invalid_grant"}), (500, {}), (200, []), (200, {}), (200, b"<html>"), (200, b""),
        (200, b"x" * 300_000), (302, {"id_token": "x"}),
    ], ids=lambda a: f"{a[0]}-{len(a[1])}")  # fmt: skip
    def test_an_odd_answer(self, sso: Sso, answer: Any):
        """Is no sign-in, and no 500."""
        sso.provider.answer = answer
        sso.refused()

    def test_an_address_the_provider_did_not_verify_links_nobody(self, sso: Sso):
        """Nor one it did: an address is given to somebody else tomorrow."""
        for verified in (False, True):
            sso.provider.subject = f"stranger-{verified}"
            sso.provider.alter = {"email": "ana@harbor.example", "email_verified": verified}
            sso.refused()

    def test_a_provider_that_calls_itself_otherwise(self, api: Api, provider: Provider):
        """Its metadata have to name the issuer that was entered, and endpoints we may ask."""
        for told in (
            {"issuer": "https://login.provider.example"}, {"issuer": provider.issuer + "/"},
            {"token_endpoint": "http://login.provider.example/token"}, {"jwks_uri": "file:///etc/passwd"},
            {"authorization_endpoint": "javascript:alert(1)"}, {"token_endpoint": None}, {"jwks_uri": []},
        ):  # fmt: skip
            provider.told = told
            sso = Sso(api, provider)
            problem(api.post(None, "/v1/sso/authorization", {"agency": sso.agency}), 503, "provider-unavailable")


class TestBrowsers:
    def test_a_code_works_once(self, sso: Sso):
        """The state is used up with it; so is one that failed."""
        body = sso.back(sso.begin())
        issued = dict(sso.provider.codes)
        good(sso.api.post(None, "/v1/sso/sessions", body), 201)
        sso.provider.codes.update(issued)  # a provider that takes a code twice: the state is used up all the same
        problem(sso.api.post(None, "/v1/sso/sessions", body), 401, "sso-refused")

    def test_a_state_belongs_to_the_browser_that_began(self, sso: Sso):
        """Whoever catches code and state on their way signs in nowhere, and does not use them up either."""
        first, second = sso.begin(), sso.begin()
        body = sso.back(first)
        here = sso.api.at("203.0.113.7")
        for lie in (
            {"browser_secret": second["browser_secret"]},
            {"browser_secret": "guess"},
            {"state": second["state"]},
        ):
            problem(here.post(None, "/v1/sso/sessions", body | lie), 401, "sso-refused")
        good(sso.api.post(None, "/v1/sso/sessions", body), 201)

    def test_nobody_is_kept_out_by_what_others_fail_at(self, sso: Sso):
        """Forged states and bad codes from her network, as many as anybody likes to send: there is nothing to guess."""
        body = sso.back(sso.begin())
        for n in range(6):
            raw = base64.b64decode(body["state"].removeprefix("wps_") + "==", altchars=b"-_")[:16] + bytes([n]) * 48
            forged = "wps_" + base64.urlsafe_b64encode(raw).decode().rstrip("=")
            problem(sso.api.post(None, "/v1/sso/sessions", body | {"state": forged}), 401, "sso-refused")
            begun = sso.begin()
            theirs = {"code": "x", "state": begun["state"], "browser_secret": begun["browser_secret"]}
            problem(sso.api.post(None, "/v1/sso/sessions", theirs), 401, "sso-refused")
        good(sso.api.post(None, "/v1/sso/sessions", body), 201)

    def test_a_code_of_another_browser_is_refused_by_pkce(self, sso: Sso):
        """Injected into a flow of one's own."""
        stolen = sso.back(sso.begin())["code"]
        sso.refused(code=stolen)

    def test_it_is_over_after_ten_minutes(self, sso: Sso, monkeypatch: pytest.MonkeyPatch):
        """By the clock of the database's unit."""
        from datetime import timedelta

        monkeypatch.setattr("models.identity.LIFE", timedelta(seconds=-1))
        problem(sso.sign_in(), 401, "sso-refused")

    def test_odd_states(self, sso: Sso):
        """No state of ours: refused before anything is asked."""
        body = sso.back(sso.begin())
        for n, state in enumerate(
            (
                "x",
                "wps_",
                "wps_" + "A" * 86,
                "wps_" + "\u00e9",
                body["state"][:-1],
                body["state"] + "A",
                f"wps_{uuid4()}",
            )
        ):
            answer = sso.api.at(f"198.51.{n}.9").post(None, "/v1/sso/sessions", body | {"state": state})
            assert answer.status_code in (401, 422), state

    def test_two_providers_are_not_mixed_up(self, api: Api, provider: Provider):
        """A code of one, brought back as if it were of the other: by issuer, by state, by subject."""
        other = oidc.serve()
        here, there = Sso(api, provider), Sso(api, other, _admin_there(api))
        here.link("ana")
        other.subject = provider.subject
        problem(there.sign_in(), 401, "sso-refused")
        mine, theirs = here.begin(), there.begin()
        evil = here.back(mine)
        problem(api.post(None, "/v1/sso/sessions", here.back(here.begin(), iss=other.issuer)), 401, "sso-refused")
        problem(api.post(None, "/v1/sso/sessions", here.back(here.begin(), iss=None)), 401, "sso-refused")
        foreign = there.back(theirs)
        problem(api.post(None, "/v1/sso/sessions", evil | {"code": foreign["code"]}), 401, "sso-refused")
        other.alter = {"iss": provider.issuer}
        problem(there.sign_in(), 401, "sso-refused")

    def test_the_way_back_is_ours_and_fixed(self, sso: Sso):
        """Nothing that is sent moves it; the page is there, with a policy that keeps the code here."""
        begun = sso.begin()
        assert "redirect_uri=http%3A%2F%2F127.0.0.1%3A8000%2Fsso&" in begun["authorization_url"]
        problem(
            sso.api.post(None, "/v1/sso/authorization", {"agency": sso.agency, "redirect_uri": "https://evil.example"}),
            422,
            "invalid",
            "/*",
        )
        page = sso.api.get(None, "/sso?code=x&state=y")
        assert page.status_code == 200
        assert "default-src 'none'" in page.headers["content-security-policy"]
        assert page.headers["referrer-policy"] == "no-referrer"

    def test_an_attempt_of_an_older_provider_is_over(self, sso: Sso):
        """Whoever changes the provider ends what began before."""
        body = sso.back(sso.begin())
        Sso(sso.api, sso.provider)
        problem(sso.api.post(None, "/v1/sso/sessions", body), 401, "sso-refused")


class TestLinking:
    def test_an_account_is_one_persons(self, sso: Sso):
        """The second who comes with it is told so; a list shows one's own."""
        begun = good(sso.api.post("ben", "/v1/me/identities"))
        problem(sso.api.post("ben", "/v1/me/identities/completion", sso.back(begun)), 409, "identity-taken")
        assert good(sso.api.get("ben", "/v1/me/identities"))["data"] == []

    def test_she_is_told(self, sso: Sso):
        """With the account's id, to unlink it; ben, who was refused it, is not."""
        (row,) = good(sso.api.get("ana", "/v1/me/identities"))["data"]
        (notice,) = good(sso.api.get("ana", "/v1/notices"))["data"]
        assert (notice["kind"], notice["object_id"]) == ("identity_linked", row["id"])
        begun = good(sso.api.post("ben", "/v1/me/identities"))
        problem(sso.api.post("ben", "/v1/me/identities/completion", sso.back(begun)), 409, "identity-taken")
        assert good(sso.api.get("ben", "/v1/notices"))["data"] == []

    def test_only_who_began_finishes(self, sso: Sso):
        """Ben's browser cannot finish what ana's began, nor a sign-in finish a link, nor a link a sign-in."""
        sso.provider.subject = "second"
        begun = good(sso.api.post("ana", "/v1/me/identities"))
        body = sso.back(begun)
        for who in ("ben", "other"):
            problem(sso.api.post(who, "/v1/me/identities/completion", body), 409, "identity-not-linked")
        problem(sso.api.post(None, "/v1/sso/sessions", body), 401, "sso-refused")
        signing = sso.back(sso.begin())
        problem(sso.api.post("ana", "/v1/me/identities/completion", signing), 409, "identity-not-linked")
        good(sso.api.post("ana", "/v1/me/identities/completion", body))

    def test_unlinked_is_nobodys(self, sso: Sso):
        """Only her own; then it signs nobody in."""
        (row,) = good(sso.api.get("ana", "/v1/me/identities"))["data"]
        unknown(sso.api.delete("ben", f"/v1/me/identities/{row['id']}"))
        done(sso.api.delete("ana", f"/v1/me/identities/{row['id']}"))
        sso.refused()

    def test_a_suspended_person_stays_outside(self, sso: Sso):
        """As somebody unknown."""
        good(sso.api.put("ada", f"/v1/users/{sso.api.world.people['ana'].actor.id}/suspension"))
        sso.refused()


class TestPasswordsOff:
    def test_only_who_came_by_the_provider_switches_them_off(self, sso: Sso):
        """And then nobody comes in by a password, until an admin or the machine lets them."""
        problem(sso.api.put("ada", f"{PROVIDER}/requirement"), 409, "sso-not-proved")
        sso.provider.subject = "subject-of-ada"
        sso.link("ada")
        sso.api._tokens["ada"] = good(sso.sign_in(), 201)["access_token"]
        assert good(sso.api.put("ada", f"{PROVIDER}/requirement"))["local_sign_in"] is False
        ana = {"email": "ana@harbor.example", "password": PASSWORD}
        problem(sso.api.post(None, "/v1/sessions", ana), 401, "invalid-credentials")  # as for a wrong one
        problem(
            sso.api.post(None, "/v1/sessions", ana | {"password": "not this one at all"}), 401, "invalid-credentials"
        )
        good(sso.api.post(None, "/v1/sessions", {"email": "other@lighthouse.example", "password": PASSWORD}), 201)
        good(sso.sign_in(), 201)
        assert good(sso.api.delete("ada", f"{PROVIDER}/requirement"))["local_sign_in"] is True
        good(sso.api.post(None, "/v1/sessions", ana), 201)

    def test_a_changed_provider_lets_passwords_in_again(self, sso: Sso):
        """Nobody has come in by it yet: so nobody can be shut out by it."""
        sso.provider.subject = "subject-of-ada"
        sso.link("ada")
        sso.api._tokens["ada"] = good(sso.sign_in(), 201)["access_token"]
        good(sso.api.put("ada", f"{PROVIDER}/requirement"))
        body = {"issuer": sso.provider.issuer, "client_id": CLIENT, "factor_values": ["mfa"]}
        assert good(sso.api.put("ada", PROVIDER, body))["local_sign_in"] is True

    def test_the_provider_is_the_admins(self, sso: Sso):
        """Its secret is shown to nobody."""
        for who in ("ana", "sol", "aud"):
            problem(sso.api.get(who, PROVIDER), 403, "forbidden")
        answer = sso.api.get("ada", PROVIDER)
        assert good(answer)["issuer"] == sso.provider.issuer
        assert SECRET not in answer.text
        body = {"issuer": sso.provider.issuer, "client_id": CLIENT, "factor_values": ["mfa", "pwd"]}
        problem(sso.api.put("ada", PROVIDER, body), 422, "invalid", "/factor_values/1")
        for elsewhere in ({"issuer": oidc.serve().issuer}, {"client_id": "another"}):
            body = {"issuer": sso.provider.issuer, "client_id": CLIENT} | elsewhere
            problem(sso.api.put("ada", PROVIDER, body), 422, "invalid", "/client_secret")
            good(sso.api.put("ada", PROVIDER, body | {"client_secret": SECRET}))
            good(sso.api.put("ada", PROVIDER, body | {"enabled": True}))
            good(
                sso.api.put(
                    "ada",
                    PROVIDER,
                    body | {"issuer": sso.provider.issuer, "client_id": CLIENT, "client_secret": SECRET},
                )
            )
        for issuer in (
            "http://login.provider.example",
            "https://localhost",
            "https://1.2.3.4",
            "https://a@b.example",
            "ftp://x.example",
            "https://2130706433",
        ):
            body = {"issuer": issuer, "client_id": CLIENT, "client_secret": SECRET}
            problem(sso.api.put("ada", PROVIDER, body), 422, "invalid", "/issuer")


class TestOutgoing:
    @pytest.mark.parametrize("ip", [
        "127.0.0.1", "10.0.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.1", "224.0.0.1", "::1", "fe80::1",
        "fc00::1", "::ffff:10.0.0.1", "::ffff:8.8.8.8", "64:ff9b::a00:1", "2002:a00:1::", "2001:0:1::", "::7f00:1", "255.255.255.255",
    ])  # fmt: skip
    def test_inner_addresses(self, ip: str):
        """Private, here, link-local, carrier's, translated, tunnelled, mapped, to many."""
        assert not is_outer(ip)

    def test_outer_addresses(self):
        """And the others are asked."""
        assert is_outer("8.8.8.8")
        assert is_outer("2606:4700::1111")

    @pytest.mark.parametrize("found", [["10.0.0.1"], ["8.8.8.8", "127.0.0.1"], ["::1"], []])
    def test_a_name_that_leads_inward_is_not_asked(self, found: list[str], monkeypatch: pytest.MonkeyPatch):
        """Not even when one of its addresses is outside."""
        looked: list[str] = []

        async def lookup(*_: Any, **__: Any) -> list[Any]:
            looked.append("")
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (ip, 443)) for ip in found]

        async def ask() -> None:
            monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", lookup)
            await outgoing.ask("https://rebinding.example/", loopback=False)

        with pytest.raises(Away):
            asyncio.run(ask())
        assert len(looked) == 1

    def test_addresses_that_are_not_asked_at_all(self):
        """In production not even this machine."""
        for url in (
            "http://127.0.0.1:1/",
            "http://a.example",
            "https://127.1",
            "https://u@a.example",
            "https://[::1]",
            "https://a.example#x",
            "//a.example",
            "https://host",
        ):
            with pytest.raises(ValueError):
                address_of(url, loopback=False)
        assert address_of("https://a.example:8443/x", loopback=False) == ("a.example", 8443)

    def test_in_production_loopback_is_an_inner_address(self, world: World, provider: Provider):
        """A provider on this machine is for tests."""
        from api.oidc import Providers

        with service(world) as api:
            sso = Sso(api, provider)
            api.client.app.state.providers = Providers("https://waypost.example/sso", loopback=False)
            problem(api.post(None, "/v1/sso/authorization", {"agency": sso.agency}), 503, "provider-unavailable")

    def test_without_the_library_it_says_what_to_install(self, sso: Sso, monkeypatch: pytest.MonkeyPatch):
        """501, with the line."""
        monkeypatch.setitem(sys.modules, "authlib", None)
        answer = sso.api.post(None, "/v1/sso/authorization", {"agency": sso.agency})
        assert answer.status_code == 501
        assert "make extra WITH=sso" in answer.json()["detail"]

    def test_a_slow_provider_does_not_hold_anybody(self, sso: Sso, monkeypatch: pytest.MonkeyPatch):
        """Everything together has a time."""
        monkeypatch.setattr(outgoing, "PATIENCE", 0.3)
        begun = sso.back(sso.begin())
        sso.provider.sign = lambda claims: time.sleep(1) or "x"
        started = time.monotonic()
        problem(sso.api.post(None, "/v1/sso/sessions", begun), 401, "sso-refused")
        assert time.monotonic() - started < 0.9


def _admin_there(api: Api) -> str:
    """The only person of the other agency is made its admin."""
    from models.access import Role
    from models.user import User

    other = api.world.people["other"].actor
    api.world.system(lambda db: db.claim(User, other.id).change(db, roles=[Role.AGENCY_ADMIN]), "Lighthouse")
    return "other"
