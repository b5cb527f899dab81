"""One version of a template: its sections, its languages, and how to read it in one of them."""

from collections import Counter
from collections.abc import Iterator
from typing import Annotated, Self

from pydantic import Field, model_validator

from models.content.section import MAX_ITEMS, SectionText
from models.content.text import Credit, Day, Key, Language, LongWords, Place, Problem, Title, Words, closest, refuse
from models.content.translation import MAX_SECTIONS, Heading, LocalizedSection, Translation, TranslationState


class TemplateDocument(Words):
    """One version of a template with all its languages: the JSON that is stored and the body of the REST API.

    Raises pydantic.ValidationError, with the place of each problem, when keys repeat, limits are passed, a placeholder
    is unknown or a translation does not cover exactly the keys of the original.
    """

    title: Title
    summary: LongWords = ""
    language: Language
    """The language of the words in `sections`; the others are in `translations`."""
    jurisdiction: Key | None = None
    """The jurisdiction the template is written for; null when it fits everywhere."""
    source: Credit = ""
    """Where the facts come from."""
    licence: Credit = ""
    reading_level: Credit = ""
    reviewed_on: Day | None = None
    """The day an expert last read it; null when nobody has."""
    reviewer: Credit | None = None
    sections: Annotated[list[SectionText], Field(min_length=1, max_length=MAX_SECTIONS)]
    translations: Annotated[dict[Language, Translation], Field(default_factory=dict, max_length=30)]

    @model_validator(mode="after")
    def _whole(self) -> Self:
        refuse("TemplateDocument", self.problems())
        return self

    def problems(self) -> Iterator[Problem]:
        """Find what no single field can see: repeated keys, too many items, translations that do not fit."""
        places = list(self._places())
        uses = Counter(key for _, key in places)
        yield from (Problem(loc, "this key is used twice") for loc, key in places if uses[key] > 1)
        if sum(len(section.items) for section in self.sections) > MAX_ITEMS:
            yield Problem(("sections",), f"hold more than {MAX_ITEMS} items in all")
        for tag, translation in self.translations.items():
            if tag == self.language:
                yield Problem(("translations", tag), "is the language of the original")
            for loc, what in translation.problems(self.summary, self.sections):
                yield Problem(("translations", tag, *loc), what)

    def heading_in(self, language: str) -> Heading:
        """Give title and summary in this language, else in the original's."""
        tag, translation = self._translation(language)
        words = translation or self
        return Heading(title=words.title, summary=words.summary, lang=tag, translation=_state(translation))

    def in_language(self, language: str) -> list[LocalizedSection]:
        """Give the sections in this language, else in the original's; `lang` and `translation` tell which it was."""
        tag, translation = self._translation(language)
        sections = [translation.reword(section) for section in self.sections] if translation else self.sections
        return [LocalizedSection(**dict(one), lang=tag, translation=_state(translation)) for one in sections]

    def _translation(self, language: str) -> tuple[str, Translation | None]:
        tag = closest(language, [self.language, *self.translations]) or self.language
        return tag, self.translations.get(tag)

    def _places(self) -> Iterator[tuple[Place, str]]:
        for at, section in enumerate(self.sections):
            yield ("sections", at, "key"), section.key
            for position, item in enumerate(section.items):
                yield ("sections", at, "items", position, "key"), item.key


def _state(translation: Translation | None) -> TranslationState:
    return translation.status if translation else TranslationState.SOURCE
