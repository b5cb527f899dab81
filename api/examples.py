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
    "AcceptanceIn": {
        "token": "wpi_the-token-behind-the-hash-of-the-link",
        "display_name": "Noor",
        "password": "nine herons over still water",
    },
    "AgencyPatch": {"time_zone": "America/New_York", "review_interval": "P8W"},
    "AssignmentIn": {"user_id": USER},
    "AuthorizationIn": {"agency": USER},
    "CanaryIn": {"alias": "Teal", "contact": {"safe_hours": "weekdays before 15:00"}},
    "CancellationIn": {"reason": "She asked for another day."},
    "ClientIn": {"alias": "Wren", "contact": {"safe_hours": "weekdays before 15:00", "voicemail_ok": False}},
    "ClientPatch": {"pronouns": "she/her"},
    "ClosureIn": {"reason": "She moved on; the door stays open."},
    "ConfirmationIn": {"totp_code": "492039"},
    "CompletionIn": {"what_changed": "A new workplace; the route was changed."},
    "DestructionIn": {"what": "everything", "reason": "client_asked"},
    "DraftIn": {},
    "EventIn": {"kind": "hearing"},
    "IntegrationIn": {
        "recipient": "Legal Aid of Harbor County",
        "purpose": "Asking for a protection order",
        "scopes": ["clients:read", "clients:identity"],
        "networks": ["203.0.113.0/24", "2001:db8::/32"],
    },
    "IntegrationPatch": {"networks": ["203.0.113.7/32"]},
    "InvitationIn": {"email": "noor@harbor.example", "roles": ["advocate"], "language": "en"},
    "ItemIn": {"section_id": ID[:-4] + "8001", "text": "Keep the spare phone charged.", "kind": "action"},
    "ItemPatch": {"text": "Out by the kitchen door, then to the bakery.", "status": "planned"},
    "ItemsPatch": {"items": [{"id": ITEM, "version": 1, "status": "planned"}]},
    "LegalHoldIn": {"client_id": ID, "reason": "A subpoena arrived; counsel is told.", "reference": "FA-27-1042"},
    "MePatch": {"language": "es"},
    "OutcomeIn": {"outcome": "helped"},
    "PasswordIn": {"current_password": "the one used until now", "new_password": "seven quiet boats at noon"},
    "PasswordResetIn": {"email": "ana@harbor.example"},
    "PlanIn": {"template_id": USER, "sections": ["home", "work", "children", "bag"], "language": "en"},
    "PlanPatch": {"facts": {"trusted_neighbor": "The bakery on the corner"}},
    "ProofIn": {"totp_code": "492039"},
    "ProviderIn": {
        "issuer": "https://login.provider.example",
        "client_id": "waypost",
        "client_secret": "the-one-the-provider-gave",
        "factor_values": ["mfa"],
    },
    "RefreshIn": {"refresh_token": "wpr_invented"},
    "ReleaseIn": {
        "recipient": "Legal Aid of Harbor County",
        "purpose": "Asking for a protection order",
        "what": ["that she works with us", "the dates of two incidents"],
        "signed_on": "2027-01-04",
    },
    "ResetCompletionIn": {
        "token": "wpp_the-token-behind-the-hash-of-the-link",
        "password": "nine herons over still water",
    },
    "RevocationIn": {"how": "oral"},
    "ReturnIn": {"code": "from-the-redirect", "state": "wps_invented", "browser_secret": "kept in the browser"},
    "ReviewIn": {"due_at": "2027-01-29T15:00:00Z", "recurrence": "P8W"},
    "ReviewPatch": {"due_at": "2027-02-05T15:00:00Z"},
    "SearchIn": {"query": "wren ald"},
    "SecretIn": {"expires_at": "2027-07-04T00:00:00Z"},
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
    "TemplateDocument": DOCUMENT,
    "TemplateIn": {"document": DOCUMENT},
    "TokenIn": {
        "grant_type": "client_credentials",
        "client_id": "wpi_" + "0" * 64,
        "client_secret": "the one that was shown once",
        "scope": "clients:read",
    },
    "UserPatch": {"roles": ["advocate", "supervisor"]},
}

#: What members of answers look like; the rest is made from their types.
MEMBERS: dict[str, Any] = {
    "access_token": "eyJhbGciOiJIUzI1NiJ9.invented.invented",
    "action": "plan.read",
    "agency_name": "Harbor",
    "agent": "browser",
    "alias": "Wren",
    "client_id": ID,
    "client_secret": "shown once, when it is made",
    "code": None,
    "contact": {"safe_hours": "weekdays before 15:00", "voicemail_ok": False},
    "contact_warning": "Never leave a voicemail.",
    "counts": {"checklist_items": 41, "clients": 1, "data_keys": 1, "plans": 1},
    "date_of_birth": None,
    "device_token": None,
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
    "link": None,
    "network": "192.0.2.0/24",
    "next_cursor": None,
    "notice": None,
    "otpauth_uri": "otpauth://totp/Waypost:ana%40harbor.example?secret=INVENTED&issuer=Waypost",
    "outcome": "ok",
    "prompt": "Which door, window or stairwell would you use?",
    "pronouns": "she/her",
    "purpose": "Asking for a protection order",
    "qr_svg": "<svg>…</svg>",
    "reason": "She asked for another day.",
    "recipient": "Legal Aid of Harbor County",
    "reference": "FA-27-1042",
    "recovery_codes": ["k3ja-7qwe-p2xm-uv5b-4nce-ztoa"],
    "recurrence": "P8W",
    "refresh_token": "wpr_invented",
    "request_id": "6f1c2b9e0d4a4a5f",
    "review_interval": "P8W",
    "secret": "INVENTEDINVENTEDINVENTEDINVENTED",
    "shared_fact": None,
    "shared_value": None,
    "text": "Out by the kitchen door, then to the bakery.",
    "time_zone": "America/New_York",
    "title": "At home",
    "token_type": "Bearer",
    "what_changed": None,
}
