"""What every row has: an agency, an id, column types that fit both databases, and a mouth that stays shut."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any, ClassVar, cast
from uuid import UUID, SafeUUID, uuid4

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.orm import Mapper
from sqlmodel import Field, SQLModel

from models.vault import sealed
from models.vault.sealed import Sealed

SQLModel.metadata.naming_convention = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


_set_int, _set_safe = UUID.int.__set__, UUID.is_safe.__set__  # type: ignore[attr-defined, misc]

_UNKNOWN = SafeUUID.unknown  # an enum's member is slow to look up


def uuid_of(raw: bytes) -> UUID:
    """UUID(bytes=raw) at a third of its cost: a plan holds a hundred of them, and these come from our own columns."""
    made = UUID.__new__(UUID)
    _set_int(made, int.from_bytes(raw))
    _set_safe(made, _UNKNOWN)
    return made


class _BlobUuid(sa.types.UserDefinedType[UUID]):
    """A UUID as 16 bytes: half the size of text in every key and index of SQLite."""

    cache_ok = True

    def get_col_spec(self, **_: Any) -> str:
        return "BLOB"

    def bind_processor(self, dialect: sa.Dialect) -> Callable[[UUID | None], bytes | None]:
        return lambda value: None if value is None else value.bytes

    def result_processor(self, dialect: sa.Dialect, coltype: object) -> Callable[[bytes | None], UUID | None]:
        return lambda value: None if value is None else uuid_of(value)


class _Microseconds(sa.types.UserDefinedType[datetime]):
    """An instant as whole microseconds since 1970: SQLite has no instants, and text would sort by accident."""

    cache_ok = True

    def get_col_spec(self, **_: Any) -> str:
        return "BIGINT"

    def bind_processor(self, dialect: sa.Dialect) -> Callable[[datetime | None], int | None]:
        return lambda value: None if value is None else (value - EPOCH) // timedelta(microseconds=1)

    def result_processor(self, dialect: sa.Dialect, coltype: object) -> Callable[[int | None], datetime | None]:
        return lambda value: None if value is None else EPOCH + timedelta(microseconds=value)


#: Column types. SQLModel's stubs ask for a class, SQLAlchemy takes either.
ID = cast(Any, sa.Uuid().with_variant(_BlobUuid(), "sqlite"))
INSTANT = cast(Any, sa.DateTime(timezone=True).with_variant(_Microseconds(), "sqlite"))
BYTES = cast(Any, sa.LargeBinary())
JSON = cast(Any, sa.JSON())


class _Choice(sa.Enum):
    """A StrEnum's value as text. SQLAlchemy's own reading and writing ask much more, cell by cell."""

    cache_ok = True

    def bind_processor(self, dialect: sa.Dialect) -> Callable[[Any], str | None]:
        texts = {member: None if member is None else member.value for member in self._members.values()}
        return texts.__getitem__

    def result_processor(self, dialect: sa.Dialect, coltype: object) -> Callable[[Any], StrEnum | None]:
        return self._members.__getitem__

    @property
    def _members(self) -> dict[str | None, Any]:
        kind = cast(type[StrEnum], self.enum_class)
        return {None: None, **{member.value: member for member in kind}}


def choice(kind: type[StrEnum]) -> Any:
    """A column holding one of a StrEnum's values as text; a new member needs no migration."""
    return _Choice(kind, native_enum=False, create_constraint=False, length=40, values_callable=list)


def id_field(**more: Any) -> Any:
    """A column holding the id of another row."""
    return Field(sa_type=ID, **more)


def instant_field(**more: Any) -> Any:
    """A column holding an aware instant in UTC."""
    return Field(sa_type=INSTANT, **more)


def sealed_column() -> Any:
    """The ciphertext behind a Sealed() field. None only while the row has never been sealed."""
    return Field(default=None, sa_type=BYTES, exclude=True, repr=False)


def within(column: str, target: str, key: str = "id") -> sa.ForeignKeyConstraint:
    """A composite foreign key: a row can only point at rows of its own agency (checks of foreign keys bypass RLS)."""
    return sa.ForeignKeyConstraint(["agency_id", column], [f"{target}.agency_id", f"{target}.{key}"])


MODELS: "dict[str, type[Record]]" = {}


class Record(SQLModel):
    """Any row. Refuses unknown names, prints as its id, refuses to be dumped, copied or pickled."""

    model_config = {"ignored_types": (Sealed,)}

    #: Which column names whose row this is. It chooses the data key of the sealed fields; when it names a client,
    #: the row exists only for people who may see that client.
    subject_column: ClassVar[str] = "agency_id"
    #: The column naming a client in a row that is the agency's own (certificates): whoever must not know of her does
    #: not find the row.
    names_client: ClassVar[str | None] = None
    #: The column naming a person who never sees the row: it is about her, and she must not know of it.
    kept_from: ClassVar[str | None] = None
    #: Columns that let somebody in, or keep her out. The ledger keeps a digest of them, so that whoever writes to the
    #: database behind our back is found (models/vouch.py).
    vouched: ClassVar[tuple[str, ...]] = ()
    #: Sealed fields that hold free text, blanked when a client's narratives are destroyed and the rest is kept.
    narratives: ClassVar[tuple[str, ...]] = ()
    #: The platform's rows of this table exist for every agency (the template library).
    shared: ClassVar[bool] = False
    #: The platform sees every agency's rows of this table (who signs in where).
    directory: ClassVar[bool] = False
    #: Rows that serve the machinery and tell nothing of their own: keys, log, idempotency, sessions.
    machinery: ClassVar[bool] = False
    #: Backups keep these rows beside the keys: they are restored from the newest copy and never go back in time.
    kept_with_keys: ClassVar[bool] = False
    #: Rows of the day, in no backup: sessions, counts of the hour. After a restore everybody signs in anew.
    of_the_day: ClassVar[bool] = False

    @classmethod
    def client_column(cls) -> str | None:
        """The column naming the client whose row it is, or None when the rows belong to no client."""
        return None if cls.subject_column == "agency_id" else cls.subject_column

    def __init__(self, **values: Any) -> None:
        hidden = {name: values.pop(name) for name in [*values] if isinstance(getattr(type(self), name, None), Sealed)}
        if unknown := values.keys() - type(self).model_fields.keys():
            raise TypeError(f"{type(self).__name__} has no {sorted(unknown)}")
        super().__init__(**values)
        for name, value in hidden.items():
            setattr(self, name, value)

    def __setattr__(self, name: str, value: Any) -> None:
        field = getattr(type(self), name, None)
        if isinstance(field, Sealed):
            field.__set__(self, value)
        else:
            super().__setattr__(name, value)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {getattr(self, 'id', None)}>"

    __str__ = __repr__

    def __getstate__(self) -> Any:
        raise TypeError("a row is not pickled or copied: it may carry opened text")

    def __copy__(self) -> Any:
        return self.__getstate__()  # pydantic's own copy would not ask

    def __deepcopy__(self, memo: Any = None) -> Any:
        return self.__getstate__()

    def model_dump(self, **_: Any) -> Any:
        """Refused: an out-shape in api/routes names every field that leaves."""
        raise TypeError("declare an out-shape in api/routes instead")

    model_dump_json = model_dump
    copy = model_dump


class AgencyRecord(Record):
    """A row that belongs to one agency, with keys led by it."""

    agency_id: UUID = id_field(primary_key=True)
    id: UUID = id_field(primary_key=True, default_factory=uuid4)

    @property
    def subject_id(self) -> UUID:
        """Whose data key seals this row: a client's id, or the agency's own."""
        value: UUID = getattr(self, self.subject_column)
        return value


class ClientRecord(AgencyRecord):
    """A row about one client, visible to whoever may see that client."""

    subject_column: ClassVar[str] = "client_id"

    client_id: UUID = id_field()


@event.listens_for(Mapper, "after_mapper_constructed")
def _describe(mapper: Mapper[Any], model: type) -> None:
    """Remember which model a table holds, so that statements built from tables know whose rows they read."""
    if issubclass(model, Record):
        MODELS[str(model.__tablename__)] = model


def table_of(model: type[SQLModel]) -> Any:
    """The table of a model, for statements of the fast lane."""
    return model.__table__  # type: ignore[attr-defined]


def columns(model: type[SQLModel]) -> Any:
    """The columns of a model's table. SQLModel types attributes as values; statements need them as columns."""
    return table_of(model).c


def model_of(table: Any) -> "type[Record]":
    """The model of a table or of an alias of it."""
    return MODELS[cast(Any, table.element).name if isinstance(table, sa.Alias) else table.name]


sealed.install(AgencyRecord)


def agency_tables() -> list[sa.Table]:
    """Every table that holds an agency's rows, in the order of their foreign keys."""
    return [t for t in SQLModel.metadata.sorted_tables if "agency_id" in t.c]


def sealed_models() -> list[type[AgencyRecord]]:
    """Every model with sealed fields, containers before what they contain (decision 12)."""
    found = [model_of(table) for table in agency_tables()]
    return [model for model in found if issubclass(model, AgencyRecord) and sealed.sealed_fields(model)]
