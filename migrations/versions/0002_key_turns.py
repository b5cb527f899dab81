"""Keys that are counted, and a number that tells every process when an agency's keys changed.

Revision ID: 0002
Revises: 0001
"""

import sqlalchemy as sa
from alembic import op

from migrations import types
from migrations.protect import protect, unforced

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("data_keys", schema=None) as batch_op:
        batch_op.add_column(sa.Column("seals", sa.BigInteger(), nullable=False, server_default="0"))
    with op.batch_alter_table("data_keys", schema=None) as batch_op:
        batch_op.alter_column("seals", server_default=None)
    op.create_table(
        "key_turns",
        sa.Column("agency_id", types.ID, nullable=False),
        sa.Column("turn", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("agency_id", name=op.f("pk_key_turns")),
    )
    with unforced("agencies"):
        op.execute("insert into key_turns (agency_id, turn) select agency_id, 0 from agencies")
    protect("key_turns")


def downgrade() -> None:
    op.drop_table("key_turns")
    with op.batch_alter_table("data_keys", schema=None) as batch_op:
        batch_op.drop_column("seals")
