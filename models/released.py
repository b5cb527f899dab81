"""What an integration sees: clients with a release to its recipient for its purpose that lives at this moment."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

import sqlalchemy as sa

from models.access import Scope
from models.admission import terms_of
from models.base import BYTES, ID, INSTANT, columns, table_of
from models.checklist import Choice, ItemStatus, items_of, number_of, sections_of
from models.client import Client
from models.errors import NotFound
from models.integration import scopes_of
from models.jurisdiction import local
from models.ledger.action import Action
from models.plan import Plan, PlanStatus
from models.release import Release
from models.rows import Query, Sight
from models.template import Pinned, words

if TYPE_CHECKING:
    from models.workspace import Workspace

_R, _C, _P = columns(Release), columns(Client), columns(Plan)
_NOW = sa.bindparam("at", type_=INSTANT, required=True)
#: The whole of an integration's sight: the words of the release are those of the integration, nobody took it back, and
#: its end has not come. Read off the clock in the statement that reads, never stored.
_ALIVE = (
    _R.terms_tag == sa.bindparam("terms_tag", type_=BYTES, required=True),
    _R.revoked_at.is_(None),
    _R.expires_at > _NOW,
)
_HERS = sa.bindparam("client_id", type_=ID, required=True)
_OPENED = Query(sa.select(_R.fields, _R.expires_at).where(*_ALIVE, _R.client_id == _HERS), Sight.JOINED)
_LIST = Query(
    sa.select(_C.id, _C.status, _C.opened_on)
    .join_from(table_of(Client), table_of(Release), sa.and_(_R.agency_id == _C.agency_id, _R.client_id == _C.id))
    .where(*_ALIVE)
    .distinct(),
    Sight.JOINED,
)
_CASE = Query(sa.select(_C.id, _C.status, _C.opened_on).where(_C.id == _HERS), Sight.ONE_CLIENT)
_IDENTITY = Query(
    sa.select(_C.alias_sealed, _C.legal_name_sealed, _C.pronouns_sealed, _C.date_of_birth_sealed).where(_C.id == _HERS),
    Sight.ONE_CLIENT,
)
_CONTACT = Query(sa.select(_C.contact_sealed, _C.languages_sealed).where(_C.id == _HERS), Sight.ONE_CLIENT)
_PLAN = Query(
    sa.select(
        _P.id,
        _P.template_owner_id,
        _P.template_id,
        _P.template_version,
        _P.language,
        _P.activated_at,
        _P.next_review_at,
    ).where(_P.client_id == _HERS, _P.status == PlanStatus.ACTIVE),
    Sight.ONE_CLIENT,
)


@dataclass(frozen=True)
class Opened:
    """What stands open to the caller of one client: the fields in scope and in a living release; until when at most."""

    fields: frozenset[Scope]
    until: datetime


def opened(db: "Workspace", client_id: UUID, field: Scope) -> Opened:
    """What of a client is open now. NotFound unless this field is; from here on its queries about her show rows."""
    rows = db.rows(_OPENED, client_id=client_id, terms_tag=terms_of(db), at=db.now)
    fields = db.actor.scopes & frozenset().union(*(scopes_of(row.fields) for row in rows))
    if field not in fields:
        raise NotFound
    db.saw(client_id)
    return Opened(fields, max(row.expires_at for row in rows))


def clients(db: "Workspace", most: int, after: UUID | None) -> list[Any]:
    """The clients in an integration's sight (id, status, opened_on) by its own names for them, at most `most`, those
    behind the name `after`. In the order of our ids two partners could lay their lists side by side."""
    name = db.keys.pairwise(db.actor.id).name
    named = {name(row.id): row for row in db.rows(_LIST, terms_tag=terms_of(db), at=db.now)}
    behind = sorted(found for found in named if after is None or found > after)
    return [named[found] for found in behind[:most]]


def note_listed(db: "Workspace", ids: Iterable[UUID]) -> None:
    """That the caller learned of these clients that they are some: an entry, for each of them to ask about."""
    db.note(Action.RELEASED_CLIENT_LISTED, "clients", list(ids))


def read(db: "Workspace", client_id: UUID) -> tuple[Opened, Any, Any, Any]:
    """What is open of her: which fields, her case, then identity and contact or None. Nothing else is opened."""
    found = opened(db, client_id, Scope.CLIENTS_READ)
    db.note(Action.RELEASED_CLIENT_READ, "clients", [client_id], client_id)
    case = db.one(_CASE, client_id=client_id)
    identity = db.one(_IDENTITY, client_id=client_id) if Scope.CLIENTS_IDENTITY in found.fields else None
    contact = db.one(_CONTACT, client_id=client_id) if Scope.CLIENTS_CONTACT in found.fields else None
    return found, case, identity, contact


@dataclass(frozen=True)
class ReleasedItem:
    """An item as it may leave."""

    id: UUID
    text: str
    detail: str | None
    status: ItemStatus


@dataclass(frozen=True)
class ReleasedSection:
    """A section with its items."""

    title: str
    items: list[ReleasedItem]


def plan(db: "Workspace", client_id: UUID) -> tuple[Any, list[ReleasedSection]]:
    """Her plan in use: the sections she chose, without what was declined and without what a template marks as secret,
    such as code words. NotFound when she has none."""
    opened(db, client_id, Scope.PLANS_READ)
    row = db.one(_PLAN, client_id=client_id)
    _, values = local(db)
    text = words(db, Pinned(row.template_owner_id, row.template_id, row.template_version), row.language, values)
    by_section: dict[int, list[ReleasedItem]] = {}
    for item in items_of(db, row.id, client_id):
        source = text.item(item.source)
        if item.status is not ItemStatus.DECLINED and not (source and source.source.secret):
            said = item.text or (source.text if source else "")
            made = ReleasedItem(item.id, said, item.detail, item.status)
            by_section.setdefault(item.section, []).append(made)
    sections = []
    for part in sections_of(db, row.id, client_id):
        if part.choice is Choice.CHOSEN:
            title = text.section(part.source)
            shown = by_section.get(number_of(part.id), [])
            sections.append(ReleasedSection(title.title if title else part.title or "", shown))
    db.note(Action.RELEASED_PLAN_READ, "plans", [row.id], client_id)
    return row, sections
