"""The words of a template in another language, and whether they cover what the original says."""

from collections import Counter
from collections.abc import Iterator, Sequence
from enum import StrEnum
from typing import Annotated, Literal, Protocol

from pydantic import Field

from models.content.section import MAX_ITEMS, ItemText, SectionText
from models.content.text import ItemWords, Key, Language, LongWords, Place, Problem, Title, Words

MAX_SECTIONS = 60


class _Keyed(Protocol):
    @property
    def key(self) -> str: ...


class TranslationState(StrEnum):
    """How far words may be trusted: the original, a translation nobody checked, or one that was checked."""

    SOURCE = "source"
    DRAFT = "draft"
    REVIEWED = "reviewed"


class ItemWording(Words):
    """The translated words of one item."""

    key: Key
    text: ItemWords
    prompt: ItemWords | None = None
    notice: ItemWords | None = None


class SectionWording(Words):
    """The translated words of one section."""

    key: Key
    title: Title
    guidance: LongWords = ""
    items: Annotated[list[ItemWording], Field(min_length=1, max_length=MAX_ITEMS)]


class Wording(Words):
    """The words of a whole template in another language."""

    title: Title
    summary: LongWords = ""
    sections: Annotated[list[SectionWording], Field(min_length=1, max_length=MAX_SECTIONS)]

    def problems(self, summary: str, sections: Sequence[SectionText]) -> Iterator[Problem]:
        """Find where these words do not cover exactly what the original says; places are places in this translation."""
        if bool(self.summary) != bool(summary):
            yield Problem(("summary",), _uneven(self.summary))
        yield from _compare_keys(("sections",), self.sections, sections)
        originals = {section.key: section for section in sections}
        for position, section in enumerate(self.sections):
            if section.key in originals:
                yield from _compare_section(("sections", position), section, originals[section.key])

    def reword(self, section: SectionText) -> SectionText:
        """Put the section into these words; everything that is not a word stays the original's."""
        words = next(words for words in self.sections if words.key == section.key)
        wording = {item.key: item for item in words.items}
        items = [item.model_copy(update=dict(wording[item.key])) for item in section.items]
        return section.model_copy(update={"title": words.title, "guidance": words.guidance, "items": items})


class Translation(Wording):
    """A translation as it is stored beside its original."""

    status: Literal[TranslationState.DRAFT, TranslationState.REVIEWED]


class Heading(Words):
    """Title and summary in the language they could be given in, and how far these words may be trusted."""

    title: Title
    summary: LongWords
    lang: Language
    translation: TranslationState


class LocalizedSection(SectionText):
    """A section in the language it could be given in, and how far these words may be trusted."""

    lang: Language
    translation: TranslationState


def _compare_section(place: Place, words: SectionWording, original: SectionText) -> Iterator[Problem]:
    if bool(words.guidance) != bool(original.guidance):
        yield Problem((*place, "guidance"), _uneven(words.guidance))
    yield from _compare_keys((*place, "items"), words.items, original.items)
    originals = {item.key: item for item in original.items}
    for position, item in enumerate(words.items):
        if item.key in originals:
            yield from _compare_item((*place, "items", position), item, originals[item.key])


def _compare_item(place: Place, words: ItemWording, original: ItemText) -> Iterator[Problem]:
    if bool(words.prompt) != bool(original.prompt):
        yield Problem((*place, "prompt"), _uneven(words.prompt))
    if bool(words.notice) != bool(original.notice):
        yield Problem((*place, "notice"), _uneven(words.notice))


def _compare_keys(place: Place, ours: Sequence[_Keyed], originals: Sequence[_Keyed]) -> Iterator[Problem]:
    have, wanted = Counter(one.key for one in ours), [one.key for one in originals]
    yield from (Problem(place, f"lacks {key}, which the original has") for key in wanted if key not in have)
    for position, one in enumerate(ours):
        if one.key not in wanted:
            yield Problem((*place, position, "key"), f"{one.key} is not in the original at this place")
        elif have[one.key] > 1:
            yield Problem((*place, position, "key"), "this key is used twice")


def _uneven(words: str | None) -> str:
    return "is not in the original" if words else "is in the original but not in this translation"
