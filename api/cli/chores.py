"""The worker as a verb."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from api import log, worker
from api.cli.house import House, open_house
from api.cli.say import FOUND, OK, Answer
from api.courier import Courier
from api.mailer import transport
from api.settings import Settings
from models.database import Unit


@contextmanager
def sending(house: House) -> Iterator[Courier | None]:
    """Who sends mail from this process; None where no mail is sent."""
    way = transport(house.settings)
    if way is None:
        yield None
        return

    def run(unit: Unit[Any]) -> Any:
        house.database.run([unit])
        return unit.result()

    courier = Courier(way, house.settings.sender(), run)
    house.database.post.wake = courier.wake
    try:
        yield courier
    finally:
        courier.close()


def work(*, once: bool) -> Answer:
    """Chores until SIGTERM; or one round of them, exit 1 when one failed."""
    settings = Settings()
    log.configure(settings.log_level)
    with open_house(settings) as house, sending(house) as courier:
        if not once:
            if courier is not None:
                courier.start()
            worker.run(house.database)
            return Answer({"stopped": True})
        done = worker.round_of_chores(house.database)
        if courier is not None:
            courier.round()
    lines = [f"{name}: {count}" for name, count in done.items()]
    return Answer({"chores": done}, lines, FOUND if done["failed"] else OK)
