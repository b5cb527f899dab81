"""What only the clock does to covers: people are told that one began or is over, and reviews find somebody who sees."""

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from models import assignment, review
from models.access import Permission
from models.assignment import Assignment, AssignmentKind
from models.base import INSTANT, columns, table_of
from models.client import lock_by_id
from models.cover import Cover, tell_both
from models.notice import NoticeKind, tell, untold
from models.review import Review, ReviewStatus
from models.rows import Query
from models.sight import BOUND, counts_now
from models.user import actor_for

if TYPE_CHECKING:
    from models.workspace import Workspace

LATELY = timedelta(days=7)  # what happened while no worker ran is told afterwards, unless it is old

_C, _A, _R = columns(Cover), columns(Assignment), columns(Review)
_SINCE: Any = sa.bindparam("since", type_=INSTANT, required=True)


def _between(moment: Any) -> Any:
    return sa.and_(moment > _SINCE, moment <= BOUND.now)


_BEGUN = Query(
    sa.select(_C.id, _C.absent_id, _C.by_id).where(
        _C.ended_at.is_(None), _between(_C.starts_at), _C.ends_at > BOUND.now
    ),
    where=untold(NoticeKind.COVER_BEGAN, _C.id),
)
_OVER = Query(
    sa.select(_C.id, _C.absent_id, _C.by_id).where(_C.ended_at.is_(None), _between(_C.ends_at)),
    where=untold(NoticeKind.COVER_ENDED, _C.id),
)
_ONE_OVER = Query(
    sa.select(_A.id, _A.user_id).where(
        _A.kind == AssignmentKind.COVER,
        _A.cover_id.is_(None),
        _A.ended_at.is_(None),
        _between(_A.ends_at),
    ),
    where=untold(NoticeKind.COVER_ENDED, _A.id),
)

_was, _is = table_of(Assignment).alias("was"), table_of(Assignment).alias("is_now")


def _of_hers(row: Any) -> tuple[Any, ...]:
    return row.c.agency_id == _R.agency_id, row.c.client_id == _R.client_id, row.c.user_id == _R.reviewer_id


#: Scheduled reviews by client and reviewer, of people who covered and neither cover nor are assigned any longer.
_LEFT_BEHIND = Query(
    sa.select(_R.client_id, _R.reviewer_id)
    .distinct()
    .where(_R.status == ReviewStatus.SCHEDULED)
    .order_by(_R.client_id, _R.reviewer_id),
    where=sa.and_(
        sa.exists().where(*_of_hers(_was), _was.c.kind == AssignmentKind.COVER),
        sa.not_(sa.exists().where(*_of_hers(_is), counts_now(_is.c, BOUND.now))),
    ),
)


def tell_of_covers(db: "Workspace") -> int:
    """A chore: tell who covers and who is covered that a cover began, or that it is over by the clock, once. Returns
    how many covers that was for."""
    since = db.now - LATELY
    begun, over, one_over = (db.rows(query, since=since) for query in (_BEGUN, _OVER, _ONE_OVER))
    for row in begun:
        tell_both(db, NoticeKind.COVER_BEGAN, row.id, row.absent_id, row.by_id)
    for row in over:
        tell_both(db, NoticeKind.COVER_ENDED, row.id, row.absent_id, row.by_id)
    for row in one_over:
        tell(db, [row.user_id], NoticeKind.COVER_ENDED, row.id)
    return len(begun) + len(over) + len(one_over)


def give_reviews_back(db: "Workspace") -> int:
    """A chore: reviews of somebody whose cover is over, and who sees the client no more, are held by whoever is
    assigned alone, else by nobody. Returns how many people's that was."""
    given = 0
    for left in db.rows(_LEFT_BEHIND):
        lock_by_id(db, left.client_id)
        if db.would_see(actor_for(db, left.reviewer_id), Permission.CLIENT_READ, left.client_id):
            continue  # a supervisor, who sees her anyway
        here = assignment.holders(assignment.open_of(db, left.client_id))
        review.pass_on(db, left.client_id, left.reviewer_id, here[0].user_id if len(here) == 1 else None)
        given += 1
    return given
