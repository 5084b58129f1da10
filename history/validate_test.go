package history

import (
	"testing"
)

// TestValidate has pairs of a legal and an illegal history that differ in one
// thing.
func TestValidate(t *testing.T) {
	type pair struct {
		op Op
		m  Mop
	}
	w := func(process int32, invoke, complete Time, outcome Outcome, value Value) pair {
		return pair{Op{Process: process, Invoke: invoke, Complete: complete, Outcome: outcome}, Mop{Func: Write, Arg: value}}
	}
	for _, c := range []struct {
		name           string
		legal, illegal []pair
		want           string
	}{
		{"overlap in a process",
			[]pair{w(1, 0, 10, OK, 1), w(1, 10, 20, OK, 2)},
			[]pair{w(1, 0, 10, OK, 1), w(1, 9, 20, OK, 2)}, "process 1"},
		{"overlap of two processes",
			[]pair{w(1, 0, 10, OK, 1), w(2, 9, 20, OK, 2)},
			[]pair{w(2, 0, 10, OK, 1), w(2, 9, 20, OK, 2)}, "process 2"},
		{"something after an info in its process",
			[]pair{w(1, 0, Never, Info, 1), w(2, 50, 60, OK, 2)},
			[]pair{w(1, 0, Never, Info, 1), w(1, 50, 60, OK, 2)}, "previous operation was open"},
		{"no time at all",
			[]pair{w(1, 5, 5, OK, 1), w(1, 5, 5, OK, 2)},
			[]pair{w(1, 5, 4, OK, 1), w(1, 5, 5, OK, 2)}, "before its invocation"},
		{"before the run",
			[]pair{w(1, 0, 5, OK, 1)},
			[]pair{w(1, -1, 5, OK, 1)}, "before the run began"},
		{"an info with a completion",
			[]pair{w(1, 0, Never, Info, 1)},
			[]pair{w(1, 0, 10, Info, 1)}, "no completion"},
		{"an ok without one",
			[]pair{w(1, 0, 10, OK, 1)},
			[]pair{w(1, 0, Never, OK, 1)}, "without a completion"},
		{"a value written twice",
			[]pair{w(1, 0, 10, OK, 1), w(2, 0, 10, OK, 2)},
			[]pair{w(1, 0, 10, OK, 1), w(2, 0, 10, Fail, 1)}, "the value 1 was written to key k0 before"},
		{"processes far apart",
			[]pair{w(-1<<31, 0, 10, OK, 1), w(1<<31-1, 5, 10, OK, 2)},
			[]pair{w(-1<<31, 0, 10, OK, 1), w(1<<31-1, 5, 10, OK, 2), w(1<<31-1, 7, 12, OK, 3)}, "process 2147483647"},
		{"a negative key",
			[]pair{{Op{Complete: 1, Outcome: OK}, Mop{Func: Read, Key: 0}}},
			[]pair{{Op{Complete: 1, Outcome: OK}, Mop{Func: Read, Key: -1}}}, "negative key -1"},
		{"an unknown function",
			[]pair{{Op{Complete: 1, Outcome: OK}, Mop{Func: Read}}},
			[]pair{{Op{Complete: 1, Outcome: OK}, Mop{Func: 99}}}, "unknown function 99"},
		{"a text that is not there",
			[]pair{{Op{Complete: 1, Outcome: OK}, Mop{Func: Read, Ret: Absent}}},
			[]pair{{Op{Complete: 1, Outcome: OK}, Mop{Func: Read, Ret: TextValue(0)}}}, "text 0 of 0"},
	} {
		t.Run(c.name, func(t *testing.T) {
			build := func(ops []pair) error {
				b := NewBuilder(Header{Source: SourceLapse})
				for _, p := range ops {
					b.AddPlain(p.op, p.m)
				}
				_, err := b.History()
				return err
			}
			must(t, build(c.legal))
			wantErr(t, build(c.illegal), "impossible history", c.want)
		})
	}
}

// TestAmbiguous: foreign histories may use values again, and are marked.
func TestAmbiguous(t *testing.T) {
	for _, c := range []struct {
		second Mop
		want   bool
	}{
		{Mop{Func: Write, Key: 1, Arg: 5}, true},
		{Mop{Func: Write, Key: 2, Arg: 5}, false},
		{Mop{Func: Write, Key: 1, Arg: 6}, false},
		{Mop{Func: Delete, Key: 1, Arg: 5}, false},
	} {
		b := NewBuilder(Header{Source: "edn"})
		b.AddPlain(Op{Complete: 1, Outcome: OK}, Mop{Func: Write, Key: 1, Arg: 5})
		b.AddPlain(Op{Process: 1, Complete: 1, Outcome: OK}, c.second)
		h, err := b.History()
		must(t, err)
		if h.Ambiguous != c.want {
			t.Errorf("%+v: ambiguous %v, want %v", c.second, h.Ambiguous, c.want)
		}
	}
}
