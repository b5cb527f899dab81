"""People and mail: notices.

Revision ID: 0007
Revises: 0006
"""

import sqlalchemy as sa
from alembic import op

from migrations import types
from migrations.protect import protect

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "notices",
        sa.Column("agency_id", types.ID, nullable=False),
        sa.Column("id", types.ID, nullable=False),
        sa.Column("user_id", types.ID, nullable=False),
        sa.Column("kind", sa.String(length=40), nullable=False),
        sa.Column("object_id", types.ID, nullable=True),
        sa.Column("created_at", types.INSTANT, nullable=False),
        sa.Column("read_at", types.INSTANT, nullable=True),
        sa.ForeignKeyConstraint(
            ["agency_id", "user_id"], ["users.agency_id", "users.id"], name=op.f("fk_notices_agency_id_user_id")
        ),
        sa.PrimaryKeyConstraint("agency_id", "id", name=op.f("pk_notices")),
    )
    with op.batch_alter_table("notices", schema=None) as batch_op:
        batch_op.create_index("ix_notices_user", ["agency_id", "user_id", "created_at", "id"], unique=False)

    for table in ("notices",):
        protect(table)


def downgrade() -> None:
    for table in ("notices",):
        op.drop_table(table)
