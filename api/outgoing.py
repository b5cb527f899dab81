"""Asking an address that somebody entered: https, one look-up, no inner address, nothing followed, little and soon."""

import asyncio
import ipaddress
import socket
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import orjson

PATIENCE = 8.0  # seconds, for everything together
MOST = 256 * 1024  # bytes of an answer
_INNER = tuple(
    ipaddress.ip_network(text)
    for text in (
        "::/96", "::ffff:0:0/96", "64:ff9b::/96", "64:ff9b:1::/48", "2001::/32", "2002::/16", "192.88.99.0/24",
        "100.64.0.0/10", "fec0::/10",
    )
)  # fmt: skip


class Away(Exception):
    """Nothing usable came back. The text names a kind, never the address."""


def address_of(url: str, *, loopback: bool) -> tuple[str, int]:
    """Host and port of an address we may ask. ValueError for anything but https to a name; with `loopback` also http to
    this machine."""
    parts = urlsplit(url)
    host, port = parts.hostname or "", parts.port
    if loopback and parts.scheme == "http" and host in ("127.0.0.1", "localhost", "::1"):
        return host, port or 80
    odd = parts.username is not None or parts.password is not None or parts.fragment or "\\" in url or not url.isascii()
    if parts.scheme != "https" or odd or "." not in host or host.replace(".", "").isdigit() or ":" in host:
        raise ValueError("an https address with a name is needed")
    return host, port or 443


def is_outer(ip: str) -> bool:
    """Whether an address is out in the internet: not here, not in a private network, not a way back into one."""
    address = ipaddress.ip_address(ip)
    return address.is_global and not address.is_multicast and not any(address in net for net in _INNER)


async def ask(url: str, *, loopback: bool, form: Mapping[str, str] | None = None, basic: Any = None) -> Any:
    """The JSON of an answer of 200: to a GET, or to a POST of a form. Raises Away for everything else."""
    try:
        async with asyncio.timeout(PATIENCE):
            return await _ask(url, loopback, form, basic)
    except (TimeoutError, OSError, ValueError) as error:
        raise Away(type(error).__name__) from None


async def _ask(url: str, loopback: bool, form: Mapping[str, str] | None, basic: Any) -> Any:  # noqa: FBT001 - private
    import httpx2  # noqa: PLC0415 - only who asks outside needs it

    host, port = address_of(url, loopback=loopback)
    ip = await _resolved(host, port, loopback=loopback and urlsplit(url).scheme == "http")
    headers = {"host": urlsplit(url).netloc, "accept": "application/json", "accept-encoding": "identity"}
    target = httpx2.URL(url).copy_with(host=ip)
    async with httpx2.AsyncClient(timeout=PATIENCE, trust_env=False, follow_redirects=False) as client:
        asked = client.build_request(
            "GET" if form is None else "POST", target, data=form, headers=headers, extensions={"sni_hostname": host}
        )
        try:
            answer = await client.send(asked, auth=basic, stream=True)
            try:
                return await _read(answer)
            finally:
                await answer.aclose()
        except httpx2.HTTPError as error:
            raise Away(type(error).__name__) from None


async def _read(answer: Any) -> Any:
    if answer.status_code != 200 or answer.headers.get("content-encoding", "identity") != "identity":
        raise Away(f"status {answer.status_code}")
    raw = b""
    async for part in answer.aiter_raw():
        raw += part
        if len(raw) > MOST:
            raise Away("too much")
    return orjson.loads(raw)


async def _resolved(host: str, port: int, *, loopback: bool) -> str:
    """The one address that will be asked. Looked up once: a second look might find another."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    addresses = [str(info[4][0]) for info in found]
    if not addresses or not (loopback or all(is_outer(ip) for ip in addresses)):
        raise Away("inner address")
    return addresses[0]
