package history

import (
	"math"
	"strconv"
)

// Value is the content of a key as the checkers see it. Workloads write
// integers that are unique for their key, so that a value names its write.
// Texts that are no such integer (foreign data, imported strings) are interned:
// see History.Texts and TextValue.
type Value int64

// Absent is the value of a key that was never written, or was deleted, as a read
// returns. Deleting a key writes Absent.
const Absent Value = math.MinInt64

// textBase is the first value used for interned texts; they grow upwards from
// here, far away from anything that a workload writes.
const textBase Value = math.MinInt64 + 1

// maxTexts bounds the interned texts of one history.
const maxTexts = 1 << 31

// TextValue is the Value that stands for the i-th interned text.
func TextValue(i int) Value { return textBase + Value(i) }

// TextIndex tells whether v stands for an interned text, and for which.
func (v Value) TextIndex() (int, bool) {
	if v >= textBase && v < textBase+maxTexts {
		return int(v - textBase), true
	}
	return 0, false
}

// String is the decimal form of v, or "absent", or "text#i".
func (v Value) String() string {
	if v == Absent {
		return "absent"
	}
	if i, ok := v.TextIndex(); ok {
		return "text#" + strconv.Itoa(i)
	}
	return strconv.FormatInt(int64(v), 10)
}

// Key is the index of a key in its history. Keys of a run are dense from 0 and
// named k0, k1, ...; imported histories carry a table of names.
type Key int32

// String is the default name of a key: what a run's client asks the database
// for.
func (k Key) String() string { return "k" + strconv.Itoa(int(k)) }

// Time is a stamp in nanoseconds since the beginning of the run, read from one
// monotonic clock in one process.
type Time int64

// Never is the completion stamp of an operation whose answer never came: info
// operations, and those still open when a run was killed.
const Never Time = math.MaxInt64
