"""What tests do with links: read the token off one, make time pass for a row, wait for a mail."""

import email
import time
from collections.abc import Callable
from email.message import EmailMessage
from email.policy import default
from pathlib import Path
from typing import Any

from tests.conftest import Api
from tests.factories import behind
from tests.postgres import Urls

PATIENCE = 15.0


def token_of(link: str) -> str:
    """What stands behind the #."""
    return link.partition("#")[2]


def age(urls: Urls, table: str, column: str, seconds: float) -> None:
    """Move an instant of every row of a table into the past."""
    moved = f"{column} - {int(seconds * 1_000_000)}"
    if "postgresql" in urls.superuser:
        moved = f"{column} - interval '{seconds} seconds'"
    with behind(urls.superuser) as connection:
        connection.exec_driver_sql(f"update {table} set {column} = {moved}")


def counted(urls: Urls, table: str) -> int:
    """Rows of a table, of everybody."""
    with behind(urls.superuser) as connection:
        return int(connection.exec_driver_sql(f"select count(*) from {table}").scalar_one())


def await_(what: Callable[[], Any]) -> Any:
    """The first true thing it returns, within some seconds."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        if found := what():
            return found
        time.sleep(0.02)
    raise AssertionError("waited in vain")


def mails_in(folder: Path) -> list[EmailMessage]:
    """The mails of an outbox folder."""
    files = sorted(folder.glob("*.eml")) if folder.exists() else []
    return [email.message_from_bytes(file.read_bytes(), policy=default) for file in files]  # type: ignore[misc]


def link_in(message: EmailMessage) -> str:
    """The one link of a mail."""
    (link,) = [word for word in message.get_content().split() if "://" in word]
    return link


def invited(api: Api, address: str = "noor@harbor.example", **more: Any) -> Any:
    """An invitation, as answered."""
    answer = api.post("ada", "/v1/invitations", {"email": address, "roles": ["advocate"]} | more)
    assert answer.status_code == 201, answer.text
    return answer.json()
