package log

import (
	"cmp"
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/lapse-test/lapse/checkers"
	"github.com/lapse-test/lapse/checkers/internal/seeds"
	"github.com/lapse-test/lapse/history"
)

// build reads operations, one after another, such as "s1 send 5@0", "s1! send 5",
// "s1? send 5", "s2 poll 0:5 1:6", "s2 assign", "s2 seek" (an assignment from the beginning).
func build(t *testing.T, lines []string) *history.History {
	t.Helper()
	b := history.NewBuilder(history.Header{Source: "test", Initial: history.Absent})
	k := b.Key("l")
	process := map[int32]int32{} // a session has a new one after each info
	for i, line := range lines {
		f := strings.Fields(line)
		var s int32
		fmt.Sscanf(f[0], "s%d", &s)
		op := history.Op{Session: s, Process: cmp.Or(process[s], s), Invoke: history.Time(10 * i), Complete: history.Time(10*i + 5), Outcome: history.OK, Error: -1, Note: -1, Node: -1}
		switch f[0][len(f[0])-1] {
		case '!':
			op.Outcome = history.Fail
		case '?':
			op.Outcome, op.Complete = history.Info, history.Never
			process[s] = int32(1000 + i)
		}
		var txn history.Txn
		switch f[1] {
		case "send":
			var v, offset int64
			n, _ := fmt.Sscanf(f[2], "%d@%d", &v, &offset)
			txn.Mops = append(txn.Mops, history.Mop{Func: history.Send, Key: k, Arg: history.Value(v)})
			if n == 2 {
				txn.SetVersion(0, offset)
			}
		case "poll":
			txn.Mops = append(txn.Mops, history.Mop{Func: history.Poll, Key: k})
			var list []history.Value
			for _, pair := range f[2:] {
				var v, offset int64
				fmt.Sscanf(pair, "%d:%d", &offset, &v)
				list = append(list, history.Value(offset), history.Value(v))
			}
			txn.SetList(0, list)
		case "assign", "subscribe":
			fn, _ := history.ParseFunc(f[1])
			txn.Mops = append(txn.Mops, history.Mop{Func: fn, Key: k, Arg: history.Assigned})
		case "seek":
			txn.Mops = append(txn.Mops, history.Mop{Func: history.Assign, Key: k, Arg: history.FromBeginning})
		}
		b.Add(op, &txn)
	}
	h, err := b.History()
	if err != nil {
		t.Fatalf("%q: %v", lines, err)
	}
	return h
}

// anomalies are what the checker of the model finds, sorted, with every witness proven.
func anomalies(t *testing.T, model checkers.Model, lines []string) []string {
	t.Helper()
	h := build(t, lines)
	v, err := model.New().Check(context.Background(), h, checkers.Budget{})
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for i := range v.Violations {
		x := &v.Violations[i]
		if _, proven := model.Refute(context.Background(), h, x); !proven {
			t.Fatalf("%q: %s by %v is not proven: %s", lines, x.Anomaly, x.Ops, x.Sentence)
		}
		alone, err := model.New().Check(context.Background(), h.Subset(x.Ops), checkers.Budget{})
		if err != nil || !slices.ContainsFunc(alone.Violations, func(y checkers.Violation) bool { return y.Anomaly == x.Anomaly }) {
			t.Fatalf("%q: the operations %v alone do not show %s (%v): %s", lines, x.Ops, x.Anomaly, err, x.Sentence)
		}
		out = append(out, x.Anomaly)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// TestPairs holds logs that differ in one operation.
func TestPairs(t *testing.T) {
	for _, c := range []struct{ name, common, good, bad, anomaly string }{
		{"lost", "s1 send 5@0; s1 send 6@1; s1 send 7@2", "s2 poll 0:5 1:6 2:7", "s2 poll 0:5 2:7", lostMessage},
		{"a gap where nothing was acknowledged", "s1 send 5@0; s1 send 7@2", "s1? send 6; s2 poll 0:5 2:7", "s1 send 6@1; s2 poll 0:5 2:7", lostMessage},
		{"skipped", "s1 send 5@0; s1 send 6@1; s1 send 7@2; s3 poll 0:5 1:6", "s2 poll 0:5; s2 poll 1:6 2:7", "s2 poll 0:5; s2 poll 2:7", skipped},
		{"a new assignment may skip", "s1 send 5@0; s1 send 6@1; s1 send 7@2; s3 poll 0:5 1:6; s2 poll 0:5", "s2 assign; s2 poll 2:7", "s2 poll; s2 poll 2:7", skipped},
		{"another subscriber may have had it", "s1 send 5@0; s1 send 6@1; s1 send 7@2; s3 poll 0:5 1:6", "s2 subscribe; s2 poll 0:5; s2 poll 2:7", "s2 assign; s2 poll 0:5; s2 poll 2:7", skipped},
		{"deleted before the second began", "s1 send 5@0; s1 send 6@1", "s3 seek; s3 poll 0:5; s2 seek; s2 poll 1:6", "s2 seek; s2 poll 1:6; s3 seek; s3 poll 0:5", skipped},
		{"only a later seek tells", "s1 send 5@0; s1 send 6@1; s2 seek", "s3 seek; s2 poll 1:6; s3 poll 0:5", "s2 poll 1:6; s3 seek; s3 poll 0:5", skipped},
		{"only a seek tells", "s1 send 5@0; s1 send 6@1; s2 seek; s2 poll 1:6", "s3 assign; s3 poll 0:5", "s3 seek; s3 poll 0:5", skipped},
		{"the later one began behind it as well", "s1 send 5@0; s1 send 6@1; s2 seek; s2 poll 1:6; s3 poll 0:5", "s3 seek; s3 poll 1:6", "s3 seek; s3 poll 0:5", skipped},
		{"backwards", "s1 send 5@0; s1 send 6@1", "s2 poll 0:5; s2 poll 1:6", "s2 poll 0:5 1:6; s2 poll 0:5", backwards},
		{"backwards in one poll", "s1 send 5@0; s1 send 6@1", "s2 poll 0:5 1:6", "s2 poll 1:6 0:5", backwards},
		{"duplicated", "s1 send 5@0; s1 send 6@1", "s2 poll 0:5 1:6", "s2 poll 0:5 1:6 2:5", duplicate},
		{"reordered", "s1 send 5@0; s1? send 6", "s2 poll 0:5; s3 poll 0:5", "s2 poll 0:5; s3 poll 0:6", reordered},
		{"the send's offset counts", "s1 send 5@0", "s2 poll 0:5", "s2 poll 1:5", duplicate},
		{"from nowhere", "s1 send 5@0", "s1? send 6; s2 poll 0:5 1:6", "s2 poll 0:5 1:6", unexpected},
		{"aborted", "s3 send 5@0", "s1? send 6; s2 poll 0:5 1:6", "s1! send 6; s2 poll 0:5 1:6", abortedRead},
		{"sends in order", "s1 send 5@3; s2 poll 3:5", "s1 send 6@4", "s1 send 6@2", sendBackwards},
	} {
		t.Run(c.name, func(t *testing.T) {
			lines := func(more string) []string {
				return slices.Concat(strings.Split(c.common, "; "), strings.Split(more, "; "))
			}
			for _, m := range Models() {
				if got := anomalies(t, m, lines(c.good)); len(got) > 0 {
					t.Errorf("%s: good: %q", m.Name, got)
				}
				if got := anomalies(t, m, lines(c.bad)); !slices.Contains(got, c.anomaly) {
					t.Errorf("%s: bad: %q, want %q", m.Name, got, c.anomaly)
				}
			}
		})
	}
}

// TestBeginnings holds logs that differ in one operation, of which the first messages are
// missing: for a loss where logs keep all messages, and for none where they need not.
func TestBeginnings(t *testing.T) {
	const sent = "s1 send 5@0; s1 send 6@1"
	for _, c := range []struct{ name, common, good, bad string }{
		{"the first", sent, "s2 seek; s2 poll 0:5 1:6", "s2 seek; s2 poll 1:6"},
		{"only with a seek", sent, "s2 assign; s2 poll 1:6", "s2 seek; s2 poll 1:6"},
		{"a subscriber has not sought", sent, "s2 seek; s2 subscribe; s2 poll 1:6", "s2 seek; s2 poll 1:6"},
		{"another assignment", sent, "s2 seek; s2 assign; s2 poll 1:6", "s2 assign; s2 seek; s2 poll 1:6"},
		{"a seek that failed", sent, "s2! seek; s2 poll 1:6", "s2 seek; s2 poll 1:6"},
		{"a seek without an answer", sent, "s2? seek; s2 poll 1:6", "s2 seek; s2 poll 1:6"},
		{"a poll that failed before", sent, "s2 seek; s2! poll; s2 poll 1:6", "s2 seek; s2 poll; s2 poll 1:6"},
		{"a poll without an answer before", sent, "s2 seek; s2? poll; s2 poll 1:6", "s2 seek; s2 poll; s2 poll 1:6"},
		{"a send without an answer before", sent, "s2 seek; s2? send 9; s2 poll 1:6", "s2 seek; s2! send 9; s2 poll 1:6"},
		{"another's poll without an answer", sent, "s2 seek; s2? poll; s2 poll 1:6", "s2 seek; s3? poll; s2 poll 1:6"},
		{"somebody polled it", sent, "s3 poll 0:5; s2 seek; s2 poll 1:6", "s3 poll; s2 seek; s2 poll 1:6"},
		{"somebody polled it, but was told that it failed", sent, "s3? poll 0:5; s2 seek; s2 poll 1:6", "s3! poll 0:5; s2 seek; s2 poll 1:6"},
		{"it was acknowledged", "s1 send 6@1; s2 seek; s2 poll 1:6", "s4? send 5@0", "s4 send 5@0"},
		{"what lies behind it was polled", sent, "s2 seek; s2 poll", "s2 seek; s2 poll 1:6"},
	} {
		t.Run(c.name, func(t *testing.T) {
			whole, retention := Models()[0], Models()[1]
			lines := func(more string) []string {
				return slices.Concat(strings.Split(c.common, "; "), strings.Split(more, "; "))
			}
			if got := anomalies(t, whole, lines(c.good)); len(got) > 0 {
				t.Errorf("good: %q", got)
			}
			if got := anomalies(t, whole, lines(c.bad)); !slices.Equal(got, []string{lostMessage}) {
				t.Errorf("bad: %q, want %q", got, lostMessage)
			}
			if got := anomalies(t, retention, lines(c.bad)); len(got) > 0 {
				t.Errorf("%s: %q", retention.Name, got)
			}
		})
	}
}

// random is a log that loses, doubles, moves and reorders messages now and then, with
// consumers that read on from where they are; clean tells that nothing of that happened.
func random(seed uint64) (lines []string, clean bool) {
	rng := rand.New(rand.NewPCG(seed, 0x106))
	var records []int // messages by offset
	at := map[int]int{}
	clean = true
	odd := func() bool {
		if rng.IntN(14) > 0 {
			return false
		}
		clean = false
		return true
	}
	for i := range 6 + rng.IntN(10) {
		switch s := 1 + rng.IntN(3); rng.IntN(5) {
		case 0, 1:
			switch rng.IntN(8) {
			case 0:
				lines = append(lines, fmt.Sprintf("s%d? send %d", s, 100+i))
				if rng.IntN(2) == 0 {
					records = append(records, 100+i)
				}
			case 1:
				lines = append(lines, fmt.Sprintf("s%d! send %d", s, 100+i))
				if odd() {
					records = append(records, 100+i)
				}
			default:
				lines = append(lines, fmt.Sprintf("s%d send %d@%d", s, 100+i, len(records)))
				records = append(records, 100+i)
			}
		case 2:
			lines = append(lines, fmt.Sprintf("s%d %s", s, []string{"assign", "seek"}[rng.IntN(2)]))
			if at[s] = 0; odd() {
				at[s]++
			}
		default:
			line := fmt.Sprintf("s%d poll", s)
			for n := rng.IntN(4); n > 0 && at[s] < len(records); n-- {
				offset := at[s]
				if odd() {
					line += fmt.Sprintf(" %d:%d", offset, 7)
				} else {
					if odd() {
						offset = max(0, offset-1)
					}
					line += fmt.Sprintf(" %d:%d", offset, records[offset])
				}
				at[s] = offset + 1
				if odd() {
					at[s]++
				}
			}
			lines = append(lines, line)
		}
	}
	return lines, clean
}

// TestRandomLogs: a log that does nothing wrong is never blamed, and whatever is blamed
// is proven by the definition.
func TestRandomLogs(t *testing.T) {
	rounds := seeds.Choose(t, 6000)
	counts := map[string]int{}
	for seed := range rounds.All() {
		lines, clean := random(seed)
		got := anomalies(t, Models()[0], lines)
		if want := byDefinition(build(t, lines), true); !slices.Equal(got, want) {
			t.Fatalf("seed %d: %q shows %q, by the definitions %q", seed, lines, got, want)
		}
		weaker := anomalies(t, Models()[1], lines)
		if want := byDefinition(build(t, lines), false); !slices.Equal(weaker, want) {
			t.Fatalf("seed %d: %q shows %q where messages may be deleted, by the definitions %q", seed, lines, weaker, want)
		}
		if !slices.Equal(got, weaker) {
			counts["only where all is kept"]++
		}
		if clean && len(got) > 0 {
			t.Fatalf("seed %d: %q is blamed for %q", seed, lines, got)
		}
		if clean {
			counts["clean"]++
		}
		for _, a := range got {
			counts[a]++
		}
	}
	t.Logf("%s: %v", rounds, counts)
	for _, a := range []string{"clean", lostMessage, duplicate, reordered, unexpected, abortedRead, backwards, skipped, "only where all is kept"} {
		if counts[a] == 0 {
			t.Errorf("no log showed: %s", a)
		}
	}
}
