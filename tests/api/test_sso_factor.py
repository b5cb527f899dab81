"""Whoever comes in by a provider whose word is no second factor, and has one here: she shows it, and nothing before."""

import threading
import time
from typing import Any
from uuid import UUID

import pytest

from models import factor, recovery
from models.access import BEFORE_FACTOR, BEFORE_OWN_PASSWORD
from models.workspace import Workspace
from tests import oidc
from tests.api.contract import done, good, problem
from tests.api.test_second_factor import Person, required
from tests.api.test_sso import PROVIDER, Sso
from tests.conftest import Api
from tests.factories import code_of, enrolled, operations, stage
from tests.oidc import Provider

FACTOR = "/v1/me/second-factor"
CHANGES = (
    ("POST", FACTOR, None),
    ("PUT", f"{FACTOR}/confirmation", {"totp_code": "000000"}),
    ("DELETE", f"{FACTOR}/confirmation", None),
    ("POST", "/v1/me/recovery-codes", None),
)


@pytest.fixture
def provider() -> Provider:
    """A provider whose word stands for a second factor when it says `mfa`."""
    return oidc.serve()


@pytest.fixture
def sso(api: Api, provider: Provider) -> Sso:
    """Harbor with it, and ana linked; no session of hers from before."""
    made = Sso(api, provider, factor_values=["mfa"])
    made.link("ana")
    return made


def came_in(sso: Sso) -> Person:
    """Ana, by the provider alone."""
    return Person(sso.api, sso.sign_in())


def prove(person: Person, **body: str) -> Any:
    return person("PUT", "/v1/sessions/current/second-factor", body)


def test_she_may_show_it_and_change_nothing_of_it(sso: Sso) -> None:
    """Neither set up another, confirm, remove nor make recovery codes; the one she has goes on working."""
    required(sso.api.world)
    secret = enrolled(sso.api.world, "ana")
    ana = came_in(sso)
    assert ana.body["second_factor_enrolment_required"] is True
    for method, path, body in CHANGES:
        problem(ana(method, path, body), 403, "step-up-required")
    shown = good(prove(ana, totp_code=code_of(secret, 1)))
    problem(ana("GET", "/v1/me"), 401, "session-ended")
    ana.body = shown
    assert shown["second_factor_enrolment_required"] is False
    good(ana("GET", "/v1/caseload"))
    assert sso.api.world.entries()[-1]["who"]["auth"] == "sso+totp"
    good(ana("POST", "/v1/me/recovery-codes"), 201)
    good(ana("POST", FACTOR), 201)
    done(ana("DELETE", f"{FACTOR}/confirmation"))
    problem(ana("GET", "/v1/caseload"), 403, "second-factor-enrolment-required")


@pytest.mark.parametrize("policy", ["required", "optional"])
def test_she_reaches_nothing_before_she_has_shown_it(sso: Sso, policy: str) -> None:
    """No operation but those for oneself; in a demo, which asks nobody for one, whoever has one shows it too."""
    scene = stage(sso.api)
    if policy == "required":
        required(sso.api.world)
    enrolled(sso.api.world, "ana")
    sso.api._tokens["ana"] = came_in(sso).body["access_token"]
    walked = [o for o in operations(sso.api.client.app) if o.permission is not None]
    assert BEFORE_OWN_PASSWORD < BEFORE_FACTOR
    for operation in walked:
        if operation.permission not in BEFORE_FACTOR:
            problem(scene.send(operation, "ana"), 403, "second-factor-enrolment-required")


def test_a_wrong_code_shows_nothing(sso: Sso) -> None:
    """And five of them are slowed down."""
    required(sso.api.world)
    secret = enrolled(sso.api.world, "ana")
    ana = came_in(sso)
    for _ in range(5):
        problem(prove(ana, totp_code="000000"), 403, "wrong-code")
    problem(prove(ana, totp_code=code_of(secret, 1)), 429, "rate-limited")
    problem(ana("GET", "/v1/caseload"), 403, "second-factor-enrolment-required")


def test_a_recovery_code_shows_it_too(sso: Sso) -> None:
    """She lost her phone, and the provider let her in."""
    required(sso.api.world)
    enrolled(sso.api.world, "ana")
    codes = sso.api.world.system(lambda db: recovery.renew(db, sso.api.world.people["ana"].actor.id))
    ana = came_in(sso)
    ana.body = good(prove(ana, recovery_code=codes[0]))
    good(ana("POST", FACTOR), 201)


def test_without_a_factor_she_sets_one_up(sso: Sso) -> None:
    """The first one needs nothing shown: there is none. The session says how it came about."""
    required(sso.api.world)
    ana = came_in(sso)
    problem(ana("GET", "/v1/caseload"), 403, "second-factor-enrolment-required")
    ana.enrol()
    good(ana("GET", "/v1/caseload"))
    assert sso.api.world.entries()[-1]["who"]["auth"] == "sso+totp"


def test_the_providers_factor_is_one(sso: Sso, provider: Provider) -> None:
    """Where the agency says so, she changes hers with it, within ten minutes."""
    required(sso.api.world)
    enrolled(sso.api.world, "ana")
    provider.alter = {"amr": ["mfa"]}
    ana = came_in(sso)
    assert sso.api.world.entries()[-1]["who"]["auth"] == "sso+factor"
    good(ana("GET", "/v1/caseload"))
    good(ana("POST", FACTOR), 201)


@pytest.mark.parametrize("said", ["hours ago", "nothing"])
def test_the_providers_factor_is_as_old_as_the_provider_says(sso: Sso, provider: Provider, said: str) -> None:
    """It is asked to look again after ten minutes. Its word for a factor shown hours ago, or nobody knows when, opens a
    session: what asks for a fresh one does not take it, and hers from here is as good as ever."""
    required(sso.api.world)
    assert "max_age=600" in sso.begin()["authorization_url"]
    secret = enrolled(sso.api.world, "ana")
    provider.alter = {"amr": ["mfa"]} | ({"auth_time": int(time.time()) - 11 * 3600} if said == "hours ago" else {})
    provider.drop = ("auth_time",) if said == "nothing" else ()
    ana = came_in(sso)
    good(ana("GET", "/v1/caseload"))
    problem(ana("POST", FACTOR), 403, "step-up-required")
    ana.body = good(prove(ana, totp_code=code_of(secret, 1)))
    good(ana("POST", FACTOR), 201)


@pytest.mark.parametrize("auth_time", ["now", True, 1.5, 10**11])
def test_an_odd_time_is_no_fresh_factor(sso: Sso, provider: Provider, auth_time: Any) -> None:
    """A session at most, and nothing that asks for a fresh factor."""
    enrolled(sso.api.world, "ana")
    provider.alter = {"amr": ["mfa"], "auth_time": auth_time}
    answer = sso.sign_in()
    if answer.status_code == 201:
        problem(Person(sso.api, answer)("POST", FACTOR), 403, "step-up-required")
    else:
        problem(answer, 401, "sso-refused")


def test_whoever_showed_it_came_in_by_the_provider_all_the_same(api: Api, provider: Provider) -> None:
    """So she may switch passwords off."""
    sso = Sso(api, provider)
    sso.link("ada")
    secret = enrolled(api.world, "ada")
    ada = came_in(sso)
    ada.body = good(prove(ada, totp_code=code_of(secret, 1)))
    assert good(ada("PUT", f"{PROVIDER}/requirement"))["local_sign_in"] is False


def test_a_factor_confirmed_meanwhile_is_not_taken_away(sso: Sso, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two sessions without one: the second asks to remove, and while it looks the first confirms. A confirmation that
    was answered stands."""
    required(sso.api.world)
    first, second = came_in(sso), came_in(sso)
    secret = good(first("POST", FACTOR), 201)["secret"]
    looked, confirmed = threading.Event(), threading.Event()
    ana, look = sso.api.world.people["ana"].actor.id, factor.is_enrolled

    def slowly(db: Workspace, user_id: UUID) -> bool:
        """For the second session time goes by between looking and removing."""
        found = look(db, user_id)
        if str(db.actor.session_id) == second.body["session"]["id"]:
            looked.set()
            confirmed.wait(1)
        return found

    monkeypatch.setattr(factor, "is_enrolled", slowly)
    removing = threading.Thread(target=lambda: second("DELETE", f"{FACTOR}/confirmation"))
    removing.start()
    assert looked.wait(10)
    answer = first("PUT", f"{FACTOR}/confirmation", {"totp_code": code_of(secret)})
    confirmed.set()
    removing.join(20)
    assert sso.api.world.system(lambda db: look(db, ana)) == (answer.status_code == 200)
