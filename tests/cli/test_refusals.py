"""Each reason not to run: exit 3, one line with the next command, nothing made, nothing touched."""

import contextlib
import json
import shutil
import socket
import sqlite3
import ssl
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import sqlalchemy as sa

import migrations
from api.cli import house
from api.cli.house import speaks_privately
from api.cli.say import Trouble
from models.engine import make_engine
from models.vault.roots import RootKeys
from tests.cli.program import Program
from tests.cli.proxies import certify
from tests.postgres import Urls

SQLITE = pytest.mark.parametrize("kind", ["sqlite"])
POSTGRESQL = pytest.mark.parametrize("kind", ["postgresql"])
VERBS = ("serve", "start", "worker", "status")


@pytest.fixture
def keys(program: Program) -> Path:
    """This test's own copy of the keys."""
    copied = program.folder / "keys"
    shutil.copytree(program.settings["WAYPOST_KEYS_DIR"], copied)
    program.settings["WAYPOST_KEYS_DIR"] = str(copied)
    return copied


class TestKeys:
    """Nothing runs without the keys that belong to the database, and none are made instead."""

    @pytest.mark.parametrize("verb", VERBS)
    @pytest.mark.parametrize("name", ["root.json", "service.json"])
    @SQLITE
    def test_attack_17_a_key_file_is_missing(self, program: Program, keys: Path, name: str, verb: str) -> None:
        """The line names the file and the setting; the file stays missing, and the database as it was."""
        (keys / name).unlink()
        before = (program.folder / "waypost.db").read_bytes()
        program(verb).refused(name, "missing", "WAYPOST_KEYS_DIR")
        assert not (keys / name).exists()
        assert (program.folder / "waypost.db").read_bytes() == before

    @pytest.mark.parametrize("name", ["root.json", "service.json"])
    @SQLITE
    def test_attack_19_readable_by_others(self, program: Program, keys: Path, name: str) -> None:
        """A key others could have read is refused, with the chmod that mends it."""
        for mode in (0o640, 0o604, 0o644):
            (keys / name).chmod(mode)
            program("status").refused("can be read by others", f"chmod 600 {keys / name}")

    @pytest.mark.parametrize(
        "damage", [lambda text: text[:40], lambda text: "", lambda text: text.replace('"1"', '"2"')]
    )
    @SQLITE
    def test_damaged(self, program: Program, keys: Path, damage: Callable[[str], str]) -> None:
        """Half a file, an empty one, one without its current epoch."""
        file = keys / "root.json"
        file.write_text(damage(file.read_text()))
        program("serve").refused("root.json", "restore it from your key backup")

    @pytest.mark.parametrize("verb", VERBS)
    def test_attack_18_the_wrong_root_key(self, program: Program, keys: Path, verb: str) -> None:
        """Another installation's root key opens no agency: told at the start, before data are touched."""
        (keys / "root.json").unlink()
        RootKeys.create(keys / "root.json")
        program(verb).refused("wrong root key", "restore the key files")

    def test_attack_18_the_right_key_under_another_number(self, program: Program, keys: Path) -> None:
        """What is wrapped names its epoch: the key alone is not enough, nor is an epoch of another key."""
        file = keys / "root.json"
        right = json.loads(file.read_text())["epochs"]["1"]
        other = right | {"key": "A" * 43 + "="}
        file.write_text(json.dumps({"current": 2, "epochs": {"2": right}}))
        program("status").refused("oot key epoch 1 is not in", "restore the file from your key backup")
        file.write_text(json.dumps({"current": 2, "epochs": {"1": other, "2": right}}))
        program("status").refused("wrong root key", "restore the key files")

    @SQLITE
    def test_attack_19_demo_keys_in_production(self, program: Program, keys: Path) -> None:
        """Keys marked as a demo's protect nobody."""
        (keys / "root.json").unlink()
        RootKeys.create(keys / "root.json", demo=True)
        program("serve", WAYPOST_ENV="production").refused("belongs to a demo", "WAYPOST_KEYS_DIR")


class TestDatabase:
    """The database has to be there, sound, and of this code's shape."""

    def test_empty(self, program: Program, urls: Urls) -> None:
        """Tables missing: the next command makes them, and then it runs."""
        engine = make_engine(urls.owner)
        migrations.downgrade(engine)
        engine.dispose()
        program("serve").refused("The database is empty", "db upgrade")
        checked = program("db", "check", "--json")
        assert (checked.code, checked.json) == (1, {"fit": "empty"})
        assert program("db", "upgrade").code == 0
        assert program("db", "check", "--json").json == {"fit": "fits"}

    def test_ahead(self, program: Program, urls: Urls) -> None:
        """Old code never works on a newer database, nor migrates it."""
        engine = make_engine(urls.owner)
        with engine.begin() as connection:
            connection.execute(sa.text("update alembic_version set version_num = '9999'"))
        engine.dispose()
        for words in (("serve",), ("start",), ("status",), ("db", "upgrade")):
            program(*words).refused("newer version of Waypost")
        assert program("db", "check", "--json").json == {"fit": "ahead"}

    @SQLITE
    def test_behind(self, urls: Urls, monkeypatch: pytest.MonkeyPatch) -> None:
        """New code asks for a backup and the upgrade first."""
        monkeypatch.setattr(migrations, "fit", lambda _: migrations.Fit.BEHIND)
        with pytest.raises(Trouble) as told:
            house.must_fit(make_engine(urls.owner))
        assert "db backup && " in told.value.line()
        assert "db upgrade" in told.value.line()

    @SQLITE
    def test_file_missing(self, program: Program) -> None:
        """No empty database appears where one was lost; the way back to a backup is named when there is one."""
        file = program.folder / "waypost.db"
        backup = program("db", "backup", "--json").json["folder"]
        keys = program("keys", "export-wrapped", "--json").json["folder"]
        file.unlink()
        Path(f"{file}-wal").write_bytes(b"of the file that is gone")
        for verb in ("serve", "status", "worker"):
            program(verb).refused("is missing", f"db restore check --data {backup} --keys {keys}")
            assert not file.exists()
        words = ("--data", backup, "--keys", keys, "--without-checkpoint")
        assert program("db", "restore", "check", *words).code == 0
        assert program("db", "restore", *words).code == 0
        assert program("status").code == 0

    @SQLITE
    def test_page_torn(self, program: Program) -> None:
        """A damaged file is not served; the line names how to restore."""
        file = program.folder / "waypost.db"
        with sqlite3.connect(file) as connection:
            pages = connection.execute("PRAGMA page_count").fetchone()[0]
            size = connection.execute("PRAGMA page_size").fetchone()[0]
        connection.close()
        with file.open("r+b") as opened:
            for page in range(pages // 3, pages // 2):
                opened.seek(page * size)
                opened.write(b"\xa5" * (size // 2))
        program("serve").refused("is damaged", "db backup")
        assert program("doctor").code == 1

    @SQLITE
    def test_not_a_database(self, program: Program) -> None:
        """Some other file."""
        (program.folder / "waypost.db").write_bytes(b"This is a letter, not a database. " * 400)
        program("serve").refused("waypost.db")

    @POSTGRESQL
    def test_nobody_answers(self, program: Program) -> None:
        """No server, or a wrong password: one line that never holds the password."""
        away = "postgresql+psycopg://waypost_app:hidden-word@127.0.0.1:1/waypost"
        ran = program("serve", WAYPOST_DATABASE_URL=away)
        ran.refused("The database does not answer")
        wrong = sa.make_url(program.settings["WAYPOST_DATABASE_URL"]).set(password="hidden-word")
        again = program("status", WAYPOST_DATABASE_URL=wrong.render_as_string(hide_password=False))
        again.refused("The database does not answer")
        assert "hidden-word" not in ran.err + again.err


class TestSettings:
    """Settings that would hurt."""

    @pytest.mark.parametrize("url", [None, "http://waypost.harbor.example"])
    @SQLITE
    def test_open_to_others_without_tls(self, program: Program, url: str | None) -> None:
        """In production other machines reach the service through TLS only."""
        more = {"WAYPOST_PUBLIC_URL": url} if url else {}
        ran = program("serve", WAYPOST_ENV="production", WAYPOST_HOST="0.0.0.0", **more)  # noqa: S104
        ran.refused("WAYPOST_PUBLIC_URL", "unencrypted")

    @SQLITE
    def test_open_to_others_behind_tls(self, program: Program) -> None:
        """As in a container: every address, with the proxy's https address named."""
        more = {"WAYPOST_HOST": "0.0.0.0", "WAYPOST_PUBLIC_URL": "https://waypost.harbor.example"}  # noqa: S104
        with program.serving("serve", WAYPOST_ENV="production", **more) as service:
            assert service.stop() == 0

    @pytest.mark.parametrize(
        ("address", "private"),
        [
            ("db.harbor.example:5432/waypost", False),
            ("db.harbor.example/waypost?sslmode=require", False),
            ("db.harbor.example/waypost?sslmode=verify-ca", False),
            ("/waypost?host=192.0.2.7", False),
            ("/waypost?host=127.0.0.1&hostaddr=192.0.2.7", False),
            ("127.0.0.1/waypost?hostaddr=192.0.2.7", False),
            ("/waypost?host=127.0.0.1,192.0.2.7", False),
            ("/waypost?host=127.0.0.1&host=192.0.2.7", False),
            ("127.0.0.1.harbor.example/waypost", False),
            ("db.harbor.example/waypost?sslmode=verify-full", True),
            ("127.0.0.1:5432/waypost", True),
            ("[::1]/waypost", True),
            ("localhost/waypost", True),
            ("/waypost", True),
            ("/waypost?host=/run/postgresql", True),
        ],
    )
    def test_a_database_elsewhere_is_spoken_to_by_verified_tls(self, address: str, *, private: bool) -> None:
        """What any other mode does, or leaves out, somebody on the way could use."""
        assert speaks_privately(f"postgresql+psycopg://waypost_app@{address}") is private

    @SQLITE
    def test_a_database_elsewhere_without_tls(self, program: Program) -> None:
        """In production nothing is sent to it: not by serving, working or migrating; doctor says so too."""
        bare = dict.fromkeys(
            ("WAYPOST_DATABASE_URL", "WAYPOST_OWNER_DATABASE_URL"), "postgresql+psycopg://a@192.0.2.7/x"
        )
        bare["WAYPOST_ENV"] = "production"
        for words in (("serve",), ("worker", "--once"), ("db", "upgrade"), ("status",)):
            program(*words, **bare).refused("verified TLS", "sslmode=verify-full")
        local = "postgresql+psycopg://a@127.0.0.1:1/waypost"
        away = {"WAYPOST_DATABASE_URL": local, "WAYPOST_OWNER_DATABASE_URL": f"{local}?hostaddr=192.0.2.7"}
        found = program("doctor", "--json", **bare | away).json["findings"]
        assert {"the owner's way", "database"} <= {one["what"] for one in found if one["state"] == "fail"}
        assert "way to the database" in {one["what"] for one in found if one["state"] == "ok"}

    @pytest.mark.parametrize("offer", ["no TLS", "a certificate of somebody else"])
    def test_whoever_is_not_the_database_hears_nothing(self, tmp_path: Path, offer: str) -> None:
        """With sslmode=verify-full the driver leaves before it has said who it is."""
        certify(tmp_path)
        heard, ready = [], socket.create_server(("127.0.0.1", 0))

        def pretend() -> None:
            line, _ = ready.accept()
            with line, contextlib.suppress(OSError):
                assert len(line.recv(8)) == 8, "the driver asks for TLS first"
                line.sendall(b"N" if offer == "no TLS" else b"S")
                if offer != "no TLS":
                    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
                    context.load_cert_chain(tmp_path / "cert.pem", tmp_path / "key.pem")
                    with context.wrap_socket(line, server_side=True) as inside:
                        heard.append(inside.recv(1000))
                else:
                    heard.append(line.recv(1000))

        with ready, ThreadPoolExecutor(1) as pool:
            pretending = pool.submit(pretend)
            asked = f"sslmode=verify-full&sslrootcert={tmp_path}/authority.pem"
            url = f"postgresql+psycopg://waypost_app:hidden@localhost:{ready.getsockname()[1]}/waypost?{asked}"
            with pytest.raises(sa.exc.OperationalError, match=r"SSL|certificate"):
                make_engine(url).connect()
            pretending.result(10)
        assert heard in ([], [b""])

    @SQLITE
    def test_not_a_number(self, program: Program) -> None:
        """A setting is named with its rule, its value is not repeated."""
        ran = program("serve", WAYPOST_PORT="eighty-one")
        ran.refused("WAYPOST_PORT")
        assert "eighty-one" not in ran.err

    @pytest.mark.parametrize(
        ("name", "value", "said"),
        [
            ("WAYPOST_TRUSTED_PROXIES", "127.0.0.1", "JSON list"),
            ("WAYPOST_TRUSTED_PROXIES", '["nginx"]', "address"),
            ("WAYPOST_PUBLIC_URL", "waypost.agency.example", "match pattern"),
            ("WAYPOST_PUBLIC_URL", "https://waypost.agency.example/app", "match pattern"),
            ("WAYPOST_DATABASE_URL", "mariadb-of-mine://localhost/x", "postgresql+psycopg://"),
        ],
    )
    @SQLITE
    def test_what_nobody_should_have_to_guess(self, program: Program, name: str, value: str, said: str) -> None:
        """The setting and the form it has to have; never "something unexpected"."""
        ran = program("serve", **{name: value})
        ran.refused(name, said)
        assert "unexpected" not in ran.err

    @SQLITE
    def test_password_file_missing(self, program: Program) -> None:
        """The file is named."""
        program("serve", WAYPOST_DATABASE_PASSWORD_FILE="/nowhere/password").refused("/nowhere/password")


@SQLITE
def test_json_says_it_too(program: Program) -> None:
    """With --json a refusal is a document as well, and the code is the same."""
    ran = program("serve", "--json", WAYPOST_KEYS_DIR=str(program.folder / "none"))
    ran.refused("missing")
    assert ran.json["error"]["next"]
    assert ran.json["error"]["what"] in ran.err


@pytest.mark.parametrize(
    "words",
    [
        ("nonsense",),
        ("db", "nonsense"),
        ("serve", "--nonsense"),
        ("user", "create"),
        ("agency", "create", "Harbor", "--time-zone", "Mars/Olympus"),
        ("user", "create", "a@b.example", "--agency", "Harbor", "--name", "A", "--role", "boss"),
    ],
)
@SQLITE
def test_usage(program: Program, words: tuple[str, ...]) -> None:
    """Wrong words: exit 2 and one line that says how to go on."""
    ran = program(*words)
    assert (ran.code, ran.out) == (2, "")
    assert len(ran.err.splitlines()) == 1
    assert "Next: " in ran.err
