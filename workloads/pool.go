package workloads

import (
	"sync/atomic"

	"github.com/lapse-test/lapse/history"
)

// pool hands out keys that are used for a while and then retired, because a
// check of many short keys is fast and exact where one long key is not.
//
// There are a fixed number of slots, each with one key in use at a time: the
// key of generation g in slot s is g*slots+s, so that keys are dense from 0.
// A group of workers with consecutive numbers, and so on different nodes,
// shares a slot; neighbouring groups overlap.
//
// Which generation a worker uses depends on how often that worker asked, and on
// nothing that the other workers do, so that a plan is a function of its seed.
// Only two things retire a key early. One is too many indeterminate operations
// on it. The other is that some worker is more than half of a key's life
// further on: a worker that was held up (its node was cut off) is taken along,
// for a key that only it still uses tests nothing.
type pool struct {
	slots int
	// epoch is how many operations a worker does (on all keys together) before
	// a slot's key is replaced.
	epoch   int64
	maxInfo int64
	state   []slotState
	cursors []cursor
}

// slotState is what the workers of a slot share. A cache line each.
type slotState struct {
	// newest is the highest generation that somebody uses, floor the lowest
	// that is not retired early.
	newest, floor atomic.Int64
	// info counts the indeterminate operations of one generation:
	// generation<<infoBits + count.
	info atomic.Int64
	_    [40]byte
}

// infoBits holds a count of up to maxOpsPerKey indeterminate operations.
const infoBits = 21

// cursor is where one worker is.
type cursor struct {
	asked int64
	// slots are those that the worker uses, shift how many generations it was
	// taken along in each.
	slots []int32
	shift []int64
	_     [64]byte
}

// poolShape says how keys are shared.
type poolShape struct {
	workers   int
	slots     int
	group     int
	opsPerKey int
	maxInfo   int
	// touches is how many keys one operation uses on average, 0 means 1.
	touches float64
}

func newPool(s poolShape) *pool {
	s.group = min(s.group, s.workers)
	if s.touches == 0 {
		s.touches = 1
	}
	p := &pool{
		slots: s.slots,
		// All workers together use a slot opsPerKey times in an epoch.
		epoch:   max(1, int64(float64(s.opsPerKey)*float64(s.slots)/float64(s.workers)/s.touches)),
		maxInfo: int64(s.maxInfo),
		state:   make([]slotState, s.slots),
		cursors: make([]cursor, s.workers),
	}
	for slot := range s.slots {
		for i := range s.group {
			c := &p.cursors[(p.leader(slot)+i)%s.workers]
			c.slots = append(c.slots, int32(slot))
			c.shift = append(c.shift, 0)
		}
	}
	return p
}

// sharedShape is the shape for keys that several workers read and write: about
// five workers a key and two keys a worker, so that nearly always two or three
// operations are open on a key. That is enough contention to show stale reads
// and lost updates, and little enough for an exact check.
func sharedShape(cfg Config) poolShape {
	const workersPerKey, keysPerWorker, least = 5, 2, 3
	slots := cfg.Keys
	if slots == 0 {
		slots = max(1, cfg.Workers*keysPerWorker/workersPerKey)
	}
	return poolShape{
		workers:   cfg.Workers,
		slots:     slots,
		group:     max(least, (cfg.Workers*keysPerWorker+slots-1)/slots),
		opsPerKey: cfg.OpsPerKey,
		maxInfo:   cfg.MaxInfoPerKey,
	}
}

// everybody is s with all workers sharing every slot.
func (s poolShape) everybody() poolShape {
	s.group = s.workers
	return s
}

// leader is the worker whose number is first in the group of a slot.
func (p *pool) leader(slot int) int { return slot * len(p.cursors) / p.slots }

// first is the leader of the j-th of worker w's slots.
func (p *pool) first(w, j int) int { return p.leader(int(p.cursors[w].slots[j])) }

// ask counts one more operation of worker w; call it once in every Next.
func (p *pool) ask(w int) { p.cursors[w].asked++ }

// width is how many slots worker w uses.
func (p *pool) width(w int) int { return len(p.cursors[w].slots) }

// generation is the one that worker w uses in the j-th of its slots now. It
// takes w along if it fell behind.
func (p *pool) generation(w, j int) int64 {
	c := &p.cursors[w]
	slot := c.slots[j]
	st := &p.state[slot]
	// Slots change keys at different moments, so that not all keys are new at
	// once.
	stagger := int64(slot) * p.epoch / int64(p.slots)
	at := c.asked + stagger
	g := at/p.epoch + c.shift[j]
	newest := st.newest.Load()
	behind := g < newest-1 || g == newest-1 && at%p.epoch < p.epoch/2
	if behind || g < st.floor.Load() {
		c.shift[j] += newest - g
		return newest
	}
	raise(&st.newest, g)
	return g
}

// key is the key that worker w uses in the j-th of its slots now.
func (p *pool) key(w, j int) history.Key {
	return p.keyAt(w, j, p.generation(w, j))
}

// keyAt is the key of generation g in the j-th slot of worker w.
func (p *pool) keyAt(w, j int, g int64) history.Key {
	return history.Key(g*int64(p.slots) + int64(p.cursors[w].slots[j]))
}

// slot is where key was, or is, in use.
func (p *pool) slot(key history.Key) int { return int(key) % p.slots }

// retire ends the life of key for all workers.
func (p *pool) retire(key history.Key) {
	st := &p.state[p.slot(key)]
	g := int64(key) / int64(p.slots)
	// newest first: whoever sees the new floor must also see a generation that
	// is not below it.
	raise(&st.newest, g+1)
	raise(&st.floor, g+1)
}

// indeterminate counts one operation of unknown outcome on key and retires it
// when there were too many.
func (p *pool) indeterminate(key history.Key) {
	st := &p.state[p.slot(key)]
	g := int64(key) / int64(p.slots)
	for {
		old := st.info.Load()
		count := int64(1)
		switch counted := old >> infoBits; {
		case counted > g:
			return // a newer key has its own count already
		case counted == g:
			count += old & (1<<infoBits - 1)
		}
		if st.info.CompareAndSwap(old, g<<infoBits+count) {
			if count >= p.maxInfo {
				p.retire(key)
			}
			return
		}
	}
}

// indeterminateTxn counts a transaction of unknown outcome on every key that it
// writes.
func (p *pool) indeterminateTxn(txn *history.Txn) {
	for i := range txn.Mops {
		if m := &txn.Mops[i]; m.Func.Writes() {
			p.indeterminate(m.Key)
		}
	}
}

// raise sets a to v unless it is higher already.
func raise(a *atomic.Int64, v int64) {
	for {
		old := a.Load()
		if old >= v || a.CompareAndSwap(old, v) {
			return
		}
	}
}

// used are the keys that were in use, newest first and at most limit of them.
// To be called after the load.
func (p *pool) used(limit int) []history.Key {
	var top int64
	for i := range p.state {
		top = max(top, p.state[i].newest.Load())
	}
	var keys []history.Key
	for g := top; g >= 0; g-- {
		for s := range p.slots {
			if len(keys) == limit {
				return keys
			}
			if g <= p.state[s].newest.Load() {
				keys = append(keys, history.Key(g*int64(p.slots)+int64(s)))
			}
		}
	}
	return keys
}
