package server

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/lapse-test/lapse/quorumkv/client"
	"github.com/lapse-test/lapse/quorumkv/placement"
	"github.com/lapse-test/lapse/quorumkv/protocol"
)

// members runs the command as a user would.
func members(t testing.TB, at string, args ...string) (string, error) {
	t.Helper()
	cmd := Command()
	var out bytes.Buffer
	cmd.SetOut(&out)
	cmd.SetErr(&out)
	cmd.SetArgs(append([]string{"members", "--at", at}, args...))
	err := cmd.ExecuteContext(within(t))
	return out.String(), err
}

func mustChange(t testing.TB, at string, args ...string) string {
	t.Helper()
	out, err := members(t, at, args...)
	if err != nil {
		t.Fatalf("members %v: %v\n%s", args, err, out)
	}
	return out
}

// A node joins and another, which is the steward, leaves, under load through all nodes: no request fails, every read at ONE sees what was acknowledged at
// ALL before, and afterwards each key is on its new replicas, all of which have its last value.
func TestMembersChangeUnderLoad(t *testing.T) {
	for _, tc := range []struct {
		partitioner placement.Partitioner
		splits      []string
	}{{placement.Ring, nil}, {placement.Modulo, nil}, {placement.Range, []string{"k1", "k2", "k3"}}} {
		t.Run(string(tc.partitioner), func(t *testing.T) {
			c := startCluster(t, 4, false, func(cfg *Config) {
				cfg.Members, cfg.Replication = []string{"n1", "n2", "n3"}, 2
				cfg.Partitioner, cfg.SplitPoints = tc.partitioner, tc.splits
				cfg.RequestTimeout, cfg.PeerTimeout = 20*time.Second, 10*time.Second // a busy machine is no failure
			})
			const keys = 40
			var wrong atomic.Int64
			ctx, stop := context.WithCancel(t.Context())
			var wg sync.WaitGroup
			last := make([]int, 8)
			for w := range last { // each writes and reads keys of its own
				wg.Go(func() {
					for i := 1; ctx.Err() == nil; i++ {
						for k := w; k < keys; k += len(last) {
							key, value := fmt.Sprint("k", k), fmt.Sprint(i)
							if _, err := c.clients[fmt.Sprint("n", 1+(i+k)%4)].Put(t.Context(), key, []byte(value), "ALL"); err != nil {
								t.Errorf("put %s: %v", key, err)
								wrong.Add(1)
								return
							}
							v, err := c.clients[fmt.Sprint("n", 1+(i+k+1)%4)].Get(t.Context(), key, "ONE", "")
							if err != nil || text(v) != value {
								t.Errorf("get %s: %q, %v, want %s", key, text(v), err, value)
								wrong.Add(1)
								return
							}
						}
						last[w] = i
					}
				})
			}
			out := mustChange(t, c.addrs["n3"], "add", "n4")
			out += mustChange(t, c.addrs["n4"], "remove", "n1")
			stop()
			wg.Wait()
			if wrong.Load() > 0 {
				t.Fatal(out)
			}
			if !strings.Contains(out, "the members are n1 n2 n3 n4") || !strings.Contains(out, "the members are n2 n3 n4; n2 carries out changes") || !strings.Contains(out, "% of the replicas of") {
				t.Errorf("said %s", out)
			}
			for k := range keys {
				key := fmt.Sprint("k", k)
				ring, err := c.clients["n1"].Ring(within(t), key)
				if err != nil || len(ring.Nodes) != 3 || len(ring.Replicas) != 2 {
					t.Fatalf("%+v, %v", ring, err)
				}
				want := fmt.Sprint(last[k%len(last)])
				for _, r := range ring.Replicas {
					v, err := c.clients[r.Name].Replica(within(t), key)
					if err != nil || text(v) != want {
						t.Errorf("%s at %s: %q, %v, want %s", key, r.Name, text(v), err, want)
					}
				}
			}
		})
	}
}

// Every node is killed in turn while keys move: the change goes on where it was, and nothing is lost.
func TestMembersChangeThroughKills(t *testing.T) {
	ps := startProcesses(t, 4, "--members", "n1,n2,n3", "--replication", "2", "--partitioner", "modulo")
	const keys = 3000
	fill(t, ps[0].client, keys)
	for _, c := range []protocol.MemberChange{{Add: "n4"}, {Remove: "n1"}} {
		if _, err := ps[1].client.ChangeMembers(within(t), c); err != nil {
			t.Fatal(err)
		}
		for _, p := range ps {
			p.kill(t)
			p.start(t)
			p.ready(t)
		}
		eventually(t, "the change is done on all nodes", func() bool {
			for _, p := range ps {
				m, err := p.client.Members(t.Context())
				if err != nil || m.Phase != "stable" || c.Add != "" && !slices.Contains(m.Members, c.Add) || c.Remove != "" && slices.Contains(m.Members, c.Remove) {
					return false
				}
			}
			return true
		})
	}
	for k := range keys {
		wantGet(t, ps[k%4].client, fmt.Sprint("k", k), "ONE", fmt.Sprint("v", k))
	}
}

// fill writes keys k0, k1, ... at level ALL, many at once.
func fill(t testing.TB, c *client.Client, keys int) {
	t.Helper()
	ctx := within(t)
	var wg sync.WaitGroup
	for w := range 32 {
		wg.Go(func() {
			for k := w; k < keys; k += 32 {
				if _, err := c.Put(ctx, fmt.Sprint("k", k), []byte(fmt.Sprint("v", k)), "ALL"); err != nil {
					t.Errorf("put k%d: %v", k, err)
					return
				}
			}
		})
	}
	wg.Wait()
}

// What cannot be is refused with its reason, and changes nothing.
func TestMembersRefuses(t *testing.T) {
	c := startCluster(t, 4, false, func(cfg *Config) { cfg.Members, cfg.Replication = []string{"n1", "n2", "n3"}, 3 })
	sloppy := startCluster(t, 2, false, func(cfg *Config) { cfg.Members, cfg.Replication, cfg.SloppyQuorum = []string{"n1"}, 1, true })
	graceful := startCluster(t, 2, false, func(cfg *Config) { cfg.Members, cfg.Replication, cfg.TombstoneGrace = []string{"n1"}, 1, time.Hour })
	sharded := startCluster(t, 2, false, func(cfg *Config) { cfg.Mode = "sharded" })
	alone := startUnconnected(t, 1, func(cfg *Config) {
		cfg.Peers["n2"] = "127.0.0.1:1"
		cfg.Members, cfg.Replication = []string{"n1"}, 1
	})
	for _, tc := range []struct {
		at   string
		args []string
		want string
	}{
		{c.addrs["n2"], []string{"add", "n9"}, `no node "n9" is known`},
		{c.addrs["n1"], []string{"add", "n2"}, "n2 is a member already"},
		{c.addrs["n4"], []string{"remove", "n4"}, "n4 is no member"},
		{c.addrs["n1"], []string{"remove", "n2"}, "3 members, as many as replicas of each key"},
		{c.addrs["n3"], []string{"cancel"}, "no change that can be canceled"},
		{c.addrs["n1"], []string{"add"}, "accepts 1 arg"},
		{"nowhere", []string{"status"}, "--at"},
		{sloppy.addrs["n1"], []string{"add", "n2"}, "sloppy_quorum"},
		{graceful.addrs["n2"], []string{"add", "n2"}, "tombstone_grace"},
		{sharded.addrs["n1"], []string{"add", "n2"}, "in mode sharded they are fixed"},
		{alone.addrs["n1"], []string{"add", "n2"}, "not all can be reached: n2"},
	} {
		out, err := members(t, tc.at, tc.args...)
		if err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("members %v: %v, want %q\n%s", tc.args, err, tc.want, out)
		}
		var bad *ConfigError
		if !strings.Contains(tc.want, "mode") && !errors.As(err, &bad) {
			t.Errorf("members %v: %v does not count as bad input", tc.args, err)
		}
	}
	if out := mustChange(t, c.addrs["n4"], "status"); out != "epoch 1: the members are n1 n2 n3; n1 carries out changes\n" {
		t.Errorf("after refusals: %s", out)
	}
	for _, body := range []protocol.MemberChange{{}, {Add: "n4", Cancel: true}} {
		_, err := c.clients["n1"].ChangeMembers(within(t), body)
		var e *client.Error
		if !errors.As(err, &e) || e.Code != protocol.CodeBadRequest || e.Outcome != protocol.NotWritten {
			t.Errorf("%+v: %v", body, err)
		}
	}
}

// A member that comes back without its data, as one that joins, gives no answer before it has the keys again.
func TestANodeWithoutDataJoins(t *testing.T) {
	ps := startProcesses(t, 3, "--replication", "2")
	fill(t, ps[0].client, 200)
	mustChange(t, ps[0].addr, "remove", "n3")
	ps[2].kill(t)
	ps[2].args = append(ps[2].args, "--data-dir", filepath.Join(t.TempDir(), "again"), "--join")
	ps[2].start(t)
	for k := range 200 { // it is asked before it has heard of anything
		v, err := ps[2].client.Get(within(t), fmt.Sprint("k", k), "ONE", "")
		if err == nil && text(v) != fmt.Sprint("v", k) {
			t.Fatalf("k%d: %q", k, text(v))
		}
	}
	for _, p := range ps {
		p.ready(t)
	}
	mustChange(t, ps[2].addr, "add", "n3")
	for k := range 200 {
		wantGet(t, ps[k%3].client, fmt.Sprint("k", k), "ONE", fmt.Sprint("v", k))
	}
}
