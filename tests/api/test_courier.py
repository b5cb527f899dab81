"""Mail as it really leaves: a mail server that answers, refuses, dawdles, lies or is not there; a folder; two processes."""

import email
import json
import re
import smtplib
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from email.policy import default
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from pydantic import ValidationError

from api import log, mailer
from api.courier import Courier
from api.mail_words import BODY, SUBJECT, written
from api.mailer import Folder, Later, Refused, Smtp, transport
from api.metrics import MAILS
from api.settings import Environment, Settings
from models import letters, mail
from models.access import PLATFORM, Actor
from models.database import Unit
from models.mail import MailKind
from models.notice import NoticeKind, tell
from models.user import User
from tests.api.contract import done, good
from tests.cli.program import free_port
from tests.conftest import Api, service
from tests.factories import behind
from tests.links import age, await_, counted, invited, link_in, mails_in
from tests.postgres import Urls
from tests.world import World

SENDER = "no-reply@work.example"
FORBIDDEN = re.compile(
    r"harbor|lighthouse|waypost|advocate|safety|survivor|violence|shelter|plan\b|noor|python", re.IGNORECASE
)


class Mailbox:
    """A mail server's other side: it keeps what it takes, and answers as it is told."""

    def __init__(self, rcpt: str = "250 OK", data: str = "250 OK") -> None:
        self.rcpt, self.data = rcpt, data
        self.taken: list[EmailMessage] = []
        self.envelopes: list[tuple[str, list[str]]] = []

    async def handle_RCPT(self, server: Any, session: Any, envelope: Any, address: str, options: Any) -> str:  # noqa: N802
        if self.rcpt.startswith("250"):
            envelope.rcpt_tos.append(address)
        return self.rcpt

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802
        if self.data.startswith("250"):
            self.taken.append(email.message_from_bytes(envelope.content, policy=default))  # type: ignore[arg-type]
            self.envelopes.append((envelope.mail_from, envelope.rcpt_tos))
        return self.data


@contextmanager
def mail_server(box: Mailbox, **how: Any) -> Iterator[int]:
    """A real server on this machine; its port."""
    controller = Controller(box, hostname="127.0.0.1", port=free_port(), ready_timeout=15, **how)
    controller.start()
    try:
        yield controller.port
    finally:
        controller.stop()


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """What a server shows, and what a client that trusts it asks with."""
    folder, key = tmp_path_factory.mktemp("tls"), ec.generate_private_key(ec.SECP256R1())
    name, now = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")]), datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=9))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    raw = made.public_bytes(serialization.Encoding.PEM)
    (folder / "cert").write_bytes(raw)
    (folder / "key").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    shows = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    shows.load_cert_chain(folder / "cert", folder / "key")
    return shows, ssl.create_default_context(cadata=raw.decode())


def a_mail(to: str = "ana@harbor.example") -> EmailMessage:
    return written(to, SENDER, "https://desk.example/welcome#t", "en")


class TestWhatAMailSays:
    @pytest.mark.parametrize("language", ["en", "es", "ga"])
    def test_one_sentence_and_one_link(self, language: str) -> None:
        """The same for every reason: who reads along learns that there is something, and where."""
        message = written("kim@mail.example", SENDER, "https://desk.example/reset#wpp_x", language)
        spoken = "es" if language == "es" else "en"
        assert message["Subject"] == SUBJECT[spoken]
        assert message.get_content() == BODY[spoken].format(link="https://desk.example/reset#wpp_x")
        raw = message.as_string()
        assert not FORBIDDEN.search(raw), raw
        assert set(message.keys()) == {
            "From", "To", "Subject", "Date", "Message-ID", "Auto-Submitted",
            "MIME-Version", "Content-Type", "Content-Transfer-Encoding",
        }  # fmt: skip
        assert re.fullmatch(r"<[0-9a-f]{32}@work\.example>", message["Message-ID"])
        assert len({written("a@b.example", SENDER, "l", "en")["Message-ID"] for _ in range(50)}) == 50

    def test_nor_does_the_page_that_a_notice_leads_to(self, api: Api) -> None:
        """It is there, in both languages, without a script; whoever reads the mailbox can open it too."""
        page = api.get(None, "/")
        assert (page.status_code, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
        assert not FORBIDDEN.search(page.text)
        assert 'lang="es"' in page.text
        assert "<script" not in page.text

    @pytest.mark.parametrize("to", ["a@b.example\r\nBcc: x@y.example", "a@b.example\nX: y"])
    def test_no_header_is_added(self, to: str) -> None:
        """Not even when an address of the database were to hold a line break."""
        with pytest.raises(ValueError):
            written(to, SENDER, "https://desk.example", "en")


class TestSettings:
    @pytest.mark.parametrize(
        "url",
        ["http://mail.example", "smtp://", "smtp://user:secret@mail.example", "smtp://mail.example/path", "mail.example",
         "smtp://mail.example:0", "smtps://mail.example?x=1", "smtp://mail.example:99999"],
    )  # fmt: skip
    def test_an_odd_address_is_refused(self, url: str) -> None:
        """A password in the address too: it would stand in process lists."""
        with pytest.raises(ValidationError) as error:
            Settings(env=Environment.TEST, smtp_url=url)
        assert "secret" not in str(error.value.errors(include_input=False, include_url=False))

    def test_the_sender_is_neutral_unless_named(self) -> None:
        """no-reply at the host people know."""
        assert Settings(public_url="https://desk.agency.example").sender() == "no-reply@desk.agency.example"
        assert Settings(mail_from="desk@x.example").sender() == "desk@x.example"
        for odd in ("desk", "a@b\r\nBcc: c@d.example", "a b@c.example"):
            with pytest.raises(ValidationError):
                Settings(mail_from=odd)

    def test_no_mail_without_a_way(self) -> None:
        """Nothing is guessed."""
        assert transport(Settings(env=Environment.TEST)) is None


class TestMailServer:
    def test_in_the_clear_only_to_this_machine(self) -> None:
        """Elsewhere a server that offers no STARTTLS gets nothing."""
        box = Mailbox()
        with mail_server(box) as port:
            Smtp(f"smtp://127.0.0.1:{port}", None, SENDER).deliver(a_mail(), "ana@harbor.example")
            elsewhere = Smtp(f"smtp://127.0.0.1:{port}", None, SENDER, starttls=True)
            with pytest.raises(Later, match="SMTPNotSupportedError"):
                elsewhere.deliver(a_mail(), "ana@harbor.example")
        assert len(box.taken) == 1
        assert box.envelopes == [(SENDER, ["ana@harbor.example"])]
        assert Smtp("smtp://mail.example", None, SENDER)._starttls

    def test_starttls_and_sign_in(self, certificate: tuple[ssl.SSLContext, ssl.SSLContext]) -> None:
        """Encrypted before the password is said; a wrong one is an operator's to mend, so the mail is kept."""
        shows, trusts = certificate
        box, tried = Mailbox(), list[bytes]()

        def authenticate(server: Any, session: Any, envelope: Any, mechanism: str, data: Any) -> AuthResult:
            assert session.ssl is not None
            tried.append(data.password)
            return AuthResult(success=data.password == b"right", handled=False)

        how = {"tls_context": shows, "require_starttls": True, "authenticator": authenticate, "auth_required": True}
        with mail_server(box, **how) as port:
            url = f"smtp://me@localhost:{port}"
            Smtp(url, "right", SENDER, starttls=True, context=trusts).deliver(a_mail(), "ana@harbor.example")
            with pytest.raises(Later, match="status 535"):
                Smtp(url, "wrong", SENDER, starttls=True, context=trusts).check()
            with pytest.raises(Later, match="SSLCertVerificationError"):  # a certificate nobody vouches for
                Smtp(url, "right", SENDER, starttls=True).check()
        assert len(box.taken) == 1
        assert set(tried) == {b"right", b"wrong"}

    def test_tls_from_the_first_byte(self, certificate: tuple[ssl.SSLContext, ssl.SSLContext]) -> None:
        """smtps; the name has to be the certificate's."""
        shows, trusts = certificate
        box, port = Mailbox(), free_port()
        with tls_server(box, shows, port):
            Smtp(f"smtps://localhost:{port}", None, SENDER, context=trusts).deliver(a_mail(), "ana@harbor.example")
            with pytest.raises(Later, match="SSLCertVerificationError"):
                Smtp(f"smtps://127.0.0.1:{port}", None, SENDER, context=trusts).check()
        assert len(box.taken) == 1

    @pytest.mark.parametrize(
        ("box", "kind", "said"),
        [
            (Mailbox(rcpt="550 no such box"), Refused, "status 550"),
            (Mailbox(rcpt="450 later"), Later, "status 450"),
            (Mailbox(data="554 go away"), Refused, "status 554"),
            (Mailbox(data="451 try again"), Later, "status 451"),
        ],
    )
    def test_for_ever_or_for_now(self, box: Mailbox, kind: type[Exception], said: str) -> None:
        """5xx is the end, 4xx is not; no word of the server's is passed on."""
        with mail_server(box) as port, pytest.raises(kind) as error:
            Smtp(f"smtp://127.0.0.1:{port}", None, SENDER).deliver(a_mail(), "ana@harbor.example")
        assert str(error.value) == said
        assert not box.taken

    def test_an_address_in_another_script_needs_a_server_that_knows_it(self) -> None:
        """RFC 6531: one that does takes it, one that does not never will."""
        box, to = Mailbox(), "ñandú@harbor.example"
        for knows in (True, False):
            with mail_server(box, enable_SMTPUTF8=knows) as port:
                way = Smtp(f"smtp://127.0.0.1:{port}", None, SENDER)
                if knows:
                    way.deliver(a_mail(to), to)
                else:
                    with pytest.raises(Refused, match="smtputf8"):
                        way.deliver(a_mail(to), to)
        assert box.envelopes == [(SENDER, [to])]

    def test_nobody_there(self) -> None:
        """A refused connection, and a name nobody knows."""
        with pytest.raises(Later, match="ConnectionRefusedError"):
            Smtp(f"smtp://127.0.0.1:{free_port()}", None, SENDER).check()
        with pytest.raises(Later, match="gaierror"):
            Smtp("smtps://nowhere.invalid", None, SENDER).check()

    @pytest.mark.parametrize("drips", [False, True])
    def test_a_server_that_dawdles_is_left(self, drips: bool, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: FBT001
        """One that says nothing after some seconds, one that drips a letter now and then after a minute (here: two)."""
        monkeypatch.setattr(mailer, "PATIENCE", 0.5)
        monkeypatch.setattr(mailer, "LONGEST", 2.0)
        stop = threading.Event()
        with socket.create_server(("127.0.0.1", 0)) as listening:

            def drip() -> None:
                other, _ = listening.accept()
                with other:
                    other.sendall(b"220 hello\r\n" if drips else b"")
                    while drips and not stop.wait(0.2):
                        try:
                            other.sendall(b"2")
                        except OSError:
                            return
                    stop.wait(10)

            thread = threading.Thread(target=drip)
            thread.start()
            began = datetime.now(UTC)
            with pytest.raises(Later, match="minute" if drips else "SMTPServerDisconnected"):
                Smtp(f"smtp://127.0.0.1:{listening.getsockname()[1]}", None, SENDER).check()
            assert datetime.now(UTC) - began < timedelta(seconds=8)
            stop.set()
            thread.join(10)


@contextmanager
def tls_server(box: Mailbox, shows: ssl.SSLContext, port: int) -> Iterator[None]:
    """The same behind TLS. Its Controller knocks without trusting anybody, so it is told to trust nobody."""
    controller = Controller(box, hostname="localhost", port=port, ssl_context=shows, ready_timeout=15)
    nobody = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    nobody.check_hostname, nobody.verify_mode = False, ssl.CERT_NONE

    def knock() -> None:
        with socket.create_connection(("localhost", port), 5) as one, nobody.wrap_socket(one) as secret:
            secret.recv(100)

    controller._trigger_server = knock  # type: ignore[method-assign]
    controller.start()
    try:
        yield
    finally:
        controller.stop()


class TestFolder:
    def test_files_are_whole_and_private(self, tmp_path: Path) -> None:
        """One mail, one file, readable by this account alone."""
        out = tmp_path / "a" / "out"
        Folder(out).check()
        Folder(out).deliver(a_mail(), "ana@harbor.example")
        (file,) = out.iterdir()
        assert (file.stat().st_mode & 0o777, out.stat().st_mode & 0o777) == (0o600, 0o700)
        (message,) = mails_in(out)
        assert (message["To"], link_in(message)) == ("ana@harbor.example", "https://desk.example/welcome#t")

    def test_a_folder_that_cannot_be_made_is_later(self, tmp_path: Path) -> None:
        """A file in its place, say."""
        (tmp_path / "out").write_text("")
        with pytest.raises(Later):
            Folder(tmp_path / "out").deliver(a_mail(), "ana@harbor.example")
        with pytest.raises(Later):
            Folder(tmp_path / "out").check()


# -- the outbox ---------------------------------------------------------------------------------------------------------


def sent(outcome: str) -> float:
    return MAILS.labels(outcome)._value.get()


class Way:
    """A transport that does as it is told and remembers."""

    def __init__(self, *answers: Exception | None) -> None:
        self.answers, self.to = list(answers), list[str]()

    def deliver(self, message: EmailMessage, to: str) -> None:
        self.to.append(to)
        answer = self.answers.pop(0) if self.answers else None
        if answer is not None:
            raise answer

    def check(self) -> None:
        """Never asked."""


def courier(world: World, way: Any) -> Courier:
    def run(unit: Unit[Any]) -> Any:
        world.database.run([unit])
        return unit.result()

    log.configure()  # onto the standard error of this test
    world.database.post.wake = lambda: None
    return Courier(way, SENDER, run)


def told(world: World, *who: str) -> None:
    ids = [world.people[name].actor.id for name in who]
    world.system(lambda db: tell(db, ids, NoticeKind.PASSWORD_CHANGED))


class TestOutbox:
    def test_holds_nothing_to_read(self, world: World, urls: Urls) -> None:
        """Ids, kinds and instants: neither address nor link nor words."""
        courier(world, Way())
        told(world, "ana")
        columns = {"agency_id", "id", "kind", "object_id", "created_at", "due_at", "tries"}
        assert {c.name for c in mail.Mail.__table__.c} == columns  # type: ignore[attr-defined]
        assert counted(urls, "mails") == 1

    def test_nothing_is_queued_where_no_mail_is_sent(self, world: World, urls: Urls) -> None:
        """The notice alone is kept."""
        told(world, "ana")
        assert (counted(urls, "mails"), counted(urls, "notices")) == (0, 1)

    def test_what_is_rolled_back_is_not_sent(self, world: World, urls: Urls) -> None:
        """A mail is part of the transaction that is its reason."""
        courier(world, Way())

        def fails(db: Any) -> None:
            tell(db, [world.people["ana"].actor.id], NoticeKind.PASSWORD_CHANGED)
            raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            world.system(fails)
        assert counted(urls, "mails") == 0

    def test_however_much_she_is_told_it_is_one_mail(self, world: World, urls: Urls) -> None:
        """Until it is sent; afterwards the next notice is a mail again."""
        way = Way()
        one = courier(world, way)
        for _ in range(5):
            told(world, "ana", "ben")
        assert one.round() == 2
        told(world, "ana")
        assert one.round() == 1
        assert way.to.count("ana@harbor.example") == 2
        assert counted(urls, "mails") == 0

    def test_nobody_suspended_is_written_to(self, world: World, urls: Urls) -> None:
        """It is looked at when the mail is due."""
        one = courier(world, way := Way())
        told(world, "ana")
        world.system(lambda db: db.claim(User, world.people["ana"].actor.id).suspend(db))
        assert one.round() == 0
        assert (way.to, counted(urls, "mails")) == ([], 0)

    def test_a_refused_mail_is_given_up_and_told(self, world: World, urls: Urls) -> None:
        """A mailbox that is not there: no second try; whoever invited learns of it, by notice."""
        with service(world) as api:
            one = courier(world, way := Way(Refused("status 550")))
            invitation = invited(api)
            assert invitation["link"] is None
            before = sent("given_up")
            assert one.round() == 1  # the mail about the notice
            assert sent("given_up") == before + 1
            assert way.to == ["noor@harbor.example", "ada@harbor.example"]
            notice = good(api.get("ada", "/v1/notices"))["data"][0]
            assert (notice["kind"], notice["object_id"]) == ("invitation_unsent", invitation["id"])
            assert counted(urls, "mails") == 0

    def test_pauses_grow_and_after_three_days_it_ends(
        self, world: World, urls: Urls, capfd: pytest.CaptureFixture[str]
    ) -> None:
        """Half a minute, two, eight, half an hour … four hours; then a log line, a number, and no more."""
        one = courier(world, way := Way(*[Later("status 451")] * 200))
        told(world, "ana")
        pauses = []
        for _ in range(8):
            assert one.round() == 0
            assert one.round() == 0  # not before it is due
            due = self.due(world)
            pauses.append(round((due - datetime.now(UTC)).total_seconds() / 30))
            age(urls, "mails", "due_at", 5 * 3600)
        assert pauses == [1, 4, 16, 64, 256, 480, 480, 480]
        assert len(way.to) == 8
        age(urls, "mails", "created_at", 3 * 86400)
        before = sent("given_up")
        one.round()
        assert (counted(urls, "mails"), sent("given_up")) == (0, before + 1)
        lines = [json.loads(line) for line in capfd.readouterr().err.splitlines() if line.startswith("{")]
        assert [line["event"] for line in lines if line["event"].startswith("mail.")] == ["mail.unsent"] * 9 + [
            "mail.given_up"
        ]
        assert "harbor.example" not in json.dumps(lines)

    @staticmethod
    def due(world: World) -> datetime:
        (at,) = world.system(lambda db: [row.due_at for row in db.all(sa.select(mail.Mail))])
        return at

    def test_one_that_fails_keeps_nobody_else_waiting_for_long(self, world: World, urls: Urls) -> None:
        """A server that is away is asked once a round; a mail it refuses stops nothing."""
        one = courier(world, way := Way(Refused("status 550")))
        told(world, "ana", "ben", "sol")
        assert one.round() == 2
        told(world, "ana", "ben", "sol")
        way.answers = [Later("ConnectionRefusedError")]
        assert one.round() == 0
        assert len(way.to) == 4
        assert one.round() == 2
        assert counted(urls, "mails") == 1

    def test_an_address_that_cannot_be_opened_keeps_nobody_waiting(self, world: World, urls: Urls) -> None:
        """Somebody tampered with it: the attempt is an entry, its mail is put back, the others leave."""
        one = courier(world, way := Way())
        told(world, "ana", "ben", "sol")
        with behind(urls.superuser) as connection:
            moved = sa.text("update users set email_sealed = display_name_sealed where id = :id")
            embedded = connection.dialect.name == "sqlite"
            ana = world.people["ana"].actor.id
            connection.execute(moved, {"id": ana.bytes if embedded else ana})
        assert one.round() == 2
        assert sorted(way.to) == ["ben@harbor.example", "sol@harbor.example"]
        assert counted(urls, "mails") == 1
        assert world.entries()[-1]["action"] == "integrity.failed"

    def test_two_processes_send_each_mail_once(self, world: World, urls: Urls) -> None:
        """Eight couriers at once, thirty mails, none twice."""
        way = Way()
        couriers = [courier(world, way) for _ in range(8)]
        with service(world) as api:
            for n in range(30):
                invited(api, f"n{n}@harbor.example")
        start = threading.Barrier(8)

        def work(one: Courier) -> None:
            start.wait(20)
            while counted(urls, "mails"):
                one.round()

        threads = [threading.Thread(target=work, args=[one]) for one in couriers]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        assert sorted(way.to) == sorted(f"n{n}@harbor.example" for n in range(30))

    def test_after_a_crash_it_is_sent_again(self, world: World, urls: Urls) -> None:
        """Taken and never crossed off: after ten minutes somebody else sends it; the first may not cross it off then."""
        one = courier(world, way := Way())
        told(world, "ana")
        held = world.system(mail.take)
        assert held is not None
        assert "harbor" not in repr(world.system(lambda db: letters.read(db, held)))
        assert one.round() == 0
        age(urls, "mails", "due_at", 601)
        assert one.round() == 1
        assert way.to == ["ana@harbor.example"]
        told(world, "ana")
        assert world.system(lambda db: mail.done(db, held)) == 0

    def test_no_transaction_is_open_while_a_server_is_talked_to(self, world: World, urls: Urls) -> None:
        """Others write meanwhile, on SQLite too."""
        seen = []

        class Slow(Way):
            def deliver(self, message: EmailMessage, to: str) -> None:
                told(world, "ben")
                seen.append(counted(urls, "notices"))

        one = courier(world, Slow())
        told(world, "ana")
        assert one.round() == 2  # hers, and the one about what was told meanwhile
        assert seen == [2, 3]

    def test_what_nobody_sends_is_forgotten(self, world: World, urls: Urls) -> None:
        """Mail was switched off: the chore drops it after four days."""
        courier(world, Way())
        told(world, "ana")
        age(urls, "mails", "created_at", 4 * 86400 - 60)
        assert world.system(mail.forget_unsent) == 0
        age(urls, "mails", "created_at", 120)
        assert world.system(mail.forget_unsent) == 1

    def test_another_agencys_mail_is_its_own(self, world: World) -> None:
        """An agency takes none of another's; the platform only sees where some wait."""
        courier(world, Way())
        told(world, "ana")
        assert world.system(mail.take, "Lighthouse") is None
        assert world.database.transact(Actor.system(PLATFORM), mail.waiting) == [world.agency_id()]
        platform = Actor.system(PLATFORM)
        assert world.database.transact(platform, mail.take) is None
        world.database.transact(platform, lambda db: mail.queue(db, MailKind.PASSWORD_RESET, PLATFORM))
        held = world.database.transact(platform, mail.take)
        assert held is not None
        assert held.object_id == PLATFORM


class TestService:
    def test_an_invitation_goes_out_at_once(self, world: World, urls: Urls) -> None:
        """Through a real server, by the thread of the service; the link in it works, and the answer holds none."""
        box = Mailbox()
        with mail_server(box) as port:
            way = {"smtp_url": f"smtp://127.0.0.1:{port}", "public_url": "https://desk.example"}
            with service(world, **way) as api:
                assert invited(api, language="es")["link"] is None
                await_(lambda: box.taken)
                await_(lambda: counted(urls, "mails") == 0)
                (message,) = box.taken
                assert message["Subject"] == SUBJECT["es"]
                assert not FORBIDDEN.search(message.as_string().replace("noor@harbor.example", "")), message.as_string()
                link = link_in(message)
                assert link.startswith("https://desk.example/welcome#wpi_")
                body = {
                    "token": link.partition("#")[2],
                    "display_name": "N",
                    "password": "nine herons over still water",
                }
                good(api.post(None, "/v1/invitations/acceptance", body), 201)

    def test_fault_57_the_mail_server_is_dead(self, world: World, urls: Urls) -> None:
        """Everything else goes on; what was queued leaves once it is back, without a hand."""
        port, box = free_port(), Mailbox()
        with service(world, smtp_url=f"smtp://127.0.0.1:{port}") as api:
            failed = sent("failed")
            invited(api)
            await_(lambda: sent("failed") > failed)
            good(api.get("ana", "/v1/me"))
            assert counted(urls, "mails") == 1
            age(urls, "mails", "due_at", 3600)
            controller = Controller(box, hostname="127.0.0.1", port=port, ready_timeout=15)
            controller.start()
            try:
                await_(lambda: box.taken)
                await_(lambda: counted(urls, "mails") == 0)
            finally:
                controller.stop()

    def test_a_slow_server_slows_nobody(self, world: World) -> None:
        """While a mail server thinks, the lane is free, and the service ends in time."""
        mute = socket.create_server(("127.0.0.1", 0))
        with mute, service(world, smtp_url=f"smtp://127.0.0.1:{mute.getsockname()[1]}") as api:
            invited(api)
            mute.settimeout(10)
            other, _ = mute.accept()
            for _ in range(5):
                began = datetime.now(UTC)
                good(api.get("ana", "/v1/me"))
                assert datetime.now(UTC) - began < timedelta(seconds=3)
            other.close()

    def test_a_suspended_persons_reset_is_not_mailed(self, world: World, tmp_path: Path) -> None:
        """And her invitations are not either."""
        with service(world, outbox_dir=tmp_path / "out") as api:
            api.world.database.post.wake = lambda: None
            ben = f"/v1/users/{world.people['ben'].actor.id}"
            good(api.post("ada", f"{ben}/password-reset"), 201)
            good(api.put("ada", f"{ben}/suspension"))
            one = invited(api)
            done(api.delete("ada", f"/v1/invitations/{one['id']}"))
            await_(lambda: not _waits(world))
            assert mails_in(tmp_path / "out") == []

    def test_tokens_are_in_no_log_and_no_metric(
        self, world: World, tmp_path: Path, capfd: pytest.CaptureFixture[str]
    ) -> None:
        """At no level."""
        log.configure("DEBUG")
        with service(world, outbox_dir=tmp_path / "out", log_level="DEBUG") as api:
            invited(api)
            api.post(None, "/v1/password-resets", {"email": "ben@harbor.example"})
            found = await_(lambda: len(some := mails_in(tmp_path / "out")) == 2 and some)
            said = "".join(capfd.readouterr()) + api.get(None, "/metrics").text
        for message in found:
            token = link_in(message).partition("#")[2]
            assert len(token) > 80
            assert token not in said
            assert token[4:60] not in said
        assert "@harbor" not in said
        assert smtplib.SMTP.debuglevel == 0


def _waits(world: World) -> bool:
    return bool(world.database.transact(Actor.system(PLATFORM), mail.waiting))
