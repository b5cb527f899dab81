"""What a process watches while clients are opened: canaries, and how many distinct clients one person opens."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, ClassVar
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Field

from models.access import Kind
from models.base import ID, Record, columns, id_field, table_of
from models.errors import TooManyClients
from models.ledger.action import Action
from models.rows import Change, Insert, Query

if TYPE_CHECKING:
    from models.workspace import Workspace

HOUR = 3600
#: A list may show so many times more clients than may be opened one by one.
LISTED = 10
#: Lists of an agency's clients show a canary as they show anybody: that she is in them tells nothing of who looks.
LISTS = frozenset({Action.CASELOAD_READ, Action.CLIENT_SEARCHED})


class ClientOpening(Record, table=True):
    """That a person or an integration opened a client in an hour (of the clock in UTC): alone, or as one of several in
    a list."""

    __tablename__ = "client_openings"
    machinery: ClassVar[bool] = True
    of_the_day: ClassVar[bool] = True
    __table_args__ = ({"sqlite_with_rowid": False},)

    agency_id: UUID = id_field(primary_key=True)
    user_id: UUID = id_field(primary_key=True)
    hour: int = Field(primary_key=True)
    listed: bool = Field(primary_key=True)
    subject_id: UUID = id_field(primary_key=True)


_O = columns(ClientOpening)
_ADD = Insert(ClientOpening, unless_there=True)
_HOUR: Any = sa.bindparam("hour", required=True)
_COUNT = Query(
    sa.select(sa.func.count().label("clients"))
    .select_from(table_of(ClientOpening))
    .where(
        _O.user_id == sa.bindparam("user_id", type_=ID, required=True),
        _O.hour == _HOUR,
        _O.listed == sa.bindparam("listed", required=True),
    )
)
_FORGET = Change(sa.delete(table_of(ClientOpening)).where(_O.hour < _HOUR))


@dataclass(frozen=True)
class Alarm:
    """Something somebody should look at now: ids and a kind, never a name. `kind` is the second half of an Action."""

    kind: str
    agency_id: UUID
    actor_id: UUID
    request_id: str
    sequence: int
    at: datetime


class Watch:
    """One process's part of the watch. `most`: clients a person may open one by one in an hour (None: any number);
    `tell` is called with each alarm, after the commit that keeps its entry, and must not wait."""

    def __init__(self) -> None:
        self.most: int | None = None
        self.tell: Callable[[Alarm], object] = _nobody
        self._hour = 0
        self._known: dict[bytes, set[bytes]] = {}  # agency | user | in a list? -> clients whose row is committed
        self._told: set[tuple[UUID, UUID]] = set()  # agency and person of the alarms about this hour's openings

    def look(self, db: "Workspace", opened: set[bytes], action: Action) -> None:
        """Before the entry of a unit that opened these clients: note an alarm in it, or raise TooManyClients."""
        if action not in LISTS and (canaries := db.keys.canaries(opened)):
            client_id = canaries[0] if len(canaries) == 1 else None
            db.note(Action.ALARM_CANARY_OPENED, "clients", canaries, client_id)
            self.alarm(db, Action.ALARM_CANARY_OPENED)
        if self.most is not None and db.actor.kind in (Kind.PERSON, Kind.INTEGRATION):
            self._count(db, opened, self.most)

    def alarm(self, db: "Workspace", action: Action) -> None:
        """Tell about this unit once it is committed."""
        kind, who, request_id = action.partition(".")[2], db.actor.id, db.origin.request_id
        now = datetime.now(UTC)
        db.once_kept(lambda: self.tell(Alarm(kind, db.agency_id, who, request_id, db.sequence, now)))

    def alarm_once(self, db: "Workspace", action: Action) -> None:
        """The same, once for a person and an hour: each refusal has its entry, but somebody is called once."""
        whose = db.agency_id, db.actor.id
        if whose not in self._told:
            self.alarm(db, action)
            db.once_kept(lambda: self._told.add(whose))

    def _count(self, db: "Workspace", opened: set[bytes], most: int) -> None:
        seconds = int(db.now.timestamp())
        hour, listed = seconds // HOUR, len(opened) > 1
        if hour != self._hour:
            self._hour, self._known, self._told = hour, {}, set()
        known = self._known
        key = db.agency_id.bytes + db.actor.id.bytes + (b"\x01" if listed else b"\x00")
        fresh = opened - known.get(key, _NONE)
        if not fresh:
            return
        db.hold(key[24:])  # two requests of one person are counted one after the other
        row = {"user_id": db.actor.id, "hour": hour, "listed": listed}
        with db.together():
            for client in fresh:
                db.insert(_ADD, [row | {"subject_id": UUID(bytes=client)}])
        clients = db.one(_COUNT, **row).clients
        if clients > (most * LISTED if listed else most):
            raise TooManyClients(clients, timedelta(seconds=HOUR - seconds % HOUR))
        db.once_kept(lambda: known.setdefault(key, set()).update(fresh))


_NONE: frozenset[bytes] = frozenset()


def _nobody(_: Alarm) -> None:
    """Whom alarms are told until a service or a command says whom."""


def forget_openings(db: "Workspace") -> int:
    """Drop what was counted in hours that are over; the ledger keeps who opened whom. Returns how many."""
    return db.change(_FORGET, hour=int(db.now.timestamp()) // HOUR)
