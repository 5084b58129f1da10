package proc

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/lapse-test/lapse/targets/cluster"
)

// children are those of this process with the given id.
type children []int

func (c children) All() ([]int, error) { return c, nil }

func (c children) Has(pid int) bool { return false }

// shell answers each line with what it did of it.
func shell(t *testing.T) (pid int, ask func(line string) string) {
	t.Helper()
	cmd := exec.Command("/bin/sh", "-c", `while read -r line; do if (eval "$line") 2>/dev/null; then echo yes; else echo no; fi; done`)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = in.Close(); _ = cmd.Wait() })
	lines := bufio.NewReader(out)
	return cmd.Process.Pid, func(line string) string {
		if _, err := io.WriteString(in, line+"\n"); err != nil {
			t.Fatal(err)
		}
		answer, err := lines.ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		return strings.TrimSpace(answer)
	}
}

// TestLimit: what a process asks for beyond what it has is refused while it is limited,
// also to those that it starts, and given again afterwards.
func TestLimit(t *testing.T) {
	for _, tt := range []struct {
		resource cluster.Resource
		asks     string
	}{
		{cluster.OpenFiles, "exec 3</dev/null"},
		{cluster.Memory, "x=$(head -c 9000000 /dev/zero | tr '\\000' x)"},
	} {
		t.Run(string(tt.resource), func(t *testing.T) {
			pid, ask := shell(t)
			if got := ask(tt.asks); got != "yes" {
				t.Fatalf("before: %s", got)
			}
			set, limits := children{pid}, Limits{}
			look := func() cluster.Allowance {
				t.Helper()
				all, err := limits.Allowances(set, pid, tt.resource)
				if err != nil || len(all) != 1 || all[0].Pid != pid {
					t.Fatalf("%v %v", all, err)
				}
				return all[0]
			}
			before := look()
			for range 2 { // the second time changes nothing of what it was
				if err := limits.Limit(set, pid, tt.resource); err != nil {
					t.Fatal(err)
				}
			}
			if now := look(); !now.Full || now.May >= before.May {
				t.Errorf("limited: %+v, before %+v", now, before)
			}
			if got := ask(tt.asks); got != "no" {
				t.Errorf("limited: %s", got)
			}
			for range 2 {
				if err := limits.Unlimit(set, pid, tt.resource); err != nil {
					t.Fatal(err)
				}
			}
			if now := look(); now.Full || now.May != before.May {
				t.Errorf("afterwards: %+v, before %+v", now, before)
			}
			if got := ask(tt.asks); got != "yes" {
				t.Errorf("afterwards: %s", got)
			}
		})
	}
}

func TestLimitOfNobody(t *testing.T) {
	var limits Limits
	for _, set := range []children{nil, {1 << 30}} {
		if err := limits.Limit(set, 1<<30, cluster.OpenFiles); err == nil {
			t.Errorf("%v: there is no such process, and it was limited", set)
		}
		if all, err := limits.Allowances(set, 1<<30, cluster.Memory); err != nil || len(all) > 0 {
			t.Errorf("%v: %v %v", set, all, err)
		}
	}
}

func TestLowestFree(t *testing.T) {
	for _, tt := range []struct {
		open []uint64
		want uint64
	}{{nil, 0}, {[]uint64{0, 1, 2}, 3}, {[]uint64{0, 2, 3}, 1}} {
		open := map[uint64]bool{}
		for _, n := range tt.open {
			open[n] = true
		}
		if got := lowestFree(open); got != tt.want {
			t.Errorf("%v: %d, want %d", tt.open, got, tt.want)
		}
	}
	open, err := descriptors(os.Getpid())
	if err != nil || !open[0] || !open[2] {
		t.Error(fmt.Sprint(open, err))
	}
}
