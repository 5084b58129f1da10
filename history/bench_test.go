package history

import (
	"bytes"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"testing"
)

// typical makes a history as a run makes it: clients clients on keys keys, two
// reads for a write, 5 % info, an error and a note here and there, versions as a
// database gives them.
func typical(tb testing.TB, n, clients, keys int, seed uint64) *History {
	tb.Helper()
	rng := rand.New(rand.NewPCG(seed, 1))
	b := NewBuilder(Header{
		Source: SourceLapse, Initial: Absent, Run: "bench",
		Nodes: []string{"n1", "n2", "n3"}, Levels: []string{"", "QUORUM", "ONE"},
	})
	b.Grow(n, n)
	errText := b.String("operation timed out after 1s: no answer from n2")
	notes := []int32{-1, b.String("replicas n1 n2"), b.String("replicas n2 n3"), b.String("replicas n1 n3")}
	free := make([]Time, clients)
	process := make([]int32, clients)
	for i := range process {
		process[i] = int32(i)
	}
	next := int32(clients)
	state := make([]Value, keys)
	version := make([]int64, keys)
	for i := range state {
		state[i] = Absent
	}
	value := Value(0)
	for range n {
		c := rng.IntN(clients)
		invoke := free[c] + Time(rng.IntN(20_000))
		span := Time(200_000 + rng.ExpFloat64()*300_000)
		op := Op{
			Invoke: invoke, Complete: invoke + span, Process: process[c], Session: int32(c),
			Node: int16(rng.IntN(3)), ReadLevel: 1, WriteLevel: 2, Outcome: OK, Error: -1, Note: notes[rng.IntN(len(notes))],
		}
		free[c] = op.Complete
		k := rng.IntN(keys)
		m := Mop{Key: Key(k)}
		if rng.IntN(3) == 0 {
			value++
			m.Func, m.Arg = Write, value
			state[k], version[k] = value, 1_700_000_000_000_000+int64(invoke/1000)
			m.Version, m.Flags = version[k], Versioned
		} else {
			m.Func, m.Ret, m.Flags = Read, state[k], Observed
			if state[k] != Absent {
				m.Version = version[k]
				m.Flags |= Versioned
			}
		}
		if m.Func == Write && rng.IntN(7) == 0 {
			op.Outcome, op.Complete, op.Error, op.Note = Info, Never, errText, -1
			m.Flags, m.Version = 0, 0
			process[c] = next
			next++
		}
		b.AddPlain(op, m)
	}
	h, err := b.History()
	if err != nil {
		tb.Fatal(err)
	}
	return h
}

const million = 1_000_000

func BenchmarkWriteMillion(b *testing.B) {
	h := typical(b, million, 32, 64, 1)
	var buf bytes.Buffer
	b.ResetTimer()
	for b.Loop() {
		buf.Reset()
		if err := Encode(&buf, h); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(buf.Len())/million, "B/op-on-disk")
}

func BenchmarkLoadMillion(b *testing.B) {
	path := filepath.Join(b.TempDir(), "history.lapse")
	if err := WriteFile(path, typical(b, million, 32, 64, 1)); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		h, err := ReadFile(path)
		if err != nil {
			b.Fatal(err)
		}
		if len(h.Ops) != million {
			b.Fatalf("%d operations", len(h.Ops))
		}
	}
}

func BenchmarkValidateMillion(b *testing.B) {
	h := typical(b, million, 32, 64, 1)
	for b.Loop() {
		if err := h.Validate(); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkWriteTextMillion(b *testing.B) {
	h := typical(b, million, 32, 64, 1)
	var buf bytes.Buffer
	for b.Loop() {
		buf.Reset()
		if err := EncodeText(&buf, h); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(buf.Len())/million, "B/op-on-disk")
}

func BenchmarkLoadTextMillion(b *testing.B) {
	path := filepath.Join(b.TempDir(), "history.jsonl")
	if err := WriteFile(path, typical(b, million, 32, 64, 1)); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := ReadFile(path); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkByKeyMillion(b *testing.B) {
	h := typical(b, million, 32, 64, 1)
	for b.Loop() {
		if h.ByKey().Len() != 64 {
			b.Fatal("keys")
		}
	}
}

func BenchmarkBySessionMillion(b *testing.B) {
	h := typical(b, million, 32, 64, 1)
	for b.Loop() {
		if h.BySession().Len() != 32 {
			b.Fatal("sessions")
		}
	}
}

// BenchmarkRecord is the budget of recording and generating: clients against a
// target that does nothing. One iteration is one operation.
func BenchmarkRecord(b *testing.B) {
	const clients = 32
	r, err := Create(filepath.Join(b.TempDir(), "history.lapse"), Header{Nodes: []string{"n1", "n2", "n3"}, Levels: []string{"", "QUORUM"}})
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	b.ResetTimer()
	var wg sync.WaitGroup
	for w := range clients {
		n := b.N / clients
		if w < b.N%clients {
			n++
		}
		wg.Go(func() {
			if err := newWorker(r, w, clients).load(n); err != nil {
				b.Error(err)
			}
		})
	}
	wg.Wait()
	// What was recorded counts when it is in the file.
	if err := r.Close(); err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "op/s")
	if st, err := os.Stat(r.Path()); err == nil {
		b.ReportMetric(float64(st.Size())/float64(b.N), "B/op-on-disk")
	}
}

// BenchmarkFlush is what one flush costs for an operation, at the budget's rate:
// a quarter of a second of 300,000 operations a second by 32 clients.
func BenchmarkFlush(b *testing.B) {
	const clients, ops = 32, 75_000
	r, err := Create(filepath.Join(b.TempDir(), "history.lapse"), Header{Nodes: []string{"n1", "n2", "n3"}, Levels: []string{"", "QUORUM"}}, flushEvery(0))
	if err != nil {
		b.Fatal(err)
	}
	defer r.Close()
	workers := make([]*worker, clients)
	for w := range workers {
		workers[w] = newWorker(r, w, clients)
	}
	for b.Loop() {
		b.StopTimer()
		var wg sync.WaitGroup
		for _, w := range workers {
			wg.Go(func() {
				if err := w.load(ops / clients); err != nil {
					b.Error(err)
				}
			})
		}
		wg.Wait()
		b.StartTimer()
		if err := r.flush(false); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/ops, "ns/op-flushed")
}

// worker records generated operations, a third of them writes.
type worker struct {
	c          *Client
	w, workers int
	rng        *rand.Rand
	txn        Txn
	next       int
}

func newWorker(r *Recorder, w, workers int) *worker {
	return &worker{c: r.Client(), w: w, workers: workers, rng: rand.New(rand.NewPCG(7, uint64(w))), txn: Txn{Mops: make([]Mop, 1)}}
}

// load records n operations.
func (w *worker) load(n int) error {
	for range n {
		w.txn.Mops[0] = Mop{Func: Read, Key: Key(w.rng.IntN(64))}
		if w.rng.IntN(3) == 0 {
			w.next++
			w.txn.Mops[0].Func = Write
			w.txn.Mops[0].Arg = Value(w.next*w.workers + w.w)
		}
		node := int16(w.rng.IntN(3))
		if err := w.c.Invoke(int32(w.w), node, 1, 1, &w.txn); err != nil {
			return err
		}
		outcome, errText := OK, ""
		if w.txn.Mops[0].Func == Read {
			w.txn.SetRead(0, Value(w.next))
		} else if w.rng.IntN(20) == 0 {
			outcome, errText = Info, "timeout"
		}
		if err := w.c.Complete(outcome, &w.txn, node, errText, "n1 n2"); err != nil {
			return err
		}
	}
	return nil
}
