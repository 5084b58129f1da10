// Package seeds chooses the random histories that a differential test looks at:
// few, the same ones each time, in an ordinary run; LAPSE_ROUNDS of them, from
// the seed LAPSE_SEED on, where somebody asks for more (make differential).
package seeds

import (
	"fmt"
	"iter"
	"os"
	"strconv"
	"testing"
)

// The environment variables.
const (
	envRounds = "LAPSE_ROUNDS"
	envSeed   = "LAPSE_SEED"
)

// Seeds are N seeds from First on.
type Seeds struct{ First, N uint64 }

// Choose is few seeds from 0 on, unless the environment asks for others.
func Choose(t testing.TB, few uint64) Seeds {
	t.Helper()
	return Seeds{First: number(t, envSeed, 0), N: number(t, envRounds, few)}
}

func number(t testing.TB, name string, otherwise uint64) uint64 {
	t.Helper()
	text := os.Getenv(name)
	if text == "" {
		return otherwise
	}
	n, err := strconv.ParseUint(text, 10, 63)
	if err != nil || name == envRounds && n == 0 {
		t.Fatalf("%s=%s: expected a whole number above zero", name, text)
	}
	return n
}

// All are the seeds, ascending.
func (s Seeds) All() iter.Seq[uint64] {
	return func(yield func(uint64) bool) {
		for i := range s.N {
			if !yield(s.First + i) {
				return
			}
		}
	}
}

// String names the seeds for the log, so that a run can be repeated.
func (s Seeds) String() string { return fmt.Sprintf("seeds %d to %d", s.First, s.First+s.N-1) }
