package quorumkv

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/quorumkv/protocol"
	"github.com/lapse-test/lapse/targets"
	"github.com/lapse-test/lapse/targets/cluster"
	"github.com/lapse-test/lapse/targets/cluster/sandbox"
	"github.com/lapse-test/lapse/targets/targettest"
)

// What a run puts into an external cluster is gone at the end, for every node: each kind of content, written in two regions at once, and of tenants.
func TestRemoval(t *testing.T) {
	m := func(f history.Func, k history.Key, arg history.Value) history.Mop {
		return history.Mop{Func: f, Key: k, Arg: arg}
	}
	registers := []history.Mop{m(history.Write, 0, 7), m(history.Write, 1, 8)}
	sets := []history.Mop{m(history.Add, 2, 7), m(history.Add, 2, 8), m(history.Add, 3, 9)}
	counters := []history.Mop{m(history.Increment, 4, 5), m(history.Increment, 4, 2), m(history.Increment, 5, 1)}
	regional := func(conflicts string) map[string]string {
		return map[string]string{optMode: "multi-leader", optConflicts: conflicts}
	}
	for name, c := range map[string]struct {
		options map[string]string
		fields  history.Fielding
		tenants history.Tenancy
		does    []history.Mop
		names   int // that are written
	}{
		"lww":            {regional("lww"), 0, 0, append(append(registers, sets...), counters...), 6},
		"crdt":           {regional("crdt"), 0, 0, append(append(registers, sets...), counters...), 6},
		"siblings":       {regional("siblings"), 0, 0, registers, 2},
		"siblings, sets": {regional("siblings"), 0, 0, sets, 2},
		"lww, maps":      {regional("lww"), 2, 0, sets, 1},
		"crdt, maps":     {regional("crdt"), 2, 0, sets, 1},
		"tenants":        {nil, 0, 2, registers, 2},
		"leaderless":     {nil, 0, 0, registers, 2},
		"sharded":        {map[string]string{optMode: "sharded"}, 0, 0, []history.Mop{m(history.Append, 0, 7), m(history.Append, 1, 8)}, 2},
	} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
			defer cancel()
			_, sys, _ := targettest.Deploy(ctx, t, modeOf(c.options, protocol.Health{}), sandbox.Provider{}, targets.Config{Nodes: 3, Options: c.options}, logName)
			s := systemOf(t, sys)
			s.prefix, s.written, s.cfg.Fields, s.cfg.Tenants = "lapse_own-", newKeySet(), c.fields, c.tenants
			for i, mop := range c.does {
				// Two sessions: the nodes at both ends are in two regions.
				session, err := s.Open(ctx, targets.Session{Text: func(string) history.Value { return -1 }})
				targettest.Must(t, err)
				res := session.Do(ctx, []int{0, 2}[i%2], &history.Txn{Mops: []history.Mop{mop}})
				if res.Outcome != history.OK {
					t.Fatalf("%v: %v %v", mop, res.Outcome, res.Err)
				}
				targettest.Must(t, session.Close())
			}
			wrote := s.written.all()
			if len(wrote) != c.names {
				t.Fatalf("%v were noted, want %d", wrote, c.names)
			}
			there := func() (n int) {
				for _, k := range wrote {
					for node := range s.nodes {
						if holds(ctx, t, s, node, k) {
							n++
						}
					}
				}
				return n
			}
			if there() == 0 {
				t.Fatal("nothing of it is seen before it is removed")
			}
			v := &visit{sys: s}
			targettest.Must(t, cluster.Await(ctx, "all to be removed", v.Drop))
			if n := there(); n > 0 {
				t.Errorf("%d of %v are still there", n, wrote)
			}
		})
	}
}

// TestRemovalWithoutANode: a node that is gone keeps nothing from being removed that the others can remove without it, and what it may have had is told as left.
func TestRemovalWithoutANode(t *testing.T) {
	for mode, all := range map[string]bool{"leaderless": true, "multi-leader": false} {
		t.Run(mode, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
			defer cancel()
			options := map[string]string{optMode: mode}
			_, sys, _ := targettest.Deploy(ctx, t, modeOf(options, protocol.Health{}), sandbox.Provider{}, targets.Config{Nodes: 3, Options: options}, logName)
			s := systemOf(t, sys)
			s.prefix, s.written = "lapse_own-", newKeySet()
			session, err := s.Open(ctx, targets.Session{Text: func(string) history.Value { return -1 }})
			targettest.Must(t, err)
			for k := range history.Key(3 * removing) {
				if res := session.Do(ctx, 0, &history.Txn{Mops: []history.Mop{{Func: history.Write, Key: k, Arg: 7}}}); res.Outcome != history.OK {
					t.Fatalf("%d: %v %v", k, res.Outcome, res.Err)
				}
			}
			targettest.Must(t, session.Close())
			wrote := s.written.all()
			targettest.Must(t, s.Nodes[2].Kill(ctx))
			v := &visit{sys: s}
			if all {
				targettest.Must(t, cluster.Await(ctx, "all to be removed", v.Drop))
			} else if err := v.Drop(ctx); err == nil || !strings.Contains(err.Error(), "48 of the names that were written are left") {
				t.Errorf("it says %v", err)
			}
			s.nodes = s.nodes[:2]
			for _, k := range wrote {
				if holds(ctx, t, s, 0, k) {
					t.Errorf("%s is still there", k.key)
				}
			}
		})
	}
}

// systemOf is the System below what Start returns.
func systemOf(t *testing.T, sys targets.System) *System {
	t.Helper()
	switch s := sys.(type) {
	case *System:
		return s
	case *regionalSystem:
		return s.System
	case *orderedSystem:
		return s.System
	}
	t.Fatalf("it is a %T", sys)
	return nil
}

// holds asks a node whether there is something under a name.
func holds(ctx context.Context, t *testing.T, s *System, node int, k kept) bool {
	t.Helper()
	conn := s.admin[s.nodes[node]]
	if k.tenant != "" {
		conn = conn.As(k.tenant)
	}
	if s.cfg.Options[optMode] == "multi-leader" {
		c, err := s.look(ctx, conn, k)
		targettest.Must(t, err)
		return !c.nothing()
	}
	got, err := conn.Get(ctx, k.key, "", "")
	targettest.Must(t, err)
	return got != nil
}
