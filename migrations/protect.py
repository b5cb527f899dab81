"""The walls and triggers a table gets when it is made. Called by migrations, on both databases."""

from collections.abc import Iterator
from contextlib import contextmanager

from alembic import op

PLATFORM = "'00000000-0000-0000-0000-000000000000'::uuid"


def prepare() -> None:
    """PostgreSQL only: the function that says which agency a transaction belongs to, and who may use the schema."""
    if _embedded():
        return
    op.execute("create schema if not exists app")
    op.execute(
        "create or replace function app.agency() returns uuid language sql stable parallel safe as "
        "$$ select nullif(current_setting('app.agency_id', true), '')::uuid $$"
    )
    op.execute("grant usage on schema app, public to waypost_app, waypost_auditor")
    op.execute("grant select on alembic_version to waypost_app")


def dismantle() -> None:
    """Undo prepare()."""
    if not _embedded():
        op.execute("drop schema app cascade")


def protect(table: str, *, shared: bool = False, directory: bool = False) -> None:
    """Row-level security, forced: a transaction sees and writes its own agency's rows only.

    shared: it also sees the platform's rows. directory: the platform also sees everybody's rows.
    """
    if _embedded():
        return
    own = "agency_id = (select app.agency())"
    op.execute(f"alter table {table} enable row level security")
    op.execute(f"alter table {table} force row level security")
    op.execute(f"create policy own on {table} using ({own}) with check ({own})")
    if shared:
        op.execute(f"create policy shared on {table} for select using (agency_id = {PLATFORM})")
    if directory:
        op.execute(f"create policy directory on {table} for select using ((select app.agency()) = {PLATFORM})")
    op.execute(f"grant select, insert, update, delete on {table} to waypost_app")


@contextmanager
def unforced(*tables: str) -> Iterator[None]:
    """Row-level security forced on these tables binds their owner too; inside, a migration sees every agency's rows."""
    names = () if _embedded() else tables
    for table in names:
        op.execute(f"alter table {table} no force row level security")
    yield
    for table in names:
        op.execute(f"alter table {table} force row level security")


def append_only(entries: str, heads: str) -> None:
    """Make the ledger a ledger: entries only at the head, heads only one step forward, nothing ever taken away."""
    if _embedded():
        for statement in _sqlite_ledger(entries, heads):
            op.execute(statement)
        return
    for statement in _postgresql_ledger(entries, heads):
        op.execute(statement)
    op.execute(f"revoke update, delete, truncate on {entries} from waypost_app")
    op.execute(f"revoke update, delete, truncate on {heads} from waypost_app")
    op.execute(f"grant update (size, frontier) on {heads} to waypost_app")
    op.execute(f"grant select on {entries}, {heads} to waypost_auditor")


def append_only_beside(tiles: str, notes: str, heads: str) -> None:
    """What stands beside the ledger only grows with it: the root of a run with the run's last entry, checkpoints of
    what is there, and nothing is ever taken away."""
    size = f"(select size from {heads} where agency_id = new.agency_id)"
    if _embedded():
        stop = "begin select raise(abort, 'the ledger is append-only'); end"
        there = f"exists (select 1 from {notes} where agency_id = new.agency_id and size = new.size and kid = new.kid)"
        for table in (tiles, notes):
            op.execute(f"create trigger {table}_update before update on {table} {stop}")
            op.execute(f"create trigger {table}_delete before delete on {table} {stop}")
        op.execute(
            f"create trigger {tiles}_insert before insert on {tiles} when new.number * 256 + 255 is not {size} {stop}"
        )
        op.execute(
            f"create trigger {notes}_insert before insert on {notes} "
            f"when {size} is null or new.size > {size} or {there} {stop}"
        )
        return
    raising = "raise exception 'the ledger grows at its head only' using errcode = '42501'; end if; return new; end $$"
    op.execute(
        "create function app.ledger_tile_at_head() returns trigger language plpgsql as $$ begin "
        f"if new.number * 256 + 255 is distinct from {size} then {raising}"
    )
    op.execute(
        "create function app.ledger_note_below_head() returns trigger language plpgsql as $$ begin "
        f"if (new.size <= {size}) is not true then {raising}"
    )
    for table, check in ((tiles, "ledger_tile_at_head"), (notes, "ledger_note_below_head")):
        refuse = "execute function app.ledger_refuses()"
        op.execute(f"create trigger {table}_change before update or delete on {table} for each row {refuse}")
        op.execute(f"create trigger {table}_truncate before truncate on {table} {refuse}")
        op.execute(
            f"create trigger {table}_insert before insert on {table} for each row execute function app.{check}()"
        )
        op.execute(f"revoke update, delete, truncate on {table} from waypost_app")
        op.execute(f"grant select on {table} to waypost_auditor")


def unchangeable_when_published(versions: str) -> None:
    """A published template version keeps its words, whoever asks."""
    changed = "new.document is distinct from old.document or new.state is distinct from old.state"
    if _embedded():
        changed = "new.document is not old.document or new.state is not old.state"
        op.execute(
            f"create trigger {versions}_published before update on {versions} "
            f"when old.state = 'published' and ({changed}) "
            "begin select raise(abort, 'a published version never changes'); end"
        )
        return
    op.execute(
        "create function app.version_stays() returns trigger language plpgsql as $$ begin "
        "raise exception 'a published version never changes' using errcode = '42501'; end $$"
    )
    op.execute(
        f"create trigger {versions}_published before update on {versions} for each row "
        f"when (old.state = 'published' and ({changed})) execute function app.version_stays()"
    )


def walls_hold(walls: str, assignments: str, *, take_away: bool = False) -> None:
    """A standing wall and an open assignment of the same person to the same client never stand together, whoever writes
    them: so an advocate's sight need not ask for walls."""
    same = "agency_id = new.agency_id and user_id = new.user_id and client_id = new.client_id"
    stands = f"exists (select 1 from {walls} where {same} and set_at is not null and lifted_at is null)"
    works = f"exists (select 1 from {assignments} where {same} and ended_at is null)"
    who = "agency_id, client_id, user_id"
    checks = {
        assignments: (f"{who}, ended_at", "new.ended_at is null", stands),
        walls: (f"{who}, set_at, lifted_at", "new.set_at is not null and new.lifted_at is null", works),
    }
    for table, (columns, when, there) in checks.items():
        if _embedded():
            stop = "begin select raise(abort, 'a wall stands between the two'); end"
            for name, event in (("insert", "insert"), ("update", f"update of {columns}")):
                if take_away:
                    op.execute(f"drop trigger {table}_walled_{name}")
                else:
                    op.execute(
                        f"create trigger {table}_walled_{name} before {event} on {table} when {when} and {there} {stop}"
                    )
        elif take_away:
            op.execute(f"drop trigger {table}_walled on {table}")
            op.execute(f"drop function app.{table}_walled()")
        else:
            raising = "raise exception 'a wall stands between the two' using errcode = '23514'"
            op.execute(
                f"create function app.{table}_walled() returns trigger language plpgsql as $$ begin "
                f"if {there} then {raising}; end if; return new; end $$"
            )
            op.execute(
                f"create trigger {table}_walled before insert or update of {columns} on {table} for each row "
                f"when ({when}) execute function app.{table}_walled()"
            )


def _embedded() -> bool:
    return op.get_bind().dialect.name == "sqlite"


def _sqlite_ledger(entries: str, heads: str) -> list[str]:
    # INSERT OR REPLACE deletes without firing DELETE triggers: the head check on INSERT stops it, NULL-safe by IS NOT.
    stop = "begin select raise(abort, 'the ledger is append-only'); end"
    return [
        f"create trigger {entries}_update before update on {entries} {stop}",
        f"create trigger {entries}_delete before delete on {entries} {stop}",
        f"create trigger {entries}_insert before insert on {entries} "
        f"when new.seq is not (select size from {heads} where agency_id = new.agency_id) {stop}",
        f"create trigger {heads}_delete before delete on {heads} {stop}",
        f"create trigger {heads}_insert before insert on {heads} when new.size is not 0 or exists "
        f"(select 1 from {heads} where agency_id = new.agency_id) or exists "
        f"(select 1 from {entries} where agency_id = new.agency_id) {stop}",
        f"create trigger {heads}_update before update on {heads} "
        f"when new.size is not old.size + 1 or new.agency_id is not old.agency_id {stop}",
    ]


def _postgresql_ledger(entries: str, heads: str) -> list[str]:
    refuse = "execute function app.ledger_refuses()"
    raising = "begin raise exception 'the ledger is append-only' using errcode = '42501'; end"
    return [
        f"create function app.ledger_refuses() returns trigger language plpgsql as $$ {raising} $$",
        "create function app.ledger_at_head() returns trigger language plpgsql as $$ begin "
        f"if new.seq is distinct from (select size from {heads} where agency_id = new.agency_id) then "
        "raise exception 'the ledger grows at its head only' using errcode = '42501'; end if; return new; end $$",
        f"create trigger {entries}_change before update or delete on {entries} for each row {refuse}",
        f"create trigger {entries}_truncate before truncate on {entries} {refuse}",
        f"create trigger {entries}_insert before insert on {entries} for each row "
        "execute function app.ledger_at_head()",
        f"create trigger {heads}_delete before delete on {heads} for each row {refuse}",
        f"create trigger {heads}_truncate before truncate on {heads} {refuse}",
        f"create trigger {heads}_insert before insert on {heads} for each row when (new.size <> 0) {refuse}",
        f"create trigger {heads}_update before update on {heads} for each row "
        f"when (new.size <> old.size + 1 or new.agency_id <> old.agency_id) {refuse}",
    ]
