"""HTTP/1.1 as it is spoken here: bounded, unambiguous, and not for the slow (GUARD 4). uvicorn alone would take two
megabytes of headers, two Hosts, or an hour to send one line."""

import asyncio
import re
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

MOST_HEADER_BYTES = 16_384
MOST_HEADERS = 64
MOST_URL_BYTES = 4_096
HEADERS_WITHIN = 10.0  # seconds
BODY_WITHIN = 20.0
READ_WITHIN = 30.0

_HOST = re.compile(rb"(\[[0-9a-fA-F:.]{2,45}\]|[A-Za-z0-9]([A-Za-z0-9.-]{0,252}[A-Za-z0-9])?)(:[0-9]{1,5})?")
_REASONS = {400: b"Bad Request", 408: b"Request Timeout", 414: b"URI Too Long", 431: b"Header Fields Too Large"}


class HardenedProtocol(HttpToolsProtocol):
    """One connection. What it refuses gets a bare answer and a closed connection; no handler ever sees it."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to count: whoever says nothing within ten seconds is cut."""
        super().connection_made(transport)
        self._timer: asyncio.TimerHandle | None = None
        self._slow_reader: asyncio.TimerHandle | None = None
        self._head_bytes = self._swallowed = 0
        self._in_head = True
        self._status = 400
        self._wait(HEADERS_WITHIN)

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop every clock."""
        self._stop_waiting()
        self._reading_again()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Let the parser see it; count what it swallows without telling of a header or a body."""
        self._swallowed += len(data)
        super().data_received(data)
        if self._swallowed > MOST_HEADER_BYTES and not self.transport.is_closing():
            self._refuse(431 if self._in_head else 400)

    def on_message_begin(self) -> None:
        """A new request: new counts, new clock."""
        super().on_message_begin()
        self._in_head, self._head_bytes, self._swallowed = True, 0, 0
        self._wait(HEADERS_WITHIN)

    def on_url(self, url: bytes) -> None:
        """Refuse endless addresses."""
        super().on_url(url)
        self._swallowed = 0
        if len(self.url) > MOST_URL_BYTES:
            self._object(414)

    def on_header(self, name: bytes, value: bytes) -> None:
        """Refuse floods of headers, and trailers: they would pass for headers nobody checked (RFC 9110 6.5.1)."""
        if not self._in_head:
            self._object(400)
        super().on_header(name, value)
        self._swallowed = 0
        self._head_bytes += len(name) + len(value)
        if len(self.headers) >= MOST_HEADERS or self._head_bytes > MOST_HEADER_BYTES:
            self._object(431)

    def on_body(self, body: bytes) -> None:
        """A body grows; the door bounds it."""
        self._swallowed = 0
        super().on_body(body)

    def on_headers_complete(self) -> None:
        """Refuse what two servers could read in two ways: framing, hosts, versions (RFC 9112 6.3, 3.2)."""
        lengths, codings, hosts = (
            [value for name, value in self.headers if name == wanted]
            for wanted in (b"content-length", b"transfer-encoding", b"host")
        )
        ambiguous = len(lengths) > 1 or (lengths and codings) or codings not in ([], [b"chunked"])
        if ambiguous or len(hosts) != 1 or not _HOST.fullmatch(hosts[0]):
            self._object(400)
        if self.parser.get_http_version() not in ("1.0", "1.1") or self.parser.should_upgrade():
            self._object(400)
        self._in_head, self._swallowed = False, 0
        self._wait(BODY_WITHIN)
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """The request is whole: it is ours now to be quick."""
        self._stop_waiting()
        super().on_message_complete()

    def pause_writing(self) -> None:
        """The other side does not read; give it half a minute."""
        super().pause_writing()
        self._slow_reader = self.loop.call_later(READ_WITHIN, self.transport.abort)

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
        self._stop_waiting()
        if not self._answering():  # never into the middle of another answer
            reason = _REASONS[status]
            head = b"HTTP/1.1 %d %s\r\ncontent-length: 0\r\nconnection: close\r\n\r\n" % (status, reason)
            self.transport.write(head)
        self.transport.close()

    def _answering(self) -> bool:
        cycle: Any = self.cycle  # None until the first request, whatever uvicorn's annotation says
        return cycle is not None and not cycle.response_complete

    def _too_slow(self) -> None:
        if self._answering():
            self.transport.abort()
        else:
            self._refuse(408)

    def _wait(self, seconds: float) -> None:
        self._stop_waiting()
        self._timer = self.loop.call_later(seconds, self._too_slow)

    def _stop_waiting(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _reading_again(self) -> None:
        if self._slow_reader is not None:
            self._slow_reader.cancel()
            self._slow_reader = None
