"""The words of the service: templates, their translations and what differs from place to place.

Read `text` (clean strings, placeholders), `section`, `translation`, `document` (what is stored), `jurisdiction`, then
`reader` and `library` (the YAML files in content/).
"""

from models.content.document import TemplateDocument
from models.content.jurisdiction import Jurisdiction
from models.content.library import Library, SourceFile, TranslationFile, json_schema, load_library, parse_template
from models.content.reader import ContentError
from models.content.section import ItemKind, ItemText, SectionText
from models.content.text import Placeholder, placeholders_in, render
from models.content.translation import Heading, LocalizedSection, Translation, TranslationState

__all__ = [
    "ContentError",
    "Heading",
    "ItemKind",
    "ItemText",
    "Jurisdiction",
    "Library",
    "LocalizedSection",
    "Placeholder",
    "SectionText",
    "SourceFile",
    "TemplateDocument",
    "Translation",
    "TranslationFile",
    "TranslationState",
    "json_schema",
    "load_library",
    "parse_template",
    "placeholders_in",
    "render",
]
