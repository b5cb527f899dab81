"""Items and sections of a template, in the language in which they were written."""

from enum import StrEnum
from typing import Annotated, Self

from pydantic import Field, StrictBool, model_validator

from models.content.text import Credit, FactName, ItemWords, Key, LongWords, Problem, Title, Words, refuse

MAX_ITEMS = 500


class ItemKind(StrEnum):
    """What an item asks of the survivor."""

    ACTION = "action"
    PERSONAL = "personal"
    TALK = "talk"
    INFORMATION = "information"

    @property
    def tickable(self) -> bool:
        """Whether the item can be done; information can only be read."""
        return self is not ItemKind.INFORMATION


class ItemText(Words):
    """One step of a plan, before the survivor makes it their own."""

    key: Key
    """Neutral name that stands in plain text in exports and addresses; unique in the document."""
    text: ItemWords
    """What the survivor reads."""
    kind: ItemKind
    """action: tick when done; personal: needs the survivor's own words; talk: teach or talk; information: read only."""
    prompt: ItemWords | None = None
    """The question that leads to the survivor's own words."""
    noticeable: StrictBool = False
    """True when the person who does harm may notice the step."""
    notice: ItemWords | None = None
    """Why the step may be noticed and what to think about first; shown before it is planned."""
    shared_fact: FactName | None = None
    """Items with the same shared fact are one matter, entered once and shown everywhere."""
    removable: StrictBool = False
    """True when the step is wrong for some survivors and is offered for removal."""
    review: StrictBool = False
    """True when the step is carried out by reviewing the plan."""
    hidden: StrictBool = False
    """True when new plans leave the step out."""
    secret: StrictBool = False
    """True when the survivor's own words here must not be shown on lists, prints or screens without asking."""

    @model_validator(mode="after")
    def _notice_is_shown(self) -> Self:
        if self.notice and not self.noticeable:
            refuse("ItemText", [Problem(("notice",), "would never be shown: set noticeable to true")])
        return self


class SectionText(Words):
    """A part of a plan that the survivor chooses, declines or leaves for later."""

    key: Key
    """Neutral name, unique in the document."""
    title: Title
    guidance: LongWords = ""
    """What to think about before choosing steps here."""
    source: Credit | None = None
    """The public organisations from which the facts come."""
    hidden: StrictBool = False
    """True when the section is not offered for new plans."""
    items: Annotated[list[ItemText], Field(min_length=1, max_length=MAX_ITEMS)]
