"""Keys in motion: rotated, replaced, worn, by several at once, while others read and write."""

import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa

from models.access import Permission
from models.base import sealed_models, table_of
from models.checklist import ChecklistItem
from models.client import Client
from models.database import Database
from models.errors import KeyRefused, NotFound, SealError
from models.rekey import rekey, rekey_worn
from models.vault import rotation
from models.vault.keys import WORN, AgencyKey, DataKey, Vault
from models.vault.roots import RootKeys
from models.vault.service import ServiceKeys
from models.workspace import Workspace
from tests.factories import behind
from tests.postgres import Urls
from tests.world import AT_HARBOR, World


@pytest.fixture
def own_keys(vault: Vault, tmp_path: Path) -> Path:
    """A copy of the world's key files that a test may turn over."""
    folder = tmp_path / "keys"
    folder.mkdir(mode=0o700)
    for file in vault.root.path.parent.glob("*.json"):
        (folder / file.name).write_bytes(file.read_bytes())
        (folder / file.name).chmod(0o600)
    return folder


def process(world: World, urls: Urls, folder: Path) -> World:
    """The same installation as another process has it: its own database handle, its own memory of keys."""
    vault = Vault(RootKeys(folder / "root.json"), ServiceKeys(folder / "service.json"))
    return replace(world, database=Database(urls.app, vault, pool_size=4))


@pytest.fixture
def world(world: World, urls: Urls, own_keys: Path) -> Iterator[World]:
    made = process(world, urls, own_keys)
    yield made
    made.database.engine.dispose()


@pytest.fixture
def other(world: World, urls: Urls, own_keys: Path) -> Iterator[World]:
    """Another process on the same database, which has used the keys already."""
    made = process(world, urls, own_keys)
    yield made
    made.database.engine.dispose()


def rotate(world: World, agency: str = "Harbor") -> int:
    """A whole rotation of one agency."""
    epoch = world.system(rotation.begin, agency)
    while world.system(lambda db: rotation.rewrap(db, epoch, most=3), agency):
        pass
    world.system(lambda db: rotation.end(db, epoch), agency)
    return epoch


def alias(world: World, client_id: UUID, who: str = "ana") -> Any:
    return world.run(who, Permission.CLIENT_READ, lambda db: db.find(Client, client_id).alias)


def kid_of(urls: Urls, subject_id: UUID) -> list[bytes]:
    keys = table_of(DataKey).c
    with behind(urls.superuser) as connection:
        wanted = sa.select(keys.kid).where(keys.subject_id == subject_id, keys.purpose != "index")
        return [bytes(kid) for kid in connection.execute(wanted).scalars()]


def epochs(urls: Urls, model: Any = DataKey) -> set[int]:
    with behind(urls.superuser) as connection:
        return set(connection.execute(sa.select(table_of(model).c.epoch)).scalars())


class TestRotation:
    def test_every_wrap_moves_and_no_cell_changes(self, world: World, urls: Urls) -> None:
        """Both agencies turned over: nothing is left of the old epoch, and everybody reads what she wrote."""
        clients = [world.client(alias=f"Wren {n}") for n in range(5)]
        foreign = world.client("other", alias="Heron")
        with behind(urls.superuser) as connection:
            cells = connection.execute(sa.select(table_of(Client).c.alias_sealed)).scalars().all()
        assert world.database.vault.root.rotate() == 2
        rotate(world)
        assert epochs(urls) == {1, 2}, "the other agency has not begun"
        rotate(world, "Lighthouse")
        assert epochs(urls) == epochs(urls, AgencyKey) == {2}
        with behind(urls.superuser) as connection:
            assert connection.execute(sa.select(table_of(Client).c.alias_sealed)).scalars().all() == cells
        assert [alias(world, c) for c in clients] == [f"Wren {n}" for n in range(5)]
        assert alias(world, foreign, "other") == "Heron"
        said = [e for e in world.entries() if e["action"].startswith("keys.")]
        assert [e["action"] for e in said] == ["keys.rotation_begun", *["keys.moved"] * 3, "keys.rotated"]
        assert [e["object"]["counts"] for e in said][1:3] == [{"epoch": 2, "keys": 3}] * 2

    def test_attack_22_what_is_made_meanwhile_is_under_the_new_epoch(
        self, world: World, other: World, urls: Urls
    ) -> None:
        """Another process with the old key in its memory makes a client while the rotation is under way."""
        before = other.client(alias="Wren")
        world.database.vault.root.rotate()
        epoch = world.system(rotation.begin)
        made = other.client(alias="Lark")
        keys = table_of(DataKey).c
        with behind(urls.superuser) as connection:
            assert connection.execute(sa.select(keys.epoch).where(keys.subject_id == made)).scalar_one() == epoch
        assert [alias(w, c) for w in (world, other) for c in (before, made)] == ["Wren", "Lark"] * 2
        rotate(world)
        assert [alias(w, c) for w in (world, other) for c in (before, made)] == ["Wren", "Lark"] * 2

    def test_attack_21_two_rotations_at_once(self, world: World, other: World, urls: Urls) -> None:
        """Both end, and each key is wrapped once under the new epoch."""
        clients = [world.client(alias=f"Wren {n}") for n in range(12)]
        world.database.vault.root.rotate()
        both = [threading.Thread(target=rotate, args=[w]) for w in (world, other)]
        for thread in both:
            thread.start()
        for thread in both:
            thread.join(60)
        rotate(world)
        assert [alias(world, c) for c in clients] == [f"Wren {n}" for n in range(12)]
        with behind(urls.superuser) as connection:
            keys = table_of(DataKey).c
            mine = sa.select(sa.func.count()).where(keys.agency_id == world.agency_id(), keys.epoch != 2)
            assert connection.execute(mine).scalar_one() == 0

    def test_the_old_key_stays_while_anything_is_wrapped_under_it(self, world: World) -> None:
        """Ending too early is refused; ending twice changes nothing."""
        world.client()
        world.database.vault.root.rotate()
        epoch = world.system(rotation.begin)
        with pytest.raises(KeyRefused):
            world.system(lambda db: rotation.end(db, epoch))
        rotate(world)
        size = len(world.entries())
        assert rotate(world) == epoch
        assert len(world.entries()) == size

    def test_a_batch_that_fails_leaves_the_keys_as_they_were(self, world: World, urls: Urls) -> None:
        """Attack 23: the database refuses a write in the middle (a full disk does the same)."""
        clients = [world.client(alias=f"Wren {n}") for n in range(4)]
        world.database.vault.root.rotate()
        epoch = world.system(rotation.begin)

        def broken(db: Workspace) -> None:
            rotation.rewrap(db, epoch)
            raise OSError(28, "no space left on device")

        with pytest.raises(OSError, match="no space"):
            world.system(broken)
        assert [alias(world, c) for c in clients] == [f"Wren {n}" for n in range(4)]
        rotate(world)
        assert [alias(world, c) for c in clients] == [f"Wren {n}" for n in range(4)]


def _folder(world: World) -> Path:
    return world.database.vault.root.path.parent


class TestReplacing:
    def test_every_row_is_sealed_anew_and_the_old_key_is_gone(self, world: World, urls: Urls) -> None:
        """A client with a plan: all that was sealed is sealed under the new key, and reads as before."""
        client = world.client(alias="Wren", contact={"phone": "555 0142"})
        item = _personal_item(world, client)
        old = kid_of(urls, client)
        assert world.system(lambda db: rekey(db, client)) >= 2
        new = kid_of(urls, client)
        assert len(new) == 1
        assert new != old
        assert not _cells_under(urls, old[0])
        assert alias(world, client) == "Wren"
        assert world.run("ana", Permission.PLAN_READ, lambda db: db.find(ChecklistItem, item).text) == "her words"

    def test_blanking_leaves_nothing_of_a_field_and_all_of_the_others(self, world: World, urls: Urls) -> None:
        """A field blanked on the way is null; its neighbour in the same row stays."""
        client = world.client(alias="Wren", legal_name="Wren Alder")
        item = _personal_item(world, client)
        world.system(lambda db: rekey(db, client, blank={"checklist_items": ["text"], "clients": ["legal_name"]}))
        read = world.run(
            "ana", Permission.PLAN_READ, lambda db: (i := db.find(ChecklistItem, item)) and (i.text, i.detail)
        )
        assert read == (None, "with Dana")
        assert alias(world, client) == "Wren"

    def test_the_agencys_own_key(self, world: World, urls: Urls) -> None:
        """Staff are still found by their addresses, and named."""
        agency = world.agency_id()
        old = kid_of(urls, agency)
        assert world.system(lambda db: rekey(db, agency)) == AT_HARBOR
        assert not _cells_under(urls, old[0])
        person = world.people["ben"].actor.id
        from models.user import User

        assert world.system(lambda db: db.find(User, person).display_name) == "Ben"

    def test_unknown_and_foreign_are_not_found(self, world: World) -> None:
        """Somebody else's client has no key here."""
        foreign = world.client("other")
        with pytest.raises(NotFound):
            world.system(lambda db: rekey(db, foreign))

    def test_another_process_forgets_the_old_key_before_it_uses_one_again(
        self, world: World, other: World, urls: Urls
    ) -> None:
        """What the other process seals afterwards is under the new key, and what it holds of the old one is gone."""
        client = world.client(alias="Wren")
        assert alias(other, client) == "Wren"
        old = kid_of(urls, client)[0]
        agency = world.agency_id().bytes
        assert other.database.vault.cached(agency, old) is not None
        world.system(lambda db: rekey(db, client))
        other.run("ana", Permission.CLIENT_UPDATE, lambda db: db.claim(Client, client).update(db, alias="Lark"))
        assert other.database.vault.cached(agency, old) is None
        assert not _cells_under(urls, old)
        assert alias(world, client) == "Lark"

    @pytest.mark.parametrize("kind", ["postgresql"])
    def test_whoever_sealed_under_a_key_replaced_meanwhile_is_run_again(
        self, world: World, other: World, urls: Urls, kind: str
    ) -> None:
        """The other process has read the turn and the key when the key is replaced; nothing is lost. (On SQLite there
        is one writer at a time: it cannot happen.)"""
        client = world.client(alias="Wren")
        runs = []

        def make_plan_slowly(db: Workspace) -> None:
            db.keys.sealer(client, 0)
            runs.append(1)
            if len(runs) == 1:
                world.system(lambda inner: rekey(inner, client))
            db.claim(Client, client).update(db, alias="Lark")

        other.run("ana", Permission.CLIENT_UPDATE, make_plan_slowly)
        assert len(runs) == 2
        assert len(kid_of(urls, client)) == 1
        assert alias(world, client) == alias(other, client) == "Lark"

    def test_replacing_while_others_write(self, world: World, other: World, urls: Urls) -> None:
        """Eight edits of eight clients' names while their keys are replaced again and again: every edit kept."""
        clients = [world.client(alias="Wren") for _ in range(4)]
        failed: list[BaseException] = []

        def edit(client: UUID) -> None:
            try:
                for n in range(6):
                    other.run(
                        "ana",
                        Permission.CLIENT_UPDATE,
                        lambda db, n=n: db.claim(Client, client).update(db, alias=f"Lark {n}"),
                    )
            except BaseException as error:  # noqa: BLE001 - shown below
                failed.append(error)

        threads = [threading.Thread(target=edit, args=[client]) for client in clients]
        for thread in threads:
            thread.start()
        while any(thread.is_alive() for thread in threads):
            for client in clients:
                world.system(lambda db, c=client: rekey(db, c))
            time.sleep(0.05)  # SQLite lets whoever waits in only when nobody writes
        assert not failed
        assert [alias(world, client) for client in clients] == ["Lark 5"] * 4
        assert all(len(kid_of(urls, client)) == 1 for client in clients)

    def test_every_model_with_sealed_fields_is_reached(self) -> None:
        """By the client's column or the agency's."""
        names = {model.__tablename__ for model in sealed_models()}
        assert {"clients", "checklist_items", "plan_sections", "plans", "reviews", "external_ids", "users"} <= names


class TestWear:
    def test_attack_29_seals_are_counted_and_a_worn_key_is_replaced(self, world: World, urls: Urls) -> None:
        """Each sealed cell counts; beyond 2^20 the worker's chore gives a new key, which starts anew."""
        client = world.client(alias="Wren")
        assert _seals(urls, client) == [7]
        world.run("ana", Permission.CLIENT_UPDATE, lambda db: db.claim(Client, client).update(db, alias="Lark"))
        assert _seals(urls, client) == [14]
        assert world.system(rekey_worn) == 0
        with behind(urls.superuser) as connection:
            keys = table_of(DataKey)
            connection.execute(sa.update(keys).where(keys.c.subject_id == client).values(seals=WORN))
        old = kid_of(urls, client)
        assert world.system(rekey_worn) == 1
        assert kid_of(urls, client) != old
        assert _seals(urls, client) == [7]
        assert alias(world, client) == "Lark"

    def test_a_key_deleted_behind_the_services_back_seals_nothing(self, world: World, urls: Urls) -> None:
        """The process remembers it, the database does not: the write is refused, not lost in a cell nobody opens."""
        client = world.client(alias="Wren")
        assert alias(world, client) == "Wren"
        with behind(urls.superuser) as connection:
            keys = table_of(DataKey)
            connection.execute(sa.delete(keys).where(keys.c.subject_id == client))
        with pytest.raises(SealError):
            world.run("ana", Permission.CLIENT_UPDATE, lambda db: db.claim(Client, client).update(db, alias="Lark"))


def _seals(urls: Urls, subject_id: UUID) -> list[int]:
    keys = table_of(DataKey).c
    with behind(urls.superuser) as connection:
        return list(connection.execute(sa.select(keys.seals).where(keys.subject_id == subject_id)).scalars())


def _cells_under(urls: Urls, kid: bytes) -> int:
    """How many cells in the whole database name this key."""
    found = 0
    with behind(urls.superuser) as connection:
        for model in sealed_models():
            table = table_of(model)
            for column in [c for c in table.c if c.name.endswith("_sealed")]:
                cells = connection.execute(sa.select(column).where(column.is_not(None))).scalars()
                found += sum(bytes(cell)[1:9] == kid for cell in cells)
    return found


def _personal_item(world: World, client: UUID) -> UUID:
    """A plan whose first item was put into her words."""
    plan = world.plan(client)

    def write(db: Workspace) -> UUID:
        item: UUID = db.all(sa.select(ChecklistItem).where(table_of(ChecklistItem).c.plan_id == plan))[0].id
        db.claim(ChecklistItem, item).personalise(db, text="her words", detail="with Dana")
        return item

    return world.run("ana", Permission.CHECKLIST_UPDATE, write)
