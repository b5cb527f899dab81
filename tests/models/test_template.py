"""Templates: drafted, published for ever, retired; the library loaded twice is the library loaded once."""

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from api.settings import HERE
from models import library
from models.access import PLATFORM, Actor, Permission
from models.content import ContentError, TemplateDocument, load_library
from models.errors import Conflict, Invalid, NotFound, Stale
from models.ledger import book
from models.plan import Plan
from models.template import Template, TemplateVersion, VersionState, templates_of
from tests.factories import document
from tests.world import TEMPLATE, World

if TYPE_CHECKING:
    from uuid import UUID

WORDS = TemplateDocument.model_validate(document())
OTHER = WORDS.model_copy(update={"title": "Another title"})


class Shelf:
    """One template of Harbor's own."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.id: UUID = self.draft(lambda db: Template.create(db, WORDS).id)

    def draft(self, work: Any) -> Any:
        return self.world.run("ana", Permission.TEMPLATE_DRAFT, work)

    def publish(self, number: int = 1) -> Any:
        work = lambda db: Template.own(db, self.id).publish(db, number).state  # noqa: E731
        return self.world.run("ada", Permission.TEMPLATE_PUBLISH, work)

    def row(self) -> tuple[Any, ...]:
        def read(db: Any) -> tuple[Any, ...]:
            row = db.find(Template, self.id)
            return row.title, row.published, row.draft

        return self.draft(read)


@pytest.fixture
def shelf(world: World) -> Shelf:
    return Shelf(world)


class TestPublish:
    def test_a_draft_can_be_written_until_it_is_published(self, shelf: Shelf) -> None:
        """From then on it never changes, through any verb."""
        shelf.draft(lambda db: Template.own(db, shelf.id).rewrite(db, 1, OTHER, None))
        assert shelf.publish() is VersionState.PUBLISHED
        assert shelf.row() == ("Another title", 1, None)
        with pytest.raises(Conflict) as refused:
            shelf.draft(lambda db: Template.own(db, shelf.id).rewrite(db, 1, WORDS, None))
        assert refused.value.reason == "version-published"
        assert shelf.publish() is VersionState.PUBLISHED  # twice changes nothing

    def test_a_stale_rewrite_is_refused(self, shelf: Shelf) -> None:
        """Two people at one draft: the second is told."""
        shelf.draft(lambda db: Template.own(db, shelf.id).rewrite(db, 1, OTHER, 1))
        with pytest.raises(Stale):
            shelf.draft(lambda db: Template.own(db, shelf.id).rewrite(db, 1, WORDS, 1))

    def test_a_new_draft_begins_from_a_version_and_there_is_one(self, shelf: Shelf) -> None:
        """Number follows number."""
        with pytest.raises(Conflict):
            shelf.draft(lambda db: Template.own(db, shelf.id).begin_draft(db))
        shelf.publish()
        draft = shelf.draft(lambda db: (v := Template.own(db, shelf.id).begin_draft(db), (v.number, v.words()))[1])
        assert draft == (2, WORDS)
        with pytest.raises(NotFound):
            shelf.draft(lambda db: TemplateVersion.of(db, db.find(Template, shelf.id), 7))

    def test_a_plan_keeps_the_version_it_was_made_from(self, shelf: Shelf) -> None:
        """New words reach new plans only."""
        shelf.publish()
        client_id = shelf.world.client()
        make = lambda db: Plan.draft(db, client_id, shelf.id)  # noqa: E731
        old = shelf.world.run("ana", Permission.PLAN_CREATE, make)
        shelf.draft(lambda db: Template.own(db, shelf.id).begin_draft(db))
        shelf.draft(lambda db: Template.own(db, shelf.id).rewrite(db, 2, OTHER, None))
        shelf.publish(2)
        new = shelf.world.run("ana", Permission.PLAN_CREATE, make)
        pinned = lambda db: [db.find(Plan, p).template_version for p in (old, new)]  # noqa: E731
        assert shelf.world.run("ana", Permission.PLAN_READ, pinned) == [1, 2]

    def test_what_is_a_draft_or_retired_makes_no_plan(self, shelf: Shelf) -> None:
        """Plans that stand on it keep it."""
        client_id = shelf.world.client()

        def refused() -> str:
            with pytest.raises(Conflict) as told:
                shelf.world.run("ana", Permission.PLAN_CREATE, lambda db: Plan.draft(db, client_id, shelf.id))
            return told.value.reason

        assert refused() == "not-published"
        shelf.publish()
        shelf.world.run("ada", Permission.TEMPLATE_PUBLISH, lambda db: Template.own(db, shelf.id).retire(db))
        assert refused() == "template-retired"
        assert shelf.draft(lambda db: [t.id for t in _own(db, retired=False)]) == []
        assert shelf.draft(lambda db: [t.id for t in _own(db, retired=True)]) == [shelf.id]

    def test_another_agencys_template_is_unknown(self, shelf: Shelf) -> None:
        """Neither read nor planned from."""
        with pytest.raises(NotFound):
            shelf.world.run("other", Permission.TEMPLATE_READ, lambda db: db.find(Template, shelf.id))
        client_id = shelf.world.client("other")
        shelf.publish()
        with pytest.raises(Invalid):
            shelf.world.run("other", Permission.PLAN_CREATE, lambda db: Plan.draft(db, client_id, shelf.id))


def _own(db: Any, *, retired: bool) -> Any:
    return templates_of(db, library=False, retired=retired, most=10, after=None)


class TestLibrary:
    def platform(self, world: World, work: Any) -> Any:
        """A unit of the platform's."""
        return world.database.transact(Actor.system(PLATFORM), work)

    def test_it_is_copied_never_changed(self, world: World) -> None:
        """The agency's own copy is a draft with the library's words."""
        with pytest.raises(Conflict) as refused:
            world.run("ana", Permission.TEMPLATE_DRAFT, lambda db: Template.own(db, TEMPLATE))
        assert refused.value.reason == "library-template"

        def copy(db: Any) -> tuple[Any, ...]:
            source = db.find(Template, TEMPLATE)
            own = source.copied(db)
            latest = TemplateVersion.of(db, source, source.published).words()
            return own.copied_from_id, own.draft, TemplateVersion.of(db, own, 1).words() == latest

        assert world.run("ana", Permission.TEMPLATE_DRAFT, copy) == (TEMPLATE, 1, True)

    def test_loading_it_again_changes_nothing(self, world: World) -> None:
        """No row, no entry."""
        content = load_library(HERE / "content")
        before = len(world.database.transact(Actor.system(PLATFORM), lambda db: list(_entries(db))))
        done = self.platform(world, lambda db: library.load(db, content))
        assert done.added == []
        assert done.unchanged > 3
        assert len(self.platform(world, lambda db: list(_entries(db)))) == before

    def test_changed_words_of_a_published_version_are_refused_whole(self, world: World) -> None:
        """The message names the file; nothing of the load is kept, not even what was new."""
        content = load_library(HERE / "content")
        key = "personal-safety"
        versions = content.templates[key]
        changed = versions[1].model_copy(update={"title": "Changed after publication"})
        with_new = {"brand-new": {1: WORDS}, key: {**versions, 1: changed}}
        with pytest.raises(ContentError) as refused:
            self.platform(world, lambda db: library.load(db, replace(content, templates=with_new)))
        assert f"{key}.v1.yaml" in str(refused.value)
        ids = self.platform(world, lambda db: [t.id for t in _library(db)])
        assert library.template_id("brand-new") not in ids

    def test_a_new_version_is_added_beside_the_old(self, world: World) -> None:
        """New plans stand on it; the old words stay."""
        content = load_library(HERE / "content")
        key, number = "personal-safety", max(content.templates["personal-safety"]) + 1
        more = {**content.templates, key: {**content.templates[key], number: WORDS}}
        done = self.platform(world, lambda db: library.load(db, replace(content, templates=more)))
        assert done.added == [f"template {key} v{number}"]
        row = world.run("ana", Permission.TEMPLATE_READ, lambda db: db.find(Template, TEMPLATE).published)
        assert row == number


def _entries(db: Any) -> Any:

    return book.entries(db)


def _library(db: Any) -> Any:
    return templates_of(db, library=True, retired=True, most=50, after=None)
