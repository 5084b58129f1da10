package external

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/lapse-test/lapse/targets/cluster"
	"github.com/lapse-test/lapse/targets/launch"
)

// Roles are which nodes of an external cluster take writes: every one, or one of them,
// the primary, whose changes are followed. A Driver of a database with replicas embeds
// it beside Stay, calls Met in its Meet and Find in its Fit; the other methods are safe
// for concurrent use after that.
type Roles struct {
	// Writes asks a node whether it takes writes.
	Writes func(ctx context.Context, node int) (bool, error)
	// Replica is what to call a node that takes none, such as "a standby".
	Replica string
	// Changed is called with each primary that is found, Every if all nodes take writes;
	// nil calls nobody.
	Changed func(primary int)

	mu  sync.Mutex
	met []bool

	primary atomic.Int32
	observe atomic.Pointer[func(kind, text string)]
	unwatch func()
}

// Every is the primary where every node takes writes.
const Every = -1

// Met notes whether a node takes writes, and says it in the words of Driver.Meet. It is safe for
// concurrent use.
func (r *Roles) Met(node int, writes bool) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	for len(r.met) <= node {
		r.met = append(r.met, false)
	}
	if r.met[node] = writes; writes {
		return "takes writes"
	}
	return r.Replica
}

// Find decides by what was Met of every node. With needsReplica it is an error if there is none
// that only replays.
func (r *Roles) Find(needsReplica bool) error {
	primary, err := primaryOf(r.met, needsReplica)
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
	return cluster.NodeNames(len(r.met))[r.Index()], nil
}

// Observe implements targets.Observer.
func (r *Roles) Observe(f func(kind, text string)) { r.observe.Store(&f) }

// followEvery is between two looks: each is a login, which costs the server something.
const followEvery = time.Second

// follower is a Driver that follows changes of the primary, as Roles does, until it is closed.
type follower interface{ Follow() }

// follow begins with that: when the place was made, and what joins a run, and so makes nothing, when
// it has looked.
func follow(d Driver) {
	if f, ok := d.(follower); ok {
		f.Follow()
	}
}

// Follow follows changes of the primary until Close is called.
func (r *Roles) Follow() {
	if r.Index() == Every || len(r.met) == 1 {
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
			names := cluster.NodeNames(len(r.met))
			(*f)("failover", fmt.Sprintf("%s takes the writes now, as it was found; before it was %s", names[i], names[was]))
		}
	}
}

// another asks all nodes but one at once, and gives those that take writes as they say it;
// found is closed when all have answered. stop ends the questions.
func (r *Roles) another(ctx context.Context, but int) (found <-chan int, stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	all := make(chan int, len(r.met))
	var asked sync.WaitGroup
	for i := range r.met {
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
