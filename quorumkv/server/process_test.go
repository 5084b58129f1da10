package server

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/lapse-test/lapse/quorumkv/client"
	"github.com/lapse-test/lapse/quorumkv/protocol"
)

// Every acknowledged write survives kill -9 of all nodes at once, under load.
func TestKillOfAllNodesLosesNothingAcknowledged(t *testing.T) {
	killsLoseNothing(t, startProcesses(t, 3), 1, "QUORUM", "QUORUM")
}

// killsLoseNothing kills all nodes under load, as often as that, and wants every acknowledged write to be read afterwards.
func killsLoseNothing(t *testing.T, ps []*process, rounds int, write, read string) {
	t.Helper()
	for round := range rounds {
		acked := make([]map[string]string, 4)
		var wg sync.WaitGroup
		var enough, stop atomic.Int64
		for w := range acked {
			acked[w] = map[string]string{}
			wg.Go(func() {
				for i := round * 1_000_000; stop.Load() == 0; i++ {
					key, value := fmt.Sprintf("k%d-%d", w, i%20), fmt.Sprint(i)
					if _, err := ps[w%len(ps)].client.Put(t.Context(), key, []byte(value), write); err == nil {
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
				atLeast(t, ps[(w+1)%len(ps)].client, key, read, value)
			}
		}
	}
}

// atLeast wants a number under key that is not smaller: a later write may have got through without its answer.
func atLeast(t *testing.T, c *client.Client, key, level, value string) {
	t.Helper()
	var v *protocol.Value
	eventually(t, "a read is answered", func() (ok bool) {
		var err error
		v, err = c.Get(t.Context(), key, level, "")
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

func TestForgetUnsyncedForgetsOnKill(t *testing.T) {
	ps := startProcesses(t, 3)
	for _, p := range ps {
		if err := p.client.SetDefects(within(t), []string{"forget-unsynced"}); err != nil {
			t.Fatal(err)
		}
	}
	// The late flush may come at any moment: a write just after one is forgotten.
	for i := 0; ; i++ {
		key := fmt.Sprint("k", i)
		mustPut(t, ps[0].client, key, "v", "ALL")
		wantGet(t, ps[1].client, key, "ALL", "v")
		killAll(t, ps)
		restartAll(t, ps)
		v, err := ps[0].client.Get(within(t), key, "ALL", "")
		if err != nil {
			t.Fatal(err)
		}
		if v == nil {
			return
		}
		if i == 10 {
			t.Fatal("nothing was forgotten in ten kills")
		}
		for _, p := range ps {
			if err := p.client.SetDefects(within(t), []string{"forget-unsynced"}); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// Hints outlive a kill -9 of the node that keeps them.
func TestHintsSurviveAKill(t *testing.T) {
	ps := startProcesses(t, 3, "--read-repair", "off")
	ps[2].kill(t)
	eventually(t, "n1 knows that n3 is gone", func() bool {
		h, err := ps[0].client.Health(t.Context())
		return err == nil && !h.Peers["n3"].Connected
	})
	mustPut(t, ps[0].client, "k", "v", "QUORUM")
	hints := func() int {
		h, err := ps[0].client.Health(t.Context())
		if err != nil {
			return -1
		}
		return h.Peers["n3"].Hints
	}
	eventually(t, "n1 keeps a hint", func() bool { return hints() == 1 })
	ps[0].kill(t)
	ps[0].start(t)
	eventually(t, "n1 still keeps the hint", func() bool { return hints() == 1 })
	ps[2].start(t)
	eventually(t, "n3 has what it missed", func() bool {
		v, err := ps[2].client.Replica(t.Context(), "k")
		return err == nil && text(v) == "v"
	})
	eventually(t, "the hint is gone", func() bool { return hints() == 0 })
}

// A paused node does not stop the others, and is itself again afterwards.
func TestPausedNode(t *testing.T) {
	ps := startProcesses(t, 3, "--peer-timeout", "200ms")
	if err := ps[2].cmd.Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	if _, err := syscall.Wait4(ps[2].cmd.Process.Pid, nil, syscall.WUNTRACED, nil); err != nil { // all of its threads have stopped only then
		t.Fatal(err)
	}
	mustPut(t, ps[0].client, "k", "v", "QUORUM")
	var e *client.Error
	if _, err := ps[0].client.Put(within(t), "k", []byte("w"), "ALL"); !errors.As(err, &e) || e.Status == 0 {
		t.Fatalf("ALL with a paused node: %v", err)
	}
	eventually(t, "n1 gives the paused node up", func() bool {
		_, err := ps[0].client.Put(t.Context(), "k2", []byte("w"), "ALL")
		return errors.As(err, &e) && e.Code == "unavailable" && e.Outcome == protocol.NotWritten
	})
	if err := ps[2].cmd.Process.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	for _, p := range ps {
		p.ready(t)
	}
	mustPut(t, ps[2].client, "k", "x", "ALL")
	wantGet(t, ps[0].client, "k", "ONE", "x")
}

func TestTermEndsCleanly(t *testing.T) {
	ps := startProcesses(t, 2, "--replication", "2")
	mustPut(t, ps[0].client, "k", "v", "ALL")
	for _, p := range ps {
		if err := p.end(t, syscall.SIGTERM); err != nil {
			t.Fatalf("%s: %v\n%s", p.name, err, p.log.String())
		}
	}
	restartAll(t, ps)
	wantGet(t, ps[1].client, "k", "ALL", "v")
}

func TestServeRefuses(t *testing.T) {
	ps := startProcesses(t, 1, "--replication", "1")
	dir := ps[0].args[6]
	for name, tc := range map[string]struct {
		args []string
		want string
	}{
		"no node":         {[]string{"serve"}, "node: name"},
		"unknown flag":    {[]string{"serve", "--nodes", "x"}, "unknown flag: --nodes"},
		"arguments":       {[]string{"serve", "x"}, "unknown command"},
		"port is taken":   {[]string{"serve", "--node", "n1", "--replication", "1", "--data-dir", t.TempDir(), "--listen", ps[0].addr}, "address already in use"},
		"data is in use":  {append([]string{}, ps[0].args...), "open data directory " + dir},
		"missing file":    {[]string{"serve", "--config", "/nonexistent/n1.yaml"}, "/nonexistent/n1.yaml"},
		"bad log level":   {[]string{"serve", "--node", "n1", "--replication", "1", "--data-dir", t.TempDir(), "--log-level", "loud"}, "--log-level"},
		"defects, no tes": {[]string{"serve", "--node", "n1", "--replication", "1", "--data-dir", t.TempDir(), "--defects", "read-one"}, "need testing"},
	} {
		p := &process{name: name, args: tc.args}
		p.start(t)
		err := p.cmd.Wait()
		if err == nil || !strings.Contains(p.log.String(), tc.want) {
			t.Errorf("%s: %v, and says %q; want something with %q", name, err, p.log.String(), tc.want)
		}
	}
}
