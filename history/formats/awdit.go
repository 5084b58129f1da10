package formats

import (
	"bufio"
	"bytes"
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/lapse-test/lapse/history"
)

func awditFormat() Format {
	return Format{
		Name:    "awdit",
		Summary: "AWDIT's own text: r key value, w key value, ---- between transactions, ==== between sessions",
		detect: func(head []byte) bool {
			f := strings.Fields(firstLine(head))
			if len(f) == 1 {
				return strings.Trim(f[0], "-") == "" || strings.Trim(f[0], "=") == ""
			}
			if len(f) != 3 || f[0] != "r" && f[0] != "w" {
				return false
			}
			_, err1 := strconv.ParseUint(f[1], 10, 63)
			_, err2 := strconv.ParseUint(f[2], 10, 63)
			return err1 == nil && err2 == nil
		},
		read:  readAWDIT,
		write: writeAWDIT,
		lost:  clocklessLost(false),
	}
}

// awditOp is an operation of a session; begin: a transaction begins with it.
type awditOp struct {
	key, value   uint64
	session      int32
	write, begin bool
}

// readAWDIT reads sessions of transactions. The format has no initial values;
// by convention a first session of one transaction writes 0 to keys to which
// nobody else writes 0. That transaction is then taken for what it means: 0 is
// the initial value, before every session.
func readAWDIT(in *input) (*history.History, error) {
	if c := awditStraight(in); c != nil {
		return c.history(in)
	}
	return readAWDITApart(in)
}

// readAWDITApart is readAWDIT for any file: it collects the lines first.
func readAWDITApart(in *input) (*history.History, error) {
	var ops []awditOp
	txns, first, session, begin := 0, 1, int32(0), true // first: transactions of the first session
	err := in.lines(func(pos int, line []byte) error {
		line = bytes.TrimSpace(line)
		switch {
		case len(line) == 0:
		case allOf(line, '-'):
			if session == 0 {
				first++
			}
			begin = true
		case allOf(line, '='):
			session++
			begin = true
		default:
			op := awditOp{session: session, begin: begin}
			if err := op.parse(in, pos, line); err != nil {
				return err
			}
			if begin {
				txns++
			}
			begin = false
			if len(ops) == cap(ops) {
				ops = slices.Grow(ops, restOf(len(ops), pos, len(in.data)))
			}
			ops = append(ops, op)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	init := first == 1 && awditInit(ops)
	c := newClockless("awdit", init)
	c.b.Grow(txns, len(ops))
	moved := int32(0)
	if init {
		moved = 1
	}
	for i := range ops {
		op := &ops[i]
		if init && op.session == 0 {
			continue
		}
		if op.begin && i > 0 {
			c.end(ops[i-1].session-moved, history.OK)
		}
		if k := c.key(op.key); op.write {
			c.write(k, c.value(op.value))
		} else {
			c.read(k, c.value(op.value))
		}
	}
	if n := len(ops); n > 0 {
		c.end(ops[n-1].session-moved, history.OK)
	}
	return c.history(in)
}

// allOf tells whether line is made of c alone.
func allOf(line []byte, c byte) bool {
	for _, x := range line {
		if x != c {
			return false
		}
	}
	return true
}

// parse reads a line of an operation.
func (op *awditOp) parse(in *input, pos int, line []byte) error {
	f, rest := word(line)
	k, rest := word(rest)
	v, rest := word(rest)
	if len(f) != 1 || f[0] != 'r' && f[0] != 'w' || len(v) == 0 || len(rest) > 0 {
		return in.errAt(pos, "expected 'r key value', 'w key value', dashes or equals signs, found %s", show(line))
	}
	var ok1, ok2 bool
	op.key, ok1 = number(k)
	op.value, ok2 = number(v)
	if !ok1 || !ok2 {
		return in.errAt(pos, "expected two non-negative integers after %c, found %s", f[0], show(line))
	}
	op.write = f[0] == 'w'
	return nil
}

// word is the first word of line and what comes after it and the space behind it.
func word(line []byte) (w, rest []byte) {
	i := 0
	for i < len(line) && !blank(line[i]) {
		i++
	}
	w = line[:i]
	for i < len(line) && blank(line[i]) {
		i++
	}
	return w, line[i:]
}

// blank tells whether c is white space inside a line.
func blank(c byte) bool { return c == ' ' || c >= '\t' && c <= '\r' }

// awditInit tells whether the first session, which is one transaction, is the
// conventional initial one.
func awditInit(ops []awditOp) bool {
	keys := map[uint64]bool{}
	for i := range ops {
		op := &ops[i]
		switch {
		case op.session > 0:
			if len(keys) == 0 || op.value == 0 && (op.write || !keys[op.key]) {
				return false
			}
		case !op.write || op.value != 0 || keys[op.key]:
			return false
		default:
			keys[op.key] = true
		}
	}
	return len(keys) > 0
}

// writeAWDIT writes the ok transactions, and info ones that were seen; a first
// session writes 0 to every key.
func writeAWDIT(w io.Writer, h *history.History) error {
	out := bufio.NewWriter(w)
	key := numericKeys(h)
	seen := seenWrites(h)
	keys := map[string]bool{}
	for i := range h.Ops {
		for _, m := range h.Mops(&h.Ops[i]) {
			keys[key(m.Key)] = true
		}
	}
	for _, k := range slices.SortedFunc(maps.Keys(keys), func(a, b string) int {
		return cmp.Or(cmp.Compare(len(a), len(b)), strings.Compare(a, b))
	}) {
		fmt.Fprintf(out, "w %s 0\n", k)
	}
	session, first := -1, true
	err := plainTxns(h, "awdit", func(s int, op *history.Op, mops []history.Mop) error {
		if op.Outcome == history.Fail || op.Outcome == history.Info && !seen(mops) {
			return nil
		}
		var lines strings.Builder
		for i := range mops {
			m := &mops[i]
			switch {
			case m.Func == history.Write:
				fmt.Fprintf(&lines, "w %s %d\n", key(m.Key), m.Arg)
			case m.Flags&history.Observed != 0:
				v := m.Ret
				if v == history.Absent {
					v = 0
				}
				fmt.Fprintf(&lines, "r %s %d\n", key(m.Key), v)
			}
		}
		if lines.Len() == 0 {
			return nil
		}
		if s != session {
			session, first = s, true
			out.WriteString("=====\n")
		}
		if !first {
			out.WriteString("-----\n")
		}
		first = false
		_, err := out.WriteString(lines.String())
		return err
	})
	if err != nil {
		return err
	}
	if err := out.Flush(); err != nil {
		return fmt.Errorf("writing awdit: %w", err)
	}
	return nil
}
