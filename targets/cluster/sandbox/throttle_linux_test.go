package sandbox_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/lapse-test/lapse/targets/cluster"
	"github.com/lapse-test/lapse/targets/cluster/cgroup"
	"github.com/lapse-test/lapse/targets/cluster/sandbox"
	"github.com/lapse-test/lapse/targets/cluster/sandbox/sandboxtest"
)

// groups are the directories of control groups of nodes of this name.
func groups(t *testing.T, node string) (out []string) {
	t.Helper()
	h, err := cgroup.Find()
	if err != nil {
		t.Fatal(err)
	}
	for _, parent := range h.Parents() {
		some, err := filepath.Glob(filepath.Join(parent, "lapse-"+node+"-*"))
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, some...)
	}
	return out
}

// TestThrottle: a node's processes, those that they start too, have their share of a processor and
// no more, and all of them when it is over. Who may make no control group is told so before.
func TestThrottle(t *testing.T) {
	sandboxtest.EachUser(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
		defer cancel()
		spec := cluster.Spec{Run: "throttle", Nodes: []string{"starved"}, LogDir: t.TempDir(), Needs: []cluster.Capability{cluster.Throttles}}
		err := (sandbox.Provider{}).Available(ctx, spec)
		if sandboxtest.Rootless() {
			var lacks *cluster.EnvironmentError
			if !errors.As(err, &lacks) || !errors.Is(err, fs.ErrPermission) || lacks.Way == "" {
				t.Fatalf("an ordinary user who may make no control group: %v", err)
			}
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		c, err := (sandbox.Provider{}).Open(ctx, spec)
		if err != nil {
			t.Fatal(err)
		}
		starves(ctx, t, c.Nodes()[0])
		if err := c.Nodes()[0].(cluster.Throttler).Throttle(ctx, 0.5); err != nil {
			t.Fatal(err)
		}
		if left := groups(t, "starved"); len(left) != 1 {
			t.Errorf("its groups are %v", left)
		}
		if err := c.Close(ctx); err != nil {
			t.Error(err)
		}
		if left := groups(t, "starved"); len(left) > 0 {
			t.Errorf("control groups stay: %v", left)
		}
	})
}

func starves(ctx context.Context, t *testing.T, n cluster.Node) {
	t.Helper()
	const share, quota = 0.05, 5 * time.Millisecond
	// Two that run without end, and one that starts others.
	if err := n.Start(ctx, cluster.Command{Path: "/bin/sh", Args: []string{"-c", "while :; do :; done & while :; do :; done & while :; do /bin/true; done"}}); err != nil {
		t.Fatal(err)
	}
	node := n.(cluster.Throttler)
	if now, err := node.Throttling(); err != nil || now != (cluster.Throttling{}) {
		t.Errorf("before, it is throttled: %+v (%v)", now, err)
	}
	if err := errors.Join(node.Unthrottle(ctx), node.Throttle(ctx, 0.5), node.Throttle(ctx, share)); err != nil {
		t.Fatal(err)
	}
	var now cluster.Throttling
	err := cluster.Await(ctx, "a share to be used up", func(context.Context) (err error) {
		now, err = node.Throttling()
		if err == nil && now.Throttled < 20 {
			err = fmt.Errorf("it was used up %d times", now.Throttled)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	// What a period lasts counts, not how long this took: without a share two processors would be used whole.
	if most := time.Duration(now.Periods+2) * 4 * quota; now.Share != share || now.Outside > 0 || now.Waited == 0 || now.Used > most {
		t.Errorf("it is throttled so: %+v, want a share of %v and at most %v", now, share, most)
	}
	if err := errors.Join(node.Unthrottle(ctx), node.Unthrottle(ctx)); err != nil {
		t.Fatal(err)
	}
	if now, err := node.Throttling(); err != nil || now != (cluster.Throttling{}) {
		t.Errorf("given back, it is throttled: %+v (%v)", now, err)
	}
	own, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		t.Fatal(err)
	}
	its, err := os.ReadFile(fmt.Sprintf("/proc/%d/cgroup", n.Pid()))
	if err != nil || string(its) != string(own) {
		t.Errorf("its groups are %q, and before %q (%v)", its, own, err)
	}
	if left := groups(t, n.Name()); len(left) > 0 {
		t.Errorf("control groups stay: %v", strings.Join(left, " "))
	}
}
