"""A sign-in that may not have been hers is told to the person (ASVS 6.3.5): in a notice that nobody else reads, and by a
mail that says nothing."""

from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from api.mail_words import BODY, SUBJECT
from models.notice import notices_of
from models.throttle import WRONG_CODES
from tests import oidc
from tests.api.contract import good, problem
from tests.api.test_sso import Sso
from tests.conftest import Api, service
from tests.factories import code_of, enrolled
from tests.links import age, await_, mails_in
from tests.postgres import Urls
from tests.world import PASSWORD, World

ANA = "ana@harbor.example"
NEW, WRONG = "sign_in_new_device", "second_factor_wrong"
WEEK = timedelta(days=7).total_seconds()


def sign_in(api: Api, email: str = ANA, **more: Any) -> Any:
    return api.post(None, "/v1/sessions", {"email": email, "password": PASSWORD} | more)


def kinds(world: World, user_id: UUID | None = None) -> list[str]:
    """What a person was told, newest first."""
    whose = user_id or world.people["ana"].actor.id
    ahead = timedelta(days=1)
    return [str(row.kind) for row in world.system(lambda db: notices_of(db, whose, 50, (db.now + ahead, whose)))]


def wrong_codes(world: World, networks: range) -> None:
    """The right password and a wrong code, once from each network."""
    for n in networks:
        with service(world) as api:
            problem(sign_in(api.at(f"198.51.{n}.7"), totp_code="000000"), 401, "second-factor-wrong")


class TestDevices:
    def test_a_device_not_seen_before_is_told_and_one_that_was_is_not(self, world: World) -> None:
        """With the session, to end it; the token of that answer makes the device one that was seen."""
        secret = enrolled(world, "ana")
        with service(world) as api:
            first = good(sign_in(api, totp_code=code_of(secret)), 201)
            (notice,) = good(api.get("ana", "/v1/notices"))["data"]
            assert (notice["kind"], notice["object_id"]) == (NEW, first["session"]["id"])
            again = sign_in(api, totp_code=code_of(secret, 1), device_token=first["device_token"])
            assert good(again, 201)["device_token"] == first["device_token"]
        assert kinds(world) == [NEW]
        assert not kinds(world, world.people["ada"].actor.id), "nobody else is told"

    def test_a_token_of_somebody_elses_or_made_up_is_no_device_of_hers(self, world: World) -> None:
        """Both are as none."""
        secret = enrolled(world, "ana")
        with service(world) as api:
            bens = good(sign_in(api, "ben@harbor.example"), 201)["device_token"]
            good(sign_in(api, totp_code=code_of(secret), device_token=bens), 201)
            good(sign_in(api, totp_code=code_of(secret, 1), device_token="wpd_" + "A" * 64), 201)
        assert kinds(world) == [NEW, NEW]

    def test_the_first_sign_in_of_all_is_nothing_odd(self, world: World) -> None:
        """Nobody was here before: no factor, no session. From the second on without a token she is told."""
        ben = world.people["ben"].actor.id
        with service(world) as api:
            good(sign_in(api, "ben@harbor.example"), 201)
            assert kinds(world, ben) == []
            good(sign_in(api, "ben@harbor.example"), 201)
        assert kinds(world, ben) == [NEW]

    def test_a_refused_sign_in_from_anywhere_is_none(self, world: World) -> None:
        """A wrong password, or none of the codes: nobody was let in, so no device was."""
        enrolled(world, "ana")
        with service(world) as api:
            problem(sign_in(api), 401, "second-factor-required")
            problem(sign_in(api, password="a lantern below the harbour wall"), 401, "invalid-credentials")
        assert kinds(world) == []

    def test_showing_the_factor_again_is_no_sign_in(self, world: World) -> None:
        """A session takes the place of another, on the same device."""
        secret = enrolled(world, "ana")
        with service(world) as api:
            token = good(sign_in(api, totp_code=code_of(secret)), 201)["access_token"]
            headers = {"authorization": f"Bearer {token}"}
            path = "/v1/sessions/current/second-factor"
            good(api(None, "PUT", path, json={"totp_code": code_of(secret, 1)}, headers=headers))
        assert kinds(world) == [NEW]

    def test_at_a_provider_kind_of_device_and_network_count(self, api: Api) -> None:
        """There are no tokens on that way. Where she was in the last month is no news; after that it is."""
        sso = Sso(api, oidc.serve())
        sso.link("ana")

        def arrive(ip: str, agent: str) -> int:
            body, said = sso.back(sso.begin()), {"user-agent": agent}
            good(api.at(ip).post(None, "/v1/sso/sessions", body, headers=said), 201)
            return kinds(api.world).count(NEW)

        assert arrive("192.0.2.7", "Mozilla/5.0") == 1
        assert arrive("192.0.2.99", "Mozilla/5.0") == 1
        assert arrive("192.0.2.7", "curl") == 2
        assert arrive("198.51.100.7", "Mozilla/5.0") == 3
        assert arrive("198.51.100.7", "curl") == 4


class TestWrongCodes:
    def test_the_third_in_a_week_is_told_once(self, world: World) -> None:
        """Somebody has her password. What she does meanwhile does not hide it; a wrong password is none of them."""
        secret = enrolled(world, "ana")
        with service(world) as api:
            device = good(sign_in(api, totp_code=code_of(secret)), 201)["device_token"]
        wrong_codes(world, range(WRONG_CODES - 1))
        with service(world) as api:
            problem(sign_in(api, password="a lantern below the harbour wall"), 401, "invalid-credentials")
            good(sign_in(api, totp_code=code_of(secret, 1), device_token=device), 201)
        assert WRONG not in kinds(world)
        wrong_codes(world, range(10, 11))
        assert kinds(world).count(WRONG) == 1
        wrong_codes(world, range(20, 22))
        assert kinds(world).count(WRONG) == 1

    def test_a_new_week_begins_anew(self, world: World, urls: Urls) -> None:
        """Counted from the first of them."""
        enrolled(world, "ana")
        wrong_codes(world, range(2))
        age(urls, "sign_in_throttles", "began_at", WEEK)
        wrong_codes(world, range(10, 12))
        assert kinds(world) == []
        wrong_codes(world, range(20, 21))
        assert kinds(world) == [WRONG]


class TestMail:
    @pytest.mark.parametrize("language", ["en", "es"])
    def test_it_says_that_there_is_something_and_no_more(self, world: World, tmp_path: Path, language: str) -> None:
        """One mail, in her language, the same as about anything else: no place, no device, no word of what happened."""
        secret = enrolled(world, "ana")
        with service(world, outbox_dir=tmp_path, public_url="https://desk.example") as api:
            good(api.patch("ana", "/v1/me", {"language": language}))
            good(sign_in(api.at("192.0.2.7"), totp_code=code_of(secret)), 201)
            (mail,) = await_(lambda: mails_in(tmp_path))
        assert (mail["To"], mail["Subject"]) == (ANA, SUBJECT[language])
        said = BODY[language].format(link="https://desk.example/")
        assert mail.get_content().splitlines() == said.splitlines()
