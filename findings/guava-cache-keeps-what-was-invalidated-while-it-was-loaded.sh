#!/usr/bin/env bash
# Guava 33.4.8-jre (Java, LoadingCache), with Caffeine 3.2.2 and cache2k 2.6.1.Final beside it, seen 2026-11-30.
#
# A thread has missed the cache, and its loader has read the old row. Now the row is changed, and the
# writer calls invalidate(key), or invalidateAll(). Neither waits for the load nor takes it back: when
# the loader returns, the cache keeps the old value, for as long as its entries live. A put(key, new)
# in the place of invalidate stays. In Caffeine, which has the same calls, and in cache2k, invalidate
# (remove) waits for the load and then removes what it gave.
#
# Guess that it breaks: "write the database, then invalidate" is how a cache is kept right, and
# invalidate "discards any cached value for key"; invalidateAll "all entries". A load that began before
# them is thought to be covered, as put has it here and Caffeine everywhere. Of loads that are going on the
# comments of Cache, LoadingCache and CacheBuilder say nothing.
#
# Seen (what the cache gives when writer and load are done, where the row holds "new"):
#   Guava, invalidate, invalidateAll, invalidateAll(keys), asMap().remove: old
#   Guava, put("new"):                       new
#   Caffeine, invalidate, invalidateAll, invalidateAll(keys), asMap().remove: new
#   cache2k, remove:                         new
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
  <artifactId>rows</artifactId>
  <version>1</version>
  <dependencies>
    <dependency>
      <groupId>com.google.guava</groupId>
      <artifactId>guava</artifactId>
      <version>33.4.8-jre</version>
    </dependency>
    <dependency>
      <groupId>com.github.ben-manes.caffeine</groupId>
      <artifactId>caffeine</artifactId>
      <version>3.2.2</version>
    </dependency>
    <dependency>
      <groupId>org.cache2k</groupId>
      <artifactId>cache2k-core</artifactId>
      <version>2.6.1.Final</version>
    </dependency>
  </dependencies>
</project>
XML
mvn -q dependency:copy-dependencies -DoutputDirectory=lib >mvn.log 2>&1 || { cat mvn.log; exit 1; }
cat >Rows.java <<'JAVA'
import com.github.benmanes.caffeine.cache.Caffeine;
import com.google.common.cache.CacheBuilder;
import com.google.common.cache.CacheLoader;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.function.Consumer;
import java.util.function.Function;
import java.util.function.UnaryOperator;
import org.cache2k.Cache2kBuilder;

public class Rows {
    /** What a writer calls, and a read through the cache. */
    record Made<C>(C cache, UnaryOperator<String> get) {}

    static boolean as = true;

    /** Holds the first load after it has read the row, until the writer is done or waits. */
    static <C> void row(String name, Function<UnaryOperator<String>, Made<C>> make, Consumer<C> writer, String want) throws InterruptedException {
        String[] table = {"old"};
        CountDownLatch read = new CountDownLatch(1), go = new CountDownLatch(1);
        Made<C> made = make.apply(key -> {
            String value = table[0];
            read.countDown();
            try {
                go.await();
            } catch (InterruptedException e) {
                throw new IllegalStateException(e);
            }
            return value;
        });
        Thread reader = new Thread(() -> made.get().apply("apples"));
        reader.start();
        read.await();
        table[0] = "new";
        Thread writes = new Thread(() -> writer.accept(made.cache()));
        writes.start();
        while (writes.getState() != Thread.State.TERMINATED && writes.getState() != Thread.State.BLOCKED && writes.getState() != Thread.State.WAITING) {
            Thread.sleep(1);
        }
        go.countDown();
        reader.join();
        writes.join();
        String got = made.get().apply("apples");
        System.out.println(name + ": " + got);
        as &= got.equals(want);
    }

    static Made<com.google.common.cache.LoadingCache<String, String>> guava(UnaryOperator<String> load) {
        var c = CacheBuilder.newBuilder().build(CacheLoader.from((String key) -> load.apply(key)));
        return new Made<>(c, c::getUnchecked);
    }

    static Made<com.github.benmanes.caffeine.cache.LoadingCache<String, String>> caffeine(UnaryOperator<String> load) {
        com.github.benmanes.caffeine.cache.LoadingCache<String, String> c = Caffeine.newBuilder().build(load::apply);
        return new Made<>(c, c::get);
    }

    static Made<org.cache2k.Cache<String, String>> cache2k(UnaryOperator<String> load) {
        var c = Cache2kBuilder.of(String.class, String.class).eternal(true).loader(load::apply).build();
        return new Made<>(c, c::get);
    }

    public static void main(String[] args) throws Exception {
        List<String> keys = new ArrayList<>(List.of("apples"));
        row("Guava, invalidate", Rows::guava, c -> c.invalidate("apples"), "old");
        row("Guava, invalidateAll", Rows::guava, c -> c.invalidateAll(), "old");
        row("Guava, invalidateAll(keys)", Rows::guava, c -> c.invalidateAll(keys), "old");
        row("Guava, asMap().remove", Rows::guava, c -> c.asMap().remove("apples"), "old");
        row("Guava, put", Rows::guava, c -> c.put("apples", "new"), "new");
        row("Caffeine, invalidate", Rows::caffeine, c -> c.invalidate("apples"), "new");
        row("Caffeine, invalidateAll", Rows::caffeine, c -> c.invalidateAll(), "new");
        row("Caffeine, invalidateAll(keys)", Rows::caffeine, c -> c.invalidateAll(keys), "new");
        row("Caffeine, asMap().remove", Rows::caffeine, c -> c.asMap().remove("apples"), "new");
        row("cache2k, remove", Rows::cache2k, c -> c.remove("apples"), "new");
        if (!as) System.out.println("changed or broken");
        System.exit(as ? 0 : 1);
    }
}
JAVA
javac -nowarn -cp 'lib/*' -d classes Rows.java 2>javac.log || { cat javac.log; exit 1; }
timeout 120 java -cp 'classes:lib/*' Rows 2>java.log || { tail -20 java.log; exit 1; }
