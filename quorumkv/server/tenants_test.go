package server

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/lapse-test/lapse/quorumkv/client"
	"github.com/lapse-test/lapse/quorumkv/consensus"
	"github.com/lapse-test/lapse/quorumkv/engine"
	"github.com/lapse-test/lapse/quorumkv/multileader"
	"github.com/lapse-test/lapse/quorumkv/placement"
	"github.com/lapse-test/lapse/quorumkv/protocol"
	"github.com/lapse-test/lapse/quorumkv/sharded"
	"github.com/lapse-test/lapse/quorumkv/singleleader"
	"github.com/lapse-test/lapse/quorumkv/tenant"
)

// A key of one tenant is none of another, nor one of nobody, in every mode: what is done to one changes no other.
func TestTenantsHaveKeysOfTheirOwn(t *testing.T) {
	for mode, change := range map[string]func(*Config){
		"leaderless": nil,
		"leaderless, in ranges": func(cfg *Config) {
			cfg.Partitioner, cfg.SplitPoints, cfg.Replication = placement.Range, []string{"b", "k"}, 1
		},
		consensus.Mode:    func(cfg *Config) { cfg.Mode = consensus.Mode },
		singleleader.Mode: func(cfg *Config) { cfg.Mode = singleleader.Mode },
		multileader.Mode:  multiLeader(multileader.CRDT),
		sharded.Mode:      shardedMode(sharded.TwoPhaseCommit),
	} {
		t.Run(mode, func(t *testing.T) {
			c := startCluster(t, 3, false, change)
			a, b, nobody := c.clients["n1"].As("a"), c.clients["n1"].As("b"), c.clients["n1"]
			eventually(t, "a leader is there", func() bool {
				_, err := nobody.Put(t.Context(), "k", []byte("nobody's"), "")
				return err == nil
			})
			if done := mustPut(t, a, "k", "a's", ""); done.Key != "k" {
				t.Errorf("the answer calls the key %q", done.Key)
			}
			wantGet(t, b, "k", "", "")
			mustPut(t, b, "k", "b's", "")
			if _, err := a.Delete(within(t), "k", ""); err != nil {
				t.Fatal(err)
			}
			wantGet(t, a, "k", "", "")
			wantGet(t, b, "k", "", "b's")
			wantGet(t, nobody, "k", "", "nobody's")
			got, err := b.Get(within(t), "k", "", "")
			if err != nil || got.Key != "k" {
				t.Errorf("the answer is %+v, %v", got, err)
			}
			ring, err := b.Ring(within(t), "k")
			if err != nil || ring.Key != "k" || len(ring.Replicas) == 0 {
				t.Fatalf("its place is %+v, %v", ring, err)
			}
			for _, n := range ring.Replicas {
				eventually(t, n.Name+" has b's value and not a's", func() bool {
					theirs, err := c.clients[n.Name].As("b").Replica(within(t), "k")
					if err != nil || theirs != nil && (text(theirs) != "b's" || theirs.Key != "k") {
						t.Fatalf("%s holds %+v, %v", n.Name, theirs, err)
					}
					return theirs != nil
				})
			}
		})
	}
}

func TestCountersAndSetsOfTenants(t *testing.T) {
	c := startCluster(t, 2, false, multiLeader(multileader.CRDT))
	a, b := c.clients["n1"].As("a"), c.clients["n1"].As("b")
	if done, err := a.Increment(within(t), "k", 5, ""); err != nil || done.Key != "k" {
		t.Fatalf("%+v, %v", done, err)
	}
	if _, err := a.SetAdd(within(t), "k", "x", ""); err != nil {
		t.Fatal(err)
	}
	for who, want := range map[*client.Client]int64{a: 5, b: 0, c.clients["n1"]: 0} {
		total, err := who.Total(within(t), "k", "")
		elements, err2 := who.Elements(within(t), "k", "")
		if err != nil || err2 != nil || total.Total != want || total.Key != "k" || len(elements.Elements) != int(want/5) {
			t.Errorf("%+v, %+v (%v, %v), want %d", total, elements, err, err2, want)
		}
	}
}

// pages are all keys of a tenant with their values, read in pages of so many.
func pages(t *testing.T, c *client.Client, limit int, r string) (all []string) {
	t.Helper()
	after := ""
	for range 100 {
		page, err := c.Keys(within(t), after, limit, r)
		if err != nil {
			t.Fatal(err)
		}
		if len(page.Keys) > limit {
			t.Fatalf("a page of %d has %d keys", limit, len(page.Keys))
		}
		for i := range page.Keys {
			all = append(all, page.Keys[i].Key+"="+text(&page.Keys[i]))
		}
		if after = page.After; after == "" {
			return all
		}
	}
	t.Fatal("pages do not end")
	return nil
}

// A list has all keys of its tenant that were acknowledged, in order and with the values written last, whatever the size of its pages and
// through whichever node, also while as many nodes are away as it can do without; and nobody else's.
func TestListsOfTenants(t *testing.T) {
	c := startCluster(t, 5, true, func(cfg *Config) { cfg.PeerTimeout, cfg.RequestTimeout = 2*time.Second, 4*time.Second })
	var want []string
	for i := range 23 {
		key, through := fmt.Sprintf("k%02d", i), c.clients[fmt.Sprint("n", 1+i%5)]
		mustPut(t, through.As("a"), key, "old", "QUORUM")
		mustPut(t, c.clients["n1"].As("a"), key, fmt.Sprint(i), "QUORUM")
		mustPut(t, through.As("b"), key, "b's", "QUORUM")
		mustPut(t, through, key, "nobody's", "QUORUM")
		if i%4 == 0 {
			if _, err := through.As("a").Delete(within(t), key, "QUORUM"); err != nil {
				t.Fatal(err)
			}
			continue
		}
		want = append(want, fmt.Sprintf("%s=%d", key, i))
	}
	for _, limit := range []int{1, 2, 7, 1000} {
		for name, cl := range c.clients {
			if got := pages(t, cl.As("a"), limit, "QUORUM"); !slices.Equal(got, want) {
				t.Errorf("%s, by %d: %q, want %q", name, limit, got, want)
			}
		}
	}
	if got := pages(t, c.clients["n1"].As("c"), 10, ""); got != nil {
		t.Errorf("a tenant without keys has %q", got)
	}
	c.isolate("n5", true)
	eventually(t, "n1 misses n5", func() bool {
		h, err := c.clients["n1"].Health(t.Context())
		return err == nil && !h.Peers["n5"].Connected
	})
	if got := pages(t, c.clients["n1"].As("a"), 5, "QUORUM"); !slices.Equal(got, want) {
		t.Errorf("without n5: %q, want %q", got, want)
	}
	var e *client.Error
	if _, err := c.clients["n1"].As("a").Keys(within(t), "", 5, "ALL"); !errors.As(err, &e) || e.Code != string(engine.CodeUnavailable) && e.Code != string(engine.CodeTimeout) || e.Failed["n5"] == "" {
		t.Errorf("a list of all replicas without n5: %v", err)
	}
	if _, err := c.clients["n5"].As("a").Keys(within(t), "", 5, "ONE"); !errors.As(err, &e) || len(e.Failed) != 4 {
		t.Errorf("a list through n5 alone: %v", err)
	}
}

// The backups of all nodes together are what a tenant has, N times.
func TestBackupsOfATenant(t *testing.T) {
	c := startCluster(t, 4, false, func(cfg *Config) { cfg.Replication = 2 })
	for i := range 20 {
		mustPut(t, c.clients["n1"].As("a"), fmt.Sprint("k", i), fmt.Sprint(i), "ALL")
		mustPut(t, c.clients["n1"].As("b"), fmt.Sprint("k", i), "b's", "ALL")
	}
	held := map[string]int{}
	for name, cl := range c.clients {
		all, err := cl.As("a").Backup(within(t))
		if err != nil || !slices.Equal(all.Answered, []string{name}) {
			t.Fatalf("%s: %v, %v", name, all.Answered, err)
		}
		for i := range all.Keys {
			held[all.Keys[i].Key+"="+text(&all.Keys[i])]++
		}
	}
	for i := range 20 {
		if n := held[fmt.Sprintf("k%d=%d", i, i)]; n != 2 {
			t.Errorf("k%d is in %d backups: %v", i, n, held)
		}
	}
	if len(held) != 20 {
		t.Errorf("the backups have %v", held)
	}
}

// With each defect, and only then, a tenant is shown what is another's.
func TestDefectsForgetTheTenant(t *testing.T) {
	c := startCluster(t, 3, false, nil)
	a, b := c.clients["n1"].As("a"), c.clients["n2"].As("b")
	read := func() string {
		v, err := a.Get(within(t), "k", "ALL", "")
		if err != nil {
			t.Fatal(err)
		}
		return text(v)
	}
	backup := func() string {
		all, err := a.Backup(within(t))
		if err != nil {
			t.Fatal(err)
		}
		values := ""
		for i := range all.Keys {
			values += text(&all.Keys[i])
		}
		return values
	}
	list := func() string { return strings.Join(pages(t, a, 10, ""), " ") }
	for name, show := range map[string]func() string{
		"tenant-forgotten-in-replica-read": read, "tenant-forgotten-in-list": list, "tenant-forgotten-in-backup": backup,
	} {
		for _, on := range []bool{false, true} {
			var defects []string
			if on {
				defects = []string{name}
			}
			for _, cl := range c.clients {
				if err := cl.SetDefects(within(t), defects); err != nil {
					t.Fatal(err)
				}
			}
			mustPut(t, a, "k", "a's", "ALL")
			mustPut(t, b, "k", "b's", "ALL")
			if got := show(); strings.Contains(got, "b's") != on {
				t.Errorf("%s %t: tenant a is shown %q", name, on, got)
			}
		}
	}
}

func TestBadRequestsOfTenants(t *testing.T) {
	c := startCluster(t, 1, false, func(cfg *Config) { cfg.Replication = 1 })
	defer http.DefaultClient.CloseIdleConnections()
	for _, tc := range []struct {
		method, path, tenant string
		status               int
		says                 string
	}{
		{"GET", "/keys", "", 400, "whose keys? name the tenant in the header " + tenant.Header},
		{"GET", "/backup", "", 400, "whose keys?"},
		{"GET", "/keys?limit=0", "a", 400, `limit: "0" is no number from 1 to 1000`},
		{"GET", "/keys?limit=1001", "a", 400, "from 1 to 1000"},
		{"GET", "/keys?after=%1F", "a", 400, "after: the key has the control character"},
		{"GET", "/keys?r=9", "a", 400, "list: level 9 cannot be served"},
		{"GET", "/keys?r=x", "a", 400, "is not ONE"},
		{"GET", "/backup?r=1", "a", 400, `unknown parameter "r"`},
		{"GET", "/kv/a", strings.Repeat("a", 65), 400, "at most 64 are allowed"},
		{"PUT", "/kv/a", "\xff", 400, "not valid UTF-8"},
		{"GET", "/ring?key=a", "\xff", 400, "not valid UTF-8"},
		{"GET", "/kv/a%1Fk", "", 400, "control character"},
		{"POST", "/keys", "a", 404, "POST /keys is not served"},
	} {
		var header []string
		if tc.tenant != "" {
			header = []string{tenant.Header, tc.tenant}
		}
		got, body := request(t, tc.method, "http://"+c.addrs["n1"]+tc.path, "", header...)
		if got.StatusCode != tc.status || !strings.Contains(strings.ReplaceAll(body, `\"`, `"`), tc.says) {
			t.Errorf("%s %s as %q: %d %s, want %d %s", tc.method, tc.path, tc.tenant, got.StatusCode, body, tc.status, tc.says)
		}
		if tc.method == "PUT" && !strings.Contains(body, string(protocol.NotWritten)) {
			t.Errorf("%s %s: %s", tc.method, tc.path, body)
		}
	}
	raft := startCluster(t, 1, false, func(cfg *Config) { cfg.Mode = consensus.Mode })
	got, body := request(t, "GET", "http://"+raft.addrs["n1"]+"/keys", "", tenant.Header, "a")
	if got.StatusCode != http.StatusNotImplemented || !strings.Contains(body, "mode raft cannot list keys; mode leaderless can") {
		t.Errorf("%d %s", got.StatusCode, body)
	}
}
