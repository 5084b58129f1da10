#!/bin/bash
# Stands in for the entry point of the official Cassandra image. The same contract:
# CASSANDRA_* change the files in CASSANDRA_CONF, as root the server is run by the
# user cassandra, and the command ends up as process 1.
set -euo pipefail

if [ $# -eq 0 ] || [ "${1#-}" != "$1" ]; then
	set -- cassandra -f "$@"
fi
if [ "$1" = cassandra ] && [ "$(id -u)" = 0 ]; then
	mkdir -p /var/lib/cassandra /var/log/cassandra
	find "$CASSANDRA_CONF" /var/lib/cassandra /var/log/cassandra ! -user cassandra -exec chown cassandra {} +
	exec setpriv --reuid=cassandra --regid=cassandra --init-groups "$0" "$@"
fi
if [ "$1" = cassandra ]; then
	address=$(hostname -i 2>/dev/null | cut -d' ' -f1 || true)
	: "${CASSANDRA_RPC_ADDRESS=0.0.0.0}"
	: "${CASSANDRA_LISTEN_ADDRESS=auto}"
	[ "$CASSANDRA_LISTEN_ADDRESS" != auto ] || CASSANDRA_LISTEN_ADDRESS=$address
	: "${CASSANDRA_BROADCAST_ADDRESS=$CASSANDRA_LISTEN_ADDRESS}"
	: "${CASSANDRA_BROADCAST_RPC_ADDRESS:=$CASSANDRA_BROADCAST_ADDRESS}"
	: "${CASSANDRA_SEEDS:=$CASSANDRA_BROADCAST_ADDRESS}"
	edit() { # not sed -i: the file may be a mount
		local text
		text=$(sed -r "$2" "$1")
		printf '%s\n' "$text" >"$1"
	}
	edit "$CASSANDRA_CONF/cassandra.yaml" 's/(- seeds:).*/\1 "'"$CASSANDRA_SEEDS"'"/'
	for key in broadcast_address broadcast_rpc_address cluster_name endpoint_snitch listen_address num_tokens rpc_address; do
		name=CASSANDRA_${key^^}
		value=${!name:-}
		[ -z "$value" ] || edit "$CASSANDRA_CONF/cassandra.yaml" "s/^(# )?($key:).*/\\2 ${value//\//\\/}/"
	done
	for key in dc rack; do
		name=CASSANDRA_${key^^}
		value=${!name:-}
		[ -z "$value" ] || edit "$CASSANDRA_CONF/cassandra-rackdc.properties" "s/^($key=).*/\\1$value/"
	done
fi
exec "$@"
