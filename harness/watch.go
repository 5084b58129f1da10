package harness

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/lapse-test/lapse/checkers/live"
	"github.com/lapse-test/lapse/history"
)

// watcher judges the operations of a run while they come, and tells what it finds.
type watcher struct {
	run *run
	// watch and windows may be nil, but not both.
	watch   *live.Watch
	windows *live.Windows
	found   atomic.Int64
	left    atomic.Int64 // operations that came too fast
	least   float64      // share of the keys that was judged
	mu      sync.Mutex   // guards what follows
	told    map[string]bool
	// shown has the model as whose violation a sentence was told first.
	shown map[string]string
	// slowest is the longest that a violation waited from its completion until it was told.
	slowest time.Duration
}

// lastWindows bounds how long windows are judged once the history has ended.
const lastWindows = 300 * time.Millisecond

// add takes what the recorder wrote; what comes too fast is left to the verdict on the whole.
func (w *watcher) add(h *history.History) {
	if w.windows != nil {
		w.windows.Add(h)
	}
	if w.watch != nil && !w.watch.Add(h) {
		w.left.Add(int64(len(h.Ops)))
	}
}

// begin judges until end is called, which judges once more if all is set, and calls first at the first
// violation.
func (w *watcher) begin(ctx context.Context, first func()) (end func(all bool)) {
	ctx, cancel := context.WithCancel(ctx)
	var last atomic.Bool
	var loops sync.WaitGroup
	if w.watch != nil {
		w.watch.Hurry()
		loops.Go(func() { repeat(ctx, &last, live.Rest, func(ctx context.Context, _ bool) { w.judge(ctx, first) }) })
	}
	if w.windows != nil {
		loops.Go(func() {
			repeat(ctx, &last, live.RestOfWindows, func(ctx context.Context, all bool) {
				if all { // the verdict on the whole follows
					var cancel context.CancelFunc
					ctx, cancel = context.WithTimeout(ctx, lastWindows)
					defer cancel()
				}
				w.tellAll(w.windows.Judge(ctx, all), first)
			})
		})
	}
	return func(all bool) {
		last.Store(all)
		cancel()
		loops.Wait()
		if n := w.found.Load(); n > 0 {
			w.run.log.Info("violations were found while the run went on", "found", n, "the slowest after its completion", w.slowest)
		}
		if n := w.left.Load(); n > 0 {
			w.run.log.Info("operations came faster than they were judged; the verdict on the whole judges them", "operations", n)
		}
	}
}

// repeat calls judge, with rests in between, until ctx is done, and then, if last is set, a last time for all that is
// left, which ends soon.
func repeat(ctx context.Context, last *atomic.Bool, rest func(took time.Duration) time.Duration, judge func(ctx context.Context, all bool)) {
	t := time.NewTimer(rest(0))
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			if last.Load() {
				judge(context.WithoutCancel(ctx), true)
			}
			return
		case <-t.C:
		}
		began := time.Now()
		judge(ctx, false)
		t.Reset(rest(time.Since(began)))
	}
}

// tellAll tells what was found, and calls first if it is anything.
func (w *watcher) tellAll(found []live.Found, first func()) {
	for i := range found {
		w.tell(&found[i])
	}
	if len(found) > 0 {
		first()
	}
}

func (w *watcher) judge(ctx context.Context, first func()) {
	w.tellAll(w.watch.Judge(ctx), first)
	if share := w.watch.Share(); share < w.least {
		w.least = share
		w.run.log.Info("more operations come than can be judged at once; the verdict on the whole judges the other keys", "share of keys", share)
	}
}

// tell says the first violation of a model in full, and counts the others.
func (w *watcher) tell(f *live.Found) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.found.Add(1)
	after := time.Duration(w.run.recorder.Now() - f.At)
	w.slowest = max(w.slowest, after)
	if w.run.deps.Found != nil {
		w.run.deps.Found(f)
	}
	if w.told[f.Model] {
		return
	}
	w.told[f.Model] = true
	w.run.log.Info("a violation was found", "model", f.Model, "anomaly", f.Anomaly, "after its completion", after)
	w.run.progress.Note(w.note(f))
}

// note is how a violation is told: in full once, and of another model that the same operations violate, as those of the
// first one.
func (w *watcher) note(f *live.Found) string {
	if first, ok := w.shown[f.Anomaly+f.Sentence]; ok {
		return fmt.Sprintf("violation found: %s: %s, by the same operations as %s", f.Model, f.Anomaly, first)
	}
	w.shown[f.Anomaly+f.Sentence] = f.Model
	return fmt.Sprintf("violation found: %s: %s: %s", f.Model, f.Anomaly, f.Sentence)
}
