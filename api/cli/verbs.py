"""Every verb of the command line on one page: its words, its options, and where its work is done."""

from pathlib import Path
from typing import Annotated

import typer

from api.cli.say import finish

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    help="Waypost: safety plans for domestic-violence advocates. Not an emergency service.",
)
Json = Annotated[bool, typer.Option("--json", help="Answer with one JSON document on standard output.")]


def _group(name: str, about: str) -> typer.Typer:
    made = typer.Typer(no_args_is_help=True, rich_markup_mode=None)
    app.add_typer(made, name=name, help=about)
    return made


@app.command()
def demo(
    fresh: Annotated[bool, typer.Option("--fresh", help="Forget the demo that is there and build a new one.")] = False,
    as_json: Json = False,
) -> int:
    """Serve invented people to this machine, to try everything out."""

    from api.cli import demo as work

    return finish(lambda: work.demo(fresh=fresh, as_json=as_json), as_json=as_json)


@app.command()
def serve(as_json: Json = False) -> int:
    """Serve the API until SIGTERM."""

    from api.cli import serve as work

    return finish(lambda: work.serve(as_json=as_json), as_json=as_json)
