"""A client's record, destroyed by whoever runs the installation as the second person; and its certificate."""

from typing import NoReturn
from uuid import UUID

import orjson

from api.cli import keys
from api.cli.house import House, open_house
from api.cli.say import FOUND, OK, PROGRAM, USAGE, Answer, Trouble
from api.cli.troubles import explained
from api.routes.destructions import DestructionOut
from api.shapes import written
from models.destruction import Destruction, DestructionState, of_client
from models.errors import Conflict, NotFound
from models.workspace import Workspace

WHY = {
    "legal-hold-stands": (
        "A legal hold stands",
        "What may be asked for is never destroyed",
        "an agency admin lifts it: PUT /v1/legal-holds/{id}/lifting",
    ),
    "release-lives": (
        "A release of hers is active",
        "Somebody may be told something",
        "take it back: PUT /v1/releases/{id}/revocation; or wait until it ends",
    ),
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
        if urgent:
            keys.must_be_writable(house.settings)
        answer = _carried_out(house, wanted, urgent=urgent)
        epochs = [n for n in house.database.vault.root.epochs() if n <= answer.data["key_epoch"]] if urgent else []
    if answer.data["urgent"] and not urgent:
        more = [f"It was proposed as urgent. Next: {_end_of_epochs(answer.data['key_epoch'])}"]
        return Answer({**answer.data, "epochs_destroyed": []}, [*answer.lines, *more])
    return _ended(answer, sorted(epochs))


def _carried_out(house: House, wanted: UUID, *, urgent: bool) -> Answer:
    """The certificate of what is destroyed now; or, to end its epochs, of what was destroyed before."""
    done = _look(house, wanted, DestructionState.CARRIED_OUT)
    found = _look(house, wanted, DestructionState.PROPOSED)
    if found is None and done is not None:
        if not urgent:
            raise Trouble(
                "It is destroyed already",
                "Nothing was done",
                f"{PROGRAM} client certificate {wanted}, or --urgent for backups",
            )
        agency_id, certificate = done
        return house.within(agency_id, lambda db: _certified(db, db.find(Destruction, certificate)))
    agency_id, proposal = found or _nobody(DestructionState.PROPOSED)
    try:
        return house.within(agency_id, lambda db: _certified(db, Destruction.carry_out(db, proposal)))
    except Conflict as refused:
        raise Trouble(*WHY[refused.reason]) from None


def _ended(answer: Answer, epochs: list[int]) -> Answer:
    """The certificate, and what became of the root epochs. The record is destroyed, whatever happens to them."""
    lines, done = list(answer.lines), list[int]()
    try:
        for epoch in epochs:
            lines += keys.destroy_epoch(epoch, urgent=True, sure=True).lines
            done.append(epoch)
    except Exception as error:  # noqa: BLE001 - the certificate must not be lost with it
        trouble = explained(error)
        lines += [
            f"The record is destroyed. Root epoch {epochs[len(done)]} is not: {trouble.what}. {trouble.why}.",
            f"Next: {trouble.next_step}; then {_end_of_epochs(epochs[len(done)])}",
        ]
    return Answer({**answer.data, "epochs_destroyed": done}, lines, OK if done == epochs else FOUND)


def _end_of_epochs(epoch: int) -> str:
    return f"{PROGRAM} keys destroy-epoch {epoch} --urgent --yes"


def certificate(named: str) -> Answer:
    """The certificate of a destruction, by the client's id or its own."""
    wanted = _uuid(named)
    with open_house() as house:
        agency_id, found = _look(house, wanted, DestructionState.CARRIED_OUT) or _nobody(DestructionState.CARRIED_OUT)
        return house.within(agency_id, lambda db: _certified(db, db.find(Destruction, found)))


def _certified(db: Workspace, row: Destruction) -> Answer:
    data = orjson.loads(written(DestructionOut.of(db, row)))
    lines = [f"{name.replace('_', ' ')}: {value}" for name, value in data.items() if value is not None]
    return Answer(data, lines)


def _look(house: House, wanted: UUID, state: DestructionState) -> tuple[UUID, UUID] | None:
    """(agency, destruction) of this state, named by the client's id or its own."""

    def look(db: Workspace) -> UUID | None:
        try:
            named = [db.find(Destruction, wanted)]
        except NotFound:
            named = of_client(db, wanted)
        return next((row.id for row in named if row.state(db.now) is state), None)

    for agency in house.agencies():
        if (found := house.within(agency.agency_id, look)) is not None:
            return agency.agency_id, found
    return None


def _nobody(state: DestructionState) -> NoReturn:
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
