"""Namesakes: the clients of an agency who have one of some full names, whoever may see them (decision 28).

Nothing of it is shown: what is found is for verbs that decide whom they tell. Every client is looked at each time, also
when one is found at once, so that the time tells how many clients there are and nothing else.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date
from typing import TYPE_CHECKING
from uuid import UUID

import sqlalchemy as sa

from models.base import ID, columns, uuid_of
from models.client import Client
from models.errors import Fault, Invalid
from models.names import whole
from models.rows import Query
from models.vault.scan import Opened, opened_cells

if TYPE_CHECKING:
    from models.workspace import Workspace

STRETCH = 2_000  # clients a unit looks at: some ten milliseconds
START = UUID(int=0)  # before every client

_C = columns(Client)
_STRETCH = Query(
    sa.select(_C.id, _C.seal_rev, _C.alias_sealed, _C.legal_name_sealed, _C.date_of_birth_sealed)
    .where(_C.id > sa.bindparam("after", type_=ID, required=True))
    .order_by(_C.id)
    .limit(sa.bindparam("most", required=True)),
    closed=True,
)


@dataclass(frozen=True)
class Namesakes:
    """A look through all clients under way. A step leaves it as it is and gives the next one, because a unit may have
    to be done again."""

    names: frozenset[str]
    born: date | None = None
    after: UUID = START
    found: tuple[UUID, ...] = ()
    done: bool = False

    def step(self, db: "Workspace") -> "Namesakes":
        """Look at the next stretch. A client whose names are damaged fits nobody."""
        with db.blindly():
            rows = db.rows(_STRETCH, after=self.after, most=STRETCH)
            opened = Opened(db, [row[:4] for row in rows])
            fits = {row_id for row_id, names in opened.names if not self.names.isdisjoint(map(whole, names))}
            days = opened_cells(db, "date_of_birth", [(row[0], row[1], row[4]) for row in rows if row[0] in fits])
        found = [uuid_of(row_id) for row_id in fits if not ruled_out(self.born, days.get(row_id))]
        last = uuid_of(rows[-1][0]) if rows else self.after
        return replace(self, after=last, found=self.found + tuple(sorted(found)), done=len(rows) < STRETCH)


def namesakes(names: Iterable[str], born: date | None, pointer: str) -> Namesakes:
    """Look for clients with one of these full names: without case, accents and punctuation, in any order of the words.
    Invalid for a name without a letter; `pointer` says where the names were sent."""
    folded = [whole(name) for name in names]
    if "" in folded:
        raise Invalid(Fault(pointer, "name-without-letters", "A name needs a letter."))
    return Namesakes(frozenset(folded), born)


def ruled_out(born: date | None, recorded: object) -> bool:
    """Whether two days of birth cannot be one person's, slips forgiven: more than one of year, month and day differ,
    and day and month were not swapped. Without both days nobody is ruled out."""
    if born is None or not isinstance(recorded, str):
        return False
    try:
        known = date.fromisoformat(recorded)
    except ValueError:
        return False
    swapped = known.year == born.year and (known.month, known.day) == (born.day, born.month)
    differ = (known.year != born.year) + (known.month != born.month) + (known.day != born.day)
    return differ > 1 and not swapped
