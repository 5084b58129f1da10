package live

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/lapse-test/lapse/checkers"
	"github.com/lapse-test/lapse/checkers/internal/measure"
	"github.com/lapse-test/lapse/history"
)

// BenchmarkWatch judges what a correct store answers at 100,000 operations a second, in
// portions of 300 ms: 50 clients, 10,000 keys, each of which is retired after 200
// operations: on average there are a hundred from 2,000,000 operations on. The processor
// time of one operation times 100,000 is the share of a processor.
func BenchmarkWatch(b *testing.B) {
	const portion, keys, perKey, clients = 30_000, 10_000, 200, 50
	rng := rand.New(rand.NewPCG(1, 2))
	w := New(models(), checkers.Budget{})
	state, uses, id := make([]history.Value, keys), make([]int, keys), make([]history.Key, keys)
	next := history.Key(keys)
	for i := range id {
		id[i], state[i] = history.Key(i), history.Absent
	}
	now, value := history.Time(0), history.Value(0)
	busy := time.Duration(0)
	for n := 0; n < b.N; n += portion {
		b.StopTimer()
		bd := history.NewBuilder(history.Header{Source: history.SourceLapse, Initial: history.Absent})
		for i := range portion {
			now += 10_000
			k := rng.IntN(keys)
			if uses[k]++; uses[k] == perKey {
				uses[k], id[k], state[k] = 0, next, history.Absent
				next++
			}
			m := history.Mop{Func: history.Read, Key: id[k], Ret: state[k], Flags: history.Observed}
			if rng.IntN(3) == 0 {
				value++
				m = history.Mop{Func: history.Write, Key: id[k], Arg: value}
				state[k] = value
			}
			s := int32(i % clients)
			bd.AddPlain(history.Op{Invoke: now, Complete: now + 9_000, Outcome: history.OK, Session: s, Process: s, Error: -1, Note: -1, Node: -1}, m)
		}
		h, err := bd.History()
		if err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
		from := measure.Processor()
		if !w.Add(h) {
			b.Fatal("not taken")
		}
		if found := w.Judge(b.Context()); len(found) > 0 {
			b.Fatalf("a false alarm: %s", found[0].Sentence)
		}
		busy += measure.Processor() - from
	}
	b.ReportMetric(float64(busy.Nanoseconds())/float64((b.N+portion-1)/portion*portion), "cpu-ns/op")
	_, kept := w.Counts()
	b.ReportMetric(float64(kept), "keys")
}
