// Package explain says in the domain's words what operations did, for the
// sentences and steps of violations.
package explain

import (
	"strconv"
	"strings"
	"time"

	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/internal/duration"
)

// Op says who did what to which key, asked where and at which level, such as
// "session 3 wrote 118 to k4 via n1 at W=1".
func Op(h *history.History, i int) string {
	return "session " + strconv.Itoa(int(h.Ops[i].Session)) + " " + Did(h, i, true)
}

// Did is Op without the session; the key is left out unless withKey.
func Did(h *history.History, i int, withKey bool) string {
	op := &h.Ops[i]
	m := h.Mop(op)
	var b strings.Builder
	key := ""
	if withKey {
		key = h.KeyName(m.Key)
	}
	unsure := op.Outcome == history.Info
	switch m.Func {
	case history.Read:
		word := "of"
		if m.Ret == history.Absent {
			word = "for"
		}
		b.WriteString("read " + h.ValueText(m.Ret))
		preposition(&b, word, key)
		where(h, op, &b, "from", "R", op.ReadLevel)
	case history.Write:
		b.WriteString(verb(unsure, "wrote ", "tried to write ") + h.ValueText(m.Arg))
		preposition(&b, "to", key)
		where(h, op, &b, "via", "W", op.WriteLevel)
	case history.Concat:
		b.WriteString(verb(unsure, "appended ", "tried to append ") + h.ValueText(m.Arg))
		preposition(&b, "to", key)
		where(h, op, &b, "via", "W", op.WriteLevel)
	case history.Delete:
		b.WriteString(verb(unsure, "deleted ", "tried to delete ") + or(key, "it"))
		where(h, op, &b, "via", "W", op.WriteLevel)
	case history.CAS:
		if op.Outcome == history.Fail {
			b.WriteString("compared " + or(key, "it") + " with " + h.ValueText(m.Expect))
			if m.Flags&history.Observed != 0 {
				b.WriteString(" and met " + h.ValueText(m.Ret))
			} else {
				b.WriteString(" and met another value")
			}
		} else {
			b.WriteString(verb(unsure, "changed ", "tried to change ") + or(key, "it") +
				" from " + h.ValueText(m.Expect) + " to " + h.ValueText(m.Arg))
		}
		where(h, op, &b, "via", "W", op.WriteLevel)
	case history.Acquire:
		b.WriteString(verb(unsure, "acquired ", "tried to acquire ") + or(key, "it"))
	case history.Release:
		b.WriteString(verb(unsure, "released ", "tried to release ") + or(key, "it"))
	default:
		b.WriteString(m.Func.String())
		preposition(&b, "on", key)
	}
	if unsure {
		b.WriteString(" (no answer)")
	}
	return b.String()
}

func verb(unsure bool, did, tried string) string {
	if unsure {
		return tried
	}
	return did
}

func or(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}

func preposition(b *strings.Builder, word, key string) {
	if key != "" {
		b.WriteString(" " + word + " " + key)
	}
}

func where(h *history.History, op *history.Op, b *strings.Builder, word, letter string, level uint8) {
	if n := h.NodeName(op); n != "" {
		b.WriteString(" " + word + " " + n)
	}
	if l := h.LevelName(level); l != "" {
		b.WriteString(" at " + letter + "=" + l)
	}
}

// Before says why the operation at position a is before another one, which was invoked gap
// after its completion, as a clause about it: a write was acknowledged, what did not write
// completed.
func Before(h *history.History, a int, gap history.Time) string {
	did := "completed"
	if op := &h.Ops[a]; op.Outcome == history.OK && h.Mop(op).Func.Writes() {
		did = "was acknowledged"
	}
	return "it " + did + " " + Gap(h, gap) + "before the other was invoked"
}

// Gap says how long d is, as all that people read says it, with a space behind it; it is
// empty where the stamps of h are no times.
func Gap(h *history.History, d history.Time) string {
	if !h.HasTimes() {
		return ""
	}
	return duration.Text(time.Duration(d)) + " "
}

// Later says how long after the completion of a the invocation of b was: "28 ms
// later", or "at the same time" if they overlap. It is "later" where only their order is
// known, and "then" where that is not known either.
func Later(h *history.History, a, b int) string {
	if !h.HasOrder() {
		if h.Ops[a].Session == h.Ops[b].Session && a < b {
			return "later"
		}
		return "then"
	}
	from, to := h.Ops[a].Complete, h.Ops[b].Invoke
	if from == history.Never || to < from {
		return "at the same time"
	}
	return Gap(h, to-from) + "later"
}
