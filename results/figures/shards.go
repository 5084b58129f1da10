package figures

import (
	"slices"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"github.com/lapse-test/lapse/history"
)

// Shard counts the operations on one partition of the keys: the keys that one node is
// the first replica of.
type Shard struct {
	Node string `json:"node"`
	Keys int    `json:"keys"`
	// Share is its part of all operations, OKPerSecond its successful ones.
	Share       float64 `json:"share"`
	OKPerSecond float64 `json:"ok_per_second"`
	// Quantiles of successful operations, in milliseconds.
	ReadP50  float64 `json:"read_p50_ms"`
	ReadP99  float64 `json:"read_p99_ms"`
	WriteP50 float64 `json:"write_p50_ms"`
	WriteP99 float64 `json:"write_p99_ms"`
}

// Shards are the partitions of a history that tells where its keys are
// (history.EventPlacement), busiest first; nil for others. Operations after the load
// and on keys whose place is not known are left out.
func Shards(o history.Ordered) ([]Shard, error) {
	m := NewShardMeter(o)
	err := Take(o, m)
	return m.Shards(), err
}

// ShardMeter computes Shards.
type ShardMeter struct {
	load   during
	owner  map[history.Key]string
	byNode map[string]*shard
	total  int
}

type shard struct {
	Shard
	ops, ok     int
	read, write *hdrhistogram.Histogram
}

// NewShardMeter returns a meter for o.
func NewShardMeter(o history.Ordered) *ShardMeter {
	m := &ShardMeter{owner: map[history.Key]string{}, byNode: map[string]*shard{}}
	events := o.About().Events
	for i := range events {
		if p, ok := events[i].Placement(); ok && len(p.Nodes) > 0 {
			m.owner[p.Key] = p.Nodes[0]
		}
	}
	if len(m.owner) == 0 {
		return m
	}
	m.load = loadOf(o)
	for _, node := range m.owner {
		if m.byNode[node] == nil {
			m.byNode[node] = &shard{Shard: Shard{Node: node}, read: newHistogram(), write: newHistogram()}
		}
		m.byNode[node].Keys++
	}
	return m
}

// See implements Meter.
func (m *ShardMeter) See(h *history.History) {
	if len(m.owner) == 0 {
		return
	}
	for i := range h.Ops {
		op := &h.Ops[i]
		s := m.byNode[m.owner[h.Mop(op).Key]]
		if s == nil || op.Invoke < m.load.begin || op.Invoke >= m.load.end {
			continue
		}
		m.total++
		s.ops++
		if op.Outcome != history.OK {
			continue
		}
		s.ok++
		times := s.read
		if h.Mop(op).Func.Writes() {
			times = s.write
		}
		// Values beyond the histogram's range are counted at its edge.
		_ = times.RecordValue(min(int64(op.Complete-op.Invoke)/1000, histogramMax))
	}
}

// Shards are those of all that was seen.
func (m *ShardMeter) Shards() []Shard {
	seconds := time.Duration(m.load.end - m.load.begin).Seconds()
	var out []Shard
	for _, s := range m.byNode {
		if m.total > 0 && seconds > 0 {
			s.Share, s.OKPerSecond = float64(s.ops)/float64(m.total), float64(s.ok)/seconds
		}
		r, w := quantiles(s.read), quantiles(s.write)
		s.ReadP50, s.ReadP99, s.WriteP50, s.WriteP99 = r.P50, r.P99, w.P50, w.P99
		out = append(out, s.Shard)
	}
	slices.SortFunc(out, func(a, b Shard) int {
		switch {
		case a.Share > b.Share:
			return -1
		case a.Share < b.Share:
			return 1
		case a.Node < b.Node:
			return -1
		}
		return 1
	})
	return out
}
