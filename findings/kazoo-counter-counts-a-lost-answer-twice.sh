#!/usr/bin/env bash
# kazoo 2.10.0 (Python), ZooKeeper 3.9.4, seen 2026-11-28.
#
# `counter += 1` adds 2 if the connection ends after the server has set the new value and
# before its answer arrives, and 4 if that happens three times. No error is raised. The
# counter reads the value with its version and sets it on the condition of that version;
# but the whole of both is what is tried again after a lost connection, and the second
# read finds the value that the first try has written, with a version that fits.
#
# Guess that it breaks: the set is conditional (ZooKeeper's setData with a version), so a
# repeated one fails, and a lost answer is either an error or counted once. A condition
# protects from others only if a retry keeps it.
#
# Seen (answers lost, what one += 1 added): 0: 1, 1: 2, 3: 4.
#
# Needs Java 11 or later, Maven, Python 3 with venv.
set -euo pipefail
dir=$(mktemp -d)
server=
trap '[ -z "$server" ] || { kill "$server" 2>/dev/null; wait "$server" 2>/dev/null; } || true; rm -rf "$dir"' EXIT
cd "$dir"
cat >pom.xml <<'XML'
<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>example.test</groupId><artifactId>zk</artifactId><version>1</version>
  <dependencies>
    <dependency><groupId>org.apache.zookeeper</groupId><artifactId>zookeeper</artifactId><version>3.9.4</version></dependency>
    <dependency><groupId>io.dropwizard.metrics</groupId><artifactId>metrics-core</artifactId><version>4.1.12.1</version></dependency>
    <dependency><groupId>org.xerial.snappy</groupId><artifactId>snappy-java</artifactId><version>1.1.10.5</version></dependency>
  </dependencies>
</project>
XML
mvn -q dependency:copy-dependencies -DoutputDirectory=lib >mvn.log 2>&1 || { tail mvn.log; exit 1; }
python3 -m venv venv
venv/bin/pip -q install kazoo==2.10.0 >pip.log 2>&1 || { cat pip.log; exit 1; }
port=42711
for p in $port; do if (: >/dev/tcp/127.0.0.1/"$p") 2>/dev/null; then echo "port $p is in use" >&2; exit 1; fi; done
cat >zoo.cfg <<CFG
tickTime=2000
dataDir=$dir/data
clientPort=$port
clientPortAddress=127.0.0.1
admin.enableServer=false
CFG
java -cp 'lib/*' org.apache.zookeeper.server.quorum.QuorumPeerMain zoo.cfg >server.log 2>&1 &
server=$!
cat >count.py <<'PY'
import logging
import socket
import sys
import threading

from kazoo.client import KazooClient

logging.disable(logging.CRITICAL)
SERVER = ("127.0.0.1", int(sys.argv[1]))
SET_DATA = 5


class Proxy:
    """Passes everything on. While cuts are left it ends the connection in place of the answer to a setData."""

    def __init__(self):
        self.cuts, self.marked = 0, set()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            client, _ = self.listener.accept()
            try:
                server = socket.create_connection(SERVER)
            except OSError:
                client.close()
                continue
            for run in (self.requests, self.answers):
                threading.Thread(target=run, args=(client, server), daemon=True).start()

    def requests(self, client, server):
        try:
            while data := client.recv(65536):
                # A request is its length, its number and its type, four bytes each.
                if self.cuts and int.from_bytes(data[8:12], "big") == SET_DATA:
                    self.cuts -= 1
                    self.marked.add(client)
                server.sendall(data)
        except OSError:
            pass
        self.end(client, server)

    def answers(self, client, server):
        try:
            while data := server.recv(65536):
                if client in self.marked:
                    break
                client.sendall(data)
        except OSError:
            pass
        self.end(client, server)

    @staticmethod
    def end(*sockets):
        for s in sockets:
            try:
                s.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass


proxy = Proxy()
client = KazooClient(hosts=f"127.0.0.1:{proxy.port}", timeout=10)
client.start(60)
counter = client.Counter("/n")
added = {}
for lost in (0, 1, 3):
    before = counter.value
    proxy.cuts = lost
    counter += 1
    added[lost] = counter.value - before
    print(f"answers lost {lost}: += 1 added {added[lost]}")
client.stop()
if added[0] != 1:
    sys.exit("changed: without a lost answer (the control) it does not add 1")
if added != {0: 1, 1: 2, 3: 4}:
    sys.exit("changed: a lost answer is not counted twice")
PY
venv/bin/python count.py $port
