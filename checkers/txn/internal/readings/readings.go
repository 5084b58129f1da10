// Package readings is about histories in which reads do not name their writes, because
// a value was written to a key several times, or a key was deleted: what each such read
// may have seen.
package readings

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/lapse-test/lapse/checkers"
	"github.com/lapse-test/lapse/checkers/txn/internal/guard"
	"github.com/lapse-test/lapse/checkers/txn/internal/ir"
	"github.com/lapse-test/lapse/checkers/txn/internal/tell"
	"github.com/lapse-test/lapse/history"
)

// Readings are the histories that a history may be in which reads do not name
// their writes, because a value was written to a key several times, or a key was
// deleted: one for each way of saying which write each such read saw. In them every
// write has a value of its own, and a deletion is a write.
type Readings struct {
	// Shown is the history itself, H one of the readings: the reads of Open that
	// nothing was decided about observed nothing there.
	Shown, H *history.History
	Open     []Read
	// text turns the values of H into those of Shown.
	text *strings.Replacer
}

// Read is a read of which it is open what it saw.
type Read struct {
	Op, mop int32
	Choices []Choice
}

// Choice is a write that a read may have seen.
type Choice struct {
	// Op is the writer, ir.FromInit for the initial version.
	Op int32
	// Value is the write's value in Readings.H.
	Value history.Value
}

// valueWrite is a write of a value that may not be its own alone.
type valueWrite struct {
	op, mop int32
	// final: the last write of its transaction to the key.
	final bool
	value history.Value
}

// Named tells whether every read of h names its write.
func Named(h *history.History) bool {
	if h.Ambiguous {
		return false
	}
	for i := range h.Ops {
		mops := h.Mops(&h.Ops[i])
		for j := range mops {
			if m := &mops[j]; m.Func == history.Delete || m.Func.Installs() && m.Arg == h.Header.Initial {
				return false
			}
		}
	}
	return true
}

// New finds the reads that do not name their writes.
func New(h *history.History, g *guard.Guard) (*Readings, error) {
	all := make([]int, len(h.Ops))
	for i := range all {
		all[i] = i
	}
	if err := g.Reserve(2 * h.Size()); err != nil {
		return nil, err
	}
	r := &Readings{Shown: h, H: h.Subset(all)}
	r.H.Ambiguous = false
	r.H.Texts = slices.Clone(h.Texts)
	writes, err := r.distinguish(g)
	if err != nil {
		return nil, err
	}
	for i := range h.Ops {
		if err := g.Tick(); err != nil {
			return nil, err
		}
		if h.Ops[i].Outcome != history.Fail {
			r.resolve(int32(i), writes)
		}
	}
	return r, nil
}

// distinguish gives each write of a value that is not its own alone a value of its
// own, and lists the writes of each value.
func (r *Readings) distinguish(g *guard.Guard) (map[ir.KeyValue][]valueWrite, error) {
	h := r.Shown
	writes := map[ir.KeyValue][]valueWrite{}
	for i := range h.Ops {
		if err := g.Tick(); err != nil {
			return nil, err
		}
		mops := h.Mops(&h.Ops[i])
		for j := range mops {
			m := &mops[j]
			if !m.Func.Writes() || m.Func == history.Append {
				continue
			}
			w := valueWrite{op: int32(i), mop: int32(j), final: true, value: m.Arg}
			for _, later := range mops[j+1:] {
				if later.Key == m.Key && later.Func.Writes() {
					w.final = false
				}
			}
			kv := ir.KeyValue{Key: m.Key, Value: m.Arg}
			if m.Func == history.Delete {
				kv.Value = history.Absent
			}
			writes[kv] = append(writes[kv], w)
		}
	}
	// In the order of the history, so that the same history gives the same texts.
	var pairs []string
	for i := range h.Ops {
		mops := r.H.Mops(&r.H.Ops[i])
		for j := range mops {
			m := &mops[j]
			if !m.Func.Writes() || m.Func == history.Append {
				continue
			}
			kv := ir.KeyValue{Key: m.Key, Value: m.Arg}
			if m.Func == history.Delete {
				kv.Value = history.Absent
			}
			ws := writes[kv]
			if len(ws) == 1 && !r.initial(kv.Value) {
				continue
			}
			v := history.TextValue(len(r.H.Texts))
			name := "the write " + strconv.Itoa(len(r.H.Texts))
			r.H.Texts = append(r.H.Texts, name)
			at := slices.IndexFunc(ws, func(w valueWrite) bool { return w.op == int32(i) && w.mop == int32(j) })
			ws[at].value = v
			m.Arg = v
			if m.Func == history.Delete {
				m.Func = history.Write
				key := h.KeyName(m.Key)
				pairs = append(pairs, "write "+key+" "+strconv.Quote(name), "delete "+key)
			}
			pairs = append(pairs, strconv.Quote(name), h.ValueText(kv.Value))
		}
	}
	r.text = strings.NewReplacer(pairs...)
	return writes, nil
}

// initial tells whether v is what a key holds before it is written.
func (r *Readings) initial(v history.Value) bool {
	return v == history.Absent || v == r.Shown.Header.Initial
}

// resolve finds what the reads of operation op may have seen, and settles those that
// can have seen one write only.
//
// An own write before the read is taken wherever there is one, the last one first: a
// level at which that matters wants reads to see own writes, and at the others it
// demands nothing. Writes that came later in the reader's own transaction, were replaced
// by theirs, or failed are taken, in this order, only if there is nothing else: all
// levels from read committed upwards forbid them, and those below do not ask.
func (r *Readings) resolve(op int32, writes map[ir.KeyValue][]valueWrite) {
	mops := r.Shown.Mops(&r.Shown.Ops[op])
	for j := range mops {
		m := &mops[j]
		var v history.Value
		switch {
		case m.Func == history.Read && m.Flags&history.Observed != 0:
			v = m.Ret
		case m.Func == history.CAS:
			v = m.Expect
		default:
			continue
		}
		own, later, replaced, failed := -1, -1, -1, -1
		var found []Choice
		ws := writes[ir.KeyValue{Key: m.Key, Value: v}]
		for i, w := range ws {
			switch {
			case w.op == op && w.mop < int32(j):
				own = i
			case w.op == op:
				later = i
			case r.Shown.Ops[w.op].Outcome == history.Fail:
				failed = i
			case !w.final:
				replaced = i
			default:
				found = append(found, Choice{w.op, w.value})
			}
		}
		if r.initial(v) {
			found = append(found, Choice{ir.FromInit, history.Absent})
		}
		read := Read{Op: op, mop: int32(j), Choices: found}
		switch {
		case own >= 0:
			r.Settle(read, ws[own].value)
		case len(found) == 1:
			r.Settle(read, found[0].Value)
		case len(found) > 1:
			r.Open = append(r.Open, read)
			r.Unsettle(read)
		case later >= 0:
			r.Settle(read, ws[later].value)
		case replaced >= 0:
			r.Settle(read, ws[replaced].value)
		case failed >= 0:
			r.Settle(read, ws[failed].value)
		}
	}
}

// Settle makes read have seen the write with value v.
func (r *Readings) Settle(read Read, v history.Value) {
	m := &r.H.Mops(&r.H.Ops[read.Op])[read.mop]
	if r.Shown.Mops(&r.Shown.Ops[read.Op])[read.mop].Func == history.CAS {
		m.Func, m.Expect = history.CAS, v
		return
	}
	m.Ret = v
	m.Flags |= history.Observed
}

// Unsettle makes read say nothing.
func (r *Readings) Unsettle(read Read) {
	m := &r.H.Mops(&r.H.Ops[read.Op])[read.mop]
	if m.Func == history.CAS {
		m.Func = history.Write
	}
	m.Flags &^= history.Observed
}

// Guess settles every open read by what the key held last before it, if the
// transactions took effect in the order of their completions.
func (r *Readings) Guess() {
	at := func(op int32) history.Time {
		o := &r.Shown.Ops[op]
		if o.Complete == history.Never {
			return o.Invoke
		}
		return o.Complete
	}
	for _, read := range r.Open {
		best, when := -1, history.Time(-1)
		for i, c := range read.Choices {
			switch {
			case c.Op == ir.FromInit:
				if best < 0 {
					best = i
				}
			case at(c.Op) <= at(read.Op) && at(c.Op) >= when:
				best, when = i, at(c.Op)
			}
		}
		r.Settle(read, read.Choices[max(best, 0)].Value)
	}
}

// Forget takes back what was decided about open reads.
func (r *Readings) Forget() {
	for _, read := range r.Open {
		r.Unsettle(read)
	}
}

// Says returns the clause that read saw choice c.
func (r *Readings) Says(read Read, c Choice) string {
	m := &r.Shown.Mops(&r.Shown.Ops[read.Op])[read.mop]
	if c.Op == ir.FromInit {
		return fmt.Sprintf("%s: %s, the initial version", tell.Op(int(read.Op)), tell.Mop(r.Shown, m))
	}
	return fmt.Sprintf("%s: %s, as %s left it", tell.Op(int(read.Op)), tell.Mop(r.Shown, m), tell.Op(int(c.Op)))
}

// InText puts the values of the history itself into what vs say.
func (r *Readings) InText(vs []checkers.Violation) {
	for i := range vs {
		v := &vs[i]
		v.Sentence = r.text.Replace(v.Sentence)
		v.Steps = slices.Clone(v.Steps)
		for j := range v.Steps {
			v.Steps[j].Why = r.text.Replace(v.Steps[j].Why)
		}
		v.Legal = slices.Clone(v.Legal)
		for j := range v.Legal {
			v.Legal[j] = r.text.Replace(v.Legal[j])
		}
	}
}
