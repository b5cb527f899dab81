"""The ways to spoil a request, each a function entered in FAMILIES."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import quote
from uuid import UUID

from tests.hostile import values
from tests.hostile.shot import NOTHING, Shot, replaced, spots

if TYPE_CHECKING:
    from tests.hostile.gunner import Gunner

IN_RAW_PATHS = "/%{}~!$&'()*+,;=:@-._|^`\"<>\\[] "


@dataclass(frozen=True)
class Family:
    """A way to spoil a request. `spoil` is True when it must be refused now, whatever else it says."""

    name: str
    weight: float
    fits: Callable[[Shot, "Gunner"], bool]
    spoil: Callable[[Shot, "Gunner"], bool | None]

    def __hash__(self) -> int:
        return hash(self.name)


FAMILIES: list[Family] = []
Spoil = Callable[[Shot, "Gunner"], bool | None]


def _family(weight: float, fits: Callable[[Shot, "Gunner"], bool] = lambda s, g: True) -> Callable[[Spoil], Spoil]:
    def enter(spoil: Spoil) -> Spoil:
        FAMILIES.append(Family(spoil.__name__.strip("_").replace("_", " "), weight, fits, spoil))
        return spoil

    return enter


def _has_body(shot: Shot, gunner: "Gunner") -> bool:
    return shot.value is not NOTHING and shot.raw is None  # what is spoilt for good is not repaired


def _has_members(shot: Shot, gunner: "Gunner") -> bool:
    return _has_body(shot, gunner) and bool(shot.value)


def _has_id(shot: Shot, gunner: "Gunner") -> bool:
    return bool(shot.operation.parameters)


def _is_gated(shot: Shot, gunner: "Gunner") -> bool:
    return shot.operation.permission is not None


@_family(1.5)
def _nothing_but_who_asks(shot: Shot, gunner: "Gunner") -> None:
    """A request that is good for some, as whoever it is; also a second time."""


# -- bodies -------------------------------------------------------------------------------------------------------


def _raw_member(shot: Shot, gunner: "Gunner", text: str) -> None:
    """Put a text that need not be JSON in the place of a member."""
    place = gunner.rng.choice(list(spots(shot.value)))
    shot.raw = json.dumps(replaced(shot.value, place, "@@")).replace('"@@"', text, 1).encode("utf-8", "surrogatepass")


@_family(6, _has_members)
def _member_of_another_type(shot: Shot, gunner: "Gunner") -> None:
    shot.value = replaced(
        shot.value, gunner.rng.choice(list(spots(shot.value))), gunner.rng.choice(values.odd_values(shot.mark))
    )


@_family(2, _has_members)
def _odd_text(shot: Shot, gunner: "Gunner") -> None:
    text = gunner.rng.choice(values.texts(shot.mark))
    shot.value = replaced(shot.value, gunner.rng.choice(list(spots(shot.value))), text)


def _dated(shot: Shot) -> list[tuple[object, ...]]:
    names = ("_at", "_on", "date_of_birth", "recurrence", "interval")
    return [place for place in spots(shot.value) if str(place[-1]).endswith(names)]


@_family(8, lambda s, g: s.raw is None and bool(_dated(s)))
def _odd_date(shot: Shot, gunner: "Gunner") -> None:
    shot.value = replaced(shot.value, gunner.rng.choice(_dated(shot)), gunner.rng.choice(values.DATES))


@_family(2, _has_members)
def _odd_number(shot: Shot, gunner: "Gunner") -> None:
    _raw_member(shot, gunner, gunner.rng.choice(values.NUMBERS))


@_family(1, _has_members)
def _missing_member(shot: Shot, gunner: "Gunner") -> None:
    for name in gunner.rng.sample(sorted(shot.value), gunner.rng.randint(1, len(shot.value))):
        del shot.value[name]


@_family(2, _has_members)
def _extra_member(shot: Shot, gunner: "Gunner") -> None:
    name = gunner.rng.choice((*values.TEMPTING, shot.mark, f"{shot.mark}/~1"))
    holder = shot.value
    inner = [m for m in shot.value.values() if isinstance(m, dict)]
    if inner and gunner.rng.random() < 0.3:
        holder = gunner.rng.choice(inner)
    holder[name] = gunner.rng.choice((shot.mark, None, True, [shot.mark]))


@_family(1, _has_members)
def _member_twice(shot: Shot, gunner: "Gunner") -> bool:
    name = gunner.rng.choice(sorted(shot.value))
    shot.raw = json.dumps(shot.value)[:-1].encode() + f", {json.dumps(name)}: {json.dumps(shot.mark)}}}".encode()
    return True


@_family(5, _has_body)
def _not_json(shot: Shot, gunner: "Gunner") -> bool:
    raw = json.dumps({} if shot.value is NOTHING else shot.value).encode()
    shot.raw = gunner.rng.choice(list(values.broken_bodies(raw, shot.mark).values()))
    return True


@_family(1, _has_body)
def _other_json(shot: Shot, gunner: "Gunner") -> bool:
    shot.raw = gunner.rng.choice(values.other_json(json.dumps(shot.value).encode(), shot.mark))
    return True


@_family(0.3, _has_body)
def _huge(shot: Shot, gunner: "Gunner") -> bool:
    shot.raw = b'{"' + shot.mark.encode() + b'": "' + b"x" * gunner.rng.choice((2**17, 2**20 + 1, 3 * 2**20)) + b'"}'
    return True


@_family(2, lambda s, g: s.value is NOTHING)
def _body_where_none_belongs(shot: Shot, gunner: "Gunner") -> bool:
    bad = list(values.broken_bodies(b'{"a": 1}', shot.mark).values())
    shot.raw = gunner.rng.choice([one for one in bad if one.strip()])
    shot.head("content-type", gunner.rng.choice(("application/json", None, "text/plain")))
    return True


@_family(1.5, lambda s, g: s.value is not NOTHING)
def _content_type(shot: Shot, gunner: "Gunner") -> bool:
    shot.head("content-type", gunner.rng.choice(values.content_types(shot.mark)))
    return True


# -- headers ------------------------------------------------------------------------------------------------------


@_family(2, _is_gated)
def _authorization(shot: Shot, gunner: "Gunner") -> bool:
    token = gunner.scene.api.token(shot.who or "ana")
    spoilt = values.credentials(shot.mark, token, gunner.rng)
    twice = gunner.rng.random() < 0.1
    shot.head("authorization", *([f"Bearer {token}", spoilt] if twice else [spoilt]))
    return True


@_family(1)
def _if_match(shot: Shot, gunner: "Gunner") -> bool:
    shot.head("if-match", gunner.rng.choice(values.etags(shot.mark)))
    return gunner.reads(shot.operation, "if-match", always=True)


@_family(3, lambda s, g: g.reads(s.operation, "if-match", always=True))
def _stale_or_no_version(shot: Shot, gunner: "Gunner") -> bool:
    shot.head("if-match", gunner.rng.choice((*values.etags(shot.mark)[-4:], None, None)))
    return True


@_family(1)
def _idempotency_key(shot: Shot, gunner: "Gunner") -> bool:
    good = gunner.rng.random() < 0.3
    several = ("k", "k") if gunner.rng.random() < 0.2 else (gunner.rng.choice(values.keys(shot.mark)),)
    shot.head("idempotency-key", *(("one-key-for-all",) if good else several))
    return not good and gunner.reads(shot.operation, "idempotency-key")


@_family(1)
def _accept_language(shot: Shot, gunner: "Gunner") -> None:
    shot.head("accept-language", gunner.rng.choice(values.languages(shot.mark)))


@_family(1)
def _other_headers(shot: Shot, gunner: "Gunner") -> None:
    mark, rng = shot.mark, gunner.rng
    odd = (
        ("x-request-id", f"{mark}\r"), ("x-request-id", "é" * 20), ("x-request-id", f"{mark:x<64}"), ("x-request-id", ""),
        ("x-forwarded-for", f"{mark}, ::ffff:1.2.3.4%{mark}"), ("x-forwarded-host", f"{mark}.example"), ("forwarded", f"for={mark}"),
        ("content-encoding", "gzip"), ("content-encoding", mark), ("content-length", "-1"), ("content-length", mark),
        ("content-length", "9" * 400), ("content-length", "1e9"), ("accept", f"text/{mark}"), ("cookie", f"session={mark}"),
        ("origin", f"https://{mark}.example"), ("x-http-method-override", "DELETE"), ("range", f"bytes={mark}"),
        ("if-none-match", f'"{mark}", *'), ("if-modified-since", mark), ("expect", mark), ("user-agent", mark * 200),
        ("traceparent", mark), ("x-original-url", f"/{mark}"), ("accept-encoding", mark), ("te", mark), ("from", "\xff\xfe"),
    )  # fmt: skip
    for name, text in rng.sample(odd, rng.randint(1, 4)):
        shot.head(name, text)


@_family(0.3)
def _host(shot: Shot, gunner: "Gunner") -> bool:
    mark = shot.mark
    odd = (
        (f"{mark}.example",),
        ("",),
        ("127.0.0.1", f"{mark}.example"),
        (),
        (f"127.0.0.1@{mark}",),
        ("127.0.0.1:x",),
        ("[::",),
    )
    shot.head("host", *gunner.rng.choice(odd))
    return True


# -- addresses ----------------------------------------------------------------------------------------------------


@_family(4, _has_id)
def _spelling_of_an_id(shot: Shot, gunner: "Gunner") -> bool:
    name = gunner.rng.choice(shot.operation.parameters)
    odd = gunner.rng.choice(values.spellings(gunner.scene.ids[name], shot.mark))
    path = shot.operation.path.format(**(gunner.scene.ids | {name: odd}))
    shot.path = quote(path, safe=IN_RAW_PATHS)
    return True


@_family(2, _has_id)
def _id_of_another_kind(shot: Shot, gunner: "Gunner") -> bool:
    name = gunner.rng.choice(shot.operation.parameters)
    others = [v for n, v in gunner.scene.ids.items() if n != name] + [
        str(UUID(int=gunner.rng.getrandbits(128), version=4))
    ]
    shot.path = shot.operation.path.format(**(gunner.scene.ids | {name: gunner.rng.choice(others)}))
    return True


@_family(2, _has_id)
def _foreign_id(shot: Shot, gunner: "Gunner") -> bool:
    mine, theirs = (gunner.foreign, gunner.scene) if shot.who == "other" else (gunner.scene, gunner.foreign)
    shot.path = shot.operation.path.format(**(mine.ids | {n: theirs.ids[n] for n in shot.operation.parameters}))
    return "number" not in shot.operation.parameters[-1:] or len(shot.operation.parameters) > 1


@_family(1)
def _odd_path(shot: Shot, gunner: "Gunner") -> bool:
    mark = quote(shot.mark)
    odd = (
        shot.path + "/", shot.path + "//", "/" + shot.path, shot.path.replace("/v1/", "/v1//"), shot.path.upper(),
        shot.path + ".json", shot.path + f";{mark}", shot.path + f"/{mark}", f"/v2{shot.path[3:]}", shot.path + "%20",
        shot.path + "/%2e%2e", f"/v1/{mark}/..{shot.path[3:]}", shot.path + "%00", f"/{mark}", "/v1", "", "*",
        f"/static/..%2f..%2fapi%2fapp.py{mark}", f"/problems/{mark}", f"/static/{mark}", "/v1/%2e%2e/metrics" + mark,
        shot.path.replace("/v1/", "/v1%2f"), "/static/../../pyproject.toml", shot.path + "\\", shot.path + "/*",
    )  # fmt: skip
    shot.path = gunner.rng.choice(odd)
    return True


@_family(1)
def _method(shot: Shot, gunner: "Gunner") -> bool:
    known = gunner.methods[shot.operation.path]
    odd = (
        "GET",
        "POST",
        "PUT",
        "PATCH",
        "DELETE",
        "HEAD",
        "OPTIONS",
        "TRACE",
        "CONNECT",
        "PROPFIND",
        "get",
        "X" * 900,
        "",
    )
    shot.method = gunner.rng.choice([method for method in odd if method not in known])
    return True


@_family(3, lambda s, g: not s.query)
def _query(shot: Shot, gunner: "Gunner") -> bool:
    rng = gunner.rng
    known = [p["name"] for p in gunner.declared(shot.operation).get("parameters", []) if p["in"] == "query"]
    name = rng.choice((*known * 3, *values.NAMES, shot.mark, f"{shot.mark}[]", f"limit{shot.mark}"))
    dates = [date.replace("+", "%2b") for date in values.DATES] if name.startswith("due_") else []
    value = rng.choice((*values.QUERY_VALUES, *dates, shot.mark, f"{shot.mark}%00"))
    shot.query = quote(f"{name}={value}", safe=IN_RAW_PATHS + "&?#")
    if rng.random() < 0.2 and known:
        shot.query += f"&{rng.choice(known)}={shot.mark}"
    return name not in known or shot.mark in shot.query


@_family(1, lambda s, g: not s.query and g.reads(s.operation, "cursor"))
def _cursor(shot: Shot, gunner: "Gunner") -> bool:
    rng, real = gunner.rng, gunner.scene.bodies["cursors"]
    theirs = gunner.scene if shot.who == "other" else gunner.foreign
    path, cursor = rng.choice(list(real.items()))
    cut = rng.randrange(len(cursor))
    mangled = (
        cursor[:cut],
        cursor[::-1],
        cursor[:cut] + ("A" if cursor[cut] != "A" else "B") + cursor[cut + 1 :],
        cursor + "=",
    )
    odd = (
        *mangled,
        cursor.lower(),
        shot.mark,
        "AAAA",
        "A" * 3_000,
        "%e2%80%ae",
        theirs.bodies["cursors"].get(path, cursor[1:]),
    )
    shot.query = f"cursor={quote(rng.choice(odd), safe='%')}" + rng.choice(
        ("", "&limit=1", f"&limit=1&cursor={cursor}")
    )
    return True
