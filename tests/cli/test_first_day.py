"""From an empty machine to work, with the second factor on the way; and what the command line does when one is lost."""

import json

import httpx2

from models import factor, throttle
from models.access import PLATFORM, Actor
from tests.cli.program import Program
from tests.factories import code_of, enrolled
from tests.world import PASSWORD, World

ADMIN = {"email": "ada@harbor.example", "password": "seven herons stand in the shallow water"}


def test_start_set_up_enrol_work(empty: Program) -> None:
    """The walk README and the set-up page describe, request by request."""
    with empty.serving("start") as service:
        token = (empty.folder / "data" / "setup-link").read_text().strip().partition("#")[2]
        place = {"agency_name": "Harbor", "time_zone": "America/New_York", "display_name": "Ada", "token": token}
        assert httpx2.post(f"{service.url}/v1/setup", json=ADMIN | place, timeout=30).status_code == 201
        with service.sign_in(*ADMIN.values()) as client:
            refused = client.get("/v1/users")
            assert (refused.status_code, refused.json()["code"]) == (403, "second-factor-enrolment-required")
            secret = client.post("/v1/me/second-factor").json()["secret"]
            confirmed = client.put("/v1/me/second-factor/confirmation", json={"totp_code": code_of(secret)})
            assert len(confirmed.json()["recovery_codes"]) == 10
            assert client.get("/v1/users").status_code == 200
        answer = httpx2.post(f"{service.url}/v1/sessions", json=ADMIN, timeout=20)
        assert (answer.status_code, answer.json()["code"]) == (401, "second-factor-required")
        answer = httpx2.post(f"{service.url}/v1/sessions", json=ADMIN | {"totp_code": code_of(secret, 1)}, timeout=20)
        assert answer.status_code == 201
        headers = {"authorization": f"Bearer {answer.json()['access_token']}"}
        assert httpx2.get(f"{service.url}/v1/users", headers=headers, timeout=20).status_code == 200


def test_a_person_made_by_hand_chooses_a_password_then_enrols(empty: Program) -> None:
    """In that order: neither can be skipped."""
    with empty.serving("start") as service:
        agency = json.loads(empty("agency", "create", "Beacon", "--time-zone", "Europe/Dublin", "--json").out)["id"]
        words = ("user", "create", "eve@beacon.example", "--agency", agency, "--name", "Eve", "--role", "advocate")
        file = json.loads(empty(*words, "--json").out)["one_time_password_file"]
        with open(file) as handed, service.sign_in("eve@beacon.example", handed.read().strip()) as client:  # noqa: PTH123
            handed.seek(0)
            assert client.post("/v1/me/second-factor").json()["code"] == "password-change-required"
            body = {"current_password": handed.read().strip(), "new_password": "the tide leaves the long sand bare"}
            assert client.put("/v1/me/password", json=body).status_code == 204
            assert client.get("/v1/caseload").json()["code"] == "second-factor-enrolment-required"
            secret = client.post("/v1/me/second-factor").json()["secret"]
            client.put("/v1/me/second-factor/confirmation", json={"totp_code": code_of(secret)})
            assert client.get("/v1/caseload").status_code == 200


def test_reset_factor_from_the_machine(program: Program, world: World) -> None:
    """For an agency with one admin: gone at once, signed out, told, logged as done by the command line; and whatever was
    counted against the address is forgotten."""
    enrolled(world, "ada")
    ada, account = world.people["ada"].actor.id, world.database.vault.service.email_tag("ada@harbor.example")
    platform = Actor.system(PLATFORM)
    tried = world.database.transact(platform, lambda db: throttle.begin(db, account, b"x", None, recovering=False))
    world.database.transact(platform, lambda db: throttle.failed(db, tried, throttle.GUARDED))
    with program.serving() as service:
        body = {"email": "ada@harbor.example", "password": PASSWORD}
        answer = httpx2.post(f"{service.url}/v1/sessions", json=body, timeout=20)
        assert answer.json()["code"] == "sign-in-guarded"
        ran = program("user", "reset-factor", "ada@harbor.example", "--json")
        assert json.loads(ran.out) == {"id": str(ada), "reset": True}
        service.sign_in("ada@harbor.example").close()
    assert not world.system(lambda db: factor.is_enrolled(db, ada))
    reset = next(entry for entry in reversed(world.entries()) if entry["action"] == "factor.reset")
    assert reset["who"]["kind"] == "command"
    again = program("user", "reset-factor", "ada@harbor.example")
    assert "There was no second factor" in again.out
