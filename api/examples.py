"""Invented values for the examples in the contract: bodies by shape, and members of answers by name."""

from typing import Any

ID = "5a7c3f1e-8d2b-4c6a-9e40-1b7f3d5a0000"
ITEM = "5a7c3f1e-8d2b-4c6a-9e40-1b7f3d5a0001"
USER = "0b9d6e52-4f1a-4e3c-8a77-2c5d9e8f1a34"

NOTE = (
    f"waypost.agency.example/audit/{USER}\n42\n7xj6tKXEHQVvhsUb5bzI7Ylm2Ni9dzhG1GVNSHGtBiE=\n\n"
    f"\u2014 waypost.agency.example/audit/{USER} 3q2+7w{'A' * 86}==\n"
)
PROOF = "c2sp.org/tlog-proof@v1\nindex 0\ngSKyXoYZUgZ6jduWYrkDOARinOMGJveXjgMkBTcdPlQ=\n\n" + NOTE

DOCUMENT: dict[str, Any] = {
    "title": "Our own plan",
    "summary": "",
    "language": "en",
    "sections": [
        {
            "key": "home",
            "title": "At home",
            "guidance": "",
            "items": [{"key": "home-1", "kind": "action", "text": "Call {emergency_number} from a safe place."}],
        }
    ],
}

#: A good body for every in-shape.
BODIES: dict[str, Any] = {
    "AgencyPatch": {"time_zone": "America/New_York", "review_interval": "P8W"},
    "AssignmentIn": {"user_id": USER},
    "CanaryIn": {"alias": "Teal", "contact": {"safe_hours": "weekdays before 15:00"}},
    "CaseloadHandoverIn": {"to_user_id": USER},
    "CancellationIn": {"reason": "She asked for another day."},
    "ClientIn": {"alias": "Wren", "contact": {"safe_hours": "weekdays before 15:00", "voicemail_ok": False}},
    "ClientPatch": {"pronouns": "she/her"},
    "ClosureIn": {"reason": "She moved on; the door stays open."},
    "CompletionIn": {"what_changed": "A new workplace; the route was changed."},
    "CoverIn": {"absent_id": USER, "by_id": ID, "ends_at": "2027-02-12T17:00:00Z"},
    "DestructionIn": {"what": "everything", "reason": "client_asked"},
    "DraftIn": {},
    "EventIn": {"kind": "hearing"},
    "HandoverIn": {"to_user_id": USER},
    "ItemIn": {"section_id": ID[:-4] + "8001", "text": "Keep the spare phone charged.", "kind": "action"},
    "ItemPatch": {"text": "Out by the kitchen door, then to the bakery.", "status": "planned"},
    "ItemsPatch": {"items": [{"id": ITEM, "version": 1, "status": "planned"}]},
    "LegalHoldIn": {"client_id": ID, "reason": "A subpoena arrived; counsel is told.", "reference": "FA-27-1042"},
    "MePatch": {"language": "es"},
    "OutcomeIn": {"outcome": "helped"},
    "PasswordIn": {"current_password": "the one used until now", "new_password": "seven quiet boats at noon"},
    "PlanIn": {"template_id": USER, "sections": ["home", "work", "children", "bag"], "language": "en"},
    "PlanPatch": {"facts": {"trusted_neighbor": "The bakery on the corner"}},
    "RefreshIn": {"refresh_token": "wpr_invented"},
    "ReleaseIn": {
        "recipient": "Legal Aid of Harbor County",
        "purpose": "Asking for a protection order",
        "what": ["that she works with us", "the dates of two incidents"],
        "signed_on": "2027-01-04",
    },
    "RevocationIn": {"how": "oral"},
    "ReviewIn": {"due_at": "2027-01-29T15:00:00Z", "recurrence": "P8W"},
    "ReviewPatch": {"due_at": "2027-02-05T15:00:00Z"},
    "SearchIn": {"query": "wren ald"},
    "SectionIn": {"key": "technology"},
    "SectionPatch": {"choice": "later"},
    "SessionIn": {"email": "ana@harbor.example", "password": "a lantern above the harbour wall"},
    "SetupIn": {
        "token": "the-token-behind-the-hash-of-the-link",
        "agency_name": "Harbor",
        "time_zone": "America/New_York",
        "email": "ada@harbor.example",
        "display_name": "Ada",
        "password": "seven quiet boats at noon",
    },
    "TeamIn": {"name": "East side"},
    "TeamPatch": {"name": "East side"},
    "TemplateDocument": DOCUMENT,
    "TemplateIn": {"document": DOCUMENT},
    "UserPatch": {"roles": ["advocate", "supervisor"]},
    "WallIn": {"client_id": ID, "user_id": USER, "reason": "A relative of the other party works here."},
}

#: What members of answers look like; the rest is made from their types.
MEMBERS: dict[str, Any] = {
    "access_token": "eyJhbGciOiJIUzI1NiJ9.invented.invented",
    "action": "plan.read",
    "agency_name": "Harbor",
    "agent": "browser",
    "alias": "Wren",
    "code": None,
    "contact": {"safe_hours": "weekdays before 15:00", "voicemail_ok": False},
    "contact_warning": "Never leave a voicemail.",
    "counts": {"checklist_items": 41, "clients": 1, "data_keys": 1, "plans": 1},
    "date_of_birth": None,
    "detail": "Ask for Marisol.",
    "display_name": "Ana",
    "document": DOCUMENT,
    "email": "ana@harbor.example",
    "emergency_number": None,
    "entry": {"action": "plan.read", "outcome": "ok", "seq": 41, "v": 1},
    "exit_url": None,
    "expires_in": 600,
    "external_ids": [{"system": "casebook", "value": "C-1042"}],
    "facts": {"trusted_neighbor": "The bakery on the corner"},
    "guidance": "Start with what she already does.",
    "hotline": None,
    "jurisdiction": "us-ct",
    "key": "home-2",
    "language": "en",
    "legal_name": None,
    "next_cursor": None,
    "notice": None,
    "outcome": "ok",
    "prompt": "Which door, window or stairwell would you use?",
    "pronouns": "she/her",
    "purpose": "Asking for a protection order",
    "reason": "She asked for another day.",
    "recipient": "Legal Aid of Harbor County",
    "reference": "FA-27-1042",
    "recurrence": "P8W",
    "refresh_token": "wpr_invented",
    "request_id": "6f1c2b9e0d4a4a5f",
    "review_interval": "P8W",
    "shared_fact": None,
    "shared_value": None,
    "text": "Out by the kitchen door, then to the bakery.",
    "time_zone": "America/New_York",
    "title": "At home",
    "token_type": "Bearer",
    "what_changed": None,
}
