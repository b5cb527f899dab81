"""The house: agencies and people, keys, ledger, templates, clients, plans, reviews.

Revision ID: 0001
Revises:
"""

import sqlalchemy as sa
from alembic import op

from migrations import types
from migrations.protect import append_only, dismantle, prepare, protect, unchangeable_when_published

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    prepare()
    op.create_table(
        "agencies",
        sa.Column("agency_id", types.ID, nullable=False),
        sa.Column("id", types.ID, nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("time_zone", sa.String(), nullable=False),
        sa.Column("language", sa.String(), nullable=False),
        sa.Column("jurisdiction", sa.String(), nullable=False),
        sa.Column("hotline", sa.String(), nullable=True),
        sa.Column("emergency_number", sa.String(), nullable=True),
        sa.Column("exit_url", sa.String(), nullable=True),
        sa.Column("review_interval", sa.String(), nullable=False),
        sa.Column("custody_default", sa.String(length=40), nullable=False),
        sa.Column("demo", sa.Boolean(), nullable=False),
        sa.Column("created_at", types.INSTANT, nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.CheckConstraint("id = agency_id", name=op.f("ck_agencies_own")),
        sa.PrimaryKeyConstraint("agency_id", "id", name=op.f("pk_agencies")),
    )
    op.create_table(
        "agency_keys",
        sa.Column("agency_id", types.ID, nullable=False),
        sa.Column("epoch", sa.Integer(), nullable=False),
        sa.Column("wrapped", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("agency_id", "epoch", name=op.f("pk_agency_keys")),
    )
    op.create_table(
        "clients",
        sa.Column("agency_id", types.ID, nullable=False),
        sa.Column("id", types.ID, nullable=False),
        sa.Column("alias_sealed", sa.LargeBinary(), nullable=True),
        sa.Column("legal_name_sealed", sa.LargeBinary(), nullable=True),
        sa.Column("pronouns_sealed", sa.LargeBinary(), nullable=True),
        sa.Column("date_of_birth_sealed", sa.LargeBinary(), nullable=True),
        sa.Column("languages_sealed", sa.LargeBinary(), nullable=True),
        sa.Column("contact_sealed", sa.LargeBinary(), nullable=True),
        sa.Column("closing_reason_sealed", sa.LargeBinary(), nullable=True),
        sa.Column("status", sa.String(length=40), nullable=False),
        sa.Column("restricted", sa.Boolean(), nullable=False),
        sa.Column("opened_on", sa.Date(), nullable=False),
        sa.Column("created_at", types.INSTANT, nullable=False),
        sa.Column("closed_at", types.INSTANT, nullable=True),
        sa.Column("attention_at", types.INSTANT, nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("seal_rev", sa.Integer(), nullable=False),
        sa.CheckConstraint("seal_rev > 0", name=op.f("ck_clients_sealed")),
        sa.PrimaryKeyConstraint("agency_id", "id", name=op.f("pk_clients")),
    )
    with op.batch_alter_table("clients", schema=None) as batch_op:
        batch_op.create_index("ix_clients_attention", ["agency_id", "attention_at", "id"], unique=False)

    op.create_table(
        "idempotency_keys",
        sa.Column("agency_id", types.ID, nullable=False),
        sa.Column("actor_id", types.ID, nullable=False),
        sa.Column("key", sa.LargeBinary(), nullable=False),
        sa.Column("fingerprint", sa.LargeBinary(), nullable=False),
        sa.Column("result_id", types.ID, nullable=True),
        sa.Column("created_at", types.INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("agency_id", "actor_id", "key", name=op.f("pk_idempotency_keys")),
        sqlite_with_rowid=False,
    )
    with op.batch_alter_table("idempotency_keys", schema=None) as batch_op:
        batch_op.create_index("ix_idempotency_keys_age", ["agency_id", "created_at"], unique=False)

    op.create_table(
        "jurisdictions",
        sa.Column("agency_id", types.ID, nullable=False),
        sa.Column("id", types.ID, nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("document", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("agency_id", "id", name=op.f("pk_jurisdictions")),
        sa.UniqueConstraint("agency_id", "key", name=op.f("uq_jurisdictions_agency_id_key")),
    )
    op.create_table(
        "ledger_entries",
        sa.Column("agency_id", types.ID, nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("at", types.INSTANT, nullable=False),
        sa.Column("actor_id", types.ID, nullable=False),
        sa.Column("action", sa.String(length=40), nullable=False),
        sa.Column("subject_id", types.ID, nullable=True),
        sa.Column("client_id", types.ID, nullable=True),
        sa.Column("entry", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("agency_id", "seq", name=op.f("pk_ledger_entries")),
        sqlite_with_rowid=False,
    )
    with op.batch_alter_table("ledger_entries", schema=None) as batch_op:
        batch_op.create_index("ix_ledger_entries_actor", ["agency_id", "actor_id", "seq"], unique=False)
        batch_op.create_index("ix_ledger_entries_client", ["agency_id", "client_id", "seq"], unique=False)
        batch_op.create_index("ix_ledger_entries_subject", ["agency_id", "subject_id", "seq"], unique=False)

    op.create_table(
        "ledger_heads",
        sa.Column("agency_id", types.ID, nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("frontier", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("agency_id", name=op.f("pk_ledger_heads")),
    )
    op.create_table(
        "setup_links",
        sa.Column("agency_id", types.ID, nullable=False),
        sa.Column("id", types.ID, nullable=False),
        sa.Column("token_hash", sa.LargeBinary(), nullable=False),
        sa.Column("expires_at", types.INSTANT, nullable=False),
        sa.Column("used_at", types.INSTANT, nullable=True),
        sa.PrimaryKeyConstraint("agency_id", "id", name=op.f("pk_setup_links")),
    )
    op.create_table(
        "templates",
        sa.Column("agency_id", types.ID, nullable=False),
        sa.Column("id", types.ID, nullable=False),
        sa.Column("key", sa.String(), nullable=True),
        sa.Column("copied_from_id", types.ID, nullable=True),
        sa.Column("title", sa.String(), nullable=False),
        sa.Column("published", sa.Integer(), nullable=False),
        sa.Column("draft", sa.Integer(), nullable=True),
        sa.Column("retired_at", types.INSTANT, nullable=True),
        sa.Column("created_at", types.INSTANT, nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("agency_id", "id", name=op.f("pk_templates")),
    )
    op.create_table(
        "users",
        sa.Column("agency_id", types.ID, nullable=False),
        sa.Column("id", types.ID, nullable=False),
        sa.Column("email_sealed", sa.LargeBinary(), nullable=True),
        sa.Column("display_name_sealed", sa.LargeBinary(), nullable=True),
        sa.Column("roles", sa.String(), nullable=False),
        sa.Column("status", sa.String(length=40), nullable=False),
        sa.Column("language", sa.String(), nullable=False),
        sa.Column("password_hash", sa.String(), nullable=False),
        sa.Column("must_change_password", sa.Boolean(), nullable=False),
        sa.Column("password_changed_at", types.INSTANT, nullable=False),
        sa.Column("created_at", types.INSTANT, nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("seal_rev", sa.Integer(), nullable=False),
        sa.CheckConstraint("seal_rev > 0", name=op.f("ck_users_sealed")),
        sa.PrimaryKeyConstraint("agency_id", "id", name=op.f("pk_users")),
    )
    op.create_table(
        "assignments",
        sa.Column("agency_id", types.ID, nullable=False),
        sa.Column("id", types.ID, nullable=False),
        sa.Column("client_id", types.ID, nullable=False),
        sa.Column("user_id", types.ID, nullable=False),
        sa.Column("started_at", types.INSTANT, nullable=False),
        sa.Column("started_by_id", types.ID, nullable=False),
        sa.Column("ended_at", types.INSTANT, nullable=True),
        sa.Column("ended_by_id", types.ID, nullable=True),
        sa.Column("attention_at", types.INSTANT, nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["agency_id", "client_id"],
            ["clients.agency_id", "clients.id"],
            name=op.f("fk_assignments_agency_id_client_id"),
        ),
        sa.ForeignKeyConstraint(
            ["agency_id", "user_id"], ["users.agency_id", "users.id"], name=op.f("fk_assignments_agency_id_user_id")
        ),
        sa.PrimaryKeyConstraint("agency_id", "id", name=op.f("pk_assignments")),
    )
    with op.batch_alter_table("assignments", schema=None) as batch_op:
        batch_op.create_index(
            "ix_assignments_attention",
            ["agency_id", "user_id", "attention_at", "client_id"],
            unique=False,
            sqlite_where=sa.text("ended_at IS NULL"),
            postgresql_where=sa.text("ended_at IS NULL"),
        )
        batch_op.create_index("ix_assignments_client", ["agency_id", "client_id"], unique=False)
        batch_op.create_index(
            "uq_assignments_open",
            ["agency_id", "user_id", "client_id"],
            unique=True,
            sqlite_where=sa.text("ended_at IS NULL"),
            postgresql_where=sa.text("ended_at IS NULL"),
        )

    op.create_table(
        "data_keys",
        sa.Column("agency_id", types.ID, nullable=False),
        sa.Column("kid", sa.LargeBinary(), nullable=False),
        sa.Column("subject_id", types.ID, nullable=False),
        sa.Column("purpose", sa.String(), nullable=False),
        sa.Column("epoch", sa.Integer(), nullable=False),
        sa.Column("wrapped", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", types.INSTANT, nullable=False),
        sa.ForeignKeyConstraint(
            ["agency_id", "epoch"],
            ["agency_keys.agency_id", "agency_keys.epoch"],
            name=op.f("fk_data_keys_agency_id_epoch"),
        ),
        sa.PrimaryKeyConstraint("agency_id", "kid", name=op.f("pk_data_keys")),
    )
    with op.batch_alter_table("data_keys", schema=None) as batch_op:
        batch_op.create_index("ix_data_keys_epoch", ["agency_id", "epoch"], unique=False)
        batch_op.create_index("ix_data_keys_subject", ["agency_id", "subject_id", "created_at"], unique=False)

    op.create_table(
        "external_ids",
        sa.Column("agency_id", types.ID, nullable=False),
        sa.Column("id", types.ID, nullable=False),
        sa.Column("client_id", types.ID, nullable=False),
        sa.Column("system", sa.String(), nullable=False),
        sa.Column("tag", sa.LargeBinary(), nullable=False),
        sa.Column("value_sealed", sa.LargeBinary(), nullable=True),
        sa.Column("seal_rev", sa.Integer(), nullable=False),
        sa.CheckConstraint("seal_rev > 0", name=op.f("ck_external_ids_sealed")),
        sa.ForeignKeyConstraint(
            ["agency_id", "client_id"],
            ["clients.agency_id", "clients.id"],
            name=op.f("fk_external_ids_agency_id_client_id"),
        ),
        sa.PrimaryKeyConstraint("agency_id", "id", name=op.f("pk_external_ids")),
        sa.UniqueConstraint("agency_id", "client_id", "tag", name=op.f("uq_external_ids_agency_id_client_id_tag")),
    )
    with op.batch_alter_table("external_ids", schema=None) as batch_op:
        batch_op.create_index("ix_external_ids_tag", ["agency_id", "tag"], unique=False)

    op.create_table(
        "sessions",
        sa.Column("agency_id", types.ID, nullable=False),
        sa.Column("id", types.ID, nullable=False),
        sa.Column("user_id", types.ID, nullable=False),
        sa.Column("opened_at", types.INSTANT, nullable=False),
        sa.Column("last_used_at", types.INSTANT, nullable=False),
        sa.Column("expires_at", types.INSTANT, nullable=False),
        sa.Column("revoked_at", types.INSTANT, nullable=True),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.Column("refresh_hash", sa.LargeBinary(), nullable=False),
        sa.Column("agent", sa.String(), nullable=True),
        sa.Column("auth", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["agency_id", "user_id"], ["users.agency_id", "users.id"], name=op.f("fk_sessions_agency_id_user_id")
        ),
        sa.PrimaryKeyConstraint("agency_id", "id", name=op.f("pk_sessions")),
    )
    with op.batch_alter_table("sessions", schema=None) as batch_op:
        batch_op.create_index("ix_sessions_user", ["agency_id", "user_id", "opened_at"], unique=False)

    op.create_table(
        "sign_ins",
        sa.Column("agency_id", types.ID, nullable=False),
        sa.Column("id", types.ID, nullable=False),
        sa.Column("email_tag", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["agency_id", "id"], ["users.agency_id", "users.id"], name=op.f("fk_sign_ins_agency_id_id")
        ),
        sa.PrimaryKeyConstraint("agency_id", "id", name=op.f("pk_sign_ins")),
        sa.UniqueConstraint("email_tag", name=op.f("uq_sign_ins_email_tag")),
    )
    op.create_table(
        "template_versions",
        sa.Column("agency_id", types.ID, nullable=False),
        sa.Column("id", types.ID, nullable=False),
        sa.Column("template_id", types.ID, nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(length=40), nullable=False),
        sa.Column("document", sa.String(), nullable=False),
        sa.Column("created_at", types.INSTANT, nullable=False),
        sa.Column("published_at", types.INSTANT, nullable=True),
        sa.Column("published_by_id", types.ID, nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["agency_id", "template_id"],
            ["templates.agency_id", "templates.id"],
            name=op.f("fk_template_versions_agency_id_template_id"),
        ),
        sa.PrimaryKeyConstraint("agency_id", "id", name=op.f("pk_template_versions")),
        sa.UniqueConstraint(
            "agency_id", "template_id", "number", name=op.f("uq_template_versions_agency_id_template_id_number")
        ),
    )
    op.create_table(
        "plans",
        sa.Column("offered", sa.SmallInteger(), nullable=False),
        sa.Column("planned", sa.SmallInteger(), nullable=False),
        sa.Column("in_progress", sa.SmallInteger(), nullable=False),
        sa.Column("done", sa.SmallInteger(), nullable=False),
        sa.Column("declined", sa.SmallInteger(), nullable=False),
        sa.Column("not_applicable", sa.SmallInteger(), nullable=False),
        sa.Column("not_safe_now", sa.SmallInteger(), nullable=False),
        sa.Column("agency_id", types.ID, nullable=False),
        sa.Column("id", types.ID, nullable=False),
        sa.Column("client_id", types.ID, nullable=False),
        sa.Column("template_owner_id", types.ID, nullable=False),
        sa.Column("template_id", types.ID, nullable=False),
        sa.Column("template_version", sa.Integer(), nullable=False),
        sa.Column("status", sa.String(length=40), nullable=False),
        sa.Column("custody", sa.String(length=40), nullable=False),
        sa.Column("language", sa.String(), nullable=False),
        sa.Column("facts_sealed", sa.LargeBinary(), nullable=True),
        sa.Column("items_made", sa.SmallInteger(), nullable=False),
        sa.Column("sections_made", sa.SmallInteger(), nullable=False),
        sa.Column("next_review_at", types.INSTANT, nullable=True),
        sa.Column("created_at", types.INSTANT, nullable=False),
        sa.Column("created_by_id", types.ID, nullable=False),
        sa.Column("activated_at", types.INSTANT, nullable=True),
        sa.Column("closed_at", types.INSTANT, nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("seal_rev", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["agency_id", "client_id"], ["clients.agency_id", "clients.id"], name=op.f("fk_plans_agency_id_client_id")
        ),
        sa.ForeignKeyConstraint(
            ["template_owner_id", "template_id", "template_version"],
            ["template_versions.agency_id", "template_versions.template_id", "template_versions.number"],
            name=op.f("fk_plans_template_owner_id_template_id_template_version"),
        ),
        sa.PrimaryKeyConstraint("agency_id", "id", name=op.f("pk_plans")),
    )
    with op.batch_alter_table("plans", schema=None) as batch_op:
        batch_op.create_index("ix_plans_client", ["agency_id", "client_id", "status"], unique=False)
        batch_op.create_index("ix_plans_next_review", ["agency_id", "next_review_at", "id"], unique=False)
        batch_op.create_index(
            "uq_plans_active",
            ["agency_id", "client_id"],
            unique=True,
            sqlite_where=sa.text("status = 'active'"),
            postgresql_where=sa.text("status = 'active'"),
        )

    op.create_table(
        "checklist_items",
        sa.Column("agency_id", types.ID, nullable=False),
        sa.Column("id", types.ID, nullable=False),
        sa.Column("client_id", types.ID, nullable=False),
        sa.Column("plan_id", types.ID, nullable=False),
        sa.Column("section", sa.SmallInteger(), nullable=False),
        sa.Column("source", sa.SmallInteger(), nullable=False),
        sa.Column("kind", sa.String(length=40), nullable=False),
        sa.Column("status", sa.String(length=40), nullable=False),
        sa.Column("outcome", sa.String(length=40), nullable=True),
        sa.Column("priority", sa.SmallInteger(), nullable=True),
        sa.Column("whose_words", sa.String(length=40), nullable=False),
        sa.Column("completed_at", types.INSTANT, nullable=True),
        sa.Column("completed_by_id", types.ID, nullable=True),
        sa.Column("text_sealed", sa.LargeBinary(), nullable=True),
        sa.Column("detail_sealed", sa.LargeBinary(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("seal_rev", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["agency_id", "plan_id"], ["plans.agency_id", "plans.id"], name=op.f("fk_checklist_items_agency_id_plan_id")
        ),
        sa.PrimaryKeyConstraint("agency_id", "id", name=op.f("pk_checklist_items")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "plan_sections",
        sa.Column("agency_id", types.ID, nullable=False),
        sa.Column("id", types.ID, nullable=False),
        sa.Column("client_id", types.ID, nullable=False),
        sa.Column("plan_id", types.ID, nullable=False),
        sa.Column("source", sa.SmallInteger(), nullable=False),
        sa.Column("position", sa.SmallInteger(), nullable=False),
        sa.Column("choice", sa.String(length=40), nullable=False),
        sa.Column("title_sealed", sa.LargeBinary(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("seal_rev", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["agency_id", "plan_id"], ["plans.agency_id", "plans.id"], name=op.f("fk_plan_sections_agency_id_plan_id")
        ),
        sa.PrimaryKeyConstraint("agency_id", "id", name=op.f("pk_plan_sections")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "reviews",
        sa.Column("agency_id", types.ID, nullable=False),
        sa.Column("id", types.ID, nullable=False),
        sa.Column("client_id", types.ID, nullable=False),
        sa.Column("plan_id", types.ID, nullable=False),
        sa.Column("due_at", types.INSTANT, nullable=False),
        sa.Column("time_zone", sa.String(), nullable=False),
        sa.Column("reviewer_id", types.ID, nullable=True),
        sa.Column("kind", sa.String(length=40), nullable=False),
        sa.Column("trigger", sa.String(length=40), nullable=True),
        sa.Column("recurrence", sa.String(), nullable=True),
        sa.Column("status", sa.String(length=40), nullable=False),
        sa.Column("follows_id", types.ID, nullable=True),
        sa.Column("created_at", types.INSTANT, nullable=False),
        sa.Column("completed_at", types.INSTANT, nullable=True),
        sa.Column("completed_by_id", types.ID, nullable=True),
        sa.Column("cancelled_at", types.INSTANT, nullable=True),
        sa.Column("cancelled_by_id", types.ID, nullable=True),
        sa.Column("what_changed_sealed", sa.LargeBinary(), nullable=True),
        sa.Column("reason_sealed", sa.LargeBinary(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("seal_rev", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["agency_id", "plan_id"], ["plans.agency_id", "plans.id"], name=op.f("fk_reviews_agency_id_plan_id")
        ),
        sa.PrimaryKeyConstraint("agency_id", "id", name=op.f("pk_reviews")),
    )
    with op.batch_alter_table("reviews", schema=None) as batch_op:
        batch_op.create_index("ix_reviews_due", ["agency_id", "due_at", "id"], unique=False)
        batch_op.create_index("ix_reviews_plan", ["agency_id", "plan_id", "status", "due_at"], unique=False)
    protect("agencies", directory=True)
    protect("agency_keys")
    protect("clients")
    protect("idempotency_keys")
    protect("jurisdictions", shared=True)
    protect("ledger_entries")
    protect("ledger_heads")
    protect("setup_links")
    protect("templates", shared=True)
    protect("users")
    protect("assignments")
    protect("data_keys")
    protect("external_ids")
    protect("sessions")
    protect("sign_ins", directory=True)
    protect("template_versions", shared=True)
    protect("plans")
    protect("checklist_items")
    protect("plan_sections")
    protect("reviews")
    append_only("ledger_entries", "ledger_heads")
    unchangeable_when_published("template_versions")


def downgrade() -> None:
    with op.batch_alter_table("reviews", schema=None) as batch_op:
        batch_op.drop_index("ix_reviews_plan")
        batch_op.drop_index("ix_reviews_due")

    op.drop_table("reviews")
    op.drop_table("plan_sections")
    op.drop_table("checklist_items")
    with op.batch_alter_table("plans", schema=None) as batch_op:
        batch_op.drop_index(
            "uq_plans_active", sqlite_where=sa.text("status = 'active'"), postgresql_where=sa.text("status = 'active'")
        )
        batch_op.drop_index("ix_plans_next_review")
        batch_op.drop_index("ix_plans_client")

    op.drop_table("plans")
    op.drop_table("template_versions")
    op.drop_table("sign_ins")
    with op.batch_alter_table("sessions", schema=None) as batch_op:
        batch_op.drop_index("ix_sessions_user")

    op.drop_table("sessions")
    with op.batch_alter_table("external_ids", schema=None) as batch_op:
        batch_op.drop_index("ix_external_ids_tag")

    op.drop_table("external_ids")
    with op.batch_alter_table("data_keys", schema=None) as batch_op:
        batch_op.drop_index("ix_data_keys_subject")
        batch_op.drop_index("ix_data_keys_epoch")

    op.drop_table("data_keys")
    with op.batch_alter_table("assignments", schema=None) as batch_op:
        batch_op.drop_index(
            "uq_assignments_open",
            sqlite_where=sa.text("ended_at IS NULL"),
            postgresql_where=sa.text("ended_at IS NULL"),
        )
        batch_op.drop_index("ix_assignments_client")
        batch_op.drop_index(
            "ix_assignments_attention",
            sqlite_where=sa.text("ended_at IS NULL"),
            postgresql_where=sa.text("ended_at IS NULL"),
        )

    op.drop_table("assignments")
    op.drop_table("users")
    op.drop_table("templates")
    op.drop_table("setup_links")
    op.drop_table("ledger_heads")
    with op.batch_alter_table("ledger_entries", schema=None) as batch_op:
        batch_op.drop_index("ix_ledger_entries_subject")
        batch_op.drop_index("ix_ledger_entries_client")
        batch_op.drop_index("ix_ledger_entries_actor")

    op.drop_table("ledger_entries")
    op.drop_table("jurisdictions")
    with op.batch_alter_table("idempotency_keys", schema=None) as batch_op:
        batch_op.drop_index("ix_idempotency_keys_age")

    op.drop_table("idempotency_keys")
    with op.batch_alter_table("clients", schema=None) as batch_op:
        batch_op.drop_index("ix_clients_attention")

    op.drop_table("clients")
    op.drop_table("agency_keys")
    op.drop_table("agencies")
    dismantle()
