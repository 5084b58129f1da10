// Package staleness says how stale reads are, as numbers: how many versions and
// how much time behind, and how likely a read that starts some time after a write
// was acknowledged misses it, per pair of consistency levels, inside and outside
// fault windows.
//
// A read is stale if it returned a value that was known to be older than a write
// acknowledged before the read was invoked: the value's write had been
// acknowledged before that one was invoked. Concurrent writes, and writes without
// an answer, never make a read stale, so that all numbers are lower bounds; with
// one writer a key (workload session) they are exact for the acknowledged writes.
//
//   - Versions behind: how many acknowledged writes lay wholly between the write
//     that the read saw and the read. A register whose reads are at most k-1
//     behind is k-atomic as far as this can tell (Aiyer, Alvisi and Bazzi 2005).
//   - Time behind: how long before the read the first of those was acknowledged
//     (delta, Golab, Li and Shah 2011). Delta is, over all keys, the least time by
//     which all reads would have to start earlier for the key to be linearizable.
//   - Visibility: of the reads that started t after the latest write of their key
//     was acknowledged, the share that missed that write (Bailis et al.,
//     "Probabilistically bounded staleness", VLDB 2012), with Wilson intervals at
//     95 %.
package staleness

import (
	"cmp"
	"math"
	"slices"

	"github.com/lapse-test/lapse/checkers/internal/evidence"
	"github.com/lapse-test/lapse/checkers/internal/register"
	"github.com/lapse-test/lapse/history"
)

// Report is the staleness of a history.
type Report struct {
	All Group `json:"all"`
	// Groups are split by level of the read and of the latest acknowledged write,
	// and by whether the read fell into a fault window; only those with reads.
	Groups []Group `json:"groups,omitempty"`
	// Delta is the least time by which reads would have to start earlier for the
	// history to be linearizable; 0 if it is. Unbounded tells that no such time
	// exists for some key (values out of thin air, lost updates ...), which then
	// does not count for Delta, and Unmeasured counts the keys with ambiguous
	// values or cut off by the time limit.
	Delta      history.Time `json:"delta_ns"`
	Unbounded  bool         `json:"unbounded,omitempty"`
	Unmeasured int          `json:"unmeasured_keys,omitempty"`
	// Worst are the reads furthest behind in time, as indexes into History.Ops.
	Worst []int `json:"worst,omitempty"`
	// Untimed says that the stamps of the history are no times: what stands for lengths of time are
	// numbers of events.
	Untimed bool `json:"untimed,omitempty"`
}

// Group is the staleness of some of the reads.
type Group struct {
	WriteLevel string `json:"write_level,omitempty"`
	ReadLevel  string `json:"read_level,omitempty"`
	// Fault is "inside" or "outside" a fault window, "" for both.
	Fault string `json:"fault,omitempty"`
	// Reads that could have been stale: those invoked after some write of their
	// key had been acknowledged.
	Reads int `json:"reads"`
	// Stale is the share of reads that were stale, with its interval.
	Stale Share `json:"stale"`
	// Versions and Time are distributions over the stale reads.
	Versions Distribution `json:"versions_behind"`
	Time     Distribution `json:"time_behind_ns"`
	// Visibility is by time since the latest acknowledgement, ascending.
	Visibility []Point `json:"visibility,omitempty"`
}

// Share is a part of a whole with its 95 % Wilson interval.
type Share struct {
	N    int     `json:"n"`
	Of   int     `json:"of"`
	P    float64 `json:"p"`
	Low  float64 `json:"low"`
	High float64 `json:"high"`
}

// Distribution sums up numbers; all zero if there were none.
type Distribution struct {
	Max  int64   `json:"max"`
	Mean float64 `json:"mean"`
	P50  int64   `json:"p50"`
	P95  int64   `json:"p95"`
	P99  int64   `json:"p99"`
}

// Point is one bin of the visibility curve: the reads that started within
// [From, To) after the latest write of their key was acknowledged, and the share
// that missed it.
type Point struct {
	From   history.Time `json:"from_ns"`
	To     history.Time `json:"to_ns"`
	Missed Share        `json:"missed"`
}

// Wilson is the share n of of with its 95 % Wilson score interval; with none at
// all everything between 0 and 1 is possible.
func Wilson(n, of int) Share {
	s := Share{N: n, Of: of, High: 1}
	if of == 0 {
		return s
	}
	const z = 1.959963984540054
	p, m := float64(n)/float64(of), float64(of)
	centre := p + z*z/(2*m)
	half := z * math.Sqrt(p*(1-p)/m+z*z/(4*m*m))
	s.P = p
	s.Low = max(0, (centre-half)/(1+z*z/m))
	s.High = min(1, (centre+half)/(1+z*z/m))
	if n == 0 {
		s.Low = 0
	}
	if n == of {
		s.High = 1
	}
	return s
}

// bins are the bounds of the visibility curve: 1, 2 and 5 of every decade from
// 100 microseconds to 100 seconds.
func bins() []history.Time {
	out := []history.Time{0}
	for d := history.Time(100_000); d <= 100_000_000_000; d *= 10 {
		out = append(out, d, 2*d, 5*d)
	}
	return out
}

// sample is one read that could have been stale.
type sample struct {
	op       int32 // index into History.Ops
	versions int32
	behind   history.Time // 0 if not stale
	since    history.Time // since the latest acknowledgement
	group    int32
}

// groupKey tells groups apart.
type groupKey struct {
	write, read uint8
	inside      bool
}

// meter measures key by key.
type meter struct {
	h       *history.History
	set     *register.Set
	windows *evidence.Windows
	samples []sample
	groups  []groupKey // few: pairs of levels that were used

	k     register.Key
	acked []int32 // positions of acknowledged writes, by answer
	rank  []int32 // by position: place of a write by invocation
	tree  []int32 // Fenwick tree over ranks
	invs  []history.Time
}

func newMeter(h *history.History, set *register.Set) *meter {
	return &meter{h: h, set: set, windows: evidence.NewWindows(h)}
}

// key takes the samples of key number n.
func (m *meter) key(n int) {
	m.set.Load(n, &m.k)
	k := &m.k
	m.acked, m.invs = m.acked[:0], m.invs[:0]
	m.rank = append(m.rank[:0], make([]int32, len(k.Ops))...)
	last := make([]history.Time, len(k.Values)) // by value: the last answer to its writers
	for i := range last {
		last[i] = register.Before
	}
	for i := range k.Ops {
		op := &k.Ops[i]
		if !op.Installs() {
			continue
		}
		last[op.Val] = max(last[op.Val], op.Ret)
		if !op.Info() {
			m.rank[i] = int32(len(m.acked))
			m.acked = append(m.acked, int32(i))
			m.invs = append(m.invs, op.Inv)
		}
	}
	if len(m.acked) == 0 {
		return
	}
	slices.SortFunc(m.acked, func(a, b int32) int { return cmp.Compare(k.Ops[a].Ret, k.Ops[b].Ret) })
	m.tree = append(m.tree[:0], make([]int32, len(m.acked)+1)...)
	done := 0
	for i := range k.Ops {
		r := &k.Ops[i]
		for done < len(m.acked) && k.Ops[m.acked[done]].Ret < r.Inv {
			m.add(m.rank[m.acked[done]])
			done++
		}
		if r.Kind != register.Read || r.Val < 0 || done == 0 {
			continue
		}
		latest := m.acked[done-1]
		s := sample{op: r.At, since: r.Inv - k.Ops[latest].Ret}
		// Of the writes acknowledged so far, those invoked after the value was.
		from, _ := slices.BinarySearchFunc(m.invs, last[r.Val], func(inv, t history.Time) int {
			if inv <= t {
				return -1
			}
			return 1
		})
		if s.versions = int32(done) - m.below(int32(from)); s.versions > 0 {
			s.behind = r.Inv - m.firstAfter(k, done, last[r.Val])
		}
		w, op := &m.h.Ops[k.Ops[latest].At], &m.h.Ops[r.At]
		s.group = m.groupOf(groupKey{w.WriteLevel, op.ReadLevel, len(m.windows.IDs(m.h, int(r.At))) > 0})
		m.samples = append(m.samples, s)
	}
}

// firstAfter is the first acknowledgement, among the first done, of a write
// invoked after t. Stale reads are few or near, so that a walk suffices.
func (m *meter) firstAfter(k *register.Key, done int, t history.Time) history.Time {
	// Everything acknowledged before t was invoked before it.
	i, _ := slices.BinarySearchFunc(m.acked[:done], t, func(p int32, t history.Time) int {
		if k.Ops[p].Ret <= t {
			return -1
		}
		return 1
	})
	for ; i < done; i++ {
		if p := m.acked[i]; k.Ops[p].Inv > t {
			return k.Ops[p].Ret
		}
	}
	return k.Ops[m.acked[done-1]].Ret
}

// add counts a write in the tree, below counts those with a smaller rank.
func (m *meter) add(rank int32) {
	for i := int(rank) + 1; i < len(m.tree); i += i & -i {
		m.tree[i]++
	}
}

func (m *meter) below(rank int32) int32 {
	n := int32(0)
	for i := int(rank); i > 0; i -= i & -i {
		n += m.tree[i]
	}
	return n
}

func (m *meter) groupOf(g groupKey) int32 {
	n := slices.Index(m.groups, g)
	if n < 0 {
		n = len(m.groups)
		m.groups = append(m.groups, g)
	}
	return int32(n)
}
