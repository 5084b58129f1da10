package runs

import (
	"context"
	"fmt"
	"math"
	"time"

	"github.com/lapse-test/lapse/checkers"
	"github.com/lapse-test/lapse/quorumkv/defect"
	"github.com/lapse-test/lapse/results/store"
	"github.com/lapse-test/lapse/results/verdict"
	"github.com/lapse-test/lapse/targets/cluster"
)

// SelftestTries is how many runs a case gets at most, each with the next seed, until one shows its defect: faults and clients
// meet in real time, and what a busy machine keeps apart once it need not keep apart again.
const SelftestTries = 3

// SelfTested is what became of a case.
type SelfTested struct {
	Defect string `json:"defect"`
	What   string `json:"what"`
	// Caught says that the defect was found, By which models and with which
	// anomaly first.
	Caught  bool     `json:"caught"`
	By      []string `json:"by,omitempty"`
	Anomaly string   `json:"anomaly,omitempty"`
	// Try is which of the case's runs Run is, from 1 on: the one that caught the defect, else the last. Seed is its seed, and
	// Violations is how many violations its models counted between them.
	Try        int    `json:"try"`
	Seed       uint64 `json:"seed"`
	Violations int    `json:"violations"`
	// Missed are the runs before it, none of which showed the defect.
	Missed []string `json:"missed,omitempty"`
	// Control is the verdict on the same configuration without the defect, and, first, the same seed.
	Control checkers.Status `json:"control"`
	// ControlReasons say why the control did not hold.
	ControlReasons []string `json:"control_reasons,omitempty"`
	// ControlSeed is the seed of ControlRun.
	ControlSeed uint64 `json:"control_seed"`
	// ControlThin are the control's runs before it, whose evidence did not suffice for a verdict.
	ControlThin []string `json:"control_thin,omitempty"`
	Run         string   `json:"run"`
	ControlRun  string   `json:"control_run"`
}

// Passed says that the defect was caught and the correct store not blamed.
func (s SelfTested) Passed() bool { return s.Caught && s.Control == checkers.Held }

// Selftest runs a case with its defect and without, as parts of what whole names. A run that did not show the defect is followed by
// one with the next seed, up to SelftestTries of them. The control is one run, with the seed that showed the defect: only where its
// evidence is too thin for a verdict is it run again with the next seed, as often. A control that is violated stands. Its load lasts no shorter than the one that showed
// the defect: what shows by chance has as much time to show without it.
func Selftest(ctx context.Context, c Case, whole string, seed uint64, provider cluster.Provider, reason string, env Environment) (SelfTested, error) {
	return selftest(ctx, c, seed, func(ctx context.Context, r Request, seed uint64, label string) (*store.Summary, error) {
		env := env
		env.Part = partOf(whole, label)
		f, err := runRequest(ctx, r, seed, provider, reason, env)
		if err != nil {
			return nil, err
		}
		return &f.Summary, nil
	})
}

// selftest is Selftest with whatever carries out a run of a request with a seed, under a label.
func selftest(ctx context.Context, c Case, seed uint64, run func(ctx context.Context, r Request, seed uint64, label string) (*store.Summary, error)) (SelfTested, error) {
	out := SelfTested{Defect: c.Defect, What: describe(c.Defect), Seed: seed}
	var shown time.Duration
	for out.Try = 1; ; out.Try++ {
		bad, err := run(ctx, c.Defective(), out.Seed, tried(c.Defect, out.Try))
		if err != nil {
			return out, fmt.Errorf("running %s: %w", c.Defect, err)
		}
		out.Run = bad.Run
		shown = lasted(bad)
		if out.found(bad.Verdicts); out.Caught || out.Try == SelftestTries {
			break
		}
		out.Missed = append(out.Missed, bad.Run)
		out.Seed++
	}
	out.ControlSeed = out.Seed
	without := c.Request
	without.Duration = max(without.Duration, shown)
	for try := 1; ; try++ {
		control, err := run(ctx, without, out.ControlSeed, tried(c.Defect+", without it", try))
		if err != nil {
			return out, fmt.Errorf("running the control of %s: %w", c.Defect, err)
		}
		out.ControlRun, out.Control = control.Run, control.Status
		if !thin(&control.Assessment) || try == SelftestTries {
			out.explain(control.Verdicts)
			return out, nil
		}
		out.ControlThin = append(out.ControlThin, control.Run)
		out.ControlSeed++
	}
}

// lasted is how long the load of a run lasted, in whole seconds.
func lasted(sum *store.Summary) time.Duration {
	if sum.Load == nil {
		return 0
	}
	return time.Duration(math.Ceil(sum.Load.Seconds)) * time.Second
}

// tried is the label of a try.
func tried(label string, try int) string {
	if try == 1 {
		return label
	}
	return fmt.Sprintf("%s, try %d", label, try)
}

func (s *SelfTested) found(verdicts []checkers.Verdict) {
	for _, v := range verdicts {
		if v.Status != checkers.Violated {
			continue
		}
		s.Caught = true
		s.By = append(s.By, v.Model)
		s.Violations += v.Total
		if s.Anomaly == "" && len(v.Violations) > 0 {
			s.Anomaly = v.Violations[0].Anomaly
		}
	}
}

func (s *SelfTested) explain(verdicts []checkers.Verdict) {
	for _, v := range verdicts {
		s.ControlReasons = append(s.ControlReasons, v.Reasons...)
		for i := range v.Violations {
			s.ControlReasons = append(s.ControlReasons, v.Violations[i].Sentence)
		}
	}
}

// thin reports whether a run has no verdict because too little happened in it: another one may have more. A search that was not
// finished and a checker that went wrong are nothing that another run mends.
func thin(a *verdict.Assessment) bool {
	if a.Status != checkers.Inconclusive || len(a.Verdicts) == 0 || len(a.Failures) > 0 {
		return false
	}
	for _, v := range a.Verdicts {
		if v.Status == checkers.Inconclusive && v.Unfinished {
			return false
		}
	}
	return true
}

func describe(name string) string {
	for _, d := range defect.All() {
		if d.Name == name {
			return d.What
		}
	}
	return ""
}
