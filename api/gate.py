"""Who comes in: bearer token → session → actor → Workspace. The only way a route gets to the database (law 1)."""

from collections.abc import Callable, Sequence
from typing import Annotated, Any, TypeVar
from uuid import UUID

from fastapi import Depends
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from api.lane import Lane
from api.limits import Meter
from api.oidc import Providers
from api.passwords import Passwords
from api.tokens import Claims, Tokens
from models.access import PLATFORM, Actor, Kind, Permission
from models.admission import caller
from models.database import Unit
from models.errors import Unauthenticated
from models.ledger.book import Origin
from models.session import actor_of
from models.workspace import Workspace

T = TypeVar("T")

_bearer = HTTPBearer(
    bearerFormat="JWT", scheme_name="access_token", description="The access_token of POST /v1/sessions."
)


class Can:
    """`db: Annotated[Workspace, Can(Permission.X)]` - the route's only door to the rows.

    A sync route gets a Workspace inside the lane; an `async` one, for work that must happen outside it (argon2), an
    Errand with which it runs its units. Both check the session and the permission in the unit's own transaction.
    """

    def __new__(cls, permission: Permission) -> Any:
        """A dependency FastAPI can document; api/door.py recognises the Gate in it."""
        return Depends(Gate(permission))


class Gate:
    """The permission a route names."""

    def __init__(self, permission: Permission) -> None:
        self.permission = permission

    def __call__(self, token: Annotated[HTTPAuthorizationCredentials, Depends(_bearer)]) -> Any:
        """Never called: declared so that the contract says which token is needed."""
        raise RuntimeError("this route does not go through api/door.py")


class Anyone:
    """`front: Annotated[Front, Anyone()]` - a route of the short public list: it works before anybody is known."""

    def __new__(cls) -> Any:
        """A dependency FastAPI can document; api/door.py recognises the OpenDoor in it."""
        return Depends(OpenDoor())


class OpenDoor:
    """Marks a public route."""

    def __call__(self) -> Any:
        """Never called."""
        raise RuntimeError("this route does not go through api/door.py")


class Front:
    """What a public route works with: the lane, passwords, tokens, where the request came from, and what it costs."""

    def __init__(
        self, lane: Lane, passwords: Passwords, tokens: Tokens, origin: Origin, meter: Meter, providers: Providers
    ) -> None:
        self._lane, self.passwords, self.tokens, self.origin, self.meter = lane, passwords, tokens, origin, meter
        self.providers = providers

    async def as_platform(self, work: Callable[[Workspace], T]) -> T:
        """A unit that sees the platform's own rows and who signs in where, no agency's content."""
        return await self.as_system(PLATFORM, work)

    async def as_nobody(self, agency_id: UUID, work: Callable[[Workspace], T]) -> T:
        """A unit inside one agency for a caller who says in it who she is; until then nothing of clients is there."""
        return await self._lane.run(Unit(agency_id, work, self.origin))

    async def as_person(
        self, agency_id: UUID, user_id: UUID, work: Callable[[Workspace], T], auth: str = "password"
    ) -> T:
        """A unit for a person who has just proved who she is (by `auth`), with no rights yet but to be signed in."""

        def known(db: Workspace) -> T:
            db.become(Actor(agency_id, user_id, auth=auth))
            return work(db)

        return await self._lane.run(Unit(agency_id, known, self.origin))

    async def as_system(self, agency_id: UUID, work: Callable[[Workspace], T]) -> T:
        """A unit inside one agency before anybody is signed in there."""

        def known(db: Workspace) -> T:
            db.become(Actor.system(agency_id, kind=Kind.DOOR))
            return work(db)

        return await self._lane.run(Unit(agency_id, known, self.origin))


class Errand:
    """An `async` route's way to the rows: units of work for the person who asks, each checked anew."""

    def __init__(self, front: Front, lane: Lane, claims: Claims, permission: Permission) -> None:
        self.front, self.passwords, self.claims, self.meter = front, front.passwords, claims, front.meter
        self.providers = front.providers
        self._lane, self._origin, self._permission = lane, front.origin, permission
        self.actor: Actor | None = None

    async def run(self, work: Callable[[Workspace], T], named: Sequence[UUID] = ()) -> T:
        """One unit. `named`: the ids asked for, for the entry of a denial."""

        def admitted(db: Workspace) -> T:
            admit(db, self.claims, self._permission)
            self.actor = db.actor
            return work(db)

        turn = self.claims.agency_id, self.claims.user_id
        return await self._lane.run(Unit(self.claims.agency_id, admitted, self._origin, named, turn))


def bearer(header: str | None, tokens: Tokens) -> Claims:
    """The claims of an Authorization header. Raises Unauthenticated."""
    scheme, _, token = (header or "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise Unauthenticated
    return tokens.verify(token.strip())


def admit(db: Workspace, claims: Claims, permission: Permission) -> None:
    """Let the person or integration behind verified claims in, with one permission. Raises Unauthenticated,
    Forbidden."""
    if claims.scopes is None:
        actor = actor_of(db, claims.session_id, claims.user_id)
    else:
        actor = caller(db, claims.user_id, claims.session_id, claims.scopes)
    db.become(actor, permission)
