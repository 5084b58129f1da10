package formats

import (
	"bufio"
	"bytes"
	"cmp"
	"fmt"
	"io"
	"regexp"
	"slices"

	"github.com/lapse-test/lapse/history"
)

func plumeFormat() Format {
	return Format{
		Name:    "plume",
		Summary: "the text of Plume and PolySI: r(key,value,session,txn) and w(...)",
		detect:  func(head []byte) bool { return plumeLine.MatchString(firstLine(head)) },
		read:    readPlume,
		write:   writePlume,
		lost:    clocklessLost(true),
	}
}

var plumeLine = regexp.MustCompile(`^[rw]\(\d+,\d+,\d+,-?\d+\)`)

// plumeOp is one line. txn is the transaction of its number, then its place among those of
// the file.
type plumeOp struct {
	key, value uint64
	txn        int64 // -1: aborted
	write      bool
}

// plumeTxn is a transaction, or an aborted write.
type plumeTxn struct {
	session int32
	n       int32 // operations
	pos     int
	aborted bool
	zeros   int32 // of the operations, those that write 0
}

// readPlume reads one operation a line. The value 0 is the initial one; the
// transaction -1 stands for whatever was aborted, of which only writes count. One
// transaction that is alone in its session and only writes 0 is what made the
// initial values, and comes before every session.
func readPlume(in *input) (*history.History, error) {
	if c := plumeStraight(in); c != nil {
		return c.history(in)
	}
	return readPlumeApart(in)
}

// readPlumeApart is readPlume for any file: it collects the lines and then brings together
// those of each transaction.
func readPlumeApart(in *input) (*history.History, error) {
	c := newClockless("plume", true)
	var ops []plumeOp
	var txns []plumeTxn // in the order in which they begin
	sessions, byID := map[uint64]int32{}, map[int64]int64{}
	// A line is of the session and of the transaction of the line before, nearly always.
	session, sessionOf := uint64(0), int32(-1)
	id, txn := int64(-1), int64(-1)
	err := in.lines(func(pos int, line []byte) error {
		line = bytes.TrimSpace(line)
		if len(line) == 0 {
			return nil
		}
		op, s, ok := parsePlume(line)
		if !ok {
			return in.errAt(pos, "expected r(key,value,session,txn) or w(key,value,session,txn) with non-negative integers, found %s", show(line))
		}
		if s != session || sessionOf < 0 {
			n, known := sessions[s]
			if !known {
				n = int32(len(sessions))
				sessions[s] = n
			}
			session, sessionOf = s, n
		}
		switch {
		case op.txn == -1 && !op.write:
			return nil
		case op.txn == -1:
			txn, id = int64(len(txns)), -1
			txns = append(txns, plumeTxn{session: sessionOf, pos: pos, aborted: true})
		case op.txn != id:
			n, known := byID[op.txn]
			if !known {
				n = int64(len(txns))
				byID[op.txn] = n
				txns = append(txns, plumeTxn{session: sessionOf, pos: pos})
			}
			txn, id = n, op.txn
		}
		t := &txns[txn]
		if t.session != sessionOf {
			return in.errAt(pos, "expected transaction %d in session %d, where it began; found session %d", op.txn, nameOf(sessions, t.session), s)
		}
		t.n++
		if op.write && op.value == 0 {
			t.zeros++
		}
		op.txn = txn
		if len(ops) == cap(ops) {
			ops = slices.Grow(ops, restOf(len(ops), pos, len(in.data)))
		}
		ops = append(ops, op)
		return nil
	})
	if err != nil {
		return nil, err
	}
	initial, err := initialPlume(in, txns, len(sessions))
	if err != nil {
		return nil, err
	}
	inOrder(ops)
	c.b.Grow(len(txns), len(ops))
	for i := range txns {
		t := &txns[i]
		own := ops[:t.n]
		ops = ops[t.n:]
		if i == initial {
			continue
		}
		for _, op := range own {
			if k := c.key(op.key); op.write {
				c.write(k, c.value(op.value))
			} else {
				c.read(k, c.value(op.value))
			}
		}
		outcome := history.OK
		if t.aborted {
			outcome = history.Fail
		}
		c.end(t.session, outcome)
	}
	return c.history(in)
}

// initialPlume is the index of the transaction that wrote the initial values, -1 if none did: the one that is alone in its
// session and writes nothing but 0.
func initialPlume(in *input, txns []plumeTxn, sessions int) (int, error) {
	perSession := make([]int, sessions)
	for i := range txns {
		perSession[txns[i].session]++
	}
	initial := -1
	for i := range txns {
		if t := &txns[i]; t.zeros > 0 {
			if initial >= 0 || t.zeros < t.n || perSession[t.session] > 1 || t.aborted {
				return 0, in.errAt(t.pos, "expected a written value above 0: 0 stands for the initial value, which only one transaction that is alone in its session may write")
			}
			initial = i
		}
	}
	return initial, nil
}

// nameOf is the number that stands for the session n in the file.
func nameOf(sessions map[uint64]int32, n int32) uint64 {
	for name, m := range sessions {
		if m == n {
			return name
		}
	}
	return 0
}

// inOrder brings the operations of each transaction together, where those of several
// alternate.
func inOrder(ops []plumeOp) {
	byTxn := func(a, b plumeOp) int { return cmp.Compare(a.txn, b.txn) }
	if !slices.IsSortedFunc(ops, byTxn) {
		slices.SortStableFunc(ops, byTxn)
	}
}

// restOf estimates how many more there will be after n, of which the last stands at pos of
// a file of size bytes.
func restOf(n, pos, size int) int {
	if n < 64 {
		return 64
	}
	return int(float64(n)*float64(size-pos)/float64(pos)*1.02) + 64
}

func parsePlume(line []byte) (op plumeOp, session uint64, ok bool) {
	if len(line) < 4 || line[0] != 'r' && line[0] != 'w' || line[1] != '(' || line[len(line)-1] != ')' {
		return op, 0, false
	}
	op.write = line[0] == 'w'
	rest := line[2 : len(line)-1]
	for _, to := range [...]*uint64{&op.key, &op.value, &session} {
		comma := bytes.IndexByte(rest, ',')
		if comma < 0 {
			return op, 0, false
		}
		if *to, ok = number(rest[:comma]); !ok {
			return op, 0, false
		}
		rest = rest[comma+1:]
	}
	if string(rest) == "-1" {
		op.txn = -1
		return op, session, true
	}
	n, ok := number(rest)
	op.txn = int64(n)
	return op, session, ok
}

// writePlume writes the ok transactions, and the writes of failed ones as
// aborted. Info transactions whose writes were seen count as committed, as the
// format has no word for them; the others are left out.
func writePlume(w io.Writer, h *history.History) error {
	out := bufio.NewWriter(w)
	key := numericKeys(h)
	seen := seenWrites(h)
	txn := -1
	err := plainTxns(h, "plume", func(session int, op *history.Op, mops []history.Mop) error {
		if op.Outcome == history.Info && !seen(mops) {
			return nil
		}
		id := -1
		if op.Outcome != history.Fail {
			txn++
			id = txn
		}
		for i := range mops {
			m := &mops[i]
			switch {
			case m.Func == history.Write:
				fmt.Fprintf(out, "w(%s,%d,%d,%d)\n", key(m.Key), m.Arg, session, id)
			case m.Flags&history.Observed != 0 && id >= 0:
				v := m.Ret
				if v == history.Absent {
					v = 0
				}
				fmt.Fprintf(out, "r(%s,%d,%d,%d)\n", key(m.Key), v, session, id)
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	if err := out.Flush(); err != nil {
		return fmt.Errorf("writing plume: %w", err)
	}
	return nil
}

// seenWrites tells of transactions whether somebody read one of their writes.
func seenWrites(h *history.History) func([]history.Mop) bool {
	type kv struct {
		k history.Key
		v history.Value
	}
	read := map[kv]bool{}
	for i := range h.Ops {
		for _, m := range h.Mops(&h.Ops[i]) {
			if m.Func == history.Read && m.Flags&history.Observed != 0 {
				read[kv{m.Key, m.Ret}] = true
			}
		}
	}
	return func(mops []history.Mop) bool {
		for i := range mops {
			if mops[i].Func == history.Write && read[kv{mops[i].Key, mops[i].Arg}] {
				return true
			}
		}
		return false
	}
}
