package nemesis

import (
	"context"
	"errors"
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

// window is a fault from injection to its end.
type window struct {
	fault  history.Fault
	action action
	grip   grip
	// claims are what its kind claims of the cluster, once its nodes are known.
	claims []claim
	// since is when it was about to be injected.
	since time.Time
	// unhealed is why it was not seen to be over.
	unhealed error
}

// touched are the nodes that the fault was done to, or whose links it cut.
func (w *window) touched() []string {
	nodes := slices.Clone(w.fault.Nodes)
	for _, text := range w.fault.Cuts {
		from, to, _ := strings.Cut(text, ">")
		nodes = append(nodes, from, to)
	}
	slices.Sort(nodes)
	nodes = slices.Compact(nodes)
	return slices.DeleteFunc(nodes, func(n string) bool { return n == cluster.Clients })
}

// live carries out one step: inject, see it take effect, hold, heal, see it healed but
// for the nodes being back in service, which settle sees to. It returns nil if the step was not carried out.
//
// The end of ctx is the end of the load: it cuts the hold short. What has begun
// is carried through under on, with the time that it may take, for a fault must
// neither stay nor be left undecided. The end of on leaves it as it is.
func (s *scene) live(ctx, on context.Context, step *Step) *window {
	k, err := find(step.Fault)
	if err != nil {
		s.refuse(step, history.Fault{Name: step.Fault}, err)
		return nil
	}
	w := &window{action: k.act(step), grip: k.grip}
	f := &w.fault
	err = s.start(ctx, on, w, step)
	if f.ID == 0 {
		s.refuse(step, *f, err)
		return nil
	}
	defer s.release(w)
	if s.discarded() {
		return w
	}
	if err != nil {
		f.Error = "took no effect: " + err.Error()
		s.note(func(o *Tally) { o.Ineffective = append(o.Ineffective, Trouble{f.ID, f.Name, err.Error()}) })
		s.say("fault %d: %s: took no effect: %s", f.ID, f.Name, err)
	} else {
		f.TookEffect = s.now()
		s.Log.Fault(*f)
		s.note(func(o *Tally) { o.TookEffect++ })
		s.say("fault %d: %s: took effect (%s)", f.ID, f.Name, seconds(f.TookEffect-f.Injected))
		sleep(ctx, time.Duration(f.Injected-s.now())+step.Hold)
	}
	if s.discarded() {
		return w
	}

	f.Healing = s.now()
	s.Log.Fault(*f)
	held := s.held(on, w)
	w.unhealed = joinErrors([]error{held, s.mend(on, w)})
	if k.grip == onProcess {
		s.ledger.wake(f.Nodes, 1)
	}
	return w
}

// start aims a fault, injects it and waits until it was seen to take effect. The
// fault has no ID if it was not injected. One fault at a time: another one that
// began meanwhile could keep this one from taking effect. One whose turn comes when the
// load is over is left out, for there is nobody whom it could hurt, and nothing that would show it.
func (s *scene) start(load, ctx context.Context, w *window, step *Step) error {
	select {
	case s.starting <- struct{}{}:
	case <-load.Done():
		return &skipped{errLoadEnded.Error()}
	}
	defer func() { <-s.starting }()
	if load.Err() != nil {
		return &skipped{errLoadEnded.Error()}
	}
	if err := w.action.aim(ctx, s, &w.fault); err != nil {
		return err
	}
	aimed := *step
	aimed.Nodes = w.fault.Nodes
	if w.grip == onProcess { // a failover manager has more in its hands than the node that an order is about
		aimed.Nodes = add(slices.Clone(w.fault.Nodes), step.Nodes...)
	}
	w.claims = claimsOfStep(s.nodes, &aimed)
	if err := s.ledger.hold(w.fault.Name, w.claims); err != nil {
		return err
	}
	if err := s.spares(ctx, w); err != nil {
		s.release(w)
		return err
	}
	s.ledger.begin()
	w.since = time.Now()
	s.begin(&w.fault)
	return s.breakIt(ctx, w)
}

// release ends what w does and gives back what it holds.
func (s *scene) release(w *window) {
	if r, ok := w.action.(repeated); ok {
		r.cease()
	}
	s.ledger.drop(w.claims)
}

// refuse records a step that was not carried out.
func (s *scene) refuse(step *Step, f history.Fault, err error) {
	t := Trouble{Name: f.Name, Reason: err.Error()}
	if t.Name == "" {
		t.Name = step.Fault
	}
	if s.discarded() {
		err = errDiscarded
		t.Reason = err.Error()
	}
	if isSkipped(err) || s.discarded() {
		s.note(func(o *Tally) { o.Skipped = append(o.Skipped, t) })
		s.say("%s: left out: %s", t.Name, t.Reason)
		return
	}
	s.note(func(o *Tally) { o.Ineffective = append(o.Ineffective, t) })
	s.amiss(history.Fault{Kind: step.Fault, Name: t.Name, Nodes: f.Nodes, Error: "could not be injected: " + t.Reason})
	s.say("%s: could not be injected: %s", t.Name, t.Reason)
}

// breakIt injects and waits for the proof.
func (s *scene) breakIt(ctx context.Context, w *window) error {
	limits := s.limits(w.action)
	inject, cancel := context.WithTimeout(ctx, limits.Effect)
	defer cancel()
	if err := w.action.inject(inject, s); err != nil {
		return fmt.Errorf("injecting it: %w", err)
	}
	proof, err := await(ctx, limits.Effect, func(ctx context.Context) ([]string, error) {
		return w.action.tookEffect(ctx, s)
	})
	w.fault.Proof = append(w.fault.Proof, proof...)
	return err
}

// limits are those for an action.
func (s *scene) limits(a action) Limits {
	if p, ok := a.(patient); ok {
		return p.patience(s.Limits)
	}
	return s.Limits
}

// held is an error if a fault that took effect was over before it was to be healed, where that can be seen: what
// stands in the history as its window was none.
func (s *scene) held(ctx context.Context, w *window) error {
	h, ok := s.Cluster.(cluster.Holder)
	if !ok || w.fault.TookEffect == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, s.Limits.Heal)
	defer cancel()
	return each(w.touched(), func(node string) error {
		if node == cluster.Clients {
			return nil
		}
		return h.Lost(ctx, node, w.since)
	})
}

// mend heals and waits for the proof that the fault's own effect is over.
func (s *scene) mend(ctx context.Context, w *window) error {
	limits := s.limits(w.action)
	ctx, cancel := context.WithTimeout(ctx, limits.Heal)
	defer cancel()
	_, err := await(ctx, limits.Heal, func(ctx context.Context) ([]string, error) {
		return nil, w.action.heal(ctx, s)
	})
	if err != nil {
		return fmt.Errorf("healing it: %w", err)
	}
	look := s.deadOnes(w)
	proof, err := await(ctx, limits.Heal, func(ctx context.Context) ([]string, error) {
		proof, err := w.action.healed(ctx, s)
		if err != nil {
			err = look(err)
		}
		return proof, err
	})
	w.fault.Proof = append(w.fault.Proof, proof...)
	return err
}

// settle ends windows, because every node that they touched is back in service
// or should have been within limit. Only then a fault is over.
func (s *scene) settle(ctx context.Context, windows []*window, limit time.Duration) {
	var nodes []string
	for _, w := range windows {
		nodes = append(nodes, w.touched()...)
	}
	slices.Sort(nodes)
	nodes = slices.Compact(nodes)
	missing := s.ready(ctx, nodes, limit)
	for _, w := range windows {
		s.conclude(w, missing)
	}
}

// settledEarly tries to end a window while other faults are on: if all its nodes
// are in service all the same, it is over. If not, that may be the others'
// doing, and nothing is said.
func (s *scene) settledEarly(ctx context.Context, w *window) bool {
	const patience = 2 * time.Second
	if w.unhealed != nil {
		return false
	}
	missing := s.ready(ctx, w.touched(), patience)
	if len(missing) > 0 {
		return false
	}
	s.conclude(w, missing)
	return true
}

// conclude records the end of a window, given the nodes that are not in service.
func (s *scene) conclude(w *window, missing map[string]error) {
	f := &w.fault
	s.ledger.end()
	if w.grip == onProcess {
		s.ledger.wake(f.Nodes, -1)
	}
	if s.discarded() {
		f.Error = errDiscarded.Error()
		s.Log.Fault(*f)
		return
	}
	_, checked := s.System.(ability.ReadyChecker)
	errs := []error{w.unhealed}
	for _, n := range w.touched() {
		if errs = append(errs, missing[n]); missing[n] == nil && checked {
			f.Proof = append(f.Proof, n+" is in service")
		}
	}
	if err := joinErrors(errs); err != nil {
		if f.Error != "" {
			f.Error += "; "
		}
		f.Error += "was not seen to heal: " + err.Error()
		s.note(func(o *Tally) { o.Unhealed = append(o.Unhealed, Trouble{f.ID, f.Name, err.Error()}) })
		s.say("fault %d: %s: not healed: %s", f.ID, f.Name, err)
		s.giveUp(err)
	} else {
		f.Healed = s.now()
		s.note(func(o *Tally) { o.Healed++ })
		over := "healed"
		if f.TookEffect == 0 {
			over = "nothing of it is left"
		}
		s.say("fault %d: %s: %s (%s)", f.ID, f.Name, over, seconds(f.Healed-f.Healing))
	}
	s.Log.Fault(*f)
}

// ready waits for nodes to be in service, all at a time, and returns why those are not that are
// not within limit, or that have no process any more. While one is waited for another may go: a
// failover manager fences a primary late.
func (s *scene) ready(ctx context.Context, nodes []string, limit time.Duration) map[string]error {
	r, ok := s.System.(ability.ReadyChecker)
	if !ok {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	for {
		missing := s.eachReady(ctx, r, nodes, limit)
		if len(missing) > 0 || each(nodes, func(n string) error { return r.Ready(ctx, n) }) == nil {
			return missing
		}
		sleep(ctx, cluster.PollEvery)
	}
}

// eachReady waits for each of nodes by itself, as ready does for all.
func (s *scene) eachReady(ctx context.Context, r ability.ReadyChecker, nodes []string, limit time.Duration) map[string]error {
	missing := map[string]error{}
	var mu sync.Mutex
	_ = each(nodes, func(n string) error {
		node, err := s.Cluster.Node(n)
		if err == nil {
			d := dead{scene: s, node: node}
			_, err = await(ctx, limit, func(ctx context.Context) ([]string, error) {
				if why := r.Ready(ctx, n); why != nil {
					return nil, d.look(why)
				}
				return nil, nil
			})
		}
		if err != nil {
			mu.Lock()
			defer mu.Unlock()
			missing[n] = fmt.Errorf("%s is not in service: %w", n, err)
		}
		return nil
	})
	return missing
}

// sleep waits for d, or for the end of ctx, and tells whether d has passed.
func sleep(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return ctx.Err() == nil
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}

func seconds(t history.Time) string {
	return duration.Text(time.Duration(t))
}

// errDiscarded stands for what came of a fault when the stage was discarded.
var errDiscarded = errors.New("left as it was: the run was interrupted, and the nodes were removed")

var errLoadEnded = errors.New("the load ended before its time came")
