"""Who works with a client, as a dated history: assigned until further notice, or covering for somebody until a day."""

from collections.abc import Iterable
from datetime import UTC, datetime
from enum import StrEnum
from functools import cache
from typing import TYPE_CHECKING, Any, ClassVar
from uuid import UUID, uuid4

import sqlalchemy as sa
from sqlmodel import Field, SQLModel

from models.access import Permission
from models.base import ID, INSTANT, ClientRecord, choice, columns, id_field, instant_field, table_of, within
from models.errors import Conflict, Fault, Invalid, NotFound
from models.ledger.action import Action
from models.rows import Change, Insert, Query, Sight
from models.sight import BOUND, counts_now
from models.user import CASE_WORKERS, actor_for, must_work_here

if TYPE_CHECKING:
    from models.workspace import Workspace

#: The attention date of a client with no review scheduled: sorts after every real one.
NO_REVIEW = datetime(9999, 1, 1, tzinfo=UTC)


class AssignmentKind(StrEnum):
    """Whether the case is hers, or she looks after it for a while."""

    ADVOCATE = "advocate"
    COVER = "cover"


def _open(*more: str) -> dict[str, Any]:
    where = sa.text(" AND ".join(["ended_at IS NULL", *more]))
    return {"sqlite_where": where, "postgresql_where": where}


class Assignment(ClientRecord, table=True):
    """Who works with a client, from when until when. Ended rows stay: attribution never changes. A cover ends by the
    clock at `ends_at`, at the moment somebody asks; `ended_at` says that it was ended by hand."""

    __tablename__ = "assignments"
    vouched: ClassVar[tuple[str, ...]] = ("client_id", "user_id", "kind", "starts_at", "ends_at", "ended_at")
    __table_args__ = (
        within("client_id", "clients"),
        within("user_id", "users"),
        sa.Index("uq_assignments_open", "agency_id", "user_id", "client_id", unique=True, **_open("kind = 'advocate'")),
        sa.Index("ix_assignments_sight", "agency_id", "user_id", "client_id", "starts_at", "ends_at", **_open()),
        sa.Index(
            "ix_assignments_attention",
            "agency_id",
            "user_id",
            "attention_at",
            "client_id",
            "starts_at",
            "ends_at",
            **_open(),
        ),
        sa.Index("ix_assignments_client", "agency_id", "client_id"),
    )

    user_id: UUID = id_field()
    kind: AssignmentKind = Field(default=AssignmentKind.ADVOCATE, sa_type=choice(AssignmentKind))
    started_at: datetime = instant_field()
    started_by_id: UUID = id_field()
    starts_at: datetime | None = instant_field(default=None)
    ends_at: datetime | None = instant_field(default=None)
    cover_id: UUID | None = id_field(default=None)
    ended_at: datetime | None = instant_field(default=None)
    ended_by_id: UUID | None = id_field(default=None)
    attention_at: datetime = instant_field(default=NO_REVIEW)
    version: int = 1

    @classmethod
    def begin(cls, db: "Workspace", client_id: UUID, user_id: UUID, attention_at: datetime = NO_REVIEW) -> UUID:
        """Assign a client to an advocate or supervisor of the agency, until further notice. Returns the id; twice is a
        Conflict. What covers she gave for the client is over: it is hers now."""
        if user_id != db.actor.id or not db.actor.roles & CASE_WORKERS:
            must_work_here(db, user_id, "/user_id")
        must_not_be_kept_from(db, client_id, user_id)
        assignment_id = uuid4()
        row = {"id": assignment_id, "client_id": client_id, "user_id": user_id, "attention_at": attention_at}
        db.create_many(_ADD, Action.ASSIGNMENT_STARTED, [row | {"started_at": db.now, "started_by_id": db.actor.id}])
        return assignment_id

    @classmethod
    def begin_cover(
        cls,
        db: "Workspace",
        client: Any,
        user_id: UUID,
        starts_at: datetime | None,
        ends_at: datetime,
        cover_id: UUID | None = None,
    ) -> UUID:
        """Let somebody look after a client (id and attention_at) until a moment. Who may, and that no wall stands, was
        asked. Returns the id."""
        assignment_id = uuid4()
        row = {
            "id": assignment_id,
            "client_id": client.id,
            "user_id": user_id,
            "kind": AssignmentKind.COVER,
            "started_at": db.now,
            "started_by_id": db.actor.id,
            "starts_at": starts_at,
            "ends_at": ends_at,
            "cover_id": cover_id,
            "attention_at": client.attention_at,
        }
        db.create_many(_ADD, Action.ASSIGNMENT_STARTED, [row])
        return assignment_id


_A = columns(Assignment)
_ADD = Insert(Assignment)
_HERS = _A.client_id == sa.bindparam("client_id", type_=ID)
_BARE = (
    _A.id,
    _A.client_id,
    _A.user_id,
    _A.kind,
    _A.started_at,
    _A.started_by_id,
    _A.starts_at,
    _A.ends_at,
    _A.cover_id,
    _A.ended_at,
    _A.ended_by_id,
)
_OPEN_OF = Query(sa.select(*_BARE).where(_HERS, _A.ended_at.is_(None)).order_by(_A.started_at, _A.id))
_ONE = sa.select(*_BARE).where(_A.id == sa.bindparam("assignment_id", type_=ID, required=True))
_SEEN, _NAMED = Query(_ONE), Query(_ONE, Sight.NAMED)
_CASES = sa.select(_A.client_id.label("id")).where(
    _A.user_id == sa.bindparam("of_user", type_=ID, required=True),
    _A.kind == AssignmentKind.ADVOCATE,
    counts_now(_A, BOUND.now),
)
_CASES_SEEN, _CASES_NAMED = Query(_CASES.order_by(_A.client_id)), Query(_CASES.order_by(_A.client_id), Sight.NAMED)
_END = Change(
    sa.update(table_of(Assignment))
    .where(_A.id == sa.bindparam("assignment_id", type_=ID, required=True), _A.ended_at.is_(None))
    .values(
        ended_at=sa.bindparam("at", type_=INSTANT, required=True),
        ended_by_id=sa.bindparam("by", type_=ID, required=True),
        version=_A.version + 1,
    )
)


def open_of(db: "Workspace", client_id: UUID) -> list[Any]:
    """Every assignment and cover of a client that was not ended by hand, oldest first, whoever asks: for verbs. The
    client was found before, and is locked."""
    with db.blindly():
        return db.rows(_OPEN_OF, client_id=client_id)


def holders(rows: Iterable[Any]) -> list[Any]:
    """Of those, the assignments until further notice."""
    return [row for row in rows if row.kind is AssignmentKind.ADVOCATE]


def read(db: "Workspace", assignment_id: UUID) -> Any:
    """An assignment's row; for whoever names clients by id, when no wall stands. NotFound."""
    found = db.rows(_SEEN, assignment_id=assignment_id)
    if not found and db.actor.names_by_id(Permission.ASSIGNMENT_CREATE):
        found = db.rows(_NAMED, assignment_id=assignment_id)
    if not found:
        raise NotFound
    return found[0]


def cases_of(db: "Workspace", user_id: UUID) -> list[UUID]:
    """The clients assigned to somebody, by id, of those the caller sees, or may name where she sees none."""
    by_id = db.actor.names_by_id(Permission.ASSIGNMENT_CREATE)
    return [row.id for row in db.rows(_CASES_NAMED if by_id else _CASES_SEEN, of_user=user_id)]


def all_cases_of(db: "Workspace", user_id: UUID) -> list[UUID]:
    """The clients assigned to somebody, whoever asks: for verbs."""
    with db.blindly():
        return [row.id for row in db.rows(_CASES_SEEN, of_user=user_id)]


def end(db: "Workspace", row: Any, at: datetime | None = None) -> None:
    """End an assignment (id, client_id); doing it twice changes nothing. From this request on she no longer sees the
    client by it."""
    if db.change(_END, assignment_id=row.id, at=at or db.now, by=db.actor.id):
        db.note(Action.ASSIGNMENT_ENDED, "assignments", [row.id], row.client_id)


def must_not_be_kept_from(db: "Workspace", client_id: UUID, user_id: UUID) -> None:
    """Conflict('kept-from-client') when a wall stands between somebody else and a client the caller may name."""
    if user_id in kept_from(db, client_id):
        raise Conflict("kept-from-client")


@cache
def _standing() -> Query:
    w = SQLModel.metadata.tables["walls"].c
    hers = (w.client_id == sa.bindparam("client_id", type_=ID), w.set_at.is_not(None), w.lifted_at.is_(None))
    return Query(sa.select(w.user_id).where(*hers))


def kept_from(db: "Workspace", client_id: UUID) -> set[UUID]:
    """Whom a wall keeps from a client now, whoever asks: for verbs."""
    with db.blindly():
        return {row.user_id for row in db.rows(_standing(), client_id=client_id)}


def must_see_too(db: "Workspace", user_id: UUID, client_id: UUID, pointer: str) -> None:
    """Invalid unless somebody works here and sees this client: a review is not given to somebody who cannot hold it. It
    is told in the same words whether she is not assigned, of another team, or kept out."""
    must_work_here(db, user_id, pointer)
    if not db.would_see(actor_for(db, user_id), Permission.CLIENT_READ, client_id):
        raise Invalid(Fault(pointer, "does-not-see-client", "This person does not work with this client."))


def assignments_of(db: "Workspace", client_id: UUID) -> list[Assignment]:
    """Who has worked with a client, newest first. NotFound when she is out of sight."""
    db.must_see(client_id)
    found = sa.select(Assignment).where(_A.client_id == client_id)
    return db.all(found.order_by(_A.started_at.desc(), _A.id))
