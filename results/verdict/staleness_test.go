package verdict_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/lapse-test/lapse/checkers"
	"github.com/lapse-test/lapse/checkers/regular"
	"github.com/lapse-test/lapse/checkers/set"
	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/results/text"
	"github.com/lapse-test/lapse/results/verdict"
)

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

// TestStaleness takes the numbers from the history to the text and to JSON.
func TestStaleness(t *testing.T) {
	a := verdict.Assess(t.Context(), staleHistory(t), []checkers.Checker{regular.New(regular.Regular), regular.New(regular.Safe)}, checkers.Budget{}, verdict.Require{})
	if err := a.Err(); err != nil {
		t.Fatal(err)
	}
	if a.Staleness == nil || a.Staleness.All.Stale.N != 20 || a.Staleness.All.Stale.Of != 60 {
		t.Fatalf("got %+v, want 20 stale reads of 60", a.Staleness)
	}
	var out bytes.Buffer
	text.PrintVerdicts(&out, text.Style{}, &a)
	text.PrintStaleness(&out, text.Style{}, a.Staleness)
	for _, want := range []string{
		"stale reads          20 of 60: 33 % (95 % confidence: 23 % to 46 %)", "max 1; by time p50 3 ms", "delta 3 ms",
		"2 ms to 5 ms after     missed by 20 of 60", "W=ONE R=ONE outside faults",
		"  refuted: regular, safe\n", "implied refuted: linearizable, strict-serializable",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is not in\n%s", want, &out)
		}
	}
	doc, err := json.Marshal(&a)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`"staleness":{"all":{"reads":60,"stale":{"n":20,"of":60`, `"delta_ns":3000000`, `"implied_refuted":["linearizable","strict-serializable"]`} {
		if !strings.Contains(string(doc), want) {
			t.Errorf("%s is not in\n%s", want, doc)
		}
	}
}

// TestElements: an element that one read missed for 20 ms, and one that is lost.
func TestElements(t *testing.T) {
	const ms = history.Time(1_000_000)
	b := history.NewBuilder(history.Header{Source: "test", Initial: history.Absent})
	op := func(at history.Time) history.Op {
		return history.Op{Process: 1, Session: 1, Invoke: at * ms, Complete: (at + 1) * ms, Outcome: history.OK, Error: -1, Note: -1, Node: -1}
	}
	for i := range history.Time(3) {
		b.AddPlain(op(10*i), history.Mop{Func: history.Add, Arg: history.Value(i + 1)})
	}
	for at, list := range map[history.Time][]history.Value{40: {1, 3}, 60: {1, 2, 3}, 80: {1, 2}} {
		var txn history.Txn
		txn.Mops = append(txn.Mops, history.Mop{Func: history.ReadSet})
		txn.SetList(0, list)
		b.Add(op(at), &txn)
	}
	h, err := b.History()
	if err != nil {
		t.Fatal(err)
	}
	a := verdict.Assess(t.Context(), h, []checkers.Checker{set.New()}, checkers.Budget{}, verdict.Require{})
	if err := a.Err(); err != nil {
		t.Fatal(err)
	}
	if a.Elements == nil || a.Elements.Stable != 2 || a.Elements.Stale != 1 || a.Elements.Lost != 1 {
		t.Fatalf("got %+v, want two stable, one of them stale, and one lost", a.Elements)
	}
	var out bytes.Buffer
	text.PrintVerdicts(&out, text.Style{}, &a)
	for _, want := range []string{"3 of 3 acknowledged: 2 stable, 1 lost, 0 never read", "1 was missed by reads after being known, until p50", "lost ones were last seen"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is not in\n%s", want, &out)
		}
	}
}
