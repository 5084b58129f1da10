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
func Shards(h *history.History) []Shard {
	owner := map[history.Key]string{}
	for i := range h.Events {
		if p, ok := h.Events[i].Placement(); ok && len(p.Nodes) > 0 {
			owner[p.Key] = p.Nodes[0]
		}
	}
	if len(owner) == 0 {
		return nil
	}
	type shard struct {
		Shard
		ops, ok     int
		read, write *hdrhistogram.Histogram
	}
	byNode := map[string]*shard{}
	for _, node := range owner {
		if byNode[node] == nil {
			byNode[node] = &shard{Shard: Shard{Node: node}, read: newHistogram(), write: newHistogram()}
		}
		byNode[node].Keys++
	}
	from, to := LoadPhase(h)
	total := 0
	for i := range h.Ops {
		op := &h.Ops[i]
		s := byNode[owner[h.Mop(op).Key]]
		if s == nil || op.Invoke < from || op.Invoke >= to {
			continue
		}
		total++
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
	seconds := time.Duration(to - from).Seconds()
	var out []Shard
	for _, s := range byNode {
		if total > 0 && seconds > 0 {
			s.Share, s.OKPerSecond = float64(s.ops)/float64(total), float64(s.ok)/seconds
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
