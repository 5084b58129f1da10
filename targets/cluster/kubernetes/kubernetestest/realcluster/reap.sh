#!/bin/sh
# Ends the cluster when what started it is gone, however that ended: then this has no more input.
# Arguments: the cluster's directory, and those of start.sh.
dir=$1
setpriv --pdeathsig KILL unshare --mount --net --pid --fork --kill-child --mount-proc sh "$dir/start.sh" "$@" </dev/null >"$dir/start.log" 2>&1 &
outer=$!
echo "$outer"
exec >/dev/null
trap '' INT TERM HUP
cat >/dev/null
kill -9 "$outer"
wait "$outer"
# The kernel ends what was in there, and lets go of its cgroups, after that.
for try in $(seq 100); do
  left=$(find /sys/fs/cgroup/*/"$(basename "$dir")" -depth -type d ! -exec rmdir {} \; -print 2>/dev/null | head -n 1)
  [ -z "$left" ] && break
  sleep 0.1
done
rm -rf --one-file-system "$dir"
