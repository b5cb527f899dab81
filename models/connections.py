"""How many connections a PostgreSQL server has to give."""

import sqlalchemy as sa

FOR_CLIENTS = sa.text(
    "select current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int"
    " - coalesce(current_setting('reserved_connections', true)::int, 0)"
)


def connections_for_clients(engine: sa.Engine) -> int:
    """Connections that roles without privileges can share: max_connections less what is kept for superusers."""
    with engine.connect() as connection:
        return int(connection.execute(FOR_CLIENTS).scalar_one())
