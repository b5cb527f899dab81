"""The database's shape over time: up, down and up again on both databases, and the models ask for nothing more."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.script import ScriptDirectory

import migrations
from migrations import Fit
from models.base import table_of
from models.engine import make_engine
from models.template import TemplateVersion, VersionState
from tests.factories import behind
from tests.postgres import Server, Urls


@pytest.fixture
def empty(kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Urls]:
    """An empty database of this test's own."""
    if kind == "sqlite":
        url = f"sqlite:///{tmp_path / 'empty.db'}"
        yield Urls(name="empty", owner=url, app=url, auditor=url, superuser=url)
        return
    server: Server = request.getfixturevalue("postgres_server")
    made = server.new_database()
    yield made
    server.drop_database(made.name)


@pytest.fixture
def engine(empty: Urls) -> Iterator[sa.Engine]:
    """As the owner of the tables."""
    made = make_engine(empty.owner)
    yield made
    made.dispose()


def shape(engine: sa.Engine) -> dict[str, set[str]]:
    """Every table, trigger and policy there is, by name."""
    inspector = sa.inspect(engine)
    found = {table: {c["name"] for c in inspector.get_columns(table)} for table in inspector.get_table_names()}
    with engine.connect() as connection:
        if engine.dialect.name == "sqlite":
            extra = connection.exec_driver_sql("select name from sqlite_master where type = 'trigger'")
        else:
            extra = connection.exec_driver_sql(
                "select tgname from pg_trigger where not tgisinternal union select tablename || '.' || policyname "
                "from pg_policies union select proname from pg_proc where pronamespace = 'app'::regnamespace"
            )
        found["(triggers, policies, functions)"] = set(extra.scalars())
    return found


def test_up_down_up(engine: sa.Engine) -> None:
    """What comes up goes down without a trace, and comes up the same."""
    assert migrations.fit(engine) is Fit.EMPTY
    migrations.upgrade(engine)
    assert migrations.fit(engine) is Fit.FITS
    first = shape(engine)
    assert len(first) > 20
    migrations.downgrade(engine)
    assert migrations.fit(engine) is Fit.EMPTY
    left = set(sa.inspect(engine).get_table_names()) - {"alembic_version"}
    assert not left, "edit downgrade() in migrations/versions/"
    migrations.upgrade(engine)
    assert shape(engine) == first


def test_the_models_ask_for_nothing_more(engine: sa.Engine) -> None:
    """`alembic check` finds no difference."""
    migrations.upgrade(engine)
    with engine.connect() as connection:
        command.check(migrations.config(connection))  # raises, naming the difference: run `make migration`


def test_check_does_find_a_difference(engine: sa.Engine) -> None:
    """Else the test above could not fail."""
    migrations.upgrade(engine)
    with engine.connect() as connection:
        connection.exec_driver_sql("alter table templates add column forgotten integer")
        connection.exec_driver_sql("drop index ix_plans_client")
        with pytest.raises(Exception, match="New upgrade operations detected"):
            command.check(migrations.config(connection))


def test_two_upgrades_at_once_make_one_database(empty: Urls, engine: sa.Engine) -> None:
    """Two servers started together: one migrates, the other waits, both end well."""
    run = "import sys, migrations; from models.engine import make_engine; migrations.upgrade(make_engine(sys.argv[1]))"
    both = [
        subprocess.Popen([sys.executable, "-c", run, empty.owner], cwd=migrations.FOLDER.parent, stderr=subprocess.PIPE)
        for _ in range(2)
    ]
    said = [one.communicate(timeout=120)[1].decode() for one in both]
    assert [one.returncode for one in both] == [0, 0], said
    assert migrations.fit(engine) is Fit.FITS
    with engine.connect() as connection:
        assert connection.exec_driver_sql("select count(*) from alembic_version").scalar_one() == 1


def test_a_database_ahead_of_the_code_is_told_apart(engine: sa.Engine) -> None:
    """An old server does not run on a newer database."""
    migrations.upgrade(engine)
    with behind(engine.url.render_as_string(hide_password=False)) as connection:
        connection.exec_driver_sql("update alembic_version set version_num = '9999'")
    assert migrations.fit(engine) is Fit.AHEAD


def test_a_published_version_never_changes_whoever_asks(urls: Urls) -> None:
    """The trigger holds against the owner of the tables and against a superuser."""
    versions = table_of(TemplateVersion)
    for url in (urls.owner, urls.superuser):
        for change in ({"document": "{}"}, {"state": VersionState.DRAFT}):
            try:
                with behind(url) as connection:
                    if connection.dialect.name == "postgresql":
                        connection.exec_driver_sql(f"select set_config('app.agency_id', '{'0' * 32}', true)")
                    done = connection.execute(sa.update(versions).values(**change))
                    assert done.rowcount == 0, "edit unchangeable_when_published() in migrations/protect.py"
            except sa.exc.DBAPIError as error:
                assert "a published version never changes" in str(error.orig)
    with behind(urls.superuser) as connection:
        kept = connection.execute(sa.select(versions.c.document, versions.c.state)).all()
    assert kept
    assert all(len(row.document) > 1000 and row.state is VersionState.PUBLISHED for row in kept)


def test_every_migration_says_what_it_does_and_follows_the_one_before() -> None:
    """Sequential four-digit ids, each with a sentence."""
    files = sorted((migrations.FOLDER / "versions").glob("[0-9]*.py"))
    assert files
    for number, path in enumerate(files, 1):
        text = path.read_text()
        assert path.name.startswith(f"{number:04d}_")
        assert text.startswith('"""')
        assert f'revision = "{number:04d}"' in text
        assert f"down_revision = {f'{number - 1:04d}'!r}".replace("'", '"') in text or number == 1


def test_revisions_are_told_by_the_names_of_their_files() -> None:
    """The server tells whether a database fits without loading alembic; alembic reads the same history."""
    walked = ScriptDirectory.from_config(migrations.config()).walk_revisions()
    assert migrations.revisions() == tuple(script.revision for script in walked)[::-1]
