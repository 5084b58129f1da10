package external

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/lapse-test/lapse/targets/cluster"
)

// echo answers one byte with one byte, while it is on.
type echo struct {
	addr string
	l    net.Listener
}

func startEcho(t *testing.T, addr string) *echo {
	t.Helper()
	l, err := net.Listen("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	e := &echo{addr: l.Addr().String(), l: l}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				_, _ = io.Copy(c, c)
			}()
		}
	}()
	return e
}

func echoes(ctx context.Context, addr string) error {
	c, err := (&net.Dialer{}).DialContext(ctx, "tcp", addr)
	if err != nil {
		return err
	}
	defer c.Close()
	deadline, _ := ctx.Deadline()
	if err := c.SetDeadline(deadline); err != nil {
		return err
	}
	b := []byte{1}
	if _, err := c.Write(b); err != nil {
		return err
	}
	_, err = io.ReadFull(c, b)
	return err
}

func open(t *testing.T, op *cluster.Operator, addrs ...string) (cluster.Cluster, error) {
	t.Helper()
	return Provider{}.Open(t.Context(), cluster.Spec{
		Run: "t1", Nodes: cluster.NodeNames(len(addrs)), Ports: []int{1}, LogDir: t.TempDir(),
		At: addrs, Alive: echoes, Operator: op,
	})
}

// TestStates: what an address answers is what the node is taken for.
func TestStates(t *testing.T) {
	running := startEcho(t, "127.0.0.1:0")
	silent, err := net.Listen("tcp", "127.0.0.1:0") // accepted by the kernel, and never answered
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	c, err := open(t, nil, running.addr)
	if err != nil {
		t.Fatal(err)
	}
	n := c.Nodes()[0].(*node)
	if n.State() != cluster.Running || !strings.HasSuffix(n.Seen(), " answers") {
		t.Errorf("%v: %s", n.State(), n.Seen())
	}
	n.addr = silent.Addr().String()
	if n.State() != cluster.Paused || !strings.Contains(n.Seen(), "does not answer within") {
		t.Errorf("%v: %s", n.State(), n.Seen())
	}
	running.l.Close()
	n.addr = running.addr
	if n.State() != cluster.Stopped || !strings.HasSuffix(n.Seen(), " refuses connections") {
		t.Errorf("%v: %s", n.State(), n.Seen())
	}
	if err := n.Kill(t.Context()); err == nil || !strings.Contains(err.Error(), "nodes.n1.kill") {
		t.Errorf("without a command: %v", err)
	}
	var environment *cluster.EnvironmentError
	if _, err := open(t, nil, running.addr); !errors.As(err, &environment) || !strings.Contains(err.Error(), "refuses connections") {
		t.Errorf("a node that is down was opened: %v", err)
	}
}

// TestCommands: what a command is told, and what is made of how it ends.
func TestCommands(t *testing.T) {
	t.Setenv("SOME_SECRET", "hunter2hunter2")
	dir := t.TempDir()
	file := filepath.Join(dir, "told")
	a, b := startEcho(t, "127.0.0.1:0"), startEcho(t, "127.0.0.1:0")
	commands := cluster.Commands{
		Cut:   `echo "$LAPSE_NODE $LAPSE_ADDRESS $LAPSE_HOST $LAPSE_PEERS $LAPSE_PEER_ADDRESSES $LAPSE_PEER_HOSTS" > ` + file,
		Heal:  "rm " + file,
		Probe: "test ! -e " + file,
		Kill:  `echo "first line"; echo "told $SOME_SECRET"; exit 3`,
		Pause: "sleep 60",
	}
	op := &cluster.Operator{Timeout: 500 * time.Millisecond, Nodes: map[string]cluster.Commands{"n1": commands, "n2": commands}}
	c, err := open(t, op, a.addr, b.addr)
	if err != nil {
		t.Fatal(err)
	}
	w, both := c.Network(), cluster.Both("n1", "n2")
	if err := w.Cut(t.Context(), both...); err != nil {
		t.Fatal(err)
	}
	told, err := os.ReadFile(file)
	if want := "n1 " + a.addr + " 127.0.0.1 n2 " + b.addr + " 127.0.0.1\n"; err != nil || string(told) != want {
		t.Errorf("told %q, want %q (%v)", told, want, err)
	}
	for _, l := range both {
		if err := w.Probe(t.Context(), l); !errors.Is(err, cluster.ErrUnreachable) {
			t.Errorf("%v: %v", l, err)
		}
	}
	if err := w.Probe(t.Context(), cluster.Link{From: cluster.Clients, To: "n1"}); err != nil {
		t.Errorf("the clients: %v", err)
	}
	if _, err := w.Drops(t.Context()); !errors.Is(err, cluster.ErrNotCounted) {
		t.Errorf("packets: %v", err)
	}
	// What is cut at the end of a run is healed by it, and only that.
	if err := c.Close(t.Context()); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(file); err == nil {
		t.Error("it is still cut")
	}
	if err := c.Close(t.Context()); err != nil {
		t.Errorf("healed twice: %v", err)
	}

	err = c.Nodes()[0].Kill(t.Context())
	if err == nil || !strings.Contains(err.Error(), "exit status 3; it says: told ***") {
		t.Errorf("a command that fails: %v", err)
	}
	began := time.Now()
	err = c.Nodes()[0].Pause(t.Context())
	if err == nil || !strings.Contains(err.Error(), "did not end in time") || time.Since(began) > 30*time.Second {
		t.Errorf("a command that hangs: %v after %v", err, time.Since(began))
	}
	// A command that is not found is no proof that a link is cut.
	for _, line := range []string{"no-such-command", "exit 255", "kill -9 $$", "sleep 9"} {
		op.Nodes["n1"] = cluster.Commands{Probe: line}
		if err := w.Probe(t.Context(), both[0]); err == nil || errors.Is(err, cluster.ErrUnreachable) {
			t.Errorf("%s: %v", line, err)
		}
	}
}

// losing is a carrier that has lost what it held on n2.
type losing struct{ cluster.Carrier }

func (losing) Lost(_ context.Context, node string, _ time.Time) error {
	if node == "n2" {
		return errors.New("lost")
	}
	return nil
}

// TestLost: what a carrier says is what the cluster says, and commands of a shell hold nothing.
func TestLost(t *testing.T) {
	a, b := startEcho(t, "127.0.0.1:0"), startEcho(t, "127.0.0.1:0")
	for name, c := range map[string]struct {
		op   *cluster.Operator
		lost bool
	}{
		"a carrier that loses": {&cluster.Operator{Carrier: losing{}}, true},
		"a carrier":            {&cluster.Operator{Carrier: struct{ cluster.Carrier }{}}, false},
		"a shell":              {nil, false},
	} {
		opened, err := open(t, c.op, a.addr, b.addr)
		if err != nil {
			t.Fatal(err)
		}
		h := opened.(cluster.Holder)
		if err := h.Lost(t.Context(), "n1", time.Now()); err != nil {
			t.Errorf("%s: n1: %v", name, err)
		}
		if err := h.Lost(t.Context(), "n2", time.Now()); (err != nil) != c.lost {
			t.Errorf("%s: n2: %v", name, err)
		}
	}
}
