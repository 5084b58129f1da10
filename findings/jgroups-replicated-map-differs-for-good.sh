#!/usr/bin/env bash
# JGroups 5.5.2.Final (Java, blocks.ReplicatedHashMap), two members in one program, seen 2026-11-30.
#
# ReplicatedHashMap is a ConcurrentMap, a copy of which each member has. Two members put a key at the same time, each
# sees its own write first and then that of the other one: A has B's value and B has A's, and nothing ever sets it right.
# Both putIfAbsent of an absent key say null, so that both hold the lock that is meant, and each has its own value. A member
# that has not heard yet of x = 2 calls replace(x, 2, 3) and is told false; it is sent all the same, and B has 3 then,
# while A has 2. setBlockingUpdates(true), with which a write returns when all have answered, changes none of it. With
# SEQUENCER in the stack, which gives messages one order for all, the maps agree; both are still told null.
#
# Guess that it breaks: putIfAbsent and replace are atomic in a ConcurrentMap, and "replication of the contents across a
# cluster", with acknowledgements of all, is thought to leave copies that are the same when all is quiet. The
# documentation names no order that the stack must keep, and the stacks that come with JGroups do not keep it.
#
# Seen (what both are told; what A has and what B has when all is quiet; a message takes a while between the two):
#   put:                           A has B, B has A
#   put, blocking updates:         A has B, B has A
#   put, SEQUENCER:                both have the same
#   putIfAbsent:                   null and null; A has A, B has B
#   putIfAbsent, blocking updates: null and null; A has A, B has B
#   putIfAbsent, SEQUENCER:        null and null; both have the same
#   replace(x, 2, 3) by A:                   false; A has 2, B has 3
#   replace(x, 2, 3) by A, blocking updates: false; A has 2, B has 3
#   putIfAbsent by A, then by B when all is quiet: null and A; both have the same
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
  <artifactId>copies</artifactId>
  <version>1</version>
  <dependencies>
    <dependency>
      <groupId>org.jgroups</groupId>
      <artifactId>jgroups</artifactId>
      <version>5.5.2.Final</version>
    </dependency>
  </dependencies>
</project>
XML
mvn -q dependency:copy-dependencies -DoutputDirectory=lib >mvn.log 2>&1 || { cat mvn.log; exit 1; }
cat >Copies.java <<'JAVA'
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;
import java.util.function.Function;
import org.jgroups.JChannel;
import org.jgroups.Message;
import org.jgroups.blocks.ReplicatedHashMap;
import org.jgroups.protocols.FRAG2;
import org.jgroups.protocols.SEQUENCER;
import org.jgroups.protocols.SHARED_LOOPBACK;
import org.jgroups.protocols.SHARED_LOOPBACK_PING;
import org.jgroups.protocols.UNICAST3;
import org.jgroups.protocols.pbcast.GMS;
import org.jgroups.protocols.pbcast.NAKACK2;
import org.jgroups.protocols.pbcast.STABLE;
import org.jgroups.protocols.pbcast.STATE_TRANSFER;
import org.jgroups.stack.Protocol;
import org.jgroups.util.MessageBatch;

public class Copies {
    /** The way between two members: while it is slow, what the other one has sent to all waits, and keeps its order. */
    static class Way extends Protocol {
        private boolean slow;
        private final List<Message> waiting = new ArrayList<>();

        synchronized void slow() {
            slow = true;
        }

        void fast() {
            List<Message> late;
            synchronized (this) {
                slow = false;
                late = new ArrayList<>(waiting);
                waiting.clear();
            }
            late.forEach(up_prot::up);
        }

        private synchronized boolean waits(Message m) {
            if (!slow || m.dest() != null || Objects.equals(m.src(), getProtocolStack().getChannel().getAddress())) return false;
            return waiting.add(m);
        }

        @Override
        public Object up(Message m) {
            return waits(m) ? null : up_prot.up(m);
        }

        @Override
        public void up(MessageBatch batch) {
            for (Message m : batch) up(m);
        }
    }

    record Member(JChannel channel, Way way, ReplicatedHashMap<String, String> map) {
        static Member join(String name, String cluster, boolean blocking, boolean ordered) throws Exception {
            Way way = new Way();
            List<Protocol> stack = new ArrayList<>(List.of(new SHARED_LOOPBACK(), new SHARED_LOOPBACK_PING(), new NAKACK2(),
                new UNICAST3(), new STABLE(), new GMS().printLocalAddress(false), way));
            if (ordered) stack.add(new SEQUENCER());
            stack.addAll(List.of(new FRAG2(), new STATE_TRANSFER()));
            JChannel channel = new JChannel(stack).name(name);
            channel.connect(cluster);
            var map = new ReplicatedHashMap<String, String>(channel);
            map.setBlockingUpdates(blocking);
            map.start(10_000);
            return new Member(channel, way, map);
        }
    }

    interface Row {
        /** What the callers are told. */
        String run(Member a, Member b) throws Exception;
    }

    static boolean same = true;
    static int rows;

    static void until(String what, BooleanSupplier done) throws InterruptedException {
        for (long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(20); !done.getAsBoolean(); Thread.sleep(10)) {
            if (System.nanoTime() > end) throw new IllegalStateException("is not so: " + what);
        }
    }

    static void row(String name, boolean blocking, boolean ordered, Row row, String want) throws Exception {
        String cluster = "row" + ++rows;
        Member a = Member.join("A", cluster, blocking, ordered), b = Member.join("B", cluster, blocking, ordered);
        until("two members", () -> a.channel.view().size() == 2 && b.channel.view().size() == 2);
        String told = row.run(a, b);
        // A write after all others: when it is seen, so are they, since each member's messages keep their order.
        a.map.put("end A", "");
        b.map.put("end B", "");
        until("quiet", () -> a.map.containsKey("end A") && a.map.containsKey("end B")
            && b.map.containsKey("end A") && b.map.containsKey("end B"));
        String atA = a.map.get("x"), atB = b.map.get("x");
        String has = atA.equals(atB) ? "both have the same" : "A has " + atA + ", B has " + atB;
        String got = told.isEmpty() ? has : told + "; " + has;
        System.out.println(name + ": " + got);
        same &= got.equals(want);
        b.channel.close();
        a.channel.close();
    }

    /** A calls, and then B, before either has heard of the other one. */
    static String both(Member a, Member b, Function<Member, String> call, boolean ordered) throws Exception {
        a.way.slow();
        b.way.slow();
        var first = CompletableFuture.supplyAsync(() -> call.apply(a));
        until("A sees its own write", () -> a.map.containsKey("x"));
        var second = CompletableFuture.supplyAsync(() -> call.apply(b));
        // In one order for all, B's own write comes to it by way of A, behind A's.
        if (!ordered) until("B sees its own write", () -> b.map.containsKey("x"));
        else until("B's write is with A", () -> b.way.waiting.size() > 1);
        a.way.fast();
        b.way.fast();
        return first.get(20, TimeUnit.SECONDS) + " and " + second.get(20, TimeUnit.SECONDS);
    }

    static Row put(boolean ordered) {
        return (a, b) -> {
            both(a, b, m -> m.map.put("x", m.channel.getName()), ordered);
            return "";
        };
    }

    static Row putIfAbsent(boolean ordered) {
        return (a, b) -> both(a, b, m -> m.map.putIfAbsent("x", m.channel.getName()), ordered);
    }

    /** A replaces what B has put and A has not heard of yet. */
    static String replace(Member a, Member b) throws Exception {
        a.map.put("x", "1");
        until("B has 1", () -> "1".equals(b.map.get("x")));
        a.way.slow();
        var put = CompletableFuture.runAsync(() -> b.map.put("x", "2"));
        until("B has 2", () -> "2".equals(b.map.get("x")));
        var replaced = CompletableFuture.supplyAsync(() -> a.map.replace("x", "2", "3"));
        until("A's replace is with B", () -> "3".equals(b.map.get("x")));
        a.way.fast();
        put.get(20, TimeUnit.SECONDS);
        return "" + replaced.get(20, TimeUnit.SECONDS);
    }

    static String oneAfterTheOther(Member a, Member b) throws Exception {
        String first = a.map.putIfAbsent("x", "A");
        until("B has A's", () -> b.map.containsKey("x"));
        return first + " and " + b.map.putIfAbsent("x", "B");
    }

    public static void main(String[] args) throws Exception {
        row("put", false, false, put(false), "A has B, B has A");
        row("put, blocking updates", true, false, put(false), "A has B, B has A");
        row("put, SEQUENCER", false, true, put(true), "both have the same");
        row("putIfAbsent", false, false, putIfAbsent(false), "null and null; A has A, B has B");
        row("putIfAbsent, blocking updates", true, false, putIfAbsent(false), "null and null; A has A, B has B");
        row("putIfAbsent, SEQUENCER", false, true, putIfAbsent(true), "null and null; both have the same");
        row("replace(x, 2, 3) by A", false, false, Copies::replace, "false; A has 2, B has 3");
        row("replace(x, 2, 3) by A, blocking updates", true, false, Copies::replace, "false; A has 2, B has 3");
        row("putIfAbsent by A, then by B when all is quiet", false, false, Copies::oneAfterTheOther, "null and A; both have the same");
        if (!same) System.out.println("changed or broken");
        System.exit(same ? 0 : 1);
    }
}
JAVA
javac -nowarn -cp 'lib/*' -d classes Copies.java 2>javac.log || { cat javac.log; exit 1; }
timeout 120 java -Djava.net.preferIPv4Stack=true -cp 'classes:lib/*' Copies 2>java.log || { tail -20 java.log; exit 1; }
