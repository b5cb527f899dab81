"""The optional index over clients' full names.

Revision ID: 0005
Revises: 0004
"""

import sqlalchemy as sa
from alembic import op

from migrations import types
from migrations.protect import protect

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "search_indexes",
        sa.Column("agency_id", types.ID, nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("bits", sa.SmallInteger(), nullable=False),
        sa.Column("ready", sa.Boolean(), nullable=False),
        sa.Column("built_to_id", types.ID, nullable=False),
        sa.PrimaryKeyConstraint("agency_id", "version", name=op.f("pk_search_indexes")),
    )
    op.create_table(
        "search_buckets",
        sa.Column("agency_id", types.ID, nullable=False),
        sa.Column("client_id", types.ID, nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("bucket", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["agency_id", "client_id"],
            ["clients.agency_id", "clients.id"],
            name=op.f("fk_search_buckets_agency_id_client_id"),
        ),
        sa.ForeignKeyConstraint(
            ["agency_id", "version"],
            ["search_indexes.agency_id", "search_indexes.version"],
            name=op.f("fk_search_buckets_agency_id_version"),
        ),
        sa.PrimaryKeyConstraint("agency_id", "client_id", "version", "bucket", name=op.f("pk_search_buckets")),
        sqlite_with_rowid=False,
    )
    with op.batch_alter_table("search_buckets", schema=None) as batch_op:
        batch_op.create_index("ix_search_buckets_bucket", ["agency_id", "version", "bucket"], unique=False)
    protect("search_indexes")
    protect("search_buckets")


def downgrade() -> None:
    with op.batch_alter_table("search_buckets", schema=None) as batch_op:
        batch_op.drop_index("ix_search_buckets_bucket")
    op.drop_table("search_buckets")
    op.drop_table("search_indexes")
