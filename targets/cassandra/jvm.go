package cassandra

import (
	"context"
	"fmt"
	"path/filepath"

	"github.com/lapse-test/lapse/targets/cluster"
)

// jvm starts a node's process as a Java program.
type jvm struct {
	// java is the executable, jars the directory of the software.
	java, jars string
	// heap is in MiB.
	heap int
}

// exported and opened are the packages of the JDK that Cassandra needs to reach into
// (its conf/jvm17-server.options).
var (
	exported = []string{
		"java.base/jdk.internal.misc", "java.management.rmi/com.sun.jmx.remote.internal.rmi",
		"java.rmi/sun.rmi.registry", "java.rmi/sun.rmi.server", "java.sql/java.sql",
		"java.base/java.lang.ref", "jdk.unsupported/sun.misc",
	}
	opened = []string{
		"java.base/java.lang.module", "java.base/jdk.internal.loader", "java.base/jdk.internal.ref",
		"java.base/jdk.internal.reflect", "java.base/jdk.internal.math", "java.base/jdk.internal.module",
		"java.base/jdk.internal.util.jar", "jdk.management/com.sun.management.internal",
		"java.base/sun.nio.ch", "java.base/java.io", "java.base/java.lang.reflect",
		"java.base/java.lang", "java.base/java.util",
	}
)

// logName is the log of a node below its LogDir.
const logName = "cassandra.log"

// prepare has nothing to do: the jars are where they are.
func (jvm) prepare(context.Context, cluster.Node) error { return nil }

// quick are options that make a node start in little time and run in little memory:
// the first compiler only, the collector without threads of its own.
var quick = []string{
	"-Xss256k", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-XX:-UsePerfData", "-XX:+ExitOnOutOfMemoryError",
}

// access are the options that let Cassandra reach into the JDK.
func access(separator string) []string {
	var list []string
	for _, p := range exported {
		list = append(list, "--add-exports"+separator+p+"=ALL-UNNAMED")
	}
	for _, p := range opened {
		list = append(list, "--add-opens"+separator+p+"=ALL-UNNAMED")
	}
	return list
}

// properties are the same however a node is started: its clock, and no waiting for
// gossip to settle.
func properties(n cluster.Node) []string {
	dir := n.Dir()
	return []string{
		"-Djava.io.tmpdir=" + filepath.Join(dir, tmpDir), "-Djna.tmpdir=" + filepath.Join(dir, tmpDir),
		"-Djava.net.preferIPv4Stack=true",
		"-Dio.netty.tryReflectionSetAccessible=true",
		"-Dcassandra.clock=lapse.BentClock", "-Dlapse.clock=" + clockFile.Path(n),
		"-Dcassandra.ring_delay_ms=2000", "-Dcassandra.skip_wait_for_gossip_to_settle=0",
		"-Dcassandra.consistent.rangemovement=false",
	}
}

// command implements launcher.
func (j jvm) command(n cluster.Node) cluster.Command {
	dir := n.Dir()
	file := func(name string) string { return "file://" + filepath.Join(dir, confDir, name) }
	args := append([]string{fmt.Sprintf("-Xms%dm", j.heap), fmt.Sprintf("-Xmx%dm", j.heap)}, quick...)
	args = append(args,
		"-XX:ErrorFile="+filepath.Join(n.LogDir(), "hs_err.log"),
		"-javaagent:"+filepath.Join(j.jars, "jamm-0.4.0.jar"),
		"-Djdk.attach.allowAttachSelf=true",
		"-Dcassandra.config="+file(yamlName),
		"-Dcassandra-rackdc.properties="+file(rackName),
		"-Dlogback.configurationFile="+file(logbackName),
		"-Dcassandra.storagedir="+dir,
		"-Dcassandra-foreground=yes",
	)
	args = append(args, properties(n)...)
	args = append(args, access("=")...)
	classpath := filepath.Join(dir, classDir) + ":" + filepath.Join(j.jars, "*")
	args = append(args, "-cp", classpath, "org.apache.cassandra.service.CassandraDaemon")
	env := []string{"PATH=/usr/bin:/bin", "HOME=" + dir, "LANG=C.UTF-8"}
	return cluster.Command{Path: j.java, Args: args, Env: env, Log: logName}
}
