#!/usr/bin/env bash
# Makes the roles and the database when the PostgreSQL container starts for the first time; passwords come from files.
set -euo pipefail

# Exported for the backticks below, which psql runs in a shell.
export SECRETS="${SECRETS:-/run/secrets}"
roles_sql="${ROLES_SQL:-/usr/local/share/waypost/roles.sql}"

# A missing file must stop the set-up here, not become an empty password.
for role in owner app auditor; do
  [[ -s "$SECRETS/${role}_password" && -r "$SECRETS/${role}_password" ]] || {
    echo "waypost: $SECRETS/${role}_password is missing, empty or unreadable; run docker/new-secrets.sh" >&2
    exit 1
  }
done

psql=(psql --no-psqlrc --quiet --set ON_ERROR_STOP=1 --username "${POSTGRES_USER:-postgres}" --dbname postgres)
"${psql[@]}" --file "$roles_sql"
# psql reads the passwords itself: as arguments they would show in a list of processes.
"${psql[@]}" <<'SQL'
\set owner_password `cat "$SECRETS/owner_password"`
\set app_password `cat "$SECRETS/app_password"`
\set auditor_password `cat "$SECRETS/auditor_password"`
ALTER ROLE waypost_owner PASSWORD :'owner_password';
ALTER ROLE waypost_app PASSWORD :'app_password';
ALTER ROLE waypost_auditor PASSWORD :'auditor_password';
CREATE DATABASE waypost OWNER waypost_owner TEMPLATE template0;
REVOKE ALL ON DATABASE waypost FROM PUBLIC;
GRANT CONNECT ON DATABASE waypost TO waypost_app, waypost_auditor;
SQL
