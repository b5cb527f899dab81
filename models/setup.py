"""The set-up link: the first agency and its admin, made once by whoever holds the link within 30 minutes."""

import secrets
from datetime import datetime, timedelta
from hashlib import sha256
from typing import TYPE_CHECKING, Any, ClassVar

import sqlalchemy as sa
from sqlmodel import Field

from models.base import BYTES, AgencyRecord, columns, instant_field, table_of
from models.errors import Unauthenticated
from models.ledger.action import Action
from models.rows import Change, Query

if TYPE_CHECKING:
    from models.workspace import Workspace

LIFE = timedelta(minutes=30)


class SetupLink(AgencyRecord, table=True):
    """A link's hash; the platform's row."""

    __tablename__ = "setup_links"
    of_the_day: ClassVar[bool] = True

    token_hash: bytes = Field(sa_type=BYTES)
    expires_at: datetime = instant_field()
    used_at: datetime | None = instant_field(default=None)

    @classmethod
    def make(cls, db: "Workspace") -> str:
        """A new link's token (256 bits); shown once, stored hashed. Links made before it work no more."""
        db.change(_VOID, at=db.now)
        token = secrets.token_urlsafe(32)
        digest = sha256(token.encode()).digest()
        db.create(cls, Action.SETUP_LINK_MADE, token_hash=digest, expires_at=db.now + LIFE)
        return token


def void(db: "Workspace") -> None:
    """The installation was founded in another way: no link that is still about founds anything."""
    if db.change(_VOID, at=db.now):
        db.note(Action.SETUP_LINK_VOIDED, "setup_links", [])


_L = columns(SetupLink)
_TOKEN: Any = sa.bindparam("token_hash", required=True)
_IS_USABLE = (_L.token_hash == _TOKEN, _L.used_at.is_(None), _L.expires_at > sa.bindparam("at", required=True))
_USABLE = Query(sa.select(_L.id).where(*_IS_USABLE))
_USE = Change(sa.update(table_of(SetupLink)).where(*_IS_USABLE).values(used_at=sa.bindparam("at", required=True)))
_VOID = Change(
    sa.update(table_of(SetupLink)).where(_L.used_at.is_(None)).values(used_at=sa.bindparam("at", required=True))
)
_GIVE_BACK = Change(sa.update(table_of(SetupLink)).where(_L.token_hash == _TOKEN).values(used_at=None))


def must_be_usable(db: "Workspace", token: str) -> None:
    """Look at the link before any costly work is done for whoever holds it. Unauthenticated('setup-link-invalid')."""
    if not db.rows(_USABLE, token_hash=sha256(token.encode()).digest(), at=db.now):
        raise Unauthenticated("setup-link-invalid")


def use(db: "Workspace", token: str) -> None:
    """Take the link; of ten people at once, one gets it. Unauthenticated('setup-link-invalid') for the others."""
    if not db.change(_USE, token_hash=sha256(token.encode()).digest(), at=db.now):
        raise Unauthenticated("setup-link-invalid")
    db.note(Action.SETUP_LINK_USED, "setup_links", [])


def give_back(db: "Workspace", token: str) -> None:
    """Founding failed after the link was taken: it may be used again."""
    db.change(_GIVE_BACK, token_hash=sha256(token.encode()).digest())
    db.note(Action.SETUP_LINK_RETURNED, "setup_links", [])
