"""How messages are framed: what is read, what is refused, and that others read the same (faults 30 and 35)."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h11
import pytest

from tests.api.framings import HONEST, HOSTILE
from tests.api.wire import Impatient, Wire, serving, statuses
from tests.cli import proxies
from tests.cli.proxies import NAME, Proxy
from tests.world import World

OURS = b"x-request-id: "  # in every answer of the application, in none of the protocol's or a proxy's own
BARE = b"content-length: 0\r\nconnection: close\r\n\r\n"


LENGTHS_AND_CODINGS = [
    "length, chunked", "chunked, length", "LENGTH, cHUNKED", "length 0, chunked", "length, identity", "equal lengths",
    "Chunked", "identity", "gzip, chunked", "chunked, gzip", "chunked, chunked", "chunked twice", "chunked and a comma",
]  # fmt: skip

#: Read here as RFC 9112 2.2 wants it, and refused by h11.
STRICTER = {"blank lines before"}


@pytest.fixture
def kind() -> str:
    """The protocol does not care which database is behind it."""
    return "sqlite"


@pytest.fixture
def wire(world: World) -> Iterator[Wire]:
    """The service, with short patience."""
    with serving(world, Impatient, public_url=f"https://{NAME}", trusted_proxies=["127.0.0.1"]) as running:
        yield running


def test_honest_messages_are_read(wire: Wire) -> None:
    """Each as so many requests, each answered by the application, and none more."""
    wrong = {}
    for name, (sent, wanted) in HONEST.items():
        before = len(wire.asked)
        answer = wire.talk(sent, silence=0.2, answers=wanted)
        read, asked = answer.count(OURS), len(wire.asked) - before
        if not (len(statuses(answer)) == read == asked == wanted):
            wrong[name] = statuses(answer), asked, wanted
    assert not wrong


def test_hostile_messages_are_refused(wire: Wire) -> None:
    """With one bare 400 and a closed connection. No handler sees a body of it whole, nor what hides behind it."""
    wrong = {}
    for name, sent in HOSTILE.items():
        before = len(wire.asked)
        answer = wire.talk(sent, answers=1)
        asked = wire.since(before)
        bare = answer.endswith(BARE) and statuses(answer) in ([400], [431])
        if not bare and (name, answer) != ("method of 10 MB", b""):  # reset while it still pours
            wrong[name] = answer[:60], asked
        elif asked:
            wrong[name] = "reached a handler", asked
    assert not wrong


class Lenient(Impatient):
    """The protocol over a parser that minds nothing about lengths and codings."""

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self.parser.set_dangerous_leniencies(lenient_chunked_length=True, lenient_transfer_encoding=True)


def test_lengths_and_codings_are_not_left_to_the_parser(world: World) -> None:
    """Should the parser ever take a length beside a coding, or an odd coding: they are refused all the same."""
    with serving(world, Lenient) as wire:
        for name in LENGTHS_AND_CODINGS:
            assert statuses(wire.talk(HOSTILE[name], answers=1)) == [400], name
        assert not wire.asked


def as_h11(sent: bytes) -> list[bytes]:
    """The bodies of the requests that h11 reads before it objects or wants more."""
    reader, bodies, body = h11.Connection(h11.SERVER), [], b""
    reader.receive_data(sent)
    try:
        while True:
            event = reader.next_event()
            if isinstance(event, h11.Data):
                body += bytes(event.data)
            elif isinstance(event, h11.EndOfMessage):
                bodies.append(body)
                body = b""
                reader.send(h11.Response(status_code=404, headers=[("content-length", "0")]))
                reader.send(h11.EndOfMessage())
                if reader.our_state is h11.MUST_CLOSE:
                    return bodies
                reader.start_next_cycle()
            elif event in (h11.NEED_DATA, h11.PAUSED) or isinstance(event, h11.ConnectionClosed):
                return bodies
    except h11.RemoteProtocolError:
        return bodies


def test_h11_reads_the_same(wire: Wire) -> None:
    """Whatever is read here, another reader of HTTP reads as the same requests with the same bodies."""
    wrong, compared = {}, 0
    for name, sent in {n: s for n, (s, _) in HONEST.items()}.items() | HOSTILE.items():
        before, theirs = len(wire.asked), as_h11(sent)
        answered = wire.talk(sent, answers=len(theirs)).count(OURS)
        ours = [asked.body for asked in wire.since(before)]
        compared += answered
        seen = [o for o, t in zip(ours, theirs[:answered], strict=False) if o and o != t]
        if seen or (len(theirs) < answered and name not in STRICTER):
            wrong[name] = answered, ours, theirs
    assert compared > 30
    assert not wrong


@pytest.fixture(params=proxies.KINDS)
def proxy(request: pytest.FixtureRequest, wire: Wire, tmp_path: Path) -> Iterator[Proxy]:
    """A real proxy in front of it."""
    with proxies.in_front_of(request.param, f"127.0.0.1:{wire.port}", tmp_path / request.param) as running:
        yield running


def test_proxies_read_the_same(wire: Wire, proxy: Proxy) -> None:
    """Whatever a proxy forwards is read here as that very number of requests; and what is read here directly is never
    more than what the proxy would have seen in the same bytes."""
    wrong, forwarded = {}, 0
    for name, sent in {n: s for n, (s, _) in HONEST.items()}.items() | HOSTILE.items():
        for silence in (0.3, 3.0):  # once more, in case an answer only came late
            found = _through(wire, proxy, sent.replace(b"127.0.0.1", NAME.encode()), silence)
            if fine := _same(found, alone=name == "0.9" and proxy.kind == "nginx"):
                break
        forwarded += found["asked"]
        if not fine:
            wrong[name] = found
    assert forwarded > 30
    assert not wrong


def _through(wire: Wire, proxy: Proxy, sent: bytes, silence: float) -> dict[str, int]:
    """What becomes of a message behind a proxy, and without."""
    before = len(wire.asked)
    answer = proxy.raw(sent, silence=silence)
    return {
        "answers": len(re.findall(rb"(?m)^HTTP/1\.[01] \d\d\d ", answer)),
        "ours": len(re.findall(b"(?i)" + OURS, answer)),  # of the application
        "asked": len(wire.since(before)),
        "directly": wire.talk(sent, silence=silence).count(OURS),
    }


def _same(found: dict[str, int], *, alone: bool) -> bool:
    """Each request forwarded was asked once and answered; the proxy itself had at most the last word; and no more was
    read directly. `alone`: the answer has no head to count (nginx speaks HTTP/0.9)."""
    ours = found["asked"] if alone else found["ours"]
    return ours == found["asked"] and ours >= found["answers"] - 1 and (ours == 0 or found["directly"] <= ours)
