#!/usr/bin/env bash
# Infinispan 15.2.1.Final (Java, embedded), two nodes in one program, seen 2026-11-29.
#
# A replicated or distributed cache with OPTIMISTIC transactions counts each entry's versions and rolls
# a transaction back when the entry that it has read and writes has another version at the commit. The
# count starts again when an entry is removed: where it was written n times before it was read, and then
# removed and written n times by others, whatever they wrote, the version is the one that was read. The
# transaction commits and overwrites what it has never seen. With n = 1, one transaction that removes
# the key and puts it suffices. A cache in local mode starts again at another number, and misses
# another case.
#
# Guess that it breaks: versions are what optimistic checks use so that a value which goes and comes
# back is noticed, and here the value does not even come back.
#
# Seen (one of two nodes; a transaction reads 1 and writes what it has read + 1; in between others do
# this and commit):
#   REPL_SYNC, written once; put 50:                             rolled back, 50
#   REPL_SYNC, written once; remove, put 50 (two transactions):  committed, 2
#   REPL_SYNC, written once; remove, put 50 (one transaction):   committed, 2
#   REPL_SYNC, written once; remove, put 50, put 50:             rolled back, 50
#   REPL_SYNC, written twice; remove, put 50 (two transactions): rolled back, 50
#   REPL_SYNC, written twice; remove, put 50, put 50:            committed, 2
#   DIST_SYNC: as REPL_SYNC
#   LOCAL, written once; remove, put 50 (two transactions):      rolled back, 50
#   LOCAL, written twice; remove, put 50 (two transactions):     committed, 2
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
  <artifactId>versions</artifactId>
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
# Both nodes are in one program, and their messages do not leave it.
cat >stack.xml <<'XML'
<config xmlns="urn:org:jgroups">
  <SHARED_LOOPBACK/>
  <SHARED_LOOPBACK_PING/>
  <MERGE3/>
  <pbcast.NAKACK2/>
  <UNICAST3/>
  <pbcast.STABLE/>
  <pbcast.GMS join_timeout="1000" print_local_addr="false"/>
  <FRAG4/>
</config>
XML
cat >Versions.java <<'JAVA'
import jakarta.transaction.RollbackException;
import jakarta.transaction.Transaction;
import jakarta.transaction.TransactionManager;
import java.util.List;
import org.infinispan.AdvancedCache;
import org.infinispan.configuration.cache.CacheMode;
import org.infinispan.configuration.cache.ConfigurationBuilder;
import org.infinispan.configuration.global.GlobalConfigurationBuilder;
import org.infinispan.manager.DefaultCacheManager;
import org.infinispan.transaction.LockingMode;
import org.infinispan.transaction.TransactionMode;
import org.infinispan.transaction.lookup.EmbeddedTransactionManagerLookup;

public class Versions {
    interface Step { void of(AdvancedCache<String, Integer> c); }
    record Case(String name, int writes, List<Step> theirs, boolean missed, boolean missedLocally) {}

    static final Step PUT = c -> c.put("key", 50), REMOVE = c -> c.remove("key");
    static final List<Case> CASES = List.of(
        new Case("written once; put 50", 1, List.of(PUT), false, false),
        new Case("written once; remove, put 50 (two transactions)", 1, List.of(REMOVE, PUT), true, false),
        new Case("written once; remove, put 50 (one transaction)", 1, List.of(c -> {
            REMOVE.of(c);
            PUT.of(c);
        }), true, false),
        new Case("written once; remove, put 50, put 50", 1, List.of(REMOVE, PUT, PUT), false, false),
        new Case("written twice; remove, put 50 (two transactions)", 2, List.of(REMOVE, PUT), false, true),
        new Case("written twice; remove, put 50, put 50", 2, List.of(REMOVE, PUT, PUT), true, false));

    static String tried(AdvancedCache<String, Integer> c, Case k) throws Exception {
        TransactionManager tm = c.getTransactionManager();
        c.remove("key");
        for (int i = 0; i < k.writes(); i++) c.put("key", 1);
        String said;
        tm.begin();
        try {
            int seen = c.get("key");
            Transaction mine = tm.suspend();
            for (Step s : k.theirs()) {
                tm.begin();
                s.of(c);
                tm.commit();
            }
            tm.resume(mine);
            c.put("key", seen + 1);
            tm.commit();
            said = "committed";
        } catch (RollbackException e) {
            said = "rolled back";
        }
        return said + ", " + c.get("key");
    }

    public static void main(String[] args) throws Exception {
        boolean as = true;
        try (DefaultCacheManager one = node(); DefaultCacheManager two = node()) {
            for (CacheMode mode : List.of(CacheMode.LOCAL, CacheMode.REPL_SYNC, CacheMode.DIST_SYNC)) {
                AdvancedCache<String, Integer> c = one.<String, Integer>getCache(mode.name()).getAdvancedCache();
                two.getCache(mode.name());
                for (Case k : CASES) {
                    String got = tried(c, k);
                    System.out.println(mode + ", " + k.name() + ": " + got);
                    as &= got.equals((mode.isClustered() ? k.missed() : k.missedLocally()) ? "committed, 2" : "rolled back, 50");
                }
            }
            as &= one.getMembers().size() == 2;
        }
        if (!as) System.out.println("changed or broken");
        System.exit(as ? 0 : 1);
    }

    static DefaultCacheManager node() {
        GlobalConfigurationBuilder g = GlobalConfigurationBuilder.defaultClusteredBuilder();
        g.transport().addProperty("configurationFile", "stack.xml");
        DefaultCacheManager m = new DefaultCacheManager(g.build());
        for (CacheMode mode : List.of(CacheMode.LOCAL, CacheMode.REPL_SYNC, CacheMode.DIST_SYNC)) {
            ConfigurationBuilder b = new ConfigurationBuilder();
            b.clustering().cacheMode(mode);
            b.transaction().transactionMode(TransactionMode.TRANSACTIONAL).lockingMode(LockingMode.OPTIMISTIC)
                .transactionManagerLookup(new EmbeddedTransactionManagerLookup());
            m.defineConfiguration(mode.name(), b.build());
        }
        return m;
    }
}
JAVA
javac -nowarn -cp 'lib/*' -d classes Versions.java 2>javac.log || { cat javac.log; exit 1; }
java -cp 'classes:lib/*' Versions 2>java.log || { tail -20 java.log; exit 1; }
