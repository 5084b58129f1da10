#!/usr/bin/env bash
# jOOQ 3.19.39 (Java) on H2 2.5.252, seen 2026-11-30.
#
# executeWithOptimisticLocking is on, and the table has a version. Two programs read a row, one stores a change, then the
# other stores its own: DataChangedException. With batchStore(record) in place of record.store(), or batchUpdate or
# batchMerge, the update is lost and nothing is thrown: the statement has "and version = 1", finds no row, and execute()
# returns 0 for it, which nobody is told to look at. More: the record is taken for stored. Its store() after that, which
# threw before, sends nothing and returns 0, so who tries again with the same record learns nothing either. batchDelete
# of a stale row leaves it there likewise. So it is with a record that is stored in a transaction that is rolled back: the
# store() of the second attempt sends nothing, and the row is not there.
#
# Guess that it breaks: batchStore is documented as store() of each record with fewer round trips, and the page on
# optimistic locking says that the setting has effect on storing and deleting, and that nothing else need be done. The
# condition on the version is in the batch too, so that it seems to be looked after.
#
# Seen (what a call with a stale record says; the row afterwards; what store() of the same record says then, with no new change):
#   store:       DataChangedException; 110, version 2; DataChangedException
#   batchStore:  0; 110, version 2; 0
#   batchUpdate: 0; 110, version 2; 0
#   batchMerge:  0; 110, version 2; 0
#   delete:      DataChangedException; 110, version 2
#   batchDelete: 0; 110, version 2
#   batchStore of a record that is not stale: 1; 70, version 2; 0
#   a new record, stored and rolled back, then store(): 0; no row
#   a new record, stored and committed:                 1; 70, version 1
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
  <artifactId>batch</artifactId>
  <version>1</version>
  <dependencies>
    <dependency>
      <groupId>org.jooq</groupId>
      <artifactId>jooq</artifactId>
      <version>3.19.39</version>
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
import java.sql.DriverManager;
import java.util.function.Function;
import org.jooq.DSLContext;
import org.jooq.SQLDialect;
import org.jooq.TableField;
import org.jooq.UniqueKey;
import org.jooq.conf.RenderQuotedNames;
import org.jooq.conf.Settings;
import org.jooq.exception.DataChangedException;
import org.jooq.impl.DSL;
import org.jooq.impl.Internal;
import org.jooq.impl.SQLDataType;
import org.jooq.impl.TableImpl;
import org.jooq.impl.UpdatableRecordImpl;

public class Stale {
    static final Accounts ACCOUNTS = new Accounts();

    /** The table, as jOOQ's generator would describe it. */
    public static class Accounts extends TableImpl<Account> {
        final TableField<Account, Integer> id = createField(DSL.name("id"), SQLDataType.INTEGER.nullable(false), this);
        final TableField<Account, Integer> balance = createField(DSL.name("balance"), SQLDataType.INTEGER, this);
        final TableField<Account, Integer> version = createField(DSL.name("version"), SQLDataType.INTEGER, this);

        Accounts() {
            super(DSL.name("account"));
        }

        @Override
        public Class<Account> getRecordType() {
            return Account.class;
        }

        @Override
        @SuppressWarnings("unchecked")
        public UniqueKey<Account> getPrimaryKey() {
            return Internal.createUniqueKey(this, DSL.name("pk"), new TableField[] {id}, true);
        }

        @Override
        public TableField<Account, Integer> getRecordVersion() {
            return version;
        }
    }

    public static class Account extends UpdatableRecordImpl<Account> {
        public Account() {
            super(ACCOUNTS);
        }
    }

    static class RolledBack extends RuntimeException {
    }

    final DSLContext db;
    boolean same = true;

    Stale(DSLContext db) {
        this.db = db;
        db.execute("CREATE TABLE account(id INT PRIMARY KEY, balance INT, version INT)");
    }

    Account read() {
        return db.selectFrom(ACCOUNTS).fetchOne();
    }

    String row() {
        Account a = read();
        return a == null ? "no row" : a.get(ACCOUNTS.balance) + ", version " + a.get(ACCOUNTS.version);
    }

    static String said(Account record, Function<Account, Integer> call) {
        try {
            return "" + call.apply(record);
        } catch (DataChangedException e) {
            return "DataChangedException";
        }
    }

    void line(String name, String got, String want) {
        System.out.println(name + ": " + got);
        same &= got.equals(want);
    }

    /** Calls with a record that was read before another program stored a change, or, unless stale, with nobody between. */
    void change(String name, boolean stale, boolean deletes, Function<Account, Integer> call, String want) {
        db.deleteFrom(ACCOUNTS).execute();
        db.execute("INSERT INTO account VALUES (1, 100, 1)");
        Account mine = read(), other = read();
        if (stale) {
            other.set(ACCOUNTS.balance, 110);
            if (other.store() != 1) throw new IllegalStateException("the other one has not stored");
        }
        if (!deletes) mine.set(ACCOUNTS.balance, 70);
        String got = said(mine, call) + "; " + row();
        if (!deletes) got += "; " + said(mine, Account::store);
        line(name, got, want);
    }

    void create(String name, boolean fails, String want) {
        db.deleteFrom(ACCOUNTS).execute();
        Account mine = db.newRecord(ACCOUNTS);
        mine.set(ACCOUNTS.id, 1);
        mine.set(ACCOUNTS.balance, 70);
        int[] stored = {0};
        try {
            db.transaction(tx -> {
                mine.attach(tx);
                stored[0] = mine.store();
                if (fails) throw new RolledBack();
            });
        } catch (RolledBack e) {
            if (db.fetchCount(ACCOUNTS) != 0) throw new IllegalStateException("was not rolled back");
            db.transaction(tx -> {
                mine.attach(tx);
                stored[0] = mine.store();
            });
        }
        line(name, stored[0] + "; " + row(), want);
    }

    public static void main(String[] args) throws Exception {
        System.setProperty("org.jooq.no-logo", "true");
        System.setProperty("org.jooq.no-tips", "true");
        try (var connection = DriverManager.getConnection("jdbc:h2:mem:")) {
            DSLContext db = DSL.using(connection, SQLDialect.H2, new Settings()
                .withExecuteWithOptimisticLocking(true)
                .withRenderQuotedNames(RenderQuotedNames.NEVER));
            Stale s = new Stale(db);
            s.change("store", true, false, Account::store, "DataChangedException; 110, version 2; DataChangedException");
            s.change("batchStore", true, false, r -> db.batchStore(r).execute()[0], "0; 110, version 2; 0");
            s.change("batchUpdate", true, false, r -> db.batchUpdate(r).execute()[0], "0; 110, version 2; 0");
            s.change("batchMerge", true, false, r -> db.batchMerge(r).execute()[0], "0; 110, version 2; 0");
            s.change("delete", true, true, Account::delete, "DataChangedException; 110, version 2");
            s.change("batchDelete", true, true, r -> db.batchDelete(r).execute()[0], "0; 110, version 2");
            s.change("batchStore of a record that is not stale", false, false, r -> db.batchStore(r).execute()[0], "1; 70, version 2; 0");
            s.create("a new record, stored and rolled back, then store()", true, "0; no row");
            s.create("a new record, stored and committed", false, "1; 70, version 1");
            if (!s.same) System.out.println("changed or broken");
            System.exit(s.same ? 0 : 1);
        }
    }
}
JAVA
javac -nowarn -cp 'lib/*' -d classes Stale.java 2>javac.log || { cat javac.log; exit 1; }
timeout 120 java -cp 'classes:lib/*' Stale 2>java.log || { tail -20 java.log; exit 1; }
