"""Who opened whom: entries name all their clients, and how many a person opened in an hour is counted.

Revision ID: 0004
Revises: 0003
"""

import sqlalchemy as sa
from alembic import op

from migrations import types
from migrations.protect import protect

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Plain ALTERs: a copied table would come back without the ledger's triggers. Entries written before stay as they
    # are: nothing may change them.
    op.add_column("ledger_entries", sa.Column("clients", sa.LargeBinary(), nullable=True))
    listed = sa.text("clients IS NOT NULL")
    op.create_index(
        "ix_ledger_entries_clients",
        "ledger_entries",
        ["agency_id", "seq"],
        sqlite_where=listed,
        postgresql_where=listed,
    )
    op.create_table(
        "client_openings",
        sa.Column("agency_id", types.ID, nullable=False),
        sa.Column("user_id", types.ID, nullable=False),
        sa.Column("hour", sa.Integer(), nullable=False),
        sa.Column("listed", sa.Boolean(), nullable=False),
        sa.Column("subject_id", types.ID, nullable=False),
        sa.PrimaryKeyConstraint(
            "agency_id", "user_id", "hour", "listed", "subject_id", name=op.f("pk_client_openings")
        ),
        sqlite_with_rowid=False,
    )
    protect("client_openings")


def downgrade() -> None:
    op.drop_table("client_openings")
    op.drop_index("ix_ledger_entries_clients", "ledger_entries")
    op.execute("alter table ledger_entries drop column clients")
