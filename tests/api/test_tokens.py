"""Access tokens: whatever is not exactly ours and valid now is refused with 401, never with a 5xx."""

import base64
import hashlib
import hmac
import json
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
import sqlalchemy as sa
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from jose import jwt

from api import log
from api.passwords import HASHES
from api.tokens import AUDIENCE, ISSUER
from models.base import table_of
from models.ledger.action import Action
from models.session import SignInSession
from models.user import User
from models.workspace import Workspace
from tests.api.contract import client, good, problem
from tests.conftest import Api
from tests.factories import behind
from tests.postgres import Urls
from tests.world import PASSWORD

FORMS = (serialization.Encoding.DER, serialization.Encoding.PEM)


def b64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


class Forge:
    """Makes tokens by hand, with the service's own key unless told otherwise."""

    def __init__(self, api: Api) -> None:
        ours = api.token("ana")
        self.api = api
        self.header = {"alg": "HS256"} | jwt.get_unverified_header(ours)
        self.claims: dict[str, Any] = jwt.get_unverified_claims(ours)
        service = api.world.database.vault.service
        self.key = service.token_keys[service.token_kid]
        self.ours = ours

    def __call__(self, header: Any = None, claims: Any = None, *, drop: str = "", key: Any = None) -> str:
        said = {n: v for n, v in (self.claims | (claims or {})).items() if n != drop}
        head = {n: v for n, v in (self.header | (header or {})).items() if n != drop}
        return self.signed(json.dumps(head).encode(), json.dumps(said).encode(), key)

    def signed(self, header: bytes, claims: bytes, key: Any = None) -> str:
        text = f"{b64(header)}.{b64(claims)}"
        secret = self.key if key is None else key
        return f"{text}.{b64(hmac.new(secret, text.encode(), hashlib.sha256).digest())}"

    def shown(self, token: str | bytes) -> Any:
        raw = token if isinstance(token, bytes) else token.encode("latin-1")
        return self.api.get(None, "/v1/me", headers={"authorization": b"Bearer " + raw})


@pytest.fixture
def forge(api: Api) -> Forge:
    """A forger who even holds the key."""
    return Forge(api)


class TestForms:
    def test_a_hand_made_copy_of_ours_is_ours(self, forge: Forge):
        """The forger's tools work: what follows is refused for its own fault."""
        good(forge.shown(forge()))

    def test_one_algorithm(self, forge: Forge):
        """No other, and not none: signed, unsigned, or with an empty signature."""
        for alg in ("none", "None", "NONE", "HS384", "HS512", "RS256", "ES256", "", None, ["HS256"], 1, {}):
            token = forge({"alg": alg})
            for sent in (token, token.rsplit(".", 1)[0] + ".", token.rsplit(".", 1)[0]):
                problem(forge.shown(sent), 401, "unauthenticated")

    @pytest.mark.parametrize("claim", ["iss", "aud", "sub", "sid", "agency", "jti", "iat", "nbf", "exp"])
    def test_every_claim_is_required_and_typed(self, forge: Forge, claim: str):
        """Left out, or of another kind: no error of a library comes through."""
        for value in ("missing", None, [], {}, "x", 1e999, True, 1.5, "\u0000", [[]], [claim], 10**40):
            token = forge(drop=claim) if value == "missing" else forge(claims={claim: value})
            if claim == "jti" and value in ("x", "\u0000"):
                good(forge.shown(token))  # any text names a token
            else:
                answer = forge.shown(token)
                assert answer.status_code == 401, (value, answer.text[:300])
                problem(answer, 401, answer.json()["code"])

    def test_claims_of_others(self, forge: Forge):
        """Another issuer, audience, agency, person, session; too early, too late; one claim too many."""
        now = int(time.time())
        other = forge.api.world.people["other"].actor
        for claims in (
            {"iss": "someone"},
            {"iss": [ISSUER]},
            {"aud": "waypost:integration"},
            {"aud": ["x"]},
            {"exp": now + 3600},
            {"iat": now - 3600},
            {"aud": f"{AUDIENCE} "},
            {"agency": str(other.agency_id)},
            {"sub": str(other.id)},
            {"sub": str(forge.api.world.people["ada"].actor.id)},
            {"sid": str(uuid4())},
            {"nbf": now + 3600},
            {"exp": now - 1},
            {"exp": 0},
            {"role": "agency_admin"},
            {"admin": True},
        ):
            answer = forge.shown(forge(claims=claims))
            assert answer.status_code == 401, claims

    def test_the_type_is_exact(self, forge: Forge):
        """A token of another kind is no access token."""
        for typ in ("JWT", "at+JWT", "", None, ["at+jwt"]):
            problem(forge.shown(forge({"typ": typ})), 401, "unauthenticated")
        problem(forge.shown(forge(drop="typ")), 401, "unauthenticated")

    def test_the_key_is_named_exactly(self, forge: Forge):
        """A key id is a name in a table of ours, never a path or a query."""
        odd = ["", "unknown", "../../dev/null", "/dev/null", "a' OR '1'='1", [], ["x"], {}, None, 0, True, "\u0000"]
        for kid in (*odd, "k" * 3000, [forge.header["kid"]], f"{forge.header['kid']} "):
            problem(forge.shown(forge({"kid": kid})), 401, "unauthenticated")
        problem(forge.shown(forge(drop="kid")), 401, "unauthenticated")

    def test_only_our_key(self, forge: Forge):
        """An empty key, a public one, the key id itself."""
        pem = b"-----BEGIN PUBLIC KEY-----\nMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE\n-----END PUBLIC KEY-----\n"
        for key in (b"", b"secret", pem, forge.header["kid"].encode(), b"\x00" * 32):
            problem(forge.shown(forge(key=key)), 401, "unauthenticated")

    def test_no_header_that_asks_for_more(self, forge: Forge):
        """Headers that would choose a key or change the meaning are refused, signed as they may be."""
        for extra in (
            {"crit": ["exp"]},
            {"crit": []},
            {"b64": False},
            {"jku": "https://evil.example/keys"},
            {"jwk": {"kty": "oct", "k": "AAAA"}},
            {"x5u": "https://evil.example/cert"},
            {"x5c": ["AAAA"]},
            {"x5t": "AAAA"},
            {"zip": "DEF"},
            {"cty": "JWT"},
            {"enc": "A128GCM"},
        ):
            problem(forge.shown(forge(extra)), 401, "unauthenticated")

    def test_nesting_numbers_and_twins(self, forge: Forge):
        """Deep, endless, double and broken JSON in either part."""
        claims = json.dumps(forge.claims).encode()
        header = json.dumps(forge.header).encode()
        deep = b'{"a":' * 200 + b"1" + b"}" * 200
        nested = b"[" * 650 + b"]" * 650  # 1.3 KB
        infinite = claims.replace(str(forge.claims["exp"]).encode(), b"1e999")
        endless = claims.replace(str(forge.claims["exp"]).encode(), b"9" * 400)
        for head, said in (
            (nested, claims),
            (deep, claims),
            (header, nested),
            (header, deep),
            (header, infinite),
            (header, endless),
            (b"null", claims),
            (b"[]", claims),
            (b"\xff\xfe", claims),
            (b"", claims),
            (header, b""),
            (header, b"null"),
            (header, b'"text"'),
            (header, b"{"),
            (header, claims.decode().encode("utf-16")),
            (b"\xef\xbb\xbf" + header, claims),
            (header, b"NaN"),
        ):
            problem(forge.shown(forge.signed(head, said)), 401, "unauthenticated")

    def test_the_form_is_canonical(self, forge: Forge):
        """Three parts of unpadded base64url, at most 4 KiB, with nothing around."""
        one, two, three = forge.ours.split(".")
        last = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_".index(three[-1])
        twin = three[:-1] + "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"[last ^ 1]
        for sent in (
            "",
            ".",
            "..",
            "...",
            one,
            f"{one}.{two}",
            f"{one}.{two}.{three}.{three}",
            f"{one}.{two}.{three}.",
            f".{one}.{two}.{three}",
            f"{one}.{two}.{three}=",
            f"{one}==.{two}.{three}",
            f"{one}.{two}.{twin}",
            f"{one}.{two}.{three[:-1]}",
            f"{one}.{two}.{three}A",
            f"{one}. {two}.{three}",
            f"{one}\n.{two}.{three}",
            f"{one}.{two}.{three.replace('-', '+').replace('_', '/')}/",
            f"{one}.{two}.\u00e9{three}",
            f"{one}.{two}.\x00{three}",
            forge(claims={"jti": "j" * 4096}),
            "A" * 100_000,
        ):
            answer = forge.shown(sent)
            assert answer.status_code == 401, (sent[:40], answer.status_code)

    def test_one_scheme(self, forge: Forge):
        """Only `Authorization: Bearer <token>`."""
        for scheme in (
            "Basic {}",
            "bearer{}",
            "{}",
            "Token {}",
            "Bearer",
            "Bearer ",
            " {}",
            "Bearer {0} {0}",
            "Bearer {0},{0}",
        ):
            headers = {"authorization": scheme.format(forge.ours)}
            problem(forge.api.get(None, "/v1/me", headers=headers), 401, "unauthenticated")

    def test_two_headers_are_not_one(self, forge: Forge):
        """Two Authorization headers are nobody in particular."""
        headers = [("authorization", f"Bearer {forge.ours}"), ("authorization", f"Bearer {forge.ours}")]
        problem(forge.api.client.get("/v1/me", headers=headers), 401, "unauthenticated")

    def test_not_in_the_address(self, forge: Forge):
        """A token in a query ends up in logs, so it counts for nothing there."""
        problem(forge.api.get(None, f"/v1/me?access_token={forge.ours}"), 401, "unauthenticated")

    def test_a_refresh_token_is_no_access_token(self, forge: Forge):
        """They are of different kinds."""
        body = {"email": "ana@harbor.example", "password": PASSWORD}
        refresh = forge.api.post(None, "/v1/sessions", body).json()["refresh_token"]
        problem(forge.shown(refresh), 401, "unauthenticated")


class TestLife:
    def test_holds_no_word_about_anybody(self, forge: Forge):
        """No role, no name, no address: what a token could tell a finder."""
        assert set(forge.claims) == {"iss", "aud", "sub", "sid", "agency", "jti", "iat", "nbf", "exp"}
        assert set(forge.header) == {"alg", "typ", "kid"}
        assert forge.claims["exp"] - forge.claims["iat"] == 600
        assert "ana" not in json.dumps(forge.claims)

    def test_expires(self, forge: Forge, monkeypatch: pytest.MonkeyPatch):
        """After ten minutes it is refused, although it was verified before."""
        good(forge.shown(forge.ours))
        later = time.time() + 601
        monkeypatch.setattr("api.tokens.time.time", lambda: later)
        problem(forge.shown(forge.ours), 401, "token-expired")

    def test_todays_rights_not_those_of_the_token(self, forge: Forge):
        """Sign-out, suspension and a new role act on the next request with the old token."""
        api = forge.api
        made = client(api)["id"]
        user = f"/v1/users/{api.world.people['ana'].actor.id}"
        headers = {"authorization": f"Bearer {forge.ours}"}
        good(api.get(None, f"/v1/clients/{made}", headers=headers))
        problem(api.get(None, "/v1/audit-events", headers=headers), 403, "forbidden")
        good(api.patch("ada", user, {"roles": ["auditor"]}, if_match=1))
        good(api.get(None, "/v1/audit-events", headers=headers))
        problem(api.get(None, f"/v1/clients/{made}", headers=headers), 403, "forbidden")
        good(api.put("ada", f"{user}/suspension"))
        problem(api.get(None, "/v1/audit-events", headers=headers), 401, "session-ended")
        bens = {"authorization": f"Bearer {api.token('ben')}"}
        good(api.get(None, "/v1/me", headers=bens))
        api.delete(None, "/v1/sessions/current", headers=bens)
        problem(api.get(None, "/v1/me", headers=bens), 401, "session-ended")


class TestMoreForgery:
    def test_attack_68_a_public_key_is_no_secret(self, forge: Forge):
        """RS256 and ES256 tokens, and HS256 ones signed with a public key in DER or PEM, as if we had published one."""
        for private in (rsa.generate_private_key(65537, 2048), ec.generate_private_key(ec.SECP256R1())):
            shape = serialization.PublicFormat.SubjectPublicKeyInfo
            public = [private.public_key().public_bytes(form, shape) for form in FORMS]
            for key in public:
                problem(forge.shown(forge(key=key)), 401, "unauthenticated")
                problem(forge.shown(forge({"kid": b64(key)[:40]}, key=key)), 401, "unauthenticated")
                problem(forge.shown(forge({"jwk": {"kty": "oct", "k": b64(key)}}, key=key)), 401, "unauthenticated")
            pem = private.private_bytes(
                FORMS[1], serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            ).decode()
            algorithm = "RS256" if isinstance(private, rsa.RSAPrivateKey) else "ES256"
            signed = jwt.encode(forge.claims, pem, algorithm, headers={"typ": "at+jwt", "kid": forge.header["kid"]})
            problem(forge.shown(signed), 401, "unauthenticated")

    def test_attack_68_of_another_agency(self, forge: Forge):
        """A good token of Lighthouse's, with Harbor's agency, person or session put into its claims."""
        strangers = jwt.get_unverified_claims(forge.api.token("other"))
        for swapped in ({"agency"}, {"sub"}, {"sid"}, {"agency", "sub"}, {"agency", "sid"}, {"sub", "sid"}):
            claims = strangers | {name: forge.claims[name] for name in swapped}
            assert forge.shown(forge(claims=claims)).status_code == 401, swapped
        good(forge.shown(forge(claims=strangers)))

    def test_attack_68_a_retired_key_and_the_next_one(self, forge: Forge):
        """What a key signed that is not in the file any more is refused, although it was verified before."""
        service = forge.api.world.database.vault.service
        good(forge.shown(forge.ours))
        unknown = {**service._table.token_keys}
        unknown.pop(service.token_kid)
        table = service._table
        try:
            service._table = replace(table, token_keys=unknown)
            problem(forge.shown(forge.ours), 401, "unauthenticated")
        finally:
            service._table = table
        good(forge.shown(forge.ours))

    def test_attack_68_twenty_refreshes_at_once_are_one_family(self, forge: Forge):
        """One successor for everybody within the grace: the token works once, and a lost answer is the same one."""
        api = forge.api
        body = good(api.post(None, "/v1/sessions", {"email": "ana@harbor.example", "password": PASSWORD}), 201)
        sent = {"refresh_token": body["refresh_token"]}
        with ThreadPoolExecutor(20) as pool:
            answers = list(pool.map(lambda _: api.post(None, "/v1/sessions/refresh", sent), range(20)))
        assert {answer.status_code for answer in answers} == {200}
        assert len({answer.json()["refresh_token"] for answer in answers}) == 1
        session_id = UUID(body["session"]["id"])
        assert api.world.system(lambda db: db.find(SignInSession, session_id).generation) == 2

    def test_attack_68_twenty_late_reuses_at_once_end_it(self, forge: Forge):
        """After the grace the family ends for whoever holds a token of it, once."""
        api = forge.api
        body = good(api.post(None, "/v1/sessions", {"email": "ana@harbor.example", "password": PASSWORD}), 201)
        sent = {"refresh_token": body["refresh_token"]}
        fresh = good(api.post(None, "/v1/sessions/refresh", sent))

        def older(db: Workspace) -> None:
            row = db.claim(SignInSession, UUID(body["session"]["id"]))
            row.last_used_at -= timedelta(seconds=11)
            db.record(Action.SESSION_REFRESHED, row)

        api.world.system(older)
        with ThreadPoolExecutor(20) as pool:
            answers = list(pool.map(lambda _: api.post(None, "/v1/sessions/refresh", sent), range(20)))
        assert {answer.status_code for answer in answers} == {401}
        ended = [e for e in api.world.entries() if e["action"] == "session.family_revoked"]
        assert len(ended) == 1
        problem(forge.shown(fresh["access_token"]), 401, "session-ended")
        again = api.post(None, "/v1/sessions/refresh", {"refresh_token": fresh["refresh_token"]})
        problem(again, 401, "session-ended")

    def test_attack_68_no_token_is_logged(self, forge: Forge, capfd: pytest.CaptureFixture[str]):
        """Good, forged, in a header or an address: not in the log, the ledger, or an answer."""
        log.configure("DEBUG")  # onto the standard error that capfd reads
        api = forge.api
        forged = forge({"alg": "none"})
        body = good(api.post(None, "/v1/sessions", {"email": "ana@harbor.example", "password": PASSWORD}), 201)
        answers = [forge.shown(body["access_token"]), forge.shown(forged), api.get(None, f"/v1/me?token={forged}")]
        answers += [api.post(None, "/v1/sessions/refresh", {"refresh_token": f"wpr_{forged[:80]}"})]
        said = "".join(capfd.readouterr()) + str(api.world.entries()) + "".join(answer.text for answer in answers)
        assert '"route"' in said
        for token in (body["access_token"], body["refresh_token"], forged, forge.ours):
            assert token[-30:] not in said


class TestPasswordHashes:
    def test_attack_68_one_persons_hash_is_nobody_elses(self, api: Api, urls: Urls):
        """Who can write the database copies her own hash onto Ana's row, and signs in as nobody."""
        users = table_of(User)
        ana, ben = (api.world.people[who].actor.id for who in ("ana", "ben"))
        with behind(urls.superuser) as connection:
            bens = connection.execute(sa.select(users.c.password_hash).where(users.c.id == ben)).scalar_one()
            connection.execute(sa.update(users).where(users.c.id == ana).values(password_hash=bens))
        sent = {"email": "ana@harbor.example", "password": PASSWORD}
        problem(api.post(None, "/v1/sessions", sent), 401, "invalid-credentials")
        good(api.post(None, "/v1/sessions", sent | {"email": "ben@harbor.example"}), 201)

    def test_a_hash_from_before_verifies_and_is_made_anew(self, api: Api):
        """At her next sign-in it says whose it is."""
        passwords, ana = api.client.app.state.passwords, api.world.people["ana"].actor.id
        service = api.world.database.vault.service
        old = f"p{service.pepper}:{HASHES.hash(service.peppered(PASSWORD, service.pepper))}"
        assert passwords.outdated(old)

        def give_back(db: Workspace) -> None:
            db.claim(User, ana).set_password(db, old)

        api.world.system(give_back)
        good(api.post(None, "/v1/sessions", {"email": "ana@harbor.example", "password": PASSWORD}), 201)
        kept = api.world.system(lambda db: db.find(User, ana).password_hash)
        assert kept.startswith(f"p{service.pepper}u:")
        assert not passwords.outdated(kept)


def test_attack_68_sign_out_suspension_and_a_new_role_end_what_a_token_could(forge: Forge):
    """The same token again after each: refused at once, or with today's rights, never yesterday's."""
    api, headers = forge.api, {"authorization": f"Bearer {forge.ours}"}
    user = f"/v1/users/{api.world.people['ana'].actor.id}"
    good(api.get(None, "/v1/caseload", headers=headers))
    good(api.patch("ada", user, {"roles": ["auditor"]}, if_match=1))
    problem(api.get(None, "/v1/caseload", headers=headers), 403, "forbidden")
    good(api.put("ada", f"{user}/suspension"))
    problem(api.get(None, "/v1/me", headers=headers), 401, "session-ended")
    good(api.delete("ada", f"{user}/suspension"))
    problem(api.get(None, "/v1/me", headers=headers), 401, "session-ended")
