"""The library on its way from content/ into the database: new versions are added, published ones never touched."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from uuid import UUID, uuid5

import sqlalchemy as sa

from models.base import columns
from models.content import ContentError, Library, TemplateDocument
from models.jurisdiction import NAMESPACE, JurisdictionRow
from models.ledger.action import Action
from models.template import Template, TemplateVersion, VersionState

if TYPE_CHECKING:
    from models.workspace import Workspace


@dataclass
class Loaded:
    """What a load did."""

    added: list[str] = field(default_factory=list)
    unchanged: int = 0


def template_id(key: str) -> UUID:
    """A library template has the same id on every installation."""
    return uuid5(NAMESPACE, f"template/{key}")


def load(db: "Workspace", library: Library) -> Loaded:
    """Bring the platform's rows up to the library. Raises ContentError, changing nothing, when a published version's
    words differ from those already there: give the changed words a new version number."""
    done = Loaded()
    for key, jurisdiction in library.jurisdictions.items():
        _put_jurisdiction(db, key, jurisdiction.model_dump_json(), done)
    for key, versions in library.templates.items():
        _put_template(db, key, versions, done)
    return done


def _put_jurisdiction(db: "Workspace", key: str, document: str, done: Loaded) -> None:
    found = next(iter(db.all(sa.select(JurisdictionRow).where(columns(JurisdictionRow).key == key))), None)
    if found is None:
        db.create(JurisdictionRow, Action.LIBRARY_LOADED, id=JurisdictionRow.id_of(key), key=key, document=document)
        done.added.append(f"jurisdiction {key}")
    elif found.document != document:
        row = db.claim(JurisdictionRow, found.id)
        row.document = document
        db.record(Action.LIBRARY_LOADED, row)
        done.added.append(f"jurisdiction {key}")
    else:
        done.unchanged += 1


def _put_template(db: "Workspace", key: str, versions: dict[int, TemplateDocument], done: Loaded) -> None:
    wanted = template_id(key)
    template = next(iter(db.all(sa.select(Template).where(columns(Template).id == wanted))), None)
    if template is None:
        title = versions[max(versions)].title
        template = db.create(Template, Action.LIBRARY_LOADED, id=wanted, key=key, title=title, created_at=db.now)
        db.flush()
    there = {version.number: version for version in TemplateVersion.all_of(db, template)}
    for number, document in sorted(versions.items()):
        if number not in there:
            _add_version(db, template, number, document)
            done.added.append(f"template {key} v{number}")
        elif there[number].words() != document:
            raise ContentError([f"{key}.v{number}.yaml:1: file: was published with other words; make it v{number + 1}"])
        else:
            done.unchanged += 1
    latest = max(versions)
    if template.published != latest:
        template = db.claim(Template, wanted)
        template.published, template.title = latest, versions[latest].title
        db.record(Action.LIBRARY_LOADED, template)


def _add_version(db: "Workspace", template: Template, number: int, document: TemplateDocument) -> None:
    db.create(
        TemplateVersion,
        Action.LIBRARY_LOADED,
        template_id=template.id,
        number=number,
        state=VersionState.PUBLISHED,
        document=document.model_dump_json(),
        created_at=db.now,
        published_at=db.now,
    )
