"""Conflict checks, break-glass, volunteers.

Revision ID: 0012
Revises: 0011
"""

import sqlalchemy as sa
from alembic import op

from migrations import types
from migrations.protect import protect

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

TABLES = (
    "conflict_checks",
    "break_glass_openings",
    "break_glass_reviews",
    "break_glass_attempts",
    "section_volunteers",
)


def upgrade() -> None:
    # Plain ALTERs: on SQLite a copied table would come back without what points at it.
    op.add_column("users", sa.Column("glass_ends_at", types.INSTANT, nullable=True))
    op.add_column("users", sa.Column("glass_due_at", types.INSTANT, nullable=True))
    _conflict_checks()
    _break_glass_openings()
    _section_volunteers()
    for table in TABLES:
        protect(table)


def _row(name: str, *parts: sa.Column | sa.Constraint) -> None:
    op.create_table(
        name,
        sa.Column("agency_id", types.ID, nullable=False),
        sa.Column("id", types.ID, nullable=False),
        *parts,
        sa.PrimaryKeyConstraint("agency_id", "id", name=op.f(f"pk_{name}")),
    )


def _within(table: str, column: str, target: str) -> sa.ForeignKeyConstraint:
    name = op.f(f"fk_{table}_agency_id_{column}")
    return sa.ForeignKeyConstraint(["agency_id", column], [f"{target}.agency_id", f"{target}.id"], name=name)


def _conflict_checks() -> None:
    _row(
        "conflict_checks",
        sa.Column("asked_by_id", types.ID, nullable=False),
        sa.Column("asked_at", types.INSTANT, nullable=False),
        sa.Column("names", sa.SmallInteger(), nullable=False),
        sa.Column("client_ids", sa.JSON(), nullable=False),
        _within("conflict_checks", "asked_by_id", "users"),
    )
    op.create_index("ix_conflict_checks_asked", "conflict_checks", ["agency_id", "asked_by_id", "asked_at"])


def _break_glass_openings() -> None:
    _row(
        "break_glass_openings",
        sa.Column("client_id", types.ID, nullable=False),
        sa.Column("user_id", types.ID, nullable=False),
        sa.Column("reason", sa.String(length=40), nullable=False),
        sa.Column("explanation_sealed", sa.LargeBinary(), nullable=True),
        sa.Column("opened_at", types.INSTANT, nullable=False),
        sa.Column("ends_at", types.INSTANT, nullable=False),
        sa.Column("given_back_at", types.INSTANT, nullable=True),
        sa.Column("given_back_by_id", types.ID, nullable=True),
        sa.Column("reviewed_at", types.INSTANT, nullable=True),
        sa.Column("reviewed_by_id", types.ID, nullable=True),
        sa.Column("outcome", sa.String(length=40), nullable=True),
        sa.Column("seal_rev", sa.Integer(), nullable=False),
        sa.CheckConstraint("seal_rev > 0", name=op.f("ck_break_glass_openings_sealed")),
        _within("break_glass_openings", "client_id", "clients"),
        _within("break_glass_openings", "user_id", "users"),
    )
    op.create_index(
        "ix_break_glass_openings_user", "break_glass_openings", ["agency_id", "user_id", "client_id", "ends_at"]
    )
    op.create_index("ix_break_glass_openings_client", "break_glass_openings", ["agency_id", "client_id"])
    op.create_index("ix_break_glass_openings_opened", "break_glass_openings", ["agency_id", "opened_at", "id"])
    _row(
        "break_glass_reviews",
        sa.Column("client_id", types.ID, nullable=False),
        sa.Column("reviewed_by_id", types.ID, nullable=False),
        sa.Column("note_sealed", sa.LargeBinary(), nullable=True),
        sa.Column("seal_rev", sa.Integer(), nullable=False),
        sa.CheckConstraint("seal_rev > 0", name=op.f("ck_break_glass_reviews_sealed")),
        _within("break_glass_reviews", "id", "break_glass_openings"),
    )
    _row(
        "break_glass_attempts",
        sa.Column("user_id", types.ID, nullable=False),
        sa.Column("at", types.INSTANT, nullable=False),
    )
    op.create_index("ix_break_glass_attempts_user", "break_glass_attempts", ["agency_id", "user_id", "at"])


def _section_volunteers() -> None:
    _row(
        "section_volunteers",
        sa.Column("client_id", types.ID, nullable=False),
        sa.Column("plan_id", types.ID, nullable=False),
        sa.Column("section_id", types.ID, nullable=False),
        sa.Column("number", sa.SmallInteger(), nullable=False),
        sa.Column("user_id", types.ID, nullable=False),
        sa.Column("started_at", types.INSTANT, nullable=False),
        sa.Column("started_by_id", types.ID, nullable=False),
        sa.Column("ended_at", types.INSTANT, nullable=True),
        sa.Column("ended_by_id", types.ID, nullable=True),
        _within("section_volunteers", "client_id", "clients"),
        _within("section_volunteers", "plan_id", "plans"),
        _within("section_volunteers", "user_id", "users"),
    )
    still = sa.text("ended_at IS NULL")
    op.create_index(
        "uq_section_volunteers_open",
        "section_volunteers",
        ["agency_id", "user_id", "section_id"],
        unique=True,
        sqlite_where=still,
        postgresql_where=still,
    )
    op.create_index("ix_section_volunteers_client", "section_volunteers", ["agency_id", "client_id"])
    op.create_index("ix_section_volunteers_section", "section_volunteers", ["agency_id", "section_id"])


def downgrade() -> None:
    for table in reversed(TABLES):
        op.drop_table(table)
    for name in ("glass_ends_at", "glass_due_at"):
        op.execute(f"alter table users drop column {name}")
