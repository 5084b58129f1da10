package txn

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/lapse-test/lapse/checkers/txn/internal/guard"
	"github.com/lapse-test/lapse/history"
)

// readings are the histories that a history may be in which reads do not name
// their writes, because a value was written to a key several times, or a key was
// deleted: one for each way of saying which write each such read saw. In them every
// write has a value of its own, and a deletion is a write.
type readings struct {
	// shown is the history itself, h one of the readings: the reads of open that
	// nothing was decided about observed nothing there.
	shown, h *history.History
	open     []openRead
	// text turns the values of h into those of shown.
	text *strings.Replacer
}

// openRead is a read of which it is open what it saw.
type openRead struct {
	op, mop int32
	choices []choice
}

// choice is a write that a read may have seen.
type choice struct {
	// op is the writer, fromInit for the initial version.
	op int32
	// value is what the write has in readings.h.
	value history.Value
}

// pairKV is a value of a key.
type pairKV struct {
	k history.Key
	v history.Value
}

// valueWrite is a write of a value that may not be its own alone.
type valueWrite struct {
	op, mop int32
	// final: the last write of its transaction to the key.
	final bool
	value history.Value
}

// namesWrites tells whether every read of h names its write.
func namesWrites(h *history.History) bool {
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

// newReadings finds the reads that do not name their writes.
func newReadings(h *history.History, g *guard.Guard) (*readings, error) {
	all := make([]int, len(h.Ops))
	for i := range all {
		all[i] = i
	}
	if err := g.Reserve(2 * h.Size()); err != nil {
		return nil, err
	}
	r := &readings{shown: h, h: h.Subset(all)}
	r.h.Ambiguous = false
	r.h.Texts = slices.Clone(h.Texts)
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
func (r *readings) distinguish(g *guard.Guard) (map[pairKV][]valueWrite, error) {
	h := r.shown
	writes := map[pairKV][]valueWrite{}
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
			kv := pairKV{m.Key, m.Arg}
			if m.Func == history.Delete {
				kv.v = history.Absent
			}
			writes[kv] = append(writes[kv], w)
		}
	}
	// In the order of the history, so that the same history gives the same texts.
	var pairs []string
	for i := range h.Ops {
		mops := r.h.Mops(&r.h.Ops[i])
		for j := range mops {
			m := &mops[j]
			if !m.Func.Writes() || m.Func == history.Append {
				continue
			}
			kv := pairKV{m.Key, m.Arg}
			if m.Func == history.Delete {
				kv.v = history.Absent
			}
			ws := writes[kv]
			if len(ws) == 1 && !r.initial(kv.v) {
				continue
			}
			v := history.TextValue(len(r.h.Texts))
			name := "the write " + strconv.Itoa(len(r.h.Texts))
			r.h.Texts = append(r.h.Texts, name)
			at := slices.IndexFunc(ws, func(w valueWrite) bool { return w.op == int32(i) && w.mop == int32(j) })
			ws[at].value = v
			m.Arg = v
			if m.Func == history.Delete {
				m.Func = history.Write
				key := h.KeyName(m.Key)
				pairs = append(pairs, "write "+key+" "+strconv.Quote(name), "delete "+key)
			}
			pairs = append(pairs, strconv.Quote(name), h.ValueText(kv.v))
		}
	}
	r.text = strings.NewReplacer(pairs...)
	return writes, nil
}

// initial tells whether v is what a key holds before it is written.
func (r *readings) initial(v history.Value) bool {
	return v == history.Absent || v == r.shown.Header.Initial
}

// resolve finds what the reads of operation op may have seen, and settles those that
// can have seen one write only.
//
// An own write before the read is taken wherever there is one, the last one first: a
// level at which that matters wants reads to see own writes, and at the others it
// demands nothing. Writes that came later in the reader's own transaction, were replaced
// by theirs, or failed are taken, in this order, only if there is nothing else: all
// levels from read committed upwards forbid them, and those below do not ask.
func (r *readings) resolve(op int32, writes map[pairKV][]valueWrite) {
	mops := r.shown.Mops(&r.shown.Ops[op])
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
		var found []choice
		ws := writes[pairKV{m.Key, v}]
		for i, w := range ws {
			switch {
			case w.op == op && w.mop < int32(j):
				own = i
			case w.op == op:
				later = i
			case r.shown.Ops[w.op].Outcome == history.Fail:
				failed = i
			case !w.final:
				replaced = i
			default:
				found = append(found, choice{w.op, w.value})
			}
		}
		if r.initial(v) {
			found = append(found, choice{fromInit, history.Absent})
		}
		read := openRead{op: op, mop: int32(j), choices: found}
		switch {
		case own >= 0:
			r.settle(read, ws[own].value)
		case len(found) == 1:
			r.settle(read, found[0].value)
		case len(found) > 1:
			r.open = append(r.open, read)
			r.unsettle(read)
		case later >= 0:
			r.settle(read, ws[later].value)
		case replaced >= 0:
			r.settle(read, ws[replaced].value)
		case failed >= 0:
			r.settle(read, ws[failed].value)
		}
	}
}

// settle makes read have seen the write with value v.
func (r *readings) settle(read openRead, v history.Value) {
	m := &r.h.Mops(&r.h.Ops[read.op])[read.mop]
	if r.shown.Mops(&r.shown.Ops[read.op])[read.mop].Func == history.CAS {
		m.Func, m.Expect = history.CAS, v
		return
	}
	m.Ret = v
	m.Flags |= history.Observed
}

// unsettle makes read say nothing.
func (r *readings) unsettle(read openRead) {
	m := &r.h.Mops(&r.h.Ops[read.op])[read.mop]
	if m.Func == history.CAS {
		m.Func = history.Write
	}
	m.Flags &^= history.Observed
}

// guess settles every open read by what the key held last before it, if the
// transactions took effect in the order of their completions.
func (r *readings) guess() {
	at := func(op int32) history.Time {
		o := &r.shown.Ops[op]
		if o.Complete == history.Never {
			return o.Invoke
		}
		return o.Complete
	}
	for _, read := range r.open {
		best, when := -1, history.Time(-1)
		for i, c := range read.choices {
			switch {
			case c.op == fromInit:
				if best < 0 {
					best = i
				}
			case at(c.op) <= at(read.op) && at(c.op) >= when:
				best, when = i, at(c.op)
			}
		}
		r.settle(read, read.choices[max(best, 0)].value)
	}
}

// forget takes back what was decided about open reads.
func (r *readings) forget() {
	for _, read := range r.open {
		r.unsettle(read)
	}
}

// says is what it means that read saw choice c.
func (r *readings) says(read openRead, c choice) string {
	m := &r.shown.Mops(&r.shown.Ops[read.op])[read.mop]
	if c.op == fromInit {
		return fmt.Sprintf("%s: %s, the initial version", opName(int(read.op)), mopText(r.shown, m))
	}
	return fmt.Sprintf("%s: %s, as %s left it", opName(int(read.op)), mopText(r.shown, m), opName(int(c.op)))
}
