"""Who sees what: walls, restricted clients, cover, teams; a wall and an open assignment never stand together.

Revision ID: 0011
Revises: 0010
"""

import sqlalchemy as sa
from alembic import op

from migrations import types
from migrations.protect import protect, unforced, walls_hold

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    _columns()
    _indexes("kind = 'advocate'", "starts_at", "ends_at")
    op.create_table(
        "teams",
        sa.Column("agency_id", types.ID, nullable=False),
        sa.Column("id", types.ID, nullable=False),
        sa.Column("name_sealed", sa.LargeBinary(), nullable=True),
        sa.Column("created_at", types.INSTANT, nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("seal_rev", sa.Integer(), nullable=False),
        sa.CheckConstraint("seal_rev > 0", name=op.f("ck_teams_sealed")),
        sa.PrimaryKeyConstraint("agency_id", "id", name=op.f("pk_teams")),
    )
    op.create_table(
        "covers",
        sa.Column("agency_id", types.ID, nullable=False),
        sa.Column("id", types.ID, nullable=False),
        sa.Column("absent_id", types.ID, nullable=False),
        sa.Column("by_id", types.ID, nullable=False),
        sa.Column("starts_at", types.INSTANT, nullable=False),
        sa.Column("ends_at", types.INSTANT, nullable=False),
        sa.Column("created_at", types.INSTANT, nullable=False),
        sa.Column("created_by_id", types.ID, nullable=False),
        sa.Column("ended_at", types.INSTANT, nullable=True),
        sa.Column("ended_by_id", types.ID, nullable=True),
        _person("absent_id", "fk_covers_agency_id_absent_id"),
        _person("by_id", "fk_covers_agency_id_by_id"),
        sa.PrimaryKeyConstraint("agency_id", "id", name=op.f("pk_covers")),
    )
    op.create_index("ix_covers_absent", "covers", ["agency_id", "absent_id", "ends_at"])
    op.create_index("ix_covers_by", "covers", ["agency_id", "by_id"])
    _walls()
    _staffing_requests()
    for table in ("teams", "covers", "walls", "staffing_requests"):
        protect(table)
    walls_hold("walls", "assignments")


def _person(column: str, name: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(["agency_id", column], ["users.agency_id", "users.id"], name=op.f(name))


def _columns() -> None:
    # Plain ALTERs: on SQLite a copied table would come back without what points at it.
    op.add_column("users", sa.Column("team_id", types.ID, nullable=True))
    op.add_column("clients", sa.Column("restricted_by_id", types.ID, nullable=True))
    op.add_column("assignments", sa.Column("kind", sa.String(length=40), nullable=False, server_default="advocate"))
    op.add_column("assignments", sa.Column("starts_at", types.INSTANT, nullable=True))
    op.add_column("assignments", sa.Column("ends_at", types.INSTANT, nullable=True))
    op.add_column("assignments", sa.Column("cover_id", types.ID, nullable=True))


def _indexes(one_each: str, *dates: str) -> None:
    """The indexes over open assignments. `one_each`: of which there is one for a person and a client."""
    for name in ("ix_assignments_attention", "uq_assignments_open"):
        op.drop_index(name, "assignments")
    _open("uq_assignments_open", ["user_id", "client_id"], one_each, unique=True)
    _open("ix_assignments_attention", ["user_id", "attention_at", "client_id", *dates])
    if dates:
        _open("ix_assignments_sight", ["user_id", "client_id", *dates])


def _open(name: str, columns: list[str], more: str = "", *, unique: bool = False) -> None:
    where = sa.text(" AND ".join(["ended_at IS NULL", *([more] if more else [])]))
    op.create_index(
        name, "assignments", ["agency_id", *columns], unique=unique, sqlite_where=where, postgresql_where=where
    )


def _walls() -> None:
    op.create_table(
        "walls",
        sa.Column("agency_id", types.ID, nullable=False),
        sa.Column("id", types.ID, nullable=False),
        sa.Column("client_id", types.ID, nullable=False),
        sa.Column("user_id", types.ID, nullable=False),
        sa.Column("reason_sealed", sa.LargeBinary(), nullable=True),
        sa.Column("proposed_at", types.INSTANT, nullable=False),
        sa.Column("proposed_by_id", types.ID, nullable=False),
        sa.Column("withdrawn_at", types.INSTANT, nullable=True),
        sa.Column("withdrawn_by_id", types.ID, nullable=True),
        sa.Column("set_at", types.INSTANT, nullable=True),
        sa.Column("set_by_id", types.ID, nullable=True),
        sa.Column("lifting_proposed_at", types.INSTANT, nullable=True),
        sa.Column("lifting_proposed_by_id", types.ID, nullable=True),
        sa.Column("lifted_at", types.INSTANT, nullable=True),
        sa.Column("lifted_by_id", types.ID, nullable=True),
        sa.Column("seal_rev", sa.Integer(), nullable=False),
        sa.CheckConstraint("seal_rev > 0", name=op.f("ck_walls_sealed")),
        sa.ForeignKeyConstraint(
            ["agency_id", "client_id"], ["clients.agency_id", "clients.id"], name=op.f("fk_walls_agency_id_client_id")
        ),
        _person("user_id", "fk_walls_agency_id_user_id"),
        sa.PrimaryKeyConstraint("agency_id", "id", name=op.f("pk_walls")),
    )
    standing = sa.text("set_at IS NOT NULL AND lifted_at IS NULL")
    op.create_index(
        "uq_walls_standing",
        "walls",
        ["agency_id", "user_id", "client_id"],
        unique=True,
        sqlite_where=standing,
        postgresql_where=standing,
    )
    op.create_index("ix_walls_client", "walls", ["agency_id", "client_id"])
    op.create_index("ix_walls_proposed", "walls", ["agency_id", "proposed_at", "id"])


def _staffing_requests() -> None:
    op.create_table(
        "staffing_requests",
        sa.Column("agency_id", types.ID, nullable=False),
        sa.Column("id", types.ID, nullable=False),
        sa.Column("kind", sa.String(length=40), nullable=False),
        sa.Column("client_id", types.ID, nullable=True),
        sa.Column("user_id", types.ID, nullable=True),
        sa.Column("starts_at", types.INSTANT, nullable=True),
        sa.Column("ends_at", types.INSTANT, nullable=True),
        sa.Column("asked_at", types.INSTANT, nullable=False),
        sa.Column("asked_by_id", types.ID, nullable=False),
        sa.Column("answered_at", types.INSTANT, nullable=True),
        sa.Column("answered_by_id", types.ID, nullable=True),
        sa.Column("accepted", sa.Boolean(), nullable=False),
        _person("asked_by_id", "fk_staffing_requests_agency_id_asked_by_id"),
        _person("user_id", "fk_staffing_requests_agency_id_user_id"),
        sa.PrimaryKeyConstraint("agency_id", "id", name=op.f("pk_staffing_requests")),
    )
    op.create_index("ix_staffing_requests_asked", "staffing_requests", ["agency_id", "asked_at", "id"])
    op.create_index("ix_staffing_requests_client", "staffing_requests", ["agency_id", "client_id"])


def downgrade() -> None:
    walls_hold("walls", "assignments", take_away=True)
    for table in ("staffing_requests", "walls", "covers", "teams"):
        op.drop_table(table)
    # Whoever covered for somebody would have the client for good under the older rules.
    with unforced("assignments"):
        op.execute("update assignments set ended_at = started_at where kind = 'cover' and ended_at is null")
    op.drop_index("ix_assignments_sight", "assignments")
    _indexes("")
    for name in ("kind", "starts_at", "ends_at", "cover_id"):
        op.execute(f"alter table assignments drop column {name}")
    op.execute("alter table clients drop column restricted_by_id")
    op.execute("alter table users drop column team_id")
