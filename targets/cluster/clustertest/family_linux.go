package clustertest

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/lapse-test/lapse/targets/cluster"
	"github.com/lapse-test/lapse/targets/cluster/proc"
)

// Marked are the processes, other than this one, whose environment holds this
// text. It sees what this process's /proc and rights let it see.
func Marked(text string) []int {
	dir, err := os.ReadDir("/proc")
	if err != nil {
		return nil
	}
	var out []int
	for _, d := range dir {
		pid, err := strconv.Atoi(d.Name())
		if err != nil || pid == os.Getpid() {
			continue
		}
		env, err := os.ReadFile("/proc/" + d.Name() + "/environ")
		if err == nil && bytes.Contains(env, []byte(text)) {
			out = append(out, pid)
		}
	}
	return out
}

// startFamily starts a process whose grandchild has no parent of the node left,
// and returns their ids.
func startFamily(b *Bench, mark string) []int {
	b.t.Helper()
	b.Do(b.At("n1").Start(b.Ctx, Command("family parent:"+mark)))
	var pids []int
	b.Await("parent and grandchild", func() error {
		log := b.log("n1")
		if !strings.Contains(log, "parent is there") || !strings.Contains(log, "grandchild is there") {
			return fmt.Errorf("log: %q", log)
		}
		if pids = Marked(":" + mark); len(pids) != 2 {
			return fmt.Errorf("processes %v, want two", pids)
		}
		return nil
	})
	return pids
}

func familyKilled(t *testing.T, b *Bench) {
	b.ServeOn("n2")
	startFamily(b, "killed")
	b.Do(b.At("n1").Kill(b.Ctx))
	if left := Marked(":killed"); len(left) != 0 {
		t.Errorf("processes %v are left", left)
	}
	b.want("x", b.Fresh("n2", "echo x")) // the neighbour lives
}

func familyPaused(t *testing.T, b *Bench) {
	n := b.At("n1")
	pids := startFamily(b, "paused")
	b.Do(n.Pause(b.Ctx))
	for _, pid := range pids {
		if !proc.Stopped(pid) && !proc.Frozen(pid) {
			st, err := proc.ReadStat(pid)
			t.Errorf("process %d is in state %c, %v; want it stopped or frozen", pid, st.State, err)
		}
	}
	if n.State() != cluster.Paused {
		t.Errorf("the paused node is %v", n.State())
	}
	b.Do(n.Resume(b.Ctx))
	for _, pid := range pids {
		if st, err := proc.ReadStat(pid); err != nil || st.State == 'T' || proc.Frozen(pid) {
			t.Errorf("process %d is in state %c, %v; want it to run", pid, st.State, err)
		}
	}
	if n.State() != cluster.Running {
		t.Errorf("the resumed node is %v", n.State())
	}
	b.Do(n.Pause(b.Ctx))
	b.Do(n.Kill(b.Ctx)) // stopped processes die, too
	if left := Marked(":paused"); len(left) != 0 {
		t.Errorf("processes %v are left", left)
	}
}
