"""Break-glass: an hour of reading one colleague's client in a crisis, told at once and reviewed afterwards."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

from api import paging
from api.door import Door
from api.gate import Can, Errand
from api.paging import Page
from api.shapes import Day, Filter, In, Line, Note, Out
from models import break_glass
from models.access import REVIEWED_WITHIN, Permission
from models.break_glass import BreakGlassOpening, BreakGlassOutcome, BreakGlassReason, is_open
from models.namesakes import namesakes
from models.workspace import Workspace

router = APIRouter(tags=["break-glass"], route_class=Door)
SAYING = 20  # characters


def _says_something(text: str) -> str:
    if len(" ".join(text.split())) < SAYING:
        raise PydanticCustomError("explanation-short", "Say in a sentence what happened and what is needed.")
    return text


Explanation = Annotated[Note, AfterValidator(_says_something)]


class BreakGlassIn(In):
    """Why. The second person reads it; it is sealed with the client's record."""

    reason: BreakGlassReason
    explanation: Explanation
    """What happened and what is needed, in at least 20 characters."""


class NamedBreakGlassIn(In):
    """Whom, when only her name is known, and why."""

    name: Line
    """Her full name or her alias, spelled as it is kept. It is kept nowhere."""
    date_of_birth: Day | None = None
    """To tell people of the same name apart."""
    reason: BreakGlassReason
    explanation: Explanation


class BreakGlassReviewIn(In):
    """What the second person found."""

    outcome: BreakGlassOutcome
    note: Note


class BreakGlassFilter(Filter):
    """Which of them."""

    to_review: bool = False
    """Only those nobody has reviewed."""
    mine: bool = False
    """Only those the caller opened."""
    limit: Annotated[int, Field(ge=1, le=200)] = 50
    cursor: str | None = None


class BreakGlassSummary(Out):
    """A break-glass without its words."""

    id: UUID
    client_id: UUID
    user_id: UUID
    reason: BreakGlassReason
    opened_at: datetime
    ends_at: datetime
    given_back_at: datetime | None
    open: bool
    """Whether it lets anything be read now."""
    review_due_at: datetime
    """From then on, unless it is reviewed, whoever opened it may only read her own."""
    reviewed_at: datetime | None
    reviewed_by_id: UUID | None
    outcome: BreakGlassOutcome | None

    @classmethod
    def of(cls, row: Any, now: datetime) -> "BreakGlassSummary":
        return cls(**_plain(row, now))


class BreakGlassOut(Out):
    """A break-glass."""

    home = "/v1/break-glass"

    id: UUID
    client_id: UUID
    user_id: UUID
    reason: BreakGlassReason
    explanation: str
    opened_at: datetime
    ends_at: datetime
    given_back_at: datetime | None
    open: bool
    """Whether it lets anything be read now."""
    review_due_at: datetime
    """From then on, unless it is reviewed, whoever opened it may only read her own."""
    reviewed_at: datetime | None
    reviewed_by_id: UUID | None
    outcome: BreakGlassOutcome | None
    note: str | None
    """What the second person wrote."""

    @classmethod
    def again(cls, db: Workspace, row_id: UUID) -> "BreakGlassOut":
        row, note = break_glass.read(db, row_id)
        return cls(**_plain(row, db.now), explanation=row.explanation or "", note=note)


def _plain(row: Any, now: datetime) -> dict[str, Any]:
    same = ("id", "client_id", "user_id", "reason", "opened_at", "ends_at", "given_back_at")
    more = ("reviewed_at", "reviewed_by_id", "outcome")
    told = {name: getattr(row, name) for name in same + more}
    return told | {"open": is_open(row, now), "review_due_at": row.opened_at + REVIEWED_WITHIN}


@router.post("/clients/{client_id}/break-glass", status_code=201, summary="Break the glass for a client")
async def create_break_glass(
    client_id: UUID, body: BreakGlassIn, errand: Annotated[Errand, Can(Permission.BREAKGLASS_OPEN)]
) -> BreakGlassOut:
    """Read a colleague's client for 60 minutes: her record, plans, reviews and releases, nothing else, and write
    nothing. Whoever works with her and the supervisors are told at once, and a second person reviews it. Three attempts
    a person in 24 hours; not through a wall, not for a restricted client."""
    named = [client_id]
    attempt = await errand.run(break_glass.attempt, named)
    opened = (attempt, client_id, body.reason, body.explanation)
    return await errand.run(lambda db: _opened(db, BreakGlassOpening.open(db, *opened), body.explanation), named)


@router.post("/break-glass", status_code=201, responses={404: {}}, summary="Break the glass by name")
async def create_named_break_glass(
    body: NamedBreakGlassIn, errand: Annotated[Errand, Can(Permission.BREAKGLASS_OPEN)]
) -> BreakGlassOut:
    """The same when only a name is known, as on a night line. It opens when exactly one client whom the caller could
    open has this full name; else nothing is found. Whatever comes of it, it is one of the three attempts."""
    look = namesakes([body.name], body.date_of_birth, "/name")
    attempt = await errand.run(break_glass.attempt)
    while not look.done:
        look = await errand.run(look.step)
    opened = (attempt, look, body.reason, body.explanation)
    return await errand.run(lambda db: _opened(db, BreakGlassOpening.open_named(db, *opened), body.explanation))


@router.get("/break-glass", summary="List break-glasses")
def list_break_glass_openings(
    query: Annotated[BreakGlassFilter, Query()], db: Annotated[Workspace, Can(Permission.BREAKGLASS_READ)]
) -> Page[BreakGlassSummary]:
    """Those on clients the caller works with or supervises, of an agency admin all, newest first, without their
    words."""
    scope = f"break-glass?user={db.actor.id}&to_review={query.to_review}&mine={query.mine}"
    before = paging.after_moment(db, scope, query.cursor) or paging.NEWEST
    rows = break_glass.glasses(db, query.limit + 1, before, to_review=query.to_review, mine=query.mine)
    return paging.page(
        db,
        scope,
        rows,
        query.limit,
        lambda row: paging.moment(row.opened_at, row.id),
        lambda row: BreakGlassSummary.of(row, db.now),
    )


@router.get("/break-glass/{glass_id}", summary="Read a break-glass")
def read_break_glass(glass_id: UUID, db: Annotated[Workspace, Can(Permission.BREAKGLASS_READ)]) -> BreakGlassOut:
    """Who opened it, when and why, and what came of the review; the reading is logged."""
    return BreakGlassOut.again(db, glass_id)


@router.put("/break-glass/{glass_id}/return", summary="Give a break-glass back")
def give_back(glass_id: UUID, db: Annotated[Workspace, Can(Permission.BREAKGLASS_RETURN)]) -> BreakGlassOut:
    """End it before its hour is over; whoever may review it can end it too. Doing it again changes nothing."""
    BreakGlassOpening.give_back(db, glass_id)
    return BreakGlassOut.again(db, glass_id)


@router.put("/break-glass/{glass_id}/review", summary="Review a break-glass")
def review(
    glass_id: UUID, body: BreakGlassReviewIn, db: Annotated[Workspace, Can(Permission.BREAKGLASS_REVIEW)]
) -> BreakGlassOut:
    """Say, as somebody who did not open it, whether it was justified, once it is over."""
    BreakGlassOpening.review(db, glass_id, body.outcome, body.note)
    return BreakGlassOut.again(db, glass_id)


def _opened(db: Workspace, glass_id: UUID, explanation: str) -> BreakGlassOut:
    """What was just opened, in her own words: nothing of the client's is shown yet."""
    row = break_glass.find(db, glass_id)
    return BreakGlassOut(**_plain(row, db.now), explanation=explanation, note=None)
