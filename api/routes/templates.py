"""Templates: the library and the agency's own; copied, drafted, published, retired."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import Field

from api import paging
from api.door import Door, IfMatch
from api.gate import Can
from api.paging import Page
from api.shapes import Filter, In, Out
from models.access import Permission
from models.content import TemplateDocument
from models.template import Template, TemplateVersion, VersionState, templates_of
from models.workspace import Workspace

router = APIRouter(prefix="/templates", tags=["templates"], route_class=Door)
VersionNumber = Annotated[int, Field(ge=1, le=999_999)]


class TemplateIn(In):
    """A new template's first draft."""

    document: TemplateDocument


class DraftIn(In):
    """Where a new draft starts; the latest published version when not said."""

    from_version: VersionNumber | None = None


class TemplateFilter(Filter):
    """Which templates."""

    library: bool | None = None
    """true: the library's only; false: the agency's own only."""
    retired: bool = False
    limit: Annotated[int, Field(ge=1, le=200)] = 50
    cursor: str | None = None


class TemplateOut(Out):
    """A template and which of its versions counts."""

    home = "/v1/templates"
    still = True

    id: UUID
    key: str | None
    """The library's name for it; null for an agency's own."""
    title: str
    library: bool
    """Part of the library: copy it to change it."""
    copied_from_id: UUID | None
    published_version: int | None
    """The version new plans are made from."""
    draft_version: int | None
    """The version being written."""
    retired_at: datetime | None
    created_at: datetime
    version: int

    @classmethod
    def of(cls, template: Template) -> "TemplateOut":
        return cls(
            id=template.id,
            key=template.key,
            title=template.title,
            library=template.is_library,
            copied_from_id=template.copied_from_id,
            published_version=template.published or None,
            draft_version=template.draft,
            retired_at=template.retired_at,
            created_at=template.created_at,
            version=template.version,
        )

    @classmethod
    def again(cls, db: Workspace, row_id: UUID) -> "TemplateOut":
        return cls.of(db.find(Template, row_id))


class VersionOut(Out):
    """One version of a template, with all its words."""

    home = "/v1/templates"
    still = True

    id: UUID
    template_id: UUID
    number: int
    state: VersionState
    created_at: datetime
    published_at: datetime | None
    version: int
    document: TemplateDocument

    def address(self) -> str:
        return f"{self.home}/{self.template_id}/versions/{self.number}"

    @classmethod
    def of(cls, row: TemplateVersion) -> "VersionOut":
        return cls(
            id=row.id,
            template_id=row.template_id,
            number=row.number,
            state=row.state,
            created_at=row.created_at,
            published_at=row.published_at,
            version=row.version,
            document=row.words(),
        )

    @classmethod
    def again(cls, db: Workspace, row_id: UUID) -> "VersionOut":
        return cls.of(db.find(TemplateVersion, row_id))


@router.get("", summary="List templates")
def list_templates(
    query: Annotated[TemplateFilter, Query()], db: Annotated[Workspace, Can(Permission.TEMPLATE_READ)]
) -> Page[TemplateOut]:
    """The library's templates and the agency's own."""
    scope = f"templates?library={query.library}&retired={query.retired}"
    after = paging.after_id(db, scope, query.cursor)
    rows = templates_of(db, library=query.library, retired=query.retired, most=query.limit + 1, after=after)
    return paging.page(db, scope, rows, query.limit, lambda template: [str(template.id)], TemplateOut.of)


@router.post("", status_code=201, summary="Write a new template")
def create_template(body: TemplateIn, db: Annotated[Workspace, Can(Permission.TEMPLATE_DRAFT)]) -> TemplateOut:
    """A new template of the agency; version 1 is a draft until it is published."""
    return TemplateOut.of(Template.create(db, body.document))


@router.get("/{template_id}", summary="Read a template")
def read_template(template_id: UUID, db: Annotated[Workspace, Can(Permission.TEMPLATE_READ)]) -> TemplateOut:
    """A template and which of its versions counts."""
    return TemplateOut.of(db.find(Template, template_id))


@router.post("/{template_id}/copy", status_code=201, summary="Copy a template")
def copy_template(template_id: UUID, db: Annotated[Workspace, Can(Permission.TEMPLATE_DRAFT)]) -> TemplateOut:
    """The agency's own copy of the latest published version, as a draft to be changed freely."""
    return TemplateOut.of(db.find(Template, template_id).copied(db))


@router.post("/{template_id}/versions", status_code=201, summary="Begin a new draft")
def create_version(
    template_id: UUID, body: DraftIn, db: Annotated[Workspace, Can(Permission.TEMPLATE_DRAFT)]
) -> VersionOut:
    """A new draft, from the latest published version or from a named one."""
    template = Template.own(db, template_id)
    return VersionOut.of(template.begin_draft(db, body.from_version))


@router.get("/{template_id}/versions/{number}", summary="Read a version")
def read_version(
    template_id: UUID, number: VersionNumber, db: Annotated[Workspace, Can(Permission.TEMPLATE_READ)]
) -> VersionOut:
    """One version with all its words."""
    return VersionOut.of(TemplateVersion.of(db, db.find(Template, template_id), number))


@router.put("/{template_id}/versions/{number}", summary="Write the draft")
def update_version(
    template_id: UUID,
    number: VersionNumber,
    body: TemplateDocument,
    db: Annotated[Workspace, Can(Permission.TEMPLATE_DRAFT)],
    if_match: IfMatch,
) -> VersionOut:
    """Put a whole new document into the draft: sections and items added, renamed, reordered, hidden."""
    row = Template.own(db, template_id).rewrite(db, number, body, if_match)
    db.flush()
    return VersionOut.of(row)


@router.put("/{template_id}/versions/{number}/publication", summary="Publish a version")
def publish(
    template_id: UUID, number: VersionNumber, db: Annotated[Workspace, Can(Permission.TEMPLATE_PUBLISH)]
) -> VersionOut:
    """Make the draft the version new plans are made from. From then on it never changes."""
    row = Template.own(db, template_id).publish(db, number)
    db.flush()
    return VersionOut.of(row)


@router.put("/{template_id}/retirement", summary="Retire a template")
def retire(template_id: UUID, db: Annotated[Workspace, Can(Permission.TEMPLATE_PUBLISH)]) -> TemplateOut:
    """No new plans from it. Plans that stand on it keep it."""
    template = Template.own(db, template_id)
    template.retire(db)
    db.flush()
    return TemplateOut.of(template)


@router.delete("/{template_id}/retirement", summary="Offer a retired template again")
def reinstate(template_id: UUID, db: Annotated[Workspace, Can(Permission.TEMPLATE_PUBLISH)]) -> TemplateOut:
    """New plans can be made from it again."""
    template = Template.own(db, template_id)
    template.reinstate(db)
    db.flush()
    return TemplateOut.of(template)
