package text

import (
	"strings"
	"testing"

	"github.com/lapse-test/lapse/checkers"
	"github.com/lapse-test/lapse/history"
)

// TestLegalText names the write of a legal value unless the witness has it.
func TestLegalText(t *testing.T) {
	h := staleHistory(t) // write 1, read 1, write 2, read 2, write 3, read 2, ...
	v := checkers.Violation{Key: "k0", Ops: []int{2, 4, 5}, Legal: []string{"3", "1", "77"}}
	got := Legal(h, &v)
	want := "3, 1 (written by session 1, t=0.000000..0.001000 s), 77"
	if got != want {
		t.Errorf("got  %s\nwant %s (the key is %s)", got, want, h.KeyName(h.Mop(&h.Ops[0]).Key))
	}
	v.Legal = nil
	if got := Legal(h, &v); strings.TrimSpace(got) != "" {
		t.Errorf("nothing legal is said as %q", got)
	}
}

// TestLegalTextOfSeveralWrites names no write where two, three or a failed one may
// have been it, nor one of another key.
func TestLegalTextOfSeveralWrites(t *testing.T) {
	b := history.NewBuilder(history.Header{Source: "test", Initial: history.Absent})
	write := func(at history.Time, key string, v history.Value, outcome history.Outcome) {
		op := history.Op{Process: 1, Session: 1, Invoke: at, Complete: at + 1, Outcome: outcome, Error: -1, Note: -1, Node: -1}
		b.AddPlain(op, history.Mop{Func: history.Write, Key: b.Key(key), Arg: v})
	}
	write(10, "a", 1, history.OK)
	write(20, "a", 5, history.OK)
	write(30, "a", 5, history.OK)
	write(40, "a", 6, history.OK)
	write(50, "a", 6, history.OK)
	write(60, "a", 6, history.OK)
	write(70, "a", 7, history.Fail)
	write(80, "b", 8, history.OK)
	h, err := b.History()
	if err != nil {
		t.Fatal(err)
	}
	v := checkers.Violation{Key: "a", Ops: []int{0}, Legal: []string{"5", "6", "7", "8"}}
	if got := Legal(h, &v); got != "5, 6, 7, 8" {
		t.Errorf("got %s", got)
	}
}

// staleHistory has a writer and a reader; every third read is one version behind.
func staleHistory(t *testing.T) *history.History {
	t.Helper()
	const ms = history.Time(1_000_000)
	b := history.NewBuilder(history.Header{Source: "test", Initial: history.Absent, Levels: []string{"", "ONE"}})
	for i := range history.Time(60) {
		op := history.Op{Process: 1, Session: 1, Invoke: i * 10 * ms, Complete: i*10*ms + ms, WriteLevel: 1, Outcome: history.OK, Error: -1, Note: -1, Node: -1}
		b.AddPlain(op, history.Mop{Func: history.Write, Arg: history.Value(i + 1)})
		v := history.Value(i + 1)
		if i%3 == 2 {
			v--
		}
		op = history.Op{Process: 2, Session: 2, Invoke: i*10*ms + 4*ms, Complete: i*10*ms + 5*ms, ReadLevel: 1, Outcome: history.OK, Error: -1, Note: -1, Node: -1}
		b.AddPlain(op, history.Mop{Func: history.Read, Ret: v, Flags: history.Observed})
	}
	h, err := b.History()
	if err != nil {
		t.Fatal(err)
	}
	return h
}
