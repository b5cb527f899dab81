"""Guessing passwords: slowed down across processes and restarts, nobody locked out, nothing told by answer or time.

WAYPOST_TEST_GUESSES=10000 tries so often from 100 addresses; WAYPOST_TEST_TIMED=1000 times so many sign-ins of a kind.
"""

import os
import statistics
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from models import throttle
from models.access import PLATFORM, Actor
from models.base import table_of
from models.errors import Spent
from models.throttle import AT_ONCE, GUARDED, LONGEST_WAIT, Bucket, KnownDevice, SignInThrottle
from models.user import User
from tests.api.contract import good, problem
from tests.conftest import Api, service
from tests.factories import behind, code_of, enrolled
from tests.postgres import Urls
from tests.world import PASSWORD, World

GUESSES = int(os.environ.get("WAYPOST_TEST_GUESSES", "400"))
TIMED = int(os.environ.get("WAYPOST_TEST_TIMED", "40"))
ANA, NOBODY = "ana@harbor.example", "nobody@harbor.example"
WRONG = "a lantern below the harbour wall"
START = datetime(2027, 1, 31, tzinfo=UTC)


def sign_in(api: Api, email: str = ANA, password: str = WRONG, **more: Any) -> Any:
    return api.post(None, "/v1/sessions", {"email": email, "password": password} | more)


def later(urls: Urls, by: timedelta) -> None:
    """As if so much time had gone by for every count."""
    table = table_of(SignInThrottle)
    with behind(urls.superuser) as connection:
        for row in connection.execute(sa.select(table)).all():
            moved = {name: getattr(row, name) - by for name in ("began_at", "open_at", "touched_at")}
            connection.execute(sa.update(table).where(table.c.bucket == row.bucket).values(**moved))


def fresh(world: World) -> Any:
    """Another process, or this one after a restart: it remembers nothing of its own."""
    return service(world)


def platform(world: World, work: Any) -> Any:
    return world.database.transact(Actor.system(PLATFORM), work)


# -- the count ---------------------------------------------------------------------------------------------------------


class TestBucket:
    """How one count moves, on a clock of its own."""

    def test_five_a_minute_then_waits_that_double(self) -> None:
        """30 s, 60 s, … up to a quarter of an hour, and no longer."""
        now, bucket = START, Bucket(0, 0, START, START)
        waits = []
        for _ in range(20):
            bucket = bucket.after_failure(now)
            if bucket.open_at > now:
                waits.append((bucket.open_at - now).total_seconds())
                now = bucket.open_at
        assert len(waits) == 20 - AT_ONCE + 1
        assert waits[:6] == [30, 60, 120, 240, 480, 900]
        assert set(waits[5:]) == {LONGEST_WAIT}

    def test_slow_failures_never_wait(self) -> None:
        """Four a minute are a person with a bad keyboard."""
        now, bucket = START, Bucket(0, 0, START, START)
        for _ in range(40):
            bucket = bucket.after_failure(now)
            assert bucket.open_at <= now
            now += timedelta(seconds=16)

    def test_an_hour_of_quiet_begins_anew(self) -> None:
        """Waits do not follow anybody around."""
        bucket = Bucket(0, 7, START, START + timedelta(seconds=900))
        after = bucket.after_failure(START + timedelta(hours=1, seconds=901))
        assert (after.failures, after.waits) == (1, 0)
        assert bucket.after_failure(START + timedelta(seconds=901)).waits == 8


class TestAccountAndNetwork:
    def test_a_restart_or_another_process_forgets_nothing(self, world: World, urls: Urls) -> None:
        """Five failures through one process; the next one refuses, with the same words and Retry-After."""
        with fresh(world) as first:
            for _ in range(AT_ONCE):
                problem(sign_in(first), 401, "invalid-credentials")
        with fresh(world) as second:
            answer = sign_in(second, password=PASSWORD)
            problem(answer, 429, "rate-limited")
            wait = int(answer.headers["retry-after"])
            assert 20 <= wait <= 30
            assert answer.headers["ratelimit"] == f'"sign-in";r=0;t={wait}'
            good(sign_in(second.at("192.0.2.7"), password=PASSWORD), 201)
            good(sign_in(second, "ben@harbor.example", PASSWORD), 201)
        later(urls, timedelta(seconds=31))
        with fresh(world) as third:
            problem(sign_in(third), 401, "invalid-credentials")
            answer = sign_in(third, password=PASSWORD)
            problem(answer, 429, "rate-limited")
            assert 50 <= int(answer.headers["retry-after"]) <= 60

    def test_sixty_failures_of_a_network_in_a_quarter_of_an_hour(self, world: World, urls: Urls) -> None:
        """Over all accounts; refused tries are not counted, and other networks are untouched."""
        for n in range(throttle.SOURCE_MOST):
            platform(world, lambda db, n=n: throttle.begin(db, b"%d" % n, b"office", None, recovering=False))
        for recovering in (False, True):
            with pytest.raises(Spent):
                platform(world, lambda db, r=recovering: throttle.begin(db, b"x", b"office", None, recovering=r))
        platform(world, lambda db: throttle.begin(db, b"x", b"home", None, recovering=False))
        later(urls, timedelta(minutes=16))
        platform(world, lambda db: throttle.begin(db, b"x", b"office", None, recovering=False))

    def test_tries_at_once_are_counted(self, world: World) -> None:
        """Twenty at once through two processes: five are looked at."""
        with fresh(world) as one, fresh(world) as two, ThreadPoolExecutor(20) as pool:
            for api in (one, two):  # FastAPI makes a route ready at its first request, one at a time
                problem(api.post(None, "/v1/sessions", {}), 422, "invalid")
            sent = [one if n % 2 else two for n in range(20)]
            codes = [answer.status_code for answer in pool.map(sign_in, sent)]
        assert codes.count(401) <= AT_ONCE
        assert set(codes) <= {401, 429}

    def test_units_at_once_lose_no_count(self, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
        """Time goes by between looking and counting, as on a busy machine: of twenty at once five are let by, and every
        failure of the account and of the network is there."""
        keep, device = throttle._keep, {"token": None, "recovering": False}

        def slowly(*counted: Any) -> None:
            time.sleep(0.01)
            keep(*counted)

        def begun(_: int) -> Any:
            try:
                return platform(world, lambda db: throttle.begin(db, b"ana", b"office", **device))
            except Spent:
                return None

        monkeypatch.setattr(throttle, "_keep", slowly)
        with ThreadPoolExecutor(4) as pool:
            tried = [one for one in pool.map(begun, range(20)) if one is not None]
            assert len(tried) == AT_ONCE
            list(pool.map(lambda _: platform(world, lambda db: throttle.failed(db, tried[0])), range(20)))
            others = range(throttle.SOURCE_MOST)
            list(
                pool.map(lambda n: platform(world, lambda db: throttle.begin(db, b"%d" % n, b"cafe", **device)), others)
            )
        assert platform(world, lambda db: throttle._within_a_week(db, b"account", b"ana")) == 20
        with pytest.raises(Spent):
            platform(world, lambda db: throttle.begin(db, b"one more", b"cafe", **device))

    def test_a_success_and_what_was_no_failure_are_given_back(self, world: World) -> None:
        """Twenty sign-ins in a row, half of them without the code that is needed."""
        secret = enrolled(world, "ana")
        with fresh(world) as api:
            for _ in range(8):
                problem(sign_in(api, password=PASSWORD), 401, "second-factor-required")
            good(sign_in(api, password=PASSWORD, totp_code=code_of(secret, 1)), 201)
            for _ in range(8):
                good(sign_in(api, "ben@harbor.example", PASSWORD), 201)

    def test_known_and_unknown_addresses_are_counted_alike(self, world: World, urls: Urls) -> None:
        """Body, headers, waits and rows: nothing tells whose address it is; and no row names one."""
        told: dict[str, list[Any]] = {}
        for email in (ANA, NOBODY):
            for _ in range(3):
                with fresh(world) as api:
                    told.setdefault(email, []).extend(map(_told, [sign_in(api, email) for _ in range(3)]))
                later(urls, timedelta(seconds=20))
        assert told[ANA] == told[NOBODY]
        with behind(urls.superuser) as connection:
            rows = connection.execute(sa.select(table_of(SignInThrottle))).all()
        assert rows
        assert not any(word in str(rows).lower() for word in ("ana", "harbor", "testclient"))


def _told(answer: Any) -> tuple[Any, ...]:
    own = answer.headers["x-request-id"]
    steady = [(n, v) for n, v in sorted(answer.headers.items()) if n not in ("x-request-id", "date", "retry-after")]
    headers = [(n, v.split(";t=")[0]) for n, v in steady]
    return answer.status_code, answer.text.replace(own, "-"), headers


# -- nobody is locked out ------------------------------------------------------------------------------------------------


class TestKnownDevices:
    def test_ten_thousand_wrong_tries_from_a_hundred_addresses(self, world: World, urls: Urls) -> None:
        """She gets in at the first try from her device, even from the guessers' own network; strangers do not, whatever
        they bring; a recovery code does; and she is told."""
        secret = enrolled(world, "ana")
        codes = world.system(lambda db: _renewed(db, world))
        with fresh(world) as api:
            device = good(sign_in(api, password=PASSWORD, totp_code=code_of(secret, 1)), 201)["device_token"]
            guessers = [api.at(f"198.51.{n}.7") for n in range(100)]
            seen: dict[tuple[int, str], int] = {}
            for n in range(GUESSES):
                answer = sign_in(guessers[n % 100])
                key = answer.status_code, answer.json()["code"]
                seen[key] = seen.get(key, 0) + 1
            assert seen.keys() <= {(401, "invalid-credentials"), (429, "rate-limited"), (429, "sign-in-guarded")}
            assert seen[401, "invalid-credentials"] == GUARDED
            problem(sign_in(api, password=PASSWORD), 429, "sign-in-guarded")
            problem(sign_in(api, password=PASSWORD, recovery_code="x"), 401, "invalid-credentials")
            problem(sign_in(api, password=PASSWORD, device_token="wpd_" + "A" * 64), 429, "sign-in-guarded")
            there = guessers[0]
            answer = sign_in(there, password=PASSWORD, device_token=device)
            problem(answer, 401, "second-factor-required")
            _age_code(world, urls)
            good(sign_in(there, password=PASSWORD, totp_code=code_of(secret), device_token=device), 201)
            shown = [one["kind"] for one in good(api.get("ana", "/v1/notices"))["data"]]
            assert "sign_in_guarded" in shown
            problem(sign_in(api, password=PASSWORD), 401, "second-factor-required")  # she got in: no longer guarded
            good(sign_in(api, password=PASSWORD, recovery_code=codes[0]), 201)

    def test_guarded_addresses_are_one_answer(self, world: World) -> None:
        """An address nobody has is guarded in the same way."""
        for email in (ANA, NOBODY):
            account = world.database.vault.service.email_tag(email)
            tried = platform(world, lambda db, a=account: throttle.begin(db, a, b"x", None, recovering=False))
            platform(world, lambda db, t=tried: throttle.failed(db, t, GUARDED))
        with fresh(world) as api:
            answers = [
                sign_in(api, email, PASSWORD, **more)
                for email in (ANA, NOBODY)
                for more in ({}, {"recovery_code": "x"})
            ]
            assert [answer.status_code for answer in answers] == [429, 401, 429, 401]
            assert _told(answers[0]) == _told(answers[2])

    def test_a_recovery_code_lets_in_while_guarded(self, world: World) -> None:
        """With the right password, from anywhere."""
        enrolled(world, "ana")
        codes = world.system(lambda db: _renewed(db, world))
        guard(world)
        with fresh(world) as api:
            problem(sign_in(api, recovery_code=codes[0]), 401, "invalid-credentials")
            good(sign_in(api, password=PASSWORD, recovery_code=codes[0]), 201)

    def test_a_colleague_in_the_same_office_locks_nobody_out(self, world: World) -> None:
        """Same network, her address, as many failures as there is room for: her device has room of its own."""
        with fresh(world) as api:
            device = good(sign_in(api, password=PASSWORD), 201)["device_token"]
            for n in range(70):
                sign_in(api, ANA if n < 10 else f"person{n}@harbor.example")
            problem(sign_in(api, password=PASSWORD), 429, "rate-limited")
            assert good(sign_in(api, password=PASSWORD, device_token=device), 201)["device_token"] == device

    def test_a_stolen_device_token_buys_its_own_few_tries(self, world: World) -> None:
        """Five, then a wait; and it is worth nothing for anybody else's account."""
        with fresh(world) as api:
            device = good(sign_in(api, password=PASSWORD), 201)["device_token"]
            for _ in range(AT_ONCE):
                problem(sign_in(api, device_token=device), 401, "invalid-credentials")
            problem(sign_in(api, password=PASSWORD, device_token=device), 429, "rate-limited")
            good(sign_in(api, password=PASSWORD), 201)
        guard(world, "ben@harbor.example")
        with fresh(world) as api:
            problem(sign_in(api, "ben@harbor.example", PASSWORD, device_token=device), 429, "sign-in-guarded")

    def test_a_device_is_forgotten_after_ninety_days_and_beyond_twenty(self, world: World, urls: Urls) -> None:
        """And with a new one-time password."""
        with fresh(world) as api:
            tokens = [good(sign_in(api, password=PASSWORD), 201)["device_token"] for _ in range(22)]
        devices = table_of(KnownDevice)
        with behind(urls.superuser) as connection:
            assert connection.execute(sa.select(sa.func.count()).select_from(devices)).scalar_one() == 20
            connection.execute(sa.update(devices).values(expires_at=datetime.now(UTC) - timedelta(seconds=1)))
        guard(world)
        with fresh(world) as api:
            problem(sign_in(api, password=PASSWORD, device_token=tokens[-1]), 429, "sign-in-guarded")
        assert platform(world, throttle.forget_old) == 20

    def test_wrong_codes_after_the_right_password_weigh_ten(self, world: World, urls: Urls) -> None:
        """Somebody knows the password: ten of them, and only her devices get in; she is told."""
        secret = enrolled(world, "ana")
        for n in range(10):
            with fresh(world) as api:
                answer = sign_in(api.at(f"198.51.{n}.7"), password=PASSWORD, totp_code="000000")
                problem(answer, 401, "second-factor-wrong")
        with fresh(world) as api:
            right = {"password": PASSWORD, "totp_code": code_of(secret, 1)}
            problem(sign_in(api, **right), 429, "sign-in-guarded")
            told = [one["kind"] for one in good(api.get("ana", "/v1/notices"))["data"]]
            assert told == ["sign_in_guarded", "second_factor_wrong"]

    def test_links_to_her_mailbox_open_no_more_wrong_codes(self, world: World, urls: Urls) -> None:
        """Who reads her mail sets new passwords again and again: thirty wrong codes in a week, and it is over."""
        secret = enrolled(world, "ana")
        account = world.database.vault.service.email_tag(ANA)
        with fresh(world) as api:
            for n in range(30):
                answer = sign_in(api.at(f"198.51.{n}.7"), password=PASSWORD, totp_code="000000")
                problem(answer, 401, "second-factor-wrong")
                platform(world, lambda db: throttle.forget_passwords(db, account))
        with fresh(world) as api:
            problem(sign_in(api, password=PASSWORD, totp_code=code_of(secret, 1)), 429, "sign-in-guarded")
        platform(world, lambda db: throttle.forget_account(db, account))
        with fresh(world) as api:
            good(sign_in(api, password=PASSWORD, totp_code=code_of(secret, 1)), 201)

    def test_a_new_beginning_from_the_machine(self, world: World) -> None:
        """Whoever runs Waypost lets her begin anew: nothing counted, no device known."""
        guard(world)
        account = world.database.vault.service.email_tag(ANA)
        platform(world, lambda db: throttle.forget_account(db, account))
        with fresh(world) as api:
            good(sign_in(api, password=PASSWORD), 201)


def _renewed(db: Any, world: World) -> list[str]:
    from models import recovery

    return recovery.renew(db, world.people["ana"].actor.id)


def _age_code(world: World, urls: Urls) -> None:
    """As if the last code had been shown a minute ago."""
    from models.factor import Factor

    factors = table_of(Factor)
    with behind(urls.superuser) as connection:
        connection.execute(sa.update(factors).values(last_step=factors.c.last_step - 2))


def guard(world: World, email: str = ANA) -> None:
    """A hundred failures in a row."""
    account = world.database.vault.service.email_tag(email)
    tried = platform(world, lambda db: throttle.begin(db, account, b"elsewhere", None, recovering=False))
    assert platform(world, lambda db: throttle.failed(db, tried, GUARDED)) is True
    assert platform(world, lambda db: throttle.failed(db, tried)) is False, "told once"


# -- time ----------------------------------------------------------------------------------------------------------------


@contextmanager
def unthrottled(world: World, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A service whose counts are kept and never refuse, so that many sign-ins can be timed."""
    monkeypatch.setattr(throttle, "AT_ONCE", 10**9)
    monkeypatch.setattr(throttle, "GUARDED", 10**9)
    monkeypatch.setattr(throttle, "SOURCE_MOST", 10**9)
    with service(world) as api:
        for policy in (api.client.app.state.limits.account, api.client.app.state.limits.network):
            monkeypatch.setattr(policy, "_room", 10**30)
        yield api


def test_attack_73_nothing_is_told_by_time(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """An address nobody has, a wrong password, a suspended person: one after the other, again and again; the medians lie
    within a tenth of each other."""
    ben = world.people["ben"].actor.id
    world.system(lambda db: db.claim(User, ben).suspend(db))
    kinds = {"unknown": NOBODY, "wrong": ANA, "suspended": "ben@harbor.example"}
    with unthrottled(world, monkeypatch) as api:
        for email in kinds.values():
            sign_in(api, email)
        for _ in range(3):  # a busy machine may disturb one round; a difference that is there is there in each
            took: dict[str, list[float]] = {name: [] for name in kinds}
            for _ in range(TIMED):
                for name, email in kinds.items():
                    started = time.perf_counter()
                    assert sign_in(api, email).status_code == 401
                    took[name].append(time.perf_counter() - started)
            medians = sorted(statistics.median(times) for times in took.values())
            if "WAYPOST_TEST_TIMED" in os.environ:
                sys.stdout.write(f"\nmedians in ms: {[round(median * 1000, 2) for median in medians]}\n")
            if medians[-1] <= medians[0] * 1.1:
                return
    raise AssertionError({name: round(statistics.median(times) * 1000, 2) for name, times in took.items()})
