package runs

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/lapse-test/lapse/harness"
	"github.com/lapse-test/lapse/nemesis"
	"github.com/lapse-test/lapse/workloads"
)

// Command is the command line that makes the plan of p anew, with what differs from
// the defaults and what a reader wants to see. For models and targets of the
// caller's own it is as near as a command line comes.
func Command(p *Planned) string {
	plan := p.Plan
	b := &strings.Builder{}
	b.WriteString("lapse run")
	flag := func(name, value string) { fmt.Fprintf(b, " --%s %s", name, quote(value)) }
	span := func(name string, d harness.Duration, usual time.Duration) {
		if time.Duration(d) != usual {
			flag(name, time.Duration(d).String())
		}
	}
	number := func(name string, n int) {
		if n != 0 {
			flag(name, strconv.Itoa(n))
		}
	}
	flag("target", plan.Target)
	flag("nodes", strconv.Itoa(plan.Nodes))
	flag("write-level", plan.WriteLevel)
	flag("read-level", plan.ReadLevel)
	usual := map[string]string{}
	for _, o := range p.Target.Info().Options {
		usual[o.Name] = o.Default
	}
	for _, k := range slices.Sorted(maps.Keys(plan.Options)) {
		if plan.Options[k] != usual[k] {
			flag("set", k+"="+plan.Options[k])
		}
	}
	flag("workload", plan.Workload)
	usual = map[string]string{}
	var models []string
	if w, err := workloads.ByName(plan.Workload); err == nil {
		models = w.Models()
		for _, o := range w.Options() {
			usual[o.Name] = o.Default
		}
	}
	for _, k := range slices.Sorted(maps.Keys(plan.WorkloadOptions)) {
		if plan.WorkloadOptions[k] != usual[k] {
			flag("workload-set", k+"="+plan.WorkloadOptions[k])
		}
	}
	if len(plan.Weights) > 0 {
		var shares []string
		for _, k := range slices.Sorted(maps.Keys(plan.Weights)) {
			shares = append(shares, k+"="+strconv.Itoa(plan.Weights[k]))
		}
		flag("weights", strings.Join(shares, ","))
	}
	if !slices.Equal(plan.Models, models) {
		flag("model", strings.Join(plan.Models, ","))
	}
	number("keys", plan.Keys)
	number("ops-per-key", plan.OpsPerKey)
	number("max-info-per-key", plan.MaxInfoPerKey)
	if plan.Session != harness.SessionRoam {
		flag("session", plan.Session)
	}
	flag("concurrency", strconv.Itoa(plan.Concurrency))
	flag("rate", strconv.FormatFloat(plan.Rate, 'g', -1, 64))
	flag("duration", time.Duration(plan.Duration).String())
	span("op-timeout", plan.OpTimeout, DefaultOpTimeout)
	span("settle", plan.Settle, DefaultSettle)
	if len(plan.Faults) > 0 {
		flag("faults", strings.Join(plan.Faults, ","))
		span("fault-interval", plan.FaultInterval, 0)
		span("fault-hold", plan.FaultHold, 0)
		if m := plan.Schedule.Mode; m != "" && m != nemesis.OneAtATime {
			flag("fault-mode", string(m))
		}
	}
	if plan.Provider != "auto" {
		flag("provider", plan.Provider)
	}
	flag("seed", strconv.FormatUint(plan.Seed, 10))
	return b.String()
}

// quote makes a text one word of a shell.
func quote(t string) string {
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("-_=.,:/+@%", r)
	}
	if t != "" && !strings.ContainsFunc(t, func(r rune) bool { return !plain(r) }) {
		return t
	}
	return "'" + strings.ReplaceAll(t, "'", `'\''`) + "'"
}
