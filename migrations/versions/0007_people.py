"""People and mail: notices, invitations, password resets, the outbox.

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

    op.create_table(
        "invitations",
        sa.Column("agency_id", types.ID, nullable=False),
        sa.Column("id", types.ID, nullable=False),
        sa.Column("email_sealed", sa.LargeBinary(), nullable=True),
        sa.Column("roles", sa.String(), nullable=False),
        sa.Column("language", sa.String(), nullable=False),
        sa.Column("invited_by_id", types.ID, nullable=False),
        sa.Column("created_at", types.INSTANT, nullable=False),
        sa.Column("expires_at", types.INSTANT, nullable=False),
        sa.Column("accepted_at", types.INSTANT, nullable=True),
        sa.Column("revoked_at", types.INSTANT, nullable=True),
        sa.Column("user_id", types.ID, nullable=True),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.Column("secret_hash", sa.LargeBinary(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("seal_rev", sa.Integer(), nullable=False),
        sa.CheckConstraint("seal_rev > 0", name=op.f("ck_invitations_sealed")),
        sa.PrimaryKeyConstraint("agency_id", "id", name=op.f("pk_invitations")),
    )
    with op.batch_alter_table("invitations", schema=None) as batch_op:
        batch_op.create_index("ix_invitations_created", ["agency_id", "created_at", "id"], unique=False)

    op.create_table(
        "password_resets",
        sa.Column("agency_id", types.ID, nullable=False),
        sa.Column("id", types.ID, nullable=False),
        sa.Column("user_id", types.ID, nullable=False),
        sa.Column("secret_hash", sa.LargeBinary(), nullable=False),
        sa.Column("requested_at", types.INSTANT, nullable=False),
        sa.Column("expires_at", types.INSTANT, nullable=False),
        sa.Column("used_at", types.INSTANT, nullable=True),
        sa.PrimaryKeyConstraint("agency_id", "id", name=op.f("pk_password_resets")),
    )
    with op.batch_alter_table("password_resets", schema=None) as batch_op:
        batch_op.create_index("ix_password_resets_user", ["agency_id", "user_id", "requested_at"], unique=False)

    op.create_table(
        "mails",
        sa.Column("agency_id", types.ID, nullable=False),
        sa.Column("id", types.ID, nullable=False),
        sa.Column("kind", sa.String(length=40), nullable=False),
        sa.Column("object_id", types.ID, nullable=False),
        sa.Column("created_at", types.INSTANT, nullable=False),
        sa.Column("due_at", types.INSTANT, nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("agency_id", "id", name=op.f("pk_mails")),
    )
    with op.batch_alter_table("mails", schema=None) as batch_op:
        batch_op.create_index("ix_mails_due", ["due_at"], unique=False)

    for table in ("notices", "invitations", "password_resets"):
        protect(table)
    protect("mails", directory=True)


def downgrade() -> None:
    for table in ("mails", "password_resets", "invitations", "notices"):
        op.drop_table(table)
