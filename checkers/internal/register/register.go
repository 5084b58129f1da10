// Package register turns a history of plain reads, writes, compare-and-sets and
// deletes into flat records, key by key, which is what all checkers of register
// models walk. Keys become positions, values become dense numbers, and what says
// nothing about the register is left out, so that no checker needs a map.
package register

import (
	"fmt"
	"slices"

	"github.com/lapse-test/lapse/history"
)

// Set is a history split by key. It refers to the history and does not copy it.
// Safe for concurrent use: Load writes only into its argument.
type Set struct {
	H *history.History
	// Keys are the keys that some operation names, ascending.
	Keys []history.Key
	// OK, Fail and Info count the operations by outcome.
	OK, Fail, Info int

	start []int32 // Keys[i]'s operations are at[start[i]:start[i+1]]
	at    []int32 // indexes into H.Ops, ascending inside a key
}

// Applies says why the operations of h are no register operations, nil if they
// all are. An operation with several micro-operations is refused: what is
// promised about it is a transactional model's business. Appended text is
// refused unless concat.
func Applies(h *history.History, model string, concat bool) error {
	for i := range h.Ops {
		if err := applies(h, i, model, concat); err != nil {
			return err
		}
	}
	return nil
}

func applies(h *history.History, i int, model string, concat bool) error {
	mops := h.Mops(&h.Ops[i])
	if len(mops) != 1 {
		return fmt.Errorf("%s is decided for plain operations, but operation %d is a transaction of %d micro-operations: check a transactional model instead", model, i, len(mops))
	}
	switch mops[0].Func {
	case history.Read, history.Write, history.CAS, history.Delete:
	case history.Concat:
		if !concat {
			return fmt.Errorf("%s does not understand operations that append text (operation %d): check linearizable instead", model, i)
		}
	default:
		return fmt.Errorf("%s is decided for registers (read, write, cas, delete), but operation %d is %q: check the model of that data type instead", model, i, mops[0].Func)
	}
	return nil
}

// Split sorts the operations of h by key, after the checks of Applies.
// Operations keep their order (by invocation) inside a key.
func Split(h *history.History, model string, concat bool) (*Set, error) {
	s := &Set{H: h}
	n := len(h.Ops)
	keys := make([]history.Key, n)
	var count []int32
	sparse := false
	for i := range h.Ops {
		if err := applies(h, i, model, concat); err != nil {
			return nil, err
		}
		op := &h.Ops[i]
		switch op.Outcome {
		case history.OK:
			s.OK++
		case history.Fail:
			s.Fail++
		default:
			s.Info++
		}
		k := h.Mop(op).Key
		keys[i] = k
		if int(k)+1 >= len(count) {
			// Keys are dense in what lapse records; a foreign file may number
			// them wildly, and must not make us allocate by its largest number.
			if int(k) > 4*n+1024 {
				sparse = true
				continue
			}
			count = append(count, make([]int32, int(k)+2-len(count)+len(count)/2)...)
		}
		count[k+1]++
	}
	if sparse {
		s.splitSparse(keys)
		return s, nil
	}
	for k := range max(0, len(count)-1) {
		if count[k+1] > 0 {
			s.Keys = append(s.Keys, history.Key(k))
			s.start = append(s.start, count[k])
		}
		count[k+1] += count[k]
	}
	s.start = append(s.start, int32(n))
	s.at = make([]int32, n)
	for i, k := range keys {
		s.at[count[k]] = int32(i)
		count[k]++
	}
	return s, nil
}

func (s *Set) splitSparse(keys []history.Key) {
	s.at = make([]int32, len(keys))
	for i := range s.at {
		s.at[i] = int32(i)
	}
	slices.SortStableFunc(s.at, func(a, b int32) int { return int(keys[a]) - int(keys[b]) })
	for i, at := range s.at {
		if k := keys[at]; len(s.Keys) == 0 || s.Keys[len(s.Keys)-1] != k {
			s.Keys = append(s.Keys, k)
			s.start = append(s.start, int32(i))
		}
	}
	s.start = append(s.start, int32(len(s.at)))
}

// Len is the number of operations of key number i, whatever their outcome.
func (s *Set) Len(i int) int { return int(s.start[i+1] - s.start[i]) }

// At are the indexes into H.Ops of all operations of key number i. Not to be
// changed.
func (s *Set) At(i int) []int32 { return s.at[s.start[i]:s.start[i+1]] }

// Only is s with nothing but key number i.
func (s *Set) Only(i int) *Set {
	return &Set{H: s.H, Keys: s.Keys[i : i+1], start: []int32{0, int32(s.Len(i))}, at: s.At(i)}
}

// Find is the number of key k, -1 if no operation names it.
func (s *Set) Find(k history.Key) int {
	if i, ok := slices.BinarySearch(s.Keys, k); ok {
		return i
	}
	return -1
}
