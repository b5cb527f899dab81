"""Waypost behind the real nginx and Caddy, with the files of docs/proxy."""

import json
import os
import re
import signal
import socket
import ssl
import time
import warnings
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import ClassVar

import httpx2
import pytest

from api.middleware import ALWAYS
from tests.cli import proxies
from tests.cli.program import Program, Service
from tests.cli.proxies import CLIENT, KINDS, NAME, Proxy
from tests.world import PASSWORD, TEMPLATE, World

SETTINGS = {
    "WAYPOST_ENV": "production",
    "WAYPOST_PUBLIC_URL": f"https://{NAME}",
    "WAYPOST_TRUSTED_PROXIES": '["127.0.0.1"]',
}
ANA = {"email": "ana@harbor.example", "password": PASSWORD}
ONCE = {
    *(name.decode() for name, _ in ALWAYS),
    "content-security-policy",
    "cache-control",
    "x-request-id",
    "content-type",
}


@pytest.fixture
def kind() -> str:
    """A proxy does not care which database is behind it."""
    return "sqlite"


@pytest.fixture(params=KINDS)
def brand(request: pytest.FixtureRequest) -> str:
    """Which proxy."""
    proxies.program_for(request.param)
    return str(request.param)


@pytest.fixture
def service(program: Program, brand: str) -> Iterator[Service]:
    """The service as it stands behind a proxy."""
    with program.serving(**SETTINGS) as running:
        yield running


@pytest.fixture
def proxy(service: Service, brand: str, tmp_path: Path) -> Iterator[Proxy]:
    """The proxy in front of it."""
    with proxies.in_front_of(brand, service.url.removeprefix("http://"), tmp_path / brand) as running:
        yield running


@pytest.fixture
def ana(proxy: Proxy) -> Iterator[httpx2.Client]:
    """Ana, signed in over https, who claims to be somewhere else and came with a query."""
    claims = {"x-forwarded-for": "203.0.113.9", "forwarded": "for=203.0.113.9", "x-real-ip": "203.0.113.9"}
    with proxy.client(**claims) as client:
        signed_in = client.post("/v1/sessions", json=ANA)
        assert signed_in.status_code == 201, signed_in.text
        client.headers["authorization"] = f"Bearer {signed_in.json()['access_token']}"
        yield client


def served(service: Service, route: str = "") -> int:
    """How many requests reached the application, by its own log lines."""
    lines = [line for line in map(json.loads, _log(service)) if line["event"] == "request"]
    return len([line for line in lines if line["route"] == (route or line["route"])])


def _log(service: Service) -> list[str]:
    time.sleep(0.05)  # a request is told after it was answered
    return (service.folder / "err").read_text().splitlines()


def a_problem(answer: httpx2.Response, status: int) -> dict[str, object]:
    """The answer is a problem of this status, dressed as Waypost's own are, each header once."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["status"] == status
    for name in ("strict-transport-security", "x-content-type-options", "content-security-policy", "cache-control"):
        assert len(answer.headers.get_list(name)) == 1, (name, answer.headers)
    assert answer.headers["cache-control"] == "no-store"
    return dict(answer.json())


class TestHonestUse:
    def test_an_advocates_main_job(self, ana: httpx2.Client, proxy: Proxy, service: Service, world: World) -> None:
        """Sign-in, a client and a plan over https; every header once; the ledger has the caller's real address; and
        the proxy has written down neither query nor token nor id nor a word of it."""
        client = ana.post("/v1/clients", json={"alias": "Wren of the long marsh"}).json()["id"]
        made = ana.post(f"/v1/clients/{client}/plans", json={"template_id": str(TEMPLATE)})
        assert made.status_code == 201
        read = ana.get(f"/v1/plans/{made.json()['id']}")
        assert read.json()["sections"]
        listed = ana.get("/v1/clients?status=open&limit=3")
        refused = ana.get("/v1/clients?colour=blue")
        assert [listed.status_code, refused.status_code] == [200, 422]
        for answer in (made, read, listed, refused):
            assert {n: len(answer.headers.get_list(n)) for n in ONCE} == dict.fromkeys(ONCE, 1), answer.headers
            assert not re.search(r"\d", answer.headers.get("server", "")), "no version is named"
        whole = ana.get("/openapi.json")
        assert len(whole.content) == len(httpx2.get(f"{service.url}/openapi.json").content) > 300_000
        addresses = {e["where"]["ip"] for e in world.entries() if e["who"]["kind"] == "person"}
        assert addresses == {CLIENT}
        ana.get("/v1/caseload?limit=3", headers={"host": f"{NAME}:1"})
        ana.get("/v1/caseload?limit=3", headers={"host": "other.example"})
        self._tells_nothing(proxy, [ana.headers["authorization"][7:], client, made.json()["id"], "marsh", "colour"])

    def _tells_nothing(self, proxy: Proxy, words: list[str]) -> None:
        assert len(proxy.access_lines()) >= 6, "the log was looked for in the wrong place"
        for word in [*words, "?", "limit=3", "Bearer", "ana@", PASSWORD, CLIENT, "203.0.113.9"]:
            assert word not in "\n".join(proxy.access_lines()), word
        for word in [*words, "limit=3", "Bearer", "ana@", PASSWORD]:
            assert word not in proxy.written(), word

    def test_a_request_can_be_followed(self, ana: httpx2.Client, proxy: Proxy, service: Service) -> None:
        """The line of nginx names the request as Waypost's line does. (Caddy 2.6 cannot log a header of the answer.)"""
        said = ana.get("/v1/me").headers["x-request-id"]
        assert said in "\n".join(_log(service))
        if proxy.kind == "nginx":
            assert said in proxy.access_lines()[-1]

    def test_addresses_cannot_be_claimed_past_it(self, service: Service, world: World) -> None:
        """The proxy's address is believed, nobody else's."""
        direct = httpx2.HTTPTransport(local_address="127.0.0.3")
        with httpx2.Client(base_url=service.url, transport=direct) as client:
            client.headers["x-forwarded-for"] = "203.0.113.9"
            assert client.post("/v1/sessions", json=ANA).status_code == 201
        assert {e["where"]["ip"] for e in world.entries() if e["who"]["kind"] == "person"} == {"127.0.0.3"}


class TestTls:
    def test_only_what_is_recommended(self, proxy: Proxy) -> None:
        """TLS 1.3, and of 1.2 the suites with forward secrecy and authenticated encryption; no older version."""

        def agreed(version: ssl.TLSVersion, suites: str = "ALL:@SECLEVEL=0") -> str:
            context = ssl.create_default_context(cafile=str(proxy.folder / "authority.pem"))
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", DeprecationWarning)  # of asking for old versions
                context.minimum_version = context.maximum_version = version
            context.set_ciphers(suites)
            with (
                socket.create_connection(("127.0.0.1", proxy.port), timeout=10) as bare,
                context.wrap_socket(bare, server_hostname=NAME) as line,
            ):
                return str((line.cipher() or ("",))[0])

        assert agreed(ssl.TLSVersion.TLSv1_3).startswith("TLS_")
        assert "ECDHE" in agreed(ssl.TLSVersion.TLSv1_2)
        for suite in ("ECDHE-ECDSA-AES256-GCM-SHA384", "ECDHE-ECDSA-AES128-GCM-SHA256"):
            assert agreed(ssl.TLSVersion.TLSv1_2, suite) == suite
        for version, suites in (
            (ssl.TLSVersion.TLSv1_1, "ALL:@SECLEVEL=0"),
            (ssl.TLSVersion.TLSv1, "ALL:@SECLEVEL=0"),
            (ssl.TLSVersion.TLSv1_2, "ECDHE-ECDSA-AES256-SHA384:ECDHE-ECDSA-AES128-SHA:@SECLEVEL=0"),
        ):
            with pytest.raises(OSError, match=r"alert|eof|EOF|reset|NO_PROTOCOLS|UNSUPPORTED"):
                agreed(version, suites)


#: A connection for each: one whose body was refused half-read is closed, and must not carry the next request.
ALONE = {"content-type": "application/json", "connection": "close"}


class TestLargeAndSlow:
    def test_one_byte_too_many(self, ana: httpx2.Client, service: Service) -> None:
        """A body beyond our limit is refused in our words; nothing of it touched the proxy's disk."""
        for content in (b" " * ((1 << 20) + 1), iter([b" " * 65_536] * 17)):
            answer = ana.post("/v1/clients", content=content, headers=ALONE)
            assert a_problem(answer, 413)["code"] == "body-too-large"
            assert answer.json()["request_id"] == answer.headers["x-request-id"]
        whole = ana.post("/v1/clients", content=b" " * (1 << 20), headers=ALONE)
        assert whole.status_code in (400, 422), "one byte less is read"

    def test_far_too_many(self, ana: httpx2.Client, proxy: Proxy, service: Service) -> None:
        """Several times the limit is refused in the same form, whole or in pieces of unknown number. nginx leaves all
        of it to Waypost; Caddy, which would lose the answer to a body that is never read, refuses the largest."""
        before = served(service, "/v1/clients")
        for size in (2 << 20, 4 << 20, 4 << 20):
            answer = ana.post("/v1/clients", content=b" " * size, headers=ALONE)
            a_problem(answer, 413)
        assert served(service, "/v1/clients") - before == {"nginx": 3, "caddy": 1}[proxy.kind]
        pieces = (b" " * 65_536 for _ in range(64))
        a_problem(ana.post("/v1/clients", content=pieces, headers=ALONE), 413)


class Recorder(BaseHTTPRequestHandler):
    """A service that keeps what a proxy sent it, and answers with eight megabytes."""

    protocol_version = "HTTP/1.1"
    heard: ClassVar[list[tuple[int, list[tuple[str, str]]]]] = []

    def do_GET(self) -> None:
        """Note the connection and the headers."""
        self.heard.append((self.client_address[1], [(name.lower(), value) for name, value in self.headers.items()]))
        self.send_response(200)
        self.send_header("content-length", str(8 << 20))
        self.end_headers()
        self.wfile.write(bytes(8 << 20))

    def log_message(self, *_: object) -> None:
        """Silence."""


class TestWhatWaypostGets:
    """The proxy's own request, as it leaves it."""

    @pytest.fixture
    def bare(self, brand: str, tmp_path: Path) -> Iterator[Proxy]:
        """The proxy in front of the recorder."""
        Recorder.heard.clear()
        with ThreadingHTTPServer(("127.0.0.1", 0), Recorder) as server:
            server.daemon_threads = True
            Thread(target=server.serve_forever, daemon=True).start()
            upstream = f"127.0.0.1:{server.server_address[1]}"
            with proxies.in_front_of(brand, upstream, tmp_path / brand) as running:
                yield running
            server.shutdown()

    def test_headers_and_connections(self, bare: Proxy) -> None:
        """One X-Forwarded-For with the one true address, no Forwarded, the host it was called by, nothing of the hop;
        and many requests over few connections."""
        claims = {"x-forwarded-for": "203.0.113.9", "forwarded": "for=203.0.113.9", "connection": "upgrade, close"}
        for _ in range(6):
            with bare.client(**claims, upgrade="h2c") as client:
                assert client.get("/").status_code == 200
        for _, headers in Recorder.heard:
            values = {name: [v for n, v in headers if n == name] for name, _ in headers}
            assert values["x-forwarded-for"] == [CLIENT]
            assert values["host"] in ([NAME], [f"{NAME}:{bare.port}"])
            assert "forwarded" not in values
            assert "close" not in values.get("connection", [])
            if bare.kind == "nginx":  # Caddy hands an upgrade on, and Waypost refuses it
                assert "upgrade" not in values
        assert len(Recorder.heard) == 6
        assert len({connection for connection, _ in Recorder.heard}) < 6

    def test_slow_readers(self, bare: Proxy) -> None:
        """An answer that its reader is slow to take waits in memory or at Waypost, not on disk (that would fail)."""
        with bare.client() as client, client.stream("GET", "/") as answer:
            time.sleep(1)
            assert sum(len(part) for part in answer.iter_raw()) == 8 << 20
        assert "spool" not in bare.written()


class TestWithoutWaypost:
    def test_gone_and_back(self, program: Program, ana: httpx2.Client, proxy: Proxy, service: Service) -> None:
        """Waypost down: a problem that says to try again. Up again: served at once."""
        assert service.stop() == 0
        problem = ana.get("/v1/caseload?limit=7")
        assert a_problem(problem, 502)["retryable"] is True
        assert problem.headers["retry-after"] == "5"
        assert "limit=7" not in proxy.written()
        with program.serving(**SETTINGS, WAYPOST_PORT=service.url.rpartition(":")[2]):
            assert ana.get("/v1/caseload").status_code == 200

    def test_frozen(self, program: Program, brand: str, tmp_path: Path) -> None:
        """Waypost silent: the caller is told, in the end."""
        limit = {"nginx": "proxy_read_timeout          35s", "caddy": "response_header_timeout 35s"}[brand]
        changed = {limit: limit.replace("35s", "1s")}
        with program.serving(**SETTINGS) as service:
            upstream = service.url.removeprefix("http://")
            with proxies.in_front_of(brand, upstream, tmp_path / brand, **changed) as proxy, proxy.client() as client:
                assert client.get("/health/live").status_code == 200
                os.kill(service.process.pid, signal.SIGSTOP)
                assert a_problem(client.get("/v1/caseload?limit=7"), 504)["retryable"] is True
                os.kill(service.process.pid, signal.SIGCONT)
                assert client.get("/health/live").status_code == 200
                assert "limit=7" not in proxy.written()


POST = b"POST /v1/sessions HTTP/1.1\r\nHost: " + NAME.encode() + b"\r\nContent-Type: application/json\r\n"
GET = b"GET /health/live HTTP/1.1\r\nHost: " + NAME.encode() + b"\r\n"
HIDDEN = b"GET /v1/me HTTP/1.1\r\nHost: " + NAME.encode() + b"\r\n\r\n"
CHUNKED = b"Transfer-Encoding: chunked\r\n"

#: name: bytes, and what each proxy makes of it: it refuses (R), or forwards so many clean requests.
SMUGGLING = {
    "content-length and chunked": (POST + b"Content-Length: 5\r\n" + CHUNKED + b"\r\n0\r\n\r\n" + HIDDEN, "R", 2),
    "chunked and content-length": (POST + CHUNKED + b"Content-Length: 5\r\n\r\n0\r\n\r\n" + HIDDEN, "R", 2),
    "chunked twice": (POST + CHUNKED + CHUNKED + b"\r\n0\r\n\r\n" + HIDDEN, "R", "R"),
    "an unknown coding": (POST + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n" + HIDDEN, "R", "R"),
    "two lengths": (POST + b"Content-Length: 0\r\nContent-Length: 44\r\n\r\n" + HIDDEN, "R", "R"),
    "a signed length": (POST + b"Content-Length: +0\r\n\r\n" + HIDDEN, "R", "R"),
    "two hosts": (GET + b"Host: other.example\r\n\r\n", "R", "R"),
    "no host": (b"GET /health/live HTTP/1.1\r\n\r\n", "R", "R"),
    "a folded header": (GET + b"X-A: 1\r\n Transfer-Encoding: chunked\r\n\r\n", "R", 1),
    "a blank before the colon": (POST + b"Content-Length : 5\r\n\r\n" + HIDDEN, "R", "R"),
    "bare line feeds": (b"GET /health/live HTTP/1.1\nHost: " + NAME.encode() + b"\n\n", 1, 1),
    "a carriage return alone": (GET + b"X-A: 1\rTransfer-Encoding: chunked\r\n\r\n", "R", "R"),
    "a NUL": (GET + b"X-A: 1\x002\r\n\r\n", "R", "R"),
}


def test_nothing_is_smuggled(proxy: Proxy, service: Service) -> None:
    """What can be read in two ways is refused by the proxy with 4xx or 501, or forwarded as what the proxy itself took it
    for: the application sees exactly the requests that the proxy answered, in the proxy's own clean framing."""
    wrong = []
    for name, (sent, *wanted) in SMUGGLING.items():
        expected, before = wanted[KINDS.index(proxy.kind)], served(service)
        answers = 1 if expected == "R" else int(expected)
        said = proxy.raw(sent, silence=0.7, answers=answers)
        answered = [int(status) for status in re.findall(rb"HTTP/1\.1 (\d\d\d) ", said)]
        reached = served(service) - before
        refused = len(answered) == 1 and (400 <= answered[0] < 500 or answered[0] == 501) and not reached
        if not (refused if expected == "R" else len(answered) == reached == expected):
            wrong.append((name, expected, answered, reached))
    assert not wrong
