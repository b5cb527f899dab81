"""Canaries: invented clients nobody has business with. Opening one raises an alarm (decision 18)."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from api import paging
from api.door import Door
from api.gate import Can
from api.paging import Page
from api.shapes import Day, Filter, In, Language, Line, LongLine, Name, Note, Out, Short
from models import agency
from models.access import Permission
from models.client import Client
from models.ledger.action import Action
from models.vault.ring import canaries_of, canary_of
from models.workspace import Workspace

router = APIRouter(prefix="/canaries", tags=["ledger"], route_class=Door)


class CanaryContactIn(In):
    """Invented ways to reach an invented person."""

    phone: Short | None = None
    email: Line | None = None
    address: Note | None = None
    safe_hours: Line | None = None
    name_to_use: Name | None = None
    warning: LongLine | None = None


class CanaryIn(In):
    """An invented client. An alias or a legal name is needed; nobody real may be meant by it."""

    alias: Line | None = None
    legal_name: Line | None = None
    pronouns: Short | None = None
    date_of_birth: Day | None = None
    languages: Annotated[list[Language], Field(max_length=10)] = []
    contact: CanaryContactIn = CanaryContactIn()
    opened_on: Day | None = None
    """The day the work is to have begun; today when not said."""

    @model_validator(mode="after")
    def _named(self) -> "CanaryIn":
        if not (self.alias or self.legal_name):
            raise PydanticCustomError("name-needed", "A client needs an alias or a legal name.")
        return self


class CanaryFilter(Filter):
    """Which part of the list."""

    limit: Annotated[int, Field(ge=1, le=200)] = 50
    cursor: str | None = None


class CanaryOut(Out):
    """A canary: the id of a client, and since when her key is one."""

    id: UUID
    created_at: datetime

    @classmethod
    def of(cls, row: Any) -> "CanaryOut":
        return cls(id=row.subject_id, created_at=row.created_at)

    @classmethod
    def again(cls, db: Workspace, row_id: UUID) -> "CanaryOut":
        return cls.of(canary_of(db, row_id))


@router.post("", status_code=201, summary="Plant a canary")
def create_canary(body: CanaryIn, db: Annotated[Workspace, Can(Permission.CANARY_CREATE)]) -> CanaryOut:
    """An invented client, assigned to nobody, who looks like any other. Whoever opens her raises an alarm."""
    values = dict(body) | {"contact": body.contact.model_dump(exclude_none=True)}
    values["date_of_birth"] = body.date_of_birth.isoformat() if body.date_of_birth else None
    values["opened_on"] = body.opened_on or agency.today(db)
    return CanaryOut(id=Client.canary(db, **values), created_at=db.now)


@router.get("", summary="List canaries")
def list_canaries(
    query: Annotated[CanaryFilter, Query()], db: Annotated[Workspace, Can(Permission.CANARY_READ)]
) -> Page[CanaryOut]:
    """The agency's canaries. That somebody asked is in the ledger; which they are is not. A wall hides a canary as it
    hides any client."""
    rows = canaries_of(db, query.limit + 1, paging.after_id(db, "canaries", query.cursor))
    db.note(Action.CANARY_LISTED, "data_keys", [])
    return paging.page(db, "canaries", rows, query.limit, lambda row: [str(row.subject_id)], CanaryOut.of)
