"""Root keys: the table of epochs, and one contract for every service, each over real HTTP."""

import base64
import json
import multiprocessing
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import date
from pathlib import Path
from uuid import UUID

import pytest

from models.access import Actor
from models.agency import Agency
from models.client import Client
from models.database import Database
from models.errors import KeyRefused, KeysAway, WrapRefused
from models.vault.key_services import aws, bounded, web
from models.vault.key_services.choice import service_for
from models.vault.key_services.contract import KeyService
from models.vault.keys import AgencyKey, Vault
from models.vault.roots import RootKeys
from models.vault.service import ServiceKeys
from models.workspace import Workspace
from tests import world as worlds
from tests.key_services import OPEN
from tests.key_services.gcp import KEY as GCP_KEY
from tests.key_services.gcp import _told
from tests.key_services.http import Answer, StandIn, silent
from tests.key_services.transit import vault as vault_of
from tests.world import World

SECRET, HERE, THERE = b"k" * 32, b"waypost.kek.1 here", b"waypost.kek.1 there"
DAY = date(2027, 1, 4)
UNOPENED = "a wrapped key cannot be opened: wrong root key, or the key table was changed"
REMOTE = pytest.mark.parametrize("which", ["aws", "gcp", "vault"])


@pytest.fixture(params=list(OPEN))
def which(request: pytest.FixtureRequest) -> str:
    """Every key service, unless a test names some."""
    return str(request.param)


@pytest.fixture
def stand_in(which: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[StandIn]:
    """The service, running, and this process an honest user of it."""
    with OPEN[which](tmp_path) as service:
        for name, value in service.env.items():
            monkeypatch.setenv(name, value)
        yield service


@pytest.fixture
def service(stand_in: StandIn) -> KeyService:
    """Our side of it."""
    return service_for(stand_in.spec, stand_in.token_file)


@pytest.fixture
def roots(stand_in: StandIn, tmp_path: Path) -> RootKeys:
    """A table whose first epoch is under the service."""
    return RootKeys.create(tmp_path / "keys/root.json", to=stand_in.spec, vault_token=stand_in.token_file)


def line(error: pytest.ExceptionInfo[Exception]) -> str:
    """What an operator reads: one line."""
    text = error.value.line if isinstance(error.value, KeysAway) else str(error.value)
    assert "\n" not in text
    assert len(text) < 300
    return text


class TestContract:
    """What holds for every service."""

    def test_a_wrapped_key_comes_back(self, service: KeyService) -> None:
        """And looks different each time."""
        name = service.create()
        one, two = service.wrap(name, SECRET, HERE), service.wrap(name, SECRET, HERE)
        assert one != two
        assert SECRET not in one
        assert service.unwrap(name, one, HERE) == service.unwrap(name, two, HERE) == SECRET

    def test_not_in_another_place(self, service: KeyService) -> None:
        """The place is associated data in each of them; the line is always the same."""
        name = service.create()
        wrapped = service.wrap(name, SECRET, HERE)
        for at in (THERE, HERE + b"\x00", HERE[:-1], b""):
            with pytest.raises(WrapRefused) as refused:
                service.unwrap(name, wrapped, at)
            assert line(refused) == UNOPENED
            assert refused.value.__cause__ is None

    def test_not_when_changed(self, service: KeyService) -> None:
        """A bit anywhere, cut or longer."""
        name = service.create()
        wrapped = service.wrap(name, SECRET, HERE)
        changed = [bytes([*wrapped[:i], wrapped[i] ^ 1, *wrapped[i + 1 :]]) for i in range(0, len(wrapped), 7)]
        for planted in [*changed, wrapped[:-1], wrapped[:8], wrapped + b"\x00", b"\xff\xfe\xfd"]:
            with pytest.raises(WrapRefused) as refused:
                service.unwrap(name, planted, HERE)
            assert line(refused) == UNOPENED

    def test_not_under_another_root_key(self, service: KeyService) -> None:
        """Two epochs of one service do not open each other's."""
        one, two = service.create(), service.create()
        wrapped = service.wrap(one, SECRET, HERE)
        with pytest.raises(WrapRefused):
            service.unwrap(two, wrapped, HERE)

    def test_a_destroyed_epoch_opens_nothing(self, roots: RootKeys) -> None:
        """Not for the one who destroyed it, nor for whoever reads the table later; the others work on."""
        wrapped = roots.wrap(1, SECRET, HERE)
        assert roots.rotate() == 2
        kept = roots.wrap(2, SECRET, HERE)
        roots.destroy(1)
        for who in (roots, RootKeys(roots.path, roots._vault_token)):
            assert list(who.epochs()) == [2]
            assert who.unwrap(2, kept, HERE) == SECRET
            for ask in (lambda w=who: w.unwrap(1, wrapped, HERE), lambda w=who: w.wrap(1, SECRET, HERE)):
                with pytest.raises(KeyRefused, match="root key epoch 1 is not in"):
                    ask()

    def test_the_current_epoch_is_not_destroyed(self, roots: RootKeys) -> None:
        """Nor one that is not there; the table stays as it was."""
        before = roots.path.read_bytes()
        for number, said in ((1, "is the current one"), (7, "is not in")):
            with pytest.raises(KeyRefused, match=said):
                roots.destroy(number)
        assert roots.path.read_bytes() == before

    def test_rotating_stays_with_the_service(self, roots: RootKeys, stand_in: StandIn) -> None:
        """By default; the demo mark stays too."""
        assert (roots.rotate(), roots.rotate(), roots.current()) == (2, 3, 3)
        assert roots.epochs() == dict.fromkeys((1, 2, 3), stand_in.spec)
        assert not roots.demo

    def test_it_proves_itself(self, roots: RootKeys) -> None:
        """What doctor asks for."""
        roots.prove()

    def test_nothing_secret_is_shown(self, roots: RootKeys) -> None:
        """A key in the file does not come with repr()."""
        stored = json.loads(roots.path.read_text())["epochs"]["1"]["key"]
        assert stored not in repr(roots._table()) + repr(roots)


class TestAway:
    """A service that is not there, does not answer, or lets us no longer in: one line, soon."""

    @REMOTE
    def test_a_destroyed_key_is_refused_by_the_service_itself(self, service: KeyService) -> None:
        """Whoever still has the old table; destroying again is no error."""
        name = service.create()
        wrapped = service.wrap(name, SECRET, HERE)
        service.destroy(name)
        for ask in (lambda: service.unwrap(name, wrapped, HERE), lambda: service.wrap(name, SECRET, HERE)):
            with pytest.raises(KeyRefused) as refused:
                ask()
            assert not isinstance(refused.value, WrapRefused)
            assert "no such key" in line(refused) or "denies access" in line(refused)
        service.destroy(name)

    @REMOTE
    def test_unknown_names(self, service: KeyService) -> None:
        """A key nobody made."""
        name = service.create()
        wrapped = service.wrap(name, SECRET, HERE)
        unknown = name + "9" if "cryptoKeyVersions" in name else name[:-4] + "0000"
        with pytest.raises(KeyRefused):
            service.unwrap(unknown, wrapped, HERE)
        with pytest.raises(KeyRefused):
            service.wrap(unknown, SECRET, HERE)

    @REMOTE
    def test_wrong_credentials(self, service: KeyService, stand_in: StandIn) -> None:
        """Refused for good, with a word of the service's and where to look."""
        name = service.create()
        wrapped = service.wrap(name, SECRET, HERE)
        stand_in.forbid()
        for ask in (service.create, lambda: service.unwrap(name, wrapped, HERE)):
            with pytest.raises(KeyRefused, match=r"denies access \(.+\); check the credentials") as refused:
                ask()
            assert not isinstance(refused.value, WrapRefused)
            assert "invented" not in line(refused)

    @REMOTE
    def test_nobody_listens(self, stand_in: StandIn, monkeypatch: pytest.MonkeyPatch) -> None:
        """At once, after the second try."""
        started = time.monotonic()
        service = self._elsewhere(stand_in, "http://127.0.0.1:1", monkeypatch)
        with pytest.raises(KeysAway, match="keys-unavailable") as away:
            service.unwrap(f"{GCP_KEY}/cryptoKeyVersions/1", b"x", HERE)
        assert "does not answer (" in line(away)
        assert time.monotonic() - started < 5

    @REMOTE
    def test_it_never_answers(self, stand_in: StandIn, monkeypatch: pytest.MonkeyPatch) -> None:
        """Each of two tries ends after the time a read may take (here shortened)."""
        monkeypatch.setattr(web, "READ", 0.4)
        monkeypatch.setattr(aws, "READ", 0.4)
        with silent() as url:
            started = time.monotonic()
            with pytest.raises(KeysAway) as away:
                self._elsewhere(stand_in, url, monkeypatch).wrap(f"{GCP_KEY}/cryptoKeyVersions/1", SECRET, HERE)
            assert "Timeout" in line(away)
            assert 0.8 < time.monotonic() - started < 4

    @REMOTE
    def test_it_drips(self, stand_in: StandIn, monkeypatch: pytest.MonkeyPatch) -> None:
        """An answer that never ends, though each read brings something, is given up after the whole time."""
        monkeypatch.setattr(bounded, "TOTAL", 1.5)
        with silent(drip=True) as url:
            started = time.monotonic()
            with pytest.raises(KeysAway) as away:
                self._elsewhere(stand_in, url, monkeypatch).create()
            assert 1.4 < time.monotonic() - started < 4
        assert "does not answer (nothing within" in line(away)

    @REMOTE
    def test_a_second_try(self, roots: RootKeys, stand_in: StandIn, monkeypatch: pytest.MonkeyPatch) -> None:
        """Away for one call: the second gets through. Making a key is not tried twice: it could leave one behind."""
        inner = roots._service(stand_in.spec)._service
        real, tried = type(inner).wrap, []

        def once_away(*given: object) -> bytes:
            tried.append(given)
            if len(tried) == 1:
                raise KeysAway("away for a moment")
            return real(*given)

        monkeypatch.setattr(type(inner), "wrap", once_away)
        assert roots.unwrap(1, roots.wrap(1, SECRET, HERE), HERE) == SECRET
        assert len(tried) == 2
        monkeypatch.setattr(type(inner), "create", once_away)
        tried.clear()
        with pytest.raises(KeysAway):
            roots.rotate()
        assert len(tried) == 1

    @REMOTE
    def test_a_failure_changes_nothing(self, roots: RootKeys, stand_in: StandIn) -> None:
        """Neither rotating nor destroying leaves a half-written table; a new file is not made."""
        roots.rotate()
        before = roots.path.read_bytes()
        stand_in.forbid()
        for work in (roots.rotate, lambda: roots.destroy(1)):
            with pytest.raises(KeyRefused):
                work()
        assert roots.path.read_bytes() == before
        other = roots.path.with_name("other.json")
        with pytest.raises(KeyRefused):
            RootKeys.create(other, to=stand_in.spec, vault_token=stand_in.token_file)
        assert [path.name for path in roots.path.parent.iterdir()] == ["root.json"]

    def _elsewhere(self, stand_in: StandIn, url: str, monkeypatch: pytest.MonkeyPatch) -> KeyService:
        spec, env = stand_in.at(url)
        for name, value in env.items():
            monkeypatch.setenv(name, value)
        return service_for(spec, stand_in.token_file)


class TestOddAnswers:
    """What only one of the services can do wrong."""

    def test_a_vault_that_ignores_places(self, tmp_path: Path) -> None:
        """Old versions drop `associated_data` without a word: the new key is tried, refused and destroyed again."""
        path = tmp_path / "keys/root.json"
        with vault_of(tmp_path, knows_places=False) as old:
            with pytest.raises(KeyRefused, match="ignores associated data") as refused:
                RootKeys.create(path, to=old.spec, vault_token=old.token_file)
            line(refused)
            assert old.calls[-1].startswith("DELETE /v1/transit/keys/waypost-")
        assert not path.exists()

    @pytest.mark.parametrize("which", ["vault"])
    def test_a_token_others_can_read(self, service: KeyService, stand_in: StandIn) -> None:
        """Refused at the next call, as is one that is gone; a renewed one is used at once."""
        name = service.create()
        stand_in.token_file.chmod(0o644)
        with pytest.raises(KeyRefused, match="can be read by others; run: chmod 600"):
            service.wrap(name, SECRET, HERE)
        stand_in.token_file.chmod(0o600)
        service.wrap(name, SECRET, HERE)
        stand_in.token_file.unlink()
        with pytest.raises(KeyRefused, match="is missing"):
            service.wrap(name, SECRET, HERE)

    @pytest.mark.parametrize("which", ["gcp"])
    def test_damage_on_the_way(self, service: KeyService, stand_in: StandIn) -> None:
        """A checksum that does not fit is no answer; what Google did not verify is not kept."""
        name = service.create()
        wrapped = service.wrap(name, SECRET, HERE)

        def flip(path: str, answer: Answer) -> Answer:
            field = "plaintext" if "decrypt" in path else "ciphertext"
            return answer[0], answer[1] | {field: _told("x", b"other bytes")["x"]}

        stand_in.alter = flip
        for ask in (lambda: service.wrap(name, SECRET, HERE), lambda: service.unwrap(name, wrapped, HERE)):
            with pytest.raises(KeysAway) as away:
                ask()
            assert "damaged on its way" in line(away)
        for lie in ({"verifiedPlaintextCrc32c": False}, {"name": name + "1"}):
            stand_in.alter = lambda _, answer, lie=lie: (answer[0], answer[1] | lie)
            with pytest.raises(KeyRefused, match="not verified"):
                service.wrap(name, SECRET, HERE)

    @pytest.mark.parametrize("which", ["gcp", "vault"])
    def test_redirects(self, which: str, service: KeyService, stand_in: StandIn, tmp_path: Path) -> None:
        """A token is not carried to another address."""
        name = service.create()
        (tmp_path / "other").mkdir()
        with OPEN[which](tmp_path / "other") as other:
            stand_in.sent_to = other.spec.partition(":")[2].removesuffix("/transit").removesuffix(f"/{GCP_KEY}")
            with pytest.raises(KeyRefused, match=r"is not understood \(status 307\)"):
                service.wrap(name, SECRET, HERE)
            assert other.calls == []

    @pytest.mark.parametrize("which", ["gcp", "vault"])
    def test_nonsense(self, service: KeyService, stand_in: StandIn) -> None:
        """A page of a proxy is no answer; 503 is away."""
        name = service.create()
        for status, content in ((200, ["not", "an", "object"]), (200, {})):
            stand_in.alter = lambda _, __, told=(status, content): told
            with pytest.raises(KeyRefused, match=r"is not understood|not verified"):
                service.wrap(name, SECRET, HERE)
        stand_in.alter = lambda _, __: (503, {"errors": ["Vault is sealed"]})
        with pytest.raises(KeysAway) as away:
            service.wrap(name, SECRET, HERE)
        assert "status 503" in line(away)

    @pytest.mark.parametrize(
        ("spec", "said"),
        [
            ("paper", "there is no such key service"),
            ("file:here", "there is no such key service"),
            ("aws-kms", "needs a region"),
            ("aws-kms:us east", "needs a region"),
            ("gcp-kms:projects/p", "needs the name of a key"),
            (f"gcp-kms:http://kms.example/{GCP_KEY}", "is not https"),
            ("vault-transit:http://vault.agency.example:8200/transit", "is not https"),
            ("vault-transit:https://user:word@vault.agency.example/transit", "is not https"),
            ("vault-transit:https://vault.agency.example:8200", "needs the path"),
            ("vault-transit:https://vault.agency.example:8200/transit", "needs a token"),
        ],
    )
    def test_what_is_no_service(self, spec: str, said: str) -> None:
        """Told before anything is asked; what was typed is not repeated."""
        with pytest.raises(KeyRefused, match=said) as refused:
            service_for(spec, None)
        assert "word@" not in line(refused)

    def test_aws_over_plain_http(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Wherever the address comes from."""
        monkeypatch.setenv("AWS_ENDPOINT_URL_KMS", "http://kms.example")
        with pytest.raises(KeyRefused, match="is not https"):
            service_for("aws-kms:us-east-1", None)

    @REMOTE
    def test_the_library_is_an_extra(self, which: str, stand_in: StandIn, monkeypatch: pytest.MonkeyPatch) -> None:
        """Its absence is one line with the command; services that are not used are not imported."""
        for module in ("aws", "gcp", "transit", "web"):
            monkeypatch.delitem(sys.modules, f"models.vault.key_services.{module}", raising=False)
        for library in ("boto3", "google_crc32c", "requests"):
            monkeypatch.setitem(sys.modules, library, None)
        with pytest.raises(KeyRefused, match=rf"not installed; run: pip install 'waypost\[{which}\]'") as refused:
            service_for(stand_in.spec, stand_in.token_file)
        assert f"make extra WITH={which}" in line(refused)


class TestTable:
    """root.json, the one file that says which epoch is where."""

    @pytest.fixture
    def path(self, tmp_path: Path) -> Path:
        return tmp_path / "keys/root.json"

    def test_the_file_of_before(self, path: Path) -> None:
        """Keys by number alone are epochs of the file service; the first change writes the new form."""
        path.parent.mkdir()
        keys = {str(n): base64.b64encode(os.urandom(32)).decode() for n in (1, 2)}
        path.write_text(json.dumps({"current": 2, "keys": keys, "demo": True}))
        path.chmod(0o600)
        roots = RootKeys(path)
        assert (roots.current(), roots.epochs(), roots.demo) == (2, {1: "file", 2: "file"}, True)
        wrapped = roots.wrap(1, SECRET, HERE)
        assert roots.rotate() == 3
        stored = json.loads(path.read_text())
        assert (stored["current"], stored["demo"], sorted(stored["epochs"])) == (3, True, ["1", "2", "3"])
        assert stored["epochs"]["1"] == {"service": "file", "key": keys["1"]}
        assert RootKeys(path).unwrap(1, wrapped, HERE) == SECRET

    @pytest.mark.parametrize(
        "damage",
        [
            {"epochs": {}},
            {"current": 2},
            {"current": "one"},
            {"epochs": {"1": {"service": "file", "key": "c2hvcnQ="}}},
            {"epochs": {"1": {"service": "file", "key": "no base64!"}}},
            {"epochs": {"1": {"service": "aws-kms", "at": 7, "key": "arn"}}},
            {"epochs": {"1": {"service": "aws-kms"}}},
            {"epochs": {"1": "file"}},
            {"epochs": ["file"]},
            {"epochs": {"0": {"service": "vault-transit", "key": "x"}}, "current": 0},
        ],
    )
    def test_damaged(self, path: Path, damage: dict[str, object]) -> None:
        """Refused whole, in one line without a key."""
        RootKeys.create(path)
        path.write_text(json.dumps(json.loads(path.read_text()) | damage))
        with pytest.raises(KeyRefused, match=r"is damaged; restore it from your key backup"):
            RootKeys(path)

    def test_a_key_is_never_overwritten(self, path: Path) -> None:
        """Making one where one is."""
        RootKeys.create(path)
        before = path.read_bytes()
        with pytest.raises(KeyRefused, match="is there already"):
            RootKeys.create(path)
        assert path.read_bytes() == before

    def test_another_process_rotates_and_destroys(self, path: Path) -> None:
        """A running service notices at its next call; what was destroyed elsewhere opens here no longer."""
        mine, theirs = RootKeys.create(path), RootKeys(path)
        wrapped = mine.wrap(1, SECRET, HERE)
        assert theirs.rotate() == 2
        assert mine.current() == 2
        assert mine.unwrap(2, theirs.wrap(2, SECRET, HERE), HERE) == SECRET
        theirs.destroy(1)
        with pytest.raises(KeyRefused):
            mine.unwrap(1, wrapped, HERE)

    def test_an_epoch_it_does_not_know_makes_it_look(self, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """Even when the file's times tell nothing."""
        mine, theirs = RootKeys.create(path), RootKeys(path)
        monkeypatch.setattr("models.vault.roots._stamp", lambda _: mine._read.stamp)
        theirs._read = theirs._load()
        assert theirs.rotate() == 2
        assert mine.unwrap(2, theirs.wrap(2, SECRET, HERE), HERE) == SECRET

    @pytest.mark.parametrize(
        ("harm", "said"),
        [
            (lambda path: path.chmod(0o644), "can be read by others"),
            (lambda path: path.write_text("{"), "cannot be read"),
            (lambda path: path.unlink(), "is missing"),
        ],
    )
    def test_harm_done_while_it_runs(self, path: Path, harm: Callable[[Path], object], said: str) -> None:
        """The file is held to the same rules as at the start: no new key comes under a root that is lost or shown."""
        roots = RootKeys.create(path)
        harm(path)
        with pytest.raises(KeyRefused, match=said):
            roots.current()

    def test_many_processes_rotate_at_once(self, path: Path) -> None:
        """Each adds an epoch of its own, and none loses another's."""
        RootKeys.create(path)
        with multiprocessing.get_context("spawn").Pool(4) as pool:
            made = pool.map(_rotate, [path] * 12)
        assert sorted(made) == list(range(2, 14))
        assert list(RootKeys(path).epochs()) == list(range(1, 14))
        assert path.stat().st_mode & 0o777 == 0o600
        assert [left.name for left in path.parent.iterdir()] == ["root.json"]

    def test_one_table_over_all_services(self, path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """Moving is rotating into an epoch elsewhere; every older epoch stays readable where it is."""
        with ExitStack() as stack:
            opened = {name: stack.enter_context(open_(tmp_path)) for name, open_ in OPEN.items()}
            for service in opened.values():
                for name, value in service.env.items():
                    monkeypatch.setenv(name, value)
            token = opened["vault"].token_file
            roots = RootKeys.create(path, vault_token=token)
            for name in ("aws", "gcp", "vault", "file"):
                roots.rotate(to=opened[name].spec)
            assert roots.epochs() == {
                1: "file",
                2: opened["aws"].spec,
                3: opened["gcp"].spec,
                4: opened["vault"].spec,
                5: "file",
            }
            wrapped = {number: roots.wrap(number, SECRET, HERE) for number in roots.epochs()}
            again = RootKeys(path, token)
            for number, sealed in wrapped.items():
                assert again.unwrap(number, sealed, HERE) == SECRET
                for other in wrapped:
                    if other != number:
                        with pytest.raises(WrapRefused):
                            again.unwrap(other, sealed, HERE)
            for number in (1, 2, 3, 4):
                again.destroy(number)
            assert json.loads(path.read_text())["epochs"].keys() == {"5"}


def _rotate(path: Path) -> int:
    return RootKeys(path).rotate()


class TestAgencies:
    """What the keys are for: agencies under epochs of different services."""

    @pytest.fixture
    def world(self, tmp_path: Path) -> World:
        """A world with keys of its own: it is going to move."""
        url = f"sqlite:///{tmp_path / 'waypost.db'}"
        return worlds.build(url, url, worlds.make_vault(tmp_path / "keys"))

    @REMOTE
    def test_an_agency_under_the_file_and_one_under_a_service(
        self, stand_in: StandIn, world: World, tmp_path: Path
    ) -> None:
        """After rotating into a service new agencies are under it and old ones open as before; of the service each
        process asks once for each agency, however much is read and written."""
        path, url = tmp_path / "keys/root.json", str(world.database.engine.url)
        wren = world.client(alias="Wren")
        RootKeys(path, stand_in.token_file).rotate(to=stand_in.spec)
        vault = Vault(RootKeys(path, stand_in.token_file), ServiceKeys(path.with_name("service.json")))
        world.database.engine.dispose()

        founded = Database(url, vault)
        beacon = Actor.system(UUID(int=7, version=4))
        stand_in.calls.clear()
        founded.transact(beacon, lambda db: Agency.found(db, name="Beacon", time_zone="Europe/Dublin"))
        heron = founded.transact(beacon, lambda db: Client.open(db, alias="Heron", opened_on=DAY))
        assert (stand_in.count("encrypt"), stand_in.count("decrypt")) == (1, 0)
        founded.engine.dispose()

        again = Database(url, Vault(RootKeys(path, stand_in.token_file), vault.service))
        harbor = Actor.system(world.agency_id())
        stand_in.calls.clear()
        assert again.transact(beacon, again.vault.check) == 1
        for _ in range(5):
            assert again.transact(beacon, lambda db: db.find(Client, heron).alias) == "Heron"
            again.transact(beacon, lambda db: Client.open(db, alias="Lark", opened_on=DAY))
            assert again.transact(harbor, lambda db: db.find(Client, wren).alias) == "Wren"
        assert (stand_in.count("encrypt"), stand_in.count("decrypt")) == (0, 1)
        epochs = again.transact(beacon, lambda db: {key.epoch for key in _keys(db)})
        assert epochs == {2}

        stand_in.forbid()  # opened keys go on working in this process; a new one cannot start
        assert again.transact(beacon, lambda db: db.find(Client, heron).alias) == "Heron"
        late = Database(url, Vault(RootKeys(path, stand_in.token_file), vault.service))
        with pytest.raises(KeyRefused, match="denies access"):
            late.transact(beacon, late.vault.check)
        with pytest.raises(KeyRefused, match="denies access"):  # and not: damaged data
            late.transact(beacon, lambda db: db.find(Client, heron).alias)
        for database in (again, late):
            database.engine.dispose()


def _keys(db: Workspace) -> list[AgencyKey]:
    import sqlalchemy as sa

    return list(db.objects.execute(sa.select(AgencyKey)).scalars())
