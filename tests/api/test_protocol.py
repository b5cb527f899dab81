"""The HTTP protocol under hostile hands, over raw sockets to a real server."""

import socket
import threading
import time
from collections.abc import Iterator

import pytest
import uvicorn

from api import protocol
from api.app import create_app
from api.protocol import HardenedProtocol
from api.settings import Environment, Settings
from tests.world import World

GOOD = b"GET /health/live HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"


@pytest.fixture
def kind() -> str:
    """The protocol does not care which database is behind it."""
    return "sqlite"


@pytest.fixture
def port(world: World, monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """A real server with short patience, on a free port."""
    monkeypatch.setattr(protocol, "HEADERS_WITHIN", 0.6)
    monkeypatch.setattr(protocol, "BODY_WITHIN", 0.6)
    listening = socket.create_server(("127.0.0.1", 0))
    app = create_app(Settings(env=Environment.TEST), world.database)
    config = uvicorn.Config(app, http=HardenedProtocol, ws="none", log_config=None, access_log=False)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield listening.getsockname()[1]
    server.should_exit = True
    thread.join(10)
    listening.close()


def talk(port: int, *parts: bytes, pause: float = 0.0) -> bytes:
    """Send the parts, read until the other side closes or falls silent for three seconds."""
    with socket.create_connection(("127.0.0.1", port), timeout=3) as line:
        received = b""
        try:
            for part in parts:
                line.sendall(part)
                time.sleep(pause)
            while got := line.recv(65536):
                received += got
                if received.endswith(b"ok\n") and len(parts) == 1:
                    break
        except (TimeoutError, ConnectionError):
            pass
        return received


def status(answer: bytes) -> int:
    return int(answer.split(b" ", 2)[1]) if answer else 0


class TestFraming:
    def test_a_plain_request_is_answered(self, port: int) -> None:
        """The hardening leaves honest requests alone."""
        assert status(talk(port, GOOD)) == 200

    @pytest.mark.parametrize(
        "head",
        [
            b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
            b"Content-Length: 5\r\nContent-Length: 5\r\n",
            b"Content-Length: 5\r\nContent-Length: 6\r\n",
            b"Content-Length: +5\r\n",
            b"Content-Length: 5, 5\r\n",
            b"Transfer-Encoding: gzip, chunked\r\n",
            b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
            b"Transfer-Encoding: xchunked\r\n",
            b"Transfer-Encoding: \x0bchunked\r\n",
            b"Upgrade: websocket\r\nConnection: Upgrade\r\n",
            b"Bad Header: 1\r\n",
            b"X: a\x00b\r\n",
        ],
    )
    def test_what_two_servers_could_read_in_two_ways_is_refused(self, port: int, head: bytes) -> None:
        """No ambiguous length or coding passes, and the request hidden behind it is never served."""
        smuggled = b"POST /v1/sessions HTTP/1.1\r\nHost: 127.0.0.1\r\n" + head + b"\r\n0\r\n\r\n" + GOOD
        answer = talk(port, smuggled)
        assert status(answer) == 400
        assert b"ok\n" not in answer

    @pytest.mark.parametrize(
        "hosts",
        [b"", b"Host: 127.0.0.1\r\nHost: 127.0.0.1\r\n", b"Host: \r\n", b"Host: a b\r\n", b"Host: evil/..\r\n"],
    )
    def test_exactly_one_valid_host(self, port: int, hosts: bytes) -> None:
        """A missing, doubled or malformed Host is refused."""
        assert status(talk(port, b"GET /health/live HTTP/1.1\r\n" + hosts + b"\r\n")) == 400

    def test_an_unknown_host_is_not_served(self, port: int) -> None:
        """A valid Host that is not ours gets 421."""
        assert status(talk(port, GOOD.replace(b"127.0.0.1", b"evil.example"))) == 421


class TestFloods:
    def test_many_headers(self, port: int) -> None:
        """5,000 headers are refused."""
        flood = b"".join(b"X-%d: 1\r\n" % n for n in range(500))
        assert status(talk(port, b"GET /health/live HTTP/1.1\r\nHost: 127.0.0.1\r\n" + flood + b"\r\n")) == 431

    def test_large_headers(self, port: int) -> None:
        """Two megabytes of one header are refused long before they have arrived."""
        head = b"GET /health/live HTTP/1.1\r\nHost: 127.0.0.1\r\nX: "
        assert status(talk(port, head, *[b"x" * 8192] * 4)) in (0, 431)

    def test_long_address(self, port: int) -> None:
        """An address of 10,000 characters is refused."""
        assert status(talk(port, b"GET /" + b"a" * 10_000 + b" HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")) == 414


class TestTrailers:
    HEAD = b"POST /v1/sessions HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked\r\n\r\n"

    def test_are_refused(self, port: int) -> None:
        """A header behind the body was checked by nobody: no trailer becomes one."""
        answer = talk(port, self.HEAD + b"2\r\n{}\r\n0\r\ncontent-type: application/json\r\n\r\n")
        assert status(answer) in (0, 400, 415)  # 0: cut without a word
        assert b" 422 " not in answer

    def test_without_end_are_cut(self, port: int) -> None:
        """A trailer line that never ends is not swallowed for long."""
        sent = 0
        with socket.create_connection(("127.0.0.1", port), timeout=3) as line:
            line.sendall(self.HEAD + b"2\r\n{}\r\n0\r\nx-t: ")
            try:
                while sent < 8 << 20:
                    sent += line.send(b"a" * 65_536)
                    time.sleep(0.001)
            except OSError:  # cut, as it should be
                pass
        assert sent < 4 << 20

    def test_a_second_request_is_counted_too(self, port: int) -> None:
        """Sixty kilobytes of header behind a first request in one packet are refused."""
        second = GOOD.replace(b"\r\n\r\n", b"\r\nX: " + b"a" * 60_000 + b"\r\n\r\n")
        answer = talk(port, GOOD + second, b"")
        assert answer.count(b" 200 ") <= 1


class TestSlowness:
    def test_headers_in_drops(self, port: int) -> None:
        """Whoever takes too long over the headers is cut."""
        began = time.monotonic()
        answer = talk(port, *[bytes([byte]) for byte in GOOD], pause=0.1)
        assert status(answer) in (0, 408)
        assert b"ok\n" not in answer
        assert time.monotonic() - began < 20

    def test_silence(self, port: int) -> None:
        """A connection on which nothing is said is closed."""
        with socket.create_connection(("127.0.0.1", port), timeout=5) as line:
            assert b"200" not in line.recv(100)

    def test_body_in_drops(self, port: int) -> None:
        """Whoever announces a body and does not send it is cut."""
        head = b"POST /v1/sessions HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
        answer = talk(port, head + b"Content-Length: 100\r\n\r\n{", b" ", b" ", pause=0.5)
        assert b" 201 " not in answer
        assert b" 500 " not in answer

    def test_others_are_served_meanwhile(self, port: int) -> None:
        """A hundred silent connections do not keep an honest one waiting."""
        silent = [socket.create_connection(("127.0.0.1", port)) for _ in range(100)]
        try:
            assert status(talk(port, GOOD)) == 200
        finally:
            for line in silent:
                line.close()
