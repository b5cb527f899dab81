"""kill -9 at random moments while people write: what they were told is there, once, entered, and nothing by halves.

WAYPOST_TEST_KILLS=50 kills so many times on each database; WAYPOST_TEST_SEED=7 at other moments.
"""

import os
import random
import signal
import sys
import time

import pytest

from tests.cli.killing import Checker, Load
from tests.cli.program import Program, Service
from tests.postgres import Urls
from tests.world import World

KILLS = int(os.environ.get("WAYPOST_TEST_KILLS", "3"))
SEED = int(os.environ.get("WAYPOST_TEST_SEED", "20270131"))
PEOPLE = 8
BACK_WITHIN = 3.0  # seconds, of a machine that has nothing else to do


@pytest.mark.timeout(120 + 30 * KILLS)
def test_kill_at_any_moment(program: Program, world: World, urls: Urls, kind: str, capsys: pytest.CaptureFixture[str]):
    """No acknowledged write is lost, none is doubled by sending it again, each has one entry, no plan is incomplete."""
    rng, checker, restarts, load = random.Random(SEED), Checker(world, urls), [], None
    for number in range(KILLS + 1):
        began = time.monotonic()
        with program.serving() as service:
            if load is not None:
                restarts.append(time.monotonic() - began)
                _compare(checker, load, service)
                assert not checker.found.faults, (number, checker.found.faults)
            if number == KILLS:
                assert service.stop() == 0
                break
            with Load(service, PEOPLE, f"{number}") as load:
                while not load.acknowledged:
                    time.sleep(0.01)
                time.sleep(rng.uniform(0.02, 1.2))
                assert service.stop(signal.SIGKILL) == -signal.SIGKILL
    found = checker.found
    assert found.acknowledged >= 10 * KILLS
    assert sorted(restarts)[len(restarts) // 2] < BACK_WITHIN * max(1.0, os.getloadavg()[0] / (os.cpu_count() or 1))
    told = (
        f"{KILLS} kills on {kind}, seed {SEED}: {found.acknowledged:,} writes acknowledged, none lost, none doubled, "
    )
    told += f"none unexplained; {found.under_way} under way, {found.surfaced} of them done after all; "
    told += f"back within {max(restarts):.2f} s"
    with capsys.disabled():
        sys.stdout.write(f"\n{told}\n" if "WAYPOST_TEST_KILLS" in os.environ else "")


def _compare(checker: Checker, load: Load, service: Service) -> None:
    """What people were told with what is there; then what was under way is sent again, and all is compared anew."""
    checker.count(load)
    checker.look(load)
    with service.sign_in() as people:
        checker.again(load, people)
    checker.look(load)
