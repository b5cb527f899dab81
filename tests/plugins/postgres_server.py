"""Give every test process one shared PostgreSQL, started by the process that runs the whole test run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import pytest

from tests.postgres import Postgres, PostgresError, Server

if TYPE_CHECKING:
    from collections.abc import Iterator

SHARED: Final = pytest.StashKey[Postgres | str]()


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Hand the server to an xdist worker; the first worker's turn starts it."""
    shared = _shared(node.config)
    node.workerinput["postgres"] = shared if isinstance(shared, str) else shared.handle


def pytest_unconfigure(config: pytest.Config) -> None:
    """Stop the server where it was started."""
    shared = config.stash.get(SHARED, None)
    if isinstance(shared, Postgres):
        shared.stop()


@pytest.fixture(scope="session")
def postgres_server(request: pytest.FixtureRequest) -> Server:
    """Give the run's PostgreSQL; that it cannot start is a failure, never a skip."""
    workerinput: dict[str, Any] | None = getattr(request.config, "workerinput", None)
    shared = _shared(request.config) if workerinput is None else workerinput["postgres"]
    if isinstance(shared, str):
        pytest.fail(f"The PostgreSQL for tests did not start. {shared}", pytrace=False)
    return shared if isinstance(shared, Server) else Server.from_handle(shared)


@pytest.fixture
def own_postgres() -> Iterator[Postgres]:
    """Give a PostgreSQL of this test's own, syncing to disk as in production, which it may halt and restart."""
    with Postgres(durable=True) as server:
        yield server


def _shared(config: pytest.Config) -> Postgres | str:
    """Start the server on first use; a failure is kept as text, so that each test that needs it reports it."""
    if SHARED not in config.stash:
        try:
            config.stash[SHARED] = Postgres()
        except PostgresError as error:
            config.stash[SHARED] = str(error)
    return config.stash[SHARED]
