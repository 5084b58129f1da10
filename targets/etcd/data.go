package etcd

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/targets/contents"
)

// Kinds of data that are asked for by name: each has keys of its own below the run's prefix, as all of package contents have.
const (
	kindValue  = string(contents.Value) + "/"
	kindSet    = string(contents.Set) + "/"
	kindQueue  = string(contents.Queue) + "/"
	kindUnique = "unique/"
	kindLock   = "lock/"
	kindLog    = "log/"
)

// kindOf is the kind of data that a micro-operation of a transaction is about, empty where it can be in none, as
// those of queues.
func kindOf(f history.Func) string {
	switch kind := contents.KindOf(f); kind {
	case "", contents.Queue:
		return ""
	default:
		return string(kind) + "/"
	}
}

// elementDigits is the number of digits to which elements of sets and queues are padded, so that names of
// keys are in the order of numbers.
const elementDigits = 20

func element(v history.Value) string { return fmt.Sprintf("/%0*d", elementDigits, int64(v)) }

func number(v history.Value) string { return strconv.FormatInt(int64(v), 10) }

// reader turns what etcd returned into values; what is no integer is foreign and
// interned.
type reader struct {
	text func(string) history.Value
}

func (r reader) value(raw string) history.Value {
	if n, err := strconv.ParseInt(raw, 10, 64); err == nil {
		return history.Value(n)
	}
	if r.text == nil {
		return history.Absent
	}
	return r.text(raw)
}

// list reads values that are separated by commas.
func (r reader) list(raw string) []history.Value {
	if raw == "" {
		return nil
	}
	var out []history.Value
	for part := range strings.SplitSeq(raw, ",") {
		out = append(out, r.value(part))
	}
	return out
}

func appended(raw string, v history.Value) string {
	if raw == "" {
		return number(v)
	}
	return raw + "," + number(v)
}

func without(raw string, v history.Value) string {
	parts := strings.Split(raw, ",")
	return strings.Join(slices.DeleteFunc(parts, func(p string) bool { return p == number(v) }), ",")
}
