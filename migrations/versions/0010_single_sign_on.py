"""Single sign-on: an agency's identity provider, linked accounts, sign-ins that have begun.

Revision ID: 0010
Revises: 0009
"""

import sqlalchemy as sa
from alembic import op

from migrations import types
from migrations.protect import protect

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "identity_providers",
        sa.Column("agency_id", types.ID, nullable=False),
        sa.Column("id", types.ID, nullable=False),
        sa.Column("issuer_sealed", sa.LargeBinary(), nullable=True),
        sa.Column("app_id_sealed", sa.LargeBinary(), nullable=True),
        sa.Column("app_secret_sealed", sa.LargeBinary(), nullable=True),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column("local_sign_in", sa.Boolean(), nullable=False),
        sa.Column("factor_values", sa.String(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("seal_rev", sa.Integer(), nullable=False),
        sa.CheckConstraint("id = agency_id", name=op.f("ck_identity_providers_own")),
        sa.CheckConstraint("seal_rev > 0", name=op.f("ck_identity_providers_sealed")),
        sa.PrimaryKeyConstraint("agency_id", "id", name=op.f("pk_identity_providers")),
    )
    op.create_table(
        "identities",
        sa.Column("agency_id", types.ID, nullable=False),
        sa.Column("id", types.ID, nullable=False),
        sa.Column("user_id", types.ID, nullable=False),
        sa.Column("subject_tag", sa.LargeBinary(), nullable=False),
        sa.Column("linked_at", types.INSTANT, nullable=False),
        sa.Column("last_used_at", types.INSTANT, nullable=True),
        sa.ForeignKeyConstraint(
            ["agency_id", "user_id"], ["users.agency_id", "users.id"], name=op.f("fk_identities_agency_id_user_id")
        ),
        sa.PrimaryKeyConstraint("agency_id", "id", name=op.f("pk_identities")),
        sa.UniqueConstraint("agency_id", "subject_tag", name=op.f("uq_identities_agency_id_subject_tag")),
    )
    op.create_index("ix_identities_user", "identities", ["agency_id", "user_id"])
    op.create_table(
        "sso_attempts",
        sa.Column("agency_id", types.ID, nullable=False),
        sa.Column("id", types.ID, nullable=False),
        sa.Column("state_hash", sa.LargeBinary(), nullable=False),
        sa.Column("browser_hash", sa.LargeBinary(), nullable=False),
        sa.Column("provider_revision", sa.Integer(), nullable=False),
        sa.Column("user_id", types.ID, nullable=True),
        sa.Column("expires_at", types.INSTANT, nullable=False),
        sa.Column("used_at", types.INSTANT, nullable=True),
        sa.PrimaryKeyConstraint("agency_id", "id", name=op.f("pk_sso_attempts")),
    )
    for table in ("identity_providers", "identities", "sso_attempts"):
        protect(table)


def downgrade() -> None:
    for table in ("sso_attempts", "identities", "identity_providers"):
        op.drop_table(table)
