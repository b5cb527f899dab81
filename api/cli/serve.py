"""Serving: every reason not to, then uvicorn until a signal says stop."""

import contextlib
import ctypes
import gc
import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator

import uvicorn
from fastapi import FastAPI

from api import log
from api.app import VERSION, create_app
from api.cli import workers
from api.cli.embedded import EmbeddedFile
from api.cli.house import House, is_loopback, open_house
from api.cli.say import PROGRAM, Answer, Trouble, tell
from api.cli.workers import Announce
from api.metrics import PROCESS
from api.protocol import HardenedProtocol
from api.settings import Environment, Settings
from models.connections import connections_for_clients
from models.engine import OVERFLOW

DRAIN = 15  # seconds for requests under way; the lane and the process have the rest of 30
LOOK = 1.0  # seconds between two looks at the database file
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD, M_ARENA_MAX = -1, -3, -8  # malloc.h
SIGNALS = (signal.SIGTERM, signal.SIGINT)


def serve(*, as_json: bool) -> Answer:
    """Serve this installation until SIGTERM. Trouble, before anything listens, when it must not be served."""
    settings = Settings()
    with listening(settings) as port:
        attend(settings, port, lambda _: greeting(settings), as_json=as_json)
    return Answer()


def attend(settings: Settings, port: socket.socket, greet: Callable[[House], Answer], *, as_json: bool) -> None:
    """Serve in this process, or in as many as are wanted. What greet returns is said once all of them answer."""
    if settings.workers == 1:
        with open_to_serve(settings) as house:
            said = greet(house)
            run(house, port, lambda: tell(said, as_json=as_json))
        return
    said = _greeted(settings, greet)

    def one_of_several(announce: Announce) -> None:
        with open_house(settings) as house:
            run(house, port, announce)

    log.configure(settings.log_level)
    gc.collect()  # the house was closed again: no key of it goes along into the processes
    workers.run(settings.workers, one_of_several, lambda: tell(said, as_json=as_json))


def _greeted(settings: Settings, greet: Callable[[House], Answer]) -> Answer:
    """Find the installation sound before any process is started; nothing of it is kept."""
    with open_to_serve(settings) as house:
        return greet(house)


@contextlib.contextmanager
def open_to_serve(settings: Settings) -> Iterator[House]:
    """The installation, locked for this process and found sound."""
    if settings.env is Environment.PRODUCTION:
        must_speak_tls(settings)
    if file := EmbeddedFile.of(settings.app_url()):
        must_be_alone(settings)
        file.must_exist()
        file.lock()
        file.must_be_sound()
    with open_house(settings) as house:
        if house.file is None:
            must_have_room(house)
        yield house


def must_be_alone(settings: Settings) -> None:
    """Trouble when several processes are to serve one SQLite file."""
    if settings.workers > 1:
        raise Trouble(
            f"WAYPOST_WORKERS={settings.workers}, and the database is an SQLite file",
            "It takes one writer at a time: more processes would only wait for each other's locks",
            "leave WAYPOST_WORKERS at 1, or move to PostgreSQL and set WAYPOST_DATABASE_URL",
        )


def must_have_room(house: House) -> None:
    """Trouble when the processes together could ask PostgreSQL for more connections than it gives."""
    each = house.settings.database_pool + OVERFLOW
    wanted, there = house.settings.workers * each, connections_for_clients(house.database.engine)
    if wanted >= there:
        raise Trouble(
            f"{house.settings.workers} server processes may open {each} connections each, {wanted} in all, and "
            f"PostgreSQL has {there} for its clients",
            "Under load it would turn requests away",
            "lower WAYPOST_WORKERS or WAYPOST_DATABASE_POOL, or raise max_connections of PostgreSQL",
        )


def must_speak_tls(settings: Settings) -> None:
    """Trouble for an address others can reach without a proxy that speaks TLS in front (named by public_url)."""
    if not is_loopback(settings.host) and not (settings.public_url or "").startswith("https://"):
        raise Trouble(
            f"WAYPOST_HOST={settings.host} is open to other machines and WAYPOST_PUBLIC_URL is no https address",
            "Passwords and plans would travel unencrypted",
            "put a proxy with TLS in front and set WAYPOST_PUBLIC_URL=https://…, or leave WAYPOST_HOST at 127.0.0.1",
        )


@contextlib.contextmanager
def listening(settings: Settings) -> Iterator[socket.socket]:
    """The port, taken early so that a taken one is told at once; connections are accepted when the service is ready."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as port:
        port.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            port.bind((settings.host.strip("[]"), settings.port))
        except OSError as error:
            raise Trouble(
                f"{settings.host}:{settings.port} cannot be listened on ({error.strerror})",
                "Most often another program, or another Waypost, has the port already",
                "stop that one, or choose another port: PORT=8001 make demo, or WAYPOST_PORT=8001 for the others",
            ) from None
        yield port


def greeting(settings: Settings) -> Answer:
    """Where the service is, said when it answers."""
    url = settings.origin()
    data = {"serving": url, "docs": f"{url}/docs" if settings.docs else None, "pid": os.getpid(), "version": VERSION}
    lines = [f"Waypost {VERSION} serves {url}" + (f" (API documentation: {url}/docs)" if settings.docs else "")]
    return Answer(data, [*lines, "Ctrl-C stops it."])


def run(house: House, port: socket.socket, announce: Announce) -> None:
    """Answer requests until SIGTERM or Ctrl-C, then finish what is under way. Trouble when the database file goes."""
    _spare_memory()
    app = create_app(house.settings, house.database)
    server = _Server(_config(app), announce)
    for number in SIGNALS:  # uvicorn raises a signal again after draining; by default that would end in an error code
        signal.signal(number, lambda *_: setattr(server, "should_exit", True))
    gone = _watch(house, server)
    gc.collect()
    gc.freeze()  # what is here now stays: looking through it again and again took a sixth of every request
    gc.set_threshold(10_000)  # a plan alone is 700 objects: look after some requests, not in the middle of each
    PROCESS.info({"pid": str(os.getpid())})
    log.logger().info("serving", port=house.settings.port, pid=os.getpid(), version=VERSION, database=_kind(house))
    server.run(sockets=[port])
    log.logger().info("stopped", pid=os.getpid())
    if gone.is_set():
        raise Trouble(
            f"The server stopped because its database file was deleted or replaced ({house.file and house.file.path})",
            "What came in since would have been lost; it was refused instead",
            f"put the file back (or restore a backup), then {PROGRAM} serve",
        )


def _spare_memory() -> None:
    """Tell glibc to give memory back: hashing a password takes 19 MiB for an instant, and it would keep that for each
    thread. Elsewhere than on glibc nothing is told, and nothing breaks."""
    with contextlib.suppress(OSError, AttributeError):
        mallopt = ctypes.CDLL("libc.so.6").mallopt
        for parameter, value in ((M_ARENA_MAX, 1), (M_MMAP_THRESHOLD, 1 << 20), (M_TRIM_THRESHOLD, 1 << 20)):
            mallopt(parameter, value)


def _config(app: FastAPI) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        loop="uvloop",
        http=HardenedProtocol,
        ws="none",
        lifespan="on",
        interface="asgi3",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        limit_concurrency=2_000,
        backlog=1_024,
        timeout_keep_alive=30,
        timeout_graceful_shutdown=DRAIN,
    )


class _Server(uvicorn.Server):
    """uvicorn that says when it answers."""

    def __init__(self, config: uvicorn.Config, announce: Announce) -> None:
        super().__init__(config)
        self._announce = announce

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._announce()


def _watch(house: House, server: uvicorn.Server) -> threading.Event:
    """SQLite: stop the server when its file is deleted or replaced; until it stops, every write is refused."""
    gone = threading.Event()
    if house.file is None:
        return gone
    same = house.file.guard(house.database.engine)

    def look() -> None:
        while not server.should_exit:
            time.sleep(LOOK)
            if not same():
                gone.set()
                server.should_exit = True

    threading.Thread(target=look, name="file-watch", daemon=True).start()
    return gone


def _kind(house: House) -> str:
    return house.database.engine.dialect.name
