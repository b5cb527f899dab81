"""The field that seals itself: `notes = Sealed()` reads and writes the column `notes_sealed`."""

from collections.abc import Collection
from typing import TYPE_CHECKING, Any, Generic, Self, TypeVar, overload

from sqlalchemy import event, inspect
from sqlalchemy.orm import object_session
from sqlalchemy.orm.attributes import flag_modified

from models.errors import SealError
from models.vault import cells

if TYPE_CHECKING:
    from models.workspace import Workspace

T = TypeVar("T")


class Sealed(Generic[T]):
    """A field kept as ciphertext. Opened text lives on the instance until the row is expired; a flush seals every
    sealed field of a changed row under the next `seal_rev`; the first read of a field leaves a disclosure mark."""

    def __set_name__(self, owner: type, name: str) -> None:
        self.name, self.column = name, f"{name}_sealed"

    @overload
    def __get__(self, row: None, owner: type) -> Self: ...
    @overload
    def __get__(self, row: Any, owner: type) -> T | None: ...
    def __get__(self, row: Any, owner: type) -> Any:
        if row is None:
            return self
        plain = _plain(row)
        if self.name not in plain:
            plain[self.name] = self.open(row)
            if getattr(row, self.column) is not None:
                _workspace(row).note_opened(row.__tablename__, self.name, {row.id.bytes: row.subject_id.bytes})
        return plain[self.name]

    def __set__(self, row: Any, value: T | None) -> None:
        if inspect(row).persistent:
            flag_modified(row, "seal_rev")  # wakes the flush: the ciphertext changes only there
        _plain(row)[self.name] = value
        row.__dict__["_resealing"] = True

    def __eq__(self, other: object) -> bool:
        raise TypeError(f"sealed field {self.name!r} cannot be compared in SQL")

    __hash__ = object.__hash__

    def open(self, row: Any) -> Any:
        """The plain value, without a disclosure mark: for resealing. Raises SealError."""
        cell = getattr(row, self.column)
        if cell is None:
            if row.seal_rev:
                raise SealError  # a sealed row has every cell; this one was taken away
            return None
        cipher = _workspace(row).keys.opener(cell, row.subject_id)
        return cells.open_(cipher, cell, self.place(row))

    def place(self, row: Any) -> bytes:
        """Where this field of this row stands, at its present revision."""
        return cells.place(row.agency_id, row.__tablename__, row.id, self.name, row.seal_rev)


def sealed_fields(model: type) -> list[Sealed[Any]]:
    """The sealed fields of a model, ordered by column name."""
    found = {d.name: d for c in model.__mro__ for d in vars(c).values() if isinstance(d, Sealed)}
    return [found[name] for name in sorted(found)]


def row_digest(row: Any) -> str:
    """The digest of a row's ciphertext as it stands (see cells.digest)."""
    stored = [getattr(row, field.column) for field in sealed_fields(type(row))]
    return cells.digest(row.__tablename__, row.id, row.subject_id, row.seal_rev, stored)


def _plain(row: Any) -> dict[str, Any]:
    plain: dict[str, Any] = row.__dict__.setdefault("_plain", {})
    return plain


def _workspace(row: Any) -> "Workspace":
    session = object_session(row)
    if session is None:
        raise SealError  # a row that left its Workspace opens nothing
    return session.workspace  # type: ignore[attr-defined, no-any-return]


def reseal(row: Any) -> None:
    """Seal every sealed field under the current key and the next revision, nulls too."""
    fields = sealed_fields(type(row))
    # What is opened only to be sealed again is not kept on the row: whoever reads it afterwards leaves her mark.
    known = _plain(row) | row.__dict__.pop("_anew", {})
    plain = {field.name: known[field.name] if field.name in known else field.open(row) for field in fields}
    row.seal_rev = (row.seal_rev or 0) + 1
    db = _workspace(row)
    kid, cipher = db.keys.sealer(row.subject_id, len(fields))
    for field in fields:
        setattr(row, field.column, cells.seal(cipher, kid, plain[field.name], field.place(row)))
    row.__dict__.pop("_resealing", None)
    db.note_sealed(row)


def seal_anew(row: Any, blank: Collection[str] = ()) -> None:
    """Have the next flush seal every field again, under what is the current key then; fields named become null."""
    fields = sealed_fields(type(row))
    row.__dict__["_anew"] = {field.name: None if field.name in blank else field.open(row) for field in fields}
    _plain(row).clear()
    flag_modified(row, "seal_rev")
    row.__dict__["_resealing"] = True


def install(base: type) -> None:
    """Attach sealing to every model below `base`; called once, where the base is whole."""

    @event.listens_for(base, "before_insert", propagate=True)
    @event.listens_for(base, "before_update", propagate=True)
    def _seal(mapper: Any, connection: Any, row: Any) -> None:
        if row.__dict__.get("_resealing"):
            reseal(row)

    @event.listens_for(base, "expire", propagate=True)
    def _forget(row: Any, attributes: Any) -> None:
        if row is not None:  # a rolled-back row that nobody holds any more is gone already
            row.__dict__.pop("_plain", None)
            row.__dict__.pop("_resealing", None)
            row.__dict__.pop("_anew", None)
