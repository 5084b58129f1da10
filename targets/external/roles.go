package external

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/lapse-test/lapse/targets/cluster"
	"github.com/lapse-test/lapse/targets/launch"
)

// Roles are which nodes of an external cluster take writes: every one, or one of them,
// the primary, whose changes are followed. A Driver of a database with replicas embeds
// it beside Stay. Find is called by Look and Follow by Make; the other methods are safe
// for concurrent use after that.
type Roles struct {
	// Writes asks a node whether it takes writes.
	Writes func(ctx context.Context, node int) (bool, error)
	// Replica is what to call a node that takes none, such as "a standby".
	Replica string
	// Changed is called with each primary that is found, Every if all nodes take writes;
	// nil calls nobody.
	Changed func(primary int)

	at      []string
	primary atomic.Int32
	observe atomic.Pointer[func(kind, text string)]
	unwatch func()
}

// Every is the primary where every node takes writes.
const Every = -1

// Find asks every node at these addresses. With needsReplica it is an error if there is
// none that only replays. explain makes the error of a node that does not answer.
func (r *Roles) Find(ctx context.Context, at []string, needsReplica bool, explain func(node int, err error) error) error {
	r.at = at
	writes := make([]bool, len(at))
	group, ctx := errgroup.WithContext(ctx)
	for i := range at {
		group.Go(func() (err error) {
			if writes[i], err = r.Writes(ctx, i); err != nil {
				return explain(i, err)
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	primary, err := primaryOf(writes, needsReplica)
	if err != nil {
		return err
	}
	r.set(primary)
	return nil
}

// primaryOf decides by which nodes take writes.
func primaryOf(writes []bool, needsReplica bool) (int, error) {
	names := cluster.NodeNames(len(writes))
	var writers []int
	for i, w := range writes {
		if w {
			writers = append(writers, i)
		}
	}
	wrong := func(way, format string, args ...any) (int, error) {
		return 0, &cluster.EnvironmentError{Doing: "looking for the node that takes the writes", Err: fmt.Errorf(format, args...), Way: way}
	}
	switch {
	case len(writers) == 0:
		return wrong("name the primary as well", "none of the nodes of --at takes writes")
	case len(writers) == 1:
		return writers[0], nil
	case len(writers) < len(writes):
		return wrong("name the nodes of one, and have its replicas refuse writes", "both %s and %s do, and others do not: these are the nodes of several clusters, or replicas that take writes", names[writers[0]], names[writers[1]])
	case needsReplica:
		return wrong("use --read-level any, or have the replicas refuse writes", "all nodes take writes, and the read level needs one that does not")
	}
	return Every, nil
}

func (r *Roles) set(primary int) {
	r.primary.Store(int32(primary))
	if r.Changed != nil {
		r.Changed(primary)
	}
}

// Index is that of the primary, or Every.
func (r *Roles) Index() int { return int(r.primary.Load()) }

// Writer is the index of a node that takes writes.
func (r *Roles) Writer() int { return max(0, r.Index()) }

// TakesWrites says whether the node with this index does.
func (r *Roles) TakesWrites(node int) bool { return r.Index() == Every || r.Index() == node }

// Primary implements ability.Primarier.
func (r *Roles) Primary(context.Context) (string, error) {
	if r.Index() == Every {
		return "", errors.New("every node takes writes")
	}
	return cluster.NodeNames(len(r.at))[r.Index()], nil
}

// Observe implements targets.Observer.
func (r *Roles) Observe(f func(kind, text string)) { r.observe.Store(&f) }

// Describe is a line for each node.
func (r *Roles) Describe() []string {
	var lines []string
	for i, n := range cluster.NodeNames(len(r.at)) {
		role := r.Replica
		if r.TakesWrites(i) {
			role = "takes writes"
		}
		lines = append(lines, fmt.Sprintf("%s (%s) %s", n, r.at[i], role))
	}
	return lines
}

// followEvery is between two looks: each is a login, which costs the server something.
const followEvery = time.Second

// Follow follows changes of the primary until Close is called.
func (r *Roles) Follow() {
	if r.Index() == Every || len(r.at) == 1 {
		return
	}
	r.unwatch = launch.Every(followEvery, r.follow)
}

// primaryPatience is how long the present primary is waited for before the others are
// asked: one that hangs answers nobody, and the question to it would last for much longer.
const primaryPatience = time.Second

// follow looks for another primary when the present one is none any more, or does not
// answer soon. Should that be alive all the same, it stays the primary unless another one
// says that it takes writes.
func (r *Roles) follow(ctx context.Context) {
	was := r.Index()
	soon, cancel := context.WithTimeout(ctx, primaryPatience)
	writes, err := r.Writes(soon, was)
	cancel()
	if err == nil && writes {
		return
	}
	found, stop := r.another(ctx, was)
	defer stop()
	if i, ok := <-found; ok {
		r.set(i)
		if f := r.observe.Load(); f != nil {
			names := cluster.NodeNames(len(r.at))
			(*f)("failover", fmt.Sprintf("%s takes the writes now, as it was found; before it was %s", names[i], names[was]))
		}
	}
}

// another asks all nodes but one at once, and gives those that take writes as they say it;
// found is closed when all have answered. stop ends the questions.
func (r *Roles) another(ctx context.Context, but int) (found <-chan int, stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	all := make(chan int, len(r.at))
	var asked sync.WaitGroup
	for i := range r.at {
		if i == but {
			continue
		}
		asked.Go(func() {
			if writes, err := r.Writes(ctx, i); err == nil && writes {
				all <- i
			}
		})
	}
	done := make(chan struct{})
	go func() { asked.Wait(); close(all); close(done) }()
	return all, func() { cancel(); <-done }
}

// Close implements external.Driver: nothing is followed any more.
func (r *Roles) Close() error {
	if r.unwatch != nil {
		r.unwatch()
	}
	return nil
}
