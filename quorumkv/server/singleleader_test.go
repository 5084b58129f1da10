package server

import (
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/lapse-test/lapse/quorumkv/client"
	"github.com/lapse-test/lapse/quorumkv/engine"
	"github.com/lapse-test/lapse/quorumkv/protocol"
)

func singleLeaderMode(c *Config) { c.Mode, c.RequestTimeout = "single-leader", 2*time.Second }

func unfenced(c *Config) {
	singleLeaderMode(c)
	c.Fencing = false
}

func withoutFailover(c *Config) {
	singleLeaderMode(c)
	c.Failover = false
}

// puts waits until a write is acknowledged: during a failover it is refused.
func puts(t *testing.T, c *client.Client, key, value, level string) protocol.Written {
	t.Helper()
	var w protocol.Written
	eventually(t, "a write is acknowledged", func() bool {
		var err error
		w, err = c.Put(t.Context(), key, []byte(value), level)
		return err == nil
	})
	return w
}

// shows waits until a node alone shows a value.
func shows(t *testing.T, c *client.Client, key, want string) {
	t.Helper()
	eventually(t, fmt.Sprintf("%s is %q there", key, want), func() bool {
		v, err := c.Replica(t.Context(), key)
		return err == nil && text(v) == want
	})
}

func TestSingleLeaderReadsAndWrites(t *testing.T) {
	for name, mode := range map[string]func(*Config){"failover": singleLeaderMode, "no failover": withoutFailover, "no fencing": unfenced} {
		t.Run(name, func(t *testing.T) {
			c := startCluster(t, 3, false, mode)
			c.leader(t, "n1", "n2", "n3")
			for i, level := range []string{"", "async", "semi-sync", "sync"} {
				writer, value := c.clients[[]string{"n1", "n2", "n3"}[i%3]], fmt.Sprint(i)
				w := puts(t, writer, "k", value, level)
				if want := map[string]int{"": 2, "async": 1, "semi-sync": 2, "sync": 3}[level]; w.W != want || len(w.Acked) < want {
					t.Errorf("%q: %+v", level, w)
				}
				for _, reader := range c.others("") {
					wantGet(t, c.clients[reader], "k", "leader", value)
					eventually(t, reader+" has it too", func() bool {
						v, err := c.clients[reader].Get(t.Context(), "k", "max-lag", "")
						return err == nil && text(v) == value
					})
				}
			}
			if _, err := c.clients["n2"].Delete(within(t), "k", ""); err != nil {
				t.Fatal(err)
			}
			wantGet(t, c.clients["n3"], "k", "leader", "")
			shows(t, c.clients["n1"], "k", "")
		})
	}
}

func TestSingleLeaderCompareAndSet(t *testing.T) { comparesAndSets(t, singleLeaderMode, "leader") }

func TestSingleLeaderNamedRequestsAreAppliedOnce(t *testing.T) {
	appliesNamedRequestsOnce(t, singleLeaderMode, "leader")
}

func TestSingleLeaderKillOfAllNodesLosesNothingAcknowledged(t *testing.T) {
	for _, level := range []string{"semi-sync", "sync"} {
		killsLoseNothing(t, startProcesses(t, 3, "--mode", "single-leader", "--request-timeout", "2s"), 2, level, "leader")
	}
}

// Without failover the one leader's disk keeps what it acknowledged alone.
func TestWithoutFailoverAsyncSurvivesAKill(t *testing.T) {
	killsLoseNothing(t, startProcesses(t, 3, "--mode", "single-leader", "--failover=false"), 2, "async", "leader")
}

// The leader is cut off. What it acknowledges then is lost at async and only there; with fencing it soon stops, and answers no
// read; without fencing it goes on, and reads miss what the new leader has acknowledged: split brain.
func TestSingleLeaderIsCutOff(t *testing.T) {
	for _, tc := range []struct {
		name   string
		mode   func(*Config)
		fenced bool
	}{{"fencing", singleLeaderMode, true}, {"no fencing", unfenced, false}} {
		t.Run(tc.name, func(t *testing.T) {
			c := startCluster(t, 3, true, tc.mode)
			old := c.leader(t, "n1", "n2", "n3")
			puts(t, c.clients[old], "k", "before", "sync")
			c.isolate(old, true)
			lone, lost := c.clients[old], 0
			if w, err := lone.Put(within(t), "lost", []byte("v"), "async"); err == nil {
				lost++
				if len(w.Acked) != 1 {
					t.Errorf("async, cut off: %+v", w)
				}
			}
			rest := c.others(old)
			eventually(t, "the others have a leader of their own", func() bool {
				h, err := c.clients[rest[0]].Health(t.Context())
				return err == nil && h.Leader != old && h.Leader != ""
			})
			puts(t, c.clients[rest[0]], "k", "after", "semi-sync")
			if w, err := lone.Put(within(t), "lost2", []byte("v"), "async"); (err == nil) == tc.fenced {
				t.Errorf("an asynchronous write at the deposed leader: %+v, %v", w, err)
			}
			if w, err := lone.Put(within(t), "k", []byte("x"), "semi-sync"); err == nil {
				t.Errorf("a semi-synchronous write at a leader that is cut off: %+v", w)
			}
			v, err := lone.Get(within(t), "k", "leader", "")
			switch {
			case tc.fenced && err == nil:
				t.Errorf("the deposed leader answers %q", text(v))
			case !tc.fenced && (err != nil || text(v) != "before"):
				t.Errorf("without fencing the deposed leader answers %q, %v", text(v), err)
			}
			wantGet(t, lone, "k", "follower", "before")
			c.isolate(old, false)
			c.leader(t, "n1", "n2", "n3")
			shows(t, lone, "k", "after")
			shows(t, lone, "lost", "")
			shows(t, lone, "lost2", "")
			if lost == 0 && !tc.fenced {
				t.Error("nothing was acknowledged that could be lost")
			}
		})
	}
}

// A follower that is cut off answers what is old; at max-lag it soon asks the leader, whom it does not reach.
func TestSingleLeaderFollowerLags(t *testing.T) {
	c := startCluster(t, 3, true, func(cfg *Config) {
		singleLeaderMode(cfg)
		cfg.MaxLag, cfg.RequestTimeout = 100*time.Millisecond, 500*time.Millisecond
	})
	leader := c.leader(t, "n1", "n2", "n3")
	puts(t, c.clients[leader], "k", "1", "sync")
	cut := c.others(leader)[0]
	shows(t, c.clients[cut], "k", "1")
	c.isolate(cut, true)
	puts(t, c.clients[leader], "k", "2", "semi-sync")
	wantGet(t, c.clients[cut], "k", "follower", "1")
	eventually(t, "it does not answer at max-lag", func() bool {
		_, err := c.clients[cut].Get(t.Context(), "k", "max-lag", "")
		return err != nil
	})
	var e *client.Error
	if w, err := c.clients[leader].Put(within(t), "k", []byte("3"), "sync"); !errors.As(err, &e) || e.Outcome != protocol.PerhapsWritten {
		t.Errorf("a synchronous write without one follower: %+v, %v", w, err)
	}
	c.isolate(cut, false)
	shows(t, c.clients[cut], "k", "3")
	wantGet(t, c.clients[cut], "k", "max-lag", "3")
}

// The leader is killed and comes back behind; a follower is killed and comes back with all.
func TestSingleLeaderProcessesAreKilled(t *testing.T) {
	ps := startProcesses(t, 3, "--mode", "single-leader", "--request-timeout", "2s")
	at := map[string]*process{}
	for _, p := range ps {
		at[p.name] = p
	}
	leader := func(among ...*process) *process {
		var h protocol.Health
		eventually(t, "there is a leader that is alive", func() bool {
			var err error
			h, err = among[0].client.Health(t.Context())
			if err != nil || h.Leader == "" {
				return false
			}
			for _, p := range among {
				if p.name == h.Leader {
					return true
				}
			}
			return false
		})
		return at[h.Leader]
	}
	for round := range 3 {
		first := leader(ps...)
		key := fmt.Sprint("k", round)
		puts(t, first.client, key, "1", "semi-sync")
		first.kill(t)
		var rest []*process
		for _, p := range ps {
			if p != first {
				rest = append(rest, p)
			}
		}
		second := leader(rest...)
		wantEventually(t, second.client, key, "1")
		puts(t, second.client, key, "2", "semi-sync")
		first.start(t)
		first.ready(t)
		shows(t, first.client, key, "2")
	}
}

// wantEventually wants a value at level leader, as soon as there is an answer.
func wantEventually(t *testing.T, c *client.Client, key, want string) {
	t.Helper()
	var v *protocol.Value
	eventually(t, "a read is answered", func() bool {
		var err error
		v, err = c.Get(t.Context(), key, "leader", "")
		return err == nil
	})
	if text(v) != want {
		t.Fatalf("%s is %q, want %q", key, text(v), want)
	}
}

// A paused leader is deposed, and answers nothing old when it wakes.
func TestSingleLeaderPausedLeader(t *testing.T) {
	ps := startProcesses(t, 3, "--mode", "single-leader", "--request-timeout", "2s")
	puts(t, ps[0].client, "k", "before", "")
	h, err := ps[0].client.Health(within(t))
	if err != nil {
		t.Fatal(err)
	}
	var old *process
	var rest []*process
	for _, p := range ps {
		if p.name == h.Leader {
			old = p
		} else {
			rest = append(rest, p)
		}
	}
	if old == nil {
		t.Fatalf("nobody leads: %+v", h)
	}
	if err := old.cmd.Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	eventually(t, "another leads", func() bool {
		h, err := rest[0].client.Health(t.Context())
		return err == nil && h.Leader != old.name && h.Leader != ""
	})
	puts(t, rest[0].client, "k", "after", "semi-sync")
	if err := old.cmd.Process.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	for range 20 {
		if v, err := old.client.Get(within(t), "k", "leader", ""); err == nil && text(v) != "after" {
			t.Fatalf("the leader that was paused answers %q", text(v))
		}
	}
}

func TestSingleLeaderRefusals(t *testing.T) {
	c := startCluster(t, 3, false, singleLeaderMode)
	c.leader(t, "n1", "n2", "n3")
	var e *client.Error
	if _, err := c.clients["n1"].Put(within(t), "k", []byte("v"), "majority"); !errors.As(err, &e) || e.Code != string(engine.CodeBadLevel) || e.Outcome != protocol.NotWritten {
		t.Errorf("a level of another mode: %v", err)
	}
	if _, err := c.clients["n1"].Get(within(t), "k", "read-index", ""); !errors.As(err, &e) || e.Code != string(engine.CodeBadLevel) {
		t.Errorf("a level of another mode: %v", err)
	}
	alone := startCluster(t, 1, false, singleLeaderMode)
	if _, err := alone.clients["n1"].Put(within(t), "k", []byte("v"), "semi-sync"); !errors.As(err, &e) || e.Code != string(engine.CodeBadLevel) || !strings.Contains(e.Message, "needs a follower") {
		t.Errorf("a follower where there is none: %v", err)
	}
	puts(t, alone.clients["n1"], "k", "v", "")
	for want, change := range map[string]func(*Config){
		"replication: is a setting of mode leaderless":                  func(c *Config) { c.Replication = 1 },
		"log_entries: is a setting of mode raft":                        func(c *Config) { c.LogEntries = 5 },
		"election_timeout: 1ms must be":                                 func(c *Config) { c.ElectionTimeout = time.Millisecond },
		"max_lag: -1s must be":                                          func(c *Config) { c.MaxLag = -time.Second },
		"fencing: is of no use without failover":                        func(c *Config) { c.Failover, c.Fencing = false, false },
		"fencing: is a setting of mode single-leader":                   func(c *Config) { c.Mode, c.Fencing = "raft", false },
		"election_timeout: is a setting of mode raft and single-leader": func(c *Config) { c.Mode, c.ElectionTimeout = "leaderless", time.Second },
	} {
		cfg := valid()
		cfg.Mode = "single-leader"
		change(&cfg)
		if err := cfg.Validate(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want one with %q", err, want)
		}
	}
}

// Members that disagree in what all must share serve nothing.
func TestSingleLeaderMembersDisagree(t *testing.T) {
	for name, change := range map[string]func(*Config){"fencing": func(c *Config) { c.Fencing = false }, "failover": func(c *Config) { c.Failover = false }} {
		t.Run(name, func(t *testing.T) {
			refuseEachOther(t, "give all nodes the same", func(cfg *Config) {
				singleLeaderMode(cfg)
				if cfg.Node == "n3" {
					change(cfg)
				}
			})
		})
	}
}

// A data directory of another mode, or of other settings that decide what is in it, is refused and not touched.
func TestDataOfAnotherMode(t *testing.T) {
	open := func(dir, mode string, failover bool) error {
		cfg := valid()
		cfg.Mode, cfg.DataDir, cfg.Failover, cfg.Peers = mode, dir, failover, nil
		if mode == "leaderless" {
			cfg.Replication = 1
		}
		s, err := Open(cfg, slog.New(slog.DiscardHandler), nil)
		if err != nil {
			return err
		}
		return s.Close()
	}
	for _, tc := range []struct {
		first, then string
		failover    bool
		want        string
	}{
		{"raft", "single-leader", true, "is of mode raft, not single-leader"},
		{"leaderless", "single-leader", true, "is of mode leaderless, not single-leader"},
		{"single-leader", "raft", true, "is of mode single-leader, not raft"},
		{"single-leader", "single-leader", false, "failover"},
		{"single-leader", "single-leader", true, ""},
	} {
		dir := t.TempDir()
		if err := open(dir, tc.first, true); err != nil {
			t.Fatal(err)
		}
		err := open(dir, tc.then, tc.failover)
		if tc.want == "" && err != nil || tc.want != "" && (err == nil || !strings.Contains(err.Error(), tc.want)) {
			t.Errorf("%s, then %s with failover=%t: %v, want %q", tc.first, tc.then, tc.failover, err, tc.want)
		}
		if err := open(dir, tc.first, true); err != nil {
			t.Errorf("%s, refused %s: it no longer opens: %v", tc.first, tc.then, err)
		}
	}
}
