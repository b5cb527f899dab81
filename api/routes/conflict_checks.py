"""Conflict checks at intake: clear, or ask your supervisor."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter
from pydantic import Field

from api.door import Door
from api.gate import Can, Errand
from api.shapes import Day, In, Line, Out
from models import conflict_check
from models.access import Permission
from models.client import ClientStatus
from models.conflict_check import Asking, CheckResult
from models.workspace import Workspace

router = APIRouter(prefix="/conflict-checks", tags=["intake"], route_class=Door)


class ConflictCheckIn(In):
    """The other party's names, or those of relatives. They are kept nowhere."""

    names: Annotated[list[Line], Field(min_length=1, max_length=10)]
    """Full names, one each: also a maiden name or a name used before. Case, accents and the order of words do not
    matter; spelling does."""
    date_of_birth: Day | None = None
    """Of the person these names belong to. It only rules out clients who were certainly born on another day; leave it
    out when the names are several people's."""


class ConflictCheckOut(Out):
    """The whole answer, whoever it is about."""

    result: CheckResult
    """clear, or refer: speak to your supervisor before you go on."""


class MatchOut(Out):
    """A client who has one of the names. That her names were shown is logged."""

    id: UUID
    alias: str | None
    legal_name: str | None
    status: ClientStatus

    @classmethod
    def of(cls, row: Any) -> "MatchOut":
        return cls(id=row.id, alias=row.alias, legal_name=row.legal_name, status=row.status)


class ReferredOut(Out):
    """A check that matched clients the caller may see. The names that were asked for are not kept: whoever asked
    knows them."""

    id: UUID
    asked_at: datetime
    asked_by_id: UUID
    names: int
    """How many names were asked for."""
    matches: list[MatchOut]


@router.post("", summary="Check for a conflict at intake")
async def create_conflict_check(
    body: ConflictCheckIn, errand: Annotated[Errand, Can(Permission.CONFLICT_ASK)]
) -> ConflictCheckOut:
    """Whether any client of the agency, also one the caller may not see and one whose case is closed, has one of these
    names. The answer is one word; the supervisors who may see such a client are told. 20 checks a person in 24 hours:
    asking is itself a way to find out who is here, so each is in the ledger."""
    reached: Asking | CheckResult = conflict_check.ask(body.names, body.date_of_birth)
    while isinstance(reached, Asking):
        reached = await errand.run(reached.step)
    return ConflictCheckOut(result=reached)


@router.get("/{check_id}", summary="Read a conflict check that was referred")
def read_conflict_check(check_id: UUID, db: Annotated[Workspace, Can(Permission.CONFLICT_READ)]) -> ReferredOut:
    """Which clients in the caller's sight matched. A check that matched nobody she may see is not found."""
    check, matches = conflict_check.read(db, check_id)
    return ReferredOut(
        id=check.id,
        asked_at=check.asked_at,
        asked_by_id=check.asked_by_id,
        names=check.names,
        matches=[MatchOut.of(row) for row in matches],
    )
