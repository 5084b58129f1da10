package ir

import (
	"fmt"

	"github.com/lapse-test/lapse/checkers"
	"github.com/lapse-test/lapse/checkers/txn/internal/anomaly"
	"github.com/lapse-test/lapse/checkers/txn/internal/tell"
	"github.com/lapse-test/lapse/history"
)

// keyState records the effects of one transaction on one key so far.
type keyState struct {
	own   int32 // the last own write, -1
	ext   int32 // where its reads of others came from, fromNone
	extAt int32 // the micro-operation that read it
	last  int32 // the last micro-operation on the key, for prev
}

// examine looks at each committed transaction alone and at the writes behind its
// reads: everything that needs no graph. Reads of own writes are marked
// fromSelf, so that edges come from the others only.
func (r *IR) examine() error {
	e := &examiner{IR: r, state: NewKeyed[keyState](r.Keys)}
	r.Rmw = make([]int32, len(r.Writes)+r.Keys+len(r.Versions)+r.Keys)
	for i := range r.Rmw {
		r.Rmw[i] = -1
	}
	r.RmwRead = make([]bool, len(r.From))
	for _, op := range r.Op {
		if err := r.Guard.Tick(); err != nil {
			return err
		}
		e.transaction(op)
	}
	r.examineVersions()
	r.collectExternals()
	return r.Guard.Check()
}

type examiner struct {
	*IR
	state *Keyed[keyState]
	// prev[j] is the micro-operation before j on the same key.
	prev []int32
}

func (e *examiner) transaction(op int32) {
	mops, at := e.Mops(op)
	if len(mops) == 1 && mops[0].Func != history.CAS {
		e.single(op, &mops[0], at)
		return
	}
	e.state.Reset()
	e.prev = e.prev[:0]
	next := e.WriteOff[op] // the number of the next write
	for j := range mops {
		m := &mops[j]
		st, ok := e.state.Get(m.Key)
		if !ok {
			st = keyState{own: -1, ext: fromNone, last: -1}
		}
		e.prev = append(e.prev, st.last)
		switch m.Func {
		case history.ReadList:
			e.listRead(op, int32(j), mops, at, &st)
		case history.Read, history.CAS:
			e.registerRead(op, int32(j), m, at, &st)
		}
		if m.Func.Writes() {
			w := next
			next++
			if st.ext != fromNone {
				e.readModifyWrite(op, m.Key, st, at)
			}
			if m.Func == history.Append {
				e.futureList(op, int32(j), w, mops, at, &st)
			}
			st.own = w
		}
		st.last = int32(j)
		e.state.Set(m.Key, st)
	}
}

// single is transaction for the common case of one read or write.
func (e *examiner) single(op int32, m *history.Mop, at int32) {
	if m.Func == history.Read {
		st := keyState{own: -1, ext: fromNone, last: -1}
		e.registerRead(op, 0, m, at, &st)
	}
	if m.Func == history.ReadList && m.Flags&history.Observed != 0 {
		if e.Odd[at] {
			e.oddElements(op, 0, m)
			return
		}
		e.intermediate(op, m, e.versionBefore(m.Key, e.From[at]))
	}
}

func (e *examiner) registerRead(op, j int32, m *history.Mop, at int32, st *keyState) {
	w := e.From[at+j]
	if w == fromNone {
		return
	}
	if w >= 0 && e.Writes[w].Op == op {
		e.From[at+j] = fromSelf
		switch {
		case e.Writes[w].mop >= j:
			e.future(op, m)
		case w != st.own:
			e.internal(op, m, "an own write that it had replaced since", st.own)
		}
		return
	}
	switch {
	case w == fromThin:
		e.thinAir(op, m)
		e.From[at+j] = fromNone
		return
	case w >= 0 && e.Writes[w].failed:
		e.aborted(op, m, w)
		e.From[at+j] = fromNone
		st.noteExt(w, j)
		return
	case w >= 0 && !e.Writes[w].Final:
		e.intermediate(op, m, w)
	}
	if st.own >= 0 {
		e.internal(op, m, "a value of another transaction", st.own)
		return
	}
	if st.ext != fromNone && st.ext != w {
		e.nonRepeatable(op, m, st.extAt)
	}
	st.noteExt(w, j)
}

func (st *keyState) noteExt(w, j int32) {
	if st.ext == fromNone {
		st.ext, st.extAt = w, j
	}
}

// versionBefore is the write of the last element of a list of length n.
func (r *IR) versionBefore(k history.Key, n int32) int32 {
	if n <= 0 {
		return FromInit
	}
	return r.Versions[r.VerOff[k]+n-1]
}

func (e *examiner) listRead(op, j int32, mops []history.Mop, at int32, st *keyState) {
	m := &mops[j]
	if m.Flags&history.Observed == 0 {
		return
	}
	list := e.H.List(m)
	// Walk back over own appends to the read before.
	n := len(list)
	agree := true
	own := 0
	p := e.prev[j]
	for ; p >= 0; p = e.prev[p] {
		b := &mops[p]
		if b.Func == history.ReadList && b.Flags&history.Observed != 0 {
			break
		}
		if b.Func == history.Append {
			own++
			if n < own || list[n-own] != b.Arg {
				agree = false
			}
		}
	}
	switch {
	case p >= 0:
		before := e.H.List(&mops[p])
		if n != len(before)+own || !IsPrefix(before, list) {
			agree = false
		}
		if agree {
			return
		}
		if st.own < 0 || int(e.From[at+j]) < n {
			e.nonRepeatable(op, m, p)
		} else {
			e.internal(op, m, "a list that does not end with its own appends", st.own)
		}
	case !agree:
		e.internal(op, m, "a list that does not end with its own appends", st.own)
	}
	if e.Odd[at+j] {
		e.oddElements(op, j, m)
	} else {
		w := e.versionBefore(m.Key, e.From[at+j])
		if w >= 0 && e.Writes[w].Op == op {
			return
		}
		e.intermediate(op, m, w)
		st.noteExt(e.From[at+j], j)
	}
}

// oddElements looks at the elements of a list that has no place in the order.
func (e *examiner) oddElements(op, j int32, m *history.Mop) {
	for _, v := range e.H.List(m) {
		w := e.Index.Find(m.Key, v)
		switch {
		case w < 0:
			e.thinAir(op, m)
		case e.Writes[w].Op == op:
			if e.Writes[w].mop > j {
				e.future(op, m)
			}
		case e.Writes[w].failed:
			e.aborted(op, m, w)
		}
	}
}

// futureList finds reads before the append w that hold its element.
func (e *examiner) futureList(op, j, w int32, mops []history.Mop, at int32, st *keyState) {
	if w < 0 || e.VerPos[w] < 0 {
		return
	}
	for p := st.last; p >= 0; p = e.prev[p] {
		if b := &mops[p]; b.Func == history.ReadList && b.Flags&history.Observed != 0 {
			if !e.Odd[at+p] && e.VerPos[w] < e.From[at+p] {
				e.future(op, b)
			}
			return
		}
	}
}

func (e *examiner) future(op int32, m *history.Mop) {
	e.Found.Add(anomaly.Future, func() checkers.Violation {
		return e.fact(op, m, fmt.Sprintf("%s read from key %s what it wrote itself only afterwards.", tell.Op(int(op)), e.H.KeyName(m.Key)))
	})
}

func (e *examiner) internal(op int32, m *history.Mop, what string, own int32) {
	e.Found.Add(anomaly.Internal, func() checkers.Violation {
		v := e.fact(op, m, fmt.Sprintf("%s read from key %s %s: %s.", tell.Op(int(op)), e.H.KeyName(m.Key), what, tell.Txn(e.Shown, int(op))))
		if own >= 0 {
			w := e.Writes[own]
			mops, _ := e.Mops(w.Op)
			if m.Func == history.Read {
				v.Legal = []string{e.H.ValueText(mops[w.mop].Arg)}
			}
		}
		return v
	})
}

func (e *examiner) nonRepeatable(op int32, m *history.Mop, before int32) {
	e.Found.Add(anomaly.NonRepeatable, func() checkers.Violation {
		mops, _ := e.Mops(op)
		v := e.fact(op, m, fmt.Sprintf("%s read the key %s twice and saw two versions of others: %s, then %s.",
			tell.Op(int(op)), e.H.KeyName(m.Key), tell.Mop(e.H, &mops[before]), tell.Mop(e.H, m)))
		if m.Func == history.Read {
			v.Legal = []string{e.H.ValueText(mops[before].Ret)}
		}
		return v
	})
}

// fact is a violation that is a fact about one transaction and the writers of
// what it read.
func (e *examiner) fact(op int32, m *history.Mop, sentence string) checkers.Violation {
	return checkers.Violation{
		Key: e.H.KeyName(m.Key), Session: e.H.Ops[op].Session, Ops: []int{int(op)}, Sentence: sentence,
		Steps: []checkers.Step{{From: int(op), To: -1, Kind: "fact", Why: tell.Mop(e.H, m)}},
	}
}

func (e *examiner) thinAir(op int32, m *history.Mop) {
	e.Found.Add(anomaly.ThinAir, func() checkers.Violation {
		return e.fact(op, m, fmt.Sprintf("%s: %s, which nobody wrote.", tell.Op(int(op)), tell.Mop(e.H, m)))
	})
}

func (e *examiner) aborted(op int32, m *history.Mop, w int32) {
	e.Found.Add(anomaly.G1a, func() checkers.Violation {
		by := int(e.Writes[w].Op)
		v := e.fact(op, m, fmt.Sprintf("%s: %s, which %s had written, and %s failed.", tell.Op(int(op)), tell.Mop(e.H, m), tell.Op(by), tell.Op(by)))
		v.Ops = append(v.Ops, by)
		v.Steps = []checkers.Step{{From: by, To: int(op), Kind: "aborted", Why: fmt.Sprintf("%s read the write of the failed %s to key %s", tell.Op(int(op)), tell.Op(by), e.H.KeyName(m.Key))}}
		return v
	})
}

// intermediate reports G1b if w is no final write of another transaction.
func (e *examiner) intermediate(op int32, m *history.Mop, w int32) {
	if w < 0 || e.Writes[w].Final || e.Writes[w].Op == op {
		return
	}
	e.Found.Add(anomaly.G1b, func() checkers.Violation {
		by := int(e.Writes[w].Op)
		v := e.fact(op, m, fmt.Sprintf("%s: %s, an intermediate version: %s wrote the key %s again afterwards: %s.",
			tell.Op(int(op)), tell.Mop(e.H, m), tell.Op(by), e.H.KeyName(m.Key), tell.Txn(e.Shown, by)))
		v.Ops = append(v.Ops, by)
		v.Steps = []checkers.Step{{From: by, To: int(op), Kind: "intermediate", Why: fmt.Sprintf("%s read a version of key %s that %s replaced itself", tell.Op(int(op)), e.H.KeyName(m.Key), tell.Op(by))}}
		return v
	})
}

// readModifyWrite finds two transactions that read the same version and wrote
// the key: one of the updates is lost.
func (e *examiner) readModifyWrite(op int32, k history.Key, st keyState, at int32) {
	if st.own >= 0 && e.Writes[st.own].Op == op {
		return // counted at the first write
	}
	slot := e.rmwSlot(k, st.ext)
	if slot < 0 {
		return
	}
	e.RmwRead[at+st.extAt] = true
	if w := e.sourceOf(k, st.ext); w >= 0 && !e.Lists[k] {
		if by := e.Writes[w].Op; e.H.Ops[by].Outcome == history.Fail {
			e.dirtyUpdate(int32(k), op, by, op)
			return
		}
	}
	other := e.Rmw[slot]
	if other < 0 {
		e.Rmw[slot] = op
		return
	}
	if other == op {
		return
	}
	e.Found.Add(anomaly.LostUpdate, func() checkers.Violation {
		mops, _ := e.Mops(op)
		key := e.H.KeyName(k)
		v := checkers.Violation{
			Key: key, Session: -1, Ops: []int{int(other), int(op)},
			Sentence: fmt.Sprintf("%s and %s both read the same version of key %s (%s) and both wrote the key: one of the two updates was made without regard to the other.",
				tell.Op(int(other)), tell.Op(int(op)), key, tell.Mop(e.H, &mops[st.extAt])),
			Steps: []checkers.Step{{From: int(other), To: int(op), Kind: "lost", Why: fmt.Sprintf("both read the same version of key %s and wrote it", key)}},
		}
		if w := e.sourceOf(k, st.ext); w >= 0 {
			v.Ops = append(v.Ops, int(e.Writes[w].Op))
		}
		return v
	})
}

// rmwSlot is the place in rmw of the version ext of key k, -1 if it has none.
func (r *IR) rmwSlot(k history.Key, ext int32) int {
	switch {
	case r.Lists[k] && ext >= 0:
		return len(r.Writes) + r.Keys + int(r.VerOff[k]) + int(k) + int(ext)
	case ext == FromInit:
		return len(r.Writes) + int(k)
	case ext >= 0:
		return int(ext)
	}
	return -1
}

// sourceOf is the write behind the external read ext of key k.
func (r *IR) sourceOf(k history.Key, ext int32) int32 {
	if r.Lists[k] {
		return r.versionBefore(k, ext)
	}
	return ext
}

// examineVersions finds failed and unknown elements in the orders of lists, and
// updates on top of failed ones.
func (r *IR) examineVersions() {
	for k := range int32(r.Keys) {
		reader := r.LongestOp[k]
		dirty := int32(-1)
		for i, w := range r.Versions[r.VerOff[k]:r.VerOff[k+1]] {
			if w == fromThin {
				v := r.listOf(k)[i]
				r.Found.Add(anomaly.ThinAir, func() checkers.Violation {
					return r.element(reader, k, fmt.Sprintf("%s read the element %s of key %s, which nobody appended.", tell.Op(int(reader)), r.H.ValueText(v), r.H.KeyName(history.Key(k))))
				})
				continue
			}
			by := r.Writes[w].Op
			if p := r.Writes[w].prev; p >= 0 && (r.VerPos[p] < 0 || int(r.VerPos[p]) > i) {
				r.reversed(k, reader, by)
			}
			if r.H.Ops[by].Outcome != history.Fail {
				if dirty >= 0 && r.Node[by] >= 0 {
					r.dirtyUpdate(k, reader, dirty, by)
					dirty = -1
				}
				continue
			}
			dirty = by
			v := r.listOf(k)[i]
			r.Found.Add(anomaly.G1a, func() checkers.Violation {
				x := r.element(reader, k, fmt.Sprintf("%s read the element %s of key %s, which %s had appended, and %s failed.",
					tell.Op(int(reader)), r.H.ValueText(v), r.H.KeyName(history.Key(k)), tell.Op(int(by)), tell.Op(int(by))))
				x.Ops = append(x.Ops, int(by))
				x.Steps = []checkers.Step{{From: int(by), To: int(reader), Kind: "aborted", Why: fmt.Sprintf("%s read the append of the failed %s", tell.Op(int(reader)), tell.Op(int(by)))}}
				return x
			})
		}
	}
}

// reversed: a list has the appends of one transaction in the wrong order, or a
// later one without the earlier.
func (r *IR) reversed(k, reader, by int32) {
	r.Found.Add(anomaly.Incompatible, func() checkers.Violation {
		x := r.element(reader, k, fmt.Sprintf("%s read the appends of %s to key %s, but not in the order in which they were made, or not all: %s.",
			tell.Op(int(reader)), tell.Op(int(by)), r.H.KeyName(history.Key(k)), tell.List(r.H, r.listOf(k))))
		x.Ops = append(x.Ops, int(by))
		return x
	})
}

func (r *IR) dirtyUpdate(k, reader, failed, committed int32) {
	r.Found.Add(anomaly.DirtyUpdate, func() checkers.Violation {
		key := r.H.KeyName(history.Key(k))
		return checkers.Violation{
			Key: key, Session: -1, Ops: []int{int(reader), int(failed), int(committed)},
			Sentence: fmt.Sprintf("%s committed an append to key %s on top of one of %s, which failed; %s read both.", tell.Op(int(committed)), key, tell.Op(int(failed)), tell.Op(int(reader))),
			Steps:    []checkers.Step{{From: int(failed), To: int(committed), Kind: "dirty", Why: fmt.Sprintf("the append of %s follows that of the failed %s in key %s", tell.Op(int(committed)), tell.Op(int(failed)), key)}},
		}
	})
}

func (r *IR) element(reader, k int32, sentence string) checkers.Violation {
	return checkers.Violation{
		Key: r.H.KeyName(history.Key(k)), Session: r.H.Ops[reader].Session, Ops: []int{int(reader)}, Sentence: sentence,
		Steps: []checkers.Step{{From: int(reader), To: -1, Kind: "fact", Why: sentence}},
	}
}
