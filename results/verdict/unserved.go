package verdict

import (
	"fmt"

	"github.com/lapse-test/lapse/history"
)

// attendance counts each client's (session's) requests and answers.
type attendance map[int32]client

type client struct {
	asked  int
	served bool
	// first and why are when its first operation began and what became of it.
	first history.Time
	why   string
}

// attendanceOf is that of h; nil if faults were injected, since a client may keep to a
// node that was cut off.
func attendanceOf(h *history.History) attendance {
	if len(h.Faults) > 0 {
		return nil
	}
	a := attendance{}
	for i := range h.Ops {
		op := &h.Ops[i]
		c := client{asked: 1, served: op.Outcome == history.OK, first: op.Invoke}
		if op.Error >= 0 && int(op.Error) < len(h.Strings) && !c.served {
			c.why = ": " + h.Strings[op.Error]
		}
		a.add(op.Session, c)
	}
	return a
}

func (a attendance) add(session int32, c client) {
	old, known := a[session]
	if known && old.first <= c.first {
		c.first, c.why = old.first, old.why
	}
	c.asked += old.asked
	c.served = c.served || old.served
	a[session] = c
}

// lacks says that some clients had no operation that succeeded although others had, which
// is how a pool of connections looks that is smaller than the number of clients; ""
// otherwise. One refusal says nothing yet, and final reads are sessions of one operation.
func (a attendance) lacks() string {
	bad, served, example := 0, 0, int32(-1)
	for session, c := range a {
		switch {
		case c.asked < 2:
		case c.served:
			served++
		default:
			if bad++; example < 0 || session < example {
				example = session
			}
		}
	}
	if bad == 0 || served == 0 {
		return ""
	}
	return fmt.Sprintf("%d of %d clients had no operation that succeeded (session %d%s): a pool of connections, or a limit of the server, that is smaller than --concurrency does that", bad, bad+served, example, a[example].why)
}
