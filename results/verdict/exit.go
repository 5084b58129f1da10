package verdict

import "github.com/lapse-test/lapse/checkers"

// The exit codes of every command, see the README.
const (
	ExitHeld         = 0
	ExitViolated     = 1
	ExitInconclusive = 2
	ExitEnvironment  = 3
	ExitUsage        = 64
	ExitBug          = 70
	ExitInterrupted  = 130
)

// exitRank orders the codes by what hides what: a bug in lapse makes everything
// doubtful, a proven violation outranks all else.
var exitRank = map[int]int{
	ExitBug:          6,
	ExitViolated:     5,
	ExitInterrupted:  4,
	ExitEnvironment:  3,
	ExitInconclusive: 2,
	ExitHeld:         0,
}

// WorseExit is the one of two codes that must be seen.
func WorseExit(a, b int) int {
	if exitRank[b] > exitRank[a] {
		return b
	}
	return a
}

// Exit gives a command's exit code with its reason, for --json.
type Exit struct {
	Code   int    `json:"code"`
	Reason string `json:"reason"`
}

// ExitOf is the exit code of a status.
func ExitOf(s checkers.Status) int {
	switch s {
	case checkers.Held:
		return ExitHeld
	case checkers.Violated:
		return ExitViolated
	}
	return ExitInconclusive
}

// Worse is the status of two that must be seen: violated before inconclusive
// before held.
func Worse(a, b checkers.Status) checkers.Status {
	if exitRank[ExitOf(b)] > exitRank[ExitOf(a)] {
		return b
	}
	return a
}
