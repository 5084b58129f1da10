#!/usr/bin/env bash
# Apache Ignite 2.17.0 (Java, one node), TRANSACTIONAL cache, seen 2026-11-29.
#
# Two transactions, OPTIMISTIC and SERIALIZABLE: each asks by containsKey whether the other one's
# key is there, and puts its own. Both commits succeed: write skew, with the keys absent as much as
# with keys that are there. With get, getAll, getEntry, a refused putIfAbsent or an entry processor
# that only asks whether the entry exists, in the place of containsKey, the first to commit wins and
# the other one gets a TransactionOptimisticException, for an absent key too. containsKey is part
# of the transaction as far as its own writes go: it sees a key that the transaction has put and
# not committed.
#
# Guess that it breaks: in such a transaction every entry that was read is compared at the commit;
# containsKey(k) is get(k) != null, only without the value. (A reviewer's question at pull request
# 8004 of 2020, for .NET, was answered with "do not participate in transactions".)
#
# Seen (what became of the first transaction, which commits second):
#   containsKey, containsKeys:                                absent: committed, there: committed
#   get, getAll, getEntry, refused putIfAbsent, invoke:       absent: conflict,  there: conflict
#   containsKey of a key that the transaction itself has put: true
#
# Needs Java 17 and mvn.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
for a in org.apache.ignite:ignite-core:2.17.0 javax.cache:cache-api:1.0.0 org.jetbrains:annotations:16.0.3; do
  mvn -q dependency:copy -Dartifact=$a -DoutputDirectory=lib >mvn.log 2>&1 || { cat mvn.log; exit 1; }
done
cat >Skew.java <<'JAVA'
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.function.Predicate;
import org.apache.ignite.Ignite;
import org.apache.ignite.IgniteCache;
import org.apache.ignite.Ignition;
import org.apache.ignite.cache.CacheAtomicityMode;
import org.apache.ignite.configuration.CacheConfiguration;
import org.apache.ignite.configuration.IgniteConfiguration;
import org.apache.ignite.logger.NullLogger;
import org.apache.ignite.spi.discovery.tcp.TcpDiscoverySpi;
import org.apache.ignite.spi.discovery.tcp.ipfinder.vm.TcpDiscoveryVmIpFinder;
import org.apache.ignite.transactions.Transaction;
import org.apache.ignite.transactions.TransactionConcurrency;
import org.apache.ignite.transactions.TransactionIsolation;
import org.apache.ignite.transactions.TransactionOptimisticException;

public class Skew {
    static Ignite node;
    static IgniteCache<String, Integer> cache;

    static Transaction begin() {
        return node.transactions().txStart(TransactionConcurrency.OPTIMISTIC, TransactionIsolation.SERIALIZABLE);
    }

    /** Reads the other key and writes its own; what became of the commit. */
    static String one(Predicate<String> sees, boolean there, String other, String own, Runnable between) {
        try (Transaction t = begin()) {
            if (sees.test(other) != there) throw new IllegalStateException("the read of " + other);
            cache.put(own, 2);
            between.run();
            t.commit();
            return "committed";
        } catch (TransactionOptimisticException e) {
            return "conflict";
        }
    }

    static String tried(Predicate<String> sees, boolean there) {
        for (String k : new String[] {"a", "b"}) {
            cache.remove(k);
            if (there) cache.put(k, 1);
        }
        return one(sees, there, "b", "a", () -> {
            try {
                String second = CompletableFuture.supplyAsync(() -> one(sees, there, "a", "b", () -> { })).get(60, TimeUnit.SECONDS);
                if (!second.equals("committed")) throw new IllegalStateException("the first to commit: " + second);
            } catch (Exception e) {
                throw new IllegalStateException(e);
            }
        });
    }

    public static void main(String[] args) {
        TcpDiscoverySpi discovery = new TcpDiscoverySpi().setIpFinder(new TcpDiscoveryVmIpFinder(true));
        discovery.setLocalPort(42741);
        node = Ignition.start(new IgniteConfiguration().setWorkDirectory(Path.of("work").toAbsolutePath().toString())
            .setLocalHost("127.0.0.1").setGridLogger(new NullLogger()).setDiscoverySpi(discovery));
        cache = node.getOrCreateCache(new CacheConfiguration<String, Integer>("c").setAtomicityMode(CacheAtomicityMode.TRANSACTIONAL));
        Map<String, Predicate<String>> reads = new LinkedHashMap<>();
        reads.put("containsKey", k -> cache.containsKey(k));
        reads.put("containsKeys", k -> cache.containsKeys(Set.of(k)));
        reads.put("get", k -> cache.get(k) != null);
        reads.put("getAll", k -> cache.getAll(Set.of(k)).containsKey(k));
        reads.put("getEntry", k -> cache.getEntry(k) != null);
        reads.put("invoke", k -> cache.invoke(k, (e, x) -> e.exists()));
        boolean as = true;
        for (var r : reads.entrySet()) {
            String absent = tried(r.getValue(), false), there = tried(r.getValue(), true);
            System.out.println(r.getKey() + ": absent: " + absent + ", there: " + there);
            String want = r.getKey().startsWith("contains") ? "committed" : "conflict";
            as &= absent.equals(want) && there.equals(want);
        }
        // A refused putIfAbsent reads a key that is there.
        String refused = tried(k -> !cache.putIfAbsent(k, 1), true);
        System.out.println("putIfAbsent, refused: there: " + refused);
        as &= refused.equals("conflict");
        cache.remove("own");
        try (Transaction t = begin()) {
            cache.put("own", 1);
            boolean own = cache.containsKey("own");
            System.out.println("containsKey of a key that the transaction itself has put: " + own);
            as &= own;
        }
        if (!as) System.out.println("changed or broken");
        Ignition.stopAll(true);
        System.exit(as ? 0 : 1);
    }
}
JAVA
for p in 42741; do if (: >/dev/tcp/127.0.0.1/"$p") 2>/dev/null; then echo "port $p is in use" >&2; exit 1; fi; done
opens=()
for p in java.base/jdk.internal.misc java.base/sun.nio.ch java.base/java.io java.base/java.nio java.base/java.net java.base/java.util \
  java.base/java.util.concurrent java.base/java.util.concurrent.locks java.base/java.util.concurrent.atomic java.base/java.lang \
  java.base/java.lang.invoke java.base/java.math java.base/java.time java.management/com.sun.jmx.mbeanserver \
  jdk.management/com.sun.management.internal java.base/sun.reflect.generics.reflectiveObjects; do
  opens+=("--add-opens=$p=ALL-UNNAMED")
done
javac -cp 'lib/*' -d classes Skew.java
java "${opens[@]}" -Xmx512m -DIGNITE_QUIET=true -DIGNITE_NO_ASCII=true -DIGNITE_UPDATE_NOTIFIER=false -cp 'classes:lib/*' Skew 2>java.log || { tail -20 java.log; exit 1; }
