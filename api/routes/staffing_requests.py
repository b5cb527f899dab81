"""Requests of advocates: hand a client of mine over, have somebody cover for me."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import Field

from api import paging
from api.door import Door
from api.gate import Can
from api.paging import Page
from api.shapes import Filter, In, Instant, Out
from models import staffing, staffing_request
from models.access import Permission
from models.staffing_request import StaffingRequest, StaffingRequestKind, StaffingRequestState, state_of
from models.workspace import Workspace

router = APIRouter(tags=["people"], route_class=Door)


class HandoverRequestIn(In):
    """Whom the advocate would like to take the client over."""

    user_id: UUID | None = None


class CoverRequestIn(In):
    """When the advocate is away, and whom she would like to cover."""

    user_id: UUID | None = None
    starts_at: Instant | None = None
    """Now when not said."""
    ends_at: Instant


class StaffingAcceptanceIn(In):
    """Who takes over or covers; whoever was wished for when not said."""

    user_id: UUID | None = None


class StaffingRequestFilter(Filter):
    """Which part of the list."""

    open: bool = False
    """Only those that wait for an answer."""
    limit: Annotated[int, Field(ge=1, le=200)] = 50
    cursor: str | None = None


class StaffingRequestOut(Out):
    """What an advocate asked for. It lapses after 14 days without an answer."""

    home = "/v1/staffing-requests"

    id: UUID
    kind: StaffingRequestKind
    state: StaffingRequestState
    client_id: UUID | None
    """null for a cover, which is of all her clients."""
    user_id: UUID | None
    """Who was wished for."""
    starts_at: datetime | None
    ends_at: datetime | None
    asked_at: datetime
    asked_by_id: UUID
    answered_at: datetime | None
    answered_by_id: UUID | None

    @classmethod
    def of(cls, row: Any, now: datetime) -> "StaffingRequestOut":
        said = {name: getattr(row, name) for name in cls.model_fields if name != "state"}
        return cls(**said, state=state_of(row, now))

    @classmethod
    def again(cls, db: Workspace, row_id: UUID) -> "StaffingRequestOut":
        return cls.of(staffing_request.read(db, row_id), db.now)


@router.post("/clients/{client_id}/handover-requests", status_code=201, summary="Ask for a client to be handed over")
def create_handover_request(
    client_id: UUID, body: HandoverRequestIn, db: Annotated[Workspace, Can(Permission.STAFFING_ASK)]
) -> StaffingRequestOut:
    """The supervisors who see the client are told. Nothing changes until one of them, or an agency admin, accepts."""
    return StaffingRequestOut.again(db, StaffingRequest.ask_handover(db, client_id, body.user_id))


@router.post("/cover-requests", status_code=201, summary="Ask for somebody to cover")
def create_cover_request(
    body: CoverRequestIn, db: Annotated[Workspace, Can(Permission.STAFFING_ASK)]
) -> StaffingRequestOut:
    """For all of the caller's clients, for 60 days at most. The supervisors are told. Nothing changes until one of
    them, or an agency admin, accepts."""
    asked = StaffingRequest.ask_cover(db, body.user_id, body.starts_at or db.now, body.ends_at)
    return StaffingRequestOut.again(db, asked)


@router.get("/staffing-requests", summary="List requests for handover and cover")
def list_staffing_requests(
    query: Annotated[StaffingRequestFilter, Query()], db: Annotated[Workspace, Can(Permission.STAFFING_READ)]
) -> Page[StaffingRequestOut]:
    """Newest first; an advocate's own."""
    scope = f"staffing-requests?open={query.open}"
    before = paging.after_moment(db, scope, query.cursor) or paging.NEWEST
    rows = staffing_request.requests(db, query.limit + 1, before, open_only=query.open)
    return paging.page(db, scope, rows, query.limit, _position, lambda row: StaffingRequestOut.of(row, db.now))


@router.get("/staffing-requests/{ask_id}", summary="Read a request for handover or cover")
def read_staffing_request(ask_id: UUID, db: Annotated[Workspace, Can(Permission.STAFFING_READ)]) -> StaffingRequestOut:
    """What was asked for, and where it stands."""
    return StaffingRequestOut.again(db, ask_id)


@router.put("/staffing-requests/{ask_id}/acceptance", summary="Do what an advocate asked for")
def accept_staffing_request(
    ask_id: UUID, body: StaffingAcceptanceIn, db: Annotated[Workspace, Can(Permission.STAFFING_ANSWER)]
) -> StaffingRequestOut:
    """The client is handed over, or the cover begins as asked, in this request. Nobody accepts her own."""
    return StaffingRequestOut.of(staffing.accept(db, ask_id, body.user_id), db.now)


@router.delete("/staffing-requests/{ask_id}", status_code=204, summary="Withdraw or decline a request")
def delete_staffing_request(ask_id: UUID, db: Annotated[Workspace, Can(Permission.STAFFING_DROP)]) -> None:
    """Whoever asked takes it back; anybody else who may answer declines it, and she is told."""
    staffing_request.drop(db, ask_id)


def _position(row: Any) -> list[Any]:
    return paging.moment(row.asked_at, row.id)
