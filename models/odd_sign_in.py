"""Telling a person of a sign-in that may not have been hers: from a device not seen before."""

from typing import TYPE_CHECKING

import sqlalchemy as sa

from models.base import ID, columns
from models.notice import NoticeKind, tell
from models.rows import Query
from models.session import SignInSession

if TYPE_CHECKING:
    from models.workspace import Workspace

_N = columns(SignInSession)
_ELSEWHERE = Query(
    sa.select(_N.agent, _N.network)
    .where(
        _N.user_id == sa.bindparam("user_id", type_=ID, required=True),
        _N.id != sa.bindparam("session_id", type_=ID, required=True),
    )
    .distinct()
)


def with_password(db: "Workspace", session: SignInSession, *, known: bool) -> None:
    """`known`: the device showed the token it got at an earlier sign-in. Whoever comes in for the first time, with no
    factor yet and no other session, is not told."""
    if not known and (session.factor_at is not None or _others(db, session)):
        _tell(db, session)


def with_provider(db: "Workspace", session: SignInSession) -> None:
    """There are no device tokens on this way: what counts is the kind of device and the network, among all that the
    person signed in from in the last month."""
    if (session.agent, session.network) not in _others(db, session):
        _tell(db, session)


def _others(db: "Workspace", session: SignInSession) -> set[tuple[str | None, str | None]]:
    """From where her other sessions were opened, those that ended too while their rows are kept."""
    found = db.rows(_ELSEWHERE, user_id=session.user_id, session_id=session.id)
    return {(row.agent, row.network) for row in found}


def _tell(db: "Workspace", session: SignInSession) -> None:
    tell(db, [session.user_id], NoticeKind.SIGN_IN_NEW_DEVICE, session.id)
