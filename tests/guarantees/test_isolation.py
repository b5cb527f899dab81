"""Another agency's rows, and clients out of sight, do not exist: for the service, and for each wall standing alone."""

from collections.abc import Iterator
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
import sqlalchemy as sa
from sqlmodel import SQLModel

from models.access import GRANTS, PLATFORM, Actor, Permission
from models.base import MODELS, agency_tables
from models.client import Client
from models.errors import Forbidden, NotFound
from models.ledger import book
from models.ledger.action import Action
from models.orm import UnexplainedWrite
from models.plan import Plan
from models.template import Template
from models.user import User
from models.workspace import Workspace
from tests.conftest import Api
from tests.factories import FORMS, OF_CLIENTS, RECIPES, Operation, Scene, behind, granted, operations, stage
from tests.postgres import Urls
from tests.world import PEOPLE, TEMPLATE, World

#: What may differ between two answers that say the same: when, how long, and which request it was.
VARYING = {"date", "content-length", "x-request-id"}
STAFF = ("ana", "ben", "sol", "ada", "aud")


def told(answer: Any) -> tuple[int, dict[str, Any], dict[str, str]]:
    """An answer without the name of its request."""
    body = answer.json() if "json" in answer.headers.get("content-type", "") else {"text": answer.text}
    body = {name: value for name, value in body.items() if name not in ("request_id", "instance")}
    return answer.status_code, body, {n: v for n, v in answer.headers.items() if n not in VARYING}


def unknown(ids: dict[str, str], operation: Operation) -> dict[str, str]:
    """The same address about rows that are nowhere."""
    return {name: value if name in ("number", "sequence") else str(uuid4()) for name, value in ids.items()}


def addressed(api: Api) -> list[Operation]:
    """The operations whose address names a row."""
    return [o for o in operations(api.client.app) if o.parameters]


class TestTheService:
    def test_every_path_parameter_has_a_row_of_the_other_agency(self, api: Api) -> None:
        """The walk below asks about real rows: a new parameter needs one in `stage`."""
        scene = stage(api, "other")
        named = {name for operation in addressed(api) for name in operation.parameters}
        missing = named - scene.ids.keys()
        assert not missing, f"make a row for {missing}: edit stage() in tests/factories.py"

    def test_attack_36_every_operation_answers_a_foreign_id_as_an_unknown_one(self, api: Api) -> None:
        """Another agency's id: for whoever may ask, 404 with the bytes and headers of an id that is nowhere; for
        everybody else, whatever they hear about an unknown id."""
        mine, theirs = stage(api), stage(api, "other")
        leaks = []
        for operation in addressed(api):
            may = {who for who in STAFF if operation.permission in GRANTS[PEOPLE[who][1]]}
            for who in STAFF:
                foreign = told(mine.send(operation, who, theirs.ids))
                nowhere = told(mine.send(operation, who, unknown(theirs.ids, operation)))
                if foreign != nowhere or (who in may and foreign[0] != 404):
                    leaks.append((operation.name, who, foreign, nowhere))
        assert not leaks

    def test_an_unassigned_advocate_hears_of_her_colleagues_client_as_of_nobody(self, api: Api) -> None:
        """Ben is an advocate of the same agency: ana's clients do not exist for him."""
        mine, leaks = stage(api), []
        walked = [o for o in addressed(api) if OF_CLIENTS & {*o.parameters}]
        walked = [o for o in walked if o.permission is not Permission.BREAKGLASS_OPEN]  # the one way in, told at once
        for operation in walked:
            hidden = told(mine.send(operation, "ben"))
            nowhere = told(mine.send(operation, "ben", unknown(mine.ids, operation)))
            allowed = operation.permission in GRANTS[PEOPLE["ben"][1]]
            if hidden != nowhere or hidden[0] != (404 if allowed else 403):
                leaks.append((operation.name, hidden, nowhere))
        assert not leaks
        assert len(walked) > 25

    def test_a_foreign_id_inside_a_body_is_an_unknown_one(self, api: Api) -> None:
        """Ids in bodies (template, section, reviewer, assignee) answer alike for another agency's row and for none."""
        mine, theirs = stage(api), stage(api, "other")
        leaks, walked = [], 0
        for operation in operations(api.client.app):
            recipe = RECIPES[operation.name]
            body = recipe.body(mine) if recipe.body and operation.permission else None
            for swap in _id_members(body, theirs):
                walked += 1
                who = granted(operation.permission)
                foreign = told(mine.send(operation, who, body=swap(None)))
                nowhere = told(mine.send(operation, who, body=swap(str(uuid4()))))
                if foreign != nowhere or foreign[0] not in (404, 422):
                    leaks.append((operation.name, foreign, nowhere))
        assert not leaks
        assert walked >= 5

    def test_nobody_sees_the_other_agency_in_any_list(self, api: Api) -> None:
        """Every list, for everybody who may read it, holds no id of another agency's row."""
        theirs = stage(api, "other")
        foreign = {value for name, value in theirs.ids.items() if name not in ("number", "sequence")}
        shown = []
        for operation in operations(api.client.app):
            if operation.method != "GET" or operation.parameters:
                continue
            for who in STAFF:
                text = api.get(who, operation.path).text
                shown += [(operation.name, who) for value in foreign if value in text]
        assert not shown

    def test_attack_37_an_agency_named_by_the_caller_is_never_used(self, api: Api) -> None:
        """agency_id in body or query is refused, in a header ignored."""
        scene, theirs = stage(api), str(api.world.agency_id("Lighthouse"))
        used = []
        for operation in operations(api.client.app):
            who = granted(operation.permission) if operation.permission else None
            recipe = RECIPES[operation.name]
            if operation.name in FORMS:
                continue  # what it does not know it has to ignore (RFC 6749 3.2)
            if recipe.body:
                answer = scene.send(operation, who, body={**recipe.body(scene), "agency_id": theirs})
                used += [operation.name] if answer.status_code != 422 else []
            answer = scene.send(operation, who, params={"agency_id": theirs})
            used += [operation.name] if answer.status_code != 422 else []
        assert not used
        headers = {"agency-id": theirs, "x-agency-id": theirs, "agency_id": theirs}
        answer = api.get("ada", "/v1/agency", headers=headers)
        assert answer.json()["id"] == str(api.world.agency_id("Harbor"))
        api.post("ana", "/v1/clients", {"alias": "Heron"}, headers=headers)
        seen = api.world.system(lambda db: list(db.objects.exec(sa.select(Client)).scalars()), "Lighthouse")
        assert not seen

    def test_the_refusal_of_a_foreign_id_is_an_entry_here_and_none_there(self, api: Api) -> None:
        """Who knocks at another agency's rows is in her own agency's log; the other's log does not move."""
        theirs = stage(api, "other")
        before = len(api.world.entries("Lighthouse"))
        assert api.get("ana", f"/v1/clients/{theirs.ids['client_id']}").status_code == 404
        last = api.world.entries()[-1]
        assert (last["outcome"], last["action"], last["code"]) == ("denied", "access.denied", "not-found")
        assert last["object"]["ids"] == [theirs.ids["client_id"]]
        assert len(api.world.entries("Lighthouse")) == before

    def test_a_listed_cursor_of_one_agency_is_none_of_the_others(self, api: Api) -> None:
        """A cursor is bound to the agency it was written for."""
        for _ in range(2):
            api.post("ana", "/v1/clients", {"alias": "Wren"})
        cursor = api.get("ana", "/v1/clients?limit=1").json()["page"]["next_cursor"]
        assert cursor
        assert api.get("other", f"/v1/clients?limit=1&cursor={cursor}").status_code == 422


def _id_members(body: Any, theirs: Scene) -> Iterator[Any]:
    """For each member of a body that holds a row's id: a function that gives the body with another id there."""
    foreign = {"user_id": "user_id", "reviewer_id": "user_id", "section_id": "section_id", "template_id": "template_id"}
    foreign |= {"client_id": "client_id", "to_user_id": "user_id", "absent_id": "absent_id", "by_id": "by_id"}
    if not isinstance(body, dict):
        return
    for name in body:
        if name in foreign and len(body[name]) == 36:  # an id, and no name of OpenID's
            yield lambda other, name=name: {**body, name: other or theirs.ids[foreign[name]]}
        elif isinstance(body[name], list) and body[name] and isinstance(body[name][0], dict) and "id" in body[name][0]:
            yield lambda other, name=name: {**body, name: [{**body[name][0], "id": other or theirs.ids["item_id"]}]}


class TestTheTables:
    def test_agency_id_leads_every_primary_key(self) -> None:
        """A row's whole name begins with its agency."""
        wrong = [t.name for t in SQLModel.metadata.sorted_tables if next(iter(t.primary_key)).name != "agency_id"]
        assert not wrong, "derive the model from AgencyRecord: edit models/"
        assert len(agency_tables()) == len(SQLModel.metadata.sorted_tables) >= 20

    def test_every_foreign_key_is_led_by_agency_id(self) -> None:
        """Checks of foreign keys bypass row-level security, so a key that could point at another agency must not be."""
        loose = []
        for table in agency_tables():
            for key in table.foreign_key_constraints:
                pair = next(iter(key.elements))
                first = (pair.parent.name, pair.column.name)
                # A plan pins a version of its agency's or of the library: the owner is a column of its own.
                owned = (table.name, first[0]) == ("plans", "template_owner_id")
                if first[1] != "agency_id" or (first[0] != "agency_id" and not owned):
                    loose.append((table.name, key.column_keys))
        assert not loose, "use within() of models/base.py"

    def test_every_model_of_clients_rows_names_its_client(self) -> None:
        """A table with a client_id is walled by it, on both lanes."""
        loose = [n for n, m in MODELS.items() if "client_id" in m.model_fields and m.client_column() != "client_id"]
        # What stays when a client's record is destroyed: that it was, and what was done with it. A request for a cover
        # names no client; one that does is walled by Record.names_client, and goes with her.
        kept = {"destructions", "ledger_entries", "staffing_requests"}
        assert {*loose} == kept, "derive the model from ClientRecord: edit models/"


@pytest.fixture
def postgres_urls(request: pytest.FixtureRequest) -> Iterator[Urls]:
    """A fresh copy of the PostgreSQL world, for what only PostgreSQL has."""
    server, (template, _) = request.getfixturevalue("postgres_server"), request.getfixturevalue("postgres_world")
    made = server.new_database(template)
    yield made
    server.drop_database(made.name)


@pytest.fixture
def people(request: pytest.FixtureRequest) -> World:
    """Who is in the PostgreSQL world."""
    return request.getfixturevalue("postgres_world")[1]


@pytest.fixture
def alone(postgres_urls: Urls) -> Iterator[psycopg.Connection]:
    """The app role on a plain connection: row-level security alone, every wall of ours taken away."""
    url = sa.make_url(postgres_urls.app)
    with psycopg.connect(
        host=url.host, port=url.port, user=url.username, password=url.password, dbname=url.database
    ) as connection:
        yield connection


def inside(connection: psycopg.Connection, agency_id: UUID | str) -> None:
    """Begin a transaction of an agency."""
    connection.execute("select set_config('app.agency_id', %s, true)", [str(agency_id)])


class TestRowLevelSecurityAlone:
    def test_it_is_enabled_and_forced_on_every_table(self, postgres_urls: Urls) -> None:
        """Not even the owner of a table reads past it."""
        with behind(postgres_urls.superuser) as connection:
            rows = connection.exec_driver_sql(
                "select relname, relrowsecurity, relforcerowsecurity from pg_class where relkind in ('r', 'p') "
                "and relnamespace = 'public'::regnamespace and relname <> 'alembic_version'"
            ).all()
        assert {r[0] for r in rows} == {t.name for t in SQLModel.metadata.sorted_tables}
        open_ = [r[0] for r in rows if not (r[1] and r[2])]
        assert not open_, "call protect(): edit migrations/versions/"

    def test_neither_role_of_the_service_is_above_it(self, postgres_urls: Urls) -> None:
        """No superuser, no bypass, and the app owns no table it could alter."""
        with behind(postgres_urls.superuser) as connection:
            roles = connection.exec_driver_sql(
                "select rolname, rolsuper, rolbypassrls, rolcreaterole from pg_roles where rolname like 'waypost%%'"
            ).all()
            owned = connection.exec_driver_sql("select 1 from pg_tables where tableowner = 'waypost_app'").all()
        assert {r[0] for r in roles} == {"waypost_owner", "waypost_app", "waypost_auditor"}
        assert not [r for r in roles if any(r[1:])]
        assert not owned

    def test_attack_39_without_an_agency_there_are_no_rows(self, alone: psycopg.Connection) -> None:
        """app.agency_id unset or empty: nothing, from any table that belongs to agencies alone."""
        for said in (None, ""):
            if said is not None:
                inside(alone, said)
            for name, model in MODELS.items():
                found = alone.execute(f"select count(*) from {name} where agency_id <> %s", [PLATFORM]).fetchone()
                assert found == (0,), name
                everything = alone.execute(f"select count(*) from {name}").fetchone()
                assert model.shared or everything == (0,), name
            alone.rollback()

    def test_attack_39_garbage_is_an_error(self, alone: psycopg.Connection) -> None:
        """What is not a UUID never means "no condition"."""
        inside(alone, "' or true --")
        with pytest.raises(psycopg.errors.InvalidTextRepresentation):
            alone.execute("select count(*) from clients")

    def test_only_the_own_agency_is_read(self, alone: psycopg.Connection, people: World) -> None:
        """Each agency's transaction sees its own rows, and of shared tables the platform's."""
        for agency in ("Harbor", "Lighthouse"):
            agency_id = people.agency_id(agency)
            inside(alone, agency_id)
            for name, model in MODELS.items():
                owners = {row[0] for row in alone.execute(f"select distinct agency_id from {name}")}
                assert owners <= ({agency_id, PLATFORM} if model.shared else {agency_id}), name
            assert alone.execute("select count(*) from users").fetchone() != (0,)
            alone.rollback()

    def test_a_row_for_another_agency_is_refused(self, alone: psycopg.Connection, people: World) -> None:
        """WITH CHECK: nobody plants a row elsewhere."""
        inside(alone, people.agency_id("Harbor"))
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            alone.execute(
                "insert into idempotency_keys (agency_id, actor_id, key, fingerprint, created_at) "
                "values (%s, %s, 'x', 'x', now())",
                [people.agency_id("Lighthouse"), uuid4()],
            )

    def test_an_own_row_cannot_be_moved_to_another_agency(self, alone: psycopg.Connection, people: World) -> None:
        """Neither by moving it, nor by touching theirs."""
        inside(alone, people.agency_id("Harbor"))
        theirs = people.agency_id("Lighthouse")
        assert alone.execute("update users set language = 'es' where agency_id = %s", [theirs]).rowcount == 0
        assert alone.execute("delete from users where agency_id = %s", [theirs]).rowcount == 0
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            alone.execute("update sessions set agency_id = %s", [theirs]) if _a_session(alone, people) else None

    def test_the_library_is_read_by_all_and_written_by_none(self, alone: psycopg.Connection, people: World) -> None:
        """Platform rows of shared tables are readable; an agency changes, deletes and adds none."""
        inside(alone, people.agency_id("Harbor"))
        for name in [n for n, m in MODELS.items() if m.shared]:
            counted = alone.execute(f"select count(*) from {name} where agency_id = %s", [PLATFORM]).fetchone()
            assert counted != (0,), name
            assert alone.execute(f"delete from {name} where agency_id = %s", [PLATFORM]).rowcount == 0
        changed = alone.execute("update templates set title = 'ours now' where agency_id = %s", [PLATFORM])
        assert changed.rowcount == 0
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            alone.execute(
                "insert into jurisdictions (agency_id, id, key, document) values (%s, %s, 'x', '{}')",
                [PLATFORM, uuid4()],
            )

    def test_an_aborted_transaction_leaves_nothing_to_the_next(
        self, postgres_urls: Urls, people: World, alone: psycopg.Connection
    ) -> None:
        """Attack 38: the agency ends with its transaction, aborted or not."""
        inside(alone, people.agency_id("Harbor"))
        with pytest.raises(psycopg.errors.DivisionByZero):
            alone.execute("select 1/0")
        alone.rollback()
        assert alone.execute("select count(*) from users").fetchone() == (0,)


def _a_session(connection: psycopg.Connection, people: World) -> bool:
    """Put one session of ana's there, so that there is a row to move."""
    ana = people.people["ana"].actor
    connection.execute(
        "insert into sessions (agency_id, id, user_id, opened_at, last_used_at, expires_at, generation, refresh_hash, "
        "auth) values (%s, %s, %s, now(), now(), now(), 1, 'x', 'password')",
        [ana.agency_id, uuid4(), ana.id],
    )
    return True


class TestTheWorkspace:
    """The walls of ours, which are all there is on SQLite."""

    @pytest.mark.parametrize(
        "statement",
        [
            sa.text("select * from clients"),
            sa.select(sa.table("clients", sa.column("id"))),
            sa.select(Client.__table__),
            sa.update(Client).values(status="closed"),
            sa.delete(Client),
            sa.insert(Client).values(id=uuid4()),
            sa.update(Client.__table__).values(status="closed"),
        ],
        ids=["text", "table by name", "core select", "bulk update", "bulk delete", "bulk insert", "core update"],
    )
    def test_attack_40_what_the_walls_do_not_cover_is_refused(self, world: World, statement: Any) -> None:
        """text(), Core selects and bulk writes never run in a Workspace."""
        with pytest.raises(UnexplainedWrite):
            world.run("sol", Permission.CLIENT_READ, lambda db: db.objects.execute(statement))

    def test_attack_40_a_row_of_another_agency_is_refused_at_flush(self, world: World) -> None:
        """Even when a verb would explain it."""

        def plant(db: Workspace) -> None:
            row = Template(agency_id=world.agency_id("Lighthouse"), title="planted", created_at=db.now)
            db.objects.add(row)
            db.claimed.add(row.id)
            db.record(Action.TEMPLATE_CREATED, row)

        with pytest.raises(UnexplainedWrite):
            world.run("ana", Permission.TEMPLATE_DRAFT, plant)

    def test_a_row_cannot_be_handed_to_another_agency(self, world: World) -> None:
        """Changing agency_id is a write into another agency."""

        def hand_over(db: Workspace) -> None:
            row = db.claim(User, world.people["ben"].actor.id)
            row.agency_id = world.agency_id("Lighthouse")
            db.record(Action.USER_UPDATED, row)

        with pytest.raises(UnexplainedWrite):
            world.run("ada", Permission.USER_UPDATE, hand_over)

    def test_library_rows_are_read_and_never_written_by_an_agency(self, world: World) -> None:
        """An agency finds the library's template, and cannot change it even with a claim and a fact."""

        def rename(db: Workspace) -> None:
            row = db.claim(Template, TEMPLATE)
            row.title = "ours now"
            db.record(Action.TEMPLATE_UPDATED, row)

        assert world.run("ana", Permission.TEMPLATE_READ, lambda db: db.find(Template, TEMPLATE)).is_library
        with pytest.raises((UnexplainedWrite, NotFound)):  # PostgreSQL does not even let it be locked
            world.run("ada", Permission.TEMPLATE_PUBLISH, rename)

    def test_a_plain_select_is_walled(self, world: World) -> None:
        """Whoever asks the ORM for clients gets those in her sight."""
        mine, theirs = world.client("ana"), world.client("other")
        seen = {who: _ids(world, who, sa.select(Client.id)) for who in ("sol", "ana", "ben", "other")}
        assert seen == {"sol": {mine}, "ana": {mine}, "ben": set(), "other": {theirs}}

    def test_what_the_walls_would_miss_is_refused(self, world: World) -> None:
        """Aliases, joins, subqueries and unions through the ORM are refused: they belong to Query, which walls each."""
        other = sa.orm.aliased(Client)
        clever = (
            sa.select(other.id),
            sa.select(Client.id).where(Client.id.in_(sa.select(other.id))),
            sa.union(sa.select(Client.id), sa.select(other.id)),
            sa.select(sa.select(Client.id).cte()),
            sa.select(Client.id).where(Plan.client_id == Client.id),
            sa.select(Client.id, other.id).join(other, sa.true()),
            sa.select(Client.id).select_from(sa.orm.join(Client, other, sa.true())),
            sa.select(Client.id).where(sa.exists(sa.select(other.id).join(Client, sa.true()))),
            sa.select(Client.id).order_by(sa.select(other.id).scalar_subquery()),
            sa.select(Client.id, sa.select(other.id).limit(1).scalar_subquery()),
            sa.select(Client.id).where(Client.restricted.is_(False), sa.text("1=1 or 1=1")),
            sa.select(Client.id, sa.literal_column("(select count(*) from clients)")),
        )
        for statement in clever:
            with pytest.raises(UnexplainedWrite):
                _ids(world, "sol", statement)

    def test_sight_does_not_lend_itself_to_another_permission(self, world: World) -> None:
        """A role without sight sees no client's row whatever it was granted."""
        client_id = world.client("ana")
        world.plan(client_id)
        for who in ("ada", "aud"):
            for permission in GRANTS[PEOPLE[who][1]]:
                for model in (Client, Plan):
                    found = world.run(
                        who, permission, lambda db, m=model: list(db.objects.exec(sa.select(m)).scalars())
                    )
                    assert not found, (who, permission)

    def test_attack_38_a_pooled_connection_remembers_no_agency(self, world: World) -> None:
        """A unit that blew up leaves nothing behind on its connection for the next agency's unit."""
        mine = world.client("ana")

        def explode(db: Workspace) -> None:
            db.find(Client, mine)
            raise ZeroDivisionError

        for _ in range(6):
            with pytest.raises(ZeroDivisionError):
                world.run("ana", Permission.CLIENT_READ, explode)
            seen = world.run(
                "other", Permission.CLIENT_READ, lambda db: list(db.objects.exec(sa.select(Client)).scalars())
            )
            assert not seen
            with world.database.engine.connect() as connection:
                if world.database.engine.dialect.name == "postgresql":
                    assert connection.exec_driver_sql("select count(*) from users").scalar_one() == 0

    def test_nobody_becomes_somebody_of_another_agency(self, world: World) -> None:
        """A Workspace has one agency and one actor, for good."""
        other = world.people["other"].actor

        def turn(db: Workspace) -> None:
            db.become(other)

        with pytest.raises(Forbidden):
            world.run("ana", Permission.CLIENT_READ, turn)
        with pytest.raises(Forbidden):
            world.system(lambda db: db.become(Actor.system(db.agency_id)))

    def test_each_log_is_its_agencys_own(self, world: World) -> None:
        """Attack 55: an auditor reads her agency's entries only."""
        world.client("other")
        for agency in ("Harbor", "Lighthouse"):
            assert {entry["agency"] for entry in world.entries(agency)} == {str(world.agency_id(agency))}
        sequence = len(world.entries("Lighthouse"))
        found = world.run("aud", Permission.AUDIT_READ, lambda db: list(book.entries(db, first=0)))
        assert all(str(world.agency_id()).encode() in stored for _, stored in found)
        assert sequence > 0


def _ids(world: World, who: str, statement: Any) -> set[UUID]:
    return set(world.run(who, Permission.CLIENT_READ, lambda db: list(db.objects.execute(statement).scalars())))


def test_attack_41_a_foreign_key_to_another_agency_is_told_as_404(api: Api, urls: Urls) -> None:
    """When a row does get past the walls, the database refuses it, and its words do not reach the caller."""
    mine, theirs = stage(api), stage(api, "other")

    def misplace(db: Workspace) -> None:
        db.create(
            Plan,
            Action.PLAN_CREATED,
            client_id=UUID(theirs.ids["client_id"]),
            template_owner_id=PLATFORM,
            template_id=TEMPLATE,
            template_version=1,
            language="en",
            created_at=db.now,
            created_by_id=db.actor.id,
        )

    with pytest.raises(NotFound) as refused:
        api.world.system(misplace)
    assert "fk_" not in str(refused.value)
    assert mine.ids["plan_id"] != theirs.ids["plan_id"]
