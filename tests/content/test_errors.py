"""What a file of words that is wrong is told, and that no file can do harm."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from pydantic import ValidationError

from models.content import ContentError, TemplateDocument, load_library, parse_template, render

CONTENT = Path(__file__).parents[2] / "content"
ENGLISH, SPANISH = "en/personal-safety.v1.yaml", "es/personal-safety.v1.yaml"

SMALL = """\
key: small
version: 1
language: en
translation: source
title: No
sections:
  - key: one
    title: Off
    items:
      - key: one-1
        text: "Call {emergency_number}."
        kind: action
"""

Edit = Callable[[str, str, str], list[str]]


@pytest.fixture
def after(tmp_path: Path) -> Edit:
    """Give the errors after one piece of one file has been replaced."""
    folder = tmp_path / "content"
    shutil.copytree(CONTENT, folder)

    def edit(file: str, old: str, new: str) -> list[str]:
        text = (folder / file).read_text(encoding="utf-8")
        assert old in text
        (folder / file).write_text(text.replace(old, new, 1), encoding="utf-8")
        with pytest.raises(ContentError) as error:
            load_library(folder)
        assert str(error.value).splitlines() == list(error.value.lines)
        return list(error.value.lines)

    return edit


def line_of(file: str, piece: str) -> int:
    return (CONTENT / file).read_text(encoding="utf-8").partition(piece)[0].count("\n") + 1


class TestLibraryErrors:
    def test_missing_field(self, after: Edit) -> None:
        """A missing field is named, with the line of the item that lacks it."""
        line = line_of(ENGLISH, "- key: home-6")
        what = "sections[0].items[5].kind: is missing"
        old = "kind: action\n        review: true"
        assert after(ENGLISH, old, "review: true") == [f"content/{ENGLISH}:{line}: {what}"]

    def test_wrong_type(self, after: Edit) -> None:
        """A number where text belongs is named by its own line."""
        line = line_of(ENGLISH, "title: At work")
        what = "sections[1].title: must be text; put it in quotes"
        assert after(ENGLISH, "title: At work", "title: 12") == [f"content/{ENGLISH}:{line}: {what}"]

    def test_flags_are_flags(self, after: Edit) -> None:
        """A word is not taken for true or false."""
        line = line_of(ENGLISH, "noticeable: true")
        what = "sections[0].items[3].noticeable: must be true or false"
        assert after(ENGLISH, "noticeable: true", "noticeable: Yes") == [f"content/{ENGLISH}:{line}: {what}"]

    def test_unknown_field_and_kind(self, after: Edit) -> None:
        """A misspelt field or kind is named, not ignored."""
        line = line_of(ENGLISH, "kind: talk")
        what = "sections[2].items[1].kind: should be 'action', 'personal', 'talk' or 'information'"
        assert after(ENGLISH, "kind: talk", "kind: tlak") == [f"content/{ENGLISH}:{line}: {what}"]
        assert after(ENGLISH, "removable:", "removeable:")[-1].endswith("removeable: is not a known field")

    def test_duplicate_key(self, after: Edit) -> None:
        """A field written twice is refused at the line of the second, without its value."""
        lines = after(SPANISH, "title: En el trabajo", "title: En el trabajo\n    title: Otra cosa")
        line = line_of(SPANISH, "title: En el trabajo") + 1
        assert lines == [f"content/{SPANISH}:{line}: file: has the key title twice"]

    def test_repeated_item(self, after: Edit) -> None:
        """Two items under one key are both shown."""
        lines = after(ENGLISH, "key: bag-2\n", "key: bag-1\n")
        first, second = line_of(ENGLISH, "key: bag-1\n"), line_of(ENGLISH, "key: bag-2\n")
        what = "this key is used twice"
        assert lines == [
            f"content/{ENGLISH}:{first}: sections[6].items[0].key: {what}",
            f"content/{ENGLISH}:{second}: sections[6].items[1].key: {what}",
        ]

    @pytest.mark.parametrize("placeholder", ["{hotline}", "{hotline_phone", "{{hotline_phone}}", "{0}"])
    def test_unknown_placeholder(self, after: Edit, placeholder: str) -> None:
        """Braces hold a known placeholder or are refused, at the line of the text."""
        line = line_of(ENGLISH, "It is {hotline_phone}")
        (error,) = after(ENGLISH, "It is {hotline_phone}", f"It is {placeholder}")
        assert error.startswith(f"content/{ENGLISH}:{line}: sections[0].items[4].text: has an unknown placeholder")

    def test_translation_lacks_an_item(self, after: Edit) -> None:
        """The translation's own file and section are named when an item of the original is missing there."""
        lines = after(SPANISH, "      - key: bag-14\n        text: Cosas", "        # Cosas")
        line = line_of(SPANISH, "- key: bag-13") - 12 * 2
        assert lines == [f"content/{SPANISH}:{line - 1}: sections[6].items: lacks bag-14, which the original has"]

    def test_translation_lacks_a_warning(self, after: Edit) -> None:
        """A warning that was not translated is an error: it would be lost for the survivor."""
        (error,) = after(SPANISH, "notice: Un bolso", "# Un bolso")
        assert error.endswith("sections[0].items[3].notice: is in the original but not in this translation")

    def test_translation_adds_an_item(self, after: Edit) -> None:
        """An item only the translation knows is refused at its key."""
        lines = after(SPANISH, "key: work-2", "key: work-3")
        place = f"content/{SPANISH}:{line_of(SPANISH, 'key: work-2')}: sections[1].items[1].key"
        assert f"{place}: work-3 is not in the original at this place" in lines
        assert len(lines) == 2

    @pytest.mark.parametrize("field", ["key: personal-safety", "version: 1", "language: es"])
    def test_file_name_agrees(self, after: Edit, field: str) -> None:
        """Key, version and language inside are those of the file name."""
        changed = {"key": "key: other", "version": "version: 2", "language": "language: fr"}
        name = field.partition(":")[0]
        line = line_of(SPANISH, field)
        expected = f"content/{SPANISH}:{line}: {name}: is not what the file name says"
        assert expected in after(SPANISH, field, changed[name])

    def test_one_source(self, after: Edit) -> None:
        """A version has one original."""
        (error,) = after(ENGLISH, "translation: source", "translation: reviewed")
        assert error.endswith("translation: one file of this version must say source, 0 do")

    def test_translations_stand_in_files(self, tmp_path: Path) -> None:
        """In the library a translation has a file of its own, so that there are never two of one language."""
        words = "{status: draft, title: x, sections: [{key: one, title: x, items: [{key: one-1, text: x}]}]}"
        (tmp_path / "en").mkdir()
        (tmp_path / "en" / "small.v1.yaml").write_text(f"{SMALL}translations:\n  es: {words}\n", encoding="utf-8")
        with pytest.raises(ContentError, match=r"en/small.v1.yaml:13: translations: belong into files of their own"):
            load_library(tmp_path)

    def test_jurisdiction(self, after: Edit) -> None:
        """A place that lacks a value, or holds a wrong one, is named with its line."""
        file = "jurisdictions/ie.yaml"
        assert after(file, "  hotline_site: womensaid.ie\n", "") == [
            f"content/{file}:{line_of(file, 'values:')}: values.hotline_site: is missing"
        ]
        assert after(file, "Europe/Dublin", "../etc")[0].startswith(f"content/{file}:5: time_zone: ")
        assert after(file, "https://www.met.ie/", "javascript:alert(1)")[-1].startswith(f"content/{file}:6: neutral_")
        number = f"content/{file}:{line_of(file, 'emergency_number')}: values.emergency_number: must be text"
        assert any(line.startswith(number) for line in after(file, '"112"', "112"))

    def test_all_problems_at_once(self, after: Edit) -> None:
        """One run shows the problems of every file."""
        after(ENGLISH, "title: At home", "title: 1")
        after("en/preparing.v1.yaml", "title: Your pets", "title: 2")
        assert len(after("jurisdictions/ie.yaml", "country: IE", "country: Ireland")) == 3

    def test_not_a_folder(self, tmp_path: Path) -> None:
        """A missing folder is an error, not an empty library."""
        with pytest.raises(ContentError, match="nowhere:1: file: is not a folder"):
            load_library(tmp_path / "nowhere")


class TestOneFile:
    def test_no_stays_no(self) -> None:
        """The labels No and Off stay words."""
        file = parse_template(SMALL)
        assert (file.title, file.sections[0].title) == ("No", "Off")

    @pytest.mark.parametrize(
        ("text", "what"),
        [
            ("a: [1\nb: 2", "small.yaml:2: file: is not YAML"),
            ("a: &x 1\nb: *x", "small.yaml:1: file: uses an anchor or alias"),
            ("a: !!python/object:os.system x", "small.yaml:1: file: uses a YAML tag"),
            ("a: " + "[" * 5_000, "small.yaml:1: file: is nested deeper"),
            ("a: " + "9" * 5_000, "small.yaml:1: file: cannot be read"),
            ("a: 2026-13-45", "small.yaml:1: file: cannot be read"),
            ("a: 'x\x00'", "small.yaml:1: file: cannot be read"),
            ("", "small.yaml:1: file: must be a mapping"),
            ("- a", "small.yaml:1: file: must be a mapping"),
            ("a: 1\n---\nb: 2", "small.yaml:2: file: is not YAML"),
            ("? [a, b]\n: 1", "small.yaml:1: "),
            ("a" * 500_001, "small.yaml:1: file: is longer"),
            ("a: [" + "1," * 50_000 + "]", "small.yaml:1: file: has more than 40000 parts"),
        ],
        ids=range(13),
    )
    def test_hostile_files(self, text: str, what: str) -> None:
        """Whatever is uploaded ends in a ContentError that names file and line."""
        with pytest.raises(ContentError) as error:
            parse_template(text, "small.yaml")
        assert str(error.value).startswith(what)

    def test_a_notice_is_shown(self) -> None:
        """A warning on a step that is not marked as noticeable is refused: nobody would see it."""
        with pytest.raises(ContentError) as error:
            parse_template(SMALL + "        notice: Think first.\n")
        what = "sections[0].items[0].notice: would never be shown: set noticeable to true"
        assert error.value.lines == (f"template.yaml:13: {what}",)

    def test_no_value_is_echoed(self) -> None:
        """An error tells the place and never the words that stood there."""
        for wrong in ('"canary-7f3a {x}"', "[canary-7f3a]", "{canary: canary-7f3a}", '"canary-7f3a\\u0007"'):
            with pytest.raises(ContentError) as error:
                parse_template(SMALL.replace('"Call {emergency_number}."', wrong))
            assert "canary-7f3a" not in str(error.value)


def stored(**changes: object) -> dict[str, object]:
    return parse_template(SMALL).document().model_dump(mode="json") | changes


class TestDocument:
    @pytest.mark.parametrize("bad", ["\x00", "\x1b[31m", "\t", "\u202e", "\ufeff", "\ud800", "\x85"])
    def test_control_characters(self, bad: str) -> None:
        """No text takes characters that cannot be seen or that turn others around."""
        with pytest.raises(ValidationError):
            TemplateDocument.model_validate(stored(summary=f"a{bad}b"))

    def test_limits(self) -> None:
        """A title, the number of sections and the number of items in all are bounded."""
        item = {"text": "x", "kind": "action"}
        sections = [
            {"key": f"s{s}", "title": "x", "items": [{**item, "key": f"s{s}-{n}"} for n in range(100)]}
            for s in range(6)
        ]
        too_much: list[dict[str, object]] = [
            {"title": "x" * 201},
            {"sections": sections},
            {"sections": []},
            {"title": " "},
        ]
        for changes in too_much:
            with pytest.raises(ValidationError):
                TemplateDocument.model_validate(stored(**changes))
        assert len(TemplateDocument.model_validate(stored(sections=sections[:5])).sections) == 5

    def test_dates_are_dates(self) -> None:
        """A number is not read as seconds since 1970."""
        with pytest.raises(ValidationError):
            TemplateDocument.model_validate(stored(reviewed_on=0))

    def test_translation_problems_have_a_place(self) -> None:
        """The REST API can point at the very item of the translation that does not fit."""
        words = {"status": "draft", "title": "No", "sections": [{"key": "one", "title": "x", "items": []}]}
        words["sections"][0]["items"] = [{"key": "one-2", "text": "x"}]  # type: ignore[index]
        with pytest.raises(ValidationError) as error:
            TemplateDocument.model_validate(stored(translations={"es": words}))
        places = [one["loc"] for one in error.value.errors()]
        start = ("translations", "es", "sections", 0, "items")
        assert places == [start, (*start, 0, "key")]

    def test_language_falls_back(self) -> None:
        """A language that is not there is served by its nearest relative, else by the original, and this is told."""
        document = load_library(CONTENT).templates["personal-safety"][1]
        told = [document.in_language(wanted)[0] for wanted in ("es-MX", "es", "en-GB", "so", "")]
        assert [(one.lang, one.translation.value) for one in told] == [
            ("es", "draft"), ("es", "draft"), ("en", "source"), ("en", "source"), ("en", "source"),
        ]  # fmt: skip
        assert document.heading_in("es-MX").title == "Plan de seguridad personal"

    def test_translated_items_keep_their_marks(self) -> None:
        """Kind and warnings are the original's in every language."""
        document = load_library(CONTENT).templates["personal-safety"][1]
        for original, spanish in zip(document.sections, document.in_language("es"), strict=True):
            words = {"text", "prompt", "notice"}
            assert [i.model_dump(exclude=words) for i in original.items] == [
                i.model_dump(exclude=words) for i in spanish.items
            ]


class TestRender:
    def test_values_are_not_rendered_again(self) -> None:
        """A value that looks like a placeholder stays as it is."""
        assert render("{hotline_name}", {"hotline_name": "{hotline_phone}"}) == "{hotline_phone}"

    def test_missing_value(self) -> None:
        """A missing number is an error; an empty place on a safety plan would be worse."""
        with pytest.raises(KeyError, match="hotline_phone"):
            render("Call {hotline_phone}", {})
