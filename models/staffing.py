"""Giving clients to people: assign, end, hand over, and which clients are left without anybody."""

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

import sqlalchemy as sa

from models import assignment, cover, review, staffing_request
from models.access import Permission
from models.assignment import Assignment, AssignmentKind, holders, must_not_be_kept_from, open_of
from models.base import ID, columns, table_of
from models.client import Client, ClientStatus, lock, lock_by_id
from models.cover import Cover
from models.errors import Conflict, Fault, Invalid, NotFound
from models.notice import NoticeKind, tell
from models.rows import Query, Sight
from models.sight import BOUND, counts_now
from models.user import CASE_WORKERS, User, UserStatus, actor_for, credentials, must_work_here

if TYPE_CHECKING:
    from models.workspace import Workspace

MOST = 500  # clients handed over at once


def assign(db: "Workspace", client_id: UUID, user_id: UUID, until: datetime | None = None) -> UUID:
    """Let an advocate or supervisor work with a client from now on; `until` a moment, 60 days ahead at most, if it is
    for a while. Returns the assignment's id. Conflict when she is assigned already, when it cannot be her, and for
    oneself where a client is restricted or out of sight."""
    client = _held(db, client_id, user_id)
    if until is None:
        made = Assignment.begin(db, client_id, user_id, client.attention_at)
    else:
        made = _cover_one(db, client, user_id, until)
    cover.settle(db, client_id)
    _tell(db, user_id, made)
    return made


def end(db: "Workspace", assignment_id: UUID, *, leave_unassigned: bool = False) -> None:
    """End an assignment: from this request on she does not see the client by it, and reviews she cannot hold any longer
    are nobody's. Doing it twice changes nothing.
    Conflict('last-assignment') when nobody would be left with an open case, unless that is said to be meant;
    Conflict('part-of-cover') for a part of a cover that is not over, which would come back by itself."""
    row = assignment.read(db, assignment_id)
    client = _held(db, row.client_id)
    rows = open_of(db, client.id)
    if row.cover_id is not None and row.ended_at is None and row.ends_at > db.now:
        raise Conflict("part-of-cover")
    last = {left.id for left in holders(rows)} == {row.id}
    if last and not leave_unassigned and client.status is not ClientStatus.CLOSED:
        raise Conflict("last-assignment")
    assignment.end(db, row)
    cover.settle(db, client.id)
    _leave_no_review(db, client.id, rows, None)


def hand_over(db: "Workspace", client_id: UUID, to_id: UUID, from_id: UUID | None = None) -> UUID:
    """Give a client to somebody else: who had her no longer sees her from this request on, her open reviews are the
    successor's, and what was done stays whose it was. Returns the successor's assignment; doing it twice changes
    nothing. `from_id` has to be said where several are assigned."""
    made, new = _hand_over(db, client_id, to_id, from_id)
    if new:
        _tell(db, to_id, made)
    return made


def _hand_over(db: "Workspace", client_id: UUID, to_id: UUID, from_id: UUID | None) -> tuple[UUID, bool]:
    """The successor's assignment, and whether it is new."""
    client = _held(db, client_id, to_id)
    rows = open_of(db, client_id)
    hers = {row.user_id: row for row in holders(rows)}
    giver = _giver(hers, to_id, from_id)
    if giver is None and to_id in hers:
        return hers[to_id].id, False
    must_work_here(db, to_id, "/to_user_id")
    must_not_be_kept_from(db, client_id, to_id)
    for row in rows:
        if row.user_id == giver:
            assignment.end(db, row)
    made = hers[to_id].id if to_id in hers else Assignment.begin(db, client_id, to_id, client.attention_at)
    if giver is not None:
        review.pass_on(db, client_id, giver, to_id)
    cover.settle(db, client_id)
    _leave_no_review(db, client_id, rows, to_id)
    return made, to_id not in hers


def hand_over_all(db: "Workspace", from_id: UUID, to_id: UUID, client_ids: Sequence[UUID] | None) -> list[UUID]:
    """The same for several clients of somebody's, or for all of hers the caller may give away. Returns whose. Unless
    they are named, restricted clients stay where they are: who sees those is said one by one; and so does a client the
    successor cannot take."""
    credentials(db, from_id)  # NotFound for nobody of this agency
    must_work_here(db, to_id, "/to_user_id")
    theirs = assignment.cases_of(db, from_id)
    if client_ids is not None and not {*client_ids} <= {*theirs}:
        raise NotFound
    given = []
    for client_id in sorted(theirs if client_ids is None else {*client_ids}):
        if client_ids is None:
            client = _held(db, client_id)
            if client.restricted or to_id in assignment.kept_from(db, client_id):
                continue
        _hand_over(db, client_id, to_id, from_id)
        given.append(client_id)
    if given:
        _tell(db, to_id)
    return given


def accept(db: "Workspace", ask_id: UUID, user_id: UUID | None) -> Any:
    """Do what an advocate asked for, with somebody she wished for or somebody else; returns the request. Invalid when
    nobody is named; Conflict for one's own request, and for one that is open no longer or no longer hers to ask."""
    row = staffing_request.read(db, ask_id)
    if row.asked_by_id == db.actor.id:
        raise Conflict("own-staffing-request")
    to_id = user_id or row.user_id
    if to_id is None:
        raise Invalid(Fault("/user_id", "nobody-named", "Say who takes over or covers."))
    must_work_here(db, to_id, "/user_id")
    if row.client_id is None:
        staffing_request.answer(db, row, yes=True)
        Cover.begin(db, row.asked_by_id, to_id, max(row.starts_at, db.now), row.ends_at, asked_for=True)
    else:
        _held(db, row.client_id)
        staffing_request.answer(db, row, yes=True)
        if row.asked_by_id not in {one.user_id for one in holders(open_of(db, row.client_id))}:
            raise Conflict("staffing-request-over")
        hand_over(db, row.client_id, to_id, row.asked_by_id)
    return staffing_request.read(db, ask_id)


def _tell(db: "Workspace", user_id: UUID, assignment_id: UUID | None = None) -> None:
    """Tell somebody that she was given one client or several, unless she gave them to herself."""
    if user_id != db.actor.id:
        tell(db, [user_id], NoticeKind.CLIENT_GIVEN, assignment_id)


def _leave_no_review(db: "Workspace", client_id: UUID, before: Sequence[Any], to_id: UUID | None) -> None:
    """Of those who worked or were to work with a client, by assignment or cover, whoever sees her no more holds no
    review of hers."""
    for user_id in dict.fromkeys(row.user_id for row in before):
        if not db.would_see(actor_for(db, user_id), Permission.CLIENT_READ, client_id):
            review.pass_on(db, client_id, user_id, to_id)


def _held(db: "Workspace", client_id: UUID, taker: UUID | None = None) -> Any:
    """The client (id, status, restricted, attention_at), locked, after whoever takes her. NotFound out of sight, unless
    the caller may name her by id. Nobody takes a restricted client herself, or one she may only name."""
    if taker is not None:
        db.hold(taker.bytes)  # as covers do: what she is given meanwhile is covered too
    try:
        lock(db, client_id)
    except NotFound:
        if not db.actor.names_by_id(Permission.ASSIGNMENT_CREATE):
            raise
        lock_by_id(db, client_id)
        if taker == db.actor.id:
            raise Conflict("own-assignment") from None
    client = cover.facts_of(db, client_id)
    if client.restricted and taker == db.actor.id:
        raise Conflict("own-assignment")
    return client


def _cover_one(db: "Workspace", client: Any, user_id: UUID, until: datetime) -> UUID:
    must_work_here(db, user_id, "/user_id")
    must_not_be_kept_from(db, client.id, user_id)
    if not db.now < until <= db.now + cover.AT_MOST:
        raise Invalid(Fault("/until", "cover-times", "A cover begins today or later and lasts 60 days at most."))
    for row in open_of(db, client.id):
        if row.user_id == user_id and row.cover_id is None and (row.ends_at is None or row.ends_at > db.now):
            raise Conflict("assigned-already")
    return Assignment.begin_cover(db, client, user_id, None, until)


def _giver(hers: dict[UUID, Any], to_id: UUID, from_id: UUID | None) -> UUID | None:
    """Who gives her away; None when nobody has to."""
    if from_id == to_id:
        raise Invalid(Fault("/from_user_id", "same-person", "She cannot be handed to whom she is taken from."))
    if from_id is not None:
        if from_id not in hers and to_id not in hers:
            raise Invalid(Fault("/from_user_id", "not-assigned", "This person is not assigned to this client."))
        return from_id if from_id in hers else None
    others = [user_id for user_id in hers if user_id != to_id]
    if len(others) > 1:
        raise Invalid(Fault("/from_user_id", "several-assigned", "Several are assigned: say who hands her over."))
    return others[0] if others else None


_C = columns(Client)
_had, _now, _who = table_of(Assignment).alias("had"), table_of(Assignment).alias("works"), table_of(User).alias("who")
_OF_SOMEBODY = (_now.c.agency_id == _C.agency_id, _now.c.client_id == _C.id, _now.c.kind == AssignmentKind.ADVOCATE)
#: Active, and in a role that works with clients: what an auditor was once assigned nobody looks after.
_WHO_IS_HERE = (
    _who.c.agency_id == _now.c.agency_id,
    _who.c.id == _now.c.user_id,
    _who.c.status == UserStatus.ACTIVE,
    sa.or_(*(_who.c.roles.contains(role.value) for role in sorted(CASE_WORKERS))),
)
_ORPHANS = (
    sa.select(_C.id, _C.status, _C.restricted)
    .where(_C.id > sa.bindparam("after", type_=ID, required=True), _C.status != ClientStatus.CLOSED)
    .order_by(_C.id)
    .limit(sa.bindparam("most", type_=sa.Integer, required=True))
)
#: Somebody worked with her once (a canary is nobody's), and nobody who could come in today does.
_LEFT = sa.and_(
    sa.exists().where(_had.c.agency_id == _C.agency_id, _had.c.client_id == _C.id),
    sa.not_(sa.exists().where(*_OF_SOMEBODY, counts_now(_now.c, BOUND.now), *_WHO_IS_HERE)),
)
_SEEN, _BY_ID = Query(_ORPHANS, where=_LEFT), Query(_ORPHANS, Sight.NAMED, where=_LEFT)


def unattended(db: "Workspace", most: int, after: UUID | None) -> list[Any]:
    """Clients by id whose case is not closed and whom nobody active is assigned to any longer (id, status, restricted),
    of those the caller sees, or may name where she sees none."""
    by_id = db.actor.names_by_id(Permission.ASSIGNMENT_CREATE)
    return db.rows(_BY_ID if by_id else _SEEN, most=most, after=after or UUID(int=0))
