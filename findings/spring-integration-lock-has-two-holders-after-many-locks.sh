#!/usr/bin/env bash
# Spring Integration 6.5.1 (Java, JdbcLockRegistry) with H2 2.3.232, seen 2026-11-30.
#
# A thread holds a lock of a JdbcLockRegistry. Other keys are obtained, as many as the registry keeps (100
# 000 by default, 1000 here); none of them need be locked. Then another thread of the same process obtains
# the first key, tries it, and holds it too: the registry has forgotten the Lock that is held and makes a
# new one, whose local lock nobody has, and for the table both are the same client, which may prolong its
# row. That one's unlock deletes the row, so that a third one, in another process, gets the lock as well
# while the first thread still works. The first thread learns it from its own unlock.
#
# Guess that it breaks: a cache of Locks that is full forgets the ones that are not in use; the comment of
# setCacheCapacity ("Set the capacity of cached locks") and the reference ("automatically clean up cache")
# speak of a cache. An importer that locks each of its records by its key gets there.
#
# Seen (other keys obtained; second: another thread of the process; third: a second registry, as in
# another process, after the second one has unlocked; first: what the first holder's unlock says):
#      0 others: second refused, third refused, first unlocked
#    999 others: second refused, third refused, first unlocked
#   1000 others: second has it, third has it, first ConcurrentModificationException
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
  <artifactId>records</artifactId>
  <version>1</version>
  <dependencies>
    <dependency>
      <groupId>org.springframework.integration</groupId>
      <artifactId>spring-integration-jdbc</artifactId>
      <version>6.5.1</version>
    </dependency>
    <dependency>
      <groupId>com.h2database</groupId>
      <artifactId>h2</artifactId>
      <version>2.3.232</version>
    </dependency>
  </dependencies>
</project>
XML
mvn -q dependency:copy-dependencies -DoutputDirectory=lib >mvn.log 2>&1 || { cat mvn.log; exit 1; }
cat >Records.java <<'JAVA'
import java.util.ConcurrentModificationException;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.locks.Lock;
import javax.sql.DataSource;
import org.h2.jdbcx.JdbcDataSource;
import org.springframework.core.io.ClassPathResource;
import org.springframework.integration.jdbc.lock.DefaultLockRepository;
import org.springframework.integration.jdbc.lock.JdbcLockRegistry;
import org.springframework.jdbc.datasource.init.ResourceDatabasePopulator;
import org.springframework.jdbc.support.JdbcTransactionManager;

public class Records {
    record Case(int others, String want) {}

    /** A registry as a process of its own has it: its repository is another client of the table. */
    static JdbcLockRegistry registry(DataSource ds) {
        DefaultLockRepository repository = new DefaultLockRepository(ds);
        repository.setTimeToLive(600_000);
        repository.setTransactionManager(new JdbcTransactionManager(ds));
        repository.afterPropertiesSet();
        repository.afterSingletonsInstantiated();
        repository.start();
        JdbcLockRegistry r = new JdbcLockRegistry(repository);
        r.setCacheCapacity(1000);
        return r;
    }

    static <T> T elsewhere(Callable<T> what) throws Exception {
        ExecutorService thread = Executors.newSingleThreadExecutor();
        try {
            return thread.submit(what).get();
        } finally {
            thread.shutdown();
        }
    }

    /** Tries the lock in a thread of its own and gives it back if it has it. */
    static String tried(JdbcLockRegistry r, String key) throws Exception {
        return elsewhere(() -> {
            Lock l = r.obtain(key);
            if (!l.tryLock()) return "refused";
            l.unlock();
            return "has it";
        });
    }

    public static void main(String[] args) throws Exception {
        JdbcDataSource ds = new JdbcDataSource();
        ds.setURL("jdbc:h2:mem:locks;DB_CLOSE_DELAY=-1");
        new ResourceDatabasePopulator(new ClassPathResource("org/springframework/integration/jdbc/schema-h2.sql")).execute(ds);
        boolean as = true;
        for (Case k : CASES) {
            JdbcLockRegistry here = registry(ds), there = registry(ds);
            String key = "record " + k.others();
            Lock held = here.obtain(key);
            if (!held.tryLock()) throw new IllegalStateException("the lock is not free");
            for (int i = 0; i < k.others(); i++) here.obtain("other " + i);
            String second = tried(here, key), third = tried(there, key), first = "unlocked";
            try {
                held.unlock();
            } catch (ConcurrentModificationException e) {
                first = e.getClass().getSimpleName();
            }
            String got = "second " + second + ", third " + third + ", first " + first;
            System.out.println(k.others() + " others: " + got);
            as &= got.equals(k.want());
        }
        if (!as) System.out.println("changed or broken");
        System.exit(as ? 0 : 1);
    }

    static final List<Case> CASES = List.of(
        new Case(0, "second refused, third refused, first unlocked"),
        new Case(999, "second refused, third refused, first unlocked"),
        new Case(1000, "second has it, third has it, first ConcurrentModificationException"));
}
JAVA
javac -nowarn -cp 'lib/*' -d classes Records.java 2>javac.log || { cat javac.log; exit 1; }
java -cp 'classes:lib/*' Records 2>java.log || { tail -20 java.log; exit 1; }
