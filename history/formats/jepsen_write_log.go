package formats

import (
	"strconv"
	"strings"

	"github.com/lapse-test/lapse/history"
)

// isLog tells whether f is of logs.
func isLog(f history.Func) bool {
	switch f {
	case history.Send, history.Poll, history.Assign, history.Subscribe:
		return true
	}
	return false
}

// logs writes an operation as Jepsen's kafka workload does.
func (j *jepsenWriter) logs(mops []history.Mop, results bool) (f, value string) {
	if m := &mops[0]; m.Func == history.Assign || m.Func == history.Subscribe {
		var keys []string
		for i := range mops {
			if mops[i].Arg != history.Unassigned {
				keys = append(keys, j.key(mops[i].Key))
			}
		}
		return m.Func.String(), "[" + strings.Join(keys, ", ") + "]"
	}
	parts := make([]string, len(mops))
	for i := range mops {
		m := &mops[i]
		if m.Func != history.Poll {
			message := j.value(m.Arg)
			if results && m.Flags&history.Versioned != 0 {
				message = "[" + strconv.FormatInt(m.Version, 10) + ", " + message + "]"
			}
			parts[i] = "[" + j.s.word("send") + ", " + j.key(m.Key) + ", " + message + "]"
			continue
		}
		parts[i] = "[" + j.s.word("poll") + "]"
		if !results || m.Flags&history.Observed == 0 {
			continue
		}
		var pairs []string
		for offset, message := range j.h.PollPairs(m) {
			pairs = append(pairs, "["+strconv.FormatInt(offset, 10)+", "+j.value(message)+"]")
		}
		parts[i] = "[" + j.s.word("poll") + ", {" + j.s.entry(j.key(m.Key), "["+strings.Join(pairs, ", ")+"]") + "}]"
	}
	return "txn", "[" + strings.Join(parts, ", ") + "]"
}

// fromBeginning tells whether op moved its consumer to the beginning of logs.
func (j *jepsenWriter) fromBeginning(op *history.Op) bool {
	for _, m := range j.h.Mops(op) {
		if m.Func == history.Assign && m.Arg == history.FromBeginning {
			return true
		}
	}
	return false
}

// apart tells whether op moved its consumer to the beginning of some of its logs and not of
// all of them, which Jepsen's formats cannot say.
func (j *jepsenWriter) apart(op *history.Op) bool {
	for _, m := range j.h.Mops(op) {
		if m.Func == history.Assign && m.Arg != history.Unassigned && m.Arg != history.FromBeginning {
			return j.fromBeginning(op)
		}
	}
	return false
}

// lock is the value of an acquire or release.
func (j *jepsenWriter) lock(m *history.Mop, results bool) string {
	var fields []string
	if m.Flags&history.Owned != 0 {
		fields = append(fields, j.s.field("client")+j.value(m.Arg))
	}
	if m.Expect > 0 {
		fields = append(fields, j.s.field("permits")+j.value(m.Expect))
	}
	if results && m.Flags&history.Observed != 0 {
		fields = append(fields, j.s.field("fence")+j.value(m.Ret))
	}
	if len(fields) == 0 {
		return j.null()
	}
	return "{" + strings.Join(fields, ", ") + "}"
}
