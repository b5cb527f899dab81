"""What the words in content/ promise to advocates and survivors."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from models.content import (
    ItemKind,
    ItemText,
    Jurisdiction,
    Library,
    SectionText,
    TemplateDocument,
    json_schema,
    load_library,
    placeholders_in,
    render,
)

CONTENT = Path(__file__).parents[2] / "content"
TEMPLATES = ["personal-safety", "preparing"]
JURISDICTIONS = ["us-ct", "ie"]
LANGUAGES = ["en", "es"]

# One line for each item: kind (A action, P personal, T talk, I information), ! may be noticed, R removable, V review,
# S secret, then the shared fact.
SEED = {
    "home": ["P", "P", "P", "P! spare_keys", "A hotline", "AV"],
    "work": ["P protective_order", "P"],
    "neighborhood": ["P trusted_neighbor", "T", "PS", "A protective_order"],
    "technology": ["P", "I!", "I", "A!", "A!", "I"],
    "children": ["TR", "P trusted_neighbor", "T", "A protective_order", "T", "P"],
    "emergency": ["P", "P trusted_neighbor", "I"],
    "bag": ["A", "A", "A", "A protective_order", *["A"] * 8, "A spare_keys", "A"],
}

# Sentences of the public page the facts came from: its facts are ours to carry, its wording is not.
FORBIDDEN = [
    "You can't control your partner's abusive behavior but you can take steps to protect yourself and your children",
    "You are the best person to know your situation",
    "A safety plan is a personalized and practical plan that helps you identify things you can do",
    "Practice how to get out of your home safely. Identify which doors, windows or stairwell would work best.",
    "Decide and plan for where you will go if you have to leave home, even if you don't think you will need to leave.",
    "Have an extra set of keys along with a packed bag, ready to go in a safe but accessible location.",
    "Give a copy of your restraining or protective order to your boss and trusted co-workers.",
    "Tell your boss and co-workers to call the police if they see your abuser at your workplace.",
    "Ask the neighbor that they call the police if they hear a disturbance coming from your home.",
    "Devise a code word with your neighbor so they know when to call the police.",
    "If you are being monitored, don't suddenly delete your entire internet history if you don't normally do that.",
    "Create an email address that doesn't use your full name and is not overly identifying.",
    "Be sure to use a combination of letters, numbers and symbols when creating the password.",
    "Teach them how to dial 911. Ensure them that they can trust the police.",
    "Reassure them that violence is not their fault and that you want to be sure they stay safe.",
    "Teach them how to distinguish between a real emergency and a simple argument.",
    "Do not run into a room with no escape (e.g.; a closet) or with weapons (e.g.; the kitchen).",
    "Get to a safe place, such as a trusted neighbor's house, where you can call 911.",
    "Credit cards or a list of credit cards you jointly hold or hold yourself",
    "List of phone numbers of friends, relatives, doctors, schools, etc.",
]


@pytest.fixture(scope="module")
def library() -> Library:
    return load_library(CONTENT)


def marks(item: ItemText) -> str:
    flags = {"!": item.noticeable, "R": item.removable, "V": item.review, "S": item.secret}
    short = item.kind.value[0].upper() + "".join(mark for mark, raised in flags.items() if raised)
    return f"{short} {item.shared_fact}" if item.shared_fact else short


def words_of(section: SectionText) -> Iterator[str]:
    yield from (section.title, section.guidance)
    for item in section.items:
        yield from (words for words in (item.text, item.prompt, item.notice) if words)


def words_in(document: TemplateDocument, language: str) -> Iterator[str]:
    heading = document.heading_in(language)
    yield from (heading.title, heading.summary)
    for section in document.in_language(language):
        yield from words_of(section)


def runs(text: str, length: int = 6) -> set[tuple[str, ...]]:
    words = re.findall(r"[a-z0-9']+", text.lower())
    return {tuple(words[start : start + length]) for start in range(len(words) - length + 1)}


def grade(text: str) -> float:
    """Flesch-Kincaid grade, with vowel groups for syllables."""
    sentences = [one for one in re.split(r"[.:?!\n]+", text) if one.strip()]
    words = re.findall(r"[A-Za-z']+", text)
    syllables = sum(max(1, len(re.findall("[aeiouy]+", word.lower().removesuffix("e")))) for word in words)
    return 0.39 * len(words) / len(sentences) + 11.8 * syllables / len(words) - 15.59


class TestPersonalSafety:
    def test_every_item_of_the_seed_is_there(self, library: Library) -> None:
        """All 41 items stand in their sections, with their kind, their warnings and their shared facts."""
        document = library.templates["personal-safety"][1]
        assert {one.key: [marks(item) for item in one.items] for one in document.sections} == SEED
        assert sum(len(one.items) for one in document.sections) == 41

    def test_keys_are_neutral(self, library: Library) -> None:
        """A key tells the section and a number, so that an address or an export gives nothing away."""
        for section in library.templates["personal-safety"][1].sections:
            assert [item.key for item in section.items] == [f"{section.key}-{n + 1}" for n in range(len(section.items))]

    def test_the_summary_carries_the_facts(self, library: Library) -> None:
        """The summary names the risk of leaving, staying, who decides, watched devices, and where help is."""
        summary = library.templates["personal-safety"][1].summary
        for fact in ("Danger often grows when a person leaves", "if you stay", "you decide", "may be watching"):
            assert fact in summary
        assert {"emergency_number", "hotline_phone", "hotline_site"} <= placeholders_in(summary)


@pytest.mark.parametrize("key", TEMPLATES)
class TestEveryTemplate:
    def test_personal_items_ask_and_noticeable_ones_warn(self, library: Library, key: str) -> None:
        """A step that needs the survivor's own words asks for them; one that may be noticed says why."""
        for item in (item for section in library.templates[key][1].sections for item in section.items):
            assert (item.kind is ItemKind.PERSONAL) == bool(item.prompt), item.key
            assert item.noticeable == bool(item.notice), item.key

    def test_credits_are_given(self, library: Library, key: str) -> None:
        """Source, licence and reading level are told, and nobody is named as reviewer who was not."""
        document = library.templates[key][1]
        assert all([document.source, document.licence, document.reading_level])
        assert (document.reviewed_on, document.reviewer) == (None, None)
        assert all(section.source for section in document.sections)

    def test_spanish_is_whole(self, library: Library, key: str) -> None:
        """Spanish has the same keys and the same placeholders at each place, its own words, and says it is a draft."""
        document = library.templates[key][1]
        assert list(document.translations) == ["es"]
        english, spanish = ([*words_in(document, language)] for language in LANGUAGES)
        assert [placeholders_in(words) for words in english] == [placeholders_in(words) for words in spanish]
        assert not set(english) & set(spanish)
        assert {section.translation for section in document.in_language("es")} == {"draft"}

    def test_the_wording_is_our_own(self, library: Library, key: str) -> None:
        """No run of six words is shared with the page the facts came from, in Connecticut's terms too."""
        forbidden = set().union(*map(runs, FORBIDDEN))
        values = library.jurisdictions["us-ct"].values_in("en")
        for words in words_in(library.templates[key][1], "en"):
            assert not runs(render(words, values)) & forbidden, words

    def test_the_words_respect(self, library: Library, key: str) -> None:
        """Nobody is called a patient or a victim, and no number or name of one place is written into the words."""
        unwanted = re.compile(
            r"\b(patients?|victims?|pacientes?|víctimas?|91{2}|112|999|Connect|Women's Aid|green card)\b", re.IGNORECASE
        )
        for words in (words for language in LANGUAGES for words in words_in(library.templates[key][1], language)):
            assert not unwanted.search(words), words

    def test_english_is_plain(self, library: Library, key: str) -> None:
        """The English reads at about US grade six."""
        sentences = [words.rstrip(".") + "." for words in words_in(library.templates[key][1], "en")]
        assert grade("\n".join(sentences)) < 6.5

    def test_round_trip(self, library: Library, key: str) -> None:
        """What is stored as JSON comes back the same, whether parsed by pydantic or handed over as a dict."""
        document = library.templates[key][1]
        assert TemplateDocument.model_validate_json(document.model_dump_json()) == document
        assert TemplateDocument.model_validate(json.loads(document.model_dump_json())) == document


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("place", JURISDICTIONS)
class TestJurisdictions:
    def test_every_placeholder_is_rendered(self, library: Library, place: str, language: str) -> None:
        """No brace is left in any text, in either place and either language."""
        values = library.jurisdictions[place].values_in(language)
        for key in TEMPLATES:
            for words in words_in(library.templates[key][1], language):
                assert not set("{}") & set(render(words, values)), words

    def test_nobody_claims_a_review(self, library: Library, place: str, language: str) -> None:
        """Until someone on the spot has checked the values, the place is a draft without a date."""
        jurisdiction = library.jurisdictions[place]
        assert (jurisdiction.status, jurisdiction.reviewed_on) == ("draft", None)
        assert Jurisdiction.model_validate_json(jurisdiction.model_dump_json()) == jurisdiction


class TestFacts:
    def test_places_differ(self, library: Library) -> None:
        """Each place has its own numbers: nothing is hard-wired."""
        connecticut, ireland = (library.jurisdictions[place].values_in("en") for place in JURISDICTIONS)
        assert (connecticut["emergency_number"], connecticut["hotline_phone"]) == ("911", "(888) 774-2900")
        assert (ireland["emergency_number"], ireland["hotline_phone"]) == ("112", "1800 341 900")
        assert "green card" in connecticut["citizenship_documents"]
        assert "IRP" in ireland["citizenship_documents"]


class TestKinds:
    def test_information_cannot_be_ticked(self) -> None:
        """All kinds can be ticked but information, which can only be read."""
        assert [kind.value for kind in ItemKind if not kind.tickable] == ["information"]


class TestSchema:
    @pytest.mark.parametrize("name", ["template.schema.json", "jurisdiction.schema.json"])
    def test_files_are_the_generated_ones(self, name: str) -> None:
        """Editors check against the same shapes as the service; content/README.md says how to write them again."""
        assert json.loads((CONTENT / "schema" / name).read_text(encoding="utf-8")) == json_schema()[name]

    def test_every_file_names_its_schema(self) -> None:
        """The first line of each file tells an editor where the schema is, and it is there."""
        files = sorted(CONTENT.glob("*/*.yaml"))
        assert len(files) == len(TEMPLATES) * len(LANGUAGES) + len(JURISDICTIONS)
        for file in files:
            start, _, schema = file.read_text(encoding="utf-8").partition("\n")[0].partition("=")
            assert start == "# yaml-language-server: $schema"
            assert (file.parent / schema).is_file()
