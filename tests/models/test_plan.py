"""Plans and their checklists: one in use, counters that are always a recount, custody that only gets stricter."""

import random
from collections import Counter
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa

from models import checklist
from models.access import Permission
from models.agency import Agency, Custody
from models.checklist import ChecklistItem, ItemStatus, Outcome, PlanSection, Whose, plan_of
from models.client import Client
from models.content import ItemKind
from models.errors import Conflict, Invalid, NotFound
from models.ledger.action import Action
from models.plan import Plan, PlanStatus, read
from models.workspace import Workspace
from tests.world import World


def work(world: World, job: Any, permission: Permission = Permission.PLAN_UPDATE) -> Any:
    """A unit of ana's."""
    return world.run("ana", permission, job)


def items(world: World, plan_id: UUID) -> list[Any]:
    """The plan's items as rows, in order."""
    statement = sa.select(ChecklistItem).where(ChecklistItem.plan_id == plan_id).order_by(ChecklistItem.id)
    return work(world, lambda db: [(r.id, r.kind, r.status) for r in db.objects.execute(statement).scalars()])


def counters(world: World, plan_id: UUID) -> dict[str, int]:
    """What the plan's row says."""
    return work(world, lambda db: {s.value: getattr(db.find(Plan, plan_id), s.value) for s in ItemStatus})


class TestDraft:
    def test_sections_are_the_chosen_ones_in_the_order_chosen(self, world: World) -> None:
        """Nothing is added that was not chosen."""
        plan_id = world.plan(world.client(), sections=["bag", "home", "bag"])
        statement = sa.select(PlanSection).where(PlanSection.plan_id == plan_id).order_by(PlanSection.position)
        sources = work(world, lambda db: [row.source for row in db.objects.execute(statement).scalars()])
        assert len(sources) == 2
        assert sources[0] > sources[1]

    def test_a_new_plan_counts_what_can_be_ticked_as_offered(self, world: World) -> None:
        """Information is read, not done."""
        plan_id = world.plan(world.client())
        tickable = sum(kind.tickable for _, kind, _ in items(world, plan_id))
        assert counters(world, plan_id) == {s.value: tickable * (s is ItemStatus.OFFERED) for s in ItemStatus}
        assert tickable > 30

    def test_ids_of_parts_carry_their_plan(self, world: World) -> None:
        """So that a part needs no random id of its own."""
        plan_id = world.plan(world.client())
        assert {plan_of(item_id) for item_id, _, _ in items(world, plan_id)} == {plan_id}

    @pytest.mark.parametrize(
        ("values", "refused"),
        [({"sections": ["nowhere"]}, Invalid), ({"language": "tlh"}, Invalid), ({"version": 99}, Invalid)],
    )
    def test_what_the_template_lacks_is_refused(self, world: World, values: Any, refused: Any) -> None:
        """Unknown sections, languages, versions."""
        with pytest.raises(refused):
            world.plan(world.client(), **values)

    def test_a_closed_case_takes_no_plan(self, world: World) -> None:
        """Open it again first."""
        client_id = world.client()
        work(world, lambda db: db.claim(Client, client_id).close(db, "moved"), Permission.CLIENT_UPDATE)
        with pytest.raises(Conflict) as refused:
            world.plan(client_id)
        assert refused.value.reason == "client-closed"

    def test_a_client_out_of_sight_takes_none_either(self, world: World) -> None:
        """Ben cannot plan for ana's client."""
        with pytest.raises(NotFound):
            world.plan(world.client(), who="ben")


class TestLife:
    def test_one_plan_is_in_use(self, world: World) -> None:
        """Activating the second supersedes the first, and the database holds it too."""
        client_id = world.client()
        first, second = world.plan(client_id), world.plan(client_id)
        for plan_id in (first, second, second):
            work(world, lambda db, p=plan_id: db.claim(Plan, p).activate(db))
        status = work(world, lambda db: [db.find(Plan, p).status for p in (first, second)])
        assert status == [PlanStatus.SUPERSEDED, PlanStatus.ACTIVE]

        def twice(db: Workspace) -> None:
            row = db.claim(Plan, first)
            row.status = PlanStatus.ACTIVE
            db.record(Action.PLAN_ACTIVATED, row)

        with pytest.raises(Conflict):
            work(world, twice)

    def test_a_plan_that_ended_is_not_worked_with(self, world: World) -> None:
        """No tick, no change, no way back."""
        plan_id = world.plan(world.client())
        item = next(i for i, kind, _ in items(world, plan_id) if kind.tickable)
        work(world, lambda db: db.claim(Plan, plan_id).close(db))
        refused = (
            lambda db: checklist.tick(db, item),
            lambda db: db.claim(Plan, plan_id).activate(db),
            lambda db: db.claim(Plan, plan_id).update(db, language="es"),
            lambda db: db.claim(Plan, plan_id).add_section(db, None, "Own"),
            lambda db: db.claim(Plan, plan_id).change_item(db, db.claim(ChecklistItem, item), priority=1),
        )
        for job in refused:
            with pytest.raises(Conflict) as told:
                work(world, job)
            assert told.value.reason == "plan-not-open"
        work(world, lambda db: db.claim(Plan, plan_id).close(db))  # twice changes nothing


class TestCustody:
    def test_it_only_gets_stricter(self, world: World) -> None:
        """Neither below the agency's default, nor back."""
        plan_id = world.plan(world.client(), custody=Custody.EVENT_ONLY)
        with pytest.raises(Conflict) as refused:
            work(world, lambda db: db.claim(Plan, plan_id).update(db, custody=Custody.RETAINED))
        assert refused.value.reason == "custody-only-stricter"
        world.system(lambda db: db.claim(Agency, db.agency_id).update(db, custody_default=Custody.EVENT_ONLY))
        with pytest.raises(Conflict):
            world.plan(world.client(), custody=Custody.RETAINED)
        stricter = world_plan(world)
        assert work(world, lambda db: db.find(Plan, stricter).custody) is Custody.EVENT_ONLY

    def test_event_only_keeps_no_words(self, world: World) -> None:
        """Not in an item, not as a fact, not as a title: that planning happened is all that is kept."""
        plan_id = world.plan(world.client(), custody=Custody.EVENT_ONLY)
        item = next(i for i, kind, _ in items(world, plan_id) if kind.tickable)
        statement = sa.select(PlanSection).where(PlanSection.plan_id == plan_id).order_by(PlanSection.id)
        section = work(world, lambda db: db.objects.execute(statement).scalars().all()[0].id)

        def add(db: Workspace) -> Any:
            return db.claim(Plan, plan_id).add_item(db, section, ItemKind.ACTION, "words")

        refused = (
            add,
            lambda db: db.claim(Plan, plan_id).update(db, facts={"trusted_neighbor": "words"}),
            lambda db: db.claim(Plan, plan_id).add_section(db, None, "words"),
            lambda db: db.find(Plan, plan_id).change_item(db, db.claim(ChecklistItem, item), text="words"),
            lambda db: db.find(Plan, plan_id).change_item(db, db.claim(ChecklistItem, item), detail="words"),
        )
        for job in refused:
            with pytest.raises(Conflict) as told:
                work(world, job)
            assert told.value.reason == "custody-keeps-no-words"
        work(world, lambda db: checklist.tick(db, item), Permission.CHECKLIST_TICK)
        assert counters(world, plan_id)["done"] == 1


def world_plan(world: World) -> UUID:
    """A new plan of a new client of ana's."""
    return world.plan(world.client())


class TestItems:
    def test_ticking_twice_is_ticking_once(self, world: World) -> None:
        """The first tick's time and person stay."""
        plan_id = world_plan(world)
        item = next(i for i, kind, _ in items(world, plan_id) if kind.tickable)
        first = work(world, lambda db: checklist.tick(db, item), Permission.CHECKLIST_TICK)
        again = work(world, lambda db: checklist.tick(db, item), Permission.CHECKLIST_TICK)
        assert (again.completed_at, again.version) == (first.completed_at, first.version)
        assert first.completed_by_id == world.people["ana"].actor.id
        undone = work(world, lambda db: checklist.untick(db, item), Permission.CHECKLIST_TICK)
        assert (undone.status, undone.completed_at, undone.completed_by_id) == (ItemStatus.PLANNED, None, None)

    def test_information_is_not_ticked_or_planned(self, world: World) -> None:
        """It can be read and set aside."""
        plan_id = world.plan(world.client())
        item = next(i for i, kind, _ in items(world, plan_id) if not kind.tickable)
        with pytest.raises(Conflict) as refused:
            work(world, lambda db: checklist.tick(db, item), Permission.CHECKLIST_TICK)
        assert refused.value.reason == "not-tickable"
        with pytest.raises(Conflict):
            work(world, lambda db: db.claim(ChecklistItem, item).personalise(db, status=ItemStatus.PLANNED))
        work(world, lambda db: db.claim(ChecklistItem, item).personalise(db, status=ItemStatus.DECLINED))

    def test_her_words_are_hers(self, world: World) -> None:
        """Text makes an item the survivor's unless somebody says otherwise; null gives the template's back."""
        plan_id = world_plan(world)
        item = items(world, plan_id)[0][0]

        def say(**changes: Any) -> Any:
            def job(db: Workspace) -> Any:
                row = db.claim(ChecklistItem, item)
                row.personalise(db, **changes)
                db.flush()
                return row.text, row.whose_words, row.outcome

            return work(world, job)

        assert say(text="By the garden") == ("By the garden", Whose.SURVIVOR, None)
        assert say(text="By the gate", whose_words=Whose.ADVOCATE)[1] is Whose.ADVOCATE
        assert say(outcome=Outcome.HELPED)[2] is Outcome.HELPED
        assert say(text=None)[0] is None

    def test_one_foreign_item_in_a_list_undoes_all(self, world: World) -> None:
        """All of them, or none."""
        mine, other = world_plan(world), world_plan(world)
        first, foreign = items(world, mine)[0][0], items(world, other)[0][0]
        changes = [(first, 1, {"text": "words"}), (foreign, 1, {"text": "words"})]
        with pytest.raises(NotFound):
            work(world, lambda db: db.find(Plan, mine).change_items(db, changes))
        assert work(world, lambda db: db.find(ChecklistItem, first).text) is None

    @pytest.mark.timeout(120)
    def test_counters_are_always_a_recount(self, world: World) -> None:
        """After any walk of ticks, unticks, changes, removals and additions, on items and sections alike."""
        walk = random.Random(20_270_104)
        plan_id = world.plan(world.client(), sections=["home", "bag"])
        for _ in range(90):
            _step(world, plan_id, walk)
            there = items(world, plan_id)
            recount = Counter(status.value for _, kind, status in there if kind.tickable)
            assert counters(world, plan_id) == {s.value: recount[s.value] for s in ItemStatus}
        assert len({status for _, _, status in items(world, plan_id)}) >= 3


def _step(world: World, plan_id: UUID, walk: random.Random) -> None:
    """One random change; refusals are part of the walk."""
    there = items(world, plan_id)
    item = walk.choice(there)[0] if there else None
    section = walk.choice(
        work(world, lambda db: [s.id for s in checklist.sections_of(db, plan_id, read(db, plan_id).client_id)])
    )
    status = walk.choice([s for s in ItemStatus if s is not ItemStatus.DONE])
    kind = walk.choice(list(ItemKind))
    jobs = [
        lambda db: checklist.tick(db, item),
        lambda db: checklist.tick(db, item),
        lambda db: checklist.untick(db, item),
        lambda db: db.find(Plan, plan_id).change_item(db, db.claim(ChecklistItem, item), status=status),
        lambda db: db.find(Plan, plan_id).change_item(db, db.claim(ChecklistItem, item), text="words"),
        lambda db: db.claim(ChecklistItem, item).remove(db),
        lambda db: db.claim(Plan, plan_id).add_item(db, section, kind, "own", status=status),
        lambda db: db.claim(Plan, plan_id).add_section(db, walk.choice(["work", "home", "children"]), None),
    ]
    if walk.random() < 0.04 and len(there) > 20:
        jobs = [lambda db: db.claim(Plan, plan_id).remove_section(db, db.claim(PlanSection, section))]
    try:
        work(world, walk.choice(jobs))
    except (Conflict, Invalid):
        pass
