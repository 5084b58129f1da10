package server

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/lapse-test/lapse/quorumkv/placement"
	"github.com/lapse-test/lapse/quorumkv/protocol"
)

// ranges runs the command as a user would.
func ranges(t testing.TB, at string, args ...string) (string, error) {
	t.Helper()
	cmd := Command()
	var out bytes.Buffer
	cmd.SetOut(&out)
	cmd.SetErr(&out)
	cmd.SetArgs(append([]string{"ranges", "--at", at}, args...))
	err := cmd.ExecuteContext(within(t))
	return out.String(), err
}

// Ranges are split, merged and moved under load through all nodes: no request fails, every read at ONE sees what was acknowledged at ALL before, and afterwards each key is where its range is, all of whose
// replicas have its last value. A plan says before what moves.
func TestRangesChangeUnderLoad(t *testing.T) {
	c := startCluster(t, 4, false, func(cfg *Config) {
		cfg.Replication, cfg.Partitioner, cfg.SplitPoints = 2, placement.Range, []string{"k3", "k6"}
		cfg.RequestTimeout, cfg.PeerTimeout = 20*time.Second, 10*time.Second // a busy machine is no failure
	})
	const keys = 40
	var wrong atomic.Int64
	ctx, stop := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	last := make([]int, 8)
	var first sync.WaitGroup
	first.Add(len(last))
	for w := range last { // each writes and reads keys of its own
		wg.Go(func() {
			begun := sync.OnceFunc(first.Done)
			defer begun()
			for i := 1; ctx.Err() == nil; i++ {
				for k := w; k < keys; k += len(last) {
					key, value := fmt.Sprintf("k%d", k), fmt.Sprint(i)
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
				begun()
			}
		})
	}
	first.Wait()
	// k0, k1, k10 to k29 and k2 are 23 keys on n1 and n2; k3 to k5 and k30 to k39 13 on n2 and n3; k6 to k9 4 on n3 and n4.
	plan, err := ranges(t, c.addrs["n2"], "move", "k1", "--from", "n1", "--to", "n4", "--plan")
	if err != nil || !strings.Contains(plan, "of the replicas (23 of 80); n4 takes 23 keys") {
		t.Errorf("planned %s, %v", plan, err)
	}
	var out string
	for _, args := range [][]string{{"split", "k2"}, {"move", "k1", "--from", "n1", "--to", "n4"}, {"merge", "k6"}, {"split", "k7"}, {"move", "k7", "--from", "n3", "--to", "n1"}} {
		said, err := ranges(t, c.addrs["n3"], args...)
		if out += said; err != nil {
			t.Errorf("%v: %v", args, err)
		}
	}
	stop()
	wg.Wait()
	if wrong.Load() > 0 {
		t.Fatal(out)
	}
	// Before k2 are k0, k1 and k10 to k19.
	if !strings.Contains(out, "the last change gave 15 % of the replicas of 40 keys to other nodes") {
		t.Errorf("said %s", out)
	}
	got, err := c.clients["n1"].Ranges(within(t), true)
	want := []protocol.Range{{To: "k2", Nodes: []string{"n4", "n2"}, Keys: 12}, {From: "k2", To: "k3", Nodes: []string{"n1", "n2"}, Keys: 11},
		{From: "k3", To: "k7", Nodes: []string{"n2", "n3"}, Keys: 14}, {From: "k7", Nodes: []string{"n2", "n1"}, Keys: 3}}
	for i := range got.Ranges {
		got.Ranges[i].Middle = ""
	}
	if err != nil || fmt.Sprint(got.Ranges) != fmt.Sprint(want) {
		t.Errorf("%+v, %v, want %+v", got.Ranges, err, want)
	}
	for k := range keys {
		key := fmt.Sprint("k", k)
		var on []string
		for _, r := range want {
			if key >= r.From && (r.To == "" || key < r.To) {
				on = r.Nodes
			}
		}
		for name, cl := range c.clients {
			ring, err := cl.Ring(within(t), key)
			var names []string
			for _, n := range ring.Replicas {
				names = append(names, n.Name)
			}
			if err != nil || !slices.Equal(names, on) {
				t.Errorf("%s says that %s is on %v, %v, want %v", name, key, names, err, on)
			}
			if v, err := cl.Replica(within(t), key); slices.Contains(on, name) && (err != nil || text(v) != fmt.Sprint(last[k%len(last)])) {
				t.Errorf("%s at %s: %q, %v, want %d", key, name, text(v), err, last[k%len(last)])
			}
		}
	}
	page, err := c.clients["n3"].Range(within(t), "k2", "k3", "", 100, "ONE")
	if err != nil || len(page.Keys) != 11 || !slices.Equal(page.Asked, []string{"n1", "n2"}) {
		t.Errorf("a range read of a range that was split: %d keys of %v, %v", len(page.Keys), page.Asked, err)
	}
}

// Every node is killed in turn while a range moves, is split and merged: the change goes on where it was, also with the node that carries it out, and nothing is lost.
func TestRangesChangeThroughKills(t *testing.T) {
	ps := startProcesses(t, 4, "--replication", "2", "--partitioner", "range", "--split-points", "k3", "--split-points", "k6")
	const keys = 3000
	fill(t, ps[0].client, keys)
	if _, err := ps[1].client.ChangeRanges(within(t), protocol.RangeStep{Do: "move", At: "k1", From: "n1", To: "n3"}, protocol.RangeStep{Do: "split", At: "k4"}, protocol.RangeStep{Do: "merge", At: "k6"}); err != nil {
		t.Fatal(err)
	}
	for _, p := range ps {
		p.kill(t)
		p.start(t)
		p.ready(t)
	}
	eventually(t, "the change is done on all nodes", func() bool {
		for _, p := range ps {
			r, err := p.client.Ranges(t.Context(), false)
			if err != nil || r.Phase != "stable" || r.Epoch != 4 {
				return false
			}
		}
		return true
	})
	got, err := ps[3].client.Ranges(within(t), true)
	for i := range got.Ranges {
		got.Ranges[i].Middle = ""
	}
	want := []protocol.Range{{To: "k3", Nodes: []string{"n3", "n2"}}, {From: "k3", To: "k4", Nodes: []string{"n2", "n3"}}, {From: "k4", Nodes: []string{"n2", "n3"}}}
	total := int64(0)
	for i := range got.Ranges {
		total += got.Ranges[i].Keys
		got.Ranges[i].Keys = 0
	}
	if err != nil || total != keys || fmt.Sprint(got.Ranges) != fmt.Sprint(want) {
		t.Errorf("%d keys in %+v, %v, want %+v", total, got.Ranges, err, want)
	}
	for k := range keys {
		wantGet(t, ps[k%4].client, fmt.Sprint("k", k), "ONE", fmt.Sprint("v", k))
	}
	// While a member is away its keys cannot be counted, and the ranges can be seen all the same.
	ps[3].kill(t)
	if out, err := ranges(t, ps[0].addr, "status"); err == nil || !strings.Contains(err.Error(), "--count=false") {
		t.Errorf("with a member that is away: %v\n%s", err, out)
	}
	if out, err := ranges(t, ps[0].addr, "status", "--count=false"); err != nil || !strings.Contains(out, "k4     -    ?      -        n2 n3\n") {
		t.Errorf("with a member that is away, without counting: %v\n%s", err, out)
	}
}

// Keys are spelled so that each is read as what it is.
func TestSpellingOfKeys(t *testing.T) {
	for key, want := range map[string]string{"": "-", "k5": "k5", "a\x1fk5": `a\x1fk5`, `a"`: `a\"`, `"`: `\"`, "ä": "ä"} {
		if got := spell(key); got != want {
			t.Errorf("%q is spelled %s, want %s", key, got, want)
		}
	}
}

// What cannot be done with ranges is refused with its reason, and changes nothing.
func TestRangesRefuses(t *testing.T) {
	c := startCluster(t, 4, false, func(cfg *Config) {
		cfg.Members, cfg.Replication, cfg.Partitioner, cfg.SplitPoints = []string{"n1", "n2", "n3"}, 2, placement.Range, []string{"k3"}
	})
	ring := startCluster(t, 1, false, func(cfg *Config) { cfg.Replication = 1 })
	raft := startCluster(t, 1, false, func(cfg *Config) { cfg.Mode = "raft" })
	for _, tc := range []struct {
		at   string
		args []string
		want string
	}{
		{c.addrs["n1"], []string{"split", "k3"}, `a range begins at "k3" already`},
		{c.addrs["n4"], []string{"merge", "k4"}, "first key of no range"},
		{c.addrs["n2"], []string{"move", "k5", "--from", "n1", "--to", "n2"}, "not on \"n1\""},
		{c.addrs["n2"], []string{"move", "k5", "--from", "n2", "--to", "n3"}, "on n3 already"},
		{c.addrs["n2"], []string{"move", "k5", "--from", "n2", "--to", "n4"}, "no member"},
		{c.addrs["n2"], []string{"move", "k5", "--from", "n2", "--to", "n4", "--plan"}, "no member"},
		{c.addrs["n1"], []string{"split"}, "accepts 1 arg"},
		{c.addrs["n1"], []string{"move", "k5", "--to", "n3"}, "--from"},
		{c.addrs["n1"], []string{"move", "k5", "--from", "n2"}, "--to"},
		{c.addrs["n1"], []string{"split", ""}, "no key below"},
		{c.addrs["n1"], []string{"split", "k5", "--tenant", "a\nb"}, "--tenant: a tenant's name has a control character"},
		{c.addrs["n1"], []string{"split", "a\x01"}, "control character"},
		{"nowhere", []string{"status"}, "--at"},
		{ring.addrs["n1"], []string{"split", "k3"}, "partitioner ring"},
		{ring.addrs["n1"], []string{"status"}, "partitioner ring"},
		{raft.addrs["n1"], []string{"split", "k3"}, "mode leaderless"},
	} {
		out, err := ranges(t, tc.at, tc.args...)
		if err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("ranges %q: %v, want %q\n%s", tc.args, err, tc.want, out)
		}
	}
	out, err := ranges(t, c.addrs["n4"], "status")
	if want := "epoch 1, stable: 2 ranges\nfrom   to   keys   middle   on\n-      k3   0      -        n1 n2\nk3     -    0      -        n2 n3\n"; err != nil || out != want {
		t.Errorf("after refusals: %v\n%s", err, out)
	}
}

// The keys of a tenant are split by the tenant's own spelling of them, and once there is a table, who joins takes a part of the ranges and no more.
func TestRangesOfATenantAndAJoin(t *testing.T) {
	c := startCluster(t, 4, false, func(cfg *Config) {
		cfg.Members, cfg.Replication, cfg.Partitioner, cfg.SplitPoints = []string{"n1", "n2", "n3"}, 2, placement.Range, []string{"a"}
	})
	acme := c.clients["n1"].As("acme")
	for i := range 10 {
		mustPut(t, acme, fmt.Sprint("k", i), "v", "ALL")
	}
	// A tenant's empty key is where its keys begin, not where all do.
	for _, args := range [][]string{{"split", "k5"}, {"split", ""}, {"merge", ""}} {
		if out, err := ranges(t, c.addrs["n2"], append(args, "--tenant", "acme")...); err != nil {
			t.Fatal(args, out, err)
		}
		got, err := c.clients["n2"].Ranges(within(t), false)
		if begins := slices.ContainsFunc(got.Ranges, func(r protocol.Range) bool { return r.From == "acme\x1f" }); err != nil || begins != (args[0] == "split" && args[1] == "") {
			t.Errorf("after %q a range begins with the tenant: %t, %v", args, begins, err)
		}
	}
	mustChange(t, c.addrs["n1"], "add", "n4")
	got, err := c.clients["n4"].Ranges(within(t), true)
	// n2 had three ranges, n3 two and n1 one: n4 takes one of n2.
	want := []protocol.Range{{To: "a", Nodes: []string{"n1", "n4"}}, {From: "a", To: "acme\x1fk5", Nodes: []string{"n2", "n3"}, Keys: 5, Middle: "acme\x1fk3"}, {From: "acme\x1fk5", Nodes: []string{"n2", "n3"}, Keys: 5, Middle: "acme\x1fk8"}}
	for i := range got.Ranges {
		got.Ranges[i].Middle = want[i].Middle // what is in the middle is the membership package's to test
	}
	if err != nil || fmt.Sprint(got.Ranges) != fmt.Sprint(want) {
		t.Errorf("%+v, %v, want %+v", got.Ranges, err, want)
	}
	for i := range 10 {
		if v, err := acme.Get(within(t), fmt.Sprint("k", i), "ONE", ""); err != nil || text(v) != "v" {
			t.Errorf("k%d: %q, %v", i, text(v), err)
		}
	}
}
