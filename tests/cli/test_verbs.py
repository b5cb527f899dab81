"""What the other verbs do, on both databases."""

import json
import os
import shutil
import socket
import stat
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
import time_machine

from api import worker
from api.worker import CHORES, PLATFORM_CHORES
from models import idempotency, setup
from models.access import PLATFORM, Actor
from models.engine import make_engine
from models.errors import Unauthenticated
from models.session import SignInSession
from models.setup import SetupLink
from models.user import User
from models.workspace import Workspace
from tests.cli.program import Program, Ran
from tests.partners import RECIPIENT, enter
from tests.postgres import Urls
from tests.world import AT_HARBOR, PASSWORD, World

SQLITE = pytest.mark.parametrize("kind", ["sqlite"])
POSTGRESQL = pytest.mark.parametrize("kind", ["postgresql"])
#: Every verb, with words that make it run to its end on the world of the tests.
ENDING = [
    ("access",),
    ("status",),
    ("doctor",),
    ("db", "upgrade"),
    ("db", "check"),
    ("agency", "list"),
    ("agency", "create", "Beacon", "--time-zone", "Europe/Dublin", "--jurisdiction", "ie"),
    ("user", "create", "new@harbor.example", "--agency", "Harbor", "--name", "New", "--role", "advocate"),
    ("user", "reset-password", "ana@harbor.example"),
    ("user", "sign-out", "ana@harbor.example"),
    ("user", "sign-out", "--agency", "Harbor"),
    ("user", "unlock", "ana@harbor.example"),
    ("integration", "list"),
    ("content", "lint"),
    ("content", "load"),
    ("db", "backup"),
    ("keys", "status"),
    ("keys", "export-wrapped"),
    ("audit", "verify"),
    ("audit", "vouch", "--agency", "Harbor"),
    ("audit", "checkpoint"),
    ("audit", "prove", "0", "--agency", "Harbor"),
    ("keys", "rotate-checkpoint-key"),
    ("search", "index", "--agency", "Harbor"),
    ("search", "index", "--agency", "Harbor", "--off"),
]


def sound(ran: Ran) -> Ran:
    """It ended well, with nothing but log lines on standard error."""
    said = [line for line in ran.err.splitlines() if not line.startswith("{")]
    assert (ran.code, said) == (0, []), (ran.code, ran.out, ran.err)
    return ran


def test_an_agency_founded_by_hand_ends_the_set_up_link(program: Program, world: World) -> None:
    """Whoever still holds the link founds nothing."""
    token = world.database.transact(Actor.system(PLATFORM), SetupLink.make)
    world.database.engine.dispose()
    sound(program("agency", "create", "Beacon", "--time-zone", "Europe/Dublin"))
    with pytest.raises(Unauthenticated):
        world.database.transact(Actor.system(PLATFORM), lambda db: setup.must_be_usable(db, token))
    world.database.engine.dispose()


def test_every_verb_both_ways(program: Program) -> None:
    """Each verb ends with 0, in words and as one JSON document."""
    for words in ENDING:
        again = ["Beacon Two" if w == "Beacon" else w.replace("new@", "newer@") for w in words]
        assert sound(program(*words)).out
        assert isinstance(sound(program(*again, "--json")).json, dict)


def _handed(told: dict[str, str]) -> str:
    """The one-time password from the private file that the answer names."""
    file = Path(told["one_time_password_file"])
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    return file.read_text().strip()


@pytest.mark.parametrize(
    "words", [(), *((verb,) for verb in ("demo", "start", "serve", "worker", "db", "user")), *ENDING]
)
def test_help_loads_nothing_heavy(words: tuple[str, ...]) -> None:
    """--help of any verb answers without the web framework, the database or the cryptography."""
    heavy = ["fastapi", "sqlmodel", "sqlalchemy", "alembic", "cryptography", "psycopg", "uvicorn", "models"]
    verb = [w for w in words[:2] if not w.startswith("-") and w.isascii()][: 2 if words and words[0] in _GROUPS else 1]
    code = (
        "import sys, io, contextlib\n"
        "from api.cli import main\n"
        "sys.argv = ['waypost', *sys.argv[1:], '--help']\n"
        "try: main()\n"
        f"except SystemExit as end: print(end.code, [m for m in {heavy} if m in sys.modules])"
    )
    ran = subprocess.run([sys.executable, "-c", code, *verb], capture_output=True, text=True, check=False, timeout=60)
    assert ran.stdout.splitlines()[-1] == "0 []", ran.stdout + ran.stderr
    assert "Usage: " in ran.stdout


_GROUPS = ("db", "agency", "client", "integration", "sso", "user", "content", "keys", "audit", "search")


def test_new_agency_works(program: Program) -> None:
    """Agency, person, one-time password from a private file, sign-in that asks for an own one, reset."""
    agency = sound(program("agency", "create", "Beacon", "--time-zone", "Europe/Dublin", "--json")).json
    words = ("user", "create", "eve@beacon.example", "--agency", agency["id"], "--name", "Eve", "--role", "supervisor")
    made = sound(program(*words, "--json")).json
    password = _handed(made)
    with program.serving() as service:
        with service.sign_in("eve@beacon.example", password) as client:
            assert client.get("/v1/caseload").json()["code"] == "password-change-required"
            body = {"current_password": password, "new_password": "the tide leaves the long sand bare"}
            assert client.put("/v1/me/password", json=body).status_code == 204
            assert client.get("/v1/me").json()["roles"] == ["supervisor"]
            fresh = _handed(sound(program("user", "reset-password", "eve@beacon.example", "--json")).json)
            assert client.get("/v1/me").status_code == 401, "a reset signs her out everywhere"
        with service.sign_in("eve@beacon.example", fresh) as client:
            assert client.get("/v1/me").json()["password_change_required"] is True


def test_reset_is_in_the_agencys_ledger(program: Program, world: World) -> None:
    """What the command line does to people is logged like anything else, as done by the command line."""
    sound(program("user", "reset-password", "ben@harbor.example"))
    last = world.entries()[-1]
    assert (last["action"], last["who"]["kind"]) == ("user.password_reset", "command")
    assert "ben@" not in json.dumps(last)


def test_sign_out_ends_one_persons_sessions_or_everybodys(program: Program) -> None:
    """What was signed in is out with the next request; without saying whom, nobody is."""
    with (
        program.serving() as service,
        service.sign_in("ana@harbor.example", PASSWORD) as ana,
        service.sign_in("sol@harbor.example", PASSWORD) as sol,
    ):
        sound(program("user", "sign-out", "ana@harbor.example"))
        assert [ana.get("/v1/me").status_code, sol.get("/v1/me").status_code] == [401, 200]
        assert (
            program("user", "sign-out").code
            == program("user", "sign-out", "x@y.example", "--agency", "Harbor").code
            == 2
        )
        assert sol.get("/v1/me").status_code == 200
        assert len(sound(program("user", "sign-out", "--agency", "Harbor", "--json")).json["signed_out"]) == AT_HARBOR
        assert sol.get("/v1/me").status_code == 401


def test_unlock_ends_a_suspension(program: Program, world: World) -> None:
    """A suspended person gets in again."""
    ben = world.people["ben"].actor.id
    world.system(lambda db: db.claim(User, ben).suspend(db))
    sound(program("user", "unlock", "ben@harbor.example"))
    assert world.system(lambda db: db.find(User, ben).status) == "active"


def test_unknown_person_and_taken_address(program: Program) -> None:
    """Told in one line; nothing is made."""
    program("user", "reset-password", "nobody@harbor.example").refused("Nobody signs in")
    words = ("user", "create", "ana@harbor.example", "--agency", "Lighthouse", "--name", "Ana", "--role", "advocate")
    program(*words).refused("has a sign-in already")
    program("user", "create", "x@y.example", "--agency", "Nowhere", "--name", "X", "--role", "auditor").refused(
        "agency"
    )
    both = (
        "user",
        "create",
        "x@y.example",
        "--agency",
        "Harbor",
        "--name",
        "X",
        "--role",
        "auditor",
        "--role",
        "advocate",
    )
    program(*both).refused("auditor")


def test_audit_finds_an_edited_entry(program: Program, urls: Urls) -> None:
    """Exit 1 and the agency named when an entry is not what was written; sound before."""
    before = sound(program("audit", "verify", "--agency", "Harbor", "--json")).json
    assert before["ledgers"][0]["size"] > 0
    engine = make_engine(urls.superuser)
    with engine.begin() as connection:
        if engine.dialect.name == "sqlite":
            connection.exec_driver_sql("drop trigger ledger_entries_update")
            change = "update ledger_entries set entry = cast(replace(cast(entry as text), '\"ok\"', '\"no\"') as blob)"
        else:
            connection.exec_driver_sql("alter table ledger_entries disable trigger user")
            change = (
                "update ledger_entries set entry = "
                "convert_to(replace(convert_from(entry, 'utf8'), '\"ok\"', '\"no\"'), 'utf8')"
            )
        connection.execute(sa.text(change + " where seq = 1"))
    engine.dispose()
    ran = program("audit", "verify", "--json")
    assert (ran.code, ran.json["sound"]) == (1, False)
    assert {ledger["agency"] for ledger in ran.json["ledgers"] if ledger["faults"]} >= {before["ledgers"][0]["agency"]}


def test_content_errors_name_the_line(program: Program) -> None:
    """Lint and load exit 1, name file and line; the library in the database stays."""
    content = program.folder / "content"
    shutil.copytree(Path(__file__).parent.parent.parent / "content", content)
    page = content / "en" / "personal-safety.v1.yaml"
    page.write_text(page.read_text().replace("title: Personal safety plan", "titel: Personal safety plan"))
    for verb in ("lint", "load"):
        ran = program("content", verb, "--json", WAYPOST_CONTENT_DIR=str(content))
        assert ran.code == 1
        assert any(f.startswith("content/en/personal-safety.v1.yaml:") and "titel" in f for f in ran.json["faults"])
    assert sound(program("content", "load", "--json")).json["added"] == []


@POSTGRESQL
def test_doctor_finds_a_role_above_the_walls(program: Program, urls: Urls) -> None:
    """A service that runs as a superuser has no walls; a table without forced row-level security neither."""
    assert sound(program("doctor", "--json")).json["sound"] is True
    strong = program("doctor", "--json", WAYPOST_DATABASE_URL=urls.superuser)
    assert strong.code == 1
    assert {f["what"] for f in strong.json["findings"] if f["state"] == "fail"} == {"role"}
    engine = make_engine(urls.owner)
    with engine.begin() as connection:
        connection.exec_driver_sql("alter table clients no force row level security")
    engine.dispose()
    assert "row-level security" in {
        f["what"] for f in program("doctor", "--json").json["findings"] if f["state"] == "fail"
    }


@SQLITE
def test_doctor_names_the_sinks_that_take_no_checkpoint(program: Program, tmp_path: Path) -> None:
    """One that is away and one in no folder; never what else stands in an address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    sinks = [f"file:{tmp_path}/kept", f"file:{tmp_path}/none/kept", f"http://127.0.0.1:{port}/s3cret"]
    done = program("doctor", "--json", WAYPOST_CHECKPOINT_SINKS=json.dumps(sinks))
    states = {f["what"]: f["state"] for f in done.json["findings"] if f["what"].startswith("sink ")}
    assert list(states.values()) == ["ok", "fail", "fail"]
    assert "s3cret" not in done.out + done.err


@SQLITE
def test_doctor_tells_which_secrets_are_too_old(program: Program) -> None:
    """After a year the root key and the pepper, after two the checkpoint key, after a quarter the key that signs tokens;
    replaced, they are young again."""

    def told() -> dict[str, str]:
        found = program("doctor", "--json").json["findings"]
        return {f["what"].removeprefix("age of the "): f["state"] for f in found if f["what"].startswith("age of ")}

    today = datetime.now(UTC)
    young = dict.fromkeys(["root key", "checkpoint key", "pepper", "token signing key"], "ok")
    assert told() == young
    with time_machine.travel(today + timedelta(days=400), tick=True):
        assert told() == young | dict.fromkeys(["root key", "pepper", "token signing key"], "warn")
        for replaced in (["keys", "rotate"], ["keys", "pepper", "rotate"], ["keys", "tokens", "rotate"]):
            sound(program(*replaced))
        assert told() == young
    with time_machine.travel(today + timedelta(days=760), tick=True):
        assert told() == young | dict.fromkeys(["checkpoint key", "token signing key"], "warn")
        sound(program("keys", "rotate-checkpoint-key"))
        assert told()["checkpoint key"] == "ok"


@SQLITE
def test_doctor_names_the_mend(program: Program) -> None:
    """Whatever fails, the line says how to mend it, and the other lines are still there."""
    ran = program("doctor", WAYPOST_KEYS_DIR=str(program.folder / "none"))
    assert ran.code == 1
    failed = [line for line in ran.out.splitlines() if line.startswith("fail")]
    assert failed
    assert all("Mend: " in line for line in failed)
    assert "ok    database pages" in ran.out


def test_worker_forgets_what_is_old(program: Program, world: World, urls: Urls) -> None:
    """Idempotency keys older than a day and sessions dead for a month go, in every agency; younger ones stay."""

    def fill(db: Workspace) -> None:
        idempotency.take(db, os.urandom(32), os.urandom(32))
        SignInSession.open(db, world.people["ana"].actor.id)

    for _ in range(2):
        world.system(fill)
    engine = make_engine(urls.superuser)
    days = 86_400_000_000 if engine.dialect.name == "sqlite" else "interval '1 day'"
    with engine.begin() as connection:
        for table, column, key in (("idempotency_keys", "created_at", "key"), ("sessions", "expires_at", "id")):
            oldest = f"(select min({key}::text)::{'bytea' if key == 'key' else 'uuid'} from {table})"
            if engine.dialect.name == "sqlite":
                oldest = f"(select min({key}) from {table})"
            connection.exec_driver_sql(f"update {table} set {column} = {column} - 40 * {days} where {key} = {oldest}")
    engine.dispose()
    done = sound(program.process("worker", "--once", "--json")).json["chores"]
    nothing = dict.fromkeys([*CHORES, *PLATFORM_CHORES, "failed"], 0)
    assert done == nothing | {"forget-idempotency-keys": 1, "forget-dead-sessions": 1}
    again = sound(program.process("worker", "--once", "--json")).json["chores"]
    assert again == nothing


def test_worker_ends_on_sigterm(program: Program) -> None:
    """A waiting worker ends at once, with 0."""
    command = [sys.executable, "-m", "api", "worker"]
    with subprocess.Popen(command, env=program.env(), cwd=program.folder, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        assert json.loads(process.stderr.readline())["event"] == "chores.done"
        before = time.monotonic()
        process.terminate()
        assert process.wait(20) == 0
        assert time.monotonic() - before < 10


def test_worker_goes_on_after_a_failure(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A chore that fails in one agency is counted; the other agencies and chores get their turn."""
    broken = world.agency_id("Harbor")
    seen = []

    def chore(db: Workspace) -> int:
        seen.append(db.agency_id)
        if db.agency_id == broken:
            raise RuntimeError("the words of a plan")
        return 1

    monkeypatch.setitem(worker.CHORES, "first", chore)
    done = worker.round_of_chores(world.database)
    assert set(seen) == {broken, world.agency_id("Lighthouse")}
    assert (done["first"], done["failed"]) == (1, 1)


@SQLITE
def test_two_upgrades_at_once(program: Program, empty: Program) -> None:
    """Both end well; the tables are made once."""
    assert empty("keys", "new").code == 0
    command = [sys.executable, "-m", "api", "db", "upgrade"]
    both = [subprocess.Popen(command, env=empty.env(), stderr=subprocess.PIPE, text=True) for _ in range(2)]
    ended = [(process.communicate(timeout=60)[1], process.returncode) for process in both]
    assert [code for _, code in ended] == [0, 0], ended
    assert sound(empty("status", "--json")).json["ready"] is True


@SQLITE
def test_openapi_is_the_same_everywhere(program: Program) -> None:
    """The document depends on the code alone: same bytes without keys, without database, twice."""
    first = sound(
        program.process("openapi", WAYPOST_KEYS_DIR="/nowhere", WAYPOST_DATABASE_URL="sqlite:////nowhere/x.db")
    )
    assert first.json["openapi"].startswith("3.1")
    assert sound(program.process("openapi", "--json")).out == first.out


@SQLITE
def test_keys_are_made_once(program: Program, empty: Program) -> None:
    """Private files; never written over; half a set is not completed, for the other half may be in a backup."""
    folder = empty.folder / "data" / "keys"
    assert sound(empty("keys", "new", "--json")).json["made"] == [
        str(folder / n) for n in ("root.json", "service.json", "checkpoint.json")
    ]
    assert {stat.S_IMODE(file.stat().st_mode) for file in folder.iterdir()} == {0o600}
    before = (folder / "root.json").read_bytes()
    empty("keys", "new").refused("is there already")
    (folder / "service.json").unlink()
    (folder / "checkpoint.json").unlink()
    empty("keys", "new").refused("is there already")
    assert [file.name for file in folder.iterdir()] == ["root.json"]
    assert (folder / "root.json").read_bytes() == before


def test_search_index_is_built_asked_and_taken_away(program: Program, world: World) -> None:
    """Built twice, dropped twice: each says what it did, and a running service finds people throughout."""
    for name in ("Wren Alder", "Wren Alders", "Wren"):
        world.client(legal_name=name)
    world.database.engine.dispose()
    with program.serving() as service, service.sign_in("sol@harbor.example", PASSWORD) as sol:

        def found() -> tuple[int, bool]:
            answer = sol.post("/v1/clients/search", json={"query": "wren alder"}).json()
            return len(answer["data"]), answer["more"]

        assert found() == (2, False)
        built = sound(program("search", "index", "--agency", "Harbor", "--json")).json
        assert (built["version"], built["buckets"]) == (1, 1)
        assert found() == (1, True)
        assert "version 2" in sound(program("search", "index", "--agency", "Harbor")).out
        gone = sound(program("search", "index", "--agency", "Harbor", "--off", "--json")).json
        assert gone["entries_deleted"] == 2
        assert "no index" in sound(program("search", "index", "--agency", "Harbor", "--off")).out
        assert found() == (2, False)


def test_an_integration_is_seen_and_stopped_from_the_machine(program: Program, world: World) -> None:
    """Without anybody signing in; what there is not is told in one line."""
    partner = enter(world)
    world.database.engine.dispose()
    (row,) = sound(program("integration", "list", "--json")).json["integrations"]
    assert (row["id"], row["recipient"], row["state"]) == (str(partner.id), RECIPIENT, "active")
    sound(program("integration", "suspend", str(partner.id)))
    assert "suspended" in sound(program("integration", "list", "--agency", "Harbor")).out
    assert program("integration", "suspend", str(partner.agency_id)).code == 3
    assert "integration.suspended" in [entry["action"] for entry in world.entries()]
    world.database.engine.dispose()
