"""The words of refusal: complete, in both languages, in step with the code that refuses, and safe to show."""

import ast
import json
import re
from collections.abc import Iterator
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest
from pydantic_core._pydantic_core import list_all_errors

from api.app import RESOURCES
from api.problems import FAULTS, LANGUAGES, PROBLEMS, page, spoken_fault
from models.errors import Fault

ROOT = Path(__file__).parents[2]
STATIC = ROOT / "api" / "static"
TEXTS = ("title", "detail", "cause", "fix")
PYDANTIC = {error["type"].replace("_", "-") for error in list_all_errors()}
TOLD_BY_LIMIT = [
    "current-version",
    "enum",
    "greater-than",
    "greater-than-equal",
    "less-than",
    "less-than-equal",
    "literal-error",
    "string-too-long",
    "string-too-short",
    "too-long",
    "too-short",
    "unknown-parameter",
]


# -- what the code refuses with, read from its source ------------------------------------------------------------------

#: Which argument of a call holds a problem's or a fault's code.
PROBLEM_CALLS = {
    "Conflict": 0,
    "Forbidden": 0,
    "NotFound": 0,
    "Refusal": 0,
    "Spent": 0,
    "Unauthenticated": 0,
    "Unavailable": 0,
    "problem": 1,
}
FAULT_CALLS = {"Fault": 1, "PydanticCustomError": 0}


def _sources() -> Iterator[ast.Module]:
    for folder in ("api", "models"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            if "problems" not in path.parts:
                yield ast.parse(path.read_text("utf-8"))


def _strings(node: ast.expr | None) -> set[str]:
    """Every code an argument can stand for: a literal, either side of a condition, the values of a small table."""
    if isinstance(node, ast.Constant):
        return {node.value} if isinstance(node.value, str) else set()
    if isinstance(node, ast.IfExp):
        return _strings(node.body) | _strings(node.orelse)
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and isinstance(node.func.value, ast.Dict):
        return {code for value in (*node.func.value.values, *node.args) for code in _strings(value)}
    return set()


def _argument(call: ast.Call, position: int) -> ast.expr | None:
    named = next((k.value for k in call.keywords if k.arg == "code"), None)
    return named or (call.args[position] if len(call.args) > position else None)


def _raised() -> tuple[set[str], set[str]]:
    problems: set[str] = set()
    faults: set[str] = set()
    for node in (node for source in _sources() for node in ast.walk(source)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            name = node.func.id
            if name in PROBLEM_CALLS:
                problems |= _strings(_argument(node, PROBLEM_CALLS[name]))
            elif name == "Invalid":
                problems |= _strings(next((k.value for k in node.keywords if k.arg == "code"), None))
            elif name in FAULT_CALLS:
                faults |= _strings(_argument(node, FAULT_CALLS[name]))
        elif isinstance(node, ast.ClassDef) and any(
            isinstance(b, ast.Name) and b.id in ("DomainError", "Spent") for b in node.bases
        ):
            assigned = (a for a in node.body if isinstance(a, ast.Assign) and ast.unparse(a.targets[0]) == "code")
            problems |= {code for a in assigned for code in _strings(a.value)}
    return problems, faults


# -- the table ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("code", PROBLEMS)
def test_every_problem_is_told_whole_in_both_languages(code: str) -> None:
    """Title, detail, cause and fix are there in English and Spanish, end as sentences do, and differ."""
    problem = PROBLEMS[code]
    for name in TEXTS:
        texts = getattr(problem, name)
        assert tuple(texts) == LANGUAGES
        assert all(text.strip() == text and len(text) > 5 for text in texts.values())
        assert texts["en"] != texts["es"]
        assert all(text.endswith(".") == (name != "title") for text in texts.values())


@pytest.mark.parametrize("code", PROBLEMS)
def test_a_detail_is_short_enough_to_be_read_in_a_hurry(code: str) -> None:
    """A detail is one or two sentences."""
    for text in PROBLEMS[code].detail.values():
        assert 1 <= len(re.findall(r"[.?!](?= [A-ZÁÉÍÓÚÑ¿]|$)", text)) <= 2
        assert len(text) < 260


@pytest.mark.parametrize("code", PROBLEMS)
def test_an_example_shows_the_problem_it_stands_for(code: str) -> None:
    """The example's answer is JSON with the problem's own code, status, words and members."""
    problem = PROBLEMS[code]
    head, _, body = problem.example.partition("Content-Type: application/problem+json\n\n")
    shown = json.loads(body)
    assert f"HTTP/1.1 {problem.status} " in head
    assert (shown["type"], shown["code"]) == (f"/problems/{code}", code)
    assert (shown["status"], shown["retryable"]) == (problem.status, problem.retryable)
    assert (shown["title"], shown["detail"]) == (problem.title["en"], problem.detail["en"])
    for error in shown.get("errors", []):
        assert error["code"] in FAULTS


def test_only_what_passes_by_itself_may_be_tried_again() -> None:
    """Retryable are the answers that say "not now": 429, the 503s, a full disk, and a first request still running."""
    retryable = {code for code, problem in PROBLEMS.items() if problem.retryable}
    not_now = {code for code, problem in PROBLEMS.items() if problem.status in (429, 503, 507)}
    assert retryable == not_now | {"idempotency-in-progress"}


def test_no_word_labels_the_people_in_the_files() -> None:
    """No text calls anybody a victim or a patient, and none names the workshop it was made in."""
    told = [text for problem in PROBLEMS.values() for name in TEXTS for text in getattr(problem, name).values()]
    told += [text for texts in FAULTS.values() for text in texts.values()]
    told += [problem.example for problem in PROBLEMS.values()]
    assert not [text for text in told if re.search(r"victim|víctima|patient|paciente", text, re.IGNORECASE)]


# -- in step with the code ---------------------------------------------------------------------------------------------


def test_every_problem_raised_has_words() -> None:
    """Whatever code the service refuses with is in the table, so no refusal becomes an internal error."""
    assert _raised()[0] - PROBLEMS.keys() == set()


def test_no_problem_is_described_that_nobody_raises() -> None:
    """The table holds nothing the service never says."""
    assert PROBLEMS.keys() - _raised()[0] == set()


def test_every_fault_raised_has_words() -> None:
    """Whatever rule a member breaks is told in both languages."""
    assert _raised()[1] - FAULTS.keys() == set()


def test_no_fault_is_described_that_nobody_raises() -> None:
    """Beyond pydantic's own, there are words for no rule that does not exist."""
    assert FAULTS.keys() - PYDANTIC - _raised()[1] == set()


def test_operations_named_in_the_words_exist() -> None:
    """Advice never leads to an operation the service does not have."""
    routes = [(f"/v1{route.path}", route.methods) for resource in RESOURCES for route in resource.router.routes]
    there = {(method, re.sub(r"\{\w+\}", "*", path)) for path, methods in routes for method in methods}
    missing = set()
    for code, problem in PROBLEMS.items():
        request = "" if problem.status == 405 else problem.example.partition("\n")[0]
        for text in (request, *problem.detail.values(), *problem.cause.values(), *problem.fix.values()):
            for method, path in re.findall(r"\b(GET|POST|PUT|PATCH|DELETE) (/v1/[\w/{}-]+)", text):
                address = re.sub(r"\{\w+\}|[0-9a-f-]{36}", "*", path)
                address = re.sub(r"(?<=/versions/)\d+", "*", address)
                if (method, address) not in there:
                    missing.add((code, method, address))
    assert missing == set()


# -- faults ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("code", sorted(PYDANTIC))
def test_every_type_of_pydantic_has_words(code: str) -> None:
    """Each error pydantic-core can emit has words of ours: its own may repeat what was sent, or speak of Python."""
    spoken = {language: spoken_fault(Fault("/alias", code, "SENT"), language) for language in LANGUAGES}
    assert spoken["en"] != spoken["es"]
    assert all(code in TOLD_BY_LIMIT or "SENT" not in text for text in spoken.values())


@pytest.mark.parametrize("code", sorted(FAULTS))
def test_every_fault_is_told_in_both_languages(code: str) -> None:
    """A fault has an English and a Spanish text, different ones, each ending as a sentence does."""
    texts = FAULTS[code]
    assert tuple(texts) == LANGUAGES
    assert texts["en"] != texts["es"]
    assert all(re.search(r"[.?]\]?$", text) for text in texts.values())


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("code", TOLD_BY_LIMIT)
def test_a_limit_is_told_when_known(code: str, language: str) -> None:
    """A limit stands in the message; without one the sentence about it is left out, with no trace of a placeholder."""
    told, untold = (spoken_fault(Fault("/x", code, limit), language) for limit in ("4711", ""))
    assert "4711" in told
    assert told.startswith(untold)
    assert not re.search(r"[\[\]{}]", told + untold)


def test_a_limit_with_braces_or_backslashes_is_only_text() -> None:
    """Whatever a limit looks like, it is shown as it is."""
    assert r"'{limit}' o '\1'" in spoken_fault(Fault("/x", "enum", r"'{limit}' or '\1'"), "es")


@pytest.mark.parametrize("code", ["malformed-json", "content"])
def test_a_message_that_says_more_is_kept_in_english(code: str) -> None:
    """Where the message says which of several things is wrong it stays; Spanish gets the general sentence."""
    fault = Fault("", code, "The body is not UTF-8 text.")
    assert spoken_fault(fault, "en") == "The body is not UTF-8 text."
    assert spoken_fault(fault, "es") == FAULTS[code]["es"]


def test_an_unknown_fault_still_gets_an_answer() -> None:
    """A code without words: the message in English, a general sentence in Spanish, never an error."""
    assert spoken_fault(Fault("/x", "brand-new", "It is too new."), "en") == "It is too new."
    assert spoken_fault(Fault("/x", "brand-new", ""), "en")
    assert "regla" in spoken_fault(Fault("/x", "brand-new", "It is too new."), "es")


# -- pages -------------------------------------------------------------------------------------------------------------


class _Tags(HTMLParser):
    """What a page is made of."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.said = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note a tag."""
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        """Note the words."""
        self.said += data


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("code", PROBLEMS)
def test_a_page_tells_the_problem_without_a_script(code: str, language: str) -> None:
    """The page is in its language, holds every text, and needs neither script, inline style nor another server."""
    tags = _Tags(page(code, language))
    problem = PROBLEMS[code]
    assert tags.tags[0] == ("html", {"lang": language})
    assert not {"script", "style", "iframe", "img", "form", "base"} & {tag for tag, _ in tags.tags}
    assert not [name for _, attrs in tags.tags for name in attrs if name == "style" or name.startswith("on")]
    assert {attrs["href"] for _, attrs in tags.tags if "href" in attrs} == {"data:,", "/static/page.css", "/exit"}
    for text in (str(problem.status), problem.example, *(getattr(problem, name)[language] for name in TEXTS)):
        assert text.replace("`", "") in tags.said.replace("`", "")


def test_a_page_escapes_every_word(monkeypatch: pytest.MonkeyPatch) -> None:
    """Markup in a text or example is shown, not obeyed."""
    evil = "</p><script>`alert(1)`</script>\"'&"
    texts = dict.fromkeys(LANGUAGES, evil)
    bad = replace(PROBLEMS["invalid"], title=texts, detail=texts, cause=texts, fix=texts, example=evil)
    monkeypatch.setitem(PROBLEMS, "invalid", bad)
    tags = _Tags(page("invalid", "en"))
    assert "script" not in {tag for tag, _ in tags.tags}
    assert tags.said.count("<script>") == 6


@pytest.mark.parametrize(("pages", "of"), [(("setup",), "setup"), (("welcome", "reset"), "link"), (("sso",), "sso")])
def test_the_pages_with_a_script_obey_the_content_policy(pages: tuple[str, ...], of: str) -> None:
    """Scripts and styles come from /static/ only, every field has a label, and every text has its Spanish."""
    said = set[str | None]()
    for page_name in pages:
        tags = _Tags((STATIC / f"{page_name}.html").read_text("utf-8")).tags
        _must_obey(tags, of)
        said |= {attrs["data-say"] for _, attrs in tags if "data-say" in attrs}
    assert _spanish(of) == said


def _spanish(script: str) -> set[str]:
    """What a script and those it imports have in Spanish."""
    text = (STATIC / f"{script}.js").read_text("utf-8")
    _, _, words = text.partition("const SPANISH")
    own = set(re.findall(r"^  (\w+):", words.partition("};")[0], re.MULTILINE))
    return own.union(*(_spanish(name) for name in re.findall(r'from "\./(\w+)\.js"', text)))


@pytest.mark.parametrize("script", ["form", "setup", "link", "sso"])
def test_what_only_a_script_says_is_said_in_both_languages(script: str) -> None:
    """The same sentences in English and Spanish."""
    _, _, said = (STATIC / f"{script}.js").read_text("utf-8").partition("const SAID")
    english, _, spanish = said.partition("};")[0].partition("  es: {")
    assert english.strip()
    assert re.findall(r"^    (\w+):", english, re.MULTILINE) == re.findall(r"^    (\w+):", spanish, re.MULTILINE)


def _must_obey(tags: list[tuple[str, dict[str, str | None]]], script: str) -> None:
    loaded = [attrs.get("src") or attrs.get("href") for tag, attrs in tags if tag in ("script", "link")]
    assert set(loaded) == {"data:,", "static/page.css", f"static/{script}.js"}
    assert not [name for _, attrs in tags for name in attrs if name == "style" or name.startswith("on")]
    labelled = {attrs.get("for") for tag, attrs in tags if tag == "label"}
    fields = {attrs["id"] for tag, attrs in tags if tag in ("input", "select", "textarea")}
    assert fields - labelled <= {"show"}  # inside its label
