"""Rate limits: how many requests a person, a network or somebody who guesses passwords may make (GCRA, in memory).

The generic cell rate algorithm keeps one integer for each key: until when what was taken fills the time. Nothing ticks,
nothing resets, and a key that was left alone is the same as one that never was.

It lives in this process, because the answer must cost microseconds and a refusal no database work: with N processes a
limit is up to N times as high, and a restart forgets. Only the event loop comes here, so nothing is locked. What has to
hold across processes and restarts (failed sign-ins, for each account and known device) is counted in the database,
behind this: models/throttle.py.
"""

import socket
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import NamedTuple

from api.metrics import LIMITED
from api.settings import Settings
from api.tokens import Claims
from models.errors import Spent

SECOND = 1_000_000_000  # nanoseconds
_MAPPED = bytes(10) + b"\xff\xff"


class Quota(NamedTuple):
    """What a policy leaves a key now: `left` requests within the next `seconds` (whole, at least 1)."""

    policy: "Policy"
    allowed: bool
    left: int
    seconds: int

    def headers(self) -> tuple[tuple[bytes, bytes], tuple[bytes, bytes]]:
        """RateLimit-Policy and RateLimit, as draft-ietf-httpapi-ratelimit-headers-11 writes them."""
        shown = f'"{self.policy.name}";r={self.left};t={self.seconds}'
        return (b"ratelimit-policy", self.policy.header), (b"ratelimit", shown.encode())


class RateLimited(Spent):
    """Too many requests under one policy."""

    code = "rate-limited"

    def __init__(self, quota: Quota) -> None:
        super().__init__(self.code, timedelta(seconds=quota.seconds))
        LIMITED.labels(quota.policy.name).inc()


class Policy:
    """`quota` requests in `window` seconds for each key, all of them at once if need be, then one every window/quota.

    At most `most` keys are kept. The one untouched for longest leaves first: it is the likeliest to be full again.
    """

    def __init__(self, name: str, quota: int, window: int, most: int, clock: Callable[[], int]) -> None:
        self.name, self.header = name, f'"{name}";q={quota};w={window}'.encode()
        self._step = -(-window * SECOND // quota)  # rounded up: never more than was promised
        self._room = self._step * quota
        self._most, self._clock = most, clock
        self._until: OrderedDict[Hashable, int] = OrderedDict()

    def __len__(self) -> int:
        return len(self._until)

    def take(self, key: Hashable) -> Quota:
        """Take one request, if there is room; a refused one takes nothing."""
        now = self._clock()
        used = max(self._until.get(key, 0) - now, 0)
        allowed = used + self._step <= self._room
        if allowed:
            used += self._step
        self._until[key] = now + used
        self._until.move_to_end(key)
        if len(self._until) > self._most:
            self._until.popitem(last=False)
        return self._quota(allowed, used)

    def look(self, key: Hashable) -> Quota:
        """What is left, without taking any."""
        return self._quota(allowed=True, used=max(self._until.get(key, 0) - self._clock(), 0))

    def give_back(self, key: Hashable) -> None:
        """Undo one `take`; never more room than there was to begin with."""
        if key in self._until:
            self._until[key] -= self._step

    def _quota(self, allowed: bool, used: int) -> Quota:  # noqa: FBT001 - private, and called by every request
        left, part = divmod(self._room - used, self._step)
        return Quota(self, allowed, left, -(-(self._step - part) // SECOND))


class Limits:
    """The policies of one process: 50,000 keys at most, about 12 MiB. `clock` counts nanoseconds and only goes up."""

    def __init__(
        self, settings: Settings, tag: Callable[[str], bytes], clock: Callable[[], int] = time.monotonic_ns
    ) -> None:
        self.tag = tag
        self.person = Policy("person", settings.rate_limit, 60, 10_000, clock)
        self.integration = Policy("integration", settings.rate_limit_integration, 60, 1_000, clock)
        self.address = Policy("address", settings.rate_limit_address, 60, 20_000, clock)
        self.account = Policy("sign-in", 5, 60, 10_000, clock)
        self.network = Policy("sign-in-network", 60, 900, 10_000, clock)
        self.reset = Policy("reset", 5, 900, 10_000, clock)
        self.reset_network = Policy("reset-network", 30, 900, 10_000, clock)


@dataclass
class Attempt:
    """One try to sign in. It costs something only when it `failed`."""

    failed: bool = False


class Meter:
    """What one request costs, and what its answer tells of that: `shown`."""

    def __init__(self, limits: Limits, ip: str | None) -> None:
        self._limits, self._ip = limits, ip
        self.shown: Quota | None = None

    def charge(self, claims: Claims | None) -> bool:
        """Take the request from whoever showed a good token, a person or an integration, else from the network;
        whether there was room."""
        if claims is not None and claims.scopes is not None:
            self.shown = self._limits.integration.take((claims.agency_id.int, claims.user_id.int))
        elif claims is not None:
            self.shown = self._limits.person.take((claims.agency_id.int, claims.user_id.int))
        else:
            self.shown = self._limits.address.take(network_of(self._ip))
        return self.shown.allowed

    def headers(self) -> tuple[tuple[bytes, bytes], tuple[bytes, bytes]]:
        """The two headers of the answer; of a request that was not charged, what its network has left."""
        return (self.shown or self._limits.address.look(network_of(self._ip))).headers()

    def reset(self, whose: str) -> None:
        """Take one request for a reset link, by network and by address and network. An address somebody has and one
        nobody has are counted alike, by a tag. Raises RateLimited."""
        limits, network = self._limits, network_of(self._ip)
        self.shown = wide = limits.reset_network.take(network)
        if not wide.allowed:
            raise RateLimited(wide)
        self.shown = narrow = limits.reset.take((limits.tag(whose), network))
        if not narrow.allowed:
            limits.reset_network.give_back(network)
            raise RateLimited(narrow)
        self.shown = min((wide, narrow), key=lambda quota: quota.left)

    @contextmanager
    def sign_in(self, whose: str, device: bytes | None = None) -> Iterator[Attempt]:
        """Room for one failure, by network and by account and network, given back unless it is used. `whose`
        password is tried: the address that was typed, or the id of somebody signed in who gives hers again. A `device`
        that was given a token of ours has room of its own, whatever its network does.

        Taken before the password is looked at, so that tries sent at once are counted too. An address somebody has and
        one nobody has are counted alike, by a tag; nobody is shut out elsewhere. Raises RateLimited.
        """
        limits, network = self._limits, network_of(self._ip)
        account = (limits.tag(whose), device or network)
        wide = limits.network if device is None else None
        if wide is not None:
            self.shown = wide.take(network)
            if not self.shown.allowed:
                raise RateLimited(self.shown)
        self.shown = narrow = limits.account.take(account)
        if not narrow.allowed:
            if wide is not None:
                wide.give_back(network)
            raise RateLimited(narrow)
        attempt, refused = Attempt(), 0
        try:
            yield attempt
        except Spent as error:  # counted in the database: the headers say the same as the refusal
            refused = error.retry_after
            raise
        finally:
            if not attempt.failed:
                limits.account.give_back(account)
                if wide is not None:
                    wide.give_back(network)
            looks = [limits.account.look(account), *([wide.look(network)] if wide is not None else [])]
            self.shown = min(looks, key=lambda quota: quota.left)
            if refused:
                self.shown = Quota(limits.account, allowed=False, left=0, seconds=refused)
                LIMITED.labels(limits.account.name).inc()


def network_of(ip: str | None) -> bytes:
    """The network an address belongs to, as key: /24 of IPv4, /56 of IPv6, which is what one household is given.
    What is no address (a Unix socket has none) is a network of its own."""
    text = ip or ""
    try:
        if ":" not in text:
            return socket.inet_pton(socket.AF_INET, text)[:3]
        packed = socket.inet_pton(socket.AF_INET6, text.partition("%")[0])
    except (OSError, ValueError):
        return b"?" + text.encode()
    return packed[12:15] if packed.startswith(_MAPPED) else packed[:7]
