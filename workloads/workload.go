// Package workloads is what clients do: one file a workload, and the small set
// of generators that they are built from. Generators are pure: one seed drives
// every choice, and no database is needed to test them.
package workloads

import (
	"fmt"

	"github.com/lapse-test/lapse/history"
)

// Config is what a workload is made from.
type Config struct {
	Seed uint64
	// Workers is how many clients work at once.
	Workers int
	// Nodes is how many nodes the target has.
	Nodes int
	// Funcs are the micro-operations that the target can do, MaxTxn how many in
	// one transaction.
	Funcs  []history.Func
	MaxTxn int
	// TxnUnmixed says that a transaction of several either only reads or only
	// writes, and has each key once.
	TxnUnmixed bool
	// Keys is how many keys are in use at a time; 0 means the workload's
	// default.
	Keys int
	// OpsPerKey is after how many operations a key is retired, 0 the default.
	OpsPerKey int
	// MaxInfoPerKey is after how many indeterminate operations a key is
	// retired early; 0 the default (8).
	MaxInfoPerKey int
	// Weights are the shares of the kinds of operation, such as read=3,write=1;
	// nil means the workload's default.
	Weights map[string]int
	// Options are the workload's own settings, from --workload-set.
	Options map[string]string
}

// Workload is one kind of load with the claims that it can test.
type Workload interface {
	// Name is that by which it is asked for, such as "register".
	Name() string
	// Summary is one line for people.
	Summary() string
	// Models are the names of the consistency models (package checkers) that
	// its histories are checked against when the user names none.
	Models() []string
	// Needs says what a target must be able to do.
	Needs() Needs
	// Weights are the kinds of operation with their default shares.
	Weights() map[string]int
	// Options are the settings that Config.Options may hold.
	Options() []Option
	// New makes the generator. Its errors are *UsageError: they are about cfg
	// and name the setting and the way out, for example that the target has no
	// compare-and-set.
	New(cfg Config) (Generator, error)
}

// Needs says what a target must be able to do to be driven by a workload.
type Needs struct {
	// Funcs are the micro-operations without which there is no such workload.
	Funcs []history.Func
	// MaxTxn is the least number of micro-operations that must fit into one
	// transaction; 1 means that no transactions are needed.
	MaxTxn int
}

// Option describes a setting of one workload.
type Option struct {
	Name    string
	Default string
	Help    string
}

// UsageError is bad input: one sentence that names the place and the way out.
type UsageError struct {
	Text string
}

// Error is Text.
func (e *UsageError) Error() string { return e.Text }

func usagef(format string, args ...any) error {
	return &UsageError{fmt.Sprintf(format, args...)}
}

// Placer is implemented by generators whose histories are to tell on which nodes
// keys are.
type Placer interface {
	// Placed are keys that were used so far, with those in use first.
	Placed() []history.Key
}

// Generator makes the operations. Methods may be called concurrently for
// different workers, one call at a time for one worker; what worker w is given
// depends only on the seed, on w, on how often it asked, on the keys that were
// retired early, and, for a compare-and-set alone, on what w itself saw before.
//
// Values written are positive and unique in the run. A compare-and-set with
// Expect history.Absent asks to set a key that has no value; it is made only
// when the weights leave no plain writes.
type Generator interface {
	// Attributes go into the history's header for the checkers. They are asked for
	// once, before any other method.
	Attributes() map[string]string
	// Setup is the i-th operation to be done before the load by one worker
	// (such as opening bank accounts), false when there is no more. One goroutine
	// calls it, before Next is called for any worker.
	Setup(i int, txn *history.Txn) bool
	// Next fills txn with worker w's next operation and returns which node (an
	// index) a roaming session asks. It reports false when worker w has no more
	// to do.
	Next(w int, txn *history.Txn) (node int, ok bool)
	// Done tells how worker w's operation ended, from the goroutine that got it of
	// Next, before that asks for another.
	Done(w int, txn *history.Txn, outcome history.Outcome)
	// Final is the i-th operation of worker w after the load, when all faults
	// are healed: the final reads. It returns the node to be asked, and false
	// when there is no more. No worker asks for it before all are done with Next.
	Final(w, i int, txn *history.Txn) (node int, ok bool)
}
