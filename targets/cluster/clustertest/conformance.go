package clustertest

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/lapse-test/lapse/targets/cluster"
)

const port = 7000

// Conformance tests that the provider's clusters do what package cluster
// promises, with real processes and connections. Adapt, if there is one, changes
// the Spec of every cluster.
func Conformance(t *testing.T, p cluster.Provider, adapt ...func(*cluster.Spec)) {
	for _, c := range []struct {
		name string
		test func(*testing.T, *Bench)
	}{
		{"names", names},
		{"lifecycle", lifecycle},
		{"stop", stop},
		{"whole family killed", familyKilled},
		{"whole family paused", familyPaused},
		{"exec", execs},
		{"not root", notRoot},
		{"cut and heal between nodes", cutNodes},
		{"cut and heal for clients", cutClients},
		{"one way", oneWay},
		{"open connection", openConnection},
		{"drops", drops},
		{"probe", probe},
		{"close", closes},
	} {
		t.Run(c.name, func(t *testing.T) { c.test(t, NewBench(t, p, 3, adapt...)) })
	}
}

// Bench is a cluster under test.
type Bench struct {
	cluster.Cluster
	Ctx  context.Context
	t    *testing.T
	Spec cluster.Spec
}

// NewBench opens a cluster of so many nodes, which is closed with the test.
func NewBench(t *testing.T, p cluster.Provider, nodes int, adapt ...func(*cluster.Spec)) *Bench {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	spec := cluster.Spec{
		Run: "conformance", Nodes: cluster.NodeNames(nodes), Ports: []int{port}, LinkByLink: true, LogDir: t.TempDir(),
	}
	for _, f := range adapt {
		f(&spec)
	}
	if err := p.Available(ctx, spec); err != nil {
		t.Fatalf("the provider is not available: %v", err)
	}
	c, err := p.Open(ctx, spec)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(ctx); err != nil {
			t.Errorf("Close: %v", err)
		}
		cancel()
	})
	return &Bench{Cluster: c, Ctx: ctx, t: t, Spec: spec}
}

// Do fails the test if err is not nil.
func (b *Bench) Do(err error) {
	b.t.Helper()
	if err != nil {
		b.t.Fatal(err)
	}
}

// At is the node with this name.
func (b *Bench) At(name string) cluster.Node {
	b.t.Helper()
	n, err := b.Node(name)
	b.Do(err)
	return n
}

// Way is the address by which from reaches to.
func (b *Bench) Way(from, to string) string {
	b.t.Helper()
	a, err := b.Route(from, to, port)
	b.Do(err)
	return a
}

// Serve starts the server on every node and waits until all answer.
func (b *Bench) Serve() {
	b.t.Helper()
	for _, n := range b.Nodes() {
		b.ServeOn(n.Name())
	}
}

// ServeOn starts the server on a node and waits until it answers.
func (b *Bench) ServeOn(name string) {
	b.t.Helper()
	addr, err := b.Bind(name, port)
	b.Do(err)
	b.Do(b.At(name).Start(b.Ctx, Command("serve "+addr)))
	b.Await("an answer of "+name, func() error { return want("hello", b.Fresh(name, "echo hello")) })
}

// Await polls until check returns nil.
func (b *Bench) Await(what string, check func() error) {
	b.t.Helper()
	b.Do(cluster.Await(b.Ctx, what, func(context.Context) error { return check() }))
}

// Fresh asks a node over a new connection.
func (b *Bench) Fresh(node, line string) string {
	b.t.Helper()
	c, err := net.DialTimeout("tcp", b.Way(cluster.Clients, node), 2*patience)
	if err != nil {
		return "error: " + err.Error()
	}
	defer c.Close()
	return Ask(c, bufio.NewReader(c), line, 2*patience)
}

func want(want, got string) error {
	if got != want {
		return fmt.Errorf("got %q, want %q", got, want)
	}
	return nil
}

func (b *Bench) want(wanted, got string) {
	b.t.Helper()
	if err := want(wanted, got); err != nil {
		b.t.Fatal(err)
	}
}

func (b *Bench) wantError(got string) {
	b.t.Helper()
	if !strings.HasPrefix(got, "error: ") {
		b.t.Fatalf("got %q, want an error", got)
	}
}

func (b *Bench) log(node string) string {
	text, err := os.ReadFile(filepath.Join(b.At(node).LogDir(), "stdout.log"))
	if err != nil {
		return err.Error()
	}
	return string(text)
}

func names(t *testing.T, b *Bench) {
	if _, err := b.Node("n9"); err == nil || !strings.Contains(err.Error(), "n1, n2, n3") {
		t.Errorf("Node(n9): %v, want an error that lists the nodes", err)
	}
	if _, err := b.Route("n1", "n9", port); err == nil {
		t.Error("Route to n9: no error")
	}
	if _, err := b.Route("n9", "n1", port); err == nil {
		t.Error("Route from n9: no error")
	}
	if _, err := b.Bind("n9", port); err == nil {
		t.Error("Bind on n9: no error")
	}
	for _, l := range []cluster.Link{{From: "n1", To: "n9"}, {From: "n9", To: "n1"}, {From: "n1", To: "n1"}} {
		if err := b.Network().Cut(b.Ctx, l); err == nil {
			t.Errorf("Cut(%v): no error", l)
		}
		if err := b.Network().Probe(b.Ctx, l); err == nil || errors.Is(err, cluster.ErrUnreachable) {
			t.Errorf("Probe(%v): %v, want an error that is not ErrUnreachable", l, err)
		}
	}
	for i, n := range b.Nodes() {
		if n.Name() != b.Spec.Nodes[i] {
			t.Errorf("node %d is %s, want %s", i, n.Name(), b.Spec.Nodes[i])
		}
		if net.ParseIP(n.Address()) == nil {
			t.Errorf("%s has address %q", n.Name(), n.Address())
		}
	}
}

func lifecycle(t *testing.T, b *Bench) {
	n := b.At("n1")
	if n.State() != cluster.Stopped || n.Pid() != 0 {
		t.Fatalf("before Start: %v, pid %d", n.State(), n.Pid())
	}
	select {
	case <-n.Exited():
	default:
		t.Error("before Start, Exited is open")
	}
	b.Do(n.Kill(b.Ctx)) // no error: it is stopped
	if err := n.Start(b.Ctx, cluster.Command{Path: "/no/such/program"}); err == nil {
		t.Fatal("a program that is not there was started")
	}
	if err := n.Signal(int(syscall.SIGTERM)); err == nil {
		t.Error("a stopped node took a signal")
	}
	if err := n.Pause(b.Ctx); err == nil {
		t.Error("a stopped node was paused")
	}
	b.ServeOn("n1")
	if n.State() != cluster.Running || n.Pid() == 0 {
		t.Fatalf("after Start: %v, pid %d", n.State(), n.Pid())
	}
	if err := n.Start(b.Ctx, Command("print x")); err == nil {
		t.Error("a second main process was started")
	}
	b.Do(os.WriteFile(filepath.Join(n.Dir(), "kept"), []byte("x"), 0o600))
	b.Do(n.Kill(b.Ctx))
	<-n.Exited()
	if n.State() != cluster.Stopped || n.Pid() != 0 {
		t.Fatalf("after Kill: %v, pid %d", n.State(), n.Pid())
	}
	b.wantError(b.Fresh("n1", "echo x"))
	b.ServeOn("n1")
	if _, err := os.Stat(filepath.Join(n.Dir(), "kept")); err != nil {
		t.Errorf("the node's directory did not survive: %v", err)
	}
	b.Await("the log to have both starts (appended)", func() error {
		return want("2", fmt.Sprint(strings.Count(b.log("n1"), "ready")))
	})
}

func stop(t *testing.T, b *Bench) {
	n := b.At("n1")
	b.ServeOn("n1")
	b.Do(n.Pause(b.Ctx))
	b.Do(n.Stop(b.Ctx)) // a paused process must see the SIGTERM, too
	if n.State() != cluster.Stopped {
		t.Fatalf("after Stop: %v", n.State())
	}
	b.Do(n.Start(b.Ctx, Command("stubborn")))
	b.Await("the program to ignore SIGTERM", func() error {
		return want("2", fmt.Sprint(strings.Count(b.log("n1"), "ready")))
	})
	short, cancel := context.WithTimeout(b.Ctx, 100*time.Millisecond)
	defer cancel()
	b.Do(n.Stop(short))
	if n.State() != cluster.Stopped {
		t.Fatalf("after Stop of a program that ignores SIGTERM: %v", n.State())
	}
	b.Do(n.Stop(b.Ctx)) // no error: it is stopped
}

func execs(t *testing.T, b *Bench) {
	n := b.At("n2")
	out, err := n.Exec(b.Ctx, Command("print a b"))
	b.Do(err)
	if !strings.Contains(string(out), "dir="+n.Dir()+" a b\n") {
		t.Errorf("Exec printed %q", out)
	}
	if _, err := n.Exec(b.Ctx, Command("serve nonsense")); err == nil {
		t.Error("Exec of a program that fails: no error")
	}
	short, cancel := context.WithTimeout(b.Ctx, 100*time.Millisecond)
	defer cancel()
	if _, err := n.Exec(short, Command("stubborn")); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Exec past its deadline: %v", err)
	}
	out, err = n.Exec(b.Ctx, cluster.Command{Path: "/bin/sh", Args: []string{"-c", "echo $HOME $LANG; command -v sh"}})
	b.Do(err)
	if !strings.HasPrefix(string(out), n.Dir()+" C.UTF-8\n/") {
		t.Errorf("the minimal environment gives %q", out)
	}
}

func notRoot(t *testing.T, b *Bench) {
	n := b.At("n1")
	c := cluster.Command{Path: "/bin/sh", Args: []string{"-c", "id -u; id -g; echo hello > file; cat file; ls -ln file"}, NotRoot: true}
	out, err := n.Exec(b.Ctx, c)
	b.Do(err)
	if strings.HasPrefix(string(out), "0\n") || !strings.Contains(string(out), "hello\n") {
		t.Errorf("not as root: %q", out)
	}
	c.Args[1] = "cat file; id -u"
	b.Do(n.Start(b.Ctx, c))
	<-n.Exited()
	if log := b.log("n1"); !strings.HasPrefix(log, "hello\n") || strings.Contains(log, "\n0\n") {
		t.Errorf("not as root: log %q", log)
	}
	if text, err := os.ReadFile(filepath.Join(n.Dir(), "file")); err != nil || string(text) != "hello\n" {
		t.Errorf("the harness reads %q, %v", text, err)
	}
}

func closes(t *testing.T, b *Bench) {
	b.Serve()
	b.Do(b.Network().Cut(b.Ctx, cluster.Both("n1", "n2")...))
	b.Do(b.Close(b.Ctx))
	b.Do(b.Close(b.Ctx))
	for _, n := range b.Nodes() {
		if n.State() != cluster.Stopped {
			t.Errorf("%s is %v after Close", n.Name(), n.State())
		}
		if _, err := os.Stat(n.Dir()); !os.IsNotExist(err) {
			t.Errorf("%s's directory is there after Close: %v", n.Name(), err)
		}
		if _, err := os.Stat(filepath.Join(n.LogDir(), "stdout.log")); err != nil {
			t.Errorf("%s's log is gone after Close: %v", n.Name(), err)
		}
		// Somebody else may have the address now.
		if got := b.Fresh(n.Name(), "echo x"); got == "x" {
			t.Errorf("%s answers after Close", n.Name())
		}
		if err := n.Start(b.Ctx, Command("print x")); err == nil {
			t.Errorf("%s was started after Close", n.Name())
		}
		if _, err := n.Exec(b.Ctx, Command("print x")); err == nil {
			t.Errorf("%s executed a command after Close", n.Name())
		}
		b.Do(n.Kill(b.Ctx)) // no error: it is stopped
	}
	for what, err := range map[string]error{
		"Cut":   b.Network().Cut(b.Ctx, cluster.Both("n1", "n2")...),
		"Probe": b.Network().Probe(b.Ctx, cluster.Link{From: "n1", To: "n2"}),
	} {
		if err == nil {
			t.Errorf("%s after Close: no error", what)
		}
	}
}
