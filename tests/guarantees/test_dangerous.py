"""What can do harm in careless hands stands where docs/dependencies.md says, and nowhere else."""

import ast
import re
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)
    import sre_constants
    import sre_parse

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs/dependencies.md"
#: Modules and calls that run text as a program, start programs, reach below Python, read objects or guess numbers.
MODULES = {"code", "ctypes", "dill", "imp", "jsonpickle", "marshal", "multiprocessing", "pickle", "pty", "random"} | {
    "ruamel", "runpy", "shelve", "subprocess", "telnetlib", "xml", "yaml"
}  # fmt: skip
CALLS = {"__import__", "compile", "eval", "exec", "os.execv", "os.execve", "os.execvp", "os.fork", "os.popen"} | {
    "os.posix_spawn", "os.spawnv", "os.system", "os.startfile"
}  # fmt: skip
WEAK = {"md5", "sha1", "new", "blake2s"}


def sources() -> Iterator[tuple[str, ast.Module]]:
    """Every Python file that runs in production, parsed."""
    for place in ("api", "models", "migrations"):
        for path in sorted((ROOT / place).rglob("*.py")):
            yield str(path.relative_to(ROOT)), ast.parse(path.read_text())


def named(node: ast.AST) -> Iterator[str]:
    """The dangerous things a node names."""
    if isinstance(node, ast.Import):
        yield from (alias.name.split(".")[0] for alias in node.names if alias.name.split(".")[0] in MODULES)
    elif isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] in MODULES:
        yield (node.module or "").split(".")[0]
    elif isinstance(node, ast.Call) and ast.unparse(node.func) in CALLS:
        yield ast.unparse(node.func)


def test_dangerous_functions_are_those_of_the_page() -> None:
    """A new use, or one that is gone, is noticed: the table of docs/dependencies.md names file and thing."""
    found = {(path, thing) for path, tree in sources() for node in ast.walk(tree) for thing in named(node)}
    told = set(re.findall(r"^\| `([\w/.]+\.py)` \| `([\w.]+)` \|", PAGE.read_text(), re.MULTILINE))
    assert found
    assert found == told


def test_no_weak_hash_is_named() -> None:
    """Of hashlib only SHA-256 and stronger are called, by name. (TOTP's HMAC-SHA-1 is in the library that makes codes.)"""
    called = [
        (path, node.func.attr)
        for path, tree in sources()
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
        and ast.unparse(node.func.value) in ("hashlib", "hashes")
    ]  # fmt: skip
    assert not [(path, name) for path, name in called if name.lower() in WEAK]
    imported = {
        (path, alias.name)
        for path, tree in sources()
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module == "hashlib"
        for alias in node.names
    }
    assert {name for _, name in imported} == {"sha256"}


def test_no_query_is_made_of_text() -> None:
    """No statement is put together from pieces: what is not written whole is a migration's own words or a marker."""
    runs = {"exec_driver_sql", "execute", "text"}
    made = {
        path
        for path, tree in sources()
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in runs and node.args
        and isinstance(node.args[0], ast.JoinedStr | ast.BinOp) and path.startswith(("api/", "models/"))
    }  # fmt: skip
    assert made <= BUILT, "bind values; a name of a table has to come from the models"


#: Names of tables and pragmas, from our own lists, never from a caller.
BUILT = {f"models/backup/{name}.py" for name in ("halves", "save", "stores")} | {"models/engine.py"}


def patterns() -> Iterator[tuple[str, str]]:
    """Every regular expression written out in the service, with its file."""
    for path, tree in sources():
        for node in ast.walk(tree):
            if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
                continue
            of_re = ast.unparse(node.func.value) == "re" and node.args
            if of_re and isinstance(node.args[0], ast.Constant):
                text = node.args[0].value
                yield path, text.decode("latin-1") if isinstance(text, bytes) else text


def explodes(parsed: Any, *, inside: bool = False) -> bool:
    """Whether something without end repeats something without end: the shape behind exponential matching."""
    for op, value in parsed:
        if op in (sre_constants.MAX_REPEAT, sre_constants.MIN_REPEAT):
            _, most, body = value
            endless = most == sre_constants.MAXREPEAT
            if (endless and inside) or explodes(body, inside=inside or endless):
                return True
        elif op is sre_constants.SUBPATTERN:
            if explodes(value[-1], inside=inside):
                return True
        elif op is sre_constants.BRANCH and any(explodes(one, inside=inside) for one in value[1]):
            return True
    return False


def test_no_pattern_can_be_made_to_match_for_ever() -> None:
    """What nests endless repetition is refused here; a pattern with a fixed sign between the turns is named below."""
    found = list(patterns())
    assert len(found) > 15, "the patterns were not read"
    assert {(path, text) for path, text in found if explodes(sre_parse.parse(text))} == LINEAR


#: A hyphen that the inner part cannot match stands between the turns: there is one way to match only.
LINEAR = {("models/vault/key_services/aws.py", r"[a-z]{2}(-[a-z]+)+-\d+")}


@pytest.mark.parametrize("text", [r"(a+)+$", r"(x*)*", r"(?:a|b+)*c", r"((a+)b?)+"])
def test_the_look_at_patterns_finds_bad_ones(text: str) -> None:
    """Else the test above shows nothing."""
    assert explodes(sre_parse.parse(text))
