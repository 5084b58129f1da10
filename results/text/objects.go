package text

import (
	"fmt"
	"strings"

	"github.com/lapse-test/lapse/history"
)

// lockText is an acquire or release of the lock named lock, with what it says about
// owner, permits and fencing token.
func lockText(h *history.History, m *history.Mop, lock string) string {
	t := m.Func.String() + " " + lock
	if m.Expect > 1 {
		t += fmt.Sprintf(" (%d permits)", m.Expect)
	}
	if m.Flags&history.Owned != 0 {
		t += " by " + h.ValueText(m.Arg)
	}
	if m.Flags&history.Observed != 0 {
		t += " -> token " + h.ValueText(m.Ret)
	}
	return t
}

// pollText returns the result of m, a Poll of h, as offset=message.
func pollText(h *history.History, m *history.Mop) string {
	var b strings.Builder
	b.WriteByte('[')
	shown := 0
	for offset, message := range h.PollPairs(m) {
		if shown == maxListShown {
			fmt.Fprintf(&b, " ... (%d in all)", len(h.List(m))/2)
			break
		}
		if shown > 0 {
			b.WriteByte(' ')
		}
		fmt.Fprintf(&b, "%d=%s", offset, h.ValueText(message))
		shown++
	}
	b.WriteByte(']')
	return b.String()
}
