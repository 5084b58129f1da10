package formats

import "strings"

// longForks are the transactions that are open and that the file calls :read or :write, as Jepsen's long-fork workload does. What
// completes one of them is that transaction, whatever its value is: [], nil or a text say nothing of their own. The zero value is ready
// to use.
type longForks struct{ open map[client]bool }

// client is who runs an operation: a process by its number or name. Lines without a process share one.
type client struct {
	number  int64
	name    string
	unnamed bool
}

// name calls op "txn" if it is such a transaction. Lines come in the order of the file.
func (l *longForks) name(op *jepsenOp) {
	if op.f != "read" && op.f != "write" {
		return
	}
	is := isTxnValue(op.value)
	if !is && len(l.open) == 0 {
		return
	}
	c := client{op.process, op.name, op.processless}
	switch {
	case op.typ != jInvoke:
		is = is || l.open[c]
		delete(l.open, c)
	case is:
		if l.open == nil {
			l.open = map[client]bool{}
		}
		c.name = strings.Clone(c.name) // it may be a part of a whole file
		l.open[c] = true
	default:
		delete(l.open, c)
	}
	if is {
		op.called, op.f = op.f, "txn"
	}
}

// isTxnValue tells whether v is a vector of micro-operations [:r key value].
func isTxnValue(v *term) bool {
	if v.kind != termList || len(v.kids) == 0 {
		return false
	}
	for i := range v.kids {
		m := &v.kids[i]
		if m.kind != termList || len(m.kids) != 3 || m.kids[0].kind != termKeyword && m.kids[0].kind != termString {
			return false
		}
		if f := m.kids[0].text; f != "r" && f != "w" && f != "append" {
			return false
		}
	}
	return true
}
