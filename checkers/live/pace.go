package live

import (
	"time"

	"github.com/lapse-test/lapse/history"
)

// How long a violation waits where nobody waits for the judging, as in a run. A call of
// Judge ends after about round, and the caller rests for restFor times as long as it took
// and for at least leastRest. Keys of which something is still to be judged when it was over
// for tooLate are too many: a share of all keys is left to the verdict on the whole from
// then on, so that what is found of the others is told soon. The share grows again after so
// many calls in a row that left nothing.
//
// What was over up to a flush of the recorder before (250 ms) is judged by one of the next
// two calls, 600 ms apart at most, and a key waits for maxWait: together that is under two
// seconds.
const (
	round                   = 150 * time.Millisecond
	restFor                 = 3
	leastRest               = 300 * time.Millisecond
	tooLate    history.Time = 700e6
	easyCalls               = 10
	leastGroup              = 128
)

// pace adapts the size of calls to the time that one may take.
type pace struct {
	hurry  bool
	clock  func(judged int) time.Duration
	judged int           // operations, over all calls
	before int           // of them, those of earlier calls
	began  time.Duration // of this call, by the clock
	easy   int           // calls in a row that left nothing
}

func (p *pace) begin() {
	if p.hurry {
		p.before, p.began = p.judged, p.clock(p.judged)
	}
}

func (p *pace) over() bool { return p.hurry && p.clock(p.judged)-p.began >= round }

// Hurry has each call of Judge end after 150 ms, judge first what waits the longest, and
// leave a share of all keys to the verdict on the whole where so many operations come that
// it cannot keep up. It is called before anything is judged. By default a call judges all
// that came.
func (w *Watch) Hurry() {
	began := time.Now()
	w.pace.hurry = true
	w.pace.clock = func(int) time.Duration { return time.Since(began) }
	w.group = groupSize / 4
}

// Rest returns the time that the caller rests after a call of Judge that took so long, so that
// judging takes about a quarter of a processor at most.
func Rest(took time.Duration) time.Duration { return min(max(leastRest, restFor*took), restFor*round) }

// Share is which part of the keys is judged, from 0 to 1.
func (w *Watch) Share() float64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	return 1 - float64(w.share.shed)/float64(shares)
}

// adapt takes fewer keys where those that are due wait for too long, and more where there
// is time. It is called at the end of Judge.
func (w *Watch) adapt() {
	if !w.pace.hurry {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if took := w.pace.clock(w.pace.judged) - w.pace.began; took > 2*round && w.group > leastGroup {
		w.group /= 2 // a group is judged to its end
	}
	s := &w.share
	switch {
	case len(w.due) == 0:
		if w.pace.easy++; w.pace.easy >= easyCalls && s.shed > 0 {
			w.pace.easy = 0
			s.shed -= min(s.shed, max(1, (shares-s.shed)/8))
		}
		return
	case w.now-w.due[0].since > tooLate:
		left := 0
		for _, win := range w.due {
			left += len(win.ops)
		}
		did := w.pace.judged - w.pace.before
		// No more than three quarters at a time: a machine that stood still goes on.
		can := max((shares-s.shed)/4, (shares-s.shed)*uint64(did)/uint64(did+left))
		s.shed = shares - max(1, can)
		s.most = max(s.most, s.shed)
	}
	w.pace.easy = 0
}

// share is which keys are judged: of the shares into which they are divided all but the
// first shed. most is how many were shed at any time.
type share struct{ shed, most uint64 }

const shares = 256

func part(k history.Key) uint64 { return uint64(k) * 0x9e3779b97f4a7c15 >> 56 }

// has tells whether k is judged.
func (s share) has(k history.Key) bool { return s.shed == 0 || part(k) >= s.shed }

// lost tells whether operations of k may have been left out.
func (s share) lost(k history.Key) bool { return part(k) < s.most }
