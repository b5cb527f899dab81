"""Legal holds, releases, and destructions with their certificates.

Revision ID: 0006
Revises: 0005
"""

import sqlalchemy as sa
from alembic import op

from migrations import types
from migrations.protect import protect

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "destructions",
        sa.Column("agency_id", types.ID, nullable=False),
        sa.Column("id", types.ID, nullable=False),
        sa.Column("client_id", types.ID, nullable=False),
        sa.Column("what", sa.String(length=40), nullable=False),
        sa.Column("reason", sa.String(length=40), nullable=False),
        sa.Column("urgent", sa.Boolean(), nullable=False),
        sa.Column("proposed_at", types.INSTANT, nullable=False),
        sa.Column("proposed_by_id", types.ID, nullable=False),
        sa.Column("withdrawn_at", types.INSTANT, nullable=True),
        sa.Column("withdrawn_by_id", types.ID, nullable=True),
        sa.Column("carried_out_at", types.INSTANT, nullable=True),
        sa.Column("approved_by_id", types.ID, nullable=True),
        sa.Column("counts", sa.JSON(), nullable=True),
        sa.Column("first_on", sa.Date(), nullable=True),
        sa.Column("last_on", sa.Date(), nullable=True),
        sa.Column("key_epoch", sa.Integer(), nullable=True),
        sa.PrimaryKeyConstraint("agency_id", "id", name=op.f("pk_destructions")),
    )
    with op.batch_alter_table("destructions", schema=None) as batch_op:
        batch_op.create_index("ix_destructions_client", ["agency_id", "client_id"], unique=False)
        batch_op.create_index("ix_destructions_proposed", ["agency_id", "proposed_at", "id"], unique=False)

    op.create_table(
        "legal_holds",
        sa.Column("agency_id", types.ID, nullable=False),
        sa.Column("id", types.ID, nullable=False),
        sa.Column("client_id", types.ID, nullable=False),
        sa.Column("reason_sealed", sa.LargeBinary(), nullable=True),
        sa.Column("reference_sealed", sa.LargeBinary(), nullable=True),
        sa.Column("placed_at", types.INSTANT, nullable=False),
        sa.Column("placed_by_id", types.ID, nullable=False),
        sa.Column("lifted_at", types.INSTANT, nullable=True),
        sa.Column("lifted_by_id", types.ID, nullable=True),
        sa.Column("seal_rev", sa.Integer(), nullable=False),
        sa.CheckConstraint("seal_rev > 0", name=op.f("ck_legal_holds_sealed")),
        sa.ForeignKeyConstraint(
            ["agency_id", "client_id"],
            ["clients.agency_id", "clients.id"],
            name=op.f("fk_legal_holds_agency_id_client_id"),
        ),
        sa.PrimaryKeyConstraint("agency_id", "id", name=op.f("pk_legal_holds")),
    )
    with op.batch_alter_table("legal_holds", schema=None) as batch_op:
        batch_op.create_index("ix_legal_holds_client", ["agency_id", "client_id"], unique=False)
        batch_op.create_index("ix_legal_holds_placed", ["agency_id", "placed_at", "id"], unique=False)

    op.create_table(
        "releases",
        sa.Column("agency_id", types.ID, nullable=False),
        sa.Column("id", types.ID, nullable=False),
        sa.Column("client_id", types.ID, nullable=False),
        sa.Column("recipient_sealed", sa.LargeBinary(), nullable=True),
        sa.Column("purpose_sealed", sa.LargeBinary(), nullable=True),
        sa.Column("what_sealed", sa.LargeBinary(), nullable=True),
        sa.Column("signed_on", sa.Date(), nullable=False),
        sa.Column("signed_by", sa.String(length=40), nullable=False),
        sa.Column("expires_at", types.INSTANT, nullable=False),
        sa.Column("recorded_at", types.INSTANT, nullable=False),
        sa.Column("recorded_by_id", types.ID, nullable=False),
        sa.Column("revoked_at", types.INSTANT, nullable=True),
        sa.Column("revoked_by_id", types.ID, nullable=True),
        sa.Column("revoked_how", sa.String(length=40), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("seal_rev", sa.Integer(), nullable=False),
        sa.CheckConstraint("seal_rev > 0", name=op.f("ck_releases_sealed")),
        sa.ForeignKeyConstraint(
            ["agency_id", "client_id"],
            ["clients.agency_id", "clients.id"],
            name=op.f("fk_releases_agency_id_client_id"),
        ),
        sa.PrimaryKeyConstraint("agency_id", "id", name=op.f("pk_releases")),
    )
    with op.batch_alter_table("releases", schema=None) as batch_op:
        batch_op.create_index("ix_releases_client", ["agency_id", "client_id", "expires_at"], unique=False)

    for table in ("destructions", "legal_holds", "releases"):
        protect(table)


def downgrade() -> None:
    for table in ("releases", "legal_holds", "destructions"):
        op.drop_table(table)
