package formats

import (
	"math/rand/v2"
	"regexp"
	"strings"
	"testing"
)

// TestEtcdLines: a line is taken apart as its regular expression says, and so are the values
// of a compare-and-set.
func TestEtcdLines(t *testing.T) {
	cas := regexp.MustCompile(`^\[(\S+)\s+(\S+)\]$`)
	words := []string{"INFO", "jepsen.util", "-", "3", ":nemesis", ":invoke", ":ok", ":fail", ":info", ":okay", ":read", ":", "read", "[1 2]", "[1\t 2 ]", "[ 1 2]", "[1 2 3]", "[1 2]]", "[]", "]", "nil", "\xff", "\u00a0", "\v", ""}
	spaces := []string{" ", "\t", "  ", " \f\r", "", "\u2003", "\v"}
	matched := 0
	for seed := range uint64(20000) {
		rng := rand.New(rand.NewPCG(seed, 5))
		good := []string{"INFO", "jepsen.util", "-", "3", words[5+rng.IntN(4)], ":cas", words[13+rng.IntN(8)]}
		var b strings.Builder
		for i := range good[:rng.IntN(len(good)+1)] {
			w := good[i]
			if rng.IntN(12) == 0 {
				w = words[rng.IntN(len(words))]
			}
			b.WriteString(w)
			if s := spaces[rng.IntN(4)]; rng.IntN(12) > 0 {
				b.WriteString(s)
			} else {
				b.WriteString(spaces[rng.IntN(len(spaces))])
			}
		}
		line := b.String()
		var want logLine
		m := etcdLine.FindStringSubmatch(line)
		if m != nil {
			matched++
			want = logLine{m[1], m[2], m[3], m[4]}
		}
		got, ok := cutEtcdLine([]byte(line))
		if ok != (m != nil) || ok && got != want {
			t.Fatalf("seed %d: %q: %+v %v, want %q", seed, line, got, ok, m)
		}
		arg := words[13+rng.IntN(8)]
		c := cas.FindStringSubmatch(arg)
		old, new, ok := casArgs(arg)
		if ok != (c != nil) || ok && (old != c[1] || new != c[2]) {
			t.Fatalf("%q: %q %q %v, want %q", arg, old, new, ok, c)
		}
	}
	if matched < 1000 {
		t.Errorf("only %d lines matched", matched)
	}
}
