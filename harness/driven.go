package harness

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/lapse-test/lapse/drivers"
	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/internal/count"
	"github.com/lapse-test/lapse/targets"
	"github.com/lapse-test/lapse/targets/cluster"
)

// SessionTravel is SessionRoam with sessions that go on at another driver after every travelAfter
// operations.
const SessionTravel = "travel"

const travelAfter = 10

// joinDrivers has the drivers of the run, if it has any, find the database. The load's clients are
// theirs; set-up and final reads are the run's own, so that no driver is needed to read what is left.
func (r *run) joinDrivers(ctx context.Context) error {
	if r.deps.Drivers == nil {
		return nil
	}
	// What a driver does not need it does not get: an operator's commands can hold secrets.
	plan := *r.plan
	plan.Operator, plan.Script, plan.Models, plan.Schedule.Steps = "", "", "", nil
	text, err := json.Marshal(plan)
	if err != nil {
		return fmt.Errorf("telling drivers the plan: %w", err)
	}
	job := drivers.Job{Run: r.deps.Run, Plan: text, Deadline: r.plan.OpTimeout}
	port := r.deps.Target.Spec(r.deps.Config).Ports[0]
	for _, n := range r.cluster.Nodes() {
		addr, err := r.cluster.Route(cluster.Clients, n.Name(), port)
		if err != nil {
			return fmt.Errorf("finding the way of drivers to %s: %w", n.Name(), err)
		}
		job.At = append(job.At, addr)
	}
	keeper, _ := r.system.(targets.KeyKeeper)
	counter, _ := r.system.(targets.Counter)
	return r.deps.Drivers.Begin(ctx, drivers.Stage{
		Job: job, Nodes: r.plan.Nodes, Now: r.recorder.Now, Text: r.recorder.Text, Tell: r.recorder.Tell,
		Note: r.progress.Note, Keeper: keeper, Counter: counter,
	})
}

// endDrivers ends their work.
func (r *run) endDrivers() {
	if r.deps.Drivers == nil {
		return
	}
	r.deps.Drivers.End()
	if r.plan.Session == SessionTravel {
		moves := 0
		for _, w := range r.workers {
			moves += w.journey.moves
		}
		r.progress.Note("sessions went on at another driver " + count.Of(moves, "time"))
	}
}

// journey is where a worker's session is driven, and what it takes along.
type journey struct {
	// driven: the worker's operations are a driver's to carry out.
	driven bool
	// seat is counted on from the worker's own number.
	seat, since, moves int
	// session is the one that goes on, 0 for none.
	session int32
	carried targets.Carried
}

// drive has the worker's operations carried out by drivers until what it returns is called.
func (w *worker) drive() func() {
	if w.run.deps.Drivers == nil {
		return func() {}
	}
	w.close()
	w.journey.driven = true
	return func() {
		w.close()
		w.journey.driven = false
	}
}

// connect opens a client of s, at a driver if the worker has one.
func (w *worker) connect(ctx context.Context, s *targets.Session) (targets.Client, error) {
	j := &w.journey
	if !j.driven {
		return w.run.system.Open(ctx, *s)
	}
	if j.session != 0 {
		s.ID, s.Carried = j.session, j.carried
	}
	c, err := w.run.deps.Drivers.Open(ctx, w.index+j.seat, *s)
	if err != nil {
		if w.run.plan.Session == SessionTravel {
			j.seat++ // another one may be there
		}
		return nil, err
	}
	j.session, j.since = 0, 0
	return c, nil
}

// travel has the session go on at another driver, if it is time. An operation has succeeded.
func (w *worker) travel() {
	j := &w.journey
	if !j.driven || w.run.plan.Session != SessionTravel || w.mortal.consumes() {
		return
	}
	if j.since++; j.since < travelAfter {
		return
	}
	j.session, j.carried = w.session, targets.Carried{}
	if heir, ok := w.client.(targets.Heir); ok {
		j.carried = heir.Carry()
	}
	j.seat++
	j.moves++
	w.shut()
}

// complete records how the worker's operation ended. What carried it out may know between which moments
// that was.
func (w *worker) complete(res targets.Result, text string) error {
	if c, knows := w.client.(interface {
		Within() (from, to history.Time)
	}); knows {
		from, to := c.Within()
		return w.rec.CompleteWithin(from, to, res.Outcome, &w.txn, int16(res.Node), text, res.Note)
	}
	return w.rec.Complete(res.Outcome, &w.txn, int16(res.Node), text, res.Note)
}
