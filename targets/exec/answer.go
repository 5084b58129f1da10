package exec

import (
	"encoding/json"
	"fmt"
	"math"

	"github.com/lapse-test/lapse/history"
)

// reader fills operations with what a program answered.
type reader struct {
	// text interns what is no integer.
	text func(string) history.Value
}

// ok fills txn with the answer that it was done. An error means that the answer lacks
// something or has what cannot be: then nothing is known.
func (r reader) ok(txn *history.Txn, a *Answer) error {
	seen := []Seen{a.Seen}
	if len(txn.Mops) > 1 {
		seen = a.Ops
	}
	if len(seen) != len(txn.Mops) {
		return broken("the program's answer has another number of operations", fmt.Sprintf("%d for %d", len(seen), len(txn.Mops)))
	}
	for i := range txn.Mops {
		if err := r.see(txn, i, seen[i]); err != nil {
			return err
		}
	}
	return nil
}

func (r reader) see(txn *history.Txn, i int, s Seen) error {
	if s.Version != nil {
		txn.SetVersion(i, *s.Version)
	}
	m := &txn.Mops[i]
	switch m.Func {
	case history.Read, history.Dequeue, history.ReadCounter, history.Generate:
		v, err := r.value(s.Value)
		if err != nil {
			return err
		}
		if v == history.Absent && m.Func == history.ReadCounter {
			v = 0 // a counter that never was
		}
		if v == history.Absent && m.Func == history.Generate {
			return broken("the program's answer has no value", "null for an identifier")
		}
		txn.SetRead(i, v)
	case history.ReadList, history.ReadSet:
		list, err := r.list(s.Value)
		if err != nil {
			return err
		}
		txn.SetList(i, list)
	}
	return nil
}

// mismatch fills a compare-and-set that failed with what was there, if that is said.
func (r reader) mismatch(txn *history.Txn, a *Answer) error {
	if len(txn.Mops) != 1 || txn.Mops[0].Func != history.CAS {
		return broken("the program says mismatch of what has no condition", "")
	}
	if len(a.Value) > 0 {
		v, err := r.value(a.Value)
		if err != nil {
			return err
		}
		txn.SetRead(0, v)
	}
	txn.Mops[0].Flags |= history.Mismatched
	return nil
}

// leastInteger keeps integers apart from what stands for texts and for nothing.
const leastInteger = math.MinInt64 / 2

func (r reader) value(raw json.RawMessage) (history.Value, error) {
	if len(raw) == 0 {
		return 0, broken("the program's answer has no value", "")
	}
	if string(raw) == "null" {
		return history.Absent, nil
	}
	var n int64
	if err := json.Unmarshal(raw, &n); err == nil && n >= leastInteger {
		return history.Value(n), nil
	}
	var text string
	if err := json.Unmarshal(raw, &text); err != nil {
		return 0, broken("the program's answer has a value that is neither integer nor text", string(raw[:min(len(raw), shownMost)]))
	}
	return r.text(text), nil
}

func (r reader) list(raw json.RawMessage) ([]history.Value, error) {
	var elements []json.RawMessage
	if len(raw) == 0 || json.Unmarshal(raw, &elements) != nil {
		return nil, broken("the program's answer has no list", "")
	}
	out := make([]history.Value, len(elements))
	for i, e := range elements {
		v, err := r.value(e)
		if err != nil {
			return nil, err
		}
		if v == history.Absent {
			return nil, broken("the program's answer has a list with nothing in it", "null is no element")
		}
		out[i] = v
	}
	return out, nil // null is an empty list
}
