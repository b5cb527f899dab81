"""HTTP/1.1 as it is spoken here: bounded, unambiguous, and not for the slow. uvicorn alone would take two
megabytes of headers, two Hosts, or an hour to send one line."""

import asyncio
import re
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

MOST_HEADER_BYTES = 16_384
MOST_HEADERS = 64
MOST_URL_BYTES = 4_096
MOST_FRAMING_BYTES = 65_536  # of chunk sizes, extensions and blank lines in one body
MOST_UNREAD_BYTES = 8 << 20  # of a body that was answered before it had arrived
MOST_PIPELINED = 16
BITE = 16_384

_HOST = re.compile(rb"(\[[0-9a-fA-F:.]{2,45}\]|[A-Za-z0-9]([A-Za-z0-9.-]{0,252}[A-Za-z0-9])?)(:[0-9]{1,5})?")
_TARGET = re.compile(rb"/[^#]*")  # no host of its own: that would be a second one; no fragment: it is not for servers
_REASONS = {400: b"Bad Request", 408: b"Request Timeout", 414: b"URI Too Long", 431: b"Header Fields Too Large"}


class HardenedProtocol(HttpToolsProtocol):
    """One connection. What it refuses gets a bare answer and a closed connection; no handler ever sees it whole."""

    headers_within = 10.0  # seconds
    body_within = 20.0
    read_within = 30.0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to count: whoever says nothing within ten seconds is cut."""
        super().connection_made(transport)
        self._timer: asyncio.TimerHandle | None = None
        self._slow_reader: asyncio.TimerHandle | None = None
        self._head_bytes = self._swallowed = self._unread = 0
        self._in_head = self._in_body = False
        self._deaf = False  # the last request was taken; the connection ends when it is answered
        self._status = 400
        self._wait(self.headers_within)

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop every clock."""
        self._stop_waiting()
        self._reading_again()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Let the parser see it, in bites small enough to count what it swallows without telling of it."""
        for at in range(0, len(data), BITE):
            self._take(data[at : at + BITE] if len(data) > BITE else data)

    def _take(self, data: bytes) -> None:
        if self._ended():
            return
        self._swallowed += len(data)
        super().data_received(data)
        if self._ended():
            return
        if self._swallowed > (MOST_FRAMING_BYTES if self._in_body else MOST_HEADER_BYTES):
            self._refuse(431 if self._in_head else 400)
        elif self._timer is None and not self._answering():
            self._wait(self.headers_within)  # a head began, or a blank line that is no request: uvicorn's clock stopped

    def on_message_begin(self) -> None:
        """A new request: new counts."""
        super().on_message_begin()
        self.scope["state"]["gone"] = self.transport.is_closing  # a caller who hung up gives up her turn (api/lane.py)
        self._in_head, self._head_bytes, self._swallowed, self._unread = True, 0, 0, 0

    def on_url(self, url: bytes) -> None:
        """Refuse endless addresses."""
        super().on_url(url)
        self._swallowed = 0
        if len(self.url) > MOST_URL_BYTES:
            self._object(414)

    def on_header(self, name: bytes, value: bytes) -> None:
        """Refuse floods of headers, and trailers: they would pass for headers nobody checked (RFC 9110 6.5.1)."""
        if not self._in_head or (name.lower() == b"transfer-encoding" and value != b"chunked"):
            self._object(400)
        super().on_header(name, value.rstrip(b" \t"))  # the parser leaves what RFC 9112 5 does not count as value
        self._swallowed = 0
        self._head_bytes += len(name) + len(value)
        if len(self.headers) >= MOST_HEADERS or self._head_bytes > MOST_HEADER_BYTES:
            self._object(431)

    def on_headers_complete(self) -> None:
        """Refuse what two servers could read in two ways: framing, hosts, targets, versions (RFC 9112 6.3, 3.2)."""
        names = [name for name, _ in self.headers]
        hosts = [value for name, value in self.headers if name == b"host"]
        codings, version = names.count(b"transfer-encoding"), self.parser.get_http_version()
        if codings + names.count(b"content-length") > 1:
            self._object(400)
        if len(hosts) != 1 or not _HOST.fullmatch(hosts[0]) or not _TARGET.fullmatch(self.url):
            self._object(400)
        if version not in ("1.0", "1.1") or (codings and version == "1.0") or self.parser.should_upgrade():
            self._object(400)
        if len(self.pipeline) >= MOST_PIPELINED:
            self._object(400)
        self._in_head, self._in_body, self._swallowed = False, True, 0
        self._wait(self.body_within)
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """A body grows; the door bounds it, and here what nobody wants to read any more."""
        self._swallowed -= len(body)
        if self.cycle.response_complete:
            self._unread += len(body)
            if self._unread > MOST_UNREAD_BYTES:
                self._object(400)
        super().on_body(body)

    def on_message_complete(self) -> None:
        """The request is whole: it is ours now to be quick."""
        self._in_body = False
        self._stop_waiting()
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """Next. Who waits for leave to send a body (100-continue) and was answered instead may or may not send it: what
        comes could be read in two ways."""
        super().on_response_complete()
        unsent = self._in_body and self.cycle.response_complete and self.expect_100_continue
        if unsent or self.transport.is_closing():
            self._close()

    def timeout_keep_alive_handler(self) -> None:
        """Nothing was asked for a while."""
        self._close()

    def pause_writing(self) -> None:
        """The other side does not read; give it half a minute."""
        super().pause_writing()
        self._give_up_later()

    def resume_writing(self) -> None:
        """It reads again."""
        self._reading_again()
        super().resume_writing()

    def send_400_response(self, msg: str) -> None:
        """What uvicorn calls when the parser, or one of the checks above, objected."""
        self._refuse(self._status)

    def _object(self, status: int) -> None:
        self._status = status
        raise ValueError(status)  # httptools hands it to data_received as a parser error

    def _refuse(self, status: int) -> None:
        """End the connection, with an answer where one is due: never a second one, and none out of turn."""
        self._stop_waiting()
        if not self._in_body and self._answering():
            self._deaf, self.cycle.keep_alive = True, False  # those before it are answered, then it ends
            return
        if not self._in_body or not (self.pipeline or self.cycle.response_started):
            head = b"HTTP/1.1 %d %s\r\ncontent-length: 0\r\nconnection: close\r\n\r\n" % (status, _REASONS[status])
            self.transport.write(head)
        self._close()

    def _close(self) -> None:
        """Close when all is written; the other side has half a minute to read it."""
        self.transport.close()
        self._give_up_later()

    def _ended(self) -> bool:
        return self._deaf or self.transport.is_closing()

    def _answering(self) -> bool:
        cycle: Any = self.cycle  # None until the first request, whatever uvicorn's annotation says
        return cycle is not None and not cycle.response_complete

    def _too_slow(self) -> None:
        if self._in_head or self._in_body:
            self._refuse(408)
        else:
            self._close()  # nothing was asked: an answer now could be taken for that to the next request

    def _wait(self, seconds: float) -> None:
        self._stop_waiting()
        self._timer = self.loop.call_later(seconds, self._too_slow)

    def _stop_waiting(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _give_up_later(self) -> None:
        self._reading_again()
        self._slow_reader = self.loop.call_later(self.read_within, self.transport.abort)

    def _reading_again(self) -> None:
        if self._slow_reader is not None:
            self._slow_reader.cancel()
            self._slow_reader = None
