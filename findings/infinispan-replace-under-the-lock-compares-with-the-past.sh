#!/usr/bin/env bash
# Infinispan 15.2.1.Final (Java, embedded, one node), seen 2026-11-29.
#
# A transaction of a PESSIMISTIC cache reads 1, another one puts 11 and commits. Then the first one calls
# replace(key, 1, 2): it takes the lock, says true, and the 11 is gone. The comparison is with what the
# transaction has read, not with what the lock protects; so are remove(key, 1), compute and the answer
# of put, which is 1. Without the earlier get the same replace says false. In an OPTIMISTIC cache replace
# says true too, and the commit is rolled back.
#
# Guess that it breaks: the usual way out of a stale read is an operation that compares and sets under
# the lock, and it says that it has found the value that it was to find. Repeatable reads explain the
# value of a get; the lock is there for what is written.
#
# Seen (what the first one has done before and does after the other one's commit):
#   PESSIMISTIC, get; put:                   committed, 1, apples 2
#   PESSIMISTIC, get; replace(apples, 1, 2): committed, true, apples 2
#   PESSIMISTIC, get; remove(apples, 1):     committed, true, apples null
#   PESSIMISTIC, get; compute n + 1:         committed, 2, apples 2
#   PESSIMISTIC, nothing; replace(apples, 1, 2): committed, false, apples 11
#   PESSIMISTIC, nothing; compute n + 1:     committed, 12, apples 12
#   OPTIMISTIC, get; replace(apples, 1, 2):  rolled back, apples 11
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
  <artifactId>stock</artifactId>
  <version>1</version>
  <dependencies>
    <dependency>
      <groupId>org.infinispan</groupId>
      <artifactId>infinispan-core</artifactId>
      <version>15.2.1.Final</version>
    </dependency>
  </dependencies>
</project>
XML
mvn -q dependency:copy-dependencies -DoutputDirectory=lib >mvn.log 2>&1 || { cat mvn.log; exit 1; }
cat >Stock.java <<'JAVA'
import jakarta.transaction.RollbackException;
import jakarta.transaction.Transaction;
import jakarta.transaction.TransactionManager;
import java.util.List;
import org.infinispan.AdvancedCache;
import org.infinispan.Cache;
import org.infinispan.configuration.cache.ConfigurationBuilder;
import org.infinispan.configuration.global.GlobalConfigurationBuilder;
import org.infinispan.manager.DefaultCacheManager;
import org.infinispan.transaction.LockingMode;
import org.infinispan.transaction.TransactionMode;
import org.infinispan.transaction.lookup.EmbeddedTransactionManagerLookup;

public class Stock {
    interface Read { int of(AdvancedCache<String, Integer> c); }
    interface Write { Object of(AdvancedCache<String, Integer> c, int seen); }
    record Case(String name, LockingMode mode, Read read, Write write, String want) {}

    static String tried(AdvancedCache<String, Integer> c, Case k) throws Exception {
        TransactionManager tm = c.getTransactionManager();
        c.put("apples", 1);
        c.put("pears", 1);
        String said;
        tm.begin();
        try {
            int seen = k.read().of(c);
            Transaction mine = tm.suspend();
            tm.begin();
            c.put("apples", 11);
            tm.commit();
            tm.resume(mine);
            Object answer = k.write().of(c, seen);
            tm.commit();
            said = "committed" + (answer == null ? "" : ", " + answer);
        } catch (RollbackException e) {
            said = "rolled back";
        }
        return said + ", apples " + c.get("apples");
    }

    public static void main(String[] args) throws Exception {
        GlobalConfigurationBuilder g = new GlobalConfigurationBuilder().nonClusteredDefault();
        boolean as = true;
        try (DefaultCacheManager m = new DefaultCacheManager(g.build())) {
            for (LockingMode mode : LockingMode.values()) {
                ConfigurationBuilder b = new ConfigurationBuilder();
                b.transaction().transactionMode(TransactionMode.TRANSACTIONAL).lockingMode(mode)
                    .transactionManagerLookup(new EmbeddedTransactionManagerLookup());
                m.defineConfiguration(mode.name(), b.build());
            }
            for (Case k : CASES) {
                Cache<String, Integer> c = m.getCache(k.mode().name());
                String got = tried(c.getAdvancedCache(), k);
                System.out.println(k.name() + ": " + got);
                as &= got.equals(k.want());
            }
        }
        if (!as) System.out.println("changed or broken");
        System.exit(as ? 0 : 1);
    }

    static final List<Case> CASES = List.of(
        new Case("PESSIMISTIC, get; put", LockingMode.PESSIMISTIC, c -> c.get("apples"), (c, n) -> c.put("apples", n + 1), "committed, 1, apples 2"),
        new Case("PESSIMISTIC, get; replace(apples, 1, 2)", LockingMode.PESSIMISTIC, c -> c.get("apples"), (c, n) -> c.replace("apples", 1, 2), "committed, true, apples 2"),
        new Case("PESSIMISTIC, get; remove(apples, 1)", LockingMode.PESSIMISTIC, c -> c.get("apples"), (c, n) -> c.remove("apples", 1), "committed, true, apples null"),
        new Case("PESSIMISTIC, get; compute n + 1", LockingMode.PESSIMISTIC, c -> c.get("apples"), (c, n) -> c.compute("apples", (k, v) -> v + 1), "committed, 2, apples 2"),
        new Case("PESSIMISTIC, nothing; replace(apples, 1, 2)", LockingMode.PESSIMISTIC, c -> 1, (c, n) -> c.replace("apples", 1, 2), "committed, false, apples 11"),
        new Case("PESSIMISTIC, nothing; compute n + 1", LockingMode.PESSIMISTIC, c -> 1, (c, n) -> c.compute("apples", (k, v) -> v + 1), "committed, 12, apples 12"),
        new Case("OPTIMISTIC, get; replace(apples, 1, 2)", LockingMode.OPTIMISTIC, c -> c.get("apples"), (c, n) -> c.replace("apples", 1, 2), "rolled back, apples 11"));
}
JAVA
javac -nowarn -cp 'lib/*' -d classes Stock.java 2>javac.log || { cat javac.log; exit 1; }
java -cp 'classes:lib/*' Stock 2>java.log || { tail -20 java.log; exit 1; }
