#!/usr/bin/env bash
# Tomcat JDBC Pool 11.0.27, Vibur DBCP 26.0 and Agroal 3.0 (Quarkus') beside HikariCP 7.1.0,
# DBCP 2.13.0, c3p0 0.11.2 and Druid 1.2.25 (Java), with H2 2.5.252; seen 2026-11-29.
#
# A program takes 10 from an account in a transaction, fails before the other half, and its
# try-with-resources closes the connection: no commit, no rollback. HikariCP, DBCP, c3p0 and Druid roll back.
# Agroal commits: it sets auto-commit on again, which by JDBC ends the transaction with a commit, and half
# of a transfer is stored. Tomcat's pool and Vibur hand the connection on as it is: the next borrower's single
# UPDATE says 1 row and is not stored, since it stands in the transaction of the one before; a later
# borrower's commit stores all, or its rollback takes back the write that was told to be done. Its isolation
# level is handed on too (DBCP hands on that alone).
#
# Guess that it breaks: JDBC leaves to the implementation what close() does with an open transaction, and
# of a pool, where close() is a return, one expects that the next borrower gets a fresh connection, as
# from the other four. Tomcat's page has rollbackOnReturn and the interceptor ConnectionState, both off
# by default; Vibur has resetDefaultsAfterUse, off; Agroal sets auto-commit back on the way to the pool.
#
# Seen (accounts of 100 and 100, as another connection sees them after the failed transfer; the next borrower,
# who adds 1 to the second account and closes, and what is stored then; then another one who only commits):
#   HikariCP, c3p0, Druid: 100, 100; auto-commit true, READ COMMITTED, 1 row: 100, 101; after a commit: 100, 101
#   DBCP:                  100, 100; auto-commit true, SERIALIZABLE, 1 row: 100, 101; after a commit: 100, 101
#   Agroal:                90, 100; auto-commit true, READ COMMITTED, 1 row: 90, 101; after a commit: 90, 101
#   Tomcat, Vibur:         100, 100; auto-commit false, SERIALIZABLE, 1 row: 100, 100; after a commit: 90, 101
#
# Needs Java 17 or later and mvn.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
{
  echo '<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>'
  echo '<groupId>example.test</groupId><artifactId>pools</artifactId><version>1</version><dependencies>'
  for d in com.zaxxer:HikariCP:7.1.0 org.apache.commons:commons-dbcp2:2.13.0 com.mchange:c3p0:0.11.2 com.alibaba:druid:1.2.25 \
    io.agroal:agroal-api:3.0 io.agroal:agroal-pool:3.0 org.apache.tomcat:tomcat-jdbc:11.0.27 org.vibur:vibur-dbcp:26.0 \
    com.h2database:h2:2.5.252 org.slf4j:slf4j-nop:2.0.17; do
    IFS=: read -r group artifact version <<<"$d"
    echo "<dependency><groupId>$group</groupId><artifactId>$artifact</artifactId><version>$version</version></dependency>"
  done
  echo '</dependencies></project>'
} >pom.xml
mvn -q dependency:copy-dependencies -DoutputDirectory=lib >mvn.log 2>&1 || { cat mvn.log; exit 1; }
cat >Pools.java <<'JAVA'
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.SQLException;
import java.util.LinkedHashMap;
import java.util.Map;
import javax.sql.DataSource;

public class Pools {
    interface Maker { DataSource make(String url) throws Exception; }

    static class HalfWay extends RuntimeException { }

    /** Pools of one connection, with no other setting than that and the address. */
    static Map<String, Maker> pools() {
        Map<String, Maker> m = new LinkedHashMap<>();
        m.put("HikariCP", url -> {
            var d = new com.zaxxer.hikari.HikariDataSource();
            d.setJdbcUrl(url);
            d.setMaximumPoolSize(1);
            return d;
        });
        m.put("c3p0", url -> {
            var d = new com.mchange.v2.c3p0.ComboPooledDataSource();
            d.setJdbcUrl(url);
            d.setInitialPoolSize(1);
            d.setMinPoolSize(1);
            d.setMaxPoolSize(1);
            return d;
        });
        m.put("Druid", url -> {
            var d = new com.alibaba.druid.pool.DruidDataSource();
            d.setUrl(url);
            d.setMaxActive(1);
            return d;
        });
        m.put("DBCP", url -> {
            var d = new org.apache.commons.dbcp2.BasicDataSource();
            d.setUrl(url);
            d.setMaxTotal(1);
            return d;
        });
        m.put("Agroal", url -> io.agroal.api.AgroalDataSource.from(
            new io.agroal.api.configuration.supplier.AgroalDataSourceConfigurationSupplier().connectionPoolConfiguration(
                p -> p.maxSize(1).connectionFactoryConfiguration(f -> f.jdbcUrl(url)))));
        m.put("Tomcat", url -> {
            var d = new org.apache.tomcat.jdbc.pool.DataSource();
            d.setUrl(url);
            d.setDriverClassName("org.h2.Driver");
            d.setMaxActive(1);
            d.setInitialSize(1);
            return d;
        });
        m.put("Vibur", url -> {
            var d = new org.vibur.dbcp.ViburDBCPDataSource();
            d.setJdbcUrl(url);
            d.setUsername("");
            d.setPassword("");
            d.setPoolInitialSize(1);
            d.setPoolMaxSize(1);
            d.start();
            return d;
        });
        return m;
    }

    static String balances(Connection other) throws SQLException {
        try (var s = other.createStatement(); var r = s.executeQuery("SELECT n FROM account ORDER BY id")) {
            r.next();
            String first = r.getString(1);
            r.next();
            return first + ", " + r.getString(1);
        }
    }

    static int add(Connection c, int id, int n) throws SQLException {
        try (var s = c.prepareStatement("UPDATE account SET n = n + ? WHERE id = ?")) {
            s.setInt(1, n);
            s.setInt(2, id);
            return s.executeUpdate();
        }
    }

    static String run(String name, Maker maker) throws Exception {
        String url = "jdbc:h2:mem:" + name + ";DB_CLOSE_DELAY=-1";
        Connection other = DriverManager.getConnection(url);
        try (var s = other.createStatement()) {
            s.execute("CREATE TABLE account (id INT PRIMARY KEY, n INT)");
            s.execute("INSERT INTO account VALUES (1, 100), (2, 100)");
        }
        DataSource pool = maker.make(url);
        try (Connection c = pool.getConnection()) {
            c.setTransactionIsolation(Connection.TRANSACTION_SERIALIZABLE);
            c.setAutoCommit(false);
            add(c, 1, -10);
            throw new HalfWay();
        } catch (HalfWay e) {
            // As a program does that logs it and answers "failed".
        }
        String said = balances(other);
        try (Connection c = pool.getConnection()) {
            said += "; auto-commit " + c.getAutoCommit();
            said += c.getTransactionIsolation() == Connection.TRANSACTION_SERIALIZABLE ? ", SERIALIZABLE" : ", READ COMMITTED";
            said += ", " + add(c, 2, 1) + " row: ";
        }
        said += balances(other);
        try (Connection c = pool.getConnection()) {
            c.setAutoCommit(false);
            c.commit();
        }
        return said + "; after a commit: " + balances(other);
    }

    public static void main(String[] args) throws Exception {
        boolean asSeen = true;
        for (var pool : pools().entrySet()) {
            String got = run(pool.getKey(), pool.getValue());
            System.out.println(pool.getKey() + ": " + got);
            asSeen &= got.equals(switch (pool.getKey()) {
                case "Agroal" -> "90, 100; auto-commit true, READ COMMITTED, 1 row: 90, 101; after a commit: 90, 101";
                case "Tomcat", "Vibur" ->
                    "100, 100; auto-commit false, SERIALIZABLE, 1 row: 100, 100; after a commit: 90, 101";
                case "DBCP" -> "100, 100; auto-commit true, SERIALIZABLE, 1 row: 100, 101; after a commit: 100, 101";
                default -> "100, 100; auto-commit true, READ COMMITTED, 1 row: 100, 101; after a commit: 100, 101";
            });
        }
        if (!asSeen) System.out.println("changed or broken");
        System.exit(asSeen ? 0 : 1);
    }
}
JAVA
javac -cp 'lib/*' -d classes Pools.java
java -cp 'classes:lib/*' Pools 2>java.log || { tail -20 java.log; exit 1; }
