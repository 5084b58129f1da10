package runs

import (
	"context"
	"errors"
	"reflect"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lapse-test/lapse/targets/cluster"
	"github.com/lapse-test/lapse/targets/cluster/providers"
)

// counting is a provider that counts how often it was tried, and lets nodes have no disks that fail here.
type counting struct {
	tried *atomic.Int32
	// meanwhile is called by each try.
	meanwhile func()
}

func (counting) Name() string { return "counting" }

func (c counting) Available(_ context.Context, spec cluster.Spec) error {
	c.tried.Add(1)
	c.meanwhile()
	for _, need := range spec.Needs {
		if need == cluster.Disks {
			return errors.New("no disks here")
		}
	}
	return nil
}

func (counting) Capabilities(cluster.Spec) []cluster.Capability {
	return []cluster.Capability{cluster.Disks, cluster.HoldsBack}
}

func (counting) Open(context.Context, cluster.Spec) (cluster.Cluster, error) {
	return nil, errors.New("not opened here")
}

// TestTriedOnce: plans of one command whose nodes are made alike have the machine tried once, and the others,
// each of them for itself; what is drawn is the same.
func TestTriedOnce(t *testing.T) {
	for _, c := range []struct {
		name   string
		tried  *Tried
		second Request
		again  bool
	}{
		{"the same nodes", &Tried{}, Request{Seed: 8}, false},
		{"with another load and levels", &Tried{}, Request{Seed: 8, Rate: 50, WriteLevel: "1", ReadLevel: "1"}, false},
		{"a node more", &Tried{}, Request{Seed: 8, Nodes: 4}, true},
		{"the provider by its name", &Tried{}, Request{Seed: 8, Provider: "counting"}, true},
		{"nothing is remembered", nil, Request{Seed: 8}, true},
	} {
		// However long planning takes, no time passes in the bubble, after which a refusal would be tried again.
		t.Run(c.name, func(t *testing.T) { synctest.Test(t, func(t *testing.T) { triedAgain(t, c.tried, c.second, c.again) }) })
	}
}

// triedAgain makes two plans, for each of which tried is asked, and says whether the machine was tried for the second as well.
func triedAgain(t *testing.T, tried *Tried, second Request, want bool) {
	var n atomic.Int32
	env := testEnvironment(t)
	env.Providers = []providers.Entry{{Provider: counting{&n, func() {}}, Auto: true}}
	env.Tried = tried
	plan := func(r Request) *Planned {
		t.Helper()
		r.Target, r.Seeded, r.Faults = "quorumkv", true, "thorough"
		p, err := Plan(t.Context(), r, env)
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	plan(Request{Seed: 8})
	before := n.Load()
	if before == 0 {
		t.Fatal("nothing was tried for the first plan")
	}
	plan(second)
	if again := n.Load() > before; again != want {
		t.Errorf("tried %d times for the first plan and %d for both", before, n.Load())
	}
	env.Tried = nil
	alone, _ := plan(Request{Seed: 8}).Plan.Encode()
	env.Tried = tried
	if again, _ := plan(Request{Seed: 8}).Plan.Encode(); string(again) != string(alone) {
		t.Errorf("what is remembered makes another plan:\n%s\nwant\n%s", again, alone)
	}
}

// TestNodesMadeAlike: whatever a spec says of nodes that are made tells them from others, also what is added to it one day.
func TestNodesMadeAlike(t *testing.T) {
	base := alike("p", cluster.Spec{}, nil)
	for _, s := range []cluster.Spec{
		{Nodes: []string{"n1"}}, {Beside: []string{"n1"}}, {Ports: []int{1}}, {LinkByLink: true}, {Cuts: true}, {Needs: []cluster.Capability{cluster.Disks}},
		{Links: map[cluster.Link]cluster.Quality{{From: "n1", To: "n2"}: {Loss: 0.5}}}, {Container: &cluster.Container{}}, {NoContainer: "why"}, {Dir: "d"},
	} {
		if alike("p", s, nil) == base {
			t.Errorf("%+v is like none", s)
		}
	}
	// Of the same for all that are asked about (Run, LogDir), and of nodes that are there already (the rest), nothing is told apart.
	const told, others = 10, 6
	if n := reflect.TypeFor[cluster.Spec]().NumField(); n != told+others {
		t.Errorf("a spec has %d fields, %d are known here: is the new one in alike?", n, told+others)
	}
	if alike("p", cluster.Spec{Container: &cluster.Container{Image: "a"}}, nil) == alike("p", cluster.Spec{Container: &cluster.Container{Image: "b"}}, nil) {
		t.Error("images are not told apart")
	}
}

// TestTriedKeepsNoInterrupt: what a try said that was interrupted is not what the machine lets nodes have.
func TestTriedKeepsNoInterrupt(t *testing.T) { synctest.Test(t, keepsNoInterrupt) }

func keepsNoInterrupt(t *testing.T) {
	var n atomic.Int32
	ctx, cancel := context.WithCancel(t.Context())
	env := testEnvironment(t)
	env.Providers = []providers.Entry{{Provider: counting{&n, cancel}, Auto: true}}
	var tried Tried
	want := []cluster.Capability{cluster.Disks, cluster.HoldsBack}
	for _, c := range []context.Context{ctx, t.Context(), t.Context()} {
		tried.unmetHere(c, "counting", cluster.Spec{Nodes: cluster.NodeNames(3)}, want, env)
	}
	once := n.Load() / 2
	n.Store(0)
	got := (&Tried{}).unmetHere(t.Context(), "counting", cluster.Spec{Nodes: cluster.NodeNames(3)}, want, env)
	if n.Load() != once {
		t.Errorf("tried %d times for three plans of which the first was interrupted, want twice %d", 2*once, n.Load())
	}
	if len(got) != 1 || got[cluster.Disks] == "" {
		t.Errorf("not to be had: %q, want the disks alone", got)
	}
}

// passing is a provider that refuses some of its tries, as a machine does that is out of memory for a while.
type passing struct {
	counting
	refuses *bool
}

func (p passing) Available(context.Context, cluster.Spec) error {
	p.tried.Add(1)
	if *p.refuses {
		return errors.New("fork: cannot allocate memory")
	}
	return nil
}

// TestRefusalPasses: what the machine refused is tried again after a while, whether that was the nodes or what they have,
// and what it has given is not.
func TestRefusalPasses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var n atomic.Int32
		refuses := true
		env := Environment{Providers: []providers.Entry{{Provider: passing{counting{tried: &n}, &refuses}, Auto: true}}}
		var tried Tried
		ask := func() bool {
			before := n.Load()
			tried.unmetHere(t.Context(), "counting", cluster.Spec{Nodes: cluster.NodeNames(3)}, []cluster.Capability{cluster.Disks}, env)
			return n.Load() > before
		}
		for i, step := range []struct {
			after   time.Duration
			refuses bool
			tries   bool
		}{
			{0, true, true},
			{refusalHolds - 1, true, false},
			{1, true, true}, // refused once more
			{refusalHolds, false, true},
			{1000 * refusalHolds, true, false}, // it has been given
		} {
			time.Sleep(step.after)
			refuses = step.refuses
			if got := ask(); got != step.tries {
				t.Errorf("step %d: tried %t, want %t", i, got, step.tries)
			}
		}
	})
}

// TestRefusedDisksPass is TestRefusalPasses of a single capability, where nodes can be had.
func TestRefusedDisksPass(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var n atomic.Int32
		env := Environment{Providers: []providers.Entry{{Provider: counting{&n, func() {}}, Auto: true}}}
		var tried Tried
		for _, after := range []time.Duration{0, refusalHolds - 1, 1} {
			time.Sleep(after)
			if got := tried.unmetHere(t.Context(), "counting", cluster.Spec{Nodes: cluster.NodeNames(3)}, []cluster.Capability{cluster.Disks}, env); got[cluster.Disks] == "" {
				t.Error("disks can be had")
			}
		}
		if n.Load() != 2*3 { // the nodes, all together, the disks alone
			t.Errorf("tried %d times, want twice three", n.Load())
		}
	})
}
