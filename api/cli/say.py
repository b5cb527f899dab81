"""What a verb says: answers as text or JSON, troubles in one line, secrets to a terminal only, bars on long work."""

import gc
import json
import os
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

OK, FOUND, USAGE, CANNOT_RUN = 0, 1, 2, 3
HERE = Path(__file__).parent.parent.parent
#: How this program is called here, so that a command in a message can be copied as it is.
PROGRAM = "./waypost" if (HERE / "waypost").exists() else "python -m api"


class Trouble(Exception):
    """Why a verb cannot run: what happened, why it matters, and the exact next command."""

    def __init__(self, what: str, why: str, next_step: str, code: int = CANNOT_RUN) -> None:
        super().__init__(what)
        self.code = code
        self.what, self.why, self.next_step = (" ".join(part.split()) for part in (what, why, next_step))

    def line(self) -> str:
        """All of it in one line."""
        return f"{self.what}. {self.why}. Next: {self.next_step}"


@dataclass
class Answer:
    """What a verb found or did: for machines, for people, and the exit code. Empty: it was all said before."""

    data: Mapping[str, Any] = field(default_factory=dict)
    lines: Sequence[str] = field(default=())
    code: int = OK


def finish(work: Callable[[], Answer], *, as_json: bool) -> int:
    """Do a verb's work and print how it ended. Nothing a verb meets reaches the user as a traceback."""
    gc.freeze()  # what is loaded by now stays: the collector need not walk through it again and again
    gc.enable()
    try:
        answer = work()
    except Exception as error:  # noqa: BLE001 - the last resort of every verb
        from api.cli.troubles import explained

        trouble = explained(error)
        print(f"waypost: {trouble.line()}", file=sys.stderr)
        problem = {"what": trouble.what, "why": trouble.why, "next": trouble.next_step}
        answer = Answer({"error": problem}, code=trouble.code)
    tell(answer, as_json=as_json)
    return answer.code


def tell(answer: Answer, *, as_json: bool) -> None:
    """Print an answer to stdout: one JSON document, or its lines."""
    if as_json and answer.data:
        print(json.dumps(answer.data, indent=2, default=str), flush=True)
    elif answer.lines and not as_json:
        print("\n".join(answer.lines), flush=True)


@dataclass(frozen=True)
class Handed:
    """Where a secret went: shown on the terminal, or into a file whose path is shown."""

    data: dict[str, str]
    line: str


def hand_over(name: str, secret: str, file: Path) -> Handed:
    """A secret to a terminal only; otherwise into a 0600 file. `name` is its member in JSON, such as "password"."""
    spoken = name.replace("_", " ")
    if sys.stdout.isatty():
        return Handed({name: secret}, f"{spoken}: {secret}")
    write_private(file, secret + "\n")
    return Handed({f"{name}_file": str(file)}, f"{spoken}: in {file} (readable by you alone)")


def write_private(file: Path, text: str) -> None:
    """Write a 0600 file whole or not at all, whatever stood there before."""
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    handle, temporary = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}.")
    with os.fdopen(handle, "w") as opened:
        opened.write(text)
    Path(temporary).replace(file)


@contextmanager
def bar(label: str, total: int) -> Iterator[Callable[[int], None]]:
    """A progress bar on a terminal, else nothing. Call what it gives with the number of steps just done."""
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(label, total=total)
        yield lambda steps: progress.advance(task, steps)
