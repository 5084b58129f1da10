package server

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/lapse-test/lapse/quorumkv/client"
	"github.com/lapse-test/lapse/quorumkv/engine"
	"github.com/lapse-test/lapse/quorumkv/protocol"
)

func raftMode(c *Config) { c.Mode, c.RequestTimeout = "raft", 2*time.Second }

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

func TestRaftCompareAndSet(t *testing.T) { comparesAndSets(t, raftMode, "read-index") }

func TestRaftNamedRequestsAreAppliedOnce(t *testing.T) {
	appliesNamedRequestsOnce(t, raftMode, "read-index")
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

// A node that is cut off goes on to answer at max-lag as long as its last confirmation is no older, and never where that may have no age. The pairs differ in max_lag.
func TestRaftMaxLag(t *testing.T) {
	for _, tc := range []struct {
		maxLag time.Duration
		ok     bool
	}{{time.Hour, true}, {0, false}} {
		t.Run(tc.maxLag.String(), func(t *testing.T) {
			c := startCluster(t, 3, true, func(cfg *Config) {
				raftMode(cfg)
				cfg.MaxLag, cfg.RequestTimeout = tc.maxLag, 500*time.Millisecond
			})
			leader := c.leader(t, "n1", "n2", "n3")
			cut := c.others(leader)[0]
			mustPut(t, c.clients[leader], "k", "1", "")
			eventually(t, "a first read, which is confirmed", func() bool {
				v, err := c.clients[cut].Get(t.Context(), "k", "max-lag", "")
				return err == nil && v != nil && text(v) == "1"
			})
			c.isolate(cut, true)
			eventually(t, "a write without it", func() bool {
				_, err := c.clients[leader].Put(t.Context(), "k", []byte("2"), "")
				return err == nil
			})
			v, err := c.clients[cut].Get(within(t), "k", "max-lag", "")
			if ok := err == nil; ok != tc.ok || ok && text(v) != "1" {
				t.Errorf("cut off it answers %+v, %v", v, err)
			}
			c.isolate(cut, false)
			eventually(t, "it has what it missed", func() bool {
				v, err := c.clients[cut].Get(t.Context(), "k", "read-index", "")
				return err == nil && v != nil && text(v) == "2"
			})
			wantGet(t, c.clients[cut], "k", "max-lag", "2")
		})
	}
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
		"max_lag: -1s must be":                         func(c *Config) { c.MaxLag = -time.Second },
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

// The log is compacted all the while.
func TestRaftKillOfAllNodesLosesNothingAcknowledged(t *testing.T) {
	ps := startProcesses(t, 3, "--mode", "raft", "--log-entries", "20", "--request-timeout", "2s")
	killsLoseNothing(t, ps, 3, "", "read-index")
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
