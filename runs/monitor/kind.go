package monitor

import "github.com/lapse-test/lapse/history"

// Kind is what an operation does.
type Kind uint8

// The kinds of operations; Kinds is how many there are.
const (
	Reads Kind = iota
	Writes
	Transactions
	Kinds
)

// String is the name of the kind of one operation: read, write or transaction.
func (k Kind) String() string {
	return [Kinds]string{"read", "write", "transaction"}[k]
}

// KindOf is Reads or Writes for an operation on one key, and Transactions for one on several.
func KindOf(mops []history.Mop) Kind {
	switch {
	case len(mops) > 1:
		return Transactions
	case len(mops) == 1 && mops[0].Func.Writes():
		return Writes
	}
	return Reads
}
