"""Errors that any verb may meet, as a Trouble: what happened, why it matters, the next command."""

import re
import sqlite3
from collections.abc import Callable
from typing import Any

import psycopg
import sqlalchemy as sa
from pydantic import ValidationError
from pydantic_settings import SettingsError

from api.cli.say import PROGRAM, Trouble
from models.backup import Refused
from models.content import ContentError
from models.errors import DomainError, Invalid, KeyRefused, KeysAway, Unavailable

_SAID = {
    "email-taken": "The address has a sign-in already",
    "auditor-and-content": "An auditor cannot also be an advocate or supervisor",
}


#: Every step is one transaction, and some verbs are many steps; all of them may be run again.
_KEPT = "No step is half-done: what was finished before is kept, the rest is not done"


def explained(error: BaseException) -> Trouble:
    """The trouble an error stands for. Of an unexpected one only its kind and place are told: it may carry content."""
    for kinds, explain in _KNOWN:
        if isinstance(error, kinds):
            return explain(error)
    kind = f"{type(error).__name__} at {_innermost(error)}"
    return Trouble(f"Something unexpected failed ({kind})", _KEPT, f"{PROGRAM} doctor")


def _keys(error: KeyRefused) -> Trouble:
    what, _, remedy = str(error).partition("; ")
    missing = "file" in what or "epoch" in what or "key" in remedy
    return Trouble(
        what[:1].upper() + what[1:],
        "Nothing stored can be opened without its keys; they are looked for in WAYPOST_KEYS_DIR"
        if missing
        else "Nothing was done with it",
        remedy.replace("python -m api", PROGRAM)
        or "restore the key files that belong to this database from their backup",
    )


def _keys_away(error: KeysAway) -> Trouble:
    return Trouble(
        error.line,
        f"{_KEPT}; no process can start without its root key",
        f"the same command again; if it stays so: {PROGRAM} doctor",
    )


def _setting(error: ValidationError) -> Trouble:
    """Settings by name and rule, never the value."""
    names = ", ".join(
        f"WAYPOST_{'.'.join(str(step) for step in found['loc']).upper()} ({found['msg']})"
        for found in error.errors(include_url=False, include_input=False, include_context=False)
    )
    return Trouble(f"Not a valid setting: {names}", "Nothing starts on a guess", "correct it; README.md lists them all")


def _unreadable(error: SettingsError) -> Trouble:
    """A list that is no JSON, most often. The library's words name the field and hold no value."""
    found = re.search(r'field "(\w+)"', str(error))
    name = f"WAYPOST_{found[1].upper()}" if found else "A setting"
    examples = {"WAYPOST_CHECKPOINT_SINKS": """'["file:/var/lib/elsewhere/checkpoints"]'"""}
    example = examples.get(name, """'["127.0.0.1", "192.0.2.7"]'""")
    return Trouble(f"{name} has to be a JSON list", "Nothing starts on a guess", f"write it as {example}")


def _address(_: Exception) -> Trouble:
    return Trouble(
        "WAYPOST_DATABASE_URL names no database Waypost knows",
        "It begins with postgresql+psycopg:// or sqlite:///",
        "write it as postgresql+psycopg://waypost_app@db.agency.example/waypost",
    )


def _database(error: Exception) -> Trouble:
    """Of a driver's words only the first line: the address it tried, never a password."""
    cause = getattr(error, "orig", None)
    said = f" ({str(cause).splitlines()[0].rstrip('.')})" if cause and str(cause) else ""
    busy = isinstance(error, Unavailable) and error.reason == "database-busy"
    what = "Another process holds the database" if busy else "The database does not answer"
    return Trouble(f"{what}{said}", _KEPT, f"the same command again; if it stays so: {PROGRAM} doctor")


def _refused(error: DomainError) -> Trouble:
    faults = (
        "; ".join(f"{fault.pointer.strip('/')}: {fault.message or fault.code}" for fault in error.faults)
        if (isinstance(error, Invalid))
        else ""
    )
    what = _SAID.get(error.reason, f"Refused: {faults or error.reason}")
    return Trouble(
        what.rstrip("."), "Nothing was changed", "correct it and run the command again; --help lists what it takes"
    )


def _innermost(error: BaseException) -> str:
    step = error.__traceback__
    while step is not None and step.tb_next is not None:
        step = step.tb_next
    return "?" if step is None else f"{step.tb_frame.f_code.co_filename.rsplit('/', 1)[-1]}:{step.tb_lineno}"


def _content(error: ContentError) -> Trouble:
    return Trouble(error.lines[0], "Content with a fault is not loaded", f"{PROGRAM} content lint")


def _backup(error: Refused) -> Trouble:
    return Trouble(error.what, error.why, error.next_step)


def _file(error: OSError) -> Trouble:
    what = f"{error.strerror or type(error).__name__}: {error.filename or 'no file named'}"
    return Trouble(what, "The command needs it", f"mend that, then the same command again; or {PROGRAM} doctor")


#: What time may mend.
AWAY = (Unavailable, sa.exc.OperationalError, sa.exc.TimeoutError, psycopg.OperationalError, sqlite3.OperationalError)
_KNOWN: tuple[tuple[Any, Callable[[Any], Trouble]], ...] = (
    (Trouble, lambda trouble: trouble),
    (KeyRefused, _keys),
    (KeysAway, _keys_away),
    (ValidationError, _setting),
    (SettingsError, _unreadable),
    ((sa.exc.NoSuchModuleError, sa.exc.ArgumentError), _address),
    (ContentError, _content),
    (Refused, _backup),
    (AWAY, _database),
    (DomainError, _refused),
    (OSError, _file),
)
