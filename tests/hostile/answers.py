"""Hostile requests sent and judged: what every answer must be, and what it may not have changed."""

import asyncio
import re
import sqlite3
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self
from urllib.parse import unquote

import orjson
import psycopg
import sqlalchemy as sa
from sqlmodel import SQLModel

from api.problems import PROBLEMS
from tests.api.contract import ALWAYS, PROBLEM
from tests.hostile.shot import Shot
from tests.postgres import Urls

#: Words that only the inside of the service uses.
INTERNALS = re.compile(
    r"traceback|sqlite|psycopg|postgres|sqlalchemy|pydantic|starlette|fastapi|uvicorn|site-packages|\.py\b|file \"|"
    r"\b(?:uq|ix|fk|ck|pk)_|\blane-\d|0x[0-9a-f]{6}|constraint|savepoint|select |insert |_sealed|ledger_|"
    r"jose\b|orjson|(?:value|key|type|attribute|integrity|data|decode|runtime|recursion)error|/home/|/usr/|/tmp/",
    re.IGNORECASE,
)
LOG = {
    "ledger_entries",
    "ledger_heads",
    "ledger_tiles",
    "ledger_checkpoints",
    "client_openings",
    "break_glass_attempts",
}
LOG |= {"sign_in_throttles"}
#: What a refusal changes on purpose: a refresh token used twice ends its session; a set-up link is given back.
ON_PURPOSE = {"POST /v1/sessions/refresh": {"notices", "sessions"}, "POST /v1/setup": {"setup_links"}}
ON_PURPOSE["POST /v1/sessions"] = {"notices"}  # that very many tries failed
#: These look or count first, then do: two units, each of which may be told of.
TWO_UNITS = {"PUT /v1/me/password", "POST /v1/setup", "POST /v1/break-glass"}
TWO_UNITS |= {"POST /v1/clients/{client_id}/break-glass"}


@dataclass
class Answer:
    """What came back, down to its bytes, and how many rows of which table it changed."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes
    changed: Counter[str]

    def __getitem__(self, name: str) -> str:
        """A header; empty when it is not there."""
        return ", ".join(text for key, text in self.headers if key == name)


class Watch:
    """Counts changed rows by triggers of its own, table by table, beside everything the service knows."""

    def __init__(self, urls: Urls) -> None:
        self._last = 0
        address = sa.make_url(urls.superuser)
        self._connection: Any
        if address.get_backend_name() == "sqlite":
            self._connection = sqlite3.connect(str(address.database), isolation_level=None, check_same_thread=False)
        else:
            plain = address.set(drivername="postgresql").render_as_string(hide_password=False)
            self._connection = psycopg.connect(plain, autocommit=True)
        for statement in self._triggers(sqlite=address.get_backend_name() == "sqlite"):
            self._connection.execute(statement)

    @staticmethod
    def _triggers(*, sqlite: bool) -> list[str]:
        tables = sorted(SQLModel.metadata.tables)
        if sqlite:
            made = ["create table seen (n integer primary key, what text)"]
            for event in ("insert", "update", "delete"):
                made += [
                    f"create trigger seen_{table}_{event} after {event} on {table} "
                    f"begin insert into seen (what) values ('{table}'); end"
                    for table in tables
                ]
            return made
        return [
            "create table seen (n bigint generated always as identity primary key, what text)",
            "create function saw() returns trigger language plpgsql security definer as "
            "$$ begin insert into public.seen (what) values (tg_table_name); return null; end $$",
            *(
                f"create trigger seen after insert or update or delete on {table} for each row execute function saw()"
                for table in tables
            ),
        ]

    def news(self) -> Counter[str]:
        """How many rows of which table were changed since it was last asked."""
        rows = self._connection.execute(f"select n, what from seen where n > {self._last}").fetchall()
        self._last = max([self._last, *(n for n, _ in rows)])
        return Counter(what for _, what in rows)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()


def fire(api: Any, watch: Watch, shots: Sequence[Shot]) -> list[Answer]:
    """The answers to shots, one after the other, as the server's protocol would hand them to the application."""

    async def all_of_them() -> list[Answer]:
        watch.news()  # what making the shots has changed is nobody's doing
        return [await _one(api.client.app, watch, shot) for shot in shots]

    answers: list[Answer] = api.client.portal.call(all_of_them)
    return answers


async def _one(app: Any, watch: Watch, shot: Shot) -> Answer:
    sent, parts, gone = [shot.body[:1000], shot.body[1000:]], [], asyncio.Event()
    start: dict[str, Any] = {}

    async def receive() -> dict[str, Any]:
        if sent:
            return {"type": "http.request", "body": sent.pop(0), "more_body": bool(sent)}
        await gone.wait()
        return {"type": "http.disconnect"}

    async def send(message: dict[str, Any]) -> None:
        if message["type"] == "http.response.start":
            start.update(message)
        else:
            parts.append(message.get("body", b""))

    await asyncio.wait_for(app(_scope(shot), receive, send), 30)
    gone.set()
    headers = [(name.decode("latin-1"), text.decode("latin-1")) for name, text in start["headers"]]
    return Answer(start["status"], headers, b"".join(parts), watch.news())


def _scope(shot: Shot) -> dict[str, Any]:
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": shot.method,
        "scheme": "http",
        "path": unquote(shot.path),
        "raw_path": shot.path.encode("ascii"),
        "query_string": shot.query.encode("ascii"),
        "root_path": "",
        "headers": [(name.encode(), text.encode("latin-1")) for name, text in shot.headers],
        "client": ("127.0.0.1", 50_000),
        "server": ("127.0.0.1", 80),
        "state": {},
    }


def judge(shot: Shot, answer: Answer, documented: set[str]) -> None:
    """Raises AssertionError when the answer is anything but a decent one."""
    about = f"{shot}\n{answer.status} {answer.headers}\n{answer.body[:1500]!r}\nchanged {dict(answer.changed)}"
    assert answer.status < 500, about
    assert answer.status >= 400 or not shot.certain, f"accepted\n{about}"
    for name, text in ALWAYS.items():
        assert name in ("cache-control", "content-security-policy") or answer[name] == text, about
    told = "\n".join(f"{name}: {text}" for name, text in answer.headers).lower()
    assert shot.mark not in told, f"echoed in a header\n{about}"
    if answer.status >= 400:
        _must_be_a_problem(shot, answer, told, about)
        _must_have_changed_nothing(shot, answer, about)
        plain = shot.method == shot.operation.method and not {"odd path", "spelling of an id"} & set(shot.families)
        assert not plain or str(answer.status) in documented, f"a status the document does not tell of\n{about}"
    elif shot.method == "GET":
        assert not set(answer.changed) - LOG, f"reading changed something\n{about}"


def _must_be_a_problem(shot: Shot, answer: Answer, told: str, about: str) -> None:
    assert answer["content-type"] == "application/problem+json", about
    body = orjson.loads(answer.body)
    assert set(body) - {"errors"} == PROBLEM, about
    assert (body["status"], body["type"]) == (answer.status, f"/problems/{body['code']}"), about
    assert PROBLEMS[body["code"]].status == answer.status, about
    assert body["request_id"] == answer["x-request-id"], about
    for fault in body.get("errors", []):
        assert set(fault) == {"pointer", "code", "message"}, about
        assert fault["message"], about
    text = answer.body.decode().lower()
    assert shot.mark not in text, f"echoed\n{about}"
    assert not (found := INTERNALS.search(text + told)), f"internals: {found}\n{about}"


def _must_have_changed_nothing(shot: Shot, answer: Answer, about: str) -> None:
    changed = set(answer.changed) - LOG - ON_PURPOSE.get(shot.operation.name, set())
    assert not changed, f"refused, and changed all the same\n{about}"
    most = 2 if shot.operation.name in TWO_UNITS else 1
    assert answer.changed["ledger_entries"] <= most, f"more than a denial was logged\n{about}"
