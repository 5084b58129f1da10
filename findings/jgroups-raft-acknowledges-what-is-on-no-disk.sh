#!/usr/bin/env bash
# jgroups-raft 1.1.4.Final with JGroups 5.4.11.Final (Java), seen 2026-11-30.
#
# RAFT has a log of its own on disk (FileBasedLog is its default), and a write is acknowledged when a majority
# has it there. With its defaults nothing is ever synced: neither an entry before it is confirmed, nor the term
# and the vote before the answer goes out, nor anything when a node is closed in good order. What three nodes
# have acknowledged is in three page caches, and a vote that a power failure takes back can be given again in
# the same term. RAFT.log_use_fsync is what most would take for granted; the default is false, and the stack
# that is shipped (raft.xml) does not set it. With it each entry is synced at each node.
#
# Guess that it breaks: a Raft log with files of its own syncs what it acknowledges, as the algorithm's proof
# asks for, unless one tells it not to.
#
# Seen (three nodes in one JVM, 100 puts one after the other, calls of the kernel counted by strace):
#   defaults:           100 puts acknowledged, 0 syncs (fsync, fdatasync, msync, O_SYNC, O_DSYNC)
#   log_use_fsync=true: 100 puts acknowledged, 300 syncs and more
#
# Needs a JDK 11 or later with javac, Maven, and Debian 12's apt (apt-get download); strace needs leave to trace.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
apt-get download strace=6.1-0.1 libunwind8 >apt.log 2>&1 || { echo "strace cannot be downloaded (run apt-get update)" >&2; cat apt.log >&2; exit 1; }
for d in *.deb; do dpkg-deb -x "$d" root; done
cat >pom.xml <<'XML'
<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>example.test</groupId><artifactId>synced</artifactId><version>1</version>
  <dependencies>
    <dependency><groupId>org.jgroups</groupId><artifactId>jgroups-raft</artifactId><version>1.1.4.Final</version></dependency>
    <dependency><groupId>org.jgroups</groupId><artifactId>jgroups</artifactId><version>5.4.11.Final</version></dependency>
    <dependency><groupId>org.apache.logging.log4j</groupId><artifactId>log4j-core</artifactId><version>2.25.2</version></dependency>
  </dependencies>
</project>
XML
mvn -q dependency:copy-dependencies -DoutputDirectory=lib >mvn.log 2>&1 || { tail mvn.log; exit 1; }
cat >Synced.java <<'J'
import java.util.ArrayList;
import java.util.List;
import org.jgroups.JChannel;
import org.jgroups.protocols.FD_ALL3;
import org.jgroups.protocols.FRAG4;
import org.jgroups.protocols.MERGE3;
import org.jgroups.protocols.SHARED_LOOPBACK;
import org.jgroups.protocols.SHARED_LOOPBACK_PING;
import org.jgroups.protocols.UNICAST3;
import org.jgroups.protocols.pbcast.GMS;
import org.jgroups.protocols.pbcast.NAKACK2;
import org.jgroups.protocols.pbcast.STABLE;
import org.jgroups.protocols.raft.ELECTION;
import org.jgroups.protocols.raft.NO_DUPES;
import org.jgroups.protocols.raft.RAFT;
import org.jgroups.protocols.raft.REDIRECT;
import org.jgroups.raft.blocks.ReplicatedStateMachine;
import org.jgroups.stack.Protocol;

public class Synced {
    public static void main(String[] args) throws Exception {
        List<String> names = List.of("A", "B", "C");
        List<JChannel> channels = new ArrayList<>();
        List<ReplicatedStateMachine<String, String>> machines = new ArrayList<>();
        RAFT first = null;
        for (String name : names) {
            RAFT raft = new RAFT().members(names).raftId(name).logDir("logs-" + args[0]);
            if (args[0].equals("synced")) raft.logUseFsync(true);
            if (first == null) first = raft;
            JChannel channel = new JChannel(new Protocol[] {new SHARED_LOOPBACK(), new SHARED_LOOPBACK_PING(), new MERGE3(), new FD_ALL3(),
                new NAKACK2(), new UNICAST3(), new STABLE(), new NO_DUPES(), new GMS(), new FRAG4(), new ELECTION(), raft, new REDIRECT()}).name(name);
            machines.add(new ReplicatedStateMachine<String, String>(channel).raftId(name));
            channels.add(channel.connect("group"));
        }
        while (first.leader() == null) Thread.sleep(50);
        int acknowledged = 0;
        for (int i = 0; i < 100; i++) {
            machines.get(0).put("key" + i, "value" + i);
            if (("value" + i).equals(machines.get(0).get("key" + i))) acknowledged++;
        }
        System.out.println("acknowledged " + acknowledged);
        for (JChannel c : channels) c.close();
        System.exit(0);
    }
}
J
classpath=.:$(echo lib/*.jar | tr ' ' ':')
javac -cp "$classpath" Synced.java
try() { # how
  LD_LIBRARY_PATH=$(echo "$dir/root"/usr/lib/*-linux-gnu) root/usr/bin/strace -f -qq -o "trace.$1" -e trace=fsync,fdatasync,msync,openat -e signal=none \
    java -cp "$classpath" -Djava.net.preferIPv4Stack=true Synced "$1" >"out.$1" 2>&1 || { cat "out.$1"; return 1; }
  acknowledged=$(sed -n 's/^acknowledged //p' "out.$1")
  syncs=$(grep -cE 'fsync\(|fdatasync\(|msync\(|O_D?SYNC' "trace.$1" || true)
  logs=$(grep -cE 'openat\(.*entries\.raft".*(O_RDWR|O_WRONLY)' "trace.$1" || true)
}
ok=yes
try defaults
echo "defaults: $acknowledged puts acknowledged, $syncs syncs; $logs log files opened to be written"
[ "$acknowledged" = 100 ] && [ "$syncs" = 0 ] && [ "$logs" -ge 3 ] || ok=no
try synced
echo "log_use_fsync=true: $acknowledged puts acknowledged, $syncs syncs"
[ "$acknowledged" = 100 ] && [ "$syncs" -ge 200 ] || ok=no
[ $ok = yes ] || { echo "changed or broken"; exit 1; }
