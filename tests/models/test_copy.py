"""Taking the survivor's words over into a new plan."""

import pytest

from models import checklist
from models.access import Permission
from models.checklist import ChecklistItem, ItemStatus, Whose
from models.errors import Invalid
from models.plan import Plan, read
from tests.world import TEMPLATE, World


class TestCarryOver:
    def test_words_and_facts_go_along_ticks_do_not(self, world: World) -> None:
        """A plan made from an earlier one starts with her words and shared facts, and with nothing ticked."""
        client = world.client()
        earlier = world.plan(client, sections=["home", "bag"])
        item = checklist.item_id(earlier, 2)

        def personalise(db):
            plan = db.claim(Plan, earlier)
            plan.change_item(db, db.claim(ChecklistItem, item), text="By the kitchen door", detail="after nine")
            plan.update(db, facts={"trusted_neighbor": "The bakery"})

        world.run("ana", Permission.PLAN_UPDATE, personalise)
        world.run("ana", Permission.CHECKLIST_TICK, lambda db: checklist.tick(db, item))
        made = world.plan(client, sections=["work", "home"], copy_from=earlier)

        def look(db):
            plan = read(db, made)
            return plan, checklist.items_of(db, made, plan.client_id)

        plan, items = world.run("ana", Permission.PLAN_READ, look)
        said = [row for row in items if row.text]
        assert [(row.text, row.detail, row.whose_words) for row in said] == [
            ("By the kitchen door", "after nine", Whose.SURVIVOR)
        ]
        assert said[0].status is ItemStatus.OFFERED
        assert plan.facts == {"trusted_neighbor": "The bakery"}

    def test_only_from_her_own_plans(self, world: World) -> None:
        """Another client's plan cannot be copied from, not even by the advocate of both."""
        client, theirs = world.client(), world.plan(world.client(alias="Heron"))
        with pytest.raises(Invalid):
            world.run("ana", Permission.PLAN_CREATE, lambda db: Plan.draft(db, client, TEMPLATE, copy_from=theirs))
