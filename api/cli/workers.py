"""Several server processes on one port: started together, started again when one dies, drained together.

The parent forks while it has no thread, no event loop and no database connection, and never gets one.
"""

import contextlib
import ctypes
import json
import os
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass

from api import log
from api.cli.say import CANNOT_RUN, PROGRAM, Trouble
from api.cli.troubles import AWAY, explained

WATCHED = (signal.SIGCHLD, signal.SIGTERM, signal.SIGINT)
STOPPED_WITHIN = 27.0  # seconds; then a process is killed, for the parent has to be gone after 30
LIVED = 10.0  # seconds; whoever dies younger died at once
FIRST_PAUSE, LONGEST_PAUSE = 0.5, 30.0
READY = b"ready\n"
_TELL_WHEN_PARENT_DIES = 1  # prctl(2), PR_SET_PDEATHSIG

Announce = Callable[[], None]
Work = Callable[[Announce], None]


def run(count: int, work: Work, announce: Announce) -> None:
    """Do the work in so many processes until SIGTERM or SIGINT; announce once, when all are ready. Work calls what it
    is given when it is ready, and returns when told to stop. Raises the Trouble of a process that cannot start."""
    signal.pthread_sigmask(signal.SIG_BLOCK, WATCHED)  # they are waited for, so that none comes at a bad moment
    seats, announced, got = [Seat(work) for _ in range(count)], False, None
    try:
        while got is None or got.si_signo == signal.SIGCHLD:
            ready = [seat.look(announced) for seat in seats]
            if all(ready) and not announced:
                announced = True
                announce()
            got = signal.sigtimedwait(WATCHED, 5.0 if all(ready) else 0.05)
    finally:
        _stop(seats)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, WATCHED)


def _stop(seats: list["Seat"]) -> None:
    """Let all finish what is under way; kill whoever has not ended in time."""
    deadline, again = time.monotonic() + STOPPED_WITHIN, 0.0
    while left := [seat for seat in seats if seat.pid and seat.ended() is None]:
        if (now := time.monotonic()) >= again:
            again = now + 1.0  # once more: the first may have come before there was anybody to hear it
            late = now >= deadline
            for seat in left:
                os.kill(seat.pid, signal.SIGKILL if late else signal.SIGTERM)
                if late:
                    log.logger().error("worker.killed", pid=seat.pid)
        signal.sigtimedwait([signal.SIGCHLD], 0.2)


@dataclass
class Seat:
    """The place of one process, and of its successor should it die."""

    work: Work
    pid: int = 0
    pipe: int = -1  # where it says that it is ready, or why it cannot run
    said: bytes = b""
    born: float = 0.0
    pause: float = 0.0
    due: float = 0.0

    def look(self, announced: bool) -> bool:
        """Notice what it says and that it died; start it when it is due. Returns whether it is ready. `announced`: all
        were ready once."""
        code = self.ended() if self.pid else None
        with contextlib.suppress(BlockingIOError):
            self.said += os.read(self.pipe, 4096) if self.pipe >= 0 else b""
        if code is not None:
            self._died(code, announced)
        if not self.pid and time.monotonic() >= self.due:
            self._start()
        return self.said == READY

    def ended(self) -> int | None:
        """How it ended, told once: its exit code, negative for a signal."""
        pid, status = os.waitpid(self.pid, os.WNOHANG)
        if not pid:
            return None
        self.pid = 0
        return os.waitstatus_to_exitcode(status)

    def _died(self, code: int, announced: bool) -> None:
        """Plan its successor. Raises the Trouble that it told, unless time may mend it; at the first start any."""
        os.close(self.pipe)
        why, self.pipe, self.said = self.said.removeprefix(READY), -1, b""
        if why and not (announced and json.loads(why)[0]):
            raise Trouble(*json.loads(why)[1:])
        if not announced:
            what = f"A server process ended with {code} before it answered"
            raise Trouble(what, "So would its successors", f"{PROGRAM} doctor")
        now = time.monotonic()
        lived = code == 0 or now - self.born >= LIVED
        self.pause = 0.0 if lived else min(max(2 * self.pause, FIRST_PAUSE), LONGEST_PAUSE)
        self.due = now + self.pause
        log.logger().error("worker.died", status=code, pause=self.pause)

    def _start(self) -> None:
        read, write = os.pipe()
        sys.stdout.flush()
        sys.stderr.flush()
        parent, self.born = os.getpid(), time.monotonic()
        self.pid = os.fork()
        if not self.pid:
            os._exit(_live(self.work, write, parent))
        os.close(write)
        os.set_blocking(read, False)
        self.pipe = read


def _live(work: Work, pipe: int, parent: int) -> int:
    """The life of a process. Returns its exit code; why it cannot run is told to the parent, who says it for all."""
    ctypes.CDLL(None).prctl(_TELL_WHEN_PARENT_DIES, signal.SIGTERM)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches everybody at a terminal; the parent hands it on
    signal.pthread_sigmask(signal.SIG_UNBLOCK, WATCHED)
    try:
        if os.getppid() == parent:  # else it died before it could be watched
            work(lambda: _tell(pipe, READY))
    except BaseException as error:  # noqa: BLE001 - whatever it is, it is told
        trouble = explained(error)
        said = (isinstance(error, AWAY), trouble.what, trouble.why, trouble.next_step)
        _tell(pipe, json.dumps(said).encode())
        return CANNOT_RUN
    return 0


def _tell(pipe: int, said: bytes) -> None:
    with contextlib.suppress(BrokenPipeError):  # nobody listens any more: there is nobody to tell
        os.write(pipe, said)
