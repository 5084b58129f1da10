package text

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/lapse-test/lapse/history"
)

// Seconds is a stamp as people read it: to the microsecond, as less would hide the order of operations.
func Seconds(t history.Time) string {
	if t == history.Never {
		return "never"
	}
	return stamp(t) + " s"
}

func stamp(t history.Time) string { return fmt.Sprintf("%.6f", float64(t)/1e9) }

// nanoseconds is a stamp in seconds with nothing left out.
func nanoseconds(t history.Time) string { return fmt.Sprintf("%d.%09d", t/1e9, t%1e9) }

// Span is from the invocation of op, of h, to its completion: times, or numbers of events where the
// history has no more than their order. It is empty where it has not even that.
func Span(h *history.History, op *history.Op) string {
	if !h.HasOrder() {
		return ""
	}
	end := "?"
	if !h.HasTimes() {
		if op.Complete != history.Never {
			end = strconv.FormatInt(int64(op.Complete), 10)
		}
		return fmt.Sprintf("events %d..%s", op.Invoke, end)
	}
	exact := stamp
	if op.Complete-op.Invoke < 1000 { // times that somebody made up, for an example
		exact = nanoseconds
	}
	if op.Complete != history.Never {
		end = exact(op.Complete)
	}
	return fmt.Sprintf("t=%s..%s s", exact(op.Invoke), end)
}

// Op is an operation in one line, with nothing left out that a verdict
// could rest on.
func Op(h *history.History, i int) string {
	op := &h.Ops[i]
	var b strings.Builder
	if s := Span(h, op); s != "" {
		b.WriteString(s + "  ")
	}
	fmt.Fprintf(&b, "session %d  ", op.Session)
	for j := range h.Mops(op) {
		if j > 0 {
			b.WriteString("; ")
		}
		b.WriteString(Mop(h, op, &h.Mops(op)[j]))
	}
	fmt.Fprintf(&b, "  %s", op.Outcome)
	if n := h.NodeName(op); n != "" {
		fmt.Fprintf(&b, " via %s", n)
	}
	if l := Levels(h, op); l != "" {
		fmt.Fprintf(&b, " at %s", l)
	}
	if n := h.String(op.Note); n != "" {
		fmt.Fprintf(&b, "  [%s]", n)
	}
	if e := h.String(op.Error); e != "" {
		fmt.Fprintf(&b, "  (%s)", e)
	}
	return b.String()
}

// Levels is "W=... R=...", each where op writes or reads and its level is known; empty if neither is.
func Levels(h *history.History, op *history.Op) string {
	reads, writes := false, false
	for _, m := range h.Mops(op) {
		if m.Func.Writes() {
			writes = true
		} else {
			reads = true
		}
	}
	var parts []string
	if l := h.LevelName(op.WriteLevel); writes && l != "" {
		parts = append(parts, "W="+l)
	}
	if l := h.LevelName(op.ReadLevel); reads && l != "" {
		parts = append(parts, "R="+l)
	}
	return strings.Join(parts, " ")
}

// Mop is a micro-operation as people read it.
func Mop(h *history.History, op *history.Op, m *history.Mop) string {
	k := h.KeyName(m.Key)
	ret := "?"
	if m.Flags&history.Observed != 0 {
		ret = h.ValueText(m.Ret)
	}
	arg := h.ValueText(m.Arg)
	switch m.Func {
	case history.Read, history.Dequeue, history.ReadCounter, history.Generate:
		return fmt.Sprintf("%s %s -> %s", m.Func, k, ret)
	case history.ReadList, history.ReadSet, history.Scan, history.Backup:
		if m.Flags&history.Observed == 0 {
			return fmt.Sprintf("%s %s -> ?", m.Func, k)
		}
		return fmt.Sprintf("%s %s -> %s", m.Func, k, listText(h, h.List(m)))
	case history.CAS:
		t := fmt.Sprintf("cas %s %s=>%s", k, h.ValueText(m.Expect), arg)
		if op.Outcome == history.Fail && m.Flags&history.Observed != 0 {
			t += " (was " + ret + ")"
		}
		return t
	case history.Delete, history.Clear:
		return fmt.Sprintf("%s %s", m.Func, k)
	case history.Acquire, history.Release:
		return lockText(h, m, k)
	case history.Send:
		if m.Flags&history.Versioned != 0 {
			return fmt.Sprintf("send %s=%s at offset %d", k, arg, m.Version)
		}
		return fmt.Sprintf("send %s=%s", k, arg)
	case history.Poll:
		if m.Flags&history.Observed == 0 {
			return fmt.Sprintf("poll %s -> ?", k)
		}
		return fmt.Sprintf("poll %s -> %s", k, pollText(h, m))
	case history.Assign, history.Subscribe:
		switch m.Arg {
		case history.Unassigned:
			return fmt.Sprintf("%s not %s", m.Func, k)
		case history.FromBeginning:
			return fmt.Sprintf("%s %s from the beginning", m.Func, k)
		}
		return fmt.Sprintf("%s %s", m.Func, k)
	case history.Transfer:
		return fmt.Sprintf("transfer %s from %s to account %s", m.Expect, k, arg)
	default:
		return fmt.Sprintf("%s %s=%s", m.Func, k, arg)
	}
}
