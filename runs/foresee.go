package runs

import (
	"fmt"
	"slices"
	"time"

	"github.com/lapse-test/lapse/checkers"
	"github.com/lapse-test/lapse/checkers/models"
	"github.com/lapse-test/lapse/history"
	"github.com/lapse-test/lapse/internal/count"
	"github.com/lapse-test/lapse/internal/duration"
	"github.com/lapse-test/lapse/nemesis"
	"github.com/lapse-test/lapse/workloads"
)

// foreseenOps bounds how many operations are gone through to see what a run can end with:
// no default needs a tenth of it.
const foreseenOps = 200_000

// foreseen is what can be told before a run begins of the evidence that it will lack.
func (p *Planned) foreseen(atRisk int) []string {
	var out []string
	if said := p.foresee(atRisk); said != "" {
		out = append(out, said)
	}
	if preset, named := nemesis.PresetNamed(p.Plan.Schedule.Preset); named && preset.Hard && p.Plan.Duration < shortRun {
		out = append(out, fmt.Sprintf("--faults %s leaves few operations that succeed in %s, so that models may lack evidence: give it --duration 1m",
			preset.Name, duration.Text(p.Plan.Duration)))
	}
	return out
}

// foresee says, before a run begins, that it is too short for the final reads that
// no-lost-writes needs before it says held, and how long would do; it is empty if it is
// long enough, or if nothing can be told. Every operation is taken to succeed, so that a
// run of which it warns cannot be decided by its final reads whatever the faults; faults
// make others end with less. atRisk is how many are required.
func (p *Planned) foresee(atRisk int) string {
	lost := slices.ContainsFunc(p.Models, func(c checkers.Checker) bool { return c.Model().Name == models.NoLostWrites })
	if !lost || p.Plan.Rate <= 0 {
		return ""
	}
	w, err := workloads.ByName(p.Plan.Workload)
	if err != nil {
		return ""
	}
	weights, err := workloads.ParseWeights(p.Plan.Weights)
	if err != nil {
		return ""
	}
	cfg := p.workloadConfig(p.Target.Info(), weights)
	reads := func(length time.Duration) int { return finalReads(w, cfg, int(p.Plan.Rate*length.Seconds())) }
	got := reads(p.Plan.Duration)
	if got < 0 || got >= atRisk {
		return ""
	}
	said := fmt.Sprintf("%s at %s operations a second write too few keys: no-lost-writes needs %s of written keys to be held, and there will be at most %s",
		duration.Text(p.Plan.Duration), count.Text(int(p.Plan.Rate)), count.OfMany(atRisk, "final reads"), count.Text(got))
	for length := p.Plan.Duration.Truncate(time.Second) + time.Second; int(p.Plan.Rate*length.Seconds()) <= foreseenOps; length += max(time.Second, length/10).Truncate(time.Second) {
		if reads(length) >= atRisk {
			return said + fmt.Sprintf("; give it --duration %s or longer", length)
		}
	}
	return said + "; give it more --keys"
}

// finalReads is how many final reads of keys that were written a run of so many operations ends
// with if each of them succeeds, -1 if its workload is not one of registers.
func finalReads(w workloads.Workload, cfg workloads.Config, ops int) int {
	g, err := w.New(cfg)
	if err != nil || ops > foreseenOps {
		return -1
	}
	written := map[history.Key]bool{}
	var txn history.Txn
	for n := range ops {
		worker := n % cfg.Workers
		if _, ok := g.Next(worker, &txn); !ok {
			continue
		}
		for _, m := range txn.Mops {
			switch m.Func {
			case history.Read:
			case history.Write, history.CAS, history.Delete:
				written[m.Key] = true
			default:
				return -1
			}
		}
		g.Done(worker, &txn, history.OK)
	}
	reads := 0
	for worker := range cfg.Workers {
		for i := 0; ; i++ {
			if _, ok := g.Final(worker, i, &txn); !ok {
				break
			}
			if len(txn.Mops) > 0 && written[txn.Mops[0].Key] {
				reads++
			}
		}
	}
	return reads
}
