"""What the pages around the code say is so: tables are made from the code, commands exist, links lead somewhere."""

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import AliasChoices
from pydantic_settings import BaseSettings
from typer.main import get_command

from api.app import VERSION
from api.cli import verbs
from api.settings import HERE, DemoSettings, Settings
from models.access import GRANTS, REACH, Permission, Reach, Role

PAGES = sorted([*HERE.glob("*.md"), *HERE.glob("docs/**/*.md"), *HERE.glob("content/*.md")])
README = HERE / "README.md"
NOTHING = "\u2013"  # an en dash in an empty cell
SEES = {
    Reach.NONE: "none",
    Reach.ASSIGNED: "those assigned to her now",
    Reach.AGENCY: "her team's, or all of her agency",
    Reach.SECTIONS: "an alias, with the sections given to her",
}


def _default(value: Any) -> str:
    if value is None or value == []:
        return NOTHING
    if isinstance(value, Path):
        return f"`{value.relative_to(HERE)}` in the checkout"
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"


def _variable(name: str, field: Any) -> str:
    alias = field.validation_alias
    if isinstance(alias, AliasChoices):
        return " or ".join(f"`{choice}`" for choice in alias.choices)
    return f"`{alias or 'WAYPOST_' + name.upper()}`"


def settings_table(settings: type[BaseSettings]) -> str:
    """The Markdown table of a settings class: variable, default, meaning."""
    rows = [
        f"| {_variable(name, field)} | {_default(field.default)} | {' '.join((field.description or '').split())} |"
        for name, field in settings.model_fields.items()
    ]
    return "\n".join(["| variable | default | what it is |", "|---|---|---|", *rows])


def roles_table() -> str:
    """The Markdown table of what each role may do, by resource, and of how far it sees."""
    roles = [Role.ADVOCATE, Role.SUPERVISOR, Role.AGENCY_ADMIN, Role.AUDITOR, Role.VOLUNTEER]
    resources: dict[str, list[str]] = {}
    for permission in Permission:
        resource, action = permission.value.split(":")
        resources.setdefault(resource, []).append(action)
    rows = [["sees clients", *(SEES[REACH[role]] for role in roles)]]
    for resource, actions in resources.items():
        may = [[a for a in actions if Permission(f"{resource}:{a}") in GRANTS[role]] for role in roles]
        rows.append([resource, *(", ".join(granted) or NOTHING for granted in may)])
    heads = [["", *(role.value.replace("_", " ") for role in roles)], ["---"] * 6]
    return "\n".join("| " + " | ".join(row) + " |" for row in [*heads, *rows]).replace("|  |", "| |")


TABLES = {
    "settings": lambda: settings_table(Settings),
    "demo settings": lambda: settings_table(DemoSettings),
    "roles": roles_table,
}


class TestTables:
    @pytest.mark.parametrize("name", TABLES)
    def test_is_what_the_code_says(self, name: str) -> None:
        """A setting or a grant that changes in the code changes in the README, in the same commit."""
        begin, end = f"<!-- {name}: made from the code -->\n", f"\n<!-- end of {name} -->"
        assert begin in README.read_text(), f"README.md lacks the line {begin!r}"
        stands = README.read_text().split(begin)[1].split(end)[0].strip()
        wanted = TABLES[name]()
        assert stands == wanted, f"Put this between the marks of {name!r} in README.md:\n\n{wanted}\n"


def _prose_and_code(page: Path) -> Iterator[str]:
    """Lines of code blocks, and what stands between single backticks."""
    inside = False
    for line in page.read_text().splitlines():
        if line.startswith("```"):
            inside = not inside
        elif inside:
            yield line
        else:
            yield from re.findall(r"`([^`]+)`", line)


class TestCommands:
    def test_every_verb_exists(self) -> None:
        """`./waypost db upgrade` on a page is a verb of the command line."""
        top: Any = get_command(verbs.app)
        seen = 0
        for page in PAGES:
            for code in _prose_and_code(page):
                for words in re.findall(
                    r"(?:\./waypost|python -m api|compose run (?:--rm )?api)((?: [a-z][a-z-]*)+)", code
                ):
                    seen += 1
                    found: Any = top
                    for word in words.split():
                        if not hasattr(found, "commands"):
                            break  # the rest are arguments
                        assert word in found.commands, f"{page.name}: there is no verb {words.strip()!r}"
                        found = found.commands[word]
        assert seen > 10, "the pages were not read"

    def test_every_target_exists(self) -> None:
        """`make demo` on a page is a target of the Makefile."""
        targets = set(re.findall(r"^([a-z]+):", (HERE / "Makefile").read_text(), re.MULTILINE))
        named = {(page.name, t) for page in PAGES for code in _prose_and_code(page) for t in _targets(code)}
        assert len(named) > 5, "the pages were not read"
        assert not {(page, target) for page, target in named if target not in targets}


def _targets(code: str) -> list[str]:
    return re.findall(r"(?:^|&& |\$ )(?:[A-Z_]+=\S+ )*make ([a-z]+)", code)


def _anchors(page: Path) -> set[str]:
    """Headings as the addresses that readers of Markdown make of them."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


class TestLinks:
    def test_every_relative_link_leads_to_a_file_and_a_heading(self) -> None:
        """A page that was moved or a heading that was renamed is noticed here, not by a reader."""
        seen, broken = 0, []
        for page in PAGES:
            for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text()):
                if re.match(r"[a-z]+:", target):
                    continue
                seen += 1
                path, _, anchor = target.partition("#")
                there = (page.parent / path).resolve() if path else page
                if not there.exists() or (anchor and anchor not in _anchors(there)):
                    broken.append(f"{page.relative_to(HERE)}: {target}")
        assert seen > 25, "the pages were not read"
        assert not broken

    def test_every_decision_is_listed(self) -> None:
        """docs/README.md is the index of docs/decisions."""
        index = (HERE / "docs/README.md").read_text()
        decisions = sorted(path.name for path in (HERE / "docs/decisions").glob("*.md"))
        assert len(decisions) >= 11
        assert not [name for name in decisions if f"(decisions/{name})" not in index]
        assert [int(name[:4]) for name in decisions] == list(range(1, len(decisions) + 1))


def test_the_changelog_knows_this_version() -> None:
    """Code, package and changelog name the same version."""
    package = tomllib.loads((HERE / "pyproject.toml").read_text())["project"]["version"]
    newest = re.findall(r"^## \[(\d[^\]]*)\]", (HERE / "CHANGELOG.md").read_text(), re.MULTILINE)[0]
    assert package == VERSION == newest
