"""The library: every template and jurisdiction in the folder of words, read, checked and joined."""

import re
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, StrictInt, TypeAdapter

from models.content.document import TemplateDocument
from models.content.jurisdiction import Jurisdiction
from models.content.reader import ContentError, Page, Shape
from models.content.text import Key, Language, Problem
from models.content.translation import Translation, TranslationState, Wording

JURISDICTIONS = "jurisdictions"
_FILE_NAME = re.compile(r"(?P<key>[a-z][a-z0-9-]*)\.v(?P<version>[1-9][0-9]{0,5})\.yaml")

Version = Annotated[StrictInt, Field(ge=1, le=999_999)]


class SourceFile(TemplateDocument):
    """`<language>/<key>.v<n>.yaml` in the language in which the template was written."""

    key: Key
    version: Version
    translation: Literal[TranslationState.SOURCE]

    def document(self) -> TemplateDocument:
        """Give the template without the marks of its file."""
        return TemplateDocument.model_validate(self.model_dump(exclude={"key", "version", "translation"}))


class TranslationFile(Wording):
    """`<language>/<key>.v<n>.yaml` in any further language: the words only, under the keys of the original."""

    key: Key
    version: Version
    language: Language
    translation: Literal[TranslationState.DRAFT, TranslationState.REVIEWED]

    def words(self) -> Translation:
        """Give the translation without the marks of its file."""
        marks = {"key", "version", "language", "translation"}
        return Translation.model_validate({**self.model_dump(exclude=marks), "status": self.translation})


@dataclass(frozen=True)
class Library:
    """All words that come with the service: templates by key and version, jurisdictions by key."""

    templates: dict[str, dict[int, TemplateDocument]]
    jurisdictions: dict[str, Jurisdiction]


def parse_template(text: str, name: str = "template.yaml") -> SourceFile:
    """Read one template file from its text, such as an upload; `name` stands in the errors. Raises ContentError."""
    return Page(name, text).check(SourceFile)


def load_library(folder: Path) -> Library:
    """Read `<language>/<key>.v<n>.yaml` and `jurisdictions/<key>.yaml` below the folder.

    Raises ContentError with every problem of every file, so that one run shows an author all there is to mend.
    """
    if not folder.is_dir():
        raise ContentError([f"{folder.name}:1: file: is not a folder"])
    loader = _Loader(folder)
    library = Library(templates=loader.templates(), jurisdictions=loader.jurisdictions())
    if loader.lines:
        raise ContentError(loader.lines)
    return library


def json_schema() -> dict[str, dict[str, Any]]:
    """Make the JSON schemas for editors, by the name of the file they are kept in below `schema/`."""
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema"}
    template: TypeAdapter[Any] = TypeAdapter(
        Annotated[SourceFile | TranslationFile, Field(discriminator="translation")]
    )
    return {
        "template.schema.json": {**head, "title": "Template", **template.json_schema()},
        "jurisdiction.schema.json": {**head, **Jurisdiction.model_json_schema()},
    }


class _Loader:
    """One reading of the folder; gathers problems instead of stopping at the first."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.lines: list[str] = []

    def jurisdictions(self) -> dict[str, Jurisdiction]:
        pages = [self._page(path, key=path.stem) for path in sorted(self.folder.glob(f"{JURISDICTIONS}/*.y*ml"))]
        places = [self._check(page, Jurisdiction) for page in pages if page]
        return {place.key: place for place in places if place}

    def templates(self) -> dict[str, dict[int, TemplateDocument]]:
        found: dict[str, dict[int, TemplateDocument]] = {}
        for (key, version), pages in sorted(self._by_version().items()):
            if document := self._join(pages):
                found.setdefault(key, {})[version] = document
        return found

    def _by_version(self) -> dict[tuple[str, int], list[Page]]:
        pages: dict[tuple[str, int], list[Page]] = defaultdict(list)
        for path in sorted(self.folder.glob("*/*.y*ml")):
            if (language := path.parent.name) == JURISDICTIONS:
                continue
            if not (name := _FILE_NAME.fullmatch(path.name)):
                self.lines.append(f"{self._name(path)}:1: file: must be named <key>.v<number>.yaml")
                continue
            key, version = name["key"], int(name["version"])
            if page := self._page(path, key=key, version=version, language=language):
                pages[key, version].append(page)
        return pages

    def _join(self, pages: list[Page]) -> TemplateDocument | None:
        """Make the document of one version: its source file with the words of every other file."""
        sources = [page for page in pages if page.get("translation") == TranslationState.SOURCE]
        if len(sources) != 1:
            what = f"one file of this version must say source, {len(sources)} do"
            self.lines += pages[0].lines([Problem(("translation",), what)])
            return None
        source = self._check(sources[0], SourceFile)
        if source is None:
            return None
        if source.translations:
            self.lines += sources[0].lines([Problem(("translations",), "belong into files of their own")])
        words = [self._translation(page, source) for page in pages if page is not sources[0]]
        return source.document().model_copy(update={"translations": {tag: one for tag, one in words if one}})

    def _translation(self, page: Page, source: SourceFile) -> tuple[str, Translation | None]:
        file = self._check(page, TranslationFile)
        if file is None:
            return "", None
        lacking = page.lines(file.problems(source.summary, source.sections))
        self.lines += lacking
        return file.language, None if lacking else file.words()

    def _page(self, path: Path, **names: str | int) -> Page | None:
        """Read the file; what its name says must be what it says itself."""
        try:
            page = Page(self._name(path), path.read_text(encoding="utf-8"))
        except UnicodeDecodeError:
            self.lines.append(f"{self._name(path)}:1: file: is not UTF-8 text")
            return None
        except ContentError as error:
            self.lines += error.lines
            return None
        differing = [field for field, value in names.items() if page.get(field) not in (None, value)]
        self.lines += page.lines(Problem((field,), "is not what the file name says") for field in differing)
        return page

    def _check(self, page: Page, shape: type[Shape]) -> Shape | None:
        try:
            return page.check(shape)
        except ContentError as error:
            self.lines += error.lines
            return None

    def _name(self, path: Path) -> str:
        return f"{self.folder.name}/{path.relative_to(self.folder).as_posix()}"
