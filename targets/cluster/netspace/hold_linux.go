package netspace

import (
	"container/heap"
	"math/rand/v2"
	"net/netip"
	"sync"
	"time"

	"github.com/lapse-test/lapse/targets/cluster"
	"github.com/lapse-test/lapse/targets/cluster/nfqueue"
	"github.com/lapse-test/lapse/targets/cluster/nft"
)

// Offsets in the header of IPv4 (RFC 791, section 3.1).
const (
	offsetTOS    = 1
	offsetLength = 2
	offsetSource = 12
)

// backlogTime and backlogBytes bound what waits for a link that carries few bytes a second:
// what is more than either is lost, as in a router that is full.
const (
	backlogTime  = 2 * time.Second
	backlogBytes = 16 << 10
)

// waiting is a packet that is held back.
type waiting struct {
	id    uint32
	lane  *lane
	since time.Time
	due   time.Time
	order uint64
	probe bool
	bytes int
}

// lane is what comes from one address; guarded by its holder.
type lane struct {
	quality cluster.Quality
	// free is when the link has carried what was sent over it before, and last when the
	// last packet is due that was not to overtake others; lastOwn is the same without probes.
	free, last, lastOwn time.Time
	held                cluster.Held
}

// holder holds back what a queue hands to it. Nothing is in the queue but what firewall
// rules put there.
type holder struct {
	queue *nfqueue.Queue
	wake  chan struct{}
	ended sync.WaitGroup

	mu    sync.Mutex
	lanes map[netip.Addr]*lane
	line  line
	order uint64
	err   error // the queue cannot be read any more
}

// line is what waits, by when it is due (container/heap).
type line []*waiting

func (l line) Len() int { return len(l) }
func (l line) Less(i, j int) bool {
	if !l[i].due.Equal(l[j].due) {
		return l[i].due.Before(l[j].due)
	}
	return l[i].order < l[j].order
}
func (l line) Swap(i, j int) { l[i], l[j] = l[j], l[i] }

// Push implements heap.Interface.
func (l *line) Push(x any) { *l = append(*l, x.(*waiting)) }

// Pop implements heap.Interface.
func (l *line) Pop() any {
	last := (*l)[len(*l)-1]
	*l = (*l)[:len(*l)-1]
	return last
}

// newHolder reads the queue of that number in the network namespace behind nsFD.
func newHolder(nsFD int, number uint16) (*holder, error) {
	q, err := nfqueue.Open(nsFD, number)
	if err != nil {
		return nil, err
	}
	h := &holder{queue: q, wake: make(chan struct{}, 1), lanes: map[netip.Addr]*lane{}}
	stop := make(chan struct{})
	h.ended.Go(func() {
		defer close(stop)
		h.read()
	})
	h.ended.Go(func() { h.send(stop) })
	return h, nil
}

// set makes what comes from these addresses wait as q says from now on. What waits already
// goes out at once if q is the zero Quality.
func (h *holder) set(q cluster.Quality, from ...netip.Addr) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, a := range from {
		old := h.lanes[a]
		delete(h.lanes, a)
		if q != (cluster.Quality{}) {
			h.lanes[a] = &lane{quality: q}
		}
		for _, w := range h.line {
			if w.lane == old && old != nil {
				w.due = w.since
			}
		}
	}
	heap.Init(&h.line)
	h.letGo() // before anything that comes later
}

// held counts for each address that waits.
func (h *holder) held() (map[netip.Addr]cluster.Held, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	out := map[netip.Addr]cluster.Held{}
	for a, l := range h.lanes {
		out[a] = l.held
	}
	return out, h.err
}

// holds tells whether anything waits here, or will.
func (h *holder) holds() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.lanes)+len(h.line) > 0
}

func (h *holder) nudge() {
	select {
	case h.wake <- struct{}{}:
	default: // it looks anyway
	}
}

// read puts what comes into the line, until the queue is closed. A queue that cannot be read
// is closed, so that what comes passes.
func (h *holder) read() {
	for {
		packets, err := h.queue.Receive()
		if err != nil {
			h.mu.Lock()
			h.err = err
			h.mu.Unlock()
			_ = h.queue.Close() // it may be closed already
			return
		}
		for _, p := range packets {
			h.take(p)
		}
	}
}

// take puts a packet into the line, or lets it go at once.
func (h *holder) take(p nfqueue.Packet) {
	if len(p.Header) < nfqueue.HeaderSize {
		_ = h.queue.Accept(p.ID) // nothing of ours
		return
	}
	from := netip.AddrFrom4([4]byte(p.Header[offsetSource:]))
	w := &waiting{id: p.ID, since: time.Now(), probe: p.Header[offsetTOS] == nft.ProbeTOS,
		bytes: int(p.Header[offsetLength])<<8 | int(p.Header[offsetLength+1])}
	h.mu.Lock()
	w.lane = h.lanes[from]
	if w.lane == nil {
		h.mu.Unlock()
		_ = h.queue.Accept(p.ID) // the reader's end shows in held
		return
	}
	if !w.lane.admit(w) {
		h.mu.Unlock()
		_ = h.queue.Drop(p.ID)
		return
	}
	h.order++
	w.order = h.order
	heap.Push(&h.line, w)
	first := h.line[0] == w
	h.mu.Unlock()
	if first {
		h.nudge()
	}
}

// admit says when a packet is due, or that there is no room for it.
func (l *lane) admit(w *waiting) bool {
	q := l.quality
	w.due = w.since
	if q.Rate > 0 {
		if l.free.Before(w.since) {
			l.free = w.since
		}
		backlog := l.free.Sub(w.since)
		if !w.probe {
			if bytes := backlog.Seconds() * float64(q.Rate); backlog > backlogTime && bytes > backlogBytes {
				l.held.Lost++
				return false
			}
			l.free = l.free.Add(time.Duration(float64(w.bytes) / float64(q.Rate) * float64(time.Second)))
		}
		w.due = l.free
	}
	// A probe is to show how long the others wait, and overtakes none.
	if q.Reorder > 0 && !w.probe && rand.Float64() < q.Reorder {
		if w.due.Before(l.lastOwn) { // that one still waits, and was sent before
			l.held.Overtook++
		}
		return true
	}
	w.due = w.due.Add(q.Delay)
	if q.Jitter > 0 {
		w.due = w.due.Add(time.Duration(rand.Int64N(2*int64(q.Jitter)+1)) - q.Jitter)
	}
	if w.due.Before(l.last) {
		w.due = l.last
	}
	l.last = w.due
	if !w.probe {
		l.lastOwn = w.due
	}
	return true
}

// send lets packets go when they are due, until stop.
func (h *holder) send(stop <-chan struct{}) {
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		timer.Reset(h.release())
		select {
		case <-stop:
			return
		case <-h.wake:
		case <-timer.C:
		}
	}
}

// atOnce is how many packets get their verdict in one system call at most.
const atOnce = 64

// release lets go what is due, and returns how long the next one waits.
func (h *holder) release() time.Duration {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.letGo()
}

// letGo is release while h.mu is held.
func (h *holder) letGo() time.Duration {
	var due []uint32
	defer func() {
		if len(due) > 0 {
			_ = h.queue.Accept(due...) // the reader's end shows in held
		}
	}()
	now := time.Now()
	for len(h.line) > 0 {
		w := h.line[0]
		if left := w.due.Sub(now); left > 0 {
			return left
		}
		heap.Pop(&h.line)
		if !w.probe {
			w.lane.held.Packets++
			w.lane.held.Bytes += uint64(w.bytes)
			w.lane.held.Waited += now.Sub(w.since)
		}
		due = append(due, w.id)
		if len(due) == atOnce {
			_ = h.queue.Accept(due...)
			due = due[:0]
		}
	}
	return time.Hour
}

// close ends the reading. What still waits is lost.
func (h *holder) close() error {
	err := h.queue.Close()
	h.ended.Wait()
	return err
}
