"""Conflict checks at intake: is somebody on the other side, or a relative, a client here? Clear, or ask a supervisor.

Whoever asks learns one word. Which client it was, if any, is told to the supervisors who may see her anyway.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Any, ClassVar
from uuid import UUID, uuid4

import sqlalchemy as sa
from sqlmodel import Field

from models.access import Permission
from models.base import ID, INSTANT, JSON, AgencyRecord, columns, id_field, instant_field, table_of, within
from models.client import Client
from models.errors import NotFound, Spent
from models.ledger.action import Action
from models.namesakes import START, Namesakes, namesakes
from models.notice import NoticeKind, tell
from models.overseers import supervisors_of, workers_of
from models.rows import Change, Insert, Query
from models.vault.ring import canaries_among

if TYPE_CHECKING:
    from models.workspace import Workspace

A_DAY = 20  # checks of one person
DAY = timedelta(days=1)
KEPT = timedelta(days=90)
MOST = 20  # matches kept: a name that more clients share says nothing


class CheckResult(StrEnum):
    """All that whoever asks is told."""

    CLEAR = "clear"
    REFER = "refer"


class ConflictCheck(AgencyRecord, table=True):
    """That somebody asked, and which clients matched. The names asked for are kept nowhere. The clients are named in
    one column, so that keeping a check is the same work whatever was found; they are read through the walls."""

    __tablename__ = "conflict_checks"
    machinery: ClassVar[bool] = True
    __table_args__ = (
        within("asked_by_id", "users"),
        sa.Index("ix_conflict_checks_asked", "agency_id", "asked_by_id", "asked_at"),
    )

    asked_by_id: UUID = id_field()
    asked_at: datetime = instant_field()
    names: int = Field(sa_type=sa.SmallInteger)
    client_ids: list[str] = Field(sa_type=JSON)


@dataclass(frozen=True)
class Asking:
    """A check under way, to be stepped until it is a CheckResult."""

    names: int
    look: Namesakes

    def step(self, db: "Workspace") -> "Asking | CheckResult":
        """Look at the next stretch of clients; the last one keeps the check and tells whom it concerns."""
        if self.look.after == START:
            _must_have_left(db)
        look = self.look.step(db)
        return self._end(db, look.found) if look.done else replace(self, look=look)

    def _end(self, db: "Workspace", found: Sequence[UUID]) -> CheckResult:
        db.hold(db.actor.id.bytes)
        _must_have_left(db)
        canaries = canaries_among(db, [*found, START])
        matched = [client_id for client_id in found if client_id not in canaries][:MOST]
        check_id = uuid4()
        row = {"id": check_id, "asked_by_id": db.actor.id, "asked_at": db.now, "names": self.names}
        db.insert(_ADD, [row | {"client_ids": [str(client_id) for client_id in matched]}])
        told = [user_id for client_id in matched or [START] for user_id in _concerned(db, client_id)]
        tell(db, told, NoticeKind.CONFLICT_CHECK_REFERRED, check_id)
        db.note(Action.CONFLICT_CHECK_ASKED, "conflict_checks", [check_id], names=self.names)
        return CheckResult.REFER if matched else CheckResult.CLEAR


_K, _C = columns(ConflictCheck), columns(Client)
_ADD = Insert(ConflictCheck)
_AT: Any = sa.bindparam("at", type_=INSTANT, required=True)
_LATELY = Query(
    sa.select(_K.asked_at)
    .where(_K.asked_by_id == sa.bindparam("user_id", type_=ID, required=True), _K.asked_at > _AT)
    .order_by(_K.asked_at)
)
_ONE = Query(
    sa.select(_K.id, _K.asked_by_id, _K.asked_at, _K.names, _K.client_ids).where(
        _K.id == sa.bindparam("check_id", type_=ID, required=True)
    )
)
_MATCHED = Query(
    sa.select(_C.id, _C.alias_sealed, _C.legal_name_sealed, _C.status)
    .where(_C.id.in_(sa.bindparam("ids", expanding=True, type_=ID)))
    .order_by(_C.id)
)
_FORGET = Change(sa.delete(table_of(ConflictCheck)).where(_K.asked_at < _AT))


def ask(names: Sequence[str], born: date | None) -> Asking:
    """A check of one to ten full names of the other party or of relatives. Invalid for names without a letter."""
    return Asking(len(names), namesakes(names, born, "/names"))


def read(db: "Workspace", check_id: UUID) -> tuple[Any, list[Any]]:
    """A check (id, asked_by_id, asked_at, names) and those who matched and are in the caller's sight (id, alias,
    legal_name, status). NotFound when none is: a check that found nobody, one about a client out of sight and one that
    never was are the same to her."""
    check = db.one(_ONE, check_id=check_id)
    matched = db.rows(_MATCHED, ids=[UUID(text) for text in check.client_ids]) if check.client_ids else []
    if not matched:
        raise NotFound
    db.note(Action.CONFLICT_CHECK_READ, "conflict_checks", [check_id], matched[0].id if len(matched) == 1 else None)
    return check, matched


def forget_old(db: "Workspace") -> int:
    """A chore: drop checks older than 90 days; the ledger keeps that they were made. Returns how many."""
    return db.change(_FORGET, at=db.now - KEPT)


def _must_have_left(db: "Workspace") -> None:
    """Spent when this person has asked as often in the last 24 hours as anybody's work needs."""
    lately = db.rows(_LATELY, user_id=db.actor.id, at=db.now - DAY)
    if len(lately) >= A_DAY:
        raise Spent("conflict-checks-spent", lately[-A_DAY].asked_at + DAY - db.now)


def _concerned(db: "Workspace", client_id: UUID) -> list[UUID]:
    """The supervisors who see her; where none does, whoever works with her. Asked for nobody too when nobody matched:
    the work is the same."""
    supervisors = supervisors_of(db, client_id, Permission.CONFLICT_READ)
    workers = workers_of(db, client_id)
    return supervisors or workers
