package engine

import (
	"context"

	"github.com/lapse-test/lapse/quorumkv/record"
)

// Transactor is an engine that carries out several operations as one.
type Transactor interface {
	// Transact returns when the operations are carried out, in their order, as the mode promises. Its errors are *Error with an Outcome, which is
	// of all operations together: written says nothing of half a transaction. It may be called concurrently.
	Transact(ctx context.Context, ops []Op) (TxnResult, error)
}

// OpKind is what an operation of a transaction does.
type OpKind string

// The kinds of operations.
const (
	OpRead    OpKind = "read"
	OpWrite   OpKind = "write"
	OpDelete  OpKind = "delete"
	OpAppend  OpKind = "append"  // Value is put behind what is there, after a comma unless nothing is
	OpAdd     OpKind = "add"     // Add is added to the number that is there; where there is none the transaction is refused
	OpCompare OpKind = "compare" // the transaction is refused unless the key has Value, or is absent
)

// Op is an operation of a transaction. It sees what those before it have done.
type Op struct {
	Kind    OpKind `json:"op"`
	Key     string `json:"key"`
	Value   []byte `json:"value,omitempty"`
	Add     int64  `json:"add,omitempty"`
	AtLeast *int64 `json:"at_least,omitempty"` // of OpAdd: the transaction is refused if the sum is less
	Absent  bool   `json:"absent,omitempty"`   // of OpCompare: there must be no value
	Number  int64  `json:"number,omitempty"`   // of OpCompare: instead of Value, the number of the version that the key must have
}

// Writes tells whether the operation changes its key.
func (o Op) Writes() bool { return o.Kind != OpRead && o.Kind != OpCompare }

// TxnResult is what a transaction found: a record for each of its OpRead, in their order. One without a
// version and with a Value that is not nil is what the transaction itself has written.
type TxnResult struct {
	Reads  []record.Record
	Shards []int // that took part, the coordinator's record first
	Cost
}

// Cost is what a transaction took until it was answered, all its attempts together.
type Cost struct {
	Attempts int // 1, and one more for each that met a lock
	Rounds   int // of messages to shards, one after the other: what goes to several shards at once is one
	Calls    int // entries of shards' logs
}
