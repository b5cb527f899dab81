"""A client's record, destroyed by whoever runs the installation as the second person; and its certificate."""

from collections.abc import Callable
from uuid import UUID

import orjson

from api.cli import keys
from api.cli.house import House, open_house
from api.cli.say import PROGRAM, USAGE, Answer, Trouble
from api.routes.destructions import DestructionOut
from api.shapes import written
from models.destruction import Destruction, DestructionState, of_client
from models.errors import Conflict, NotFound
from models.workspace import Workspace

WHY = {
    "legal-hold-stands": ("A legal hold stands", "What may be asked for is never destroyed", "lift it first"),
    "release-lives": ("A release of hers is active", "Somebody may be told something", "take it back, or wait"),
    "destruction-not-open": ("This proposal is not open any more", "Nothing was done", "propose it anew"),
}


def destroy(named: str, *, urgent: bool, sure: bool) -> Answer:
    """Carry out the open proposal about a client. Urgent: then destroy every root epoch her keys were under."""
    wanted = _uuid(named)
    if not sure:
        raise Trouble(
            "Destroying a record cannot be undone"
            + (", and urgent ends every backup made until now" if urgent else ""),
            "It needs two people: whoever proposed it, and you",
            f"{PROGRAM} client destroy {named}{' --urgent' if urgent else ''} --yes",
        )
    with open_house() as house:
        agency_id, proposal = _find(house, wanted, DestructionState.PROPOSED)
        try:
            answer = house.within(agency_id, lambda db: _certified(db, Destruction.carry_out(db, proposal)))
        except Conflict as refused:
            raise Trouble(*WHY[refused.reason]) from None
        epochs = [n for n in house.database.vault.root.epochs() if n <= answer.data["key_epoch"]] if urgent else []
    ended = [keys.destroy_epoch(epoch, urgent=True, sure=True) for epoch in sorted(epochs)]
    lines = [*answer.lines, *(line for one in ended for line in one.lines)]
    return Answer({**answer.data, "epochs_destroyed": sorted(epochs)}, lines)


def certificate(named: str) -> Answer:
    """The certificate of a destruction, by the client's id or its own."""
    wanted = _uuid(named)
    with open_house() as house:
        agency_id, found = _find(house, wanted, DestructionState.CARRIED_OUT)
        return house.within(agency_id, lambda db: _certified(db, db.find(Destruction, found)))


def _certified(db: Workspace, row: Destruction) -> Answer:
    data = orjson.loads(written(DestructionOut.of(db, row)))
    lines = [f"{name.replace('_', ' ')}: {value}" for name, value in data.items() if value is not None]
    return Answer(data, lines)


def _find(house: House, wanted: UUID, state: DestructionState) -> tuple[UUID, UUID]:
    """(agency, destruction) of this state, named by the client's id or its own."""

    def look(db: Workspace) -> UUID | None:
        try:
            named = [db.find(Destruction, wanted)]
        except NotFound:
            named = of_client(db, wanted)
        return next((row.id for row in named if row.state(db.now) is state), None)

    return _first(house, look, state)


def _first(house: House, look: Callable[[Workspace], UUID | None], state: DestructionState) -> tuple[UUID, UUID]:
    for agency in house.agencies():
        if (found := house.within(agency.agency_id, look)) is not None:
            return agency.agency_id, found
    if state is DestructionState.CARRIED_OUT:
        raise Trouble("There is no certificate for this id", "Nothing was destroyed under it", "check the id")
    raise Trouble(
        "Nobody proposed to destroy this record, or the proposal has lapsed or ended",
        "Destruction needs two people",
        "a supervisor or agency admin proposes it: POST /v1/clients/{id}/destruction",
    )


def _uuid(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise Trouble(
            "This is not an id", "Clients are named by id here, never by name", "check the id", USAGE
        ) from None
