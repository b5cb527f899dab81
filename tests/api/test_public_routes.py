"""The routes that work before anybody is known: whatever agency or link is named, a clean refusal, and no entry of it."""

import base64
from typing import Any
from uuid import UUID, uuid4

import pytest
import sqlalchemy as sa

from models import links
from models.access import PLATFORM, Actor, Kind
from models.base import table_of
from models.errors import NotFound
from models.password_reset import PasswordReset
from models.user import User
from tests.api.contract import good
from tests.conftest import Api
from tests.factories import behind, entry_count, operations
from tests.links import invited, token_of
from tests.postgres import Urls
from tests.world import PASSWORD, World

OWN = "nine herons over still water"
NOWHERE = UUID("00000000-0000-4000-8000-000000000001")


def spelt(*parts: UUID | bytes) -> str:
    """Bytes as our tokens spell them."""
    raw = b"".join(part.bytes if isinstance(part, UUID) else part for part in parts)
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def garbage(prefix: str, agency: UUID) -> list[str]:
    """Tokens in the form of one kind that nobody ever made."""
    return [
        prefix + spelt(agency, uuid4(), b"s" * 32),
        prefix + spelt(agency, agency, bytes(32)),
        prefix + spelt(agency, UUID(int=0), b"\xff" * 32),
        prefix + spelt(agency, uuid4(), b"s" * 31),
        prefix + "A" * 86,
        prefix + "A" * 87,
        prefix + "=" * 40,
        prefix + "\u0000" * 40,
        prefix + "\u00e9" * 40,
        prefix + "x" * 30,
    ]


#: Every public operation that names an agency or a link, how a request with such a token looks, and what refuses it.
TOKENS: dict[str, tuple[str, Any]] = {
    "POST /v1/invitations/acceptance": (
        "link-invalid",
        lambda token: {"token": token, "display_name": "Noor", "password": OWN},
    ),
    "POST /v1/password-resets/completion": ("link-invalid", lambda token: {"token": token, "password": OWN}),
    "POST /v1/sessions/refresh": ("session-ended", lambda token: {"refresh_token": token}),
    "POST /v1/sso/sessions": ("sso-refused", lambda token: {"code": "x", "state": token, "browser_secret": "x"}),
    "POST /v1/setup": (
        "setup-link-invalid",
        lambda token: {
            "token": token, "agency_name": "Cedar", "time_zone": "America/New_York", "email": "rowan@cedar.example",
            "display_name": "Rowan", "password": OWN,
        },
    ),
}  # fmt: skip
#: The others: they name an address, an agency in the open, or a client id, and are walked below.
OTHERS = {"POST /v1/sessions", "POST /v1/password-resets", "POST /v1/sso/authorization", "POST /v1/oauth/token"}
PREFIXES = (links.INVITATION, links.RESET, "wpr_", "wps_", "wpd_", "wpt_", "")


def test_every_public_operation_is_walked_here(api: Api) -> None:
    """A new one is added above."""
    public = {o.name for o in operations(api.client.app) if o.permission is None}
    assert public == set(TOKENS) | OTHERS


@pytest.mark.parametrize("operation", sorted(TOKENS))
def test_tokens_nobody_made(api: Api, urls: Urls, operation: str) -> None:
    """Of no agency, of the platform, of one that is there; of every other kind; cut, long, of odd characters: refused
    alike, and strangers leave nothing in any log."""
    code, body = TOKENS[operation]
    before, told, number = entry_count(urls), set(), 0
    for agency in (NOWHERE, PLATFORM, api.world.agency_id()):
        for prefix in PREFIXES:
            for token in garbage(prefix, agency):
                number += 1
                stranger = api.at(f"198.{number // 250}.{number % 250}.7")
                answer = stranger.post(None, operation.removeprefix("POST "), body(token))
                assert answer.status_code in (401, 404, 410, 422), (token, answer.text)
                assert token not in answer.text
                if answer.status_code != 422:
                    assert answer.json()["code"] == code, (token, answer.text)
                    told.add(answer.text.replace(answer.headers["x-request-id"], "-"))
    assert len(told) == 1
    assert entry_count(urls) == before


def test_links_of_other_kinds(api: Api, urls: Urls) -> None:
    """A living link of one kind opens nothing of another, under its own name or under the other's, and stays good."""
    ben = api.world.people["ben"].actor.id
    invitation = token_of(invited(api)["link"])
    reset = token_of(good(api.post("ada", f"/v1/users/{ben}/password-reset"), 201)["link"])
    signed_in = api.post(None, "/v1/sessions", {"email": "ana@harbor.example", "password": PASSWORD})
    refresh = good(signed_in, 201)["refresh_token"]
    alive = {links.INVITATION: invitation, links.RESET: reset, "wpr_": refresh}
    own = {
        "POST /v1/invitations/acceptance": links.INVITATION,
        "POST /v1/password-resets/completion": links.RESET,
        "POST /v1/sessions/refresh": "wpr_",
    }
    before, number = entry_count(urls), 0
    for operation, (code, body) in TOKENS.items():
        for kind, token in alive.items():
            for prefix in PREFIXES:
                shown = prefix + token.removeprefix(kind)
                if own.get(operation) == kind == prefix:
                    continue
                number += 1
                answer = api.at(f"198.51.{number}.7").post(None, operation.removeprefix("POST "), body(shown))
                assert answer.status_code in (401, 404, 410), (operation, kind, prefix, answer.text)
                assert answer.json()["code"] == code
    assert entry_count(urls) == before
    for operation, kind in own.items():
        answer = api.post(None, operation.removeprefix("POST "), TOKENS[operation][1](alive[kind]))
        assert answer.status_code in (200, 201, 204), (operation, answer.text)


def test_agencies_nobody_founded(api: Api, urls: Urls) -> None:
    """Named in the open or in an integration's id: unknown, and not in a log."""
    before = entry_count(urls)
    secret = "wpt_" + "0" * 32 + "_" + "0" * 43 + "_000000"
    for number, agency in enumerate((NOWHERE, PLATFORM, api.world.agency_id("Lighthouse"))):
        stranger = api.at(f"198.51.{number}.7")
        answer = stranger.post(None, "/v1/sso/authorization", {"agency": str(agency)})
        assert (answer.status_code, answer.json()["code"]) == (404, "not-found")
        form = {
            "grant_type": "client_credentials", "client_id": f"wpi_{agency.hex}{uuid4().hex}", "client_secret": secret,
        }  # fmt: skip
        answer = stranger(None, "POST", "/v1/oauth/token", data=form)
        assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")
    assert entry_count(urls) == before


def test_a_link_of_somebody_who_is_gone(api: Api, urls: Urls) -> None:
    """The row behind a living link names nobody who is there: refused as any other."""
    ben = api.world.people["ben"].actor.id
    reset = token_of(good(api.post("ada", f"/v1/users/{ben}/password-reset"), 201)["link"])
    with behind(urls.superuser) as connection:
        connection.execute(sa.update(table_of(PasswordReset)).values(user_id=NOWHERE))
    answer = api.post(None, "/v1/password-resets/completion", {"token": reset, "password": OWN})
    assert (answer.status_code, answer.json()["code"]) == (401, "link-invalid")


def test_a_stranger_who_finds_nothing_is_in_no_log(world: World, urls: Urls) -> None:
    """Before anybody is known, what is not there is not there, whether the agency is or not: one refusal, no entry."""
    before = entry_count(urls)
    for agency in (NOWHERE, world.agency_id(), PLATFORM):
        with pytest.raises(NotFound):
            world.database.transact(Actor.system(agency, kind=Kind.DOOR), lambda db: db.find(User, uuid4()))
    assert entry_count(urls) == before
