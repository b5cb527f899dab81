"""How the installation is: `status` for what runs, `doctor` for everything that could be wrong, with the mend."""

import os
import shutil
import socket
import stat
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

import sqlalchemy as sa

from api.cli.ages import ages
from api.cli.embedded import EmbeddedFile
from api.cli.house import House, engine_of, must_belong, must_encrypt, must_fit, open_house, opened
from api.cli.say import FOUND, OK, PROGRAM, Answer, Trouble
from api.cli.troubles import explained
from api.health import checks
from api.keys import CHECKPOINT, ROOT, SERVICE, open_vault
from api.mailer import Later, transport
from api.settings import Environment, Settings
from models.user import head_count

LEAST_FREE = 1 << 30  # bytes
MOST_WAL = 256 << 20  # bytes
SKEW = 2.0  # seconds between this clock and the database's


def status() -> Answer:
    """What /health/ready checks, and how many agencies and people there are: exit 0, or 1 when not ready."""
    with open_house() as house:
        found = checks(house.database)
        agencies = house.agencies()
        people = sum(house.within(a.agency_id, head_count) for a in agencies)
    ready = all(state == "ok" for state in found.values())
    data = {"ready": ready, "checks": found, "agencies": len(agencies), "people": people}
    lines = [*(f"{part}: {state}" for part, state in found.items()), f"{len(agencies)} agencies, {people} people"]
    return Answer(data, lines, OK if ready else FOUND)


@dataclass(frozen=True)
class Finding:
    """One thing looked at: ok, warn or fail, in words, and how to mend it."""

    what: str
    state: str
    said: str
    mend: str = ""

    def line(self) -> str:
        """For people."""
        return f"{self.state:4}  {self.what}: {self.said}" + (f". Mend: {self.mend}" if self.mend else "")


def doctor() -> Answer:
    """Look at everything; exit 1 when something fails, 0 when there are warnings at most."""
    settings = Settings()
    found = [*_files(settings), _address(settings), *_sinks(settings), _mail(settings), _keys(settings)]
    found += _database(settings)
    lines = [finding.line() for finding in found]
    failed = any(finding.state == "fail" for finding in found)
    return Answer({"sound": not failed, "findings": [asdict(f) for f in found]}, lines, FOUND if failed else OK)


def _files(settings: Settings) -> Iterator[Finding]:
    folders = [settings.data_dir, settings.keys]
    for path in [*folders, *(settings.keys / name for name in (ROOT, SERVICE, CHECKPOINT))]:
        if not path.exists():
            if path in folders:
                yield Finding(str(path), "warn", "is not there", f"{PROGRAM} start makes it")
            continue
        mode = stat.S_IMODE(path.stat().st_mode)
        wanted = "700" if path in folders else "600"
        state = "ok" if not mode & 0o077 else "warn" if path == settings.data_dir else "fail"
        yield Finding(str(path), state, f"mode {mode:04o}", "" if state == "ok" else f"chmod {wanted} {path}")
    if settings.data_dir.exists():
        free = shutil.disk_usage(settings.data_dir).free
        state = "ok" if free >= LEAST_FREE else "warn"
        yield Finding("disk", state, f"{free >> 20} MiB free", "" if state == "ok" else "make room, at least 1 GiB")


def _address(settings: Settings) -> Finding:
    from api.cli.serve import must_speak_tls

    try:
        if settings.env is Environment.PRODUCTION:
            must_speak_tls(settings)
    except Trouble as trouble:
        return Finding("address", "fail", trouble.what, trouble.next_step)
    return Finding("address", "ok", f"{settings.origin()} ({settings.env.value})")


def _sinks(settings: Settings) -> Iterator[Finding]:
    """Whether each sink could take a checkpoint now; nothing is sent, and of an address only its host is told."""
    for address in settings.checkpoint_sinks:
        parts = urlsplit(address)
        if parts.scheme == "file":
            path = Path(parts.path)
            fits = os.access(path if path.exists() else path.parent, os.W_OK)
            said = "can be written" if fits else "cannot be written"
            yield Finding(f"sink {path}", "ok" if fits else "fail", said, "" if fits else "let this user write there")
        elif parts.hostname:
            yield _reachable(parts.hostname, parts.port or (443 if parts.scheme == "https" else 80))


def _reachable(host: str, port: int) -> Finding:
    try:
        socket.create_connection((host, port), timeout=2).close()
    except OSError as error:
        return Finding(f"sink {host}", "fail", type(error).__name__, "look at its address, and whether it runs")
    return Finding(f"sink {host}", "ok", "answers")


def _mail(settings: Settings) -> Finding:
    """Whether mail could be sent; none is."""
    try:
        way = transport(settings)
        if way is None:
            return Finding("mail", "ok", "none is sent; links are shown to whoever makes them")
        way.check()
    except Later as error:
        return Finding("mail", "fail", f"cannot be sent ({error})", "docs/people.md tells what WAYPOST_SMTP_URL takes")
    except OSError as error:
        said = f"the password file cannot be read ({type(error).__name__})"
        return Finding("mail", "fail", said, "correct WAYPOST_SMTP_PASSWORD_FILE")
    return Finding("mail", "ok", "can be sent" if settings.smtp_url else f"is written into {settings.outbox_dir}")


def _attempt(what: str, said: str, work: Callable[[], object]) -> Finding:
    """Ok when the work raises nothing; else what it said, with its next command."""
    try:
        work()
    except Exception as error:  # noqa: BLE001 - whatever is wrong is what was asked for
        trouble = explained(error)
        return Finding(what, "fail", trouble.what, trouble.next_step)
    return Finding(what, "ok", said)


def _keys(settings: Settings) -> Finding:
    said = "their files can be read, and the root key works"

    def prove() -> None:
        open_vault(settings).root.prove()

    return _attempt("keys", said, prove)


def _database(settings: Settings) -> Iterator[Finding]:
    file = EmbeddedFile.of(settings.app_url())
    if file:
        there = _attempt("database file", str(file.path), file.must_exist)
        yield there
        if there.state == "fail":
            return
        yield _attempt("database pages", "sound", file.must_be_sound)
    else:
        for what, url in (("way to the database", settings.app_url()), ("the owner's way", settings.owner_url())):
            yield _attempt(what, "on this machine, or verified TLS", partial(must_encrypt, settings, url))
    with engine_of(settings.app_url()) as engine:
        answers = _attempt("database", engine.dialect.name, lambda: engine.connect().close())
        yield answers
        if answers.state == "ok":
            yield _attempt("migrations", "fit this code", lambda: must_fit(engine))
            yield from _embedded(engine, file) if file else _server(engine)
            belong = _attempt("keys and database", "belong to each other", lambda: _canary(settings))
            yield belong
            if belong.state == "ok":
                yield from _ages(settings)


def _canary(settings: Settings) -> None:
    with opened(settings.app_url(), open_vault(settings)) as database:
        must_belong(House(settings, database, None))


def _ages(settings: Settings) -> Iterator[Finding]:
    with opened(settings.app_url(), open_vault(settings)) as database:
        for what, days, mend in ages(House(settings, database, None)):
            yield Finding(what, "warn" if mend else "ok", f"{days} days", mend)


def _embedded(engine: sa.Engine, file: EmbeddedFile) -> Iterator[Finding]:
    with engine.connect() as connection:
        mode = connection.exec_driver_sql("PRAGMA journal_mode").scalar_one()
    yield Finding(
        "journal", "ok" if mode == "wal" else "fail", str(mode), "" if mode == "wal" else "PRAGMA journal_mode=WAL"
    )
    wal = Path(f"{file.path}-wal")
    size = wal.stat().st_size if wal.exists() else 0
    mend = "" if size <= MOST_WAL else "find the process that keeps a transaction open, or restart the service"
    yield Finding("write-ahead log", "ok" if not mend else "warn", f"{size >> 20} MiB", mend)


def _server(engine: sa.Engine) -> Iterator[Finding]:
    """PostgreSQL: the walls behind the walls, and its clock."""
    with engine.connect() as connection:
        role = connection.exec_driver_sql(
            "select current_user, rolsuper, rolbypassrls from pg_roles where rolname = current_user"
        ).one()
        bare = connection.exec_driver_sql(
            "select count(*) from pg_class where relkind = 'r' and relnamespace = 'public'::regnamespace "
            "and relname <> 'alembic_version' and not (relrowsecurity and relforcerowsecurity)"
        ).scalar_one()
        now = connection.exec_driver_sql("select extract(epoch from clock_timestamp())").scalar_one()
    strong = role.rolsuper or role.rolbypassrls
    mend = "use the role waypost_app (migrations/roles.sql)"
    yield Finding("role", "fail" if strong else "ok", role.current_user, mend if strong else "")
    said = "forced on every table" if not bare else f"not forced on {bare} tables"
    yield Finding("row-level security", "fail" if bare else "ok", said, f"{PROGRAM} db upgrade" if bare else "")
    skew = abs(float(now) - time.time())
    mend = "" if skew <= SKEW else "let both machines take their time from NTP"
    yield Finding("clock", "warn" if mend else "ok", f"{skew:.1f} s apart from the database's", mend)
