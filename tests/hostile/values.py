"""Bad material: values, bodies, headers, spellings of ids and queries that have broken services before.

`mark` is the shot's own word: wherever a value can carry it, it does, so that an echo is found by looking for it.
"""

import base64
import json
from random import Random
from typing import Any

MANY = 20_000
_KEYS = b", ".join(b'"k%d": 1' % n for n in range(MANY)) + b"}"
#: Names a mass assignment would like to set, and names that programs treat specially.
TEMPTING = (
    "id", "agency_id", "client_id", "plan_id", "version", "created_at", "created_by_id", "roles", "status", "seal_rev",
    "password_hash", "legal_name_sealed", "is_admin", "must_change_password", "completed_by_id", "__proto__",
    "__class__", "constructor", "$where", "$ref", "model_config", "", " ", "\u202ealias", "alias\u200b", "Alias",
)  # fmt: skip
DATES = (
    "2027-02-30T10:00:00Z", "2027-02-29", "2027-01-31T10:00:00", "2027-13-01", "0000-00-00", "99999-01-01T00:00:00Z",
    "2027-01-31T24:00:00Z", "2027-01-31T23:59:60Z", "2027-01-31T10:00:00+24:00", "2027-01-31T10:00:00-99:99",
    "2027-01-31T10:00:00+14:01", "0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59", "2027-W05-7", "2027-031",
    "20270131T100000Z", "2027-01-31 10:00:00Z", "2027-01-31T10:00:00.1234567Z", "2027-01-31T10:00:00,5Z", "-2027-01-31",
    "+12027-01-31T00:00:00Z", "\u0662\u0660\u0662\u0667-\u0660\u0661-\u0663\u0661", "now", "P8W", "P0W", "P-1W", "P999999999999W", "2027-01-31T10:00:00Z[UTC]",
)  # fmt: skip
NUMBERS = (
    "NaN", "Infinity", "-Infinity", "1e999", "-1e999", "1" + "0" * 40, "-1" + "0" * 40, "9" * 5_000, "9" * 20 + ".5",
    "9223372036854775807", "9223372036854775808", "-9223372036854775809", "4294967296", "65536", "32768", "-1", "-0",
    "0.5", "1.0", "1E0", "1e-400", "01", "+1", ".5", "5.", "0x10", "1_000", "1,5", "٣", "true", "null", '"5"',
)  # fmt: skip


def texts(mark: str) -> tuple[str, ...]:
    """Texts with characters that have no place in them, or too many of them."""
    return (
        f"{mark}\x00", f"\ufeff{mark}", f"{mark}\u202e\u2066gnp.exe", f"\u200b{mark}\u200d\u2060", f"{mark}\x1b[2J\x07",
        f"{mark}\u0085\u2028\u2029", f"{mark}\r\nset-cookie: a=b", f"w\u0433en {mark}", mark + "\u0301" * 9_000,
        "\ufdfa" * 5_000 + mark, f"{mark}\U000e0041\U000e007f", f"{mark}\ufffe\uffff\U0010ffff", mark * 1_200,
        mark + "x" * 10_001, mark + "é" * 100_000, f"{mark}' OR 1=1; --", f'{mark}"}}{{"a":"', f"{mark}%s%n{{0}}${{7*7}}",
        f"<script>alert('{mark}')</script>", f"../../{mark}", f"{{{{{mark}}}}}", "", " ", "\t\n", "\u3164",
    )  # fmt: skip


def odd_values(mark: str) -> tuple[Any, ...]:
    """JSON values; most are wrong for most members."""
    return (
        None, True, False, 5, -1, 0.5, 2**31, 2**53 + 1, 2**63 - 1, "5", mark, [], {}, [mark], [[mark]], [None] * 3,
        {f"{mark} key": mark}, {"": mark}, [mark] * 501, {f"{mark}{n}": n for n in range(60)}, *texts(mark),
    )  # fmt: skip


def broken_bodies(raw: bytes, mark: str) -> dict[str, bytes]:
    """Bodies that are not JSON as accepted here, whatever the operation. `raw` is its valid one."""
    word = mark.encode()
    about = b'{"' + word + b' x": '
    inside = raw[1:-1] + b", " if len(raw) > 2 else b""
    return {
        "empty": b"",
        "blank": b" \t\r\n",
        "cut": raw[:-1],
        "twice": raw + raw,
        "bom": b"\xef\xbb\xbf" + raw,
        "utf-16": raw.decode().encode("utf-16"),
        "utf-16 without bom": raw.decode().encode("utf-16-le"),
        "utf-32": raw.decode().encode("utf-32"),
        "latin-1": about + b'"\xe9"}',
        "overlong": about + b'"\xc0\xaf"}',
        "lone byte": about + b'"\x80\xff"}',
        "beyond unicode": about + b'"\xf5\x80\x80\x80"}',
        "raw surrogate": about + b'"\xed\xa0\x80"}',
        "high surrogate": about + b'"\\ud800"}',
        "low surrogate": about + b'"\\udc00' + word + b'"}',
        "turned surrogates": about + b'"\\udc00\\ud800"}',
        "surrogate name": b'{"\\ud83d": "' + word + b'"}',
        "nan": about + b"NaN}",
        "infinity": about + b"-Infinity}",
        "1e999": about + b"1e999}",
        "10^40": about + b"1" + b"0" * 40 + b"}",
        "5,000 digits": about + b"9" * 5_000 + b"}",
        "33 deep": b'{"a":' * 33 + b"1" + b"}" * 33,
        "33 lists": b"{" + inside + b'"x": ' + b"[" * 32 + b"]" * 32 + b"}",
        "40,000 deep": b"[" * 40_000,
        "10,000 deep objects": b'{"a":' * 10_000,
        "20,000 keys": about + b"1, " + _KEYS,
        "twins": b"{" + inside + b'"' + word + b'": 1, "' + word + b'": 2}',
        "escaped twins": b"{" + inside + b'"x' + word + b'": 1, "\\u0078' + word + b'": 2}',
        "single quotes": b"{'" + word + b"': 1}",
        "bare name": b"{" + word + b": 1}",
        "trailing comma": raw[:-1] + b",}",
        "comment": raw + b"// " + word,
        "NUL behind": raw + b"\x00",
        "NUL before": b"\x00" + raw,
        "control": about + b'"a\nb"}',
        "bad escape": about + b'"\\x41"}',
        "form": b"alias=" + word,
        "xml": b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/hostname">]><a>&x;</a>',
        "yaml": b"alias: !!python/object/apply:os.system [" + word + b"]",
        "pickle": b"\x80\x04\x95" + word,
        "gzip": b"\x1f\x8b\x08\x00" + word,
        "multipart": b'--x\r\ncontent-disposition: form-data; name="a"\r\n\r\n' + word + b"\r\n--x--",
    }


def other_json(raw: bytes, mark: str) -> tuple[bytes, ...]:
    """JSON, but no object of the operation's."""
    word = f'"{mark}"'.encode()
    keys = json.dumps({f"{mark}{n}": n for n in range(999)}).encode()
    return (
        b"[]", b"[" + raw + b"]", word, b"null", b"1", b"true", b'"' + raw.hex().encode() + b'"', keys,
        b"[" + b",".join([b"1"] * MANY) + b"]", b'{"' + word[1:-1] * 40 + b'": {}}',
    )  # fmt: skip


def content_types(mark: str) -> tuple[str | None, ...]:
    """None of them says JSON in UTF-8."""
    return (
        None, "", "text/plain", "application/xml", "multipart/form-data; boundary=x", "application/x-www-form-urlencoded",
        "application/json; charset=utf-16", "application/json; charset=latin-1", f"application/{mark}", "application/jsonx",
        f"application/json; {mark}=1", "application/json, text/plain", "*/*", "json", f"text/{mark}\xff", "application/cbor",
        "application/json-patch+json", "application/json; charset=utf-8; charset=utf-16",
    )  # fmt: skip


def etags(mark: str) -> tuple[str, ...]:
    """None of them is the ETag of a version there is."""
    return (
        "", '""', '"', "3", f'"{mark}"', f'W/"1{mark}"', '"0"', '"-1"', '"99999999999"', '"9999999999"', '"1","2"',
        '"0x1"', '"1.0"', '"1e1"', '"' + "9" * 5_000 + '"', f"{mark}, *", "**", '"\u0661"'.encode().decode("latin-1"), '"NaN"',
    )  # fmt: skip


def keys(mark: str) -> tuple[str, ...]:
    """None of them may be an Idempotency-Key."""
    return ("", " ", f"{mark} x", mark + "x" * 256, f"{mark}\t", f"{mark}\xe9", f"{mark}\x7f", f"\xff{mark}")


def languages(mark: str) -> tuple[str, ...]:
    """All of them are answered in English or Spanish."""
    return (
        "", "*", mark, f"es;q={mark}", "es;q=nan", "es;q=1e999", "es;q=-1", "fr;q=inf, es", "," * 5_000, "es;;;q=1;q=2",
        "x" * 15_000, f"es-{mark}-419", "\xff\xfe", "en;q=0, es;q=0", "ES", "i-default", ";q=1", "es;q=0.1234567890",
    )  # fmt: skip


def _part(value: Any) -> str:
    raw = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def credentials(mark: str, token: str, rng: Random) -> str:
    """An Authorization header that proves nothing. `token` is a real one, to be spoilt."""
    head, body, seal = token.split(".")
    known = json.loads(base64.urlsafe_b64decode(head + "=="))
    claims = json.loads(base64.urlsafe_b64decode(body + "=="))
    spoilt = (
        "", "Bearer", "Bearer ", f"Basic {_part(mark.encode())}", f"Bearer {mark}", f"Token {token}", "Bearer " + "." * 5,
        f"Bearer {mark}.{mark}.{mark}", f"Bearer {token}{mark}", f"Bearer {token} {mark}", f"Bearer {token}, Bearer {token}",
        f"Bearer {head}.{body}.", f"Bearer {head}..{seal}", f"Bearer {head}.{body}", f"Bearer {head}.{body}.{seal[:-2]}",
        f"Bearer {head}.{body}.{seal}=", f"Bearer {head}.{body[:-1]}\xe9.{seal}", f"Bearer {body}.{head}.{seal}",
        f"Bearer {_part({**known, 'alg': 'none'})}.{body}.", f"Bearer {_part({'alg': 'none', 'typ': 'JWT'})}.{body}.",
        f"Bearer {_part({**known, 'alg': 'HS512'})}.{body}.{seal}", f"Bearer {_part({**known, 'kid': mark})}.{body}.{seal}",
        f"Bearer {_part({**known, 'kid': [mark]})}.{body}.{seal}", f"Bearer {_part({**known, 'kid': '../' + mark})}.{body}.{seal}",
        f"Bearer {_part({**known, 'crit': ['b64'], 'b64': False})}.{body}.{seal}",
        f"Bearer {_part({**known, 'jku': f'https://{mark}.example'})}.{body}.{seal}",
        f"Bearer {_part(b'[' * 1_300)}.{body}.{seal}", f"Bearer {_part(b'{' * 2_000)}.{_part(b'[' * 900)}.{seal}",
        f"Bearer {head}.{_part({**claims, 'exp': [mark]})}.{seal}", f"Bearer {head}.{_part(b'{%s: 1e999}' % b'exp')}.{seal}",
        f"Bearer {head}.{_part({**claims, 'exp': 10**400})}.{seal}", f"Bearer {head}.{_part({**claims, 'sub': mark})}.{seal}",
        f"Bearer {head}.{_part({n: v for n, v in claims.items() if n != 'aud'})}.{seal}", f"Bearer {head}.{_part(b'null')}.{seal}",
        f"Bearer {_part(b'null')}.{_part(b'[]')}.{_part(b'')}", f"Bearer {head}.{_part(mark.encode())}.{seal}",
        "Bearer " + mark * 500, "Bearer " + "A" * 4_095 + "." + mark + ".", f"Bearer {_part(b'{}')}.{_part(b'{}')}.{_part(b'{}')}",
        f"Bearer \x00{token}", f"Bearer {token.upper()}", f"Bearer\xa0{token}", f"Digest username={mark}", f"{token}",
        f"Bearer wpr_{mark}", f"Bearer {_part(rng.randbytes(30))}.{_part(rng.randbytes(90))}.{_part(rng.randbytes(32))}",
    )  # fmt: skip
    return rng.choice(spoilt)


def spellings(real: str, mark: str) -> tuple[str, ...]:
    """Ways to write an id, or a number, that are no address of anything. As they stand in a raw path."""
    return (
        "x", mark, "0", "-1", "%00", f"{real}%00", f"..%2f{mark}", "%2e%2e", "%2e", "%ff", "%ed%a0%80", "%c0%ae", "%", "%zz",
        "%u0031", "a" * 2_000, "null", "undefined", "NaN", "1e999", "9" * 400, "00000000-0000-0000-0000-000000000000",
        "ffffffff-ffff-ffff-ffff-ffffffffffff", real.upper() if real.upper() != real else f"{real}.0", f"{{{real}}}",
        f"%7B{real}%7D", f"{real}%20", f"%20{real}", f"{real}%0a", f"{real};v=1", f"{real}.json", f"urn:uuid:{real}", f"+{real}",
        real.replace("-", "") if "-" in real else f"0{real}", real[:-1] or "x", f"{real}{real}", f"{real},{real}", f"'{real}'",
        f"{real}%27%20or%201=1", f"%e2%80%ae{real}", f"%ef%bb%bf{real}", f"{real}%e2%80%8b", f"${{{mark}}}", f"%25{real}", "~",
        f"{real[:8]}%2d{mark}", f"{real}*", f"%31{mark}", "٣", "\u202e",
    )  # fmt: skip


QUERY_VALUES = (
    "%00", "%ff", "%ed%a0%80", "x" * 3_500, "1" * 400, "NaN", "1e999", "-1", "0", "201", "2.5", "[]", "{}", "true",
    "%0d%0aX-Evil:1", "", "%20", "%", "%zz", "null", "2027-02-30", "2027-01-31T10:00:00", "0001-01-01T00:00:00%2b23:59", "٣",
    "'%20or%201=1--", "%e2%80%ae", "*", "../..", "9223372036854775808",
)  # fmt: skip
NAMES = (
    "limit[]",
    "limit%00",
    "%00",
    "",
    "Limit",
    "offset",
    "page",
    "sort",
    "fields",
    "include",
    "q",
    "agency_id",
    "_",
    "%",
)
