"""Jurisdictions as the platform keeps them, and the values an agency's texts are filled with."""

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, ClassVar
from uuid import UUID, uuid5

import sqlalchemy as sa

from models.agency import Agency
from models.base import AgencyRecord, columns, table_of
from models.content import Jurisdiction
from models.errors import NotFound
from models.rows import Query

if TYPE_CHECKING:
    from models.workspace import Workspace

NAMESPACE = UUID("7c1f7f0a-6a51-4b33-9d0c-6d1f7f6f3a11")


class JurisdictionRow(AgencyRecord, table=True):
    """One jurisdiction's file as loaded, shared with every agency."""

    __tablename__ = "jurisdictions"
    shared: ClassVar[bool] = True
    __table_args__ = (sa.UniqueConstraint("agency_id", "key"),)

    key: str
    document: str

    @staticmethod
    def id_of(key: str) -> UUID:
        """The same key has the same id on every installation."""
        return uuid5(NAMESPACE, f"jurisdiction/{key}")


@dataclass(frozen=True)
class LocalValues:
    """What the placeholders in texts mean at one agency; hashable, so that rendered words can be kept."""

    document: str
    hotline: str | None
    emergency_number: str | None

    def in_language(self, language: str) -> dict[str, str]:
        """Placeholder -> words: the jurisdiction's, with the agency's own numbers over them."""
        own = {"hotline_phone": self.hotline, "emergency_number": self.emergency_number}
        return parsed(self.document).values_in(language) | {k: v for k, v in own.items() if v}


@lru_cache(maxsize=64)
def parsed(document: str) -> Jurisdiction:
    """A stored jurisdiction document as values."""
    return Jurisdiction.model_validate_json(document)


_A, _J = columns(Agency), columns(JurisdictionRow)
_LOCAL = Query(
    sa.select(_A.hotline, _A.emergency_number, _A.language, _A.time_zone, _A.custody_default, _J.document)
    .join_from(table_of(Agency), table_of(JurisdictionRow), _J.key == _A.jurisdiction)
    .where(_A.id == sa.bindparam("agency_id"))
)
_KEYS = Query(sa.select(_J.key).order_by(_J.key))


def local(db: "Workspace") -> tuple[Any, LocalValues]:
    """The agency's row of settings (language, time_zone, custody_default) and its local values."""
    found = db.rows(_LOCAL)
    if not found:
        raise NotFound
    row = found[0]
    return row, LocalValues(row.document, row.hotline, row.emergency_number)


def known(db: "Workspace") -> list[str]:
    """The keys of every jurisdiction loaded."""
    return [row.key for row in db.rows(_KEYS)]
