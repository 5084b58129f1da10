package figures_test

import (
	"bytes"
	"cmp"
	"encoding/json"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"strconv"
	"testing"

	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/results/figures"
)

// naive measures a history in memory by the words of the doc comments, with all operations and moments at hand.
type naive struct {
	h          *history.History
	begin, end history.Time
	load       []*history.Op
}

func naiveOf(h *history.History) *naive {
	n := &naive{h: h}
	n.begin, n.end = figures.LoadPhase(h)
	for i := range h.Ops {
		if op := &h.Ops[i]; op.Invoke >= n.begin && op.Invoke <= n.end {
			n.load = append(n.load, op)
		}
	}
	return n
}

func (n *naive) writes(op *history.Op) bool {
	return slices.ContainsFunc(n.h.Mops(op), func(m history.Mop) bool { return m.Func.Writes() })
}

// gaps are the times between the moments at which operations of a kind were served, with the ends of the load.
func (n *naive) gaps(kind func(*history.Op) bool) (gaps [][2]history.Time) {
	at := []history.Time{n.begin, n.end}
	asked := func(from, to history.Time) bool {
		return slices.ContainsFunc(n.load, func(op *history.Op) bool { return kind(op) && op.Invoke >= from && op.Invoke < to })
	}
	any := false
	for _, op := range n.load {
		if any = any || kind(op); kind(op) && (op.Outcome == history.OK || n.h.Aborted(op)) {
			at = append(at, min(op.Complete, n.end))
		}
	}
	slices.Sort(at)
	at = slices.Compact(at)
	for i := 1; any && i < len(at); i++ {
		if at[i] < n.end || asked(at[i-1], at[i]) {
			gaps = append(gaps, [2]history.Time{at[i-1], at[i]})
		}
	}
	return gaps
}

// outages are the longest gaps: all, from each fault on, and those away from every fault that took effect.
func (n *naive) outages(kind func(*history.Op) bool) (longest, outside float64, during []float64) {
	during = make([]float64, len(n.h.Faults))
	for _, g := range n.gaps(kind) {
		longest = max(longest, float64(g[1]-g[0])/1e9)
		away := true
		for i := range n.h.Faults {
			if f := &n.h.Faults[i]; g[1] > f.Injected && (f.Healed == 0 || g[0] < f.Healed) {
				during[i] = max(during[i], float64(g[1]-max(g[0], f.Injected))/1e9)
				away = away && f.TookEffect == 0
			}
		}
		if away {
			outside = max(outside, float64(g[1]-g[0])/1e9)
		}
	}
	return longest, outside, during
}

func (n *naive) touches(op *history.Op, f *history.Fault) bool {
	return op.Complete >= f.Injected && (f.Healed == 0 || op.Invoke <= f.Healed)
}

// recovery is when the first figures.RecoveryRun operations in a row began of which enough were ok.
func (n *naive) recovery(j int, calmRatio float64) *float64 {
	f := &n.h.Faults[j]
	if f.Healed == 0 {
		return nil
	}
	start, until := cmp.Or(f.Healing, f.Healed), history.Never
	for i := range n.h.Faults {
		if at := n.h.Faults[i].Injected; i != j && at > start {
			until = min(until, at)
		}
	}
	var after []*history.Op
	for _, op := range n.load {
		if op.Invoke >= start && op.Invoke < until {
			after = append(after, op)
		}
	}
	for i := 0; i+figures.RecoveryRun <= len(after); i++ {
		ok := 0
		for _, op := range after[i : i+figures.RecoveryRun] {
			if op.Outcome == history.OK {
				ok++
			}
		}
		if ok >= int(math.Ceil(figures.RecoveryRun*0.95*calmRatio)) {
			s := float64(after[i].Invoke-start) / 1e9
			return &s
		}
	}
	return nil
}

// written is the longest time from a healing to the answer of the next write that succeeded.
func (n *naive) written() float64 {
	longest := history.Time(0)
	for i := range n.h.Faults {
		healed := n.h.Faults[i].Healed
		if healed == 0 {
			continue
		}
		next, tried := history.Never, healed
		for j := range n.h.Ops {
			if op := &n.h.Ops[j]; op.Invoke >= healed && n.writes(op) {
				tried = max(tried, op.Invoke)
				if op.Outcome == history.OK {
					next = min(next, op.Complete)
				}
			}
		}
		if next == history.Never {
			next = tried
		}
		longest = max(longest, next-healed)
	}
	return float64(longest) / 1e9
}

// compare compares the figures of o, which has the operations of n, with n.
func (n *naive) compare(t *testing.T, o history.Ordered) {
	t.Helper()
	phases, c := figures.NewPhaseMeter(o), figures.NewCaseMeter(o)
	if err := figures.Take(o, phases, c); err != nil {
		t.Fatal(err)
	}
	p, f := phases.Phases(), c.Case()
	same := func(what string, got, want any) {
		t.Helper()
		if !reflect.DeepEqual(got, want) {
			g, _ := json.Marshal(got)
			w, _ := json.Marshal(want)
			t.Fatalf("%T: %s is %s, expected %s", o, what, g, w)
		}
	}
	calm, counts, inside := 0, make([]int, len(n.h.Faults)), 0
	for _, op := range n.load {
		hit := false
		for j := range n.h.Faults {
			if n.touches(op, &n.h.Faults[j]) {
				counts[j]++
				hit = true
			}
		}
		if !hit {
			calm++
		}
		if n.h.FaultAt(op.Invoke) {
			inside++
		}
	}
	same("operations", [2]int{p.All.Ops, p.Calm.Ops}, [2]int{len(n.load), calm})
	same("operations inside faults", [2]int{f.Inside.Ops, f.Outside.Ops}, [2]int{inside, len(n.load) - inside})
	same("recovery of writes", f.Recovery, n.written())
	same("outages", f.Outages, p.Outages)
	for kind, of := range map[string]func(*history.Op) bool{
		"any": func(*history.Op) bool { return true }, "reads": func(op *history.Op) bool { return !n.writes(op) }, "writes": n.writes,
	} {
		pick := func(x figures.Outage) float64 {
			return map[string]float64{"any": x.Any, "reads": x.Reads, "writes": x.Writes}[kind]
		}
		longest, outside, during := n.outages(of)
		same("the longest outage of "+kind, pick(p.Outages.Longest), longest)
		same("the longest outage outside faults of "+kind, pick(p.Outages.Outside), outside)
		for j := range n.h.Faults {
			same("the outage of a fault of "+kind, pick(p.Windows[j].Outage), during[j])
		}
	}
	for j := range n.h.Faults {
		same("operations in a window", p.Windows[j].Ops, counts[j])
		same("recovery", p.Windows[j].Recovery, n.recovery(j, p.Calm.OKRatio()))
	}
	var failovers []float64
	for _, e := range n.h.Events {
		for _, g := range n.gaps(n.writes) {
			if e.Kind == history.EventFailover && g[0] <= e.At && e.At < g[1] {
				failovers = append(failovers, float64(g[1]-g[0])/1e9)
			}
		}
	}
	var got []float64
	for _, x := range p.Outages.Failovers {
		got = append(got, x.Seconds)
	}
	same("failovers", got, failovers)
}

// TestFiguresOfRandomHistories: figures are what their words say, of histories in memory and of those on disk, whose
// operations stand there as they were answered.
func TestFiguresOfRandomHistories(t *testing.T) {
	for seed := range uint64(400) {
		h := drawn(t, seed)
		p := onDisk(t, h)
		t.Run("seed "+strconv.FormatUint(seed, 10), func(t *testing.T) {
			n := naiveOf(h)
			n.compare(t, h)
			n.compare(t, p)
		})
		if err := p.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// onDisk are the parts of a file in which the operations of h stand as they were answered.
func onDisk(t *testing.T, h *history.History) *history.Parts {
	t.Helper()
	var text bytes.Buffer
	if err := history.EncodeText(&text, h); err != nil {
		t.Fatal(err)
	}
	lines := bytes.SplitAfter(text.Bytes(), []byte("\n"))
	slices.SortStableFunc(lines, func(a, b []byte) int { return cmp.Compare(answered(t, a), answered(t, b)) })
	p, err := history.Divide(bytes.NewReader(bytes.Join(lines, nil)), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// answered is when the operation of a line was, later for one that never was; all else keeps its place.
func answered(t *testing.T, line []byte) int64 {
	t.Helper()
	var op struct {
		Type     string `json:"type"`
		Invoke   int64  `json:"invoke_ns"`
		Complete *int64 `json:"complete_ns"`
	}
	if len(line) == 0 {
		return math.MaxInt64
	}
	if err := json.Unmarshal(line, &op); err != nil {
		t.Fatal(err)
	}
	switch {
	case op.Type == "end":
		return math.MaxInt64
	case op.Type != "op":
		return -1
	case op.Complete == nil:
		return op.Invoke + 100_000
	}
	return *op.Complete
}

// drawn is a random history of registers with faults, failovers and a load phase, any of which may lack or overlap.
func drawn(t *testing.T, seed uint64) *history.History {
	t.Helper()
	rng := rand.New(rand.NewPCG(seed, 7))
	scale, span := []int64{1, 5, 1000, 1_000_000}[rng.IntN(4)], int64(20+rng.IntN(300))
	at := func() history.Time { return history.Time(rng.Int64N(span) * scale) }
	b := history.NewBuilder(history.Header{Source: "test", Initial: history.Absent})
	if rng.IntN(4) > 0 {
		b.AddEvent(history.Event{At: at(), Kind: history.EventPhase, Text: "load"})
		if rng.IntN(3) > 0 {
			b.AddEvent(history.Event{At: at(), Kind: history.EventPhase, Text: "final"})
		}
	}
	for range rng.IntN(4) {
		b.AddEvent(history.Event{At: at(), Kind: history.EventFailover, Text: "n2"})
	}
	for i := range rng.IntN(7) {
		f := history.Fault{ID: i + 1, Name: "f", Injected: 1 + at()}
		if rng.IntN(4) > 0 {
			f.TookEffect = f.Injected + history.Time(rng.Int64N(3))
			if rng.IntN(4) > 0 {
				f.Healed = f.TookEffect + at()/3
				if rng.IntN(2) == 0 {
					f.Healing = f.TookEffect + (f.Healed-f.TookEffect)/2
				}
			}
		}
		b.AddFault(f)
	}
	trouble, next := rng.Float64(), history.Value(0)
	for p := range 1 + rng.IntN(6) {
		now, process := at()/4, int32(p)
		for range rng.IntN(120) {
			op := history.Op{Process: process, Session: int32(p), Invoke: now, Complete: now + history.Time(rng.Int64N(1+rng.Int64N(8))*scale), Outcome: history.OK, Error: -1, Note: -1}
			now = op.Complete + history.Time((rng.Int64N(4)+1)*scale)
			m := history.Mop{Func: history.Read, Key: history.Key(rng.IntN(6)), Flags: history.Observed, Ret: history.Absent}
			if rng.IntN(2) == 0 {
				next++
				m = history.Mop{Func: history.Write, Key: m.Key, Arg: next}
			}
			if rng.Float64() < trouble {
				m.Flags, op.Outcome = 0, history.Fail
				switch rng.IntN(3) {
				case 0:
					op.Outcome, op.Complete = history.Info, history.Never
					process += 100
				case 1:
					op.Note = b.String(history.NoteAborted)
				}
			}
			b.AddPlain(op, m)
		}
	}
	h, err := b.History()
	if err != nil {
		t.Fatalf("seed %d: %v", seed, err)
	}
	return h
}
