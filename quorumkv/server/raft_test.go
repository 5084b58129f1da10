package server

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/lapse-test/lapse/quorumkv/client"
	"github.com/lapse-test/lapse/quorumkv/engine"
	"github.com/lapse-test/lapse/quorumkv/protocol"
)

func raftMode(c *Config) { c.Mode, c.RequestTimeout = "raft", 2*time.Second }

// leader waits until all these nodes know the same leader, and returns it.
func (c *cluster) leader(t testing.TB, among ...string) string {
	t.Helper()
	leader := ""
	eventually(t, "one leader is known to all", func() bool {
		seen := map[string]bool{}
		for _, name := range among {
			h, err := c.clients[name].Health(t.Context())
			if err != nil {
				return false
			}
			leader = h.Leader
			seen[leader] = true
		}
		return len(seen) == 1 && leader != ""
	})
	return leader
}

// others are the nodes that are not this one.
func (c *cluster) others(name string) []string {
	var out []string
	for n := range c.clients {
		if n != name {
			out = append(out, n)
		}
	}
	return out
}

func TestRaftReadsAndWrites(t *testing.T) {
	c := startCluster(t, 3, false, raftMode)
	c.leader(t, "n1", "n2", "n3")
	for i, name := range []string{"n1", "n2", "n3"} {
		value := fmt.Sprint(i)
		w := mustPut(t, c.clients[name], "k", value, "majority")
		for _, reader := range c.others("") {
			for _, level := range []string{"", "read-index", "lease"} {
				v, err := c.clients[reader].Get(within(t), "k", level, "")
				if err != nil || text(v) != value || v.Version.Compare(w.Version) != 0 {
					t.Fatalf("%s at %q: %+v, %v; want %s", reader, level, v, err, value)
				}
			}
		}
	}
	if _, err := c.clients["n2"].Delete(within(t), "k", ""); err != nil {
		t.Fatal(err)
	}
	wantGet(t, c.clients["n3"], "k", "read-index", "")
	eventually(t, "a follower has it too", func() bool {
		v, err := c.clients["n1"].Get(t.Context(), "k", "follower", "")
		return err == nil && v == nil
	})
}

func TestRaftCompareAndSet(t *testing.T) {
	c := startCluster(t, 3, false, raftMode)
	c.leader(t, "n1", "n2", "n3")
	url := "http://" + c.addrs["n2"] + "/kv/k"
	for _, tc := range []struct {
		name   string
		header []string
		status int
		says   string
	}{
		{"the key must be absent and is", []string{"If-None-Match", "*"}, 200, `"w":2`},
		{"the key must be absent and is not", []string{"If-None-Match", "*"}, 412, `"outcome":"not_written"`},
		{"another version", []string{"If-Match", `"1000000"`}, 412, "precondition_failed"},
		{"no version", []string{"If-Match", "7"}, 400, "in quotes"},
		{"two conditions", []string{"If-Match", `"7"`, "If-None-Match", "*"}, 400, "give one"},
		{"a date", []string{"If-Unmodified-Since", "Sat, 29 Oct 1994 19:43:31 GMT"}, 400, "use If-Match"},
	} {
		resp, body := request(t, "PUT", url, tc.name, tc.header...)
		if resp.StatusCode != tc.status || !strings.Contains(body, tc.says) {
			t.Errorf("%s: %s %s", tc.name, resp.Status, body)
		}
	}
	v, err := c.clients["n1"].Get(within(t), "k", "read-index", "")
	if err != nil || text(v) != "the key must be absent and is" {
		t.Fatalf("%q, %v", text(v), err)
	}
	resp, body := request(t, "DELETE", url, "", "If-Match", `"`+v.Version.Number+`"`)
	if resp.StatusCode != http.StatusOK {
		t.Fatalf("the very version: %s %s", resp.Status, body)
	}
	resp, body = request(t, "POST", "http://"+c.addrs["n1"]+"/cas/k", "1")
	if resp.StatusCode != http.StatusNotImplemented || !strings.Contains(body, "If-Match") {
		t.Errorf("/cas: %s %s", resp.Status, body)
	}
}

// A client that repeats a request under its name gets the answer of the first, and nothing is written again.
func TestRaftNamedRequestsAreAppliedOnce(t *testing.T) {
	c := startCluster(t, 3, false, raftMode)
	c.leader(t, "n1", "n2", "n3")
	put := func(node, value, name string) string {
		t.Helper()
		_, body := request(t, "PUT", "http://"+c.addrs[node]+"/kv/k", value, "Quorumkv-Request", name)
		return body[:strings.Index(body, `"w":`)+1]
	}
	first := put("n1", "1", "r1")
	put("n2", "2", "r2")
	if again := put("n3", "1", "r1"); again != first {
		t.Errorf("the same request again: %s, first it was %s", again, first)
	}
	wantGet(t, c.clients["n1"], "k", "read-index", "2")
	resp, body := request(t, "PUT", "http://"+c.addrs["n1"]+"/kv/k", "3", "Quorumkv-Request", "r1")
	if resp.StatusCode != http.StatusPreconditionFailed || !strings.Contains(body, "another write") {
		t.Errorf("the name of another write: %s %s", resp.Status, body)
	}
}

// The leader is cut off: it must not answer from what it has, the others elect another, and afterwards all is one.
func TestRaftLeaderIsCutOff(t *testing.T) {
	c := startCluster(t, 3, true, raftMode)
	old := c.leader(t, "n1", "n2", "n3")
	mustPut(t, c.clients[old], "k", "before", "")
	c.isolate(old, true)
	rest := c.others(old)
	eventually(t, "the others have a leader of their own", func() bool {
		h, err := c.clients[rest[0]].Health(t.Context())
		return err == nil && h.Leader != old && h.Leader != ""
	})
	mustPut(t, c.clients[rest[0]], "k", "after", "")
	for _, level := range []string{"read-index", "lease"} {
		if v, err := c.clients[old].Get(within(t), "k", level, ""); err == nil {
			t.Errorf("the leader that was cut off answers %q at %s", text(v), level)
		}
	}
	wantGet(t, c.clients[old], "k", "follower", "before")
	var e *client.Error
	if _, err := c.clients[old].Put(within(t), "k", []byte("lost"), ""); !errors.As(err, &e) || e.Status == 0 {
		t.Errorf("a write through it: %v", err)
	}
	eventually(t, "it knows that it leads nobody", func() bool {
		_, err := c.clients[old].Put(t.Context(), "k2", []byte("x"), "")
		return errors.As(err, &e) && e.Outcome == protocol.NotWritten && e.Code == string(engine.CodeUnavailable)
	})
	c.isolate(old, false)
	c.leader(t, "n1", "n2", "n3")
	wantGet(t, c.clients[old], "k", "read-index", "after")
}

func TestRaftRefusals(t *testing.T) {
	c := startCluster(t, 3, false, raftMode)
	c.leader(t, "n1", "n2", "n3")
	var e *client.Error
	if _, err := c.clients["n1"].Put(within(t), "k", []byte("v"), "QUORUM"); !errors.As(err, &e) || e.Code != "bad_level" || e.Outcome != protocol.NotWritten {
		t.Errorf("a level of another mode: %v", err)
	}
	if _, err := c.clients["n1"].Get(within(t), "k", "ONE", ""); !errors.As(err, &e) || e.Code != "bad_level" {
		t.Errorf("a level of another mode: %v", err)
	}
	if err := c.clients["n1"].SetDefects(within(t), []string{"read-one"}); err == nil || !strings.Contains(err.Error(), "defect of mode leaderless") {
		t.Errorf("a defect of another mode: %v", err)
	}
	for want, change := range map[string]func(*Config){
		"read_repair: is a setting of mode leaderless": func(c *Config) { c.ReadRepair = "off" },
		"replication: is a setting of mode leaderless": func(c *Config) { c.Replication = 1 },
		"election_timeout: 1ms must be":                func(c *Config) { c.ElectionTimeout = time.Millisecond },
		"log_entries: 0 must be":                       func(c *Config) { c.LogEntries = 0 },
		"read-one is a defect of mode leaderless":      func(c *Config) { c.Testing, c.Defects = true, []string{"read-one"} },
		"election_timeout: is a setting of mode raft":  func(c *Config) { c.Mode, c.ElectionTimeout = "leaderless", time.Second },
	} {
		cfg := valid()
		cfg.Mode = "raft"
		change(&cfg)
		if err := cfg.Validate(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want one with %q", err, want)
		}
	}
}

// One member of another mode: neither side serves anything that the other would not see.
func TestRaftMemberOfAnotherMode(t *testing.T) {
	c := startUnconnected(t, 3, func(cfg *Config) {
		if cfg.Node != "n3" {
			raftMode(cfg)
		}
	})
	for name, cl := range c.clients {
		level := map[bool]string{true: "ONE"}[name == "n3"]
		var e *client.Error
		eventually(t, name+" refuses", func() bool {
			_, err := cl.Put(t.Context(), "k", []byte("v"), level)
			return errors.As(err, &e) && e.Code == string(engine.CodeDisagreement)
		})
		if e.Outcome != protocol.NotWritten || !strings.Contains(e.Message, "give all nodes the same mode") {
			t.Errorf("%s: %+v", name, e)
		}
	}
}

// Every acknowledged write survives kill -9 of all nodes at once, and the log is compacted all the while.
func TestRaftKillOfAllNodesLosesNothingAcknowledged(t *testing.T) {
	ps := startProcesses(t, 3, "--mode", "raft", "--log-entries", "20", "--request-timeout", "2s")
	for round := range 3 {
		acked := make([]map[string]string, 4)
		var wg sync.WaitGroup
		var enough, stop atomic.Int64
		for w := range acked {
			acked[w] = map[string]string{}
			wg.Go(func() {
				for i := round * 1_000_000; stop.Load() == 0; i++ {
					key, value := fmt.Sprintf("k%d-%d", w, i%20), fmt.Sprint(i)
					if _, err := ps[w%3].client.Put(t.Context(), key, []byte(value), ""); err == nil {
						acked[w][key] = value
						enough.Add(1)
					}
				}
			})
		}
		eventually(t, "200 acknowledged writes", func() bool { return enough.Load() > 200 })
		killAll(t, ps)
		stop.Store(1)
		wg.Wait()
		restartAll(t, ps)
		for w := range acked {
			for key, value := range acked[w] {
				atLeast(t, ps[(w+1)%3].client, key, value)
			}
		}
	}
}

// atLeast wants a number under key that is not smaller: a later write may have got through without its answer.
func atLeast(t *testing.T, c *client.Client, key, value string) {
	t.Helper()
	var v *protocol.Value
	eventually(t, "a read is answered", func() (ok bool) {
		var err error
		v, err = c.Get(t.Context(), key, "read-index", "")
		return err == nil
	})
	var got, want int
	if _, err := fmt.Sscan(text(v), &got); err != nil {
		t.Fatalf("%s is %q, acknowledged was %s", key, text(v), value)
	}
	if _, err := fmt.Sscan(value, &want); err != nil {
		t.Fatal(err)
	}
	if got < want {
		t.Fatalf("%s is %d, acknowledged was %d", key, got, want)
	}
}

// A follower that is too far behind for the log gets a snapshot, keeps it over kill -9, and remembers named requests from it.
func TestRaftSnapshot(t *testing.T) {
	ps := startProcesses(t, 3, "--mode", "raft", "--log-entries", "10", "--request-timeout", "5s")
	put := func(key, value string) {
		t.Helper()
		eventually(t, "a write is acknowledged", func() bool {
			_, err := ps[0].client.Put(t.Context(), key, []byte(value), "")
			return err == nil
		})
	}
	put("gone", "x")
	ps[2].kill(t)
	if _, body := request(t, "PUT", "http://"+ps[0].addr+"/kv/named", "1", "Quorumkv-Request", "r1"); !strings.Contains(body, `"w":2`) {
		t.Fatal(body)
	}
	put("named", "2")
	if _, err := ps[0].client.Delete(within(t), "gone", ""); err != nil {
		t.Fatal(err)
	}
	for i := range 100 {
		put(fmt.Sprint("k", i), strings.Repeat("v", 1000))
	}
	ps[2].start(t)
	eventually(t, "n3 has all", func() bool {
		last, err := ps[2].client.Replica(t.Context(), "k99")
		gone, err2 := ps[2].client.Replica(t.Context(), "gone")
		return err == nil && err2 == nil && last != nil && gone == nil
	})
	if _, metrics := request(t, "GET", "http://"+ps[2].addr+"/metrics", ""); !strings.Contains(metrics, "quorumkv_snapshots_installed_total 1") {
		t.Error("n3 got no snapshot")
	}
	ps[2].kill(t)
	ps[2].start(t)
	ps[2].ready(t)
	// Now n3 and one of the others are the majority: what it has from the snapshot counts.
	ps[0].kill(t)
	eventually(t, "the request is answered again", func() bool {
		_, body := request(t, "PUT", "http://"+ps[2].addr+"/kv/named", "1", "Quorumkv-Request", "r1")
		return strings.Contains(body, `"w":2`)
	})
	wantGet(t, ps[2].client, "named", "read-index", "2")
	wantGet(t, ps[1].client, "k0", "read-index", strings.Repeat("v", 1000))
}
