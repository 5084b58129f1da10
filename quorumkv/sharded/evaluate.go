package sharded

import (
	"fmt"
	"math"
	"strconv"

	"github.com/lapse-test/lapse/quorumkv/engine"
	"github.com/lapse-test/lapse/quorumkv/record"
)

// MaxRead bounds the bytes of all values that a transaction reads in a shard: the shard's nodes have each of its answers in memory.
const MaxRead = 4 << 20

// effects are what operations did to the keys of a shard, before anything of it is stored.
type effects struct {
	reads  []record.Record
	read   int      // bytes of the values in reads
	keys   []string // that are written, in the order of their first write
	after  map[string]record.Record
	refuse string // why a condition does not hold; empty when all do
}

// evaluate carries out operations on what get finds. A value of more than limit bytes is refused.
func evaluate(ops []engine.Op, limit int, get func(key string) (record.Record, error)) (effects, error) {
	e := effects{after: map[string]record.Record{}}
	for _, op := range ops {
		have, written := e.after[op.Key]
		if !written {
			var err error
			if have, err = get(op.Key); err != nil {
				return e, err
			}
		}
		next := record.Record{}
		switch op.Kind {
		case engine.OpRead:
			e.reads = append(e.reads, have)
			if e.read += len(have.Value); e.read > MaxRead {
				e.refuse = fmt.Sprintf("what is read has more than %d bytes together; read fewer keys in one transaction", MaxRead)
				return e, nil
			}
			continue
		case engine.OpCompare:
			if e.refuse = compare(op, have, written); e.refuse != "" {
				return e, nil
			}
			continue
		case engine.OpWrite:
			next.Value = append([]byte{}, op.Value...) // nil would be nothing
		case engine.OpDelete:
			next.Tombstone = true
		case engine.OpAppend:
			next.Value = []byte{}
			if present(have, written) && len(have.Value) > 0 {
				next.Value = append(append(next.Value, have.Value...), ',')
			}
			next.Value = append(next.Value, op.Value...)
		case engine.OpAdd:
			if next.Value, e.refuse = add(op, have, written); e.refuse != "" {
				return e, nil
			}
		default:
			e.refuse = fmt.Sprintf("there is no operation %q", op.Kind)
			return e, nil
		}
		if len(next.Value) > limit {
			e.refuse = fmt.Sprintf("the value would have %d bytes, at most %d are allowed", len(next.Value), limit)
			return e, nil
		}
		if !written {
			e.keys = append(e.keys, op.Key)
		}
		e.after[op.Key] = next
	}
	return e, nil
}

// present says whether there is a value: what the transaction itself has written has no version yet.
func present(r record.Record, written bool) bool {
	return r.Live() || written && !r.Tombstone
}

func compare(op engine.Op, have record.Record, written bool) string {
	there := present(have, written)
	switch {
	case op.Absent && there:
		return "the key is there"
	case op.Absent:
		return ""
	case !there:
		return "the key is absent"
	case op.Number != 0 && int64(have.Version.Time) != op.Number:
		return fmt.Sprintf("the key has version %d", have.Version.Time)
	case op.Number == 0 && string(have.Value) != string(op.Value):
		return "the key has another value"
	}
	return ""
}

func add(op engine.Op, have record.Record, written bool) (value []byte, refuse string) {
	if !present(have, written) {
		return nil, "the key is absent"
	}
	n, err := strconv.ParseInt(string(have.Value), 10, 64)
	if err != nil {
		return nil, "the key has no number"
	}
	if op.Add > 0 && n > math.MaxInt64-op.Add || op.Add < 0 && n < math.MinInt64-op.Add {
		return nil, "the sum is too large"
	}
	n += op.Add
	if op.AtLeast != nil && n < *op.AtLeast {
		return nil, fmt.Sprintf("the sum would be %d", n)
	}
	return strconv.AppendInt(nil, n, 10), ""
}
