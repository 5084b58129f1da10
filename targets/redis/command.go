package redis

import (
	"fmt"
	"strconv"

	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/targets/contents"
	"github.com/lapse-test/lapse/targets/outcome"
)

// compareAndSet sets a key if it holds the expected value (ARGV[1], or nothing if
// ARGV[3] says so), and returns whether it did and what was there.
const compareAndSet = `local v = redis.call('GET', KEYS[1])
if (v and ARGV[3] == '0' and v == ARGV[1]) or (not v and ARGV[3] == '1') then
  redis.call('SET', KEYS[1], ARGV[2])
  return {1, v}
end
return {0, v}`

// keys is the prefix of all keys in Redis, so that a run in
// an external store has its own.
type keys string

// name is a key in Redis: what it holds has a type there, so that each kind of data has
// keys of its own; all of one key are in one slot.
func (p keys) name(m *history.Mop) string {
	return string(p) + string(contents.KindOf(m.Func)) + "{" + m.Key.String() + "}"
}

var errNothing = outcome.Refuse("a write of nothing: use delete")

// errCASInTransaction: MULTI carries out all that was queued, whatever a command in it
// finds.
var errCASInTransaction = outcome.Refuse("a compare-and-set in a transaction: MULTI has no conditions")

// command returns the command of a micro-operation.
func (p keys) command(m *history.Mop) ([]any, error) {
	switch m.Func {
	case history.Read:
		return []any{"GET", p.name(m)}, nil
	case history.Write:
		if m.Arg == history.Absent {
			return nil, errNothing
		}
		return []any{"SET", p.name(m), int64(m.Arg)}, nil
	case history.CAS:
		if m.Arg == history.Absent {
			return nil, errNothing
		}
		expect, absent := strconv.FormatInt(int64(m.Expect), 10), "0"
		if m.Expect == history.Absent {
			expect, absent = "", "1"
		}
		return []any{"EVAL", compareAndSet, 1, p.name(m), expect, int64(m.Arg), absent}, nil
	case history.Delete:
		return []any{"DEL", p.name(m)}, nil
	case history.Append:
		return []any{"RPUSH", p.name(m), int64(m.Arg)}, nil
	case history.ReadList:
		return []any{"LRANGE", p.name(m), 0, -1}, nil
	case history.Add:
		return []any{"SADD", p.name(m), int64(m.Arg)}, nil
	case history.Remove:
		return []any{"SREM", p.name(m), int64(m.Arg)}, nil
	case history.ReadSet:
		return []any{"SMEMBERS", p.name(m)}, nil
	case history.Increment:
		return []any{"INCRBY", p.name(m), int64(m.Arg)}, nil
	case history.ReadCounter:
		return []any{"GET", p.name(m)}, nil
	case history.Enqueue:
		return []any{"RPUSH", p.name(m), int64(m.Arg)}, nil
	case history.Dequeue:
		return []any{"LPOP", p.name(m)}, nil
	}
	return nil, outcome.Refuse("redis has no %v", m.Func)
}

// reader turns replies into values.
type reader struct{ contents.Reader }

func (r reader) value(reply any) (history.Value, error) {
	switch v := reply.(type) {
	case nil:
		return history.Absent, nil
	case int64:
		return history.Value(v), nil
	case string:
		return r.Parse(v)
	}
	return history.Absent, fmt.Errorf("a reply of type %T is no value", reply)
}

func (r reader) list(reply any) ([]history.Value, error) {
	elements, ok := reply.([]any)
	if !ok {
		return nil, fmt.Errorf("a reply of type %T is no list", reply)
	}
	return contents.Each(elements, r.value)
}

// see fills in what micro-operation i was answered. failed says that it was a
// compare-and-set whose condition was false.
func (r reader) see(txn *history.Txn, i int, reply any) (failed bool, err error) {
	if err, ok := reply.(error); ok {
		return false, err
	}
	switch txn.Mops[i].Func {
	case history.Read, history.Dequeue, history.ReadCounter, history.ReadList, history.ReadSet:
		return false, contents.See(txn, i, reply, r.value, r.list)
	case history.CAS:
		return r.condition(txn, i, reply)
	}
	return false, nil
}

func (r reader) condition(txn *history.Txn, i int, reply any) (failed bool, err error) {
	pair, ok := reply.([]any)
	if !ok || len(pair) != 2 {
		return false, fmt.Errorf("a reply of type %T is no answer to a compare-and-set", reply)
	}
	if pair[0] == int64(1) {
		return false, nil
	}
	found, err := r.value(pair[1])
	if err != nil {
		return false, err
	}
	txn.SetRead(i, found)
	txn.Mops[i].Flags |= history.Mismatched
	return true, nil
}
