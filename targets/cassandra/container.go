package cassandra

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/lapse-test/lapse/targets/cluster"
)

// container starts nodes by the entry point of the official image, which is told by
// its environment: where the configuration is (CASSANDRA_CONF), how much memory
// there is, and what java gets besides (JVM_EXTRA_OPTS). The configuration is the
// image's own, with our files in the place of some.
type container struct {
	// heap is in MiB.
	heap int
	// seeds are the addresses of all nodes, as cassandra.yaml has them.
	seeds string
}

// The options of java are read from these two files.
const (
	optionsName   = "jvm-server.options"
	options17Name = "jvm17-server.options"
)

// prepare implements launcher.
func (c container) prepare(ctx context.Context, n cluster.Node) error {
	conf := filepath.Join(n.Dir(), confDir)
	if _, err := os.Stat(filepath.Join(conf, yamlName)); err == nil {
		return nil // it was started before
	}
	if err := os.MkdirAll(conf, 0o755); err != nil {
		return fmt.Errorf("configuring %s: %w", n.Name(), err)
	}
	out, err := n.Exec(ctx, cluster.Command{
		Path: "/bin/sh", Args: []string{"-c", `cp -R "${CASSANDRA_CONF:-/etc/cassandra}/." "$0"`, conf},
	})
	if err != nil {
		return &cluster.EnvironmentError{
			Doing: "copying the configuration that the image has", Err: fmt.Errorf("%w: %s", err, out),
			Way: "use an image that is made like the official one (--image)",
		}
	}
	// The directory of the configuration is on the class path, that of our class is
	// beside it.
	if err := os.Symlink(filepath.Join("..", classDir, "lapse"), filepath.Join(conf, "lapse")); err != nil {
		return fmt.Errorf("configuring %s: %w", n.Name(), err)
	}
	for name, list := range map[string][]string{optionsName: quick, options17Name: access(" ")} {
		if err := os.WriteFile(filepath.Join(conf, name), []byte(strings.Join(list, "\n")+"\n"), 0o644); err != nil {
			return fmt.Errorf("configuring %s: %w", n.Name(), err)
		}
	}
	return nil
}

// command implements launcher.
func (c container) command(n cluster.Node) cluster.Command {
	env := []string{
		"CASSANDRA_CONF=" + filepath.Join(n.Dir(), confDir),
		// They are set together or not at all; the second one says nothing to the
		// collector that is used.
		fmt.Sprintf("MAX_HEAP_SIZE=%dM", c.heap), fmt.Sprintf("HEAP_NEWSIZE=%dM", c.heap/4),
		"JVM_EXTRA_OPTS=" + strings.Join(properties(n), " "),
		// What the entry point would otherwise make up and write into cassandra.yaml.
		"CASSANDRA_LISTEN_ADDRESS=" + n.Address(), "CASSANDRA_RPC_ADDRESS=" + n.Address(),
		"CASSANDRA_BROADCAST_ADDRESS=" + n.Address(), "CASSANDRA_SEEDS=" + c.seeds,
	}
	return cluster.Command{Args: []string{"cassandra", "-f"}, Env: env, Log: logName}
}
