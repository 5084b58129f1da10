package server

import (
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/lapse-test/lapse/quorumkv/client"
	"github.com/lapse-test/lapse/quorumkv/engine"
	"github.com/lapse-test/lapse/quorumkv/placement"
)

// Keys are on the nodes that the partitioner says, on no other, and read and written through all.
func TestPartitionersPlaceKeys(t *testing.T) {
	for _, tc := range []struct {
		partitioner placement.Partitioner
		splits      []string
	}{{placement.Modulo, nil}, {placement.Range, []string{"k2", "k4"}}} {
		t.Run(string(tc.partitioner), func(t *testing.T) {
			c := startCluster(t, 4, false, func(cfg *Config) {
				cfg.Partitioner, cfg.SplitPoints, cfg.Replication = tc.partitioner, tc.splits, 2
			})
			want, err := placement.New(placement.Options{Partitioner: tc.partitioner, Nodes: []string{"n1", "n2", "n3", "n4"},
				Replication: 2, VirtualNodes: placement.DefaultVirtualNodes, SplitPoints: tc.splits})
			if err != nil {
				t.Fatal(err)
			}
			used := map[string]bool{}
			for i := range 8 {
				key := fmt.Sprint("k", i)
				mustPut(t, c.clients[fmt.Sprint("n", 1+i%4)], key, key, "ALL")
				ring, err := c.clients[fmt.Sprint("n", 1+(i+1)%4)].Ring(within(t), key)
				if err != nil || ring.Partitioner != string(tc.partitioner) || !slices.Equal(ring.SplitPoints, tc.splits) {
					t.Fatalf("%s: %+v, %v", key, ring, err)
				}
				var names []string
				for _, n := range ring.Replicas {
					names = append(names, n.Name)
				}
				if !slices.Equal(names, want.Replicas(key)) {
					t.Errorf("%s is said to be on %v, want %v", key, names, want.Replicas(key))
				}
				for name, cl := range c.clients {
					wantGet(t, cl, key, "ONE", key)
					v, err := cl.Replica(within(t), key)
					if held := err == nil && v != nil; held != slices.Contains(names, name) {
						t.Errorf("%s: %s holds it: %t; its replicas are %v (%v)", key, name, held, names, err)
					}
					used[name] = used[name] || slices.Contains(names, name)
				}
			}
			if len(used) != 4 || !used["n1"] || !used["n4"] {
				t.Errorf("only %v were used: this shows little", used)
			}
		})
	}
}

// Nodes that would look for keys in different places serve nothing, and say why.
func TestMembersThatDisagreeInPartitioner(t *testing.T) {
	for want, change := range map[string]func(*Config){
		`partitioner=modulo`: func(cfg *Config) { cfg.Partitioner = placement.Modulo },
		`1 split points`: func(cfg *Config) {
			cfg.Partitioner = placement.Range
			if cfg.Node != "n1" {
				cfg.SplitPoints = []string{"k5"}
			}
		},
	} {
		c := startUnconnected(t, 2, func(cfg *Config) {
			cfg.Replication = 2
			if cfg.Node == "n2" || want != "partitioner=modulo" {
				change(cfg)
			}
		})
		for _, name := range []string{"n1", "n2"} {
			eventually(t, name+" has met the other", func() bool {
				_, err := c.clients[name].Put(t.Context(), "k", []byte("v"), "ONE")
				var e *client.Error
				return errors.As(err, &e) && e.Code == string(engine.CodeDisagreement) && e.Outcome == "not_written" && strings.Contains(e.Error(), want)
			})
		}
	}
}

// What was placed by one partitioner is not opened by another, nor cut elsewhere.
func TestADirectoryBelongsToItsPartitioner(t *testing.T) {
	cfg := Default()
	cfg.Node, cfg.DataDir, cfg.Replication = "n1", filepath.Join(t.TempDir(), "n1"), 1
	cfg.Partitioner, cfg.SplitPoints = placement.Range, []string{"k5"}
	open := func(change func(*Config)) error {
		other := cfg
		change(&other)
		s, err := Open(other, slog.New(slog.DiscardHandler), nil)
		if err != nil {
			return err
		}
		return s.Close()
	}
	if err := open(func(*Config) {}); err != nil {
		t.Fatal(err)
	}
	for want, change := range map[string]func(*Config){
		"was placed by partitioner range, not ring":   func(c *Config) { c.Partitioner, c.SplitPoints = placement.Ring, nil },
		"was placed by partitioner range, not modulo": func(c *Config) { c.Partitioner, c.SplitPoints = placement.Modulo, nil },
		"split points": func(c *Config) { c.SplitPoints = []string{"k6"} },
	} {
		if err := open(change); err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "use an empty directory") {
			t.Errorf("error %v, want one with %q", err, want)
		}
	}
	if err := open(func(*Config) {}); err != nil {
		t.Errorf("a refusal left the directory unusable: %v", err)
	}
}
