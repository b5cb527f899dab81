"""nginx and Caddy in front of a service, with the very files of docs/proxy; only ports, paths and time limits differ."""

import datetime as dt
import shutil
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.api.wire import heard
from tests.cli.program import PATIENCE, ROOT, free_port

NAME = "waypost.agency.example"
KINDS = ("nginx", "caddy")
CLIENT = "127.0.0.2"  # whoever asks comes from another address than the proxy
FILES = {"nginx": ROOT / "docs/proxy/nginx.conf", "caddy": ROOT / "docs/proxy/Caddyfile"}
MAIN = """
daemon off; worker_processes 1; pid {folder}/nginx.pid; error_log {folder}/main.log;
events {{ worker_connections 1024; }}
http {{
  client_body_temp_path {folder}/spool-in; proxy_temp_path {folder}/spool-out;
  fastcgi_temp_path {folder}/fastcgi; uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
  access_log {folder}/others.log;
  include {folder}/waypost.conf;
}}
"""


def program_for(kind: str) -> str:
    """Where the program is; without it the test is left out, with the command that brings it."""
    found = shutil.which(kind, path="/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")
    if found is None:
        package = "nginx-light" if kind == "nginx" else kind
        pytest.skip(f"{kind} is not installed: apt-get install --no-install-recommends {package}")
    return found


@dataclass
class Proxy:
    """A running proxy."""

    kind: str
    port: int
    folder: Path

    def client(self, **headers: str) -> httpx2.Client:
        """Somebody outside, over https, at an address of her own."""
        transport = httpx2.HTTPTransport(verify=self._trust(), local_address=CLIENT)
        client = httpx2.Client(base_url=f"https://127.0.0.1:{self.port}", transport=transport, timeout=PATIENCE)
        client.headers.update({"host": f"{NAME}:{self.port}", **headers})
        client.event_hooks = {"request": [lambda request: request.extensions.update(sni_hostname=NAME)]}
        return client

    def raw(self, *parts: bytes, silence: float = 1.5, answers: int = 0) -> bytes:
        """Bytes as they are, inside TLS; what comes back until the other side closes or is silent. `answers`: so many are
        waited for longer."""
        with (
            socket.create_connection(("127.0.0.1", self.port), timeout=10) as bare,
            self._trust().wrap_socket(bare, server_hostname=NAME) as line,
        ):
            with suppress(OSError):
                for part in parts:
                    line.sendall(part)
            return heard(line, silence, answers)

    def written(self) -> str:
        """Everything it wrote anywhere: access logs, error logs, its output."""
        return "\n".join(path.read_text(errors="replace") for path in sorted(self.folder.glob("*.log")))

    def access_lines(self) -> list[str]:
        """One line a request it answered or refused."""
        log = self.folder / "waypost.log"
        return log.read_text().splitlines() if log.exists() else []

    def _trust(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=str(self.folder / "authority.pem"))


@contextmanager
def in_front_of(kind: str, upstream: str, folder: Path, **changed: str) -> Iterator[Proxy]:
    """A proxy before the service at `upstream` (host:port). `changed`: further words of the file to replace."""
    command = program_for(kind)
    folder.mkdir()
    certify(folder)
    port = free_port()
    for _ in range(3):
        if port != int(upstream.rpartition(":")[2]):
            break
        port = free_port()
    text = FILES[kind].read_text()
    for old, new in _differences(kind, upstream, folder, port) | changed.items():
        assert old in text, f"{FILES[kind].name} lacks {old!r}"
        text = text.replace(old, new)
    (folder / "waypost.conf").write_text(text)
    (folder / "main.conf").write_text(MAIN.format(folder=folder))
    arguments = {
        "nginx": ["-p", str(folder), "-e", str(folder / "main.log"), "-c", str(folder / "main.conf")],
        "caddy": ["run", "--config", str(folder / "waypost.conf"), "--adapter", "caddyfile"],
    }
    env = {"PATH": "/usr/sbin:/usr/bin:/bin", "HOME": str(folder), "XDG_DATA_HOME": str(folder / "data")}
    with (folder / "output.log").open("w") as output:
        process = subprocess.Popen([command, *arguments[kind]], env=env, stdout=output, stderr=output, cwd=folder)
    proxy = Proxy(kind, port, folder)
    try:
        _await(proxy, process)
        for spool in folder.glob("spool-*"):
            spool.rmdir()  # from now on writing a body to disk would fail
        yield proxy
    finally:
        process.terminate()
        process.wait(PATIENCE)


def _differences(kind: str, upstream: str, folder: Path, port: int) -> Any:
    here = {"127.0.0.1:8000": upstream, "/etc/ssl/waypost.pem": f"{folder}/cert.pem"}
    here["/etc/ssl/waypost.key"] = f"{folder}/key.pem"
    if kind == "nginx":
        here |= {"listen 443 ssl": f"listen 127.0.0.1:{port} ssl", "  listen [::]:443 ssl;\n": ""}
        here["/var/log/nginx/"] = f"{folder}/"
    else:
        here |= {f"\n{NAME} {{": f"\n{NAME}:{port} {{", "/var/log/caddy/": f"{folder}/"}
    return here.items()


def _await(proxy: Proxy, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + PATIENCE
    while process.poll() is None and time.monotonic() < deadline:
        try:
            with socket.create_connection(("127.0.0.1", proxy.port), timeout=5):
                return
        except OSError:
            time.sleep(0.02)
    raise AssertionError(f"{proxy.kind} did not start: {proxy.written()}")


def certify(folder: Path) -> None:
    """An authority of this test's own (authority.pem), and a certificate of it for NAME (cert.pem, key.pem)."""
    now = dt.datetime.now(dt.UTC)
    authority_key, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    authority = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Test authority")])
    blank = x509.CertificateBuilder().issuer_name(authority).not_valid_before(now - dt.timedelta(hours=1))
    blank = blank.not_valid_after(now + dt.timedelta(days=1))
    root = (
        blank.subject_name(authority).public_key(authority_key.public_key()).serial_number(1)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(authority_key, hashes.SHA256())
    )  # fmt: skip
    leaf = (
        blank.subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, NAME)]))
        .public_key(key.public_key()).serial_number(2)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(NAME)]), critical=False)
        .sign(authority_key, hashes.SHA256())
    )  # fmt: skip
    pem = serialization.Encoding.PEM
    (folder / "authority.pem").write_bytes(root.public_bytes(pem))
    (folder / "cert.pem").write_bytes(leaf.public_bytes(pem))
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (folder / "key.pem").write_bytes(private)
