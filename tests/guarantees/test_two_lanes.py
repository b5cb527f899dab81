"""The fast lane beside the slow one: whatever is made, changed or refused, by whom ever, comes out the same."""

from collections.abc import Callable, Iterator
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st

from models.access import Permission
from models.base import ID, columns, table_of
from models.checklist import ADD_ITEMS, ChecklistItem, ItemStatus, Outcome, Whose, item_id
from models.content import ItemKind
from models.errors import DomainError
from models.ledger.action import Action
from models.plan import Plan
from models.rows import Change, Insert, Query
from models.vault.keys import Vault
from models.workspace import Workspace
from tests import world as worlds
from tests.conftest import BOTH
from tests.world import PEOPLE, World

_I = columns(ChecklistItem)
ITEM = sa.bindparam("item_id", type_=ID, required=True)
READ = Query(
    sa.select(*(c for c in _I if c.name not in ("agency_id", "seal_rev", "text_sealed", "detail_sealed")))
    .add_columns(_I.text_sealed, _I.detail_sealed)
    .where(_I.id == ITEM)
)
JUDGE = Change(
    sa.update(table_of(ChecklistItem))
    .where(_I.id == ITEM)
    .values(outcome=sa.bindparam("said", type_=_I.outcome.type, required=True), version=_I.version + 1)
)
REMOVE = Change(sa.delete(table_of(ChecklistItem)).where(_I.id == ITEM))
SEEN = Query(sa.select(columns(Plan).id).where(columns(Plan).id == sa.bindparam("plan_id", type_=ID, required=True)))
assert isinstance(ADD_ITEMS, Insert)

texts = st.none() | st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=80)
values = st.fixed_dictionaries(
    {
        "kind": st.sampled_from(ItemKind),
        "status": st.sampled_from(ItemStatus),
        "priority": st.none() | st.integers(1, 9),
        "whose_words": st.sampled_from(Whose),
        "text": texts,
        "detail": texts,
    }
)


@pytest.fixture(scope="module", params=BOTH)
def scratch(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, vault: Vault) -> Iterator[World]:
    """A world of this module's own, which many examples write into."""
    if request.param == "sqlite":
        url = owner = f"sqlite:///{tmp_path_factory.mktemp('scratch') / 'waypost.db'}"
    else:
        urls = request.getfixturevalue("postgres_server").new_database()
        url, owner = urls.app, urls.owner
    world = worlds.build(url, owner, vault)
    yield world
    world.database.engine.dispose()


class Slow:
    """Rows as objects."""

    def sees(self, db: Workspace, plan_id: UUID) -> None:
        db.find(Plan, plan_id)

    def make(self, db: Workspace, given: dict[str, Any]) -> None:
        db.create(ChecklistItem, Action.CHECKLIST_ITEM_ADDED, **given)

    def judge(self, db: Workspace, row_id: UUID, outcome: Outcome | None) -> None:
        row = db.claim(ChecklistItem, row_id)
        row.outcome = outcome
        db.record(Action.CHECKLIST_ITEM_UPDATED, row, "outcome")

    def remove(self, db: Workspace, row_id: UUID) -> None:
        row = db.claim(ChecklistItem, row_id)
        db.record(Action.CHECKLIST_ITEM_REMOVED, row)
        db.delete(row)

    def read(self, db: Workspace, row_id: UUID) -> dict[str, Any]:
        row = db.find(ChecklistItem, row_id)
        return {name: getattr(row, name) for name in READ_NAMES}


class Fast:
    """Prepared statements."""

    def sees(self, db: Workspace, plan_id: UUID) -> None:
        db.one(SEEN, plan_id=plan_id)

    def make(self, db: Workspace, given: dict[str, Any]) -> None:
        db.create_many(ADD_ITEMS, Action.CHECKLIST_ITEM_ADDED, [given])

    def judge(self, db: Workspace, row_id: UUID, outcome: Outcome | None) -> None:
        row = db.one(READ_BARE, item_id=row_id)
        if row.outcome is not outcome:  # the ORM sees by itself that nothing changed
            db.change(JUDGE, item_id=row_id, said=outcome)
        db.note(Action.CHECKLIST_ITEM_UPDATED, "checklist_items", [row_id], row.client_id, ("outcome",))

    def remove(self, db: Workspace, row_id: UUID) -> None:
        row = db.one(READ_BARE, item_id=row_id)
        db.change(REMOVE, item_id=row_id)
        db.note(Action.CHECKLIST_ITEM_REMOVED, "checklist_items", [row_id], row.client_id)

    def read(self, db: Workspace, row_id: UUID) -> dict[str, Any]:
        return dict(db.one(READ, item_id=row_id)._asdict())


READ_NAMES = [c.name for c in _I if c.name not in ("agency_id", "seal_rev", "text_sealed", "detail_sealed")]
READ_NAMES += ["text", "detail"]
READ_BARE = Query(sa.select(_I.client_id, _I.outcome, _I.seal_rev).where(_I.id == ITEM))


@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_both_lanes_answer_record_and_refuse_alike(scratch: World, data: st.DataObject) -> None:
    """Any item, made, judged, read and taken off by anybody: the same values, the same entries, the same refusals."""
    who = data.draw(st.sampled_from(sorted(PEOPLE)))
    given, said = data.draw(values), data.draw(st.none() | st.sampled_from(Outcome))
    told = []
    for lane in (Slow(), Fast()):
        client_id = scratch.client()
        plan_id = scratch.plan(client_id, sections=["home"])
        row_id = item_id(plan_id, 400)
        whole = given | {"id": row_id, "plan_id": plan_id, "client_id": client_id, "section": 1, "source": 0}
        names = {str(client_id): "CLIENT", str(plan_id): "PLAN", str(row_id): "ITEM"}
        agency = PEOPLE[who][0]
        before = len(scratch.entries(agency))
        steps: list[tuple[str, Callable[[Workspace], Any]]] = [
            ("ana", lambda db, lane=lane, whole=whole: lane.make(db, whole)),
            (who, lambda db, lane=lane, plan_id=plan_id: lane.sees(db, plan_id)),
            (who, lambda db, lane=lane, row_id=row_id: lane.read(db, row_id)),
            (who, lambda db, lane=lane, row_id=row_id: lane.judge(db, row_id, said)),
            ("ana", lambda db, lane=lane, row_id=row_id: lane.read(db, row_id)),
            ("ana", lambda db, lane=lane, row_id=row_id: lane.remove(db, row_id)),
            ("ana", lambda db, lane=lane, row_id=row_id: lane.read(db, row_id)),
        ]
        answers = [_attempt(scratch, person, work, row_id) for person, work in steps]
        entries = scratch.entries(agency)[before:]
        told.append((_plain(answers, names), [_plain(_lasting(entry), names) for entry in entries]))
    assert told[0] == told[1]


def _attempt(world: World, who: str, work: Callable[[Workspace], Any], named: UUID) -> Any:
    permission = next(p for p in (Permission.PLAN_READ, Permission.AGENCY_READ) if world.people[who].actor.may(p))
    try:
        return world.run(who, permission, work, (named,))
    except DomainError as refused:
        return type(refused).__name__, refused.reason


def _lasting(entry: dict[str, Any]) -> dict[str, Any]:
    """What of an entry does not differ from one moment, or one seal, to the next."""
    kept = {name: value for name, value in entry.items() if name not in ("seq", "at", "req", "rows", "opened")}
    kept["rows"] = [{**row, "digest": row["digest"] is not None} for row in entry.get("rows", ())]
    kept["opened"] = [{**one, "fields": sorted(one["fields"])} for one in entry.get("opened", ())]
    return kept


def _plain(told: Any, names: dict[str, str]) -> str:
    text = repr(told)
    for value, name in names.items():
        text = text.replace(value, name).replace(repr(UUID(value)), name)
    return text
