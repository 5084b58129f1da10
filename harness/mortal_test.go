package harness

import (
	"context"
	"errors"
	"strconv"
	"testing"

	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/targets"
	"github.com/lapse-test/lapse/targets/wire"
)

// heirs is a database whose sessions carry the number of their last operation; it has what
// each client began with.
type heirs struct {
	*memory
	sessions []targets.Session
	// dies has the client with this number, from 0, die while it does its second operation,
	// with this result.
	dies map[int]targets.Result
}

func (h *heirs) Open(_ context.Context, s targets.Session) (targets.Client, error) {
	h.sessions = append(h.sessions, s)
	c := &heir{h: h, n: len(h.sessions) - 1, life: s.Life}
	if s.Carried.Token != "" {
		var err error
		if c.carried, err = strconv.Atoi(s.Carried.Token); err != nil {
			return nil, err
		}
	}
	return c, nil
}

type heir struct {
	h       *heirs
	n, did  int
	carried int
	life    *wire.Life
}

func (c *heir) Close() error { return nil }

func (c *heir) Carry() targets.Carried {
	if c.carried == 0 {
		return targets.Carried{}
	}
	return targets.Carried{Token: strconv.Itoa(c.carried)}
}

func (c *heir) Do(_ context.Context, at int, _ *history.Txn) targets.Result {
	if c.did++; c.did == 2 {
		if res, dies := c.h.dies[c.n]; dies {
			c.life.End()
			res.Node = at
			return res
		}
	}
	c.carried++
	return targets.Result{Outcome: history.OK, Node: at}
}

// TestSessionIsTakenOver: what the next client goes on with, by how the one before ended.
func TestSessionIsTakenOver(t *testing.T) {
	gone := errors.New("the connection is gone")
	for _, c := range []struct {
		name string
		// kill is done before the second operation.
		kill func(m *mortal)
		dies targets.Result
		// same: the session goes on; carried is with how much.
		same    bool
		carried string
		deaths  int
	}{
		{"nobody dies", func(*mortal) {}, targets.Result{}, true, "", 0},
		{"dies before it asks", func(m *mortal) { m.times = 1; m.kill(false) }, targets.Result{}, true, "1", 1},
		{"dies before it asks, and what it carried is lost", func(m *mortal) { m.times = 1; m.kill(true) }, targets.Result{}, true, "", 1},
		{"dies while it asks", nil, targets.Result{Outcome: history.Info, Err: gone, Broken: true}, true, "1", 1},
		{"dies when nothing was sent", nil, targets.Result{Outcome: history.Fail, Err: gone, Broken: true}, true, "1", 1},
		{"dies after the answer", nil, targets.Result{Outcome: history.OK}, true, "1", 1},
		{"dies between the answer and what is to be carried", nil, targets.Result{Outcome: history.OK, Broken: true}, false, "", 0},
		{"is to die, and is spared", func(m *mortal) { m.kill(false); m.spare() }, targets.Result{}, true, "", 0},
		{"is a consumer", func(m *mortal) { m.consumer, m.times = true, 1; m.kill(false) }, targets.Result{}, true, "", 0},
		{"had no answer yet", func(m *mortal) { m.settled, m.times = false, 1; m.kill(false) }, targets.Result{}, true, "", 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := newFixture(t, 0, 100, 1)
			db := &heirs{memory: f.mem, dies: map[int]targets.Result{}}
			rec, err := history.Create(f.deps.HistoryPath, history.Header{Nodes: []string{"n1"}})
			if err != nil {
				t.Fatal(err)
			}
			r := &run{plan: f.plan, deps: f.deps, log: f.deps.Log, lasting: t.Context(), system: db, recorder: rec}
			w := &worker{run: r, rec: rec.Client()}
			if c.kill == nil {
				db.dies[0] = c.dies
			}
			for i := range 3 {
				if i == 1 && c.kill != nil {
					c.kill(&w.mortal)
				}
				w.txn.Reset()
				w.txn.Mops = append(w.txn.Mops, history.Mop{Func: history.Write, Key: 1, Arg: history.Value(i)})
				if _, ok, err := w.do(t.Context(), 0); !ok || err != nil {
					t.Fatal(ok, err)
				}
			}
			w.close()
			if err := rec.Close(); err != nil {
				t.Fatal(err)
			}
			last := db.sessions[len(db.sessions)-1]
			if same := last.ID == db.sessions[0].ID; same != c.same {
				t.Errorf("the session goes on: %t (%d clients)", same, len(db.sessions))
			}
			clients := 1 + c.deaths
			if !c.same {
				clients++
			}
			if len(db.sessions) != clients {
				t.Errorf("there were %d clients, want %d", len(db.sessions), clients)
			}
			if last.Carried.Token != c.carried {
				t.Errorf("the last client began with %v, want %v", last.Carried, c.carried)
			}
			n := w.mortal.deaths()
			if n.Died != c.deaths || n.TakenOver != c.deaths || n.Doomed != 0 {
				t.Errorf("%+v", n)
			}
			if lost := c.deaths > 0 && c.carried == ""; (n.Lost == 1) != lost || n.Lost != n.Without {
				t.Errorf("lost: %+v", n)
			}
			if unanswered := c.dies.Err != nil; (n.Unanswered == 1) != unanswered {
				t.Errorf("unanswered: %+v", n)
			}
		})
	}
}
