package ir

import "github.com/lapse-test/lapse/history"

// External is a read that tells something of another transaction.
type External struct {
	Key int32
	// Source is the node whose version was read, -1 for the initial version.
	Source int32
	// Pos is the place of that version in a list's order, -1 for the initial
	// one; 0 in registers.
	Pos int32
}

// Externals are the external reads of node v in their order.
func (r *IR) Externals(v int32) []External { return r.ext[r.extOff[v]:r.extOff[v+1]] }

// collectExternals fills in what externals returns.
func (r *IR) collectExternals() {
	r.extOff = make([]int32, r.N+1)
	reads := 0
	for _, op := range r.Op {
		mops, _ := r.Mops(op)
		for j := range mops {
			if !mops[j].Func.Writes() || mops[j].Func == history.CAS {
				reads++
			}
		}
	}
	r.ext = make([]External, 0, reads)
	for v := range int32(r.N) {
		r.ext = r.appendExternals(v, r.ext)
		r.extOff[v+1] = int32(len(r.ext))
	}
}

func (r *IR) appendExternals(v int32, buf []External) []External {
	mops, at := r.Mops(r.Op[v])
	for j := range mops {
		m := &mops[j]
		from := r.From[at+int32(j)]
		switch m.Func {
		case history.Read, history.CAS:
			if from == FromInit {
				buf = append(buf, External{int32(m.Key), -1, -1})
			} else if from >= 0 {
				if u := r.Node[r.Writes[from].Op]; u >= 0 {
					buf = append(buf, External{int32(m.Key), u, 0})
				}
			}
		case history.ReadList:
			if m.Flags&history.Observed == 0 || r.Odd[at+int32(j)] {
				continue
			}
			if from == 0 {
				buf = append(buf, External{int32(m.Key), -1, -1})
				continue
			}
			if w := r.versionBefore(m.Key, from); w >= 0 {
				if u := r.Node[r.Writes[w].Op]; u >= 0 && u != v {
					buf = append(buf, External{int32(m.Key), u, from - 1})
				}
			}
		}
	}
	return buf
}

// ReadFrom is the write that a read saw, below 0 if it was none of another
// transaction.
func (r *IR) ReadFrom(m *history.Mop, mop int32) int32 {
	switch m.Func {
	case history.Read, history.CAS:
		return r.From[mop]
	case history.ReadList:
		if m.Flags&history.Observed != 0 && !r.Odd[mop] {
			return r.versionBefore(m.Key, r.From[mop])
		}
	}
	return fromNone
}

// IsRegisterRead tells whether m reads a register.
func IsRegisterRead(m *history.Mop) bool { return m.Func == history.Read || m.Func == history.CAS }
