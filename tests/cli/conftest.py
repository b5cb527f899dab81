"""An installation that processes can be started on, on both databases, with the people of tests/world.py."""

import shutil
from pathlib import Path

import pytest

from models.vault.keys import Vault
from tests.cli.program import Program
from tests.postgres import Urls


@pytest.fixture
def program(tmp_path: Path, urls: Urls, vault: Vault) -> Program:
    """The command line on a fresh copy of the world, with a copy of its keys: a verb that changes them changes nothing
    for the tests after it."""
    keys = Path(shutil.copytree(vault.root.path.parent, tmp_path / "program-keys"))
    keys.chmod(0o700)
    return Program(
        tmp_path,
        {
            "WAYPOST_ENV": "test",
            "WAYPOST_DATA_DIR": str(tmp_path),
            "WAYPOST_KEYS_DIR": str(keys),
            "WAYPOST_DATABASE_URL": urls.app,
            "WAYPOST_OWNER_DATABASE_URL": urls.owner,
            "WAYPOST_CLIENTS_AN_HOUR": "1000000",
            "WAYPOST_RATE_LIMIT": "1000000",  # tests write faster than people
        },
    )


@pytest.fixture
def empty(tmp_path: Path) -> Program:
    """The command line where nothing was ever set up."""
    return Program(tmp_path, {"WAYPOST_DATA_DIR": str(tmp_path / "data")})
