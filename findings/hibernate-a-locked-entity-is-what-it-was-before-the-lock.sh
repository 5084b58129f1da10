#!/usr/bin/env bash
# Hibernate ORM 7.1.0.Final (Java) with H2 2.5.252, seen 2026-11-30.
#
# A transaction has read an account, perhaps only to show it, or for another reason in a function far away. Another transaction
# takes 30 from it and commits. Then the first locks it with PESSIMISTIC_WRITE and takes 10: the row is locked, and the entity is what it was
# before the lock, 100; 90 is stored, and the 30 are lost under the lock. So it is with find, with a query, which reads the row of 70 and gives
# the entity of 100, and with lock. If the entity was not loaded before, or with refresh and a lock, it is right. With a version the
# same calls are refused.
#
# Guess that it breaks: a lock for writing is taken so that what one reads is what one changes; the page of LockModeType in Jakarta Persistence
# 3.2 says that it forces serialization among those who update, and that it must be supported without a version as well. SELECT ... FOR UPDATE
# gives the row as it is. Whether the entity was loaded before, the code that locks cannot know.
#
# Seen (what the locked entity says, and what is stored after 10 were taken):
#   not loaded before, find:  sees 70, left 60
#   loaded before, find:      sees 100, left 90
#   loaded before, query:     sees 100, left 90
#   loaded before, lock:      sees 100, left 90
#   loaded before, refresh:   sees 70, left 60
#   versioned, find:          OptimisticLockException, left 70
#   versioned, query:         OptimisticLockException, left 70
#   versioned, lock:          StaleObjectStateException, left 70
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
  <artifactId>stale</artifactId>
  <version>1</version>
  <dependencies>
    <dependency>
      <groupId>org.hibernate.orm</groupId>
      <artifactId>hibernate-core</artifactId>
      <version>7.1.0.Final</version>
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
cat >Stale.java <<'JAVA'
import jakarta.persistence.Entity;
import jakarta.persistence.Id;
import jakarta.persistence.LockModeType;
import jakarta.persistence.Version;
import org.h2.jdbcx.JdbcDataSource;
import org.hibernate.Session;
import org.hibernate.SessionFactory;
import org.hibernate.cfg.Configuration;

public class Stale {
    public interface Account {
        int balance();
        void take(int amount);
    }

    @Entity(name = "Plain")
    public static class Plain implements Account {
        @Id int id;
        int balance;
        public int balance() { return balance; }
        public void take(int amount) { balance -= amount; }
    }

    @Entity(name = "Versioned")
    public static class Versioned implements Account {
        @Id int id;
        int balance;
        @Version int version;
        public int balance() { return balance; }
        public void take(int amount) { balance -= amount; }
    }

    static final LockModeType LOCK = LockModeType.PESSIMISTIC_WRITE;
    static boolean as = true;
    static SessionFactory factory;

    /** How the row is locked: what was loaded before, if anything was, is given. */
    interface Way {
        Account lock(Session s, Class<? extends Account> type, Account loaded);
    }

    static void row(String name, Class<? extends Account> type, boolean loadedBefore, Way way, String want) {
        String table = type.getSimpleName();
        factory.inTransaction(s -> {
            s.createMutationQuery("delete from " + table).executeUpdate();
            s.createNativeMutationQuery("insert into " + table + (type == Plain.class ? " (id, balance) values (1, 100)"
                : " (id, balance, version) values (1, 100, 0)")).executeUpdate();
        });
        String said;
        try {
            said = factory.fromTransaction(s -> {
                Account loaded = loadedBefore ? s.find(type, 1) : null;
                // Another one takes 30, and commits.
                factory.inTransaction(other -> other.find(type, 1).take(30));
                Account locked = way.lock(s, type, loaded);
                int seen = locked.balance();
                locked.take(10);
                return "sees " + seen;
            });
        } catch (RuntimeException e) {
            said = e.getClass().getSimpleName();
        }
        int left = factory.fromTransaction(s -> s.createQuery("select balance from " + table, Integer.class).getSingleResult());
        String got = said + ", left " + left;
        System.out.println(name + ": " + got);
        as &= got.equals(want);
    }

    public static void main(String[] args) {
        JdbcDataSource h2 = new JdbcDataSource();
        h2.setURL("jdbc:h2:mem:stale;DB_CLOSE_DELAY=-1;LOCK_TIMEOUT=2000");
        h2.setUser("sa");
        Configuration c = new Configuration().addAnnotatedClass(Plain.class).addAnnotatedClass(Versioned.class);
        c.getProperties().put("hibernate.connection.datasource", h2);
        c.setProperty("hibernate.hbm2ddl.auto", "create");
        factory = c.buildSessionFactory();
        Way find = (s, type, loaded) -> s.find(type, 1, LOCK);
        Way query = (s, type, loaded) -> s.createQuery("from " + type.getSimpleName() + " where id = 1", type).setLockMode(LOCK).getSingleResult();
        Way lock = (s, type, loaded) -> { s.lock(loaded, LOCK); return loaded; };
        Way refresh = (s, type, loaded) -> { s.refresh(loaded, LOCK); return loaded; };
        row("not loaded before, find", Plain.class, false, find, "sees 70, left 60");
        row("loaded before, find", Plain.class, true, find, "sees 100, left 90");
        row("loaded before, query", Plain.class, true, query, "sees 100, left 90");
        row("loaded before, lock", Plain.class, true, lock, "sees 100, left 90");
        row("loaded before, refresh", Plain.class, true, refresh, "sees 70, left 60");
        row("versioned, find", Versioned.class, true, find, "OptimisticLockException, left 70");
        row("versioned, query", Versioned.class, true, query, "OptimisticLockException, left 70");
        row("versioned, lock", Versioned.class, true, lock, "StaleObjectStateException, left 70");
        if (!as) System.out.println("changed or broken");
        System.exit(as ? 0 : 1);
    }
}
JAVA
javac -nowarn -cp 'lib/*' -d classes Stale.java 2>javac.log || { cat javac.log; exit 1; }
timeout 240 java -cp 'classes:lib/*' Stale 2>java.log || { tail -20 java.log; exit 1; }
