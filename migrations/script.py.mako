"""${message}

Rules: a table of an agency's rows gets protect(); its keys are composite, led by agency_id; a new column on a large table
is nullable or has a server default; data is moved in batches; `alembic check` finds nothing afterwards on both databases.

Revision ID: ${up_revision}
Revises: ${down_revision | comma,n}
"""

import sqlalchemy as sa
from alembic import op

from migrations import types
from migrations.protect import protect
${imports if imports else ""}
revision = ${repr(up_revision)}
down_revision = ${repr(down_revision)}
branch_labels = ${repr(branch_labels)}
depends_on = ${repr(depends_on)}


def upgrade() -> None:
    ${upgrades if upgrades else "pass"}


def downgrade() -> None:
    ${downgrades if downgrades else "pass"}
