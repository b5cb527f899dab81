"""The domain: tables, rules, words. It knows nothing of HTTP or of the environment.

Machinery, read once, in this order: errors, access, vault, sight, rows, base, kept, ledger, orm, watch, workspace,
engine, database.
Words: content. Nouns, one file each: agency, user, session, jurisdiction, template, library, client, checklist, review,
plan, assignment, cover, wall, team, staffing, caseload, hidden, history, search (with names, search_index), legal_hold,
release, rekey, shred, destruction; and two that serve the front door: idempotency, setup. Above them all: backup.
Importing this package makes every table known.
"""

import models.caseload
import models.database
import models.destruction
import models.idempotency
import models.session
import models.setup
import models.staffing
import models.team
import models.wall  # noqa: F401 - these nine reach every module that holds a table
