#!/usr/bin/env bash
# Redisson 4.3.0 (Java), Redis 7.0.15 (Debian 12), seen 2026-11-29.
#
# A thread holds a lock without a lease time, which the watchdog is to keep for as long as the
# client is alive. In it the same thread takes the lock again with a lease of 1 s, and gives that one
# back at once and in order. The lock that it still holds ends within a second, nothing keeps it,
# and another client gets it; the thread learns that from its unlock, when it is over. Of the lock
# there is one expiry, which each acquisition sets for all of them. Where the inner one has a longer
# lease, the outer lock ends with that.
#
# Guess that it breaks: the documentation calls the lock reentrant and says that it follows Java's
# Lock, and that a lock without a lease time is prolonged while its client is alive. A method with a
# short critical section of its own ("give up after a second") takes the lock away from whoever calls
# it with the lock held.
#
# Seen (2.5 s after the inner lock was given back, 14 s for the lease of 12 s; watchdog at 9 s; plain,
# fair, spin and write locks alike, the one of 12 s is tried with the plain lock):
#   no inner lock, or inner lock():  held, another client: refused, unlock: done
#   inner lock(1 s), tryLock(0, 1 s), lock(12 s): not held, another client: has it, unlock: IllegalMonitorStateException
#
# Needs Java 17 or later, mvn, and apt-get (the package is only downloaded, nothing is installed).
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
for p in 42631; do if (: >/dev/tcp/127.0.0.1/"$p") 2>/dev/null; then echo "port $p is in use" >&2; exit 1; fi; done
LD_LIBRARY_PATH=$(echo "$dir/root"/usr/lib/*-linux-gnu) ./redis-server --port 42631 --bind 127.0.0.1 --save '' --dir "$dir" >log 2>&1 &
pids=$!
cat >pom.xml <<'XML'
<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>example.test</groupId>
  <artifactId>locks</artifactId>
  <version>1</version>
  <dependencies>
    <dependency>
      <groupId>org.redisson</groupId>
      <artifactId>redisson</artifactId>
      <version>4.3.0</version>
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
cat >Locks.java <<'JAVA'
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.redisson.Redisson;
import org.redisson.api.RLock;
import org.redisson.api.RedissonClient;
import org.redisson.config.Config;

public class Locks {
    /** What a thread does with a lock that it holds already. */
    interface Inner { void run(RLock held) throws InterruptedException; }

    static RedissonClient client() {
        Config c = new Config();
        c.setLockWatchdogTimeout(9000);
        c.useSingleServer().setAddress("redis://127.0.0.1:42631");
        return Redisson.create(c);
    }

    static RLock lock(RedissonClient c, String kind, String name) {
        return switch (kind) {
            case "fair" -> c.getFairLock(name);
            case "spin" -> c.getSpinLock(name);
            case "write" -> c.getReadWriteLock(name).writeLock();
            default -> c.getLock(name);
        };
    }

    public static void main(String[] args) throws Exception {
        RedissonClient one = client(), two = client();
        Map<String, Inner> inners = new LinkedHashMap<>();
        inners.put("no inner lock", held -> { });
        inners.put("inner lock()", held -> { held.lock(); held.unlock(); });
        inners.put("inner lock(1 s)", held -> { held.lock(1, TimeUnit.SECONDS); held.unlock(); });
        inners.put("inner tryLock(0, 1 s)", held -> {
            if (!held.tryLock(0, 1, TimeUnit.SECONDS)) throw new IllegalStateException("not reentrant");
            held.unlock();
        });
        inners.put("inner lock(12 s)", held -> { held.lock(12, TimeUnit.SECONDS); held.unlock(); });
        boolean as = true;
        for (String kind : List.of("plain", "fair", "spin", "write")) {
            for (Map.Entry<String, Inner> inner : inners.entrySet()) {
                boolean longer = inner.getKey().contains("12");
                if (longer && !kind.equals("plain")) continue;
                String name = kind + " " + inner.getKey();
                RLock mine = lock(one, kind, name), other = lock(two, kind, name);
                mine.lock();
                inner.getValue().run(mine);
                if (!mine.isHeldByCurrentThread() || mine.getHoldCount() != 1) {
                    throw new IllegalStateException(name + ": it is not held once after the inner one was given back");
                }
                Thread.sleep(longer ? 14_000 : 2500);
                String got = mine.isHeldByCurrentThread() ? "held" : "not held";
                boolean has = other.tryLock();
                got += ", another client: " + (has ? "has it" : "refused");
                try {
                    mine.unlock();
                    got += ", unlock: done";
                } catch (IllegalMonitorStateException e) {
                    got += ", unlock: IllegalMonitorStateException";
                }
                if (has) other.unlock();
                System.out.println(name + ": " + got);
                as &= got.equals(name.contains(" s)")
                    ? "not held, another client: has it, unlock: IllegalMonitorStateException"
                    : "held, another client: refused, unlock: done");
            }
        }
        one.shutdown();
        two.shutdown();
        if (!as) System.out.println("changed or broken");
        System.exit(as ? 0 : 1);
    }
}
JAVA
javac -cp 'lib/*' -d classes Locks.java
for _ in $(seq 50); do (: >/dev/tcp/127.0.0.1/42631) 2>/dev/null && break; sleep 0.2; done
kill -0 "$pids" 2>/dev/null || { echo "the server has ended:" >&2; tail log >&2; exit 1; }
java -cp 'classes:lib/*' Locks 2>java.log || { tail -20 java.log; exit 1; }
