#!/usr/bin/env bash
# Makes ./secrets with a random password per database role, readable by the containers and nobody else; keeps what is there.
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
