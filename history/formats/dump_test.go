package formats

import (
	"fmt"
	"strings"

	"github.com/lapse-test/lapse/history"
)

// dump is a history as text, one operation a line in the order of invocation,
// so that tests can compare what formats keep. Stamps are left out.
func dump(h *history.History) string {
	var b strings.Builder
	for i := range h.Ops {
		op := &h.Ops[i]
		fmt.Fprintf(&b, "s%d p%d %s", op.Session, op.Process, op.Outcome)
		if n := h.NodeName(op); n != "" {
			b.WriteString(" @" + n)
		}
		if l := h.LevelName(op.ReadLevel) + "/" + h.LevelName(op.WriteLevel); l != "/" {
			b.WriteString(" " + l)
		}
		mops := h.Mops(op)
		for j := range mops {
			b.WriteString(" " + dumpMop(h, &mops[j]))
		}
		if e := h.String(op.Error); e != "" {
			b.WriteString(" !" + e)
		}
		b.WriteByte('\n')
	}
	return b.String()
}

func dumpMop(h *history.History, m *history.Mop) string {
	key := h.KeyName(m.Key)
	ret := "?"
	if m.Flags&history.Observed != 0 {
		ret = strings.ReplaceAll(h.ValueText(m.Ret), history.Nothing, history.Absent.String())
	}
	switch m.Func {
	case history.Read, history.ReadCounter, history.Dequeue, history.Generate:
		return fmt.Sprintf("%s(%s)=%s", m.Func, key, ret)
	case history.ReadList, history.ReadSet:
		if m.Flags&history.Observed == 0 {
			return fmt.Sprintf("%s(%s)=?", m.Func, key)
		}
		var vs []string
		for _, v := range h.List(m) {
			vs = append(vs, h.ValueText(v))
		}
		return fmt.Sprintf("%s(%s)=[%s]", m.Func, key, strings.Join(vs, " "))
	case history.CAS:
		s := fmt.Sprintf("cas(%s %s->%s)", key, strings.ReplaceAll(h.ValueText(m.Expect), history.Nothing, history.Absent.String()), h.ValueText(m.Arg))
		if m.Flags&history.Mismatched != 0 {
			s += "mismatch"
		}
		return s
	case history.Delete:
		return fmt.Sprintf("%s(%s)", m.Func, key)
	case history.Acquire, history.Release:
		s := fmt.Sprintf("%s(%s", m.Func, key)
		if m.Flags&history.Owned != 0 {
			s += " by " + h.ValueText(m.Arg)
		}
		if m.Expect != 0 {
			s += " permits " + h.ValueText(m.Expect)
		}
		if m.Flags&history.Observed != 0 {
			s += " token " + ret
		}
		return s + ")"
	case history.Send:
		s := fmt.Sprintf("%s(%s %s)", m.Func, key, h.ValueText(m.Arg))
		if m.Flags&history.Versioned != 0 {
			s += fmt.Sprintf("@%d", m.Version)
		}
		return s
	case history.Poll:
		if m.Flags&history.Observed == 0 {
			return fmt.Sprintf("%s(%s)=?", m.Func, key)
		}
		var vs []string
		for offset, v := range h.PollPairs(m) {
			vs = append(vs, fmt.Sprintf("%d:%s", offset, h.ValueText(v)))
		}
		return fmt.Sprintf("%s(%s)=[%s]", m.Func, key, strings.Join(vs, " "))
	case history.Transfer:
		return fmt.Sprintf("transfer(%s>%s %d)", key, h.KeyName(history.Key(m.Arg)), m.Expect)
	}
	return fmt.Sprintf("%s(%s %s)", m.Func, key, h.ValueText(m.Arg))
}
