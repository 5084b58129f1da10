package nemesis

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/internal/duration"
	"github.com/lapse-test/lapse/targets/ability"
	"github.com/lapse-test/lapse/targets/cluster"
)

// scene is a stage while faults are on it.
type scene struct {
	Stage
	ledger *ledger
	nodes  []string
	// exists asks the operating system for a process; tests that have no
	// processes replace it.
	exists func(pid int) bool

	// network is held while links are cut or healed together with their entry
	// in the ledger.
	network sync.Mutex
	// starting has an element from the aiming of a fault until it was seen to take
	// effect.
	starting chan struct{}
	// out serialises Progress.
	out sync.Mutex

	// mu guards all below.
	mu     sync.Mutex
	lastID int
	tally  Tally
	// lost says that a node was given up.
	lost bool
}

func newScene(stage Stage) *scene {
	stage.Limits = stage.Limits.withDefaults()
	if p, ok := stage.Cluster.(cluster.Patient); ok {
		// A fault is an order and what it takes to see that it was carried out.
		stage.Limits.Probe = max(stage.Limits.Probe, p.Patience())
		stage.Limits.Effect = max(stage.Limits.Effect, 2*p.Patience())
	}
	s := &scene{Stage: stage, ledger: newLedger(), starting: make(chan struct{}, 1), exists: processExists}
	for _, n := range stage.Cluster.Nodes() {
		s.nodes = append(s.nodes, n.Name())
	}
	return s
}

// outlasting is for what goes on when ctx is done, which is the end of the load, and
// ends when the stage is discarded.
func (s *scene) outlasting(ctx context.Context) (context.Context, context.CancelFunc) {
	on, cancel := context.WithCancel(context.WithoutCancel(ctx))
	if s.Discarded != nil {
		go func() {
			select {
			case <-s.Discarded:
				cancel()
			case <-on.Done():
			}
		}()
	}
	return on, cancel
}

// discarded tells whether the stage is.
func (s *scene) discarded() bool {
	select {
	case <-s.Discarded:
		return true
	default:
		return false
	}
}

func (s *scene) say(format string, args ...any) {
	if s.Progress == nil {
		return
	}
	s.out.Lock()
	defer s.out.Unlock()
	s.Progress(fmt.Sprintf(format, args...))
}

// now is the run's clock, never 0: 0 means never in a history.Fault.
func (s *scene) now() history.Time { return max(s.Log.Now(), 1) }

// note changes the outcome.
func (s *scene) note(change func(*Tally)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(&s.tally)
}

// begin gives f its number and the time of its injection.
func (s *scene) begin(f *history.Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lastID++
	s.tally.Injected++
	f.ID, f.Injected = s.lastID, s.now()
	s.Log.Fault(*f)
}

// amiss has the history say what else is amiss, for a verdict is given from the history alone: a step that could not be injected, or nodes that were to be
// well when all faults were over. Such an entry is no fault that was injected, and Tally does not count it.
func (s *scene) amiss(f history.Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lastID++
	f.ID, f.Injected = s.lastID, s.now()
	f.Healing = f.Injected
	if f.TookEffect == 0 {
		f.Healed = f.Injected // it covers no operation
	} else {
		f.TookEffect = f.Injected
	}
	s.Log.Fault(f)
}

// primary asks the database for the node that takes the writes. Right after a
// failover there may be none for a moment.
func (s *scene) primary(ctx context.Context) (string, error) {
	p, ok := s.System.(ability.Primarier)
	if !ok {
		return "", usagef("the target has no primary")
	}
	var name string
	_, err := await(ctx, s.Limits.Effect, func(ctx context.Context) ([]string, error) {
		var err error
		name, err = p.Primary(ctx)
		if err == nil && !slices.Contains(s.nodes, name) {
			err = fmt.Errorf("the primary is said to be %q, which is no node", name)
		}
		return nil, err
	})
	return name, err
}

// awake makes sure that a fault can be put on the process of node: it runs, no other
// fault has taken it, and if it was started again it is in service by now.
func (s *scene) awake(ctx context.Context, node string) error {
	if err := s.ledger.free(claimProcess, node); err != nil {
		return err
	}
	n, err := s.Cluster.Node(node)
	if err != nil {
		return err
	}
	if st := n.State(); st != cluster.Running {
		return s.down(n.Name(), st)
	}
	if !s.ledger.isWaking(node) {
		return nil
	}
	if why := s.ready(ctx, []string{node}, s.Limits.Effect)[node]; why != nil {
		return skip("another fault has just ended there: %s", why)
	}
	return nil
}

// down says that a node does not run: left out while other faults are on, which
// the database may have answered by stopping it, else an error.
func (s *scene) down(node string, st cluster.State) error {
	if s.ledger.others() {
		return skip("%s is %s while another fault is on", node, st)
	}
	return fmt.Errorf("%s was %s before, though no fault had done that", node, st)
}

// unasked is err, for which it cannot be told what a step would be done to: left out while other faults are on, which may be why
// the database does not say, else an error, so that no fault is missing with nobody told.
func (s *scene) unasked(err error) error {
	if s.ledger.others() {
		return skip("%s", err)
	}
	return err
}

// await calls ok until it returns nil, at most for limit, and otherwise returns
// what it said last: the reason without the waiting. A *gaveUp ends it at once.
func await(ctx context.Context, limit time.Duration, ok func(context.Context) ([]string, error)) ([]string, error) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	var proof []string
	last := poll(ctx, func(ctx context.Context) (err error) {
		proof, err = ok(ctx)
		return err
	})
	if isGivenUp(last) {
		return nil, last
	}
	if last != nil {
		return nil, fmt.Errorf("%w (after %s)", last, duration.Text(limit))
	}
	return proof, nil
}

// each does f for all items at once and returns their errors in the order of
// the items, joined.
func each[T any](items []T, f func(T) error) error {
	errs := make([]error, len(items))
	var wg sync.WaitGroup
	for i, item := range items {
		wg.Go(func() { errs[i] = f(item) })
	}
	wg.Wait()
	return joinErrors(errs)
}

// joinErrors is errors.Join on one line.
func joinErrors(errs []error) error {
	errs = slices.DeleteFunc(errs, func(err error) bool { return err == nil })
	switch len(errs) {
	case 0:
		return nil
	case 1:
		return errs[0]
	}
	return &joined{errs}
}

type joined struct{ errs []error }

// Error shows at most a few of many: forty links that fail do so for one reason.
func (j *joined) Error() string {
	const shown = 4
	var b strings.Builder
	for i, err := range j.errs[:min(shown, len(j.errs))] {
		if i > 0 {
			b.WriteString("; ")
		}
		b.WriteString(err.Error())
	}
	if n := len(j.errs) - shown; n > 0 {
		fmt.Fprintf(&b, "; and %d more", n)
	}
	return b.String()
}

func (j *joined) Unwrap() []error { return j.errs }
