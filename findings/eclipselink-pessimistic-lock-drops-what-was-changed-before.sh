#!/usr/bin/env bash
# EclipseLink 5.0.0 (Java, Jakarta Persistence 3.2), with Hibernate ORM 7.1.0.Final beside it, on H2 2.5.252, seen 2026-11-30.
#
# A transaction adds 10 to an account that it has read, then locks the account: by lock, or by find with a
# lock mode, as a function does that it calls. EclipseLink reads the row again with the lock and puts what it
# has read over the change. The commit succeeds, and the 10 are gone. With a version, and with
# PESSIMISTIC_FORCE_INCREMENT, which writes the row, it is the same. Nothing is lost after a flush, by a query
# with a lock mode (which flushes before), or where this transaction has the lock already. Hibernate
# keeps what is in memory: the 10 stay, and without a version another's deposit is lost that was
# committed between the read and the lock.
#
# Guess that it breaks: of refresh the comment in Jakarta Persistence says that it overwrites changes of the
# entity; of lock it says nothing of the kind, and find with a lock mode is to do to a managed instance
# what lock does. A lock is thought to keep others out, not to undo what was done. And code that is right
# with one provider loses money with the other.
#
# Seen (the balance after the commit; it was 100, this transaction adds 10, another one 50):
#   EclipseLink, no version, change then find:             100
#   EclipseLink, no version, change then lock:             100
#   EclipseLink, no version, change then PESSIMISTIC_READ: 100
#   EclipseLink, no version, change, flush, then lock:     110
#   EclipseLink, no version, change then query:            110
#   EclipseLink, no version, lock, change, lock again:     110
#   EclipseLink, no version, another's deposit then find:  160
#   EclipseLink, version, the same seven: the same, and
#   EclipseLink, version, change then FORCE_INCREMENT:     100
#   EclipseLink, version, change then OPTIMISTIC:          110
#   Hibernate, all of the above but another's deposit:     110
#   Hibernate, no version, another's deposit then find:    110
#   Hibernate, version, another's deposit then find:       OptimisticLockException, 150
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
  <artifactId>locked</artifactId>
  <version>1</version>
  <dependencies>
    <dependency>
      <groupId>org.eclipse.persistence</groupId>
      <artifactId>org.eclipse.persistence.jpa</artifactId>
      <version>5.0.0</version>
    </dependency>
    <dependency>
      <groupId>org.ow2.asm</groupId>
      <artifactId>asm-commons</artifactId>
      <version>9.8</version>
    </dependency>
    <dependency>
      <groupId>org.ow2.asm</groupId>
      <artifactId>asm-util</artifactId>
      <version>9.8</version>
    </dependency>
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
cat >Locked.java <<'JAVA'
import jakarta.persistence.Entity;
import jakarta.persistence.EntityManager;
import jakarta.persistence.EntityManagerFactory;
import jakarta.persistence.Id;
import jakarta.persistence.LockModeType;
import jakarta.persistence.MappedSuperclass;
import jakarta.persistence.PersistenceConfiguration;
import jakarta.persistence.PersistenceException;
import jakarta.persistence.Version;
import jakarta.persistence.spi.PersistenceProvider;
import java.util.function.BiConsumer;
import java.util.function.Consumer;

public class Locked {
    @MappedSuperclass
    public abstract static class Account {
        @Id int id = 1;
        int balance = 100;
    }

    @Entity(name = "Plain")
    public static class Plain extends Account {}

    @Entity(name = "Versioned")
    public static class Versioned extends Account {
        @Version int version;
    }

    static final LockModeType WRITE = LockModeType.PESSIMISTIC_WRITE;

    static EntityManagerFactory factory;
    static boolean as = true;

    static void transaction(Consumer<EntityManager> work) {
        EntityManager m = factory.createEntityManager();
        try {
            m.getTransaction().begin();
            work.accept(m);
            m.getTransaction().commit();
        } finally {
            if (m.getTransaction().isActive()) m.getTransaction().rollback();
            m.close();
        }
    }

    /** Has a transaction read the account of 100 and work on it; prints how it ended and what is in the table then. */
    static void row(String name, Class<? extends Account> kind, BiConsumer<EntityManager, Account> work, String want) {
        transaction(m -> m.find(kind, 1).balance = 100);
        String[] got = {""};
        try {
            transaction(m -> work.accept(m, m.find(kind, 1)));
        } catch (PersistenceException e) {
            got[0] = e.getClass().getSimpleName() + ", ";
        }
        transaction(m -> got[0] += m.createNativeQuery("SELECT balance FROM " + kind.getSimpleName()).getSingleResult());
        System.out.println(name + ": " + got[0]);
        as &= got[0].equals(want);
    }

    /** The rows of a kind of account: after a change a lock gives changed, and after another's deposit find gives stale. */
    static void rows(String name, Class<? extends Account> kind, String changed, String stale) {
        String select = "SELECT a FROM " + kind.getSimpleName() + " a WHERE a.id = 1";
        row(name + ", change then find", kind, (m, a) -> {
            a.balance += 10;
            m.find(kind, 1, WRITE);
        }, changed);
        row(name + ", change then lock", kind, (m, a) -> {
            a.balance += 10;
            m.lock(a, WRITE);
        }, changed);
        row(name + ", change then PESSIMISTIC_READ", kind, (m, a) -> {
            a.balance += 10;
            m.lock(a, LockModeType.PESSIMISTIC_READ);
        }, changed);
        row(name + ", change, flush, then lock", kind, (m, a) -> {
            a.balance += 10;
            m.flush();
            m.lock(a, WRITE);
        }, "110");
        row(name + ", change then query", kind, (m, a) -> {
            a.balance += 10;
            m.createQuery(select, kind).setLockMode(WRITE).getSingleResult();
        }, "110");
        row(name + ", lock, change, lock again", kind, (m, a) -> {
            m.lock(a, WRITE);
            a.balance += 10;
            m.lock(a, WRITE);
        }, "110");
        row(name + ", another's deposit then find", kind, (m, a) -> {
            transaction(another -> another.find(kind, 1).balance += 50);
            m.find(kind, 1, WRITE).balance += 10;
        }, stale);
    }

    static void provider(String name, PersistenceProvider provider, String changed, String stalePlain, String staleVersioned) {
        factory = provider.createEntityManagerFactory(new PersistenceConfiguration(name)
            .provider(provider.getClass().getName())
            .managedClass(Account.class).managedClass(Plain.class).managedClass(Versioned.class)
            .property("jakarta.persistence.jdbc.driver", "org.h2.Driver")
            .property("jakarta.persistence.jdbc.url", "jdbc:h2:mem:" + name + ";DB_CLOSE_DELAY=-1")
            .property("eclipselink.logging.level", "WARNING")
            .property("jakarta.persistence.schema-generation.database.action", "create"));
        transaction(m -> {
            m.persist(new Plain());
            m.persist(new Versioned());
        });
        rows(name + ", no version", Plain.class, changed, stalePlain);
        rows(name + ", version", Versioned.class, changed, staleVersioned);
        row(name + ", version, change then FORCE_INCREMENT", Versioned.class, (m, a) -> {
            a.balance += 10;
            m.lock(a, LockModeType.PESSIMISTIC_FORCE_INCREMENT);
        }, changed);
        row(name + ", version, change then OPTIMISTIC", Versioned.class, (m, a) -> {
            a.balance += 10;
            m.lock(a, LockModeType.OPTIMISTIC);
        }, "110");
        factory.close();
    }

    public static void main(String[] args) {
        provider("EclipseLink", new org.eclipse.persistence.jpa.PersistenceProvider(), "100", "160", "160");
        provider("Hibernate", new org.hibernate.jpa.HibernatePersistenceProvider(), "110", "110", "OptimisticLockException, 150");
        if (!as) System.out.println("changed or broken");
        System.exit(as ? 0 : 1);
    }
}
JAVA
javac -nowarn -cp 'lib/*' -d classes Locked.java 2>javac.log || { cat javac.log; exit 1; }
timeout 240 java -cp 'classes:lib/*' Locked 2>java.log || { tail -20 java.log; exit 1; }
