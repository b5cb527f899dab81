"""How a mail leaves: through a mail server, or into a folder. Nothing of a mail is ever logged."""

import os
import smtplib
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from email.message import EmailMessage
from pathlib import Path
from typing import Protocol
from urllib.parse import unquote, urlsplit
from uuid import uuid4

from api.mail_words import domain_of
from api.settings import Settings, is_this_machine

PATIENCE = 10.0  # seconds for each answer of a mail server
LONGEST = 60.0  # seconds for a whole mail, however the answers drip


class Refused(Exception):
    """The mail server will never take this mail: there is no such address, say. `args[0]` is its status."""


class Later(Exception):
    """It could not be sent now. `args[0]` says why in a word or a status, never with an address."""


class Transport(Protocol):
    """A way out for mails."""

    def deliver(self, message: EmailMessage, to: str) -> None:
        """Hand over one mail. Raises Refused or Later; when it returns, the mail is somebody else's to keep."""

    def check(self) -> None:
        """Whether it could. Raises Later; sends nothing."""


def transport(settings: Settings) -> Transport | None:
    """The way out these settings name: a mail server, else a folder, else none."""
    if settings.smtp_url is not None:
        return Smtp(settings.smtp_url, settings.smtp_password(), settings.sender())
    return Folder(settings.outbox_dir) if settings.outbox_dir is not None else None


class Smtp:
    """A mail server: TLS from the first byte (smtps) or by STARTTLS, which is required; to this machine neither."""

    def __init__(
        self,
        url: str,
        password: str | None,
        sender: str,
        *,
        starttls: bool | None = None,
        context: ssl.SSLContext | None = None,
    ) -> None:
        """`starttls` and `context` are for tests; by default they follow from the address and the system."""
        parts = urlsplit(url)
        self._host, self._tls, self._sender = parts.hostname or "", parts.scheme == "smtps", sender
        here = is_this_machine(self._host)
        self._port = parts.port or (465 if self._tls else 25 if here else 587)
        self._starttls = not here if starttls is None else starttls
        self._user, self._password = unquote(parts.username or ""), password
        self._context = context

    def deliver(self, message: EmailMessage, to: str) -> None:
        """One connection, one mail."""
        with self._connected() as server:
            server.ehlo_or_helo_if_needed()
            if not to.isascii() and not server.has_extn("smtputf8"):
                raise Refused("no smtputf8")  # such an address needs a server that knows RFC 6531
            server.send_message(message, self._sender, [to])

    def check(self) -> None:
        """Connect, encrypt, sign in, say NOOP, leave."""
        with self._connected() as server:
            server.ehlo_or_helo_if_needed()
            said = server.noop()[0]
            if said != 250:
                raise Later(f"status {said}")

    @contextmanager
    def _connected(self) -> Iterator[smtplib.SMTP]:
        """A session with the server, cut after a minute. Whatever goes wrong is Refused or Later."""
        server: smtplib.SMTP | None = None
        cut = threading.Event()
        try:
            server = self._open()
            watchdog = threading.Timer(LONGEST, _cut, (server.sock, cut))
            watchdog.daemon = True
            watchdog.start()
            try:
                self._enter(server)
                yield server
                if cut.is_set():
                    raise TimeoutError  # what it seemed to say was cut short
            finally:
                watchdog.cancel()
        except smtplib.SMTPRecipientsRefused as error:
            raise _by_status(next(iter(error.recipients.values()))[0]) from None
        except smtplib.SMTPDataError as error:
            raise _by_status(error.smtp_code) from None
        except smtplib.SMTPResponseException as error:
            raise Later(f"status {error.smtp_code}") from None
        except (OSError, smtplib.SMTPException, ValueError) as error:
            raise Later("cut after a minute" if cut.is_set() else type(error).__name__) from None
        finally:
            if server is not None:
                with suppress(OSError, smtplib.SMTPException):
                    server.quit()
                server.close()

    def _open(self) -> smtplib.SMTP:
        name = domain_of(self._sender)  # said in EHLO: this machine's own name is nobody's business
        if not self._tls:
            return smtplib.SMTP(self._host, self._port, name, PATIENCE)
        context = self._context or ssl.create_default_context()
        return smtplib.SMTP_SSL(self._host, self._port, local_hostname=name, timeout=PATIENCE, context=context)

    def _enter(self, server: smtplib.SMTP) -> None:
        if not self._tls and self._starttls:  # raises when the server offers none: nothing goes in the clear
            server.starttls(context=self._context or ssl.create_default_context())
        if self._user and self._password is not None:
            server.login(self._user, self._password)


def _cut(sock: socket.socket | None, cut: threading.Event) -> None:
    cut.set()
    if sock is not None:
        with suppress(OSError):
            sock.shutdown(socket.SHUT_RDWR)


def _by_status(status: int) -> Exception:
    """5xx is for ever (RFC 5321 4.2.1), anything else for now."""
    said = f"status {status}"
    return Refused(said) if 500 <= status < 600 else Later(said)


class Folder:
    """A folder of .eml files that only this account can read, for tests and small sites that pick them up."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def deliver(self, message: EmailMessage, to: str) -> None:
        """One file, whole or not at all, on the disk before it counts."""
        name = str(uuid4())
        begun = self._folder / f".{name}.part"  # whoever picks up *.eml never meets half a mail
        try:
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            handle = os.open(begun, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
            with os.fdopen(handle, "wb") as file:
                file.write(message.as_bytes())
                file.flush()
                os.fsync(file.fileno())
            begun.rename(self._folder / f"{name}.eml")
        except OSError as error:
            with suppress(OSError):
                begun.unlink(missing_ok=True)
            raise Later(type(error).__name__) from None

    def check(self) -> None:
        """The folder is there, or can be made, and can be written."""
        try:
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        except OSError as error:
            raise Later(type(error).__name__) from None
        if not os.access(self._folder, os.W_OK | os.X_OK):
            raise Later("not writable")
