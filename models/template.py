"""Templates: the library's and an agency's own, their versions, and the words a plan pins."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, ClassVar
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Field

from models.access import PLATFORM
from models.base import AgencyRecord, choice, columns, id_field, instant_field, within
from models.content import LocalizedSection, TemplateDocument, TranslationState, render
from models.content.section import ItemText
from models.errors import Conflict, Fault, Invalid, NotFound
from models.jurisdiction import LocalValues
from models.kept import Kept
from models.ledger.action import Action
from models.rows import Query

if TYPE_CHECKING:
    from models.workspace import Workspace


class VersionState(StrEnum):
    """A draft can be written; a published version never changes."""

    DRAFT = "draft"
    PUBLISHED = "published"


class Template(AgencyRecord, table=True):
    """A template: a name for a row of versions. The library's belong to the platform."""

    __tablename__ = "templates"
    shared: ClassVar[bool] = True

    key: str | None = None
    copied_from_id: UUID | None = id_field(default=None)
    title: str
    published: int = 0
    draft: int | None = None
    retired_at: datetime | None = instant_field(default=None)
    created_at: datetime = instant_field()
    version: int = 1

    @property
    def is_library(self) -> bool:
        """Part of the library, which agencies copy and never change."""
        return self.agency_id == PLATFORM

    @classmethod
    def create(cls, db: "Workspace", document: TemplateDocument, copied_from: "Template | None" = None) -> "Template":
        """A new template of the agency with version 1 as a draft."""
        action = Action.TEMPLATE_COPIED if copied_from else Action.TEMPLATE_CREATED
        template = db.create(
            cls,
            action,
            title=document.title,
            copied_from_id=copied_from.id if copied_from else None,
            draft=1,
            created_at=db.now,
        )
        db.flush()
        TemplateVersion.write(db, template, 1, document)
        return template

    @classmethod
    def own(cls, db: "Workspace", template_id: UUID) -> "Template":
        """The agency's own template, locked for change. Conflict for the library's: copy it first."""
        if db.find(cls, template_id).is_library:
            raise Conflict("library-template")
        return db.claim(cls, template_id)

    def copied(self, db: "Workspace") -> "Template":
        """The agency's own copy of the latest published version, to be changed freely."""
        return Template.create(db, TemplateVersion.of(db, self, self.published_number()).words(), copied_from=self)

    def begin_draft(self, db: "Workspace", from_version: int | None = None) -> "TemplateVersion":
        """A new draft from the latest (or a named) version. Conflict when there is a draft already."""
        if self.draft is not None:
            raise Conflict("draft-exists")
        source = TemplateVersion.of(db, self, from_version or self.published_number())
        number = self.published + 1
        self.draft = number
        db.record(Action.TEMPLATE_VERSION_DRAFTED, self)
        return TemplateVersion.write(db, self, number, source.words())

    def rewrite(
        self, db: "Workspace", number: int, document: TemplateDocument, version: int | None
    ) -> "TemplateVersion":
        """Put a whole new document into the draft. Conflict for a published version: it never changes."""
        draft = db.claim(TemplateVersion, TemplateVersion.of(db, self, number).id, version)
        if draft.state is VersionState.PUBLISHED:
            raise Conflict("version-published")
        draft.document = document.model_dump_json()
        db.record(Action.TEMPLATE_VERSION_UPDATED, draft)
        return draft

    def publish(self, db: "Workspace", number: int) -> "TemplateVersion":
        """Make the draft the latest version, for ever as it stands. Doing it twice changes nothing."""
        draft = db.claim(TemplateVersion, TemplateVersion.of(db, self, number).id)
        if draft.state is VersionState.DRAFT:
            draft.state, draft.published_at, draft.published_by_id = VersionState.PUBLISHED, db.now, db.actor.id
            self.title, self.published, self.draft = draft.words().title, number, None
            db.record(Action.TEMPLATE_VERSION_PUBLISHED, draft)
            db.record(Action.TEMPLATE_UPDATED, self)
        return draft

    def retire(self, db: "Workspace") -> None:
        """No new plans from it; plans that pin it keep it. Doing it twice changes nothing."""
        if self.retired_at is None:
            self.retired_at = db.now
            db.record(Action.TEMPLATE_RETIRED, self)

    def reinstate(self, db: "Workspace") -> None:
        """Offered again. Doing it twice changes nothing."""
        if self.retired_at is not None:
            self.retired_at = None
            db.record(Action.TEMPLATE_REINSTATED, self)

    def published_number(self) -> int:
        """The latest published version. Conflict when there is none."""
        if not self.published:
            raise Conflict("not-published")
        return self.published


class TemplateVersion(AgencyRecord, table=True):
    """One version's words, as the JSON of a TemplateDocument."""

    __tablename__ = "template_versions"
    shared: ClassVar[bool] = True
    __table_args__ = (
        within("template_id", "templates"),
        sa.UniqueConstraint("agency_id", "template_id", "number"),
    )

    template_id: UUID = id_field()
    number: int
    state: VersionState = Field(default=VersionState.DRAFT, sa_type=choice(VersionState))
    document: str = Field(repr=False)
    created_at: datetime = instant_field()
    published_at: datetime | None = instant_field(default=None)
    published_by_id: UUID | None = id_field(default=None)
    version: int = 1

    @classmethod
    def write(cls, db: "Workspace", template: Template, number: int, document: TemplateDocument) -> "TemplateVersion":
        """A new draft version with these words."""
        row = db.create(
            cls,
            Action.TEMPLATE_VERSION_DRAFTED,
            template_id=template.id,
            number=number,
            document=document.model_dump_json(),
            created_at=db.now,
        )
        db.flush()
        return row

    @classmethod
    def of(cls, db: "Workspace", template: Template, number: int) -> "TemplateVersion":
        """A template's version by number, or NotFound."""
        found = db.all(sa.select(cls).where(_V.template_id == template.id, _V.number == number))
        if not found:
            raise NotFound
        row: TemplateVersion = found[0]
        return row

    @classmethod
    def all_of(cls, db: "Workspace", template: Template) -> Sequence["TemplateVersion"]:
        """Every version of a template, oldest first."""
        found = sa.select(cls).where(_V.template_id == template.id).order_by(_V.number)
        return db.all(found)

    def words(self) -> TemplateDocument:
        """The document."""
        return TemplateDocument.model_validate_json(self.document)


def templates_of(
    db: "Workspace", *, library: bool | None, retired: bool, most: int, after: UUID | None
) -> list[Template]:
    """The templates an agency can read, by id, at most `most`, those behind `after`."""
    found = sa.select(Template).order_by(_T.id).limit(most)
    if library is not None:
        owner = _T.agency_id == PLATFORM if library else _T.agency_id != PLATFORM
        found = found.where(owner)
    if not retired:
        found = found.where(_T.retired_at.is_(None))
    if after is not None:
        found = found.where(_T.id > after)
    return db.all(found)


# -- what plans read: pinned words, kept because they never change -------------------------------------------------


@dataclass(frozen=True)
class Pinned:
    """The published version a plan stands on: where it is kept and under which number."""

    owner_id: UUID
    template_id: UUID
    number: int


@dataclass(frozen=True)
class PinnedSection:
    """A section in one language, filled with local values. `number` counts from 1 over the document."""

    number: int
    key: str
    title: str
    guidance: str
    hidden: bool
    first_item: int
    last_item: int


@dataclass(frozen=True)
class PinnedItem:
    """An item in one language, filled with local values. `number` counts from 1 over the whole document."""

    number: int
    section: int
    source: ItemText
    text: str
    prompt: str | None
    notice: str | None


@dataclass(frozen=True)
class PinnedWords:
    """A published version in one language at one agency."""

    language: str
    translation: TranslationState
    title: str
    sections: tuple[PinnedSection, ...]
    items: tuple[PinnedItem, ...]

    def section(self, number: int) -> PinnedSection | None:
        """A section by number; 0 is an agency's own section, which has no words here."""
        return self.sections[number - 1] if number else None

    def item(self, number: int) -> PinnedItem | None:
        """An item by number; 0 is the survivor's or advocate's own item, which has no words here."""
        return self.items[number - 1] if number else None


_T, _V = columns(Template), columns(TemplateVersion)
_LATEST = Query(
    sa.select(_T.agency_id.label("owner_id"), _T.published, _T.retired_at).where(
        _T.id == sa.bindparam("template_id", required=True)
    )
)
_DOCUMENT = Query(
    sa.select(_V.document, _V.state).where(
        _V.agency_id == sa.bindparam("owner_id", required=True),
        _V.template_id == sa.bindparam("template_id", required=True),
        _V.number == sa.bindparam("number", required=True),
    )
)
#: What never changes is kept by this process: documents, and their words by language and place.
_documents: Kept[Pinned, TemplateDocument] = Kept(500)
_words: "Kept[tuple[Pinned, str, LocalValues], PinnedWords]" = Kept(500)


def pin(db: "Workspace", template_id: UUID, number: int | None) -> Pinned:
    """The version a new plan stands on: the latest published, or a named one. Conflict for retired or unpublished."""
    found = db.rows(_LATEST, template_id=template_id)
    if not found:
        raise Invalid(Fault("/template_id", "unknown-template", "There is no such template."))
    latest = found[0]
    if latest.retired_at is not None:
        raise Conflict("template-retired")
    if not latest.published:
        raise Conflict("not-published")
    if number is not None and not 1 <= number <= latest.published:
        raise Invalid(Fault("/version", "unknown-version", "There is no such published version."))
    return Pinned(latest.owner_id, template_id, number or latest.published)


def document(db: "Workspace", pinned: Pinned) -> TemplateDocument:
    """A published version's document."""
    kept = _documents.get(pinned)
    if kept is not None and pinned.owner_id in (db.agency_id, PLATFORM):
        return kept
    row = db.one(_DOCUMENT, owner_id=pinned.owner_id, template_id=pinned.template_id, number=pinned.number)
    read = TemplateDocument.model_validate_json(row.document)
    if row.state is VersionState.PUBLISHED:
        db.once_kept(lambda: _documents.keep(pinned, read))
    return read


def words(db: "Workspace", pinned: Pinned, language: str, values: LocalValues) -> PinnedWords:
    """A published version's words in a language, filled with the agency's values."""
    source, key = document(db, pinned), (pinned, language, values)
    kept = _words.get(key)
    if kept is None:
        made = kept = _filled(source, language, values)
        db.once_kept(lambda: _words.keep(key, made))
    return kept


def _filled(source: TemplateDocument, language: str, values: LocalValues) -> PinnedWords:
    local = values.in_language(language)
    sections: list[PinnedSection] = []
    items: list[PinnedItem] = []
    localized: list[LocalizedSection] = source.in_language(language)
    for number, section in enumerate(localized, 1):
        first = len(items) + 1
        for item in section.items:
            texts = (item.text, item.prompt, item.notice)
            text, prompt, notice = (None if t is None else render(t, local) for t in texts)
            items.append(PinnedItem(len(items) + 1, number, item, text or "", prompt, notice))
        guidance = render(section.guidance, local)
        sections.append(PinnedSection(number, section.key, section.title, guidance, section.hidden, first, len(items)))
    heading = source.heading_in(language)
    return PinnedWords(heading.lang, heading.translation, heading.title, tuple(sections), tuple(items))
