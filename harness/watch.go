package harness

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/lapse-test/lapse/checkers/live"
	"github.com/lapse-test/lapse/history"
)

// judgeEvery is how often what came is judged. Judging takes a quarter of a processor at
// most: after each time it rests for three times as long as it took.
const judgeEvery = 300 * time.Millisecond

// watcher judges the operations of a run while they come, and tells what it finds.
type watcher struct {
	run   *run
	watch *live.Watch
	found atomic.Int64
	left  atomic.Int64 // operations that came too fast
	told  map[string]bool
}

// add takes what the recorder wrote; what comes too fast is left to the verdict on the whole.
func (w *watcher) add(h *history.History) {
	if !w.watch.Add(h) {
		w.left.Add(int64(len(h.Ops)))
	}
}

// begin judges until ctx is done, and calls first at the first violation.
func (w *watcher) begin(ctx context.Context, first func()) (done <-chan struct{}) {
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		t := time.NewTimer(judgeEvery)
		defer t.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-t.C:
			}
			began := time.Now()
			found := w.watch.Judge(ctx)
			for i := range found {
				w.tell(&found[i])
			}
			if len(found) > 0 {
				first()
			}
			t.Reset(max(judgeEvery, 3*time.Since(began)))
		}
	}()
	return ended
}

// tell says the first violation of a model in full, and counts the others.
func (w *watcher) tell(f *live.Found) {
	w.found.Add(1)
	if w.told[f.Model] {
		return
	}
	w.told[f.Model] = true
	w.run.progress.Note(fmt.Sprintf("violation found: %s: %s: %s", f.Model, f.Anomaly, f.Sentence))
}
