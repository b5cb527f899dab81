"""What people say and write is unreadable wherever it is kept, and opens only in the place it was sealed for."""

import base64
import copy
import pickle
import random
import re
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
import sqlalchemy as sa
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlmodel import SQLModel
from sqlmodel.sql.sqltypes import AutoString

from api import log
from models.access import GRANTS, PLATFORM, Actor, Permission
from models.agency import agency_ids
from models.base import ID, MODELS, table_of
from models.checklist import ChecklistItem, PlanSection
from models.client import Client
from models.errors import KeyRefused, SealError
from models.factor_reset import FactorReset
from models.ledger.action import Action
from models.plan import Plan
from models.rows import Query
from models.user import User
from models.vault import cells
from models.vault.keys import AgencyKey, DataKey, Vault
from models.vault.sealed import sealed_fields
from models.workspace import Workspace
from tests import world as worlds
from tests.conftest import Api
from tests.factories import Scene, behind, doer, enrolled, operations, stage
from tests.postgres import Server, Urls
from tests.world import PEOPLE, World

INVENTORY = Path(__file__).parents[2] / "docs" / "data-inventory.md"
CLASSES = {"sealed", "tag", "wrapped", "plain"}
CANARY = "cormorant-7c3e"
DAMAGED = "SealError"
#: Sealed fields whose values come from a fixed form, so that no canary fits in; their own values are looked for instead.
WITHOUT_CANARY = {("clients", "languages"), ("clients", "date_of_birth"), ("factors", "secret")}
SEALED = [(model, field.name) for model in MODELS.values() for field in sealed_fields(model)]


# -- the inventory -------------------------------------------------------------------------------------------------


def inventory() -> dict[tuple[str, str], tuple[str, str]]:
    """docs/data-inventory.md as (table, column) -> (class, what it gives away)."""
    found, table = {}, ""
    for line in INVENTORY.read_text().splitlines():
        if line.startswith("## "):
            table = line.removeprefix("## ").strip()
        elif table and line.startswith("| ") and not line.startswith(("| column ", "|---")):
            name, kind, leak = (part.strip() for part in line.strip("|").split("|"))
            assert (table, name) not in found, f"{table}.{name} stands twice in docs/data-inventory.md"
            found[table, name] = kind, leak
    return found


def test_every_column_is_in_the_inventory_and_nothing_else_is() -> None:
    """What a new column gives away is decided before it is merged."""
    columns = {(t.name, c.name) for t in SQLModel.metadata.sorted_tables for c in t.c}
    listed = inventory().keys()
    assert not columns - listed, "say what these columns give away: edit docs/data-inventory.md"
    assert not listed - columns, "these columns are gone: edit docs/data-inventory.md"


def test_the_inventory_says_of_each_column_a_class_and_a_leak() -> None:
    """Sealed means sealed: a descriptor stands before every column of that class, and before no other."""
    sealed = {(str(model.__tablename__), f"{name}_sealed") for model, name in SEALED}
    assert {place for place, (kind, _) in inventory().items() if kind == "sealed"} == sealed
    assert {place for place in inventory() if place[1].endswith("_sealed")} == sealed, "edit the model: Sealed()"
    assert all(kind in CLASSES and len(leak) > 4 for kind, leak in inventory().values())


def test_free_text_is_sealed_and_what_is_plain_is_typed_or_written_down() -> None:
    """A plain column of text without a fixed set of values is on this short list, reviewed by hand."""
    texts = {
        (t.name, c.name)
        for t in SQLModel.metadata.sorted_tables
        for c in t.c
        if isinstance(c.type, sa.String | AutoString) and not isinstance(c.type, sa.Enum)
    }
    assert texts == {
        ("agencies", "emergency_number"), ("agencies", "exit_url"), ("agencies", "hotline"), ("agencies", "name"),
        ("agencies", "jurisdiction"), ("agencies", "language"), ("agencies", "review_interval"),
        ("agencies", "time_zone"), ("data_keys", "purpose"), ("external_ids", "system"),
        ("identity_providers", "factor_values"), ("integrations", "networks"), ("integrations", "scopes"),
        ("invitations", "language"), ("invitations", "roles"), ("releases", "fields"),
        ("jurisdictions", "document"), ("jurisdictions", "key"), ("ledger_checkpoints", "note"), ("plans", "language"),
        ("reviews", "recurrence"),
        ("reviews", "time_zone"), ("sessions", "agent"), ("sessions", "auth"), ("sessions", "network"), ("templates", "key"),
        ("templates", "title"), ("template_versions", "document"), ("users", "language"), ("users", "password_hash"),
        ("users", "roles"),
    }, "a text people write is Sealed(): edit the model, or this list with a reason in docs/data-inventory.md"  # fmt: skip


# -- canaries ------------------------------------------------------------------------------------------------------


def fill(api: Api) -> Scene:
    """Every operation made with a canary in every text it takes, on rows that stay."""
    for operation in operations(api.client.app):
        scene = stage(api, mark=CANARY)
        scene.prepare(operation)
        scene.send(operation, doer(operation))
        api._tokens.clear()
    return scene


def stored(world: World) -> dict[tuple[str, str], list[Any]]:
    """Every sealed value of every agency, opened."""
    found: dict[tuple[str, str], list[Any]] = {}

    def read(db: Workspace) -> None:
        for model, name in SEALED:
            rows = db.objects.execute(sa.select(model)).scalars()
            found.setdefault((str(model.__tablename__), name), []).extend(getattr(row, name) for row in rows)

    for agency_id in world.database.transact(Actor.system(PLATFORM), agency_ids):
        world.database.transact(Actor.system(agency_id), read)
    return found


def spellings(text: str) -> Iterator[bytes]:
    """A text as it could stand somewhere: as it is, in UTF-16, in hex, in base64 at any offset."""
    raw = text.encode()
    yield raw
    yield text.encode("utf-16-le")
    yield raw.hex().encode()
    for offset in range(3):
        middle = base64.b64encode(b"x" * offset + raw)[4 if offset else 0 : -4]
        if len(middle) >= 8:  # of a short text too little is left to be told from chance
            yield middle


def test_canaries_are_nowhere_but_in_answers(
    capfd: pytest.CaptureFixture[str], api: Api, urls: Urls, kind: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    """Texts put into every sealed field through the service are in no file, dump, log line or metric, at any level."""
    log.configure("DEBUG")  # onto the standard error that capfd reads
    fill(api)
    values = stored(api.world)
    unfilled = [place for place, texts in values.items() if place not in WITHOUT_CANARY and CANARY not in repr(texts)]
    assert not unfilled, "no operation writes a canary there: edit RECIPES in tests/factories.py"
    kept = {"log": "".join(capfd.readouterr()).encode(), "metrics": api.get(None, "/metrics").content}
    assert kept["log"].count(b"\n") > 500
    if kind == "sqlite":
        kept |= {path.name: path.read_bytes() for path in tmp_path.glob("waypost.db*")}
        assert len(kept["waypost.db"]) + len(kept.get("waypost.db-wal", b"")) > 100_000
    else:
        server: Server = request.getfixturevalue("postgres_server")
        kept["dump"] = server.dump(urls.name)
        assert b"COPY public.clients" in kept["dump"]
    for place, content in kept.items():
        for text in (CANARY, "ana@harbor.example", "1987-06-05", "Through the kitchen door", '"tlh"'):
            for spelling in spellings(text):
                assert spelling not in content, (place, text)


#: Bodies no operation takes: an unknown member, no object, wrong types, keys and texts out of form.
WRONG_BODIES: tuple[Any, ...] = (
    {CANARY: CANARY},
    [CANARY],
    CANARY,
    {"alias": [CANARY], "text": {"x": CANARY}, "reason": {CANARY: 1}, "email": CANARY, "title": [CANARY]},
    {"facts": {f"Uncle {CANARY}": "x"}, "contact": {f"Uncle {CANARY}": 1, "phone": [CANARY]}, "items": [{CANARY: 1}]},
    {"document": {"title": CANARY, "sections": [{CANARY: 1}], "translations": {CANARY: {}}}, "trigger": CANARY},
    {"time_zone": CANARY, "due_at": CANARY, "date_of_birth": CANARY, "language": CANARY, "languages": [CANARY]},
)


def test_attack_58_no_refusal_repeats_what_was_sent(api: Api) -> None:
    """Each operation is sent wrong bodies and parameters full of canaries: unknown members, wrong types, wrong forms."""
    scene, told = stage(api), []
    for operation in operations(api.client.app):
        path, who = operation.path.format(**scene.ids), doer(operation)
        sent: list[dict[str, Any]] = [{"json": body} for body in WRONG_BODIES]
        sent += [{"params": {CANARY: CANARY}}, {"params": {"limit": CANARY, "status": CANARY, "cursor": CANARY}}]
        for more in sent:
            answer = api(who, operation.method, path, headers={"if-match": "*"}, **more)
            if answer.status_code < 400 or CANARY in answer.text or CANARY in str(answer.headers):
                told.append((operation.name, answer.status_code, answer.text))
    assert not told


def test_attack_60_a_statements_error_holds_no_value(world: World) -> None:
    """Neither a driver's error nor SQLAlchemy's carries what was bound."""
    with pytest.raises(sa.exc.DBAPIError) as failed, world.database.engine.connect() as connection:
        connection.execute(sa.text("select * from nowhere where a = :value"), {"value": CANARY})
    assert CANARY not in str(failed.value)
    assert CANARY not in repr(failed.value)


# -- reading both ways ---------------------------------------------------------------------------------------------


def _by_query(model: Any, name: str) -> Query:
    c = table_of(model).c
    return Query(sa.select(c.id, c[f"{name}_sealed"]).where(c.id == sa.bindparam("wanted", type_=ID, required=True)))


QUERIES = {(model, name): _by_query(model, name) for model, name in SEALED}


def opened(world: World, model: Any, row_id: UUID, name: str, agency: str = "Harbor") -> Any:
    """A field's value, the same through the ORM and through the fast lane; DAMAGED when it cannot be opened."""

    def attempt(work: Callable[[Workspace], Any]) -> Any:
        try:
            return world.system(work, agency)
        except SealError as error:
            assert str(error) == "sealed-data-damaged"
            assert error.__cause__ is None
            return DAMAGED

    slow = attempt(lambda db: getattr(db.find(model, row_id), name))
    fast = attempt(lambda db: getattr(db.one(QUERIES[model, name], wanted=row_id), name))
    assert slow == fast, f"{model.__name__}.{name}: the two lanes disagree"
    return slow


def cell(urls: Urls, model: Any, row_id: UUID, name: str) -> bytes:
    """The bytes of a cell as stored."""
    c = table_of(model).c
    with behind(urls.superuser) as connection:
        return bytes(connection.execute(sa.select(c[f"{name}_sealed"]).where(c.id == row_id)).scalar_one())


def change(world: World, urls: Urls, model: Any, row_id: UUID, **values: Any) -> None:
    """Change a row behind the service's back, as a superuser whom neither triggers nor foreign keys stop."""
    table = table_of(model)
    with behind(urls.superuser) as connection:
        if connection.dialect.name == "postgresql":
            connection.exec_driver_sql("set session_replication_role = replica")
        result = connection.execute(sa.update(table).where(table.c.id == row_id).values(**values))
        assert result.rowcount == 1
    world.database.vault.forget()


class Rows:
    """Two clients of ana's and one of other's, each with a plan and two items in words of their own."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.client, self.sister = world.client(alias="Wren", legal_name="Wren Alder"), world.client(alias="Lark")
        self.foreign = world.client("other", alias="Heron")
        self.first, self.second = self.items(self.client)
        self.sisters, _ = self.items(self.sister)

    def items(self, client_id: UUID) -> tuple[UUID, UUID]:
        """Two items in her own words."""
        plan_id = self.world.plan(client_id)

        def write(db: Workspace) -> tuple[UUID, UUID]:
            there = sa.select(ChecklistItem.id).where(ChecklistItem.plan_id == plan_id).order_by(ChecklistItem.id)
            ids = list(db.objects.execute(there).scalars())[:2]
            for item_id in ids:
                item = db.claim(ChecklistItem, item_id)
                item.personalise(db, text=f"words of {item_id}", detail="with Dana")
            return ids[0], ids[1]

        return self.world.run("ana", Permission.CHECKLIST_UPDATE, write)


@pytest.fixture
def rows(world: World) -> Rows:
    return Rows(world)


class TestAttacksOnCells:
    """The attacks a cell has to withstand, by number, on both databases and through both ways of reading."""

    def test_attack_01_swapping_the_cells_of_two_rows(self, world: World, urls: Urls, rows: Rows) -> None:
        """Two items of one client, under one key: neither opens."""
        first, second = (cell(urls, ChecklistItem, i, "text") for i in (rows.first, rows.second))
        assert opened(world, ChecklistItem, rows.first, "text") == f"words of {rows.first}"
        change(world, urls, ChecklistItem, rows.first, text_sealed=second)
        change(world, urls, ChecklistItem, rows.second, text_sealed=first)
        assert opened(world, ChecklistItem, rows.first, "text") == DAMAGED
        assert opened(world, ChecklistItem, rows.second, "text") == DAMAGED
        assert opened(world, ChecklistItem, rows.first, "detail") == "with Dana"

    def test_attack_02_swapping_two_columns_of_a_row(self, world: World, urls: Urls, rows: Rows) -> None:
        """Text where the detail stands."""
        text, detail = (cell(urls, ChecklistItem, rows.first, name) for name in ("text", "detail"))
        change(world, urls, ChecklistItem, rows.first, text_sealed=detail, detail_sealed=text)
        assert opened(world, ChecklistItem, rows.first, "text") == DAMAGED
        assert opened(world, ChecklistItem, rows.first, "detail") == DAMAGED

    def test_attack_03_copying_a_cell_to_another_client_or_agency(self, world: World, urls: Urls, rows: Rows) -> None:
        """Her alias does not become anybody else's."""
        alias = cell(urls, Client, rows.client, "alias")
        change(world, urls, Client, rows.sister, alias_sealed=alias)
        change(world, urls, Client, rows.foreign, alias_sealed=alias)
        assert opened(world, Client, rows.sister, "alias") == DAMAGED
        assert opened(world, Client, rows.foreign, "alias", "Lighthouse") == DAMAGED

    def test_attack_04_moving_a_row_to_another_client_or_agency(self, world: World, urls: Urls, rows: Rows) -> None:
        """An item that was given to her sister, or a client that was given to another agency, does not open."""
        change(world, urls, ChecklistItem, rows.first, client_id=rows.sister)
        assert opened(world, ChecklistItem, rows.first, "text") == DAMAGED
        change(world, urls, Client, rows.client, agency_id=world.agency_id("Lighthouse"))
        assert opened(world, Client, rows.client, "alias", "Lighthouse") == DAMAGED

    def test_attack_04_not_even_with_the_key_moved_along(self, world: World, urls: Urls, rows: Rows) -> None:
        """Row and data key moved to another agency together: the key's wrap is bound to its agency too."""
        theirs = world.agency_id("Lighthouse")
        _move_keys(urls, rows.client, agency_id=theirs)
        change(world, urls, Client, rows.client, agency_id=theirs)
        assert opened(world, Client, rows.client, "alias", "Lighthouse") == DAMAGED

    def test_attack_05_the_same_id_in_another_table(self, world: World, urls: Urls, rows: Rows) -> None:
        """A section with an item's id, revision and cell."""
        text = cell(urls, ChecklistItem, rows.first, "text")
        section = {"agency_id": world.agency_id(), "id": rows.first, "client_id": rows.client, "source": 0}
        plan_id = UUID(int=rows.first.int & ~0xFFFF)
        section |= {"plan_id": plan_id, "position": 9, "choice": "chosen", "version": 1, "seal_rev": 1}
        with behind(urls.superuser) as connection:
            connection.execute(sa.insert(table_of(PlanSection)).values(title_sealed=text, **section))
        assert opened(world, PlanSection, rows.first, "title") == DAMAGED

    def test_attack_06_putting_back_an_older_cell(self, world: World, urls: Urls, rows: Rows) -> None:
        """What she said before her last change does not come back alone."""
        old = cell(urls, ChecklistItem, rows.first, "text")

        def say(db: Workspace) -> None:
            db.claim(ChecklistItem, rows.first).personalise(db, text="other words")

        world.run("ana", Permission.CHECKLIST_UPDATE, say)
        assert opened(world, ChecklistItem, rows.first, "text") == "other words"
        change(world, urls, ChecklistItem, rows.first, text_sealed=old)
        assert opened(world, ChecklistItem, rows.first, "text") == DAMAGED

    def test_attack_06_taking_a_cell_away(self, world: World, urls: Urls, rows: Rows) -> None:
        """A sealed row has every cell: null is damage, not "nothing was said"."""
        change(world, urls, ChecklistItem, rows.first, text_sealed=None)
        assert opened(world, ChecklistItem, rows.first, "text") == DAMAGED

    @pytest.mark.parametrize("version", [0x00, 0x02, 0xFF])
    def test_attack_08_another_version_byte(self, world: World, urls: Urls, rows: Rows, version: int) -> None:
        """Never another code path."""
        stored_cell = cell(urls, ChecklistItem, rows.first, "text")
        change(world, urls, ChecklistItem, rows.first, text_sealed=bytes([version]) + stored_cell[1:])
        assert opened(world, ChecklistItem, rows.first, "text") == DAMAGED

    def test_attack_09_another_clients_key_or_an_unknown_one(
        self, world: World, urls: Urls, rows: Rows, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """No trial with other keys: the cipher is not asked at all."""
        mine, hers = (cell(urls, ChecklistItem, i, "text") for i in (rows.first, rows.sisters))
        calls: list[bytes] = []
        real = cells.open_
        monkeypatch.setattr(cells, "open_", lambda *given: (calls.append(given[1]), real(*given))[1])
        for kid in (hers[1:9], b"nokeyhas"):
            change(world, urls, ChecklistItem, rows.first, text_sealed=mine[:1] + kid + mine[9:])
            assert opened(world, ChecklistItem, rows.first, "text") == DAMAGED
        assert not calls
        change(world, urls, ChecklistItem, rows.first, text_sealed=mine[:-1] + bytes([mine[-1] ^ 1]))
        assert opened(world, ChecklistItem, rows.first, "text") == DAMAGED
        assert len(calls) == 2  # once on each lane

    def test_attack_12_plain_text_in_a_sealed_column(self, world: World, urls: Urls, rows: Rows) -> None:
        """There is no way past the seal, whatever is put there."""
        for planted in (b"plain words", b'"plain words"', b"", b"\x01" + b"x" * 80):
            change(world, urls, ChecklistItem, rows.first, text_sealed=planted)
            assert opened(world, ChecklistItem, rows.first, "text") == DAMAGED

    def test_attack_16_another_clients_key_put_in_place_of_hers(self, world: World, urls: Urls, rows: Rows) -> None:
        """A wrap is bound to its key id, agency, subject and purpose; its version byte too."""
        keys = table_of(DataKey)
        with behind(urls.superuser) as connection:
            hers = sa.select(keys.c.wrapped).where(keys.c.subject_id == rows.sister)
            mine = sa.select(keys.c.wrapped).where(keys.c.subject_id == rows.client)
            wrapped, before = (bytes(connection.execute(q).scalar_one()) for q in (hers, mine))
        for planted in (wrapped, b"\x02" + before[1:], before[:-1], b""):
            _move_keys(urls, rows.client, wrapped=planted)
            world.database.vault.forget()
            assert opened(world, ChecklistItem, rows.first, "text") == DAMAGED
        _move_keys(urls, rows.client, wrapped=before)
        world.database.vault.forget()
        assert opened(world, ChecklistItem, rows.first, "text") == f"words of {rows.first}"

    def test_attack_16_a_key_given_to_another_client(self, world: World, urls: Urls, rows: Rows) -> None:
        """Changing whose key it is does not make it hers."""
        _move_keys(urls, rows.client, subject_id=rows.sister)
        world.database.vault.forget()
        assert opened(world, ChecklistItem, rows.first, "text") == DAMAGED

    def test_attack_16_a_key_moved_to_another_agency(self, world: World, urls: Urls, rows: Rows) -> None:
        """A data key, or the agency's own key under the root, opens for the agency it was made for and no other."""
        harbor, lighthouse = world.agency_id(), world.agency_id("Lighthouse")
        _move_keys(urls, rows.client, agency_id=lighthouse)
        change(world, urls, ChecklistItem, rows.first, agency_id=lighthouse)
        assert opened(world, ChecklistItem, rows.first, "text", "Lighthouse") == DAMAGED
        assert opened(world, ChecklistItem, rows.second, "text") == DAMAGED
        assert opened(world, ChecklistItem, rows.sisters, "text") == f"words of {rows.sisters}"

        keks = table_of(AgencyKey)
        with behind(urls.superuser) as connection:
            stored = sa.select(keks.c.wrapped).where(keks.c.agency_id == lighthouse)
            planted = bytes(connection.execute(stored).scalar_one())
            connection.execute(sa.update(keks).where(keks.c.agency_id == harbor).values(wrapped=planted))
        world.database.vault.forget()
        assert opened(world, ChecklistItem, rows.sisters, "text") == DAMAGED
        with pytest.raises(KeyRefused, match="wrong root key, or the key table was changed"):
            world.system(world.database.vault.check)

    def test_attack_16_not_even_with_her_rows_moved_along(self, world: World, urls: Urls, rows: Rows) -> None:
        """Row and key given to another client together: the key's wrap is bound to whose it was."""
        _move_keys(urls, rows.client, subject_id=rows.sister)
        change(world, urls, ChecklistItem, rows.first, client_id=rows.sister)
        assert opened(world, ChecklistItem, rows.first, "text") == DAMAGED

    def test_attack_30_text_comes_back_exactly(self, world: World) -> None:
        """Composed and decomposed, emoji, 0x80, trailing zeros and spaces: nothing is normalised or cut."""
        texts = ["e\u0301", "é", "👩‍👧 ok", "ends \x80", "ends \x00", "\x80\x00\x00", " spaces ", "ł" * 5000, "א\u05bc"]
        for text in texts:
            client_id = world.client(alias=text)
            assert opened(world, Client, client_id, "alias") == text


def _move_keys(urls: Urls, whose: UUID, **values: Any) -> None:
    keys = table_of(DataKey)
    with behind(urls.superuser) as connection:
        if connection.dialect.name == "postgresql":
            connection.exec_driver_sql("set session_replication_role = replica")
        connection.execute(sa.update(keys).where(keys.c.subject_id == whose).values(**values))


def test_attack_66_whatever_is_wrong_is_told_alike(api: Api, urls: Urls) -> None:
    """A moved, an edited and a keyless cell give the same answer, byte for byte but for the request's name."""
    scene = stage(api)
    row_id = UUID(scene.ids["client_id"])
    alias, name = (cell(urls, Client, row_id, field) for field in ("alias", "legal_name"))
    bodies = set()
    for planted in (name, alias[:-1] + bytes([alias[-1] ^ 1]), alias[:1] + b"nokeyhas" + alias[9:], b"plain", None):
        change(api.world, urls, Client, row_id, alias_sealed=planted)
        answer = api.get("ana", f"/v1/clients/{row_id}")
        assert answer.status_code == 500
        bodies.add(re.sub(answer.headers["x-request-id"], "", answer.text))
    assert len(bodies) == 1


# -- the format ----------------------------------------------------------------------------------------------------

KEY = AESGCM(b"k" * 32)
AT = cells.place(UUID(int=1), "clients", UUID(int=2), "alias", 1)


def test_attack_10_flipping_any_bit() -> None:
    """Every bit of a whole cell, header, nonce, text and tag."""
    sealed = cells.seal(KEY, b"kidkidki", "Wren", AT)
    for bit in range(len(sealed) * 8):
        flipped = bytearray(sealed)
        flipped[bit // 8] ^= 1 << bit % 8
        with pytest.raises(SealError):
            cells.kid_of(bytes(flipped))
            cells.open_(KEY, bytes(flipped), AT)
    assert cells.open_(KEY, sealed, AT) == "Wren"


def test_attack_10_a_hundred_thousand_flips() -> None:
    """One to three bits anywhere in cells of many sizes: none opens, none fails in another way."""
    dice, opened = random.Random(10), 0
    sealed = [cells.seal(KEY, b"kidkidki", "x" * dice.randrange(400), AT) for _ in range(200)]
    for _ in range(100_000):
        flipped = bytearray(dice.choice(sealed))
        for bit in dice.sample(range(len(flipped) * 8), dice.randint(1, 3)):
            flipped[bit // 8] ^= 1 << bit % 8
        try:
            cells.kid_of(bytes(flipped))
            cells.open_(KEY, bytes(flipped), AT)
            opened += 1
        except SealError:
            pass
    assert opened == 0


def test_attack_11_cutting_and_appending() -> None:
    """Every length but its own."""
    sealed = cells.seal(KEY, b"kidkidki", "Wren", AT)
    for wrong in [*(sealed[:n] for n in range(len(sealed))), sealed + b"\x00", sealed + sealed]:
        with pytest.raises(SealError):
            cells.kid_of(wrong)
            cells.open_(KEY, wrong, AT)


def test_attack_13_nonces_never_repeat() -> None:
    """100,000 seals of one value under one key: 100,000 nonces, 100,000 cells."""
    made = [cells.seal(KEY, b"kidkidki", "Wren", AT) for _ in range(100_000)]
    assert len({c[9:21] for c in made}) == len({*made}) == 100_000


def test_attack_14_sizes_tell_classes_only() -> None:
    """Nothing said, one character and sixty are one size; 85 sizes at most up to 5,000 bytes."""
    sizes = {len(cells.seal(KEY, b"kidkidki", value, AT)) for value in (None, "", "x", "x" * 60)}
    assert sizes == {9 + 12 + 64 + 16}
    classes = {cells.padded_length(n + 1) for n in range(5001)}
    assert len(classes) <= 85
    for n in range(5001):
        padded = cells.pad(b"x" * n)
        assert len(padded) == cells.padded_length(n + 1) > n
        assert padded[: padded.rindex(b"\x80")] == b"x" * n
        assert len(padded) <= max(64, (n + 1) * 1.12 + 1)


PLACES = st.tuples(st.uuids(), st.text(max_size=20), st.uuids(), st.text(max_size=20), st.integers(0, 2**64 - 1))


@given(PLACES, PLACES)
def test_attack_15_two_places_never_share_their_associated_data(one: Any, other: Any) -> None:
    """Injective: table "ab" with field "c" is not table "a" with field "bc"."""
    assert (cells.place(*one) == cells.place(*other)) == (one == other)


@given(st.text(max_size=30), st.integers(0, 30))
def test_attack_15_moving_the_border_between_table_and_field(joined: str, border: int) -> None:
    """The same letters, cut elsewhere, are another place."""
    a, b = UUID(int=1), UUID(int=2)
    cut = (joined[:border], joined[border:])
    for at in range(len(joined) + 1):
        same = cells.place(a, joined[:at], b, joined[at:], 1) == cells.place(a, cut[0], b, cut[1], 1)
        assert same == ((joined[:at], joined[at:]) == cut)


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@settings(max_examples=200)
@given(JSON_VALUES)
def test_what_was_sealed_is_what_opens(value: Any) -> None:
    """Any JSON value, exactly."""
    try:
        sealed = cells.seal(KEY, b"kidkidki", value, AT)
    except TypeError:  # a lone surrogate: refused at the door (api/json_gate.py) and here
        return
    assert cells.open_(KEY, sealed, AT) == value


def test_a_wrap_opens_under_its_key_at_its_place_only() -> None:
    """61 bytes; another place, key or version is refused."""
    key, other = b"a" * 32, b"b" * 32
    wrapped = cells.wrap(key, b"s" * 32, b"here")
    assert len(wrapped) == 61
    assert cells.unwrap(key, wrapped, b"here") == b"s" * 32
    for wrong in ((other, wrapped, b"here"), (key, wrapped, b"there"), (key, b"\x02" + wrapped[1:], b"here")):
        with pytest.raises(KeyRefused):
            cells.unwrap(*wrong)


#: pydantic's own ways of carrying a model off.
CARRIERS = ("model_dump", "model_dump_json", "model_copy", "dict", "json", "copy")


# -- rows in memory ------------------------------------------------------------------------------------------------


def test_attack_64_an_opened_row_cannot_be_printed_pickled_copied_or_dumped(world: World) -> None:
    """Once opened, the words are in the row; every way of carrying them off by accident is closed."""
    client_id = world.client(alias=CANARY)

    def try_all(db: Workspace) -> None:
        row = db.find(Client, client_id)
        assert row.alias == CANARY
        assert CANARY not in f"{row} {row!r} {row!s} {[row]}"
        for carry in (pickle.dumps, copy.copy, copy.deepcopy, *(getattr(Client, name) for name in CARRIERS)):
            with warnings.catch_warnings(), pytest.raises(TypeError):
                warnings.simplefilter("ignore", DeprecationWarning)  # of pydantic, on its older ways
                carry(row)
        with pytest.raises(TypeError):
            _ = Client.alias == CANARY
        plain = {k: v for k, v in vars(row).items() if k not in ("_plain", "_sa_instance_state")}
        assert CANARY not in repr(plain)
        db.reread()
        assert CANARY not in repr(vars(row))

    world.run("ana", Permission.CLIENT_READ, try_all)


def test_a_row_that_left_its_workspace_opens_nothing(world: World) -> None:
    """Its keys stayed behind."""
    client_id = world.client(alias=CANARY)
    row = world.run("ana", Permission.CLIENT_READ, lambda db: db.find(Client, client_id))
    with pytest.raises(SealError):
        _ = row.alias


def test_unknown_names_are_refused_when_a_row_is_made() -> None:
    """A misspelled sealed field would otherwise be dropped in silence."""
    with pytest.raises(TypeError):
        Client(agency_id=uuid4(), alais="Wren")


# -- two lanes, one answer -----------------------------------------------------------------------------------------


def _whole(model: Any) -> Query:
    c = table_of(model).c
    return Query(sa.select(*(c[column.name] for column in table_of(model).c)).order_by(c.id))


WALLED = {model: _whole(model) for model in MODELS.values() if "id" in table_of(model).c}


def test_the_fast_lane_answers_what_the_orm_answers(api: Api) -> None:
    """Every model, for every person with every permission of hers: the same rows, the same values, opened alike."""
    for who in ("ana", "ben", "other"):
        stage(api, who)
    ben = api.world.people["ben"].actor.id
    enrolled(api.world, "ben")
    api.world.system(lambda db: FactorReset.start(db, ben))
    seen: dict[str, int] = {}
    for who, (_, role) in PEOPLE.items():
        reaches = {api.world.people[who].actor.reach(p): p for p in sorted(GRANTS[role])}
        for permission in reaches.values():
            for model, query in WALLED.items():
                fast, slow = api.world.run(who, permission, lambda db, m=model, q=query: _both(db, m, q))
                assert fast == slow, (who, permission, model.__name__)
                seen[model.__name__] = seen.get(model.__name__, 0) + len(fast)
    never = {name for name, count in seen.items() if not count}
    assert never <= {"IdentityProvider", "SetupLink", "SsoAttempt"}, (
        "no row of these was compared: edit stage() in tests/factories.py"
    )


def _both(db: Workspace, model: Any, query: Query) -> tuple[list[Any], list[Any]]:
    names = [c.name.removesuffix("_sealed") for c in table_of(model).c]
    slow = db.objects.execute(sa.select(model).order_by(model.id)).scalars().all()
    fast = [{n: getattr(row, n) for n in names} for row in db.rows(query)]
    return fast, [{n: getattr(row, n) for n in names} for row in slow]


@pytest.fixture(scope="module")
def scratch(tmp_path_factory: pytest.TempPathFactory, vault: Vault) -> World:
    """A world of this module's own, which many examples write into."""
    url = f"sqlite:///{tmp_path_factory.mktemp('scratch') / 'waypost.db'}"
    return worlds.build(url, url, vault)


@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_what_one_lane_writes_the_other_reads(scratch: World, data: st.DataObject) -> None:
    """Any text, written through the ORM or in bulk, reads the same on both lanes."""
    world = scratch
    texts = st.text(st.characters(blacklist_categories=["Cs"]), max_size=200)
    alias, name = data.draw(texts), data.draw(st.none() | texts)
    client_id = world.client(alias=alias or "x", legal_name=name)  # in bulk
    assert opened(world, Client, client_id, "alias") == (alias or "x")
    assert opened(world, Client, client_id, "legal_name") == name
    again = data.draw(st.none() | texts)

    def rename(db: Workspace) -> None:
        row = db.claim(Client, client_id)
        row.legal_name = again
        db.record(Action.CLIENT_UPDATED, row, "legal_name")

    world.run("ana", Permission.CLIENT_UPDATE, rename)  # through the ORM
    assert opened(world, Client, client_id, "legal_name") == again
    assert opened(world, Client, client_id, "alias") == (alias or "x")


def test_both_lanes_leave_the_same_disclosure(world: World) -> None:
    """Whichever way a field is opened, the entry says so."""
    client_id = world.client(alias="Wren")
    said = []
    for work in (
        lambda db: db.find(Client, client_id).alias,
        lambda db: db.one(QUERIES[Client, "alias"], wanted=client_id),
    ):
        world.run("ana", Permission.CLIENT_READ, work)
        entry = world.entries()[-1]
        said.append((entry["action"], entry["opened"], entry["client"]))
    assert said[0] == said[1]
    assert said[0][1] == [{"t": "clients", "count": 1, "ids": [str(client_id)], "fields": ["alias"]}]


def test_staff_addresses_are_found_by_tag_only(world: World) -> None:
    """The look-up tag is the same whatever the case of an address, and is not the address."""
    service = world.database.vault.service
    assert service.email_tag("Ana@Harbor.example") == service.email_tag(" ana@harbor.EXAMPLE ")
    assert b"harbor" not in service.email_tag("ana@harbor.example")
    assert opened(world, User, world.people["ana"].actor.id, "email") == "ana@harbor.example"


def test_attack_32_tags_of_one_value_differ_between_agencies(world: World) -> None:
    """Nobody can join two agencies' clients by them."""
    tags = {world.system(lambda db: db.keys.tag("external-id", "shelter\x00S-1"), a) for a in ("Harbor", "Lighthouse")}
    assert len(tags) == 2
    assert world.system(lambda db: db.keys.tag("other", "shelter\x00S-1")) not in tags


def test_every_model_with_sealed_fields_counts_its_revisions() -> None:
    """Without seal_rev an older cell could be put back."""
    assert all("seal_rev" in model.model_fields for model, _ in SEALED), "add seal_rev: edit models/"
    assert len(SEALED) >= 15
    assert Plan in {model for model, _ in SEALED}
