package postgres

import (
	"testing"
	"time"
)

// TestLagOf: one number of a standby's apart. A commit of a moment that its clock says is yet to come has no age.
func TestLagOf(t *testing.T) {
	primary := standing{position: 900, replayed: 900}
	for _, c := range []struct {
		name string
		st   standing
		want Lag
	}{
		{"behind", standing{position: 800, replayed: 700, shown: time.Second}, Lag{100, 200, time.Second}},
		{"its clock is behind too", standing{position: 800, replayed: 700, shown: -time.Second}, Lag{100, 200, 0}},
		{"it shows all", standing{position: 900, replayed: 900, shown: time.Second}, Lag{}},
		{"it was asked later", standing{position: 950, replayed: 950, shown: time.Second}, Lag{}},
	} {
		if got := primary.lagOf(c.st); got != c.want {
			t.Errorf("%s: %+v, want %+v", c.name, got, c.want)
		}
	}
}
