package inpod

import (
	"os/exec"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// sleeper is a process that does nothing until the end of the test.
func sleeper(t *testing.T) process {
	t.Helper()
	cmd := exec.Command("sleep", "600")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // it may have ended
		_ = cmd.Wait()         // by that
	})
	p, err := look(cmd.Process.Pid)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// TestPause: what begins while others are being stopped is stopped as well, and that all are stopped is seen
// as long as it is so.
func TestPause(t *testing.T) {
	first, second := sleeper(t), sleeper(t)
	looks := 0
	h := &hold{}
	err := h.pause(func() ([]process, error) {
		if looks++; looks == 1 {
			return []process{first}, nil
		}
		return []process{first, second}, nil
	})
	if err != nil || !first.stopped() || !second.stopped() || looks != 4 {
		t.Fatalf("%v; after %d looks they are stopped: %t, %t", err, looks, first.stopped(), second.stopped())
	}
	if err := h.still(); err != nil {
		t.Error(err)
	}
	if err := second.signal(unix.SIGCONT); err != nil {
		t.Fatal(err)
	}
	for second.stopped() { // until the kernel has done it
	}
	if err := h.still(); err == nil || !strings.Contains(err.Error(), "somebody else has let it go on") {
		t.Errorf("one runs: %v", err)
	}
	h.paused = []process{{pid: first.pid, born: "of another time"}}
	if err := h.still(); err == nil || !strings.Contains(err.Error(), "has been ended by somebody else") {
		t.Errorf("one has ended: %v", err)
	}
	if err := h.release(); err != nil {
		t.Error(err)
	}
	if err := (*hold)(nil).still(); err != nil {
		t.Errorf("nothing is held: %v", err)
	}
}

// TestPauseEnds: what always begins anew cannot be stopped, and that is said.
func TestPauseEnds(t *testing.T) {
	n := 0
	err := (&hold{}).pause(func() ([]process, error) {
		n++
		return []process{{pid: 1 << 30, born: "never", line: strings.Repeat("x", n)}}, nil
	})
	if err == nil || !strings.Contains(err.Error(), "after 100 looks") {
		t.Error(err)
	}
}

// TestRevenants: pairs with a database that was started again that differ in one thing.
func TestRevenants(t *testing.T) {
	killed := process{pid: 7, mounts: "mnt:[1]", born: "10", line: "db\x00serve\x00"}
	again := process{pid: 9, mounts: "mnt:[5]", born: "20", line: killed.line}
	for name, c := range map[string]struct {
		p    process
		want bool
	}{
		"again":                         {again, true},
		"itself":                        {killed, false},
		"another command line":          {process{pid: 9, mounts: "mnt:[5]", born: "20", line: "sh\x00"}, false},
		"no command line":               {process{pid: 9, mounts: "mnt:[5]", born: "20"}, false},
		"in a container that was there": {process{pid: 9, mounts: "mnt:[2]", born: "20", line: killed.line}, false},
	} {
		r := newRevenants([]process{killed, {pid: 8, mounts: "mnt:[1]", born: "11"}}, map[string]bool{"mnt:[2]": true})
		if got := r.fresh(c.p); got != c.want {
			t.Errorf("%s: %t", name, got)
		}
		if r.fresh(c.p) {
			t.Errorf("%s: it was asked about before", name)
		}
	}
}
