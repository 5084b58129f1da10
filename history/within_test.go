package history

import "testing"

// TestCompleteWithin: what is known of an operation narrows its interval, and never widens it.
func TestCompleteWithin(t *testing.T) {
	for name, c := range map[string]struct {
		from, to         Time
		outcome          Outcome
		invoke, complete Time
	}{
		"nothing known":    {0, Never, OK, 100, 200},
		"both known":       {120, 180, OK, 120, 180},
		"the end known":    {0, 180, OK, 100, 180},
		"the same moment":  {150, 150, OK, 150, 150},
		"wider":            {50, 250, OK, 100, 200},
		"after now":        {201, 300, OK, 100, 200},
		"ends before":      {150, 140, OK, 150, 200},
		"ended before all": {50, 60, OK, 100, 200},
		"no answer":        {120, 180, Info, 120, Never},
	} {
		now := Time(0)
		r, path := recording(t, withClock(func() Time { return now }))
		cl := r.Client()
		txn := one(Mop{Func: Write, Key: 1, Arg: 2})
		now = 100
		must(t, cl.Invoke(1, 0, 0, 0, txn))
		now = 150
		must(t, r.Sync()) // it is in the file, as open from 100 on
		now = 200
		must(t, cl.CompleteWithin(c.from, c.to, c.outcome, txn, 0, "", ""))
		must(t, cl.Invoke(1, 0, 0, 0, one(Mop{Func: Write, Key: 1, Arg: 3})))
		must(t, r.Close())
		h, err := ReadFile(path)
		must(t, err)
		if op := h.Ops[0]; op.Invoke != c.invoke || op.Complete != c.complete {
			t.Errorf("%s: %d to %d, want %d to %d", name, op.Invoke, op.Complete, c.invoke, c.complete)
		}
	}
}
