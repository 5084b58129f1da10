package harness

import (
	"sync"

	"github.com/lapse-test/lapse/history"
)

// faultLedger passes fault windows on to the recorder and knows what is broken
// at the moment. Safe for concurrent use.
type faultLedger struct {
	recorder *history.Recorder
	mu       sync.Mutex
	faults   map[int]history.Fault
	order    []int
}

func newFaultLedger(r *history.Recorder) *faultLedger {
	return &faultLedger{recorder: r, faults: map[int]history.Fault{}}
}

// Now implements nemesis.Log.
func (l *faultLedger) Now() history.Time { return l.recorder.Now() }

// Fault implements nemesis.Log.
func (l *faultLedger) Fault(f history.Fault) {
	l.recorder.Fault(f)
	l.mu.Lock()
	defer l.mu.Unlock()
	if _, known := l.faults[f.ID]; !known {
		l.order = append(l.order, f.ID)
	}
	l.faults[f.ID] = f
}

func (l *faultLedger) status() Status {
	l.mu.Lock()
	defer l.mu.Unlock()
	st := Status{Injected: len(l.order)}
	for _, id := range l.order {
		f := l.faults[id]
		if f.TookEffect != 0 {
			st.TookEffect++
		}
		switch {
		case f.Healed != 0:
			st.Healed++
		case f.Error == "":
			st.Faults, st.Kinds = append(st.Faults, f.Name), append(st.Kinds, f.Kind)
		}
	}
	return st
}

// lockedProgress serialises the calls that come from several goroutines.
type lockedProgress struct {
	mu sync.Mutex
	p  Progress
}

func (l *lockedProgress) Phase(name, text string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.p.Phase(name, text)
}

func (l *lockedProgress) Tick(s Status) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.p.Tick(s)
}

func (l *lockedProgress) Note(text string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.p.Note(text)
}
