"""An advocate's sight stays one look-up: the index over open assignments answers it, on both databases."""

import pytest

from models import caseload, rows
from models.access import Reach
from models.caseload import Scope
from models.workspace import Workspace
from tests.world import World


def plan_of(db: Workspace, query: rows.Query, reach: Reach, **params: object) -> str:
    """What the database says it would do."""
    db.reach = reach
    compiled = query._variant(db)
    from models.sight import bound_to

    said = "explain query plan " if db.dialect.name == "sqlite" else "explain "
    if db.dialect.name != "sqlite":
        db.driver.execute("set local enable_seqscan = off")  # of ten rows any plan is a good one
    found = db.driver.execute(said + compiled.sql, compiled.arguments(params | bound_to(db))).fetchall()
    return "\n".join(str(row[-1]) for row in found)


@pytest.mark.parametrize("query", ["sight", "caseload"])
def test_the_partial_indexes_answer(world: World, query: str) -> None:
    """Neither the dates of a cover nor its kind takes the look-up off its index."""
    client_id = world.client()

    def look(db: Workspace) -> str:
        if query == "sight":
            return plan_of(db, rows.client_in_sight(), Reach.ASSIGNED, client_id=client_id)
        asked = {"most": 50, "after_at": caseload._FIRST, "after_id": client_id}
        return plan_of(db, caseload._QUERIES[Scope.MINE], Reach.ASSIGNED, **asked)

    plan = world.system(look)
    wanted = "ix_assignments_sight" if query == "sight" else "ix_assignments_attention"
    assert wanted in plan, plan
    if world.database.embedded:
        assert "SCAN" not in plan, plan


def test_a_wall_is_looked_up_by_its_own_index(world: World) -> None:
    """What a supervisor's sight asks more is a look-up, too."""
    client_id = world.client()
    plan = world.system(lambda db: plan_of(db, rows.client_in_sight(), Reach.TEAM, client_id=client_id))
    assert "uq_walls_standing" in plan, plan
