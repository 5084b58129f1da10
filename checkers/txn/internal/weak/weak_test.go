package weak

import (
	"context"
	"math/rand/v2"
	"testing"

	"github.com/lapse-test/lapse/checkers"
	"github.com/lapse-test/lapse/checkers/txn/internal/guard"
	"github.com/lapse-test/lapse/checkers/txn/internal/ir"
	"github.com/lapse-test/lapse/history"
)

// TestFirstReads: few reads and many, which are compared in two ways, tell the same reads for the first ones of their sources.
func TestFirstReads(t *testing.T) {
	s := newStamps(12)
	for seed := range uint64(500) {
		rng := rand.New(rand.NewPCG(seed, 2))
		reads := make([]ir.External, rng.IntN(40))
		seen := map[int32]bool{-1: true} // what is there from the beginning is no transaction
		var want []bool
		for i := range reads {
			reads[i].Source = int32(rng.IntN(13) - 1)
			want = append(want, !seen[reads[i].Source])
			seen[reads[i].Source] = true
		}
		got := s.first(nil, reads)
		if len(got) != len(want) {
			t.Fatalf("seed %d: %d of %d reads", seed, len(got), len(want))
		}
		for i := range want {
			if got[i] != want[i] {
				t.Fatalf("seed %d: read %d of %d, of %d: first %v, want %v", seed, i, len(reads), reads[i].Source, got[i], want[i])
			}
		}
	}
}

// TestLastVersions: of transactions with few writes and with many, the place of a key's last version is found, and none of a key that
// it did not write.
func TestLastVersions(t *testing.T) {
	const keys, lists = 30, 10 // the first ones are lists
	for seed := range uint64(60) {
		rng := rand.New(rand.NewPCG(seed, 3))
		b := history.NewBuilder(history.Header{Source: "test", Initial: history.Absent})
		all := make([][]history.Value, lists)
		var txn history.Txn
		at := history.Time(0)
		add := func() {
			b.Add(history.Op{Invoke: at, Complete: at + 1, Outcome: history.OK, Error: -1, Note: -1, Node: -1}, &txn)
			at += 2
			txn.Reset()
		}
		next := history.Value(0)
		var want []map[int32]int32 // of each operation, the place of each key's last version
		for range 1 + rng.IntN(8) {
			places := map[int32]int32{}
			for range 1 + rng.IntN(50) {
				next++
				m := history.Mop{Func: history.Write, Key: history.Key(rng.IntN(keys)), Arg: next}
				if m.Key < lists {
					m.Func = history.Append
					all[m.Key] = append(all[m.Key], next)
				}
				txn.Mops = append(txn.Mops, m)
				places[int32(m.Key)] = 0
			}
			for k := range places {
				if k < lists {
					places[k] = int32(len(all[k]) - 1)
				}
			}
			want = append(want, places)
			add()
		}
		for k := range lists { // reads make the order of a list known
			txn.Mops = append(txn.Mops, history.Mop{Func: history.ReadList, Key: history.Key(k)})
			txn.SetList(k, all[k])
		}
		add()
		h, err := b.History()
		if err != nil {
			t.Fatal(err)
		}
		r, err := ir.Build(h, h, guard.New(context.Background(), checkers.Budget{}))
		if err != nil {
			t.Fatal(err)
		}
		w := &Axiom{IR: r}
		w.sortWrites()
		for v, op := range r.Op {
			for k := range int32(min(keys, r.Keys)) {
				pos, ok := w.posOf(int32(v), k)
				var place int32
				var written bool
				if int(op) < len(want) {
					place, written = want[op][k]
				}
				if ok != written || pos != place {
					t.Fatalf("seed %d: operation %d, key %d: %d %v, want %d %v", seed, op, k, pos, ok, place, written)
				}
			}
		}
	}
}
