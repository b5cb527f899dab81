"""The smallest words of the library: clean text, keys, language tags and the placeholders inside a text."""

import re
from collections.abc import Iterable, Mapping
from datetime import date
from enum import StrEnum
from typing import Annotated, NamedTuple

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, StringConstraints, ValidationError
from pydantic_core import InitErrorDetails, PydanticCustomError


class Words(BaseModel):
    """Base of every shape in this package: closed, frozen, its attribute docstrings become the JSON schema's."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


class Placeholder(StrEnum):
    """What differs from place to place and is therefore never written into a template."""

    EMERGENCY_NUMBER = "emergency_number"
    HOTLINE_NAME = "hotline_name"
    HOTLINE_PHONE = "hotline_phone"
    HOTLINE_SITE = "hotline_site"
    HOTLINE_ACCESS = "hotline_access"
    PROTECTIVE_ORDER = "protective_order"
    CITIZENSHIP_DOCUMENTS = "citizenship_documents"


_PLACEHOLDER = re.compile(r"\{(" + "|".join(Placeholder) + r")\}")

# Line feeds belong to words. The rest does not: a NUL breaks PostgreSQL, escape codes repaint a terminal, and
# direction overrides make a printed plan say something else than the stored one.
_UNSEEN = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\ufeff\ufff9-\ufffb\ud800-\udfff]")


def render(text: str, values: Mapping[str, str]) -> str:
    """Replace every placeholder in the text; a value is never searched for placeholders itself.

    Raises KeyError, naming the placeholder, when `values` lacks one that the text uses.
    """
    return _PLACEHOLDER.sub(lambda found: values[found[1]], text)


def placeholders_in(text: str) -> set[Placeholder]:
    """Find the placeholders that a text uses."""
    return {Placeholder(name) for name in _PLACEHOLDER.findall(text)}


def _clean(text: str) -> str:
    if _UNSEEN.search(text):
        raise ValueError("holds a control character; only line breaks are allowed")
    return text


def _one_line(text: str) -> str:
    if "\n" in _clean(text):
        raise ValueError("must stay on one line")
    return text


def _known_placeholders(text: str) -> str:
    if set("{}") & set(_PLACEHOLDER.sub("", text)):
        raise ValueError("has an unknown placeholder; braces may only hold " + ", ".join(Placeholder))
    return text


def _no_braces(text: str) -> str:
    if set("{}") & set(text):
        raise ValueError("takes no placeholder and no brace")
    return text


def _written_day(value: object) -> object:
    if value is None or isinstance(value, str | date):
        return value
    raise ValueError("must be a date such as 2026-01-31")  # pydantic would read 0 as 1 January 1970


_line, _prose = AfterValidator(_one_line), AfterValidator(_clean)
_filled, _plain = AfterValidator(_known_placeholders), AfterValidator(_no_braces)


Key = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9]*(-[a-z0-9]+)*$", max_length=60)]
FactName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]*$", max_length=60)]
Language = Annotated[str, StringConstraints(pattern=r"^[a-z]{2,3}(-[A-Z][a-z]{3})?(-([A-Z]{2}|[0-9]{3}))?$")]
Day = Annotated[date, BeforeValidator(_written_day)]

Title = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200), _line, _plain]
ItemWords = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=2_000), _prose, _filled]
LongWords = Annotated[str, StringConstraints(strip_whitespace=True, max_length=5_000), _prose, _filled]
Credit = Annotated[str, StringConstraints(strip_whitespace=True, max_length=500), _line]
Value = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=500), _line, _plain]


def closest(language: str, offered: Iterable[str]) -> str | None:
    """Find the offered language nearest to the wanted one: `es-MX` is served by `es`; None when nothing fits."""
    offered, parts = set(offered), language.split("-")
    shorter = ("-".join(parts[:length]) for length in range(len(parts), 0, -1))
    return next((tag for tag in shorter if tag in offered), None)


Place = tuple[str | int, ...]


class Problem(NamedTuple):
    """One thing that is wrong, and the place of it: keys and positions from the top of the document."""

    loc: Place
    what: str


def refuse(shape: str, problems: Iterable[Problem]) -> None:
    """Raise one ValidationError that points at each problem's own place; nothing happens when there is none."""
    details = [
        InitErrorDetails(type=PydanticCustomError("content", "{what}", {"what": what}), loc=loc, input=None)
        for loc, what in problems
    ]
    if details:
        raise ValidationError.from_exception_data(shape, details)
