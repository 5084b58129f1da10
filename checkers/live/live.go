// Package live finds violations of register models while the operations come in.
//
// It judges, key by key, what has come so far without what cannot be judged yet: operations
// that saw a value of which the write has not come. A history stays linearizable (regular,
// and so on) when operations are left out, as long as whatever saw their values is left out
// too; so what is found is a violation of the whole history, whatever comes later and in
// whatever order it comes. That needs values that are written once to a key; what was found
// in a history of others holds only if the verdict on the whole agrees.
//
// What is not found while it runs is found by the verdict on the whole: values that nobody
// wrote, reads that found nothing (there may have been a delete), and reads of values that
// are older than what is kept of a key. A key of which nothing was heard for a while is let
// go, and of a key with very many operations the oldest are, so that memory does not grow
// with the history.
package live

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"time"

	"github.com/lapse-test/lapse/checkers"
	"github.com/lapse-test/lapse/checkers/linearizable"
	"github.com/lapse-test/lapse/checkers/registry"
	"github.com/lapse-test/lapse/checkers/regular"
	"github.com/lapse-test/lapse/checkers/session"
	"github.com/lapse-test/lapse/checkers/staleness"
	"github.com/lapse-test/lapse/checkers/witness"
	"github.com/lapse-test/lapse/history"
)

// What is kept: at most so many operations of a key, half of which are let go when there
// are more; keys of which nothing was heard for so long by the history's clock; and so many
// operations that wait to be judged, about 25 MB.
const (
	maxWindow               = 4096
	idle       history.Time = 30e9
	maxWaiting              = 1 << 18
)

// Keys are judged in groups of about so many operations: what a check costs for itself is
// shared by hundreds of keys.
const groupSize = 1 << 15

// When more than so many operations would be judged at a time, a key waits until a quarter
// of its operations are new, but no more than so many times and for so long by the history's
// clock: what is judged again for a few new operations is most of the work otherwise.
const (
	eagerOps              = 1 << 14
	maxWaits              = 2
	maxWait  history.Time = 500e6
)

// patience bounds the check of one key by one model, so that a hard one keeps no other
// waiting for long; one that took so long is judged again when half of its operations are new.
const patience = 300 * time.Millisecond

// Judges tells whether violations of the model called name can be found while operations
// come in.
func Judges(name string) bool {
	switch checkers.Base(name) {
	case linearizable.Model, regular.Regular, session.ReadYourWrites, session.MonotonicReads, staleness.Model:
		return true
	}
	return false
}

// Found is a violation, with a history of the operations of its witness alone.
type Found struct {
	checkers.Violation
	History *history.History
}

// Watch judges what comes in. Its methods may be called by several goroutines at once, and
// Add does not wait for Judge.
type Watch struct {
	models []checkers.Checker
	needed []checkers.Checker // those of models that no other one implies
	budget checkers.Budget
	most   int // operations of a key that are kept
	group  int // see groupSize
	eager  int // see eagerOps
	pace   pace

	mu      sync.Mutex      // guards what follows
	share   share           // of the keys
	inbox   []op            // what came and was not taken by Judge yet
	frame   history.History // header, names and faults, as they came last
	ops     int             // that came
	waiting int             // operations that may wait
	kept    int             // keys

	judging sync.Mutex // guards what follows
	spare   []op
	due     []*window
	known   map[history.Value]bool
	keys    map[history.Key]*window
	gone    bits // keys of which operations were let go
	now     history.Time
}

// window holds the operations that are kept of one key.
type window struct {
	ops   []op
	last  history.Time
	since history.Time    // when the first of those was over that were not judged yet
	fresh int             // operations that were not judged yet
	waits int             // how often it was not judged though some were fresh
	gone  bool            // operations of its key were let go
	alone bool            // it is judged for itself: it violates something, or is hard
	hard  bool            // its check took too long
	found map[string]bool // models of which a violation was told
}

type op struct {
	history.Op
	mop  history.Mop
	kept bool // used by Watch.add alone
}

// New is a Watch for the models among list that Judges names.
func New(list []checkers.Checker, b checkers.Budget) *Watch {
	w := &Watch{budget: b.WithDefaults(), most: maxWindow, group: groupSize, eager: eagerOps, waiting: maxWaiting, keys: map[history.Key]*window{}, known: map[history.Value]bool{}}
	w.budget.Workers, w.budget.MaxViolations, w.budget.Time = 1, 1, min(patience, w.budget.Time)
	for _, c := range list {
		if Judges(c.Model().Name) {
			w.models = append(w.models, c)
		}
	}
	w.needed = strongest(w.models)
	return w
}

// strongest are the models of list that no other one of them implies, one of those that
// imply each other.
func strongest(list []checkers.Checker) []checkers.Checker {
	order := registry.Lattice()
	implies := func(a, b checkers.Checker) bool { return order.Implies(a.Model().Name, b.Model().Name) }
	var out []checkers.Checker
	for i, c := range list {
		implied := false
		for j, d := range list {
			implied = implied || i != j && implies(d, c) && (j < i || !implies(c, d))
		}
		if !implied {
			out = append(out, c)
		}
	}
	return out
}

// Idle tells that there is no model to be judged.
func (w *Watch) Idle() bool { return len(w.models) == 0 }

// Add takes the operations of h, which are copied. Those that are no single operation on a
// register are left out. Operations of a session that touch in time come in the session's
// order; else any order will do. It takes none and returns false when too many wait to be judged:
// the caller judges, or leaves them to the verdict on the whole.
func (w *Watch) Add(h *history.History) bool {
	own, _ := h.AtItsLevel() // reads of nodes by themselves promise nothing
	w.mu.Lock()
	defer w.mu.Unlock()
	if n := len(w.inbox); n > 0 && n+len(own.Ops) > w.waiting {
		return false
	}
	w.frame = *h
	w.frame.Ops, w.frame.Faults, w.frame.Events = nil, slices.Clone(h.Faults), nil
	w.ops += len(own.Ops)
	for i := range own.Ops {
		o := &own.Ops[i]
		if mops := h.Mops(o); len(mops) == 1 && judged(o, &mops[0]) && w.share.has(mops[0].Key) {
			w.inbox = append(w.inbox, op{Op: *o, mop: mops[0]})
		}
	}
	return true
}

// Counts returns the numbers of operations that have come and of keys that are kept.
func (w *Watch) Counts() (ops, keys int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.ops, w.kept
}

// Judge judges the keys of which something came since it was called last, and lets those go
// of which nothing has come for long. It returns the first violation of each model on each
// key, the earliest first; one whose witness proves nothing when it is checked again is left
// out. Where very much came, what came last to some keys is judged by one of the next calls.
// When ctx is done it returns what it has; see also Hurry.
func (w *Watch) Judge(ctx context.Context) []Found {
	w.judging.Lock()
	defer w.judging.Unlock()
	w.pace.begin()
	w.mu.Lock()
	came, frame := w.inbox, w.frame
	w.inbox = w.spare[:0]
	w.mu.Unlock()
	for i := range came {
		w.keep(came[i])
	}
	w.spare = came
	w.choose()
	var out []Found
	for len(w.due) > 0 && ctx.Err() == nil && !w.pace.over() {
		n, ops := 0, 0
		for n < len(w.due) && (n == 0 || !w.due[0].alone && !w.due[n].alone && ops+len(w.due[n].ops) <= w.group) {
			ops += len(w.due[n].ops)
			n++
		}
		for _, win := range w.due[:n] {
			win.fresh, win.waits = 0, 0
		}
		out = append(out, w.judge(ctx, &frame, w.due[:n])...)
		w.due = w.due[n:]
		w.pace.judged += ops
	}
	w.adapt()
	slices.SortFunc(out, func(a, b Found) int { return cmp.Compare(a.At, b.At) })
	w.mu.Lock()
	w.kept = len(w.keys)
	w.mu.Unlock()
	return out
}

// choose puts the keys that are to be judged into due, and lets those go of which nothing
// has come for long.
func (w *Watch) choose() {
	w.due = w.due[:0]
	w.mu.Lock()
	shed := w.share
	w.mu.Unlock()
	ops := 0
	for k, win := range w.keys {
		switch {
		case !shed.has(k):
			delete(w.keys, k)
		case win.fresh > 0 && len(win.found) == len(w.models):
			win.fresh = 0
		case win.hard && 2*win.fresh < len(win.ops):
		case win.fresh > 0:
			win.gone = w.gone.has(k) || shed.lost(k)
			w.due = append(w.due, win)
			ops += len(win.ops)
		case w.now-win.last > idle:
			w.gone.set(k)
			delete(w.keys, k)
		}
	}
	if ops > w.eager {
		w.due = slices.DeleteFunc(w.due, func(win *window) bool {
			if 4*win.fresh >= len(win.ops) || win.waits >= maxWaits || w.now-win.since > maxWait {
				return false
			}
			win.waits++
			return true
		})
	}
	slices.SortFunc(w.due, func(a, b *window) int { return cmp.Compare(a.since, b.since) })
}

// keep puts o to the operations of its key.
func (w *Watch) keep(o op) {
	k, at := o.mop.Key, end(&o)
	w.now = max(w.now, at)
	win := w.keys[k]
	if win == nil {
		win = &window{}
		w.keys[k] = win
	}
	if len(win.ops) >= w.most {
		slices.SortStableFunc(win.ops, func(a, b op) int { return cmp.Compare(end(&a), end(&b)) })
		win.ops = slices.Clone(win.ops[w.most/2:])
		w.gone.set(k)
	}
	if win.ops = append(win.ops, o); win.fresh == 0 {
		win.since = at
	}
	win.last = max(win.last, at)
	win.fresh++
}

// end returns the time at which an operation was over, or began if it never was.
func end(o *op) history.Time {
	if o.Complete == history.Never {
		return o.Invoke
	}
	return o.Complete
}

// judged tells whether an operation says something here. A compare-and-set that failed
// without telling the value says that another one was there, which may not have come yet.
func judged(o *history.Op, m *history.Mop) bool {
	switch m.Func {
	case history.Read:
		return o.Outcome == history.OK && m.Flags&history.Observed != 0
	case history.Write, history.Delete:
		return o.Outcome != history.Fail
	case history.CAS:
		return o.Outcome != history.Fail || m.Flags&history.Observed != 0
	}
	return false
}

// judge judges keys, several as one history: where that violates nothing, none of them
// does, since the models are local. Otherwise the keys are judged in two halves.
func (w *Watch) judge(ctx context.Context, frame *history.History, wins []*window) []Found {
	if len(wins) == 1 {
		return w.judgeKey(ctx, frame, wins[0])
	}
	if w.clean(ctx, frame, wins) {
		return nil
	}
	half := len(wins) / 2
	return append(w.judge(ctx, frame, wins[:half]), w.judge(ctx, frame, wins[half:])...)
}

// clean tells whether the operations of several keys together are known to violate no model.
func (w *Watch) clean(ctx context.Context, frame *history.History, wins []*window) bool {
	h := w.history(frame, wins)
	if h == nil {
		return false
	}
	for _, c := range w.needed {
		if v, err := c.Check(ctx, h, w.budget); err != nil || v.Total > 0 || v.Unfinished || len(v.Undecided) > 0 {
			return false
		}
	}
	return true
}

// judgeKey judges one key.
func (w *Watch) judgeKey(ctx context.Context, frame *history.History, win *window) []Found {
	if len(win.found) == len(w.models) || ctx.Err() != nil {
		return nil
	}
	h := w.history(frame, []*window{win})
	if h == nil {
		return nil
	}
	var out []Found
	for _, c := range w.models {
		name := c.Model().Name
		if win.found[name] {
			continue
		}
		v, err := c.Check(ctx, h, w.budget)
		win.hard = win.hard || err == nil && v.Unfinished
		if err != nil || len(v.Violations) == 0 {
			continue // the verdict on the whole says what is wrong
		}
		x := v.Violations[0]
		by, err := witness.Verify(ctx, h, c.Model(), &x)
		if err != nil {
			continue
		}
		x.Certified = cmp.Or(x.Certified, by)
		if win.found == nil {
			win.found = map[string]bool{}
		}
		win.found[name], win.alone = true, true
		out = append(out, alone(h, x))
	}
	return out
}

// alone is x with a history of its operations only.
func alone(h *history.History, x checkers.Violation) Found {
	was := slices.Compact(slices.Sorted(slices.Values(x.Ops)))
	place := func(i int) int {
		n, ok := slices.BinarySearch(was, i)
		if !ok {
			return -1
		}
		return n
	}
	x.Ops = make([]int, len(was))
	for i := range x.Ops {
		x.Ops[i] = i
	}
	x.Steps = slices.Clone(x.Steps)
	for i := range x.Steps {
		x.Steps[i].From, x.Steps[i].To = place(x.Steps[i].From), place(x.Steps[i].To)
	}
	return Found{x, h.Subset(was)}
}

// history returns the part of keys that can be judged: all operations but those that saw what is not
// known to have been written, and those that saw what these wrote. It is nil if that is no
// history.
func (w *Watch) history(frame *history.History, wins []*window) *history.History {
	b := history.NewBuilder(frame.Header)
	for _, f := range frame.Faults {
		b.AddFault(f)
	}
	n := 0
	for _, win := range wins {
		n += len(win.ops)
	}
	b.Grow(n, n)
	for _, win := range wins {
		if w.add(b, frame.Header.Initial, win); win.alone && len(wins) > 1 {
			return nil
		}
	}
	h, err := b.HistoryOf(frame)
	if err != nil {
		return nil // impossible as a whole, which its reader says
	}
	return h
}

// add adds to b what can be judged of a key.
func (w *Watch) add(b *history.Builder, initial history.Value, win *window) {
	known := w.known
	clear(known)
	// That nothing is there may be by a delete that has not come, and is judged in the end.
	if initial != history.Absent && !win.gone {
		known[initial] = true
	}
	for i := range win.ops {
		o := &win.ops[i]
		if o.kept = sees(o, known); o.kept {
			if v, ok := installs(o); ok {
				win.alone = win.alone || known[v] // it takes a search
				known[v] = true
			}
		}
	}
	for again := true; again; {
		again = false
		for i := range win.ops {
			o := &win.ops[i]
			if o.kept || !sees(o, known) {
				continue
			}
			o.kept = true
			if v, ok := installs(o); ok && !known[v] {
				known[v], again = true, true
			}
		}
	}
	for i := range win.ops {
		if o := &win.ops[i]; o.kept {
			b.AddPlain(o.Op, o.mop)
		}
	}
}

// sees tells whether what o saw, if it saw something, is known.
func sees(o *op, known map[history.Value]bool) bool {
	switch {
	case o.mop.Func == history.CAS && o.Outcome != history.Fail:
		return known[o.mop.Expect]
	case o.mop.Flags&history.Observed != 0:
		return known[o.mop.Ret]
	}
	return true
}

// installs is the value that o puts there.
func installs(o *op) (history.Value, bool) {
	switch {
	case o.Outcome == history.Fail:
		return 0, false
	case o.mop.Func == history.Delete:
		return 0, false // see history
	}
	return o.mop.Arg, o.mop.Func.Installs()
}

// bits is a set of keys.
type bits struct {
	words  []uint64
	sparse map[history.Key]bool
}

const denseKeys = 1 << 26 // eight megabytes

func (b *bits) set(k history.Key) {
	if k >= denseKeys {
		if b.sparse == nil {
			b.sparse = map[history.Key]bool{}
		}
		b.sparse[k] = true
		return
	}
	if n := int(k)/64 + 1; n > len(b.words) {
		b.words = append(b.words, make([]uint64, n+n/2-len(b.words))...)
	}
	b.words[k/64] |= 1 << (k % 64)
}

func (b *bits) has(k history.Key) bool {
	if k >= denseKeys {
		return b.sparse[k]
	}
	return int(k)/64 < len(b.words) && b.words[k/64]&(1<<(k%64)) != 0
}
