package formats

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"testing"
)

// TestAWDITBothWays: a file that is read straight through gives the history that collecting
// its lines gives, and which files are read so does not depend on luck.
func TestAWDITBothWays(t *testing.T) {
	table := []struct {
		name, text string
		straight   bool
	}{
		{"two sessions", "w 1 5\nr 1 5\n----\nw 1 6\n====\nr 1 5\n", true},
		{"without an end", "w 1 5\n=\nr 1 5", true},
		{"lines of Windows", "w 1 5\r\n--\r\nr 1 5\r\n", true},
		{"blank lines", "\nw 1 5\n \n====\n\nr 1 5\n", true},
		{"empty transactions", "----\n====\nw 1 5\n----\n----\nr 1 5\n====\n", true},
		{"initial values", "w 1 0\nw 2 0\n====\nr 1 0\nw 1 5\n", true},
		{"one write of 0", "w 1 0\nw 2 5\n====\nr 1 0\n", true},
		{"two transactions of 0", "w 1 0\n----\nw 2 0\n====\nr 1 0\n", true},
		{"0 twice", "w 1 0\nw 1 0\n====\nr 1 0\n", true},
		{"an empty first session", "====\nw 1 0\n====\nr 1 0\n", true},
		{"0 of a key without an initial value", "w 1 0\n====\nr 2 0\n", false},
		{"0 written again", "w 1 0\n====\nw 2 0\n", false},
		{"initial values alone", "w 1 0\nw 2 0\n", false},
		{"spaces", "w  1 5\n", false},
		{"a space at the end", "w 1 5 \n", false},
		{"nineteen digits", "w 1 1000000000000000000\n", false},
		{"no number", "w 1 x\n", false},
		{"dashes and equals signs", "w 1 5\n--==\n", false},
		{"a third number", "w 1 5 6\n", false},
	}
	for _, x := range table {
		t.Run(x.name, func(t *testing.T) {
			if got := sameAWDIT(t, x.text); got != x.straight {
				t.Errorf("read straight: %v, want %v", got, x.straight)
			}
		})
	}
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	straight := 0
	for range 5000 {
		if sameAWDIT(t, randomAWDIT(rng)) {
			straight++
		}
	}
	if straight < 1000 || straight > 4900 {
		t.Errorf("%d of 5,000 files were read straight: one of the ways is hardly tried", straight)
	}
}

// sameAWDIT reads text both ways where it can be, compares, and tells whether it could.
func sameAWDIT(t *testing.T, text string) bool {
	t.Helper()
	in := &input{label: "x", data: []byte(text)}
	c := awditStraight(in)
	if c == nil {
		return false
	}
	got, err := c.history(in)
	want, wantErr := readAWDITApart(in)
	if fmt.Sprint(err) != fmt.Sprint(wantErr) {
		t.Fatalf("%q: straight says %v, apart %v", text, err, wantErr)
	}
	if err == nil && dump(got) != dump(want) {
		t.Fatalf("%q is read as\n%s\nstraight and as\n%s\napart", text, dump(got), dump(want))
	}
	return true
}

// randomAWDIT is a small file, which often begins with initial values, and now and then is odd.
func randomAWDIT(rng *rand.Rand) string {
	var b bytes.Buffer
	if rng.IntN(2) == 0 {
		for k := range 1 + rng.IntN(3) {
			fmt.Fprintf(&b, "w %d 0\n", k)
		}
		b.WriteString([]string{"====\n", "====\n", "----\n", "w 1 0\n", "r 1 0\n"}[rng.IntN(5)])
	}
	for value := 1; value < 2+rng.IntN(12); value++ {
		switch rng.IntN(8) {
		case 0, 1:
			b.WriteString("----\n")
		case 2:
			b.WriteString("====\n")
		case 3, 4:
			fmt.Fprintf(&b, "r %d %d\n", rng.IntN(3), rng.IntN(value))
		default:
			fmt.Fprintf(&b, "w %d %d\n", rng.IntN(3), value)
		}
		if rng.IntN(40) == 0 {
			b.WriteString([]string{"w 1 0\n", " r 1 1\n", "\n", "w 1\n", "-=\n", "r 1 1\r\n"}[rng.IntN(6)])
		}
	}
	return b.String()
}

// FuzzAWDITBothWays holds the two ways of reading against each other on any text.
func FuzzAWDITBothWays(f *testing.F) {
	f.Add("w 1 0\n====\nr 1 0\nw 1 5\n----\nr 1 5\n")
	f.Fuzz(func(t *testing.T, text string) { sameAWDIT(t, text) })
}
