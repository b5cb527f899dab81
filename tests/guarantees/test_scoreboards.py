"""What docs/asvs.md and docs/api-top-10.md claim can be followed: files and tests are there, nothing is missing or counted twice."""

import ast
import re
from functools import cache
from importlib import import_module
from pathlib import Path

import pytest

from models.ledger.action import Action

ROOT = Path(__file__).parents[2]
ASVS, TOP_10 = ROOT / "docs/asvs.md", ROOT / "docs/api-top-10.md"
PAGES = {page.name: page for page in (ASVS, TOP_10)}
STATES = ("met by", "not met, because", "not applicable, because")
ROW = re.compile(r"\| (\d+\.\d+\.\d+) \| ([123]) \| ([^|]+) \| ([^|]+) \| ([^|]+) \|")
NAMED = re.compile(
    r"`((?:[\w.-]+/)*[\w.-]+\.(?:py|md|json|yml|conf|sql|lock|toml|sh|js|html)|docs/proxy/Caddyfile|Dockerfile|Makefile|\.dockerignore)((?:::\w+)*)`"
)
#: The 211 requirements of ASVS 5.0 that were picked for a service of this kind, by chapter and section.
PICKED = """
1.1: 1-2; 1.2: 1-5 9-10; 1.3: 2-3 5-7 10-12; 1.4: 2; 1.5: 2-3
2.1: 1-3; 2.2: 1-3; 2.3: 1-5; 2.4: 1
3.2: 1; 3.4: 1-6; 3.5: 2-3 8; 3.7: 2
4.1: 1-5; 4.2: 1
6.1: 1-3; 6.2: 1-5 8-12; 6.3: 1-8; 6.4: 1-4 6; 6.5: 1-6
7.1: 1-2; 7.2: 1-4; 7.3: 1-2; 7.4: 1-3 5; 7.5: 1-3
8.1: 1-2; 8.2: 1-3; 8.3: 1-3; 8.4: 1
9.1: 1-3; 9.2: 1-4
10.3: 1-5; 10.4: 4-5 8-11 16
11.1: 1-2; 11.2: 1-5; 11.3: 1-4; 11.4: 1-3; 11.5: 1; 11.6: 1
12.1: 1-2; 12.2: 1; 12.3: 1-2
13.1: 1-4; 13.2: 1-6; 13.3: 1-2 4; 13.4: 1-6
14.1: 1-2; 14.2: 1-7; 14.3: 1-2
15.1: 1-5; 15.2: 1-4; 15.3: 1-5 7; 15.4: 1-4
16.1: 1; 16.2: 1-5; 16.3: 1-4; 16.4: 1-3; 16.5: 1-4
"""


def picked() -> list[str]:
    """The numbers PICKED stands for."""
    found = []
    for section, numbers in re.findall(r"(\d+\.\d+): ([\d -]+)", PICKED):
        for part in numbers.split():
            first, _, last = part.partition("-")
            found += [f"{section}.{n}" for n in range(int(first), int(last or first) + 1)]
    return found


def rows() -> list[tuple[str, int, str, str]]:
    """(number, level, state, what or why) of each line of the table."""
    return [(n, int(level), state, how) for n, level, _, state, how in ROW.findall(ASVS.read_text())]


@cache
def names_in(path: Path) -> frozenset[str]:
    """What a Python file defines: `name`, `Class::name`."""
    found = set()
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.ClassDef):
            found |= {f"{node.name}::{one.name}" for one in node.body if isinstance(one, ast.FunctionDef)}
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            found.add(node.name)
    return frozenset(found)


def broken(text: str) -> list[str]:
    """What a text names and is not there."""
    missing = []
    for path, name in NAMED.findall(text):
        there = ROOT / path
        if not there.is_file() or (name and name.removeprefix("::") not in names_in(there)):
            missing.append(path + name)
    return missing


class TestLinks:
    @pytest.mark.parametrize("page", sorted(PAGES))
    def test_every_file_and_test_is_there(self, page: str) -> None:
        """A test that was renamed, or a file that moved, takes its claim along."""
        text = PAGES[page].read_text()
        assert len(NAMED.findall(text)) > 50, "the page was not read"
        assert not broken(text)
        assert "[issue" not in text, "what is being built is no claim"

    def test_what_is_no_file_is_no_claim(self) -> None:
        """The look at links finds a missing file, a missing class and a missing test."""
        own = "tests/guarantees/test_scoreboards.py"
        assert broken(f"`{own}`, `{own}::TestLinks`, `{own}::TestLinks::test_what_is_no_file_is_no_claim`") == []
        wrong = [f"{own}::TestNowhere", f"{own}::TestLinks::test_nothing", "models/nowhere.py"]
        assert broken(" ".join(f"`{one}`" for one in wrong)) == wrong


class TestAsvs:
    def test_every_requirement_stands_there_once(self) -> None:
        """None is left out, none said twice, in the order of the standard."""
        assert len(picked()) == len(set(picked())) == 211
        assert [number for number, *_ in rows()] == picked()

    def test_each_says_what_meets_it_or_why_nothing_does(self) -> None:
        """Met by something that can be followed; else a reason."""
        for number, _, state, how in rows():
            assert state in STATES, number
            assert (NAMED.search(how) is not None) if state == "met by" else len(how) > 20, number

    def test_the_totals_are_right(self) -> None:
        """The table at the top is a count of the lines below it."""
        told = re.findall(r"^\| ([123]|all) \| (\d+) \| (\d+) \| (\d+) \| (\d+) \|$", ASVS.read_text(), re.MULTILINE)
        counted = []
        for level in ("1", "2", "3", "all"):
            of_level = [state for _, at, state, _ in rows() if level in (str(at), "all")]
            counted.append((level, str(len(of_level)), *(str(of_level.count(state)) for state in STATES)))
        assert told == counted


class TestTop10:
    def test_each_risk_has_its_four_parts(self) -> None:
        """How it would happen here, what is against it, what shows it, what is left."""
        risks = re.split(r"^## ", TOP_10.read_text(), flags=re.MULTILINE)[1:]
        assert [risk.split(".")[0] for risk in risks] == [f"API{n}" for n in range(1, 11)]
        for risk in risks:
            assert re.findall(r"^\*\*([\w ]+)\*\*:", risk, re.MULTILINE) == ["Here", "Against it", "Shown by", "Left"]
            assert "`tests/" in risk


class TestPages:
    """What else the scoreboard leans on."""

    def test_limits_are_those_of_the_code(self) -> None:
        """Each number of docs/rules.md is the one its constant has."""
        told = re.findall(r"\| (\d+) \| `([\w.]+)\.([A-Z_]+)` \|", (ROOT / "docs/rules.md").read_text())
        assert len(told) >= 15
        assert not [(m, n) for number, m, n in told if getattr(import_module(m), n) != int(number)]

    def test_every_event_is_on_the_page(self) -> None:
        """Every line the service can log is in docs/logs.md."""
        page, found = (ROOT / "docs/logs.md").read_text(), set()
        for path in (ROOT / "api").rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.args:
                    first = node.args[0]
                    if node.func.attr in ("info", "warning", "error") and isinstance(first, ast.Constant):
                        found.add(str(first.value))
        assert len(found) > 10
        assert not {event for event in found if f"`{event}`" not in page}

    def test_every_subject_of_the_ledger_is_on_the_page(self) -> None:
        """Whatever an entry can be about is in the table of docs/logs.md, and nothing else is."""
        table = (ROOT / "docs/logs.md").read_text().partition("## Security events in the ledger")[2]
        firsts = [line.split("|")[1] for line in table.splitlines() if line.startswith("| `")]
        assert {name for first in firsts for name in re.findall(r"`(\w+)`", first)} == {a.split(".")[0] for a in Action}
