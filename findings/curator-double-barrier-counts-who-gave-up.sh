#!/usr/bin/env bash
# Apache Curator 5.9.0 (Java, DistributedDoubleBarrier) with its TestingServer (ZooKeeper), seen 2026-11-30.
#
# A barrier of two. The first member enters for at most 1 s, nobody comes, and it is told false. Later the
# second one enters and is told true at once: alone. The node of the one that gave up stays until its
# session ends and is counted. The one that gave up cannot try again with the same object
# (NodeExistsException), and with a new object it is the second member itself.
#
# Guess that it breaks: "Enter the barrier and block until all members have entered or the timeout has
# elapsed"; "true if the entry was successful, false if the timeout elapsed first". Who was told false has
# not entered.
#
# Seen (in this order):
#   one enters alone, for 1 s:        false
#   two enters, for 1 s:              true
#   one enters again:                 NodeExistsException
# another barrier, on which one has given up in the same way:
#   one again, with a new object:     true
# and the controls, two members that come together:
#   enter true and true, leave true and true
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
  <artifactId>members</artifactId>
  <version>1</version>
  <dependencies>
    <dependency>
      <groupId>org.apache.curator</groupId>
      <artifactId>curator-recipes</artifactId>
      <version>5.9.0</version>
    </dependency>
    <dependency>
      <groupId>org.apache.curator</groupId>
      <artifactId>curator-test</artifactId>
      <version>5.9.0</version>
    </dependency>
    <dependency>
      <groupId>org.slf4j</groupId>
      <artifactId>slf4j-nop</artifactId>
      <version>2.0.17</version>
    </dependency>
  </dependencies>
</project>
XML
mvn -q dependency:copy-dependencies -DoutputDirectory=lib >mvn.log 2>&1 || { cat mvn.log; exit 1; }
cat >Members.java <<'JAVA'
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import org.apache.curator.framework.CuratorFramework;
import org.apache.curator.framework.CuratorFrameworkFactory;
import org.apache.curator.framework.recipes.barriers.DistributedDoubleBarrier;
import org.apache.curator.retry.RetryOneTime;
import org.apache.curator.test.TestingServer;

public class Members {
    static boolean as = true;

    static void row(String what, Object got, Object want) {
        System.out.println(what + ": " + got);
        as &= got.equals(want);
    }

    static String again(DistributedDoubleBarrier b) {
        try {
            return String.valueOf(b.enter(1, TimeUnit.SECONDS));
        } catch (Exception e) {
            return e.getClass().getSimpleName();
        }
    }

    static CuratorFramework client(TestingServer s) {
        CuratorFramework c = CuratorFrameworkFactory.newClient(s.getConnectString(), 60_000, 15_000, new RetryOneTime(100));
        c.start();
        return c;
    }

    /** Two members that come together: what enter and leave say to each. */
    static String together(DistributedDoubleBarrier one, DistributedDoubleBarrier two) throws Exception {
        ExecutorService threads = Executors.newFixedThreadPool(2);
        try {
            Future<Boolean> in1 = threads.submit(() -> one.enter(60, TimeUnit.SECONDS)), in2 = threads.submit(() -> two.enter(60, TimeUnit.SECONDS));
            String entered = in1.get() + " and " + in2.get();
            Future<Boolean> out1 = threads.submit(() -> one.leave(60, TimeUnit.SECONDS)), out2 = threads.submit(() -> two.leave(60, TimeUnit.SECONDS));
            return "enter " + entered + ", leave " + out1.get() + " and " + out2.get();
        } finally {
            threads.shutdown();
        }
    }

    public static void main(String[] args) throws Exception {
        try (TestingServer s = new TestingServer(); CuratorFramework here = client(s); CuratorFramework there = client(s)) {
            row("two that come together", together(new DistributedDoubleBarrier(here, "/control", 2), new DistributedDoubleBarrier(there, "/control", 2)),
                "enter true and true, leave true and true");
            DistributedDoubleBarrier one = new DistributedDoubleBarrier(here, "/start", 2), two = new DistributedDoubleBarrier(there, "/start", 2);
            row("one enters alone, for 1 s", one.enter(1, TimeUnit.SECONDS), false);
            row("two enters, for 1 s", two.enter(1, TimeUnit.SECONDS), true);
            row("one enters again", again(one), "NodeExistsException");
            row("on another barrier, one enters alone, for 1 s", new DistributedDoubleBarrier(here, "/other", 2).enter(1, TimeUnit.SECONDS), false);
            row("one again, with a new object", new DistributedDoubleBarrier(here, "/other", 2).enter(1, TimeUnit.SECONDS), true);
        }
        if (!as) System.out.println("changed or broken");
        System.exit(as ? 0 : 1);
    }
}
JAVA
javac -nowarn -cp 'lib/*' -d classes Members.java 2>javac.log || { cat javac.log; exit 1; }
java -cp 'classes:lib/*' Members 2>java.log || { tail -20 java.log; exit 1; }
