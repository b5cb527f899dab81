"""Second factors, recovery codes, resets, failed sign-ins and known devices; what a session has shown.

Revision ID: 0008
Revises: 0007
"""

import sqlalchemy as sa
from alembic import op

from migrations import types
from migrations.protect import protect, unforced

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

TABLES = ("factors", "recovery_codes", "factor_resets", "sign_in_throttles", "known_devices")


def upgrade() -> None:
    op.add_column(
        "agencies", sa.Column("second_factor", sa.String(length=40), nullable=False, server_default="required")
    )
    op.add_column("sessions", sa.Column("network", sa.String(), nullable=True))
    op.add_column("sessions", sa.Column("factor_at", types.INSTANT, nullable=True))
    op.add_column("sessions", sa.Column("must_enrol", sa.Boolean(), nullable=False, server_default=sa.true()))
    with unforced("agencies", "sessions"):  # a demo does without; everybody else enrols before anything else
        op.execute(sa.text("update agencies set second_factor = 'optional' where demo = :yes").bindparams(yes=True))
        demos = "select agency_id from agencies where second_factor = 'optional'"
        op.execute(sa.text(f"update sessions set must_enrol = :no where agency_id in ({demos})").bindparams(no=False))
    op.create_table(
        "factors",
        sa.Column("agency_id", types.ID, nullable=False),
        sa.Column("id", types.ID, nullable=False),
        sa.Column("user_id", types.ID, nullable=False),
        sa.Column("kind", sa.String(length=40), nullable=False),
        sa.Column("secret_sealed", sa.LargeBinary(), nullable=True),
        sa.Column("created_at", types.INSTANT, nullable=False),
        sa.Column("confirmed_at", types.INSTANT, nullable=True),
        sa.Column("last_step", sa.BigInteger(), nullable=False),
        sa.Column("seal_rev", sa.Integer(), nullable=False),
        sa.CheckConstraint("seal_rev > 0", name=op.f("ck_factors_sealed")),
        sa.ForeignKeyConstraint(
            ["agency_id", "user_id"], ["users.agency_id", "users.id"], name=op.f("fk_factors_agency_id_user_id")
        ),
        sa.PrimaryKeyConstraint("agency_id", "id", name=op.f("pk_factors")),
    )
    op.create_index("ix_factors_user", "factors", ["agency_id", "user_id"])
    op.create_table(
        "recovery_codes",
        sa.Column("agency_id", types.ID, nullable=False),
        sa.Column("id", types.ID, nullable=False),
        sa.Column("user_id", types.ID, nullable=False),
        sa.Column("code_hash", sa.LargeBinary(), nullable=False),
        sa.Column("made_at", types.INSTANT, nullable=False),
        sa.Column("used_at", types.INSTANT, nullable=True),
        sa.ForeignKeyConstraint(
            ["agency_id", "user_id"], ["users.agency_id", "users.id"], name=op.f("fk_recovery_codes_agency_id_user_id")
        ),
        sa.PrimaryKeyConstraint("agency_id", "id", name=op.f("pk_recovery_codes")),
        sa.UniqueConstraint(
            "agency_id", "user_id", "code_hash", name=op.f("uq_recovery_codes_agency_id_user_id_code_hash")
        ),
    )
    op.create_table(
        "factor_resets",
        sa.Column("agency_id", types.ID, nullable=False),
        sa.Column("id", types.ID, nullable=False),
        sa.Column("user_id", types.ID, nullable=False),
        sa.Column("started_at", types.INSTANT, nullable=False),
        sa.Column("started_by_id", types.ID, nullable=False),
        sa.Column("expires_at", types.INSTANT, nullable=False),
        sa.Column("approved_at", types.INSTANT, nullable=True),
        sa.Column("approved_by_id", types.ID, nullable=True),
        sa.Column("withdrawn_at", types.INSTANT, nullable=True),
        sa.Column("withdrawn_by_id", types.ID, nullable=True),
        sa.ForeignKeyConstraint(
            ["agency_id", "user_id"], ["users.agency_id", "users.id"], name=op.f("fk_factor_resets_agency_id_user_id")
        ),
        sa.PrimaryKeyConstraint("agency_id", "id", name=op.f("pk_factor_resets")),
    )
    op.create_index("ix_factor_resets_started", "factor_resets", ["agency_id", "started_at", "id"])
    op.create_table(
        "sign_in_throttles",
        sa.Column("agency_id", types.ID, nullable=False),
        sa.Column("bucket", sa.LargeBinary(), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("waits", sa.Integer(), nullable=False),
        sa.Column("began_at", types.INSTANT, nullable=False),
        sa.Column("open_at", types.INSTANT, nullable=False),
        sa.Column("touched_at", types.INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("agency_id", "bucket", name=op.f("pk_sign_in_throttles")),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_sign_in_throttles_age", "sign_in_throttles", ["agency_id", "touched_at"])
    op.create_table(
        "known_devices",
        sa.Column("agency_id", types.ID, nullable=False),
        sa.Column("token_hash", sa.LargeBinary(), nullable=False),
        sa.Column("account", sa.LargeBinary(), nullable=False),
        sa.Column("expires_at", types.INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("agency_id", "token_hash", name=op.f("pk_known_devices")),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_known_devices_account", "known_devices", ["agency_id", "account", "expires_at"])
    for table in TABLES:
        protect(table)


def downgrade() -> None:
    for table in reversed(TABLES):
        op.drop_table(table)
    for column in ("must_enrol", "factor_at", "network"):
        op.execute(f"alter table sessions drop column {column}")
    op.execute("alter table agencies drop column second_factor")
