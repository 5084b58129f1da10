package server

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A node of real processes that comes back with an empty directory before members ever changed answers no read from it: it is told by its peers, says so, and counts again when it was taken out and
// added. Killed and started with the directory that it had, it goes on as it was.
func TestADirectoryIsLostBeforeAnyChange(t *testing.T) {
	for _, wiped := range []bool{false, true} {
		ps := startProcesses(t, 3, "--replication", "2", "--read-repair", "off", "--write-timestamps", "coordinator")
		ring, err := ps[1].client.Ring(within(t), "k")
		if err != nil {
			t.Fatal(err)
		}
		victim := ps[0]
		for _, p := range ps {
			if p.name == ring.Replicas[0].Name {
				victim = p
			}
		}
		mustPut(t, victim.client, "k", "v", "ALL")
		victim.kill(t)
		if wiped {
			if err := os.RemoveAll(dirOf(victim)); err != nil {
				t.Fatal(err)
			}
		}
		victim.start(t)
		for _, p := range ps {
			p.ready(t)
		}
		// At R=1, which the victim answers by itself where it holds the key.
		wantGet(t, victim.client, "k", "ONE", "v")
		h, err := victim.client.Health(within(t))
		if err != nil || (h.Lost != "") != wiped {
			t.Fatalf("wiped %t: says %q, %v", wiped, h.Lost, err)
		}
		if !wiped {
			continue
		}
		if out := mustChange(t, victim.addr, "status"); !strings.Contains(out, "has lost its data") {
			t.Errorf("the status is %s", out)
		}
		mustChange(t, victim.addr, "remove", victim.name)
		mustChange(t, victim.addr, "add", victim.name)
		v, err := victim.client.Replica(within(t), "k")
		if err != nil || text(v) != "v" {
			t.Errorf("added again, it has %q, %v", text(v), err)
		}
		victim.kill(t)
		victim.start(t)
		for _, p := range ps {
			p.ready(t)
		}
		if h, err = victim.client.Health(within(t)); err != nil || h.Lost != "" {
			t.Errorf("after one more kill: %q, %v", h.Lost, err)
		}
	}
}

// dirOf is the data directory of a process.
func dirOf(p *process) string {
	for i, a := range p.args {
		if a == "--data-dir" {
			return filepath.Clean(p.args[i+1])
		}
	}
	return ""
}
