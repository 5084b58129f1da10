package cassandra

import (
	"fmt"
	"path/filepath"

	"github.com/lapse-test/lapse/targets/cluster"
)

// jvm is how a node's process is started.
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

// command is a node's process. The options after the memory make a node start in
// little time and run in little memory: the first compiler only, the collector
// without threads of its own, no waiting for gossip to settle.
func (j jvm) command(n cluster.Node) cluster.Command {
	dir := n.Dir()
	file := func(name string) string { return "file://" + filepath.Join(dir, confDir, name) }
	args := []string{
		fmt.Sprintf("-Xms%dm", j.heap), fmt.Sprintf("-Xmx%dm", j.heap), "-Xss256k",
		"-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-XX:-UsePerfData",
		"-XX:+ExitOnOutOfMemoryError", "-XX:ErrorFile=" + filepath.Join(n.LogDir(), "hs_err.log"),
		"-javaagent:" + filepath.Join(j.jars, "jamm-0.4.0.jar"),
		"-Djdk.attach.allowAttachSelf=true",
		"-Djava.io.tmpdir=" + filepath.Join(dir, tmpDir), "-Djna.tmpdir=" + filepath.Join(dir, tmpDir),
		"-Djava.net.preferIPv4Stack=true",
		"-Dio.netty.tryReflectionSetAccessible=true",
		"-Dcassandra.config=" + file(yamlName),
		"-Dcassandra-rackdc.properties=" + file(rackName),
		"-Dlogback.configurationFile=" + file(logbackName),
		"-Dcassandra.storagedir=" + dir,
		"-Dcassandra.clock=lapse.BentClock", "-Dlapse.clock=" + filepath.Join(dir, offsetName),
		"-Dcassandra-foreground=yes",
		"-Dcassandra.ring_delay_ms=2000", "-Dcassandra.skip_wait_for_gossip_to_settle=0",
		"-Dcassandra.consistent.rangemovement=false",
	}
	for _, p := range exported {
		args = append(args, "--add-exports", p+"=ALL-UNNAMED")
	}
	for _, p := range opened {
		args = append(args, "--add-opens", p+"=ALL-UNNAMED")
	}
	classpath := filepath.Join(dir, classDir) + ":" + filepath.Join(j.jars, "*")
	args = append(args, "-cp", classpath, "org.apache.cassandra.service.CassandraDaemon")
	env := []string{"PATH=/usr/bin:/bin", "HOME=" + dir, "LANG=C.UTF-8"}
	return cluster.Command{Path: j.java, Args: args, Env: env, Log: logName}
}
