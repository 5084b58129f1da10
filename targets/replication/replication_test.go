package replication

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/targets/cluster"
)

func TestQuorum(t *testing.T) {
	for replicas := 1; replicas <= 6; replicas++ {
		for acknowledged := 1; acknowledged <= replicas; acknowledged++ {
			need := quorum(replicas, acknowledged)
			// The acknowledgers and the asked must have one in common, and one
			// asked less need not.
			if need+acknowledged <= replicas {
				t.Errorf("%d of %d acknowledged: %d asked may all lack the write", acknowledged, replicas, need)
			}
			if need-1+acknowledged > replicas {
				t.Errorf("%d of %d acknowledged: %d asked would do, not %d", acknowledged, replicas, need-1, need)
			}
		}
		if need := quorum(replicas, 0); need != 1 {
			t.Errorf("asynchronous: %d needed, want 1", need)
		}
	}
}

// nodes are processes that only remember whether they were killed.
type node struct {
	cluster.Node
	name  string
	state cluster.State
}

func (n *node) Name() string               { return n.name }
func (n *node) State() cluster.State       { return n.state }
func (n *node) Kill(context.Context) error { n.state = cluster.Stopped; return nil }

var errServer = errors.New("the server says no")

// database is a primary with replicas, as a failover manager sees it.
type database struct {
	nodes   []*node
	primary int
	at      []uint64
	deaf    map[int]bool
	// errs are what nodes answer instead.
	errs     map[int]error
	given    map[int]bool
	anew     map[int]bool
	promoted error
	did      []string
}

func (d *database) Ask(_ context.Context, i int) Answer[string] {
	switch {
	case d.nodes[i].state == cluster.Stopped:
		return Answer[string]{Err: ErrStopped}
	case d.errs[i] != nil:
		return Answer[string]{Err: d.errs[i]}
	}
	return Answer[string]{Replica: i != d.primary, Deaf: d.deaf[i], Position: d.at[i], Text: fmt.Sprint(d.at[i])}
}
func (d *database) Answered(err error) bool { return errors.Is(err, errServer) }
func (d *database) Eligible(i int) bool     { return !d.given[i] }
func (d *database) Promote(_ context.Context, old, i int) error {
	if d.promoted == nil {
		d.primary, d.given[old] = i, true
	}
	return d.promoted
}
func (d *database) Follow(_ context.Context, a Answer[string]) (bool, error) {
	if d.anew[a.Node] {
		d.given[a.Node] = true
	}
	return d.anew[a.Node], nil
}
func (d *database) Rebuild(_ context.Context, i int) error {
	d.nodes[i].state = cluster.Running
	delete(d.anew, i)
	delete(d.given, i)
	d.did = append(d.did, "rebuilt "+d.nodes[i].name)
	return nil
}

// deployed has n nodes, of which the first is the primary; replicas have more of the log
// the later they come.
func deployed(n, acknowledged int) (*database, *FailoverManager[string]) {
	d := &database{deaf: map[int]bool{}, errs: map[int]error{}, given: map[int]bool{}, anew: map[int]bool{}}
	o := &FailoverManager[string]{
		Driver: d, Primary: func() int { return d.primary }, Acknowledged: acknowledged, Replica: "replica", Roles: new(sync.Mutex),
		Tell:  func(format string, args ...any) { d.did = append(d.did, fmt.Sprintf(format, args...)) },
		Debug: func(string, cluster.Node, error) {}, fenced: map[int]bool{},
	}
	for i, name := range cluster.NodeNames(n) {
		d.nodes = append(d.nodes, &node{name: name, state: cluster.Running})
		d.at = append(d.at, uint64(i))
		o.Nodes = append(o.Nodes, d.nodes[i])
	}
	return d, o
}

// TestFailoverManager: each case is what is wrong, and what the failover manager does in one step.
func TestFailoverManager(t *testing.T) {
	for _, c := range []struct {
		name         string
		acknowledged int
		wrong        func(*database)
		primary      int
		did          string
	}{
		{"nothing", 1, func(*database) {}, 0, ""},
		{"the primary's process has ended", 1, func(d *database) { d.nodes[0].state = cluster.Stopped }, 2, "n3 was promoted at 2"},
		{"it is silent", 1, func(d *database) { d.errs[0] = errors.New("timeout") }, 2, "n1 was fenced (killed), because the primary n1 does not answer; n3 was promoted at 2"},
		{"it answers with an error", 1, func(d *database) { d.errs[0] = errServer }, 0, ""},
		{"a minority does not hear it", 1, func(d *database) { d.deaf[1] = true }, 0, ""},
		{"a majority does not hear it", 1, func(d *database) { d.deaf[1], d.deaf[2] = true, true }, 2, "n1 was fenced (killed), because a majority of the nodes does not hear the primary n1; n3 was promoted at 2"},
		{"one cannot be asked, so that nobody hears it", 1, func(d *database) { d.deaf[1], d.errs[2] = true, errServer }, 0, ""},
		{"a replica is missing that may have a write", 1, func(d *database) { d.nodes[0].state, d.nodes[2].state = cluster.Stopped, cluster.Stopped }, 0, "no replica is promoted although the process of the primary n1 has ended: 1 of 2 replicas can be asked, and 2 are needed"},
		{"a replica is missing, and nothing waits for one", 0, func(d *database) { d.nodes[0].state, d.nodes[2].state = cluster.Stopped, cluster.Stopped }, 1, "n2 was promoted at 1"},
		{"the best has a history that was given up", 0, func(d *database) { d.nodes[0].state, d.given[2] = cluster.Stopped, true }, 1, "n2 was promoted at 1"},
		{"of two alike the first is promoted", 1, func(d *database) { d.nodes[0].state, d.at[1] = cluster.Stopped, 2 }, 1, "n2 was promoted at 2"},
		{"it cannot be promoted", 1, func(d *database) { d.nodes[0].state, d.promoted = cluster.Stopped, errors.New("not yet") }, 0, "no replica is promoted although the process of the primary n1 has ended: promoting n3: not yet"},
		{"a replica has what the primary has not", 1, func(d *database) { d.anew[1] = true }, 0, "rebuilt n2"},
	} {
		t.Run(c.name, func(t *testing.T) {
			d, o := deployed(3, c.acknowledged)
			c.wrong(d)
			o.step(t.Context())
			said := strings.Join(d.did, "; ")
			for _, want := range strings.Split(c.did, "; ") {
				if !strings.Contains(said, want) || c.did == "" && said != "" {
					t.Errorf("it did %q, want %q", said, c.did)
				}
			}
			if d.primary != c.primary {
				t.Errorf("the primary is node %d, want %d", d.primary, c.primary)
			}
			before := len(d.did)
			o.step(t.Context())
			if c.primary == 0 && c.name != "a replica has what the primary has not" && len(d.did) != before {
				t.Errorf("the same was told twice: %q", d.did[before:])
			}
		})
	}
}

// TestFencedComesBack: what was fenced is made anew once there is another primary, and
// not a node that somebody started again before there was one.
func TestFencedComesBack(t *testing.T) {
	d, o := deployed(3, 1)
	d.errs[0] = errors.New("timeout")
	o.step(t.Context())
	delete(d.errs, 0)
	o.step(t.Context())
	if d.primary != 2 || !slices.Contains(d.did, "rebuilt n1") {
		t.Errorf("the primary is node %d; %q", d.primary, d.did)
	}
	d, o = deployed(3, 1)
	d.errs[0], d.promoted = errors.New("timeout"), errors.New("not yet")
	o.step(t.Context())
	delete(d.errs, 0)
	d.nodes[0].state = cluster.Running
	o.step(t.Context())
	if d.primary != 0 || slices.Contains(d.did, "rebuilt n1") {
		t.Errorf("the primary is node %d; %q", d.primary, d.did)
	}
}

// TestStartedAnew: a node that the failover manager killed, and that somebody started
// again as a replica of the new primary, keeps what it has: it may be the only replica of
// what was acknowledged since.
func TestStartedAnew(t *testing.T) {
	d, o := deployed(3, 1)
	d.errs[0] = errors.New("timeout")
	o.step(t.Context())
	delete(d.errs, 0)
	d.nodes[0].state = cluster.Running
	delete(d.given, 0)
	o.step(t.Context())
	if d.primary != 2 || slices.Contains(d.did, "rebuilt n1") || o.fenced[0] {
		t.Errorf("the primary is node %d; %q", d.primary, d.did)
	}
}

// TestAfter: nothing is done before the time is over, which begins anew when the primary
// was seen.
func TestAfter(t *testing.T) {
	d, o := deployed(3, 1)
	o.After = time.Hour
	d.nodes[0].state = cluster.Stopped
	o.step(t.Context())
	if len(d.did) > 0 || o.since.IsZero() {
		t.Errorf("at once: %q", d.did)
	}
	o.since = o.since.Add(-2 * time.Hour)
	d.nodes[0].state = cluster.Running
	o.step(t.Context())
	if !o.since.IsZero() {
		t.Error("the time goes on although the primary is there")
	}
	d.nodes[0].state = cluster.Stopped
	o.step(t.Context())
	if len(d.did) > 0 {
		t.Errorf("it did %q", d.did)
	}
}

type meter struct {
	lags []history.Lag
	err  error
}

func (m *meter) ReplicaLag(context.Context) ([]history.Lag, error) { return m.lags, m.err }

func TestNear(t *testing.T) {
	var told []string
	m := &meter{}
	n := Near{
		Most: 5 * time.Millisecond, Nodes: cluster.NodeNames(3), Primary: func() int { return 0 }, Meter: m,
		Tell: func(format string, args ...any) { told = append(told, fmt.Sprintf(format, args...)) }, Debug: func(error) {},
	}
	for _, c := range []struct {
		name string
		lags []history.Lag
		err  error
		want []int
		told int
	}{
		{"nobody answers at first, which is no change", nil, nil, []int{0, 0, 0}, 0},
		{"one is near, one a little too far", []history.Lag{{Node: "n2", BehindMS: 6}, {Node: "n3", BehindMS: 5}}, nil, []int{2, 2, 2}, 1},
		{"both are", []history.Lag{{Node: "n2"}, {Node: "n3"}}, nil, []int{1, 1, 2}, 2},
		{"one has left", []history.Lag{{Node: "n2"}}, nil, []int{1, 1, 1}, 3},
		{"the primary does not answer", nil, errors.New("?"), []int{0, 0, 0}, 4},
	} {
		m.lags, m.err = c.lags, c.err
		n.look(t.Context())
		for at, want := range c.want {
			if got := n.At(at); got != want {
				t.Errorf("%s: a read at %d goes to %d, want %d", c.name, at, got, want)
			}
		}
		if len(told) != c.told {
			t.Errorf("%s: told %q", c.name, told)
		}
	}
}
