#!/usr/bin/env bash
# Hazelcast 5.5.0 (Java 17), two members, map with one synchronous backup, seen 2026-11-28.
#
# An entry processor gives a key a random token (or a time, or a number from a counter of its
# own) and returns it. The answer and every read say the same token. Then the member that owns
# the key ends without a goodbye: nothing was lost, yet every read now gives another token,
# which was never returned to anybody. The backup had run the processor again instead of taking
# over its result, and drew a token of its own at the moment of the write. Where the member is
# shut down in good order its value moves, and nothing is seen: a rolling restart does not show
# it. With getBackupProcessor() that sets the first one's result, or with a plain set of the
# token, the value stays.
#
# Guess that it breaks: a synchronous backup holds what was acknowledged. A fencing token, an
# expiry or an identifier that is drawn "next to the data, atomically" changes at a crash.
#
# Seen (is the token after the loss of its owner the one that was returned and read before?):
#   entry processor, owner crashes: another token
#   entry processor, owner shuts down: the same token
#   entry processor that hands its result to the backup, owner crashes: the same token
#   plain set, owner crashes: the same token
#
# Needs Java 17 or later and mvn.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
mvn -q dependency:copy -Dartifact=com.hazelcast:hazelcast:5.5.0 -DoutputDirectory=. >mvn.log 2>&1 || { cat mvn.log; exit 1; }
cat >Backup.java <<'JAVA'
import com.hazelcast.config.Config;
import com.hazelcast.config.JoinConfig;
import com.hazelcast.core.Hazelcast;
import com.hazelcast.core.HazelcastInstance;
import com.hazelcast.map.EntryProcessor;
import com.hazelcast.map.IMap;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.function.BiFunction;

public class Backup {
    /** Draws a token, next to the data. */
    static class Draw implements EntryProcessor<String, String, String> {
        public String process(Map.Entry<String, String> e) {
            String token = UUID.randomUUID().toString();
            e.setValue(token);
            return token;
        }
    }

    /** Draws a token and hands it to the backup. */
    static class DrawOnce implements EntryProcessor<String, String, String> {
        private String token;

        public String process(Map.Entry<String, String> e) {
            if (token == null) token = UUID.randomUUID().toString();
            e.setValue(token);
            return token;
        }

        public EntryProcessor<String, String, String> getBackupProcessor() {
            String drawn = token;
            return e -> { e.setValue(drawn); return drawn; };
        }
    }

    static HazelcastInstance member() {
        Config c = new Config();
        c.setProperty("hazelcast.phone.home.enabled", "false").setProperty("hazelcast.logging.type", "none");
        JoinConfig join = c.getNetworkConfig().getJoin();
        join.getAutoDetectionConfig().setEnabled(false);
        join.getMulticastConfig().setEnabled(false);
        join.getTcpIpConfig().setEnabled(true).addMember("127.0.0.1");
        c.getNetworkConfig().getInterfaces().setEnabled(true).addInterface("127.0.0.1");
        c.getMapConfig("m").setBackupCount(1);
        return Hazelcast.newHazelcastInstance(c);
    }

    static String tried(BiFunction<IMap<String, String>, String, String> write, boolean crash) {
        HazelcastInstance stays = member(), goes = member();
        try {
            if (stays.getCluster().getMembers().size() != 2) throw new IllegalStateException("the members did not meet");
            int i = 0;
            while (!stays.getPartitionService().getPartition("k" + i).getOwner().equals(goes.getCluster().getLocalMember())) i++;
            IMap<String, String> map = stays.getMap("m");
            String key = "k" + i, returned = write.apply(map, key);
            for (int n = 0; n < 3; n++) {
                if (!returned.equals(map.get(key))) throw new IllegalStateException("a read before the loss gives another token");
            }
            if (crash) goes.getLifecycleService().terminate(); else goes.shutdown();
            String now = map.get(key);
            return now == null ? "no token" : now.equals(returned) ? "the same token" : "another token";
        } finally {
            goes.getLifecycleService().terminate();
            stays.getLifecycleService().terminate();
        }
    }

    public static void main(String[] args) {
        List<String> seen = List.of(
            "entry processor, owner crashes: " + tried((m, k) -> m.executeOnKey(k, new Draw()), true),
            "entry processor, owner shuts down: " + tried((m, k) -> m.executeOnKey(k, new Draw()), false),
            "entry processor that hands its result to the backup, owner crashes: " + tried((m, k) -> m.executeOnKey(k, new DrawOnce()), true),
            "plain set, owner crashes: " + tried((m, k) -> { String t = UUID.randomUUID().toString(); m.set(k, t); return t; }, true));
        seen.forEach(System.out::println);
        boolean as = seen.get(0).endsWith("another token") && seen.stream().skip(1).allMatch(s -> s.endsWith("the same token"));
        if (!as) System.out.println("changed or broken");
        System.exit(as ? 0 : 1);
    }
}
JAVA
javac -cp hazelcast-5.5.0.jar -d classes Backup.java
java -cp classes:hazelcast-5.5.0.jar Backup 2>java.log || { tail -20 java.log; exit 1; }
