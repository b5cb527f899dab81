"""What asks for a fresh second factor, operation by operation: seven words, what they mean here, and what is beyond."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

from models.access import STEP_UP, WHILE_UNREVIEWED, Actor, Permission, Reach, Role
from tests.conftest import Api
from tests.factories import Operation, operations

#: "A factor not older than ten minutes for break-glass, export, release, member, factor, key and webhook changes":
#: in which addresses each is found. What is written there asks, and what is read through an export.
WORDS: dict[str, tuple[str, ...]] = {
    "break-glass": ("/break-glass",),
    "export": ("/export",),
    "release": ("/releases",),
    "member": ("/users", "/invitations", "/identities", "/integrations", "/sso/provider", "/teams"),
    "factor": ("second-factor", "/recovery-codes"),
    "key": ("/keys", "/secrets", "/canaries"),
    "webhook": ("/webhooks",),
}
#: Found by a word, and free all the same: it takes away, or is the showing itself.
FREE: dict[str, str] = {
    "DELETE /v1/integrations/{integration_id}/secrets/{secret_id}": "takes a way in away",
    "DELETE /v1/invitations/{invitation_id}": "takes a way in away",
    "DELETE /v1/second-factor-resets/{reset_id}": "stops a reset",
    "DELETE /v1/teams/{team_id}": "nobody is in it",
    "PATCH /v1/teams/{team_id}": "a name; who is in a team is a change of the person",
    "POST /v1/teams": "nobody is in it",
    "PUT /v1/break-glass/{glass_id}/return": "ends it",
    "PUT /v1/integrations/{integration_id}/suspension": "takes a way in away",
    "PUT /v1/releases/{release_id}/revocation": "taking back works at once",
    "PUT /v1/sessions/current/second-factor": "is the showing",
    "PUT /v1/users/{user_id}/caseload-handover": "a supervisor's daily work, as every handover",
}
#: No word's, and asked for all the same.
BEYOND: dict[str, str] = {
    "DELETE /v1/clients/{client_id}/restriction": "the second step of two people",
    "DELETE /v1/sessions/{session_id}": "a stolen session must not end the owner's",
    "GET /v1/canaries": "whoever knows them walks around them",
    "PATCH /v1/agency": "says who needs a second factor",
    "PUT /v1/destructions/{destruction_id}/approval": "the second step of two people",
    "PUT /v1/legal-holds/{hold_id}/lifting": "the second step of two people",
    "PUT /v1/walls/{wall_id}/approval": "the second step of two people",
    "PUT /v1/walls/{wall_id}/lifting/approval": "the second step of two people",
}
#: What keeps an account its owner's, whatever she owes: a break-glass nobody reviewed takes none of it away.
HER_OWN = frozenset(
    {Permission.FACTOR_KEEP, Permission.FACTOR_PROVE, Permission.FACTOR_UPDATE, Permission.IDENTITY_LINK}
    | {Permission.PASSWORD_CHANGE, Permission.SESSION_END, Permission.SESSION_READ, Permission.SESSION_REVOKE}
    | {Permission.ME_READ, Permission.NOTICE_READ}
)

_NOBODY = Actor.nobody(UUID(int=1))


def _named(operation: Operation) -> bool:
    writes = operation.method != "GET"
    found = {word for word, parts in WORDS.items() if any(part in operation.path for part in parts)}
    return bool(found) and (writes or "export" in found)


def test_every_operation_asks_as_the_words_say(api: Api) -> None:
    """Nothing more and nothing less; a webhook or an export that comes later asks, or stands above with its reason."""
    walked = [operation for operation in operations(api.client.app) if operation.permission]
    named = {operation.name for operation in walked if _named(operation)}
    assert {operation.name for operation in walked if operation.permission in STEP_UP} == (named - {*FREE}) | {*BEYOND}
    assert named >= {*FREE}, "nothing that no word finds has to be freed"
    assert not named & {*BEYOND}


def test_an_unreviewed_break_glass_leaves_her_account_hers() -> None:
    """She proves and keeps her factor, changes her password and signs out, with whatever role; and what she reads is
    what she is assigned to."""
    for role in (Role.ADVOCATE, Role.SUPERVISOR, Role.AGENCY_ADMIN):
        person = Actor(agency_id=_NOBODY.agency_id, id=_NOBODY.id, roles=frozenset({role}), unreviewed=True)
        assert not [permission for permission in HER_OWN if not person.may(permission)]
        assert person.reach(Permission.CLIENT_READ) in (Reach.NONE, Reach.ASSIGNED)
        assert not [permission for permission in STEP_UP - HER_OWN if person.may(permission)]
    assert HER_OWN <= WHILE_UNREVIEWED


def test_ten_minutes_are_ten_minutes() -> None:
    """To the second; a session that needs none has nothing to show."""
    now = datetime.now(UTC)
    for age, asks in ((timedelta(minutes=10), False), (timedelta(minutes=10, microseconds=1), True)):
        person = Actor(_NOBODY.agency_id, _NOBODY.id, roles=frozenset({Role.AGENCY_ADMIN}), factor_at=now - age)
        assert person.must_prove(Permission.WALL_APPROVE, now) is asks
        assert not person.must_prove(Permission.WALL_PROPOSE, now)
    assert not Actor(_NOBODY.agency_id, _NOBODY.id).must_prove(Permission.WALL_APPROVE, now)
