"""Opening an installation for a verb: settings, keys, database, each checked before any data are touched."""

import ipaddress
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar
from uuid import UUID

import sqlalchemy as sa

import migrations
from api.alarms import Alarms
from api.cli.embedded import EmbeddedFile
from api.cli.say import PROGRAM, Trouble
from api.keys import open_vault
from api.settings import Environment, Settings
from migrations import Fit
from models import agency
from models.access import PLATFORM, Actor, Kind
from models.database import Database
from models.engine import make_engine
from models.errors import KeyRefused
from models.vault.keys import Vault
from models.workspace import Workspace

T = TypeVar("T")


@dataclass(frozen=True)
class House:
    """An installation that may be worked with."""

    settings: Settings
    database: Database
    file: EmbeddedFile | None

    def platform(self, work: Callable[[Workspace], T]) -> T:
        """A unit of work on what belongs to no agency."""
        return self.within(PLATFORM, work)

    def within(self, agency_id: UUID, work: Callable[[Workspace], T]) -> T:
        """A unit of work inside one agency, as the command line."""
        return self.database.transact(Actor.system(agency_id, kind=Kind.COMMAND), work)

    def agencies(self) -> list[Any]:
        """Every agency: agency_id, name, demo."""
        return self.platform(agency.all_agencies)

    def agency(self, named: str) -> Any:
        """The agency of this id or name. Trouble when there is none, or more than one of the name."""
        found = [a for a in self.agencies() if named in (str(a.agency_id), a.name)]
        if len(found) == 1:
            return found[0]
        what = "Several agencies have this name" if found else "There is no such agency"
        raise Trouble(what, "Every person and every client belongs to exactly one", f"{PROGRAM} agency list")


@contextmanager
def open_house(settings: Settings | None = None) -> Iterator[House]:
    """Open the keys, then the database, then check that each belongs to the other. Trouble or KeyRefused, before any
    data are touched."""
    settings = settings or Settings()
    vault = open_vault(settings)
    file = EmbeddedFile.of(settings.app_url())
    if file:
        file.must_exist()
    must_encrypt(settings, settings.app_url())
    with opened(settings.app_url(), vault, settings.database_pool) as database:
        house = House(settings, database, file)
        must_fit(database.engine)
        must_belong(house)
        alarms = Alarms(settings.alarm_url)
        database.watch.tell = alarms.tell
        database.post.origin = settings.origin()
        if settings.smtp_url or settings.outbox_dir:
            database.post.wake = _nobody  # what is queued here is sent by the service or the worker
        try:
            yield house
        finally:
            alarms.close()


def _nobody() -> None:
    """Whom a mail queued here wakes."""


@contextmanager
def opened(url: str, vault: Vault, pool: int = 2) -> Iterator[Database]:
    """A database whose connections are closed at the end."""
    database = Database(url, vault, pool)
    try:
        yield database
    finally:
        database.engine.dispose()


@contextmanager
def engine_of(url: str) -> Iterator[sa.Engine]:
    """The same without keys."""
    engine = make_engine(url, 2)
    try:
        yield engine
    finally:
        engine.dispose()


def must_encrypt(settings: Settings, url: str) -> None:
    """Trouble, in production, for a PostgreSQL on another machine without TLS and a certificate that is verified."""
    if settings.env is Environment.PRODUCTION and not speaks_privately(url):
        raise Trouble(
            "The database is on another machine, and its address does not ask for verified TLS",
            "What people do, and who they are, would travel readable, to whoever answers in the database's name",
            "add ?sslmode=verify-full&sslrootcert=/path/to/authority.pem to the address (docs/connections.md)",
        )


def speaks_privately(url: str) -> bool:
    """Whether a database is a file, on this machine, or reached by TLS to a certificate that is verified."""
    address = sa.make_url(url)
    asked = address.query
    hosts = [host for host in (address.host, asked.get("host"), asked.get("hostaddr")) if host]
    here = all(isinstance(host, str) and (host.startswith("/") or is_loopback(host)) for host in hosts)
    return address.get_backend_name() == "sqlite" or here or asked.get("sslmode") == "verify-full"


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach the address."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == "localhost"


def must_fit(engine: sa.Engine) -> None:
    """Trouble unless the database has the shape this code was written for."""
    said = {
        Fit.EMPTY: ("The database is empty", "Its tables have to be made first", f"{PROGRAM} db upgrade"),
        Fit.BEHIND: (
            "The database is older than this code",
            "This code would look for columns that are not there",
            f"{PROGRAM} db backup && {PROGRAM} db upgrade",
        ),
        Fit.AHEAD: (
            "The database was made by a newer version of Waypost",
            "This code does not know its rules and could break what it holds",
            "install the newer version again, or restore the backup made before its upgrade",
        ),
    }
    if (fit := migrations.fit(engine)) is not Fit.FITS:
        raise Trouble(*said[fit])


def must_belong(house: House) -> None:
    """The canary: every agency's wrapped key has to open under this root key, or KeyRefused; KeysAway."""
    agencies = house.agencies()
    if not agencies:  # then there is nothing to open, and the first agency must not be the first to find that out
        house.database.vault.root.prove()
    for row in agencies:
        if not house.within(row.agency_id, house.database.vault.check):
            raise KeyRefused("an agency has lost its key; restore the newest backup of the database")
