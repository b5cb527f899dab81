"""People and mail as processes meet them: an invitation from the command line, doctor, serve and worker with mail."""

import socket
import time
from pathlib import Path

import httpx2
import pytest

from tests.cli.program import Program, free_port
from tests.links import await_, link_in, mails_in, token_of
from tests.world import PASSWORD

ADDRESS = "noor@harbor.example"
OWN = "nine herons over still water"


def accept(url: str, link: str) -> httpx2.Response:
    body = {"token": token_of(link), "display_name": "Noor", "password": OWN}
    return httpx2.post(f"{url}/v1/invitations/acceptance", json=body, timeout=30)


class TestInvite:
    def test_a_link_is_made_once_and_lets_in(self, program: Program) -> None:
        """Into a private file where there is no terminal; the link works, once."""
        ran = program("user", "invite", ADDRESS, "--agency", "Harbor", "--role", "supervisor", "--json")
        assert ran.code == 0, ran.err
        file = Path(ran.json["link_file"])
        assert file.stat().st_mode & 0o777 == 0o600
        link = file.read_text().strip()
        assert "/welcome#wpi_" in link
        assert token_of(link) not in ran.out + ran.err
        with program.serving() as service:
            assert accept(service.url, link).status_code == 201
            assert accept(service.url, link).status_code == 401
            body = {"email": ADDRESS, "password": OWN}
            assert httpx2.post(f"{service.url}/v1/sessions", json=body, timeout=30).status_code == 201
            page = httpx2.get(f"{service.url}/welcome", timeout=30)
            assert (page.status_code, page.headers["referrer-policy"]) == (200, "no-referrer")
            assert token_of(link) not in service.printed()

    def test_a_wrong_role_or_address_is_told(self, program: Program) -> None:
        """By option, never the value."""
        ran = program("user", "invite", ADDRESS, "--agency", "Harbor", "--role", "queen")
        assert (ran.code, "--role" in ran.err, "queen" in ran.err) == (2, True, False)
        ran = program("user", "invite", "noor at harbor", "--agency", "Harbor", "--role", "advocate")
        assert (ran.code, "EMAIL" in ran.err, "noor" in ran.err) == (2, True, False)
        program("user", "invite", ADDRESS, "--agency", "Nowhere", "--role", "advocate").refused(
            "There is no such agency"
        )


class TestMail:
    def test_doctor_looks_and_sends_nothing(self, program: Program, tmp_path: Path) -> None:
        """A folder, a server that is away, and none at all."""

        def mail(**how: str) -> tuple[str, str]:
            found = program("doctor", "--json", **how).json["findings"]
            return next((f["state"], f["said"]) for f in found if f["what"] == "mail")

        assert mail() == ("ok", "none is sent; links are shown to whoever makes them")
        assert mail(WAYPOST_OUTBOX_DIR=str(tmp_path / "outbox"))[0] == "ok"
        assert mails_in(tmp_path / "outbox") == []
        state, said = mail(WAYPOST_SMTP_URL=f"smtp://127.0.0.1:{free_port()}")
        assert (state, "ConnectionRefusedError" in said) == ("fail", True)
        missing = {"WAYPOST_SMTP_URL": "smtp://127.0.0.1:1", "WAYPOST_SMTP_PASSWORD_FILE": str(tmp_path / "none")}
        assert mail(**missing)[0] == "fail"

    def test_a_bad_address_is_refused_without_being_told(self, program: Program) -> None:
        """It may hold a password."""
        ran = program("status", WAYPOST_SMTP_URL="smtp://me:hunter2@mail.example")
        ran.refused("WAYPOST_SMTP_URL")
        assert "hunter2" not in ran.out + ran.err

    def test_the_worker_sends_what_was_queued(self, program: Program, tmp_path: Path) -> None:
        """An invitation of the command line goes out with the next round, once."""
        out = tmp_path / "outbox"
        program.settings["WAYPOST_OUTBOX_DIR"] = str(out)
        assert program("user", "invite", ADDRESS, "--agency", "Harbor", "--role", "advocate").code == 0
        assert mails_in(out) == []
        for _ in range(2):
            assert program("worker", "--once").code == 0
            (message,) = mails_in(out)
            assert message["To"] == ADDRESS

    def test_serve_mails_a_reset_from_asking_to_signing_in(self, program: Program, tmp_path: Path) -> None:
        """As a person does it who has forgotten her password."""
        with program.serving(
            WAYPOST_OUTBOX_DIR=str(tmp_path / "outbox"), WAYPOST_MAIL_FROM="desk@work.example"
        ) as service:
            body = {"email": "ben@harbor.example"}
            assert httpx2.post(f"{service.url}/v1/password-resets", json=body, timeout=30).status_code == 202
            (message,) = await_(lambda: mails_in(tmp_path / "outbox"))
            assert (message["To"], message["From"]) == ("ben@harbor.example", "desk@work.example")
            done = {"token": token_of(link_in(message)), "password": OWN}
            answer = httpx2.post(f"{service.url}/v1/password-resets/completion", json=done, timeout=30)
            assert answer.status_code == 204
            for password, status in ((PASSWORD, 401), (OWN, 201)):
                signed = httpx2.post(f"{service.url}/v1/sessions", json=body | {"password": password}, timeout=30)
                assert signed.status_code == status
            assert token_of(link_in(message)) not in service.printed()
            assert service.stop() == 0

    @pytest.mark.parametrize("kind", ["sqlite"])
    def test_fault_57_a_mail_server_that_says_nothing_keeps_nobody(self, program: Program) -> None:
        """Requests are answered while it dawdles, and the process ends in time."""
        with socket.create_server(("127.0.0.1", 0)) as mute:
            url = f"smtp://127.0.0.1:{mute.getsockname()[1]}"
            with program.serving(WAYPOST_SMTP_URL=url) as service:
                httpx2.post(f"{service.url}/v1/password-resets", json={"email": "ben@harbor.example"}, timeout=30)
                mute.settimeout(15)
                other, _ = mute.accept()
                assert httpx2.get(f"{service.url}/health/ready", timeout=5).status_code == 200
                began = time.monotonic()
                assert service.stop() == 0
                assert time.monotonic() - began < 15
                other.close()
