package runs

import (
	"context"
	"encoding/json"
	"log/slog"
	"net"
	"slices"

	"github.com/lapse-test/lapse/drivers"
	"github.com/lapse-test/lapse/harness"
	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/settings"
	"github.com/lapse-test/lapse/targets"
	"github.com/lapse-test/lapse/targets/ability"
	"github.com/lapse-test/lapse/targets/cluster/external"
	"github.com/lapse-test/lapse/targets/cluster/local"
	"github.com/lapse-test/lapse/targets/cluster/providers"
	"github.com/lapse-test/lapse/workloads"
)

// listenDefault is where a run with drivers listens if it does not say: nobody from another machine
// reaches that.
const listenDefault = "127.0.0.1:7399"

// fillDrivers completes the settings of a run with drivers. Nodes in the sandbox could not be reached.
func fillDrivers(r *settings.Run) {
	if r.Drivers == 0 {
		return
	}
	if r.DriverListen == "" {
		r.DriverListen = listenDefault
	}
	if r.Provider == providers.Auto {
		r.Provider = local.Name
	}
}

// connected are the functions whose state is a connection's or a client's, which no other goes on with.
var connected = []history.Func{history.Acquire, history.Release, history.Poll, history.Assign, history.Subscribe}

// checkDrivers refuses what cannot be with drivers, and what is nothing without.
func (p *Planned) checkDrivers(w workloads.Workload) error {
	plan := p.Plan
	if plan.Drivers == 0 {
		switch {
		case plan.DriverListen != "":
			return targets.Usagef("--driver-listen %s: there is nobody to listen to; say how many drivers with --drivers", plan.DriverListen)
		case plan.Session == harness.SessionTravel:
			return targets.Usagef("--session %s: sessions travel from driver to driver; say how many with --drivers, or use --session %s", plan.Session, harness.SessionRoam)
		}
		return nil
	}
	if _, _, err := net.SplitHostPort(plan.DriverListen); err != nil {
		return targets.Usagef("--driver-listen %s: want host:port, such as %s", plan.DriverListen, listenDefault)
	}
	if plan.Provider != local.Name && plan.Provider != external.Name {
		return targets.Usagef("--drivers: nobody else reaches the nodes of --provider %s; use --provider %s, whose nodes drivers on this machine reach, or --at", plan.Provider, local.Name)
	}
	if clients := plan.Clients(); clients < plan.Drivers {
		return targets.Usagef("--drivers %d: there are fewer clients, %d; say more with --concurrency", plan.Drivers, clients)
	}
	joiner, ok := p.Target.(targets.Joiner)
	if !ok {
		return targets.Usagef("--drivers: target %s takes no clients of other processes, unless it is there already (--at)", plan.Target)
	}
	if why := joiner.NotJoined(p.Config); why != "" {
		return targets.Usagef("--drivers: target %s cannot have clients in other processes, %s", plan.Target, why)
	}
	for _, a := range []ability.Ability{ability.Death, ability.Token, ability.Clients} {
		if plan.Schedule.Needs(a) {
			return targets.Usagef("--drivers: a fault that was asked for needs %s, which the clients of drivers are not; leave it out of --faults", a.Meaning())
		}
	}
	if plan.Session == harness.SessionTravel {
		switch {
		case plan.Drivers < 2:
			return targets.Usagef("--session %s: there is one driver, and nowhere to go; use --session %s", plan.Session, harness.SessionRoam)
		case slices.ContainsFunc(w.Needs().Funcs, func(f history.Func) bool { return slices.Contains(connected, f) }):
			return targets.Usagef("--session %s: what workload %s does is tied to a connection; use --session %s or %s", plan.Session, plan.Workload, harness.SessionRoam, harness.SessionStay)
		}
	}
	return nil
}

// listenForDrivers is the coordinator of a run's drivers, nil if it has none.
func listenForDrivers(ctx context.Context, p *Planned, log *slog.Logger) (*drivers.Coordinator, error) {
	if p.Plan.Drivers == 0 {
		return nil, nil //nolint:nilnil // none is no error
	}
	token, err := drivers.ReadToken("")
	if err != nil {
		return nil, err
	}
	return drivers.Listen(ctx, drivers.Config{
		Listen: p.Plan.DriverListen, Drivers: p.Plan.Drivers, Token: token, Lapse: Version(), Log: log,
	})
}

// joinable refuses, before anything is made of it, a plan that a run with drivers cannot have: one that names a program of this
// machine, as a target of one's own does, is never begun because another machine says so.
func joinable(plan *harness.Plan, env Environment) error {
	target, err := env.Target(plan.Target)
	if err != nil {
		return err
	}
	_, joins := target.(targets.Joiner)
	_, there := target.(targets.Externalizer)
	if !joins && (!there || len(plan.At) == 0) {
		return targets.Usagef("target %s takes no clients of other processes", plan.Target)
	}
	return nil
}

// Join finds the database of a driver's job: what it is and how its clients work is said by the
// plan of the run.
func Join(ctx context.Context, job *drivers.Job, env Environment) (targets.Joined, error) {
	var plan harness.Plan
	if err := json.Unmarshal(job.Plan, &plan); err != nil {
		return nil, targets.Usagef("the run's plan: %v", err)
	}
	if err := joinable(&plan, env); err != nil {
		return nil, err
	}
	p, err := FromPlan(ctx, &plan, env)
	if err != nil {
		return nil, err
	}
	cfg := p.Config
	cfg.Run, cfg.Log = job.Run, env.Log
	attributes := p.Workload.Attributes()
	cfg.Tenants, cfg.Fields = history.TenancyOf(attributes), history.FieldingOf(attributes)
	joiner, ok := p.Target.(targets.Joiner)
	if !ok {
		return nil, targets.Usagef("target %s takes no clients of other processes", plan.Target)
	}
	joined, err := joiner.Join(ctx, cfg, job.At)
	if err != nil {
		return nil, targets.Unavailable("joining "+plan.Target, err)
	}
	return joined, nil
}
