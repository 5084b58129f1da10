#!/bin/bash
# Stands in for Cassandra's bin/cassandra: options from the files in CASSANDRA_CONF,
# which is first on the class path, then MAX_HEAP_SIZE and JVM_EXTRA_OPTS.
set -euo pipefail

if [ "$(id -u)" = 0 ]; then
	echo "Running Cassandra as root user is not recommended, and refused" >&2
	exit 1
fi
case "${MAX_HEAP_SIZE:+x}${HEAP_NEWSIZE:+x}" in
x)
	echo "please set or unset MAX_HEAP_SIZE and HEAP_NEWSIZE in pairs" >&2
	exit 1
	;;
esac
options=(-javaagent:"$(echo "$CASSANDRA_HOME"/lib/jamm-*.jar)")
while IFS= read -r line; do
	# shellcheck disable=SC2206 # a line may hold an option and its value
	options+=($line)
done < <(grep -h '^-' "$CASSANDRA_CONF/jvm-server.options" "$CASSANDRA_CONF/jvm17-server.options")
[ -z "${MAX_HEAP_SIZE:-}" ] || options+=("-Xms$MAX_HEAP_SIZE" "-Xmx$MAX_HEAP_SIZE")
# shellcheck disable=SC2086 # several words are meant
exec java "${options[@]}" -Dcassandra.jmx.local.port=7199 -Djdk.attach.allowAttachSelf=true ${JVM_EXTRA_OPTS:-} \
	-Dlogback.configurationFile=logback.xml -Dcassandra-foreground=yes \
	-cp "$CASSANDRA_CONF:$CASSANDRA_HOME/lib/*" org.apache.cassandra.service.CassandraDaemon
