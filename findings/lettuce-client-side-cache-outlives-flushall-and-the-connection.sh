#!/usr/bin/env bash
# Lettuce 7.7.0.RELEASE (Java) with Redis 7.0.15, seen 2026-11-30.
#
# ClientSideCaching keeps what it read until the server says that the key has changed (CLIENT TRACKING).
# Two things that make all of it old are not noticed. After FLUSHALL (or FLUSHDB, or a replica's full
# synchronization) the server says once that all keys are invalid, with a null in place of the list of keys,
# and the cache stays as it was. After a reconnect tracking is not turned on again, and nothing is forgotten:
# what changed meanwhile, what changes from then on and what is read anew, all stays. The server does not
# track a key that is not read from it again, so it never says more of those: the values stay for good, also
# past a write by the connection of the cache itself.
#
# Guess that it breaks: a reconnect that restores subscriptions by itself restores tracking, or at least
# empties the cache that depends on it; and "everything is invalid" is not the one message that is ignored.
#
# Seen (what the server has, what the cache gives half a second later):
#   another sets k to 2:                              2, 2
#   another calls FLUSHALL:                           null, 2
#   another sets k to 3:                              3, 2
#   the cache's own connection sets k to 4:           4, 2
#   the connection is closed and made again, r := 2:  2, 1
#   the cache is emptied by hand, r is read, r := 3:  3, 2
#
# Needs a JDK 17 or later, Maven 3, and Debian 12's apt on amd64 or arm64 (apt-get download).
set -euo pipefail
dir=$(mktemp -d)
pids=
trap 'for p in $pids; do kill "$p" 2>/dev/null || true; wait "$p" 2>/dev/null || true; done; rm -rf "$dir"' EXIT
cd "$dir"
mkdir deb && (cd deb && for p in redis-tools=5:7.0.15-1~deb12u10 libjemalloc2 liblzf1 libatomic1; do
  apt-get download "$p" >/dev/null 2>&1 || { echo "cannot be downloaded: $p (run apt-get update)" >&2; exit 1; }
done)
for d in deb/*.deb; do dpkg-deb -x "$d" root; done
# The server's program is redis-check-rdb under another name.
cp root/usr/bin/redis-check-rdb redis-server
if (: >/dev/tcp/127.0.0.1/42951) 2>/dev/null; then echo "port 42951 is in use" >&2; exit 1; fi
LD_LIBRARY_PATH=$(echo "$dir/root"/usr/lib/*-linux-gnu) ./redis-server --port 42951 --bind 127.0.0.1 --save '' --dir "$dir" >log 2>&1 &
pids=$!
cat >pom.xml <<'XML'
<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>findings</groupId>
  <artifactId>lettuce</artifactId>
  <version>1</version>
  <dependencies>
    <dependency>
      <groupId>io.lettuce</groupId>
      <artifactId>lettuce-core</artifactId>
      <version>7.7.0.RELEASE</version>
    </dependency>
  </dependencies>
</project>
XML
mvn -q -B org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies -DoutputDirectory=lib >mvn.log 2>&1 || { cat mvn.log; exit 1; }
cat >Cached.java <<'JAVA'
import io.lettuce.core.KillArgs;
import io.lettuce.core.RedisClient;
import io.lettuce.core.TrackingArgs;
import io.lettuce.core.api.StatefulRedisConnection;
import io.lettuce.core.api.sync.RedisCommands;
import io.lettuce.core.support.caching.CacheAccessor;
import io.lettuce.core.support.caching.CacheFrontend;
import io.lettuce.core.support.caching.ClientSideCaching;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;

public class Cached {
  static boolean asSeen = true;
  static RedisCommands<String, String> server;
  static CacheFrontend<String, String> cache;

  static void see(String what, String key, String want) throws InterruptedException {
    Thread.sleep(500);
    String got = server.get(key) + ", " + cache.get(key);
    System.out.println(what + ": " + got);
    asSeen &= got.equals(want);
  }

  public static void main(String[] args) throws Exception {
    RedisClient client = RedisClient.create("redis://127.0.0.1:42951");
    StatefulRedisConnection<String, String> cached = null;
    for (int i = 0; cached == null; i++) {
      try {
        cached = client.connect();
      } catch (Exception e) { // the server begins
        if (i == 50) {
          throw e;
        }
        Thread.sleep(100);
      }
    }
    server = client.connect().sync();
    Map<String, String> map = new ConcurrentHashMap<>();
    cache = ClientSideCaching.enable(CacheAccessor.forMap(map), cached, TrackingArgs.Builder.enabled());

    server.set("k", "1");
    cache.get("k");
    server.set("k", "2");
    see("another sets k to 2", "k", "2, 2");
    server.flushall();
    see("another calls FLUSHALL", "k", "null, 2");
    server.set("k", "3");
    see("another sets k to 3", "k", "3, 2");
    cached.sync().set("k", "4");
    see("the cache's own connection sets k to 4", "k", "4, 2");

    server.set("r", "1");
    cache.get("r");
    server.clientKill(KillArgs.Builder.id(cached.sync().clientId()));
    Thread.sleep(500);
    cached.sync().ping(); // it is connected again
    server.set("r", "2");
    see("the connection is closed and made again, r := 2", "r", "2, 1");
    map.clear();
    cache.get("r");
    server.set("r", "3");
    see("the cache is emptied by hand, r is read, r := 3", "r", "3, 2");

    client.shutdown();
    if (!asSeen) {
      System.out.println("changed or broken");
      System.exit(1);
    }
  }
}
JAVA
javac -nowarn -cp 'lib/*' Cached.java 2>javac.log || { cat javac.log; exit 1; }
java -cp "lib/*:." Cached 2>java.log || { cat java.log; exit 1; }
