#!/usr/bin/env bash
# Hazelcast 5.5.0 (Java, IMap, one member), seen 2026-11-30.
#
# A thread holds the lock of an entry. Another one's set, tryPut, replace, remove, delete, compute, evict
# and setTtl wait for it or are refused, and clear leaves the entry as it is. putAll and setAll, with that
# one entry, overwrite it at once, and removeAll(predicate) takes it away. The holder, who has read 1 and
# sets 2, overwrites in turn what putAll had put.
#
# Guess that it breaks: the page "Locking Maps" says that a lock "ensures that a map entry cannot be
# overwritten by another operation until the locking operation is complete", and IMap lists as not
# lock-aware the entry processors that run over several entries (executeOnKeys, executeOnEntries; they are
# not shown here). Of putAll it says only that all together are not atomic. A writer that goes over from
# put to putAll for speed is no longer kept out by those who lock, read and write.
#
# Seen (what another thread's call does while the entry, with 1, is locked; the entry; after the holder's set of 2):
#   set, put, replace, remove, delete, compute: waits, 1
#   tryPut (50 ms): returns, 1
#   clear:          returns, 1
#   putAll, setAll: returns, 9, then 2
#   removeAll:      returns, null, then 2
#
# Needs Java 17 or later and mvn.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
cat >pom.xml <<'XML'
<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>example.test</groupId>
  <artifactId>entries</artifactId>
  <version>1</version>
  <dependencies>
    <dependency>
      <groupId>com.hazelcast</groupId>
      <artifactId>hazelcast</artifactId>
      <version>5.5.0</version>
    </dependency>
  </dependencies>
</project>
XML
mvn -q dependency:copy-dependencies -DoutputDirectory=lib >mvn.log 2>&1 || { cat mvn.log; exit 1; }
cat >Entries.java <<'JAVA'
import com.hazelcast.config.Config;
import com.hazelcast.config.JoinConfig;
import com.hazelcast.core.Hazelcast;
import com.hazelcast.core.HazelcastInstance;
import com.hazelcast.map.IMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;

public class Entries {
    interface Call { void on(IMap<String, Integer> m); }
    record Case(String name, Call call, String want) {}

    static String tried(IMap<String, Integer> m, Case k) throws Exception {
        ExecutorService other = Executors.newSingleThreadExecutor();
        m.lock("apples");
        m.set("apples", 1);
        Future<?> call = other.submit(() -> k.call().on(m));
        String said = "returns";
        try {
            call.get(2, TimeUnit.SECONDS);
        } catch (TimeoutException e) {
            said = "waits";
        }
        Integer now = m.get("apples");
        said += ", " + now;
        if (now == null || now != 1) {
            m.set("apples", 2);
            said += ", then " + m.get("apples");
        }
        m.unlock("apples");
        call.get(60, TimeUnit.SECONDS);
        other.shutdown();
        return said;
    }

    public static void main(String[] args) throws Exception {
        Config c = new Config();
        c.setProperty("hazelcast.phone.home.enabled", "false");
        c.getNetworkConfig().getInterfaces().setEnabled(true).addInterface("127.0.0.1");
        JoinConfig join = c.getNetworkConfig().getJoin();
        join.getAutoDetectionConfig().setEnabled(false);
        join.getMulticastConfig().setEnabled(false);
        HazelcastInstance h = Hazelcast.newHazelcastInstance(c);
        IMap<String, Integer> m = h.getMap("stock");
        boolean as = true;
        for (Case k : CASES) {
            String got = tried(m, k);
            System.out.println(k.name() + ": " + got);
            as &= got.equals(k.want());
        }
        h.shutdown();
        if (!as) System.out.println("changed or broken");
        System.exit(as ? 0 : 1);
    }

    static final List<Case> CASES = List.of(
        new Case("set", m -> m.set("apples", 9), "waits, 1"),
        new Case("put", m -> m.put("apples", 9), "waits, 1"),
        new Case("replace", m -> m.replace("apples", 1, 9), "waits, 1"),
        new Case("remove", m -> m.remove("apples"), "waits, 1"),
        new Case("delete", m -> m.delete("apples"), "waits, 1"),
        new Case("compute", m -> m.compute("apples", (k, v) -> 9), "waits, 1"),
        new Case("tryPut (50 ms)", m -> m.tryPut("apples", 9, 50, TimeUnit.MILLISECONDS), "returns, 1"),
        new Case("clear", m -> m.clear(), "returns, 1"),
        new Case("putAll", m -> m.putAll(Map.of("apples", 9)), "returns, 9, then 2"),
        new Case("setAll", m -> m.setAll(Map.of("apples", 9)), "returns, 9, then 2"),
        new Case("removeAll", m -> m.removeAll(e -> e.getValue() == 1), "returns, null, then 2"));
}
JAVA
javac -nowarn -cp 'lib/*' -d classes Entries.java 2>javac.log || { cat javac.log; exit 1; }
java -cp 'classes:lib/*' Entries 2>java.log || { tail -20 java.log; exit 1; }
