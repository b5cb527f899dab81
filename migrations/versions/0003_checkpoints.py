"""Checkpoints: the roots of complete runs of 256 entries, and the notes signed over each log.

Revision ID: 0003
Revises: 0002
"""

from hashlib import sha256
from uuid import UUID

import sqlalchemy as sa
from alembic import op

from migrations import types
from migrations.protect import append_only_beside, protect

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "ledger_tiles",
        sa.Column("agency_id", types.ID, nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("agency_id", "number", name=op.f("pk_ledger_tiles")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "ledger_checkpoints",
        sa.Column("agency_id", types.ID, nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("kid", sa.LargeBinary(), nullable=False),
        sa.Column("note", sa.String(), nullable=False),
        sa.Column("at", types.INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("agency_id", "size", "kid", name=op.f("pk_ledger_checkpoints")),
    )
    _fill()  # before the triggers, which take the root of a run with its last entry only
    protect("ledger_tiles")
    protect("ledger_checkpoints")
    append_only_beside("ledger_tiles", "ledger_checkpoints", "ledger_heads")


def downgrade() -> None:
    op.drop_table("ledger_checkpoints")
    op.drop_table("ledger_tiles")
    if op.get_bind().dialect.name != "sqlite":
        op.execute("drop function app.ledger_tile_at_head()")
        op.execute("drop function app.ledger_note_below_head()")


def _fill() -> None:
    """The roots of the runs that are there already, agency by agency: row-level security shows one at a time."""
    bind = op.get_bind()
    entries = sa.table("ledger_entries", sa.column("agency_id", types.ID), sa.column("seq"), sa.column("entry"))
    tiles = sa.table("ledger_tiles", sa.column("agency_id", types.ID), sa.column("number"), sa.column("hash"))
    if bind.dialect.name == "sqlite":
        agencies = list(bind.execute(sa.select(entries.c.agency_id).distinct()).scalars())
    else:
        op.execute("select set_config('app.agency_id', '00000000-0000-0000-0000-000000000000', true)")
        named = sa.table("agencies", sa.column("agency_id", types.ID))  # the platform sees everybody's row of it
        agencies = [UUID(int=0), *bind.execute(sa.select(named.c.agency_id)).scalars()]
    for agency_id in agencies:
        if bind.dialect.name != "sqlite":
            bind.execute(sa.text("select set_config('app.agency_id', :one, true)"), {"one": str(agency_id)})
        mine = sa.select(entries.c.entry).where(entries.c.agency_id == agency_id).order_by(entries.c.seq)
        number = 0
        while True:
            first = 256 * number
            run = bind.execute(mine.where(entries.c.seq.between(first, first + 255))).scalars().all()
            if len(run) < 256:
                break
            made = {"agency_id": agency_id, "number": number, "hash": _root([bytes(entry) for entry in run])}
            bind.execute(sa.insert(tiles), made)
            number += 1
    if bind.dialect.name != "sqlite":
        op.execute("select set_config('app.agency_id', '', true)")


def _root(entries: list[bytes]) -> bytes:
    """RFC 6962, written out: a migration never changes with the code."""
    level = [sha256(b"\x00" + entry).digest() for entry in entries]
    while len(level) > 1:
        level = [sha256(b"\x01" + level[i] + level[i + 1]).digest() for i in range(0, len(level), 2)]
    return level[0]
