"""What a backup keeps where, table by table, and that no table or type of column is forgotten."""

from collections.abc import Iterator

import pytest
import sqlalchemy as sa
from sqlmodel import SQLModel

from models.backup.halves import Half, half_of
from models.backup.stores import PostgresStore, SqliteStore, Store
from models.engine import make_engine
from tests.postgres import Urls

#: Reviewed when a table is added: what would come back with old data must not undo what was destroyed or said.
WITH_THE_KEYS = {"agency_keys", "data_keys", "destructions", "key_turns"} | {
    "ledger_checkpoints", "ledger_entries", "ledger_heads", "ledger_tiles"
}  # fmt: skip
OF_THE_DAY = {"break_glass_attempts", "client_openings", "idempotency_keys", "integration_secrets", "known_devices"}
OF_THE_DAY |= {"mails", "password_resets", "sessions", "setup_links", "sign_in_throttles", "sso_attempts"}


@pytest.fixture
def store(urls: Urls) -> Iterator[Store]:
    """The tables of a migrated database, as a copy reads them."""
    engine = make_engine(urls.owner)
    with engine.begin() as connection:
        yield PostgresStore(connection) if "postgresql" in urls.owner else SqliteStore(_driver(connection))
    engine.dispose()


def _driver(connection: sa.Connection):
    return connection.connection.driver_connection


def test_every_table_is_in_one_half_or_of_the_day() -> None:
    """Keys, ledger and what tells of destruction never go back in time; sessions are nobody's after a restore."""
    tables = {table.name for table in SQLModel.metadata.sorted_tables}
    assert {name for name in tables if half_of(name) is Half.KEYS} == WITH_THE_KEYS, "review the mark on the model"
    assert {name for name in tables if half_of(name) is None} == OF_THE_DAY, "review the mark on the model"
    assert len(tables) > 15


def test_data_do_not_lean_on_keys() -> None:
    """The halves are filled one after the other, data first: no foreign key may lead from the data to the keys."""
    for table in SQLModel.metadata.sorted_tables:
        led = {key.column.table.name for key in table.foreign_keys}
        if half_of(table.name) is Half.DATA:
            assert {name for name in led if half_of(name) is not Half.DATA} == set(), table.name


def test_every_table_can_be_copied(store: Store) -> None:
    """Led by an agency, with a key, and with columns whose form in SQLite is known."""
    tables = store.tables()
    assert tables.keys() == {table.name for table in SQLModel.metadata.sorted_tables}
    for table in tables.values():
        assert table.key[0] == "agency_id", table.name
        assert len(table.columns) == len(SQLModel.metadata.tables[table.name].c)


@pytest.mark.parametrize("kind", ["postgresql"])
def test_a_type_nobody_thought_of_is_refused(urls: Urls) -> None:
    """Rather than copied into something else."""
    engine = make_engine(urls.owner)
    with engine.connect() as connection:
        connection.exec_driver_sql("create table odd (agency_id uuid, price numeric, primary key (agency_id, price))")
        with pytest.raises(TypeError, match=r"odd\.price"):
            PostgresStore(connection).tables()
    engine.dispose()
