"""The worker as a verb."""

from api import log, worker
from api.cli.house import open_house
from api.cli.say import FOUND, OK, Answer
from api.settings import Settings


def work(*, once: bool) -> Answer:
    """Chores until SIGTERM; or one round of them, exit 1 when one failed."""
    settings = Settings()
    log.configure(settings.log_level)
    with open_house(settings) as house:
        if not once:
            worker.run(house.database)
            return Answer({"stopped": True})
        done = worker.round_of_chores(house.database)
    lines = [f"{name}: {count}" for name, count in done.items()]
    return Answer({"chores": done}, lines, FOUND if done["failed"] else OK)
