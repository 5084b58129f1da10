// Package contents is what workloads keep in a database and how what was read of it becomes
// values: the kinds of data, of which each has a place of its own, and the one way to read
// a value that may be somebody else's.
package contents

import (
	"errors"
	"fmt"
	"strconv"

	"github.com/lapse-test/lapse/history"
)

// Kind is one kind of data. Each key has one of every kind, which do not hinder each other.
type Kind string

// The kinds that most databases have.
const (
	Value   Kind = "value"
	List    Kind = "list"
	Set     Kind = "set"
	Counter Kind = "counter"
	Queue   Kind = "queue"
)

// KindOf is the kind of data that f is about, empty for functions that are about none of these.
func KindOf(f history.Func) Kind {
	switch f {
	case history.Read, history.Write, history.CAS, history.Delete, history.Transfer:
		return Value
	case history.Append, history.ReadList:
		return List
	case history.Add, history.Remove, history.Clear, history.ReadSet:
		return Set
	case history.Increment, history.ReadCounter:
		return Counter
	case history.Enqueue, history.Dequeue:
		return Queue
	}
	return ""
}

// ErrForeign is wrapped by errors about an answer that no history can have.
var ErrForeign = errors.New("an answer that cannot be read")

// Reader makes values of what a database returned. It is safe for concurrent use if Text is.
type Reader struct {
	// Text is Session.Text, which interns what is no integer; nil where nothing foreign
	// can be kept, so that it is an error.
	Text func(string) history.Value
}

// Parse is the value of a text: the integer that some client wrote, or else a foreign one.
func (r Reader) Parse(text string) (history.Value, error) {
	if n, err := strconv.ParseInt(text, 10, 64); err == nil {
		return history.Value(n), nil
	}
	return r.Foreign(text)
}

// Foreign is the value of a text that is no integer.
func (r Reader) Foreign(text string) (history.Value, error) {
	if r.Text == nil {
		return history.Absent, fmt.Errorf("%w: %q is no value", ErrForeign, text)
	}
	return r.Text(text), nil
}

// Each is value of every element, in order, and the first error of them.
func Each[E any](elements []E, value func(E) (history.Value, error)) ([]history.Value, error) {
	out := make([]history.Value, len(elements))
	for i, e := range elements {
		var err error
		if out[i], err = value(e); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// See fills in what micro-operation i of txn, which reads, found in raw: a list of elements
// where its kind has several, else one value. A counter that never was is 0.
func See[T any](txn *history.Txn, i int, raw T, value func(T) (history.Value, error), list func(T) ([]history.Value, error)) error {
	kind := KindOf(txn.Mops[i].Func)
	if kind == List || kind == Set {
		elements, err := list(raw)
		if err == nil {
			txn.SetList(i, elements)
		}
		return err
	}
	v, err := value(raw)
	if err != nil {
		return err
	}
	if kind == Counter && v == history.Absent {
		v = 0
	}
	txn.SetRead(i, v)
	return nil
}
