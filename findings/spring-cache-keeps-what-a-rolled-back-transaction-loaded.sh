#!/usr/bin/env bash
# Spring Framework 7.0.10 (Java, TransactionAwareCacheManagerProxy) on H2 2.5.252, seen 2026-11-30.
#
# A cache that is made transaction-aware puts and evicts when the transaction has committed, and never if it is rolled
# back. A transaction sets an account from 100 to 70, then calls a method that reads the account, and that is
# @Cacheable(sync = true). The transaction is rolled back, and the cache gives 70 to everybody for good, which was never
# committed. While the transaction runs others are given 70 as well. Without sync nothing is left and nobody else sees
# it. The one is carried out as get and put, and the put is put off; the other as get(key, loader), which is handed on to
# the cache below as it is and stores at once.
#
# Guess that it breaks: sync is documented to let one thread load while the others wait, with not a word about
# transactions; and of the transaction-aware cache it is said that it puts after the commit only, with putIfAbsent and
# evictIfPresent for exceptions. That a value comes in by way of a load is no reason to have it there before.
#
# Seen (what another thread gets from the cache: in the transaction after the read; after the rollback, when the database says 100):
#   @Cacheable, transaction-aware cache:              nothing; nothing
#   @Cacheable(sync = true), transaction-aware cache: 70; 70
#   @Cacheable, cache as it is:                       70; 70
#   @Cacheable(sync = true), committed:               70; 70, and the database says 70
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
  <artifactId>loaded</artifactId>
  <version>1</version>
  <dependencies>
    <dependency>
      <groupId>org.springframework</groupId>
      <artifactId>spring-context-support</artifactId>
      <version>7.0.10</version>
    </dependency>
    <dependency>
      <groupId>org.springframework</groupId>
      <artifactId>spring-jdbc</artifactId>
      <version>7.0.10</version>
    </dependency>
    <dependency>
      <groupId>com.h2database</groupId>
      <artifactId>h2</artifactId>
      <version>2.5.252</version>
    </dependency>
  </dependencies>
</project>
XML
mvn -q dependency:copy-dependencies -DoutputDirectory=lib >mvn.log 2>&1 || { cat mvn.log; exit 1; }
cat >Loaded.java <<'JAVA'
import java.util.concurrent.CompletableFuture;
import java.util.function.IntUnaryOperator;
import javax.sql.DataSource;
import org.h2.jdbcx.JdbcDataSource;
import org.springframework.cache.CacheManager;
import org.springframework.cache.annotation.Cacheable;
import org.springframework.cache.annotation.EnableCaching;
import org.springframework.cache.concurrent.ConcurrentMapCacheManager;
import org.springframework.cache.transaction.TransactionAwareCacheManagerProxy;
import org.springframework.context.annotation.AnnotationConfigApplicationContext;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.jdbc.core.JdbcTemplate;
import org.springframework.jdbc.datasource.DataSourceTransactionManager;
import org.springframework.transaction.support.TransactionTemplate;

public class Loaded {
    /** What reads the account through the cache. */
    public static class Accounts {
        final JdbcTemplate db;

        Accounts(JdbcTemplate db) {
            this.db = db;
        }

        @Cacheable("plain")
        public int plain(int id) {
            return stored(id);
        }

        @Cacheable(cacheNames = "sync", sync = true)
        public int sync(int id) {
            return stored(id);
        }

        public int stored(int id) {
            return db.queryForObject("SELECT balance FROM account WHERE id = ?", Integer.class, id);
        }
    }

    @Configuration
    @EnableCaching
    public static class Common {
        @Bean
        DataSource source() {
            JdbcDataSource source = new JdbcDataSource();
            source.setURL("jdbc:h2:mem:bank");
            return source;
        }

        @Bean
        Accounts accounts(DataSource source) {
            return new Accounts(new JdbcTemplate(source));
        }

        @Bean
        TransactionTemplate transactions(DataSource source) {
            return new TransactionTemplate(new DataSourceTransactionManager(source));
        }
    }

    @Configuration
    public static class Aware {
        @Bean
        CacheManager caches() {
            return new TransactionAwareCacheManagerProxy(new ConcurrentMapCacheManager());
        }
    }

    @Configuration
    public static class Plain {
        @Bean
        CacheManager caches() {
            return new ConcurrentMapCacheManager();
        }
    }

    static boolean same = true;

    static String others(CacheManager caches, String cache) {
        return CompletableFuture.supplyAsync(() -> {
            var value = caches.getCache(cache).get(1);
            return value == null ? "nothing" : "" + value.get();
        }).join();
    }

    static void row(String name, Class<?> manager, String cache, boolean commits, String want) throws Exception {
        // What keeps the database in memory for as long as the row takes.
        JdbcDataSource keeper = new JdbcDataSource();
        keeper.setURL("jdbc:h2:mem:bank");
        try (var kept = keeper.getConnection(); var statement = kept.createStatement();
             var context = new AnnotationConfigApplicationContext(Common.class, manager)) {
            statement.execute("CREATE TABLE account(id INT PRIMARY KEY, balance INT)");
            statement.execute("INSERT INTO account VALUES (1, 100)");
            Accounts accounts = context.getBean(Accounts.class);
            JdbcTemplate db = new JdbcTemplate(context.getBean(DataSource.class));
            CacheManager caches = context.getBean(CacheManager.class);
            IntUnaryOperator read = cache.equals("sync") ? accounts::sync : accounts::plain;
            String[] during = {""};
            context.getBean(TransactionTemplate.class).executeWithoutResult(status -> {
                db.update("UPDATE account SET balance = 70 WHERE id = 1");
                if (read.applyAsInt(1) != 70) throw new IllegalStateException("does not see its own write");
                during[0] = others(caches, cache);
                if (!commits) status.setRollbackOnly();
            });
            String got = during[0] + "; " + others(caches, cache);
            if (accounts.stored(1) != (commits ? 70 : 100)) got += ", but the database says " + accounts.stored(1);
            if (commits) got += ", and the database says " + accounts.stored(1);
            System.out.println(name + ": " + got);
            same &= got.equals(want);
        }
    }

    public static void main(String[] args) throws Exception {
        row("@Cacheable, transaction-aware cache", Aware.class, "plain", false, "nothing; nothing");
        row("@Cacheable(sync = true), transaction-aware cache", Aware.class, "sync", false, "70; 70");
        row("@Cacheable, cache as it is", Plain.class, "plain", false, "70; 70");
        row("@Cacheable(sync = true), committed", Aware.class, "sync", true, "70; 70, and the database says 70");
        if (!same) System.out.println("changed or broken");
        System.exit(same ? 0 : 1);
    }
}
JAVA
javac -nowarn -parameters -cp 'lib/*' -d classes Loaded.java 2>javac.log || { cat javac.log; exit 1; }
timeout 120 java -cp 'classes:lib/*' Loaded 2>java.log || { tail -20 java.log; exit 1; }
