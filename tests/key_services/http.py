"""What the stand-ins share: a real HTTP server on loopback, a count of calls, ways to break it."""

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

Answer = tuple[int, dict[str, Any]]


@dataclass
class StandIn:
    """A key service as the tests see it: how to write it, what its users need, and what it was asked."""

    spec: str
    env: dict[str, str] = field(default_factory=dict)
    token_file: Path | None = None
    calls: list[str] = field(default_factory=list)
    forbid: Callable[[], None] = lambda: None
    """Make our credentials wrong from now on."""
    at: Callable[[str], tuple[str, dict[str, str]]] = lambda _: ("", {})
    """The spec and environment of the same service at another address."""
    alter: Callable[[str, Answer], Answer] = lambda _, answer: answer
    """Change an answer on its way."""
    sent_to: str = ""
    """Where every caller is redirected."""

    def count(self, word: str) -> int:
        """How many calls had this word in their path."""
        return sum(word in call for call in self.calls)


@contextmanager
def serving(answer: Callable[[str, str, dict[str, str], Any], Answer], service: StandIn) -> Iterator[str]:
    """Serve JSON until the block ends. An assertion that fails in an answer fails the test at the end."""
    faults: list[BaseException] = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _answer(self) -> None:
            raw = self.rfile.read(int(self.headers.get("content-length") or 0))
            headers = {name.lower(): value for name, value in self.headers.items()}
            try:
                service.calls.append(f"{self.command} {self.path}")
                form = headers.get("content-type", "").startswith("application/x-www-form-urlencoded")
                body: Any = raw.decode() if form else json.loads(raw) if raw else None
                told = (307, {}) if service.sent_to else answer(self.command, self.path, headers, body)
                status, content = service.alter(self.path, told)
            except BaseException as error:  # noqa: BLE001 - told at the end
                faults.append(error)
                status, content = 500, {"fault": type(error).__name__}
            sent = b"" if status == 204 else json.dumps(content).encode()
            self.send_response(status)
            self.send_header("content-type", "application/json")
            if status == 307:
                self.send_header("location", service.sent_to + self.path)
            if status != 204:
                self.send_header("content-length", str(len(sent)))
            self.end_headers()
            self.wfile.write(sent)

        do_POST = do_DELETE = _answer  # noqa: N815 - the library's names

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        running = threading.Thread(target=server.serve_forever, daemon=True)
        running.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            running.join()
    assert not faults, faults


@contextmanager
def silent(*, drip: bool = False) -> Iterator[str]:
    """An address that takes connections and never ends an answer; dripping, it sends a byte now and then."""
    stop = threading.Event()

    def hold(connection: socket.socket) -> None:
        with connection:
            try:
                if drip:
                    connection.sendall(b"HTTP/1.1 200 OK\r\n")
                while not stop.is_set():
                    if drip:
                        connection.sendall(b"x-still: here\r\n")
                    time.sleep(0.05)
            except OSError:
                pass

    def accept() -> None:
        while not stop.is_set():
            try:
                connection, _ = listening.accept()
            except OSError:
                return
            threading.Thread(target=hold, args=(connection,), daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(0.2)
        accepting = threading.Thread(target=_until(stop, accept), daemon=True)
        accepting.start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        stop.set()
        accepting.join()


def _until(stop: threading.Event, work: Callable[[], None]) -> Callable[[], None]:
    def again() -> None:
        while not stop.is_set():
            work()

    return again
