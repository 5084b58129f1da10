#!/usr/bin/env bash
# Nitrite 4.3.0 (Java), in memory, seen 2026-11-30.
#
# A transaction of Nitrite writes to a copy, and commit() makes its writes again, one by one, on the
# collection that all see. Nothing that was read or written is compared with what others committed: of two
# transactions that read 0 and add 1 and 10 both commit, and 10 is left. When a write of the commit fails,
# for a unique key that another one has taken meanwhile, commit() throws and those before it stay: half of
# the transaction is seen by all. rollback() takes them back by putting in the document that was there
# before, also over what another one has written and committed since: that write is gone.
#
# Guess that it breaks: a commit that throws has changed nothing, a rollback undoes what its transaction
# did and nothing else, and of two that change one document by what they read of it one is told.
#
# Seen (x is 0 and "u" is a unique key; the transaction sets x to 1 and inserts u; another inserts u first):
#   read x, x = read + 1 and x = read + 10:        committed, committed, x is 10
#   commit:                                        TransactionException, x is 1
#   rollback after it:                             x is 0
#   commit, another sets x to 60, rollback:        x is 0
#   commit that inserts u first and then sets x:   TransactionException, x is 0
#
# Needs a JDK 17 or later and Maven 3.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
cat >pom.xml <<'XML'
<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>findings</groupId>
  <artifactId>nitrite</artifactId>
  <version>1</version>
  <dependencies>
    <dependency>
      <groupId>org.dizitart</groupId>
      <artifactId>nitrite</artifactId>
      <version>4.3.0</version>
    </dependency>
  </dependencies>
</project>
XML
mvn -q -B org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies -DoutputDirectory=lib >mvn.log 2>&1 || { cat mvn.log; exit 1; }
cat >Half.java <<'JAVA'
import static org.dizitart.no2.filters.FluentFilter.where;

import org.dizitart.no2.Nitrite;
import org.dizitart.no2.collection.Document;
import org.dizitart.no2.collection.NitriteCollection;
import org.dizitart.no2.index.IndexOptions;
import org.dizitart.no2.index.IndexType;
import org.dizitart.no2.transaction.Session;
import org.dizitart.no2.transaction.Transaction;

public class Half {
  static boolean asSeen = true;

  static NitriteCollection fresh(Nitrite db) {
    NitriteCollection all = db.getCollection("all");
    all.createIndex(IndexOptions.indexOptions(IndexType.UNIQUE), "key");
    all.insert(doc("x", 0));
    return all;
  }

  static Document doc(String key, int value) {
    return Document.createDocument("key", key).put("value", value);
  }

  static void set(NitriteCollection c, int value) {
    c.update(where("key").eq("x"), Document.createDocument("value", value));
  }

  static int x(NitriteCollection c) {
    return c.find(where("key").eq("x")).firstOrNull().get("value", Integer.class);
  }

  static String commit(Transaction t) {
    try {
      t.commit();
      return "committed";
    } catch (Exception e) {
      return e.getClass().getSimpleName();
    }
  }

  static void see(String what, String got, String want) {
    System.out.println(what + ": " + got);
    asSeen &= got.equals(want);
  }

  interface Case {
    void run(NitriteCollection all, Session session);
  }

  static void with(Case c) {
    try (Nitrite db = Nitrite.builder().openOrCreate(); Session session = db.createSession()) {
      c.run(fresh(db), session);
    }
  }

  public static void main(String[] args) {
    with((all, session) -> {
      Transaction one = session.beginTransaction();
      Transaction ten = session.beginTransaction();
      int first = x(one.getCollection("all"));
      int second = x(ten.getCollection("all"));
      set(one.getCollection("all"), first + 1);
      set(ten.getCollection("all"), second + 10);
      see("read x, x = read + 1 and x = read + 10", commit(one) + ", " + commit(ten) + ", x is " + x(all), "committed, committed, x is 10");
    });
    with((all, session) -> {
      Transaction t = session.beginTransaction();
      set(t.getCollection("all"), 1);
      t.getCollection("all").insert(doc("u", 2));
      all.insert(doc("u", 1));
      see("commit", commit(t) + ", x is " + x(all), "TransactionException, x is 1");
      t.rollback();
      see("rollback after it", "x is " + x(all), "x is 0");
    });
    with((all, session) -> {
      Transaction t = session.beginTransaction();
      set(t.getCollection("all"), 1);
      t.getCollection("all").insert(doc("u", 2));
      all.insert(doc("u", 1));
      commit(t);
      set(all, 60);
      t.rollback();
      see("commit, another sets x to 60, rollback", "x is " + x(all), "x is 0");
    });
    with((all, session) -> {
      Transaction t = session.beginTransaction();
      t.getCollection("all").insert(doc("u", 2));
      set(t.getCollection("all"), 1);
      all.insert(doc("u", 1));
      see("commit that inserts u first and then sets x", commit(t) + ", x is " + x(all), "TransactionException, x is 0");
    });
    if (!asSeen) {
      System.out.println("changed or broken");
      System.exit(1);
    }
  }
}
JAVA
javac -nowarn -cp 'lib/*' Half.java 2>javac.log || { cat javac.log; exit 1; }
java -cp "lib/*:." Half 2>java.log || { cat java.log; exit 1; }
