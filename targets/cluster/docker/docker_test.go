//go:build linux

package docker_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	dc "github.com/ory/dockertest/v3/docker"

	"github.com/lapse-test/lapse/internal/standin/standintest"
	"github.com/lapse-test/lapse/quorumkv/server"
	"github.com/lapse-test/lapse/targets/cluster"
	"github.com/lapse-test/lapse/targets/cluster/clustertest"
	"github.com/lapse-test/lapse/targets/cluster/docker"
)

// TestMain runs what is no test: the nodes' program, nodes of quorumkv, and
// harnesses that are processes of their own.
func TestMain(m *testing.M) {
	clustertest.Main()
	if len(os.Args) > 1 && os.Args[1] == "quorumkv" {
		cmd := server.Command()
		cmd.SetArgs(os.Args[2:])
		if err := cmd.Execute(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	if kind := os.Getenv(envHarness); kind != "" {
		if err := ownHarness(kind); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// inContainers makes nodes that this test's program can run on.
func inContainers(image string) func(*cluster.Spec) {
	return func(s *cluster.Spec) {
		exe, err := os.Executable()
		if err != nil {
			panic(err) // the tests cannot begin
		}
		s.Container = &cluster.Container{Image: image, User: "nobody", Mounts: []string{exe}}
	}
}

func TestConformance(t *testing.T) {
	clustertest.Conformance(t, docker.Provider{}, inContainers(standintest.Image(t, "quorumkv")))
}

// TestCutOutlivesTheDatabase kills and restarts a process behind a cut.
func TestCutOutlivesTheDatabase(t *testing.T) {
	b := clustertest.NewBench(t, docker.Provider{}, 2, inContainers(standintest.Image(t, "quorumkv")))
	b.Serve()
	address := b.At("n1").Address()
	link := cluster.Link{From: "n1", To: "n2"}
	b.Do(b.Network().Cut(b.Ctx, link))
	b.Do(b.At("n2").Kill(b.Ctx))
	b.ServeOn("n2")
	b.Do(b.At("n1").Kill(b.Ctx))
	b.ServeOn("n1")
	short, cancel := context.WithTimeout(b.Ctx, 300*time.Millisecond)
	defer cancel()
	if err := b.Network().Probe(short, link); !errors.Is(err, cluster.ErrUnreachable) {
		t.Errorf("after both ends were killed and started the link lets pass: %v", err)
	}
	if got := b.Fresh("n1", "hold x "+b.Way("n1", "n2")); !strings.HasPrefix(got, "error: ") {
		t.Errorf("n1 reaches n2 over the cut link: %s", got)
	}
	drops, err := b.Network().Drops(b.Ctx)
	b.Do(err)
	if drops[link].Packets == 0 {
		t.Errorf("nothing was dropped: %v", drops)
	}
	b.Do(b.Network().Heal(b.Ctx, link))
	b.Do(b.Network().Probe(b.Ctx, link))
	if got := b.At("n1").Address(); got != address {
		t.Errorf("n1 has address %s after a restart, had %s", got, address)
	}
}

// environment fails the test unless err is an *cluster.EnvironmentError that says
// all of this.
func environment(t *testing.T, err error, says ...string) {
	t.Helper()
	var env *cluster.EnvironmentError
	if !errors.As(err, &env) {
		t.Fatalf("%v (%T) is no EnvironmentError", err, err)
	}
	for _, s := range says {
		if !strings.Contains(err.Error(), s) {
			t.Errorf("%q does not say %q", err, s)
		}
	}
}

func spec(t *testing.T, image string) cluster.Spec {
	return cluster.Spec{
		Run: "test-" + filepath.Base(t.TempDir()), Nodes: cluster.NodeNames(1), LogDir: t.TempDir(),
		Container: &cluster.Container{Image: image},
	}
}

// TestNoEngine needs none.
func TestNoEngine(t *testing.T) {
	silent := filepath.Join(t.TempDir(), "silent.sock")
	l, err := net.Listen("unix", silent) // accepts, and never answers
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	for _, c := range []struct {
		title, host string
		says        []string
	}{
		{"not running", "unix://" + filepath.Join(t.TempDir(), "none.sock"), []string{"none.sock", "no engine answers", "docker.io", "--provider"}},
		{"silent", "unix://" + silent, []string{"silent.sock", "--provider"}},
		{"elsewhere", "tcp://192.0.2.1:2375", []string{"192.0.2.1", "DOCKER_HOST"}},
	} {
		t.Run(c.title, func(t *testing.T) {
			// The error has to come by itself before this ends it.
			ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
			defer cancel()
			p := docker.Provider{Host: c.host}
			environment(t, p.Available(ctx, spec(t, "x:1")), c.says...)
			_, err := p.Open(ctx, spec(t, "x:1"))
			environment(t, err, c.says...)
			if ctx.Err() != nil {
				t.Error("it took 30 seconds")
			}
		})
	}
}

func TestNoContainersForThisTarget(t *testing.T) {
	s := spec(t, "x:1")
	s.Container = nil
	environment(t, docker.Provider{}.Available(t.Context(), s), "image", "--provider")
}

// TestImageNotToBeHad asks for an image that no registry has.
func TestImageNotToBeHad(t *testing.T) {
	standintest.Image(t, "quorumkv") // there is an engine
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	const noName = "Not A Name:1"
	for _, image := range []string{"lapse-standin/debian:no-such-tag", "127.0.0.1:9/lapse/none:1", noName} {
		s := spec(t, image)
		var told []string
		err := docker.Provider{}.Prepare(ctx, s, func(line string) { told = append(told, line) })
		environment(t, err, image, "docker pull", "--image")
		_, err = docker.Provider{}.Open(ctx, s)
		environment(t, err, image)
		if image != noName && (len(told) == 0 || !strings.Contains(told[0], "pulling")) {
			t.Errorf("the progress is %q", told)
		}
		if left := things(t, s.Run); len(left) != 0 {
			t.Errorf("%v are left", left)
		}
	}
}

// TestImageOfAnotherKind uses an image that has no such user.
func TestImageOfAnotherKind(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("an ordinary user's containers run as that user")
	}
	s := spec(t, standintest.Image(t, "quorumkv"))
	s.Container.User = "cassandra"
	_, err := docker.Provider{}.Open(t.Context(), s)
	environment(t, err, "cassandra", "--image")
	if left := things(t, s.Run); len(left) != 0 {
		t.Errorf("%v are left", left)
	}
}

// things are what the engine has of a run, besides directories that it knows of.
func things(t *testing.T, run string) []string {
	t.Helper()
	client, err := dc.NewClient("unix:///var/run/docker.sock")
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	list, err := client.ListContainers(dc.ListContainersOptions{All: true, Filters: map[string][]string{"label": {"lapse.run=" + run}}})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range list {
		out = append(out, "container "+strings.Join(c.Names, " "))
	}
	networks, err := client.ListNetworks()
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range networks {
		if n.Labels["lapse.run"] != run {
			continue
		}
		out = append(out, "network "+n.Name)
		if _, err := os.Stat(n.Labels["lapse.dir"]); err == nil {
			out = append(out, "directory "+n.Labels["lapse.dir"])
		}
	}
	dirs, err := filepath.Glob(filepath.Join(os.TempDir(), "lapse-"+run+"-*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range dirs {
		out = append(out, "directory "+d)
	}
	return out
}
