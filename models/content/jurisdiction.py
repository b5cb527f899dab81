"""A jurisdiction: the numbers, names and documents that hold in one place."""

from collections.abc import Mapping
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, Discriminator, Field, StringConstraints, Tag, model_validator

from models.content.text import Day, Key, Language, Placeholder, Problem, Title, Value, Words, closest, refuse


def _known_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (OSError, ValueError, LookupError):  # a folder, a path outside, an unknown name
        raise ValueError("is not a time zone such as Europe/Dublin") from None
    return name


def _neutral_address(address: str) -> str:
    try:
        parts = urlsplit(address)
    except ValueError:
        parts = urlsplit("")
    if parts.scheme != "https" or not parts.hostname or "@" in parts.netloc or parts.query or parts.fragment:
        raise ValueError("must be a plain https address, without name, query or fragment")
    return address


def _shape(value: object) -> str:
    return "(by language)" if isinstance(value, Mapping) else "(one)"


TimeZone = Annotated[str, StringConstraints(max_length=60), AfterValidator(_known_zone)]
Address = Annotated[str, StringConstraints(max_length=500, pattern=r"^[\x21-\x7e]+$"), AfterValidator(_neutral_address)]
ByLanguage = Annotated[dict[Language, Value], Field(min_length=1, max_length=30)]
LocalValue = Annotated[
    Annotated[Value, Tag("(one)")] | Annotated[ByLanguage, Tag("(by language)")],
    Discriminator(_shape),
]


class Jurisdiction(Words):
    """One place and what every placeholder means there.

    Raises pydantic.ValidationError, with the place of each problem, when a placeholder has no value.
    """

    key: Key
    name: Title
    country: Annotated[str, StringConstraints(pattern=r"^[A-Z]{2}$")]
    """ISO 3166-1 code, two letters."""
    time_zone: TimeZone
    """IANA name, such as America/New_York."""
    neutral_exit_url: Address
    """Where the quick exit leads: an everyday page that tells nothing."""
    status: Literal["draft", "reviewed"]
    """draft until someone who works in this place has checked every value."""
    reviewed_on: Day | None
    values: dict[Placeholder, LocalValue]
    """For each placeholder either one value for all languages or a map from language to value."""

    @model_validator(mode="after")
    def _nothing_missing(self) -> Self:
        missing = [name for name in Placeholder if name not in self.values]
        refuse("Jurisdiction", [Problem(("values", name.value), "is missing") for name in missing])
        return self

    def values_in(self, language: str) -> dict[str, str]:
        """Give every placeholder's value in this language; else in English, else in the first language there is."""
        return {name.value: _in_language(value, language) for name, value in self.values.items()}


def _in_language(value: str | dict[str, str], language: str) -> str:
    if isinstance(value, str):
        return value
    return value[closest(language, value) or closest("en", value) or next(iter(value))]
