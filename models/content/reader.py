"""Reads one YAML file of words and says, by file and line, what is wrong with it."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.constructor import DuplicateKeyError
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import AliasEvent, CollectionEndEvent, CollectionStartEvent, NodeEvent

from models.content.text import Place, Problem

MAX_CHARACTERS = 500_000
MAX_DEPTH = 20
MAX_PROBLEMS = 200
MAX_PARTS = 40_000  # fields, values and lists; the reader is slow, and an upload must not hold a worker for long

_SAID_PLAINLY = {
    "missing": "is missing",
    "extra_forbidden": "is not a known field",
    "string_type": "must be text; put it in quotes",
    "bool_type": "must be true or false",
    "string_pattern_mismatch": "is not written as it must be; see content/README.md",
}

Shape = TypeVar("Shape", bound=BaseModel)


class ContentError(Exception):
    """What is wrong with files of words: `lines` holds one `file:line: path: what` for each problem."""

    def __init__(self, lines: Iterable[str]) -> None:
        self.lines = tuple(lines)
        super().__init__("\n".join(self.lines))


class Page:
    """One YAML file, read, that still knows on which line everything stands.

    Raises ContentError for anything that is not one plain YAML mapping with unique keys.
    """

    def __init__(self, name: str, text: str) -> None:
        self.name = name
        self.node = self._read(text)

    def check(self, shape: type[Shape]) -> Shape:
        """Give the file as this shape; raises ContentError with the first problems pydantic found."""
        try:
            return shape.model_validate(_without_positions(self.node))
        except ValidationError as error:
            raise ContentError(self.lines(_problems(error)[:MAX_PROBLEMS])) from None

    def lines(self, problems: Iterable[Problem]) -> list[str]:
        """Write one `file:line: path: what` for each problem."""
        return [f"{self.name}:{self._line(loc)}: {_path(loc)}: {what}" for loc, what in problems]

    def get(self, key: str) -> object:
        """Give what stands under a top-level key, or None."""
        return self.node.get(key)

    def _read(self, text: str) -> Any:
        try:
            self._refuse_tricks(text)
            node = YAML(typ="rt", pure=True).load(text)
        except MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            raise self._error(mark.line + 1 if mark else 1, _syntax(error)) from None
        except (YAMLError, ValueError, RecursionError):
            raise self._error(1, "cannot be read as YAML") from None
        if not isinstance(node, Mapping):
            raise self._error(1, "must be a mapping of fields")
        return node

    def _refuse_tricks(self, text: str) -> None:
        """Aliases can grow a page without end, tags make other types, depth exhausts the stack: words need none."""
        if len(text) > MAX_CHARACTERS:
            raise self._error(1, f"is longer than {MAX_CHARACTERS} characters")
        depth = 0
        for count, event in enumerate(YAML(typ="rt", pure=True).parse(text)):
            if count > MAX_PARTS:
                raise self._error(event.start_mark.line + 1, f"has more than {MAX_PARTS} parts")
            depth += isinstance(event, CollectionStartEvent) - isinstance(event, CollectionEndEvent)
            if depth > MAX_DEPTH:
                raise self._error(event.start_mark.line + 1, f"is nested deeper than {MAX_DEPTH}")
            if isinstance(event, NodeEvent) and (event.anchor or isinstance(event, AliasEvent)):
                raise self._error(event.start_mark.line + 1, "uses an anchor or alias; write the words out")
            if getattr(event, "tag", None):
                raise self._error(event.start_mark.line + 1, "uses a YAML tag; write plain text")

    def _error(self, line: int, what: str) -> ContentError:
        return ContentError([f"{self.name}:{line}: file: {what}"])

    def _line(self, loc: Place) -> int:
        """Find the line of the node, or of the nearest parent when the node itself is missing."""
        node, line = self.node, self.node.lc.line
        for step in loc:
            try:
                line, node = node.lc.data[step][0], node[step]
            except (AttributeError, KeyError, IndexError, TypeError):
                break
        return int(line) + 1


def _problems(error: ValidationError) -> list[Problem]:
    """Pydantic's findings without the values it found."""
    found = error.errors(include_url=False, include_context=False, include_input=False)
    return [Problem(_place(one["loc"]), _plainly(one["type"], one["msg"])) for one in found]


def _plainly(kind: str, message: str) -> str:
    return _SAID_PLAINLY.get(kind) or message.removeprefix("Value error, ").removeprefix("Input ")


def _place(loc: Place) -> Place:
    """Without pydantic's own marks for union members and mapping keys, which stand nowhere in the file."""
    return tuple(step for step in loc if not (isinstance(step, str) and step.startswith(("(", "["))))


def _path(loc: Place) -> str:
    steps = (f"[{step}]" if isinstance(step, int) else f".{_short(step)}" for step in loc)
    return "".join(steps).removeprefix(".") or "file"


def _syntax(error: MarkedYAMLError) -> str:
    if isinstance(error, DuplicateKeyError):  # its message quotes both values
        _, key, *_ = str(error.problem).split('"')
        return f"has the key {_short(key)} twice"
    return f"is not YAML: {_short(str(error.problem), 120)}"


def _short(text: str, longest: int = 60) -> str:
    """Make a piece of the file fit to stand in an error: bounded, on one line."""
    return "".join(sign if sign.isprintable() else "?" for sign in text[:longest])


def _without_positions(node: Any) -> Any:
    """Plain dicts, lists and strings: ruamel's own types remember layout and would travel into the documents."""
    if isinstance(node, Mapping):
        return {str(key): _without_positions(value) for key, value in node.items()}
    if isinstance(node, str):
        return str(node)
    if isinstance(node, Sequence):
        return [_without_positions(value) for value in node]
    return node
