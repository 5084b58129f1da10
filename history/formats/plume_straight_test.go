package formats

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"testing"
)

// TestPlumeBothWays: a file that is read straight through gives the history that
// collecting its transactions gives, and which files are read so does not depend on luck.
func TestPlumeBothWays(t *testing.T) {
	table := []struct {
		name, text string
		straight   bool
	}{
		{"two sessions", "w(1,5,0,0)\nr(1,5,1,1)\nr(2,0,1,1)\n", true},
		{"without an end", "w(1,5,0,0)\nr(1,5,1,1)", true},
		{"lines of Windows", "w(1,5,0,0)\r\nr(1,5,1,1)\r\n", true},
		{"blank lines", "\nw(1,5,0,0)\n \nr(1,5,1,1)\n\n", true},
		{"aborted", "w(1,5,0,0)\nw(1,6,0,-1)\nr(1,6,0,-1)\nr(1,5,1,3)\n", true},
		{"an aborted write within a transaction", "w(1,5,0,0)\nw(1,6,0,-1)\nr(2,0,0,0)\n", false},
		{"alternating", "w(1,5,0,0)\nr(1,0,1,1)\nr(2,0,0,0)\n", false},
		{"descending", "w(1,5,0,7)\nr(1,5,1,3)\n", false},
		{"initial values", "w(1,0,0,0)\nw(1,5,1,1)\n", false},
		{"spaces", " w(1,5,0,0)\nr(1,5,1,1)\n", false},
		{"nineteen digits", "w(1,1000000000000000000,0,0)\n", false},
		{"two sessions of one transaction", "w(1,5,0,0)\nr(1,5,1,0)\n", false},
		{"no number", "w(1,5,0,)\n", false},
	}
	for _, x := range table {
		t.Run(x.name, func(t *testing.T) {
			if got := samePlume(t, x.text); got != x.straight {
				t.Errorf("read straight: %v, want %v", got, x.straight)
			}
		})
	}
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	straight := 0
	for range 2000 {
		if samePlume(t, randomPlume(rng)) {
			straight++
		}
	}
	if straight < 200 || straight > 1900 { // nine in ten are
		t.Errorf("%d of 2,000 files were read straight: one of the ways is hardly tried", straight)
	}
}

// samePlume reads text both ways where it can be, compares, and tells whether it could.
func samePlume(t *testing.T, text string) bool {
	t.Helper()
	in := &input{label: "x", data: []byte(text)}
	c := plumeStraight(in)
	if c == nil {
		return false
	}
	got, err := c.history(in)
	want, wantErr := readPlumeApart(in)
	if fmt.Sprint(err) != fmt.Sprint(wantErr) {
		t.Fatalf("%q: straight says %v, apart %v", text, err, wantErr)
	}
	if err == nil && dump(got) != dump(want) {
		t.Fatalf("%q is read as\n%s\nstraight and as\n%s\napart", text, dump(got), dump(want))
	}
	return true
}

// randomPlume is a small file: mostly in order, with now and then a step back.
func randomPlume(rng *rand.Rand) string {
	var b bytes.Buffer
	value := 1
	txn := 0
	for range 1 + rng.IntN(6) {
		session := rng.IntN(3)
		id := txn
		switch rng.IntN(12) {
		case 0:
			id = -1
		case 1:
			id = max(0, txn-1-rng.IntN(2))
		}
		txn += 1 + rng.IntN(2)
		for range 1 + rng.IntN(3) {
			if rng.IntN(2) == 0 {
				fmt.Fprintf(&b, "w(%d,%d,%d,%d)\n", rng.IntN(3), value, session, id)
				value++
			} else {
				fmt.Fprintf(&b, "r(%d,%d,%d,%d)\n", rng.IntN(3), rng.IntN(value), session, id)
			}
		}
	}
	return b.String()
}
