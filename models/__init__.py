"""The domain: tables, rules, words. It knows nothing of HTTP or of the environment.

Machinery, read once, in this order: errors, access, vault, rows, base, ledger, database.
Nouns, one file each: agency, user, session, jurisdiction, template, library, client, checklist, review, plan;
and two that serve the front door: idempotency, setup.
Importing this package makes every table known.
"""

from models import (
    agency,
    checklist,
    client,
    database,
    idempotency,
    jurisdiction,
    plan,
    review,
    session,
    setup,
    template,
    user,
)
from models.ledger import book
from models.vault import keys

TABLES_COME_FROM = (
    agency,
    book,
    checklist,
    client,
    idempotency,
    jurisdiction,
    keys,
    plan,
    review,
    session,
    setup,
    template,
    user,
)

__all__ = ["TABLES_COME_FROM", "database"]
