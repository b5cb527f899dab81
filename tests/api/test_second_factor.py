"""The second factor: set up, asked for, used once, lost, and shown again for what matters most."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any
from uuid import UUID
from xml.etree import ElementTree as ET

import pytest
import sqlalchemy as sa

from models import factor, recovery
from models.access import BEFORE_FACTOR, GRANTS, STEP_UP, Permission
from models.agency import Agency, SecondFactor
from models.base import table_of
from models.factor import Factor
from models.factor_reset import FactorReset
from models.ledger.action import Action
from models.session import SignInSession
from models.workspace import Workspace
from tests.api.contract import done, good, problem
from tests.conftest import Api
from tests.factories import RECIPES, behind, code_of, enrolled, operations, stage
from tests.postgres import Urls
from tests.world import PASSWORD, PEOPLE, World

ANA = "ana@harbor.example"
CURRENT = "/v1/sessions/current/second-factor"
WRONG = "a lantern below the harbour wall"


def sign_in(api: Api, email: str = ANA, password: str = PASSWORD, **more: Any) -> Any:
    return api.post(None, "/v1/sessions", {"email": email, "password": password} | more)


def required(world: World) -> None:
    """Harbor asks everybody for a second factor, as every agency does that is no demo."""

    def work(db: Workspace) -> None:
        agency = db.claim(Agency, db.agency_id)
        agency.second_factor = SecondFactor.REQUIRED
        db.record(Action.AGENCY_UPDATED, agency)

    world.system(work)


class Person:
    """Somebody signed in over HTTP."""

    def __init__(self, api: Api, answer: Any) -> None:
        self.api, self.body = api, good(answer, 201)

    def __call__(self, method: str, path: str, body: Any = None, **more: Any) -> Any:
        headers = {"authorization": f"Bearer {self.body['access_token']}"} | more.pop("headers", {})
        return self.api(None, method, path, headers=headers, **({"json": body} if body is not None else {}), **more)

    def enrol(self) -> tuple[str, list[str]]:
        """Set a second factor up; its secret and the recovery codes."""
        secret = good(self("POST", "/v1/me/second-factor"), 201)["secret"]
        confirmed = self("PUT", "/v1/me/second-factor/confirmation", {"totp_code": code_of(secret)})
        return secret, good(confirmed)["recovery_codes"]


def aged(world: World, who: str, by: timedelta, agency: str = "Harbor") -> None:
    """As if so much time had gone by since the person showed her second factor."""

    def work(db: Workspace) -> None:
        for session in SignInSession.of(db, world.people[who].actor.id):
            row = db.claim(SignInSession, session.id)
            row.factor_at = row.factor_at - by if row.factor_at else None
            db.record(Action.SESSION_REFRESHED, row)

    world.system(work, agency)


def proven(api: Api, who: str = "ada", ago: timedelta = timedelta(0)) -> str:
    """A session of somebody's with a factor shown so long ago, used by `api` from now on; the factor's secret."""
    secret = enrolled(api.world, who)
    person = api.world.people[who].actor
    opened = api.world.system(lambda db: SignInSession.open(db, person.id, "totp"), PEOPLE[who][0])
    tokens = api.client.app.state.tokens
    api._tokens[who] = tokens.issue(person.agency_id, person.id, opened.session.id)
    if ago:
        aged(api.world, who, ago, PEOPLE[who][0])
    return secret


class TestEnrolment:
    def test_the_walk_from_nothing_to_work(self, api: Api) -> None:
        """Where one is needed a first sign-in opens nothing but the way to one; then everything."""
        required(api.world)
        ana = Person(api, sign_in(api))
        assert ana.body["second_factor_enrolment_required"] is True
        assert ana.body["device_token"] is None
        for path in ("/v1/caseload", "/v1/agency", "/v1/sessions"):
            problem(ana("GET", path), 403, "second-factor-enrolment-required")
        me = good(ana("GET", "/v1/me"))
        assert (me["second_factor_enrolled"], me["recovery_codes_left"]) == (False, 0)
        secret, codes = ana.enrol()
        assert good(ana("GET", "/v1/me"))["recovery_codes_left"] == len(set(codes)) == 10
        good(ana("GET", "/v1/caseload"))
        again = Person(api, sign_in(api, totp_code=code_of(secret, 1)))
        assert again.body["second_factor_enrolment_required"] is False
        assert again.body["device_token"].startswith("wpd_")
        good(again("GET", "/v1/caseload"))

    def test_the_picture_says_the_uri(self, api: Api) -> None:
        """An SVG without anything that runs or loads, a base32 secret of 160 bits, the address as its label."""
        begun = good(api.post("ana", "/v1/me/second-factor"), 201)
        uri = f"otpauth://totp/Waypost:ana%40harbor.example?secret={begun['secret']}&issuer=Waypost"
        assert begun["otpauth_uri"] == uri
        assert len(begun["secret"]) == 32
        drawn = ET.fromstring(begun["qr_svg"])  # noqa: S314 - our own
        assert {one.tag.rpartition("}")[2] for one in drawn.iter()} <= {"svg", "path"}
        assert not [name for one in drawn.iter() for name in one.attrib if name.startswith("on") or "href" in name]

    def test_a_wrong_code_confirms_nothing(self, api: Api) -> None:
        """Nor does one without a beginning; a new beginning voids the one before."""
        problem(_confirm(api, "000000"), 409, "no-enrolment")
        first = good(api.post("ana", "/v1/me/second-factor"), 201)["secret"]
        second = good(api.post("ana", "/v1/me/second-factor"), 201)["secret"]
        problem(_confirm(api, code_of(first)), 422, "invalid", "/totp_code")
        assert good(api.get("ana", "/v1/me"))["second_factor_enrolled"] is False
        good(_confirm(api, code_of(second)))
        problem(_confirm(api, code_of(second, 1)), 409, "no-enrolment")

    def test_the_secret_is_told_once(self, api: Api) -> None:
        """A repeated request tells it again until it is confirmed, and not after."""
        begun = good(api.post("ana", "/v1/me/second-factor", key="one"), 201)
        again = good(api.post("ana", "/v1/me/second-factor", key="one"), 201)
        assert again == begun
        good(_confirm(api, code_of(begun["secret"])))
        problem(api.post("ana", "/v1/me/second-factor", key="one"), 409, "no-enrolment")
        assert begun["secret"] not in api.get("ana", "/v1/me").text

    def test_confirming_ends_other_sessions_and_tells(self, api: Api) -> None:
        """Whoever was in before without it is out."""
        other = Person(api, sign_in(api))
        begun = good(api.post("ana", "/v1/me/second-factor"), 201)
        good(_confirm(api, code_of(begun["secret"])))
        problem(other("GET", "/v1/me"), 401, "session-ended")
        assert "factor_confirmed" in _told(api, "ana")

    def test_taking_it_away_needs_a_fresh_one(self, api: Api) -> None:
        """And where it is needed the session can then only enrol."""
        required(api.world)
        ana = Person(api, sign_in(api))
        ana.enrol()
        aged(api.world, "ana", timedelta(minutes=11))
        for method, path in (
            ("DELETE", "/v1/me/second-factor/confirmation"),
            ("POST", "/v1/me/second-factor"),
            ("POST", "/v1/me/recovery-codes"),
        ):
            problem(ana(method, path), 403, "step-up-required")
        aged(api.world, "ana", timedelta(minutes=-5))
        done(ana("DELETE", "/v1/me/second-factor/confirmation"))
        problem(ana("GET", "/v1/caseload"), 403, "second-factor-enrolment-required")
        problem(ana("DELETE", "/v1/me/second-factor/confirmation"), 409, "no-second-factor")

    def test_only_a_demo_does_without(self, api: Api) -> None:
        """An admin cannot leave it to each; a demo can, and when it stops, sessions without a factor can only enrol."""
        required(api.world)
        proven(api)
        problem(api.patch("ada", "/v1/agency", {"second_factor": "optional"}, if_match=2), 409, "second-factor-stays")

        def demo(db: Workspace) -> None:
            agency = db.claim(Agency, db.agency_id)
            agency.demo = True
            db.record(Action.AGENCY_UPDATED, agency)

        api.world.system(demo)
        version = good(api.get("ada", "/v1/agency"))["version"]
        good(api.patch("ada", "/v1/agency", {"second_factor": "optional"}, if_match=version))
        good(api.get("ana", "/v1/caseload"))
        good(api.patch("ada", "/v1/agency", {"second_factor": "required"}, if_match=version + 1))
        problem(api.get("ana", "/v1/caseload"), 403, "second-factor-enrolment-required")
        good(api.get("ada", "/v1/users"))

    def test_before_a_factor_little_works_whatever_the_role(self, api: Api) -> None:
        """One narrow set: oneself, the password, signing out, enrolling."""
        scene = stage(api)
        required(api.world)
        walked = [o for o in operations(api.client.app) if o.permission is not None]
        allowed = {o.name for o in walked if o.permission in BEFORE_FACTOR}
        assert allowed == {
            "GET /v1/me",
            "PUT /v1/me/password",
            "POST /v1/me/second-factor",
            "PUT /v1/me/second-factor/confirmation",
            "DELETE /v1/me/second-factor/confirmation",
            "POST /v1/me/recovery-codes",
            "DELETE /v1/sessions/current",
            "PUT /v1/sessions/current/second-factor",
        }
        for who in ("ana", "sol", "ada", "aud"):
            api._tokens.pop(who, None)  # opened before the agency asked for it
            for operation in walked:
                if operation.name not in allowed:
                    answer = scene.send(operation, who)
                    assert (answer.status_code, answer.json()["code"]) == (403, "second-factor-enrolment-required")


def _confirm(api: Api, code: str, who: str = "ana") -> Any:
    return api.put(who, "/v1/me/second-factor/confirmation", {"totp_code": code})


def _told(api: Api, who: str) -> list[str]:
    return [one["kind"] for one in good(api.get(who, "/v1/notices"))["data"]]


class TestSignIn:
    def test_asked_for_after_a_right_password_only(self, api: Api) -> None:
        """A wrong one gets the answer an address gets that nobody has, whatever code came with it."""
        secret = enrolled(api.world, "ana")
        problem(sign_in(api), 401, "second-factor-required")
        answers = [
            sign_in(api, "nobody@harbor.example", totp_code=code_of(secret)),
            sign_in(api, password=WRONG),
            sign_in(api, password=WRONG, totp_code=code_of(secret)),
        ]
        bodies = [problem(answer, 401, "invalid-credentials") for answer in answers]
        for body in bodies:
            del body["request_id"], body["instance"]
        assert bodies[0] == bodies[1] == bodies[2]
        Person(api, sign_in(api, totp_code=code_of(secret)))  # none of that used the code up

    def test_one_step_either_way_and_once(self, api: Api) -> None:
        """The half minute before, this one, the next one; a code works once, and an older one never after it."""
        secret = enrolled(api.world, "ana")  # which used up the step before
        problem(sign_in(api, totp_code=code_of(secret, -1)), 401, "second-factor-wrong")
        problem(sign_in(api, totp_code=code_of(secret, 2)), 401, "second-factor-wrong")
        good(sign_in(api, totp_code=code_of(secret, 1)), 201)
        problem(sign_in(api, totp_code=code_of(secret, 1)), 401, "second-factor-wrong")
        problem(sign_in(api, totp_code=code_of(secret)), 401, "second-factor-wrong")

    def test_twenty_uses_of_one_code_at_once(self, api: Api) -> None:
        """One gets in."""
        secret = enrolled(api.world, "ana")
        for shown in ({"totp_code": code_of(secret, 1)}, {"recovery_code": _codes(api)[0]}):
            with ThreadPoolExecutor(20) as pool:
                sent = [(api.at(f"198.51.{n}.7"), shown) for n in range(20)]
                answers = list(pool.map(lambda one: sign_in(one[0], **one[1]), sent))
            codes = sorted(answer.status_code for answer in answers)
            assert codes[0] == 201, [answer.text for answer in answers]
            assert 201 not in codes[1:]
            assert set(codes[1:]) <= {401, 429, 503}

    def test_a_recovery_code_works_once_and_is_told(self, api: Api) -> None:
        """However it is typed; the ledger says how she got in."""
        enrolled(api.world, "ana")
        code = _codes(api)[3]
        person = Person(api, sign_in(api, recovery_code=f" {code.upper().replace('-', ' ')} "))
        entry = api.world.entries()[-1]
        assert (entry["action"], entry["who"]["auth"]) == ("recovery_code.used", "password+recovery")
        assert "session.opened" in [also["action"] for also in entry["also"]]
        assert good(person("GET", "/v1/me"))["recovery_codes_left"] == 9
        problem(sign_in(api, recovery_code=code), 401, "second-factor-wrong")
        assert "recovery_code_used" in _told(api, "ana")

    def test_new_codes_void_the_old_ones(self, api: Api) -> None:
        """Ten of 120 bits each time, none of the old among them."""
        enrolled(api.world, "ana")
        old = _codes(api)
        person = Person(api, sign_in(api, recovery_code=old[0]))
        fresh = good(person("POST", "/v1/me/recovery-codes"), 201)["recovery_codes"]
        assert not {*old} & {*fresh}
        assert "recovery_codes_made" in _told(api, "ana")
        assert all(len(code.replace("-", "")) == 24 for code in fresh)
        problem(sign_in(api, recovery_code=old[1]), 401, "second-factor-wrong")
        good(sign_in(api, recovery_code=fresh[9]), 201)

    def test_anothers_codes_and_secret_are_worth_nothing(self, api: Api) -> None:
        """Ben's do not let Ana in."""
        enrolled(api.world, "ana")
        bens = enrolled(api.world, "ben")
        code = _codes(api, "ben")[0]
        problem(sign_in(api, totp_code=code_of(bens, 1)), 401, "second-factor-wrong")
        problem(sign_in(api, recovery_code=code), 401, "second-factor-wrong")

    def test_a_row_pointed_at_somebody_else_opens_nothing(self, api: Api, urls: Urls) -> None:
        """Who can write the database cannot give Ana a factor of his own, or a recovery code."""
        enrolled(api.world, "ana")
        bens = enrolled(api.world, "ben")
        code = _codes(api, "ben")[0]
        ana, ben = (api.world.people[who].actor.id for who in ("ana", "ben"))
        factors, codes = table_of(Factor), table_of(recovery.RecoveryCode)
        with behind(urls.superuser) as connection:
            connection.execute(sa.delete(factors).where(factors.c.user_id == ana))
            for table in (factors, codes):
                connection.execute(sa.update(table).where(table.c.user_id == ben).values(user_id=ana))
        problem(sign_in(api, totp_code=code_of(bens, 1)), 500, "sealed-data-damaged")
        problem(sign_in(api, recovery_code=code), 401, "second-factor-wrong")

    def test_nothing_of_it_is_written_down(self, api: Api, urls: Urls, capfd: pytest.CaptureFixture[str]) -> None:
        """Neither secret nor code stands in a table, the ledger or the log."""
        required(api.world)
        ana = Person(api, sign_in(api))
        secret, codes = ana.enrol()
        shown = code_of(secret, 1)
        token = Person(api, sign_in(api, totp_code=shown)).body["device_token"]
        sign_in(api, recovery_code=codes[0])
        with behind(urls.superuser) as connection:
            text = ""
            for name in sa.inspect(connection).get_table_names():
                text += str(connection.exec_driver_sql(f"select * from {name}").fetchall())
        said = text + "".join(capfd.readouterr()) + str(api.world.entries())
        for word in (secret, token, codes[0], codes[0].replace("-", ""), codes[5]):
            assert word not in said

    @pytest.mark.parametrize(
        "code", ["12345", "1234567", "12345a", "", "  123456", "\uff11\uff12\uff13\uff14\uff15\uff16", 123456]
    )
    def test_what_is_no_code_is_422(self, api: Api, code: Any) -> None:
        """Six digits, with a space in the middle if one likes."""
        problem(sign_in(api, totp_code=code), 422, "invalid", "/totp_code")


def _codes(api: Api, who: str = "ana") -> list[str]:
    return api.world.system(lambda db: recovery.renew(db, api.world.people[who].actor.id), PEOPLE[who][0])


class TestStepUp:
    def test_a_stale_session_changes_nothing_that_matters(self, api: Api) -> None:
        """Every operation of every permission on the list: refused after ten minutes, before anything else of it."""
        scene = stage(api)
        walked = [o for o in operations(api.client.app) if o.permission in STEP_UP]
        assert {o.permission for o in walked} == STEP_UP
        for operation in walked:
            who = next(
                w for w, (place, role) in PEOPLE.items() if place == "Harbor" and operation.permission in GRANTS[role]
            )
            proven(api, who, timedelta(minutes=10, seconds=1))
            problem(scene.send(operation, who), 403, "step-up-required")

    def test_within_ten_minutes_it_works(self, api: Api) -> None:
        """And reading goes on for as long as the session does."""
        ben = f"/v1/users/{api.world.people['ben'].actor.id}"
        proven(api, "ada", timedelta(minutes=9))
        good(api.put("ada", f"{ben}/suspension"))
        aged(api.world, "ada", timedelta(minutes=2))
        problem(api.delete("ada", f"{ben}/suspension"), 403, "step-up-required")
        good(api.get("ada", ben))

    def test_a_code_opens_it_again(self, api: Api) -> None:
        """With the tokens of a new session alone, which ends when the one before would have; those from before are worth
        nothing, so nobody who took them shares what she proved. The entry says that she showed it."""
        ben = f"/v1/users/{api.world.people['ben'].actor.id}"
        secret = proven(api, "ada", timedelta(minutes=11))
        problem(api.put("ada", f"{ben}/suspension"), 403, "step-up-required")
        before = next(s for s in good(api.get("ada", "/v1/sessions"))["data"] if s["current"])
        shown = good(_prove(api, totp_code=code_of(secret, 1)))
        entry = api.world.entries()[-1]
        assert "factor.proved" in (entry["action"], *(fact["action"] for fact in entry["also"]))
        problem(api.get("ada", "/v1/me"), 401, "session-ended")
        api._tokens["ada"] = shown["access_token"]
        good(api.put("ada", f"{ben}/suspension"))
        assert shown["session"]["expires_at"] == before["expires_at"]
        assert before["id"] not in {s["id"] for s in good(api.get("ada", "/v1/sessions"))["data"]}

    def test_a_wrong_code_is_a_failed_sign_in(self, api: Api) -> None:
        """Five, then a wait; whoever holds her screen guesses no faster than at the door."""
        secret = proven(api, "ada", timedelta(minutes=11))
        for _ in range(5):
            problem(_prove(api, totp_code="000000"), 403, "wrong-code")
        assert api.world.entries()[-1]["action"] == "session.refused"
        problem(_prove(api, totp_code=code_of(secret, 1)), 429, "rate-limited")

    def test_ten_wrong_codes_end_the_session(self, api: Api) -> None:
        """From wherever they come: at the third she is told, and after the tenth whoever holds her tokens has nothing."""
        secret = proven(api, "ada", timedelta(minutes=11))
        token, right = api.token("ada"), {code_of(secret, n) for n in range(-2, 3)}
        wrong = [code for code in (f"{n:06d}" for n in range(20)) if code not in right]
        headers = {"authorization": f"Bearer {token}"}
        for n in range(10):
            there = api.at(f"203.0.{n}.7")
            answer = there.put(None, CURRENT, {"totp_code": wrong[n]}, headers=headers)
            problem(answer, 403, "wrong-code")
        there = api.at("203.0.77.7")
        problem(there.put(None, CURRENT, {"totp_code": code_of(secret, 1)}, headers=headers), 401, "session-ended")
        assert _told(there, "ada").count("second_factor_wrong") == 1

    def test_what_was_right_is_not_counted(self, api: Api) -> None:
        """Nor what could not be tried: only wrong ones end a session."""
        headers = {"authorization": f"Bearer {api.token('ada')}"}
        for n in range(11):
            answer = api.at(f"203.0.{n}.7").put(None, CURRENT, {"totp_code": "000000"}, headers=headers)
            problem(answer, 409, "no-second-factor")
        good(api.get("ada", "/v1/me"))

    def test_one_proof_and_a_factor_to_prove(self, api: Api) -> None:
        """Neither none nor two; and 409 for somebody without a factor."""
        problem(_prove(api), 422, "invalid")
        problem(_prove(api, totp_code="000000", recovery_code="x"), 422, "invalid")
        problem(_prove(api, totp_code="000000"), 409, "no-second-factor")

    def test_refreshing_does_not_prove(self, api: Api) -> None:
        """New tokens for the same session: what was shown is as old as it was."""
        secret = enrolled(api.world, "ada")
        first = good(sign_in(api, "ada@harbor.example", totp_code=code_of(secret, 1)), 201)
        aged(api.world, "ada", timedelta(minutes=11))
        fresh = good(api.post(None, "/v1/sessions/refresh", {"refresh_token": first["refresh_token"]}))
        headers = {"authorization": f"Bearer {fresh['access_token']}"}
        ben = api.world.people["ben"].actor.id
        problem(api.put(None, f"/v1/users/{ben}/suspension", headers=headers), 403, "step-up-required")

    def test_the_role_comes_first(self, api: Api) -> None:
        """Who may not do a thing is not asked to prove herself for it."""
        proven(api, "ana", timedelta(minutes=11))
        problem(api.put("ana", f"/v1/users/{api.world.people['ben'].actor.id}/suspension"), 403, "forbidden")


def _prove(api: Api, who: str = "ada", **body: str) -> Any:
    return api.put(who, "/v1/sessions/current/second-factor", body)


class TestResets:
    def hire(self, api: Api, *names: str) -> None:
        """More admins for Harbor, signed in."""
        for name in names:
            version = good(api.get("ada", f"/v1/users/{api.world.people[name].actor.id}"))["version"]
            path = f"/v1/users/{api.world.people[name].actor.id}"
            good(api.patch("ada", path, {"roles": ["agency_admin"]}, if_match=version))

    def test_two_admins_and_she_is_told(self, api: Api) -> None:
        """Started by one, approved by another: factor and codes gone, sessions ended, told of both."""
        self.hire(api, "sol")
        ben = api.world.people["ben"].actor.id
        secret = enrolled(api.world, "ben")
        codes = _codes(api, "ben")
        person = Person(api, sign_in(api, "ben@harbor.example", totp_code=code_of(secret, 1)))
        reset = good(api.post("ada", f"/v1/users/{ben}/second-factor-reset"), 201)
        problem(api.post("sol", f"/v1/users/{ben}/second-factor-reset"), 409, "factor-reset-open")
        assert ["approval_asked" in _told(api, who) for who in ("sol", "ada")] == [True, False]
        assert good(api.get("sol", "/v1/second-factor-resets"))["data"] == [reset]
        problem(api.put("ada", f"/v1/second-factor-resets/{reset['id']}/approval"), 409, "own-factor-reset")
        good(person("GET", "/v1/me"))
        for _ in range(2):
            approved = good(api.put("sol", f"/v1/second-factor-resets/{reset['id']}/approval"))
            assert approved["approved_by_id"] == str(api.world.people["sol"].actor.id)
        problem(person("GET", "/v1/me"), 401, "session-ended")
        assert good(api.get("sol", "/v1/second-factor-resets"))["data"] == []
        assert len(good(api.get("sol", "/v1/second-factor-resets?closed_too=true"))["data"]) == 1
        good(sign_in(api, "ben@harbor.example"), 201)
        assert not api.world.system(lambda db: recovery.is_unused(db, ben, codes[1]))
        assert {"factor_reset_started", "factor_reset"} <= {*_told(api, "ben")}
        assert "approval_asked" not in _told(api, "ben")
        actions = [entry["action"] for entry in api.world.entries()]
        assert "factor_reset.started" in actions
        assert "factor_reset.approved" in actions

    def test_nobody_for_herself(self, api: Api) -> None:
        """Neither to start nor to approve; and not for somebody who has none."""
        self.hire(api, "sol")
        ada, sol, ben = (api.world.people[who].actor.id for who in ("ada", "sol", "ben"))
        problem(api.post("ada", f"/v1/users/{ben}/second-factor-reset"), 409, "no-second-factor")
        proven(api, "ada")
        proven(api, "sol")
        problem(api.post("ada", f"/v1/users/{ada}/second-factor-reset"), 409, "own-factor-reset")
        reset = good(api.post("ada", f"/v1/users/{sol}/second-factor-reset"), 201)["id"]
        problem(api.put("sol", f"/v1/second-factor-resets/{reset}/approval"), 409, "own-factor-reset")

    @pytest.mark.parametrize("how", ["suspended", "demoted"])
    def test_whoever_started_it_still_stands_by_it(self, api: Api, how: str) -> None:
        """Suspended, or no admin any more, she is no first of two; a colleague starts it anew."""
        self.hire(api, "sol", "ana")
        ben, sol = (api.world.people[who].actor.id for who in ("ben", "sol"))
        enrolled(api.world, "ben")
        reset = good(api.post("sol", f"/v1/users/{ben}/second-factor-reset"), 201)["id"]
        if how == "suspended":
            good(api.put("ada", f"/v1/users/{sol}/suspension"))
        else:
            version = good(api.get("ada", f"/v1/users/{sol}"))["version"]
            good(api.patch("ada", f"/v1/users/{sol}", {"roles": ["supervisor"]}, if_match=version))
        problem(api.put("ada", f"/v1/second-factor-resets/{reset}/approval"), 409, "factor-reset-closed")
        done(api.delete("ada", f"/v1/second-factor-resets/{reset}"))
        again = good(api.post("ana", f"/v1/users/{ben}/second-factor-reset"), 201)["id"]
        good(api.put("ada", f"/v1/second-factor-resets/{again}/approval"))

    def test_she_stops_it_herself(self, api: Api) -> None:
        """It was not she who asked; a colleague cannot, and does not learn of it."""
        self.hire(api, "sol")
        ben = api.world.people["ben"].actor.id
        enrolled(api.world, "ben")
        reset = good(api.post("ada", f"/v1/users/{ben}/second-factor-reset"), 201)["id"]
        problem(api.delete("ana", f"/v1/second-factor-resets/{reset}"), 404, "not-found")
        for _ in range(2):
            done(api.delete("ben", f"/v1/second-factor-resets/{reset}"))
        problem(api.put("sol", f"/v1/second-factor-resets/{reset}/approval"), 409, "factor-reset-closed")
        good(api.post("ada", f"/v1/users/{ben}/second-factor-reset"), 201)

    def test_a_new_factor_ends_it(self, api: Api) -> None:
        """She found her phone, or set up another: a reset asked for before takes nothing away."""
        self.hire(api, "sol")
        ben = api.world.people["ben"].actor.id
        proven(api, "ben")
        reset = good(api.post("ada", f"/v1/users/{ben}/second-factor-reset"), 201)["id"]
        secret = good(api.post("ben", "/v1/me/second-factor"), 201)["secret"]
        good(_confirm(api, code_of(secret), "ben"))
        problem(api.put("sol", f"/v1/second-factor-resets/{reset}/approval"), 409, "factor-reset-closed")

    def test_a_day_and_it_is_over(self, api: Api) -> None:
        """A forgotten reset approves nothing."""
        self.hire(api, "sol")
        ben = api.world.people["ben"].actor.id
        enrolled(api.world, "ben")
        reset = good(api.post("ada", f"/v1/users/{ben}/second-factor-reset"), 201)["id"]

        def older(db: Workspace) -> None:
            row = db.claim(FactorReset, UUID(reset))
            row.expires_at -= timedelta(hours=24)
            db.record(Action.FACTOR_RESET_STARTED, row)

        api.world.system(older)
        problem(api.put("sol", f"/v1/second-factor-resets/{reset}/approval"), 409, "factor-reset-closed")
        assert api.world.system(lambda db: factor.is_enrolled(db, ben))

    def test_other_agencies_do_not_exist(self, api: Api) -> None:
        """A stranger's person and reset are the same 404 as nobody's."""
        stranger = api.world.people["other"].actor.id
        problem(api.post("ada", f"/v1/users/{stranger}/second-factor-reset"), 404, "not-found")
        assert Permission.FACTOR_RESET in STEP_UP
        assert "POST /v1/users/{user_id}/second-factor-reset" in RECIPES


class TestSessions:
    def test_the_list_says_which_network(self, api: Api) -> None:
        """Enough for "that was not me": kind of device, /24, and when a factor was shown."""
        good(sign_in(api.at("192.0.2.77")), 201)
        shown = good(api.get("ana", "/v1/sessions"))["data"]
        assert [one["network"] for one in shown if not one["current"]] == ["192.0.2.0/24"]
        assert all(one["factor_at"] is None for one in shown)

    def test_reuse_of_a_refresh_token_is_told(self, api: Api) -> None:
        """The session ends, and its owner hears of it."""
        first = good(sign_in(api), 201)
        good(api.post(None, "/v1/sessions/refresh", {"refresh_token": first["refresh_token"]}))

        def older(db: Workspace) -> None:
            row = db.claim(SignInSession, UUID(first["session"]["id"]))
            row.last_used_at -= timedelta(seconds=11)
            db.record(Action.SESSION_REFRESHED, row)

        api.world.system(older)
        problem(api.post(None, "/v1/sessions/refresh", {"refresh_token": first["refresh_token"]}), 401, "session-ended")
        assert "session_stolen" in _told(api, "ana")
