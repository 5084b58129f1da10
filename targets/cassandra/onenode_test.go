package cassandra

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/targets"
	"github.com/lapse-test/lapse/targets/cluster"
	"github.com/lapse-test/lapse/targets/cluster/sandbox"
	"github.com/lapse-test/lapse/targets/cluster/sandbox/sandboxtest"
)

// TestOneNode starts one node as whoever runs the tests, and as an ordinary user.
func TestOneNode(t *testing.T) {
	sandboxtest.EachUser(t, func(t *testing.T) {
		d := deploy(t, targets.Config{Nodes: 1, WriteLevel: "ALL", ReadLevel: "ONE", Options: map[string]string{
			"hinted_handoff": "off", "num_tokens": "3", "commitlog_sync": "group", "paxos_variant": "v2",
			"read_repair": "NONE", "speculative_retry": "50ms",
		}})
		asConfigured(t, d)
		s := d.at(t, 0, "ALL", "ONE")
		s.write(t, 1, 7)
		if got := s.read(t, 1); got != 7 {
			t.Errorf("read %v", got)
		}
		must(t, d.Stop(d.ctx))
		must(t, d.Stop(d.ctx)) // twice is no error
		if d.Nodes[0].State() != cluster.Stopped {
			t.Errorf("stopped, it is %v", d.Nodes[0].State())
		}
		// Java and its native libraries have left nothing where all programs do.
		left, err := filepath.Glob(filepath.Join(os.TempDir(), "*jna*"))
		if err != nil || len(left) > 0 {
			t.Errorf("left behind: %v, %v", left, err)
		}
	})
}

// asConfigured asks a node for the options that it was started with, and the tables
// for theirs.
func asConfigured(t *testing.T, d *deployment) {
	t.Helper()
	must(t, d.admin(d.ctx, 0, func(n *conn) error {
		for name, want := range map[string]string{
			"hinted_handoff_enabled": "false", "num_tokens": "3", "commitlog_sync": "group", "paxos_variant": "v2",
			"phi_convict_threshold": "6.0", "request_timeout": "30000ms", "endpoint_snitch": "GossipingPropertyFileSnitch",
		} {
			var got string
			if err := n.query(d.ctx, "SELECT value FROM system_views.settings WHERE name = ?", name).Scan(&got); err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
			if got != want {
				t.Errorf("%s is %q, want %q", name, got, want)
			}
		}
		var repair, speculative string
		if err := n.query(d.ctx, "SELECT read_repair, speculative_retry FROM system_schema.tables WHERE keyspace_name = ? AND table_name = 'data'", d.keyspace).Scan(&repair, &speculative); err != nil {
			return err
		}
		if repair != "NONE" || speculative != "50ms" {
			t.Errorf("read_repair %s, speculative_retry %s", repair, speculative)
		}
		return nil
	}))
}

// TestStartFails: what cannot start says so at once, in Cassandra's words.
func TestStartFails(t *testing.T) {
	cfg, err := Target{}.Resolve(targets.Config{Run: "t1", Nodes: 1, Cache: software.Dir()})
	must(t, err)
	spec := Target{}.Spec(cfg)
	spec.LogDir = t.TempDir()
	c, err := sandbox.Provider{}.Open(t.Context(), spec)
	must(t, err)
	t.Cleanup(func() { must(t, c.Close(t.Context())) })
	// A file stands where Cassandra wants its data.
	must(t, os.WriteFile(filepath.Join(c.Nodes()[0].Dir(), "data"), []byte("x"), 0o644))
	_, err = Target{}.Start(t.Context(), c, cfg)
	if err == nil || !strings.Contains(err.Error(), "the process of n1 has ended") || !strings.Contains(err.Error(), logName) {
		t.Errorf("got %v", err)
	}
	if got := c.Nodes()[0].State(); got != cluster.Stopped {
		t.Errorf("and the node is %v", got)
	}

	cfg.Cache = t.TempDir()
	var environment *cluster.EnvironmentError
	if _, err := (Target{}).Start(t.Context(), c, cfg); !errors.As(err, &environment) || !strings.Contains(err.Error(), "lapse fetch cassandra") {
		t.Errorf("without software: %v", err)
	}
}

func TestCheckMemory(t *testing.T) {
	set := settings{topology: topology{nodes: 3}, heap: 512}
	file := filepath.Join(t.TempDir(), "meminfo")
	for text, want := range map[string]bool{
		"MemTotal: 1 kB\nMemAvailable:    2900000 kB\n": true,
		"MemAvailable:    2700000 kB\n":                 false,
		"MemAvailable: many kB\n":                       true,
		"MemAvailable:\n":                               true,
		"":                                              true,
	} {
		must(t, os.WriteFile(file, []byte(text), 0o644))
		err := checkMemory(set, file)
		var environment *cluster.EnvironmentError
		if (err == nil) != want || err != nil && (!errors.As(err, &environment) || !strings.Contains(err.Error(), "2736 MiB")) {
			t.Errorf("%q: %v", text, err)
		}
	}
	must(t, checkMemory(set, filepath.Join(t.TempDir(), "none")))
}

// TestClock: timestamps grow, whoever asks.
func TestClock(t *testing.T) {
	c := newClock()
	last := make(chan int64, 4)
	for range 4 {
		go func() {
			var before int64
			for range 10000 {
				now := c.next()
				if now <= before {
					t.Errorf("%d after %d", now, before)
				}
				before = now
			}
			last <- before
		}()
	}
	seen := map[int64]bool{}
	for range 4 {
		v := <-last
		if seen[v] {
			t.Errorf("%d was given twice", v)
		}
		seen[v] = true
	}
}

// TestStatementsAreUnique: the driver keeps statements apart by their text.
func TestStatementsAreUnique(t *testing.T) {
	for _, l := range levels {
		s := newStatements("lapse", l)
		texts := map[string]history.Func{}
		for f, st := range s.byFunc {
			if other, there := texts[st.cql]; there {
				t.Errorf("%s: %v and %v are both %q", l.name, f, other, st.cql)
			}
			texts[st.cql] = f
			if st.conditional && st.stamped {
				t.Errorf("%s: %v has a ballot and a timestamp", l.name, f)
			}
			if l.serial && f.Writes() && !st.conditional {
				t.Errorf("%s: %v goes past Paxos", l.name, f)
			}
		}
	}
}

// TestSurroundings: what lacks to run Cassandra is named before anything is started.
func TestSurroundings(t *testing.T) {
	cfg, err := Target{}.Resolve(targets.Config{Run: "t1", Nodes: 1})
	must(t, err)
	spec := Target{}.Spec(cfg)
	spec.LogDir = t.TempDir()
	c, err := sandbox.Provider{}.Open(t.Context(), spec)
	must(t, err)
	t.Cleanup(func() { must(t, c.Close(context.WithoutCancel(t.Context()))) })
	software.Surroundings(t, []int{11, 21, 25}, func(ctx context.Context, cache string) error {
		cfg := cfg
		cfg.Cache = cache
		_, err := Target{}.Start(ctx, c, cfg)
		if _, present := (Target{}).Present(ctx, cfg); present == nil {
			t.Error("Present says that all is there")
		}
		if got := c.Nodes()[0].State(); got != cluster.Stopped {
			t.Errorf("the node is %v", got)
		}
		return err
	})
}
