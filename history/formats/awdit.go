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

type awditOp struct {
	write      bool
	key, value uint64
}

// readAWDIT reads sessions of transactions. The format has no initial values;
// by convention a first session of one transaction writes 0 to keys to which
// nobody else writes 0. That transaction is then taken for what it means: 0 is
// the initial value, before every session.
func readAWDIT(in *input) (*history.History, error) {
	sessions := [][][]awditOp{{{}}}
	err := in.lines(func(pos int, line []byte) error {
		line = bytes.TrimSpace(line)
		last := len(sessions) - 1
		txn := len(sessions[last]) - 1
		switch {
		case len(line) == 0:
		case len(bytes.Trim(line, "-")) == 0:
			sessions[last] = append(sessions[last], nil)
		case len(bytes.Trim(line, "=")) == 0:
			sessions = append(sessions, [][]awditOp{{}})
		default:
			f := bytes.Fields(line)
			if len(f) != 3 || len(f[0]) != 1 || f[0][0] != 'r' && f[0][0] != 'w' {
				return in.errAt(pos, "expected 'r key value', 'w key value', dashes or equals signs, found %s", show(line))
			}
			k, err1 := strconv.ParseUint(string(f[1]), 10, 63)
			v, err2 := strconv.ParseUint(string(f[2]), 10, 63)
			if err1 != nil || err2 != nil {
				return in.errAt(pos, "expected two non-negative integers after %c, found %s", f[0][0], show(line))
			}
			sessions[last][txn] = append(sessions[last][txn], awditOp{f[0][0] == 'w', k, v})
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	init := awditInit(sessions)
	c := newClockless("awdit", init)
	n := int32(0)
	for i, s := range sessions {
		if i == 0 && init {
			continue
		}
		for _, txn := range s {
			for _, op := range txn {
				key := strconv.FormatUint(op.key, 10)
				if op.write {
					c.write(key, c.value(op.value))
				} else {
					c.read(key, c.value(op.value))
				}
			}
			c.end(n, history.OK)
		}
		n++
	}
	return c.history(in)
}

// awditInit tells whether the first session is the conventional initial
// transaction.
func awditInit(sessions [][][]awditOp) bool {
	if len(sessions[0]) != 1 || len(sessions[0][0]) == 0 {
		return false
	}
	keys := map[uint64]bool{}
	for _, op := range sessions[0][0] {
		if !op.write || op.value != 0 || keys[op.key] {
			return false
		}
		keys[op.key] = true
	}
	for _, s := range sessions[1:] {
		for _, txn := range s {
			for _, op := range txn {
				if op.value == 0 && (op.write || !keys[op.key]) {
					return false
				}
			}
		}
	}
	return true
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
