"""The ledger in words one can read to a survivor, in English and Spanish: what was done, in which role, and why."""

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from models.access import Kind, Role
from models.break_glass import BreakGlassReason
from models.ledger.action import Action

A = Action
LANGUAGES = ("en", "es")
Pair = tuple[str, str]

#: What somebody did, for every Action that can concern a client.
DID: dict[str, Pair] = {
    A.ACCESS_DENIED: ("asked for something in the record and was refused", "pidió algo del expediente y se le negó"),
    A.ASSIGNMENT_ENDED: ("ended an assignment to the case", "terminó una asignación al caso"),
    A.ASSIGNMENT_STARTED: ("assigned somebody to the case", "asignó a alguien al caso"),
    A.BREAK_GLASS_OPENED: ("opened the record in an emergency", "abrió el expediente en una emergencia"),
    A.BREAK_GLASS_READ: (
        "looked at why the record was opened in an emergency",
        "miró por qué se abrió el expediente en una emergencia",
    ),
    A.BREAK_GLASS_RETURNED: ("ended an emergency opening of the record", "terminó una apertura de emergencia"),
    A.BREAK_GLASS_REVIEWED: (
        "reviewed an emergency opening of the record",
        "revisó una apertura de emergencia del expediente",
    ),
    A.CASELOAD_READ: ("saw the name in a list of cases", "vio el nombre en una lista de casos"),
    A.CHECKLIST_ITEM_ADDED: ("added a step to the safety plan", "agregó un paso al plan de seguridad"),
    A.CHECKLIST_ITEM_READ: ("opened a step of the safety plan", "abrió un paso del plan de seguridad"),
    A.CHECKLIST_ITEM_REMOVED: ("removed a step from the safety plan", "quitó un paso del plan de seguridad"),
    A.CHECKLIST_ITEM_TICKED: ("ticked a step of the safety plan", "marcó un paso del plan de seguridad"),
    A.CHECKLIST_ITEM_UNTICKED: ("unticked a step of the safety plan", "desmarcó un paso del plan de seguridad"),
    A.CHECKLIST_ITEM_UPDATED: ("changed a step of the safety plan", "cambió un paso del plan de seguridad"),
    A.CLIENT_ACCESS_HISTORY_READ: ("looked at who had opened the record", "miró quién había abierto el expediente"),
    A.CLIENT_CLOSED: ("closed the case", "cerró el caso"),
    A.CLIENT_CREATED: ("began the record", "inició el expediente"),
    A.CLIENT_DESTROYED: ("destroyed the record", "destruyó el expediente"),
    A.CLIENT_EVENT_NOTED: ("noted that something had happened", "anotó que algo había ocurrido"),
    A.CLIENT_PURGED: (
        "destroyed what was written in the record and kept the rest",
        "destruyó lo escrito en el expediente y conservó el resto",
    ),
    A.CLIENT_READ: ("opened the record", "abrió el expediente"),
    A.CLIENT_REOPENED: ("opened the closed case again", "volvió a abrir el caso cerrado"),
    A.CLIENT_RESTRICTED: (
        "limited who may see the record to those who work with her",
        "limitó el expediente a quienes trabajan con ella",
    ),
    A.CLIENT_SEARCHED: ("found the name in a search", "encontró el nombre en una búsqueda"),
    A.CLIENT_UNRESTRICTED: (
        "ended that only those who work with her may see the record",
        "terminó la limitación del expediente a quienes trabajan con ella",
    ),
    A.CLIENT_UPDATED: ("changed the record", "cambió el expediente"),
    A.CONFLICT_CHECK_READ: (
        "looked at a name check that had matched the record",
        "miró una consulta de nombres que había coincidido con el expediente",
    ),
    A.COVER_ENDED: ("ended a cover for a colleague", "terminó una suplencia"),
    A.COVER_STARTED: ("had somebody cover for a colleague", "organizó que alguien supliera a una colega"),
    A.DESTRUCTION_APPROVED: ("approved destroying the record", "aprobó destruir el expediente"),
    A.DESTRUCTION_PROPOSED: ("proposed to destroy the record", "propuso destruir el expediente"),
    A.DESTRUCTION_WITHDRAWN: (
        "withdrew a proposal to destroy the record",
        "retiró una propuesta de destruir el expediente",
    ),
    A.INTEGRITY_FAILED: (
        "asked for something that could not be opened because it was damaged",
        "pidió algo que no se pudo abrir porque estaba dañado",
    ),
    A.KEYS_REPLACED: ("had the record encrypted anew", "hizo cifrar de nuevo el expediente"),
    A.LEGAL_HOLD_LIFTED: (
        "noted that the record need not be kept for the law any longer",
        "anotó que ya no hace falta conservar el expediente por ley",
    ),
    A.LEGAL_HOLD_PLACED: (
        "noted that the record has to be kept for the law",
        "anotó que hay que conservar el expediente por ley",
    ),
    A.LEGAL_HOLD_READ: ("looked at why the record has to be kept", "miró por qué hay que conservar el expediente"),
    A.PLAN_ACTIVATED: ("put the safety plan into use", "puso en uso el plan de seguridad"),
    A.PLAN_CLOSED: ("closed a safety plan", "cerró un plan de seguridad"),
    A.PLAN_CREATED: ("began a safety plan", "inició un plan de seguridad"),
    A.PLAN_READ: ("opened the safety plan", "abrió el plan de seguridad"),
    A.PLAN_SECTION_ADDED: ("added a part to the safety plan", "agregó una parte al plan de seguridad"),
    A.PLAN_SECTION_REMOVED: ("removed a part of the safety plan", "quitó una parte del plan de seguridad"),
    A.PLAN_SECTION_UPDATED: ("changed a part of the safety plan", "cambió una parte del plan de seguridad"),
    A.PLAN_UPDATED: ("changed the safety plan", "cambió el plan de seguridad"),
    A.RECORD_DISCLOSED: ("saw something in the record", "vio algo del expediente"),
    A.RELEASED_CLIENT_LISTED: (
        "saw in a list that there is a record",
        "vio en una lista que hay un expediente",
    ),
    A.RELEASED_CLIENT_READ: ("read what was released of the record", "leyó lo autorizado del expediente"),
    A.RELEASED_PLAN_READ: ("read the released safety plan", "leyó el plan de seguridad autorizado"),
    A.RELEASE_READ: ("opened a permission to share information", "abrió un permiso para compartir información"),
    A.RELEASE_RECORDED: (
        "recorded a permission to share information",
        "registró un permiso para compartir información",
    ),
    A.RELEASE_REVOKED: ("took back a permission to share information", "retiró un permiso para compartir información"),
    A.REVIEW_CANCELLED: ("cancelled a review", "canceló una revisión"),
    A.REVIEW_COMPLETED: ("completed a review", "completó una revisión"),
    A.REVIEW_READ: ("opened a review", "abrió una revisión"),
    A.REVIEW_SCHEDULED: ("scheduled a review", "programó una revisión"),
    A.REVIEW_UPDATED: ("changed a review", "cambió una revisión"),
    A.STAFFING_ANSWERED: (
        "answered a colleague's request to hand the record over",
        "respondió la solicitud de una colega de traspasar el expediente",
    ),
    A.STAFFING_ASKED: ("asked for the record to be handed over", "solicitó traspasar el expediente"),
    A.VOLUNTEER_ASSIGNED: (
        "gave a volunteer a part of the safety plan to help with",
        "dio a una persona voluntaria una parte del plan de seguridad para ayudar",
    ),
    A.VOLUNTEER_ENDED: (
        "ended a volunteer's help with a part of the safety plan",
        "terminó la ayuda de una persona voluntaria con una parte del plan de seguridad",
    ),
    A.VOLUNTEER_TASKS_READ: (
        "saw the parts of the safety plan to help with, and the name used here",
        "vio las partes del plan de seguridad en que ayuda, y el nombre usado aquí",
    ),
    A.WALL_LIFTED: ("let somebody see the record again", "permitió que alguien vuelva a ver el expediente"),
    A.WALL_LIFTING_PROPOSED: (
        "proposed to let somebody see the record again",
        "propuso que alguien vuelva a ver el expediente",
    ),
    A.WALL_PROPOSED: ("proposed to keep somebody from the record", "propuso apartar a alguien del expediente"),
    A.WALL_READ: ("looked at who is kept from the record", "miró a quién se aparta del expediente"),
    A.WALL_RAISED: ("kept somebody from the record", "apartó a alguien del expediente"),
    A.WALL_WITHDRAWN: (
        "withdrew a proposal about who is kept from the record",
        "retiró una propuesta sobre a quién se aparta del expediente",
    ),
}
_OTHERWISE: Pair = ("worked with the record", "trabajó con el expediente")
#: What an entry tells those who watch, and nobody else: which records are canaries is not said here.
NOT_TOLD = "alarm."

ROLES: dict[str, Pair] = {
    Role.ADVOCATE: ("advocate", "persona que asesora"),
    Role.AGENCY_ADMIN: ("agency admin", "persona que administra"),
    Role.AUDITOR: ("auditor", "persona que audita"),
    Role.SUPERVISOR: ("supervisor", "persona que supervisa"),
    Role.VOLUNTEER: ("volunteer", "persona voluntaria"),
}
MACHINERY: dict[str, Pair] = {
    Kind.COMMAND: ("whoever runs Waypost here, on its computer", "quien mantiene Waypost, desde su computadora"),
    Kind.DOOR: ("Waypost, at sign-in", "Waypost, al iniciar sesión"),
    Kind.SYSTEM: ("Waypost itself, on its own schedule", "Waypost mismo, según su horario"),
}
#: A program of another organisation, where its name is no longer known; and why it could.
_PARTNER: Pair = ("another organisation's program", "un programa de otra organización")
_RELEASED: Pair = (
    "a permission to share information was in force",
    "estaba vigente un permiso para compartir información",
)
_UNKNOWN: Pair = ("somebody no longer known here", "alguien que ya no consta aquí")
#: Why a role may, as far as the ledger knows today.
REASONS: dict[str, Pair] = {
    Role.ADVOCATE: ("was assigned to the case", "tenía asignado el caso"),
    Role.AGENCY_ADMIN: ("administers the agency", "administra la organización"),
    Role.SUPERVISOR: ("supervises the cases of the agency", "supervisa los casos de la organización"),
    Role.VOLUNTEER: ("was given a part of the plan to help with", "tenía asignada una parte del plan para ayudar"),
}
#: Why somebody opened the record who otherwise could not (models/break_glass.py).
EMERGENCIES: dict[str, Pair] = {
    BreakGlassReason.CLIENT_CALLED: ("you called, or somebody for you", "usted llamó, o alguien por usted"),
    BreakGlassReason.CLIENT_IN_DANGER: ("you were thought to be in danger", "se creía que usted corría peligro"),
    BreakGlassReason.COLLEAGUE_AWAY: (
        "whoever works with you could not be reached",
        "no se localizaba a quien trabaja con usted",
    ),
    BreakGlassReason.COURT_TODAY: ("a court or an office needed an answer", "un tribunal u oficina esperaba respuesta"),
    BreakGlassReason.OTHER: ("another reason, written down", "otro motivo, puesto por escrito"),
}
_EMERGENCY: Pair = ("in an emergency", "en una emergencia")
_UPKEEP: Pair = ("part of running Waypost", "parte del funcionamiento de Waypost")
_OR: Pair = (", or ", " o ")
_AND: Pair = ("; ", "; ")


def did(entry: dict[str, Any], language: str) -> str:
    """Everything an entry says was done, once each."""
    actions = [entry["action"], *(also["action"] for also in entry.get("also", ()))]
    told = [DID.get(action, _OTHERWISE) for action in actions if not action.startswith(NOT_TOLD)]
    return _joined(dict.fromkeys(told), _AND, language)


def role(entry: dict[str, Any], language: str) -> str | None:
    """In which role; None for machinery."""
    return _joined((ROLES[part] for part in _roles(entry) if part in ROLES), _AND, language) or None


def name(entry: dict[str, Any], known: str | None, language: str) -> str:
    """Who: the person's name, or what the machinery is."""
    kind = entry["who"]["kind"]
    return known or _said(MACHINERY.get(kind, _PARTNER if kind == Kind.INTEGRATION else _UNKNOWN), language)


def why(entry: dict[str, Any], language: str, client_id: UUID | None = None) -> str | None:
    """Why somebody could: the purpose she gave, or what her role stands for; None for whoever was refused. Of several
    break-glasses only the one on this client is told."""
    if entry["outcome"] != "ok":
        return None
    if entry["who"]["kind"] == Kind.INTEGRATION:
        return _said(_RELEASED, language)
    if (glass := _glass(entry, client_id)) is not None:
        pairs = [_EMERGENCY] + [EMERGENCIES[glass]] * (glass in EMERGENCIES)
        return ": ".join(_said(pair, language) for pair in pairs)
    purpose = (entry.get("why") or {}).get("purpose")
    if purpose and purpose != "break_glass":
        return str(purpose)
    if entry["who"]["kind"] in MACHINERY:
        return _said(_UPKEEP, language)
    return _joined((REASONS[part] for part in _roles(entry) if part in REASONS), _OR, language) or None


def _glass(entry: dict[str, Any], client_id: UUID | None) -> str | None:
    """The reason of the break-glass through which this client was seen, or that was opened on her."""
    through = (entry.get("why") or {}).get("break_glass", ())
    opened = entry["object"].get("counts", {}).get("reason") if entry.get("action") == A.BREAK_GLASS_OPENED else None
    return opened or next((str(one["reason"]) for one in through if one["client"] == str(client_id)), None)


def _roles(entry: dict[str, Any]) -> list[str]:
    return str(entry["who"]["role"] or "").split("+")


def _said(pair: Pair, language: str) -> str:
    return pair[LANGUAGES.index(language)]


def _joined(pairs: Iterable[Pair], by: Pair, language: str) -> str:
    return _said(by, language).join(_said(pair, language) for pair in pairs)
