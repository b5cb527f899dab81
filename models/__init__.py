"""The domain: tables, rules, words. It knows nothing of HTTP or of the environment.

Machinery, read once, in this order: errors, access, vault, rows, base, kept, ledger, orm, watch, workspace, engine,
database.
Words: content. Nouns, one file each: agency, integration, user, session, identity, jurisdiction, template, library,
client, checklist, review, plan, caseload, history, released, search (with names, search_index), legal_hold, release,
rekey, shred, destruction; and two that serve the front door: idempotency, setup. Above them all: backup.
Importing this package makes every table known.
"""

import models.caseload
import models.database
import models.destruction
import models.idempotency
import models.identity
import models.integration
import models.session
import models.setup  # noqa: F401 - these eight reach every module that holds a table
