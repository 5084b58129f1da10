package txn

import (
	"context"
	"fmt"
	"math/rand/v2"
	"runtime"
	"syscall"
	"testing"
	"time"

	"github.com/lapse-test/lapse/checkers"
	"github.com/lapse-test/lapse/checkers/internal/measure"
	"github.com/lapse-test/lapse/history"
)

// load makes a serializable history of n transactions in sessions sessions:
// they commit one after another, in an order that their intervals allow.
type load struct {
	txns, sessions, mops, keys int
	lists                      bool
	// stale makes one transaction read an old version.
	stale bool
	// sloppy makes one read in twenty miss the last version.
	sloppy bool
}

// keyLife is after how many appends a list key is retired, as workloads do.
const keyLife = 100

func (l load) history() *history.History {
	rng := rand.New(rand.NewPCG(1, 2))
	b := history.NewBuilder(history.Header{Source: "bench", Initial: history.Absent})
	b.Grow(l.txns, l.txns*l.mops)
	free := make([]history.Time, l.sessions)
	lists := map[history.Key][]history.Value{}
	values := map[history.Key]history.Value{}
	active := make([]history.Key, l.keys)
	for i := range active {
		active[i] = history.Key(i)
	}
	fresh := history.Key(l.keys)
	value := history.Value(0)
	var txn history.Txn
	for i := range l.txns {
		sess := rng.IntN(l.sessions)
		commit := history.Time(100 * (i + 1))
		op := history.Op{Process: int32(sess), Session: int32(sess), Error: -1, Note: -1, Node: -1, Outcome: history.OK}
		op.Invoke = max(free[sess], commit-history.Time(rng.IntN(50*l.sessions)))
		op.Complete = commit + history.Time(rng.IntN(50))
		free[sess] = op.Complete
		txn.Reset()
		for range l.mops {
			slot := rng.IntN(len(active))
			k := active[slot]
			write := rng.IntN(2) == 0
			switch {
			case l.lists && write:
				value++
				txn.Mops = append(txn.Mops, history.Mop{Func: history.Append, Key: k, Arg: value})
				lists[k] = append(lists[k], value)
				if len(lists[k]) == keyLife {
					active[slot] = fresh
					fresh++
				}
			case l.lists:
				txn.Mops = append(txn.Mops, history.Mop{Func: history.ReadList, Key: k})
				list := lists[k]
				if l.stale && i == l.txns/2 && len(list) > 2 {
					list = list[:1]
				}
				if l.sloppy && len(list) > 0 && rng.IntN(20) == 0 {
					list = list[:len(list)-1]
				}
				txn.SetList(len(txn.Mops)-1, list)
			case write:
				value++
				txn.Mops = append(txn.Mops, history.Mop{Func: history.Write, Key: k, Arg: value})
				values[k] = value
			default:
				v, ok := values[k]
				if !ok {
					v = history.Absent
				}
				if l.stale && i == l.txns/2 {
					v = history.Absent
				}
				txn.Mops = append(txn.Mops, history.Mop{Func: history.Read, Key: k})
				txn.SetRead(len(txn.Mops)-1, v)
			}
		}
		b.Add(op, &txn)
	}
	h, err := b.History()
	if err != nil {
		panic(err)
	}
	return h
}

func benchmark(b *testing.B, l load, names ...string) {
	h := l.history()
	runtime.GC()
	b.ReportAllocs()
	b.ResetTimer()
	var peak uint64
	cpu := cpuTime()
	for b.Loop() {
		stop := watchHeap(&peak)
		vs, err := CheckAll(context.Background(), h, checkers.Budget{}, names...)
		stop()
		if err != nil {
			b.Fatal(err)
		}
		for _, v := range vs {
			want := checkers.Held
			if l.stale {
				want = checkers.Violated
			}
			if v.Status != want && !l.sloppy && (!l.stale || len(names) > 0) {
				b.Fatalf("%s: %s %v, want %s", v.Model, v.Status, v.Reasons, want)
			}
		}
	}
	b.ReportMetric((cpuTime()-cpu).Seconds()/float64(b.N), "cpu-s/op")
	b.ReportMetric(float64(peak)/(1<<20), "peak-MB")
	b.ReportMetric(float64(l.txns)*float64(b.N)/b.Elapsed().Seconds(), "txn/s")
}

// cpuTime is what this process has used of all processors, which other loads on
// the machine disturb less than the wall clock.
func cpuTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// watchHeap samples the heap above what it is now until the returned function
// is called.
func watchHeap(peak *uint64) func() {
	var before runtime.MemStats
	runtime.ReadMemStats(&before)
	done := make(chan struct{})
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		tick := time.NewTicker(20 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-done:
				return
			case <-tick.C:
				var m runtime.MemStats
				runtime.ReadMemStats(&m)
				*peak = max(*peak, m.HeapAlloc-min(m.HeapAlloc, before.HeapAlloc))
			}
		}
	}()
	return func() { close(done); <-ended }
}

var millionOps = load{txns: 50_000, sessions: 50, mops: 20, keys: 10_000}

func BenchmarkWeakMillionOps(b *testing.B) {
	for _, name := range []string{"read-committed-biswas-enea", "read-atomic", "transactional-causal"} {
		b.Run(name, func(b *testing.B) { benchmark(b, millionOps, name) })
	}
}

func BenchmarkWeakMillionOpsIllegal(b *testing.B) {
	l := millionOps
	l.stale = true
	for _, name := range []string{"transactional-causal"} {
		b.Run(name, func(b *testing.B) { benchmark(b, l, name) })
	}
}

func BenchmarkListAppendMillionTxns(b *testing.B) {
	for _, stale := range []bool{false, true} {
		b.Run(fmt.Sprintf("stale=%v", stale), func(b *testing.B) {
			benchmark(b, load{txns: 1_000_000, sessions: 20, mops: 4, keys: 100, lists: true, stale: stale})
		})
	}
}

// BenchmarkListAppendSloppy has an anomaly in every fifth transaction, so that
// nearly all of the history is one component.
func BenchmarkListAppendSloppy(b *testing.B) {
	benchmark(b, load{txns: 200_000, sessions: 20, mops: 4, keys: 100, lists: true, sloppy: true})
}

// BenchmarkBlindWrites decides every level of registers that are written
// without being read.
func BenchmarkBlindWrites(b *testing.B) {
	for _, stale := range []bool{false, true} {
		b.Run(fmt.Sprintf("stale=%v", stale), func(b *testing.B) {
			benchmark(b, load{txns: 100_000, sessions: 20, mops: 4, keys: 1000, stale: stale})
		})
	}
}

// BenchmarkBudget gives all levels together a quarter of a second for histories
// that take seconds; they may take 250 ms longer (over-ms). BenchmarkMemory gives
// them a hundred megabytes and reports by how many percent they go over (over-%).
func BenchmarkBudget(b *testing.B) {
	const limit = 250 * time.Millisecond
	each(b, func(b *testing.B, h *history.History) {
		measure.Budget(b, limit, func() { undecided(b, h, checkers.Budget{Time: limit}) })
	})
}

// BenchmarkMemory: see BenchmarkBudget.
func BenchmarkMemory(b *testing.B) {
	const memory = 100 << 20
	each(b, func(b *testing.B, h *history.History) {
		over := -100.0
		for b.Loop() {
			grew := measure.Peak(func() { undecided(b, h, checkers.Budget{Memory: memory}) })
			over = max(over, 100*(float64(grew)/memory-1))
		}
		b.ReportMetric(over, "over-%")
	})
}

func each(b *testing.B, run func(b *testing.B, h *history.History)) {
	for name, l := range map[string]load{
		"lists":       {txns: 500_000, sessions: 20, mops: 4, keys: 100, lists: true, stale: true},
		"sloppy":      {txns: 200_000, sessions: 20, mops: 4, keys: 100, lists: true, sloppy: true},
		"blind":       {txns: 200_000, sessions: 20, mops: 4, keys: 1000},
		"blind-stale": {txns: 200_000, sessions: 20, mops: 4, keys: 1000, stale: true},
	} {
		h := l.history()
		b.Run(name, func(b *testing.B) { run(b, h) })
	}
}

// undecided checks all levels and wants a reason where there is no verdict.
func undecided(b *testing.B, h *history.History, limit checkers.Budget) {
	vs, err := CheckAll(context.Background(), h, limit)
	if err != nil {
		b.Fatal(err)
	}
	for _, v := range vs {
		if v.Status == checkers.Inconclusive && len(v.Reasons) == 0 {
			b.Fatalf("%s is inconclusive without a reason", v.Model)
		}
	}
}
