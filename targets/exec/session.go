package exec

import (
	"context"
	"errors"
	"slices"

	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/targets"
	"github.com/lapse-test/lapse/targets/outcome"
	"github.com/lapse-test/lapse/targets/wire"
)

// session is one session: a process of the program. It implements targets.Client and is
// for one goroutine at a time.
type session struct {
	system *System
	p      *program
	reader reader
	// over says that the program can be expected to listen no more.
	over bool
}

var _ targets.Client = (*session)(nil)

// Open implements targets.System: a process of its own is started and says hello.
func (s *System) Open(ctx context.Context, of targets.Session) (targets.Client, error) {
	p, err := s.command.start(s.log)
	if err != nil {
		return nil, err
	}
	text := func(string) history.Value { return history.TextValue(0) }
	if of.Text != nil {
		text = func(t string) history.Value { return of.Text(tidy(t)) }
	}
	c := &session{system: s, p: p, reader: reader{text}}
	err = c.begin(ctx, of)
	if err != nil {
		s.report("opening a session", err, p)
	} else if p.life = of.Life; !p.life.Hold(p) {
		err = wire.ErrSealed
	}
	if err != nil {
		c.over = true
		return nil, errors.Join(err, c.Close())
	}
	return c, nil
}

// begin has the program say hello and open the session. How long a process takes to start
// is no matter of the operations' deadline, which ctx has.
func (c *session) begin(ctx context.Context, of targets.Session) error {
	s := c.system
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), askTimeout)
	defer cancel()
	h, err := c.p.hello(ctx, roleSession, len(s.h.Nodes))
	if err != nil {
		return err
	}
	if err := h.check(0); err != nil {
		return broken("the program's hello", err.Error())
	}
	if !s.h.same(&h) {
		return broken("the program says something else of itself than before", "")
	}
	var a Answer
	ctx, cancel = context.WithTimeout(ctx, s.timeout)
	defer cancel()
	_, err = c.p.ask(ctx, Request{
		Type: typeOpen, Run: s.run, Session: of.ID, Node: s.h.Nodes[of.Home],
		ReadLevel: s.readLevel, WriteLevel: s.writeLevel, TimeoutMS: s.timeout.Milliseconds(),
	}, &a)
	if err == nil && a.Type != typeOK {
		err = s.saidError(history.Fail, a.Error)
	}
	return err
}

// Do implements targets.Client.
func (c *session) Do(ctx context.Context, at int, txn *history.Txn) targets.Result {
	r := Request{Type: typeInvoke, Node: c.system.h.Nodes[at]}
	writes := false
	for i := range txn.Mops {
		writes = writes || txn.Mops[i].Func.Writes()
		r.Ops = append(r.Ops, op(&txn.Mops[i], c.system.key))
	}
	if len(r.Ops) == 1 {
		r.Op, r.Ops = r.Ops[0], nil
	} else {
		r.F = funcTxn
	}
	var a Answer
	sent, err := c.p.ask(ctx, r, &a)
	node := at
	if err == nil && a.Node != "" {
		if node = slices.Index(c.system.h.Nodes, a.Node); node < 0 {
			node, err = at, broken("the program's answer names a node that there is not", tidy(a.Node))
		}
	}
	if err == nil {
		err = c.take(txn, &a)
	}
	if err == nil {
		return targets.Result{Outcome: history.OK, Node: node}
	}
	var answered *saidError
	if !errors.As(err, &answered) {
		// What was filled in before the answer was seen to be wrong was not observed.
		for i := range txn.Mops {
			txn.Mops[i].Flags &^= history.Observed | history.Versioned | history.Mismatched
		}
		switch {
		case ctx.Err() != nil && errors.Is(err, ctx.Err()):
			c.over = true // a node that is slow is no fault of the program
		case c.p.life.Ended():
			c.over = true // it was killed, as was asked for
		default:
			c.system.report("an operation", err, c.p)
		}
	}
	j := errorTable.Judge(outcome.Operation{Writes: writes, Sent: sent}, err)
	c.over = c.over || j.Broken
	return targets.Result{Outcome: j.Outcome, Err: j.Err, Node: node, Broken: j.Broken, Note: served(err)}
}

// take reads an answer. What it says of a failure is a saidError.
func (c *session) take(txn *history.Txn, a *Answer) error {
	switch a.Type {
	case typeOK:
		return c.reader.ok(txn, a)
	case typeFail:
		if a.Mismatch {
			if err := c.reader.mismatch(txn, a); err != nil {
				return err
			}
		}
		said := c.system.saidError(history.Fail, a.Error)
		said.aborted = a.Aborted
		return said
	case typeInfo:
		if a.Aborted {
			return broken("the program says aborted of what may have happened", "")
		}
		return c.system.saidError(history.Info, a.Error)
	}
	return broken("the program's answer is of another type", tidy(a.Type))
}

func (s *System) saidError(o history.Outcome, text string) *saidError {
	if text == "" {
		text = "the program says " + o.String()
	}
	return &saidError{outcome: o, text: s.texts.of(text)}
}

// Close implements targets.Client.
func (c *session) Close() error {
	c.p.life.Release(c.p)
	return c.p.close(!c.over && !c.p.life.Ended())
}
