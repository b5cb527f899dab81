"""Messages, honest and hostile, and how many requests of each the service reads before it refuses the rest."""

HOST = b"Host: 127.0.0.1\r\n"
GET = b"GET /health/live HTTP/1.1\r\n" + HOST
POST = b"POST /v1/sessions HTTP/1.1\r\n" + HOST + b"Content-Type: application/json\r\n"
NEXT = GET + b"\r\n"
CHUNKED = b"Transfer-Encoding: chunked\r\n"
CHUNKS = b"2\r\n{}\r\n0\r\n\r\n"
LENGTH = b"Content-Length: 2\r\n"


def post(head: bytes, body: bytes = b"") -> bytes:
    """A POST and a request behind it, which a wrong reading would swallow or reveal."""
    return POST + head + b"\r\n" + body + NEXT


def get(head: bytes) -> bytes:
    """A GET and a request behind it."""
    return GET + head + b"\r\n" + NEXT


def line(start: bytes, behind: bytes = b"") -> bytes:
    """A request line of one's own."""
    return start + b"\r\n" + HOST + b"\r\n" + behind


#: Read whole: name → (bytes, requests read).
HONEST: dict[str, tuple[bytes, int]] = {
    "one": (NEXT, 1),
    "two": (NEXT + NEXT, 2),
    "length": (post(LENGTH, b"{}"), 2),
    "length with zeros before": (post(b"Content-Length: 0002\r\n", b"{}"), 2),
    "length with a blank behind": (post(b"Content-Length: 2 \r\n", b"{}"), 2),
    "length that the connection claims": (post(b"Connection: Content-Length\r\n" + LENGTH, b"{}"), 2),
    "chunked": (post(CHUNKED, CHUNKS), 2),
    "chunked behind a tab": (post(b"Transfer-Encoding:\tchunked\r\n", CHUNKS), 2),
    "chunked, sizes with zeros before": (post(CHUNKED, b"0002\r\n{}\r\n000\r\n\r\n"), 2),
    "chunked, an extension": (post(CHUNKED, b'2;a="b"\r\n{}\r\n0\r\n\r\n'), 2),
    "chunked, in two": (post(CHUNKED, b"1\r\n{\r\n1\r\n}\r\n0\r\n\r\n"), 2),
    "a coding under another name": (post(b"X-Transfer-Encoding: chunked\r\n"), 2),
    "GET with a body": (GET + b"Content-Length: 5\r\n\r\nhello" + NEXT, 2),
    "GET in chunks": (GET + CHUNKED + b"\r\n5\r\nhello\r\n0\r\n\r\n" + NEXT, 2),
    "HEAD": (line(b"HEAD /health/live HTTP/1.1", NEXT), 2),
    "header without value": (get(b"X:\r\n"), 2),
    "header in Latin 1": (get(b"X: caf\xe9\r\n"), 2),
    "upgrade without connection": (get(b"Upgrade: h2c\r\n"), 2),
    "blank lines before": (b"\r\n\r\n" + NEXT, 1),
    "close, and more": (GET + b"Connection: close\r\n\r\n" + NEXT, 1),
    "1.0, and more": (line(b"GET /health/live HTTP/1.0", NEXT), 1),
    "1.0 kept alive, and more": (b"GET /health/live HTTP/1.0\r\nConnection: keep-alive\r\n" + HOST + b"\r\n" + NEXT, 1),
    "two slashes": (line(b"GET //evil.example/health/live HTTP/1.1"), 1),
    "an unusual method": (line(b"PROPFIND /health/live HTTP/1.1", NEXT), 2),
}

#: Refused: name → bytes. Nothing in them is answered but with one 400 (or 431, 414), and the connection ends.
HOSTILE: dict[str, bytes] = {
    "length, chunked": post(b"Content-Length: 5\r\n" + CHUNKED, b"0\r\n\r\n"),
    "chunked, length": post(CHUNKED + b"Content-Length: 5\r\n", b"0\r\n\r\n"),
    "LENGTH, cHUNKED": post(b"CONTENT-LENGTH: 5\r\ntRANSFER-eNCODING: chunked\r\n", b"0\r\n\r\n"),
    "length, identity": post(LENGTH + b"Transfer-Encoding: identity\r\n", b"{}"),
    "length 0, chunked": post(b"Content-Length: 0\r\n" + CHUNKED, CHUNKS),
    "Chunked": post(b"Transfer-Encoding: Chunked\r\n", CHUNKS),
    "identity": post(b"Transfer-Encoding: identity\r\n"),
    "gzip": post(b"Transfer-Encoding: gzip\r\n", CHUNKS),
    "gzip, chunked": post(b"Transfer-Encoding: gzip, chunked\r\n", CHUNKS),
    "chunked, gzip": post(b"Transfer-Encoding: chunked, gzip\r\n", CHUNKS),
    "chunked, chunked": post(b"Transfer-Encoding: chunked, chunked\r\n", CHUNKS),
    "chunked twice": post(CHUNKED + CHUNKED, CHUNKS),
    "identity, then chunked": post(b"Transfer-Encoding: identity\r\n" + CHUNKED, CHUNKS),
    "chunked and a comma": post(b"Transfer-Encoding: chunked,\r\n", CHUNKS),
    "a comma and chunked": post(b"Transfer-Encoding: , chunked\r\n", CHUNKS),
    "no coding": post(b"Transfer-Encoding: \r\n"),
    "xchunked": post(b"Transfer-Encoding: xchunked\r\n", CHUNKS),
    "chunked behind a vertical tab": post(b"Transfer-Encoding: \x0bchunked\r\n", CHUNKS),
    "chunked with a blank behind": post(b"Transfer-Encoding: chunked \t\r\n", CHUNKS),
    "chunked in quotes": post(b'Transfer-Encoding: "chunked"\r\n', CHUNKS),
    "chunked with a parameter": post(b"Transfer-Encoding: chunked;q=1\r\n", CHUNKS),
    "chunked, a blank before the colon": post(b"Transfer-Encoding : chunked\r\n", CHUNKS),
    "chunked in 1.0": line(b"POST /v1/sessions HTTP/1.0\r\n" + CHUNKED[:-2], CHUNKS + NEXT),
    "length below zero": post(b"Content-Length: -1\r\n"),
    "length with a sign": post(b"Content-Length: +2\r\n", b"{}"),
    "length in hex": post(b"Content-Length: 0x2\r\n", b"{}"),
    "length with a point": post(b"Content-Length: 2.0\r\n", b"{}"),
    "length with an exponent": post(b"Content-Length: 2e0\r\n", b"{}"),
    "length with an underscore": post(b"Content-Length: 1_0\r\n"),
    "length in Arabic digits": post("Content-Length: ٢\r\n".encode(), b"{}"),
    "length beyond 64 bits": post(b"Content-Length: 18446744073709551616\r\n"),
    "length of 23 digits": post(b"Content-Length: 99999999999999999999999\r\n"),
    "length without digits": post(b"Content-Length: \r\n"),
    "two lengths in one": post(b"Content-Length: 2, 2\r\n", b"{}"),
    "two lengths and a blank": post(b"Content-Length: 2 2\r\n", b"{}"),
    "equal lengths": post(LENGTH + LENGTH, b"{}"),
    "unequal lengths": post(LENGTH + b"Content-Length: 3\r\n", b"{}"),
    "chunk of 0x2": post(CHUNKED, b"0x2\r\n{}\r\n0\r\n\r\n"),
    "chunk of -2": post(CHUNKED, b"-2\r\n{}\r\n0\r\n\r\n"),
    "chunk of +2": post(CHUNKED, b"+2\r\n{}\r\n0\r\n\r\n"),
    "chunk beyond 64 bits": post(CHUNKED, b"10000000000000002\r\n{}\r\n0\r\n\r\n"),
    "chunk larger than its size": post(CHUNKED, b"1\r\n{}\r\n0\r\n\r\n"),
    "chunk smaller than its size": post(CHUNKED, b"3\r\n{}\r\n0\r\n\r\n"),
    "chunk size and a blank": post(CHUNKED, b"2 \r\n{}\r\n0\r\n\r\n"),
    "a blank and chunk size": post(CHUNKED, b" 2\r\n{}\r\n0\r\n\r\n"),
    "chunk without size": post(CHUNKED, b"\r\n{}\r\n0\r\n\r\n"),
    "chunk lines end in LF": post(CHUNKED, b"2\n{}\n0\n\n"),
    "chunk extension ends in LF": post(CHUNKED, b"2;a\n{}\r\n0\r\n\r\n"),
    "chunk extension of 100 kB": post(CHUNKED, b"2;" + b"a" * 100_000 + b"\r\n{}\r\n0\r\n\r\n"),
    "chunks without last line end": post(CHUNKED, b"2\r\n{}\r\n0\r\n"),
    "chunk without line end": post(CHUNKED, b"2\r\n{}0\r\n\r\n"),
    "trailer": post(CHUNKED, b"2\r\n{}\r\n0\r\nX: 1\r\n\r\n"),
    "trailer with a length": post(CHUNKED, b"2\r\n{}\r\n0\r\nContent-Length: 9\r\n\r\n"),
    "lines end in LF": b"GET /health/live HTTP/1.1\nHost: 127.0.0.1\n\n",
    "one line ends in LF": GET + b"X: 1\n\r\n",
    "one line ends in CR": GET + b"X: 1\rY: 2\r\n\r\n",
    "one line ends in CR CR LF": GET + b"X: 1\r\r\n\r\n",
    "one line ends in LF CR": GET + b"X: 1\n\rY: 2\r\n\r\n",
    "NUL in a name": get(b"X\x00: 1\r\n"),
    "NUL in a value": get(b"X: a\x00b\r\n"),
    "DEL in a value": get(b"X: a\x7fb\r\n"),
    "control in a value": get(b"X: a\x01b\r\n"),
    "control in a name": get(b"X\x0b: 1\r\n"),
    "Latin 1 in a name": get(b"X\xe9: 1\r\n"),
    "parentheses in a name": get(b"X(a): 1\r\n"),
    "folded": get(b"X: 1\r\n 2\r\n"),
    "folded with a tab": get(b"X: 1\r\n\t2\r\n"),
    "folded before the first": b"GET /health/live HTTP/1.1\r\n " + HOST + b"\r\n",
    "a blank before the colon": get(b"X : 1\r\n"),
    "no colon": get(b"X\r\n"),
    "no name": get(b": 1\r\n"),
    "no host": b"GET /health/live HTTP/1.1\r\n\r\n",
    "two hosts": get(HOST),
    "two hosts, one elsewhere": get(b"Host: evil.example\r\n"),
    "empty host": b"GET /health/live HTTP/1.1\r\nHost: \r\n\r\n",
    "host with a blank": b"GET /health/live HTTP/1.1\r\nHost: a b\r\n\r\n",
    "host with a path": b"GET /health/live HTTP/1.1\r\nHost: 127.0.0.1/x\r\n\r\n",
    "host with a user": b"GET /health/live HTTP/1.1\r\nHost: a@127.0.0.1\r\n\r\n",
    "absolute target": line(b"GET http://127.0.0.1/health/live HTTP/1.1"),
    "absolute target elsewhere": line(b"GET http://evil.example/health/live HTTP/1.1"),
    "authority": line(b"CONNECT 127.0.0.1:80 HTTP/1.1", NEXT),
    "asterisk": line(b"OPTIONS * HTTP/1.1", NEXT),
    "target without slash": line(b"GET health/live HTTP/1.1"),
    "target with fragment": line(b"GET /health/live#a HTTP/1.1"),
    "target with a blank": line(b"GET /health /live HTTP/1.1"),
    "target in Latin 1": line(b"GET /health/\xe9 HTTP/1.1"),
    "target with a control": line(b"GET /health/\x01 HTTP/1.1"),
    "tabs for blanks": line(b"GET\t/health/live\tHTTP/1.1"),
    "a blank behind the version": line(b"GET /health/live HTTP/1.1 "),
    "a blank before the method": b" " + NEXT,
    "0.9": b"GET /health/live\r\n\r\n",
    "0.9 by name": line(b"GET /health/live HTTP/0.9"),
    "1.2": line(b"GET /health/live HTTP/1.2"),
    "2.0": line(b"GET /health/live HTTP/2.0"),
    "1.10": line(b"GET /health/live HTTP/1.10"),
    "http in small letters": line(b"GET /health/live http/1.1"),
    "HTTP/2 from the start": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes(9),
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(200),
    "method in small letters": line(b"get /health/live HTTP/1.1"),
    "method nobody knows": line(b"FETCH /health/live HTTP/1.1"),
    "method of 10 MB": b"G" * (10 << 20) + b" / HTTP/1.1\r\n",
    "upgrade to HTTP/2": get(b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n"),
    "upgrade to a web socket": get(b"Connection: Upgrade\r\nUpgrade: websocket\r\n"),
}
