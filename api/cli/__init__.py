"""The command line: where a verb starts, how it ends (0 done, 1 a check found something, 2 usage, 3 cannot run).

Read `verbs` (every verb on one page), `say` (what verbs print), `house` (settings, keys, database), then the verb.
Nothing heavy is imported before a verb runs, so that `--help` answers at once.
"""

import gc
import os
import sys
from typing import NoReturn

from typer import TyperException

from api.cli.say import CANNOT_RUN, PROGRAM, USAGE
from api.cli.verbs import app


def main() -> NoReturn:
    """Run the verb named on the command line and exit with its code."""
    os.umask(0o077)  # whatever is written here is for its owner alone
    gc.disable()  # loading modules makes no garbage; looking for it takes a quarter of the start
    try:
        code = app(prog_name=PROGRAM, standalone_mode=False)
    except TyperException as error:
        code = _usage(error)
    except (KeyboardInterrupt, BrokenPipeError):
        code = CANNOT_RUN
    except Exception as error:  # noqa: BLE001 - a verb's own errors end in say.finish; this is code that does not load
        kind = f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"
        told = f"This program is not whole ({kind}). It cannot start. Next: make runtime, or unpack it again"
        print(f"waypost: {told}", file=sys.stderr)
        code = CANNOT_RUN
    finally:
        gc.enable()
    sys.exit(code or 0)


def _usage(error: TyperException) -> int:
    """Wrong words on the command line, in one line. Without any words: the help."""
    context = getattr(error, "ctx", None)
    path = context.command_path if context else PROGRAM
    if type(error).__name__ == "NoArgsIsHelpError":
        print(error.format_message())
        return USAGE
    print(f"waypost: {error.format_message()} Next: {path} --help", file=sys.stderr)
    return error.exit_code
