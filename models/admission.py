"""Integrations coming in: a secret for a token, a token for whom it stands for now, and from where they may ask."""

import hmac
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import TYPE_CHECKING, Any
from uuid import UUID

import sqlalchemy as sa

from models.access import Actor, Kind, Scope
from models.base import ID, columns, table_of
from models.errors import Forbidden, Unauthenticated
from models.integration import Integration, IntegrationSecret, scopes_of
from models.ledger.action import Action
from models.rows import Query
from models.spelling import hashed
from models.vault.keys import KeyTurn

if TYPE_CHECKING:
    from models.workspace import Workspace

_I, _S, _T = columns(Integration), columns(IntegrationSecret), columns(KeyTurn)
_WHO = Query(
    sa.select(
        _S.integration_id,
        _S.secret_hash,
        _S.expires_at,
        _S.revoked_at,
        _I.expires_at.label("ends_at"),
        _I.suspended_at,
        _I.scopes,
        _I.networks,
        _I.terms_tag,
        _T.turn,
    )
    .join_from(
        table_of(IntegrationSecret),
        table_of(Integration),
        sa.and_(_I.agency_id == _S.agency_id, _I.id == _S.integration_id),
    )
    .join(table_of(KeyTurn), _T.agency_id == _S.agency_id)
    .where(_S.id == sa.bindparam("secret_id", type_=ID, required=True))
)
_THERE = Query(sa.select(_I.id).where(_I.id == sa.bindparam("integration_id", type_=ID, required=True)))
_TERMS = Query(sa.select(_I.terms_tag).where(_I.id == sa.bindparam("integration_id", type_=ID, required=True)))


@dataclass(frozen=True)
class Admitted:
    """What a token is made for: the scopes asked for, or all that are granted."""

    scopes: frozenset[Scope]


def sign_in(db: "Workspace", integration_id: UUID, secret_id: UUID, secret: str, asked: str | None) -> "Admitted | str":
    """Give an integration in, before anybody is known: what its token may say, or RFC 6749's word for the refusal
    (`invalid_client`, `invalid_scope`). A refusal of one we know is an entry; of one nobody knows, nothing is."""
    found = db.rows(_WHO, secret_id=secret_id)
    row = found[0] if found and found[0].integration_id == integration_id else None
    hers = row is not None and hmac.compare_digest(hashed(secret), row.secret_hash)
    if row is None or not hers or not _alive(db, row) or not permitted(row.networks, db.origin.ip):
        return _refused(db, integration_id, "invalid_client")
    db.keys.at_turn(row.turn)
    granted = scopes_of(row.scopes)
    try:
        wanted = granted if asked is None else scopes_of(asked)
    except ValueError:
        wanted = frozenset()
    if not wanted or not wanted <= granted:
        return _refused(db, integration_id, "invalid_scope")
    db.become(_actor(db, integration_id, secret_id, wanted))
    db.note(Action.INTEGRATION_ADMITTED, "integrations", [integration_id])
    secret_row = db.claim(IntegrationSecret, secret_id)
    secret_row.last_used_at = db.now
    db.record(Action.INTEGRATION_ADMITTED, secret_row)
    return Admitted(wanted)


def _refused(db: "Workspace", integration_id: UUID, why: str) -> str:
    """Somebody was refused as this integration: an entry, if there is one."""
    if db.rows(_THERE, integration_id=integration_id):
        db.become(Actor.system(db.agency_id, kind=Kind.DOOR))
        db.outcome = why.replace("_", "-")
        db.note(Action.INTEGRATION_REFUSED, "integrations", [integration_id])
    return why


def caller(db: "Workspace", integration_id: UUID, secret_id: UUID, scopes: frozenset[Scope]) -> Actor:
    """Whom a verified token of an integration stands for now: one indexed query, as for people. Raises Unauthenticated
    when it, its secret or its time is over; Forbidden, and the log says so, when it asks from elsewhere."""
    found = db.rows(_WHO, secret_id=secret_id)
    if not found or found[0].integration_id != integration_id or not _alive(db, found[0]):
        raise Unauthenticated
    row = found[0]
    db.keys.at_turn(row.turn)
    actor = _actor(db, integration_id, secret_id, scopes & scopes_of(row.scopes))
    if not permitted(row.networks, db.origin.ip):
        db.become(actor)
        raise Forbidden
    return actor


def _alive(db: "Workspace", row: Any) -> bool:
    over = row.ends_at is not None and db.now >= row.ends_at
    return row.revoked_at is None and row.suspended_at is None and db.now < row.expires_at and not over


def _actor(db: "Workspace", integration_id: UUID, secret_id: UUID, scopes: frozenset[Scope]) -> Actor:
    """The secret stands where a person's session does: after a theft one can ask what was reached with it."""
    known = {"kind": Kind.INTEGRATION, "auth": "client_secret", "session_id": secret_id}
    return Actor(db.agency_id, integration_id, scopes=scopes, **known)  # type: ignore[arg-type]


def terms_of(db: "Workspace") -> bytes:
    """The tag of the recipient and the purpose the caller stands for."""
    tag: bytes = db.one(_TERMS, integration_id=db.actor.id).terms_tag
    return tag


def networks_of(text: str) -> "tuple[IPv4Network | IPv6Network, ...]":
    """A text of networks, read. ValueError for what is none, or names one machine as if it were a network."""
    return tuple(ip_network(part) for part in text.split())


_networks = lru_cache(maxsize=1024)(networks_of)


def permitted(networks: str, ip: str | None) -> bool:
    """Whether an address lies in one of these networks. A network of everything asks for no address at all."""
    allowed = _networks(networks)
    if any(network.prefixlen == 0 for network in allowed):
        return True
    try:
        address = ip_address(ip or "")
    except ValueError:
        return False
    if isinstance(address, IPv6Address) and address.ipv4_mapped:
        address = address.ipv4_mapped
    return any(address in network for network in allowed)
