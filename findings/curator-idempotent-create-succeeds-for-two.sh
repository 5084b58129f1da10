#!/usr/bin/env bash
# Apache Curator 5.9.0 (Java) with its ZooKeeper 3.9 test server, seen 2026-11-29.
#
# Two clients claim a lock by creating an ephemeral node with create().idempotent(): both are told that
# they created it, if the data is the same. The node is the first one's: the second holds nothing, and
# the node stays when the second ends. Without idempotent(), or with other data, the second gets
# NodeExistsException. So with setData().idempotent().withVersion(0): two workers that each raise a
# counter from 0 to 1 on the condition of its version are both told so, and it is 1 (without: BadVersionException).
# No connection is lost and nothing is tried again in any of these: each call was sent once.
#
# Guess that it breaks: the page of idempotent() says that if the first try gets a transient error Curator
# tries again and takes it as successful where the node is as if the first try had succeeded. There
# was no error and no second try, and what another client did is not the caller's own first try.
# withProtection(), the older way for a create, tells them apart by an id in the name of the node.
#
# Seen (what the first and then the second client are told):
#   create: ok, NodeExistsException
#   idempotent create, data of one's own: ok, NodeExistsException
#   idempotent create, same data: ok, ok; owner: the first; after the second has ended: there
#   setData of version 0: ok, BadVersionException; counter 1
#   idempotent setData of version 0: ok, ok; counter 1
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
  <artifactId>claim</artifactId>
  <version>1</version>
  <dependencies>
    <dependency>
      <groupId>org.apache.curator</groupId>
      <artifactId>curator-framework</artifactId>
      <version>5.9.0</version>
    </dependency>
    <dependency>
      <groupId>org.apache.curator</groupId>
      <artifactId>curator-test</artifactId>
      <version>5.9.0</version>
    </dependency>
  </dependencies>
</project>
XML
mvn -q dependency:copy-dependencies -DoutputDirectory=lib >mvn.log 2>&1 || { cat mvn.log; exit 1; }
cat >Claim.java <<'JAVA'
import java.util.List;
import java.util.concurrent.Callable;
import org.apache.curator.framework.CuratorFramework;
import org.apache.curator.framework.CuratorFrameworkFactory;
import org.apache.curator.retry.RetryOneTime;
import org.apache.curator.test.TestingServer;
import org.apache.zookeeper.CreateMode;
import org.apache.zookeeper.KeeperException;

public class Claim {
    static final byte[] ZERO = "0".getBytes(), ONE = "1".getBytes(), TWO = "2".getBytes();

    static CuratorFramework client(TestingServer server) {
        CuratorFramework c = CuratorFrameworkFactory.newClient(server.getConnectString(), new RetryOneTime(1000));
        c.start();
        return c;
    }

    static String told(Callable<?> call) throws Exception {
        try {
            call.call();
            return "ok";
        } catch (KeeperException.NodeExistsException | KeeperException.BadVersionException e) {
            return e.getClass().getSimpleName();
        }
    }

    static String claim(CuratorFramework c, String path, byte[] data) throws Exception {
        return told(() -> c.create().idempotent().withMode(CreateMode.EPHEMERAL).forPath(path, data));
    }

    static String counter(CuratorFramework c, String path) throws Exception {
        return "; counter " + new String(c.getData().forPath(path));
    }

    public static void main(String[] args) throws Exception {
        List<String> seen;
        try (TestingServer server = new TestingServer(); CuratorFramework first = client(server)) {
            CuratorFramework second = client(server);
            String plain = told(() -> first.create().withMode(CreateMode.EPHEMERAL).forPath("/plain", ONE))
                    + ", " + told(() -> second.create().withMode(CreateMode.EPHEMERAL).forPath("/plain", ONE));
            String own = claim(first, "/own", ONE) + ", " + claim(second, "/own", TWO);
            String same = claim(first, "/same", ONE) + ", " + claim(second, "/same", ONE);
            long owner = first.checkExists().forPath("/same").getEphemeralOwner();
            same += "; owner: " + (owner == first.getZookeeperClient().getZooKeeper().getSessionId() ? "the first" : "another");
            first.create().forPath("/n", ZERO);
            String set = told(() -> first.setData().withVersion(0).forPath("/n", ONE))
                    + ", " + told(() -> second.setData().withVersion(0).forPath("/n", ONE)) + counter(first, "/n");
            first.create().forPath("/m", ZERO);
            String idempotent = told(() -> first.setData().idempotent().withVersion(0).forPath("/m", ONE))
                    + ", " + told(() -> second.setData().idempotent().withVersion(0).forPath("/m", ONE)) + counter(first, "/m");
            second.close();
            same += "; after the second has ended: " + (first.checkExists().forPath("/same") == null ? "gone" : "there");
            seen = List.of(
                    "create: " + plain,
                    "idempotent create, data of one's own: " + own,
                    "idempotent create, same data: " + same,
                    "setData of version 0: " + set,
                    "idempotent setData of version 0: " + idempotent);
        }
        seen.forEach(System.out::println);
    }
}
JAVA
javac -cp 'lib/*' -d classes Claim.java
out=$(java -cp 'classes:lib/*' Claim 2>java.log) || { tail -20 java.log; exit 1; }
echo "$out"
diff <(echo "$out") - <<'SEEN' || { echo "changed: see the first lines of this file"; exit 1; }
create: ok, NodeExistsException
idempotent create, data of one's own: ok, NodeExistsException
idempotent create, same data: ok, ok; owner: the first; after the second has ended: there
setData of version 0: ok, BadVersionException; counter 1
idempotent setData of version 0: ok, ok; counter 1
SEEN
