"""Walls: who must not see a client, nor know of her here: a relative, a neighbour, the other side of a case."""

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any, ClassVar
from uuid import UUID, uuid4

import sqlalchemy as sa

from models import assignment, break_glass, cover, review, volunteer
from models.access import Permission
from models.base import (
    ID,
    INSTANT,
    ClientRecord,
    columns,
    id_field,
    instant_field,
    sealed_column,
    table_of,
    within,
)
from models.client import lock_named
from models.errors import Conflict
from models.ledger.action import Action
from models.notice import NoticeKind, tell
from models.overseers import admins_of, supervisors_of
from models.paging import newest_first, page
from models.rows import ByReach, Change, Insert, Query
from models.user import must_be_here, still_may
from models.vault.sealed import Sealed

if TYPE_CHECKING:
    from models.workspace import Workspace


class WallState(StrEnum):
    """Where a wall stands."""

    PROPOSED = "proposed"
    STANDING = "standing"
    LIFTED = "lifted"
    WITHDRAWN = "withdrawn"


class Wall(ClientRecord, table=True):
    """That one person does not see one client. It stands from the approval of a second person until a second person
    approves its lifting. Whoever it is about never sees the row, nor anything else that tells of it."""

    __tablename__ = "walls"
    narratives: ClassVar[tuple[str, ...]] = ("reason",)
    kept_from: ClassVar[str | None] = "user_id"
    vouched: ClassVar[tuple[str, ...]] = ("client_id", "user_id", "set_at", "lifted_at")
    __table_args__ = (
        within("client_id", "clients"),
        within("user_id", "users"),
        sa.CheckConstraint("seal_rev > 0", name="sealed"),
        sa.Index(
            "uq_walls_standing",
            "agency_id",
            "user_id",
            "client_id",
            unique=True,
            sqlite_where=sa.text("set_at IS NOT NULL AND lifted_at IS NULL"),
            postgresql_where=sa.text("set_at IS NOT NULL AND lifted_at IS NULL"),
        ),
        sa.Index("ix_walls_client", "agency_id", "client_id"),
        sa.Index("ix_walls_proposed", "agency_id", "proposed_at", "id"),
    )

    user_id: UUID = id_field()
    reason_sealed: bytes | None = sealed_column()
    reason = Sealed[str]()
    proposed_at: datetime = instant_field()
    proposed_by_id: UUID = id_field()
    withdrawn_at: datetime | None = instant_field(default=None)
    withdrawn_by_id: UUID | None = id_field(default=None)
    set_at: datetime | None = instant_field(default=None)
    set_by_id: UUID | None = id_field(default=None)
    lifting_proposed_at: datetime | None = instant_field(default=None)
    lifting_proposed_by_id: UUID | None = id_field(default=None)
    lifted_at: datetime | None = instant_field(default=None)
    lifted_by_id: UUID | None = id_field(default=None)
    seal_rev: int = 0

    @classmethod
    def propose(cls, db: "Workspace", client_id: UUID, user_id: UUID, reason: str) -> UUID:
        """Ask for a wall; it keeps nobody out yet. Returns its id. Conflict for oneself, and when there is one already,
        proposed or standing; NotFound for a client out of sight, or one the caller may not name."""
        if user_id == db.actor.id:
            raise Conflict("own-wall")
        lock_named(db, client_id)
        must_be_here(db, user_id, "/user_id")
        if any(row.user_id == user_id for row in _live(db, client_id)):
            raise Conflict("wall-there")
        wall_id = uuid4()
        row = {"id": wall_id, "client_id": client_id, "user_id": user_id, "reason": reason}
        db.create_many(_ADD, None, [row | {"proposed_at": db.now, "proposed_by_id": db.actor.id}])
        _note(db, Action.WALL_PROPOSED, wall_id, client_id, user_id)
        _ask_a_second(db, client_id, user_id)
        return wall_id

    @classmethod
    def approve(cls, db: "Workspace", wall_id: UUID) -> None:
        """The second person agrees: from her next request on the walled one does not see the client. Her assignments
        and covers to that client end in this unit, and reviews she was to hold are nobody's. Doing it twice changes
        nothing; Conflict for the proposer, and for a proposal no longer open."""
        row = _locked(db, wall_id)
        if row.set_at is not None and row.lifted_at is None:
            return
        if row.set_at is not None or row.withdrawn_at is not None:
            raise Conflict("wall-over")
        if row.proposed_by_id == db.actor.id:
            raise Conflict("own-wall-proposal")
        shut_out(db, row.client_id, row.user_id)
        db.change(_SET, wall_id=wall_id, at=db.now, by=db.actor.id)
        _note(db, Action.WALL_RAISED, wall_id, row.client_id, row.user_id)

    @classmethod
    def behind_own(cls, db: "Workspace", client_id: UUID) -> None:
        """Put oneself behind a wall, at once. NotFound for a client out of sight, or one the caller may not name."""
        lock_named(db, client_id)
        me = db.actor.id
        for row in _live(db, client_id):
            if row.user_id == me and row.set_at is None:
                db.change(_WITHDRAW, wall_id=row.id, at=db.now, by=me)
        shut_out(db, client_id, me)
        wall_id = uuid4()
        row = {"id": wall_id, "client_id": client_id, "user_id": me, "reason": None, "set_at": db.now, "set_by_id": me}
        db.create_many(_ADD, None, [row | {"proposed_at": db.now, "proposed_by_id": me}])
        _note(db, Action.WALL_RAISED, wall_id, client_id, me)

    @classmethod
    def propose_lifting(cls, db: "Workspace", wall_id: UUID) -> None:
        """Ask for a standing wall to be lifted. It stands on. Doing it twice changes nothing; Conflict unless it
        stands."""
        row = _locked(db, wall_id)
        if row.set_at is None or row.lifted_at is not None:
            raise Conflict("wall-over")
        if row.lifting_proposed_at is None:
            db.change(_ASK_TO_LIFT, wall_id=wall_id, at=db.now, by=db.actor.id)
            _note(db, Action.WALL_LIFTING_PROPOSED, wall_id, row.client_id, row.user_id)
            _ask_a_second(db, row.client_id, row.user_id)

    @classmethod
    def lift(cls, db: "Workspace", wall_id: UUID) -> None:
        """The second person agrees that it is over. Nobody is assigned again by it. Doing it twice changes nothing;
        Conflict for whoever proposed the lifting, and when nobody did who may propose now."""
        row = _locked(db, wall_id)
        if row.lifted_at is not None:
            return
        if row.set_at is None or row.lifting_proposed_at is None:
            raise Conflict("wall-over")
        if row.lifting_proposed_by_id == db.actor.id:
            raise Conflict("own-wall-proposal")
        if not still_may(db, row.lifting_proposed_by_id, Permission.WALL_PROPOSE):
            raise Conflict("wall-over")
        db.change(_LIFT, wall_id=wall_id, at=db.now, by=db.actor.id)
        _note(db, Action.WALL_LIFTED, wall_id, row.client_id, row.user_id)
        cover.settle(db, row.client_id)

    @classmethod
    def withdraw(cls, db: "Workspace", wall_id: UUID) -> None:
        """Take a proposal back, or decline it: the wall's, or that of lifting it. Doing it twice changes nothing;
        Conflict for a wall that stands and that nobody proposed to lift."""
        row = _locked(db, wall_id)
        if row.withdrawn_at is not None:
            return
        if row.set_at is None:
            db.change(_WITHDRAW, wall_id=wall_id, at=db.now, by=db.actor.id)
        elif row.lifting_proposed_at is not None and row.lifted_at is None:
            db.change(_KEEP, wall_id=wall_id)
        else:
            raise Conflict("wall-stands" if row.lifted_at is None else "wall-over")
        _note(db, Action.WALL_WITHDRAWN, wall_id, row.client_id, row.user_id)

    @classmethod
    def set_again(cls, db: "Workspace", wall_id: UUID, client_id: UUID, user_id: UUID, reason: str) -> None:
        """Older data were restored that do not know a wall which the ledger knows to stand. `reason`: for
        one they do not hold at all."""
        shut_out(db, client_id, user_id)
        if not db.change(_STAND, wall_id=wall_id, at=db.now, by=db.actor.id):
            row = {"id": wall_id, "client_id": client_id, "user_id": user_id, "reason": reason, "set_at": db.now}
            more = {"set_by_id": db.actor.id, "proposed_at": db.now, "proposed_by_id": db.actor.id}
            db.create_many(_ADD, None, [row | more])
        _note(db, Action.WALL_RAISED, wall_id, client_id, user_id)


def state_of(row: Any) -> WallState:
    """Where a wall stands."""
    if row.set_at is None:
        return WallState.PROPOSED if row.withdrawn_at is None else WallState.WITHDRAWN
    return WallState.STANDING if row.lifted_at is None else WallState.LIFTED


def shut_out(db: "Workspace", client_id: UUID, user_id: UUID) -> None:
    """End whatever lets a person see a client, and leave her open reviews to nobody. The client is locked."""
    for row in assignment.open_of(db, client_id):
        if row.user_id == user_id:
            over = row.ends_at is not None and row.ends_at <= db.now
            assignment.end(db, row, row.ends_at if over else None)
    cover.settle(db, client_id, without=user_id)
    break_glass.shut(db, client_id, user_id)
    volunteer.take_all(db, client_id, user_id)
    review.pass_on(db, client_id, user_id, None)


_W = columns(Wall)
_ADD = Insert(Wall)
_WALL_ID = sa.bindparam("wall_id", type_=ID, required=True)
_AT, _BY = sa.bindparam("at", type_=INSTANT, required=True), sa.bindparam("by", type_=ID, required=True)
_PLAIN = tuple(c for c in _W if c.name not in ("agency_id", "reason_sealed", "seal_rev"))


def _becomes(*where: Any, **values: Any) -> Change:
    return Change(sa.update(table_of(Wall)).where(_W.id == _WALL_ID, *where).values(**values))


_SET = _becomes(_W.set_at.is_(None), set_at=_AT, set_by_id=_BY)
_STAND = _becomes(set_at=_AT, set_by_id=_BY, lifted_at=sa.null(), lifted_by_id=sa.null(), withdrawn_at=sa.null())
_WITHDRAW = _becomes(_W.set_at.is_(None), withdrawn_at=_AT, withdrawn_by_id=_BY)
_ASK_TO_LIFT = _becomes(lifting_proposed_at=_AT, lifting_proposed_by_id=_BY)
_KEEP = _becomes(lifting_proposed_at=sa.null(), lifting_proposed_by_id=sa.null())
_LIFT = _becomes(_W.lifted_at.is_(None), lifted_at=_AT, lifted_by_id=_BY)

_HERS = _W.client_id == sa.bindparam("client_id", type_=ID)
_STANDS = sa.and_(_W.set_at.is_not(None), _W.lifted_at.is_(None))
_LIVE = Query(
    sa.select(_W.id, _W.user_id, _W.set_at).where(
        _HERS, sa.or_(_STANDS, sa.and_(_W.set_at.is_(None), _W.withdrawn_at.is_(None)))
    )
)
_ABOUT = Query(sa.select(_W.id).where(_W.user_id == sa.bindparam("whom", type_=ID, required=True)))
_STATES = {
    WallState.PROPOSED: sa.and_(_W.set_at.is_(None), _W.withdrawn_at.is_(None)),
    WallState.STANDING: _STANDS,
    WallState.LIFTED: _W.lifted_at.is_not(None),
    WallState.WITHDRAWN: _W.withdrawn_at.is_not(None),
}


_PLACE = ByReach(sa.select(*_PLAIN).where(_W.id == _WALL_ID))
_WHOLE = ByReach(sa.select(*_PLAIN, _W.reason_sealed).where(_W.id == _WALL_ID))
_LISTS = {
    wanted: ByReach(
        newest_first(sa.select(*_PLAIN).where(*(() if wanted is None else (_STATES[wanted],))), _W.proposed_at, _W.id)
    )
    for wanted in (None, *WallState)
}


def read(db: "Workspace", wall_id: UUID) -> Any:
    """A wall with its reason opened; the reading is an entry. NotFound, also for whoever it is about."""
    wall = db.one(_WHOLE.of(db), wall_id=wall_id)
    db.note(Action.WALL_READ, "walls", [wall_id], wall.client_id)
    return wall


def walls(db: "Workspace", state: WallState | None, most: int, before: tuple[datetime, UUID]) -> Sequence[Any]:
    """Walls without their reasons, newest first, at most `most`, those older than `before`; of one state if wanted."""
    return db.rows(_LISTS[state].of(db), **page(most, before))


def about(db: "Workspace", user_id: UUID) -> set[str]:
    """The ids of every wall there was or is about somebody, as text: what she must not find in a ledger."""
    with db.blindly():
        return {str(row.id) for row in db.rows(_ABOUT, whom=user_id)}


def _live(db: "Workspace", client_id: UUID) -> list[Any]:
    with db.blindly():
        return db.rows(_LIVE, client_id=client_id)


def _locked(db: "Workspace", wall_id: UUID) -> Any:
    """The wall's row, its client locked. NotFound, also for whoever it is about."""
    lock_named(db, db.one(_PLACE.of(db), wall_id=wall_id).client_id)
    return db.one(_PLACE.of(db), wall_id=wall_id)


def _ask_a_second(db: "Workspace", client_id: UUID, user_id: UUID) -> None:
    """Tell whoever may approve; never the person whom the wall is to keep out. Not which wall: a notice stays with
    somebody who may be behind a wall of her own tomorrow."""
    may = supervisors_of(db, client_id, Permission.WALL_APPROVE) + admins_of(db, client_id)
    others = [person for person in may if person not in (db.actor.id, user_id)]
    tell(db, others, NoticeKind.APPROVAL_ASKED)


def _note(db: "Workspace", action: Action, wall_id: UUID, client_id: UUID, user_id: UUID) -> None:
    """The entry names whom it keeps out: an auditor can check it, and a restore can set it up again."""
    db.note(action, "walls", [wall_id], client_id, (), user=str(user_id))
