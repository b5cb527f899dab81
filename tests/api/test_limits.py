"""Rate limits: the algorithm by itself, and what people, networks and guessers of passwords meet over HTTP."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from api import sign_in as api_sign_in
from api.lane import Lane
from api.limits import SECOND, Limits, Meter, Policy, network_of
from api.passwords import Passwords
from api.settings import Environment, Settings
from models.agency import agency_ids
from models.errors import Unavailable
from tests.api.contract import NOWHERE, client, done, good, problem
from tests.conftest import Api, service
from tests.factories import entry_count
from tests.postgres import Urls
from tests.world import PASSWORD, World

WRONG = "a lantern below the harbour wall"
DEFAULTS = Settings(env=Environment.TEST)
PERSON, ADDRESS = '"person";q=600;w=60', '"address";q=120;w=60'


class Clock:
    """Time that passes when told to."""

    def __init__(self) -> None:
        self.now = 5 * SECOND

    def __call__(self) -> int:
        return self.now

    def wait(self, seconds: float) -> None:
        self.now += int(seconds * SECOND)


# -- the algorithm ----------------------------------------------------------------------------------------------------


quotas, windows = st.integers(1, 40), st.integers(1, 900)
gaps = st.lists(st.integers(0, 30 * SECOND) | st.integers(0, 3), max_size=150)


def taken(policy: Policy, clock: Clock, waits: list[int]) -> list[int]:
    """Ask once after each wait, given in nanoseconds; the instants at which there was room."""
    passed = []
    for wait in waits:
        clock.now += wait
        if policy.take("key").allowed:
            passed.append(clock.now)
    return passed


class TestAlgorithm:
    @given(quotas, windows, gaps)
    def test_no_window_lets_more_through_than_quota_and_burst(self, quota: int, window: int, waits: list[int]):
        """Wherever a window of the policy's length is laid, at most the quota and one burst of the same size pass."""
        clock = Clock()
        passed = taken(Policy("p", quota, window, 10, clock), clock, waits)
        for first in passed:
            assert sum(first <= at <= first + window * SECOND for at in passed) <= 2 * quota

    @given(st.integers(1, 1_000_000), windows)
    def test_rounding_is_never_in_the_callers_favour(self, quota: int, window: int):
        """A quota that does not divide the nanoseconds of its window takes a little longer to come back, not less."""
        policy = Policy("p", quota, window, 10, Clock())
        assert window * SECOND <= policy._room < window * SECOND + quota

    @given(quotas, windows, gaps, st.data())
    def test_what_is_left_is_never_negative_nor_too_much(self, quota: int, window: int, waits: list[int], data: Any):
        """Whatever is taken, given back and waited for: between 0 and the quota, for at least a second, 0 if refused."""
        clock = Clock()
        policy = Policy("p", quota, window, 10, clock)
        for wait in waits:
            clock.now += wait
            if data.draw(st.booleans()):
                policy.give_back("key")
            before, now = policy.look("key"), policy.take("key")
            assert 0 <= now.left <= quota
            assert 1 <= now.seconds <= window
            assert now.allowed == (before.left > 0)
            assert now.left == before.left - now.allowed

    @given(quotas, windows)
    def test_the_whole_quota_passes_at_once_and_no_more(self, quota: int, window: int):
        """A burst is exactly the quota, also where the window is no multiple of it."""
        clock = Clock()
        policy = Policy("p", quota, window, 10, clock)
        assert [policy.take("key").left for _ in range(quota)] == list(range(quota))[::-1]
        assert not policy.take("key").allowed

    @given(quotas, windows, gaps)
    def test_the_time_told_is_true(self, quota: int, window: int, waits: list[int]):
        """Whoever waits as long as she was told is let through; a second less is too early."""
        clock = Clock()
        policy = Policy("p", quota, window, 10, clock)
        taken(policy, clock, waits)
        while (told := policy.take("key")).allowed:
            pass
        clock.wait(told.seconds - 1)
        early = policy.take("key").allowed
        assert not early or told.seconds == 1
        clock.wait(1)
        assert policy.take("key").allowed

    def test_time_going_by_refills_one_at_a_time(self):
        """6 a minute: empty, then one more every ten seconds, and after a minute alone all six."""
        clock = Clock()
        policy = Policy("p", 6, 60, 10, clock)
        assert len(taken(policy, clock, [0] * 9)) == 6
        assert taken(policy, clock, [10 * SECOND - 1]) == []
        assert len(taken(policy, clock, [1, 0, 0])) == 1
        assert len(taken(policy, clock, [20 * SECOND, 0, 0])) == 2
        assert len(taken(policy, clock, [3600 * SECOND] + [0] * 9)) == 6

    def test_a_refused_request_costs_nothing(self):
        """Hammering does not put off the moment at which there is room again."""
        clock = Clock()
        policy = Policy("p", 1, 60, 10, clock)
        assert policy.take("key").allowed
        for _ in range(59):
            clock.wait(1)
            assert not policy.take("key").allowed
        clock.wait(1)
        assert policy.take("key").allowed

    def test_keys_do_not_know_each_other(self):
        """What one key uses another keeps."""
        policy = Policy("p", 1, 60, 10, Clock())
        assert policy.take("ana").allowed
        assert not policy.take("ana").allowed
        assert policy.take("ben").allowed

    def test_headers_are_structured_fields(self):
        """A list of one String with Integer parameters each (RFC 9651), with the names of the draft."""
        policy = Policy("person", 600, 60, 10, Clock())
        shown = [(b"ratelimit-policy", b'"person";q=600;w=60'), (b"ratelimit", b'"person";r=599;t=1')]
        assert list(policy.take("key").headers()) == shown
        assert dict(policy.look("nobody").headers())[b"ratelimit"] == b'"person";r=600;t=1'


class TestStore:
    def test_the_longest_idle_leaves_first(self):
        """Whoever keeps asking is remembered, refused or not; whoever asked once, long ago, makes room."""
        policy = Policy("p", 2, 60, 3, Clock())
        for key in ("busy", "refused", "refused", "idle", "busy", "refused", "new"):
            policy.take(key)
        assert len(policy) == 3
        assert [policy.look(key).left for key in ("busy", "refused", "idle", "new")] == [0, 0, 2, 1]

    def test_stays_bounded_under_any_number_of_addresses(self):
        """200,000 addresses with as many accounts and people: never more than 50,000 keys together."""
        limits = Limits(DEFAULTS, str.encode, Clock())
        for n in range(200_000):
            ip = (
                f"{n >> 16 & 255}.{n >> 8 & 255}.{n & 255}.1" if n % 2 else f"2001:db8:{n >> 8:x}:{(n & 255) << 8:x}::1"
            )
            meter = Meter(limits, ip)
            assert meter.charge(None)
            with meter.sign_in(f"{n}@harbor.example") as attempt:
                attempt.failed = True
        kept = [len(policy) for policy in (limits.person, limits.address, limits.account, limits.network)]
        assert kept == [0, 20_000, 10_000, 10_000]
        for n in range(20_000):
            limits.person.take((1, n))
        assert len(limits.person) == 10_000

    def test_people_are_not_pushed_out_by_strangers(self):
        """Each policy keeps its own keys: a flood of addresses leaves a person's count, and a guesser's, as they are."""
        limits = Limits(DEFAULTS, str.encode, Clock())
        mine = limits.person.take((1, 1)).left
        for n in range(30_000):
            limits.address.take(n)
        assert limits.person.look((1, 1)).left == mine == 599


class TestNetworks:
    @pytest.mark.parametrize(
        ("one", "other"),
        [
            ("192.0.2.7", "192.0.2.250"),
            ("2001:db8:1:200::1", "2001:db8:1:2ff:ffff::9"),
            ("192.0.2.7", "::ffff:192.0.2.99"),
            ("fe80::1%eth0", "fe80::2%eth1"),
            (None, None),
            (None, ""),
        ],
    )
    def test_one_network(self, one: str | None, other: str | None):
        """A /24, a /56, an IPv4 address in IPv6 clothes, any zone of a link; no address is one network too."""
        assert network_of(one) == network_of(other)

    @pytest.mark.parametrize(
        ("one", "other"),
        [
            ("192.0.2.7", "192.0.3.7"),
            ("2001:db8:1:200::1", "2001:db8:1:300::1"),
            ("192.0.2.7", None),
            ("testclient", None),
            ("testclient", "192.0.2.7"),
            ("::", "0.0.0.0"),  # noqa: S104 - an address, not a place to listen
        ],
    )
    def test_two_networks(self, one: str | None, other: str | None):
        """Neighbours beyond the prefix are somebody else."""
        assert network_of(one) != network_of(other)

    @pytest.mark.parametrize("text", ["1.2.3", "1.2.3.4.5", "::1::", "a\x00b:", "é", "%", ":" * 5000])
    def test_anything_has_a_network(self, text: str):
        """What is no address is refused no service, and does not raise."""
        assert isinstance(network_of(text), bytes)


class TestSettings:
    @pytest.mark.parametrize("name", ["rate_limit", "rate_limit_address"])
    @pytest.mark.parametrize(
        ("value", "fits"), [(0, False), (-1, False), (1, True), (1_000_000, True), (1_000_001, False)]
    )
    def test_bounds(self, name: str, value: int, fits: bool):  # noqa: FBT001
        """From 1 to a million; 0 would be a service for nobody."""
        if fits:
            assert getattr(Settings(env=Environment.TEST, **{name: value}), name) == value
        else:
            with pytest.raises(ValidationError):
                Settings(env=Environment.TEST, **{name: value})

    def test_defaults(self):
        """600 requests a minute a person, 120 a network."""
        assert (DEFAULTS.rate_limit, DEFAULTS.rate_limit_address) == (600, 120)


# -- over HTTP --------------------------------------------------------------------------------------------------------


def limit(api: Api, person: int = 600, address: int = 120) -> Clock:
    """Limits of this size on a clock of the test's; nothing was asked yet."""
    clock = Clock()
    settings = Settings(env=Environment.TEST, rate_limit=person, rate_limit_address=address)
    api.client.app.state.limits = Limits(settings, api.world.database.vault.service.email_tag, clock)
    return clock


def sign_in(api: Api, email: str = "ana@harbor.example", password: str = WRONG):
    return api.post(None, "/v1/sessions", {"email": email, "password": password})


def left(answer: Any) -> int:
    """What RateLimit says is left."""
    return int(answer.headers["ratelimit"].split(";r=")[1].split(";")[0])


def refused(answer: Any, policy: str, seconds: int | None = None) -> None:
    """A 429 of this policy, nothing left, Retry-After in whole seconds and the same as told in RateLimit."""
    assert problem(answer, 429, "rate-limited")["retryable"] is True
    wait = answer.headers["retry-after"]
    assert int(wait) >= 1
    assert seconds in (None, int(wait))
    name = policy.split('"')[1]
    assert answer.headers["ratelimit-policy"].startswith(policy)
    assert answer.headers["ratelimit"] == f'"{name}";r=0;t={wait}'


@pytest.fixture
def units(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Every unit of work that reached the lane, but for the publisher's: it looks at the logs by itself."""
    ran: list[Any] = []
    real = Lane.run

    async def run(self: Lane, unit: Any) -> Any:
        if unit.work is not agency_ids and unit.work.__module__ != "api.publisher":
            ran.append(unit)
        return await real(self, unit)

    monkeypatch.setattr(Lane, "run", run)
    return ran


@pytest.fixture
def hashed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every password that was looked at."""
    seen: list[str] = []
    real = Passwords.matches

    async def matches(self: Passwords, password: str, *more: Any) -> bool:
        seen.append(password)
        return await real(self, password, *more)

    monkeypatch.setattr(Passwords, "matches", matches)
    return seen


class TestHeaders:
    @pytest.fixture
    def kind(self) -> str:
        """Headers do not know which database is behind them."""
        return "sqlite"

    @pytest.mark.parametrize(
        ("method", "path", "status", "sent"),
        [
            ("GET", "/v1/me", 200, {}),
            ("GET", f"/v1/clients/{NOWHERE}", 404, {}),
            ("GET", "/v1/nothing", 404, {}),
            ("GET", "/v1/me%2F", 404, {}),
            ("POST", "/v1/me", 405, {}),
            ("GET", "/v1/me?colour=blue", 422, {}),
            ("PATCH", "/v1/me", 415, {"content": b"x"}),
            ("POST", "/v1/clients", 400, {"content": b"{", "headers": {"content-type": "application/json"}}),
            ("POST", "/v1/clients", 413, {"content": b"x" * (1 << 21)}),
            ("GET", "/v1/audit-events", 403, {}),
            ("GET", "/v1/me", 421, {"headers": {"host": "elsewhere.example"}}),
            ("GET", "/docs", 200, {}),
        ],
    )
    def test_a_person_is_told_her_own(self, api: Api, method: str, path: str, status: int, sent: Any):
        """Whatever becomes of the request of somebody who showed a good token: her quota, one less."""
        limit(api)
        answer = api("ana", method, path, **sent)
        assert answer.status_code == status
        assert (answer.headers["ratelimit-policy"], answer.headers["ratelimit"]) == (PERSON, '"person";r=599;t=1')

    @pytest.mark.parametrize(
        ("method", "path", "status", "sent"),
        [
            ("GET", "/v1/me", 401, {}),
            ("GET", "/v1/me", 401, {"headers": {"authorization": "Bearer x.y.z"}}),
            ("GET", "/v1/me", 401, {"headers": {"authorization": "Basic YTpi"}}),
            ("GET", "/v1/nothing", 404, {}),
            ("GET", "/nothing", 404, {"headers": {"authorization": "Bearer x.y.z"}}),
            ("DELETE", "/v1/me", 405, {}),
            ("POST", "/v1/sessions", 415, {}),
            ("POST", "/v1/sessions", 422, {"json": {}}),
            ("POST", "/v1/sessions/refresh", 401, {"json": {"refresh_token": "wpr_x"}}),
            ("GET", "/v1/me", 421, {"headers": {"host": "elsewhere.example"}}),
            ("GET", "/docs", 200, {}),
            ("GET", "/openapi.json", 200, {}),
            ("GET", "/setup", 200, {}),
            ("GET", "/metrics", 401, {}),
            ("GET", "/exit", 303, {"follow_redirects": False}),
        ],
    )
    def test_a_stranger_is_told_her_networks(self, api: Api, method: str, path: str, status: int, sent: Any):
        """Whatever becomes of the request of somebody unknown: the quota of her network, one less."""
        limit(api)
        answer = api(None, method, path, **sent)
        assert answer.status_code == status
        assert (answer.headers["ratelimit-policy"], answer.headers["ratelimit"]) == (ADDRESS, '"address";r=119;t=1')

    @pytest.mark.parametrize(
        "path", ["/health/live", "/health/ready", "/static/page.css", "/health/none", "/problems/rate-limited"]
    )
    def test_what_is_free_shows_what_is_there(self, api: Api, path: str):
        """Nothing was taken, and the headers say so."""
        limit(api)
        answer = api.get(None, path)
        assert (answer.headers["ratelimit-policy"], answer.headers["ratelimit"]) == (ADDRESS, '"address";r=120;t=1')

    def test_a_failure_of_ours_has_them_too(self, api: Api, monkeypatch: pytest.MonkeyPatch):
        """The last resort is dressed like everything else."""
        limit(api)
        token = api.token("ana")

        async def broken(self: Lane, unit: Any) -> Any:
            raise RuntimeError

        monkeypatch.setattr(Lane, "run", broken)
        answer = api(None, "GET", "/v1/me", headers={"authorization": f"Bearer {token}"})
        problem(answer, 500, "internal-error")
        assert answer.headers["ratelimit"] == '"person";r=599;t=1'

    def test_every_operation_documents_them(self, api: Api):
        """429 stands in the contract of every operation, with its three headers explained."""
        document = api.get(None, "/openapi.json").json()
        operations = [one for path in document["paths"].values() for one in path.values()]
        assert len(operations) > 40
        assert all(one["responses"]["429"] == {"$ref": "#/components/responses/Problem429"} for one in operations)
        headers = document["components"]["responses"]["Problem429"]["headers"]
        assert set(headers) == {"RateLimit", "RateLimit-Policy", "Retry-After"}
        assert all(len(header["description"]) > 20 for header in headers.values())


class TestPerson:
    def test_is_refused_before_any_work(self, api: Api, urls: Urls, units: list[Any]):
        """Beyond her quota: 429, no unit on the lane, no entry in the ledger, nothing made."""
        clock = limit(api, person=3)
        client(api)
        for n in (1, 0):
            answer = api.get("ana", "/v1/clients")
            good(answer)
            assert left(answer) == n
        before, done_so_far = entry_count(urls), len(units)
        for answer in (api.post("ana", "/v1/clients", {"alias": "Lark"}), api.get("ana", "/v1/nothing")):
            refused(answer, '"person";q=3;w=60', 20)
        assert (entry_count(urls), len(units)) == (before, done_so_far)
        clock.wait(20)
        assert len(good(api.get("ana", "/v1/clients"))["data"]) == 1

    def test_nothing_of_a_refused_request_is_read(self, api: Api):
        """Not a byte of the body is asked for: a flood of uploads costs a flood of headers."""
        limit(api, person=1)
        good(api.get("ana", "/v1/me"))
        app, sent = api.client.app, []
        headers = {"host": "127.0.0.1", "authorization": f"Bearer {api.token('ana')}", "content-length": "1000000"}
        scope = {
            "type": "http",
            "method": "POST",
            "path": "/v1/clients",
            "raw_path": b"/v1/clients",
            "query_string": b"",
            "client": ("192.0.2.7", 4),
            "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
        }

        async def receive() -> Any:
            raise AssertionError("the body was read")

        async def send(message: Any) -> None:
            sent.append(message)

        asyncio.run(app(scope, receive, send))
        assert sent[0]["status"] == 429

    def test_each_has_her_own(self, api: Api):
        """Ana's haste is not Ben's, nor that of whoever signs in beside her."""
        limit(api, person=1)
        good(api.get("ana", "/v1/me"))
        refused(api.get("ana", "/v1/me"), '"person"')
        good(api.get("ben", "/v1/me"))
        good(sign_in(api, password=PASSWORD), 201)

    def test_is_one_person_wherever_she_is(self, api: Api):
        """Another token, session or network gives no second quota."""
        limit(api, person=2)
        good(api.get("ana", "/v1/me"))
        good(api.at("198.51.100.7").get("ana", "/v1/me"))
        refused(api.at("203.0.113.7").get("ana", "/v1/me"), '"person";q=2;w=60', 30)

    def test_the_quota_comes_back(self, api: Api):
        """A minute later everything is as it was."""
        clock = limit(api, person=2)
        for _ in range(2):
            good(api.get("ana", "/v1/me"))
        refused(api.get("ana", "/v1/me"), '"person"')
        clock.wait(60)
        assert left(api.get("ana", "/v1/me")) == 1

    def test_is_refused_in_her_language(self, api: Api):
        """The 429 is a problem like any other."""
        limit(api, person=1)
        good(api.get("ana", "/v1/me"))
        answer = api.get("ana", "/v1/me", headers={"accept-language": "es"})
        problem(answer, 429, "rate-limited", language="es")

    def test_is_counted_for_the_operator(self, api: Api):
        """How often each policy refused is a metric; whom, is not."""
        limit(api, person=1)
        good(api.get("ana", "/v1/me"))
        before = self._count(api)
        refused(api.get("ana", "/v1/me"), '"person"')
        assert self._count(api) == before + 1

    def _count(self, api: Api) -> float:
        text = api.at("127.0.0.1").get(None, "/metrics").text
        found = [line for line in text.splitlines() if line.startswith('waypost_rate_limited_total{policy="person"}')]
        return float(found[0].split()[1]) if found else 0.0


class TestAddress:
    @pytest.fixture
    def kind(self) -> str:
        """Strangers do not get as far as the database."""
        return "sqlite"

    def test_guessing_tokens_is_bounded(self, api: Api, units: list[Any]):
        """A bad token costs the network as no token does; good ones from there still work."""
        clock = limit(api, address=3)
        stranger = api.at("192.0.2.7")
        token = api.token("ana")
        for n, shown in enumerate((f"Bearer {token[:-2]}xx", "Bearer x", f"Basic {token}")):
            answer = stranger(None, "GET", "/v1/me", headers={"authorization": shown})
            problem(answer, 401, "unauthenticated")
            assert left(answer) == 2 - n
        refused(stranger(None, "GET", "/v1/me", headers={"authorization": f"Bearer {token[:-2]}yy"}), '"address"', 20)
        refused(stranger.get(None, "/v1/me"), '"address";q=3;w=60', 20)
        assert units == []
        good(stranger.get("ana", "/v1/me"))
        clock.wait(20)
        problem(stranger.get(None, "/v1/me"), 401, "unauthenticated")

    def test_two_tokens_are_none(self, api: Api):
        """Whoever shows two is nobody, and pays as nobody."""
        limit(api)
        pair = [("authorization", f"Bearer {api.token(who)}") for who in ("ana", "ben")]
        answer = api.client.get("/v1/me", headers=pair)
        problem(answer, 401, "unauthenticated")
        assert answer.headers["ratelimit"] == '"address";r=119;t=1'

    def test_everything_before_anybody_is_known_counts_together(self, api: Api, units: list[Any]):
        """Unknown paths, wrong methods, public operations, pages: one quota, and then not even a 404."""
        limit(api, address=6)
        asked = [("GET", "/x"), ("BREW", "/v1/me"), ("GET", "/v1/me"), ("POST", "/v1/setup")]
        pages = [("GET", "/docs"), ("GET", "/setup")]
        for method, path in asked + pages:
            assert api(None, method, path).status_code != 429
        for method, path in [*asked, ("POST", "/v1/sessions"), ("GET", "/openapi.json"), ("GET", "/metrics")]:
            refused(api(None, method, path), '"address";q=6;w=60', 10)
        assert {api(None, method, path).status_code for method, path in pages} == {429}
        assert units == []

    def test_a_network_is_one_and_its_neighbour_another(self, api: Api):
        """Moving within a /24 or /56 brings nothing; the next network has its own."""
        limit(api, address=1)
        for first, same, other in (
            ("192.0.2.7", "192.0.2.8", "192.0.3.7"),
            ("2001:db8:0:1::1", "2001:db8:0:ff::9", "2001:db8:0:100::1"),
        ):
            problem(api.at(first).get(None, "/v1/me"), 401, "unauthenticated")
            refused(api.at(same).get(None, "/v1/me"), '"address"')
            problem(api.at(other).get(None, "/v1/me"), 401, "unauthenticated")

    def test_health_and_static_files_are_never_refused(self, api: Api):
        """Whoever watches the service must not be told that it is ill because somebody else is loud."""
        limit(api, address=1)
        problem(api.get(None, "/v1/me"), 401, "unauthenticated")
        for path in ("/health/live", "/health/ready", "/static/page.css", "/problems/rate-limited"):
            answer = api.get(None, path)
            assert (answer.status_code, left(answer)) == (200, 0)

    def test_nothing_keeps_anybody_from_leaving(self, api: Api, units: list[Any]):
        """The quick exit works without a quota, then without asking the database where to."""
        limit(api, address=1)
        for n in (1, 1, 1):
            answer = api.get(None, "/exit", follow_redirects=False)
            assert answer.status_code == 303
            assert answer.headers["location"].startswith("https://")
            assert answer.headers["clear-site-data"]
            assert len(units) == n

    def test_only_a_named_proxy_may_say_who_asks(self, world: World):
        """X-Forwarded-For from anybody else changes nothing; from the proxy it is the caller's address."""

        def ask(peer: str, forwarded: str) -> int:
            return api.at(peer).get(None, "/nothing", headers={"x-forwarded-for": forwarded}).status_code

        with service(world, rate_limit_address=1, trusted_proxies=["192.0.2.1"]) as api:
            assert [ask("203.0.113.9", f"198.51.{n}.1") for n in range(4)] == [404, 429, 429, 429]
            assert [ask("192.0.2.1", f"198.51.{n}.1") for n in range(4)] == [404] * 4
            assert ask("192.0.2.1", "198.51.3.77") == 429
            assert ask("192.0.2.1", "198.51.9.9, 198.51.3.78") == 429  # the proxy's own word stands on the right


class TestSignIn:
    def test_failures_of_an_account_are_bounded(self, api: Api, urls: Urls, units: list[Any], hashed: list[str]):
        """Five a minute, then 429 at once: no database, no hashing, no entry; twelve seconds later the database, which
        waits longer, is asked, and says the same."""
        clock = limit(api)
        for n in range(5):
            answer = sign_in(api)
            problem(answer, 401, "invalid-credentials")
            assert (answer.headers["ratelimit-policy"], left(answer)) == ('"sign-in";q=5;w=60', 4 - n)
        before = entry_count(urls), len(units), len(hashed)
        for password in (WRONG, PASSWORD):
            refused(sign_in(api, password=password), '"sign-in";q=5;w=60', 12)
        refused(sign_in(api, "ANA@Harbor.EXAMPLE"), '"sign-in"', 12)
        assert (entry_count(urls), len(units), len(hashed)) == before
        clock.wait(12)
        refused(sign_in(api), '"sign-in";q=5;w=60')
        assert len(units) == before[1] + 1
        assert (entry_count(urls), len(hashed)) == before[::2]

    def test_known_and_unknown_addresses_are_one_answer(self, api: Api):
        """Status, words and every header, try by try: nothing tells whose address it is."""
        answers: dict[str, list[Any]] = {}
        for email in ("ana@harbor.example", "nobody@harbor.example"):
            limit(api)
            told = answers.setdefault(email, [])
            for _ in range(8):
                answer = sign_in(api, email)
                own = answer.headers["x-request-id"]
                headers = sorted((n, v) for n, v in answer.headers.items() if n not in ("x-request-id", "date"))
                told.append((answer.status_code, answer.text.replace(own, "-"), headers))
        assert answers["ana@harbor.example"] == answers["nobody@harbor.example"]
        assert [told[0] for told in answers["ana@harbor.example"]] == [401] * 5 + [429] * 3

    def test_no_account_is_locked(self, api: Api):
        """While a guesser is refused, the person signs in from elsewhere at once, and others from the same place."""
        limit(api)
        guesser = api.at("192.0.2.7")
        for _ in range(5):
            problem(sign_in(guesser), 401, "invalid-credentials")
        refused(sign_in(guesser), '"sign-in"')
        good(sign_in(api.at("192.0.3.7"), password=PASSWORD), 201)
        good(sign_in(guesser, "ben@harbor.example", PASSWORD), 201)
        refused(sign_in(api.at("192.0.2.8"), password=PASSWORD), '"sign-in"')

    def test_failures_of_a_network_are_bounded(self, api: Api, urls: Urls, units: list[Any]):
        """Sixty in a quarter of an hour over all accounts, those that nobody has too; then strangers fill no ledger."""
        clock = limit(api, address=1000)
        guesser = api.at("192.0.2.7")
        for n in range(60):
            assert sign_in(guesser, f"person{n}@harbor.example").status_code == 401
        before = entry_count(urls), len(units)
        refused(sign_in(guesser, "person99@harbor.example"), '"sign-in-network";q=60;w=900', 15)
        refused(sign_in(guesser, password=PASSWORD), '"sign-in-network"', 15)
        assert (entry_count(urls), len(units)) == before
        good(sign_in(api.at("198.51.100.7"), password=PASSWORD), 201)
        clock.wait(15)
        refused(sign_in(guesser, password=PASSWORD), '"sign-in";q=5;w=60')  # the database waits the whole quarter
        assert len(units) > before[1]

    def test_a_success_gives_back_what_it_took(self, api: Api):
        """Signing in as often as one likes costs nothing; nor does it make up for failures."""
        limit(api)
        for _ in range(8):
            answer = sign_in(api, password=PASSWORD)
            good(answer, 201)
            assert answer.headers["ratelimit"] == '"sign-in";r=5;t=12'
        for n in range(5):
            good(sign_in(api, password=PASSWORD), 201)
            assert left(sign_in(api)) == 4 - n
        refused(sign_in(api), '"sign-in"')
        limits = api.client.app.state.limits
        assert limits.network.look(network_of("testclient")).left == 55

    def test_a_refusal_for_the_account_costs_the_network_nothing(self, api: Api):
        """Sixty tries at one account leave the office its own tries."""
        limit(api)
        for _ in range(70):
            sign_in(api)
        assert api.client.app.state.limits.network.look(network_of("testclient")).left == 55
        good(sign_in(api, "ben@harbor.example", PASSWORD), 201)

    def test_tries_at_the_same_time_are_counted(self, api: Api, hashed: list[str]):
        """Twenty at once: five are looked at, the others turned away before."""
        limit(api)
        with ThreadPoolExecutor(20) as pool:
            codes = sorted(answer.status_code for answer in pool.map(lambda _: sign_in(api), range(20)))
        assert codes == [401] * 5 + [429] * 15
        assert len(hashed) == 5

    def test_our_own_trouble_is_nobodys_failure(self, api: Api, monkeypatch: pytest.MonkeyPatch):
        """While the database is away people try again and again; when it is back they get in."""
        limit(api)
        with monkeypatch.context() as away:

            async def run(self: Lane, unit: Any) -> Any:
                raise Unavailable

            away.setattr(Lane, "run", run)
            for _ in range(7):
                problem(sign_in(api, password=PASSWORD), 503, "database-unavailable")
        good(sign_in(api, password=PASSWORD), 201)

    def test_a_wrong_password_counts_even_when_its_entry_cannot_be_kept(
        self, api: Api, monkeypatch: pytest.MonkeyPatch
    ):
        """Filling the queue at the right moment buys no guesses."""
        limit(api)

        def full(db: Any, user_id: Any) -> None:
            raise Unavailable

        monkeypatch.setattr(api_sign_in, "note_refusal", full)
        for _ in range(5):
            problem(sign_in(api), 503, "database-unavailable")
        refused(sign_in(api), '"sign-in"')

    def test_signing_out_and_wrong_shapes_are_no_failures(self, api: Api):
        """Only a password that was looked at and found wrong counts."""
        limit(api)
        for _ in range(7):
            problem(api.post(None, "/v1/sessions", {"email": "ana@harbor.example"}), 422, "invalid", "/password")
        token = good(sign_in(api, password=PASSWORD), 201)["access_token"]
        done(api(None, "DELETE", "/v1/sessions/current", headers={"authorization": f"Bearer {token}"}))
        assert left(sign_in(api)) == 4

    def test_no_address_is_held_in_memory(self, api: Api):
        """The keys are tags and networks: neither who tried nor from which machine can be read out of them."""
        limit(api)
        sign_in(api.at("192.0.2.7"))
        limits = api.client.app.state.limits
        for policy in (limits.address, limits.account, limits.network):
            assert len(policy) == 1
            assert b"ana" not in repr(list(policy._until)).encode()
            assert "192" not in repr(list(policy._until))
