package live

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/lapse-test/lapse/checkers"
	"github.com/lapse-test/lapse/checkers/witness"
	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/internal/count"
)

// Limits are those of Windows; the zero value of a field means its default.
type Limits struct {
	// Bytes bounds what is kept of the history, 64 MB by default; the oldest half is let
	// go when it is more.
	Bytes int64
	// Fresh is the number of operations from which on they are judged, 1024 by default;
	// fewer are after a second.
	Fresh int
	// Rest is how many times as long as judging all that is kept took that is not done
	// again, 8 by default; negative: it is done each time.
	Rest float64
}

func (l Limits) withDefaults() Limits {
	return Limits{Bytes: cmp.Or(l.Bytes, 64<<20), Fresh: cmp.Or(l.Fresh, 1024), Rest: cmp.Or(l.Rest, 8)}
}

// How long operations wait to be judged where they are few, and how long judging one model
// may take at a time and how many bytes its search may hold.
const (
	freshFor             = time.Second
	windowPatience       = 5 * time.Second
	windowMemory   int64 = 512 << 20
)

// InWindows tells whether violations of a model can be found while operations come in, by
// windows. Models that Judges names are judged key by key instead.
func InWindows(m checkers.Model) bool { return m.Monotone && !Judges(m.Name) }

// Windows judges models that are not decided key by key while a history comes in: what came
// last, and now and then all that is kept.
//
// A window is any part of the history without what it cannot know: reads of which the write
// is not in it. It is sound since these models are monotone (checkers.Model.Monotone). In
// detail, let H satisfy a model, by an order of the versions of each key or of all operations
// or by one for each session. Leave out some operations; all reads whose write is left out,
// of compare-and-sets the condition only; and of lists that were read the elements whose
// append is left out, if the last element stays. What stays satisfies the model too:
//
//   - A read that is left out takes constraints away and adds none: all rules are about
//     paths that exist, of reads, sessions, real time and versions. What has no answer and is
//     not read any more counts as not having happened, as nothing that stays read it.
//   - The orders of sessions and of real time between what stays are as before, since both are
//     transitive. Who read from whom is as before, since the write of each read stays; that of
//     a list is the last element's.
//   - The order of the versions that stay is that of H without the others. One version that
//     follows another now did so in H, perhaps with others between; so each step of rw or ww
//     is one of rw or ww and then some of ww in H, which every rule allows on the path that it
//     forbids to close. A list's elements that stay are the beginning of that order, as they
//     were; a list that is empty was. (Lists that disagree refute every one of these models.)
//
// What was not answered yet is not in a window, so that nothing is said of it. Nothing at all
// is said of reads that found no value in a register: there may be a delete that has not come.
// All that takes values that are written once to a key; when one is seen twice, Windows judges
// no more. What is printed of a history with others holds if the verdict on the whole
// agrees.
//
// What windows cannot see (violations over operations that are further apart, most of all) is
// left to the verdict on the whole, which is decided as without them. Each violation, which is a
// model's by its operations, is told once, and so many of a model as the budget has witnesses
// for (checkers.Budget.MaxViolations): then it is judged no more. Methods may be called by several goroutines at once, and Add does not wait for Judge.
type Windows struct {
	budget checkers.Budget
	limits Limits

	mu    sync.Mutex // guards what follows
	inbox []portion
	frame history.History
	left  int64 // bytes that still have a place in inbox

	judging sync.Mutex // guards what follows
	models  []checkers.Checker
	told    map[string]map[string]bool // by model, the violations that were told, by what identity returns
	stopped bool                       // a value was written twice
	kept    []portion
	bytes   int64
	ops     int // in kept
	fresh   int // of them, those that were not judged yet
	since   time.Time
	again   time.Time // when all that is kept may be judged again
	txn     history.Txn
	list    []history.Value
}

// portion is what came at a time.
type portion struct {
	h    *history.History
	size int64
}

// NewWindows judges the models among list that InWindows names.
func NewWindows(list []checkers.Checker, b checkers.Budget, l Limits) *Windows {
	w := &Windows{budget: b.WithDefaults(), limits: l.withDefaults(), told: map[string]map[string]bool{}}
	w.left = w.limits.Bytes
	w.budget.Workers, w.budget.Time = 1, min(windowPatience, w.budget.Time)
	w.budget.Memory = min(windowMemory, w.budget.Memory)
	w.Also(list)
	return w
}

// Also judges the models among list that InWindows names from what comes next on, besides those that are judged; each is new.
func (w *Windows) Also(list []checkers.Checker) {
	w.judging.Lock()
	defer w.judging.Unlock()
	for _, c := range list {
		if InWindows(c.Model()) && !w.stopped {
			w.models, w.told[c.Model().Name] = append(w.models, c), map[string]bool{}
		}
	}
}

// Names are the models that are judged.
func (w *Windows) Names() []string {
	w.judging.Lock()
	defer w.judging.Unlock()
	var names []string
	for _, c := range w.models {
		names = append(names, c.Model().Name)
	}
	return names
}

// Add takes the operations of h, which are copied. Operations of a session that touch in time
// come in the session's order; else any order will do. What comes much faster than it is
// judged is left to the verdict on the whole.
func (w *Windows) Add(h *history.History) {
	own, _ := h.AtItsLevel()
	all := make([]int, len(own.Ops))
	for i := range all {
		all[i] = i
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(all) == 0 || w.left <= 0 {
		return
	}
	p := portion{h: own.Subset(all)}
	w.frame = *p.h
	w.frame.Ops, w.frame.Faults, w.frame.Events = nil, slices.Clone(h.Faults), nil
	p.h.Strings, p.h.Texts, p.h.KeyNames, p.h.Faults, p.h.Events = nil, nil, nil, nil, nil // of frame
	p.size = p.h.Size()
	w.left -= p.size
	w.inbox = append(w.inbox, p)
}

// Judge judges what came, if it is much or has waited, or if all is set. It returns the
// violations that were not told yet, the earliest first; History of a Found is the
// window in which it was found. One whose witness proves nothing when it is checked again is
// left out. When ctx is done it returns soon, and what it left is judged the next time.
func (w *Windows) Judge(ctx context.Context, all bool) []Found {
	w.judging.Lock()
	defer w.judging.Unlock()
	frame := w.take()
	if len(w.models) == 0 || w.fresh == 0 || !all && w.fresh < w.limits.Fresh && time.Since(w.since) < freshFor {
		return nil
	}
	n := w.fresh + max(w.fresh/4, w.limits.Fresh/4)
	began := time.Now()
	whole := n >= w.ops || w.limits.Rest < 0 || !began.Before(w.again)
	if whole {
		n = w.ops
	}
	out := w.judge(ctx, &frame, n)
	if ctx.Err() == nil {
		w.fresh = 0
	}
	if whole {
		w.again = time.Now().Add(time.Duration(w.limits.Rest * float64(time.Since(began))))
	}
	slices.SortFunc(out, func(a, b Found) int { return cmp.Compare(a.At, b.At) })
	return out
}

// RestOfWindows is Rest for Windows: judging takes about a quarter of a processor at most.
func RestOfWindows(took time.Duration) time.Duration {
	return min(max(leastRest, restFor*took), restFor*windowPatience)
}

// take takes what came, and lets the oldest go.
func (w *Windows) take() history.History {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.inbox) > 0 && w.fresh == 0 {
		w.since = time.Now()
	}
	for _, p := range w.inbox {
		w.fresh += len(p.h.Ops)
		w.ops += len(p.h.Ops)
		w.bytes += p.size
	}
	w.kept = append(w.kept, w.inbox...)
	w.inbox, w.left = nil, w.limits.Bytes
	for most := w.limits.Bytes; w.bytes > most && len(w.kept) > 1; most = w.limits.Bytes / 2 {
		w.ops -= len(w.kept[0].h.Ops)
		w.bytes -= w.kept[0].size
		w.kept = slices.Delete(w.kept, 0, 1)
	}
	w.fresh = min(w.fresh, w.ops)
	if len(w.models) == 0 {
		w.kept, w.ops, w.bytes = nil, 0, 0
	}
	return w.frame
}

// judge judges the last n operations that are kept.
func (w *Windows) judge(ctx context.Context, frame *history.History, n int) []Found {
	s := w.look(ctx, frame.Header.Initial, n)
	if ctx.Err() != nil {
		return nil
	}
	if s == nil {
		w.models, w.stopped = nil, true
		return nil
	}
	h := w.history(ctx, frame, n, s, false)
	if h == nil || ctx.Err() != nil {
		return nil
	}
	refuting := func(c checkers.Checker) (list []checkers.Violation, holds bool) {
		if c.Applies(h) != nil || h.Sessionless() && !c.Model().Timeless {
			return nil, true
		}
		v, err := c.Check(ctx, h, w.budget)
		if err != nil || len(v.Violations) == 0 {
			return nil, err != nil || v.Status != checkers.Violated
		}
		return v.Violations, false
	}
	clean := true
	for _, c := range strongest(w.models) {
		_, ok := refuting(c)
		clean = clean && ok
	}
	if clean || ctx.Err() != nil {
		return nil
	}
	var out []Found
	var shown *history.History
	for _, c := range w.models {
		list, _ := refuting(c)
		told := w.told[c.Model().Name]
		for i := range list {
			x := &list[i]
			id := identity(h, x.Ops)
			if told[id] || len(told) >= w.budget.MaxViolations {
				continue
			}
			by, err := witness.Verify(ctx, h, c.Model(), x)
			if err != nil {
				continue
			}
			x.Certified = cmp.Or(x.Certified, by)
			if shown == nil {
				shown = w.history(ctx, frame, n, s, true)
			}
			if shown == nil || ctx.Err() != nil {
				return out // shown may be a part
			}
			if shortened(h, shown, x.Ops) {
				x.Sentence += " (Of lists, only the elements are named whose appends are among the last " + count.Of(n, "operation") + " that had come.)"
			}
			told[id] = true
			out = append(out, Found{*x, shown})
		}
	}
	w.models = slices.DeleteFunc(slices.Clone(w.models), func(c checkers.Checker) bool { return len(w.told[c.Model().Name]) >= w.budget.MaxViolations })
	return out
}

// identity is the same for the same operations in whatever window, and for no others: an operation is known by its process and the
// times at which it was invoked and answered.
func identity(h *history.History, ops []int) string {
	var names []string
	for _, i := range ops {
		op := &h.Ops[i]
		names = append(names, fmt.Sprint(op.Process, " ", op.Invoke, " ", op.Complete))
	}
	slices.Sort(names)
	return strings.Join(slices.Compact(names), ";")
}
