"""The worker: chores that every agency needs now and then, each in a transaction of its own."""

import signal
import threading
from collections.abc import Callable
from uuid import UUID

from api.log import logger
from models import (
    break_glass,
    conflict_check,
    cover_clock,
    destruction,
    idempotency,
    invitation,
    mail,
    notice,
    session,
    staffing_request,
    throttle,
    watch,
)
from models.access import PLATFORM, Actor
from models.agency import agency_ids
from models.database import Database
from models.rekey import rekey_worn
from models.workspace import Workspace

EVERY = 300.0  # seconds between two rounds
Chore = Callable[[Workspace], int]
CHORES: dict[str, Chore] = {
    "forget-break-glass-attempts": break_glass.forget_attempts,
    "forget-client-openings": watch.forget_openings,
    "forget-conflict-checks": conflict_check.forget_old,
    "forget-idempotency-keys": idempotency.forget_old,
    "forget-dead-sessions": session.forget_dead,
    "forget-ended-invitations": invitation.forget_ended,
    "forget-old-notices": notice.forget_old,
    "forget-unsent-mails": mail.forget_unsent,
    "give-reviews-back": cover_clock.give_reviews_back,
    "remind-of-break-glass-reviews": break_glass.remind,
    "forget-staffing-requests": staffing_request.forget_old,
    "replace-worn-keys": rekey_worn,
    "tell-of-covers": cover_clock.tell_of_covers,
    "empty-log-after-destruction": destruction.keep_log_empty,
}


#: The platform's own.
PLATFORM_CHORES: dict[str, Chore] = {"forget-failed-sign-ins": throttle.forget_old}


def round_of_chores(database: Database) -> dict[str, int]:
    """Every chore for every agency. A chore that fails is logged and counted; the next goes on.

    Returns how many rows each chore dealt with, and under "failed" how many chores failed.
    """
    done = dict.fromkeys([*CHORES, *PLATFORM_CHORES], 0) | {"failed": 0}
    try:
        agencies = database.transact(Actor.system(PLATFORM), agency_ids)
    except Exception as error:  # noqa: BLE001 - a database that is away now may be back at the next round
        _tell("find-agencies", PLATFORM, error)
        return done | {"failed": 1}
    for agency_id in [PLATFORM, *agencies]:
        for name, chore in (PLATFORM_CHORES if agency_id == PLATFORM else CHORES).items():
            try:
                done[name] += database.transact(Actor.system(agency_id), chore)
            except Exception as error:  # noqa: BLE001 - one agency's trouble must not keep the others waiting
                _tell(name, agency_id, error)
                done["failed"] += 1
    return done


def run(database: Database, every: float = EVERY) -> None:
    """Rounds of chores until SIGTERM or Ctrl-C; the chore under way is finished."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    while not stop.is_set():
        done = round_of_chores(database)
        logger().info("chores.done", count=sum(done.values()) - done["failed"])
        stop.wait(every)


def _tell(chore: str, agency_id: UUID, error: Exception) -> None:
    """By kind only: an error's text may carry what people wrote."""
    logger().error("chore.failed", chore=chore, agency=str(agency_id), kind=type(error).__name__)
