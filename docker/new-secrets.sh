#!/usr/bin/env bash
# Makes ./secrets with a random password per database role and the database's certificate, readable by the containers
# and nobody else; keeps what is there.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# The group of the image's user; the database container is a member too (group_add in docker-compose.yml).
waypost=10001

umask 077
install --directory --owner root --group "$waypost" --mode 0750 secrets
install --directory --owner "$waypost" --group "$waypost" --mode 0700 secrets/keys
for role in superuser owner app auditor; do
  file="secrets/${role}_password"
  if [[ ! -s "$file" ]]; then
    head -c 32 /dev/urandom | base64 | tr -d '=\n' | tr '+/' '-_' > "$file"
    echo "made $file"
  fi
  chown "root:$waypost" "$file"
  chmod 0640 "$file"
done

# The database's own certificate: whoever connects knows this one and trusts no other (sslmode=verify-full).
if [[ ! -s secrets/database_key || ! -s secrets/database_certificate ]]; then
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 3650 -subj /CN=db \
    -addext subjectAltName=DNS:db -keyout secrets/database_key -out secrets/database_certificate 2>/dev/null
  echo "made secrets/database_key and secrets/database_certificate"
fi
chown "root:$waypost" secrets/database_key secrets/database_certificate
chmod 0640 secrets/database_key secrets/database_certificate
