"""A real server on a real socket, spoken to in bytes, that counts what its application is asked."""

import re
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import uvicorn

from api.app import create_app
from api.protocol import HardenedProtocol
from api.settings import Environment, Settings
from tests.world import World

PATIENCE = 5.0  # seconds
GOOD = b"GET /health/live HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"


class Impatient(HardenedProtocol):
    """The protocol with less time for everything."""

    headers_within = 0.6
    body_within = 0.6
    read_within = 0.6


@dataclass
class Asked:
    """A request that reached the application."""

    method: str
    body: bytes = b""  # as far as it was read
    status: int = 0  # of the answer; 499 when the caller had gone


@dataclass
class Wire:
    """The server's port, its connections, and the requests that reached the application."""

    port: int
    server: uvicorn.Server
    app: Any
    asked: list["Asked"] = field(default_factory=list)

    def connect(self, *, small: bool = False) -> socket.socket:
        """A connection; small: with as little room for answers as the kernel allows."""
        line = socket.socket()
        if small:
            line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        line.settimeout(5)
        line.connect(("127.0.0.1", self.port))
        return line

    def talk(self, *parts: bytes, pause: float = 0.0, silence: float = 0.4, answers: int = 0) -> bytes:
        """Send the parts, read until the other side closes or is silent. `answers`: so many are waited for longer."""
        with self.connect() as line:
            with suppress(OSError):  # cut in the middle: what it said before that is still to be read
                for part in parts:
                    line.sendall(part)
                    time.sleep(pause)
            return heard(line, silence, answers)

    def gives(self, wanted: list[int], *parts: bytes, pause: float = 0.0) -> None:
        """The parts get just these answers."""
        got = statuses(self.talk(*parts, pause=pause, silence=0.15, answers=len(wanted)))
        assert got == wanted, (got, wanted)

    def since(self, before: int) -> list["Asked"]:
        """The requests asked after the first so many that were not broken off."""
        time.sleep(0.02)
        return [asked for asked in self.asked[before:] if asked.status != 499]

    def connections(self) -> int:
        """How many are open at the server's side."""
        return len(self.server.server_state.connections)

    def unread(self) -> int:
        """Bytes of answers that the process itself still holds."""
        return sum(c.transport.get_write_buffer_size() for c in list(self.server.server_state.connections))

    def until_quiet(self, within: float = 10.0) -> None:
        """Wait until no connection and no task is left."""
        state, deadline = self.server.server_state, time.monotonic() + within
        while state.connections or state.tasks:
            assert time.monotonic() < deadline, (len(state.connections), len(state.tasks))
            time.sleep(0.02)


def heard(line: socket.socket, silence: float, answers: int = 0) -> bytes:
    """What comes until the other side closes or is silent for so many seconds. `answers`: so many are waited for
    longer."""
    received = b""
    with suppress(OSError):
        while True:
            line.settimeout(silence if len(statuses(received)) >= answers else PATIENCE)
            if not (got := line.recv(65_536)):
                break
            received += got
    return received


def statuses(answer: bytes) -> list[int]:
    """The status codes of the answers in what came back."""
    return [int(code) for code in re.findall(rb"HTTP/1\.1 (\d\d\d) ", answer)]


@contextmanager
def serving(
    world: World, protocol: type[HardenedProtocol] = HardenedProtocol, sndbuf: int = 0, idle: int = 1, **settings: Any
) -> Iterator[Wire]:
    """The service over a world, in a thread of this process. `sndbuf`: bytes the kernel may hold of its answers; `idle`: seconds
    a connection is kept for a next request."""
    listening = socket.create_server(("127.0.0.1", 0), backlog=512)
    if sndbuf:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, sndbuf)
    app = create_app(Settings(env=Environment.TEST, rate_limit_address=1_000_000, **settings), world.database)

    async def counted(scope: Any, receive: Any, send: Any) -> None:
        """The application, with a note of each request."""
        if scope["type"] != "http":
            return await app(scope, receive, send)
        noted = Asked(scope["method"])
        wire.asked.append(noted)

        async def received() -> Any:
            message = await receive()
            noted.body += message.get("body", b"")
            return message

        async def sent(message: Any) -> None:
            noted.status = message.get("status", noted.status)
            await send(message)

        return await app(scope, received, sent)

    config = uvicorn.Config(
        counted, http=protocol, ws="none", log_config=None, access_log=False, timeout_keep_alive=idle
    )
    server = uvicorn.Server(config)
    wire = Wire(listening.getsockname()[1], server, app)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    try:
        yield wire
    finally:
        server.should_exit = True
        thread.join(10)
        listening.close()
