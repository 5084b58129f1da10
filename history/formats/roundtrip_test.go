package formats

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/lapse-test/lapse/history"
)

// randomHistory makes a history of the kind that a workload makes: processes
// that run beside one another, all outcomes, unique values.
func randomHistory(rng *rand.Rand, kind string) (*history.History, error) {
	b := history.NewBuilder(history.Header{Source: "test", Initial: history.Absent, Nodes: []string{"n1", "n2"}, Levels: []string{"", "ONE"}})
	processes := 1 + rng.IntN(4)
	fresh := int32(processes)
	now := history.Time(1)
	value := history.Value(0)
	taken := map[history.Time]bool{}
	stamp := func(at, odd history.Time) history.Time {
		for at = at&^1 | odd; taken[at]; at += 2 {
		}
		taken[at] = true
		return at
	}
	nextValue := func() history.Value { value++; return value }
	names := []string{"3", "key b", "z\""}
	if kind == "plume" || kind == "awdit" {
		names = []string{"300", "20", "1"}
	}
	var keys []history.Key
	for _, n := range names {
		keys = append(keys, b.Key(n))
	}
	// What a read is of shows only when one succeeds.
	plain := func(process int32, at history.Time, m history.Mop, list bool) {
		var txn history.Txn
		txn.Mops = append(txn.Mops, m)
		if list {
			txn.SetList(0, nil)
		}
		taken[at], taken[at+1] = true, true
		b.Add(history.Op{Invoke: at, Complete: at + 1, Process: process, Session: process, Outcome: history.OK, Error: -1, Note: -1, Node: -1}, &txn)
	}
	switch kind {
	case "set":
		plain(1000, 2, history.Mop{Func: history.Add, Key: keys[0], Arg: nextValue()}, false)
		plain(1000, 4, history.Mop{Func: history.ReadSet, Key: keys[1]}, true)
	case "counter":
		plain(1000, 2, history.Mop{Func: history.Increment, Key: keys[1], Arg: 1}, false)
	case "append":
		plain(1000, 2, history.Mop{Func: history.Append, Key: keys[1], Arg: nextValue()}, false)
	}
	free := make([]history.Time, processes)
	number := make([]int32, processes)
	for p := range number {
		number[p] = int32(p)
	}
	for range 1 + rng.IntN(30) {
		p := rng.IntN(processes)
		now += history.Time(1 + rng.IntN(5))
		// Stamps of invocations are even, of completions odd and their own, so
		// that no two are equal: a line's place says its order.
		invoke := stamp(max(now, free[p]+1), 0)
		op := history.Op{Invoke: invoke, Process: number[p], Session: number[p], Error: -1, Note: -1, Node: int16(rng.IntN(3) - 1)}
		op.ReadLevel = uint8(rng.IntN(2))
		op.Outcome = []history.Outcome{history.OK, history.OK, history.OK, history.Fail, history.Info}[rng.IntN(5)]
		if kind == "plume" || kind == "awdit" {
			op.Outcome = history.OK
			op.Node, op.ReadLevel = -1, 0
		}
		op.Complete = stamp(op.Invoke+history.Time(1+rng.IntN(20)), 1)
		free[p] = op.Complete
		if op.Outcome == history.Info {
			op.Complete = history.Never
			op.Error = b.String("timed out: \"x\"")
			number[p] = fresh
			fresh++
		}
		var txn history.Txn
		ok := op.Outcome == history.OK
		n := 1
		if kind == "txn" || kind == "append" || kind == "plume" || kind == "awdit" {
			n += rng.IntN(4)
		}
		for range n {
			k := keys[rng.IntN(len(keys))]
			m := history.Mop{Key: k}
			i := len(txn.Mops)
			seen := history.Absent
			if value > 0 && rng.IntN(3) > 0 {
				seen = 1 + history.Value(rng.IntN(int(value)))
			}
			switch kind {
			case "register":
				m.Func = []history.Func{history.Read, history.Write, history.CAS, history.Delete}[rng.IntN(4)]
			case "txn", "plume", "awdit":
				m.Func = []history.Func{history.Read, history.Write}[rng.IntN(2)]
			case "append":
				m.Func = []history.Func{history.ReadList, history.Append}[rng.IntN(2)]
			case "set":
				m.Func = []history.Func{history.ReadSet, history.Add, history.Remove, history.Clear}[rng.IntN(4)]
			case "counter":
				m.Func = []history.Func{history.ReadCounter, history.Increment}[rng.IntN(2)]
			case "queue":
				m.Func = []history.Func{history.Enqueue, history.Dequeue}[rng.IntN(2)]
			case "log":
				m.Func = []history.Func{history.Send, history.Poll, history.Assign, history.Subscribe}[rng.IntN(4)]
				if m.Func == history.Poll && !ok {
					m.Func = history.Send // what a poll without an answer was of is not said
				}
				if m.Arg = history.Assigned; m.Func == history.Assign && rng.IntN(2) == 0 {
					m.Arg = history.FromBeginning
				}
				if m.Func == history.Poll {
					m.Arg = 0
				}
			}
			if m.Func == history.Remove {
				m.Arg = 1 + history.Value(rng.IntN(int(value))) // the first add stands before
			}
			if m.Func.Installs() || m.Func == history.Increment {
				m.Arg = nextValue()
			}
			if m.Func == history.CAS {
				m.Expect = m.Arg - 1
			}
			if m.Func == history.Delete {
				m.Arg = history.Absent
			}
			txn.Mops = append(txn.Mops, m)
			if !ok {
				continue
			}
			switch m.Func {
			case history.Read, history.Dequeue:
				txn.SetRead(i, seen)
			case history.ReadCounter:
				txn.SetRead(i, history.Value(rng.IntN(9)))
			case history.Send:
				if rng.IntN(4) > 0 {
					txn.SetVersion(i, int64(rng.IntN(30)))
				}
			case history.Poll:
				var pairs []history.Value
				for offset := history.Value(rng.IntN(3)); rng.IntN(3) > 0; offset++ {
					pairs = append(pairs, offset, 1+offset)
				}
				txn.SetList(i, pairs)
			case history.ReadList, history.ReadSet:
				var list []history.Value
				for v := history.Value(1); v <= value && rng.IntN(4) > 0; v++ {
					list = append(list, v)
				}
				txn.SetList(i, list)
			}
		}
		b.Add(op, &txn)
	}
	return b.History()
}

// TestRoundTrip writes random histories and wants back what the format can hold.
func TestRoundTrip(t *testing.T) {
	kinds := map[string][]string{
		"edn":         {"register", "txn", "append", "set", "counter", "queue", "log"},
		"elle-json":   {"register", "txn", "append", "set", "counter", "queue", "log"},
		"lapse":       {"register", "txn", "append", "set", "counter", "queue", "log"},
		"lapse-jsonl": {"register", "txn", "append", "set", "counter", "queue", "log"},
		"plume":       {"plume"},
		"awdit":       {"awdit"},
	}
	for format, kinds := range kinds {
		for _, kind := range kinds {
			t.Run(format+"/"+kind, func(t *testing.T) {
				for seed := range uint64(80) {
					h, err := randomHistory(rand.New(rand.NewPCG(seed, 7)), kind)
					if err != nil {
						t.Fatalf("seed %d: %v", seed, err)
					}
					if err := roundTrip(h, format); err != nil {
						t.Fatalf("seed %d: %v", seed, err)
					}
				}
			})
		}
	}
}

// roundTrip writes h, reads it and writes it again. What comes out must say the
// same; stamps may differ, order must not.
func roundTrip(h *history.History, format string) error {
	var first, second bytes.Buffer
	if err := Write(&first, format, h); err != nil {
		return fmt.Errorf("writing: %w", err)
	}
	got, _, err := readBytes("round", first.Bytes(), Options{Format: format})
	if err != nil {
		return fmt.Errorf("reading back: %w\n%s", err, first.String())
	}
	if err := Write(&second, format, got); err != nil {
		return fmt.Errorf("writing again: %w", err)
	}
	if first.String() != second.String() {
		return fmt.Errorf("written\n%sread back and written again\n%s", first.String(), second.String())
	}
	if format == "plume" || format == "awdit" {
		h = bySession(h)
		got = bySession(got)
	}
	if a, b := normal(h), normal(got); a != b {
		return fmt.Errorf("was\n%scame back\n%s", a, b)
	}
	return nil
}

// normal is the dump of h with processes and sessions numbered in the order of
// their appearance: formats need not keep the numbers.
func normal(h *history.History) string {
	procs, sessions := map[int32]int32{}, map[int32]int32{}
	c := *h
	c.Ops = append([]history.Op(nil), h.Ops...)
	for i := range c.Ops {
		op := &c.Ops[i]
		for _, x := range []struct {
			m map[int32]int32
			n *int32
		}{{procs, &op.Process}, {sessions, &op.Session}} {
			n, ok := x.m[*x.n]
			if !ok {
				n = int32(len(x.m))
				x.m[*x.n] = n
			}
			*x.n = n
		}
	}
	return dump(&c)
}

// bySession puts the operations of h in the order in which the clockless
// formats have them.
func bySession(h *history.History) *history.History {
	c := *h
	c.Ops = nil
	var sessions []int32
	seen := map[int32]bool{}
	for _, op := range h.Ops {
		if !seen[op.Session] {
			seen[op.Session] = true
			sessions = append(sessions, op.Session)
		}
	}
	for i := range sessions {
		for j := i; j > 0 && sessions[j] < sessions[j-1]; j-- {
			sessions[j], sessions[j-1] = sessions[j-1], sessions[j]
		}
	}
	for _, s := range sessions {
		for _, op := range h.Ops {
			if op.Session == s {
				c.Ops = append(c.Ops, op)
			}
		}
	}
	return &c
}

// TestStampsSurvive wants the stamps of an ordinary history back from EDN.
func TestStampsSurvive(t *testing.T) {
	b := history.NewBuilder(history.Header{Source: "test", Initial: history.Absent})
	k := b.Key("x")
	for p := range int32(3) {
		b.AddPlain(history.Op{Invoke: history.Time(100 + p), Complete: history.Time(2000 - p), Process: p, Session: p, Error: -1, Note: -1, Node: -1, Outcome: history.OK},
			history.Mop{Func: history.Write, Key: k, Arg: history.Value(p)})
	}
	b.AddFault(history.Fault{ID: 1, Kind: "partition", Name: "isolate n1", Injected: 500, TookEffect: 600, Healing: 700, Healed: 800})
	h, err := b.History()
	if err != nil {
		t.Fatal(err)
	}
	for _, format := range []string{"edn", "elle-json"} {
		var out bytes.Buffer
		if err := Write(&out, format, h); err != nil {
			t.Fatal(err)
		}
		got, _, err := readBytes("x", out.Bytes(), Options{})
		if err != nil {
			t.Fatal(err)
		}
		for i := range h.Ops {
			if got.Ops[i].Invoke != h.Ops[i].Invoke || got.Ops[i].Complete != h.Ops[i].Complete {
				t.Errorf("%s: operation %d has the stamps %d and %d, want %d and %d", format, i,
					got.Ops[i].Invoke, got.Ops[i].Complete, h.Ops[i].Invoke, h.Ops[i].Complete)
			}
		}
		if len(got.Faults) != 1 || got.Faults[0].TookEffect != 600 || got.Faults[0].Healed != 800 || got.Faults[0].Kind != "partition" {
			t.Errorf("%s: faults %+v", format, got.Faults)
		}
	}
}

// TestUnwritable wants an error that names the operation.
func TestUnwritable(t *testing.T) {
	b := history.NewBuilder(history.Header{Source: "test", Initial: history.Absent})
	var txn history.Txn
	txn.Mops = []history.Mop{{Func: history.CAS, Key: 0, Arg: 1}, {Func: history.Write, Key: 1, Arg: 2}}
	b.Add(history.Op{Complete: 1, Outcome: history.OK, Error: -1, Note: -1, Node: -1}, &txn)
	h, err := b.History()
	if err != nil {
		t.Fatal(err)
	}
	for _, format := range []string{"edn", "elle-json", "plume", "awdit"} {
		err := Write(&bytes.Buffer{}, format, h)
		if err == nil || !bytes.Contains([]byte(err.Error()), []byte("operation 0")) {
			t.Errorf("%s: %v", format, err)
		}
	}
}
