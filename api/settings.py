"""Every setting of the service, typed, in one place. Nobody else reads the environment."""

from enum import StrEnum
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

import sqlalchemy as sa
from pydantic import AfterValidator, AliasChoices, Field, SecretStr, StringConstraints
from pydantic_settings import BaseSettings, SettingsConfigDict

HERE = Path(__file__).parent.parent


def _ip_address(text: str) -> str:
    return str(ip_address(text))


def _told_safely(url: str) -> str:
    """https, or http to this machine: what says when somebody worked on what travels no other way."""
    parts = urlsplit(url)
    host, port = parts.hostname, parts.port  # ValueError for a port that is none
    try:
        here = host == "localhost" or ip_address(host or "").is_loopback
    except ValueError:
        here = False
    allowed = parts.scheme == "https" or (here and parts.scheme == "http")
    if not host or not allowed or port == 0 or parts.username is not None or parts.fragment:
        raise ValueError("an https address is needed, or http to this machine")
    return url


def is_this_machine(host: str) -> bool:
    """Whether a host is this machine itself: nobody else hears what is said to it."""
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def _mail_server(url: str) -> str:
    """smtp:// or smtps://, with a user if need be, and nothing else."""
    parts = urlsplit(url)
    odd = parts.path not in ("", "/") or parts.query or parts.fragment or parts.password is not None
    if parts.scheme not in ("smtp", "smtps") or not parts.hostname or parts.port == 0 or odd:
        raise ValueError("smtp://user@host:587 or smtps://user@host is needed; the password stands in a file")
    return url


def _sink(address: str) -> str:
    """`file:/path`, `stdout:` or a webhook."""
    parts = urlsplit(address)
    file = parts.scheme == "file" and not parts.netloc and parts.path[:1] == "/" != parts.path[-1:]
    if file or address == "stdout:":
        return address
    try:
        return _told_safely(address)
    except ValueError:
        raise ValueError("a sink is file:/path, stdout: or https://…, or http to this machine") from None


class Environment(StrEnum):
    """What this installation is for. Demo keys are refused in production."""

    DEMO = "demo"
    PRODUCTION = "production"
    TEST = "test"


class Settings(BaseSettings):
    """Read from variables named WAYPOST_<NAME>. Secrets are files, never values."""

    model_config = SettingsConfigDict(
        env_prefix="WAYPOST_", env_ignore_empty=True, extra="ignore", use_attribute_docstrings=True
    )

    env: Environment = Environment.PRODUCTION
    """What this installation is for: demo, production or test."""
    data_dir: Path = HERE / "data"
    """Folder of the SQLite file and of backups."""
    keys_dir: Path | None = None
    """Folder of the key files (0700; the files 0600). Default: `keys` in the data folder. Back it up elsewhere."""
    vault_token_file: Path | None = None
    """File (0600) with the token for HashiCorp Vault, when root keys are there."""
    database_url: str | None = None
    """Database the service uses, as the role waypost_app. Default: SQLite in the data folder."""
    database_password_file: Path | None = None
    """File with the password for database_url."""
    owner_database_url: str | None = None
    """The same database as the role waypost_owner, for migrations. Default: database_url."""
    owner_database_password_file: Path | None = None
    """File with the password for owner_database_url."""
    database_pool: Annotated[int, Field(ge=1, le=64)] = 6
    """PostgreSQL connections of one process (two more under load); times `workers` below max_connections."""
    workers: Annotated[int, Field(ge=1, le=32)] = 1
    """Server processes on PostgreSQL, about one a core. SQLite is served by one."""
    host: str = "127.0.0.1"
    """Address to listen on. Anything but loopback needs a proxy in front that speaks TLS."""
    port: Annotated[int, Field(ge=1, le=65535)] = 8000
    """Port to listen on."""
    public_url: Annotated[str, StringConstraints(pattern=r"^https?://[^/?#@\s]+/?$")] | None = None
    """Where people reach the service, e.g. https://waypost.agency.example. Default: http://host:port."""
    allowed_hosts: list[str] = []
    """Host names answered, beside loopback and the one in public_url (JSON list)."""
    trusted_proxies: list[Annotated[str, AfterValidator(_ip_address)]] = []
    """Addresses whose X-Forwarded-For is believed (JSON list). Default: nobody's."""
    queue: Annotated[int, Field(ge=8, le=10_000)] = 256
    """Requests that may wait for the database; more are told to come back (503)."""
    rate_limit: Annotated[int, Field(ge=1, le=1_000_000)] = 600
    """Requests a minute a person may make; more are told when to come back (429)."""
    rate_limit_address: Annotated[int, Field(ge=1, le=1_000_000)] = 120
    """Requests a minute from one network (/24, or /56 of IPv6) by whoever shows no good token."""
    rate_limit_integration: Annotated[int, Field(ge=1, le=1_000_000)] = 300
    """Requests a minute an integration may make; more are told when to come back (429)."""
    backup_window: Annotated[int, Field(ge=0, le=3650)] = 35
    """Days a backup is kept; an older root epoch may be destroyed so long after its last key left it."""
    clients_an_hour: Annotated[int, Field(ge=1, le=1_000_000)] = 120
    """Distinct clients a person may open one by one in an hour of the clock, and ten times as many in lists."""
    alarm_url: Annotated[str, AfterValidator(_told_safely)] | None = None
    """Where alarms are posted as JSON (https, or http to this machine). Default: to the log and /metrics only."""
    smtp_url: Annotated[str, AfterValidator(_mail_server)] | None = None
    """Mail server: smtp://user@host:587 (STARTTLS, except to this machine) or smtps://user@host (docs/people.md)."""
    smtp_password_file: Path | None = None
    """File with the password for smtp_url."""
    mail_from: Annotated[str, StringConstraints(pattern=r"^[\x21-\x7e]+@[A-Za-z0-9.-]+$")] | None = None
    """Address mails come from; choose a neutral one. Default: no-reply at the host of public_url."""
    outbox_dir: Path | None = None
    """Folder into which mails are written as .eml files (0600), where there is no mail server."""
    docs: bool = True
    """Serve /docs and /openapi.json."""
    checkpoint_sinks: list[Annotated[str, AfterValidator(_sink)]] = []
    """Where signed checkpoints go (JSON list): file:/path, stdout: or https://… (docs/checkpoints.md)."""
    log_level: str = "INFO"
    """DEBUG, INFO, WARNING or ERROR. No level logs what people wrote."""
    metrics_token_file: Path | None = None
    """File with a token that may read /metrics from elsewhere than loopback."""
    content_dir: Path = HERE / "content"
    """Folder of the template library."""

    @property
    def keys(self) -> Path:
        """Where the key files are."""
        return self.keys_dir or self.data_dir / "keys"

    def app_url(self) -> str:
        """The database address the service uses, with its password put in."""
        if self.database_url is None:
            return f"sqlite:///{self.data_dir / 'waypost.db'}"
        return _with_password(self.database_url, self.database_password_file)

    def owner_url(self) -> str:
        """The database address migrations use."""
        if self.owner_database_url is None:
            return self.app_url()
        return _with_password(self.owner_database_url, self.owner_database_password_file)

    def metrics_token(self) -> SecretStr | None:
        """The token for /metrics, if there is one."""
        return SecretStr(self.metrics_token_file.read_text().strip()) if self.metrics_token_file else None

    def smtp_password(self) -> str | None:
        """The password for the mail server, if there is one."""
        return self.smtp_password_file.read_text().strip() if self.smtp_password_file else None

    def sender(self) -> str:
        """The address mails come from."""
        return self.mail_from or f"no-reply@{urlsplit(self.origin()).hostname}"

    def origin(self) -> str:
        """Scheme, host and port that links to this service begin with."""
        return (self.public_url or f"http://{self.host}:{self.port}").rstrip("/")


class DemoSettings(BaseSettings):
    """What `demo` alone reads. Its database and keys always lie in a folder of their own."""

    model_config = SettingsConfigDict(env_prefix="WAYPOST_", extra="ignore", use_attribute_docstrings=True)

    log_level: str = "WARNING"
    """As for the service, but quieter: a terminal shows the addresses and passwords."""
    data_dir: Path = HERE / "demo-data"
    """Folder of the demo's database and keys."""
    host: str = "127.0.0.1"
    """Address to listen on; a demo refuses all but loopback."""
    port: Annotated[int, Field(ge=1, le=65535, validation_alias=AliasChoices("PORT", "WAYPOST_PORT"))] = 8000
    """Port to listen on."""
    credentials: Annotated[Path | None, Field(validation_alias="DEMO_CREDENTIALS")] = None
    """File to write a working password for everybody in the demo into, for scripts that try the product."""

    def installation(self) -> Settings:
        """The settings of the demo's service, whatever else the environment says."""
        return Settings(
            env=Environment.DEMO,
            data_dir=self.data_dir,
            keys_dir=None,
            database_url=None,
            owner_database_url=None,
            host=self.host,
            port=self.port,
            public_url=None,
            smtp_url=None,
            outbox_dir=None,
            log_level=self.log_level,
        )


def _with_password(url: str, file: Path | None) -> str:
    address = sa.make_url(url)
    if address.drivername in ("postgres", "postgresql"):  # as many hosts write it
        address = address.set(drivername="postgresql+psycopg")
    if file is not None:
        address = address.set(password=file.read_text().strip())
    return address.render_as_string(hide_password=False)
