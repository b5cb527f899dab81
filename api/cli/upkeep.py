"""Keys and contract: making the keys, looking at them, printing the OpenAPI document."""

import tempfile
from pathlib import Path
from typing import Any

from api.cli.embedded import EmbeddedFile
from api.cli.house import opened
from api.cli.say import PROGRAM, Answer, Trouble
from api.keys import CHECKPOINT, ROOT, SERVICE, make_checkpoint_key, make_keys, open_vault
from api.settings import Environment, Settings


def new_keys(service: str) -> Answer:
    """Make the key files of a new installation, the root key in a key service."""
    settings = Settings()
    file = EmbeddedFile.of(settings.app_url()) if settings.database_url is None else None
    if file and file.path.exists():
        raise Trouble(
            f"There is a database already ({file.path})",
            "New keys could open nothing in it and would hide that its own are missing",
            f"restore the key files into {settings.keys} from their backup",
        )
    make_keys(settings, root_in=service)
    made = [str(settings.keys / name) for name in (ROOT, SERVICE, CHECKPOINT)]
    lines = [
        *(f"made {name}" for name in made),
        "Back them up to another place than the database. Next: " + f"{PROGRAM} db upgrade",
    ]
    return Answer({"made": made}, lines)


def new_checkpoint_key() -> Answer:
    """Make the one key that an installation older than checkpoints lacks."""
    made = make_checkpoint_key(Settings())
    return Answer({"made": [made]}, [f"made {made}", "Back it up to another place than the database."])


def contract() -> bytes:
    """The OpenAPI document; it needs neither keys nor database of this installation."""
    from api.app import create_app
    from api.openapi import document

    with tempfile.TemporaryDirectory() as folder:
        settings: Any = Settings(env=Environment.TEST, data_dir=Path(folder), keys_dir=None, database_url=None)
        make_keys(settings)
        with opened("sqlite://", open_vault(settings)) as database:
            return document(create_app(settings, database))
