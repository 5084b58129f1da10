package lock

import (
	"context"
	"math/rand/v2"
	"testing"

	"github.com/lapse-test/lapse/checkers"
	"github.com/lapse-test/lapse/checkers/internal/exhaust"
	"github.com/lapse-test/lapse/checkers/internal/seeds"
	"github.com/lapse-test/lapse/history"
)

// entry is one operation of a table: of session s, a or r for acquire and release, with
// to 0 for one without an answer.
type entry struct {
	s        int32
	from, to history.Time
	f        byte
	permits  history.Value
	token    history.Value
	owner    history.Value
	failed   bool
}

func build(t *testing.T, entries []entry) *history.History {
	t.Helper()
	b := history.NewBuilder(history.Header{Source: "test", Initial: history.Absent})
	k := b.Key("l")
	for i, e := range entries {
		op := history.Op{Session: e.s, Process: int32(i), Invoke: e.from, Complete: e.to, Outcome: history.OK, Error: -1, Note: -1, Node: -1}
		m := history.Mop{Func: history.Acquire, Key: k, Expect: e.permits}
		if e.f == 'r' {
			m.Func = history.Release
		}
		if e.owner != 0 {
			m.Arg, m.Flags = e.owner, m.Flags|history.Owned
		}
		switch {
		case e.failed:
			op.Outcome = history.Fail
		case e.to == 0:
			op.Outcome, op.Complete = history.Info, history.Never
		case e.token != 0:
			m.Ret, m.Flags = e.token, m.Flags|history.Observed
		}
		b.AddPlain(op, m)
	}
	h, err := b.History()
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func check(t *testing.T, h *history.History, model string) checkers.Verdict {
	t.Helper()
	r, err := rulesOf(model)
	if err != nil {
		t.Fatal(err)
	}
	v, err := (&Checker{model, r}).Check(context.Background(), h, checkers.Budget{})
	if err != nil {
		t.Fatal(err)
	}
	for i := range v.Violations {
		x := &v.Violations[i]
		if by, proven := refuted(context.Background(), h, x); by == "" || !proven {
			t.Fatalf("%s: the witness %v is not proven (%q): %s\n%s", model, x.Ops, by, x.Sentence, exhaust.Show(h.Subset(x.Ops)))
		}
	}
	return v
}

// TestPairs holds histories that differ in one operation.
func TestPairs(t *testing.T) {
	a := func(s int32, from, to history.Time) entry { return entry{s: s, from: from, to: to, f: 'a'} }
	r := func(s int32, from, to history.Time) entry { return entry{s: s, from: from, to: to, f: 'r'} }
	tok := func(s int32, from, to history.Time, token history.Value) entry {
		return entry{s: s, from: from, to: to, f: 'a', token: token}
	}
	per := func(s int32, from, to history.Time, f byte, n history.Value) entry {
		return entry{s: s, from: from, to: to, f: f, permits: n}
	}
	who := func(s int32, from, to history.Time, f byte, owner history.Value) entry {
		return entry{s: s, from: from, to: to, f: f, owner: owner}
	}
	failed := a(1, 3, 4)
	failed.failed = true
	for _, c := range []struct {
		name, model string
		common      []entry
		good, bad   entry
		anomaly     string
	}{
		{"two holders", Mutex, []entry{a(0, 1, 2), a(1, 5, 6)}, r(0, 3, 4), r(0, 7, 8), twoHolders},
		{"released while the other waits", Mutex, []entry{a(0, 1, 2), a(1, 3, 9)}, r(0, 4, 5), a(2, 4, 5), twoHolders},
		{"an attempt that failed takes nothing", Mutex, []entry{a(0, 1, 2), r(0, 7, 8), a(2, 9, 10)}, failed, a(1, 3, 4), twoHolders},
		{"released though free", Mutex, []entry{a(0, 1, 2), r(0, 3, 4)}, a(1, 5, 6), r(1, 5, 6), unheldRelease},
		{"a release without an answer may have freed it", Mutex, []entry{a(0, 1, 2), a(1, 5, 6)}, r(0, 3, 0), r(0, 7, 0), twoHolders},
		{"anybody may release a mutex", Owned, []entry{a(0, 1, 2), a(2, 7, 8)}, r(0, 3, 4), r(1, 3, 4), unheldRelease},
		{"owners by name", Owned, []entry{who(0, 1, 2, 'a', 7)}, who(1, 3, 4, 'r', 7), who(0, 3, 4, 'r', 8), unheldRelease},
		{"the holder again", Reentrant, []entry{a(0, 1, 2), r(0, 5, 6), r(0, 7, 8)}, a(0, 3, 4), a(1, 3, 4), twoHolders},
		{"released as often as acquired", Reentrant, []entry{a(0, 1, 2), a(0, 3, 4), r(0, 5, 6), a(1, 9, 10)}, r(0, 7, 8), a(2, 0, 0), twoHolders},
		{"no lock is reentrant by itself", Owned, []entry{a(0, 1, 2)}, a(1, 3, 0), a(0, 3, 4), twoHolders},
		{"tokens go up", Fenced, []entry{tok(0, 1, 2, 5), r(0, 3, 4)}, tok(1, 5, 6, 6), tok(1, 5, 6, 5), staleToken},
		{"of concurrent ones the order follows the tokens", Fenced, []entry{tok(0, 1, 9, 6), r(0, 10, 11), r(1, 3, 4)}, tok(1, 1, 2, 5), tok(1, 1, 2, 7), staleToken},
		{"permits", "semaphore:2", []entry{a(0, 1, 2), a(1, 3, 4)}, r(0, 5, 6), a(2, 5, 6), twoHolders},
		{"several permits at once", "semaphore:3", []entry{per(0, 1, 2, 'a', 2)}, per(1, 3, 4, 'a', 1), per(1, 3, 4, 'a', 2), twoHolders},
		{"more given back than taken", "semaphore:3", []entry{per(0, 1, 2, 'a', 2)}, per(1, 3, 4, 'r', 2), per(1, 3, 4, 'r', 3), unheldRelease},
	} {
		t.Run(c.name, func(t *testing.T) {
			with := func(e entry) *history.History { return build(t, append([]entry{e}, c.common...)) }
			if v := check(t, with(c.good), c.model); v.Status == checkers.Violated {
				t.Errorf("good: %s", v.Violations[0].Sentence)
			}
			v := check(t, with(c.bad), c.model)
			if v.Status != checkers.Violated || v.Violations[0].Anomaly != c.anomaly {
				t.Fatalf("bad: %s %v %+v, want %s", v.Status, v.Reasons, v.Violations, c.anomaly)
			}
			t.Log(v.Violations[0].Sentence)
		})
	}
}

// random makes a lock that is taken and given back by a few sessions, wrongly now and
// then.
func random(seed uint64, r rules) []entry {
	rng := rand.New(rand.NewPCG(seed, 0x10c4))
	var out []entry
	at := history.Time(0)
	token := history.Value(0)
	holds := map[int32]int{}
	busy := map[int32]history.Time{}
	for range 3 + rng.IntN(7) {
		at += history.Time(rng.IntN(4))
		e := entry{s: int32(rng.IntN(3)), f: 'a'}
		e.from = max(at, busy[e.s]+1)
		e.to = e.from + history.Time(1+rng.IntN(6))
		if holds[e.s] > 0 && rng.IntN(4) > 0 || rng.IntN(12) == 0 {
			e.f = 'r'
		}
		if r.permits > 1 {
			e.permits = history.Value(rng.IntN(3))
		}
		total := 0
		for _, n := range holds {
			total += n
		}
		n := max(1, int(e.permits))
		switch {
		case e.f == 'r':
			holds[e.s] = max(0, holds[e.s]-n)
		case total+n > r.permits && !(r.reentrant && total == holds[e.s]) && rng.IntN(6) > 0:
			e.failed = true
		default:
			holds[e.s] += n
			if r.fenced && rng.IntN(5) > 0 {
				if token += 1; rng.IntN(8) == 0 {
					token--
				}
				e.token = max(1, token)
			}
		}
		busy[e.s] = e.to
		if rng.IntN(7) == 0 && !e.failed {
			e.to = 0
		}
		out = append(out, e)
	}
	return out
}

// TestAgainstBruteForce compares all models with trying every order.
func TestAgainstBruteForce(t *testing.T) {
	rounds := seeds.Choose(t, 3000)
	for _, model := range []string{Mutex, Owned, Reentrant, Fenced, "semaphore:2", "semaphore:3"} {
		counts := map[string]int{}
		r, err := rulesOf(model)
		if err != nil {
			t.Fatal(err)
		}
		for seed := range rounds.All() {
			h := build(t, random(seed, r))
			if (&Checker{model, r}).Applies(h) != nil {
				continue
			}
			b := brute{h: h, rules: r, cut: -1, seen: map[string]bool{}}
			for i := range h.Ops {
				switch h.Ops[i].Outcome {
				case history.OK:
					b.must = append(b.must, i)
				case history.Info:
					b.may = append(b.may, i)
				}
			}
			want := b.try(0, holding{})
			v := check(t, h, model)
			if (v.Status == checkers.Violated) == want {
				t.Fatalf("seed %d: %s: %s %v, but legal: %v\n%s", seed, model, v.Status, v.Reasons, want, exhaust.Show(h))
			}
			if want {
				counts["legal"]++
			}
			for _, x := range v.Violations {
				counts[x.Anomaly]++
			}
		}
		t.Logf("%s: %s: %v", model, rounds, counts)
		if counts["legal"] < 100 || counts[twoHolders] < 100 {
			t.Errorf("%s: the histories are too much of one kind to test anything", model)
		}
	}
}

// TestLong decides a long history of a correct lock, and of one that once let two in.
func TestLong(t *testing.T) {
	var entries []entry
	at := history.Time(0)
	late := 0
	for i := range 2000 {
		s := int32(i % 7)
		entries = append(entries, entry{s: s, from: max(0, at-20), to: at + 1, f: 'a'}, entry{s: s, from: at + 2, to: at + 3, f: 'r'})
		if i%100 == 50 {
			entries = append(entries, entry{s: 50 + int32(i), from: at, f: 'a'}, entry{s: 51 + int32(i), from: at + 1, f: 'r'})
		}
		if i == 1000 {
			late = len(entries) - 1
		}
		at += 10
	}
	for _, model := range []string{Mutex, Owned, Reentrant} {
		if v := check(t, build(t, entries), model); v.Status != checkers.Held {
			t.Errorf("%s: %s %v", model, v.Status, v.Reasons)
		}
	}
	// A release that only begins when the next one has acquired the lock.
	entries[late].from, entries[late].to = entries[late].from+10, entries[late].to+10
	v := check(t, build(t, entries), Owned)
	if v.Status != checkers.Violated || len(v.Violations[0].Ops) > 6 {
		t.Errorf("%s, by %v", v.Status, v.Violations)
	}
}

// TestNames: a number of permits is checked where it is given.
func TestNames(t *testing.T) {
	for _, bad := range []string{"semaphore:", "semaphore:0", "semaphore:x", "semaphore:-1"} {
		if _, err := Parse(bad); err == nil {
			t.Errorf("%s is taken", bad)
		}
	}
	c, err := Parse("semaphore:4")
	if err != nil || c.Model().Name != "semaphore:4" {
		t.Errorf("semaphore:4: %v %v", c, err)
	}
}
