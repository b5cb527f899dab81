"""How often a password may be tried: counts that hold across processes and restarts, and lock nobody out.

The platform's rows, each under a keyed tag that tells neither account nor network. Everything is the same for an
account that exists and one that does not: who tries learns nothing from being slowed down.
"""

import base64
import secrets
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from hashlib import sha256
from hmac import compare_digest
from typing import TYPE_CHECKING, Any, ClassVar
from uuid import UUID

import sqlalchemy as sa
from sqlmodel import Field

from models.access import PLATFORM
from models.base import BYTES, INSTANT, Record, columns, id_field, instant_field, table_of
from models.errors import Spent, Unauthenticated, Unavailable
from models.rows import Change, Insert, Query

if TYPE_CHECKING:
    from models.workspace import Workspace

MINUTE = timedelta(minutes=1)
AT_ONCE = 5  # failures a minute before the first wait
FIRST_WAIT, LONGEST_WAIT = 30, 900  # seconds; each wait is twice the one before
QUIET = timedelta(hours=1)  # without a failure, and waits begin at the first again
SOURCE_MOST, SOURCE_WINDOW = 60, timedelta(minutes=15)  # failures of unknown devices from one network
GUARDED = 100  # failures in a row at one account: then known devices and recovery codes only
WRONG_CODES = 3  # in a week: then the person is told that somebody has her password
MOST_CODES = 30  # in a week, whatever happened between: then known devices and recovery codes only
MOST_IN_SESSION = 10  # wrong codes or passwords shown again in one session: then it ends
WRONG_CODE = 10  # so many failures is a wrong code after the right password: somebody knows the password
KEPT = timedelta(days=7)
DEVICE_LIFE = timedelta(days=90)
MOST_DEVICES = 20  # an account
PREFIX = "wpd_"


class SignInThrottle(Record, table=True):
    """The count of one bucket: an account from a network or a known device, a network, an account, or wrong codes."""

    __tablename__ = "sign_in_throttles"
    machinery: ClassVar[bool] = True
    of_the_day: ClassVar[bool] = True
    __table_args__ = (
        sa.Index("ix_sign_in_throttles_age", "agency_id", "touched_at"),
        {"sqlite_with_rowid": False},
    )

    agency_id: UUID = id_field(primary_key=True)
    bucket: bytes = Field(sa_type=BYTES, primary_key=True)
    failures: int = 0
    waits: int = 0
    began_at: datetime = instant_field()
    open_at: datetime = instant_field()
    touched_at: datetime = instant_field()


class KnownDevice(Record, table=True):
    """A device somebody signed in from, whole: strangers cannot fill its bucket. Its token opens nothing by itself."""

    __tablename__ = "known_devices"
    machinery: ClassVar[bool] = True
    of_the_day: ClassVar[bool] = True
    __table_args__ = (
        sa.Index("ix_known_devices_account", "agency_id", "account", "expires_at"),
        {"sqlite_with_rowid": False},
    )

    agency_id: UUID = id_field(primary_key=True)
    token_hash: bytes = Field(sa_type=BYTES, primary_key=True)
    account: bytes = Field(sa_type=BYTES)
    expires_at: datetime = instant_field()


@dataclass(frozen=True)
class Bucket:
    """A count as it is now."""

    failures: int
    waits: int
    began_at: datetime
    open_at: datetime

    def after_failure(self, now: datetime) -> "Bucket":
        """One failure more: five within a minute begin a wait, each one after that a wait twice as long."""
        quiet = now - max(self.began_at, self.open_at) > QUIET
        waits = 0 if quiet else self.waits
        fresh = now - self.began_at > MINUTE
        failures, began_at = (1, now) if fresh else (self.failures + 1, self.began_at)
        if not waits and failures < AT_ONCE:
            return Bucket(failures, waits, began_at, self.open_at)
        wait = min(FIRST_WAIT << min(waits, 10), LONGEST_WAIT)
        return Bucket(0, waits + 1, now, now + timedelta(seconds=wait))


@dataclass(frozen=True)
class Try:
    """One try under way: which buckets it was counted in, and what they were before. `guarded`: only a recovery code
    lets it in. `device`: the known device it comes from, if it does."""

    account: bytes
    pair: bytes
    source: bytes | None
    before: Bucket
    guarded: bool
    device: str | None


def device_of(service: Any, account: bytes, token: str | None) -> bytes | None:
    """The id in a device token that we made for this account; None for any other. Nothing is looked up: whether it is
    still good is in the database."""
    if token is None or not token.startswith(PREFIX):
        return None
    try:
        raw = base64.b64decode(token.removeprefix(PREFIX), altchars=b"-_", validate=True)
    except ValueError:
        return None
    return (
        raw[:16]
        if len(raw) == 48 and compare_digest(raw[16:], service.throttle_tag(b"token", account, raw[:16]))
        else None
    )


def begin(db: "Workspace", account: bytes, network: bytes, token: str | None, *, recovering: bool) -> Try:
    """Count a try as failed before anything is looked at, so that tries sent at once are counted too; `failed`,
    `succeeded` or `undone` says how it ended. Raises Spent. `account`: a tag of what was typed."""
    tag, device = db.vault.service.throttle_tag, None
    if device_of(db.vault.service, account, token) and db.rows(
        _DEVICE, token_hash=_hash(token), account=account, at=db.now
    ):
        device = token
    source = None if device else tag(b"source", network)
    guarded = device is None and (
        _within_a_week(db, b"account", account) >= GUARDED or _within_a_week(db, b"codes", account) >= MOST_CODES
    )
    if guarded and not recovering:
        raise Spent("sign-in-guarded", timedelta(seconds=LONGEST_WAIT))
    if source is not None:
        _count_source(db, source)
    pair = tag(b"device", _hash(device)) if device else tag(b"pair", account, network)
    before = _locked(db, pair)
    if before.open_at > db.now:
        raise Spent("rate-limited", before.open_at - db.now)
    _keep(db, pair, before.after_failure(db.now))
    return Try(account, pair, source, before, guarded, device)


def failed(db: "Workspace", tried: Try, weight: int = 1) -> bool:
    """It failed: one more in a row for the account. True when with it the account is guarded from now on."""
    bucket = db.vault.service.throttle_tag(b"account", tried.account)
    row = _locked(db, bucket)
    stale = db.now - row.began_at > KEPT
    so_far = 0 if stale else row.failures
    _keep(db, bucket, Bucket(so_far + weight, 0, db.now, row.open_at))
    return so_far < GUARDED <= so_far + weight


def wrong_code(db: "Workspace", tried: Try) -> bool:
    """The password was right and the second factor wrong. True when it has been so three times in a week; said once in
    it. A sign-in that succeeds does not begin it anew: its owner's own would hide whoever else tries."""
    bucket = db.vault.service.throttle_tag(b"codes", tried.account)
    row = _locked(db, bucket)
    over = db.now - row.began_at > KEPT
    so_far, began_at = (0, db.now) if over else (row.failures, row.began_at)
    _keep(db, bucket, Bucket(so_far + 1, 0, began_at, row.open_at))
    return so_far + 1 == WRONG_CODES


def shown_again(db: "Workspace", session_id: UUID) -> bool:
    """Somebody signed in shows a code or her password once more: one try more in this session, wrong until `not_wrong`
    says otherwise. True when it is the last one, and the session ends unless it is right. Raises Unauthenticated when
    there was a last one already."""
    bucket = db.vault.service.throttle_tag(b"session", session_id.bytes)
    row = _locked(db, bucket)
    if row.failures >= MOST_IN_SESSION:
        raise Unauthenticated("session-ended")
    _keep(db, bucket, replace(row, failures=row.failures + 1))
    return row.failures + 1 == MOST_IN_SESSION


def not_wrong(db: "Workspace", session_id: UUID) -> None:
    """What was shown again in this session was right, or nothing was found out."""
    _give_back(db, db.vault.service.throttle_tag(b"session", session_id.bytes))


def undone(db: "Workspace", tried: Try) -> None:
    """Nothing was found out: it was no failure."""
    if tried.source is not None:
        _give_back(db, tried.source)
    now = _locked(db, tried.pair)
    counted = tried.before.after_failure(db.now)
    if now.waits == counted.waits and counted.waits > tried.before.waits:
        _keep(db, tried.pair, tried.before)
    else:
        _keep(db, tried.pair, replace(now, failures=max(now.failures - 1, 0)))


def succeeded(db: "Workspace", tried: Try, *, known: bool) -> str | None:
    """She got in: her counts begin anew. With `known` the device is one of hers from now on; its token."""
    if tried.source is not None:
        _give_back(db, tried.source)
    db.change(_DROP, bucket=tried.pair)
    db.change(_DROP, bucket=db.vault.service.throttle_tag(b"account", tried.account))
    if not known:
        return None
    token = tried.device or _new_token(db, tried.account)
    expires = db.now + DEVICE_LIFE
    if not db.insert(_ADD_DEVICE, [{"token_hash": _hash(token), "account": tried.account, "expires_at": expires}]):
        db.change(_PROLONG, token_hash=_hash(token), expires_at=expires)
    db.change(_TOO_MANY, account=tried.account)
    return token


def forget_account(db: "Workspace", account: bytes) -> None:
    """A new beginning for an account, by somebody who knows her: nothing counted, no device known. In the platform's
    unit."""
    forget_passwords(db, account)
    db.change(_DROP, bucket=db.vault.service.throttle_tag(b"codes", account))


def forget_passwords(db: "Workspace", account: bytes) -> None:
    """As `forget_account`, but wrong codes stay counted: whoever reads her mail must not try on and on by links."""
    db.change(_DROP, bucket=db.vault.service.throttle_tag(b"account", account))
    db.change(_FORGET_DEVICES, account=account)


def forget_old(db: "Workspace") -> int:
    """Drop counts nobody added to for a week, and devices that ran out. Returns how many. The platform's chore."""
    return db.change(_FORGET, before=db.now - KEPT) + db.change(_RAN_OUT, before=db.now)


def _within_a_week(db: "Workspace", name: bytes, account: bytes) -> int:
    found = db.rows(_LOOK, bucket=db.vault.service.throttle_tag(name, account))
    return found[0].failures if found and db.now - found[0].began_at <= KEPT else 0


def _count_source(db: "Workspace", source: bytes) -> None:
    row = _locked(db, source)
    over = db.now - row.began_at > SOURCE_WINDOW
    failures, began_at = (0, db.now) if over else (row.failures, row.began_at)
    if failures >= SOURCE_MOST:
        raise Spent("rate-limited", began_at + SOURCE_WINDOW - db.now)
    _keep(db, source, Bucket(failures + 1, 0, began_at, row.open_at))


def _give_back(db: "Workspace", bucket: bytes) -> None:
    row = _locked(db, bucket)
    _keep(db, bucket, replace(row, failures=max(row.failures - 1, 0)))


def _locked(db: "Workspace", bucket: bytes) -> Bucket:
    """The count, locked until the unit ends; begun if it is not there. Buckets are taken in one order: network, then
    account and network, then account, then its wrong codes; a session's stands last."""
    row = {"bucket": bucket, "began_at": db.now, "open_at": db.now, "touched_at": db.now}
    for _ in range(5):  # somebody who got in may take the row away between the two
        db.insert(_ADD, [row])
        if found := db.rows(_LOCK, bucket=bucket):
            return Bucket(found[0].failures, found[0].waits, found[0].began_at, found[0].open_at)
    raise Unavailable


def _keep(db: "Workspace", bucket: bytes, now: Bucket) -> None:
    counts = {"failures": now.failures, "waits": now.waits}
    db.change(_SET, bucket=bucket, began_at=now.began_at, open_at=now.open_at, at=db.now, **counts)


def _new_token(db: "Workspace", account: bytes) -> str:
    device_id = secrets.token_bytes(16)
    mac = db.vault.service.throttle_tag(b"token", account, device_id)
    return PREFIX + base64.urlsafe_b64encode(device_id + mac).decode()


def _hash(token: str | None) -> bytes:
    return sha256((token or "").encode()).digest()


_T, _D = columns(SignInThrottle), columns(KnownDevice)
_BUCKET: Any = sa.bindparam("bucket", required=True)
_TOKEN: Any = sa.bindparam("token_hash", required=True)
_ACCOUNT: Any = sa.bindparam("account", required=True)
_ADD, _ADD_DEVICE = Insert(SignInThrottle, unless_there=True), Insert(KnownDevice, unless_there=True)
_COUNTS = sa.select(_T.failures, _T.waits, _T.began_at, _T.open_at).where(_T.bucket == _BUCKET)
_LOOK, _LOCK = Query(_COUNTS), Query(_COUNTS.with_for_update())
_SET = Change(
    sa.update(table_of(SignInThrottle))
    .where(_T.bucket == _BUCKET)
    .values(
        failures=sa.bindparam("failures", type_=sa.Integer, required=True),
        waits=sa.bindparam("waits", type_=sa.Integer, required=True),
        began_at=sa.bindparam("began_at", type_=INSTANT, required=True),
        open_at=sa.bindparam("open_at", type_=INSTANT, required=True),
        touched_at=sa.bindparam("at", type_=INSTANT, required=True),
    )
)
_DROP = Change(sa.delete(table_of(SignInThrottle)).where(_T.bucket == _BUCKET))
_BEFORE: Any = sa.bindparam("before", type_=INSTANT, required=True)
_FORGET = Change(sa.delete(table_of(SignInThrottle)).where(_T.touched_at < _BEFORE))
_RAN_OUT = Change(sa.delete(table_of(KnownDevice)).where(_D.expires_at < _BEFORE))
_DEVICE = Query(
    sa.select(_D.expires_at).where(
        _D.token_hash == _TOKEN,
        _D.account == _ACCOUNT,
        _D.expires_at > sa.bindparam("at", type_=INSTANT, required=True),
    )
)
_PROLONG = Change(
    sa.update(table_of(KnownDevice))
    .where(_D.token_hash == _TOKEN)
    .values(expires_at=sa.bindparam("expires_at", type_=INSTANT, required=True))
)
_FORGET_DEVICES = Change(sa.delete(table_of(KnownDevice)).where(_D.account == _ACCOUNT))
_newest = table_of(KnownDevice).alias("newest")
_TOO_MANY = Change(
    sa.delete(table_of(KnownDevice)).where(
        _D.account == _ACCOUNT,
        _D.token_hash.not_in(
            sa.select(_newest.c.token_hash)
            .where(_newest.c.agency_id == PLATFORM, _newest.c.account == _ACCOUNT)
            .order_by(_newest.c.expires_at.desc())
            .limit(MOST_DEVICES)
        ),
    )
)
