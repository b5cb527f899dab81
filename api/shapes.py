"""What goes in and out over HTTP, at its smallest: bases of shapes, and types for text, instants and ids.

In-shapes are strict and closed: no coercion, no unknown member, and none holds an id of its own row, an agency,
an owner or a version, so mass assignment has nothing to assign. Out-shapes name every field by hand.
"""

import re
import unicodedata
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Self
from uuid import UUID
from zoneinfo import available_timezones

import orjson
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints
from pydantic_core import PydanticCustomError

if TYPE_CHECKING:
    from models.workspace import Workspace


class In(BaseModel):
    """A body. Read from bytes in strict JSON mode (api/door.py)."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, use_attribute_docstrings=True)


class Patch(In):
    """A merge patch (RFC 7396): what is absent stays, null takes away."""

    def changes(self) -> dict[str, Any]:
        """The members that were sent, as values."""
        return {name: getattr(self, name) for name in self.model_fields_set}


class Filter(BaseModel):
    """Query parameters. An unknown or repeated one is refused with a suggestion."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


class Out(BaseModel):
    """An answer. `home` is the collection its own address lies in; `again` renders it by id for a replayed request.

    It is made of our own values, member by member: nothing is validated again when one is made. mypy checks the
    members' names and what is typed of their values; in the tests every answer is held to its shape.
    """

    model_config = ConfigDict(use_attribute_docstrings=True)
    home: ClassVar[str | None] = None
    #: Whether everything shown is the row's own, so that an unchanged version means an unchanged answer (304).
    still: ClassVar[bool] = False

    if not TYPE_CHECKING:

        def __init__(self, **values: Any) -> None:
            """Keep the members as they are given."""
            object.__setattr__(self, "__dict__", values)

    @classmethod
    def __pydantic_init_subclass__(cls, **_: Any) -> None:
        if given := [name for name, field in cls.model_fields.items() if not field.is_required()]:
            raise TypeError(f"{cls.__name__} gives {given} a default: an answer says every member itself")

    def address(self) -> str:
        """Where what was just made can be found."""
        return f"{self.home}/{self.id}"  # type: ignore[attr-defined]

    @classmethod
    def again(cls, db: "Workspace", row_id: UUID) -> Self:
        """The same answer from the row as it is today, under today's permissions."""
        raise NotImplementedError(f"{cls.__name__} cannot be replayed")


def written(answer: BaseModel) -> bytes:
    """An answer as JSON: instants in UTC with Z, choices by their value."""
    return orjson.dumps(answer, _members, orjson.OPT_UTC_Z)


def _members(value: Any) -> Any:
    if Out in type(value).__mro__:  # isinstance asks pydantic's metaclass, which thinks long
        return value.__dict__
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    raise TypeError(f"{type(value).__name__} has no place in an answer")


# Bidirectional overrides make a screen say something else than what is stored; the others are invisible or end lines.
_NEVER = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb]"
)


def _clean(text: str) -> str:
    if _NEVER.search(text):
        raise PydanticCustomError("text-characters", "Control and invisible characters have no place here.")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise PydanticCustomError("text-characters", "Half a character (a lone surrogate) has no place here.") from None
    return text


def _line(text: str) -> str:
    if "\n" in text or "\t" in text:
        raise PydanticCustomError("text-lines", "This has to stay on one line.")
    return unicodedata.normalize("NFC", _clean(text)).strip()


def _filled(text: str) -> str:
    if not text.strip():
        raise PydanticCustomError("text-blank", "This must not be blank.")
    return text


_ONE_LINE = (AfterValidator(_line), AfterValidator(_filled))
_LINES = (AfterValidator(_clean), AfterValidator(_filled))

#: One line of text, not blank, NFC, without control characters: up to 60, 120, 200 and 500 characters.
Short = Annotated[str, StringConstraints(min_length=1, max_length=60), *_ONE_LINE]
Name = Annotated[str, StringConstraints(min_length=1, max_length=120), *_ONE_LINE]
Line = Annotated[str, StringConstraints(min_length=1, max_length=200), *_ONE_LINE]
LongLine = Annotated[str, StringConstraints(min_length=1, max_length=500), *_ONE_LINE]
#: Several lines, not blank, kept exactly as written, without control characters: up to 2,000 and 10,000 characters.
Note = Annotated[str, StringConstraints(min_length=1, max_length=2_000), *_LINES]
Text = Annotated[str, StringConstraints(min_length=1, max_length=10_000), *_LINES]

#: IANA zones, without those that mean another thing on another machine.
ZONES = frozenset(available_timezones() - {"Factory", "localtime", "posixrules"})

_INSTANT = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d{1,6})?([Zz]|[+-]\d\d:\d\d)")
_DAY = re.compile(r"\d{4}-\d\d-\d\d")


def _written_instant(value: Any) -> Any:
    if isinstance(value, datetime):
        return value
    if not isinstance(value, str) or not _INSTANT.fullmatch(value):
        raise PydanticCustomError("instant", "A time needs the form 2027-01-31T09:30:00Z, with Z or an offset.")
    try:
        return datetime.fromisoformat(value.upper())
    except ValueError:
        raise PydanticCustomError("instant", "There is no such time.") from None


def _to_utc(value: datetime) -> datetime:
    try:
        moved = value.astimezone(UTC)
    except (OverflowError, ValueError):
        moved = datetime.min.replace(tzinfo=UTC)
    if not 1900 <= moved.year <= 2200:
        raise PydanticCustomError("instant-range", "A time lies between the years 1900 and 2200.")
    return moved


def _written_day(value: Any) -> Any:
    if isinstance(value, date):
        return value
    if not isinstance(value, str) or not _DAY.fullmatch(value):
        raise PydanticCustomError("day", "A day needs the form 2027-01-31.")
    try:
        return date.fromisoformat(value)
    except ValueError:
        raise PydanticCustomError("day", "There is no such day.") from None


def _sane_day(value: date) -> date:
    if not 1900 <= value.year <= 2200:
        raise PydanticCustomError("day-range", "A day lies between the years 1900 and 2200.")
    return value


def _known_zone(name: str) -> str:
    if name not in ZONES:
        raise PydanticCustomError("time-zone", "This is not an IANA time zone such as America/New_York.")
    return name


#: An aware instant: RFC 3339 in, UTC out with Z.
Instant = Annotated[
    datetime,
    BeforeValidator(_written_instant),
    AfterValidator(_to_utc),
    Field(examples=["2027-01-29T15:00:00Z"]),
]
Day = Annotated[date, BeforeValidator(_written_day), AfterValidator(_sane_day), Field(examples=["2027-01-29"])]
Zone = Annotated[
    str, StringConstraints(max_length=60), AfterValidator(_known_zone), Field(examples=["America/New_York"])
]
Language = Annotated[
    str, StringConstraints(pattern=r"^[a-z]{2,3}(-[A-Z][a-z]{3})?(-([A-Z]{2}|[0-9]{3}))?$"), Field(examples=["en"])
]
Interval = Annotated[str, StringConstraints(pattern=r"^P[1-9][0-9]{0,2}[DW]$"), Field(examples=["P8W"])]
#: What proves who somebody is, as it was typed or kept: a password, a recovery code, a token of ours.
Secret = Annotated[str, StringConstraints(min_length=1, max_length=1024)]
#: What stands behind the # of a link.
LinkToken = Annotated[str, StringConstraints(min_length=20, max_length=100)]
#: What an authenticator app shows.
Code = Annotated[str, StringConstraints(pattern=r"^[0-9]{3} ?[0-9]{3}$"), Field(examples=["492039"])]
Email = Annotated[
    str,
    StringConstraints(max_length=254, pattern=r"^[^@\s\x00-\x1f\"(),:;<>\[\]\\]+@[A-Za-z0-9.-]+\.[A-Za-z0-9-]{2,}$"),
    AfterValidator(_line),
    Field(examples=["ana@harbor.example"]),
]
