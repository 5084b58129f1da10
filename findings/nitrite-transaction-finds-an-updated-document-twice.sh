#!/usr/bin/env bash
# Nitrite 4.3.0 (Java), in memory, seen 2026-11-30.
#
# A transaction that has updated a document finds it twice: as it is now and as it was. find() gives both,
# size() counts both, and a sum over the balances of two accounts is that of three. A search by the field
# that names it gives both without an index on that field, and the new one alone with one. After the commit
# there is one document. A document that the transaction has inserted, or removed, is counted rightly.
#
# Guess that it breaks: a transaction reads its own writes, in place of what they replaced; and an index
# changes how soon an answer comes, not which.
#
# Seen (in a transaction on accounts a: 50 and b: 50; balances found, number of documents, balances by the
# name a):
#   nothing written:              [50, 50], 2, [50]
#   a set to 0:                   [0, 50, 50], 3, [0, 50]
#   a set to 0, index on name:    [0, 50, 50], 3, [0]
#   a set to 0, after the commit: [0, 50], 2, [0]
#   c: 7 inserted:                [7, 50, 50], 3, [50]
#   b removed:                    [50], 1, [50]
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
cat >Twice.java <<'JAVA'
import static org.dizitart.no2.filters.FluentFilter.where;

import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.function.Consumer;
import org.dizitart.no2.Nitrite;
import org.dizitart.no2.collection.Document;
import org.dizitart.no2.collection.DocumentCursor;
import org.dizitart.no2.collection.NitriteCollection;
import org.dizitart.no2.index.IndexOptions;
import org.dizitart.no2.index.IndexType;
import org.dizitart.no2.transaction.Session;
import org.dizitart.no2.transaction.Transaction;

public class Twice {
  static boolean asSeen = true;

  static Document account(String name, int balance) {
    return Document.createDocument("name", name).put("balance", balance);
  }

  static List<Integer> balances(DocumentCursor found) {
    List<Integer> out = new ArrayList<>();
    for (Document d : found) {
      out.add(d.get("balance", Integer.class));
    }
    Collections.sort(out);
    return out;
  }

  static void see(String what, boolean index, boolean commit, Consumer<NitriteCollection> write, String want) {
    try (Nitrite db = Nitrite.builder().openOrCreate(); Session session = db.createSession()) {
      NitriteCollection accounts = db.getCollection("accounts");
      if (index) {
        accounts.createIndex(IndexOptions.indexOptions(IndexType.UNIQUE), "name");
      }
      accounts.insert(account("a", 50), account("b", 50));
      Transaction t = session.beginTransaction();
      NitriteCollection c = t.getCollection("accounts");
      write.accept(c);
      if (commit) {
        t.commit();
        c = accounts;
      }
      String got = balances(c.find()) + ", " + c.size() + ", " + balances(c.find(where("name").eq("a")));
      System.out.println(what + ": " + got);
      asSeen &= got.equals(want);
    }
  }

  public static void main(String[] args) {
    Consumer<NitriteCollection> empty = c -> c.update(where("name").eq("a"), Document.createDocument("balance", 0));
    see("nothing written", false, false, c -> {}, "[50, 50], 2, [50]");
    see("a set to 0", false, false, empty, "[0, 50, 50], 3, [0, 50]");
    see("a set to 0, index on name", true, false, empty, "[0, 50, 50], 3, [0]");
    see("a set to 0, after the commit", false, true, empty, "[0, 50], 2, [0]");
    see("c: 7 inserted", false, false, c -> c.insert(account("c", 7)), "[7, 50, 50], 3, [50]");
    see("b removed", false, false, c -> c.remove(where("name").eq("b")), "[50], 1, [50]");
    if (!asSeen) {
      System.out.println("changed or broken");
      System.exit(1);
    }
  }
}
JAVA
javac -nowarn -cp 'lib/*' Twice.java 2>javac.log || { cat javac.log; exit 1; }
java -cp "lib/*:." Twice 2>java.log || { cat java.log; exit 1; }
