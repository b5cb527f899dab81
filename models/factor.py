"""The second factor: something a person has beside her password. Today a code that changes every half minute (TOTP)."""

import hmac
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pyotp
import sqlalchemy as sa
from sqlmodel import Field

from models import recovery
from models.base import ID, AgencyRecord, choice, columns, id_field, instant_field, sealed_column, table_of, within
from models.errors import Conflict, Fault, Forbidden, Invalid, SealError
from models.ledger.action import Action
from models.rows import Change, Query
from models.user import User
from models.vault.sealed import Sealed

if TYPE_CHECKING:
    from models.workspace import Workspace

STEP = 30  # seconds a code is shown
EITHER_WAY = 1  # steps a phone's clock may be off
NO_STEP = -1
_CODE = re.compile(r"[0-9]{6}")


class FactorKind(StrEnum):
    """What sort of thing proves it; passkeys would be another."""

    TOTP = "totp"


class Factor(AgencyRecord, table=True):
    """One thing of one person's. It counts once she has shown that it works: `confirmed_at`.

    The secret is sealed together with whose it is, because a cell is bound to its row and a row could be pointed at
    somebody else. `last_step` is the newest half minute whose code was taken: a code works once.
    """

    __tablename__ = "factors"
    __table_args__ = (
        within("user_id", "users"),
        sa.CheckConstraint("seal_rev > 0", name="sealed"),
        sa.Index("ix_factors_user", "agency_id", "user_id"),
    )
    user_id: UUID = id_field()
    kind: FactorKind = Field(sa_type=choice(FactorKind))
    secret_sealed: bytes | None = sealed_column()
    secret = Sealed[dict[str, str]]()
    created_at: datetime = instant_field()
    confirmed_at: datetime | None = instant_field(default=None)
    last_step: int = Field(default=NO_STEP, sa_type=sa.BigInteger)
    seal_rev: int = 0

    @classmethod
    def enrol(cls, db: "Workspace", user_id: UUID) -> "Factor":
        """A new secret for a person, which counts for nothing until it is confirmed. Begun before and not confirmed is
        forgotten."""
        db.claim(User, user_id)  # two beginnings at once: one after the other
        db.change(_FORGET_BEGUN, user_id=user_id)
        secret = {"user": str(user_id), "secret": pyotp.random_base32()}
        made = db.create(
            cls, Action.FACTOR_BEGUN, user_id=user_id, kind=FactorKind.TOTP, secret=secret, created_at=db.now
        )
        db.flush()
        return made

    @property
    def text(self) -> str:
        """The secret in base32. Told to her alone, and only before she confirms it: the reading is in the ledger."""
        return _of(self.user_id, self.secret)

    def uri(self, account: str) -> str:
        """What authenticator apps read (otpauth://), named after the service and the account."""
        return pyotp.TOTP(self.text, interval=STEP).provisioning_uri(name=account, issuer_name="Waypost")

    def takes(self, db: "Workspace", code: str) -> bool:
        """Whether the code is right now. It is taken: the same one, and older ones, are refused from here on."""
        step = _step(_of(self.user_id, Factor.secret.open(self)), code, int(db.now.timestamp()) // STEP)
        return step is not None and bool(db.change(_TAKE, factor_id=self.id, step=step))


@dataclass(frozen=True)
class Standing:
    """What a person has: whether a confirmed factor, and how many unused recovery codes."""

    enrolled: bool
    codes_left: int


def confirm(db: "Workspace", user_id: UUID, code: str) -> list[str]:
    """The secret begun last counts from now on, in place of any older one. Returns ten new recovery codes, to be shown
    once. Conflict('no-enrolment') when none was begun, Invalid when the code does not fit."""
    db.claim(User, user_id)
    begun = _of_person(db, user_id, confirmed=False)
    if begun is None:
        raise Conflict("no-enrolment")
    factor = db.claim(Factor, begun.id)
    if not factor.takes(db, code):
        raise Invalid(Fault("/totp_code", "totp-code", ""))
    db.change(_FORGET_CONFIRMED, user_id=user_id)
    db.change(_CONFIRM, factor_id=factor.id, at=db.now)
    db.note(Action.FACTOR_CONFIRMED, "users", [user_id])
    return recovery.renew(db, user_id)


def confirmed(db: "Workspace", user_id: UUID) -> "Factor | None":
    """A person's factor, if she has one that counts."""
    return _of_person(db, user_id, confirmed=True)


def _of_person(db: "Workspace", user_id: UUID, *, confirmed: bool) -> "Factor | None":
    which = _F.confirmed_at.is_not(None) if confirmed else _F.confirmed_at.is_(None)
    found = db.all(sa.select(Factor).where(_F.user_id == user_id, which).execution_options(populate_existing=True))
    return found[0] if found else None


def proves(db: "Workspace", user_id: UUID, totp: str | None, code: str | None) -> str | None:
    """How she proved it: `totp`, or `recovery`; None when neither is right. What was right is used up."""
    factor = confirmed(db, user_id)
    if factor is None:
        return None
    if code is not None:
        return "recovery" if recovery.use(db, user_id, code) else None
    return "totp" if totp is not None and factor.takes(db, totp) else None


def is_enrolled(db: "Workspace", user_id: UUID) -> bool:
    """Whether a person has a factor that counts."""
    return bool(db.rows(_ENROLLED, user_id=user_id))


def must_be_shown(db: "Workspace") -> None:
    """Forbidden('step-up-required') when the caller has a second factor and this session has not seen it: one opened by
    her identity provider may show it, and change nothing of it before. Her row is held first: another session may be
    confirming one."""
    if db.actor.factor_at is None:
        db.claim(User, db.actor.id)
        if is_enrolled(db, db.actor.id):
            raise Forbidden("step-up-required")


def standing(db: "Workspace", user_id: UUID) -> Standing:
    """What she has now."""
    return Standing(is_enrolled(db, user_id), recovery.left(db, user_id))


def remove(db: "Workspace", user_id: UUID, action: Action) -> bool:
    """Take away a person's factors and recovery codes; whether there were any. `action` says why."""
    db.claim(User, user_id)
    gone = db.change(_FORGET_BEGUN, user_id=user_id) + db.change(_FORGET_CONFIRMED, user_id=user_id)
    recovery.forget(db, user_id)
    if gone:
        db.note(action, "users", [user_id])
    return bool(gone)


def _of(user_id: UUID, sealed: dict[str, str] | None) -> str:
    if sealed is None or not hmac.compare_digest(sealed["user"], str(user_id)):
        raise SealError  # the row was pointed at somebody else
    return sealed["secret"]


def _step(secret: str, code: str, now: int) -> int | None:
    """The half minute whose code this is, within one of now. Every candidate is compared, whichever fits."""
    typed, totp = code.replace(" ", ""), pyotp.TOTP(secret, interval=STEP)
    if not _CODE.fullmatch(typed):
        typed = "x" * 6  # fits nothing, and takes as long
    near: Iterable[int] = range(now - EITHER_WAY, now + EITHER_WAY + 1)
    fits = [step for step in near if hmac.compare_digest(totp.generate_otp(step), typed)]
    return max(fits, default=None)


_F = columns(Factor)
_USER: Any = sa.bindparam("user_id", type_=ID, required=True)
_FACTOR: Any = sa.bindparam("factor_id", type_=ID, required=True)
_AT: Any = sa.bindparam("at", type_=_F.confirmed_at.type, required=True)
_ENROLLED = Query(sa.select(_F.id).where(_F.user_id == _USER, _F.confirmed_at.is_not(None)))
_STEP: Any = sa.bindparam("step", type_=sa.BigInteger, required=True)
_TAKE = Change(sa.update(table_of(Factor)).where(_F.id == _FACTOR, _F.last_step < _STEP).values(last_step=_STEP))
_CONFIRM = Change(sa.update(table_of(Factor)).where(_F.id == _FACTOR).values(confirmed_at=_AT))
_FORGET_BEGUN = Change(sa.delete(table_of(Factor)).where(_F.user_id == _USER, _F.confirmed_at.is_(None)))
_FORGET_CONFIRMED = Change(sa.delete(table_of(Factor)).where(_F.user_id == _USER, _F.confirmed_at.is_not(None)))
