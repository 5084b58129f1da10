#!/usr/bin/env bash
# MariaDB 10.11.19 (Debian 12), replication with GTIDs, seen 2026-12-01.
#
# A replica whose connection is lost tries again every master_connect_retry seconds. Not
# so where it is lost while the replica introduces itself: it sets variables of the
# session at the primary, such as @master_binlog_checksum, and reads them back. A
# connection that is reset between two of these statements is made anew by the client
# library inside the server without a word, and what was set is gone: the replica takes
# the NULL that it reads back for fatal (1593, with an empty error), or is sent events in
# a form that it has not asked for and cannot take (1595). The I/O thread stops;
# master_connect_retry and master_retry_count are not asked, and somebody has to say
# START SLAVE. A network that resets connections for a while meets it sooner or later:
# each reset starts the introduction anew.
#
# Guess that it breaks: what the network takes from a replica is tried again, wherever
# it does.
#
# Seen, the connection reset once, right after the answer to ..., and ten seconds later:
#   SELECT UNIX_TIMESTAMP()          runs again
#   SET @master_binlog_checksum      stopped, error 1593, until START SLAVE
#   SELECT @master_binlog_checksum   stopped, error 1595, until START SLAVE
#   no statement, but amid events    runs again
#
# Needs apt-get (packages are only downloaded, nothing is installed) and python3.
set -euo pipefail
dir=$(mktemp -d)
pids=()
stop() {
  for p in "${pids[@]}"; do kill -9 "$p" 2>/dev/null || true; done
  for p in "${pids[@]}"; do wait "$p" 2>/dev/null || true; done
  rm -rf "$dir"
}
trap stop EXIT
chmod 755 "$dir"

version=1:10.11.19-0+deb12u1
mkdir "$dir/deb" && cd "$dir/deb"
for p in mariadb-server=$version mariadb-server-core=$version mariadb-client=$version mariadb-client-core=$version libmariadb3=$version \
  liburing2 libsnappy1v5 libnuma1 libpmem1 libdaxctl1 libndctl6; do
  apt-get download "$p" >/dev/null 2>&1 || { echo "cannot be downloaded: $p (run apt-get update)" >&2; exit 1; }
done
for d in *.deb; do dpkg-deb -x "$d" "$dir/root"; done
cd "$dir"
root=$dir/root
export LD_LIBRARY_PATH=$(echo "$root"/usr/lib/*-linux-gnu)
user=()
if [ "$(id -u)" -eq 0 ]; then user=(setpriv --reuid 65534 --regid 65534 --clear-groups); fi

start() { # start PORT
  "${user[@]}" "$root/usr/sbin/mariadbd" --no-defaults --basedir="$root/usr" --datadir="$dir/$1" --tmpdir="$dir/$1" --socket="$dir/$1/s" \
    --pid-file="$dir/$1/pid" --lc-messages-dir="$root/usr/share/mysql" --port="$1" --bind-address=127.0.0.1 --log-bin=b --server-id="$1" \
    --skip-name-resolve --innodb-buffer-pool-size=16M >>"$1.log" 2>&1 &
  pids+=($!)
  for _ in $(seq 200); do sql "$1" -e 'select 1' >/dev/null 2>&1 && return; sleep 0.1; done
  tail "$1.log"; exit 1
}
sql() { local port=$1; shift; "$root/usr/bin/mariadb" --no-defaults -uroot -S "$dir/$port/s" "$@"; }

# The proxy hands on what it gets. While the file "cut" is there, whose text stands in what the replica sends, it hands on the
# answer to that too, takes the file away, and resets the connection at both ends before the replica goes on: its server is
# stopped for that moment, as if it had not had the processor, so that the order is always the same.
cat >proxy.py <<'P'
import os, select, signal, socket, struct, threading, time
def reset(s):
    s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0)); s.close()
def serve(replica):
    primary = socket.create_connection(("127.0.0.1", 42421))
    due = False
    while True:
        for s in select.select([replica, primary], [], [])[0]:
            try: b = s.recv(1 << 16)
            except OSError: b = b""
            if not b:
                replica.close(); primary.close(); return
            if s is replica:
                primary.sendall(b)
                try: due = open("cut", "rb").read() in b
                except OSError: due = False
            elif due or (b"the dump" in b and os.path.exists("cut-dump")):
                for f in ("cut", "cut-dump"):
                    if os.path.exists(f): os.remove(f)
                server = int(open("replica.pid").read())
                os.kill(server, signal.SIGSTOP)
                while not all(open(f"/proc/{server}/task/{t}/stat").read().rsplit(")", 1)[1].split()[0] == "T" for t in os.listdir(f"/proc/{server}/task")):
                    time.sleep(0.001)
                replica.sendall(b)
                reset(replica); reset(primary)
                os.kill(server, signal.SIGCONT); return
            else:
                replica.sendall(b)
l = socket.socket(); l.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
l.bind(("127.0.0.1", 42423)); l.listen(16)
while True: threading.Thread(target=serve, args=(l.accept()[0],), daemon=True).start()
P

for p in 42421 42422 42423; do if (: >/dev/tcp/127.0.0.1/"$p") 2>/dev/null; then echo "port $p is in use" >&2; exit 1; fi; done
for port in 42421 42422; do
  mkdir "$port" && { [ "$(id -u)" -ne 0 ] || chown 65534:65534 "$port"; }
  "${user[@]}" "$root/usr/bin/mariadb-install-db" --no-defaults --basedir="$root/usr" --datadir="$dir/$port" --tmpdir="$dir/$port" \
    --auth-root-authentication-method=normal --skip-test-db >install.log 2>&1 || { tail install.log; exit 1; }
  start "$port"
  sql "$port" -e "set sql_log_bin=0; create user r@'127.0.0.1' identified by 'r'; grant replication slave on *.* to r@'127.0.0.1'"
done
printf %s "${pids[1]}" >replica.pid
python3 proxy.py & pids+=($!)
sql 42421 -N -e 'select version()'
sql 42421 -e "create database d; create table d.t (v varchar(20))"
sql 42422 -e "change master to master_host='127.0.0.1', master_port=42423, master_user='r', master_password='r', master_use_gtid=slave_pos, master_connect_retry=1; start slave"

status() { sql 42422 -e 'show slave status\G' | awk -v k="$1:" '$1==k{$1="";print substr($0,2)}'; }
await() { for _ in $(seq "$1"); do [ "$(status Slave_IO_Running)" = "$2" ] && return; sleep 0.1; done; return 1; }
await 200 Yes || { echo "changed: the replica does not connect"; exit 1; }

bad=0
# case_of WHAT WANTED: cuts once after the answer to WHAT while the replica connects anew.
case_of() {
  if [ "$1" = "the dump" ]; then
    touch cut-dump
    sql 42421 -e "insert into d.t values ('the dump')"
  else
    printf %s "$1" >cut.new; mv cut.new cut
    sql 42422 -e 'stop slave io_thread; start slave io_thread'
  fi
  for _ in $(seq 100); do [ -e cut ] || [ -e cut-dump ] || break; sleep 0.1; done
  if [ -e cut ] || [ -e cut-dump ]; then echo "changed: nobody said: $1"; exit 1; fi
  sleep 10
  local seen; seen="$(status Slave_IO_Running) $(status Last_IO_Errno)"
  echo "cut after the answer to $1: ten seconds later Slave_IO_Running and Last_IO_Errno are $seen"
  [ "$seen" = "$2" ] || { echo "  changed, it was $2"; bad=1; }
  if [ "$(status Slave_IO_Running)" != Yes ]; then
    echo "  $(status Last_IO_Error)"
    sql 42422 -e 'start slave io_thread'
    await 200 Yes || { echo "changed: START SLAVE does not help"; exit 1; }
    echo "  runs again after START SLAVE"
  fi
}
case_of 'SELECT UNIX_TIMESTAMP()' 'Yes 0'
case_of 'SET @master_binlog_checksum' 'No 1593'
case_of 'SELECT @master_binlog_checksum' 'No 1595'
case_of 'the dump' 'Yes 0'
exit $bad
