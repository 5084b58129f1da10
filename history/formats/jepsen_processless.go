package formats

import (
	"fmt"
	"slices"
	"strings"

	"github.com/lapse-test/lapse/history"
)

// processless are the open operations of a history that names no processes. Each
// operation is a process and a session of its own then, and the order of the lines
// says nothing about time.
type processless struct {
	open map[string][]*jepsenPending
	all  []*jepsenPending
}

// looseLine takes a line without a process. A completion belongs to the oldest
// open operation that did the same; one without an invocation stands for itself.
func (r *jepsenBuilder) looseLine(op *jepsenOp, at history.Time) error {
	l := &r.loose
	if l.open == nil {
		l.open = map[string][]*jepsenPending{}
	}
	p := &jepsenPending{process: r.fresh, session: r.fresh}
	if err := r.invoke(p, op, at); err != nil {
		return err
	}
	name := signature(op.f, &p.txn)
	if op.typ == jInvoke {
		r.fresh++
		l.open[name] = append(l.open[name], p)
		l.all = append(l.all, p)
		return nil
	}
	if same := l.open[name]; len(same) > 0 {
		p = same[0]
		l.open[name] = same[1:]
	} else if last := l.last(op.f); last != nil {
		p = last
		old := signature(p.f, &p.txn)
		l.open[old] = slices.DeleteFunc(l.open[old], func(o *jepsenPending) bool { return o == p })
	} else {
		r.fresh++
	}
	return r.complete(p, op, at)
}

// last is the open operation that was invoked last, if it is an f.
func (l *processless) last(f string) *jepsenPending {
	for len(l.all) > 0 {
		p := l.all[len(l.all)-1]
		if p.open {
			if p.f != f {
				return nil
			}
			return p
		}
		l.all = l.all[:len(l.all)-1]
	}
	return nil
}

// each calls do with what is open still.
func (l *processless) each(do func(p *jepsenPending)) {
	for _, p := range l.all {
		if p.open {
			do(p)
		}
	}
}

// signature returns a text that an invocation and its completion share.
func signature(f string, txn *history.Txn) string {
	var b strings.Builder
	b.WriteString(f)
	for i := range txn.Mops {
		m := &txn.Mops[i]
		fmt.Fprintf(&b, " %d %d", m.Func, m.Key)
		if m.Func.Installs() {
			fmt.Fprintf(&b, " %d", m.Arg)
		}
	}
	return b.String()
}
