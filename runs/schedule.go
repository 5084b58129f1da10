package runs

import (
	"bytes"
	"context"
	"os"
	"strings"

	"github.com/lapse-test/lapse/harness"
	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/nemesis"
	"github.com/lapse-test/lapse/targets"
	"github.com/lapse-test/lapse/targets/cluster"
)

// mostFaults bounds a schedule.
const mostFaults = 100_000

// drawFaults draws the schedule of plan as req asks for it, of what nodes of spec can have done to them. Of a preset, faults are left out
// that cannot be had.
func drawFaults(ctx context.Context, plan *harness.Plan, req Request, drawn nemesis.Config, spec cluster.Spec, harder []history.LeftOut, env Environment) error {
	preset, _ := nemesis.PresetNamed(plan.Faults)
	drawn.Unmet = offering(ctx, plan.Provider, spec, preset.Capabilities(), env)
	drawn.Seed, drawn.Mode = req.Seed, nemesis.Mode(req.FaultMode)
	drawn.Interval, drawn.Hold = req.FaultInterval, req.FaultHold
	return drawSchedule(plan, drawn, harder)
}

// drawSchedule makes the schedule of a plan: a drawn one, or the one that was given.
// A given one decides the faults and their mode. harder is what a preset's load does
// without.
func drawSchedule(plan *harness.Plan, cfg nemesis.Config, harder []history.LeftOut) error {
	faults, err := nemesis.Parse(plan.Faults)
	if err != nil {
		return targets.Usagef("--faults: %v", err)
	}
	cfg.Faults = faults
	preset, named := nemesis.PresetNamed(plan.Faults)
	var left []history.LeftOut
	if named && plan.Script == "" {
		if cfg.Faults, left, err = preset.Fit(cfg); err != nil {
			return targets.Usagef("--faults: %v", err)
		}
		left = append(left, harder...)
	}
	if cfg.Interval > 0 && cfg.Duration/cfg.Interval > mostFaults {
		return targets.Usagef("--fault-interval %s: a run of %s would have more than %d faults", cfg.Interval, cfg.Duration, mostFaults)
	}
	if plan.Script == "" {
		plan.Faults = strings.Join(faults, ",")
		if plan.Schedule, err = nemesis.NewSchedule(cfg); err != nil {
			return targets.Usagef("--faults: %v", err)
		}
		if named {
			plan.Schedule.Preset, plan.Schedule.LeftOut = preset.Name, left
		}
		return nil
	}
	text := []byte(plan.Script)
	if !strings.HasPrefix(plan.Script, "{") {
		if text, err = os.ReadFile(plan.Script); err != nil {
			return targets.Usagef("--schedule: %v", err)
		}
	}
	given, err := nemesis.ReadSchedule(bytes.NewReader(text))
	if err != nil {
		return targets.Usagef("--schedule: %v", err)
	}
	names := strings.Join(given.Faults, ",")
	if plan.Faults != "" && strings.Join(faults, ",") != names {
		return targets.Usagef("--schedule: it has the faults %s, and --faults %s are others: leave --faults out", names, plan.Faults)
	}
	if plan.Schedule, err = nemesis.Take(given, cfg); err != nil {
		return targets.Usagef("--schedule: %v", err)
	}
	var b bytes.Buffer
	if err := given.WriteLine(&b); err != nil {
		return err
	}
	plan.Faults, plan.FaultMode, plan.Script = names, string(given.Mode), strings.TrimSpace(b.String())
	return nil
}

// KeepSchedule takes the schedule that the plan has now, whoever drew it, as one that was
// given: the printed command has it then and makes the same plan anew.
func (p *Planned) KeepSchedule() error {
	s := &p.Plan.Schedule
	p.Plan.Faults, p.Plan.Script = strings.Join(s.Faults, ","), ""
	if len(s.Steps) == 0 {
		return nil
	}
	var b bytes.Buffer
	if err := s.WriteLine(&b); err != nil {
		return err
	}
	p.Plan.FaultMode, p.Plan.Script = string(s.Mode), strings.TrimSpace(b.String())
	return nil
}
