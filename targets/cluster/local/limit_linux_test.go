package local

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/lapse-test/lapse/targets/cluster"
)

// TestLimitOfAllProcesses: what runs beside the main process, as a pooler does, is limited with it,
// and given back what it might have, also when the main one has ended meanwhile.
func TestLimitOfAllProcesses(t *testing.T) {
	dir := t.TempDir()
	logs := filepath.Join(dir, "logs")
	if err := os.Mkdir(logs, 0o700); err != nil {
		t.Fatal(err)
	}
	j, err := startJanitor(filepath.Join(dir, "nodes"))
	if err != nil {
		t.Fatal(err)
	}
	n := &node{name: "n1", dir: dir, logDir: logs, janitor: j}
	n.limiter = n.newLimiter()
	t.Cleanup(func() {
		ctx := context.WithoutCancel(t.Context())
		if err := errors.Join(n.close(ctx), j.end(ctx)); err != nil {
			t.Error(err)
		}
	})
	// It waits for what nobody writes; when it has said that it is ready it opens nothing more.
	fifo := filepath.Join(dir, "fifo")
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	waits := func(ready string) cluster.Command {
		return cluster.Command{Path: "/bin/sh", Args: []string{"-c", `exec 0<>"$1" 1>"$2"; echo ready; read -r x`, "sh", fifo, ready}, Log: "main.log"}
	}
	if err := n.Start(t.Context(), waits(filepath.Join(dir, "main"))); err != nil {
		t.Fatal(err)
	}
	out, err := os.Create(filepath.Join(dir, "out"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = out.Close() })
	beside, err := n.startExec(waits(filepath.Join(dir, "beside")), out)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"main", "beside"} {
		if err := cluster.Await(t.Context(), name, func(context.Context) error {
			said, err := os.ReadFile(filepath.Join(dir, name))
			if err == nil && string(said) != "ready\n" {
				err = fmt.Errorf("it said %q", said)
			}
			return err
		}); err != nil {
			t.Fatal(err)
		}
	}
	look := func() map[int]cluster.Allowance {
		t.Helper()
		all, err := n.Allowances(cluster.OpenFiles)
		if err != nil {
			t.Fatal(err)
		}
		by := map[int]cluster.Allowance{}
		for _, a := range all {
			by[a.Pid] = a
		}
		return by
	}
	before := look()
	if err := n.Limit(t.Context(), cluster.OpenFiles); err != nil {
		t.Fatal(err)
	}
	limited := look()
	for _, pid := range []int{n.Pid(), beside.family.main} {
		if a, ok := limited[pid]; !ok || !a.Full || a.May >= before[pid].May {
			t.Errorf("process %d: %+v, before %+v", pid, a, before[pid])
		}
	}
	if err := n.main.kill(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := n.Unlimit(t.Context(), cluster.OpenFiles); err != nil {
		t.Fatal(err)
	}
	if a := look()[beside.family.main]; a.Full || a.May != before[beside.family.main].May {
		t.Errorf("afterwards: %+v, before %+v", a, before[beside.family.main])
	}
}
