"""Programs of other organisations, entered behind the routes, and what they do: get a token, ask, be refused."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from models.access import Scope
from models.integration import Integration
from models.workspace import Workspace
from tests.world import World

RECIPIENT, PURPOSE = "Legal Aid of Harbor County", "Asking for a protection order"
ANYWHERE = ("0.0.0.0/0",)


@dataclass(frozen=True)
class Partner:
    """An integration with one secret."""

    agency_id: UUID
    id: UUID
    secret_id: UUID
    client_id: str
    secret: str

    def form(self, **more: str) -> dict[str, str]:
        """What it sends for a token, with everything in the body."""
        known = {"grant_type": "client_credentials", "client_id": self.client_id, "client_secret": self.secret}
        return {name: value for name, value in (known | more).items() if value}

    def token(self, tokens: Any, scopes: Iterable[Scope] = Scope) -> str:
        """A token as the endpoint would give it, without asking."""
        made: str = tokens.issue_to_integration(self.agency_id, self.id, self.secret_id, frozenset(scopes))
        return made


def enter(
    world: World,
    agency: str = "Harbor",
    recipient: str = RECIPIENT,
    purpose: str = PURPOSE,
    scopes: Iterable[Scope] = Scope,
    networks: Iterable[str] = ANYWHERE,
) -> Partner:
    """A new integration and its secret."""

    def work(db: Workspace) -> Partner:
        made = Integration.enter(db, recipient, purpose, scopes, list(networks), None)
        secret, text = made.new_secret(db, db.now + timedelta(days=30))
        return Partner(db.agency_id, made.id, secret.id, made.client_id, text)

    return world.system(work, agency)
