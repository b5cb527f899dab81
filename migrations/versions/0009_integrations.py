"""Integrations with their secrets, and what a release opens to them.

Revision ID: 0009
Revises: 0008
"""

import sqlalchemy as sa
from alembic import op

from migrations import types
from migrations.protect import protect

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "integrations",
        sa.Column("agency_id", types.ID, nullable=False),
        sa.Column("id", types.ID, nullable=False),
        sa.Column("recipient_sealed", sa.LargeBinary(), nullable=True),
        sa.Column("purpose_sealed", sa.LargeBinary(), nullable=True),
        sa.Column("terms_tag", sa.LargeBinary(), nullable=False),
        sa.Column("scopes", sa.String(), nullable=False),
        sa.Column("networks", sa.String(), nullable=False),
        sa.Column("expires_at", types.INSTANT, nullable=True),
        sa.Column("suspended_at", types.INSTANT, nullable=True),
        sa.Column("suspended_by_id", types.ID, nullable=True),
        sa.Column("created_at", types.INSTANT, nullable=False),
        sa.Column("created_by_id", types.ID, nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("seal_rev", sa.Integer(), nullable=False),
        sa.CheckConstraint("seal_rev > 0", name=op.f("ck_integrations_sealed")),
        sa.PrimaryKeyConstraint("agency_id", "id", name=op.f("pk_integrations")),
    )
    op.create_table(
        "integration_secrets",
        sa.Column("agency_id", types.ID, nullable=False),
        sa.Column("id", types.ID, nullable=False),
        sa.Column("integration_id", types.ID, nullable=False),
        sa.Column("secret_hash", sa.LargeBinary(), nullable=False),
        sa.Column("made_at", types.INSTANT, nullable=False),
        sa.Column("made_by_id", types.ID, nullable=False),
        sa.Column("expires_at", types.INSTANT, nullable=False),
        sa.Column("revoked_at", types.INSTANT, nullable=True),
        sa.Column("revoked_by_id", types.ID, nullable=True),
        sa.Column("last_used_at", types.INSTANT, nullable=True),
        sa.ForeignKeyConstraint(
            ["agency_id", "integration_id"],
            ["integrations.agency_id", "integrations.id"],
            name=op.f("fk_integration_secrets_agency_id_integration_id"),
        ),
        sa.PrimaryKeyConstraint("agency_id", "id", name=op.f("pk_integration_secrets")),
    )
    op.create_index("ix_integration_secrets_integration", "integration_secrets", ["agency_id", "integration_id"])
    for table in ("integrations", "integration_secrets"):
        protect(table)
    op.add_column("releases", sa.Column("terms_tag", sa.LargeBinary(), nullable=True))
    op.add_column("releases", sa.Column("fields", sa.String(), nullable=False, server_default=""))
    op.create_index("ix_releases_terms", "releases", ["agency_id", "terms_tag", "client_id"])


def downgrade() -> None:
    op.drop_index("ix_releases_terms", "releases")
    op.execute("alter table releases drop column fields")
    op.execute("alter table releases drop column terms_tag")
    op.drop_table("integration_secrets")
    op.drop_table("integrations")
