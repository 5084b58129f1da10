package server

import (
	"errors"
	"io/fs"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/lapse-test/lapse/quorumkv/client"
	"github.com/lapse-test/lapse/quorumkv/engine"
	"github.com/lapse-test/lapse/quorumkv/placement"
	"github.com/lapse-test/lapse/quorumkv/protocol"
)

// kind is a way to replicate and to place keys, with the levels that need the fewest nodes.
type kind struct {
	name        string
	set         func(*Config)
	write, read string
	// foreign is a level that the mode does not have.
	foreign string
}

func kinds() []kind {
	mode := func(name string) func(*Config) { return func(c *Config) { c.Mode = name } }
	leaderless := func(p placement.Partitioner, splits ...string) func(*Config) {
		return func(c *Config) {
			c.Replication, c.WriteTimestamps, c.ReadRepair = 2, "coordinator", "off" // nobody else is asked at ONE
			c.Partitioner, c.SplitPoints = p, splits
		}
	}
	return []kind{
		{"leaderless, ring", leaderless(placement.Ring), "ONE", "ONE", "majority"},
		{"leaderless, modulo", leaderless(placement.Modulo), "ONE", "ONE", "sync"},
		{"leaderless, range", leaderless(placement.Range, "m"), "ONE", "ONE", "leader"},
		{"raft", mode("raft"), "majority", "follower", "QUORUM"},
		{"single-leader", mode("single-leader"), "async", "follower", "majority"},
		{"multi-leader", mode("multi-leader"), "leader", "local", "ONE"},
		{"sharded", mode("sharded"), "majority", "follower", "semi-sync"},
	}
}

// Nodes that were told of different nodes serve nothing from their first moment on, at any level, and say who knows whom.
func TestMembersThatDisagreeInNodes(t *testing.T) {
	for _, k := range kinds() {
		t.Run(k.name, func(t *testing.T) {
			c := startUnconnected(t, 3, func(cfg *Config) {
				k.set(cfg)
				cfg.PeerTimeout, cfg.RequestTimeout = 30*time.Second, 30*time.Second // each is met before the other gives up
				if cfg.Node != "n1" {
					cfg.Peers["n4"] = "127.0.0.1:1"
				}
			})
			for name, cl := range c.clients {
				var e *client.Error
				_, err := cl.Put(within(t), "k", []byte("v"), k.write)
				if !errors.As(err, &e) || e.Code != string(engine.CodeDisagreement) || e.Outcome != protocol.NotWritten {
					t.Fatalf("a write through %s: %v", name, err)
				}
				if !strings.Contains(e.Message, "knows the nodes n1 n2 n3 n4, not n1 n2 n3: name the same nodes to all") && !strings.Contains(e.Message, "knows the nodes n1 n2 n3, not n1 n2 n3 n4: name the same nodes to all") {
					t.Errorf("%s says %q", name, e.Message)
				}
				if _, err := cl.Get(within(t), "k", k.read, ""); !errors.As(err, &e) || e.Code != string(engine.CodeDisagreement) {
					t.Errorf("a read through %s: %v", name, err)
				}
				if v, err := cl.Replica(within(t), "k"); err != nil || v != nil {
					t.Errorf("%s has %q, %v: it was written before it was refused", name, text(v), err)
				}
			}
		})
	}
}

// A data directory of another mode, partitioner, set of nodes or setting that decides where data is, is refused with what to do, and no file of it changes.
func TestDirectoriesOfOthers(t *testing.T) {
	others := kinds()
	for name, set := range map[string]func(*Config){
		"another node":         func(c *Config) { c.Node, c.Peers["n1"] = "n2", "127.0.0.1:1" },
		"another set of nodes": func(c *Config) { c.Peers["n3"] = "127.0.0.1:1" },
	} {
		for _, k := range kinds() {
			others = append(others, kind{name: k.name + ", " + name, set: func(c *Config) { k.set(c); set(c) }})
		}
	}
	for name, set := range map[string]func(*Config){
		"leaderless, ring, N=1":                  func(c *Config) { kinds()[0].set(c); c.Replication = 1 },
		"leaderless, ring, 8 virtual nodes":      func(c *Config) { kinds()[0].set(c); c.VirtualNodes = 8 },
		"leaderless, range, another split point": func(c *Config) { kinds()[2].set(c); c.SplitPoints = []string{"n"} },
		"single-leader, without failover":        func(c *Config) { c.Mode, c.Failover = "single-leader", false },
		"multi-leader, one region":               func(c *Config) { c.Mode, c.Regions = "multi-leader", 1 },
		"multi-leader, siblings":                 func(c *Config) { c.Mode, c.Conflicts = "multi-leader", "siblings" },
		"sharded, three shards":                  func(c *Config) { c.Mode, c.Shards = "sharded", 3 },
		"sharded, other transactions":            func(c *Config) { c.Mode, c.Transactions = "sharded", "best-effort" },
	} {
		others = append(others, kind{name: name, set: set})
	}
	for _, have := range kinds() {
		t.Run(have.name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "n1")
			if err := openAs(dir, have); err != nil {
				t.Fatal(err)
			}
			before := files(t, dir)
			for _, want := range others {
				if want.name == have.name {
					continue
				}
				var wrong *ConfigError
				err := openAs(dir, want)
				if !errors.As(err, &wrong) || !strings.Contains(err.Error(), dir) || !strings.Contains(err.Error(), "use an empty directory") && !strings.Contains(err.Error(), "give each node its own") {
					t.Errorf("opened as %s: %v", want.name, err)
				}
				if after := files(t, dir); !maps.Equal(after, before) {
					t.Fatalf("opened as %s: it has changed", want.name)
				}
			}
			if err := openAs(dir, have); err != nil {
				t.Errorf("a refusal left the directory unusable: %v", err)
			}
		})
	}
}

func openAs(dir string, k kind) error {
	cfg := Default()
	cfg.Node, cfg.DataDir, cfg.Peers = "n1", dir, map[string]string{"n2": "127.0.0.1:1"}
	k.set(&cfg)
	s, err := Open(cfg, slog.New(slog.DiscardHandler), nil)
	if err != nil {
		return err
	}
	return s.Close()
}

// files are the contents of all files below dir.
func files(t *testing.T, dir string) map[string]string {
	t.Helper()
	out := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		out[path] = string(b)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// A level that the mode does not have is refused by its name, before anything is written.
func TestLevelsOfOtherModes(t *testing.T) {
	for _, k := range kinds() {
		t.Run(k.name, func(t *testing.T) {
			c := startCluster(t, 2, false, k.set)
			cl := c.clients["n1"]
			var e *client.Error
			if _, err := cl.Put(within(t), "k", []byte("v"), k.foreign); !errors.As(err, &e) || e.Code != string(engine.CodeBadLevel) || e.Outcome != protocol.NotWritten || !strings.Contains(e.Message, k.foreign) {
				t.Errorf("a write: %v", err)
			}
			if _, err := cl.Get(within(t), "k", "no-"+k.foreign, ""); !errors.As(err, &e) || e.Code != string(engine.CodeBadLevel) || !strings.Contains(e.Message, k.foreign) {
				t.Errorf("a read: %v", err)
			}
			for name, cl := range c.clients {
				if v, err := cl.Replica(within(t), "k"); err != nil || v != nil {
					t.Errorf("%s has %q, %v", name, text(v), err)
				}
			}
		})
	}
}
