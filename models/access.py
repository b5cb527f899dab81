"""Who may do what, on one page: roles, permissions, grants and how far each role sees."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import IntEnum, StrEnum
from uuid import UUID

#: The agency of things that belong to no agency: the template library, the set-up link. It has no clients.
PLATFORM = UUID(int=0)


class Role(StrEnum):
    """What a person is at her agency; one person may hold several."""

    ADVOCATE = "advocate"
    AGENCY_ADMIN = "agency_admin"
    AUDITOR = "auditor"
    SUPERVISOR = "supervisor"
    VOLUNTEER = "volunteer"


class Permission(StrEnum):
    """Everything a route can ask for, as `resource:action`."""

    AGENCY_READ = "agency:read"
    AGENCY_UPDATE = "agency:update"
    ASSIGNMENT_CREATE = "assignment:create"
    ASSIGNMENT_END = "assignment:end"
    ASSIGNMENT_READ = "assignment:read"
    AUDIT_READ = "audit:read"
    BREAKGLASS_OPEN = "breakglass:open"
    BREAKGLASS_READ = "breakglass:read"
    BREAKGLASS_RETURN = "breakglass:return"
    BREAKGLASS_REVIEW = "breakglass:review"
    CANARY_CREATE = "canary:create"
    CANARY_READ = "canary:read"
    CASELOAD_READ = "caseload:read"
    CHECKLIST_TICK = "checklist:tick"
    CHECKLIST_UPDATE = "checklist:update"
    CLIENT_CREATE = "client:create"
    CLIENT_READ = "client:read"
    CLIENT_RESTRICT = "client:restrict"
    CLIENT_SEARCH = "client:search"
    CLIENT_UNRESTRICT = "client:unrestrict"
    CLIENT_UPDATE = "client:update"
    COLLEAGUE_READ = "colleague:read"
    CONFLICT_ASK = "conflict:ask"
    CONFLICT_READ = "conflict:read"
    COVER_CREATE = "cover:create"
    COVER_END = "cover:end"
    COVER_READ = "cover:read"
    DESTRUCTION_APPROVE = "destruction:approve"
    DESTRUCTION_PROPOSE = "destruction:propose"
    DESTRUCTION_READ = "destruction:read"
    FACTOR_KEEP = "factor:keep"
    FACTOR_PROVE = "factor:prove"
    FACTOR_READ = "factor:read"
    FACTOR_RESET = "factor:reset"
    FACTOR_UPDATE = "factor:update"
    HISTORY_READ = "history:read"
    HOLD_LIFT = "hold:lift"
    HOLD_PLACE = "hold:place"
    HOLD_READ = "hold:read"
    IDENTITY_LINK = "identity:link"
    IDENTITY_READ = "identity:read"
    INTEGRATION_CREATE = "integration:create"
    INTEGRATION_READ = "integration:read"
    INTEGRATION_SUSPEND = "integration:suspend"
    INTEGRATION_UPDATE = "integration:update"
    INVITATION_READ = "invitation:read"
    INVITATION_REVOKE = "invitation:revoke"
    INVITATION_SEND = "invitation:send"
    ME_READ = "me:read"
    ME_UPDATE = "me:update"
    NOTICE_MARK = "notice:mark"
    NOTICE_READ = "notice:read"
    PASSWORD_CHANGE = "password:change"  # noqa: S105 - a permission's name
    PASSWORD_RESET = "password:reset"  # noqa: S105 - a permission's name
    PLAN_CREATE = "plan:create"
    PLAN_READ = "plan:read"
    PLAN_UPDATE = "plan:update"
    PROVIDER_READ = "provider:read"
    PROVIDER_UPDATE = "provider:update"
    RELEASE_READ = "release:read"
    RELEASE_RECORD = "release:record"
    RELEASE_REVOKE = "release:revoke"
    RELEASED_PLAN = "released:plan"
    RELEASED_READ = "released:read"
    REVIEW_COMPLETE = "review:complete"
    REVIEW_READ = "review:read"
    REVIEW_SCHEDULE = "review:schedule"
    SESSION_END = "session:end"
    SESSION_READ = "session:read"
    SESSION_REVOKE = "session:revoke"
    STAFFING_ANSWER = "staffing:answer"
    STAFFING_ASK = "staffing:ask"
    STAFFING_DROP = "staffing:drop"
    STAFFING_READ = "staffing:read"
    TASK_READ = "task:read"
    TEAM_CREATE = "team:create"
    TEAM_READ = "team:read"
    TEAM_REMOVE = "team:remove"
    TEAM_UPDATE = "team:update"
    TEMPLATE_DRAFT = "template:draft"
    TEMPLATE_PUBLISH = "template:publish"
    TEMPLATE_READ = "template:read"
    USER_READ = "user:read"
    USER_UPDATE = "user:update"
    VOLUNTEER_ASSIGN = "volunteer:assign"
    VOLUNTEER_END = "volunteer:end"
    VOLUNTEER_READ = "volunteer:read"
    WALL_APPROVE = "wall:approve"
    WALL_OWN = "wall:own"
    WALL_PROPOSE = "wall:propose"
    WALL_READ = "wall:read"


class Reach(IntEnum):
    """Which clients' rows a role can see at all. Rows out of reach do not exist for the caller. Within it, walls and
    restrictions take clients away from every person (models/sight.py); EVERYTHING is for the machinery alone."""

    NONE = 0
    SECTIONS = 1
    ASSIGNED = 2
    TEAM = 3
    AGENCY = 4
    EVERYTHING = 5


REACH: dict[Role, Reach] = {
    Role.ADVOCATE: Reach.ASSIGNED,
    Role.AGENCY_ADMIN: Reach.NONE,
    Role.AUDITOR: Reach.NONE,
    Role.SUPERVISOR: Reach.AGENCY,  # of a supervisor in a team: TEAM
    Role.VOLUNTEER: Reach.SECTIONS,  # of plans, given to her one by one (models/volunteer.py)
}

P = Permission
EVERYBODY = frozenset(
    {P.AGENCY_READ, P.IDENTITY_LINK, P.IDENTITY_READ, P.ME_READ, P.ME_UPDATE, P.NOTICE_MARK, P.NOTICE_READ}
    | {P.FACTOR_KEEP, P.FACTOR_PROVE, P.FACTOR_UPDATE, P.PASSWORD_CHANGE, P.SESSION_END, P.SESSION_READ}
    | {P.SESSION_REVOKE}
)

RELEASES = frozenset({P.RELEASE_READ, P.RELEASE_RECORD, P.RELEASE_REVOKE})
#: What may be asked for, looked at and stopped by either of the two who are needed for it.
BY_TWO = frozenset({P.DESTRUCTION_PROPOSE, P.DESTRUCTION_READ, P.HOLD_PLACE, P.HOLD_READ})
#: Who works with whom: given by those who see the clients, and by those who see none, who name them by id.
STAFFING = frozenset({P.ASSIGNMENT_CREATE, P.ASSIGNMENT_END, P.COVER_CREATE, P.COVER_END, P.COVER_READ, P.TEAM_READ})
STAFFING |= {P.STAFFING_ANSWER, P.STAFFING_DROP, P.STAFFING_READ}
#: What an advocate asks for, where she may not do it: that a client of hers is handed over, that somebody covers.
ASKING = frozenset({P.STAFFING_ASK, P.STAFFING_DROP, P.STAFFING_READ})
#: Conflict checks at intake, and the way to somebody else's client in a crisis.
INTAKE = frozenset({P.CONFLICT_ASK, P.CONFLICT_READ})
GLASS = frozenset({P.BREAKGLASS_OPEN, P.BREAKGLASS_READ, P.BREAKGLASS_RETURN})
#: Which volunteer helps with which section of a plan.
VOLUNTEERS = frozenset({P.VOLUNTEER_ASSIGN, P.VOLUNTEER_END, P.VOLUNTEER_READ})
#: Walls take two people, of either role; anybody may put herself behind one.
WALLS = frozenset({P.WALL_APPROVE, P.WALL_OWN, P.WALL_PROPOSE, P.WALL_READ})

GRANTS: dict[Role, frozenset[Permission]] = {
    Role.ADVOCATE: EVERYBODY
    | ASKING
    | GLASS
    | INTAKE
    | RELEASES
    | VOLUNTEERS
    | {P.CLIENT_RESTRICT, P.CLIENT_UNRESTRICT, P.COVER_READ, P.HISTORY_READ, P.WALL_OWN}
    | {P.ASSIGNMENT_READ, P.CASELOAD_READ, P.CHECKLIST_TICK, P.CHECKLIST_UPDATE, P.CLIENT_CREATE, P.CLIENT_READ}
    | {P.CLIENT_SEARCH, P.CLIENT_UPDATE, P.PLAN_CREATE, P.PLAN_READ, P.PLAN_UPDATE, P.REVIEW_COMPLETE, P.REVIEW_READ}
    | {P.REVIEW_SCHEDULE, P.TEMPLATE_DRAFT, P.TEMPLATE_READ},
    Role.AGENCY_ADMIN: EVERYBODY
    | BY_TWO
    | GLASS
    | STAFFING
    | WALLS
    | {P.BREAKGLASS_REVIEW}
    | {P.TEAM_CREATE, P.TEAM_REMOVE, P.TEAM_UPDATE}
    | {P.DESTRUCTION_APPROVE, P.FACTOR_READ, P.FACTOR_RESET, P.HOLD_LIFT}
    | {P.INTEGRATION_CREATE, P.INTEGRATION_READ, P.INTEGRATION_SUSPEND, P.INTEGRATION_UPDATE}
    | {P.PROVIDER_READ, P.PROVIDER_UPDATE, P.RELEASE_REVOKE}
    | {P.AGENCY_UPDATE, P.AUDIT_READ, P.CANARY_CREATE, P.CANARY_READ, P.TEMPLATE_DRAFT, P.TEMPLATE_PUBLISH}
    | {P.TEMPLATE_READ, P.USER_READ, P.USER_UPDATE}
    | {P.COLLEAGUE_READ, P.INVITATION_READ, P.INVITATION_REVOKE, P.INVITATION_SEND, P.PASSWORD_RESET},
    Role.AUDITOR: EVERYBODY | {P.AUDIT_READ, P.DESTRUCTION_READ, P.USER_READ},
    Role.SUPERVISOR: EVERYBODY
    | BY_TWO
    | GLASS
    | INTAKE
    | RELEASES
    | STAFFING
    | VOLUNTEERS
    | WALLS
    | {P.BREAKGLASS_REVIEW, P.CLIENT_UNRESTRICT, P.HISTORY_READ}
    | {P.ASSIGNMENT_READ, P.AUDIT_READ, P.CASELOAD_READ, P.CLIENT_READ, P.CLIENT_RESTRICT, P.COLLEAGUE_READ}
    | {P.CLIENT_SEARCH, P.PLAN_READ, P.REVIEW_READ, P.REVIEW_SCHEDULE, P.TEMPLATE_DRAFT, P.TEMPLATE_READ, P.USER_READ},
    Role.VOLUNTEER: EVERYBODY | {P.CHECKLIST_TICK, P.TASK_READ},
}

#: Which roles somebody of this role may give to others, by an invitation or a change. What is not here, nobody gives
#: but whoever runs the installation.
MAY_GRANT: dict[Role, frozenset[Role]] = {
    Role.AGENCY_ADMIN: frozenset({Role.ADVOCATE, Role.AGENCY_ADMIN, Role.AUDITOR, Role.SUPERVISOR, Role.VOLUNTEER}),
}


class Scope(StrEnum):
    """What an integration may be granted, and what of it a release opens. The list is closed; it holds no writing."""

    CLIENTS_CONTACT = "clients:contact"
    CLIENTS_IDENTITY = "clients:identity"
    CLIENTS_READ = "clients:read"
    PLANS_READ = "plans:read"


#: What an integration may ask for with a scope. Everything else is refused to it, and all of this to people.
SCOPES: dict[Scope, frozenset[Permission]] = {
    Scope.CLIENTS_CONTACT: frozenset(),  # shows more of what CLIENTS_READ finds, as CLIENTS_IDENTITY does
    Scope.CLIENTS_IDENTITY: frozenset(),
    Scope.CLIENTS_READ: frozenset({P.RELEASED_READ}),
    Scope.PLANS_READ: frozenset({P.RELEASED_PLAN}),
}
#: Operations where an integration names clients by ids of its own (models/vault/pairwise.py).
RELEASED = frozenset().union(*SCOPES.values())

#: What an open break-glass lets a person read of its one client, whatever her roles (models/break_glass.py).
THROUGH_GLASS = frozenset({P.CLIENT_READ, P.PLAN_READ, P.RELEASE_READ, P.REVIEW_READ})
#: What is left to a person whose break-glass nobody has reviewed in time: reading her own, and ending what she opened.
WHILE_UNREVIEWED = EVERYBODY | {P.ASSIGNMENT_READ, P.BREAKGLASS_READ, P.BREAKGLASS_RETURN, P.CASELOAD_READ}
WHILE_UNREVIEWED |= {P.CLIENT_READ, P.CLIENT_SEARCH, P.PLAN_READ, P.RELEASE_READ, P.REVIEW_READ, P.TEMPLATE_READ}
REVIEWED_WITHIN = timedelta(days=7)

#: What a person with a one-time password may do before choosing her own.
BEFORE_OWN_PASSWORD = frozenset({P.ME_READ, P.PASSWORD_CHANGE, P.SESSION_REVOKE})
#: What a person who needs a second factor and has shown none may do before she enrols one, or shows hers.
BEFORE_FACTOR = BEFORE_OWN_PASSWORD | {P.FACTOR_PROVE, P.FACTOR_UPDATE}

#: What asks for a second factor shown within STEP_UP_WITHIN, because a session left open or stolen must not do it.
STEP_UP = frozenset(
    {P.AGENCY_UPDATE, P.BREAKGLASS_OPEN, P.BREAKGLASS_REVIEW, P.CANARY_CREATE, P.CANARY_READ, P.CLIENT_UNRESTRICT}
    | {P.DESTRUCTION_APPROVE, P.FACTOR_RESET, P.FACTOR_UPDATE, P.HOLD_LIFT, P.IDENTITY_LINK, P.INTEGRATION_CREATE}
    | {P.INTEGRATION_UPDATE, P.INVITATION_SEND, P.PASSWORD_RESET, P.PROVIDER_UPDATE, P.RELEASE_RECORD, P.SESSION_END}
    | {P.USER_UPDATE, P.WALL_APPROVE}
)
STEP_UP_WITHIN = timedelta(minutes=10)


class Kind(StrEnum):
    """What sort of caller acts. System and command act for the whole agency; door acts before anybody is signed in."""

    NOBODY = "nobody"
    INTEGRATION = "integration"
    PERSON = "person"
    DOOR = "door"
    SYSTEM = "system"
    COMMAND = "command"


@dataclass(frozen=True)
class Actor:
    """Who is asking. Read once per request from the session's row; it travels on the Workspace."""

    agency_id: UUID
    id: UUID
    kind: Kind = Kind.PERSON
    roles: frozenset[Role] = frozenset()
    session_id: UUID | None = None
    auth: str | None = None
    scopes: frozenset[Scope] = frozenset()
    must_change_password: bool = False
    must_enrol: bool = False
    factor_at: datetime | None = None
    glass_open: bool = False
    unreviewed: bool = False
    team_id: UUID | None = None

    @classmethod
    def nobody(cls, agency_id: UUID) -> "Actor":
        """A caller not yet known, inside the agency her token or sign-in names: may look up people and sessions."""
        return cls(agency_id, PLATFORM, kind=Kind.NOBODY)

    @classmethod
    def system(cls, agency_id: UUID, kind: Kind = Kind.SYSTEM) -> "Actor":
        """The worker, the command line or the sign-in, acting inside one agency. They have no other door."""
        return cls(agency_id, PLATFORM, kind=kind)

    def may(self, permission: Permission) -> bool:
        """True when a role or a scope grants it, or a break-glass lets her read through it. A one-time
        password narrows that to changing the password, a second factor that is missing to enrolling one, and a
        break-glass nobody reviewed in time to reading her own."""
        if self.kind is Kind.INTEGRATION:
            return any(permission in SCOPES[scope] for scope in self.scopes)
        if self.must_change_password and permission not in BEFORE_OWN_PASSWORD:
            return False
        if self.must_enrol and permission not in BEFORE_FACTOR:
            return False
        if self.unreviewed and permission not in WHILE_UNREVIEWED:
            return False
        return self.reads_through_glass(permission) or any(permission in GRANTS[role] for role in self.roles)

    def must_prove(self, permission: Permission, now: datetime) -> bool:
        """True when a second factor has to be shown again first. A session without any is one of a demo that asks for
        none, or may only enrol: there is nothing to show."""
        return permission in STEP_UP and self.factor_at is not None and now - self.factor_at > STEP_UP_WITHIN

    def reads_through_glass(self, permission: Permission) -> bool:
        """Whether a break-glass of hers widens what this permission shows. Whoever lost the role that may open one
        reads nothing through it either."""
        if not self.glass_open or permission not in THROUGH_GLASS:
            return False
        return any(Permission.BREAKGLASS_OPEN in GRANTS[role] for role in self.roles)

    def reach(self, permission: Permission) -> Reach:
        """How far this permission reaches: the widest of the roles granting it. Roles never lend each other sight. Who
        is in a team reaches no further than the team."""
        widest = max((REACH[r] for r in self.roles if permission in GRANTS[r]), default=Reach.NONE)
        if self.unreviewed:
            return min(widest, Reach.ASSIGNED)
        return Reach.TEAM if widest is Reach.AGENCY and self.team_id is not None else widest

    def names_by_id(self, permission: Permission) -> bool:
        """Whether a role that sees no client grants this: then a client may be named by id, no more is told of her."""
        return any(REACH[r] is Reach.NONE and permission in GRANTS[r] for r in self.roles)
