package launch_test

import (
	"context"
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/lapse-test/lapse/targets"
	"github.com/lapse-test/lapse/targets/cluster"
	"github.com/lapse-test/lapse/targets/cluster/local"
	"github.com/lapse-test/lapse/targets/launch"
)

// fleet is two nodes whose server is a line for the shell.
func fleet(t *testing.T, line string) *launch.Fleet {
	t.Helper()
	c, err := local.Provider{}.Open(t.Context(), cluster.Spec{Run: "t1", Nodes: cluster.NodeNames(2), Ports: []int{7000}, LinkByLink: true, LogDir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	f := launch.New("Store", "store.log", c, targets.Config{})
	f.Command = func(context.Context, int) (cluster.Command, error) {
		return cluster.Command{Path: "/bin/sh", Args: []string{"-c", line}, Log: "store.log"}, nil
	}
	return f
}

func states(f *launch.Fleet) (out []cluster.State) {
	for _, n := range f.Nodes {
		out = append(out, n.State())
	}
	return out
}

// TestLife: start, wait, kill, restart, stop.
func TestLife(t *testing.T) {
	f := fleet(t, "echo up > up; exec sleep 1000")
	up := func(_ context.Context, i int) error {
		_, err := os.Stat(f.Nodes[i].Dir() + "/up")
		return err
	}
	if err := f.Start(t.Context(), func(ctx context.Context) error { return f.Await(ctx, "to be up", up) }, nil); err != nil {
		t.Fatal(err)
	}
	i, err := f.Index("n2")
	if err != nil || i != 1 {
		t.Fatalf("n2 is %d, %v", i, err)
	}
	if err := errors.Join(f.Alive(1), f.Nodes[1].Kill(t.Context())); err != nil {
		t.Fatal(err)
	}
	if err := f.Alive(1); err == nil || !strings.Contains(err.Error(), "n2 does not run") {
		t.Errorf("a dead server is alive: %v", err)
	}
	if err := errors.Join(f.Restart(t.Context(), "n2"), f.Alive(1)); err != nil {
		t.Error(err)
	}
	if err := f.Restart(t.Context(), "n9"); err == nil || !strings.Contains(err.Error(), "n1") {
		t.Errorf("a node that there is not: %v", err)
	}
	if err := f.Stop(t.Context()); err != nil || states(f)[0] != cluster.Stopped || states(f)[1] != cluster.Stopped {
		t.Errorf("%v, %v", err, states(f))
	}
}

// TestStartFails: nothing is waited for when a server ends, the log is quoted, and all
// that was started is stopped.
func TestStartFails(t *testing.T) {
	f := fleet(t, "case $PWD in *n2*) echo starting; echo ERROR: no room; echo '\tat line 1'; exit 1;; esac; exec sleep 1000")
	f.Complaint = launch.JavaComplaint
	err := f.Start(t.Context(), func(ctx context.Context) error {
		<-ctx.Done() // it never serves
		return ctx.Err()
	}, nil)
	if err == nil {
		t.Fatal("it started")
	}
	for _, says := range []string{"starting Store", "the process of n2 has ended", "store.log says: ERROR: no room"} {
		if !strings.Contains(err.Error(), says) {
			t.Errorf("%q does not say %q", err, says)
		}
	}
	if s := states(f); s[0] != cluster.Stopped || s[1] != cluster.Stopped {
		t.Errorf("the nodes are %v", s)
	}
	errNot := errors.New("it never serves")
	f = fleet(t, "exec sleep 1000")
	if err := f.Start(t.Context(), func(context.Context) error { return errNot }, nil); !errors.Is(err, errNot) || states(f)[0] != cluster.Stopped {
		t.Errorf("%v, %v", err, states(f))
	}
}

// TestFailed: what is told of a start that failed says how to go on, once, and an
// interruption is no fault of the environment's.
func TestFailed(t *testing.T) {
	f := launch.New("Store", "store.log", nil, targets.Config{})
	interrupted, interrupt := context.WithCancel(t.Context())
	interrupt()
	plain := errors.New("no room")
	typed := &cluster.EnvironmentError{Doing: "opening a port", Err: plain, Way: "use another"}
	for name, c := range map[string]struct {
		ctx       context.Context
		err       error
		want, way string
	}{
		"plain":                {t.Context(), plain, "starting Store: no room; see the logs of the nodes in the run directory", "see the logs of the nodes in the run directory"},
		"with a way out":       {t.Context(), typed, "opening a port: no room; use another", "use another"},
		"interrupted":          {interrupted, plain, "starting Store: context canceled", ""},
		"interrupted with one": {interrupted, typed, "starting Store: context canceled", ""},
	} {
		got := f.Failed(c.ctx, c.err)
		var environment *cluster.EnvironmentError
		if is := errors.As(got, &environment); got.Error() != c.want || is != (c.way != "") || is && environment.Way != c.way {
			t.Errorf("%s: %v, want %s", name, got, c.want)
		}
	}
}

// TestAddresses: where a server listens is where the others and clients reach it.
func TestAddresses(t *testing.T) {
	f := fleet(t, "exec sleep 1000")
	addrs, err := f.Addrs(7000)
	if err != nil || len(addrs) != 2 || addrs[0] == addrs[1] {
		t.Fatalf("%q, %v", addrs, err)
	}
	host, number, err := f.Listen(1, 7000)
	if err != nil || host == "" || number == "" {
		t.Errorf("n2 listens at %s:%s, %v", host, number, err)
	}
	if host, number, err := f.Way(0, 1, 7000); err != nil || host == "" || number == "" {
		t.Errorf("n1 reaches n2 at %s:%s, %v", host, number, err)
	}
	for name, err := range map[string]error{
		"listening": func() error { _, _, err := f.Listen(1, 7001); return err }(),
		"reaching":  func() error { _, _, err := f.Way(0, 1, 7001); return err }(),
		"clients":   func() error { _, err := f.Addrs(7001); return err }(),
	} {
		if err == nil || !strings.Contains(err.Error(), "7001") {
			t.Errorf("%s at a port that the spec has not: %v", name, err)
		}
	}
}
