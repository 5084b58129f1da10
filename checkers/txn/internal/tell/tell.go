// Package tell is how sentences call transactions and what they did.
package tell

import (
	"fmt"

	"github.com/lapse-test/lapse/history"
)

// Op returns the name of operation i in sentences: T and its place in the history.
func Op(i int) string { return fmt.Sprintf("T%d", i) }

// Txn is operation i as sentences show it.
func Txn(h *history.History, i int) string {
	op := &h.Ops[i]
	mops := h.Mops(op)
	s := "["
	for j := range mops {
		if j > 0 {
			s += ", "
		}
		if j == maxMopsShown {
			s += fmt.Sprintf("... %d more", len(mops)-j)
			break
		}
		s += Mop(h, &mops[j])
	}
	return s + "]"
}

// maxMopsShown and maxListShown keep sentences readable.
const (
	maxMopsShown = 12
	maxListShown = 8
)

// Mop is a micro-operation as sentences show it.
func Mop(h *history.History, m *history.Mop) string {
	key := h.KeyName(m.Key)
	switch m.Func {
	case history.Read:
		if m.Flags&history.Observed == 0 {
			return fmt.Sprintf("read %s", key)
		}
		return fmt.Sprintf("read %s = %s", key, h.ValueText(m.Ret))
	case history.ReadList:
		if m.Flags&history.Observed == 0 {
			return fmt.Sprintf("read %s", key)
		}
		return fmt.Sprintf("read %s = %s", key, List(h, h.List(m)))
	case history.CAS:
		return fmt.Sprintf("cas %s %s -> %s", key, h.ValueText(m.Expect), h.ValueText(m.Arg))
	case history.Delete:
		return "delete " + key
	}
	return fmt.Sprintf("%s %s %s", m.Func, key, h.ValueText(m.Arg))
}

// List shows the end of a long list, where the news is.
func List(h *history.History, list []history.Value) string {
	s := "["
	from := 0
	if len(list) > maxListShown {
		from = len(list) - maxListShown
		s += "... "
	}
	for i, v := range list[from:] {
		if i > 0 {
			s += " "
		}
		s += h.ValueText(v)
	}
	return s + "]"
}
