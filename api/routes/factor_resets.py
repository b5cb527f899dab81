"""A lost second factor: started by one admin, confirmed by another, stopped by either or by her whose it is."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import Field

from api import paging
from api.door import Door
from api.gate import Can
from api.paging import Page
from api.shapes import Filter, Out
from models.access import Permission
from models.errors import NotFound
from models.factor_reset import FactorReset, resets
from models.workspace import Workspace

router = APIRouter(tags=["people"], route_class=Door)


class FactorResetFilter(Filter):
    """Which resets; those that are over are shown when asked for."""

    closed_too: bool = False
    limit: Annotated[int, Field(ge=1, le=200)] = 50
    cursor: str | None = None


class FactorResetOut(Out):
    """A reset. It is open until it is approved, withdrawn or past `expires_at`."""

    home = "/v1/second-factor-resets"

    id: UUID
    user_id: UUID
    started_at: datetime
    started_by_id: UUID
    expires_at: datetime
    approved_at: datetime | None
    approved_by_id: UUID | None
    withdrawn_at: datetime | None
    withdrawn_by_id: UUID | None

    @classmethod
    def of(cls, row: FactorReset) -> "FactorResetOut":
        return cls(**{name: getattr(row, name) for name in cls.model_fields})

    @classmethod
    def again(cls, db: Workspace, row_id: UUID) -> "FactorResetOut":
        return cls.of(db.find(FactorReset, row_id))


@router.post("/users/{user_id}/second-factor-reset", status_code=201, summary="Start the reset of a second factor")
def create_factor_reset(user_id: UUID, db: Annotated[Workspace, Can(Permission.FACTOR_RESET)]) -> FactorResetOut:
    """Somebody has lost her second factor and her recovery codes. Make sure that it is she who asks: she is told at
    once, and a second admin has to approve within 24 hours."""
    made = FactorReset.start(db, user_id)
    db.flush()
    return FactorResetOut.of(made)


@router.get("/second-factor-resets", summary="List resets of second factors")
def list_factor_resets(
    query: Annotated[FactorResetFilter, Query()], db: Annotated[Workspace, Can(Permission.FACTOR_READ)]
) -> Page[FactorResetOut]:
    """Resets, newest first."""
    scope = f"second-factor-resets?closed={query.closed_too}"
    before = paging.after_moment(db, scope, query.cursor) or paging.NEWEST
    rows = resets(db, query.limit + 1, before, closed_too=query.closed_too)
    return paging.page(
        db, scope, rows, query.limit, lambda row: paging.moment(row.started_at, row.id), FactorResetOut.of
    )


@router.put("/second-factor-resets/{reset_id}/approval", summary="Approve the reset of a second factor")
def approve_factor_reset(reset_id: UUID, db: Annotated[Workspace, Can(Permission.FACTOR_RESET)]) -> FactorResetOut:
    """Her second factor and recovery codes are gone and her sessions end; with her password she can only set up a new
    one. Neither she nor whoever started it can approve."""
    reset = FactorReset.claim_of(db, reset_id)
    reset.approve(db)
    db.flush()
    return FactorResetOut.of(reset)


@router.delete("/second-factor-resets/{reset_id}", status_code=204, summary="Stop the reset of a second factor")
def withdraw_factor_reset(reset_id: UUID, db: Annotated[Workspace, Can(Permission.FACTOR_KEEP)]) -> None:
    """It was a mistake, or it was not she who asked. Any admin can stop it, and she whose factor it is."""
    reset = FactorReset.claim_of(db, reset_id)
    if reset.user_id != db.actor.id and not db.actor.may(Permission.FACTOR_RESET):
        raise NotFound
    reset.withdraw(db)
