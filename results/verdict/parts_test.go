package verdict

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"testing"

	"github.com/lapse-test/lapse/checkers"
	"github.com/lapse-test/lapse/checkers/registry"
	"github.com/lapse-test/lapse/history"
)

// local are the checkers of all models that are decided key by key, and of two bounds.
func local(t *testing.T) []checkers.Checker {
	t.Helper()
	var list []checkers.Checker
	for _, m := range registry.All() {
		if m.Local {
			list = append(list, m.New())
		}
	}
	for _, name := range []string{"bounded-staleness:1", "bounded-staleness:2:1us"} {
		c, err := registry.ByName(name)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, c)
	}
	return list
}

// world makes random histories of a store that lies now and then, on objects of one kind.
type world struct {
	rng   *rand.Rand
	b     *history.Builder
	kind  int // 0 registers, 1 sets, 2 counters, 3 queues
	lie   float64
	reuse bool // values are not unique
	next  history.Value
	was   map[history.Key][]history.Value // what a key was given, in order
	gone  map[history.Key]int             // how many of a queue's came out
	sum   map[history.Key]history.Value
}

func newWorld(seed uint64) *world {
	rng := rand.New(rand.NewPCG(seed, 0x9a27))
	w := &world{rng: rng, kind: int(seed % 7), lie: []float64{0, 0.02, 0.2}[rng.IntN(3)], was: map[history.Key][]history.Value{}, gone: map[history.Key]int{}, sum: map[history.Key]history.Value{}}
	if w.kind > 3 {
		w.kind = 0
	}
	w.reuse = w.kind == 0 && rng.IntN(6) == 0
	attributes := map[string]string{}
	if rng.IntN(2) == 0 {
		attributes["authoritative"] = "PRIMARY"
	}
	w.b = history.NewBuilder(history.Header{Source: "test", Initial: history.Absent, Nodes: []string{"n1", "n2"}, Levels: []string{"", "PRIMARY"}, Attributes: attributes})
	return w
}

// value is what the key k holds, or held some time ago, or what nobody wrote.
func (w *world) value(k history.Key) history.Value {
	all := w.was[k]
	switch {
	case w.rng.Float64() < w.lie/10:
		return 1e6
	case len(all) == 0 || w.rng.Float64() < w.lie/10:
		return history.Absent
	case w.rng.Float64() < w.lie:
		return all[w.rng.IntN(len(all))]
	}
	return all[len(all)-1]
}

func (w *world) fresh() history.Value {
	if w.next++; w.reuse {
		return history.Value(w.rng.IntN(5))
	}
	return w.next
}

// do is a micro-operation on k and what it saw; ok tells whether it happened.
func (w *world) do(x *history.Txn, k history.Key, final, ok bool) {
	m := history.Mop{Key: k}
	write := !final && w.rng.IntN(2) == 0
	var list []history.Value
	switch {
	case w.kind == 0 && write:
		m.Func, m.Arg = history.Write, w.fresh()
		if old := w.value(k); w.rng.IntN(4) == 0 && len(w.was[k]) > 0 {
			m.Func, m.Expect = history.CAS, old
		}
		if w.reuse && w.rng.IntN(5) == 0 {
			m.Func, m.Arg, m.Expect = history.Delete, 0, 0
		}
		if ok {
			w.was[k] = append(w.was[k], m.Arg)
		}
	case w.kind == 0:
		m.Func, m.Flags, m.Ret = history.Read, history.Observed, w.value(k)
	case w.kind == 1 && write:
		m.Func, m.Arg = history.Add, w.fresh()
		if ok && w.rng.Float64() >= w.lie/4 {
			w.was[k] = append(w.was[k], m.Arg)
		}
	case w.kind == 1:
		m.Func, m.Flags = history.ReadSet, history.Observed
		list = slices.DeleteFunc(slices.Clone(w.was[k]), func(history.Value) bool { return w.rng.Float64() < w.lie/4 })
	case w.kind == 2 && write:
		m.Func, m.Arg = history.Increment, history.Value(w.rng.IntN(3)-w.rng.IntN(2))
		if ok {
			w.sum[k] += m.Arg
		}
	case w.kind == 2:
		m.Func, m.Flags, m.Ret = history.ReadCounter, history.Observed, w.sum[k]
		if w.rng.Float64() < w.lie {
			m.Ret--
		}
	case write:
		m.Func, m.Arg = history.Enqueue, w.fresh()
		if ok {
			w.was[k] = append(w.was[k], m.Arg)
		}
	default:
		m.Func, m.Flags, m.Ret = history.Dequeue, history.Observed, history.Absent
		if n := w.gone[k]; n < len(w.was[k]) {
			m.Ret = w.was[k][n]
			if w.rng.Float64() >= w.lie/2 {
				w.gone[k]++
			}
		}
	}
	if !ok {
		m.Flags, m.Ret = 0, 0
	}
	x.Mops = append(x.Mops, m)
	if m.Func == history.ReadSet && ok {
		x.SetList(0, list)
	}
}

// history is a random history.
func (w *world) history(t *testing.T) *history.History {
	t.Helper()
	rng := w.rng
	ops, keys, clients := 20+rng.IntN(180), 1+rng.IntN(12), 1+rng.IntN(5)
	busy := make([]history.Time, clients)
	process := make([]int32, clients)
	for i := range process {
		process[i] = int32(i)
	}
	now := history.Time(1)
	final := ops - ops/4
	alone := final // from here on nodes are read by themselves
	if rng.IntN(3) == 0 {
		alone = max(0, final-8)
	}
	for i := range ops {
		if i == alone && alone < final {
			now = slices.Max(busy) + 1000 // nothing else is open
			w.b.AddEvent(history.Event{At: now - 1, Kind: history.EventPhase, Text: history.PhaseReplicas})
		}
		if i == final && rng.IntN(2) == 0 {
			now += 2000
			w.b.AddEvent(history.Event{At: now, Kind: history.EventPhase, Text: "final"})
		}
		c := rng.IntN(clients)
		now += history.Time(rng.IntN(300))
		op := history.Op{
			Invoke: max(now, busy[c]), Session: int32(c), Process: process[c], Outcome: history.OK, Error: -1, Note: -1,
			Node: int16(rng.IntN(2)), ReadLevel: uint8(rng.IntN(2)),
		}
		op.Complete = op.Invoke + history.Time(rng.IntN(900))
		busy[c] = op.Complete
		if i < alone {
			switch rng.IntN(20) {
			case 0:
				op.Outcome = history.Fail
			case 1:
				op.Outcome, op.Complete = history.Info, history.Never
				process[c] += int32(clients)
			}
		}
		var x history.Txn
		happened := op.Outcome == history.OK || op.Outcome == history.Info && rng.IntN(2) == 0
		w.do(&x, history.Key(rng.IntN(keys)), i >= alone, happened)
		if op.Outcome == history.Info {
			x.Mops[0].Flags, x.Mops[0].Ret = 0, 0
		}
		w.b.Add(op, &x)
	}
	for i := range rng.IntN(3) {
		at := history.Time(rng.IntN(int(now)))
		f := history.Fault{ID: i + 1, Kind: "partition", Name: "cut", Injected: at, TookEffect: at + 10, Healed: at + 500}
		if rng.IntN(4) == 0 {
			f.Healed = 0
		}
		w.b.AddFault(f)
	}
	h, err := w.b.History()
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// arrived is h as lines of text in the order in which answers came, with what never had
// one somewhere, as another harness writes them.
func arrived(t *testing.T, h *history.History, rng *rand.Rand) []byte {
	t.Helper()
	var out bytes.Buffer
	if err := history.EncodeText(&out, h); err != nil {
		t.Fatal(err)
	}
	lines := bytes.SplitAfter(out.Bytes(), []byte("\n"))
	type line struct {
		at   int64
		text []byte
	}
	var ops []line
	var head, tail [][]byte
	for _, l := range lines {
		var op struct {
			Type     string `json:"type"`
			Invoke   int64  `json:"invoke_ns"`
			Complete int64  `json:"complete_ns"`
		}
		if len(l) == 0 {
			continue
		}
		if err := json.Unmarshal(l, &op); err != nil {
			t.Fatal(err)
		}
		switch op.Type {
		case "op":
			at := op.Complete
			if at == 0 {
				at = op.Invoke + rng.Int64N(100_000)
			}
			ops = append(ops, line{at, l})
		case "end":
			tail = append(tail, l)
		default:
			head = append(head, l)
		}
	}
	slices.SortStableFunc(ops, func(a, b line) int { return int(a.at - b.at) })
	for _, l := range ops {
		head = append(head, l.text)
	}
	return bytes.Join(append(head, tail...), nil)
}

// told is what must be the same of two assessments: all but the words for algorithms, and times.
func told(t *testing.T, a Assessment) string {
	t.Helper()
	a.Verdicts = slices.Clone(a.Verdicts)
	for i := range a.Verdicts {
		v := &a.Verdicts[i]
		v.Algorithm, v.Elapsed = "", 0
		slices.SortFunc(v.Undecided, func(a, b checkers.Undecided) int { return bytes.Compare([]byte(a.Key), []byte(b.Key)) })
	}
	for i := range a.NotChecked {
		a.NotChecked[i].Reason = ""
	}
	text, err := json.MarshalIndent(a, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestPartsAreTheWhole compares the assessment of histories that were divided with that of
// the same histories in memory, for every local model.
func TestPartsAreTheWhole(t *testing.T) {
	first, rounds := uint64(0), uint64(400)
	if s := os.Getenv("LAPSE_SEED"); s != "" {
		first, _ = strconv.ParseUint(s, 10, 63)
	}
	if s := os.Getenv("LAPSE_ROUNDS"); s != "" {
		rounds, _ = strconv.ParseUint(s, 10, 63)
	}
	t.Logf("seeds %d to %d", first, first+rounds-1)
	statuses := map[string]int{}
	list := local(t)
	for seed := first; seed < first+rounds; seed++ {
		w := newWorld(seed)
		h := w.history(t)
		require := Require{OK: w.rng.IntN(2), AtRisk: w.rng.IntN(3), FaultsBit: w.rng.IntN(4) == 0, DuringFaults: w.rng.IntN(3)}
		text := arrived(t, h, w.rng)
		for _, most := range []int{3, 1000} { // all are kept of 1000
			compareParts(t, seed, h, text, list, checkers.Budget{MaxViolations: most}, require, statuses)
			if t.Failed() {
				return
			}
		}
	}
	for _, c := range list {
		for _, s := range []checkers.Status{checkers.Held, checkers.Violated, checkers.Inconclusive} {
			if key := fmt.Sprint(c.Model().Name, " ", s); statuses[key] == 0 && rounds >= 400 {
				t.Errorf("never %s", key)
			}
		}
	}
	if statuses["stale reads"] == 0 && rounds >= 400 {
		t.Error("no read was ever stale")
	}
	if statuses["more than are kept"] == 0 {
		t.Error("there were never more violations than are kept")
	}
	if statuses["stale elements"] == 0 && rounds >= 400 {
		t.Error("no element was ever missed for a while")
	}
	t.Log(statuses)
}

func compareParts(t *testing.T, seed uint64, h *history.History, text []byte, list []checkers.Checker, b checkers.Budget, require Require, statuses map[string]int) {
	t.Helper()
	ctx := context.Background()
	whole := Assess(ctx, h, list, b, require)
	parts, err := history.Divide(bytes.NewReader(text), t.TempDir())
	if err != nil {
		t.Fatalf("seed %d: %v\n%s", seed, err, text)
	}
	defer func() {
		if err := parts.Close(); err != nil {
			t.Error(err)
		}
	}()
	got, witnesses, err := AssessParts(ctx, parts, list, b, require)
	if err != nil {
		t.Fatalf("seed %d: %v", seed, err)
	}
	places, err := history.Places(parts, witnesses)
	if err != nil {
		t.Fatalf("seed %d: %v", seed, err)
	}
	// Operations of one process with the same two stamps may stand in another order: the first of them stands for all.
	first := func(i int) int {
		for i > 0 && h.Ops[i-1].Process == h.Ops[i].Process && h.Ops[i-1].Invoke == h.Ops[i].Invoke && h.Ops[i-1].Complete == h.Ops[i].Complete {
			i--
		}
		return i
	}
	whole = whole.Renumbered(first)
	if want, got := told(t, whole), told(t, got.Renumbered(func(i int) int { return first(places[i]) })); want != got {
		t.Errorf("seed %d, %d violations kept: in memory\n%s\nin parts\n%s\n%s", seed, b.MaxViolations, want, got, text)
	}
	if got.Staleness != nil && got.Staleness.All.Stale.N > 0 {
		statuses["stale reads"]++
	}
	if got.Elements != nil && len(got.Elements.Worst) > 0 {
		statuses["stale elements"]++
	}
	for _, v := range got.Verdicts {
		statuses[v.Model+" "+string(v.Status)]++
		if v.Total > b.MaxViolations {
			statuses["more than are kept"]++
		}
		for _, x := range v.Violations {
			for _, i := range x.Ops {
				if name := witnesses.KeyName(witnesses.Mop(&witnesses.Ops[i]).Key); x.Key != "" && name != x.Key {
					t.Errorf("seed %d: the witness of a violation on %s has an operation on %s", seed, x.Key, name)
				}
			}
			for _, s := range x.Steps {
				if s.From < 0 {
					t.Errorf("seed %d: a step of %q names no operation of the witness", seed, x.Sentence)
				}
			}
		}
	}
	if len(got.Failures) > 0 {
		t.Errorf("seed %d: %+v", seed, got.Failures)
	}
}
