#!/bin/bash
# Stands in for the entry point of the official Postgres image. The same contract:
# PGDATA is initialised when it is empty, as POSTGRES_PASSWORD (or _FILE),
# POSTGRES_USER, POSTGRES_DB, POSTGRES_INITDB_ARGS and POSTGRES_HOST_AUTH_METHOD say;
# as root the server is run by the user postgres; the command ends up as process 1.
set -euo pipefail

if [ $# -eq 0 ] || [ "${1#-}" != "$1" ]; then
	set -- postgres "$@"
fi
if [ "$1" != postgres ]; then
	exec "$@"
fi
if [ "$(id -u)" = 0 ]; then
	mkdir -p "$PGDATA"
	chmod 700 "$PGDATA"
	find "$PGDATA" ! -user postgres -exec chown postgres {} +
	exec setpriv --reuid=postgres --regid=postgres --init-groups "$0" "$@"
fi
if [ ! -s "$PGDATA/PG_VERSION" ]; then
	user=${POSTGRES_USER:-postgres}
	password=${POSTGRES_PASSWORD:-}
	if [ -n "${POSTGRES_PASSWORD_FILE:-}" ]; then
		password=$(<"$POSTGRES_PASSWORD_FILE")
	fi
	if [ -z "$password" ] && [ "${POSTGRES_HOST_AUTH_METHOD:-}" != trust ]; then
		echo "Error: the superuser has no password: set POSTGRES_PASSWORD" >&2
		exit 1
	fi
	# shellcheck disable=SC2086 # several words are meant
	initdb -D "$PGDATA" --username="$user" --pwfile=<(printf '%s\n' "$password") ${POSTGRES_INITDB_ARGS:-}
	echo "host all all all ${POSTGRES_HOST_AUTH_METHOD:-scram-sha-256}" >>"$PGDATA/pg_hba.conf"
	if [ "${POSTGRES_DB:-$user}" != postgres ]; then
		echo "CREATE DATABASE \"${POSTGRES_DB:-$user}\"" | postgres --single -D "$PGDATA" -j postgres
	fi
fi
exec "$@"
