package targets

import "fmt"

// Quorums is what a database says of how its levels meet: the counts of replicas
// behind them, and what the theory predicts for each pair. Its methods are pure and
// safe for concurrent use.
type Quorums interface {
	// Counts are the replicas of a key and how many of them a write and a read ask
	// for with the resolved cfg: N, W and R. ok is false where its levels are no
	// counts.
	Counts(cfg Config) (n, w, r int, ok bool)
	// Cells are the pairs of levels with n replicas of every key on as many nodes,
	// row by row, for `lapse quorum`; options are the settings that the user chose
	// for all of them. Its errors are *UsageError.
	Cells(n int, options map[string]string) ([]QuorumCell, error)
}

// QuorumCell is one pair of levels with what the theory says of it.
type QuorumCell struct {
	// Row and Column are the write and the read level as a table names them.
	Row, Column string
	// WriteLevel, ReadLevel and Options are the configuration; Options are only what
	// the cell sets itself.
	WriteLevel, ReadLevel string
	Options               map[string]string
	// Predicted has for each model that the theory speaks of (by the name of its
	// checker) whether it is promised, whatever happens to the network and to
	// processes. A model that is not in the map may break.
	Predicted map[string]bool
	// Because is why, in one sentence.
	Because string
	// Attack is what shows that a model which is not promised breaks; Longer is the
	// attack of the second, longer run, AttackNone for the same again.
	Attack, Longer Attack
	// MaxRate bounds the operations a second that the database can take in such a
	// table; 0 is no bound.
	MaxRate float64
}

// AttackKind is a way to break what a pair of levels does not promise.
type AttackKind int

// The kinds of attack.
const (
	// AttackNone: nothing, as for a single node.
	AttackNone AttackKind = iota
	// AttackSplit cuts W nodes, enough for a write, off from the others.
	AttackSplit
	// AttackClocks moves the clock of one node after the other, for stores in which
	// timestamps alone tell which of two writes is the last one.
	AttackClocks
	// AttackLag holds one replica after the other back.
	AttackLag
)

// Attack is an AttackKind with the numbers that it needs.
type Attack struct {
	Kind AttackKind
	// W and R are how many nodes a write and a read need, for AttackSplit.
	W, R int
}

// SetsItself is a *UsageError if options has one of names, which the table of Cells sets itself; more
// goes on after "itself", such as "; use --n".
func SetsItself(options map[string]string, more string, names ...string) error {
	for _, name := range names {
		if _, ok := options[name]; ok {
			return Usagef("--set %s: the table sets it itself%s", name, more)
		}
	}
	return nil
}

// CountsText is the arithmetic of W and R in words, and whether every read asks a
// replica that has the last acknowledged write.
func CountsText(n, w, r int) (meet bool, because string) {
	if w+r > n {
		return true, fmt.Sprintf("W+R = %d > N = %d: every read asks a replica that has the last acknowledged write", w+r, n)
	}
	return false, fmt.Sprintf("W+R = %d <= N = %d: a read may ask only replicas that the last acknowledged write did not reach", w+r, n)
}
