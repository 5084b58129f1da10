package local

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync/atomic"
	"time"

	"github.com/lapse-test/lapse/targets/cluster"
)

var _ cluster.Shaper = (*network)(nil)

// shape is the quality of a link that is not as it is; all is guarded by network.mu.
type shape struct {
	// usual: nothing has shaped the link beyond what it is like all the time.
	usual   bool
	quality cluster.Quality
	held    cluster.Held
	// free is when the link has carried what was sent over it before.
	free time.Time
}

// streamed are what streams can have: what is lost, sent twice or overtaken in a network is
// made good below them.
var streamed = []cluster.Capability{cluster.HoldsBack, cluster.Resets}

// Capabilities implements cluster.Capable. Links that lead through no proxy have none.
func (Provider) Capabilities(spec cluster.Spec) []cluster.Capability {
	if unproxied(spec) {
		return slices.Clone(limited)
	}
	return slices.Concat(streamed, limited)
}

// Shape implements cluster.Shaper.
func (w *network) Shape(_ context.Context, q cluster.Quality, links ...cluster.Link) error {
	if err := w.check(links); err != nil {
		return err
	}
	if err := q.Check(); err != nil {
		return err
	}
	if lacking := cluster.Lacking(streamed, q.Needs()); lacking != nil {
		return fmt.Errorf("proxies of streams are no %s", lacking.Meaning())
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return errClosed
	}
	for _, l := range links {
		usual, has := w.usual[l]
		switch {
		case q != (cluster.Quality{}):
			w.shapes[l] = &shape{quality: q.Atop(usual)}
		case has:
			w.shapes[l] = &shape{usual: true, quality: usual}
		default:
			delete(w.shapes, l)
		}
	}
	// Whoever holds something back looks again.
	close(w.reshaped)
	w.reshaped = make(chan struct{})
	return nil
}

// Held implements cluster.Shaper.
func (w *network) Held(context.Context) (map[cluster.Link]cluster.Held, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	out := map[cluster.Link]cluster.Held{}
	for l, s := range w.shapes {
		if !s.usual {
			out[l] = s.held
		}
	}
	return out, nil
}

// Usual implements cluster.Shaper.
func (w *network) Usual(link cluster.Link) cluster.Quality { return w.usual[link] }

// Reset implements cluster.Shaper.
func (w *network) Reset(_ context.Context, links ...cluster.Link) (int, error) {
	if err := w.check(links); err != nil {
		return 0, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	n := 0
	for s := range w.connections {
		for _, l := range links {
			if !s.ended && s.there.dst != nil && (s.there.link == l || s.back.link == l) {
				s.resetLocked()
				n++
				break
			}
		}
	}
	return n, nil
}

// RoundTrip implements cluster.Shaper by a probe each way.
func (w *network) RoundTrip(ctx context.Context, a, b string) (time.Duration, error) {
	there, err := w.oneWay(ctx, cluster.Link{From: a, To: b})
	if err != nil {
		return 0, err
	}
	back, err := w.oneWay(ctx, cluster.Link{From: b, To: a})
	return there + back, err
}

// due is when so many bytes that were read just now are to go on at the latest, as the link
// is and as it usually is, and whether that is later than now. It counts them if so, but for
// a probe's.
func (s *stream) due(bytes int) (p parcel, later bool) {
	w := s.net
	w.mu.Lock()
	defer w.mu.Unlock()
	sh := w.shapes[s.link]
	if sh == nil {
		return parcel{}, false
	}
	now := time.Now()
	at := now
	if q := sh.quality; q.Rate > 0 {
		if sh.free.Before(now) {
			sh.free = now
		}
		sh.free = sh.free.Add(time.Duration(float64(bytes) / float64(q.Rate) * float64(time.Second)))
		at = sh.free
	}
	at = at.Add(sh.quality.Delay)
	if j := sh.quality.Jitter; j > 0 {
		at = at.Add(time.Duration(rand.Int64N(2*int64(j)+1)) - j)
	}
	if !s.probe {
		sh.held.Packets++
		sh.held.Bytes += uint64(bytes)
		sh.held.Waited += at.Sub(now)
	}
	p = parcel{due: at, usual: at}
	if !sh.usual {
		p.usual = now.Add(w.usual[s.link].Delay)
	}
	return p, true
}

// The bounds of what a line holds back; a sender that goes on writing is stopped by
// them, as a real one is by its window.
const (
	lineParcels = 1024
	lineBytes   = 256 << 10
)

// parcel is what was read at once, and when it is to go on: as the link was shaped then,
// and as soon as it is no longer.
type parcel struct {
	data       []byte
	due, usual time.Time
}

// line holds back what a stream has read from a link that is shaped. Its stream puts
// parcels in, one goroutine of its own takes them out in the same order.
type line struct {
	stream  *stream
	parcels chan parcel
	pending atomic.Int64 // bytes that were put in and not yet written
	failed  atomic.Bool
	done    chan struct{}
}

func newLine(s *stream) *line {
	l := &line{stream: s, parcels: make(chan parcel, lineParcels), done: make(chan struct{})}
	go l.run()
	return l
}

// put holds data back until p says; it says whether the line still carries anything.
func (l *line) put(data []byte, p parcel) bool {
	for l.pending.Load() > lineBytes && !l.failed.Load() {
		time.Sleep(time.Millisecond)
	}
	if l.failed.Load() {
		return false
	}
	l.pending.Add(int64(len(data)))
	p.data = append([]byte(nil), data...)
	l.parcels <- p
	return true
}

// idle tells whether all that was put in has gone on.
func (l *line) idle() bool { return l.pending.Load() == 0 }

// end waits until all has gone on, and says whether it has.
func (l *line) end() bool {
	close(l.parcels)
	<-l.done
	return !l.failed.Load()
}

func (l *line) run() {
	defer close(l.done)
	for p := range l.parcels {
		if !l.failed.Load() {
			l.wait(p)
			if !l.stream.write(p.data) {
				l.failed.Store(true)
			}
		}
		l.pending.Add(-int64(len(p.data)))
	}
}

// wait returns when p is due, or the connection has ended.
func (l *line) wait(p parcel) {
	var gone chan struct{}
	if c := l.stream.connection; c != nil {
		gone = c.gone
	}
	for {
		w := l.stream.net
		w.mu.Lock()
		sh, changed, closed := w.shapes[l.stream.link], w.reshaped, w.closed
		w.mu.Unlock()
		due := p.due
		if sh == nil || sh.usual {
			due = p.usual
		}
		left := time.Until(due)
		if closed || left <= 0 {
			return
		}
		t := time.NewTimer(left)
		select {
		case <-t.C:
		case <-gone:
			t.Stop()
			return
		case <-changed:
			t.Stop()
		}
	}
}
