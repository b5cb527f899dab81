"""The caller's own second factor: set it up, confirm it, take it away, and its recovery codes."""

import io
from typing import Annotated
from uuid import UUID

import segno
from fastapi import APIRouter

from api.door import Door
from api.gate import Can, Errand
from api.shapes import Code, In, Out
from models import factor, recovery
from models.access import Permission
from models.errors import Conflict
from models.factor import Factor, FactorKind
from models.factor_reset import close_open
from models.ledger.action import Action
from models.notice import NoticeKind, tell
from models.session import end_sessions, proved, unproved
from models.user import User
from models.workspace import Workspace

router = APIRouter(prefix="/me", tags=["sign-in"], route_class=Door)


class ConfirmationIn(In):
    """The code the authenticator app shows now."""

    totp_code: Code


class SecondFactorOut(Out):
    """What goes into an authenticator app. It counts once it is confirmed with a code."""

    id: UUID
    kind: FactorKind
    secret: str
    """To type in where no picture can be read: base32, six digits, 30 seconds, SHA-1."""
    otpauth_uri: str
    """What the picture says. It holds the secret: keep it nowhere."""
    qr_svg: str
    """The picture, as the text of an SVG image without scripts or links."""

    @classmethod
    def of(cls, db: Workspace, begun: Factor) -> "SecondFactorOut":
        uri = begun.uri(db.find(User, begun.user_id).email or "")
        return cls(id=begun.id, kind=begun.kind, secret=begun.text, otpauth_uri=uri, qr_svg=picture(uri))

    @classmethod
    def again(cls, db: Workspace, row_id: UUID) -> "SecondFactorOut":
        begun = db.find(Factor, row_id)
        if begun.user_id != db.actor.id or begun.confirmed_at is not None:
            raise Conflict("no-enrolment")  # told once is enough
        return cls.of(db, begun)


class RecoveryCodesOut(Out):
    """Ten codes, shown this once. Each lets its owner in one time without her second factor."""

    recovery_codes: list[str]


def picture(uri: str) -> str:
    """A QR code as SVG text."""
    drawn = io.BytesIO()
    segno.make(uri, error="m", micro=False).save(drawn, kind="svg", scale=4, xmldecl=False, svgns=True, nl=False)
    return drawn.getvalue().decode()


@router.post("/second-factor", status_code=201, summary="Begin setting up my second factor")
def create_second_factor(db: Annotated[Workspace, Can(Permission.FACTOR_UPDATE)]) -> SecondFactorOut:
    """A new secret for an authenticator app. What is set up already goes on working until the new one is confirmed."""
    factor.must_be_shown(db)
    return SecondFactorOut.of(db, Factor.enrol(db, db.actor.id))


@router.put("/second-factor/confirmation", summary="Confirm my second factor")
def confirm_second_factor(
    body: ConfirmationIn, db: Annotated[Workspace, Can(Permission.FACTOR_UPDATE)]
) -> RecoveryCodesOut:
    """With the code the app shows now. From here on every sign-in asks for one; all other sessions of the caller end,
    and ten recovery codes are shown."""
    factor.must_be_shown(db)
    codes = factor.confirm(db, db.actor.id, body.totp_code)
    close_open(db, db.actor.id)
    end_sessions(db, db.actor.id, keep=db.actor.session_id)
    if db.actor.session_id is not None:
        proved(db, db.actor.session_id, "totp")
    tell(db, [db.actor.id], NoticeKind.FACTOR_CONFIRMED)
    return RecoveryCodesOut(recovery_codes=codes)


@router.delete("/second-factor/confirmation", status_code=204, summary="Take my second factor away")
def delete_second_factor(db: Annotated[Workspace, Can(Permission.FACTOR_UPDATE)]) -> None:
    """It and the recovery codes work no more; all other sessions of the caller end. Where a second factor is needed,
    this session can do nothing but set up a new one."""
    factor.must_be_shown(db)
    if not factor.remove(db, db.actor.id, Action.FACTOR_REMOVED):
        raise Conflict("no-second-factor")
    close_open(db, db.actor.id)
    end_sessions(db, db.actor.id, keep=db.actor.session_id)
    if db.actor.session_id is not None:
        unproved(db, db.actor.session_id)
    tell(db, [db.actor.id], NoticeKind.FACTOR_REMOVED)


@router.post("/recovery-codes", status_code=201, summary="Make new recovery codes")
async def create_recovery_codes(errand: Annotated[Errand, Can(Permission.FACTOR_UPDATE)]) -> RecoveryCodesOut:
    """Ten new ones; those made before work no more. They are shown this once: sent again, the request makes others."""

    def work(db: Workspace) -> list[str]:
        factor.must_be_shown(db)
        if not factor.is_enrolled(db, db.actor.id):
            raise Conflict("no-second-factor")
        tell(db, [db.actor.id], NoticeKind.RECOVERY_CODES_MADE)
        return recovery.renew(db, db.actor.id)

    return RecoveryCodesOut(recovery_codes=await errand.run(work))
