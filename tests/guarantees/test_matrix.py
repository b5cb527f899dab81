"""Who reaches what: every operation, asked by every role, about a client of every kind, as the committed table says.

A letter for each: y let in (whatever the rows' state then says), s asked for the second factor first, - refused (403),
h hidden (404). Every request is undone after its answer, so that none stands in another's way.
"""

from pathlib import Path
from uuid import UUID, uuid4

import pytest

from models.access import Actor, Kind, Role
from models.client import Client
from models.wall import Wall
from tests.api.contract import NOWHERE, good
from tests.conftest import Api
from tests.factories import OF_CLIENTS, Operation, Scene, name_for_partner, operations, released, stage
from tests.guarantees.test_permissions import ONE_EACH, PUBLIC

TABLE = Path(__file__).with_name("matrix.txt")
#: Whose client, as the person who asks sees it.
SITUATIONS = ("own", "colleague", "walled", "restricted", "foreign", "unknown")
LEGEND = f"""Letters stand for a client who is: {", ".join(SITUATIONS)}; one letter where no client is named.
y let in   s second factor first   - refused (403)   h hidden (404)
"""


def letter(answer: object) -> str:
    """How an answer reads in the table."""
    status, code = answer.status_code, answer.json().get("code") if answer.status_code >= 400 else None
    if status == 404:
        return "h"
    if status == 403:
        return "s" if code == "step-up-required" else "-"
    assert status not in {401, 429}, answer.text
    assert status < 500, answer.text
    return "y"


def scenes_of(api: Api, who: str) -> dict[str, Scene]:
    """For each situation a scene that stands so to this person: `own` is an advocate's, with a section given to the
    volunteer and released to the program; she is kept from `walled`, who was Ana's; `restricted` is a colleague's, who
    had released her to the program before."""
    own, walled, restricted = stage(api, "ana"), stage(api, "ana"), stage(api, "ben")
    if who == "partner":
        released(own)
        released(restricted)
    else:
        wall(api, walled.ids["client_id"], who)
    api.world.system(lambda db: db.claim(Client, UUID(restricted.ids["client_id"])).restrict(db))
    if who == "val":
        good(
            api.post("ana", f"/v1/plan-sections/{own.ids['section_id']}/volunteers", {"user_id": user_id(api, who)}),
            201,
        )
    scenes = {
        "own": own,
        "colleague": stage(api, "ben"),
        "walled": walled,
        "restricted": restricted,
        "foreign": stage(api, "other"),
        "unknown": own,
    }
    if who == "partner":
        for scene in scenes.values():
            name_for_partner(scene)
    return scenes


def user_id(api: Api, who: str) -> str:
    """Somebody's id."""
    return str(api.world.people[who].actor.id)


def wall(api: Api, client_id: str, who: str) -> None:
    """Keep somebody from a client, as two others would."""
    first, second = (Actor(api.world.agency_id(), uuid4(), kind=Kind.SYSTEM) for _ in range(2))
    transact, kept = api.world.database.transact, api.world.people[who].actor.id
    wall_id = transact(first, lambda db: Wall.propose(db, UUID(client_id), kept, "They are cousins."))
    transact(second, lambda db: Wall.approve(db, wall_id))


def cell(operation: Operation, scenes: dict[str, Scene], who: str) -> str:
    """The letters of one operation for one person."""
    letters = ""
    for situation, scene in scenes.items():
        ids = dict.fromkeys(OF_CLIENTS & {*operation.parameters}, NOWHERE) if situation == "unknown" else {}
        letters += letter(scene.send(operation, who, ids))
        if not OF_CLIENTS & {*operation.parameters}:
            break
    return letters


def matrix(api: Api, monkeypatch: pytest.MonkeyPatch) -> str:
    """The whole table as text."""
    people = {str(role): ONE_EACH[role] for role in sorted(Role)} | {"integration": "partner"}
    scenes = {role: scenes_of(api, who) for role, who in people.items()}
    for who in people.values():
        api.token(who)
    dialect = api.world.database.engine.dialect
    monkeypatch.setattr(dialect, "do_commit", dialect.do_rollback)
    lines = [LEGEND, "operation".ljust(68) + "".join(role.ljust(14) for role in people).rstrip()]
    for operation in operations(api.client.app):
        if operation.name not in PUBLIC:
            found = (cell(operation, scenes[role], who) for role, who in people.items())
            lines.append(operation.name.ljust(68) + "".join(letters.ljust(14) for letters in found).rstrip())
    return "\n".join(lines) + "\n"


def test_everybody_reaches_what_the_table_says_and_nothing_else(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """On both databases, over all operations as the application serves them."""
    found = matrix(api, monkeypatch)
    if not TABLE.exists():
        TABLE.write_text(found)
    assert found == TABLE.read_text(), f"if this is meant, delete {TABLE.name}, run again and have the new one reviewed"
