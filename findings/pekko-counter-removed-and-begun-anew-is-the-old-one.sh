#!/usr/bin/env bash
# Apache Pekko Distributed Data 1.7.0 (Scala 2.13, Java 17), seen 2026-11-30; Akka's came before it.
#
# PNCounterMap is a map of counters that replicas merge. One node removes the counter of a key, at 10, and
# counts anew: it reads 1. Then comes the gossip of a replica that has not heard of that yet and has done
# nothing: the counter reads 10 on both. The removal is undone and the increment after it is lost, without
# any operation at the same time. The new counter's state begins at nothing under the same node's name, and
# the larger of the two states of that node is taken. ORMultiMap, the map of sets beside it, has what was
# bound after the removal alone. What is merged after all replicas have heard of the removal is right.
#
# Guess that it breaks: a removal that wins where nothing is concurrent is final, and no increment is lost
# in a counter that only merges; so it is in ORMultiMap.
#
# Seen (what node a did after 10 was with both; a's value; after the merge with b's old state, on a and b):
#   PNCounterMap remove, increment by 1:               1, then 10 and 10
#   PNCounterMap remove, b hears of it, increment by 1: 1, then 1 and 1
#   ORMultiMap remove, addBinding v2:                  [v2], then [v2] and [v2]
#
# Needs a JDK 17 or later and Maven 3.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
cat >pom.xml <<'XML'
<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>findings</groupId>
  <artifactId>pekko</artifactId>
  <version>1</version>
  <dependencies>
    <dependency>
      <groupId>org.apache.pekko</groupId>
      <artifactId>pekko-distributed-data_2.13</artifactId>
      <version>1.7.0</version>
    </dependency>
  </dependencies>
</project>
XML
mvn -q -B org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies -DoutputDirectory=lib >mvn.log 2>&1 || { cat mvn.log; exit 1; }
cat >Anew.java <<'JAVA'
import org.apache.pekko.actor.Address;
import org.apache.pekko.cluster.UniqueAddress;
import org.apache.pekko.cluster.ddata.ORMultiMap;
import org.apache.pekko.cluster.ddata.PNCounterMap;
import org.apache.pekko.cluster.ddata.SelfUniqueAddress;

public class Anew {
  static final SelfUniqueAddress A = node("a", 1);
  static boolean asSeen = true;

  static SelfUniqueAddress node(String host, long uid) {
    return new SelfUniqueAddress(new UniqueAddress(new Address("pekko", "system", host, 7355), uid));
  }

  static void see(String what, String got, String want) {
    System.out.println(what + ": " + got);
    asSeen &= got.equals(want);
  }

  static String of(PNCounterMap<String> m) {
    return String.valueOf(m.getEntries().get("k"));
  }

  static String of(ORMultiMap<String, String> m) {
    return String.valueOf(m.getEntries().get("k"));
  }

  public static void main(String[] args) {
    PNCounterMap<String> ten = PNCounterMap.<String>create().increment(A, "k", 10);
    PNCounterMap<String> b = PNCounterMap.<String>create().merge(ten);
    PNCounterMap<String> removed = ten.remove("k", A);

    PNCounterMap<String> a = removed.increment(A, "k", 1);
    see("PNCounterMap remove, increment by 1", of(a) + ", then " + of(a.merge(b)) + " and " + of(b.merge(a)), "1, then 10 and 10");

    PNCounterMap<String> heard = b.merge(removed);
    see("PNCounterMap remove, b hears of it, increment by 1", of(a) + ", then " + of(a.merge(heard)) + " and " + of(heard.merge(a)), "1, then 1 and 1");

    ORMultiMap<String, String> v1 = ORMultiMap.<String, String>create().addBinding(A, "k", "v1");
    ORMultiMap<String, String> old = ORMultiMap.<String, String>create().merge(v1);
    ORMultiMap<String, String> v2 = v1.remove(A, "k").addBinding(A, "k", "v2");
    see("ORMultiMap remove, addBinding v2", of(v2) + ", then " + of(v2.merge(old)) + " and " + of(old.merge(v2)), "[v2], then [v2] and [v2]");

    if (!asSeen) {
      System.out.println("changed or broken");
      System.exit(1);
    }
  }
}
JAVA
javac -nowarn -cp 'lib/*' Anew.java 2>javac.log || { cat javac.log; exit 1; }
java -cp "lib/*:." Anew
