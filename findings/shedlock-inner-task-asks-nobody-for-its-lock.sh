#!/usr/bin/env bash
# ShedLock 6.9.2 (Java, DefaultLockingTaskExecutor with the JDBC provider) on H2 2.5.252, seen 2026-11-30.
#
# A task that runs under the lock "job" calls a function that itself runs a task under "job", and wants it
# for a minute. The executor says that the inner task was executed, but has not asked the provider: the
# thread has taken that name before, and that is enough. The minute is in no table, so when the outer
# time is over another process runs "job" in the midst of the inner task. And when the outer time is over
# and another process has the lock for a minute, the inner task is executed all the same, beside it;
# LockAssert says there that the lock is held. The same executor on a fresh thread is refused.
#
# Guess that it breaks: an inner executeWithLock is thought either to be refused, or to hold the lock for
# the time that it was given, as the result says wasExecuted. A step that is longer than the rest is given
# its own, longer time for just that reason, and a call that asks for a lock is the moment at which one
# learns that it is lost. lockAtMostFor of the outer task is documented as the time after which another one may
# run; the inner one has a lockAtMostFor of its own.
#
# Seen (what the executor says of the task; how many run "job" at once):
#   inner task in time, another one after the outer time:        inner executed, another executed; 2 at once
#   inner task after the outer time, another one has the lock:   another executed, inner executed; 2 at once
#   inner task in time, another one at once:                     inner executed, another not; 1 at once
#   after the outer time, on a fresh thread, another has the lock: another executed, fresh thread not; 1 at once
#   a minute for the task alone, another one later:              task executed, another not; 1 at once
#   LockAssert while another one has the lock:                   held
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
  <artifactId>inner</artifactId>
  <version>1</version>
  <dependencies>
    <dependency>
      <groupId>net.javacrumbs.shedlock</groupId>
      <artifactId>shedlock-provider-jdbc</artifactId>
      <version>6.9.2</version>
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
cat >Inner.java <<'JAVA'
import java.time.Duration;
import java.time.Instant;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import javax.sql.DataSource;
import net.javacrumbs.shedlock.core.DefaultLockingTaskExecutor;
import net.javacrumbs.shedlock.core.LockAssert;
import net.javacrumbs.shedlock.core.LockConfiguration;
import net.javacrumbs.shedlock.core.LockingTaskExecutor;
import net.javacrumbs.shedlock.provider.jdbc.JdbcLockProvider;
import org.h2.jdbcx.JdbcDataSource;

public class Inner {
    /** The time of an outer task, and of what should outlast it. */
    static final Duration SHORT = Duration.ofSeconds(1), MINUTE = Duration.ofMinutes(1);

    interface Step {
        String run() throws Throwable;
    }

    static boolean as = true;

    /** A table of its own for each row, with what stands for two processes on it. */
    final LockingTaskExecutor mine, others;
    final AtomicInteger now = new AtomicInteger(), most = new AtomicInteger();

    Inner(int n) throws Exception {
        JdbcDataSource table = new JdbcDataSource();
        table.setURL("jdbc:h2:mem:row" + n + ";DB_CLOSE_DELAY=-1");
        try (var c = table.getConnection(); var s = c.createStatement()) {
            s.execute("CREATE TABLE shedlock(name VARCHAR(64) PRIMARY KEY, lock_until TIMESTAMP(3) NOT NULL,"
                + " locked_at TIMESTAMP(3) NOT NULL, locked_by VARCHAR(255) NOT NULL)");
        }
        mine = executor(table);
        others = executor(table);
    }

    static LockingTaskExecutor executor(DataSource table) {
        return new DefaultLockingTaskExecutor(new JdbcLockProvider(table));
    }

    /** Runs a step under the lock; what the executor says of it, and what the step gave. */
    static String locked(String who, LockingTaskExecutor executor, Duration atMost, Step step) throws Throwable {
        var result = executor.<String>executeWithLock(() -> step.run(),
            new LockConfiguration(Instant.now(), "job", atMost, Duration.ZERO));
        return result.wasExecuted() ? who + " executed" + result.getResult() : who + " not";
    }

    /** What counts as running the job. */
    String work(Step step) throws Throwable {
        int n = now.incrementAndGet();
        most.accumulateAndGet(n, Math::max);
        try {
            return step.run();
        } finally {
            now.decrementAndGet();
        }
    }

    String another() throws Throwable {
        return elsewhere(() -> locked("another", others, MINUTE, () -> work(() -> "")));
    }

    static String elsewhere(Step step) throws Throwable {
        return later(step).get(60, TimeUnit.SECONDS);
    }

    static CompletableFuture<String> later(Step step) {
        CompletableFuture<String> done = new CompletableFuture<>();
        new Thread(() -> {
            try {
                done.complete(step.run());
            } catch (Throwable e) {
                done.completeExceptionally(e);
            }
        }).start();
        return done;
    }

    /** Has another one hold the lock while a step runs here. */
    String beside(Step step) throws Throwable {
        CountDownLatch in = new CountDownLatch(1), out = new CountDownLatch(1);
        CompletableFuture<String> another = later(() -> locked("another", others, MINUTE, () -> work(() -> {
            in.countDown();
            out.await();
            return "";
        })));
        try {
            if (!in.await(60, TimeUnit.SECONDS)) throw new IllegalStateException("another one is not let in");
            String here = step.run();
            out.countDown();
            return another.get(60, TimeUnit.SECONDS) + ", " + here;
        } finally {
            out.countDown();
        }
    }

    static String over() throws Throwable {
        Thread.sleep(SHORT.plusMillis(500).toMillis());
        return "";
    }

    void row(String name, Step step, String want) throws Throwable {
        String[] got = {""};
        got[0] = step.run();
        if (most.get() > 0) got[0] += "; " + most.get() + " at once";
        System.out.println(name + ": " + got[0]);
        as &= got[0].equals(want);
    }

    /** Runs a step in the outer task, whose own result is what the step gave. */
    String outer(Step step) throws Throwable {
        String said = locked("", mine, SHORT, step);
        return said.replaceFirst("^ executed", "");
    }

    public static void main(String[] args) throws Throwable {
        Inner a = new Inner(1);
        a.row("inner task in time, another one after the outer time", () -> a.outer(() ->
            locked("inner", a.mine, MINUTE, () -> a.work(() -> over() + ", " + a.another()))),
            "inner executed, another executed; 2 at once");
        Inner b = new Inner(2);
        b.row("inner task after the outer time, another one has the lock", () -> b.outer(() ->
            over() + b.beside(() -> locked("inner", b.mine, MINUTE, () -> b.work(() -> "")))),
            "another executed, inner executed; 2 at once");
        Inner c = new Inner(3);
        c.row("inner task in time, another one at once", () -> locked("outer", c.mine, MINUTE, () -> ", " +
            locked("inner", c.mine, MINUTE, () -> c.work(() -> ", " + c.another()))).replaceFirst("^outer executed, ", ""),
            "inner executed, another not; 1 at once");
        Inner d = new Inner(4);
        d.row("after the outer time, on a fresh thread, another has the lock", () -> d.outer(() ->
            over() + d.beside(() -> elsewhere(() -> locked("fresh thread", d.mine, MINUTE, () -> d.work(() -> ""))))),
            "another executed, fresh thread not; 1 at once");
        Inner e = new Inner(5);
        e.row("a minute for the task alone, another one later", () ->
            locked("task", e.mine, MINUTE, () -> e.work(() -> over() + ", " + e.another())),
            "task executed, another not; 1 at once");
        Inner f = new Inner(6);
        f.row("LockAssert while another one has the lock", () -> f.outer(() -> {
            over();
            String[] said = {"held"};
            f.beside(() -> {
                try {
                    LockAssert.assertLocked();
                } catch (IllegalStateException lost) {
                    said[0] = "not held";
                }
                return "";
            });
            f.most.set(0);
            return said[0];
        }), "held");
        if (!as) System.out.println("changed or broken");
        System.exit(as ? 0 : 1);
    }
}
JAVA
javac -nowarn -cp 'lib/*' -d classes Inner.java 2>javac.log || { cat javac.log; exit 1; }
timeout 240 java -cp 'classes:lib/*' Inner 2>java.log || { tail -20 java.log; exit 1; }
