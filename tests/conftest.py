"""Fixtures: the same world on real SQLite and real PostgreSQL, migrated by alembic, used as the app role."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from api.app import create_app
from api.settings import Environment, Settings
from models.access import Kind
from models.database import Database
from models.session import SignInSession
from models.vault.keys import Vault
from tests import partners
from tests import world as worlds
from tests.postgres import Server, Urls
from tests.world import World

pytest_plugins = ["tests.plugins.postgres_server"]
BOTH = ("sqlite", "postgresql")


@pytest.fixture(scope="session")
def vault(tmp_path_factory: pytest.TempPathFactory) -> Vault:
    """One set of keys for the run."""
    return worlds.make_vault(tmp_path_factory.mktemp("keys"))


@pytest.fixture(scope="session")
def sqlite_world(tmp_path_factory: pytest.TempPathFactory, vault: Vault) -> tuple[Path, World]:
    """The world in a SQLite file that tests copy."""
    path = tmp_path_factory.mktemp("world") / "waypost.db"
    world = worlds.build(f"sqlite:///{path}", f"sqlite:///{path}", vault)
    with world.database.engine.connect() as connection:
        connection.exec_driver_sql("COMMIT")
        connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
        connection.exec_driver_sql("BEGIN")
    world.database.engine.dispose()
    return path, world


@pytest.fixture(scope="session")
def postgres_world(postgres_server: Server, vault: Vault, worker_id: str) -> tuple[str, World]:
    """The world in a PostgreSQL database that tests clone."""
    made: list[World] = []

    def fill(urls: Urls) -> None:
        world = worlds.build(urls.app, urls.owner, vault)
        world.database.engine.dispose()
        made.append(world)

    return postgres_server.template(f"world_{worker_id}", fill), made[0]


@pytest.fixture(params=BOTH)
def kind(request: pytest.FixtureRequest) -> str:
    """Which database a test runs on; tests that use `world` run on both."""
    return str(request.param)


@pytest.fixture
def urls(kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Urls]:
    """Addresses of a fresh copy of the world, for tests that need the owner's or a superuser's view."""
    if kind == "sqlite":
        source, _ = request.getfixturevalue("sqlite_world")
        shutil.copy(source, tmp_path / "waypost.db")
        url = f"sqlite:///{tmp_path / 'waypost.db'}"
        yield Urls(name="waypost", owner=url, app=url, auditor=url, superuser=url)
        return
    server: Server = request.getfixturevalue("postgres_server")
    template, _ = request.getfixturevalue("postgres_world")
    made = server.new_database(template)
    yield made
    server.drop_database(made.name)


@pytest.fixture
def world(kind: str, urls: Urls, request: pytest.FixtureRequest, vault: Vault) -> Iterator[World]:
    """A fresh copy of the world, this test's own."""
    _, built = request.getfixturevalue("sqlite_world" if kind == "sqlite" else "postgres_world")
    vault.forget()
    database = Database(urls.app, vault, pool_size=4)
    yield replace(built, database=database)
    database.engine.dispose()


class Api:
    """The service in this process, as a person."""

    def __init__(self, client: TestClient, world: World) -> None:
        self.client, self.world = client, world
        self._tokens: dict[str, str] = {}
        self._partner: partners.Partner | None = None

    def at(self, ip: str) -> "Api":
        """The same service, asked from an address. On the same event loop: a service has one."""
        client = TestClient(self.client.app, "http://127.0.0.1", raise_server_exceptions=False, client=(ip, 4))
        client.portal = self.client.portal
        return Api(client, self.world)

    @property
    def partner(self) -> partners.Partner:
        """A program with every scope, from anywhere, entered when it is first needed: "partner" among the people."""
        if self._partner is None:
            self._partner = partners.enter(self.world)
        return self._partner

    def token(self, who: str) -> str:
        """An access token of somebody's, from a session opened without the cost of a password."""
        if who == "partner":
            return self.partner.token(self.client.app.state.tokens)  # type: ignore[attr-defined]
        if who not in self._tokens:
            person = self.world.people[who].actor
            opened = self.world.database.transact(
                replace(person, kind=Kind.DOOR, roles=frozenset()), lambda db: SignInSession.open(db, person.id)
            )
            tokens = self.client.app.state.tokens  # type: ignore[attr-defined]
            self._tokens[who] = tokens.issue(person.agency_id, person.id, opened.session.id)
        return self._tokens[who]

    def __call__(self, who: str | None, method: str, path: str, **more: Any) -> Any:
        """One request as somebody; None is nobody. `if_match=3` and `key="…"` set their headers."""
        headers = dict(more.pop("headers", {}))
        if who is not None:
            headers["authorization"] = f"Bearer {self.token(who)}"
        if (version := more.pop("if_match", None)) is not None:
            headers["if-match"] = f'"{version}"'
        if (key := more.pop("key", None)) is not None:
            headers["idempotency-key"] = key
        return self.client.request(method, path, headers=headers, **more)

    def get(self, who: str | None, path: str, **more: Any) -> Any:
        return self(who, "GET", path, **more)

    def post(self, who: str | None, path: str, body: Any = None, **more: Any) -> Any:
        return self(who, "POST", path, json=body, **more) if body is not None else self(who, "POST", path, **more)

    def put(self, who: str | None, path: str, body: Any = None, **more: Any) -> Any:
        return self(who, "PUT", path, json=body, **more) if body is not None else self(who, "PUT", path, **more)

    def patch(self, who: str | None, path: str, body: Any, **more: Any) -> Any:
        return self(who, "PATCH", path, json=body, **more)

    def delete(self, who: str | None, path: str, **more: Any) -> Any:
        return self(who, "DELETE", path, **more)


@contextmanager
def service(world: World, **settings: Any) -> Iterator[Api]:
    """The service over a world. An answer is whatever would have left over HTTP; nothing raises."""
    plenty = 1_000_000  # tests/api/test_limits.py looks at the limits; nothing else should meet them
    limits = {
        "rate_limit": plenty,
        "rate_limit_address": plenty,
        "rate_limit_integration": plenty,
        "clients_an_hour": plenty,
    }
    app = create_app(Settings(env=Environment.TEST, **limits | settings), world.database)
    with TestClient(app, base_url="http://127.0.0.1", raise_server_exceptions=False) as client:
        yield Api(client, world)


@pytest.fixture
def api(world: World) -> Iterator[Api]:
    """The service over this test's world."""
    with service(world) as made:
        yield made


Make = Callable[..., Any]
