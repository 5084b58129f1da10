package order

import (
	"cmp"
	"container/heap"
	"slices"

	"github.com/lapse-test/lapse/checkers/txn/internal/dsg"
	"github.com/lapse-test/lapse/checkers/txn/internal/graph"
	"github.com/lapse-test/lapse/checkers/txn/internal/ir"
	"github.com/lapse-test/lapse/history"
)

// Guess orders the transactions as they may have committed: along as much
// of the known graph as has no cycle, early completions first, and no write
// before the known readers of what it replaces if that can be helped. It is only
// a guess: what is concluded from it is checked.
func Guess(d *dsg.DSG, known *graph.Graph) ([]int32, error) {
	for _, mask := range []graph.Kind{
		graph.KindAll, graph.KindAll &^ graph.KindRT, graph.KindVersion | graph.KindWR | graph.KindSO | graph.KindRT,
		graph.KindVersion | graph.KindWR | graph.KindSO, graph.KindVersion | graph.KindWR, graph.KindWR,
	} {
		g := known
		if mask != graph.KindAll {
			var err error
			if g, err = known.Restrict(d.Guard, mask|graph.KindEps); err != nil {
				return nil, err
			}
		}
		if order, ok := schedule(d, g); ok {
			return order, nil
		}
		if err := d.Guard.Check(); err != nil {
			return nil, err
		}
	}
	order := make([]int32, d.N)
	for v := range order {
		order[v] = int32(v)
	}
	return order, nil
}

// scheduler is Kahn's algorithm with a queue by completion and a place to wait
// for those that would overwrite what is still to be read.
type scheduler struct {
	*dsg.DSG
	g       *graph.Graph
	in      []int32
	rank    []int32
	ready   rankHeap
	waiting rankHeap
	// pending[w] is how many readers of write w are still to come; by key for
	// the initial version, behind all writes.
	pending []int32
	current []int32   // of a key: the slot in pending of its version
	blocked [][]int32 // by slot: who waits for its readers
	placed  []bool
	order   []int32
}

type rankHeap struct {
	items []int32
	rank  []int32
}

func (h *rankHeap) Len() int           { return len(h.items) }
func (h *rankHeap) Less(i, j int) bool { return h.rank[h.items[i]] < h.rank[h.items[j]] }
func (h *rankHeap) Swap(i, j int)      { h.items[i], h.items[j] = h.items[j], h.items[i] }
func (h *rankHeap) Push(x any)         { h.items = append(h.items, x.(int32)) }
func (h *rankHeap) Pop() any {
	n := len(h.items) - 1
	x := h.items[n]
	h.items = h.items[:n]
	return x
}

func schedule(d *dsg.DSG, g *graph.Graph) (order []int32, ok bool) {
	n := g.Nodes()
	s := &scheduler{
		DSG: d, g: g,
		in: make([]int32, n), rank: make([]int32, n),
		pending: make([]int32, len(d.Writes)+d.Keys), current: make([]int32, d.Keys),
		blocked: make([][]int32, len(d.Writes)+d.Keys), placed: make([]bool, n),
	}
	for _, w := range g.To {
		s.in[w]++
	}
	s.ranks()
	for k := range s.current {
		s.current[k] = int32(len(d.Writes) + k)
	}
	for v := range int32(d.N) {
		s.reads(v, func(slot int32) { s.pending[slot]++ })
	}
	s.ready.rank, s.waiting.rank = s.rank, s.rank
	for v := range int32(n) {
		if s.in[v] == 0 {
			heap.Push(&s.ready, v)
		}
	}
	for s.ready.Len()+s.waiting.Len() > 0 {
		if d.Guard.Tick() != nil {
			return nil, false
		}
		if s.ready.Len() == 0 {
			v := heap.Pop(&s.waiting).(int32)
			if !s.placed[v] {
				s.place(v)
			}
			continue
		}
		v := heap.Pop(&s.ready).(int32)
		if s.placed[v] {
			continue
		}
		if int(v) < d.N {
			if slot := s.obstacle(v); slot >= 0 {
				s.blocked[slot] = append(s.blocked[slot], v)
				heap.Push(&s.waiting, v)
				continue
			}
		}
		s.place(v)
	}
	return s.order, len(s.order) == d.N
}

// ranks sorts by completion; barriers and hubs come first, they are free.
func (s *scheduler) ranks() {
	byTime := make([]int32, s.N)
	for v := range byTime {
		byTime[v] = int32(v)
	}
	at := func(v int32) history.Time {
		op := s.OpOf(v)
		if op.Complete == history.Never {
			return op.Invoke
		}
		return op.Complete
	}
	slices.SortFunc(byTime, func(x, y int32) int { return cmp.Or(cmp.Compare(at(x), at(y)), cmp.Compare(x, y)) })
	for i := range s.rank {
		s.rank[i] = -1
	}
	for i, v := range byTime {
		s.rank[v] = int32(i)
	}
}

// reads calls f with the slot of each register version that v read of others.
func (s *scheduler) reads(v int32, f func(slot int32)) {
	mops, at := s.Mops(s.Op[v])
	for j := range mops {
		m := &mops[j]
		if !ir.IsRegisterRead(m) {
			continue
		}
		switch from := s.From[at+int32(j)]; {
		case from == ir.FromInit:
			f(int32(len(s.Writes)) + int32(m.Key))
		case from >= 0:
			f(from)
		}
	}
}

// obstacle is a version that v would overwrite though others are still to read
// it, -1 if there is none.
func (s *scheduler) obstacle(v int32) int32 {
	mops, _ := s.Mops(s.Op[v])
	for j := range mops {
		m := &mops[j]
		if !m.Func.Writes() || s.Lists[m.Key] {
			continue
		}
		slot := s.current[m.Key]
		own := int32(0)
		s.reads(v, func(x int32) {
			if x == slot {
				own++
			}
		})
		if s.pending[slot] > own {
			return slot
		}
	}
	return -1
}

func (s *scheduler) place(v int32) {
	s.placed[v] = true
	if int(v) < s.N {
		s.order = append(s.order, v)
		mops, _ := s.Mops(s.Op[v])
		s.reads(v, func(slot int32) {
			s.pending[slot]--
			if s.pending[slot] <= 1 {
				for _, b := range s.blocked[slot] {
					if !s.placed[b] {
						heap.Push(&s.ready, b)
					}
				}
				s.blocked[slot] = nil
			}
		})
		for j := range mops {
			m := &mops[j]
			if m.Func.Installs() && !s.Lists[m.Key] {
				s.current[m.Key] = s.Index.Find(m.Key, m.Arg)
			}
		}
	}
	to, _ := s.g.Edges(v)
	for _, u := range to {
		if s.in[u]--; s.in[u] == 0 {
			heap.Push(&s.ready, u)
		}
	}
}
