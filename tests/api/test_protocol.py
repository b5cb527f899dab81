"""The HTTP protocol under hostile hands, over raw sockets to a real server (faults 30, 36 to 38)."""

import json
import socket
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, suppress

import pytest

from api.metrics import WAITING
from api.protocol import MOST_PIPELINED, HardenedProtocol
from tests.api.wire import GOOD, Impatient, Wire, serving, statuses
from tests.world import PASSWORD, World

HOST = b"Host: 127.0.0.1\r\n"
JSON = b"Content-Type: application/json\r\n"
SIGN_IN = b"POST /v1/sessions HTTP/1.1\r\n" + HOST + JSON
NO_TOKEN = b"POST /v1/clients HTTP/1.1\r\n" + HOST + JSON  # refused before its body is read
CHUNKED = b"Transfer-Encoding: chunked\r\n\r\n"


class Waiting(HardenedProtocol):
    """The protocol with time enough for a crowd to gather."""

    headers_within = body_within = read_within = 8.0


@pytest.fixture
def kind() -> str:
    """The protocol does not care which database is behind it."""
    return "sqlite"


@pytest.fixture
def wire(world: World) -> Iterator[Wire]:
    """The service, with short patience."""
    with serving(world, Impatient) as running:
        yield running


@pytest.fixture
def calm(world: World) -> Iterator[Wire]:
    """The service, with patience: what it cuts, it cuts for other reasons than time."""
    with serving(world, Waiting, idle=30) as running:
        yield running


@pytest.fixture
def token(wire: Wire) -> bytes:
    """Ana's."""
    body = json.dumps({"email": "ana@harbor.example", "password": PASSWORD}).encode()
    answer = wire.talk(SIGN_IN + b"Content-Length: %d\r\n\r\n" % len(body) + body, answers=1)
    return str(json.loads(answer.partition(b"\r\n\r\n")[2])["access_token"]).encode()


def pour(line: socket.socket, piece: bytes, most: int) -> int:
    """Send the piece again and again; how many bytes went before the other side had enough."""
    sent = 0
    with suppress(OSError):
        while sent < most:
            sent += line.send(piece)
    return sent


def cut(line: socket.socket, within: float) -> float:
    """Seconds until the other side closes; what it says meanwhile is dropped."""
    began = time.monotonic()
    line.settimeout(within)
    with suppress(ConnectionError):
        while line.recv(65_536):
            pass
    return time.monotonic() - began


class TestHosts:
    def test_an_unknown_host_is_not_served(self, calm: Wire) -> None:
        """A valid Host that is not ours gets 421."""
        calm.gives([421], GOOD.replace(b"127.0.0.1", b"evil.example"))


class TestPipelining:
    def test_answers_come_in_order(self, calm: Wire) -> None:
        """Ten requests in one packet get their ten answers, in their order."""
        paths = [b"/health/live", b"/nothing", b"/docs", b"/v1/me", b"/health/ready"] * 2
        asked = b"".join(b"GET " + path + b" HTTP/1.1\r\n" + HOST + b"\r\n" for path in paths)
        calm.gives([200, 404, 200, 401, 200] * 2, asked)

    def test_is_bounded(self, calm: Wire) -> None:
        """Of a thousand in one go the first are answered, then the connection ends; the rest were never kept."""
        with calm.connect() as line:
            line.sendall(GOOD * 1000)
            assert cut(line, 5) < 5
        assert len(calm.since(0)) <= MOST_PIPELINED + 1
        calm.gives([200] * MOST_PIPELINED, GOOD * MOST_PIPELINED)

    def test_a_bad_one_does_not_take_the_good_ones_answer(self, calm: Wire) -> None:
        """What came before a malformed message is answered; the malformed one ends the connection unanswered."""
        for bad in (
            b"GET / HTTP/1.1\r\n\r\n",
            b"\x00\x01\r\n\r\n",
            SIGN_IN + b"Content-Length: 0\r\n" + CHUNKED + GOOD,
        ):
            with calm.connect() as line:
                line.sendall(GOOD + bad)
                line.settimeout(3)
                received = b""
                while got := line.recv(65_536):
                    received += got
            assert statuses(received) == [200], bad
        assert len(calm.since(0)) == 3


class TestFloods:
    HEAD = b"GET /health/live HTTP/1.1\r\n" + HOST

    def test_many_headers(self, calm: Wire) -> None:
        """64 headers and more are refused, 63 are not."""
        few, many = (b"".join(b"X-%d: 1\r\n" % n for n in range(count)) for count in (61, 63))
        calm.gives([200], self.HEAD + few + b"\r\n")
        calm.gives([431], self.HEAD + many + b"\r\n")

    def test_many_bytes(self, calm: Wire) -> None:
        """More than 16 KiB of headers are refused, in one or in many."""
        calm.gives([200], self.HEAD + b"X: " + b"a" * 15_000 + b"\r\n\r\n")
        calm.gives([431], self.HEAD + b"X: " + b"a" * 17_000 + b"\r\n\r\n")
        calm.gives([431], self.HEAD + (b"X: " + b"a" * 1_000 + b"\r\n") * 17 + b"\r\n")

    @pytest.mark.parametrize(
        "endless",
        [
            GOOD[:-4] + b"\r\nX: ",
            GOOD[:-4] + b"\r\nX",
            b"GET /",
            SIGN_IN + CHUNKED + b"2\r\n{}\r\n0\r\nx-t: ",
            SIGN_IN + CHUNKED + b"2;",
            SIGN_IN + CHUNKED + b"0",
        ],
        ids=["value", "name", "address", "trailer", "extension", "size"],
    )
    def test_what_never_ends_is_cut(self, calm: Wire, endless: bytes) -> None:
        """Long before its sender is tired, and before much of it was kept."""
        with calm.connect() as line:
            line.sendall(endless)
            piece = (b"0" if endless.endswith(b"0") else b"a") * 16_384
            assert pour(line, piece, 64 << 20) < 8 << 20  # what the kernel holds included

    def test_endless_blank_lines(self, calm: Wire) -> None:
        """Blank lines before a request are not for ever."""
        with calm.connect() as line:
            assert pour(line, b"\r\n" * 8_192, 64 << 20) < 8 << 20

    def test_byte_by_byte(self, calm: Wire) -> None:
        """A header in drops is counted as one in one piece."""
        with calm.connect() as line:
            line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            line.sendall(self.HEAD + b"X: ")
            assert pour(line, b"a", 200_000) < 100_000

    def test_long_address(self, calm: Wire) -> None:
        """An address beyond 4 KiB is refused, in one piece or several."""
        calm.gives([404], b"GET /" + b"a" * 4_000 + b" HTTP/1.1\r\n" + HOST + b"\r\n")
        calm.gives([414], b"GET /" + b"a" * 4_200 + b" HTTP/1.1\r\n" + HOST + b"\r\n")
        calm.gives([414], b"GET /" + b"a" * 2_100, b"a" * 2_100 + b" HTTP/1.1\r\n", pause=0.05)

    def test_a_second_request_is_counted_too(self, calm: Wire) -> None:
        """Sixty kilobytes of header behind a first request in one packet are refused."""
        calm.gives([200], GOOD + GOOD[:-4] + b"\r\nX: " + b"a" * 60_000 + b"\r\n\r\n")


class TestBodies:
    def test_too_large_by_its_length(self, calm: Wire, world: World) -> None:
        """413 before a byte of it was sent."""
        for length in (b"131073", b"1073741824", b"18446744073709551615"):
            assert statuses(calm.talk(SIGN_IN + b"Content-Length: " + length + b"\r\n\r\n", answers=1))[:1] == [413]

    def test_too_large_in_chunks(self, calm: Wire) -> None:
        """413 as soon as it is clear; the rest is not read for long."""
        with calm.connect() as line:
            line.sendall(SIGN_IN + CHUNKED)
            chunk = b"10000\r\n" + b" " * 65_536 + b"\r\n"
            assert pour(line, chunk, 256 << 20) < 32 << 20
        assert [asked.status for asked in calm.asked] == [413]
        assert len(calm.asked[0].body) < 1 << 20

    def test_nobody_reads_what_was_refused_before(self, calm: Wire) -> None:
        """A gigabyte behind a missing token: 401, and the connection is cut before much of it was taken."""
        with calm.connect() as line:
            line.sendall(NO_TOKEN + b"Content-Length: 1073741824\r\n\r\n")
            assert pour(line, bytes(65_536), 1 << 30) < 32 << 20
        assert [(asked.status, asked.body) for asked in calm.asked] == [(401, b"")]

    def test_packed(self, calm: Wire) -> None:
        """No body is unpacked: 415."""
        for coding in (b"deflate", b"gzip", b"br", b"identity, gzip"):
            sent = SIGN_IN + b"Content-Encoding: " + coding + b"\r\nContent-Length: 2\r\n\r\n{}"
            calm.gives([415], sent)
        calm.gives([422], SIGN_IN + b"Content-Encoding: identity\r\nContent-Length: 2\r\n\r\n{}")

    def test_tiny_chunks(self, calm: Wire) -> None:
        """A body may be small and its framing large: that is bounded as well."""
        few, many = (b"1\r\n \r\n" * count for count in (2_000, 20_000))
        calm.gives([422], SIGN_IN + CHUNKED + few + b"2\r\n{}\r\n0\r\n\r\n")
        calm.gives([400], SIGN_IN + CHUNKED + many + b"2\r\n{}\r\n0\r\n\r\n")

    def test_blanks_behind_a_value(self, calm: Wire) -> None:
        """They do not belong to it (RFC 9112 5)."""
        head = SIGN_IN.replace(b"json\r\n", b"json \t\r\n").replace(b"127.0.0.1", b"127.0.0.1 ")
        calm.gives([422], head + b"Content-Length: 2 \t\r\n\r\n{}")

    def test_continue(self, calm: Wire) -> None:
        """Who asks for leave to send a body gets it when somebody wants to read it."""
        head = SIGN_IN + b"Expect: 100-continue\r\nContent-Length: 2\r\n\r\n"
        calm.gives([100, 422], head, b"{}", pause=0.2)

    def test_no_leave_no_next_request(self, calm: Wire) -> None:
        """Who was refused instead may take the line for free: what she sends then is not read as a body nor as a
        request, for nobody can know which it is."""
        head = NO_TOKEN + b"Expect: 100-continue\r\nContent-Length: %d\r\n\r\n" % len(GOOD)
        calm.gives([401], head, GOOD, GOOD, pause=0.2)
        assert len(calm.asked) == 1


class TestSlowness:
    def test_headers_in_drops(self, wire: Wire) -> None:
        """Whoever takes too long over the headers is told so and cut."""
        answer = wire.talk(*[bytes([byte]) for byte in GOOD[:30]], pause=0.04)
        assert statuses(answer) == [408]

    def test_silence(self, wire: Wire) -> None:
        """A connection on which nothing was said is closed without a word: it would be taken for a later answer."""
        with wire.connect() as line:
            assert line.recv(100) == b""

    def test_body_in_drops(self, wire: Wire) -> None:
        """Whoever announces a body and sends it in drops is told so and cut, however steady the drops."""
        head = SIGN_IN + b"Content-Length: 100\r\n\r\n{"
        wire.gives([408], head, *[b" "] * 12, pause=0.1)

    def test_a_body_that_never_comes_after_its_answer(self, wire: Wire) -> None:
        """Answered once, cut in time; there is no second answer that the next request could be given."""
        with wire.connect() as line:
            line.sendall(NO_TOKEN + b"Content-Length: 5\r\n\r\n")
            line.settimeout(3)
            received = b""
            while got := line.recv(65_536):
                received += got
        assert statuses(received) == [401]

    def test_a_broken_body_after_its_answer(self, wire: Wire) -> None:
        """The same when it comes and is malformed."""
        with wire.connect() as line:
            line.sendall(NO_TOKEN + CHUNKED)
            received = line.recv(65_536)
            line.sendall(b"nonsense\r\n\r\n")
            line.settimeout(3)
            while got := line.recv(65_536):
                received += got
        assert statuses(received) == [401]

    @pytest.mark.parametrize("then", [b"", b"\r\n"], ids=["silent", "blank lines"])
    def test_idle(self, wire: Wire, then: bytes) -> None:
        """A line kept open for a next request that does not come is closed, blank lines or not."""
        with wire.connect() as line:
            line.sendall(GOOD)
            assert b"ok\n" in line.recv(65_536)
            began = time.monotonic()
            if then:
                pour_slowly(line, then, 3)
            assert cut(line, 3) < 3
            assert time.monotonic() - began < 2.5

    def test_idle_after_a_late_body(self, wire: Wire) -> None:
        """Nor does a body that came after its answer keep it open."""
        with wire.connect() as line:
            line.sendall(NO_TOKEN + b"Content-Length: 5\r\n\r\n")
            assert statuses(line.recv(65_536)) == [401]
            line.sendall(b"hello")
            assert cut(line, 3) < 2.5

    def test_who_does_not_read(self, wire: Wire) -> None:
        """Answers nobody takes are not kept for long."""
        with wire.connect(small=True) as line:
            line.sendall(b"GET /openapi.json HTTP/1.1\r\n" + HOST + b"\r\n")
            line.sendall((b"GET /openapi.json HTTP/1.1\r\n" + HOST + b"\r\n") * 15)
            wire.until_quiet(5)

    @pytest.mark.parametrize("last", [b"", GOOD[:-2] + b"Connection: close\r\n\r\n"], ids=["kept", "closed"])
    def test_who_does_not_read_a_little(self, world: World, last: bytes) -> None:
        """Nor is a rest that is too small to be noticed while the line is open."""
        with serving(world, Impatient, sndbuf=4_096) as wire, wire.connect(small=True) as line:
            for _ in range(400):
                line.sendall(GOOD)
                time.sleep(0.005)
                if rest := wire.unread():
                    break
            assert 0 < rest < 65_536
            line.sendall(last)
            wire.until_quiet(6)

    def test_who_stops_reading(self, world: World) -> None:
        """Nor what is left when somebody took most of it."""
        with serving(world, Impatient, sndbuf=4_096) as wire, wire.connect(small=True) as line:
            line.sendall(b"GET /openapi.json HTTP/1.1\r\n" + HOST + b"Connection: close\r\n\r\n")
            until(lambda: wire.unread() > 65_536)
            while wire.unread() > 16_000:
                line.recv(1_024)
            time.sleep(0.2)
            assert wire.unread() > 0
            wire.until_quiet(6)

    def test_a_slow_answer_is_not_the_callers_fault(self, wire: Wire, world: World, token: bytes) -> None:
        """Once a request is whole no clock runs against the one who waits for its answer."""
        asked = b"GET /v1/caseload HTTP/1.1\r\n" + HOST + b"Authorization: Bearer " + token + b"\r\n\r\n"
        with closing(sqlite3.connect(str(world.database.engine.url.database), isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            with wire.connect() as line:
                line.sendall(asked)
                time.sleep(1.5)
                other.execute("ROLLBACK")
                assert statuses(line.recv(65_536)) == [200]


def pour_slowly(line: socket.socket, piece: bytes, seconds: float) -> None:
    """The piece every tenth of a second until the other side closes."""
    until = time.monotonic() + seconds
    with suppress(OSError):
        while time.monotonic() < until:
            line.sendall(piece)
            time.sleep(0.1)


def test_two_hundred_slow_clients(world: World) -> None:
    """200 at once, who dribble their heads, dribble their bodies or never read: an honest client is served in less than
    a second all the while, and then they are gone."""
    kinds: list[tuple[bytes, bytes]] = [
        (GOOD[:-2] + b"X: ", b"a"),
        (SIGN_IN + b"Content-Length: 9000\r\n\r\n", b" "),
        (SIGN_IN + CHUNKED, b"1\r\n \r\n"),
        ((b"GET /openapi.json HTTP/1.1\r\n" + HOST + b"\r\n") * 12, b""),
    ]
    with serving(world, Waiting, sndbuf=16_384) as wire, ExitStack() as stack:
        wire.talk(kinds[3][0], answers=12)  # the first time the contract is put together
        crowd = []
        for number in range(200):
            first, drop = kinds[number % 4]
            line = stack.enter_context(wire.connect(small=not drop))
            line.sendall(first)
            line.settimeout(0)
            crowd.append((line, drop))
        until(lambda: wire.connections() >= 200)
        took, began = [], time.monotonic()
        while time.monotonic() - began < 2.5:
            for line, drop in crowd:
                with suppress(OSError):
                    line.send(drop)
            took.append(served_within(wire))
            assert wire.connections() >= 200
        assert max(took) < 1.0, took
        wire.until_quiet(20)


def served_within(wire: Wire) -> float:
    """Seconds until an honest client has her answer, connecting included."""
    began, received = time.monotonic(), b""
    with wire.connect() as line:
        line.sendall(GOOD)
        while not received.endswith(b"ok\n"):
            received += line.recv(65_536)
    return time.monotonic() - began


class TestGone:
    """Callers who go away leave nothing behind."""

    def test_while_their_requests_wait(self, wire: Wire, world: World, token: bytes) -> None:
        """Forty callers go while the database is held: no slot of the lane, no task and no connection stays, and nothing
        is done for those whose turn had not come."""
        head = b"GET /v1/caseload HTTP/1.1\r\n" + HOST + b"Authorization: Bearer " + token + b"\r\n\r\n"
        path = world.database.engine.url.database
        with closing(sqlite3.connect(str(path), isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            lines = [wire.connect() for _ in range(40)]
            for line in lines:
                line.sendall(head)
            until(lambda: WAITING._value.get() >= 30)
            for line in lines:
                line.close()
            time.sleep(0.2)
            other.execute("ROLLBACK")
        wire.until_quiet()
        until(lambda: WAITING._value.get() == 0)
        wire.gives([200], head)
        read = [entry for entry in world.entries() if entry["action"] == "caseload.read"]
        assert len(read) <= 2, "one had begun, one was asked just now"

    @pytest.mark.parametrize(
        "half",
        [
            b"GET /health/li",
            GOOD[:-2],
            SIGN_IN + b"Content-Length: 100\r\n\r\n{",
            SIGN_IN + CHUNKED + b"5\r\n{",
            (b"GET /openapi.json HTTP/1.1\r\n" + HOST + b"\r\n") * 3,
        ],
    )
    def test_in_the_middle(self, wire: Wire, half: bytes) -> None:
        """In the head, in the body, in the answer; by closing or by a reset."""
        for reset in (0, 1):
            for _ in range(10):
                line = wire.connect(small=True)
                line.sendall(half)
                if reset:
                    line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
                line.close()
        wire.until_quiet()
        assert WAITING._value.get() == 0
        wire.gives([200], GOOD)


def until(true: Callable[[], bool], within: float = 10.0) -> None:
    """Wait until something holds."""
    deadline = time.monotonic() + within
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.01)
