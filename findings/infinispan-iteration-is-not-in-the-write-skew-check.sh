#!/usr/bin/env bash
# Infinispan 15.2.1.Final (Java, embedded, one node), seen 2026-11-29.
#
# A cache with OPTIMISTIC transactions (REPEATABLE_READ, the default) rolls a transaction back that has
# read an entry and writes it when another one has written it in between: its "write skew check". What
# it has read in an iteration (entrySet, values, a stream of them, forEach) is not in that check: the
# sum or the copy of a value that such a transaction writes back overwrites what was committed, and it
# commits. get, getAll, containsKey, keySet().contains, compute and replaceAll are in the check.
#
# Guess that it breaks: the check is said to compare the version of what was read with that at the
# commit, and it is the same key, read through another method of the same Map.
#
# Seen (a transaction reads 1 apple, another one puts 11 and commits, the first writes what it has read + 1):
#   get, put:                 rolled back, apples 11
#   getAll, put:              rolled back, apples 11
#   entrySet, put:            committed, apples 2
#   values, put:              committed, apples 3
#   forEach, put:             committed, apples 2
#   replaceAll (before it):   rolled back, apples 11
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
import java.util.Map;
import java.util.Set;
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

    static Object put(AdvancedCache<String, Integer> c, int n) {
        c.put("apples", n);
        return null;
    }

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
        new Case("get, put", LockingMode.OPTIMISTIC, c -> c.get("apples"), (c, n) -> put(c, n + 1), "rolled back, apples 11"),
        new Case("getAll, put", LockingMode.OPTIMISTIC, c -> c.getAll(Set.of("apples")).get("apples"), (c, n) -> put(c, n + 1), "rolled back, apples 11"),
        new Case("entrySet, put", LockingMode.OPTIMISTIC, c -> {
            int n = 0;
            for (Map.Entry<String, Integer> e : c.entrySet()) if (e.getKey().equals("apples")) n = e.getValue();
            return n;
        }, (c, n) -> put(c, n + 1), "committed, apples 2"),
        new Case("values, put", LockingMode.OPTIMISTIC, c -> {
            int sum = 0;
            for (int n : c.values()) sum += n;
            return sum;
        }, (c, n) -> put(c, n + 1), "committed, apples 3"),
        new Case("forEach, put", LockingMode.OPTIMISTIC, c -> {
            int[] n = new int[1];
            c.forEach((k, v) -> {
                if (k.equals("apples")) n[0] = v;
            });
            return n[0];
        }, (c, n) -> put(c, n + 1), "committed, apples 2"),
        new Case("replaceAll (before it)", LockingMode.OPTIMISTIC, c -> {
            c.replaceAll((k, v) -> v + 1);
            return 0;
        }, (c, n) -> null, "rolled back, apples 11"));
}
JAVA
javac -nowarn -cp 'lib/*' -d classes Stock.java 2>javac.log || { cat javac.log; exit 1; }
java -cp 'classes:lib/*' Stock 2>java.log || { tail -20 java.log; exit 1; }
