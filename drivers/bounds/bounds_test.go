package bounds

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/lapse-test/lapse/history"
)

// bent is a clock of true time that runs at another pace from time to time, stands still, jumps
// ahead and back.
func bent(r *rand.Rand, length int) func(at int) time.Duration {
	shows := make([]time.Duration, length+1)
	var now, pace time.Duration = time.Duration(r.IntN(1_000_000)), 1
	for i := range shows {
		switch r.IntN(40) {
		case 0:
			pace = time.Duration(r.IntN(5)) // 0 stands still
		case 1:
			now += time.Duration(r.IntN(5000))
		case 2:
			now -= time.Duration(r.IntN(5000))
		}
		now += pace
		shows[i] = now
	}
	return func(at int) time.Duration { return shows[at] }
}

// TestWithinHoldsTheTruth lets a driver with a bent clock do things while its clock is read, in
// true time that nobody else knows: what happened is always within what the bounds say.
func TestWithinHoldsTheTruth(t *testing.T) {
	const length = 2000
	narrowed := 0
	for seed := range uint64(300) {
		r := rand.New(rand.NewPCG(seed, 1))
		shows := bent(r, length)
		now := 0
		clock := NewClock(func() time.Duration { return shows(now) })
		type done struct {
			began, ended   int
			first, last    Stamp
			sent, received int
		}
		var b Bounds
		var all []done
		var open *done
		exchange := Reading{Sent: -1}
		read := false
		for now = range length {
			switch r.IntN(6) {
			case 0: // an operation is asked for, leaves, is answered, and its answer arrives
				if open == nil {
					open = &done{sent: now, began: -1, ended: -1}
				} else if open.began < 0 {
					open.first, open.began = clock.Now(), now
				}
			case 1:
				if open != nil && open.began >= 0 && open.ended < 0 {
					open.ended, open.last = now, clock.Now()
				}
			case 2:
				if open != nil && open.ended >= 0 {
					open.received = now
					all = append(all, *open)
					open = nil
				}
			case 3: // an exchange
				switch {
				case exchange.Sent < 0:
					exchange, read = Reading{Sent: history.Time(now)}, false
				case !read:
					exchange.Driver, read = clock.Now(), true
				default:
					exchange.Received = history.Time(now)
					if !b.Add(exchange) {
						t.Fatalf("seed %d: a reading in order was not taken", seed)
					}
					exchange.Sent = -1
				}
			}
		}
		for _, d := range all {
			from, to := b.Within(history.Time(d.sent), history.Time(d.received), d.first, d.last)
			if int(from) > d.began || int(to) < d.ended {
				t.Fatalf("seed %d: what happened from %d to %d is said to be between %d and %d", seed, d.began, d.ended, from, to)
			}
			if int(from) < d.sent || int(to) > d.received {
				t.Fatalf("seed %d: %d to %d is wider than %d to %d", seed, from, to, d.sent, d.received)
			}
			if int(from) > d.sent || int(to) < d.received {
				narrowed++
			}
		}
	}
	if narrowed < 100 {
		t.Errorf("only %d intervals were narrowed", narrowed)
	}
}

// TestWithin: pairs that differ in one stamp.
func TestWithin(t *testing.T) {
	var b Bounds
	for _, r := range []Reading{{10, 20, 1000}, {30, 40, 2000}, {50, 60, 2000}, {70, 80, 3000}} {
		if !b.Add(r) {
			t.Fatalf("%+v was not taken", r)
		}
	}
	for _, c := range []struct {
		began, ended Stamp
		from, to     history.Time
	}{
		{999, 999, 0, 20},
		{1000, 1000, 0, 40},
		{1001, 1999, 10, 40},
		{1001, 2000, 10, 80},
		{2000, 2000, 10, 80},
		{2001, 2001, 50, 80},
		{3000, 3000, 50, 100},
		{3001, 3001, 70, 100},
		{2001, 999, 0, 100}, // a clock that went back
	} {
		if from, to := b.Within(0, 100, c.began, c.ended); from != c.from || to != c.to {
			t.Errorf("%d to %d: %d to %d, want %d to %d", c.began, c.ended, from, to, c.from, c.to)
		}
	}
	// Readings that contradict what was under way narrow nothing, whichever of the two does.
	for _, c := range []struct {
		to           history.Time
		began, ended Stamp
		first, last  history.Time
	}{
		{50, 2001, 2001, 50, 50},
		{49, 2001, 2001, 0, 49}, // it began after it was over
		{100, 1001, 1001, 10, 40},
		{100, 1001, 1000, 0, 100}, // it ended before it began, between the same readings
	} {
		if first, last := b.Within(0, c.to, c.began, c.ended); first != c.first || last != c.last {
			t.Errorf("%d to %d within 0 to %d: %d to %d, want %d to %d", c.began, c.ended, c.to, first, last, c.first, c.last)
		}
	}
	for name, r := range map[string]Reading{
		"sent too early": {79, 90, 4000}, "went back": {80, 90, 2999}, "received before it was sent": {90, 89, 4000},
	} {
		if b.Add(r) {
			t.Errorf("%s: it was taken", name)
		}
	}
}

// TestManyReadings: what is forgotten widens.
func TestManyReadings(t *testing.T) {
	var b Bounds
	for i := range history.Time(10 * kept) {
		b.Add(Reading{10 * i, 10*i + 5, Stamp(10*i + 2)})
	}
	if len(b.readings) > 2*kept {
		t.Errorf("%d readings are kept", len(b.readings))
	}
	if from, to := b.Within(0, history.Never, 15, 15); from != 0 || to <= 15 {
		t.Errorf("what was forgotten: %d to %d", from, to)
	}
	at := history.Time(10 * (10*kept - 5))
	if from, to := b.Within(0, history.Never, Stamp(at), Stamp(at)); from != at-10 || to != at+5 {
		t.Errorf("what is known: %d to %d, want %d to %d", from, to, at-10, at+5)
	}
}

// TestOffset: the driver's clock was read between the moments of sending and of receiving, so that it was ahead by the least at the later one.
func TestOffset(t *testing.T) {
	if least, most := (Reading{Sent: 10, Received: 30, Driver: 1000}).Offset(); least != 970 || most != 990 {
		t.Errorf("%d to %d, want 970 to 990", least, most)
	}
}

// TestClockBelowZero: a clock that begins below zero goes all the same.
func TestClockBelowZero(t *testing.T) {
	now := time.Duration(-50)
	c := NewClock(func() time.Duration { return now })
	for _, want := range []Stamp{-50, -40} {
		if got := c.Now(); got != want {
			t.Errorf("it shows %d, want %d", got, want)
		}
		now += 10
	}
}
