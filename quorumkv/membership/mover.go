package membership

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/lapse-test/lapse/quorumkv/hlc"
	"github.com/lapse-test/lapse/quorumkv/record"
	"github.com/lapse-test/lapse/quorumkv/replica"
	"github.com/lapse-test/lapse/quorumkv/storage"
)

const (
	// tick is how often the steward looks how far a change is.
	tick = 50 * time.Millisecond
	// patience is after how many ticks a node that hears nothing of the steward asks the others.
	patience = 10
	// pageKeys bounds the records that are looked at for one page.
	pageKeys = 4000
	// fetchKeys bounds the records that are asked for by their keys at a time.
	fetchKeys = 500
	// pageTimeout is for one page.
	pageTimeout = 10 * time.Second
)

// Store is a node's records and small things.
type Store interface {
	Disk
	// Range returns up to limit records of the keys from low on and below high, in their order; all that there are with an empty high.
	Range(low, high string, limit int) (storage.Page, error)
	// Get returns the record of key; the zero one when there is none.
	Get(key string) (record.Record, error)
	// ApplyAll takes what is newer of items and keeps b as the note of that name, both durably and never the note alone. It returns how many were taken.
	ApplyAll(items []storage.Item, note string, b []byte) (taken int, err error)
}

// Options are all that a Mover is told.
type Options struct {
	Self   string
	Nodes  []string // all that are known, this one included: who may become a member
	Keeper *Keeper
	Store  Store
	Clock  *hlc.Clock // is told of the versions of what is pulled
	// Call asks another node's Answer.
	Call func(ctx context.Context, node string, body []byte) ([]byte, error)
	// Allowed is nil, or why members cannot change here.
	Allowed func() error
	Timeout time.Duration // of a call
	Logger  *slog.Logger
}

// Mover carries changes out: it drives them on the steward, pulls keys on nodes that take some, and gives pages on all. All methods may be called concurrently.
type Mover struct {
	o      Options
	wake   chan struct{}
	ticks  int    // Run's own
	warned string // Run's own: what was last said of this node's lost data

	mu       sync.Mutex // orders decisions of the steward
	progress map[string]Progress
	moved    uint64 // the epoch in which progress was made
	waiting  string // why the change does not go on; empty while it does
	told     uint64 // the last stable epoch that all members have, as the steward knows
	before   State  // from which this node made its last stable state

	pulling sync.Mutex
	pull    *pull // of the current change
	stopped bool
	swept   uint64 // the last stable epoch in which nothing was left of what was pulled
}

// Refusal says why a change is not begun; nothing was changed.
type Refusal struct{ Reason string }

// Error is the reason.
func (r *Refusal) Error() string { return r.Reason }

func refuse(format string, args ...any) error { return &Refusal{fmt.Sprintf(format, args...)} }

// Change is what is asked for: exactly one field is set.
type Change struct {
	Add    string `json:"add,omitempty"`
	Remove string `json:"remove,omitempty"`
	Cancel bool   `json:"cancel,omitempty"`
	Ranges []Step `json:"ranges,omitempty"` // one after the other, as one change
}

// Progress is how far a node has pulled what it takes.
type Progress struct {
	Done  bool  `json:"done"`
	Keys  int64 `json:"keys"`  // that were looked at, each once
	Moves int64 `json:"moves"` // of those, that this node takes
	Taken int64 `json:"taken"` // records that came: of each key one, and more where old replicas differ
	MS    int64 `json:"ms"`    // since the node began to pull, in this process
	// Error is why a source gives nothing; it is asked again.
	Error string `json:"error,omitempty"`
}

// Status is what is known of the members.
type Status struct {
	State
	Steward  string              `json:"steward"`
	Progress map[string]Progress `json:"progress,omitempty"` // of the last change, by the node that takes keys
	Waiting  string              `json:"waiting,omitempty"`  // why the change does not go on
}

// question is what nodes ask each other; exactly one of its parts is set.
type question struct {
	Install *State  `json:"install,omitempty"`
	Pull    uint64  `json:"pull,omitempty"` // begin or go on to pull for this epoch
	Page    *where  `json:"page,omitempty"`
	Fetch   *which  `json:"fetch,omitempty"`
	Change  *Change `json:"change,omitempty"`
	Count   *counts `json:"count,omitempty"`
	Status  bool    `json:"status,omitempty"`
	May     bool    `json:"may,omitempty"` // whether members can change there
}

// NewMover makes a mover. Nothing happens before Run.
func NewMover(o Options) *Mover {
	return &Mover{o: o, wake: make(chan struct{}, 1), progress: map[string]Progress{}}
}

// Run drives changes until ctx ends, where this node is the steward.
func (m *Mover) Run(ctx context.Context) {
	t := time.NewTicker(tick)
	defer t.Stop()
	defer m.stopPull()
	for {
		select {
		case <-ctx.Done():
			return
		case <-t.C:
		case <-m.wake:
		}
		err := m.drive(ctx)
		if ctx.Err() != nil {
			return
		}
		if lost := m.o.Keeper.Lost(); lost != m.warned {
			m.warned = lost
			if lost != "" {
				m.o.Logger.Warn("a member without its data", "what", lost)
			}
		}
		m.mu.Lock()
		m.waiting = ""
		if err != nil {
			m.waiting = err.Error()
		}
		m.mu.Unlock()
	}
}

func (m *Mover) hurry() {
	select {
	case m.wake <- struct{}{}:
	default:
	}
}

// drive takes the next step of a change, if this node is its steward and the step can be taken.
func (m *Mover) drive(ctx context.Context) error {
	v := m.o.Keeper.View()
	s := v.State
	if s.Phase == Stable {
		if err := m.sweep(); err != nil {
			return err
		}
		m.mu.Lock()
		told := m.told == 0 || m.told >= s.Epoch
		m.mu.Unlock()
		if told {
			return nil
		}
		if err := m.tell(ctx, s, s.Members); err != nil {
			return fmt.Errorf("the change is made; not all members have heard of it: %w", err)
		}
		m.mu.Lock()
		m.told = s.Epoch
		m.mu.Unlock()
		_ = m.tell(ctx, s, m.o.Nodes) // the others learn of it when they ask a member
		return nil
	}
	if s.Steward() != m.o.Self {
		// It tells this node; but it may be gone since it told another of the end.
		if m.ticks++; m.ticks%patience == 0 {
			_ = m.tell(ctx, s, s.All()) // that not all can be asked is the steward's to say
		}
		return nil
	}
	if err := m.tell(ctx, s, s.All()); err != nil {
		return err
	}
	if s.Phase == Moving {
		if done, err := m.pulled(ctx, v); !done || err != nil {
			return err
		}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.o.Keeper.View().Epoch != s.Epoch {
		return nil // it was canceled
	}
	_, err := m.begin(s, s.Advance())
	return err
}

// tell makes nodes keep a state, and returns nil when all have it on disk, or a later one.
func (m *Mover) tell(ctx context.Context, s State, nodes []string) error {
	return m.each(ctx, nodes, func(ctx context.Context, node string) error { return m.exchange(ctx, node, s) })
}

// exchange gives a node a state and keeps what it answers with, if that is later.
func (m *Mover) exchange(ctx context.Context, node string, s State) error {
	var theirs State
	if err := m.ask(ctx, node, question{Install: &s}, &theirs); err != nil {
		return err
	}
	if theirs.Epoch < s.Epoch || theirs.Epoch == s.Epoch && theirs.String() != s.String() {
		// The latter after its steward has lost its disk: what was promised of either does not hold of both.
		return fmt.Errorf("has %s", theirs)
	}
	_, err := m.o.Keeper.Install(theirs)
	return err
}

// PeerUp exchanges states with a node that can be reached again.
func (m *Mover) PeerUp(ctx context.Context, node string) {
	ctx, cancel := context.WithTimeout(ctx, m.o.Timeout)
	defer cancel()
	if err := m.exchange(ctx, node, m.o.Keeper.View().State); err != nil && ctx.Err() == nil {
		m.o.Logger.Debug("membership not exchanged", "with", node, "error", err)
	}
}

// pulled asks all nodes that take keys to go on, and tells whether all are done.
func (m *Mover) pulled(ctx context.Context, v *View) (bool, error) {
	var mu sync.Mutex
	all := map[string]Progress{}
	err := m.each(ctx, v.takers(), func(ctx context.Context, node string) error {
		var p Progress
		if err := m.ask(ctx, node, question{Pull: v.Epoch}, &p); err != nil {
			return err
		}
		mu.Lock()
		defer mu.Unlock()
		all[node] = p
		if p.Error != "" {
			return errors.New(p.Error)
		}
		return nil
	})
	done := err == nil
	for _, p := range all {
		done = done && p.Done
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.progress, m.moved = all, v.Epoch
	return done, err
}

// each calls f for all nodes at once, and joins what goes wrong by their names.
func (m *Mover) each(ctx context.Context, nodes []string, f func(context.Context, string) error) error {
	errs := make([]error, len(nodes))
	var wg sync.WaitGroup
	for i, node := range nodes {
		wg.Go(func() {
			ctx, cancel := context.WithTimeout(ctx, m.o.Timeout)
			defer cancel()
			if err := f(ctx, node); err != nil {
				errs[i] = fmt.Errorf("%s: %w", node, err)
			}
		})
	}
	wg.Wait()
	return errors.Join(errs...)
}

// ask asks a node, which may be this one.
func (m *Mover) ask(ctx context.Context, node string, q question, out any) error {
	b, err := m.send(ctx, node, q)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(b, out); err != nil {
		return fmt.Errorf("an answer that cannot be read: %w", err)
	}
	return nil
}

// askFor is ask with a time of its own.
func (m *Mover) askFor(ctx context.Context, timeout time.Duration, node string, q question, out any) error {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	return m.ask(ctx, node, q, out)
}

func (m *Mover) send(ctx context.Context, node string, q question) ([]byte, error) {
	body, err := json.Marshal(q)
	if err != nil {
		return nil, fmt.Errorf("encode a question: %w", err)
	}
	if node == m.o.Self {
		return m.Answer(ctx, m.o.Self, body)
	}
	return m.o.Call(ctx, node, body)
}

// decided is the answer to a change, and to whether there may be one.
type decided struct {
	State   State  `json:"state"`
	Refused string `json:"refused,omitempty"`
}

// Answer answers what another node asks.
func (m *Mover) Answer(ctx context.Context, _ string, body []byte) ([]byte, error) {
	var q question
	if err := json.Unmarshal(body, &q); err != nil {
		return nil, fmt.Errorf("%w: a question that cannot be read: %w", replica.ErrNotApplied, err)
	}
	switch {
	case q.Install != nil:
		s, err := m.o.Keeper.Install(*q.Install)
		if err != nil {
			return nil, err
		}
		return json.Marshal(s)
	case q.Page != nil:
		return m.page(*q.Page)
	case q.Fetch != nil:
		return m.fetched(*q.Fetch)
	case q.Pull != 0:
		p, err := m.goOn(q.Pull)
		if err != nil {
			return nil, err
		}
		return json.Marshal(p)
	case q.Count != nil:
		c, err := m.counted(*q.Count)
		if err != nil {
			return nil, err
		}
		return json.Marshal(c)
	case q.Change != nil:
		s, err := m.decide(ctx, *q.Change)
		var r *Refusal
		if errors.As(err, &r) {
			return json.Marshal(decided{Refused: r.Reason})
		}
		if err != nil {
			return nil, err
		}
		return json.Marshal(decided{State: s})
	case q.May:
		if err := m.o.Allowed(); err != nil {
			return json.Marshal(decided{Refused: err.Error()})
		}
		return json.Marshal(decided{})
	case q.Status:
		return json.Marshal(m.own())
	}
	return nil, fmt.Errorf("%w: a question about nothing", replica.ErrNotApplied)
}

// Change asks the steward for a change, and returns the state in which it begins. It goes on by itself. An error that is a *Refusal
// says that nothing was changed.
func (m *Mover) Change(ctx context.Context, c Change) (State, error) {
	s := m.o.Keeper.View().State
	if s.Steward() == m.o.Self {
		return m.decide(ctx, c)
	}
	var d decided
	if err := m.ask(ctx, s.Steward(), question{Change: &c}, &d); err != nil {
		return State{}, fmt.Errorf("%s decides about the members, and was asked: %w", s.Steward(), err)
	}
	if d.Refused != "" {
		return State{}, &Refusal{d.Refused}
	}
	_, err := m.o.Keeper.Install(d.State)
	return d.State, err
}

// Status is what is known of the members; of a change's progress the steward is asked. A change is shown as going on until all members have its end on disk,
// and this node has what it says.
func (m *Mover) Status(ctx context.Context) Status {
	own := m.own()
	if own.Steward == m.o.Self {
		return own
	}
	ctx, cancel := context.WithTimeout(ctx, m.o.Timeout)
	defer cancel()
	var theirs Status
	if err := m.ask(ctx, own.Steward, question{Status: true}, &theirs); err != nil {
		own.Waiting = fmt.Sprintf("%s, which decides about the members, cannot be asked: %v", own.Steward, err)
		return own
	}
	if _, err := m.o.Keeper.Install(theirs.State); err != nil {
		own.Waiting = fmt.Sprintf("what %s says of the members cannot be kept: %v", own.Steward, err)
		return own
	}
	if len(theirs.Progress) == 0 {
		theirs.Progress = m.madeFor(theirs.State)
	}
	return theirs
}

// madeFor is the progress of the change that ended in a state, if this node carried it out: its new steward may be the node that joined.
func (m *Mover) madeFor(s State) map[string]Progress {
	m.mu.Lock()
	defer m.mu.Unlock()
	if s.Phase != Stable || m.moved+2 != s.Epoch {
		return nil
	}
	return m.progress
}

func (m *Mover) own() Status {
	m.mu.Lock()
	defer m.mu.Unlock()
	s := m.o.Keeper.View().State
	if s.Phase == Stable && m.told < s.Epoch && m.before.Epoch > 0 && m.before.Epoch+1 == s.Epoch {
		// A steward that leaves may be taken for done with, and ended for good, as soon as it says that the change is: the others must have heard.
		s = m.before
	}
	return Status{State: s, Steward: s.Steward(), Progress: m.progress, Waiting: m.waiting}
}

// decide begins or cancels a change on the steward.
func (m *Mover) decide(ctx context.Context, c Change) (State, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	v := m.o.Keeper.View()
	s := v.State
	if s.Steward() != m.o.Self {
		return s, refuse("%s decides about the members now: ask again", s.Steward())
	}
	if c.Cancel {
		if s.Phase != Moving {
			return s, refuse("there is no change that can be canceled: %s", s)
		}
		return m.begin(s, s.Cancel())
	}
	to, err := m.check(v, c)
	if err != nil {
		return s, err
	}
	// All must be there, and have heard of the last change, before the next one begins. Others may know of one that this node has lost with its disk.
	_ = m.tell(ctx, s, m.o.Nodes)
	if err := m.tell(ctx, s, to.All()); err != nil {
		return s, refuse("a change waits for all members, old and new, and not all can be reached: %v", err)
	}
	// Hints are with whoever took the write, which may be a node that holds no keys.
	if err := m.each(ctx, m.o.Nodes, m.mayChange); err != nil {
		return s, refuse("%v", err)
	}
	if now := m.o.Keeper.View().State; now.Epoch != s.Epoch {
		return s, refuse("the others had a later membership, %s: ask again", now)
	}
	m.progress, m.moved = map[string]Progress{}, to.Epoch
	return m.begin(s, to)
}

// mayChange is an error with why members cannot change by the options of a node, or by the hints that it keeps, or that it cannot be asked about them.
func (m *Mover) mayChange(ctx context.Context, node string) error {
	var d decided
	if err := m.ask(ctx, node, question{May: true}, &d); err != nil {
		return fmt.Errorf("cannot be asked whether it keeps what stood in for a replica: start it first; if its directory is gone, with an empty one and --join: %w", err)
	}
	if d.Refused != "" {
		return errors.New(d.Refused)
	}
	return nil
}

// begin makes the state that follows another.
func (m *Mover) begin(from, to State) (State, error) {
	now, err := m.o.Keeper.Install(to)
	if err != nil {
		return to, err
	}
	if now.Epoch != to.Epoch {
		return now, refuse("there is a later membership, %s: ask again", now)
	}
	m.told = from.Epoch
	if to.Phase == Stable {
		m.before = from
	}
	m.o.Logger.Info("members change", "state", to.String())
	m.hurry()
	return to, nil
}

// check finds the state in which a change begins, or why it cannot.
func (m *Mover) check(v *View, c Change) (State, error) {
	if len(c.Ranges) > 0 && c.Add+c.Remove == "" {
		next, err := After(v, c.Ranges)
		if err != nil {
			return State{}, err
		}
		return v.BeginRanges(next), nil
	}
	next, err := m.checkMembers(v, c)
	if err != nil {
		return State{}, err
	}
	return v.Begin(next), nil
}

// checkMembers finds the members after a change of them.
func (m *Mover) checkMembers(v *View, c Change) ([]string, error) {
	name := c.Add + c.Remove
	switch {
	case (c.Add == "") == (c.Remove == "") || len(c.Ranges) > 0:
		return nil, refuse("name one node to add or to remove, or what to do with ranges")
	case !slices.Contains(m.o.Nodes, name):
		return nil, refuse("no node %q is known: the nodes are %v; name it among the peers of all nodes first", name, m.o.Nodes)
	case v.Phase != Stable:
		return nil, refuse("a change is going on already: %s", v.State)
	case c.Add != "" && slices.Contains(v.Members, name):
		return nil, refuse("%s is a member already", name)
	case c.Remove != "" && !slices.Contains(v.Members, name):
		return nil, refuse("%s is no member: the members are %v", name, v.Members)
	case c.Remove != "" && len(v.Members) <= v.Read.N():
		return nil, refuse("there are %d members, as many as replicas of each key: add another first", len(v.Members))
	}
	if c.Add != "" {
		return append(slices.Clone(v.Members), name), nil
	}
	return slices.DeleteFunc(slices.Clone(v.Members), func(n string) bool { return n == name }), nil
}
