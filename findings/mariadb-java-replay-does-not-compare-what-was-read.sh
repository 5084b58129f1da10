#!/usr/bin/env bash
# MariaDB Connector/J 3.5.6 with transactionReplay=true, MariaDB 10.11.19 (Debian 12), seen 2026-11-28.
#
# A transaction at SERIALIZABLE reads a balance of 100 with FOR UPDATE; its connection is
# ended by the server (KILL CONNECTION), and with it the lock; another client takes 30 from
# the balance; the first writes 100 - 10 and commits. The driver connects again, sends the
# transaction's statements again, the SELECT among them, and throws its result away: it is
# 70 now, and the program still believes in 100. The commit succeeds, the balance is 90: the
# other client's update is lost, at the highest isolation level, under a row lock, in silence.
#
# Guess that it breaks: replaying a transaction is safe only if what the program read the
# first time is what the replay reads (Oracle's Application Continuity compares checksums of
# results, and gives up where they differ). The documentation calls this failover
# "completely transparent".
#
# Seen:
#   transactionReplay=false, FOR UPDATE or not: saw 100, 25S03 (transaction was lost), balance 70
#   transactionReplay=true,  FOR UPDATE or not: saw 100, committed, balance 90
#
# Needs Java 17 or later, Maven, and apt-get (Debian's packages are only downloaded, not installed).
set -euo pipefail
dir=$(mktemp -d)
server=
trap '[ -z "$server" ] || { kill "$server" 2>/dev/null; wait "$server" 2>/dev/null; } || true; rm -rf "$dir"' EXIT
chmod 755 "$dir"

version=1:10.11.19-0+deb12u1
mkdir "$dir/deb" && cd "$dir/deb"
for p in mariadb-server=$version mariadb-server-core=$version mariadb-client=$version mariadb-client-core=$version libmariadb3=$version \
  liburing2 libsnappy1v5 libnuma1 libpmem1 libdaxctl1 libndctl6; do
  apt-get download "$p" >/dev/null 2>&1 || { echo "cannot be downloaded: $p (run apt-get update)" >&2; exit 1; }
done
for d in *.deb; do dpkg-deb -x "$d" "$dir/root"; done
cd "$dir"
cat >pom.xml <<'XML'
<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>example.test</groupId><artifactId>replay</artifactId><version>1</version>
  <dependencies>
    <dependency><groupId>org.mariadb.jdbc</groupId><artifactId>mariadb-java-client</artifactId><version>3.5.6</version></dependency>
    <dependency><groupId>org.slf4j</groupId><artifactId>slf4j-nop</artifactId><version>2.0.17</version></dependency>
  </dependencies>
</project>
XML
mvn -q dependency:copy-dependencies -DoutputDirectory=lib >mvn.log 2>&1 || { tail mvn.log; exit 1; }

root=$dir/root
port=42611
for p in $port; do if (: >/dev/tcp/127.0.0.1/"$p") 2>/dev/null; then echo "port $p is in use" >&2; exit 1; fi; done
user=()
if [ "$(id -u)" -eq 0 ]; then user=(setpriv --reuid 65534 --regid 65534 --clear-groups); fi
mkdir data run && { [ "$(id -u)" -ne 0 ] || chown 65534:65534 data run; }
export LD_LIBRARY_PATH=$(echo "$root"/usr/lib/*-linux-gnu)
"${user[@]}" "$root/usr/bin/mariadb-install-db" --no-defaults --basedir="$root/usr" --datadir="$dir/data" \
  --auth-root-authentication-method=normal --skip-test-db >install.log 2>&1 || { tail install.log; exit 1; }
"${user[@]}" "$root/usr/sbin/mariadbd" --no-defaults --basedir="$root/usr" --datadir="$dir/data" --socket="$dir/run/s" --pid-file="$dir/run/pid" \
  --lc-messages-dir="$root/usr/share/mysql" --bind-address=127.0.0.1 --port=$port >server.log 2>&1 &
server=$!
sql() { "$root/usr/bin/mariadb" --no-defaults -uroot -S "$dir/run/s" "$@"; }
for _ in $(seq 100); do sql -e 'select 1' >/dev/null 2>&1 && break; sleep 0.2; done
sql -N -e 'select version(); create database bank'
unset LD_LIBRARY_PATH

cat >Replay.java <<'JAVA'
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;

public class Replay {
    static final String NODE = "127.0.0.1:" + System.getenv("PORT");

    static long query(Connection c, String sql) throws SQLException {
        try (Statement s = c.createStatement(); ResultSet r = s.executeQuery(sql)) {
            r.next();
            return r.getLong(1);
        }
    }

    static void execute(Connection c, String sql) throws SQLException {
        try (Statement s = c.createStatement()) {
            s.execute(sql);
        }
    }

    /** Gives the balance in the end; 70 or 60 is right, 90 is a lost update. */
    static long withdraw(boolean replay, String lock) throws SQLException {
        try (Connection other = DriverManager.getConnection("jdbc:mariadb://" + NODE + "/bank?user=root")) {
            execute(other, "CREATE OR REPLACE TABLE account(id INT PRIMARY KEY, balance INT) ENGINE=InnoDB");
            execute(other, "INSERT INTO account VALUES (1, 100)");
            String url = "jdbc:mariadb:sequential://" + NODE + "," + NODE + "/bank?user=root&transactionReplay=" + replay;
            try (Connection c = DriverManager.getConnection(url)) {
                c.setTransactionIsolation(Connection.TRANSACTION_SERIALIZABLE);
                c.setAutoCommit(false);
                long id = query(c, "SELECT CONNECTION_ID()");
                long seen = query(c, "SELECT balance FROM account WHERE id = 1" + lock);
                execute(other, "KILL CONNECTION " + id);
                execute(other, "UPDATE account SET balance = balance - 30 WHERE id = 1");
                String outcome;
                try {
                    execute(c, "UPDATE account SET balance = " + (seen - 10) + " WHERE id = 1");
                    c.commit();
                    outcome = "committed";
                } catch (SQLException e) {
                    outcome = e.getSQLState();
                }
                long balance = query(other, "SELECT balance FROM account WHERE id = 1");
                System.out.println("transactionReplay=" + replay + lock + ": saw " + seen + ", " + outcome + ", balance " + balance);
                return balance;
            }
        }
    }

    public static void main(String[] args) throws SQLException {
        for (String lock : new String[] {"", " FOR UPDATE"}) {
            if (withdraw(false, lock) != 70) {
                throw new IllegalStateException("changed: without replay (the control) the balance is not 70");
            }
            if (withdraw(true, lock) != 90) {
                throw new IllegalStateException("changed: the update of the other client is not lost");
            }
        }
    }
}
JAVA
PORT=$port java -cp 'lib/*' Replay.java
