"""Forgotten passwords: a link to her own mailbox, and nothing for anybody who asks who has one.

WAYPOST_TEST_TIMED=1000 times so many requests of a kind.
"""

import os
import statistics
import sys
import time
from collections import Counter
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from models import links, password_reset
from models.access import Actor, Kind
from models.errors import Unauthenticated
from models.password_reset import PasswordReset
from models.user import User
from models.workspace import Workspace
from tests.api.contract import NOWHERE, done, good, last_action, problem, same_refusal
from tests.api.test_invitations import sign_in
from tests.api.test_races import at_once
from tests.conftest import Api, service
from tests.factories import behind
from tests.links import age, await_, counted, link_in, mails_in, token_of
from tests.postgres import Urls
from tests.world import PASSWORD, World

NEW = "nine herons over still water"
SAMPLES = int(os.environ.get("WAYPOST_TEST_TIMED", "40"))  # of each kind


def ask(api: Api, address: str) -> Any:
    return api.post(None, "/v1/password-resets", {"email": address})


def complete(api: Api, link: str, password: str = NEW) -> Any:
    return api.post(None, "/v1/password-resets/completion", {"token": token_of(link), "password": password})


def path(api: Api, who: str = "ben") -> str:
    return f"/v1/users/{api.world.people[who].actor.id}/password-reset"


def started(api: Api, who: str = "ben", by: str = "ada") -> str:
    link: str = good(api.post(by, path(api, who)), 201)["link"]
    return link


class TestAsking:
    def test_one_answer_for_every_address(self, api: Api) -> None:
        """Known, unknown, suspended, of another agency: the same status, body and headers, again and again."""
        good(api.put("ada", f"/v1/users/{api.world.people['sol'].actor.id}/suspension"))
        told = []
        for n, address in enumerate(
            ("ben@harbor.example", "nobody@harbor.example", "sol@harbor.example", "other@lighthouse.example") * 2
        ):
            answer = ask(api.at(f"198.51.{n}.7"), address)
            assert good(answer, 202) == {"expires_in": 1800}
            told.append({k: v for k, v in answer.headers.items() if k not in ("x-request-id", "date")})
        assert all(headers == told[0] for headers in told)

    def test_the_same_work_is_done(self, world: World, tmp_path: Path, urls: Urls) -> None:
        """Each leaves a row, a mail in the outbox and an entry in a log; for an address nobody has they are the
        platform's. The mail of nobody, and of somebody suspended, is dropped when it would be written."""
        with service(world, outbox_dir=tmp_path / "out") as api:
            good(api.put("ada", f"/v1/users/{api.world.people['sol'].actor.id}/suspension"))
            api.world.database.post.wake = lambda: None  # what is queued stays for the moment
            for n, who in enumerate(("ben@harbor.example", "nobody@harbor.example", "sol@harbor.example")):
                before = [counted(urls, t) for t in ("password_resets", "mails", "ledger_entries")]
                good(ask(api.at(f"198.51.{n}.7"), who), 202)
                after = [counted(urls, t) for t in ("password_resets", "mails", "ledger_entries")]
                assert [a - b for a, b in zip(after, before, strict=True)][0::2] == [1, 1], who
            await_(lambda: counted(urls, "mails") == 0)
            assert [m["To"] for m in mails_in(tmp_path / "out")] == ["ben@harbor.example"]

    def test_it_takes_the_same_time(self, api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
        """Medians of known, unknown and suspended lie within a third of each other, of many, taken in turn."""
        monkeypatch.setattr(password_reset, "PAUSE", timedelta(0))  # every request does all of the work
        good(api.put("ada", f"/v1/users/{api.world.people['sol'].actor.id}/suspension"))
        addresses = ("ben@harbor.example", "nobody@harbor.example", "sol@harbor.example")
        took: dict[str, list[float]] = {address: [] for address in addresses}
        for n in range(-3, SAMPLES):
            for k, address in enumerate(addresses):
                stranger = api.at(f"10.{n + 3}.{k}.7")
                began = time.perf_counter()
                assert ask(stranger, address).status_code == 202
                if n >= 0:
                    took[address].append(time.perf_counter() - began)
        medians = [statistics.median(seconds) for seconds in took.values()]
        if "WAYPOST_TEST_TIMED" in os.environ:
            sys.stdout.write(f"\nmedians in ms: {[round(median * 1000, 2) for median in medians]}\n")
        assert max(medians) < 1.34 * min(medians) + 0.002, medians

    def test_asking_is_limited_alike(self, api: Api) -> None:
        """Five in a quarter of an hour for an address and a network, whether anybody has it or not; others go on."""
        for address in ("ben@harbor.example", "nobody@harbor.example"):
            answers = [ask(api, address) for _ in range(6)]
            assert [answer.status_code for answer in answers] == [202] * 5 + [429]
            assert answers[0].headers["ratelimit-policy"] == '"reset";q=5;w=900'
            assert int(answers[5].headers["retry-after"]) > 100
        good(ask(api, "sol@harbor.example"), 202)
        good(ask(api.at("203.0.113.9"), "ben@harbor.example"), 202)

    def test_a_network_asks_for_thirty_addresses(self, api: Api) -> None:
        """Then it waits."""
        statuses = [ask(api, f"n{n}@harbor.example").status_code for n in range(31)]
        assert statuses == [202] * 30 + [429]

    def test_a_mailbox_gets_one_mail_in_five_minutes(self, api: Api, urls: Urls) -> None:
        """However many networks ask; the link that is there stays good, so nobody can keep her from using it."""
        for n in range(4):
            good(ask(api.at(f"198.51.{n}.7"), "ben@harbor.example"), 202)
        assert counted(urls, "password_resets") == 1
        age(urls, "password_resets", "requested_at", 301)
        good(ask(api, "ben@harbor.example"), 202)
        assert counted(urls, "password_resets") == 2
        with behind(urls.superuser) as connection:
            assert (
                connection.exec_driver_sql("select count(*) from password_resets where used_at is null").scalar() == 2
            )

    def test_the_ledger_names_whom_it_can(self, api: Api) -> None:
        """The person by id in her agency's log, nobody in the platform's."""
        good(ask(api, "ben@harbor.example"), 202)
        entry = api.world.entries()[-1]
        assert (entry["action"], entry["who"]["kind"]) == ("password_reset.requested", "door")
        assert entry["object"]["ids"] == [str(api.world.people["ben"].actor.id)]
        before = len(api.world.entries())
        good(ask(api, "nobody@harbor.example"), 202)
        assert len(api.world.entries()) == before
        assert not good(api.get("ben", "/v1/notices"))["data"]

    def test_rows_of_yesterday_are_swept(self, api: Api, urls: Urls) -> None:
        """By the next request, so that nothing grows."""
        good(ask(api, "nobody@harbor.example"), 202)
        age(urls, "password_resets", "expires_at", 90_000)
        age(urls, "password_resets", "requested_at", 90_000)
        good(ask(api, "nobody@harbor.example"), 202)
        assert counted(urls, "password_resets") == 1


class TestCompleting:
    def test_sets_the_password_and_ends_everything_else(self, api: Api) -> None:
        """The old password is gone, all her sessions end, she is told, and nothing is signed in for her."""
        good(api.get("ben", "/v1/me"))
        done(complete(api, started(api)))
        problem(api.get("ben", "/v1/me"), 401, "session-ended")
        problem(sign_in(api, "ben@harbor.example", PASSWORD), 401, "invalid-credentials")
        token = good(sign_in(api, "ben@harbor.example", NEW), 201)["access_token"]
        told = api.get(None, "/v1/notices", headers={"authorization": f"Bearer {token}"}).json()["data"]
        kinds = ["sign_in_new_device", "password_reset", "password_reset_started"]
        assert [notice["kind"] for notice in told] == kinds
        entry = next(e for e in reversed(api.world.entries()) if e["action"] == "password_reset.completed")
        assert {also["action"] for also in entry["also"]} >= {"user.password_changed", "session.revoked"}

    def test_takes_a_one_time_password_away(self, api: Api) -> None:
        """What she chose herself need not be changed."""
        ben = api.world.people["ben"].actor.id
        with_one = api.world.passwords.hash_now(PASSWORD, ben)
        api.world.system(lambda db: db.claim(User, ben).set_password(db, with_one, one_time=True))
        done(complete(api, started(api)))
        assert good(sign_in(api, "ben@harbor.example", NEW), 201)["password_change_required"] is False

    def test_attack_29_of_twenty_at_once_one_sets_it(self, api: Api) -> None:
        """And it is that one's password that is good."""
        link = started(api)
        passwords = [f"{n} quiet otters in a row" for n in range(20)]
        answers = at_once(20, lambda n: complete(api, link, passwords[n]))
        assert Counter(answer.status_code for answer in answers) == {204: 1, 401: 19}
        won = next(n for n, answer in enumerate(answers) if answer.status_code == 204)
        assert sign_in(api, "ben@harbor.example", passwords[won]).status_code == 201

    def test_attack_29_of_twenty_units_at_once_one_takes_the_link(self, api: Api) -> None:
        """The same without the time that hashing takes between looking and taking."""
        _, reset_id, secret = links.parsed(token_of(started(api)), links.RESET)
        door = Actor.system(api.world.agency_id(), kind=Kind.DOOR)

        def take(n: int) -> bool:
            try:
                api.world.database.transact(door, lambda db: password_reset.complete(db, reset_id, secret, f"p1:{n}"))
            except Unauthenticated:
                return False
            return True

        assert sum(at_once(20, take)) == 1
        assert len([e for e in api.world.entries() if e["action"] == "password_reset.completed"]) == 1

    def test_one_answer_for_links_that_do_not_work(self, api: Api, urls: Urls) -> None:
        """Used, replaced, of somebody suspended since, expired, made up, an invitation's."""
        replaced, used = started(api), started(api)
        done(complete(api, used))
        suspended = started(api, "sol")
        good(api.put("ada", f"/v1/users/{api.world.people['sol'].actor.id}/suspension"))
        good(api.delete("ada", f"/v1/users/{api.world.people['sol'].actor.id}/suspension"))
        good(api.post("ada", "/v1/invitations", {"email": "noor@harbor.example", "roles": ["advocate"]}), 201)
        late = started(api, "ana")
        dead = [replaced, used, suspended, "#wpp_" + "A" * 86, "#wpi_" + "A" * 86, "#" + token_of(late)[:-2]]
        answers = [complete(api, link) for link in dead]
        age(urls, "password_resets", "expires_at", 1800)
        answers.append(complete(api, late))
        for answer in answers:
            problem(answer, 401, "link-invalid")
        ids = [answer.headers["x-request-id"] for answer in answers]
        assert len({a.text.replace(i, "-") for a, i in zip(answers, ids, strict=True)}) == 1

    def test_it_ends_at_30_minutes_to_the_microsecond(self, api: Api) -> None:
        """At the edge it is over."""
        one = UUID(good(api.post("ada", path(api)), 201)["id"])

        def at(db: Workspace, before: timedelta) -> None:
            row = db.find(PasswordReset, one)
            assert row.expires_at - row.requested_at == timedelta(minutes=30)
            db.now = row.expires_at - before
            password_reset.must_be_usable(db, one, row.secret_hash)

        api.world.system(lambda db: at(db, timedelta(microseconds=1)))
        with pytest.raises(Unauthenticated):
            api.world.system(lambda db: at(db, timedelta(0)))

    @pytest.mark.parametrize("password", ["short", "exampleharborben1", "harborharborharbor"])
    def test_the_rules_for_passwords_hold(self, api: Api, password: str) -> None:
        """And a bad one does not use up the link."""
        link = started(api)
        problem(complete(api, link, password), 422, "invalid", "/password")
        done(complete(api, link))

    def test_a_change_with_the_old_password_ends_links(self, api: Api) -> None:
        """Whoever got hold of a link is too late; she is told of the change."""
        link = started(api)
        done(api.put("ben", "/v1/me/password", {"current_password": PASSWORD, "new_password": NEW}))
        problem(complete(api, link, "ten quiet otters in a row"), 401, "link-invalid")
        assert good(api.get("ben", "/v1/notices"))["data"][0]["kind"] == "password_changed"


class TestStartedByAnAdmin:
    def test_shows_the_link_once_and_tells_her(self, api: Api) -> None:
        """The same request again shows none; she has a notice before anything happened."""
        first, second = (api.post("ada", path(api), key="k1") for _ in range(2))
        assert (bool(good(first, 201)["link"]), good(second, 201)["link"]) == (True, None)
        assert last_action(api) == "password_reset.started"
        assert good(api.get("ben", "/v1/notices"))["data"][0]["kind"] == "password_reset_started"
        assert token_of(first.json()["link"]) not in str(api.world.entries())

    def test_not_for_herself_not_for_others_agencies_not_for_suspended(self, api: Api) -> None:
        """An open screen gives no account away, and a suspension has no way round."""
        problem(api.post("ada", path(api, "ada")), 409, "own-password")
        good(api.put("ada", f"/v1/users/{api.world.people['ben'].actor.id}/suspension"))
        problem(api.post("ada", path(api, "ben")), 409, "user-suspended")
        same_refusal(api.post("ada", path(api, "other")), api.post("ada", f"/v1/users/{NOWHERE}/password-reset"))
        for who in ("ana", "sol", "aud"):
            problem(api.post(who, path(api, "ana")), 403, "forbidden")

    def test_with_mail_the_admin_sees_no_link(self, world: World, tmp_path: Path) -> None:
        """It goes to her mailbox only."""
        with service(world, outbox_dir=tmp_path / "out", public_url="https://desk.agency.example") as api:
            assert good(api.post("ada", path(api)), 201)["link"] is None
            both = await_(lambda: len(found := mails_in(tmp_path / "out")) == 2 and found)
            found = {link_in(mail) for mail in both}
            assert "https://desk.agency.example/" in found  # the notice
            (link,) = [one for one in found if "#" in one]
            assert link.startswith("https://desk.agency.example/reset#wpp_")
            done(complete(api, link))
