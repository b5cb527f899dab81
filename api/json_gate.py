"""What may be called JSON here, checked before anything reads it: strict, shallow, unambiguous."""

import json
from typing import Any

from models.errors import Fault, Invalid

DEEPEST = 32
MOST_NAMES = 1_000
MOST_NAMES_IN_ALL = 10_000  # each may be a fault of its own, and telling them costs the event loop
LARGEST = 2**63 - 1


class _Refused(ValueError):
    pass


def _no_twins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len(pairs) > MOST_NAMES:
        raise _Refused(f"an object has more than {MOST_NAMES} names")
    found = dict(pairs)
    if len(found) != len(pairs):
        raise _Refused("a name occurs twice in one object")
    return found


def _bounded(digits: str) -> int:
    if len(digits) > 20 or not -LARGEST - 1 <= int(digits) <= LARGEST:
        raise _Refused("a whole number is out of range")
    return int(digits)


def _constant(_: str) -> None:
    raise _Refused("NaN and Infinity are not JSON")


def _finite(digits: str) -> float:
    number = float(digits)
    if number in (float("inf"), float("-inf")):
        raise _Refused("a number is out of range")
    return number


_decode = json.JSONDecoder(
    object_pairs_hook=_no_twins, parse_int=_bounded, parse_constant=_constant, parse_float=_finite
).decode


def check(raw: bytes) -> None:
    """Pass, or raise Invalid('malformed-json') saying what is wrong without repeating any of it.

    Refused: other encodings than UTF-8, a byte order mark, more than 32 levels, repeated names, numbers no machine
    agrees on, NaN, and lone surrogates.
    """
    try:
        text = raw.decode("utf-8")
        _shallow(text)
        if text.count(":") > MOST_NAMES_IN_ALL:
            _few(text)
        parsed = _decode(text)
        if "\\u" in text:
            json.dumps(parsed, ensure_ascii=False).encode("utf-8")  # a lone surrogate has no encoding
    except UnicodeDecodeError:
        fault = "The body is not UTF-8 text."
    except UnicodeEncodeError:
        fault = "The body holds half a character (a lone surrogate)."
    except _Refused as refused:
        fault = f"The body is not JSON as accepted here: {refused}."
    except ValueError:
        fault = "The body is not well-formed JSON."
    else:
        return
    raise Invalid(Fault("", "malformed-json", fault), code="malformed-json")


def _few(text: str) -> None:
    """Count the names of a body that may have too many."""
    found = 0

    def counted(pairs: list[tuple[str, Any]]) -> None:
        nonlocal found
        found += len(pairs)
        if found > MOST_NAMES_IN_ALL:
            raise _Refused(f"it has more than {MOST_NAMES_IN_ALL} names")

    json.loads(text, object_pairs_hook=counted, parse_int=_bounded)


def _shallow(text: str) -> None:
    if text.count("[") + text.count("{") <= DEEPEST:
        return
    depth, inside, skip = 0, False, False
    for char in text:
        if skip:
            skip = False
        elif inside:
            skip, inside = char == "\\", char != '"'
        elif char == '"':
            inside = True
        elif char in "[{":
            depth += 1
            if depth > DEEPEST:
                raise _Refused(f"it is nested deeper than {DEEPEST} levels")
        elif char in "]}":
            depth -= 1
