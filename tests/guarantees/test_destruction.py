"""What was destroyed is nowhere, what is held is not destroyed, and nobody at work meanwhile leaves anything behind."""

import sqlite3
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from threading import Barrier, Event
from typing import Any
from uuid import UUID, uuid4

import pytest
import sqlalchemy as sa
from sqlmodel import SQLModel

from api import worker
from models import search
from models.access import Permission
from models.base import MODELS, agency_tables, model_of, table_of
from models.client import Client
from models.database import Database
from models.errors import NotFound
from models.ledger import book, merkle
from models.rows import Query
from models.vault.keys import DataKey, Vault
from models.vault.ring import KeyRing
from models.workspace import Workspace
from tests.conftest import Api
from tests.factories import OF_CLIENTS, Scene, behind, document, operations, signed, soon, stage
from tests.guarantees.test_isolation import STAFF, told, unknown
from tests.postgres import Urls
from tests.world import TEMPLATE, World

#: What stays, and knows her random id: that she was here once, and what was done.
STAYS = {"destructions", "ledger_entries"}
CANARY = "sandpiper-5b21"


def propose(api: Api, client_id: str, what: str = "everything") -> str:
    answer = api.post("sol", f"/v1/clients/{client_id}/destruction", {"what": what, "reason": "client_asked"})
    assert answer.status_code == 201, answer.text
    return answer.json()["id"]


def approve(api: Api, proposal: str) -> Any:
    return api.put("ada", f"/v1/destructions/{proposal}/approval")


def destroy(api: Api, client_id: str) -> Any:
    answer = approve(api, propose(api, client_id))
    assert answer.status_code == 200, answer.text
    return answer.json()


#: Where the random id of a destroyed client stays, on purpose.
LEDGER_AND_CERTIFICATES = ("GET /v1/audit-events", "GET /v1/audit/opened-clients", "GET /v1/destructions")
#: Partners that the scene marks too: they are the agency's, not hers.
PARTNERS = ("GET /v1/release-recipients",)


def index(world: World) -> None:
    """The agency's search index switched on: what it keeps of her has to go too."""
    counted = search.Counted(frozenset())
    while counted.after is not None:
        counted = world.system(partial(search.count_names, counted=counted))
    version = world.system(partial(search.begin_index, counted=counted)).version
    while world.system(partial(search.index_batch, version=version)):
        pass
    world.system(partial(search.complete_index, version=version))


def lived_in(api: Api) -> Scene:
    """A client with a row in every table of clients' rows, made under Idempotency-Keys too."""
    index(api.world)
    scene = stage(api, mark=CANARY)
    plan, one = scene.ids["plan_id"], scene.ids["client_id"]
    note = {"facts": {"trusted_neighbor": scene.words("Mr Alder")}}
    scene.made(api.patch("ana", f"/v1/plans/{plan}", note, headers={"if-match": "*"}, key="facts"))
    scene.made(
        api.put("ana", f"/v1/reviews/{scene.ids['review_id']}/completion", {"what_changed": scene.words("lock")})
    )
    scene.made(api.post("ana", f"/v1/plans/{plan}/sections", {"title": scene.words("The summer house")}, key="own"))
    scene.made(api.post("ana", f"/v1/clients/{one}/plans", {"template_id": str(TEMPLATE)}, key="second"))
    return scene


def rows_of(urls: Urls, client_id: str) -> dict[str, list[UUID]]:
    """A client's rows by table, from behind: their ids, or hers of rows without one."""
    found: dict[str, list[UUID]] = {}
    with behind(urls.superuser) as connection:
        for table in agency_tables():
            if column := model_of(table).client_column():
                shown = table.c.id if "id" in table.c else table.c[column]
                hers = sa.select(shown).where(table.c[column] == UUID(client_id))
                found[table.name] = list(connection.execute(hers).scalars())
    return found


def everything(urls: Urls) -> dict[str, list[str]]:
    """Every row of every table as text, by table."""
    with behind(urls.superuser) as connection:
        return {
            t.name: [repr(row) for row in connection.execute(sa.select(t))] for t in SQLModel.metadata.sorted_tables
        }


def spelt(row_id: UUID) -> tuple[str, ...]:
    """How an id may stand in a row's text."""
    return str(row_id), repr(row_id.bytes)[2:-1], row_id.hex


class TestAttack25:
    """Shred, then read by every path."""

    def test_attack_25_no_table_knows_her_but_log_and_certificate(self, api: Api, urls: Urls) -> None:
        """Every row of hers is gone from every table; no other row names one of them."""
        kept, scene = stage(api), lived_in(api)
        before = rows_of(urls, scene.ids["client_id"])
        assert all(before.values()), [name for name, ids in before.items() if not ids]
        assert len(before) >= 9
        certificate = destroy(api, scene.ids["client_id"])
        after = rows_of(urls, scene.ids["client_id"])
        assert not any(after.values())
        assert {t: len(ids) for t, ids in before.items()} == {t: certificate["counts"][t] for t in before}
        assert certificate["counts"]["idempotency_keys"] == 3
        ids = {row_id for rows in before.values() for row_id in rows}
        for table, rows in everything(urls).items():
            if table not in STAYS:
                named = [row for row in rows for row_id in ids for form in spelt(row_id) if form in row]
                assert not named, table
        others = rows_of(urls, kept.ids["client_id"])
        assert all(ids for table, ids in others.items() if table != "search_buckets"), (
            "a name of one word is in no bucket"
        )
        assert api.get("ana", f"/v1/plans/{kept.ids['plan_id']}").status_code == 200

    def test_attack_25_every_operation_answers_as_about_nobody(self, api: Api, urls: Urls) -> None:
        """Whoever asks about any row of hers, by any operation, hears what is said of an id that never was; no list
        and no log entry shows more than ids."""
        scene = lived_in(api)
        destroy(api, scene.ids["client_id"])
        hers = {name: value for name, value in scene.ids.items() if name in OF_CLIENTS | {"hold_id"}}
        leaks, walked = [], 0
        for operation in operations(api.client.app):
            if not {*operation.parameters} & {*hers}:
                continue
            walked += 1
            for who in STAFF:
                gone = told(scene.send(operation, who))
                if gone != told(scene.send(operation, who, unknown(hers, operation))) or gone[0] not in (403, 404):
                    leaks.append((operation.name, who, gone))
        assert not leaks
        assert walked > 30
        for operation in operations(api.client.app):
            if operation.method == "GET" and not operation.parameters:
                for who in STAFF:
                    text = api.get(who, operation.path).text
                    assert CANARY not in text or operation.name in PARTNERS
                    if operation.name not in LEDGER_AND_CERTIFICATES:
                        assert not [v for v in hers.values() if v in text], (operation.name, who)

    def test_attack_25_nor_does_the_service_itself_find_her(self, api: Api) -> None:
        """Below the routes, with the sight of the whole agency, on both lanes."""
        scene = lived_in(api)
        client_id = UUID(scene.ids["client_id"])
        destroy(api, str(client_id))

        def look(db: Workspace) -> int:
            found = 0
            for model in MODELS.values():
                if column := model.client_column():
                    c = table_of(model).c
                    found += len(db.all(sa.select(model).where(c[column] == client_id)))
                    found += len(db.rows(Query(sa.select(c[column]).where(c[column] == client_id))))
            return found

        assert api.world.system(look) == 0
        with pytest.raises(NotFound):
            api.world.system(lambda db: db.find(Client, client_id))

    def test_attack_25_the_log_verifies_and_no_entry_was_touched(self, api: Api, urls: Urls) -> None:
        """The leaf hashes of before are those of now; the one entry more explains every sealed row that is gone."""
        scene = lived_in(api)
        proposal = propose(api, scene.ids["client_id"])
        api.token("ada")
        leaves = [merkle.leaf_hash(stored) for _, stored in api.world.system(lambda db: list(book.entries(db)))]
        sealed = set()
        with behind(urls.superuser) as connection:
            for table in agency_tables():
                column = model_of(table).client_column()
                if column and "seal_rev" in table.c:
                    hers = sa.select(table.c.id, table.c.seal_rev).where(
                        table.c[column] == UUID(scene.ids["client_id"]), table.c.seal_rev > 0
                    )
                    sealed |= {(table.name, str(row.id), row.seal_rev) for row in connection.execute(hers)}
        assert approve(api, proposal).status_code == 200
        now = [merkle.leaf_hash(stored) for _, stored in api.world.system(lambda db: list(book.entries(db)))]
        assert now[: len(leaves)] == leaves
        assert len(now) == len(leaves) + 1
        assert not api.world.system(book.verify).faults
        entry = api.world.entries()[-1]
        gone = [(row["t"], row["id"], row["rev"]) for row in entry["rows"] if row["rev"]]
        assert len(gone) == len(sealed)
        assert {*gone} == sealed
        assert {row["digest"] for row in entry["rows"]} == {None}
        assert CANARY not in repr(entry)

    def test_attack_25_her_id_elsewhere_is_free_again(self, api: Api) -> None:
        """No tag is left that would answer whether she was here."""
        body = {"alias": "Wren", "external_ids": [{"system": "court", "value": "FA-17"}]}
        first = api.post("ana", "/v1/clients", body).json()["id"]
        assert api.post("ana", "/v1/clients", body).status_code == 409
        destroy(api, first)
        assert api.post("ana", "/v1/clients", body).status_code == 201

    def test_attack_25_no_process_keeps_her_key(self, api: Api, urls: Urls, vault: Vault) -> None:
        """Neither the one that destroyed it nor another that had opened it, from its next use of the agency's keys."""
        scene, other_vault = lived_in(api), Vault(vault.root, vault.service)
        elsewhere = World(Database(urls.app, other_vault, pool_size=2), api.world.people, api.world.passwords)
        client_id, kept = UUID(scene.ids["client_id"]), api.world.client()
        sight = Permission.CLIENT_READ
        assert elsewhere.run("ana", sight, lambda db: db.find(Client, client_id).alias) == scene.words("Wren")
        with behind(urls.superuser) as connection:
            keys = table_of(DataKey)
            hers = sa.select(keys.c.kid).where(keys.c.subject_id == client_id)
            kids = [bytes(kid) for kid in connection.execute(hers).scalars()]
        agency = api.world.agency_id().bytes
        assert kids
        assert all(other_vault.cached(agency, kid) and vault.cached(agency, kid) for kid in kids)
        destroy(api, str(client_id))
        assert elsewhere.run("ana", sight, lambda db: db.find(Client, kept).alias) == "Wren"
        elsewhere.database.engine.dispose()
        assert not [kid for kid in kids if other_vault.cached(agency, kid) or vault.cached(agency, kid)]

    def test_a_key_sent_again_makes_nothing_of_hers(self, api: Api) -> None:
        """A request about her repeated under its Idempotency-Key is about nobody."""
        scene = lived_in(api)
        path = f"/v1/clients/{scene.ids['client_id']}/plans"
        destroy(api, scene.ids["client_id"])
        assert api.post("ana", path, {"template_id": str(TEMPLATE)}, key="second").status_code == 404


@pytest.mark.parametrize("kind", ["sqlite"])
class TestAttack28:
    """What SQLite leaves in its files."""

    def secrets_of(self, urls: Urls, client_id: UUID) -> list[bytes]:
        """Her wrapped keys and two of her cells, as stored."""
        keys, clients = table_of(DataKey), table_of(Client)
        with behind(urls.superuser) as connection:
            wraps = connection.execute(sa.select(keys.c.wrapped).where(keys.c.subject_id == client_id)).scalars()
            row = connection.execute(
                sa.select(clients.c.alias_sealed, clients.c.contact_sealed).where(clients.c.id == client_id)
            ).one()
            return [*map(bytes, wraps), *map(bytes, row)]

    def files(self, tmp_path: Path) -> bytes:
        """The database, its log and its index, whole."""
        return b"".join(path.read_bytes() for path in sorted(tmp_path.glob("waypost.db*")))

    @pytest.mark.timeout(200)
    def test_attack_28_no_file_holds_her_wrapped_key(self, api: Api, urls: Urls, tmp_path: Path) -> None:
        """Of 150 clients every tenth is destroyed: their wraps and cells are in no file, everybody else's are."""
        ids = [api.world.client(alias=f"Wren {n}") for n in range(150)]
        hidden = {one: self.secrets_of(urls, one) for one in ids}
        assert all(len(found[0]) == 61 for found in hidden.values())
        there = self.files(tmp_path)
        assert all(secret in there for found in hidden.values() for secret in found)
        for one in ids[::10]:
            destroy(api, str(one))
            left = self.files(tmp_path)
            assert not [secret for secret in hidden[one] if secret in left]
        kept = [secret for n, one in enumerate(ids) if n % 10 for secret in hidden[one]]
        assert all(secret in left for secret in kept)

    def test_attack_28_a_reader_in_the_way_only_delays_it(self, api: Api, urls: Urls, tmp_path: Path) -> None:
        """Somebody copying the file keeps the log from being emptied; the destruction stands, and the worker's next
        round after she is done empties it."""
        one = api.world.client()
        secrets = self.secrets_of(urls, one)
        proposal = propose(api, str(one))
        reader = sqlite3.connect(tmp_path / "waypost.db", isolation_level=None)
        reader.execute("begin")
        reader.execute("select count(*) from data_keys").fetchone()
        assert approve(api, proposal).status_code == 200
        assert any(secret in self.files(tmp_path) for secret in secrets)
        worker.round_of_chores(api.world.database)
        assert any(secret in self.files(tmp_path) for secret in secrets)
        reader.execute("commit")
        reader.close()
        done = worker.round_of_chores(api.world.database)
        assert (done["empty-log-after-destruction"], done["failed"]) == (1, 0)
        assert not [secret for secret in secrets if secret in self.files(tmp_path)]


class TestHalfWay:
    def test_what_fails_half_way_leaves_everything(self, api: Api, urls: Urls) -> None:
        """The last table refuses: the answer is an error of ours, and not a row is gone, in no table."""
        scene = lived_in(api)
        proposal = propose(api, scene.ids["client_id"])
        api.token("ada")
        with behind(urls.superuser) as connection:
            if connection.dialect.name == "sqlite":
                stop = "begin select raise(abort, 'disk trouble'); end"
                connection.exec_driver_sql(f"create trigger stuck before delete on data_keys {stop}")
            else:
                connection.exec_driver_sql("revoke delete on data_keys from waypost_app")
        before = everything(urls)
        answer = approve(api, proposal)
        assert answer.status_code == 503
        assert everything(urls) == before
        assert api.get("ana", f"/v1/clients/{scene.ids['client_id']}").json()["alias"] == scene.words("Wren")


def test_every_table_of_clients_rows_hangs_on_the_client() -> None:
    """A row that points, by whatever steps, at the client's cannot be added while she is destroyed: no orphans."""
    named = {t.name: {k.referred_table.name for k in t.foreign_key_constraints} for t in agency_tables()}

    def hangs(table: str) -> bool:
        return table == "clients" or any(hangs(above) for above in named[table] if above != table)

    loose = [t.name for t in agency_tables() if model_of(t).client_column() and not hangs(t.name)]
    assert not loose, "give the table a foreign key to clients, or to something of hers: within() of models/base.py"


# -- at once -------------------------------------------------------------------------------------------------------


def at_once(*asks: Any) -> list[Any]:
    """The answers to requests that leave together."""
    start = Barrier(len(asks))

    def run(ask: Any) -> Any:
        start.wait(30)
        return ask()

    with ThreadPoolExecutor(len(asks)) as pool:
        return list(pool.map(run, asks))


def work_on(api: Api, scene: Scene) -> list[Any]:
    """What people may be doing with a client's record at any moment."""
    ids, wild = scene.ids, {"if-match": "*"}
    client, plan, item = (f"/v1/{p}" for p in (
        f"clients/{ids['client_id']}", f"plans/{ids['plan_id']}", f"checklist-items/{ids['item_id']}",
    ))  # fmt: skip
    own = {"section_id": ids["section_id"], "text": "A second way out"}
    return [
        lambda: api.patch("ana", client, {"pronouns": "she"}, headers=wild),
        lambda: api.put("ana", f"{item}/completion"),
        lambda: api.patch("ana", item, {"text": "By the garden"}, headers=wild),
        lambda: api.post("ana", f"{plan}/items", own),
        lambda: api.post("ana", f"{plan}/sections", {"title": "The summer house"}),
        lambda: api.post("ana", f"{plan}/reviews", {"due_at": soon(9)}),
        lambda: api.put("ana", f"/v1/reviews/{ids['review_id']}/completion", {"what_changed": "a new lock"}),
        lambda: api.post("ana", f"{client}/plans", {"template_id": str(TEMPLATE)}),
        lambda: api.put("ana", f"{client}/closure", {"reason": "moved"}),
        lambda: api.post("sol", f"{client}/assignments", {"user_id": ids["user_id"]}),
        lambda: api.patch("ana", client, {"external_ids": [{"system": "court", "value": uuid4().hex}]}, headers=wild),
        lambda: api.get("ana", plan),
        lambda: api.get("ana", client),
        lambda: api.get("ana", "/v1/caseload"),
    ]


class TestRaces:
    @pytest.mark.timeout(240)
    @pytest.mark.parametrize("what", ["everything", "narratives"])
    def test_against_everything_people_do_meanwhile(self, api: Api, urls: Urls, what: str) -> None:
        """Whoever is in the middle of it is answered or told that there is nobody; nothing of hers is left over, and
        what is kept opens."""
        for who in ("ana", "sol", "ada"):
            api.token(who)
        for _ in range(4):
            scene = lived_in_quietly(api)
            proposal = propose(api, scene.ids["client_id"], what)
            answers = at_once(lambda p=proposal: approve(api, p), *work_on(api, scene))
            statuses = [a.status_code for a in answers]
            assert statuses[0] == 200, answers[0].text
            assert {*statuses} <= {200, 201, 404, 409, 412}, [a.text for a in answers if a.status_code >= 500]
            left = rows_of(urls, scene.ids["client_id"])
            if what == "everything":
                assert not any(left.values()), left
            else:
                for path in (f"/v1/clients/{scene.ids['client_id']}", f"/v1/plans/{scene.ids['plan_id']}"):
                    assert api.get("ana", path).status_code == 200
        assert "integrity.failed" not in {e["action"] for e in api.world.entries()}
        assert not api.world.system(book.verify).faults

    def test_approved_ten_times(self, api: Api) -> None:
        """One certificate, told to everybody; one entry."""
        one = stage(api).ids["client_id"]
        proposal = propose(api, one)
        api.token("ada")
        answers = at_once(*[lambda: approve(api, proposal)] * 10)
        assert {a.status_code for a in answers} == {200}
        assert len({a.text for a in answers}) == 1
        assert [e["action"] for e in api.world.entries()].count("client.destroyed") == 1

    def test_proposed_ten_times(self, api: Api) -> None:
        """One proposal; the others hear that there is one."""
        one = stage(api).ids["client_id"]
        body = {"what": "everything", "reason": "client_asked"}
        for who in ("sol", "ada"):
            api.token(who)
        path = f"/v1/clients/{one}/destruction"
        answers = at_once(*(lambda n=n: api.post(("sol", "ada")[n % 2], path, body) for n in range(10)))
        assert sorted(a.status_code for a in answers) == [201] + [409] * 9

    @pytest.mark.parametrize("against", ["hold", "release"])
    def test_held_or_released_while_it_is_approved(self, api: Api, urls: Urls, against: str) -> None:
        """Either she is held, and nothing is destroyed; or she is gone, and there is nobody to hold."""
        seen = set()
        for _ in range(6):
            scene = stage(api)
            one, proposal = scene.ids["client_id"], propose(api, scene.ids["client_id"])
            stops = {
                "hold": lambda one=one: api.post("ada", "/v1/legal-holds", {"client_id": one, "reason": "Asked for."}),
                "release": lambda one=one, s=scene: api.post("ana", f"/v1/clients/{one}/releases", signed(s)),
            }
            stopped, approved = at_once(stops[against], lambda p=proposal: approve(api, p))
            pair = (stopped.status_code, approved.status_code)
            assert pair in {(201, 409), (404, 200)}, (stopped.text, approved.text)
            assert any(rows_of(urls, one).values()) == (pair == (201, 409))
            seen.add(pair)
        assert seen

    def test_a_reader_between_a_row_and_its_key(self, api: Api, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
        """Who has read a row of hers and then finds no key to open it hears that there is nobody, not that something
        is damaged. (SQLite has one writer or reader at a time, so nobody stands there.)"""
        if kind == "sqlite":
            return
        scene = stage(api)
        proposal, client = propose(api, scene.ids["client_id"]), f"/v1/clients/{scene.ids['client_id']}"
        api.token("ana"), api.token("ada")
        reading, go, real = Event(), Event(), KeyRing.openers

        def slow(ring: KeyRing, cells: Any) -> Any:
            if not reading.is_set():
                reading.set()
                assert go.wait(10)
            return real(ring, cells)

        monkeypatch.setattr(KeyRing, "openers", slow)
        with ThreadPoolExecutor(1) as pool:
            asked = pool.submit(api.get, "ana", client)
            assert reading.wait(10)
            assert approve(api, proposal).status_code == 200
            go.set()
            answer = asked.result()
        assert answer.status_code == 404, answer.text
        assert "integrity.failed" not in {e["action"] for e in api.world.entries()}


def lived_in_quietly(api: Api) -> Scene:
    """A scene whose plan has words, so that there is something to open and to seal."""
    scene = stage(api)
    scene.made(api.post("ana", "/v1/templates", {"document": document()}))
    return scene
