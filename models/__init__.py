"""The domain: tables, rules, words. It knows nothing of HTTP or of the environment.

Machinery, read once, in this order: errors, access, connections, vault, base, sight, vouch, rows, paging, kept, ledger,
orm, watch, workspace, engine, database.
Words: content. Nouns, one file each: agency, integration (with spelling, admission), user, session, odd_sign_in,
identity, invitation and password_reset (with links, mail, post, letters), jurisdiction, template, library, client,
checklist, review, plan, assignment, cover (with cover_clock), namesakes, overseers, conflict_check, break_glass,
volunteer, wall, team, staffing, staffing_request, caseload, hidden, history, released, search (with names,
search_index), legal_hold, notice, release, rekey, shred, destruction, factor (with recovery), factor_reset; and three
that serve the front door: idempotency, setup, throttle. Above them all: backup.
Importing this package makes every table known.
"""

import models.caseload
import models.conflict_check
import models.database
import models.destruction
import models.factor_reset
import models.idempotency
import models.identity
import models.integration
import models.letters
import models.notice
import models.session
import models.setup
import models.staffing
import models.team
import models.throttle
import models.volunteer
import models.wall  # noqa: F401 - these and theirs reach every module that holds a table
